//! `RTCPeerConnection-setRemoteDescription-rollback`, `RTCPeerConnection-explicit-rollback-iceGatheringState`,
//! `RollbackEvents`.

use super::*;
use SignalingState::{HaveLocalOffer, HaveRemoteOffer, Stable};
use ortica::IceGatheringState;
use ortica::codecs::MediaKind::{Audio, Video};

fn rollback() -> SessionDescription {
    SessionDescription::rollback()
}

/// An offer of one track.
fn offer_of(kind: MediaKind) -> SessionDescription {
    let mut other = Pc::seeded(9);
    other.add_track(kind, &["stream"]);
    other.create_offer()
}

fn tracks(pc: &mut Pc) -> Vec<PeerEvent> {
    let is_track = |event: &PeerEvent| matches!(event, PeerEvent::Track(_) | PeerEvent::TrackRemoved(..));
    pc.events().into_iter().filter(is_track).collect()
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_rollback_from_have_remote_offer() {
    let mut pc = Pc::new();
    pc.srd(offer_of(Audio)).unwrap();
    pc.srd(rollback()).unwrap();
    assert_eq!(pc.types(), [None; 4]);
    assert_eq!(pc.states(), [HaveRemoteOffer, Stable]);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_rollback_from_stable_rejected() {
    assert!(is_invalid_state(Pc::new().srd(rollback())));
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_rollback_after_local_offer_rejected() {
    let mut pc = Pc::new();
    pc.create_channel();
    pc.sld_implicit();
    assert!(is_invalid_state(pc.srd(rollback())));
    assert_eq!(pc.state(), HaveLocalOffer);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_rollback_ignores_sdp() {
    let mut pc = Pc::new();
    pc.srd(offer_of(Audio)).unwrap();
    pc.srd(SessionDescription { kind: SdpType::Rollback, sdp: "nonsense".to_owned() }).unwrap();
    assert_eq!(pc.state(), Stable);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_rollback_earlier_local_offer_still_usable() {
    let mut pc = Pc::new();
    pc.add_transceiver(Audio, Direction::SendRecv);
    let mine = pc.create_offer();
    pc.srd(offer_of(Audio)).unwrap();
    pc.srd(rollback()).unwrap();
    pc.sld(mine).unwrap();
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_rollback_earlier_offer_with_other_levels() {
    let mut other = Pc::seeded(9);
    other.add_transceiver(Video, Direction::SendRecv);
    other.add_transceiver(Audio, Direction::SendRecv);
    let mut pc = Pc::new();
    let id = pc.add_track(Audio, &[]);
    let mine = pc.create_offer();
    let theirs = other.create_offer();
    pc.srd(theirs).unwrap();
    assert_eq!(pc.mid(id).as_deref(), Some("1"));
    pc.srd(rollback()).unwrap();
    pc.sld(mine).unwrap();
    assert_eq!(pc.mid(id).as_deref(), Some("0"));
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_rollback_removes_tc() {
    let mut pc = Pc::new();
    pc.srd(offer_of(Audio)).unwrap();
    assert_eq!(pc.transceivers().len(), 1);
    pc.srd(rollback()).unwrap();
    assert_eq!(pc.transceivers().len(), 0);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_rollback_keeps_tc_after_add_track() {
    let mut pc = Pc::new();
    pc.srd(offer_of(Audio)).unwrap();
    let id = pc.add_track(Audio, &[]);
    assert_eq!(pc.transceivers().len(), 1);
    pc.srd(rollback()).unwrap();
    assert_eq!((pc.transceivers().len(), pc.mid(id)), (1, None));
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_rollback_keeps_tc_made_by_add_track() {
    let mut pc = Pc::new();
    let id = pc.add_track(Audio, &[]);
    pc.srd(offer_of(Audio)).unwrap();
    assert!(pc.mid(id).is_some());
    pc.srd(rollback()).unwrap();
    assert_eq!((pc.transceivers().len(), pc.mid(id)), (1, None));
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_rollback_local_rollback_drops_mid_and_transport() {
    let mut pc = Pc::new();
    let id = pc.add_track(Audio, &[]);
    let offer = pc.sld_implicit();
    pc.sld(rollback()).unwrap();
    assert_eq!(pc.mid(id), None);
    pc.sld(offer).unwrap();
    assert_eq!(pc.states(), [HaveLocalOffer, Stable, HaveLocalOffer]);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_rollback_implicit_rollback_add_transceiver_nn() {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(Audio, Direction::SendRecv);
    b.add_transceiver(Audio, Direction::SendRecv);
    assert!(a.is_negotiation_needed());
    a.sld_implicit();
    a.events();
    let offer = b.sld_implicit();
    a.srd(offer).unwrap();
    let answer = a.sld_implicit();
    b.srd(answer).unwrap();
    let order: Vec<String> = a
        .events()
        .into_iter()
        .filter_map(|event| match event {
            PeerEvent::SignalingStateChange(state) => Some(state.to_string()),
            PeerEvent::NegotiationNeeded => Some("negotiationneeded".to_owned()),
            _ => None,
        })
        .collect();
    assert_eq!(order, ["stable", "have-remote-offer", "stable", "negotiationneeded"]);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_rollback_implicit_rollback_add_track_no_nn() {
    let (mut a, mut b) = Pc::two();
    a.add_track(Audio, &[]);
    b.add_track(Audio, &[]);
    assert!(a.is_negotiation_needed());
    a.sld_implicit();
    a.events();
    let offer = b.sld_implicit();
    a.srd(offer).unwrap();
    let answer = a.sld_implicit();
    b.srd(answer).unwrap();
    assert!(!a.is_negotiation_needed());
    assert_eq!((a.transceivers().len(), b.transceivers().len()), (1, 1));
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_rollback_remote_rollback_to_negotiated_stable() {
    let (mut a, mut b) = Pc::two();
    a.add_track(Audio, &[]);
    negotiate(&mut a, &mut b);
    a.add_transceiver(Video, Direction::SendRecv);
    let mine = a.create_offer();
    b.add_transceiver(Video, Direction::SendRecv);
    let theirs = b.create_offer();
    a.srd(theirs).unwrap();
    a.srd(rollback()).unwrap();
    assert_eq!(a.transceivers().len(), 2);
    a.sld(mine).unwrap();
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_rollback_local_rollback_to_negotiated_stable() {
    let (mut a, mut b) = Pc::two();
    let audio = a.add_track(Audio, &[]);
    negotiate(&mut a, &mut b);
    let video = a.add_transceiver(Video, Direction::SendRecv);
    a.sld_implicit();
    a.sld(rollback()).unwrap();
    assert_eq!((a.mid(audio).as_deref(), a.mid(video)), (Some("0"), None));
    let theirs = b.create_offer();
    a.srd(theirs).unwrap();
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_rollback_local_rollback_keeps_direction() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_transceiver(Audio, Direction::RecvOnly);
    negotiate(&mut a, &mut b);
    assert_eq!(a.add_track(Audio, &[]), id);
    a.sld_implicit();
    a.sld(rollback()).unwrap();
    assert_eq!(a.transceiver(id).direction, Direction::SendRecv);
    b.add_transceiver(Video, Direction::SendRecv);
    let theirs = b.create_offer();
    a.srd(theirs).unwrap();
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_rollback_same_mid_glare() {
    let (mut a, mut b) = Pc::two();
    let mine = a.add_transceiver(Video, Direction::SendOnly);
    b.add_transceiver(Video, Direction::SendOnly);
    a.sld_implicit();
    assert_eq!(a.mid(mine).as_deref(), Some("0"));
    let offer = b.sld_implicit();
    a.srd(offer).unwrap();
    assert_eq!(a.mid(mine), None);
    let answer = a.sld_implicit();
    b.srd(answer).unwrap();
    let theirs = a.transceivers().iter().find(|it| it.id != mine).cloned().unwrap();
    assert_eq!(theirs.mid.as_deref(), Some("0"));
    a.sld_implicit();
    assert_eq!(a.mid(mine).as_deref(), Some("1"));
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_rollback_removetrack_on_rollback() {
    let mut other = Pc::seeded(9);
    other.add_track(Audio, &["stream"]);
    other.add_track(Video, &["stream"]);
    let mut pc = Pc::new();
    let offer = other.create_offer();
    pc.srd(offer).unwrap();
    assert_eq!(tracks(&mut pc).len(), 2);
    pc.srd(rollback()).unwrap();
    let gone = tracks(&mut pc);
    let kinds: Vec<_> = gone
        .iter()
        .filter_map(|event| match event {
            PeerEvent::TrackRemoved(_, kind) => Some(*kind),
            _ => None,
        })
        .collect();
    assert_eq!((kinds.as_slice(), gone.len()), (&[Audio, Video][..], 2));
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_rollback_implicit_rollback_only_data_channel() {
    let (mut a, mut b) = Pc::two();
    a.create_channel();
    a.sld_implicit();
    b.add_transceiver(Video, Direction::SendRecv);
    let offer = b.sld_implicit();
    a.srd(offer).unwrap();
    let answer = a.sld_implicit();
    b.srd(answer).unwrap();
    negotiate(&mut a, &mut b);
    assert!(a.peer().current_local_description().unwrap().sdp.contains("m=application"));
}

/// Guards: what was gathered goes with the first offer.
#[test]
fn wpt_rtc_peer_connection_explicit_rollback_ice_gathering_state_initial_rollback_from_complete() {
    let mut pc = Pc::new();
    pc.create_channel();
    pc.sld_implicit();
    pc.events();
    assert_eq!(pc.peer().ice_gathering_state(), IceGatheringState::Complete);
    pc.sld(rollback()).unwrap();
    assert_eq!(pc.peer().ice_gathering_state(), IceGatheringState::New);
    assert!(pc.events().contains(&PeerEvent::IceGatheringStateChange(IceGatheringState::New)));
}

/// Guards: the generation of before the restart, bit for bit (JSEP-1).
#[test]
fn wpt_rtc_peer_connection_explicit_rollback_ice_gathering_state_restart_rollback_when_complete() {
    let (mut a, mut b) = Pc::two();
    a.create_channel();
    negotiate(&mut a, &mut b);
    a.events();
    let before = a.peer().local_description().unwrap().sdp;
    a.peer().restart_ice();
    a.sld_implicit();
    a.events();
    assert_ne!(a.peer().local_description().unwrap().sdp, before);
    a.sld(rollback()).unwrap();
    let after = a.events();
    assert!(!after.iter().any(|event| matches!(event, PeerEvent::IceGatheringStateChange(_))), "{after:?}");
    assert_eq!(a.peer().local_description().unwrap().sdp, before);
    assert!(after.contains(&PeerEvent::NegotiationNeeded), "the restart is still wanted");
}

#[test]
fn wpt_rollback_events_reassociated_with_stream() {
    for kind in [Audio, Video] {
        let mut pc = Pc::new();
        let id = pc.add_track(kind, &["mine"]);
        let offer = offer_of(kind);
        pc.srd(offer.clone()).unwrap();
        assert_eq!(tracks(&mut pc), [PeerEvent::Track(id)]);
        pc.srd(rollback()).unwrap();
        assert_eq!(tracks(&mut pc), [PeerEvent::TrackRemoved(id, kind)]);
        pc.srd(offer).unwrap();
        assert_eq!(tracks(&mut pc), [PeerEvent::Track(id)]);
        assert_eq!(pc.transceiver(id).remote_streams, ["stream"]);
        assert_eq!(pc.transceivers().len(), 1);
    }
}

#[test]
fn wpt_rollback_events_direction_change_with_stream() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_track(Audio, &["stream"]);
    negotiate(&mut a, &mut b);
    let theirs = b.transceivers()[0].id;
    tracks(&mut b);
    a.peer().set_direction(id, Direction::Inactive).unwrap();
    let offer = a.create_offer();
    b.srd(offer).unwrap();
    assert_eq!(tracks(&mut b), [PeerEvent::TrackRemoved(theirs, Audio)]);
    b.srd(rollback()).unwrap();
    assert_eq!(tracks(&mut b), [PeerEvent::Track(theirs)]);
    assert_eq!(b.transceiver(theirs).remote_streams, ["stream"]);
}

/// A rollback of an offer that stopped a transceiver does not bring it back to life.
#[test]
fn wpt_rtc_rtp_transceiver_remote_rollback_track_event() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_track(Audio, &["stream"]);
    negotiate(&mut a, &mut b);
    a.peer().stop_transceiver(id).unwrap();
    let offer = a.create_offer();
    b.srd(offer).unwrap();
    let theirs = b.transceivers()[0].id;
    tracks(&mut b);
    b.srd(rollback()).unwrap();
    assert!(b.transceiver(theirs).stopped);
    assert_eq!(tracks(&mut b), []);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_rollback_removes_touched_tc() {
    let mut pc = Pc::new();
    pc.srd(offer_of(Audio)).unwrap();
    let id = pc.transceivers()[0].id;
    pc.peer().set_direction(id, Direction::SendRecv).unwrap();
    pc.srd(rollback()).unwrap();
    assert_eq!(pc.transceivers().len(), 0);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_rollback_remove_track_during_rollback() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_track(Audio, &[]);
    a.sld_implicit();
    b.add_track(Audio, &[]);
    let offer = b.sld_implicit();
    a.srd(offer).unwrap();
    a.peer().set_direction(id, Direction::RecvOnly).unwrap();
    let answer = a.sld_implicit();
    b.srd(answer).unwrap();
    assert_eq!(a.transceiver(id).current_direction, Some(Direction::RecvOnly));
}

#[test]
fn wpt_rtc_peer_connection_explicit_rollback_ice_gathering_state_initial_rollback_from_gathering() {
    let mut pc = Pc::new();
    pc.create_channel();
    pc.sld_implicit();
    // Nothing was reported yet: the state the application knows is still new.
    pc.sld(rollback()).unwrap();
    assert_eq!(pc.peer().ice_gathering_state(), IceGatheringState::New);
    pc.events();
    assert_eq!(pc.peer().ice_gathering_state(), IceGatheringState::New);
}

#[test]
fn wpt_rollback_events_reassociated_without_stream() {
    for kind in [Audio, Video] {
        let mut other = Pc::seeded(9);
        other.add_track(kind, &[]);
        let offer = other.create_offer();
        let mut pc = Pc::new();
        let id = pc.add_track(kind, &[]);
        pc.srd(offer.clone()).unwrap();
        pc.srd(rollback()).unwrap();
        assert_eq!(tracks(&mut pc), [PeerEvent::Track(id), PeerEvent::TrackRemoved(id, kind)]);
        pc.srd(offer).unwrap();
        assert_eq!(tracks(&mut pc), [PeerEvent::Track(id)]);
    }
}

#[test]
fn wpt_rollback_events_direction_change_without_stream() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_track(Audio, &[]);
    negotiate(&mut a, &mut b);
    let theirs = b.transceivers()[0].id;
    tracks(&mut b);
    a.peer().set_direction(id, Direction::Inactive).unwrap();
    let offer = a.create_offer();
    b.srd(offer).unwrap();
    b.srd(rollback()).unwrap();
    assert_eq!(tracks(&mut b), [PeerEvent::TrackRemoved(theirs, Audio), PeerEvent::Track(theirs)]);
    assert_eq!(b.transceivers().len(), 1);
}
