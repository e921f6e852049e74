//! Client and server over a network that loses what a test wants.

use super::*;
use crate::stun::{Class, Message, Method};
use netsim::{Endpoint, Link, Network, NodeId, Swarm, Verdict};
use ortica_core::crypto::rust_crypto;
use ortica_core::{Datagram, Ecn, Instant, Rng, SocketId, Transmit};
use std::cell::Cell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

const CLIENT: SocketAddr = at([192, 0, 2, 1], 5_000);
const SERVER: SocketAddr = at([198, 51, 100, 1], 3_478);
const PEER: SocketAddr = at([203, 0, 113, 1], 7_000);
/// How often the client says something to the peer, which says it again.
const PERIOD: Duration = Duration::from_millis(100);

const fn at(ip: [u8; 4], port: u16) -> SocketAddr {
    let [a, b, c, d] = ip;
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(a, b, c, d)), port)
}

fn transmit(socket: SocketId, remote: SocketAddr, len: usize) -> Transmit {
    Transmit { socket, remote, ecn: Ecn::NotEct, len, segment_size: None }
}

/// Whoever takes part.
enum Node {
    Client(Box<Caller>),
    Server(Box<Host>),
    Peer(VecDeque<(SocketAddr, Vec<u8>)>),
}

struct Caller {
    client: Client,
    next: Instant,
    waiting: VecDeque<Vec<u8>>,
    /// When something came back from the peer.
    heard: Vec<Instant>,
    events: Vec<ClientEvent>,
}

struct Host {
    server: Server,
    /// Sockets to be given out.
    free: Vec<(SocketId, SocketAddr)>,
}

