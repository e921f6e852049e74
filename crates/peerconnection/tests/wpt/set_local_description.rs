//! `RTCPeerConnection-setLocalDescription*`, `RTCPeerConnection-pranswer-description-types`.

use super::*;
use SignalingState::{HaveLocalOffer, HaveLocalPranswer, HaveRemoteOffer, Stable};
use ortica::codecs::MediaKind::{Audio, Video};

fn with_audio() -> (Pc, Pc) {
    let (mut a, b) = Pc::two();
    a.add_transceiver(Audio, Direction::SendRecv);
    (a, b)
}

/// An answerer that has an offer of audio.
fn offered() -> Pc {
    let (mut a, mut b) = with_audio();
    let offer = a.create_offer();
    b.srd(offer).unwrap();
    assert_eq!(b.state(), HaveRemoteOffer);
    b
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_second_offer_after_local_offer_round() {
    let (mut a, mut b) = with_audio();
    negotiate(&mut a, &mut b);
    let first = a.peer().current_local_description().unwrap();
    a.create_channel();
    let second = a.sld_implicit();
    assert_eq!(a.state(), HaveLocalOffer);
    assert_eq!(a.peer().current_local_description().unwrap().sdp, first.sdp);
    assert_eq!(a.peer().pending_local_description(), a.peer().local_description());
    assert_eq!(a.peer().pending_local_description().unwrap().sdp.matches("m=").count(), 2);
    assert!(second.sdp.contains("m=application"));
    assert_eq!(a.states(), [HaveLocalOffer, Stable, HaveLocalOffer]);
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_answerer_becomes_offerer() {
    let (mut a, mut b) = with_audio();
    assert_eq!(b.types(), [None; 4]);
    negotiate(&mut a, &mut b);
    b.add_transceiver(Video, Direction::SendRecv);
    negotiate(&mut b, &mut a);
    assert_eq!(a.types(), [Some(SdpType::Answer), None, Some(SdpType::Offer), None]);
    assert_eq!(b.types(), [Some(SdpType::Offer), None, Some(SdpType::Answer), None]);
    assert_eq!(a.peer().local_description(), a.peer().current_local_description());
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_offer_valid_offer() {
    let (mut a, _) = with_audio();
    let offer = a.create_offer();
    a.sld(offer.clone()).unwrap();
    assert_eq!(a.types(), [None, Some(SdpType::Offer), None, None]);
    assert_eq!(a.states(), [HaveLocalOffer]);
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_offer_null_sdp_uses_last_offer() {
    let (mut a, _) = with_audio();
    let offer = a.create_offer();
    a.sld(SessionDescription::offer("")).unwrap();
    let set = a.peer().pending_local_description().unwrap();
    assert_eq!(without_candidates(&set.sdp), offer.sdp);
}

fn without_candidates(sdp: &str) -> String {
    let is_kept = |line: &&str| !line.starts_with("a=candidate") && !line.starts_with("a=end-of-candidates");
    sdp.split_inclusive("\r\n").filter(is_kept).collect()
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_offer_foreign_offer_rejected() {
    let (mut a, mut b) = with_audio();
    let offer = a.create_offer();
    assert_eq!(b.sld(offer), Err(DescriptionError::Modified(SdpType::Offer)));
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_offer_not_the_last_offer_rejected() {
    let (mut a, _) = with_audio();
    let first = a.create_offer();
    a.add_transceiver(Video, Direction::SendRecv);
    a.create_offer();
    assert_eq!(a.sld(first), Err(DescriptionError::Modified(SdpType::Offer)));
    assert_eq!(a.state(), Stable);
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_offer_create_and_set_repeatedly() {
    let (mut a, _) = with_audio();
    a.sld_implicit();
    a.add_transceiver(Video, Direction::SendRecv);
    a.sld_implicit();
    assert_eq!(a.types(), [None, Some(SdpType::Offer), None, None]);
    assert!(a.peer().pending_local_description().unwrap().sdp.contains("m=video"));
    assert_eq!(a.states(), [HaveLocalOffer]);
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_offer_old_offer_after_create_answer() {
    let (mut a, mut b) = with_audio();
    b.add_transceiver(Video, Direction::SendRecv);
    let mine = b.create_offer();
    let theirs = a.create_offer();
    b.srd(theirs).unwrap();
    b.create_answer();
    b.srd(SessionDescription::rollback()).unwrap();
    b.sld(mine).unwrap();
    assert_eq!(b.state(), HaveLocalOffer);
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_offer_repeated_sld_then_negotiate() {
    let (mut a, mut b) = with_audio();
    a.sld_implicit();
    negotiate(&mut a, &mut b);
    for pc in [&mut a, &mut b] {
        assert_eq!(pc.transceivers().len(), 1);
        assert_eq!(pc.transceivers()[0].kind, Audio);
    }
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_answer_valid_answer() {
    let mut b = offered();
    let answer = b.create_answer();
    b.sld(answer).unwrap();
    assert_eq!(b.types(), [Some(SdpType::Answer), None, Some(SdpType::Offer), None]);
    assert_eq!(b.states(), [HaveRemoteOffer, Stable]);
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_answer_null_sdp_uses_last_answer() {
    let mut b = offered();
    let answer = b.create_answer();
    b.sld(SessionDescription::answer("")).unwrap();
    let set = b.peer().current_local_description().unwrap();
    assert_eq!(without_candidates(&set.sdp), answer.sdp);
    assert_eq!(b.types(), [Some(SdpType::Answer), None, Some(SdpType::Offer), None]);
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_answer_foreign_answer_rejected() {
    let (mut a, mut b) = with_audio();
    let mut c = Pc::seeded(3);
    let offer = a.create_offer();
    b.srd(offer.clone()).unwrap();
    c.srd(offer).unwrap();
    let answer = c.create_answer();
    assert_eq!(b.sld(answer), Err(DescriptionError::Modified(SdpType::Answer)));
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_answer_answer_from_stable_rejected() {
    assert!(is_invalid_state(Pc::new().sld(SessionDescription::answer("v=0"))));
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_answer_answer_from_have_local_offer_rejected() {
    let (mut a, _) = with_audio();
    let offer = a.sld_implicit();
    assert!(is_invalid_state(a.sld(SessionDescription::answer(offer.sdp))));
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_answer_old_answer_after_create_offer() {
    let (mut a, mut b) = with_audio();
    let offer = a.create_offer();
    b.srd(offer.clone()).unwrap();
    let answer = b.create_answer();
    b.srd(SessionDescription::rollback()).unwrap();
    b.create_offer();
    b.srd(offer).unwrap();
    b.sld(answer).unwrap();
    assert_eq!(b.state(), Stable);
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_pranswer_from_stable_rejected() {
    assert!(is_invalid_state(Pc::new().sld(SessionDescription::pranswer("v=0"))));
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_pranswer_succeeds_from_have_remote_offer() {
    let mut b = offered();
    let answer = b.create_answer();
    b.sld(SessionDescription::pranswer(answer.sdp)).unwrap();
    assert_eq!(b.state(), HaveLocalPranswer);
    assert_eq!(b.types(), [None, Some(SdpType::Pranswer), None, Some(SdpType::Offer)]);
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_pranswer_repeatable() {
    let mut b = offered();
    let answer = b.create_answer();
    for _ in 0..2 {
        b.sld(SessionDescription::pranswer(answer.sdp.as_str())).unwrap();
    }
    assert_eq!(b.states(), [HaveRemoteOffer, HaveLocalPranswer]);
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_pranswer_answer_after_pranswer() {
    let mut b = offered();
    let answer = b.create_answer();
    b.sld(SessionDescription::pranswer(answer.sdp.as_str())).unwrap();
    b.sld(answer).unwrap();
    assert_eq!(b.types(), [Some(SdpType::Answer), None, Some(SdpType::Offer), None]);
    assert_eq!(b.states(), [HaveRemoteOffer, HaveLocalPranswer, Stable]);
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_pranswer_parameterless_empty_sdp_uses_last_answer() {
    let mut b = offered();
    let answer = b.create_answer();
    b.sld(SessionDescription::pranswer("")).unwrap();
    assert_eq!(b.state(), HaveLocalPranswer);
    assert_eq!(without_candidates(&b.peer().pending_local_description().unwrap().sdp), answer.sdp);
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_pranswer_parameterless_missing_sdp_creates_answer() {
    let mut b = offered();
    b.sld(SessionDescription::pranswer("")).unwrap();
    assert!(b.peer().pending_local_description().unwrap().sdp.contains("m=audio"));
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_pranswer_parameterless_repeat_then_final_answer() {
    let mut b = offered();
    b.sld(SessionDescription::pranswer("")).unwrap();
    b.sld(SessionDescription::pranswer("")).unwrap();
    b.sld(SessionDescription::answer("")).unwrap();
    assert_eq!(b.state(), Stable);
    assert_eq!(b.types(), [Some(SdpType::Answer), None, Some(SdpType::Offer), None]);
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_pranswer_parameterless_parameterless_in_local_pranswer_is_answer() {
    let mut b = offered();
    b.sld(SessionDescription::pranswer("")).unwrap();
    b.sld_implicit();
    assert_eq!(b.state(), Stable);
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_pranswer_parameterless_parameterless_in_remote_pranswer_rejected() {
    let (mut a, mut b) = with_audio();
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    let answer = b.create_answer();
    a.srd(SessionDescription::pranswer(answer.sdp)).unwrap();
    let refused = a.peer().create_implicit(now());
    assert!(is_invalid_state(refused.map(drop)));
    assert_eq!(a.state(), SignalingState::HaveRemotePranswer);
}

#[test]
fn wpt_rtc_peer_connection_pranswer_description_types_local_types() {
    let mut b = offered();
    let answer = b.create_answer();
    b.sld(SessionDescription::pranswer(answer.sdp.as_str())).unwrap();
    assert_eq!(b.types(), [None, Some(SdpType::Pranswer), None, Some(SdpType::Offer)]);
    b.sld(answer).unwrap();
    assert_eq!(b.types(), [Some(SdpType::Answer), None, Some(SdpType::Offer), None]);
}

#[test]
fn wpt_rtc_peer_connection_pranswer_description_types_remote_types() {
    let (mut a, mut b) = with_audio();
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    let answer = b.create_answer();
    a.srd(SessionDescription::pranswer(answer.sdp.as_str())).unwrap();
    assert_eq!(a.types(), [None, Some(SdpType::Offer), None, Some(SdpType::Pranswer)]);
    a.srd(answer).unwrap();
    assert_eq!(a.types(), [Some(SdpType::Offer), None, Some(SdpType::Answer), None]);
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_rollback_from_have_local_offer() {
    let (mut a, _) = with_audio();
    a.sld_implicit();
    a.sld(SessionDescription::rollback()).unwrap();
    assert_eq!(a.types(), [None; 4]);
    assert_eq!(a.states(), [HaveLocalOffer, Stable]);
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_rollback_from_stable_rejected() {
    assert!(is_invalid_state(Pc::new().sld(SessionDescription::rollback())));
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_rollback_after_answer_rejected() {
    let (mut a, mut b) = with_audio();
    negotiate(&mut a, &mut b);
    for pc in [&mut a, &mut b] {
        assert!(is_invalid_state(pc.sld(SessionDescription::rollback())));
        assert_eq!(pc.state(), Stable);
    }
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_rollback_after_remote_offer_rejected() {
    let mut b = offered();
    assert!(is_invalid_state(b.sld(SessionDescription::rollback())));
    assert_eq!(b.state(), HaveRemoteOffer);
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_rollback_ignores_sdp() {
    let (mut a, _) = with_audio();
    a.sld_implicit();
    a.sld(SessionDescription { kind: SdpType::Rollback, sdp: "nonsense".to_owned() }).unwrap();
    assert_eq!(a.state(), Stable);
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_parameterless_assigns_mid() {
    let (mut a, _) = with_audio();
    let id = a.transceivers()[0].id;
    assert_eq!(a.mid(id), None);
    a.sld_implicit();
    assert!(a.mid(id).is_some());
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_parameterless_sets_current_direction() {
    let mut b = offered();
    b.sld_implicit();
    assert_eq!(b.transceivers()[0].current_direction, Some(Direction::RecvOnly));
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_parameterless_reuses_last_offer() {
    let (mut a, _) = with_audio();
    let made = a.create_offer();
    assert_eq!(a.sld_implicit(), made);
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_parameterless_reuses_last_answer() {
    let mut b = offered();
    let made = b.create_answer();
    assert_eq!(b.sld_implicit(), made);
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_parameterless_closed_rejects() {
    let (mut a, _) = with_audio();
    a.peer().close(now());
    assert_eq!(a.peer().create_implicit(now()).map(drop), Err(DescriptionError::Closed));
    assert_eq!(a.sld(SessionDescription::offer("")), Err(DescriptionError::Closed));
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_parameterless_full_exchange() {
    let (mut a, mut b) = with_audio();
    negotiate(&mut a, &mut b);
    assert_eq!((a.state(), b.state()), (Stable, Stable));
}

/// Events wait for whoever takes them, so that those of a call are there when it returns.
#[test]
fn wpt_rtc_peer_connection_set_local_description_ssc_before_sld_resolves() {
    let (mut a, _) = with_audio();
    a.events();
    a.sld_implicit();
    assert_eq!(a.states(), [HaveLocalOffer]);
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_offer_queued_update_order() {
    let (mut a, _) = with_audio();
    let offer = a.create_offer();
    assert_eq!((a.state(), a.types()), (Stable, [None; 4]));
    a.sld(offer).unwrap();
    assert_eq!((a.state(), a.types()), (HaveLocalOffer, [None, Some(SdpType::Offer), None, None]));
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_answer_queued_update_order() {
    let mut b = offered();
    let answer = b.create_answer();
    assert_eq!(b.types(), [None, None, None, Some(SdpType::Offer)]);
    b.sld(answer).unwrap();
    assert_eq!(b.types(), [Some(SdpType::Answer), None, Some(SdpType::Offer), None]);
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_rollback_queued_update_order() {
    let (mut a, _) = with_audio();
    a.sld_implicit();
    assert_eq!(a.types()[1], Some(SdpType::Offer));
    a.sld(SessionDescription::rollback()).unwrap();
    assert_eq!((a.types(), a.states()), ([None; 4], vec![HaveLocalOffer, Stable]));
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_parameterless_stable_to_have_local_offer() {
    let (mut a, _) = with_audio();
    a.sld_implicit();
    assert_eq!((a.state(), a.states()), (HaveLocalOffer, vec![HaveLocalOffer]));
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_parameterless_sets_pending_local() {
    let (mut a, _) = with_audio();
    a.sld_implicit();
    let first = a.peer().pending_local_description();
    assert!(first.is_some());
    assert_eq!(a.peer().pending_local_description(), first);
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_parameterless_have_remote_offer_to_stable() {
    let mut b = offered();
    b.sld_implicit();
    assert_eq!(b.state(), Stable);
}

#[test]
fn wpt_rtc_peer_connection_set_local_description_parameterless_sets_current_local() {
    let mut b = offered();
    b.sld_implicit();
    assert_eq!(b.types()[0], Some(SdpType::Answer));
}
