//! Counts what the allocator is asked for: while messages flow, and under attack.

#[path = "common/allocations.rs"]
mod allocations;
mod common;

use bytes::Bytes;
use common::raw::{self, BEGIN, DATA, END, FORWARD_TSN, I_DATA, UNORDERED};
use common::*;
use netsim::Link;
use ortica_core::{Instant, Rng};
use ortica_sctp::{Association, Config, Event, Ppid, SendOptions, StreamId};
use std::sync::Arc;

const CAP: isize = 5 << 20;

fn victim(config: Config) -> (Association, u32) {
    let mut victim = Association::new(Arc::new(config), Rng::from_number(9), netsim::epoch());
    let tag = raw::handshake(netsim::epoch(), &mut victim);
    (victim, tag)
}

/// Two associations over a perfect wire without delay, and room to carry packets in.
struct Wire {
    a: Association,
    b: Association,
    now: Instant,
    packets: Vec<u8>,
}

impl Wire {
    fn new(config: Config) -> Self {
        let config = Arc::new(config);
        let new = |seed| Association::new(config.clone(), Rng::from_number(seed), netsim::epoch());
        let mut wire = Self { a: new(1), b: new(2), now: netsim::epoch(), packets: Vec::with_capacity(1 << 20) };
        wire.a.connect(wire.now);
        for _ in 0..4 {
            wire.turn();
        }
        assert!(wire.a.is_connected() && wire.b.is_connected());
        wire
    }

    /// Carries a batch each way. Returns how many packets that were.
    fn turn(&mut self) -> usize {
        self.now += MS;
        let count = carry(self.now, &mut self.a, &mut self.b, &mut self.packets)
            + carry(self.now, &mut self.b, &mut self.a, &mut self.packets);
        for side in [&mut self.a, &mut self.b] {
            if side.poll_timeout().is_some_and(|at| at <= self.now) {
                side.handle_timeout(self.now);
            }
        }
        count
    }

    /// Sends `count` copies of `message`, as fast as they are taken, and reads them. Returns the packets that took.
    fn transfer(&mut self, message: &Bytes, count: usize) -> usize {
        let (mut sent, mut received, mut packets) = (0, 0, 0);
        while received < count {
            while sent < count
                && self.a.send(self.now, StreamId(1), Ppid::BINARY, message.clone(), SendOptions::default()).is_ok()
            {
                sent += 1;
            }
            packets += self.turn();
            while self.b.read(StreamId(1)).is_some() {
                received += 1;
            }
            while self.a.poll_event().is_some() || self.b.poll_event().is_some() {}
        }
        packets
    }
}

/// Carries a batch. Returns how many packets that were.
fn carry(now: Instant, from: &mut Association, to: &mut Association, packets: &mut Vec<u8>) -> usize {
    packets.clear();
    let (mut at, mut count) = (0, 0);
    while let Some(len) = from.poll_packet(now, packets) {
        to.handle_packet(now, &packets[at..at + len]);
        (at, count) = (at + len, count + 1);
    }
    count
}

/// Guards the hot path: sending costs no allocation, neither per message nor per packet, and receiving one per message, be they
/// interleaved or not.
#[test]
fn nothing_is_allocated_per_packet() {
    for (size, interleaving) in [16, 1_000, 65_536, 262_144].into_iter().flat_map(|size| [(size, false), (size, true)])
    {
        let (mut wire, message) = (Wire::new(config().with_interleaving(interleaving)), Bytes::from(vec![7; size]));
        // Queues, windows and buffers grow to what they need.
        wire.transfer(&message, 4_000_000 / size.max(64));
        let count = 4_000_000 / size.max(256);
        let before = allocations::calls();
        let packets = wire.transfer(&message, count);
        let allocations = allocations::calls() - before;
        println!("{count} messages of {size} bytes: {packets} packets, {allocations} allocations");
        // One for each message, and a few where it waits.
        assert!(allocations <= count + count / 8 + 8, "{allocations} for {count} messages of {size} bytes");
    }
}

/// Guards against work that grows with what is in flight: the steps per packet do not, however large the window.
#[test]
fn the_work_per_packet_does_not_grow_with_what_is_in_flight() {
    let per_packet = |megabits: u64| {
        let link = Link::with_delay(50 * MS).bottleneck(megabits * 1_000_000, 16 << 20);
        let mut pair = connected(1, link);
        let message = Bytes::from(vec![7; 65_536]);
        for _ in 0..300 {
            pair.a.machine.queue(1, message.clone(), SendOptions::default());
        }
        pair.run_until(120 * SECOND, |_, b| b.machine.received() == 300 * 65_536).expect("it arrives");
        let (a, b) = (pair.a.machine.association.stats(), pair.b.machine.association.stats());
        (a.steps + b.steps) as f64 / a.data_chunks_sent as f64
    };
    let (slow, fast) = (per_packet(10), per_packet(200));
    println!("{slow:.2} and {fast:.2} steps per packet");
    assert!(fast <= slow * 1.2, "{slow} {fast}");
}

