//! `RTCRtpTransceiver-stop`, `RTCRtpTransceiver-stopping`, and what `RTCRtpTransceiver` says of stopping.

use super::*;
use ortica::codecs::MediaKind::{Audio, Video};
use ortica::jsep::TransceiverError;

/// Two sides that agreed on one track of sound each way; its transceivers.
fn connected() -> (Pc, Pc, TransceiverId, TransceiverId) {
    let (mut a, mut b) = Pc::two();
    let mine = a.add_track(Audio, &["stream"]);
    b.add_track(Audio, &["stream"]);
    negotiate(&mut a, &mut b);
    let theirs = b.transceivers()[0].id;
    a.events();
    b.events();
    (a, b, mine, theirs)
}

fn stop(pc: &mut Pc, id: TransceiverId) {
    pc.peer().stop_transceiver(id).unwrap();
}

fn m_lines(description: &SessionDescription) -> Vec<&str> {
    description.sdp.lines().filter_map(|line| line.strip_prefix("m=")).map(|line| &line[..7]).collect()
}

#[test]
fn wpt_rtc_rtp_transceiver_stop_stopped_before_first_offer() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Audio, Direction::SendRecv);
    stop(&mut pc, id);
    assert!(!pc.create_offer().sdp.contains("m=audio"));
}

#[test]
fn wpt_rtc_rtp_transceiver_stop_stopped_during_renegotiation() {
    let (mut a, _, mine, _) = connected();
    let video = a.add_transceiver(Video, Direction::SendRecv);
    stop(&mut a, video);
    stop(&mut a, mine);
    let offer = a.create_offer();
    assert_eq!(m_lines(&offer), ["audio 0"]);
}

#[test]
fn wpt_rtc_rtp_transceiver_stop_stopped_sendonly_is_inactive() {
    for direction in [Direction::SendOnly, Direction::Inactive] {
        let (mut a, mut b) = Pc::two();
        let id = a.add_transceiver(Audio, direction);
        negotiate(&mut a, &mut b);
        stop(&mut a, id);
        let offer = a.create_offer();
        assert!(offer.sdp.contains("a=inactive"), "{}", offer.sdp);
    }
}

#[test]
fn wpt_rtc_rtp_transceiver_stop_offer_after_local_stop() {
    let (mut a, mut b, mine, _) = connected();
    stop(&mut a, mine);
    negotiate(&mut a, &mut b);
    a.sld_implicit();
}

#[test]
fn wpt_rtc_rtp_transceiver_stop_offer_after_remote_stop() {
    let (mut a, mut b, mine, _) = connected();
    stop(&mut a, mine);
    negotiate(&mut a, &mut b);
    b.sld_implicit();
}

#[test]
fn wpt_rtc_rtp_transceiver_stop_lists_empty_after_stop() {
    let (mut a, mut b, mine, _) = connected();
    stop(&mut a, mine);
    negotiate(&mut a, &mut b);
    assert_eq!((a.transceivers(), b.transceivers()), (vec![], vec![]));
}

#[test]
fn wpt_rtc_rtp_transceiver_stopping_local_stopping_then_stopped() {
    let (mut a, mut b, mine, _) = connected();
    stop(&mut a, mine);
    let state = a.transceiver(mine);
    assert!(state.stopping && !state.stopped);
    assert_eq!((state.mid.as_deref(), state.current_direction), (Some("0"), Some(Direction::SendRecv)));
    negotiate(&mut a, &mut b);
    assert_eq!(a.peer().transceiver(mine), None);
}

/// Guards: the offer ends the track, without an answer.
#[test]
fn wpt_rtc_rtp_transceiver_stopping_remote_stop_ends_track() {
    let (mut a, mut b, mine, theirs) = connected();
    stop(&mut a, mine);
    let offer = a.create_offer();
    b.srd(offer).unwrap();
    assert!(b.events().contains(&PeerEvent::TrackRemoved(theirs, Audio)));
}

#[test]
fn wpt_rtc_rtp_transceiver_stopping_remote_stop_direct() {
    let (mut a, mut b, mine, theirs) = connected();
    stop(&mut a, mine);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    let state = b.transceiver(theirs);
    assert!(state.stopping && state.stopped);
    assert_eq!((state.mid.as_deref(), b.transceivers().len()), (Some("0"), 1));
    b.sld_implicit();
    assert_eq!(b.transceivers(), []);
}

