//! ICE over TCP where both sides open connections at once.

use super::streams::{ACTIVE, AT_ONCE};
use super::syns::{OUTER, PORTS, Router, SERVER, Syns};
use super::*;

fn with_server() -> Arc<Config> {
    Arc::new(config().with_stun_servers(vec![address(SERVER)]))
}

fn introduced(seed: u64, routers: [Router; 2]) -> Syns {
    let mut syns = Syns::new(seed, routers, &with_server());
    syns.introduce();
    syns
}

fn connect(syns: &mut Syns, seed: u64) {
    if !syns.run_until(20 * SECOND, Syns::is_up) {
        let pairs = syns.sides.each_ref().map(|side| side.agent.pairs().collect::<Vec<_>>());
        panic!("seed {seed}: {pairs:#?}");
    }
}

/// Data go both ways, all of them.
fn check_data(syns: &mut Syns, seed: u64) {
    let before = syns.sides.each_ref().map(|side| side.received);
    for _ in 0..20 {
        (0..2).for_each(|node| syns.send_data(node));
        syns.run_until(10 * MS, |_| false);
    }
    syns.run_until(SECOND, |_| false);
    let received = [0, 1].map(|node| syns.sides[node].received - before[node]);
    assert_eq!(received, [20, 20], "seed {seed}");
}

/// Guards the whole way without routers, where the port that listens takes most of what comes: one connection, whoever was first.
#[test]
fn ice_12_two_that_open_at_once_have_one_connection() {
    let mut crossed = 0;
    for seed in 0..100 {
        let mut syns = introduced(seed, [Router::None, Router::None]);
        connect(&mut syns, seed);
        check_data(&mut syns, seed);
        assert_eq!(syns.open(), 1, "seed {seed}");
        for side in &syns.sides {
            assert!(side.connects.len() <= 1, "seed {seed}: {:?}", side.connects);
            assert_eq!(side.states, [State::Checking, State::Connected, State::Completed], "seed {seed}");
            let pair = side.agent.pairs().find(|pair| pair.selected).unwrap();
            assert_eq!(pair.socket, AT_ONCE, "seed {seed}");
        }
        crossed += syns.crossed;
    }
    assert!((5..100).contains(&crossed), "either way of coming about is met: {crossed}");
}

/// Guards candidates that servers see, through two routers that let nothing in unasked.
#[test]
fn ice_12_simultaneous_open_gets_through_two_routers_that_keep_ports() {
    for seed in 0..100 {
        let mut syns = introduced(seed, [Router::Kept, Router::Kept]);
        connect(&mut syns, seed);
        check_data(&mut syns, seed);
        assert_eq!(syns.open(), 1, "seed {seed}");
        for (node, side) in syns.sides.iter().enumerate() {
            let candidates: Vec<_> = side.agent.candidates().collect();
            let pair = side.agent.pairs().find(|pair| pair.selected).unwrap();
            let of = |id| {
                let it = candidates.iter().find(|it| it.id == id).unwrap().candidate;
                (it.kind, it.tcp_type, it.socket_addr().unwrap().ip().to_string())
            };
            let seen =
                |node: usize| (CandidateKind::ServerReflexive, Some(TcpType::SimultaneousOpen), OUTER[node].to_owned());
            assert_eq!([of(pair.local), of(pair.remote)], [seen(node), seen(1 - node)], "seed {seed}");
            // That to the server, and whichever was on its way to an address that leads nowhere.
            assert!((1..=2).contains(&side.disconnects), "seed {seed}: {}", side.disconnects);
        }
    }
}

/// One side is in the open: no more than one of both needs a server.
#[test]
fn ice_12_simultaneous_open_gets_out_of_one_router_of_any_kind() {
    for router in [Router::Kept, Router::Refusing, Router::PerDestination] {
        for seed in 0..30 {
            let mut routers = [router, Router::None];
            routers.rotate_left(seed as usize % 2);
            let mut syns = introduced(seed, routers);
            connect(&mut syns, seed);
            check_data(&mut syns, seed);
        }
    }
}

