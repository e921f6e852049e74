//! How much may be in flight: the seam behind which a controller sits.

use crate::Tsn;

/// Bytes of one chunk and its packet matter here, not packets; a "segment" is the largest DATA chunk a packet holds.
///
/// Slow start, congestion avoidance and fast recovery. What it is told are the facts that any controller needs: bytes
/// newly acknowledged, a loss, a time-out, an idle path.
///
/// Source: [RFC 9260 §7.2](https://www.rfc-editor.org/rfc/rfc9260#section-7.2)
#[derive(Clone, Debug)]
pub struct Congestion {
    segment: usize,
    window: usize,
    threshold: usize,
    /// Bytes acknowledged since the window last grew, in congestion avoidance.
    partial: usize,
    /// Where fast recovery ends.
    recovery: Option<Tsn>,
}

impl Congestion {
    /// Starts with the initial window: four segments, or fewer if they are large.
    pub fn new(segment: usize) -> Self {
        let window = (4 * segment).min((2 * segment).max(4_404));
        Self { segment, window, threshold: usize::MAX, partial: 0, recovery: None }
    }

    /// Bytes that may be in flight.
    pub fn window(&self) -> usize {
        self.window
    }

    /// `bytes` were acknowledged that had not been before. The window grows only if it was `full`: if it, and not the
    /// application or the peer, was what held sending back.
    pub fn on_ack(&mut self, bytes: usize, full: bool) {
        if self.recovery.is_some() {
            return;
        }
        if self.window <= self.threshold {
            // One acknowledgement may stand for a batch of packets (L of §7.2.1), but never for more than it says.
            if full {
                self.window = self.window.saturating_add(bytes);
            }
            return;
        }
        self.partial += bytes;
        if self.partial >= self.window {
            if full {
                self.partial -= self.window;
                self.window += self.segment;
            }
            self.partial = self.partial.min(self.window);
        }
    }

    /// Everything up to `cumulative` has arrived.
    pub fn on_cumulative(&mut self, cumulative: Tsn) {
        if self.recovery.is_some_and(|exit| !cumulative.precedes(exit)) {
            self.recovery = None;
        }
    }

    /// Nothing is outstanding any more.
    pub fn on_all_acked(&mut self) {
        self.partial = 0;
    }

    /// Something was lost while `highest` was the last TSN sent. Returns whether fast recovery begins with it; within
    /// fast recovery, further losses change nothing.
    pub fn on_loss(&mut self, highest: Tsn) -> bool {
        if self.recovery.is_some() {
            return false;
        }
        self.threshold = (self.window / 2).max(4 * self.segment);
        self.window = self.threshold;
        self.partial = 0;
        self.recovery = Some(highest);
        true
    }

    /// The T3 timer ran out.
    pub fn on_timeout(&mut self) {
        self.threshold = (self.window / 2).max(4 * self.segment);
        self.window = self.segment;
        self.partial = 0;
        self.recovery = None;
    }

    /// Nothing was sent for so many retransmission time-outs.
    pub fn on_idle(&mut self, periods: u32) {
        let floor = 4 * self.segment;
        if periods == 0 || self.window <= floor {
            return;
        }
        self.threshold = self.window;
        self.window = (self.window >> periods.min(30)).max(floor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEGMENT: usize = 1_176;

    #[test]
    fn starts_with_the_initial_window_of_the_rfc() {
        assert_eq!(Congestion::new(1_000).window(), 4_000);
        assert_eq!(Congestion::new(SEGMENT).window(), 4_404);
        assert_eq!(Congestion::new(9_000).window(), 18_000);
    }

    /// Guards against optimistic growth: a window grows by what was acknowledged, only when it was full.
    #[test]
    fn cve_33_slow_start_grows_by_what_was_acknowledged() {
        let mut congestion = Congestion::new(SEGMENT);
        let before = congestion.window();
        congestion.on_ack(10 * SEGMENT, true);
        assert_eq!(congestion.window(), before + 10 * SEGMENT);
        congestion.on_ack(10 * SEGMENT, false);
        assert_eq!(congestion.window(), before + 10 * SEGMENT);
    }

    #[test]
    fn congestion_avoidance_grows_by_one_segment_a_window() {
        let mut congestion = Congestion::new(SEGMENT);
        congestion.on_ack(100 * SEGMENT, true);
        congestion.on_loss(Tsn(9));
        congestion.on_cumulative(Tsn(9));
        congestion.on_ack(SEGMENT, true);
        let window = congestion.window();
        let mut acked = 0;
        while congestion.window() == window {
            congestion.on_ack(SEGMENT, true);
            acked += SEGMENT;
        }
        assert_eq!(congestion.window(), window + SEGMENT);
        assert!(acked.abs_diff(window) <= 2 * SEGMENT, "{acked} {window}");
    }

    /// Guards the floor of four segments after a loss, and that one flight is punished once.
    #[test]
    fn sctp_7_a_loss_halves_once_and_leaves_four_segments() {
        let mut congestion = Congestion::new(SEGMENT);
        congestion.on_ack(100 * SEGMENT, true);
        let before = congestion.window();
        assert!(congestion.on_loss(Tsn(50)));
        assert_eq!(congestion.window(), before / 2);
        assert!(!congestion.on_loss(Tsn(60)));
        congestion.on_ack(SEGMENT, true);
        assert_eq!(congestion.window(), before / 2);
        congestion.on_cumulative(Tsn(49));
        assert!(!congestion.on_loss(Tsn(60)));
        for exit in 50..70 {
            congestion.on_cumulative(Tsn(exit));
            assert!(congestion.on_loss(Tsn(exit + 1)));
        }
        assert_eq!(congestion.window(), 4 * SEGMENT);
    }

    #[test]
    fn a_time_out_leaves_one_segment_and_idling_four() {
        let mut congestion = Congestion::new(SEGMENT);
        congestion.on_ack(100 * SEGMENT, true);
        let before = congestion.window();
        congestion.on_idle(1);
        assert_eq!(congestion.window(), before / 2);
        congestion.on_idle(40);
        assert_eq!(congestion.window(), 4 * SEGMENT);
        congestion.on_timeout();
        assert_eq!(congestion.window(), SEGMENT);
        congestion.on_idle(3);
        assert_eq!(congestion.window(), SEGMENT);
    }
}
