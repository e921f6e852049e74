//! Where frames go that nobody wants.

use super::MediaSource;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::task::JoinSet;

/// Takes frames and discards them, so that a source goes on. Nothing is decoded for it.
#[derive(Default)]
pub struct MediaBlackhole {
    waiting: Vec<Pin<Box<dyn Future<Output = ()> + Send>>>,
    tasks: JoinSet<()>,
    frames: Arc<AtomicU64>,
}

impl MediaBlackhole {
    /// One that takes nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a track, whose frames are discarded from [`start`](Self::start) on.
    pub fn add_track(&mut self, mut source: impl MediaSource) {
        let frames = self.frames.clone();
        self.waiting.push(Box::pin(async move {
            while source.recv().await.is_some() {
                frames.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }

    /// Begins with all tracks that were added.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(&mut self) {
        for task in self.waiting.drain(..) {
            self.tasks.spawn(task);
        }
    }

    /// Waits for all tracks to end.
    pub async fn ended(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }

    /// Lets go of all tracks.
    pub async fn stop(&mut self) {
        self.waiting.clear();
        self.tasks.shutdown().await;
    }

    /// Frames discarded so far.
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for MediaBlackhole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaBlackhole").field("frames", &self.frames()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
