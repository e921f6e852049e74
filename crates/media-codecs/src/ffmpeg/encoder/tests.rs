//! What FFmpeg encodes, other decoders show.
#![cfg(feature = "h264")]

use super::*;
use crate::codec::h264::H264Form;
use crate::coder::h264::H264Decoder;
use crate::payload::h264::nal::{self, Header};
use crate::synthetic::{MovingPicture, frame_counter};

fn form(mode: u8) -> Form {
    let fmtp = format!("packetization-mode={mode};profile-level-id=42e01f");
    Form::H264(H264Form::read(&fmtp).unwrap())
}

fn x264(mode: u8, config: &VideoEncoderConfig) -> Box<dyn VideoEncoder> {
    let encoders = VideoEncoders::new(Codec::H264).unwrap().with_names(["libx264"]);
    assert!(encoders.can_encode() && !encoders.can_decode());
    encoders.encoder(form(mode), config).unwrap()
}

fn film() -> MovingPicture {
    MovingPicture::new(320, 240, 30).unwrap()
}

fn kinds(frame: &EncodedFrame) -> Vec<u8> {
    nal::split_slice(&frame.data).map(|unit| Header(unit[0]).kind()).collect()
}

/// Guards: each picture comes at once, with its own time, and key frames when they are asked for alone, with what decoding begins with.
#[test]
fn pictures_come_at_once_and_key_frames_when_asked_for() {
    let mut encoder = x264(1, &VideoEncoderConfig::default().with_bitrate(300_000));
    let mut decoder = H264Decoder::new(DecoderLimits::default()).unwrap();
    assert_eq!((encoder.codec(), encoder.implementation()), (Codec::H264, "x264"));
    for (number, picture) in film().take(40).enumerate() {
        let encoded = encoder.encode(&picture, number == 25).unwrap().unwrap();
        assert_eq!((encoded.key_frame, encoded.pts), (number == 0 || number == 25, picture.pts()), "{number}");
        if encoded.key_frame {
            assert!(kinds(&encoded).starts_with(&[nal::SPS, nal::PPS]), "{:?}", kinds(&encoded));
        }
        let decoded = decoder.decode(&encoded).unwrap().unwrap();
        assert_eq!(frame_counter(&decoded), Some(number as u16));
    }
    // Another size, of odd sides, and a time that stands still.
    let other = MovingPicture::new(161, 121, 30).unwrap().picture(7).with_pts(0, TimeBase::VIDEO);
    for number in 0..3 {
        let encoded = encoder.encode(&other, false).unwrap().unwrap();
        assert_eq!((encoded.key_frame, encoded.pts), (number == 0, 0));
        let decoded = decoder.decode(&encoded).unwrap().unwrap();
        assert_eq!((decoded.width(), decoded.height()), (160, 120));
    }
}

/// Guards: the form is kept to: a profile and a level that the other side has, and slices as short as packets where it takes no others.
#[test]
fn streams_are_of_the_form_that_was_agreed_on() {
    let mut encoder = x264(0, &VideoEncoderConfig::default().with_bitrate(3_000_000));
    let mut longest = 0;
    for picture in film().take(10) {
        let encoded = encoder.encode(&picture, false).unwrap().unwrap();
        for unit in nal::split_slice(&encoded.data) {
            longest = longest.max(unit.len());
            if Header(unit[0]).kind() == nal::SPS {
                // Constrained Baseline, level 3.1.
                assert_eq!((unit[1], unit[2] & 0x40, unit[3]), (66, 0x40, 31));
            }
        }
    }
    assert!((500..=1_010).contains(&longest), "{longest}");
}

/// Bits per second that two seconds take.
fn rate(encoder: &mut dyn VideoEncoder, film: &mut MovingPicture) -> (u32, usize) {
    let frames: Vec<_> = film.take(60).filter_map(|picture| encoder.encode(&picture, false).unwrap()).collect();
    let bytes: usize = frames.iter().map(|frame| frame.data.len()).sum();
    (bytes as u32 * 4, frames.iter().filter(|frame| frame.key_frame).count())
}

