//! How many errors go to a network whose clients did not prove anything.

use ortica_core::{Instant, Rng};
use std::net::IpAddr;
use std::time::Duration;

/// Networks share this many buckets, by a hash that nobody outside knows.
const BUCKETS: usize = 4_096;

/// A bucket per network, refilled evenly. It holds what one second brings.
#[derive(Debug)]
pub(super) struct RateLimit {
    per_second: u32,
    key: u64,
    /// When each will have recovered from all it gave.
    buckets: Vec<Instant>,
}

impl RateLimit {
    pub(super) fn new(per_second: u32, rng: &mut Rng) -> Self {
        Self { per_second, key: rng.u64(), buckets: vec![Instant::from_nanos(0); BUCKETS] }
    }

    /// Takes one; `false` when none is left.
    pub(super) fn take(&mut self, now: Instant, ip: IpAddr) -> bool {
        let cost = Duration::from_secs(1).checked_div(self.per_second);
        let (Some(cost), index) = (cost, self.index(ip)) else { return false };
        let Some(full_at) = self.buckets.get_mut(index) else { return false };
        let after = (*full_at).max(now) + cost;
        let is_left = after <= now + Duration::from_secs(1);
        if is_left {
            *full_at = after;
        }
        is_left
    }

    fn index(&self, ip: IpAddr) -> usize {
        let network = match ip.to_canonical() {
            IpAddr::V4(ip) => u64::from(ip.to_bits() >> 8),
            IpAddr::V6(ip) => (ip.to_bits() >> 80) as u64 | 1 << 63,
        };
        // Multiplied and folded twice, so that each bit of the key reaches the index.
        let mut hash = network ^ self.key;
        for _ in 0..2 {
            hash = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29) ^ (self.key >> 32);
        }
        (hash % BUCKETS as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guards the rate, that it is the network's, and that it comes back.
    #[test]
    fn cve_47_a_network_gets_a_hundred_in_a_second() {
        let mut limit = RateLimit::new(100, &mut Rng::from_number(1));
        let now = netsim::epoch();
        let from = |network: u8, host: u32| IpAddr::from([192, 0, network, host as u8]);
        let taken =
            |limit: &mut RateLimit, now, network| (0..500).filter(|host| limit.take(now, from(network, *host))).count();
        assert_eq!(taken(&mut limit, now, 1), 100);
        assert_eq!(taken(&mut limit, now, 2), 100, "another network has its own");
        assert_eq!(taken(&mut limit, now + Duration::from_millis(500), 1), 50);
        assert_eq!(taken(&mut limit, now + Duration::from_secs(60), 1), 100);
        let v6 = |host: u16| IpAddr::from([0x2001, 0xdb8, 1, host, 0, 0, 0, 1]);
        assert_eq!((0..500).filter(|host| limit.take(now, v6(*host))).count(), 100);
        assert!(!RateLimit::new(0, &mut Rng::from_number(1)).take(now, from(1, 1)));
    }
}