/// Guards `Reopening::on_vain`. Two routers that refuse are passed where two SYNs cross, which takes luck: more than one try.
#[test]
fn ice_12_a_simultaneous_open_that_is_refused_is_tried_again() {
    let (mut first, mut later) = (0, 0);
    for seed in 0..200 {
        let mut syns = introduced(seed, [Router::Refusing, Router::Refusing]);
        let is_up = syns.run_until(30 * SECOND, Syns::is_up);
        let tried: Vec<_> = syns.sides.iter().map(|side| side.connects.len()).collect();
        assert!(tried.iter().all(|tried| *tried <= 2 * 6), "seed {seed}: {tried:?}");
        // One goes to an address that leads nowhere.
        let is_first = tried.iter().all(|tried| *tried <= 2);
        first += usize::from(is_up && is_first);
        later += usize::from(is_up && !is_first);
    }
    assert!(first > 0 && later > 10, "{first} at once, {later} later");
}

/// Nothing gets through two routers with a port for each destination. Guards the bound of further attempts.
#[test]
fn ice_12_two_routers_with_a_port_for_each_destination_end_it() {
    let mut syns = introduced(1, [Router::PerDestination, Router::PerDestination]);
    let is_failed = |syns: &Syns| syns.sides.iter().all(|side| side.agent.state() == State::Failed);
    assert!(syns.run_until(60 * SECOND, is_failed));
    for side in &syns.sides {
        let lost: Vec<_> = side.agent.pairs().map(|pair| pair.lost).collect();
        assert_eq!(lost, [Some(ConnectionError::TimedOut); 2]);
        assert!(side.connects.len() <= 2 * 6, "{:?}", side.connects);
    }
}

/// Guards the candidates of a port: both types at the address that a server sees, the base as the related one, the order by priority.
#[test]
fn ice_12_candidates_of_a_port_that_opens_and_takes() {
    let mut syns = Syns::new(1, [Router::Kept, Router::None], &with_server());
    let gathered = |syns: &Syns| syns.sides[0].agent.gathering_state() == GatheringState::Complete;
    assert!(syns.run_until(SECOND, gathered));
    let agent = &syns.sides[0].agent;
    let ufrag = agent.local_credentials().ufrag.clone();
    let texts: Vec<_> = agent.local_candidates().iter().map(Candidate::to_string).collect();
    let priority = |kind: u32, direction: u32| kind << 24 | (direction << 13 | 0x1ffe) << 8 | 255;
    let seen = |direction, name: &str| {
        let priority = priority(70, direction);
        format!(
            "candidate:2 1 tcp {priority} 192.0.2.1 40000 typ srflx raddr 10.0.0.2 rport 4430 tcptype {name} ufrag {ufrag}"
        )
    };
    let host = format!("candidate:1 1 tcp {} 10.0.0.2 4430 typ host tcptype so ufrag {ufrag}", priority(90, 2));
    assert_eq!(texts, [host, seen(6, "so"), seen(2, "passive")]);
    for text in &texts {
        assert_eq!(text.parse::<Candidate>().unwrap().to_string(), *text);
    }
    // The other one is seen where it is.
    assert!(syns.run_until(SECOND, |syns| syns.sides[1].agent.gathering_state() == GatheringState::Complete));
    assert_eq!(syns.sides[1].agent.local_candidates().len(), 1);
}

