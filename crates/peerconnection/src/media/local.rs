//! Tracks that this side fills.

use super::encode::{EncodeJob, Source};
use super::worker::Task;
use crate::driver::Cell;
use crate::jsep::TransceiverId;
use crate::peer::SourceReport;
use ortica_codecs::coder::{AudioEncoderConfig, VideoEncoderConfig};
use ortica_codecs::{AudioFrame, EncodedFrame, MediaKind, VideoFrame};
use std::sync::{Arc, OnceLock, Weak};
use thiserror::Error;
use tokio::sync::Notify;

/// How frames of a [`LocalTrack`] are encoded.
#[derive(Clone, Copy, Debug, Default)]
pub struct TrackConfig {
    /// Of sound.
    pub audio: AudioEncoderConfig,
    /// Of pictures. Its bitrate is the most that is spent; less where the peer asks for less. The layers are those of the sender's
    /// parameters.
    pub video: VideoEncoderConfig,
}

/// Why a frame was not taken.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum WriteError {
    /// Sound for a track of pictures, or the other way round.
    #[error("this is a track of {0}")]
    Kind(MediaKind),
    /// The track was stopped, or what it takes its frames from has ended.
    #[error("the track has ended")]
    Ended,
}

/// Counters of a [`LocalTrack`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct LocalTrackStats {
    /// Frames written.
    pub frames_written: u64,
    /// Frames that were dropped before they were encoded, since the encoder had not caught up.
    pub frames_dropped: u64,
    /// Encoded frames, each counted once however many senders send it.
    pub frames_encoded: u64,
    /// Frames that an encoder refused.
    pub frames_failed: u64,
}

/// A track that the application fills, and any number of senders send: of one connection or of many.
///
/// Raw frames are encoded once for all senders that agreed on the same codec and send it in the same size and at the same
/// rate, on a thread of their own kind. Clones are the same track.
///
/// Source: [mediacapture-streams `MediaStreamTrack`](https://www.w3.org/TR/mediacapture-streams/#mediastreamtrack)
#[derive(Clone, Debug)]
pub struct LocalTrack {
    kind: MediaKind,
    source: Arc<Source>,
    /// Made with the first raw frame: who brings encoded ones needs none.
    encoder: Arc<OnceLock<Arc<Task>>>,
    config: TrackConfig,
}

/// Clones are the same track, and equal.
impl PartialEq for LocalTrack {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.source, &other.source)
    }
}

impl Eq for LocalTrack {}

impl LocalTrack {
    /// A track of sound or pictures.
    pub fn new(kind: MediaKind, config: TrackConfig) -> Self {
        Self { kind, source: Arc::new(Source::new(kind)), encoder: Arc::default(), config }
    }

    /// A track of sound, encoded as usual.
    pub fn audio() -> Self {
        Self::new(MediaKind::Audio, TrackConfig::default())
    }

    /// A track of pictures, encoded as usual.
    pub fn video() -> Self {
        Self::new(MediaKind::Video, TrackConfig::default())
    }

    /// Sound or picture.
    pub fn kind(&self) -> MediaKind {
        self.kind
    }

    /// Sends sound of any rate and shape, whose `pts` says when. Returns at once; if the encoder has not caught up, the
    /// oldest frame that waits is dropped.
    ///
    /// # Errors
    /// [`WriteError::Kind`] on a track of pictures, [`WriteError::Ended`] on one that has ended.
    pub fn write_audio(&self, frame: AudioFrame) -> Result<(), WriteError> {
        self.check(MediaKind::Audio)?;
        self.source.push(frame.into());
        self.encoder().schedule();
        Ok(())
    }

    /// Sends a picture of any size and format, whose `pts` says when. Returns at once; if the encoder has not caught up, the
    /// oldest picture that waits is dropped.
    ///
    /// # Errors
    /// [`WriteError::Kind`] on a track of sound, [`WriteError::Ended`] on one that has ended.
    pub fn write_video(&self, frame: VideoFrame) -> Result<(), WriteError> {
        self.check(MediaKind::Video)?;
        self.source.push(frame.into());
        self.encoder().schedule();
        Ok(())
    }

    /// Sends a frame that is encoded already, by all senders that agreed on its codec, as their first encoding; gives how many
    /// those are.
    ///
    /// # Errors
    /// [`WriteError::Kind`] for the codec of another kind of track, [`WriteError::Ended`] on one that has ended.
    pub fn write_encoded(&self, frame: &EncodedFrame) -> Result<usize, WriteError> {
        self.write_encoding(0, frame)
    }

