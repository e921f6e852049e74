//! Consent, silence and patience.

use super::*;
use std::cell::RefCell;
use std::rc::Rc;

/// Packets, and when they were sent.
type Log = Rc<RefCell<Vec<(Instant, Vec<u8>)>>>;

/// Keeps the requests that `a` sends from now on.
fn requests_of_a(sim: &mut Sim) -> Log {
    let seen = Log::default();
    let log = Rc::clone(&seen);
    sim.swarm.network.set_tap(move |crossing| {
        let request = Message::parse(crossing.bytes).is_ok_and(|message| message.class() == Class::Request);
        if crossing.what == netsim::What::Sent && crossing.from.port() == 5000 && request {
            log.borrow_mut().push((crossing.at, crossing.bytes.to_vec()));
        }
    });
    seen
}

fn connected(seed: u64, config: Config) -> Sim {
    let mut sim = Sim::with(seed, Link::with_delay(10 * MS), config.clone(), config, |_, _, _| {});
    sim.connect(SECOND).unwrap();
    sim
}

/// Guards the random interval and the fresh transaction of each request.
#[test]
fn ice_8_consent_is_asked_for_every_four_to_six_seconds_each_time_afresh() {
    let mut sim = connected(1, config());
    let start = sim.swarm.now();
    let requests = requests_of_a(&mut sim);
    sim.run_for(600 * SECOND);
    let requests = requests.borrow();
    let times: Vec<_> = std::iter::once(start).chain(requests.iter().map(|(at, _)| *at)).collect();
    let gaps: Vec<_> = times.windows(2).map(|pair| pair[1].saturating_duration_since(pair[0]).as_secs_f64()).collect();
    assert!(gaps[1..].iter().all(|gap| (4.0..=6.0).contains(gap)), "{gaps:?}");
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    assert!((4.7..5.3).contains(&mean), "{mean}");
    let spread = |low, high| gaps.iter().filter(|gap| (low..high).contains(*gap)).count();
    assert!(spread(4.0, 4.5) > 10 && spread(5.5, 6.0) > 10, "spread over the whole interval");
    let mut ids: Vec<_> = requests.iter().map(|(_, bytes)| Message::parse(bytes).unwrap().transaction()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), requests.len());
    assert_eq!(sim.a().agent.state(), State::Completed);
}

/// Guards `consent_retry`: without it this path loses consent.
#[test]
fn ice_8_consent_survives_twenty_percent_loss_for_an_hour() {
    for seed in 0..4 {
        let mut sim = connected(seed, config());
        sim.change_links(|link| link.loss = netsim::Loss::Random(0.2));
        sim.run_for(3600 * SECOND);
        for node in 0..2 {
            let states = sim.peer(node).states();
            assert!(!states.contains(&State::Failed), "seed {seed}: {states:?}");
            let silent = states.iter().filter(|state| **state == State::Disconnected).count();
            // Four requests in a row without an answer: once in 60 intervals.
            assert!(silent < 30, "seed {seed}: disconnected {silent} times in an hour");
        }
    }
}

/// Guards `Config::with_consent_retry`: off means the intervals of RFC 7675.
#[test]
fn ice_8_without_retries_requests_keep_their_interval() {
    let mut sim = connected(1, config().with_consent_retry(false));
    let requests = requests_of_a(&mut sim);
    sim.change_links(|link| link.down = true);
    sim.run_for(28 * SECOND);
    let requests = requests.borrow();
    let gaps: Vec<_> =
        requests.windows(2).map(|pair| pair[1].0.saturating_duration_since(pair[0].0).as_secs_f64()).collect();
    assert!(gaps.len() >= 3 && gaps.iter().all(|gap| (4.0..=6.0).contains(gap)), "{gaps:?}");
}

