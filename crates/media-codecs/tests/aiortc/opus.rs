//! Opus.

use crate::audio::{encode, encoder, round_trip, silence};
use ortica_codecs::coder::audio_decoder;
use ortica_codecs::payload::packetizer;
use ortica_codecs::{Codec, EncodedFrame};
use ortica_core::Rng;

/// 20 ms of silence in stereo.
const SILENCE: &[u8] = &[0xfc, 0xff, 0xfe];

#[test]
fn opus_decoder() {
    let mut decoder = audio_decoder(Codec::Opus).unwrap();
    let heard = decoder.decode(&EncodedFrame::new(Codec::Opus, SILENCE, 0)).unwrap();
    assert_eq!((heard.sample_rate(), heard.channels(), heard.pts()), (48_000, 2, 0));
    assert_eq!(heard.to_s16().as_s16().unwrap(), [0; 1_920]);
}

/// Silence of a shape becomes packets with the times of the clock, which are heard as silence. (Theirs are three bytes long: its encoder
/// is set to music, ours to speech.)
fn encodes(channels: u8, sample_rate: u32) {
    let encoded = encode(&mut *encoder(Codec::Opus), &silence(channels, sample_rate, 3));
    assert!(encoded.len() >= 2);
    for (number, frame) in encoded.iter().enumerate() {
        assert_eq!((frame.pts, frame.duration), (number as i64 * 960, 960));
    }
    let mut decoder = audio_decoder(Codec::Opus).unwrap();
    assert!(encoded.iter().all(|frame| decoder.decode(frame).unwrap().level() > 90));
}

#[test]
fn opus_encoder_mono_8khz() {
    encodes(1, 8_000);
}

#[test]
fn opus_encoder_stereo_8khz() {
    encodes(2, 8_000);
}

#[test]
fn opus_encoder_stereo_48khz() {
    encodes(2, 48_000);
}

#[test]
fn opus_encoder_pack() {
    let mut payloads = Vec::new();
    let frame = EncodedFrame::new(Codec::Opus, SILENCE, 48);
    packetizer(Codec::Opus, &mut Rng::from_number(1)).packetize(&frame, 1_200, &mut payloads).unwrap();
    assert_eq!(payloads.iter().map(|payload| payload.to_vec()).collect::<Vec<_>>(), [SILENCE]);
}

#[test]
fn opus_roundtrip() {
    round_trip(Codec::Opus, 8_000, (48_000, 2, 960), &[]);
    round_trip(Codec::Opus, 48_000, (48_000, 2, 960), &[]);
}

#[test]
fn opus_roundtrip_with_loss() {
    round_trip(Codec::Opus, 48_000, (48_000, 2, 960), &[1]);
}
