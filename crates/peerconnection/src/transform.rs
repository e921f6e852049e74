//! Encoded transforms: encoded frames in the application's hands, on their way out or in.
//!
//! Between an encoder and the packets, and between the packets and a decoder, an application can look at frames, change them,
//! drop or delay them. Either it gives a function ([`RtpSender::set_transform`], [`RtpReceiver::set_transform`]), which runs on a
//! codec's thread, or it takes both ends of the way ([`RtpSender::transform_streams`], [`RtpReceiver::transform_streams`]) into a
//! task of its own. Said before frames flow, it gets all of them.
//!
//! Media does not wait. At most 60 frames wait for a transform: a slow one loses sound, and of video everything up to the next key
//! frame, which is asked for. Frames go on once, in their order, and where they were read; to send one elsewhere too takes a copy
//! with metadata of its own. Without a transform nothing is copied and nothing costs.
//!
//! # Encryption from end to end
//!
//! The bytes that packets have to understand stay as they are: one of sound, three of a VP8 picture, ten of a key frame.
//!
//! ```
//! use ortica::RtpSender;
//! use ortica::codecs::MediaKind;
//! use ortica::jsep::TransceiverError;
//! use ortica::transform::{FrameType, RtpFrame};
//!
//! /// How many bytes stay in the clear.
//! fn clear_len(frame: &RtpFrame) -> usize {
//!     let len = match (frame.kind(), frame.frame_type()) {
//!         (MediaKind::Audio, _) => 1,
//!         (_, FrameType::Key) => 10,
//!         _ => 3,
//!     };
//!     len.min(frame.data().len())
//! }
//!
//! fn encrypt(
//!     sender: &RtpSender,
//!     seal: impl Fn(&[u8], &[u8]) -> Vec<u8> + Send + 'static,
//! ) -> Result<(), TransceiverError> {
//!     sender.set_transform(move |mut frame| {
//!         let (clear, secret) = frame.data().split_at(clear_len(&frame));
//!         let sealed = seal(clear, secret);
//!         let data = [clear, &sealed].concat();
//!         frame.set_data(data);
//!         Some(frame)
//!     })
//! }
//! ```
//!
//! # Key frames alone
//!
//! ```
//! # use ortica::{RtpReceiver, jsep::TransceiverError, transform::FrameType};
//! # fn key_frames(receiver: &RtpReceiver) -> Result<(), TransceiverError> {
//! receiver.set_transform(|frame| (frame.frame_type() == FrameType::Key).then_some(frame))
//! # }
//! ```
//!
//! # From one connection into others, without decoding
//!
//! ```
//! use ortica::jsep::TransceiverError;
//! use ortica::{RtpReceiver, RtpSender};
//!
//! async fn forward(from: RtpReceiver, to: Vec<RtpSender>) -> Result<(), TransceiverError> {
//!     let (mut reader, _) = from.transform_streams()?;
//!     let writers: Vec<_> = to.iter().map(|sender| sender.transform_streams()).collect::<Result<_, _>>()?;
//!     for sender in to {
//!         let from = from.clone();
//!         tokio::spawn(async move {
//!             // Whoever joins, or lost something, needs a key frame.
//!             while sender.key_frame_request().await.is_some() {
//!                 let _ = from.send_key_frame_request();
//!             }
//!         });
//!     }
//!     while let Some(frame) = reader.read().await {
//!         let mut metadata = frame.metadata().clone();
//!         // Each sender sends one stream, whatever the layer was called.
//!         metadata.rid = None;
//!         for (_, writer) in &writers {
//!             if let Ok(copy) = frame.with_metadata(metadata.clone()) {
//!                 // One that cannot be sent is dropped.
//!                 let _ = writer.write(copy);
//!             }
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! Source: [webrtc-encoded-transform](https://www.w3.org/TR/webrtc-encoded-transform/)

use crate::driver::Interest;
use crate::jsep::{TransceiverError, TransceiverId};
use crate::media::{RunningTransform, TransformPlace};
use crate::peer::TransformSide;
use crate::peer_connection::Handle;
use crate::rtp_transceiver::{RtpReceiver, RtpSender};
use std::future::poll_fn;
use std::task::{Context, Poll};

pub use crate::engine::{
    AudioFrameMetadata, FrameType, KeyFrameError, MAX_FRAME, MediaMetadata, MetadataError, RtpFrame, RtpFrameMetadata,
    VideoFrameMetadata, WriteFrameError,
};

/// Frames that wait to be transformed.
#[derive(Debug)]
pub struct FrameReader {
    place: TransformPlace,
}

/// Where transformed frames go on. Clones write to the same.
#[derive(Clone, Debug)]
pub struct FrameWriter {
    place: TransformPlace,
}

/// The other side, or [`RtpSender::generate_key_frame`], wants a key frame.
///
/// Source: [webrtc-encoded-transform](https://www.w3.org/TR/webrtc-encoded-transform/#keyframerequestevent)
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct KeyFrameRequest {
    /// Of which encoding, where they have names.
    pub rid: Option<String>,
}

impl FrameReader {
    /// The next frame; `None` once there will be none, as at the end of a track. Cancelling loses nothing.
    pub async fn read(&mut self) -> Option<RtpFrame> {
        let mut place = self.place.cell.place(self.place.interest());
        poll_fn(|cx| place.poll(cx, |peer, _| self.place.read(peer))).await
    }

    /// As [`read`](Self::read), for futures written by hand.
    pub fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<RtpFrame>> {
        let Self { place } = self;
        let read = place.cell.poll_command(place.interest(), cx.waker(), |peer, _| place.read(peer));
        read.map_or(Poll::Pending, Poll::Ready)
    }
}

impl FrameWriter {
    /// Has a frame go on: one that was read here, and is not before one that went on already, or a copy of one that was read
    /// anywhere ([`RtpFrame::with_metadata`]). Returns at once.
    ///
    /// # Errors
    /// See [`WriteFrameError`]: the frame is dropped, for media does not wait.
    pub fn write(&self, frame: RtpFrame) -> Result<(), WriteFrameError> {
        self.place.write(frame)
    }
}

/// # Transforms
impl RtpSender {
    /// Has every encoded frame go through a function before it is cut into packets: what that returns is sent, in place of the
    /// frame. It runs on a codec's thread and takes the place of a transform that was set before. It lives as long as the
    /// connection, so it should hold no handle of it.
    ///
    /// # Errors
    /// See [`TransceiverError`].
    ///
    /// Source: [webrtc-encoded-transform](https://www.w3.org/TR/webrtc-encoded-transform/#dom-rtcrtpsender-transform)
    pub fn set_transform(
        &self,
        transform: impl FnMut(RtpFrame) -> Option<RtpFrame> + Send + 'static,
    ) -> Result<(), TransceiverError> {
        let (handle, id) = self.handle();
        handle.set_transform(id, TransformSide::Sender, transform)
    }

    /// Takes both ends of the way between encoder and packets, in place of a transform that was set before. While nobody reads,
    /// nothing is sent but what is written. A second reader shares the frames with the first.
    ///
    /// # Errors
    /// See [`TransceiverError`].
    pub fn transform_streams(&self) -> Result<(FrameReader, FrameWriter), TransceiverError> {
        let (handle, id) = self.handle();
        handle.transform_streams(id, TransformSide::Sender)
    }

    /// Ends the transform: frames are sent as they are again, from the next key frame on. What waited to be transformed is dropped.
    ///
    /// # Errors
    /// See [`TransceiverError`].
    pub fn clear_transform(&self) -> Result<(), TransceiverError> {
        let (handle, id) = self.handle();
        handle.clear_transform(id, TransformSide::Sender)
    }

    /// Has the encoders make key frames: those of the encodings of these names, or all.
    ///
    /// # Errors
    /// See [`KeyFrameError`]; nothing was asked for then.
    ///
    /// Source: [webrtc-encoded-transform](https://www.w3.org/TR/webrtc-encoded-transform/#rtcrtpsender-extension)
    pub fn generate_key_frame(&self, rids: &[&str]) -> Result<(), KeyFrameError> {
        self.command(|peer, _, id| peer.generate_key_frame(id, rids))
    }

    /// Waits until a key frame is wanted; `None` once nothing will be sent any more. For who brings the frames: the encoders of a
    /// track know by themselves, and what one is told the other is not. Cancelling loses nothing.
    pub async fn key_frame_request(&self) -> Option<KeyFrameRequest> {
        let (handle, id) = self.handle();
        let mut place = handle.cell.place(Interest::KeyFrame(id));
        let wanted = poll_fn(|cx| {
            place.poll(cx, |peer, _| match peer.take_key_frame_request(id) {
                Some(rid) => Some(Some(rid)),
                None => peer.is_track_over(id).then_some(None),
            })
        });
        wanted.await.map(|rid| KeyFrameRequest { rid: rid.map(|rid| rid.as_str().to_owned()) })
    }
}

/// # Transforms
impl RtpReceiver {
    /// Has every received frame go through a function before it is decoded, or read: what that returns goes on, in place of the
    /// frame. Layers that come side by side all do, under their names. It runs on a codec's thread and takes the place of a
    /// transform that was set before. It lives as long as the connection, so it should hold no handle of it.
    ///
    /// # Errors
    /// See [`TransceiverError`].
    ///
    /// Source: [webrtc-encoded-transform](https://www.w3.org/TR/webrtc-encoded-transform/#dom-rtcrtpreceiver-transform)
    pub fn set_transform(
        &self,
        transform: impl FnMut(RtpFrame) -> Option<RtpFrame> + Send + 'static,
    ) -> Result<(), TransceiverError> {
        let (handle, id) = self.handle();
        handle.set_transform(id, TransformSide::Receiver, transform)
    }

    /// Takes both ends of the way between packets and decoder, in place of a transform that was set before. What is not written
    /// back is not given out by the track. A second reader shares the frames with the first.
    ///
    /// # Errors
    /// See [`TransceiverError`].
    pub fn transform_streams(&self) -> Result<(FrameReader, FrameWriter), TransceiverError> {
        let (handle, id) = self.handle();
        handle.transform_streams(id, TransformSide::Receiver)
    }

    /// Ends the transform: frames are given out as they come again, from the next key frame on. What waited to be transformed is
    /// dropped.
    ///
    /// # Errors
    /// See [`TransceiverError`].
    pub fn clear_transform(&self) -> Result<(), TransceiverError> {
        let (handle, id) = self.handle();
        handle.clear_transform(id, TransformSide::Receiver)
    }

    /// Asks the other side for a key frame; what comes before it is given out all the same.
    ///
    /// # Errors
    /// See [`KeyFrameError`].
    ///
    /// Source: [webrtc-encoded-transform](https://www.w3.org/TR/webrtc-encoded-transform/#KeyFrame-algorithms)
    pub fn send_key_frame_request(&self) -> Result<(), KeyFrameError> {
        let (handle, id) = self.handle();
        handle.cell.command(|peer, now| peer.send_key_frame_request(now, id))
    }
}

impl Handle {
    pub(crate) fn set_transform(
        &self,
        id: TransceiverId,
        side: TransformSide,
        transform: impl FnMut(RtpFrame) -> Option<RtpFrame> + Send + 'static,
    ) -> Result<(), TransceiverError> {
        let place = self.divert(id, side)?;
        self.replace_transform((id, side), Some(RunningTransform::start(place, transform)));
        Ok(())
    }

    pub(crate) fn transform_streams(
        &self,
        id: TransceiverId,
        side: TransformSide,
    ) -> Result<(FrameReader, FrameWriter), TransceiverError> {
        let place = self.divert(id, side)?;
        self.replace_transform((id, side), None);
        Ok((FrameReader { place: place.clone() }, FrameWriter { place }))
    }

    pub(crate) fn clear_transform(&self, id: TransceiverId, side: TransformSide) -> Result<(), TransceiverError> {
        self.cell.command(|peer, now| peer.set_transform(now, id, side, false))?;
        self.replace_transform((id, side), None);
        Ok(())
    }

    fn divert(&self, id: TransceiverId, side: TransformSide) -> Result<TransformPlace, TransceiverError> {
        self.cell.command(|peer, now| peer.set_transform(now, id, side, true))?;
        Ok(TransformPlace { cell: self.cell.clone(), id, side })
    }
}
