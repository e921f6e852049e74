//! What descriptions are made of and which are taken: `RTCPeerConnection-createOffer`, `-createAnswer`,
//! `RTCPeerConnection-setRemoteDescription-nomsid`, and of `protocol/`: `jsep-initial-offer`, `missing-fields`, `dtls-setup`,
//! `msid-generate`, `msid-parse`, `sctp-format`, `sdes-dont-dont-dont`, `unknown-mediatypes`, `rtx-codecs`, `direction`,
//! `RTCPeerConnection-payloadTypes`.

use super::transceivers::nameless;
use super::*;
use ortica::codecs::MediaKind::{Audio, Video};
use ortica::stats::DtlsRole;
use std::collections::BTreeMap;

fn edited(mut description: SessionDescription, edit: impl Fn(&str) -> String) -> SessionDescription {
    description.sdp = edit(&description.sdp);
    description
}

fn lines<'a>(description: &'a SessionDescription, start: &str) -> Vec<&'a str> {
    description.sdp.lines().filter(|line| line.starts_with(start)).collect()
}

/// An offer of one track, and who made it.
fn offered(kind: MediaKind) -> (Pc, SessionDescription) {
    let mut pc = Pc::new();
    pc.add_track(kind, &["stream"]);
    let offer = pc.sld_implicit();
    (pc, offer)
}

fn answerer() -> Pc {
    Pc::at(2, Pair::<Side>::B)
}

#[test]
fn wpt_rtc_peer_connection_create_offer_empty_offer() {
    assert_eq!(lines(&Pc::new().create_offer(), "m="), Vec::<&str>::new());
}

#[test]
fn wpt_rtc_peer_connection_create_offer_create_then_set() {
    let mut pc = Pc::new();
    let offer = pc.create_offer();
    pc.sld(offer.clone()).unwrap();
    assert_eq!(pc.state(), SignalingState::HaveLocalOffer);
    assert_eq!(pc.types(), [None, Some(SdpType::Offer), None, None]);
    assert_eq!(pc.peer().local_description(), Some(offer));
    assert_eq!(pc.peer().local_description(), pc.peer().pending_local_description());
}

#[test]
fn wpt_rtc_peer_connection_create_offer_closed_rejects() {
    let mut pc = Pc::new();
    pc.peer().close(now());
    assert_eq!(pc.peer().create_offer(now()), Err(DescriptionError::Closed));
}

#[test]
fn wpt_rtc_peer_connection_create_offer_have_remote_offer_rejects() {
    let mut pc = answerer();
    pc.srd(offered(Audio).1).unwrap();
    assert!(is_invalid_state(pc.peer().create_offer(now()).map(drop)));
}

#[test]
fn wpt_rtc_peer_connection_create_answer_no_remote_description_rejects() {
    assert!(is_invalid_state(Pc::new().peer().create_answer(now()).map(drop)));
}

#[test]
fn wpt_rtc_peer_connection_create_answer_from_empty_offer() {
    let offer = Pc::new().create_offer();
    let mut pc = answerer();
    pc.srd(offer).unwrap();
    let answer = pc.sld_implicit();
    assert_eq!((answer.kind, lines(&answer, "m=").len()), (SdpType::Answer, 0));
    assert_eq!(pc.state(), SignalingState::Stable);
}

#[test]
fn wpt_rtc_peer_connection_create_answer_closed_rejects() {
    let mut pc = answerer();
    pc.srd(offered(Audio).1).unwrap();
    pc.peer().close(now());
    assert_eq!(pc.peer().create_answer(now()), Err(DescriptionError::Closed));
}

#[test]
fn wpt_protocol_jsep_initial_offer_session_lines() {
    let offer = Pc::new().create_offer();
    let mut lines = offer.sdp.lines();
    assert_eq!(lines.next(), Some("v=0"));
    let origin: Vec<&str> = lines.next().unwrap().split(' ').collect();
    let [user, id, version, net, family, address] = origin[..] else { panic!("{origin:?}") };
    assert!(user.starts_with("o=") && user.len() > 2);
    id.parse::<u64>().unwrap();
    assert!(version.parse::<u64>().unwrap() < 1 << 62);
    assert_eq!((net, family), ("IN", "IP4"));
    assert!(["0.0.0.0", "127.0.0.1"].contains(&address), "{address}");
    assert!(lines.next().unwrap().strip_prefix("s=").is_some_and(|name| !name.is_empty()));
}

#[test]
fn wpt_protocol_missing_fields_offer_without_mid() {
    let (_, offer) = offered(Video);
    let mut pc = answerer();
    pc.srd(nameless(offer)).unwrap();
    assert_eq!(lines(&pc.sld_implicit(), "m=").len(), 1);
    assert_eq!(pc.transceivers()[0].current_direction, Some(Direction::RecvOnly));
}

