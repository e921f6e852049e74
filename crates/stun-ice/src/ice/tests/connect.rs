//! Two agents find each other.

use super::*;
use netsim::Nat;

#[test]
fn connects_in_one_round_trip_and_selects_in_two() {
    let mut sim = Sim::new(1, Link::with_delay(10 * MS));
    let connected = sim.run_until(SECOND, |a, b| a.agent.route().is_some() && b.agent.route().is_some());
    assert_eq!(connected.unwrap(), 20 * MS);
    sim.connect(SECOND).unwrap();
    assert_eq!(sim.swarm.elapsed(), 40 * MS);
    sim.run_for(MS);
    assert_eq!(sim.a().states(), [State::Checking, State::Connected, State::Completed]);
    assert_eq!(sim.b().states(), [State::Checking, State::Connected, State::Completed]);
}

#[test]
fn on_loopback_nothing_waits_for_a_timer() {
    let mut sim = Sim::with(1, Link::with_delay(Duration::from_micros(30)), config(), config(), |_, _, _| {});
    let took = sim.connect(SECOND).unwrap();
    assert!(took < MS, "{took:?}");
}

/// Guards `Peer::take` of the answer's side: what a peer sends right after its pair is valid must find it validated.
#[test]
fn ice_6_data_sent_at_the_first_valid_pair_is_taken() {
    for seed in 0..20 {
        let mut sim = Sim::new(seed, Link::with_delay(10 * MS).jitter(5 * MS));
        sim.a().send_data_every(MS);
        sim.b().send_data_every(MS);
        sim.run_for(SECOND);
        assert_eq!((sim.a().refused, sim.b().refused), (0, 0), "seed {seed}");
        let received = [sim.a().received.len(), sim.b().received.len()];
        assert!(received.iter().all(|count| *count > 900), "{received:?}");
    }
}

/// Guards the choice of the best valid pair in `Agent::route` before nomination.
#[test]
fn ice_6_before_nomination_the_best_valid_pair_carries_data() {
    let mut sim = Sim::new(1, Link::with_delay(10 * MS));
    // No nomination reaches b.
    sim.swarm.network.set_filter(|_, _, _, bytes| {
        let nominates = Message::parse(bytes).is_ok_and(|message| message.use_candidate());
        if nominates { netsim::Verdict::Drop } else { netsim::Verdict::Pass }
    });
    sim.run_for(SECOND);
    assert!(sim.a().nominated().is_none() && sim.b().nominated().is_none());
    assert_eq!(sim.a().agent.state(), State::Connected);
    assert_eq!(sim.b().agent.route().unwrap().remote, address("192.0.2.1:5000"));
    sim.assert_agreed();
}

#[test]
fn trickled_candidates_are_paired_as_they_come() {
    let (mut sim, [a, b]) = Sim::unsignalled(SECOND);
    // Credentials first, candidates a second later, the end after three.
    sim.b().take(a[0].clone());
    sim.a().take(b[0].clone());
    sim.run_for(SECOND);
    assert_eq!(sim.a().agent.state(), State::New);
    sim.b().take(a[1].clone());
    sim.connect(SECOND).unwrap();
    assert_eq!(sim.b().agent.state(), State::Connected);
    sim.b().take(a[2].clone());
    sim.a().take(b[1].clone());
    sim.a().take(b[2].clone());
    sim.run_for(MS);
    assert_eq!((sim.a().agent.state(), sim.b().agent.state()), (State::Completed, State::Completed));
}

/// Guards `place_remote`: a candidate that a check revealed is the one signalled later.
#[test]
fn peer_reflexive_then_signalled_is_one_candidate() {
    let (mut sim, [a, b]) = Sim::unsignalled(SECOND);
    sim.b().take(a[0].clone());
    sim.a().take(b[0].clone());
    sim.a().take(b[1].clone());
    sim.connect(SECOND).unwrap();
    let now = sim.swarm.now();
    let b_agent = &mut sim.b().agent;
    let kinds =
        |agent: &Agent| agent.candidates().filter(|it| it.remote).map(|it| it.candidate.kind).collect::<Vec<_>>();
    assert_eq!(kinds(b_agent), [CandidateKind::PeerReflexive]);
    assert_eq!(b_agent.remote_candidates().count(), 0);
    let id = b_agent.candidates().find(|it| it.remote).unwrap().id;
    let Signal::Candidate(candidate) = a[1].clone() else { panic!() };
    b_agent.add_remote_candidate(now, candidate).unwrap();
    assert_eq!(kinds(b_agent), [CandidateKind::Host]);
    assert_eq!(b_agent.candidates().find(|it| it.remote).unwrap().id, id);
    assert_eq!(b_agent.pairs().count(), 1);
}

