//! What a caller sends, into a file. What cannot be recorded is said, and the call goes on.

use ortica::media::{MediaRecorder, MediaSource, RecorderOptions};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Mutex;

/// The recording of one call, or none. Clones are the same.
#[derive(Clone, Default)]
pub struct Recording(Option<Arc<Mutex<MediaRecorder>>>);

impl Recording {
    /// Begins one for the call of this id, which becomes part of the file's name: `FILE-ID.webm`.
    pub async fn begin(file: Option<&Path>, id: &str) -> Self {
        let Some(file) = file else { return Self::default() };
        let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
        let name = format!("{}-{id}.{}", part(file.file_stem()), part(file.extension()));
        let begun = async {
            let mut recorder = MediaRecorder::new(file.with_file_name(name), RecorderOptions::default())?;
            recorder.start().await.map(|()| recorder)
        };
        match begun.await {
            Ok(recorder) => Self(Some(Arc::new(Mutex::new(recorder)))),
            Err(error) => {
                tracing::error!(%error, id, "a call is not recorded");
                Self::default()
            }
        }
    }

    /// Whether there is one.
    pub fn is_wanted(&self) -> bool {
        self.0.is_some()
    }

    /// Records a track.
    pub async fn add(&self, track: impl MediaSource) {
        let Some(recorder) = &self.0 else { return };
        if let Err(error) = recorder.lock().await.add_track(track) {
            tracing::error!(%error, "a track is not recorded");
        }
    }

    /// Ends the file.
    pub async fn end(&self) {
        let Some(recorder) = &self.0 else { return };
        match recorder.lock().await.stop().await {
            Ok(recorded) => tracing::info!(?recorded, "a call was recorded"),
            Err(error) => tracing::error!(%error, "a recording ended early"),
        }
    }
}