/// Guards the answer to INIT, which remembers nothing and comes no more often than every ten milliseconds: a million of
/// them, each for 65,535 streams, leave the heap as it was. So does one association with all those streams.
#[test]
fn cve_32_a_flood_of_inits_leaves_nothing_behind() {
    let now = netsim::epoch();
    let mut victim = Association::new(Arc::new(config()), Rng::from_number(9), now);
    let (mut answered, mut out) = (0, Vec::with_capacity(1 << 16));
    let mut inits: Vec<_> = (1..=16).map(|tag| raw::packet(0, &[(raw::INIT, 0, raw::init(tag, tag))])).collect();
    victim.handle_packet(now, &inits[0]);
    victim.poll_packet(now, &mut out);
    let before = allocations::live();
    for at in 0..1_000_000u64 {
        let now = now + std::time::Duration::from_micros(at);
        victim.handle_packet(now, &inits[at as usize % 16]);
        out.clear();
        answered += usize::from(victim.poll_packet(now, &mut out).is_some());
    }
    assert!((99..=100).contains(&answered), "{answered} answers in a second");
    assert!((allocations::live() - before).abs() < 4 << 10, "{} bytes", allocations::live() - before);
    inits.clear();
    let tag = raw::handshake(now + 2 * SECOND, &mut victim);
    assert_ne!(tag, 0);
    assert!(allocations::live() - before < 16 << 10, "{} bytes", allocations::live() - before);
}

/// Fills a victim with what `chunk` makes of 0, 1, 2, .. and never reads. Returns the most that the heap grew by.
fn fill(name: &str, count: u32, chunk: impl Fn(u32) -> (u8, u8, Vec<u8>)) -> isize {
    fill_with(config(), name, count, chunk)
}

fn fill_with(config: Config, name: &str, count: u32, chunk: impl Fn(u32) -> (u8, u8, Vec<u8>)) -> isize {
    let (mut victim, tag) = victim(config);
    let before = allocations::live();
    let (mut most, mut now) = (0, netsim::epoch());
    for at in 0..count {
        now += MS / 10;
        victim.handle_packet(now, &raw::packet(tag, &[chunk(at)]));
        raw::drain(now, &mut victim);
        while victim.poll_event().is_some() {}
        most = most.max(allocations::live() - before);
    }
    println!("{name}: {most} bytes, {:.2} x the cap", most as f64 / CAP as f64);
    assert!(victim.is_connected(), "{name}");
    most
}

/// Guards the account of the receive buffer: whatever is sent to fill it, in pieces as small as they can be, costs hardly
/// more than it allows. (The row grants twice as much; an account that forgets something would hide in that.)
#[test]
fn cve_35_what_is_never_completed_stays_within_bounds() {
    let both = BEGIN | END;
    type Attack = Box<dyn Fn(u32) -> (u8, u8, Vec<u8>)>;
    let attacks: [(&str, u32, Attack); 8] = [
        (
            "fragments behind holes",
            100_000,
            Box::new(|at| (DATA, BEGIN, raw::data(2 + 2 * (at % 32_000), at as u16, 0, b"x"))),
        ),
        ("one endless run of fragments", 60_000, Box::new(|at| (DATA, 0, raw::data(2 + at, 1, 0, b"x")))),
        ("fragments back to front", 60_000, Box::new(|at| (DATA, 0, raw::data(60_001 - at, 1, 0, b"x")))),
        (
            "pairs joined by a third",
            60_000,
            Box::new(|at| (DATA, 0, raw::data(2 + [0, 2, 1][at as usize % 3] + at / 3 * 3, 1, 0, b"x"))),
        ),
        (
            "messages out of order on every stream",
            65_535,
            Box::new(move |at| (DATA, both, raw::data(1 + at, at as u16, 1, b"x"))),
        ),
        (
            "messages in order on every stream",
            65_535,
            Box::new(move |at| (DATA, both, raw::data(1 + at, at as u16, 0, b"x"))),
        ),
        (
            "messages on one stream",
            100_000,
            Box::new(move |at| (DATA, both | UNORDERED, raw::data(1 + at, 1, 0, b"x"))),
        ),
        (
            "messages out of order on one stream",
            30_000,
            Box::new(move |at| (DATA, both, raw::data(1 + at, 1, 1 + at as u16, b"x"))),
        ),
    ];
    for (name, count, chunk) in attacks {
        let most = fill(name, count, chunk);
        assert!(most <= CAP + CAP / 8, "{name}: {most} bytes");
    }
}

