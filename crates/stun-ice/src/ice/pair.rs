//! A candidate pair.

use super::renomination::RoundTrips;
use super::tcp::{Base, Reopening};
use super::{CandidateId, ConnectionError, PairFailure, PairId, PairState, PairStats, Role, Route, Traffic, consent};
use ortica_core::{Instant, SocketId};
use std::net::SocketAddr;
use std::time::Duration;

/// A socket of ours and an address of the peer, and what is known of the path between them.
///
/// There is one pair per socket and remote address: a reflexive local candidate is replaced by its base, as RFC 8445
/// §6.1.2.4 has it, and what the peer sees of that base is noted in `seen_as`.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) id: PairId,
    pub(super) socket: SocketId,
    pub(super) remote_addr: SocketAddr,
    /// What the socket is for.
    pub(super) base: Base,
    /// A connection for it is opened from here.
    pub(super) opens: bool,
    /// The base: a host candidate.
    pub(super) local: CandidateId,
    pub(super) remote: CandidateId,
    /// The local candidate that the peer sees, once an answer named it.
    pub(super) seen_as: Option<CandidateId>,
    pub(super) local_priority: u32,
    pub(super) remote_priority: u32,
    pub(super) priority: u64,
    pub(super) state: PairState,
    /// How the checks are coming on while `InProgress`.
    pub(super) run: Run,
    /// The last authenticated answer. The pair is valid for 30 seconds from it.
    pub(super) last_answer: Option<Instant>,
    /// The first request that went unanswered, once it is clear that answers stopped.
    pub(super) silent_since: Option<Instant>,
    /// The first data that was sent over it since anything of the peer came.
    pub(super) unheard_since: Option<Instant>,
    /// Why it failed last.
    pub(super) failure: Option<PairFailure>,
    /// Why it has no connection, over TCP.
    pub(super) lost: Option<ConnectionError>,
    /// When it may have another one.
    pub(super) reopening: Reopening,
    /// An authenticated check came over this pair.
    pub(super) heard: bool,
    /// When the peer last asked to use it.
    pub(super) asked_for: Option<Instant>,
    /// The number of its last nomination, by whichever side controls; 0 without one.
    pub(super) nomination: u32,
    /// The peer does not let it be nominated: it is not tried again.
    pub(super) given_up: bool,
    /// It was selected at some time.
    pub(super) nominated: bool,
    /// Learned after another one was selected: the peer may have moved.
    pub(super) newcomer: bool,
    pub(super) round_trip: Option<Duration>,
    pub(super) total_round_trip: Duration,
    pub(super) round_trips: RoundTrips,
    pub(super) requests_sent: u64,
    pub(super) requests_received: u64,
    pub(super) responses_sent: u64,
    pub(super) responses_received: u64,
    pub(super) consent_requests_sent: u64,
    pub(super) traffic: Traffic,
}

impl Pair {
    pub(super) fn route(&self) -> Route {
        Route { socket: self.socket, remote: self.remote_addr }
    }

    pub(super) fn is_between(&self, socket: SocketId, remote: SocketAddr) -> bool {
        self.socket == socket && self.remote_addr == remote
    }

    /// No check brings it back: only the peer can, by another connection, or nobody.
    pub(super) fn is_lost_for_good(&self) -> bool {
        self.given_up || !self.base.is_udp() && !self.opens && self.lost.is_some()
    }

    /// A check was answered, and consent has not expired since.
    pub(super) fn is_valid(&self, now: Instant) -> bool {
        self.last_answer.is_some_and(|at| now < at + consent::EXPIRY)
    }

    /// Valid, and not known to have gone silent.
    pub(super) fn is_live(&self, now: Instant) -> bool {
        self.is_valid(now) && self.silent_since.is_none()
    }

    /// Its checks may still succeed.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, PairState::Frozen | PairState::Waiting | PairState::InProgress)
    }

    /// The peer has proved its credentials over this pair.
    pub(super) fn is_validated(&self) -> bool {
        self.heard || self.last_answer.is_some()
    }

    pub(super) fn fail(&mut self, why: PairFailure) {
        self.state = PairState::Failed;
        self.failure = Some(why);
        self.last_answer = None;
    }

    pub(super) fn update_priority(&mut self, role: Role) {
        let (controlling, controlled) = match role {
            Role::Controlling => (self.local_priority, self.remote_priority),
            Role::Controlled => (self.remote_priority, self.local_priority),
        };
        self.priority = pair_priority(controlling, controlled);
    }

    pub(super) fn stats(&self, in_use: bool) -> PairStats {
        PairStats {
            id: self.id,
            local: self.seen_as.unwrap_or(self.local),
            remote: self.remote,
            socket: self.socket,
            state: self.state,
            lost: self.lost,
            failure: self.failure.filter(|_| self.state == PairState::Failed),
            nominated: self.nominated,
            selected: in_use,
            priority: self.priority,
            current_round_trip: self.round_trip,
            total_round_trip: self.total_round_trip,
            requests_sent: self.requests_sent,
            requests_received: self.requests_received,
            responses_sent: self.responses_sent,
            responses_received: self.responses_received,
            consent_requests_sent: self.consent_requests_sent,
            traffic: self.traffic,
        }
    }
}

