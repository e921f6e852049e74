//! Descriptions and the state they leave a peer in; no packet crosses here.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use common::{Side, call, exchange, negotiate};
use netsim::{Link, Pair};
use ortica::Direction;
use ortica::codecs::{Codec, MediaKind};
use ortica::core::Instant;
use ortica::engine::ChannelParameters;
use ortica::jsep::{
    DescriptionError, IceCandidate, IceCandidateError, SessionDescription, SignalingState, TransceiverInit,
};
use ortica::peer::{Peer, PeerEvent};
use std::collections::BTreeMap;
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
    let error = side.peer.set_local_description(now(), SessionDescription::answer(offer.sdp)).unwrap_err();
    assert_eq!(
        error,
        DescriptionError::InvalidState { call: "set a local answer", state: SignalingState::HaveLocalOffer }
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
    // Firefox turns the role when ICE starts anew, and keeps the association.
    pair.b.peer.restart_ice();
    let offer = pair.b.peer.create_offer(now()).unwrap();
    pair.b.peer.set_local_description(now(), offer.clone()).unwrap();
    pair.a.peer.set_remote_description(now(), offer).unwrap();
    let answer = pair.a.peer.create_answer(now()).unwrap();
    let turned = SessionDescription::answer(answer.sdp.replace("a=setup:passive", "a=setup:active"));
    pair.b.peer.set_remote_description(now(), turned).unwrap();
    pair.a.peer.set_local_description(now(), answer).unwrap();
    let [_, answer] = exchange(now(), &mut pair.a, &mut pair.b);
    assert_eq!(lines(&answer, "a=setup"), ["a=setup:active"]);
}

/// Guards: negotiation is asked for once per change, and not for what is already agreed.
#[test]
fn jsep_2_negotiation_needed_fires_once_for_one_change() {
    let mut pair = call(1, Link::default());
    let asked = |side: &mut Side| {
        std::iter::from_fn(|| side.peer.poll_event()).filter(|event| *event == PeerEvent::NegotiationNeeded).count()
    };
    assert_eq!(asked(&mut pair.a), 0, "what was asked for and not heard is negotiated by now");
    pair.a.create_channel(now(), ChannelParameters::default());
    assert_eq!(asked(&mut pair.a), 0, "one section serves all channels");
    for _ in 0..2 {
        pair.a.peer.add_transceiver(MediaKind::Audio, TransceiverInit::default()).unwrap();
    }
    assert_eq!(asked(&mut pair.a), 1);
    pair.a.peer.set_codecs(vec![Codec::Pcmu, Codec::Vp8]);
    // Nobody hears of the third before the other side offers; what then is still to be negotiated is asked for once more.
    pair.a.peer.add_transceiver(MediaKind::Video, TransceiverInit::default()).unwrap();
    pair.b.peer.add_transceiver(MediaKind::Audio, TransceiverInit::default()).unwrap();
    exchange(now(), &mut pair.b, &mut pair.a);
    assert_eq!(asked(&mut pair.a), 1);
}

