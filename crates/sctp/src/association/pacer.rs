//! When data may leave: at a rate, in bursts.

use ortica_core::Instant;
use std::time::Duration;

/// How long the path should take for what leaves at once, and so the longest that a packet waits for others.
const LOT_TIME: Duration = Duration::from_millis(1);
/// Packets that may leave at once after a pause, however slow the path.
const LEAST_PACKETS: usize = 10;
/// Bytes that may leave at once on a fast path: what one system call takes.
const MOST_BYTES: usize = 64 << 10;
/// Bytes that who wakes up late may make up for.
const MOST_SAVED: usize = 512 << 10;

/// How long data wait at most for what others have sent on the same path.
const MOST_WAIT: Duration = Duration::from_millis(100);

/// A bucket of bytes that may leave. It fills at the given rate, and what leaves takes from it: in lots of a millisecond on a
/// slow path, and of 64 KiB on a fast one, so that trains of packets stay long.
#[derive(Debug, Default)]
pub struct Pacer {
    bucket: usize,
    /// Bytes that left beyond what was in the bucket, because packets are not cut for its sake.
    debt: usize,
    /// How far what others send may raise the debt.
    most_debt: usize,
    filled: Option<Instant>,
    /// Bytes that may leave in this drain.
    allowance: usize,
    /// When the next lot may leave.
    next: Option<Instant>,
}

impl Pacer {
    /// A drain begins. `rate` is in bytes per second, `None` while nothing is known of the path; `packet` is the size of a
    /// packet in bytes.
    pub fn begin(&mut self, now: Instant, rate: Option<u64>, packet: usize) {
        let floor = LEAST_PACKETS * packet;
        let Some(rate) = rate else {
            *self = Self { bucket: floor, filled: Some(now), allowance: floor, ..Self::default() };
            return;
        };
        let in_time =
            |time: Duration| usize::try_from(u128::from(rate) * time.as_nanos() / 1_000_000_000).unwrap_or(usize::MAX);
        let lot = in_time(LOT_TIME).clamp(packet, MOST_BYTES);
        // Who wakes up late, as timers let one by a millisecond, may make up for it.
        let most = floor.max(2 * lot).max(in_time(2 * LOT_TIME).min(MOST_SAVED));
        let filled = self.filled.unwrap_or(Instant::from_nanos(0));
        let earned = in_time(now.saturating_duration_since(filled));
        // Fractions of a byte are not lost, or who is woken often would starve on a slow path.
        self.filled = Some(if earned < most { filled + time_of(earned, rate) } else { now });
        let paid = earned.min(self.debt);
        self.debt -= paid;
        self.bucket = self.bucket.saturating_add(earned - paid).min(most);
        self.allowance = if self.bucket >= lot { self.bucket.min(floor.max(lot)).min(MOST_BYTES) } else { 0 };
        let missing = (self.debt + lot + self.allowance).saturating_sub(self.bucket);
        self.next = Some(now + time_of(missing + 1, rate).max(LOT_TIME / 16));
        self.most_debt = in_time(MOST_WAIT);
    }

    /// Whether anything may leave now.
    pub fn is_open(&self) -> bool {
        self.allowance > 0
    }

    /// When more may leave than does now.
    pub fn next(&self, now: Instant) -> Instant {
        self.next.unwrap_or(now + LOT_TIME)
    }

    /// So many bytes of others left on the same path, without asking.
    pub fn on_others(&mut self, bytes: usize) {
        let beyond = bytes.saturating_sub(self.bucket);
        self.bucket = self.bucket.saturating_sub(bytes);
        self.debt = self.debt.max((self.debt + beyond).min(self.most_debt));
    }

    /// So many bytes leave.
    pub fn on_sent(&mut self, bytes: usize) {
        self.allowance = self.allowance.saturating_sub(bytes);
        self.debt += bytes.saturating_sub(self.bucket);
        self.bucket = self.bucket.saturating_sub(bytes);
    }
}

