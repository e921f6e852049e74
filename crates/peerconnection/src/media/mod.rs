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
//! | play it on a speaker | `MediaSpeaker::play`, with the feature `ffmpeg` |
//!
//! Who would rather push writes to a [`LocalTrack`].
//!
//! What crosses is one of three, each both ways: raw frames, encoded frames, which pass without being coded anew, and packets of RTP
//! ([`RtpReader`], [`LocalTrack::write_rtp`]), for who passes media on without looking inside. What encodes and decodes may be the
//! application's own: [`register_video`](ortica_codecs::coder::register_video).

mod blackhole;
mod decode;
mod departure;
#[cfg(feature = "ffmpeg")]
mod devices;
mod encode;
mod frame;
mod local;
mod media_source;
mod output;
mod pace;
mod paced;
mod packets;
mod player;
mod pulled;
mod recorder;
mod relay;
mod remote;
mod source;
#[cfg(feature = "ffmpeg")]
mod speaker;
#[cfg(test)]
mod test_media;
mod transform;
mod worker;

pub use crate::engine::RtpPacket;
pub use blackhole::MediaBlackhole;
#[cfg(feature = "ffmpeg")]
pub use devices::{DeviceError, devices};
pub use frame::Frame;
pub use local::{LocalTrack, LocalTrackStats, TrackConfig, WriteError};
pub use media_source::{Decoded, KeyFrameRequester, MediaSource};
#[cfg(feature = "ffmpeg")]
pub use ortica_codecs::ffmpeg::{Device, DeviceKind};
pub use paced::{Paced, black, silence, test_picture, tone};
pub use packets::RtpReader;
pub use player::{MediaPlayer, PlayerError, PlayerFormat, PlayerOptions, PlayerTrack};
pub use recorder::{MediaRecorder, RecorderError, RecorderOptions, Recording, RecordingFormat};
pub use relay::{Buffering, MediaRelay, RelayTrack};
pub(crate) use remote::RemoteSource;
pub use remote::{RemoteTrack, RemoteTrackStats};
#[cfg(feature = "ffmpeg")]
pub use speaker::MediaSpeaker;
pub(crate) use transform::{RunningTransform, TransformPlace};
