//! Beginnings and ends of associations, channels and connections; in virtual time.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use bytes::Bytes;
use common::{Side, call, exchange, negotiate};
use netsim::{Link, Pair};
use ortica::ConnectionState;
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::core::Instant;
use ortica::engine::{
    ChannelError, ChannelMessage, ChannelParameters, ChannelSendError, ChannelState, CloseReason, DtlsState, Event,
    MediaError, SctpState, Session, TransportId,
};
use ortica::jsep::{SessionDescription, SignalingState};
use ortica::peer::PeerEvent;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const DELAY: Duration = Duration::from_millis(25);

fn open_call(seed: u64) -> Pair<Side> {
    let mut pair = call(seed, Link::with_delay(DELAY));
    pair.run_until(10 * SECOND, |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
    pair
}

fn bytes(len: usize) -> ChannelMessage {
    ChannelMessage { binary: true, data: Bytes::from(vec![7; len]) }
}

fn has_association(side: &Side) -> bool {
    let session = side.peer.session();
    session.transports().any(|id| session.sctp_stats(id).is_some())
}

/// Guards `Secured`, the one place where an association is made: none before DTLS is up, none at all where the fingerprint
/// is another's, and both sides may begin. What is announced is port 5000.
#[test]
fn sctp_11_an_association_starts_after_the_fingerprint_is_verified() {
    let mut pair = call(1, Link::with_delay(DELAY));
    let now = pair.now();
    pair.b.create_channel(now, ChannelParameters::default());
    for side in [&pair.a, &pair.b] {
        assert!(side.peer.local_description().unwrap().sdp.contains("a=sctp-port:5000\r\n"));
    }
    let limit = pair.now() + 10 * SECOND;
    while !(has_association(&pair.a) && has_association(&pair.b)) && pair.now() < limit {
        pair.run_for(MS);
        for side in [&pair.a, &pair.b] {
            let session = side.peer.session();
            let id = session.transports().next().unwrap();
            assert!(!has_association(side) || session.dtls_state(id) == Some(DtlsState::Connected));
        }
    }
    pair.run_until(10 * SECOND, |a, b| a.opened.len() == 2 && b.opened.len() == 2).unwrap();

    let mut pair = Pair::new(2, Link::with_delay(DELAY), Side::new(5, Pair::<Side>::A), Side::new(6, Pair::<Side>::B));
    pair.a.create_channel(now, ChannelParameters::default());
    let offer = pair.a.peer.create_offer(now).unwrap();
    pair.a.peer.set_local_description(now, offer).unwrap();
    let offer = pair.a.peer.local_description().unwrap();
    let at = offer.sdp.find("a=fingerprint:sha-256 ").unwrap() + "a=fingerprint:sha-256 ".len();
    let mut forged = offer.sdp.clone();
    let digit = if &forged[at..=at] == "0" { "1" } else { "0" };
    forged.replace_range(at..=at, digit);
    pair.b.peer.set_remote_description(now, SessionDescription::offer(forged)).unwrap();
    let answer = pair.b.peer.create_answer(now).unwrap();
    pair.b.peer.set_local_description(now, answer).unwrap();
    let answer = pair.b.peer.local_description().unwrap();
    pair.a.peer.set_remote_description(now, answer).unwrap();
    for _ in 0..200 {
        pair.run_for(20 * MS);
        assert!(!has_association(&pair.b), "the certificate is not the one that was told");
    }
    assert_eq!(pair.b.peer.connection_state(), ConnectionState::Failed);
}

/// Guards what is counted as buffered: bytes handed in, until the peer has them; and the event, which comes with the
/// crossing of the threshold and not without it.
#[test]
fn dc_4_the_buffered_amount_falls_as_the_peer_acknowledges() {
    let mut pair = open_call(1);
    let id = pair.a.channels[0];
    // The OPEN was buffered too, and left.
    pair.a.low = 0;
    let low = |pair: &Pair<Side>| pair.a.low;
    pair.with_a(|a, now| {
        let session = a.peer.session_mut();
        session.set_buffered_amount_low_threshold(id, 10_000);
        session.send(now, id, bytes(5_000)).unwrap();
        assert_eq!(session.buffered_amount(id), 5_000);
    });
    pair.run_for(SECOND);
    assert_eq!(pair.a.peer.session().buffered_amount(id), 0);
    assert_eq!(low(&pair), 0, "it was never above the threshold");

    pair.with_a(|a, now| {
        for _ in 0..4 {
            a.peer.session_mut().send(now, id, bytes(50_000)).unwrap();
        }
        assert_eq!(a.peer.session().buffered_amount(id), 200_000);
    });
    let mut last = 200_000;
    while last > 0 {
        pair.run_for(MS);
        let amount = pair.a.peer.session().buffered_amount(id);
        assert!(amount <= last, "it only falls");
        assert_eq!(low(&pair), usize::from(amount <= 10_000), "at {amount}");
        last = amount;
    }
    assert_eq!(low(&pair), 1);
}

/// Guards the ways a channel ends: what is queued goes first and both sides hear of it; before it is open it ends at once;
/// and all of them end with the connection.
#[test]
fn dc_5_channels_close_in_every_state() {
    let mut pair = open_call(1);
    let id = pair.a.channels[0];
    pair.with_a(|a, now| {
        for _ in 0..20 {
            a.peer.session_mut().send(now, id, bytes(10_000)).unwrap();
        }
        a.peer.session_mut().close_channel(now, id);
        assert_eq!(a.peer.session().channel_state(id), ChannelState::Closing);
        let refused = a.peer.session_mut().send(now, id, bytes(1));
        assert_eq!(refused, Err(ChannelSendError::NotOpen(ChannelState::Closing)));
    });
    pair.run_until(10 * SECOND, |a, b| !a.closed.is_empty() && !b.closed.is_empty()).unwrap();
    assert_eq!(pair.b.received.len(), 20, "the queue was finished");

    let mut early = Side::new(9, Pair::<Side>::A);
    let id = early.create_channel(netsim::epoch(), ChannelParameters::default());
    early.peer.session_mut().close_channel(netsim::epoch(), id);
    early.peer.session_mut().close_channel(netsim::epoch(), id);
    assert_eq!(early.peer.session().channel_state(id), ChannelState::Closed);

    let mut pair = open_call(2);
    let now = pair.now();
    for _ in 0..5 {
        pair.a.create_channel(now, ChannelParameters::default());
    }
    pair.run_until(10 * SECOND, |a, b| a.opened.len() == 6 && b.opened.len() == 6).unwrap();
    let last = pair.a.create_channel(pair.now(), ChannelParameters::default());
    assert_ne!(pair.a.peer.session().channel_state(last), ChannelState::Closed);
    pair.with_a(|a, now| a.peer.close(now));
    pair.run_for(SECOND);
    assert_eq!(pair.a.closed.len(), 7);
    assert_eq!(pair.b.closed.len(), 6);
}

/// What `b` of a call with sound is told when `a` ends a part of it: by the engine of its transport, by the peer, and of its channel.
struct Heard {
    transport: Vec<Event>,
    peer: Vec<PeerEvent>,
    /// The cause that was given.
    channel: Option<Option<u16>>,
    pair: Pair<Side>,
}

fn half_closed(end: impl FnOnce(&mut Session, Instant, TransportId)) -> Heard {
    let mut pair = open_call(1);
    let (transport_events, events) = (pair.b.transport_events.len(), pair.b.events.len());
    let transport = pair.a.peer.session().transports().next().unwrap();
    pair.with_a(|a, now| end(a.peer.session_mut(), now, transport));
    pair.run_for(SECOND);
    let failure = pair.b.peer.session().channel_failure(pair.b.channels[0]);
    Heard {
        transport: pair.b.transport_events[transport_events..].to_vec(),
        peer: pair.b.events[events..].to_vec(),
        channel: failure.map(|failure| failure.cause),
        pair,
    }
}

/// Its channel is closed, and that is no failure, since this side wanted it so.
fn ended_by_itself(side: &Side) -> bool {
    let (session, id) = (side.peer.session(), side.channels[0]);
    session.channel_state(id) == ChannelState::Closed && session.channel_failure(id).is_none()
}

/// Guards what each half of an end is taken for, in the order in which it is told: DTLS takes SCTP and the channels with it, SCTP
/// the channels alone, and ICE goes on, so that the connection is not called closed (webrtc-pc §4.3.3).
#[test]
fn flt_31_each_half_of_an_end_is_told_in_its_order() {
    let id = open_call(1).b.peer.session().transports().next().unwrap();
    let (dtls, sctp) = (Event::Dtls(id, DtlsState::Closed), Event::Sctp(id, SctpState::Closed));
    let of_dtls = [PeerEvent::DtlsStateChange(id, DtlsState::Closed)];

    let heard = half_closed(|session, now, id| session.stop_dtls(now, id).unwrap());
    assert_eq!((heard.transport, heard.channel), (vec![dtls.clone(), sctp.clone()], Some(None)));
    assert_eq!(heard.peer, of_dtls);
    assert_eq!(heard.pair.b.closed, heard.pair.b.channels);
    assert!(ended_by_itself(&heard.pair.a));

    let heard = half_closed(|session, now, id| session.stop_sctp(now, id).unwrap());
    assert_eq!((heard.transport, heard.channel), (vec![sctp.clone()], Some(Some(12))));
    assert_eq!(heard.peer, [], "no state of the connection is one of SCTP");
    assert_eq!(heard.pair.b.closed, heard.pair.b.channels);
    assert!(ended_by_itself(&heard.pair.a));
    let b = &heard.pair.b.peer;
    assert_eq!(
        (b.connection_state(), b.session().dtls_state(id)),
        (ConnectionState::Connected, Some(DtlsState::Connected))
    );

    let heard = half_closed(|session, now, _| session.close(now));
    assert_eq!((heard.transport, heard.channel), (vec![sctp, dtls], Some(Some(12))));
    assert_eq!(heard.peer, of_dtls);
    assert_eq!(heard.pair.b.closed, heard.pair.b.channels);
    assert!(ended_by_itself(&heard.pair.a));
}

/// Guards that a side which is left so can still be closed, and that a half that has ended does not end again.
#[test]
fn flt_31_what_is_left_of_a_half_closed_call_closes_at_once() {
    let ends: [fn(&mut Session, Instant, TransportId); 3] = [
        |session, now, id| session.stop_dtls(now, id).unwrap(),
        |session, now, id| session.stop_sctp(now, id).unwrap(),
        |session, now, _| session.close(now),
    ];
    for end in ends {
        let mut pair = half_closed(end).pair;
        let (events, transport_events) = (pair.b.events.len(), pair.b.transport_events.len());
        pair.with_b(|b, now| b.peer.close(now));
        let since = pair.now();
        pair.run_until(SECOND, |_, b| b.peer.close_reason().is_some()).unwrap();
        assert!(pair.now().saturating_duration_since(since) <= 100 * MS);
        pair.run_for(SECOND);
        assert_eq!(pair.b.events[events..], [PeerEvent::Closed(CloseReason::Local)]);
        let again = &pair.b.transport_events[transport_events..];
        assert!(again.iter().all(|event| !matches!(event, Event::Sctp(..))), "{again:?}");
    }
}

/// Guards what the goodbye of a stream is taken for: its track is muted, and all else goes on.
#[test]
fn flt_31_a_goodbye_of_rtp_mutes_its_track_alone() {
    let mut pair = open_call(1);
    for side in [&mut pair.a, &mut pair.b] {
        side.peer.set_codecs(vec![Codec::Pcmu]);
    }
    let track = pair.a.peer.add_track(MediaKind::Audio, Vec::new()).unwrap();
    negotiate(&mut pair);
    let sound = EncodedFrame::new(Codec::Pcmu, vec![0; 160], 0).with_duration(160);
    pair.with_a(|a, now| a.peer.send_frame(now, track, &sound).unwrap());
    pair.run_for(SECOND);
    let (theirs, before) = (pair.b.peer.transceivers()[0].id, pair.b.events.len());
    pair.with_a(|a, _| a.peer.stop_transceiver(track).unwrap());
    pair.run_for(SECOND);
    assert_eq!(pair.b.events[before..], [PeerEvent::TrackMute(theirs)]);
    assert_eq!((pair.b.closed.len(), pair.b.peer.connection_state()), (0, ConnectionState::Connected));
}

/// Guards `close` against news that nobody had heard yet.
#[test]
fn api_1_what_was_not_heard_before_a_close_is_not_heard_after_it() {
    let mut side = Side::new(3, Pair::<Side>::A);
    side.create_channel(netsim::epoch(), ChannelParameters::default());
    let offer = side.peer.create_offer(netsim::epoch()).unwrap();
    side.peer.set_local_description(netsim::epoch(), offer).unwrap();
    side.peer.close(netsim::epoch());
    side.peer.poll_transmit(netsim::epoch(), 1, &mut Vec::new());
    side.peer.drain_engine(netsim::epoch(), |_| ());
    let events: Vec<_> = std::iter::from_fn(|| side.peer.poll_event()).collect();
    assert_eq!(events, [PeerEvent::Closed(CloseReason::Local)]);
}

/// Guards `close`: whatever was under way, `Closed` is the one event that follows.
#[test]
fn api_1_nothing_but_closed_follows_a_close() {
    for moment in [0, 10, 30, 60, 90, 120, 150, 200, 400] {
        let mut pair = call(moment, Link::with_delay(DELAY));
        pair.run_for(moment as u32 * MS);
        let before = {
            pair.a.events.extend(std::iter::from_fn(|| pair.a.peer.poll_event()));
            pair.a.events.len()
        };
        pair.with_a(|a, now| a.peer.close(now));
        pair.run_for(5 * SECOND);
        assert_eq!(pair.a.events[before..], [PeerEvent::Closed(CloseReason::Local)], "closed after {moment} ms");
    }
}

/// Guards the names and counters of statistics: a thing keeps its name, and neither counters nor times go back.
#[test]
fn api_1_statistics_keep_their_names_and_only_grow() {
    let mut pair = open_call(1);
    let mut last: Option<ortica::stats::StatsReport> = None;
    for _ in 0..50 {
        pair.a.queue.push_back(bytes(3_000));
        pair.run_for(100 * MS);
        let report = pair.a.peer.stats(pair.now());
        if let Some(last) = &last {
            for entry in last.iter() {
                let next = report.iter().find(|next| next.id == entry.id);
                let next = next.unwrap_or_else(|| panic!("{} is gone", entry.id));
                assert!(next.timestamp >= entry.timestamp);
                assert_eq!(std::mem::discriminant(&next.kind), std::mem::discriminant(&entry.kind), "{}", entry.id);
            }
            let (before, after) = (last.transports().next().unwrap(), report.transports().next().unwrap());
            assert!(after.packets_sent > before.packets_sent);
            assert!(after.bytes_sent > before.bytes_sent);
            assert!(after.packets_received > before.packets_received);
        }
        last = Some(report);
    }
}

/// Guards what a closed connection still says: its state at once, stopped transceivers, closed channels, and
/// statistics.
#[test]
fn api_3_a_closed_connection_answers() {
    let mut a = Side::new(3, Pair::<Side>::A);
    a.peer.set_codecs(vec![Codec::Pcmu]);
    let mut b = Side::new(4, Pair::<Side>::B);
    b.peer.set_codecs(vec![Codec::Pcmu]);
    let mut pair = Pair::new(1, Link::with_delay(DELAY), a, b);
    let now = pair.now();
    let channel = pair.a.create_channel(now, ChannelParameters::default());
    let track = pair.a.peer.add_track(MediaKind::Audio, Vec::new()).unwrap();
    negotiate(&mut pair);
    pair.run_until(10 * SECOND, |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
    pair.with_a(|a, now| {
        a.peer.close(now);
        assert_eq!(a.peer.signaling_state(), SignalingState::Closed);
        assert_eq!(a.peer.session().channel_state(channel), ChannelState::Closed);
    });
    pair.run_for(SECOND);
    assert_eq!(pair.a.closed, [channel]);
    assert!(pair.a.peer.transceiver(track).unwrap().stopped);
    assert_eq!(pair.a.peer.close_reason(), Some(CloseReason::Local));
    let report = pair.a.peer.stats(pair.now());
    assert!(report.iter().any(|entry| matches!(entry.kind, ortica::stats::StatsKind::DataChannel(_))));
    assert!(pair.a.peer.create_offer(pair.now()).is_err());
    assert!(pair.a.peer.add_track(MediaKind::Audio, Vec::new()).is_err());
}

/// Guards the limits on channels and tracks: one more is refused by a typed error, and those that there are go on.
#[test]
fn flt_47_one_more_than_the_limit_is_refused_and_changes_nothing() {
    let mut pair = open_call(1);
    let now = pair.now();
    let parameters = |stream| ChannelParameters { negotiated: Some(stream), ..ChannelParameters::default() };
    for stream in 1_000..1_000 + 1_023 {
        pair.a.peer.create_channel(now, parameters(stream)).unwrap();
    }
    for stream in 3_000..3_010 {
        assert_eq!(pair.a.peer.create_channel(now, parameters(stream)), Err(ChannelError::TooMany));
    }
    assert_eq!(pair.a.peer.session().channels().count(), 1_024);
    let transport = pair.a.peer.session().transports().next().unwrap();
    let session = pair.a.peer.session_mut();
    for _ in 0..1_024 {
        session.add_sender(transport, MediaKind::Audio).unwrap();
    }
    assert_eq!(session.add_sender(transport, MediaKind::Audio), Err(MediaError::TooMany));
    assert_eq!(session.senders().count(), 1_024);
    pair.a.queue.push_back(bytes(10));
    pair.run_until(SECOND, |_, b| b.received.len() == 1).unwrap();
    exchange(now, &mut pair.a, &mut pair.b);
}
