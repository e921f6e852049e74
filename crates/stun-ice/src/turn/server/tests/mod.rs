//! The server, asked by hand.

mod allocation;
mod credentials;
mod relay;
mod tcp;

use super::*;
use crate::stun::{
    AttributeType, Class, Integrity, IntegrityKey, LongTermKey, Message, MessageBuilder, Method, PasswordAlgorithm,
    SecurityFeatures, TransactionId,
};
use ortica_core::crypto::rust_crypto;

const LISTENER: SocketId = SocketId(1_000);
const REALM: &str = "example.org";
/// Where an error may go from, headers of UDP and IPv4 included.
const HEADERS: usize = 28;

fn client(number: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, (number / 100) as u8 + 1], 5_000 + number))
}

fn peer(number: u8) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, number], 7_000))
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A packet that the server sent.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Sent {
    socket: SocketId,
    remote: SocketAddr,
    bytes: Vec<u8>,
}

impl Sent {
    fn message(&self) -> Message<'_> {
        Message::parse(&self.bytes).unwrap()
    }

    fn code(&self) -> Option<u16> {
        self.message().error_code().unwrap().map(|error| error.code)
    }
}

/// A server whose sockets are numbers, and users `alice` and `bob`.
struct Lab {
    server: Server,
    now: Instant,
    /// Whether sockets are there when they are asked for.
    binds: bool,
    sockets: u32,
    /// How many of them were to have an even port.
    even_ports: usize,
    released: Vec<SocketId>,
    /// What is to be done with connections.
    orders: Vec<ServerEvent>,
    transactions: u8,
}

impl Lab {
    fn new() -> Self {
        Self::with(|config| config)
    }

    fn with(change: impl FnOnce(ServerConfig) -> ServerConfig) -> Self {
        let users = StaticUsers::default().with_user("alice", "wonder").with_user("bob", "build");
        let config = change(ServerConfig::new(rust_crypto::provider(), REALM, Arc::new(users)));
        let server = Server::new(Arc::new(config), Rng::from_number(1));
        Self {
            server,
            now: netsim::epoch(),
            binds: true,
            sockets: 0,
            even_ports: 0,
            released: Vec::new(),
            orders: Vec::new(),
            transactions: 0,
        }
    }

    /// Gives the server a packet, and gives what it sends then.
    fn give(&mut self, local: SocketId, remote: SocketAddr, packet: &[u8]) -> Vec<Sent> {
        self.server.handle_datagram(self.now, Datagram::single(local, remote, &mut packet.to_vec()));
        self.drain()
    }

    fn drain(&mut self) -> Vec<Sent> {
        while let Some(event) = self.server.poll_event() {
            match event {
                ServerEvent::Bind { id, .. } | ServerEvent::Listen { id, .. } if !self.binds => {
                    self.server.relay_failed(self.now, id);
                }
                ServerEvent::Bind { id, is_ipv6, .. } | ServerEvent::Listen { id, is_ipv6 } => {
                    self.even_ports += usize::from(matches!(event, ServerEvent::Bind { is_even: true, .. }));
                    let (socket, port) = (SocketId(self.sockets), 40_000 + self.sockets as u16);
                    self.sockets += 1;
                    let ip = if is_ipv6 { "2001:db8::9" } else { "198.51.100.9" };
                    self.server.relay_bound(self.now, id, socket, SocketAddr::new(ip.parse().unwrap(), port));
                }
                ServerEvent::Release { socket } => self.released.push(socket),
                order => self.orders.push(order),
            }
        }
        let mut out = vec![1, 2, 3];
        std::iter::from_fn(|| {
            let start = out.len();
            let Transmit { socket, remote, len, .. } = self.server.poll_transmit(self.now, 1, &mut out)?;
            assert_eq!(out.len() - start, len);
            Some(Sent { socket, remote, bytes: out[start..].to_vec() })
        })
        .collect()
    }

    fn transaction(&mut self) -> TransactionId {
        self.transactions = self.transactions.wrapping_add(1);
        TransactionId([self.transactions; 12])
    }

