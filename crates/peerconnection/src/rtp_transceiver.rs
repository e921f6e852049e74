//! Transceivers, senders and receivers, as handles.

use crate::driver::Interest;
use crate::dtmf_sender::DtmfSender;
use crate::engine::{HeardTone, RtpSource};
use crate::jsep::{TransceiverError, TransceiverId};
use crate::media::{LocalTrack, RemoteSource, RemoteTrack};
use crate::ortc::DtlsTransport;
use crate::parameters::{
    ParametersError, RtpCapabilities, RtpCodec, RtpHeaderExtensionCapability, RtpReceiveParameters, RtpSendParameters,
};
use crate::peer::{Peer, TransceiverState};
use crate::peer_connection::Handle;
use ortica_codecs::{Codec, MediaKind};
use ortica_core::Instant;
use ortica_sdp::Direction;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// A sender and a receiver that share a media section. Clones name the same one.
///
/// Source: [webrtc-pc §5.4](https://www.w3.org/TR/webrtc/#rtcrtptransceiver-interface)
#[derive(Clone)]
pub struct RtpTransceiver {
    handle: Arc<Handle>,
    id: TransceiverId,
    kind: MediaKind,
}

/// What sends a track.
///
/// Source: [webrtc-pc §5.2](https://www.w3.org/TR/webrtc/#rtcrtpsender-interface)
#[derive(Clone)]
pub struct RtpSender {
    handle: Arc<Handle>,
    id: TransceiverId,
    kind: MediaKind,
}

/// What receives a track.
///
/// Source: [webrtc-pc §5.3](https://www.w3.org/TR/webrtc/#rtcrtpreceiver-interface)
#[derive(Clone)]
pub struct RtpReceiver {
    handle: Arc<Handle>,
    id: TransceiverId,
    kind: MediaKind,
}

/// Why a track was not replaced.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ReplaceTrackError {
    /// Sound where pictures are sent, or the other way round.
    #[error("the sender sends {0}")]
    Kind(MediaKind),
    /// The transceiver is stopped, or the connection closed.
    #[error("nothing is sent any more")]
    Stopped,
}

impl RtpTransceiver {
    pub(crate) fn new(handle: Arc<Handle>, id: TransceiverId, kind: MediaKind) -> Self {
        Self { handle, id, kind }
    }

    /// Sound or picture.
    pub fn kind(&self) -> MediaKind {
        self.kind
    }

    /// The name of its section, once a description with it was set.
    pub fn mid(&self) -> Option<String> {
        self.state()?.mid
    }

    /// Which way the application wants media to flow.
    pub fn direction(&self) -> Direction {
        self.state().map_or(Direction::Inactive, |state| state.direction)
    }

    /// Which way media flows, once agreed; `None` before that and once its section was given up.
    pub fn current_direction(&self) -> Option<Direction> {
        self.state()?.current_direction
    }

    /// `true` once it was stopped by either side, though its end may still have to be negotiated. The W3C calls its direction
    /// `stopped` then.
    pub fn is_stopping(&self) -> bool {
        self.state().is_none_or(|state| state.stopping)
    }

    /// `true` once its section was given up, the offer that made it was rolled back, or the connection is closed. The W3C
    /// calls its current direction `stopped` then.
    pub fn is_stopped(&self) -> bool {
        self.state().is_none_or(|state| state.stopped)
    }

    /// Changes which way media is to flow; the next negotiation makes it so.
    ///
    /// # Errors
    /// See [`TransceiverError`].
    pub fn set_direction(&self, direction: Direction) -> Result<(), TransceiverError> {
        self.handle.cell.command(|peer, _| peer.set_direction(self.id, direction))
    }

    /// Changes which codecs are negotiated from the next description on, best liked first; none means those that it was made
    /// with. Retransmissions, or telephone events, that are not named are not negotiated; `audio/red` is offered where it is named or the
    /// other side is known to have it, and sent where that likes it better than Opus; so is `audio/CN`, beside G.711 and G.722.
    ///
    /// # Errors
    /// [`ParametersError::InvalidModification`] for a codec that is not among the capabilities of the connection, or if none
    /// is left that media could be sent in.
    ///
    /// Source: [webrtc-pc §5.4](https://www.w3.org/TR/webrtc/#dom-rtcrtptransceiver-setcodecpreferences)
    pub fn set_codec_preferences(&self, codecs: &[RtpCodec]) -> Result<(), TransceiverError> {
        self.handle.cell.command(|peer, _| peer.set_codec_preferences(self.id, codecs))
    }

