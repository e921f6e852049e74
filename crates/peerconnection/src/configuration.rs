//! What a connection is made with.

use crate::Certificate;
use crate::driver::Endpoint;
use ortica_codecs::Codec;
use ortica_core::crypto::{CryptoProvider, providers};
use ortica_dtls::SrtpProfile;
use ortica_ice::HostCandidates;
use std::net::SocketAddr;

/// What media may be protected with, in order of preference.
///
/// Source: [RFC 8827 §6.5](https://www.rfc-editor.org/rfc/rfc8827#section-6.5)
const SRTP_PROFILES: [SrtpProfile; 3] =
    [SrtpProfile::AEAD_AES_128_GCM, SrtpProfile::AEAD_AES_256_GCM, SrtpProfile::AES128_CM_SHA1_80];

/// The SCTP packet that fills an Ethernet frame over IPv4: 1,500 − 20 (IPv4) − 8 (UDP) − 37 (DTLS 1.2), rounded down to a
/// multiple of four. Over IPv6 the search ends 20 bytes sooner.
const ETHERNET: usize = 1_432;

/// Settings of a [`PeerConnection`](crate::PeerConnection).
///
/// Source: [webrtc-pc §4.2.1](https://www.w3.org/TR/webrtc/#rtcconfiguration-dictionary)
#[derive(Clone, Debug)]
pub struct Configuration {
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) gather_loopback: bool,
    pub(crate) stun_servers: Vec<SocketAddr>,
    pub(crate) host_candidates: HostCandidates,
    pub(crate) certificate: Option<Certificate>,
    pub(crate) provider: Option<CryptoProvider>,
    pub(crate) srtp_profiles: Vec<SrtpProfile>,
    pub(crate) max_packet_size: Option<usize>,
    pub(crate) packet_size_to_find: Option<usize>,
    pub(crate) codecs: Option<Vec<Codec>>,
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            endpoint: None,
            gather_loopback: false,
            stun_servers: Vec::new(),
            host_candidates: HostCandidates::default(),
            certificate: None,
            provider: None,
            srtp_profiles: SRTP_PROFILES.to_vec(),
            max_packet_size: None,
            packet_size_to_find: None,
            codecs: None,
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

    /// STUN servers that are asked for server-reflexive candidates, already resolved. Default: none.
    #[must_use]
    pub fn with_stun_servers(mut self, servers: Vec<SocketAddr>) -> Self {
        self.stun_servers = servers;
        self
    }

    /// What the peer gets to see of this host's addresses. Default: all of them. With [`HostCandidates::Mdns`] they stand
    /// behind random names, for which the endpoint answers on the local network.
    #[must_use]
    pub fn with_host_candidates(mut self, policy: HostCandidates) -> Self {
        self.host_candidates = policy;
        self
    }

    /// The certificate to show. Default: a fresh one, valid for 30 days.
    #[must_use]
    pub fn with_certificate(mut self, certificate: Certificate) -> Self {
        self.certificate = Some(certificate);
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

    /// The codecs to negotiate where a transceiver names none, best liked first. Default: all that this build can encode and
    /// decode. Others suit who brings and takes encoded frames.
    #[must_use]
    pub fn with_codecs(mut self, codecs: Vec<Codec>) -> Self {
        self.codecs = Some(codecs);
        self
    }

    /// What SCTP is told of packets: how long they are, and how long they may become.
    pub(crate) fn set_packet_sizes(&self, sctp: ortica_sctp::Config, may_fragment: bool) -> ortica_sctp::Config {
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

    pub(crate) fn provider(&self) -> Option<CryptoProvider> {
        self.provider.or_else(|| providers().into_iter().next())
    }
}
