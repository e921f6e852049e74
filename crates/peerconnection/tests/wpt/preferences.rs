//! `RTCRtpTransceiver-setCodecPreferences`, `protocol/codecs-*`, `protocol/rtp-*`, `protocol/rtx-codecs`.

use super::*;
use ortica::codecs::MediaKind::{Audio, Video};
use ortica::jsep::{SectionProblem, TransceiverError};
use ortica::parameters::{ParametersError, RtpCodec};

fn capable(pc: &mut Pc, kind: MediaKind) -> Vec<RtpCodec> {
    pc.peer().capabilities(kind).codecs
}

fn prefer(pc: &mut Pc, id: TransceiverId, codecs: &[RtpCodec]) -> Result<(), TransceiverError> {
    pc.peer().set_codec_preferences(id, codecs)
}

fn is_modification(outcome: Result<(), TransceiverError>) -> bool {
    matches!(outcome, Err(TransceiverError::Parameters(ParametersError::InvalidModification(_))))
}

/// The names of the codecs in the only section of a description, in its order.
fn names(sdp: &str) -> Vec<String> {
    let session: ortica_sdp::Session = sdp.parse().unwrap();
    let payloads = session.media[0].payloads();
    payloads.iter().map(|payload| payload.rtpmap.as_ref().unwrap().encoding.clone()).collect()
}

/// A connection with a transceiver that prefers these, and its offer.
fn offered(kind: MediaKind, codecs: &[RtpCodec]) -> Vec<String> {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(kind, Direction::default());
    prefer(&mut pc, id, codecs).unwrap();
    names(&pc.create_offer().sdp)
}

/// Asserts that all that there is for sound is offered: what is offered anyway, and `red` and `CN`, which are where they are named.
fn assert_offers_all(mut names: Vec<String>) {
    for name in ["red", "CN"] {
        let at = names.iter().position(|it| it == name).expect("it is named");
        names.remove(at);
    }
    assert_eq!(names, offered(Audio, &[]));
}

#[test]
fn wpt_rtc_rtp_transceiver_set_codec_preferences_audio_sender_capabilities() {
    let codecs = capable(&mut Pc::new(), Audio);
    assert_offers_all(offered(Audio, &codecs));
}

#[test]
fn wpt_rtc_rtp_transceiver_set_codec_preferences_video_receiver_capabilities() {
    let codecs = capable(&mut Pc::new(), Video);
    assert_eq!(offered(Video, &codecs), offered(Video, &[]));
}

#[test]
fn wpt_rtc_rtp_transceiver_set_codec_preferences_combined_sender_receiver() {
    let codecs = capable(&mut Pc::new(), Audio);
    assert_offers_all(offered(Audio, &[codecs.clone(), codecs].concat()));
}

#[test]
fn wpt_rtc_rtp_transceiver_set_codec_preferences_empty_list() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Audio, Direction::default());
    prefer(&mut pc, id, &[Codec::Pcmu.into()]).unwrap();
    prefer(&mut pc, id, &[]).unwrap();
    assert_eq!(names(&pc.create_offer().sdp), offered(Audio, &[]));
}

#[test]
fn wpt_rtc_rtp_transceiver_set_codec_preferences_reordered() {
    let mut codecs = capable(&mut Pc::new(), Audio);
    codecs.swap(0, 1);
    assert_eq!(offered(Audio, &codecs)[..2], ["PCMU", "opus"]);
}

