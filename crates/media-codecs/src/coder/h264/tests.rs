//! Encoder and decoder against each other.

use super::*;
use crate::codec::Form;
use crate::codec::h264::{H264Form, PacketizationMode};
use crate::coder::{CoderError, DecoderLimits, VideoDecoder, VideoEncoder, VideoEncoderConfig};
use crate::frame::{PixelFormat, TimeBase};
use crate::payload::h264::nal::{self, Header};
use crate::payload::h264::parameter_sets::SequenceSet;
use crate::synthetic::{MovingPicture, frame_counter};
use crate::{Codec, ColorMatrix, ColorSpace, EncodedFrame, VideoFrame};

/// The form that `a=fmtp` tells.
fn form(fmtp: &str) -> H264Form {
    H264Form::read(fmtp).unwrap()
}

fn usual() -> H264Form {
    form("packetization-mode=1;profile-level-id=42e01f")
}

fn encoder(bitrate: u32) -> H264Encoder {
    H264Encoder::new(usual(), &VideoEncoderConfig::default().with_bitrate(bitrate)).unwrap()
}

fn decoder() -> H264Decoder {
    H264Decoder::new(DecoderLimits::default()).unwrap()
}

fn pictures(width: u32, height: u32) -> MovingPicture {
    MovingPicture::new(width, height, 30).unwrap()
}

fn kinds(frame: &EncodedFrame) -> Vec<u8> {
    nal::split_slice(&frame.data).map(|unit| Header(unit[0]).kind()).collect()
}

#[test]
fn the_number_in_the_picture_survives_and_so_does_its_time() {
    for (width, height, bitrate) in [(320, 240, 150_000), (96, 64, 80_000), (640, 480, 500_000)] {
        let (mut encoder, mut decoder) = (encoder(bitrate), decoder());
        for (number, picture) in pictures(width, height).take(30).enumerate() {
            let encoded = encoder.encode(&picture, false).unwrap().unwrap();
            assert_eq!((encoded.key_frame, encoded.pts, encoded.duration), (number == 0, picture.pts(), 3_000));
            let decoded = decoder.decode(&encoded).unwrap().unwrap();
            assert_eq!(frame_counter(&decoded), Some(number as u16), "{width}x{height}");
            assert_eq!((decoded.width(), decoded.height(), decoded.pts()), (width, height, picture.pts()));
        }
    }
}

/// At a bitrate that leaves nothing to guess, and in another time base.
#[test]
fn pictures_of_every_size_come_back() {
    for (width, height) in [(1_280, 720), (960, 540), (640, 480), (320, 240)] {
        let (mut encoder, mut decoder) = (encoder(4_000_000), decoder());
        for (number, picture) in (0..8).map(|number| (number, pictures(width, height).picture(number))) {
            let time_base = if number % 2 == 0 { TimeBase::VIDEO } else { TimeBase::per_second(1_000_000) };
            let pts = TimeBase::VIDEO.rescale(picture.pts(), time_base);
            let encoded = encoder.encode(&picture.clone().with_pts(pts, time_base), false).unwrap().unwrap();
            assert_eq!(encoded.pts, picture.pts());
            let decoded = decoder.decode(&encoded).unwrap().unwrap();
            assert_eq!((decoded.width(), decoded.height()), (width, height));
            assert!(crate::frame::psnr(decoded.plane(0).unwrap(), picture.plane(0).unwrap()) > 30.0, "{number}");
        }
    }
}

#[test]
fn a_key_frame_has_its_parameter_sets_and_tells_its_size() {
    let mut encoder = encoder(300_000);
    for (n, picture) in pictures(322, 242).take(5).enumerate() {
        let encoded = encoder.encode(&picture, n == 3).unwrap().unwrap();
        let sets = nal::split_slice(&encoded.data).filter_map(|unit| SequenceSet::decode(unit).ok());
        let sizes: Vec<(u32, u32)> = sets.map(|set| (set.width, set.height)).collect();
        let key = n == 0 || n == 3;
        assert_eq!((encoded.key_frame, sizes), (key, vec![(322, 242); usize::from(key)]));
        assert_eq!(kinds(&encoded), if key { vec![nal::SPS, nal::PPS, nal::IDR] } else { vec![nal::SLICE] });
    }
}

