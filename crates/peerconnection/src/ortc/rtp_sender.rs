//! A sender, as an object.

use super::{DtlsTransport, ObjectError, RtpCapabilities, RtpParameters};
use crate::jsep::{TransceiverError, TransceiverId};
use crate::peer::TransformSide;
use crate::transform::{FrameReader, FrameWriter, RtpFrame};
use crate::{LocalTrack, ReplaceTrackError};
use ortica_codecs::{Codec, MediaKind};
use std::fmt;

/// What sends a track over a [`DtlsTransport`] that was made by hand.
///
/// Source: [ORTC `RTCRtpSender`](https://draft.ortc.org/#rtcrtpsender*)
#[derive(Clone)]
pub struct RtpSender {
    dtls: DtlsTransport,
    id: TransceiverId,
    kind: MediaKind,
}

impl RtpSender {
    /// Makes a sender of that track, which sends nothing before [`send`](Self::send).
    ///
    /// # Errors
    /// [`ObjectError::Negotiated`] on the transport of a connection, [`ObjectError::Closed`], [`ObjectError::Media`] beyond
    /// [`Limits::tracks`](crate::engine::Limits::tracks).
    pub fn new(track: &LocalTrack, dtls: &DtlsTransport) -> Result<Self, ObjectError> {
        let kind = track.kind();
        let id = dtls.handle().cell.command(|peer, _| peer.add_sender_by_hand(kind))?;
        dtls.handle().set_track(id, Some(track));
        Ok(Self { dtls: dtls.clone(), id, kind })
    }

    /// What this build can send of a kind; with [`RtpCapabilities::of`] it can be what the application encodes.
    pub fn capabilities(kind: MediaKind) -> RtpCapabilities {
        RtpCapabilities::of(kind, Codec::available())
    }

    /// What it sends over.
    pub fn transport(&self) -> DtlsTransport {
        self.dtls.clone()
    }

    /// The track that is sent, if there is one.
    pub fn track(&self) -> Option<LocalTrack> {
        self.dtls.handle().track(self.id)
    }

    /// Sends another track of the same kind from now on, or none.
    ///
    /// # Errors
    /// [`ReplaceTrackError::Kind`].
    pub fn replace_track(&self, track: Option<&LocalTrack>) -> Result<(), ReplaceTrackError> {
        if track.is_some_and(|track| track.kind() != self.kind) {
            return Err(ReplaceTrackError::Kind(self.kind));
        }
        self.dtls.handle().set_track(self.id, track);
        Ok(())
    }

    /// Sends as soon as DTLS is connected, or goes on by other parameters. Gives back what the peer's receiver is to be started
    /// with: the same with the numbers of the streams.
    ///
    /// # Errors
    /// [`ObjectError::Malformed`], [`ObjectError::Media`] when no codec is known, [`ObjectError::Closed`].
    pub fn send(&self, parameters: &RtpParameters) -> Result<RtpParameters, ObjectError> {
        self.dtls.handle().cell.command(|peer, now| peer.send_by_hand(now, self.id, parameters))
    }

    /// As [`RtpSender::set_transform`](crate::RtpSender::set_transform).
    ///
    /// # Errors
    /// [`TransceiverError::Closed`], [`TransceiverError::Unknown`] once it is stopped.
    pub fn set_transform(
        &self,
        transform: impl FnMut(RtpFrame) -> Option<RtpFrame> + Send + 'static,
    ) -> Result<(), TransceiverError> {
        self.dtls.handle().set_transform(self.id, TransformSide::Sender, transform)
    }

    /// As [`RtpSender::transform_streams`](crate::RtpSender::transform_streams).
    ///
    /// # Errors
    /// As [`set_transform`](Self::set_transform).
    pub fn transform_streams(&self) -> Result<(FrameReader, FrameWriter), TransceiverError> {
        self.dtls.handle().transform_streams(self.id, TransformSide::Sender)
    }

    /// As [`RtpSender::clear_transform`](crate::RtpSender::clear_transform).
    ///
    /// # Errors
    /// As [`set_transform`](Self::set_transform).
    pub fn clear_transform(&self) -> Result<(), TransceiverError> {
        self.dtls.handle().clear_transform(self.id, TransformSide::Sender)
    }

    /// Stops for good, and says goodbye to the stream.
    pub fn stop(&self) {
        self.dtls.handle().set_track(self.id, None);
        self.dtls.handle().cell.command(|peer, _| peer.stop_by_hand(self.id));
    }
}

impl fmt::Debug for RtpSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtpSender").field("kind", &self.kind).field("transport", &self.dtls).finish_non_exhaustive()
    }
}
