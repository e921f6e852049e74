//! Nomination: the controlling agent picks the pair, the controlled one takes it.
//!
//! Regular nomination of RFC 8445 §8.1.1: a pair is nominated after it proved valid. When:
//!
//! * at once, if no better pair can come: none of higher priority is undecided, and the pair leads to a host or
//!   peer-reflexive candidate, or else both sides have named all their candidates;
//! * otherwise 200 ms after the first pair became valid, or a second if the pair goes through a relay or over TCP. Data does not wait
//!   for it, since the best valid pair carries it before nomination.
//!
//! The request is repeated, after twice the measured round trip at first, until it is answered. When five went unanswered
//! and another pair is valid, that one has its turn.
//!
//! After nomination the requests for consent carry USE-CANDIDATE too, as Chromium's do: a controlled agent that sees them
//! come from a new address (a NAT forgot the old mapping) learns in one step that the pair is to be used.

use super::generation::Generation;
use super::pair::Pair;
use super::remote::Remote;
use super::shared::Shared;
use super::tcp::Base;
use super::{CandidateKind, PairFailure, PairId, Role};
use ortica_core::Instant;
use std::time::Duration;
use tracing::debug;

/// How long worse pairs wait for better ones.
const ACCEPTANCE: Duration = Duration::from_millis(200);
/// The same for pairs through a relay and over TCP, which one lost packet must not choose for good.
const LATE_ACCEPTANCE: Duration = Duration::from_secs(1);
/// So many requests go unanswered before another valid pair has its turn.
const TRIES: u32 = 5;
/// A peer that asks for a worse pair means it, once it has not asked for the better one for this long. Until then it may
/// be one of those that ask for every pair (aggressive nomination of RFC 5245), where the best one counts.
const CHANGE_OF_MIND: Duration = Duration::from_secs(2);

/// The nomination under way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Nomination {
    /// When the first pair of this search became valid.
    first_valid: Option<Instant>,
    nominee: Option<Nominee>,
}

#[derive(Clone, Copy, Debug)]
struct Nominee {
    pair: PairId,
    sent: u32,
    next: Instant,
}

impl Nomination {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The request was sent.
    pub(super) fn on_sent(&mut self, now: Instant, round_trip: Duration) {
        if let Some(nominee) = &mut self.nominee {
            let base = (round_trip * 2).clamp(Duration::from_millis(50), Duration::from_millis(500));
            let doublings = (nominee.sent / 3).min(3);
            nominee.sent += 1;
            nominee.next = now + (base * (1 << doublings)).min(Duration::from_secs(1));
        }
    }
}

impl Generation {
    /// The pair that is being nominated.
    pub(super) fn nominee(&self) -> Option<PairId> {
        self.nomination.nominee.map(|nominee| nominee.pair)
    }

    /// When the request is due to be sent.
    pub(super) fn nomination_due_at(&self) -> Option<Instant> {
        self.nomination.nominee.map(|nominee| nominee.next)
    }

    /// Starts, or gives up, a nomination.
    pub(super) fn advance_nomination(&mut self, shared: &mut Shared, now: Instant) {
        if shared.role != Role::Controlling || !self.searching {
            return self.nomination.clear();
        }
        if let Some(nominee) = self.nomination.nominee {
            let rivals = self.list.iter().any(|pair| pair.id != nominee.pair && pair.is_live(now));
            match self.list.get_mut(nominee.pair) {
                Some(pair) if pair.is_valid(now) => {
                    if nominee.sent < TRIES || nominee.next > now || !rivals {
                        return;
                    }
                    debug!(%nominee.pair, "nomination went unanswered");
                    pair.fail(PairFailure::NominationUnanswered);
                }
                _ => {}
            }
            self.nomination.nominee = None;
            self.choose_active(shared, now);
        }
        let Some(best) = self.nominable(now) else { return self.nomination.clear() };
        let (pair, accepted) = (best.id, self.is_best_possible(shared, best));
        self.nomination.first_valid.get_or_insert(now);
        if accepted || self.nomination_decided_at(shared).is_some_and(|at| at <= now) {
            self.nomination.nominee = Some(Nominee { pair, sent: 0, next: now });
        }
    }

    /// When the wait for a better pair is over.
    pub(super) fn nomination_decided_at(&self, shared: &Shared) -> Option<Instant> {
        if shared.role != Role::Controlling || !self.searching || self.nomination.nominee.is_some() {
            return None;
        }
        let pair = self.active_pair()?;
        let to_relay = self.remote_of(pair).is_some_and(|remote| remote.candidate.kind == CandidateKind::Relayed);
        let wait = if to_relay || pair.base != Base::Udp { LATE_ACCEPTANCE } else { ACCEPTANCE };
        self.nomination.first_valid.map(|at| at + wait)
    }

    /// Makes a pair the selected one.
    pub(super) fn select(&mut self, shared: &mut Shared, now: Instant, id: PairId) {
        let Some(pair) = self.list.get_mut(id) else { return };
        if self.selected != Some(id) {
            debug!(pair = %id, "pair selected");
        }
        pair.nominated = true;
        pair.newcomer = false;
        self.selected = Some(id);
        self.nomination.clear();
        self.choose_active(shared, now);
    }

    /// Controlled: the peer asked for a pair, and the pair is valid.
    pub(super) fn consider_request_to_use(&mut self, shared: &mut Shared, now: Instant, id: PairId) {
        let Some(pair) = self.list.get(id).filter(|pair| pair.is_live(now) && pair.asked_for.is_some()) else { return };
        let selected = self.selected.and_then(|id| self.list.get(id)).filter(|pair| pair.is_live(now));
        let accepted = selected.is_none_or(|selected| {
            pair.priority >= selected.priority || selected.asked_for.is_none_or(|at| at + CHANGE_OF_MIND <= now)
        });
        if shared.role == Role::Controlled && accepted {
            self.select(shared, now, id);
        }
    }

    /// The pair to nominate: the best that works.
    fn nominable(&self, now: Instant) -> Option<&Pair> {
        self.active_pair().filter(|pair| pair.is_live(now))
    }

    fn is_best_possible(&self, shared: &Shared, best: &Pair) -> bool {
        let rivals = self.list.iter().take_while(|pair| pair.priority > best.priority);
        if rivals.into_iter().any(Pair::is_open) {
            return false;
        }
        let kind = self.remote_of(best).map(|remote| remote.candidate.kind);
        let is_direct = matches!(kind, Some(CandidateKind::Host | CandidateKind::PeerReflexive))
            && best.base.kind() == CandidateKind::Host;
        is_direct || self.knows_all_candidates(shared)
    }

    pub(super) fn remote_of(&self, pair: &Pair) -> Option<&Remote> {
        self.remotes.iter().find(|remote| remote.id == pair.remote)
    }
}
