//! Calls in H.264 in virtual time, encoded and decoded for real: what is seen has the numbers of what was sent.
#![cfg(all(feature = "h264", feature = "vpx"))]

mod common;

use common::{Side, exchange};
use netsim::{Link, Pair};
use ortica::ConnectionState;
use ortica::codecs::codec::Form;
use ortica::codecs::coder::{self, DecoderLimits, VideoDecoder, VideoEncoder, VideoEncoderConfig};
use ortica::codecs::payload::h264::nal::{self, Header};
use ortica::codecs::synthetic::{MovingPicture, frame_counter};
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::engine::ReceivedFrame;
use ortica::jsep::{SessionDescription, TransceiverId, TransceiverInit};
use ortica::parameters::RtpCodec;
use std::collections::BTreeSet;
use std::time::Duration;

const DELAY: Duration = Duration::from_millis(25);
const FRAME: Duration = Duration::from_nanos(1_000_000_000 / 30);

/// A call in which the first side sends numbered pictures, with its encoder and the other one's decoder.
struct Call {
    pair: Pair<Side>,
    from: TransceiverId,
    source: MovingPicture,
    number: u32,
    encoder: Option<(Form, Box<dyn VideoEncoder>)>,
    decoder: Option<Box<dyn VideoDecoder>>,
}

impl Call {
    fn new(seed: u64, link: Link, preferred: &[RtpCodec]) -> Self {
        Self::described(seed, link, preferred, |sdp| sdp)
    }

    /// The offer passes through `change`.
    fn described(seed: u64, link: Link, preferred: &[RtpCodec], change: impl Fn(String) -> String) -> Self {
        let (mut a, mut b) = (Side::new(seed * 2 + 1, Pair::<Side>::A), Side::new(seed * 2 + 2, Pair::<Side>::B));
        for side in [&mut a, &mut b] {
            side.peer.set_codecs(vec![Codec::Vp8, Codec::H264]);
        }
        let from = a.peer.add_transceiver(MediaKind::Video, TransceiverInit::default()).expect("there is room");
        a.peer.set_codec_preferences(from, preferred).expect("legal preferences");
        let now = netsim::epoch();
        let offer = a.peer.create_offer(now).expect("an offer");
        a.peer.set_local_description(now, offer).expect("the offer is ours");
        let offer = a.peer.local_description().expect("it was set");
        let offer = SessionDescription { sdp: change(offer.sdp), ..offer };
        b.peer.set_remote_description(now, offer).expect("the offer is legal");
        let answer = b.peer.create_answer(now).expect("an answer");
        b.peer.set_local_description(now, answer).expect("the answer is ours");
        let answer = b.peer.local_description().expect("it was set");
        a.peer.set_remote_description(now, answer).expect("the answer is legal");
        let mut pair = Pair::new(seed, link, a, b);
        let is_connected = |side: &Side| side.peer.connection_state() == ConnectionState::Connected;
        pair.run_until(Duration::from_secs(30), |a, b| is_connected(a) && is_connected(b)).expect("connects");
        let source = MovingPicture::new(320, 240, 30).expect("a legal size");
        Self { pair, from, source, number: 0, encoder: None, decoder: None }
    }

    fn form(&mut self) -> Form {
        self.pair.a.peer.encodings_targets(self.from).first().expect("something is sent").form
    }

    /// Encodes and sends the next picture.
    fn send(&mut self) {
        let Some(targets) = self.pair.a.peer.encoder_targets(self.from) else { return };
        if self.encoder.as_ref().is_none_or(|(form, _)| *form != targets.form) {
            let config = VideoEncoderConfig::default().with_bitrate(400_000);
            self.encoder = Some((targets.form, coder::video_encoder(targets.form, &config).expect("compiled in")));
        }
        let (_, encoder) = self.encoder.as_mut().expect("it was just made");
        let picture = self.source.picture(self.number);
        self.number += 1;
        let frame = encoder.encode(&picture, targets.key_frame).expect("a picture").expect("none is dropped");
        let from = self.from;
        // A picture that needs others is refused while a key frame is due.
        let _ = self.pair.with_a(|a, now| a.peer.send_frame(now, from, &frame));
    }

    /// The numbers of the pictures that arrived, and their codecs. What cannot be decoded has a key frame asked for.
    fn see(&mut self, seen: &mut Vec<(Codec, u32)>) {
        let to = self.pair.b.peer.transceivers()[0].id;
        while let Some(received) = self.pair.b.peer.read_frame(to) {
            let ReceivedFrame::Frame { frame, .. } = received else { continue };
            if self.decoder.as_ref().is_none_or(|decoder| decoder.codec() != frame.codec) {
                self.decoder = Some(coder::video_decoder(frame.codec, DecoderLimits::default()).expect("compiled in"));
            }
            let decoder = self.decoder.as_mut().expect("it was just made");
            match decoder.decode(&frame) {
                Ok(picture) => {
                    let number = picture.and_then(|picture| frame_counter(&picture)).expect("a numbered picture");
                    seen.push((frame.codec, number.into()));
                }
                Err(error) => panic!("what came whole and in order is decoded: {error}"),
            }
        }
    }

    /// Sends so many pictures and gives back what was seen of them.
    fn run(&mut self, pictures: u32) -> Vec<(Codec, u32)> {
        let mut seen = Vec::new();
        for _ in 0..pictures {
            self.send();
            self.pair.run_for(FRAME);
            self.see(&mut seen);
        }
        self.pair.run_for(Duration::from_secs(1));
        self.see(&mut seen);
        seen
    }
}

fn h264(mode: u8) -> RtpCodec {
    let line = format!("level-asymmetry-allowed=1;packetization-mode={mode};profile-level-id=42e01f");
    RtpCodec { sdp_fmtp_line: Some(line), ..Codec::H264.into() }
}

