//! `RTCPeerConnection-addTransceiver`, `-addTrack`, `-transceivers`, `-setDescription-transceiver`, `-ontrack`, and
//! `RTCRtpTransceiver` without what it says of stopping.

use super::*;
use ortica::codecs::MediaKind::{Audio, Video};

fn tracks(pc: &mut Pc) -> Vec<TransceiverId> {
    let track = |event| match event {
        PeerEvent::Track(id) => Some(id),
        _ => None,
    };
    pc.events().into_iter().filter_map(track).collect()
}

#[test]
fn wpt_rtc_peer_connection_add_transceiver_audio_defaults() {
    for kind in [Audio, Video] {
        let mut pc = Pc::new();
        let id = pc.add_transceiver(kind, Direction::default());
        let state = pc.transceiver(id);
        assert_eq!((state.kind, state.mid, state.direction), (kind, None, Direction::SendRecv));
        assert_eq!((state.current_direction, state.stopping, state.stopped), (None, false, false));
        assert_eq!(pc.transceivers().len(), 1);
    }
}

#[test]
fn wpt_rtc_peer_connection_add_transceiver_direction_kept() {
    for direction in [Direction::SendOnly, Direction::RecvOnly, Direction::Inactive] {
        let mut pc = Pc::new();
        let id = pc.add_transceiver(Audio, direction);
        assert_eq!(pc.transceiver(id).direction, direction);
    }
}

#[test]
fn wpt_rtc_peer_connection_add_track_closed_rejects() {
    let mut pc = Pc::new();
    pc.peer().close(now());
    assert_eq!(pc.peer().add_track(Audio, Vec::new()), Err(ortica::jsep::TransceiverError::Closed));
}

#[test]
fn wpt_rtc_peer_connection_add_track_reuses_recvonly_sender() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Audio, Direction::RecvOnly);
    assert_eq!(pc.add_track(Audio, &[]), id);
    assert_eq!((pc.transceiver(id).direction, pc.transceivers().len()), (Direction::SendRecv, 1));
}

#[test]
fn wpt_rtc_peer_connection_add_track_no_reuse_after_sending() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_transceiver(Audio, Direction::SendOnly);
    negotiate(&mut a, &mut b);
    a.peer().set_direction(id, Direction::RecvOnly).unwrap();
    negotiate(&mut a, &mut b);
    assert_eq!(a.transceiver(id).current_direction, Some(Direction::Inactive));
    assert_ne!(a.add_track(Audio, &[]), id);
}

#[test]
fn wpt_rtc_peer_connection_add_track_no_reuse_other_kind() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Video, Direction::RecvOnly);
    assert_ne!(pc.add_track(Audio, &[]), id);
    assert_eq!(pc.transceivers().len(), 2);
}

#[test]
fn wpt_rtc_peer_connection_transceivers_mid_matches_sdp() {
    let mut pc = Pc::new();
    let id = pc.add_track(Audio, &[]);
    let offer = pc.sld_implicit();
    let mid = pc.mid(id).unwrap();
    assert!(offer.sdp.contains(&format!("a=mid:{mid}\r\n")));
}

#[test]
fn wpt_rtc_peer_connection_transceivers_srd_offer_track_event() {
    for kind in [Audio, Video] {
        let (mut a, mut b) = Pc::two();
        let mine = a.add_track(kind, &["one", "two"]);
        let offer = a.sld_implicit();
        b.srd(offer).unwrap();
        let told = tracks(&mut b);
        let state = b.transceivers()[0].clone();
        assert_eq!((told, state.remote_streams), (vec![state.id], vec!["one".to_owned(), "two".to_owned()]));
        assert_eq!((state.direction, state.current_direction), (Direction::RecvOnly, None));
        assert_eq!(state.mid, a.mid(mine));
    }
}

#[test]
fn wpt_rtc_peer_connection_transceivers_sld_answer_recvonly() {
    let (mut a, mut b) = Pc::two();
    let mine = a.add_track(Audio, &[]);
    let offer = a.sld_implicit();
    assert_eq!(a.transceiver(mine).current_direction, None);
    b.srd(offer).unwrap();
    assert_eq!(b.transceivers()[0].current_direction, None);
    let answer = b.sld_implicit();
    assert_eq!(b.transceivers()[0].current_direction, Some(Direction::RecvOnly));
    a.srd(answer).unwrap();
    assert_eq!(a.transceiver(mine).current_direction, Some(Direction::SendOnly));
}

#[test]
fn wpt_rtc_peer_connection_transceivers_add_track_reuses() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Audio, Direction::RecvOnly);
    assert_eq!(pc.add_track(Audio, &[]), id);
}

#[test]
fn wpt_rtc_peer_connection_transceivers_add_transceiver_never_reuses() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Audio, Direction::SendRecv);
    assert_ne!(pc.add_transceiver(Audio, Direction::SendRecv), id);
}

#[test]
fn wpt_rtc_peer_connection_transceivers_two_way_one_transceiver() {
    let (mut a, mut b) = Pc::two();
    let mine = a.add_track(Audio, &[]);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    assert_eq!(b.transceivers()[0].direction, Direction::RecvOnly);
    let theirs = b.add_track(Audio, &["back"]);
    assert_eq!(b.transceiver(theirs).direction, Direction::SendRecv);
    let answer = b.sld_implicit();
    a.srd(answer).unwrap();
    assert_eq!(a.transceiver(mine).current_direction, Some(Direction::SendRecv));
    assert_eq!(b.transceiver(theirs).current_direction, Some(Direction::SendRecv));
    assert_eq!(tracks(&mut a), [mine]);
    assert_eq!((a.transceivers().len(), b.transceivers().len()), (1, 1));
}

