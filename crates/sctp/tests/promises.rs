//! What messages are promised, kind by kind, where one packet in ten gets lost: order, completeness, no copies, and that one
//! is given up only as its policy allows.
//!
//! ```text
//! ORTICA_SEEDS=100 cargo test --release -p ortica-sctp --test promises -- --nocapture
//! ```

mod common;

use common::raw::{BEGIN, DATA, I_DATA};
use common::{MS, Peer, Peers, SECOND, config, connect, seeds};
use netsim::{Link, Pair, What};
use ortica_core::{Instant, Rng};
use ortica_sctp::{Config, Limits, Message, Ppid, Reliability, SendOptions, StreamId};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

const DELAY: Duration = Duration::from_millis(25);
const LOSS: f64 = 0.1;

const POLICIES: [Reliability; 7] = [
    Reliability::Reliable,
    Reliability::MaxRetransmits(0),
    Reliability::MaxRetransmits(2),
    Reliability::MaxLifetime(Duration::from_millis(120)),
    Reliability::MaxLifetime(Duration::from_millis(400)),
    Reliability::Priority(1),
    Reliability::Priority(9),
];

/// Each policy in order and out of it, stream by stream.
fn kind(stream: u16) -> SendOptions {
    let kind = usize::from(stream) % (2 * POLICIES.len());
    SendOptions { ordered: kind < POLICIES.len(), reliability: POLICIES[kind % POLICIES.len()] }
}

/// A message that shows where it belongs.
fn contents(stream: u16, index: u32, len: usize) -> Vec<u8> {
    let mut message = index.to_be_bytes().to_vec();
    message.extend((4..len.max(4)).map(|at| (at as u32 * 31 + index * 7 + u32::from(stream) * 13) as u8));
    message
}

fn index(payload: &[u8]) -> u32 {
    u32::from_be_bytes(payload[..4].try_into().expect("each message has its number"))
}

/// A message that was taken to be sent.
#[derive(Clone, Copy, Debug)]
struct Taken {
    at: Instant,
    len: usize,
}

/// A message on the wire, chunk by chunk.
#[derive(Debug, Default)]
struct Seen {
    /// When each of its chunks was sent, by TSN.
    sent: BTreeMap<u32, Vec<Instant>>,
    /// Which of them arrived.
    arrived: BTreeSet<u32>,
    /// Its bytes in chunks, each counted once.
    bytes: usize,
}

/// What an onlooker sees of the messages from a, by stream and number.
#[derive(Debug, Default)]
struct Wire {
    messages: BTreeMap<(u16, u32), Seen>,
    /// The message of a chunk, by TSN.
    by_tsn: BTreeMap<u32, (u16, u32)>,
    /// The message of interleaved chunks, by stream, order and MID.
    by_mid: BTreeMap<(u16, bool, u32), (u16, u32)>,
}

impl Wire {
    fn watch(pair: &mut Peers) -> Rc<RefCell<Self>> {
        let wire = Rc::new(RefCell::new(Self::default()));
        let log = Rc::clone(&wire);
        pair.network.set_tap(move |crossing| {
            if crossing.from == Peers::A && crossing.what != What::Lost(netsim::Lost::Chance) {
                log.borrow_mut().on_packet(crossing.at, crossing.what == What::Delivered, crossing.bytes);
            }
        });
        wire
    }

    fn on_packet(&mut self, at: Instant, arrived: bool, packet: &[u8]) {
        let mut rest = &packet[12..];
        while let [kind, flags, high, low, ..] = *rest {
            let len = usize::from(u16::from_be_bytes([high, low]));
            if matches!(kind, DATA | I_DATA) {
                self.on_chunk(at, arrived, kind == I_DATA, flags, &rest[4..len]);
            }
            rest = &rest[len.next_multiple_of(4).min(rest.len())..];
        }
    }