impl Endpoint for Node {
    fn handle_datagram(&mut self, now: Instant, mut datagram: Datagram<'_>) {
        match self {
            Self::Client(caller) => {
                for packet in datagram.segments() {
                    if let Some(from) = caller.client.handle_packet(now, packet) {
                        assert_eq!((from.peer, &packet[from.data]), (PEER, &b"anybody?"[..]));
                        caller.heard.push(now);
                    }
                }
            }
            Self::Server(host) => host.server.handle_datagram(now, datagram),
            Self::Peer(echoes) => {
                let remote = datagram.remote;
                echoes.extend(datagram.segments().map(|packet| (remote, packet.to_vec())));
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Client(caller) => {
                caller.client.handle_timeout(now);
                if caller.next <= now {
                    caller.next = now + PERIOD;
                    let mut packet = Vec::new();
                    if caller.client.wrap(now, PEER, b"anybody?", &mut packet) {
                        caller.waiting.push_back(packet);
                    }
                }
            }
            Self::Server(host) => host.server.handle_timeout(now),
            Self::Peer(_) => {}
        }
    }

    fn poll_transmit(&mut self, now: Instant, max: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        match self {
            Self::Client(caller) => {
                let len = match caller.waiting.pop_front() {
                    Some(packet) => {
                        out.extend_from_slice(&packet);
                        packet.len()
                    }
                    None => caller.client.poll_transmit(now, out)?,
                };
                Some(transmit(SocketId(0), SERVER, len))
            }
            Self::Server(host) => host.server.poll_transmit(now, max, out),
            Self::Peer(echoes) => {
                let (to, packet) = echoes.pop_front()?;
                out.extend_from_slice(&packet);
                Some(transmit(SocketId(0), to, packet.len()))
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Client(caller) => caller.client.poll_timeout().into_iter().chain([caller.next]).min(),
            Self::Server(host) => host.server.poll_timeout(),
            Self::Peer(_) => None,
        }
    }

    fn react(&mut self, now: Instant) {
        match self {
            Self::Client(caller) => caller.events.extend(std::iter::from_fn(|| caller.client.poll_event())),
            Self::Server(host) => {
                let Host { server, free } = &mut **host;
                while let Some(event) = server.poll_event() {
                    if let ServerEvent::Bind { id, .. } = event {
                        let (socket, address) = free.pop().expect("a socket is left");
                        server.relay_bound(now, id, socket, address);
                    }
                }
            }
            Self::Peer(_) => {}
        }
    }
}

fn server(seed: u64, nonce_lifetime: Duration) -> Server {
    let users = StaticUsers::default().with_user("alice", "wonder");
    let config = ServerConfig::new(rust_crypto::provider(), "example.org", Arc::new(users));
    Server::new(
        Arc::new(config.with_tcp(true).with_nonce_lifetime(nonce_lifetime)),
        Rng::from_number(seed).fork("server"),
    )
}

/// A client, a server and a peer, 20 ms from each other. The client wants a channel to the peer.
fn scene(seed: u64, nonce_lifetime: Duration) -> Swarm<Node> {
    let mut network = Network::new(seed);
    let mut nodes = Vec::new();
    for address in [CLIENT, SERVER, PEER] {
        let (node, up) = (network.add_node(), network.add_link(Link::with_delay(Duration::from_millis(20))));
        let down = network.add_link(Link::default());
        network.add_interface(node, address.ip(), up, down);
        network.bind(node, address);
        nodes.push(node);
    }
    let [_, host, _] = nodes[..] else { panic!("three nodes") };
    let free = (0..20).map(|number| relay_socket(&mut network, host, number)).collect();
    let mut config = ClientConfig::new(rust_crypto::provider(), "alice", "wonder");
    // So that the test sees refreshes of everything in little time.
    config.lifetime = Duration::from_secs(600);
    let mut client = Client::new(Arc::new(config), Rng::from_number(seed).fork("client"), netsim::epoch());
    client.bind(netsim::epoch(), PEER);
    let caller =
        Caller { client, next: netsim::epoch(), waiting: VecDeque::new(), heard: Vec::new(), events: Vec::new() };
    let host = Host { server: server(seed, nonce_lifetime), free };
    Swarm::new(network, vec![Node::Client(Box::new(caller)), Node::Server(Box::new(host)), Node::Peer(VecDeque::new())])
}

fn relay_socket(network: &mut Network, node: NodeId, number: u16) -> (SocketId, SocketAddr) {
    let address = SocketAddr::new(SERVER.ip(), 40_000 + number);
    (network.bind(node, address), address)
}

fn caller(swarm: &Swarm<Node>) -> &Caller {
    let Node::Client(caller) = &swarm.endpoints[0] else { panic!("the client is first") };
    caller
}

/// The longest time in which nothing came back, from when something did first until now.
fn longest_gap(swarm: &Swarm<Node>) -> Duration {
    let heard = &caller(swarm).heard;
    assert!(heard.len() > 10, "the peer is heard");
    let ends = heard.iter().skip(1).copied().chain([swarm.now()]);
    heard.iter().zip(ends).map(|(from, to)| to.saturating_duration_since(*from)).max().unwrap()
}

fn lost(swarm: &Swarm<Node>) -> usize {
    caller(swarm).events.iter().filter(|event| **event == ClientEvent::Lost).count()
}

/// Loses every first answer of a method, and of each class, for twenty minutes with all renewals.
#[test]
fn flt_28_a_lost_answer_of_each_kind_costs_at_most_three_seconds() {
    for method in [Method::ALLOCATE, Method::REFRESH, Method::CREATE_PERMISSION, Method::CHANNEL_BIND] {
        for seed in 0..3 {
            let mut swarm = scene(seed, Duration::from_secs(600));
            let dropped = Rc::new(Cell::new(0));
            let (count, mut last) = (Rc::clone(&dropped), None);
            swarm.network.set_filter(move |_, from, _, bytes| {
                let answer = Message::parse(bytes).ok().filter(|it| it.class() != Class::Request && from == SERVER);
                match answer {
                    Some(answer) if answer.method() == method && last != Some(answer.transaction()) => {
                        last = Some(answer.transaction());
                        count.set(count.get() + 1);
                        Verdict::Drop
                    }
                    _ => Verdict::Pass,
                }
            });
            swarm.run_for(Duration::from_secs(1_200));
            let first = caller(&swarm).heard[0].saturating_duration_since(netsim::epoch());
            assert!(first <= Duration::from_secs(3), "seed {seed}: {method:?}: the first after {first:?}");
            assert!(dropped.get() >= 2, "seed {seed}: {method:?}: {} answers were dropped", dropped.get());
            let gap = longest_gap(&swarm);
            assert!(gap <= Duration::from_secs(3), "seed {seed}: {method:?}: {gap:?}");
            assert_eq!(lost(&swarm), 0, "seed {seed}: {method:?}");
        }
    }
}

/// A nonce of half a minute: every renewal meets a stale one.
#[test]
fn flt_28_stale_nonces_cost_nothing() {
    let mut swarm = scene(1, Duration::from_secs(30));
    swarm.run_for(Duration::from_secs(1_300));
    assert!(longest_gap(&swarm) <= Duration::from_millis(200));
    assert_eq!(lost(&swarm), 0);
}

/// Guards `Probe` and the new allocation: the server knows nothing any more.
#[test]
fn flt_28_a_restarted_server_costs_at_most_three_seconds() {
    for seed in 0..10 {
        let mut swarm = scene(seed, Duration::from_secs(600));
        swarm.run_for(Duration::from_secs(20));
        for restart in 1..=2 {
            if let Node::Server(host) = &mut swarm.endpoints[1] {
                host.server = server(1_000 * restart + seed, Duration::from_secs(600));
            }
            swarm.run_for(Duration::from_secs(100));
            assert_eq!(lost(&swarm) as u64, restart);
        }
        let gap = longest_gap(&swarm);
        assert!(gap <= Duration::from_secs(3), "seed {seed}: {gap:?}");
        let relayed: Vec<_> = caller(&swarm)
            .events
            .iter()
            .filter_map(|event| match event {
                ClientEvent::Allocated { relayed, .. } => Some(relayed[0]),
                _ => None,
            })
            .collect();
        assert_eq!(relayed.len(), 3, "seed {seed}: {relayed:?}");
    }
}

/// A fifth of all packets is lost each way.
#[test]
fn flt_28_loss_keeps_no_allocation_from_living() {
    for seed in 0..5 {
        let mut swarm = scene(seed, Duration::from_secs(100));
        swarm.network.set_filter({
            let mut rng = Rng::from_number(seed).fork("loss");
            move |_, _, _, _| if rng.below(5) == 0 { Verdict::Drop } else { Verdict::Pass }
        });
        swarm.run_for(Duration::from_secs(1_300));
        let gap = longest_gap(&swarm);
        assert!(gap <= Duration::from_secs(3), "seed {seed}: {gap:?}");
    }
}

mod contract {
    use super::*;
    use netsim::contract::{self, Side};
    use netsim::{Event, Machine};

    /// Where what the client sends comes in.
    const CLIENTS: SocketId = SocketId(1_000);

    /// Whether peers are reached by TCP.
    fn is_tcp(seed: u64) -> bool {
        seed % 2 == 1
    }

    /// Either end, as a machine with one partner.
    enum End {
        Client(Box<Client>),
        Server { server: Box<Server>, sockets: u32 },
    }

    impl End {
        fn new(seed: u64, side: Side) -> Self {
            match side {
                Side::A => {
                    let mut config = ClientConfig::new(rust_crypto::provider(), "alice", "wonder");
                    if is_tcp(seed) {
                        (config.is_stream, config.peer_transport) = (true, PeerTransport::Tcp);
                    }
                    let mut client = Client::new(Arc::new(config), Rng::from_number(seed), netsim::epoch());
                    client.bind(netsim::epoch(), PEER);
                    Self::Client(Box::new(client))
                }
                Side::B => {
                    let mut server = server(seed, Duration::from_secs(2));
                    if is_tcp(seed) {
                        server.connection_opened(CLIENTS);
                    }
                    Self::Server { server: Box::new(server), sockets: 0 }
                }
            }
        }
    }

    impl Machine for End {
        fn handle_packet(&mut self, now: Instant, packet: &mut [u8]) {
            match self {
                Self::Client(client) => drop(client.handle_packet(now, packet)),
                Self::Server { server, .. } => {
                    server.handle_datagram(now, Datagram::single(CLIENTS, CLIENT, packet));
                }
            }
        }

        fn handle_timeout(&mut self, now: Instant) {
            match self {
                Self::Client(client) => client.handle_timeout(now),
                Self::Server { server, .. } => server.handle_timeout(now),
            }
        }

        fn poll_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
            match self {
                Self::Client(client) => client.poll_transmit(now, out),
                Self::Server { server, sockets } => {
                    while let Some(event) = server.poll_event() {
                        *sockets += 1;
                        let socket = SocketId(*sockets);
                        match event {
                            ServerEvent::Bind { id, .. } | ServerEvent::Listen { id, .. } => {
                                server.relay_bound(now, id, socket, at([198, 51, 100, 1], 40_000));
                            }
                            ServerEvent::Connect { id, .. } if *sockets % 2 == 0 => server.peer_failed(id),
                            ServerEvent::Connect { id, relay, peer } => {
                                server.peer_connected(now, id, socket);
                                server.peer_accepted(now, relay, peer, SocketId(5_000 + *sockets));
                            }
                            _ => {}
                        }
                    }
                    server.poll_transmit(now, 1, out).map(|transmit| transmit.len)
                }
            }
        }

        fn poll_timeout(&self) -> Option<Instant> {
            match self {
                Self::Client(client) => client.poll_timeout(),
                Self::Server { server, .. } => server.poll_timeout(),
            }
        }

        fn poll_event(&mut self) -> Option<Event> {
            let Self::Client(client) = self else { return None };
            let event = client.poll_event()?;
            let is_last = matches!(event, ClientEvent::Closed | ClientEvent::Failed(_) | ClientEvent::Alternate { .. });
            let text = format!("{event:?}");
            Some(if is_last { Event::closed(text) } else { Event::new(text) })
        }

        fn act(&mut self, now: Instant, step: u64) {
            if let Self::Client(client) = self {
                match step % 8 {
                    0 => client.permit(now, at([203, 0, 113, (step % 200) as u8], 9)),
                    1 => client.probe(now),
                    2 => client.forget(at([203, 0, 113, (step % 100) as u8], 9).ip()),
                    3 => {
                        let _ = client.connect(now, at([203, 0, 113, (step % 200) as u8], 9));
                    }
                    _ => drop(client.wrap(now, PEER, b"x", &mut Vec::new())),
                }
            }
        }
    }

    #[test]
    fn both_ends_keep_the_sans_io_contract() {
        let options = contract::Options { seeds: 4, steps: 200, closes: false, ..contract::Options::default() };
        contract::check_with(&options, End::new);
    }
}
