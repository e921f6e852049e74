//! Media that nobody takes, for as long as it is told, over real sockets: a track that is not read, consumers of relays and a file
//! that stand still. What they hold is bounded, so the heap is flat once their rings are full.
//!
//! ```text
//! ORTICA_SOAK_SECONDS=20 cargo test -p ortica --all-features --test unread_media -- --include-ignored --nocapture
//! ```
#![cfg(all(target_os = "linux", feature = "tokio", feature = "aws-lc-rs", feature = "media"))]
#![allow(clippy::unwrap_used, reason = "all of it is a test: what fails here fails it")]

#[path = "../../sctp/tests/common/allocations.rs"]
mod allocations;
#[path = "common/sockets.rs"]
mod sockets;

use ortica::codecs::coder::{self, VideoEncoderConfig};
use ortica::codecs::synthetic::MovingPicture;
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::media::{Buffering, Decoded, MediaRecorder, MediaRelay, MediaSource, RecorderOptions, RelayTrack};
use ortica::{Endpoint, Events, LocalTrack, PeerConnection, RemoteTrack};
use sockets::{connection, loopback, negotiate, track, within};
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};

const FRAME_RATE: u32 = 30;
/// Pictures from one key frame to the next: the film is this long, so that rings always hold the same.
const FILM: u32 = 40;
/// A part of the time, in which each ring is full at least once: one is emptied when the 65th picture comes, and filled from the
/// next key frame on, which is 80 pictures after the last.
const PART: Duration = Duration::from_secs(5);
/// Until all rings were full.
const WARM_UP: Duration = Duration::from_secs(10);
/// What live bytes may differ by: a hundredth, and this.
const SLACK: isize = 64 << 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes as long as it is told; cargo xtask ci runs it for 20 s"]
async fn what_nobody_takes_holds_no_more_and_no_more() {
    let seconds = std::env::var("ORTICA_SOAK_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(20);
    let endpoints = [(); 2].map(|()| loopback());
    let source = Source::default();

    let unread = Call::new(&endpoints, &source).await;
    let left = Call::new(&endpoints, &source).await;
    let mut encoded = Relayed::new(Call::new(&endpoints, &source).await, |track| track);
    let mut decoded = Relayed::new(Call::new(&endpoints, &source).await, Decoded);
    let recorded = [Call::new(&endpoints, &source).await, Call::new(&endpoints, &source).await];
    let encoded_file = Stalled::new("encoded", recorded[0].tracks.clone()).await;
    let decoded_file = Stalled::new("decoded", recorded[1].tracks.clone().map(Decoded)).await;
    let playing = tokio::spawn(source.play());

    // Begun to be read, and then no more.
    assert!(within(left.tracks[0].recv_audio()).await.is_some());
    assert!(within(left.tracks[1].recv_video()).await.is_some());
    for relayed in [&mut encoded, &mut decoded] {
        for stalled in &mut relayed.stalled {
            assert!(within(stalled.recv()).await.is_some());
        }
    }

    let began = Instant::now();
    tokio::time::sleep(WARM_UP).await;
    let first = Part::pass(&encoded, &decoded).await;
    let mut last = first;
    while began.elapsed() + PART <= Duration::from_secs(seconds) + PART / 5 {
        last = Part::pass(&encoded, &decoded).await;
        assert!(last.heap <= first.heap + first.heap / 100 + SLACK, "{last:?} after {first:?}, {:?}", began.elapsed());
        assert!(last.beside.iter().all(|taken| *taken > 0), "who reads is held up: {last:?}");
    }
    println!(
        "bar: {seconds} s of pictures and sound that nobody takes (unread, read no more, two relays, two recorders): \
         heap {} KiB at most after 10 s, {:+} KiB in the end",
        first.heap >> 10,
        (last.heap - first.heap) >> 10
    );
    assert!(unread.tracks.iter().all(|track| track.stats().frames_decoded == 0));
    assert!(left.tracks[1].stats().frames_dropped > 0);
    for relayed in [&encoded, &decoded] {
        assert!(relayed.stalled.iter().all(|stalled| stalled.dropped() > 0));
    }
    playing.abort();
    for file in [encoded_file, decoded_file] {
        file.end().await;
    }
}

/// What was seen in a part of the time.
#[derive(Clone, Copy, Debug)]
struct Part {
    /// The most that was held, in bytes.
    heap: isize,
    /// Frames that consumers took beside those which stand still.
    beside: [u64; 2],
}

impl Part {
    async fn pass(encoded: &Relayed, decoded: &Relayed) -> Self {
        let taken = || [encoded, decoded].map(|relayed| relayed.taken.load(Ordering::Relaxed));
        let (before, mut heap, end) = (taken(), 0, Instant::now() + PART);
        while Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(10)).await;
            heap = heap.max(allocations::live_everywhere());
        }
        let after = taken();
        Self { heap, beside: [after[0] - before[0], after[1] - before[1]] }
    }
}

