//! How much may be in flight, and how fast it may leave: the seam behind which the controllers sit.
//!
//! A controller is told facts and asked for a window in bytes and, if it has an opinion, for a rate. What they share lives
//! here: rounds, recovery, and taking back what was done for a loss that was none.
//!
//! | file | what |
//! |---|---|
//! | here | the facts, rounds, recovery, undoing |
//! | `slow_start` | when to leave slow start (HyStart++) |
//! | `cubic`, `new_reno` | controllers that go by loss |
//! | `bbr` | one that goes by a model of the path |
//! | `short_queue` | a bound on the queue, for a path that is shared with what cannot wait |

mod bbr;
mod cubic;
mod new_reno;
mod short_queue;
mod slow_start;

use crate::CongestionControl;
use bbr::Bbr;
use cubic::Cubic;
use new_reno::NewReno;
use ortica_core::Instant;
use short_queue::{ShortQueue, Verdict};
use std::time::Duration;

/// What one acknowledgement says.
#[derive(Clone, Copy, Debug)]
pub struct Ack {
    pub now: Instant,
    /// Bytes acknowledged that had not been before.
    pub bytes: usize,
    /// The round trip time that it shows, if it shows one.
    pub rtt: Option<Duration>,
    /// The shortest round trip time ever seen.
    pub least_rtt: Option<Duration>,
    /// Number of the last packet known to have arrived.
    pub arrived: u64,
    /// Number of the last packet sent.
    pub sent: u64,
    /// Bytes still in flight.
    pub in_flight: usize,
    /// Whether it was the window or the pace, and not the application or the peer, that held sending back.
    pub held_back: bool,
}

/// Packets taken for lost.
#[derive(Clone, Copy, Debug)]
pub struct Losses {
    pub now: Instant,
    /// How many chunks.
    pub chunks: u32,
    /// Their bytes.
    pub bytes: usize,
    /// Number of the last of the packets.
    pub newest: u64,
    /// Number of the last packet sent.
    pub sent: u64,
}

/// What a loss says about the path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Cause {
    /// A queue had built up, or much was lost: the path carries no more than this.
    Congestion,
    /// No queue was there to overflow: the path loses packets by itself.
    Chance,
}

/// A controller at work on one path.
#[derive(Clone, Debug)]
pub struct Congestion {
    controller: Controller,
    round: Round,
    queue: Queue,
    /// Set while the path is shared with traffic that cannot wait.
    short_queue: Option<ShortQueue>,
    /// Losses of packets up to this number have been answered.
    answered: Option<u64>,
    undo: Option<Undo>,
}

#[derive(Clone, Debug)]
enum Controller {
    Cubic(Cubic),
    NewReno(NewReno),
    Bbr(Bbr),
}

/// The state before a loss was answered.
#[derive(Clone, Debug)]
struct Undo {
    controller: Controller,
    /// Chunks taken for lost that have not turned out to have arrived.
    doubtful: u32,
    by_timeout: bool,
}

/// Round trips, counted by packets: one ends when a packet has arrived that was sent after it began.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    /// The last packet sent when it began.
    end: u64,
    /// Bytes acknowledged in it.
    acked: usize,
    /// Bytes lost in it.
    lost: usize,
}

/// What the round trip times tell about the queue on the path.
#[derive(Clone, Copy, Debug, Default)]
struct Queue {
    least: Option<Duration>,
    latest: Option<Duration>,
}

impl Queue {
    /// A queue shorter than this is taken for none: timers and batches of both ends make as much.
    const NOISE: Duration = Duration::from_micros(500);
    /// So is one that makes a smaller part than this of the round trip. A buffer of a tenth of the bandwidth-delay product shows
    /// when it is full.
    const LEAST_PART: u32 = 16;

    fn is_standing(self) -> bool {
        let (Some(least), Some(latest)) = (self.least, self.latest) else { return true };
        latest > least + (least / Self::LEAST_PART).max(Self::NOISE)
    }
}

impl Congestion {
    /// Starts with the initial window of [RFC 9260 §7.2.1](https://www.rfc-editor.org/rfc/rfc9260#section-7.2.1). A
    /// "segment" is the largest DATA chunk that a packet holds.
    pub fn new(control: CongestionControl, segment: usize) -> Self {
        let window = (4 * segment).min((2 * segment).max(4_404));
        let controller = match control {
            CongestionControl::Cubic => Controller::Cubic(Cubic::new(segment, window)),
            CongestionControl::NewReno => Controller::NewReno(NewReno::new(segment, window)),
            CongestionControl::Bbr => Controller::Bbr(Bbr::new(segment, window)),
        };
        Self {
            controller,
            round: Round::default(),
            queue: Queue::default(),
            short_queue: None,
            answered: None,
            undo: None,
        }
    }

