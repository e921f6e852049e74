//! Agents against each other on a simulated network, and against hand-made messages.

mod announced;
mod bounds;
mod connect;
mod consent;
mod contract;
mod endings;
mod failover;
mod faults;
mod gather;
mod lite;
mod loss;
mod names;
mod nat;
mod pairs;
mod ports;
mod privacy;
mod questions;
mod relay;
mod renomination;
mod restart;
mod script;
mod search;
mod servers;
mod simultaneous;
mod streams;
mod syns;
mod tcp;
mod times;
mod turn_server;
mod wire;

use crate::stun::{Class, Message, MessageBuilder, Method};
use crate::*;
use netsim::{Endpoint, Link, LinkId, Network, Stalled, Swarm};
use ortica_core::crypto::rust_crypto;
use ortica_core::{Datagram, Ecn, Instant, Rng, SocketId, Transmit};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use turn_server::TurnServer;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn config() -> Config {
    Config::new(rust_crypto::provider())
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// What signalling carries.
#[derive(Clone, Debug)]
enum Signal {
    Credentials(Credentials),
    Candidate(Candidate),
    End,
}

/// An agent with an application that signals at once and, if told to, sends data.
struct Peer {
    agent: Agent,
    now: Instant,
    events: Vec<(Instant, Event)>,
    signals: Vec<Signal>,
    lite: bool,
    /// What the other one says of itself: that it follows nominations after the first one.
    renominates: bool,
    /// How often to send a datagram of data, and when next.
    data: Option<(Duration, Instant)>,
    /// When data came from an address that was validated.
    received: Vec<Instant>,
    /// Which way the last of it came.
    came_over: Option<Route>,
    refused: usize,
    /// Sockets of the driver for links to TURN servers, by datagrams and by streams, and how many of those were closed.
    spare: Vec<SocketId>,
    spare_streams: Vec<SocketId>,
    unlinked: usize,
}

impl Peer {
    fn new(seed: u64, name: &str, config: &Arc<Config>, role: Role) -> Self {
        let now = netsim::epoch();
        let mut agent = Agent::new(Arc::clone(config), Rng::from_number(seed).fork(name), now);
        agent.set_role(now, role);
        let signals = vec![Signal::Credentials(agent.local_credentials().clone())];
        Self {
            agent,
            now,
            events: vec![],
            signals,
            lite: false,
            renominates: false,
            data: None,
            received: vec![],
            came_over: None,
            refused: 0,
            spare: vec![],
            spare_streams: vec![],
            unlinked: 0,
        }
    }

    fn take(&mut self, signal: Signal) {
        match signal {
            Signal::Credentials(credentials) => {
                let lite = self.lite;
                self.agent.set_remote_credentials(self.now, credentials, lite).unwrap();
                self.agent.set_remote_renomination(self.now, self.renominates);
            }
            // One of the generation before is refused, as it should be.
            Signal::Candidate(candidate) => {
                let _ = self.agent.add_remote_candidate(self.now, candidate);
            }
            Signal::End => self.agent.end_of_remote_candidates(self.now),
        }
    }

    fn restart(&mut self) {
        self.signals.clear();
        self.agent.restart(self.now);
        self.signals.push(Signal::Credentials(self.agent.local_credentials().clone()));
    }

    fn send_data_every(&mut self, interval: Duration) {
        self.data = Some((interval, self.now));
    }

    fn states(&self) -> Vec<State> {
        let state = |(_, event): &(Instant, Event)| match event {
            Event::State(state) => Some(*state),
            _ => None,
        };
        self.events.iter().filter_map(state).collect()
    }

    fn when(&self, wanted: State) -> Option<Instant> {
        self.events.iter().find(|(_, event)| *event == Event::State(wanted)).map(|(at, _)| *at)
    }

    fn nominated(&self) -> Option<PairStats> {
        self.agent.pairs().find(|pair| pair.nominated && pair.selected)
    }

    /// The longest time without data, from `since` to now.
    fn gap(&self, since: Instant) -> Duration {
        let times = std::iter::once(since).chain(self.received.iter().copied().filter(|at| *at > since));
        let times: Vec<_> = times.chain([self.now]).collect();
        times.windows(2).map(|pair| pair[1].saturating_duration_since(pair[0])).max().unwrap_or_default()
    }
}

impl Endpoint for Peer {
    fn handle_datagram(&mut self, now: Instant, mut datagram: Datagram<'_>) {
        self.now = now;
        let from = (datagram.local, datagram.remote);
        for segment in datagram.segments() {
            let ((local, remote), segment) = match self.agent.unwrap(now, from.0, from.1, segment) {
                None => (from, segment),
                Some(Unwrapped::Taken) => continue,
                Some(Unwrapped::Packet { socket, remote, data }) => ((socket, remote), &mut segment[data]),
            };
            if is_stun(segment) {
                self.agent.handle_datagram(now, Datagram::single(local, remote, segment));
            } else if self.agent.is_validated(local, remote) {
                self.agent.count_received(now, local, remote, 1, segment.len() as u64);
                self.received.push(now);
                self.came_over = Some(Route { socket: local, remote });
            } else {
                self.refused += 1;
                self.agent.check_source(now, local, remote);
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        self.agent.handle_timeout(now);
    }

    fn poll_transmit(&mut self, now: Instant, max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        self.now = now;
        if let Some(transmit) = self.agent.poll_transmit(now, max_segments, out) {
            return Some(transmit);
        }
        let (interval, next) = self.data.as_mut().filter(|(_, next)| *next <= now)?;
        *next = now + *interval;
        let Route { socket, remote } = self.agent.route()?;
        let start = out.len();
        out.extend_from_slice(&[0x80, 0, 0, 0]);
        let transmit = Transmit { socket, remote, ecn: Ecn::NotEct, len: 4, segment_size: None };
        self.agent.count_sent(now, socket, remote, 1, 4);
        self.agent.wrap(now, transmit, out, start)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let data = self.data.map(|(_, next)| next);
        [self.agent.poll_timeout(), data].into_iter().flatten().min()
    }

    fn react(&mut self, now: Instant) {
        self.now = now;
        while let Some(event) = self.agent.poll_event() {
            match &event {
                Event::LocalCandidate(candidate) => self.signals.push(Signal::Candidate(candidate.clone())),
                Event::GatheringState(GatheringState::Complete) => self.signals.push(Signal::End),
                Event::Io(Io::ConnectServer { link, transport, .. }) => {
                    let spare = if transport.is_stream() { &mut self.spare_streams } else { &mut self.spare };
                    let socket = spare.pop().expect("a socket for each link");
                    self.agent.server_connected(now, *link, socket);
                }
                Event::Io(Io::DisconnectServer { .. }) => self.unlinked += 1,
                _ => {}
            }
            self.events.push((now, event));
        }
    }
}

/// A STUN server.
#[derive(Default)]
struct Server {
    answers: Vec<(SocketAddr, Vec<u8>)>,
    requests: usize,
    indications: usize,
    mute: bool,
}

impl Endpoint for Server {
    fn handle_datagram(&mut self, _now: Instant, mut datagram: Datagram<'_>) {
        let remote = datagram.remote;
        for segment in datagram.segments() {
            let message = Message::parse(segment).unwrap();
            if message.class() != Class::Request {
                self.indications += 1;
                continue;
            }
            self.requests += 1;
            if !self.mute {
                let mut out = Vec::new();
                MessageBuilder::new(&mut out, Class::Success, Method::BINDING, message.transaction())
                    .xor_mapped_address(remote);
                self.answers.push((remote, out));
            }
        }
    }

    fn handle_timeout(&mut self, _now: Instant) {}

    fn poll_transmit(&mut self, _now: Instant, _max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        let (remote, answer) = self.answers.pop()?;
        out.extend_from_slice(&answer);
        Some(Transmit { socket: SocketId(0), remote, ecn: Ecn::NotEct, len: answer.len(), segment_size: None })
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

enum Node {
    Peer(Box<Peer>),
    Server(Server),
    Turn(TurnServer),
}

impl Node {
    fn endpoint(&mut self) -> &mut dyn Endpoint {
        match self {
            Self::Peer(peer) => &mut **peer,
            Self::Server(server) => server,
            Self::Turn(server) => server,
        }
    }

    fn peer(&mut self) -> &mut Peer {
        match self {
            Self::Peer(peer) => peer,
            Self::Server(_) | Self::Turn(_) => panic!("a server"),
        }
    }
}

impl Endpoint for Node {
    fn handle_datagram(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.endpoint().handle_datagram(now, datagram);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.endpoint().handle_timeout(now);
    }

    fn poll_transmit(&mut self, now: Instant, max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        self.endpoint().poll_transmit(now, max_segments, out)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Peer(peer) => peer.poll_timeout(),
            Self::Server(server) => server.poll_timeout(),
            Self::Turn(server) => server.poll_timeout(),
        }
    }

    fn react(&mut self, now: Instant) {
        self.endpoint().react(now);
    }
}

/// Two peers, `a` controlling, and what lies between them. Each node has an up and a down link of its own.
struct Sim {
    swarm: Swarm<Node>,
    links: Vec<LinkId>,
    nats: Vec<netsim::NatId>,
    /// Whether what one side signals reaches the other.
    signalling: bool,
}

impl Sim {
    /// Peers with one public address each.
    fn new(seed: u64, link: Link) -> Self {
        Self::with(seed, link, config(), config(), |_, _, _| {})
    }

    /// Peers that have gathered for so long and heard nothing of each other, and what each would signal.
    fn unsignalled(gathering: Duration) -> (Self, [Vec<Signal>; 2]) {
        let mut sim = Self::new(1, Link::with_delay(10 * MS));
        sim.signalling = false;
        sim.run_for(gathering);
        let signals = [0, 1].map(|node| std::mem::take(&mut sim.peer(node).signals));
        (sim, signals)
    }

    /// Peers for whom `lay_out` makes sockets, on a network whose links are like `link`; by default one public address
    /// each. It is given the links: a's, b's and a third one's, up and down.
    fn with(
        seed: u64,
        link: Link,
        a: Config,
        b: Config,
        lay_out: impl FnOnce(&mut Network, &[LinkId], &mut Vec<Node>),
    ) -> Self {
        let mut network = Network::new(seed);
        for _ in 0..3 {
            network.add_node();
        }
        let links: Vec<_> =
            (0..3).flat_map(|_| [network.add_link(link.clone()), network.add_link(Link::default())]).collect();
        let peer =
            |name: &str, config: Config, role| Node::Peer(Box::new(Peer::new(seed, name, &Arc::new(config), role)));
        let mut nodes =
            vec![peer("a", a, Role::Controlling), peer("b", b, Role::Controlled), Node::Server(Server::default())];
        lay_out(&mut network, &links, &mut nodes);
        let mut sim = Self { swarm: Swarm::new(network, nodes), links, nats: vec![], signalling: true };
        for (node, ip) in [(0, "192.0.2.1"), (1, "198.51.100.2")] {
            if sim.swarm.network.address(netsim::NodeId(node), SocketId(0)).is_none() {
                sim.interface(node, ip);
                sim.socket(node, &format!("{ip}:{}", 5000 + node));
            }
        }
        for node in 0..2 {
            let peer = sim.peer(node);
            peer.agent.end_of_sockets(peer.now);
        }
        sim
    }

    fn interface(&mut self, node: usize, ip: &str) {
        let (up, down) = (self.links[2 * node], self.links[2 * node + 1]);
        self.swarm.network.add_interface(netsim::NodeId(node), ip.parse().unwrap(), up, down);
    }

    /// Binds a socket and gives it to the agent.
    fn socket(&mut self, node: usize, addr: &str) -> SocketId {
        let id = self.swarm.network.bind(netsim::NodeId(node), address(addr));
        let now = self.swarm.now();
        self.peer(node).agent.add_socket(now, id, address(addr));
        id
    }

    fn a(&mut self) -> &mut Peer {
        self.peer(0)
    }

    fn b(&mut self) -> &mut Peer {
        self.peer(1)
    }

    /// A peer, which knows the time.
    fn peer(&mut self, node: usize) -> &mut Peer {
        let now = self.swarm.now();
        let peer = self.swarm.endpoints[node].peer();
        peer.now = now;
        peer
    }

    fn server(&mut self) -> &mut Server {
        match &mut self.swarm.endpoints[2] {
            Node::Server(server) => server,
            Node::Peer(_) | Node::Turn(_) => panic!("another node"),
        }
    }

    fn turn(&mut self) -> &mut TurnServer {
        self.turn_at(2)
    }

    /// The TURN server that a node is.
    fn turn_at(&mut self, node: usize) -> &mut TurnServer {
        match &mut self.swarm.endpoints[node] {
            Node::Turn(server) => server,
            Node::Peer(_) | Node::Server(_) => panic!("another node"),
        }
    }

    /// Changes both directions between the peers.
    fn change_links(&mut self, mut change: impl FnMut(&mut Link)) {
        for link in [self.links[0], self.links[2]] {
            change(self.swarm.network.link_mut(link));
        }
    }

    /// Runs until `done`, handing over what is signalled as soon as it is.
    fn run_until(
        &mut self,
        limit: Duration,
        mut done: impl FnMut(&mut Peer, &mut Peer) -> bool,
    ) -> Result<Duration, Stalled> {
        let signalling = self.signalling;
        self.swarm.run_until(limit, |nodes| {
            let [a, b, ..] = nodes else { panic!("two peers") };
            let (a, b) = (a.peer(), b.peer());
            let now = a.now.max(b.now);
            (a.now, b.now) = (now, now);
            if signalling {
                exchange(a, b);
            }
            done(a, b)
        })
    }

    fn run_for(&mut self, time: Duration) {
        let _ = self.run_until(time, |_, _| false);
    }

    /// Runs until both have the same selected pair and are connected.
    fn connect(&mut self, limit: Duration) -> Result<Duration, Stalled> {
        let took = self.run_until(limit, |a, b| {
            let up = |peer: &Peer| {
                matches!(peer.agent.state(), State::Connected | State::Completed) && peer.nominated().is_some()
            };
            up(a) && up(b)
        })?;
        self.assert_agreed();
        Ok(took)
    }

    /// Both send data for a while, and each gets the other's over the pair that it sends over itself: so they agree, whatever
    /// NATs are between them.
    fn assert_data_meets(&mut self) {
        let seed = self.swarm.network.seed();
        (0..2).for_each(|node| self.peer(node).send_data_every(20 * MS));
        self.run_for(SECOND);
        for node in 0..2 {
            let peer = self.peer(node);
            peer.data = None;
            assert!(peer.agent.route().is_some() && peer.came_over == peer.agent.route(), "seed {seed}, peer {node}");
            assert!(peer.received.last().is_some_and(|at| *at + 200 * MS > peer.now), "seed {seed}, peer {node}");
        }
    }

    /// Both use the same pair: each sends to where the other receives. (Only where no NAT is between them.)
    fn assert_agreed(&mut self) {
        let seed = self.swarm.network.seed();
        let [a, b] = [0, 1].map(|node| {
            let agent = &self.peer(node).agent;
            let route = agent.route().expect("a route");
            let pair = agent.pairs().find(|pair| pair.selected).expect("a pair");
            let relayed =
                agent.candidates().find(|it| it.id == pair.local && it.candidate.kind == CandidateKind::Relayed);
            let relayed = relayed.and_then(|it| it.candidate.socket_addr());
            let bound = self.swarm.network.address(netsim::NodeId(node), route.socket);
            (relayed.or(bound).expect("a socket"), route.remote)
        });
        let is_private = |local: SocketAddr| matches!(local, SocketAddr::V4(v4) if v4.ip().is_private());
        let behind_nat = is_private(a.0) || is_private(b.0);
        assert!(behind_nat || a == (b.1, b.0), "seed {seed}: {a:?} and {b:?}");
    }
}

/// How many seeds to run: as many as `ORTICA_SEEDS` says, or else a few.
fn seeds(few: u64) -> u64 {
    std::env::var("ORTICA_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(few)
}

/// Signals what either side has to say, as long as it has something.
fn exchange(a: &mut Peer, b: &mut Peer) {
    while !a.signals.is_empty() || !b.signals.is_empty() {
        let (to_b, to_a) = (std::mem::take(&mut a.signals), std::mem::take(&mut b.signals));
        to_b.into_iter().for_each(|signal| b.take(signal));
        to_a.into_iter().for_each(|signal| a.take(signal));
    }
}
