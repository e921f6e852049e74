//! Calls over a path that loses packets, recorded: what is heard and what is seen belong together in the file, from its start to
//! its end. Sound and pictures are encoded and decoded for real, in real time.
//!
//! ```text
//! ORTICA_RECORD_SECONDS=60 cargo test -p ortica --features media,ffmpeg --test recordings -- --ignored --nocapture
//! ```
#![cfg(all(feature = "tokio", feature = "opus", feature = "vpx", any(feature = "aws-lc-rs", feature = "rust-crypto")))]

#[path = "common/child.rs"]
mod child;
#[path = "recorded/film.rs"]
mod film;
#[path = "recorded/judge.rs"]
mod judge;
#[path = "common/lossy_path.rs"]
mod lossy_path;
#[path = "recorded/scene.rs"]
mod scene;
#[path = "common/sockets.rs"]
mod sockets;
#[path = "common/temporary_file.rs"]
mod temporary_file;

use film::{Film, skew};
use lossy_path::LossyPath;
use ortica::codecs::{Codec, EncodedFrame};
use ortica::media::{MediaRecorder, RecorderOptions, Recording};
use ortica::{Configuration, Events, PeerConnection};
use scene::{SIZES, Scene};
use sockets::{loopback, track};
use std::path::{Path, PathBuf};
use std::time::Duration;
use temporary_file::TemporaryFile;
use tokio::time::{sleep, timeout};

/// How long the scene lasts, in seconds.
const SECONDS: &str = "ORTICA_RECORD_SECONDS";
/// Where a process that is to be killed records.
const FILE: &str = "ORTICA_RECORD_FILE";
const LOSS: f64 = 0.05;
/// What sound and pictures may be apart, in seconds.
const MOST_SKEW: f64 = 0.040;
/// What a recording may be longer or shorter than what was recorded.
const MOST_DIFFERENCE: Duration = Duration::from_millis(100);

/// Files, and the pictures in them.
const FILES: &[(&str, Codec)] = &[
    ("call.webm", Codec::Vp8),
    #[cfg(all(feature = "ffmpeg", feature = "h264"))]
    ("call.mp4", Codec::H264),
];

fn seconds() -> u32 {
    std::env::var(SECONDS).ok().and_then(|text| text.parse().ok()).unwrap_or(12).max(12)
}

fn connection(pictures: Codec) -> (PeerConnection, Events) {
    let configuration = Configuration::default().with_endpoint(loopback());
    PeerConnection::new(configuration.with_codecs(vec![Codec::Opus, pictures])).expect("sockets can be bound")
}

/// A scene that one side sends and the other records, to its end.
async fn record(scene: Scene, path: &Path, pictures: Codec) -> Recording {
    let (a, _a_events) = connection(pictures);
    let (b, mut b_events) = connection(pictures);
    let tracks = scene.tracks();
    for track in &tracks {
        a.add_track(track, &["scene"]).expect("a track");
    }
    let mut recorder = MediaRecorder::new(path, RecorderOptions::default()).expect("a kind of file");
    recorder.start().await.expect("the file can be made");
    let lossy = LossyPath::negotiate(&a, &b, LOSS, 7).await;
    for _ in &tracks {
        recorder.add_track(track(&mut b_events).await.track).expect("it takes both");
    }
    let ended = async {
        while !tracks.iter().all(|track| track.is_ended()) {
            sleep(Duration::from_millis(50)).await;
        }
        // What is on its way, and what was lost and comes again.
        sleep(Duration::from_millis(500)).await;
    };
    timeout(Duration::from_secs(u64::from(scene.seconds) + 30), ended).await.expect("the scene ends");
    let recorded = recorder.stop().await.expect("it could be written");
    println!("{recorded:?}, {:.1} % of all packets lost", lossy.lost() * 100.0);
    assert!(lossy.lost() > LOSS / 2.0, "packets are lost");
    a.close().await;
    b.close().await;
    recorded
}

fn assert_rising(frames: &[EncodedFrame]) {
    assert!(frames.windows(2).all(|pair| pair[0].pts < pair[1].pts), "times rise");
}

/// Sound and pictures in each third of the scene.
fn assert_aligned(film: &Film, scene: Scene) -> f64 {
    let (shown, edges) = (film.shown(), film.edges());
    let skews: Vec<(f64, f64)> = edges.iter().filter_map(|edge| Some((edge.scene, skew(*edge, &shown)?))).collect();
    for (at, skew) in &skews {
        println!("at {at:.2} s sound is {:.1} ms late", skew * 1e3);
    }
    for third in 0..3 {
        let seconds = f64::from(scene.seconds) / 3.0;
        let part = f64::from(third) * seconds..f64::from(third + 1) * seconds;
        assert!(skews.iter().any(|(at, _)| part.contains(at)), "nothing was heard from {part:?} s");
    }
    let most = skews.iter().map(|(_, skew)| skew.abs()).fold(0.0, f64::max);
    assert!(most <= MOST_SKEW, "sound and pictures are {most} s apart");
    most
}

