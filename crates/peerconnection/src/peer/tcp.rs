//! What transports may do over TCP, and the connections that they want.

use super::Peer;
use crate::engine::{TcpSocket, TransportId};
use ortica_core::{Instant, SocketId};
use ortica_ice::{ConnectionError, TcpBase};
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
}

/// What is to be done about a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ConnectionOrder {
    /// Open it, and answer by [`Peer::connected`] or [`Peer::connection_lost`].
    Open {
        /// The name of our end.
        socket: SocketId,
        /// Our address.
        from: IpAddr,
        /// Where to.
        remote: SocketAddr,
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
    orders: Vec<ConnectionOrder>,
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
        active.chain(passive).collect()
    }

    /// The names of what a transport opens.
    pub fn active(&self, id: TransportId) -> impl Iterator<Item = SocketId> + use<> {
        let addresses = self.sockets.as_ref().map_or(0, |sockets| sockets.opens_from.len().min(ADDRESSES));
        (0..addresses).map(move |index| active_socket(id, index))
    }

    pub fn on_connect(&mut self, socket: SocketId, remote: SocketAddr) {
        let addresses = self.sockets.as_ref().map(|sockets| sockets.opens_from.as_slice()).unwrap_or_default();
        if let Some(from) = addresses.get(socket.0 as usize % ADDRESSES) {
            self.orders.push(ConnectionOrder::Open { socket, from: *from, remote });
        }
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

    /// As [`Session::connected`](crate::engine::Session::connected).
    pub fn connected(&mut self, now: Instant, socket: SocketId, remote: SocketAddr) {
        self.session.connected(now, socket, remote);
    }

    /// As [`Session::connection_lost`](crate::engine::Session::connection_lost).
    pub fn connection_lost(&mut self, now: Instant, socket: SocketId, remote: SocketAddr, error: ConnectionError) {
        self.session.connection_lost(now, socket, remote, error);
    }
}
