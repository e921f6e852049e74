//! Interfaces come and go, peers move, processes stand still.

use super::connect::many_interfaces;
use super::script::{REMOTE, Script};
use super::*;
use std::cell::RefCell;
use std::rc::Rc;

/// Two sides with three interfaces each, connected, that send data to each other.
fn talking(seed: u64) -> Sim {
    let mut sim = many_interfaces(seed, Link::with_delay(10 * MS));
    sim.connect(2 * SECOND).unwrap();
    (0..2).for_each(|node| sim.peer(node).send_data_every(20 * MS));
    sim.run_for(SECOND + 731 * MS * seed as u32);
    sim
}

fn set_interfaces(sim: &mut Sim, node: usize, enabled: bool) {
    for ip in ["2001:db8::1", "192.0.2.1", "192.0.2.11", "2001:db8::2", "198.51.100.2", "198.51.100.22"] {
        sim.swarm.network.set_interface(netsim::NodeId(node), ip.parse().unwrap(), enabled);
    }
}

/// Guards the search among all pairs that a silent one begins, and that it goes on until consent is lost.
#[test]
fn flt_16_all_interfaces_lost_for_ten_seconds() {
    for seed in 0..seeds(10) {
        let mut sim = talking(seed);
        let start = sim.swarm.now();
        set_interfaces(&mut sim, 0, false);
        sim.run_for(10 * SECOND);
        assert_eq!((sim.a().agent.state(), sim.b().agent.state()), (State::Disconnected, State::Disconnected));
        set_interfaces(&mut sim, 0, true);
        sim.run_for(10 * SECOND);
        for node in 0..2 {
            let peer = sim.peer(node);
            assert!(!peer.states().contains(&State::Failed), "seed {seed}");
            let gap = peer.gap(start);
            assert!(gap <= 11_500 * MS, "seed {seed}: {gap:?}");
            assert_eq!(peer.agent.state(), State::Completed, "seed {seed}");
        }
        sim.assert_agreed();
    }
}

/// Guards consent, which lasts for 30 seconds: what one direction loses for eight costs these and no more.
#[test]
fn flt_20_data_is_back_a_second_after_a_direction_is() {
    for seed in 0..seeds(10) {
        let mut sim = talking(seed);
        let start = sim.swarm.now();
        let up = sim.links[0];
        sim.swarm.network.link_mut(up).down = true;
        sim.run_for(8 * SECOND);
        sim.swarm.network.link_mut(up).down = false;
        sim.run_for(10 * SECOND);
        let gaps = [0, 1].map(|node| sim.peer(node).gap(start));
        assert!(gaps.iter().all(|gap| *gap <= 9 * SECOND), "seed {seed}: {gaps:?}");
        for node in 0..2 {
            assert!(!sim.peer(node).states().contains(&State::Failed), "seed {seed}");
        }
    }
}

/// When `a` sends what: STUN alone, no data.
fn sends_of_a(sim: &mut Sim) -> Rc<RefCell<Vec<Instant>>> {
    let seen = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&seen);
    let own: Vec<std::net::IpAddr> =
        ["2001:db8::1", "192.0.2.1", "192.0.2.11"].iter().map(|ip| ip.parse().unwrap()).collect();
    sim.swarm.network.set_tap(move |crossing| {
        if crossing.what == netsim::What::Sent && own.contains(&crossing.from.ip()) && is_stun(crossing.bytes) {
            log.borrow_mut().push(crossing.at);
        }
    });
    seen
}

/// Guards timers, which are due once however long nobody called, and queues, which are bounded.
#[test]
fn flt_22_a_process_that_stood_still_for_five_seconds_goes_on_without_a_burst() {
    for seed in 0..seeds(10) {
        let mut sim = talking(seed);
        let sends = sends_of_a(&mut sim);
        sim.swarm.pause(0, 5 * SECOND);
        sim.run_for(5 * SECOND);
        let woken = sim.swarm.now();
        sends.borrow_mut().clear();
        sim.run_for(100 * MS);
        // Answers to what b asked meanwhile are among them.
        let burst = sends.borrow().len();
        assert!(burst <= 20, "seed {seed}: {burst} packets");
        sim.run_for(5 * SECOND);
        for node in 0..2 {
            let peer = sim.peer(node);
            assert!(!peer.states().contains(&State::Failed), "seed {seed}");
            assert_eq!(peer.agent.state(), State::Completed, "seed {seed}");
        }
        let back = sim.a().received.iter().find(|at| **at >= woken).copied().unwrap();
        assert!(back.saturating_duration_since(woken) < SECOND);
    }
}