    /// Each header extension that it can have, with the way that the next description offers or takes it.
    ///
    /// Source: [webrtc-extensions](https://w3c.github.io/webrtc-extensions/#dom-rtcrtptransceiver-getheaderextensionstonegotiate)
    pub fn header_extensions_to_negotiate(&self) -> Vec<RtpHeaderExtensionCapability> {
        self.handle.cell.look(|inner| inner.peer.header_extensions_to_negotiate(self.id))
    }

    /// Changes those that are named, from the next description on.
    ///
    /// # Errors
    /// As [`Peer::set_header_extensions_to_negotiate`].
    ///
    /// Source: [webrtc-extensions](https://w3c.github.io/webrtc-extensions/#dom-rtcrtptransceiver-setheaderextensionstonegotiate)
    pub fn set_header_extensions_to_negotiate(
        &self,
        extensions: &[RtpHeaderExtensionCapability],
    ) -> Result<(), TransceiverError> {
        self.handle.cell.command(|peer, _| peer.set_header_extensions_to_negotiate(self.id, extensions))
    }

    /// The same extensions with the way in which each was agreed on.
    ///
    /// Source: [webrtc-extensions](https://w3c.github.io/webrtc-extensions/#dom-rtcrtptransceiver-getnegotiatedheaderextensions)
    pub fn negotiated_header_extensions(&self) -> Vec<RtpHeaderExtensionCapability> {
        self.handle.cell.look(|inner| inner.peer.negotiated_header_extensions(self.id))
    }

    /// Whether both sides agreed to encrypt the header extensions of its packets.
    ///
    /// Source: [webrtc-extensions](https://w3c.github.io/webrtc-extensions/#dom-rtcrtptransceiver-rtpheaderencryptionnegotiated)
    pub fn is_header_encryption_negotiated(&self) -> bool {
        self.handle.cell.look(|inner| inner.peer.is_header_encryption_negotiated(self.id))
    }

    /// Stops it for good: nothing is sent at once, and the next negotiation gives its section up.
    ///
    /// # Errors
    /// [`TransceiverError::Closed`].
    pub fn stop(&self) -> Result<(), TransceiverError> {
        self.handle.cell.command(|peer, _| peer.stop_transceiver(self.id))
    }

    /// What it sends with.
    pub fn sender(&self) -> RtpSender {
        RtpSender::new(self.handle.clone(), self.id, self.kind)
    }

    /// What it receives with.
    pub fn receiver(&self) -> RtpReceiver {
        RtpReceiver { handle: self.handle.clone(), id: self.id, kind: self.kind }
    }

    fn state(&self) -> Option<TransceiverState> {
        self.handle.cell.look(|inner| inner.peer.transceiver(self.id))
    }
}

impl RtpSender {
    pub(crate) fn new(handle: Arc<Handle>, id: TransceiverId, kind: MediaKind) -> Self {
        Self { handle, id, kind }
    }

    /// Which one it is, if it belongs to that connection.
    pub(crate) fn id_in(&self, connection: &Arc<Handle>) -> Option<TransceiverId> {
        Arc::ptr_eq(&self.handle, connection).then_some(self.id)
    }

    /// The track that is sent, if there is one.
    pub fn track(&self) -> Option<LocalTrack> {
        self.handle.track(self.id)
    }

    /// Sends another track of the same kind from now on, or none, without negotiation.
    ///
    /// # Errors
    /// See [`ReplaceTrackError`].
    ///
    /// Source: [webrtc-pc §5.2](https://www.w3.org/TR/webrtc/#dom-rtcrtpsender-replacetrack)
    pub fn replace_track(&self, track: Option<&LocalTrack>) -> Result<(), ReplaceTrackError> {
        if track.is_some_and(|track| track.kind() != self.kind) {
            return Err(ReplaceTrackError::Kind(self.kind));
        }
        if self.transceiver().is_stopping() {
            return Err(ReplaceTrackError::Stopped);
        }
        self.handle.set_track(self.id, track);
        Ok(())
    }

    /// What plays the keys of a telephone; `None` for a sender of pictures.
    ///
    /// Source: [webrtc-pc §7.1](https://www.w3.org/TR/webrtc/#dom-rtcrtpsender-dtmf)
    pub fn dtmf(&self) -> Option<DtmfSender> {
        (self.kind == MediaKind::Audio).then(|| DtmfSender { sender: self.clone() })
    }

