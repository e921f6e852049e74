//! Tracks: raw frames on the application's side, encoded ones on the engine's, and codecs on worker threads between.
//!
//! ```text
//! LocalTrack::write -> ring -> worker: encode once per format -> each sender of that format
//! RemoteTrack::recv <- ring <- worker: decode      <- the receiver's whole frames
//! ```
//!
//! Media does not wait: each ring is bounded and drops its oldest frame, which is counted.

mod decode;
mod encode;
mod local;
mod output;
mod pace;
mod remote;
mod source;
mod transform;
mod worker;

pub use local::{LocalTrack, LocalTrackStats, TrackConfig, WriteError};
pub(crate) use remote::RemoteSource;
pub use remote::{RemoteTrack, RemoteTrackStats};
pub(crate) use transform::{RunningTransform, TransformPlace};