/// Guards: what a rolled back offer called things nobody heard of, so that the other side's names are taken over.
#[test]
fn jsep_1_numbers_of_an_offer_that_gives_way_are_forgotten() {
    let mut ours = offerer(1);
    let mut theirs = answerer(2);
    for side in [&mut ours, &mut theirs] {
        side.peer.set_codecs(vec![Codec::Pcmu, Codec::Vp8]);
    }
    ours.peer.add_transceiver(MediaKind::Video, TransceiverInit::default()).unwrap();
    let taken_back = ours.peer.create_offer(now()).unwrap();
    ours.peer.set_local_description(now(), taken_back.clone()).unwrap();
    theirs.peer.add_transceiver(MediaKind::Video, TransceiverInit::default()).unwrap();
    let offer = theirs.peer.create_offer(now()).unwrap();
    let renumbered = |line: &str| match line.strip_prefix("a=extmap:").and_then(|rest| rest.split_once(' ')) {
        Some((id, uri)) => format!("a=extmap:{} {uri}\r\n", id.parse::<u8>().unwrap() + 3),
        None => format!("{line}\r\n"),
    };
    let sdp: String = offer.sdp.lines().map(renumbered).collect();
    ours.peer.set_remote_description(now(), SessionDescription::offer(sdp.clone())).unwrap();
    let answer = ours.peer.create_answer(now()).unwrap();
    ours.peer.set_local_description(now(), answer).unwrap();
    ours.peer.add_transceiver(MediaKind::Audio, TransceiverInit::default()).unwrap();
    let next = ours.peer.create_offer(now()).unwrap();
    let extmaps = |text: &SessionDescription| -> BTreeMap<String, String> {
        let pairs = lines(text, "a=extmap:").into_iter().filter_map(|line| line.split_once(' '));
        pairs.map(|(id, uri)| (uri.to_owned(), id.to_owned())).collect()
    };
    let (offered, used) = (extmaps(&SessionDescription::offer(sdp)), extmaps(&next));
    for (uri, id) in &offered {
        assert_eq!(used.get(uri), Some(id), "{uri}");
    }
    let mut ids: Vec<_> = used.values().collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), used.len(), "{used:?}");
    assert!(used.len() > offered.len(), "the level of sound is new: {used:?}");
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
        username_fragment: ufrag.map(str::to_owned),
        ..IceCandidate::default()
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

/// A side with sound, pictures and a channel.
fn with_media(mut side: Side) -> Side {
    side.peer.set_codecs(vec![Codec::Pcmu, Codec::Vp8]);
    side.peer.add_track(MediaKind::Audio, Vec::new()).unwrap();
    side.peer.add_track(MediaKind::Video, Vec::new()).unwrap();
    side
}

/// The sections of a description, without what precedes them.
fn sections(description: &SessionDescription) -> Vec<String> {
    description.sdp.split("m=").skip(1).map(|section| format!("m={section}")).collect()
}

/// Guards the one table of extensions: an id means the same in all sections of a group, whoever offered it, and fits the
/// one-byte form (RFC 8285 §4.2, RFC 8843 §9).
#[test]
fn sdp_5_an_extension_has_one_id_in_all_sections() {
    let mut a = with_media(offerer(1));
    let mut b = with_media(answerer(2));
    let offer = offer_of(&mut a.peer);
    // Another numbering, as another peer might have it: the answer keeps to it.
    let shifted: Vec<String> = offer
        .sdp
        .lines()
        .map(|line| match line.strip_prefix("a=extmap:").and_then(|rest| rest.split_once(' ')) {
            Some((id, uri)) => format!("a=extmap:{} {uri}\r\n", 14 - id.parse::<u8>().unwrap()),
            None => format!("{line}\r\n"),
        })
        .collect();
    let shifted = SessionDescription::offer(shifted.concat());
    b.peer.set_remote_description(now(), shifted.clone()).unwrap();
    let answer = b.peer.create_answer(now()).unwrap();
    for description in [&offer, &answer] {
        let mut ids = std::collections::BTreeMap::new();
        let maps: Vec<_> =
            lines(description, "a=extmap:").iter().map(|line| line[9..].split_once(' ').unwrap()).collect();
        assert!(maps.len() >= 4, "{maps:?}");
        for (id, uri) in maps {
            assert!((1..=14).contains(&id.parse::<u8>().unwrap()), "{id} {uri}");
            assert_eq!(*ids.entry(id).or_insert(uri), uri, "{id} means one thing");
        }
        let uris: std::collections::BTreeSet<_> = ids.values().collect();
        assert_eq!(uris.len(), ids.len(), "an extension has one id");
        assert!(!lines(description, "a=extmap-allow-mixed").is_empty());
    }
    for line in lines(&answer, "a=extmap:") {
        assert!(shifted.sdp.contains(line), "{line} is as offered");
    }
}

