//! A track that arrives, and a thread that looks at each of its frames: decoding blocks, and so does writing files.

use crate::error::DemoError;
use ortica::RemoteTrack;
use ortica::core::Instant;
use ortica::engine::ReceivedFrame;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Frames between the track and the thread. While that is behind, the track itself drops what is too much.
const QUEUE: usize = 16;

/// What is done with frames as they arrive.
pub trait Look: Send + 'static {
    /// What is known in the end.
    type Found: Send + 'static;

    fn frame(&mut self, frame: ReceivedFrame) -> Result<(), DemoError>;
    fn finish(self) -> Result<Self::Found, DemoError>;
}

pub struct Reception<F> {
    reading: JoinHandle<()>,
    looking: JoinHandle<Result<F, DemoError>>,
}

impl<F: Send + 'static> Reception<F> {
    pub fn start(track: RemoteTrack, mut look: impl Look<Found = F>) -> Self {
        let (to, mut frames) = mpsc::channel(QUEUE);
        let reading = tokio::spawn(async move {
            while let Some(frame) = track.recv_encoded().await {
                if to.send(frame).await.is_err() {
                    break;
                }
            }
        });
        let looking = tokio::task::spawn_blocking(move || {
            while let Some(frame) = frames.blocking_recv() {
                look.frame(frame)?;
            }
            look.finish()
        });
        Self { reading, looking }
    }

    /// Looks at what has arrived, and no further.
    pub async fn finish(self) -> Result<F, DemoError> {
        self.reading.abort();
        self.looking.await?
    }
}

/// Bytes and the time in which they arrived.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Flow {
    pub frames: u64,
    pub bytes: u64,
    /// Between the first frame and the last one.
    pub span: Duration,
    #[serde(skip)]
    first: Option<Instant>,
}

impl Flow {
    pub fn add(&mut self, bytes: usize, arrived: Instant) {
        self.frames += 1;
        self.bytes += bytes as u64;
        self.span = arrived.saturating_duration_since(*self.first.get_or_insert(arrived));
    }

    /// Frames per second.
    pub fn frame_rate(&self) -> f64 {
        self.frames.saturating_sub(1) as f64 / self.span.as_secs_f64().max(1e-3)
    }

    /// Bits per second.
    pub fn bitrate(&self) -> f64 {
        self.bytes as f64 * 8.0 / self.span.as_secs_f64().max(1e-3)
    }
}

/// The files that are written.
pub struct Recording {
    pub pictures: PathBuf,
    pub sound: PathBuf,
    pub last_picture: PathBuf,
}

impl Recording {
    pub fn new(folder: &Path) -> Self {
        let [pictures, sound, last_picture] = ["demo.ivf", "demo.ogg", "demo.png"].map(|name| folder.join(name));
        Self { pictures, sound, last_picture }
    }
}

pub fn create(path: &Path) -> Result<BufWriter<File>, DemoError> {
    File::create(path).map(BufWriter::new).map_err(|error| DemoError::File(path.to_owned(), error))
}
