//! What a generation makes of a relayed address.

use super::super::generation::Generation;
use super::super::local::{Local, unspecified_like};
use super::super::shared::{Shared, Socket};
use super::super::tcp::Base;
use super::super::{CandidateKind, HostCandidates, TransportPolicy};
use ortica_core::Instant;

impl Generation {
    /// The candidate of a relayed address, and its pairs.
    pub(in crate::ice) fn add_relayed(&mut self, shared: &mut Shared, now: Instant, socket: Socket) {
        let Some(allocation) = shared.allocations.of_socket(socket.id) else { return };
        let (server, address, mapped) = (allocation.server.clone(), allocation.address, allocation.mapped);
        if !self.gathering.wishes.wants(&server) {
            return;
        }
        let kind = CandidateKind::Relayed;
        let mut candidate = self.candidate(kind, socket, socket.addr, Some(address));
        // Who uses relays so that the peer sees no address of this host has none shown here.
        let is_shown =
            shared.config.host_candidates == HostCandidates::Address && self.gathering.policy() == TransportPolicy::All;
        let unspecified = (unspecified_like(socket.addr.ip()).into(), 9);
        candidate.related = match mapped {
            Some(mapped) if is_shown => Some((mapped.ip().into(), mapped.port())),
            _ => Some(unspecified),
        };
        let id = shared.candidate_id();
        self.signal(shared, &candidate);
        self.locals.push(Local {
            id,
            kind,
            address: socket.addr,
            base: socket.id,
            server: Some(server.name()),
            turn: Some(server.transport),
            candidate,
        });
        for remote in self.remotes.iter().map(|remote| remote.id).collect::<Vec<_>>() {
            self.pair(shared, now, socket, remote, true);
        }
    }

    /// Whether what comes to a socket is for this generation: a host's addresses may be out of bounds.
    pub(in crate::ice) fn uses(&self, socket: Option<Socket>) -> bool {
        self.gathering.uses_hosts() || socket.is_some_and(|socket| matches!(socket.base, Base::Relay(_)))
    }
}
