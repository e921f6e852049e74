//! What an agent does over TCP.

use super::super::address::canonical;
use super::super::generation::Generation;
use super::super::pair::Pair;
use super::super::shared::Shared;
use super::super::{Agent, PairFailure, PairId, PairState};
use super::{ACTIVE_PORT, Base, ConnectionError, End, TcpBase};
use ortica_core::{Instant, SocketId};
use std::net::SocketAddr;

/// # TCP
impl Agent {
    /// Lets the agent use TCP at an address: as [`add_socket`](Agent::add_socket), after all those of UDP. The socket is a name: for
    /// [`TcpBase::Active`], where the port of `addr` plays no part, it stands for all connections that are opened from there,
    /// for [`TcpBase::Passive`] for those that came in at `addr`, for [`TcpBase::SimultaneousOpen`] for both.
    pub fn add_tcp_socket(&mut self, now: Instant, id: SocketId, addr: SocketAddr, base: TcpBase) {
        let mut addr = canonical(addr);
        match base {
            TcpBase::Active { .. } => addr.set_port(ACTIVE_PORT),
            TcpBase::SimultaneousOpen if self.is_lite() => return,
            TcpBase::SimultaneousOpen | TcpBase::Passive => {}
        }
        self.add_base(now, id, addr, Base::Tcp(base));
    }

    /// Answers [`Io::Connect`](crate::Io::Connect), upon which the check goes out, and [`Io::ConnectStun`](crate::Io::ConnectStun),
    /// upon which the question does: the connection is there. Of a socket of [`TcpBase::SimultaneousOpen`] it may be one that came in
    /// from there.
    pub fn connected(&mut self, now: Instant, socket: SocketId, remote: SocketAddr) {
        let remote = canonical(remote);
        if self.is_over() {
            return;
        }
        match self.shared.connections.on_open(socket, remote) {
            None => return,
            Some(End::Peer) => {
                self.generations_mut().for_each(|generation| generation.on_connected(now, socket, remote));
            }
            Some(End::Server) => self.current.gathering.on_connected(now, socket, remote),
        }
        self.settle(now);
    }

    /// Says that a connection could not be opened, or is no more: its pairs failed. A pair that was selected asks for another one, at
    /// once and then after 0.5, 1, 2 and every 4 seconds, until another pair is selected or consent is lost.
    pub fn connection_lost(&mut self, now: Instant, socket: SocketId, remote: SocketAddr, error: ConnectionError) {
        let remote = canonical(remote);
        self.shared.connections.on_lost(socket, remote);
        self.shared.replies.retain(|reply| (reply.socket, reply.remote) != (socket, remote));
        let chance = self.shared.rng.unit();
        self.generations_mut().for_each(|generation| {
            generation.on_connection_lost(socket, remote, error);
            generation.consider_reopening(now, (socket, remote), error, chance);
        });
        self.current.gathering.on_connection_lost(socket, remote);
        if !self.is_over() {
            self.settle(now);
        }
    }

    /// Closes the connections that nothing needs once a pair is selected: to the peer, and to STUN servers.
    ///
    /// Source: [RFC 6544 §8](https://www.rfc-editor.org/rfc/rfc6544#section-8), §11.2
    pub(in crate::ice) fn close_unneeded(&mut self) {
        let is_settled = !self.current.searching && self.earlier.iter().next().is_none();
        if is_settled || self.current.failed {
            let Self { current, shared, .. } = self;
            let in_use = current.active_pair().map(Pair::route);
            let is_needed = |socket, remote| in_use.is_some_and(|it| (it.socket, it.remote) == (socket, remote));
            for (socket, remote) in shared.connections.close_all_but(is_needed) {
                current.on_connection_lost(socket, remote, ConnectionError::Unneeded);
                current.gathering.on_unneeded(socket, remote);
            }
        }
    }
}

impl Generation {
    /// Whether a pair cannot be checked before it has a connection, or a relay's permission.
    pub(in crate::ice) fn lacks_connection(shared: &Shared, pair: &Pair) -> bool {
        let lacks = pair.opens && !shared.connections.is_open(pair.socket, pair.remote_addr, End::Peer);
        lacks || Self::lacks_permission(&shared.allocations, pair)
    }

