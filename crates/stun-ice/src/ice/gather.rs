//! Server-reflexive candidates: STUN servers are asked what address a socket is seen at, by datagrams from those of UDP, and over a
//! connection from the ports that open connections of TCP and take them.
//!
//! Source: [RFC 8445 §5.1.1](https://www.rfc-editor.org/rfc/rfc8445#section-5.1.1)

use super::address::canonical;
use super::generation::Generation;
use super::relay::Wishes;
use super::shared::{Shared, Socket};
use super::tcp::{Base, End, TcpBase};
use super::{Address, GatheringError, GatheringState, Io, ResolveId, StunServer, TransportPolicy, TurnTransport};
use crate::stun::{Class, Message, MessageBuilder, Method, TransactionId};
use ortica_core::{Ecn, Instant, SocketId, Transmit};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The first retransmission interval, doubled each time.
///
/// Source: [RFC 8489 §6.2.1](https://www.rfc-editor.org/rfc/rfc8489#section-6.2.1)
const RTO: Duration = Duration::from_millis(500);
/// After the last of seven requests an answer is waited for sixteen times as long as after the first, then it is over.
const GIVE_UP: Duration = Duration::from_millis(39_500);
/// How often a mapping is kept alive until a pair is selected.
///
/// Source: [RFC 8445 §5.1.1.4](https://www.rfc-editor.org/rfc/rfc8445#section-5.1.1.4)
const KEEPALIVE: Duration = Duration::from_secs(15);

/// The questions of a generation.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    /// As they were set when its first socket came.
    policy: TransportPolicy,
    servers: Vec<Server>,
    queries: Vec<Query>,
    /// What is to be lent by TURN servers.
    pub(super) wishes: Wishes,
    has_sockets: bool,
}

/// What a server says of a socket.
#[derive(Debug)]
pub(super) struct Sighting {
    /// Where it saw it.
    pub(super) at: SocketAddr,
    /// Where the server is.
    pub(super) from: SocketAddr,
    /// What the server is called.
    pub(super) server: StunServer,
    /// How it is reached, if it is one of TURN.
    pub(super) turn: Option<TurnTransport>,
}

/// How a server is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    Datagrams,
    /// Over a connection of its own, once that is open.
    Stream,
}

impl Way {
    /// How a socket asks, if it does.
    fn of(base: Base) -> Option<Self> {
        match base {
            Base::Udp => Some(Self::Datagrams),
            Base::Tcp(TcpBase::SimultaneousOpen) => Some(Self::Stream),
            Base::Tcp(_) | Base::Relay(_) => None,
        }
    }
}

/// A server to ask.
#[derive(Debug)]
struct Server {
    name: StunServer,
    /// It is one of TURN, which is asked for an address to lend beside this: what it refuses is reported there.
    is_turn: bool,
    place: Place,
    /// It answered, or that it did not has been reported.
    settled: bool,
}

/// Where a server is, as far as it is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    At(SocketAddr),
    /// Its name is under resolution, until this instant.
    Asked(ResolveId, Instant),
    Nowhere,
}

/// A question to one server from one socket.
#[derive(Debug)]
struct Query {
    socket: SocketId,
    server: SocketAddr,
    /// The place of the server among those of the generation.
    index: usize,
    way: Way,
    transaction: TransactionId,
    stage: Stage,
    /// When to send next.
    next: Instant,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Its connection has yet to be asked for.
    Unconnected,
    /// Its connection is on its way since then.
    Connecting(Instant),
    /// Sent so many times; begun at this instant.
    Asking { sent: u32, began: Option<Instant> },
    /// Answered; the mapping is kept alive.
    Answered,
    /// Given up.
    Failed,
}

impl Query {
    /// Its answer may come.
    fn is_asking(&self) -> bool {
        matches!(self.stage, Stage::Unconnected | Stage::Connecting(_) | Stage::Asking { .. })
    }

    /// It has something to send, when its time comes. A stream repeats what gets lost by itself.
    fn wants_turn(&self, keep_alive: bool) -> bool {
        match self.stage {
            Stage::Unconnected => true,
            Stage::Asking { sent, .. } => sent == 0 || self.way == Way::Datagrams,
            Stage::Answered => keep_alive,
            Stage::Connecting(_) | Stage::Failed => false,
        }
    }

    fn is_failed(&self) -> bool {
        matches!(self.stage, Stage::Failed)
    }

