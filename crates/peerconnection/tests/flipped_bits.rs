//! A call in which a bit of every hundredth packet flips, for as many packets as it is told; in virtual time.
//!
//! ```text
//! ORTICA_PACKETS=10000000 cargo test --release -p ortica --test flipped_bits -- --nocapture
//! ```
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use bytes::Bytes;
use common::{Side, negotiate};
use netsim::{Link, Pair, Verdict};
use ortica::ConnectionState;
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::core::Rng;
use ortica::engine::{ChannelMessage, ReceivedFrame};
use ortica::peer::PeerEvent;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
/// A message, and a frame of sound.
const MESSAGE: usize = 16_384;
const FRAME: usize = 160;

/// Bytes that belong to `number` and to no other.
fn contents(number: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Rng::from_number(number).fill(&mut bytes[8..]);
    bytes
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(bytes[..8].try_into().unwrap())
}

/// Flips bits from here on. Returns the count of packets that lost one.
fn flip_bits(pair: &mut Pair<Side>, seed: u64) -> Rc<Cell<u64>> {
    let flipped = Rc::new(Cell::new(0));
    let count = Rc::clone(&flipped);
    let mut rng = Rng::from_number(seed).fork("bits");
    pair.network.set_filter(move |_, _, _, packet| {
        if !packet.is_empty() && rng.below(100) == 0 {
            let bit = rng.below(8 * packet.len() as u64) as usize;
            packet[bit / 8] ^= 1 << (bit % 8);
            count.set(count.get() + 1);
        }
        Verdict::Pass
    });
    flipped
}

/// Guards the authentication of every layer over very many packets: of what is damaged nothing reaches the application, and of
/// what is sent over the channel nothing is missing.
#[test]
fn flt_7_no_damaged_byte_reaches_the_application() {
    let wanted = std::env::var("ORTICA_PACKETS").ok().and_then(|count| count.parse().ok()).unwrap_or(30_000);
    let mut a = Side::new(71, Pair::<Side>::A);
    let mut b = Side::new(72, Pair::<Side>::B);
    for side in [&mut a, &mut b] {
        side.peer.set_codecs(vec![Codec::Pcmu]);
    }
    let mut pair = Pair::new(7, Link::with_delay(5 * MS), a, b);
    let now = pair.now();
    pair.a.create_channel(now, Default::default());
    let from = pair.a.peer.add_track(MediaKind::Audio, Vec::new()).unwrap();
    negotiate(&mut pair);
    pair.run_until(10 * SECOND, |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
    let to = pair.b.events.iter().find_map(|event| match event {
        PeerEvent::Track(id) => Some(*id),
        _ => None,
    });
    let to = to.unwrap();

    // What set the call up is in the clear and a matter of its own.
    let flipped = flip_bits(&mut pair, 7);
    let (mut sent, mut received, mut spoken, mut heard) = (0, 0, 0, 0);
    let mut last_heard = None;
    while pair.network.stats().sent < wanted || received < sent {
        while pair.a.queue.len() < 8 && pair.network.stats().sent < wanted {
            let data = Bytes::from(contents(sent, MESSAGE));
            pair.a.queue.push_back(ChannelMessage { binary: true, data });
            sent += 1;
        }
        let frame = EncodedFrame::new(Codec::Pcmu, contents(spoken, FRAME), spoken as i64 * FRAME as i64);
        pair.with_a(|a, now| a.peer.send_frame(now, from, &frame.with_duration(FRAME as u32))).unwrap();
        spoken += 1;
        pair.run_for(20 * MS);
        for message in pair.b.received.drain(..) {
            assert!(message.data == contents(received, MESSAGE), "message {received} is damaged or out of order");
            received += 1;
        }
        while let Some(found) = pair.b.peer.read_frame(to) {
            let ReceivedFrame::Frame { frame, .. } = found else { continue };
            let number = number(&frame.data);
            assert!(last_heard.replace(number).is_none_or(|last| last < number), "frame {number} came late");
            assert!(frame.data[..] == contents(number, FRAME)[..], "frame {number} is damaged");
            heard += 1;
        }
    }
    let session = pair.b.peer.session();
    let rtp = session.transport_stats(session.transports().next().unwrap()).unwrap().rtp;
    println!(
        "bar: flipped bits: {} packets, {} with a flipped bit; {received} messages exact, {heard} of {spoken} frames exact, \
         no damaged byte delivered",
        pair.network.stats().sent,
        flipped.get()
    );
    assert!(flipped.get() > wanted / 200, "{} bits flipped", flipped.get());
    assert!(rtp.unauthenticated > 0 && received > 0, "{rtp:?}");
    assert!(heard >= spoken * 97 / 100, "{heard} of {spoken} frames");
    assert_eq!(pair.b.peer.connection_state(), ConnectionState::Connected);
}
