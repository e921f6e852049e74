//! Server-reflexive candidates.

use super::connect::behind_nats;
use super::*;
use netsim::Nat;

fn gathered(agent: &Agent) -> Vec<(CandidateKind, String)> {
    agent.local_candidates().iter().map(|it| (it.kind, format!("{}", it.socket_addr().unwrap()))).collect()
}

#[test]
fn a_stun_server_yields_a_server_reflexive_candidate() {
    let mut sim = behind_nats(1, [Nat::full_cone(), Nat::full_cone()]);
    sim.signalling = false;
    assert_eq!(sim.a().agent.gathering_state(), GatheringState::Gathering);
    sim.run_for(SECOND);
    assert_eq!(sim.a().agent.gathering_state(), GatheringState::Complete);
    let candidates = gathered(&sim.a().agent);
    assert_eq!(candidates[0], (CandidateKind::Host, "10.0.0.2:5000".to_owned()));
    assert_eq!(candidates[1].0, CandidateKind::ServerReflexive);
    assert!(candidates[1].1.starts_with("192.0.2.1:"));
    let reflexive = &sim.a().agent.local_candidates()[1];
    assert_eq!(reflexive.related, Some(("10.0.0.2".parse::<std::net::IpAddr>().unwrap().into(), 5000)));
    let server = sim.a().agent.candidates().nth(1).unwrap().server;
    assert_eq!(server, Some(address("203.0.113.9:3478")));
    // The end of candidates comes after the last candidate.
    let events: Vec<_> = sim.a().events.iter().map(|(_, event)| event.clone()).collect();
    let position = |wanted: &dyn Fn(&Event) -> bool| events.iter().rposition(wanted).unwrap();
    assert!(
        position(&|event| matches!(event, Event::LocalCandidate(_)))
            < position(&|event| *event == Event::GatheringState(GatheringState::Complete))
    );
}

#[test]
fn without_a_nat_the_reflexive_candidate_is_redundant() {
    let server = config().with_stun_servers(vec![address("203.0.113.9:3478")]);
    let mut sim = Sim::with(1, Link::with_delay(10 * MS), server, config(), |network, links, _| {
        network.add_interface(netsim::NodeId(2), "203.0.113.9".parse().unwrap(), links[4], links[5]);
        network.bind(netsim::NodeId(2), address("203.0.113.9:3478"));
    });
    sim.run_for(SECOND);
    assert_eq!(sim.server().requests, 1);
    assert_eq!(gathered(&sim.a().agent), [(CandidateKind::Host, "192.0.2.1:5000".to_owned())]);
}

#[test]
fn a_mute_server_is_asked_five_times_and_given_up_after_nine_and_a_half_seconds() {
    let mut sim = behind_nats(1, [Nat::full_cone(), Nat::full_cone()]);
    sim.signalling = false;
    sim.server().mute = true;
    sim.run_for(9 * SECOND);
    assert_eq!(sim.a().agent.gathering_state(), GatheringState::Gathering);
    sim.run_for(600 * MS);
    assert_eq!(sim.a().agent.gathering_state(), GatheringState::Complete);
    assert_eq!(sim.server().requests, 2 * 5);
    sim.run_for(60 * SECOND);
    assert_eq!(sim.server().requests, 2 * 5);
}

#[test]
fn a_mapping_is_kept_alive_until_a_pair_is_selected() {
    let mut sim = behind_nats(1, [Nat::full_cone(), Nat::full_cone()]);
    sim.signalling = false;
    sim.run_for(100 * SECOND);
    assert_eq!(sim.server().indications, 2 * 6);
    sim.signalling = true;
    sim.connect(5 * SECOND).unwrap();
    let before = sim.server().indications;
    sim.run_for(100 * SECOND);
    assert_eq!(sim.server().indications, before);
}

/// Host pairs do not wait for servers: the first check leaves at once.
#[test]
fn a_mute_server_does_not_hold_up_the_connection() {
    let server = || config().with_stun_servers(vec![address("203.0.113.9:3478"), address("203.0.113.10:3478")]);
    let mut sim = Sim::with(1, Link::with_delay(10 * MS), server(), server(), |_, _, _| {});
    let took = sim.connect(SECOND).unwrap();
    assert!(took < 120 * MS, "{took:?}");
    assert_eq!(sim.a().agent.state(), State::Connected);
}

#[test]
fn gathering_states_follow_the_sockets() {
    let now = netsim::epoch();
    let mut agent = Agent::new(Arc::new(config()), Rng::from_number(1), now);
    assert_eq!(agent.gathering_state(), GatheringState::New);
    agent.add_socket(now, SocketId(0), address("192.0.2.1:5"));
    agent.add_socket(now, SocketId(1), address("[fe80::1]:5"));
    assert_eq!(agent.gathering_state(), GatheringState::Gathering);
    agent.end_of_sockets(now);
    assert_eq!(agent.gathering_state(), GatheringState::Complete);
    assert_eq!(agent.local_candidates().len(), 1, "link-local addresses are of no use");
}

/// RFC 8421: families take turns, IPv6 first; loopback last.
#[test]
fn priorities_prefer_early_sockets_and_interleave_families() {
    let now = netsim::epoch();
    let mut agent = Agent::new(Arc::new(config()), Rng::from_number(1), now);
    let sockets = ["127.0.0.1:1", "192.0.2.1:1", "192.0.2.2:1", "[2001:db8::1]:1", "[2001:db8::2]:1"];
    for (id, socket) in sockets.iter().enumerate() {
        agent.add_socket(now, SocketId(id as u32), address(socket));
    }
    let mut candidates = agent.local_candidates().to_vec();
    candidates.sort_by_key(|it| std::cmp::Reverse(it.priority));
    let order: Vec<_> = candidates.iter().map(|it| it.socket_addr().unwrap().to_string()).collect();
    assert_eq!(order, ["[2001:db8::1]:1", "192.0.2.1:1", "[2001:db8::2]:1", "192.0.2.2:1", "127.0.0.1:1"]);
}
