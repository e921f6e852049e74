//! Encoder and decoder against each other, and the decoder against the vectors of the codec's authors.

use md5::{Digest, Md5};

use super::*;
use crate::coder::{CoderError, DecoderLimits, VideoDecoder, VideoEncoder, VideoEncoderConfig};
use crate::container::IvfReader;
use crate::frame::{PixelFormat, TimeBase};
use crate::synthetic::{MovingPicture, frame_counter};
use crate::{Codec, EncodedFrame, VideoFrame};

fn encoder(bitrate: u32) -> VpxEncoder {
    VpxEncoder::new(&VideoEncoderConfig::default().with_bitrate(bitrate)).unwrap()
}

fn decoder() -> VpxDecoder {
    VpxDecoder::new(DecoderLimits::default()).unwrap()
}

fn pictures(width: u32, height: u32) -> MovingPicture {
    MovingPicture::new(width, height, 30).unwrap()
}

#[test]
fn every_picture_of_the_vectors_is_bit_exact() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/vp8");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let streams: Vec<_> = paths.filter(|path| path.extension().is_some_and(|extension| extension == "ivf")).collect();
    assert_eq!(streams.len(), 61);
    for path in streams {
        let sums = std::fs::read_to_string(path.with_extension("ivf.md5")).unwrap();
        let mut sums = sums.lines().map(|line| line.split_whitespace().next().unwrap());
        let file = std::fs::read(&path).unwrap();
        let (mut reader, mut decoder) = (IvfReader::new(&file[..]).unwrap(), decoder());
        let mut pictures = 0;
        while let Some(frame) = reader.next_frame().unwrap() {
            let Some(picture) = decoder.decode(&frame).unwrap() else { continue };
            let sum: String = Md5::digest(picture.to_vec()).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(Some(sum.as_str()), sums.next(), "{}, picture {pictures}", path.display());
            pictures += 1;
        }
        assert!(pictures > 0 && sums.next().is_none(), "{}: {pictures} pictures", path.display());
    }
}

#[test]
fn the_number_in_the_picture_survives_and_so_does_its_time() {
    // At 80 kbit/s the picture is rough.
    for (width, height, bitrate) in [(320, 240, 80_000), (97, 65, 80_000), (640, 480, 500_000)] {
        let (mut encoder, mut decoder) = (encoder(bitrate), decoder());
        for (number, picture) in pictures(width, height).take(30).enumerate() {
            let encoded = encoder.encode(&picture, false).unwrap().unwrap();
            assert_eq!((encoded.key_frame, encoded.pts, encoded.duration), (number == 0, picture.pts(), 3_000));
            let decoded = decoder.decode(&encoded).unwrap().unwrap();
            assert_eq!(frame_counter(&decoded), Some(number as u16));
            assert_eq!((decoded.width(), decoded.height(), decoded.pts()), (width, height, picture.pts()));
        }
    }
}

/// Bits per second that `seconds` of the test picture take, and the number of key frames among them.
fn run(encoder: &mut VpxEncoder, source: &mut MovingPicture, seconds: usize) -> (u32, usize) {
    let frames: Vec<EncodedFrame> =
        source.take(30 * seconds).filter_map(|picture| encoder.encode(&picture, false).unwrap()).collect();
    let bytes: usize = frames.iter().map(|frame| frame.data.len()).sum();
    ((bytes * 8 / seconds) as u32, frames.iter().filter(|frame| frame.key_frame).count())
}

#[test]
fn the_bitrate_is_met_and_a_change_is_followed_within_a_second() {
    let (mut encoder, mut source) = (encoder(400_000), pictures(320, 240));
    run(&mut encoder, &mut source, 1);
    for target in [400_000, 200_000, 700_000, 300_000] {
        encoder.set_bitrate(target).unwrap();
        let (_, key_frames) = run(&mut encoder, &mut source, 1);
        assert_eq!(key_frames, 0, "a change of bitrate costs no key frame");
        let (actual, _) = run(&mut encoder, &mut source, 2);
        assert!(actual.abs_diff(target) <= target * 15 / 100, "{actual} instead of {target}");
    }
}

#[test]
fn a_key_frame_comes_when_asked_for_and_only_then() {
    let mut encoder = encoder(300_000);
    let keys: Vec<usize> = pictures(320, 240)
        .take(100)
        .enumerate()
        .filter(|(n, picture)| encoder.encode(picture, n % 40 == 39).unwrap().unwrap().key_frame)
        .map(|(n, _)| n)
        .collect();
    assert_eq!(keys, [0, 39, 79]);
}

#[test]
fn a_change_of_size_begins_with_a_key_frame_and_the_decoder_follows() {
    let (mut encoder, mut decoder) = (encoder(300_000), decoder());
    for (width, height) in [(320, 240), (640, 480), (160, 120), (161, 121)] {
        for (n, picture) in pictures(width, height).take(3).enumerate() {
            let encoded = encoder.encode(&picture, false).unwrap().unwrap();
            assert_eq!(encoded.key_frame, n == 0);
            let decoded = decoder.decode(&encoded).unwrap().unwrap();
            assert_eq!((decoded.width(), decoded.height(), frame_counter(&decoded)), (width, height, Some(n as u16)));
        }
    }
}

#[test]
fn times_that_stand_still_or_jump_do_no_harm() {
    let mut encoder = encoder(300_000);
    let picture = pictures(160, 120).picture(1);
    for pts in [0, 0, -5, 3_000, i64::MAX, i64::MIN, 6_000, 9_000] {
        let frame = picture.clone().with_pts(pts, TimeBase::VIDEO);
        assert_eq!(encoder.encode(&frame, false).unwrap().unwrap().pts, pts);
    }
}

