//! Encoded transforms of transceivers, which may be set before there is anything to send or to receive with.

use super::{Negotiation, TransceiverError};
use crate::engine::{Session, TransformId};
use crate::jsep::TransceiverId;
use crate::peer::TransformSide;
use ortica_core::Instant;

impl Negotiation {
    /// Has frames that a transceiver sends, or receives, go through the application, or no more.
    pub fn set_transform(
        &mut self,
        now: Instant,
        session: &mut Session,
        (id, side): (TransceiverId, TransformSide),
        is_set: bool,
    ) -> Result<(), TransceiverError> {
        let transceiver = self.transceiver_mut(id)?;
        if !transceiver.is_live() {
            return Err(TransceiverError::Stopped);
        }
        let (wish, made) = match side {
            TransformSide::Sender => (&mut transceiver.transforms_sent, transceiver.sender.map(TransformId::Sender)),
            TransformSide::Receiver => {
                (&mut transceiver.transforms_received, transceiver.receiver.map(TransformId::Receiver))
            }
        };
        *wish = is_set;
        if let Some(id) = made {
            let set = session.set_transform(now, id, is_set);
            debug_assert!(set.is_ok(), "a transceiver's senders and receivers are there: {set:?}");
        }
        Ok(())
    }
}
