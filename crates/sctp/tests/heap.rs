//! What an association holds under each attack, against its limits. The attacks that fill the receive buffer, floods of INIT and
//! the reuse of streams are in `memory`.

#[path = "common/allocations.rs"]
mod allocations;
mod common;

use bytes::Bytes;
use common::raw::{self, BEGIN, DATA, END, FORWARD_TSN, HEARTBEAT, I_DATA, I_FORWARD_TSN, INIT, RE_CONFIG, SACK};
use common::*;
use netsim::{Link, Machine, Packets, Pair};
use ortica_core::{Instant, Rng};
use ortica_sctp::{Association, CloseReason, Config, Event, Limits, Ppid, SendOptions, StreamId};
use std::sync::Arc;

/// What may come and go without anything having been kept: the buffers of answers.
const FLAT: isize = 64 << 10;
const RECEIVE_BUFFER: isize = 5 << 20;
const SEND_BUFFER: isize = 2 << 20;
const LONGEST_MESSAGE: isize = 256 << 10;

type RawChunk = (u8, u8, Vec<u8>);

/// An association under attack.
struct Victim {
    association: Association,
    tag: u32,
    now: Instant,
    /// What its heap has grown by since the handshake, and by how much at most.
    held: isize,
    most: isize,
    closed: Option<CloseReason>,
    /// The TSN of the DATA chunk that began its last packet with data.
    last_tsn: u32,
    out: Vec<u8>,
}

impl Victim {
    fn new(config: Config) -> Self {
        let mut association = Association::new(Arc::new(config), Rng::from_number(9), netsim::epoch());
        let tag = raw::handshake(netsim::epoch(), &mut association);
        let out = Vec::with_capacity(1 << 20);
        let mut victim =
            Self { association, tag, now: netsim::epoch(), held: 0, most: 0, closed: None, last_tsn: 0, out };
        victim.drain();
        (victim.held, victim.most) = (0, 0);
        victim
    }

    fn measured<T>(&mut self, call: impl FnOnce(&mut Association, Instant) -> T) -> T {
        let before = allocations::live();
        let result = call(&mut self.association, self.now);
        self.held += allocations::live() - before;
        self.most = self.most.max(self.held);
        result
    }

    fn hears(&mut self, chunks: &[RawChunk]) {
        self.hears_packet(&raw::packet(self.tag, chunks));
    }

    fn hears_packet(&mut self, packet: &[u8]) {
        self.measured(|association, now| association.handle_packet(now, packet));
    }

    /// A batch is over: a millisecond passes, what it has to send goes, and its events are taken.
    fn drain(&mut self) {
        self.now += MS;
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        let events = self.measured(|association, now| {
            if association.poll_timeout().is_some_and(|at| at <= now) {
                association.handle_timeout(now);
            }
            while association.poll_packet(now, &mut out).is_some() {}
            std::iter::from_fn(|| association.poll_event()).fold(None, |closed, event| match event {
                Event::Closed(reason) => Some(reason),
                _ => closed,
            })
        });
        self.closed = self.closed.or(events);
        self.last_tsn = last_tsn(&out).unwrap_or(self.last_tsn);
        self.out = out;
    }

    /// Lets the pacer send what it has.
    fn round_trip(&mut self) {
        for _ in 0..50 {
            self.drain();
        }
    }

    /// Attacks in batches of a hundred packets, and gives how much it held at most.
    fn suffers(mut self, name: &str, count: u32, mut attack: impl FnMut(&mut Self, u32)) -> Self {
        for at in 0..count {
            attack(&mut self, at);
            if at % 100 == 99 {
                self.drain();
            }
        }
        println!("{name}: {} bytes at most, {} in the end", self.most, self.held);
        self
    }

    /// Queues what the send buffer takes, in messages of `len` bytes.
    fn fill_send_buffer(&mut self, len: usize) {
        self.measured(|association, now| {
            let full = |association: &mut Association| {
                let (stream, payload) = (StreamId(1), vec![7; len].into());
                association.send(now, stream, Ppid::BINARY, payload, SendOptions::default()).is_err()
            };
            while !full(association) {}
        });
    }
}

