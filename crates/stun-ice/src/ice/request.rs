//! The peer's checks.
//!
//! A request without the right username and integrity gets no answer at all, not even an error: whoever may see the
//! credentials in the signalling has them, and anybody else would have us send to an address of its choice.
//!
//! Source: [RFC 8445 §7.3](https://www.rfc-editor.org/rfc/rfc8445#section-7.3)

use super::generation::Generation;
use super::shared::{Reply, Shared, Verdict};
use super::{PairId, PairState, Role};
use crate::stun::{Message, Method};
use ortica_core::{Instant, SocketId};
use std::net::SocketAddr;
use std::time::Duration;
use tracing::debug;

/// Sources of data that is not validated are checked no more often than this.
const SOURCE_CHECK_INTERVAL: Duration = Duration::from_millis(200);

/// A check that came before the peer's credentials did, to be answered by one of ours once they are known.
#[derive(Debug)]
pub(super) struct EarlyCheck {
    pub(super) socket: SocketId,
    remote: SocketAddr,
    /// Who claims to send it.
    ufrag: Box<str>,
    request: Request,
}

impl EarlyCheck {
    pub(super) fn is_from(&self, socket: SocketId, remote: SocketAddr) -> bool {
        self.socket == socket && self.remote == remote
    }
}

/// What a check says.
#[derive(Clone, Copy, Debug)]
struct Request {
    priority: u32,
    use_candidate: bool,
    /// 0 without one.
    nomination: u32,
}

impl Request {
    fn asks_for_use(&self) -> bool {
        self.use_candidate || self.nomination > 0
    }
}

impl Generation {
    /// Whether a request names this generation as its receiver.
    pub(super) fn is_addressed_by(&self, message: &Message<'_>) -> bool {
        message
            .username()
            .and_then(|username| username.split_once(':'))
            .is_some_and(|(receiver, _)| receiver == self.local.credentials.ufrag)
    }

    /// A request that names this generation.
    pub(super) fn on_request(
        &mut self,
        shared: &mut Shared,
        now: Instant,
        socket: SocketId,
        remote: SocketAddr,
        message: &Message<'_>,
    ) {
        if !message.verify_integrity(&self.local.key) {
            shared.stats.unauthenticated += 1;
            return;
        }
        shared.stats.requests_received += 1;
        if !self.uses(shared.socket(socket)) {
            return;
        }
        let generation = self.number;
        let reply = |verdict| Reply { generation, socket, remote, transaction: message.transaction(), verdict };
        let unknown: arrayvec::ArrayVec<_, 8> = message.unknown_attributes().take(8).collect();
        if !unknown.is_empty() {
            return shared.reply(reply(Verdict::UnknownAttributes(unknown)));
        }
        let (Method::BINDING, Ok(priority)) = (message.method(), message.priority()) else {
            shared.stats.malformed += 1;
            return;
        };
        if self.keeps_conflicting_role(shared, message) {
            return shared.reply(reply(Verdict::RoleConflict));
        }
        shared.reply(reply(Verdict::Success));

        let request = Request {
            // A check has a priority. One without it (RFC 3489 style keepalives do) says nothing about the candidate.
            priority: priority.unwrap_or(0),
            use_candidate: message.use_candidate(),
            nomination: message.nomination().ok().flatten().unwrap_or_default(),
        };
        if self.remote.is_some() {
            self.on_check(shared, now, socket, remote, request);
        } else {
            let sender =
                message.username().and_then(|username| username.split_once(':')).map_or("", |(_, sender)| sender);
            self.remember_early(shared, EarlyCheck { socket, remote, ufrag: sender.into(), request });
        }
    }

    /// Decides a role conflict. `true` when this agent keeps its role, and the peer is to change.
    ///
    /// Source: [RFC 8445 §7.3.1.1](https://www.rfc-editor.org/rfc/rfc8445#section-7.3.1.1)
    fn keeps_conflicting_role(&mut self, shared: &mut Shared, message: &Message<'_>) -> bool {
        let theirs = match shared.role {
            Role::Controlling => message.ice_controlling(),
            Role::Controlled => message.ice_controlled(),
        };
        let Ok(Some(theirs)) = theirs else { return false };
        shared.stats.role_conflicts += 1;
        if self.only_answers {
            return true;
        }
        let we_control = shared.tie_breaker >= theirs;
        let role = if we_control { Role::Controlling } else { Role::Controlled };
        if shared.role == role {
            return true;
        }
        self.switch_role(shared, role);
        false
    }

