//! Calls in VP9 in virtual time, encoded and decoded for real: what is seen has the numbers of what was sent.
#![cfg(feature = "vpx")]

mod common;

use common::{Side, negotiate};
use netsim::{Link, Pair};
use ortica::ConnectionState;
use ortica::codecs::coder::{self, DecoderLimits, VideoEncoderConfig};
use ortica::codecs::frame::ScalabilityMode;
use ortica::codecs::synthetic::{MovingPicture, frame_counter};
use ortica::codecs::{Codec, MediaKind};
use ortica::engine::ReceivedFrame;
use ortica::jsep::TransceiverInit;
use ortica::parameters::RtpEncodingParameters;
use std::time::Duration;

const FRAME: Duration = Duration::from_nanos(1_000_000_000 / 30);

/// The numbers of the pictures that arrive of 90 that are sent in layers of that mode.
fn seen(mode: ScalabilityMode, link: Link) -> Vec<u32> {
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
    let config = VideoEncoderConfig::default().with_bitrate(600_000).with_scalability_mode(targets.scalability);
    let mut encoder = coder::video_encoder(targets.form, &config).expect("compiled in");
    let mut decoder = coder::video_decoder(Codec::Vp9, DecoderLimits::default()).expect("compiled in");
    let (mut seen, to) = (Vec::new(), pair.b.peer.transceivers()[0].id);
    let mut look = |b: &mut Side| {
        while let Some(received) = b.peer.read_frame(to) {
            let ReceivedFrame::Frame { frame, .. } = received else { continue };
            assert_eq!(frame.layer.is_some(), mode != ScalabilityMode::L1T1);
            let picture = decoder.decode(&frame).expect("what came whole and in order is decoded");
            seen.push(picture.and_then(|picture| frame_counter(&picture)).expect("a numbered picture").into());
        }
    };
    for picture in MovingPicture::new(320, 240, 30).expect("a legal size").take(90) {
        let wanted = pair.a.peer.encoder_targets(from).is_some_and(|targets| targets.key_frame);
        let frame = encoder.encode(&picture, wanted).expect("a picture").expect("none is dropped");
        // A picture that needs others is refused while a key frame is due.
        let _ = pair.with_a(|a, now| a.peer.send_frame(now, from, &frame));
        pair.run_for(FRAME);
        look(&mut pair.b);
    }
    pair.run_for(Duration::from_secs(1));
    look(&mut pair.b);
    seen
}

#[test]
fn vp9_crosses_in_layers_and_without() {
    for mode in [ScalabilityMode::L1T1, ScalabilityMode::L1T2, ScalabilityMode::L1T3] {
        assert_eq!(seen(mode, Link::with_delay(Duration::from_millis(25))), (0..90).collect::<Vec<_>>(), "{mode}");
    }
}

/// Guards: lost packets are sent again, and no picture is made of less than all of them.
#[test]
fn flt_1_vp9_survives_loss() {
    let numbers = seen(ScalabilityMode::L1T1, Link::with_delay(Duration::from_millis(25)).lossy(0.05));
    assert!(numbers.len() >= 85 && numbers.is_sorted(), "{numbers:?}");
}
