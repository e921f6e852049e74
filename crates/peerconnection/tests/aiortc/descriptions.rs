//! What may be offered, answered and set, and what is refused.

use super::*;
use ortica::codecs::MediaKind::{Audio, Video};
use ortica::jsep::{DescriptionError, IceCandidate, IceCandidateError, SdpType, SectionProblem, SignalingState};

fn candidate(port: u16) -> IceCandidate {
    let candidate = format!("candidate:0 1 UDP 2122252543 192.168.99.7 {port} typ host");
    IceCandidate { candidate, ..IceCandidate::default() }
}

/// An offer of one side that is set at both, not answered yet.
fn offered(add: impl FnOnce(&mut Side)) -> Pair<Side> {
    let mut pair = pair();
    add(&mut pair.a);
    let offer = pair.a.peer.create_offer(now()).unwrap();
    pair.a.peer.set_local_description(now(), offer.clone()).unwrap();
    pair.b.peer.set_remote_description(now(), offer).unwrap();
    pair
}

/// Sets an answer of `b` at `a` after a change, and gives back why that was refused.
fn refused_answer(change: impl Fn(&SessionDescription) -> SessionDescription) -> DescriptionError {
    let mut pair = offered(|a| {
        add_track(a, Audio);
    });
    let answer = pair.b.peer.create_answer(now()).unwrap();
    let refused = pair.a.peer.set_remote_description(now(), change(&answer)).unwrap_err();
    assert_eq!(pair.a.peer.signaling_state(), SignalingState::HaveLocalOffer, "nothing changed");
    pair.a.peer.set_remote_description(now(), answer).unwrap();
    refused
}

#[test]
fn aiortc_add_ice_candidate() {
    let mut pair = offered(|a| {
        a.create_channel(now(), Default::default());
    });
    let remote = |pair: &Pair<Side>| pair.b.peer.remote_description().unwrap().clone();
    assert!(lines(&remote(&pair), "a=candidate:").is_empty());
    let by_index = IceCandidate { sdp_mline_index: Some(0), ..candidate(33543) };
    pair.b.peer.add_ice_candidate(now(), &by_index).unwrap();
    assert_eq!(lines(&remote(&pair), "a=candidate:").len(), 1);
    let by_mid = IceCandidate { sdp_mid: Some("0".to_owned()), ..candidate(33544) };
    pair.b.peer.add_ice_candidate(now(), &by_mid).unwrap();
    assert_eq!(lines(&remote(&pair), "a=candidate:").len(), 2);
    let nowhere = pair.b.peer.add_ice_candidate(now(), &candidate(33545));
    assert_eq!(nowhere, Err(IceCandidateError::NoSection));
}

#[test]
fn aiortc_add_ice_candidate_null() {
    let mut pair = offered(|a| {
        a.create_channel(now(), Default::default());
        add_transceiver(a, Audio, Direction::SendRecv);
        add_transceiver(a, Video, Direction::SendRecv);
    });
    let end = |pair: &Pair<Side>| lines(pair.b.peer.remote_description().unwrap(), "a=end-of-candidates").len();
    assert_eq!(end(&pair), 0);
    pair.b.peer.add_ice_candidate(now(), &IceCandidate::default()).unwrap();
    assert_eq!(end(&pair), 3);
}

#[test]
fn aiortc_add_ice_candidate_before_set_remote_description() {
    let mut pair = pair();
    pair.a.create_channel(now(), Default::default());
    let offer = pair.a.peer.create_offer(now()).unwrap();
    pair.a.peer.set_local_description(now(), offer).unwrap();
    let early = IceCandidate { sdp_mline_index: Some(0), ..candidate(1) };
    assert_eq!(pair.a.peer.add_ice_candidate(now(), &early), Err(IceCandidateError::NoRemoteDescription));
    assert_eq!(pair.a.peer.remote_description(), None);
}

#[test]
fn aiortc_create_offer_and_answer_when_closed() {
    let mut side = side(1, Pair::<Side>::A);
    side.peer.close(now());
    assert_eq!(side.peer.create_offer(now()), Err(DescriptionError::Closed));
    assert_eq!(side.peer.create_answer(now()), Err(DescriptionError::Closed));
    assert_eq!(side.peer.create_implicit(now()), Err(DescriptionError::Closed));
}

#[test]
fn aiortc_create_offer_without_media() {
    let mut pair = pair();
    let [offer, answer] = negotiate(&mut pair);
    assert_eq!((sections(&offer).len(), sections(&answer).len()), (0, 0));
    assert_eq!(pair.a.peer.signaling_state(), SignalingState::Stable);
    assert_eq!(pair.b.peer.signaling_state(), SignalingState::Stable);
}

#[test]
fn aiortc_set_local_description_implicit() {
    let mut pair = offered(|a| {
        add_track(a, Audio);
    });
    let made = pair.b.peer.create_implicit(now()).unwrap();
    assert_eq!(made.kind, SdpType::Answer);
    pair.b.peer.set_local_description(now(), made).unwrap();
    assert_eq!(pair.b.peer.create_implicit(now()).unwrap().kind, SdpType::Offer);
}