    fn on_chunk(&mut self, at: Instant, arrived: bool, interleaved: bool, flags: u8, value: &[u8]) {
        let word = |at: usize| u32::from_be_bytes(value[at..at + 4].try_into().expect("four bytes"));
        let (tsn, stream) = (word(0), u16::from_be_bytes([value[4], value[5]]));
        let payload = &value[if interleaved { 16 } else { 12 }..];
        let mid = interleaved.then(|| (stream, flags & 4 != 0, word(8)));
        let message = match self.by_tsn.get(&tsn) {
            Some(message) => *message,
            None => {
                let message = if flags & BEGIN != 0 {
                    (stream, index(payload))
                } else if let Some(mid) = mid {
                    self.by_mid[&mid]
                } else {
                    self.by_tsn[&tsn.wrapping_sub(1)]
                };
                self.by_tsn.insert(tsn, message);
                self.messages.entry(message).or_default().bytes += payload.len();
                message
            }
        };
        if let Some(mid) = mid {
            self.by_mid.insert(mid, message);
        }
        let seen = self.messages.get_mut(&message).expect("it was just named");
        if arrived {
            seen.arrived.insert(tsn);
        } else {
            seen.sent.entry(tsn).or_default().push(at);
        }
    }
}

/// A call in which a sends messages of every kind, and what is known of them.
struct Trial {
    seed: u64,
    pair: Peers,
    wire: Rc<RefCell<Wire>>,
    taken: BTreeMap<(u16, u32), Taken>,
    next: BTreeMap<u16, u32>,
    refused: u32,
    sizes: Rng,
}

/// What became of the messages of a policy.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    taken: u32,
    received: u32,
    /// Given up after a part of them was sent.
    given_up: u32,
    /// Given up before.
    unsent: u32,
}

impl Trial {
    fn new(seed: u64, config: &Config) -> Self {
        let [a, b] = [0, 1].map(|side| Peer::new(config.clone(), seed * 2 + side));
        let link = Link::with_delay(DELAY).lossy(LOSS);
        let mut pair = connect(Pair::of_machines(seed, Link::with_delay(DELAY), a, b), link);
        let wire = Wire::watch(&mut pair);
        let sizes = Rng::from_number(seed).fork("sizes");
        Self { seed, pair, wire, taken: BTreeMap::new(), next: BTreeMap::new(), refused: 0, sizes }
    }

    /// Sends a message on `stream`, if it is taken.
    fn send(&mut self, stream: u16, len: usize, options: SendOptions) -> bool {
        let next = self.next.entry(stream).or_default();
        let payload = contents(stream, *next, len);
        let len = payload.len();
        let now = self.pair.now();
        let sent = self
            .pair
            .with_a(|a, now| a.machine.association.send(now, StreamId(stream), Ppid::BINARY, payload.into(), options));
        if sent.is_ok() {
            self.taken.insert((stream, *next), Taken { at: now, len });
            *next += 1;
        } else {
            self.refused += 1;
        }
        sent.is_ok()
    }

    fn some_len(&mut self) -> usize {
        match self.sizes.below(10) {
            0 => 4,
            1 => 1_200 + self.sizes.below(8_000) as usize,
            _ => 20 + self.sizes.below(600) as usize,
        }
    }

    /// Lets everything come to an end.
    fn settle(&mut self, streams: u16) {
        let idle = |peer: &Peer| {
            peer.association.path().in_flight == 0
                && (0..streams).all(|stream| peer.association.buffered_amount(StreamId(stream)) == 0)
        };
        let seed = self.seed;
        self.pair
            .run_until(600 * SECOND, |a, _| idle(&a.machine))
            .unwrap_or_else(|stalled| panic!("seed {seed}: {stalled}"));
        // FORWARD TSN and its answers get lost too, and are repeated less and less often.
        self.pair.run_for(600 * SECOND);
    }

    /// Asserts what every stream was promised. Returns what became of the messages, policy by policy.
    fn check(&self, streams: u16) -> [Tally; POLICIES.len()] {
        let (a, b) = (&self.pair.a.machine, &self.pair.b.machine);
        // Or else not all that arrived would have to be delivered.
        let refused = b.association.stats().data_chunks_refused;
        assert_eq!(refused, 0, "seed {}: the receiver had no room", self.seed);
        let mut by_stream: BTreeMap<u16, Vec<&Message>> = BTreeMap::new();
        for message in &b.inbox {
            by_stream.entry(message.stream.0).or_default().push(message);
        }
        let mut tallies = [Tally::default(); POLICIES.len()];
        for stream in 0..streams {
            let received = by_stream.remove(&stream).unwrap_or_default();
            let tally = self.check_stream(stream, &received);
            let sum = &mut tallies[usize::from(stream) % POLICIES.len()];
            sum.taken += tally.taken;
            sum.received += tally.received;
            sum.given_up += tally.given_up;
            sum.unsent += tally.unsent;
        }
        assert!(by_stream.is_empty(), "seed {}: messages on streams that nobody uses: {by_stream:?}", self.seed);

        // Both ends agree: what was not received was given up, nothing waits anywhere, and the window is open.
        let (sent, received) = (a.association.stats(), b.association.stats());
        let lost: u32 = tallies.iter().map(|tally| tally.given_up + tally.unsent).sum();
        let case = format!("seed {}: {sent:?} {received:?}", self.seed);
        assert_eq!(sent.messages_sent, self.taken.len() as u64, "{case}");
        assert_eq!(received.messages_received, b.inbox.len() as u64, "{case}");
        assert!(sent.messages_abandoned >= u64::from(lost), "{lost} did not arrive, {case}");
        assert!(sent.data_chunks_retransmitted > 0, "{case}");
        let path = a.association.path();
        assert!(path.in_flight == 0 && path.peer_window >= (512 << 10) - 64, "{path:?}, {case}");
        tallies
    }

