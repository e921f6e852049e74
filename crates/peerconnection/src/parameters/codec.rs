//! Codecs by their MIME types.

use ortica_codecs::{Codec, MediaKind};
use ortica_sdp::Direction;

/// A codec, and how it is set up.
///
/// Source: [webrtc-pc §5.2.9](https://www.w3.org/TR/webrtc/#rtcrtpcodec)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RtpCodec {
    /// Its MIME type, such as `audio/opus`; letters of either case.
    pub mime_type: String,
    /// Ticks of its timestamps in a second.
    pub clock_rate: u32,
    /// Channels of sound; `None` for anything else, and where there is one.
    pub channels: Option<u8>,
    /// What `a=fmtp` says of it.
    pub sdp_fmtp_line: Option<String>,
}

/// A codec and its payload type.
///
/// Source: [webrtc-pc §5.2.10](https://www.w3.org/TR/webrtc/#rtcrtpcodecparameters)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RtpCodecParameters {
    /// Its number in packets.
    pub payload_type: u8,
    /// It.
    pub codec: RtpCodec,
}

/// What can be sent or received.
///
/// Source: [webrtc-pc §5.2.8](https://www.w3.org/TR/webrtc/#rtcrtpcapabilities)
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RtpCapabilities {
    /// Codecs, best liked first; retransmissions and telephone events are among them.
    pub codecs: Vec<RtpCodec>,
    /// Header extensions.
    pub header_extensions: Vec<RtpHeaderExtensionCapability>,
}

/// A header extension that can be used.
///
/// Source: [webrtc-pc §5.2.11](https://www.w3.org/TR/webrtc/#rtcrtpheaderextensioncapability)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RtpHeaderExtensionCapability {
    /// Its name.
    pub uri: String,
    /// Which way it is, or would be, used; `None` is the W3C's `stopped`: not at all.
    ///
    /// Source: [webrtc-extensions](https://w3c.github.io/webrtc-extensions/#rtcrtpheaderextensioncapability)
    pub direction: Option<Direction>,
}

impl RtpCodec {
    /// Retransmissions of a kind of media (RFC 4588).
    pub(crate) fn rtx(kind: MediaKind, clock_rate: u32) -> Self {
        Self { mime_type: format!("{kind}/rtx"), clock_rate, channels: None, sdp_fmtp_line: None }
    }

    /// Keys of a telephone (RFC 4733).
    pub(crate) fn telephone_event(clock_rate: u32) -> Self {
        Self { mime_type: "audio/telephone-event".to_owned(), clock_rate, channels: Some(1), sdp_fmtp_line: None }
    }

    /// Retransmissions, or keys of a telephone: nothing that media could be sent in alone.
    pub(crate) fn is_auxiliary(&self) -> bool {
        let (_, name) = self.mime_type.split_once('/').unwrap_or_default();
        name.eq_ignore_ascii_case("rtx") || name.eq_ignore_ascii_case("telephone-event")
    }

    /// Whether the two are the same codec, set up in the same way.
    ///
    /// Source: [webrtc-pc §5.2.9](https://www.w3.org/TR/webrtc/#dfn-codec-dictionary-match)
    pub fn matches(&self, other: &Self) -> bool {
        self.mime_type.eq_ignore_ascii_case(&other.mime_type)
            && self.clock_rate == other.clock_rate
            && self.channels.unwrap_or(1) == other.channels.unwrap_or(1)
            && self.sdp_fmtp_line == other.sdp_fmtp_line
    }

    /// As [`matches`](Self::matches), but for how it is set up.
    pub(crate) fn is(&self, codec: Codec) -> bool {
        let same = Self { sdp_fmtp_line: None, ..self.clone() };
        same.matches(&Self { sdp_fmtp_line: None, ..codec.into() })
    }
}

impl From<Codec> for RtpCodec {
    /// As this side offers it.
    fn from(codec: Codec) -> Self {
        let parameters: Vec<String> =
            codec.default_parameters().iter().map(|(key, value)| format!("{key}={value}")).collect();
        Self {
            mime_type: codec.mime_type().to_owned(),
            clock_rate: codec.clock_rate(),
            channels: codec.channels(),
            sdp_fmtp_line: Some(parameters.join(";")).filter(|line| !line.is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codec_matches_itself_and_nothing_else() {
        let opus = RtpCodec::from(Codec::Opus);
        assert_eq!(opus.sdp_fmtp_line.as_deref(), Some("minptime=10;useinbandfec=1"));
        assert!(opus.matches(&RtpCodec { mime_type: "AUDIO/Opus".to_owned(), ..opus.clone() }));
        assert!(!opus.matches(&RtpCodec { clock_rate: 16_000, ..opus.clone() }));
        assert!(!opus.matches(&RtpCodec { channels: None, ..opus.clone() }));
        assert!(!opus.matches(&RtpCodec { sdp_fmtp_line: None, ..opus.clone() }));
        assert!(opus.is(Codec::Opus) && !opus.is(Codec::Pcmu));
        assert!(RtpCodec { sdp_fmtp_line: None, ..opus }.is(Codec::Opus));
    }
}
