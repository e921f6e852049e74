//! `RTCRtpParameters-*`, `RTCRtpSender-getParameters`, `-setParameters`, `-getCapabilities`, `RTCRtpReceiver-getParameters`,
//! `RTCRtpEncodingParameters-*`, and what `RTCPeerConnection-addTransceiver` says of encodings.

use super::*;
use ortica::codecs::MediaKind::{Audio, Video};
use ortica::jsep::TransceiverError;
use ortica::parameters::{ParametersError, Resolution, RtpCodec, RtpEncodingParameters, RtpSendParameters};

const KINDS: [MediaKind; 2] = [Audio, Video];

fn with_encodings(
    pc: &mut Pc,
    kind: MediaKind,
    encodings: Vec<RtpEncodingParameters>,
) -> Result<TransceiverId, ParametersError> {
    let init = TransceiverInit { send_encodings: encodings, ..TransceiverInit::default() };
    pc.peer().add_transceiver(kind, init).map_err(|error| match error {
        TransceiverError::Parameters(error) => error,
        other => panic!("{other}"),
    })
}

/// A transceiver with encodings of these names.
fn with_rids(pc: &mut Pc, rids: &[&str]) -> TransceiverId {
    with_encodings(pc, Video, named(rids)).unwrap()
}

fn named(rids: &[&str]) -> Vec<RtpEncodingParameters> {
    rids.iter().map(|rid| RtpEncodingParameters::named(*rid)).collect()
}

fn scaled(by: f64) -> RtpEncodingParameters {
    RtpEncodingParameters { scale_resolution_down_by: Some(by), ..RtpEncodingParameters::default() }
}

fn parameters(pc: &mut Pc, id: TransceiverId) -> RtpSendParameters {
    pc.peer().sender_parameters(id).unwrap()
}

fn encodings(pc: &mut Pc, id: TransceiverId) -> Vec<RtpEncodingParameters> {
    parameters(pc, id).encodings
}

/// Changes the parameters of a sender.
fn change(pc: &mut Pc, id: TransceiverId, change: impl FnOnce(&mut RtpSendParameters)) -> Result<(), ParametersError> {
    let mut parameters = parameters(pc, id);
    change(&mut parameters);
    pc.peer().set_sender_parameters(now(), id, parameters)
}

fn is_modification(outcome: Result<(), ParametersError>) -> bool {
    matches!(outcome, Err(ParametersError::InvalidModification(_)))
}

fn is_state(outcome: Result<(), ParametersError>) -> bool {
    matches!(outcome, Err(ParametersError::InvalidState(_)))
}

fn is_type(outcome: Result<TransceiverId, ParametersError>) -> bool {
    matches!(outcome, Err(ParametersError::Type(_)))
}

// --- sender and receiver ------------------------------------------------------------------------------------------------

#[test]
fn wpt_rtc_rtp_sender_get_parameters_codecs_at_right_time() {
    for kind in KINDS {
        let (mut a, mut b) = Pc::two();
        let id = a.add_track(kind, &[]);
        let offer = a.create_offer();
        assert!(parameters(&mut a, id).codecs.is_empty());
        a.sld(offer.clone()).unwrap();
        assert!(parameters(&mut a, id).codecs.is_empty());
        b.srd(offer).unwrap();
        let theirs = b.transceivers()[0].id;
        let answer = b.create_answer();
        assert!(parameters(&mut b, theirs).codecs.is_empty());
        b.sld(answer.clone()).unwrap();
        a.srd(answer).unwrap();
        assert!(!parameters(&mut a, id).codecs.is_empty() && !parameters(&mut b, theirs).codecs.is_empty());
    }
}

#[test]
fn wpt_rtc_rtp_receiver_get_parameters_fields() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Audio, Direction::default());
    let parameters = pc.peer().receiver_parameters(id).unwrap();
    assert!(parameters.codecs.is_empty() && parameters.header_extensions.is_empty());
    assert!(!parameters.rtcp.cname.is_empty() && !parameters.rtcp.reduced_size);
}

#[test]
fn wpt_rtc_rtp_sender_get_capabilities_kinds() {
    let mut pc = Pc::new();
    for (kind, codec) in [(Audio, Codec::Opus), (Video, Codec::Vp8)] {
        let capabilities = pc.peer().capabilities(kind);
        assert!(capabilities.codecs.contains(&codec.into()));
        assert!(capabilities.codecs.iter().all(|codec| codec.mime_type.starts_with(kind.as_str())));
        assert!(capabilities.header_extensions.iter().any(|it| it.uri == "urn:ietf:params:rtp-hdrext:sdes:mid"));
    }
}

