//! When a connection that is gone is opened anew.
//!
//! * A pair that was selected opens another one at once, then 0.5, 1, 2 and 4 seconds after each further loss or vain attempt, and
//!   every 4 seconds from then on: as long as no other pair is selected, and at most until consent has expired, 30 seconds after the
//!   last answer. Once a connection lasted 15 seconds, the waits begin anew.
//! * A pair that was never selected has no other attempt, but for simultaneous open: the peer may not have been at it yet. Five more
//!   follow an attempt that was refused or timed out, after the waits from 0.5 seconds on, each times a random factor from 0.5 to 1.5: two
//!   that miss each other by the same time again and again would never meet.
//!
//! Source: [RFC 6544 §11.1](https://www.rfc-editor.org/rfc/rfc6544#section-11.1), which leaves the waits open

use ortica_core::Instant;
use std::time::Duration;

/// The wait after the second loss, doubled with each one.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// So often it is doubled.
const DOUBLINGS: u32 = 3;
/// A connection that lasted so long was a good one.
const GOOD: Duration = Duration::from_secs(15);
/// Attempts after the first one, of a pair that was never selected.
const FURTHER_TRIES: u32 = 5;

/// Of one pair: how its connections were lost, and when the next one may be opened.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::ice) struct Reopening {
    losses: u32,
    lost_at: Option<Instant>,
    next: Option<Instant>,
}

impl Reopening {
    /// The pair was selected, and its connection is gone, or another attempt was in vain.
    pub fn on_lost(&mut self, now: Instant) {
        if self.lost_at.is_some_and(|at| at + GOOD <= now) {
            self.losses = 0;
        }
        let wait = if self.losses == 0 { Duration::ZERO } else { Self::wait(self.losses - 1) };
        self.losses = self.losses.saturating_add(1);
        (self.lost_at, self.next) = (Some(now), Some(now + wait));
    }

    /// An attempt of a pair that was never selected was in vain; `chance` is random, from 0 to 1.
    pub fn on_vain(&mut self, now: Instant, chance: f64) {
        if self.losses < FURTHER_TRIES {
            let wait = Self::wait(self.losses).mul_f64(0.5 + chance);
            (self.lost_at, self.next) = (Some(now), Some(now + wait));
            self.losses += 1;
        }
    }

    /// Nothing is to be opened.
    pub fn cancel(&mut self) {
        self.next = None;
    }

    /// When the next one may be opened, if that is to come.
    pub fn next(&self) -> Option<Instant> {
        self.next
    }

    fn wait(doublings: u32) -> Duration {
        FIRST_WAIT * (1 << doublings.min(DOUBLINGS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant::from_nanos(1_000_000_000);

    fn waits(count: usize, mut lose: impl FnMut(&mut Reopening, Instant)) -> Vec<u128> {
        let (mut reopening, mut now) = (Reopening::default(), START);
        let each = (0..count).map_while(|_| {
            reopening.cancel();
            lose(&mut reopening, now);
            let next = reopening.next()?;
            let wait = next.saturating_duration_since(now);
            now = next;
            Some(wait.as_millis())
        });
        each.collect()
    }

    /// Guards the bounds that the module names.
    #[test]
    fn ice_12_connections_are_reopened_at_growing_intervals() {
        assert_eq!(waits(8, Reopening::on_lost), [0, 500, 1_000, 2_000, 4_000, 4_000, 4_000, 4_000]);
        let on_vain = |chance| move |it: &mut Reopening, now| it.on_vain(now, chance);
        assert_eq!(waits(8, on_vain(0.5)), [500, 1_000, 2_000, 4_000, 4_000]);
        assert_eq!(waits(8, on_vain(0.0)), [250, 500, 1_000, 2_000, 2_000]);
    }

    #[test]
    fn ice_12_a_connection_that_lasted_has_the_waits_begin_anew() {
        let mut reopening = Reopening::default();
        (0..4).for_each(|_| reopening.on_lost(START));
        let just = GOOD.saturating_sub(Duration::from_nanos(1));
        let mut other = reopening;
        other.on_lost(START + just);
        assert_eq!(other.next(), Some(START + just + Duration::from_secs(4)));
        reopening.on_lost(START + GOOD);
        assert_eq!(reopening.next(), Some(START + GOOD));
    }
}
