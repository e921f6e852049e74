//! Numbers that start shortly before their end. Message identifiers have 32 bits and always start with 0: what they mean
//! across the wrap is shown where it is decided, in `id` and `interleaved`.

mod common;

use common::*;
use netsim::Link;
use ortica_sctp::{Config, Event, Reliability, SendOptions, StreamId};

const LATE: u32 = u32::MAX - 10;

fn late() -> Config {
    config().with_initial_tsn(Some(LATE))
}

fn connected_late(seed: u64, link: Link) -> Peers {
    let (a, b) = (Peer::new(late(), seed * 2), Peer::new(late(), seed * 2 + 1));
    connect(netsim::Pair::of_machines(seed, Link::with_delay(link.delay), a, b), link)
}

fn rough() -> Link {
    Link::with_delay(25 * MS).lossy(0.05).reorder(0.1, 40 * MS).duplicate(0.02)
}

/// Guards the serial arithmetic of TSNs: in the ring of what is in flight, the runs of what has arrived, SACK and FORWARD
/// TSN.
#[test]
fn flt_40_tsns_wrap() {
    for seed in 0..100 {
        let mut pair = connected_late(seed, rough());
        let data = pattern(100_000);
        let fragile = SendOptions { ordered: false, reliability: Reliability::MaxRetransmits(0) };
        for (at, message) in data.chunks(4_000).enumerate() {
            pair.a.machine.queue(1, message.to_vec(), SendOptions::default());
            pair.b.machine.queue(1, message.to_vec(), SendOptions::default());
            // What is given up shortly before and after the wrap must not hold up the rest.
            pair.a.machine.queue(2, vec![at as u8; 100], fragile);
        }
        pair.b.machine.unread.push(StreamId(2));
        let all = |peer: &Peer| peer.received() == data.len();
        pair.run_until(60 * SECOND, |a, b| all(&a.machine) && all(&b.machine)).expect("everything arrives");
        assert_eq!((pair.a.machine.bytes(), pair.b.machine.bytes()), (data.clone(), data), "seed {seed}");
    }
}

/// Guards the serial arithmetic of stream sequence numbers, where messages are put in order and where FORWARD TSN skips
/// some of them. A stream always begins with 0, so 65,525 messages go first, over a path without losses.
#[test]
fn flt_40_stream_sequence_numbers_wrap() {
    for seed in 0..100 {
        let mut pair = connected(seed, Link::default());
        for _ in 0..u16::MAX - 10 {
            pair.a.machine.queue(1, &b"x"[..], SendOptions::default());
        }
        pair.run_until(60 * SECOND, |_, b| b.machine.received() == 65_525).expect("the first messages arrive");
        pair.b.machine.inbox.clear();
        pair.links(|link| *link = rough());
        let fragile = SendOptions { reliability: Reliability::MaxRetransmits(0), ..SendOptions::default() };
        let expected: Vec<Vec<u8>> = (0..40u8).map(|at| vec![at; 700]).collect();
        for message in &expected {
            pair.a.machine.queue(1, message.clone(), SendOptions::default());
            pair.a.machine.queue(1, &b"may get lost"[..], fragile);
        }
        let kept = |peer: &Peer| peer.inbox.iter().filter(|message| message.payload.len() == 700).count();
        pair.run_until(60 * SECOND, |_, b| kept(&b.machine) == 40).expect("everything arrives");
        let received = pair.b.machine.inbox.iter().map(|message| message.payload.to_vec());
        assert_eq!(received.filter(|message| message.len() == 700).collect::<Vec<_>>(), expected, "seed {seed}");
    }
}

/// Guards the numbering of requests to reset streams, which starts with the first TSN: twenty rounds go past the wrap.
#[test]
fn flt_40_request_numbers_wrap() {
    for seed in 0..100 {
        let mut pair = connected_late(seed, rough());
        pair.a.machine.mirrors_resets = false;
        for round in 0..20u8 {
            for side in [&mut pair.a.machine, &mut pair.b.machine] {
                side.events.clear();
                side.inbox.clear();
                side.queue(1, vec![round; 300], SendOptions::default());
            }
            let has = |peer: &Peer| peer.received() == 300;
            pair.run_until(60 * SECOND, |a, b| has(&a.machine) && has(&b.machine)).expect("both have a message");
            assert_eq!(pair.b.machine.bytes(), [round; 300], "seed {seed}");
            pair.with_a(|a, now| a.machine.association.reset_streams(now, &[StreamId(1)]).unwrap());
            let done = |peer: &Peer| {
                peer.has(&Event::StreamReset(StreamId(1))) && peer.has(&Event::StreamResetDone(StreamId(1)))
            };
            pair.run_until(60 * SECOND, |a, b| done(&a.machine) && done(&b.machine))
                .expect("both directions are reset");
            for side in [&pair.a.machine, &pair.b.machine] {
                assert!(!side.has(&Event::StreamResetFailed(StreamId(1))), "seed {seed}, round {round}");
            }
        }
    }
}
