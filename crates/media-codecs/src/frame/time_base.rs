//! The unit in which a frame counts its time.

use std::num::NonZeroU32;
use std::time::Duration;

/// The length of one tick in seconds, as a fraction: `1/90000` for video in RTP, `1/48000` for Opus.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct TimeBase {
    numerator: NonZeroU32,
    denominator: NonZeroU32,
}

impl TimeBase {
    /// One tick is 1/90,000 of a second, the clock of every video format in RTP.
    pub const VIDEO: Self = Self::per_second(90_000);

    /// One tick is `numerator / denominator` seconds; `None` if one of them is zero.
    pub const fn new(numerator: u32, denominator: u32) -> Option<Self> {
        match (NonZeroU32::new(numerator), NonZeroU32::new(denominator)) {
            (Some(numerator), Some(denominator)) => Some(Self { numerator, denominator }),
            _ => None,
        }
    }

    /// `rate` ticks make a second. A rate of zero counts as one.
    pub const fn per_second(rate: u32) -> Self {
        let denominator = match NonZeroU32::new(rate) {
            Some(rate) => rate,
            None => NonZeroU32::MIN,
        };
        Self { numerator: NonZeroU32::MIN, denominator }
    }

    /// The numerator of the length of a tick in seconds.
    pub const fn numerator(self) -> u32 {
        self.numerator.get()
    }

    /// The denominator of the length of a tick in seconds.
    pub const fn denominator(self) -> u32 {
        self.denominator.get()
    }

    /// The same time in ticks of another length, rounded to the nearest, halves away from zero; saturates.
    pub fn rescale(self, ticks: i64, to: Self) -> i64 {
        // 63 + 32 + 32 bits: the products fit 127.
        let over = i128::from(ticks) * i128::from(self.numerator()) * i128::from(to.denominator());
        let under = i128::from(self.denominator()) * i128::from(to.numerator());
        let half = if over < 0 { -(under / 2) } else { under / 2 };
        let rounded = over.saturating_add(half) / under;
        i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })
    }

    /// The time of `ticks`; zero for negative ones.
    pub fn duration(self, ticks: i64) -> Duration {
        let nanos = self.rescale(ticks, Self::per_second(1_000_000_000));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
    }

    /// How many ticks `duration` takes, rounded to the nearest; saturates.
    pub fn ticks(self, duration: Duration) -> i64 {
        let nanos = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        Self::per_second(1_000_000_000).rescale(nanos, self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_zero_is_refused() {
        assert_eq!(TimeBase::new(0, 1), None);
        assert_eq!(TimeBase::new(1, 0), None);
        assert_eq!(TimeBase::per_second(0), TimeBase::per_second(1));
    }

    #[test]
    fn rescales_to_the_nearest_tick() {
        let audio = TimeBase::per_second(48_000);
        assert_eq!(audio.rescale(960, TimeBase::VIDEO), 1_800);
        assert_eq!(audio.rescale(1, TimeBase::VIDEO), 2);
        assert_eq!(audio.rescale(-1, TimeBase::VIDEO), -2);
        assert_eq!(TimeBase::VIDEO.duration(3_000), Duration::from_nanos(33_333_333));
        assert_eq!(TimeBase::VIDEO.ticks(Duration::from_millis(20)), 1_800);
    }

    #[test]
    fn saturates_instead_of_overflowing() {
        let slow = TimeBase::new(u32::MAX, 1).unwrap();
        let fast = TimeBase::per_second(u32::MAX);
        assert_eq!(slow.rescale(i64::MAX, fast), i64::MAX);
        assert_eq!(slow.rescale(i64::MIN, fast), i64::MIN);
    }

    proptest! {
        #[test]
        fn to_a_finer_base_and_back_is_identity(ticks in -(1i64 << 40)..1i64 << 40) {
            let (coarse, fine) = (TimeBase::per_second(8_000), TimeBase::per_second(48_000));
            prop_assert_eq!(fine.rescale(coarse.rescale(ticks, fine), coarse), ticks);
        }
    }
}
