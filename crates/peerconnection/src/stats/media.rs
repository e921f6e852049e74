//! What is sent, and in what.

use super::member::report;
use ortica_codecs::MediaKind;
use ortica_rtp::PayloadType;
use std::time::Duration;

report! {
    /// A codec that a stream uses, under its payload type in one direction of one transport.
    ///
    /// Source: [webrtc-stats §8.2](https://www.w3.org/TR/webrtc-stats/#codec-dict*)
    CodecReport {
        /// Its number in packets.
        payload_type: PayloadType = "payloadType",
        /// The name of the transport.
        transport_id: String = "transportId",
        /// Such as `video/VP8`.
        mime_type: &'static str = "mimeType",
        /// Ticks of the RTP timestamp in a second.
        clock_rate: u32 = "clockRate",
        /// Channels of sound.
        channels: Option<u8> = "channels",
        /// What stands behind its number in `a=fmtp`, where that line is.
        sdp_fmtp_line: Option<String> = "sdpFmtpLine",
    }
}

report! {
    /// A track that is sent, as it comes from the application: raw frames, before they are encoded.
    ///
    /// Source: [webrtc-stats §8.9](https://www.w3.org/TR/webrtc-stats/#mediasourcestats-dict*)
    MediaSourceReport {
        /// What descriptions call the track.
        track_identifier: String = "trackIdentifier",
        /// Sound or picture.
        kind: MediaKind = "kind",
        /// The root mean square of the last stretch of sound, 0 to 1.
        audio_level: Option<f64> = "audioLevel",
        /// The square of the level, added up over time, in seconds.
        total_audio_energy: Option<f64> = "totalAudioEnergy",
        /// All the sound there was.
        total_samples_duration: Option<Duration> = "totalSamplesDuration",
        /// The width of the last picture, in pixels; none before the first.
        width: Option<u32> = "width",
        /// Its height, in pixels.
        height: Option<u32> = "height",
        /// Pictures.
        frames: Option<u64> = "frames",
        /// Pictures in the last second.
        frames_per_second: Option<f64> = "framesPerSecond",
    }
}
