//! Paths that reorder, double, corrupt, cut and delay packets, and peers that sleep; in virtual time, by seed.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use bytes::Bytes;
use common::{Side, call, negotiate};
use netsim::{Link, Pair, Verdict, What};
use ortica::ConnectionState;
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::core::{Datagram, Instant};
use ortica::engine::{ChannelMessage, ReceivedFrame, ReceiverStats, RtpStats};
use ortica::jsep::TransceiverId;
use ortica::peer::PeerEvent;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const DELAY: Duration = Duration::from_millis(25);

fn pattern(len: usize) -> Vec<ChannelMessage> {
    let bytes: Vec<u8> = (0..len).map(|index| (index * 31 + index / 251) as u8).collect();
    bytes.chunks(4_096).map(|part| ChannelMessage { binary: true, data: Bytes::copy_from_slice(part) }).collect()
}

fn open(pair: &mut Pair<Side>) {
    pair.run_until(30 * SECOND, |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
}

/// Sends `len` bytes over an open channel from a to b and asserts that they arrive once, whole and in order.
fn assert_exact(pair: &mut Pair<Side>, len: usize) {
    let sent = pattern(len);
    pair.a.queue.extend(sent.iter().cloned());
    pair.run_until(120 * SECOND, |_, b| b.received.len() >= sent.len()).unwrap();
    pair.run_for(SECOND);
    assert!(pair.b.received == sent, "what arrived is not what was sent");
}

fn sctp(side: &Side) -> ortica_sctp::Stats {
    let session = side.peer.session();
    session.sctp_stats(session.transports().next().unwrap()).unwrap()
}

fn rtp(side: &Side) -> RtpStats {
    let session = side.peer.session();
    session.transport_stats(session.transports().next().unwrap()).unwrap().rtp
}

/// A call with a channel and sound from a to b.
fn call_with_sound(seed: u64, link: Link) -> (Pair<Side>, [TransceiverId; 2]) {
    let mut a = Side::new(seed * 2 + 1, Pair::<Side>::A);
    let mut b = Side::new(seed * 2 + 2, Pair::<Side>::B);
    for side in [&mut a, &mut b] {
        side.peer.set_codecs(vec![Codec::Pcmu]);
    }
    let mut pair = Pair::new(seed, link, a, b);
    let now = pair.now();
    pair.a.create_channel(now, Default::default());
    let from = pair.a.peer.add_track(MediaKind::Audio, Vec::new()).unwrap();
    negotiate(&mut pair);
    open(&mut pair);
    let track = pair.b.events.iter().find_map(|event| match event {
        PeerEvent::Track(id) => Some(*id),
        _ => None,
    });
    (pair, [from, track.unwrap()])
}

fn sound(number: u32) -> EncodedFrame {
    EncodedFrame::new(Codec::Pcmu, vec![number as u8; 160], i64::from(number) * 160).with_duration(160)
}

/// What b hears of `count` frames, 20 ms each: their first bytes, and the counters of its receiver.
fn hear(pair: &mut Pair<Side>, [from, to]: [TransceiverId; 2], count: u32) -> (Vec<u8>, ReceiverStats) {
    let mut heard = Vec::new();
    let mut read = |b: &mut Side| {
        while let Some(received) = b.peer.read_frame(to) {
            if let ReceivedFrame::Frame { frame, .. } = received {
                assert!(frame.data.iter().all(|byte| *byte == frame.data[0]), "a frame is damaged");
                heard.push(frame.data[0]);
            }
        }
    };
    for number in 0..count {
        pair.with_a(|a, now| a.peer.send_frame(now, from, &sound(number))).unwrap();
        pair.run_for(20 * MS);
        read(&mut pair.b);
    }
    pair.run_for(SECOND);
    read(&mut pair.b);
    let session = pair.b.peer.session();
    (heard, session.receiver_stats(pair.b.peer.transceiver(to).unwrap().receiver.unwrap()).unwrap())
}

/// Guards: what is late is not taken for lost, by SCTP's recovery and by the jitter buffer.
#[test]
fn flt_5_reordering_costs_few_retransmissions_and_little_sound() {
    for seed in 0..3 {
        let link = Link::with_delay(DELAY).reorder(0.25, 100 * MS);
        let (mut pair, tracks) = call_with_sound(seed, link);
        let (_, stats) = hear(&mut pair, tracks, 500);
        assert_exact(&mut pair, 1 << 20);
        let sctp = sctp(&pair.a);
        assert!(stats.frames_lost <= 5, "seed {seed}: {} of 500 frames given up", stats.frames_lost);
        let share = sctp.data_chunks_retransmitted as f64 / sctp.data_chunks_sent as f64;
        assert!(share <= 0.1, "seed {seed}: {share} sent again");
    }
}

/// Guards the replay windows of DTLS and SRTP: what comes twice goes no further, so that it costs no more than its arrival.
#[test]
fn flt_6_every_packet_twice_delivers_everything_once() {
    let (mut pair, tracks) = call_with_sound(1, Link::with_delay(DELAY).duplicate(1.0));
    let (heard, _) = hear(&mut pair, tracks, 200);
    assert_eq!(heard, (0..200).collect::<Vec<u8>>());
    assert!(rtp(&pair.b).unauthenticated >= 200, "{:?}", rtp(&pair.b));
    assert_exact(&mut pair, 1 << 20);
    // SCTP sees each packet once, so that the second costs what its check does: less than the first.
    let (a, b) = (sctp(&pair.a), sctp(&pair.b));
    assert_eq!((b.packets_received, b.duplicates_received), (a.packets_sent, 0));
}

/// Guards the authentication of every layer: a bit that flips loses its packet, and nothing of it reaches the application.
/// Each seed has some four thousand packets, its set-up among them; `flipped_bits` has the row's 10^7.
#[test]
fn flt_7_flipped_bits_reach_no_application() {
    let mut damaged = 0;
    for seed in 0..3 {
        let (mut pair, tracks) = call_with_sound(seed, Link::with_delay(DELAY).corrupt(0.01));
        let (heard, _) = hear(&mut pair, tracks, 250);
        assert!(heard.len() >= 235 && heard.is_sorted(), "seed {seed}: {}", heard.len());
        assert_exact(&mut pair, 2 << 20);
        damaged += rtp(&pair.b).unauthenticated;
    }
    // Of some seeds' few media packets none is hit.
    assert!(damaged > 0, "no media packet was damaged");
}

/// Guards every length that is read before the packet is authentic: cut anywhere, whatever kind it is, a packet is counted
/// and dropped, before the call is up and while it is.
#[test]
fn flt_8_packets_cut_at_every_length_change_nothing() {
    let (mut pair, tracks) = call_with_sound(1, Link::with_delay(DELAY));
    let captured = Rc::new(RefCell::new(Vec::<Vec<u8>>::new()));
    let log = captured.clone();
    pair.network.set_tap(move |crossing| {
        let mut log = log.borrow_mut();
        if crossing.what == What::Sent && crossing.from == Pair::<Side>::A && log.len() < 60 {
            log.push(crossing.bytes.to_vec());
        }
    });
    hear(&mut pair, tracks, 50);
    pair.a.queue.extend(pattern(4_096));
    pair.run_for(SECOND);
    let kinds: std::collections::BTreeSet<u8> = captured.borrow().iter().map(|packet| packet[0] >> 4).collect();
    assert!(kinds.len() >= 3, "checks, records and media: {kinds:?}");

    let session = pair.b.peer.session();
    let counters = |side: &Side| {
        let session = side.peer.session();
        session.transport_stats(session.transports().next().unwrap()).unwrap()
    };
    let before = counters(&pair.b);
    assert_eq!(session.transports().count(), 1);
    let mut count = 0;
    for packet in captured.borrow().iter() {
        for len in 0..packet.len() {
            let mut cut = packet[..len].to_vec();
            pair.with_b(|b, now| {
                b.peer.handle_datagram(now, Datagram::single(Pair::<Side>::SOCKET, Pair::<Side>::A, &mut cut))
            });
            count += 1;
        }
    }
    pair.run_for(MS);
    let after = counters(&pair.b);
    assert!(after.packets_received >= before.packets_received + count, "all were seen");
    assert!(after.unknown_packets > before.unknown_packets, "{after:?}");
    assert!(after.rtp.unauthenticated + after.rtp.malformed > before.rtp.unauthenticated + before.rtp.malformed);
    assert_eq!(pair.b.peer.connection_state(), ConnectionState::Connected);
    pair.b.received.clear();
    assert_exact(&mut pair, 64 << 10);
}

/// Guards the same while the call is set up: of every four packets one is cut, each time somewhere else.
#[test]
fn flt_8_a_call_connects_while_packets_are_cut() {
    for seed in 0..5 {
        let mut pair = call(seed, Link::with_delay(DELAY));
        let count = Cell::new(seed as usize);
        pair.network.set_filter(move |_, _, _, bytes| {
            let number = count.replace(count.get() + 1);
            if number.is_multiple_of(4) {
                bytes.truncate((number * 37) % bytes.len().max(1));
            }
            Verdict::Pass
        });
        open(&mut pair);
        assert_exact(&mut pair, 64 << 10);
    }
}

/// Guards the timers of all handshakes: they outlast a satellite's round trip without a storm. 600 ms are the round trip.
#[test]
fn flt_10_a_satellite_connects_within_six_seconds() {
    for seed in 0..5 {
        let mut pair = call(seed, Link::with_delay(300 * MS));
        let hellos = Rc::new(RefCell::new(BTreeMap::new()));
        let log = hellos.clone();
        pair.network.set_tap(move |crossing| {
            // A record of the handshake in the clear, without its own number (RFC 6347 §4.1).
            if crossing.what == What::Sent && crossing.bytes.starts_with(&[22, 254]) && crossing.bytes[3..5] == [0, 0] {
                *log.borrow_mut().entry((crossing.from, crossing.bytes[13..].to_vec())).or_insert(0) += 1;
            }
        });
        let start = pair.now();
        open(&mut pair);
        let took = pair.now().saturating_duration_since(start);
        let most = *hellos.borrow().values().max().unwrap();
        println!("seed {seed}: {took:?}, a flight is sent {most} times");
        assert!(took <= 6 * SECOND, "seed {seed}: {took:?}");
        assert!(most <= 3, "seed {seed}: a flight was sent {most} times");
    }
}

/// When b received a message, and its bytes, while a always has something to send.
fn pour(pair: &mut Pair<Side>, time: Duration) -> Vec<(Instant, usize)> {
    let end = pair.now() + time;
    let mut arrivals = Vec::new();
    let message = ChannelMessage { binary: true, data: Bytes::from(vec![7; 4_096]) };
    while pair.now() < end {
        while pair.a.queue.len() < 64 {
            pair.a.queue.push_back(message.clone());
        }
        pair.run_for(20 * MS);
        let bytes: usize = pair.b.received.drain(..).map(|message| message.data.len()).sum();
        if bytes > 0 {
            arrivals.push((pair.now(), bytes));
        }
    }
    arrivals
}

fn bytes_of(arrivals: &[(Instant, usize)]) -> usize {
    arrivals.iter().map(|(_, bytes)| bytes).sum()
}

/// Guards RTO and window, which follow the path: a round trip twenty times as long stalls a transfer for two seconds at most.
#[test]
fn flt_11_a_transfer_adapts_to_a_longer_round_trip() {
    for seed in 0..3 {
        let mut pair = call(seed, Link::with_delay(10 * MS).bottleneck(2_000_000, 64 << 10));
        open(&mut pair);
        pour(&mut pair, 3 * SECOND);
        let before = bytes_of(&pour(&mut pair, 3 * SECOND));
        let step = pair.now();
        pair.links(|link| link.delay = 200 * MS);
        let arrivals = pour(&mut pair, 15 * SECOND);
        let times: Vec<Instant> = std::iter::once(step).chain(arrivals.iter().map(|(at, _)| *at)).collect();
        let stall = times.windows(2).map(|two| two[1].saturating_duration_since(two[0])).max().unwrap();
        let after = bytes_of(&pour(&mut pair, 3 * SECOND));
        println!("seed {seed}: stall {stall:?}, {before} bytes in 3 s before, {after} after");
        assert!(stall <= 2 * SECOND, "seed {seed}: {stall:?}");
        assert!(after * 10 >= before * 8, "seed {seed}: {after} after {before} bytes in 3 s");
    }
}

/// Pauses a and gives the packets that it sends in its first 100 ms awake.
fn burst_after_sleep(pair: &mut Pair<Side>, time: Duration) -> usize {
    let count = Rc::new(Cell::new(0));
    let log = count.clone();
    pair.network.set_tap(move |crossing| {
        if crossing.what == What::Sent && crossing.from == Pair::<Side>::A {
            log.set(log.get() + 1);
        }
    });
    // Asleep it sends nothing, so that all that is counted is what follows.
    pair.pause_a(time);
    pair.run_for(time + 100 * MS);
    count.get()
}

/// Guards: timers that are overdue fire once, not once for each time that was missed, and a pause shorter than consent ends
/// nothing.
#[test]
fn flt_22_a_process_that_stops_for_five_seconds_goes_on_quietly() {
    for seed in 0..5 {
        let (mut pair, tracks) = call_with_sound(seed, Link::with_delay(DELAY));
        hear(&mut pair, tracks, 50);
        let burst = burst_after_sleep(&mut pair, 5 * SECOND);
        println!("seed {seed}: {burst} packets");
        assert!((1..=20).contains(&burst), "seed {seed}: {burst} packets in 100 ms");
        assert_exact(&mut pair, 256 << 10);
        for side in [&pair.a, &pair.b] {
            assert_eq!(side.peer.connection_state(), ConnectionState::Connected, "seed {seed}");
        }
    }
}

/// Guards consent's 30 seconds (RFC 7675 §5.1), which pass asleep too, and the ICE restart that brings the call back.
#[test]
fn flt_22_a_laptop_that_slept_for_a_minute_comes_back_by_an_ice_restart() {
    for seed in 0..5 {
        let (mut pair, tracks) = call_with_sound(seed, Link::with_delay(DELAY));
        hear(&mut pair, tracks, 50);
        let burst = burst_after_sleep(&mut pair, 60 * SECOND);
        assert_eq!(burst, 0, "seed {seed}: nothing may be sent without consent");
        for side in [&pair.a, &pair.b] {
            assert_eq!(side.peer.connection_state(), ConnectionState::Failed, "seed {seed}");
        }
        pair.a.peer.restart_ice();
        negotiate(&mut pair);
        assert_exact(&mut pair, 64 << 10);
        for side in [&pair.a, &pair.b] {
            assert_eq!(side.peer.connection_state(), ConnectionState::Connected, "seed {seed}");
        }
    }
}
