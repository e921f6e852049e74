//! How long a packet may be overtaken before it is taken for lost: RACK, with packets where it has segments.
//!
//! Source: [RFC 8985 §6.2](https://www.rfc-editor.org/rfc/rfc8985#section-6.2)

use crate::association::rto::Rto;
use ortica_core::Instant;
use std::time::Duration;

/// Later packets that must have arrived before one is taken for lost on a path that keeps the order (`DupThresh`): the three
/// misses of [RFC 9260 §7.2.4](https://www.rfc-editor.org/rfc/rfc9260#section-7.2.4), counted in packets because a SACK may
/// stand for a batch of them.
const MISSES: u64 = 3;
/// Recoveries after which patience that grew is given up (`RACK.reo_wnd_persist`).
const PERSISTENCE: u32 = 16;

/// Patience grows no further than this, in quarters of the shortest round trip; two round trips bound it besides.
const MOST_QUARTERS: u32 = 64;

/// What is known of the order in which packets arrive.
#[derive(Debug, Default)]
pub struct Rack {
    /// The last packet known to have arrived, and when it was sent.
    arrived: Option<(u64, Instant)>,
    /// The same before the SACK that is being taken in.
    before: u64,
    /// A packet arrived after one that was sent later.
    reordering_seen: bool,
    /// Quarters of the shortest round trip that a packet may be late, less one (`RACK.reo_wnd_mult`).
    extra: u32,
    persistence: u32,
    /// Until this packet arrives, patience does not grow again.
    grown: u64,
}

impl Rack {
    /// A SACK is taken in from here on.
    pub fn begin(&mut self) {
        self.before = self.newest();
    }

    /// A packet arrived, and its chunk had been sent in no other (`original`). Returns whether none sent later is known to
    /// have arrived.
    pub fn on_arrival(&mut self, packet: u64, sent_at: Instant, original: bool) -> bool {
        self.reordering_seen |= original && packet < self.before;
        let is_newest = self.arrived.is_none_or(|(newest, _)| newest < packet);
        if is_newest {
            self.arrived = Some((packet, sent_at));
        }
        is_newest
    }

    /// Number of the last packet known to have arrived; zero when there is none.
    pub fn newest(&self) -> u64 {
        self.arrived.map_or(0, |(packet, _)| packet)
    }

    /// Something was sent again in vain: the window quadruples, once a round trip. RFC 8985 adds a quarter each time, which takes long
    /// on a path where packets overtake each other by more than a round trip. `sent` is the last packet sent.
    pub fn on_spurious(&mut self, sent: u64) {
        if self.newest() >= self.grown {
            self.grown = sent + 1;
            self.extra = (4 * self.extra + 3).min(MOST_QUARTERS);
            self.persistence = PERSISTENCE;
            self.reordering_seen = true;
        }
    }

    /// A time-out has everything in flight sent again, up to the packet `last`: that some of it goes in vain says nothing of the
    /// order in which packets arrive.
    pub fn on_timeout(&mut self, last: u64) {
        self.grown = self.grown.max(last + 1);
    }

    /// A recovery begins.
    pub fn on_recovery(&mut self) {
        self.persistence = self.persistence.saturating_sub(1);
        if self.persistence == 0 {
            self.extra = 0;
        }
    }

    /// How long after it was sent a packet may arrive (RACK's round trip time and its reordering window); `None` while
    /// nothing is known of the path.
    pub fn patience(&self, rto: &Rto) -> Option<Duration> {
        let (recent, smoothed) = (rto.recent()?, rto.smoothed()?);
        // Where a queue makes up most of the round trip, its length varies by more than a quarter of the shortest one.
        let step = (rto.least()? / 4).max(recent / 8);
        let window = step * (self.extra + 1).min(MOST_QUARTERS);
        // The RFC advises one round trip; where packets overtake each other by more, what is late would go twice for ever.
        Some(recent + window.min(2 * smoothed))
    }

    /// Whether a packet is lost that has not arrived.
    pub fn is_lost(&self, now: Instant, packet: u64, sent_at: Instant, patience: Duration) -> bool {
        let later = self.newest().saturating_sub(packet);
        later > 0 && (sent_at + patience <= now || (!self.reordering_seen && later >= MISSES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use ortica_core::crypto::rust_crypto;

    const MS: Duration = Duration::from_millis(1);
    const NOW: Instant = Instant::from_nanos(1_000_000_000);

    fn rto() -> Rto {
        let mut rto = Rto::new(&Config::new(rust_crypto::provider()));
        rto.measure(100 * MS);
        rto
    }

    #[test]
    fn three_later_packets_or_a_quarter_of_a_round_trip_tell_of_a_loss() {
        let (mut rack, rto) = (Rack::default(), rto());
        let patience = rack.patience(&rto).unwrap();
        assert_eq!(patience, 125 * MS);
        rack.begin();
        assert!(rack.on_arrival(3, NOW, true));
        assert!(!rack.is_lost(NOW + 124 * MS, 1, NOW, patience));
        assert!(rack.is_lost(NOW + 125 * MS, 1, NOW, patience));
        assert!(rack.on_arrival(4, NOW, true));
        assert!(rack.is_lost(NOW, 1, NOW, patience));
        assert!(!rack.is_lost(NOW + 125 * MS, 5, NOW, patience));
    }

    #[test]
    fn a_path_that_reorders_is_judged_by_time_alone() {
        let (mut rack, rto) = (Rack::default(), rto());
        rack.begin();
        rack.on_arrival(9, NOW, true);
        // In the same SACK: the order within it says nothing.
        rack.on_arrival(8, NOW, true);
        assert!(rack.is_lost(NOW, 1, NOW, rack.patience(&rto).unwrap()));
        rack.begin();
        rack.on_arrival(7, NOW, true);
        assert!(!rack.is_lost(NOW, 1, NOW, rack.patience(&rto).unwrap()));
    }

    /// Guards the adaptation: patience grows with each round in which something was sent again in vain, up to two round trips,
    /// and is given up after sixteen recoveries.
    #[test]
    fn patience_grows_by_rounds_and_is_given_up() {
        let (mut rack, rto) = (Rack::default(), rto());
        rack.begin();
        rack.on_arrival(1, NOW, true);
        rack.on_spurious(5);
        rack.on_spurious(5);
        assert_eq!(rack.patience(&rto), Some(200 * MS));
        for round in 1..10 {
            rack.on_arrival(10 * round, NOW, true);
            rack.on_spurious(10 * round);
        }
        assert_eq!(rack.patience(&rto), Some(300 * MS));
        for _ in 0..15 {
            rack.on_recovery();
        }
        assert_eq!(rack.patience(&rto), Some(300 * MS));
        rack.on_recovery();
        assert_eq!(rack.patience(&rto), Some(125 * MS));
    }

    #[test]
    fn what_a_time_out_sends_in_vain_does_not_make_it_patient() {
        let (mut rack, rto) = (Rack::default(), rto());
        rack.begin();
        rack.on_arrival(1, NOW, true);
        rack.on_timeout(20);
        rack.on_arrival(20, NOW, false);
        rack.on_spurious(20);
        assert_eq!(rack.patience(&rto), Some(125 * MS));
        rack.on_arrival(21, NOW, true);
        rack.on_spurious(21);
        assert_eq!(rack.patience(&rto), Some(200 * MS));
    }
}
