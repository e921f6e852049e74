//! Glass to glass: from a picture that a camera gives to the same picture, sent over loopback and decoded. Each has its number in
//! it, which is stamped when it is written and read when it is there again.
//!
//! ```text
//! cargo bench -p ortica --features media --bench glass [-- SECONDS]
//! ```
//!
//! Beside it the codec's own time for the same pictures, encoded and decoded by nothing but a loop.
#![expect(clippy::expect_used, reason = "what fails here fails the bench")]

#[path = "../tests/common/sockets.rs"]
mod sockets;

use ortica::codecs::coder::{self, DecoderLimits, VideoEncoderConfig};
use ortica::codecs::synthetic::{MovingPicture, frame_counter};
use ortica::codecs::{Codec, MediaKind};
use ortica::{LocalTrack, RemoteTrack, TrackConfig};
use sockets::{connection, loopback, negotiate, track};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

const WIDTH: u32 = 640;
const HEIGHT: u32 = 480;
const BITRATE: u32 = 1_500_000;
/// Pictures until everything has been allocated and the encoder has found its rate.
const WARM_UP: usize = 60;
/// What is waited for the last pictures.
const PATIENCE: Duration = Duration::from_secs(2);

/// When each picture was written.
type Stamps = Arc<[OnceLock<Instant>]>;

#[tokio::main]
async fn main() -> ExitCode {
    let seconds = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(30);
    let mut passed = true;
    for frame_rate in [30, 60] {
        passed &= measure(frame_rate, seconds).await;
    }
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn measure(frame_rate: u32, seconds: u32) -> bool {
    let count = WARM_UP + (frame_rate * seconds) as usize;
    let seen = call(frame_rate, count).await;
    let alone = codec_alone(frame_rate, count.min(WARM_UP + 600));
    let interval = Duration::from_secs(1) / frame_rate;
    let missing = count - WARM_UP - seen.0.len();
    println!(
        "bar: glass to glass, {WIDTH}x{HEIGHT} at {frame_rate}/s over loopback: {seen} of {} pictures, {missing} missing; \
         the codec alone {alone}; at most {:.1} ms more is wanted",
        seen.0.len(),
        interval.as_secs_f64() * 1e3,
    );
    missing * 100 <= count && [50, 99].iter().all(|part| seen.percentile(*part) <= interval + alone.percentile(*part))
}

fn config(frame_rate: u32) -> VideoEncoderConfig {
    VideoEncoderConfig::default().with_bitrate(BITRATE).with_frame_rate(frame_rate)
}

/// How long pictures took, in order of their length.
struct Times(Vec<Duration>);

impl Times {
    fn new(mut times: Vec<Duration>) -> Self {
        times.sort();
        Self(times)
    }

    fn percentile(&self, part: usize) -> Duration {
        self.0.get(self.0.len() * part / 100).copied().unwrap_or(Duration::MAX)
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [median, late] = [50, 99].map(|part| self.percentile(part).as_secs_f64() * 1e3);
        write!(f, "p50 {median:.1} ms, p99 {late:.1} ms")
    }
}

/// Sends pictures from one connection to another; what each took that arrived.
async fn call(frame_rate: u32, count: usize) -> Times {
    let (a, _a_events) = connection(&loopback());
    let (b, mut b_events) = connection(&loopback());
    let camera = LocalTrack::new(MediaKind::Video, TrackConfig { video: config(frame_rate), ..TrackConfig::default() });
    a.add_track(&camera, &["camera"]).expect("it is not sent yet");
    negotiate(&a, &b).await;
    let screen = track(&mut b_events).await.track;
    for end in [&a, &b] {
        end.connected().await.expect("it connects");
    }
    let stamps: Stamps = (0..count).map(|_| OnceLock::new()).collect();
    let (done, filmed) = oneshot::channel();
    let theirs = stamps.clone();
    let filming = thread::Builder::new().name("camera".to_owned());
    filming
        .spawn(move || {
            film(&camera, frame_rate, &theirs);
            // Nobody may be left to hear it.
            let _ = done.send(());
        })
        .expect("a thread");
    let times = watch(&screen, &stamps, filmed).await;
    a.close().await;
    b.close().await;
    Times::new(times)
}

/// Writes each picture when it is due; it was painted before.
fn film(camera: &LocalTrack, frame_rate: u32, stamps: &[OnceLock<Instant>]) {
    let pictures = MovingPicture::new(WIDTH, HEIGHT, frame_rate).expect("a size that it can have");
    let began = Instant::now();
    for (number, stamp) in (0u32..).zip(stamps) {
        let picture = pictures.picture(number);
        let due = began + Duration::from_secs(1) / frame_rate * number;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        stamp.get_or_init(Instant::now);
        camera.write_video(picture).expect("a track of pictures");
    }
}

/// What pictures took, but for the first ones, until nothing more comes.
async fn watch(screen: &RemoteTrack, stamps: &[OnceLock<Instant>], filmed: oneshot::Receiver<()>) -> Vec<Duration> {
    let mut times = Vec::new();
    let overdue = async {
        let _ = filmed.await;
        tokio::time::sleep(PATIENCE).await;
    };
    let mut overdue = std::pin::pin!(overdue);
    while times.len() + WARM_UP < stamps.len() {
        let picture = tokio::select! {
            picture = screen.recv_video() => picture.expect("the track goes on"),
            () = &mut overdue => break,
        };
        let arrived = Instant::now();
        // Counted in 16 bits, which a bench does not exceed.
        let Some(number) = frame_counter(&picture).map(usize::from) else { continue };
        if let Some(stamp) = stamps.get(number).and_then(OnceLock::get)
            && number >= WARM_UP
        {
            times.push(arrived - *stamp);
        }
    }
    times
}

/// What encoding and decoding takes for each of these pictures.
fn codec_alone(frame_rate: u32, count: usize) -> Times {
    let pictures = MovingPicture::new(WIDTH, HEIGHT, frame_rate).expect("a size that it can have");
    let mut encoder = coder::video_encoder(Codec::Vp8, &config(frame_rate)).expect("the codec is there");
    let mut decoder = coder::video_decoder(Codec::Vp8, DecoderLimits::default()).expect("the codec is there");
    let times = (0..count as u32).map(|number| {
        let picture = pictures.picture(number);
        let started = Instant::now();
        let frame = encoder.encode(&picture, number == 0).expect("it encodes").expect("no picture is dropped");
        decoder.decode(&frame).expect("it decodes").expect("it shows something");
        started.elapsed()
    });
    Times::new(times.skip(WARM_UP).collect())
}
