//! JSEP: descriptions in, engine commands out, and nothing else.
//!
//! | module | what |
//! |---|---|
//! | `description`, `candidate` | what signaling carries |
//! | `bundle` | which sections share a transport, as far as this side decides |
//! | `state` | the signaling states and their transitions |
//! | `local`, `remote` | descriptions of either side as this crate uses them |
//! | `encodings` | what a transceiver sends side by side |
//! | `simulcast` | layers in a section |
//! | `formats` | payload types and header extensions: which number stands for what |
//! | `extensions` | header extensions: which way, and what both sides know |
//! | `header_encryption` | whether header extensions have to be encrypted |
//! | `transceiver` | a sender and a receiver that share a section |
//! | `trickle` | whether the peer takes candidates as they come |
//! | `negotiation` | makes offers and answers, and applies them to the session |
//!
//! Source: [RFC 9429](https://www.rfc-editor.org/rfc/rfc9429)

mod bundle;
mod candidate;
mod description;
mod encodings;
mod error;
mod extensions;
mod formats;
mod header_encryption;
mod ice_features;
mod local;
mod negotiation;
mod noise;
mod numbers;
mod redundancy;
mod remote;
mod simulcast;
mod state;
mod transceiver;

pub use bundle::BundlePolicy;
pub use candidate::{IceCandidate, IceServerTransportProtocol};
pub use description::{SdpType, SessionDescription, UnknownSdpType};
pub use error::{DescriptionError, IceCandidateError, SectionProblem};
#[cfg(feature = "tokio")]
pub(crate) use formats::capabilities;
pub use header_encryption::RtpHeaderEncryptionPolicy;
pub(crate) use ice_features::is_trickled;
pub(crate) use local::LocalSctp;
pub use negotiation::TransceiverError;
pub(crate) use negotiation::{Negotiation, TrackChange};
pub use state::SignalingState;
pub(crate) use transceiver::Life;
pub use transceiver::{TransceiverId, TransceiverInit};
