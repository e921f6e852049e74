//! Descriptions and the state they leave a peer in; no packet crosses here.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use common::{Side, call, negotiate};
use netsim::{Link, Pair};
use ortica::core::Instant;
use ortica::engine::ChannelParameters;
use ortica::jsep::{DescriptionError, IceCandidate, IceCandidateError, SessionDescription, SignalingState};
use ortica::peer::{Peer, PeerEvent};
use std::time::Duration;

fn now() -> Instant {
    netsim::epoch()
}

fn offerer(seed: u64) -> Side {
    let mut side = Side::new(seed, Pair::<Side>::A);
    side.create_channel(now(), ChannelParameters::default());
    side
}

fn answerer(seed: u64) -> Side {
    Side::new(seed, Pair::<Side>::B)
}

fn offer_of(peer: &mut Peer) -> SessionDescription {
    let offer = peer.create_offer(now()).expect("an offer");
    peer.set_local_description(now(), offer).expect("the offer is ours");
    peer.local_description().expect("it was set")
}

fn lines<'a>(description: &'a SessionDescription, start: &str) -> Vec<&'a str> {
    description.sdp.lines().filter(|line| line.starts_with(start)).collect()
}

#[test]
fn a_call_in_the_wrong_state_names_the_state_and_changes_nothing() {
    let mut side = offerer(1);
    let error = side.peer.create_answer(now()).unwrap_err();
    assert_eq!(error.to_string(), "create an answer in state stable");
    let offer = offer_of(&mut side.peer);
    let error = side.peer.set_remote_description(now(), offer).unwrap_err();
    assert_eq!(
        error,
        DescriptionError::InvalidState { call: "set a remote offer", state: SignalingState::HaveLocalOffer }
    );
    assert_eq!(side.peer.signaling_state(), SignalingState::HaveLocalOffer);
}

#[test]
fn a_candidate_line_says_candidate_once() {
    let mut side = offerer(1);
    let offer = offer_of(&mut side.peer);
    let line = lines(&offer, "a=candidate:")[0];
    assert!(line.starts_with("a=candidate:1 1 udp "), "{line}");
    side.peer.drain_engine(now(), |_| ());
    let trickled = std::iter::from_fn(|| side.peer.poll_event()).find_map(|event| match event {
        PeerEvent::IceCandidate(candidate) => candidate,
        _ => None,
    });
    assert_eq!(format!("a={}", trickled.expect("a candidate").candidate), line);
}

#[test]
fn malformed_sdp_names_the_line_and_changes_nothing() {
    let mut side = answerer(1);
    let offer = SessionDescription::offer("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\nq=nonsense\r\n");
    let error = side.peer.set_remote_description(now(), offer).unwrap_err();
    assert!(matches!(error, DescriptionError::Syntax(_)));
    assert!(error.to_string().starts_with("line 3"), "{error}");
    assert_eq!(side.peer.signaling_state(), SignalingState::Stable);
    assert_eq!(side.peer.remote_description(), None);
}

/// Guards: only what `create_offer` made can be set (JSEP-3).
#[test]
fn jsep_3_a_modified_description_is_refused() {
    let mut side = offerer(1);
    let mut offer = side.peer.create_offer(now()).unwrap();
    offer.sdp = offer.sdp.replace("actpass", "active");
    let error = side.peer.set_local_description(now(), offer).unwrap_err();
    assert_eq!(error.to_string(), "the offer was modified after it was created");
    assert_eq!(side.peer.signaling_state(), SignalingState::Stable);
}

/// Guards: what this side does not serve is rejected in its place, and the count stays.
#[test]
fn sdp_2_unknown_media_keep_their_slot() {
    let mut a = offerer(1);
    let mut b = answerer(2);
    let offer = offer_of(&mut a.peer);
    let (head, data) = offer.sdp.split_once("m=application").unwrap();
    let foreign = "m=hologram 9 UDP/TLS/RTP/SAVPF 99\r\nc=IN IP4 0.0.0.0\r\na=mid:h\r\n";
    let offer = SessionDescription::offer(format!("{head}{foreign}m=application{data}"));
    b.peer.set_remote_description(now(), offer).unwrap();
    let answer = b.peer.create_answer(now()).unwrap();
    assert_eq!(
        lines(&answer, "m="),
        ["m=hologram 0 UDP/TLS/RTP/SAVPF 99", "m=application 9 UDP/DTLS/SCTP webrtc-datachannel"]
    );
    assert_eq!(lines(&answer, "a=group"), ["a=group:BUNDLE 0"]);
}

/// Guards: an answer with other sections than the offer is refused, and the offer still stands.
#[test]
fn sdp_2_an_answer_must_have_the_sections_of_the_offer() {
    let mut a = offerer(1);
    let mut b = answerer(2);
    let offer = offer_of(&mut a.peer);
    b.peer.set_remote_description(now(), offer).unwrap();
    let answer = b.peer.create_answer(now()).unwrap();
    let (head, _) = answer.sdp.split_once("m=").unwrap();
    let head = head.replace("a=group:BUNDLE 0\r\n", "");
    let error = a.peer.set_remote_description(now(), SessionDescription::answer(head)).unwrap_err();
    assert_eq!(error, DescriptionError::SectionCount { offer: 1, answer: 0 });
    assert_eq!(a.peer.signaling_state(), SignalingState::HaveLocalOffer);
    a.peer.set_remote_description(now(), answer).unwrap();
    assert_eq!(a.peer.signaling_state(), SignalingState::Stable);
}

