//! The pairs of a generation, and which of them is to be checked next.

use super::pair::{Pair, Run};
use super::{PairFailure, PairId, PairState, Role};
use ortica_core::{Instant, SocketId};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

/// The pairs in order of priority, best first, and the queue of triggered checks.
///
/// Source: [RFC 8445 §6.1.2](https://www.rfc-editor.org/rfc/rfc8445#section-6.1.2)
#[derive(Debug, Default)]
pub(super) struct Checklist {
    pairs: Vec<Pair>,
    triggered: VecDeque<PairId>,
}

impl Checklist {
    /// Gives back the room that is not used.
    pub(super) fn shrink_to_fit(&mut self) {
        self.pairs.shrink_to_fit();
        self.triggered.shrink_to_fit();
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Pair> {
        self.pairs.iter_mut()
    }

    pub(super) fn get(&self, id: PairId) -> Option<&Pair> {
        self.pairs.iter().find(|pair| pair.id == id)
    }

    pub(super) fn get_mut(&mut self, id: PairId) -> Option<&mut Pair> {
        self.pairs.iter_mut().find(|pair| pair.id == id)
    }

    pub(super) fn find(&self, socket: SocketId, remote: SocketAddr) -> Option<&Pair> {
        self.pairs.iter().find(|pair| pair.is_between(socket, remote))
    }

    /// Adds a pair. Beyond `limit` the worst pair that is not among the `kept` leaves; how many did is returned.
    pub(super) fn insert(&mut self, pair: Pair, limit: usize, kept: &[Option<PairId>]) -> u64 {
        let at = self.pairs.partition_point(|other| other.priority >= pair.priority);
        self.pairs.insert(at, pair);
        let mut dropped = 0;
        while self.pairs.len() > limit.max(1) {
            let worst =
                self.pairs.iter().rposition(|pair| pair.last_answer.is_none() && !kept.contains(&Some(pair.id)));
            // All are in use: the worst of them, which the pair in use is not.
            self.pairs.remove(worst.unwrap_or(self.pairs.len() - 1));
            dropped += 1;
        }
        dropped
    }

    pub(super) fn retain(&mut self, keep: impl FnMut(&Pair) -> bool) {
        self.pairs.retain(keep);
    }

    /// Priorities depend on the role.
    pub(super) fn set_role(&mut self, role: Role) {
        self.pairs.iter_mut().for_each(|pair| pair.update_priority(role));
        self.sort();
    }

    /// Restores the order after priorities changed. Stable, so that equal ones keep the order in which they came.
    pub(super) fn sort(&mut self) {
        self.pairs.sort_by_key(|pair| std::cmp::Reverse(pair.priority));
    }

    /// Puts a pair at the end of the triggered checks.
    pub(super) fn trigger(&mut self, id: PairId, now: Instant) {
        if let Some(pair) = self.get_mut(id) {
            pair.state = PairState::Waiting;
            pair.run = pair.run.again(now);
            if !self.triggered.contains(&id) {
                self.triggered.push_back(id);
            }
        }
    }

    /// Takes the next triggered check. Pairs that succeeded in the meantime need none.
    pub(super) fn take_triggered(&mut self) -> Option<PairId> {
        while let Some(id) = self.triggered.pop_front() {
            if self.get(id).is_some_and(|pair| pair.state == PairState::Waiting) {
                return Some(id);
            }
        }
        None
    }

    pub(super) fn has_triggered(&self) -> bool {
        self.triggered.iter().any(|id| self.get(*id).is_some_and(|pair| pair.state == PairState::Waiting))
    }

    /// The pair whose turn it is among the ordinary checks of those that `may` be checked: one in progress whose answer is overdue, if it is better than
    /// the best waiting one, which comes next; and when there is neither, the best frozen one.
    ///
    /// RFC 8445 §6.1.4.2 leaves a pair frozen while another one of its foundation is being checked. Here it is thawed when
    /// there is nothing else to do, since a turn that nobody takes is lost.
    pub(super) fn next_ordinary(&self, now: Instant, searching: bool, may: impl Fn(&Pair) -> bool) -> Option<PairId> {
        let overdue = |pair: &&Pair| pair.state == PairState::InProgress && pair.run.next <= now;
        let due = |pair: &&Pair| overdue(pair) || searching && pair.state == PairState::Waiting && may(pair);
        let frozen = |pair: &&Pair| searching && pair.state == PairState::Frozen && may(pair);
        self.pairs.iter().find(due).or_else(|| self.pairs.iter().find(frozen)).map(|pair| pair.id)
    }

    /// When [`next_ordinary`](Self::next_ordinary) will have one; "at once" is the earliest instant there is.
    pub(super) fn next_ordinary_at(&self, searching: bool, may: impl Fn(&Pair) -> bool) -> Option<Instant> {
        let at_once = Instant::from_nanos(0);
        self.pairs
            .iter()
            .filter_map(|pair| match pair.state {
                PairState::Waiting | PairState::Frozen if searching && may(pair) => Some(at_once),
                PairState::InProgress => Some(pair.run.next.min(pair.run.deadline())),
                _ => None,
            })
            .min()
    }

    /// The interval between two checks of one pair: at least 500 ms, and long enough that every pair has its turn.
    ///
    /// Source: [RFC 8445 §14.3](https://www.rfc-editor.org/rfc/rfc8445#section-14.3)
    pub(super) fn rto(&self, ta: Duration) -> Duration {
        let active = |pair: &&Pair| matches!(pair.state, PairState::Waiting | PairState::InProgress);
        let active = u32::try_from(self.pairs.iter().filter(active).count()).unwrap_or(u32::MAX);
        Duration::from_millis(500).max(ta.saturating_mul(active))
    }

    /// Fails the pairs that were checked for long enough.
    pub(super) fn fail_overdue(&mut self, now: Instant) {
        for pair in &mut self.pairs {
            if pair.state == PairState::InProgress && pair.run.deadline() <= now {
                pair.fail(PairFailure::Unanswered);
            }
        }
    }

    /// Ends the search: what is not decided yet rests.
    pub(super) fn rest(&mut self) {
        self.triggered.clear();
        for pair in &mut self.pairs {
            if pair.is_open() {
                pair.state = PairState::Frozen;
            }
        }
    }

    /// Begins the search anew, for every pair but one and those that have to wait for their next connection.
    pub(super) fn check_again(&mut self, except: Option<PairId>, now: Instant) {
        let waits = |pair: &&mut Pair| pair.reopening.next().is_some_and(|at| at > now);
        let again = |pair: &&mut Pair| Some(pair.id) != except && !pair.is_lost_for_good() && !waits(pair);
        for pair in self.pairs.iter_mut().filter(again) {
            pair.state = PairState::Waiting;
            pair.run = Run::new(now);
        }
    }
}
