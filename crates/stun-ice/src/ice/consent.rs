//! Consent: whether the peer still wants what is sent to it.
//!
//! Every 4 to 6 seconds a fresh request goes out over the pair in use. Thirty seconds after the last authenticated answer
//! nothing is sent there any more. Long before that, when answers stop for five seconds, the pair counts as silent: the
//! agent is disconnected and looks for another pair.
//!
//! RFC 7675 §5.1 has no request follow another one sooner than in 4 seconds, whether it was answered or not. A path that
//! loses a fifth of its packets both ways leaves 36 % of the requests unanswered, so that five in a row, and consent with
//! them, are lost once in 165 intervals; and one lost packet in five seconds must not count as silence. With
//! `consent_retry` (the default) a request that goes unanswered is therefore followed by another one, after two round trips
//! (200 ms at least, a second at most) until the pair counts as silent, and once a second from then on. Three requests in
//! a row have to go unanswered for silence, four where the round trip is below 100 ms.
//!
//! A relay may die, and nobody tells. So where data goes over one, of either side, and for a second nothing comes of the peer, it is
//! asked at once; three requests without an answer, 200 ms apart at least, and the pair counts as silent. Another relay carries the
//! data within three seconds then.
//!
//! A lite agent asks nothing, and takes the requests of its peer for answers. RFC 7675 has them come every 4 to 6 seconds.
//!
//! Source: [RFC 7675 §5.1](https://www.rfc-editor.org/rfc/rfc7675#section-5.1)

use super::generation::Generation;
use super::pair::Pair;
use super::shared::Shared;
use ortica_core::{Instant, Rng};
use std::time::Duration;

/// Consent is lost this long after the last authenticated answer.
pub(super) const EXPIRY: Duration = Duration::from_secs(30);
/// A pair is silent when answers stopped for this long, and requests went unanswered.
const SILENCE: Duration = Duration::from_secs(5);
/// The mean interval.
const INTERVAL: Duration = Duration::from_secs(5);
/// The longest wait after a request that went unanswered.
const RETRY: Duration = Duration::from_secs(1);
/// The shortest.
const MIN_RETRY: Duration = Duration::from_millis(200);
/// For a lite agent a pair is silent when requests stopped for this long: two may have got lost.
const LITE_SILENCE: Duration = Duration::from_secs(15);
/// Over a relay something is to come this long after data went there.
const UNHEARD: Duration = Duration::from_secs(1);
/// How long an answer may take at least. With the longest interval, silence is noticed 6.8 s after the last answer.
const ANSWER: Duration = Duration::from_millis(800);

/// The requests over the pair in use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Consent {
    /// When the next request is due.
    next: Instant,
    sent: Option<Instant>,
    /// When the first three of the requests that went unanswered were sent.
    unanswered: [Option<Instant>; 3],
    /// Something says that nobody is there any more.
    doubt: Option<Doubt>,
}

/// Why the pair in use is asked out of turn, and how many requests without an answer decide.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Doubt {
    /// The peer was found at another address: two.
    Moved,
    /// Data goes over a relay, and nothing comes: three.
    Unheard,
}

impl Consent {
    pub(super) fn new(now: Instant) -> Self {
        Self { next: now, sent: None, unanswered: [None; 3], doubt: None }
    }

    /// Starts over for another pair, which last answered then. One that was selected long after that is asked at once.
    pub(super) fn follow(&mut self, shared: &mut Shared, now: Instant, answered: Option<Instant>) {
        *self = Self::new(answered.map_or(now, |at| at + interval(&mut shared.rng)).max(now));
    }

    /// An authenticated answer came over the pair in use.
    pub(super) fn on_answer(&mut self, rng: &mut Rng, now: Instant) {
        if let Some(sent) = self.sent.take() {
            self.next = (sent + interval(rng)).max(now);
        }
        self.unanswered = [None; 3];
        self.doubt = None;
    }

    /// A request was sent over the pair in use.
    pub(super) fn on_sent(&mut self, shared: &mut Shared, now: Instant, pair: &Pair) {
        self.sent = Some(now);
        if let Some(slot) = self.unanswered.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(now);
        }
        self.next = now + self.wait(shared, pair);
    }

    /// Asks at once, and takes silence for an answer soon.
    pub(super) fn suspect(&mut self, now: Instant, doubt: Doubt) {
        if self.doubt.is_none() {
            *self = Self { doubt: Some(doubt), next: now, sent: None, unanswered: [None; 3] };
        }
    }

    fn wait(&self, shared: &mut Shared, pair: &Pair) -> Duration {
        if !shared.config.consent_retry && self.doubt.is_none() {
            interval(&mut shared.rng)
        } else if pair.silent_since.is_some() {
            RETRY
        } else {
            (pair.round_trip.unwrap_or(RETRY) * 2).clamp(MIN_RETRY, RETRY)
        }
    }

    /// When the pair counts as silent, if no answer comes before.
    fn silent_at(&self, pair: &Pair, retry: bool) -> Option<Instant> {
        let [first, second, third] = self.unanswered;
        let patience = (pair.round_trip.unwrap_or(MIN_RETRY) * 2).max(MIN_RETRY);
        if let Some(doubt) = self.doubt {
            let last = if doubt == Doubt::Moved { second } else { third };
            return last.map(|at| at + patience);
        }
        let stopped = pair.last_answer? + SILENCE;
        let asked = first? + ANSWER.max(patience);
        let asked_again = if retry { third? + patience } else { asked };
        Some(stopped.max(asked).max(asked_again))
    }
}

impl Generation {
    /// When a request for consent is due.
    pub(super) fn consent_due_at(&self) -> Option<Instant> {
        self.active_pair().filter(|_| !self.only_answers).map(|_| self.consent.next)
    }

    pub(super) fn silent_at(&self, shared: &Shared) -> Option<Instant> {
        let pair = self.active_pair().filter(|pair| pair.silent_since.is_none())?;
        if self.only_answers {
            return pair.last_answer.map(|at| at + LITE_SILENCE);
        }
        self.consent.silent_at(pair, shared.config.consent_retry)
    }

    /// When the pair in use is to be asked out of turn, because data goes over a relay and nothing comes.
    pub(super) fn doubted_at(&self) -> Option<Instant> {
        let pair = self.active_pair().filter(|pair| pair.silent_since.is_none() && self.consent.doubt.is_none())?;
        let is_asked = self.is_relayed(pair) && !self.only_answers;
        pair.unheard_since.filter(|_| is_asked).map(|at| at + UNHEARD)
    }

    pub(super) fn notice_silence(&mut self, shared: &Shared, now: Instant) {
        if self.doubted_at().is_some_and(|at| at <= now) {
            self.consent.suspect(now, Doubt::Unheard);
        }
        if self.silent_at(shared).is_some_and(|at| at <= now)
            && let Some(pair) = self.active.and_then(|id| self.list.get_mut(id))
        {
            let [first, ..] = self.consent.unanswered;
            pair.silent_since = first.or(Some(now));
        }
    }
}

/// 5 s times a random factor from 0.8 to 1.2, so that many agents do not ask in step.
fn interval(rng: &mut Rng) -> Duration {
    INTERVAL.mul_f64(0.8 + 0.4 * rng.unit())
}