/// Telephone events have the place that they are given, in offers, in answers and in what senders and receivers say.
#[test]
fn telephone_events_keep_their_place() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Audio, Direction::default());
    let [opus, pcmu] = [Codec::Opus, Codec::Pcmu].map(RtpCodec::from);
    let all = capable(&mut pc, Audio);
    let events = |rate| {
        let of_rate = |codec: &&RtpCodec| codec.mime_type == "audio/telephone-event" && codec.clock_rate == rate;
        all.iter().find(of_rate).unwrap().clone()
    };
    let wanted = [events(8_000), pcmu, events(48_000), opus];
    prefer(&mut pc, id, &wanted).unwrap();
    let expected = ["telephone-event", "PCMU", "telephone-event", "opus"];
    let offer = pc.sld_implicit();
    assert_eq!(names(&offer.sdp), expected);

    let mut other = Pc::at(2, Pair::<Side>::B);
    other.srd(offer).unwrap();
    let answer = other.sld_implicit();
    assert_eq!(names(&answer.sdp), expected, "an answer keeps the order of the offer");
    pc.srd(answer).unwrap();
    let clock_rates = |codecs: Vec<ortica::parameters::RtpCodecParameters>| -> Vec<u32> {
        codecs.into_iter().map(|it| it.codec.clock_rate).collect()
    };
    let sent = clock_rates(pc.peer().sender_parameters(id).unwrap().codecs);
    let received = clock_rates(pc.peer().receiver_parameters(id).unwrap().codecs);
    assert_eq!((sent, received), (vec![8_000, 8_000, 48_000, 48_000], vec![8_000, 8_000, 48_000, 48_000]));

    // Who answers with preferences of its own has them in its own order.
    let (mut a, mut b) = Pc::two();
    a.add_track(Audio, &[]);
    let theirs = b.add_track(Audio, &[]);
    prefer(&mut b, theirs, &wanted).unwrap();
    let offer = a.sld_implicit();
    assert_eq!(names(&offer.sdp), ["opus", "PCMU", "telephone-event", "telephone-event"]);
    b.srd(offer).unwrap();
    assert_eq!(names(&b.create_answer().sdp), expected);
}

#[test]
fn wpt_rtc_rtp_transceiver_set_codec_preferences_wrong_kind_rejected() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Audio, Direction::default());
    let video = capable(&mut pc, Video);
    assert!(is_modification(prefer(&mut pc, id, &video)));
}

#[test]
fn wpt_rtc_rtp_transceiver_set_codec_preferences_bad_mime_type_rejected() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Audio, Direction::default());
    let codec = RtpCodec { mime_type: "opus".to_owned(), ..Codec::Opus.into() };
    assert!(is_modification(prefer(&mut pc, id, &[codec])));
}

#[test]
fn wpt_rtc_rtp_transceiver_set_codec_preferences_unknown_codec_rejected() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Audio, Direction::default());
    let unknown = RtpCodec { mime_type: "audio/unknown".to_owned(), ..Codec::Opus.into() };
    assert!(is_modification(prefer(&mut pc, id, std::slice::from_ref(&unknown))));
    let mut codecs = capable(&mut pc, Audio);
    codecs.push(unknown);
    assert!(is_modification(prefer(&mut pc, id, &codecs)));
    assert_eq!(names(&pc.create_offer().sdp), offered(Audio, &[]), "nothing has changed");
}

#[test]
fn wpt_rtc_rtp_transceiver_set_codec_preferences_changed_fields_rejected() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Audio, Direction::default());
    let opus = RtpCodec::from(Codec::Opus);
    for changed in [
        RtpCodec { clock_rate: 24_000, ..opus.clone() },
        RtpCodec { channels: Some(11), ..opus.clone() },
        RtpCodec { sdp_fmtp_line: Some("modifiedparameter=1".to_owned()), ..opus.clone() },
        RtpCodec { sdp_fmtp_line: None, ..opus },
    ] {
        assert!(is_modification(prefer(&mut pc, id, &[changed])));
    }
}

#[test]
fn wpt_rtc_rtp_transceiver_set_codec_preferences_audio_order_in_offer() {
    let (pcmu, opus) = (Codec::Pcmu.into(), Codec::Opus.into());
    assert_eq!(offered(Audio, &[pcmu, opus])[0], "PCMU");
}