/// Sound and pictures, sent by any number of connections.
struct Source {
    tracks: [LocalTrack; 2],
    film: Vec<EncodedFrame>,
}

impl Default for Source {
    fn default() -> Self {
        let pictures = MovingPicture::new(320, 240, FRAME_RATE).unwrap();
        let config = VideoEncoderConfig::default().with_frame_rate(FRAME_RATE);
        let mut encoder = coder::video_encoder(Codec::Vp8, &config).unwrap();
        let film = (0..FILM).map(|at| encoder.encode(&pictures.picture(at), at == 0).unwrap().unwrap()).collect();
        Self { tracks: [LocalTrack::audio(), LocalTrack::video()], film }
    }
}

impl Source {
    /// Plays the film over and over, with silence.
    fn play(&self) -> impl Future<Output = ()> + Send + use<> {
        let ([sound, pictures], film) = (self.tracks.clone(), self.film.clone());
        async move {
            let mut ticks = interval(Duration::from_secs(1) / FRAME_RATE);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            for (number, frame) in (0i64..).zip(film.iter().cycle()) {
                ticks.tick().await;
                let mut frame = frame.clone();
                frame.pts = number * i64::from(90_000 / FRAME_RATE);
                pictures.write_encoded(&frame).unwrap();
                let silence = EncodedFrame::new(Codec::Opus, vec![0xf8, 0xff, 0xfe], number * 1_600);
                sound.write_encoded(&silence).unwrap();
            }
        }
    }
}

/// One connection that sends the source to another.
struct Call {
    _ends: [(PeerConnection, Events); 2],
    /// Sound and pictures, as they arrive.
    tracks: [RemoteTrack; 2],
}

impl Call {
    async fn new(endpoints: &[Endpoint; 2], source: &Source) -> Self {
        let [a, mut b] = [connection(&endpoints[0]), connection(&endpoints[1])];
        for track in &source.tracks {
            a.0.add_track(track, &["film"]).unwrap();
        }
        negotiate(&a.0, &b.0).await;
        let tracks = [track(&mut b.1).await.track, track(&mut b.1).await.track];
        assert_eq!(tracks.each_ref().map(RemoteTrack::kind), [MediaKind::Audio, MediaKind::Video]);
        within(b.0.connected()).await.unwrap();
        Self { _ends: [a, b], tracks }
    }
}

/// A call whose tracks are relayed to somebody who takes all of it, and to somebody who does not.
struct Relayed {
    _call: Call,
    stalled: Vec<RelayTrack>,
    taken: Arc<AtomicU64>,
}

impl Relayed {
    fn new<S: MediaSource>(call: Call, source: impl Fn(RemoteTrack) -> S) -> Self {
        let taken = Arc::new(AtomicU64::new(0));
        let stalled = call.tracks.iter().map(|track| {
            let relay = MediaRelay::new(source(track.clone()));
            let (mut reader, taken) = (relay.subscribe(Buffering::default()), taken.clone());
            tokio::spawn(async move {
                while reader.recv().await.is_some() {
                    taken.fetch_add(1, Ordering::Relaxed);
                }
            });
            relay.subscribe(Buffering::default())
        });
        let stalled = stalled.collect();
        Self { _call: call, stalled, taken }
    }
}

/// A recorder that stands still: the second part of its recording is a pipe, which cannot be opened before somebody reads it.
struct Stalled {
    parts: [PathBuf; 2],
    recorder: MediaRecorder,
}

impl Stalled {
    async fn new<S: MediaSource>(name: &str, tracks: [S; 2]) -> Self {
        let stem = std::env::temp_dir().join(format!("ortica-unread-{name}-{}", std::process::id()));
        let parts = [1, 2].map(|part| PathBuf::from(format!("{}-{part:04}.webm", stem.display())));
        assert!(Command::new("mkfifo").arg(&parts[1]).status().unwrap().success());
        let options = RecorderOptions::default().with_segment_duration(Duration::from_secs(1));
        let mut recorder = MediaRecorder::new(stem.with_extension("webm"), options).unwrap();
        for track in tracks {
            recorder.add_track(track).unwrap();
        }
        recorder.start().await.unwrap();
        Self { parts, recorder }
    }

    /// It was still at it, and learns that a pipe is no file.
    async fn end(mut self) {
        assert!(self.recorder.is_recording());
        let _reader = File::options().read(true).write(true).open(&self.parts[1]).unwrap();
        within(self.recorder.stop()).await.unwrap_err();
        assert!(fs::metadata(&self.parts[0]).unwrap().len() > 0);
        self.parts.iter().for_each(|part| fs::remove_file(part).unwrap());
    }
}
