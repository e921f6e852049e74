//! Congestion control on paths with a bottleneck.

mod common;

use common::*;
use netsim::Link;
use ortica_sctp::{CongestionControl, Limits, SendOptions};
use std::time::Duration;

const MEGABIT: u64 = 1_000_000;

/// Sends without end for `time` over a path of 20 Mbit/s with a round trip time of 40 ms. Returns the share of the
/// bottleneck that messages made up after the first two seconds, and the mean of the smoothed round trip time.
fn run(control: CongestionControl, link: Link, time: Duration) -> (f64, Duration, Peers) {
    let limits = Limits::default().with_send_buffer(4 << 20).with_receive_buffer(4 << 20);
    let peer = |side| Peer::new(config().with_congestion_control(control).with_limits(limits), side);
    let link = Link { delay: 20 * MS, ..link }.bottleneck(20 * MEGABIT, 100_000);
    let mut pair = connect(netsim::Pair::of_machines(1, Link::with_delay(20 * MS), peer(0), peer(1)), link);
    let message = bytes::Bytes::from(pattern(16_384));
    for _ in 0..time.as_secs() * 20 * MEGABIT / 8 / 16_384 + 100 {
        pair.a.machine.queue(1, message.clone(), SendOptions::default());
    }
    pair.run_for(2 * SECOND);
    let (before, mut sum, mut count) = (pair.b.machine.received(), Duration::ZERO, 0);
    while pair.elapsed() < time {
        pair.run_for(100 * MS);
        (sum, count) = (sum + pair.a.machine.association.path().rtt.expect("it is known"), count + 1);
    }
    let rate = (pair.b.machine.received() - before) as f64 * 8.0 / (time - 2 * SECOND).as_secs_f64();
    (rate / (20 * MEGABIT) as f64, sum / count, pair)
}

#[test]
fn every_control_fills_a_path_without_losses() {
    for control in [CongestionControl::Cubic, CongestionControl::NewReno, CongestionControl::Bbr] {
        let (share, _, pair) = run(control, Link::default(), 20 * SECOND);
        assert!(share > 0.85, "{control:?}: {share}");
        assert_eq!(pair.a.machine.association.stats().timeouts, 0, "{control:?}");
    }
}

#[test]
fn a_model_of_the_path_keeps_the_queue_short() {
    let (_, cubic, _) = run(CongestionControl::Cubic, Link::default(), 20 * SECOND);
    let (_, bbr, _) = run(CongestionControl::Bbr, Link::default(), 20 * SECOND);
    assert!(bbr < cubic && bbr < 65 * MS, "{bbr:?} {cubic:?}");
}

/// Guards the difference between losses by chance and by congestion, beside Reno's bound of 1.22 / √0.01 = 12 packets a round
/// trip: 2.8 Mbit/s here.
#[test]
fn losses_by_chance_cost_little() {
    let share = |control| run(control, Link::default().lossy(0.01), 20 * SECOND).0 * 20.0;
    let [cubic, reno, bbr] = [CongestionControl::Cubic, CongestionControl::NewReno, CongestionControl::Bbr].map(share);
    assert!(reno < 4.0, "{reno}");
    assert!(cubic > 2.0 * 2.8, "{cubic}");
    assert!(bbr > 15.0, "{bbr}");
}

/// Guards the repair of a whole lost flight: a probe brings it out, and no time-out is waited for (RFC 8985 §7).
#[test]
fn a_lost_flight_is_repaired_without_a_time_out() {
    for lost in [1, 2, 5, 10, 40] {
        let mut pair = connected(lost, Link::with_delay(25 * MS));
        let send = |pair: &mut Peers, len: usize| {
            pair.a.machine.queue(1, pattern(len), SendOptions::default());
        };
        send(&mut pair, 200_000);
        pair.run_for(SECOND);
        send(&mut pair, lost as usize * 1_160);
        pair.a_to_b().down = true;
        pair.run_for(MS * 45);
        pair.a_to_b().down = false;
        let before = pair.now();
        let len = 200_000 + lost as usize * 1_160;
        pair.run_until(5 * SECOND, |_, b| b.machine.received() == len).expect("it arrives");
        let took = pair.now().saturating_duration_since(before);
        assert!(took < 350 * MS, "{lost}: {took:?}");
        assert_eq!(pair.a.machine.association.stats().timeouts, 0, "{lost}");
    }
}

/// Guards the way back from a delay that looked like a loss: the window is as it was.
#[test]
fn flt_5_a_sudden_delay_costs_no_window() {
    let mut pair = connected(1, Link::with_delay(25 * MS));
    let message = bytes::Bytes::from(pattern(16_384));
    for _ in 0..200 {
        pair.a.machine.queue(1, message.clone(), SendOptions::default());
    }
    pair.run_for(400 * MS);
    let before = pair.a.machine.association.path().congestion_window;
    pair.a_to_b().delay = 600 * MS;
    pair.run_until(20 * SECOND, |_, b| b.machine.received() == 200 * 16_384).expect("it arrives");
    let stats = pair.a.machine.association.stats();
    assert!(stats.recoveries_undone > 0, "{stats:?}");
    assert!(pair.a.machine.association.path().congestion_window >= before, "{stats:?}");
}

/// Guards T3 against a patience longer than the time-out: what comes half a second late is waited for, and a time-out would send
/// everything in flight once more.
#[test]
fn what_is_late_by_more_than_the_time_out_causes_none() {
    let mut pair = connected(1, Link::with_delay(150 * MS));
    *pair.a_to_b() = Link::with_delay(150 * MS).lossy(0.001).reorder(0.01, 500 * MS);
    let message = bytes::Bytes::from(pattern(16_384));
    for _ in 0..1_000 {
        pair.a.machine.queue(1, message.clone(), SendOptions::default());
    }
    pair.run_until(120 * SECOND, |_, b| b.machine.received() == 1_000 * 16_384).expect("it arrives");
    let stats = pair.a.machine.association.stats();
    assert!(stats.timeouts <= 1, "{stats:?}");
    assert!(stats.data_chunks_retransmitted < stats.data_chunks_sent / 20, "{stats:?}");
}
