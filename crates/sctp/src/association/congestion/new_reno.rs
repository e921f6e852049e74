//! The controller that RFC 9260 describes.

use super::Ack;
use super::slow_start::SlowStart;

/// Slow start, congestion avoidance and fast recovery.
///
/// Source: [RFC 9260 §7.2](https://www.rfc-editor.org/rfc/rfc9260#section-7.2)
#[derive(Clone, Debug)]
pub struct NewReno {
    segment: usize,
    window: usize,
    threshold: usize,
    /// Bytes acknowledged since the window last grew, in congestion avoidance.
    partial: usize,
    slow_start: SlowStart,
}

impl NewReno {
    pub fn new(segment: usize, window: usize) -> Self {
        Self { segment, window, threshold: usize::MAX, partial: 0, slow_start: SlowStart::default() }
    }

    pub fn window(&self) -> usize {
        self.window
    }

    pub fn is_slow_start(&self) -> bool {
        self.window < self.threshold
    }

    pub fn on_ack(&mut self, ack: &Ack, new_round: bool, recovering: bool) {
        if recovering || !ack.held_back {
            return;
        }
        if self.is_slow_start() {
            // One acknowledgement may stand for a batch of packets (L of §7.2.1), but never for more than it says.
            let step = self.slow_start.on_ack(ack, new_round);
            self.window = self.window.saturating_add(step.growth).min(self.threshold);
            if step.done {
                self.threshold = self.window;
            }
            return;
        }
        self.partial += ack.bytes;
        if self.partial >= self.window {
            self.partial = (self.partial - self.window).min(self.window);
            self.window += self.segment;
        }
    }

    pub fn on_loss(&mut self) {
        self.threshold = (self.window / 2).max(4 * self.segment);
        self.window = self.threshold;
        self.partial = 0;
    }

    /// Keeps this share of the window, and two segments at least ([RFC 6817 §2.5](https://www.rfc-editor.org/rfc/rfc6817#section-2.5)).
    pub fn give_way(&mut self, keep: f64) {
        self.threshold = ((self.window as f64 * keep) as usize).max(2 * self.segment).min(self.window);
        self.window = self.threshold;
        self.partial = 0;
    }

    /// Slow start begins again where the window is.
    pub fn start_over(&mut self) {
        self.threshold = usize::MAX;
        self.slow_start = SlowStart::default();
    }

    pub fn on_timeout(&mut self) {
        self.threshold = (self.window / 2).max(4 * self.segment);
        self.window = self.segment;
        self.partial = 0;
        self.slow_start = SlowStart::default();
    }

    pub fn on_idle(&mut self, periods: u32) {
        let floor = 4 * self.segment;
        if self.window > floor {
            self.threshold = self.threshold.max(self.window);
            self.window = (self.window >> periods.min(30)).max(floor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{SEGMENT, acked, lost, reno};

    #[test]
    fn congestion_avoidance_grows_by_one_segment_a_window() {
        let mut congestion = reno();
        acked(&mut congestion, 100 * SEGMENT);
        lost(&mut congestion);
        let window = congestion.window();
        let mut bytes = 0;
        while congestion.window() == window {
            acked(&mut congestion, SEGMENT);
            bytes += SEGMENT;
        }
        assert_eq!(congestion.window(), window + SEGMENT);
        assert!(bytes.abs_diff(window) <= 2 * SEGMENT, "{bytes} {window}");
    }

    /// Guards the floor of four segments after a loss.
    #[test]
    fn sctp_7_a_loss_halves_and_leaves_four_segments() {
        let mut congestion = reno();
        acked(&mut congestion, 100 * SEGMENT);
        let before = congestion.window();
        lost(&mut congestion);
        assert_eq!(congestion.window(), before / 2);
        for _ in 0..20 {
            lost(&mut congestion);
        }
        assert_eq!(congestion.window(), 4 * SEGMENT);
    }
}
