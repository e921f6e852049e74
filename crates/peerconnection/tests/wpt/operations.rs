//! `RTCPeerConnection-operations`, `RTCPeerConnection-description-attributes-timing`, `RTCPeerConnection-SLD-SRD-timing`,
//! `RTCPeerConnection-onsignalingstatechanged`: what is refused at once, and what is in force when a call returns.

use super::*;
use ortica::codecs::MediaKind::{Audio, Video};
use ortica::jsep::{IceCandidate, IceCandidateError};
use ortica::parameters::ParametersError;

/// An answerer, and the offer of one track that it is to take.
fn offered() -> (Pc, SessionDescription, Pc) {
    let (mut a, b) = Pc::two();
    a.add_track(Audio, &["stream"]);
    let offer = a.sld_implicit();
    (b, offer, a)
}

fn candidate() -> IceCandidate {
    IceCandidate {
        candidate: "candidate:1 1 udp 2130706431 10.0.0.9 9 typ host".to_owned(),
        sdp_mid: Some("0".to_owned()),
        ..IceCandidate::default()
    }
}

#[test]
fn wpt_rtc_peer_connection_operations_create_offer_sync_error() {
    let (mut pc, offer, _) = offered();
    pc.srd(offer).unwrap();
    assert!(is_invalid_state(pc.peer().create_offer(now()).map(drop)));
}

#[test]
fn wpt_rtc_peer_connection_operations_create_answer_sync_error() {
    assert!(is_invalid_state(Pc::new().peer().create_answer(now()).map(drop)));
}

#[test]
fn wpt_rtc_peer_connection_operations_sld_rollback_sync_error() {
    assert!(is_invalid_state(Pc::new().sld(SessionDescription::rollback())));
}

#[test]
fn wpt_rtc_peer_connection_operations_add_ice_candidate_sync_error() {
    let outcome = Pc::new().peer().add_ice_candidate(now(), &IceCandidate::default());
    assert_eq!(outcome, Err(IceCandidateError::NoRemoteDescription));
}

#[test]
fn wpt_rtc_peer_connection_operations_set_parameters_stopped_sync_error() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Audio, Direction::SendRecv);
    let given = pc.peer().sender_parameters(id).unwrap();
    pc.peer().stop_transceiver(id).unwrap();
    let outcome = pc.peer().set_sender_parameters(now(), id, given);
    assert!(matches!(outcome, Err(ParametersError::InvalidState(_))), "{outcome:?}");
}

#[test]
fn wpt_rtc_peer_connection_operations_nn_only_when_chain_empty() {
    let (mut pc, offer, _) = offered();
    pc.srd(offer).unwrap();
    pc.add_transceiver(Video, Direction::SendRecv);
    pc.peer().add_ice_candidate(now(), &candidate()).unwrap();
    assert!(!pc.is_negotiation_needed(), "in the middle of an exchange");
    pc.sld_implicit();
    let events = pc.events();
    let place = |wanted: PeerEvent| events.iter().position(|event| *event == wanted).unwrap();
    assert!(place(PeerEvent::SignalingStateChange(SignalingState::Stable)) < place(PeerEvent::NegotiationNeeded));
}

#[test]
fn wpt_rtc_peer_connection_operations_add_ice_candidate_chains_on_srd() {
    let (mut pc, offer, _) = offered();
    let early = pc.peer().add_ice_candidate(now(), &candidate());
    assert_eq!(early, Err(IceCandidateError::NoRemoteDescription));
    pc.srd(offer).unwrap();
    pc.peer().add_ice_candidate(now(), &candidate()).unwrap();
}

#[test]
fn wpt_rtc_peer_connection_operations_pack_queue_implicit() {
    let (mut a, mut b) = Pc::two();
    a.add_track(Audio, &[]);
    let offer = a.create_offer();
    a.sld(SessionDescription::offer("")).unwrap();
    b.srd(offer).unwrap();
    let answer = b.create_answer();
    b.sld(SessionDescription::answer("")).unwrap();
    a.srd(answer).unwrap();
    assert_eq!((a.state(), b.state()), (SignalingState::Stable, SignalingState::Stable));
}

