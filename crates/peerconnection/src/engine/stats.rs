//! Counters of a session. They only grow.

/// Counters of a transport.
///
/// Source: [webrtc-stats `RTCTransportStats`](https://www.w3.org/TR/webrtc-stats/#transportstats-dict*)
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct TransportStats {
    /// Packets sent on it, of every protocol.
    pub packets_sent: u64,
    /// Packets received on it, of every protocol.
    pub packets_received: u64,
    /// Bytes sent, without IP and UDP headers.
    pub bytes_sent: u64,
    /// Bytes received, without IP and UDP headers.
    pub bytes_received: u64,
    /// Packets that belong to no protocol of ours.
    pub unknown_packets: u64,
    /// Packets that came from an address which ICE has not validated.
    pub unvalidated_packets: u64,
    /// Transmits, each of which may hold several packets (GSO).
    pub transmits: u64,
    /// Packets in transmits that hold data channel packets.
    pub data_packets_sent: u64,
    /// Transmits that hold data channel packets.
    pub data_transmits: u64,
    /// How often the selected candidate pair changed.
    pub selected_candidate_pair_changes: u32,
}

/// Counters of a data channel.
///
/// Source: [webrtc-stats `RTCDataChannelStats`](https://www.w3.org/TR/webrtc-stats/#dcstats-dict*)
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ChannelStats {
    /// Messages handed in.
    pub messages_sent: u64,
    /// Bytes handed in.
    pub bytes_sent: u64,
    /// Messages read.
    pub messages_received: u64,
    /// Bytes read.
    pub bytes_received: u64,
}