#[test]
fn wpt_rtc_rtp_transceiver_stop_blocks_calls() {
    let (mut a, _, mine, _) = connected();
    stop(&mut a, mine);
    assert_eq!(a.peer().set_direction(mine, Direction::SendOnly), Err(TransceiverError::Stopped));
    stop(&mut a, mine);
}

#[test]
fn wpt_rtc_rtp_transceiver_stop_on_closed_rejects() {
    let (mut a, _, mine, _) = connected();
    a.peer().close(now());
    assert_eq!(a.peer().stop_transceiver(mine), Err(TransceiverError::Closed));
}

#[test]
fn wpt_rtc_rtp_transceiver_stop_after_create_offer() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_track(Audio, &[]);
    b.add_track(Audio, &[]);
    let offer = a.create_offer();
    a.events();
    stop(&mut a, id);
    a.sld(offer.clone()).unwrap();
    b.srd(offer).unwrap();
    let answer = b.sld_implicit();
    a.srd(answer).unwrap();
    assert_eq!(a.transceiver(id).current_direction, Some(Direction::SendRecv));
    assert!(a.is_negotiation_needed());
    negotiate(&mut a, &mut b);
    assert_eq!((a.transceivers(), b.transceivers()), (vec![], vec![]));
}

#[test]
fn wpt_rtc_rtp_transceiver_stop_after_sld_offer() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_track(Audio, &[]);
    let offer = a.sld_implicit();
    a.events();
    stop(&mut a, id);
    b.srd(offer).unwrap();
    let answer = b.sld_implicit();
    a.srd(answer).unwrap();
    assert!(a.is_negotiation_needed());
    negotiate(&mut a, &mut b);
    assert_eq!((a.transceivers(), b.transceivers()), (vec![], vec![]));
}

#[test]
fn wpt_rtc_rtp_transceiver_stop_after_srd_offer() {
    let (mut a, mut b) = Pc::two();
    a.add_track(Audio, &[]);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    let theirs = b.transceivers()[0].id;
    stop(&mut b, theirs);
    b.events();
    let answer = b.sld_implicit();
    assert!(answer.sdp.contains("m=audio 9") && answer.sdp.contains("a=inactive"), "{}", answer.sdp);
    let state = b.transceiver(theirs);
    assert!(state.stopping && !state.stopped);
    assert_eq!(state.current_direction, Some(Direction::Inactive));
    assert!(b.is_negotiation_needed());
    a.srd(answer).unwrap();
    assert_eq!(a.transceivers()[0].current_direction, Some(Direction::Inactive));
}

#[test]
fn wpt_rtc_rtp_transceiver_stop_after_create_answer() {
    let (mut a, mut b) = Pc::two();
    a.add_track(Audio, &[]);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    let theirs = b.add_track(Audio, &[]);
    let answer = b.create_answer();
    stop(&mut b, theirs);
    b.events();
    b.sld(answer.clone()).unwrap();
    assert_eq!(b.transceiver(theirs).current_direction, Some(Direction::SendRecv));
    assert!(b.is_negotiation_needed());
    a.srd(answer).unwrap();
    negotiate(&mut a, &mut b);
    assert_eq!(a.transceivers()[0].current_direction, Some(Direction::Inactive));
    assert_eq!(a.transceivers().len(), 1);
}

#[test]
fn wpt_rtc_rtp_transceiver_answer_stop_goes_inactive() {
    let (mut a, mut b, _, theirs) = connected();
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    stop(&mut b, theirs);
    let answer = b.sld_implicit();
    a.srd(answer).unwrap();
    assert_eq!(b.mid(theirs).as_deref(), Some("0"));
    assert_eq!(a.transceivers()[0].current_direction, Some(Direction::Inactive));
    negotiate(&mut b, &mut a);
    assert_eq!((a.transceivers(), b.transceivers()), (vec![], vec![]));
}