    fn deadline(&self, timeout: Duration) -> Option<Instant> {
        match self.stage {
            Stage::Asking { began: Some(began), .. } | Stage::Connecting(began) => Some(began + timeout.min(GIVE_UP)),
            _ => None,
        }
    }
}

impl Gathering {
    /// How far it is; `ended` when no further sockets will come.
    pub(super) fn state(&self, ended: bool) -> GatheringState {
        let is_resolving = || self.servers.iter().any(|server| matches!(server.place, Place::Asked(..)));
        if !self.has_sockets && !ended {
            GatheringState::New
        } else if ended && !is_resolving() && !self.queries.iter().any(Query::is_asking) && !self.wishes.is_pending() {
            GatheringState::Complete
        } else {
            GatheringState::Gathering
        }
    }

    /// Whether addresses of this host may be used.
    pub(super) fn uses_hosts(&self) -> bool {
        self.policy == TransportPolicy::All
    }

    pub(super) fn policy(&self) -> TransportPolicy {
        self.policy
    }

    /// The same, and before there is a socket, what will be.
    pub(super) fn will_use_hosts(&self, shared: &Shared) -> bool {
        let policy = if self.has_sockets { self.policy } else { shared.options.policy };
        policy == TransportPolicy::All
    }

    pub(super) fn add_socket(&mut self, shared: &mut Shared, now: Instant, socket: Socket) {
        for index in 0..self.servers.len() {
            self.ask(shared, now, socket, index);
        }
    }

    /// With the first socket, takes the options up.
    pub(super) fn begin(&mut self, shared: &mut Shared, now: Instant) {
        if std::mem::replace(&mut self.has_sockets, true) {
            return;
        }
        self.policy = shared.options.policy;
        // A lite agent asks nobody (RFC 8445 §5.2).
        if shared.config.lite {
            return;
        }
        self.wishes.begin(shared, now);
        if !self.uses_hosts() {
            return;
        }
        let options = shared.options.clone();
        let stun = options.stun_servers.iter().take(shared.config.limits.stun_servers).cloned();
        let turn = options.turn_servers.iter().take(shared.config.limits.turn_servers);
        // What runs over UDP answers the questions of STUN on the same port (RFC 8656 §3.1).
        let turn = turn.filter(|server| server.transport == TurnTransport::Udp).map(|server| server.name());
        for (name, is_turn) in stun.map(|name| (name, false)).chain(turn.map(|name| (name, true))) {
            if self.servers.iter().any(|known| known.name == name) {
                continue;
            }
            let place = match &name.host {
                Address::Ip(ip) => Place::At(SocketAddr::new(*ip, name.port)),
                Address::Name(host) => {
                    let id = shared.resolve_id();
                    shared.outbox.io.push_back(Io::Resolve { id, name: host.to_ascii_lowercase() });
                    Place::Asked(id, now + shared.config.gathering_timeout)
                }
            };
            self.servers.push(Server { name, is_turn, place, settled: is_turn });
        }
    }

    /// Asks a server from a socket that may reach it. A STUN URL names no transport; one of TURN over UDP does.
    fn ask(&mut self, shared: &mut Shared, now: Instant, socket: Socket, index: usize) {
        let Some(Server { place: Place::At(server), is_turn, .. }) = self.servers.get(index) else { return };
        let (server, is_turn) = (*server, *is_turn);
        let same_host = server.ip().is_loopback() == socket.addr.ip().is_loopback();
        let way = Way::of(socket.base).filter(|way| *way == Way::Datagrams || !is_turn);
        if let Some(way) = way.filter(|_| same_host && server.is_ipv4() == socket.addr.is_ipv4()) {
            let transaction = TransactionId::generate(&mut shared.rng);
            let stage = match way {
                Way::Datagrams => Stage::Asking { sent: 0, began: None },
                Way::Stream => Stage::Unconnected,
            };
            self.queries.push(Query { socket: socket.id, server, index, way, transaction, stage, next: now });
        }
    }

    /// The connection of a question is there.
    pub(super) fn on_connected(&mut self, now: Instant, socket: SocketId, server: SocketAddr) {
        for query in self.over_stream(socket, server) {
            if let Stage::Connecting(began) = query.stage {
                (query.stage, query.next) = (Stage::Asking { sent: 0, began: Some(began) }, now);
            }
        }
    }

