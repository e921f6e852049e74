//! Connections of TCP, which whoever drives the session has.

use super::{Session, TransportError};
use crate::engine::TransportId;
use ortica_core::{Instant, SocketId};
use ortica_ice::{ConnectionError, TcpBase};
use std::net::SocketAddr;

/// What a transport does over TCP at one address: see [`ortica_ice::Agent::add_tcp_socket`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TcpSocket {
    /// The name of all connections there.
    pub id: SocketId,
    /// Where it listens; the port plays no part where it opens connections.
    pub address: SocketAddr,
    /// What it does there.
    pub base: TcpBase,
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FarEnd {
    /// The peer: packets are in frames ([`ortica_ice::framing`]).
    Peer,
    /// A STUN server: one message follows the other ([`ortica_ice::turn::framing`]).
    StunServer,
}

/// # TCP
impl Session {
    /// Tells a transport what it can do over TCP, after its other sockets and before
    /// [`end_of_sockets`](Self::end_of_sockets).
    ///
    /// # Errors
    /// [`TransportError::Unknown`].
    pub fn add_tcp_socket(&mut self, now: Instant, id: TransportId, socket: TcpSocket) -> Result<(), TransportError> {
        let TcpSocket { id: name, address, base } = socket;
        self.observe(|observer| observer.add_socket(name, address));
        self.command(now, id, |transport, _, _| {
            transport.ice.add_tcp_socket(now, name, address, base);
            Ok(())
        })
    }

    /// Answers [`Event::Connect`](crate::engine::Event::Connect): the connection is there. What it brings is handed in without its
    /// frames, and what goes to it is to be put into frames: see [`FarEnd`].
    pub fn connected(&mut self, now: Instant, socket: SocketId, remote: SocketAddr) {
        for id in self.all_transports() {
            let _ = self.command(now, id, |transport, _, _| {
                transport.ice.connected(now, socket, remote);
                Ok(())
            });
        }
    }

    /// Says that a connection could not be opened, or is no more, whoever opened it.
    pub fn connection_lost(&mut self, now: Instant, socket: SocketId, remote: SocketAddr, error: ConnectionError) {
        for id in self.all_transports() {
            let _ = self.command(now, id, |transport, _, _| {
                transport.ice.connection_lost(now, socket, remote, error);
                Ok(())
            });
        }
    }

    fn all_transports(&self) -> Vec<TransportId> {
        self.transports.keys().copied().collect()
    }
}