/// The TSN of the last DATA chunk that begins one of our packets.
fn last_tsn(packets: &[u8]) -> Option<u32> {
    let data = |at: &usize| packets[*at..*at + 4] == [0x13, 0x88, 0x13, 0x88] && packets[*at + 12] == DATA;
    let at = (0..packets.len().saturating_sub(28)).rfind(data)?;
    Some(u32::from_be_bytes([packets[at + 16], packets[at + 17], packets[at + 18], packets[at + 19]]))
}

/// The value of a SACK; `window` is a megabyte.
fn sack(cumulative: u32, blocks: &[(u16, u16)]) -> RawChunk {
    let mut value = [cumulative.to_be_bytes(), (1u32 << 20).to_be_bytes()].concat();
    value.extend((blocks.len() as u16).to_be_bytes());
    value.extend([0; 2]);
    for (start, end) in blocks {
        value.extend(start.to_be_bytes());
        value.extend(end.to_be_bytes());
    }
    (SACK, 0, value)
}

/// Guards against what is not implemented: addresses to change, authentication and parameters full of addresses are answered or
/// passed over, and nothing of them is kept.
#[test]
fn cve_29_what_is_not_implemented_costs_nothing() {
    let addresses: Vec<u8> = (0..130u8).flat_map(|at| [0, 5, 0, 8, 10, 0, 0, at]).collect();
    for (name, kind) in [("ASCONF", 0xc1), ("ASCONF ACK", 0x80), ("AUTH", 0x0f)] {
        let packet = [(kind, 0, [&[0, 0, 0, 1][..], &addresses].concat())];
        let victim = Victim::new(config()).suffers(name, 20_000, |victim, _| victim.hears(&packet));
        assert!(victim.most <= FLAT && victim.closed.is_none(), "{name}: {} bytes", victim.most);
    }
    // Of the addresses, and of what asks to be reported.
    let unknown: Vec<u8> = (0..130u8).flat_map(|at| [0xc0, at, 0, 8, 1, 2, 3, 4]).collect();
    for (name, parameters) in [("INIT with addresses", &addresses), ("INIT with unknown parameters", &unknown)] {
        let init = raw::packet(0, &[(INIT, 0, [raw::init(8, 1), parameters.clone()].concat())]);
        let victim = Victim::new(config()).suffers(name, 20_000, |victim, _| victim.hears_packet(&init));
        assert!(victim.most <= FLAT && victim.closed.is_none(), "{name}: {} bytes", victim.most);
    }
}

/// Guards the order of checks: a packet under a wrong tag is dropped before anything is made of it, whatever it holds.
#[test]
fn cve_30_guessed_tags_cost_nothing() {
    let mut tags = Rng::from_number(30);
    let victim = Victim::new(config()).suffers("guessed tags", 200_000, |victim, at| {
        let tag = tags.u32() | 1;
        let value = raw::data(1 + at, at as u16, 0, b"harm");
        if tag != victim.tag {
            victim.hears_packet(&raw::packet(tag, &[((at % 256) as u8, BEGIN | END, value)]));
        }
    });
    assert!(victim.most <= 1 << 10 && victim.closed.is_none(), "{} bytes", victim.most);
}

/// Guards the walk over chunks: trains with whatever lengths come to an end.
#[test]
fn cve_31_random_chunk_trains_stay_within_bounds() {
    let mut rng = Rng::from_number(31);
    let mut ended = 0;
    let mut victim = Victim::new(config());
    for _ in 0..4_096 {
        let mut train = raw::packet(victim.tag, &[(HEARTBEAT, 0, vec![0, 1, 0, 8, 1, 2, 3, 4])]);
        for _ in 0..rng.below(30) {
            let kinds = [DATA, I_DATA, SACK, RE_CONFIG, FORWARD_TSN, HEARTBEAT, rng.u32() as u8];
            let len = [0, 3, 4, 5, 16, 20, rng.below(1_000) as u16, rng.u32() as u16][rng.below(8) as usize];
            train.extend([kinds[rng.below(7) as usize], rng.u32() as u8]);
            train.extend(len.to_be_bytes());
            // Numbers that are near those in use do more harm than others.
            let body = usize::from(len.saturating_sub(4)).min(1_000);
            train.extend((0..body.next_multiple_of(4)).map(|at| if at < 3 { 0 } else { rng.u32() as u8 & 0x3f }));
        }
        raw::seal(&mut train);
        victim.hears_packet(&train);
        victim.drain();
        if victim.closed.is_some() {
            ended += 1;
            victim = Victim::new(config());
        }
    }
    println!("random trains: {ended} associations ended, the last held {} bytes at most", victim.most);
    assert!(ended > 0);
}

