//! What becomes of messages that were sent before an end; in virtual time, by seed.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use bytes::Bytes;
use common::{Side, call, exchange, negotiate, streams};
use netsim::{Link, Pair};
use ortica::ConnectionState;
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::core::SocketId;
use ortica::core::crypto::rust_crypto;
use ortica::engine::{
    ChannelMessage, ChannelParameters, ChannelSendError, ChannelState, CloseReason, Config, Reliability, Undelivered,
};
use ortica::peer::PeerEvent;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const DELAY: Duration = Duration::from_millis(25);
const LEN: usize = 5_000;

fn message(number: usize) -> ChannelMessage {
    ChannelMessage { binary: true, data: Bytes::from(vec![number as u8; LEN]) }
}

/// A call whose channel is open, over a perfect path so far.
fn open_call(seed: u64) -> Pair<Side> {
    open(call(seed, Link::with_delay(DELAY)))
}

fn open(mut pair: Pair<Side>) -> Pair<Side> {
    pair.run_until(10 * SECOND, |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
    pair.run_for(SECOND);
    pair
}

/// Hands `count` messages in, all at once.
fn send(pair: &mut Pair<Side>, count: usize) {
    let id = pair.a.channels[0];
    pair.with_a(|a, now| {
        (0..count).for_each(|number| a.peer.session_mut().send(now, id, message(number)).unwrap());
    });
}

fn is_over(side: &Side) -> bool {
    side.peer.close_reason() == Some(CloseReason::Local)
}

/// Closes a's connection and returns how long that takes.
fn close(pair: &mut Pair<Side>) -> Duration {
    pair.with_a(|a, now| a.peer.close(now));
    let start = pair.now();
    pair.run_until(60 * SECOND, |a, _| is_over(a)).unwrap();
    pair.now().saturating_duration_since(start)
}

fn undelivered(side: &Side) -> Undelivered {
    let session = side.peer.session();
    assert_eq!(side.peer.undelivered(side.channels[0]), Some(session.total_undelivered()));
    session.total_undelivered()
}

fn lost(messages: usize) -> Undelivered {
    Undelivered { messages: messages as u64, bytes: (messages * LEN) as u64 }
}

/// Guards `Session::close`: everything that `send` took arrives, over a path that loses too, and the end comes with the last
/// acknowledgement. From the outside the connection is closed at once.
#[test]
fn closing_a_connection_delivers_what_was_sent() {
    for seed in 0..10 {
        let mut pair = open_call(seed);
        pair.links(|link| *link = Link::with_delay(DELAY).lossy(0.05));
        send(&mut pair, 60);
        let id = pair.a.channels[0];
        pair.with_a(|a, now| {
            a.peer.close(now);
            assert_eq!(a.peer.connection_state(), ConnectionState::Closed);
            assert_eq!(a.peer.channel_state(id), ChannelState::Closed);
            assert_eq!(a.peer.undelivered(id), None, "that is not known yet");
            let refused = a.peer.session_mut().send(now, id, message(0));
            assert_eq!(refused, Err(ChannelSendError::NotOpen(ChannelState::Closing)));
        });
        let before = pair.a.events.len();
        let took = close(&mut pair);
        assert!(took < 5 * SECOND, "seed {seed}: {took:?}");
        assert_eq!(undelivered(&pair.a), lost(0), "seed {seed}");
        assert!(pair.b.received.iter().eq(&(0..60).map(message).collect::<Vec<_>>()), "seed {seed}");
        pair.run_for(SECOND);
        assert_eq!(pair.a.events[before..], [PeerEvent::Closed(CloseReason::Local)], "seed {seed}");
        assert_eq!(pair.a.closed, [id]);
    }
}

/// Guards against an end that waits for nothing: with everything acknowledged, goodbyes go out at once.
#[test]
fn with_nothing_on_the_way_a_connection_ends_at_once() {
    let mut pair = open_call(1);
    send(&mut pair, 10);
    pair.run_for(2 * SECOND);
    assert_eq!(close(&mut pair), Duration::ZERO);
    assert_eq!((undelivered(&pair.a), pair.b.received.len()), (lost(0), 10));
}

/// Guards the bound on the time that an end takes, and the account of what is left: over a dead path all of it, over one that
/// dies on the way what the other side did not get, and perhaps some that it got without saying so in time.
#[test]
fn what_an_outage_swallows_is_told() {
    let mut pair = open_call(1);
    pair.links(|link| link.down = true);
    send(&mut pair, 10);
    assert_eq!(close(&mut pair), Config::DEFAULT_LINGER);
    assert_eq!((undelivered(&pair.a), pair.b.received.len()), (lost(10), 0));

    for seed in 0..10 {
        let mut pair = open_call(seed);
        send(&mut pair, 200);
        pair.run_for(DELAY * (3 + seed as u32));
        pair.links(|link| link.down = true);
        pair.run_for(MS);
        assert_eq!(close(&mut pair), Config::DEFAULT_LINGER, "seed {seed}");
        let (told, arrived) = (undelivered(&pair.a), pair.b.received.len());
        assert!(arrived < 200, "seed {seed}: the trap is set");
        assert!(told.messages as usize + arrived >= 200 && told.messages < 200, "seed {seed}: {told:?}, {arrived}");
        assert_eq!(told, lost(told.messages as usize));
    }
}

/// Guards `Transport::flush`: what is still to arrive keeps no media going, whose goodbye comes at once.
#[test]
fn media_end_with_the_call_while_data_still_go_out() {
    let mut pair = streams::pair(1, Link::with_delay(DELAY));
    let now = pair.now();
    pair.a.create_channel(now, ChannelParameters::default());
    let track = pair.a.peer.add_track(MediaKind::Audio, Vec::new()).unwrap();
    negotiate(&mut pair);
    let mut pair = open(pair);
    let sound = EncodedFrame::new(Codec::Pcmu, vec![0; 160], 0).with_duration(160);
    pair.with_a(|a, now| a.peer.send_frame(now, track, &sound).unwrap());
    pair.run_for(SECOND);
    let (theirs, before) = (pair.b.peer.transceivers()[0].id, pair.b.events.len());
    send(&mut pair, 1);
    pair.b_to_a().down = true;
    pair.with_a(|a, now| a.peer.close(now));
    pair.run_for(SECOND);
    assert!(!is_over(&pair.a));
    assert_eq!(pair.b.events[before..], [PeerEvent::TrackMute(theirs)]);
}

/// Guards the retransmissions after `close`: what an outage kept goes out when it is over, if that is soon.
#[test]
fn a_short_outage_costs_nothing() {
    for seed in 0..5 {
        let mut pair = open_call(seed);
        pair.links(|link| link.down = true);
        send(&mut pair, 10);
        pair.with_a(|a, now| a.peer.close(now));
        pair.run_for(1_500 * MS);
        assert!(!is_over(&pair.a), "seed {seed}");
        pair.links(|link| link.down = false);
        pair.run_until(4 * SECOND, |a, _| is_over(a)).unwrap_or_else(|stalled| panic!("seed {seed}: {stalled}"));
        assert_eq!((undelivered(&pair.a), pair.b.received.len()), (lost(0), 10), "seed {seed}");
    }
}

/// An open call of sides that wait for nothing when they close.
fn impatient() -> Pair<Side> {
    let side = |seed, address| {
        let provider = rust_crypto::provider();
        let (ice, sctp) = (ortica_ice::Config::new(provider), ortica_sctp::Config::new(provider));
        let sockets = vec![(SocketId(0), address)];
        Side::configured(seed, ice, sctp, sockets, |config| config.with_linger(Duration::ZERO))
    };
    let mut pair = Pair::new(1, Link::with_delay(DELAY), side(1, Pair::<Side>::A), side(2, Pair::<Side>::B));
    let now = pair.now();
    pair.a.create_channel(now, ChannelParameters::default());
    exchange(now, &mut pair.a, &mut pair.b);
    open(pair)
}

/// Guards `Config::with_linger`: who does not want to wait is told what that costs.
#[test]
fn without_patience_everything_on_the_way_is_dropped() {
    let mut pair = impatient();
    send(&mut pair, 100);
    assert_eq!(close(&mut pair), Duration::ZERO);
    assert_eq!(undelivered(&pair.a), lost(100));
}

/// The same for who drains the session once more and then drops it.
#[test]
fn without_patience_the_end_comes_with_the_call() {
    let mut pair = impatient();
    send(&mut pair, 1);
    pair.with_a(|a, now| {
        a.peer.close(now);
        while a.peer.poll_transmit(now, 1, &mut Vec::new()).is_some() {}
        a.peer.drain_engine(now, |_| ());
        assert!(is_over(a));
    });
}

/// Guards the account of a side that is left: what the other one had not acknowledged when it said goodbye.
#[test]
fn the_peers_goodbye_settles_what_did_not_arrive() {
    for seed in 0..10 {
        let mut pair = open_call(seed);
        send(&mut pair, 200);
        pair.run_for(DELAY * (2 + seed as u32));
        assert_eq!(pair.a.peer.undelivered(pair.a.channels[0]), None);
        pair.with_b(|b, now| b.peer.close(now));
        pair.run_for(SECOND);
        let (told, arrived) = (undelivered(&pair.a), pair.b.received.len());
        assert!(told.messages as usize + arrived >= 200 && told.messages > 0, "seed {seed}: {told:?}, {arrived}");
        // It goes on, and knows.
        assert!(!is_over(&pair.a));
        assert_eq!(close(&mut pair), Duration::ZERO);
        assert_eq!(undelivered(&pair.a), told);
    }
}

/// Guards the close of a channel over a path that loses: a reliable one loses nothing; of one with limits, what was given up is
/// told. The stream's next channel begins with a clean account.
#[test]
fn dc_5_closing_a_channel_tells_what_was_given_up() {
    for seed in 0..10 {
        for reliability in
            [Reliability::Reliable, Reliability::MaxRetransmits(0), Reliability::MaxPacketLifeTime(60 * MS)]
        {
            let mut pair = open_call(seed);
            let now = pair.now();
            let id = pair.a.create_channel(now, ChannelParameters { reliability, ..ChannelParameters::default() });
            pair.run_until(SECOND, |a, b| a.opened.len() == 2 && b.opened.len() == 2).unwrap();
            pair.run_for(SECOND);
            pair.links(|link| *link = Link::with_delay(DELAY).lossy(0.2));
            pair.with_a(|a, now| {
                (0..50).for_each(|number| a.peer.session_mut().send(now, id, message(number)).unwrap());
                a.peer.session_mut().close_channel(now, id);
            });
            pair.run_until(60 * SECOND, |a, _| a.closed == [id])
                .unwrap_or_else(|stalled| panic!("seed {seed}, {reliability:?}: {stalled}"));
            let told = pair.a.peer.undelivered(id).unwrap();
            let arrived = pair.b.received.len();
            assert!(told.messages as usize + arrived >= 50, "seed {seed}, {reliability:?}: {told:?}, {arrived}");
            assert_eq!(told, lost(told.messages as usize));
            assert_eq!(told.is_none(), reliability == Reliability::Reliable, "seed {seed}, {reliability:?}: {told:?}");

            pair.links(|link| *link = Link::with_delay(DELAY));
            pair.run_until(60 * SECOND, |_, b| b.closed.len() == 1).unwrap();
            let now = pair.now();
            let next = pair.a.create_channel(now, ChannelParameters::default());
            let session = pair.a.peer.session();
            assert_eq!(session.channel_stream(next), session.channel_stream(id), "the stream is used again");
            pair.run_for(SECOND);
            pair.with_a(|a, now| {
                a.peer.session_mut().send(now, next, message(0)).unwrap();
                a.peer.session_mut().close_channel(now, next);
            });
            pair.run_until(60 * SECOND, |a, _| a.closed == [id, next]).unwrap();
            assert_eq!(pair.a.peer.undelivered(next), Some(lost(0)));
            assert_eq!(pair.a.peer.session().total_undelivered(), told);
        }
    }
}
