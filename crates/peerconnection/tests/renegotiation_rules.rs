//! What descriptions may say after others, and which of what they say is not heeded; few packets cross here.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use common::{Side, exchange};
use netsim::{Link, Pair};
use ortica::ConnectionState;
use ortica::Direction;
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::engine::{ChannelParameters, DtlsState, SendFrameError};
use ortica::jsep::{DescriptionError, SdpType, SectionProblem, SessionDescription, TransceiverInit};
use std::collections::BTreeMap;
use std::time::Duration;

/// Two sides with sound and pictures.
fn pair() -> Pair<Side> {
    let side = |seed, address| {
        let mut side = Side::new(seed, address);
        side.peer.set_codecs(vec![Codec::Pcmu, Codec::Vp8]);
        side
    };
    let (a, b) = (side(1, Pair::<Side>::A), side(2, Pair::<Side>::B));
    Pair::new(1, Link::with_delay(Duration::from_millis(10)), a, b)
}

/// What follows the names of lines that begin so.
fn lines<'a>(sdp: &'a str, start: &str) -> Vec<&'a str> {
    sdp.lines().filter_map(|line| line.strip_prefix(start)).collect()
}

/// What the numbers of a description stand for: payload types and ids of header extensions.
fn numbers(sdp: &str) -> [BTreeMap<String, String>; 2] {
    ["a=rtpmap:", "a=extmap:"].map(|start| {
        let pairs = lines(sdp, start).into_iter().filter_map(|line| line.split_once(' '));
        pairs.map(|(number, meaning)| (number.to_owned(), meaning.to_owned())).collect()
    })
}

/// Guards: a slot that was given up is used again under a name of its own, by whoever offers, and no description has fewer
/// sections than the one before.
#[test]
fn sdp_2_a_slot_is_used_again_under_another_name() {
    let mut pair = pair();
    let now = pair.now();
    let first = pair.a.peer.add_transceiver(MediaKind::Video, TransceiverInit::default()).unwrap();
    pair.a.peer.add_transceiver(MediaKind::Audio, TransceiverInit::default()).unwrap();
    let [before, _] = exchange(now, &mut pair.a, &mut pair.b);
    pair.a.peer.stop_transceiver(first).unwrap();
    let [given_up, answer] = exchange(now, &mut pair.a, &mut pair.b);
    for description in [&given_up, &answer] {
        let media = lines(&description.sdp, "m=");
        let ports: Vec<&str> = media.into_iter().map(|line| line.split(' ').nth(1).unwrap()).collect();
        assert_eq!(ports, ["0", "9"], "{}", description.sdp);
    }
    pair.b.peer.add_transceiver(MediaKind::Video, TransceiverInit::default()).unwrap();
    let [offer, answer] = exchange(now, &mut pair.b, &mut pair.a);
    let mids = |sdp: &str| lines(sdp, "a=mid:").into_iter().map(str::to_owned).collect::<Vec<_>>();
    let (before, after) = (mids(&before.sdp), mids(&offer.sdp));
    assert_eq!((after.len(), &after[1]), (2, &before[1]));
    assert!(!before.contains(&after[0]), "{before:?} {after:?}");
    assert_eq!(mids(&answer.sdp), after);
}