/// A peer that opens connections alone gets to a port through a router that somebody configured: by the passive candidate.
#[test]
fn ice_12_a_port_takes_connections_of_peers_that_do_not_open_at_once() {
    for seed in 0..20 {
        let mut syns = introduced(seed, [Router::None, Router::None]);
        let now = syns.now;
        // The first one does something else, and is told of nothing else.
        while syns.sides[0].agent.poll_event().is_some() {}
        syns.sides[0].agent.remove_socket(now, AT_ONCE);
        let from = SocketAddr::new(OUTER[0].parse().unwrap(), 0);
        syns.sides[0].agent.add_tcp_socket(now, ACTIVE, from, TcpBase::Active { signalled: false });
        let passive = format!("7 1 tcp 1000 {} {} typ srflx tcptype passive", OUTER[1], PORTS[1]);
        syns.sides[0].agent.add_remote_candidate(now, passive.parse().unwrap()).unwrap();
        connect(&mut syns, seed);
        check_data(&mut syns, seed);
        assert_eq!(syns.sides[0].agent.route().unwrap().socket, ACTIVE, "seed {seed}");
        assert_eq!(syns.sides[1].agent.route().unwrap().socket, AT_ONCE, "seed {seed}");
        // Where it came from leads nowhere: nobody connects there, whatever becomes of it.
        let before = syns.sides[1].connects.len();
        syns.cut();
        connect(&mut syns, seed);
        assert_eq!(syns.sides[1].connects.len(), before, "seed {seed}");
    }
}

/// Guards the end of gathering: whatever the server does, it comes in time, and a server that is of no use is told.
#[test]
fn ice_12_servers_that_do_not_answer_over_tcp_hold_nothing_up() {
    for (server, limit) in [([false, false], SECOND), ([true, false], 10 * SECOND)] {
        let mut syns = introduced(3, [Router::None, Router::None]);
        syns.server = server;
        connect(&mut syns, 3);
        // Whom nobody needs any more is not waited for, and not told of if it was merely slow.
        assert!(syns.run_until(SECOND, |syns| syns.sides[0].agent.gathering_state() == GatheringState::Complete));
        syns.run_until(10 * SECOND, |_| false);
        assert_eq!(syns.sides[0].errors.is_empty(), server[0], "{server:?}");
        let mut syns = Syns::new(3, [Router::Kept, Router::Kept], &with_server());
        syns.server = server;
        let gathered = |syns: &Syns| syns.sides[0].agent.gathering_state() == GatheringState::Complete;
        assert!(syns.run_until(limit, gathered), "{server:?}");
        let codes: Vec<_> = syns.sides[0].errors.iter().map(|error| error.code).collect();
        assert_eq!(codes, [GatheringError::UNREACHABLE], "{server:?}");
    }
}

/// A server's answer is awaited, and its connection kept, until a pair is selected; then it is closed, and a restart asks anew.
#[test]
fn ice_12_connections_to_servers_end_with_the_search() {
    for seed in 0..20 {
        let mut syns = introduced(seed, [Router::Kept, Router::Kept]);
        connect(&mut syns, seed);
        syns.run_until(SECOND, |_| false);
        assert_eq!(syns.sides.each_ref().map(|side| side.asked), [1, 1], "seed {seed}");
        let before = syns.sides.each_ref().map(|side| side.connects.len());
        syns.restart();
        syns.run_until(5 * SECOND, |_| false);
        assert!(syns.is_up(), "seed {seed}");
        assert_eq!(syns.open(), 1, "seed {seed}: the one there is stays in use (RFC 6544 §9.2)");
        assert!(syns.sides.iter().all(|side| side.asked == 2 && side.disconnects >= 2), "seed {seed}");
        // Of what leads nowhere each generation asks for one at most.
        let more = [0, 1].map(|node| syns.sides[node].connects.len() - before[node]);
        assert!(more.iter().all(|more| *more <= 1), "seed {seed}: {more:?}");
    }
}

/// Guards `Connections::may_have`: what the peer says does not turn a connection to a server into one of its own.
#[test]
fn ice_12_a_peer_cannot_name_the_server() {
    let mut syns = Syns::new(1, [Router::Kept, Router::Kept], &with_server());
    let asked = |syns: &Syns| syns.sides[0].agent.gathering_state() == GatheringState::Complete;
    assert!(syns.run_until(SECOND, asked));
    syns.introduce();
    let server = address(SERVER);
    let text = format!("9 1 tcp 99999999 {} {} typ host tcptype so", server.ip(), server.port());
    let now = syns.now;
    syns.sides[0].agent.add_remote_candidate(now, text.parse().unwrap()).unwrap();
    syns.run_until(500 * MS, |_| false);
    let agent = &syns.sides[0].agent;
    let named = agent.candidates().find(|it| it.remote && it.candidate.port == server.port()).unwrap().id;
    let pair = agent.pairs().find(|pair| pair.remote == named).unwrap();
    assert_eq!((pair.state, pair.requests_sent), (PairState::Waiting, 0));
    connect(&mut syns, 1);
}