/// What an application prefers is negotiated alone and in its order, also by who answers; retransmissions are a codec like
/// others, but none that media could be sent in.
#[test]
fn preferences_rule_offers_and_answers() {
    let rtx = |pc: &mut Pc| capable(pc, Video).into_iter().find(|codec| codec.mime_type == "video/rtx").unwrap();
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Video, Direction::default());
    let rtx = rtx(&mut pc);
    assert!(is_modification(prefer(&mut pc, id, std::slice::from_ref(&rtx))));
    assert_eq!(offered(Video, &[Codec::Vp8.into(), rtx]), ["VP8", "rtx"]);

    let (mut a, mut b) = Pc::two();
    a.add_track(Audio, &[]);
    let theirs = b.add_track(Audio, &[]);
    prefer(&mut b, theirs, &[Codec::Pcmu.into(), Codec::Opus.into()]).unwrap();
    let offer = a.sld_implicit();
    b.srd(offer.clone()).unwrap();
    let answer = b.sld_implicit();
    assert_eq!(
        (&names(&offer.sdp)[..2], &names(&answer.sdp)[..2]),
        (&["opus".to_owned(), "PCMU".to_owned()][..], &["PCMU".to_owned(), "opus".to_owned()][..])
    );
    a.srd(answer).unwrap();
    let first = |pc: &mut Pc| {
        let id = pc.transceivers()[0].id;
        pc.peer().sender_parameters(id).unwrap().codecs[0].codec.clone()
    };
    // Each sends what the other likes best.
    assert_eq!((first(&mut a), first(&mut b)), (Codec::Pcmu.into(), Codec::Opus.into()));
}

// --- protocol -----------------------------------------------------------------------------------------------------------

#[test]
fn wpt_protocol_codecs_subsequent_offer_full_list_again() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_transceiver(Audio, Direction::default());
    prefer(&mut a, id, &[Codec::Pcmu.into()]).unwrap();
    negotiate(&mut a, &mut b);
    assert_eq!(names(&b.create_offer().sdp), offered(Audio, &[]));
}

fn section(lines: &str) -> SessionDescription {
    let mut pc = Pc::at(2, Pair::<Side>::B);
    pc.add_transceiver(Audio, Direction::default());
    let sdp = pc.create_offer().sdp;
    let kept: String = sdp
        .split_inclusive("\r\n")
        .filter(|line| !["a=rtpmap", "a=fmtp", "a=rtcp-fb", "a=extmap:"].iter().any(|prefix| line.starts_with(prefix)))
        .map(|line| {
            if line.starts_with("m=audio") {
                line.replace(line.split_once("SAVPF").unwrap().1, "")
            } else {
                line.to_owned()
            }
        })
        .collect();
    let (numbers, lines) = lines.split_once('\n').unwrap();
    let sdp = kept.replace("SAVPF", &format!("SAVPF {numbers}\r\n"));
    SessionDescription { kind: SdpType::Offer, sdp: format!("{sdp}{}", lines.replace('\n', "\r\n")) }
}

#[test]
fn wpt_protocol_rtp_payloadtypes_range_96_127() {
    for number in 96..=127 {
        let mut pc = Pc::new();
        pc.srd(section(&format!("{number}\na=rtpmap:{number} opus/48000/2\n"))).unwrap();
        assert!(pc.create_answer().sdp.contains(&format!("a=rtpmap:{number} opus/48000/2\r\n")), "{number}");
    }
}

#[test]
fn wpt_protocol_rtp_payloadtypes_range_35_63() {
    for number in 35..=63 {
        let mut pc = Pc::new();
        pc.srd(section(&format!("{number}\na=rtpmap:{number} opus/48000/2\n"))).unwrap();
        assert!(pc.create_answer().sdp.contains(&format!("a=rtpmap:{number} opus/48000/2\r\n")), "{number}");
    }
}

#[test]
fn wpt_protocol_rtp_payloadtypes_range_64_95_rejected() {
    for number in 64..=95 {
        let mut pc = Pc::new();
        let outcome = pc.srd(section(&format!("{number}\na=rtpmap:{number} opus/48000/2\n")));
        let refused = DescriptionError::Section { index: 0, problem: SectionProblem::PayloadType };
        assert_eq!(outcome, Err(refused), "{number}");
        assert_eq!(pc.state(), SignalingState::Stable);
    }
}

fn extensions(sdp: &str) -> Vec<&str> {
    sdp.lines().filter(|line| line.starts_with("a=extmap:")).collect()
}

