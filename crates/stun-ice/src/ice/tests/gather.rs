//! Server-reflexive candidates.

use super::connect::behind_nats;
use super::script::Script;
use super::*;
use netsim::Nat;

fn gathered(agent: &Agent) -> Vec<(CandidateKind, String)> {
    agent.local_candidates().iter().map(|it| (it.kind, format!("{}", it.socket_addr().unwrap()))).collect()
}

/// A restart asks the servers again and comes to an end by itself.
#[test]
fn ice_7_a_restart_gathers_anew_from_the_servers() {
    let mut sim = behind_nats(1, [Nat::full_cone(), Nat::full_cone()]);
    sim.connect(5 * SECOND).unwrap();
    let before = gathered(&sim.a().agent);
    sim.a().events.clear();
    sim.signalling = false;
    sim.a().restart();
    assert_eq!(sim.a().agent.gathering_state(), GatheringState::Gathering);
    sim.run_for(SECOND);
    assert_eq!(gathered(&sim.a().agent), before);
    let told: Vec<_> = sim
        .a()
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::GatheringState(state) => Some(state.to_string()),
            Event::LocalCandidate(candidate) => Some(candidate.kind.to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(told, ["gathering", "host", "srflx", "complete"]);
    sim.b().restart();
    sim.signalling = true;
    sim.connect(5 * SECOND).unwrap();
}

/// A socket that came while the agent had failed is there after the restart.
#[test]
fn a_failed_agent_keeps_new_sockets_for_the_restart() {
    let mut sim = Sim::new(1, Link { down: true, ..Link::default() });
    sim.run_until(60 * SECOND, |a, b| a.agent.state() == State::Failed && b.agent.state() == State::Failed).unwrap();
    sim.interface(0, "192.0.2.77");
    sim.socket(0, "192.0.2.77:9");
    assert_eq!(sim.a().agent.local_candidates().len(), 1);
    sim.a().restart();
    assert_eq!(sim.a().agent.local_candidates().len(), 2);
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
    assert_eq!(server, Some(&address("203.0.113.9:3478").into()));
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

/// Guards the doubling of the interval, the end after seven requests, and the last wait: 500 ms, Rc = 7 and Rm = 16.
#[test]
fn stun_5_a_server_is_asked_seven_times_in_39_5_seconds() {
    let server = address("203.0.113.9:3478");
    let config = config().with_stun_servers(vec![server]).with_gathering_timeout(200 * SECOND);
    let mut script = Script::unsignalled(config, Role::Controlled);
    let (start, mut times) = (script.now, Vec::new());
    let mut ids = Vec::new();
    while script.agent.gathering_state() != GatheringState::Complete {
        for sent in script.after(Duration::ZERO) {
            times.push(script.now.saturating_duration_since(start).as_millis());
            ids.push(sent.message().transaction());
        }
        script.now += 100 * MS;
        script.agent.handle_timeout(script.now);
    }
    assert_eq!(times, [0, 500, 1500, 3500, 7500, 15_500, 31_500]);
    assert!(ids.iter().all(|id| *id == ids[0]), "one transaction");
    assert_eq!(script.now, start + 39_500 * MS);
}

/// Guards the pace of checks and their time-out: at least 5 ms between any two, and a pair has its next turn after 500 ms, or
/// after all the others had theirs.
#[test]
fn stun_5_checks_keep_their_pace_and_wait_longer_the_more_there_are() {
    for (ta, pairs, wait) in [(0, 4, 500), (5, 60, 500), (50, 4, 500), (50, 60, 3000)] {
        let config = config().with_ta(ta * MS);
        let mut script = Script::unsignalled(config, Role::Controlling);
        let peer = script.peer.clone();
        script.agent.set_remote_credentials(script.now, peer, false).unwrap();
        for n in 0..pairs {
            script.name(&format!("{n} 1 udp {} 198.51.100.{} 6000 typ host", 1000 - n, n + 1));
        }
        let mut checks: Vec<(Instant, SocketAddr)> = Vec::new();
        for _ in 0..10_000 {
            checks.extend(script.after(MS).iter().map(|sent| (script.now, sent.remote)));
        }
        let between = |a: &(Instant, SocketAddr), b: &(Instant, SocketAddr)| b.0.saturating_duration_since(a.0);
        let closest = checks.windows(2).map(|two| between(&two[0], &two[1])).min().unwrap();
        assert!(closest >= ta.max(5) * MS, "Ta {ta} ms: {closest:?}");
        let first: Vec<_> = checks.iter().filter(|(_, remote)| *remote == checks[0].1).collect();
        let again = between(first[0], first[1]);
        assert!(again >= wait * MS && again < (wait + 100) * MS, "Ta {ta} ms, {pairs} pairs: {again:?}");
    }
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
