//! What happens to the path of a call, and who else writes to it.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use bytes::Bytes;
use common::stun_server::Node;
use common::{Side, call, exchange};
use netsim::{Link, LinkId, Nat, NatId, Network, NodeId, Pair, Swarm};
use ortica::ConnectionState;
use ortica::core::crypto::rust_crypto;
use ortica::core::{Datagram, Instant, SocketId};
use ortica::engine::{ChannelMessage, ChannelParameters};
use ortica::peer::PeerEvent;
use ortica_ice::HostCandidates;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const STUN_SERVER: &str = "203.0.113.9:3478";
/// Bytes of SCTP to look for behind NATs.
const LONGEST_PACKET: usize = 1_432;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn ice() -> ortica_ice::Config {
    ortica_ice::Config::new(rust_crypto::provider())
}

fn number(n: u32) -> ChannelMessage {
    ChannelMessage { binary: true, data: Bytes::copy_from_slice(&n.to_be_bytes()) }
}

/// Two peers on a network that the test lays out, a channel open between them.
struct Sim {
    swarm: Swarm<Node>,
    nats: Vec<NatId>,
    /// a's and b's, up.
    links: Vec<LinkId>,
    /// Messages sent by a, in order.
    sent: u32,
    /// When b had a new message.
    arrivals: Vec<Instant>,
}

impl Sim {
    /// Each behind a NAT of its own, with a STUN server outside.
    fn behind_nats(seed: u64) -> Self {
        let mut network = Network::new(seed);
        for _ in 0..3 {
            network.add_node();
        }
        let links: Vec<_> = (0..6).map(|_| network.add_link(Link::with_delay(10 * MS))).collect();
        network.add_interface(NodeId(2), "203.0.113.9".parse().unwrap(), links[4], links[5]);
        network.bind(NodeId(2), address(STUN_SERVER));
        let mut nats = Vec::new();
        let mut nodes = Vec::new();
        for node in 0..2 {
            let nat = network.add_nat(Nat::full_cone(), format!("192.0.2.{}", node + 1).parse().unwrap());
            let ip = format!("10.0.{node}.2").parse().unwrap();
            network.add_interface_behind(nat, NodeId(node), ip, links[2 * node], links[2 * node + 1]);
            let local = SocketAddr::new(ip, 5000);
            let socket = network.bind(NodeId(node), local);
            let ice = ice().with_stun_servers(vec![address(STUN_SERVER)]);
            let sctp = ortica_sctp::Config::new(rust_crypto::provider()).with_packet_size_to_find(Some(LONGEST_PACKET));
            let side = Side::configured(seed * 2 + node as u64, ice, sctp, vec![(socket, local)], |config| config);
            nodes.push(Node::Side(Box::new(side)));
            nats.push(nat);
        }
        Self::connect(network, nodes, nats, vec![links[0], links[2]])
    }

    /// `a` has two interfaces, `b` one.
    fn two_interfaces(seed: u64) -> Self {
        let mut network = Network::new(seed);
        for _ in 0..3 {
            network.add_node();
        }
        let links: Vec<_> = (0..4).map(|_| network.add_link(Link::with_delay(10 * MS))).collect();
        let mut nodes = Vec::new();
        for (node, ips) in [&["192.0.2.1", "192.0.2.11"][..], &["198.51.100.2"]].into_iter().enumerate() {
            let mut sockets = Vec::new();
            for ip in ips {
                let ip = ip.parse().unwrap();
                network.add_interface(NodeId(node), ip, links[2 * node], links[2 * node + 1]);
                let local = SocketAddr::new(ip, 5000);
                sockets.push((network.bind(NodeId(node), local), local));
            }
            nodes.push(Node::Side(Box::new(Side::with(seed * 2 + node as u64, ice(), sockets))));
        }
        Self::connect(network, nodes, vec![], vec![links[0], links[2]])
    }