    pub(crate) fn command<T>(&self, command: impl FnOnce(&mut Peer, Instant, TransceiverId) -> T) -> T {
        self.handle.cell.command(|peer, now| command(peer, now, self.id))
    }

    /// What can be sent of a kind of media, by default. A connection that was told other codecs has its own.
    ///
    /// Source: [webrtc-pc §5.2](https://www.w3.org/TR/webrtc/#dom-rtcrtpsender-getcapabilities)
    pub fn capabilities(kind: MediaKind) -> RtpCapabilities {
        crate::jsep::capabilities(kind, &Codec::available().collect::<Vec<_>>())
    }

    /// What is sent, and how. It can be changed and set, once, until a description changes it.
    ///
    /// # Errors
    /// [`ParametersError::InvalidState`] if the transceiver is gone.
    ///
    /// Source: [webrtc-pc §5.2](https://www.w3.org/TR/webrtc/#dom-rtcrtpsender-getparameters)
    pub fn parameters(&self) -> Result<RtpSendParameters, ParametersError> {
        self.handle.cell.command(|peer, _| peer.sender_parameters(self.id))
    }

    /// Changes what is sent, without negotiation: encoders follow with their next frame.
    ///
    /// # Errors
    /// [`ParametersError::InvalidState`] if the parameters are not those given last, or were set already;
    /// [`ParametersError::InvalidModification`] if something else than the encodings was changed, or in them what may not
    /// change; [`ParametersError::Range`] for a number out of range.
    ///
    /// Source: [webrtc-pc §5.2](https://www.w3.org/TR/webrtc/#dom-rtcrtpsender-setparameters)
    pub fn set_parameters(&self, parameters: RtpSendParameters) -> Result<(), ParametersError> {
        self.handle.cell.command(|peer, now| peer.set_sender_parameters(now, self.id, parameters))
    }

    /// The same, and says of each encoding whether it is to begin anew with a key frame.
    ///
    /// # Errors
    /// As [`set_parameters`](Self::set_parameters).
    ///
    /// Source: [webrtc-extensions](https://w3c.github.io/webrtc-extensions/#rtcsetparameteroptions-dictionary)
    pub fn set_parameters_with(
        &self,
        parameters: RtpSendParameters,
        key_frames: &[bool],
    ) -> Result<(), ParametersError> {
        self.handle.cell.command(|peer, now| peer.set_sender_parameters_with(now, self.id, parameters, key_frames))
    }

    /// Changes which media streams the track is part of, which the other side plays in sync; the next negotiation tells it.
    ///
    /// # Errors
    /// See [`TransceiverError`].
    ///
    /// Source: [webrtc-pc §5.2](https://www.w3.org/TR/webrtc/#dom-rtcrtpsender-setstreams)
    pub fn set_streams(&self, streams: &[&str]) -> Result<(), TransceiverError> {
        let streams: Vec<String> = streams.iter().map(|&stream| stream.to_owned()).collect();
        self.handle.cell.command(|peer, _| peer.set_streams(self.id, &streams))
    }

    /// The transceiver that it belongs to.
    pub fn transceiver(&self) -> RtpTransceiver {
        RtpTransceiver::new(self.handle.clone(), self.id, self.kind)
    }

    /// What carries it, once a description of this side that has its section was set.
    ///
    /// Source: [webrtc-pc §5.2](https://www.w3.org/TR/webrtc/#dom-rtcrtpsender-transport)
    pub fn transport(&self) -> Option<DtlsTransport> {
        transport(&self.handle, self.id)
    }

    pub(crate) fn handle(&self) -> (&Handle, TransceiverId) {
        (&self.handle, self.id)
    }
}

impl RtpReceiver {
    pub(crate) fn handle(&self) -> (&Handle, TransceiverId) {
        (&self.handle, self.id)
    }

    /// The track that is received. Each call gives a reader of its own way, but all draw on the same frames.
    pub fn track(&self) -> RemoteTrack {
        let source = RemoteSource { cell: self.handle.cell.clone(), id: self.id, layer: None };
        RemoteTrack::new(self.kind, source)
    }

