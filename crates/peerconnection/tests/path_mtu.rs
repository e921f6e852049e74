//! How long packets may be: found out by probes, through all layers, in virtual time.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use bytes::Bytes;
use common::{Side, negotiate};
use netsim::{Link, Pair};
use ortica::core::SocketId;
use ortica::core::crypto::rust_crypto;
use ortica::engine::{ChannelMessage, ChannelParameters};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
/// What IPv4 and UDP add to a datagram.
const HEADERS: usize = 20 + 8;
/// What a record of DTLS 1.2 adds to a packet of SCTP.
const RECORD: usize = 37;
const BASE: usize = ortica_sctp::Config::DEFAULT_MAX_PACKET_SIZE & !3;

fn link(mtu: usize) -> Link {
    Link::with_delay(10 * MS).max_payload(mtu - HEADERS)
}

/// An open channel between two sides that look for packets of up to `most` bytes, over links that carry `mtu`.
fn call(seed: u64, mtu: usize, most: usize) -> Pair<Side> {
    let side = |seed, address| {
        let ice = ortica_ice::Config::new(rust_crypto::provider());
        let sctp = ortica_sctp::Config::new(rust_crypto::provider()).with_packet_size_to_find(Some(most));
        Side::configured(seed, ice, sctp, vec![(SocketId(0), address)], |config| config)
    };
    let (a, b) = (side(seed * 2 + 1, Pair::<Side>::A), side(seed * 2 + 2, Pair::<Side>::B));
    let mut pair = Pair::new(seed, link(mtu), a, b);
    let now = pair.now();
    pair.a.create_channel(now, ChannelParameters::default());
    negotiate(&mut pair);
    pair.run_until(10 * SECOND, |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
    pair
}

/// `len` bytes, none of which is like its neighbours.
fn messages(len: usize) -> Vec<ChannelMessage> {
    let bytes: Vec<u8> = (0..len).map(|index| (index * 31 + index / 251) as u8).collect();
    bytes.chunks(16_384).map(|part| ChannelMessage { binary: true, data: Bytes::copy_from_slice(part) }).collect()
}

/// Begins to send `len` bytes from a to b.
fn send(pair: &mut Pair<Side>, len: usize) {
    pair.b.received.clear();
    pair.a.queue.extend(messages(len));
}

/// Asserts that the `len` bytes that are on their way arrive as they are. Returns how long that took from here on.
fn receive(pair: &mut Pair<Side>, len: usize) -> Duration {
    let sent = messages(len);
    let took = pair.run_until(60 * SECOND, |_, b| b.received.len() >= sent.len()).unwrap();
    assert!(pair.b.received == sent, "what arrived is not what was sent");
    took
}

fn transfer(pair: &mut Pair<Side>, len: usize) -> Duration {
    send(pair, len);
    receive(pair, len)
}

fn packet_size(side: &Side) -> usize {
    let session = side.peer.session();
    session.sctp_path(session.transports().next().unwrap()).unwrap().packet_size
}

fn sctp(side: &Side) -> ortica_sctp::Stats {
    let session = side.peer.session();
    session.sctp_stats(session.transports().next().unwrap()).unwrap()
}

/// Guards the way of a long packet through the layers: a record of DTLS around it, a train of equally long ones, and a probe
/// that travels alone.
#[test]
fn packets_become_as_long_as_the_path_and_the_search_allow() {
    for (mtu, most) in
        [(1_280, 1_432), (1_400, 1_432), (1_500, 1_432), (1_500, 16_384), (9_000, 16_384), (65_535, 16_384)]
    {
        let mut pair = call(1, mtu, most);
        // Each length that does not come through costs three seconds.
        pair.run_for(60 * SECOND);
        let fits = most.min(mtu - HEADERS - RECORD);
        for side in [&pair.a, &pair.b] {
            let found = packet_size(side);
            assert!(found <= fits && (found + 32 > fits || found == BASE), "MTU {mtu}, {most}: {found}");
        }
        let longest = Rc::new(Cell::new(0));
        let seen = longest.clone();
        pair.network.set_tap(move |crossing| seen.set(seen.get().max(crossing.bytes.len())));
        transfer(&mut pair, 4 << 20);
        assert_eq!(longest.get(), packet_size(&pair.a) + RECORD, "MTU {mtu}, {most}");
        assert_eq!(sctp(&pair.a).data_chunks_retransmitted, 0, "MTU {mtu}, {most}");
    }
}

/// Guards what is kept from a longer search: data that are on their way meanwhile are neither slowed down nor lost.
#[test]
fn a_search_in_vain_costs_nothing_but_its_probes() {
    let (mut searched, mut plain) = (call(1, 1_280, 16_384), call(1, 1_280, 0));
    let (slow, fast) = (transfer(&mut searched, 4 << 20), transfer(&mut plain, 4 << 20));
    assert!(slow <= fast + 50 * MS, "{slow:?} {fast:?}");
    assert_eq!((packet_size(&searched.a), sctp(&searched.a).data_chunks_retransmitted), (BASE, 0));
}

/// Guards the way back: a path that becomes narrow in the middle of a transfer costs one time-out, and every byte arrives.
#[test]
fn flt_19_a_path_that_shrinks_during_a_transfer_costs_a_time_out() {
    for (before, after) in [(9_000, 1_500), (9_000, 1_280), (1_500, 1_280)] {
        let mut pair = call(1, before, 16_384);
        pair.run_for(60 * SECOND);
        transfer(&mut pair, 1 << 20);
        let wide = packet_size(&pair.a);
        assert!(wide > after, "{before}: {wide}");
        send(&mut pair, 4 << 20);
        pair.run_for(5 * MS);
        pair.links(|link| link.max_payload = Some(after - HEADERS));
        let took = receive(&mut pair, 4 << 20);
        assert!(took <= 3 * SECOND, "{before} to {after}: {took:?}");
        assert_eq!(sctp(&pair.a).black_holes, 1, "{before} to {after}");
        transfer(&mut pair, 1 << 20);
        pair.run_for(60 * SECOND);
        let found = packet_size(&pair.a);
        assert!(found <= after - HEADERS - RECORD && found >= BASE, "{before} to {after}: {found}");
    }
}

/// Guards [`Session::handle_too_long`](ortica::engine::Session::handle_too_long): what a socket refuses is taken for too long
/// at once, a probe without two more of its kind, and data without a time-out.
#[test]
fn what_a_socket_refuses_is_not_tried_again() {
    let mut pair = call(1, 65_535, 16_384);
    let refuse = |pair: &mut Pair<Side>, mtu: usize| {
        pair.a.refuses_above = mtu - HEADERS;
        pair.a.refused = 0;
    };
    pair.run_for(SECOND);
    assert_eq!(packet_size(&pair.a), 16_384);

    refuse(&mut pair, 1_500);
    let took = transfer(&mut pair, 1 << 20);
    assert!(took < SECOND, "{took:?}");
    let (stats, found) = (sctp(&pair.a), packet_size(&pair.a));
    assert_eq!((stats.black_holes, stats.timeouts), (1, 0));
    let fits = 1_500 - HEADERS - RECORD;
    assert!(found <= fits && found + 32 > fits, "{found}");
    assert!((1..=30).contains(&pair.a.refused), "{}", pair.a.refused);

    refuse(&mut pair, 1_500);
    transfer(&mut pair, 1 << 20);
    assert_eq!(pair.a.refused, 0);
}

/// Guards against what shares the fate of a probe: a message that is sent after it was built, but before it could leave, is not
/// refused along with it.
#[test]
fn a_probe_travels_alone() {
    let mut pair = call(1, 65_535, 16_384);
    pair.run_for(SECOND);
    let (now, channel) = (pair.now(), pair.a.opened[0]);
    let side = &mut pair.a;
    side.peer.handle_too_long(now, SocketId(0), Pair::<Side>::B, 9_000);
    let mut lengths = Vec::new();
    for _ in 0..3 {
        let message = ChannelMessage { binary: true, data: Bytes::from_static(b"short") };
        side.peer.session_mut().send(now, channel, message).expect("there is room");
        let transmit = side.peer.poll_transmit(now, 64, &mut Vec::new()).unwrap();
        assert_eq!(transmit.segment_size, None);
        lengths.push(transmit.len);
    }
    assert!(lengths[1] > BASE && lengths[0] < 100 && lengths[2] < 200, "{lengths:?}");
}
