use std::fmt;

use super::rtpmap::payload_type;
use crate::SdpError;
use crate::cursor::Cursor;
use crate::write::{self, Value, text_form};

/// Feedback that a payload type may use: `96 nack pli`.
///
/// Source: [RFC 4585 §4.2](https://www.rfc-editor.org/rfc/rfc4585#section-4.2)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RtcpFeedback {
    /// Which payload type; `None` is `*`, all of the section.
    pub payload_type: Option<u8>,
    /// Which feedback.
    pub feedback: Feedback,
}

/// A kind of RTCP feedback; two words that belong together are one kind.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Feedback {
    /// `nack`: packets that are missing.
    Nack,
    /// `nack pli`: a picture is missing.
    NackPli,
    /// `ccm fir`: start anew with a full picture ([RFC 5104](https://www.rfc-editor.org/rfc/rfc5104#section-7.1)).
    CcmFir,
    /// `goog-remb`: the receiver's estimate of the bandwidth.
    GoogRemb,
    /// `transport-cc`: arrival times of all packets.
    TransportCc,
    /// Any other, such as `ccm tmmbr` or `trr-int 100`.
    Other(String),
}

impl Feedback {
    /// The words after the payload type.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Nack => "nack",
            Self::NackPli => "nack pli",
            Self::CcmFir => "ccm fir",
            Self::GoogRemb => "goog-remb",
            Self::TransportCc => "transport-cc",
            Self::Other(text) => text,
        }
    }
}

impl From<&str> for Feedback {
    fn from(text: &str) -> Self {
        match text {
            "nack" => Self::Nack,
            "nack pli" => Self::NackPli,
            "ccm fir" => Self::CcmFir,
            "goog-remb" => Self::GoogRemb,
            "transport-cc" => Self::TransportCc,
            _ => Self::Other(text.into()),
        }
    }
}

impl fmt::Display for Feedback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl RtcpFeedback {
    /// Feedback for one payload type.
    pub const fn new(payload_type: u8, feedback: Feedback) -> Self {
        Self { payload_type: Some(payload_type), feedback }
    }

    /// Whether this is said about `payload_type`.
    pub fn applies_to(&self, payload_type: u8) -> bool {
        self.payload_type.is_none_or(|it| it == payload_type)
    }
}

impl Value for RtcpFeedback {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, SdpError> {
        let payload_type = if cursor.skip_word("*") { None } else { Some(payload_type(cursor)?) };
        Ok(Self { payload_type, feedback: cursor.text("feedback")?.into() })
    }

    fn write(&self, out: &mut String) {
        match self.payload_type {
            Some(payload_type) => write::number(out, payload_type),
            None => out.push('*'),
        }
        out.push(' ');
        write::text(out, self.feedback.as_str());
    }
}

text_form! { RtcpFeedback: "rtcp-fb" }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kinds_that_browsers_use_have_names() {
        for (text, feedback) in [
            ("96 nack", Feedback::Nack),
            ("96 nack pli", Feedback::NackPli),
            ("96 ccm fir", Feedback::CcmFir),
            ("96 goog-remb", Feedback::GoogRemb),
            ("96 transport-cc", Feedback::TransportCc),
            ("96 ccm tmmbr smaxpr=120", Feedback::Other("ccm tmmbr smaxpr=120".into())),
        ] {
            assert_eq!(text.parse(), Ok(RtcpFeedback::new(96, feedback)));
            assert_eq!(text.parse::<RtcpFeedback>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_star_means_every_payload_type() {
        let feedback: RtcpFeedback = "* nack".parse().unwrap();
        assert!(feedback.applies_to(0) && feedback.applies_to(127));
        assert_eq!(feedback.to_string(), "* nack");
        for text in ["*nack", "*", "96", "x nack", "128 nack"] {
            assert!(text.parse::<RtcpFeedback>().is_err(), "{text}");
        }
    }
}
