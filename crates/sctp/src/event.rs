//! What an association has to tell.

use crate::StreamId;

/// Something happened.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The peer answered INIT, and COOKIE ECHO is about to leave: what is sent now goes with it, as far as it fits into that
    /// packet, and reaches the peer a round trip before [`Connected`](Self::Connected) comes. An association that is set up in
    /// another way has no such event; one whose cookie grows stale has it again.
    ///
    /// Source: [RFC 9260 §5.1](https://www.rfc-editor.org/rfc/rfc9260#section-5.1), step C
    CookieEchoed,
    /// The handshake is done: data flow both ways.
    Connected,
    /// The peer began anew, having lost everything: what was in flight and queued is gone, every stream is at its start.
    Restarted,
    /// A stream that had no message to read has one: call [`read`](crate::Association::read) until `None`.
    Readable(StreamId),
    /// The buffered amount of a stream fell to its threshold.
    BufferedAmountLow(StreamId),
    /// The send buffer has room again after a refusal of [`send`](crate::Association::send).
    Writable,
    /// The peer reset its sending direction of this stream: everything it sent before has arrived and can be read, and
    /// its next message starts anew.
    StreamReset(StreamId),
    /// Our sending direction of this stream is reset, and the peer knows. The id may be used anew once both this and
    /// [`StreamReset`](Self::StreamReset) came.
    StreamResetDone(StreamId),
    /// The peer refused to reset our sending direction of this stream, which goes on as if nothing had been asked.
    StreamResetFailed(StreamId),
    /// The association is over. Comes once, and nothing after it.
    Closed(CloseReason),
}

/// Why an association ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CloseReason {
    /// Both sides shut down; everything sent has arrived.
    Shutdown,
    /// [`abort`](crate::Association::abort) was called.
    Aborted,
    /// The peer aborted, giving this error cause code (0 when it gave none).
    ///
    /// Source: [RFC 9260 §3.3.10](https://www.rfc-editor.org/rfc/rfc9260#section-3.3.10)
    AbortedByPeer(u16),
    /// The peer did not answer the handshake.
    ConnectTimeout,
    /// The peer stopped answering.
    Timeout,
    /// The peer broke the protocol; says which rule.
    ProtocolViolation(&'static str),
    /// The peer sent a message longer than [`Limits::max_message_size`](crate::Limits::max_message_size).
    MessageTooLarge,
}
