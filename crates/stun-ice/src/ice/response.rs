//! The peer's answers to our checks.
//!
//! Source: [RFC 8445 §7.2.5](https://www.rfc-editor.org/rfc/rfc8445#section-7.2.5)

use super::address::canonical;
use super::consent::Doubt;
use super::generation::Generation;
use super::shared::Shared;
use super::transaction::Transaction;
use super::{PairFailure, PairState, Role};
use crate::stun::{Class, ErrorCode, Message};
use ortica_core::{Instant, SocketId};
use std::net::SocketAddr;
use tracing::debug;

impl Generation {
    /// `true` when the message answers a request of this generation, whatever it says.
    pub(super) fn on_response(
        &mut self,
        shared: &mut Shared,
        now: Instant,
        socket: SocketId,
        remote: SocketAddr,
        message: &Message<'_>,
    ) -> bool {
        let Some(transaction) = self.transactions.get(message.transaction()) else { return false };
        let authentic = self.remote.as_ref().is_some_and(|secret| message.verify_integrity(&secret.key));
        if !authentic {
            // The request stays open: whoever forged this must not keep the real answer out.
            shared.stats.unauthenticated += 1;
            return true;
        }
        if message.unknown_attributes().next().is_some() {
            shared.stats.malformed += 1;
            return true;
        }
        self.transactions.remove(transaction.id);
        if (transaction.socket, transaction.remote) != (socket, remote) {
            shared.stats.asymmetric += 1;
            self.fail_unless_valid(transaction, now, PairFailure::Asymmetric);
        } else if message.class() == Class::Success {
            self.on_success(shared, now, transaction, message);
        } else {
            self.on_error(shared, now, transaction, message);
        }
        true
    }

    /// Source: [RFC 8445 §7.2.5.3](https://www.rfc-editor.org/rfc/rfc8445#section-7.2.5.3)
    fn on_success(&mut self, shared: &mut Shared, now: Instant, transaction: Transaction, message: &Message<'_>) {
        let Ok(Some(mapped)) = message.xor_mapped_address() else {
            shared.stats.malformed += 1;
            return;
        };
        shared.stats.responses_received += 1;
        let seen_as = self.seen_local(shared, transaction.socket, canonical(mapped), transaction.priority);
        let in_use = self.active == Some(transaction.pair);
        let Some(pair) = self.list.get_mut(transaction.pair) else { return };

        let round_trip = now.saturating_duration_since(transaction.at);
        pair.round_trip = Some(round_trip);
        pair.total_round_trip += round_trip;
        pair.round_trips.add(round_trip, !in_use && pair.run.sent > 1);
        pair.responses_received += 1;
        pair.seen_as = seen_as;
        pair.state = PairState::Succeeded;
        pair.run.on_answer();
        (pair.silent_since, pair.unheard_since) = (None, None);
        let newcomer = pair.newcomer && pair.last_answer.is_none();
        pair.last_answer = Some(now);
        self.last_answer = Some(now);

        if in_use {
            self.consent.on_answer(&mut shared.rng, now);
        } else if newcomer {
            // The peer was found at an address that is new since the selection. It may have left the old one.
            self.consent.suspect(now, Doubt::Moved);
        }
        self.thaw_like(transaction.pair);
        if transaction.nominates && shared.role == Role::Controlling && self.nominee() == Some(transaction.pair) {
            self.select(shared, now, transaction.pair);
        }
        self.consider_request_to_use(shared, now, transaction.pair);
    }

    fn on_error(&mut self, shared: &mut Shared, now: Instant, transaction: Transaction, message: &Message<'_>) {
        let Ok(Some(error)) = message.error_code() else {
            shared.stats.malformed += 1;
            return;
        };
        debug!(code = error.code, pair = %transaction.pair, "check refused");
        if error.code == ErrorCode::ROLE_CONFLICT {
            shared.stats.role_conflicts += 1;
            // Only if the role was not changed since: two conflicts that cross must not undo each other.
            if shared.role == transaction.role && !self.lite {
                self.switch_role(shared, transaction.role.other());
            }
            let decided = self.list.get(transaction.pair).is_none_or(|pair| pair.is_live(now));
            if !decided {
                self.list.trigger(transaction.pair, now);
            }
            return;
        }
        if transaction.nominates && self.nominee() == Some(transaction.pair) {
            self.on_nomination_refused(shared, now, error.code);
        }
        self.fail_unless_valid(transaction, now, PairFailure::Refused(error.code));
    }

    /// A check failed. Over a pair that works it is no more than a request without an answer.
    fn fail_unless_valid(&mut self, transaction: Transaction, now: Instant, why: PairFailure) {
        if let Some(pair) = self.list.get_mut(transaction.pair)
            && !pair.is_valid(now)
        {
            debug!(pair = %pair.id, "pair failed");
            pair.fail(why);
        }
    }
}
