//! TCP: the connections of an endpoint, between its sessions and the system.
//!
//! Each belongs to one session: that which asked for it, or that whose ufrag the first check of a connection that came in names. What
//! comes is handed in packet by packet without its frames, several at a time; what goes out waits in a bounded queue where the system
//! does not take it at once, and what does not fit is lost, as a full buffer of UDP loses it. Only connections that something
//! happened to are looked at.
//!
//! A session may have ports of its own, at which connections come in and from which they are opened at once. There a connection that was
//! asked for may turn out to be one that comes in, or that is there already: either way it is one, and the session is told that it is
//! there. A connection that comes in where one was takes its place, as the other side has begun anew.

mod candidates;
mod connection;
mod listener;
mod opening;
mod ports;
#[cfg(all(test, unix))]
mod tests;
mod wakes;
mod wire;

pub use candidates::TcpCandidates;
pub(super) use connection::reason;
pub(super) use listener::Listener;
pub(super) use opening::connect;
pub(super) use ports::BoundPorts;
pub(super) use wakes::Wakes;
pub(super) use wire::Wire;

use crate::engine::FarEnd;
use crate::peer::TcpSockets;
use connection::{Connection, Turn};
use ortica_core::{Instant, SocketId, Transmit};
use ortica_ice::ConnectionError;
use ports::Port;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one that came in may take to name its session.
const INTRODUCTION_TIMEOUT: Duration = Duration::from_secs(5);
/// How long nothing may come over one: longer than a check waits for its answer, and than consent holds.
const IDLE_TIMEOUT: Duration = Duration::from_secs(40);
/// How long one that is closed may take to say so.
const ENDING_TIMEOUT: Duration = Duration::from_secs(2);
/// Connections that have yet to name their session; a further one takes the place of the oldest.
const MAX_STRANGERS: usize = 128;
/// Connections of one session; a further one is closed.
const MAX_PER_SESSION: usize = 64;
/// Connections that one listener gives in one turn.
const ACCEPTS_PER_TURN: usize = 16;

/// The sessions of an endpoint, as its connections see them.
pub(super) trait Sessions {
    /// Whose a connection is that begins with this packet.
    fn named_by(&self, packet: &[u8]) -> Option<usize>;
    /// Takes all packets that are there.
    fn take(&mut self, session: usize, socket: SocketId, remote: SocketAddr, packets: &mut Wire);
    /// A connection that was asked for is there.
    fn connected(&mut self, session: usize, socket: SocketId, remote: SocketAddr);
    /// There is none, or none any more.
    fn lost(&mut self, session: usize, socket: SocketId, remote: SocketAddr, error: ConnectionError);
}

/// What connections counted since the last look.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    /// That came about, whoever opened them.
    pub connections: usize,
    /// That came in and named no session, or did not speak ICE.
    pub strangers: usize,
    /// Packets that a queue had no room for, or that had no connection.
    pub dropped: usize,
}

/// A connection in the table.
type Route = (usize, SocketId, SocketAddr);

/// The connections of one endpoint.
pub(super) struct Tcp {
    /// Where connections come in.
    ports: BTreeMap<u64, Port>,
    /// How many of them were of one session alone.
    own_ports: u32,
    wakes: Arc<Wakes>,
    connections: HashMap<u64, Connection>,
    routes: BTreeMap<Route, u64>,
    strangers: VecDeque<u64>,
    deadlines: BTreeSet<(Instant, u64)>,
    /// Those that something was queued for.
    unflushed: Vec<u64>,
    next_token: u64,
    pub counted: Counted,
}

impl Tcp {
    pub fn new(listeners: Vec<Listener>) -> Self {
        let wakes = Arc::new(Wakes::default());
        // Each is looked at once to begin with.
        (0..listeners.len() as u64).for_each(|token| wakes.push(token));
        Self {
            next_token: listeners.len() as u64,
            ports: (0..).zip(listeners.into_iter().map(Port::of_all)).collect(),
            own_ports: 0,
            wakes,
            connections: HashMap::new(),
            routes: BTreeMap::new(),
            strangers: VecDeque::new(),
            deadlines: BTreeSet::new(),
            unflushed: Vec::new(),
            counted: Counted::default(),
        }
    }

