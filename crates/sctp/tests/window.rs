//! A reader that does not keep up.

mod common;

use common::*;
use netsim::Link;
use ortica_sctp::{Limits, SendOptions, StreamId};
use std::time::Duration;

const STREAM: StreamId = StreamId(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// `a` sends 2 MB in messages of `size` bytes to a `b` that has room for 512 KiB and does not read.
fn unread(seed: u64, loss: f64, size: usize) -> (Peers, Vec<u8>) {
    let limits = Limits::default().with_receive_buffer(512 << 10).with_max_message_size(128 << 10);
    let link = Link::with_delay(25 * MS).lossy(loss);
    let quiet = config().with_heartbeat_interval(None);
    let (a, b) = (Peer::new(quiet.clone(), seed * 2), Peer::new(quiet.with_limits(limits), seed * 2 + 1));
    let mut pair = connect(netsim::Pair::of_machines(seed, Link::with_delay(25 * MS), a, b), link);
    let data = pattern(2_000_000);
    for message in data.chunks(size) {
        pair.a.machine.queue(STREAM.0, message.to_vec(), SendOptions::default());
    }
    pair.b.machine.unread.push(STREAM);
    (pair, data)
}

/// Guards the account of failures: probes of a closed window that are answered are none (RFC 9260 §6.1 A), whatever the
/// receiver leaves open, so a reader may take its time. Probes are no losses either: they become rare, and the transfer
/// goes on at speed when the reader is back.
#[test]
fn flt_43_a_reader_that_sleeps_for_hours_finds_everything() {
    for (seed, size) in [16, 100, 1_000, 1_160, 10_000, 65_536].into_iter().enumerate() {
        for loss in [0.0, 0.05] {
            let (mut pair, data) = unread(seed as u64, loss, size);
            pair.run_for(60 * SECOND);
            let before = pair.a.machine.association.stats();
            pair.run_for(4 * HOUR);
            let after = pair.a.machine.association.stats();
            let case = format!("messages of {size} bytes, loss {loss}: {:?}", pair.a.machine.events);
            assert!(pair.a.machine.is_up() && pair.b.machine.is_up(), "{case}");
            assert!(pair.b.machine.association.stats().bytes_received <= 512 << 10, "{case}");
            // Every 60 s in time; a probe that gets lost is no reason to ask sooner.
            let probes = after.packets_sent - before.packets_sent;
            assert!((230..=250).contains(&probes), "{probes} probes, {case}");
            assert_eq!(after.timeouts, before.timeouts, "{case}");

            pair.with_b(|b, _| {
                b.machine.unread.clear();
                b.machine.read(STREAM);
            });
            let took =
                pair.run_until(120 * SECOND, |_, b| b.machine.received() == data.len()).expect("the rest arrives");
            assert!(loss > 0.0 || took < 5 * SECOND / 2, "{took:?}, {case}");
            assert_eq!(pair.b.machine.bytes(), data, "{case}");
        }
    }
}

/// What a reader takes from stream 2 in ten seconds at 20 Mbit/s, once stream 1 holds `unread` bytes that nobody reads.
fn rate_beside(unread: usize) -> usize {
    const UNREAD: StreamId = StreamId(1);
    let link = Link::with_delay(25 * MS).bottleneck(20_000_000, 128 << 10);
    let mut pair = connected(43, link);
    pair.b.machine.unread.push(UNREAD);
    let message = bytes::Bytes::from(pattern(16 << 10));
    for part in pattern(unread).chunks(16 << 10) {
        pair.a.machine.queue(UNREAD.0, part.to_vec(), SendOptions::default());
        pair.a.machine.queue(2, message.clone(), SendOptions::default());
    }
    let pour = |pair: &mut Peers, steps: usize| {
        let mut received = 0;
        for _ in 0..steps {
            while pair.a.machine.outbox.len() < 64 {
                pair.a.machine.queue(2, message.clone(), SendOptions::default());
            }
            pair.run_for(50 * MS);
            received += pair.b.machine.inbox.drain(..).map(|message| message.payload.len()).sum::<usize>();
        }
        received
    };
    pour(&mut pair, 5 * 20);
    let received = pour(&mut pair, 10 * 20);
    let mut held = 0;
    pair.with_b(|b, _| {
        while let Some(message) = b.machine.association.read(UNREAD) {
            held += message.payload.len();
        }
    });
    assert_eq!(held, unread, "all of it had arrived and waited");
    received
}

/// Guards the growth of the receive window: what one stream keeps from being read is no part of it, so that the others go on at
/// their speed while there is room. (Once nothing is left of the buffer all stand still: SCTP has one window for all streams.)
#[test]
fn flt_43_other_streams_flow_beside_one_that_nobody_reads() {
    let alone = rate_beside(0);
    for unread in [100 << 10, 450 << 10, 1 << 20, 4 << 20] {
        let beside = rate_beside(unread);
        println!(
            "bar: beside {unread} unread bytes another stream has {:.2} of its rate",
            beside as f64 / alone as f64
        );
        assert!(beside * 10 >= alone * 8, "{beside} of {alone} bytes beside {unread} unread ones");
    }
}
