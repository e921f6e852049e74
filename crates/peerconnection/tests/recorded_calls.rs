//! Calls over a path that loses packets in virtual time, recorded as they come in each codec that files take: what the file says of
//! itself, and what is seen and heard in it. Pictures are late on their way, and the clock of the sound is fast.
//!
//! A picture's number is when it was captured, and every second of sound begins with a beep, so
//! that the file shows how far its times are from the truth. `ORTICA_SECONDS` sets how long calls last.
#![cfg(all(feature = "media", feature = "tokio"))]

#[path = "recorded/arriving.rs"]
mod arriving;
#[path = "recorded/call.rs"]
mod call;
mod common;
#[path = "recorded/film.rs"]
mod film;
#[path = "recorded/judge.rs"]
mod judge;
#[path = "common/temporary_file.rs"]
mod temporary_file;

use arriving::record;
use call::{Call, Way};
use film::{Film, Shown, skew};
use ortica::codecs::Codec;
use std::time::Duration;
use temporary_file::TemporaryFile;

/// What a file may differ from the call in its length.
const LENGTH: Duration = Duration::from_millis(100);
/// What sound and pictures may be apart.
const APART: f64 = 0.040;

/// Files, and what is recorded into them as it comes.
const FILES: &[(&str, Codec)] = &[
    ("call.webm", Codec::Vp8),
    ("vp9.webm", Codec::Vp9),
    ("call.mkv", Codec::H264),
    #[cfg(feature = "ffmpeg")]
    ("call.mp4", Codec::H264),
    #[cfg(feature = "ffmpeg")]
    ("vp9.mp4", Codec::Vp9),
];

/// How long a call lasts here: a minute in the full-size check.
fn seconds() -> u32 {
    std::env::var("ORTICA_SECONDS").map_or(12, |seconds| seconds.parse().expect("ORTICA_SECONDS is a number"))
}

fn assert_in_step(name: &str, call: &Call, film: &Film) {
    let (shown, edges) = (film.shown(), film.edges());
    let skews: Vec<(f64, f64)> = edges.iter().filter_map(|edge| Some((edge.scene, skew(*edge, &shown)?))).collect();
    let length = call.length().as_secs_f64();
    for third in [0.0, 1.0, 2.0] {
        let part = length * third / 3.0..length * (third + 1.0) / 3.0;
        assert!(skews.iter().any(|(at, _)| part.contains(at)), "{name}: nothing was heard from {part:?} s");
    }
    let apart = skews.iter().map(|(_, skew)| skew.abs()).fold(0.0, f64::max);
    let (said, wanted) = (film.duration.unwrap_or_else(|| film.end()), call.length());
    println!("bar: {name}: {said:?} of {wanted:?}, apart by {:.1} ms at most, {} pictures", apart * 1e3, shown.len());
    assert!(apart <= APART, "{name}: apart by {apart} s: {skews:?}");
    for frames in [&film.sounds, &film.pictures] {
        assert!(frames.windows(2).all(|pair| pair[0].pts < pair[1].pts), "{name}: times do not rise");
    }
    assert_eq!(shown.len(), film.pictures.len(), "{name}: every picture has those that it needs");
    assert!(said.abs_diff(wanted) <= LENGTH, "{name}: {said:?} instead of {wanted:?}");
    let late = shown.iter().map(|picture| picture.time - picture.scene);
    let (least, most) =
        late.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), it| (it.min(least), it.max(most)));
    assert!(most - least <= APART, "{name}: pictures' times wander from {least} to {most}");
    let gap = shown.windows(2).map(|pair| pair[1].time - pair[0].time).fold(0.0, f64::max);
    assert!(gap >= 2.0, "{name}: the gap is there: {gap} s");
    assert_eq!(sizes(&shown), call.sizes(), "{name}");
}

/// One after the other.
fn sizes(shown: &[Shown]) -> Vec<(u32, u32)> {
    let mut sizes: Vec<_> = shown.iter().map(|picture| picture.size).collect();
    sizes.dedup();
    sizes
}

/// Guards: `Timeline` places frames by the reports of who sent them, also those that came before the first report.
#[test]
fn a_lossy_call_is_recorded_in_step_over_a_gap_and_another_size() {
    for (name, codec) in FILES {
        for way in [Way::Paused, Way::Down] {
            let call = Call::new(*codec, seconds(), way);
            let file = TemporaryFile::new(name);
            let recorded = record(&call, &file.0);
            let film = Film::read(&file.0, Call::marks()).expect("it is a film");
            assert_in_step(&format!("{name}, {way:?}"), &call, &film);
            let said = film.duration.unwrap_or_else(|| film.end());
            assert!(recorded.duration.abs_diff(said) < Duration::from_millis(50), "{recorded:?}, not {said:?}");
            judge::assert_whole(&file.0, &film, said, Duration::from_millis(50));
        }
    }
}
