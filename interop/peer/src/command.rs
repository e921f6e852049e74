//! Lines in, lines out.

use ortica::codecs::MediaKind;
use ortica::signaling::{Signal, SignalError};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a line asks for.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Command {
    /// Sends pictures over a transceiver of its own.
    AddTrack,
    /// Ceases to send the pictures that were added last.
    RemoveTrack,
    /// Adds a transceiver that only receives.
    AddTransceiver {
        /// `audio` or `video`.
        kind: String,
    },
    /// Stops the transceiver of a section.
    Stop {
        /// Its `mid`.
        mid: String,
    },
    /// Asks for fresh ICE credentials.
    RestartIce,
    /// Makes a data channel, whose messages are sent back.
    Channel {
        /// Its label.
        label: String,
    },
    /// Wants a [`Report`].
    Report,
}

/// A line is neither a signal nor a command.
#[derive(Debug, Error)]
pub enum LineError {
    /// As a command it is malformed.
    #[error("no command: {0}")]
    Command(#[from] serde_json::Error),
    /// As a signal it is malformed.
    #[error(transparent)]
    Signal(#[from] SignalError),
}

/// A line that came.
#[derive(Debug)]
pub enum Line {
    Signal(Signal),
    Command(Command),
}

impl Line {
    pub fn read(line: &str) -> Result<Self, LineError> {
        let value: serde_json::Value = serde_json::from_str(line)?;
        Ok(match value.get("do") {
            Some(_) => Self::Command(serde_json::from_value(value)?),
            None => Self::Signal(Signal::from_json(line)?),
        })
    }
}

/// How the call is seen from here.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase", tag = "type", rename = "report")]
pub struct Report {
    pub signaling_state: String,
    pub connection_state: String,
    pub transceivers: Vec<Section>,
    /// Offers of the other side that were ignored, since one of this side was on its way.
    pub ignored: u32,
    /// Offers of this side that were taken back, since one of the other side came.
    pub yielded: u32,
    /// Offers that this side made.
    pub offers: u32,
}

/// A transceiver.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Section {
    pub mid: Option<String>,
    pub kind: String,
    pub direction: String,
    pub current_direction: Option<String>,
    pub frames_received: u64,
}

pub fn kind(word: &str) -> Option<MediaKind> {
    [MediaKind::Audio, MediaKind::Video].into_iter().find(|kind| kind.to_string() == word)
}
