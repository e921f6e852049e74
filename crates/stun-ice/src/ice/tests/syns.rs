//! Two agents that open connections of TCP to each other's ports, through routers that let some through: what becomes of each SYN.

use super::streams::{ACTIVE, AT_ONCE};
use super::*;
use std::collections::BTreeSet;

/// The STUN server.
pub(super) const SERVER: &str = "203.0.113.1:3478";
const INNER: [&str; 2] = ["10.0.0.2", "10.1.0.2"];
pub(super) const OUTER: [&str; 2] = ["192.0.2.1", "198.51.100.2"];
/// The port of each side that opens connections and takes them.
pub(super) const PORTS: [u16; 2] = [4_430, 4_431];
/// When a SYN that nothing came back for is sent again, and when the system gives up.
const REPEATED: [Duration; 3] = [SECOND, Duration::from_secs(3), Duration::from_secs(7)];
const TIME_OUT: Duration = Duration::from_secs(10);
/// How long signalling takes at most.
const LATE: u64 = 200;

/// What a side's router does. Whichever it is: what comes in from where nothing was sent to does not pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Router {
    /// There is none.
    None,
    /// A port is the same to everybody. What does not pass is dropped in silence.
    Kept,
    /// The same, but what does not pass is refused, and who was refused is forgotten.
    Refusing,
    /// A port is another one to each.
    PerDestination,
}

/// One side.
pub(super) struct Side {
    pub(super) agent: Agent,
    router: Router,
    /// When connections to the peer were asked for.
    pub(super) connects: Vec<Instant>,
    /// How many to the server were.
    pub(super) asked: usize,
    pub(super) disconnects: usize,
    pub(super) states: Vec<State>,
    pub(super) errors: Vec<GatheringError>,
    pub(super) received: usize,
    /// Which port is which outside, for whom.
    mappings: Vec<(u16, Option<SocketAddr>, u16)>,
    /// Whom each port outside has sent to.
    sent_to: BTreeSet<(u16, SocketAddr)>,
}

impl Side {
    /// How the world sees our port on the way to `to`.
    fn map(&mut self, outer: &str, port: u16, to: SocketAddr) -> SocketAddr {
        let ip = outer.parse().unwrap();
        let made_for = match self.router {
            Router::None => return SocketAddr::new(ip, port),
            Router::Kept | Router::Refusing => None,
            Router::PerDestination => Some(to),
        };
        let known = self.mappings.iter().find(|it| (it.0, it.1) == (port, made_for)).map(|it| it.2);
        let outside = known.unwrap_or_else(|| {
            let next = 40_000 + self.mappings.len() as u16;
            self.mappings.push((port, made_for, next));
            next
        });
        self.sent_to.insert((outside, to));
        SocketAddr::new(ip, outside)
    }

    /// Our port that what comes from there to `outside` is for, if it passes.
    fn admit(&self, outside: u16, from: SocketAddr) -> Option<u16> {
        match self.router {
            Router::None => Some(outside),
            _ if !self.sent_to.contains(&(outside, from)) => None,
            _ => self.mappings.iter().find(|it| it.2 == outside).map(|it| it.0),
        }
    }
}

/// Our end of something, and the other one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct End {
    node: usize,
    socket: SocketId,
    remote: SocketAddr,
}

/// An attempt to connect.
struct Attempt {
    end: End,
    port: u16,
    began: Instant,
    repeated: usize,
}

impl Attempt {
    /// When the next SYN goes out, or none any more.
    fn next(&self) -> Instant {
        self.began + REPEATED.get(self.repeated).copied().unwrap_or(TIME_OUT)
    }
}

/// What is on its way.
enum Flight {
    /// From the end of an attempt, as the world sees it.
    Syn(End, SocketAddr),
    Refusal(End),
    Connected(End),
    /// To this end.
    Packet(End, Vec<u8>),
    /// To a side.
    Candidate(usize, Candidate),
    EndOfCandidates(usize),
}

