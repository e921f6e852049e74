//! Time as protocol code sees it: told, never asked for.

use std::fmt;
use std::ops::{Add, AddAssign};
use std::time::Duration;

/// A point on the driver's monotonic clock, in nanoseconds since a start that only the driver knows.
///
/// Plain data, so that a state can be replayed, written to disk or run where no clock exists.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Instant(u64);

impl Instant {
    /// The point `nanos` nanoseconds after the clock's start.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the clock's start.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The point `duration` before this one; the clock's start if that lies before it.
    pub const fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(duration)))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Saturates at the end of the clock, 584 years after its start.
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

const fn nanos(duration: Duration) -> u64 {
    let nanos = duration.as_nanos();
    if nanos > u64::MAX as u128 { u64::MAX } else { nanos as u64 }
}

/// Wall time as 32 bits of seconds since 1900 and 32 bits of fraction.
///
/// Source: [RFC 3550 §4](https://www.rfc-editor.org/rfc/rfc3550#section-4)
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// Seconds between the NTP epoch (1900) and the Unix epoch (1970).
    const UNIX_OFFSET: u64 = 2_208_988_800;

    /// The NTP time of a moment given as time since the Unix epoch. Wraps in 2036, as the format does.
    pub const fn from_unix(since_epoch: Duration) -> Self {
        let seconds = since_epoch.as_secs().wrapping_add(Self::UNIX_OFFSET) & 0xffff_ffff;
        let fraction = ((since_epoch.subsec_nanos() as u64) << 32) / 1_000_000_000;
        Self((seconds << 32) | fraction)
    }

    /// The middle 32 bits: 16 of seconds and 16 of fraction.
    pub const fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }

    /// Time since the Unix epoch, for moments before 2036.
    pub const fn to_unix(self) -> Duration {
        let seconds = (self.0 >> 32).saturating_sub(Self::UNIX_OFFSET);
        let nanos = ((self.0 & 0xffff_ffff) * 1_000_000_000) >> 32;
        Duration::new(seconds, nanos as u32)
    }
}

impl Add<Duration> for NtpTime {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let whole = duration.as_secs() << 32;
        let fraction = ((duration.subsec_nanos() as u64) << 32) / 1_000_000_000;
        Self(self.0.wrapping_add(whole).wrapping_add(fraction))
    }
}

/// One moment known on both clocks; gives wall time for any [`Instant`] after it. A step of the system's wall clock
/// later on does not reach it.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    at: Instant,
    ntp: NtpTime,
}

impl WallClock {
    /// Says that it was `ntp` at the instant `at`.
    pub const fn new(at: Instant, ntp: NtpTime) -> Self {
        Self { at, ntp }
    }

    /// Wall time at `now`.
    pub fn ntp(&self, now: Instant) -> NtpTime {
        self.ntp + now.saturating_duration_since(self.at)
    }
}

/// Deadlines by a small index, one per kind of timer: `Timers<3>` serves an enum of three, `Timer::Ack as usize`.
#[derive(Clone)]
pub struct Timers<const N: usize> {
    deadlines: [Option<Instant>; N],
}

impl<const N: usize> Timers<N> {
    /// No timer runs.
    pub const fn new() -> Self {
        Self { deadlines: [None; N] }
    }

    /// (Re)starts `timer`.
    pub fn set(&mut self, timer: usize, deadline: Instant) {
        if let Some(slot) = self.deadlines.get_mut(timer) {
            *slot = Some(deadline);
        }
    }

    /// Starts `timer` unless it runs already.
    pub fn set_if_idle(&mut self, timer: usize, deadline: Instant) {
        if self.get(timer).is_none() {
            self.set(timer, deadline);
        }
    }

    /// Stops `timer`.
    pub fn clear(&mut self, timer: usize) {
        if let Some(slot) = self.deadlines.get_mut(timer) {
            *slot = None;
        }
    }

    /// When `timer` fires, if it runs.
    pub fn get(&self, timer: usize) -> Option<Instant> {
        self.deadlines.get(timer).copied().flatten()
    }

    /// The nearest deadline: what `poll_timeout` answers.
    pub fn next(&self) -> Option<Instant> {
        self.deadlines.iter().flatten().min().copied()
    }

    /// Stops `timer` and says `true` if its deadline has come.
    pub fn take_expired(&mut self, timer: usize, now: Instant) -> bool {
        let expired = self.get(timer).is_some_and(|deadline| deadline <= now);
        if expired {
            self.clear(timer);
        }
        expired
    }
}

impl<const N: usize> Default for Timers<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> fmt::Debug for Timers<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.deadlines).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_saturates_at_both_ends() {
        let start = Instant::from_nanos(0);
        assert_eq!(start.saturating_sub(Duration::from_secs(1)), start);
        assert_eq!((start + Duration::MAX).as_nanos(), u64::MAX);
        assert_eq!(start.saturating_duration_since(start + Duration::from_secs(1)), Duration::ZERO);
    }

    #[test]
    fn ntp_time_agrees_with_the_unix_epoch() {
        let ntp = NtpTime::from_unix(Duration::from_millis(1_500));
        assert_eq!(ntp.0 >> 32, 2_208_988_801);
        assert_eq!(ntp.0 & 0xffff_ffff, 1 << 31);
        assert_eq!(ntp.middle(), (((2_208_988_801u64 & 0xffff) << 16) | 0x8000) as u32);
        assert_eq!(ntp.to_unix(), Duration::from_millis(1_500));
    }

    /// 2018-06-28 09:03:05.423998 UTC.
    #[test]
    fn a_known_date_has_its_ntp_time() {
        let (ntp, unix) = (NtpTime(16_059_593_044_731_306_503), Duration::new(1_530_176_585, 423_998_000));
        assert!(ntp.to_unix().abs_diff(unix) < Duration::from_micros(1));
        assert!(NtpTime::from_unix(unix).0.abs_diff(ntp.0) < 1 << 12, "less than a microsecond");
    }

    #[test]
    fn a_wall_clock_runs_with_the_monotonic_one() {
        let start = Instant::from_nanos(5);
        let clock = WallClock::new(start, NtpTime(1 << 40));
        assert_eq!(clock.ntp(start + Duration::from_secs(2)).0, (1 << 40) + (2 << 32));
    }

    #[test]
    fn the_nearest_timer_comes_first_and_fires_once() {
        let mut timers = Timers::<2>::new();
        let start = Instant::from_nanos(0);
        assert_eq!(timers.next(), None);
        timers.set(0, start + Duration::from_secs(2));
        timers.set(1, start + Duration::from_secs(1));
        timers.set_if_idle(1, start + Duration::from_secs(9));
        assert_eq!(timers.next(), Some(start + Duration::from_secs(1)));
        assert!(!timers.take_expired(1, start));
        assert!(timers.take_expired(1, start + Duration::from_secs(1)));
        assert!(!timers.take_expired(1, start + Duration::from_secs(1)));
        assert_eq!(timers.next(), Some(start + Duration::from_secs(2)));
    }
}
