//! `RTCPeerConnection-addIceCandidate`.

use super::*;
use ortica::codecs::MediaKind::{Audio, Video};
use ortica::jsep::{IceCandidate, IceCandidateError};

const CANDIDATE: &str =
    "candidate:1905690388 1 udp 2113937151 192.168.0.1 58041 typ host generation 0 ufrag UFRAG network-cost 50";
const END: &str = "a=end-of-candidates";

/// A side with an offer of two sections, each with the ufrag of its own.
fn offered() -> (Pc, [String; 2]) {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(Audio, Direction::SendRecv);
    a.add_transceiver(Video, Direction::SendRecv);
    let offer = a.create_offer();
    let ufrags = offer.sdp.lines().filter_map(|line| line.strip_prefix("a=ice-ufrag:")).map(str::to_owned);
    let ufrags: Vec<String> = ufrags.collect();
    b.srd(SessionDescription::offer(offer.sdp.replace("a=group:BUNDLE 0 1\r\n", ""))).unwrap();
    (b, ufrags.try_into().unwrap())
}

fn candidate() -> IceCandidate {
    IceCandidate { candidate: CANDIDATE.to_owned(), ..IceCandidate::default() }
}

fn add(pc: &mut Pc, candidate: IceCandidate) -> Result<(), IceCandidateError> {
    pc.peer().add_ice_candidate(now(), &candidate)
}

/// The sections of the remote description.
fn sections(pc: &mut Pc) -> Vec<String> {
    pc.peer().remote_description().unwrap().sdp.split("m=").skip(1).map(str::to_owned).collect()
}

/// In which sections a line stands.
fn holding(pc: &mut Pc, line: &str) -> Vec<bool> {
    sections(pc).iter().map(|section| section.lines().any(|it| it == line)).collect()
}

fn shown() -> String {
    format!("a={CANDIDATE}")
}

#[test]
fn wpt_rtc_peer_connection_add_ice_candidate_before_srd_rejects() {
    let at_0 = IceCandidate { sdp_mid: Some("0".to_owned()), ..candidate() };
    assert_eq!(add(&mut Pc::new(), at_0), Err(IceCandidateError::NoRemoteDescription));
}

#[test]
fn wpt_rtc_peer_connection_add_ice_candidate_after_close_rejects() {
    let (mut pc, _) = offered();
    pc.peer().close(now());
    assert_eq!(add(&mut pc, IceCandidate::default()), Err(IceCandidateError::Closed));
}

#[test]
fn wpt_rtc_peer_connection_add_ice_candidate_end_of_candidates_in_all_sections() {
    let (mut pc, _) = offered();
    add(&mut pc, IceCandidate::default()).unwrap();
    assert_eq!(holding(&mut pc, END), [true, true]);
}

#[test]
fn wpt_rtc_peer_connection_add_ice_candidate_end_of_candidates_in_stable() {
    let (mut pc, _) = offered();
    pc.sld_implicit();
    add(&mut pc, IceCandidate::default()).unwrap();
    assert_eq!(holding(&mut pc, END), [true, true]);
}

#[test]
fn wpt_rtc_peer_connection_add_ice_candidate_end_of_candidates_one_section() {
    for by_mid in [true, false] {
        let (mut pc, [_, second]) = offered();
        let end = IceCandidate {
            sdp_mid: by_mid.then(|| "1".to_owned()),
            sdp_mline_index: Some(1),
            username_fragment: Some(second),
            ..IceCandidate::default()
        };
        add(&mut pc, end).unwrap();
        assert_eq!(holding(&mut pc, END), [false, true]);
    }
}

#[test]
fn wpt_rtc_peer_connection_add_ice_candidate_unknown_ufrag_end_rejects() {
    let (mut pc, _) = offered();
    let end = IceCandidate { username_fragment: Some("unknown".to_owned()), ..IceCandidate::default() };
    assert_eq!(add(&mut pc, end), Err(IceCandidateError::UnknownUfrag("unknown".to_owned())));
    assert_eq!(holding(&mut pc, END), [false, false]);
}

#[test]
fn wpt_rtc_peer_connection_add_ice_candidate_valid_candidate() {
    let (mut pc, _) = offered();
    add(&mut pc, IceCandidate { sdp_mid: Some("0".to_owned()), sdp_mline_index: Some(0), ..candidate() }).unwrap();
    assert_eq!(holding(&mut pc, &shown()), [true, false]);
}

#[test]
fn wpt_rtc_peer_connection_add_ice_candidate_only_mid() {
    let (mut pc, _) = offered();
    add(&mut pc, IceCandidate { sdp_mid: Some("1".to_owned()), ..candidate() }).unwrap();
    assert_eq!(holding(&mut pc, &shown()), [false, true]);
}

#[test]
fn wpt_rtc_peer_connection_add_ice_candidate_only_m_line_index() {
    let (mut pc, _) = offered();
    add(&mut pc, IceCandidate { sdp_mline_index: Some(0), ..candidate() }).unwrap();
    assert_eq!(holding(&mut pc, &shown()), [true, false]);
}