/// Whichever side hears of the other first, by a second: its checks come in while the other knows nothing.
#[test]
fn either_side_may_begin() {
    for first in [0, 1] {
        let (mut sim, signals) = Sim::unsignalled(MS);
        let [a, b] = signals;
        let (early, late) = if first == 0 { (b, a) } else { (a, b) };
        early.into_iter().for_each(|signal| sim.peer(first).take(signal));
        sim.run_for(SECOND);
        late.into_iter().for_each(|signal| sim.peer(1 - first).take(signal));
        sim.connect(SECOND).unwrap();
        (0..2).for_each(|node| sim.peer(node).send_data_every(20 * MS));
        sim.run_for(SECOND);
        for node in 0..2 {
            assert!(sim.peer(node).received.len() > 40 && sim.peer(node).refused == 0, "peer {node}");
        }
    }
}

/// Guards the queue of early checks.
#[test]
fn ice_1_a_check_before_the_credentials_is_answered_and_acted_upon_later() {
    let (mut sim, [a, b]) = Sim::unsignalled(MS);
    // Only a knows b; b has heard nothing of a.
    b.into_iter().for_each(|signal| sim.a().take(signal));
    sim.run_for(SECOND);
    assert_eq!(sim.a().agent.state(), State::Completed, "b answered");
    assert_eq!(sim.b().agent.state(), State::New);
    // The credentials are enough: no candidate is signalled, and the first check leaves at once.
    sim.b().take(a[0].clone());
    let took = sim.connect(SECOND).unwrap();
    assert_eq!(took, 20 * MS);
}

/// Guards `keeps_conflicting_role` and the priorities, which follow the role.
#[test]
fn ice_2_both_controlling_and_both_controlled_are_resolved() {
    for seed in 0..20 {
        for role in [Role::Controlling, Role::Controlled] {
            let mut sim = Sim::new(seed, Link::with_delay(10 * MS));
            for node in 0..2 {
                let peer = sim.peer(node);
                peer.agent.set_role(peer.now, role);
            }
            sim.connect(2 * SECOND).unwrap();
            let (a, b) = (sim.a().agent.role(), sim.b().agent.role());
            assert_eq!(a, b.other(), "seed {seed}");
            let priority = |sim: &mut Sim, node| sim.peer(node).nominated().unwrap().priority;
            assert_eq!(priority(&mut sim, 0), priority(&mut sim, 1), "seed {seed}: priorities follow the role");
            assert!(sim.a().agent.stats().role_conflicts + sim.b().agent.stats().role_conflicts > 0);
        }
    }
}

/// Two interfaces each, both families: the best pair is selected on both sides.
#[test]
fn many_interfaces_agree_on_the_best_pair() {
    for seed in 0..20 {
        let mut sim = many_interfaces(seed, Link::with_delay(10 * MS));
        sim.connect(2 * SECOND).unwrap();
        let best = sim.a().agent.pairs().next().unwrap();
        assert!(best.selected, "seed {seed}: {best:?}");
        let route = sim.a().agent.route().unwrap();
        assert!(route.remote.is_ipv6());
    }
}

/// The first address of each side is down: a lower pair is selected after the acceptance wait.
#[test]
fn a_worse_pair_is_nominated_after_a_short_wait() {
    let mut sim = many_interfaces(1, Link::with_delay(10 * MS));
    sim.swarm.network.set_interface(netsim::NodeId(1), "2001:db8::2".parse().unwrap(), false);
    let valid = sim.run_until(2 * SECOND, |a, b| a.agent.route().is_some() && b.agent.route().is_some()).unwrap();
    assert!(valid < 200 * MS, "{valid:?}");
    let selected = sim.connect(2 * SECOND).unwrap();
    assert!(selected > 150 * MS && selected < 300 * MS, "{selected:?}");
}

