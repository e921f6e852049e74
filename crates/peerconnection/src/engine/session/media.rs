//! The session's commands for audio and video.

use super::{Session, Transport, TransportError};
use crate::engine::{
    DecodedReport, EncodedReport, EncoderTargets, ReceivedFrame, ReceiverId, ReceiverStats, RtpParametersError,
    RtpReceiveParameters, RtpSendParameters, SendFrameError, SenderId, SenderStats, TransportId,
};
use ortica_codecs::{EncodedFrame, MediaKind};
use ortica_core::Instant;
use ortica_rtp::Ssrc;
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

    /// Sends a frame, whose `pts` stands for the moment `captured`. It is copied into packets only when they are sealed.
    ///
    /// # Errors
    /// See [`SendFrameError`]: the frame is dropped and counted, for media does not wait.
    pub fn send_frame(&mut self, captured: Instant, id: SenderId, frame: &EncodedFrame) -> Result<(), SendFrameError> {
        let limits = self.config.limits;
        let transport = self.senders.get(&id).and_then(|id| self.transports.get_mut(id));
        let transport = transport.ok_or(SendFrameError::Unknown)?;
        let carries = transport.carries_media();
        let sender = transport.rtp.sender(id).ok_or(SendFrameError::Unknown)?;
        match &mut sender.sending {
            Some(sending) if carries => sending.push(captured, &limits, frame),
            _ => {
                sender.count_dropped();
                Err(SendFrameError::NotSending)
            }
        }
    }

    /// What the encoder of a sender is to do, `None` while nothing is sent. A wish for a key frame is told once.
    pub fn encoder_targets(&mut self, id: SenderId) -> Option<EncoderTargets> {
        let transport = self.transports.get_mut(self.senders.get(&id)?)?;
        if !transport.carries_media() {
            return None;
        }
        Some(transport.rtp.sender(id)?.sending.as_mut()?.take_targets())
    }

    /// The oldest frame of a receiver that was not read yet.
    pub fn read_frame(&mut self, id: ReceiverId) -> Option<ReceivedFrame> {
        self.transports.get_mut(self.receivers.get(&id)?)?.rtp.receiver(id)?.read()
    }

    /// Asks the peer for a key frame: what was read could not be decoded.
    pub fn request_key_frame(&mut self, now: Instant, id: ReceiverId) {
        let transport = self.receivers.get(&id).and_then(|id| self.transports.get_mut(id));
        let Some(transport) = transport else { return };
        if let Some(receiver) = transport.rtp.receiver(id) {
            receiver.request_key_frame(now);
        }
        transport.settle(now, &self.config, &mut self.channels, &mut self.events);
    }

    /// Takes note of a frame that was encoded for a sender, for statistics alone.
    pub fn report_encoded(&mut self, now: Instant, id: SenderId, report: &EncodedReport) {
        let transport = self.senders.get(&id).and_then(|id| self.transports.get_mut(id));
        let sender = transport.and_then(|transport| transport.rtp.sender(id));
        if let Some(sending) = sender.and_then(|sender| sender.sending.as_mut()) {
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

    /// Counters of a sender.
    pub fn sender_stats(&self, id: SenderId) -> Option<SenderStats> {
        Some(self.transports.get(self.senders.get(&id)?)?.rtp.sender_ref(id)?.stats())
    }

    /// Counters of a receiver.
    pub fn receiver_stats(&self, id: ReceiverId) -> Option<ReceiverStats> {
        Some(self.transports.get(self.receivers.get(&id)?)?.rtp.receiver_ref(id)?.stats())
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