#[test]
fn wpt_rtc_peer_connection_add_ice_candidate_goes_to_first_section() {
    let (mut pc, _) = offered();
    add(&mut pc, IceCandidate { sdp_mid: Some("0".to_owned()), sdp_mline_index: Some(0), ..candidate() }).unwrap();
    let sdp = pc.peer().remote_description().unwrap().sdp.clone();
    let place = |text: &str| sdp.find(text).unwrap();
    assert!(place("m=audio") < place(&shown()) && place(&shown()) < place("m=video"));
}

#[test]
fn wpt_rtc_peer_connection_add_ice_candidate_goes_to_second_section() {
    let (mut pc, [_, second]) = offered();
    let at_1 = IceCandidate {
        sdp_mid: Some("1".to_owned()),
        sdp_mline_index: Some(1),
        username_fragment: Some(second),
        ..candidate()
    };
    add(&mut pc, at_1).unwrap();
    assert_eq!(holding(&mut pc, &shown()), [false, true]);
}

#[test]
fn wpt_rtc_peer_connection_add_ice_candidate_two_candidates_two_sections() {
    let (mut pc, _) = offered();
    for mid in ["0", "1"] {
        add(&mut pc, IceCandidate { sdp_mid: Some(mid.to_owned()), ..candidate() }).unwrap();
    }
    assert_eq!(holding(&mut pc, &shown()), [true, true]);
}

#[test]
fn wpt_rtc_peer_connection_add_ice_candidate_empty_candidate_after_candidate() {
    let (mut pc, _) = offered();
    let at_0 = |candidate: &str| IceCandidate {
        candidate: candidate.to_owned(),
        sdp_mid: Some("0".to_owned()),
        ..IceCandidate::default()
    };
    add(&mut pc, at_0(CANDIDATE)).unwrap();
    add(&mut pc, at_0("")).unwrap();
    assert_eq!((holding(&mut pc, &shown()), holding(&mut pc, END)), (vec![true, false], vec![true, false]));
}

#[test]
fn wpt_rtc_peer_connection_add_ice_candidate_no_mid_no_index_rejects() {
    let (mut pc, _) = offered();
    assert_eq!(add(&mut pc, candidate()), Err(IceCandidateError::NoSection));
}

#[test]
fn wpt_rtc_peer_connection_add_ice_candidate_invalid_candidate_without_mid() {
    let (mut pc, _) = offered();
    let invalid = IceCandidate { candidate: "(Invalid) candidate".to_owned(), ..IceCandidate::default() };
    assert_eq!(add(&mut pc, invalid), Err(IceCandidateError::NoSection));
}

#[test]
fn wpt_rtc_peer_connection_add_ice_candidate_unknown_mid_rejects() {
    let (mut pc, _) = offered();
    let unknown = IceCandidate { sdp_mid: Some("unknown".to_owned()), sdp_mline_index: Some(0), ..candidate() };
    assert_eq!(add(&mut pc, unknown), Err(IceCandidateError::UnknownSection));
}

#[test]
fn wpt_rtc_peer_connection_add_ice_candidate_bad_index_rejects() {
    let (mut pc, _) = offered();
    let bad = IceCandidate { sdp_mline_index: Some(2), ..candidate() };
    assert_eq!(add(&mut pc, bad), Err(IceCandidateError::UnknownSection));
}

#[test]
fn wpt_rtc_peer_connection_add_ice_candidate_bad_index_ignored_with_mid() {
    let (mut pc, _) = offered();
    let bad = IceCandidate { sdp_mid: Some("0".to_owned()), sdp_mline_index: Some(2), ..candidate() };
    assert_eq!(add(&mut pc, bad), Ok(()));
}

#[test]
fn wpt_rtc_peer_connection_add_ice_candidate_unknown_ufrag_rejects() {
    let (mut pc, _) = offered();
    let unknown =
        IceCandidate { sdp_mid: Some("0".to_owned()), username_fragment: Some("unknown".to_owned()), ..candidate() };
    assert_eq!(add(&mut pc, unknown), Err(IceCandidateError::UnknownUfrag("unknown".to_owned())));
}

#[test]
fn wpt_rtc_peer_connection_add_ice_candidate_invalid_string_rejects() {
    let (mut pc, _) = offered();
    let invalid = IceCandidate {
        candidate: "(Invalid) candidate".to_owned(),
        sdp_mid: Some("0".to_owned()),
        ..IceCandidate::default()
    };
    assert!(matches!(add(&mut pc, invalid), Err(IceCandidateError::Malformed(_))));
}

#[test]
fn wpt_rtc_peer_connection_add_ice_candidate_mid_ufrag_mismatch_rejects() {
    let (mut pc, [first, _]) = offered();
    let mismatched =
        IceCandidate { sdp_mid: Some("1".to_owned()), username_fragment: Some(first.clone()), ..candidate() };
    assert_eq!(add(&mut pc, mismatched), Err(IceCandidateError::UnknownUfrag(first)));
}

#[test]
fn wpt_rtc_peer_connection_add_ice_candidate_null_ufrag() {
    for (mid, held) in [("0", [true, false]), ("1", [false, true])] {
        let (mut pc, _) = offered();
        let candidate = IceCandidate { sdp_mid: Some(mid.to_owned()), username_fragment: None, ..candidate() };
        add(&mut pc, candidate).unwrap();
        assert_eq!(holding(&mut pc, &shown()), held);
    }
}
