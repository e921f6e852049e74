//! The session's commands for audio and video.

use super::{Session, Transport, TransportError};
use crate::engine::media::{Receiver, Sending};
use crate::engine::{
    DecodedReport, DtmfError, EncodedReport, EncoderTargets, HeardTone, ReceivedFrame, ReceiverId, ReceiverStats,
    RtpParametersError, RtpReceiveParameters, RtpSendParameters, RtpSource, SendFrameError, SenderId, SenderStats,
    TransportId,
};
use ortica_codecs::payload::comfort_noise::ComfortNoise;
use ortica_codecs::{EncodedFrame, MediaKind};
use ortica_core::Instant;
use ortica_rtp::{Rid, Ssrc};
use ortica_srtp::Cryptex;
use std::time::Duration;
use thiserror::Error;

/// Why a command to a sender or a receiver was refused.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum MediaError {
    /// The session holds no such sender.
    #[error("there is no sender {0}")]
    UnknownSender(SenderId),
    /// The session holds no such receiver.
    #[error("there is no receiver {0}")]
    UnknownReceiver(ReceiverId),
    /// [`Limits::tracks`](crate::engine::Limits) is reached.
    #[error("too many senders or receivers")]
    TooMany,
    /// The transport is gone.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The parameters do not fit.
    #[error(transparent)]
    Parameters(#[from] RtpParametersError),
}

/// # Media
impl Session {
    /// What the streams of this session are called in reports and descriptions.
    ///
    /// Source: [RFC 7022 §5](https://www.rfc-editor.org/rfc/rfc7022#section-5)
    pub fn cname(&self) -> &str {
        &self.cname
    }

    /// Makes a sender, which sends nothing before [`start_sending`](Self::start_sending).
    ///
    /// # Errors
    /// [`MediaError::Transport`], [`MediaError::TooMany`].
    pub fn add_sender(&mut self, transport: TransportId, kind: MediaKind) -> Result<SenderId, MediaError> {
        if self.senders.len() >= self.config.limits.tracks {
            return Err(MediaError::TooMany);
        }
        let id = SenderId(self.next_track);
        self.carrier(transport)?.rtp.add_sender(id, kind);
        self.next_track += 1;
        self.senders.insert(id, transport);
        Ok(id)
    }

    /// Makes a receiver, which receives nothing before [`start_receiving`](Self::start_receiving).
    ///
    /// # Errors
    /// [`MediaError::Transport`], [`MediaError::TooMany`].
    pub fn add_receiver(&mut self, transport: TransportId, kind: MediaKind) -> Result<ReceiverId, MediaError> {
        if self.receivers.len() >= self.config.limits.tracks {
            return Err(MediaError::TooMany);
        }
        let id = ReceiverId(self.next_track);
        self.carrier(transport)?.rtp.add_receiver(id, kind);
        self.next_track += 1;
        self.receivers.insert(id, transport);
        Ok(id)
    }

    /// Says whether header extensions and contributing sources of a transport's media are encrypted, at any time. Default:
    /// [`Cryptex::Never`]. A transport that is gone has none.
    ///
    /// Source: [RFC 9335](https://www.rfc-editor.org/rfc/rfc9335)
    pub fn set_cryptex(&mut self, id: TransportId, cryptex: Cryptex) {
        if let Some(transport) = self.transports.get_mut(&id) {
            transport.set_cryptex(cryptex);
        }
    }

    /// A number for a stream, which nobody else is likely to have.
    pub fn draw_ssrc(&mut self) -> Ssrc {
        self.next_track += 1;
        Ssrc::random(&mut self.rng.fork(&format!("ssrc {}", self.next_track)))
    }

    /// Moves a sender to another transport, with what waits to be sent: its section was bundled with another one, or ceased
    /// to be. Its stream goes on.
    ///
    /// # Errors
    /// [`MediaError::UnknownSender`], [`MediaError::Transport`]; nothing has changed then.
    pub fn move_sender(&mut self, id: SenderId, to: TransportId) -> Result<(), MediaError> {
        let from = *self.senders.get(&id).ok_or(MediaError::UnknownSender(id))?;
        self.carrier(to)?;
        if from != to
            && let Some(sender) = self.carrier(from)?.rtp.take_sender(id)
        {
            self.carrier(to)?.rtp.put_sender(id, sender);
            self.senders.insert(id, to);
        }
        Ok(())
    }

