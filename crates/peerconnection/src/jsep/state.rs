//! The signaling states.

use super::{DescriptionError, SdpType};
use std::fmt;

/// Where the exchange of descriptions stands. `Display` gives the W3C token.
///
/// ```text
///            local offer                 remote answer
///  stable ----------------> have-local-offer ---------> stable
///            remote offer                local answer
///  stable ----------------> have-remote-offer --------> stable
/// ```
///
/// Source: [webrtc-pc §4.3.1](https://www.w3.org/TR/webrtc/#rtcsignalingstate-enum)
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SignalingState {
    /// No exchange is under way.
    #[default]
    Stable,
    /// This side has offered.
    HaveLocalOffer,
    /// The other side has offered.
    HaveRemoteOffer,
    /// The connection is closed.
    Closed,
}

impl fmt::Display for SignalingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stable => "stable",
            Self::HaveLocalOffer => "have-local-offer",
            Self::HaveRemoteOffer => "have-remote-offer",
            Self::Closed => "closed",
        })
    }
}

impl SignalingState {
    /// The state after this side's description.
    pub(super) fn after_local(self, kind: SdpType) -> Result<Self, DescriptionError> {
        match (self, kind) {
            (Self::Stable | Self::HaveLocalOffer, SdpType::Offer) => Ok(Self::HaveLocalOffer),
            (Self::HaveRemoteOffer, SdpType::Answer) => Ok(Self::Stable),
            (state, SdpType::Offer) => Err(DescriptionError::InvalidState { call: "set a local offer", state }),
            (state, SdpType::Answer) => Err(DescriptionError::InvalidState { call: "set a local answer", state }),
        }
    }

    /// The state after the other side's description.
    pub(super) fn after_remote(self, kind: SdpType) -> Result<Self, DescriptionError> {
        match (self, kind) {
            (Self::Stable | Self::HaveRemoteOffer, SdpType::Offer) => Ok(Self::HaveRemoteOffer),
            (Self::HaveLocalOffer, SdpType::Answer) => Ok(Self::Stable),
            (state, SdpType::Offer) => Err(DescriptionError::InvalidState { call: "set a remote offer", state }),
            (state, SdpType::Answer) => Err(DescriptionError::InvalidState { call: "set a remote answer", state }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_transitions_is_that_of_the_w3c() {
        use SdpType::{Answer, Offer};
        use SignalingState::{HaveLocalOffer, HaveRemoteOffer, Stable};
        for (state, local_offer, local_answer, remote_offer, remote_answer) in [
            (Stable, Some(HaveLocalOffer), None, Some(HaveRemoteOffer), None),
            (HaveLocalOffer, Some(HaveLocalOffer), None, None, Some(Stable)),
            (HaveRemoteOffer, None, Some(Stable), Some(HaveRemoteOffer), None),
        ] {
            assert_eq!(state.after_local(Offer).ok(), local_offer, "{state}");
            assert_eq!(state.after_local(Answer).ok(), local_answer, "{state}");
            assert_eq!(state.after_remote(Offer).ok(), remote_offer, "{state}");
            assert_eq!(state.after_remote(Answer).ok(), remote_answer, "{state}");
        }
    }

    #[test]
    fn an_error_names_the_call_and_the_state() {
        let error = SignalingState::Stable.after_local(SdpType::Answer).unwrap_err();
        assert_eq!(error.to_string(), "set a local answer in state stable");
    }
}