/// Guards: the version rises by one when something changed, and stays when nothing did.
#[test]
fn sdp_3_the_version_rises_by_one_with_each_change() {
    let mut side = offerer(1);
    let version = |offer: &SessionDescription| -> u64 {
        let line = lines(offer, "o=")[0];
        line.split(' ').nth(2).unwrap().parse().unwrap()
    };
    let id = |offer: &SessionDescription| -> u64 { lines(offer, "o=")[0].split(' ').nth(1).unwrap().parse().unwrap() };
    let first = side.peer.create_offer(now()).unwrap();
    let same = side.peer.create_offer(now()).unwrap();
    assert_eq!(first.sdp, same.sdp);
    assert!(id(&first) < 1 << 63);
    let mut empty = answerer(2);
    let without = empty.peer.create_offer(now()).unwrap();
    empty.create_channel(now(), ChannelParameters::default());
    let with = empty.peer.create_offer(now()).unwrap();
    assert_eq!(version(&with), version(&without) + 1);
}

/// Guards: an offer leaves the role open, an answer never does, and it stays for later negotiations.
#[test]
fn sdp_7_the_dtls_role_is_chosen_once() {
    let mut pair = call(1, Link::with_delay(Duration::from_millis(10)));
    let setup = |side: &Side| lines(&side.peer.local_description().unwrap(), "a=setup").join(" ");
    assert_eq!(setup(&pair.a), "a=setup:actpass");
    assert_eq!(setup(&pair.b), "a=setup:active");
    // Now the other way round: the roles stay as they are.
    let offer = pair.b.peer.create_offer(now()).unwrap();
    assert!(offer.sdp.contains("a=setup:actpass"));
    pair.b.peer.set_local_description(now(), offer.clone()).unwrap();
    pair.a.peer.set_remote_description(now(), offer).unwrap();
    let answer = pair.a.peer.create_answer(now()).unwrap();
    assert!(answer.sdp.contains("a=setup:passive"));
    let turned = SessionDescription::answer(answer.sdp.replace("a=setup:passive", "a=setup:active"));
    assert!(pair.b.peer.set_remote_description(now(), turned).is_err());
    let open = SessionDescription::answer(answer.sdp.replace("a=setup:passive", "a=setup:actpass"));
    assert!(pair.b.peer.set_remote_description(now(), open).is_err());
    pair.b.peer.set_remote_description(now(), answer).unwrap();
    assert_eq!(pair.b.peer.signaling_state(), SignalingState::Stable);
}

/// Guards: negotiation is asked for once per change, and not for what is already agreed.
#[test]
fn jsep_2_negotiation_needed_fires_once_for_one_change() {
    let mut pair = call(1, Link::default());
    let asked = |side: &mut Side| {
        std::iter::from_fn(|| side.peer.poll_event()).filter(|event| *event == PeerEvent::NegotiationNeeded).count()
    };
    assert_eq!(asked(&mut pair.a), 1);
    pair.a.create_channel(now(), ChannelParameters::default());
    assert_eq!(asked(&mut pair.a), 0, "one section serves all channels");
}

/// Guards `Negotiation::add_ice_candidate`: sections and ufrags that no description names are errors.
#[test]
fn jsep_4_candidates_are_refused_before_a_remote_description_and_for_unknown_sections() {
    let mut a = offerer(1);
    let mut b = answerer(2);
    let offer = offer_of(&mut a.peer);
    let candidate = |mid: &str, ufrag: Option<&str>| IceCandidate {
        candidate: "candidate:1 1 udp 2122260223 192.0.2.9 4000 typ host".to_owned(),
        sdp_mid: Some(mid.to_owned()),
        sdp_mline_index: None,
        username_fragment: ufrag.map(str::to_owned),
    };
    let add = |side: &mut Side, candidate| side.peer.add_ice_candidate(now(), &candidate);
    assert_eq!(add(&mut b, candidate("0", None)), Err(IceCandidateError::NoRemoteDescription));
    b.peer.set_remote_description(now(), offer).unwrap();
    assert_eq!(add(&mut b, candidate("7", None)), Err(IceCandidateError::UnknownSection));
    assert_eq!(add(&mut b, candidate("0", Some("zzzz"))), Err(IceCandidateError::UnknownUfrag("zzzz".to_owned())));
    let malformed = IceCandidate { candidate: "candidate:nonsense".to_owned(), ..candidate("0", None) };
    assert!(matches!(add(&mut b, malformed), Err(IceCandidateError::Malformed(_))));
    assert_eq!(add(&mut b, candidate("0", None)), Ok(()));
    assert_eq!(add(&mut b, IceCandidate { candidate: String::new(), ..candidate("0", None) }), Ok(()));
}

#[test]
fn a_second_negotiation_leaves_the_transport_alone() {
    let mut pair = call(1, Link::with_delay(Duration::from_millis(10)));
    pair.run_until(Duration::from_secs(10), |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
    negotiate(&mut pair);
    let changes = pair.a.events.len();
    pair.run_for(Duration::from_secs(3));
    let states = |event: &PeerEvent| matches!(event, PeerEvent::ConnectionStateChange(_));
    assert!(!pair.a.events[changes..].iter().any(states), "{:?}", &pair.a.events[changes..]);
}
