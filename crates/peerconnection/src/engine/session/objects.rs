//! A transport's layers, each as an object of its own: what they are at, and their ends.

use super::{Session, TransportError};
use crate::engine::{DtlsError, SctpState, TransportId};
use ortica_core::Instant;
use ortica_ice::Candidate;

/// Two candidates that ICE sends between.
///
/// Source: [webrtc-pc §5.6.4](https://www.w3.org/TR/webrtc/#rtcicecandidatepair)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CandidatePair {
    /// Ours.
    pub local: Candidate,
    /// The peer's. One that it did not signal but sent a check from is peer-reflexive.
    pub remote: Candidate,
}

/// # Layers of a transport
impl Session {
    /// The pair that ICE sends over; `None` while it has none, or lost consent.
    pub fn selected_candidate_pair(&self, id: TransportId) -> Option<CandidatePair> {
        let agent = self.ice(id)?;
        let pair = agent.pairs().find(|pair| pair.selected)?;
        let candidate = |wanted| agent.candidates().find(|it| it.id == wanted).map(|it| it.candidate.clone());
        Some(CandidatePair { local: candidate(pair.local)?, remote: candidate(pair.remote)? })
    }

    /// Why DTLS failed, once it has.
    pub fn dtls_error(&self, id: TransportId) -> Option<DtlsError> {
        self.transports.get(&id)?.dtls_error
    }

    /// State of SCTP on a transport; [`SctpState::Connecting`] as long as it was not started.
    pub fn sctp_state(&self, id: TransportId) -> Option<SctpState> {
        Some(self.transports.get(&id)?.sctp_state)
    }

    /// How many data channels there can be at a time: the streams that both sides have, once SCTP is connected, and no more
    /// than [`Limits::channels`](crate::engine::Limits::channels).
    ///
    /// Source: [webrtc-pc §6.1.1](https://www.w3.org/TR/webrtc/#dom-rtcsctptransport-maxchannels)
    pub fn max_channels(&self, id: TransportId) -> Option<usize> {
        let association = self.transports.get(&id)?.secured.as_ref()?.association.as_ref()?;
        let association = Some(association).filter(|association| association.is_connected())?;
        let streams = association.outbound_streams()?.min(association.inbound_streams()?);
        Some(usize::from(streams).min(self.config.limits.channels))
    }

    /// Bytes of the longest message that is taken from the peer, to be signalled to it.
    pub fn max_received_message_size(&self) -> usize {
        self.config.max_message_size()
    }

    /// Ends data channels on a transport, for good: what is queued is dropped, and they close. DTLS goes on.
    ///
    /// # Errors
    /// [`TransportError::Unknown`].
    pub fn stop_sctp(&mut self, now: Instant, id: TransportId) -> Result<(), TransportError> {
        let transport = self.transports.get_mut(&id).ok_or(TransportError::Unknown(id))?;
        transport.stop_sctp(now, &mut self.channels, &mut self.events);
        transport.settle(now, &self.config, &mut self.channels, &mut self.events);
        Ok(())
    }

    /// Ends DTLS on a transport, for good, with a goodbye to the peer and all that runs over it. ICE goes on.
    ///
    /// # Errors
    /// [`TransportError::Unknown`].
    pub fn stop_dtls(&mut self, now: Instant, id: TransportId) -> Result<(), TransportError> {
        self.command(now, id, |transport, _, events| {
            transport.stop_dtls(now, events);
            Ok(())
        })
    }
}
