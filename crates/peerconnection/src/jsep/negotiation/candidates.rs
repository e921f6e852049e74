//! Candidates of both sides, as signaling carries them.

use super::{Negotiation, Theirs};
use crate::engine::{Session, TransportId};
use crate::jsep::remote::{Place, RemoteSection, append_line};
use crate::jsep::{IceCandidate, IceCandidateError, SignalingState};
use ortica_core::Instant;
use ortica_ice::Candidate;
use std::collections::BTreeSet;

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
        self.signalled(transport, candidate.to_string(), session)
    }

    /// The end of a transport's local candidates, of the generation in force.
    ///
    /// Source: [webrtc-pc §4.8.2](https://www.w3.org/TR/webrtc/#rtcpeerconnectioniceevent)
    pub fn end_of_local_candidates(&self, transport: TransportId, session: &Session) -> Option<IceCandidate> {
        self.signalled(transport, String::new(), session)
    }

    fn signalled(&self, transport: TransportId, candidate: String, session: &Session) -> Option<IceCandidate> {
        let local = self.agreed()?;
        let (index, section) = local.model.leader(transport)?;
        Some(IceCandidate {
            candidate,
            sdp_mid: Some(section.mid.clone()),
            sdp_mline_index: u16::try_from(index).ok(),
            username_fragment: Some(session.ice(transport)?.local_credentials().ufrag.clone()),
            ..IceCandidate::default()
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
        let has_room = theirs.show(place, candidate);
        if self.state == SignalingState::HaveRemoteOffer {
            theirs.keep(place, parsed, has_room);
            return Ok(());
        }
        for transport in self.addressed(session, place) {
            match &parsed {
                None => session.end_of_remote_candidates(now, transport)?,
                Some(parsed) => session.add_remote_candidate(now, transport, parsed.clone())?,
            }
        }
        Ok(())
    }

    /// The transports that a candidate is for. None while this side restarts and awaits the answer, since what comes is of the
    /// generation that is being replaced; none where it is for a transport that bundling made superfluous.
    fn addressed(&self, session: &Session, place: Place) -> BTreeSet<TransportId> {
        let theirs = self.pending_remote.as_ref().or(self.current_remote.as_ref());
        let sections = theirs.map_or(&[][..], |theirs| &theirs.parsed.sections);
        let meant = sections.iter().enumerate().filter(|(index, _)| place.holds(*index));
        let transport = |(index, section): (usize, &RemoteSection)| {
            let transport = self.transports.in_force(index)?;
            let known = session.ice(transport)?.remote_credentials()?;
            Some(transport).filter(|_| section.credentials.as_ref().is_none_or(|named| named == known))
        };
        meant.filter_map(transport).collect()
    }
}

impl Theirs {
    /// Adds a candidate to the text, where the application sees it (webrtc-pc §4.4.2, `addIceCandidate`).
    /// `false` when there are too many.
    fn show(&mut self, place: Place, candidate: &IceCandidate) -> bool {
        if self.added >= MAX_ADDED {
            tracing::debug!("too many candidates to show");
            return false;
        }
        self.added += 1;
        let line = match candidate.candidate.as_str() {
            "" => "a=end-of-candidates".to_owned(),
            text => format!("a={}", text.strip_prefix("a=").unwrap_or(text)),
        };
        append_line(&mut self.description.sdp, place, &line);
        true
    }

    /// Before the answer is set a candidate waits with the section that it belongs to.
    fn keep(&mut self, place: Place, candidate: Option<Candidate>, has_room: bool) {
        for (_, section) in self.parsed.sections.iter_mut().enumerate().filter(|(index, _)| place.holds(*index)) {
            match &candidate {
                None => section.end_of_candidates = true,
                Some(candidate) if has_room => section.candidates.push(candidate.clone()),
                Some(_) => {}
            }
        }
    }
}
