//! Numbers that wrap: which of two comes first, how far they are apart, and counters that undo the wrapping.
//!
//! They have [`precedes`](SequenceNumber::precedes) and [`distance`](SequenceNumber::distance) and no `Ord`: "smaller" means
//! nothing among numbers that go round.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// Counts the packets of a stream, modulo 2^16.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct SequenceNumber(pub u16);

/// The sampling instant of a payload in units of its clock rate, modulo 2^32, from a random start.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct RtpTimestamp(pub u32);

impl SequenceNumber {
    /// `true` when this one was sent before `other`, if they are less than half the circle apart.
    pub const fn precedes(self, other: Self) -> bool {
        self.distance(other) > 0
    }

    /// Steps from this one forward to `other`: negative when `other` lies behind. The opposite point of the circle counts
    /// as behind.
    pub const fn distance(self, other: Self) -> i16 {
        other.0.wrapping_sub(self.0) as i16
    }

    /// The one after this.
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }

    /// The one before this.
    pub const fn previous(self) -> Self {
        Self(self.0.wrapping_sub(1))
    }
}

impl RtpTimestamp {
    /// `true` when this one lies before `other`, if they are less than half the circle apart.
    pub const fn precedes(self, other: Self) -> bool {
        self.distance(other) > 0
    }

    /// Ticks from this one forward to `other`: negative when `other` lies behind. The opposite point of the circle counts
    /// as behind.
    pub const fn distance(self, other: Self) -> i32 {
        other.0.wrapping_sub(self.0) as i32
    }
}

impl Add<u16> for SequenceNumber {
    type Output = Self;

    /// Wraps.
    fn add(self, steps: u16) -> Self {
        Self(self.0.wrapping_add(steps))
    }
}

impl AddAssign<u16> for SequenceNumber {
    fn add_assign(&mut self, steps: u16) {
        *self = *self + steps;
    }
}

impl Sub<u16> for SequenceNumber {
    type Output = Self;

    /// Wraps.
    fn sub(self, steps: u16) -> Self {
        Self(self.0.wrapping_sub(steps))
    }
}

impl Add<u32> for RtpTimestamp {
    type Output = Self;

    /// Wraps.
    fn add(self, ticks: u32) -> Self {
        Self(self.0.wrapping_add(ticks))
    }
}

impl AddAssign<u32> for RtpTimestamp {
    fn add_assign(&mut self, ticks: u32) {
        *self = *self + ticks;
    }
}

impl Sub<u32> for RtpTimestamp {
    type Output = Self;

    /// Wraps.
    fn sub(self, ticks: u32) -> Self {
        Self(self.0.wrapping_sub(ticks))
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for RtpTimestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Gives sequence numbers back the cycles that they lost: each one is taken as the nearest to the highest seen so far.
///
/// The first one keeps its value, so what comes late before it may be negative. The low 16 bits are always the number
/// itself, and the low 32 bits of the highest are the "extended highest sequence number" of RFC 3550.
#[derive(Clone, Copy, Debug, Default)]
pub struct SequenceUnwrapper {
    highest: Option<i64>,
}

impl SequenceUnwrapper {
    /// Nothing seen yet.
    pub const fn new() -> Self {
        Self { highest: None }
    }

    /// The highest so far.
    pub const fn highest(&self) -> Option<i64> {
        self.highest
    }

    /// What [`unwrap`](Self::unwrap) would answer, leaving the highest as it is.
    pub const fn peek(&self, number: SequenceNumber) -> i64 {
        match self.highest {
            Some(highest) => highest + SequenceNumber(highest as u16).distance(number) as i64,
            None => number.0 as i64,
        }
    }

    /// `number` with its cycles.
    pub const fn unwrap(&mut self, number: SequenceNumber) -> i64 {
        let extended = self.peek(number);
        if self.highest.is_none() || matches!(self.highest, Some(highest) if highest < extended) {
            self.highest = Some(extended);
        }
        extended
    }
}

/// Gives timestamps back the cycles that they lost, as [`SequenceUnwrapper`] does for sequence numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct TimestampUnwrapper {
    highest: Option<i64>,
}

impl TimestampUnwrapper {
    /// Nothing seen yet.
    pub const fn new() -> Self {
        Self { highest: None }
    }

