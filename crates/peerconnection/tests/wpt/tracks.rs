//! What is told of tracks: `RTCPeerConnection-setRemoteDescription-tracks`, `RTCPeerConnection-restartIce-onnegotiationneeded`,
//! `RTCRtpTransceiver-direction`, `legacy/RTCRtpTransceiver-with-OfferToReceive-options`, what `RTCPeerConnection-transceivers`
//! says of parallel calls, `protocol/transceiver-mline-recycling`, `protocol/transceiver-direction-match`,
//! `protocol/handover`.
//!
//! A stream is a name: tracks whose events have the same one are in the same stream.

use super::*;
use ortica::codecs::MediaKind::{Audio, Video};

/// What was told of tracks: which, and the streams of those that came.
fn told(pc: &mut Pc) -> Vec<(TransceiverId, Option<Vec<String>>)> {
    let events = pc.events();
    let streams = |pc: &mut Pc, id| Some(pc.transceiver(id).remote_streams);
    let tell = |event: PeerEvent| match event {
        PeerEvent::Track(id) => Some((id, streams(pc, id))),
        PeerEvent::TrackRemoved(id, _) => Some((id, None)),
        _ => None,
    };
    events.into_iter().filter_map(tell).collect()
}

/// `a` offers a track in these streams to `b`.
fn offered(streams: &[&str]) -> (Pc, Pc, TransceiverId) {
    let (mut a, mut b) = Pc::two();
    let id = a.add_track(Audio, streams);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    (a, b, id)
}

