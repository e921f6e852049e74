//! ICE, as an object.

use super::{
    IceCandidate, IceCandidatePair, IceComponent, IceGatherer, IceGathererState, IceParameters, IceRole,
    IceTransportState, ObjectError,
};
use crate::driver::Interest;
use crate::engine::TransportId;
use crate::peer::Peer;
use crate::peer_connection::Handle;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

/// The way that ICE finds to the peer. Of a connection it can be looked at and waited for; one of a [gatherer](IceGatherer) is
/// started by hand.
///
/// Clones name the same transport, and so do equal ones. It keeps its connection alive. Of one that bundling made superfluous the
/// state is closed.
///
/// Source: [webrtc-pc §5.6](https://www.w3.org/TR/webrtc/#rtcicetransport-interface),
/// [ORTC `RTCIceTransport`](https://draft.ortc.org/#rtcicetransport*)
#[derive(Clone)]
pub struct IceTransport {
    pub(super) handle: Arc<Handle>,
    pub(super) id: TransportId,
}

impl IceTransport {
    pub(crate) fn of(handle: Arc<Handle>, id: TransportId) -> Self {
        Self { handle, id }
    }

    /// The transport of a gatherer. There is one: further ones are the same.
    pub fn new(gatherer: &IceGatherer) -> Self {
        gatherer.transport().clone()
    }

    /// Who decides on the pair; `None` before it is known what the peer is called.
    pub fn role(&self) -> Option<IceRole> {
        self.look(|peer| peer.ice_role(self.id))
    }

    /// What it is for: media with its reports, and data.
    pub fn component(&self) -> IceComponent {
        IceComponent::Rtp
    }

    /// Its state.
    pub fn state(&self) -> IceTransportState {
        self.look(|peer| peer.ice_state(self.id))
    }

    /// How far gathering is.
    pub fn gathering_state(&self) -> IceGathererState {
        self.look(|peer| peer.gathering_state(self.id))
    }

    /// Candidates of this side, of the generation in force.
    pub fn local_candidates(&self) -> Vec<IceCandidate> {
        let all = self.look(|peer| peer.session().ice(self.id).map(|agent| agent.local_candidates().to_vec()));
        all.iter().flatten().filter_map(IceCandidate::of).collect()
    }

    /// Candidates that the peer signalled and that can be used, of the generation in force.
    pub fn remote_candidates(&self) -> Vec<IceCandidate> {
        let all = self.look(|peer| Some(peer.session().ice(self.id)?.remote_candidates().cloned().collect::<Vec<_>>()));
        all.iter().flatten().filter_map(IceCandidate::of).collect()
    }

    /// The pair that carries everything, `None` as long as there is none.
    pub fn selected_candidate_pair(&self) -> Option<IceCandidatePair> {
        self.look(|peer| peer.selected_candidate_pair(self.id))
    }

    /// What the peer is to know of this side; `None` once it is gone.
    pub fn local_parameters(&self) -> Option<IceParameters> {
        self.look(|peer| Some(IceParameters::local(peer.session().ice(self.id)?)))
    }

    /// What is known of the peer.
    pub fn remote_parameters(&self) -> Option<IceParameters> {
        self.look(|peer| IceParameters::remote(peer.session().ice(self.id)?))
    }

    /// Starts towards the peer: checks go out as soon as there are candidates of both sides. One side has to control, and the
    /// other one not.
    ///
    /// With other parameters than before it starts anew: the peer has [restarted](IceGatherer::restart). Where this side has not
    /// yet, it does, so that it has other [local parameters](Self::local_parameters) and candidates, which the peer is to be told;
    /// the peer's candidates are forgotten. The pair in use carries on until a new one is found.
    ///
    /// # Errors
    /// [`ObjectError::Started`] for another role than before, [`ObjectError::Transport`] for malformed parameters,
    /// [`ObjectError::Negotiated`], [`ObjectError::Closed`].
    pub fn start(&self, remote: &IceParameters, role: IceRole) -> Result<(), ObjectError> {
        self.handle.cell.command(|peer, now| peer.start_ice(now, self.id, remote, role))
    }

    /// Takes a candidate of the peer, before or after the start; `None` ends them.
    ///
    /// # Errors
    /// [`ObjectError::Candidate`] or [`ObjectError::Transport`] for one that cannot be used, [`ObjectError::Negotiated`],
    /// [`ObjectError::Closed`].
    pub fn add_remote_candidate(&self, candidate: Option<&IceCandidate>) -> Result<(), ObjectError> {
        self.handle.cell.command(|peer, now| peer.add_remote_candidate(now, self.id, candidate))
    }

    /// Closes it for good, with all that is built on it: what was sent on data channels still goes out, as when a
    /// [connection](crate::PeerConnection::close) is closed.
    ///
    /// # Errors
    /// [`ObjectError::Negotiated`].
    pub fn stop(&self) -> Result<(), ObjectError> {
        if !self.look(|peer| peer.is_by_hand()) {
            return Err(ObjectError::Negotiated);
        }
        self.handle.end();
        Ok(())
    }

    /// Waits until its state is another than `seen`, or everything is closed. What it was in between may be missed.
    pub async fn state_change(&self, seen: IceTransportState) -> IceTransportState {
        self.wait(|peer| Some(peer.ice_state(self.id)).filter(|state| *state != seen || peer.is_ended())).await
    }

    /// Waits until it is connected.
    ///
    /// # Errors
    /// The state it reached instead: failed or closed.
    pub async fn connected(&self) -> Result<(), IceTransportState> {
        self.wait(|peer| match peer.ice_state(self.id) {
            IceTransportState::Connected | IceTransportState::Completed => Some(Ok(())),
            state @ (IceTransportState::Failed | IceTransportState::Closed) => Some(Err(state)),
            _ => None,
        })
        .await
    }

    /// Waits until all candidates of this side are known, or it is closed.
    pub async fn gathering_complete(&self) {
        self.wait(|peer| {
            let complete = peer.gathering_state(self.id) == IceGathererState::Complete;
            (complete || peer.is_object_closed(self.id)).then_some(())
        })
        .await;
    }

    /// Waits until the selected pair is another than `seen`, or it is closed.
    pub async fn selected_candidate_pair_change(&self, seen: Option<&IceCandidatePair>) -> Option<IceCandidatePair> {
        self.wait(|peer| {
            let pair = peer.selected_candidate_pair(self.id);
            (pair.as_ref() != seen || peer.is_object_closed(self.id)).then_some(pair)
        })
        .await
    }

    async fn wait<T>(&self, look: impl Fn(&Peer) -> Option<T>) -> T {
        let mut place = self.handle.cell.place(Interest::Transport);
        poll_fn(|cx| place.poll(cx, |peer, _| look(peer))).await
    }

    fn look<T>(&self, look: impl FnOnce(&Peer) -> T) -> T {
        self.handle.cell.look(|inner| look(&inner.peer))
    }
}

impl PartialEq for IceTransport {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.handle, &other.handle) && self.id == other.id
    }
}

impl Eq for IceTransport {}

impl fmt::Debug for IceTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IceTransport").field(&self.id).finish()
    }
}
