//! Pictures thinned out to a rate.

use std::time::Duration;

/// Lets pictures pass at a rate, by their own times.
#[derive(Debug, Default)]
pub(super) struct FramePace {
    /// When the next one may pass.
    next: Option<Duration>,
}

impl FramePace {
    /// Whether the picture of that time passes, at `rate` in a second.
    pub fn admits(&mut self, at: Duration, rate: f64) -> bool {
        if rate <= 0.0 {
            return false;
        }
        let interval = Duration::try_from_secs_f64(1.0 / rate).unwrap_or(Duration::MAX);
        let next = match self.next {
            // Times jumped back: the source began anew.
            Some(next) if at.saturating_add(interval.saturating_mul(2)) < next => at,
            // Pictures are not quite regular.
            Some(next) if at.saturating_add(interval / 10) < next => return false,
            // After a pause what was missed is not made up for.
            Some(next) if next.saturating_add(interval) < at => at,
            Some(next) => next,
            None => at,
        };
        self.next = Some(next.saturating_add(interval));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(rate: f64, times: impl Iterator<Item = Duration>) -> usize {
        let mut pace = FramePace::default();
        times.filter(|at| pace.admits(*at, rate)).count()
    }

    #[test]
    fn a_second_holds_as_many_as_the_rate_says() {
        let thirty = || (0..300).map(|number| Duration::from_micros(number * 33_333));
        for (rate, count) in [(60.0, 300), (30.0, 300), (15.0, 150), (10.0, 100), (7.0, 70), (0.5, 5), (0.0, 0)] {
            assert!(passed(rate, thirty()).abs_diff(count) <= 1, "{rate}: {}", passed(rate, thirty()));
        }
        assert_eq!(passed(f64::MIN_POSITIVE, thirty()), 1);
    }

    #[test]
    fn a_pause_or_a_new_beginning_stops_nothing() {
        let mut pace = FramePace::default();
        let at = Duration::from_secs;
        assert!(pace.admits(at(1_000), 1.0) && pace.admits(at(2_000), 1.0) && !pace.admits(at(2_000), 1.0));
        assert!(pace.admits(at(0), 1.0) && !pace.admits(at(0), 1.0) && pace.admits(at(1), 1.0));
    }
}
