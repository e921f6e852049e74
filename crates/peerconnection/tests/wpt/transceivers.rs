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

pub(super) fn nameless(mut description: SessionDescription) -> SessionDescription {
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

#[test]
fn wpt_rtc_peer_connection_add_track_without_stream() {
    let mut pc = Pc::new();
    let id = pc.add_track(Audio, &[]);
    assert_eq!((pc.transceiver(id).kind, pc.transceivers().len()), (Audio, 1));
}

/// The streams that an offer names.
fn msids(pc: &mut Pc) -> Vec<String> {
    let offer = pc.create_offer().sdp;
    let stream = |line: &str| Some(line.strip_prefix("a=msid:")?.split(' ').next()?.to_owned());
    offer.lines().filter_map(stream).collect()
}

#[test]
fn wpt_rtc_peer_connection_add_track_with_stream() {
    let mut pc = Pc::new();
    pc.add_track(Audio, &["one"]);
    assert_eq!(msids(&mut pc), ["one"]);
}

#[test]
fn wpt_rtc_peer_connection_add_track_with_streams() {
    let mut pc = Pc::new();
    pc.add_track(Audio, &["one", "two"]);
    assert_eq!(msids(&mut pc), ["one", "two"]);
}

#[test]
fn wpt_rtc_peer_connection_transceivers_add_track_initial_state() {
    for kind in [Audio, Video] {
        let mut pc = Pc::new();
        let id = pc.add_track(kind, &[]);
        let state = pc.transceiver(id);
        assert_eq!((state.mid, state.direction, state.current_direction), (None, Direction::SendRecv, None));
        assert!(!state.stopping && !state.stopped);
    }
}

#[test]
fn wpt_rtc_peer_connection_transceivers_sld_offer_sets_mid() {
    let mut pc = Pc::new();
    let id = pc.add_track(Audio, &[]);
    assert_eq!(pc.mid(id), None);
    pc.sld_implicit();
    assert!(pc.mid(id).is_some());
}

/// An offer of one track, and the side that has set it.
fn offered(kind: MediaKind, streams: &[&str]) -> (Pc, Pc) {
    let (mut a, mut b) = Pc::two();
    a.add_track(kind, streams);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    (a, b)
}

#[test]
fn wpt_rtc_peer_connection_transceivers_mid_same_on_both_ends() {
    let (mut a, mut b) = offered(Audio, &[]);
    assert_eq!(a.transceivers()[0].mid, b.transceivers()[0].mid);
}

#[test]
fn wpt_rtc_peer_connection_transceivers_srd_offer_lists() {
    let (_, mut b) = offered(Audio, &[]);
    let told = tracks(&mut b);
    assert_eq!(told, b.transceivers().iter().map(|state| state.id).collect::<Vec<_>>());
}

#[test]
fn wpt_rtc_peer_connection_transceivers_srd_offer_state() {
    let (_, mut b) = offered(Video, &["one"]);
    let state = b.transceivers()[0].clone();
    assert_eq!((state.direction, state.current_direction), (Direction::RecvOnly, None));
    assert!(!state.stopping && !state.stopped);
}

#[test]
fn wpt_rtc_peer_connection_transceivers_srd_answer_sendonly() {
    let (mut a, mut b) = offered(Audio, &[]);
    assert_eq!(a.transceivers()[0].current_direction, None);
    let answer = b.sld_implicit();
    a.srd(answer).unwrap();
    assert_eq!(a.transceivers()[0].current_direction, Some(Direction::SendOnly));
}

#[test]
fn wpt_rtc_peer_connection_transceivers_init_inactive() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Video, Direction::Inactive);
    assert_eq!(pc.transceiver(id).direction, Direction::Inactive);
}

#[test]
fn wpt_rtc_peer_connection_transceivers_add_transceiver_streams() {
    for streams in [&[][..], &["one"], &["one", "two"]] {
        let (mut a, mut b) = Pc::two();
        let streams: Vec<String> = streams.iter().map(|&stream| stream.to_owned()).collect();
        let init = TransceiverInit { streams: streams.clone(), ..TransceiverInit::default() };
        a.peer().add_transceiver(Audio, init).unwrap();
        let offer = a.sld_implicit();
        b.srd(offer).unwrap();
        assert_eq!(b.transceivers()[0].remote_streams, streams);
    }
}

#[test]
fn wpt_rtc_peer_connection_transceivers_add_track_streams() {
    for streams in [&[][..], &["one"], &["one", "two"]] {
        let (_, mut b) = offered(Audio, streams);
        assert_eq!(b.transceivers()[0].remote_streams, streams);
    }
}

