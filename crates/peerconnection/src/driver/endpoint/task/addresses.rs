//! Addresses of the host that come and go, in the turns of an endpoint.

use super::{Driver, max_segments};
use crate::driver::network::Addresses;
use ortica_core::{Instant, SocketId};
use std::net::{IpAddr, SocketAddr};

impl Driver {
    /// Binds what came, gives up what went, and tells the sessions.
    pub(super) fn follow_network(&mut self, now: Instant, told: bool) {
        let Some(Addresses { all, wanted }) = self.network.look(now, told) else { return };
        // Those that are bound to no address in particular go on from whichever the system has.
        let is_gone = |ip: IpAddr| !all.contains(&ip) && !ip.is_unspecified();
        let gone = self.sockets.iter().filter(|socket| is_gone(socket.address.ip()));
        let gone: Vec<SocketId> = gone.map(|socket| socket.id()).collect();
        let mut shared = self.shared.addresses();
        let new = wanted.into_iter().filter(|ip| !shared.iter().any(|(_, address)| address.ip() == *ip));
        let came = self.bind_all(now, new.collect());
        if gone.is_empty() && came.is_empty() {
            return;
        }
        tracing::debug!(?came, ?gone, "the network changed");
        shared.retain(|(socket, _)| !gone.contains(socket));
        shared.extend(&came);
        self.shared.set_addresses(shared);
        self.extra.lose(&gone);
        self.sockets.retain(|socket| !gone.contains(&socket.id()));
        self.shared.set_outlets(&self.sockets);
        self.max_segments = max_segments(&self.sockets);
        for (key, entry) in &self.sessions {
            entry.cell.take(now, |peer, now| peer.change_sockets(now, &came, &gone));
            self.dirty.insert(*key);
        }
    }

    fn bind_all(&mut self, now: Instant, addresses: Vec<IpAddr>) -> Vec<(SocketId, SocketAddr)> {
        let mut bound = Vec::new();
        for ip in addresses {
            match self.extra.bind_for_all(ip) {
                Ok(socket) => {
                    bound.push((socket.id(), socket.address));
                    self.sockets.push(socket);
                }
                Err(error) => {
                    tracing::debug!(%error, %ip, "a new address cannot be bound yet");
                    self.network.on_refused(now);
                }
            }
        }
        bound
    }
}