#[test]
fn wpt_rtc_rtp_transceiver_bundle_tag_rejected() {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(Audio, Direction::SendRecv);
    a.add_transceiver(Audio, Direction::SendRecv);
    negotiate(&mut a, &mut b);
    let first = b.transceivers()[0].id;
    stop(&mut b, first);
    negotiate(&mut b, &mut a);
    negotiate(&mut a, &mut b);
    assert_eq!((a.transceivers().len(), b.transceivers().len()), (1, 1));
}

#[test]
fn wpt_rtc_rtp_transceiver_m_section_reuse() {
    for by_b in [false, true] {
        let (mut a, mut b, mine, _) = connected();
        stop(&mut a, mine);
        negotiate(&mut a, &mut b);
        let adding = if by_b { &mut b } else { &mut a };
        let id = adding.add_track(Audio, &[]);
        let offer = adding.sld_implicit();
        assert_eq!(m_lines(&offer), ["audio 9"]);
        assert_ne!(adding.mid(id).as_deref(), Some("0"));
    }
}

#[test]
fn wpt_rtc_rtp_transceiver_m_section_no_early_reuse() {
    let (mut a, _, mine, _) = connected();
    stop(&mut a, mine);
    let id = a.add_track(Audio, &[]);
    let offer = a.sld_implicit();
    assert_eq!(m_lines(&offer), ["audio 0", "audio 9"]);
    assert_eq!(a.mid(id).as_deref(), Some("1"));
}

#[test]
fn wpt_rtc_rtp_transceiver_stop_after_offer_with_reused_section() {
    let (mut a, mut b, mine, _) = connected();
    stop(&mut a, mine);
    negotiate(&mut a, &mut b);
    let again = a.add_track(Audio, &[]);
    let offer = a.create_offer();
    stop(&mut a, again);
    a.sld(offer.clone()).unwrap();
    b.srd(offer).unwrap();
    let answer = b.sld_implicit();
    a.srd(answer).unwrap();
}

#[test]
fn wpt_rtc_rtp_transceiver_candidate_for_stopped() {
    let (mut a, mut b, _, theirs) = connected();
    stop(&mut b, theirs);
    negotiate(&mut b, &mut a);
    let candidate = ortica::jsep::IceCandidate {
        candidate: "candidate:1 1 udp 2113937151 192.168.0.1 58041 typ host".to_owned(),
        sdp_mid: Some("0".to_owned()),
        ..Default::default()
    };
    a.peer().add_ice_candidate(now(), &candidate).unwrap();
}

/// Guards: what the application set stays, and a stop is not taken back.
#[test]
fn wpt_rtc_rtp_transceiver_local_rollback() {
    let mut pc = Pc::new();
    let id = pc.add_track(Audio, &[]);
    pc.peer().set_direction(id, Direction::SendOnly).unwrap();
    pc.sld_implicit();
    pc.sld(SessionDescription::rollback()).unwrap();
    let state = pc.transceiver(id);
    assert_eq!((state.direction, state.mid, state.current_direction), (Direction::SendOnly, None, None));
    pc.sld_implicit();
    stop(&mut pc, id);
    pc.sld(SessionDescription::rollback()).unwrap();
    assert!(pc.transceiver(id).stopping);
}

#[test]
fn wpt_rtc_rtp_transceiver_rollback_then_other_kind() {
    let (mut a, mut b) = Pc::two();
    let audio = a.add_track(Audio, &[]);
    a.sld_implicit();
    b.add_track(Video, &[]);
    let offer = b.sld_implicit();
    a.srd(offer).unwrap();
    assert_eq!((a.mid(audio), a.transceivers().len()), (None, 2));
    assert_eq!(a.transceivers()[1].direction, Direction::RecvOnly);
    let answer = a.sld_implicit();
    b.srd(answer).unwrap();
    negotiate(&mut a, &mut b);
    assert_eq!(a.mid(audio).as_deref(), Some("1"));
}

#[test]
fn wpt_rtc_rtp_transceiver_remote_rollback() {
    let mut other = Pc::seeded(9);
    other.add_track(Audio, &["stream"]);
    let offer = other.create_offer();
    let mut pc = Pc::new();
    let mut seen = Vec::new();
    for _ in 0..3 {
        pc.srd(offer.clone()).unwrap();
        let made = pc.transceivers()[0].clone();
        assert_eq!(made.mid.as_deref(), Some("0"));
        assert!(!seen.contains(&made.id), "a new one each time");
        seen.push(made.id);
        pc.srd(SessionDescription::rollback()).unwrap();
        assert_eq!(pc.transceivers(), []);
    }
}