    /// No connection is left, not even one on its way out.
    pub fn is_idle(&self) -> bool {
        self.connections.is_empty()
    }

    /// Nothing can happen, as long as no connection is opened.
    pub fn is_unused(&self) -> bool {
        self.connections.is_empty() && self.ports.is_empty()
    }

    /// Whether a session has connections.
    pub fn serves(&self, session: usize) -> bool {
        self.of(session).next().is_some()
    }

    /// Opens one. At a port of the session's own it may have come in already.
    pub fn open(
        &mut self,
        now: Instant,
        session: usize,
        our_end: (SocketId, SocketAddr),
        remote: SocketAddr,
        to: FarEnd,
    ) {
        let (socket, from) = our_end;
        let token = self.claim(session, socket, remote).unwrap_or_else(|| {
            let connection = Connection::open(session, socket, from, remote, to);
            self.insert(connection, now + CONNECT_TIMEOUT)
        });
        let before = self.routes.insert((session, socket, remote), token).filter(|before| *before != token);
        before.into_iter().for_each(|before| self.forget(before));
        // It has to be asked once before it can wake anybody.
        self.wakes.push(token);
    }

    /// Closes one that is not needed, or gives up to open it.
    pub fn close(&mut self, now: Instant, session: usize, socket: SocketId, remote: SocketAddr) {
        // The same way may be wanted again at once, before all has been said.
        if Listener::is_own(socket)
            && let Some(token) = self.routes.remove(&(session, socket, remote))
        {
            return self.forget(token);
        }
        self.say_goodbye(now, (session, socket, remote));
    }

    /// Closes all that a session has on these sockets, or has at all.
    pub fn close_all(&mut self, now: Instant, session: usize, on: Option<&[SocketId]>) {
        let is_on = |(_, socket, _): &Route| on.is_none_or(|sockets| sockets.contains(socket));
        let gone: Vec<Route> = self.of(session).map(|(route, _)| route).filter(is_on).collect();
        gone.into_iter().for_each(|route| self.say_goodbye(now, route));
    }

    /// Queues what is to go out; [`flush`](Self::flush) sends it. `false` where no connection leads there.
    pub fn send(&mut self, session: usize, transmit: &Transmit, contents: &[u8]) -> bool {
        let route = (session, transmit.socket, transmit.remote);
        let Some(token) = self.routes.get(&route).copied() else { return false };
        let Some(connection) = self.connections.get_mut(&token) else { return false };
        if self.unflushed.last() != Some(&token) {
            self.unflushed.push(token);
        }
        let packets = contents.chunks(transmit.segment_size.unwrap_or(contents.len()).max(1));
        self.counted.dropped += packets.filter(|packet| !connection.push(packet)).count();
        true
    }

    /// Sends what was queued, as far as the system takes it.
    pub fn flush(&mut self, sessions: &mut impl Sessions) {
        while let Some(token) = self.unflushed.pop() {
            let Some(connection) = self.connections.get_mut(&token) else { continue };
            let Some(waker) = connection.waker.clone() else { continue };
            if let Err(error) = connection.flush(&mut Context::from_waker(&waker)) {
                self.lose(token, error, sessions);
            }
        }
    }

    /// Looks at those that something happened to; `true` when there may be more.
    pub fn poll(&mut self, now: Instant, cx: &Context<'_>, sessions: &mut impl Sessions) -> bool {
        let ready = self.wakes.take(cx.waker());
        for token in ready {
            if self.ports.contains_key(&token) {
                self.accept(now, token, sessions);
            } else {
                self.poll_connection(now, token, sessions);
            }
        }
        self.expire(now, sessions);
        self.is_stirred()
    }

    /// Whether there is something to [`flush`](Self::flush).
    pub fn has_unflushed(&self) -> bool {
        !self.unflushed.is_empty()
    }

    /// Whether there are some to be looked at.
    pub fn is_stirred(&self) -> bool {
        !self.is_unused() && self.wakes.has_some()
    }