fn negotiated(streams: &[&str]) -> (Pc, Pc, TransceiverId) {
    let (mut a, mut b, id) = offered(streams);
    let answer = b.sld_implicit();
    a.srd(answer).unwrap();
    (a, b, id)
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_tracks_track_without_stream() {
    let (_, mut b, _) = offered(&[]);
    let id = b.transceivers()[0].id;
    assert_eq!(told(&mut b), [(id, Some(Vec::new()))]);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_tracks_track_with_stream() {
    let (_, mut b, _) = offered(&["one"]);
    let id = b.transceivers()[0].id;
    assert_eq!(told(&mut b), [(id, Some(vec!["one".to_owned()]))]);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_tracks_two_tracks_one_stream() {
    let (mut a, mut b) = Pc::two();
    a.add_track(Audio, &["one"]);
    a.add_track(Video, &["one"]);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    // Both are there when the first is told.
    let ids: Vec<_> = b.transceivers().iter().map(|state| state.id).collect();
    let one = Some(vec!["one".to_owned()]);
    assert_eq!(told(&mut b), [(ids[0], one.clone()), (ids[1], one)]);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_tracks_added_track_fires_addtrack() {
    let (mut a, mut b, _) = negotiated(&["one"]);
    told(&mut b);
    a.add_track(Video, &["one"]);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    let added = b.transceivers()[1].id;
    assert_eq!(told(&mut b), [(added, Some(vec!["one".to_owned()]))]);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_tracks_track_with_two_streams() {
    let (_, mut b, _) = offered(&["one", "two"]);
    let id = b.transceivers()[0].id;
    assert_eq!(told(&mut b), [(id, Some(vec!["one".to_owned(), "two".to_owned()]))]);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_tracks_receiver_matches() {
    let (_, mut b, _) = offered(&["one"]);
    let [(id, Some(_))] = told(&mut b)[..] else { panic!("one track") };
    assert_eq!(b.transceivers().iter().map(|state| state.id).collect::<Vec<_>>(), [id]);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_tracks_remove_track_keeps_receiver() {
    let (mut a, mut b, id) = negotiated(&["one"]);
    let receiver = b.transceivers()[0].receiver;
    assert_eq!(a.peer().remove_track(id), Ok(true));
    negotiate(&mut a, &mut b);
    let after = b.transceivers();
    assert!(after.len() == 1 && receiver.is_some() && after[0].receiver == receiver && !after[0].stopped);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_tracks_remove_track_fires_removetrack() {
    let (mut a, mut b, id) = negotiated(&["one"]);
    let theirs = b.transceivers()[0].id;
    told(&mut b);
    a.peer().remove_track(id).unwrap();
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    assert_eq!(told(&mut b), [(theirs, None)]);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_tracks_remove_track_twice() {
    let (mut a, mut b, id) = negotiated(&["one"]);
    assert_eq!(a.peer().remove_track(id), Ok(true));
    assert_eq!(a.peer().remove_track(id), Ok(false));
    negotiate(&mut a, &mut b);
    assert_eq!(a.transceiver(id).current_direction, Some(Direction::Inactive));
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_rollback_stream_change_rollback() {
    let (mut a, mut b, id) = negotiated(&["one"]);
    let theirs = b.transceivers()[0].id;
    told(&mut b);
    a.peer().set_streams(id, &["two".to_owned()]).unwrap();
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    assert_eq!(told(&mut b), [(theirs, Some(vec!["two".to_owned()]))]);
    b.srd(SessionDescription::rollback()).unwrap();
    assert_eq!(told(&mut b), [(theirs, Some(vec!["one".to_owned()]))]);
}

#[test]
fn wpt_rtc_peer_connection_restart_ice_onnegotiationneeded_nn_after_answer() {
    let (mut a, mut b) = Pc::two();
    a.create_channel();
    negotiate(&mut a, &mut b);
    a.sld_implicit();
    a.events();
    a.peer().restart_ice();
    assert!(!a.is_negotiation_needed());
    let offer = a.peer().local_description().unwrap();
    b.srd(offer).unwrap();
    let answer = b.sld_implicit();
    a.srd(answer).unwrap();
    let events = a.events();
    let place = |wanted: PeerEvent| events.iter().position(|event| *event == wanted).unwrap();
    assert!(place(PeerEvent::SignalingStateChange(SignalingState::Stable)) < place(PeerEvent::NegotiationNeeded));
}

#[test]
fn wpt_rtc_rtp_transceiver_direction_set_direction() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Audio, Direction::SendRecv);
    pc.peer().set_direction(id, Direction::RecvOnly).unwrap();
    let state = pc.transceiver(id);
    assert_eq!((state.direction, state.current_direction), (Direction::RecvOnly, None));
}

#[test]
fn wpt_rtc_rtp_transceiver_direction_set_same_direction() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_transceiver(Audio, Direction::SendRecv);
    negotiate(&mut a, &mut b);
    a.events();
    a.peer().set_direction(id, Direction::SendRecv).unwrap();
    assert_eq!(a.transceiver(id).direction, Direction::SendRecv);
    assert!(!a.is_negotiation_needed());
}

#[test]
fn wpt_rtc_rtp_transceiver_direction_independent_of_current_direction() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_transceiver(Audio, Direction::RecvOnly);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    let theirs = b.transceivers()[0].id;
    b.peer().set_direction(theirs, Direction::SendRecv).unwrap();
    let answer = b.sld_implicit();
    a.srd(answer).unwrap();
    a.peer().set_direction(id, Direction::SendRecv).unwrap();
    let state = a.transceiver(id);
    assert_eq!((state.direction, state.current_direction), (Direction::SendRecv, Some(Direction::RecvOnly)));
}

#[test]
fn wpt_legacy_rtc_rtp_transceiver_with_offer_to_receive_options_msid_for_stream() {
    for kind in [Audio, Video] {
        let mut pc = Pc::new();
        let init = TransceiverInit { streams: vec!["stream".to_owned()], ..TransceiverInit::default() };
        pc.peer().add_transceiver(kind, init).unwrap();
        assert!(pc.create_offer().sdp.contains("a=msid:stream "));
    }
}

#[test]
fn wpt_rtc_peer_connection_transceivers_sender_track_not_reverted() {
    let (mut a, mut b) = Pc::two();
    a.add_track(Audio, &[]);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    let id = b.add_track(Audio, &["stream"]);
    let answer = b.sld_implicit();
    // Between the answer of the one and its arrival at the other.
    let more = a.add_track(Video, &[]);
    a.srd(answer).unwrap();
    assert_eq!((b.transceiver(id).direction, b.peer().remove_track(id)), (Direction::SendRecv, Ok(true)));
    assert_eq!((a.transceiver(more).direction, a.peer().remove_track(more)), (Direction::SendRecv, Ok(true)));
}

#[test]
fn wpt_rtc_peer_connection_transceivers_direction_not_reverted() {
    let (mut a, mut b, id) = offered(&[]);
    let theirs = b.transceivers()[0].id;
    b.peer().set_direction(theirs, Direction::Inactive).unwrap();
    a.peer().set_direction(id, Direction::Inactive).unwrap();
    let answer = b.sld_implicit();
    a.srd(answer).unwrap();
    assert_eq!(b.transceiver(theirs).direction, Direction::Inactive);
    assert_eq!(a.transceiver(id).direction, Direction::Inactive);
}

fn m_lines(description: &SessionDescription) -> Vec<&str> {
    description.sdp.lines().filter(|line| line.starts_with("m=")).collect()
}

#[test]
fn wpt_protocol_transceiver_mline_recycling_local_reuse() {
    for [first, second] in [[Audio, Audio], [Audio, Video], [Video, Video]] {
        let (mut a, mut b) = Pc::two();
        let id = a.add_transceiver(first, Direction::SendRecv);
        negotiate(&mut a, &mut b);
        a.peer().stop_transceiver(id).unwrap();
        negotiate(&mut a, &mut b);
        a.add_transceiver(second, Direction::SendRecv);
        let offer = a.create_offer();
        assert_eq!(m_lines(&offer).len(), 1, "{}", offer.sdp);
        assert!(m_lines(&offer)[0].starts_with(&format!("m={second} 9 ")), "{}", offer.sdp);
        negotiate(&mut a, &mut b);
    }
}

#[test]
fn wpt_protocol_transceiver_mline_recycling_remote_reuse() {
    for kind in [Audio, Video] {
        let (mut a, mut b) = Pc::two();
        a.add_transceiver(Video, Direction::SendRecv);
        let mut offer = a.sld_implicit();
        offer.sdp = offer.sdp.replace("m=video 9", "m=video 0");
        b.srd(offer).unwrap();
        assert_eq!(b.transceivers().len(), 0);
        b.sld_implicit();
        b.add_transceiver(kind, Direction::SendRecv);
        let offer = b.create_offer();
        assert!(m_lines(&offer).len() == 1 && m_lines(&offer)[0].starts_with(&format!("m={kind} 9 ")), "{}", offer.sdp);
    }
}

/// Guards: RFC 9429 §5.10: a track that waits to be sent takes a section that receives.
#[test]
fn wpt_protocol_transceiver_direction_match_sendrecv_prefers_recvonly() {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(Audio, Direction::SendOnly);
    let receiving = a.add_transceiver(Audio, Direction::RecvOnly);
    let id = b.add_track(Audio, &[]);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    assert_eq!((b.transceivers().len(), b.mid(id)), (2, a.mid(receiving)));
    let answer = b.sld_implicit();
    a.srd(answer).unwrap();
    assert_eq!(b.transceiver(id).current_direction, Some(Direction::SendOnly));
}

/// The other end is another one from here on: it knows what was agreed, and has a certificate of its own.
fn successor_of(offer: SessionDescription) -> Pc {
    let mut pc = Pc::at(7, Pair::<Side>::B);
    pc.srd(offer).unwrap();
    pc.sld_implicit();
    pc
}

#[test]
fn wpt_protocol_handover_from_caller() {
    let (mut a, mut b) = Pc::two();
    a.create_channel();
    let first = a.sld_implicit();
    b.srd(first.clone()).unwrap();
    let answer = b.sld_implicit();
    a.srd(answer).unwrap();
    let mut c = Pc::at(7, Pair::<Side>::B);
    a.peer().restart_ice();
    let offer = a.sld_implicit();
    c.srd(offer).unwrap();
    let answer = c.sld_implicit();
    a.srd(answer).unwrap();
    assert_eq!(a.state(), SignalingState::Stable);
}

#[test]
fn wpt_protocol_handover_from_callee() {
    let (mut a, mut b) = Pc::two();
    a.create_channel();
    let first = a.sld_implicit();
    b.srd(first.clone()).unwrap();
    let answer = b.sld_implicit();
    a.srd(answer).unwrap();
    let mut c = successor_of(first);
    c.peer().restart_ice();
    let offer = c.sld_implicit();
    a.srd(offer).unwrap();
    let answer = a.sld_implicit();
    c.srd(answer).unwrap();
    assert_eq!((a.state(), c.state()), (SignalingState::Stable, SignalingState::Stable));
}
