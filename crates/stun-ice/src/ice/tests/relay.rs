//! Relayed candidates, lent by a server in the middle.

use super::script::{Ask, REMOTE, Script};
use super::turn_server::TURN;
use super::*;
use crate::stun::{AttributeType, ErrorCode};
use crate::{GatherOptions, GatheringError, TransportPolicy, TurnServer as Asked};
use netsim::Nat;

/// The server as it is asked.
pub(super) fn asked(transport: TurnTransport) -> Asked {
    asked_at(TURN, transport)
}

pub(super) fn asked_at(turn: &str, transport: TurnTransport) -> Asked {
    let turn = address(turn);
    let (username, credential) = ("user".to_owned(), "secret".to_owned().into());
    Asked { host: turn.ip().into(), port: turn.port(), transport, username, credential }
}

fn options(policy: TransportPolicy) -> GatherOptions {
    GatherOptions { turn_servers: vec![asked(TurnTransport::Udp)], policy, ..GatherOptions::default() }
}

fn with_turn(policy: TransportPolicy) -> Config {
    config().with_gather_options(options(policy))
}

/// Peers with a public address each, and a server.
pub(super) fn on_the_net(seed: u64, policies: [TransportPolicy; 2]) -> Sim {
    around_servers(seed, Link::with_delay(10 * MS), policies.map(with_turn), 1)
}

/// The same on other links, with settings of their own, and with one server or two.
pub(super) fn around_servers(seed: u64, link: Link, [a, b]: [Config; 2], servers: usize) -> Sim {
    Sim::with(seed, link, a, b, |network, links, nodes| {
        TurnServer::bind(network, 2, links);
        nodes[2] = Node::Turn(TurnServer::default());
        nodes.extend((1..servers).map(|_| Node::Turn(TurnServer::other(network))));
        for (node, ip) in [(0, "192.0.2.1"), (1, "198.51.100.2")] {
            let id = netsim::NodeId(node);
            network.add_interface(id, ip.parse().unwrap(), links[2 * node], links[2 * node + 1]);
            let host = address(&format!("{ip}:{}", 5000 + node));
            let socket = network.bind(id, host);
            spare_sockets(network, node, ip, nodes);
            nodes[node].peer().agent.add_socket(netsim::epoch(), socket, host);
        }
    })
}

/// Sockets for links, which the driver would bind when it is asked.
fn spare_sockets(network: &mut Network, node: usize, ip: &str, nodes: &mut [Node]) {
    for port in 6000..6004 {
        let socket = network.bind(netsim::NodeId(node), address(&format!("{ip}:{port}")));
        nodes[node].peer().spare.push(socket);
    }
}

/// Peers behind a NAT each, and a server.
fn behind(seed: u64, nats: [Nat; 2]) -> Sim {
    let [a, b] = [TransportPolicy::All; 2].map(with_turn);
    Sim::with(seed, Link::with_delay(10 * MS), a, b, |network, links, nodes| {
        TurnServer::bind(network, 2, links);
        nodes[2] = Node::Turn(TurnServer::default());
        for (node, nat) in nats.into_iter().enumerate() {
            let nat = network.add_nat(nat, format!("192.0.2.{}", node + 1).parse().unwrap());
            let ip = format!("10.0.{node}.2");
            let id = netsim::NodeId(node);
            network.add_interface_behind(nat, id, ip.parse().unwrap(), links[2 * node], links[2 * node + 1]);
            let host = address(&format!("{ip}:5000"));
            let socket = network.bind(id, host);
            spare_sockets(network, node, &ip, nodes);
            nodes[node].peer().agent.add_socket(netsim::epoch(), socket, host);
        }
    })
}

fn kinds(agent: &Agent) -> Vec<CandidateKind> {
    agent.local_candidates().iter().map(|it| it.kind).collect()
}

/// What the pair in use leads from and to.
pub(super) fn selected(agent: &Agent) -> [CandidateKind; 2] {
    let pair = agent.pairs().find(|pair| pair.selected).expect("a pair");
    [pair.local, pair.remote].map(|id| agent.candidates().find(|it| it.id == id).unwrap().candidate.kind)
}