/// Guards: payload types and ids of extensions mean the same as long as the connection lives, also once the section that brought
/// them was given up and its slot holds another one.
#[test]
fn sdp_4_numbers_outlive_their_section() {
    let mut pair = pair();
    let now = pair.now();
    pair.a.peer.add_transceiver(MediaKind::Video, TransceiverInit::default()).unwrap();
    pair.a.peer.add_transceiver(MediaKind::Audio, TransceiverInit::default()).unwrap();
    let offer = pair.a.peer.create_offer(now).unwrap().sdp;
    // Numbers that this side would have given to others.
    let offer =
        offer.replace(" 96 97\r\n", " 111 112\r\n").replace("map:96 ", "map:111 ").replace("map:97 ", "map:112 ");
    let offer = offer.replace("-fb:96 ", "-fb:111 ").replace("fmtp:97 apt=96", "fmtp:112 apt=111");
    let renumber = |line: &str| match line.strip_prefix("a=extmap:").and_then(|rest| rest.split_once(' ')) {
        Some((id, uri)) => format!("a=extmap:{} {uri}\r\n", 14 - id.parse::<u8>().unwrap()),
        None => format!("{line}\r\n"),
    };
    let offer: String = offer.lines().map(renumber).collect();
    let known = numbers(&offer);
    assert_eq!(known[0]["111"], "VP8/90000");

    let side = &mut pair.b;
    side.peer.set_codecs(vec![Codec::Opus, Codec::Pcma, Codec::Pcmu, Codec::Vp8]);
    for offer in [offer.clone(), offer.replace("m=video 9", "m=video 0")] {
        side.peer.set_remote_description(now, SessionDescription::offer(offer)).unwrap();
        let answer = side.peer.create_answer(now).unwrap();
        side.peer.set_local_description(now, answer).unwrap();
    }
    side.peer.add_transceiver(MediaKind::Audio, TransceiverInit::default()).unwrap();
    side.peer.add_transceiver(MediaKind::Video, TransceiverInit::default()).unwrap();
    let offer = side.peer.create_offer(now).unwrap().sdp;
    assert!(
        offer.contains("m=audio 9 ") && offer.contains("m=video 9 ") && offer.contains(" opus/48000/2\r\n"),
        "{offer}"
    );
    for (known, now) in known.iter().zip(numbers(&offer)) {
        for (number, meaning) in now {
            assert_eq!(*known.get(&number).unwrap_or(&meaning), meaning, "{number} in {offer}");
        }
    }
}

/// Guards: keys in a description are no reason to do without DTLS, and profiles without SRTP are not served.
#[test]
fn sdp_9_keys_in_a_description_are_not_used() {
    const KEY: &str = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n";
    let mut pair = pair();
    let now = pair.now();
    pair.a.peer.add_transceiver(MediaKind::Audio, TransceiverInit::default()).unwrap();
    let offer = pair.a.peer.create_offer(now).unwrap();
    let with_key = offer.sdp.replace("a=mid:0\r\n", &format!("a=mid:0\r\n{KEY}"));
    assert_ne!(with_key, offer.sdp);
    let keys_alone: String =
        with_key.split_inclusive("\r\n").filter(|line| !line.starts_with("a=fingerprint")).collect();
    let mut answer_to = |sdp: String| -> Result<String, DescriptionError> {
        pair.b.peer.set_remote_description(now, SessionDescription::offer(sdp))?;
        let answer = pair.b.peer.create_answer(now)?.sdp;
        pair.b.peer.set_remote_description(now, SessionDescription::rollback())?;
        Ok(answer)
    };
    let refused = DescriptionError::Section { index: 0, problem: SectionProblem::NoFingerprint };
    assert_eq!(answer_to(keys_alone), Err(refused));
    let answer = answer_to(with_key.clone()).unwrap();
    assert!(answer.contains("a=fingerprint:") && !answer.contains("a=crypto"), "{answer}");
    for served in ["TCP/TLS/RTP/SAVPF", "RTP/SAVPF"] {
        let answer = answer_to(offer.sdp.replace("UDP/TLS/RTP/SAVPF", served)).unwrap();
        assert!(answer.contains(&format!("m=audio 9 {served} ")), "{answer}");
    }
    for in_the_clear in ["RTP/AVP", "RTP/AVPF"] {
        let answer = answer_to(with_key.replace("UDP/TLS/RTP/SAVPF", in_the_clear)).unwrap();
        assert!(answer.contains(&format!("m=audio 0 {in_the_clear} ")), "{answer}");
    }
}

/// Guards: what is made without a word is an answer where an offer waits, and an offer otherwise.
#[test]
fn jsep_3_what_is_not_named_fits_the_state() {
    let mut pair = pair();
    let now = pair.now();
    pair.a.peer.add_transceiver(MediaKind::Audio, TransceiverInit::default()).unwrap();
    let offer = pair.a.peer.create_implicit(now).unwrap();
    assert_eq!(offer.kind, SdpType::Offer);
    pair.a.peer.set_local_description(now, offer.clone()).unwrap();
    assert_eq!(pair.a.peer.create_implicit(now).unwrap().kind, SdpType::Offer);
    pair.b.peer.set_remote_description(now, offer).unwrap();
    let answer = pair.b.peer.create_implicit(now).unwrap();
    assert_eq!(answer.kind, SdpType::Answer);
    pair.b.peer.set_local_description(now, answer).unwrap();
    assert_eq!(pair.b.peer.create_implicit(now).unwrap().kind, SdpType::Offer);
}