    fn connect(network: Network, mut nodes: Vec<Node>, nats: Vec<NatId>, links: Vec<LinkId>) -> Self {
        nodes.push(Node::Server(Vec::new()));
        let swarm = Swarm::new(network, nodes);
        let mut sim = Self { swarm, nats, links, sent: 0, arrivals: Vec::new() };
        let now = sim.swarm.now();
        sim.side(0).create_channel(now, ChannelParameters::default());
        // Gathering first: without trickle all candidates are in the descriptions.
        let offer = sim.side(0).peer.create_offer(now).unwrap();
        sim.side(0).peer.set_local_description(now, offer).unwrap();
        sim.swarm.run_for(SECOND);
        let now = sim.swarm.now();
        let offer = sim.side(0).peer.local_description().unwrap();
        sim.side(1).peer.set_remote_description(now, offer).unwrap();
        let answer = sim.side(1).peer.create_answer(now).unwrap();
        sim.side(1).peer.set_local_description(now, answer).unwrap();
        sim.swarm.run_for(SECOND);
        let now = sim.swarm.now();
        let answer = sim.side(1).peer.local_description().unwrap();
        sim.side(0).peer.set_remote_description(now, answer).unwrap();
        sim.swarm
            .run_until(10 * SECOND, |nodes| {
                let [a, b, _] = nodes else { panic!("three nodes") };
                !a.side().opened.is_empty() && !b.side().opened.is_empty()
            })
            .unwrap();
        sim
    }

    fn side(&mut self, node: usize) -> &mut Side {
        self.swarm.endpoints[node].side()
    }

    /// Runs for so long, while a sends a message every 20 ms.
    fn talk(&mut self, time: Duration) {
        let end = self.swarm.now() + time;
        while self.swarm.now() < end {
            let message = number(self.sent);
            self.sent += 1;
            self.side(0).queue.push_back(message);
            let before = self.side(1).received.len();
            self.swarm.run_for(20 * MS);
            if self.side(1).received.len() > before {
                let now = self.swarm.now();
                self.arrivals.push(now);
            }
        }
    }

    /// The longest time without a message, from `since` on.
    fn gap(&self, since: Instant) -> Duration {
        let times = std::iter::once(since).chain(self.arrivals.iter().copied().filter(|at| *at > since));
        let times: Vec<_> = times.chain([self.swarm.now()]).collect();
        times.windows(2).map(|pair| pair[1].saturating_duration_since(pair[0])).max().unwrap()
    }

    /// Each message arrived once and in order.
    fn assert_exact(&mut self) {
        self.swarm.run_for(3 * SECOND);
        let expected: Vec<_> = (0..self.sent).map(number).collect();
        assert!(self.side(1).received == expected, "{} of {}", self.side(1).received.len(), expected.len());
    }

    fn states(&mut self, node: usize) -> Vec<ConnectionState> {
        let state = |event: &PeerEvent| match event {
            PeerEvent::ConnectionStateChange(state) => Some(*state),
            _ => None,
        };
        self.side(node).events.iter().filter_map(state).collect()
    }
}

/// Guards the questions to the STUN server: between two NATs nothing else connects.
#[test]
fn a_call_from_behind_a_nat_connects_by_server_reflexive_candidates() {
    let mut sim = Sim::behind_nats(1);
    let offer = sim.side(0).peer.local_description().unwrap();
    assert!(offer.sdp.contains("typ srflx raddr 10.0.0.2 rport 5000"), "{}", offer.sdp);
    sim.talk(SECOND);
    sim.assert_exact();
}