#[test]
fn wpt_rtc_rtp_transceiver_remote_rollback_touched() {
    let mut other = Pc::seeded(9);
    other.add_track(Audio, &["stream"]);
    let offer = other.create_offer();
    let mut pc = Pc::new();
    pc.srd(offer.clone()).unwrap();
    let id = pc.transceivers()[0].id;
    pc.peer().set_direction(id, Direction::Inactive).unwrap();
    pc.srd(SessionDescription::rollback()).unwrap();
    assert_eq!(pc.transceivers(), []);
    pc.srd(offer).unwrap();
    let id = pc.add_track(Audio, &[]);
    pc.srd(SessionDescription::rollback()).unwrap();
    let kept = pc.transceiver(id);
    assert_eq!((kept.direction, kept.mid), (Direction::SendRecv, None));
}

#[test]
fn wpt_rtc_rtp_transceiver_stop_sequence_remote() {
    let (mut a, mut b, mine, theirs) = connected();
    stop(&mut a, mine);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    assert!(b.transceiver(theirs).stopped);
    let answer = b.sld_implicit();
    assert_eq!(b.transceivers(), []);
    a.srd(answer).unwrap();
    assert_eq!(a.transceivers(), []);
}

#[test]
fn wpt_rtc_rtp_transceiver_stop_after_sld_answer() {
    let (mut a, mut b) = Pc::two();
    a.add_track(Audio, &[]);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    let answer = b.sld_implicit();
    b.events();
    let theirs = b.transceivers()[0].id;
    stop(&mut b, theirs);
    assert!(b.is_negotiation_needed());
    a.srd(answer).unwrap();
    negotiate(&mut b, &mut a);
    assert_eq!((a.transceivers(), b.transceivers()), (vec![], vec![]));
}

#[test]
fn wpt_rtc_rtp_transceiver_recvonly_preferred_to_reuse() {
    let (mut a, mut b) = Pc::two();
    let first = a.add_track(Audio, &[]);
    a.add_track(Audio, &[]);
    negotiate(&mut a, &mut b);
    stop(&mut a, first);
    negotiate(&mut a, &mut b);
    let receiving = b.transceivers()[0].id;
    assert_eq!(b.add_track(Audio, &[]), receiving);
    negotiate(&mut b, &mut a);
    assert_eq!(m_lines(&b.peer().current_local_description().unwrap()), ["audio 0", "audio 9"]);
    b.add_track(Audio, &[]);
    negotiate(&mut b, &mut a);
    assert_eq!(m_lines(&b.peer().current_local_description().unwrap()), ["audio 9", "audio 9"]);
}

#[test]
fn wpt_rtc_rtp_transceiver_stop_end_direction_stopped() {
    let (mut a, mut b, mine, theirs) = connected();
    stop(&mut a, mine);
    assert!(a.transceiver(mine).stopping);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    assert!(b.transceiver(theirs).stopping);
}

#[test]
fn wpt_rtc_rtp_transceiver_stopping_rollback_removal_stops() {
    for kind in [Audio, Video] {
        let mut other = Pc::seeded(9);
        other.add_track(kind, &[]);
        let mut pc = Pc::new();
        let offer = other.create_offer();
        pc.srd(offer).unwrap();
        let id = pc.transceivers()[0].id;
        pc.srd(SessionDescription::rollback()).unwrap();
        assert_eq!(pc.peer().transceiver(id), None);
        assert!(pc.events().contains(&PeerEvent::TrackRemoved(id, kind)));
    }
}

/// Without a receiver in the engine there is no transport that carries it.
#[test]
fn wpt_rtc_rtp_transceiver_stop_stopped_transport_null() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Audio, Direction::SendRecv);
    assert_eq!(pc.transceiver(id).receiver, None);
    stop(&mut pc, id);
    assert_eq!(pc.transceiver(id).receiver, None);
    assert_eq!(pc.peer().session().receivers().count(), 0);
}