#[test]
fn wpt_rtc_rtp_sender_set_parameters_stopped_rejects() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_transceiver(Audio, Direction::default());
    negotiate(&mut a, &mut b);
    let given = parameters(&mut a, id);
    a.peer().stop_transceiver(id).unwrap();
    assert!(is_state(a.peer().set_sender_parameters(now(), id, given)));
    let theirs = b.transceivers()[0].id;
    // Given before the end and set after it: nothing else is wrong with them.
    let given = parameters(&mut b, theirs);
    b.peer().close(now());
    assert!(is_state(b.peer().set_sender_parameters(now(), theirs, given)));
}

#[test]
fn wpt_rtc_rtp_sender_set_parameters_max_bitrate_zero_rejects() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Video, Direction::default());
    let outcome = change(&mut pc, id, |parameters| parameters.encodings[0].max_bitrate = Some(0));
    assert_eq!(outcome, Err(ParametersError::Range("max_bitrate")));
}

// --- transaction ids ----------------------------------------------------------------------------------------------------

#[test]
fn wpt_rtc_rtp_parameters_transaction_id_changed_id_rejects() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Audio, Direction::default());
    assert!(is_modification(change(&mut pc, id, |parameters| parameters.transaction_id = "other".to_owned())));
}

#[test]
fn wpt_rtc_rtp_parameters_transaction_id_twice_rejects() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Audio, Direction::default());
    let given = parameters(&mut pc, id);
    pc.peer().set_sender_parameters(now(), id, given.clone()).unwrap();
    assert!(is_state(pc.peer().set_sender_parameters(now(), id, given)));
}

#[test]
fn wpt_rtc_rtp_parameters_transaction_id_same_id_in_same_task() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Audio, Direction::default());
    assert_eq!(parameters(&mut pc, id).transaction_id, parameters(&mut pc, id).transaction_id);
}

#[test]
fn wpt_rtc_rtp_parameters_transaction_id_older_than_last_get_rejects() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Audio, Direction::default());
    let older = parameters(&mut pc, id);
    change(&mut pc, id, |_| ()).unwrap();
    let newer = parameters(&mut pc, id);
    assert_ne!(older.transaction_id, newer.transaction_id);
    assert!(is_modification(pc.peer().set_sender_parameters(now(), id, older)));
    pc.peer().set_sender_parameters(now(), id, newer).unwrap();
}

/// Guards: parameters are set once, those given last, and not after a description changed them.
#[test]
fn api_5_parameters_of_another_time_are_refused() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_transceiver(Video, Direction::default());
    let before = parameters(&mut a, id);
    negotiate(&mut a, &mut b);
    assert!(is_state(a.peer().set_sender_parameters(now(), id, before.clone())), "a description came between");
    let given = parameters(&mut a, id);
    assert_ne!(before.transaction_id, given.transaction_id);
    let stale = RtpSendParameters { transaction_id: before.transaction_id, ..given.clone() };
    assert!(is_modification(a.peer().set_sender_parameters(now(), id, stale)));
    a.peer().set_sender_parameters(now(), id, given.clone()).unwrap();
    assert!(is_state(a.peer().set_sender_parameters(now(), id, given)), "they were set");
}

/// Guards: an encoding is neither added nor taken away; one that is not active is not sent, and nobody has to be told.
#[test]
fn api_5_encodings_shrink_by_being_inactive_alone() {
    let (mut a, mut b) = Pc::two();
    let id = with_rids(&mut a, &["q", "f"]);
    negotiate(&mut a, &mut b);
    let refused: [fn(&mut RtpSendParameters); 3] = [
        |parameters| drop(parameters.encodings.pop()),
        |parameters| parameters.encodings.clear(),
        |parameters| parameters.encodings.push(RtpEncodingParameters::named("h")),
    ];
    for each in refused {
        assert!(is_modification(change(&mut a, id, each)));
        assert_eq!(encodings(&mut a, id).len(), 2);
    }
    a.events();
    change(&mut a, id, |parameters| parameters.encodings[0].active = false).unwrap();
    let active: Vec<bool> = encodings(&mut a, id).iter().map(|encoding| encoding.active).collect();
    assert_eq!(active, [false, true]);
    assert!(!a.is_negotiation_needed());
}

// --- what cannot be changed ---------------------------------------------------------------------------------------------

fn negotiated(kind: MediaKind) -> (Pc, Pc, TransceiverId) {
    let (mut a, mut b) = Pc::two();
    let id = a.add_transceiver(kind, Direction::default());
    negotiate(&mut a, &mut b);
    (a, b, id)
}

