//! Peer connections, async.

mod tracks;

pub use tracks::TrackOrKind;

use crate::diagnostics::Outlets;
use crate::driver::{Cell, Endpoint, EndpointConfig, Interest};
use crate::engine::{ChannelError, CloseReason, TransportError, Undelivered};
use crate::jsep::{
    DescriptionError, IceCandidate, IceCandidateError, SessionDescription, SignalingState, TransceiverId,
};
use crate::media::{LocalTrack, RunningTransform};
use crate::ortc::SctpTransport;
use crate::peer::{ConfigurationError, Peer, TransformSide};
use crate::rtp_transceiver::RtpTransceiver;
use crate::states::{ConnectionState, IceConnectionState, IceGatheringState};
use crate::{Certificate, Configuration, DataChannel, DataChannelInit, Events};
use ortica_dtls::CertificateError;
use ortica_sdp::RtcpMuxPolicy;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use thiserror::Error;

/// Why a connection could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NewError {
    /// No socket could be bound.
    #[error("no socket could be bound")]
    Bind(#[source] io::Error),
    /// No certificate could be made.
    #[error("no certificate could be made")]
    Certificate(#[from] CertificateError),
    /// A certificate of the configuration has expired: the W3C's `InvalidAccessError`.
    #[error("the certificate has expired")]
    CertificateExpired,
    /// The configuration contradicts itself.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// [`Limits::transports`](crate::engine::Limits) allows none.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// ortica was built without a crypto backend, and none was given.
    #[error("no crypto provider: enable the feature aws-lc-rs or rust-crypto, or give one")]
    NoProvider,
    /// RTP and RTCP on ports of their own are not supported (webrtc-pc leaves `require` alone).
    #[error("RTP and RTCP share a port, or there is no media")]
    RtcpMuxPolicy,
}

/// A connection to one peer. Clones name the same connection; when the last handle is gone (channels count), it ends as after
/// [`close`](Self::close).
///
/// What may wait for the network is `async`; everything else is complete when it returns.
///
/// Source: [webrtc-pc §4.4](https://www.w3.org/TR/webrtc/#rtcpeerconnection-interface)
#[derive(Clone, Debug)]
pub struct PeerConnection {
    handle: Arc<Handle>,
}

type Transforms = BTreeMap<(TransceiverId, TransformSide), RunningTransform>;

/// What all handles of a connection share; dropping it ends the connection.
#[derive(Debug)]
pub(crate) struct Handle {
    pub cell: Arc<Cell>,
    /// What each transceiver sends.
    tracks: Mutex<BTreeMap<TransceiverId, LocalTrack>>,
    transforms: Mutex<Transforms>,
    /// As it was said last.
    configuration: Mutex<Configuration>,
    /// Keeps the driver running, until the connection is closed.
    endpoint: Mutex<Option<Endpoint>>,
}

impl Handle {
    /// Ends the connection and lets go of its endpoint, which ends with the last connection on it unless somebody else holds it.
    pub fn end(&self) {
        self.cell.end();
        self.configuration().endpoint = None;
        *self.endpoint.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn configuration(&self) -> MutexGuard<'_, Configuration> {
        self.configuration.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a transform in place of another one, or none.
    pub(crate) fn replace_transform(&self, of: (TransceiverId, TransformSide), with: Option<RunningTransform>) {
        let known = self.cell.command(|peer, _| peer.track_ids());
        let mut transforms = self.transforms.lock().unwrap_or_else(PoisonError::into_inner);
        // Transceivers that are gone have no frames any more.
        let stays = |at: &(TransceiverId, TransformSide)| *at != of && known.contains(&at.0);
        let (mut stay, gone): (Transforms, Transforms) =
            std::mem::take(&mut *transforms).into_iter().partition(|(at, _)| stays(at));
        stay.extend(with.map(|transform| (of, transform)));
        *transforms = stay;
        drop(transforms);
        // Each may run code of the application's as it is dropped.
        drop(gone);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.end();
    }
}

impl PeerConnection {
    /// Makes a connection and the stream of its events, on the current tokio runtime.
    ///
    /// # Errors
    /// See [`NewError`].
    ///
    /// # Panics
    /// Outside a tokio runtime, when the configuration brings no endpoint.
    pub fn new(configuration: Configuration) -> Result<(Self, Events), NewError> {
        let handle = Self::open(configuration)?;
        let events = Events { cell: handle.cell.clone(), handle: Arc::downgrade(&handle), over: false };
        Ok((Self { handle }, events))
    }

    /// What a connection is made of; ORTC objects are made of the same.
    pub(crate) fn open(configuration: Configuration) -> Result<Arc<Handle>, NewError> {
        let provider = configuration.provider().ok_or(NewError::NoProvider)?;
        if configuration.rtcp_mux_policy != RtcpMuxPolicy::Require {
            return Err(NewError::RtcpMuxPolicy);
        }
        let endpoint = match configuration.endpoint.clone() {
            Some(endpoint) => endpoint,
            None => Endpoint::new(
                EndpointConfig::default()
                    .with_gather_loopback(configuration.gather_loopback)
                    .with_tcp(configuration.tcp)
                    .with_default_route(configuration.ip_handling.is_default_route()),
            )
            .map_err(NewError::Bind)?,
        };
        let rng = endpoint.rng();
        let now = endpoint.clock().now();
        let wall = endpoint.clock().wall().ntp(now).to_unix();
        let certificates = match configuration.certificates.as_slice() {
            [] => vec![Certificate::generate(&provider, &mut rng.fork("certificate"), wall)?],
            given if given.iter().any(|certificate| certificate.expires() <= wall) => {
                return Err(NewError::CertificateExpired);
            }
            given => given.to_vec(),
        };
        let outlets = Outlets::new(configuration.diagnostics.clone());
        let config = configuration
            .to_engine(provider, &certificates, endpoint.may_fragment(), outlets.as_deref())
            .with_wall_clock(endpoint.clock().wall());
        let mut peer = Peer::new(Arc::new(config), rng, now);
        peer.set_bundle_policy(configuration.bundle_policy);
        peer.set_header_encryption_policy(configuration.rtp_header_encryption_policy);
        if let Some(codecs) = configuration.codecs.clone() {
            peer.set_codecs(codecs);
        }
        peer.set_sockets(endpoint.sockets());
        endpoint.tcp_sockets().into_iter().for_each(|sockets| peer.set_tcp_sockets(sockets));
        peer.set_configuration(now, configuration.ip_handling.peer(&configuration.peer))?;
        let cell = endpoint.add(peer, configuration.trust());
        cell.look(|inner| inner.outlets = outlets);
        let configuration = Mutex::new(configuration);
        Ok(Arc::new(Handle {
            cell,
            tracks: Mutex::default(),
            transforms: Mutex::default(),
            configuration,
            endpoint: Mutex::new(Some(endpoint)),
        }))
    }

    /// The configuration, as it was said last; without the endpoint once the connection is closed, which lets go of it.
    ///
    /// Source: [webrtc-pc §4.4.2](https://www.w3.org/TR/webrtc/#dom-rtcpeerconnection-getconfiguration)
    pub fn configuration(&self) -> Configuration {
        self.handle.configuration().clone()
    }

    /// Changes the configuration. ICE servers, the transport policy, the size of the candidate pool until a local description
    /// is set, and whether data channels are always negotiated can change; other servers and another policy take effect when
    /// candidates are gathered the next time, which the next offer asks for.
    ///
    /// # Errors
    /// See [`ConfigurationError`]; nothing has changed then.
    ///
    /// Source: [webrtc-pc §4.4.2](https://www.w3.org/TR/webrtc/#dom-rtcpeerconnection-setconfiguration)
    pub fn set_configuration(&self, configuration: Configuration) -> Result<(), ConfigurationError> {
        let mut current = self.handle.configuration();
        if let Some(what) = current.fixed_difference(&configuration) {
            return Err(ConfigurationError::InvalidModification(what));
        }
        let peer = configuration.ip_handling.peer(&configuration.peer);
        self.command(|it, now| it.set_configuration(now, peer))?;
        current.peer = configuration.peer;
        Ok(())
    }

    /// Whether the other side says that it takes candidates as they come: `None` before there is a remote description.
    ///
    /// Source: [webrtc-pc §4.4.2](https://www.w3.org/TR/webrtc/#dom-rtcpeerconnection-cantrickleicecandidates)
    pub fn can_trickle_ice_candidates(&self) -> Option<bool> {
        self.handle.cell.look(|inner| inner.peer.can_trickle_ice_candidates())
    }

    /// Makes an offer.
    ///
    /// # Errors
    /// See [`DescriptionError`].
    pub fn create_offer(&self) -> Result<SessionDescription, DescriptionError> {
        self.command(|peer, now| peer.create_offer(now))
    }

    /// Makes an answer to the offer that was set.
    ///
    /// # Errors
    /// See [`DescriptionError`].
    pub fn create_answer(&self) -> Result<SessionDescription, DescriptionError> {
        self.command(|peer, now| peer.create_answer(now))
    }

    /// Applies a description of this side, and starts gathering. `None` makes the one that fits the state, a description
    /// without text one of its type. [`SessionDescription::rollback`] takes an offer back.
    ///
    /// # Errors
    /// See [`DescriptionError`]; nothing has changed then.
    pub fn set_local_description(
        &self,
        description: impl Into<Option<SessionDescription>>,
    ) -> Result<(), DescriptionError> {
        let description = description.into();
        self.command(|peer, now| {
            let description = match description {
                Some(description) => description,
                None => peer.create_implicit(now)?,
            };
            peer.set_local_description(now, description)
        })
    }

    /// Applies a description of the other side. An offer that meets one of this side takes its place: that one is rolled back
    /// first (perfect negotiation), and stays so if the other's is refused.
    ///
    /// # Errors
    /// See [`DescriptionError`]; but for such a rollback nothing has changed then.
    pub fn set_remote_description(&self, description: SessionDescription) -> Result<(), DescriptionError> {
        self.command(|peer, now| peer.set_remote_description(now, description))
    }

    /// The local description, with the candidates gathered so far: the pending one, else the current one.
    pub fn local_description(&self) -> Option<SessionDescription> {
        self.handle.cell.look(|inner| inner.peer.local_description())
    }

    /// The local description that was agreed on last, with the candidates gathered so far.
    pub fn current_local_description(&self) -> Option<SessionDescription> {
        self.handle.cell.look(|inner| inner.peer.current_local_description())
    }

    /// The local description of an exchange that is under way, with the candidates gathered so far.
    pub fn pending_local_description(&self) -> Option<SessionDescription> {
        self.handle.cell.look(|inner| inner.peer.pending_local_description())
    }

    /// The remote description: the pending one, else the current one.
    pub fn remote_description(&self) -> Option<SessionDescription> {
        self.handle.cell.look(|inner| inner.peer.remote_description().cloned())
    }

    /// The remote description that was agreed on last.
    pub fn current_remote_description(&self) -> Option<SessionDescription> {
        self.handle.cell.look(|inner| inner.peer.current_remote_description().cloned())
    }

    /// The remote description of an exchange that is under way.
    pub fn pending_remote_description(&self) -> Option<SessionDescription> {
        self.handle.cell.look(|inner| inner.peer.pending_remote_description().cloned())
    }

    /// Adds a candidate of the other side.
    ///
    /// # Errors
    /// See [`IceCandidateError`].
    pub fn add_ice_candidate(&self, candidate: &IceCandidate) -> Result<(), IceCandidateError> {
        self.command(|peer, now| peer.add_ice_candidate(now, candidate))
    }

    /// Asks for fresh ICE credentials in the next offer, after a change of the network, or when the connection failed.
    /// [`Event::NegotiationNeeded`](crate::Event::NegotiationNeeded) follows; the pair in use carries on meanwhile.
    ///
    /// Source: [webrtc-pc §4.4.2](https://www.w3.org/TR/webrtc/#dom-rtcpeerconnection-restartice)
    pub fn restart_ice(&self) {
        self.command(|peer, _| peer.restart_ice());
    }

    /// Makes a data channel, which opens when the connection is up.
    ///
    /// # Errors
    /// See [`ChannelError`].
    pub fn create_data_channel(&self, label: &str, init: DataChannelInit) -> Result<DataChannel, ChannelError> {
        let id = self.command(|peer, now| peer.create_channel(now, init.parameters(label)))?;
        Ok(DataChannel::new(self.handle.clone(), id))
    }

    /// The data channels there are, of both sides, oldest first.
    pub fn data_channels(&self) -> Vec<DataChannel> {
        let ids: Vec<_> = self.handle.cell.look(|inner| inner.peer.session().channels().collect());
        ids.into_iter().map(|id| DataChannel::new(self.handle.clone(), id)).collect()
    }

    /// The transceivers, in the order in which they were made.
    pub fn transceivers(&self) -> Vec<RtpTransceiver> {
        let states = self.handle.cell.look(|inner| inner.peer.transceivers());
        states.into_iter().map(|state| RtpTransceiver::new(self.handle.clone(), state.id, state.kind)).collect()
    }

    /// What data channels run on: `None` as long as no description has a section for them.
    ///
    /// Source: [webrtc-pc §6.1](https://www.w3.org/TR/webrtc/#dom-rtcpeerconnection-sctp)
    pub fn sctp(&self) -> Option<SctpTransport> {
        let there = self.handle.cell.look(|inner| inner.peer.has_sctp());
        there.then(|| SctpTransport::of(self.handle.clone()))
    }

    /// The signaling state.
    pub fn signaling_state(&self) -> SignalingState {
        self.handle.cell.look(|inner| inner.peer.signaling_state())
    }

    /// The connection state.
    pub fn connection_state(&self) -> ConnectionState {
        self.handle.cell.look(|inner| inner.peer.connection_state())
    }

    /// The ICE connection state.
    pub fn ice_connection_state(&self) -> IceConnectionState {
        self.handle.cell.look(|inner| inner.peer.ice_connection_state())
    }

    /// The gathering state.
    pub fn ice_gathering_state(&self) -> IceGatheringState {
        self.handle.cell.look(|inner| inner.peer.ice_gathering_state())
    }

    /// The connection's clock, by which times of frames and sources count.
    pub fn now(&self) -> ortica_core::Instant {
        self.handle.cell.now()
    }

    /// Waits until all local candidates are known, or the connection is closed: for signaling without trickle.
    pub async fn gathering_complete(&self) {
        self.state_of(|peer| {
            (peer.ice_gathering_state() == IceGatheringState::Complete || peer.is_ended()).then_some(())
        })
        .await;
    }

    /// Waits until the connection is connected.
    ///
    /// # Errors
    /// The state it reached instead: failed or closed.
    pub async fn connected(&self) -> Result<(), ConnectionState> {
        self.state_of(|peer| match peer.connection_state() {
            ConnectionState::Connected => Some(Ok(())),
            state @ (ConnectionState::Failed | ConnectionState::Closed) => Some(Err(state)),
            _ => None,
        })
        .await
    }

    /// Closes the connection: what was sent on data channels still goes out, for as long as
    /// [`Configuration::with_linger`] says, then goodbyes do; waits until that is done. With nothing on the way it is done at
    /// once. Everybody who waits for something that will not come any more is told when the closing begins; sockets that are the
    /// connection's own are closed when it is done. It goes on if the future is dropped. [`undelivered`](Self::undelivered) says
    /// what did not arrive.
    pub async fn close(&self) -> CloseReason {
        self.handle.end();
        self.state_of(Peer::close_reason).await
    }

    /// What was sent on data channels that are closed and did not arrive, for all that is known: see [`DataChannel::closed`].
    /// Complete once [`close`](Self::close) is done.
    pub fn undelivered(&self) -> Undelivered {
        self.handle.cell.look(|inner| inner.peer.session().total_undelivered())
    }

    async fn state_of<T>(&self, done: impl Fn(&Peer) -> Option<T>) -> T {
        let mut place = self.handle.cell.place(Interest::State);
        poll_fn(|cx| place.poll(cx, |peer, _| done(peer))).await
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    fn command<T>(&self, command: impl FnOnce(&mut Peer, ortica_core::Instant) -> T) -> T {
        self.handle.cell.command(command)
    }
}
