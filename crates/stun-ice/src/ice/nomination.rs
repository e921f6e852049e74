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
//! and another pair is valid, that one has its turn. A pair whose nomination is refused that often, or fifteen times where there is
//! no other, is given up (RFC 8445 §8.1.1), and so is one whose peer answers everything but nominations for 39.5 seconds.
//!
//! After nomination the requests for consent carry USE-CANDIDATE too, as Chromium's do: a controlled agent that sees them
//! come from a new address (a NAT forgot the old mapping) learns in one step that the pair is to be used.

use super::generation::Generation;
use super::pair::{Pair, Run};
use super::remote::Remote;
use super::shared::Shared;
use super::tcp::Base;
use super::{CandidateKind, PairFailure, PairId, Role};
use ortica_core::Instant;
use std::cmp::Ordering;
use std::time::Duration;
use tracing::debug;

/// How long worse pairs wait for better ones.
const ACCEPTANCE: Duration = Duration::from_millis(200);
/// The same for pairs through a relay and over TCP, which one lost packet must not choose for good.
const LATE_ACCEPTANCE: Duration = Duration::from_secs(1);
/// So many requests go unanswered before another valid pair has its turn.
const TRIES: u32 = 5;
/// So many are refused where there is no other.
const LAST_TRIES: u32 = 15;
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
    began: Instant,
    sent: u32,
    refused: u32,
    next: Instant,
}

impl Nominee {
    fn new(pair: PairId, now: Instant) -> Self {
        Self { pair, began: now, sent: 0, refused: 0, next: now }
    }

    /// The peer will not answer any more, as it has had its time; `rivals` may be nominated in its place.
    fn is_hopeless(&self, rivals: bool, now: Instant) -> bool {
        let tried = if rivals { self.sent >= TRIES } else { self.began + Run::LEN <= now };
        tried && self.next <= now
    }
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
        if shared.role != Role::Controlling {
            return self.nomination.clear();
        }
        if !self.searching {
            return self.advance_renomination(shared, now);
        }
        if self.keeps_nominee(shared, now) {
            return;
        }
        let Some(best) = self.nominable(now) else { return self.nomination.clear() };
        let (pair, accepted) = (best.id, self.is_best_possible(shared, best));
        self.nomination.first_valid.get_or_insert(now);
        if accepted || self.nomination_decided_at(shared).is_some_and(|at| at <= now) {
            self.nominate(pair, now);
        }
    }

    /// Begins to nominate a pair.
    pub(super) fn nominate(&mut self, id: PairId, now: Instant) {
        self.nominations = self.nominations.saturating_add(1);
        if let Some(pair) = self.list.get_mut(id) {
            pair.nomination = self.nominations;
        }
        self.nomination.nominee = Some(Nominee::new(id, now));
    }

    /// Whether a nomination is under way. One that came to nothing ends.
    pub(super) fn keeps_nominee(&mut self, shared: &mut Shared, now: Instant) -> bool {
        if let Some(nominee) = self.nomination.nominee {
            let rivals = self.has_rivals(nominee.pair, now);
            if self.list.get(nominee.pair).is_some_and(|pair| pair.is_valid(now)) {
                if !nominee.is_hopeless(rivals, now) {
                    return true;
                }
                debug!(%nominee.pair, "nomination went unanswered");
                self.give_up(nominee.pair, PairFailure::NominationUnanswered, !rivals);
            }
            self.end_nomination(shared, now);
        }
        self.nomination.nominee.is_some()
    }

    /// The peer refused the nomination under way. It may do so for a while, when it is busy; then its pair is of no use.
    ///
    /// Source: [RFC 8445 §8.1.1](https://www.rfc-editor.org/rfc/rfc8445#section-8.1.1)
    pub(super) fn on_nomination_refused(&mut self, shared: &mut Shared, now: Instant, code: u16) {
        let Some(nominee) = &mut self.nomination.nominee else { return };
        nominee.refused += 1;
        let Nominee { pair, refused, .. } = *nominee;
        if refused >= if self.has_rivals(pair, now) { TRIES } else { LAST_TRIES } {
            debug!(%pair, code, "nomination refused");
            self.give_up(pair, PairFailure::Refused(code), true);
            self.end_nomination(shared, now);
        }
    }

    /// The nomination under way came to nothing.
    fn end_nomination(&mut self, shared: &mut Shared, now: Instant) {
        self.nomination.nominee = None;
        self.choose_active(shared, now);
        // The peer may have followed it all the same: it is told that the selected pair stays.
        if let Some(selected) = self.selected.filter(|_| !self.searching) {
            self.nominate(selected, now);
        }
    }

    fn has_rivals(&self, nominee: PairId, now: Instant) -> bool {
        self.list.iter().any(|pair| pair.id != nominee && pair.is_live(now))
    }

    /// A pair that works is not to be had; `for_good` it is not checked again either.
    fn give_up(&mut self, id: PairId, why: PairFailure, for_good: bool) {
        let Some(pair) = self.list.get_mut(id) else { return };
        pair.fail(why);
        pair.given_up = for_good;
        if for_good {
            let (socket, remote) = (pair.socket, pair.remote_addr);
            self.transactions.remove_between(socket, remote);
        }
    }

    /// When the wait for a better pair is over.
    pub(super) fn nomination_decided_at(&self, shared: &Shared) -> Option<Instant> {
        if shared.role != Role::Controlling || !self.searching || self.nomination.nominee.is_some() {
            return None;
        }
        let pair = self.active_pair()?;
        let wait = if self.is_relayed(pair) || pair.base != Base::Udp { LATE_ACCEPTANCE } else { ACCEPTANCE };
        self.nomination.first_valid.map(|at| at + wait)
    }

    /// Makes a pair the selected one.
    pub(super) fn select(&mut self, shared: &mut Shared, now: Instant, id: PairId) {
        let Some(pair) = self.list.get_mut(id) else { return };
        if self.selected != Some(id) {
            debug!(pair = %id, "pair selected");
            self.selected_at = Some(now);
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
        let accepted = selected.is_none_or(|selected| match pair.nomination.cmp(&selected.nomination) {
            Ordering::Greater => true,
            Ordering::Less => false,
            Ordering::Equal if pair.nomination > 0 => pair.id == selected.id,
            Ordering::Equal => {
                pair.priority >= selected.priority || selected.asked_for.is_none_or(|at| at + CHANGE_OF_MIND <= now)
            }
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

    /// It goes over a relay, of this side or of the peer.
    pub(super) fn is_relayed(&self, pair: &Pair) -> bool {
        let to_relay = || self.remote_of(pair).is_some_and(|it| it.candidate.kind == CandidateKind::Relayed);
        matches!(pair.base, Base::Relay(_)) || to_relay()
    }

    pub(super) fn remote_of(&self, pair: &Pair) -> Option<&Remote> {
        self.remotes.iter().find(|remote| remote.id == pair.remote)
    }
}
