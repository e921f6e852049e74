//! What was sent lately, for those who ask for it again.
//!
//! It keeps header fields and shared payloads, never sealed packets, so that one payload serves every receiver and every
//! retransmission. How much is served is bounded in two ways, since sixteen bytes of request can ask for seventeen packets:
//! each packet at most once in a round-trip time, and all of them within a share of what is sent anyway.

use crate::packet::Header;
use crate::sequence::SequenceNumber;
use bytes::Bytes;
use ortica_core::Instant;
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::time::Duration;

/// Bounds of a [`History`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// Packets kept. Beyond, the oldest go. Default 2,048.
    pub packets: usize,
    /// Bytes of payload kept. Beyond, the oldest go. Default 4 MiB.
    pub bytes: usize,
    /// How long packets are kept at least when there is room, and at most four round-trip times if those are longer.
    /// Default 1 second.
    pub age: Duration,
    /// How long after a packet was served it is not served again, or a round-trip time if that is longer. Default 20 ms.
    pub holdoff: Duration,
    /// Share of the bytes sent that may be spent on retransmissions, in percent. Default 50.
    pub budget_percent: u8,
    /// Bytes of that share that are there from the start, and earned later: the first packets get lost too. Default 3,000.
    pub advance: usize,
    /// The most bytes of that share that can be saved up. Default 256 KiB.
    pub saved_budget: usize,
    /// Numbers looked at in each span of [`holdoff`](Self::holdoff). Requests for more are ignored. Default 4,096.
    pub requests: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            packets: 2_048,
            bytes: 4 << 20,
            age: Duration::from_secs(1),
            holdoff: Duration::from_millis(20),
            budget_percent: 50,
            advance: 3_000,
            saved_budget: 256 << 10,
            requests: 4_096,
        }
    }
}

/// Counters of a [`History`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Packets asked for.
    pub requested: u64,
    /// Packets served.
    pub served: u64,
    /// Bytes of payload served.
    pub served_bytes: u64,
    /// Requests for packets that were not kept (any more).
    pub unknown: u64,
    /// Requests refused because the packet was served just before, or because there were too many requests.
    pub refused: u64,
    /// Requests dropped because the budget was spent.
    pub over_budget: u64,
}

/// A payload as it was sent: the format's own header, which is short and made for the packet, and a slice of the frame.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SentPayload {
    /// What precedes the body.
    pub prefix: SmallVec<[u8; 16]>,
    /// The shared rest.
    pub body: Bytes,
}

impl SentPayload {
    /// A payload of `prefix` and `body`.
    pub fn new(prefix: &[u8], body: Bytes) -> Self {
        Self { prefix: SmallVec::from_slice(prefix), body }
    }

    /// Bytes of prefix and body.
    pub fn len(&self) -> usize {
        self.prefix.len() + self.body.len()
    }

