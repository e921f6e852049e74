//! The client against a server that says what a test wants.

mod allocation;
mod credentials;
mod data;
mod keep_alive;
mod liars;
mod peers;
mod tcp;

use super::*;
use crate::stun::{
    Integrity, IntegrityKey, LongTermKey, Message, Method, PasswordAlgorithm, SecurityFeatures, TransactionId,
};
use ortica_core::crypto::rust_crypto;

const REALM: &str = "example.org";
const USER: &str = "alice";
const PASSWORD: &str = "correct horse";

fn relayed(number: u16) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 7], number))
}

fn mapped() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 1], 5_000))
}

fn peer(number: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, number], 7_000))
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A client, and what a server would know of it.
struct Script {
    client: Client,
    start: Instant,
    now: Instant,
    nonce: Vec<u8>,
    key: IntegrityKey,
    /// When something went out that only keeps NATs awake.
    kept_alive: Vec<Duration>,
}

/// A request as the server sees it.
struct Sent {
    bytes: Vec<u8>,
}

impl Sent {
    fn message(&self) -> Message<'_> {
        Message::parse(&self.bytes).unwrap()
    }

    fn method(&self) -> Method {
        self.message().method()
    }

    fn id(&self) -> TransactionId {
        self.message().transaction()
    }

    fn lifetime(&self) -> Option<Duration> {
        self.message().lifetime().unwrap()
    }
}

impl Script {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut ClientConfig)) -> Self {
        let (provider, now) = (rust_crypto::provider(), netsim::epoch());
        let mut config = ClientConfig::new(provider, USER, PASSWORD);
        change(&mut config);
        let client = Client::new(Arc::new(config), Rng::from_number(1), now);
        let key = LongTermKey::derive(&provider, PasswordAlgorithm::Md5, USER, REALM, PASSWORD);
        let key = key.integrity(&provider, Integrity::Sha1);
        Self { client, start: now, now, nonce: b"a nonce".to_vec(), key, kept_alive: Vec::new() }
    }

    /// With an allocation.
    fn allocated() -> Self {
        let mut script = Self::new();
        script.allocate(relayed(1));
        script
    }

    /// Answers the challenge and the request after it.
    fn allocate(&mut self, at: SocketAddr) {
        let first = self.sent_one(Method::ALLOCATE);
        let request = match first.message().has_integrity() {
            true => first,
            false => {
                self.challenge(&first, 401);
                self.sent_one(Method::ALLOCATE)
            }
        };
        assert!(request.message().verify_integrity(&self.key));
        self.grant_allocation(&request, at);
        assert_eq!(self.events(), [ClientEvent::Allocated { relayed: ArrayVec::from_iter([at]), mapped: mapped() }]);
    }

    fn grant_allocation(&mut self, request: &Sent, at: SocketAddr) {
        self.succeed(request, |it| {
            it.xor_address(AttributeType::XOR_RELAYED_ADDRESS, at).xor_mapped_address(mapped()).lifetime(seconds(600))
        });
    }

    /// The next request, if there is one.
    fn sent(&mut self) -> Option<Sent> {
        loop {
            let mut bytes = vec![0xee];
            let len = self.client.poll_transmit(self.now, &mut bytes)?;
            assert_eq!((bytes.remove(0), bytes.len()), (0xee, len));
            let sent = Sent { bytes };
            if sent.message().class() == Class::Request {
                return Some(sent);
            }
            assert_eq!((sent.message().class(), sent.method()), (Class::Indication, Method::BINDING));
            assert!(sent.message().has_fingerprint() && len == 28);
            self.kept_alive.push(self.elapsed());
        }
    }

    /// The one request there is.
    fn sent_one(&mut self, method: Method) -> Sent {
        let sent = self.sent().expect("a request");
        assert_eq!((sent.method(), self.sent().is_none()), (method, true));
        sent
    }

    /// Answers without integrity.
    fn challenge(&mut self, to: &Sent, code: u16) {
        let nonce = self.nonce.clone();
        self.answer(to, |it| {
            it.error_code(ErrorCode { code, reason: "prove it" })
                .attribute(AttributeType::REALM, REALM.as_bytes())
                .attribute(AttributeType::NONCE, &nonce)
        });
    }

    fn answer(&mut self, to: &Sent, more: impl FnOnce(MessageBuilder<'_>) -> MessageBuilder<'_>) {
        let mut bytes = Vec::new();
        more(MessageBuilder::new(&mut bytes, Class::Error, to.method(), to.id()));
        assert_eq!(self.client.handle_packet(self.now, &bytes), None);
    }

    fn succeed(&mut self, to: &Sent, more: impl FnOnce(MessageBuilder<'_>) -> MessageBuilder<'_>) {
        let mut bytes = Vec::new();
        more(MessageBuilder::new(&mut bytes, Class::Success, to.method(), to.id())).integrity(&self.key);
        assert_eq!(self.client.handle_packet(self.now, &bytes), None);
    }

    fn refuse(&mut self, to: &Sent, code: u16) {
        let mut bytes = Vec::new();
        MessageBuilder::new(&mut bytes, Class::Error, to.method(), to.id())
            .error_code(ErrorCode { code, reason: "no" })
            .integrity(&self.key);
        assert_eq!(self.client.handle_packet(self.now, &bytes), None);
    }

    /// Lets time pass, timer by timer; what is sent then is lost.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(at) = self.client.poll_timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.client.handle_timeout(self.now);
            if self.now < end {
                while self.sent().is_some() {}
            }
            let next = self.client.poll_timeout();
            assert!(self.now >= end || next.is_none_or(|next| next > self.now), "{next:?} is over");
            if self.now >= end {
                break;
            }
        }
        self.now = end;
        self.client.handle_timeout(end);
    }

    fn elapsed(&self) -> Duration {
        self.now.saturating_duration_since(self.start)
    }

    fn events(&mut self) -> Vec<ClientEvent> {
        std::iter::from_fn(|| self.client.poll_event()).collect()
    }

    /// The end, after which nothing happens.
    fn assert_failed(&mut self, error: &TurnError) {
        assert_eq!(self.events().last(), Some(&ClientEvent::Failed(error.clone())));
        self.assert_over();
    }

    fn assert_over(&mut self) {
        assert!(self.sent().is_none() && self.client.poll_timeout().is_none() && self.events().is_empty());
        self.client.permit(self.now, peer(1));
        self.client.bind(self.now, peer(1));
        self.client.probe(self.now);
        self.client.close(self.now);
        assert!(self.sent().is_none() && self.client.poll_timeout().is_none() && self.events().is_empty());
        assert!(!self.client.wrap(self.now, peer(1), b"x", &mut Vec::new()));
    }

    /// Grants all that is asked for peers, and says for whom.
    fn grant_peers(&mut self) -> Vec<(Method, SocketAddr)> {
        let mut granted = Vec::new();
        while let Some(sent) = self.sent() {
            assert!(sent.message().verify_integrity(&self.key));
            if sent.method() == Method::REFRESH {
                self.succeed(&sent, |it| it.lifetime(seconds(600)));
                continue;
            }
            granted.push((sent.method(), sent.message().xor_peer_address().unwrap().unwrap()));
            self.succeed(&sent, |it| it);
        }
        granted
    }
}
