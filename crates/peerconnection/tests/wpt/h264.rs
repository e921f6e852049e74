//! `protocol/video-codecs`, `protocol/additional-codecs`, `protocol/h264-*`, and what H.264 brings to
//! `RTCRtpTransceiver-setCodecPreferences`.

use super::*;
use netsim::Link;
use ortica::ConnectionState;
use ortica::codecs::MediaKind::Video;
use ortica::codecs::codec::Form;
use ortica::engine::Resolution;
use ortica::parameters::{RtpCodec, RtpCodecParameters};
use std::time::Duration;

/// With both codecs for pictures, whatever this build can encode.
fn pc(seed: u64, address: SocketAddr) -> Pc {
    let mut pc = Pc::at(seed, address);
    pc.peer().set_codecs(vec![Codec::Vp8, Codec::H264]);
    pc
}

fn two() -> (Pc, Pc) {
    (pc(1, Pair::<Side>::A), pc(2, Pair::<Side>::B))
}

fn capable(pc: &mut Pc) -> Vec<RtpCodec> {
    pc.peer().capabilities(Video).codecs
}

fn is(codec: &RtpCodec, name: &str) -> bool {
    codec.mime_type == format!("video/{name}")
}

/// Names of the codecs in the only section of a description and their parameters, in its order.
fn formats(sdp: &str) -> Vec<(String, Option<String>)> {
    let session: ortica_sdp::Session = sdp.parse().unwrap();
    let of = |payload: &ortica_sdp::Payload<'_>| {
        let name = payload.rtpmap.as_ref().unwrap().encoding.clone();
        (name, payload.fmtp.map(|fmtp| fmtp.parameters.as_str().to_owned()))
    };
    session.media[0].payloads().iter().map(of).collect()
}

fn names(sdp: &str) -> Vec<String> {
    formats(sdp).into_iter().map(|(name, _)| name).collect()
}

fn sent(pc: &mut Pc, id: TransceiverId) -> Vec<RtpCodecParameters> {
    let codecs = pc.peer().sender_parameters(id).unwrap().codecs;
    codecs.into_iter().filter(|it| !is(&it.codec, "rtx")).collect()
}

/// The offer of a connection whose transceiver prefers these.
fn offered(codecs: &[RtpCodec]) -> Vec<String> {
    let mut pc = pc(1, Pair::<Side>::A);
    let id = pc.add_transceiver(Video, Direction::default());
    pc.peer().set_codec_preferences(id, codecs).unwrap();
    names(&pc.create_offer().sdp)
}

#[test]
fn wpt_rtc_rtp_transceiver_set_codec_preferences_video_order_in_offer() {
    let all = capable(&mut pc(1, Pair::<Side>::A));
    for first in ["VP8", "H264"] {
        let mut codecs = all.clone();
        codecs.sort_by_key(|codec| !is(codec, first));
        let offered = offered(&codecs);
        assert_eq!(offered[0], first);
        assert!(offered.contains(&"VP8".to_owned()) && offered.contains(&"H264".to_owned()));
    }
}

#[test]
fn wpt_rtc_rtp_transceiver_set_codec_preferences_only_vp8_or_h264() {
    let all = capable(&mut pc(1, Pair::<Side>::A));
    for (name, codec) in [("VP8", Codec::Vp8), ("H264", Codec::H264)] {
        let first = all.iter().find(|codec| is(codec, name)).unwrap();
        assert_eq!(first, &codec.into());
        assert_eq!(offered(std::slice::from_ref(first)), [name]);
    }
}

#[test]
fn wpt_rtc_rtp_transceiver_set_codec_preferences_h264_or_vp8_first() {
    let all = capable(&mut pc(1, Pair::<Side>::A));
    let usual = offered(&all);
    for first in ["VP8", "H264"] {
        let mut codecs = all.clone();
        let at = codecs.iter().position(|codec| is(codec, first)).unwrap();
        let moved = codecs.remove(at);
        codecs.insert(0, moved);
        let offered = offered(&codecs);
        // Retransmissions follow what they are of, as in browsers.
        assert_eq!(offered[..2], [first, "rtx"]);
        assert_eq!(offered.len(), usual.len(), "other codecs remain");
    }
}

/// Forms are codecs of their own to an application: it can put one before another, and leave others out.
#[test]
fn forms_have_the_order_that_they_are_given() {
    let mut codecs: Vec<RtpCodec> =
        capable(&mut pc(1, Pair::<Side>::A)).into_iter().filter(|codec| is(codec, "H264")).collect();
    assert_eq!(codecs.len(), Form::offered(Codec::H264).count());
    codecs.reverse();
    codecs.truncate(3);
    let mut pc = pc(1, Pair::<Side>::A);
    let id = pc.add_transceiver(Video, Direction::default());
    pc.peer().set_codec_preferences(id, &codecs).unwrap();
    let fmtp: Vec<Option<String>> = formats(&pc.create_offer().sdp).into_iter().map(|(_, fmtp)| fmtp).collect();
    assert_eq!(fmtp, codecs.into_iter().map(|codec| codec.sdp_fmtp_line).collect::<Vec<_>>());
}

