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
