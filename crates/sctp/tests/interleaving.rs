//! Messages that are interleaved (RFC 8260), over links that lose, delay and reorder.

mod common;

use common::*;
use netsim::Link;
use ortica_sctp::{Config, Event, Reliability, Scheduler, SendOptions, StreamId};

fn interleaved() -> Config {
    config().with_interleaving(true)
}

/// Two peers with a handshake done, each with its own settings.
fn connected_as(seed: u64, link: Link, a: Config, b: Config) -> Peers {
    let (a, b) = (Peer::new(a, seed * 2), Peer::new(b, seed * 2 + 1));
    connect(netsim::Pair::of_machines(seed, Link::with_delay(link.delay), a, b), link)
}

fn both(seed: u64, link: Link) -> Peers {
    connected_as(seed, link, interleaved(), interleaved())
}

fn rough() -> Link {
    Link::with_delay(25 * MS).lossy(0.05).reorder(0.1, 40 * MS).duplicate(0.02)
}

fn on(peer: &Peer, stream: u16) -> Vec<Vec<u8>> {
    let messages = peer.inbox.iter().filter(|message| message.stream == StreamId(stream));
    messages.map(|message| message.payload.to_vec()).collect()
}

/// Guards the negotiation: interleaved messages need both ends, and partial reliability goes with them.
#[test]
fn interleaving_is_agreed_on_or_not_used() {
    for (a, b, agreed) in [
        (interleaved(), interleaved(), true),
        (interleaved(), config(), false),
        (config(), interleaved(), false),
        (config(), config(), false),
    ] {
        let pair = connected_as(1, Link::with_delay(MS), a, b);
        for peer in [&pair.a.machine, &pair.b.machine] {
            let found = peer.association.agreed().expect("it is up");
            assert_eq!((found.interleaving, found.partial_reliability), (agreed, true));
        }
    }
    let reliable = interleaved().with_partial_reliability(false);
    let pair = connected_as(1, Link::with_delay(MS), interleaved(), reliable);
    let found = pair.a.machine.association.agreed().expect("it is up");
    assert_eq!((found.interleaving, found.partial_reliability), (true, false));
}

/// Guards whole messages: whatever the path does to their chunks, each stream gets its own, in order.
#[test]
fn sctp_9_interleaved_messages_arrive_whole_over_a_rough_path() {
    for seed in 0..40 {
        let mut pair = both(seed, rough());
        let message = |stream: u16, at: usize| pattern(1 + (usize::from(stream) * 7_919 + at * 4_703) % 40_000);
        for at in 0..10 {
            for stream in 0..4 {
                pair.a.machine.queue(stream, message(stream, at), SendOptions::default());
                let unordered = SendOptions { ordered: false, ..SendOptions::default() };
                pair.b.machine.queue(stream, message(stream, at), unordered);
            }
        }
        let total: usize = (0..40).map(|at| message(at % 4, usize::from(at / 4)).len()).sum();
        let all = |peer: &Peer| peer.received() == total;
        pair.run_until(120 * SECOND, |a, b| all(&a.machine) && all(&b.machine)).expect("everything arrives");
        for stream in 0..4 {
            let sent: Vec<_> = (0..10).map(|at| message(stream, at)).collect();
            assert_eq!(on(&pair.b.machine, stream), sent, "seed {seed}, stream {stream}");
            let mut unordered = on(&pair.a.machine, stream);
            let mut sent = sent;
            unordered.sort();
            sent.sort();
            assert_eq!(unordered, sent, "seed {seed}, stream {stream}");
        }
    }
}

/// Guards what interleaving is for: a short message does not wait for a long one that was begun before it.
#[test]
fn dc_8_a_short_message_overtakes_a_long_one() {
    for (config, first) in [(interleaved(), 2), (common::config(), 1)] {
        let mut pair =
            connected_as(3, Link::with_delay(25 * MS).bottleneck(1_000_000, 1 << 20), config.clone(), config);
        pair.a.machine.queue(1, pattern(200_000), SendOptions::default());
        pair.run_for(100 * MS);
        pair.a.machine.queue(2, &b"short"[..], SendOptions::default());
        pair.run_until(60 * SECOND, |_, b| b.machine.received() == 200_005).expect("both arrive");
        assert_eq!(pair.b.machine.inbox[0].stream, StreamId(first));
        assert_eq!(on(&pair.b.machine, 1), [pattern(200_000)]);
    }
}

/// Guards the window against messages in part, which no reader can take: several of the longest, of which none is whole until
/// nearly all of them have come, need not fit into the window that there was at the beginning.
#[test]
fn sctp_5_long_messages_in_part_do_not_close_the_window() {
    const LONG: usize = 256 << 10;
    let mut pair = both(9, Link::with_delay(25 * MS));
    for stream in 1..=6 {
        pair.a.machine.queue(stream, pattern(LONG), SendOptions::default());
    }
    pair.run_until(60 * SECOND, |_, b| b.machine.received() == 6 * LONG).expect("all six arrive");
    for stream in 1..=6 {
        assert_eq!(on(&pair.b.machine, stream), [pattern(LONG)]);
    }
}

