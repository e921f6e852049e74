//! Handshakes that go wrong: both ends at once, and packets lost.

mod common;

use common::*;
use netsim::Link;
use ortica_sctp::SendOptions;
use std::time::Duration;

/// Both sides begin, `b` a while after `a`; each sends a message. Returns the time until both have it.
fn open_both(seed: u64, loss: f64, later: Duration) -> Duration {
    let mut pair = pair(seed, Link::with_delay(25 * MS).lossy(loss));
    pair.with_a(|a, now| {
        a.machine.association.connect(now);
        a.machine.queue(1, pattern(20_000), SendOptions::default());
    });
    pair.run_for(later);
    pair.with_b(|b, now| {
        b.machine.association.connect(now);
        b.machine.queue(1, pattern(20_000), SendOptions::default());
    });
    let done = pair.run_until(300 * SECOND, |a, b| a.machine.received() == 20_000 && b.machine.received() == 20_000);
    let (a, b) = (&pair.a.machine, &pair.b.machine);
    let took = done.unwrap_or_else(|stalled| panic!("{stalled}\na: {:?}\nb: {:?}", a.events, b.events));
    assert_eq!((a.bytes(), b.bytes()), (pattern(20_000), pattern(20_000)), "seed {seed}");
    took
}

/// Guards the collision of two handshakes (RFC 9260 §5.2.1 and action D of §5.2.4), whichever packets get lost: that a
/// cookie stays good when its maker begins itself, that each step backs off on its own, and that the time-out that losses
/// doubled shrinks again as soon as the path answers.
#[test]
fn flt_33_both_ends_may_begin_at_once_with_losses() {
    let mut times: Vec<_> = (0..2_000).map(|seed| open_both(seed, 0.2, seed as u32 % 16 * 5 * MS)).collect();
    times.sort_unstable();
    let [median, p95, p99, last] = [1_000, 1_900, 1_980, 1_999].map(|at| times[at]);
    println!("median {median:?}, 95 % {p95:?}, 99 % {p99:?}, all {last:?}");
    assert!(p95 <= 8 * SECOND, "{p95:?}");
}