    /// Moves a receiver to another transport, with what was not read. What comes there finds it from the next
    /// [`start_receiving`](Self::start_receiving) on.
    ///
    /// # Errors
    /// [`MediaError::UnknownReceiver`], [`MediaError::Transport`]; nothing has changed then.
    pub fn move_receiver(&mut self, id: ReceiverId, to: TransportId) -> Result<(), MediaError> {
        let from = *self.receivers.get(&id).ok_or(MediaError::UnknownReceiver(id))?;
        self.carrier(to)?;
        if from != to
            && let Some(receiver) = self.carrier(from)?.rtp.take_receiver(id)
        {
            self.carrier(to)?.rtp.put_receiver(id, receiver);
            self.receivers.insert(id, to);
        }
        Ok(())
    }

    /// Sends from now on, or goes on by other parameters.
    ///
    /// # Errors
    /// [`MediaError::UnknownSender`], [`MediaError::Parameters`].
    pub fn start_sending(
        &mut self,
        now: Instant,
        id: SenderId,
        parameters: &RtpSendParameters,
    ) -> Result<(), MediaError> {
        let transport = *self.senders.get(&id).ok_or(MediaError::UnknownSender(id))?;
        Ok(self.carrier(transport)?.rtp.start_sending(now, id, parameters)?)
    }

    /// Stops sending and says goodbye to the stream. What waits is dropped.
    ///
    /// # Errors
    /// [`MediaError::UnknownSender`].
    pub fn stop_sending(&mut self, id: SenderId) -> Result<(), MediaError> {
        let transport = *self.senders.get(&id).ok_or(MediaError::UnknownSender(id))?;
        self.carrier(transport)?.rtp.stop_sending(id);
        Ok(())
    }

    /// Receives from now on, or goes on by other parameters.
    ///
    /// # Errors
    /// [`MediaError::UnknownReceiver`], [`MediaError::Parameters`].
    pub fn start_receiving(&mut self, id: ReceiverId, parameters: RtpReceiveParameters) -> Result<(), MediaError> {
        let transport = *self.receivers.get(&id).ok_or(MediaError::UnknownReceiver(id))?;
        Ok(self.carrier(transport)?.rtp.start_receiving(id, parameters)?)
    }

    /// Stops receiving. What was received can still be read.
    ///
    /// # Errors
    /// [`MediaError::UnknownReceiver`].
    pub fn stop_receiving(&mut self, id: ReceiverId) -> Result<(), MediaError> {
        let transport = *self.receivers.get(&id).ok_or(MediaError::UnknownReceiver(id))?;
        self.carrier(transport)?.rtp.stop_receiving(id);
        Ok(())
    }

    /// Forgets a sender, with its goodbye if it was sending. No packet needs it any more: what is asked for again is not sent.
    pub fn remove_sender(&mut self, id: SenderId) {
        let transport = self.senders.remove(&id).and_then(|transport| self.transports.get_mut(&transport));
        if let Some(transport) = transport {
            transport.rtp.remove_sender(id);
        }
    }

    /// Forgets a receiver, with what it received and nobody has read.
    pub fn remove_receiver(&mut self, id: ReceiverId) {
        let transport = self.receivers.remove(&id).and_then(|transport| self.transports.get_mut(&transport));
        if let Some(transport) = transport {
            transport.rtp.remove_receiver(id);
        }
    }

    /// Sends a frame in the first encoding, whose `pts` stands for the moment `captured`. It is copied into packets only when
    /// they are sealed.
    ///
    /// # Errors
    /// See [`SendFrameError`]: the frame is dropped and counted, for media does not wait.
    pub fn send_frame(&mut self, captured: Instant, id: SenderId, frame: &EncodedFrame) -> Result<(), SendFrameError> {
        self.send_encoding(captured, id, 0, frame)
    }

