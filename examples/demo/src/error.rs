//! Why the demo failed.

use crate::statement::Flaw;
use ortica::codecs::coder::CoderError;
use ortica::codecs::container::ContainerError;
use std::path::PathBuf;
use std::process::ExitStatus;
use thiserror::Error;

#[derive(Debug, Error)]
pub enum DemoError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    #[error("the other process said something else than was expected: {0}")]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Kind(#[from] ortica::jsep::UnknownSdpType),
    #[error(transparent)]
    New(#[from] ortica::NewError),
    #[error(transparent)]
    Description(#[from] ortica::jsep::DescriptionError),
    #[error(transparent)]
    Transceiver(#[from] ortica::jsep::TransceiverError),
    #[error(transparent)]
    Channel(#[from] ortica::engine::ChannelError),
    #[error(transparent)]
    Send(#[from] ortica::SendError),
    #[error(transparent)]
    Write(#[from] ortica::WriteError),
    #[error(transparent)]
    Frame(#[from] ortica::codecs::FrameError),
    #[error(transparent)]
    Coder(#[from] CoderError),
    #[error(transparent)]
    Container(#[from] ContainerError),
    #[error("a task of this process did not end well: {0}")]
    Task(#[from] tokio::task::JoinError),
    #[error("the other process ended without a word")]
    NoAnswer,
    #[error("the other process ended in the middle of the call, with {0}")]
    PeerDied(ExitStatus),
    #[error("the call did not connect: {0}")]
    NotConnected(&'static str),
    #[error("the call came to an end before it was over")]
    Ended,
    #[error("the call should have been over long ago")]
    Stuck,
    #[error("{way}: {flaw}")]
    Flaw { way: &'static str, flaw: Flaw },
}
