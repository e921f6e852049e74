//! The tracks that a connection sends.

use super::{Handle, PeerConnection};
use crate::jsep::{TransceiverError, TransceiverId, TransceiverInit};
use crate::media::LocalTrack;
use crate::rtp_transceiver::{RtpSender, RtpTransceiver};
use ortica_codecs::MediaKind;
use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};

/// What a transceiver is made for: a track that it sends at once, or a kind of media.
#[derive(Clone, Copy, Debug)]
pub enum TrackOrKind<'t> {
    /// A track.
    Track(&'t LocalTrack),
    /// No track yet.
    Kind(MediaKind),
}

impl<'t> From<&'t LocalTrack> for TrackOrKind<'t> {
    fn from(track: &'t LocalTrack) -> Self {
        Self::Track(track)
    }
}

impl From<MediaKind> for TrackOrKind<'_> {
    fn from(kind: MediaKind) -> Self {
        Self::Kind(kind)
    }
}

impl PeerConnection {
    /// Sends a track, over a transceiver that has none and never sent, or a new one. `streams` names the media streams that it
    /// is part of, which the other side plays in sync.
    ///
    /// # Errors
    /// See [`TransceiverError`]: [`TrackInUse`](TransceiverError::TrackInUse) if it is sent already.
    ///
    /// Source: [webrtc-pc §5.1](https://www.w3.org/TR/webrtc/#dom-rtcpeerconnection-addtrack)
    pub fn add_track(&self, track: &LocalTrack, streams: &[&str]) -> Result<RtpSender, TransceiverError> {
        let streams = streams.iter().map(|&stream| stream.to_owned()).collect();
        let used = self.handle.senders_of(track);
        let id = self.command(|peer, _| {
            peer.check_alive()?;
            let used = used.into_iter().find(|id| peer.transceiver(*id).is_some_and(|state| !state.stopped));
            used.map_or_else(|| peer.add_track(track.kind(), streams), |id| Err(TransceiverError::TrackInUse(id)))
        })?;
        self.handle.set_track(id, Some(track));
        Ok(RtpSender::new(self.handle.clone(), id, track.kind()))
    }

    /// Sends what the sender sent no more; what its transceiver receives goes on. The next negotiation makes it so. Where there
    /// is no track, or the transceiver was stopped, nothing changes.
    ///
    /// # Errors
    /// See [`TransceiverError`]: [`ForeignSender`](TransceiverError::ForeignSender) for one of another connection.
    ///
    /// Source: [webrtc-pc §5.1](https://www.w3.org/TR/webrtc/#dom-rtcpeerconnection-removetrack)
    pub fn remove_track(&self, sender: &RtpSender) -> Result<(), TransceiverError> {
        self.command(|peer, _| peer.check_alive())?;
        let id = sender.id_in(&self.handle).ok_or(TransceiverError::ForeignSender)?;
        if self.command(|peer, _| peer.remove_track(id))? {
            self.handle.set_track(id, None);
        }
        Ok(())
    }

    /// Makes a transceiver, of a track or of a kind of media. Its sender sends the track that it is given, now or later
    /// ([`RtpSender::replace_track`]).
    ///
    /// # Errors
    /// See [`TransceiverError`].
    ///
    /// Source: [webrtc-pc §5.1](https://www.w3.org/TR/webrtc/#dom-rtcpeerconnection-addtransceiver)
    pub fn add_transceiver<'t>(
        &self,
        media: impl Into<TrackOrKind<'t>>,
        init: TransceiverInit,
    ) -> Result<RtpTransceiver, TransceiverError> {
        let (kind, track) = match media.into() {
            TrackOrKind::Track(track) => (track.kind(), Some(track)),
            TrackOrKind::Kind(kind) => (kind, None),
        };
        let id = self.command(|peer, _| peer.add_transceiver(kind, init))?;
        if track.is_some() {
            self.handle.set_track(id, track);
        }
        Ok(RtpTransceiver::new(self.handle.clone(), id, kind))
    }
}

impl Handle {
    pub fn track(&self, id: TransceiverId) -> Option<LocalTrack> {
        self.tracks().get(&id).cloned()
    }

    pub fn set_track(&self, id: TransceiverId, track: Option<&LocalTrack>) {
        // In the order of their ids.
        let known: Vec<TransceiverId> = self.cell.command(|peer, _| {
            peer.set_track(id, track.is_some());
            peer.transceivers().iter().map(|state| state.id).collect()
        });
        let cell = Arc::downgrade(&self.cell);
        let mut tracks = self.tracks();
        // Transceivers that are gone send nothing any more.
        tracks.retain(|other, track| {
            let stays = *other != id && known.binary_search(other).is_ok();
            if !stays {
                track.detach(&cell, *other);
            }
            stays
        });
        if let Some(track) = track.filter(|_| known.binary_search(&id).is_ok()) {
            track.attach(cell, id);
            tracks.insert(id, track.clone());
        }
    }

    /// The transceivers that send a track.
    pub fn senders_of(&self, track: &LocalTrack) -> Vec<TransceiverId> {
        self.tracks().iter().filter(|(_, sent)| *sent == track).map(|(id, _)| *id).collect()
    }

    /// Asks each track that is sent.
    pub fn each_track<T>(&self, ask: impl Fn(TransceiverId, &LocalTrack) -> T) -> Vec<T> {
        self.tracks().iter().map(|(id, track)| ask(*id, track)).collect()
    }

    fn tracks(&self) -> MutexGuard<'_, BTreeMap<TransceiverId, LocalTrack>> {
        self.tracks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