pub(super) fn many_interfaces(seed: u64, link: Link) -> Sim {
    Sim::with(seed, link, config(), config(), |network, links, nodes| {
        let ips = [["2001:db8::1", "192.0.2.1", "192.0.2.11"], ["2001:db8::2", "198.51.100.2", "198.51.100.22"]];
        for (node, ips) in ips.iter().enumerate() {
            for ip in ips {
                let (node, ip) = (netsim::NodeId(node), ip.parse().unwrap());
                network.add_interface(node, ip, links[2 * node.0], links[2 * node.0 + 1]);
                let addr = SocketAddr::new(ip, 5000);
                let id = network.bind(node, addr);
                nodes[node.0].peer().agent.add_socket(netsim::epoch(), id, addr);
            }
        }
    })
}

/// A lite peer answers checks and sends none.
#[test]
fn ice_10_with_a_lite_peer_the_agent_controls() {
    let mut sim = Sim::new(1, Link::with_delay(10 * MS));
    let [a, b] = [0, 1].map(|node| {
        let peer = sim.peer(node);
        peer.agent.set_role(peer.now, Role::Controlled);
        node
    });
    sim.peer(a).lite = true;
    // b knows no credentials of a, so it only answers.
    sim.signalling = false;
    sim.run_for(MS);
    let signals = std::mem::take(&mut sim.peer(b).signals);
    signals.into_iter().for_each(|signal| sim.peer(a).take(signal));
    sim.run_for(100 * MS);
    assert_eq!(sim.peer(a).agent.role(), Role::Controlling);
    assert_eq!(sim.peer(a).agent.state(), State::Completed);
    assert!(sim.peer(a).nominated().is_some());
    let now = sim.swarm.now();
    sim.peer(a).agent.set_role(now, Role::Controlled);
    assert_eq!(sim.peer(a).agent.role(), Role::Controlling, "a lite peer cannot control");
}

/// Lays out a peer behind a NAT of its own, and a STUN server at 203.0.113.9.
pub(super) fn behind_nats(seed: u64, nats: [Nat; 2]) -> Sim {
    let config = || config().with_stun_servers(vec![address("203.0.113.9:3478")]);
    let mut ids = Vec::new();
    let mut sim = Sim::with(seed, Link::with_delay(10 * MS), config(), config(), |network, links, nodes| {
        network.add_interface(netsim::NodeId(2), "203.0.113.9".parse().unwrap(), links[4], links[5]);
        network.bind(netsim::NodeId(2), address("203.0.113.9:3478"));
        for (node, nat) in nats.into_iter().enumerate() {
            let outer = format!("192.0.2.{}", node + 1).parse().unwrap();
            let nat = network.add_nat(nat, outer);
            ids.push(nat);
            let ip = format!("10.0.{node}.2").parse().unwrap();
            network.add_interface_behind(nat, netsim::NodeId(node), ip, links[2 * node], links[2 * node + 1]);
            let addr = SocketAddr::new(ip, 5000);
            let id = network.bind(netsim::NodeId(node), addr);
            nodes[node].peer().agent.add_socket(netsim::epoch(), id, addr);
        }
    });
    sim.nats = ids;
    sim
}

#[test]
fn connects_through_two_nats_by_server_reflexive_candidates() {
    for seed in 0..10 {
        let mut sim = behind_nats(seed, [Nat::port_restricted(), Nat::port_restricted()]);
        let took = sim.connect(5 * SECOND).unwrap();
        assert!(took < 2 * SECOND, "seed {seed}: {took:?}");
        let pair = sim.a().nominated().unwrap();
        let kind = |agent: &Agent, id| agent.candidates().find(|it| it.id == id).map(|it| it.candidate.kind);
        assert_eq!(kind(&sim.a().agent, pair.local), Some(CandidateKind::ServerReflexive));
    }
}

#[test]
fn connects_from_behind_a_symmetric_nat_by_a_peer_reflexive_candidate() {
    let mut sim = behind_nats(1, [Nat::symmetric(), Nat::full_cone()]);
    sim.connect(5 * SECOND).unwrap();
    let [a, b] = [0, 1].map(|node| sim.peer(node).nominated().unwrap());
    let kind = |agent: &Agent, id| agent.candidates().find(|it| it.id == id).map(|it| it.candidate.kind);
    assert_eq!(kind(&sim.a().agent, a.local), Some(CandidateKind::PeerReflexive));
    assert_eq!(kind(&sim.b().agent, b.remote), Some(CandidateKind::PeerReflexive));
    assert!(sim.a().agent.local_candidates().iter().all(|it| it.kind != CandidateKind::PeerReflexive), "not signalled");
}

