//! Why there is no allocation.

use thiserror::Error;

/// Why a server gives no allocation, or no longer.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum TurnError {
    /// It does not answer.
    #[error("the server does not answer")]
    Timeout,
    /// It does not take the credentials (401 in answer to them).
    #[error("the server refuses the credentials: {reason}")]
    Unauthorized {
        /// What it says to that.
        reason: String,
    },
    /// It refuses: 403 (not allowed), 437 (an allocation is in the way), 440 (address family), 442 (transport), 486 (quota), 508
    /// (capacity) and what else there is.
    #[error("the server refuses with {code}: {reason}")]
    Refused {
        /// The code, 300 to 699.
        code: u16,
        /// What it says to that.
        reason: String,
    },
    /// Every nonce that it gives is stale (438) at once.
    #[error("the server calls each nonce stale")]
    StaleNonces,
    /// Its answers do not show that it knows the password.
    #[error("the server's answers are not authentic")]
    Forged,
    /// It announces features that its challenge lacks, so that somebody may have taken them away.
    ///
    /// Source: [RFC 8489 §9.2.1](https://www.rfc-editor.org/rfc/rfc8489#section-9.2.1)
    #[error("the server's challenge lacks what its nonce announces")]
    BidDown,
    /// An answer lacks something, or says what cannot be.
    #[error("the server's answer has no right {0}")]
    InvalidAnswer(&'static str),
    /// It forgets each allocation soon after it made it.
    #[error("the server forgets its allocations")]
    Unstable,
    /// Servers send from one to the other: a loop, another address family, or too often.
    #[error("the servers redirect without an end")]
    Redirected,
}

/// Why a server is not asked for a connection to a peer.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ConnectError {
    /// The allocation is one of UDP: peers are sent packets.
    #[error("peers are reached by UDP, which has no connections")]
    Packets,
    /// There is no allocation, and will be none.
    #[error("the allocation has ended")]
    Over,
    /// It is being asked for as many connections as it may at a time.
    #[error("too many connections are asked for at a time")]
    TooMany,
}

impl TurnError {
    /// The code of the answer behind it, if an answer is.
    pub fn code(&self) -> Option<u16> {
        match self {
            Self::Unauthorized { .. } => Some(401),
            Self::Refused { code, .. } => Some(*code),
            Self::StaleNonces => Some(438),
            Self::Unstable => Some(437),
            Self::Redirected => Some(300),
            _ => None,
        }
    }
}