    /// Bytes that may be in flight.
    pub fn window(&self) -> usize {
        self.controller.window()
    }

    /// Bytes per second at which to send, given the smoothed round trip time: so much faster than a window a round trip that
    /// a window that grows is not held back.
    pub fn rate(&self, rtt: Duration) -> u64 {
        let is_slow_start = match &self.controller {
            Controller::Cubic(cubic) => cubic.is_slow_start(),
            Controller::NewReno(reno) => reno.is_slow_start(),
            Controller::Bbr(bbr) => match bbr.rate() {
                Some(rate) => return rate,
                None => true,
            },
        };
        let quarters = if is_slow_start { 8 } else { 5 };
        let rate = self.window() as u128 * quarters * 250_000_000 / rtt.as_nanos().max(1);
        u64::try_from(rate).unwrap_or(u64::MAX)
    }

    /// Says whether the path is shared with traffic that cannot wait, for which the queue is to be kept short; the shortest
    /// round trip time ever seen is what it begins with. Who has the path alone again and had given way finds out anew what it
    /// carries.
    pub fn set_shared(&mut self, now: Instant, shared: bool, least_rtt: Option<Duration>) {
        match (shared, least_rtt) {
            (true, Some(least)) => {
                self.short_queue.get_or_insert_with(|| ShortQueue::new(now, least));
            }
            (true, None) => (),
            (false, _) => {
                if self.short_queue.take().is_some_and(|queue| queue.has_cut()) {
                    self.controller.start_over();
                }
            }
        }
    }

    /// Something was acknowledged. Returns whether the window was cut for the sake of the queue.
    pub fn on_ack(&mut self, ack: &Ack) -> bool {
        self.queue.least = ack.least_rtt;
        self.queue.latest = ack.rtt.or(self.queue.latest);
        let new_round = ack.arrived > self.round.end;
        if new_round {
            self.round = Round { end: ack.sent, ..Round::default() };
        }
        self.round.acked += ack.bytes;
        match self.short_queue.as_mut().and_then(|queue| queue.on_ack(ack, new_round)) {
            Some(Verdict::GiveWay(keep)) => {
                self.undo = None;
                self.controller.give_way(ack.now, keep);
                return true;
            }
            Some(Verdict::StartOver) => self.controller.start_over(),
            None => (),
        }
        let recovering = self.answered.is_some_and(|answered| ack.arrived <= answered);
        match &mut self.controller {
            Controller::Cubic(cubic) => cubic.on_ack(ack, new_round, recovering),
            Controller::NewReno(reno) => reno.on_ack(ack, new_round, recovering),
            Controller::Bbr(bbr) => bbr.on_ack(ack, new_round),
        }
        false
    }

    /// Packets were lost. Returns whether that is news: losses among what was sent before the last one was answered tell the
    /// same story.
    pub fn on_loss(&mut self, losses: &Losses) -> bool {
        self.round.lost += losses.bytes;
        if self.answered.is_some_and(|answered| losses.newest <= answered) {
            if let Some(undo) = &mut self.undo {
                undo.doubtful += losses.chunks;
            }
            return false;
        }
        self.answered = Some(losses.sent);
        self.undo = Some(Undo { controller: self.controller.clone(), doubtful: losses.chunks, by_timeout: false });
        // The queue that is let stand on a shared path is none that overflows.
        let keep = self.short_queue.as_mut().map(|queue| queue.on_loss(losses.now)).filter(|_| !self.is_much_lost());
        let cause = self.cause();
        match &mut self.controller {
            Controller::Cubic(cubic) => match keep {
                Some(keep) => cubic.give_way(keep),
                None => cubic.on_loss(cause),
            },
            Controller::NewReno(reno) => reno.on_loss(),
            Controller::Bbr(bbr) => bbr.on_loss(losses.now, cause),
        }
        true
    }

    fn cause(&self) -> Cause {
        if self.queue.is_standing() || self.is_much_lost() { Cause::Congestion } else { Cause::Chance }
    }

    fn is_much_lost(&self) -> bool {
        let Round { acked, lost, .. } = self.round;
        lost > (acked + lost) / 8 && lost > 16 << 10
    }