    fn check_stream(&self, stream: u16, received: &[&Message]) -> Tally {
        let (case, options) = (format!("seed {}, stream {stream}", self.seed), kind(stream));
        let mut arrived = BTreeSet::new();
        for message in received {
            let index = index(&message.payload);
            let taken = self.taken.get(&(stream, index)).unwrap_or_else(|| panic!("{case}: {index} was never sent"));
            assert!(message.payload == contents(stream, index, taken.len), "{case}: {index} is damaged");
            assert_eq!(message.ordered, options.ordered, "{case}");
            let follows = arrived.last().is_none_or(|last| *last < index);
            assert!(follows || !options.ordered, "{case}: {index} is out of order");
            assert!(arrived.insert(index), "{case}: {index} came twice");
        }
        let wire = self.wire.borrow();
        let mut tally = Tally { received: arrived.len() as u32, ..Tally::default() };
        for (&(_, index), taken) in self.taken.range((stream, 0)..=(stream, u32::MAX)) {
            let case = format!("{case}: message {index}, {:?}, {taken:?}", options.reliability);
            tally.taken += 1;
            let seen = wire.messages.get(&(stream, index));
            if let Some(seen) = seen {
                check_transmissions(options.reliability, *taken, seen, &case);
            }
            if arrived.contains(&index) {
                continue;
            }
            check_loss(options.reliability, *taken, seen, &case);
            *if seen.is_some() { &mut tally.given_up } else { &mut tally.unsent } += 1;
        }
        tally
    }
}

/// Asserts that a message was tried no harder than its policy says.
fn check_transmissions(policy: Reliability, taken: Taken, seen: &Seen, case: &str) {
    match policy {
        Reliability::Reliable | Reliability::Priority(_) => {}
        Reliability::MaxRetransmits(most) => {
            let times = seen.sent.values().map(Vec::len).max().unwrap_or(0);
            assert!(times <= most as usize + 1, "{case}: a chunk was sent {times} times");
        }
        Reliability::MaxLifetime(time) => {
            let last = seen.sent.values().flatten().max().expect("it was sent");
            let age = last.saturating_duration_since(taken.at);
            // It ends with the millisecond, so that one of no lifetime is sent once.
            assert!(age < time + Duration::from_millis(1), "{case}: sent after {age:?}");
        }
    }
}

/// Asserts that a message which did not arrive was one to be given up.
fn check_loss(policy: Reliability, taken: Taken, seen: Option<&Seen>, case: &str) {
    if let Some(seen) = seen {
        let whole = seen.bytes == taken.len && seen.sent.keys().all(|tsn| seen.arrived.contains(tsn));
        assert!(!whole, "{case}: it arrived whole and was not delivered");
    }
    match policy {
        Reliability::Reliable => panic!("{case}: it did not arrive"),
        Reliability::MaxRetransmits(most) => {
            let seen = seen.unwrap_or_else(|| panic!("{case}: it was never tried"));
            // It may have arrived all the same: the sender only knows that nobody said so.
            let spent = seen.sent.values().any(|times| times.len() > most as usize);
            assert!(spent, "{case}: given up too soon: {seen:?}");
        }
        // Whatever is not sent any more is too old.
        Reliability::MaxLifetime(_) => {}
        Reliability::Priority(_) => assert!(seen.is_none(), "{case}: given up after it was begun"),
    }
}

fn configs() -> [Config; 2] {
    // A short send buffer, so that what matters less has to make room.
    both(Limits::default().with_send_buffer(64 << 10))
}

