//! What else leaves on the path, and cannot wait.

use ortica_core::Instant;
use std::time::Duration;

/// How long after its last packet such traffic counts as there.
const LINGER: Duration = Duration::from_secs(1);
/// How long its rate is measured for.
const PERIOD: Duration = Duration::from_millis(500);

/// The traffic that the association shares its path with.
#[derive(Debug, Default)]
pub struct Neighbour {
    last: Option<Instant>,
    /// When the present measurement began, and its bytes.
    period: Option<(Instant, usize)>,
    /// Bytes per second in the measurement before.
    rate: u64,
}

impl Neighbour {
    /// So many bytes have left.
    pub fn on_sent(&mut self, now: Instant, bytes: usize) {
        if !self.is_there(now) {
            *self = Self::default();
        }
        self.last = Some(now);
        let (start, counted) = self.period.get_or_insert((now, 0));
        let elapsed = now.saturating_duration_since(*start);
        if elapsed >= PERIOD {
            self.rate = per_second(*counted, elapsed);
            (*start, *counted) = (now, 0);
        }
        *counted = counted.saturating_add(bytes);
    }

    pub fn is_there(&self, now: Instant) -> bool {
        self.last.is_some_and(|last| now.saturating_duration_since(last) < LINGER)
    }

    /// Its rate in bytes per second; zero when it is not there.
    pub fn rate(&self, now: Instant) -> u64 {
        if !self.is_there(now) {
            return 0;
        }
        // What begins or grows is believed at once.
        self.period.map_or(0, |(_, counted)| per_second(counted, PERIOD)).max(self.rate)
    }
}

fn per_second(bytes: usize, time: Duration) -> u64 {
    let rate = bytes as u128 * 1_000_000_000 / time.as_nanos().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Sends 2,500 bytes each 20 ms: 125,000 a second.
    fn send(neighbour: &mut Neighbour, from: Instant, time: Duration) -> Instant {
        let mut now = from;
        while now < from + time {
            neighbour.on_sent(now, 2_500);
            now += 20 * MS;
        }
        now
    }

    #[test]
    fn the_rate_is_known_after_half_a_second_and_forgotten_a_second_after_the_last_packet() {
        let (mut neighbour, start) = (Neighbour::default(), netsim::epoch());
        assert!(!neighbour.is_there(start) && neighbour.rate(start) == 0);
        let mut now = send(&mut neighbour, start, 250 * MS);
        assert!((60_000..70_000).contains(&neighbour.rate(now)), "{}", neighbour.rate(now));
        for _ in 0..10 {
            now = send(&mut neighbour, now, 300 * MS);
            assert!((120_000..130_000).contains(&neighbour.rate(now)) || now < start + 600 * MS, "{neighbour:?}");
        }
        assert!(neighbour.is_there(now + 970 * MS));
        assert!(!neighbour.is_there(now + 980 * MS) && neighbour.rate(now + 980 * MS) == 0);
        // What it was before is no guide after a pause.
        let now = now + Duration::from_secs(5);
        neighbour.on_sent(now, 100);
        assert_eq!(neighbour.rate(now), 200);
    }

    #[test]
    fn less_is_noticed_with_the_next_measurement() {
        let (mut neighbour, start) = (Neighbour::default(), netsim::epoch());
        let mut now = send(&mut neighbour, start, Duration::from_secs(2));
        for _ in 0..60 {
            neighbour.on_sent(now, 250);
            now += 20 * MS;
        }
        assert!((12_000..13_500).contains(&neighbour.rate(now)), "{}", neighbour.rate(now));
    }
}
