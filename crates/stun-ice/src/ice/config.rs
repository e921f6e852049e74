//! What an agent is told once.

use super::{GatherOptions, StunServer};
use ortica_core::crypto::CryptoProvider;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Settings of an [`Agent`](crate::Agent).
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) provider: CryptoProvider,
    pub(crate) gather: Arc<GatherOptions>,
    pub(crate) limits: Limits,
    pub(crate) ta: Duration,
    pub(crate) consent_retry: bool,
    pub(crate) gathering_timeout: Duration,
    pub(crate) patience: Duration,
    pub(crate) host_candidates: HostCandidates,
    announced: Vec<(IpAddr, IpAddr)>,
    pub(crate) lite: bool,
    pub(crate) renomination: bool,
}

impl Config {
    /// The pace nobody may exceed: "the combination of all transactions from all agents MUST NOT be sent more often than
    /// once every 5 ms" (RFC 8445 §14.2).
    pub const MIN_TA: Duration = Duration::from_millis(5);

    /// Defaults, with HMAC from `provider`.
    pub fn new(provider: CryptoProvider) -> Self {
        Self {
            provider,
            gather: Arc::default(),
            limits: Limits::default(),
            ta: Duration::from_millis(50),
            consent_retry: true,
            gathering_timeout: Duration::from_millis(9_500),
            patience: Duration::from_millis(39_500),
            host_candidates: HostCandidates::Address,
            announced: Vec::new(),
            lite: false,
            renomination: false,
        }
    }

    /// STUN servers that are asked for server-reflexive candidates, already resolved. Default: none. The first
    /// [`Limits::stun_servers`] are used.
    pub fn with_stun_servers(self, servers: Vec<SocketAddr>) -> Self {
        let stun_servers = servers.into_iter().map(StunServer::from).collect();
        let options = GatherOptions { stun_servers, ..(*self.gather).clone() };
        self.with_gather_options(options)
    }

    /// What agents may gather, and whom they ask, until they are [told otherwise](crate::Agent::set_gather_options). Default:
    /// everything, and nobody.
    pub fn with_gather_options(mut self, options: GatherOptions) -> Self {
        self.gather = Arc::new(options);
        self
    }

    /// Bounds of the agent's tables.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Ta, the time between two checks. Default: 50 ms; not below [`MIN_TA`](Self::MIN_TA).
    ///
    /// Agents of one session share a pace by [`Agent::give_way`](crate::Agent::give_way). One whose checks share a network with
    /// those of `n` others is to be given `n + 1` times its Ta otherwise.
    ///
    /// Source: [RFC 8445 §14.2](https://www.rfc-editor.org/rfc/rfc8445#section-14.2)
    pub fn with_ta(mut self, ta: Duration) -> Self {
        self.ta = ta.max(Self::MIN_TA);
        self
    }

    /// Whether a consent request without an answer is followed by another one within a second, instead of 4 to 6 seconds
    /// later as RFC 7675 has it. Default: `true`: without it a path that loses a fifth of its packets loses consent
    /// within minutes.
    pub fn with_consent_retry(mut self, retry: bool) -> Self {
        self.consent_retry = retry;
        self
    }

    /// How long STUN and TURN servers have to answer before gathering is complete without them. Default: 9.5 s;
    /// beyond 39.5 s nobody asks any more.
    pub fn with_gathering_timeout(mut self, timeout: Duration) -> Self {
        self.gathering_timeout = timeout;
        self
    }

    /// How long an agent that never found a valid pair waits before it fails, from the moment both sides' credentials are
    /// known. It waits once more as long, from when nothing is left to check, while candidates may be to come: the peer has
    /// not ended its own, or this side still gathers. Default: 39.5 s, the longest that the peer's checks take.
    ///
    /// Source: [RFC 8863 §4, §5](https://www.rfc-editor.org/rfc/rfc8863#section-4)
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// What is signalled of host addresses. Default: [`HostCandidates::Address`].
    pub fn with_host_candidates(mut self, policy: HostCandidates) -> Self {
        self.host_candidates = policy;
        self
    }

    /// Addresses under which others reach this host, where a NAT stands before it that maps each of its addresses to one of its own
    /// and keeps the ports, as those of clouds do: pairs of an address of this host and what stands for it. The unspecified address
    /// stands for all of its family. Host candidates carry them in place of their own address, whatever the policy for host
    /// candidates is, but for [`HostCandidates::Hidden`]. Default: none.
    pub fn with_announced_addresses(mut self, addresses: Vec<(IpAddr, IpAddr)>) -> Self {
        self.announced = addresses;
        self
    }

