//! JSEP: descriptions in, engine commands out, and nothing else.
//!
//! | module | what |
//! |---|---|
//! | `description`, `candidate` | what signaling carries |
//! | `state` | the signaling states and their transitions |
//! | `model` | a description as this crate uses it; the one place that speaks to `ortica-sdp` |
//! | `negotiation` | makes offers and answers, and applies them to the session |
//!
//! Source: [RFC 9429](https://www.rfc-editor.org/rfc/rfc9429)

mod candidate;
mod description;
mod error;
mod model;
mod negotiation;
mod state;

pub use candidate::IceCandidate;
pub use description::{SdpType, SessionDescription, UnknownSdpType};
pub use error::{DescriptionError, IceCandidateError};
pub(crate) use negotiation::Negotiation;
pub use state::SignalingState;
