//! Encoder and decoder against each other, and the decoder against the vectors of the codec's authors.

mod layers;

use md5::{Digest, Md5};

use super::*;
use crate::coder::{CoderError, DecoderLimits, VideoDecoder, VideoEncoder, VideoEncoderConfig};
use crate::container::IvfReader;
use crate::frame::{PixelFormat, ScalabilityMode, TimeBase};
use crate::payload::vp9;
use crate::synthetic::{MovingPicture, frame_counter};
use crate::{Codec, ColorMatrix, ColorSpace, EncodedFrame, VideoFrame};

const BOTH: [Codec; 2] = [Codec::Vp8, Codec::Vp9];

fn encoder(codec: Codec, bitrate: u32) -> VpxEncoder {
    VpxEncoder::new(codec, &VideoEncoderConfig::default().with_bitrate(bitrate)).unwrap()
}

fn decoder(codec: Codec) -> VpxDecoder {
    VpxDecoder::new(codec, DecoderLimits::default()).unwrap()
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
        let (mut reader, mut decoder) = (IvfReader::new(&file[..]).unwrap(), decoder(Codec::Vp8));
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
        for codec in BOTH {
            let (mut encoder, mut decoder) = (encoder(codec, bitrate), decoder(codec));
            for (number, picture) in pictures(width, height).take(30).enumerate() {
                let encoded = encoder.encode(&picture, false).unwrap().unwrap();
                assert_eq!((encoded.key_frame, encoded.pts, encoded.duration), (number == 0, picture.pts(), 3_000));
                let decoded = decoder.decode(&encoded).unwrap().unwrap();
                assert_eq!(frame_counter(&decoded), Some(number as u16), "{codec}");
                assert_eq!((decoded.width(), decoded.height(), decoded.pts()), (width, height, picture.pts()));
            }
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
    for codec in BOTH {
        let (mut encoder, mut source) = (encoder(codec, 400_000), pictures(320, 240));
        run(&mut encoder, &mut source, 1);
        for target in [400_000, 200_000, 700_000, 300_000] {
            encoder.set_bitrate(target).unwrap();
            let (_, key_frames) = run(&mut encoder, &mut source, 1);
            assert_eq!(key_frames, 0, "a change of bitrate costs no key frame");
            let (actual, _) = run(&mut encoder, &mut source, 2);
            assert!(actual.abs_diff(target) <= target * 15 / 100, "{codec}: {actual} instead of {target}");
        }
    }
}

#[test]
fn a_key_frame_comes_when_asked_for_and_only_then() {
    for codec in BOTH {
        let mut encoder = encoder(codec, 300_000);
        let keys: Vec<usize> = pictures(320, 240)
            .take(100)
            .enumerate()
            .filter(|(n, picture)| encoder.encode(picture, n % 40 == 39).unwrap().unwrap().key_frame)
            .map(|(n, _)| n)
            .collect();
        assert_eq!(keys, [0, 39, 79], "{codec}");
    }
}

#[test]
fn a_change_of_size_begins_with_a_key_frame_and_the_decoder_follows() {
    for codec in BOTH {
        let (mut encoder, mut decoder) = (encoder(codec, 300_000), decoder(codec));
        for (width, height) in [(320, 240), (640, 480), (160, 120), (161, 121)] {
            for (n, picture) in pictures(width, height).take(3).enumerate() {
                let encoded = encoder.encode(&picture, false).unwrap().unwrap();
                assert_eq!(encoded.key_frame, n == 0);
                let decoded = decoder.decode(&encoded).unwrap().unwrap();
                let seen = (decoded.width(), decoded.height(), frame_counter(&decoded));
                assert_eq!(seen, (width, height, Some(n as u16)), "{codec}");
            }
        }
    }
}

#[test]
fn times_that_stand_still_or_jump_do_no_harm() {
    for codec in BOTH {
        let mut encoder = encoder(codec, 300_000);
        let picture = pictures(160, 120).picture(1);
        for pts in [0, 0, -5, 3_000, i64::MAX, i64::MIN, 6_000, 9_000] {
            let frame = picture.clone().with_pts(pts, TimeBase::VIDEO);
            assert_eq!(encoder.encode(&frame, false).unwrap().unwrap().pts, pts);
        }
    }
}

#[test]
fn any_format_and_stride_is_encoded() {
    let wide = pictures(640, 240).picture(9);
    let source = pictures(320, 240).picture(9);
    for codec in BOTH {
        let (mut encoder, mut decoder) = (encoder(codec, 500_000), decoder(codec));
        for frame in [source.to_rgb(), source.to_format(PixelFormat::Nv12), wide.crop(100, 0, 320, 240).unwrap()] {
            let decoded = decoder.decode(&encoder.encode(&frame, true).unwrap().unwrap()).unwrap().unwrap();
            assert!(crate::frame::psnr(decoded.plane(0).unwrap(), frame.to_i420().plane(0).unwrap()) > 25.0);
        }
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
    let mut decoder = decoder(Codec::Vp8);
    for (width, height) in [(16_383, 16_383), (4_097, 2_304), (0, 100), (100, 0)] {
        let error = decoder.decode(&key_frame(width, height)).unwrap_err();
        assert_eq!(error, CoderError::Picture { width: width.into(), height: height.into() });
    }
    let mut short = VpxDecoder::new(Codec::Vp8, DecoderLimits::default().with_max_frame(29)).unwrap();
    assert_eq!(short.decode(&key_frame(16, 16)).unwrap_err(), CoderError::Malformed);
    for codec in BOTH {
        let mut small = VpxDecoder::new(codec, DecoderLimits::default().with_max_pixels(320 * 240)).unwrap();
        let encode = |width| encoder(codec, 300_000).encode(&pictures(width, 240).picture(0), true).unwrap().unwrap();
        assert!(small.decode(&encode(320)).unwrap().is_some());
        assert_eq!(small.decode(&encode(322)).unwrap_err(), CoderError::Picture { width: 322, height: 240 });
    }
}

/// The guard: with VP9 any frame may announce a size, also one behind another, and none is beyond the limits.
#[test]
fn cve_26_vp9_no_frame_of_a_picture_exceeds_the_limit() {
    let large = CoderError::Picture { width: 65_536, height: 65_536 };
    let first = encoder(Codec::Vp9, 300_000).encode(&pictures(320, 240).picture(0), true).unwrap().unwrap();
    let joined = |frames: &[&[u8]]| {
        let mut data = frames.concat();
        let sizes: Vec<u32> = frames.iter().map(|frame| frame.len() as u32).collect();
        vp9::append_index(&sizes, &mut data);
        EncodedFrame::new(Codec::Vp9, data, 0)
    };
    let (key, resized) = (vp9::key_frame(65_536, 65_536), vp9::resized(65_536, 65_536));
    for frame in [joined(&[&key]), joined(&[&first.data, &resized]), joined(&[&first.data, &key])] {
        assert_eq!(decoder(Codec::Vp9).decode(&frame).unwrap_err(), large);
    }
    // What lies behind a frame without an index is not decoded.
    let mut hidden = first.data.to_vec();
    hidden.extend_from_slice(&key);
    hidden.push(1);
    let picture = decoder(Codec::Vp9).decode(&EncodedFrame::new(Codec::Vp9, hidden, 0)).unwrap().unwrap();
    assert_eq!((picture.width(), frame_counter(&picture)), (320, Some(0)));
}

#[test]
fn after_an_error_only_a_key_frame_helps() {
    for codec in BOTH {
        let (mut encoder, mut decoder) = (encoder(codec, 300_000), decoder(codec));
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
}

#[test]
fn damaged_frames_are_pictures_or_errors() {
    for codec in BOTH {
        let mut encoder = encoder(codec, 300_000);
        let frames: Vec<EncodedFrame> =
            pictures(160, 120).take(12).filter_map(|picture| encoder.encode(&picture, false).unwrap()).collect();
        let mut decoder = decoder(codec);
        for seed in 0..200usize {
            for (n, frame) in frames.iter().enumerate() {
                let mut data = frame.data.to_vec();
                // Bytes behind the header, which would change the size.
                for k in 0..1 + seed % 7 {
                    let at = 10 + (seed * 7_919 + n * 104_729 + k * 1_299_709) % (data.len() - 10);
                    data[at] ^= (seed + k) as u8 | 1;
                }
                let damaged = EncodedFrame::new(codec, data, 0);
                if let Ok(Some(picture)) = decoder.decode(&damaged) {
                    assert_eq!((picture.width(), picture.height()), (160, 120));
                }
            }
        }
    }
}

/// The guard: what is left when upper layers are dropped, at any layer and with key frames anywhere, shows every number.
#[test]
fn pictures_of_upper_layers_can_be_left_out() {
    for (mode, ids) in [(ScalabilityMode::L1T2, &[0, 1][..]), (ScalabilityMode::L1T3, &[0, 2, 1, 2])] {
        let config = VideoEncoderConfig::default().with_bitrate(400_000).with_scalability_mode(mode);
        let mut encoder = VpxEncoder::new(Codec::Vp9, &config).unwrap();
        let mut decoders: Vec<VpxDecoder> = (0..mode.temporal_layers()).map(|_| decoder(Codec::Vp9)).collect();
        let mut since_key = 0;
        for (number, picture) in pictures(320, 240).take(60).enumerate() {
            let frame = encoder.encode(&picture, number % 23 == 22).unwrap().unwrap();
            since_key = if frame.key_frame { 0 } else { since_key + 1 };
            let layer = frame.layer.unwrap();
            assert_eq!((layer.id, frame.scalability), (ids[since_key % ids.len()], Some(mode)), "{mode} {number}");
            for (highest, decoder) in (0..).zip(&mut decoders).filter(|(highest, _)| layer.id <= *highest) {
                let seen = decoder.decode(&frame).unwrap().and_then(|picture| frame_counter(&picture));
                assert_eq!(seen, Some(number as u16), "{mode} up to layer {highest}");
            }
        }
    }
}

#[test]
fn layers_share_the_bitrate() {
    let config = VideoEncoderConfig::default().with_bitrate(400_000).with_scalability_mode(ScalabilityMode::L1T3);
    let mut encoder = VpxEncoder::new(Codec::Vp9, &config).unwrap();
    for target in [400_000, 250_000] {
        encoder.set_bitrate(target).unwrap();
        let mut source = pictures(320, 240);
        run(&mut encoder, &mut source, 1);
        let (actual, _) = run(&mut encoder, &mut source, 2);
        assert!(actual.abs_diff(target) <= target * 20 / 100, "{actual} instead of {target}");
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    let new = |codec, config: VideoEncoderConfig| VpxEncoder::new(codec, &config).err();
    let config = VideoEncoderConfig::default;
    for codec in BOTH {
        assert_eq!(new(codec, config().with_frame_rate(0)), Some(CoderError::Configuration("frame rate")));
        assert_eq!(new(codec, config().with_threads(17)), Some(CoderError::Configuration("threads")));
        assert_eq!(new(codec, config().with_speed(17)), Some(CoderError::Configuration("speed")));
    }
    assert_eq!(new(Codec::Vp9, config().with_speed(10)), Some(CoderError::Configuration("speed")));
    let layered = config().with_scalability_mode(ScalabilityMode::L1T2);
    assert_eq!(new(Codec::Vp8, layered), Some(CoderError::Configuration("scalability mode")));
    assert_eq!(new(Codec::Opus, config()), Some(CoderError::WrongCodec(Codec::Opus)));
    let frame = VideoFrame::black(16_384, 2).unwrap();
    let error = encoder(Codec::Vp8, 1).encode(&frame, false).unwrap_err();
    assert_eq!(error, CoderError::Picture { width: 16_384, height: 2 });
}

#[test]
fn several_threads_make_the_same_pictures_readable() {
    let config = VideoEncoderConfig::default().with_threads(4).with_bitrate(1_000_000);
    for codec in BOTH {
        let mut encoder = VpxEncoder::new(codec, &config).unwrap();
        let mut decoder = decoder(codec);
        for (n, picture) in pictures(1_280, 720).take(4).enumerate() {
            let decoded = decoder.decode(&encoder.encode(&picture, false).unwrap().unwrap()).unwrap().unwrap();
            assert_eq!(frame_counter(&decoded), Some(n as u16));
        }
    }
}

/// Guards: what is said beside a frame holds, then what it says itself.
#[test]
fn pictures_have_the_usual_colors_whatever_they_come_with() {
    let canvas = ColorSpace { matrix: ColorMatrix::Bt709, full_range: true };
    let other = ColorSpace { matrix: ColorMatrix::Bt2020, full_range: false };
    for codec in BOTH {
        let frame = encoder(codec, 500_000).encode(&pictures(96, 64).picture(1), true).unwrap().unwrap();
        let decode = |frame: &EncodedFrame| decoder(codec).decode(frame).unwrap().unwrap();
        let plain = decode(&frame);
        let told = decode(&frame.clone().with_color_space(Some(canvas)));
        assert_eq!(told.to_vec(), plain.from_color_space(canvas).to_vec(), "{codec}");
        assert_ne!(told.to_vec(), plain.to_vec());
        if codec == Codec::Vp9 {
            // BT.709 and the full range, behind the marker, the kind and the code for synchronisation.
            let mut data = frame.data.to_vec();
            data[4] = (data[4] & 0x0f) | 0b0101_0000;
            let says = EncodedFrame { data: data.into(), ..frame.clone() };
            assert_eq!(decode(&says).to_vec(), told.to_vec());
            let both = decode(&says.with_color_space(Some(other)));
            assert_eq!(both.to_vec(), plain.from_color_space(other).to_vec());
        }
    }
}