    /// There is none, or none any more. A mapping is not kept without it.
    pub(super) fn on_connection_lost(&mut self, socket: SocketId, server: SocketAddr) {
        self.over_stream(socket, server).for_each(|query| query.stage = Stage::Failed);
    }

    /// Nothing that would come of it is needed any more.
    pub(super) fn on_unneeded(&mut self, socket: SocketId, server: SocketAddr) {
        let asked = self.over_stream(socket, server).map(|query| query.index).next();
        if let Some(known) = asked.and_then(|index| self.servers.get_mut(index)) {
            known.settled = true;
        }
        self.on_connection_lost(socket, server);
    }

    fn over_stream(&mut self, socket: SocketId, server: SocketAddr) -> impl Iterator<Item = &mut Query> {
        let is_it = move |query: &&mut Query| (query.way, query.socket, query.server) == (Way::Stream, socket, server);
        self.queries.iter_mut().filter(is_it)
    }

    /// Has the connection opened for the next question that is due, if that is one that wants a connection. None is opened once the search
    /// is over.
    pub(super) fn connect_next(&mut self, shared: &mut Shared, now: Instant, searching: bool) -> bool {
        let limit = shared.config.limits.pairs;
        while let Some(query) = self.next_due(now, searching).filter(|it| matches!(it.stage, Stage::Unconnected)) {
            let (socket, server) = (query.socket, query.server);
            if searching && shared.connections.may_have(socket, server, End::Server, limit) {
                query.stage = Stage::Connecting(now);
                shared.connections.open(socket, server, End::Server);
                // One of the generation before may be there still.
                if shared.connections.is_open(socket, server, End::Server) {
                    self.on_connected(now, socket, server);
                }
                return true;
            }
            // A pair was found meanwhile; there are too many; or what was taken for a peer is there.
            self.on_unneeded(socket, server);
        }
        false
    }

    fn next_due(&mut self, now: Instant, keep_alive: bool) -> Option<&mut Query> {
        let is_due = |query: &&mut Query| query.next <= now && query.wants_turn(keep_alive);
        self.queries.iter_mut().filter(is_due).min_by_key(|query| query.next)
    }

    /// The answer about a server's name.
    pub(super) fn on_resolved(&mut self, shared: &mut Shared, now: Instant, id: ResolveId, ip: Option<IpAddr>) {
        self.wishes.on_resolved(shared, id, ip);
        let asked = |server: &Server| matches!(server.place, Place::Asked(asked, _) if asked == id);
        let Some(index) = self.servers.iter().position(asked) else { return };
        let Some(server) = self.servers.get_mut(index) else { return };
        server.place = ip.map_or(Place::Nowhere, |ip| Place::At(canonical(SocketAddr::new(ip, server.name.port))));
        for socket in shared.sockets.clone() {
            self.ask(shared, now, socket, index);
        }
    }

    /// Reports the servers that were of no use to any socket, once no further sockets come.
    pub(super) fn report(&mut self, shared: &mut Shared) {
        let Self { servers, queries, .. } = self;
        for (index, server) in servers.iter_mut().enumerate().filter(|(_, server)| !server.settled) {
            let reason = match server.place {
                Place::Asked(..) => continue,
                Place::Nowhere => "the server's name has no address",
                Place::At(_) => match queries.iter().find(|query| query.index == index) {
                    None => "no socket reaches the server",
                    Some(_) if queries.iter().any(|query| query.index == index && !query.is_failed()) => continue,
                    Some(_) => "the server does not answer",
                },
            };
            server.settled = true;
            let (name, code) = (server.name.clone(), GatheringError::UNREACHABLE);
            let reason = reason.to_owned();
            shared.outbox.errors.push_back(GatheringError { local: None, server: name, turn: None, code, reason });
        }
    }

    pub(super) fn remove_socket(&mut self, id: SocketId) {
        self.queries.retain(|query| query.socket != id);
    }

    /// Stops asking.
    pub(super) fn abandon(&mut self) {
        for query in self.queries.iter_mut() {
            query.stage = Stage::Failed;
        }
        self.wishes.abandon();
        for server in &mut self.servers {
            server.settled = true;
            if matches!(server.place, Place::Asked(..)) {
                server.place = Place::Nowhere;
            }
        }
    }

