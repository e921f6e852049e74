//! What the two processes say to each other.

use ortica::jsep::{SessionDescription, UnknownSdpType};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// Bytes in one message of the bulk channel.
pub const MESSAGE_LEN: usize = 16 * 1024;

/// A description on the child's standard streams.
#[derive(Debug, Deserialize, Serialize)]
pub struct Line {
    #[serde(rename = "type")]
    kind: String,
    sdp: String,
}

impl From<SessionDescription> for Line {
    fn from(description: SessionDescription) -> Self {
        Self { kind: description.kind.to_string(), sdp: description.sdp }
    }
}

impl TryFrom<Line> for SessionDescription {
    type Error = UnknownSdpType;

    fn try_from(line: Line) -> Result<Self, UnknownSdpType> {
        Ok(Self { kind: line.kind.parse()?, sdp: line.sdp })
    }
}

/// What the answerer found in what arrived: its last message on the bulk channel.
#[derive(Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Receipt {
    pub messages: u64,
    pub bytes: u64,
    pub sha256: String,
}

/// Counts and hashes messages on either side.
#[derive(Default)]
pub struct Tally {
    messages: u64,
    bytes: u64,
    hash: Sha256,
}

impl Tally {
    pub fn add(&mut self, message: &[u8]) {
        self.messages += 1;
        self.bytes += message.len() as u64;
        self.hash.update(message);
    }

    pub fn receipt(self) -> Receipt {
        let sha256 = self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Receipt { messages: self.messages, bytes: self.bytes, sha256 }
    }
}

/// Why the demo failed.
#[derive(Debug, Error)]
pub enum DemoError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("the other process said something else than was expected: {0}")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Kind(#[from] UnknownSdpType),
    #[error(transparent)]
    New(#[from] ortica::NewError),
    #[error(transparent)]
    Description(#[from] ortica::jsep::DescriptionError),
    #[error(transparent)]
    Channel(#[from] ortica::engine::ChannelError),
    #[error(transparent)]
    Send(#[from] ortica::SendError),
    #[error("the other process ended without a word")]
    NoAnswer,
    #[error("the call did not connect within {} s", crate::CONNECT_LIMIT.as_secs())]
    NotConnected,
    #[error("the call ended before it was over")]
    Ended,
    #[error("what arrived is not what was sent: {0:?}")]
    Different(Receipt),
}