#[test]
fn wpt_rtc_rtp_parameters_header_extensions_modified_rejects() {
    let (mut pc, _, id) = negotiated(Video);
    assert!(is_modification(change(&mut pc, id, |parameters| parameters.header_extensions.clear())));
    assert!(is_modification(change(&mut pc, id, |parameters| parameters.header_extensions[0].id = 14)));
    assert!(is_modification(change(&mut pc, id, |parameters| parameters.header_extensions[0].uri.push('x'))));
}

#[test]
fn wpt_rtc_rtp_parameters_rtcp_modified_rejects() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Audio, Direction::default());
    assert!(is_modification(change(&mut pc, id, |parameters| parameters.rtcp.cname = "foo".to_owned())));
    assert!(is_modification(change(&mut pc, id, |parameters| parameters.rtcp.reduced_size ^= true)));
}

#[test]
fn wpt_rtc_rtp_parameters_codecs_modified_field_rejects() {
    for kind in KINDS {
        let (mut pc, _, id) = negotiated(kind);
        let changes: [fn(&mut ortica::parameters::RtpCodecParameters); 5] = [
            |codec| codec.payload_type += 1,
            |codec| codec.codec.mime_type.push('x'),
            |codec| codec.codec.clock_rate += 1,
            |codec| codec.codec.channels = Some(codec.codec.channels.unwrap_or(1) + 1),
            |codec| codec.codec.sdp_fmtp_line = Some("a=b".to_owned()),
        ];
        for each in changes {
            assert!(is_modification(change(&mut pc, id, |parameters| each(&mut parameters.codecs[0]))), "{kind}");
        }
    }
}

#[test]
fn wpt_rtc_rtp_parameters_codecs_list_change_rejects() {
    for kind in KINDS {
        let (mut pc, _, id) = negotiated(kind);
        let changes: [fn(&mut RtpSendParameters); 4] = [
            |it| it.codecs.push(it.codecs[0].clone()),
            |it| drop(it.codecs.pop()),
            |it| it.codecs.reverse(),
            |it| it.codecs.clear(),
        ];
        for each in changes {
            assert!(is_modification(change(&mut pc, id, each)), "{kind}");
        }
    }
}

#[test]
fn wpt_rtc_rtp_parameters_codecs_sender_empty_before_answer() {
    for kind in KINDS {
        let (mut a, mut b) = Pc::two();
        let id = a.add_track(kind, &[]);
        b.add_track(kind, &[]);
        let offer = a.sld_implicit();
        assert!(parameters(&mut a, id).codecs.is_empty());
        b.srd(offer).unwrap();
        let theirs = b.transceivers()[0].id;
        assert!(parameters(&mut b, theirs).codecs.is_empty());
        b.create_answer();
        assert!(parameters(&mut b, theirs).codecs.is_empty());
    }
}

#[test]
fn wpt_rtc_rtp_parameters_codecs_receiver_empty_before_answer() {
    for kind in KINDS {
        let (mut a, mut b) = Pc::two();
        let id = a.add_track(kind, &[]);
        let offer = a.sld_implicit();
        assert!(a.peer().receiver_parameters(id).unwrap().codecs.is_empty());
        b.srd(offer).unwrap();
        let theirs = b.transceivers()[0].id;
        b.create_answer();
        assert!(b.peer().receiver_parameters(theirs).unwrap().codecs.is_empty());
    }
}

#[test]
fn wpt_rtc_rtp_parameters_codecs_present_after_negotiation() {
    for kind in KINDS {
        let (mut a, mut b, id) = negotiated(kind);
        let theirs = b.transceivers()[0].id;
        for (pc, id) in [(&mut a, id), (&mut b, theirs)] {
            assert!(!parameters(pc, id).codecs.is_empty(), "{kind}");
            assert!(!pc.peer().receiver_parameters(id).unwrap().codecs.is_empty(), "{kind}");
        }
    }
}

/// What a section says of its payload types: number, name and rate, format parameters.
fn described(sdp: &str) -> Vec<(u8, String, Option<String>)> {
    let session: ortica_sdp::Session = sdp.parse().unwrap();
    let payloads = session.media[0].payloads();
    let described = payloads.iter().filter_map(|payload| {
        let rtpmap = payload.rtpmap.as_ref()?;
        let channels = rtpmap.written_channels.filter(|channels| *channels > 1);
        let channels = channels.map_or(String::new(), |channels| format!("/{channels}"));
        let fmtp = payload.fmtp.map(|fmtp| fmtp.parameters.as_str().to_owned());
        Some((payload.payload_type, format!("{}/{}{channels}", rtpmap.encoding, rtpmap.clock_rate), fmtp))
    });
    described.collect()
}

