//! When a server is asked whether it still knows the allocation.
//!
//! A server that was started anew drops what it is sent without a word, and the next refresh may be minutes away. So the server is
//! asked at once when something went to a peer and nothing came back: it answers with 437 if it has forgotten. When it still knows the
//! allocation, it is the peer that is silent; then the server is asked less and less.

use ortica_core::Instant;
use std::time::Duration;

/// How long nothing may come back, at first and at most.
const PATIENCE: Duration = Duration::from_secs(1);
const MAX_PATIENCE: Duration = Duration::from_secs(32);

#[derive(Debug)]
pub(super) struct Probe {
    /// When something was sent, if nothing came from the server since then.
    waiting_since: Option<Instant>,
    patience: Duration,
}

impl Default for Probe {
    fn default() -> Self {
        Self { waiting_since: None, patience: PATIENCE }
    }
}

impl Probe {
    /// Something went to a peer.
    pub(super) fn on_data_sent(&mut self, now: Instant) {
        self.waiting_since.get_or_insert(now);
    }

    /// Something came from a peer.
    pub(super) fn on_data(&mut self) {
        *self = Self::default();
    }

    /// The server answered a request.
    pub(super) fn on_answer(&mut self) {
        self.waiting_since = None;
    }

    /// When to ask.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.waiting_since.map(|since| since + self.patience)
    }

    /// The server was asked.
    pub(super) fn on_asked(&mut self) {
        self.waiting_since = None;
        self.patience = (2 * self.patience).min(MAX_PATIENCE);
    }
}