/// Guards the end: what was there of messages in part goes with the association.
#[test]
fn cve_31_a_violation_leaves_nothing_of_messages_in_part() {
    let mut victim = Victim::new(config());
    for at in 0..200u16 {
        victim.hears(&[(DATA, BEGIN, raw::data(2 + 2 * u32::from(at), 1, at, &[3; 1_000]))]);
    }
    assert!(victim.held >= 200_000, "{} bytes", victim.held);
    victim.hears(&[(DATA, BEGIN | END, raw::data(1, 1, 0, &[]))]);
    victim.drain();
    assert!(matches!(victim.closed, Some(CloseReason::ProtocolViolation(_))), "{:?}", victim.closed);
    assert!(victim.held <= FLAT, "{} bytes after the end", victim.held);
}

/// Guards the account of the receive buffer, and the room for answers: what trains of chunks that break no rule leave to be read, to
/// be put in order and to be answered is bounded, whatever they are made of.
#[test]
fn cve_31_random_sound_chunk_trains_stay_within_bounds() {
    const MOST: isize = 128 << 10;
    let limits = Limits::default().with_receive_buffer(MOST as usize).with_max_message_size(16 << 10);
    let mut rng = Rng::from_number(32);
    let mut chunk = move |train: u32| -> RawChunk {
        let tsn = 4 * train + rng.below(400) as u32;
        let bytes: Vec<u8> = (0..1 + rng.below(1_000)).map(|_| rng.u32() as u8).collect();
        match rng.below(6) {
            0 | 1 => (DATA, BEGIN | END, raw::data(tsn, rng.below(2_000) as u16, rng.below(60) as u16, &bytes)),
            2 => sack(rng.u32(), &[(rng.u32() as u16, rng.u32() as u16)]),
            3 => (RE_CONFIG, 0, bytes),
            4 => (HEARTBEAT, 0, [&[0, 1][..], &(bytes.len() as u16 + 4).to_be_bytes(), &bytes].concat()),
            _ => (0xc1, 0, bytes),
        }
    };
    let victim = Victim::new(config().with_limits(limits)).suffers("sound trains", 4_096, |victim, train| {
        let chunks: Vec<RawChunk> = (0..20).map(|_| chunk(train)).collect();
        victim.hears(&chunks);
    });
    assert!(victim.closed.is_none(), "{:?}", victim.closed);
    assert!((MOST * 3 / 4..=MOST + MOST / 8).contains(&victim.most), "{} bytes", victim.most);
}

/// Guards the send buffer: who acknowledges what was never sent, or the same again and again, gets no more out of it than who
/// acknowledges what came, and it holds no more for that.
#[test]
fn cve_33_optimistic_acknowledgements_cost_nothing() {
    let [honest, optimistic] = [0, 100].map(|lies| {
        let mut victim = Victim::new(config());
        victim.fill_send_buffer(10_000);
        assert!(victim.held > SEND_BUFFER * 9 / 10, "{} bytes", victim.held);
        for _ in 0..30 {
            victim.round_trip();
            let last = victim.last_tsn;
            let all_but_one = last.wrapping_sub(1);
            victim.hears(&[sack(all_but_one, &[])]);
            for at in 0..lies {
                victim.hears(&[sack(last.wrapping_add(1_000 + at), &[]), sack(all_but_one, &[(2_000, u16::MAX)])]);
            }
            for _ in 0..=lies {
                victim.hears(&[sack(last, &[])]);
            }
            victim.fill_send_buffer(10_000);
        }
        println!("{lies} optimistic acknowledgements: {} bytes at most, {} in the end", victim.most, victim.held);
        assert!(victim.most <= SEND_BUFFER + SEND_BUFFER / 8, "{} bytes", victim.most);
        let stats = victim.association.stats();
        (stats.bytes_sent, stats.data_chunks_sent, victim.association.path().congestion_window)
    });
    assert_eq!(optimistic, honest);
    assert!(honest.0 > 3 * SEND_BUFFER as u64, "acknowledged data make room");
}

