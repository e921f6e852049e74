//! Two agents with TCP between them: nothing gets lost, but bytes come in pieces, late, and connections die.

use super::*;
use crate::framing::{FrameQueue, FrameReader};
use std::collections::VecDeque;

/// Opens connections.
pub(super) const ACTIVE: SocketId = SocketId(100);
/// Takes them.
pub(super) const PASSIVE: SocketId = SocketId(200);
/// Does both at one port.
pub(super) const AT_ONCE: SocketId = SocketId(300);

const ADDRESSES: [&str; 2] = ["192.0.2.1:4430", "198.51.100.2:4431"];

/// One connection.
struct Connection {
    /// Who opened it.
    opener: usize,
    /// What each end sees of the other, by who has it.
    remotes: [SocketAddr; 2],
    /// When the opener hears of it, until it did.
    opens: Option<Instant>,
    pipes: [Pipe; 2],
}

impl Connection {
    fn socket(&self, node: usize) -> SocketId {
        if node == self.opener { ACTIVE } else { PASSIVE }
    }

    fn is(&self, node: usize, socket: SocketId, remote: SocketAddr) -> bool {
        self.socket(node) == socket && self.remotes[node] == remote
    }
}

/// One direction of it, by who reads.
struct Pipe {
    pieces: VecDeque<(Instant, Vec<u8>)>,
    queue: FrameQueue,
    reader: FrameReader,
}

/// What happened to one side.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) states: Vec<State>,
    pub(super) connects: Vec<SocketAddr>,
    pub(super) disconnects: usize,
    /// Numbers of the packets of data that came over a validated connection.
    pub(super) data: Vec<u32>,
    pub(super) refused: usize,
}

/// Two agents, the first controlling.
pub(super) struct Streams {
    pub(super) agents: [Agent; 2],
    pub(super) seen: [Seen; 2],
    pub(super) now: Instant,
    pub(super) rng: Rng,
    pub(super) delay: Duration,
    /// What becomes of attempts to connect.
    pub(super) answer: Result<(), ConnectionError>,
    connections: Vec<Connection>,
    next_port: u16,
    next_data: [u32; 2],
}

impl Streams {
    /// Each with what it does over TCP, and no UDP; the second one knows of the first by its checks alone.
    pub(super) fn new(seed: u64, bases: [&[TcpBase]; 2]) -> Self {
        let now = netsim::epoch();
        let mut rng = Rng::from_number(seed);
        let config = Arc::new(config());
        let agents = [0, 1].map(|node| {
            let mut agent = Agent::new(Arc::clone(&config), rng.fork(&format!("agent {node}")), now);
            agent.set_role(now, if node == 0 { Role::Controlling } else { Role::Controlled });
            for base in bases[node] {
                let socket = if *base == TcpBase::Passive { PASSIVE } else { ACTIVE };
                agent.add_tcp_socket(now, socket, address(ADDRESSES[node]), *base);
            }
            agent.end_of_sockets(now);
            agent
        });
        let delay = MS * (1 + rng.below(50) as u32);
        let (connections, answer) = (Vec::new(), Ok(()));
        let seen = Default::default();
        Self { agents, seen, now, rng, delay, answer, connections, next_port: 50_000, next_data: [0; 2] }
    }

    /// Tells each of the other.
    pub(super) fn signal(&mut self) {
        for node in 0..2 {
            let credentials = self.agents[node].local_credentials().clone();
            let candidates = self.agents[node].local_candidates().to_vec();
            let other = &mut self.agents[1 - node];
            other.set_remote_credentials(self.now, credentials, false).unwrap();
            for candidate in candidates {
                let told = candidate.to_string().parse().unwrap();
                other.add_remote_candidate(self.now, told).unwrap();
            }
            other.end_of_remote_candidates(self.now);
        }
    }

    pub(super) fn restart(&mut self) {
        self.agents.iter_mut().for_each(|agent| agent.restart(self.now));
        self.signal();
    }

    /// How many there are.
    pub(super) fn open(&self) -> usize {
        self.connections.len()
    }

    /// Cuts the connection, with what is on its way.
    pub(super) fn cut(&mut self, index: usize) {
        let gone = self.connections.remove(index);
        for node in 0..2 {
            let (socket, remote) = (gone.socket(node), gone.remotes[node]);
            self.agents[node].connection_lost(self.now, socket, remote, ConnectionError::Closed);
        }
    }

    /// Has a side send a packet of data, if it has a route.
    pub(super) fn send_data(&mut self, node: usize) {
        let Some(Route { socket, remote }) = self.agents[node].route() else { return };
        let number = self.next_data[node];
        self.next_data[node] += 1;
        let mut packet = vec![0x80; 4 + self.rng.below(1_400) as usize];
        packet[1..4].copy_from_slice(&number.to_be_bytes()[1..]);
        self.send(node, socket, remote, &packet);
    }