/// Guards: an answer for the time being lets media go, and nothing before it does.
#[test]
fn jsep_6_an_answer_for_the_time_being_lets_media_go() {
    let mut pair = pair();
    let now = pair.now();
    let audio = pair.a.peer.add_track(MediaKind::Audio, Vec::new()).unwrap();
    let send = |pair: &mut Pair<Side>| {
        let sound = EncodedFrame::new(Codec::Pcmu, vec![1; 160], 0).with_duration(160);
        pair.with_a(|a, now| a.peer.send_frame(now, audio, &sound))
    };
    let offer = pair.a.peer.create_offer(now).unwrap();
    pair.a.peer.set_local_description(now, offer).unwrap();
    pair.b.peer.set_remote_description(now, pair.a.peer.local_description().unwrap()).unwrap();
    let answer = pair.b.peer.create_answer(now).unwrap();
    let answer = SessionDescription { kind: SdpType::Pranswer, ..answer };
    pair.b.peer.set_local_description(now, answer).unwrap();
    pair.run_for(Duration::from_secs(2));
    assert_eq!(send(&mut pair), Err(SendFrameError::NotSending));
    let answer = pair.b.peer.local_description().unwrap();
    pair.a.peer.set_remote_description(now, answer).unwrap();
    let is_up = |side: &mut Side| side.peer.connection_state() == ConnectionState::Connected;
    pair.run_until(Duration::from_secs(10), |a, b| is_up(a) && is_up(b)).unwrap();
    assert_eq!(pair.a.peer.transceiver(audio).unwrap().current_direction, Some(Direction::SendOnly));
    assert_eq!(send(&mut pair), Ok(()));
}

/// A call with a channel in which `a` is told these names of the DTLS association, the second with a restart of ICE; what became of
/// it then, and whether the channel failed.
fn renamed(first: &str, second: &str) -> (DtlsState, bool) {
    let mut pair = pair();
    let now = pair.now();
    let named = |description: SessionDescription, name: &str| {
        let sdp = description.sdp.replace("a=setup:", &format!("a=tls-id:{name}\r\na=setup:"));
        SessionDescription { sdp, ..description }
    };
    pair.a.peer.add_track(MediaKind::Audio, Vec::new()).unwrap();
    let channel = pair.a.create_channel(now, ChannelParameters::default());
    let offer = pair.a.peer.create_offer(now).unwrap();
    pair.a.peer.set_local_description(now, offer).unwrap();
    pair.b.peer.set_remote_description(now, pair.a.peer.local_description().unwrap()).unwrap();
    let answer = pair.b.peer.create_answer(now).unwrap();
    pair.b.peer.set_local_description(now, answer).unwrap();
    let answer = named(pair.b.peer.local_description().unwrap(), first);
    pair.a.peer.set_remote_description(now, answer).unwrap();
    let is_up = |side: &mut Side| side.peer.connection_state() == ConnectionState::Connected;
    pair.run_until(Duration::from_secs(10), |a, b| is_up(a) && is_up(b)).unwrap();

    let now = pair.now();
    pair.b.peer.restart_ice();
    let offer = pair.b.peer.create_offer(now).unwrap();
    pair.b.peer.set_local_description(now, offer).unwrap();
    let offer = named(pair.b.peer.local_description().unwrap(), second);
    pair.a.peer.set_remote_description(now, offer).unwrap();
    let answer = pair.a.peer.create_answer(now).unwrap();
    pair.a.peer.set_local_description(now, answer).unwrap();
    let session = pair.a.peer.session();
    let dtls = session.dtls_state(session.transports().next().unwrap()).unwrap();
    (dtls, session.channel_failure(channel).is_some())
}

/// Guards: an association that has another name is another one, whatever its certificate, and channels of the one before it have
/// failed.
#[test]
fn sdp_7_another_tls_id_is_another_association() {
    let (one, other) = ("abc3de65cddef001be82", "bcd4ef76deef112cf93a");
    assert_eq!(renamed(one, one), (DtlsState::Connected, false));
    assert_eq!(renamed(one, other), (DtlsState::Connecting, true));
}