    /// Takes no connection any more, and closes those that are nobody's.
    pub fn retire(&mut self) {
        self.ports.clear();
        while let Some(stranger) = self.strangers.pop_front() {
            self.forget(stranger);
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    fn accept(&mut self, now: Instant, token: u64, sessions: &mut impl Sessions) {
        let waker = self.wakes.waker(token);
        let mut cx = Context::from_waker(&waker);
        for _ in 0..ACCEPTS_PER_TURN {
            let Some(port) = self.ports.get(&token) else { return };
            let (socket, owner) = (port.listener.id, port.owner);
            match port.listener.poll_accept(&mut cx) {
                Poll::Pending => return,
                // The one that came is gone already, or the system has no room for it now.
                Poll::Ready(Err(error)) => tracing::debug!(%error, "a connection was not taken"),
                Poll::Ready(Ok((stream, remote))) => {
                    if let Some(stream) = self.place(owner, socket, remote, stream, sessions) {
                        self.welcome(now, Connection::stranger(socket, remote, stream, owner));
                    }
                }
            }
        }
        self.wakes.push(token);
    }

    /// Gives one that came in the place of the one that takes the same way, if that was asked for; gives it back where nobody waits for
    /// it.
    fn place(
        &mut self,
        owner: Option<usize>,
        socket: SocketId,
        remote: SocketAddr,
        stream: TcpStream,
        sessions: &mut impl Sessions,
    ) -> Option<TcpStream> {
        let known = owner.and_then(|session| self.routes.get(&(session, socket, remote)));
        let Some(before) = known.copied() else { return Some(stream) };
        match self.connections.get_mut(&before) {
            Some(asked) if asked.is_opening() => {
                asked.adopt(stream);
                self.wakes.push(before);
                None
            }
            _ => {
                self.lose(before, ConnectionError::Closed, sessions);
                Some(stream)
            }
        }
    }

    /// Takes a stranger in. Beyond what there is room for the oldest goes.
    fn welcome(&mut self, now: Instant, stranger: Connection) {
        if self.strangers.len() >= MAX_STRANGERS
            && let Some(oldest) = self.strangers.pop_front()
        {
            self.counted.strangers += 1;
            self.forget(oldest);
        }
        let token = self.insert(stranger, now + INTRODUCTION_TIMEOUT);
        self.strangers.push_back(token);
        self.wakes.push(token);
    }

    /// The connection that a session asks for, where it came in already at a port of the session's own.
    fn claim(&mut self, session: usize, socket: SocketId, remote: SocketAddr) -> Option<u64> {
        if !Listener::is_own(socket) {
            return None;
        }
        let is_it = |known: &Connection| (known.socket, known.remote) == (socket, remote);
        let stranger = |token: &&u64| self.connections.get(*token).is_some_and(is_it);
        // What it said may have reached the session after that had asked.
        let introduced = self.routes.get(&(session, socket, remote));
        let token = *introduced.or_else(|| self.strangers.iter().find(stranger))?;
        self.strangers.retain(|stranger| *stranger != token);
        self.connections.get_mut(&token)?.claim(session);
        Some(token)
    }

    fn poll_connection(&mut self, now: Instant, token: u64, sessions: &mut impl Sessions) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let Some(waker) = connection.waker.clone() else { return };
        match connection.poll(now, &mut Context::from_waker(&waker), sessions) {
            Ok(Turn { opened, introduced, more }) => {
                self.counted.connections += usize::from(opened || introduced.is_some());
                if more {
                    self.wakes.push(token);
                }
                if opened {
                    self.set_deadline(token, now + IDLE_TIMEOUT);
                }
                if let Some(session) = introduced {
                    self.introduce(now, token, session, sessions);
                }
            }
            Err(error) => self.lose(token, error, sessions),
        }
    }

    /// A stranger has named its session.
    fn introduce(&mut self, now: Instant, token: u64, session: usize, sessions: &mut impl Sessions) {
        self.strangers.retain(|stranger| *stranger != token);
        self.set_deadline(token, now + IDLE_TIMEOUT);
        let Some(connection) = self.connections.get(&token) else { return };
        let route = (session, connection.socket, connection.remote);
        if self.of(session).count() >= MAX_PER_SESSION {
            return self.lose(token, ConnectionError::Unneeded, sessions);
        }
        // Where one was, the other side has begun anew.
        if let Some(before) = self.routes.insert(route, token) {
            self.forget(before);
        }
        self.poll_connection(now, token, sessions);
    }

    fn expire(&mut self, now: Instant, sessions: &mut impl Sessions) {
        while let Some((deadline, token)) = self.deadlines.first().copied().filter(|(deadline, _)| *deadline <= now) {
            self.deadlines.remove(&(deadline, token));
            let Some(connection) = self.connections.get_mut(&token) else { continue };
            // It is set anew here and not with each packet.
            let idle_at = connection.idle_since().map(|since| since + IDLE_TIMEOUT);
            match idle_at.filter(|at| *at > now) {
                Some(at) => self.set_deadline(token, at),
                None => self.lose(token, ConnectionError::TimedOut, sessions),
            }
        }
    }

    fn lose(&mut self, token: u64, error: ConnectionError, sessions: &mut impl Sessions) {
        let Some(connection) = self.connections.get(&token) else { return };
        let (socket, remote) = (connection.socket, connection.remote);
        match connection.session {
            // Nobody waits for it any more.
            _ if connection.is_ending() => {}
            Some(session) => {
                self.routes.remove(&(session, socket, remote));
                sessions.lost(session, socket, remote, error);
            }
            None => self.counted.strangers += 1,
        }
        self.strangers.retain(|stranger| *stranger != token);
        self.forget(token);
    }

    /// Lets one of a session say goodbye.
    fn say_goodbye(&mut self, now: Instant, route: Route) {
        if let Some(token) = self.routes.remove(&route) {
            self.end(now, token);
        }
    }

    /// Lets one say goodbye.
    fn end(&mut self, now: Instant, token: u64) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        if connection.end() {
            self.set_deadline(token, now + ENDING_TIMEOUT);
            self.wakes.push(token);
        } else {
            self.forget(token);
        }
    }

