//! What a server is told once.

use super::policy::PeerPolicy;
use super::users::Users;
use ortica_core::crypto::CryptoProvider;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Settings of a [`Server`](super::Server).
#[derive(Clone)]
pub struct ServerConfig {
    pub(super) provider: CryptoProvider,
    pub(super) realm: String,
    pub(super) users: Arc<dyn Users>,
    pub(super) peers: PeerPolicy,
    pub(super) with_ipv4: bool,
    pub(super) with_ipv6: bool,
    pub(super) with_tcp: bool,
    pub(super) alternate: Option<SocketAddr>,
    pub(super) username_anonymity: bool,
    pub(super) nonce_lifetime: Duration,
    pub(super) limits: ServerLimits,
}

impl ServerConfig {
    /// Defaults, for these users of a realm. Realms are to be short (12 bytes and less): what an unknown client is answered may
    /// be no more than 2.2 times as long as its request, headers of UDP and IPv4 included.
    pub fn new(provider: CryptoProvider, realm: impl Into<String>, users: Arc<dyn Users>) -> Self {
        Self {
            provider,
            realm: realm.into(),
            users,
            peers: PeerPolicy::default(),
            with_ipv4: true,
            with_ipv6: false,
            with_tcp: false,
            alternate: None,
            username_anonymity: false,
            nonce_lifetime: Duration::from_secs(600),
            limits: ServerLimits::default(),
        }
    }

    /// With whom clients may exchange packets. Default: as [`PeerPolicy`] says.
    pub fn with_peers(mut self, peers: PeerPolicy) -> Self {
        self.peers = peers;
        self
    }

    /// Which families of relayed addresses there are. Default: IPv4 alone.
    pub fn with_families(mut self, ipv4: bool, ipv6: bool) -> Self {
        (self.with_ipv4, self.with_ipv6) = (ipv4, ipv6);
        self
    }

    /// Whether clients that come by TCP or TLS may have connections of TCP to peers and from them. Default: `false`, for what listens
    /// in the server's network can then be spoken to, where [`with_peers`](Self::with_peers) does not say otherwise.
    ///
    /// Source: [RFC 6062](https://www.rfc-editor.org/rfc/rfc6062)
    pub fn with_tcp(mut self, tcp: bool) -> Self {
        self.with_tcp = tcp;
        self
    }

    /// Sends whoever wants an allocation to another server (300). Default: nobody.
    pub fn with_alternate(mut self, server: Option<SocketAddr>) -> Self {
        self.alternate = server;
        self
    }

    /// Whether clients are to send USERHASH in place of USERNAME. Default: `false`. [`Users::by_hash`] must know the hashes.
    pub fn with_username_anonymity(mut self, anonymity: bool) -> Self {
        self.username_anonymity = anonymity;
        self
    }

    /// How long a nonce is good for. Default: 600 s.
    pub fn with_nonce_lifetime(mut self, lifetime: Duration) -> Self {
        self.nonce_lifetime = lifetime;
        self
    }

    /// Bounds of the tables.
    pub fn with_limits(mut self, limits: ServerLimits) -> Self {
        self.limits = limits;
        self
    }
}

impl fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerConfig").field("realm", &self.realm).field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// Bounds of a server's tables.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ServerLimits {
    /// Allocations of one user; 486 beyond. Default: 10.
    pub per_user: usize,
    /// Allocations from one address; 486 beyond. Default: 100.
    pub per_address: usize,
    /// Allocations in all; 508 beyond. Default: 12,000.
    pub allocations: usize,
    /// Permissions of one allocation; 508 beyond. Default: 128.
    pub permissions: usize,
    /// Channels of one allocation; 508 beyond. Default: 128.
    pub channels: usize,
    /// Connections of one allocation with peers; 508 beyond, and those that peers open are closed. Default: 64.
    pub connections: usize,
    /// Errors in a second to one network (24 bits of an IPv4 address, 48 of an IPv6 one) that did not prove credentials; none
    /// beyond. Default: 100.
    pub errors_per_second: u32,
    /// Bytes that wait to be sent; what comes beyond is dropped. Default: 1 MiB.
    pub queue: usize,
    /// The longest life of an allocation between refreshes. Default: an hour.
    pub lifetime: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            per_user: 10,
            per_address: 100,
            allocations: 12_000,
            permissions: 128,
            channels: 128,
            connections: 64,
            errors_per_second: 100,
            queue: 1 << 20,
            lifetime: Duration::from_secs(3_600),
        }
    }
}
