//! A candidate as signaling carries it.

/// A candidate, with the section it belongs to.
///
/// Source: [webrtc-pc §4.8.1](https://www.w3.org/TR/webrtc/#rtcicecandidate-interface)
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct IceCandidate {
    /// `candidate:` and its value (RFC 8839 §5.1); empty ends the candidates.
    pub candidate: String,
    /// The section, by its mid.
    pub sdp_mid: Option<String>,
    /// The section, by its place; read when there is no mid.
    pub sdp_mline_index: Option<u16>,
    /// The ufrag of the generation it belongs to; absent means the latest.
    pub username_fragment: Option<String>,
}
