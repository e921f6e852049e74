//! A channel on every stream at once, in virtual time.

mod common;

use bytes::Bytes;
use common::{Side, negotiate};
use netsim::{Link, Pair};
use ortica::core::SocketId;
use ortica::core::crypto::rust_crypto;
use ortica::engine::{ChannelError, ChannelId, ChannelMessage, ChannelParameters, ChannelState, Limits};
use std::collections::BTreeSet;
use std::time::Duration;

/// All stream ids but 65,535, which is not used (RFC 8832 §6).
const STREAMS: usize = 65_535;
const LIMIT: Duration = Duration::from_secs(60);

/// Guards control messages that wait for room (`Unsaid`) and resets that fill a packet (`Resets::write`): a message crosses on
/// each stream, all of them close, and their ids are free again.
#[test]
fn sctp_11_every_stream_carries_a_channel_at_once() {
    let mut pair = connected();
    pair.with_a(fill);
    pair.with_b(fill);
    run(&mut pair, |a, b| a.opened.len() == STREAMS && b.opened.len() == STREAMS);
    let ids: BTreeSet<u16> = pair.a.opened.iter().filter_map(|id| pair.a.peer.session().channel_stream(*id)).collect();
    assert_eq!((ids.len(), ids.last()), (STREAMS, Some(&65_534)));

    let mut unsent: Vec<ChannelId> = pair.a.opened.clone();
    while !unsent.is_empty() {
        pair.with_a(|a, now| unsent.retain(|id| !send_its_stream(a, now, *id)));
        pair.run_for(Duration::from_millis(20));
        assert!(pair.elapsed() < LIMIT, "{} messages were not taken", unsent.len());
    }
    run(&mut pair, |_, b| b.received.len() == STREAMS);
    let named: BTreeSet<Bytes> = pair.b.received.iter().map(|message| message.data.clone()).collect();
    assert_eq!(named, ids.iter().map(|id| name(*id)).collect());

    pair.with_a(|a, now| a.opened.clone().iter().for_each(|id| a.peer.session_mut().close_channel(now, *id)));
    run(&mut pair, |a, b| a.closed.len() == STREAMS && b.closed.len() == STREAMS);
    let again = pair.with_a(|a, now| {
        a.opened.clone().iter().for_each(|id| a.peer.session_mut().remove_channel(*id));
        a.peer.create_channel(now, ChannelParameters::default()).unwrap()
    });
    let (session, first) = (pair.a.peer.session(), pair.a.opened[0]);
    assert_eq!(session.channel_state(again), ChannelState::Open);
    assert!(session.channel_stream(again).unwrap() < 2, "the lowest one is used again");
    assert_eq!(session.channel_state(first), ChannelState::Closed);
}

/// Two sides that may have as many channels as there are streams, with one between them.
fn connected() -> Pair<Side> {
    let mut limits = Limits::default();
    limits.channels = 2 * STREAMS;
    let side = |seed, address| {
        let ice = ortica_ice::Config::new(rust_crypto::provider());
        Side::with_limits(seed, ice, vec![(SocketId(0), address)], limits)
    };
    let (a, b) = (side(1, Pair::<Side>::A), side(2, Pair::<Side>::B));
    let mut pair = Pair::new(1, Link::with_delay(Duration::from_millis(5)), a, b);
    let now = pair.now();
    pair.a.create_channel(now, ChannelParameters::default());
    negotiate(&mut pair);
    run(&mut pair, |a, b| a.opened.len() == 1 && b.opened.len() == 1);
    pair
}

fn run(pair: &mut Pair<Side>, done: impl Fn(&mut Side, &mut Side) -> bool) {
    let stalled = pair.run_until(LIMIT, done).err();
    let counts = [&pair.a, &pair.b].map(|it| (it.opened.len(), it.received.len(), it.closed.len()));
    assert!(stalled.is_none(), "{stalled:?}; opened, received, closed: {counts:?}");
}

/// Makes channels until this side has no stream left.
fn fill(side: &mut Side, now: ortica::core::Instant) {
    loop {
        match side.peer.create_channel(now, ChannelParameters::default()) {
            Ok(id) => side.channels.push(id),
            Err(error) => return assert_eq!(error, ChannelError::TooMany),
        }
    }
}

/// Sends a channel its stream's number; `false` while there is no room.
fn send_its_stream(side: &mut Side, now: ortica::core::Instant, id: ChannelId) -> bool {
    let session = side.peer.session_mut();
    let stream = session.channel_stream(id).expect("it is open");
    session.send(now, id, ChannelMessage { binary: true, data: name(stream) }).is_ok()
}

fn name(stream: u16) -> Bytes {
    Bytes::copy_from_slice(&stream.to_be_bytes())
}