/// Guards the same with thousands of blocks, while thousands of chunks as small as they can be are in flight.
#[test]
fn cve_34_thousands_of_blocks_cost_nothing() {
    let mut victim = Victim::new(config());
    victim.fill_send_buffer(1);
    // The window opens, round trip by round trip.
    victim.round_trip();
    while victim.association.path().in_flight < 40_000 {
        let last = victim.last_tsn;
        victim.hears(&[sack(last, &[])]);
        victim.round_trip();
        assert!(victim.now < netsim::epoch() + 5 * SECOND, "{:?}", victim.association.path());
    }
    let in_flight = victim.association.path().in_flight / 20;
    let before = victim.held;
    victim.most = before;
    let first = victim.last_tsn.wrapping_sub(in_flight as u32 - 100);
    let ascending: Vec<_> = (0..16_000u16).map(|at| (2 + 2 * at, 2 + 2 * at)).collect();
    let descending: Vec<_> = ascending.iter().rev().copied().collect();
    let overlapping: Vec<_> = (0..16_000u16).map(|at| (2 + at % 900, 1_000 - at % 7)).collect();
    let bombs = [ascending, descending, overlapping].map(|blocks| [sack(first, &blocks)]);
    let victim = victim.suffers("bombs of blocks", 300, |victim, at| victim.hears(&bombs[at as usize % 3]));
    assert!(victim.most - before <= FLAT, "{} bytes", victim.most - before);
}

/// Guards the length of a message while it is put together: what never ends costs no more than the longest that may be, and
/// nothing once it has ended the association.
#[test]
fn cve_36_a_message_without_end_costs_no_more_than_the_longest() {
    for (name, reversed) in [("in order", false), ("back to front", true)] {
        let victim = Victim::new(config()).suffers(name, 400, |victim, at| {
            let tsn = if reversed { 500 - at } else { 1 + at };
            let flags = if at == 0 && !reversed { BEGIN } else { 0 };
            victim.hears(&[(DATA, flags, raw::data(tsn, 1, 0, &[3; 1_000]))]);
        });
        assert_eq!(victim.closed, Some(CloseReason::MessageTooLarge), "{name}");
        assert!(victim.most <= 2 * LONGEST_MESSAGE + FLAT, "{name}: {} bytes", victim.most);
        assert!(victim.held <= FLAT, "{name}: {} bytes after the end", victim.held);
    }
    // Of interleaved messages, one on each of many streams.
    let config = config().with_interleaving(true);
    let victim = Victim::new(config).suffers("interleaved", 20_000, |victim, at| {
        let (stream, round) = (at % 100, at / 100);
        let flags = if round == 0 { BEGIN } else { 0 };
        let shared = if round == 0 { 53 } else { round };
        victim.hears(&[(I_DATA, flags, raw::i_data(1 + at, stream as u16, 0, shared, &[3; 1_000]))]);
    });
    // The window grows to its limit for them; their bookkeeping comes on top.
    assert!(victim.most <= RECEIVE_BUFFER + RECEIVE_BUFFER / 4, "{} bytes", victim.most);
}

/// Guards the lists of streams in I-FORWARD-TSN; those of FORWARD TSN are in `memory`.
#[test]
fn cve_37_lists_of_skipped_streams_stay_within_bounds() {
    for (streams, most) in [(u16::MAX, RECEIVE_BUFFER), (16, FLAT)] {
        let config = config().with_interleaving(true).with_streams(streams, streams);
        let victim = Victim::new(config).suffers("streams skipped", 200, |victim, at| {
            let mut value = (1 + at).to_be_bytes().to_vec();
            for entry in 0..8_000u32 {
                value.extend(((at * 8_000 + entry) as u16).to_be_bytes());
                value.extend([0, (at % 2) as u8]);
                value.extend((7 + at).to_be_bytes());
            }
            victim.hears(&[(I_FORWARD_TSN, 0, value)]);
        });
        assert!(victim.closed.is_none());
        assert!(victim.most <= most, "of {streams}: {} bytes", victim.most);
    }
}

