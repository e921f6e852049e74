//! Notices that sending does more harm than good.
//!
//! It triggers when nobody reports on a stream, when reports show that nothing of it arrives, or when so much is lost that a
//! TCP flow in its place would send less than a tenth. What then happens is up to the application: the stream should stop.
//!
//! Source: [RFC 8083 §4](https://www.rfc-editor.org/rfc/rfc8083#section-4)

use ortica_core::Instant;
use std::collections::VecDeque;
use std::time::Duration;

/// Why a stream should stop.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Trip {
    /// No report on it came for three of the longest intervals between reports, 15 seconds.
    ReportTimeout,
    /// Five reports in a row, with packets sent between them, did not see its sequence numbers move.
    MediaTimeout,
    /// It sends more than ten times what a TCP flow with its losses would.
    Congestion,
}

/// Three times the interval that reports have at most.
const REPORT_TIMEOUT: Duration = Duration::from_secs(15);
/// Reports without progress.
const MEDIA_TIMEOUT: u32 = 5;
/// The most reports that the loss is averaged over.
const MAX_SAMPLES: usize = 16;
/// Packets that one TCP acknowledgement covers.
const ACKNOWLEDGED: f64 = 2.0;

/// Watches one stream that is sent.
#[derive(Clone, Debug, Default)]
pub struct CircuitBreaker {
    /// Since when packets are sent that no report has spoken about.
    unreported_since: Option<Instant>,
    last_report: Option<Report>,
    stuck: u32,
    samples: VecDeque<Sample>,
    /// Sent since the last report.
    packets: u64,
    bytes: u64,
    tripped: Option<Trip>,
    told: bool,
}

#[derive(Clone, Copy, Debug)]
struct Report {
    at: Instant,
    highest_sequence: u32,
}

/// The time between two reports.
#[derive(Clone, Copy, Debug)]
struct Sample {
    duration: Duration,
    fraction_lost: f64,
    packets: u64,
    bytes: u64,
}

impl CircuitBreaker {
    /// Nothing sent yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A packet of `len` bytes was sent.
    pub fn on_sent(&mut self, now: Instant, len: usize) {
        self.packets += 1;
        self.bytes += len as u64;
        self.unreported_since.get_or_insert(now);
    }

    /// A report on the stream came.
    pub fn on_report(&mut self, now: Instant, highest_sequence: u32, fraction_lost: u8, rtt: Duration) {
        self.unreported_since = None;
        if let Some(last) = self.last_report {
            self.check_media(last, highest_sequence);
            let sample = Sample {
                duration: now.saturating_duration_since(last.at),
                fraction_lost: f64::from(fraction_lost) / 256.0,
                packets: self.packets,
                bytes: self.bytes,
            };
            // Two reports at one instant say no more than one.
            if !sample.duration.is_zero() {
                self.samples.push_back(sample);
                self.check_congestion(rtt);
            }
        }
        self.last_report = Some(Report { at: now, highest_sequence });
        (self.packets, self.bytes) = (0, 0);
    }

    /// When silence of the reports is to be noticed.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let waiting = self.tripped.is_none().then_some(self.unreported_since).flatten();
        waiting.map(|since| since + REPORT_TIMEOUT)
    }

    /// Notices silence of the reports.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|deadline| deadline <= now) {
            self.trip(Trip::ReportTimeout);
        }
    }

    /// Why the stream should stop, told once.
    pub fn poll(&mut self) -> Option<Trip> {
        let trip = self.tripped.filter(|_| !self.told)?;
        self.told = true;
        Some(trip)
    }

    /// Starts over, as when the stream has stopped and starts again or its path has changed.
    pub fn reset(&mut self) {
        *self = Self::new();
    }

    fn trip(&mut self, trip: Trip) {
        self.tripped.get_or_insert(trip);
    }

    fn check_media(&mut self, last: Report, highest_sequence: u32) {
        if highest_sequence != last.highest_sequence {
            self.stuck = 0;
        } else if self.packets > 0 {
            self.stuck += 1;
            if self.stuck >= MEDIA_TIMEOUT {
                self.trip(Trip::MediaTimeout);
            }
        }
    }

    fn check_congestion(&mut self, rtt: Duration) {
        let Some(&last) = self.samples.back() else { return };
        let count = interval_count(rtt, last.duration);
        while self.samples.len() > count {
            self.samples.pop_front();
        }
        if self.samples.len() < count || rtt.is_zero() {
            return;
        }
        let duration: f64 = self.samples.iter().map(|sample| sample.duration.as_secs_f64()).sum();
        let lost: f64 = self.samples.iter().map(|s| s.fraction_lost * s.duration.as_secs_f64()).sum::<f64>() / duration;
        let packets: u64 = self.samples.iter().map(|sample| sample.packets).sum();
        let bytes: u64 = self.samples.iter().map(|sample| sample.bytes).sum();
        // Slow streams are left alone: a packet per report or per round trip is what TCP sends at least.
        let slowest = 1.0 / last.duration.max(rtt).as_secs_f64();
        if lost <= 0.0 || (packets as f64) < slowest * duration {
            return;
        }
        let size = bytes as f64 / packets as f64;
        let tcp = size / (rtt.as_secs_f64() * (2.0 * ACKNOWLEDGED * lost / 3.0).sqrt());
        if bytes as f64 / duration > 10.0 * tcp {
            self.trip(Trip::Congestion);
        }
    }
}

