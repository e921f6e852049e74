//! What came of a call, recorded in the time in which it came.

use crate::call::Call;
use ortica::codecs::MediaKind;
use ortica::media::{Frame, MediaRecorder, MediaSource, RecorderOptions, Recording};
use std::path::Path;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// What came of a track, each frame when it came.
struct Arriving {
    kind: MediaKind,
    start: Instant,
    frames: std::vec::IntoIter<(Duration, Frame)>,
}

impl MediaSource for Arriving {
    fn kind(&self) -> MediaKind {
        self.kind
    }

    async fn recv(&mut self) -> Option<Frame> {
        let (arrived, frame) = self.frames.next()?;
        sleep_until(self.start + arrived).await;
        Some(frame)
    }
}

/// Records what came of a call, in the time of the call.
pub fn record(call: &Call, path: &Path) -> Recording {
    runtime().block_on(async {
        let mut recorder = MediaRecorder::new(path, RecorderOptions::default()).expect("a kind of file");
        for (kind, frames) in call.tracks() {
            let source = Arriving { kind, start: Instant::now(), frames: frames.into_iter() };
            recorder.add_track(source).expect("it takes both");
        }
        recorder.start().await.expect("the file can be made");
        recorder.finished().await.expect("it can be written")
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime")
}
