//! The tracks of both sides: which transceiver sends one of ours, and what the other side says of its own.

use super::Negotiation;
use super::media::{TransceiverError, without_doubles};
use crate::jsep::remote::RemoteMedia;
use crate::jsep::transceiver::{Origin, Transceiver, TransceiverId, TransceiverInit, uuid};
use ortica_codecs::MediaKind;
use ortica_sdp::Direction;

/// A track of the other side that came or went. One that comes into further streams comes again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct TrackChange {
    pub transceiver: TransceiverId,
    pub kind: MediaKind,
    /// It came.
    pub sends: bool,
}

impl TrackChange {
    pub(super) fn of(transceiver: &Transceiver) -> Self {
        Self { transceiver: transceiver.id, kind: transceiver.kind, sends: transceiver.section.remote_sends }
    }
}

impl Negotiation {
    /// Sends a track: over a transceiver that has none and never sent, or a new one (webrtc-pc §5.1, `addTrack`).
    pub fn add_track(&mut self, kind: MediaKind, streams: Vec<String>) -> Result<TransceiverId, TransceiverError> {
        let is_unused = |it: &&mut Transceiver| it.kind == kind && it.is_live() && !it.has_sent && !it.sends_track;
        if let Some(transceiver) = self.transceivers.iter_mut().find(is_unused) {
            transceiver.direction = Direction::new(true, transceiver.direction.receives());
            transceiver.streams = without_doubles(&streams);
            (transceiver.has_track, transceiver.sends_track) = (true, true);
            return Ok(transceiver.id);
        }
        let id =
            self.make_transceiver(kind, Origin::Track, TransceiverInit { streams, ..TransceiverInit::default() })?;
        self.transceiver_mut(id)?.sends_track = true;
        Ok(id)
    }

    /// Says whether a transceiver sends a track, which needs no negotiation.
    pub fn set_track(&mut self, id: TransceiverId, sends: bool) {
        if let Ok(transceiver) = self.transceiver_mut(id) {
            transceiver.sends_track = sends;
        }
    }

    /// Sends the track of a transceiver no more; what it receives goes on (webrtc-pc §5.1, `removeTrack`). `false` if nothing
    /// had to be done: it has none, or is stopped and keeps it.
    pub fn remove_track(&mut self, id: TransceiverId) -> Result<bool, TransceiverError> {
        let transceiver = self.transceiver_mut(id)?;
        if !transceiver.is_live() || !transceiver.sends_track {
            return Ok(false);
        }
        transceiver.sends_track = false;
        transceiver.direction = Direction::new(false, transceiver.direction.receives());
        Ok(true)
    }

    /// Takes note of what the other side says about its track.
    pub(super) fn learn_track(&mut self, id: TransceiverId, media: &RemoteMedia) {
        let streams = self.streams_of(media);
        let Some(transceiver) = self.transceivers.iter_mut().find(|transceiver| transceiver.id == id) else { return };
        let (sends, section) = (media.direction.sends(), &mut transceiver.section);
        let began = std::mem::replace(&mut section.remote_sends, sends) != sends;
        let joined = sends && joins(&section.remote_streams, &streams);
        section.remote_streams = streams;
        section.remote_track.clone_from(&media.track);
        if began || joined {
            self.track_changes.push(TrackChange::of(transceiver));
        }
    }

    /// The streams that a track is part of. Who names none, not even that there is none, means the session's default stream
    /// (RFC 8829 §5.10).
    fn streams_of(&self, media: &RemoteMedia) -> Vec<String> {
        if media.is_named || !media.direction.sends() {
            return media.streams.clone();
        }
        vec![uuid(&mut self.rng.fork("default stream"))]
    }
}

/// Whether there are streams now that were not before.
pub(super) fn joins(before: &[String], now: &[String]) -> bool {
    now.iter().any(|stream| !before.contains(stream))
}
