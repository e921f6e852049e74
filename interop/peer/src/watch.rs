//! What comes, looked at.

use crate::number::number_of;
use ortica::RemoteTrack;
use serde::Serialize;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::JoinHandle;

/// Pictures of a track, or of one of its layers, are looked at until this is dropped.
#[derive(Debug)]
pub struct Watch {
    seen: Arc<Mutex<Seen>>,
    watcher: JoinHandle<()>,
}

/// What was seen so far.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// The section.
    pub mid: Option<String>,
    /// The layer; absent of the track as it is given out.
    pub rid: Option<String>,
    /// Pictures that were decoded.
    pub pictures: u64,
    /// Those among them that carry no number.
    pub unreadable: u64,
    /// How often the number was less than the one before.
    pub backwards: u64,
    /// Of the last one, in pixels.
    pub width: u32,
    pub height: u32,
    /// What the last one carried.
    pub number: Option<u16>,
}

impl Watch {
    /// Looks at `track`, in the section `mid`, by the name of `rid` if it is a layer.
    pub fn start(track: RemoteTrack, mid: Option<String>, rid: Option<String>) -> Self {
        let seen = Arc::new(Mutex::new(Seen { mid, rid, ..Seen::default() }));
        Self { watcher: tokio::spawn(look(track, seen.clone())), seen }
    }

    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

async fn look(track: RemoteTrack, seen: Arc<Mutex<Seen>>) {
    while let Some(picture) = track.recv_video().await {
        let number = number_of(&picture);
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.pictures += 1;
        seen.unreadable += u64::from(number.is_none());
        seen.backwards += u64::from(number.zip(seen.number).is_some_and(|(now, before)| now < before));
        (seen.width, seen.height) = (picture.width(), picture.height());
        seen.number = number.or(seen.number);
    }
}
