//! One request, until it is answered.

use super::config::ClientConfig;
use crate::stun::{Method, TransactionId};
use crate::turn::{ChannelNumber, ConnectionId};
use ortica_core::{Instant, Rng};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The first retransmission interval, doubled each time.
///
/// Source: [RFC 8489 §6.2.1](https://www.rfc-editor.org/rfc/rfc8489#section-6.2.1)
const RTO: Duration = Duration::from_millis(500);
/// How long the server tries to connect to a peer.
///
/// Source: [RFC 6062 §5.2](https://www.rfc-editor.org/rfc/rfc6062#section-5.2)
const CONNECTING: Duration = Duration::from_secs(30);
/// How often a request is sent at most.
const MAX_SENT: u32 = 7;

/// What is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    Allocate,
    Refresh,
    /// Refresh with a lifetime of 0.
    Release,
    Permission(IpAddr),
    Channel(ChannelNumber, SocketAddr),
    Connect(SocketAddr),
    ConnectionBind(ConnectionId),
}

impl Purpose {
    pub(super) const fn method(self) -> Method {
        match self {
            Self::Allocate => Method::ALLOCATE,
            Self::Refresh | Self::Release => Method::REFRESH,
            Self::Permission(_) => Method::CREATE_PERMISSION,
            Self::Channel(..) => Method::CHANNEL_BIND,
            Self::Connect(_) => Method::CONNECT,
            Self::ConnectionBind(_) => Method::CONNECTION_BIND,
        }
    }
}

/// A request whose answer is awaited.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) purpose: Purpose,
    pub(super) id: TransactionId,
    began: Instant,
    /// How often it was sent, and when last.
    sent: u32,
    sent_at: Instant,
    /// When to send it next.
    next: Instant,
    /// It carried credentials when it was sent last.
    pub(super) is_authenticated: bool,
    /// It is the answer to a 401, or was.
    pub(super) after_challenge: bool,
    /// It is the answer to a 438, or was.
    pub(super) after_stale: bool,
    /// An answer came that was not authentic.
    pub(super) has_forged: bool,
}

impl Request {
    pub(super) fn new(purpose: Purpose, rng: &mut Rng, now: Instant) -> Self {
        Self {
            purpose,
            id: TransactionId::generate(rng),
            began: now,
            sent: 0,
            sent_at: now,
            next: now,
            is_authenticated: false,
            after_challenge: false,
            after_stale: false,
            has_forged: false,
        }
    }

    /// The same under another transaction, as an answer to a challenge.
    pub(super) fn again(&self, rng: &mut Rng, now: Instant) -> Self {
        let Self { after_challenge, after_stale, has_forged, .. } = *self;
        Self { after_challenge, after_stale, has_forged, ..Self::new(self.purpose, rng, now) }
    }

    pub(super) fn was_sent(&self) -> bool {
        self.sent > 0
    }

    /// When it is to be sent, unless it was sent often enough.
    pub(super) fn due_at(&self, config: &ClientConfig) -> Option<Instant> {
        let most = if config.is_stream { 1 } else { MAX_SENT };
        (self.sent < most).then_some(self.next)
    }

    /// When it is given up.
    pub(super) fn deadline(&self, config: &ClientConfig) -> Instant {
        let more = if matches!(self.purpose, Purpose::Connect(_)) { CONNECTING } else { Duration::ZERO };
        self.began + config.timeout + more
    }

    pub(super) fn on_sent(&mut self, now: Instant, is_authenticated: bool) {
        self.next = now + RTO * (1 << self.sent.min(MAX_SENT));
        self.sent += 1;
        (self.sent_at, self.is_authenticated) = (now, is_authenticated);
    }

    /// How long the answer took, if it is clear what was answered.
    pub(super) fn round_trip(&self, now: Instant) -> Option<Duration> {
        (self.sent == 1).then(|| now.saturating_duration_since(self.sent_at))
    }
}