/// Guards the expiry 30 seconds after the last authenticated answer: the peer falls silent, and what still comes from its
/// address does not count.
#[test]
fn cve_48_nothing_is_sent_thirty_seconds_after_the_last_authenticated_answer() {
    for (seed, retry) in (0..10).flat_map(|seed| [(seed, true), (seed, false)]) {
        let mut sim = connected(seed, config().with_consent_retry(retry));
        sim.a().send_data_every(20 * MS);
        sim.run_for(SECOND * seed as u32);
        // b goes on answering, but its answers no longer verify.
        sim.swarm.network.set_filter(|_, from, _, bytes| {
            if let (5001, Some(at)) = (from.port(), bytes.len().checked_sub(8)) {
                // The end of MESSAGE-INTEGRITY, and the FINGERPRINT that goes with it.
                bytes[at - 1] ^= 1;
                let value = crc32fast::hash(&bytes[..at]) ^ 0x5354_554e;
                bytes[at + 4..].copy_from_slice(&value.to_be_bytes());
            }
            netsim::Verdict::Pass
        });
        let start = sim.swarm.now();
        let last = Rc::new(RefCell::new(start));
        let log = Rc::clone(&last);
        sim.swarm.network.set_tap(move |crossing| {
            if crossing.what == netsim::What::Sent && crossing.from.port() == 5000 {
                *log.borrow_mut() = crossing.at;
            }
        });
        sim.run_for(90 * SECOND);
        let last = last.borrow().saturating_duration_since(start);
        assert!(last <= 30 * SECOND && last > 20 * SECOND, "seed {seed}: last packet after {last:?}");
        let stats = sim.a().agent.stats();
        assert!(stats.unauthenticated > 3 && stats.malformed == 0, "seed {seed}: {stats:?}");
        assert_eq!(sim.a().agent.state(), State::Failed);
        assert_eq!(sim.a().agent.route(), None);
        assert_eq!(sim.a().agent.poll_timeout(), None);
    }
}

/// Guards `silent_at`, and the expiry of consent.
#[test]
fn flt_30_a_peer_that_dies_is_missed_after_five_to_seven_seconds() {
    for seed in 0..40 {
        let mut sim = connected(seed, config());
        sim.run_for(SECOND + 313 * MS * seed as u32);
        let last = sim.swarm.now();
        sim.swarm.pause(1, 1000 * SECOND);
        sim.change_links(|link| link.down = true);
        sim.run_for(40 * SECOND);
        let (disconnected, failed) = {
            let a = sim.a();
            (a.when(State::Disconnected).unwrap(), a.when(State::Failed).unwrap())
        };
        // Seconds since the death; the last answer came up to six seconds before it.
        let disconnected = disconnected.saturating_duration_since(last);
        assert!(disconnected < 7 * SECOND, "seed {seed}: {disconnected:?}");
        let failed = failed.saturating_duration_since(last);
        assert!(failed > 23 * SECOND && failed <= 30 * SECOND, "seed {seed}: {failed:?}");
    }
}

/// Guards the requests for consent, which go on every second while nobody answers.
#[test]
fn flt_17_after_an_outage_of_ten_seconds_the_same_pair_resumes() {
    for seed in 0..20 {
        let mut sim = connected(seed, config());
        sim.a().send_data_every(20 * MS);
        sim.b().send_data_every(20 * MS);
        sim.run_for(SECOND * (1 + seed as u32 % 5));
        let before = sim.a().nominated().unwrap().id;
        let start = sim.swarm.now();
        sim.change_links(|link| link.down = true);
        sim.run_for(10 * SECOND);
        assert_eq!(sim.a().agent.state(), State::Disconnected);
        assert!(sim.a().agent.route().is_some(), "data may go on while consent lasts");
        sim.change_links(|link| link.down = false);
        let back = sim.run_until(5 * SECOND, |a, b| [a, b].iter().all(|peer| peer.agent.state() == State::Completed));
        assert!(back.clone().unwrap() < 1200 * MS, "seed {seed}: {back:?}");
        sim.run_for(SECOND);
        assert_eq!(sim.a().nominated().unwrap().id, before);
        let gap = sim.a().gap(start);
        assert!(gap < 10_100 * MS, "seed {seed}: {gap:?}");
    }
}

/// Guards the expiry of consent, which comes after 30 seconds and not before.
#[test]
fn flt_20_eight_seconds_of_loss_one_way_end_nothing() {
    for seed in 0..20 {
        let mut sim = connected(seed, config());
        sim.run_for(SECOND * seed as u32);
        let link = sim.links[0];
        sim.swarm.network.link_mut(link).down = true;
        sim.run_for(8 * SECOND);
        sim.swarm.network.link_mut(link).down = false;
        sim.run_until(2 * SECOND, |a, b| [a, b].iter().all(|it| it.agent.state() == State::Completed)).unwrap();
        for node in 0..2 {
            assert!(!sim.peer(node).states().contains(&State::Failed), "seed {seed}");
        }
    }
}

