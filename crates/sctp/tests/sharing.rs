//! Associations that share their path with traffic that cannot wait, and those whose rate is bounded.

mod common;

use common::*;
use netsim::Link;
use ortica_core::Bitrate;
use ortica_sctp::{Association, CongestionControl, Limits, SendOptions};
use std::time::Duration;

const MEGABIT: u64 = 1_000_000;
const BOTTLENECK: u64 = 10 * MEGABIT;
const DELAY: Duration = Duration::from_millis(20);

/// Two peers, of which `a` always has something to send, with a bottleneck of 10 Mbit/s between them that buffers 400 ms and
/// a round trip time of 40 ms.
fn bulk(control: CongestionControl, loss: f64) -> Peers {
    let limits = Limits::default().with_send_buffer(4 << 20).with_receive_buffer(4 << 20);
    let peer = |side| Peer::new(config().with_congestion_control(control).with_limits(limits), side);
    let link = Link::with_delay(DELAY).lossy(loss).bottleneck(BOTTLENECK, BOTTLENECK as usize / 8 * 2 / 5);
    let mut pair = connect(netsim::Pair::of_machines(1, Link::with_delay(DELAY), peer(0), peer(1)), link);
    let message = bytes::Bytes::from(pattern(16_384));
    for _ in 0..10_000 {
        pair.a.machine.queue(1, message.clone(), SendOptions::default());
    }
    pair
}

/// What a run of some time showed.
#[derive(Debug)]
struct Seen {
    /// What messages made up of the bottleneck.
    share: f64,
    /// The mean and the longest of the smoothed round trip times.
    rtt: Duration,
    longest: Duration,
}

/// Runs for `time`. When `shared`, 100 bytes of others leave each 20 ms, which the network does not see.
fn run(pair: &mut Peers, time: Duration, shared: bool) -> Seen {
    let before = pair.b.machine.received();
    let (mut sum, mut longest, steps) = (Duration::ZERO, Duration::ZERO, (time.as_millis() / 20) as u32);
    for _ in 0..steps {
        if shared {
            pair.with_a(|a, now| a.machine.association.share_path(now, 100));
        }
        pair.run_for(20 * MS);
        let rtt = pair.a.machine.association.path().rtt.expect("it is known");
        (sum, longest) = (sum + rtt, longest.max(rtt));
    }
    let rate = (pair.b.machine.received() - before) as f64 * 8.0 / time.as_secs_f64();
    Seen { share: rate / BOTTLENECK as f64, rtt: sum / steps, longest }
}

/// Guards the bound on the queue, which is as long as the buffer without it.
#[test]
fn who_shares_the_path_keeps_its_queue_short_and_the_path_full() {
    for control in [CongestionControl::Cubic, CongestionControl::NewReno, CongestionControl::Bbr] {
        let mut pair = bulk(control, 0.0);
        run(&mut pair, 5 * SECOND, true);
        let seen = run(&mut pair, 20 * SECOND, true);
        assert!(seen.share >= 0.9, "{control:?}: {seen:?}");
        assert!(seen.rtt <= 2 * DELAY + 25 * MS && seen.longest <= 2 * DELAY + 35 * MS, "{control:?}: {seen:?}");
        assert!(pair.a.machine.association.stats().queue_cuts > 0, "{control:?}");
    }
    let mut alone = bulk(CongestionControl::Cubic, 0.0);
    run(&mut alone, 5 * SECOND, false);
    let seen = run(&mut alone, 20 * SECOND, false);
    assert!(seen.rtt > 300 * MS, "{seen:?}");
    assert_eq!(alone.a.machine.association.stats().queue_cuts, 0);
}

/// Guards losses by chance, which cost no more than where nobody shares the path.
#[test]
fn losses_by_chance_cost_no_more_on_a_shared_path() {
    for loss in [0.001, 0.01, 0.03] {
        let share = |shared| {
            let mut pair = bulk(CongestionControl::Cubic, loss);
            run(&mut pair, 5 * SECOND, shared);
            run(&mut pair, 20 * SECOND, shared).share
        };
        let (shared, alone) = (share(true), share(false));
        assert!(shared >= 0.95 * alone, "{loss}: {shared} {alone}");
    }
}

/// Guards the way back to full speed, in half a second after the second in which others may come back.
#[test]
fn who_has_the_path_alone_again_takes_all_of_it() {
    let mut pair = bulk(CongestionControl::Cubic, 0.0);
    run(&mut pair, 5 * SECOND, true);
    // Nine tenths of the path are taken from it for a while.
    pair.links(|link| link.bandwidth = Some(BOTTLENECK / 10));
    let seen = run(&mut pair, 20 * SECOND, true);
    assert!(seen.share >= 0.08, "{seen:?}");
    pair.links(|link| link.bandwidth = Some(BOTTLENECK));
    run(&mut pair, SECOND * 3 / 2, false);
    let seen = run(&mut pair, SECOND, false);
    assert!(seen.share >= 0.9, "{seen:?}");
}

/// Guards against a queue that is none: the path became longer.
#[test]
fn a_longer_path_is_filled_too() {
    let mut pair = bulk(CongestionControl::Cubic, 0.0);
    run(&mut pair, 10 * SECOND, true);
    pair.links(|link| link.delay = 5 * DELAY);
    // Two seconds until it counts as one, and slow start.
    run(&mut pair, 8 * SECOND, true);
    let seen = run(&mut pair, 5 * SECOND, true);
    assert!(seen.share >= 0.8 && seen.rtt <= 10 * DELAY + 35 * MS, "{seen:?}");
}

/// Guards the ceiling, and that it can be raised, lowered and taken away.
#[test]
fn the_rate_keeps_to_its_ceiling() {
    let mut pair = bulk(CongestionControl::Cubic, 0.0);
    let mut rate = |ceiling: Option<Bitrate>, time| {
        pair.with_a(|a, _| a.machine.association.set_rate_ceiling(ceiling));
        pair.run_for(SECOND);
        run(&mut pair, time, false).share * BOTTLENECK as f64
    };
    for ceiling in [5 * MEGABIT, MEGABIT, 100_000, 2 * MEGABIT] {
        let share = rate(Some(Bitrate::from_bits(ceiling)), 20 * SECOND) / ceiling as f64;
        // 1,160 bytes of messages in each chunk of 1,176, and messages are counted whole.
        assert!((0.95..1.0).contains(&share), "{ceiling}: {share}");
    }
    let share = rate(None, 10 * SECOND) / BOTTLENECK as f64;
    assert!(share >= 0.9, "{share}");
    let share = rate(Some(Bitrate::default()), 200 * SECOND) / Association::LEAST_RATE.bits() as f64;
    assert!((0.85..1.15).contains(&share), "{share}");
}
