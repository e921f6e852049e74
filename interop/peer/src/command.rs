//! Lines in, lines out.

use crate::ear::Key;
use crate::watch::Seen;
use ortica::codecs::MediaKind;
use ortica::signaling::{Signal, SignalError};
use ortica::stats::StatsReport;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a line asks for.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Command {
    /// Sends pictures over a transceiver of its own.
    AddTrack,
    /// Sends a tone over a transceiver of its own.
    AddTone {
        /// The media types of the codecs that may be agreed on; all that there are if none is named.
        #[serde(default)]
        codecs: Vec<String>,
    },
    /// Sends pictures in layers over a transceiver of its own.
    AddLayers {
        /// Their names, the smallest first.
        rids: Vec<String>,
    },
    /// Ceases to send what was added last.
    RemoveTrack,
    /// Ceases to send anything, without negotiation.
    Silence,
    /// Plays keys of a telephone.
    InsertDtmf {
        /// Which.
        keys: String,
        /// How long each is held, in milliseconds.
        duration: u64,
        /// The pause behind each, in milliseconds.
        gap: u64,
    },
    /// Looks at all pictures that come, and at each of their layers by itself.
    Watch,
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
    /// Wants [`Figures`].
    Stats,
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
    /// What was watched.
    pub seen: Vec<Seen>,
    /// Keys of a telephone that the other side played.
    pub keys: Vec<Key>,
}

/// What is counted, under the names of the W3C.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename = "stats")]
pub struct Figures {
    pub stats: StatsReport,
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
