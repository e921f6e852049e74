//! Round trip time, and how long to wait before sending again.

use crate::Config;
use std::time::Duration;

/// Estimates the round trip time.
///
/// Source: [RFC 9260 §6.3.1](https://www.rfc-editor.org/rfc/rfc9260#section-6.3.1)
#[derive(Clone, Debug)]
pub struct Rto {
    min: Duration,
    max: Duration,
    current: Duration,
    smoothed: Option<Duration>,
    variation: Duration,
    latest: Duration,
    least: Duration,
}

impl Rto {
    pub fn new(config: &Config) -> Self {
        Self {
            min: config.rto_min,
            max: config.rto_max,
            current: config.rto_initial,
            smoothed: None,
            variation: Duration::ZERO,
            latest: Duration::ZERO,
            least: Duration::MAX,
        }
    }

    /// The time-out now, backed off as far as it is.
    pub fn current(&self) -> Duration {
        self.current
    }

    /// The time-out after it was doubled so many times more.
    pub fn backed_off(&self, doublings: u32) -> Duration {
        self.current.saturating_mul(1 << doublings.min(30)).min(self.max)
    }

    /// Smoothed round trip time.
    pub fn smoothed(&self) -> Option<Duration> {
        self.smoothed
    }

    /// The last round trip or the smoothed one, whichever was longer.
    pub fn recent(&self) -> Option<Duration> {
        Some(self.smoothed?.max(self.latest))
    }

    /// The shortest round trip ever seen; what comes back faster answers something sent before.
    pub fn least(&self) -> Option<Duration> {
        self.smoothed.map(|_| self.least)
    }

    /// Takes in a measurement. By Karn's rule the caller never offers one of something sent twice.
    pub fn measure(&mut self, rtt: Duration) {
        let (smoothed, variation) = match self.smoothed {
            None => (rtt, rtt / 2),
            Some(smoothed) => ((smoothed * 7 + rtt) / 8, (self.variation * 3 + smoothed.abs_diff(rtt)) / 4),
        };
        (self.smoothed, self.variation) = (Some(smoothed), variation);
        self.latest = rtt;
        self.least = self.least.min(rtt);
        // A variation of zero would leave no room for the clock's own grain.
        let spread = (variation * 4).max(Duration::from_millis(1));
        self.current = (smoothed + spread).clamp(self.min, self.max);
    }

    /// Doubles the time-out, until the next measurement.
    pub fn back_off(&mut self) {
        self.current = (self.current * 2).min(self.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ortica_core::crypto::rust_crypto;

    fn rto() -> Rto {
        Rto::new(&Config::new(rust_crypto::provider()))
    }

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn starts_at_one_second_and_follows_the_first_measurement() {
        let mut rto = rto();
        assert_eq!((rto.current(), rto.smoothed()), (ms(1_000), None));
        rto.measure(ms(300));
        assert_eq!(rto.current(), ms(300 + 4 * 150));
        assert_eq!(rto.smoothed(), Some(ms(300)));
    }

    /// Guards the two bounds of the time-out and its doubling.
    #[test]
    fn sctp_7_the_time_out_stays_within_its_bounds_and_doubles() {
        let mut rto = rto();
        for _ in 0..50 {
            rto.measure(ms(1));
        }
        assert_eq!(rto.current(), ms(400));
        rto.back_off();
        assert_eq!(rto.current(), ms(800));
        for _ in 0..20 {
            rto.back_off();
        }
        assert_eq!(rto.current(), Duration::from_secs(60));
        rto.measure(ms(1));
        assert_eq!(rto.current(), ms(400));
        for _ in 0..50 {
            rto.measure(Duration::from_secs(500));
        }
        assert_eq!(rto.current(), Duration::from_secs(60));
    }

    /// The formula of RFC 9260 §6.3.1, by hand: SRTT takes an eighth of each measurement, RTTVAR a quarter of its distance.
    #[test]
    fn follows_an_unsteady_round_trip_and_settles_again() {
        let mut rto = rto();
        for (rtt, expect) in [
            (500, 500_000 + 4 * 250_000),
            (700, 525_000 + 4 * 237_500),
            (300, 496_875 + 4 * 234_375),
            // 0.75 × 234.375 + 0.25 × 503.125, and 496.875 + 503.125 / 8.
            (1_000, 559_765 + 4 * 301_562),
        ] {
            rto.measure(ms(rtt));
            let expect = Duration::from_micros(expect);
            assert!(rto.current().abs_diff(expect) < Duration::from_micros(5), "{rtt}: {:?}", rto.current());
        }
        let mut last = rto.current();
        for _ in 0..5 {
            rto.measure(ms(500));
            assert!(rto.current() < last, "{last:?}");
            last = rto.current();
        }
        for _ in 0..100 {
            rto.measure(ms(500));
        }
        assert!(rto.current() > ms(500) && rto.current() < ms(510), "{:?}", rto.current());
    }

    #[test]
    fn settles_above_a_steady_round_trip() {
        let mut rto = rto();
        for _ in 0..200 {
            rto.measure(ms(700));
        }
        assert!(rto.current() > ms(700) && rto.current() < ms(710), "{:?}", rto.current());
        assert_eq!((rto.least(), rto.recent()), (Some(ms(700)), Some(ms(700))));
    }
}
