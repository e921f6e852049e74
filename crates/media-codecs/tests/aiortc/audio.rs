//! G.711 and G.722, and what all codecs of sound have in common. Where an encoder of theirs resamples, ours is told apart from
//! what brings sound into its shape.

use ortica_codecs::coder::{AudioEncoder, AudioEncoderConfig, audio_decoder, audio_encoder};
use ortica_codecs::frame::AudioAdapter;
use ortica_codecs::payload::{Limits, Piece, SequenceNumber, depacketizer, packetizer};
use ortica_codecs::{AudioFrame, Codec, EncodedFrame, TimeBase};
use ortica_core::Rng;

/// Silence, 20 ms a frame.
pub fn silence(channels: u8, sample_rate: u32, frames: usize) -> Vec<AudioFrame> {
    let len = sample_rate as usize / 50;
    let frame = |number| {
        let pts = i64::try_from(number * len).expect("a short time");
        let silence = AudioFrame::silence(len, sample_rate, channels).expect("a legal shape");
        silence.with_pts(pts, TimeBase::per_second(sample_rate))
    };
    (0..frames).map(frame).collect()
}

pub fn encoder(codec: Codec) -> Box<dyn AudioEncoder> {
    audio_encoder(codec, &AudioEncoderConfig::default()).expect("an encoder")
}

/// Encodes sound of any shape.
pub fn encode(encoder: &mut dyn AudioEncoder, frames: &[AudioFrame]) -> Vec<EncodedFrame> {
    let (rate, channels, len) = (encoder.sample_rate(), encoder.channels(), encoder.frame_len());
    let mut adapter = AudioAdapter::new(rate, channels, len).expect("a legal shape");
    let mut adapted = Vec::new();
    for frame in frames {
        adapter.push(frame, &mut adapted).expect("sound of a legal shape");
    }
    adapted.iter().filter_map(|frame| encoder.encode(frame).expect("sound of the right shape")).collect()
}

/// Ten frames of mono are encoded, sent, received and decoded, but for those whose number is in `lost`: what comes out has the
/// shape of `decoded`, and the times of what went in.
pub fn round_trip(codec: Codec, sample_rate: u32, decoded: (u32, u8, usize), lost: &[usize]) {
    let mut encoder = encoder(codec);
    let mut decoder = audio_decoder(codec).expect("a decoder");
    let (mut packetizer, mut depacketizer) =
        (packetizer(codec, &mut Rng::from_number(1)), depacketizer(codec, Limits::default()));
    let encoded = encode(&mut *encoder, &silence(1, sample_rate, 10));
    assert!(encoded.len() >= 9, "resampling holds back less than a frame");
    for (number, frame) in encoded.iter().enumerate().filter(|(number, _)| !lost.contains(number)) {
        let mut payloads = Vec::new();
        packetizer.packetize(frame, 1_200, &mut payloads).expect("a frame that fits");
        let payloads: Vec<_> = payloads.iter().map(|payload| payload.to_vec()).collect();
        assert_eq!(payloads.len(), 1);
        let piece =
            Piece { sequence: SequenceNumber(number as u16), marker: false, first: true, payload: &payloads[0] };
        let received = depacketizer.assemble(frame.pts, &[piece]).expect("a whole frame");
        let heard = decoder.decode(&received).expect("a frame of the codec");
        assert_eq!((heard.sample_rate(), heard.channels(), heard.len()), decoded);
        assert_eq!(heard.pts(), (number * decoded.2) as i64);
        assert_eq!(heard.time_base(), TimeBase::per_second(decoded.0));
    }
}

/// Bytes of silence and what they decode to.
fn decodes(codec: Codec, byte: u8, sample: i16) {
    let mut decoder = audio_decoder(codec).unwrap();
    let heard = decoder.decode(&EncodedFrame::new(codec, vec![byte; 160], 0)).unwrap();
    assert_eq!((heard.sample_rate(), heard.channels(), heard.pts()), (8_000, 1, 0));
    assert_eq!(heard.as_s16().unwrap(), [sample; 160]);
}

/// Silence of a shape becomes frames of 160 bytes, with the times of the clock.
fn encodes(codec: Codec, (channels, sample_rate): (u8, u32), expected: usize) -> Vec<EncodedFrame> {
    let encoded = encode(&mut *encoder(codec), &silence(channels, sample_rate, 10));
    assert!(encoded.len() >= expected, "{} of {expected} frames", encoded.len());
    for (number, frame) in encoded.iter().enumerate() {
        assert_eq!((frame.data.len(), frame.pts), (160, number as i64 * 160));
    }
    encoded
}

/// The same for both laws of G.711, each of which has a byte for silence.
fn encodes_g711(shape: (u8, u32), expected: usize) {
    for (codec, byte) in [(Codec::Pcma, 0xd5), (Codec::Pcmu, 0xff)] {
        assert!(encodes(codec, shape, expected).iter().all(|frame| frame.data == vec![byte; 160]));
    }
}

#[test]
fn pcma_decoder() {
    decodes(Codec::Pcma, 0xd5, 8);
}

#[test]
fn pcmu_decoder() {
    decodes(Codec::Pcmu, 0xff, 0);
}

#[test]
fn g711_encoder_mono_8khz() {
    encodes_g711((1, 8_000), 10);
}

#[test]
fn g711_encoder_stereo_8khz() {
    encodes_g711((2, 8_000), 10);
}

/// Resampling holds back less than a frame.
#[test]
fn g711_encoder_stereo_48khz() {
    encodes_g711((2, 48_000), 9);
}

/// What was encoded elsewhere is sent as it is.
#[test]
fn pcma_encoder_pack() {
    packs(Codec::Pcma, &[0xd5; 160]);
}

fn packs(codec: Codec, data: &'static [u8]) {
    let mut payloads = Vec::new();
    let frame = EncodedFrame::new(codec, data, 8);
    packetizer(codec, &mut Rng::from_number(1)).packetize(&frame, 1_200, &mut payloads).unwrap();
    assert_eq!(payloads.iter().map(|payload| payload.to_vec()).collect::<Vec<_>>(), [data]);
}

#[test]
fn g711_roundtrip() {
    for codec in [Codec::Pcma, Codec::Pcmu] {
        round_trip(codec, 8_000, (8_000, 1, 160), &[]);
    }
}

#[test]
fn g711_roundtrip_with_loss() {
    for codec in [Codec::Pcma, Codec::Pcmu] {
        round_trip(codec, 8_000, (8_000, 1, 160), &[1]);
    }
}

#[test]
fn g722_decoder() {
    let mut decoder = audio_decoder(Codec::G722).unwrap();
    let heard = decoder.decode(&EncodedFrame::new(Codec::G722, vec![0xfa; 160], 0)).unwrap();
    assert_eq!((heard.sample_rate(), heard.channels(), heard.len(), heard.pts()), (16_000, 1, 320, 0));
}

#[test]
fn g722_encoder_mono_16khz() {
    encodes(Codec::G722, (1, 16_000), 10);
}

#[test]
fn g722_encoder_stereo_16khz() {
    encodes(Codec::G722, (2, 16_000), 10);
}

#[test]
fn g722_encoder_stereo_48khz() {
    encodes(Codec::G722, (2, 48_000), 9);
}

#[test]
fn g722_encoder_pack() {
    packs(Codec::G722, &[0xfa; 160]);
}

#[test]
fn g722_roundtrip() {
    round_trip(Codec::G722, 16_000, (16_000, 1, 320), &[]);
}

#[test]
fn g722_roundtrip_with_loss() {
    round_trip(Codec::G722, 16_000, (16_000, 1, 320), &[1]);
}