    /// Gives up on servers that had their time.
    pub(super) fn expire(&mut self, timeout: Duration, now: Instant) {
        for query in &mut self.queries {
            if query.deadline(timeout).is_some_and(|at| at <= now) {
                query.stage = Stage::Failed;
            }
        }
        for server in &mut self.servers {
            if matches!(server.place, Place::Asked(_, until) if until <= now) {
                server.place = Place::Nowhere;
            }
        }
    }

    /// When a question may be sent next, and when one is given up. Mappings are kept alive only with `keep_alive`.
    pub(super) fn next_send(&self, keep_alive: bool) -> Option<Instant> {
        self.queries.iter().filter(|query| query.wants_turn(keep_alive)).map(|query| query.next).min()
    }

    pub(super) fn next_deadline(&self, timeout: Duration) -> Option<Instant> {
        let resolved = self.servers.iter().filter_map(|server| match server.place {
            Place::Asked(_, until) => Some(until),
            _ => None,
        });
        let answered = self.queries.iter().filter_map(|query| query.deadline(timeout));
        answered.chain(resolved).chain(self.wishes.next_deadline()).min()
    }

    /// Writes the next question that is due.
    pub(super) fn transmit(
        &mut self,
        now: Instant,
        keep_alive: bool,
        rng: &mut ortica_core::Rng,
        out: &mut Vec<u8>,
    ) -> Option<Transmit> {
        let query = self.next_due(now, keep_alive)?;
        let start = out.len();
        let class = match &mut query.stage {
            Stage::Asking { sent, began } => {
                began.get_or_insert(now);
                query.next = now + RTO * (1 << (*sent).min(6));
                *sent += 1;
                Class::Request
            }
            _ => {
                query.transaction = TransactionId::generate(rng);
                query.next = now + KEEPALIVE;
                Class::Indication
            }
        };
        MessageBuilder::new(out, class, Method::BINDING, query.transaction).fingerprint();
        let len = out.len() - start;
        Some(Transmit { socket: query.socket, remote: query.server, ecn: Ecn::NotEct, len, segment_size: None })
    }

    /// Takes a server's answer: where it saw the socket, if it says. `None` when no server was asked.
    fn on_response(
        &mut self,
        shared: &mut Shared,
        now: Instant,
        socket: SocketId,
        remote: SocketAddr,
        message: &Message<'_>,
    ) -> Option<Option<Sighting>> {
        let query = self.queries.iter_mut().find(|query| {
            query.transaction == message.transaction()
                && query.socket == socket
                && query.server == remote
                && query.is_asking()
        })?;
        let mapped = message.xor_mapped_address().ok().flatten().or_else(|| message.mapped_address().ok().flatten());
        query.stage = match (message.class(), mapped) {
            (Class::Success, Some(_)) => Stage::Answered,
            _ => Stage::Failed,
        };
        query.next = now + KEEPALIVE;
        let server = self.servers.get_mut(query.index)?;
        server.settled = true;
        if let Ok(Some(error)) = message.error_code()
            && !server.is_turn
        {
            let (local, server) = (shared.socket(socket).map(|socket| socket.addr), server.name.clone());
            let (code, reason) = (error.code, error.reason.to_owned());
            shared.outbox.errors.push_back(GatheringError { local, server, turn: None, code, reason });
        }
        let mapped = mapped.filter(|_| message.class() == Class::Success);
        let turn = server.is_turn.then_some(TurnTransport::Udp);
        Some(mapped.map(|at| Sighting { at: canonical(at), from: remote, server: server.name.clone(), turn }))
    }
}

impl Generation {
    /// Whether a request of it has no answer yet.
    pub(super) fn awaits(&self, answer: TransactionId) -> bool {
        let is_it = |query: &Query| query.transaction == answer && query.is_asking();
        self.transactions.get(answer).is_some() || self.gathering.queries.iter().any(is_it)
    }

    /// `true` when the message was a server's answer.
    pub(super) fn on_server_response(
        &mut self,
        shared: &mut Shared,
        now: Instant,
        socket: SocketId,
        remote: SocketAddr,
        message: &Message<'_>,
    ) -> bool {
        let Some(seen) = self.gathering.on_response(shared, now, socket, remote, message) else { return false };
        if let (Some(seen), Some(socket)) = (seen, shared.socket(socket)) {
            self.add_server_reflexive(shared, socket, seen);
        }
        true
    }
}
