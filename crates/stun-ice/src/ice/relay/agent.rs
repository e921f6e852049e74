//! What is said to an agent of its relays, and what it says.

use super::super::address::{canonical, is_link_local_v6, is_peer};
use super::super::generation::Generation;
use super::super::pair::Pair;
use super::super::shared::Shared;
use super::super::tcp::Base;
use super::super::{Agent, ConnectionError, GatheringError, Route, TurnServer};
use super::wishes::error;
use super::{Allocations, LinkId};
use crate::turn::ClientEvent;
use ortica_core::{Instant, SocketId, Transmit};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

/// The most packets of a train whose overhead is that of Send indications: together they stay below the 65,507 bytes of a datagram.
const SEGMENTS_WITHOUT_CHANNEL: usize = 8;

/// What a packet of a TURN server is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Unwrapped {
    /// It was for the agent, which took it.
    Taken,
    /// A peer sent what is in it.
    Packet {
        /// The relayed address that it was sent to.
        socket: SocketId,
        /// The peer.
        remote: SocketAddr,
        /// Where in the packet it is.
        data: Range<usize>,
    },
}

/// # Relays
impl Agent {
    /// Bytes that a packet is longer by on its way to a relay, once a channel is bound.
    pub const CHANNEL_OVERHEAD: usize = 4;

    /// Answers [`Io::ConnectServer`](crate::Io::ConnectServer): the link is `socket`, an id that no other socket has. What comes from
    /// the server on it is handed to [`unwrap`](Self::unwrap), cut into messages where it is a stream
    /// ([`turn::framing`](crate::turn::framing)).
    pub fn server_connected(&mut self, now: Instant, link: LinkId, socket: SocketId) {
        let Shared { allocations, config, rng, .. } = &mut self.shared;
        allocations.on_link(now, link, socket, config, rng);
        self.settle(now);
    }

    /// Says that a link could not be made, or is no more. What was lent over it is gone.
    pub fn server_lost(&mut self, now: Instant, link: LinkId, reason: ConnectionError) {
        self.on_relay_lost(link, GatheringError::UNREACHABLE, reason.to_string());
        self.settle(now);
    }

