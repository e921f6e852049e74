//! Links to TURN servers, which whoever drives the session has.

use super::Session;
use crate::engine::{Event, TransportId};
use ortica_core::{Instant, SocketId};
use ortica_ice::{ConnectionError, LinkId};
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

    /// Says that a link could not be made, or is no more.
    pub fn server_lost(&mut self, now: Instant, id: TransportId, link: LinkId, error: ConnectionError) {
        let _ = self.command(now, id, |transport, _, _| {
            transport.ice.server_lost(now, link, error);
            Ok(())
        });
    }

    /// A transport goes, or begins anew: nobody needs the links that it had.
    pub(super) fn release_links(&mut self, id: TransportId) {
        let Some(transport) = self.transports.get(&id) else { return };
        for link in transport.ice.links() {
            self.events.push_back(Event::DisconnectServer { transport: id, link });
        }
    }
}