fn errors(peer: &Peer) -> Vec<GatheringError> {
    let error = |(_, event): &(Instant, Event)| match event {
        Event::GatheringError(error) => Some(error.clone()),
        _ => None,
    };
    peer.events.iter().filter_map(error).collect()
}

pub(super) const RELAY: [TransportPolicy; 2] = [TransportPolicy::Relay; 2];

#[test]
fn two_peers_that_use_relays_alone_connect_and_send_data() {
    for seed in 0..5 {
        let mut sim = on_the_net(seed, RELAY);
        let took = sim.connect(5 * SECOND).unwrap();
        assert!(took < 2 * SECOND, "seed {seed}: {took:?}");
        for node in 0..2 {
            assert_eq!(kinds(&sim.peer(node).agent), [CandidateKind::Relayed]);
            assert_eq!(selected(&sim.peer(node).agent), [CandidateKind::Relayed; 2]);
        }
        sim.a().send_data_every(20 * MS);
        sim.b().send_data_every(20 * MS);
        sim.run_for(SECOND);
        let before = (sim.turn().indications, sim.turn().over_channels);
        let start = sim.swarm.now();
        sim.run_for(2 * SECOND);
        for node in 0..2 {
            assert!(sim.peer(node).gap(start) < 100 * MS, "seed {seed}");
            assert_eq!(sim.peer(node).refused, 0);
        }
        // A channel is bound for the pair in use, and nothing else goes there.
        assert_eq!(sim.turn().indications, before.0, "seed {seed}");
        assert!(sim.turn().over_channels > before.1 + 150, "seed {seed}");
    }
}

/// Guards `lacks_permission`: a check waits until the relay passes it on.
#[test]
fn ice_6_nothing_is_sent_where_the_relay_does_not_permit_it() {
    let mut sim = on_the_net(1, RELAY);
    sim.connect(5 * SECOND).unwrap();
    sim.run_for(10 * SECOND);
    assert_eq!(sim.turn().forbidden, 0);
}

/// Guards the policy in all that the peer and the application get to see, and in what leaves this host.
#[test]
fn cve_50_relays_alone_show_no_address_of_this_host() {
    let mut sim = on_the_net(1, RELAY);
    sim.connect(5 * SECOND).unwrap();
    sim.run_for(5 * SECOND);
    for (node, ip) in [(0, "192.0.2.1"), (1, "198.51.100.2")] {
        let peer = sim.peer(node);
        let events: Vec<_> = peer.events.iter().filter(|(_, it)| !matches!(it, Event::Io(_))).collect();
        let candidates: Vec<_> = peer.agent.candidates().map(|it| format!("{it:?} {}", it.candidate)).collect();
        let said = format!("{events:?} {candidates:?}");
        assert!(!said.contains(ip), "{said}");
        assert!(peer.agent.local_candidates()[0].to_string().contains("typ relay raddr 0.0.0.0 rport 9"));
    }
    // A check that comes to the host itself is not answered, and data from there is none.
    let mut script = Script::unsignalled(with_turn(TransportPolicy::Relay), Role::Controlled);
    let peer = script.peer.clone();
    script.agent.set_remote_credentials(script.now, peer, false).unwrap();
    assert!(script.ask(Ask::default()).is_empty());
    assert!(!script.agent.is_validated(SocketId(0), address(REMOTE)));
}

#[test]
fn a_relay_helps_where_no_hole_can_be_punched() {
    for seed in 0..5 {
        let mut sim = behind(seed, [Nat::symmetric(), Nat::symmetric()]);
        sim.connect(10 * SECOND).unwrap_or_else(|stalled| panic!("seed {seed}: {stalled}"));
        let [a, b] = [0, 1].map(|node| selected(&sim.peer(node).agent));
        assert!(a.contains(&CandidateKind::Relayed) && b.contains(&CandidateKind::Relayed), "{a:?} {b:?}");
    }
}

#[test]
fn a_relay_is_not_used_where_the_peer_is_reached_without() {
    let mut sim = on_the_net(1, [TransportPolicy::All; 2]);
    sim.connect(5 * SECOND).unwrap();
    sim.run_for(5 * SECOND);
    assert_eq!(kinds(&sim.a().agent), [CandidateKind::Host, CandidateKind::Relayed]);
    assert_eq!(selected(&sim.a().agent), [CandidateKind::Host; 2]);
    let related = sim.a().agent.local_candidates()[1].related.clone();
    assert_eq!(related.unwrap().0, Address::Ip("192.0.2.1".parse().unwrap()), "the mapped address");
}

