//! Scalability modes: streams of layers in time, of VP9.

use super::*;
use netsim::Link;
use ortica::ConnectionState;
use ortica::codecs::EncodedFrame;
use ortica::codecs::frame::{ScalabilityMode, TemporalLayer};
use ortica::engine::{EncoderTargets, ReceivedFrame};
use ortica::jsep::TransceiverError;
use ortica::parameters::{ParametersError, RtpEncodingParameters};
use ortica_rtp::Rid;
use std::time::Duration;

const RIDS: [&str; 2] = ["0", "1"];

fn layered(rid: &str, mode: ScalabilityMode) -> RtpEncodingParameters {
    RtpEncodingParameters { scalability_mode: Some(mode), ..RtpEncodingParameters::named(rid) }
}

fn init(mode: ScalabilityMode) -> TransceiverInit {
    TransceiverInit { send_encodings: RIDS.map(|rid| layered(rid, mode)).to_vec(), ..TransceiverInit::default() }
}

/// The picture of a number as an encoder of these layers has it.
fn picture(targets: &EncoderTargets, number: u32) -> EncodedFrame {
    let mut frame = EncodedFrame::new(Codec::Vp9, vec![targets.encoding as u8; 900], i64::from(number) * 1_800)
        .with_key_frame(targets.key_frame);
    if targets.scalability == ScalabilityMode::L1T2 {
        frame.layer = Some(TemporalLayer { id: (number % 2) as u8, sync: true });
        frame.scalability = Some(targets.scalability);
    }
    frame
}

/// The guard: both encodings are to be made of two layers in time, and both arrive as such.
#[test]
fn wpt_simulcast_vp9_scalability_mode_vp9_l1t2_two_streams() {
    let (mut a, mut b) = (Side::new(3, Pair::<Side>::A), Side::new(4, Pair::<Side>::B));
    for side in [&mut a, &mut b] {
        side.peer.set_codecs(vec![Codec::Vp9]);
    }
    let from = a.peer.add_transceiver(MediaKind::Video, init(ScalabilityMode::L1T2)).unwrap();
    let now = netsim::epoch();
    let offer = a.peer.create_offer(now).unwrap();
    a.peer.set_local_description(now, offer).unwrap();
    b.peer.set_remote_description(now, a.peer.local_description().unwrap()).unwrap();
    let answer = b.peer.create_answer(now).unwrap();
    b.peer.set_local_description(now, answer).unwrap();
    a.peer.set_remote_description(now, b.peer.local_description().unwrap()).unwrap();
    let modes = a.peer.sender_parameters(from).unwrap().encodings.into_iter().map(|encoding| encoding.scalability_mode);
    assert_eq!(modes.collect::<Vec<_>>(), [Some(ScalabilityMode::L1T2); 2]);
    let to = b.peer.transceivers()[0].id;
    let mut pair = Pair::new(1, Link::with_delay(Duration::from_millis(20)), a, b);
    let connected = |side: &Side| side.peer.connection_state() == ConnectionState::Connected;
    pair.run_until(Duration::from_secs(30), |a, b| connected(a) && connected(b)).expect("connects");
    let rids = RIDS.map(|rid| Rid::new(rid).unwrap());
    for rid in rids {
        assert!(pair.with_b(|b, now| b.peer.tap_layer(now, to, rid)));
    }
    for number in 0..40 {
        pair.with_a(|a, now| {
            let all = a.peer.encodings_targets(from);
            assert_eq!(all.len(), 2);
            for targets in all {
                a.peer.send_encoding(now, from, targets.encoding, &picture(&targets, number)).unwrap();
            }
        });
        pair.run_for(Duration::from_millis(20));
    }
    pair.run_for(Duration::from_secs(1));
    for (encoding, rid) in rids.into_iter().enumerate() {
        let received = std::iter::from_fn(|| pair.b.peer.read_layer(to, rid));
        let frames: Vec<EncodedFrame> = received
            .filter_map(|received| match received {
                ReceivedFrame::Frame { frame, .. } => Some(frame),
                _ => None,
            })
            .collect();
        assert!(frames.len() >= 38 && frames[0].key_frame, "{encoding}: {}", frames.len());
        assert!(frames.iter().all(|frame| usize::from(frame.data[0]) == encoding));
        let layers = |id| frames.iter().filter(|frame| frame.layer.is_some_and(|layer| layer.id == id)).count();
        assert!(layers(0) >= 19 && layers(1) >= 19, "{encoding}: {} and {}", layers(0), layers(1));
    }
}

#[test]
fn layers_that_no_encoder_makes_are_refused_and_those_of_sound_forgotten() {
    let mut side = Side::new(1, Pair::<Side>::A);
    side.peer.set_codecs(vec![Codec::Opus, Codec::Vp8]);
    let refused = side.peer.add_transceiver(MediaKind::Video, init(ScalabilityMode::L1T3));
    assert!(matches!(refused, Err(TransceiverError::Parameters(ParametersError::Operation(_)))), "{refused:?}");
    let video = side.peer.add_transceiver(MediaKind::Video, init(ScalabilityMode::L1T1)).unwrap();
    let mut parameters = side.peer.sender_parameters(video).unwrap();
    parameters.encodings[0].scalability_mode = Some(ScalabilityMode::L1T2);
    let refused = side.peer.set_sender_parameters(netsim::epoch(), video, parameters);
    assert!(refused.is_err(), "{refused:?}");
    let mut sound = TransceiverInit::default();
    sound.send_encodings.push(RtpEncodingParameters { rid: None, ..layered("0", ScalabilityMode::L1T2) });
    let audio = side.peer.add_transceiver(MediaKind::Audio, sound).unwrap();
    assert_eq!(side.peer.sender_parameters(audio).unwrap().encodings[0].scalability_mode, None);
}
