//! Packets are lost.

use super::*;
use netsim::Verdict;

/// Guards the repetition of checks and nominations, and the triggered checks.
#[test]
fn flt_2_at_twenty_percent_loss_a_hundred_seeds_connect_within_seconds() {
    let mut times: Vec<_> = (0..100)
        .map(|seed| Sim::new(seed, Link::with_delay(25 * MS).lossy(0.2)).connect(30 * SECOND).unwrap())
        .collect();
    times.sort();
    println!("20 % loss: median {:?}, p95 {:?}, worst {:?}", times[50], times[95], times[99]);
    assert!(times[95] < 3 * SECOND && times[99] < 6 * SECOND, "p95 {:?}, worst {:?}", times[95], times[99]);
}

/// At half of the packets lost the checks that both sides repeat still meet.
#[test]
fn flt_3_at_fifty_percent_loss_all_seeds_connect_within_thirty_seconds() {
    let mut times: Vec<_> = (0..100)
        .filter_map(|seed| Sim::new(seed, Link::with_delay(25 * MS).lossy(0.5)).connect(30 * SECOND).ok())
        .collect();
    times.sort();
    println!("50 % loss: {} connect, median {:?}, worst {:?}", times.len(), times[times.len() / 2], times.last());
    assert!(times.len() >= 99, "{} connect", times.len());
}

/// What a datagram is to the one who watches the wire.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Check,
    Nomination,
    Response,
}

fn kind(bytes: &[u8]) -> Kind {
    let message = Message::parse(bytes).unwrap();
    match message.class() {
        Class::Request if message.use_candidate() => Kind::Nomination,
        Class::Request => Kind::Check,
        _ => Kind::Response,
    }
}

/// Each of the first packets of each kind and direction is lost, alone and with the one before it, at 100 seeds. Guards the
/// repetition of each of them: without it a side stays where it is.
#[test]
fn flt_27_each_check_response_and_nomination_lost_both_agree() {
    let mut worst = Duration::ZERO;
    for seed in 0..100 {
        for wanted in [Kind::Check, Kind::Nomination, Kind::Response] {
            for from_a in [true, false] {
                for which in 0..3 {
                    for count in 1..=2 {
                        let took = lose(seed, wanted, from_a, which..which + count);
                        worst = worst.max(took);
                    }
                }
            }
        }
    }
    println!("one or two packets lost: worst {worst:?}");
    assert!(worst < 2 * SECOND, "{worst:?}");
}

fn lose(seed: u64, wanted: Kind, from_a: bool, which: std::ops::Range<usize>) -> Duration {
    let mut sim = Sim::new(seed, Link::with_delay(20 * MS).jitter(10 * MS));
    let mut seen = 0;
    sim.swarm.network.set_filter(move |_, from, _, bytes| {
        let mine = (from.port() == 5000) == from_a && kind(bytes) == wanted;
        if !mine {
            return Verdict::Pass;
        }
        seen += 1;
        if which.contains(&(seen - 1)) { Verdict::Drop } else { Verdict::Pass }
    });
    let took = sim.connect(10 * SECOND).unwrap_or_else(|stalled| panic!("{wanted:?} from a: {from_a}: {stalled}"));
    // And it stays so.
    sim.run_for(SECOND);
    sim.assert_agreed();
    let selected = [0, 1].map(|node| sim.peer(node).agent.pairs().filter(|pair| pair.nominated).count());
    assert_eq!(selected, [1, 1], "seed {seed}: one selected pair on both sides");
    took
}

/// The same with several pairs, where the sides could disagree, and random loss.
#[test]
fn flt_27_with_many_pairs_and_loss_both_agree() {
    for seed in 0..100 {
        let mut sim = super::connect::many_interfaces(seed, Link::with_delay(15 * MS).lossy(0.15));
        sim.connect(20 * SECOND).unwrap_or_else(|stalled| panic!("{stalled}"));
        sim.run_for(10 * SECOND);
        let [a, b] = [0, 1].map(|node| sim.peer(node).agent.state());
        if a != State::Disconnected && b != State::Disconnected {
            sim.assert_agreed();
        }
    }
}

/// The rate stays at one check per Ta, however many pairs go unanswered.
#[test]
fn flt_3_nobody_answers_and_the_rate_is_kept() {
    let mut sim = super::connect::many_interfaces(1, Link { down: true, ..Link::default() });
    sim.run_for(40 * SECOND);
    let sent = sim.a().agent.stats().requests_sent;
    assert!(sent <= 40 * 20, "{sent}");
    sim.run_until(60 * SECOND, |a, b| a.agent.state() == State::Failed && b.agent.state() == State::Failed).unwrap();
    let sent = sim.swarm.network.stats().sent;
    sim.run_for(60 * SECOND);
    assert_eq!(sim.swarm.network.stats().sent, sent, "nothing is sent after failure");
}
