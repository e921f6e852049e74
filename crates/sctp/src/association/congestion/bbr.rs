//! A controller that goes by a model of the path: the bandwidth of its bottleneck and its round trip time without queues.
//!
//! After draft-ietf-ccwg-bbr, with what SCTP makes simpler: a delivery rate is measured over a whole round trip rather than
//! for each packet, and losses bound the volume in flight only where a queue came with them.

use super::{Ack, Cause};
use ortica_core::Instant;
use std::time::Duration;

/// How fast the window grows before the bandwidth is found (`StartupPacingGain`).
const STARTUP_GAIN: f64 = 2.77;
/// How fast what startup queued is let go (`DrainPacingGain`).
const DRAIN_GAIN: f64 = 0.5;
/// Volume in flight, in bandwidth-delay products: acknowledgements come in batches.
const WINDOW_GAIN: f64 = 2.0;
/// The bandwidth is found when three rounds in a row bring less than a quarter more.
const GROWTH: f64 = 1.25;
const ROUNDS_WITHOUT_GROWTH: u32 = 3;
/// What is left of the volume in flight after a loss by congestion (`Beta`), and the headroom left to others (`Headroom`).
const DECREASE: f64 = 0.7;
const HEADROOM: f64 = 0.85;
/// How long bandwidth is not probed for.
const CRUISE: Duration = Duration::from_millis(2_000);
/// How long a shortest round trip stands until another is looked for (`ProbeRTTInterval`), and how long that takes.
const PROBE_RTT_INTERVAL: Duration = Duration::from_secs(5);
const PROBE_RTT_TIME: Duration = Duration::from_millis(200);
/// A round shorter than this goes on: batches count for more than the path.
const LEAST_ROUND: Duration = Duration::from_millis(1);
/// Bytes in flight beyond the product that batches at both ends hold back.
const MOST_BATCH: f64 = 3.0 * 65_536.0;

/// Bottleneck bandwidth and round-trip propagation time.
#[derive(Clone, Debug)]
pub struct Bbr {
    segment: usize,
    window: usize,
    mode: Mode,
    since: Instant,
    /// Bytes per second: the most in this cycle of probing, and in the one before.
    bandwidth: [f64; 2],
    least_rtt: Option<(Duration, Instant)>,
    /// The shortest round trip while another is looked for.
    probed_rtt: Option<Duration>,
    /// When the round being measured began, bytes acknowledged in it, and whether the application held it back.
    round: (Instant, usize, bool),
    /// The bandwidth when it last grew by a quarter, and rounds since.
    grown: (f64, u32),
    /// Bytes in flight that were too much when bandwidth was last probed for; and since then.
    long_bound: f64,
    short_bound: f64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mode {
    /// Doubles the rate each round until the bandwidth is found.
    Startup,
    /// Lets the queue go that this made.
    Drain,
    /// Keeps below the bandwidth until no more is in flight than the path holds.
    Down,
    /// Keeps to the bandwidth.
    Cruise,
    /// Fills the path again before it probes.
    Refill,
    /// Tries for more.
    Up,
    /// Keeps the path nearly empty to see its round trip time.
    ProbeRtt,
}

impl Bbr {
    pub fn new(segment: usize, window: usize) -> Self {
        let start = Instant::from_nanos(0);
        Self {
            segment,
            window,
            mode: Mode::Startup,
            since: start,
            bandwidth: [0.0; 2],
            least_rtt: None,
            probed_rtt: None,
            round: (start, 0, false),
            grown: (0.0, 0),
            long_bound: f64::INFINITY,
            short_bound: f64::INFINITY,
        }
    }

    pub fn window(&self) -> usize {
        self.window
    }

    /// Bytes per second at which to send, once the bandwidth is known.
    pub fn rate(&self) -> Option<u64> {
        let gain = match self.mode {
            Mode::Startup => STARTUP_GAIN,
            Mode::Drain => DRAIN_GAIN,
            Mode::Down => 0.9,
            Mode::Up => GROWTH,
            Mode::Cruise | Mode::Refill | Mode::ProbeRtt => 1.0,
        };
        let bandwidth = self.most_bandwidth();
        // A little below, so that queues shrink rather than grow by rounding.
        (bandwidth > 0.0).then_some((0.99 * gain * bandwidth) as u64)
    }

    fn most_bandwidth(&self) -> f64 {
        self.bandwidth[0].max(self.bandwidth[1])
    }

    /// Bytes that the path holds without a queue.
    fn product(&self) -> f64 {
        self.least_rtt.map_or(0.0, |(rtt, _)| self.most_bandwidth() * rtt.as_secs_f64())
    }

    fn floor(&self) -> usize {
        4 * self.segment
    }

    fn enter(&mut self, mode: Mode, now: Instant) {
        (self.mode, self.since) = (mode, now);
    }

