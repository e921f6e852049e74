//! A candidate as signaling carries it.

use ortica_ice::TurnTransport;
use std::fmt;

/// A candidate, with the section it belongs to.
///
/// Source: [webrtc-pc §4.8.1](https://www.w3.org/TR/webrtc/#rtcicecandidate-interface)
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(default, rename_all = "camelCase"))]
pub struct IceCandidate {
    /// `candidate:` and its value (RFC 8839 §5.1); empty ends the candidates.
    pub candidate: String,
    /// The section, by its mid.
    pub sdp_mid: Option<String>,
    /// The section, by its place; read when there is no mid.
    #[cfg_attr(feature = "serde", serde(rename = "sdpMLineIndex"))]
    pub sdp_mline_index: Option<u16>,
    /// The ufrag of the generation it belongs to; absent means the latest.
    pub username_fragment: Option<String>,
    /// How the TURN server is reached that lends it, for relayed candidates of this side. The other side is not told.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub relay_protocol: Option<IceServerTransportProtocol>,
    /// The URL of the server that it came from, for server-reflexive and relayed candidates of this side. The other side is not
    /// told.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub url: Option<String>,
}

/// How this side reaches a TURN server. `Display` gives the W3C token.
///
/// Source: [webrtc-pc §4.8.1.5](https://www.w3.org/TR/webrtc/#rtciceservertransportprotocol-enum)
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum IceServerTransportProtocol {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// TLS over TCP, or DTLS over UDP: the W3C has no word of its own for that, and the URL of the server tells which it is.
    Tls,
}

impl From<TurnTransport> for IceServerTransportProtocol {
    fn from(transport: TurnTransport) -> Self {
        match transport {
            TurnTransport::Udp => Self::Udp,
            TurnTransport::Tcp => Self::Tcp,
            TurnTransport::Tls | TurnTransport::Dtls => Self::Tls,
        }
    }
}

impl fmt::Display for IceServerTransportProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        })
    }
}

#[cfg(all(test, feature = "serde"))]
mod tests {
    use super::*;

    #[test]
    fn it_is_serialised_as_browsers_have_it() {
        let candidate = IceCandidate {
            candidate: "candidate:1".to_owned(),
            sdp_mid: Some("0".to_owned()),
            sdp_mline_index: Some(0),
            ..IceCandidate::default()
        };
        let json = r#"{"candidate":"candidate:1","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":null}"#;
        assert_eq!(serde_json::to_string(&candidate).unwrap(), json);
        assert_eq!(serde_json::from_str::<IceCandidate>(json).unwrap(), candidate);
        assert_eq!(serde_json::from_str::<IceCandidate>("{}").unwrap(), IceCandidate::default());
    }
}