    /// The same as one of several encodings (simulcast), counted from zero.
    ///
    /// # Errors
    /// [`WriteError::Kind`] for the codec of another kind of track, [`WriteError::Ended`] on one that has ended.
    pub fn write_encoding(&self, encoding: usize, frame: &EncodedFrame) -> Result<usize, WriteError> {
        self.check(frame.codec.kind())?;
        if !self.is_enabled() {
            return Ok(0);
        }
        Ok(self.source.send(encoding, frame))
    }

    /// `true` when a sender wants a key frame; told once. For who brings encoded frames: encoders of this track know.
    pub fn take_key_frame_request(&self) -> bool {
        self.source.targets().iter().any(|targets| targets.key_frame)
    }

    /// Sends silence or black pictures instead of what is written, or that again; of encoded frames, none. Default: enabled.
    ///
    /// Source: [mediacapture-streams `enabled`](https://www.w3.org/TR/mediacapture-streams/#dom-mediastreamtrack-enabled)
    pub fn set_enabled(&self, enabled: bool) {
        self.source.set_enabled(enabled);
    }

    /// Whether what is written is sent.
    pub fn is_enabled(&self) -> bool {
        self.source.is_enabled()
    }

    /// Ends the track: nothing can be written any more.
    ///
    /// Source: [mediacapture-streams `stop`](https://www.w3.org/TR/mediacapture-streams/#dom-mediastreamtrack-stop)
    pub fn stop(&self) {
        self.source.end();
    }

    /// `true` once it was stopped, or what it takes its frames from has ended.
    ///
    /// Source: [mediacapture-streams `readyState`](https://www.w3.org/TR/mediacapture-streams/#dom-mediastreamtrack-readystate)
    pub fn is_ended(&self) -> bool {
        self.source.is_ended()
    }

    /// Counters.
    pub fn stats(&self) -> LocalTrackStats {
        self.source.stats()
    }

    /// What it counts, as a transceiver that sends it reports it.
    pub(crate) fn source_report(&self, transceiver: TransceiverId) -> SourceReport {
        SourceReport { transceiver, number: self.source.number, figures: self.source.figures() }
    }

    /// Has a transceiver send this track.
    pub(crate) fn attach(&self, cell: Weak<Cell>, id: TransceiverId) {
        self.source.attach(cell, id);
    }

    /// Has a transceiver send this track no more.
    pub(crate) fn detach(&self, cell: &Weak<Cell>, id: TransceiverId) {
        self.source.detach(cell, id);
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    pub(super) fn check(&self, kind: MediaKind) -> Result<(), WriteError> {
        if kind != self.kind {
            return Err(WriteError::Kind(self.kind));
        }
        if self.source.is_ended() { Err(WriteError::Ended) } else { Ok(()) }
    }

    pub(super) fn downgrade(&self) -> WeakTrack {
        let (source, encoder) = (Arc::downgrade(&self.source), Arc::downgrade(&self.encoder));
        WeakTrack { kind: self.kind, source, encoder, config: self.config }
    }

    /// Told when the track is sent by one more connection, stopped, or dropped.
    pub(super) fn departure(&self) -> Arc<Notify> {
        self.source.departure.listen()
    }

    /// Those who send it and are not over.
    pub(super) fn cells(&self) -> Vec<Arc<Cell>> {
        self.source.cells()
    }

    fn encoder(&self) -> &Arc<Task> {
        self.encoder.get_or_init(|| Task::new(|_| Box::new(EncodeJob::new(self.source.clone(), self.config))))
    }
}

/// A track that may be gone.
#[derive(Clone, Debug)]
pub(super) struct WeakTrack {
    kind: MediaKind,
    source: Weak<Source>,
    encoder: Weak<OnceLock<Arc<Task>>>,
    config: TrackConfig,
}

impl WeakTrack {
    pub fn upgrade(&self) -> Option<LocalTrack> {
        let (source, encoder) = (self.source.upgrade()?, self.encoder.upgrade()?);
        Some(LocalTrack { kind: self.kind, source, encoder, config: self.config })
    }

    /// `false` once it is gone or has ended.
    pub fn is_needed(&self) -> bool {
        self.upgrade().is_some_and(|track| !track.is_ended())
    }
}
