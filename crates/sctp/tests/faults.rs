//! One kind of chunk lost, one to three times, on the way from INIT to SHUTDOWN COMPLETE.

mod common;

use common::*;
use netsim::{Link, Pair, Verdict};
use ortica_sctp::{CloseReason, Config, Event, Reliability, SendOptions, StreamId};
use std::cell::Cell;
use std::rc::Rc;

/// The stream that is reset.
const RESET: StreamId = StreamId(1);
/// The stream whose first message is lost and given up.
const FRAGILE: StreamId = StreamId(2);

/// What gets lost: chunks of this kind; of RE-CONFIG only those whose first parameter is of the kind given.
#[derive(Clone, Copy)]
struct Victim {
    name: &'static str,
    kind: u8,
    parameter: Option<u8>,
}

const fn victim(name: &'static str, kind: u8) -> Victim {
    Victim { name, kind, parameter: None }
}

const VICTIMS: [Victim; 11] = [
    victim("INIT", 1),
    victim("INIT ACK", 2),
    victim("COOKIE ECHO", 10),
    victim("COOKIE ACK", 11),
    victim("SACK", 3),
    Victim { name: "RE-CONFIG, request", kind: 130, parameter: Some(13) },
    Victim { name: "RE-CONFIG, response", kind: 130, parameter: Some(16) },
    victim("FORWARD TSN", 192),
    victim("SHUTDOWN", 7),
    victim("SHUTDOWN ACK", 8),
    victim("SHUTDOWN COMPLETE", 14),
];

impl Victim {
    fn is_in(self, packet: &[u8]) -> bool {
        chunks(packet).any(|chunk| {
            chunk[0] == self.kind && self.parameter.is_none_or(|parameter| chunk.get(5) == Some(&parameter))
        })
    }
}

/// The chunks of a packet of our own making.
fn chunks(packet: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = &packet[12..];
    std::iter::from_fn(move || {
        let len = usize::from(u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]));
        let chunk = &rest[..len];
        rest = &rest[len.next_multiple_of(4).min(rest.len())..];
        Some(chunk)
    })
}

/// `true` for a packet that brings the message of the fragile stream that gets lost.
fn is_fragile(packet: &[u8]) -> bool {
    chunks(packet).any(|chunk| {
        let header = match chunk[0] {
            0 => 16,
            raw::I_DATA => 20,
            _ => return false,
        };
        chunk[8..10] == FRAGILE.0.to_be_bytes() && chunk[header..] == *b"lost"
    })
}

