//! What transports gather, as a connection reports it.

use super::configuration::url_of;
use super::{Peer, PeerEvent};
use crate::engine::TransportId;
use crate::jsep::{IceCandidate, IceServerTransportProtocol};
use crate::states::IceGatheringState;
use ortica_ice::{Candidate, CandidateKind, GatheringState};

impl Peer {
    pub(super) fn on_local_candidate(&mut self, transport: TransportId, candidate: &Candidate) {
        let Some(told) = self.negotiation.local_candidate(transport, candidate, &self.session) else { return };
        let (url, relay_protocol) = self.server_of(transport, candidate).unwrap_or_default();
        self.events.push_back(PeerEvent::IceCandidate(Some(IceCandidate { url, relay_protocol, ..told })));
    }

    /// The URL of the server that saw a candidate of this side or lends it, and in the latter case how it is reached.
    fn server_of(
        &self,
        transport: TransportId,
        candidate: &Candidate,
    ) -> Option<(Option<String>, Option<IceServerTransportProtocol>)> {
        let mut all = self.session.ice(transport)?.candidates();
        let known = all.find(|it| !it.remote && it.candidate == candidate)?;
        let url = known.server.map(|server| url_of(server, known.turn));
        let relay = known.turn.filter(|_| candidate.kind == CandidateKind::Relayed);
        Some((url, relay.map(IceServerTransportProtocol::from)))
    }

    /// The end of a transport's candidates is told before it counts as complete (webrtc-pc §5.6.3, "surface the candidate").
    pub(super) fn on_gathering(&mut self, transport: TransportId, state: GatheringState) {
        if state == GatheringState::Complete {
            let end = self.negotiation.end_of_local_candidates(transport, &self.session);
            self.events.extend(end.map(|end| PeerEvent::IceCandidate(Some(end))));
        }
        self.gathered.insert(transport, state);
        self.update_gathering();
    }

    pub(super) fn update_gathering(&mut self) {
        let reported = |id: &TransportId| self.gathered.get(id).copied().unwrap_or_default();
        let in_use: Vec<TransportId> = self.negotiation.transports_in_use().collect();
        // Those that were started together go on together: one that is done waits for what others have still to report.
        let begun = in_use.iter().any(|id| reported(id) != GatheringState::New);
        let goes_on = |id: &TransportId| self.session.has_gathering_event(*id) || self.sockets.is_waiting(*id);
        let state = in_use.iter().map(|id| if begun && goes_on(id) { GatheringState::Gathering } else { reported(id) });
        let state = IceGatheringState::of(state);
        if state == self.gathering {
            return;
        }
        self.gathering = state;
        self.tell(PeerEvent::IceGatheringStateChange(state));
        if state == IceGatheringState::Gathering {
            self.report_unsupported_servers();
        }
        // Last of all (webrtc-pc §5.6.3, "update the ICE gathering state").
        if state == IceGatheringState::Complete {
            self.events.push_back(PeerEvent::IceCandidate(None));
        }
    }
}