/// A NAT forgets its mapping in mid-call; the peer behind it appears from another port.
#[test]
fn flt_14_a_rebound_nat_interrupts_data_for_a_second_at_most() {
    for (seed, rebound) in (0..20).flat_map(|seed| [(seed, 0), (seed, 1)]) {
        let mut sim = behind_nats(seed, [Nat::full_cone(), Nat::full_cone()]);
        sim.connect(5 * SECOND).unwrap();
        sim.a().send_data_every(20 * MS);
        sim.b().send_data_every(20 * MS);
        sim.run_for(SECOND * (seed as u32 % 7));
        let start = sim.swarm.now();
        let nat = sim.nats[rebound];
        sim.swarm.network.rebind_nat(nat);
        sim.run_for(10 * SECOND);
        let [a, b] = [0, 1].map(|node| sim.peer(node).gap(start));
        assert!(a < SECOND && b < SECOND, "seed {seed}, peer {rebound}: {a:?} {b:?}");
        assert!(sim.a().nominated().is_some() && sim.b().nominated().is_some());
        for node in 0..2 {
            assert!(!sim.peer(node).states().contains(&State::Failed));
        }
    }
}

#[test]
fn a_removed_socket_is_replaced_by_another_pair() {
    for seed in 0..10 {
        let mut sim = many_interfaces(seed, Link::with_delay(10 * MS));
        sim.connect(2 * SECOND).unwrap();
        let socket = sim.a().agent.route().unwrap().socket;
        let now = sim.swarm.now();
        sim.a().agent.remove_socket(now, socket);
        assert!(sim.a().agent.local_candidates().len() == 2);
        let took =
            sim.run_until(5 * SECOND, |a, _| a.nominated().is_some() && a.agent.state() == State::Completed).unwrap();
        assert!(took < SECOND, "seed {seed}: {took:?}");
        sim.run_for(10 * SECOND);
        sim.assert_agreed();
    }
}

#[test]
fn a_removed_socket_that_carries_nothing_is_not_missed() {
    let mut sim = many_interfaces(1, Link::with_delay(10 * MS));
    sim.connect(2 * SECOND).unwrap();
    sim.b().send_data_every(20 * MS);
    let route = sim.a().agent.route().unwrap();
    let (now, start) = (sim.swarm.now(), sim.a().received.len());
    for id in (0..3).map(SocketId).filter(|id| *id != route.socket) {
        sim.a().agent.remove_socket(now, id);
    }
    sim.run_for(SECOND);
    assert_eq!(sim.a().agent.route(), Some(route));
    assert!(sim.a().received.len() > start + 40 && sim.a().nominated().is_some());
}

#[test]
fn a_socket_that_comes_late_makes_pairs() {
    let mut sim = Sim::new(1, Link::with_delay(10 * MS));
    sim.connect(SECOND).unwrap();
    sim.interface(0, "192.0.2.77");
    sim.socket(0, "192.0.2.77:9");
    assert_eq!(sim.a().agent.local_candidates().len(), 2);
    assert_eq!(sim.a().agent.pairs().count(), 2);
}

#[test]
fn close_ends_everything_and_is_told_once() {
    let mut sim = Sim::new(1, Link::with_delay(10 * MS));
    sim.connect(SECOND).unwrap();
    let now = sim.swarm.now();
    sim.a().events.clear();
    sim.a().agent.close(now);
    sim.a().agent.close(now);
    assert_eq!(sim.a().agent.state(), State::Closed);
    assert_eq!(sim.a().agent.route(), None);
    assert_eq!(sim.a().agent.poll_timeout(), None);
    sim.run_for(10 * SECOND);
    let events: Vec<_> = sim.a().events.drain(..).map(|(_, event)| event).collect();
    assert_eq!(events, [Event::Closed(CloseReason::Local)]);
    assert_eq!(
        sim.a().agent.add_remote_candidate(now, "1 1 udp 1 192.0.2.9 9 typ host".parse().unwrap()),
        Err(CandidateError::Closed)
    );
}

#[test]
fn an_agent_is_send() {
    fn is_send<T: Send + Sync>() {}
    is_send::<Agent>();
}