    /// Whether agents are [lite](Self::with_lite).
    pub fn is_lite(&self) -> bool {
        self.lite
    }

    /// Whether agents [nominate more than once](Self::with_renomination).
    pub fn renominates(&self) -> bool {
        self.renomination
    }

    /// What stands for an address of this host; itself if nothing does.
    pub(crate) fn announced(&self, local: IpAddr) -> IpAddr {
        let stands_for = |from: IpAddr| from == local || from.is_unspecified() && from.is_ipv4() == local.is_ipv4();
        // Who named the address itself meant no other.
        let exact = self.announced.iter().find(|(from, _)| *from == local);
        exact.or_else(|| self.announced.iter().find(|(from, _)| stands_for(*from))).map_or(local, |(_, to)| *to)
    }

    /// Whether agents are lite: they have host candidates alone, answer checks and send none, so that the peer does the work,
    /// which controls. For hosts with a public address; the peer is to be told, by `a=ice-lite`. Default: `false`.
    ///
    /// Nothing is asked for consent: the peer's requests stand for it. The pair in use counts as silent when none came for
    /// 15 seconds, and is given up after 30. A peer that is lite too is checked as by a full agent, which controls: else
    /// nobody would prove anything.
    ///
    /// Source: [RFC 8445 §2.5](https://www.rfc-editor.org/rfc/rfc8445#section-2.5)
    pub fn with_lite(mut self, lite: bool) -> Self {
        self.lite = lite;
        self
    }

    /// Whether an agent that controls goes over to a better pair after it selected one, where the peer
    /// [says that it follows](crate::Agent::set_remote_renomination): a direct one instead of a relay, or one whose round trip is
    /// clearly shorter. The peer is to be told that this agent follows likewise, which it always does, by
    /// `a=ice-options:renomination`. Default: `false`: what was nominated stays, as RFC 8445 §8.1.1 has it.
    ///
    /// Source: [draft-thatcher-ice-renomination](https://datatracker.ietf.org/doc/html/draft-thatcher-ice-renomination-01)
    pub fn with_renomination(mut self, renomination: bool) -> Self {
        self.renomination = renomination;
        self
    }
}

/// What the peer gets to see of the addresses of this host. Which sockets there are is the driver's part of the policy.
///
/// Source: [RFC 8828 §5.2](https://www.rfc-editor.org/rfc/rfc8828#section-5.2)
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum HostCandidates {
    /// Host candidates carry their address.
    #[default]
    Address,
    /// Host candidates carry a random name under `.local` instead, announced by [`Io::Publish`](crate::Io::Publish);
    /// related addresses are hidden.
    ///
    /// Source: [draft-ietf-mmusic-mdns-ice-candidates](https://datatracker.ietf.org/doc/draft-ietf-mmusic-mdns-ice-candidates/)
    Mdns,
    /// Host candidates are not signalled; related addresses are hidden. Checks still go out from the sockets.
    Hidden,
}

/// Bounds of an agent's tables.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Sockets, and so host candidates. Further ones are ignored. Default: 32.
    pub sockets: usize,
    /// STUN servers asked. Further ones are ignored. Default: 4.
    pub stun_servers: usize,
    /// TURN servers asked. Further ones are ignored. Default: 4.
    pub turn_servers: usize,
    /// Remote candidates of a generation, peer-reflexive ones and names under resolution included. Further ones are
    /// counted and ignored. Default: 64.
    pub remote_candidates: usize,
    /// Candidate pairs. Beyond it the pairs of lowest priority are dropped. Default: 100.
    ///
    /// Source: [RFC 8445 §6.1.2.5](https://www.rfc-editor.org/rfc/rfc8445#section-6.1.2.5)
    pub pairs: usize,
    /// Checks of a peer whose credentials are not known yet, kept for when they are. Further ones are answered and
    /// forgotten. Default: 16.
    pub early_checks: usize,
    /// Answers waiting to be sent. Further requests go unanswered, so that a caller that cannot send does not collect
    /// work. Default: 64.
    pub replies: usize,
    /// Requests whose answer is still awaited; beyond it the oldest is forgotten. Default: 256.
    pub transactions: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sockets: 32,
            stun_servers: 4,
            turn_servers: 4,
            remote_candidates: 64,
            pairs: 100,
            early_checks: 16,
            replies: 64,
            transactions: 256,
        }
    }
}