#[test]
fn wpt_protocol_video_codecs_offer_vp8_h264() {
    let mut pc = pc(1, Pair::<Side>::A);
    pc.add_transceiver(Video, Direction::default());
    let names = names(&pc.create_offer().sdp);
    assert_eq!(names[0], "VP8", "best liked");
    assert!(names.contains(&"H264".to_owned()));
}

#[test]
fn wpt_protocol_video_codecs_negotiated_vp8_h264() {
    let (mut a, mut b) = two();
    let id = a.add_transceiver(Video, Direction::default());
    negotiate(&mut a, &mut b);
    let negotiated = sent(&mut a, id);
    assert!(["VP8", "H264"].iter().all(|name| negotiated.iter().any(|it| is(&it.codec, name))), "{negotiated:?}");
    assert_eq!(negotiated.len(), 1 + Form::offered(Codec::H264).count());
}

#[test]
fn wpt_protocol_video_codecs_h264_profile_level_id() {
    let (mut a, mut b) = two();
    a.add_transceiver(Video, Direction::default());
    negotiate(&mut a, &mut b);
    for pc in [&mut a, &mut b] {
        let sdp = pc.peer().current_local_description().unwrap().sdp;
        let h264: Vec<Option<String>> =
            formats(&sdp).into_iter().filter(|(name, _)| name == "H264").map(|(_, fmtp)| fmtp).collect();
        assert!(!h264.is_empty());
        assert!(h264.iter().all(|fmtp| fmtp.as_ref().unwrap().contains("profile-level-id=")), "{h264:?}");
    }
}

/// A call in which the first side sends pictures in what it prefers; the answer passes through `change`.
fn call(preferred: &[RtpCodec], change: impl Fn(String) -> String) -> (Pair<Side>, TransceiverId) {
    let (mut a, mut b) = two();
    let id = a.add_transceiver(Video, Direction::default());
    a.peer().set_codec_preferences(id, preferred).unwrap();
    let offer = a.sld_implicit();
    b.srd(SessionDescription { sdp: a.peer().local_description().unwrap().sdp, ..offer }).unwrap();
    let answer = b.sld_implicit();
    let sdp = change(b.peer().local_description().unwrap().sdp);
    a.srd(SessionDescription { sdp, ..answer }).unwrap();
    let mut pair = Pair::new(1, Link::with_delay(Duration::from_millis(5)), a.side, b.side);
    let is_connected = |side: &Side| side.peer.connection_state() == ConnectionState::Connected;
    pair.run_until(Duration::from_secs(30), |a, b| is_connected(a) && is_connected(b)).expect("connects");
    (pair, id)
}

#[test]
fn wpt_protocol_additional_codecs_answer_codec_not_offered() {
    let (mut pair, id) = call(&[Codec::Vp8.into()], |sdp| {
        assert!(sdp.contains("SAVPF 96\r\n"), "{sdp}");
        let lines = "a=rtpmap:125 H264/90000\r\na=fmtp:125 packetization-mode=1;profile-level-id=42e01f\r\n";
        sdp.replace("SAVPF 96\r\n", "SAVPF 125 96\r\n").replace("a=rtpmap:96", &format!("{lines}a=rtpmap:96"))
    });
    let codecs = pair.a.peer.sender_parameters(id).unwrap().codecs;
    assert_eq!(codecs.iter().map(|it| it.payload_type).collect::<Vec<_>>(), [125, 96]);
    assert_eq!(pair.a.peer.encoder_targets(id).unwrap().form.codec(), Codec::H264);
}

/// The levels of the standard: `level_idc`, macroblocks of a picture, macroblocks in a second.
const LEVELS: [(u8, u32, f64); 19] = [
    (10, 99, 1_485.0),
    (11, 396, 3_000.0),
    (12, 396, 6_000.0),
    (13, 396, 11_880.0),
    (20, 396, 11_880.0),
    (21, 792, 19_800.0),
    (22, 1_620, 20_250.0),
    (30, 1_620, 40_500.0),
    (31, 3_600, 108_000.0),
    (32, 5_120, 216_000.0),
    (40, 8_192, 245_760.0),
    (41, 8_192, 245_760.0),
    (42, 8_704, 522_240.0),
    (50, 22_080, 589_824.0),
    (51, 36_864, 983_040.0),
    (52, 36_864, 2_073_600.0),
    (60, 139_264, 4_177_920.0),
    (61, 139_264, 8_355_840.0),
    (62, 139_264, 16_711_680.0),
];

