//! Times for an encoder that wants them to rise.

use std::time::Duration;

/// Ticks of 90 kHz.
const CLOCK: u32 = 90_000;

/// Turns times of pictures into times that rise from zero on: a source that stands still, jumps back or far ahead counts as one
/// that goes on at its usual pace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RisingClock {
    /// Of a picture that does not tell, in ticks of 90 kHz.
    usual: u32,
    last: Option<i64>,
    elapsed: u64,
}

impl RisingClock {
    /// For this many pictures in a second.
    pub fn new(frame_rate: u32) -> Self {
        Self { usual: CLOCK / frame_rate.max(1), last: None, elapsed: 0 }
    }

    /// The time of the next picture, and how long the one before it lasted, or it itself if it is the first, in ticks.
    pub fn next(&mut self, pts: i64) -> (Duration, u32) {
        let Some(last) = self.last.replace(pts) else { return (Duration::ZERO, self.usual) };
        let step = u32::try_from(pts.saturating_sub(last)).ok();
        let step = step.filter(|step| (1..=CLOCK * 10).contains(step)).unwrap_or(self.usual);
        self.elapsed += u64::from(step);
        let seconds = self.elapsed / u64::from(CLOCK);
        let rest = self.elapsed % u64::from(CLOCK) * 1_000_000 / u64::from(CLOCK);
        (Duration::from_secs(seconds) + Duration::from_micros(rest), step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_rise_whatever_the_source_says() {
        let mut clock = RisingClock::new(30);
        let times: Vec<u64> = [0, 0, -5, 3_000, i64::MAX, i64::MIN, 6_000, 9_000, 99_000]
            .map(|pts| clock.next(pts).0.as_millis() as u64)
            .to_vec();
        assert_eq!(times, [0, 33, 66, 100, 133, 166, 200, 233, 1_233]);
    }
}
