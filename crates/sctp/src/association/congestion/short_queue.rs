//! A bound on the queue that an association builds on a path it shares with traffic that cannot wait.
//!
//! How long the queue is tell the round trip times, as with [RFC 6817](https://www.rfc-editor.org/rfc/rfc6817), and a queue is
//! too long when it stands, as with [RFC 8289 §4.1](https://www.rfc-editor.org/rfc/rfc8289#section-4.1): when even the shortest
//! round trip of a period shows it. Frames of video make queues that come and go, and those say nothing about data.

use super::Ack;
use ortica_core::Instant;
use std::time::Duration;

/// The longest queue that may stand.
const BOUND: Duration = Duration::from_millis(25);
/// The shortest time to judge it by: more than a frame of video takes to come and go.
const LEAST_PERIOD: Duration = Duration::from_millis(50);
/// How long a shortest round trip is remembered, at least; at most twice as long.
const HISTORY: Duration = Duration::from_secs(10);
/// A queue that stands for so long, although the window was cut again and again, is not ours: others make it, or the path has
/// become longer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bounds of what a loss leaves of the window.
const AFTER_LOSS: (f64, f64) = (0.7, 0.93);

/// Watches the queue, and says by how much to give way.
#[derive(Clone, Debug)]
pub struct ShortQueue {
    base: Base,
    /// The shortest round trip ever.
    least: Duration,
    period: Period,
    /// The shortest round trip in the last period that was judged.
    latest: Duration,
    /// Since when it has been too long.
    too_long_since: Option<Instant>,
    has_cut: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// The queue is too long: to keep this share of the window.
    GiveWay(f64),
    /// The queue is not ours, and the window was cut in vain.
    StartOver,
}

/// The shortest round trip of late, which is the path's own.
#[derive(Clone, Copy, Debug)]
struct Base {
    before: Duration,
    current: Duration,
    since: Instant,
}

/// The time that a queue is judged by: a round trip, or the two after a cut that it takes to show.
#[derive(Clone, Copy, Debug)]
struct Period {
    start: Instant,
    rounds_left: u32,
    least: Option<Duration>,
    /// The window or the pace held sending back at some point.
    held_back: bool,
}

impl Base {
    fn see(&mut self, now: Instant, rtt: Duration) {
        if now.saturating_duration_since(self.since) >= HISTORY {
            *self = Self { before: self.current, current: rtt, since: now };
        }
        self.current = self.current.min(rtt);
    }

    fn get(self) -> Duration {
        self.before.min(self.current)
    }
}

impl Period {
    fn new(start: Instant, rounds: u32) -> Self {
        Self { start, rounds_left: rounds, least: None, held_back: false }
    }
}

impl ShortQueue {
    /// Begins with the shortest round trip time known.
    pub fn new(now: Instant, least_rtt: Duration) -> Self {
        Self {
            base: Base { before: least_rtt, current: least_rtt, since: now },
            least: least_rtt,
            period: Period::new(now, 1),
            latest: least_rtt,
            too_long_since: None,
            has_cut: false,
        }
    }

    /// The window was cut because of the queue since this began.
    pub fn has_cut(&self) -> bool {
        self.has_cut
    }

    /// Takes in an acknowledgement.
    pub fn on_ack(&mut self, ack: &Ack, new_round: bool) -> Option<Verdict> {
        let period = &mut self.period;
        period.held_back |= ack.held_back;
        period.rounds_left = period.rounds_left.saturating_sub(u32::from(new_round));
        if let Some(rtt) = ack.rtt {
            self.base.see(ack.now, rtt);
            self.least = self.least.min(rtt);
            period.least = Some(period.least.map_or(rtt, |least| least.min(rtt)));
        }
        let is_over = period.rounds_left == 0 && ack.now.saturating_duration_since(period.start) >= LEAST_PERIOD;
        let least = period.least.filter(|_| is_over)?;
        let held_back = period.held_back;
        self.period = Period::new(ack.now, 1);
        self.judge(ack.now, least, held_back)
    }

    fn judge(&mut self, now: Instant, least: Duration, held_back: bool) -> Option<Verdict> {
        let base = self.base.get();
        self.latest = least;
        if least <= base + BOUND {
            self.too_long_since = None;
            return None;
        }
        // Who sends less than the window allows has no part in it.
        if !held_back {
            return None;
        }
        let since = *self.too_long_since.get_or_insert(now);
        if now.saturating_duration_since(since) >= PATIENCE {
            self.base = Base { before: least, current: least, since: now };
            self.too_long_since = None;
            return Some(Verdict::StartOver);
        }
        self.has_cut = true;
        self.on_reduced(now);
        Some(Verdict::GiveWay(ratio(base, least)))
    }

    /// The window was cut, for whatever reason: it takes a round trip until that shows.
    fn on_reduced(&mut self, now: Instant) {
        self.period = Period::new(now, 2);
    }

