//! The links to TURN servers that transports want.

use super::Peer;
use crate::engine::{TransportId, TurnLink};
use ortica_core::crypto::CryptoProvider;
use ortica_core::{Instant, SocketId};
use ortica_ice::{ConnectionError, LinkId};
use std::net::SocketAddr;

/// What is to be done about a link to a TURN server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ServerOrder {
    /// Make it, and answer by [`Peer::server_connected`] or [`Peer::server_lost`].
    Open {
        /// Who wants it.
        transport: TransportId,
        /// Names it among those of the transport.
        link: LinkId,
        /// What is wanted.
        server: TurnLink,
    },
    /// Close it, once what was to be sent has gone out; no answer is wanted.
    Close {
        /// Who had it.
        transport: TransportId,
        /// Which.
        link: LinkId,
    },
}

/// # Relays
impl Peer {
    /// What is to be done about links to TURN servers, since the last call.
    pub fn take_server_orders(&mut self) -> Vec<ServerOrder> {
        std::mem::take(&mut self.server_orders)
    }

    /// What computes for the links that need it.
    pub fn provider(&self) -> CryptoProvider {
        self.session.provider()
    }

    /// As [`Session::server_connected`](crate::engine::Session::server_connected).
    pub fn server_connected(
        &mut self,
        now: Instant,
        transport: TransportId,
        link: LinkId,
        socket: SocketId,
        local: SocketAddr,
    ) {
        self.session.server_connected(now, transport, link, socket, local);
    }

    /// As [`Session::server_lost`](crate::engine::Session::server_lost).
    pub fn server_lost(&mut self, now: Instant, transport: TransportId, link: LinkId, error: ConnectionError) {
        self.session.server_lost(now, transport, link, error);
    }
}
