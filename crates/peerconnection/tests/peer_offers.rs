//! Offers of real peers, kept as files, and what is answered to them.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use common::Side;
use netsim::Pair;
use ortica::Direction;
use ortica::codecs::{Codec, MediaKind};
use ortica::jsep::{SessionDescription, SignalingState, TransceiverInit};
use ortica_sdp::{Section, Session, Setup};
use std::path::{Path, PathBuf};

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdp/testdata")
}

fn side() -> Side {
    let mut side = Side::new(1, Pair::<Side>::A);
    side.peer.set_codecs(vec![Codec::Opus, Codec::Pcmu, Codec::Pcma, Codec::Vp8]);
    side
}

/// Answers an offer by a side that sends sound and pictures, and checks what has to be true of any answer.
fn answer(name: &str, text: &str) -> (Session, Session) {
    let mut side = side();
    for kind in [MediaKind::Audio, MediaKind::Video] {
        side.peer.add_track(kind, vec!["stream".to_owned()]).unwrap();
    }
    let now = netsim::epoch();
    side.peer.set_remote_description(now, SessionDescription::offer(text)).unwrap_or_else(|it| panic!("{name}: {it}"));
    let answer = side.peer.create_answer(now).unwrap();
    side.peer.set_local_description(now, answer).unwrap();
    assert_eq!(side.peer.signaling_state(), SignalingState::Stable, "{name}");
    let answer = side.peer.local_description().unwrap().sdp;
    sdp_grammar::assert_sound(&answer);
    let (offer, answer): (Session, Session) = (text.parse().unwrap(), answer.parse().unwrap());
    assert_eq!(answer.check_answer(&offer), Ok(()), "{name}");
    for (offered, answered) in offer.sections().zip(answer.sections()) {
        check_section(name, &offered, &answered);
    }
    (offer, answer)
}

fn check_section(name: &str, offered: &Section<'_>, answered: &Section<'_>) {
    if offered.mid().is_some() {
        assert_eq!(answered.mid(), offered.mid(), "{name}");
    }
    assert_eq!(answered.protocol, offered.protocol, "{name}");
    if answered.is_rejected() {
        return;
    }
    assert!(!offered.is_rejected(), "{name}: nothing comes back to life");
    let role = if offered.setup() == Some(Setup::Active) { Setup::Passive } else { Setup::Active };
    assert_eq!(answered.setup(), Some(role), "{name}");
    assert!(answered.ice_credentials().is_some() && answered.fingerprints().count() == 1, "{name}");
    let [ours, theirs] = [answered, offered].map(|it| it.direction());
    assert!(!ours.sends() || theirs.receives(), "{name}: {ours} to {theirs}");
    assert!(!ours.receives() || theirs.sends(), "{name}: {ours} to {theirs}");
    for payload in answered.payloads() {
        let (number, ours) = (payload.payload_type, payload.rtpmap.as_ref().unwrap());
        let theirs = offered.payloads().into_iter().find(|it| it.payload_type == number);
        let theirs = theirs.unwrap_or_else(|| panic!("{name}: {number} was not offered"));
        assert!(theirs.is(&ours.encoding), "{name}: {number} keeps its meaning");
    }
    for extension in answered.extmaps() {
        assert!(offered.extmaps().any(|it| (it.id, &it.uri) == (extension.id, &extension.uri)), "{name}: {extension}");
    }
}

/// Kind, codecs and direction of each section; none for one that is rejected.
fn summary(answer: &Session) -> Vec<String> {
    let codecs = |section: &Section<'_>| -> Vec<String> {
        section.payloads().iter().map(|it| it.rtpmap.as_ref().unwrap().encoding.clone()).collect()
    };
    let words = |section: Section<'_>| match section.is_rejected() {
        true => format!("{} rejected", section.kind),
        false if section.protocol.is_sctp() => section.kind.to_string(),
        false => format!("{} {} {}", section.kind, codecs(&section).join(" "), section.direction()),
    };
    answer.sections().map(words).collect()
}

/// Every offer there is gets an answer that fits it.
#[test]
fn every_offer_is_answered() {
    let mut answered = 0;
    for folder in ["browsers", "aiortc", "peers", "by-hand", "rfc8829"] {
        for entry in std::fs::read_dir(testdata().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            // The one without DTLS is refused, see below.
            if name.contains("offer") && !name.starts_with("freeswitch-no-dtls") {
                answer(&name, &std::fs::read_to_string(&path).unwrap());
                answered += 1;
            }
        }
    }
    assert!(answered >= 40, "{answered}");
}

