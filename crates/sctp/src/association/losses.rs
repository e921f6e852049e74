//! Messages of which nobody said that they arrived.

use super::send_queue::Outgoing;
use super::{Association, State};
use crate::{Ppid, StreamId, Undelivered};
use std::collections::BTreeMap;

/// What was not delivered, by stream.
#[derive(Debug, Default)]
pub struct Losses(BTreeMap<StreamId, Undelivered>);

impl Losses {
    /// Counts a message. Those that open channels are no user's, and an empty one has no bytes (RFC 8831 §6.6).
    pub fn add(&mut self, message: &Outgoing) {
        let bytes = match message.ppid {
            Ppid::DCEP => return,
            Ppid::STRING_EMPTY | Ppid::BINARY_EMPTY => 0,
            _ => message.payload.len() as u64,
        };
        *self.0.entry(message.stream).or_default() += Undelivered { messages: 1, bytes };
    }

    fn take(&mut self, stream: StreamId) -> Undelivered {
        self.0.remove(&stream).unwrap_or_default()
    }

    pub fn append(&mut self, other: &mut Self) {
        for (stream, undelivered) in std::mem::take(&mut other.0) {
            *self.0.entry(stream).or_default() += undelivered;
        }
    }
}

impl Association {
    /// What was sent on `stream` and, for all that is known, did not arrive: messages that were given up, and once the
    /// association is over also those that the peer had not acknowledged whole. Each is told once. A reset of the stream
    /// leaves the account as it is.
    pub fn take_undelivered(&mut self, stream: StreamId) -> Undelivered {
        let mut undelivered = self.losses.take(stream);
        if let Some(link) = self.known_mut() {
            undelivered += link.flight.losses.take(stream);
        }
        undelivered
    }

    /// What `send` took and the peer has not acknowledged whole, on all streams. It is counted message by message.
    pub fn unacknowledged(&self) -> Undelivered {
        let mut total = Undelivered::default();
        let mut losses = Losses::default();
        self.for_each_unacknowledged(|message| losses.add(message));
        losses.0.into_values().for_each(|undelivered| total += undelivered);
        total
    }

    /// `true` when everything that `send` took is acknowledged or given up, or the association is over.
    pub fn is_drained(&self) -> bool {
        match &self.state {
            State::CookieEchoed { link, .. } | State::Up { link, .. } => {
                self.queue.is_empty() && link.flight.is_empty()
            }
            State::Closed | State::CookieWait(_) => self.queue.is_empty(),
            State::Ended => true,
        }
    }

    fn for_each_unacknowledged(&self, mut each: impl FnMut(&Outgoing)) {
        self.queue.messages().for_each(&mut each);
        if let Some(link) = self.known() {
            link.flight.for_each_unacknowledged(each);
        }
    }

    /// What is queued and in flight is about to be dropped.
    pub(super) fn keep_losses(&mut self) {
        let mut losses = std::mem::take(&mut self.losses);
        self.for_each_unacknowledged(|message| losses.add(message));
        if let Some(link) = self.known_mut() {
            losses.append(&mut link.flight.losses);
        }
        self.losses = losses;
    }
}
