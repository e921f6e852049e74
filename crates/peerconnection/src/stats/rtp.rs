//! Streams of media, both ways, as either side sees them.

use super::Timestamp;
use super::member::report;
use crate::engine::Limitation;
use ortica_codecs::MediaKind;
use ortica_core::Bitrate;
use ortica_rtp::Ssrc;
use std::collections::BTreeMap;
use std::time::Duration;

report! {
    /// A stream that is received.
    ///
    /// Source: [webrtc-stats §8.4](https://www.w3.org/TR/webrtc-stats/#inboundrtpstats-dict*)
    InboundRtpReport {
        /// The stream.
        ssrc: Ssrc = "ssrc",
        /// Sound or picture.
        kind: MediaKind = "kind",
        /// The name of its transport.
        transport_id: String = "transportId",
        /// The name of its codec.
        codec_id: Option<String> = "codecId",
        /// Packets received, those included that were sent again.
        packets_received: u64 = "packetsReceived",
        /// Packets lost on the way, those included that were sent again; negative if more came twice.
        packets_lost: i64 = "packetsLost",
        /// Variation of the transit time.
        jitter: Duration = "jitter",
        /// What the other side calls the track; a name of this side's making where it does not say.
        track_identifier: String = "trackIdentifier",
        /// The media section.
        mid: Option<String> = "mid",
        /// The name of what the other side says of the stream, once it has.
        remote_id: Option<String> = "remoteId",
        /// Pictures decoded, once a decoder told.
        frames_decoded: Option<u64> = "framesDecoded",
        /// Key frames among them.
        key_frames_decoded: Option<u64> = "keyFramesDecoded",
        /// Pictures received whole and not read in time.
        frames_dropped: Option<u64> = "framesDropped",
        /// The width of the last picture decoded, in pixels.
        frame_width: Option<u32> = "frameWidth",
        /// Its height, in pixels.
        frame_height: Option<u32> = "frameHeight",
        /// Pictures decoded in the last second.
        frames_per_second: Option<f64> = "framesPerSecond",
        /// Time that the decoder spent on pictures.
        total_decode_time: Option<Duration> = "totalDecodeTime",
        /// When the last packet came.
        last_packet_received_timestamp: Option<Timestamp> = "lastPacketReceivedTimestamp",
        /// Bytes of RTP headers and padding.
        header_bytes_received: u64 = "headerBytesReceived",
        /// Packets that came too late for the jitter buffer, or found no room in it.
        packets_discarded: u64 = "packetsDiscarded",
        /// Bytes of copies of earlier packets that came with others; none of pictures.
        fec_bytes_received: u64 = "fecBytesReceived",
        /// Those copies.
        fec_packets_received: u64 = "fecPacketsReceived",
        /// Those among them that were of no use, since the packet had come or was given up.
        fec_packets_discarded: u64 = "fecPacketsDiscarded",
        /// Bytes of payload, of packets that were sent again too.
        bytes_received: u64 = "bytesReceived",
        /// Requests for packets.
        nack_count: u64 = "nackCount",
        /// Key frames demanded.
        fir_count: Option<u64> = "firCount",
        /// Picture losses told.
        pli_count: Option<u64> = "pliCount",
        /// Time from the first packet of each frame until it was decoded, added up.
        total_processing_delay: Option<Duration> = "totalProcessingDelay",
        /// Time that samples or pictures spent in the jitter buffer, added up.
        jitter_buffer_delay: Duration = "jitterBufferDelay",
        /// Time that the jitter buffer meant to hold them, added up. Of sound alone.
        jitter_buffer_target_delay: Option<Duration> = "jitterBufferTargetDelay",
        /// Samples of each channel, or pictures, that it gave out.
        jitter_buffer_emitted_count: u64 = "jitterBufferEmittedCount",
        /// Samples of each channel that came out of the decoder, those made up included.
        total_samples_received: Option<u64> = "totalSamplesReceived",
        /// Those made up for what was lost.
        concealed_samples: Option<u64> = "concealedSamples",
        /// Those among them that are silence.
        silent_concealed_samples: Option<u64> = "silentConcealedSamples",
        /// How often a stretch was made up.
        concealment_events: Option<u64> = "concealmentEvents",
        /// The root mean square of the last stretch of sound, 0 to 1.
        audio_level: Option<f64> = "audioLevel",
        /// The square of the level, added up over time, in seconds.
        total_audio_energy: Option<f64> = "totalAudioEnergy",
        /// All the sound there was.
        total_samples_duration: Option<Duration> = "totalSamplesDuration",
        /// Pictures received whole.
        frames_received: Option<u64> = "framesReceived",
        /// The name of the decoder of pictures.
        decoder_implementation: Option<&'static str> = "decoderImplementation",
        /// Pictures of several packets.
        frames_assembled_from_multiple_packets: Option<u64> = "framesAssembledFromMultiplePackets",
        /// Time from the first packet of those to the last, added up.
        total_assembly_time: Option<Duration> = "totalAssemblyTime",
        /// Packets that came in a stream of retransmissions.
        retransmitted_packets_received: Option<u64> = "retransmittedPacketsReceived",
        /// Bytes of payload in those.
        retransmitted_bytes_received: Option<u64> = "retransmittedBytesReceived",
        /// The stream of retransmissions.
        rtx_ssrc: Option<Ssrc> = "rtxSsrc",
    }
}

