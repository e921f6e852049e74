//! What a connection has counted.

/// Counters of a [`Connection`](crate::Connection) since its start.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Packets made by `poll_packet`.
    pub packets_sent: u64,
    /// Application records sealed.
    pub records_sent: u64,
    /// Bytes of plaintext in them.
    pub bytes_sent: u64,
    /// Packets handed in.
    pub packets_received: u64,
    /// Application records delivered.
    pub records_received: u64,
    /// Bytes of plaintext in them.
    pub bytes_received: u64,
    /// Records dropped because they are no records of this protocol.
    pub malformed: u64,
    /// Records dropped because they did not authenticate.
    pub unauthenticated: u64,
    /// Records dropped because they came before, or are too old to tell.
    pub replayed: u64,
    /// Records dropped because nothing of their kind is expected in their epoch: above all, unprotected ones after the
    /// handshake, and unprotected application data at any time.
    pub unexpected: u64,
    /// Records dropped because they came too early and there was no room to keep them.
    pub early_dropped: u64,
    /// Handshake messages dropped because they were malformed or unacceptable, and nothing proved them the peer's.
    pub refused: u64,
    /// Flights sent again because no answer came in time.
    pub timeouts: u64,
    /// Flights sent again because the peer sent its own again.
    pub peer_retransmissions: u64,
}
