//! A TURN and STUN server, for tests and small deployments.
//!
//! | file | what |
//! |---|---|
//! | `auth`, `nonce`, `users` | who a request is from |
//! | `rate` | how many errors go to a network that proved nothing |
//! | `request` | what is asked for, and the answer |
//! | `allocation` | what a client has |
//! | `relay` | packets between clients and peers |
//! | `tcp`, `connections` | connections between them |
//! | `policy` | which peers there may be |
//! | `outbox` | packets on their way out |

mod allocation;
mod auth;
mod config;
mod connections;
mod nonce;
mod outbox;
mod policy;
mod rate;
mod relay;
mod request;
mod tcp;
mod users;

pub use config::{ServerConfig, ServerLimits};
pub use policy::{PeerPolicy, Prefix, PrefixError};
pub use users::{StaticUsers, TimeLimitedUsers, Users};

use super::ConnectionId;
use allocation::Allocation;
use connections::Connections;
use nonce::Nonces;
use ortica_core::{Datagram, Instant, Rng, SocketId, Transmit};
use outbox::Outbox;
use rate::RateLimit;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long the caller has to bind a socket.
const BIND_TIMEOUT: Duration = Duration::from_secs(10);

/// What tells clients apart: the socket or connection that a client's packets come on, and where they come from.
///
/// Source: [RFC 8656 §2](https://www.rfc-editor.org/rfc/rfc8656#section-2), "5-tuple"
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Flow {
    pub(super) local: SocketId,
    pub(super) remote: SocketAddr,
}

/// A socket that the caller was asked for.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RelayId(u64);

/// What the caller is to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ServerEvent {
    /// Bind a UDP socket of a family, and answer with [`relay_bound`](Server::relay_bound) or [`relay_failed`](Server::relay_failed).
    Bind {
        /// What to name it by in the answer.
        id: RelayId,
        /// IPv6, else IPv4.
        is_ipv6: bool,
        /// Its port has to be even.
        is_even: bool,
    },
    /// Listen on a TCP socket of a family, and answer as to [`Bind`](Self::Bind). Who connects there is handed to
    /// [`peer_accepted`](Server::peer_accepted).
    Listen {
        /// What to name it by in the answer.
        id: RelayId,
        /// IPv6, else IPv4.
        is_ipv6: bool,
    },
    /// Connect to a peer by TCP, from the address of a socket that listens, and answer with
    /// [`peer_connected`](Server::peer_connected) or [`peer_failed`](Server::peer_failed). Nothing is to be read from it before it is
    /// [joined](Self::Join).
    Connect {
        /// What to name it by in the answer.
        id: ConnectionId,
        /// The socket whose address it comes from.
        relay: SocketId,
        /// Where to connect to.
        peer: SocketAddr,
    },
    /// Nobody waits for a connection any more that was to be opened.
    Abandon {
        /// Its name.
        id: ConnectionId,
    },
    /// Once what [`poll_transmit`](Server::poll_transmit) has for the client's connection is written: pass on what comes on either
    /// connection to the other one, what followed the client's request and what the peer sent so far first, and tell
    /// [`connection_closed`](Server::connection_closed) when one of them has ended. Where the other one takes no more, nothing is to be
    /// read.
    Join {
        /// The connection of the client.
        client: SocketId,
        /// That with the peer.
        peer: SocketId,
    },
    /// Close a socket that was bound, or a connection.
    Release {
        /// The socket.
        socket: SocketId,
    },
}

/// Counters of a server.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ServerStats {
    /// Allocations there are.
    pub allocations: usize,
    /// Connections with peers: ordered, waiting for the client, and joined to one of its own.
    pub connections: usize,
    /// Packets from clients to peers, and from peers to clients.
    pub relayed: u64,
    /// Packets that were malformed or not permitted, or found the queue full.
    pub dropped: u64,
    /// Errors sent to clients that did not prove who they are.
    pub errors_sent: u64,
    /// Errors not sent, since the network had its share or they would be too long for the request.
    pub errors_limited: u64,
}

