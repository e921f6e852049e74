//! What an agent reports of itself, and what that follows from.

use super::address::canonical;
use super::earlier::Previous;
use super::generation::Generation;
use super::pair::Pair;
use super::{Agent, Candidate, CandidateStats, GatheringState, PairStats, Route, State, Stats};
use crate::stun::TransactionId;
use ortica_core::{Instant, SocketId};
use std::net::SocketAddr;

impl Agent {
    /// Where data is to be sent: the nominated pair, or before nomination (and while the nominated pair is silent) the
    /// valid pair of highest priority. `None` when there is none, and when consent is lost.
    pub fn route(&self) -> Option<Route> {
        self.in_use().map(Pair::route)
    }

    /// Whether the peer has sent a check. It takes this side's password to do so: the peer has the description by then.
    pub fn is_checked_by_peer(&self) -> bool {
        self.shared.stats.requests_received > 0
    }

    /// Whether the peer has proved its credentials from `remote` on `socket`, by an answer or by a check of its own. Data
    /// from elsewhere is to be dropped.
    pub fn is_validated(&self, socket: SocketId, remote: SocketAddr) -> bool {
        let remote = canonical(remote);
        self.generations().any(|generation| generation.is_validated(socket, remote))
    }

    /// Whether the peer may send from `remote` to `socket`: a candidate says so, or a check came from there that could not be
    /// looked into yet.
    pub fn expects(&self, socket: SocketId, remote: SocketAddr) -> bool {
        let remote = canonical(remote);
        let announced = |base| self.current.remotes.iter().any(|it| it.signalled && it.is_at(base, remote));
        let socket = self.shared.socket(socket);
        socket.is_some_and(|it| announced(it.base) || self.current.has_early_check(it.id, remote))
    }

    /// Whether it asked what this answers: the peer in a check, or a STUN server.
    pub fn awaits(&self, answer: TransactionId) -> bool {
        self.generations().any(|generation| generation.awaits(answer))
    }

    /// Its state.
    pub fn state(&self) -> State {
        self.shared.outbox.state()
    }

    /// How far gathering is.
    pub fn gathering_state(&self) -> GatheringState {
        self.shared.outbox.gathering()
    }

    /// The local candidates of this generation, as they are signalled.
    pub fn local_candidates(&self) -> &[Candidate] {
        &self.current.signalled
    }

    /// The remote candidates of this generation that were signalled and can be used.
    pub fn remote_candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.current.remotes.iter().filter(|remote| remote.signalled).map(|remote| &remote.candidate)
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        self.shared.stats
    }

    /// All candidates, local and remote, peer-reflexive ones included. While a restart is under way, those of old
    /// generations come last.
    pub fn candidates(&self) -> impl Iterator<Item = CandidateStats<'_>> {
        self.generations().flat_map(Generation::candidates)
    }

    /// The candidate pairs, best first. While a restart is under way, those of old generations come last.
    pub fn pairs(&self) -> impl Iterator<Item = PairStats> {
        let in_use = self.in_use().map(|pair| pair.id);
        let pairs = self.generations().flat_map(|generation| generation.list.iter());
        pairs.map(move |pair| pair.stats(Some(pair.id) == in_use))
    }

    /// The pair that carries the data.
    pub(super) fn in_use(&self) -> Option<&Pair> {
        let carrier = self.carrier().and_then(|previous| previous.generation.active_pair());
        carrier.or_else(|| self.current.active_pair())
    }

    /// The old generation that carries the data, if one does.
    fn carrier(&self) -> Option<&Previous> {
        self.earlier.carrier(&self.current)
    }

    pub(super) fn derive_state(&self) -> State {
        let current = &self.current;
        if self.closed {
            State::Closed
        } else if current.failed {
            State::Failed
        } else if current.active.is_some() {
            match (current.is_silent(), current.searching) {
                (true, _) => State::Disconnected,
                (false, false) if current.knows_all_candidates(&self.shared) => State::Completed,
                _ => State::Connected,
            }
        } else if let Some(carrier) = self.carrier() {
            match (carrier.was_silent, carrier.generation.is_silent()) {
                (false, true) => State::Disconnected,
                (true, true) => State::Checking,
                (_, false) => State::Connected,
            }
        } else if current.last_answer.is_some() || current.waits_for_candidates(&self.shared) {
            State::Disconnected
        } else if self.restarted || current.remote.is_some() && (current.remote_ended || !current.remotes.is_empty()) {
            State::Checking
        } else {
            State::New
        }
    }

    /// When the agent fails unless something happens: 30 seconds after the last answer, or when patience is at its end and
    /// no pair is left to hope for. As long as candidates may come it has patience once more: who never says that none do
    /// (RFC 8838 §8.2 leaves it open) is not waited for without end, as RFC 8863 §5 has it.
    pub(super) fn failure_at(&self) -> Option<Instant> {
        let current = &self.current;
        if current.active.is_some() || self.carrier().is_some() {
            return None;
        }
        if let Some(answered) = current.last_answer {
            return Some(answered + super::consent::EXPIRY);
        }
        let patience = self.shared.config.patience;
        let (began, idle_since) = (current.began?, current.idle_since?);
        let tried = began + patience;
        let knows_all = current.knows_all_candidates(&self.shared);
        Some(if knows_all { tried } else { tried.max(idle_since) + patience })
    }
}
