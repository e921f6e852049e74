//! Gathers candidates.

use super::{IceCandidate, IceGathererState, IceParameters, IceTransport, ObjectError};
use crate::driver::Interest;
use crate::peer::Peer;
use crate::{Configuration, NewError, PeerConnection};
use std::future::poll_fn;

/// What gathers the candidates of one [`IceTransport`]. It has its own place at the endpoint, beside all other connections there.
///
/// Clones name the same gatherer. When its last handle is gone, with those of all that is built on it, everything is closed.
///
/// Source: [ORTC `RTCIceGatherer`](https://draft.ortc.org/#rtcicegatherer*)
#[derive(Clone, Debug, PartialEq)]
pub struct IceGatherer {
    transport: IceTransport,
}

impl IceGatherer {
    /// Makes a gatherer on the current tokio runtime. The configuration says what holds for all that is built on it too: the
    /// certificate that DTLS shows, bounds of data channels, the endpoint.
    ///
    /// # Errors
    /// See [`NewError`].
    ///
    /// # Panics
    /// Outside a tokio runtime, when the configuration brings no endpoint.
    pub fn new(configuration: Configuration) -> Result<Self, NewError> {
        let handle = PeerConnection::open(configuration)?;
        let id = handle.cell.command(|peer, now| peer.steer_by_hand(now))?;
        Ok(Self { transport: IceTransport::of(handle, id) })
    }

    /// Starts to gather: local addresses, and what the STUN servers of the configuration see.
    ///
    /// # Errors
    /// [`ObjectError::Started`] the second time, [`ObjectError::Closed`].
    pub fn gather(&self) -> Result<(), ObjectError> {
        let id = self.transport.id;
        self.transport.handle.cell.command(|peer, now| peer.gather_by_hand(now, id))
    }

    /// How far it is.
    pub fn state(&self) -> IceGathererState {
        self.transport.gathering_state()
    }

    /// What the peer is to know of this side.
    pub fn local_parameters(&self) -> IceParameters {
        // It is there from the beginning, and empty once everything is over.
        self.transport.local_parameters().unwrap_or_default()
    }

    /// What was gathered so far.
    pub fn local_candidates(&self) -> Vec<IceCandidate> {
        self.transport.local_candidates()
    }

    /// The candidates one after the other, those that were gathered before included: to be told to the peer as they come.
    pub fn candidates(&self) -> LocalCandidates {
        LocalCandidates { transport: self.transport.clone(), told: 0 }
    }

    /// Waits until all candidates are known, or everything is closed.
    pub async fn gathering_complete(&self) {
        self.transport.gathering_complete().await;
    }

    pub(super) fn transport(&self) -> &IceTransport {
        &self.transport
    }
}

/// The candidates of a gatherer, as they come.
#[derive(Clone, Debug)]
pub struct LocalCandidates {
    transport: IceTransport,
    told: usize,
}

impl LocalCandidates {
    /// The next candidate; `None` after the last one, which the peer is to be told too. Cancelling loses nothing.
    pub async fn next(&mut self) -> Option<IceCandidate> {
        let IceTransport { handle, id } = self.transport.clone();
        let mut place = handle.cell.place(Interest::Transport);
        let next = poll_fn(|cx| place.poll(cx, |peer, _| Self::peek(peer, id, self.told))).await;
        self.told += usize::from(next.is_some());
        next
    }

    fn peek(peer: &Peer, id: crate::engine::TransportId, told: usize) -> Option<Option<IceCandidate>> {
        let agent = peer.session().ice(id);
        let candidate = agent.and_then(|agent| agent.local_candidates().get(told)).and_then(IceCandidate::of);
        let over = peer.is_object_closed(id) || peer.gathering_state(id) == IceGathererState::Complete;
        candidate.map(Some).or(over.then_some(None))
    }
}