#[test]
fn wpt_protocol_missing_fields_answer_without_mid() {
    let (mut a, offer) = offered(Video);
    let mut b = answerer();
    b.srd(offer).unwrap();
    let answer = b.sld_implicit();
    a.srd(nameless(answer)).unwrap();
    assert_eq!(a.transceivers()[0].current_direction, Some(Direction::SendOnly));
}

#[test]
fn wpt_protocol_dtls_setup_answer_role() {
    for (offered_as, answered_as) in [("actpass", "active"), ("active", "passive"), ("passive", "active")] {
        let (_, offer) = offered(Audio);
        let mut pc = answerer();
        pc.srd(edited(offer, |sdp| sdp.replace("a=setup:actpass", &format!("a=setup:{offered_as}")))).unwrap();
        assert_eq!(lines(&pc.create_answer(), "a=setup:"), [format!("a=setup:{answered_as}")]);
    }
}

/// The DTLS role that the statistics tell.
fn dtls_role(pc: &mut Pc) -> DtlsRole {
    pc.peer().stats(now()).transports().next().unwrap().dtls_role
}

#[test]
fn wpt_protocol_dtls_setup_dtls_role_stat() {
    let roles = [("actpass", DtlsRole::Client), ("active", DtlsRole::Server), ("passive", DtlsRole::Client)];
    for (offered_as, role) in roles {
        let (_, offer) = offered(Audio);
        let mut pc = answerer();
        pc.srd(edited(offer, |sdp| sdp.replace("a=setup:actpass", &format!("a=setup:{offered_as}")))).unwrap();
        pc.sld_implicit();
        assert_eq!(dtls_role(&mut pc), role, "{offered_as}");
    }
}

#[test]
fn wpt_protocol_dtls_setup_dtls_role_unknown() {
    let (mut pc, _) = offered(Audio);
    assert_eq!(dtls_role(&mut pc), DtlsRole::Unknown);
}

#[test]
fn wpt_protocol_msid_generate_data_only_no_msid() {
    let mut pc = Pc::new();
    pc.create_channel();
    assert_eq!(lines(&pc.create_offer(), "a=msid").len(), 0);
}

/// The `a=msid` lines for streams named by `addTrack`, `addTransceiver` and `setStreams`.
fn msids(streams: &[&str]) -> [Vec<String>; 3] {
    let named: Vec<String> = streams.iter().map(|&stream| stream.to_owned()).collect();
    let (mut by_track, mut by_transceiver, mut set) = (Pc::new(), Pc::new(), Pc::new());
    by_track.add_track(Audio, streams);
    let init = TransceiverInit { streams: named.clone(), ..TransceiverInit::default() };
    by_transceiver.peer().add_transceiver(Audio, init).unwrap();
    let id = set.add_transceiver(Audio, Direction::SendRecv);
    set.peer().set_streams(id, &named).unwrap();
    [by_track, by_transceiver, set]
        .map(|mut pc| lines(&pc.create_offer(), "a=msid:").into_iter().map(str::to_owned).collect())
}

/// Stream and track of a line, each 1 to 64 characters of a token.
fn parts(line: &str) -> [String; 2] {
    let parts: Vec<&str> = line.strip_prefix("a=msid:").unwrap().split(' ').collect();
    let is_token = |part: &&&str| (1..=64).contains(&part.len()) && part.chars().all(|c| c.is_ascii_graphic());
    assert!(parts.iter().all(|part| is_token(&part)), "{line}");
    let [stream, track] = parts[..] else { panic!("{line}") };
    [stream.to_owned(), track.to_owned()]
}

#[test]
fn wpt_protocol_msid_generate_no_stream() {
    for lines in msids(&[]) {
        assert_eq!(lines.len(), 1);
        assert_eq!(parts(&lines[0])[0], "-");
    }
}

#[test]
fn wpt_protocol_msid_generate_one_stream() {
    for lines in msids(&["one"]) {
        assert_eq!(lines.len(), 1);
        assert_eq!(parts(&lines[0])[0], "one");
    }
}

#[test]
fn wpt_protocol_msid_generate_two_streams() {
    for lines in msids(&["one", "two"]) {
        let [first, second] = &lines[..] else { panic!("{lines:?}") };
        let ([one, track], [two, same]) = (parts(first), parts(second));
        assert_eq!((one.as_str(), two.as_str(), &track), ("one", "two", &same));
    }
}

#[test]
fn wpt_protocol_msid_generate_same_stream_twice() {
    for lines in msids(&["one", "one"]) {
        assert_eq!(lines.len(), 1);
    }
}

