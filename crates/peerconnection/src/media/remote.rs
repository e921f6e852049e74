//! Tracks that the other side fills.

use super::decode::DecodeJob;
use super::output::{Output, Wait};
use super::worker::Task;
use crate::driver::{Cell, Interest, Sending, Ticket};
use crate::engine::{DecodedReport, ReceivedFrame};
use crate::jsep::TransceiverId;
use crate::peer::Peer;
use ortica_codecs::{AudioFrame, MediaKind, VideoFrame};
use ortica_rtp::Rid;
use std::future::poll_fn;
use std::sync::{Arc, OnceLock};
use std::task::Waker;

/// Counters of a [`RemoteTrack`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct RemoteTrackStats {
    /// Frames decoded, or made up for where they were lost.
    pub frames_decoded: u64,
    /// Frames that were decoded and not taken in time.
    pub frames_dropped: u64,
    /// Frames that could not be decoded.
    pub frames_failed: u64,
}

/// A track that the other side sends. Clones are the same track and share what it gives out.
///
/// It is read in one of three ways: decoded, which starts with the first call of [`recv_audio`](Self::recv_audio) or
/// [`recv_video`](Self::recv_video) and goes on from there on a worker thread, or as it was sent, with
/// [`recv_encoded`](Self::recv_encoded). A third way are the packets themselves: [`RtpReader`](crate::media::RtpReader). A track does not keep its connection open.
///
/// Source: [mediacapture-streams `MediaStreamTrack`](https://www.w3.org/TR/mediacapture-streams/#mediastreamtrack)
#[derive(Clone, Debug)]
pub struct RemoteTrack {
    kind: MediaKind,
    source: RemoteSource,
    output: Arc<Output>,
    decoder: Arc<OnceLock<Decoding>>,
}

/// A decoder at work, until the last clone of its track is dropped.
#[derive(Debug)]
struct Decoding {
    task: Arc<Task>,
    output: Arc<Output>,
}

impl Drop for Decoding {
    /// The job gives its place up in one last run, on its own thread. What it holds must not be dropped by whoever wakes it, which
    /// happens under the session's lock.
    fn drop(&mut self) {
        self.output.abandon();
        self.task.schedule();
    }
}

impl RemoteTrack {
    pub(crate) fn new(kind: MediaKind, source: RemoteSource) -> Self {
        Self { kind, source, output: Arc::new(Output::new(kind)), decoder: Arc::default() }
    }

    /// Sound or picture.
    pub fn kind(&self) -> MediaKind {
        self.kind
    }

    /// The next stretch of sound, `None` once the track has ended. Cancelling loses nothing. Never on a track of pictures.
    pub async fn recv_audio(&self) -> Option<AudioFrame> {
        let mut wait = self.decoded();
        poll_fn(|cx| wait.poll(cx, |state| state.audio.pop_front())).await
    }

    /// The next picture, `None` once the track has ended. Cancelling loses nothing. Never on a track of sound.
    pub async fn recv_video(&self) -> Option<VideoFrame> {
        let mut wait = self.decoded();
        poll_fn(|cx| wait.poll(cx, |state| state.video.pop_front())).await
    }

    /// The next frame as it was sent, `None` once the track has ended. Cancelling loses nothing.
    pub async fn recv_encoded(&self) -> Option<ReceivedFrame> {
        let mut place = self.source.cell.place(Interest::Frame(self.source.id));
        poll_fn(|cx| place.poll_sending(cx, Sending::Nothing, |peer, _| self.source.read(peer))).await
    }

    /// The layers that come side by side (simulcast), from the least to the best as the other side lists them; none where
    /// there is one stream. This track gives out the best of those that come: it changes over at key frames, and its times go
    /// on. [`layer`](Self::layer) reads one by itself.
    pub fn layers(&self) -> Vec<String> {
        let rids = self.source.cell.look(|inner| inner.peer.layers(self.source.id));
        rids.iter().map(|rid| rid.as_str().to_owned()).collect()
    }

    /// One layer as a track of its own, from its next key frame on, which is asked for. It ends when the last clone is
    /// dropped; `None` if there is no such layer.
    pub fn layer(&self, rid: &str) -> Option<RemoteTrack> {
        let layer = LayerReader::new(&self.source, Rid::new(rid).ok()?)?;
        let source = RemoteSource { layer: Some(Arc::new(layer)), ..self.source.clone() };
        Some(Self::new(self.kind, source))
    }