/// Guards the waits between attempts: those that the module says, up to the end of consent, and no longer.
#[test]
fn ice_12_a_lost_connection_is_opened_anew_at_growing_intervals() {
    for seed in 0..20 {
        let mut syns = introduced(seed, [Router::None, Router::None]);
        connect(&mut syns, seed);
        syns.run_until(5 * SECOND, |_| false);
        syns.sides.iter_mut().for_each(|side| side.connects.clear());
        syns.is_down = true;
        let lost = syns.now;
        syns.cut();
        let is_failed = |syns: &Syns| syns.sides.iter().all(|side| side.agent.state() == State::Failed);
        assert!(syns.run_until(31 * SECOND, is_failed), "seed {seed}");
        for side in &syns.sides {
            let trip = syns.delay * 2;
            let waits: Vec<_> = side.connects.windows(2).map(|it| it[1].saturating_duration_since(it[0])).collect();
            let expected = [500, 1_000, 2_000, 4_000, 4_000, 4_000, 4_000, 4_000, 4_000].map(|wait| MS * wait + trip);
            assert!(side.connects[0].saturating_duration_since(lost) < 100 * MS, "seed {seed}: at once");
            assert!((7..=9).contains(&waits.len()), "seed {seed}: {waits:?}");
            // Another one may have had its turn, which takes a pace.
            let is_it = |(wait, expected): (&Duration, &Duration)| (*expected..*expected + 60 * MS).contains(wait);
            assert!(waits.iter().zip(&expected).all(is_it), "seed {seed}: {waits:?}");
            assert!(side.states.ends_with(&[State::Disconnected, State::Failed]), "seed {seed}: {:?}", side.states);
        }
    }
}

/// Guards that it comes back at any time within, and that the waits begin anew for a connection that lasted.
#[test]
fn ice_12_a_lost_connection_comes_back_within_its_bounds() {
    for seed in 0..50 {
        let mut syns = introduced(seed, [Router::None, Router::None]);
        connect(&mut syns, seed);
        for _ in 0..3 {
            syns.run_until(20 * SECOND, |_| false);
            syns.is_down = true;
            syns.cut();
            let gap = MS * syns.rng.below(18_000) as u32;
            syns.run_until(gap, |_| false);
            assert!(!syns.is_up(), "seed {seed}");
            syns.is_down = false;
            assert!(syns.run_until(5 * SECOND, Syns::is_up), "seed {seed}: after {gap:?}");
            check_data(&mut syns, seed);
        }
    }
}

/// A peer that closes each connection once it works does not make this side open one after the other without a pause.
#[test]
fn ice_12_connections_that_die_at_once_are_opened_ever_more_slowly() {
    let mut syns = introduced(1, [Router::None, Router::None]);
    connect(&mut syns, 1);
    let begun = syns.now;
    let mut cuts = 0;
    while syns.now < begun + 60 * SECOND {
        syns.cut();
        cuts += 1;
        assert!(syns.run_until(10 * SECOND, Syns::is_up));
    }
    assert!((10..=22).contains(&cuts), "{cuts}");
}

/// A lite agent signals no such candidate (RFC 6544 §4.4).
#[test]
fn ice_12_a_lite_agent_opens_nothing() {
    let mut syns = Syns::new(1, [Router::None, Router::None], &Arc::new(config().with_lite(true)));
    syns.introduce();
    syns.run_until(SECOND, |_| false);
    for side in &syns.sides {
        assert_eq!((side.agent.local_candidates().len(), side.connects.len()), (0, 0));
    }
}