/// The streams of a track whose offer has these lines in place of its own.
fn streams_of(lines: &str) -> Vec<String> {
    let (_, offer) = offered(Audio);
    let without = |sdp: &str| -> String {
        let kept =
            sdp.split_inclusive("\r\n").filter(|line| !line.starts_with("a=msid") && !line.starts_with("a=ssrc"));
        kept.collect::<String>() + lines
    };
    let mut pc = answerer();
    pc.srd(edited(offer, without)).unwrap();
    let id = pc.transceivers()[0].id;
    let told = pc.events().into_iter().filter(|event| *event == PeerEvent::Track(id)).count();
    assert_eq!(told, 1);
    pc.transceiver(id).remote_streams
}

#[test]
fn wpt_protocol_msid_parse_no_msid_default_stream() {
    assert_eq!(streams_of("").len(), 1);
}

#[test]
fn wpt_protocol_msid_parse_dash_no_stream() {
    assert_eq!(streams_of("a=msid:- foobar\r\n"), Vec::<String>::new());
}

#[test]
fn wpt_protocol_msid_parse_stream_id() {
    assert_eq!(streams_of("a=msid:foo bar\r\n"), ["foo"]);
}

#[test]
fn wpt_protocol_msid_parse_two_lines() {
    assert_eq!(streams_of("a=msid:foo bar\r\na=msid:baz bar\r\n"), ["foo", "baz"]);
}

#[test]
fn wpt_protocol_msid_parse_no_track_id() {
    assert_eq!(streams_of("a=msid:foo\r\n"), ["foo"]);
}

/// One default stream for all tracks of a session, which stays the same.
#[test]
fn wpt_rtc_peer_connection_set_remote_description_nomsid_default_stream() {
    let mut a = Pc::new();
    a.add_track(Audio, &["stream"]);
    a.add_track(Video, &["stream"]);
    let without = |sdp: &str| sdp.split_inclusive("\r\n").filter(|line| !line.starts_with("a=msid")).collect();
    let mut b = answerer();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let offer = a.sld_implicit();
        b.srd(edited(offer, without)).unwrap();
        seen.extend(b.transceivers().into_iter().map(|state| state.remote_streams));
        let answer = b.sld_implicit();
        a.srd(answer).unwrap();
    }
    assert_eq!((seen.len(), seen[0].len()), (4, 1));
    assert!(seen.iter().all(|streams| *streams == seen[0]), "{seen:?}");
    assert_eq!(b.events().into_iter().filter(|event| matches!(event, PeerEvent::Track(_))).count(), 2);
}

#[test]
fn wpt_protocol_sctp_format_data_section_syntax() {
    let mut pc = Pc::new();
    pc.create_channel();
    let offer = pc.create_offer();
    let sections = lines(&offer, "m=");
    let [section] = sections[..] else { panic!("{sections:?}") };
    let words: Vec<&str> = section.split(' ').collect();
    assert_eq!((words[0], &words[2..]), ("m=application", &["UDP/DTLS/SCTP", "webrtc-datachannel"][..]));
    words[1].parse::<u16>().unwrap();
    assert_eq!((lines(&offer, "a=sctp-port:").len(), lines(&offer, "a=mid:").len()), (1, 1));
}

#[test]
fn wpt_protocol_sdes_dont_dont_dont_no_crypto_in_offer() {
    let mut pc = Pc::new();
    pc.add_track(Audio, &[]);
    pc.add_track(Video, &[]);
    pc.create_channel();
    assert!(!pc.create_offer().sdp.contains("a=crypto"));
}

#[test]
fn wpt_protocol_sdes_dont_dont_dont_sdes_only_offer_rejected() {
    let (_, offer) = offered(Audio);
    let sdes = |sdp: &str| -> String {
        let kept = sdp.split_inclusive("\r\n").filter(|line| !line.starts_with("a=fingerprint:"));
        kept.collect::<String>()
            + "a=crypto:0 AES_CM_128_HMAC_SHA1_80 inline:2nra27hTUb9ilyn2rEkBEQN9WOFts26F/jvofasw\r\n"
    };
    let mut pc = answerer();
    assert!(matches!(pc.srd(edited(offer, sdes)), Err(DescriptionError::Section { index: 0, .. })));
    assert_eq!(pc.state(), SignalingState::Stable);
}

#[test]
fn wpt_protocol_unknown_mediatypes_rejected_with_port_zero() {
    let (_, offer) = offered(Audio);
    let mut pc = answerer();
    pc.srd(edited(offer, |sdp| sdp.replace("m=audio", "m=unicorns"))).unwrap();
    let answer = pc.sld_implicit();
    let sections = lines(&answer, "m=");
    assert!(sections.len() == 1 && sections[0].starts_with("m=unicorns 0 "), "{sections:?}");
}