#[test]
fn wpt_rtc_peer_connection_transceivers_close_stops() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_track(Audio, &[]);
    negotiate(&mut a, &mut b);
    a.peer().close(now());
    assert!(a.transceiver(id).stopped);
}

#[test]
fn wpt_rtc_peer_connection_transceivers_direction_back_fires_track() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_track(Audio, &[]);
    let mut told = Vec::new();
    for direction in [Direction::SendRecv, Direction::Inactive, Direction::SendRecv] {
        a.peer().set_direction(id, direction).unwrap();
        negotiate(&mut a, &mut b);
        told.push(tracks(&mut b).len());
    }
    assert_eq!(told, [1, 0, 1]);
}

#[test]
fn wpt_recvonly_transceiver_can_become_sendrecv_recvonly_then_sendrecv() {
    for kind in [Audio, Video] {
        let (mut a, mut b) = Pc::two();
        let id = a.add_transceiver(kind, Direction::RecvOnly);
        negotiate(&mut a, &mut b);
        a.peer().set_direction(id, Direction::SendRecv).unwrap();
        negotiate(&mut a, &mut b);
        assert_eq!(a.transceiver(id).current_direction, Some(Direction::SendOnly));
    }
}

#[test]
fn wpt_rtc_rtp_transceiver_remote_offer_not_sending() {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(Audio, Direction::RecvOnly);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    assert_eq!(tracks(&mut b), []);
    let state = b.transceivers()[0].clone();
    assert_eq!((state.direction, state.current_direction), (Direction::RecvOnly, None));
}

/// An offer without names: the transceiver gets one, and the exchange is completed by places.
#[test]
fn wpt_rtc_rtp_transceiver_no_mid_offer() {
    let (mut a, mut b) = Pc::two();
    a.add_track(Audio, &[]);
    let offer = a.sld_implicit();
    b.srd(nameless(offer)).unwrap();
    assert!(b.transceivers()[0].mid.is_some());
    let answer = b.sld_implicit();
    a.srd(answer).unwrap();
}

#[test]
fn wpt_rtc_rtp_transceiver_no_mid_answer() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_track(Audio, &[]);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    let answer = b.sld_implicit();
    a.srd(nameless(answer)).unwrap();
    assert_eq!((a.transceiver(id).current_direction, a.mid(id).as_deref()), (Some(Direction::SendOnly), Some("0")));
    a.sld_implicit();
    assert_eq!(a.mid(id).as_deref(), Some("0"));
}

fn nameless(mut description: SessionDescription) -> SessionDescription {
    let is_kept = |line: &&str| !line.starts_with("a=mid:") && !line.starts_with("a=group:");
    description.sdp = description.sdp.split_inclusive("\r\n").filter(is_kept).collect();
    description
}

#[test]
fn wpt_rtc_rtp_transceiver_kind_tc_does_not_pair() {
    let (mut a, mut b) = Pc::two();
    a.add_track(Audio, &[]);
    let waiting = b.add_transceiver(Audio, Direction::SendRecv);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    assert_eq!((b.mid(waiting), b.transceivers().len()), (None, 2));
    // A track on it changes nothing of that.
    assert_ne!(b.transceivers()[1].mid, None);
}

#[test]
fn wpt_rtc_rtp_transceiver_add_track_on_kind_tc_does_not_pair() {
    let (mut a, mut b) = Pc::two();
    a.add_track(Audio, &[]);
    let waiting = b.add_transceiver(Audio, Direction::RecvOnly);
    assert_eq!(b.add_track(Audio, &[]), waiting);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    assert_eq!((b.mid(waiting), b.transceivers().len()), (None, 2));
}

#[test]
fn wpt_rtc_rtp_transceiver_add_track_pairs() {
    let (mut a, mut b) = Pc::two();
    a.add_track(Audio, &[]);
    let mine = b.add_track(Audio, &[]);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    assert_eq!((b.mid(mine).as_deref(), b.transceivers().len()), (Some("0"), 1));
}

#[test]
fn wpt_rtc_peer_connection_set_description_transceiver_rollback_only_this_round() {
    let (mut a, mut b) = Pc::two();
    let first = a.add_track(Audio, &[]);
    negotiate(&mut a, &mut b);
    let second = a.add_track(Video, &[]);
    a.sld_implicit();
    assert!(a.mid(second).is_some());
    a.sld(SessionDescription::rollback()).unwrap();
    assert_eq!((a.mid(first).as_deref(), a.mid(second)), (Some("0"), None));
}

#[test]
fn wpt_rtc_peer_connection_set_description_transceiver_rejected_section_inactive() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_track(Audio, &[]);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    let theirs = b.transceivers()[0].id;
    b.peer().stop_transceiver(theirs).unwrap();
    let answer = b.sld_implicit();
    a.srd(answer).unwrap();
    assert_eq!(a.transceiver(id).current_direction, Some(Direction::Inactive));
}

#[test]
fn wpt_rtc_peer_connection_ontrack_recvonly_no_event() {
    let (mut a, mut b) = Pc::two();
    a.add_track(Audio, &["stream"]);
    let mut offer = a.sld_implicit();
    offer.sdp = offer.sdp.replace("a=sendrecv", "a=recvonly");
    b.srd(offer).unwrap();
    assert_eq!(tracks(&mut b), []);
}

#[test]
fn wpt_rtc_peer_connection_ontrack_order_kept() {
    let (mut a, mut b) = Pc::two();
    let kinds = [Audio, Video, Video, Audio];
    for kind in kinds {
        a.add_transceiver(kind, Direction::SendRecv);
    }
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    let told: Vec<_> = tracks(&mut b).into_iter().map(|id| b.transceiver(id).kind).collect();
    assert_eq!(told, kinds);
}