report! {
    /// A stream that is sent.
    ///
    /// Source: [webrtc-stats §8.7](https://www.w3.org/TR/webrtc-stats/#outboundrtpstats-dict*)
    OutboundRtpReport {
        /// The stream.
        ssrc: Ssrc = "ssrc",
        /// Sound or picture.
        kind: MediaKind = "kind",
        /// The name of its transport.
        transport_id: String = "transportId",
        /// The name of its codec.
        codec_id: Option<String> = "codecId",
        /// Packets sent, those included that were sent again.
        packets_sent: u64 = "packetsSent",
        /// Bytes of payload in them.
        bytes_sent: u64 = "bytesSent",
        /// The media section.
        mid: Option<String> = "mid",
        /// The name of the track that is sent.
        media_source_id: Option<String> = "mediaSourceId",
        /// The name of what the other side says of the stream, once it has.
        remote_id: Option<String> = "remoteId",
        /// What its encoding is called, where there are several.
        rid: Option<String> = "rid",
        /// Which of the encodings of a sender of pictures it is or was.
        encoding_index: Option<u32> = "encodingIndex",
        /// Bytes of RTP headers.
        header_bytes_sent: u64 = "headerBytesSent",
        /// Packets sent again.
        retransmitted_packets_sent: u64 = "retransmittedPacketsSent",
        /// Bytes of payload in those.
        retransmitted_bytes_sent: u64 = "retransmittedBytesSent",
        /// The stream of retransmissions.
        rtx_ssrc: Option<Ssrc> = "rtxSsrc",
        /// What the encoder aims at, once it told.
        target_bitrate: Option<Bitrate> = "targetBitrate",
        /// The width of the last picture encoded, in pixels.
        frame_width: Option<u32> = "frameWidth",
        /// Its height, in pixels.
        frame_height: Option<u32> = "frameHeight",
        /// Pictures encoded in the last second.
        frames_per_second: Option<f64> = "framesPerSecond",
        /// Pictures sent.
        frames_sent: Option<u64> = "framesSent",
        /// Pictures that were more than two and a half times as long as the mean of those before.
        huge_frames_sent: Option<u64> = "hugeFramesSent",
        /// Pictures encoded.
        frames_encoded: Option<u64> = "framesEncoded",
        /// Key frames among them.
        key_frames_encoded: Option<u64> = "keyFramesEncoded",
        /// Time that the encoder spent on pictures.
        total_encode_time: Option<Duration> = "totalEncodeTime",
        /// Time that packets waited from when they were captured until they were sent, added up.
        total_packet_send_delay: Duration = "totalPacketSendDelay",
        /// What limits the encoder of pictures.
        quality_limitation_reason: Option<Limitation> = "qualityLimitationReason",
        /// For how long each reason has, in seconds.
        quality_limitation_durations: Option<BTreeMap<&'static str, f64>> = "qualityLimitationDurations",
        /// Requests for packets.
        nack_count: u64 = "nackCount",
        /// Key frames demanded.
        fir_count: Option<u64> = "firCount",
        /// Picture losses told.
        pli_count: Option<u64> = "pliCount",
        /// The name of the encoder of pictures.
        encoder_implementation: Option<&'static str> = "encoderImplementation",
        /// It sends what it is given.
        active: bool = "active",
    }
}

report! {
    /// How the other side receives a stream of this side. Its time is that of the report.
    ///
    /// Source: [webrtc-stats §8.5](https://www.w3.org/TR/webrtc-stats/#remoteinboundrtpstats-dict*)
    RemoteInboundRtpReport {
        /// The stream.
        ssrc: Ssrc = "ssrc",
        /// Sound or picture.
        kind: MediaKind = "kind",
        /// The name of its transport.
        transport_id: String = "transportId",
        /// The name of its codec.
        codec_id: Option<String> = "codecId",
        /// Packets that arrived; at most, where the first ones got lost.
        packets_received: u64 = "packetsReceived",
        /// Packets lost in all.
        packets_lost: i32 = "packetsLost",
        /// Variation of the transit time.
        jitter: Duration = "jitter",
        /// The name of the stream's own object.
        local_id: String = "localId",
        /// The last round trip; `None` until one could be measured.
        round_trip_time: Option<Duration> = "roundTripTime",
        /// All of them, added up.
        total_round_trip_time: Duration = "totalRoundTripTime",
        /// Share of packets lost between the last two reports, 0 to 1.
        fraction_lost: f64 = "fractionLost",
        /// How many round trips there were.
        round_trip_time_measurements: u64 = "roundTripTimeMeasurements",
    }
}

report! {
    /// What the other side says of a stream that it sends. Its time is that of the report.
    ///
    /// Source: [webrtc-stats §8.8](https://www.w3.org/TR/webrtc-stats/#remoteoutboundrtpstats-dict*)
    RemoteOutboundRtpReport {
        /// The stream.
        ssrc: Ssrc = "ssrc",
        /// Sound or picture.
        kind: MediaKind = "kind",
        /// The name of its transport.
        transport_id: String = "transportId",
        /// The name of its codec.
        codec_id: Option<String> = "codecId",
        /// Packets that it has sent.
        packets_sent: u32 = "packetsSent",
        /// Bytes of payload that it has sent.
        bytes_sent: u32 = "bytesSent",
        /// The name of the stream's own object.
        local_id: String = "localId",
        /// Its time of day at its last report.
        remote_timestamp: Timestamp = "remoteTimestamp",
        /// Reports received.
        reports_sent: u64 = "reportsSent",
    }
}