    fn insert(&mut self, mut connection: Connection, deadline: Instant) -> u64 {
        let token = self.next_token;
        connection.waker = Some(self.wakes.waker(token));
        self.next_token += 1;
        self.connections.insert(token, connection);
        self.set_deadline(token, deadline);
        token
    }

    fn set_deadline(&mut self, token: u64, deadline: Instant) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        if let Some(before) = connection.deadline.replace(deadline) {
            self.deadlines.remove(&(before, token));
        }
        self.deadlines.insert((deadline, token));
    }

    fn forget(&mut self, token: u64) {
        let Some(connection) = self.connections.remove(&token) else { return };
        if let Some(deadline) = connection.deadline {
            self.deadlines.remove(&(deadline, token));
        }
        // From a port of its own the session may want another one that goes the same way.
        if Listener::is_own(connection.socket) {
            connection.abort();
        }
    }

    fn of(&self, session: usize) -> impl Iterator<Item = (Route, u64)> + '_ {
        let all = self.routes.range((session, SocketId(0), LOWEST)..);
        all.take_while(move |(route, _)| route.0 == session).map(|(route, token)| (*route, *token))
    }
}

/// Before all other addresses.
const LOWEST: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);

/// What sessions may do over TCP from these addresses, with these listeners; `None` for nothing.
pub(super) fn sockets_for(
    candidates: TcpCandidates,
    addresses: BTreeSet<IpAddr>,
    listeners: &[Listener],
) -> Option<Arc<TcpSockets>> {
    let opens_from = addresses.into_iter().collect();
    let listens_at = listeners.iter().map(|listener| (listener.id, listener.address)).collect();
    let can_open_at_once = candidates == TcpCandidates::SimultaneousOpen;
    (candidates != TcpCandidates::Off).then(|| Arc::new(TcpSockets { opens_from, listens_at, can_open_at_once }))
}
