//! A candidate as signaling carries it.

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
            username_fragment: None,
        };
        let json = r#"{"candidate":"candidate:1","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":null}"#;
        assert_eq!(serde_json::to_string(&candidate).unwrap(), json);
        assert_eq!(serde_json::from_str::<IceCandidate>(json).unwrap(), candidate);
        assert_eq!(serde_json::from_str::<IceCandidate>("{}").unwrap(), IceCandidate::default());
    }
}
