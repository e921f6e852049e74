//! A connection that makes and stops transceivers for a long time holds those that live; in virtual time.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

#[path = "../../sctp/tests/common/allocations.rs"]
mod allocations;
mod common;

use common::{Side, call, negotiate};
use netsim::{Link, Pair};
use ortica::ConnectionState;
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use std::time::Duration;

/// More than `Limits::tracks` and than a description may have sections.
const CYCLES: u32 = 3_000;
const FRAME: Duration = Duration::from_millis(20);

fn connected() -> Pair<Side> {
    let mut pair = call(1, Link::with_delay(Duration::from_millis(5)));
    for side in [&mut pair.a, &mut pair.b] {
        side.peer.set_codecs(vec![Codec::Pcmu, Codec::Vp8]);
    }
    let connected = |side: &Side| side.peer.connection_state() == ConnectionState::Connected;
    pair.run_until(Duration::from_secs(10), |a, b| connected(a) && connected(b)).unwrap();
    pair
}

fn sound(number: u32) -> EncodedFrame {
    EncodedFrame::new(Codec::Pcmu, vec![number as u8; 160], i64::from(number) * 160).with_duration(160)
}

/// A track comes, is heard, and goes.
fn cycle(pair: &mut Pair<Side>, number: u32) {
    let from = pair.a.peer.add_track(MediaKind::Audio, vec!["stream".to_owned()]).unwrap();
    negotiate(pair);
    let to = pair.b.peer.transceivers()[0].id;
    for frame in 0..3 {
        pair.with_a(|a, now| a.peer.send_frame(now, from, &sound(frame)).unwrap());
        pair.run_for(FRAME);
    }
    assert!(!pair.b.peer.is_muted(to), "cycle {number}");
    pair.a.peer.stop_transceiver(from).unwrap();
    negotiate(pair);
    pair.run_for(FRAME);
    pair.a.events.clear();
    pair.b.events.clear();
}

/// Guards `Negotiation::forget_stopped`: the engine's sender and receiver go with their transceiver.
#[test]
fn three_thousand_transceivers_come_and_go_on_one_connection() {
    let mut pair = connected();
    let mut held = 0;
    for number in 0..CYCLES {
        cycle(&mut pair, number);
        for side in [&pair.a, &pair.b] {
            let session = side.peer.session();
            assert_eq!((session.senders().count(), session.receivers().count()), (0, 0), "cycle {number}");
            assert!(side.peer.transceivers().is_empty(), "cycle {number}");
        }
        // SRTP remembers 1,024 streams of the other side.
        if number == CYCLES / 2 {
            held = allocations::live();
        }
    }
    let sections = pair.a.peer.local_description().unwrap().sdp.matches("\r\nm=").count();
    assert_eq!(sections, 2);
    let grown = allocations::live() - held;
    assert!(grown <= held / 100 + 64 * 1024, "{grown} bytes on {held}");
    assert_eq!(pair.a.peer.connection_state(), ConnectionState::Connected);
}