/// The same of parameters.
fn listed(codecs: &[ortica::parameters::RtpCodecParameters]) -> Vec<(u8, String, Option<String>)> {
    let of = |it: &ortica::parameters::RtpCodecParameters| {
        let name = it.codec.mime_type.split_once('/').unwrap().1;
        let channels = it.codec.channels.filter(|channels| *channels > 1);
        let channels = channels.map_or(String::new(), |channels| format!("/{channels}"));
        (it.payload_type, format!("{name}/{}{channels}", it.codec.clock_rate), it.codec.sdp_fmtp_line.clone())
    };
    codecs.iter().map(of).collect()
}

#[test]
fn wpt_rtc_rtp_parameters_codecs_receiver_matches_local_sdp() {
    for kind in KINDS {
        let (mut a, mut b, id) = negotiated(kind);
        let theirs = b.transceivers()[0].id;
        for (pc, id) in [(&mut a, id), (&mut b, theirs)] {
            let local = pc.peer().current_local_description().unwrap().sdp;
            assert_eq!(listed(&pc.peer().receiver_parameters(id).unwrap().codecs), described(&local), "{kind}");
        }
    }
}

#[test]
fn wpt_rtc_rtp_parameters_codecs_sender_matches_remote_sdp_audio() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_transceiver(Audio, Direction::default());
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    let mut answer = b.sld_implicit();
    let session: ortica_sdp::Session = answer.sdp.parse().unwrap();
    let line: String = session.media[0].payload_types().map(|number| format!(" {number}")).collect();
    answer.sdp = answer
        .sdp
        .replace(&format!("SAVPF{line}"), "SAVPF 111 100 0")
        .replace("a=rtpmap:111", "a=rtpmap:100 unknown/48000\r\na=fmtp:100 a=b\r\na=rtpmap:111");
    answer.sdp = answer.sdp.replace("a=fmtp:111 minptime=10;useinbandfec=1", "a=fmtp:111 minptime=20; stereo=1");
    a.srd(answer).unwrap();
    let expected =
        [(111, "opus/48000/2".to_owned(), Some("minptime=20; stereo=1".to_owned())), (0, "PCMU/8000".to_owned(), None)];
    assert_eq!(listed(&parameters(&mut a, id).codecs), expected);
}

#[test]
fn wpt_rtc_rtp_parameters_codecs_sender_matches_remote_sdp_video() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_transceiver(Video, Direction::default());
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    let mut answer = b.sld_implicit();
    // Other numbers, and formats that are not known here.
    answer.sdp = answer
        .sdp
        .replace("SAVPF 96 97", "SAVPF 119 123 118 115")
        .replace("a=rtpmap:96", "a=rtpmap:119")
        .replace("a=rtpmap:97", "a=rtpmap:123");
    answer.sdp = answer.sdp.replace("a=fmtp:97 apt=96", "a=fmtp:123 apt=119\r\na=fmtp:119 max-fr=30;max-fs=3600\r\na=rtpmap:118 ulpfec/90000\r\na=rtpmap:115 rtx/90000\r\na=fmtp:115 apt=118");
    answer.sdp = answer.sdp.replace("a=rtcp-fb:96", "a=rtcp-fb:119");
    a.srd(answer).unwrap();
    let expected = [
        (119, "VP8/90000".to_owned(), Some("max-fr=30;max-fs=3600".to_owned())),
        (123, "rtx/90000".to_owned(), Some("apt=119".to_owned())),
    ];
    assert_eq!(listed(&parameters(&mut a, id).codecs), expected);
}

/// The sender's codec has what the other side says of VP8.
#[test]
fn wpt_protocol_vp8_fmtp_max_fr_max_fs() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_transceiver(Video, Direction::default());
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    let mut answer = b.sld_implicit();
    answer.sdp = answer.sdp.replace("a=rtpmap:97", "a=fmtp:96 max-fr=30;max-fs=3600\r\na=rtpmap:97");
    a.srd(answer).unwrap();
    let codec = parameters(&mut a, id).codecs[0].codec.clone();
    assert_eq!(codec.sdp_fmtp_line.as_deref(), Some("max-fr=30;max-fs=3600"));
}

// --- encodings ----------------------------------------------------------------------------------------------------------

