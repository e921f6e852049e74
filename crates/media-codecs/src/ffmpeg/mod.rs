//! Files of all kinds, addresses and devices, by the FFmpeg of the system.
//!
//! [`Reader`] gives what a file holds, as it is or decoded; [`Writer`] puts encoded frames and raw sound into a file. What Rust alone can do
//! is in [`container`](crate::container), and needs none of this. [`VideoDecoders`] and
//! [`VideoEncoders`] are for [`coder`](crate::coder).
//!
//! Debian's FFmpeg is under the GPL, and so is a program that is passed on together with it.

mod decoder;
mod devices;
mod encoder;
mod frames;
#[expect(
    unsafe_code,
    reason = "calls into FFmpeg that its crate has no safe words for; each with a reason why it is sound"
)]
mod raw;
mod reader;
mod sound;
mod speaker;
mod writer;

pub use decoder::VideoDecoders;
pub use devices::{Device, DeviceKind, devices};
pub use encoder::VideoEncoders;
pub use reader::{Content, Reader, Source, Stream};
pub use speaker::Speaker;
pub use writer::Writer;

use std::io;
use std::sync::OnceLock;

use ffmpeg_next::codec::Id;

use crate::Codec;
use crate::coder::CoderError;
use crate::container::ContainerError;

/// Registers its devices and keeps it from writing to the standard error, once.
fn init() -> Result<(), ContainerError> {
    static STARTED: OnceLock<Result<(), ffmpeg_next::Error>> = OnceLock::new();
    let started = *STARTED.get_or_init(|| {
        ffmpeg_next::init()?;
        ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Quiet);
        Ok(())
    });
    started.map_err(failed("init"))
}

/// Codecs that are known on both sides.
const CODECS: [(Id, Codec); 9] = [
    (Id::OPUS, Codec::Opus),
    (Id::VP8, Codec::Vp8),
    (Id::VP9, Codec::Vp9),
    (Id::AV1, Codec::Av1),
    (Id::H264, Codec::H264),
    (Id::HEVC, Codec::H265),
    (Id::PCM_MULAW, Codec::Pcmu),
    (Id::PCM_ALAW, Codec::Pcma),
    (Id::ADPCM_G722, Codec::G722),
];

/// What FFmpeg calls a codec.
fn id(codec: Codec) -> Option<Id> {
    CODECS.iter().find(|(_, known)| *known == codec).map(|(id, _)| *id)
}

/// What `call` says of an error.
fn failed(call: &'static str) -> impl Fn(ffmpeg_next::Error) -> ContainerError {
    move |error| match error {
        ffmpeg_next::Error::Other { errno } => io::Error::from_raw_os_error(errno).into(),
        error => ContainerError::Library { call, reason: error.to_string() },
    }
}

/// The same for coders.
fn library(call: &'static str) -> impl Fn(ffmpeg_next::Error) -> CoderError {
    move |error| CoderError::Library { call, reason: error.to_string() }
}

fn coder_error(error: ContainerError) -> CoderError {
    match error {
        ContainerError::Frame(error) => error.into(),
        ContainerError::Library { call, reason } => CoderError::Library { call, reason },
        other => CoderError::Library { call: "FFmpeg", reason: other.to_string() },
    }
}

#[cfg(test)]
mod test_files;
#[cfg(test)]
mod tests;
