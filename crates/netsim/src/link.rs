//! One direction of a path: what it does to the packets that enter it.

use ortica_core::{Ecn, Instant, Rng};
use std::time::Duration;

/// Bytes of IP and UDP header that count against the bandwidth, besides the payload.
pub const OVERHEAD: usize = 28;

/// How one direction of a path treats packets. The default is ideal: nothing is lost and nothing takes time.
///
/// Fields may be changed while packets are on their way, through [`Network::link_mut`](crate::Network::link_mut); what
/// already entered keeps its fate.
#[derive(Clone, Debug, Default)]
pub struct Link {
    /// Time each packet takes at least.
    pub delay: Duration,
    /// A further time, uniform between zero and this. Packets keep their order, so what is late holds up what follows.
    pub jitter: Duration,
    /// Which packets vanish.
    pub loss: Loss,
    /// Probability that a packet leaves the order and is held back by up to [`reorder_by`](Self::reorder_by).
    pub reorder: f64,
    /// The longest time that a reordered packet is held back.
    pub reorder_by: Duration,
    /// Probability that a packet arrives twice.
    pub duplicate: f64,
    /// Probability that one random bit of a packet is flipped.
    pub corrupt: f64,
    /// Bits per second, [`OVERHEAD`] included; `None` is no limit.
    pub bandwidth: Option<u64>,
    /// How many bytes wait for the bandwidth before the tail is dropped; `None` is no limit.
    pub queue: Option<usize>,
    /// Waiting time above which ECN-capable packets are marked as having met congestion; `None` never marks.
    pub mark_above: Option<Duration>,
    /// The largest UDP payload that passes. Larger ones vanish without a word, as in a black hole; `None` is no limit.
    pub max_payload: Option<usize>,
    /// Whether nothing passes at all.
    pub down: bool,
    /// Whether a firewall takes all UDP, so that [streams](crate::Network::bind_stream) alone pass.
    pub udp_blocked: bool,
}

impl Link {
    /// A link on which every packet takes `delay` and nothing else happens.
    pub fn with_delay(delay: Duration) -> Self {
        Self { delay, ..Self::default() }
    }

    /// Sets [`loss`](Self::loss) to independent losses with this probability.
    pub fn lossy(self, probability: f64) -> Self {
        Self { loss: Loss::Random(probability), ..self }
    }

    /// Sets [`loss`](Self::loss).
    pub fn loss(self, loss: Loss) -> Self {
        Self { loss, ..self }
    }

    /// Sets [`jitter`](Self::jitter).
    pub fn jitter(self, jitter: Duration) -> Self {
        Self { jitter, ..self }
    }

    /// Sets [`reorder`](Self::reorder) and [`reorder_by`](Self::reorder_by).
    pub fn reorder(self, probability: f64, by: Duration) -> Self {
        Self { reorder: probability, reorder_by: by, ..self }
    }

    /// Sets [`duplicate`](Self::duplicate).
    pub fn duplicate(self, probability: f64) -> Self {
        Self { duplicate: probability, ..self }
    }

    /// Sets [`corrupt`](Self::corrupt).
    pub fn corrupt(self, probability: f64) -> Self {
        Self { corrupt: probability, ..self }
    }

    /// Sets [`bandwidth`](Self::bandwidth) in bits per second and [`queue`](Self::queue) in bytes.
    pub fn bottleneck(self, bandwidth: u64, queue: usize) -> Self {
        Self { bandwidth: Some(bandwidth), queue: Some(queue), ..self }
    }

    /// Sets [`max_payload`](Self::max_payload).
    pub fn max_payload(self, bytes: usize) -> Self {
        Self { max_payload: Some(bytes), ..self }
    }
}

/// A process that decides which packets vanish.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Loss {
    /// None.
    #[default]
    None,
    /// Each packet on its own, with this probability.
    Random(f64),
    /// Two states of a Markov chain, each with a loss probability of its own; a step is made before each packet.
    GilbertElliott {
        /// Probability of a step from the good state to the bad one.
        enter: f64,
        /// Probability of a step from the bad state to the good one.
        leave: f64,
        /// Loss probability in the good state.
        good: f64,
        /// Loss probability in the bad state.
        bad: f64,
    },
}

impl Loss {
    /// Bursts of `mean_length` packets on average which make up the share `average` of all packets.
    pub fn bursts(mean_length: f64, average: f64) -> Self {
        let leave = 1.0 / mean_length;
        Self::GilbertElliott { enter: leave * average / (1.0 - average), leave, good: 0.0, bad: 1.0 }
    }
}

/// Why a packet did not arrive.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Lost {
    /// The link's [`Loss`] took it.
    Chance,
    /// The queue before the bottleneck was full.
    QueueFull,
    /// It was larger than the link carries.
    TooLarge,
    /// The link or the interface was down.
    Down,
    /// A filter of the test took it.
    Filtered,
    /// A NAT had no mapping for it, or its filtering refused the sender.
    Nat,
    /// Nobody has that address, or nothing is bound to the port.
    Unreachable,
    /// A firewall lets no UDP through.
    Firewall,
}