/// Bits per second that `seconds` of the test picture take, and the number of key frames among them.
fn run(encoder: &mut H264Encoder, source: &mut MovingPicture, seconds: usize) -> (u32, usize) {
    let frames: Vec<EncodedFrame> =
        source.take(30 * seconds).filter_map(|picture| encoder.encode(&picture, false).unwrap()).collect();
    assert_eq!(frames.len(), 30 * seconds, "no picture is dropped");
    let bytes: usize = frames.iter().map(|frame| frame.data.len()).sum();
    ((bytes * 8 / seconds) as u32, frames.iter().filter(|frame| frame.key_frame).count())
}

#[test]
fn the_bitrate_is_met_and_a_change_is_followed_without_a_key_frame() {
    let (mut encoder, mut source) = (encoder(400_000), pictures(320, 240));
    run(&mut encoder, &mut source, 1);
    for target in [400_000, 200_000, 700_000, 300_000] {
        encoder.set_bitrate(target).unwrap();
        let (_, key_frames) = run(&mut encoder, &mut source, 1);
        assert_eq!(key_frames, 0, "a change of bitrate costs no key frame");
        let (actual, _) = run(&mut encoder, &mut source, 2);
        assert!(actual.abs_diff(target) <= target * 20 / 100, "{actual} instead of {target}");
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
    let (mut encoder, mut decoder) = (encoder(400_000), decoder());
    for (width, height) in [(320, 240), (640, 480), (160, 120), (163, 121)] {
        for (n, picture) in pictures(width, height).take(3).enumerate() {
            let encoded = encoder.encode(&picture, false).unwrap().unwrap();
            assert_eq!(encoded.key_frame, n == 0);
            let decoded = decoder.decode(&encoded).unwrap().unwrap();
            let size = (decoded.width(), decoded.height());
            assert_eq!((size, frame_counter(&decoded)), ((width & !1, height & !1), Some(n as u16)));
        }
    }
}

/// Guards the length of slices: where there are no fragments, each unit fits into a packet.
#[test]
fn in_mode_0_no_unit_is_longer_than_a_packet() {
    let form = form("packetization-mode=0;profile-level-id=42e01f");
    assert_eq!(form.packetization_mode, PacketizationMode::SingleNalUnit);
    let config = VideoEncoderConfig::default().with_bitrate(2_000_000);
    let (mut encoder, mut decoder) = (H264Encoder::new(form, &config).unwrap(), decoder());
    let mut packetizer = crate::payload::packetizer(Form::H264(form), &mut ortica_core::Rng::from_number(1));
    for (number, picture) in pictures(640, 480).take(10).enumerate() {
        let encoded = encoder.encode(&picture, number == 5).unwrap().unwrap();
        let longest = nal::split_slice(&encoded.data).map(<[u8]>::len).max().unwrap();
        assert!(longest <= 1_000, "{longest}");
        let mut payloads = Vec::new();
        packetizer.packetize(&encoded, 1_100, &mut payloads).unwrap();
        assert_eq!(payloads.len(), kinds(&encoded).len());
        assert_eq!(frame_counter(&decoder.decode(&encoded).unwrap().unwrap()), Some(number as u16));
    }
}

#[test]
fn each_profile_that_is_offered_is_what_comes_out() {
    for (id, idc) in [("42e01f", 66), ("42001f", 66), ("4d001f", 77), ("64001f", 100)] {
        let form = form(&format!("packetization-mode=1;profile-level-id={id}"));
        let mut encoder = H264Encoder::new(form, &VideoEncoderConfig::default()).unwrap();
        let mut decoder = decoder();
        for (number, picture) in pictures(320, 240).take(5).enumerate() {
            let encoded = encoder.encode(&picture, false).unwrap().unwrap();
            if number == 0 {
                let set = nal::split_slice(&encoded.data).next().unwrap().to_vec();
                assert_eq!(set[1], idc, "{id}");
                assert!(set[3] <= 31, "{id}: level {}", set[3]);
            }
            assert_eq!(frame_counter(&decoder.decode(&encoded).unwrap().unwrap()), Some(number as u16), "{id}");
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

/// The guard: what a sequence parameter set announces is checked against `DecoderLimits` before the library takes memory for it.
#[test]
fn cve_26_a_picture_above_the_limit_is_refused_before_it_is_allocated() {
    let mut small = H264Decoder::new(DecoderLimits::default().with_max_pixels(320 * 240)).unwrap();
    let encode = |width| encoder(300_000).encode(&pictures(width, 240).picture(0), true).unwrap().unwrap();
    assert!(small.decode(&encode(320)).unwrap().is_some());
    assert_eq!(small.decode(&encode(322)).unwrap_err(), CoderError::Picture { width: 322, height: 240 });
    assert!(small.decode(&encode(320)).unwrap().is_some(), "it goes on with the next key frame");
    let mut short = H264Decoder::new(DecoderLimits::default().with_max_frame(100)).unwrap();
    assert_eq!(short.decode(&encode(320)).unwrap_err(), CoderError::Malformed);
}

#[test]
fn after_an_error_only_a_key_frame_helps() {
    let (mut encoder, mut decoder) = (encoder(300_000), decoder());
    let mut encode = |n, key| encoder.encode(&pictures(320, 240).picture(n), key).unwrap().unwrap();
    let (key, delta) = (encode(0, true), encode(1, false));
    assert_eq!(decoder.decode(&delta).unwrap_err(), CoderError::NeedsKeyFrame);
    assert!(decoder.decode(&key).is_ok() && decoder.decode(&delta).is_ok());
    let mut broken = key.clone();
    broken.data = key.data.slice(..60);
    assert!(decoder.decode(&broken).is_err());
    assert_eq!(decoder.decode(&delta).unwrap_err(), CoderError::NeedsKeyFrame);
    let mut opus = delta.clone();
    opus.codec = Codec::Opus;
    assert_eq!(decoder.decode(&opus).unwrap_err(), CoderError::WrongCodec(Codec::Opus));
    assert!(decoder.decode(&encode(2, true)).unwrap().is_some());
}

#[test]
fn damaged_frames_are_pictures_or_errors() {
    let mut encoder = encoder(300_000);
    let frames: Vec<EncodedFrame> =
        pictures(160, 120).take(12).filter_map(|picture| encoder.encode(&picture, false).unwrap()).collect();
    let mut decoder = decoder();
    let mut errors = 0;
    for seed in 0..200usize {
        for (n, frame) in frames.iter().enumerate() {
            let mut data = frame.data.to_vec();
            for k in 0..1 + seed % 7 {
                let at = 5 + (seed * 7_919 + n * 104_729 + k * 1_299_709) % (data.len() - 5);
                data[at] ^= (seed + k) as u8 | 1;
            }
            errors += usize::from(decoder.decode(&EncodedFrame::new(Codec::H264, data, 0)).is_err());
        }
    }
    assert!(errors > 100, "{errors}");
    assert!(decoder.decode(&frames[0]).unwrap().is_some());
}

#[test]
fn settings_out_of_range_are_refused() {
    let new = |config: VideoEncoderConfig| H264Encoder::new(usual(), &config).err();
    let config = VideoEncoderConfig::default;
    assert_eq!(new(config().with_frame_rate(0)), Some(CoderError::Configuration("frame rate")));
    assert_eq!(new(config().with_threads(17)), Some(CoderError::Configuration("threads")));
    assert_eq!(new(config().with_speed(17)), Some(CoderError::Configuration("speed")));
    let layered = config().with_scalability_mode(crate::frame::ScalabilityMode::L1T2);
    assert_eq!(new(layered), Some(CoderError::Configuration("scalability mode")));
    assert_eq!(new(config().with_bitrate(u32::MAX)), Some(CoderError::Configuration("bitrate")));
    assert_eq!(encoder(1).set_bitrate(u32::MAX), Err(CoderError::Configuration("bitrate")));
    for (width, height) in [(3_842, 2_160), (2_162, 2_162), (320, 14)] {
        let error = encoder(1).encode(&VideoFrame::black(width, height).unwrap(), false).unwrap_err();
        assert_eq!(error, CoderError::Picture { width, height });
    }
}

/// Guards: what is said beside a frame holds. (What parameter sets say is looked at where they are read.)
#[test]
fn pictures_have_the_usual_colors_whatever_they_come_with() {
    let canvas = ColorSpace { matrix: ColorMatrix::Bt709, full_range: true };
    let frame = encoder(500_000).encode(&pictures(96, 64).picture(1), true).unwrap().unwrap();
    let plain = decoder().decode(&frame).unwrap().unwrap();
    let told = decoder().decode(&frame.with_color_space(Some(canvas))).unwrap().unwrap();
    assert_eq!(told.to_vec(), plain.from_color_space(canvas).to_vec());
    assert_ne!(told.to_vec(), plain.to_vec());
}
