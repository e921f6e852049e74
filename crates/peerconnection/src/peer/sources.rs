//! Who a peer's receivers hear and see, and how long they hold it back.

use super::Peer;
use crate::engine::RtpSource;
use crate::jsep::TransceiverId;
use crate::parameters::ParametersError;
use ortica_core::Instant;
use std::time::Duration;

/// # Sources
impl Peer {
    /// The streams that a transceiver received within the last ten seconds, the latest first.
    ///
    /// Source: [webrtc-pc §5.3](https://www.w3.org/TR/webrtc/#dom-rtcrtpreceiver-getsynchronizationsources)
    pub fn synchronization_sources(&self, now: Instant, id: TransceiverId) -> Vec<RtpSource> {
        self.sources(now, id, false)
    }

    /// What mixers put into the streams that a transceiver received within the last ten seconds, the latest first.
    ///
    /// Source: [webrtc-pc §5.3](https://www.w3.org/TR/webrtc/#dom-rtcrtpreceiver-getcontributingsources)
    pub fn contributing_sources(&self, now: Instant, id: TransceiverId) -> Vec<RtpSource> {
        self.sources(now, id, true)
    }

    fn sources(&self, now: Instant, id: TransceiverId, contributing: bool) -> Vec<RtpSource> {
        let receiver = self.negotiation.transceiver(id).and_then(|transceiver| transceiver.receiver);
        let mut sources = receiver.map_or_else(Vec::new, |receiver| self.session.sources(now, receiver));
        sources.retain(|source| source.is_contributing == contributing);
        sources
    }

    /// Says how loud the last sound of a transceiver was as it was decoded, 0 (loud) to 127 (silence).
    #[cfg(feature = "tokio")]
    pub(crate) fn measure_audio_level(&mut self, id: TransceiverId, attenuation: u8) {
        let transceiver = self.negotiation.transceiver(id);
        // The other side says it where that is agreed on.
        let is_told = transceiver.and_then(|it| it.receiving.as_ref()).is_some_and(|receiving| {
            receiving.header_extensions.iter().any(|it| it.uri == ortica_rtp::header_extension::audio_level::URI)
        });
        if let Some(receiver) = transceiver.filter(|_| !is_told).and_then(|transceiver| transceiver.receiver) {
            self.session.measure_audio_level(receiver, attenuation);
        }
    }

    /// How long what a transceiver receives is held back, if that was said.
    ///
    /// Source: [webrtc-extensions](https://w3c.github.io/webrtc-extensions/#dom-rtcrtpreceiver-jitterbuffertarget)
    pub fn jitter_buffer_target(&self, id: TransceiverId) -> Option<Duration> {
        self.negotiation.jitter_buffer_target(id)
    }

    /// Holds what a transceiver receives back for so long after it came: smoother, and later. `None` gives it out at once.
    ///
    /// # Errors
    /// [`ParametersError::Range`] beyond four seconds; [`ParametersError::InvalidState`] if the transceiver is gone.
    pub fn set_jitter_buffer_target(
        &mut self,
        now: Instant,
        id: TransceiverId,
        target: Option<Duration>,
    ) -> Result<(), ParametersError> {
        self.negotiation.set_jitter_buffer_target(now, &mut self.session, id, target)
    }
}
