//! Candidates of both sides, as signaling carries them.

use super::Negotiation;
use crate::engine::{Session, TransportId};
use crate::jsep::{IceCandidate, IceCandidateError, SignalingState};
use ortica_core::Instant;
use ortica_ice::Candidate;

/// Candidates that wait for the answer (JSEP-4).
const MAX_WAITING: usize = 256;

impl Negotiation {
    /// A local candidate as signaling carries it.
    pub fn local_candidate(
        &self,
        transport: TransportId,
        candidate: &Candidate,
        session: &Session,
    ) -> Option<IceCandidate> {
        let local = self.agreed()?;
        let (index, section) = local.model.leader()?;
        Some(IceCandidate {
            candidate: candidate.to_string(),
            sdp_mid: Some(section.mid.clone()),
            sdp_mline_index: u16::try_from(index).ok(),
            username_fragment: Some(session.ice(transport)?.local_credentials().ufrag.clone()),
        })
    }

    pub fn add_ice_candidate(
        &mut self,
        now: Instant,
        session: &mut Session,
        candidate: &IceCandidate,
    ) -> Result<(), IceCandidateError> {
        let unanswered = self.state == SignalingState::HaveRemoteOffer;
        let theirs = self.pending_remote.as_mut().or(self.current_remote.as_mut());
        let theirs = theirs.ok_or(IceCandidateError::NoRemoteDescription)?;
        let section = theirs.parsed.section_of(candidate).ok_or(IceCandidateError::UnknownSection)?;
        if let Some(ufrag) = &candidate.username_fragment
            && section.credentials.as_ref().is_some_and(|credentials| credentials.ufrag != *ufrag)
        {
            return Err(IceCandidateError::UnknownUfrag(ufrag.clone()));
        }
        let parsed = match candidate.candidate.as_str() {
            "" => None,
            text => {
                let mut parsed = text.parse::<Candidate>()?;
                parsed.ufrag = parsed.ufrag.or_else(|| candidate.username_fragment.clone());
                Some(parsed)
            }
        };
        // Before the answer is set the candidates wait with the offer they belong to.
        if unanswered {
            match parsed {
                None => section.end_of_candidates = true,
                Some(parsed) if section.candidates.len() < MAX_WAITING => section.candidates.push(parsed),
                Some(_) => tracing::debug!("too many candidates before the answer"),
            }
            return Ok(());
        }
        let Some(transport) = self.transport else { return Err(IceCandidateError::NoRemoteDescription) };
        // This side restarted and the answer is awaited: what comes is of the generation that is being replaced.
        if session.ice(transport).is_some_and(|agent| agent.remote_credentials().is_none()) {
            return Ok(());
        }
        match parsed {
            None => session.end_of_remote_candidates(now, transport)?,
            Some(parsed) => session.add_remote_candidate(now, transport, parsed)?,
        }
        Ok(())
    }
}