    /// Sends a frame in one of several encodings, counted from zero.
    ///
    /// # Errors
    /// As [`send_frame`](Self::send_frame).
    pub fn send_encoding(
        &mut self,
        captured: Instant,
        id: SenderId,
        encoding: usize,
        frame: &EncodedFrame,
    ) -> Result<(), SendFrameError> {
        let limits = self.config.limits;
        let transport = self.senders.get(&id).and_then(|id| self.transports.get_mut(id));
        let transport = transport.ok_or(SendFrameError::Unknown)?;
        let carries = transport.carries_media();
        let sender = transport.rtp.sender(id).ok_or(SendFrameError::Unknown)?;
        if sender.encodings.is_empty() || !carries {
            sender.count_dropped();
            return Err(SendFrameError::NotSending);
        }
        if sender.has_transform() {
            return self.divert(captured, id, encoding, frame);
        }
        let sending = sender.encodings.get_mut(encoding).ok_or(SendFrameError::UnknownEncoding)?;
        sending.push(captured, &limits, frame)
    }

    /// Tells what silence sounds like from `time` on, as the source of the frames counts, in place of sending it: until the next frame.
    /// What is said holds until it is said anew; a receiver may cease to believe it after some seconds. `captured` is the moment that
    /// `time` stands for, the encoding is counted from zero.
    ///
    /// Source: [RFC 3389](https://www.rfc-editor.org/rfc/rfc3389)
    ///
    /// # Errors
    /// [`SendFrameError`], [`NoComfortNoise`](SendFrameError::NoComfortNoise) among them
    /// ([`EncoderTargets::comfort_noise`] says so before).
    pub fn send_comfort_noise(
        &mut self,
        captured: Instant,
        id: SenderId,
        encoding: usize,
        (time, noise): (Duration, &ComfortNoise),
    ) -> Result<(), SendFrameError> {
        let limits = self.config.limits;
        let transport = self.senders.get(&id).and_then(|id| self.transports.get_mut(id));
        let transport = transport.ok_or(SendFrameError::Unknown)?;
        let carries = transport.carries_media();
        let sender = transport.rtp.sender(id).ok_or(SendFrameError::Unknown)?;
        if sender.encodings.is_empty() || !carries {
            return Err(SendFrameError::NotSending);
        }
        let sending = sender.encodings.get_mut(encoding).ok_or(SendFrameError::UnknownEncoding)?;
        sending.push_noise(captured, &limits, time, noise)
    }

    /// What the encoder of a sender with one encoding is to do, or that of the first; `None` while nothing is sent. A wish
    /// for a key frame is told once.
    pub fn encoder_targets(&mut self, id: SenderId) -> Option<EncoderTargets> {
        let transport = self.transports.get_mut(self.senders.get(&id)?)?;
        if !transport.carries_media() {
            return None;
        }
        transport.rtp.sender(id)?.take_targets().next()
    }

    /// What the encoders of all active encodings of a sender are to do, none while nothing is sent. A wish for a key frame is
    /// told once.
    pub fn encodings_targets(&mut self, id: SenderId) -> Vec<EncoderTargets> {
        let transport = self.senders.get(&id).and_then(|transport| self.transports.get_mut(transport));
        let Some(transport) = transport.filter(|transport| transport.carries_media()) else { return Vec::new() };
        transport.rtp.sender(id).map_or_else(Vec::new, |sender| sender.take_targets().collect())
    }

    /// Has an encoding of a sender begin anew with a key frame.
    pub fn require_key_frame(&mut self, id: SenderId, encoding: usize) {
        let transport = self.senders.get(&id).and_then(|transport| self.transports.get_mut(transport));
        let sender = transport.and_then(|transport| transport.rtp.sender(id));
        if let Some(sending) = sender.and_then(|sender| sender.encodings.get_mut(encoding)) {
            sending.want_key_frame();
        }
    }

    /// Plays the keys of a telephone over a sender of sound, in place of those that wait: `0` to `9`, `A` to `D`, `*`, `#`, and
    /// the comma, which waits two seconds. Each is held for `duration` (40 ms to 6 s) and followed by `gap` (30 ms at least),
    /// and [`Event::ToneChange`](crate::engine::Event::ToneChange) tells when it begins.
    ///
    /// # Errors
    /// See [`DtmfError`]; what waits is as before then.
    pub fn insert_dtmf(
        &mut self,
        now: Instant,
        id: SenderId,
        tones: &str,
        duration: Duration,
        gap: Duration,
    ) -> Result<(), DtmfError> {
        let transport = self.senders.get(&id).and_then(|id| self.transports.get_mut(id));
        let transport = transport.filter(|transport| transport.carries_media()).ok_or(DtmfError::InvalidState)?;
        transport.rtp.insert_tones(now, id, (tones, duration, gap), &mut self.events)
    }