/// Each side acts on the states that it was told, and on nothing else.
#[test]
fn wpt_rtc_peer_connection_operations_queue_and_state_only() {
    let (mut a, mut b) = Pc::two();
    a.add_track(Audio, &[]);
    a.sld(SessionDescription::offer("")).unwrap();
    assert_eq!(a.states(), [SignalingState::HaveLocalOffer]);
    let offer = a.peer().local_description().unwrap();
    b.srd(offer).unwrap();
    assert_eq!(b.states(), [SignalingState::HaveRemoteOffer]);
    b.sld(SessionDescription::answer("")).unwrap();
    assert_eq!(b.states(), [SignalingState::Stable]);
    let answer = b.peer().local_description().unwrap();
    a.srd(answer).unwrap();
    assert_eq!(a.states(), [SignalingState::Stable]);
}

#[test]
fn wpt_rtc_peer_connection_description_attributes_timing_pending_local() {
    let mut pc = Pc::new();
    pc.add_track(Audio, &[]);
    let offer = pc.create_offer();
    assert_eq!(pc.types(), [None; 4]);
    pc.sld(offer).unwrap();
    assert_eq!(pc.types(), [None, Some(SdpType::Offer), None, None]);
}

#[test]
fn wpt_rtc_peer_connection_description_attributes_timing_pending_remote() {
    let (mut pc, offer, _) = offered();
    assert_eq!(pc.types(), [None; 4]);
    pc.srd(offer.clone()).unwrap();
    assert_eq!(pc.types(), [None, None, None, Some(SdpType::Offer)]);
    assert_eq!(pc.peer().pending_remote_description(), Some(&offer));
}

#[test]
fn wpt_rtc_peer_connection_description_attributes_timing_current_local() {
    let (mut pc, offer, _) = offered();
    pc.srd(offer).unwrap();
    let answer = pc.create_answer();
    assert_eq!(pc.types()[0], None);
    pc.sld(answer).unwrap();
    assert_eq!(pc.types(), [Some(SdpType::Answer), None, Some(SdpType::Offer), None]);
}

#[test]
fn wpt_rtc_peer_connection_description_attributes_timing_current_remote() {
    let (mut b, offer, mut a) = offered();
    b.srd(offer).unwrap();
    let answer = b.sld_implicit();
    assert_eq!(a.types()[2], None);
    a.srd(answer.clone()).unwrap();
    assert_eq!(a.types(), [Some(SdpType::Offer), None, Some(SdpType::Answer), None]);
    assert_eq!(a.peer().current_remote_description(), Some(&answer));
}

/// The side's own offer comes back to it: it gives way to it.
#[test]
fn wpt_rtc_peer_connection_sld_srd_timing_sld_srd_not_racy() {
    let mut pc = Pc::new();
    pc.add_track(Audio, &[]);
    let offer = pc.create_offer();
    pc.sld(offer.clone()).unwrap();
    pc.srd(offer).unwrap();
    let states = [SignalingState::HaveLocalOffer, SignalingState::Stable, SignalingState::HaveRemoteOffer];
    assert_eq!(pc.states(), states);
}

#[test]
fn wpt_rtc_peer_connection_onsignalingstatechanged_fires_with_final_state() {
    let (mut pc, offer, _) = offered();
    pc.srd(offer).unwrap();
    assert_eq!(pc.states(), [SignalingState::HaveRemoteOffer]);
    assert_eq!(pc.transceivers()[0].current_direction, None);
    pc.sld_implicit();
    assert_eq!(pc.states(), [SignalingState::Stable]);
    assert_eq!(pc.transceivers()[0].current_direction, Some(Direction::RecvOnly));
}

#[test]
fn wpt_rtc_peer_connection_onsignalingstatechanged_close_silent() {
    let mut pc = Pc::new();
    pc.peer().close(now());
    assert_eq!(pc.state(), SignalingState::Closed);
    assert_eq!(pc.states(), []);
}

#[test]
fn wpt_rtc_peer_connection_onsignalingstatechanged_fires_before_track() {
    let (mut pc, offer, _) = offered();
    pc.srd(offer).unwrap();
    let track = PeerEvent::Track(pc.transceivers()[0].id);
    assert_eq!(pc.events(), [PeerEvent::SignalingStateChange(SignalingState::HaveRemoteOffer), track]);
}
