//! Transports as objects: what carries senders, receivers and data channels, and what it is at.

mod candidate;
mod dtls_transport;
mod ice_extension;
mod ice_transport;
mod protocol;
mod sctp_transport;
mod sender_transport;

use super::common::{Side, exchange, negotiate};
use netsim::{Link, Pair};
use ortica::ConnectionState;
use ortica::codecs::{Codec, MediaKind};
use ortica::engine::TransportId;
use ortica::jsep::{SessionDescription, TransceiverId};
use std::time::Duration;

const DELAY: Duration = Duration::from_millis(10);
/// Longer than anything that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the offerer has to offer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Content {
    Sound,
    Data,
    Both,
}

/// Two sides, the first of which has something to offer.
fn pair(content: Content) -> Pair<Side> {
    let mut pair = Pair::new(1, Link::with_delay(DELAY), Side::new(1, Pair::<Side>::A), Side::new(2, Pair::<Side>::B));
    for side in [&mut pair.a, &mut pair.b] {
        side.peer.set_codecs(vec![Codec::Pcmu, Codec::Vp8]);
    }
    let now = pair.now();
    if content != Content::Data {
        pair.a.peer.add_track(MediaKind::Audio, vec!["stream".to_owned()]).unwrap();
    }
    if content != Content::Sound {
        pair.a.create_channel(now, Default::default());
    }
    pair
}

fn connected(content: Content) -> Pair<Side> {
    let mut pair = pair(content);
    negotiate(&mut pair);
    connect(&mut pair);
    pair
}

fn connect(pair: &mut Pair<Side>) {
    let is_up = |side: &Side| side.peer.connection_state() == ConnectionState::Connected;
    pair.run_until(PATIENCE, |a, b| is_up(a) && is_up(b)).unwrap();
}

/// The first transceiver.
fn transceiver(side: &Side) -> TransceiverId {
    side.peer.transceivers()[0].id
}

/// What carries the first section.
fn transport(side: &Side) -> TransportId {
    match side.peer.transceivers().first() {
        Some(transceiver) => side.peer.transport_of(transceiver.id).unwrap(),
        None => side.peer.data_transport().unwrap(),
    }
}

/// Offer and answer, each as `change` has it when it gets to the other side.
fn exchange_changed(pair: &mut Pair<Side>, mut change: impl FnMut(SessionDescription) -> SessionDescription) {
    let (now, Pair { a, b, .. }) = (pair.now(), pair);
    a.peer.set_local_description(now, SessionDescription::offer("")).unwrap();
    b.peer.set_remote_description(now, change(a.peer.local_description().unwrap())).unwrap();
    b.peer.set_local_description(now, SessionDescription::answer("")).unwrap();
    a.peer.set_remote_description(now, change(b.peer.local_description().unwrap())).unwrap();
}

/// Leaves lines out.
fn without(description: &SessionDescription, prefix: &str) -> SessionDescription {
    let kept = description.sdp.lines().filter(|line| !line.starts_with(prefix));
    SessionDescription { kind: description.kind, sdp: kept.map(|line| format!("{line}\r\n")).collect() }
}

/// The same with no candidates, for those that are told one by one.
fn without_candidates(description: &SessionDescription) -> SessionDescription {
    without(&without(description, "a=candidate:"), "a=end-of-candidates")
}
