//! Tracks: raw frames on the application's side, encoded ones on the engine's, and codecs on worker threads between.
//!
//! ```text
//! LocalTrack::write -> ring -> worker: encode once per format -> each sender of that format
//! RemoteTrack::recv <- ring <- worker: decode      <- the receiver's whole frames
//! ```
//!
//! Media does not wait: each ring is bounded and drops its oldest frame, which is counted.
//!
//! What gives frames is a [`MediaSource`]: a track of a peer, as it comes or [`Decoded`]; a file ([`MediaPlayer`]); one of the many
//! consumers of a [`MediaRelay`]; [`silence`], a [`tone`], a [`test_picture`]; or the application's own. What takes them pulls:
//!
//! | to | with |
//! |---|---|
//! | send it | [`LocalTrack::pulled`](crate::LocalTrack::pulled) |
//! | record it | [`MediaRecorder::add_track`] |
//! | give it to many | [`MediaRelay::new`] |
//! | discard it | [`MediaBlackhole::add_track`] |
//!
//! Who would rather push writes to a [`LocalTrack`].

mod blackhole;
mod decode;
mod departure;
mod encode;
mod frame;
mod local;
mod media_source;
mod output;
mod pace;
mod paced;
mod player;
mod pulled;
mod recorder;
mod relay;
mod remote;
mod source;
#[cfg(test)]
mod test_media;
mod transform;
mod worker;

pub use blackhole::MediaBlackhole;
pub use frame::Frame;
pub use local::{LocalTrack, LocalTrackStats, TrackConfig, WriteError};
pub use media_source::{Decoded, KeyFrameRequester, MediaSource};
pub use paced::{Paced, black, silence, test_picture, tone};
pub use player::{MediaPlayer, PlayerError, PlayerFormat, PlayerOptions, PlayerTrack};
pub use recorder::{MediaRecorder, RecorderError, RecorderOptions, Recording, RecordingFormat};
pub use relay::{Buffering, MediaRelay, RelayTrack};
pub(crate) use remote::RemoteSource;
pub use remote::{RemoteTrack, RemoteTrackStats};
pub(crate) use transform::{RunningTransform, TransformPlace};
