//! Counters.

use std::time::Duration;

/// What an association counted since it began.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Packets built.
    pub packets_sent: u64,
    /// Packets received, dropped ones included.
    pub packets_received: u64,
    /// Packets dropped: too short, wrong checksum, port or verification tag, forbidden bundling.
    pub packets_dropped: u64,
    /// DATA chunks sent, retransmissions included.
    pub data_chunks_sent: u64,
    /// DATA chunks sent again, for whatever reason.
    pub data_chunks_retransmitted: u64,
    /// Times that misses called for a fast retransmission.
    pub fast_recoveries: u64,
    /// Times that a window was restored, because nothing that had been taken for lost was.
    pub recoveries_undone: u64,
    /// Times that a window was cut because a queue stood on a path that is shared.
    pub queue_cuts: u64,
    /// Times that the T3 timer ran out with data in flight.
    pub timeouts: u64,
    /// Times that a path was found to swallow packets as long as it had carried.
    pub black_holes: u64,
    /// Probes sent to bring out the loss of a tail.
    pub tail_probes: u64,
    /// DATA chunks received and kept.
    pub data_chunks_received: u64,
    /// DATA chunks received once more.
    pub duplicates_received: u64,
    /// DATA chunks that the peer says it received once more: what was sent again in vain, or doubled by the network.
    pub duplicates_reported: u64,
    /// DATA chunks that found no room, and were dropped to be sent again.
    pub data_chunks_refused: u64,
    /// SACKs sent.
    pub sacks_sent: u64,
    /// SACKs received.
    pub sacks_received: u64,
    /// Messages that `send` took.
    pub messages_sent: u64,
    /// Messages received whole.
    pub messages_received: u64,
    /// Messages given up by the rules of partial reliability.
    pub messages_abandoned: u64,
    /// Bytes of messages that `send` took.
    pub bytes_sent: u64,
    /// Bytes of messages received whole.
    pub bytes_received: u64,
    /// Steps of loops over chunks in flight, blocks and runs: the work done, for tests of how it grows.
    #[doc(hidden)]
    pub steps: u64,
}

/// What the two ends of an association agreed on.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Agreed {
    /// Messages may be given up half way (RFC 3758).
    pub partial_reliability: bool,
    /// Streams can be reset (RFC 6525).
    pub stream_reset: bool,
    /// Messages of different streams are interleaved (RFC 8260).
    pub interleaving: bool,
    /// Packets go without their checksum (RFC 9653).
    pub zero_checksum: bool,
}

/// How the path looks now.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Path {
    /// Smoothed round trip time, once measured.
    pub rtt: Option<Duration>,
    /// Retransmission time-out.
    pub rto: Duration,
    /// Congestion window, bytes.
    pub congestion_window: usize,
    /// Bytes in flight, chunk headers included.
    pub in_flight: usize,
    /// The window that the peer offered last, bytes.
    pub peer_window: usize,
    /// The longest packet sent, bytes.
    pub packet_size: usize,
}
