//! Setup by signalling: both INIT chunks travel with the session descriptions.

mod common;

use common::*;
use netsim::{Link, Pair};
use ortica_core::Rng;
use ortica_sctp::{Association, CloseReason, ConnectError, Event, SendOptions, StreamId, check_init_chunk};
use std::sync::Arc;

/// The INIT chunk of the example in draft-hancke-tsvwg-snap, base64 removed: 30 bytes, of which none are padding.
const EXAMPLE: [u8; 30] = [
    0x01, 0x00, 0x00, 0x1e, 0x89, 0x6c, 0xdd, 0x1d, 0x00, 0x50, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xe0, 0x79, 0x65,
    0x1d, 0xc0, 0x00, 0x00, 0x04, 0x80, 0x08, 0x00, 0x06, 0x82, 0xc0,
];

fn association(seed: u64) -> Association {
    Association::new(Arc::new(config()), Rng::from_number(seed), netsim::epoch())
}

/// Two peers over a path of 25 ms that know each other's INIT chunks.
fn introduced(seed: u64) -> Peers {
    let (a, b) = (Peer::plain(seed, 0), Peer::plain(seed, 1));
    let inits = [&a, &b].map(|peer| peer.association.init_chunk());
    let mut pair = Pair::of_machines(seed, Link::with_delay(25 * MS), a, b);
    pair.with_a(|a, now| a.machine.association.connect_with(now, &inits[1]).expect("a sound INIT"));
    pair.with_b(|b, now| b.machine.association.connect_with(now, &inits[0]).expect("a sound INIT"));
    pair
}

/// Guards what SNAP is for: data flow at once, both ways, without a packet of a handshake.
#[test]
fn snap_saves_both_round_trips() {
    for seed in 0..20 {
        let mut pair = introduced(seed);
        for side in [&mut pair.a.machine, &mut pair.b.machine] {
            assert!(side.is_up());
            side.records = true;
            side.queue(1, pattern(3_000), SendOptions::default());
        }
        let took = pair.run_until(SECOND, |a, b| a.machine.received() == 3_000 && b.machine.received() == 3_000);
        assert_eq!(took.expect("it arrives"), 25 * MS, "seed {seed}");
        for side in [&pair.a.machine, &pair.b.machine] {
            assert_eq!(side.bytes(), pattern(3_000));
            assert!(side.has(&Event::Connected));
            assert!(side.sent.iter().all(|(_, packet)| [raw::DATA, raw::SACK].contains(&packet[12])));
        }
        pair.with_a(|a, now| {
            a.machine.association.reset_streams(now, &[StreamId(1)]).expect("both know how");
        });
        pair.run_until(SECOND, |a, _| a.machine.has(&Event::StreamReset(StreamId(1)))).expect("both streams are reset");
        pair.with_a(|a, now| a.machine.association.shutdown(now));
        let closed = Event::Closed(CloseReason::Shutdown);
        pair.run_until(SECOND, |a, b| a.machine.has(&closed) && b.machine.has(&closed)).expect("both are closed");
    }
}

/// Guards the form of what is signalled: the chunk that INIT would carry, without padding, and the same each time.
#[test]
fn snap_signals_the_init_that_connect_sends() {
    let mut a = association(1);
    let signalled = a.init_chunk();
    assert_eq!(signalled, a.init_chunk());
    assert_eq!(usize::from(u16::from_be_bytes([signalled[2], signalled[3]])), signalled.len());
    a.connect(netsim::epoch());
    let mut packet = Vec::new();
    a.poll_packet(netsim::epoch(), &mut packet).expect("INIT");
    assert_eq!(packet[12..12 + signalled.len()], signalled);
}

/// Guards what WebRTC asks of an association: port 5000 at both ends and 65,535 streams each way, unless told otherwise.
/// (That it starts only after DTLS is for who owns both.)
#[test]
fn sctp_11_ports_and_streams_are_those_of_webrtc() {
    let mut a = association(1);
    let chunk = a.init_chunk();
    assert_eq!(chunk[12..16], [0xff; 4]);
    a.connect(netsim::epoch());
    let mut packet = Vec::new();
    a.poll_packet(netsim::epoch(), &mut packet).expect("INIT");
    assert_eq!(packet[..4], [0x13, 0x88, 0x13, 0x88]);
}

/// Guards against what is no INIT chunk, or one that no association can be made of: nothing has changed then.
#[test]
fn snap_refuses_what_is_no_sound_init() {
    let with = |change: fn(&mut Vec<u8>)| {
        let mut chunk = EXAMPLE.to_vec();
        change(&mut chunk);
        chunk
    };
    let malformed = Err(ConnectError::Malformed);
    let refused = Err(ConnectError::Refused);
    for (name, chunk, expected) in [
        ("the example", with(|_| ()), Ok(())),
        ("the example, padded", with(|chunk| chunk.extend([0, 0])), Ok(())),
        ("nothing", vec![], malformed),
        ("another kind", with(|chunk| chunk[0] = 2), malformed),
        ("one byte less", with(|chunk| chunk.truncate(29)), malformed),
        ("two chunks", with(|chunk| chunk.extend([0, 0, 11, 0, 0, 4])), malformed),
        (
            "too short",
            with(|chunk| {
                chunk[3] = 16;
                chunk.truncate(16);
            }),
            malformed,
        ),
        ("a parameter of no length", with(|chunk| chunk[23] = 0), malformed),
        ("tag 0", with(|chunk| chunk[4..8].fill(0)), refused),
        ("no streams out", with(|chunk| chunk[12..14].fill(0)), refused),
        ("no streams in", with(|chunk| chunk[14..16].fill(0)), refused),
        ("hardly a window", with(|chunk| chunk[8..12].copy_from_slice(&[0, 0, 4, 0])), refused),
    ] {
        let mut a = association(1);
        assert_eq!(check_init_chunk(&chunk), expected, "{name}");
        assert_eq!(a.connect_with(netsim::epoch(), &chunk), expected, "{name}");
        assert_eq!(a.is_connected(), expected.is_ok(), "{name}");
        assert_eq!(a.poll_event(), expected.is_ok().then_some(Event::Connected), "{name}");
        assert_eq!(a.connect_with(netsim::epoch(), &EXAMPLE), expected.map_or(Ok(()), |()| Err(ConnectError::Started)));
    }
    let mut a = association(1);
    a.connect(netsim::epoch());
    assert_eq!(a.connect_with(netsim::epoch(), &EXAMPLE), Err(ConnectError::Started));
}

/// Guards against a peer that made nothing of our INIT and begins with a handshake: it becomes the same association.
#[test]
fn snap_meets_a_handshake_half_way() {
    for seed in 0..20 {
        let (a, b) = (Peer::plain(seed, 0), Peer::plain(seed, 1));
        let init = b.association.init_chunk();
        let mut pair = Pair::of_machines(seed, Link::with_delay(25 * MS).lossy(0.1), a, b);
        pair.with_a(|a, now| {
            a.machine.association.connect_with(now, &init).expect("a sound INIT");
            a.machine.queue(1, pattern(3_000), SendOptions::default());
        });
        pair.run_for(200 * MS);
        pair.with_b(|b, now| b.machine.association.connect(now));
        pair.run_until(60 * SECOND, |_, b| b.machine.received() == 3_000).expect("it arrives");
        assert!(!pair.a.machine.has(&Event::Restarted), "seed {seed}");
    }
}
