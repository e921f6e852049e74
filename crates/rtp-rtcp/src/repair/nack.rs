//! Asking for packets that did not arrive.
//!
//! A gap in the sequence numbers is first given a moment, as it may be reordering. Then its packets are asked for, and again
//! each round-trip time, until they come, a number of tries is spent, or nobody waits for them any more.

use crate::id::Ssrc;
use crate::rtcp::Nack;
use crate::sequence::{SequenceNumber, SequenceUnwrapper};
use ortica_core::Instant;
use std::collections::VecDeque;
use std::time::Duration;

/// How a [`NackGenerator`] asks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Config {
    reorder_wait: Duration,
    min_interval: Duration,
    initial_rtt: Duration,
    max_tries: u8,
    limits: Limits,
}

/// Bounds of a [`NackGenerator`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// Packets asked for at a time. Beyond, the oldest are given up. Default 1,000.
    pub missing: usize,
    /// A jump of the sequence number by more than this is no loss but a new start: nothing is asked for. Default 3,000.
    pub jump: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self { missing: 1_000, jump: 3_000 }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            reorder_wait: Duration::from_millis(10),
            min_interval: Duration::from_millis(20),
            initial_rtt: Duration::from_millis(100),
            max_tries: 10,
            limits: Limits::default(),
        }
    }
}

impl Config {
    /// How long a gap may be reordering before its packets are asked for. Default 10 ms; zero asks at once.
    pub fn with_reorder_wait(mut self, wait: Duration) -> Self {
        self.reorder_wait = wait;
        self
    }

    /// The least time between two requests for one packet. Default 20 ms.
    pub fn with_min_interval(mut self, interval: Duration) -> Self {
        self.min_interval = interval;
        self
    }

    /// The round-trip time as long as none is known. Default 100 ms.
    pub fn with_initial_rtt(mut self, rtt: Duration) -> Self {
        self.initial_rtt = rtt;
        self
    }

    /// How often a packet is asked for before it is given up. Default 10.
    pub fn with_max_tries(mut self, tries: u8) -> Self {
        self.max_tries = tries;
        self
    }

    /// See [`Limits`].
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// Counters of a [`NackGenerator`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Messages sent.
    pub nacks: u64,
    /// Packets asked for, each time counted.
    pub requested: u64,
    /// Packets that came after they were asked for.
    pub recovered: u64,
    /// Packets given up after the last try, or for lack of room.
    pub given_up: u64,
}

/// Knows which packets of one stream are missing and when to ask for them.
#[derive(Clone, Debug)]
pub struct NackGenerator {
    config: Config,
    unwrapper: SequenceUnwrapper,
    /// In the order of their numbers.
    missing: VecDeque<Missing>,
    rtt: Duration,
    stats: Stats,
}

#[derive(Clone, Copy, Debug)]
struct Missing {
    number: i64,
    /// When to ask (again).
    ask_at: Instant,
    tries: u8,
}

