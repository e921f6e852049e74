//! Calls whose sound and pictures tell when they were captured, recorded and read back.

mod call;
mod film;

pub use call::{Call, Way};
pub use film::{Film, assert_probed};

use ortica::codecs::MediaKind;
use ortica::media::{Frame, MediaRecorder, MediaSource, RecorderOptions, Recording};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// A folder that is gone when the test is over.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(test: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ortica-recordings-{test}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("there is room for files");
        Self(path)
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

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