    /// The one answer to a request without credentials.
    fn ask_openly(
        &mut self,
        from: SocketAddr,
        method: Method,
        more: impl FnOnce(MessageBuilder<'_>) -> MessageBuilder<'_>,
    ) -> Vec<Sent> {
        let mut packet = Vec::new();
        more(MessageBuilder::new(&mut packet, Class::Request, method, self.transaction()));
        self.give(LISTENER, from, &packet)
    }

    fn nonce(&mut self, from: SocketAddr) -> Vec<u8> {
        let answer =
            self.ask_openly(from, Method::ALLOCATE, |it| it.attribute(AttributeType::REQUESTED_TRANSPORT, UDP));
        answer[0].message().attribute(AttributeType::NONCE).unwrap().to_vec()
    }

    /// A request of `alice`, by MD5.
    fn request(
        &mut self,
        from: SocketAddr,
        method: Method,
        more: impl FnOnce(MessageBuilder<'_>) -> MessageBuilder<'_>,
    ) -> Vec<u8> {
        self.request_of("alice", "wonder", from, method, more)
    }

    fn request_of(
        &mut self,
        username: &str,
        password: &str,
        from: SocketAddr,
        method: Method,
        more: impl FnOnce(MessageBuilder<'_>) -> MessageBuilder<'_>,
    ) -> Vec<u8> {
        let (nonce, mut packet) = (self.nonce(from), Vec::new());
        more(MessageBuilder::new(&mut packet, Class::Request, method, self.transaction()))
            .attribute(AttributeType::USERNAME, username.as_bytes())
            .attribute(AttributeType::REALM, REALM.as_bytes())
            .attribute(AttributeType::NONCE, &nonce)
            .integrity(&key(username, password));
        packet
    }

    /// The answer to such a request: signed, and to where it came from.
    fn ask(
        &mut self,
        from: SocketAddr,
        method: Method,
        more: impl FnOnce(MessageBuilder<'_>) -> MessageBuilder<'_>,
    ) -> Sent {
        let packet = self.request(from, method, more);
        let mut answers = self.give(LISTENER, from, &packet);
        assert_eq!(answers.len(), 1);
        let answer = answers.remove(0);
        assert_eq!((answer.socket, answer.remote), (LISTENER, from));
        assert!(answer.message().verify_integrity(&key("alice", "wonder")));
        answer
    }

    /// Makes an allocation and gives its socket and address.
    fn allocate(&mut self, from: SocketAddr) -> (SocketId, SocketAddr) {
        let answer = self.ask(from, Method::ALLOCATE, allocate);
        let relayed = answer.message().xor_addresses(AttributeType::XOR_RELAYED_ADDRESS).next();
        let relayed = relayed.expect("a relayed address").unwrap();
        (SocketId(self.sockets - 1), relayed)
    }

    /// The code of a refused permission, or none.
    fn permit(&mut self, from: SocketAddr, peer: SocketAddr) -> Option<u16> {
        self.ask(from, Method::CREATE_PERMISSION, |it| it.xor_address(AttributeType::XOR_PEER_ADDRESS, peer)).code()
    }

    /// The same of a channel.
    fn bind(&mut self, from: SocketAddr, number: u16, peer: SocketAddr) -> Option<u16> {
        let [high, low] = number.to_be_bytes();
        let number = [high, low, 0, 0];
        self.ask(from, Method::CHANNEL_BIND, |it| {
            it.attribute(AttributeType::CHANNEL_NUMBER, &number).xor_address(AttributeType::XOR_PEER_ADDRESS, peer)
        })
        .code()
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.server.handle_timeout(self.now);
        assert!(self.server.poll_timeout().is_none_or(|at| at > self.now));
        assert!(self.drain().is_empty());
    }
}

/// REQUESTED-TRANSPORT for UDP.
const UDP: &[u8] = &[17, 0, 0, 0];

fn allocate(builder: MessageBuilder<'_>) -> MessageBuilder<'_> {
    builder.attribute(AttributeType::REQUESTED_TRANSPORT, UDP)
}

fn key(username: &str, password: &str) -> IntegrityKey {
    let provider = rust_crypto::provider();
    LongTermKey::derive(&provider, PasswordAlgorithm::Md5, username, REALM, password)
        .integrity(&provider, Integrity::Sha1)
}