/// Guards the same for messages that are interleaved: many begun, one in very many pieces, and whole ones that wait.
#[test]
fn cve_35_interleaved_messages_stay_within_bounds() {
    type Attack = Box<dyn Fn(u32) -> (u8, u8, Vec<u8>)>;
    let attacks: [(&str, u32, Attack); 6] = [
        ("messages begun", 60_000, Box::new(|at| (I_DATA, BEGIN, raw::i_data(1 + at, 1, at, 53, b"x")))),
        (
            "messages begun on every stream",
            65_535,
            Box::new(|at| (I_DATA, BEGIN | UNORDERED, raw::i_data(1 + at, at as u16, 0, 53, b"x"))),
        ),
        (
            "messages of pairs",
            60_000,
            Box::new(|at| (I_DATA, [BEGIN, 0][at as usize % 2], raw::i_data(1 + at, 1, at / 2, at % 2, b"x"))),
        ),
        ("one message in holes", 60_000, Box::new(|at| (I_DATA, 0, raw::i_data(1 + at, 1, 0, 2 * at + 2, b"x")))),
        ("back to front", 60_000, Box::new(|at| (I_DATA, 0, raw::i_data(1 + at, 1, 0, 60_000 - at, b"x")))),
        (
            "whole ones out of order",
            60_000,
            Box::new(|at| (I_DATA, BEGIN | END, raw::i_data(1 + at, at as u16 % 9, 1 + at, 53, b"x"))),
        ),
    ];
    for (name, count, chunk) in attacks {
        let most = fill_with(config().with_interleaving(true), name, count, chunk);
        assert!(most <= CAP + CAP / 8, "{name}: {most} bytes");
    }
}

/// Guards the same for streams that only FORWARD TSN names, and for messages held back behind a reset.
#[test]
fn cve_35_streams_named_and_never_used_stay_within_bounds() {
    let named = fill("streams skipped", 60, |at| {
        let mut value = (1 + at).to_be_bytes().to_vec();
        for stream in (0..10_000).map(|each| (at * 10_000 + each) as u16) {
            value.extend(stream.to_be_bytes());
            value.extend(7u16.to_be_bytes());
        }
        (FORWARD_TSN, 0, value)
    });
    assert!(named <= 2 * CAP, "{named} bytes");
    let held = fill("messages behind a reset", 60_000, |at| {
        if at == 0 {
            let numbers = [1u32, 0, 60_000].map(u32::to_be_bytes).concat();
            return (raw::RE_CONFIG, 0, [&[0, 13, 0, 16][..], &numbers].concat());
        }
        (DATA, BEGIN | END, raw::data(60_000 + at, at as u16, 0, b"x"))
    });
    assert!(held <= 2 * CAP, "{held} bytes");
}

/// Guards the reuse of stream numbers: ten thousand rounds of a message and a reset both ways, with losses, end with each
/// message delivered once, no reset refused, and nothing left behind.
#[test]
fn cve_39_ten_thousand_resets_leave_nothing_behind() {
    let mut pair = connected(39, Link::with_delay(10 * MS).lossy(0.05));
    pair.a.machine.mirrors_resets = false;
    let mut flat = None;
    for round in 0..10_000u32 {
        let stream = StreamId((round % 3) as u16);
        pair.a.machine.queue(stream.0, round.to_be_bytes().to_vec(), SendOptions::default());
        pair.with_a(|a, now| {
            a.machine.run_application(now);
            a.machine.association.reset_streams(now, &[stream]).unwrap();
        });
        let done = |peer: &Peer| peer.has(&Event::StreamReset(stream)) && peer.has(&Event::StreamResetDone(stream));
        pair.run_until(300 * SECOND, |a, b| done(&a.machine) && done(&b.machine)).expect("both directions are reset");
        assert_eq!(pair.b.machine.bytes(), round.to_be_bytes(), "round {round}");
        for side in [&mut pair.a.machine, &mut pair.b.machine] {
            assert!(!side.has(&Event::StreamResetFailed(stream)), "round {round}");
            side.events.clear();
            side.inbox.clear();
        }
        if round == 1_000 {
            pair.run_for(60 * SECOND);
            flat = Some(allocations::live());
        }
    }
    pair.run_for(60 * SECOND);
    let grown = allocations::live() - flat.expect("a thousand rounds went by");
    println!("{grown} bytes more than after a thousand rounds");
    assert!(grown.abs() <= 64 << 10, "{grown} bytes");
}