    /// `true` when there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The packets of one stream.
#[derive(Clone, Debug)]
pub struct History {
    limits: Limits,
    /// In the order of their numbers.
    packets: VecDeque<Sent>,
    /// Asked for and not yet served, in the order of the requests. No longer than `packets` may be.
    wanted: VecDeque<SequenceNumber>,
    bytes: usize,
    budget: usize,
    /// What of the budget is still to be earned.
    owed: usize,
    /// Start of the span in which requests are counted.
    span: Option<Instant>,
    requests: u32,
    rtt: Duration,
    stats: Stats,
}

#[derive(Clone, Debug)]
struct Sent {
    header: Header,
    payload: SentPayload,
    at: Instant,
    served: Option<Instant>,
    wanted: bool,
}

impl History {
    /// Nothing was sent yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            packets: VecDeque::new(),
            wanted: VecDeque::new(),
            bytes: 0,
            budget: limits.advance,
            owed: limits.advance,
            span: None,
            requests: 0,
            rtt: Duration::ZERO,
            stats: Stats::default(),
        }
    }

    /// Counters.
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    /// Packets kept.
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// `true` when no packet is kept.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Bytes of payload kept.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes note of the round-trip time.
    pub fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = rtt;
    }

    /// Keeps a packet that was sent. One that comes after others with higher numbers, as in a stream that is passed on, finds its
    /// place among them; it is not kept if it comes before all of them, or with a number that is there.
    pub fn push(&mut self, now: Instant, header: Header, payload: SentPayload) {
        let len = payload.len();
        self.earn(len * usize::from(self.limits.budget_percent) / 100);
        let Some(place) = self.place_of(header.sequence_number) else { return };
        self.bytes += len;
        self.packets.insert(place, Sent { header, payload, at: now, served: None, wanted: false });
        self.trim(now);
    }

    /// Asks for packets. They are then to be had from [`poll`](Self::poll), unless there is a reason against it.
    pub fn request(&mut self, now: Instant, numbers: impl IntoIterator<Item = SequenceNumber>) {
        self.trim(now);
        if self.span.is_none_or(|start| now.saturating_duration_since(start) >= self.limits.holdoff) {
            (self.span, self.requests) = (Some(now), 0);
        }
        let holdoff = self.rtt.max(self.limits.holdoff);
        for number in numbers {
            self.stats.requested += 1;
            if self.requests >= self.limits.requests {
                self.stats.refused += 1;
                return;
            }
            self.requests += 1;
            let Some(packet) = self.find(number).and_then(|at| self.packets.get_mut(at)) else {
                self.stats.unknown += 1;
                continue;
            };
            let recent = packet.served.is_some_and(|served| now.saturating_duration_since(served) < holdoff);
            if packet.wanted || recent || self.wanted.len() >= self.limits.packets {
                self.stats.refused += 1;
                continue;
            }
            packet.wanted = true;
            self.wanted.push_back(number);
        }
    }

    /// `true` when packets are waiting to be sent again.
    pub fn has_wanted(&self) -> bool {
        !self.wanted.is_empty()
    }

    /// The next packet to send again: its header as it was, and its payload.
    pub fn poll(&mut self, now: Instant) -> Option<(&Header, &SentPayload)> {
        loop {
            let number = self.wanted.pop_front()?;
            // It may have grown too old since it was asked for.
            let Some(at) = self.find(number) else { continue };
            let packet = self.packets.get_mut(at)?;
            packet.wanted = false;
            let len = packet.payload.len();
            if len > self.budget {
                self.stats.over_budget += 1;
                continue;
            }
            self.budget -= len;
            packet.served = Some(now);
            self.stats.served += 1;
            self.stats.served_bytes += len as u64;
            return self.packets.get(at).map(|packet| (&packet.header, &packet.payload));
        }
    }

    /// Forgets everything, as when the stream gets another SSRC.
    pub fn clear(&mut self) {
        self.packets.clear();
        self.wanted.clear();
        self.bytes = 0;
    }

    fn earn(&mut self, bytes: usize) {
        let repaid = bytes.min(self.owed);
        self.owed -= repaid;
        self.budget = (self.budget + bytes - repaid).min(self.limits.saved_budget);
    }

    /// Where a packet of that number belongs.
    fn place_of(&self, number: SequenceNumber) -> Option<usize> {
        let last = self.packets.back().map(|last| last.header.sequence_number);
        if last.is_none_or(|last| last.precedes(number)) {
            return Some(self.packets.len());
        }
        let first = self.packets.front()?.header.sequence_number;
        let steps = first.distance(number);
        let place = self.packets.binary_search_by_key(&steps, |packet| first.distance(packet.header.sequence_number));
        place.err().filter(|_| steps > 0)
    }

    fn find(&self, number: SequenceNumber) -> Option<usize> {
        let first = self.packets.front()?.header.sequence_number;
        // Kept packets span less than half the circle, so steps from the first order them.
        let steps = first.distance(number);
        self.packets.binary_search_by_key(&steps, |packet| first.distance(packet.header.sequence_number)).ok()
    }

    fn trim(&mut self, now: Instant) {
        let age = self.limits.age.max(self.rtt * 4);
        let last = self.packets.back().map(|packet| packet.header.sequence_number);
        while let (Some(first), Some(last)) = (self.packets.front(), last) {
            let old = now.saturating_duration_since(first.at) > age;
            let far = first.header.sequence_number.distance(last) < 0;
            if !old && !far && self.packets.len() <= self.limits.packets && self.bytes <= self.limits.bytes {
                return;
            }
            self.bytes -= first.payload.len();
            self.packets.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant::from_nanos(0);
    const MS: Duration = Duration::from_millis(1);

    fn push(history: &mut History, now: Instant, number: u16, len: usize) {
        let header = Header { sequence_number: SequenceNumber(number), ..Header::default() };
        history.push(now, header, SentPayload::new(&[1], Bytes::from(vec![7; len - 1])));
    }

    fn served(history: &mut History, now: Instant) -> Vec<u16> {
        std::iter::from_fn(|| history.poll(now).map(|(header, _)| header.sequence_number.0)).collect()
    }

    fn numbers(range: std::ops::Range<u32>) -> impl Iterator<Item = SequenceNumber> {
        range.map(|number| SequenceNumber(number as u16))
    }

    #[test]
    fn serves_what_was_asked_for_across_the_wrap() {
        let mut history = History::new(Limits::default());
        for number in 65_530..65_545u32 {
            push(&mut history, START, number as u16, 100);
        }
        history.request(START, [65_535, 0, 3, 2_000].map(SequenceNumber));
        assert_eq!(served(&mut history, START), [65_535, 0, 3]);
        assert_eq!(history.stats().unknown, 1);
        assert_eq!(history.poll(START), None);
    }

    #[test]
    fn a_packet_that_comes_late_finds_its_place() {
        let mut history = History::new(Limits::default());
        for number in [65_534, 1, 65_535, 0, 1, 65_533] {
            push(&mut history, START, number, 100);
        }
        assert_eq!((history.len(), history.bytes()), (4, 400), "neither twice nor before all others");
        history.request(START, [65_533, 65_535, 0].map(SequenceNumber));
        assert_eq!(served(&mut history, START), [65_535, 0]);
    }

    /// Guards each of the three bounds; 2^16 packets in one second once made a history assert.
    #[test]
    fn cve_23_the_history_is_bounded_by_packets_bytes_and_time() {
        let mut history = History::new(Limits::default());
        for number in 0..200_000u32 {
            push(&mut history, START, number as u16, 100);
            assert!(history.len() <= 2_048);
        }
        assert_eq!((history.len(), history.bytes()), (2_048, 204_800));

        let mut history = History::new(Limits::default());
        for number in 0..8_000u16 {
            push(&mut history, START, number, 4_096);
            assert!(history.bytes() <= 4 << 20);
        }
        assert_eq!(history.len(), 1_024);

        push(&mut history, START + 1_001 * MS, 8_000, 10);
        assert_eq!((history.len(), history.bytes()), (1, 10));
    }

    #[test]
    fn cve_23_a_long_round_trip_keeps_packets_longer() {
        let mut history = History::new(Limits::default());
        history.set_rtt(600 * MS);
        push(&mut history, START, 1, 10);
        push(&mut history, START + 2_400 * MS, 2, 10);
        assert_eq!(history.len(), 2);
        push(&mut history, START + 2_401 * MS, 3, 10);
        assert_eq!(history.len(), 2);
    }

    /// Guards the order that the search relies on: a jump of half the circle starts over.
    #[test]
    fn cve_23_a_jump_of_the_numbers_starts_over() {
        let mut history = History::new(Limits::default());
        for number in [0, 1, 20_000, 40_000] {
            push(&mut history, START, number, 10);
        }
        assert_eq!(history.len(), 2);
        push(&mut history, START, 30_000, 10);
        push(&mut history, START, 19_999, 10);
        assert_eq!(history.len(), 3, "what lies between has its place, what lies before all others has none");
        history.request(START, [20_000, 30_000, 40_000].map(SequenceNumber));
        assert_eq!(served(&mut history, START), [20_000, 30_000, 40_000]);
    }

    /// Guards the pause between two servings of one packet.
    #[test]
    fn cve_24_a_packet_is_served_once_in_a_round_trip() {
        let mut history = History::new(Limits::default());
        for number in 0..100 {
            push(&mut history, START, number, 100);
        }
        let ask = |history: &mut History, now| {
            history.request(now, [SequenceNumber(5), SequenceNumber(5)]);
            served(history, now).len()
        };
        assert_eq!(ask(&mut history, START), 1);
        assert_eq!(ask(&mut history, START + 19 * MS), 0);
        assert_eq!(ask(&mut history, START + 20 * MS), 1);
        history.set_rtt(100 * MS);
        assert_eq!(ask(&mut history, START + 119 * MS), 0);
        assert_eq!(ask(&mut history, START + 120 * MS), 1);
    }

    /// Guards the budget: 100,000 requests a second, each for 17 packets, against 1,000 packets a second.
    #[test]
    fn cve_24_a_flood_of_requests_gets_half_of_what_is_sent_at_most() {
        let mut history = History::new(Limits::default());
        let (mut sent, mut again) = (0u64, 0u64);
        for ms in 0..2_000u32 {
            let now = START + MS * ms;
            push(&mut history, now, ms as u16, 1_000);
            sent += 1_000;
            for _ in 0..100 {
                let first = ms.saturating_sub(17);
                history.request(now, numbers(first..first + 17));
                again += 1_000 * served(&mut history, now).len() as u64;
            }
        }
        assert!(again > 0);
        assert!(sent + again <= sent * 3 / 2, "{again} bytes on top of {sent}");
        assert_eq!(history.stats().served_bytes, again);
    }

    /// Guards the work done for requests: numbers past the limit are not looked up.
    #[test]
    fn cve_24_numbers_past_the_limit_are_not_looked_at() {
        let mut history = History::new(Limits::default());
        push(&mut history, START, 0, 100);
        for _ in 0..100 {
            history.request(START, numbers(1..1_001));
        }
        assert_eq!(history.stats().unknown, 4_096);
        history.request(START + 20 * MS, numbers(1..2));
        assert_eq!(history.stats().unknown, 4_097);
    }
}
