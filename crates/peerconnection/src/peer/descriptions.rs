//! Descriptions and candidates, made and applied, and what follows from them.

use super::{Peer, PeerEvent};
use crate::jsep::{
    DescriptionError, IceCandidate, IceCandidateError, SdpType, SessionDescription, SignalingState, is_trickled,
};
use ortica_core::Instant;
use ortica_ice::GatheringState;

/// # Descriptions
impl Peer {
    /// The signaling state.
    pub fn signaling_state(&self) -> SignalingState {
        if self.is_ended() { SignalingState::Closed } else { self.negotiation.state() }
    }

    /// The local description with the candidates gathered so far: the pending one, else the current one.
    pub fn local_description(&self) -> Option<SessionDescription> {
        self.pending_local_description().or_else(|| self.current_local_description())
    }

    /// The local description that was agreed on last.
    pub fn current_local_description(&self) -> Option<SessionDescription> {
        self.negotiation.current_local(&self.session)
    }

    /// The local description of an exchange that is under way.
    pub fn pending_local_description(&self) -> Option<SessionDescription> {
        self.negotiation.pending_local(&self.session)
    }

    /// The remote description: the pending one, else the current one.
    pub fn remote_description(&self) -> Option<&SessionDescription> {
        self.pending_remote_description().or_else(|| self.current_remote_description())
    }

    /// The remote description that was agreed on last.
    pub fn current_remote_description(&self) -> Option<&SessionDescription> {
        self.negotiation.current_remote()
    }

    /// The remote description of an exchange that is under way.
    pub fn pending_remote_description(&self) -> Option<&SessionDescription> {
        self.negotiation.pending_remote()
    }

    /// Makes an offer.
    ///
    /// # Errors
    /// See [`DescriptionError`].
    pub fn create_offer(&mut self, now: Instant) -> Result<SessionDescription, DescriptionError> {
        self.check_open()?;
        self.negotiation.create_offer(now, &mut self.session)
    }

    /// Makes an answer to the pending offer.
    ///
    /// # Errors
    /// See [`DescriptionError`].
    pub fn create_answer(&mut self, now: Instant) -> Result<SessionDescription, DescriptionError> {
        self.check_open()?;
        self.negotiation.create_answer(now, &mut self.session)
    }

    /// Makes the description that fits the state (JSEP-3).
    ///
    /// # Errors
    /// See [`DescriptionError`].
    pub fn create_implicit(&mut self, now: Instant) -> Result<SessionDescription, DescriptionError> {
        match self.negotiation.implicit_type() {
            SdpType::Offer => self.create_offer(now),
            _ => self.create_answer(now),
        }
    }

    /// Applies a description of this side. One without text is made here.
    ///
    /// # Errors
    /// See [`DescriptionError`]; nothing has changed then.
    pub fn set_local_description(
        &mut self,
        now: Instant,
        mut description: SessionDescription,
    ) -> Result<(), DescriptionError> {
        self.check_open()?;
        if description.sdp.is_empty() {
            description.sdp = match description.kind {
                SdpType::Offer => self.create_offer(now)?.sdp,
                SdpType::Pranswer | SdpType::Answer => self.create_answer(now)?.sdp,
                SdpType::Rollback => String::new(),
            };
        }
        let before = self.signaling_state();
        let gather = self.negotiation.set_local_description(now, &mut self.session, &description)?;
        for transport in gather {
            self.gather(now, transport);
        }
        self.after_negotiation(before);
        Ok(())
    }

    /// Applies a description of the other side. An offer that meets one of this side takes its place: that one is rolled back
    /// first, and stays so if the other's is refused.
    ///
    /// # Errors
    /// See [`DescriptionError`]; but for such a rollback nothing has changed then.
    pub fn set_remote_description(
        &mut self,
        now: Instant,
        description: SessionDescription,
    ) -> Result<(), DescriptionError> {
        self.check_open()?;
        let before = self.signaling_state();
        let gives_way = self.negotiation.gives_way_to(description.kind);
        if gives_way {
            self.negotiation.set_local_description(now, &mut self.session, &SessionDescription::rollback())?;
            self.report_negotiation(before);
        }
        let before = self.signaling_state();
        let outcome = self.negotiation.set_remote_description(now, &mut self.session, description);
        if gives_way || outcome.is_ok() {
            self.after_negotiation(before);
        }
        outcome
    }

    /// Adds a candidate of the other side; an empty one ends them.
    ///
    /// # Errors
    /// See [`IceCandidateError`].
    pub fn add_ice_candidate(&mut self, now: Instant, candidate: &IceCandidate) -> Result<(), IceCandidateError> {
        if self.is_ended() {
            return Err(IceCandidateError::Closed);
        }
        self.negotiation.add_ice_candidate(now, &mut self.session, candidate)
    }

    /// Asks for fresh ICE credentials in the next offer, which `NegotiationNeeded` asks for; the pair in use carries on
    /// meanwhile.
    ///
    /// Source: [webrtc-pc §4.4.2](https://www.w3.org/TR/webrtc/#dom-rtcpeerconnection-restartice)
    pub fn restart_ice(&mut self) {
        if !self.is_ended() {
            self.negotiation.want_restart();
            self.update_negotiation_needed();
        }
    }

    /// Whether the other side says that it takes candidates as they come: `None` before there is a remote description.
    ///
    /// Source: [webrtc-pc §4.4.2](https://www.w3.org/TR/webrtc/#dom-rtcpeerconnection-cantrickleicecandidates)
    pub fn can_trickle_ice_candidates(&self) -> Option<bool> {
        self.remote_description().map(|description| is_trickled(&description.sdp))
    }

    pub(super) fn check_open(&self) -> Result<(), DescriptionError> {
        if self.is_ended() { Err(DescriptionError::Closed) } else { Ok(()) }
    }

    pub(super) fn after_negotiation(&mut self, before: SignalingState) {
        self.report_negotiation(before);
        // What was said before this negotiation and not heard yet is out of date.
        self.events.retain(|event| *event != PeerEvent::NegotiationNeeded);
        self.negotiation_needed = false;
        self.update_negotiation_needed();
    }

    fn report_negotiation(&mut self, before: SignalingState) {
        // In this order (webrtc-pc §4.4.1.5).
        let state = self.signaling_state();
        if state != before {
            self.tell(PeerEvent::SignalingStateChange(state));
        }
        self.update_mutes();
        self.report_tracks();
        self.forget_transports();
        self.update_gathering();
        self.update_connection();
    }

    /// An answer makes transports superfluous, and a rollback takes back what was gathered for an offer.
    fn forget_transports(&mut self) {
        let Self { session, gathered, sockets, tcp, .. } = self;
        gathered.retain(|id, _| session.ice(*id).is_some_and(|agent| agent.gathering_state() != GatheringState::New));
        sockets.release(tcp, |id| session.ice(id).is_some());
    }

    /// Evaluated once at the end of each call that may want it; said once until the next negotiation (JSEP-2).
    pub(super) fn update_negotiation_needed(&mut self) {
        if !self.is_ended()
            && !self.negotiation_needed
            && self.negotiation.state() == SignalingState::Stable
            && self.negotiation.is_needed()
        {
            self.negotiation_needed = true;
            self.events.push_back(PeerEvent::NegotiationNeeded);
        }
    }
}
