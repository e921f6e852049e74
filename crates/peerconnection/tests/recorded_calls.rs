//! Calls over a path that loses packets in virtual time, recorded as they come in each codec that files take: what the file says of
//! itself, and what is seen and heard in it. Pictures are late on their way, and the clock of the sound is fast.
//!
//! A picture's number is when it was captured, and every second of sound begins with a beep, so
//! that the file shows how far its times are from the truth. `ORTICA_SECONDS` sets how long calls last.
#![cfg(all(feature = "media", feature = "tokio"))]

mod common;
mod recorded;

use ortica::codecs::Codec;
use recorded::{Call, Film, Folder, Way, record};
use std::time::Duration;

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
    let (wanted, apart) = (call.length(), film.apart());
    println!(
        "bar: {name}: {:?} of {wanted:?}, sound after pictures by {apart:?} s, {} pictures",
        film.length,
        film.pictures.len()
    );
    assert!(film.rises, "{name}: times do not rise");
    assert!(film.length.abs_diff(wanted) <= LENGTH, "{name}: {:?} instead of {wanted:?}", film.length);
    assert!(apart.iter().all(|apart| apart.abs() <= APART), "{name}: apart by {apart:?}");
    let (least, most) = film.lateness();
    assert!(most - least <= APART, "{name}: pictures' times wander from {least} to {most}");
    assert!(film.gap() >= Duration::from_secs(2), "{name}: the gap is there: {:?}", film.gap());
    assert_eq!(film.sizes(), call.sizes(), "{name}");
}

/// Guards: `Timeline` places frames by the reports of who sent them, also those that came before the first report.
#[test]
fn a_lossy_call_is_recorded_in_step_over_a_gap_and_another_size() {
    let folder = Folder::new("lossy");
    for (name, codec) in FILES {
        for way in [Way::Paused, Way::Down] {
            let call = Call::new(*codec, seconds(), way);
            let path = folder.join(name);
            let recorded = record(&call, &path);
            let film = Film::read(&path);
            assert_in_step(&format!("{name}, {way:?}"), &call, &film);
            assert!(recorded.duration.abs_diff(film.length) < Duration::from_millis(50), "{recorded:?}");
            recorded::assert_probed(&path, &film);
        }
    }
}