/// Guards `Agent::check_source` in the transport: data from an unknown port has it checked at once, where consent would
/// notice after seconds. No ICE restart.
#[test]
fn flt_14_nat_rebinding_interrupts_a_channel_for_a_second_at_most() {
    for (seed, rebound) in (0..5).flat_map(|seed| [(seed, 0), (seed, 1)]) {
        let mut sim = Sim::behind_nats(seed);
        sim.talk(SECOND + seed as u32 * 700 * MS);
        let start = sim.swarm.now();
        let nat = sim.nats[rebound];
        sim.swarm.network.rebind_nat(nat);
        sim.talk(10 * SECOND);
        let gap = sim.gap(start);
        assert!(gap <= SECOND, "seed {seed}, peer {rebound}: {gap:?}");
        sim.assert_exact();
        for node in 0..2 {
            assert!(!sim.states(node).contains(&ConnectionState::Failed), "seed {seed}");
        }
    }
}

/// A host has another address from one moment to the next, and the other side is told nothing. Guards the checks from the new address,
/// what the other side makes of them, and `path_restored`.
#[test]
fn a_host_that_moves_is_back_within_a_second_with_data_exact() {
    let mut slowest = Duration::ZERO;
    for (seed, mover) in (0..5).flat_map(|seed| [(seed, 0), (seed, 1)]) {
        let mut sim = Sim::two_interfaces(seed);
        sim.talk(SECOND + seed as u32 * 700 * MS);
        let (node, start) = (NodeId(mover), sim.swarm.now());
        let network = &mut sim.swarm.network;
        let old: Vec<_> = (0..2).map(SocketId).filter(|socket| network.address(node, *socket).is_some()).collect();
        for socket in &old {
            let ip = network.address(node, *socket).unwrap().ip();
            network.set_interface(node, ip, false);
            network.unbind(node, *socket);
        }
        let [up, down] = [(); 2].map(|()| network.add_link(Link::with_delay(15 * MS)));
        let new = address("203.0.113.50:7000");
        network.add_interface(node, new.ip(), up, down);
        let socket = network.bind(node, new);
        sim.side(mover).peer.change_sockets(start, &[(socket, new)], &old);
        sim.talk(10 * SECOND);
        let gap = sim.gap(start);
        slowest = slowest.max(gap);
        assert!(gap <= SECOND, "seed {seed}, peer {mover}: {gap:?}");
        sim.assert_exact();
        for node in 0..2 {
            assert!(!sim.states(node).contains(&ConnectionState::Failed), "seed {seed}");
        }
    }
    println!("a host that moved was back within {slowest:?}");
}

/// Guards against packets as long as a former path carried them: over a new one, the search for longer ones begins anew.
#[test]
fn a_rebound_nat_has_its_path_searched_for_longer_packets_anew() {
    let mut sim = Sim::behind_nats(0);
    sim.swarm.run_for(10 * SECOND);
    let packet_size = |sim: &mut Sim, node| {
        let session = sim.side(node).peer.session();
        session.sctp_path(session.transports().next().unwrap()).unwrap().packet_size
    };
    assert_eq!([0, 1].map(|node| packet_size(&mut sim, node)), [LONGEST_PACKET; 2]);
    let long = Rc::new(RefCell::new(0));
    let seen = long.clone();
    sim.swarm.network.set_tap(move |crossing| *seen.borrow_mut() += usize::from(crossing.bytes.len() > LONGEST_PACKET));
    sim.swarm.run_for(30 * SECOND);
    assert_eq!(*long.borrow(), 0, "what was found is not looked for again");
    let nat = sim.nats[0];
    sim.swarm.network.rebind_nat(nat);
    sim.swarm.run_for(30 * SECOND);
    assert!(*long.borrow() > 0, "no probe");
    assert_eq!([0, 1].map(|node| packet_size(&mut sim, node)), [LONGEST_PACKET; 2]);
}