const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
const LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";

fn with_extensions(lines: &str) -> String {
    let mut pc = Pc::new();
    pc.srd(section(&format!("111\na=rtpmap:111 opus/48000/2\n{lines}"))).unwrap();
    pc.create_answer().sdp
}

#[test]
fn wpt_protocol_rtp_headerextensions_subset_answered() {
    let answer = with_extensions(&format!("a=extmap:1 {LEVEL}\na=extmap:4 {MID}\na=extmap:5 urn:example:unknown\n"));
    let expected = [format!("a=extmap:1 {LEVEL}"), format!("a=extmap:4 {MID}")];
    assert_eq!(extensions(&answer), expected);
}

#[test]
fn wpt_protocol_rtp_headerextensions_id_15_accepted() {
    let answer = with_extensions(&format!("a=extmap:1 {LEVEL}\na=extmap:15 {MID}\n"));
    assert!(extensions(&answer).contains(&format!("a=extmap:1 {LEVEL}").as_str()));
}

#[test]
fn wpt_protocol_rtp_headerextensions_two_byte_ids() {
    let answer = with_extensions(&format!("a=extmap:16 {LEVEL}\na=extmap:17 {MID}\n"));
    assert_eq!(extensions(&answer), [format!("a=extmap:16 {LEVEL}"), format!("a=extmap:17 {MID}")]);
}

fn dangling(sdp: &str) -> bool {
    let session: ortica_sdp::Session = sdp.parse().unwrap();
    session.media.iter().any(|media| {
        let payloads = media.payloads();
        let rtx = payloads.iter().filter(|payload| payload.is("rtx"));
        rtx.clone().count()
            != rtx
                .filter_map(|rtx| rtx.retransmits())
                .filter(|apt| payloads.iter().any(|it| it.payload_type == *apt))
                .count()
    })
}

#[test]
fn wpt_protocol_rtx_codecs_offer_apt_valid() {
    let mut pc = Pc::new();
    pc.add_transceiver(Video, Direction::default());
    let offer = pc.create_offer().sdp;
    assert!(offer.contains(" rtx/90000\r\n") && !dangling(&offer));
}

#[test]
fn wpt_protocol_rtx_codecs_answer_apt_valid() {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(Video, Direction::default());
    negotiate(&mut a, &mut b);
    let answer = b.peer().current_local_description().unwrap().sdp;
    assert!(answer.contains(" rtx/90000\r\n") && !dangling(&answer));
}

/// An offer of video whose formats are these lines.
fn video(numbers: &str, lines: &str) -> SessionDescription {
    let mut pc = Pc::at(2, Pair::<Side>::B);
    pc.add_transceiver(Video, Direction::default());
    let sdp = pc.create_offer().sdp;
    let kept = sdp
        .split_inclusive("\r\n")
        .filter(|line| !["a=rtpmap", "a=fmtp", "a=rtcp-fb"].iter().any(|prefix| line.starts_with(prefix)));
    let sdp = kept.collect::<String>().replace("SAVPF 96 97", &format!("SAVPF {numbers}"));
    SessionDescription { kind: SdpType::Offer, sdp: format!("{sdp}{lines}") }
}

#[test]
fn wpt_protocol_rtx_codecs_odd_offer() {
    let mut pc = Pc::new();
    pc.srd(video("96 97 98 99", "a=rtpmap:98 VP8/90000\r\na=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=96\r\n")).unwrap();
    let answer = pc.create_answer().sdp;
    assert!(answer.contains("a=rtpmap:98 VP8/90000\r\n") && !dangling(&answer), "{answer}");
}

#[test]
fn wpt_protocol_rtx_codecs_duplicate_codecs() {
    let mut pc = Pc::new();
    let lines = "a=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=98\r\n\
        a=rtpmap:98 VP8/90000\r\na=rtpmap:99 rtx/90000\r\na=fmtp:99 apt=96\r\n";
    pc.srd(video("96 97 98 99", lines)).unwrap();
    assert!(!dangling(&pc.create_answer().sdp));
}
