//! When to leave slow start before something is lost: HyStart++.
//!
//! Source: [RFC 9406 §4.2](https://www.rfc-editor.org/rfc/rfc9406#section-4.2). What leaves is paced, so growth per
//! acknowledgement has no bound of its own (L is infinite).

use super::Ack;
use std::time::Duration;

/// Round trips measured before a round is judged (`N_RTT_SAMPLE`).
const SAMPLES: u32 = 8;
/// Bounds of the increase that counts (`MIN_RTT_THRESH`, `MAX_RTT_THRESH`), and its share of the round trip time.
const LEAST_INCREASE: Duration = Duration::from_millis(4);
const MOST_INCREASE: Duration = Duration::from_millis(16);
const INCREASE_DIVISOR: u32 = 8;
/// How much slower the conservative phase grows (`CSS_GROWTH_DIVISOR`), and how many rounds it lasts (`CSS_ROUNDS`).
const CONSERVATIVE_DIVISOR: usize = 4;
const CONSERVATIVE_ROUNDS: u32 = 5;

/// Slow start, which ends itself when the round trip time says that a queue builds up.
#[derive(Clone, Debug, Default)]
pub struct SlowStart {
    last: Option<Duration>,
    current: Option<Duration>,
    samples: u32,
    conservative: Option<Conservative>,
}

/// Conservative slow start: the increase may have been noise.
#[derive(Clone, Copy, Debug)]
struct Conservative {
    /// The round trip time at its beginning.
    baseline: Duration,
    rounds: u32,
}

/// What slow start makes of an acknowledgement.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Step {
    /// Bytes by which the window may grow.
    pub growth: usize,
    /// Slow start is over.
    pub done: bool,
}

impl SlowStart {
    /// Takes in an acknowledgement.
    pub fn on_ack(&mut self, ack: &Ack, new_round: bool) -> Step {
        if new_round {
            (self.last, self.current, self.samples) = (self.current, None, 0);
            if let Some(conservative) = &mut self.conservative {
                conservative.rounds += 1;
                if conservative.rounds >= CONSERVATIVE_ROUNDS {
                    return Step { growth: 0, done: true };
                }
            }
        }
        if let Some(rtt) = ack.rtt {
            self.current = Some(self.current.map_or(rtt, |current| current.min(rtt)));
            self.samples += 1;
            self.judge();
        }
        let divisor = if self.conservative.is_some() { CONSERVATIVE_DIVISOR } else { 1 };
        Step { growth: ack.bytes / divisor, done: false }
    }

    fn judge(&mut self) {
        let (Some(current), true) = (self.current, self.samples >= SAMPLES) else { return };
        match (self.conservative, self.last) {
            (Some(Conservative { baseline, .. }), _) if current < baseline => self.conservative = None,
            (None, Some(last)) => {
                let increase = (last / INCREASE_DIVISOR).clamp(LEAST_INCREASE, MOST_INCREASE);
                if current >= last + increase {
                    self.conservative = Some(Conservative { baseline: current, rounds: 0 });
                }
            }
            _ => (),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netsim::epoch;

    /// A round of `count` acknowledgements, each of 1,000 bytes and with this round trip time.
    fn round(slow_start: &mut SlowStart, count: u32, ms: u64) -> (usize, bool) {
        let rtt = Some(Duration::from_millis(ms));
        let ack =
            Ack { now: epoch(), bytes: 1_000, rtt, least_rtt: rtt, arrived: 0, sent: 0, in_flight: 0, held_back: true };
        let steps: Vec<_> = (0..count).map(|at| slow_start.on_ack(&ack, at == 0)).collect();
        (steps.iter().map(|step| step.growth).sum(), steps.iter().any(|step| step.done))
    }

    #[test]
    fn grows_by_what_is_acknowledged_while_no_queue_builds_up() {
        let mut slow_start = SlowStart::default();
        for _ in 0..20 {
            assert_eq!(round(&mut slow_start, 10, 50), (10_000, false));
        }
    }

    #[test]
    fn a_queue_slows_it_down_and_ends_it_after_five_rounds() {
        let mut slow_start = SlowStart::default();
        round(&mut slow_start, 10, 50);
        // Six milliseconds are not an eighth of fifty.
        assert_eq!(round(&mut slow_start, 10, 56), (10_000, false));
        assert_eq!(round(&mut slow_start, 10, 63), (7 * 1_000 + 3 * 250, false));
        for _ in 0..4 {
            assert_eq!(round(&mut slow_start, 10, 63), (2_500, false));
        }
        assert!(round(&mut slow_start, 10, 63).1);
    }

    #[test]
    fn a_queue_that_goes_away_was_noise() {
        let mut slow_start = SlowStart::default();
        round(&mut slow_start, 10, 50);
        round(&mut slow_start, 10, 60);
        assert_eq!(round(&mut slow_start, 10, 52), (7 * 250 + 3 * 1_000, false));
        for _ in 0..20 {
            assert_eq!(round(&mut slow_start, 10, 52), (10_000, false));
        }
    }

    #[test]
    fn too_few_measurements_say_nothing() {
        let mut slow_start = SlowStart::default();
        round(&mut slow_start, 7, 50);
        for ms in 51..150 {
            assert_eq!(round(&mut slow_start, 7, ms * 10), (7_000, false));
        }
    }
}