    /// Whether a pair can be checked, or its connection opened.
    pub(in crate::ice) fn may_check(shared: &Shared, pair: &Pair) -> bool {
        let limit = shared.config.limits.pairs;
        !pair.opens || shared.connections.may_have(pair.socket, pair.remote_addr, End::Peer, limit)
    }

    /// Opens the connection of a pair whose turn it is, or has the relay permit it; its check follows.
    pub(in crate::ice) fn connect(&mut self, shared: &mut Shared, now: Instant, id: PairId) {
        if let Some(pair) = self.list.get_mut(id) {
            pair.state = PairState::InProgress;
            pair.run.on_sent_once(now);
            match pair.base {
                Base::Relay(_) => {
                    shared.allocations.permit(now, pair.socket, pair.remote_addr, shared.config.limits.pairs);
                }
                _ => shared.connections.open(pair.socket, pair.remote_addr, End::Peer),
            }
            self.checked = true;
            shared.pace.spend(now, &shared.config);
            shared.pace.gathering_next = true;
        }
    }

    /// Has the pairs have their turn again whose next connection is due, unless the data go elsewhere.
    pub(in crate::ice) fn reopen(&mut self, now: Instant) {
        let (searching, answers) = (self.searching, self.only_answers);
        let is_due = |pair: &&mut Pair| pair.reopening.next().is_some_and(|at| at <= now);
        for pair in self.list.iter_mut().filter(|_| searching && !answers).filter(is_due) {
            pair.reopening.cancel();
            if pair.state == PairState::Failed && !pair.is_lost_for_good() {
                (pair.state, pair.run) = (PairState::Waiting, pair.run.again(now));
            }
        }
    }

    /// When the next one is due.
    pub(in crate::ice) fn reopens_at(&self) -> Option<Instant> {
        let pairs = self.list.iter().filter(|_| self.searching && !self.only_answers);
        pairs.filter_map(|pair| pair.reopening.next()).min()
    }

    pub(in crate::ice) fn on_connected(&mut self, now: Instant, socket: SocketId, remote: SocketAddr) {
        let waits = |pair: &&Pair| pair.is_between(socket, remote) && pair.state == PairState::InProgress;
        let waiting = self.list.iter().find(waits).map(|pair| pair.id);
        if let Some(pair) = waiting.and_then(|id| self.list.get_mut(id)) {
            pair.lost = None;
        }
        waiting.into_iter().for_each(|id| self.list.trigger(id, now));
    }

    pub(in crate::ice) fn on_connection_lost(&mut self, socket: SocketId, remote: SocketAddr, error: ConnectionError) {
        for pair in self.list.iter_mut().filter(|pair| pair.is_between(socket, remote)) {
            tracing::debug!(pair = %pair.id, %error, "pair without a connection");
            pair.heard = false;
            // One that had failed before has another reason.
            if error != ConnectionError::Unneeded || pair.state != PairState::Failed {
                pair.fail(PairFailure::NoConnection);
                pair.lost = Some(error);
            }
            pair.reopening.cancel();
            // The peer knows the next connection as another pair, which is to be nominated.
            self.selected.take_if(|selected| *selected == pair.id);
        }
        self.early.retain(|check| !check.is_from(socket, remote));
        self.transactions.remove_between(socket, remote);
    }

    /// The connection of a pair is gone, or an attempt was in vain: whether there is to be another one.
    fn consider_reopening(
        &mut self,
        now: Instant,
        (socket, remote): (SocketId, SocketAddr),
        error: ConnectionError,
        chance: f64,
    ) {
        // Who closed it, or found another protocol there, would do so again.
        let helps = !matches!(error, ConnectionError::Unneeded | ConnectionError::NotIce);
        // Simultaneous open is in vain where the peer has not begun.
        let is_early = matches!(error, ConnectionError::Refused | ConnectionError::TimedOut);
        let opens = |pair: &&mut Pair| pair.is_between(socket, remote) && pair.opens && !pair.given_up;
        for pair in self.list.iter_mut().filter(opens) {
            if pair.nominated && helps {
                pair.reopening.on_lost(now);
            } else if !pair.nominated && is_early && !pair.base.is_active() {
                pair.reopening.on_vain(now, chance);
            }
        }
    }
}
