//! `RTCPeerConnection-setRemoteDescription`, `-offer`, `-answer`, `-pranswer`.

use super::*;
use SignalingState::{HaveLocalOffer, HaveRemoteOffer, HaveRemotePranswer, Stable};
use ortica::codecs::MediaKind::{Audio, Video};

#[test]
fn wpt_rtc_peer_connection_set_remote_description_state_before_sdp() {
    assert!(is_invalid_state(Pc::new().srd(SessionDescription::answer("nonsense"))));
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_ssc_sequence() {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(Audio, Direction::SendRecv);
    negotiate(&mut a, &mut b);
    b.add_transceiver(Video, Direction::SendRecv);
    let offer = b.create_offer();
    a.srd(offer).unwrap();
    assert_eq!(a.states(), [HaveLocalOffer, Stable, HaveRemoteOffer]);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_second_remote_offer() {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(Audio, Direction::SendRecv);
    let first = a.sld_implicit();
    b.srd(first.clone()).unwrap();
    let answer = b.sld_implicit();
    a.srd(answer).unwrap();
    a.add_transceiver(Video, Direction::SendRecv);
    let second = a.sld_implicit();
    b.srd(second.clone()).unwrap();
    assert_eq!(b.peer().remote_description(), Some(&second));
    assert_eq!(b.peer().pending_remote_description(), Some(&second));
    assert_eq!(b.peer().current_remote_description(), Some(&first));
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_offerer_becomes_answerer() {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(Audio, Direction::SendRecv);
    negotiate(&mut a, &mut b);
    let answer = a.peer().current_remote_description().unwrap().clone();
    let offer = b.create_offer();
    a.srd(offer.clone()).unwrap();
    assert_eq!(a.peer().remote_description(), Some(&offer));
    assert_eq!(a.peer().current_remote_description(), Some(&answer));
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_offer_valid_offer() {
    let (mut a, mut b) = Pc::two();
    a.create_channel();
    let offer = a.create_offer();
    b.srd(offer).unwrap();
    assert_eq!(b.types(), [None, None, None, Some(SdpType::Offer)]);
    assert_eq!(b.states(), [HaveRemoteOffer]);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_offer_same_offer_twice() {
    let (mut a, mut b) = Pc::two();
    a.create_channel();
    let offer = a.create_offer();
    b.srd(offer.clone()).unwrap();
    b.srd(offer).unwrap();
    assert_eq!(b.states(), [HaveRemoteOffer]);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_offer_different_offers() {
    let (mut a, mut b) = Pc::two();
    a.create_channel();
    let first = a.create_offer();
    a.add_transceiver(Video, Direction::SendRecv);
    let second = a.create_offer();
    b.srd(first).unwrap();
    b.srd(second.clone()).unwrap();
    assert_eq!(b.peer().pending_remote_description(), Some(&second));
    assert_eq!(b.states(), [HaveRemoteOffer]);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_offer_invalid_sdp() {
    let refused = Pc::new().srd(SessionDescription::offer("nonsense"));
    assert!(matches!(refused, Err(DescriptionError::Syntax(_))));
}

/// Two sides that offered at once; the offer of the second.
fn glare() -> (Pc, Pc, SessionDescription) {
    let (mut a, mut b) = Pc::two();
    a.create_channel();
    b.create_channel();
    a.sld_implicit();
    let offer = b.sld_implicit();
    a.events();
    (a, b, offer)
}

/// Guards: implicit rollback.
#[test]
fn wpt_rtc_peer_connection_set_remote_description_offer_from_have_local_offer_rolls_back() {
    let (mut a, _, offer) = glare();
    a.srd(offer).unwrap();
    assert_eq!(a.state(), HaveRemoteOffer);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_offer_implicit_rollback_two_ssc() {
    let (mut a, _, offer) = glare();
    a.srd(offer).unwrap();
    assert_eq!(a.states(), [Stable, HaveRemoteOffer]);
    assert_eq!(a.types(), [None, None, None, Some(SdpType::Offer)]);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_offer_manual_rollback_not_glare_proof() {
    let (mut a, _, offer) = glare();
    a.sld(SessionDescription::rollback()).unwrap();
    let refused = a.peer().add_ice_candidate(now(), &ortica::jsep::IceCandidate::default());
    assert_eq!(refused, Err(ortica::jsep::IceCandidateError::NoRemoteDescription));
    a.srd(offer).unwrap();
    assert_eq!(a.state(), HaveRemoteOffer);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_offer_invalid_offer_keeps_rollback() {
    let (mut a, _, _) = glare();
    assert!(matches!(a.srd(SessionDescription::offer("nonsense")), Err(DescriptionError::Syntax(_))));
    assert_eq!(a.types(), [None; 4]);
    assert_eq!(a.events(), {
        use ortica::IceGatheringState;
        [
            PeerEvent::SignalingStateChange(Stable),
            PeerEvent::IceGatheringStateChange(IceGatheringState::New),
            PeerEvent::NegotiationNeeded,
        ]
    });
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_offer_repeated_offer_one_tc() {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(Video, Direction::SendRecv);
    let offer = a.sld_implicit();
    b.srd(offer.clone()).unwrap();
    b.srd(offer).unwrap();
    assert_eq!(b.transceivers().len(), 1);
    let answer = b.sld_implicit();
    a.srd(answer).unwrap();
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_offer_tc_appear_on_completion() {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(Video, Direction::SendRecv);
    let offer = a.create_offer();
    assert_eq!(b.transceivers().len(), 0);
    b.srd(offer).unwrap();
    assert_eq!(b.transceivers().len(), 1);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_answer_valid_answer() {
    let (mut a, mut b) = Pc::two();
    a.create_channel();
    negotiate(&mut a, &mut b);
    assert_eq!(a.types(), [Some(SdpType::Offer), None, Some(SdpType::Answer), None]);
    assert_eq!(a.states(), [HaveLocalOffer, Stable]);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_answer_from_stable_rejected() {
    assert!(is_invalid_state(Pc::new().srd(SessionDescription::answer("v=0"))));
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_answer_from_have_remote_offer_rejected() {
    let (mut a, mut b) = Pc::two();
    a.create_channel();
    let offer = a.create_offer();
    b.srd(offer.clone()).unwrap();
    assert!(is_invalid_state(b.srd(SessionDescription::answer(offer.sdp))));
}

/// An offerer, and the answer to its offer.
fn answered() -> (Pc, SessionDescription) {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(Audio, Direction::SendRecv);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    (a, b.sld_implicit())
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_pranswer_from_stable_rejected() {
    assert!(is_invalid_state(Pc::new().srd(SessionDescription::pranswer("v=0"))));
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_pranswer_from_have_local_offer() {
    let (mut a, answer) = answered();
    a.srd(SessionDescription::pranswer(answer.sdp)).unwrap();
    assert_eq!(a.state(), HaveRemotePranswer);
    assert_eq!(a.types(), [None, Some(SdpType::Offer), None, Some(SdpType::Pranswer)]);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_pranswer_repeatable() {
    let (mut a, answer) = answered();
    for _ in 0..2 {
        a.srd(SessionDescription::pranswer(answer.sdp.as_str())).unwrap();
    }
    assert_eq!(a.states(), [HaveLocalOffer, HaveRemotePranswer]);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_pranswer_answer_after_pranswer() {
    let (mut a, answer) = answered();
    a.srd(SessionDescription::pranswer(answer.sdp.as_str())).unwrap();
    a.srd(answer).unwrap();
    assert_eq!(a.types(), [Some(SdpType::Offer), None, Some(SdpType::Answer), None]);
    assert_eq!(a.states(), [HaveLocalOffer, HaveRemotePranswer, Stable]);
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_bad_type_before_sdp() {
    assert!("invalid".parse::<SdpType>().is_err());
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_offer_stable_queued_order() {
    let (mut a, mut b) = Pc::two();
    a.create_channel();
    let offer = a.create_offer();
    assert_eq!(b.types(), [None; 4]);
    b.srd(offer).unwrap();
    assert_eq!((b.types(), b.states()), ([None, None, None, Some(SdpType::Offer)], vec![HaveRemoteOffer]));
}

#[test]
fn wpt_rtc_peer_connection_set_remote_description_offer_have_local_offer_queued_order() {
    let (mut a, _, offer) = glare();
    assert_eq!((a.state(), a.types()[1]), (HaveLocalOffer, Some(SdpType::Offer)));
    a.srd(offer).unwrap();
    assert_eq!(a.states(), [Stable, HaveRemoteOffer]);
}

/// Guards: one stream and track are named by one section (RFC 8830).
#[test]
fn wpt_rtc_peer_connection_set_remote_description_offer_duplicate_msid_rejected() {
    let (mut a, mut b) = Pc::two();
    a.add_track(Audio, &["one"]);
    a.add_track(Audio, &["one"]);
    let mut offer = a.create_offer();
    let names: Vec<String> = offer.sdp.lines().filter(|line| line.starts_with("a=msid:")).map(str::to_owned).collect();
    let [first, second] = names.as_slice() else { panic!("two tracks: {names:?}") };
    offer.sdp = offer.sdp.replace(second, first);
    let refused = b.srd(offer).unwrap_err();
    assert_eq!(refused.to_string(), "section 1: another section names its track");
    assert_eq!(b.state(), Stable);
}

/// Candidates in descriptions alone bring both sides together, in a second exchange too.
#[test]
fn wpt_rtc_peer_connection_set_remote_description_offer_reoffer_with_candidates_no_trickle() {
    let delay = std::time::Duration::from_millis(10);
    let mut pair = common::call(1, netsim::Link::with_delay(delay));
    common::negotiate(&mut pair);
    let connected = |side: &Side| side.peer.connection_state() == ortica::ConnectionState::Connected;
    pair.run_until(std::time::Duration::from_secs(10), |a, b| connected(a) && connected(b)).unwrap();
}