/// Guards the queue of events and the answers to requests: resets of every stream, again and again, before anybody looks.
#[test]
fn cve_39_a_flood_of_resets_stays_within_bounds() {
    let victim = Victim::new(config()).suffers("resets", 20_000, |victim, at| {
        let mut value = [&[0, 13][..], &(16 + 2 * 4_000u16).to_be_bytes()].concat();
        value.extend([1 + at, 0, 0].map(u32::to_be_bytes).concat());
        value.extend((0..4_000u16).flat_map(u16::to_be_bytes));
        victim.hears(&[(RE_CONFIG, 0, value)]);
    });
    assert!(victim.closed.is_none());
    // The limit is 4,096 events, and the last request may add its own.
    assert!(victim.most <= 1 << 20, "{} bytes", victim.most);
}

/// A reader that takes what comes on stream 2 and leaves stream 1 alone once it is told to.
struct SlowReader {
    association: Association,
    reads_all: bool,
    received: usize,
    held: isize,
    most: isize,
}

impl SlowReader {
    fn measured<T>(&mut self, call: impl FnOnce(&mut Self) -> T) -> T {
        let before = allocations::live();
        let result = call(self);
        self.held += allocations::live() - before;
        self.most = self.most.max(self.held);
        result
    }

    fn read(&mut self, stream: u16) {
        while let Some(message) = self.association.read(StreamId(stream)) {
            self.received += message.payload.len();
        }
    }
}

impl Machine for SlowReader {
    fn handle_packet(&mut self, now: Instant, packet: &mut [u8]) {
        self.measured(|reader| reader.association.handle_packet(now, packet));
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.measured(|reader| reader.association.handle_timeout(now));
    }

    fn poll_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        out.reserve(2_000);
        self.measured(|reader| {
            while reader.association.poll_event().is_some() {}
            reader.read(2);
            if reader.reads_all {
                reader.read(1);
            }
            reader.association.poll_packet(now, out)
        })
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.association.poll_timeout()
    }
}

/// Guards the account of what is not read: however much is offered, in messages of whatever size and with holes between them, a
/// receiver holds what it may and the window stays closed; once it reads, everything goes on.
#[test]
fn flt_43_what_is_not_read_stays_within_the_receive_buffer() {
    for (size, loss) in [(65_536, 0.0), (65_536, 0.02), (1_000, 0.02), (40, 0.02)] {
        let reader = SlowReader {
            association: Association::new(Arc::new(config()), Rng::from_number(2), netsim::epoch()),
            reads_all: true,
            received: 0,
            held: 0,
            most: 0,
        };
        let link = Link::with_delay(10 * MS).lossy(loss);
        let mut pair = Pair::of_machines(43, link, Peer::plain(43, 0), reader);
        pair.with_a(|a, now| a.machine.association.connect(now));
        let message = Bytes::from(vec![7; size]);
        let pour = |pair: &mut Pair<Packets<Peer>, Packets<SlowReader>>, seconds: u32| {
            for _ in 0..seconds * 20 {
                while pair.a.machine.outbox.len() < 4 << 20 >> size.ilog2() {
                    pair.a.machine.queue(1, message.clone(), SendOptions::default());
                }
                pair.run_for(50 * MS);
            }
        };
        // The window grows while everything is read.
        pour(&mut pair, 5);
        pair.b.machine.reads_all = false;
        pour(&mut pair, 60);
        let (most, before) = (pair.b.machine.most, pair.b.machine.received);
        println!(
            "messages of {size} bytes, loss {loss}: {most} bytes at most, {:.2} x the limit",
            most as f64 / RECEIVE_BUFFER as f64
        );
        assert!(most <= RECEIVE_BUFFER + RECEIVE_BUFFER / 10, "{size}: {most} bytes");
        assert!(
            pair.a.machine.is_up() && pair.a.machine.association.path().peer_window < 2_400,
            "the window is closed"
        );
        pair.b.machine.reads_all = true;
        pair.with_b(|b, _| b.machine.measured(|reader| reader.read(1)));
        // Where the news of the window gets lost, the next probe tells it, a minute later at most.
        for _ in 0..4 {
            if pair.b.machine.received <= before + (1 << 20) {
                pour(&mut pair, 20);
            }
        }
        assert!(pair.b.machine.received > before + (1 << 20), "{size}: nothing goes on");
    }
}
