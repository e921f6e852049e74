//! VP8.

use ortica_codecs::coder::{VideoEncoder, VideoEncoderConfig, video_decoder, video_encoder};
use ortica_codecs::payload::{Limits, Piece, SequenceNumber, depacketizer, packetizer};
use ortica_codecs::{Codec, EncodedFrame, PixelFormat, TimeBase, VideoFrame};
use ortica_core::Rng;

fn encoder() -> Box<dyn VideoEncoder> {
    video_encoder(Codec::Vp8, &VideoEncoderConfig::default()).expect("an encoder")
}

/// Black pictures, 30 in a second.
fn pictures(width: u32, height: u32, count: i64, time_base: TimeBase) -> Vec<VideoFrame> {
    let picture = |number: i64| {
        let pts = TimeBase::VIDEO.rescale(number * 3_000, time_base);
        VideoFrame::black(width, height).expect("a legal size").with_pts(pts, time_base)
    };
    (0..count).map(picture).collect()
}

/// The payloads of a frame, in packets of 1,200 bytes at most.
fn payloads(frame: &EncodedFrame) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    packetizer(Codec::Vp8, &mut Rng::from_number(1)).packetize(frame, 1_200, &mut payloads).expect("a frame");
    payloads.iter().map(|payload| payload.to_vec()).collect()
}

/// Noise, which takes many packets.
fn noise(width: u32, height: u32) -> VideoFrame {
    let mut rng = Rng::from_number(7);
    let mut bytes = vec![0; PixelFormat::I420.byte_len(width, height)];
    rng.fill(&mut bytes);
    VideoFrame::from_bytes(PixelFormat::I420, width, height, bytes).expect("a legal size")
}

#[test]
fn vp8_encoder() {
    let mut encoder = encoder();
    let frames = pictures(640, 480, 2, TimeBase::VIDEO);
    let encoded: Vec<_> = frames.iter().map(|frame| encoder.encode(frame, false).unwrap().unwrap()).collect();
    assert_eq!(encoded.iter().map(|frame| payloads(frame).len()).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(
        encoded.iter().map(|frame| (frame.pts, frame.key_frame)).collect::<Vec<_>>(),
        [(0, true), (3_000, false)]
    );
    let forced = encoder.encode(&frames[1].clone().with_pts(6_000, TimeBase::VIDEO), true).unwrap().unwrap();
    assert!(forced.key_frame);
}

#[test]
fn vp8_encoder_rgb() {
    let picture = VideoFrame::black(640, 480).unwrap().to_format(PixelFormat::Rgb24);
    let encoded = encoder().encode(&picture, false).unwrap().unwrap();
    assert_eq!(payloads(&encoded).len(), 1);
}

/// What was encoded elsewhere is sent as it is.
#[test]
fn vp8_encoder_pack() {
    let encoded = encoder().encode(&VideoFrame::black(64, 48).unwrap(), true).unwrap().unwrap();
    let again = EncodedFrame::new(Codec::Vp8, encoded.data.clone(), 90);
    assert_eq!(payloads(&again), payloads(&encoded));
}

/// A picture of many packets: none is longer than it may be, and together they are the picture.
#[test]
fn vp8_encoder_large() {
    let encoded = encoder().encode(&noise(1_280, 720), true).unwrap().unwrap();
    let payloads = payloads(&encoded);
    assert!(payloads.len() > 10 && payloads.iter().all(|payload| payload.len() <= 1_200), "{}", payloads.len());
    assert_eq!(received(&payloads, 0).data, encoded.data);
}

fn received(payloads: &[Vec<u8>], pts: i64) -> EncodedFrame {
    let last = payloads.len() - 1;
    let piece = |(number, payload)| Piece {
        sequence: SequenceNumber(number as u16),
        marker: number == last,
        first: number == 0,
        payload,
    };
    let pieces: Vec<_> = payloads.iter().map(Vec::as_slice).enumerate().map(piece).collect();
    depacketizer(Codec::Vp8, Limits::default()).assemble(pts, &pieces).expect("a whole frame")
}

/// Thirty pictures are encoded, sent, received and decoded, and have their size and time again.
fn round_trip(width: u32, height: u32, time_base: TimeBase) {
    let (mut encoder, mut decoder) = (encoder(), video_decoder(Codec::Vp8, Default::default()).expect("a decoder"));
    for (number, picture) in (0..).zip(pictures(width, height, 30, time_base)) {
        let encoded = encoder.encode(&picture, false).unwrap().unwrap();
        let seen = decoder.decode(&received(&payloads(&encoded), encoded.pts)).unwrap().unwrap();
        assert_eq!((seen.width(), seen.height()), (width, height));
        assert_eq!((seen.pts(), seen.time_base()), (number * 3_000, TimeBase::VIDEO));
    }
}

#[test]
fn vp8_roundtrip() {
    for (width, height) in [(1_280, 720), (960, 540), (640, 480), (320, 240)] {
        round_trip(width, height, TimeBase::VIDEO);
    }
}

#[test]
fn vp8_roundtrip_640_480_time_base() {
    round_trip(640, 480, TimeBase::per_second(9_000));
}