    /// So many chunks taken for lost have turned out to have arrived. When all of them have, nothing was lost, and nothing
    /// shall have happened.
    ///
    /// Source: [RFC 9438 §4.9](https://www.rfc-editor.org/rfc/rfc9438#section-4.9)
    pub fn on_spurious(&mut self, chunks: u32) -> bool {
        let Some(undo) = &mut self.undo else { return false };
        // A time-out doubts everything. Something that arrived all the same shows that it came too soon; what was lost after
        // all is found out as any other loss (as F-RTO does, RFC 5682).
        let settled = if undo.by_timeout && chunks > 0 { undo.doubtful } else { chunks };
        undo.doubtful = undo.doubtful.saturating_sub(settled);
        let Some(undo) = self.undo.take_if(|undo| undo.doubtful == 0) else { return false };
        if undo.controller.window() > self.window() {
            self.controller = undo.controller;
        }
        self.answered = None;
        true
    }

    /// The T3 timer ran out, with so many chunks in flight, while `sent` was the last packet sent.
    pub fn on_timeout(&mut self, chunks: u32, sent: u64) {
        // One that follows on another takes from the same window.
        let controller = match self.undo.take() {
            Some(undo) if undo.by_timeout => undo.controller,
            _ => self.controller.clone(),
        };
        self.undo = Some(Undo { controller, doubtful: chunks, by_timeout: true });
        self.answered = Some(sent);
        match &mut self.controller {
            Controller::Cubic(cubic) => cubic.on_timeout(),
            Controller::NewReno(reno) => reno.on_timeout(),
            Controller::Bbr(bbr) => bbr.on_timeout(),
        }
    }

    /// Nothing was sent for so many retransmission time-outs.
    pub fn on_idle(&mut self, periods: u32) {
        if periods == 0 {
            return;
        }
        match &mut self.controller {
            Controller::Cubic(cubic) => cubic.on_idle(periods),
            Controller::NewReno(reno) => reno.on_idle(periods),
            // Its rate says how fast to begin again.
            Controller::Bbr(_) => (),
        }
    }
}

impl Controller {
    /// A queue is too long: `keep` is the share of the window that leaves the path full and the queue empty.
    fn give_way(&mut self, now: Instant, keep: f64) {
        match self {
            Self::Cubic(cubic) => cubic.give_way(keep),
            Self::NewReno(reno) => reno.give_way(keep),
            // Its window is no measure of what is in flight.
            Self::Bbr(bbr) => bbr.on_loss(now, Cause::Congestion),
        }
    }

    /// There is room on the path, nobody knows how much.
    fn start_over(&mut self) {
        match self {
            Self::Cubic(cubic) => cubic.start_over(),
            Self::NewReno(reno) => reno.start_over(),
            // It probes for more by itself.
            Self::Bbr(_) => (),
        }
    }

