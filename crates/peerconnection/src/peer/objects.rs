//! The transports of a peer, each layer as an object to look at.

use super::Peer;
use crate::engine::{DtlsState, SctpState, TransportId};
use crate::jsep::TransceiverId;
use crate::ortc::IceCandidatePair;
use ortica_ice::{GatheringState, Role, State};

/// # Transports
impl Peer {
    /// What carries what a transceiver sends and receives, once a description of this side that has its section was set.
    ///
    /// Source: [webrtc-pc §5.2](https://www.w3.org/TR/webrtc/#dom-rtcrtpsender-transport)
    pub fn transport_of(&self, id: TransceiverId) -> Option<TransportId> {
        self.negotiation.transport_of(&self.transceiver(id)?.mid?)
    }

    /// Whether there is an SCTP transport: a description with a section for data was set, and not taken back or rejected.
    ///
    /// Source: [webrtc-pc §6.1](https://www.w3.org/TR/webrtc/#dom-rtcpeerconnection-sctp)
    pub fn has_sctp(&self) -> bool {
        self.by_hand.is_some() || self.negotiation.has_data()
    }

    /// What carries data channels.
    pub fn data_transport(&self) -> Option<TransportId> {
        match &self.by_hand {
            Some(by_hand) => Some(by_hand.transport),
            None => self.negotiation.data_transport(),
        }
    }

    /// `true` when a transport is gone, or is going with the connection.
    pub fn is_object_closed(&self, id: TransportId) -> bool {
        self.is_ended() || self.session.ice(id).is_none()
    }

    /// Which role this side has in ICE; `None` before it knows the peer's credentials.
    pub fn ice_role(&self, id: TransportId) -> Option<Role> {
        let agent = self.session.ice(id)?;
        agent.remote_credentials().map(|_| agent.role())
    }

    /// State of ICE on a transport.
    pub fn ice_state(&self, id: TransportId) -> State {
        match self.session.ice(id) {
            Some(agent) if !self.is_ended() => agent.state(),
            _ => State::Closed,
        }
    }

    /// How far gathering is on a transport. A connection that is closed stays where it was.
    pub fn gathering_state(&self, id: TransportId) -> GatheringState {
        self.gathered.get(&id).copied().unwrap_or_default()
    }

    /// The pair that carries everything on a transport.
    pub fn selected_candidate_pair(&self, id: TransportId) -> Option<IceCandidatePair> {
        if self.is_ended() {
            return None;
        }
        IceCandidatePair::of(&self.session.selected_candidate_pair(id)?)
    }

    /// State of DTLS on a transport.
    pub fn dtls_state(&self, id: TransportId) -> DtlsState {
        if self.is_ended() { DtlsState::Closed } else { self.session.dtls_state(id).unwrap_or(DtlsState::Closed) }
    }

    /// The certificates that the peer showed on a transport, as X.509 DER, once DTLS was connected.
    pub fn remote_certificates(&self, id: TransportId) -> Vec<Vec<u8>> {
        let verified = self.session.verified(id).into_iter();
        verified.map(|verified| verified.peer_certificate().to_vec()).collect()
    }

    /// State of SCTP.
    pub fn sctp_state(&self) -> SctpState {
        if self.is_ended() {
            return SctpState::Closed;
        }
        self.data_transport().and_then(|id| self.session.sctp_state(id)).unwrap_or_default()
    }

    /// How many data channels there can be at a time, once SCTP is connected.
    pub fn max_channels(&self) -> Option<usize> {
        self.session.max_channels(self.data_transport()?)
    }
}
