//! Transceivers of a peer: negotiated by name, sent and received over the engine's senders and receivers.

use super::{Peer, PeerEvent};
use crate::engine::{
    DecodedReport, EncodedReport, EncoderTargets, ReceivedFrame, ReceiverId, SendFrameError, SenderId, TransportId,
};
use crate::jsep::{Life, TrackChange, TransceiverError, TransceiverId, TransceiverInit};
use ortica_codecs::payload::comfort_noise::ComfortNoise;
use ortica_codecs::{Codec, EncodedFrame, MediaKind};
use ortica_core::Instant;
use ortica_sdp::Direction;
use std::time::Duration;

/// What a transceiver is at, to look at.
///
/// Source: [webrtc-pc §5.4](https://www.w3.org/TR/webrtc/#rtcrtptransceiver-interface)
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct TransceiverState {
    /// Which one.
    pub id: TransceiverId,
    /// Sound or picture.
    pub kind: MediaKind,
    /// Its section, once a description with it was set.
    pub mid: Option<String>,
    /// Which way the application wants media to flow.
    pub direction: Direction,
    /// Which way it flows, once agreed; `None` before that and once its section was given up.
    pub current_direction: Option<Direction>,
    /// It was stopped: what the W3C calls the direction `stopped`.
    pub stopping: bool,
    /// Its section was given up, by either side: what the W3C calls the current direction `stopped`. The next agreement
    /// forgets it.
    pub stopped: bool,
    /// The media streams that the other side's track is part of.
    pub remote_streams: Vec<String>,
    /// What the other side calls its track.
    pub remote_track: Option<String>,
    /// What this side calls the track that it sends, or would.
    pub local_track: String,
    /// Nothing of it comes: see [`Peer::is_muted`].
    pub muted: bool,
    /// The transport of its section, by the description of this side that was set last.
    pub transport: Option<TransportId>,
    /// The sender, once something was sent.
    pub sender: Option<SenderId>,
    /// The receiver, once something was to be received.
    pub receiver: Option<ReceiverId>,
}

/// # Media
impl Peer {
    /// Makes a transceiver, which the next negotiation gives a section.
    ///
    /// # Errors
    /// See [`TransceiverError`].
    pub fn add_transceiver(
        &mut self,
        kind: MediaKind,
        init: TransceiverInit,
    ) -> Result<TransceiverId, TransceiverError> {
        self.check_alive()?;
        let id = self.negotiation.add_transceiver(kind, init)?;
        self.update_negotiation_needed();
        Ok(id)
    }

    /// Sends a track of that kind, over a transceiver that has not sent yet or a new one. `streams` names the media streams
    /// that it is part of.
    ///
    /// # Errors
    /// See [`TransceiverError`].
    pub fn add_track(&mut self, kind: MediaKind, streams: Vec<String>) -> Result<TransceiverId, TransceiverError> {
        self.check_alive()?;
        let id = self.negotiation.add_track(kind, streams)?;
        self.update_negotiation_needed();
        Ok(id)
    }

    /// Says whether a transceiver sends a track, for one that [`add_track`](Self::add_track) did not give it: one that does is
    /// not used for another.
    pub fn set_track(&mut self, id: TransceiverId, sends: bool) {
        self.negotiation.set_track(id, sends);
    }

    /// Sends the track of a transceiver no more; what it receives goes on. The next negotiation makes it so. `false` if nothing
    /// had to be done: it sends none, or is stopped.
    ///
    /// # Errors
    /// See [`TransceiverError`].
    pub fn remove_track(&mut self, id: TransceiverId) -> Result<bool, TransceiverError> {
        self.check_alive()?;
        let removed = self.negotiation.remove_track(id)?;
        self.update_negotiation_needed();
        Ok(removed)
    }

    /// Changes which way media is to flow.
    ///
    /// # Errors
    /// See [`TransceiverError`].
    pub fn set_direction(&mut self, id: TransceiverId, direction: Direction) -> Result<(), TransceiverError> {
        self.check_alive()?;
        self.negotiation.set_direction(id, direction)?;
        self.update_negotiation_needed();
        Ok(())
    }

    /// Changes which media streams the track that a transceiver sends is part of; the next negotiation tells the other side.
    ///
    /// # Errors
    /// See [`TransceiverError`].
    pub fn set_streams(&mut self, id: TransceiverId, streams: &[String]) -> Result<(), TransceiverError> {
        self.check_alive()?;
        self.negotiation.set_streams(id, streams)?;
        self.update_negotiation_needed();
        Ok(())
    }

    /// Stops a transceiver for good: nothing is sent at once, and the next negotiation gives its section up.
    ///
    /// # Errors
    /// See [`TransceiverError`].
    pub fn stop_transceiver(&mut self, id: TransceiverId) -> Result<(), TransceiverError> {
        self.check_alive()?;
        self.negotiation.stop(&mut self.session, id)?;
        self.stirred_tracks.push(id);
        self.update_negotiation_needed();
        Ok(())
    }

    /// Changes which codecs are negotiated where a transceiver names none, best liked first. At first these are all that
    /// this build can encode and decode; who brings and takes encoded frames can name others.
    pub fn set_codecs(&mut self, codecs: Vec<Codec>) {
        self.negotiation.set_default_codecs(codecs);
    }

    /// The transceivers, in the order in which they were made. Those whose end was agreed on are gone.
    pub fn transceivers(&self) -> Vec<TransceiverState> {
        self.negotiation.transceivers().iter().filter_map(|transceiver| self.transceiver(transceiver.id)).collect()
    }