#[test]
fn one_side_with_a_relay_is_enough() {
    let mut sim = on_the_net(3, [TransportPolicy::Relay, TransportPolicy::All]);
    sim.connect(5 * SECOND).unwrap();
    assert_eq!(selected(&sim.a().agent)[0], CandidateKind::Relayed);
}

/// A TURN server over UDP sees the host's socket, too.
#[test]
fn a_turn_server_yields_a_server_reflexive_candidate_as_well() {
    let mut sim = behind(1, [Nat::full_cone(), Nat::full_cone()]);
    sim.signalling = false;
    sim.run_for(SECOND);
    let peer = sim.a();
    assert_eq!(peer.agent.gathering_state(), GatheringState::Complete);
    let mut gathered = kinds(&peer.agent);
    gathered.sort_by_key(|kind| kind.preference());
    assert_eq!(gathered, [CandidateKind::Relayed, CandidateKind::ServerReflexive, CandidateKind::Host]);
    let servers: Vec<_> = peer.agent.candidates().filter(|it| it.server.is_some()).collect();
    assert_eq!(servers.len(), 2);
    assert!(
        servers.iter().all(|it| it.turn == Some(TurnTransport::Udp) && *it.server.unwrap() == address(TURN).into())
    );
    assert_eq!(errors(peer), []);
}

/// Type preference 0, and IPv6, UDP, TCP, TLS in their order.
#[test]
fn relayed_candidates_have_the_least_priority() {
    let mut sim = on_the_net(1, [TransportPolicy::All; 2]);
    sim.run_for(SECOND);
    let candidates = sim.a().agent.local_candidates().to_vec();
    assert_eq!(candidates[1].priority, (0xfffe << 8) + 255);
    assert!(candidates[0].priority > candidates[1].priority);
    assert_ne!(candidates[0].foundation, candidates[1].foundation);
}

#[test]
fn what_a_server_refuses_is_reported_with_its_code() {
    let mut sim = on_the_net(1, RELAY);
    sim.turn().refuses = Some(ErrorCode { code: 486, reason: "no more" });
    sim.run_for(SECOND);
    let told = errors(sim.a());
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].code, told[0].turn, told[0].server.clone()),
        (486, Some(TurnTransport::Udp), address(TURN).into())
    );
    assert!(told[0].reason.contains("no more"), "{}", told[0].reason);
    assert_eq!(sim.a().agent.gathering_state(), GatheringState::Complete);
    assert_eq!((sim.a().unlinked, kinds(&sim.a().agent).len()), (1, 0));
}

/// Guards `Wishes::expire`: gathering ends without the server, which is reported once.
#[test]
fn a_mute_server_is_given_up_and_reported() {
    let mut sim = on_the_net(1, [TransportPolicy::All; 2]);
    sim.turn().mute = true;
    sim.signalling = false;
    sim.run_for(9 * SECOND);
    assert_eq!(sim.a().agent.gathering_state(), GatheringState::Gathering);
    sim.run_for(SECOND);
    assert_eq!(sim.a().agent.gathering_state(), GatheringState::Complete);
    sim.run_for(60 * SECOND);
    let told = errors(sim.a());
    assert_eq!(told.iter().map(|it| (it.code, it.turn)).collect::<Vec<_>>(), [(701, Some(TurnTransport::Udp))]);
    assert_eq!(sim.a().unlinked, 1);
}

/// Guards `Agent::on_alternate`: another one is asked over a link of its own, and a circle ends.
#[test]
fn turn_5_another_server_is_asked_and_a_circle_of_servers_ends() {
    for (named, links) in [("203.0.113.77:3478", 2), (TURN, 1), ("127.0.0.1:3478", 1), ("224.0.0.1:3478", 1)] {
        let mut sim = on_the_net(1, RELAY);
        sim.signalling = false;
        sim.turn().alternate = Some(address(named));
        sim.run_for(SECOND);
        let ordered = |event: &(Instant, Event)| match event.1 {
            Event::Io(Io::ConnectServer { remote, .. }) => Some(remote),
            _ => None,
        };
        let asked: Vec<_> = sim.a().events.iter().filter_map(ordered).collect();
        assert_eq!(asked, [address(TURN), address(named)][..links], "{named}");
        let codes: Vec<_> = errors(sim.a()).iter().map(|it| it.code).collect();
        assert_eq!(codes, if links == 2 { vec![] } else { vec![300] }, "{named}");
    }
}