    pub fn on_ack(&mut self, ack: &Ack, new_round: bool) {
        self.see_rtt(ack);
        let (start, bytes, limited) = &mut self.round;
        *bytes += ack.bytes;
        *limited |= !ack.held_back;
        let elapsed = ack.now.saturating_duration_since(*start);
        let ends = new_round && elapsed >= LEAST_ROUND;
        if ends {
            let (rate, limited) = (*bytes as f64 / elapsed.as_secs_f64(), *limited);
            let is_first = *start == Instant::from_nanos(0);
            self.round = (ack.now, 0, false);
            if !is_first {
                self.see_rate(rate, limited);
            }
        }
        self.step(ack, ends);
        self.set_window(ack);
    }

    fn see_rtt(&mut self, ack: &Ack) {
        let Some(rtt) = ack.rtt else { return };
        if self.mode == Mode::ProbeRtt {
            self.probed_rtt = Some(self.probed_rtt.map_or(rtt, |probed| probed.min(rtt)));
        }
        if self.least_rtt.is_none_or(|(least, _)| rtt <= least) {
            self.least_rtt = Some((rtt, ack.now));
        }
    }

    fn see_rate(&mut self, rate: f64, limited: bool) {
        if limited && rate <= self.most_bandwidth() {
            return;
        }
        self.bandwidth[1] = self.bandwidth[1].max(rate);
        if rate >= self.grown.0 * GROWTH {
            self.grown = (rate, 0);
        } else {
            self.grown.1 += 1;
        }
    }

    /// One step of the cycle; `ends` says that a round did.
    fn step(&mut self, ack: &Ack, ends: bool) {
        let (now, in_flight, product) = (ack.now, ack.in_flight as f64, self.product());
        let elapsed = now.saturating_duration_since(self.since);
        match self.mode {
            Mode::Startup if self.grown.1 >= ROUNDS_WITHOUT_GROWTH => self.enter(Mode::Drain, now),
            Mode::Drain if in_flight <= product => self.enter(Mode::Down, now),
            Mode::Down if in_flight <= product.min(HEADROOM * self.long_bound) => self.enter(Mode::Cruise, now),
            Mode::Cruise if elapsed >= CRUISE => {
                self.short_bound = f64::INFINITY;
                self.enter(Mode::Refill, now);
            }
            Mode::Refill if ends && elapsed > self.least() => {
                self.grown = (self.most_bandwidth(), 0);
                self.enter(Mode::Up, now);
            }
            Mode::Up => {
                if ends && in_flight >= HEADROOM * self.long_bound {
                    self.long_bound *= GROWTH;
                }
                // Longer as long as it finds more: three rounds without are the end of it.
                let is_found = self.grown.1 >= ROUNDS_WITHOUT_GROWTH || in_flight >= 2.0 * product;
                if is_found || (in_flight >= GROWTH * product && elapsed > 3 * self.least()) {
                    self.end_up(now);
                }
            }
            Mode::ProbeRtt if elapsed >= PROBE_RTT_TIME.max(self.least()) => {
                let found = self.probed_rtt.take().unwrap_or(self.least());
                self.least_rtt = Some((found, now));
                let next = if self.grown.1 >= ROUNDS_WITHOUT_GROWTH { Mode::Cruise } else { Mode::Startup };
                self.enter(next, now);
            }
            _ => (),
        }
        let is_old = self.least_rtt.is_some_and(|(_, at)| now.saturating_duration_since(at) > PROBE_RTT_INTERVAL);
        if is_old && self.mode != Mode::ProbeRtt {
            self.enter(Mode::ProbeRtt, now);
        }
    }

    fn least(&self) -> Duration {
        self.least_rtt.map_or(Duration::ZERO, |(rtt, _)| rtt)
    }

    /// Probing for bandwidth is over, and a new cycle begins.
    fn end_up(&mut self, now: Instant) {
        self.bandwidth = [self.bandwidth[1], 0.0];
        self.grown.1 = ROUNDS_WITHOUT_GROWTH;
        self.enter(Mode::Down, now);
    }

    fn set_window(&mut self, ack: &Ack) {
        if self.mode == Mode::Startup {
            if ack.held_back {
                self.window += ack.bytes;
            }
            return;
        }
        let product = self.product();
        let headroom = if matches!(self.mode, Mode::Down | Mode::Cruise) { HEADROOM } else { 1.0 };
        let target = if self.mode == Mode::ProbeRtt {
            product / 2.0
        } else {
            // What a millisecond carries waits in batches.
            let batch = (3.0 * self.most_bandwidth() / 1_000.0).min(MOST_BATCH);
            (WINDOW_GAIN * product + batch).min(headroom * self.long_bound).min(self.short_bound)
        };
        let target = (target as usize).max(self.floor());
        self.window = target.min(self.window.saturating_add(ack.bytes));
    }