/// A whole life of an association in which `victim` is lost the first `times` it is sent.
fn live(victim: Victim, times: u32, config: &Config) {
    let case = format!("{} lost {times} times", victim.name);
    let [a, b] = [0, 1].map(|side| Peer::new(config.clone(), u64::from(times) * 2 + side));
    let mut pair = Pair::of_machines(u64::from(times), Link::with_delay(25 * MS), a, b);
    pair.a.machine.mirrors_resets = false;
    let lost = Rc::new(Cell::new(0));
    let counter = Rc::clone(&lost);
    pair.network.set_filter(move |_, _, _, packet| {
        if is_fragile(packet) {
            return Verdict::Drop;
        }
        if counter.get() == times || !victim.is_in(packet) {
            return Verdict::Pass;
        }
        counter.set(counter.get() + 1);
        Verdict::Drop
    });

    pair.with_a(|a, now| {
        a.machine.association.connect(now);
        a.machine.queue(0, pattern(50_000), SendOptions::default());
        a.machine.queue(RESET.0, pattern(1_000), SendOptions::default());
        let fragile = SendOptions { reliability: Reliability::MaxRetransmits(0), ..SendOptions::default() };
        a.machine.queue(FRAGILE.0, &b"lost"[..], fragile);
        a.machine.queue(FRAGILE.0, &b"found"[..], SendOptions::default());
    });
    pair.b
        .machine
        .association
        .send(netsim::epoch(), RESET, ortica_sctp::Ppid::BINARY, b"from b".to_vec().into(), SendOptions::default())
        .expect("it waits for the handshake");
    pair.run_until(60 * SECOND, |a, b| a.machine.received() == 6 && b.machine.received() == 51_005).expect(&case);
    pair.with_a(|a, now| a.machine.association.reset_streams(now, &[RESET]).expect("both know how"));
    let is_reset = |peer: &Peer| peer.has(&Event::StreamResetDone(RESET)) && peer.has(&Event::StreamReset(RESET));
    pair.run_until(60 * SECOND, |a, b| is_reset(&a.machine) && is_reset(&b.machine)).expect(&case);
    pair.with_a(|a, now| {
        a.machine.queue(RESET.0, &b"anew"[..], SendOptions::default());
        a.machine.run_application(now);
        a.machine.association.shutdown(now);
    });
    let closed = Event::Closed(CloseReason::Shutdown);
    pair.run_until(60 * SECOND, |a, b| a.machine.has(&closed) && b.machine.has(&closed)).expect(&case);

    assert_eq!(lost.get(), times, "{case}");
    let messages = |stream| pair.b.machine.inbox.iter().filter(move |message| message.stream == stream);
    let bytes = |stream| messages(stream).flat_map(|message| message.payload.to_vec()).collect::<Vec<_>>();
    assert_eq!(bytes(StreamId(0)), pattern(50_000), "{case}");
    assert_eq!(bytes(RESET), [&pattern(1_000)[..], b"anew"].concat(), "{case}");
    assert_eq!(bytes(FRAGILE), b"found", "{case}");
    for peer in [&pair.a.machine, &pair.b.machine] {
        assert_eq!(peer.events.last(), Some(&closed), "{case}");
    }
}

/// Guards the repetition of every kind of chunk that something waits for, also when the first repetitions get lost.
#[test]
fn flt_26_every_kind_of_chunk_may_get_lost_three_times() {
    for victim in VICTIMS {
        for times in 1..=3 {
            live(victim, times, &config());
        }
    }
}

/// Guards the same where messages are interleaved, for what says it in other chunks then.
#[test]
fn flt_26_every_kind_of_chunk_may_get_lost_where_messages_are_interleaved() {
    let others = [victim("I-DATA", raw::I_DATA), victim("I-FORWARD-TSN", raw::I_FORWARD_TSN)];
    for victim in VICTIMS.into_iter().filter(|victim| victim.kind != raw::FORWARD_TSN).chain(others) {
        for times in 1..=3 {
            live(victim, times, &config().with_interleaving(true));
        }
    }
}

/// Guards the reminder: a FORWARD TSN that got lost is repeated as soon as a SACK shows a round trip later that it did, not
/// only when the T3 timer runs out.
#[test]
fn flt_26_a_lost_forward_tsn_does_not_wait_for_the_timer() {
    let mut pair = connected(26, Link::with_delay(25 * MS));
    let mut forwards = 0;
    pair.network.set_filter(move |_, _, _, packet| {
        let forward = chunks(packet).any(|chunk| chunk[0] == 192);
        forwards += u32::from(forward);
        if is_fragile(packet) || (forward && forwards == 1) { Verdict::Drop } else { Verdict::Pass }
    });
    let fragile = SendOptions { reliability: Reliability::MaxRetransmits(0), ..SendOptions::default() };
    // In a packet of its own, between two that arrive.
    pair.a.machine.queue(0, pattern(5_000), SendOptions::default());
    pair.a.machine.queue(FRAGILE.0, &b"lost"[..], fragile);
    pair.a.machine.queue(0, pattern(200_000), SendOptions::default());
    pair.a.machine.queue(FRAGILE.0, &b"found"[..], SendOptions::default());
    pair.run_until(60 * SECOND, |_, b| b.machine.received() == 205_005).expect("everything arrives");
    assert_eq!(pair.a.machine.association.stats().timeouts, 0);
}
