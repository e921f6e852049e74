//! Candidates of both sides, as signaling carries them.

use super::{Negotiation, Theirs};
use crate::engine::{Session, TransportId};
use crate::jsep::remote::{Place, append_line};
use crate::jsep::{IceCandidate, IceCandidateError, SignalingState};
use ortica_core::Instant;
use ortica_ice::Candidate;

/// Candidates that wait with an offer for its answer, and candidates that are shown in a description (JSEP-4).
const MAX_ADDED: usize = 256;

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
        let theirs = self.pending_remote.as_mut().or(self.current_remote.as_mut());
        let theirs = theirs.ok_or(IceCandidateError::NoRemoteDescription)?;
        let place = theirs.parsed.place_of(candidate)?;
        let parsed = match candidate.candidate.as_str() {
            "" => None,
            text => {
                let mut parsed = text.parse::<Candidate>()?;
                parsed.ufrag = parsed.ufrag.or_else(|| candidate.username_fragment.clone());
                Some(parsed)
            }
        };
        theirs.show(place, candidate);
        if self.state == SignalingState::HaveRemoteOffer {
            theirs.keep(place, parsed);
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

impl Theirs {
    /// Adds a candidate to the text, where the application sees it (webrtc-pc §4.4.2, `addIceCandidate`).
    fn show(&mut self, place: Place, candidate: &IceCandidate) {
        if self.added >= MAX_ADDED {
            tracing::debug!("too many candidates to show");
            return;
        }
        self.added += 1;
        let line = match candidate.candidate.as_str() {
            "" => "a=end-of-candidates".to_owned(),
            text => format!("a={}", text.strip_prefix("a=").unwrap_or(text)),
        };
        append_line(&mut self.description.sdp, place, &line);
    }

    /// Before the answer is set a candidate waits with the offer that it belongs to.
    fn keep(&mut self, place: Place, candidate: Option<Candidate>) {
        let Some(section) = self.parsed.leader_of(place) else { return };
        match candidate {
            None => section.end_of_candidates = true,
            Some(candidate) if section.candidates.len() < MAX_ADDED => section.candidates.push(candidate),
            Some(_) => tracing::debug!("too many candidates before the answer"),
        }
    }
}