/// Guards: port 0 with `a=bundle-only` is no rejection, the transport's attributes come from the tagged section alone, and
/// the group of an answer is part of the offered one (RFC 8843 §7).
#[test]
fn sdp_6_a_bundle_only_section_is_served_by_the_tagged_one() {
    let mut a = with_media(offerer(1));
    let mut b = with_media(answerer(2));
    let offer = offer_of(&mut a.peer);
    let of_transport = ["a=ice-", "a=fingerprint", "a=setup", "a=candidate", "a=end-of-candidates"];
    let (head, _) = offer.sdp.split_once("m=").unwrap();
    let all = sections(&offer);
    assert_eq!(all.len(), 3);
    let bare: Vec<String> = all[1..]
        .iter()
        .map(|section| {
            let kept = section.lines().filter(|line| !of_transport.iter().any(|start| line.starts_with(start)));
            let kept: String = kept.map(|line| format!("{line}\r\n")).collect();
            // Another ufrag, which nobody may follow.
            format!(
                "{}a=bundle-only\r\na=ice-ufrag:evil\r\na=ice-pwd:0123456789012345678901\r\n",
                kept.replacen(" 9 ", " 0 ", 1)
            )
        })
        .collect();
    let changed = SessionDescription::offer(format!("{head}{}{}", all[0], bare.concat()));
    b.peer.set_remote_description(now(), changed).unwrap();
    let answer = b.peer.create_answer(now()).unwrap();
    assert!(lines(&answer, "m=").iter().all(|line| !line.contains(" 0 UDP")), "{:?}", lines(&answer, "m="));
    assert_eq!(lines(&answer, "a=group"), lines(&offer, "a=group"));
    b.peer.set_local_description(now(), answer).unwrap();
    let session = b.peer.session();
    assert_eq!(session.transports().count(), 1);
    let agent = session.ice(session.transports().next().unwrap()).unwrap();
    let ufrag = lines(&offer, "a=ice-ufrag:")[0].trim_start_matches("a=ice-ufrag:");
    assert_eq!(agent.remote_credentials().unwrap().ufrag, ufrag);
}

/// Guards the directions of a transceiver through its life: unknown before an answer, and none once it is stopped; a
/// section that is rejected ends the track that came with it.
#[test]
fn jsep_5_directions_follow_the_answer_and_end_with_the_section() {
    let mut a = with_media(offerer(1));
    let mut b = with_media(answerer(2));
    let of = |side: &Side, kind| side.peer.transceivers().into_iter().find(|state| state.kind == kind).unwrap();
    let offer = offer_of(&mut a.peer);
    assert_eq!(of(&a, MediaKind::Video).current_direction, None);
    b.peer.set_remote_description(now(), offer).unwrap();
    assert_eq!(of(&b, MediaKind::Video).current_direction, None);
    let answer = b.peer.create_answer(now()).unwrap();
    b.peer.set_local_description(now(), answer.clone()).unwrap();
    a.peer.set_remote_description(now(), answer).unwrap();
    for side in [&a, &b] {
        assert_eq!(of(side, MediaKind::Video).current_direction, Some(Direction::SendRecv));
    }

    // b stops it: its next description gives the section up, and the track ends at a.
    let stopped = of(&b, MediaKind::Video).id;
    b.peer.stop_transceiver(stopped).unwrap();
    let state = b.peer.transceiver(stopped).unwrap();
    assert!(state.stopping && !state.stopped, "{state:?}");
    assert_eq!(state.current_direction, Some(Direction::SendRecv), "until it is agreed on");
    let offer = offer_of(&mut b.peer);
    a.peer.set_remote_description(now(), offer).unwrap();
    let ended = of(&a, MediaKind::Video);
    assert!(ended.stopped && ended.current_direction.is_none(), "{ended:?}");
    let answer = a.peer.create_answer(now()).unwrap();
    a.peer.set_local_description(now(), answer.clone()).unwrap();
    b.peer.set_remote_description(now(), answer).unwrap();
    assert_eq!((a.peer.transceiver(ended.id), b.peer.transceiver(stopped)), (None, None));
    let events: Vec<PeerEvent> = std::iter::from_fn(|| a.peer.poll_event()).collect();
    assert!(events.contains(&PeerEvent::TrackRemoved(ended.id, ended.kind)), "{events:?}");
    assert!(sections(&a.peer.local_description().unwrap()).iter().any(|section| section.starts_with("m=video 0 ")));
}

