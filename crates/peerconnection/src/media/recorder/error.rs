//! Why a recording cannot be made.

use ortica_codecs::MediaKind;
use ortica_codecs::coder::CoderError;
use ortica_codecs::container::ContainerError;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why something cannot be recorded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecorderError {
    /// Neither the name nor the options say what kind of file it is to be.
    #[error("{}: no kind of file that can be written", path.display())]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// An option of FFmpeg's ([`RecorderOptions::with_option`](super::RecorderOptions::with_option)) for a file that it does not write.
    #[cfg(feature = "ffmpeg")]
    #[error("{}: takes no option {name:?}, since FFmpeg does not write it", path.display())]
    Option {
        /// The file.
        path: PathBuf,
        /// Of the option.
        name: String,
    },
    /// The file takes no tracks of that kind.
    #[error("{}: takes no {kind}", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// Of the track.
        kind: MediaKind,
    },
    /// The file takes one track.
    #[error("{}: takes one track alone", path.display())]
    TooManyTracks {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be made.
    #[error("{}: cannot be created", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is no thread to write the file.
    #[error("no thread to write the file")]
    Thread(#[source] io::Error),
    /// The file cannot be written any more. What was written stays.
    #[error("{}: cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: ContainerError,
    },
    /// Nothing was recorded, since frames could be neither taken as they are nor coded.
    #[error("{}: track {track} cannot be recorded", path.display())]
    Coder {
        /// The file.
        path: PathBuf,
        /// The place of the track among those that were added, from zero.
        track: usize,
        /// Why.
        #[source]
        source: CoderError,
    },
    /// The recording has ended already.
    #[error("the recording has ended")]
    Stopped,
}