    /// Changes the role, and with it the priorities of the pairs.
    pub(super) fn switch_role(&mut self, shared: &mut Shared, role: Role) {
        debug!(?role, "role changed");
        shared.role = role;
        self.list.set_role(role);
        self.nomination.clear();
        // What the peer refused to this side may be what it picks itself.
        self.list.iter_mut().for_each(|pair| (pair.given_up, pair.nomination) = (false, 0));
    }

    fn remember_early(&mut self, shared: &Shared, check: EarlyCheck) {
        let known = |other: &&mut EarlyCheck| other.is_from(check.socket, check.remote);
        if let Some(earlier) = self.early.iter_mut().find(known) {
            let Request { use_candidate, nomination, .. } = earlier.request;
            *earlier = check;
            earlier.request.use_candidate |= use_candidate;
            earlier.request.nomination = earlier.request.nomination.max(nomination);
        } else if self.early.len() < shared.config.limits.early_checks {
            self.early.push(check);
        }
    }

    /// A check from there waits for the peer's credentials.
    pub(super) fn has_early_check(&self, socket: SocketId, remote: SocketAddr) -> bool {
        self.early.iter().any(|check| check.is_from(socket, remote))
    }

    /// The peer's credentials are known: checks that came before are acted upon now.
    pub(super) fn process_early_checks(&mut self, shared: &mut Shared, now: Instant) {
        for EarlyCheck { socket, remote, ufrag, request } in std::mem::take(&mut self.early) {
            if self.remote.as_ref().is_some_and(|secret| *secret.credentials.ufrag == *ufrag) {
                self.on_check(shared, now, socket, remote, request);
            }
        }
    }

    /// A check that was granted: its pair is checked in the other direction too.
    ///
    /// Source: [RFC 8445 §7.3.1.3](https://www.rfc-editor.org/rfc/rfc8445#section-7.3.1.3), §7.3.1.4, §7.3.1.5
    fn on_check(&mut self, shared: &mut Shared, now: Instant, socket: SocketId, remote: SocketAddr, request: Request) {
        let Some(id) = self.pair_heard(shared, now, socket, remote, request.priority) else { return };
        let Some(pair) = self.list.get_mut(id) else { return };
        if pair.base.takes_connections() {
            shared.connections.on_incoming(socket, remote, shared.config.limits.pairs);
        }
        pair.lost = None;
        pair.heard = true;
        pair.unheard_since = None;
        pair.requests_received += 1;
        pair.responses_sent += 1;
        if request.asks_for_use() {
            pair.asked_for = Some(now);
        }
        if shared.role == Role::Controlled {
            pair.nomination = pair.nomination.max(request.nomination);
        }
        if self.only_answers {
            // RFC 8445 §7.3.2: the pair that the peer nominates is valid, without a check of ours.
            if pair.asked_for.is_some() {
                pair.state = PairState::Succeeded;
                pair.silent_since = None;
                pair.last_answer = Some(now);
                self.last_answer = Some(now);
            }
        } else if !pair.given_up && (pair.state != PairState::Succeeded || !pair.is_live(now)) {
            self.list.trigger(id, now);
        }
        if request.asks_for_use() {
            self.consider_request_to_use(shared, now, id);
        }
    }

    /// Data came from an address that no check has validated.
    pub(super) fn check_source(&mut self, shared: &mut Shared, now: Instant, socket: SocketId, remote: SocketAddr) {
        let Some(active) = self.active_pair().filter(|pair| self.selected == Some(pair.id)) else { return };
        let (home, priority) = (active.socket, active.remote_priority);
        if home != socket || self.next_source_check > now || self.only_answers {
            return;
        }
        self.next_source_check = now + SOURCE_CHECK_INTERVAL;
        if let Some(id) = self.pair_heard(shared, now, socket, remote, priority)
            && self.list.get(id).is_some_and(|pair| !pair.is_validated())
        {
            self.list.trigger(id, now);
        }
    }

    /// The pair a check came over, learning the peer's candidate if nobody has named it.
    fn pair_heard(
        &mut self,
        shared: &mut Shared,
        now: Instant,
        socket: SocketId,
        remote: SocketAddr,
        priority: u32,
    ) -> Option<PairId> {
        if let Some(pair) = self.list.find(socket, remote) {
            return Some(pair.id);
        }
        let socket = shared.socket(socket)?;
        let candidate = self.learn_remote(shared, socket, remote, priority)?;
        self.pair(shared, now, socket, candidate, false)
    }
}