/// What a rollback has to restore, bit for bit.
fn agreed(side: &Side) -> impl PartialEq + std::fmt::Debug + use<> {
    let peer = &side.peer;
    let transport = peer.session().transports().next();
    let agent = transport.filter(|_| peer.current_local_description().is_some()).and_then(|id| peer.session().ice(id));
    (
        (peer.signaling_state(), peer.local_description(), peer.remote_description().cloned(), peer.transceivers()),
        agent.map(|agent| {
            let remote: Vec<_> = agent.remote_candidates().cloned().collect();
            (agent.local_credentials().clone(), agent.remote_credentials().cloned(), remote)
        }),
    )
}

/// Guards: `Negotiation::roll_back`, for the first exchange and a later one, of either side's offer, with and without a
/// restart of ICE.
#[test]
fn jsep_1_a_rollback_restores_everything() {
    for case in 0..8 {
        let [negotiated, local, restarts] = [1, 2, 4].map(|bit| case & bit != 0);
        let mut a = with_media(offerer(1));
        let mut b = with_media(answerer(2));
        if negotiated {
            common::exchange(now(), &mut a, &mut b);
        }
        for side in [&mut a, &mut b] {
            side.peer.drain_engine(now(), |_| ());
        }
        let offering = if local { &mut a } else { &mut b };
        offering.peer.add_transceiver(MediaKind::Video, Default::default()).unwrap();
        if restarts {
            offering.peer.restart_ice();
        }
        let before = agreed(&a);
        if local {
            offer_of(&mut a.peer);
            assert!(agreed(&a) != before, "case {case}");
            a.peer.set_local_description(now(), SessionDescription::rollback()).unwrap();
        } else {
            let offer = offer_of(&mut b.peer);
            a.peer.set_remote_description(now(), offer).unwrap();
            let candidate = IceCandidate { sdp_mid: Some("0".to_owned()), ..IceCandidate::default() };
            a.peer.add_ice_candidate(now(), &candidate).unwrap();
            assert!(agreed(&a) != before, "case {case}");
            a.peer.set_remote_description(now(), SessionDescription::rollback()).unwrap();
        }
        assert_eq!(agreed(&a), before, "case {case}");
    }
}

/// Guards: the offer of the other side takes the place of one's own, and both reach one agreement.
#[test]
fn jsep_1_an_offer_that_meets_an_offer_rolls_it_back() {
    let mut a = with_media(offerer(1));
    let mut b = with_media(answerer(2));
    offer_of(&mut a.peer);
    common::exchange(now(), &mut b, &mut a);
    assert_eq!((a.peer.signaling_state(), b.peer.signaling_state()), (SignalingState::Stable, SignalingState::Stable));
    common::exchange(now(), &mut a, &mut b);
    assert_eq!(a.peer.transceivers().len(), 2);
    assert_eq!(b.peer.transceivers().len(), 2);
    assert!(a.peer.current_local_description().unwrap().sdp.contains("m=application"));
}

/// Guards `Session::reset_transport`: an offer that was taken back and set again still says the truth of its transport, to
/// the INIT chunk of SCTP.
#[test]
fn jsep_1_an_offer_that_was_taken_back_can_be_set_again() {
    let delay = Duration::from_millis(10);
    let mut pair = Pair::new(1, Link::with_delay(delay), offerer(1), answerer(2));
    let offer = pair.a.peer.create_offer(now()).unwrap();
    assert_eq!(lines(&offer, "a=sctp-init").len(), 1);
    pair.a.peer.set_local_description(now(), offer.clone()).unwrap();
    pair.a.peer.set_local_description(now(), SessionDescription::rollback()).unwrap();
    pair.a.peer.set_local_description(now(), offer).unwrap();
    let offer = pair.a.peer.local_description().unwrap();
    pair.b.peer.set_remote_description(now(), offer).unwrap();
    let answer = pair.b.peer.create_answer(now()).unwrap();
    pair.b.peer.set_local_description(now(), answer).unwrap();
    let answer = pair.b.peer.local_description().unwrap();
    pair.a.peer.set_remote_description(now(), answer).unwrap();
    pair.run_until(Duration::from_secs(10), |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
}
