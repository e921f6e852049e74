//! One generation of an agent: what a restart replaces.

use super::checklist::Checklist;
use super::consent::Consent;
use super::gather::Gathering;
use super::local::Local;
use super::nomination::Nomination;
use super::pair::Pair;
use super::remote::Remote;
use super::request::EarlyCheck;
use super::shared::Shared;
use super::transaction::Transactions;
use super::{
    Candidate, CandidateKind, CandidateStats, Credentials, GatheringState, PairFailure, PairId, PairState, consent,
};
use crate::stun::IntegrityKey;
use ortica_core::crypto::CryptoProvider;
use ortica_core::{Instant, SocketId};
use std::net::{IpAddr, SocketAddr};

/// Credentials, candidates, pairs, and the pair in use.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) number: u32,
    pub(super) local: Secret,
    pub(super) remote: Option<Secret>,
    /// The peer is lite: it checks nothing itself.
    pub(super) lite: bool,
    /// The peer follows nominations after the first one.
    pub(super) peer_renominates: bool,
    /// This side is lite, and the peer is not.
    pub(super) only_answers: bool,
    pub(super) locals: Vec<Local>,
    /// The local candidates that were signalled, as they were.
    pub(super) signalled: Vec<Candidate>,
    pub(super) foundations: Vec<(CandidateKind, bool, IpAddr, Option<IpAddr>)>,
    pub(super) remotes: Vec<Remote>,
    pub(super) remote_ended: bool,
    /// More remote candidates came than are kept; said once.
    pub(super) flooded: bool,
    pub(super) list: Checklist,
    pub(super) early: Vec<EarlyCheck>,
    pub(super) transactions: Transactions,
    pub(super) gathering: Gathering,
    /// The pair that was nominated last.
    pub(super) selected: Option<PairId>,
    /// Since when it is that one.
    pub(super) selected_at: Option<Instant>,
    /// The pair that carries the data.
    pub(super) active: Option<PairId>,
    pub(super) nomination: Nomination,
    /// How many nominations there were.
    pub(super) nominations: u32,
    pub(super) consent: Consent,
    /// When checks could begin: both sides' credentials were known.
    pub(super) began: Option<Instant>,
    /// A check was sent.
    pub(super) checked: bool,
    /// The last authenticated answer over any pair.
    pub(super) last_answer: Option<Instant>,
    /// Pairs are being looked for: none is selected, or the selected one went silent.
    pub(super) searching: bool,
    /// When the next source of data that is not validated may be checked.
    pub(super) next_source_check: Instant,
    /// Since when there is nothing left to check.
    pub(super) idle_since: Option<Instant>,
    pub(super) failed: bool,
}

/// Credentials and the key made of their password.
#[derive(Debug)]
pub(super) struct Secret {
    pub(super) credentials: Credentials,
    pub(super) key: IntegrityKey,
}

impl Secret {
    pub(super) fn new(provider: &CryptoProvider, credentials: Credentials) -> Self {
        let key = IntegrityKey::short_term(provider, &credentials.pwd);
        Self { credentials, key }
    }
}

impl Generation {
    /// A generation with the candidates of all sockets.
    pub(super) fn new(number: u32, credentials: Credentials, shared: &mut Shared, now: Instant) -> Self {
        let mut generation = Self {
            number,
            local: Secret::new(&shared.config.provider, credentials),
            remote: None,
            lite: false,
            peer_renominates: false,
            only_answers: shared.config.lite,
            locals: Vec::new(),
            signalled: Vec::new(),
            foundations: Vec::new(),
            remotes: Vec::new(),
            remote_ended: false,
            flooded: false,
            list: Checklist::default(),
            early: Vec::new(),
            transactions: Transactions::default(),
            gathering: Gathering::default(),
            selected: None,
            selected_at: None,
            active: None,
            nomination: Nomination::default(),
            nominations: 0,
            consent: Consent::new(now),
            began: None,
            checked: false,
            last_answer: None,
            searching: true,
            next_source_check: now,
            idle_since: None,
            failed: false,
        };
        for socket in shared.sockets.clone() {
            generation.add_socket(shared, now, socket);
        }
        generation
    }

    pub(super) fn add_socket(&mut self, shared: &mut Shared, now: Instant, socket: super::shared::Socket) {
        self.gathering.begin(shared, now);
        match socket.base.kind() {
            CandidateKind::Relayed => self.add_relayed(shared, now, socket),
            _ if self.gathering.uses_hosts() => self.add_host(shared, now, socket),
            _ => {}
        }
        self.gathering.add_socket(shared, now, socket);
    }

    pub(super) fn remove_socket(&mut self, id: SocketId) {
        self.locals.retain(|local| local.base != id);
        let Self { locals, signalled, .. } = self;
        signalled.retain(|candidate| locals.iter().any(|local| local.candidate == *candidate));
        self.list.retain(|pair| pair.socket != id);
        self.early.retain(|check| check.socket != id);
        self.gathering.remove_socket(id);
    }

    /// Takes the peer's credentials, and with them the checks that came before.
    pub(super) fn set_remote(&mut self, shared: &mut Shared, now: Instant, credentials: Credentials, lite: bool) {
        self.remote = Some(Secret::new(&shared.config.provider, credentials));
        self.lite = lite;
        self.only_answers = shared.config.lite && !lite;
        self.began = Some(now);
        self.drop_foreign_remotes(shared, now);
        self.process_early_checks(shared, now);
    }