    /// The streams that were received within the last ten seconds, the latest first. [`PeerConnection::now`] is what their
    /// times are compared with.
    ///
    /// [`PeerConnection::now`]: crate::PeerConnection::now
    ///
    /// Source: [webrtc-pc §5.3](https://www.w3.org/TR/webrtc/#dom-rtcrtpreceiver-getsynchronizationsources)
    pub fn synchronization_sources(&self) -> Vec<RtpSource> {
        self.handle.cell.command(|peer, now| peer.synchronization_sources(now, self.id))
    }

    /// What mixers put into the streams that were received within the last ten seconds, the latest first.
    ///
    /// Source: [webrtc-pc §5.3](https://www.w3.org/TR/webrtc/#dom-rtcrtpreceiver-getcontributingsources)
    pub fn contributing_sources(&self) -> Vec<RtpSource> {
        self.handle.cell.command(|peer, now| peer.contributing_sources(now, self.id))
    }

    /// How long what is received is held back, if that was said.
    ///
    /// Source: [webrtc-extensions](https://w3c.github.io/webrtc-extensions/#dom-rtcrtpreceiver-jitterbuffertarget)
    pub fn jitter_buffer_target(&self) -> Option<Duration> {
        self.handle.cell.look(|inner| inner.peer.jitter_buffer_target(self.id))
    }

    /// Holds what is received back for so long after it came: smoother, and later. `None` gives it out at once.
    ///
    /// # Errors
    /// [`ParametersError::Range`] beyond four seconds; [`ParametersError::InvalidState`] if the transceiver is gone.
    pub fn set_jitter_buffer_target(&self, target: Option<Duration>) -> Result<(), ParametersError> {
        self.handle.cell.command(|peer, now| peer.set_jitter_buffer_target(now, self.id, target))
    }

    /// The next key of a telephone that the other side held (RFC 4733), once it was let go; `None` once nothing will be received any
    /// more. At most 64 wait, then the oldest are dropped. Cancelling loses nothing.
    pub async fn recv_tone(&self) -> Option<HeardTone> {
        let mut place = self.handle.cell.place(Interest::Tone(self.id));
        let read = |peer: &mut Peer| match peer.read_tone(self.id) {
            Some(tone) => Some(Some(tone)),
            None => peer.is_track_over(self.id).then_some(None),
        };
        poll_fn(|cx| place.poll(cx, |peer, _| read(peer))).await
    }

    /// What can be received of a kind of media, by default. A connection that was told other codecs has its own.
    ///
    /// Source: [webrtc-pc §5.3](https://www.w3.org/TR/webrtc/#dom-rtcrtpreceiver-getcapabilities)
    pub fn capabilities(kind: MediaKind) -> RtpCapabilities {
        RtpSender::capabilities(kind)
    }

    /// What is received, and how.
    ///
    /// # Errors
    /// [`ParametersError::InvalidState`] if the transceiver is gone.
    ///
    /// Source: [webrtc-pc §5.3](https://www.w3.org/TR/webrtc/#dom-rtcrtpreceiver-getparameters)
    pub fn parameters(&self) -> Result<RtpReceiveParameters, ParametersError> {
        self.handle.cell.look(|inner| inner.peer.receiver_parameters(self.id))
    }

    /// The transceiver that it belongs to.
    pub fn transceiver(&self) -> RtpTransceiver {
        RtpTransceiver::new(self.handle.clone(), self.id, self.kind)
    }

    /// What carries it, once a description of this side that has its section was set.
    ///
    /// Source: [webrtc-pc §5.3](https://www.w3.org/TR/webrtc/#dom-rtcrtpreceiver-transport)
    pub fn transport(&self) -> Option<DtlsTransport> {
        transport(&self.handle, self.id)
    }
}

fn transport(handle: &Arc<Handle>, id: TransceiverId) -> Option<DtlsTransport> {
    let transport = handle.cell.look(|inner| inner.peer.transport_of(id))?;
    Some(DtlsTransport::of(handle.clone(), transport))
}

macro_rules! debug_by_id {
    ($($name:ident)*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.id).finish()
            }
        }
    )*};
}

debug_by_id! { RtpTransceiver RtpSender RtpReceiver }

macro_rules! equal_by_id {
    ($($name:ident)*) => {$(
        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.id == other.id && Arc::ptr_eq(&self.handle, &other.handle)
            }
        }

        impl Eq for $name {}
    )*};
}

equal_by_id! { RtpTransceiver RtpSender RtpReceiver }