/// Two sides, the first controlling.
pub(super) struct Syns {
    pub(super) sides: [Side; 2],
    pub(super) now: Instant,
    pub(super) rng: Rng,
    pub(super) delay: Duration,
    /// No SYN is taken any more.
    pub(super) is_down: bool,
    /// Whether the server takes connections, and whether it answers.
    pub(super) server: [bool; 2],
    /// How many came about because two SYNs crossed.
    pub(super) crossed: usize,
    connections: Vec<[End; 2]>,
    attempts: Vec<Attempt>,
    flights: Vec<(Instant, Flight)>,
}

impl Syns {
    /// Both have a port that does both, and nothing else.
    pub(super) fn new(seed: u64, routers: [Router; 2], config: &Arc<Config>) -> Self {
        let now = netsim::epoch();
        let mut rng = Rng::from_number(seed);
        let sides = [0, 1].map(|node| {
            let mut agent = Agent::new(Arc::clone(config), rng.fork(&format!("agent {node}")), now);
            agent.set_role(now, if node == 0 { Role::Controlling } else { Role::Controlled });
            let router = routers[node];
            let ip = if router == Router::None { OUTER[node] } else { INNER[node] }.parse().unwrap();
            agent.add_tcp_socket(now, AT_ONCE, SocketAddr::new(ip, PORTS[node]), TcpBase::SimultaneousOpen);
            agent.end_of_sockets(now);
            Side {
                agent,
                router,
                connects: Vec::new(),
                asked: 0,
                disconnects: 0,
                states: Vec::new(),
                errors: Vec::new(),
                received: 0,
                mappings: Vec::new(),
                sent_to: BTreeSet::new(),
            }
        });
        let delay = MS * (1 + rng.below(50) as u32);
        let (connections, attempts, flights) = (Vec::new(), Vec::new(), Vec::new());
        let server = [true; 2];
        Self { sides, now, rng, delay, is_down: false, server, crossed: 0, connections, attempts, flights }
    }

    /// Tells each the other's credentials; candidates are told as they come.
    pub(super) fn introduce(&mut self) {
        for node in 0..2 {
            let credentials = self.sides[node].agent.local_credentials().clone();
            self.sides[1 - node].agent.set_remote_credentials(self.now, credentials, false).unwrap();
        }
    }

    pub(super) fn restart(&mut self) {
        self.sides.iter_mut().for_each(|side| side.agent.restart(self.now));
        self.introduce();
    }

    /// How many connections there are between the two.
    pub(super) fn open(&self) -> usize {
        self.connections.len()
    }

    /// Cuts all connections between the two.
    pub(super) fn cut(&mut self) {
        for end in std::mem::take(&mut self.connections).into_iter().flatten() {
            self.lose(end, ConnectionError::Closed);
        }
    }

    pub(super) fn is_up(&self) -> bool {
        let is_up = |side: &Side| side.agent.pairs().any(|pair| pair.selected && pair.nominated);
        self.sides.iter().all(is_up)
    }

    /// Has a side send a packet of data, if it has a route.
    pub(super) fn send_data(&mut self, node: usize) {
        if let Some(Route { socket, remote }) = self.sides[node].agent.route() {
            self.send(End { node, socket, remote }, &[0x80; 100]);
        }
    }

