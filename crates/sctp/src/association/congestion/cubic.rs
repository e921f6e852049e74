//! CUBIC, told apart by whether a loss came with a queue.
//!
//! Source: [RFC 9438](https://www.rfc-editor.org/rfc/rfc9438)

use super::slow_start::SlowStart;
use super::{Ack, Cause};
use ortica_core::Instant;
use std::time::Duration;

/// How steep the curve is, in segments per second cubed (`C`).
const STEEPNESS: f64 = 0.4;
/// What is left of the window after a loss by congestion (β).
const DECREASE: f64 = 0.7;
/// What is left of it after a loss by chance. A path that loses packets while no queue stands before its bottleneck carries
/// as much as before, and a window cut to 0.7 for each of them stays far below what it carries (§4.9 of RFC 9438 leaves
/// what a sender makes of losses that it knows not to be of congestion to it). The window gives way all the same, since a
/// bottleneck with next to no buffer looks alike, and since flows that share a path come to equal shares by it. With this it
/// grows as a Reno flow does, by a segment a round trip, which makes twice of what a Reno flow gets that loses as often.
const CHANCE_DECREASE: f64 = 0.85;
/// How fast the window of a Reno flow grows that loses as often (α): 3 (1 − β) / (1 + β) segments a round trip.
const RENO_GROWTH: f64 = 3.0 * (1.0 - DECREASE) / (1.0 + DECREASE);

/// The window grows along a cubic curve of the time since the last loss, flat where the path was full then.
#[derive(Clone, Debug)]
pub struct Cubic {
    /// Bytes, as are all windows here.
    segment: f64,
    window: f64,
    threshold: f64,
    /// The window at the last loss (`W_max`).
    full: f64,
    /// The window before the last loss by congestion (`cwnd_prior`), below which it grows more slowly than a Reno flow; zero after
    /// one by chance.
    prior: f64,
    epoch: Option<Epoch>,
    last_ack: Option<Instant>,
    slow_start: SlowStart,
}

/// One climb along the curve.
#[derive(Clone, Copy, Debug)]
struct Epoch {
    start: Instant,
    /// Seconds until the curve reaches `full` (`K`).
    rise: f64,
    /// The window of a Reno flow (`W_est`).
    reno: f64,
}

impl Cubic {
    pub fn new(segment: usize, window: usize) -> Self {
        Self {
            segment: segment as f64,
            window: window as f64,
            threshold: f64::INFINITY,
            full: 0.0,
            prior: 0.0,
            epoch: None,
            last_ack: None,
            slow_start: SlowStart::default(),
        }
    }

    pub fn window(&self) -> usize {
        self.window as usize
    }

    pub fn is_slow_start(&self) -> bool {
        self.window < self.threshold
    }

    pub fn on_ack(&mut self, ack: &Ack, new_round: bool, recovering: bool) {
        let since = self.last_ack.replace(ack.now).map_or(Duration::ZERO, |at| ack.now.saturating_duration_since(at));
        if !ack.held_back {
            // Time that the application lets pass is no time on the curve (§5.8).
            if let Some(epoch) = &mut self.epoch {
                epoch.start += since;
            }
            return;
        }
        if recovering && self.is_reduced() {
            return;
        }
        if self.is_slow_start() {
            let step = self.slow_start.on_ack(ack, new_round);
            self.window = (self.window + step.growth as f64).min(self.threshold);
            if step.done {
                self.threshold = self.window;
            }
            return;
        }
        self.climb(ack);
    }

    /// Whether the last loss was one by congestion.
    fn is_reduced(&self) -> bool {
        self.window < self.prior
    }

