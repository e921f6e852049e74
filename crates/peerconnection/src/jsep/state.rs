//! The signaling states.

use super::{DescriptionError, SdpType};
use std::fmt;

/// Where the exchange of descriptions stands. `Display` gives the W3C token.
///
/// ```text
///            local offer                    remote answer
///  stable ----------------> have-local-offer ---------> stable
///                                | remote pranswer         ^ remote answer
///                                +--> have-remote-pranswer +
///            remote offer                   local answer
///  stable ----------------> have-remote-offer --------> stable
///                                | local pranswer          ^ local answer
///                                +--> have-local-pranswer -+
/// ```
///
/// A rollback leads from either offer back to stable; it comes from the side that offered. Who has offered and sets an
/// offer of the other side rolls its own back by that.
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
    /// The other side has offered, and this side has answered for the time being.
    HaveLocalPranswer,
    /// This side has offered, and the other side has answered for the time being.
    HaveRemotePranswer,
    /// The connection is closed.
    Closed,
}

impl fmt::Display for SignalingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stable => "stable",
            Self::HaveLocalOffer => "have-local-offer",
            Self::HaveRemoteOffer => "have-remote-offer",
            Self::HaveLocalPranswer => "have-local-pranswer",
            Self::HaveRemotePranswer => "have-remote-pranswer",
            Self::Closed => "closed",
        })
    }
}

impl SignalingState {
    /// The state after this side's description.
    pub(super) fn after_local(self, kind: SdpType) -> Result<Self, DescriptionError> {
        match (self, kind) {
            (Self::Stable | Self::HaveLocalOffer, SdpType::Offer) => Ok(Self::HaveLocalOffer),
            (Self::HaveRemoteOffer | Self::HaveLocalPranswer, SdpType::Pranswer) => Ok(Self::HaveLocalPranswer),
            (Self::HaveRemoteOffer | Self::HaveLocalPranswer, SdpType::Answer) => Ok(Self::Stable),
            (Self::HaveLocalOffer, SdpType::Rollback) => Ok(Self::Stable),
            (state, SdpType::Offer) => Err(refused("set a local offer", state)),
            (state, SdpType::Pranswer) => Err(refused("set a local pranswer", state)),
            (state, SdpType::Answer) => Err(refused("set a local answer", state)),
            (state, SdpType::Rollback) => Err(refused("roll a local offer back", state)),
        }
    }

    /// The state after the other side's description.
    pub(super) fn after_remote(self, kind: SdpType) -> Result<Self, DescriptionError> {
        match (self, kind) {
            (Self::Stable | Self::HaveLocalOffer | Self::HaveRemoteOffer, SdpType::Offer) => Ok(Self::HaveRemoteOffer),
            (Self::HaveLocalOffer | Self::HaveRemotePranswer, SdpType::Pranswer) => Ok(Self::HaveRemotePranswer),
            (Self::HaveLocalOffer | Self::HaveRemotePranswer, SdpType::Answer) => Ok(Self::Stable),
            (Self::HaveRemoteOffer, SdpType::Rollback) => Ok(Self::Stable),
            (state, SdpType::Offer) => Err(refused("set a remote offer", state)),
            (state, SdpType::Pranswer) => Err(refused("set a remote pranswer", state)),
            (state, SdpType::Answer) => Err(refused("set a remote answer", state)),
            (state, SdpType::Rollback) => Err(refused("roll a remote offer back", state)),
        }
    }

    /// Whether an offer of this side can be made.
    pub(super) fn takes_offer(self) -> bool {
        matches!(self, Self::Stable | Self::HaveLocalOffer)
    }

    /// Whether an offer of the other side waits for an answer.
    pub(super) fn takes_answer(self) -> bool {
        matches!(self, Self::HaveRemoteOffer | Self::HaveLocalPranswer)
    }
}

fn refused(call: &'static str, state: SignalingState) -> DescriptionError {
    DescriptionError::InvalidState { call, state }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guards: webrtc-pc §4.3.1, with the rollback of one's own offer that another offer brings.
    #[test]
    fn the_table_of_transitions_is_that_of_the_w3c() {
        use SdpType::{Answer, Offer, Pranswer, Rollback};
        use SignalingState::{HaveLocalOffer, HaveLocalPranswer, HaveRemoteOffer, HaveRemotePranswer, Stable};
        let kinds = [Offer, Pranswer, Answer, Rollback];
        for (state, local, remote) in [
            (Stable, [Some(HaveLocalOffer), None, None, None], [Some(HaveRemoteOffer), None, None, None]),
            (
                HaveLocalOffer,
                [Some(HaveLocalOffer), None, None, Some(Stable)],
                [Some(HaveRemoteOffer), Some(HaveRemotePranswer), Some(Stable), None],
            ),
            (
                HaveRemoteOffer,
                [None, Some(HaveLocalPranswer), Some(Stable), None],
                [Some(HaveRemoteOffer), None, None, Some(Stable)],
            ),
            (HaveLocalPranswer, [None, Some(HaveLocalPranswer), Some(Stable), None], [None; 4]),
            (HaveRemotePranswer, [None; 4], [None, Some(HaveRemotePranswer), Some(Stable), None]),
        ] {
            assert_eq!(kinds.map(|kind| state.after_local(kind).ok()), local, "{state}");
            assert_eq!(kinds.map(|kind| state.after_remote(kind).ok()), remote, "{state}");
        }
    }

    #[test]
    fn an_error_names_the_call_and_the_state() {
        let error = SignalingState::Stable.after_local(SdpType::Answer).unwrap_err();
        assert_eq!(error.to_string(), "set a local answer in state stable");
        let error = SignalingState::HaveRemoteOffer.after_local(SdpType::Rollback).unwrap_err();
        assert_eq!(error.to_string(), "roll a local offer back in state have-remote-offer");
    }
}
