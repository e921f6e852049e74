//! The receiver's half of transport-wide congestion control: when each packet of the transport arrived.
//!
//! Source: [draft-holmer-rmcat-transport-wide-cc-extensions-01](https://datatracker.ietf.org/doc/html/draft-holmer-rmcat-transport-wide-cc-extensions-01)

use crate::id::Ssrc;
use crate::rtcp::TransportFeedback;
use crate::sequence::{SequenceNumber, SequenceUnwrapper};
use ortica_core::Instant;
use std::time::Duration;

/// A gap larger than this is not reported as lost packet by packet: the sender has started over.
const MAX_GAP: i64 = 1_000;
/// Arrivals in one feedback, so that it fits a datagram: each takes two bytes of delta and two bits of status at most.
const MAX_ARRIVALS: usize = 400;

/// Bounds of an [`ArrivalRecorder`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// Arrivals kept between two feedbacks. Beyond, a feedback is due at once. Default 2,048.
    pub arrivals: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { arrivals: 2_048 }
    }
}

/// Remembers when packets arrived, and says so at intervals.
#[derive(Clone, Debug)]
pub struct ArrivalRecorder {
    interval: Duration,
    limits: Limits,
    sequence: SequenceUnwrapper,
    /// Not reported yet, as they came.
    arrivals: Vec<(i64, Instant)>,
    /// The number behind the last one reported.
    next: Option<i64>,
    due: Option<Instant>,
    count: u8,
    dropped: u64,
}

impl Default for ArrivalRecorder {
    fn default() -> Self {
        Self::new(Duration::from_millis(100), Limits::default())
    }
}

impl ArrivalRecorder {
    /// Nothing arrived yet. A feedback is due `interval` after the first arrival that it reports; 50 to 250 ms suit.
    pub fn new(interval: Duration, limits: Limits) -> Self {
        Self {
            interval,
            limits,
            sequence: SequenceUnwrapper::new(),
            arrivals: Vec::new(),
            next: None,
            due: None,
            count: 0,
            dropped: 0,
        }
    }

    /// Arrivals that were not kept for lack of room.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The packet with this transport-wide number arrived.
    pub fn handle_packet(&mut self, now: Instant, number: SequenceNumber) {
        if self.arrivals.len() >= self.limits.arrivals {
            self.dropped += 1;
            return;
        }
        let number = self.sequence.unwrap(number);
        self.arrivals.push((number, now));
        let due = if self.arrivals.len() >= self.limits.arrivals { now } else { now + self.interval };
        self.due = Some(self.due.map_or(due, |earlier| earlier.min(due)));
    }

    /// When [`poll`](Self::poll) will have a feedback.
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// The next feedback, if it is due. Call until `None`.
    pub fn poll(&mut self, now: Instant, sender: Ssrc, media: Ssrc) -> Option<TransportFeedback> {
        if self.due.is_none_or(|due| due > now) {
            return None;
        }
        // Numbers come in order nearly always, and then there is nothing to move.
        self.arrivals.sort_unstable();
        let &(first, at) = self.arrivals.first()?;
        let base = self.next.filter(|next| *next <= first && first - next <= MAX_GAP).unwrap_or(first);
        let mut feedback = TransportFeedback::new(sender, media, wire(base), time(at), self.count);
        let mut reported = 0;
        let mut last = None;
        for &(number, at) in self.arrivals.iter().take(MAX_ARRIVALS) {
            let twice = last == Some(number);
            if number - base >= i64::from(u16::MAX) / 2 || (!twice && feedback.push(wire(number), time(at)).is_err()) {
                break;
            }
            last = Some(number);
            reported += 1;
        }
        // One that came late was reported as lost; those behind it are not reported a second time.
        self.next = self.next.max(last.map(|last| last + 1));
        self.arrivals.drain(..reported.max(1));
        self.due = if self.arrivals.is_empty() { None } else { Some(now) };
        self.count = self.count.wrapping_add(1);
        Some(feedback).filter(|feedback| feedback.received() > 0)
    }
}

fn wire(number: i64) -> SequenceNumber {
    SequenceNumber(number as u16)
}

