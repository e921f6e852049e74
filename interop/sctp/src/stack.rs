//! What the checks ask of an SCTP stack, whoever wrote it.

use bytes::Bytes;
use ortica_core::Instant;
use ortica_sctp::{Ppid, Reliability};

/// One end of an association.
pub trait Stack {
    /// Sends INIT. A stack that is not told to answers one.
    fn connect(&mut self, now: Instant);

    /// A packet comes in.
    fn handle_packet(&mut self, now: Instant, packet: &mut [u8]);

    /// The time asked for has come.
    fn handle_timeout(&mut self, now: Instant);

    /// Appends one packet and gives its length.
    fn poll_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize>;

    /// When [`handle_timeout`](Self::handle_timeout) is wanted.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Hands over a message.
    fn send(&mut self, now: Instant, message: &Outgoing) -> Sent;

    /// Resets the sending direction of a stream.
    fn reset(&mut self, now: Instant, stream: u16);

    /// Ends the association once everything has arrived.
    fn shutdown(&mut self, now: Instant);

    /// Ends the association at once.
    fn abort(&mut self, now: Instant);

    /// What happened, oldest first.
    fn poll_news(&mut self, now: Instant) -> Option<News>;
}

/// A message to send.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outgoing {
    pub stream: u16,
    pub ppid: Ppid,
    pub payload: Bytes,
    pub ordered: bool,
    pub reliability: Reliability,
}

/// What became of a message handed over.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Sent {
    Taken,
    /// There is no room, or the stream is not ready: again later.
    Later,
    Refused(String),
}

/// A message received.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Incoming {
    pub stream: u16,
    pub ppid: u32,
    pub payload: Bytes,
}

/// What a stack tells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum News {
    Connected,
    Message(Incoming),
    /// The peer reset its sending direction.
    StreamReset(u16),
    /// Our sending direction is reset, and the peer knows.
    ResetDone(u16),
    Closed(End),
    /// Something that none of the checks allows.
    Trouble(String),
}

/// How an association ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// By a shutdown.
    Shutdown,
    /// By our own abort.
    Aborted,
    /// By the peer's abort.
    AbortedByPeer,
}

/// What the two ends offer each other.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Offer {
    /// I-DATA, RFC 8260.
    pub interleaving: bool,
    /// Packets without their checksum, RFC 9653.
    pub zero_checksum: bool,
}