#[test]
fn any_format_and_stride_is_encoded() {
    let (mut encoder, mut decoder) = (encoder(500_000), decoder());
    let wide = pictures(640, 240).picture(9);
    let source = pictures(320, 240).picture(9);
    for frame in [source.to_rgb(), source.to_format(PixelFormat::Nv12), wide.crop(100, 0, 320, 240).unwrap()] {
        let decoded = decoder.decode(&encoder.encode(&frame, true).unwrap().unwrap()).unwrap().unwrap();
        assert!(crate::frame::psnr(decoded.plane(0).unwrap(), frame.to_i420().plane(0).unwrap()) > 25.0);
    }
}

fn key_frame(width: u16, height: u16) -> EncodedFrame {
    let mut data = vec![0x10, 2, 0, 0x9d, 0x01, 0x2a];
    data.extend_from_slice(&width.to_le_bytes());
    data.extend_from_slice(&height.to_le_bytes());
    data.extend_from_slice(&[0; 20]);
    EncodedFrame::new(Codec::Vp8, data, 0)
}

/// The guard: what a key frame announces is checked against `DecoderLimits` before the library takes memory for it.
#[test]
fn cve_26_a_picture_above_the_limit_is_refused_before_it_is_allocated() {
    let mut decoder = decoder();
    for (width, height) in [(16_383, 16_383), (4_097, 2_304), (0, 100), (100, 0)] {
        let error = decoder.decode(&key_frame(width, height)).unwrap_err();
        assert_eq!(error, CoderError::Picture { width: width.into(), height: height.into() });
    }
    let mut small = VpxDecoder::new(DecoderLimits::default().with_max_pixels(320 * 240)).unwrap();
    let encode = |width| encoder(300_000).encode(&pictures(width, 240).picture(0), true).unwrap().unwrap();
    assert!(small.decode(&encode(320)).unwrap().is_some());
    assert_eq!(small.decode(&encode(322)).unwrap_err(), CoderError::Picture { width: 322, height: 240 });
    let mut short = VpxDecoder::new(DecoderLimits::default().with_max_frame(29)).unwrap();
    assert_eq!(short.decode(&key_frame(16, 16)).unwrap_err(), CoderError::Malformed);
}

#[test]
fn after_an_error_only_a_key_frame_helps() {
    let (mut encoder, mut decoder) = (encoder(300_000), decoder());
    let mut encode = |n, key| encoder.encode(&pictures(320, 240).picture(n), key).unwrap().unwrap();
    let (key, delta) = (encode(0, true), encode(1, false));
    assert_eq!(decoder.decode(&delta).unwrap_err(), CoderError::NeedsKeyFrame);
    assert!(decoder.decode(&key).is_ok() && decoder.decode(&delta).is_ok());
    let mut broken = key.clone();
    broken.data = key.data.slice(..40);
    assert!(decoder.decode(&broken).is_err());
    assert_eq!(decoder.decode(&delta).unwrap_err(), CoderError::NeedsKeyFrame);
    let mut opus = delta.clone();
    opus.codec = Codec::Opus;
    assert_eq!(decoder.decode(&opus).unwrap_err(), CoderError::WrongCodec(Codec::Opus));
    assert!(decoder.decode(&encode(2, true)).is_ok());
}

#[test]
fn damaged_frames_are_pictures_or_errors() {
    let mut encoder = encoder(300_000);
    let frames: Vec<EncodedFrame> =
        pictures(160, 120).take(12).filter_map(|picture| encoder.encode(&picture, false).unwrap()).collect();
    let mut decoder = decoder();
    for seed in 0..200usize {
        for (n, frame) in frames.iter().enumerate() {
            let mut data = frame.data.to_vec();
            // Bytes behind the header, which would change the size.
            for k in 0..1 + seed % 7 {
                let at = 10 + (seed * 7_919 + n * 104_729 + k * 1_299_709) % (data.len() - 10);
                data[at] ^= (seed + k) as u8 | 1;
            }
            let damaged = EncodedFrame::new(Codec::Vp8, data, 0);
            let _ = decoder.decode(&damaged);
        }
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    let new = |config: VideoEncoderConfig| VpxEncoder::new(&config).err();
    let config = VideoEncoderConfig::default;
    assert_eq!(new(config().with_frame_rate(0)), Some(CoderError::Configuration("frame rate")));
    assert_eq!(new(config().with_threads(17)), Some(CoderError::Configuration("threads")));
    assert_eq!(new(config().with_speed(17)), Some(CoderError::Configuration("speed")));
    let frame = VideoFrame::black(16_384, 2).unwrap();
    let error = encoder(1).encode(&frame, false).unwrap_err();
    assert_eq!(error, CoderError::Picture { width: 16_384, height: 2 });
}

#[test]
fn several_threads_make_the_same_pictures_readable() {
    let config = VideoEncoderConfig::default().with_threads(4).with_bitrate(1_000_000);
    let mut encoder = VpxEncoder::new(&config).unwrap();
    let mut decoder = decoder();
    for (n, picture) in pictures(1_280, 720).take(4).enumerate() {
        let decoded = decoder.decode(&encoder.encode(&picture, false).unwrap().unwrap()).unwrap().unwrap();
        assert_eq!(frame_counter(&decoded), Some(n as u16));
    }
}
