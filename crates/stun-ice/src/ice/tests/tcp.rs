//! ICE over TCP.

use super::streams::{ACTIVE, AT_ONCE, PASSIVE, Streams};
use super::*;

const SILENT: TcpBase = TcpBase::Active { signalled: false };

/// The first opens connections, the second takes them.
fn streams(seed: u64) -> Streams {
    let mut streams = Streams::new(seed, [&[SILENT], &[TcpBase::Passive]]);
    streams.signal();
    streams
}

fn is_up(agent: &Agent) -> bool {
    matches!(agent.state(), State::Connected | State::Completed) && agent.pairs().any(|it| it.selected && it.nominated)
}

fn connect(streams: &mut Streams, seed: u64) {
    if !streams.run_until(5 * SECOND, |it| it.agents.iter().all(is_up)) {
        let pairs = streams.agents.each_ref().map(|agent| agent.pairs().collect::<Vec<_>>());
        let states = streams.agents.each_ref().map(Agent::state);
        panic!("seed {seed}: {states:?} {pairs:#?}");
    }
}

/// Guards the whole way: a connection, its check, the answer, the peer's check over the same connection, nomination.
#[test]
fn ice_12_agents_connect_over_streams_that_cut_and_delay() {
    for seed in 0..100 {
        let mut streams = streams(seed);
        connect(&mut streams, seed);
        for _ in 0..50 {
            (0..2).for_each(|node| streams.send_data(node));
            streams.run_until(5 * MS, |_| false);
        }
        streams.run_until(SECOND, |_| false);
        for seen in &streams.seen {
            assert_eq!((&seen.data, seen.refused), (&(0..50).collect(), 0), "seed {seed}: in order, all of it");
            let states = &seen.states;
            assert!(!states.contains(&State::Disconnected) && states.ends_with(&[State::Completed]), "seed {seed}");
        }
        assert_eq!((streams.seen[0].connects.len(), streams.open()), (1, 1), "seed {seed}");
    }
}

/// Guards what follows the loss of a connection: the pair fails, and the side that opened it opens another one.
#[test]
fn ice_12_a_connection_that_dies_is_replaced() {
    for seed in 0..100 {
        let mut streams = streams(seed);
        connect(&mut streams, seed);
        let alive = MS * streams.rng.below(20_000) as u32;
        streams.run_until(alive, |_| false);
        (0..20).for_each(|number| streams.send_data(number % 2));
        streams.run_until(streams.delay + MS, |_| false);
        streams.cut(0);
        let lost = |agent: &Agent| agent.route().is_none() && agent.state() == State::Disconnected;
        assert!(streams.agents.iter().all(lost), "seed {seed}");
        let failed = streams.agents[1].pairs().next().unwrap();
        assert_eq!((failed.state, failed.lost), (PairState::Failed, Some(ConnectionError::Closed)), "seed {seed}");
        connect(&mut streams, seed);
        assert_eq!((streams.seen[0].connects.len(), streams.open()), (2, 1), "seed {seed}");
    }
}

/// A connection that dies before it is of use takes nothing with it but its pair, and the search goes on.
#[test]
fn ice_12_a_connection_that_dies_early_leaves_the_search_going() {
    for seed in 0..100 {
        let mut streams = streams(seed);
        let early = MS * streams.rng.below(150) as u32;
        streams.run_until(early, |_| false);
        if streams.open() == 1 {
            let was_up = streams.agents.each_ref().map(is_up);
            streams.cut(0);
            let states = streams.agents.each_ref().map(Agent::state);
            assert!(!states.contains(&State::Failed), "seed {seed}: {was_up:?} {states:?}");
        }
        streams.restart();
        connect(&mut streams, seed);
    }
}

/// Guards `Agent::connection_lost`: a refused attempt fails its pair with the reason.
#[test]
fn ice_12_a_refused_connection_fails_its_pair() {
    for error in [ConnectionError::Refused, ConnectionError::TimedOut, ConnectionError::Unreachable] {
        let mut streams = streams(1);
        streams.answer = Err(error);
        streams.run_until(SECOND, |_| false);
        let pair = streams.agents[0].pairs().next().unwrap();
        assert_eq!((pair.state, pair.lost, pair.requests_sent), (PairState::Failed, Some(error), 0));
        assert_eq!(streams.seen[0].connects.len(), 1);
        streams.run_until(40 * SECOND, |_| false);
        assert_eq!(streams.seen[0].states, [State::Checking, State::Failed]);
    }
}