/// Guards the other pairs: a second interface takes over.
#[test]
fn flt_15_a_channel_outlives_the_loss_of_its_interface() {
    for seed in 0..5 {
        let mut sim = Sim::two_interfaces(seed);
        sim.talk(SECOND + seed as u32 * 900 * MS);
        let session = sim.side(0).peer.session();
        let route = session.ice(session.transports().next().unwrap()).unwrap().route().unwrap();
        let ip = sim.swarm.network.address(NodeId(0), route.socket).unwrap().ip();
        let start = sim.swarm.now();
        sim.swarm.network.set_interface(NodeId(0), ip, false);
        sim.talk(20 * SECOND);
        let gap = sim.gap(start);
        assert!(gap <= 7 * SECOND, "seed {seed}: {gap:?}");
        sim.assert_exact();
    }
}

/// Guards the pairs that are checked again while everything is silent: no failure before consent expires, and the same
/// association goes on, at once (`path_restored`).
#[test]
fn flt_16_all_interfaces_are_lost_and_return() {
    for seed in 0..5 {
        let mut sim = Sim::two_interfaces(seed);
        sim.talk(SECOND + seed as u32 * 900 * MS);
        let start = sim.swarm.now();
        for (ip, up) in [("192.0.2.1", false), ("192.0.2.11", false)] {
            sim.swarm.network.set_interface(NodeId(0), ip.parse().unwrap(), up);
        }
        sim.talk(10 * SECOND);
        assert_eq!(sim.side(0).peer.connection_state(), ConnectionState::Disconnected, "seed {seed}");
        for ip in ["192.0.2.1", "192.0.2.11"] {
            sim.swarm.network.set_interface(NodeId(0), ip.parse().unwrap(), true);
        }
        sim.talk(12 * SECOND);
        let gap = sim.gap(start);
        assert!(gap <= 11_500 * MS, "seed {seed}: {gap:?}");
        assert_eq!(sim.side(0).peer.connection_state(), ConnectionState::Connected, "seed {seed}");
        sim.assert_exact();
        for node in 0..2 {
            assert!(!sim.states(node).contains(&ConnectionState::Failed), "seed {seed}");
        }
    }
}

/// Guards consent's 30 seconds, SCTP, which outlives its retransmissions, and `path_restored`, without which what is lost
/// waits for a back-off of several seconds more.
#[test]
fn flt_17_flt_20_outages_of_either_direction_end_nothing() {
    for (seed, (outage, links)) in [(10, &[0, 1][..]), (8, &[0]), (8, &[1])].into_iter().enumerate() {
        let mut sim = Sim::two_interfaces(seed as u64);
        sim.talk(SECOND);
        let start = sim.swarm.now();
        for link in links {
            let link = sim.links[*link];
            sim.swarm.network.link_mut(link).down = true;
        }
        sim.talk(outage * SECOND);
        for link in links {
            let link = sim.links[*link];
            sim.swarm.network.link_mut(link).down = false;
        }
        sim.talk(12 * SECOND);
        let gap = sim.gap(start);
        println!("{outage} s over {links:?}: gap {gap:?}");
        assert!(gap <= (outage + 1) * SECOND, "{outage} s over {links:?}: {gap:?}");
        sim.assert_exact();
        for node in 0..2 {
            assert!(!sim.states(node).contains(&ConnectionState::Failed));
        }
    }
}