#[test]
fn wpt_rtc_peer_connection_transceivers_kind_only_state() {
    for kind in [Audio, Video] {
        for direction in [Direction::SendRecv, Direction::RecvOnly, Direction::Inactive] {
            let mut pc = Pc::new();
            let id = pc.add_transceiver(kind, direction);
            let state = pc.transceiver(id);
            assert_eq!((state.kind, state.direction, state.current_direction), (kind, direction, None));
            assert!(!state.stopped);
        }
    }
}

#[test]
fn wpt_rtc_peer_connection_set_description_transceiver_sld_offer_assigns_mid() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Audio, Direction::SendRecv);
    let offer = pc.create_offer();
    assert_eq!(pc.mid(id), None);
    pc.sld(offer.clone()).unwrap();
    assert!(offer.sdp.contains(&format!("a=mid:{}\r\n", pc.mid(id).unwrap())));
}

#[test]
fn wpt_rtc_peer_connection_set_description_transceiver_srd_offer_creates_tc() {
    let (mut a, mut b) = offered(Audio, &[]);
    assert_eq!(b.transceivers().len(), 1);
    assert_eq!(a.transceivers()[0].mid, b.transceivers()[0].mid);
}

#[test]
fn wpt_rtc_peer_connection_set_description_transceiver_rollback_clears_mid() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Audio, Direction::SendRecv);
    pc.sld_implicit();
    pc.sld(SessionDescription::rollback()).unwrap();
    assert_eq!(pc.mid(id), None);
}

#[test]
fn wpt_rtc_peer_connection_set_description_transceiver_remote_rollback_removes_tc() {
    let (_, mut b) = offered(Audio, &[]);
    let id = b.transceivers()[0].id;
    b.srd(SessionDescription::rollback()).unwrap();
    assert_eq!((b.transceivers().len(), b.peer().transceiver(id)), (0, None));
}

#[test]
fn wpt_rtc_peer_connection_ontrack_msid_parsed() {
    let (mut a, mut b) = Pc::two();
    a.add_track(Audio, &["stream1"]);
    let mut offer = a.sld_implicit();
    offer.sdp = offer.sdp.replace("a=sendrecv", "a=sendonly");
    b.srd(offer).unwrap();
    let state = b.transceivers()[0].clone();
    assert_eq!(tracks(&mut b), [state.id]);
    assert_eq!((state.kind, state.direction), (Audio, Direction::RecvOnly));
    assert_eq!(state.remote_streams, ["stream1"]);
}

#[test]
fn wpt_rtc_peer_connection_ontrack_add_track_fires() {
    let (_, mut b) = offered(Audio, &[]);
    let told = tracks(&mut b);
    assert_eq!((told.len(), b.transceiver(told[0]).kind), (1, Audio));
}

#[test]
fn wpt_rtc_peer_connection_ontrack_add_transceiver_fires() {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(Video, Direction::SendRecv);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    let told = tracks(&mut b);
    assert_eq!((told.len(), b.transceiver(told[0]).kind), (1, Video));
}

#[test]
fn wpt_rtc_peer_connection_ontrack_inactive_no_event() {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(Video, Direction::Inactive);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    assert_eq!(tracks(&mut b), []);
}

#[test]
fn wpt_rtc_rtp_transceiver_add_transceiver_no_track() {
    let mut pc = Pc::new();
    let made = [pc.add_transceiver(Audio, Direction::SendRecv), pc.add_transceiver(Video, Direction::SendRecv)];
    let listed: Vec<_> = pc.transceivers().iter().map(|state| (state.id, state.kind, state.mid.clone())).collect();
    assert_eq!(listed, [(made[0], Audio, None), (made[1], Video, None)]);
}

#[test]
fn wpt_rtc_rtp_transceiver_add_track_order() {
    let mut pc = Pc::new();
    let made = [pc.add_track(Audio, &["stream"]), pc.add_track(Video, &["stream"])];
    assert_eq!(pc.transceivers().iter().map(|state| state.id).collect::<Vec<_>>(), made);
}

#[test]
fn wpt_rtc_rtp_transceiver_with_direction() {
    let mut pc = Pc::new();
    for kind in [Audio, Video] {
        let id = pc.add_transceiver(kind, Direction::RecvOnly);
        assert_eq!(pc.transceiver(id).direction, Direction::RecvOnly);
    }
}

#[test]
fn wpt_rtc_rtp_transceiver_remote_offer_sending() {
    let (_, mut b) = offered(Audio, &["stream"]);
    let state = b.transceivers()[0].clone();
    assert_eq!(tracks(&mut b), [state.id]);
    assert_eq!((state.direction, state.remote_streams), (Direction::RecvOnly, vec!["stream".to_owned()]));
    assert!(state.mid.is_some() && state.current_direction.is_none());
}