/// `CB_INTERVAL`: over how many reports the loss is averaged, the time of ten round trips but three reports at least and 15
/// seconds at most.
fn interval_count(rtt: Duration, report_interval: Duration) -> usize {
    let span = (rtt * 10).max(report_interval * 3).min(Duration::from_secs(15));
    let count = (span.as_secs_f64() / report_interval.as_secs_f64()).ceil();
    (count as usize).clamp(1, MAX_SAMPLES)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant::from_nanos(0);
    const SECOND: Duration = Duration::from_secs(1);
    const RTT: Duration = Duration::from_millis(100);

    /// A stream of 100 packets of 1,200 bytes a second, each second reported with that loss.
    fn run(seconds: u32, fraction_lost: u8, moves: bool) -> (CircuitBreaker, Instant) {
        let mut breaker = CircuitBreaker::new();
        let mut now = START;
        for second in 0..seconds {
            for _ in 0..100 {
                breaker.on_sent(now, 1_200);
            }
            now += SECOND;
            breaker.on_report(now, if moves { second * 100 } else { 7 }, fraction_lost, RTT);
        }
        (breaker, now)
    }

    #[test]
    fn rtcp_4_a_healthy_stream_never_trips() {
        let (mut breaker, now) = run(100, 13, true);
        breaker.handle_timeout(now + 100 * SECOND);
        assert_eq!(breaker.poll(), None);
        assert_eq!(breaker.poll_timeout(), None);
    }

    #[test]
    fn rtcp_4_silence_of_the_reports_trips_after_fifteen_seconds_once() {
        let mut breaker = CircuitBreaker::new();
        breaker.on_sent(START + SECOND, 100);
        breaker.on_sent(START + 2 * SECOND, 100);
        let deadline = breaker.poll_timeout().unwrap();
        assert_eq!(deadline, START + 16 * SECOND);
        breaker.handle_timeout(START + 15 * SECOND);
        assert_eq!(breaker.poll(), None);
        breaker.handle_timeout(deadline);
        assert_eq!(breaker.poll(), Some(Trip::ReportTimeout));
        assert_eq!(breaker.poll(), None);
        assert_eq!(breaker.poll_timeout(), None);
        breaker.reset();
        breaker.on_sent(START + 20 * SECOND, 100);
        assert!(breaker.poll_timeout().is_some());
    }

    #[test]
    fn rtcp_4_sequence_numbers_that_stand_still_trip() {
        assert_eq!(run(5, 0, false).0.poll(), None);
        assert_eq!(run(6, 0, false).0.poll(), Some(Trip::MediaTimeout));
    }

    #[test]
    fn rtcp_4_ten_times_the_rate_of_tcp_trips() {
        // 120 kB/s; a TCP flow at 100 ms and 90 % loss has 1,200 / (0.1 * sqrt(1.2)) = 11 kB/s.
        assert_eq!(run(10, 230, true).0.poll(), Some(Trip::Congestion));
        assert_eq!(run(10, 128, true).0.poll(), None);
    }
}