#[test]
fn aiortc_descriptions_that_nobody_waits_for_are_refused() {
    let is_refused = |outcome| matches!(outcome, Err(DescriptionError::InvalidState { .. }));
    let mut pair = offered(|a| {
        add_track(a, Audio);
    });
    let answer = pair.b.peer.create_answer(now()).unwrap();
    let offer = pair.a.peer.local_description().unwrap();
    // An answer without an offer, and an offer while one waits for its answer.
    let mut other = side(9, Pair::<Side>::A);
    add_track(&mut other, Audio);
    assert!(is_refused(other.peer.set_local_description(now(), answer.clone())));
    assert!(is_refused(other.peer.set_remote_description(now(), answer.clone())));
    assert!(is_refused(other.peer.create_answer(now()).map(drop)));
    assert!(is_refused(pair.b.peer.set_local_description(now(), SessionDescription::offer(answer.sdp))));
    assert_eq!(pair.b.peer.signaling_state(), SignalingState::HaveRemoteOffer);
    // Where aiortc refuses an offer that meets one of its own, it takes that one's place (webrtc-pc §4.4.1.5).
    pair.a.peer.set_remote_description(now(), offer).unwrap();
    assert_eq!(pair.a.peer.signaling_state(), SignalingState::HaveRemoteOffer);
}

/// Where aiortc refuses the description, the section is rejected (RFC 9429 §5.3.1).
#[test]
fn aiortc_without_a_codec_in_common_a_section_is_rejected() {
    for (kind, from, to) in [(Audio, "/8000", "/8001"), (Video, "/90000", "/92000")] {
        let mut pair = pair();
        add_track(&mut pair.a, kind);
        let offer = pair.a.peer.create_offer(now()).unwrap();
        pair.a.peer.set_local_description(now(), offer.clone()).unwrap();
        let strange = replaced(&replaced(&offer, from, to), "/48000", "/48001");
        pair.b.peer.set_remote_description(now(), strange).unwrap();
        let answer = pair.b.peer.create_answer(now()).unwrap();
        sdp_grammar::assert_sound(&answer.sdp);
        assert!(lines(&answer, "m=")[0].starts_with(&format!("m={kind} 0 ")), "{answer:?}");
        pair.b.peer.set_local_description(now(), answer.clone()).unwrap();
        pair.a.peer.set_remote_description(now(), answer).unwrap();
        assert!(pair.b.peer.transceivers().is_empty() && pair.a.peer.transceivers().is_empty());
    }
}

#[test]
fn aiortc_set_remote_description_media_mismatch() {
    let refused = refused_answer(|answer| replaced(answer, "m=audio", "m=video"));
    assert_eq!(refused, DescriptionError::Section { index: 0, problem: SectionProblem::Media });
}

#[test]
fn aiortc_set_remote_description_with_invalid_dtls_setup_for_answer() {
    let refused = refused_answer(|answer| replaced(answer, "a=setup:active", "a=setup:actpass"));
    assert_eq!(refused, DescriptionError::Section { index: 0, problem: SectionProblem::Setup });
}

#[test]
fn aiortc_set_remote_description_without_ice_credentials() {
    let refused = refused_answer(|answer| without(answer, "a=ice-ufrag"));
    assert_eq!(refused, DescriptionError::Section { index: 0, problem: SectionProblem::NoCredentials });
}

/// Where aiortc refuses the description, the section is rejected: the policy is `require` (RFC 9429 §4.1.1, SDP-10).
#[test]
fn aiortc_set_remote_description_without_rtcp_mux() {
    let mut pair = pair();
    add_track(&mut pair.a, Audio);
    let offer = pair.a.peer.create_offer(now()).unwrap();
    pair.b.peer.set_remote_description(now(), without(&offer, "a=rtcp-mux")).unwrap();
    let answer = pair.b.peer.create_answer(now()).unwrap();
    assert!(lines(&answer, "m=")[0].starts_with("m=audio 0 "));
}

/// The role that an offer leaves is taken: active where there is a choice.
#[test]
fn aiortc_dtls_role_of_every_offer() {
    for (offered, answered) in [("actpass", "active"), ("passive", "active"), ("active", "passive")] {
        let mut pair = pair();
        pair.a.create_channel(now(), Default::default());
        let offer = pair.a.peer.create_offer(now()).unwrap();
        pair.a.peer.set_local_description(now(), offer).unwrap();
        let offer = replaced(&pair.a.peer.local_description().unwrap(), "setup:actpass", &format!("setup:{offered}"));
        pair.b.peer.set_remote_description(now(), offer).unwrap();
        let answer = pair.b.peer.create_answer(now()).unwrap();
        assert_eq!(lines(&answer, "a=setup:"), [format!("a=setup:{answered}")], "to {offered}");
        pair.b.peer.set_local_description(now(), answer).unwrap();
        let answer = pair.b.peer.local_description().unwrap();
        pair.a.peer.set_remote_description(now(), answer).unwrap();
        connect(&mut pair);
        pair.run_until(SECOND, |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
    }
}

/// What comes first in an offer goes to the track that was added first.
#[test]
fn aiortc_right_mid_order() {
    let mut pair = pair();
    let mine = [0, 1].map(|_| add_transceiver(&mut pair.a, Video, Direction::RecvOnly));
    let theirs = [0, 1].map(|_| add_track(&mut pair.b, Video));
    negotiate(&mut pair);
    let mids = |side: &Side, ids: [TransceiverId; 2]| ids.map(|id| side.peer.transceiver(id).unwrap().mid);
    assert_eq!(mids(&pair.a, mine), mids(&pair.b, theirs));
    assert_eq!(mids(&pair.a, mine), ["0", "1"].map(|mid| Some(mid.to_owned())));
}

/// A side knows its tracks apart whatever the sections are called: mids are the offerer's.
#[test]
fn aiortc_connect_audio_mid_changes() {
    let mut pair = pair();
    add_track(&mut pair.a, Audio);
    add_track(&mut pair.b, Audio);
    let [offer, answer] = negotiate(&mut pair);
    assert_eq!((lines(&offer, "a=mid:"), lines(&answer, "a=mid:")), (vec!["a=mid:0"], vec!["a=mid:0"]));
    assert_eq!(only(&pair.b).mid.as_deref(), Some("0"));
    connect(&mut pair);
}