/// What each RTX payload type of the description repairs; all of it is listed.
fn repairs(description: &SessionDescription) -> BTreeMap<String, String> {
    let sections = lines(description, "m=video");
    let listed: Vec<&str> = sections.iter().flat_map(|line| line.split(' ').skip(3)).collect();
    let is_rtx = |number: &str| lines(description, &format!("a=rtpmap:{number} rtx/")).len() == 1;
    let apt = |line: &str| {
        let (number, apt) = line.strip_prefix("a=fmtp:")?.split_once(" apt=")?;
        Some((number.to_owned(), apt.to_owned()))
    };
    let repairs: BTreeMap<_, _> = lines(description, "a=fmtp:").into_iter().filter_map(apt).collect();
    for (number, apt) in &repairs {
        assert!(is_rtx(number) && listed.contains(&number.as_str()), "{number} of {listed:?}");
        assert!(listed.contains(&apt.as_str()) && !is_rtx(apt), "{apt} of {listed:?}");
    }
    repairs
}

#[test]
fn wpt_protocol_rtx_codecs_offer_apt_valid() {
    assert_eq!(repairs(&offered(Video).1).len(), 1);
}

#[test]
fn wpt_protocol_rtx_codecs_answer_apt_valid() {
    let mut pc = answerer();
    pc.srd(offered(Video).1).unwrap();
    assert_eq!(repairs(&pc.sld_implicit()).len(), 1);
}

/// The answer to an offer whose section of pictures names these payload types.
fn answer_to(formats: &str, attributes: &str) -> SessionDescription {
    let (_, offer) = offered(Video);
    let edit = |sdp: &str| -> String {
        let is_format = |line: &str| ["a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"].iter().any(|start| line.starts_with(start));
        let line = |line: &str| match line.strip_prefix("m=video ") {
            Some(rest) => format!("m=video {} {formats}\r\n", rest.split(' ').take(2).collect::<Vec<_>>().join(" ")),
            None => line.to_owned(),
        };
        let kept = sdp.split_inclusive("\r\n").filter(|line| !is_format(line)).map(line);
        kept.collect::<String>() + attributes
    };
    let mut pc = answerer();
    pc.srd(edited(offer, edit)).unwrap();
    pc.sld_implicit()
}

#[test]
fn wpt_protocol_rtx_codecs_odd_offer() {
    let answer = answer_to(
        "96 97 98 99",
        "a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=98\r\na=fmtp:99 apt=96\r\n",
    );
    assert_eq!(repairs(&answer), BTreeMap::new());
    assert_eq!(lines(&answer, "a=rtpmap:"), ["a=rtpmap:96 VP8/90000"]);
}

#[test]
fn wpt_protocol_rtx_codecs_duplicate_codecs() {
    let answer = answer_to(
        "96 97 98 99",
        "a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=98\r\na=rtpmap:98 VP8/90000\r\n\
         a=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=96\r\n",
    );
    assert!(lines(&answer, "a=rtpmap:96 VP8").len() == 1, "{}", answer.sdp);
    repairs(&answer);
}

/// Sets an answer with another direction than the one that was made.
fn answered_with(offered_as: Direction, answered_as: Direction) -> Result<(), DescriptionError> {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(Audio, offered_as);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    let answer = b.sld_implicit();
    let made = b.transceivers()[0].current_direction.unwrap();
    a.srd(edited(answer, |sdp| sdp.replace(&format!("a={made}\r\n"), &format!("a={answered_as}\r\n"))))
}

fn is_wrong_direction(outcome: Result<(), DescriptionError>) -> bool {
    outcome.is_err_and(|error| error.to_string().contains("direction"))
}

#[test]
fn wpt_protocol_direction_recvonly_answer_to_recvonly() {
    assert!(is_wrong_direction(answered_with(Direction::RecvOnly, Direction::RecvOnly)));
}

#[test]
fn wpt_protocol_direction_sendrecv_answer_to_sendonly() {
    assert!(is_wrong_direction(answered_with(Direction::SendOnly, Direction::SendRecv)));
    assert_eq!(answered_with(Direction::SendRecv, Direction::SendRecv), Ok(()));
}

/// 72 to 95 would be taken for RTCP (RFC 5761 §4), and 64 to 71 with them.
#[test]
fn wpt_protocol_rtc_peer_connection_payload_types_no_reserved_types() {
    let mut pc = Pc::new();
    pc.peer().set_codecs(vec![Codec::Opus, Codec::Pcmu, Codec::Pcma, Codec::Vp8]);
    pc.add_track(Audio, &[]);
    pc.add_track(Video, &[]);
    let offer = pc.create_offer();
    let numbers: Vec<u8> = lines(&offer, "m=")
        .iter()
        .flat_map(|line| line.split(' ').skip(3))
        .map(|number| number.parse().unwrap())
        .collect();
    assert!(numbers.len() == 7 && numbers.iter().all(|number| !(64..=95).contains(number)), "{numbers:?}");
}