/// Wraps as the reference time does, which the format allows for.
fn time(at: Instant) -> Duration {
    Duration::from_nanos(at.as_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENDER: Ssrc = Ssrc(1);
    const MEDIA: Ssrc = Ssrc(2);

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(3_600_000_000_000 + millis * 1_000_000)
    }

    fn statuses(feedback: &TransportFeedback) -> Vec<(u16, bool)> {
        feedback.packets().map(|(number, arrived)| (number.0, arrived.is_some())).collect()
    }

    #[test]
    fn reports_after_the_interval_what_arrived_and_what_did_not() {
        let mut recorder = ArrivalRecorder::default();
        for (number, millis) in [(10, 0), (11, 5), (13, 9)] {
            recorder.handle_packet(at(millis), SequenceNumber(number));
        }
        assert_eq!(recorder.poll_timeout(), Some(at(100)));
        assert_eq!(recorder.poll(at(99), SENDER, MEDIA), None);
        let feedback = recorder.poll(at(100), SENDER, MEDIA).unwrap();
        assert_eq!(statuses(&feedback), [(10, true), (11, true), (12, false), (13, true)]);
        assert_eq!(recorder.poll(at(100), SENDER, MEDIA), None);
        assert_eq!(recorder.poll_timeout(), None);

        // The next one speaks of all since, and counts on.
        recorder.handle_packet(at(200), SequenceNumber(15));
        let feedback = recorder.poll(at(300), SENDER, MEDIA).unwrap();
        assert_eq!((statuses(&feedback), feedback.feedback_count()), (vec![(14, false), (15, true)], 1));
    }

    #[test]
    fn puts_what_was_overtaken_in_order_and_counts_a_duplicate_once() {
        let mut recorder = ArrivalRecorder::default();
        for (number, millis) in [(2, 0), (1, 1), (1, 2), (3, 3)] {
            recorder.handle_packet(at(millis), SequenceNumber(number));
        }
        let feedback = recorder.poll(at(200), SENDER, MEDIA).unwrap();
        assert_eq!(statuses(&feedback), [(1, true), (2, true), (3, true)]);
        assert_eq!(recorder.poll(at(200), SENDER, MEDIA), None);
    }

    #[test]
    fn a_late_packet_is_reported_alone() {
        let mut recorder = ArrivalRecorder::default();
        for number in [1, 3] {
            recorder.handle_packet(at(0), SequenceNumber(number));
        }
        assert!(recorder.poll(at(100), SENDER, MEDIA).is_some());
        recorder.handle_packet(at(110), SequenceNumber(2));
        assert_eq!(statuses(&recorder.poll(at(210), SENDER, MEDIA).unwrap()), [(2, true)]);
        recorder.handle_packet(at(220), SequenceNumber(4));
        assert_eq!(statuses(&recorder.poll(at(320), SENDER, MEDIA).unwrap()), [(4, true)]);
    }

    #[test]
    fn goes_on_across_the_wrap() {
        let mut recorder = ArrivalRecorder::default();
        for number in [65_534, 65_535, 0, 1] {
            recorder.handle_packet(at(0), SequenceNumber(number));
        }
        let feedback = recorder.poll(at(100), SENDER, MEDIA).unwrap();
        assert_eq!(statuses(&feedback), [(65_534, true), (65_535, true), (0, true), (1, true)]);
    }

    /// Guards: the room for arrivals, and the size of a feedback.
    #[test]
    fn many_arrivals_are_bounded_and_split() {
        let mut recorder = ArrivalRecorder::default();
        for number in 0..3_000u16 {
            recorder.handle_packet(at(0), SequenceNumber(number));
        }
        assert_eq!(recorder.dropped(), 3_000 - 2_048);
        assert_eq!(recorder.poll_timeout(), Some(at(0)));
        let mut reported = 0;
        while let Some(feedback) = recorder.poll(at(0), SENDER, MEDIA) {
            assert!(feedback.encoded_len() <= 1_100, "{}", feedback.encoded_len());
            reported += feedback.received();
        }
        assert_eq!(reported, 2_048);
    }

    #[test]
    fn a_jump_is_not_reported_as_loss() {
        let mut recorder = ArrivalRecorder::default();
        recorder.handle_packet(at(0), SequenceNumber(0));
        assert!(recorder.poll(at(100), SENDER, MEDIA).is_some());
        recorder.handle_packet(at(200), SequenceNumber(20_000));
        let feedback = recorder.poll(at(300), SENDER, MEDIA).unwrap();
        assert_eq!(statuses(&feedback), [(20_000, true)]);
    }
}
