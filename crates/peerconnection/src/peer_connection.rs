//! Peer connections, async.

mod tracks;

pub use tracks::TrackOrKind;

use crate::diagnostics::Outlets;
use crate::driver::{Cell, Endpoint, EndpointConfig, Interest};
use crate::engine::{self, ChannelError, CloseReason, Undelivered};
use crate::jsep::{
    DescriptionError, IceCandidate, IceCandidateError, SessionDescription, SignalingState, TransceiverId,
};
use crate::media::LocalTrack;
use crate::ortc::SctpTransport;
use crate::peer::Peer;
use crate::rtp_transceiver::RtpTransceiver;
use crate::states::{ConnectionState, IceConnectionState, IceGatheringState};
use crate::{Certificate, Configuration, DataChannel, DataChannelInit, Events};
use ortica_dtls::CertificateError;
use ortica_sdp::RtcpMuxPolicy;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
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
    /// The certificate of the configuration has expired.
    #[error("the certificate has expired")]
    CertificateExpired,
    /// [`Limits::transports`](engine::Limits) allows none.
    #[error(transparent)]
    Transport(#[from] engine::TransportError),
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

/// What all handles of a connection share; dropping it ends the connection.
#[derive(Debug)]
pub(crate) struct Handle {
    pub cell: Arc<Cell>,
    /// What each transceiver sends.
    tracks: Mutex<BTreeMap<TransceiverId, LocalTrack>>,
    /// Keeps the driver running.
    _endpoint: Endpoint,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.cell.end();
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
            None => Endpoint::new(EndpointConfig::default().with_gather_loopback(configuration.gather_loopback))
                .map_err(NewError::Bind)?,
        };
        // ICE consent says when the path is gone; until then data are tried again soon after an outage.
        let (initial, min, max) = (Duration::from_secs(1), Duration::from_millis(400), Duration::from_secs(10));
        let sctp = ortica_sctp::Config::new(provider)
            .with_rto(initial, min, max)
            .with_zero_checksum(true)
            .with_interleaving(configuration.interleaving)
            .with_limits(sctp_limits(configuration.max_message_size));
        let sctp = configuration.set_packet_sizes(sctp, endpoint.may_fragment());
        let rng = endpoint.rng();
        let now = endpoint.clock().now();
        let wall = endpoint.clock().wall().ntp(now).to_unix();
        let certificate = match configuration.certificate {
            Some(certificate) if certificate.expires() <= wall => return Err(NewError::CertificateExpired),
            Some(certificate) => certificate,
            None => Certificate::generate(&provider, &mut rng.fork("certificate"), wall)?,
        };
        let ice = ortica_ice::Config::new(provider)
            .with_stun_servers(configuration.stun_servers)
            .with_host_candidates(configuration.host_candidates);
        // aiortc gives up when DTLS agrees on no profile, also without media.
        let dtls = ortica_dtls::Config::new(provider, certificate.inner().clone())
            .with_srtp_profiles(&configuration.srtp_profiles);
        let outlets = Outlets::new(configuration.diagnostics);
        let dtls = match &outlets {
            Some(outlets) => outlets.configure_dtls(dtls),
            None => dtls,
        };
        let mut config = engine::Config::new(ice, dtls, sctp)
            .with_limits(configuration.limits)
            .with_wall_clock(endpoint.clock().wall())
            .with_signalled_sctp(configuration.signalled_sctp)
            .with_linger(configuration.linger);
        if let Some(outlets) = &outlets {
            config = outlets.configure(config);
        }
        let mut peer = Peer::new(Arc::new(config), certificate.inner().clone(), rng, now);
        peer.set_bundle_policy(configuration.bundle_policy);
        if let Some(codecs) = configuration.codecs {
            peer.set_codecs(codecs);
        }
        let cell = endpoint.add(peer);
        cell.look(|inner| inner.outlets = outlets);
        Ok(Arc::new(Handle { cell, tracks: Mutex::default(), _endpoint: endpoint }))
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

    /// Waits until all local candidates are known: for signaling without trickle.
    pub async fn gathering_complete(&self) {
        self.state_of(|peer| {
            (peer.ice_gathering_state() == IceGatheringState::Complete || peer.close_reason().is_some()).then_some(())
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
    /// once. The closing goes on if the future is dropped. [`undelivered`](Self::undelivered) says what did not arrive.
    pub async fn close(&self) -> CloseReason {
        self.handle.cell.end();
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

/// Bounds of an association that takes and sends messages of so many bytes.
fn sctp_limits(max_message_size: usize) -> ortica_sctp::Limits {
    let limits = ortica_sctp::Limits::default();
    // Beside its bytes a message counts a little more.
    let send_buffer = limits.send_buffer.max(max_message_size + 1024);
    limits.with_max_message_size(max_message_size).with_send_buffer(send_buffer)
}