/// Guards the route, which only ICE moves: media, handshakes and records from a hundred strangers, and all that they get is a
/// check now and then.
#[test]
fn cve_15_strangers_move_nothing() {
    let mut pair = call(1, Link::with_delay(10 * MS));
    pair.run_until(10 * SECOND, |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
    let route = |side: &Side| {
        let session = side.peer.session();
        session.ice(session.transports().next().unwrap()).unwrap().route().unwrap()
    };
    let before = route(&pair.b);
    let strangers = |n: u16| SocketAddr::from(([203, 0, 113, (n % 100) as u8], 4000 + n % 100));
    let sent = Rc::new(RefCell::new([0usize; 2]));
    let log = sent.clone();
    pair.network.set_tap(move |crossing| {
        if crossing.what == netsim::What::Sent && crossing.to.ip().to_string().starts_with("203.") {
            log.borrow_mut()[usize::from(!ortica_ice::is_stun(crossing.bytes))] += 1;
        }
    });
    for round in 0..1000u16 {
        pair.with_b(|b, now| {
            for first in [0x80, 0x90, 22, 23, 20] {
                let mut packet = vec![first, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, round as u8, 0, 2, 2, 40];
                b.peer.handle_datagram(now, Datagram::single(SocketId(0), strangers(round), &mut packet));
            }
        });
        pair.a.queue.push_back(number(round.into()));
        pair.run_for(10 * MS);
        assert_eq!(route(&pair.b), before);
    }
    pair.run_for(2 * SECOND);
    assert_eq!(pair.b.received.len(), 1000);
    let [checks, others] = *sent.borrow();
    assert_eq!(others, 0, "nothing but checks goes to strangers");
    assert!(checks <= 5 * 13 * 8, "{checks} checks in twelve seconds");
}

/// Guards `HostCandidates`: with addresses hidden no description, candidate, event, statistic or log line shows one.
#[test]
fn cve_50_hidden_addresses_appear_nowhere() {
    for policy in [HostCandidates::Mdns, HostCandidates::Hidden] {
        let lines = Lines::default();
        let private = [Pair::<Side>::A, Pair::<Side>::B];
        tracing::subscriber::with_default(lines.clone(), || {
            let side =
                |seed, address| Side::with(seed, ice().with_host_candidates(policy), vec![(SocketId(0), address)]);
            let mut pair = Pair::new(1, Link::with_delay(10 * MS), side(1, private[0]), side(2, private[1]));
            pair.a.create_channel(netsim::epoch(), ChannelParameters::default());
            let [offer, answer] = exchange(netsim::epoch(), &mut pair.a, &mut pair.b);
            // The network resolves the names of a; nothing else tells b where it is.
            pair.run_for(MS);
            let published = pair.a.peer.take_published();
            assert_eq!(published.len(), usize::from(policy == HostCandidates::Mdns));
            for question in pair.b.peer.take_questions() {
                let address = published.iter().find(|(name, _)| *name == question.name).map(|(_, address)| *address);
                pair.with_b(|b, now| b.peer.resolved(now, question.transport, question.id, address));
            }
            if policy == HostCandidates::Mdns {
                pair.run_until(10 * SECOND, |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
                pair.run_for(SECOND);
            }
            let reports = [pair.with_a(|a, now| a.peer.stats(now)), pair.with_b(|b, now| b.peer.stats(now))];
            assert!(reports.iter().all(|report| report.iter().count() > 2), "{reports:?}");
            let mut shown = format!("{} {} {reports:?}", offer.sdp, answer.sdp);
            for (side, own) in [(&pair.a, private[0]), (&pair.b, private[1])] {
                shown += &side.peer.local_description().unwrap().sdp;
                shown += &format!("{:?}", side.events);
                let agent = side.peer.session().ice(side.peer.session().transports().next().unwrap()).unwrap();
                for candidate in agent.candidates().filter(|candidate| !candidate.remote) {
                    shown += &format!("{candidate:?} {}", candidate.candidate);
                }
                assert!(!shown.contains(&own.ip().to_string()), "{policy:?}: {shown}");
            }
        });
        let log = lines.0.lock().unwrap().join("\n");
        assert!(log.contains("ortica_ice"), "something was logged");
        for private in private {
            assert!(!log.contains(&private.ip().to_string()), "{policy:?}: {log}");
        }
    }
}

/// What is logged down to `DEBUG`, a line each.
#[derive(Clone, Default)]
struct Lines(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

impl tracing::Subscriber for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::DEBUG
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Fields(String);
        impl tracing::field::Visit for Fields {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0 += &format!(" {field}={value:?}");
            }
        }
        let mut fields = Fields(event.metadata().target().to_owned());
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields.0);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}