#[test]
fn wpt_rtc_rtp_parameters_encodings_required_fields() {
    let mut pc = Pc::new();
    let id = pc.add_track(Video, &[]);
    let parameters = parameters(&mut pc, id);
    assert!(!parameters.transaction_id.is_empty() && !parameters.rtcp.cname.is_empty());
    assert_eq!((parameters.encodings.len(), parameters.codecs.len(), parameters.header_extensions.len()), (1, 0, 0));
}

#[test]
fn wpt_rtc_rtp_parameters_encodings_default_audio() {
    let mut pc = Pc::new();
    for given in [Vec::new(), vec![RtpEncodingParameters::default()]] {
        let id = with_encodings(&mut pc, Audio, given).unwrap();
        assert_eq!(encodings(&mut pc, id), [RtpEncodingParameters::default()]);
    }
}

#[test]
fn wpt_rtc_rtp_parameters_encodings_default_video() {
    let mut pc = Pc::new();
    for given in [Vec::new(), vec![RtpEncodingParameters::default()]] {
        let id = with_encodings(&mut pc, Video, given).unwrap();
        assert_eq!(encodings(&mut pc, id), [scaled(1.0)]);
    }
}

fn scales(pc: &mut Pc, id: TransceiverId) -> Vec<Option<f64>> {
    encodings(pc, id).into_iter().map(|encoding| encoding.scale_resolution_down_by).collect()
}

#[test]
fn wpt_rtc_rtp_parameters_encodings_scale_partly_given() {
    let mut pc = Pc::new();
    let mut given = named(&["foo", "bar"]);
    given[0].scale_resolution_down_by = Some(3.0);
    let id = with_encodings(&mut pc, Video, given).unwrap();
    assert_eq!(scales(&mut pc, id), [Some(3.0), Some(1.0)]);
    // What is said of the last counts for those before it too.
    let mut given = named(&["foo", "bar"]);
    given[1].scale_resolution_down_by = Some(3.0);
    let id = with_encodings(&mut pc, Video, given).unwrap();
    assert_eq!(scales(&mut pc, id), [Some(1.0), Some(3.0)]);
}

#[test]
fn wpt_rtc_rtp_parameters_encodings_scale_defaults() {
    let mut pc = Pc::new();
    let id = with_rids(&mut pc, &["foo", "bar"]);
    assert_eq!(scales(&mut pc, id), [Some(2.0), Some(1.0)]);
}

#[test]
fn wpt_rtc_rtp_parameters_encodings_too_many_truncated() {
    let mut pc = Pc::new();
    let given = (0..1_000).map(|number| RtpEncodingParameters::named(number.to_string())).collect();
    let id = with_encodings(&mut pc, Video, given).unwrap();
    assert_eq!(encodings(&mut pc, id).len(), ortica::parameters::MAX_ENCODINGS);
}

#[test]
fn wpt_rtc_rtp_parameters_encodings_audio_many_encodings() {
    let mut pc = Pc::new();
    let id = with_encodings(&mut pc, Audio, named(&["foo", "bar"])).unwrap();
    assert_eq!(encodings(&mut pc, id), [RtpEncodingParameters::default()]);
}

#[test]
fn wpt_rtc_rtp_parameters_encodings_audio_scale_removed() {
    let mut pc = Pc::new();
    for scale in [2.0, 0.5] {
        let id = with_encodings(&mut pc, Audio, vec![scaled(scale)]).unwrap();
        assert_eq!(scales(&mut pc, id), [None]);
        change(&mut pc, id, |it| it.encodings[0].scale_resolution_down_by = Some(scale)).unwrap();
        assert_eq!(scales(&mut pc, id), [None]);
    }
}

#[test]
fn wpt_rtc_rtp_parameters_encodings_duplicate_rid_rejects() {
    assert!(is_type(with_encodings(&mut Pc::new(), Video, named(&["foo", "foo"]))));
}

#[test]
fn wpt_rtc_rtp_parameters_encodings_missing_rid_rejects() {
    let given = vec![RtpEncodingParameters::named("foo"), RtpEncodingParameters::default()];
    assert!(is_type(with_encodings(&mut Pc::new(), Video, given)));
}

#[test]
fn wpt_rtc_rtp_parameters_encodings_empty_rid_rejects() {
    for rids in [&[""][..], &["", "foo"]] {
        assert!(is_type(with_encodings(&mut Pc::new(), Video, named(rids))));
    }
}

#[test]
fn wpt_rtc_rtp_parameters_encodings_rid_characters() {
    for rid in ["a-b", "a_b", "a b", "ä", "a;b", "~a"] {
        assert!(is_type(with_encodings(&mut Pc::new(), Video, named(&[rid]))), "{rid}");
    }
}

