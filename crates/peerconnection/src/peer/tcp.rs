//! What transports may do over TCP, and the connections that they want.

use super::Peer;
use crate::engine::{FarEnd, TcpSocket, TransportId};
use ortica_core::{Instant, SocketId};
use ortica_ice::{ConnectionError, TcpBase};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Sockets from here on are names for the connections that transports open.
const FIRST_ACTIVE: u32 = 1 << 31;
/// Addresses that a transport opens connections from; further ones are not used.
const ADDRESSES: usize = 32;

/// What can be done over TCP.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TcpSockets {
    /// Addresses to open connections from.
    pub opens_from: Vec<IpAddr>,
    /// Sockets that take connections, with ids below 2^31.
    pub listens_at: Vec<(SocketId, SocketAddr)>,
    /// Each transport can have ports of its own, from which it opens connections and at which it takes them: see
    /// [`Peer::take_port_wishes`].
    pub can_open_at_once: bool,
}

/// What is to be done about a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ConnectionOrder {
    /// Open it, and answer by [`Peer::connected`] or [`Peer::connection_lost`].
    Open {
        /// The name of our end.
        socket: SocketId,
        /// Our address; port 0 stands for any.
        from: SocketAddr,
        /// Where to.
        remote: SocketAddr,
        /// Who is there.
        to: FarEnd,
    },
    /// Close it; no answer is wanted.
    Close {
        /// The name of our end.
        socket: SocketId,
        /// The other one.
        remote: SocketAddr,
    },
}

/// What a peer has of it.
#[derive(Debug, Default)]
pub(super) struct Tcp {
    sockets: Option<Arc<TcpSockets>>,
    /// Ports of single transports.
    ports: BTreeMap<TransportId, Ports>,
    orders: Vec<ConnectionOrder>,
}

/// Ports of a transport's own.
#[derive(Debug)]
enum Ports {
    Wanted {
        /// That was said.
        is_told: bool,
    },
    Given(Vec<(SocketId, SocketAddr)>),
}

impl Tcp {
    /// What a transport does. Each has names of its own for what it opens, so that two of them may connect to one address.
    pub fn of(&self, id: TransportId) -> Vec<TcpSocket> {
        let Some(sockets) = &self.sockets else { return Vec::new() };
        // An active candidate is of no use to the peer, and is told with the others or not at all.
        let signalled = !sockets.listens_at.is_empty();
        let active = sockets.opens_from.iter().take(ADDRESSES).enumerate().map(|(index, ip)| TcpSocket {
            id: active_socket(id, index),
            address: SocketAddr::new(*ip, 0),
            base: TcpBase::Active { signalled },
        });
        let passive = sockets.listens_at.iter();
        let passive = passive.map(|(id, address)| TcpSocket { id: *id, address: *address, base: TcpBase::Passive });
        let own = self.own(id).iter();
        let own = own.map(|(id, address)| TcpSocket { id: *id, address: *address, base: TcpBase::SimultaneousOpen });
        active.chain(passive).chain(own).collect()
    }

    /// The ports that a transport has for itself.
    fn own(&self, id: TransportId) -> &[(SocketId, SocketAddr)] {
        match self.ports.get(&id) {
            Some(Ports::Given(ports)) => ports,
            _ => &[],
        }
    }

    /// Whether a transport has to wait for ports of its own, which it asks for then.
    pub fn awaits_ports(&mut self, id: TransportId) -> bool {
        let can_have = self.sockets.as_ref().is_some_and(|sockets| sockets.can_open_at_once);
        can_have && matches!(self.ports.entry(id).or_insert(Ports::Wanted { is_told: false }), Ports::Wanted { .. })
    }

    /// A transport is no more: the ports that it had.
    pub fn release(&mut self, id: TransportId) -> Vec<SocketId> {
        let own = self.own(id).iter().map(|(socket, _)| *socket).collect();
        self.ports.remove(&id);
        own
    }

    /// The names of what a transport opens.
    pub fn active(&self, id: TransportId) -> impl Iterator<Item = SocketId> + use<> {
        let addresses = self.sockets.as_ref().map_or(0, |sockets| sockets.opens_from.len().min(ADDRESSES));
        (0..addresses).map(move |index| active_socket(id, index))
    }

    pub fn on_connect(&mut self, socket: SocketId, remote: SocketAddr, to: FarEnd) {
        if let Some(from) = self.origin(socket) {
            self.orders.push(ConnectionOrder::Open { socket, from, remote, to });
        }
    }

    /// Where connections of this name are opened from.
    fn origin(&self, socket: SocketId) -> Option<SocketAddr> {
        if socket.0 >= FIRST_ACTIVE {
            let addresses = self.sockets.as_ref().map(|sockets| sockets.opens_from.as_slice()).unwrap_or_default();
            return addresses.get(socket.0 as usize % ADDRESSES).map(|ip| SocketAddr::new(*ip, 0));
        }
        let own = self.ports.keys().flat_map(|id| self.own(*id));
        own.copied().find(|(id, _)| *id == socket).map(|(_, address)| address)
    }

    pub fn on_disconnect(&mut self, socket: SocketId, remote: SocketAddr) {
        self.orders.push(ConnectionOrder::Close { socket, remote });
    }
}

fn active_socket(id: TransportId, index: usize) -> SocketId {
    SocketId(FIRST_ACTIVE | id.0.wrapping_mul(ADDRESSES as u32) | index as u32)
}

/// # TCP
impl Peer {
    /// Says what can be done over TCP; said once, before negotiation and [`set_configuration`](Self::set_configuration). Default:
    /// nothing.
    pub fn set_tcp_sockets(&mut self, sockets: Arc<TcpSockets>) {
        self.tcp.sockets = Some(sockets);
    }

    /// What is to be done about connections, since the last call.
    pub fn take_connection_orders(&mut self) -> Vec<ConnectionOrder> {
        std::mem::take(&mut self.tcp.orders)
    }

    /// Transports that came up since the last call and wait for ports of their own: see [`provide_ports`](Self::provide_ports).
    pub fn take_port_wishes(&mut self) -> Vec<TransportId> {
        let wanted = self.tcp.ports.iter_mut().filter_map(|(id, ports)| match ports {
            Ports::Wanted { is_told } => (!std::mem::replace(is_told, true)).then_some(*id),
            Ports::Given(_) => None,
        });
        wanted.collect()
    }

    /// Gives a transport the ports that it waits for, one for each address, with ids below 2^31; without any it does without.
    /// Connections are opened from them as [`ConnectionOrder::Open`] says, and come in there. Those for a transport that is gone are
    /// [released](Self::take_released_sockets).
    pub fn provide_ports(&mut self, now: Instant, id: TransportId, ports: Vec<(SocketId, SocketAddr)>) {
        if !matches!(self.tcp.ports.get(&id), Some(Ports::Wanted { .. })) {
            return self.sockets.release_unused(&ports);
        }
        self.tcp.ports.insert(id, Ports::Given(ports));
        self.gather(now, id);
    }

    /// As [`Session::connected`](crate::engine::Session::connected).
    pub fn connected(&mut self, now: Instant, socket: SocketId, remote: SocketAddr) {
        self.session.connected(now, socket, remote);
    }

    /// As [`Session::connection_lost`](crate::engine::Session::connection_lost).
    pub fn connection_lost(&mut self, now: Instant, socket: SocketId, remote: SocketAddr, error: ConnectionError) {
        self.session.connection_lost(now, socket, remote, error);
    }
}