impl NackGenerator {
    /// Nothing received yet.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            unwrapper: SequenceUnwrapper::new(),
            missing: VecDeque::new(),
            rtt: config.initial_rtt,
            stats: Stats::default(),
        }
    }

    /// Counters.
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    /// Takes note of the round-trip time.
    pub fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = rtt;
    }

    /// The packets missing now.
    pub fn missing(&self) -> impl ExactSizeIterator<Item = SequenceNumber> + '_ {
        self.missing.iter().map(|missing| SequenceNumber(missing.number as u16))
    }

    /// A packet has arrived, in its own stream or restored from a retransmission.
    pub fn handle_packet(&mut self, now: Instant, number: SequenceNumber) {
        let Some(highest) = self.unwrapper.highest() else {
            self.unwrapper.unwrap(number);
            return;
        };
        let extended = self.unwrapper.peek(number);
        let jump = i64::from(self.config.limits.jump);
        if (extended - highest).abs() > jump {
            self.missing.clear();
            self.unwrapper = SequenceUnwrapper::new();
            self.unwrapper.unwrap(number);
            return;
        }
        if extended <= highest {
            self.arrived(extended);
            return;
        }
        self.unwrapper.unwrap(number);
        let ask_at = now + self.config.reorder_wait;
        for number in highest + 1..extended {
            self.missing.push_back(Missing { number, ask_at, tries: 0 });
        }
        let excess = self.missing.len().saturating_sub(self.config.limits.missing);
        self.missing.drain(..excess);
        self.stats.given_up += excess as u64;
    }

    /// Nobody waits for packets before `number` any more.
    pub fn forget_before(&mut self, number: SequenceNumber) {
        let first = self.unwrapper.peek(number);
        while self.missing.front().is_some_and(|missing| missing.number < first) {
            self.missing.pop_front();
        }
    }

    /// When [`poll`](Self::poll) will have something to ask.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.missing.iter().map(|missing| missing.ask_at).min()
    }

    /// The next message to send, if packets are due. Call until `None`.
    pub fn poll(&mut self, now: Instant, sender: Ssrc, media: Ssrc) -> Option<Nack> {
        self.give_up(now);
        let due = self.missing.iter().filter(|missing| missing.ask_at <= now);
        let (nack, asked) = Nack::ask(sender, media, due.map(|missing| SequenceNumber(missing.number as u16)));
        if asked == 0 {
            return None;
        }
        let again = now + self.rtt.max(self.config.min_interval);
        for missing in self.missing.iter_mut().filter(|missing| missing.ask_at <= now).take(asked) {
            missing.ask_at = again;
            missing.tries += 1;
        }
        self.stats.nacks += 1;
        self.stats.requested += asked as u64;
        Some(nack)
    }

    fn arrived(&mut self, number: i64) {
        if let Ok(at) = self.missing.binary_search_by_key(&number, |missing| missing.number)
            && let Some(missing) = self.missing.remove(at)
            && missing.tries > 0
        {
            self.stats.recovered += 1;
        }
    }

    fn give_up(&mut self, now: Instant) {
        let before = self.missing.len();
        let max_tries = self.config.max_tries;
        self.missing.retain(|missing| missing.tries < max_tries || missing.ask_at > now);
        self.stats.given_up += (before - self.missing.len()) as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant::from_nanos(0);
    const MS: Duration = Duration::from_millis(1);

    fn generator() -> NackGenerator {
        let mut generator = NackGenerator::new(Config::default());
        generator.set_rtt(50 * MS);
        generator
    }

    fn receive(generator: &mut NackGenerator, now: Instant, numbers: impl IntoIterator<Item = u16>) {
        for number in numbers {
            generator.handle_packet(now, SequenceNumber(number));
        }
    }

    fn asked(generator: &mut NackGenerator, now: Instant) -> Vec<u16> {
        let nacks = std::iter::from_fn(|| generator.poll(now, Ssrc(1), Ssrc(2)));
        nacks.flat_map(|nack| nack.numbers().map(|number| number.0).collect::<Vec<_>>()).collect()
    }

    #[test]
    fn a_gap_is_asked_for_after_a_moment_and_again_each_round_trip() {
        let mut generator = generator();
        receive(&mut generator, START, [65_533, 65_534, 1]);
        assert_eq!(asked(&mut generator, START), []);
        assert_eq!(generator.poll_timeout(), Some(START + 10 * MS));
        assert_eq!(asked(&mut generator, START + 10 * MS), [65_535, 0]);
        assert_eq!(asked(&mut generator, START + 10 * MS), []);
        assert_eq!(generator.poll_timeout(), Some(START + 60 * MS));
        receive(&mut generator, START + 30 * MS, [0]);
        assert_eq!(asked(&mut generator, START + 60 * MS), [65_535]);
        receive(&mut generator, START + 70 * MS, [65_535]);
        assert_eq!(generator.poll_timeout(), None);
        assert_eq!(generator.stats(), Stats { nacks: 2, requested: 3, recovered: 2, given_up: 0 });
    }

    #[test]
    fn reordering_asks_for_nothing() {
        let mut generator = generator();
        receive(&mut generator, START, [1, 3, 2, 5]);
        receive(&mut generator, START + 9 * MS, [4]);
        assert_eq!(asked(&mut generator, START + 500 * MS), []);
        assert_eq!(generator.stats(), Stats::default());
    }

    #[test]
    fn rtcp_3_a_packet_is_given_up_after_the_last_try() {
        let mut generator = generator();
        receive(&mut generator, START, [1, 3]);
        let mut now = START;
        let mut tries = 0;
        while let Some(timeout) = generator.poll_timeout() {
            now = timeout;
            tries += asked(&mut generator, now).len();
        }
        assert_eq!((tries, now), (10, START + (10 + 10 * 50) * MS));
        assert_eq!(generator.stats().given_up, 1);
    }

    /// Guards the bound of the list and of what is sent about it.
    #[test]
    fn rtcp_3_the_list_of_missing_packets_is_bounded() {
        let mut generator = generator();
        for number in (0..60_000u16).step_by(2) {
            generator.handle_packet(START, SequenceNumber(number));
        }
        assert_eq!(generator.missing().len(), 1_000);
        assert_eq!(generator.missing().next(), Some(SequenceNumber(57_999)));
        assert_eq!(asked(&mut generator, START + 10 * MS).len(), 1_000);
    }

    /// Guards the reset: a jump would ask for thousands of packets that were never sent.
    #[test]
    fn cve_27_a_jump_of_the_numbers_asks_for_nothing() {
        let mut generator = generator();
        receive(&mut generator, START, [1, 3, 3_004]);
        assert_eq!(generator.missing().len(), 0);
        receive(&mut generator, START, [3_006, 40_000, 40_001, 36_000, 36_002]);
        assert_eq!(generator.missing().map(|number| number.0).collect::<Vec<_>>(), [36_001]);
    }

    #[test]
    fn what_nobody_waits_for_is_forgotten() {
        let mut generator = generator();
        receive(&mut generator, START, [10, 20]);
        generator.forget_before(SequenceNumber(15));
        assert_eq!(generator.missing().map(|number| number.0).collect::<Vec<_>>(), [15, 16, 17, 18, 19]);
        generator.forget_before(SequenceNumber(21));
        assert_eq!(generator.poll_timeout(), None);
    }
}