#[test]
fn wpt_rtc_rtp_parameters_encodings_rid_256_rejects() {
    for len in [17, 256] {
        assert!(is_type(with_encodings(&mut Pc::new(), Video, named(&[&"a".repeat(len)]))));
    }
}

#[test]
fn wpt_rtc_peer_connection_add_transceiver_rid_bad_characters() {
    let mut pc = Pc::new();
    assert!(is_type(with_encodings(&mut pc, Video, named(&["\u{1f600}"]))));
    assert!(pc.transceivers().is_empty());
}

#[test]
fn wpt_rtc_peer_connection_add_transceiver_rid_too_long() {
    let mut pc = Pc::new();
    assert!(is_type(with_encodings(&mut pc, Video, named(&[&"a".repeat(256)]))));
    assert!(pc.transceivers().is_empty());
}

#[test]
fn wpt_rtc_peer_connection_add_transceiver_rid_valid() {
    let mut pc = Pc::new();
    for rids in [&["foo"][..], &["0123456789abcdEF", "b"]] {
        assert!(with_encodings(&mut pc, Video, named(rids)).is_ok());
    }
}

#[test]
fn wpt_rtc_peer_connection_add_transceiver_valid_send_encodings() {
    let mut pc = Pc::new();
    let given = RtpEncodingParameters { max_bitrate: Some(5), active: false, ..scaled(2.0) };
    let id = with_encodings(&mut pc, Video, vec![given.clone()]).unwrap();
    assert_eq!(encodings(&mut pc, id), [given]);
}

#[test]
fn wpt_rtc_peer_connection_transceivers_init_encoding_inactive() {
    let mut pc = Pc::new();
    let given = RtpEncodingParameters { active: false, ..RtpEncodingParameters::default() };
    let id = with_encodings(&mut pc, Audio, vec![given]).unwrap();
    assert!(!encodings(&mut pc, id)[0].active);
    assert_eq!(pc.transceiver(id).direction, Direction::SendRecv);
}

#[test]
fn wpt_rtc_rtp_parameters_encodings_scale_below_one_rejects() {
    for scale in [-1.0, 0.0, 0.5, f64::NAN] {
        let mut pc = Pc::new();
        let range = ParametersError::Range("scale_resolution_down_by");
        assert_eq!(with_encodings(&mut pc, Video, vec![scaled(scale)]), Err(range));
        let id = pc.add_transceiver(Video, Direction::default());
        assert_eq!(change(&mut pc, id, |it| it.encodings[0].scale_resolution_down_by = Some(scale)), Err(range));
        assert_eq!(scales(&mut pc, id), [Some(1.0)]);
    }
}

/// Guards: a rate of pictures is a number, and none below nought.
#[test]
fn rates_of_pictures_below_nought_are_refused() {
    let rated = |rate| RtpEncodingParameters { max_framerate: Some(rate), ..RtpEncodingParameters::default() };
    for rate in [-1.0, f64::NEG_INFINITY, f64::NAN] {
        let mut pc = Pc::new();
        let range = ParametersError::Range("max_framerate");
        assert_eq!(with_encodings(&mut pc, Video, vec![rated(rate)]), Err(range));
        let id = with_encodings(&mut pc, Video, vec![rated(0.0)]).unwrap();
        assert_eq!(change(&mut pc, id, |it| it.encodings[0].max_framerate = Some(rate)), Err(range));
        assert_eq!(encodings(&mut pc, id)[0].max_framerate, Some(0.0));
    }
}

/// Guards: what is said of key frames is said of each encoding, or of none.
#[test]
fn options_of_another_count_than_the_encodings_are_refused() {
    let mut pc = Pc::new();
    let id = with_rids(&mut pc, &["foo", "bar"]);
    for key_frames in [&[true][..], &[false; 3]] {
        let parameters = parameters(&mut pc, id);
        assert!(is_modification(pc.peer().set_sender_parameters_with(now(), id, parameters, key_frames)));
    }
    let parameters = parameters(&mut pc, id);
    assert_eq!(pc.peer().set_sender_parameters_with(now(), id, parameters, &[false; 2]), Ok(()));
}

#[test]
fn wpt_rtc_rtp_parameters_encodings_init_values_kept() {
    let mut pc = Pc::new();
    let given = RtpEncodingParameters { active: false, max_bitrate: Some(8), ..RtpEncodingParameters::named("foo") };
    let id = with_encodings(&mut pc, Video, vec![given]).unwrap();
    let encoding = &encodings(&mut pc, id)[0];
    assert_eq!((encoding.active, encoding.max_bitrate, &encoding.rid), (false, Some(8), &None));
}

