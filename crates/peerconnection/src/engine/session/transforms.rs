//! The session's commands for encoded transforms.

use super::{MediaError, Session, Transport};
use crate::engine::media::{Detour, Sender};
use crate::engine::{
    Event, KeyFrameError, ReceiverId, RtpFrame, SendFrameError, SenderId, TransformId, WriteFrameError,
};
use ortica_codecs::EncodedFrame;
use ortica_core::Instant;
use ortica_rtp::Rid;

/// # Transforms
///
/// Source: [webrtc-encoded-transform](https://www.w3.org/TR/webrtc-encoded-transform/)
impl Session {
    /// Has the frames of a sender, before they are cut into packets, or of a receiver, before they are given out, wait for the
    /// application, which reads them and writes back what is to go on. At most 60 wait; beyond, sound drops its oldest, and
    /// video everything up to the next key frame, which is asked for. `false` ends it, and drops what waits.
    ///
    /// # Errors
    /// [`MediaError::UnknownSender`], [`MediaError::UnknownReceiver`].
    pub fn set_transform(&mut self, now: Instant, id: TransformId, is_set: bool) -> Result<(), MediaError> {
        let detour = is_set.then(|| {
            self.next_track += 1;
            Detour::new(self.rng.fork(&format!("transform {}", self.next_track)).u64())
        });
        match id {
            TransformId::Sender(id) => {
                let sender = self.transforming(id).ok_or(MediaError::UnknownSender(id))?;
                sender.set_transform(detour);
            }
            TransformId::Receiver(id) => self
                .with_receiver(now, id, |receiver| receiver.set_transform(now, detour))
                .ok_or(MediaError::UnknownReceiver(id))?,
        }
        Ok(())
    }

    /// The frame of a sender or a receiver that has waited longest to be transformed.
    /// [`Event::Untransformed`] tells when there are some.
    pub fn read_untransformed(&mut self, id: TransformId) -> Option<RtpFrame> {
        match id {
            TransformId::Sender(id) => self.transforming(id)?.read_untransformed(),
            TransformId::Receiver(id) => {
                self.transports.get_mut(self.receivers.get(&id)?)?.rtp.receiver(id)?.read_untransformed()
            }
        }
    }

    /// Has a frame go on: one that was read here, and is not before one that went on already, or a copy of one that was read
    /// anywhere.
    ///
    /// # Errors
    /// See [`WriteFrameError`]: the frame is dropped, for media does not wait.
    pub fn write_transformed(&mut self, now: Instant, id: TransformId, frame: RtpFrame) -> Result<(), WriteFrameError> {
        let limits = self.config.limits;
        match id {
            TransformId::Sender(id) => {
                let transport = self.senders.get(&id).and_then(|id| self.transports.get_mut(id));
                let transport = transport.ok_or(WriteFrameError::Unknown)?;
                let carries = transport.carries_media();
                let sender = transport.rtp.sender(id).ok_or(WriteFrameError::Unknown)?;
                if !carries {
                    sender.count_dropped();
                    return Err(SendFrameError::NotSending.into());
                }
                let written = sender.write_transformed(now, &limits, frame);
                if written.is_err() && sender.wants_key_frame() {
                    self.events.push_back(Event::EncoderTargets(id));
                }
                written
            }
            TransformId::Receiver(id) => self
                .with_receiver(now, id, |receiver| receiver.write_transformed(now, &limits, frame))
                .ok_or(WriteFrameError::Unknown)?,
        }
    }

    /// Has the encoders of a sender make key frames: those of the encodings of these names, or all.
    ///
    /// # Errors
    /// See [`KeyFrameError`]; nothing was asked for then.
    pub fn generate_key_frame(&mut self, id: SenderId, rids: &[Rid]) -> Result<(), KeyFrameError> {
        let sender = self.transforming(id).ok_or(KeyFrameError::InvalidState)?;
        sender.generate_key_frame(rids)?;
        self.events.push_back(Event::EncoderTargets(id));
        Ok(())
    }

    /// The encoding of a sender of which a key frame is wanted, by its name if it has one. Told once, here or in
    /// [`encodings_targets`](Self::encodings_targets): for who brings frames that need no targets.
    pub fn take_key_frame_request(&mut self, id: SenderId) -> Option<Option<Rid>> {
        let transport = self.transports.get_mut(self.senders.get(&id)?)?;
        if !transport.carries_media() {
            return None;
        }
        transport.rtp.sender(id)?.take_key_frame_request()
    }

    /// Asks the peer for a key frame; what comes before it is given out all the same.
    ///
    /// # Errors
    /// See [`KeyFrameError`].
    pub fn send_key_frame_request(&mut self, now: Instant, id: ReceiverId) -> Result<(), KeyFrameError> {
        let asked = self.with_receiver(now, id, |receiver| receiver.send_key_frame_request(now));
        asked.ok_or(KeyFrameError::InvalidState)?
    }

    /// A frame of an encoder waits to be transformed.
    pub(super) fn divert(
        &mut self,
        captured: Instant,
        id: SenderId,
        encoding: usize,
        frame: &EncodedFrame,
    ) -> Result<(), SendFrameError> {
        let transport = self.senders.get(&id).and_then(|id| self.transports.get_mut(id));
        let transport: &mut Transport = transport.ok_or(SendFrameError::Unknown)?;
        let clock = transport.rtp.clock();
        let sender = transport.rtp.sender(id).ok_or(SendFrameError::Unknown)?;
        if sender.divert(captured, clock, encoding, frame)? {
            self.events.push_back(Event::Untransformed(TransformId::Sender(id)));
        }
        Ok(())
    }

    fn transforming(&mut self, id: SenderId) -> Option<&mut Sender> {
        self.transports.get_mut(self.senders.get(&id)?)?.rtp.sender(id)
    }
}