fn rtx() -> RtpCodec {
    RtpCodec { mime_type: "video/rtx".to_owned(), clock_rate: 90_000, channels: None, sdp_fmtp_line: None }
}

#[test]
fn h264_crosses_in_both_modes() {
    for mode in [0, 1] {
        let mut call = Call::new(1, Link::with_delay(DELAY), &[h264(mode)]);
        let Form::H264(form) = call.form() else { panic!("no H.264") };
        assert_eq!(form.packetization_mode.number(), mode);
        let seen = call.run(60);
        assert_eq!(seen, (0..60).map(|number| (Codec::H264, number)).collect::<Vec<_>>(), "mode {mode}");
    }
}

/// Guards: lost packets are sent again, and no picture is made of less than all of them.
#[test]
fn flt_1_h264_survives_loss_in_both_modes() {
    for (seed, mode) in [(2, 0), (3, 1)] {
        let mut call = Call::new(seed, Link::with_delay(DELAY).lossy(0.05), &[h264(mode), rtx()]);
        let seen = call.run(300);
        let numbers: BTreeSet<u32> = seen.iter().map(|(_, number)| *number).collect();
        assert!(numbers.len() >= 285, "mode {mode}: {} of 300", numbers.len());
        assert!(seen.is_sorted_by(|one, other| one.1 < other.1), "mode {mode}: in order");
        let to = call.pair.b.peer.transceivers()[0].receiver.expect("it receives");
        let stats = call.pair.b.peer.session().receiver_stats(to).expect("a stream");
        assert!(stats.retransmitted_packets_received > 0, "{stats:?}");
    }
}

/// Guards: without retransmission a loss costs pictures until the key frame that is asked for, never a wrong one.
#[test]
fn h264_without_retransmission_goes_on_with_key_frames() {
    let mut call = Call::new(4, Link::with_delay(DELAY).lossy(0.01), &[h264(1)]);
    let seen = call.run(300);
    assert!(seen.len() > 50 && seen.is_sorted_by(|one, other| one.1 < other.1), "{}", seen.len());
    let to = call.pair.b.peer.transceivers()[0].receiver.expect("it receives");
    assert!(call.pair.b.peer.session().receiver_stats(to).expect("a stream").key_frames_received > 1);
}

/// The units of a frame without its parameter sets, and these, as a description has them.
fn behead(frame: &EncodedFrame) -> (EncodedFrame, String) {
    let is_set = |unit: &&[u8]| unit.first().is_some_and(|first| matches!(Header(*first).kind(), nal::SPS | nal::PPS));
    let (sets, others): (Vec<&[u8]>, Vec<&[u8]>) = nal::split_slice(&frame.data).partition(is_set);
    let data: Vec<u8> = others.iter().flat_map(|unit| [&[0, 0, 0, 1][..], unit].concat()).collect();
    let text: Vec<String> = sets.into_iter().map(base64).collect();
    let bare = EncodedFrame::new(Codec::H264, data, frame.pts).with_key_frame(frame.key_frame);
    (bare, text.join(","))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let of_three = |three: &[u8]| {
        let number = three.iter().fold(0u32, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        (0..4)
            .map(|at| if at > three.len() { '=' } else { DIGITS[(number >> (18 - 6 * at) & 63) as usize].into() })
            .collect::<String>()
    };
    bytes.chunks(3).map(of_three).collect()
}

/// Guards: a key frame that brings no parameter sets is shown with those of the description, and without them is not.
#[test]
fn pay_7_a_description_brings_parameter_sets() {
    let config = VideoEncoderConfig::default().with_bitrate(400_000);
    let encode = || {
        let mut encoder = coder::video_encoder(Codec::H264, &config).unwrap();
        let picture = MovingPicture::new(320, 240, 30).unwrap().picture(7);
        behead(&encoder.encode(&picture, true).unwrap().unwrap())
    };
    let (bare, sets) = encode();
    for (described, expected) in [(true, vec![(Codec::H264, 7)]), (false, vec![])] {
        let mut call = Call::described(6, Link::with_delay(DELAY), &[h264(1)], |sdp| match described {
            true => {
                sdp.replace("profile-level-id=42e01f", &format!("profile-level-id=42e01f;sprop-parameter-sets={sets}"))
            }
            false => sdp,
        });
        let from = call.from;
        let first = call.pair.with_a(|a, _| a.peer.encoder_targets(from).unwrap().key_frame);
        assert!(first, "told once");
        call.pair.with_a(|a, now| a.peer.send_frame(now, from, &bare)).unwrap();
        call.pair.run_for(Duration::from_secs(1));
        let mut seen = Vec::new();
        call.see(&mut seen);
        assert_eq!(seen, expected);
        let wanted = call.pair.with_a(|a, _| a.peer.encoder_targets(from).unwrap().key_frame);
        assert!(described || wanted, "a key frame is asked for");
    }
}

#[test]
fn the_codec_changes_in_mid_call_and_back() {
    let mut call = Call::new(5, Link::with_delay(DELAY), &[]);
    let mut after = 0;
    for codec in [Codec::Vp8, Codec::H264, Codec::Vp8] {
        let preferred: RtpCodec = codec.into();
        call.pair.a.peer.set_codec_preferences(call.from, &[preferred, rtx()]).expect("legal preferences");
        let now = call.pair.now();
        exchange(now, &mut call.pair.a, &mut call.pair.b);
        assert_eq!(call.form().codec(), codec);
        let seen = call.run(30);
        let expected: Vec<(Codec, u32)> = (after..after + 30).map(|number| (codec, number)).collect();
        assert_eq!(seen, expected);
        after += 30;
    }
}
