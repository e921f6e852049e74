//! Renomination: the controlling agent moves to a better pair that comes up later.
//!
//! A nomination is for good (RFC 8445 §8.1.1), and another pair takes a restart. Two agents that both said
//! `a=ice-options:renomination` may do more: each nomination has a number, and the controlled agent uses the pair with the highest,
//! however late or often the requests come that say so. So the search does not end with the first nomination:
//!
//! * Pairs that may be better than the selected one go on being checked. Of those that work the four of highest priority are asked
//!   every 2.5 seconds.
//! * A pair is better if it is of a better type: direct instead of relayed, datagrams instead of a connection, and not clearly
//!   slower. Among those of one type it is if its round trip is clearly shorter: by a third, and by 10 ms.
//! * It has to have answered three times in a row, each time the first request, and the selected one has to be that for 5 seconds. So
//!   nothing goes to and fro.
//!
//! Pairs over TCP are left out, as their connections are closed when a pair is selected.
//!
//! NOMINATION is the attribute of libwebrtc, where a nomination without it counts as the first. Here both it and USE-CANDIDATE go
//! with each nomination.
//!
//! Source: [draft-thatcher-ice-renomination](https://datatracker.ietf.org/doc/html/draft-thatcher-ice-renomination-01)

use super::generation::Generation;
use super::pair::Pair;
use super::shared::Shared;
use super::tcp::Base;
use super::{PairId, PairState, Role};
use ortica_core::Instant;
use std::time::Duration;
use tracing::debug;

/// How often pairs that work are asked.
const ASK_AGAIN: Duration = Duration::from_millis(2_500);
/// How many of them.
const ASKED: usize = 4;
/// So many answers in a row say what a pair is worth.
const PROOF: u32 = 3;
/// A selected pair stays that for this long.
const SETTLED: Duration = Duration::from_secs(5);
/// Round trips that differ by less are the same.
const MARGIN: Duration = Duration::from_millis(10);

/// The round trips of a pair.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RoundTrips {
    mean: Duration,
    /// Answers in a row.
    count: u32,
}

impl RoundTrips {
    /// An answer came; `late` if it was not the first request that was answered.
    pub(super) fn add(&mut self, round_trip: Duration, late: bool) {
        if late {
            *self = Self::default();
        }
        self.mean = if self.count == 0 { round_trip } else { (self.mean * 3 + round_trip) / 4 };
        self.count = self.count.saturating_add(1);
    }

    fn are_proven(&self) -> bool {
        self.count >= PROOF
    }

    fn are_clearly_shorter_than(&self, other: &Self) -> bool {
        self.mean + MARGIN <= other.mean && self.mean * 3 <= other.mean * 2
    }
}

impl Generation {
    /// Both sides know that a nomination may be followed by another one, and it is this one that nominates.
    pub(super) fn may_renominate(&self, shared: &Shared) -> bool {
        self.peer_renominates && shared.config.renomination && shared.role == Role::Controlling && !self.only_answers
    }

    /// Whether a pair may be checked though the search is over, as it may turn out to be better than the selected one.
    pub(super) fn is_rival(&self, pair: &Pair) -> bool {
        let Some(selected) = self.selected.and_then(|id| self.list.get(id)) else { return false };
        let is_open = pair.id != selected.id && !pair.given_up && !matches!(pair.base, Base::Tcp(_));
        is_open && self.rank(pair) <= self.rank(selected)
    }

    /// With a pair selected: asks the others, and nominates one that turned out to be better.
    pub(super) fn advance_renomination(&mut self, shared: &mut Shared, now: Instant) {
        if !self.may_renominate(shared) {
            return self.nomination.clear();
        }
        if self.keeps_nominee(shared, now) {
            return;
        }
        for id in self.rivals_to_ask(now) {
            self.list.trigger(id, now);
        }
        if let Some(better) = self.better_pair(now) {
            debug!(pair = %better, "a better pair than the selected one");
            self.nominate(better, now);
        }
    }

    /// When the next of the pairs that work is to be asked.
    pub(super) fn rivals_asked_at(&self, shared: &Shared) -> Option<Instant> {
        if self.searching || !self.may_renominate(shared) || self.nominee().is_some() {
            return None;
        }
        self.working_rivals().filter_map(|pair| pair.last_answer).map(|at| at + ASK_AGAIN).min()
    }

    fn working_rivals(&self) -> impl Iterator<Item = &Pair> {
        let works = |pair: &&Pair| pair.state == PairState::Succeeded && self.is_rival(pair);
        self.list.iter().filter(works).take(ASKED)
    }

    fn rivals_to_ask(&self, now: Instant) -> Vec<PairId> {
        let is_due = |pair: &&Pair| pair.last_answer.is_some_and(|at| at + ASK_AGAIN <= now);
        self.working_rivals().filter(is_due).map(|pair| pair.id).collect()
    }

    fn better_pair(&self, now: Instant) -> Option<PairId> {
        let selected = self.selected.and_then(|id| self.list.get(id))?;
        if self.selected_at.is_none_or(|at| at + SETTLED > now) {
            return None;
        }
        let is_better = |pair: &&Pair| {
            let (ours, theirs) = (&pair.round_trips, &selected.round_trips);
            let shorter = theirs.are_proven() && ours.are_clearly_shorter_than(theirs);
            let of_better_type = self.rank(pair) < self.rank(selected) && !theirs.are_clearly_shorter_than(ours);
            ours.are_proven() && (shorter || of_better_type)
        };
        let rivals = self.list.iter().filter(|pair| pair.is_live(now) && self.is_rival(pair)).filter(is_better);
        rivals.min_by_key(|pair| (self.rank(pair), pair.round_trips.mean)).map(|pair| pair.id)
    }

    /// The type of a pair, the best first.
    fn rank(&self, pair: &Pair) -> u8 {
        match pair.base {
            _ if self.is_relayed(pair) => 2,
            Base::Tcp(_) => 1,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_are_shorter_only_by_a_third_and_ten_milliseconds() {
        let of = |millis: u64| {
            let mut round_trips = RoundTrips::default();
            round_trips.add(Duration::from_millis(millis), false);
            round_trips
        };
        for (one, other, shorter) in
            [(20, 31, true), (20, 30, true), (20, 29, false), (2, 11, false), (100, 149, false), (100, 150, true)]
        {
            assert_eq!(of(one).are_clearly_shorter_than(&of(other)), shorter, "{one} and {other}");
        }
    }

    #[test]
    fn an_answer_that_took_several_requests_proves_nothing_of_those_before() {
        let mut round_trips = RoundTrips::default();
        (0..3).for_each(|_| round_trips.add(Duration::from_millis(20), false));
        assert!(round_trips.are_proven());
        round_trips.add(Duration::from_millis(80), true);
        assert!(!round_trips.are_proven());
        assert_eq!(round_trips.mean, Duration::from_millis(80));
    }
}
