//! A session description as signaling carries it.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// What a description is for. `Display` and `FromStr` use the W3C token.
///
/// Source: [webrtc-pc §4.6.1](https://www.w3.org/TR/webrtc/#rtcsdptype)
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum SdpType {
    /// Proposes a session.
    Offer,
    /// Agrees to an offer for the time being: another answer follows.
    Pranswer,
    /// Agrees to an offer.
    Answer,
    /// Takes the pending offer back. The text of such a description is not looked at.
    Rollback,
}

/// The text names no type that is known here.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{0:?} is not a type of session description")]
pub struct UnknownSdpType(pub String);

impl fmt::Display for SdpType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Offer => "offer",
            Self::Pranswer => "pranswer",
            Self::Answer => "answer",
            Self::Rollback => "rollback",
        })
    }
}

impl FromStr for SdpType {
    type Err = UnknownSdpType;

    fn from_str(text: &str) -> Result<Self, UnknownSdpType> {
        match text {
            "offer" => Ok(Self::Offer),
            "pranswer" => Ok(Self::Pranswer),
            "answer" => Ok(Self::Answer),
            "rollback" => Ok(Self::Rollback),
            _ => Err(UnknownSdpType(text.to_owned())),
        }
    }
}

/// A description: what it is for, and its text.
///
/// Source: [webrtc-pc §4.6.2](https://www.w3.org/TR/webrtc/#rtcsessiondescription-class)
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize))]
pub struct SessionDescription {
    /// What it is for.
    #[cfg_attr(feature = "serde", serde(rename = "type"))]
    pub kind: SdpType,
    /// SDP (RFC 8866).
    #[cfg_attr(feature = "serde", serde(default))]
    pub sdp: String,
}

impl SessionDescription {
    /// An offer.
    pub fn offer(sdp: impl Into<String>) -> Self {
        Self { kind: SdpType::Offer, sdp: sdp.into() }
    }

    /// An answer for the time being.
    pub fn pranswer(sdp: impl Into<String>) -> Self {
        Self { kind: SdpType::Pranswer, sdp: sdp.into() }
    }

    /// An answer.
    pub fn answer(sdp: impl Into<String>) -> Self {
        Self { kind: SdpType::Answer, sdp: sdp.into() }
    }

    /// Takes the pending offer back.
    pub fn rollback() -> Self {
        Self { kind: SdpType::Rollback, sdp: String::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "serde")]
    #[test]
    fn it_is_serialised_as_browsers_have_it() {
        let offer = SessionDescription::offer("v=0\r\n");
        let json = r#"{"type":"offer","sdp":"v=0\r\n"}"#;
        assert_eq!(serde_json::to_string(&offer).unwrap(), json);
        assert_eq!(serde_json::from_str::<SessionDescription>(json).unwrap(), offer);
        // The W3C lets the text be absent.
        let rollback = serde_json::from_str::<SessionDescription>(r#"{"type":"rollback"}"#).unwrap();
        assert_eq!(rollback, SessionDescription::rollback());
        assert!(serde_json::from_str::<SessionDescription>(r#"{"type":"Offer","sdp":""}"#).is_err());
    }

    #[test]
    fn a_type_is_read_as_it_is_written() {
        for kind in [SdpType::Offer, SdpType::Pranswer, SdpType::Answer, SdpType::Rollback] {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        assert_eq!("Offer".parse::<SdpType>(), Err(UnknownSdpType("Offer".to_owned())));
    }
}
