//! Encoded transforms of a peer's transceivers.

use super::Peer;
use crate::engine::{KeyFrameError, RtpFrame, TransformId, WriteFrameError};
use crate::jsep::{TransceiverError, TransceiverId};
use ortica_core::Instant;
use ortica_rtp::Rid;

/// Which frames of a transceiver go through the application.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum TransformSide {
    /// Those that it sends, between encoder and packets.
    Sender,
    /// Those that it receives, between packets and decoder.
    Receiver,
}

impl TransformSide {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Sender, Self::Receiver];
}

/// # Transforms
///
/// Source: [webrtc-encoded-transform](https://www.w3.org/TR/webrtc-encoded-transform/)
impl Peer {
    /// Has frames that a transceiver sends, or receives, wait for the application, which reads them and writes back what is to go
    /// on; from the first on, if it is said before they flow. At most 60 wait; beyond, sound drops its oldest, and video everything
    /// up to the next key frame, which is asked for. `false` ends it, and drops what waits.
    ///
    /// # Errors
    /// See [`TransceiverError`].
    pub fn set_transform(
        &mut self,
        now: Instant,
        id: TransceiverId,
        side: TransformSide,
        is_set: bool,
    ) -> Result<(), TransceiverError> {
        self.check_alive()?;
        if !self.is_by_hand() {
            return self.negotiation.set_transform(now, &mut self.session, (id, side), is_set);
        }
        let made = self.transform_of(id, side).ok_or(TransceiverError::Unknown(id))?;
        self.session.set_transform(now, made, is_set).map_err(|_| TransceiverError::Unknown(id))
    }

    /// The frame that has waited longest to be transformed.
    pub fn read_untransformed(&mut self, id: TransceiverId, side: TransformSide) -> Option<RtpFrame> {
        let id = self.transform_of(id, side)?;
        self.session.read_untransformed(id)
    }

    /// Has a frame go on: one that was read here, and is not before one that went on already, or a copy of one that was read
    /// anywhere.
    ///
    /// # Errors
    /// See [`WriteFrameError`]: the frame is dropped, for media does not wait.
    pub fn write_transformed(
        &mut self,
        now: Instant,
        id: TransceiverId,
        side: TransformSide,
        frame: RtpFrame,
    ) -> Result<(), WriteFrameError> {
        let id = self.transform_of(id, side).ok_or(WriteFrameError::Unknown)?;
        self.session.write_transformed(now, id, frame)
    }

    /// Has the encoders of a transceiver's sender make key frames: those of the encodings of these names, or all.
    ///
    /// # Errors
    /// See [`KeyFrameError`]; nothing was asked for then.
    pub fn generate_key_frame(&mut self, id: TransceiverId, rids: &[&str]) -> Result<(), KeyFrameError> {
        let sender = self.sender_of(id).filter(|_| !self.is_ended()).ok_or(KeyFrameError::InvalidState)?;
        // What is no name is no encoding's.
        let rids = rids.iter().map(|rid| Rid::new(rid)).collect::<Result<Vec<_>, _>>();
        self.session.generate_key_frame(sender, &rids.map_err(|_| KeyFrameError::NotFound)?)
    }

    /// Asks the other side for a key frame of what a transceiver receives; what comes before it is given out all the same.
    ///
    /// # Errors
    /// See [`KeyFrameError`].
    pub fn send_key_frame_request(&mut self, now: Instant, id: TransceiverId) -> Result<(), KeyFrameError> {
        let receiver = self.receiver_of(id).filter(|_| !self.is_ended()).ok_or(KeyFrameError::InvalidState)?;
        self.session.send_key_frame_request(now, receiver)
    }

    /// The encoding of a transceiver of which a key frame is wanted, by its name if it has one; told once.
    #[cfg(feature = "tokio")]
    pub(crate) fn take_key_frame_request(&mut self, id: TransceiverId) -> Option<Option<Rid>> {
        let sender = self.sender_of(id)?;
        self.session.take_key_frame_request(sender)
    }

    fn transform_of(&self, id: TransceiverId, side: TransformSide) -> Option<TransformId> {
        match side {
            TransformSide::Sender => self.sender_of(id).map(TransformId::Sender),
            TransformSide::Receiver => self.receiver_of(id).map(TransformId::Receiver),
        }
    }

    /// The transceiver of a sender or receiver that the engine speaks of.
    #[cfg(feature = "tokio")]
    pub(super) fn transformed_by(&self, id: TransformId) -> Option<(TransceiverId, TransformSide)> {
        match id {
            TransformId::Sender(sender) => {
                let by_hand = self.is_by_hand().then(|| self.flow_sending(sender)).flatten();
                let id = by_hand.or_else(|| self.transceiver_sending(sender))?;
                Some((id, TransformSide::Sender))
            }
            TransformId::Receiver(receiver) => Some((self.transceiver_of(receiver)?, TransformSide::Receiver)),
        }
    }
}