    /// What a transceiver is at; `None` when there is none, or no more.
    pub fn transceiver(&self, id: TransceiverId) -> Option<TransceiverState> {
        let transceiver = self.negotiation.transceiver(id)?;
        Some(TransceiverState {
            id,
            kind: transceiver.kind,
            mid: transceiver.section.mid.clone(),
            direction: transceiver.direction,
            current_direction: transceiver.current_direction,
            stopping: !transceiver.is_live() || self.is_ended(),
            stopped: transceiver.life == Life::Stopped || self.is_ended(),
            remote_streams: transceiver.section.remote_streams.clone(),
            remote_track: transceiver.section.remote_track.clone(),
            local_track: transceiver.track.clone(),
            muted: self.is_muted(id),
            transport: transceiver.mid().and_then(|mid| self.negotiation.transport_of(mid)),
            sender: transceiver.sender,
            receiver: transceiver.receiver,
        })
    }

    /// Sends a frame over a transceiver, in the first encoding; its `pts` stands for `captured`, which is now or a moment ago.
    ///
    /// # Errors
    /// See [`SendFrameError`]; the frame is dropped then.
    pub fn send_frame(
        &mut self,
        captured: Instant,
        id: TransceiverId,
        frame: &EncodedFrame,
    ) -> Result<(), SendFrameError> {
        self.send_encoding(captured, id, 0, frame)
    }

    fn not_sending(&self, id: TransceiverId) -> SendFrameError {
        let known = self.is_by_hand() || self.negotiation.transceiver(id).is_some();
        if known { SendFrameError::NotSending } else { SendFrameError::Unknown }
    }

    /// Takes note of a frame that was encoded for a transceiver as one of its encodings, for statistics alone.
    pub fn report_encoded(&mut self, now: Instant, id: TransceiverId, encoding: usize, report: &EncodedReport) {
        if let Some(sender) = self.sender_of(id) {
            self.session.report_encoded(now, sender, encoding, report);
        }
    }

    /// Takes note of what a decoder made of a frame that a transceiver received, for statistics alone.
    pub fn report_decoded(&mut self, now: Instant, id: TransceiverId, report: &DecodedReport) {
        if let Some(receiver) = self.receiver_of(id) {
            self.session.report_decoded(now, receiver, report);
        }
    }

    /// Sends a frame over a transceiver in one of several encodings, counted from zero.
    ///
    /// # Errors
    /// See [`SendFrameError`]; the frame is dropped then.
    pub fn send_encoding(
        &mut self,
        captured: Instant,
        id: TransceiverId,
        encoding: usize,
        frame: &EncodedFrame,
    ) -> Result<(), SendFrameError> {
        let sender = self.sender_of(id).ok_or_else(|| self.not_sending(id))?;
        self.session.send_encoding(captured, sender, encoding, frame)
    }

    /// Tells what silence sounds like from `time` on, in place of sending it: see
    /// [`Session::send_comfort_noise`](crate::engine::Session::send_comfort_noise).
    ///
    /// # Errors
    /// [`SendFrameError`].
    pub fn send_comfort_noise(
        &mut self,
        captured: Instant,
        id: TransceiverId,
        encoding: usize,
        silence: (Duration, &ComfortNoise),
    ) -> Result<(), SendFrameError> {
        let sender = self.sender_of(id).ok_or_else(|| self.not_sending(id))?;
        self.session.send_comfort_noise(captured, sender, encoding, silence)
    }

    /// What an encoder for a transceiver with one encoding is to do, or that of the first; `None` while nothing is sent.
    pub fn encoder_targets(&mut self, id: TransceiverId) -> Option<EncoderTargets> {
        let sender = self.sender_of(id)?;
        self.session.encoder_targets(sender)
    }

    /// What the encoders for a transceiver's active encodings are to do, none while nothing is sent.
    pub fn encodings_targets(&mut self, id: TransceiverId) -> Vec<EncoderTargets> {
        self.sender_of(id).map_or_else(Vec::new, |sender| self.session.encodings_targets(sender))
    }

    /// The oldest frame that a transceiver received and nobody has read.
    pub fn read_frame(&mut self, id: TransceiverId) -> Option<ReceivedFrame> {
        let receiver = self.receiver_of(id)?;
        self.session.read_frame(receiver)
    }

    /// Asks for a key frame: what was read could not be decoded.
    pub fn request_key_frame(&mut self, now: Instant, id: TransceiverId) {
        if let Some(receiver) = self.receiver_of(id) {
            self.session.request_key_frame(now, receiver);
        }
    }

    /// `true` when nothing will be received over a transceiver any more.
    #[cfg(feature = "tokio")]
    pub(crate) fn is_track_over(&self, id: TransceiverId) -> bool {
        if self.is_by_hand() {
            return self.is_ended() || self.is_flow_over(id);
        }
        self.is_ended() || self.negotiation.transceiver(id).is_none_or(|transceiver| !transceiver.is_live())
    }

    /// The transceiver whose receiver the engine speaks of.
    #[cfg(feature = "tokio")]
    pub(super) fn transceiver_of(&self, receiver: ReceiverId) -> Option<TransceiverId> {
        if self.is_by_hand() {
            return self.flow_of(receiver);
        }
        let mut all = self.negotiation.transceivers().iter();
        all.find(|transceiver| transceiver.receiver == Some(receiver)).map(|transceiver| transceiver.id)
    }

    /// Tells of tracks that began; those that ended are seen by who reads them.
    pub(super) fn report_tracks(&mut self) {
        for TrackChange { transceiver, kind, sends } in self.negotiation.take_track_changes() {
            self.stirred_tracks.push(transceiver);
            self.events.push_back(match sends {
                true => PeerEvent::Track(transceiver),
                false => PeerEvent::TrackRemoved(transceiver, kind),
            });
        }
    }

    pub(crate) fn check_alive(&self) -> Result<(), TransceiverError> {
        if self.is_ended() { Err(TransceiverError::Closed) } else { Ok(()) }
    }
}