    /// Whether a sender takes tones now.
    pub fn can_insert_dtmf(&self, id: SenderId) -> bool {
        let transport = self.senders.get(&id).and_then(|id| self.transports.get(id));
        let transport = transport.filter(|transport| transport.carries_media());
        let sender = transport.and_then(|transport| transport.rtp.sender_ref(id));
        sender.and_then(|sender| sender.encodings.first()).is_some_and(Sending::takes_tones)
    }

    /// The tones of a sender that wait.
    pub fn tone_buffer(&self, id: SenderId) -> String {
        let transport = self.senders.get(&id).and_then(|id| self.transports.get(id));
        let sender = transport.and_then(|transport| transport.rtp.sender_ref(id));
        sender.and_then(|sender| sender.encodings.first()).map(Sending::tone_buffer).unwrap_or_default()
    }

    /// The oldest frame of a receiver that was not read yet.
    pub fn read_frame(&mut self, id: ReceiverId) -> Option<ReceivedFrame> {
        self.transports.get_mut(self.receivers.get(&id)?)?.rtp.receiver(id)?.read()
    }

    /// The oldest key of a telephone that a receiver heard, once it was let go; at most 64 wait, then the oldest are dropped.
    pub fn read_tone(&mut self, id: ReceiverId) -> Option<HeardTone> {
        self.transports.get_mut(self.receivers.get(&id)?)?.rtp.receiver(id)?.tones.read()
    }

    /// Who was heard or seen at a receiver within the last ten seconds, the latest first.
    pub fn sources(&self, now: Instant, id: ReceiverId) -> Vec<RtpSource> {
        let transport = self.receivers.get(&id).and_then(|transport| self.transports.get(transport));
        transport.and_then(|it| it.rtp.receiver_ref(id)).map_or_else(Vec::new, |receiver| receiver.sources(now))
    }

    /// Says how loud the last sound of a receiver was as it was decoded, 0 (loud) to 127 (silence): for packets that do not
    /// say it.
    pub fn measure_audio_level(&mut self, id: ReceiverId, attenuation: u8) {
        let transport = self.receivers.get(&id).and_then(|id| self.transports.get_mut(id));
        if let Some(receiver) = transport.and_then(|transport| transport.rtp.receiver(id)) {
            receiver.measure(attenuation);
        }
    }

    /// Holds the frames of a receiver back for so long after they came, so that what reads them runs dry less often. Default
    /// zero.
    pub fn set_jitter_buffer_target(&mut self, now: Instant, id: ReceiverId, target: Duration) {
        self.with_receiver(now, id, |receiver| receiver.set_target(target));
    }

    /// The layers that may come side by side at a receiver, from the least to the best; none where there is one stream.
    pub fn layers(&self, id: ReceiverId) -> Vec<Rid> {
        let transport = self.receivers.get(&id).and_then(|transport| self.transports.get(transport));
        transport.and_then(|it| it.rtp.receiver_ref(id)).map_or_else(Vec::new, |receiver| receiver.rids().collect())
    }

    /// Has the frames of a layer kept for [`read_layer`](Self::read_layer), from its next key frame on; `false` if there is
    /// no such layer. Counted: it ends after as many calls of [`untap_layer`](Self::untap_layer).
    pub fn tap_layer(&mut self, now: Instant, id: ReceiverId, rid: Rid) -> bool {
        self.with_receiver(now, id, |receiver| receiver.tap(now, rid)).unwrap_or_default()
    }

    /// One reader of a layer less.
    pub fn untap_layer(&mut self, now: Instant, id: ReceiverId, rid: Rid) {
        self.with_receiver(now, id, |receiver| receiver.untap(rid));
    }

    /// The oldest frame of a layer that was not read yet.
    pub fn read_layer(&mut self, id: ReceiverId, rid: Rid) -> Option<ReceivedFrame> {
        self.transports.get_mut(self.receivers.get(&id)?)?.rtp.receiver(id)?.read_layer(rid)
    }

    /// Asks the peer for a key frame of a layer: what was read could not be decoded.
    pub fn request_layer_key_frame(&mut self, now: Instant, id: ReceiverId, rid: Rid) {
        self.with_receiver(now, id, |receiver| receiver.request_layer_key_frame(now, rid));
    }

