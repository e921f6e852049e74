//! Calls in VP9 in virtual time, encoded and decoded for real: what is seen has the numbers of what was sent.
#![cfg(feature = "vpx")]

mod common;

use common::{Side, negotiate};
use netsim::{Link, Pair};
use ortica::ConnectionState;
use ortica::codecs::coder::{self, DecoderLimits, VideoEncoderConfig};
use ortica::codecs::frame::{ScalabilityMode, SpatialLayers};
use ortica::codecs::payload::vp9;
use ortica::codecs::synthetic::{MovingPicture, frame_counter};
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::engine::ReceivedFrame;
use ortica::jsep::TransceiverInit;
use ortica::parameters::RtpEncodingParameters;
use std::time::Duration;

const FRAME: Duration = Duration::from_nanos(1_000_000_000 / 30);

/// What arrives of 90 pictures, and how often a key frame was asked for after the first.
struct Outcome {
    numbers: Vec<u32>,
    key_frames_asked_for: usize,
}

/// Sends 90 pictures in layers of that mode, each as `change` leaves it.
fn call(mode: ScalabilityMode, link: Link, change: impl Fn(EncodedFrame) -> EncodedFrame) -> Outcome {
    let (mut a, mut b) = (Side::new(3, Pair::<Side>::A), Side::new(4, Pair::<Side>::B));
    for side in [&mut a, &mut b] {
        side.peer.set_codecs(vec![Codec::Vp9]);
    }
    let send_encodings = vec![RtpEncodingParameters { scalability_mode: Some(mode), ..Default::default() }];
    let init = TransceiverInit { send_encodings, ..TransceiverInit::default() };
    let from = a.peer.add_transceiver(MediaKind::Video, init).expect("there is room");
    let mut pair = Pair::new(1, link, a, b);
    negotiate(&mut pair);
    let is_connected = |side: &Side| side.peer.connection_state() == ConnectionState::Connected;
    pair.run_until(Duration::from_secs(30), |a, b| is_connected(a) && is_connected(b)).expect("connects");
    let targets = pair.a.peer.encodings_targets(from);
    let targets = targets.first().expect("something is sent");
    assert_eq!(targets.scalability, mode);
    let config = VideoEncoderConfig::default().with_bitrate(600_000).with_scalability_mode(targets.scalability);
    let mut encoder = coder::video_encoder(targets.form, &config).expect("compiled in");
    let mut decoder = coder::video_decoder(Codec::Vp9, DecoderLimits::default()).expect("compiled in");
    let (mut numbers, to) = (Vec::new(), pair.b.peer.transceivers()[0].id);
    let mut look = |b: &mut Side| {
        while let Some(received) = b.peer.read_frame(to) {
            let ReceivedFrame::Frame { frame, .. } = received else { continue };
            assert_eq!(frame.layer.is_some(), mode != ScalabilityMode::L1T1);
            let picture = decoder.decode(&frame).expect("what came whole and in order is decoded");
            let picture = picture.expect("each shows something");
            assert_eq!((picture.width(), picture.height()), (320, 240), "the highest layer");
            numbers.push(frame_counter(&picture).expect("a numbered picture").into());
        }
    };
    let mut key_frames_asked_for = 0;
    for picture in MovingPicture::new(320, 240, 30).expect("a legal size").take(90) {
        let wanted = pair.a.peer.encoder_targets(from).is_some_and(|targets| targets.key_frame);
        key_frames_asked_for += usize::from(wanted);
        let frame = change(encoder.encode(&picture, wanted).expect("a picture").expect("none is dropped"));
        // A picture that needs others is refused while a key frame is due.
        let _ = pair.with_a(|a, now| a.peer.send_frame(now, from, &frame));
        pair.run_for(FRAME);
        look(&mut pair.b);
    }
    pair.run_for(Duration::from_secs(1));
    look(&mut pair.b);
    Outcome { numbers, key_frames_asked_for }
}

fn link() -> Link {
    Link::with_delay(Duration::from_millis(25))
}

#[test]
fn vp9_crosses_in_layers_and_without() {
    use ScalabilityMode::{L1T1, L1T2, L1T3, L2T2, L2T3h, L3T3Key};
    for mode in [L1T1, L1T2, L1T3, L2T2, L2T3h, L3T3Key] {
        assert_eq!(call(mode, link(), |frame| frame).numbers, (0..90).collect::<Vec<_>>(), "{mode}");
    }
}

/// Guards: lost packets are sent again, and no picture is made of less than all of them.
#[test]
fn flt_1_vp9_survives_loss() {
    for mode in [ScalabilityMode::L1T1, ScalabilityMode::L3T3Key] {
        let numbers = call(mode, link().lossy(0.05), |frame| frame).numbers;
        assert!(numbers.len() >= 85 && numbers.is_sorted(), "{mode}: {numbers:?}");
    }
}

/// The guard: where a layer stays lost there is no picture up to the next key frame, which is asked for.
#[test]
fn a_layer_that_stays_lost_asks_for_a_key_frame() {
    let Outcome { numbers, key_frames_asked_for } = call(ScalabilityMode::L3T3, link().lossy(0.4), |frame| frame);
    let goes_on_behind_a_gap = numbers.windows(2).any(|pair| pair[1] > pair[0] + 1);
    assert!(goes_on_behind_a_gap && numbers.is_sorted(), "{numbers:?}");
    assert!(key_frames_asked_for > 0, "none was asked for, of {numbers:?}");
}

/// The guard: behind a key frame the highest layer alone is a picture, as servers send it to peers that show it large.
#[test]
fn lower_layers_can_be_left_out_where_layers_part_after_key_frames() {
    let highest_alone = |mut frame: EncodedFrame| {
        if !frame.key_frame {
            let highest = vp9::frames(&frame.data).expect("layers").last().expect("there are three").to_vec();
            frame.data = highest.into();
            frame.spatial = Some(SpatialLayers::default().with(2, false));
        }
        frame
    };
    let outcome = call(ScalabilityMode::L3T3Key, link(), highest_alone);
    assert_eq!(outcome.numbers, (0..90).collect::<Vec<_>>());
    assert_eq!(outcome.key_frames_asked_for, 0, "beside the first");
}