    /// Congestion avoidance (§4.2 to §4.5).
    fn climb(&mut self, ack: &Ack) {
        if self.epoch.is_none() {
            self.full = self.full.max(self.window);
        }
        let Self { segment, window, full, .. } = *self;
        let epoch = self.epoch.get_or_insert_with(|| {
            let rise = cube_root((full - window) / segment / STEEPNESS);
            Epoch { start: ack.now, rise, reno: window }
        });
        let elapsed = ack.now.saturating_duration_since(epoch.start).as_secs_f64();
        let curve = |at: f64| {
            let time = at - epoch.rise;
            full + STEEPNESS * time * time * time * segment
        };
        let share = ack.bytes as f64 / window;
        epoch.reno += if epoch.reno < self.prior { RENO_GROWTH } else { 1.0 } * segment * share;
        let reno = epoch.reno;
        if curve(elapsed) < reno {
            self.window = window.max(reno);
            return;
        }
        let rtt = ack.rtt.or(ack.least_rtt).unwrap_or_default().as_secs_f64();
        let target = curve(elapsed + rtt).clamp(window, 1.5 * window);
        self.window += (target - window) * share.min(1.0);
    }

    pub fn on_loss(&mut self, cause: Cause) {
        let floor = 4.0 * self.segment;
        match cause {
            Cause::Congestion => {
                self.prior = self.window;
                // Fast convergence (§4.7): whoever is full sooner than before makes room for others.
                let shrinks = self.window < self.full && !self.is_slow_start();
                self.full = if shrinks { self.window * (1.0 + DECREASE) / 2.0 } else { self.window };
                self.window = (self.window * DECREASE).max(floor);
            }
            Cause::Chance => {
                // In slow start the last round trip doubled the window, and nothing says that the path carries all of it.
                let keep = if self.is_slow_start() { DECREASE } else { CHANCE_DECREASE };
                (self.prior, self.full) = (0.0, self.window);
                self.window = (self.window * keep).max(floor);
            }
        }
        self.threshold = self.window;
        self.epoch = None;
    }

    /// Keeps this share of the window, and two segments at least ([RFC 6817 §2.5](https://www.rfc-editor.org/rfc/rfc6817#section-2.5)).
    pub fn give_way(&mut self, keep: f64) {
        (self.prior, self.full) = (self.window, self.window);
        self.window = (self.window * keep).max(2.0 * self.segment).min(self.window);
        self.threshold = self.window;
        self.epoch = None;
    }

    /// Slow start begins again where the window is.
    pub fn start_over(&mut self) {
        self.threshold = f64::INFINITY;
        self.slow_start = SlowStart::default();
        self.epoch = None;
    }

    pub fn on_timeout(&mut self) {
        self.prior = self.window;
        self.full = self.window;
        self.threshold = (self.window * DECREASE).max(4.0 * self.segment);
        self.window = self.segment;
        self.epoch = None;
        self.slow_start = SlowStart::default();
    }

    pub fn on_idle(&mut self, periods: u32) {
        let floor = 4.0 * self.segment;
        if self.window > floor {
            self.threshold = if self.is_slow_start() { self.threshold } else { self.window };
            self.window = (self.window / f64::from(1u32 << periods.min(30))).max(floor);
            self.epoch = None;
        }
    }
}

