//! Counters of a session. They only grow.

use super::media::{DecodingStats, EncodingStats};
use ortica_codecs::Codec;
use ortica_core::Instant;
use ortica_rtp::session::{receiver, sender};
use ortica_rtp::{PayloadType, Rid, Ssrc};
use std::time::Duration;

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
    /// Those of the bytes sent that ICE sent for itself.
    pub ice_bytes_sent: u64,
    /// Those of the bytes received that look like ICE.
    pub ice_bytes_received: u64,
    /// Packets that belong to no protocol of ours.
    pub unknown_packets: u64,
    /// Packets that came from an address which ICE has not validated.
    pub unvalidated_packets: u64,
    /// Transmits, each of which may hold several packets (GSO).
    pub transmits: u64,
    /// Packets in transmits that hold media or data channel packets.
    pub data_packets_sent: u64,
    /// Transmits that hold media or data channel packets.
    pub data_transmits: u64,
    /// How often the selected candidate pair changed.
    pub selected_candidate_pair_changes: u32,
    /// What became of media packets that were of no use.
    pub rtp: RtpStats,
}

/// Counters of media packets that were dropped.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct RtpStats {
    /// They came before the keys, or after the transport agreed on none.
    pub early: u64,
    /// They were not authentic, or came twice.
    pub unauthenticated: u64,
    /// They were no RTP or RTCP inside.
    pub malformed: u64,
    /// They belong to no receiver.
    pub unroutable: u64,
    /// Their receiver had no use for them.
    pub useless: u64,
}

/// Counters of a sender, and what the peer says of it.
///
/// Source: [webrtc-stats `RTCOutboundRtpStreamStats`](https://www.w3.org/TR/webrtc-stats/#outboundrtpstats-dict*)
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct SenderStats {
    /// The stream; `None` until something was to be sent.
    pub ssrc: Option<Ssrc>,
    /// What the encoding is called among several.
    pub rid: Option<Rid>,
    /// Which of the sender's encodings it is or was, from zero; `None` before one is sent.
    pub encoding_index: Option<u32>,
    /// What is sent.
    pub codec: Option<Codec>,
    /// Its payload type.
    pub payload_type: Option<PayloadType>,
    /// The stream of its retransmissions, if they have one of their own.
    pub rtx_ssrc: Option<Ssrc>,
    /// It sends now, as far as it is given frames.
    pub active: bool,
    /// Packets sent, retransmissions included.
    pub packets_sent: u64,
    /// Bytes of payload in them.
    pub bytes_sent: u64,
    /// Bytes of RTP headers in them.
    pub header_bytes_sent: u64,
    /// Packets sent again.
    pub retransmitted_packets_sent: u64,
    /// Bytes of payload in those, the number of the packet that each stands for included.
    pub retransmitted_bytes_sent: u64,
    /// Frames sent.
    pub frames_sent: u64,
    /// Key frames among them.
    pub key_frames_sent: u64,
    /// Frames that were more than two and a half times as long as the mean of those before.
    pub huge_frames_sent: u64,
    /// Time that packets waited to be sent for the first time, added up.
    pub send_delay: Duration,
    /// Frames that were not sent: nothing was agreed, the queue was full, or a key frame was missing.
    pub frames_dropped: u64,
    /// Requests for packets.
    pub nack_count: u64,
    /// Picture losses told.
    pub pli_count: u64,
    /// Key frames demanded.
    pub fir_count: u64,
    /// What encoders reported.
    pub encoding: EncodingStats,
    /// What the peer reports.
    pub remote: sender::RemoteReport,
}

/// Counters of a receiver, and what the peer says of it.
///
/// Source: [webrtc-stats `RTCInboundRtpStreamStats`](https://www.w3.org/TR/webrtc-stats/#inboundrtpstats-dict*)
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ReceiverStats {
    /// Tells one stream from those that were received before: counters begin anew with each.
    pub stream: u32,
    /// The stream; `None` while nothing was received.
    pub ssrc: Option<Ssrc>,
    /// What the layer is called among several.
    pub rid: Option<Rid>,
    /// What is received.
    pub codec: Option<Codec>,
    /// Its payload type.
    pub payload_type: Option<PayloadType>,
    /// The stream of its retransmissions, once one came in a stream of its own.
    pub rtx_ssrc: Option<Ssrc>,
    /// Packets received, retransmissions excluded.
    pub packets_received: u64,
    /// Bytes of payload in them.
    pub bytes_received: u64,
    /// Bytes of RTP headers in them.
    pub header_bytes_received: u64,
    /// Packets lost on the way, those included that were sent again.
    pub packets_lost: i64,
    /// Variation of the transit time.
    pub jitter: Duration,
    /// When the last one came.
    pub last_packet_received: Option<Instant>,
    /// Packets that came again.
    pub retransmitted_packets_received: u64,
    /// Bytes of payload in those, the number of the packet that each stands for included.
    pub retransmitted_bytes_received: u64,
    /// Bytes of RTP headers in those.
    pub retransmitted_header_bytes_received: u64,
    /// Packets that came too late for the jitter buffer, or found no room in it.
    pub packets_discarded: u64,
    /// Requests for packets.
    pub nack_count: u64,
    /// Picture losses told.
    pub pli_count: u64,
    /// Key frames demanded.
    pub fir_count: u64,
    /// Frames received whole.
    pub frames_received: u64,
    /// Key frames among them.
    pub key_frames_received: u64,
    /// Frames that were received and not read in time.
    pub frames_dropped: u64,
    /// Packets that were to be read as such, and were not in time.
    pub packets_unread: u64,
    /// Packets and frames that were none of their format.
    pub frames_malformed: u64,
    /// Packets of sound given up.
    pub frames_lost: u64,
    /// What the jitter buffer held back.
    pub buffering: BufferingStats,
    /// What decoders reported.
    pub decoding: DecodingStats,
    /// What the peer reports.
    pub remote: Option<receiver::RemoteReport>,
}

/// Counters of the jitter buffer of a receiver. What is counted are samples of each channel for sound, frames for pictures.
///
/// Source: [webrtc-stats, `jitterBufferDelay`](https://www.w3.org/TR/webrtc-stats/#dom-rtcinboundrtpstreamstats-jitterbufferdelay)
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct BufferingStats {
    /// Samples or frames that it gave out.
    pub emitted: u64,
    /// Time that they spent in it, from their first packet on, added up.
    pub delay: Duration,
    /// Time that it meant to hold them, added up. Of sound alone: pictures are given out as soon as they are whole.
    pub target_delay: Duration,
    /// Frames of several packets.
    pub assembled: u64,
    /// Time from the first packet of those to the last, added up.
    pub assembly_time: Duration,
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