#[test]
fn wpt_rtc_rtp_transceiver_set_direction() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Audio, Direction::SendRecv);
    for direction in [Direction::SendOnly, Direction::RecvOnly, Direction::Inactive, Direction::SendRecv] {
        pc.peer().set_direction(id, direction).unwrap();
        assert_eq!(pc.transceiver(id).direction, direction);
    }
}

#[test]
fn wpt_rtc_rtp_transceiver_current_direction() {
    let (mut a, mut b) = Pc::two();
    let mine = a.add_track(Audio, &["a"]);
    let theirs = b.add_track(Audio, &["b"]);
    let mut current = None;
    for (direction, fires) in [
        (Direction::SendRecv, 1),
        (Direction::SendOnly, 0),
        (Direction::SendRecv, 1),
        (Direction::Inactive, 0),
        (Direction::RecvOnly, 1),
    ] {
        a.peer().set_direction(mine, direction).unwrap();
        let offer = a.sld_implicit();
        assert_eq!(a.transceiver(mine).current_direction, current, "an offer changes nothing of it");
        b.srd(offer).unwrap();
        let answer = b.sld_implicit();
        a.srd(answer).unwrap();
        current = Some(direction);
        assert_eq!(a.transceiver(mine).current_direction, current);
        assert_eq!(b.transceiver(theirs).current_direction, Some(direction.reversed()));
        assert_eq!(tracks(&mut a).len(), fires, "{direction}");
    }
    a.peer().close(now());
    assert!(a.transceiver(mine).stopped);
}

#[test]
fn wpt_rtc_rtp_transceiver_sendrecv_without_track() {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(Audio, Direction::SendRecv);
    negotiate(&mut a, &mut b);
    assert_eq!(tracks(&mut b).len(), 1);
    assert_eq!(b.transceivers()[0].remote_streams, Vec::<String>::new());
}

#[test]
fn wpt_rtc_rtp_transceiver_trackless_with_stream() {
    let (mut a, mut b) = Pc::two();
    let init = TransceiverInit { streams: vec!["stream".to_owned()], ..TransceiverInit::default() };
    a.peer().add_transceiver(Audio, init).unwrap();
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    assert_eq!(b.transceivers()[0].remote_streams, ["stream"]);
}

#[test]
fn wpt_rtc_rtp_transceiver_remove_and_readd() {
    let (mut a, mut b) = Pc::two();
    let first = a.add_track(Audio, &[]);
    negotiate(&mut a, &mut b);
    a.peer().set_direction(first, Direction::RecvOnly).unwrap();
    let second = a.add_track(Audio, &[]);
    assert_ne!(second, first);
    negotiate(&mut a, &mut b);
    let directions: Vec<_> = b.transceivers().iter().map(|state| state.current_direction).collect();
    assert_eq!(directions, [Some(Direction::Inactive), Some(Direction::RecvOnly)]);
}

#[test]
fn wpt_rtc_rtp_transceiver_add_remove_on_existing() {
    for set in [false, true] {
        let mut pc = Pc::new();
        let id = pc.add_transceiver(Audio, Direction::RecvOnly);
        if set {
            pc.sld_implicit();
        }
        for _ in 0..2 {
            assert_eq!(pc.add_track(Audio, &[]), id);
            assert_eq!(pc.peer().remove_track(id), Ok(true));
            assert_eq!(pc.transceiver(id).direction, Direction::RecvOnly);
        }
    }
}

#[test]
fn wpt_rtc_rtp_transceiver_remove_negotiation() {
    let (mut a, mut b) = Pc::two();
    let [audio, video] = [Audio, Video].map(|kind| a.add_track(kind, &["stream"]));
    negotiate(&mut a, &mut b);
    tracks(&mut b);
    a.events();
    for id in [audio, video] {
        a.peer().set_direction(id, Direction::Inactive).unwrap();
    }
    assert!(a.is_negotiation_needed());
    let offer = a.sld_implicit();
    b.srd(offer.clone()).unwrap();
    let removed = |pc: &mut Pc| pc.events().iter().filter(|it| matches!(it, PeerEvent::TrackRemoved(..))).count();
    assert_eq!(removed(&mut b), 2);
    b.srd(SessionDescription::rollback()).unwrap();
    assert_eq!(tracks(&mut b).len(), 2);
    b.srd(offer).unwrap();
    let answer = b.sld_implicit();
    a.srd(answer).unwrap();
    for pc in [&mut a, &mut b] {
        let directions: Vec<_> = pc.transceivers().iter().map(|state| state.current_direction).collect();
        assert_eq!(directions, [Some(Direction::Inactive); 2]);
    }
}