/// A [`Link`] at work. A [`Network`](crate::Network) has one for each of its links; with a clock of its own, a program can
/// carry real packets over one.
#[derive(Debug)]
pub struct Lane {
    pub(crate) link: Link,
    rng: Rng,
    in_burst: bool,
    /// When the bottleneck has sent what it holds.
    busy_until: Instant,
    /// Arrival of the last packet that kept its order.
    last_arrival: Instant,
}

/// What becomes of one packet.
#[derive(Debug, Eq, PartialEq)]
pub enum Fate {
    /// It does not arrive.
    Lost(Lost),
    /// It does.
    Arrives {
        /// When.
        at: Instant,
        /// When it does so a second time, if it is doubled.
        again: Option<Instant>,
    },
}

impl Lane {
    /// An empty link; `rng` decides its losses.
    pub fn new(link: Link, rng: Rng) -> Self {
        let start = Instant::from_nanos(0);
        Self { link, rng, in_burst: false, busy_until: start, last_arrival: start }
    }

    /// Carries one packet that enters at `now`; it may change its bytes and its mark.
    pub fn carry(&mut self, now: Instant, bytes: &mut [u8], ecn: &mut Ecn) -> Fate {
        if self.link.down {
            return Fate::Lost(Lost::Down);
        }
        if self.link.udp_blocked {
            return Fate::Lost(Lost::Firewall);
        }
        if self.link.max_payload.is_some_and(|max| bytes.len() > max) {
            return Fate::Lost(Lost::TooLarge);
        }
        let departure = match self.leave(now, bytes.len(), ecn) {
            Ok(departure) => departure,
            Err(reason) => return Fate::Lost(reason),
        };
        if !bytes.is_empty() && self.chance(self.link.corrupt) {
            let bit = self.rng.below(bytes.len() as u64 * 8) as usize;
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        self.arrivals(departure)
    }

    /// Carries `len` bytes of a stream. No size is too large, since TCP cuts to what fits, and bytes stay as they are, since it
    /// would not take others.
    pub(crate) fn carry_stream(&mut self, now: Instant, len: usize, ecn: &mut Ecn) -> Fate {
        if self.link.down {
            return Fate::Lost(Lost::Down);
        }
        match self.leave(now, len, ecn) {
            Ok(departure) => self.arrivals(departure),
            Err(reason) => Fate::Lost(reason),
        }
    }

    /// When a packet of `len` bytes leaves for the other end, if it does.
    fn leave(&mut self, now: Instant, len: usize, ecn: &mut Ecn) -> Result<Instant, Lost> {
        if self.is_lost() {
            return Err(Lost::Chance);
        }
        self.depart(now, len, ecn).ok_or(Lost::QueueFull)
    }

    fn arrivals(&mut self, departure: Instant) -> Fate {
        let at = self.arrive(departure);
        let again = self.chance(self.link.duplicate).then(|| self.arrive(departure));
        Fate::Arrives { at, again }
    }

    fn chance(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.rng.unit() < probability
    }

    fn is_lost(&mut self) -> bool {
        match self.link.loss {
            Loss::None => false,
            Loss::Random(probability) => self.chance(probability),
            Loss::GilbertElliott { enter, leave, good, bad } => {
                if self.chance(if self.in_burst { leave } else { enter }) {
                    self.in_burst = !self.in_burst;
                }
                self.chance(if self.in_burst { bad } else { good })
            }
        }
    }

    /// When a packet of `len` bytes has left the bottleneck; `None` when there was no room to wait.
    fn depart(&mut self, now: Instant, len: usize, ecn: &mut Ecn) -> Option<Instant> {
        let Some(bandwidth) = self.link.bandwidth.filter(|&bandwidth| bandwidth > 0) else {
            return Some(now);
        };
        let waiting = self.busy_until.saturating_duration_since(now);
        let queued = waiting.as_nanos() * u128::from(bandwidth) / 8_000_000_000;
        let len = len + OVERHEAD;
        if self.link.queue.is_some_and(|queue| queued + len as u128 > queue as u128) && !waiting.is_zero() {
            return None;
        }
        if self.link.mark_above.is_some_and(|above| waiting > above) && *ecn != Ecn::NotEct {
            *ecn = Ecn::Ce;
        }
        let nanos = len as u128 * 8_000_000_000 / u128::from(bandwidth);
        self.busy_until = now + waiting + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        Some(self.busy_until)
    }

    fn arrive(&mut self, departure: Instant) -> Instant {
        let arrival = departure + self.link.delay + self.up_to(self.link.jitter);
        if self.chance(self.link.reorder) {
            return arrival + self.up_to(self.link.reorder_by);
        }
        // A queue that is sometimes slow is still a queue.
        self.last_arrival = arrival.max(self.last_arrival);
        self.last_arrival
    }

    fn up_to(&mut self, longest: Duration) -> Duration {
        if longest.is_zero() {
            return Duration::ZERO;
        }
        let nanos = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX - 1);
        Duration::from_nanos(self.rng.below(nanos + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::epoch;

    fn lane(link: Link) -> Lane {
        Lane::new(link, Rng::from_number(1))
    }

    fn carry(lane: &mut Lane, now: Instant, len: usize) -> Fate {
        lane.carry(now, &mut vec![0; len], &mut Ecn::NotEct)
    }

    #[test]
    fn an_ideal_link_changes_nothing() {
        let mut lane = lane(Link::default());
        let mut bytes = *b"hello";
        assert_eq!(lane.carry(epoch(), &mut bytes, &mut Ecn::NotEct), Fate::Arrives { at: epoch(), again: None });
        assert_eq!(&bytes, b"hello");
    }

    #[test]
    fn random_loss_meets_its_rate() {
        let mut lane = lane(Link::default().lossy(0.2));
        let lost = (0..20_000).filter(|_| carry(&mut lane, epoch(), 10) == Fate::Lost(Lost::Chance)).count();
        assert!((3_800..4_200).contains(&lost), "{lost} of 20,000");
    }

    #[test]
    fn bursts_meet_their_length_and_their_share() {
        let mut lane = lane(Link::default().loss(Loss::bursts(8.0, 0.05)));
        let lost: Vec<bool> = (0..400_000).map(|_| carry(&mut lane, epoch(), 10) == Fate::Lost(Lost::Chance)).collect();
        let count = lost.iter().filter(|&&lost| lost).count() as f64;
        let bursts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count() as f64;
        assert!((0.045..0.055).contains(&(count / 400_000.0)), "share {}", count / 400_000.0);
        assert!((7.0..9.0).contains(&(count / bursts)), "length {}", count / bursts);
    }

    #[test]
    fn jitter_keeps_the_order_and_reordering_does_not() {
        let arrivals = |link: Link| -> Vec<Instant> {
            let mut lane = lane(link);
            (0..1_000u64)
                .filter_map(|n| match carry(&mut lane, epoch() + Duration::from_millis(n), 10) {
                    Fate::Arrives { at, .. } => Some(at),
                    Fate::Lost(_) => None,
                })
                .collect()
        };
        assert!(arrivals(Link::default().jitter(Duration::from_millis(200))).is_sorted());
        assert!(!arrivals(Link::default().reorder(0.25, Duration::from_millis(100))).is_sorted());
    }

    #[test]
    fn the_bottleneck_spaces_packets_and_drops_the_tail() {
        // 1,000 bytes with the header: 8 ms at 1 Mbit/s.
        let mut lane = lane(Link::default().bottleneck(1_000_000, 3_000));
        let at = |ms| Fate::Arrives { at: epoch() + Duration::from_millis(ms), again: None };
        for arrival in [8, 16, 24] {
            assert_eq!(carry(&mut lane, epoch(), 1_000 - OVERHEAD), at(arrival));
        }
        assert_eq!(carry(&mut lane, epoch(), 1_000 - OVERHEAD), Fate::Lost(Lost::QueueFull));
        assert_eq!(carry(&mut lane, epoch() + Duration::from_millis(8), 1_000 - OVERHEAD), at(32));
    }

    #[test]
    fn a_standing_queue_marks_capable_packets_only() {
        let link = Link { mark_above: Some(Duration::from_millis(5)), ..Link::default() };
        let mut lane = lane(Link { bandwidth: Some(1_000_000), ..link });
        let marks = [Ecn::Ect1, Ecn::NotEct, Ecn::Ect1].map(|mut ecn| {
            lane.carry(epoch(), &mut [0; 972], &mut ecn);
            ecn
        });
        assert_eq!(marks, [Ecn::Ect1, Ecn::NotEct, Ecn::Ce]);
    }

    #[test]
    fn corruption_flips_one_bit() {
        let mut lane = lane(Link::default().corrupt(1.0));
        let mut bytes = [0u8; 100];
        lane.carry(epoch(), &mut bytes, &mut Ecn::NotEct);
        assert_eq!(bytes.iter().map(|byte| byte.count_ones()).sum::<u32>(), 1);
    }

    #[test]
    fn a_black_hole_takes_only_what_is_too_large() {
        let mut lane = lane(Link::default().max_payload(1_200));
        assert_eq!(carry(&mut lane, epoch(), 1_201), Fate::Lost(Lost::TooLarge));
        assert!(matches!(carry(&mut lane, epoch(), 1_200), Fate::Arrives { .. }));
    }

    #[test]
    fn a_firewall_takes_udp_and_lets_streams_through() {
        let mut lane = lane(Link { udp_blocked: true, ..Link::default() });
        assert_eq!(carry(&mut lane, epoch(), 10), Fate::Lost(Lost::Firewall));
        let fate = lane.carry_stream(epoch(), 10, &mut Ecn::NotEct);
        assert_eq!(fate, Fate::Arrives { at: epoch(), again: None });
    }
}