/// Guards the weights of streams on the wire: by the time that the heaviest has sent everything, each other has sent its
/// share.
#[test]
fn dc_8_streams_share_by_weight() {
    for config in [interleaved(), config()] {
        let link = Link::with_delay(10 * MS).bottleneck(4_000_000, 1 << 20);
        let mut pair = connected_as(4, link, config.clone(), config);
        for (stream, weight) in [(1, 128), (2, 256), (3, 512), (4, 1_024)] {
            pair.a.machine.association.set_weight(StreamId(stream), weight);
            for _ in 0..300 {
                pair.a.machine.queue(stream, pattern(1_000), SendOptions::default());
            }
        }
        pair.run_until(60 * SECOND, |_, b| on(&b.machine, 4).len() == 300).expect("the heaviest is through");
        for (stream, due) in [(1, 37), (2, 75), (3, 150)] {
            let got = on(&pair.b.machine, stream).len();
            assert!(got.abs_diff(due) <= 2 + due / 10, "stream {stream}: {got} of {due}");
        }
    }
}

/// Guards I-FORWARD-TSN: what is given up, in the middle of a message too, holds up nobody and leaves nothing behind.
#[test]
fn sctp_8_interleaved_messages_may_be_given_up() {
    for seed in 0..40 {
        let mut pair = both(seed, Link::with_delay(25 * MS).lossy(0.15).reorder(0.05, 30 * MS));
        let empty = pair.a.machine.association.path().peer_window;
        for at in 0..30 {
            let fragile = |ordered| SendOptions { ordered, reliability: Reliability::MaxRetransmits(0) };
            pair.a.machine.queue(1, pattern(5_000 + at), fragile(true));
            pair.a.machine.queue(2, pattern(5_000 + at), fragile(false));
            let late = SendOptions { ordered: at % 2 == 0, reliability: Reliability::MaxLifetime(100 * MS) };
            pair.a.machine.queue(3, pattern(9_000 + at), late);
            pair.a.machine.queue(4, pattern(3_000), SendOptions::default());
        }
        for stream in 1..4 {
            pair.a.machine.queue(stream, &b"end"[..], SendOptions::default());
        }
        // An unordered message may still come behind it.
        let ended = |peer: &Peer, stream| on(peer, stream).iter().any(|message| message == b"end");
        pair.run_until(120 * SECOND, |_, b| {
            (1..4).all(|stream| ended(&b.machine, stream)) && on(&b.machine, 4).len() == 30
        })
        .unwrap_or_else(|_| panic!("seed {seed}: the ends arrive"));
        assert!(pair.a.machine.association.stats().messages_abandoned > 0, "seed {seed}");
        for stream in 1..4 {
            for message in on(&pair.b.machine, stream) {
                assert!(message == b"end" || message == pattern(message.len()), "seed {seed}");
            }
        }
        pair.run_for(10 * SECOND);
        // The window that the last SACK told is that of an empty buffer, from which a chunk costs 64 bytes.
        let left = pair.a.machine.association.path().peer_window;
        assert!(left + 64 >= empty, "seed {seed}: {left} of {empty}");
    }
}

/// Guards resets of streams whose messages are interleaved: both counters begin anew, and nothing is mixed up.
#[test]
fn sctp_10_interleaved_streams_begin_anew() {
    for seed in 0..40 {
        let mut pair = both(seed, rough());
        pair.a.machine.mirrors_resets = false;
        for round in 0..6u8 {
            for side in [&mut pair.a.machine, &mut pair.b.machine] {
                side.events.clear();
                side.inbox.clear();
            }
            for at in 0..4 {
                let unordered = SendOptions { ordered: at % 2 == 0, ..SendOptions::default() };
                pair.a.machine.queue(1, vec![round; 3_000], unordered);
                pair.a.machine.queue(2, vec![round; 3_000], SendOptions::default());
            }
            pair.run_until(60 * SECOND, |_, b| b.machine.received() == 24_000).expect("all arrive");
            assert!(pair.b.machine.bytes().iter().all(|&byte| byte == round), "seed {seed}");
            pair.with_a(|a, now| a.machine.association.reset_streams(now, &[StreamId(1)]).expect("both know how"));
            let done = |peer: &Peer| {
                peer.has(&Event::StreamReset(StreamId(1))) && peer.has(&Event::StreamResetDone(StreamId(1)))
            };
            // The other side has sent nothing, and resets in answer.
            pair.run_until(60 * SECOND, |a, b| done(&a.machine) && done(&b.machine))
                .expect("both directions are reset");
        }
    }
}

/// Guards every scheduler, with and without interleaving: whoever is served first, everything arrives.
#[test]
fn every_scheduler_sends_everything() {
    for scheduler in [
        Scheduler::FirstComeFirstServed,
        Scheduler::RoundRobin,
        Scheduler::FairCapacity,
        Scheduler::WeightedFairQueueing,
    ] {
        for interleaving in [false, true] {
            let config = config().with_scheduler(scheduler).with_interleaving(interleaving);
            let mut pair = connected_as(7, rough(), config.clone(), config);
            for at in 0..20u16 {
                pair.a.machine.queue(at % 5, pattern(usize::from(at) * 1_500 + 1), SendOptions::default());
            }
            let total: usize = (0..20).map(|at| at * 1_500 + 1).sum();
            pair.run_until(60 * SECOND, |_, b| b.machine.received() == total)
                .unwrap_or_else(|_| panic!("{scheduler:?}"));
            if scheduler == Scheduler::FirstComeFirstServed {
                let stats = pair.a.machine.association.stats();
                assert_eq!(stats.messages_sent, 20);
            }
        }
    }
}