#[test]
fn wpt_rtc_rtp_parameters_encodings_add_remove_reorder_rejects() {
    let mut pc = Pc::new();
    let id = with_rids(&mut pc, &["foo", "bar"]);
    assert!(is_modification(change(&mut pc, id, |it| it.encodings.push(RtpEncodingParameters::named("baz")))));
    assert!(is_modification(change(&mut pc, id, |it| drop(it.encodings.pop()))));
    assert!(is_modification(change(&mut pc, id, |it| it.encodings.reverse())));
}

#[test]
fn wpt_rtc_rtp_parameters_encodings_encodings_missing_rejects() {
    for kind in KINDS {
        let mut pc = Pc::new();
        let id = pc.add_transceiver(kind, Direction::default());
        assert!(is_modification(change(&mut pc, id, |it| it.encodings.clear())));
    }
}

#[test]
fn wpt_rtc_rtp_parameters_encodings_rid_change_rejects() {
    let mut pc = Pc::new();
    let id = with_rids(&mut pc, &["foo", "baz"]);
    assert!(is_modification(change(&mut pc, id, |it| it.encodings[0].rid = Some("bar".to_owned()))));
    assert!(is_modification(change(&mut pc, id, |it| it.encodings[0].rid = None)));
}

#[test]
fn wpt_rtc_rtp_parameters_encodings_missing_scale_resets() {
    let mut pc = Pc::new();
    let id = with_encodings(&mut pc, Video, vec![scaled(2.0)]).unwrap();
    change(&mut pc, id, |it| it.encodings[0].scale_resolution_down_by = None).unwrap();
    assert_eq!(scales(&mut pc, id), [Some(1.0)]);
}

#[test]
fn wpt_rtc_rtp_parameters_encodings_scale_kept() {
    let mut pc = Pc::new();
    let id = with_encodings(&mut pc, Video, vec![scaled(1.5)]).unwrap();
    assert_eq!(scales(&mut pc, id), [Some(1.5)]);
    change(&mut pc, id, |it| it.encodings[0].scale_resolution_down_by = Some(4.0)).unwrap();
    assert_eq!(scales(&mut pc, id), [Some(4.0)]);
}

#[test]
fn wpt_rtc_rtp_parameters_encodings_active_and_bitrate_changes() {
    for kind in KINDS {
        let mut pc = Pc::new();
        let id = pc.add_transceiver(kind, Direction::default());
        for (active, max_bitrate) in [(false, Some(10_000)), (true, Some(20_000)), (true, None)] {
            change(&mut pc, id, |it| (it.encodings[0].active, it.encodings[0].max_bitrate) = (active, max_bitrate))
                .unwrap();
            let encoding = &encodings(&mut pc, id)[0];
            assert_eq!((encoding.active, encoding.max_bitrate), (active, max_bitrate));
        }
    }
}

// --- codecs of encodings ------------------------------------------------------------------------------------------------

fn coded(codec: impl Into<RtpCodec>) -> RtpEncodingParameters {
    RtpEncodingParameters { codec: Some(codec.into()), ..RtpEncodingParameters::default() }
}

fn unknown_codecs() -> [RtpCodec; 3] {
    let opus = RtpCodec::from(Codec::Opus);
    [
        RtpCodec { mime_type: "audio/newCodec".to_owned(), ..opus.clone() },
        RtpCodec { mime_type: "dummy/opus".to_owned(), ..opus.clone() },
        RtpCodec { clock_rate: 1_000, ..opus },
    ]
}

#[test]
fn wpt_webrtc_extensions_rtc_rtp_parameters_codec_unset_by_default() {
    for kind in KINDS {
        let mut pc = Pc::new();
        let id = pc.add_transceiver(kind, Direction::default());
        assert_eq!(encodings(&mut pc, id)[0].codec, None);
    }
}

#[test]
fn wpt_webrtc_extensions_rtc_rtp_parameters_codec_set_by_add_transceiver() {
    for (kind, codec) in [(Audio, Codec::Opus), (Video, Codec::Vp8)] {
        let mut pc = Pc::new();
        let id = with_encodings(&mut pc, kind, vec![coded(codec)]).unwrap();
        assert_eq!(encodings(&mut pc, id)[0].codec, Some(codec.into()));
    }
}

