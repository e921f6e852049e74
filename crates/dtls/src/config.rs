//! What a connection is told before it starts.

use crate::certificate::Certificate;
use crate::cipher_suite::{CipherSuite, Suite};
use crate::srtp::SrtpProfile;
use ortica_core::crypto::{CryptoProvider, Group};
use std::sync::Arc;
use std::time::Duration;

/// Which part an end plays in the handshake. Signaling decides (`a=setup`): the active end is the client.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Role {
    /// Speaks first.
    Client,
    /// Waits for the client.
    Server,
}

impl Role {
    /// The other one.
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// How a [`Connection`](crate::Connection) behaves. One serves many connections.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) provider: CryptoProvider,
    pub(crate) certificates: Vec<Arc<Certificate>>,
    pub(crate) suites: Vec<Suite>,
    pub(crate) groups: Vec<Group>,
    pub(crate) srtp_profiles: Vec<SrtpProfile>,
    pub(crate) mtu: usize,
    pub(crate) initial_timeout: Duration,
    pub(crate) handshake_timeout: Duration,
    pub(crate) key_log: bool,
    pub(crate) limits: Limits,
}

impl Config {
    /// The shortest first retransmission timeout that can be asked for.
    pub(crate) const MIN_TIMEOUT: Duration = Duration::from_millis(10);
    /// Where doubling ends.
    ///
    /// Source: [RFC 6347 §4.2.4.1](https://www.rfc-editor.org/rfc/rfc6347#section-4.2.4.1)
    pub(crate) const MAX_TIMEOUT: Duration = Duration::from_secs(60);
    /// The smallest packet that can be asked for.
    const MIN_MTU: usize = 256;

    /// A configuration that shows `certificate`, computes with `provider`, and is otherwise as the setters say.
    pub fn new(provider: CryptoProvider, certificate: Arc<Certificate>) -> Self {
        Self::with_certificates(provider, vec![certificate])
    }

    /// The same with several certificates, of which the first is shown that the peer can verify. With none, no handshake
    /// succeeds but that of a client with a [server](crate::Connection::to_server) that asks for none, or does without.
    pub fn with_certificates(provider: CryptoProvider, certificates: Vec<Arc<Certificate>>) -> Self {
        Self {
            provider,
            certificates,
            suites: Suite::ALL.to_vec(),
            groups: vec![Group::X25519, Group::P256],
            srtp_profiles: Vec::new(),
            mtu: 1200,
            initial_timeout: Duration::from_millis(400),
            handshake_timeout: Duration::from_secs(30),
            key_log: false,
            limits: Limits::default(),
        }
    }

    /// What computes: for those who go on with the keys of a handshake.
    pub fn provider(&self) -> &CryptoProvider {
        &self.provider
    }

    /// The certificates that may be shown, best liked first.
    pub fn certificates(&self) -> &[Arc<Certificate>] {
        &self.certificates
    }

    /// The cipher suites to speak, best first: as a client the order is offered, as a server it decides. Suites not
    /// known here are left out; with none left, no handshake succeeds.
    ///
    /// Default: AES-128-GCM, AES-256-GCM, ChaCha20-Poly1305, first those for ECDSA, then those for RSA.
    pub fn with_cipher_suites(mut self, suites: &[CipherSuite]) -> Self {
        self.suites = suites.iter().filter_map(|id| Suite::of(*id)).collect();
        self
    }

    /// The groups for key agreement, best first. With none, no handshake succeeds.
    ///
    /// Default: X25519, P-256.
    pub fn with_groups(mut self, groups: &[Group]) -> Self {
        self.groups = groups.to_vec();
        self
    }

    /// The SRTP profiles to negotiate, best first: as a client the order is offered, as a server it decides. Profiles
    /// whose keys are not known here are left out. Empty means that `use_srtp` is neither offered nor answered.
    ///
    /// Default: empty.
    pub fn with_srtp_profiles(mut self, profiles: &[SrtpProfile]) -> Self {
        self.srtp_profiles = profiles.iter().copied().filter(|profile| profile.key_len().is_some()).collect();
        self
    }

    /// The longest packet that the handshake makes, in bytes of UDP payload. After two timeouts in a row it goes down
    /// to 548 (an IPv4 packet of 576 bytes). Application data is not cut: its sender knows the path.
    ///
    /// Default: 1200. At least 256.
    pub fn with_mtu(mut self, bytes: usize) -> Self {
        self.mtu = bytes.max(Self::MIN_MTU);
        self
    }

    /// How long to wait for an answer to a flight before it is sent again. Doubles each time, up to 60 s.
    ///
    /// RFC 6347 §4.2.4.1 says 1 s for a path that nobody has measured. Inside ICE the path has been, and a lost packet
    /// at the start of a call should not cost a second. See
    /// [`Connection::set_initial_timeout`](crate::Connection::set_initial_timeout) for a measured value.
    ///
    /// Default: 400 ms. From 10 ms to 60 s.
    pub fn with_initial_timeout(mut self, timeout: Duration) -> Self {
        self.initial_timeout = timeout.clamp(Self::MIN_TIMEOUT, Self::MAX_TIMEOUT);
        self
    }

    /// How long a handshake may take: from its first packet for a client, from the first handshake message for a server, which
    /// may have been waiting for its peer.
    ///
    /// Default: 30 s.
    pub fn with_handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Whether [`Connection::take_key_log`](crate::Connection::take_key_log) gives out the secret by which others can decrypt
    /// the connection. For those who look for a fault and hold the packets.
    ///
    /// Default: `false`.
    pub fn with_key_log(mut self, give_out: bool) -> Self {
        self.key_log = give_out;
        self
    }

    /// The bounds on what a peer can make this end keep.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// The bounds on what a peer can make this end keep. What is beyond is dropped, and the peer's retransmission brings it
/// again.
///
/// The lengths of single messages are bounded too, before anything is allocated: ClientHello 8 KiB (post-quantum key
/// shares are long), Certificate 16 KiB with at most 10 certificates, any other 4 KiB.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Handshake messages kept while parts of them or messages before them are missing. Beyond it the one furthest ahead
    /// is dropped. Default: 16.
    pub reassembly_messages: usize,
    /// Bytes those messages may declare in sum. Beyond it the one furthest ahead is dropped. Default: 65,536.
    pub reassembly_bytes: usize,
    /// Protected records kept because they came before the handshake had a key for them or was over. Beyond it they are
    /// dropped. Default: 16.
    pub early_records: usize,
    /// Bytes of those records. Beyond it they are dropped. Default: 16,384.
    pub early_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { reassembly_messages: 16, reassembly_bytes: 64 * 1024, early_records: 16, early_bytes: 16 * 1024 }
    }
}
