//! What is sent, and in which order: answers, consent, nomination, triggered checks, ordinary checks and questions to STUN
//! servers.

use super::generation::Generation;
use super::pair::Pair;
use super::shared::{Pace, Reply, Shared, Verdict};
use super::tcp::Base;
use super::transaction::Transaction;
use super::{CandidateKind, PairId, PairState, Role};
use crate::stun::{Class, ErrorCode, MessageBuilder, Method, TransactionId};
use ortica_core::{Ecn, Instant, Transmit};

/// Why a request is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Purpose {
    Check,
    Nomination,
    Consent,
}

impl Generation {
    /// The next request for consent that is due.
    pub(super) fn transmit_consent(
        &mut self,
        shared: &mut Shared,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Option<Transmit> {
        self.consent_due_at().filter(|at| *at <= now)?;
        let id = self.active?;
        let transmit = self.transmit_request(shared, now, id, Purpose::Consent, out)?;
        shared.stats.consent_requests_sent += 1;
        let pair = self.list.get_mut(id)?;
        pair.consent_requests_sent += 1;
        self.consent.on_sent(shared, now, pair);
        Some(transmit)
    }

    /// The next nomination or check that is due.
    pub(super) fn transmit_check(&mut self, shared: &mut Shared, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        // A nomination goes to an address that has just proved itself, so that it waits for nobody's turn.
        if let (Some(at), Some(id)) = (self.nomination_due_at(), self.nominee())
            && at <= now
            && let Some(transmit) = self.transmit_request(shared, now, id, Purpose::Nomination, out)
        {
            let round_trip = self.list.get(id).and_then(|pair| pair.round_trip).unwrap_or_default();
            self.nomination.on_sent(now, round_trip);
            return Some(transmit);
        }
        self.remote.as_ref().filter(|_| !self.only_answers)?;
        let id = if shared.pace.urgent <= now
            && let Some(id) = self.list.take_triggered()
        {
            id
        } else if self.ordinary_at(shared) <= now && !self.is_gatherings_turn(shared, now) {
            let searching = self.searching || self.may_renominate(shared);
            self.list.next_ordinary(now, searching, |pair| self.is_sought(shared, pair))?
        } else {
            return None;
        };
        let pair = self.list.get(id)?;
        if Self::lacks_connection(shared, pair) {
            if !Self::may_check(shared, pair) {
                // Among the ordinary ones its turn comes again.
                return self.transmit_check(shared, now, out);
            }
            self.connect(shared, now, id);
            return None;
        }
        let transmit = self.transmit_request(shared, now, id, Purpose::Check, out)?;
        let rto = self.list.rto(shared.config.ta);
        let pair = self.list.get_mut(id)?;
        pair.state = PairState::InProgress;
        match pair.base {
            Base::Udp | Base::Relay(_) => pair.run.on_sent(now, rto),
            Base::Tcp(_) => pair.run.on_sent_once(now),
        }
        self.checked = true;
        shared.pace.spend(now, &shared.config);
        shared.pace.gathering_next = true;
        Some(transmit)
    }

    /// The next question to a STUN server that is due.
    pub(super) fn transmit_gathering(
        &mut self,
        shared: &mut Shared,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Option<Transmit> {
        if shared.pace.ordinary > now {
            return None;
        }
        if shared.allocations.begin_next() {
            shared.pace.spend(now, &shared.config);
            shared.pace.gathering_next = false;
            return None;
        }
        let keep_alive = self.selected.is_none();
        if self.gathering.connect_next(shared, now, keep_alive) {
            shared.pace.spend(now, &shared.config);
            shared.pace.gathering_next = false;
            return None;
        }
        let Some(transmit) = self.gathering.transmit(now, keep_alive, &mut shared.rng, out) else {
            // What was due cannot be asked any more: the turn is that of the check that waited for it.
            return self.transmit_check(shared, now, out);
        };
        shared.pace.spend(now, &shared.config);
        shared.pace.gathering_next = false;
        Some(transmit)
    }

    /// From when an ordinary check may be sent. The first one that nothing but a question to a server holds up goes out 5 ms after
    /// it, instead of Ta: of questions there may be many that nobody answers.
    fn ordinary_at(&self, shared: &Shared) -> Instant {
        let Pace { ordinary, urgent, gathering_next, spent } = shared.pace;
        let is_after_question = !gathering_next && spent.is_some_and(|at| at + shared.config.ta == ordinary);
        if is_after_question && !self.checked { urgent } else { ordinary }
    }

    /// Whether a pair is to be checked when its turn comes.
    fn is_sought(&self, shared: &Shared, pair: &Pair) -> bool {
        (self.searching || self.is_rival(pair)) && Self::may_check(shared, pair)
    }

    fn is_gatherings_turn(&self, shared: &Shared, now: Instant) -> bool {
        let asks = || self.gathering.next_send(self.selected.is_none()).is_some_and(|at| at <= now);
        self.checked && shared.pace.gathering_next && (shared.allocations.has_waiting() || asks())
    }

    /// When one of the above has something to send.
    pub(super) fn next_send(&self, shared: &Shared) -> Option<Instant> {
        let gathering = self.gathering.next_send(self.selected.is_none()).map(|at| at.max(shared.pace.ordinary));
        let allocating = shared.allocations.has_waiting().then_some(shared.pace.ordinary);
        let checks = self.remote.as_ref().filter(|_| !self.only_answers).and_then(|_| {
            let searching = self.searching || self.may_renominate(shared);
            let triggered = self.list.has_triggered().then_some(shared.pace.urgent);
            let ordinary = self
                .list
                .next_ordinary_at(searching, |pair| self.is_sought(shared, pair))
                .map(|at| at.max(self.ordinary_at(shared)));
            [triggered, ordinary, self.nomination_due_at()].into_iter().flatten().min()
        });
        [gathering, allocating, checks].into_iter().flatten().min()
    }

    /// Source: [RFC 8445 §7.2.4](https://www.rfc-editor.org/rfc/rfc8445#section-7.2.4)
    fn transmit_request(
        &mut self,
        shared: &mut Shared,
        now: Instant,
        id: PairId,
        purpose: Purpose,
        out: &mut Vec<u8>,
    ) -> Option<Transmit> {
        let renominates = self.may_renominate(shared);
        let remote = self.remote.as_ref()?;
        let pair = self.list.get_mut(id)?;
        let socket = shared.socket(pair.socket)?;
        let transaction = TransactionId::generate(&mut shared.rng);
        let priority = socket.priority(CandidateKind::PeerReflexive);
        let nominates = shared.role == Role::Controlling
            && (purpose == Purpose::Nomination || purpose == Purpose::Consent && self.selected == Some(id));

        let start = out.len();
        let mut builder = MessageBuilder::new(out, Class::Request, Method::BINDING, transaction)
            .username(&remote.credentials.ufrag, &self.local.credentials.ufrag)
            .priority(priority);
        builder = match shared.role {
            Role::Controlling => builder.ice_controlling(shared.tie_breaker),
            Role::Controlled => builder.ice_controlled(shared.tie_breaker),
        };
        if nominates {
            builder = builder.use_candidate();
            if renominates {
                builder = builder.nomination(pair.nomination);
            }
        }
        builder.integrity(&remote.key).fingerprint();

        pair.requests_sent += 1;
        shared.stats.requests_sent += 1;
        let sent = Transaction {
            id: transaction,
            pair: id,
            socket: pair.socket,
            remote: pair.remote_addr,
            at: now,
            role: shared.role,
            priority,
            nominates,
        };
        self.transactions.insert(sent, shared.config.limits.transactions);
        let len = out.len() - start;
        Some(Transmit { socket: pair.socket, remote: pair.remote_addr, ecn: Ecn::NotEct, len, segment_size: None })
    }

    /// Writes an answer to a request of this generation.
    pub(super) fn transmit_reply(&self, shared: &mut Shared, reply: &Reply, out: &mut Vec<u8>) -> Transmit {
        let start = out.len();
        let class = match reply.verdict {
            Verdict::Success => Class::Success,
            _ => Class::Error,
        };
        let builder = MessageBuilder::new(out, class, Method::BINDING, reply.transaction);
        let builder = match &reply.verdict {
            Verdict::Success => {
                shared.stats.responses_sent += 1;
                builder.xor_mapped_address(reply.remote)
            }
            // The reason is left empty: an answer is to be no longer than its request.
            Verdict::RoleConflict => {
                shared.stats.errors_sent += 1;
                builder.error_code(ErrorCode { code: ErrorCode::ROLE_CONFLICT, reason: "" })
            }
            Verdict::UnknownAttributes(unknown) => {
                shared.stats.errors_sent += 1;
                builder
                    .error_code(ErrorCode { code: ErrorCode::UNKNOWN_ATTRIBUTE, reason: "" })
                    .unknown_attributes(unknown)
            }
        };
        builder.integrity(&self.local.key).fingerprint();
        let len = out.len() - start;
        Transmit { socket: reply.socket, remote: reply.remote, ecn: Ecn::NotEct, len, segment_size: None }
    }
}