#[test]
fn wpt_protocol_h264_profile_levels_level_respected() {
    for (level, most, rate) in LEVELS {
        let (mut pair, id) = call(&[Codec::H264.into()], |sdp| sdp.replace("42e01f", &format!("42e0{level:02x}")));
        let targets = pair.a.peer.encoder_targets(id).unwrap();
        for (width, height) in [(1_280, 720), (720, 1_280), (4_096, 2_304), (64, 64)] {
            let size = targets.picture.size_of(Resolution { width, height });
            let blocks = size.width.div_ceil(16) * size.height.div_ceil(16);
            assert!(blocks <= most, "level {level}: {size:?}");
            // No smaller than it has to be.
            assert!(blocks * 10 >= most * 7 || size.width == width, "level {level}: {size:?}");
            let frame_rate = targets.picture.frame_rate_at(size).unwrap();
            assert!(f64::from(blocks) * frame_rate <= rate + 1e-3, "level {level}: {size:?} at {frame_rate}");
        }
        #[cfg(feature = "h264")]
        encoded_fits(&targets, level);
    }
}

/// What an encoder makes of a picture for these targets says that it is of the level, or of a lower one.
#[cfg(feature = "h264")]
fn encoded_fits(targets: &ortica::engine::EncoderTargets, level: u8) {
    use ortica::codecs::VideoFrame;
    use ortica::codecs::coder::{VideoEncoderConfig, video_encoder};

    let size = targets.picture.size_of(Resolution { width: 1_280, height: 720 });
    let bitrate = targets.max_bitrate.unwrap_or(2_000_000).min(2_000_000) as u32;
    let rate = targets.picture.frame_rate_at(size).unwrap().clamp(1.0, 30.0) as u32;
    let config = VideoEncoderConfig::default().with_bitrate(bitrate).with_frame_rate(rate);
    let picture = VideoFrame::black(size.width, size.height).unwrap();
    let encoded = video_encoder(targets.form, &config).unwrap().encode(&picture, true).unwrap().unwrap();
    assert_eq!(encoded.data[4] & 0x1f, 7, "the sequence parameter set comes first");
    // Level 1b has the number 11, or 9.
    assert!(encoded.data[7] <= level, "{size:?} at {rate} and {bitrate}: level {} above {level}", encoded.data[7]);
}

#[test]
fn wpt_protocol_h264_unidirectional_codec_offer_receive_only_codec() {
    let (mut a, mut b) = two();
    let id = a.add_transceiver(Video, Direction::RecvOnly);
    let mut codecs = capable(&mut a);
    codecs.retain(|codec| is(codec, "VP8") || codec.sdp_fmtp_line.as_ref().is_some_and(|it| it.ends_with("64001f")));
    codecs.sort_by_key(|codec| !is(codec, "H264"));
    a.peer().set_codec_preferences(id, &codecs).unwrap();
    let offer = a.sld_implicit();
    assert_eq!(names(&offer.sdp), ["H264", "H264", "VP8"]);
    // Who cannot send it leaves it out.
    b.peer().set_codecs(vec![Codec::Vp8]);
    b.srd(offer).unwrap();
    let answer = b.sld_implicit();
    assert_eq!(names(&answer.sdp), ["VP8"]);
    a.srd(answer).unwrap();
}

#[test]
fn wpt_protocol_h264_unidirectional_codec_offer_send_only_codec() {
    let (mut a, mut b) = two();
    let id = a.add_transceiver(Video, Direction::SendOnly);
    let offer = a.sld_implicit();
    let high =
        ("H264".to_owned(), Some("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f".to_owned()));
    assert!(formats(&offer.sdp).contains(&high));
    b.srd(offer).unwrap();
    let theirs = b.transceivers()[0].id;
    let wanted = RtpCodec { sdp_fmtp_line: high.1, ..Codec::H264.into() };
    b.peer().set_codec_preferences(theirs, std::slice::from_ref(&wanted)).unwrap();
    let answer = b.sld_implicit();
    assert_eq!(names(&answer.sdp), ["H264"]);
    let session: ortica_sdp::Session = answer.sdp.parse().unwrap();
    let payload_type = session.media[0].payloads()[0].payload_type;
    a.srd(answer).unwrap();
    assert_eq!(a.peer().sender_parameters(id).unwrap().codecs, [RtpCodecParameters { payload_type, codec: wanted }]);
}

/// Levels do not tell codecs apart where one is chosen for an encoding: the one of the capabilities is taken after another
/// level was agreed on, and kept as it was given.
#[test]
fn a_codec_of_another_level_can_be_chosen() {
    let (mut pair, id) = call(&[], |sdp| sdp.replace("profile-level-id=42e01f", "profile-level-id=42e00b"));
    assert_eq!(pair.a.peer.encoder_targets(id).unwrap().form, Form::Vp8);
    let chosen = RtpCodec::from(Codec::H264);
    pair.with_a(|a, now| {
        let mut parameters = a.peer.sender_parameters(id).unwrap();
        parameters.encodings[0].codec = Some(chosen.clone());
        a.peer.set_sender_parameters(now, id, parameters).unwrap();
    });
    assert_eq!(pair.a.peer.sender_parameters(id).unwrap().encodings[0].codec, Some(chosen));
    let Form::H264(form) = pair.a.peer.encoder_targets(id).unwrap().form else { panic!("VP8 is liked better") };
    assert_eq!(form.level.to_string(), "1.1");
}
