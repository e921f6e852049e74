//! Films that the `ffmpeg` program makes, decoded picture by picture.

use std::time::Duration;

use super::super::test_files::film;
use super::super::{Content, Reader, Source};
use super::*;
use crate::coder;
use crate::synthetic::frame_counter;

const AV1: &[&str] = &["libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-b:v", "300k"];
const H265: &[&str] =
    &["libx265", "-preset", "ultrafast", "-tune", "zerolatency", "-x265-params", "log-level=none:scenecut=0"];
const REORDERED_H264: &[&str] =
    &["libx264", "-preset", "ultrafast", "-bf", "2", "-b_strategy", "0", "-sc_threshold", "0"];
const SIZE: u32 = 320 * 240;

/// The frames of such a film; none where it cannot be made here, which is said.
fn frames(codec: Codec, name: &str, encoder: &[&str]) -> Vec<EncodedFrame> {
    let Some(file) = film(name, encoder) else { return Vec::new() };
    let source = Source { url: file.0.display().to_string(), ..Source::default() };
    let mut reader = Reader::open(&source, false, || true).unwrap();
    assert_eq!(reader.streams()[0].codec, Some(codec));
    let next = || match reader.next_content().unwrap()? {
        (_, Content::Encoded(frame)) => Some(frame),
        other => panic!("{other:?}"),
    };
    let frames: Vec<_> = std::iter::from_fn(next).collect();
    assert_eq!(frames.len(), 60);
    frames
}

/// Those of both codecs, as far as they can be made.
fn films(name: &str) -> impl Iterator<Item = (Codec, Vec<EncodedFrame>)> {
    let films = [(Codec::Av1, AV1), (Codec::H265, H265)];
    films
        .map(|(codec, encoder)| (codec, frames(codec, &format!("{name}-{codec}.mp4"), encoder)))
        .into_iter()
        .filter(|(_, frames)| !frames.is_empty())
}

fn decoder(codec: Codec) -> Box<dyn VideoDecoder> {
    VideoDecoders::new(codec).unwrap().decoder(DecoderLimits::default()).unwrap()
}

/// Guards: no picture is held back, each has its own time, and key frames bring what decoding begins with.
#[test]
fn each_picture_is_shown_at_once() {
    for (codec, frames) in films("at-once") {
        let mut decoder = coder::video_decoder(codec, DecoderLimits::default()).unwrap();
        assert_eq!((decoder.codec(), decoder.implementation()), (codec, "FFmpeg"));
        for (number, frame) in frames.iter().enumerate() {
            assert_eq!(frame.key_frame, number % 30 == 0, "{codec} {number}");
            let picture = decoder.decode(frame).unwrap().unwrap();
            assert_eq!(frame_counter(&picture), Some(number as u16), "{codec}");
            assert_eq!((picture.width(), picture.height(), picture.pts()), (320, 240, frame.pts), "{codec}");
            assert!(
                frame.time().abs_diff(Duration::from_millis(number as u64 * 1_000 / 30)) < Duration::from_millis(2)
            );
        }
        // From the middle, as who joins late.
        let mut late = self::decoder(codec);
        assert_eq!(late.decode(&frames[29]).unwrap_err(), CoderError::NeedsKeyFrame);
        assert_eq!(frame_counter(&late.decode(&frames[30]).unwrap().unwrap()), Some(30), "{codec}");
        assert!(!codec.can_code(), "nobody encodes it here");
    }
}

/// Guards: after an error nothing is shown before a key frame, for which somebody has to ask.
#[test]
fn after_damage_a_key_frame_is_waited_for() {
    for (codec, frames) in films("damage") {
        let mut decoder = decoder(codec);
        decoder.decode(&frames[0]).unwrap().unwrap();
        let junk = EncodedFrame::new(codec, vec![0xff; 300], frames[1].pts);
        assert!(matches!(decoder.decode(&junk), Err(CoderError::Library { .. })), "{codec}");
        assert_eq!(decoder.decode(&frames[1]).unwrap_err(), CoderError::NeedsKeyFrame, "{codec}");
        for (number, frame) in frames.iter().enumerate().skip(30) {
            let picture = decoder.decode(frame).unwrap().unwrap();
            assert_eq!(frame_counter(&picture), Some(number as u16), "{codec}");
        }
    }
}

/// Guards: pictures that come in another order than they are shown are put in order, and keep their times.
#[test]
fn pictures_are_put_in_order() {
    let frames = frames(Codec::H264, "reordered.mp4", REORDERED_H264);
    assert!(frames.is_empty() || frames.windows(2).any(|pair| pair[0].pts > pair[1].pts), "they are in another order");
    let mut decoder = decoder(Codec::H264);
    let shown: Vec<_> = frames.iter().filter_map(|frame| decoder.decode(frame).unwrap()).collect();
    let numbers: Vec<_> = shown.iter().map(|picture| frame_counter(picture).unwrap()).collect();
    assert_eq!(numbers, (0..shown.len() as u16).collect::<Vec<_>>());
    assert!(frames.len() - shown.len() <= 3, "{} of {}", shown.len(), frames.len());
    let mut times: Vec<_> = frames.iter().map(|frame| frame.pts).collect();
    times.sort_unstable();
    assert!(shown.iter().zip(times).all(|(picture, pts)| picture.pts() == pts));
}

/// Guards: what is too large is refused, and so is what is no frame of the codec.
#[test]
fn limits_are_kept() {
    for (codec, frames) in films("limits") {
        let factory = VideoDecoders::new(codec).unwrap();
        let small = DecoderLimits::default().with_max_pixels(SIZE - 1);
        assert!(factory.decoder(small).unwrap().decode(&frames[0]).is_err(), "{codec}");
        let exact = DecoderLimits::default().with_max_pixels(SIZE);
        assert!(factory.decoder(exact).unwrap().decode(&frames[0]).is_ok(), "{codec}");
        let short = DecoderLimits::default().with_max_frame(frames[0].data.len() - 1);
        assert_eq!(factory.decoder(short).unwrap().decode(&frames[0]).unwrap_err(), CoderError::Malformed);
        let empty = EncodedFrame::new(codec, Vec::new(), 0).with_key_frame(true);
        assert_eq!(decoder(codec).decode(&empty).unwrap_err(), CoderError::Malformed);
    }
    let other = EncodedFrame::new(Codec::Vp8, vec![0; 10], 0).with_key_frame(true);
    assert_eq!(decoder(Codec::Av1).decode(&other).unwrap_err(), CoderError::WrongCodec(Codec::Vp8));
    assert_eq!(VideoDecoders::new(Codec::Opus), Err(CoderError::WrongCodec(Codec::Opus)));
}

/// Guards: frames that lie do no harm.
#[test]
fn cve_26_damaged_frames_do_no_harm() {
    let mut rng = ortica_core::Rng::from_number(26);
    for (codec, frames) in films("hostile") {
        let (mut decoder, mut shown) = (decoder(codec), 0);
        for round in 0..300 {
            let frame = &frames[round % frames.len()];
            let mut damaged = frame.data.to_vec();
            for _ in 0..round % 4 {
                let at = (rng.unit() * damaged.len() as f64) as usize;
                damaged[at] = (rng.unit() * 256.0) as u8;
            }
            damaged.truncate((damaged.len() as f64 * (rng.unit() + 0.5).min(1.0)) as usize);
            let damaged = EncodedFrame::new(codec, damaged, frame.pts).with_key_frame(frame.key_frame);
            shown += usize::from(matches!(decoder.decode(&damaged), Ok(Some(_))));
        }
        assert!((1..300).contains(&shown), "{codec}: {shown}");
    }
}