/// Source: [RFC 8445 §6.1.2.3](https://www.rfc-editor.org/rfc/rfc8445#section-6.1.2.3)
fn pair_priority(controlling: u32, controlled: u32) -> u64 {
    let (g, d) = (u64::from(controlling), u64::from(controlled));
    (g.min(d) << 32) + 2 * g.max(d) + u64::from(g > d)
}

/// The checks of one pair, from the first to the success or the end of patience.
///
/// Each is a transaction of its own: what RFC 8489 §6.2.1 calls a retransmission is a fresh check here, so that an answer
/// tells the round trip exactly, and any of them may be answered. Where that section doubles the interval each time, this
/// one does so after every third check and stops at eight times: `0, 1, 2, 3, 5, 7, 9, 13, 17, 21, 29, ..` times the RTO,
/// up to the same 39.5 seconds. A fifth of the packets lost both ways takes 36 % of the checks; doubling each time would
/// leave one pair in 50 without an answer for four seconds. The packet rate is bounded all the same, because these checks,
/// unlike retransmissions, wait for a turn at the pace Ta.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) began: Instant,
    pub(super) sent: u32,
    pub(super) next: Instant,
    /// The first check that nothing was answered to since, in this run or one that it follows.
    since: Option<Instant>,
}

impl Run {
    /// After this long without an answer the pair has failed.
    pub(super) const LEN: Duration = Duration::from_millis(39_500);

    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, sent: 0, next: now, since: None }
    }

    /// Another one, because the peer checks the pair.
    pub(super) fn again(&self, now: Instant) -> Self {
        Self { since: self.since, ..Self::new(now) }
    }

    /// A check was sent.
    pub(super) fn on_sent(&mut self, now: Instant, rto: Duration) {
        if self.sent == 0 {
            self.began = now;
        }
        let doublings = (self.sent / 3).min(3);
        self.sent += 1;
        self.since.get_or_insert(now);
        self.next = now + rto * (1 << doublings);
    }

    /// A check was sent that nothing of gets lost, or is about to be.
    pub(super) fn on_sent_once(&mut self, now: Instant) {
        (self.began, self.sent) = (now, self.sent + 1);
        self.since.get_or_insert(now);
        self.next = self.deadline();
    }

    /// A check was answered.
    pub(super) fn on_answer(&mut self) {
        self.since = None;
    }

    pub(super) fn deadline(&self) -> Instant {
        self.began + Self::LEN
    }

    /// Nothing was answered for that long, however often the peer had the checks begin anew: it takes something else than these
    /// for a password or a fragment, or hears nothing.
    pub(super) fn is_hopeless(&self, now: Instant) -> bool {
        self.since.is_some_and(|at| at + Self::LEN <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pair_priority_follows_the_formula() {
        assert_eq!(pair_priority(5, 7), (5 << 32) + 14);
        assert_eq!(pair_priority(7, 5), (5 << 32) + 15);
    }

    /// Guards `Run::again` and `Run::on_answer`: a run that follows another one has no patience of its own, until it is answered.
    #[test]
    fn checks_that_begin_anew_become_hopeless_too() {
        let start = Instant::from_nanos(0);
        let mut run = Run::new(start);
        run.on_sent(start, Duration::from_millis(500));
        run = run.again(start + Run::LEN / 2);
        let just = Run::LEN.saturating_sub(Duration::from_nanos(1));
        assert!(!run.is_hopeless(start + just) && run.is_hopeless(start + Run::LEN));
        run.on_answer();
        assert!(!run.is_hopeless(start + Run::LEN * 2));
    }

    #[test]
    fn checks_of_a_pair_thin_out() {
        let start = Instant::from_nanos(0);
        let rto = Duration::from_millis(500);
        let mut run = Run::new(start);
        let mut sent = Vec::new();
        while run.next < run.deadline() {
            sent.push(run.next.saturating_duration_since(start).as_millis() / 500);
            run.on_sent(run.next, rto);
        }
        assert_eq!(sent, [0, 1, 2, 3, 5, 7, 9, 13, 17, 21, 29, 37, 45, 53, 61, 69, 77]);
    }
}