    pub(super) fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        let end = self.now + limit;
        loop {
            self.drain();
            if done(self) {
                return true;
            }
            let pieces = self.connections.iter().flat_map(|connection| &connection.pipes);
            let arrivals = pieces.filter_map(|pipe| pipe.pieces.front()).map(|(at, _)| *at);
            let opens = self.connections.iter().filter_map(|connection| connection.opens);
            let timeouts = self.agents.iter().filter_map(Agent::poll_timeout);
            let Some(next) = arrivals.chain(opens).chain(timeouts).min().filter(|next| *next <= end) else {
                self.now = end;
                return false;
            };
            self.now = next.max(self.now);
            self.deliver();
            for agent in &mut self.agents {
                if agent.poll_timeout().is_some_and(|at| at <= self.now) {
                    agent.handle_timeout(self.now);
                }
            }
        }
    }

    fn drain(&mut self) {
        for node in 0..2 {
            let mut out = Vec::new();
            while let Some(transmit) = self.agents[node].poll_transmit(self.now, 1, &mut out) {
                self.send(node, transmit.socket, transmit.remote, &out);
                out.clear();
            }
            while let Some(event) = self.agents[node].poll_event() {
                match event {
                    Event::State(state) => self.seen[node].states.push(state),
                    Event::Io(Io::Connect { socket, remote }) => self.connect(node, socket, remote),
                    Event::Io(Io::Disconnect { socket, remote }) => {
                        self.seen[node].disconnects += 1;
                        if let Some(at) = self.connections.iter().position(|it| it.is(node, socket, remote)) {
                            self.cut(at);
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    fn connect(&mut self, node: usize, socket: SocketId, remote: SocketAddr) {
        assert_eq!(socket, ACTIVE);
        self.seen[node].connects.push(remote);
        if let Err(error) = self.answer {
            return self.agents[node].connection_lost(self.now, socket, remote, error);
        }
        self.next_port += 1;
        let mut remotes = [remote; 2];
        remotes[1 - node] = SocketAddr::new(address(ADDRESSES[node]).ip(), self.next_port);
        let pipe = || Pipe { pieces: VecDeque::new(), queue: FrameQueue::new(1 << 20), reader: FrameReader::default() };
        let opens = Some(self.now + self.delay * 2);
        self.connections.push(Connection { opener: node, remotes, opens, pipes: [pipe(), pipe()] });
    }

    /// Cuts what is sent into pieces that arrive one after the other.
    fn send(&mut self, node: usize, socket: SocketId, remote: SocketAddr, packet: &[u8]) {
        let Some(connection) = self.connections.iter_mut().find(|it| it.is(node, socket, remote)) else { return };
        let pipe = &mut connection.pipes[1 - node];
        assert!(pipe.queue.push(packet));
        while !pipe.queue.is_empty() {
            let unwritten = pipe.queue.unwritten();
            let len = unwritten.len().min(1 + self.rng.below(700) as usize);
            let jitter = Duration::from_micros(self.rng.below(20_000));
            let last = pipe.pieces.back().map_or(self.now, |(at, _)| *at);
            pipe.pieces.push_back(((self.now + self.delay + jitter).max(last), unwritten[..len].to_vec()));
            pipe.queue.written(len);
        }
    }

    fn deliver(&mut self) {
        let Self { agents, seen, connections, now, .. } = self;
        for connection in connections {
            let (opener, remotes) = (connection.opener, connection.remotes);
            if connection.opens.is_some_and(|at| at <= *now) {
                connection.opens = None;
                agents[opener].connected(*now, ACTIVE, remotes[opener]);
            }
            for node in 0..2 {
                let socket = connection.socket(node);
                let pipe = &mut connection.pipes[node];
                while let Some((_, piece)) = pipe.pieces.pop_front_if(|(at, _)| *at <= *now) {
                    let mut rest = piece.as_slice();
                    while !rest.is_empty() {
                        let room = pipe.reader.room();
                        let (now_taken, after) = rest.split_at(rest.len().min(room.len()));
                        room[..now_taken.len()].copy_from_slice(now_taken);
                        pipe.reader.filled(now_taken.len());
                        rest = after;
                        while let Some(packet) = pipe.reader.next_packet() {
                            take(&mut agents[node], &mut seen[node], *now, socket, remotes[node], packet);
                        }
                    }
                }
            }
        }
    }
}

fn take(agent: &mut Agent, seen: &mut Seen, now: Instant, socket: SocketId, remote: SocketAddr, packet: &mut [u8]) {
    if is_stun(packet) {
        agent.handle_datagram(now, Datagram::single(socket, remote, packet));
    } else if agent.is_validated(socket, remote) {
        seen.data.push(u32::from_be_bytes([0, packet[1], packet[2], packet[3]]));
    } else {
        seen.refused += 1;
    }
}
