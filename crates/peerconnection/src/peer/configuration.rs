//! What can be said of a connection while it lives, and said again otherwise.

use super::{Peer, PeerEvent};
use crate::ice_server::{IceServer, IceServerError, IceUrl};
use ortica_core::Instant;
use ortica_ice::{GatherOptions, GatheringError, StunServer, TransportPolicy, TurnServer, TurnTransport};
use std::net::SocketAddr;
use thiserror::Error;

/// The part of a configuration that a peer without sockets and clocks looks at, and that may change.
///
/// Source: [webrtc-pc §4.2.1](https://www.w3.org/TR/webrtc/#rtcconfiguration-dictionary)
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PeerConfiguration {
    /// Whom to ask for candidates. Default: nobody. Of STUN and of TURN servers the first four are asked. Nobody is asked
    /// by STUN over TLS: such servers are reported as out of reach ([`PeerEvent::IceCandidateError`]) whenever gathering
    /// begins. TURN over TLS and DTLS takes the feature `turn-tls`.
    pub ice_servers: Vec<IceServer>,
    /// Which candidates to use. Default: all. Without a TURN server there are none under [`TransportPolicy::Relay`].
    pub ice_transport_policy: TransportPolicy,
    /// How many transports gather before a description asks for them. Default: 0. One at most does, on the sockets there are: more
    /// of them would need sockets of their own.
    pub ice_candidate_pool_size: u8,
    /// Offers have a section for data channels, the first one where they can, before a channel is made. Default: `false`.
    ///
    /// Source: [webrtc-extensions](https://w3c.github.io/webrtc-extensions/#always-negotiating-datachannels)
    pub always_negotiate_data_channels: bool,
}

/// Why a configuration was refused. Nothing has changed then.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ConfigurationError {
    /// The connection is closed: the W3C's `InvalidStateError`.
    #[error("the connection is closed")]
    Closed,
    /// An ICE server cannot be used.
    #[error(transparent)]
    IceServer(#[from] IceServerError),
    /// What cannot be changed any more would change: the W3C's `InvalidModificationError`.
    #[error("{0} cannot be changed")]
    InvalidModification(&'static str),
}

/// A server that could not help to gather candidates, or a socket that the system did not give.
///
/// Source: [webrtc-pc §4.8.3](https://www.w3.org/TR/webrtc/#rtcpeerconnectioniceerrorevent)
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct IceCandidateErrorEvent {
    /// The address and port of this side that the server answered to, or that could not be bound to; `None` when it answered to
    /// none.
    pub local: Option<SocketAddr>,
    /// The URL of the server; empty for a socket.
    pub url: String,
    /// What it answered, 300 to 699, or 701 when no socket reaches it, or there is none.
    pub error_code: u16,
    /// In words.
    pub error_text: String,
}

impl PeerConfiguration {
    fn urls(&self) -> Result<Vec<IceUrl>, IceServerError> {
        let urls = self.ice_servers.iter().map(IceServer::parse).collect::<Result<Vec<_>, _>>()?;
        Ok(urls.into_iter().flatten().collect())
    }

    fn turn_servers(&self) -> Result<Vec<TurnServer>, IceServerError> {
        let servers = self.ice_servers.iter().map(IceServer::turn_servers).collect::<Result<Vec<_>, _>>()?;
        Ok(servers.into_iter().flatten().collect())
    }
}

/// What the peer keeps of its configuration.
#[derive(Debug, Default)]
pub(super) struct Configured {
    said: PeerConfiguration,
    urls: Vec<IceUrl>,
    turn_servers: Vec<TurnServer>,
}

/// # Configuration
impl Peer {
    /// What was said last.
    pub fn configuration(&self) -> &PeerConfiguration {
        &self.configured.said
    }

    /// Says it otherwise. Other servers and another policy take effect when candidates are gathered the next time: the next
    /// offer asks for that.
    ///
    /// # Errors
    /// See [`ConfigurationError`]; nothing has changed then.
    ///
    /// Source: [webrtc-pc §4.4.1.6](https://www.w3.org/TR/webrtc/#set-the-configuration),
    /// [RFC 9429 §4.1.18](https://www.rfc-editor.org/rfc/rfc9429#section-4.1.18)
    pub fn set_configuration(
        &mut self,
        now: Instant,
        configuration: PeerConfiguration,
    ) -> Result<(), ConfigurationError> {
        if self.is_ended() {
            return Err(ConfigurationError::Closed);
        }
        let urls = configuration.urls()?;
        let turn_servers = configuration.turn_servers()?;
        let before = &self.configured.said;
        if before.ice_candidate_pool_size != configuration.ice_candidate_pool_size && self.local_description().is_some()
        {
            return Err(ConfigurationError::InvalidModification("the size of the candidate pool"));
        }
        let same_servers = self.configured.urls == urls && self.configured.turn_servers == turn_servers;
        if !same_servers || before.ice_transport_policy != configuration.ice_transport_policy {
            let stun_servers = urls.iter().filter_map(IceUrl::stun_server).collect();
            let policy = configuration.ice_transport_policy;
            let turn_servers = turn_servers.clone();
            self.session.set_gather_options(GatherOptions { stun_servers, turn_servers, policy });
            self.negotiation.renew_candidates();
        }
        self.negotiation.set_always_data(configuration.always_negotiate_data_channels);
        self.configured = Configured { said: configuration, urls, turn_servers };
        self.fill_pool(now);
        self.update_negotiation_needed();
        Ok(())
    }

    /// Gathers ahead on the sockets there are.
    pub(super) fn fill_pool(&mut self, now: Instant) {
        if self.local_description().is_none() {
            // Others get sockets of their own when they are asked for.
            let size = usize::from(self.configured.said.ice_candidate_pool_size.min(1));
            let Self { session, sockets, tcp, .. } = self;
            session.set_candidate_pool(now, size, &sockets.first, |id| tcp.of(id));
        }
    }

    pub(super) fn on_gathering_error(&mut self, error: GatheringError) {
        let GatheringError { local, server, turn, code, reason } = error;
        self.report_server(IceCandidateErrorEvent {
            local,
            url: url_of(&server, turn),
            error_code: code,
            error_text: reason,
        });
    }

    /// Gathering begins: says which servers are left out.
    pub(super) fn report_unsupported_servers(&mut self) {
        let is_spoken = |url: &IceUrl| url.stun_server().is_some() || url.turn_transport().is_some();
        let unsupported = self.configured.urls.iter().filter(|url| !is_spoken(url));
        for url in unsupported.map(|url| url.in_full().to_string()).collect::<Vec<_>>() {
            let error_text = "nobody is asked for candidates by STUN over TLS".to_owned();
            let error_code = GatheringError::UNREACHABLE;
            self.report_server(IceCandidateErrorEvent { local: None, url, error_code, error_text });
        }
    }

    /// Says that a transport gathers without a socket at that address, which the system refused.
    #[cfg(feature = "tokio")]
    pub(crate) fn report_refused_socket(&mut self, address: SocketAddr, error_text: String) {
        let (local, error_code) = (Some(address), GatheringError::UNREACHABLE);
        self.report_server(IceCandidateErrorEvent { local, url: String::new(), error_code, error_text });
    }

    fn report_server(&mut self, event: IceCandidateErrorEvent) {
        self.tell(PeerEvent::IceCandidateError(event));
    }
}

/// Of a STUN server over UDP, or a TURN server.
pub(super) fn url_of(server: &StunServer, turn: Option<TurnTransport>) -> String {
    IceUrl::of(server, turn).to_string()
}
