//! What a codec is called and how it is offered, as plain data.

mod form;
pub mod h264;

use std::fmt;

pub use form::Form;
pub(crate) use form::parameter;
use ortica_rtp::PayloadType;

/// Sound or picture.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum MediaKind {
    /// Sound.
    Audio,
    /// Picture.
    Video,
}

impl MediaKind {
    /// The word of an SDP media line and of a MIME type: `audio` or `video`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }
}

impl fmt::Display for MediaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A codec whose RTP payload format is known here.
///
/// Two questions are apart: every codec of [`ALL`](Self::ALL) can be sent, received, forwarded and recorded as
/// [`EncodedFrame`](crate::EncodedFrame)s, but only those that [`can_code`](Self::can_code) can be made from raw frames
/// and turned back into them.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Codec {
    /// Opus, RFC 6716 and 7587.
    Opus,
    /// VP8, RFC 6386 and 7741.
    Vp8,
    /// VP9 of profile 0, RFC 9628.
    Vp9,
    /// AV1 of profile 0, and its RTP payload format 1.0.
    Av1,
    /// H.265 of the main profile, RFC 7798.
    H265,
    /// G.722, of 16 kHz, whose RTP clock says 8,000 (RFC 3551 §4.5.2).
    G722,
    /// G.711 with the mu-law, of North America and Japan.
    Pcmu,
    /// G.711 with the A-law, of everywhere else.
    Pcma,
    /// H.264, ITU-T H.264 and RFC 6184, in several [forms](Form).
    H264,
}

/// A kind of RTCP feedback as `a=rtcp-fb` says it: `nack`, or `nack pli`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Feedback {
    /// The first word.
    pub kind: &'static str,
    /// The second word.
    pub parameter: Option<&'static str>,
}

impl Feedback {
    const fn new(kind: &'static str) -> Self {
        Self { kind, parameter: None }
    }

    const fn with(kind: &'static str, parameter: &'static str) -> Self {
        Self { kind, parameter: Some(parameter) }
    }
}

impl fmt::Display for Feedback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind)?;
        self.parameter.map_or(Ok(()), |parameter| write!(f, " {parameter}"))
    }
}

impl Codec {
    /// Every codec with a payload format, in order of preference.
    pub const ALL: &'static [Self] =
        &[Self::Opus, Self::G722, Self::Pcmu, Self::Pcma, Self::Vp8, Self::Vp9, Self::H264, Self::Av1, Self::H265];

    /// The codecs that can be encoded and decoded now, in order of preference: what an offer holds unless the application brings
    /// encoded frames.
    pub fn available() -> impl Iterator<Item = Self> + Clone {
        Self::ALL.iter().copied().filter(|codec| codec.can_code())
    }

    /// Whether there is an encoder and a decoder for it, built in or [registered](crate::coder::register_video).
    pub fn can_code(self) -> bool {
        crate::coder::can_code(self)
    }