#[test]
fn wpt_webrtc_extensions_rtc_rtp_parameters_codec_set_and_cleared() {
    for (kind, codec) in [(Audio, Codec::Pcmu), (Video, Codec::Vp8)] {
        let mut pc = Pc::new();
        let id = pc.add_transceiver(kind, Direction::default());
        for codec in [Some(RtpCodec::from(codec)), None] {
            change(&mut pc, id, |it| it.encodings[0].codec.clone_from(&codec)).unwrap();
            assert_eq!(encodings(&mut pc, id)[0].codec, codec);
        }
    }
}

#[test]
fn wpt_webrtc_extensions_rtc_rtp_parameters_codec_unknown_in_add_transceiver() {
    for codec in unknown_codecs() {
        let outcome = with_encodings(&mut Pc::new(), Audio, vec![coded(codec)]);
        assert!(matches!(outcome, Err(ParametersError::Operation(_))), "{outcome:?}");
    }
}

#[test]
fn wpt_webrtc_extensions_rtc_rtp_parameters_codec_unknown_in_set_parameters() {
    for codec in unknown_codecs() {
        let mut pc = Pc::new();
        let id = pc.add_transceiver(Audio, Direction::default());
        assert!(is_modification(change(&mut pc, id, |it| it.encodings[0].codec = Some(codec))));
    }
}

#[test]
fn wpt_webrtc_extensions_rtc_rtp_parameters_codec_not_preferred_rejects() {
    let mut pc = Pc::new();
    let id = pc.add_transceiver(Audio, Direction::default());
    pc.peer().set_codec_preferences(id, &[Codec::Pcmu.into()]).unwrap();
    assert!(is_modification(change(&mut pc, id, |it| it.encodings[0].codec = Some(Codec::Opus.into()))));
}

#[test]
fn wpt_webrtc_extensions_rtc_rtp_parameters_codec_not_negotiated_rejects() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_transceiver(Audio, Direction::default());
    a.peer().set_codec_preferences(id, &[Codec::Pcmu.into()]).unwrap();
    negotiate(&mut a, &mut b);
    assert!(is_modification(change(&mut a, id, |it| it.encodings[0].codec = Some(Codec::Opus.into()))));
    change(&mut a, id, |it| it.encodings[0].codec = Some(Codec::Pcmu.into())).unwrap();
}

#[test]
fn wpt_webrtc_extensions_rtc_rtp_parameters_codec_cleared_when_negotiated_away() {
    let (mut a, mut b) = Pc::two();
    let id = with_encodings(&mut a, Audio, vec![coded(Codec::Opus)]).unwrap();
    negotiate(&mut a, &mut b);
    assert_eq!(encodings(&mut a, id)[0].codec, Some(Codec::Opus.into()));
    a.peer().set_codec_preferences(id, &[Codec::Pcmu.into()]).unwrap();
    negotiate(&mut a, &mut b);
    assert_eq!(encodings(&mut a, id)[0].codec, None);
}

// --- sizes --------------------------------------------------------------------------------------------------------------

fn sized(width: u32, height: u32) -> RtpEncodingParameters {
    RtpEncodingParameters {
        scale_resolution_down_to: Some(Resolution { width, height }),
        ..RtpEncodingParameters::default()
    }
}

#[test]
fn wpt_webrtc_extensions_rtc_rtp_encoding_parameters_scale_resolution_down_to_zero_size_rejects() {
    for (width, height) in [(0, 60), (120, 0)] {
        let mut pc = Pc::new();
        let outcome = with_encodings(&mut pc, Video, vec![sized(width, height)]);
        assert!(matches!(outcome, Err(ParametersError::Operation(_))), "{outcome:?}");
        let id = pc.add_transceiver(Video, Direction::default());
        let size = Some(Resolution { width, height });
        assert!(is_modification(change(&mut pc, id, |it| it.encodings[0].scale_resolution_down_to = size)));
    }
}

#[test]
fn wpt_webrtc_extensions_rtc_rtp_encoding_parameters_scale_resolution_down_to_some_not_all_rejects() {
    let mut pc = Pc::new();
    let mut given = named(&["foo", "bar"]);
    given[0].scale_resolution_down_to = Some(Resolution { width: 120, height: 60 });
    let outcome = with_encodings(&mut pc, Video, given);
    assert!(matches!(outcome, Err(ParametersError::Operation(_))), "{outcome:?}");
    let id = with_rids(&mut pc, &["foo", "bar"]);
    let size = Some(Resolution { width: 120, height: 60 });
    assert!(is_modification(change(&mut pc, id, |it| it.encodings[1].scale_resolution_down_to = size)));
}