/// Guards the single check of a pair over TCP, which repeats what gets lost by itself (RFC 6544 §7.1).
#[test]
fn ice_12_a_check_is_sent_once() {
    let mut streams = streams(1);
    // The peer does not answer: it has not been told of the offer.
    streams.agents[1].close(streams.now);
    streams.run_until(30 * SECOND, |_| false);
    let pair = streams.agents[0].pairs().next().unwrap();
    assert_eq!((pair.requests_sent, pair.state), (1, PairState::InProgress));
    streams.run_until(15 * SECOND, |_| false);
    assert_eq!(streams.agents[0].pairs().next().unwrap().state, PairState::Failed);
}

/// Guards the text of candidates: port 9 where connections are opened from, the type, foundations apart from UDP's, lower priorities.
#[test]
fn ice_12_candidates_are_signalled_with_their_type() {
    let now = netsim::epoch();
    let mut agent = Agent::new(Arc::new(config()), Rng::from_number(1), now);
    agent.add_socket(now, SocketId(0), address("192.0.2.1:5000"));
    agent.add_tcp_socket(now, ACTIVE, address("192.0.2.1:0"), TcpBase::Active { signalled: true });
    agent.add_tcp_socket(now, PASSIVE, address("192.0.2.1:4430"), TcpBase::Passive);
    agent.add_tcp_socket(now, AT_ONCE, address("192.0.2.1:4431"), TcpBase::SimultaneousOpen);
    let ufrag = agent.local_credentials().ufrag.clone();
    let texts: Vec<String> = agent.local_candidates().iter().map(Candidate::to_string).collect();
    let priority = |direction: u32| 90 << 24 | (direction << 13 | 0x1ffe) << 8 | 255;
    assert_eq!(
        texts,
        [
            format!("candidate:1 1 udp 2130706175 192.0.2.1 5000 typ host ufrag {ufrag}"),
            format!("candidate:2 1 tcp {} 192.0.2.1 9 typ host tcptype active ufrag {ufrag}", priority(6)),
            format!("candidate:2 1 tcp {} 192.0.2.1 4430 typ host tcptype passive ufrag {ufrag}", priority(4)),
            format!("candidate:2 1 tcp {} 192.0.2.1 4431 typ host tcptype so ufrag {ufrag}", priority(2)),
        ]
    );
}

/// Guards the table of RFC 6544 §6.2, with passive local candidates pruned.
#[test]
fn ice_12_types_are_paired_as_the_table_has_it() {
    let now = netsim::epoch();
    let mut agent = Agent::new(Arc::new(config()), Rng::from_number(1), now);
    agent.add_socket(now, SocketId(0), address("192.0.2.1:5000"));
    agent.add_tcp_socket(now, ACTIVE, address("192.0.2.1:0"), SILENT);
    agent.add_tcp_socket(now, PASSIVE, address("192.0.2.1:4430"), TcpBase::Passive);
    agent.add_tcp_socket(now, AT_ONCE, address("192.0.2.1:4431"), TcpBase::SimultaneousOpen);
    // At one address and port, so that nothing but the transport tells them apart.
    for (number, kind) in ["udp", "active", "so", "passive"].into_iter().enumerate() {
        let transport = if kind == "udp" { "udp" } else { "tcp" };
        let tcp_type = if kind == "udp" { String::new() } else { format!(" tcptype {kind}") };
        let text = format!("{number} 1 {transport} 1000 198.51.100.2 7000 typ host{tcp_type}");
        agent.add_remote_candidate(now, text.parse().unwrap()).unwrap();
    }
    let candidates: Vec<_> = agent.candidates().map(|it| (it.id, it.candidate.tcp_type)).collect();
    let type_of = |id| candidates.iter().find(|it| it.0 == id).unwrap().1;
    let pairs: Vec<_> = agent.pairs().map(|pair| (pair.socket, type_of(pair.remote))).collect();
    let (passive, so) = (Some(TcpType::Passive), Some(TcpType::SimultaneousOpen));
    assert_eq!(pairs, [(SocketId(0), None), (ACTIVE, passive), (AT_ONCE, so)], "the best first");
    assert_eq!(agent.stats().candidates_ignored, 1, "an active one leads nowhere");
}

/// Guards `is_blocked`: nobody gets this host to speak to services that may take it for their own.
#[test]
fn ice_12_blocked_ports_are_not_tried() {
    for (port, tried) in [(25, false), (6667, false), (2049, false), (8001, true), (443, true)] {
        for tcp_type in ["passive", "so"] {
            let now = netsim::epoch();
            let mut agent = Agent::new(Arc::new(config()), Rng::from_number(1), now);
            agent.add_tcp_socket(now, ACTIVE, address("192.0.2.1:0"), SILENT);
            agent.add_tcp_socket(now, AT_ONCE, address("192.0.2.1:4431"), TcpBase::SimultaneousOpen);
            let text = format!("1 1 tcp 1000 198.51.100.2 {port} typ host tcptype {tcp_type}");
            agent.add_remote_candidate(now, text.parse().unwrap()).unwrap();
            assert_eq!(agent.pairs().count() == 1, tried, "{port} {tcp_type}");
        }
    }
}

