//! One question, and how often it is asked.

use crate::stun::{AttributeType, Class, Message, MessageBuilder, Method, TransactionId, decode_address};
use ortica_core::{Ecn, Instant, Rng, SocketId, Transmit};
use std::net::SocketAddr;
use std::time::Duration;

/// CHANGE-REQUEST: the answer is to come from elsewhere.
///
/// Source: [RFC 5780 §7.2](https://www.rfc-editor.org/rfc/rfc5780#section-7.2)
pub(super) const CHANGE_REQUEST: AttributeType = AttributeType(0x0003);
/// OTHER-ADDRESS: the server's other address and port.
///
/// Source: [RFC 5780 §7.4](https://www.rfc-editor.org/rfc/rfc5780#section-7.4)
pub(super) const OTHER_ADDRESS: AttributeType = AttributeType(0x802c);
pub(super) const CHANGE_IP: u32 = 0x4;
pub(super) const CHANGE_PORT: u32 = 0x2;

/// The time between the first two of the same question, doubled each time.
///
/// Source: [RFC 8489 §6.2.1](https://www.rfc-editor.org/rfc/rfc8489#section-6.2.1)
const RTO: Duration = Duration::from_millis(500);
/// How often it is asked. Silence is an answer here too, so that the seven times of RFC 8489 would take minutes in all.
const TIMES: u32 = 3;

/// What is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// The server, at its first address.
    First,
    /// The same, to answer from its other address and port.
    FilterBoth,
    /// The same, to answer from its other port.
    FilterPort,
    /// The server, at its other address and the same port.
    MapAddress,
    /// At its other address and port.
    MapBoth,
    /// The mapped address itself.
    Hairpin,
}

impl Step {
    /// Who is asked; `None` without another address.
    pub fn asks(self, server: SocketAddr, other: Option<SocketAddr>, mapped: SocketAddr) -> Option<SocketAddr> {
        match self {
            Self::First => Some(server),
            Self::FilterBoth | Self::FilterPort => other.map(|_| server),
            Self::MapAddress => other.map(|other| SocketAddr::new(other.ip(), server.port())),
            Self::MapBoth => other,
            Self::Hairpin => Some(mapped),
        }
    }

    /// Where the answer has to come from.
    pub fn answers_from(self, server: SocketAddr, other: Option<SocketAddr>) -> Option<SocketAddr> {
        match self {
            Self::First => Some(server),
            Self::FilterBoth | Self::MapBoth => other,
            Self::FilterPort => other.map(|other| SocketAddr::new(server.ip(), other.port())),
            Self::MapAddress => other.map(|other| SocketAddr::new(other.ip(), server.port())),
            Self::Hairpin => None,
        }
    }

    fn changes(self) -> Option<u32> {
        match self {
            Self::FilterBoth => Some(CHANGE_IP | CHANGE_PORT),
            Self::FilterPort => Some(CHANGE_PORT),
            _ => None,
        }
    }
}

/// What came of a question.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// Nothing yet.
    Open,
    /// The socket was seen at this address.
    Seen(SocketAddr),
    /// Nothing in time.
    Silent,
    /// An error of this code.
    Refused(u16),
    /// Something that answers another question.
    Useless,
}

#[derive(Debug)]
pub(super) struct Question {
    pub step: Step,
    pub outcome: Outcome,
    to: SocketAddr,
    transaction: TransactionId,
    sent: u32,
    /// When to send next, or to give up.
    next: Instant,
}

impl Question {
    pub fn new(step: Step, to: SocketAddr, now: Instant, rng: &mut Rng) -> Self {
        Self { step, outcome: Outcome::Open, to, transaction: TransactionId::generate(rng), sent: 0, next: now }
    }

    pub fn is_open(&self) -> bool {
        self.outcome == Outcome::Open
    }

    /// Whether a message is about it: an answer, or itself where it was sent to come back.
    pub fn is_answered_by(&self, message: &Message<'_>) -> bool {
        let is_itself = message.class() == Class::Request;
        self.is_open()
            && message.method() == Method::BINDING
            && message.transaction() == self.transaction
            && is_itself == (self.step == Step::Hairpin)
    }

    pub fn next(&self) -> Option<Instant> {
        self.is_open().then_some(self.next)
    }

    pub fn expire(&mut self, now: Instant) {
        if self.is_open() && self.sent >= TIMES && self.next <= now {
            self.outcome = Outcome::Silent;
        }
    }

    pub fn transmit(&mut self, now: Instant, socket: SocketId, out: &mut Vec<u8>) -> Option<Transmit> {
        if !self.is_open() || self.sent >= TIMES || self.next > now {
            return None;
        }
        let start = out.len();
        let builder = MessageBuilder::new(out, Class::Request, Method::BINDING, self.transaction);
        let builder = match self.step.changes() {
            Some(flags) => builder.attribute(CHANGE_REQUEST, &flags.to_be_bytes()),
            None => builder,
        };
        builder.fingerprint();
        self.next = now + RTO * (1 << self.sent);
        self.sent += 1;
        let len = out.len() - start;
        Some(Transmit { socket, remote: self.to, ecn: Ecn::NotEct, len, segment_size: None })
    }
}

/// OTHER-ADDRESS, if it is there and well-formed.
pub(super) fn other_address(message: &Message<'_>) -> Option<SocketAddr> {
    message.attribute(OTHER_ADDRESS).and_then(|value| decode_address(value, None).ok())
}