    /// Something was lost. Returns the share of the window to keep: less the queue that stands, whoever made it, and a little less
    /// even if none does.
    pub fn on_loss(&mut self, now: Instant) -> f64 {
        let latest = self.period.least.unwrap_or(self.latest);
        self.on_reduced(now);
        ratio(self.least, latest).clamp(AFTER_LOSS.0, AFTER_LOSS.1)
    }
}

fn ratio(base: Duration, rtt: Duration) -> f64 {
    base.as_nanos() as f64 / rtt.max(base).as_nanos().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const RTT: Duration = Duration::from_millis(40);

    /// A sender whose round trips take as long as the test says.
    struct Rounds {
        queue: ShortQueue,
        now: Instant,
        held_back: bool,
    }

    impl Rounds {
        fn new() -> Self {
            let now = netsim::epoch();
            Self { queue: ShortQueue::new(now, RTT), now, held_back: true }
        }

        /// A round of four acknowledgements with these round trip times, in milliseconds. It takes as long as the last.
        fn round(&mut self, rtts: [u64; 4]) -> Option<Verdict> {
            let mut verdict = None;
            for (at, ms) in rtts.into_iter().enumerate() {
                self.now += Duration::from_millis(rtts[3]) / 4;
                let rtt = Some(Duration::from_millis(ms));
                let (now, held_back) = (self.now, self.held_back);
                let ack = Ack { now, bytes: 1_000, rtt, least_rtt: rtt, arrived: 0, sent: 0, in_flight: 0, held_back };
                verdict = verdict.or(self.queue.on_ack(&ack, at == 0));
            }
            verdict
        }

        /// How often it gives way in so many rounds.
        fn cuts(&mut self, rounds: usize, ms: u64) -> usize {
            (0..rounds).filter(|_| matches!(self.round([ms; 4]), Some(Verdict::GiveWay(_)))).count()
        }
    }

    #[test]
    fn a_standing_queue_is_given_up_and_a_short_one_is_not() {
        let mut rounds = Rounds::new();
        assert_eq!(rounds.cuts(40, 65), 0);
        assert!(!rounds.queue.has_cut());
        let verdict = (0..3).find_map(|_| rounds.round([80; 4]));
        assert_eq!(verdict, Some(Verdict::GiveWay(0.5)));
        assert!(rounds.queue.has_cut());
    }

    /// Guards against cuts for what a frame of video makes.
    #[test]
    fn a_queue_that_comes_and_goes_is_none() {
        let mut rounds = Rounds::new();
        assert!((0..100).all(|_| rounds.round([50, 120, 90, 60]).is_none()));
    }

    #[test]
    fn a_cut_gets_the_time_to_show() {
        let mut rounds = Rounds::new();
        let cut: Vec<_> = (0..6).map(|_| rounds.round([80; 4]).is_some()).collect();
        assert_eq!(cut, [true, false, true, false, true, false]);
    }

    #[test]
    fn who_is_not_held_back_has_no_part_in_the_queue() {
        let mut rounds = Rounds { held_back: false, ..Rounds::new() };
        assert_eq!(rounds.cuts(100, 200), 0);
    }

    /// Guards data on a path that has become longer, or whose queue others keep full.
    #[test]
    fn a_queue_that_no_cut_shortens_is_not_ours() {
        let mut rounds = Rounds::new();
        let verdicts: Vec<_> = (0..50).filter_map(|_| rounds.round([140; 4])).collect();
        assert!((5..=12).contains(&verdicts.len()), "{verdicts:?}");
        assert_eq!(verdicts.iter().position(|&it| it == Verdict::StartOver), Some(verdicts.len() - 1));
        assert_eq!(rounds.cuts(40, 160), 0);
        assert!(rounds.cuts(4, 170) > 0);
        // And shorter again.
        rounds.round([40; 4]);
        assert!(rounds.cuts(4, 80) > 0);
    }

    #[test]
    fn a_shortest_round_trip_is_forgotten_after_twenty_seconds() {
        let mut rounds = Rounds::new();
        // Longer by less than the bound.
        assert_eq!(rounds.cuts(300, 60), 0);
        assert!(rounds.now > netsim::epoch() + 15 * Duration::from_secs(1));
        rounds.cuts(100, 60);
        assert_eq!(rounds.cuts(20, 80), 0);
        assert!(rounds.cuts(4, 90) > 0);
    }

    #[test]
    fn a_loss_costs_the_queue_that_stands() {
        let mut rounds = Rounds::new();
        for (ms, share) in [(40, 0.93), (41, 0.93), (50, 0.8), (60, 0.7)] {
            rounds.round([ms; 4]);
            assert!((rounds.queue.on_loss(rounds.now) - share).abs() < 1e-9, "{ms}");
        }
    }

    #[test]
    fn a_path_that_takes_no_time_is_no_reason_to_divide_by_it() {
        assert!((ratio(Duration::ZERO, Duration::ZERO)).abs() < 1e-9);
        assert!((ratio(MS, MS) - 1.0).abs() < 1e-9);
    }
}