/// Guards `choose_active`: when the selected pair is silent, one that answers takes over.
#[test]
fn flt_15_when_an_interface_is_lost_another_pair_takes_over() {
    for seed in 0..10 {
        let mut sim = super::connect::many_interfaces(seed, Link::with_delay(10 * MS));
        sim.connect(2 * SECOND).unwrap();
        sim.a().send_data_every(20 * MS);
        sim.b().send_data_every(20 * MS);
        sim.run_for(SECOND * seed as u32);
        let lost = sim.a().agent.route().unwrap();
        let ip = sim.swarm.network.address(netsim::NodeId(0), lost.socket).unwrap().ip();
        let start = sim.swarm.now();
        sim.swarm.network.set_interface(netsim::NodeId(0), ip, false);
        sim.run_for(20 * SECOND);
        for node in 0..2 {
            let gap = sim.peer(node).gap(start);
            assert!(gap < 7 * SECOND, "seed {seed}: {gap:?}");
            assert_eq!(sim.peer(node).agent.state(), State::Completed, "seed {seed}");
        }
        assert_ne!(sim.a().agent.route().unwrap(), lost);
        sim.assert_agreed();
    }
}

/// Guards the PAC timer: every check fails at once, yet a check of the peer 35 seconds later is welcome.
#[test]
fn ice_9_a_check_that_comes_late_still_connects() {
    for refused in [true, false] {
        let (mut sim, [a, b]) = Sim::unsignalled(MS);
        // b names no candidate, or one where nobody is.
        sim.a().take(b[0].clone());
        if refused {
            let nobody = "9 1 udp 2130706431 198.51.100.99 9 typ host".parse().unwrap();
            sim.a().take(Signal::Candidate(nobody));
        }
        sim.a().take(Signal::End);
        sim.run_for(39 * SECOND);
        assert_eq!(sim.a().agent.state(), State::Checking);
        a.into_iter().for_each(|signal| sim.b().take(signal));
        sim.connect(SECOND).unwrap();
    }
}

/// A knows the credentials of B, which knows nothing.
fn half_signalled() -> Sim {
    let mut sim = Sim::new(1, Link::with_delay(10 * MS));
    sim.signalling = false;
    sim.run_for(MS);
    let b = std::mem::take(&mut sim.b().signals);
    sim.a().take(b[0].clone());
    sim
}

/// A candidate where nobody is.
fn nobody() -> Signal {
    Signal::Candidate("9 1 udp 2130706431 198.51.100.99 9 typ host".parse().unwrap())
}

/// Guards `Agent::failure_at`: 39.5 seconds from when checks could begin, and as long again where the peer's candidates have no end.
#[test]
fn ice_9_patience_ends_after_39_5_seconds() {
    for (ended, patience) in [(true, 39_500 * MS), (false, 79_000 * MS)] {
        let mut sim = half_signalled();
        let start = sim.swarm.now();
        if ended {
            sim.a().take(Signal::End);
        }
        sim.run_for(100 * SECOND);
        let failed = sim.a().when(State::Failed).unwrap();
        assert_eq!(failed.saturating_duration_since(start), patience);
        // Without credentials of the peer nothing has begun.
        assert_eq!(sim.b().agent.state(), State::New);
    }
}

/// Guards `Generation::waits_for_candidates`: what comes to nothing is no failure while there may be more, which the end of the
/// peer's candidates decides, and another candidate puts off.
#[test]
fn without_an_end_of_candidates_an_agent_is_disconnected_before_it_fails() {
    for ends in [true, false] {
        let mut sim = half_signalled();
        let start = sim.swarm.now();
        sim.a().take(nobody());
        sim.run_for(45 * SECOND);
        assert_eq!(sim.a().states(), [State::Checking, State::Disconnected]);
        if ends {
            sim.a().take(Signal::End);
            sim.run_for(MS);
            assert_eq!(sim.a().states(), [State::Checking, State::Disconnected, State::Failed]);
            continue;
        }
        sim.a().take(Signal::Candidate("8 1 udp 2130706431 198.51.100.98 9 typ host".parse().unwrap()));
        sim.run_for(45 * SECOND);
        assert_eq!(sim.a().states(), [State::Checking, State::Disconnected].repeat(2));
        sim.run_for(60 * SECOND);
        let failed = sim.a().when(State::Failed).unwrap().saturating_duration_since(start);
        assert!((124 * SECOND..125 * SECOND).contains(&failed), "{failed:?}");
    }
}

/// The same, and then the peer names where it is.
#[test]
fn a_candidate_leads_out_of_disconnected() {
    let mut sim = half_signalled();
    sim.a().take(nobody());
    sim.run_for(45 * SECOND);
    assert_eq!(sim.a().agent.state(), State::Disconnected);
    let a = std::mem::take(&mut sim.a().signals);
    a.into_iter().for_each(|signal| sim.b().take(signal));
    sim.connect(SECOND).unwrap();
}
