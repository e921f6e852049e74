//! Peers that are reached by TCP.
//!
//! Source: [RFC 6062 §4](https://www.rfc-editor.org/rfc/rfc6062#section-4)

use super::{Client, ClientEvent, Stage};
use crate::stun::{ErrorCode, Message};
use crate::turn::{ConnectError, ConnectionId, DataConnection, PeerTransport};
use ortica_core::{Instant, Rng};
use std::net::SocketAddr;
use std::sync::Arc;

impl Client {
    /// Wants a connection to a peer, opened by the server from the relayed address; no permission is needed for it.
    /// [`ClientEvent::Connected`] or [`ClientEvent::ConnectRefused`] follows, up to 30 s later. It is asked for once there is an
    /// allocation, and ten seconds after it failed at the earliest. One that is being asked for is asked for once.
    ///
    /// # Errors
    /// When peers are reached by UDP, there is no allocation and will be none, or as many connections as peers may be wanted
    /// ([`max_peers`](super::ClientConfig::max_peers)) are asked for at a time.
    pub fn connect(&mut self, now: Instant, peer: SocketAddr) -> Result<(), ConnectError> {
        if self.config.peer_transport != PeerTransport::Tcp {
            return Err(ConnectError::Packets);
        }
        if self.is_over() {
            return Err(ConnectError::Over);
        }
        if !self.connects.want(now, peer) {
            return Err(ConnectError::TooMany);
        }
        self.advance(now);
        Ok(())
    }

    /// What a new connection to the server, to the address that this one goes to, is to say so that it becomes the one to a peer that
    /// an event named. The server waits 30 s for it.
    pub fn data_connection(&mut self, now: Instant, connection: ConnectionId) -> DataConnection {
        let rng = Rng::from_seed(self.rng.bytes());
        DataConnection::new(Arc::clone(&self.config), self.prover.clone(), rng, now, connection)
    }

    /// A peer has connected to the relayed address.
    ///
    /// Source: [RFC 6062 §4.4](https://www.rfc-editor.org/rfc/rfc6062#section-4.4)
    pub(super) fn on_attempt(&mut self, message: &Message<'_>) {
        let peer = message.xor_peer_address().ok().flatten();
        let id = message.connection_id().ok().flatten().map(ConnectionId::new);
        let is_clear = message.unknown_attributes().next().is_none() && self.has_room_for_event();
        let is_expected = matches!(self.stage, Stage::Allocated { .. }) && self.takes_connections();
        match (peer, id) {
            (Some(peer), Some(connection)) if is_clear && is_expected && self.peers.is_wanted(peer.ip()) => {
                self.events.push_back(ClientEvent::ConnectionAttempt { peer, connection });
            }
            _ => self.drop_packet(),
        }
    }

    pub(super) fn on_connected(&mut self, now: Instant, peer: SocketAddr, message: &Message<'_>) {
        match message.connection_id() {
            Ok(Some(id)) => {
                self.connects.on_connected(peer);
                self.events.push_back(ClientEvent::Connected { peer, connection: ConnectionId::new(id) });
            }
            // One that cannot be named is none.
            _ => self.on_connect_refused(now, peer, ErrorCode::CONNECTION_FAILED),
        }
    }

    pub(super) fn on_connect_refused(&mut self, now: Instant, peer: SocketAddr, code: u16) {
        self.connects.on_refused(now, peer, code);
        self.events.push_back(ClientEvent::ConnectRefused { peer, code });
    }

    pub(super) fn takes_connections(&self) -> bool {
        self.config.peer_transport == PeerTransport::Tcp
    }
}