/// Messages one after the other, and interleaved.
fn both(limits: Limits) -> [Config; 2] {
    [false, true].map(|interleaving| config().with_limits(limits).with_interleaving(interleaving))
}

fn add(totals: &mut [Tally; POLICIES.len()], more: [Tally; POLICIES.len()]) {
    for (total, more) in totals.iter_mut().zip(more) {
        total.taken += more.taken;
        total.received += more.received;
        total.given_up += more.given_up;
        total.unsent += more.unsent;
    }
}

/// Prints what became of the messages, and asserts that each policy was put to the test.
fn report(name: &str, seeds: u64, totals: &[Tally; POLICIES.len()]) {
    let all: u32 = totals.iter().map(|tally| tally.taken).sum();
    let received: u32 = totals.iter().map(|tally| tally.received).sum();
    println!("bar: {name}: {all} messages, {received} received, all as promised, with {seeds} seeds at 10 % loss");
    for (policy, tally) in POLICIES.iter().zip(totals) {
        println!("  {policy:?}: {tally:?}");
        assert!(tally.received > 0, "{policy:?}: {tally:?}");
        match policy {
            Reliability::Reliable => assert_eq!(tally.received, tally.taken),
            Reliability::MaxRetransmits(_) => assert!(tally.given_up > 0, "{policy:?}: {tally:?}"),
            Reliability::MaxLifetime(_) => assert!(tally.given_up + tally.unsent > 0, "{policy:?}: {tally:?}"),
            Reliability::Priority(_) => {}
        }
    }
}

/// Guards each policy in order and out of it, as messages of all sizes compete for the send buffer: what is reliable arrives
/// once and whole, what is not is never sent more often or later than it may be, and is given up for no other reason.
#[test]
fn every_policy_keeps_its_promise() {
    let (seeds, streams) = (seeds(3), 2 * POLICIES.len() as u16);
    let mut totals = [Tally::default(); POLICIES.len()];
    for seed in 0..seeds {
        for config in configs() {
            let mut trial = Trial::new(seed, &config);
            for round in 0..60 {
                // Now and then more than the buffer holds.
                for _ in 0..if round % 20 == 10 { 12 } else { 1 } {
                    for stream in 0..streams {
                        let len = trial.some_len();
                        trial.send(stream, len, kind(stream));
                    }
                }
                trial.pair.run_for(100 * MS);
            }
            trial.settle(streams);
            add(&mut totals, trial.check(streams));
            trial.check_that_streams_go_on(streams);
        }
    }
    report("promises", seeds, &totals);
    let evicted: u32 = totals[5..].iter().map(|tally| tally.unsent).sum();
    assert!(evicted > 0, "nothing had to make room");
}

impl Trial {
    /// Asserts that both ends number messages alike on every stream, whatever was given up before.
    fn check_that_streams_go_on(&mut self, streams: u16) {
        let before = self.pair.b.machine.inbox.len();
        for stream in 0..streams {
            let ordered = kind(stream).ordered;
            while !self.send(stream, 100, SendOptions { ordered, ..SendOptions::default() }) {
                self.pair.run_for(100 * MS);
            }
        }
        let all = before + usize::from(streams);
        let seed = self.seed;
        self.pair
            .run_until(60 * SECOND, |_, b| b.machine.inbox.len() == all)
            .unwrap_or_else(|stalled| panic!("seed {seed}: {stalled}"));
    }
}

/// Guards the same for a thousand streams at once, each with a few messages.
#[test]
fn a_thousand_streams_keep_their_promises_at_once() {
    const STREAMS: u16 = 1_000;
    let seeds = seeds(5);
    let mut totals = [Tally::default(); POLICIES.len()];
    for seed in 0..seeds {
        // A window from the start that has room for messages waiting on every stream.
        let limits = Limits::default().with_receive_buffer(8 << 20).with_max_message_size(4 << 20);
        for config in both(limits) {
            let mut trial = Trial::new(seed, &config);
            for _ in 0..4 {
                for stream in 0..STREAMS {
                    let len = trial.some_len() / 4;
                    assert!(trial.send(stream, len, kind(stream)), "the buffer holds them all");
                }
                trial.pair.run_for(50 * MS);
            }
            trial.settle(STREAMS);
            add(&mut totals, trial.check(STREAMS));
            trial.check_that_streams_go_on(STREAMS);
        }
    }
    report("a thousand streams", seeds, &totals);
}
