//! What crosses between two programs, as JSON.

use crate::jsep::{IceCandidate, SdpType, SessionDescription};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A message, one line of JSON.
///
/// ```text
/// {"sdp": "v=0…", "type": "offer"}         // or pranswer, answer, rollback
/// {"candidate": "candidate:…", "id": "0", "label": 0, "type": "candidate"}
/// {"type": "bye"}
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Signal {
    /// An offer or an answer.
    Description(SessionDescription),
    /// A candidate. Its username fragment stays behind.
    Candidate(IceCandidate),
    /// The call is over.
    Bye,
}

/// The line is none of the messages there are.
#[derive(Debug, Error)]
#[error("no signaling message: {0}")]
pub struct SignalError(#[from] serde_json::Error);

impl From<SessionDescription> for Signal {
    fn from(description: SessionDescription) -> Self {
        Self::Description(description)
    }
}

impl Signal {
    /// The message as one line.
    pub fn to_json(&self) -> String {
        let wire = match self {
            Self::Description(SessionDescription { kind, sdp }) => {
                let sdp = sdp.clone();
                match kind {
                    SdpType::Offer => Wire::Offer { sdp },
                    SdpType::Pranswer => Wire::Pranswer { sdp },
                    SdpType::Answer => Wire::Answer { sdp },
                    SdpType::Rollback => Wire::Rollback { sdp },
                }
            }
            Self::Candidate(it) => {
                Wire::Candidate { candidate: it.candidate.clone(), id: it.sdp_mid.clone(), label: it.sdp_mline_index }
            }
            Self::Bye => Wire::Bye,
        };
        // Nothing in it has no form in JSON.
        serde_json::to_string(&wire).unwrap_or_default()
    }

    /// The message that a line is.
    ///
    /// # Errors
    /// [`SignalError`].
    pub fn from_json(line: &str) -> Result<Self, SignalError> {
        Ok(match serde_json::from_str(line)? {
            Wire::Offer { sdp } => Self::Description(SessionDescription::offer(sdp)),
            Wire::Pranswer { sdp } => Self::Description(SessionDescription::pranswer(sdp)),
            Wire::Answer { sdp } => Self::Description(SessionDescription::answer(sdp)),
            Wire::Rollback { .. } => Self::Description(SessionDescription::rollback()),
            Wire::Candidate { candidate, id, label } => Self::Candidate(IceCandidate {
                candidate,
                sdp_mid: id,
                sdp_mline_index: label,
                ..IceCandidate::default()
            }),
            Wire::Bye => Self::Bye,
        })
    }
}

#[derive(Deserialize, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Wire {
    Offer {
        sdp: String,
    },
    Pranswer {
        sdp: String,
    },
    Answer {
        sdp: String,
    },
    Rollback {
        #[serde(default)]
        sdp: String,
    },
    Candidate {
        candidate: String,
        id: Option<String>,
        label: Option<u16>,
    },
    Bye,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_aiortc_writes() {
        let offer = Signal::from_json(r#"{"sdp": "v=0\r\n", "type": "offer"}"#).unwrap();
        assert_eq!(offer, SessionDescription::offer("v=0\r\n").into());
        let answer = Signal::from_json(r#"{"sdp": "", "type": "answer"}"#).unwrap();
        assert_eq!(answer, SessionDescription::answer("").into());
        let candidate = r#"{"candidate": "candidate:0 1 UDP 1 192.0.2.7 9 typ host", "id": "audio", "label": 0, "type": "candidate"}"#;
        let wanted = IceCandidate {
            candidate: "candidate:0 1 UDP 1 192.0.2.7 9 typ host".to_owned(),
            sdp_mid: Some("audio".to_owned()),
            sdp_mline_index: Some(0),
            ..IceCandidate::default()
        };
        assert_eq!(Signal::from_json(candidate).unwrap(), Signal::Candidate(wanted));
        assert_eq!(Signal::from_json(r#"{"type": "bye"}"#).unwrap(), Signal::Bye);
    }

    /// It takes no other members than these, and misses each that is not there.
    #[test]
    fn writes_what_aiortc_reads() {
        let candidate = Signal::Candidate(IceCandidate {
            candidate: "candidate:0 1 UDP 1 192.0.2.7 9 typ host".to_owned(),
            sdp_mid: Some("audio".to_owned()),
            sdp_mline_index: Some(0),
            ..IceCandidate::default()
        });
        let json = serde_json::json!({
            "candidate": "candidate:0 1 UDP 1 192.0.2.7 9 typ host", "id": "audio", "label": 0, "type": "candidate"
        });
        for (signal, wanted) in [
            (SessionDescription::offer("v=0\r\n").into(), serde_json::json!({ "sdp": "v=0\r\n", "type": "offer" })),
            (SessionDescription::answer("").into(), serde_json::json!({ "sdp": "", "type": "answer" })),
            (candidate, json),
            (Signal::Bye, serde_json::json!({ "type": "bye" })),
        ] {
            let written: serde_json::Value = serde_json::from_str(&signal.to_json()).unwrap();
            assert_eq!(written, wanted);
        }
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let candidate = IceCandidate { candidate: "candidate:1".to_owned(), ..IceCandidate::default() };
        for signal in [
            SessionDescription::offer("v=0\r\ns=\"quoted\"\r\n").into(),
            SessionDescription::answer("ünï").into(),
            Signal::Candidate(candidate),
            Signal::Bye,
        ] {
            let line = signal.to_json();
            assert!(!line.contains('\n'), "{line}");
            assert_eq!(Signal::from_json(&line).unwrap(), signal);
        }
    }

    #[test]
    fn other_lines_are_refused_with_the_reason() {
        for (line, wanted) in [
            ("hello", "expected value"),
            ("{}", "type"),
            (r#"{"type": "shout"}"#, "shout"),
            (r#"{"type": "offer"}"#, "sdp"),
            (r#"{"type": "candidate", "candidate": "", "label": 70000}"#, "70000"),
        ] {
            let error = Signal::from_json(line).unwrap_err().to_string();
            assert!(error.contains(wanted), "{line}: {error}");
        }
    }
}
