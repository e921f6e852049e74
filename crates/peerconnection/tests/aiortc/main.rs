//! Behaviours that aiortc's tests of its peer connection assert: `docs/aiortc.md` lists them. In virtual time.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod calls;
mod channels;
#[path = "../common/mod.rs"]
mod common;
mod descriptions;
mod directions;
mod guide;
mod media;

use common::{Side, exchange};
use netsim::{Link, Pair};
use ortica::codecs::{Codec, MediaKind};
use ortica::core::Instant;
use ortica::jsep::{SessionDescription, TransceiverId, TransceiverInit};
use ortica::peer::{PeerEvent, TransceiverState};
use ortica::{ConnectionState, Direction};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const DELAY: Duration = Duration::from_millis(10);

fn now() -> Instant {
    netsim::epoch()
}

/// A side with codecs for sound and pictures, whatever this build can encode.
fn side(seed: u64, address: std::net::SocketAddr) -> Side {
    let mut side = Side::new(seed, address);
    side.peer.set_codecs(vec![Codec::Opus, Codec::Pcmu, Codec::Pcma, Codec::Vp8]);
    side
}

/// Two sides with a link of 10 ms between them.
fn pair() -> Pair<Side> {
    Pair::new(1, Link::with_delay(DELAY), side(1, Pair::<Side>::A), side(2, Pair::<Side>::B))
}

fn add_transceiver(side: &mut Side, kind: MediaKind, direction: Direction) -> TransceiverId {
    side.peer.add_transceiver(kind, TransceiverInit { direction, ..TransceiverInit::default() }).unwrap()
}

fn add_track(side: &mut Side, kind: MediaKind) -> TransceiverId {
    side.peer.add_track(kind, Vec::new()).unwrap()
}

/// A side's transceiver; it has no other.
fn only(side: &Side) -> TransceiverState {
    let [state] = side.peer.transceivers().try_into().expect("one transceiver");
    state
}

/// `a` offers, `b` answers.
fn negotiate(pair: &mut Pair<Side>) -> [SessionDescription; 2] {
    exchange(pair.now(), &mut pair.a, &mut pair.b)
}

fn connect(pair: &mut Pair<Side>) {
    let connected = |side: &Side| side.peer.connection_state() == ConnectionState::Connected;
    pair.run_until(10 * SECOND, |a, b| connected(a) && connected(b)).expect("it connects");
}

/// Lines of a description that begin so.
fn lines<'a>(description: &'a SessionDescription, start: &str) -> Vec<&'a str> {
    description.sdp.lines().filter(|line| line.starts_with(start)).collect()
}

/// The sections of a description, without what precedes them.
fn sections(description: &SessionDescription) -> Vec<String> {
    description.sdp.split("m=").skip(1).map(|section| format!("m={section}")).collect()
}

/// The description with changes to its lines: `None` takes one out.
fn changed(description: &SessionDescription, change: impl Fn(&str) -> Option<String>) -> SessionDescription {
    let lines = description.sdp.lines().filter_map(change).map(|line| format!("{line}\r\n"));
    SessionDescription { sdp: lines.collect(), ..description.clone() }
}

fn without(description: &SessionDescription, start: &str) -> SessionDescription {
    changed(description, |line| (!line.starts_with(start)).then(|| line.to_owned()))
}

fn replaced(description: &SessionDescription, from: &str, to: &str) -> SessionDescription {
    changed(description, |line| Some(line.replace(from, to)))
}

/// What happened to a side, in words.
fn history(side: &Side) -> Vec<String> {
    let word = |event: &PeerEvent| match event {
        PeerEvent::SignalingStateChange(state) => Some(format!("signaling {state}")),
        PeerEvent::IceGatheringStateChange(state) => Some(format!("gathering {state}")),
        PeerEvent::IceConnectionStateChange(state) => Some(format!("ice {state}")),
        PeerEvent::ConnectionStateChange(state) => Some(format!("connection {state}")),
        PeerEvent::Closed(_) => Some("closed".to_owned()),
        _ => None,
    };
    side.events.iter().filter_map(word).collect()
}