    pub(super) fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now + limit;
        loop {
            self.drain();
            if done(self) {
                return true;
            }
            let flights = self.flights.iter().map(|(at, _)| *at);
            let attempts = self.attempts.iter().map(Attempt::next);
            let timeouts = self.sides.iter().filter_map(|side| side.agent.poll_timeout());
            let Some(next) = flights.chain(attempts).chain(timeouts).min().filter(|next| *next <= end) else {
                self.now = end;
                return false;
            };
            self.now = next.max(self.now);
            self.repeat();
            // In the order in which they were sent, where they come at once.
            while let Some(at) = (0..self.flights.len())
                .filter(|it| self.flights[*it].0 <= self.now)
                .min_by_key(|it| self.flights[*it].0)
            {
                let (_, flight) = self.flights.remove(at);
                self.arrive(flight);
                self.drain();
            }
            for side in &mut self.sides {
                if side.agent.poll_timeout().is_some_and(|at| at <= self.now) {
                    side.agent.handle_timeout(self.now);
                }
            }
        }
    }

    fn drain(&mut self) {
        for node in 0..2 {
            let mut out = Vec::new();
            while let Some(Transmit { socket, remote, .. }) =
                self.sides[node].agent.poll_transmit(self.now, 1, &mut out)
            {
                self.send(End { node, socket, remote }, &std::mem::take(&mut out));
            }
            while let Some(event) = self.sides[node].agent.poll_event() {
                self.on_event(node, event);
            }
        }
    }

    fn on_event(&mut self, node: usize, event: Event) {
        let side = &mut self.sides[node];
        match event {
            Event::State(state) => side.states.push(state),
            Event::GatheringError(error) => side.errors.push(error),
            Event::LocalCandidate(candidate) => {
                let told = candidate.to_string().parse().unwrap();
                let at = self.now + MS * self.rng.below(LATE) as u32;
                self.flights.push((at, Flight::Candidate(1 - node, told)));
            }
            Event::GatheringState(GatheringState::Complete) => {
                self.flights.push((self.now + MS * LATE as u32, Flight::EndOfCandidates(1 - node)));
            }
            Event::Io(Io::Connect { socket, remote }) => {
                assert_ne!(remote, address(SERVER));
                side.connects.push(self.now);
                self.connect(End { node, socket, remote });
            }
            Event::Io(Io::ConnectStun { socket, remote }) => {
                assert_eq!((socket, remote), (AT_ONCE, address(SERVER)));
                side.asked += 1;
                let end = End { node, socket, remote };
                let flight = if self.server[0] { Flight::Connected(end) } else { Flight::Refusal(end) };
                self.flights.push((self.now + self.delay * 2, flight));
            }
            Event::Io(Io::Disconnect { socket, remote }) => {
                side.disconnects += 1;
                let end = End { node, socket, remote };
                self.attempts.retain(|attempt| attempt.end != end);
                if let Some(at) = self.connections.iter().position(|it| it.contains(&end)) {
                    let ends = self.connections.remove(at);
                    let other = ends.into_iter().find(|it| *it != end).unwrap();
                    self.lose(other, ConnectionError::Closed);
                }
            }
            _ => {}
        }
    }

    fn lose(&mut self, End { node, socket, remote }: End, error: ConnectionError) {
        self.sides[node].agent.connection_lost(self.now, socket, remote, error);
    }

    fn connect(&mut self, end: End) {
        // The peer's came first.
        if self.connections.iter().any(|it| it.contains(&end)) {
            return self.flights.push((self.now, Flight::Connected(end)));
        }
        let port = if end.socket == AT_ONCE { PORTS[end.node] } else { 50_000 + self.rng.below(10_000) as u16 };
        assert!([ACTIVE, AT_ONCE].contains(&end.socket));
        self.attempts.push(Attempt { end, port, began: self.now, repeated: 0 });
        self.send_syn(end, port);
    }

    fn send_syn(&mut self, end: End, port: u16) {
        let seen_as = self.sides[end.node].map(OUTER[end.node], port, end.remote);
        self.flights.push((self.now + self.delay, Flight::Syn(end, seen_as)));
    }

    /// Sends SYNs again that nothing came back for, or gives up.
    fn repeat(&mut self) {
        let now = self.now;
        for attempt in self.attempts.extract_if(.., |it| it.next() <= now).collect::<Vec<_>>() {
            if attempt.repeated < REPEATED.len() {
                self.send_syn(attempt.end, attempt.port);
                self.attempts.push(Attempt { repeated: attempt.repeated + 1, ..attempt });
            } else {
                self.lose(attempt.end, ConnectionError::TimedOut);
            }
        }
    }

    fn send(&mut self, end: End, packet: &[u8]) {
        if end.remote == address(SERVER) {
            return self.ask(end, packet);
        }
        let Some(ends) = self.connections.iter().find(|it| it.contains(&end)) else { return };
        let other = *ends.iter().find(|it| **it != end).unwrap();
        let jitter = Duration::from_micros(self.rng.below(5_000));
        let before = self.flights.iter().filter_map(|(at, flight)| match flight {
            Flight::Packet(to, _) if *to == other => Some(*at),
            _ => None,
        });
        let at = before.max().unwrap_or(self.now).max(self.now + self.delay + jitter);
        self.flights.push((at, Flight::Packet(other, packet.to_vec())));
    }

    /// The server answers requests.
    fn ask(&mut self, end: End, packet: &[u8]) {
        let message = Message::parse(packet).unwrap();
        if message.class() == Class::Request && self.server[1] {
            let seen_as = self.sides[end.node].map(OUTER[end.node], PORTS[end.node], end.remote);
            let mut answer = Vec::new();
            MessageBuilder::new(&mut answer, Class::Success, Method::BINDING, message.transaction())
                .xor_mapped_address(seen_as);
            self.flights.push((self.now + self.delay * 2, Flight::Packet(end, answer)));
        }
    }

    fn arrive(&mut self, flight: Flight) {
        match flight {
            Flight::Candidate(node, candidate) => {
                // One of the generation before is refused, as it should be.
                let _ = self.sides[node].agent.add_remote_candidate(self.now, candidate);
            }
            Flight::EndOfCandidates(node) => self.sides[node].agent.end_of_remote_candidates(self.now),
            Flight::Syn(end, seen_as) => self.on_syn(end, seen_as),
            Flight::Connected(End { node, socket, remote }) => {
                self.sides[node].agent.connected(self.now, socket, remote);
            }
            Flight::Refusal(end) => {
                self.attempts.retain(|attempt| attempt.end != end);
                self.sides[end.node].sent_to.retain(|(_, to)| *to != end.remote);
                self.lose(end, ConnectionError::Refused);
            }
            Flight::Packet(end, mut packet) => {
                let End { node, socket, remote } = end;
                let side = &mut self.sides[node];
                if !self.connections.iter().any(|it| it.contains(&end)) && remote != address(SERVER) {
                    return;
                }
                if is_stun(&packet) {
                    side.agent.handle_datagram(self.now, Datagram::single(socket, remote, &mut packet));
                } else if side.agent.is_validated(socket, remote) {
                    side.received += 1;
                }
            }
        }
    }

    fn on_syn(&mut self, from: End, seen_as: SocketAddr) {
        let node = 1 - from.node;
        let is_there = self.attempts.iter().any(|attempt| attempt.end == from);
        if !is_there || from.remote.ip().to_string() != OUTER[node] {
            return;
        }
        let refuse = (self.now + self.delay, Flight::Refusal(from));
        if self.is_down {
            return self.flights.push(refuse);
        }
        match self.sides[node].admit(from.remote.port(), seen_as) {
            None if self.sides[node].router == Router::Refusing => return self.flights.push(refuse),
            None => return,
            Some(port) => assert_eq!(port, PORTS[node], "nothing else is signalled"),
        }
        let end = End { node, socket: AT_ONCE, remote: seen_as };
        if self.connections.iter().any(|it| it.contains(&end)) {
            return;
        }
        self.connections.push([from, end]);
        self.attempts.retain(|attempt| attempt.end != from);
        self.flights.push((self.now + self.delay, Flight::Connected(from)));
        // Else the port that listens takes it, and nobody is told before its first check.
        if self.attempts.extract_if(.., |attempt| attempt.end == end).count() > 0 {
            self.crossed += 1;
            self.flights.push((self.now, Flight::Connected(end)));
        }
    }
}