/// Guards `close_unneeded`: where UDP works, connections do not stay.
#[test]
fn ice_12_connections_that_nothing_needs_are_closed() {
    let both: [&[TcpBase]; 2] = [&[SILENT, TcpBase::Passive], &[SILENT, TcpBase::Passive]];
    for seed in 0..20 {
        let mut streams = Streams::new(seed, both);
        streams.signal();
        connect(&mut streams, seed);
        streams.run_until(SECOND, |_| false);
        assert_eq!(streams.open(), 1, "seed {seed}: of the two that each opened to the other");
        assert!(streams.seen.iter().any(|seen| seen.disconnects > 0), "seed {seed}");
        assert!(streams.agents.iter().all(is_up), "seed {seed}");
    }
}

/// Guards that a restart closes no connection (RFC 6544 §9.2): the new generation uses the one there is.
#[test]
fn ice_12_a_restart_keeps_the_connection() {
    for seed in 0..20 {
        let mut streams = streams(seed);
        connect(&mut streams, seed);
        streams.restart();
        streams.run_until(5 * SECOND, |_| false);
        assert!(streams.agents.iter().all(is_up), "seed {seed}");
        assert_eq!((streams.seen[0].connects.len(), streams.open()), (1, 1), "seed {seed}");
    }
}

/// Guards the bound of attempts to one address (RFC 6544 §12), beyond which the others have to wait.
#[test]
fn ice_12_five_connections_at_most_are_on_their_way_to_one_address() {
    let now = netsim::epoch();
    let mut agent = Agent::new(Arc::new(config()), Rng::from_number(1), now);
    agent.add_tcp_socket(now, ACTIVE, address("192.0.2.1:0"), SILENT);
    agent.set_remote_credentials(now, Credentials::new("abcd", "0123456789012345678901"), false).unwrap();
    for port in 7000..7020 {
        let text = format!("{port} 1 tcp {port} 198.51.100.2 {port} typ host tcptype passive");
        agent.add_remote_candidate(now, text.parse().unwrap()).unwrap();
    }
    let mut now = now;
    let mut asked = Vec::new();
    let mut run = |agent: &mut Agent, asked: &mut Vec<SocketAddr>| {
        for _ in 0..100 {
            now += 10 * MS;
            agent.handle_timeout(now);
            assert!(agent.poll_transmit(now, 1, &mut Vec::new()).is_none());
            while let Some(event) = agent.poll_event() {
                if let Event::Io(Io::Connect { remote, .. }) = event {
                    asked.push(remote);
                }
            }
        }
        now
    };
    let now = run(&mut agent, &mut asked);
    assert_eq!(asked.len(), 5);
    agent.connection_lost(now, ACTIVE, asked[2], ConnectionError::Refused);
    run(&mut agent, &mut asked);
    assert_eq!(asked.len(), 6);
}

/// Guards the order by priority: UDP carries the data where it works, whatever TCP does.
#[test]
fn ice_12_udp_is_preferred() {
    let mut sim = Sim::new(1, Link::with_delay(10 * MS));
    let now = sim.swarm.now();
    sim.a().agent.add_tcp_socket(now, ACTIVE, address("192.0.2.1:0"), SILENT);
    sim.b().agent.add_tcp_socket(now, PASSIVE, address("198.51.100.2:4430"), TcpBase::Passive);
    sim.connect(SECOND).unwrap();
    assert_eq!(sim.a().agent.route().unwrap().socket, SocketId(0));
    let connects = sim.a().events.iter().filter(|(_, event)| matches!(event, Event::Io(Io::Connect { .. }))).count();
    assert_eq!(connects, 0, "its turn had not come");
}

/// Under `relay` no address of this host is used, over TCP either.
#[test]
fn ice_12_nothing_is_opened_where_only_relays_may_be_used() {
    let now = netsim::epoch();
    let options = GatherOptions { policy: TransportPolicy::Relay, ..GatherOptions::default() };
    let mut agent = Agent::new(Arc::new(config().with_gather_options(options)), Rng::from_number(1), now);
    agent.add_tcp_socket(now, ACTIVE, address("192.0.2.1:0"), TcpBase::Active { signalled: true });
    agent.add_tcp_socket(now, PASSIVE, address("192.0.2.1:4430"), TcpBase::Passive);
    let text = "1 1 tcp 1000 198.51.100.2 7000 typ host tcptype passive";
    agent.add_remote_candidate(now, text.parse().unwrap()).unwrap();
    assert_eq!((agent.local_candidates().len(), agent.pairs().count()), (0, 0));
}
