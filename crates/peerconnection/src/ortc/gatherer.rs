//! Gathers candidates.

use super::{IceCandidate, IceGathererState, IceParameters, IceTransport, ObjectError};
use crate::driver::Interest;
use crate::engine::TransportId;
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

    /// Starts to gather: local addresses, what the STUN servers of the configuration see, and what its TURN servers lend.
    ///
    /// # Errors
    /// [`ObjectError::Started`] the second time, [`ObjectError::Closed`].
    pub fn gather(&self) -> Result<(), ObjectError> {
        let id = self.transport.id;
        self.transport.handle.cell.command(|peer, now| peer.gather_by_hand(now, id))
    }

    /// Gathers anew, with other [local parameters](Self::local_parameters): the peer is to be told both, and answers with
    /// parameters to [start](IceTransport::start) with. What is in use carries on until the new candidates have found a pair, also
    /// where it is lost already.
    ///
    /// # Errors
    /// [`ObjectError::NotGathering`], [`ObjectError::Closed`].
    ///
    /// Source: [RFC 8445 §9](https://www.rfc-editor.org/rfc/rfc8445#section-9)
    pub fn restart(&self) -> Result<(), ObjectError> {
        let id = self.transport.id;
        self.transport.handle.cell.command(|peer, now| peer.restart_gathering(now, id))
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

    /// The candidates one after the other, those that were gathered before included: to be told to the peer as they come. After
    /// a [restart](Self::restart) they are those of the new parameters.
    pub fn candidates(&self) -> LocalCandidates {
        LocalCandidates { transport: self.transport.clone(), told: 0, of: String::new() }
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
    /// The fragment that those belong to.
    of: String,
}

impl LocalCandidates {
    /// The next candidate; `None` after the last one, which the peer is to be told too. Cancelling loses nothing.
    pub async fn next(&mut self) -> Option<IceCandidate> {
        let IceTransport { handle, id } = self.transport.clone();
        let mut place = handle.cell.place(Interest::Transport);
        poll_fn(|cx| place.poll(cx, |peer, _| self.take(peer, id))).await
    }

    fn take(&mut self, peer: &Peer, id: TransportId) -> Option<Option<IceCandidate>> {
        let agent = peer.session().ice(id);
        if let Some(agent) = agent.filter(|agent| agent.local_credentials().ufrag != self.of) {
            self.of.clone_from(&agent.local_credentials().ufrag);
            self.told = 0;
        }
        let candidate = agent.and_then(|agent| agent.local_candidates().get(self.told)).and_then(IceCandidate::of);
        self.told += usize::from(candidate.is_some());
        let over = peer.is_object_closed(id) || peer.gathering_state(id) == IceGathererState::Complete;
        candidate.map(Some).or(over.then_some(None))
    }
}
