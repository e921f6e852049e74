//! Why a file cannot be played.

use ortica_codecs::coder::CoderError;
use ortica_codecs::container::ContainerError;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why a file cannot be played, or not to its end.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PlayerError {
    /// The file cannot be opened.
    #[error("{}: cannot be opened", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The first bytes are of no kind of file that is read here.
    #[error("{}: no kind of file that can be read", path.display())]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// An option for FFmpeg ([`PlayerOptions::with_option`](super::PlayerOptions::with_option)), or a kind of file as it calls it, for a
    /// file that is to be read [as a kind](super::PlayerOptions::with_format) that needs no FFmpeg.
    #[cfg(feature = "ffmpeg")]
    #[error("{}: takes no {name:?}, since FFmpeg does not read it", path.display())]
    Option {
        /// The file.
        path: PathBuf,
        /// Of the option, or of the kind of file.
        name: String,
    },
    /// The file cannot be read, or is not what it says.
    #[error("{}: cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: ContainerError,
    },
    /// The file holds nothing that is known here.
    #[error("{}: nothing that can be played, but {codecs:?}", path.display())]
    NoStream {
        /// The file.
        path: PathBuf,
        /// What it holds, as it says.
        codecs: Vec<String>,
    },
    /// A stream cannot be decoded.
    #[error("{}: stream {stream} cannot be decoded", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// Its place in the file, from zero.
        stream: usize,
        /// Why.
        #[source]
        source: CoderError,
    },
    /// There is no thread to read the file.
    #[error("no thread to read the file")]
    Thread(#[source] io::Error),
    /// Opening, or a frame, took too long.
    #[error("{}: took too long", path.display())]
    TimedOut {
        /// The file.
        path: PathBuf,
    },
}