    /// The codec of a MIME type such as `video/VP8`; letters of either case.
    pub fn from_mime_type(mime_type: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|codec| codec.mime_type().eq_ignore_ascii_case(mime_type))
    }

    /// The codec of an `a=rtpmap` in a section of `kind`: encoding name (letters of either case), clock rate, and channels
    /// where the line has them.
    pub fn from_rtpmap(kind: MediaKind, name: &str, clock_rate: u32, channels: Option<u8>) -> Option<Self> {
        Self::ALL.iter().copied().find(|codec| {
            codec.kind() == kind
                && codec.name().eq_ignore_ascii_case(name)
                && codec.clock_rate() == clock_rate
                && codec.channels().unwrap_or(1) == channels.unwrap_or(1)
        })
    }

    /// The codec that RFC 3551 gives a payload type of its own.
    pub fn from_static_payload_type(payload_type: PayloadType) -> Option<Self> {
        Self::ALL.iter().copied().find(|codec| codec.static_payload_type() == Some(payload_type))
    }

    /// Sound or picture.
    pub const fn kind(self) -> MediaKind {
        match self {
            Self::Opus | Self::G722 | Self::Pcmu | Self::Pcma => MediaKind::Audio,
            Self::Vp8 | Self::Vp9 | Self::Av1 | Self::H265 | Self::H264 => MediaKind::Video,
        }
    }

    /// The encoding name of `a=rtpmap`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Vp8 => "VP8",
            Self::Vp9 => "VP9",
            Self::Av1 => "AV1",
            Self::H265 => "H265",
            Self::G722 => "G722",
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::H264 => "H264",
        }
    }

    /// The MIME type.
    pub const fn mime_type(self) -> &'static str {
        match self {
            Self::Opus => "audio/opus",
            Self::Vp8 => "video/VP8",
            Self::Vp9 => "video/VP9",
            Self::Av1 => "video/AV1",
            Self::H265 => "video/H265",
            Self::G722 => "audio/G722",
            Self::Pcmu => "audio/PCMU",
            Self::Pcma => "audio/PCMA",
            Self::H264 => "video/H264",
        }
    }

    /// Ticks of the RTP timestamp in a second. For Opus 48,000 at any bandwidth, for G.722 half its sample rate.
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Vp8 | Self::Vp9 | Self::Av1 | Self::H265 | Self::H264 => 90_000,
            Self::G722 | Self::Pcmu | Self::Pcma => 8_000,
        }
    }

    /// The channels of `a=rtpmap`: 2 for Opus whatever is sent (RFC 7587 §7), `None` for video.
    pub const fn channels(self) -> Option<u8> {
        match self {
            Self::Opus => Some(2),
            Self::G722 | Self::Pcmu | Self::Pcma => Some(1),
            Self::Vp8 | Self::Vp9 | Self::Av1 | Self::H265 | Self::H264 => None,
        }
    }

    /// The payload type that RFC 3551 assigns.
    pub const fn static_payload_type(self) -> Option<PayloadType> {
        match self {
            Self::Pcmu => Some(PayloadType(0)),
            Self::Pcma => Some(PayloadType(8)),
            Self::G722 => Some(PayloadType(9)),
            Self::Opus | Self::Vp8 | Self::Vp9 | Self::Av1 | Self::H265 | Self::H264 => None,
        }
    }

    /// Whether it comes in several [forms](Form), which its `a=fmtp` tells apart.
    pub const fn has_forms(self) -> bool {
        matches!(self, Self::H264)
    }

    /// The `a=rtcp-fb` to offer, in order.
    pub const fn default_feedback(self) -> &'static [Feedback] {
        const VIDEO: &[Feedback] = &[
            Feedback::new("goog-remb"),
            Feedback::new("transport-cc"),
            Feedback::with("ccm", "fir"),
            Feedback::new("nack"),
            Feedback::with("nack", "pli"),
        ];
        match self {
            Self::Vp8 | Self::Vp9 | Self::Av1 | Self::H265 | Self::H264 => VIDEO,
            Self::Opus => const { &[Feedback::new("transport-cc")] },
            Self::G722 | Self::Pcmu | Self::Pcma => &[],
        }
    }
}

impl fmt::Display for Codec {
    /// The encoding name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_codec() {
        for &codec in Codec::ALL {
            assert_eq!(Codec::from_mime_type(&codec.mime_type().to_uppercase()), Some(codec));
            let name = codec.name().to_lowercase();
            assert_eq!(Codec::from_rtpmap(codec.kind(), &name, codec.clock_rate(), codec.channels()), Some(codec));
            assert_eq!(codec.mime_type(), format!("{}/{}", codec.kind(), codec.name()));
        }
    }

    #[test]
    fn a_mapping_with_another_clock_or_kind_is_another_codec() {
        assert_eq!(Codec::from_rtpmap(MediaKind::Audio, "opus", 48_000, None), None);
        assert_eq!(Codec::from_rtpmap(MediaKind::Audio, "PCMU", 16_000, None), None);
        assert_eq!(Codec::from_rtpmap(MediaKind::Video, "PCMU", 8_000, None), None);
        assert_eq!(Codec::from_rtpmap(MediaKind::Audio, "PCMU", 8_000, None), Some(Codec::Pcmu));
    }

    #[test]
    fn static_payload_types_are_those_of_rfc_3551() {
        assert_eq!(Codec::from_static_payload_type(PayloadType(0)), Some(Codec::Pcmu));
        assert_eq!(Codec::from_static_payload_type(PayloadType(8)), Some(Codec::Pcma));
        assert_eq!(Codec::from_static_payload_type(PayloadType(9)), Some(Codec::G722));
        assert_eq!(Codec::from_static_payload_type(PayloadType(10)), None);
    }

    #[test]
    fn what_is_available_is_what_is_compiled_in() {
        let available: Vec<Codec> = Codec::available().collect();
        assert!(available.contains(&Codec::Pcmu) && available.contains(&Codec::Pcma));
        assert_eq!(available.contains(&Codec::Opus), cfg!(feature = "opus"));
        assert_eq!(available.contains(&Codec::Vp8), cfg!(feature = "vpx"));
        assert_eq!(available.contains(&Codec::Vp9), cfg!(feature = "vpx"));
        assert!(!available.contains(&Codec::Av1) && !available.contains(&Codec::H265));
        assert_eq!(available.contains(&Codec::H264), cfg!(feature = "h264"));
    }

    #[test]
    fn feedback_reads_as_in_sdp() {
        let lines: Vec<String> = Codec::Vp8.default_feedback().iter().map(Feedback::to_string).collect();
        assert_eq!(lines, ["goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"]);
    }
}
