//! Links to TURN servers, which whoever drives the session has.

use super::Session;
use crate::engine::{Event, TransportId};
use ortica_core::crypto::CryptoProvider;
use ortica_core::{Instant, SocketId, Transmit};
use ortica_ice::{Agent, ConnectionError, LinkId};
use std::net::SocketAddr;

/// # Relays
impl Session {
    /// Answers [`Event::ConnectServer`]: the link is `socket`, bound to `local`, whose address may be unspecified. Packets of the
    /// server come and go as datagrams: what a stream brings is cut into them, see [`ortica_ice::turn::framing`].
    pub fn server_connected(
        &mut self,
        now: Instant,
        id: TransportId,
        link: LinkId,
        socket: SocketId,
        local: SocketAddr,
    ) {
        self.observe(|observer| observer.add_socket(socket, local));
        let known = self.command(now, id, |transport, _, _| {
            transport.ice.server_connected(now, link, socket);
            Ok(())
        });
        if known.is_err() {
            self.events.push_back(Event::DisconnectServer { transport: id, link });
        }
    }

    /// What computes, here and in the links.
    pub(crate) fn provider(&self) -> CryptoProvider {
        *self.config.dtls.provider()
    }

    /// Says that a link could not be made, or is no more.
    pub fn server_lost(&mut self, now: Instant, id: TransportId, link: LinkId, error: ConnectionError) {
        let _ = self.command(now, id, |transport, _, _| {
            transport.ice.server_lost(now, link, error);
            Ok(())
        });
    }

    /// A transport went, or begins anew: what it was lent is given back, and then nobody needs the links that it had.
    pub(super) fn give_back(&mut self, id: TransportId, agent: Agent) {
        let before = self.events.len();
        self.events.extend(agent.links().map(|link| Event::DisconnectServer { transport: id, link }));
        if self.events.len() > before {
            self.leaving.push(agent);
        }
    }

    /// What those that went have left to say to servers. It goes out before [`poll_event`](Self::poll_event) has their links closed.
    pub(super) fn poll_leaving(&mut self, now: Instant, max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        while let Some(agent) = self.leaving.last_mut() {
            agent.close(now);
            if let Some(transmit) = agent.poll_transmit(now, max_segments, out) {
                return Some(transmit);
            }
            self.leaving.pop();
        }
        None
    }
}
