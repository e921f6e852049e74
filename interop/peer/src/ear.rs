//! Keys of a telephone that come.

use ortica::RtpReceiver;
use ortica::engine::HeardTone;
use serde::Serialize;
use std::sync::{Arc, Mutex, PoisonError};

/// Hears the keys at receivers of sound, as long as something is received.
#[derive(Debug, Default)]
pub struct Ear {
    heard: Arc<Mutex<Vec<Key>>>,
}

/// A key that was let go.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    /// Absent if it is none of a telephone.
    pub key: Option<char>,
    pub event: u8,
    pub milliseconds: f64,
}

impl Ear {
    pub fn listen(&self, receiver: RtpReceiver) {
        tokio::spawn(hear(receiver, self.heard.clone()));
    }

    pub fn heard(&self) -> Vec<Key> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn hear(receiver: RtpReceiver, heard: Arc<Mutex<Vec<Key>>>) {
    while let Some(tone) = receiver.recv_tone().await {
        heard.lock().unwrap_or_else(PoisonError::into_inner).push(Key::from(tone));
    }
}

impl From<HeardTone> for Key {
    fn from(tone: HeardTone) -> Self {
        Self { key: tone.tone, event: tone.event, milliseconds: tone.duration.as_secs_f64() * 1_000.0 }
    }
}