/// By Newton's method from above, so that it comes out the same on every machine.
fn cube_root(x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let mut root = x.max(1.0);
    loop {
        let next = (2.0 * root + x / (root * root)) / 3.0;
        if next >= root {
            return root;
        }
        root = next;
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{RTT, SEGMENT, acked, cubic, lost, lost_by_chance, standing};
    use super::*;

    #[test]
    fn cube_roots_are_right() {
        for x in [0.0, 1e-9, 0.3, 1.0, 2.0, 27.0, 1e3, 1e9] {
            let root = cube_root(x);
            assert!((root * root * root - x).abs() <= 1e-9 * x.max(1e-9), "{x} {root}");
        }
    }

    /// Guards the shape of the curve: fast after a loss, flat where the window was before, fast again beyond.
    #[test]
    fn the_window_comes_back_in_the_time_of_the_curve() {
        let mut congestion = cubic();
        while congestion.window() < 1_000 * SEGMENT {
            acked(&mut congestion, 100 * SEGMENT);
        }
        let full = congestion.window();
        lost(&mut congestion);
        assert_eq!(congestion.window(), (full as f64 * 0.7) as usize);
        // K: the cube root of 0.3 · 1,000 / 0.4, some nine seconds.
        let rise = cube_root(0.3 * (full / SEGMENT) as f64 / 0.4);
        let mut windows = Vec::new();
        let rounds = (rise / RTT.as_secs_f64()) as usize;
        for _ in 0..2 * rounds {
            let window = congestion.window();
            acked(&mut congestion, window);
            windows.push(congestion.window());
        }
        let at = |share: f64| windows[(share * rounds as f64) as usize - 1] as f64 / full as f64;
        assert!(at(0.5) > 0.94 && at(0.5) < 0.98, "{}", at(0.5));
        assert!(at(1.0) > 0.99 && at(1.0) < 1.01, "{}", at(1.0));
        assert!(at(2.0) > 1.25, "{}", at(2.0));
    }

    #[test]
    fn a_short_path_is_shared_with_reno_flows() {
        let mut congestion = cubic();
        while congestion.window() < 20 * SEGMENT {
            acked(&mut congestion, SEGMENT);
        }
        lost(&mut congestion);
        let before = congestion.window();
        for _ in 0..10 {
            let window = congestion.window();
            acked(&mut congestion, window);
        }
        // 0.53 segments a round, whatever the curve says after a second.
        let grown = (congestion.window() - before) as f64 / SEGMENT as f64;
        assert!((4.5..8.0).contains(&grown), "{grown}");
    }

    #[test]
    fn who_is_full_sooner_than_before_makes_room() {
        let mut congestion = cubic();
        acked(&mut congestion, 1_000 * SEGMENT);
        lost(&mut congestion);
        let first = congestion.window() as f64;
        lost(&mut congestion);
        let super::super::Controller::Cubic(cubic) = &congestion.controller else { unreachable!() };
        assert!((cubic.full - first * 0.85).abs() < 2.0, "{} {first}", cubic.full);
    }

    /// Guards the difference between losses: without a queue on the path the window gives way by little, with one, or
    /// when much is lost, by much.
    #[test]
    fn a_loss_without_a_queue_costs_little() {
        let mut congestion = cubic();
        acked(&mut congestion, 1_000 * SEGMENT);
        // The first ends slow start. What that has found is less sure.
        for keep in [DECREASE, CHANCE_DECREASE, CHANCE_DECREASE] {
            let before = congestion.window() as f64;
            lost_by_chance(&mut congestion, SEGMENT);
            assert!((congestion.window() as f64 / before - keep).abs() < 1e-3);
        }
        let before = congestion.window() as f64;
        lost_by_chance(&mut congestion, 1_000 * SEGMENT);
        assert!((congestion.window() as f64 / before - 0.7).abs() < 1e-3);
        let before = congestion.window() as f64;
        standing(&mut congestion);
        lost_by_chance(&mut congestion, SEGMENT);
        assert!((congestion.window() as f64 / before - 0.7).abs() < 1e-2);
    }

    #[test]
    fn after_a_loss_by_chance_it_grows_as_a_reno_flow() {
        let mut congestion = cubic();
        while congestion.window() < 20 * SEGMENT {
            acked(&mut congestion, SEGMENT);
        }
        lost_by_chance(&mut congestion, SEGMENT);
        let before = congestion.window();
        for _ in 0..10 {
            let window = congestion.window();
            acked(&mut congestion, window);
        }
        let grown = (congestion.window() - before) as f64 / SEGMENT as f64;
        assert!((9.0..11.0).contains(&grown), "{grown}");
    }

    #[test]
    fn time_that_the_application_lets_pass_is_no_time_on_the_curve() {
        let mut congestion = cubic();
        acked(&mut congestion, 1_000 * SEGMENT);
        lost(&mut congestion);
        acked(&mut congestion, SEGMENT);
        let before = congestion.window();
        for _ in 0..1_000 {
            super::super::tests::acked_idly(&mut congestion, SEGMENT);
        }
        acked(&mut congestion, SEGMENT);
        assert!(congestion.window() - before < SEGMENT);
    }
}
