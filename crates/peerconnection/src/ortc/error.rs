//! Why an object refused a command.

use crate::engine::{MediaError, TransportError};
use ortica_dtls::FingerprintError;
use ortica_ice::CandidateError;
use thiserror::Error;

/// Why an object refused a command. Nothing has changed then.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ObjectError {
    /// The object is of a peer connection, whose descriptions steer it.
    #[error("descriptions steer this transport")]
    Negotiated,
    /// The object was stopped, or what it runs on was.
    #[error("the transport is closed")]
    Closed,
    /// It was done before, and is done once.
    #[error("it was started before")]
    Started,
    /// DTLS takes its role from ICE, so that starts first.
    #[error("ICE is not started")]
    IceNotStarted,
    /// The peer would have to be known by at least one fingerprint.
    #[error("there is no fingerprint")]
    NoFingerprint,
    /// A fingerprint is malformed.
    #[error(transparent)]
    Fingerprint(#[from] FingerprintError),
    /// It does not gather yet, so that there is nothing to restart.
    #[error("gathering was not started")]
    NotGathering,
    /// A candidate is malformed.
    #[error(transparent)]
    Candidate(#[from] CandidateError),
    /// A parameter of media holds what it cannot.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// The engine refused a sender, a receiver or its parameters.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// The engine refused.
    #[error(transparent)]
    Transport(#[from] TransportError),
}