/// Relays packets for clients, and tells them where they come from.
///
/// One server has any number of sockets to listen on and connections: each is a [`SocketId`] of the caller's. Packets of connections
/// are cut and padded by [`framing`](crate::turn::framing). The sockets that peers send to are the caller's as well: the server asks
/// for them by [`ServerEvent::Bind`]. So are connections with peers, where [allowed](ServerConfig::with_tcp): what goes through them never
/// comes here.
///
/// Unlike other servers it says nothing of its software, has no port for administrators, and sets no second port aside (508; 420 for
/// RESERVATION-TOKEN and DONT-FRAGMENT).
///
/// Source: [RFC 8656](https://www.rfc-editor.org/rfc/rfc8656), [RFC 8489](https://www.rfc-editor.org/rfc/rfc8489)
#[derive(Debug)]
pub struct Server {
    config: Arc<ServerConfig>,
    nonces: Nonces,
    errors: RateLimit,
    allocations: BTreeMap<Flow, Allocation>,
    /// When each ends.
    expiries: BTreeSet<(Instant, Flow)>,
    /// Whose the sockets are that peers send to.
    relays: BTreeMap<SocketId, Flow>,
    /// Whose the sockets are that were asked for.
    binding: BTreeMap<RelayId, Flow>,
    next_relay: u64,
    /// Connections of clients.
    streams: BTreeSet<SocketId>,
    /// Connections with peers.
    connections: Connections,
    outbox: Outbox,
    events: VecDeque<ServerEvent>,
    stats: ServerStats,
}

impl Server {
    /// A server without allocations. Nonces of another one, made before, are stale.
    pub fn new(config: Arc<ServerConfig>, mut rng: Rng) -> Self {
        Self {
            nonces: Nonces::new(&config.provider, &rng.bytes(), config.nonce_lifetime),
            errors: RateLimit::new(config.limits.errors_per_second, &mut rng),
            allocations: BTreeMap::new(),
            expiries: BTreeSet::new(),
            relays: BTreeMap::new(),
            binding: BTreeMap::new(),
            next_relay: 0,
            streams: BTreeSet::new(),
            connections: Connections::new(rng.fork("connections")),
            outbox: Outbox::new(config.limits.queue),
            events: VecDeque::new(),
            stats: ServerStats::default(),
            config,
        }
    }

    /// Packets from a client, or from a peer on a relayed socket.
    pub fn handle_datagram(&mut self, now: Instant, mut datagram: Datagram<'_>) {
        let (local, remote) = (datagram.local, datagram.remote);
        for packet in datagram.segments() {
            match self.relays.get(&local) {
                Some(flow) => self.on_peer_packet(now, *flow, local, remote, packet),
                None => self.on_client_packet(now, Flow { local, remote }, packet),
            }
        }
    }

    /// Ends what has lived its time.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((at, flow)) = self.expiries.first().copied()
            && at <= now
        {
            self.remove(flow);
        }
        self.end_overdue(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.expiries.first().map(|(at, _)| *at).into_iter().chain(self.connections.poll_timeout()).min()
    }

    /// Appends the next packet, to a client or to a peer.
    pub fn poll_transmit(&mut self, _now: Instant, _max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        self.outbox.poll(out)
    }

    /// What the caller is to do next.
    pub fn poll_event(&mut self) -> Option<ServerEvent> {
        self.events.pop_front()
    }

    /// The socket that was asked for is there: peers send to `address`, which is that of the socket or what a NAT in front of the
    /// server makes of it.
    pub fn relay_bound(&mut self, now: Instant, id: RelayId, socket: SocketId, address: SocketAddr) {
        let bound = self.binding.remove(&id).is_some_and(|flow| self.add_relay(now, flow, id, socket, address));
        if !bound {
            self.events.push_back(ServerEvent::Release { socket });
        }
    }

    /// There is no such socket.
    pub fn relay_failed(&mut self, now: Instant, id: RelayId) {
        if let Some(flow) = self.binding.remove(&id) {
            self.on_no_relay(now, flow, id);
        }
    }

    /// Counters.
    pub fn stats(&self) -> ServerStats {
        let dropped = self.stats.dropped + self.outbox.dropped;
        let (allocations, connections) = (self.allocations.len(), self.connections.len());
        ServerStats { allocations, connections, dropped, ..self.stats }
    }

    fn insert(&mut self, allocation: Allocation) {
        self.expiries.insert((allocation.expires, allocation.flow));
        self.allocations.insert(allocation.flow, allocation);
    }

    /// Lets an allocation live until then.
    fn set_expiry(&mut self, flow: Flow, expires: Instant) {
        if let Some(allocation) = self.allocations.get_mut(&flow) {
            self.expiries.remove(&(allocation.expires, flow));
            allocation.expires = expires;
            self.expiries.insert((expires, flow));
        }
    }

    fn remove(&mut self, flow: Flow) {
        let Some(allocation) = self.allocations.remove(&flow) else { return };
        self.expiries.remove(&(allocation.expires, flow));
        for relay in allocation.relays {
            self.relays.remove(&relay.socket);
            self.events.push_back(ServerEvent::Release { socket: relay.socket });
        }
        for (id, _) in allocation.pending.iter().flat_map(|pending| &pending.wanted) {
            self.binding.remove(id);
        }
        let connections: Vec<_> = self.connections.of_flow(flow).collect();
        connections.into_iter().for_each(|id| self.end_connection(id, None));
    }
}

#[cfg(test)]
mod tests;