/// A peer that the relay may not send to fails its pair at once, and no other.
#[test]
fn a_peer_that_the_server_forbids_fails_its_pairs() {
    let mut sim = on_the_net(1, [TransportPolicy::Relay, TransportPolicy::All]);
    sim.turn().forbids = Some("198.51.100.2".parse().unwrap());
    sim.connect(5 * SECOND).unwrap();
    assert_eq!(selected(&sim.a().agent), [CandidateKind::Relayed; 2]);
    let lost: Vec<_> = sim.a().agent.pairs().filter_map(|pair| pair.lost).collect();
    assert_eq!(lost, [ConnectionError::NotPermitted]);
}

/// The server forgets all allocations in mid-call.
#[test]
fn flt_28_a_server_that_starts_anew_interrupts_data_for_three_seconds_at_most() {
    for seed in 0..10 {
        let mut sim = on_the_net(seed, RELAY);
        sim.connect(5 * SECOND).unwrap();
        sim.a().send_data_every(20 * MS);
        sim.b().send_data_every(20 * MS);
        sim.run_for(SECOND * (1 + seed as u32 % 7));
        let start = sim.swarm.now();
        sim.turn().restart();
        sim.run_for(20 * SECOND);
        let [a, b] = [0, 1].map(|node| sim.peer(node).gap(start));
        assert!(a <= 3 * SECOND && b <= 3 * SECOND, "seed {seed}: {a:?} {b:?}");
        assert_eq!(sim.turn().allocated, 4, "seed {seed}");
    }
}

/// Guards the renewal in `Wishes::on_failed`: a link that breaks in mid-call is made anew.
#[test]
fn a_link_that_breaks_is_made_anew() {
    let mut sim = on_the_net(1, RELAY);
    sim.connect(5 * SECOND).unwrap();
    let links: Vec<_> = sim.a().agent.links().collect();
    let (now, before) = (sim.swarm.now(), sim.a().agent.local_candidates()[0].clone());
    sim.a().agent.server_lost(now, links[0], ConnectionError::Closed);
    assert!(sim.a().agent.local_candidates().is_empty() && sim.a().agent.route().is_none());
    sim.run_for(10 * SECOND);
    assert_eq!(sim.turn().allocated, 3);
    assert_ne!(sim.a().agent.local_candidates()[0].socket_addr(), before.socket_addr());
    assert!(sim.a().nominated().is_some() && sim.b().nominated().is_some());
    sim.assert_agreed();
    assert_eq!((errors(sim.a()), sim.a().unlinked), (vec![], 1));
}

#[test]
fn turn_2_what_was_lent_is_given_back_in_the_end() {
    let mut sim = on_the_net(1, RELAY);
    sim.connect(5 * SECOND).unwrap();
    let now = sim.swarm.now();
    sim.a().agent.close(now);
    sim.run_for(SECOND);
    assert_eq!((sim.turn().released, sim.turn().lent.len()), (1, 1));
    let events: Vec<_> = sim.a().events.iter().map(|(_, event)| event.clone()).collect();
    assert_eq!(events.last(), Some(&Event::Closed(CloseReason::Local)));
    assert_eq!(sim.a().unlinked, 1);
}

/// Guards `Wishes::ask` and `Earlier::forget_hosts`: a restart signals the same address, and data goes on over it.
#[test]
fn a_restart_keeps_the_allocation_and_the_way_over_it() {
    let mut sim = on_the_net(1, RELAY);
    sim.connect(5 * SECOND).unwrap();
    sim.a().send_data_every(20 * MS);
    sim.b().send_data_every(20 * MS);
    sim.run_for(SECOND);
    let before = sim.a().agent.local_candidates()[0].socket_addr();
    let start = sim.swarm.now();
    sim.a().restart();
    sim.b().restart();
    sim.connect(5 * SECOND).unwrap();
    sim.run_for(5 * SECOND);
    assert_eq!(sim.a().agent.local_candidates()[0].socket_addr(), before);
    assert_eq!(sim.turn().allocated, 2);
    assert!(sim.a().gap(start) < 200 * MS && sim.b().gap(start) < 200 * MS);
}

