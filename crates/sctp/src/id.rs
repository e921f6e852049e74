//! Stream identifiers, and numbers that wrap.

use std::fmt;

/// One of the 65,536 streams of an association, in one direction. WebRTC never uses 65,535.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StreamId(pub u16);

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Transmission sequence number: counts DATA chunks and wraps.
///
/// Source: [RFC 9260 §1.6](https://www.rfc-editor.org/rfc/rfc9260#section-1.6)
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Tsn(pub u32);

impl Tsn {
    /// The number after this one.
    pub const fn next(self) -> Self {
        self.plus(1)
    }

    /// The number before this one.
    pub const fn previous(self) -> Self {
        Self(self.0.wrapping_sub(1))
    }

    /// The number `count` after this one.
    pub const fn plus(self, count: u32) -> Self {
        Self(self.0.wrapping_add(count))
    }

    /// How far this number lies after `earlier`. Meaningful when it does not precede it.
    pub const fn distance(self, earlier: Self) -> u32 {
        self.0.wrapping_sub(earlier.0)
    }

    /// `true` when this number comes before `other` in serial arithmetic.
    pub const fn precedes(self, other: Self) -> bool {
        let distance = other.0.wrapping_sub(self.0);
        distance != 0 && distance < 1 << 31
    }
}

/// Stream sequence number: counts the ordered messages of one stream and wraps.
///
/// Source: [RFC 9260 §1.6](https://www.rfc-editor.org/rfc/rfc9260#section-1.6)
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Ssn(pub u16);

impl Ssn {
    /// The number after this one.
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// How far this number lies after `earlier`. Meaningful when it does not precede it.
    pub const fn distance(self, earlier: Self) -> u16 {
        self.0.wrapping_sub(earlier.0)
    }

    /// `true` when this number comes before `other` in serial arithmetic.
    pub const fn precedes(self, other: Self) -> bool {
        let distance = other.0.wrapping_sub(self.0);
        distance != 0 && distance < 1 << 15
    }
}

/// Message identifier: counts the ordered or the unordered messages of one stream and wraps.
///
/// Source: [RFC 8260 §2.1](https://www.rfc-editor.org/rfc/rfc8260#section-2.1)
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Mid(pub u32);

impl Mid {
    /// The stream sequence number that an ordered message with this identifier has in DATA.
    pub const fn ssn(self) -> Ssn {
        Ssn(self.0 as u16)
    }
}

/// Number of a message within its stream, as it was received: the low bits of a count that never wraps.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Number {
    /// Sixteen of them, in DATA.
    Ssn(Ssn),
    /// Thirty-two of them, in I-DATA.
    Mid(Mid),
}

impl Number {
    /// The count that is meant, given the next expected one; `None` when it lies before that.
    pub const fn resolve(self, next: u64) -> Option<u64> {
        let ahead = match self {
            Self::Ssn(ssn) => {
                let ahead = ssn.distance(Ssn(next as u16));
                if ahead >= 1 << 15 { return None } else { ahead as u64 }
            }
            Self::Mid(mid) => {
                let ahead = mid.0.wrapping_sub(next as u32);
                if ahead >= 1 << 31 { return None } else { ahead as u64 }
            }
        };
        Some(next + ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn order_survives_the_wrap() {
        assert!(Tsn(u32::MAX).precedes(Tsn(0)));
        assert!(!Tsn(0).precedes(Tsn(u32::MAX)));
        assert_eq!(Tsn(5).distance(Tsn(u32::MAX - 4)), 10);
        assert!(Ssn(u16::MAX).precedes(Ssn(3)));
        assert_eq!(Ssn(u16::MAX).next(), Ssn(0));
        assert_eq!(Tsn(0).previous(), Tsn(u32::MAX));
        for (tsn, next) in [(0, 1), (1, 2), (u32::MAX - 1, u32::MAX), (u32::MAX, 0)] {
            assert_eq!((Tsn(tsn).next(), Tsn(next).previous()), (Tsn(next), Tsn(tsn)));
        }
    }

    /// Guards the count of messages across the wrap of what is sent of it.
    #[test]
    fn flt_40_message_numbers_resolve_across_the_wrap() {
        let next = (5 << 32) - 2;
        assert_eq!(Number::Mid(Mid(u32::MAX - 1)).resolve(next), Some(next));
        assert_eq!(Number::Mid(Mid(3)).resolve(next), Some(next + 5));
        assert_eq!(Number::Mid(Mid(u32::MAX - 2)).resolve(next), None);
        assert_eq!(Number::Ssn(Ssn(3)).resolve(next), Some(next + 5));
        assert_eq!(Number::Ssn(Ssn(u16::MAX - 2)).resolve(next), None);
        assert_eq!(Mid(65_537).ssn(), Ssn(1));
    }

    proptest! {
        #[test]
        fn of_two_numbers_less_than_half_the_circle_apart_exactly_one_precedes(a: u32, step in 1..1u32 << 31) {
            let (a, b) = (Tsn(a), Tsn(a).plus(step));
            prop_assert!(a.precedes(b) && !b.precedes(a));
            prop_assert_eq!(b.distance(a), step);
        }

        #[test]
        fn stream_sequence_numbers_likewise(a: u16, step in 1..1u16 << 15) {
            let (a, b) = (Ssn(a), Ssn(a.wrapping_add(step)));
            prop_assert!(a.precedes(b) && !b.precedes(a));
            prop_assert_eq!(b.distance(a), step);
        }
    }
}
