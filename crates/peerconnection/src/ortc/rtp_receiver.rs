//! A receiver, as an object.

use super::{DtlsTransport, ObjectError, RtpCapabilities, RtpParameters};
use crate::RemoteTrack;
use crate::jsep::{TransceiverError, TransceiverId};
use crate::media::RemoteSource;
use crate::peer::TransformSide;
use crate::transform::{FrameReader, FrameWriter, RtpFrame};
use ortica_codecs::{Codec, MediaKind};
use std::fmt;

/// What receives a track over a [`DtlsTransport`] that was made by hand.
///
/// Source: [ORTC `RTCRtpReceiver`](https://draft.ortc.org/#rtcrtpreceiver*)
#[derive(Clone)]
pub struct RtpReceiver {
    dtls: DtlsTransport,
    id: TransceiverId,
    kind: MediaKind,
}

impl RtpReceiver {
    /// Makes a receiver, which receives nothing before [`receive`](Self::receive).
    ///
    /// # Errors
    /// [`ObjectError::Negotiated`] on the transport of a connection, [`ObjectError::Closed`], [`ObjectError::Media`] beyond
    /// [`Limits::tracks`](crate::engine::Limits::tracks).
    pub fn new(kind: MediaKind, dtls: &DtlsTransport) -> Result<Self, ObjectError> {
        let id = dtls.handle().cell.command(|peer, _| peer.add_receiver_by_hand(kind))?;
        Ok(Self { dtls: dtls.clone(), id, kind })
    }

    /// What this build can receive of a kind; with [`RtpCapabilities::of`] it can be what the application decodes.
    pub fn capabilities(kind: MediaKind) -> RtpCapabilities {
        RtpCapabilities::of(kind, Codec::available())
    }

    /// What it receives over.
    pub fn transport(&self) -> DtlsTransport {
        self.dtls.clone()
    }

    /// The track that is received. Each call gives a reader of its own way, but all draw on the same frames.
    pub fn track(&self) -> RemoteTrack {
        let source = RemoteSource { cell: self.dtls.handle().cell.clone(), id: self.id, layer: None };
        RemoteTrack::new(self.kind, source)
    }

    /// Receives from now on, or goes on by other parameters.
    ///
    /// # Errors
    /// [`ObjectError::Malformed`], [`ObjectError::Media`] when no codec is known, [`ObjectError::Closed`].
    pub fn receive(&self, parameters: &RtpParameters) -> Result<(), ObjectError> {
        self.dtls.handle().cell.command(|peer, _| peer.receive_by_hand(self.id, parameters))
    }

    /// As [`RtpReceiver::set_transform`](crate::RtpReceiver::set_transform).
    ///
    /// # Errors
    /// [`TransceiverError::Closed`], [`TransceiverError::Unknown`] once it is stopped.
    pub fn set_transform(
        &self,
        transform: impl FnMut(RtpFrame) -> Option<RtpFrame> + Send + 'static,
    ) -> Result<(), TransceiverError> {
        self.dtls.handle().set_transform(self.id, TransformSide::Receiver, transform)
    }

    /// As [`RtpReceiver::transform_streams`](crate::RtpReceiver::transform_streams).
    ///
    /// # Errors
    /// As [`set_transform`](Self::set_transform).
    pub fn transform_streams(&self) -> Result<(FrameReader, FrameWriter), TransceiverError> {
        self.dtls.handle().transform_streams(self.id, TransformSide::Receiver)
    }

    /// As [`RtpReceiver::clear_transform`](crate::RtpReceiver::clear_transform).
    ///
    /// # Errors
    /// As [`set_transform`](Self::set_transform).
    pub fn clear_transform(&self) -> Result<(), TransceiverError> {
        self.dtls.handle().clear_transform(self.id, TransformSide::Receiver)
    }

    /// Stops for good: its track ends.
    pub fn stop(&self) {
        self.dtls.handle().cell.command(|peer, _| peer.stop_by_hand(self.id));
    }
}

impl fmt::Debug for RtpReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtpReceiver").field("kind", &self.kind).field("transport", &self.dtls).finish_non_exhaustive()
    }
}