/// How long `bytes` take at `rate`.
fn time_of(bytes: usize, rate: u64) -> Duration {
    let nanos = bytes as u128 * 1_000_000_000 / u128::from(rate.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: usize = 1_176;

    /// What leaves within `time` from a sender with enough to send, woken as it asks for: bytes in all, and in each drain.
    fn run(rate: u64, time: Duration) -> (usize, Vec<usize>) {
        let (start, mut pacer, mut lots) = (netsim::epoch(), Pacer::default(), Vec::new());
        let mut now = start;
        while now < start + time {
            pacer.begin(now, Some(rate), PACKET);
            let mut sent = 0;
            while pacer.is_open() {
                pacer.on_sent(PACKET);
                sent += PACKET;
            }
            lots.push(sent);
            now = pacer.next(now);
        }
        (lots.iter().sum(), lots)
    }

    /// Guards the rate, from a modem's to a data centre's.
    #[test]
    fn what_leaves_keeps_to_the_rate() {
        for rate in [1_000, 100_000, 1_000_000, 12_500_000, 125_000_000, 500_000_000] {
            let (sent, _) = run(rate, Duration::from_secs(10));
            let ratio = sent as f64 / (rate * 10) as f64;
            let slack = 20.0 * PACKET as f64 / (rate * 10) as f64;
            assert!((0.97..1.02 + slack).contains(&ratio), "{rate}: {ratio}");
        }
    }

    /// Guards the size of bursts: short on a slow path but for the first, long on a fast one, never more than 64 KiB.
    #[test]
    fn cve_33_bursts_are_bounded_and_long_enough_for_trains() {
        let (_, slow) = run(1_000_000, Duration::from_secs(1));
        assert!(slow[0] == 10 * PACKET && slow[1..].iter().all(|&lot| lot <= 2 * PACKET), "{slow:?}");
        let (_, fast) = run(125_000_000, Duration::from_secs(1));
        assert!(fast.iter().all(|&lot| lot <= MOST_BYTES + PACKET));
        let trains: Vec<_> = fast.iter().filter(|&&lot| lot > 0).collect();
        let mean = fast.iter().sum::<usize>() / trains.len() / PACKET;
        assert!(mean >= 50, "{mean}");
    }

    /// Guards a slow path against who is woken so often that less than a byte is earned each time.
    #[test]
    fn being_woken_often_does_not_starve_a_slow_path() {
        let (mut pacer, mut sent) = (Pacer::default(), 0);
        for micros in 0..1_000_000 {
            pacer.begin(netsim::epoch() + Duration::from_micros(micros * 10), Some(10_000), PACKET);
            if pacer.is_open() {
                pacer.on_sent(PACKET);
                sent += PACKET;
            }
        }
        assert!((100_000..=100_000 + 11 * PACKET).contains(&sent), "{sent}");
    }

    /// Guards the room for others: what they send is taken from the rate, and a burst of theirs is let pass first, but not one
    /// of any length.
    #[test]
    fn what_others_send_is_taken_from_the_rate() {
        let (rate, mut pacer, mut now) = (500_000, Pacer::default(), netsim::epoch());
        let mut run = |pacer: &mut Pacer, time: Duration, others: usize| {
            let (end, mut sent) = (now + time, 0);
            let mut next_frame = now;
            while now < end {
                if now >= next_frame {
                    pacer.on_others(others);
                    next_frame += Duration::from_millis(20);
                }
                pacer.begin(now, Some(rate), PACKET);
                while pacer.is_open() {
                    pacer.on_sent(PACKET);
                    sent += PACKET;
                }
                now = pacer.next(now).min(next_frame);
            }
            sent
        };
        run(&mut pacer, Duration::from_secs(1), 0);
        let sent = run(&mut pacer, Duration::from_secs(10), 2_500);
        assert!((3_700_000..3_800_000).contains(&sent), "{sent}");
        pacer.on_others(20_000);
        assert!(run(&mut pacer, Duration::from_millis(38), 0) <= PACKET);
        assert!(run(&mut pacer, Duration::from_millis(10), 0) > 0);
        pacer.on_others(10_000_000);
        assert!(run(&mut pacer, Duration::from_millis(98), 0) <= PACKET);
        assert!(run(&mut pacer, Duration::from_millis(10), 0) > 0);
    }

    #[test]
    fn a_pause_is_not_saved_up() {
        let mut pacer = Pacer::default();
        pacer.begin(netsim::epoch(), Some(1_000_000), PACKET);
        pacer.on_sent(10 * PACKET);
        pacer.begin(netsim::epoch() + Duration::from_secs(3_600), Some(1_000_000), PACKET);
        pacer.on_sent(10 * PACKET);
        assert!(!pacer.is_open());
    }
}