    /// Asks the peer for a key frame: what was read could not be decoded.
    pub fn request_key_frame(&mut self, now: Instant, id: ReceiverId) {
        self.with_receiver(now, id, |receiver| receiver.request_key_frame(now));
    }

    pub(super) fn with_receiver<T>(
        &mut self,
        now: Instant,
        id: ReceiverId,
        command: impl FnOnce(&mut Receiver) -> T,
    ) -> Option<T> {
        let transport = self.transports.get_mut(self.receivers.get(&id)?)?;
        let outcome = transport.rtp.receiver(id).map(command);
        transport.settle(now, &self.config, &mut self.channels, &mut self.events);
        outcome
    }

    /// Takes note of a frame that was encoded for a sender as one of its encodings, for statistics alone.
    pub fn report_encoded(&mut self, now: Instant, id: SenderId, encoding: usize, report: &EncodedReport) {
        let transport = self.senders.get(&id).and_then(|id| self.transports.get_mut(id));
        let sender = transport.and_then(|transport| transport.rtp.sender(id));
        if let Some(sending) = sender.and_then(|sender| sender.encodings.get_mut(encoding)) {
            sending.handle_encoded(now, report);
        }
    }

    /// Takes note of what a decoder made of a receiver's frame, for statistics alone.
    pub fn report_decoded(&mut self, now: Instant, id: ReceiverId, report: &DecodedReport) {
        let transport = self.receivers.get(&id).and_then(|id| self.transports.get_mut(id));
        if let Some(receiver) = transport.and_then(|transport| transport.rtp.receiver(id)) {
            receiver.handle_decoded(now, report);
        }
    }

    /// Whether a receiver's stream comes: a packet came, and no goodbye since.
    /// [`Event::ReceiverFlow`](crate::engine::Event::ReceiverFlow) tells of changes.
    pub fn is_receiving(&self, id: ReceiverId) -> bool {
        let transport = self.receivers.get(&id).and_then(|id| self.transports.get(id));
        transport.and_then(|transport| transport.rtp.receiver_ref(id)).is_some_and(|receiver| receiver.flow.is_on())
    }

    /// Counters of a sender with one encoding, or those of the first.
    pub fn sender_stats(&self, id: SenderId) -> Option<SenderStats> {
        self.encoding_stats(id).into_iter().next()
    }

    /// Counters of each encoding of a sender, in their order; then of those that were sent before.
    pub fn encoding_stats(&self, id: SenderId) -> Vec<SenderStats> {
        let transport = self.senders.get(&id).and_then(|transport| self.transports.get(transport));
        transport.and_then(|transport| transport.rtp.sender_ref(id)).map_or_else(Vec::new, |sender| sender.stats())
    }

    /// Counters of a receiver; where several layers come, of the one that is read.
    pub fn receiver_stats(&self, id: ReceiverId) -> Option<ReceiverStats> {
        Some(self.transports.get(self.receivers.get(&id)?)?.rtp.receiver_ref(id)?.stats())
    }

    /// Counters of each layer of a receiver.
    pub fn layer_stats(&self, id: ReceiverId) -> Vec<ReceiverStats> {
        let transport = self.receivers.get(&id).and_then(|transport| self.transports.get(transport));
        transport.and_then(|transport| transport.rtp.receiver_ref(id)).map_or_else(Vec::new, |it| it.layer_stats())
    }

    /// The senders there are, oldest first.
    pub fn senders(&self) -> impl Iterator<Item = SenderId> + '_ {
        self.senders.keys().copied()
    }

    /// The receivers there are, oldest first.
    pub fn receivers(&self) -> impl Iterator<Item = ReceiverId> + '_ {
        self.receivers.keys().copied()
    }

    /// The transport that carries a sender.
    pub fn sender_transport(&self, id: SenderId) -> Option<TransportId> {
        self.senders.get(&id).copied()
    }

    /// The transport that carries a receiver.
    pub fn receiver_transport(&self, id: ReceiverId) -> Option<TransportId> {
        self.receivers.get(&id).copied()
    }

    fn carrier(&mut self, id: TransportId) -> Result<&mut Transport, TransportError> {
        self.transports.get_mut(&id).map(Box::as_mut).ok_or(TransportError::Unknown(id))
    }
}
