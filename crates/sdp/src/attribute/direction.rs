use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Which way media flows, seen from the one who says so.
///
/// Source: [RFC 8866 §6.7](https://www.rfc-editor.org/rfc/rfc8866#section-6.7)
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Direction {
    /// Both ways; what a section without a direction means.
    #[default]
    SendRecv,
    /// From me to you.
    SendOnly,
    /// From you to me.
    RecvOnly,
    /// Neither.
    Inactive,
}

/// A word that names none of the four directions.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("not a direction")]
pub struct UnknownDirection;

impl Direction {
    /// Puts the two ways together.
    pub const fn new(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Whether the one who says so sends.
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the one who says so receives.
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same flow seen from the other end.
    pub const fn reversed(self) -> Self {
        Self::new(self.receives(), self.sends())
    }

    /// What both of two views from the same end allow.
    pub const fn and(self, other: Self) -> Self {
        Self::new(self.sends() && other.sends(), self.receives() && other.receives())
    }

    /// Whether it answers what the other end `offered`: nothing is sent that was not to be received, nor the other way round.
    ///
    /// Source: [RFC 3264 §6.1](https://www.rfc-editor.org/rfc/rfc3264#section-6.1)
    pub fn answers(self, offered: Self) -> bool {
        self.and(offered.reversed()) == self
    }

    /// The token in SDP.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive].into_iter().find(|it| it.as_str() == name)
    }
}

impl FromStr for Direction {
    type Err = UnknownDirection;

    fn from_str(text: &str) -> Result<Self, UnknownDirection> {
        Self::from_name(text).ok_or(UnknownDirection)
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_are_two_bits() {
        for direction in [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive] {
            assert_eq!(Direction::new(direction.sends(), direction.receives()), direction);
            assert_eq!(direction.reversed().reversed(), direction);
            assert_eq!(direction.to_string().parse(), Ok(direction));
        }
        assert_eq!(Direction::SendOnly.reversed(), Direction::RecvOnly);
        assert_eq!(Direction::SendRecv.and(Direction::RecvOnly), Direction::RecvOnly);
        assert_eq!("both".parse::<Direction>(), Err(UnknownDirection));
    }

    /// Guards: the table of RFC 3264 §6.1.
    #[test]
    fn an_answer_takes_no_more_than_was_offered() {
        use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
        for (offered, allowed) in [
            (SendRecv, &[SendRecv, SendOnly, RecvOnly, Inactive][..]),
            (SendOnly, &[RecvOnly, Inactive]),
            (RecvOnly, &[SendOnly, Inactive]),
            (Inactive, &[Inactive]),
        ] {
            let all = [SendRecv, SendOnly, RecvOnly, Inactive].into_iter();
            assert_eq!(all.filter(|answer| answer.answers(offered)).collect::<Vec<_>>(), allowed, "{offered}");
        }
    }
}