    fn window(&self) -> usize {
        match self {
            Self::Cubic(cubic) => cubic.window(),
            Self::NewReno(reno) => reno.window(),
            Self::Bbr(bbr) => bbr.window(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub const SEGMENT: usize = 1_176;
    pub const RTT: Duration = Duration::from_millis(50);

    pub fn cubic() -> Congestion {
        Congestion::new(CongestionControl::Cubic, SEGMENT)
    }

    pub fn reno() -> Congestion {
        Congestion::new(CongestionControl::NewReno, SEGMENT)
    }

    /// An acknowledgement a round trip after the last.
    fn ack(congestion: &Congestion, bytes: usize) -> Ack {
        let round = congestion.round.end.max(congestion.answered.unwrap_or(0));
        let now = netsim::epoch() + RTT * (congestion.round.end as u32 + 1);
        Ack {
            now,
            bytes,
            rtt: Some(RTT),
            least_rtt: Some(RTT),
            arrived: round + 1,
            sent: round + 1,
            in_flight: bytes,
            held_back: true,
        }
    }

    pub fn acked(congestion: &mut Congestion, bytes: usize) {
        let ack = ack(congestion, bytes);
        congestion.on_ack(&ack);
    }

    pub fn acked_idly(congestion: &mut Congestion, bytes: usize) {
        let ack = Ack { held_back: false, ..ack(congestion, bytes) };
        congestion.on_ack(&ack);
    }

    /// The round trip time says that there is a queue.
    pub fn standing(congestion: &mut Congestion) {
        let ack = Ack { rtt: Some(RTT * 2), held_back: false, ..ack(congestion, 0) };
        congestion.on_ack(&ack);
    }

    fn losses(congestion: &Congestion, bytes: usize) -> Losses {
        let at = congestion.round.end.max(congestion.answered.unwrap_or(0)) + 1;
        Losses { now: netsim::epoch(), chunks: 1, bytes, newest: at, sent: at + 1 }
    }

    /// A chunk was lost, where a queue had built up.
    pub fn lost(congestion: &mut Congestion) {
        congestion.queue = Queue { least: Some(RTT), latest: Some(RTT * 2) };
        let losses = losses(congestion, SEGMENT);
        assert!(congestion.on_loss(&losses));
    }

    /// Chunks were lost, and no queue is to be seen unless there was one before.
    pub fn lost_by_chance(congestion: &mut Congestion, bytes: usize) {
        let losses = losses(congestion, bytes);
        assert!(congestion.on_loss(&losses));
    }

    /// Those that go by loss.
    const ALL: [CongestionControl; 2] = [CongestionControl::Cubic, CongestionControl::NewReno];

    #[test]
    fn starts_with_the_initial_window_of_the_rfc() {
        for control in ALL {
            let window = |segment| Congestion::new(control, segment).window();
            assert_eq!([window(1_000), window(SEGMENT), window(9_000)], [4_000, 4_404, 18_000], "{control:?}");
        }
    }

    /// Guards against optimistic growth: a window grows by what was acknowledged, only when it held sending back.
    #[test]
    fn cve_33_slow_start_grows_by_what_was_acknowledged() {
        for control in ALL {
            let mut congestion = Congestion::new(control, SEGMENT);
            let before = congestion.window();
            acked(&mut congestion, 10 * SEGMENT);
            assert_eq!(congestion.window(), before + 10 * SEGMENT, "{control:?}");
            acked_idly(&mut congestion, 10 * SEGMENT);
            assert_eq!(congestion.window(), before + 10 * SEGMENT, "{control:?}");
        }
    }

    /// Guards that one flight is punished once, and the next one again; and the floor of four segments.
    #[test]
    fn sctp_7_a_flight_is_punished_once() {
        for control in ALL {
            let mut congestion = Congestion::new(control, SEGMENT);
            acked(&mut congestion, 100 * SEGMENT);
            let flight = Losses { newest: 50, sent: 60, ..losses(&congestion, SEGMENT) };
            assert!(congestion.on_loss(&flight));
            let window = congestion.window();
            assert!(!congestion.on_loss(&Losses { newest: 60, sent: 70, ..flight }));
            assert_eq!(congestion.window(), window, "{control:?}");
            for at in 1..100 {
                assert!(congestion.on_loss(&Losses { newest: 60 + at, sent: 60 + at, ..flight }));
            }
            assert_eq!(congestion.window(), 4 * SEGMENT, "{control:?}");
        }
    }

    #[test]
    fn a_time_out_leaves_one_segment_and_idling_four() {
        for control in ALL {
            let mut congestion = Congestion::new(control, SEGMENT);
            acked(&mut congestion, 100 * SEGMENT);
            let before = congestion.window();
            congestion.on_idle(1);
            assert_eq!(congestion.window(), before / 2, "{control:?}");
            congestion.on_idle(40);
            assert_eq!(congestion.window(), 4 * SEGMENT, "{control:?}");
            congestion.on_timeout(1, 100);
            assert_eq!(congestion.window(), SEGMENT, "{control:?}");
            congestion.on_idle(3);
            assert_eq!(congestion.window(), SEGMENT, "{control:?}");
        }
    }

    /// Guards the way back: when everything that was taken for lost turns out to have arrived, the window is as before; as
    /// long as one is missing it is not.
    #[test]
    fn what_was_done_for_losses_that_were_none_is_undone() {
        for control in ALL {
            let mut congestion = Congestion::new(control, SEGMENT);
            acked(&mut congestion, 100 * SEGMENT);
            let before = congestion.window();
            lost(&mut congestion);
            let more = Losses { chunks: 2, newest: 0, ..losses(&congestion, SEGMENT) };
            congestion.on_loss(&more);
            assert!(!congestion.on_spurious(2));
            assert!(congestion.window() < before, "{control:?}");
            assert!(congestion.on_spurious(1));
            assert_eq!(congestion.window(), before, "{control:?}");
            // Two time-outs, of which the second finds one segment.
            congestion.on_timeout(10, 200);
            congestion.on_timeout(10, 201);
            assert_eq!(congestion.window(), SEGMENT);
            assert!(!congestion.on_spurious(0));
            assert!(congestion.on_spurious(1));
            assert_eq!(congestion.window(), before, "{control:?}");
        }
    }

    /// Rounds that take this long, until the window is smaller after one. It is what it was then, and what it is.
    fn cut_by_queue(congestion: &mut Congestion, rtt: Duration) -> (usize, usize) {
        for _ in 0..20 {
            let before = congestion.window();
            let ack = Ack { rtt: Some(rtt), bytes: SEGMENT, ..ack(congestion, 0) };
            if congestion.on_ack(&ack) {
                return (before, congestion.window());
            }
        }
        panic!("the window was not cut");
    }

    /// Guards the bound on the queue, which holds only while the path is shared, and the way back to full speed after it.
    #[test]
    fn a_queue_costs_what_stands_and_only_on_a_shared_path() {
        for control in ALL {
            let mut congestion = Congestion::new(control, SEGMENT);
            acked(&mut congestion, 100 * SEGMENT);
            let start = netsim::epoch();
            congestion.set_shared(start, true, Some(RTT));
            let (before, after) = cut_by_queue(&mut congestion, RTT * 2);
            assert!(before.abs_diff(2 * after) <= 2, "{control:?}: {before} {after}");
            while congestion.window() > 2 * SEGMENT {
                cut_by_queue(&mut congestion, RTT * 2);
            }
            assert_eq!(congestion.window(), 2 * SEGMENT, "{control:?}");
            congestion.set_shared(start, false, Some(RTT));
            for _ in 0..10 {
                let window = congestion.window();
                acked(&mut congestion, window);
                assert_eq!(congestion.window(), 2 * window, "{control:?}");
            }
        }
    }

    /// Guards a window that nothing was taken from: that others left the path is no news then.
    #[test]
    fn who_never_gave_way_goes_on_as_before() {
        let mut congestion = cubic();
        acked(&mut congestion, 100 * SEGMENT);
        lost(&mut congestion);
        for shared in [true, false] {
            congestion.set_shared(netsim::epoch(), shared, Some(RTT));
        }
        let before = congestion.window();
        acked(&mut congestion, before);
        assert!(congestion.window() < before + 2 * SEGMENT);
    }

    #[test]
    fn a_loss_on_a_shared_path_costs_the_queue_that_stands() {
        let mut congestion = cubic();
        acked(&mut congestion, 1_000 * SEGMENT);
        congestion.set_shared(netsim::epoch(), true, Some(RTT));
        let share = |congestion: &mut Congestion, bytes| {
            let before = congestion.window() as f64;
            lost_by_chance(congestion, bytes);
            congestion.window() as f64 / before
        };
        assert!((share(&mut congestion, SEGMENT) - 0.93).abs() < 1e-3);
        let slower = Ack { rtt: Some(RTT * 6 / 5), held_back: false, ..ack(&congestion, 0) };
        congestion.on_ack(&slower);
        assert!((share(&mut congestion, SEGMENT) - 5.0 / 6.0).abs() < 1e-3);
        // As much as this is congestion, whatever the round trip times say.
        assert!((share(&mut congestion, 1_000 * SEGMENT) - 0.7).abs() < 1e-3);
    }

    #[test]
    fn short_queues_count_and_noise_does_not() {
        let queue = |rtt, waited| Queue { least: Some(rtt), latest: Some(rtt + waited) };
        let (ms, micros) = (Duration::from_millis, Duration::from_micros);
        // A tenth of the product is buffered, or 64 KiB at 1 Gbit/s without length.
        assert!(queue(ms(50), ms(5)).is_standing() && queue(ms(300), ms(30)).is_standing());
        assert!(queue(micros(50), micros(524)).is_standing());
        assert!(!queue(ms(50), ms(1)).is_standing() && !queue(ms(1), micros(400)).is_standing());
        assert!(Queue::default().is_standing(), "who knows nothing is careful");
    }

    #[test]
    fn the_rate_leads_the_window() {
        let mut congestion = reno();
        assert_eq!(congestion.rate(RTT), 2 * 20 * congestion.window() as u64);
        acked(&mut congestion, 100 * SEGMENT);
        lost(&mut congestion);
        assert_eq!(congestion.rate(RTT), 25 * congestion.window() as u64);
    }
}