/// Guards consent over a sleep: it is lost by the clock, so that who wakes sends nothing to a peer that may be gone. A restart
/// leads out.
#[test]
fn flt_22_who_sleeps_for_a_minute_has_lost_consent() {
    for seed in 0..seeds(10) {
        let mut sim = talking(seed);
        let sends = sends_of_a(&mut sim);
        sim.swarm.pause(0, 60 * SECOND);
        sim.run_for(60 * SECOND);
        assert_eq!(sim.b().agent.state(), State::Failed, "seed {seed}");
        sends.borrow_mut().clear();
        sim.run_for(SECOND);
        assert_eq!((sim.a().agent.state(), sim.a().agent.route()), (State::Failed, None), "seed {seed}");
        let burst = sends.borrow().len();
        assert_eq!(burst, 0, "seed {seed}");
        sim.a().restart();
        sim.b().restart();
        let took = sim.connect(3 * SECOND).unwrap();
        assert!(took < SECOND, "seed {seed}: {took:?}");
    }
}

/// The same with an answer that came while it slept, to a request of before. Guards the end of consent before anything that comes.
#[test]
fn flt_22_an_answer_that_waited_for_a_minute_gives_no_consent() {
    let mut script = Script::new(Role::Controlling);
    script.name(&format!("1 1 udp 2130706431 {} typ host", REMOTE.replace(':', " ")));
    for _ in 0..2 {
        let sent = script.after(50 * MS);
        sent.iter().filter(|it| it.is_request()).for_each(|check| drop(script.give(REMOTE, script.success(check))));
    }
    let asked = (0..100).find_map(|_| script.after(100 * MS).pop()).expect("a request for consent");
    assert_eq!(script.agent.state(), State::Connected);
    script.now += 60 * SECOND;
    script.give(REMOTE, script.success(&asked));
    assert_eq!((script.agent.state(), script.agent.route()), (State::Failed, None));
}

/// A host has another address from one moment to the next: its socket is gone, and there is a new one. Whoever moves, and
/// whether the peer is told or not, data flows again within a second. Guards the check of a new pair at once, and that a peer
/// seen at a new address has the old one doubted.
#[test]
fn a_peer_that_moves_is_back_within_a_second() {
    for (seed, mover, told) in (0..seeds(10)).flat_map(|seed| [0, 1].map(|mover| (seed, mover, seed % 2 == 0))) {
        let mut sim = Sim::new(seed, Link::with_delay(20 * MS).jitter(10 * MS));
        sim.connect(2 * SECOND).unwrap();
        (0..2).for_each(|node| sim.peer(node).send_data_every(20 * MS));
        sim.run_for(SECOND + 613 * MS * seed as u32);
        sim.signalling = told;
        let start = sim.swarm.now();
        let old = sim.peer(mover).agent.route().unwrap().socket;
        let ip = sim.swarm.network.address(netsim::NodeId(mover), old).unwrap().ip();
        sim.swarm.network.set_interface(netsim::NodeId(mover), ip, false);
        sim.swarm.network.unbind(netsim::NodeId(mover), old);
        sim.peer(mover).agent.remove_socket(start, old);
        sim.interface(mover, "203.0.113.50");
        sim.socket(mover, "203.0.113.50:7000");
        sim.run_for(10 * SECOND);
        let gaps = [0, 1].map(|node| sim.peer(node).gap(start));
        assert!(gaps.iter().all(|gap| *gap < SECOND), "seed {seed}, {mover} moves, told: {told}: {gaps:?}");
        sim.assert_agreed();
        sim.assert_data_meets();
    }
}