    /// Its candidates, local ones first.
    pub(super) fn candidates(&self) -> impl Iterator<Item = CandidateStats<'_>> {
        let locals = self.locals.iter().map(|it| CandidateStats {
            id: it.id,
            remote: false,
            candidate: &it.candidate,
            server: it.server.as_ref(),
            turn: it.turn,
            signalled: true,
        });
        let remotes = self.remotes.iter().map(|it| CandidateStats {
            id: it.id,
            remote: true,
            candidate: &it.candidate,
            server: None,
            turn: None,
            signalled: it.signalled,
        });
        locals.chain(remotes)
    }

    /// The pair that carries the data.
    pub(super) fn active_pair(&self) -> Option<&Pair> {
        self.list.get(self.active?)
    }

    pub(super) fn is_silent(&self) -> bool {
        self.active_pair().is_some_and(|pair| pair.silent_since.is_some())
    }

    pub(super) fn is_validated(&self, socket: SocketId, remote: SocketAddr) -> bool {
        let hit = |pair: &Pair| pair.socket == socket && pair.remote_addr == remote && pair.is_validated();
        self.active_pair().is_some_and(hit) || self.list.iter().any(hit)
    }

    /// Brings the generation up to `now`: what expired, what went silent, which pair to use, whom to nominate.
    pub(super) fn settle(&mut self, shared: &mut Shared, now: Instant) {
        self.list.fail_overdue(now);
        self.transactions.expire(now.saturating_sub(consent::EXPIRY));
        for pair in self.list.iter_mut() {
            if pair.last_answer.is_some() && !pair.is_valid(now) {
                pair.fail(PairFailure::ConsentLost);
                pair.heard = false;
            }
        }
        self.notice_silence(shared, now);
        self.choose_active(shared, now);
        self.reopen(now);
        self.advance_nomination(shared, now);
        self.idle_since = if self.is_open(now) { None } else { self.idle_since.or(Some(now)) };
    }

    /// Picks the pair that carries the data: the selected one while it answers, else the best that does.
    ///
    /// A pair that was valid before the selected one went silent may be as dead as that one; only those that answered
    /// since then take over.
    pub(super) fn choose_active(&mut self, shared: &mut Shared, now: Instant) {
        let selected = self.selected.and_then(|id| self.list.get(id)).filter(|pair| pair.is_valid(now));
        let leader = selected.or_else(|| self.active_pair().filter(|pair| pair.is_valid(now)));
        let silent_since = leader.and_then(|pair| pair.silent_since);
        let fresh = |pair: &&Pair| pair.is_live(now) && pair.last_answer >= silent_since;
        let best = match selected {
            Some(pair) if pair.silent_since.is_none() => Some(pair),
            _ => self.list.iter().find(fresh).or(leader).or_else(|| self.list.iter().find(|pair| pair.is_valid(now))),
        };
        let (best, answered) = (best.map(|pair| pair.id), best.and_then(|pair| pair.last_answer));
        if best != self.active {
            self.active = best;
            self.consent.follow(shared, now, answered);
        }
        let healthy = self.selected.is_some() && self.selected == self.active && !self.is_silent();
        if healthy && self.searching {
            self.searching = false;
            let other = self.nominee().is_some_and(|nominee| Some(nominee) != self.selected);
            self.nomination.clear();
            self.list.rest();
            if let Some(selected) = self.selected.filter(|_| other) {
                // It answers again. The peer may have gone over to the other pair by now, and is called back.
                self.nominate(selected, now);
            }
        } else if !healthy && !self.searching {
            self.searching = true;
            self.list.check_again(self.active, now);
        }
    }

    /// Whether a check may still find a pair.
    fn is_open(&self, now: Instant) -> bool {
        let may_open = |pair: &Pair| pair.is_open() || pair.reopening.next().is_some();
        !self.only_answers && self.list.iter().any(|pair| may_open(pair) && !pair.run.is_hopeless(now))
    }

    /// Neither side has candidates to come.
    pub(super) fn knows_all_candidates(&self, shared: &Shared) -> bool {
        let gathered = self.gathering.state(shared.sockets_ended) == GatheringState::Complete;
        self.remote_ended && !self.is_resolving() && gathered
    }

    /// What there was to check came to nothing, and only candidates that are to come can help.
    ///
    /// Source: [webrtc-pc §5.6.4](https://www.w3.org/TR/webrtc/#dom-rtcicetransportstate-disconnected)
    pub(super) fn waits_for_candidates(&self, shared: &Shared) -> bool {
        let tried = self.began.is_some() && self.list.iter().next().is_some() && !self.only_answers;
        tried && self.idle_since.is_some() && !self.knows_all_candidates(shared)
    }

    /// Ends all activity; pairs that have not failed yet do so for this reason.
    pub(super) fn fail(&mut self, why: PairFailure) {
        self.failed = true;
        self.active = None;
        self.nomination.clear();
        self.transactions.clear();
        self.early.clear();
        self.gathering.abandon();
        self.list.rest();
        for pair in self.list.iter_mut() {
            if pair.state != PairState::Failed {
                pair.fail(why);
            }
            pair.heard = false;
        }
    }

    /// When [`settle`](Self::settle) has something to do next, apart from sending.
    pub(super) fn next_change(&self, shared: &Shared) -> Option<Instant> {
        let expiry = self.active_pair().and_then(|pair| pair.last_answer).map(|at| at + consent::EXPIRY);
        let doubts = [expiry, self.silent_at(shared), self.doubted_at()];
        let waits = [self.nomination_decided_at(shared), self.rivals_asked_at(shared), self.reopens_at()];
        waits.into_iter().chain(doubts).flatten().min()
    }
}