#[tokio::test]
#[ignore = "in real time; cargo xtask bars 5 runs it"]
async fn a_lossy_call_with_a_gap_and_another_size_is_recorded_in_step() {
    for (name, pictures) in FILES {
        is_recorded_in_step(name, *pictures).await;
    }
}

async fn is_recorded_in_step(name: &str, pictures: Codec) {
    let (scene, file) = (Scene { seconds: seconds() }, TemporaryFile::new(name));
    let recorded = record(scene, &file.0, pictures).await;
    let film = Film::read(&file.0, Scene::marks()).expect("it is a film");
    assert_rising(&film.sounds);
    assert_rising(&film.pictures);
    let length = Duration::from_secs(scene.seconds.into());
    let said = film.duration.expect("it says how long it is");
    assert!(said.abs_diff(recorded.duration) < Duration::from_millis(50), "{said:?}, not {:?}", recorded.duration);
    let difference = recorded.duration.abs_diff(length);
    assert!(difference <= MOST_DIFFERENCE, "{:?} of {length:?}", recorded.duration);
    let skew = assert_aligned(&film, scene);

    let (shown, sent) = (film.shown(), scene.numbers().count());
    assert!(film.size.is_none_or(|size| size == SIZES[0]), "it begins with the size of its first picture");
    assert!(shown.iter().all(|picture| picture.size == scene.size(picture.number)), "each has the size it was sent in");
    assert!(SIZES.iter().all(|size| shown.iter().any(|picture| picture.size == *size)), "both sizes are there");
    assert!(shown.len() * 10 >= sent * 8, "{} of {sent} pictures are seen", shown.len());
    judge::assert_whole(&file.0, &film, length, MOST_DIFFERENCE);
    println!(
        "bar: {name}, {} s at 5 % loss: apart by {:.1} ms at most, {} ms too long or short, {} of {sent} pictures",
        scene.seconds,
        skew * 1e3,
        difference.as_millis(),
        shown.len(),
    );
}

/// Ends a process as `kill -9` does, whatever becomes of the test.
struct Killed(std::process::Child);

impl Killed {
    fn kill(&mut self) {
        self.0.kill().expect("it is ours");
        self.0.wait().expect("it is ours");
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Guards: what came a second or two before is in the file, and can be played without its end.
#[tokio::test]
#[ignore = "in real time; cargo xtask bars 5 runs it"]
async fn a_recording_that_is_killed_half_way_can_be_played() {
    if child::is_child() {
        let path = PathBuf::from(std::env::var_os(FILE).expect("where to record"));
        let is_it = |name: &str| Path::new(name).extension() == path.extension();
        let pictures = FILES.iter().find(|(name, _)| is_it(name)).expect("one of them").1;
        record(Scene { seconds: 60 }, &path, pictures).await;
        return;
    }
    for (name, _) in FILES {
        can_be_played_when_killed(name).await;
    }
}

async fn can_be_played_when_killed(name: &str) {
    let file = TemporaryFile::new(&format!("killed-{name}"));
    let mut recorder = Killed(child::start("a_recording_that_is_killed_half_way_can_be_played", FILE, &file.0));
    let half_way = Duration::from_secs((seconds() / 2).min(30).into());
    let reached = async {
        while Film::read(&file.0, Scene::marks()).map_or(Duration::ZERO, |film| film.end()) < half_way {
            sleep(Duration::from_millis(200)).await;
        }
    };
    timeout(half_way + Duration::from_secs(60), reached).await.expect("it is written while it is recorded");
    recorder.kill();
    let film = Film::read(&file.0, Scene::marks()).expect("it is a film");
    assert!(film.end() >= half_way);
    assert_rising(&film.sounds);
    assert_rising(&film.pictures);
    let (shown, expected) = (film.shown(), half_way.as_secs() as usize * scene::PICTURE_RATE as usize);
    assert!(shown.len() * 10 >= expected * 7, "{} of {expected} pictures are seen", shown.len());
    assert!(!film.edges().is_empty(), "beeps are heard");
    judge::assert_playable(&file.0);
    println!("bar: {name}, killed after {half_way:?}: {:?} can be played, {} pictures", film.end(), shown.len());
}
