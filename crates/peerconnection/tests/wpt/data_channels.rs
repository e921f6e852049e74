//! `RTCPeerConnection-createDataChannel`, `RTCPeerConnection-ondatachannel`, `RTCDataChannel-*` and `RTCDataChannelInit-*`.

use super::*;
use bytes::Bytes;
use netsim::Link;
use ortica::engine::{
    ChannelError, ChannelId, ChannelMessage, ChannelParameters, ChannelSendError, ChannelState, Reliability,
};
use std::time::Duration;

pub(super) const MS: Duration = Duration::from_millis(1);
pub(super) const SECOND: Duration = Duration::from_secs(1);

pub(super) fn labelled(label: &str) -> ChannelParameters {
    ChannelParameters { label: label.to_owned(), ..ChannelParameters::default() }
}

pub(super) fn negotiated(id: u16) -> ChannelParameters {
    ChannelParameters { negotiated: Some(id), ..ChannelParameters::default() }
}

fn create(pc: &mut Pc, parameters: ChannelParameters) -> Result<ChannelId, ChannelError> {
    pc.peer().create_channel(now(), parameters)
}

/// What a channel is that was just made with these.
fn made(parameters: ChannelParameters) -> (ChannelParameters, Option<u16>, ChannelState, usize) {
    let mut pc = Pc::new();
    let id = create(&mut pc, parameters).unwrap();
    let session = pc.peer().session();
    let parameters = session.channel_parameters(id).unwrap().clone();
    (parameters, session.channel_stream(id), session.channel_state(id), session.buffered_amount(id))
}

fn refused(parameters: ChannelParameters) -> ChannelError {
    create(&mut Pc::new(), parameters).unwrap_err()
}

