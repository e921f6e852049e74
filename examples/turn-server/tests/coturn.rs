//! The client of `ortica-ice` at coturn, over UDP and TCP, and at our own server over DTLS: what it sends to a peer comes back.
//! (coturn under DTLS is asked by the tests of `ortica`, and its own client speaks DTLS 1.0 at most.)

#[path = "common/coturn.rs"]
mod coturn;
#[path = "common/dtls.rs"]
mod dtls;
#[path = "common/server.rs"]
mod server;

use coturn::Coturn;
use dtls::Secured;
use ortica_core::crypto::rust_crypto;
use ortica_core::{Instant, Rng};
use ortica_ice::turn::framing::{StreamQueue, StreamReader};
use ortica_ice::turn::{Client, ClientConfig, ClientEvent, TurnError};
use server::Server;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

/// So many packets go to the peer and back, over a channel and before it.
const PACKETS: usize = 100;
/// Longer than any of this takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// A way to the server.
enum Way {
    Udp(UdpSocket),
    Tcp(TcpStream, StreamReader),
    Dtls(Box<Secured>),
}

impl Way {
    fn udp(server: SocketAddr) -> Self {
        Self::Udp(socket_to(server))
    }

    fn dtls(server: SocketAddr) -> Self {
        Self::Dtls(Box::new(Secured::new(socket_to(server))))
    }

    /// Tries until the server listens.
    fn tcp(server: SocketAddr, began: std::time::Instant) -> Self {
        loop {
            match TcpStream::connect(server) {
                // Where nobody listens yet, a port for this end may be drawn that is the server's: then both ends are here.
                Ok(stream) if stream.local_addr().is_ok_and(|own| own == server) => drop(stream),
                Ok(stream) => return Self::Tcp(stream, StreamReader::default()),
                Err(error) => assert!(began.elapsed() < PATIENCE, "coturn does not listen: {error}"),
            }
            std::thread::yield_now();
        }
    }

    fn send(&mut self, packet: &[u8]) {
        match self {
            // Refused while the server is not there yet: it is sent again.
            Self::Udp(socket) => drop(socket.send(packet)),
            Self::Tcp(stream, _) => {
                let mut queue = StreamQueue::new(usize::MAX);
                assert!(queue.push(packet));
                stream.write_all(queue.unwritten()).expect("the connection stands");
            }
            Self::Dtls(secured) => secured.send(packet),
        }
    }

    /// The next packet, unless none comes for so long.
    fn receive(&mut self, wait: Duration) -> Option<Vec<u8>> {
        let mut buffer = [0; 2_048];
        let wait = wait.max(Duration::from_millis(1));
        match self {
            Self::Udp(socket) => {
                socket.set_read_timeout(Some(wait)).expect("a timeout");
                let len = socket.recv(&mut buffer).ok()?;
                Some(buffer[..len].to_vec())
            }
            Self::Tcp(stream, reader) => {
                if let Some(packet) = reader.next_packet().expect("STUN or ChannelData") {
                    return Some(packet.to_vec());
                }
                stream.set_read_timeout(Some(wait)).expect("a timeout");
                match stream.read(reader.room()) {
                    Ok(len) => {
                        assert!(len > 0, "the connection stands");
                        reader.filled(len);
                    }
                    Err(error) => {
                        assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}")
                    }
                }
                reader.next_packet().expect("STUN or ChannelData").map(|packet| packet.to_vec())
            }
            Self::Dtls(secured) => secured.receive(wait),
        }
    }
}

fn socket_to(server: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(server).expect("an address");
    socket
}

/// A client on its way.
struct Caller {
    client: Client,
    way: Way,
    began: std::time::Instant,
    events: Vec<ClientEvent>,
    heard: usize,
}

impl Caller {
    fn new(way: Way, password: &str) -> Self {
        let mut config = ClientConfig::new(rust_crypto::provider(), "alice", password);
        config.is_stream = matches!(way, Way::Tcp(..));
        config.timeout = Duration::from_millis(39_500);
        let client = Client::new(Arc::new(config), Rng::from_number(1), Instant::from_nanos(0));
        Self { client, way, began: std::time::Instant::now(), events: Vec::new(), heard: 0 }
    }