    /// The highest so far.
    pub const fn highest(&self) -> Option<i64> {
        self.highest
    }

    /// What [`unwrap`](Self::unwrap) would answer, leaving the highest as it is.
    pub const fn peek(&self, timestamp: RtpTimestamp) -> i64 {
        match self.highest {
            Some(highest) => highest + RtpTimestamp(highest as u32).distance(timestamp) as i64,
            None => timestamp.0 as i64,
        }
    }

    /// `timestamp` with its cycles.
    pub const fn unwrap(&mut self, timestamp: RtpTimestamp) -> i64 {
        let extended = self.peek(timestamp);
        if self.highest.is_none() || matches!(self.highest, Some(highest) if highest < extended) {
            self.highest = Some(extended);
        }
        extended
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn order_holds_across_the_wrap() {
        assert!(SequenceNumber(0xffff).precedes(SequenceNumber(0)));
        assert!(!SequenceNumber(0).precedes(SequenceNumber(0xffff)));
        assert!(!SequenceNumber(7).precedes(SequenceNumber(7)));
        assert_eq!(SequenceNumber(0xfffe).distance(SequenceNumber(3)), 5);
        assert_eq!(SequenceNumber(3).distance(SequenceNumber(0xfffe)), -5);
        assert!(RtpTimestamp(u32::MAX).precedes(RtpTimestamp(5)));
        assert_eq!(RtpTimestamp(5).distance(RtpTimestamp(u32::MAX)), -6);
    }

    #[test]
    fn the_opposite_point_is_behind_from_both_sides() {
        assert_eq!(SequenceNumber(0).distance(SequenceNumber(0x8000)), i16::MIN);
        assert!(!SequenceNumber(0).precedes(SequenceNumber(0x8000)));
        assert!(!SequenceNumber(0x8000).precedes(SequenceNumber(0)));
    }

    /// The wrap is where every implementation loses a cycle: three of them, with reordering and loss at each edge.
    #[test]
    fn flt_37_sequence_numbers_unwrap_over_three_wraps() {
        let mut unwrapper = SequenceUnwrapper::new();
        let start = 65_530i64;
        for block in (0..3 * 65_536 + 40).step_by(8) {
            // Each block of eight arrives in another order and lacks one.
            for offset in [1, 0, 3, 2, 7, 5, 6] {
                let extended = start + block + offset;
                assert_eq!(unwrapper.unwrap(SequenceNumber(extended as u16)), extended);
            }
        }
    }

    /// Late packets around the wrap of the timestamp must not add a cycle.
    #[test]
    fn flt_38_timestamps_unwrap_over_three_wraps_with_reordering() {
        let mut unwrapper = TimestampUnwrapper::new();
        let start = i64::from(u32::MAX) - 10_000;
        let step = 900_000_000;
        for i in 0..20 {
            for t in [start + i * step, start + i * step - 3_000] {
                assert_eq!(unwrapper.unwrap(RtpTimestamp(t as u32)), t);
            }
        }
    }

    #[test]
    fn what_precedes_the_first_is_negative() {
        let mut unwrapper = SequenceUnwrapper::new();
        assert_eq!(unwrapper.unwrap(SequenceNumber(1)), 1);
        assert_eq!(unwrapper.unwrap(SequenceNumber(0xffff)), -1);
        assert_eq!(unwrapper.highest(), Some(1));
    }

    proptest! {
        #[test]
        fn distance_undoes_addition(start: u16, steps in -32_768i32..32_768) {
            let there = SequenceNumber(start) + steps as u16;
            prop_assert_eq!(i32::from(SequenceNumber(start).distance(there)), steps);
            prop_assert_eq!(there - steps as u16, SequenceNumber(start));
        }

        #[test]
        fn timestamp_distance_undoes_addition(start: u32, ticks: i32) {
            let there = RtpTimestamp(start) + ticks as u32;
            prop_assert_eq!(RtpTimestamp(start).distance(there), ticks);
        }
    }
}