/// Guards: another bitrate holds from the next picture on, and costs no key frame.
#[test]
fn a_bitrate_is_changed_in_place() {
    let mut encoder = x264(1, &VideoEncoderConfig::default().with_bitrate(200_000));
    let mut film = film();
    let _ = rate(&mut *encoder, &mut film);
    for wanted in [100_000, 400_000, 200_000] {
        encoder.set_bitrate(wanted).unwrap();
        let _ = film.by_ref().take(30).map(|picture| encoder.encode(&picture, false).unwrap()).count();
        let (rate, key_frames) = rate(&mut *encoder, &mut film);
        assert!((wanted / 10 * 6..=wanted / 10 * 13).contains(&rate), "{rate} for {wanted}");
        assert_eq!(key_frames, 0);
    }
}

/// Guards: AV1 is encoded a frame for each picture, which is shown at once, and another bitrate begins anew, unless it is much the same.
#[test]
fn av1_is_encoded_at_once() {
    let config = VideoEncoderConfig::default().with_bitrate(300_000);
    let mut encoder = match VideoEncoders::new(Codec::Av1).unwrap().encoder(Codec::Av1.into(), &config) {
        Ok(encoder) => encoder,
        Err(CoderError::NotCompiledIn(_)) => {
            println!("skipped: this FFmpeg has no libaom");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let mut decoder = crate::coder::video_decoder(Codec::Av1, DecoderLimits::default()).unwrap();
    let mut film = film();
    for (number, picture) in film.by_ref().take(30).enumerate() {
        let encoded = encoder.encode(&picture, number == 20).unwrap().unwrap();
        assert_eq!((encoded.key_frame, encoded.pts), (number == 0 || number == 20, picture.pts()), "{number}");
        assert_eq!(encoded.codec, Codec::Av1);
        let shown = decoder.decode(&encoded).unwrap().unwrap();
        assert_eq!((frame_counter(&shown), shown.pts()), (Some(number as u16), picture.pts()));
    }
    // A little more is left alone, a lot begins anew.
    encoder.set_bitrate(310_000).unwrap();
    let mut next = || encoder.encode(&film.next().unwrap(), false).unwrap().unwrap().key_frame;
    assert!(!next());
    encoder.set_bitrate(150_000).unwrap();
    let mut next = || encoder.encode(&film.next().unwrap(), false).unwrap().unwrap().key_frame;
    assert!(next() && !next());
    let (rate, _) = rate(&mut *encoder, &mut film);
    assert!((75_000..=225_000).contains(&rate), "{rate}");
}

#[test]
fn what_is_not_there_is_an_error() {
    assert_eq!(VideoEncoders::new(Codec::Opus).unwrap_err(), CoderError::WrongCodec(Codec::Opus));
    let config = VideoEncoderConfig::default();
    let encode = |names: &[&str], form, config: &VideoEncoderConfig| {
        let encoders = VideoEncoders::new(Codec::H264).unwrap().with_names(names.iter().copied());
        encoders.encoder(form, config).err()
    };
    assert_eq!(encode(&["no_such_encoder"], form(1), &config), Some(CoderError::NotCompiledIn(Codec::H264)));
    assert_eq!(encode(&["libaom-av1"], form(1), &config), Some(CoderError::WrongCodec(Codec::H264)));
    assert_eq!(encode(&["libx264"], Codec::Vp8.into(), &config), Some(CoderError::WrongCodec(Codec::Vp8)));
    // The first that works is taken.
    assert_eq!(encode(&["no_such_encoder", "libx264"], form(1), &config), None);
    let out_of_range = config.with_frame_rate(0);
    assert_eq!(encode(&["libx264"], form(1), &out_of_range), Some(CoderError::Configuration("frame rate")));
    let mut encoder = x264(1, &config);
    let small = MovingPicture::new(96, 64, 30).unwrap().picture(0).crop(0, 0, 8, 8).unwrap();
    assert_eq!(encoder.encode(&small, false), Err(CoderError::Picture { width: 8, height: 8 }));
    assert_eq!(encoder.set_bitrate(u32::MAX), Err(CoderError::Configuration("bitrate")));
}