    pub fn on_loss(&mut self, now: Instant, cause: Cause) {
        if cause == Cause::Chance {
            return;
        }
        let left = (DECREASE * self.window as f64).max(self.product() * DECREASE).max(self.floor() as f64);
        match self.mode {
            Mode::Startup => {
                self.long_bound = (self.window as f64).max(self.product());
                self.grown.1 = ROUNDS_WITHOUT_GROWTH;
                self.enter(Mode::Drain, now);
            }
            Mode::Up | Mode::Refill => {
                self.long_bound = (self.window as f64 * HEADROOM).max(left);
                self.end_up(now);
            }
            Mode::Drain | Mode::Down | Mode::Cruise | Mode::ProbeRtt => self.short_bound = left,
        }
    }

    /// What is known of the path stays known; the window opens again with what is acknowledged.
    pub fn on_timeout(&mut self) {
        self.window = self.segment;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEGMENT: usize = 1_176;
    const RTT: Duration = Duration::from_millis(50);

    /// A path of `rate` bytes per second, in rounds: what exceeds it waits in a queue.
    struct Rounds {
        bbr: Bbr,
        now: Instant,
        rate: f64,
    }

    impl Rounds {
        fn new(rate: f64) -> Self {
            Self { bbr: Bbr::new(SEGMENT, 4_404), now: netsim::epoch(), rate }
        }

        /// A round trip with a full window, acknowledged at the rate of the path.
        fn round(&mut self) {
            let paced = self.bbr.rate().map_or(f64::MAX, |rate| rate as f64) * RTT.as_secs_f64();
            let in_flight = (self.bbr.window() as f64).min(paced.max(4_404.0));
            let time = (in_flight / self.rate).max(RTT.as_secs_f64());
            self.now += Duration::from_secs_f64(time);
            let rtt = Some(Duration::from_secs_f64(time));
            let ack = Ack {
                now: self.now,
                bytes: in_flight as usize,
                rtt,
                least_rtt: rtt,
                arrived: 0,
                sent: 0,
                in_flight: in_flight as usize,
                held_back: true,
            };
            self.bbr.on_ack(&ack, true);
        }

        fn bandwidth(&self) -> f64 {
            self.bbr.most_bandwidth() / self.rate
        }
    }

    #[test]
    fn startup_finds_the_bandwidth_and_leaves_no_queue() {
        let mut path = Rounds::new(12.5e6);
        let mut rounds = 0;
        while path.bbr.mode != Mode::Cruise {
            path.round();
            rounds += 1;
            assert!(rounds < 40, "{:?}", path.bbr);
        }
        assert!((0.9..1.1).contains(&path.bandwidth()), "{}", path.bandwidth());
        let product = path.rate * RTT.as_secs_f64();
        assert!(path.bbr.window() as f64 <= 2.0 * product + MOST_BATCH);
        assert!((path.bbr.rate().unwrap() as f64) < path.rate * 1.1);
    }

    #[test]
    fn more_and_less_bandwidth_are_found_later() {
        let mut path = Rounds::new(1.25e6);
        (0..400).for_each(|_| path.round());
        path.rate = 12.5e6;
        (0..2_000).for_each(|_| path.round());
        assert!((0.7..1.2).contains(&path.bandwidth()), "{}", path.bandwidth());
        path.rate = 2.5e6;
        (0..2_000).for_each(|_| path.round());
        assert!((0.7..1.3).contains(&path.bandwidth()), "{}", path.bandwidth());
    }

    #[test]
    fn losses_count_only_where_a_queue_came_with_them() {
        let mut path = Rounds::new(12.5e6);
        while path.bbr.mode != Mode::Cruise {
            path.round();
        }
        let before = path.bbr.window();
        path.bbr.on_loss(path.now, Cause::Chance);
        path.round();
        assert_eq!(path.bbr.window(), before);
        path.bbr.on_loss(path.now, Cause::Congestion);
        path.round();
        assert!(path.bbr.window() as f64 <= before as f64 * 0.71, "{} {before}", path.bbr.window());
    }

    #[test]
    fn the_round_trip_time_is_looked_for_again() {
        let mut path = Rounds::new(12.5e6);
        let mut seen = false;
        for _ in 0..300 {
            path.round();
            if path.bbr.mode == Mode::ProbeRtt {
                seen = true;
                assert!(path.bbr.window() as f64 <= 0.6 * path.rate * RTT.as_secs_f64());
            }
        }
        assert!(!seen, "each round here is as short as the shortest");
        // Rounds that are longer for a while, as with a queue of others.
        path.bbr.least_rtt = Some((RTT / 2, path.now));
        for _ in 0..300 {
            path.round();
            seen |= path.bbr.mode == Mode::ProbeRtt;
        }
        assert!(seen && path.bbr.least() >= RTT);
    }
}