/// Guards `Allocations::close_all_but` after other options took effect.
#[test]
fn a_server_that_is_not_named_any_more_gets_back_what_it_lent() {
    let mut sim = on_the_net(1, [TransportPolicy::All; 2]);
    sim.connect(5 * SECOND).unwrap();
    sim.run_for(SECOND);
    sim.a().agent.set_gather_options(GatherOptions::default());
    sim.a().restart();
    sim.b().restart();
    sim.connect(5 * SECOND).unwrap();
    sim.run_for(10 * SECOND);
    assert_eq!(kinds(&sim.a().agent), [CandidateKind::Host]);
    assert_eq!((sim.turn().released, sim.a().unlinked), (1, 1));
}

/// A pair of the host takes over from the relay whose server is gone, and the other way round.
#[test]
fn when_an_allocation_is_lost_the_next_best_pair_takes_over() {
    let mut sim = on_the_net(1, [TransportPolicy::All; 2]);
    sim.connect(5 * SECOND).unwrap();
    sim.run_for(SECOND);
    let now = sim.swarm.now();
    sim.a().send_data_every(20 * MS);
    sim.b().send_data_every(20 * MS);
    sim.run_for(SECOND);
    let host = sim.a().agent.route().unwrap().socket;
    sim.a().agent.remove_socket(now + SECOND, host);
    sim.run_for(20 * SECOND);
    assert_eq!(selected(&sim.a().agent)[0], CandidateKind::Relayed);
}

/// An order of the script's agent for a link.
fn order(script: &mut Script) -> (crate::LinkId, SocketAddr, TurnTransport, String) {
    let order = std::iter::from_fn(|| script.agent.poll_event()).find_map(|event| match event {
        Event::Io(Io::ConnectServer { link, remote, transport, name }) => Some((link, remote, transport, name)),
        _ => None,
    });
    order.expect("a link is wanted")
}

#[test]
fn a_link_that_cannot_be_made_is_reported_and_a_late_one_given_back() {
    for transport in [TurnTransport::Udp, TurnTransport::Tcp, TurnTransport::Tls, TurnTransport::Dtls] {
        let options = GatherOptions {
            turn_servers: vec![asked(transport)],
            policy: TransportPolicy::Relay,
            ..GatherOptions::default()
        };
        let mut script = Script::unsignalled(config().with_gather_options(options), Role::Controlling);
        assert!(script.sent().is_empty());
        let (link, remote, kind, name) = order(&mut script);
        assert_eq!((remote, kind, name.as_str()), (address(TURN), transport, "203.0.113.9"));
        script.agent.server_lost(script.now, link, ConnectionError::Refused);
        let told: Vec<_> = std::iter::from_fn(|| script.agent.poll_event()).collect();
        let error = told.iter().find_map(|event| match event {
            Event::GatheringError(error) => Some((error.code, error.turn)),
            _ => None,
        });
        assert_eq!(error, Some((701, Some(transport))), "{told:?}");
        assert_eq!(script.agent.gathering_state(), GatheringState::Complete);
        script.agent.server_connected(script.now, link, SocketId(9));
        let last = std::iter::from_fn(|| script.agent.poll_event()).last();
        assert_eq!(last, Some(Event::Io(Io::DisconnectServer { link })));
    }
}

