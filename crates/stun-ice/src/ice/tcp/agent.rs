//! What an agent does over TCP.

use super::super::address::canonical;
use super::super::generation::Generation;
use super::super::pair::Pair;
use super::super::shared::Shared;
use super::super::{Agent, PairFailure, PairId, PairState};
use super::{ACTIVE_PORT, Base, ConnectionError, TcpBase};
use ortica_core::{Instant, SocketId};
use std::net::SocketAddr;

/// # TCP
impl Agent {
    /// Lets the agent use TCP at an address: as [`add_socket`](Agent::add_socket), after all those of UDP. The socket is a name: for
    /// [`TcpBase::Active`], where the port of `addr` plays no part, it stands for all connections that are opened from there,
    /// for [`TcpBase::Passive`] for those that came in at `addr`.
    pub fn add_tcp_socket(&mut self, now: Instant, id: SocketId, addr: SocketAddr, base: TcpBase) {
        let mut addr = canonical(addr);
        if let TcpBase::Active { .. } = base {
            addr.set_port(ACTIVE_PORT);
        }
        self.add_base(now, id, addr, Base::Tcp(base));
    }

    /// Answers [`Io::Connect`](crate::Io::Connect): the connection is there, and its check goes out.
    pub fn connected(&mut self, now: Instant, socket: SocketId, remote: SocketAddr) {
        let remote = canonical(remote);
        if !self.is_over() && self.shared.connections.on_open(socket, remote) {
            self.generations_mut().for_each(|generation| generation.on_connected(now, socket, remote));
            self.settle(now);
        }
    }

    /// Says that a connection could not be opened, or is no more: its pairs failed.
    pub fn connection_lost(&mut self, now: Instant, socket: SocketId, remote: SocketAddr, error: ConnectionError) {
        let remote = canonical(remote);
        self.shared.connections.on_lost(socket, remote);
        self.shared.replies.retain(|reply| (reply.socket, reply.remote) != (socket, remote));
        self.generations_mut().for_each(|generation| generation.on_connection_lost(socket, remote, error));
        if !self.is_over() {
            self.settle(now);
        }
    }

    /// Closes the connections that nothing needs once a pair is selected.
    ///
    /// Source: [RFC 6544 §8](https://www.rfc-editor.org/rfc/rfc6544#section-8)
    pub(in crate::ice) fn close_unneeded(&mut self) {
        let is_settled = !self.current.searching && self.earlier.iter().next().is_none();
        if is_settled || self.current.failed {
            let Self { current, shared, .. } = self;
            let in_use = current.active_pair().map(Pair::route);
            let is_needed = |socket, remote| in_use.is_some_and(|it| (it.socket, it.remote) == (socket, remote));
            for (socket, remote) in shared.connections.close_all_but(is_needed) {
                current.on_connection_lost(socket, remote, ConnectionError::Unneeded);
            }
        }
    }
}

impl Generation {
    /// Whether a pair cannot be checked before it has a connection, or a relay's permission.
    pub(in crate::ice) fn lacks_connection(shared: &Shared, pair: &Pair) -> bool {
        let lacks = pair.base.is_active() && !shared.connections.is_open(pair.socket, pair.remote_addr);
        lacks || Self::lacks_permission(&shared.allocations, pair)
    }

    /// Whether a pair can be checked, or its connection opened.
    pub(in crate::ice) fn may_check(shared: &Shared, pair: &Pair) -> bool {
        let limit = shared.config.limits.pairs;
        !pair.base.is_active() || shared.connections.may_have(pair.socket, pair.remote_addr, limit)
    }

    /// Opens the connection of a pair whose turn it is, or has the relay permit it; its check follows.
    pub(in crate::ice) fn connect(&mut self, shared: &mut Shared, now: Instant, id: PairId) {
        if let Some(pair) = self.list.get_mut(id) {
            pair.state = PairState::InProgress;
            pair.run.on_sent_once(now);
            pair.lost = None;
            match pair.base {
                Base::Relay(_) => {
                    shared.allocations.permit(now, pair.socket, pair.remote_addr, shared.config.limits.pairs);
                }
                _ => shared.connections.open(pair.socket, pair.remote_addr),
            }
            self.checked = true;
            shared.pace.spend(now, &shared.config);
            shared.pace.gathering_next = true;
        }
    }

    pub(in crate::ice) fn on_connected(&mut self, now: Instant, socket: SocketId, remote: SocketAddr) {
        let waits = |pair: &&Pair| pair.is_between(socket, remote) && pair.state == PairState::InProgress;
        let waiting = self.list.iter().find(waits).map(|pair| pair.id);
        waiting.into_iter().for_each(|id| self.list.trigger(id, now));
    }

    pub(in crate::ice) fn on_connection_lost(&mut self, socket: SocketId, remote: SocketAddr, error: ConnectionError) {
        for pair in self.list.iter_mut().filter(|pair| pair.is_between(socket, remote)) {
            tracing::debug!(pair = %pair.id, %error, "pair without a connection");
            pair.fail(PairFailure::NoConnection);
            pair.heard = false;
            pair.lost = Some(error);
            // The peer knows the next connection as another pair, which is to be nominated.
            self.selected.take_if(|selected| *selected == pair.id);
        }
        self.early.retain(|check| !check.is_from(socket, remote));
        self.transactions.remove_between(socket, remote);
    }
}
