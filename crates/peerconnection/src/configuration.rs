//! What a connection is made with.

use crate::diagnostics::{Diagnostics, Outlets};
use crate::driver::{Endpoint, TcpCandidates, Trust};
use crate::engine::{self, Limits};
use crate::jsep::{BundlePolicy, RtpHeaderEncryptionPolicy};
use crate::peer::PeerConfiguration;
use crate::{Certificate, IceServer, IpHandling};
use ortica_codecs::Codec;
use ortica_core::crypto::{CryptoProvider, providers};
use ortica_dtls::SrtpProfile;
use ortica_ice::{HostCandidates, TransportPolicy};
use ortica_sdp::RtcpMuxPolicy;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// What media may be protected with, in order of preference.
///
/// Source: [RFC 8827 §6.5](https://www.rfc-editor.org/rfc/rfc8827#section-6.5)
const SRTP_PROFILES: [SrtpProfile; 3] =
    [SrtpProfile::AEAD_AES_128_GCM, SrtpProfile::AEAD_AES_256_GCM, SrtpProfile::AES128_CM_SHA1_80];

/// The SCTP packet that fills an Ethernet frame over IPv4: 1,500 − 20 (IPv4) − 8 (UDP) − 37 (DTLS 1.2), rounded down to a
/// multiple of four. Over IPv6 the search ends 20 bytes sooner.
const ETHERNET: usize = 1_432;

/// What browsers announce too, in bytes.
const MAX_MESSAGE_SIZE: usize = 256 << 10;
/// A peer may send as much without being told, and an OPEN with two long names as much again (RFC 8832 §5.1).
const LEAST_MESSAGE_SIZE: usize = 2 * 65_535 + 12;
/// Twice as much is the longest window that SCTP can announce, by far.
const MOST_MESSAGE_SIZE: usize = 1 << 30;

/// Settings of a [`PeerConnection`](crate::PeerConnection).
///
/// Source: [webrtc-pc §4.2.1](https://www.w3.org/TR/webrtc/#rtcconfiguration-dictionary)
#[derive(Clone, Debug)]
pub struct Configuration {
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) gather_loopback: bool,
    pub(crate) tcp: TcpCandidates,
    #[cfg(feature = "turn-tls")]
    pub(crate) turn_roots: Vec<Vec<u8>>,
    pub(crate) peer: PeerConfiguration,
    pub(crate) host_candidates: HostCandidates,
    announced_addresses: Vec<(IpAddr, IpAddr)>,
    pub(crate) ip_handling: IpHandling,
    ice_lite: bool,
    ice_renomination: bool,
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) provider: Option<CryptoProvider>,
    pub(crate) srtp_profiles: Vec<SrtpProfile>,
    pub(crate) max_packet_size: Option<usize>,
    pub(crate) packet_size_to_find: Option<usize>,
    pub(crate) interleaving: bool,
    pub(crate) signalled_sctp: bool,
    pub(crate) linger: Duration,
    pub(crate) max_message_size: usize,
    pub(crate) limits: Limits,
    pub(crate) codecs: Option<Vec<Codec>>,
    pub(crate) diagnostics: Diagnostics,
    pub(crate) bundle_policy: BundlePolicy,
    pub(crate) rtcp_mux_policy: RtcpMuxPolicy,
    pub(crate) rtp_header_encryption_policy: RtpHeaderEncryptionPolicy,
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            endpoint: None,
            gather_loopback: false,
            tcp: TcpCandidates::default(),
            #[cfg(feature = "turn-tls")]
            turn_roots: Vec::new(),
            peer: PeerConfiguration::default(),
            host_candidates: HostCandidates::default(),
            announced_addresses: Vec::new(),
            ip_handling: IpHandling::default(),
            ice_lite: false,
            ice_renomination: false,
            certificates: Vec::new(),
            provider: None,
            srtp_profiles: SRTP_PROFILES.to_vec(),
            max_packet_size: None,
            packet_size_to_find: None,
            interleaving: true,
            signalled_sctp: true,
            linger: engine::Config::DEFAULT_LINGER,
            max_message_size: MAX_MESSAGE_SIZE,
            limits: Limits::default(),
            codecs: None,
            diagnostics: Diagnostics::default(),
            bundle_policy: BundlePolicy::default(),
            rtcp_mux_policy: RtcpMuxPolicy::default(),
            rtp_header_encryption_policy: RtpHeaderEncryptionPolicy::default(),
        }
    }
}

