//! WebM, and Matroska where WebM has no word for a codec: tracks of any number in one file.
//!
//! ```text
//! EBML header
//! Segment      of unknown length until the end is written
//!   head       SeekHead, Info, Tracks, and room for more tracks: written over whenever something is added
//!   Cluster ..  a second of frames at most, each written at once
//!   Cues       where pictures can be sought, at the end
//! ```
//!
//! Source: [RFC 9559](https://www.rfc-editor.org/rfc/rfc9559)

mod ebml;
mod lacing;
mod reader;
mod track;
mod writer;

pub use reader::WebmReader;
pub use track::{WebmProfile, WebmTrack};
pub use writer::{WebmTrackNumber, WebmWriter};

/// Ticks of a file that is written: milliseconds, as everybody has them.
const TICK_NANOS: u64 = 1_000_000;