/// Two sides with an open channel, made by `a` with these.
pub(super) fn open(parameters: ChannelParameters) -> Pair<Side> {
    let (a, b) = (Side::new(1, Pair::<Side>::A), Side::new(2, Pair::<Side>::B));
    let mut pair = Pair::new(1, Link::with_delay(10 * MS), a, b);
    let at = pair.now();
    pair.a.create_channel(at, parameters.clone());
    if parameters.negotiated.is_some() {
        pair.b.create_channel(at, parameters);
    }
    common::negotiate(&mut pair);
    pair.run_until(10 * SECOND, |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
    pair
}

/// In-band and negotiated.
pub(super) fn both() -> [Pair<Side>; 2] {
    [open(ChannelParameters::default()), open(negotiated(7))]
}

pub(super) fn text(text: &str) -> ChannelMessage {
    ChannelMessage { binary: false, data: Bytes::copy_from_slice(text.as_bytes()) }
}

pub(super) fn binary(data: &[u8]) -> ChannelMessage {
    ChannelMessage { binary: true, data: Bytes::copy_from_slice(data) }
}

/// `a` sends on its first channel.
pub(super) fn send(pair: &mut Pair<Side>, message: ChannelMessage) {
    let id = pair.a.channels[0];
    pair.with_a(|a, now| a.peer.session_mut().send(now, id, message).unwrap());
}

/// What of one message arrives.
fn sent(message: ChannelMessage) {
    for mut pair in both() {
        send(&mut pair, message.clone());
        pair.run_until(SECOND, |_, b| !b.received.is_empty()).unwrap();
        assert_eq!(pair.b.received, std::slice::from_ref(&message));
    }
}

fn stream(side: &Side, index: usize) -> u16 {
    side.peer.session().channel_stream(side.channels[index]).unwrap()
}

fn close(pair: &mut Pair<Side>) {
    let id = pair.a.channels[0];
    pair.with_a(|a, now| a.peer.session_mut().close_channel(now, id));
}

#[test]
fn wpt_rtc_peer_connection_create_data_channel_closed_rejects() {
    let mut pc = Pc::new();
    pc.peer().close(now());
    assert_eq!(create(&mut pc, ChannelParameters::default()), Err(ChannelError::Closed));
}

#[test]
fn wpt_rtc_peer_connection_create_data_channel_defaults() {
    let (parameters, stream, state, buffered) = made(ChannelParameters::default());
    assert_eq!(
        parameters,
        ChannelParameters {
            label: String::new(),
            protocol: String::new(),
            ordered: true,
            reliability: Reliability::Reliable,
            negotiated: None,
            ..parameters.clone()
        }
    );
    assert_eq!((stream, state, buffered), (None, ChannelState::Connecting, 0));
}

#[test]
fn wpt_rtc_peer_connection_create_data_channel_given_parameters() {
    for reliability in [Reliability::MaxRetransmits(1), Reliability::MaxPacketLifeTime(42 * MS)] {
        let given = ChannelParameters {
            label: "test".to_owned(),
            protocol: "custom".to_owned(),
            ordered: false,
            reliability,
            negotiated: Some(3),
            ..ChannelParameters::default()
        };
        assert_eq!(made(given.clone()), (given, Some(3), ChannelState::Connecting, 0));
    }
}

#[test]
fn wpt_rtc_peer_connection_create_data_channel_labels() {
    for label in ["", "foo", "null", "\u{fffd}"] {
        assert_eq!(made(labelled(label)).0.label, label);
    }
}

#[test]
fn wpt_rtc_peer_connection_create_data_channel_ordered_false() {
    assert!(!made(ChannelParameters { ordered: false, ..ChannelParameters::default() }).0.ordered);
}

#[test]
fn wpt_rtc_peer_connection_create_data_channel_zero_limits() {
    for reliability in [Reliability::MaxRetransmits(0), Reliability::MaxPacketLifeTime(Duration::ZERO)] {
        assert_eq!(made(ChannelParameters { reliability, ..ChannelParameters::default() }).0.reliability, reliability);
    }
}

#[test]
fn wpt_rtc_peer_connection_create_data_channel_protocols() {
    for protocol in ["", "foo", "null", "\u{fffd}"] {
        let given = ChannelParameters { protocol: protocol.to_owned(), ..ChannelParameters::default() };
        assert_eq!(made(given).0.protocol, protocol);
    }
}

#[test]
fn wpt_rtc_peer_connection_create_data_channel_id_kept_negotiated() {
    for id in [0, 1, 65_534] {
        assert_eq!(made(negotiated(id)).1, Some(id));
    }
}

#[test]
fn wpt_rtc_peer_connection_create_data_channel_id_out_of_range() {
    assert_eq!(refused(negotiated(65_535)), ChannelError::StreamOutOfRange);
}

#[test]
fn wpt_rtc_peer_connection_create_data_channel_label_too_long() {
    for label in ["l".repeat(65_536), "\u{b5}".repeat(32_768)] {
        assert_eq!(refused(labelled(&label)), ChannelError::LabelTooLong);
        assert_eq!(refused(ChannelParameters { label, ..negotiated(3) }), ChannelError::LabelTooLong);
    }
}

#[test]
fn wpt_rtc_peer_connection_create_data_channel_same_label_twice() {
    let mut pc = Pc::new();
    for _ in 0..2 {
        create(&mut pc, labelled("twice")).unwrap();
    }
}

#[test]
fn wpt_rtc_peer_connection_create_data_channel_protocol_too_long() {
    for protocol in ["l".repeat(65_536), "\u{b5}".repeat(32_768)] {
        let given = |negotiated| ChannelParameters { protocol: protocol.clone(), negotiated, ..labelled("") };
        assert_eq!(refused(given(None)), ChannelError::ProtocolTooLong);
        assert_eq!(refused(given(Some(3))), ChannelError::ProtocolTooLong);
    }
}

#[test]
fn wpt_rtc_peer_connection_create_data_channel_longest_label_and_protocol() {
    let longest = "l".repeat(65_535);
    made(ChannelParameters { label: longest.clone(), protocol: longest, ..ChannelParameters::default() });
}

#[test]
fn wpt_rtc_peer_connection_create_data_channel_id_after_answer() {
    let mut pair = open(ChannelParameters::default());
    let at = pair.now();
    let first = stream(&pair.a, 0);
    pair.a.create_channel(at, ChannelParameters::default());
    pair.a.create_channel(at, negotiated(42));
    let second = stream(&pair.a, 1);
    assert!(first < 65_535 && second < 65_535 && first != second);
    assert_eq!(stream(&pair.a, 2), 42);
}

#[test]
fn wpt_rtc_peer_connection_create_data_channel_id_in_use_rejected() {
    let mut pc = Pc::new();
    create(&mut pc, negotiated(42)).unwrap();
    assert_eq!(create(&mut pc, negotiated(42)), Err(ChannelError::StreamInUse(42)));
    for mut pair in both() {
        let id = stream(&pair.a, 0);
        let at = pair.now();
        assert_eq!(pair.a.peer.create_channel(at, negotiated(id)), Err(ChannelError::StreamInUse(id)));
    }
}

#[test]
fn wpt_rtc_peer_connection_create_data_channel_with_media() {
    for media in [&[MediaKind::Audio][..], &[MediaKind::Video], &[MediaKind::Audio, MediaKind::Video]] {
        let (mut a, mut b) = Pc::two();
        for kind in media {
            a.add_track(*kind, &[]);
        }
        a.create_channel();
        negotiate(&mut a, &mut b);
        let answer = b.peer().local_description().unwrap().sdp;
        assert!(answer.contains("m=application 9 "), "{answer}");
        assert_eq!(answer.matches("m=").count(), media.len() + 1);
    }
}

// --- the other side's channels ------------------------------------------------------------------------------------------

#[test]
fn wpt_rtc_peer_connection_ondatachannel_fires_once_open() {
    let mut pair = open(labelled("once"));
    pair.run_for(SECOND);
    let told: Vec<_> = pair.b.events.iter().filter(|event| matches!(event, PeerEvent::DataChannel(_))).collect();
    assert_eq!(told.len(), 1);
    assert_eq!(pair.b.peer.channel_state(pair.b.channels[0]), ChannelState::Open);
}

/// What the other side sees of a channel made with these.
fn seen(parameters: ChannelParameters) -> ChannelParameters {
    let pair = open(parameters);
    let session = pair.b.peer.session();
    assert_eq!(stream(&pair.a, 0), stream(&pair.b, 0));
    session.channel_parameters(pair.b.channels[0]).unwrap().clone()
}

#[test]
fn wpt_rtc_peer_connection_ondatachannel_same_configuration() {
    let given = ChannelParameters {
        label: "test".to_owned(),
        protocol: "custom".to_owned(),
        ordered: false,
        reliability: Reliability::MaxRetransmits(1),
        ..ChannelParameters::default()
    };
    assert_eq!(seen(given.clone()), given);
}

#[test]
fn wpt_rtc_peer_connection_ondatachannel_same_default_configuration() {
    assert_eq!(seen(ChannelParameters::default()), ChannelParameters::default());
}

#[test]
fn wpt_rtc_peer_connection_ondatachannel_negotiated_no_event() {
    let pair = open(negotiated(3));
    assert!(!pair.b.events.iter().any(|event| matches!(event, PeerEvent::DataChannel(_))));
}

#[test]
fn wpt_rtc_data_channel_dcep_reliable_ordered() {
    assert_eq!(seen(labelled("x")), labelled("x"));
}

#[test]
fn wpt_rtc_data_channel_dcep_reliable_unordered() {
    let given = ChannelParameters { ordered: false, ..ChannelParameters::default() };
    assert_eq!(seen(given.clone()), given);
}

#[test]
fn wpt_rtc_data_channel_dcep_partial_reliable_rexmit() {
    for (ordered, count) in [(true, 0), (true, 65_535), (false, 0), (false, 65_535)] {
        let reliability = Reliability::MaxRetransmits(count);
        let given = ChannelParameters { ordered, reliability, ..ChannelParameters::default() };
        assert_eq!(seen(given.clone()), given);
    }
}

#[test]
fn wpt_rtc_data_channel_dcep_partial_reliable_timed() {
    for (ordered, time) in [(true, 0), (true, 65_535), (false, 0), (false, 65_535)] {
        let reliability = Reliability::MaxPacketLifeTime(time * MS);
        let given = ChannelParameters { ordered, reliability, ..ChannelParameters::default() };
        assert_eq!(seen(given.clone()), given);
    }
}

#[test]
fn wpt_rtc_data_channel_dcep_ids_equal() {
    let pair = open(ChannelParameters::default());
    assert_eq!(stream(&pair.a, 0), stream(&pair.b, 0));
}

#[test]
fn wpt_rtc_data_channel_dcep_empty_label_and_protocol() {
    let seen = seen(ChannelParameters::default());
    assert_eq!((seen.label.as_str(), seen.protocol.as_str()), ("", ""));
}

#[test]
fn wpt_rtc_data_channel_dcep_longest_label_and_protocol() {
    for longest in ["l".repeat(65_535), "\u{20ac}".repeat(21_845)] {
        let given = ChannelParameters { label: longest.clone(), protocol: longest, ..ChannelParameters::default() };
        assert_eq!(seen(given.clone()), given);
    }
}

#[test]
fn wpt_rtc_data_channel_init_max_packet_life_time_enforce_range_valid_values() {
    for time in [0, 1, 3, 10, 1000, 65_534, 65_535] {
        let reliability = Reliability::MaxPacketLifeTime(time * MS);
        assert_eq!(made(ChannelParameters { reliability, ..ChannelParameters::default() }).0.reliability, reliability);
    }
}

#[test]
fn wpt_rtc_data_channel_init_max_packet_life_time_enforce_range_out_of_range() {
    for time in [65_536, 100_000] {
        let reliability = Reliability::MaxPacketLifeTime(time * MS);
        let outcome = refused(ChannelParameters { reliability, ..ChannelParameters::default() });
        assert_eq!(outcome, ChannelError::LifetimeOutOfRange);
    }
}

#[test]
fn wpt_rtc_data_channel_init_max_retransmits_enforce_range_valid_values() {
    for count in [0, 1, 3, 10, 1000, 65_534, 65_535] {
        let reliability = Reliability::MaxRetransmits(count);
        assert_eq!(made(ChannelParameters { reliability, ..ChannelParameters::default() }).0.reliability, reliability);
    }
}

// --- messages -----------------------------------------------------------------------------------------------------------

#[test]
fn wpt_rtc_data_channel_send_connecting_rejects() {
    let mut pc = Pc::new();
    let id = create(&mut pc, ChannelParameters::default()).unwrap();
    let outcome = pc.peer().session_mut().send(now(), id, text("hello"));
    assert_eq!(outcome, Err(ChannelSendError::NotOpen(ChannelState::Connecting)));
}

#[test]
fn wpt_rtc_data_channel_send_string() {
    sent(text("hello"));
}

#[test]
fn wpt_rtc_data_channel_send_unicode_string() {
    sent(text("\u{4e16}\u{754c}\u{4f60}\u{597d}"));
}

#[test]
fn wpt_rtc_data_channel_send_empty_string() {
    sent(text(""));
}

#[test]
fn wpt_rtc_data_channel_send_binary() {
    sent(binary(&[0, 1, 2, 255]));
}

#[test]
fn wpt_rtc_data_channel_send_empty_binary() {
    sent(binary(&[]));
}

#[test]
fn wpt_rtc_data_channel_send_mixed_order() {
    for mut pair in both() {
        let messages = [binary(b"one"), text("two"), binary(b"three")];
        messages.iter().for_each(|message| send(&mut pair, message.clone()));
        pair.run_until(SECOND, |_, b| b.received.len() == 3).unwrap();
        assert_eq!(pair.b.received, messages);
    }
}

fn buffered(pair: &Pair<Side>) -> usize {
    pair.a.peer.session().buffered_amount(pair.a.channels[0])
}

/// How much is buffered after these, and that it is none once they have arrived.
fn buffered_after(messages: &[ChannelMessage]) -> [Vec<usize>; 2] {
    both().map(|mut pair| {
        pair.run_for(SECOND);
        let mut amounts = Vec::new();
        for message in messages {
            send(&mut pair, message.clone());
            amounts.push(buffered(&pair));
        }
        pair.run_until(SECOND, |_, b| b.received.len() == messages.len()).unwrap();
        pair.run_for(SECOND);
        assert_eq!(buffered(&pair), 0);
        amounts
    })
}

#[test]
fn wpt_rtc_data_channel_buffered_amount_initial_zero() {
    for mut pair in both() {
        pair.run_for(SECOND);
        assert_eq!(buffered(&pair), 0);
    }
}

#[test]
fn wpt_rtc_data_channel_buffered_amount_unicode_counts_bytes() {
    for amounts in buffered_after(&[text("\u{4e16}\u{754c}\u{4f60}\u{597d}")]) {
        assert_eq!(amounts, [12]);
    }
}

#[test]
fn wpt_rtc_data_channel_buffered_amount_binary_counts_bytes() {
    for amounts in buffered_after(&[binary(&[7; 5])]) {
        assert_eq!(amounts, [5]);
    }
}

// --- ends ---------------------------------------------------------------------------------------------------------------

#[test]
fn wpt_rtc_data_channel_close_repeated_open_echo_close() {
    for (turn, id) in (0..10).flat_map(|turn| [(turn, None), (turn, Some(7))]) {
        let mut pair = open(ChannelParameters { negotiated: id, ..labelled(&turn.to_string()) });
        send(&mut pair, text("ping"));
        pair.run_until(SECOND, |_, b| !b.received.is_empty()).unwrap();
        close(&mut pair);
        pair.run_until(SECOND, |a, b| a.closed.len() == 1 && b.closed.len() == 1).unwrap();
    }
}

#[test]
fn wpt_rtc_data_channel_send_close_all_delivered_before_close() {
    for mut pair in both() {
        for number in 0..16 {
            send(&mut pair, binary(&[number; 1000]));
        }
        close(&mut pair);
        pair.run_until(10 * SECOND, |_, b| !b.closed.is_empty()).unwrap();
        assert_eq!(pair.b.received.len(), 16);
    }
}

#[test]
fn wpt_rtc_data_channel_id_dtls_client_even() {
    // The answerer takes the active role, so that the offerer is the server.
    let mut pair = open(ChannelParameters::default());
    let at = pair.now();
    let ids: Vec<_> = (0..3).map(|_| pair.b.create_channel(at, ChannelParameters::default())).collect();
    let streams: Vec<_> = ids.iter().filter_map(|id| pair.b.peer.session().channel_stream(*id)).collect();
    assert_eq!(streams, [0, 2, 4]);
}

#[test]
fn wpt_rtc_data_channel_id_dtls_server_odd() {
    let mut pair = open(ChannelParameters::default());
    let at = pair.now();
    for _ in 0..2 {
        pair.a.create_channel(at, ChannelParameters::default());
    }
    assert_eq!([0, 1, 2].map(|index| stream(&pair.a, index)), [1, 3, 5]);
}

#[test]
fn wpt_rtc_data_channel_id_parity_with_negotiated() {
    let mut pair = open(ChannelParameters::default());
    let at = pair.now();
    for number in 0..10 {
        pair.a.create_channel(at, negotiated(2 * number));
    }
    for _ in 0..5 {
        pair.a.create_channel(at, ChannelParameters::default());
    }
    let streams: Vec<_> = (11..16).map(|index| stream(&pair.a, index)).collect();
    assert_eq!(streams, [3, 5, 7, 9, 11]);
}

#[test]
fn wpt_rtc_data_channel_id_id_reusable_after_close() {
    let mut pair = open(ChannelParameters::default());
    let id = stream(&pair.a, 0);
    close(&mut pair);
    pair.run_until(SECOND, |a, b| a.closed.len() == 1 && b.closed.len() == 1).unwrap();
    let at = pair.now();
    pair.a.create_channel(at, negotiated(id));
    pair.b.create_channel(at, negotiated(id));
    pair.run_until(SECOND, |a, b| a.opened.len() == 2 && b.opened.len() == 2).unwrap();
}

#[test]
fn wpt_rtc_data_channel_ice_restart_usable_after_restart() {
    let mut pair = open(ChannelParameters::default());
    send(&mut pair, text("before"));
    pair.a.peer.restart_ice();
    common::negotiate(&mut pair);
    pair.run_for(5 * SECOND);
    send(&mut pair, text("after"));
    pair.run_until(SECOND, |_, b| b.received.len() == 2).unwrap();
    assert_eq!(pair.b.received, [text("before"), text("after")]);
}