impl Configuration {
    /// Joins an endpoint that others use too: many connections on one port. Default: an endpoint of its own.
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = Some(endpoint);
        self
    }

    /// Gathers loopback addresses too; for an endpoint of its own. Default `false`: only when there is no other address.
    #[must_use]
    pub fn with_gather_loopback(mut self, gather: bool) -> Self {
        self.gather_loopback = gather;
        self
    }

    /// What ICE does over TCP; for an endpoint of its own. Default: [`TcpCandidates::Connect`].
    #[must_use]
    pub fn with_tcp(mut self, candidates: TcpCandidates) -> Self {
        self.tcp = candidates;
        self
    }

    /// Certificates, in DER, of those who vouch for TURN servers over TLS and DTLS. Default: those of the system.
    #[cfg(feature = "turn-tls")]
    #[must_use]
    pub fn with_turn_roots(mut self, roots: Vec<Vec<u8>>) -> Self {
        self.turn_roots = roots;
        self
    }

    /// Whom to ask for candidates: see [`PeerConfiguration::ice_servers`]. Names are looked up when gathering begins. Default:
    /// nobody.
    #[must_use]
    pub fn with_ice_servers(mut self, servers: Vec<IceServer>) -> Self {
        self.peer.ice_servers = servers;
        self
    }

    /// STUN servers by address, in place of [`with_ice_servers`](Self::with_ice_servers).
    #[must_use]
    pub fn with_stun_servers(self, servers: Vec<SocketAddr>) -> Self {
        self.with_ice_servers(servers.into_iter().map(|server| IceServer::new(format!("stun:{server}"))).collect())
    }

    /// Which candidates to use. Default: all. Under [`TransportPolicy::Relay`] there are none without a TURN server.
    #[must_use]
    pub fn with_ice_transport_policy(mut self, policy: TransportPolicy) -> Self {
        self.peer.ice_transport_policy = policy;
        self
    }

    /// How many transports gather before a description asks for them. Default: 0.
    #[must_use]
    pub fn with_ice_candidate_pool_size(mut self, transports: u8) -> Self {
        self.peer.ice_candidate_pool_size = transports;
        self
    }

    /// Whether offers have a section for data channels before one is made. Default: `false`.
    ///
    /// Source: [webrtc-extensions](https://w3c.github.io/webrtc-extensions/#always-negotiating-datachannels)
    #[must_use]
    pub fn with_always_negotiate_data_channels(mut self, always: bool) -> Self {
        self.peer.always_negotiate_data_channels = always;
        self
    }

    /// What the peer gets to see of this host's addresses. Default: all of them. With [`HostCandidates::Mdns`] they stand
    /// behind random names, for which the endpoint answers on the local network.
    #[must_use]
    pub fn with_host_candidates(mut self, policy: HostCandidates) -> Self {
        self.host_candidates = policy;
        self
    }

    /// Addresses under which others reach this host through a NAT that maps one to one and keeps the ports, as those of clouds do:
    /// see [`ortica_ice::Config::with_announced_addresses`]. Default: none.
    ///
    /// ```
    /// # use ortica::Configuration;
    /// let any = "0.0.0.0".parse()?;
    /// let configuration = Configuration::default().with_announced_addresses(vec![(any, "203.0.113.7".parse()?)]);
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    #[must_use]
    pub fn with_announced_addresses(mut self, addresses: Vec<(IpAddr, IpAddr)>) -> Self {
        self.announced_addresses = addresses;
        self
    }

    /// Which addresses of this host are used and shown. Default: [`IpHandling::AllInterfaces`]. On a shared
    /// [endpoint](Self::with_endpoint) the addresses are what that is bound to: see
    /// [`EndpointConfig::with_default_route`](crate::EndpointConfig::with_default_route).
    #[must_use]
    pub fn with_ip_handling(mut self, handling: IpHandling) -> Self {
        self.ip_handling = handling;
        self
    }

    /// Whether ICE is lite: it has the addresses of this host for candidates and answers the other side's checks, which does the
    /// work. For servers with a public address: see [`ortica_ice::Config::with_lite`]. Descriptions say `a=ice-lite`. Default: `false`.
    ///
    /// Source: [RFC 8445 §2.5](https://www.rfc-editor.org/rfc/rfc8445#section-2.5),
    /// [RFC 8839 §5.3](https://www.rfc-editor.org/rfc/rfc8839#section-5.3)
    #[must_use]
    pub fn with_ice_lite(mut self, lite: bool) -> Self {
        self.ice_lite = lite;
        self
    }

    /// Whether a better path that comes up later is gone over to, where the other side has it too: see
    /// [`ortica_ice::Config::with_renomination`]. Descriptions say `renomination` among `a=ice-options`. Default: `false`, as in
    /// Chromium, which calls it `enableIceRenomination`.
    #[must_use]
    pub fn with_ice_renomination(mut self, renomination: bool) -> Self {
        self.ice_renomination = renomination;
        self
    }

    /// The certificate to show. Default: a fresh one, valid for 30 days.
    #[must_use]
    pub fn with_certificate(self, certificate: Certificate) -> Self {
        self.with_certificates(vec![certificate])
    }

    /// Certificates of which the first is shown that the other side takes; each with a key of another algorithm. Default: a
    /// fresh one, ECDSA on P-256, valid for 30 days.
    #[must_use]
    pub fn with_certificates(mut self, certificates: Vec<Certificate>) -> Self {
        self.certificates = certificates;
        self
    }

    /// The crypto backend. Default: the first of [`providers`].
    #[must_use]
    pub fn with_provider(mut self, provider: CryptoProvider) -> Self {
        self.provider = Some(provider);
        self
    }

    /// What media may be protected with, best liked first. Default: AEAD_AES_128_GCM, AEAD_AES_256_GCM, AES128_CM_SHA1_80,
    /// of which every peer knows the last. Profiles that ortica does not know are left out; with none left, no media
    /// flow, and data do.
    #[must_use]
    pub fn with_srtp_profiles(mut self, profiles: Vec<SrtpProfile>) -> Self {
        self.srtp_profiles = profiles;
        self
    }

    /// The longest SCTP packet to build that every path carries, in bytes, 128 to 16,384; DTLS, UDP and IP come on top. Default:
    /// what fits a path MTU of 1,280. Who sets it gets no longer ones, unless
    /// [`with_packet_size_to_find`](Self::with_packet_size_to_find) asks for them.
    #[must_use]
    pub fn with_max_packet_size(mut self, bytes: usize) -> Self {
        self.max_packet_size = Some(bytes);
        self
    }

    /// Up to which length, in bytes, to look for SCTP packets that the path carries beyond that, by probes which may get lost;
    /// at most 16,384. Zero looks for nothing. Default: 1,432, all of an Ethernet. A network of larger frames carries 8,932 with
    /// an MTU of 9,000, and a host's loopback the most. Where the system cannot be kept from sending fragments, nothing is
    /// looked for.
    ///
    /// A path that stops carrying what it did is noticed at the next time-out of SCTP, and data go on in packets that fit every
    /// path.
    ///
    /// Source: [RFC 8899](https://www.rfc-editor.org/rfc/rfc8899)
    #[must_use]
    pub fn with_packet_size_to_find(mut self, bytes: usize) -> Self {
        self.packet_size_to_find = Some(bytes);
        self
    }

    /// Whether to offer that messages of different data channels are interleaved (RFC 8260), so that a long one does not hold up
    /// the others. Default: `true`. It takes effect where the other side offers it too.
    #[must_use]
    pub fn with_interleaving(mut self, offer: bool) -> Self {
        self.interleaving = offer;
        self
    }

    /// Whether to signal what SCTP's handshake would say (`a=sctp-init`), which saves that handshake where the other side does
    /// too. Default: `true`.
    ///
    /// Source: [draft-hancke-tsvwg-snap](https://datatracker.ietf.org/doc/draft-hancke-tsvwg-snap/)
    #[must_use]
    pub fn with_signalled_sctp(mut self, offer: bool) -> Self {
        self.signalled_sctp = offer;
        self
    }

    /// How long a connection that is closed goes on with what was sent on its data channels and has not arrived. Default: five
    /// seconds. With zero it is dropped at once.
    #[must_use]
    pub fn with_linger(mut self, most: Duration) -> Self {
        self.linger = most;
        self
    }

    /// The longest message of a data channel to take, in bytes, which the peer is told (`a=max-message-size`). A longer one ends
    /// the association. Default: 262,144, as in browsers; between 131,082 and 2^30. Twice as much may be held of what is received.
    ///
    /// As much can be sent too, if the peer takes it: see [`DataChannel::send`](crate::DataChannel::send). What a message may
    /// hold is no bound for [`DataChannel::into_stream`](crate::DataChannel::into_stream), which sends in pieces.
    ///
    /// Source: [RFC 8841 §6](https://www.rfc-editor.org/rfc/rfc8841#section-6)
    #[must_use]
    pub fn with_max_message_size(mut self, bytes: usize) -> Self {
        self.max_message_size = bytes.clamp(LEAST_MESSAGE_SIZE, MOST_MESSAGE_SIZE);
        self
    }

    /// Bounds of the connection's own queues and tables, such as the number of its data channels. Default:
    /// [`Limits::default`].
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The codecs to negotiate where a transceiver names none, best liked first. Default: all that this build can encode and
    /// decode. Others suit who brings and takes encoded frames.
    #[must_use]
    pub fn with_codecs(mut self, codecs: Vec<Codec>) -> Self {
        self.codecs = Some(codecs);
        self
    }

    /// Whom to ask for candidates.
    pub fn ice_servers(&self) -> &[IceServer] {
        &self.peer.ice_servers
    }

    /// Which candidates to use.
    pub fn ice_transport_policy(&self) -> TransportPolicy {
        self.peer.ice_transport_policy
    }

    /// How many transports gather before a description asks for them.
    pub fn ice_candidate_pool_size(&self) -> u8 {
        self.peer.ice_candidate_pool_size
    }

    /// Whether offers have a section for data channels before one is made.
    pub fn always_negotiate_data_channels(&self) -> bool {
        self.peer.always_negotiate_data_channels
    }

    /// What to do for peers that cannot bundle.
    pub fn bundle_policy(&self) -> BundlePolicy {
        self.bundle_policy
    }

    /// What to do for peers that cannot multiplex RTP and RTCP.
    pub fn rtcp_mux_policy(&self) -> RtcpMuxPolicy {
        self.rtcp_mux_policy
    }

    /// What to do about peers that do not encrypt header extensions.
    pub fn rtp_header_encryption_policy(&self) -> RtpHeaderEncryptionPolicy {
        self.rtp_header_encryption_policy
    }

    /// The certificates that were given.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// What differs and cannot change while a connection lives. Certificates may be left out.
    pub(crate) fn fixed_difference(&self, other: &Self) -> Option<&'static str> {
        let certificates = other.certificates.is_empty() || self.certificates == other.certificates;
        let layers = self.gather_loopback == other.gather_loopback
            && self.tcp == other.tcp
            && self.has_same_roots(other)
            && self.host_candidates == other.host_candidates
            && self.announced_addresses == other.announced_addresses
            && self.ip_handling == other.ip_handling
            && (self.ice_lite, self.ice_renomination) == (other.ice_lite, other.ice_renomination)
            && self.srtp_profiles == other.srtp_profiles
            && self.max_packet_size == other.max_packet_size
            && self.packet_size_to_find == other.packet_size_to_find
            && self.interleaving == other.interleaving
            && self.signalled_sctp == other.signalled_sctp
            && self.linger == other.linger
            && self.max_message_size == other.max_message_size
            && self.limits == other.limits
            && self.codecs == other.codecs;
        let bundling = self.bundle_policy == other.bundle_policy;
        let multiplexing = self.rtcp_mux_policy == other.rtcp_mux_policy;
        let encryption = self.rtp_header_encryption_policy == other.rtp_header_encryption_policy;
        [
            (certificates, "the set of certificates"),
            (bundling, "the bundle policy"),
            (multiplexing, "the RTCP multiplexing policy"),
            (encryption, "the policy of encrypted headers"),
            (layers, "a setting that is not the W3C's"),
        ]
        .into_iter()
        .find_map(|(same, what)| (!same).then_some(what))
    }

    #[cfg(feature = "turn-tls")]
    fn has_same_roots(&self, other: &Self) -> bool {
        self.turn_roots == other.turn_roots
    }

    #[cfg(not(feature = "turn-tls"))]
    fn has_same_roots(&self, _: &Self) -> bool {
        true
    }

    /// Whom to trust over TLS.
    #[cfg(feature = "turn-tls")]
    pub(crate) fn trust(&self) -> Arc<Trust> {
        Arc::new(Trust::in_roots(self.turn_roots.clone()))
    }

    /// Whom to trust over TLS, which is not spoken.
    #[cfg(not(feature = "turn-tls"))]
    pub(crate) fn trust(&self) -> Arc<Trust> {
        Arc::default()
    }

    /// What SCTP is told of packets: how long they are, and how long they may become.
    fn set_packet_sizes(&self, sctp: ortica_sctp::Config, may_fragment: bool) -> ortica_sctp::Config {
        const LONGEST: usize = ortica_dtls::Connection::MAX_DATA;
        let to_find = match (self.packet_size_to_find, self.max_packet_size) {
            (Some(bytes), _) => bytes.min(LONGEST),
            (None, Some(_)) => 0,
            (None, None) => ETHERNET,
        };
        let sctp = sctp.with_packet_size_to_find((!may_fragment).then_some(to_find));
        match self.max_packet_size {
            Some(bytes) => sctp.with_max_packet_size(bytes.min(LONGEST)),
            None => sctp,
        }
    }

    /// Where to put what is recorded of the connection: a log of what happens, captured packets, secrets. Default: nowhere; nothing
    /// is recorded.
    #[must_use]
    pub fn with_diagnostics(mut self, diagnostics: Diagnostics) -> Self {
        self.diagnostics = diagnostics;
        self
    }

    /// What to do for peers that cannot bundle. Default: [`BundlePolicy::Balanced`].
    ///
    /// Source: [webrtc-pc §4.2.3](https://www.w3.org/TR/webrtc/#rtcbundlepolicy-enum)
    #[must_use]
    pub fn with_bundle_policy(mut self, policy: BundlePolicy) -> Self {
        self.bundle_policy = policy;
        self
    }

    /// What to do about sections that do not multiplex RTP and RTCP. Default: [`RtcpMuxPolicy::Require`], which refuses them. No
    /// connection is made with another one: see [`NewError::RtcpMuxPolicy`](crate::NewError::RtcpMuxPolicy).
    ///
    /// Source: [webrtc-pc §4.2.4](https://www.w3.org/TR/webrtc/#rtcrtcpmuxpolicy-enum), of which the standard left `require` alone
    #[must_use]
    pub fn with_rtcp_mux_policy(mut self, policy: RtcpMuxPolicy) -> Self {
        self.rtcp_mux_policy = policy;
        self
    }

    /// What to do about peers that do not encrypt the header extensions and contributing sources of RTP. Default:
    /// [`RtpHeaderEncryptionPolicy::Negotiate`].
    ///
    /// Source: [webrtc-extensions](https://w3c.github.io/webrtc-extensions/#rtcrtpheaderencryptionpolicy-enum)
    #[must_use]
    pub fn with_rtp_header_encryption_policy(mut self, policy: RtpHeaderEncryptionPolicy) -> Self {
        self.rtp_header_encryption_policy = policy;
        self
    }

    pub(crate) fn provider(&self) -> Option<CryptoProvider> {
        self.provider.or_else(|| providers().into_iter().next())
    }

    /// The settings of the engine and its layers.
    pub(crate) fn to_engine(
        &self,
        provider: CryptoProvider,
        certificates: &[Certificate],
        may_fragment: bool,
        outlets: Option<&Outlets>,
    ) -> engine::Config {
        let ice = ortica_ice::Config::new(provider)
            .with_host_candidates(self.ip_handling.host_candidates(self.host_candidates))
            .with_announced_addresses(self.announced_addresses.clone())
            .with_lite(self.ice_lite)
            .with_renomination(self.ice_renomination);
        let certificates = certificates.iter().map(|certificate| certificate.inner().clone()).collect();
        // aiortc gives up when DTLS agrees on no profile, also without media.
        let dtls =
            ortica_dtls::Config::with_certificates(provider, certificates).with_srtp_profiles(&self.srtp_profiles);
        // ICE consent says when the path is gone; until then data are tried again soon after an outage.
        let (initial, min, max) = (Duration::from_secs(1), Duration::from_millis(400), Duration::from_secs(10));
        let sctp = ortica_sctp::Config::new(provider)
            .with_rto(initial, min, max)
            .with_zero_checksum(true)
            .with_interleaving(self.interleaving)
            .with_limits(sctp_limits(self.max_message_size));
        let sctp = self.set_packet_sizes(sctp, may_fragment);
        let dtls = match outlets {
            Some(outlets) => outlets.configure_dtls(dtls),
            None => dtls,
        };
        let config = engine::Config::new(ice, dtls, sctp)
            .with_limits(self.limits)
            .with_signalled_sctp(self.signalled_sctp)
            .with_linger(self.linger);
        match outlets {
            Some(outlets) => outlets.configure(config),
            None => config,
        }
    }
}

/// Bounds of an association that takes and sends messages of so many bytes.
fn sctp_limits(max_message_size: usize) -> ortica_sctp::Limits {
    let limits = ortica_sctp::Limits::default();
    // Beside its bytes a message counts a little more.
    let send_buffer = limits.send_buffer.max(max_message_size + 1024);
    limits.with_max_message_size(max_message_size).with_send_buffer(send_buffer)
}
