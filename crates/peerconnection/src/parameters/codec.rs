//! Codecs by their MIME types.

use ortica_codecs::codec::Form;
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
    /// Codecs, best liked first; retransmissions, telephone events, `audio/red` and `audio/CN` are among them. The last two are
    /// negotiated where codec preferences name them, or the other side offers them.
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

    /// Packets of a codec for sound with those before them (RFC 2198).
    pub(crate) fn red(codec: Codec) -> Self {
        let (clock_rate, channels) = (codec.clock_rate(), codec.channels());
        Self { mime_type: "audio/red".to_owned(), clock_rate, channels, sdp_fmtp_line: None }
    }

    /// Silence that is described (RFC 3389).
    pub(crate) fn comfort_noise() -> Self {
        Self { mime_type: "audio/CN".to_owned(), clock_rate: 8_000, channels: Some(1), sdp_fmtp_line: None }
    }

    /// Retransmissions, packets with those before them, descriptions of silence, or keys of a telephone: nothing that media could be sent in alone.
    pub(crate) fn is_auxiliary(&self) -> bool {
        let (_, name) = self.mime_type.split_once('/').unwrap_or_default();
        ["rtx", "red", "CN", "telephone-event"].iter().any(|it| name.eq_ignore_ascii_case(it))
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

    /// As [`matches`](Self::matches), but what is negotiated within a format, such as its level, does not count.
    pub(crate) fn matches_but_for_levels(&self, other: &Self) -> bool {
        let same = |one: Form, other: Form| one.codec().has_forms() && one.matches(other);
        self.matches(other) || self.form().zip(other.form()).is_some_and(|(one, other)| same(one, other))
    }

    /// The form of a codec that it means, where that is known here.
    pub(crate) fn form(&self) -> Option<Form> {
        let codec = Codec::from_mime_type(&self.mime_type)?;
        let same = self.clock_rate == codec.clock_rate() && self.channels.unwrap_or(1) == codec.channels().unwrap_or(1);
        Form::read(codec, self.sdp_fmtp_line.as_deref()).filter(|_| same)
    }

    /// As [`matches`](Self::matches), but for how it is set up where that makes no other format of it.
    pub(crate) fn is(&self, form: Form) -> bool {
        self.form().is_some_and(|this| this.matches(form))
    }
}

impl From<Form> for RtpCodec {
    /// As this side offers it.
    fn from(form: Form) -> Self {
        let codec = form.codec();
        Self {
            mime_type: codec.mime_type().to_owned(),
            clock_rate: codec.clock_rate(),
            channels: codec.channels(),
            sdp_fmtp_line: form.fmtp(),
        }
    }
}

impl From<Codec> for RtpCodec {
    /// In the form that this side offers first.
    fn from(codec: Codec) -> Self {
        Form::from(codec).into()
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
        assert!(opus.is(Form::Opus) && !opus.is(Form::Pcmu));
        assert!(RtpCodec { sdp_fmtp_line: None, ..opus }.is(Form::Opus));
    }
}
