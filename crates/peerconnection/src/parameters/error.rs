//! Why parameters were refused.

use thiserror::Error;

/// Why parameters were refused, by the names of the W3C's errors. Nothing has changed then.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ParametersError {
    /// An `InvalidStateError`: what was called does not fit what the sender is at.
    #[error("{0}")]
    InvalidState(&'static str),
    /// An `InvalidModificationError`: what may not change was changed.
    #[error("{0}")]
    InvalidModification(&'static str),
    /// A `NotSupportedError`: what was named is not known here.
    #[error("{0}")]
    NotSupported(&'static str),
    /// An `OperationError`: what was asked for cannot be done.
    #[error("{0}")]
    Operation(&'static str),
    /// A `RangeError`: a number is too small or too large.
    #[error("{0} is out of range")]
    Range(&'static str),
    /// A `TypeError`: the argument is not valid.
    #[error("{0}")]
    Type(&'static str),
}
