//! Which sockets each transport gathers on.
//!
//! Two transports between the same two addresses cannot be told apart, but for their checks: DTLS and SRTP say nothing of the
//! transport they belong to. So each has sockets of its own, where more can be had.

use super::Peer;
use super::tcp::Tcp;
use crate::engine::TransportId;
use ortica_core::{Instant, SocketId};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// A socket and the address it is bound to.
type Bound = (SocketId, SocketAddr);

#[derive(Debug, Default)]
pub(super) struct Sockets {
    /// Those there are from the start.
    pub first: Vec<Bound>,
    /// Others can be had.
    can_ask: bool,
    /// What each transport gathers on.
    of: BTreeMap<TransportId, Vec<Bound>>,
    /// Those that wait for sockets, and whether that was told.
    waiting: BTreeMap<TransportId, bool>,
    released: Vec<SocketId>,
}

impl Sockets {
    /// What a transport gathers on from now on; `None` when it has to wait for that.
    fn allot(&mut self, id: TransportId) -> Option<Vec<Bound>> {
        if let Some(known) = self.of.get(&id) {
            return Some(known.clone());
        }
        if self.can_ask && self.of.values().any(|bound| *bound == self.first) {
            self.waiting.entry(id).or_insert(false);
            return None;
        }
        Some(self.of.entry(id).or_insert(self.first.clone()).clone())
    }

    pub fn is_waiting(&self, id: TransportId) -> bool {
        self.waiting.contains_key(&id)
    }

    /// Gives the sockets of transports that are gone back.
    pub fn release(&mut self, tcp: &mut Tcp, lives: impl Fn(TransportId) -> bool) {
        self.waiting.retain(|id, _| lives(*id));
        let Self { first, of, released, .. } = self;
        of.retain(|id, bound| {
            let stays = lives(*id);
            if !stays {
                released.extend(bound.iter().filter(|it| !first.contains(it)).map(|(socket, _)| *socket));
                released.extend(tcp.active(*id));
                released.extend(tcp.release(*id));
            }
            stays
        });
    }

    /// Gives sockets back that nobody waits for.
    pub fn release_unused(&mut self, sockets: &[Bound]) {
        self.released.extend(sockets.iter().map(|(socket, _)| *socket));
    }
}

/// # Sockets
impl Peer {
    /// Names the sockets that transports gather on; said once, before negotiation and
    /// [`set_configuration`](Self::set_configuration).
    pub fn set_sockets(&mut self, sockets: Vec<(SocketId, SocketAddr)>) {
        self.sockets.first = sockets;
    }

    /// Says that further sockets can be had: a transport beside another one then waits for some of its own, which
    /// [`take_socket_wishes`](Self::take_socket_wishes) asks for. Otherwise all transports share those of
    /// [`set_sockets`](Self::set_sockets), and two that are not bundled with each other work only with a peer that has an
    /// address for each.
    pub fn allow_more_sockets(&mut self) {
        self.sockets.can_ask = true;
    }

    /// Transports that came up since the last call and wait for sockets: see [`provide_sockets`](Self::provide_sockets).
    pub fn take_socket_wishes(&mut self) -> Vec<TransportId> {
        let waiting = self.sockets.waiting.iter_mut();
        waiting.filter_map(|(id, told)| (!std::mem::replace(told, true)).then_some(*id)).collect()
    }

    /// Gives a transport the sockets that it waits for. With none it shares those there are. Sockets for a transport that is
    /// gone are released.
    pub fn provide_sockets(&mut self, now: Instant, id: TransportId, sockets: Vec<(SocketId, SocketAddr)>) {
        if self.sockets.waiting.remove(&id).is_none() {
            return self.sockets.release_unused(&sockets);
        }
        let sockets = if sockets.is_empty() { self.sockets.first.clone() } else { sockets };
        self.sockets.of.insert(id, sockets);
        if self.negotiation.transports_in_use().any(|used| used == id) {
            self.gather(now, id);
        }
    }

    /// Says that the host has other addresses: sockets that came, for all transports that share those of
    /// [`set_sockets`](Self::set_sockets), and such that are gone, whosever they were. Transports gather on the new ones and go over
    /// to them by themselves.
    pub fn change_sockets(&mut self, now: Instant, came: &[(SocketId, SocketAddr)], gone: &[SocketId]) {
        let Self { sockets, session, .. } = self;
        let sharing = sockets.of.iter().filter(|(_, bound)| **bound == sockets.first).map(|(id, _)| *id);
        let sharing: Vec<TransportId> = sharing.collect();
        for bound in sockets.of.values_mut().chain([&mut sockets.first]) {
            bound.retain(|(socket, _)| !gone.contains(socket));
        }
        sockets.first.extend(came);
        // A transport that has lost its last address is better told of a new one first.
        for id in sharing {
            sockets.of.insert(id, sockets.first.clone());
            for (socket, address) in came {
                let _ = session.add_socket(now, id, *socket, *address);
            }
        }
        gone.iter().for_each(|socket| session.remove_socket(now, *socket));
    }

    /// Sockets that no transport needs any more, since the last call.
    pub fn take_released_sockets(&mut self) -> Vec<SocketId> {
        std::mem::take(&mut self.sockets.released)
    }

    /// A transport gathers from now on, or as soon as it has sockets.
    pub(super) fn gather(&mut self, now: Instant, id: TransportId) {
        let Some(sockets) = self.sockets.allot(id) else { return };
        for (socket, address) in sockets {
            let _ = self.session.add_socket(now, id, socket, address);
        }
        for socket in self.tcp.of(id) {
            let _ = self.session.add_tcp_socket(now, id, socket);
        }
        if !self.tcp.awaits_ports(id) {
            let _ = self.session.end_of_sockets(now, id);
        }
    }
}