/// What is chosen from the offers of each kind of peer.
#[test]
fn offers_of_each_peer_are_answered_with_what_both_know() {
    for (file, expected) in [
        (
            "browsers/chromium-av-data-offer-gathered",
            &[
                "audio opus red PCMU PCMA CN telephone-event telephone-event sendrecv",
                "video VP8 rtx sendrecv",
                "application",
            ][..],
        ),
        (
            "browsers/firefox-av-data-offer-gathered",
            &["audio opus PCMU PCMA telephone-event sendrecv", "video VP8 rtx sendrecv", "application"],
        ),
        (
            "browsers/chromium-recvonly-offer",
            &["audio opus red PCMU PCMA CN telephone-event telephone-event sendonly", "video VP8 rtx sendonly"],
        ),
        (
            "peers/safari-offer",
            &[
                "audio opus PCMU PCMA CN telephone-event telephone-event sendrecv",
                "video VP8 rtx sendrecv",
                "application",
            ],
        ),
        // Each section over a transport of its own.
        ("peers/gstreamer-webrtcbin-offer", &["video VP8 sendrecv", "audio opus sendrecv"]),
        // It has H.264 alone.
        ("peers/obs-whip-offer", &["audio opus recvonly", "video rejected"]),
        ("peers/janus-videoroom-offer", &["audio opus recvonly", "video VP8 rtx recvonly"]),
        ("peers/freeswitch-answer", &["audio PCMA telephone-event sendrecv"]),
        ("peers/edge-15-audio-offer", &["audio opus PCMU PCMA CN telephone-event sendrecv"]),
        ("peers/chrome-video-offer", &["video VP8 rtx sendrecv"]),
        ("peers/firefox-58-data-offer", &["application"]),
        ("by-hand/lite-server-offer", &["audio PCMA telephone-event sendrecv"]),
        ("aiortc/aiortc-av-data-offer", &["audio opus PCMU PCMA sendrecv", "video VP8 rtx sendrecv", "application"]),
    ] {
        let text = std::fs::read_to_string(testdata().join(file).with_extension("sdp")).unwrap();
        let (_, answer) = answer(file, &text);
        assert_eq!(summary(&answer), expected, "{file}");
    }
}

/// Guards: nothing runs in the clear, whoever asks for it.
#[test]
fn an_offer_without_dtls_is_refused() {
    let text = std::fs::read_to_string(testdata().join("peers/freeswitch-no-dtls-offer.sdp")).unwrap();
    let mut side = side();
    let refused = side.peer.set_remote_description(netsim::epoch(), SessionDescription::offer(text)).unwrap_err();
    assert_eq!(refused.to_string(), "section 0: no usable fingerprint");
    assert_eq!(side.peer.signaling_state(), SignalingState::Stable);
}

/// Guards where the direction of a transceiver comes from: a track that is added between the offer and the answer is sent.
#[test]
fn seed_a_track_added_before_the_answer_is_sent() {
    let now = netsim::epoch();
    for offered in [Direction::SendRecv, Direction::RecvOnly] {
        for added_first in [true, false] {
            let (mut a, mut b) = (side(), Side::new(2, Pair::<Side>::B));
            let init = TransceiverInit { direction: offered, ..TransceiverInit::default() };
            a.peer.add_transceiver(MediaKind::Audio, init).unwrap();
            let offer = a.peer.create_offer(now).unwrap();
            a.peer.set_local_description(now, offer.clone()).unwrap();
            b.peer.set_codecs(vec![Codec::Opus, Codec::Vp8]);
            let add = |b: &mut Side| b.peer.add_track(MediaKind::Audio, Vec::new()).unwrap();
            let before = added_first.then(|| add(&mut b));
            b.peer.set_remote_description(now, offer).unwrap();
            let id = before.unwrap_or_else(|| add(&mut b));
            assert_eq!(b.peer.transceivers().len(), 1, "one for the section and the track");
            let answer = b.peer.create_answer(now).unwrap();
            assert!(!is_negotiation_needed(&mut b), "an offer is there already");
            b.peer.set_local_description(now, answer.clone()).unwrap();
            a.peer.set_remote_description(now, answer).unwrap();
            let current = b.peer.transceiver(id).unwrap().current_direction.unwrap();
            assert_eq!(current, Direction::SendRecv.and(offered.reversed()), "{offered}, added first: {added_first}");
            assert!(current.sends());
            assert!(!is_negotiation_needed(&mut b), "everything is agreed on: {offered}, added first: {added_first}");
        }
    }
}

/// Guards `Negotiation::is_outdated`: a track that is added once the answer was made asks for another negotiation, and is sent
/// after it. It is never left silently receiving.
#[test]
fn seed_a_track_added_after_the_answer_asks_for_negotiation() {
    let now = netsim::epoch();
    for before_it_is_set in [true, false] {
        let (mut a, mut b) = (side(), Side::new(2, Pair::<Side>::B));
        b.peer.set_codecs(vec![Codec::Opus]);
        a.peer.add_track(MediaKind::Audio, Vec::new()).unwrap();
        let offer = a.peer.create_offer(now).unwrap();
        a.peer.set_local_description(now, offer.clone()).unwrap();
        b.peer.set_remote_description(now, offer).unwrap();
        let answer = b.peer.create_answer(now).unwrap();
        let mut id = before_it_is_set.then(|| b.peer.add_track(MediaKind::Audio, Vec::new()).unwrap());
        b.peer.set_local_description(now, answer.clone()).unwrap();
        a.peer.set_remote_description(now, answer).unwrap();
        if id.is_none() {
            assert!(!is_negotiation_needed(&mut b));
            id = Some(b.peer.add_track(MediaKind::Audio, Vec::new()).unwrap());
        }
        let id = id.unwrap();
        assert_eq!(b.peer.transceiver(id).unwrap().current_direction, Some(Direction::RecvOnly));
        assert!(is_negotiation_needed(&mut b), "before the answer was set: {before_it_is_set}");
        common::exchange(now, &mut b, &mut a);
        assert_eq!(b.peer.transceiver(id).unwrap().current_direction, Some(Direction::SendRecv));
        assert!(!is_negotiation_needed(&mut b));
    }
}

/// Whether it was reported since the last call.
fn is_negotiation_needed(side: &mut Side) -> bool {
    side.peer.drain_engine(netsim::epoch(), |_| ());
    std::iter::from_fn(|| side.peer.poll_event()).filter(|it| *it == ortica::peer::PeerEvent::NegotiationNeeded).count()
        > 0
}
