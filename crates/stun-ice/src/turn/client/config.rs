//! What a client is told once.

use crate::turn::PeerTransport;
use ortica_core::crypto::CryptoProvider;
use std::fmt;
use std::time::Duration;
use zeroize::Zeroizing;

/// A password. Wiped when dropped, never shown.
#[derive(Clone)]
pub struct Credential(Zeroizing<String>);

impl Credential {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<T: Into<String>> From<T> for Credential {
    fn from(password: T) -> Self {
        Self(Zeroizing::new(password.into()))
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(..)")
    }
}

/// Settings of a [`Client`](super::Client).
#[derive(Clone)]
#[non_exhaustive]
pub struct ClientConfig {
    /// HMAC and hashes come from it.
    pub provider: CryptoProvider,
    /// Who asks; for time-limited credentials `timestamp:user`.
    pub username: String,
    /// The password.
    pub credential: Credential,
    /// The server is spoken to over TCP or TLS: nothing is sent twice, and ChannelData is padded. Default: `false`.
    pub is_stream: bool,
    /// How the server is to reach peers. Default: UDP. TCP takes a server over TCP or TLS ([`is_stream`](Self::is_stream)), and not every
    /// one gives it (442).
    pub peer_transport: PeerTransport,
    /// An IPv6 address is wanted beside the IPv4 one. Default: `false`.
    ///
    /// Source: [RFC 8656 §7.1](https://www.rfc-editor.org/rfc/rfc8656#section-7.1)
    pub with_ipv6: bool,
    /// How long an answer is waited for. Default: 9.5 s; nothing is sent again after 31.5 s.
    pub timeout: Duration,
    /// How long the server is asked to keep the allocation after each refresh. Default: 600 s.
    pub lifetime: Duration,
    /// How many addresses may be permitted, and how many channels bound, at a time. Further ones are refused with 508, as
    /// [`PeerRefused`](super::ClientEvent::PeerRefused) says. Default: 128.
    pub max_peers: usize,
}

impl ClientConfig {
    /// Defaults.
    pub fn new(provider: CryptoProvider, username: impl Into<String>, credential: impl Into<Credential>) -> Self {
        Self {
            provider,
            username: username.into(),
            credential: credential.into(),
            is_stream: false,
            peer_transport: PeerTransport::Udp,
            with_ipv6: false,
            timeout: Duration::from_millis(9_500),
            lifetime: Duration::from_secs(600),
            max_peers: 128,
        }
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig")
            .field("is_stream", &self.is_stream)
            .field("peer_transport", &self.peer_transport)
            .field("with_ipv6", &self.with_ipv6)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
