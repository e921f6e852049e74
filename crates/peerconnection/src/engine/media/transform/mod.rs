//! Encoded transforms: frames on their way to the packets, or from them, make a detour through the application.
//!
//! ```text
//! encoder    -> Detour -> RtpFrame -> the application -> packetizer
//! jitter buffer -> Detour -> RtpFrame -> the application -> decoder
//! ```
//!
//! | module | what |
//! |---|---|
//! | `frame` | a frame, and what its stream says of it |
//! | `frame_ids` | which frames need which |
//! | `detour` | frames that wait for the application, and the order in which they come back |
//!
//! Without a transform nothing of this is there, and no frame is touched.
//!
//! Source: [webrtc-encoded-transform](https://www.w3.org/TR/webrtc-encoded-transform/)

mod detour;
mod frame;
mod frame_ids;

pub(in crate::engine) use detour::Detour;
pub(super) use detour::Passage;
pub(super) use frame::Timing;
pub use frame::{
    AudioFrameMetadata, FrameType, MAX_FRAME, MediaMetadata, MetadataError, RtpFrame, RtpFrameMetadata,
    VideoFrameMetadata,
};

use super::SendFrameError;
use crate::engine::{ReceiverId, SenderId};
use ortica_codecs::MediaKind;
use thiserror::Error;

/// What a transform stands in the way of.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum TransformId {
    /// A sender: between encoder and packetizer.
    Sender(SenderId),
    /// A receiver: between jitter buffer and decoder.
    Receiver(ReceiverId),
}

/// Why no key frame was asked for.
///
/// Source: [webrtc-encoded-transform](https://www.w3.org/TR/webrtc-encoded-transform/#KeyFrame-algorithms)
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum KeyFrameError {
    /// An `InvalidStateError`: it does not carry pictures, or is stopped.
    #[error("no pictures are carried")]
    InvalidState,
    /// A `NotFoundError`: nothing is sent under that name, or nothing at all.
    #[error("there is no such encoding")]
    NotFound,
}

/// Why a frame did not go on. It is dropped then.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum WriteFrameError {
    /// There is no such sender or receiver.
    #[error("there is no such sender or receiver")]
    Unknown,
    /// No transform is set, so frames take their own way.
    #[error("no transform is set")]
    NoTransform,
    /// It was read somewhere else. A copy with metadata of its own ([`RtpFrame::with_metadata`]) is taken.
    #[error("the frame belongs to another stream")]
    Foreign,
    /// It went on before, or one that was read after it did.
    #[error("the frame, or one after it, was written before")]
    OutOfOrder,
    /// It has more bytes than [`MAX_FRAME`].
    #[error("a frame of {0} bytes")]
    TooLarge(usize),
    /// Sound for a receiver of pictures, or the other way round.
    #[error("the receiver receives {0}")]
    Kind(MediaKind),
    /// Its `rid` names none of the layers.
    #[error("there is no such layer")]
    UnknownLayer,
    /// The sender does not send it.
    #[error(transparent)]
    Send(#[from] SendFrameError),
}
