//! Messages, what is promised for them, and why one is refused.

use crate::{Ppid, StreamId};
use bytes::Bytes;
use std::ops::AddAssign;
use std::time::Duration;
use thiserror::Error;

/// A whole message received.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// The stream it came on.
    pub stream: StreamId,
    /// What it holds.
    pub ppid: Ppid,
    /// `false` if it was delivered as soon as it was whole, without regard to the order of sending.
    pub ordered: bool,
    /// Its bytes, at least one.
    pub payload: Bytes,
}

/// How hard to try.
///
/// Source: [RFC 7496 §3](https://www.rfc-editor.org/rfc/rfc7496#section-3)
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Reliability {
    /// Until it arrives.
    #[default]
    Reliable,
    /// At most this many times after the first. RFC 8832 has 32 bits for it, W3C 16.
    MaxRetransmits(u32),
    /// Only within this time after `send`, counted in milliseconds: with zero, what cannot leave at once is given up.
    MaxLifetime(Duration),
    /// Until it arrives, unless the send buffer is full before it is begun and something more important is to be sent:
    /// anything with another policy, or with a smaller number here (0 is the most important).
    Priority(u32),
}

/// How a message is to be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SendOptions {
    /// Delivered in the order of sending, with regard to the other ordered messages of its stream. Default: `true`.
    pub ordered: bool,
    /// How hard to try. Default: [`Reliability::Reliable`].
    pub reliability: Reliability,
}

impl Default for SendOptions {
    fn default() -> Self {
        Self { ordered: true, reliability: Reliability::Reliable }
    }
}

/// Messages that were sent and, for all that is known, did not arrive. Some of them may have: what nobody acknowledged may
/// have come in without an acknowledgement coming back.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Undelivered {
    /// How many. One that arrived in part counts.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Undelivered {
    /// `true` when everything arrived.
    pub fn is_none(&self) -> bool {
        self.messages == 0
    }
}

impl AddAssign for Undelivered {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }
}

/// A message was not taken; here it is back.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{reason}")]
pub struct SendError {
    /// Why.
    pub reason: SendRefusal,
    /// The message.
    pub payload: Bytes,
}

/// Why a message was not taken.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum SendRefusal {
    /// The send buffer is full: try again when [`Event::BufferedAmountLow`](crate::Event::BufferedAmountLow) or
    /// [`Event::Writable`](crate::Event::Writable) says so.
    #[error("the send buffer is full")]
    WouldBlock,
    /// It is longer than the send buffer.
    #[error("the message is longer than the send buffer")]
    TooLarge,
    /// SCTP carries no empty message: see [`ppid::to_wire`](crate::ppid::to_wire).
    #[error("SCTP cannot carry an empty message")]
    Empty,
    /// The peer accepts fewer streams.
    #[error("the peer does not accept that many streams")]
    NoSuchStream,
    /// The stream is being reset, and the peer has not confirmed it yet.
    #[error("the stream is being reset")]
    Resetting,
    /// The association is shutting down or over.
    #[error("the association is closing or closed")]
    Closed,
}

/// An association could not be set up from the peer's INIT chunk.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ConnectError {
    /// These bytes are not one INIT chunk.
    #[error("not an INIT chunk")]
    Malformed,
    /// No association can be made of it: a tag of zero, no streams, a host name, or a window below 1,500 bytes.
    #[error("an INIT chunk that no association can be made of")]
    Refused,
    /// The association has begun.
    #[error("the association has begun already")]
    Started,
}

/// Streams could not be reset.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ResetError {
    /// The peer did not offer the extension (RFC 6525).
    #[error("the peer cannot reset streams")]
    Unsupported,
    /// The association is shutting down or over.
    #[error("the association is closing or closed")]
    Closed,
}
