//! Long messages beside short ones on one association; in virtual time.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use bytes::Bytes;
use common::Side;
use netsim::{Link, Pair};
use ortica::core::SocketId;
use ortica::core::crypto::rust_crypto;
use ortica::engine::{ChannelId, ChannelMessage, ChannelParameters, Priority};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
/// Bytes of a message that takes more than a second.
const LONG: usize = 900 << 10;

fn side(seed: u64, address: std::net::SocketAddr, interleaving: bool) -> Side {
    let provider = rust_crypto::provider();
    let limits = ortica_sctp::Limits::default().with_max_message_size(2 * LONG).with_receive_buffer(8 * LONG);
    let sctp = ortica_sctp::Config::new(provider).with_interleaving(interleaving).with_limits(limits);
    Side::configured(seed, ortica_ice::Config::new(provider), sctp, vec![(SocketId(0), address)], |config| config)
}

/// A call over 5 Mbit/s, with a channel for each priority, whose sides take messages of any length.
fn call<const N: usize>(interleaving: [bool; 2], priorities: [Priority; N]) -> (Pair<Side>, [ChannelId; N]) {
    let link = Link::with_delay(25 * MS).bottleneck(5_000_000, 64 << 10);
    let (a, b) = (side(1, Pair::<Side>::A, interleaving[0]), side(2, Pair::<Side>::B, interleaving[1]));
    let mut pair = Pair::new(1, link, a, b);
    let now = pair.now();
    let channels = priorities
        .map(|priority| pair.a.create_channel(now, ChannelParameters { priority, ..ChannelParameters::default() }));
    let offer = pair.a.peer.create_offer(now).unwrap();
    pair.a.peer.set_local_description(now, offer).unwrap();
    let offer = pair.a.peer.local_description().unwrap();
    pair.b.peer.set_remote_description(now, offer).unwrap();
    let answer = pair.b.peer.create_answer(now).unwrap();
    pair.b.peer.set_local_description(now, answer).unwrap();
    let mut answer = pair.b.peer.local_description().unwrap();
    answer.sdp = answer.sdp.replace("a=max-message-size:262144", "a=max-message-size:0");
    pair.a.peer.set_remote_description(now, answer).unwrap();
    pair.run_until(10 * SECOND, |a, b| a.opened.len() == N && b.opened.len() == N).unwrap();
    for side in [&pair.a, &pair.b] {
        let session = side.peer.session();
        let agreed = session.sctp_agreed(session.transports().next().unwrap()).unwrap();
        assert_eq!(agreed.interleaving, interleaving == [true; 2]);
    }
    (pair, channels)
}

fn message(len: usize) -> ChannelMessage {
    let bytes: Vec<u8> = (0..len).map(|at| (at * 31 + at / 251 * 7) as u8).collect();
    ChannelMessage { binary: true, data: Bytes::from(bytes) }
}

fn send(pair: &mut Pair<Side>, channel: ChannelId, len: usize) {
    pair.with_a(|a, now| a.peer.session_mut().send(now, channel, message(len))).unwrap();
}

/// Sends a long message, and a short one on another channel while that is under way. Returns what arrived, and how long each
/// took.
fn long_and_short(interleaving: [bool; 2]) -> [(usize, Duration); 2] {
    let (mut pair, [long, short]) = call(interleaving, [Priority::Low; 2]);
    let start = pair.now();
    send(&mut pair, long, LONG);
    pair.run_for(500 * MS);
    assert!(pair.b.received.is_empty(), "the long one is under way");
    let sent_at = pair.now();
    send(&mut pair, short, 64);
    let arrivals = [1, 2].map(|count| {
        pair.run_until(60 * SECOND, |_, b| b.received.len() >= count).unwrap();
        let len = pair.b.received[count - 1].data.len();
        (len, pair.now().saturating_duration_since(if len == LONG { start } else { sent_at }))
    });
    for received in &pair.b.received {
        assert!(*received == message(received.data.len()), "it is what was sent");
    }
    arrivals
}

/// Guards the announcement of I-DATA and its use: 64 bytes arrive while 900 KiB are under way, no later than what stands
/// before the bottleneck takes; and that a peer without it gets both, one after the other.
#[test]
fn dc_8_a_short_message_does_not_wait_for_a_long_one_on_another_channel() {
    let interleaved = long_and_short([true; 2]);
    println!("bar: 64 bytes after {:?}, beside a message that takes {:?}", interleaved[0].1, interleaved[1].1);
    assert_eq!(interleaved.map(|(len, _)| len), [64, LONG]);
    assert!(interleaved[0].1 <= 200 * MS, "{interleaved:?}");
    for older in [[true, false], [false, true], [false, false]] {
        let in_turn = long_and_short(older);
        println!("bar: 64 bytes after {:?} without I-DATA", in_turn[1].1);
        assert_eq!(in_turn.map(|(len, _)| len), [LONG, 64]);
        assert!(in_turn[1].1 >= 500 * MS, "{in_turn:?}");
    }
}

/// Guards the priorities of channels while messages are interleaved: of two equally long ones the more important arrives first,
/// though it was sent last, and the other has had its share by then: an eighth of the bytes.
#[test]
fn dc_8_long_messages_share_by_priority() {
    let (mut pair, [minor, major]) = call([true; 2], [Priority::VeryLow, Priority::High]);
    send(&mut pair, minor, LONG);
    send(&mut pair, major, LONG);
    let start = pair.now();
    let mut times = Vec::new();
    for count in [1, 2] {
        pair.run_until(60 * SECOND, |_, b| b.received.len() >= count).unwrap();
        times.push(pair.now().saturating_duration_since(start).as_secs_f64());
        assert_eq!(
            [Priority::High, Priority::VeryLow].map(|priority| arrived(&pair.b, priority)),
            [1, count as u64 - 1]
        );
    }
    // Nine eighths of a message by then, two in the end.
    let share = times[0] / times[1];
    assert!((0.5..0.65).contains(&share), "{times:?}");

    let (mut pair, [minor, major]) = call([false; 2], [Priority::VeryLow, Priority::High]);
    send(&mut pair, minor, LONG);
    pair.run_for(100 * MS);
    send(&mut pair, major, LONG);
    pair.run_until(60 * SECOND, |_, b| !b.received.is_empty()).unwrap();
    assert_eq!(arrived(&pair.b, Priority::VeryLow), 1, "it was begun first");
}

/// Messages read from the channel with this priority.
fn arrived(side: &Side, priority: Priority) -> u64 {
    let session = side.peer.session();
    let found = side.channels.iter().find(|id| session.channel_parameters(**id).unwrap().priority == priority);
    session.channel_stats(*found.unwrap()).unwrap().messages_received
}