/// Guards `go_together`: the server learns no address that the peer hides behind a name.
#[test]
fn cve_50_hidden_peers_are_not_paired_with_relays() {
    let mut script = Script::unsignalled(with_turn(TransportPolicy::All), Role::Controlling);
    let peer = script.peer.clone();
    script.agent.set_remote_credentials(script.now, peer, false).unwrap();
    script.sent();
    let (link, ..) = order(&mut script);
    script.agent.server_connected(script.now, link, SocketId(9));
    let request = script.sent().remove(0);
    let mut answer = Vec::new();
    MessageBuilder::new(&mut answer, Class::Success, Method::ALLOCATE, request.message().transaction())
        .xor_address(AttributeType::XOR_RELAYED_ADDRESS, address("203.0.113.9:50000"))
        .lifetime(600 * SECOND)
        .xor_mapped_address(address("192.0.2.1:7000"));
    let taken = script.agent.unwrap(script.now, SocketId(9), address(TURN), &answer);
    assert_eq!((taken, kinds(&script.agent).len()), (Some(Unwrapped::Taken), 2));
    script.name("1 1 udp 2130706431 1f4712db-ea17-4bcf-a596-105139dfd8bf.local 6000 typ host");
    let asked = std::iter::from_fn(|| script.agent.poll_event()).find_map(|event| match event {
        Event::Io(Io::Resolve { id, .. }) => Some(id),
        _ => None,
    });
    script.agent.resolved(script.now, asked.unwrap(), Some(address(REMOTE).ip()));
    let sockets: Vec<_> = script.agent.pairs().map(|pair| pair.socket).collect();
    assert_eq!(sockets, [SocketId(0)]);
    script.name("2 1 udp 1000 198.51.100.3 6000 typ host");
    assert_eq!(script.agent.pairs().count(), 3);
}

/// Guards `Allocation::is_over`: what comes to the link from elsewhere is nobody's.
#[test]
fn only_the_server_is_heard_on_its_link() {
    let mut script = Script::unsignalled(with_turn(TransportPolicy::Relay), Role::Controlling);
    script.sent();
    let (link, ..) = order(&mut script);
    script.agent.server_connected(script.now, link, SocketId(9));
    assert_eq!(script.sent().len(), 1, "an Allocate request");
    let now = script.now;
    assert!(script.agent.is_server(SocketId(9), address(TURN)) && !script.agent.is_server(SocketId(0), address(TURN)));
    assert_eq!(script.agent.unwrap(now, SocketId(9), address(REMOTE), &[0x40, 0, 0, 0]), None);
    assert_eq!(script.agent.unwrap(now, SocketId(0), address(TURN), &[0x40, 0, 0, 0]), None);
    // Nor does the server itself say anything by what is no packet of TURN.
    for junk in [&[][..], &[0x40], &[0x4f, 0xff, 0, 4, 1, 2, 3, 4], &[0; 20], &[0x80; 40]] {
        assert_eq!(script.agent.unwrap(now, SocketId(9), address(TURN), junk), Some(Unwrapped::Taken), "{junk:?}");
    }
}

/// Each packet of a train is wrapped, and they stay as long as each other.
#[test]
fn a_train_is_wrapped_packet_by_packet() {
    let mut sim = on_the_net(1, RELAY);
    sim.connect(5 * SECOND).unwrap();
    sim.run_for(2 * SECOND);
    let now = sim.swarm.now();
    let agent = &mut sim.a().agent;
    let Route { socket, remote } = agent.route().unwrap();
    assert_eq!(agent.max_segments(now, Route { socket, remote }, 64), 64);
    let elsewhere = Route { socket, remote: address(REMOTE) };
    assert_eq!(agent.max_segments(now, elsewhere, 64), 8, "no channel leads there");
    let mut out = vec![9; 5];
    out.extend((0..250u32).map(|n| n as u8));
    let train = Transmit { socket, remote, ecn: Ecn::NotEct, len: 250, segment_size: Some(100) };
    let wrapped = agent.wrap(now, train, &mut out, 5).unwrap();
    assert_eq!((wrapped.remote, wrapped.len, wrapped.segment_size), (address(TURN), 262, Some(104)));
    assert_eq!(out[..5], [9; 5]);
    let packets: Vec<_> = out[5..].chunks(104).map(|it| crate::turn::ChannelData::decode(it).unwrap().data).collect();
    assert_eq!(packets.concat(), (0..250u32).map(|n| n as u8).collect::<Vec<_>>());
    // Where nothing passes, nothing is left of it.
    let train = Transmit { socket, remote: address(REMOTE), ecn: Ecn::NotEct, len: 50, segment_size: None };
    assert_eq!(agent.wrap(now, train, &mut out, 217), None);
    assert_eq!(out.len(), 217);
}
