//! What `send` took and nobody acknowledged.

mod common;

use bytes::Bytes;
use common::*;
use netsim::{Link, Pair};
use ortica_sctp::{Config, Event, Ppid, Reliability, SendOptions, StreamId, Undelivered};

fn told(messages: u64, bytes: u64) -> Undelivered {
    Undelivered { messages, bytes }
}

fn take(peers: &mut Peers, stream: u16) -> Undelivered {
    peers.a.machine.association.take_undelivered(StreamId(stream))
}

fn queue(peers: &mut Peers, stream: u16, payload: Vec<u8>, reliability: Reliability) {
    peers.a.machine.queue(stream, payload, SendOptions { reliability, ..SendOptions::default() });
}

fn connected_as(seed: u64, config: &Config) -> Peers {
    let (a, b) = (Peer::new(config.clone(), seed * 2), Peer::new(config.clone(), seed * 2 + 1));
    connect(Pair::of_machines(seed, Link::with_delay(25 * MS), a, b), Link::with_delay(25 * MS))
}

/// Guards the account at the end: messages in the queue, cut in part and in flight, each once and whole, by stream; those that
/// the peer has are not in it, and asking twice finds nothing.
#[test]
fn the_end_leaves_what_was_not_acknowledged() {
    for config in [config(), config().with_interleaving(true)] {
        let mut pair = connected_as(1, &config);
        queue(&mut pair, 1, pattern(3_000), Reliability::Reliable);
        pair.run_for(SECOND);
        assert!(pair.a.machine.association.is_drained());
        assert_eq!(pair.a.machine.association.unacknowledged(), told(0, 0));

        for len in [70_000, 1] {
            queue(&mut pair, 1, pattern(len), Reliability::Reliable);
        }
        queue(&mut pair, 2, pattern(500), Reliability::Reliable);
        pair.run_for(MS);
        assert!(!pair.a.machine.association.is_drained());
        assert_eq!(pair.a.machine.association.unacknowledged(), told(3, 70_501));
        assert_eq!(take(&mut pair, 1), told(0, 0), "they may still arrive");
        pair.with_a(|a, now| a.machine.association.abort(now, "enough"));
        assert!(pair.a.machine.association.is_drained(), "nothing will change");
        assert_eq!([1, 2, 3].map(|stream| take(&mut pair, stream)), [told(2, 70_001), told(1, 500), told(0, 0)]);
        assert_eq!(take(&mut pair, 1), told(0, 0));
    }
}

/// Guards what gap ack blocks say: a message that arrived behind a hole has arrived, and one of which a part did has not.
#[test]
fn what_arrived_behind_a_hole_is_not_missing() {
    let mut pair = connected_as(1, &config());
    pair.a_to_b().down = true;
    queue(&mut pair, 1, pattern(1_000), Reliability::Reliable);
    pair.run_for(MS);
    pair.a_to_b().down = false;
    queue(&mut pair, 2, pattern(1_100), Reliability::Reliable);
    queue(&mut pair, 3, pattern(1_100), Reliability::Reliable);
    pair.run_for(60 * MS);
    assert_eq!(pair.b.machine.inbox.len(), 2, "the trap is set");
    // What is sent again does not get through any more.
    pair.a_to_b().down = true;
    assert_eq!(pair.a.machine.association.unacknowledged(), told(1, 1_000));
    pair.with_a(|a, now| a.machine.association.abort(now, "enough"));
    assert_eq!([1, 2, 3].map(|stream| take(&mut pair, stream)), [told(1, 1_000), told(0, 0), told(0, 0)]);
}

/// Guards messages that are given up, in the queue and in flight: they are counted as that happens, and not again at the end.
#[test]
fn what_is_given_up_is_told_once() {
    for config in [config(), config().with_interleaving(true)] {
        let mut pair = connected_as(1, &config);
        pair.a_to_b().down = true;
        queue(&mut pair, 1, pattern(30_000), Reliability::MaxRetransmits(0));
        queue(&mut pair, 2, pattern(40_000), Reliability::MaxLifetime(100 * MS));
        queue(&mut pair, 2, pattern(50_000), Reliability::MaxLifetime(100 * MS));
        queue(&mut pair, 3, pattern(60_000), Reliability::Reliable);
        pair.run_for(5 * SECOND);
        assert_eq!(take(&mut pair, 1), told(1, 30_000));
        pair.a_to_b().down = false;
        pair.run_until(60 * SECOND, |a, _| a.machine.association.is_drained()).expect("the rest arrives");
        assert_eq!([1, 2, 3].map(|stream| take(&mut pair, stream)), [told(0, 0), told(2, 90_000), told(0, 0)]);
        pair.with_a(|a, now| a.machine.association.abort(now, "enough"));
        assert_eq!([1, 2, 3].map(|stream| take(&mut pair, stream)), [told(0, 0); 3]);
    }
}

/// Guards what counts as a message of the user's: nothing that opens channels, and an empty one has no bytes. Those that were
/// sent before the association was up count.
#[test]
fn control_messages_do_not_count() {
    let mut pair = pair(1, Link::with_delay(25 * MS));
    pair.with_a(|a, now| {
        let association = &mut a.machine.association;
        for (ppid, payload) in [(Ppid::DCEP, "open"), (Ppid::STRING, "text"), (Ppid::BINARY_EMPTY, "0")] {
            let payload = Bytes::from_static(payload.as_bytes());
            association.send(now, StreamId(1), ppid, payload, SendOptions::default()).expect("it is taken");
        }
        association.connect(now);
        assert_eq!(association.unacknowledged(), told(2, 4));
        assert!(!association.is_drained());
        association.abort(now, "enough");
    });
    assert_eq!(take(&mut pair, 1), told(2, 4));
}

/// Guards a peer that begins anew: what it lost with its state is not acknowledged any more.
#[test]
fn a_restart_of_the_peer_loses_what_was_on_the_way() {
    let mut pair = connected_as(1, &config());
    pair.a_to_b().down = true;
    queue(&mut pair, 1, pattern(20_000), Reliability::Reliable);
    pair.run_for(SECOND);
    pair.a_to_b().down = false;
    let fresh = Peer::new(config(), 99);
    pair.b.machine = fresh;
    pair.with_b(|b, now| b.machine.association.connect(now));
    pair.run_until(60 * SECOND, |a, _| a.machine.has(&Event::Restarted)).expect("it begins anew");
    assert_eq!(take(&mut pair, 1), told(1, 20_000));
    assert!(pair.a.machine.association.is_drained());
}