    /// `true` while nothing of it comes: before its first packet, and when the other side says that it sends no more. Events
    /// tell of changes.
    ///
    /// Source: [mediacapture-streams `muted`](https://www.w3.org/TR/mediacapture-streams/#dom-mediastreamtrack-muted)
    pub fn is_muted(&self) -> bool {
        self.source.cell.look(|inner| inner.peer.is_muted(self.source.id))
    }

    /// `true` once it has ended: its transceiver was stopped, or the connection is over. What was received can still be taken.
    ///
    /// Source: [mediacapture-streams `readyState`](https://www.w3.org/TR/mediacapture-streams/#dom-mediastreamtrack-readystate)
    pub fn is_ended(&self) -> bool {
        self.source.cell.look(|inner| inner.peer.is_track_over(self.source.id))
    }

    /// Asks the other side for a key frame: for who decodes by itself.
    pub fn request_key_frame(&self) {
        self.source.request_key_frame();
    }

    /// Whose receiver it is, if the connection is this one.
    pub(crate) fn receiver_in(&self, cell: &Arc<Cell>) -> Option<TransceiverId> {
        Arc::ptr_eq(&self.source.cell, cell).then_some(self.source.id)
    }

    /// Counters.
    pub fn stats(&self) -> RemoteTrackStats {
        self.output.stats()
    }

    pub(super) fn source(&self) -> &RemoteSource {
        &self.source
    }

    /// A place among those who wait for what is decoded, which begins with the first of them.
    fn decoded(&self) -> Wait<'_> {
        self.decoder.get_or_init(|| {
            let job = |waker| DecodeJob::new(self.source.clone(), self.output.clone(), waker);
            let task = Task::new(|waker| Box::new(job(waker)));
            task.schedule();
            Decoding { task, output: self.output.clone() }
        });
        self.output.wait()
    }
}

/// Where a track's frames come from.
#[derive(Clone, Debug)]
pub(crate) struct RemoteSource {
    pub cell: Arc<Cell>,
    pub id: TransceiverId,
    /// The layer that is read by itself.
    pub layer: Option<Arc<LayerReader>>,
}

/// Has the frames of a layer kept as long as it lives.
#[derive(Debug)]
pub(crate) struct LayerReader {
    cell: Arc<Cell>,
    id: TransceiverId,
    rid: Rid,
}

impl LayerReader {
    fn new(source: &RemoteSource, rid: Rid) -> Option<Self> {
        let (cell, id) = (source.cell.clone(), source.id);
        cell.command(|peer, now| peer.tap_layer(now, id, rid)).then_some(Self { cell, id, rid })
    }
}

impl Drop for LayerReader {
    fn drop(&mut self) {
        self.cell.command(|peer, now| peer.untap_layer(now, self.id, self.rid));
    }
}

impl RemoteSource {
    /// The name of the layer that is read by itself.
    pub fn rid(&self) -> Option<Rid> {
        self.layer.as_ref().map(|layer| layer.rid)
    }

    /// The next frame as it was sent, or that the track is over; else `waker` is woken when there is one.
    pub fn poll(&self, ticket: Ticket, waker: &Waker) -> Option<Option<ReceivedFrame>> {
        let place = (Interest::Frame(self.id), ticket);
        self.cell.poll_command_at(place, Sending::Nothing, waker, |peer, _| self.read(peer))
    }

    /// Nobody polls with that ticket any more.
    pub fn leave(&self, ticket: Ticket) {
        self.cell.leave(Interest::Frame(self.id), ticket);
    }

    fn read(&self, peer: &mut Peer) -> Option<Option<ReceivedFrame>> {
        let read = match &self.layer {
            Some(layer) => peer.read_layer(self.id, layer.rid),
            None => peer.read_frame(self.id),
        };
        match read {
            Some(frame) => Some(Some(frame)),
            None => peer.is_track_over(self.id).then_some(None),
        }
    }

    /// Says how loud the last sound was, 0 (loud) to 127 (silence).
    pub fn measure_audio_level(&self, attenuation: u8) {
        self.cell.look(|inner| inner.peer.measure_audio_level(self.id, attenuation));
    }

    /// What is decoded of a layer that is read by itself does not count for the track.
    pub fn report_decoded(&self, report: &DecodedReport) {
        if self.layer.is_some() {
            return;
        }
        let now = self.cell.now();
        self.cell.look(|inner| inner.peer.report_decoded(now, self.id, report));
    }

    pub fn request_key_frame(&self) {
        self.cell.command(|peer, now| match &self.layer {
            Some(layer) => peer.request_layer_key_frame(now, self.id, layer.rid),
            None => peer.request_key_frame(now, self.id),
        });
    }
}
