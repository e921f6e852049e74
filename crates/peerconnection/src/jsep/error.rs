//! Why a description or a candidate was refused.

use super::{SdpType, SignalingState};
use crate::engine::{MediaError, TransportError};
use ortica_ice::{CandidateError, CredentialsError};
use ortica_sdp::SdpError;
use thiserror::Error;

/// Why a description was not made or not applied. Nothing has changed then.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum DescriptionError {
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed,
    /// The call does not fit the signaling state.
    #[error("{call} in state {state}")]
    InvalidState {
        /// What was tried.
        call: &'static str,
        /// The state it was tried in.
        state: SignalingState,
    },
    /// The text is not SDP; the error names the line.
    #[error(transparent)]
    Syntax(#[from] SdpError),
    /// A section lacks what this side needs, or contradicts the offer.
    #[error("section {index}: {problem}")]
    Section {
        /// Its place, from zero.
        index: usize,
        /// What is wrong with it.
        problem: SectionProblem,
    },
    /// The answer does not have the sections of the offer.
    #[error("the answer has {answer} sections, the offer {offer}")]
    SectionCount {
        /// Sections of the offer.
        offer: usize,
        /// Sections of the answer.
        answer: usize,
    },
    /// The text is not the one that `create_offer` or `create_answer` made.
    #[error("the {0} was modified after it was created")]
    Modified(SdpType),
    /// The engine refused.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The engine refused a sender or a receiver.
    #[error(transparent)]
    Media(MediaError),
}

/// What is wrong with a section.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum SectionProblem {
    /// No `a=ice-ufrag` or `a=ice-pwd`, in the section or above.
    #[error("no ICE credentials")]
    NoCredentials,
    /// The ICE credentials are malformed.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// No `a=fingerprint` with a hash that can be checked, in the section or above (SDP-8).
    #[error("no usable fingerprint")]
    NoFingerprint,
    /// An answer may not leave the DTLS role open, nor change it (SDP-7).
    #[error("the setup attribute does not fit")]
    Setup,
    /// The kind of media differs from the offer's.
    #[error("its media differ from the offer's")]
    Media,
    /// It wants to send what was not to be received, or receive what was not to be sent (RFC 3264 §6.1).
    #[error("its direction does not answer the offer's")]
    Direction,
    /// It has a transport of its own, where it was offered to share one or none.
    #[error("it is not bundled with the others")]
    NotBundled,
    /// It is bundled with sections that it was not offered to share a transport with (RFC 9143 §7.4).
    #[error("it is bundled in a way that was not offered")]
    Group,
    /// RTCP would need a port of its own (`a=rtcp-mux` is missing), which is not supported (SDP-10).
    #[error("it does not multiplex RTP and RTCP")]
    RtcpMux,
    /// A payload type of 64 to 95, whose packets would be taken for RTCP (RFC 5761 §4).
    #[error("it has a payload type that stands for RTCP")]
    PayloadType,
    /// The id of a header extension stood for another one before (SDP-4).
    #[error("it gives the id of a header extension to another one")]
    ExtensionId,
    /// Header extensions are not encrypted (`a=cryptex` is missing), which is required.
    #[error("it does not encrypt header extensions")]
    HeaderEncryption,
    /// The fingerprint changed without a restart of ICE (RFC 9429 §5.11), or the `tls-id` did (RFC 8842 §6).
    #[error("its fingerprint changed, and ICE was not restarted")]
    FingerprintChanged,
    /// Its name is that of a section before it (RFC 5888 §4).
    #[error("another section has its mid")]
    Mid,
    /// Stream and track are those of a section before it (RFC 8830).
    #[error("another section names its track")]
    Track,
    /// A candidate is malformed.
    #[error("malformed candidate: {0}")]
    Candidate(#[from] CandidateError),
}

/// Why a candidate was refused.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum IceCandidateError {
    /// The connection is closed.
    #[error("the connection is closed")]
    Closed,
    /// It has neither a mid nor an index.
    #[error("the candidate names no section")]
    NoSection,
    /// There is no remote description yet (webrtc-pc §4.4.2, `addIceCandidate`).
    #[error("there is no remote description")]
    NoRemoteDescription,
    /// Its mid, or without one its index, names no section of the remote description.
    #[error("no section fits the candidate")]
    UnknownSection,
    /// It belongs to a generation that is not the remote description's.
    #[error("the ufrag {0:?} is not that of the remote description")]
    UnknownUfrag(String),
    /// It is malformed.
    #[error(transparent)]
    Malformed(#[from] CandidateError),
    /// The engine refused.
    #[error(transparent)]
    Transport(#[from] TransportError),
}