    fn now(&self) -> Instant {
        Instant::from_nanos(self.began.elapsed().as_nanos() as u64)
    }

    /// Goes on until it is done.
    fn until(&mut self, mut done: impl FnMut(&Self) -> bool) {
        let mut out = Vec::new();
        while !done(self) {
            assert!(self.began.elapsed() < PATIENCE, "{:?}", self.events);
            let now = self.now();
            self.client.handle_timeout(now);
            while self.client.poll_transmit(now, &mut out).is_some() {
                self.way.send(&out);
                out.clear();
            }
            self.events.extend(std::iter::from_fn(|| self.client.poll_event()));
            let wait = self.client.poll_timeout().map(|at| at.saturating_duration_since(now));
            if let Some(packet) = self.way.receive(wait.unwrap_or_default().min(Duration::from_millis(100))) {
                let now = self.now();
                if let Some(from) = self.client.handle_packet(now, &packet) {
                    assert_eq!(packet[from.data], *b"around");
                    self.heard += 1;
                }
            }
        }
    }

    /// Sends a packet to the peer, and again if the path loses it.
    fn say(&mut self, peer: SocketAddr) {
        let (heard, mut said_at) = (self.heard, None);
        while self.heard == heard {
            if said_at.is_none_or(|at: std::time::Instant| at.elapsed() > Duration::from_secs(1)) {
                let (now, mut packet) = (self.now(), Vec::new());
                assert!(self.client.wrap(now, peer, b"around", &mut packet));
                self.way.send(&packet);
                said_at = Some(std::time::Instant::now());
            }
            let began = std::time::Instant::now();
            self.until(|it| it.heard > heard || began.elapsed() > Duration::from_secs(1));
        }
    }
}

/// A socket that sends back what it gets.
fn echo() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let address = socket.local_addr().expect("its address");
    std::thread::spawn(move || {
        let mut buffer = [0; 2_048];
        while let Ok((len, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(&buffer[..len], from);
        }
    });
    address
}

fn goes_around(way: Way) {
    let peer = echo();
    let mut caller = Caller::new(way, "wonder");
    caller.client.permit(caller.now(), peer);
    caller.until(|it| it.client.is_permitted(peer.ip()));
    assert!(matches!(caller.events[..], [ClientEvent::Allocated { .. }]), "{:?}", caller.events);
    for _ in 0..PACKETS / 2 {
        caller.say(peer);
    }
    caller.client.bind(caller.now(), peer);
    caller.until(|it| it.client.is_bound(it.now(), peer));
    for _ in 0..PACKETS / 2 {
        caller.say(peer);
    }
    caller.client.probe(caller.now());
    caller.client.close(caller.now());
    caller.until(|it| it.events.last() == Some(&ClientEvent::Closed));
    assert_eq!(caller.events.len(), 2, "{:?}", caller.events);
    assert_eq!(caller.client.stats().responses_forged, 0);
}

#[test]
fn turn_2_our_client_relays_by_coturn_over_udp() {
    let Some(coturn) = Coturn::start() else { return };
    goes_around(Way::udp(coturn.address));
}

#[test]
fn turn_3_our_client_relays_by_coturn_over_tcp() {
    let Some(coturn) = Coturn::start() else { return };
    goes_around(Way::tcp(coturn.address, std::time::Instant::now()));
}

#[test]
fn our_client_relays_by_our_server_over_dtls() {
    let server = Server::start();
    goes_around(Way::dtls((Ipv4Addr::LOCALHOST, server.dtls_port).into()));
}

#[test]
fn stun_7_coturn_refuses_a_wrong_password() {
    let Some(coturn) = Coturn::start() else { return };
    let mut caller = Caller::new(Way::udp(coturn.address), "guess");
    caller.until(|it| !it.events.is_empty());
    assert!(matches!(caller.events[..], [ClientEvent::Failed(TurnError::Unauthorized { .. })]), "{:?}", caller.events);
}
