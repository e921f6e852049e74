//! Keys of a telephone over a peer's senders.

use super::Peer;
use crate::engine::{DtmfError, HeardTone, SenderId};
use crate::jsep::TransceiverId;
use ortica_core::Instant;
use std::time::Duration;

/// # Tones
///
/// Source: [webrtc-pc §7](https://www.w3.org/TR/webrtc/#peer-to-peer-dtmf)
impl Peer {
    /// Plays the keys of a telephone over a transceiver of sound, in place of those that wait: `0` to `9`, `A` to `D` of either
    /// case, `*`, `#`, and the comma, which waits two seconds. Each is held for `duration` (40 ms to 6 s) and followed by `gap`
    /// (30 ms at least). [`PeerEvent::ToneChange`](super::PeerEvent::ToneChange) tells when each begins.
    ///
    /// # Errors
    /// See [`DtmfError`]; what waits is as before then.
    pub fn insert_dtmf(
        &mut self,
        now: Instant,
        id: TransceiverId,
        tones: &str,
        duration: Duration,
        gap: Duration,
    ) -> Result<(), DtmfError> {
        let sender = self.tone_sender(id).ok_or(DtmfError::InvalidState)?;
        self.session.insert_dtmf(now, sender, tones, duration, gap)
    }

    /// Whether tones can be played over a transceiver now: it sends, and the other side takes them.
    pub fn can_insert_dtmf(&self, id: TransceiverId) -> bool {
        self.tone_sender(id).is_some_and(|sender| self.session.can_insert_dtmf(sender))
    }

    /// The tones that wait.
    pub fn tone_buffer(&self, id: TransceiverId) -> String {
        self.tone_sender(id).map(|sender| self.session.tone_buffer(sender)).unwrap_or_default()
    }

    /// The oldest key of a telephone that a transceiver received, once it was let go; at most 64 wait, then the oldest are
    /// dropped.
    pub fn read_tone(&mut self, id: TransceiverId) -> Option<HeardTone> {
        let receiver = self.receiver_of(id)?;
        self.session.read_tone(receiver)
    }

    fn tone_sender(&self, id: TransceiverId) -> Option<SenderId> {
        self.negotiation.transceiver(id)?.sender
    }

    /// The transceiver whose sender the engine speaks of.
    pub(super) fn transceiver_sending(&self, sender: SenderId) -> Option<TransceiverId> {
        let mut all = self.negotiation.transceivers().iter();
        all.find(|transceiver| transceiver.sender == Some(sender)).map(|transceiver| transceiver.id)
    }
}
