//! DTLS, as an object.

use super::{DtlsError, DtlsFingerprint, DtlsParameters, DtlsRole, DtlsState, IceTransport, ObjectError};
use crate::driver::Interest;
use crate::engine::TransportId;
use crate::peer::Peer;
use crate::peer_connection::Handle;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;

/// DTLS over an [`IceTransport`]. Of a connection it can be looked at and waited for; one on a transport made by hand is started by
/// hand.
///
/// Clones name the same transport, and so do equal ones. It keeps its connection alive.
///
/// Source: [webrtc-pc §5.5](https://www.w3.org/TR/webrtc/#rtcdtlstransport-interface),
/// [ORTC `RTCDtlsTransport`](https://draft.ortc.org/#rtcdtlstransport*)
#[derive(Clone, Eq, PartialEq)]
pub struct DtlsTransport {
    ice: IceTransport,
}

impl DtlsTransport {
    pub(crate) fn of(handle: Arc<Handle>, id: TransportId) -> Self {
        Self { ice: IceTransport::of(handle, id) }
    }

    /// DTLS over that transport, with the certificate of the gatherer's configuration. There is one: further ones are the same.
    pub fn new(ice: &IceTransport) -> Self {
        Self { ice: ice.clone() }
    }

    /// What it runs over.
    pub fn ice_transport(&self) -> IceTransport {
        self.ice.clone()
    }

    /// Its state.
    pub fn state(&self) -> DtlsState {
        self.look(|peer| peer.dtls_state(self.ice.id))
    }

    /// Why it failed, once it has.
    pub fn error(&self) -> Option<DtlsError> {
        self.look(|peer| peer.session().dtls_error(self.ice.id))
    }

    /// What the peer is to know of this side. It leaves the role to the peer.
    pub fn local_parameters(&self) -> DtlsParameters {
        let fingerprints = self.look(|peer| peer.fingerprints().iter().map(DtlsFingerprint::from).collect());
        DtlsParameters { role: DtlsRole::Auto, fingerprints }
    }

    /// The certificates that the peer showed, as X.509 DER; none before DTLS is connected. They were compared with the
    /// fingerprints, and nothing in them but the key was looked at.
    ///
    /// Source: [webrtc-pc §5.5](https://www.w3.org/TR/webrtc/#dom-rtcdtlstransport-getremotecertificates)
    pub fn remote_certificates(&self) -> Vec<Vec<u8>> {
        self.look(|peer| peer.remote_certificates(self.ice.id))
    }

    /// Starts towards the peer; after [`IceTransport::start`], whose role settles this one's where the peer leaves it open.
    ///
    /// # Errors
    /// [`ObjectError::IceNotStarted`], [`ObjectError::NoFingerprint`], [`ObjectError::Fingerprint`], [`ObjectError::Started`],
    /// [`ObjectError::Negotiated`], [`ObjectError::Closed`].
    pub fn start(&self, remote: &DtlsParameters) -> Result<(), ObjectError> {
        self.ice.handle.cell.command(|peer, now| peer.start_dtls(now, self.ice.id, remote))
    }

    /// Says goodbye and closes it for good, with all that runs over it. ICE goes on.
    ///
    /// # Errors
    /// [`ObjectError::Negotiated`].
    pub fn stop(&self) -> Result<(), ObjectError> {
        self.ice.handle.cell.command(|peer, now| peer.stop_dtls(now, self.ice.id))
    }

    /// Waits until its state is another than `seen`, or everything is closed. What it was in between may be missed.
    pub async fn state_change(&self, seen: DtlsState) -> DtlsState {
        self.wait(|peer| Some(peer.dtls_state(self.ice.id)).filter(|state| *state != seen || peer.is_ended())).await
    }

    /// Waits until it is connected.
    ///
    /// # Errors
    /// The state it reached instead: failed or closed.
    pub async fn connected(&self) -> Result<(), DtlsState> {
        self.wait(|peer| match peer.dtls_state(self.ice.id) {
            DtlsState::New | DtlsState::Connecting => None,
            DtlsState::Connected => Some(Ok(())),
            state => Some(Err(state)),
        })
        .await
    }

    pub(super) fn handle(&self) -> &Arc<Handle> {
        &self.ice.handle
    }

    async fn wait<T>(&self, look: impl Fn(&Peer) -> Option<T>) -> T {
        let mut place = self.ice.handle.cell.place(Interest::Transport);
        poll_fn(|cx| place.poll(cx, |peer, _| look(peer))).await
    }

    fn look<T>(&self, look: impl FnOnce(&Peer) -> T) -> T {
        self.ice.handle.cell.look(|inner| look(&inner.peer))
    }
}

impl fmt::Debug for DtlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DtlsTransport").field(&self.ice.id).finish()
    }
}