    /// The links to servers that the driver was asked for and not told to close.
    pub fn links(&self) -> impl Iterator<Item = LinkId> + '_ {
        self.shared.allocations.links()
    }

    /// Whether what comes from `remote` to `socket` is to be [unwrapped](Self::unwrap).
    pub fn is_server(&self, socket: SocketId, remote: SocketAddr) -> bool {
        self.shared.allocations.is_over(socket, remote)
    }

    /// Takes a packet that came over a link from its server. `None` when it is not of a link.
    pub fn unwrap(&mut self, now: Instant, socket: SocketId, remote: SocketAddr, packet: &[u8]) -> Option<Unwrapped> {
        let allocation = self.shared.allocations.over(socket, remote)?;
        let Some((peer, data)) = allocation.on_packet(now, packet) else {
            self.settle(now);
            return Some(Unwrapped::Taken);
        };
        // Of the relayed addresses the one of the peer's family got it.
        let relayed = allocation.relayed.clone();
        let is_like = |id: &SocketId| self.shared.socket(*id).is_some_and(|it| it.addr.is_ipv4() == peer.is_ipv4());
        let socket = relayed.into_iter().find(is_like);
        Some(socket.map_or(Unwrapped::Taken, |socket| Unwrapped::Packet { socket, remote: peer, data }))
    }

    /// Wraps what leaves from a relayed address, `out` from `start` on, and says where it goes then; what leaves from elsewhere
    /// stays as it is. `None`, and `out` ends at `start`, when it cannot leave: the allocation or the permission is gone.
    pub fn wrap(&mut self, now: Instant, transmit: Transmit, out: &mut Vec<u8>, start: usize) -> Option<Transmit> {
        self.shared.allocations.wrap(now, transmit, out, start)
    }

    /// How many packets a train on a route may have, of `max`.
    pub fn max_segments(&self, now: Instant, route: Route, max: usize) -> usize {
        match self.shared.allocations.of_socket(route.socket) {
            Some(allocation) if !allocation.has_channel(now, route.remote) => max.min(SEGMENTS_WITHOUT_CHANNEL),
            _ => max,
        }
    }

    /// Gives all relayed addresses back: what is left to be sent by [`poll_transmit`](Self::poll_transmit) tells the servers. For the end, once everything
    /// else has gone out.
    pub fn close_relays(&mut self, now: Instant) {
        self.close_unwanted_relays(now, |_| false);
    }

    /// Draws the conclusions from what servers said.
    pub(in crate::ice) fn settle_relays(&mut self, now: Instant) {
        self.shared.allocations.handle_timeout(now);
        while let Some((link, event)) = self.shared.allocations.poll_event() {
            match event {
                ClientEvent::Allocated { relayed, mapped } => self.on_allocated(now, link, &relayed, mapped),
                ClientEvent::Lost => self.drop_relayed(link),
                ClientEvent::PeerRefused { peer, .. } => {
                    for socket in self.shared.allocations.on_refused(link, peer) {
                        self.generations_mut().for_each(|generation| generation.on_peer_refused(socket, peer));
                    }
                }
                ClientEvent::Alternate { server, .. } => self.on_alternate(link, canonical(server)),
                ClientEvent::Failed(failed) => {
                    let code = failed.code().unwrap_or(GatheringError::UNREACHABLE);
                    self.on_relay_lost(link, code, failed.to_string());
                }
                ClientEvent::Closed => self.shared.allocations.remove(link),
                // Of allocations of TCP, which an agent does not ask for.
                ClientEvent::Connected { .. }
                | ClientEvent::ConnectRefused { .. }
                | ClientEvent::ConnectionAttempt { .. } => {}
            }
        }
        for (socket, peer) in self.shared.allocations.take_permitted() {
            self.generations_mut().for_each(|generation| generation.on_connected(now, socket, peer));
        }
        for server in self.current.gathering.wishes.expire(&mut self.shared, now) {
            self.close_unwanted_relays(now, |other| *other != *server);
        }
        let Self { current, earlier, shared, .. } = self;
        let generations = || std::iter::once(&*current).chain(earlier.iter());
        let is_wanted = |server: &TurnServer| generations().any(|it| it.gathering.wishes.wants(server));
        let gone = shared.allocations.close_all_but(now, is_wanted);
        gone.into_iter().for_each(|socket| self.drop_socket(socket));
    }

    /// After a restart: permissions end that no pair needs.
    pub(in crate::ice) fn forget_unused_permissions(&mut self) {
        let Self { current, earlier, shared, .. } = self;
        let generations: Vec<_> = std::iter::once(&*current).chain(earlier.iter()).collect();
        shared.allocations.forget_unused(|sockets, peer| {
            let is_it = |pair: &Pair| sockets.contains(&pair.socket) && pair.remote_addr.ip() == peer;
            generations.iter().any(|generation| generation.list.iter().any(is_it))
        });
    }

    /// Keeps a channel for what carries data, and asks about an allocation whose pair went silent.
    pub(in crate::ice) fn serve_relayed_route(&mut self, now: Instant) {
        let Some(pair) = self.in_use().filter(|pair| matches!(pair.base, Base::Relay(_))) else { return };
        let (Route { socket, remote }, silent_since) = (pair.route(), pair.silent_since);
        self.shared.allocations.bind(now, socket, remote);
        if let Some(silent_since) = silent_since {
            self.shared.allocations.doubt(now, socket, silent_since);
        }
    }

    fn close_unwanted_relays(&mut self, now: Instant, wanted: impl Fn(&TurnServer) -> bool) {
        for socket in self.shared.allocations.close_all_but(now, wanted) {
            self.drop_socket(socket);
        }
    }

    fn on_allocated(&mut self, now: Instant, link: LinkId, relayed: &[SocketAddr], mapped: SocketAddr) {
        self.drop_relayed(link);
        let usable = |address: &SocketAddr| is_peer(*address) && !is_link_local_v6(address.ip());
        let addresses: Vec<_> = relayed.iter().map(|address| canonical(*address)).filter(usable).collect();
        let Some(allocation) = self.shared.allocations.get_mut(link) else { return };
        allocation.mapped = Some(canonical(mapped));
        let server = allocation.server.clone();
        if addresses.is_empty() {
            let reason = "the server lends an address that nobody can have".to_owned();
            return self.on_relay_lost(link, GatheringError::UNREACHABLE, reason);
        }
        for address in addresses {
            let Some(socket) = self.shared.add_relayed(link, address) else { continue };
            self.current.add_socket(&mut self.shared, now, socket);
        }
        self.current.gathering.wishes.on_allocated(&server);
    }

    /// Another server is to be asked in its place: no service of this host on the word of one elsewhere.
    fn on_alternate(&mut self, link: LinkId, to: SocketAddr) {
        let Some(allocation) = self.shared.allocations.get_mut(link) else { return };
        let from = allocation.address;
        self.drop_relayed(link);
        if !is_peer(to) || from.ip().is_loopback() != to.ip().is_loopback() {
            return self.on_relay_lost(link, 300, "the server names another one that cannot be asked".to_owned());
        }
        if let Err(error) = self.shared.allocations.redirect(link, to) {
            self.on_relay_lost(link, error.code().unwrap_or(300), error.to_string());
        }
    }

    /// A server lends nothing, or nothing any more.
    fn on_relay_lost(&mut self, link: LinkId, code: u16, reason: String) {
        let Some(allocation) = self.shared.allocations.get_mut(link) else { return };
        let server = allocation.server.clone();
        let (was_lent, is_wanted) = (allocation.mapped.is_some(), allocation.is_wanted());
        tracing::debug!(transport = %server.transport, code, "no relay");
        self.drop_relayed(link);
        self.shared.allocations.remove(link);
        if is_wanted && !self.is_over() {
            let error = error(&server, code, reason);
            self.current.gathering.wishes.on_failed(&mut self.shared, error, &server, was_lent);
        }
    }

    /// The relayed addresses of an allocation are no more.
    fn drop_relayed(&mut self, link: LinkId) {
        let Some(allocation) = self.shared.allocations.get_mut(link) else { return };
        for socket in allocation.on_lost() {
            self.drop_socket(socket);
        }
    }
}

impl Generation {
    /// Whether a pair cannot be checked before the relay may send there.
    pub(in crate::ice) fn lacks_permission(allocations: &Allocations, pair: &Pair) -> bool {
        matches!(pair.base, Base::Relay(_)) && !allocations.is_permitted(pair.socket, pair.remote_addr)
    }

    fn on_peer_refused(&mut self, socket: SocketId, peer: IpAddr) {
        let refused = |pair: &&Pair| pair.socket == socket && pair.remote_addr.ip() == peer;
        for remote in self.list.iter().filter(refused).map(|pair| pair.remote_addr).collect::<Vec<_>>() {
            self.on_connection_lost(socket, remote, ConnectionError::NotPermitted);
        }
    }
}
