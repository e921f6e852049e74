//! A hand-made peer: it says exactly what a test wants.

use super::*;
use crate::stun::{IntegrityKey, TransactionId};

pub(super) const LOCAL: &str = "192.0.2.1:5000";
pub(super) const REMOTE: &str = "198.51.100.2:6000";

/// An agent with one socket, a peer with credentials of its own, and the wire between them in the test's hands.
pub(super) struct Script {
    pub(super) agent: Agent,
    pub(super) peer: Credentials,
    pub(super) now: Instant,
    pub(super) rng: Rng,
}

/// Something the agent sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) remote: SocketAddr,
    pub(super) bytes: Vec<u8>,
}

impl Sent {
    pub(super) fn message(&self) -> Message<'_> {
        Message::parse(&self.bytes).unwrap()
    }

    pub(super) fn is_request(&self) -> bool {
        self.message().class() == Class::Request
    }
}

/// A request under construction.
pub(super) struct Ask {
    pub(super) from: &'static str,
    pub(super) ufrag: Option<String>,
    pub(super) pwd: Option<String>,
    pub(super) role: Role,
    pub(super) tie_breaker: u64,
    pub(super) use_candidate: bool,
    pub(super) nomination: Option<u32>,
    pub(super) unknown: Vec<u16>,
}

impl Default for Ask {
    fn default() -> Self {
        Self {
            from: REMOTE,
            ufrag: None,
            pwd: None,
            role: Role::Controlled,
            tie_breaker: 0,
            use_candidate: false,
            nomination: None,
            unknown: vec![],
        }
    }
}

impl Script {
    /// The agent has `role` and knows the peer's credentials.
    pub(super) fn new(role: Role) -> Self {
        let mut script = Self::unsignalled(config(), role);
        let peer = script.peer.clone();
        script.agent.set_remote_credentials(script.now, peer, false).unwrap();
        script
    }

    pub(super) fn unsignalled(config: Config, role: Role) -> Self {
        let now = netsim::epoch();
        let mut rng = Rng::from_number(1);
        let mut agent = Agent::new(Arc::new(config), rng.fork("agent"), now);
        agent.set_role(now, role);
        agent.add_socket(now, SocketId(0), address(LOCAL));
        agent.end_of_sockets(now);
        Self { agent, peer: Credentials::generate(&mut rng), now, rng }
    }

    pub(super) fn key(&self, pwd: &str) -> IntegrityKey {
        IntegrityKey::short_term(&rust_crypto::provider(), pwd)
    }

    pub(super) fn name(&mut self, candidate: &str) {
        self.agent.add_remote_candidate(self.now, candidate.parse().unwrap()).unwrap();
    }

    pub(super) fn after(&mut self, time: Duration) -> Vec<Sent> {
        self.now += time;
        self.agent.handle_timeout(self.now);
        self.sent()
    }

    /// Everything the agent wants to send now.
    pub(super) fn sent(&mut self) -> Vec<Sent> {
        let mut all = Vec::new();
        let mut bytes = Vec::new();
        while let Some(transmit) = self.agent.poll_transmit(self.now, 1, &mut bytes) {
            assert_eq!(transmit.len, bytes.len());
            all.push(Sent { remote: transmit.remote, bytes: std::mem::take(&mut bytes) });
        }
        all
    }

    pub(super) fn give(&mut self, from: &str, mut bytes: Vec<u8>) -> Vec<Sent> {
        let datagram = Datagram::single(SocketId(0), address(from), &mut bytes);
        self.agent.handle_datagram(self.now, datagram);
        self.sent()
    }

    pub(super) fn request(&mut self, ask: &Ask) -> Vec<u8> {
        let local = self.agent.local_credentials().clone();
        let ufrag = ask.ufrag.clone().unwrap_or(local.ufrag);
        let key = self.key(ask.pwd.as_deref().unwrap_or(&local.pwd));
        let mut out = Vec::new();
        let id = TransactionId::generate(&mut self.rng);
        let mut builder = MessageBuilder::new(&mut out, Class::Request, Method::BINDING, id)
            .username(&ufrag, &self.peer.ufrag)
            .priority(CandidateKind::PeerReflexive.priority(7));
        builder = match ask.role {
            Role::Controlling => builder.ice_controlling(ask.tie_breaker),
            Role::Controlled => builder.ice_controlled(ask.tie_breaker),
        };
        if ask.use_candidate {
            builder = builder.use_candidate();
        }
        if let Some(number) = ask.nomination {
            builder = builder.nomination(number);
        }
        for unknown in &ask.unknown {
            builder = builder.attribute(crate::stun::AttributeType(*unknown), &[]);
        }
        builder.integrity(&key).fingerprint();
        out
    }

    /// The peer asks; what the agent sends upon it.
    pub(super) fn ask(&mut self, ask: Ask) -> Vec<Sent> {
        let bytes = self.request(&ask);
        self.give(ask.from, bytes)
    }

    /// The answer of the peer to a request of the agent.
    pub(super) fn success(&self, to: &Sent) -> Vec<u8> {
        let mut out = Vec::new();
        MessageBuilder::new(&mut out, Class::Success, Method::BINDING, to.message().transaction())
            .xor_mapped_address(address(LOCAL))
            .integrity(&self.key(&self.peer.pwd))
            .fingerprint();
        out
    }

    pub(super) fn error(&self, to: &Sent, code: u16) -> Vec<u8> {
        let mut out = Vec::new();
        MessageBuilder::new(&mut out, Class::Error, Method::BINDING, to.message().transaction())
            .error_code(crate::stun::ErrorCode { code, reason: "" })
            .integrity(&self.key(&self.peer.pwd))
            .fingerprint();
        out
    }

    pub(super) fn pair(&self) -> PairStats {
        self.agent.pairs().next().unwrap()
    }
}
