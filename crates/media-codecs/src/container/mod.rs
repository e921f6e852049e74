//! Container files, written and read, in Rust alone.
//!
//! | file | holds | writer | reader |
//! |---|---|---|---|
//! | `.ivf` | VP8, VP9 | [`IvfWriter`] | [`IvfReader`] |
//! | `.h264`, `.264` | H.264, without times | [`AnnexBWriter`] | [`AnnexBReader`] |
//! | `.ogg`, `.opus` | Opus | [`OggOpusWriter`] | [`OggOpusReader`] |
//! | `.wav` | uncompressed sound | [`WavWriter`] | [`WavReader`] |
//! | `.y4m` | uncompressed pictures | [`Y4mWriter`] | [`Y4mReader`] |
//! | `.webm`, `.mkv` | Opus, VP8, VP9 and, in `.mkv`, H.264 and more, side by side | [`WebmWriter`] | [`WebmReader`] |
//! | `.png` | one picture | [`write_png`] | |
//!
//! Files of other kinds are read and written by `ffmpeg`, with the feature of that name.
//!
//! Writers take anything that is [`Write`](std::io::Write), some also [`Seek`](std::io::Seek) for lengths known at the end only;
//! call `finish` on each, or the end is missing. Readers take anything that is [`std::io::Read`], trust no length they
//! read, and are iterators in all but name: `next_frame` gives frame after frame, then `None`. Wrap files in a
//! [`BufReader`](std::io::BufReader) or [`BufWriter`](std::io::BufWriter).

mod annexb;
pub(crate) mod avc;
#[cfg(feature = "ffmpeg")]
pub(crate) mod hevc;
mod ivf;
mod ogg;
mod ogg_opus;
mod png;
mod wav;
mod webm;
mod y4m;

pub use annexb::{AnnexBReader, AnnexBWriter};
pub use ivf::{IvfReader, IvfWriter};
pub use ogg_opus::{OggOpusReader, OggOpusWriter};
pub use png::write_png;
pub use wav::{WavReader, WavWriter};
pub use webm::{WebmProfile, WebmReader, WebmTrack, WebmTrackNumber, WebmWriter};
pub use y4m::{Y4mReader, Y4mWriter};

use std::io::{self, Read};

use thiserror::Error;

use crate::{Codec, FrameError};

/// The largest encoded frame that a reader takes, in bytes.
pub const MAX_FRAME: usize = 16 << 20;

/// Why a file cannot be written or read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ContainerError {
    /// The file itself failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The bytes are not what the format says. Names the field.
    #[error("invalid {0}")]
    Malformed(&'static str),
    /// A file or frame of a codec that does not belong there.
    #[error("{0} does not belong into this file")]
    WrongCodec(Codec),
    /// A frame whose shape differs from what the file began with.
    #[error("a frame of another {0} than the file's")]
    Changed(&'static str),
    /// The file has no room to say what one more track is.
    #[error("the file has no room for one more track")]
    TooManyTracks,
    /// An option that the format does not know.
    #[error("the format knows no option {0:?}")]
    UnknownOption(String),
    /// A library failed.
    #[error("{call} failed: {reason}")]
    Library {
        /// The function that did.
        call: &'static str,
        /// What the library says about it.
        reason: String,
    },
    /// The content makes no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

/// Fills `buffer`; `false` if the file ends right before it.
fn read_or_end(reader: &mut impl Read, buffer: &mut [u8]) -> Result<bool, ContainerError> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) if filled == 0 => return Ok(false),
            Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

/// The next `len` bytes. Memory is taken as they come, not as a length field promises.
fn read_vec(reader: &mut impl Read, len: usize) -> Result<Vec<u8>, ContainerError> {
    let mut bytes = Vec::new();
    let read = reader.take(len as u64).read_to_end(&mut bytes)?;
    if read < len {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    Ok(bytes)
}
