//! Links under DTLS and a server on loopback, while time stands still or goes by leaps.

use super::*;
use crate::driver::socket::Socket;
use ortica_core::crypto::{CryptoProvider, providers};
use ortica_core::{Ecn, Rng};
use ortica_dtls::{Certificate, ChainError, ChainVerifier, Config, Connection, Event, ServerIdentity};
use ortica_ice::CertificateFault;
use std::future::poll_fn;
use std::net::Ipv4Addr;
use std::task::Poll;
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

const NAME: Name = (7, TransportId(0), LinkId(3));
const LIMIT: Duration = Duration::from_secs(60);

fn provider() -> CryptoProvider {
    providers().into_iter().next().unwrap()
}

/// Finds all chains good, or none.
struct Verdict(Result<(), ChainError>);

impl ChainVerifier for Verdict {
    fn verify_chain(&self, _: &[&[u8]]) -> Result<(), ChainError> {
        self.0
    }

    fn signatures(&self) -> Vec<u16> {
        Vec::new()
    }
}

/// What sessions are told.
#[derive(Default)]
struct Told {
    packets: Vec<Vec<u8>>,
    connected: Vec<(Name, SocketId)>,
    lost: Vec<(Name, ConnectionError)>,
}

impl Takers for Told {
    fn take(&mut self, _: usize, _: (SocketId, SocketAddr), packets: &mut StreamReader) -> Result<(), FramingError> {
        packets.take_rest();
        Ok(())
    }

    fn take_packets(&mut self, session: usize, _: (SocketId, SocketAddr), open: &mut dyn FnMut(&mut Take<'_>)) {
        assert_eq!(session, NAME.0);
        open(&mut |packet| self.packets.push(packet.to_vec()));
    }

    fn connected(&mut self, name: Name, socket: SocketId, _: SocketAddr) {
        self.connected.push((name, socket));
    }

    fn lost(&mut self, name: Name, error: ConnectionError) {
        self.lost.push((name, error));
    }
}

/// A server that speaks to one client.
struct Server {
    socket: UdpSocket,
    connection: Connection,
    client: Option<SocketAddr>,
    packets: Vec<Vec<u8>>,
    is_over: bool,
}

impl Server {
    async fn new(now: Instant) -> Self {
        let certificate = Certificate::generate(&provider(), &mut Rng::from_number(1), Duration::ZERO).unwrap();
        let config = Arc::new(Config::new(provider(), Arc::new(certificate)));
        let connection = Connection::for_anyone(config, Rng::from_number(2), now);
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        Self { socket, connection, client: None, packets: Vec::new(), is_over: false }
    }

    fn poll(&mut self, now: Instant, cx: &mut Context<'_>) {
        let mut bytes = [0; 2048];
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            let Poll::Ready(from) = self.socket.poll_recv_from(cx, &mut buffer) else { break };
            self.client = Some(from.unwrap());
            let packets = &mut self.packets;
            self.connection.handle_packet(now, buffer.filled_mut(), &mut |packet| packets.push(packet.to_vec()));
        }
        self.flush(now);
    }

    fn flush(&mut self, now: Instant) {
        let mut out = Vec::new();
        while self.connection.poll_packet(now, &mut out).is_some() {
            self.socket.try_send_to(&out, self.client.unwrap()).unwrap();
            out.clear();
        }
        while let Some(event) = self.connection.poll_event() {
            self.is_over |= matches!(event, Event::Closed(_));
        }
    }

    fn send(&mut self, packet: &[u8]) {
        let mut out = Vec::new();
        let start = self.connection.begin(&mut out);
        out.extend_from_slice(packet);
        self.connection.seal(&mut out, start).unwrap();
        self.socket.try_send_to(&out, self.client.unwrap()).unwrap();
    }
}

struct Pair {
    now: Instant,
    servers: Servers,
    told: Told,
    server: Server,
}

impl Pair {
    /// A link on its way, to a server that is found so.
    async fn new(verdict: Result<(), ChainError>) -> Self {
        let now = netsim::epoch();
        let server = Server::new(now).await;
        let mut servers = Servers::default();
        let socket = Socket::bind(servers.next_socket(), (Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let identity = ServerIdentity::new("turn.example", Arc::new(Verdict(verdict)));
        let remote = server.socket.local_addr().unwrap();
        let with = (provider(), Rng::from_number(3));
        servers.open_secured(DtlsLink::new(now, NAME, socket, remote, identity, with));
        Self { now, servers, told: Told::default(), server }
    }

    async fn connected() -> Self {
        let mut pair = Self::new(Ok(())).await;
        pair.run(|pair| !pair.told.connected.is_empty()).await;
        pair
    }

    fn poll(&mut self, cx: &mut Context<'_>) {
        if self.servers.poll(self.now, cx, &mut self.told) {
            cx.waker().wake_by_ref();
        }
    }

    /// Goes on until it is done, without time going by.
    async fn run(&mut self, done: impl Fn(&Self) -> bool) {
        let run = poll_fn(|cx| {
            self.poll(cx);
            self.server.poll(self.now, cx);
            if done(self) { Poll::Ready(()) } else { Poll::Pending }
        });
        tokio::time::timeout(LIMIT, run).await.expect("it gets there");
    }

    /// Packets for the server as the agent has them sent.
    fn send(&mut self, packets: &[Vec<u8>]) {
        let contents = packets.concat();
        let segment_size = (packets.len() > 1).then_some(packets[0].len());
        let socket = self.told.connected[0].1;
        let remote = self.server.socket.local_addr().unwrap();
        let transmit = Transmit { socket, remote, ecn: Ecn::NotEct, len: contents.len(), segment_size };
        assert!(self.servers.has(socket) && !self.servers.send(&transmit, &contents));
        self.servers.flush(&mut self.told);
    }
}

/// Guards `DtlsLink::send`: each packet has a record of its own, and those of a train that is too long for one datagram of the
/// system's go in several.
#[tokio::test]
async fn packets_go_and_come_one_to_a_record() {
    let mut pair = Pair::connected().await;
    assert_eq!(pair.told.connected, [(NAME, SocketId(FIRST_LINK))]);
    assert!(pair.servers.serves(NAME.0));
    let mut sent = Vec::new();
    for (count, len, last) in [(1, 20, 20), (1, 1200, 1200), (64, 1012, 7), (7, 100, 100), (64, 1015, 1015)] {
        let mut packets: Vec<Vec<u8>> = (0..count).map(|number| vec![number; len]).collect();
        packets.last_mut().unwrap().truncate(last);
        pair.send(&packets);
        sent.extend(packets);
        let until = sent.len();
        pair.run(move |pair| pair.server.packets.len() == until).await;
    }
    assert_eq!(pair.server.packets, sent);
    assert_eq!((pair.servers.dropped, pair.servers.refused), (0, 0));
    for number in 0..9 {
        pair.server.send(&[number; 300]);
    }
    pair.run(|pair| pair.told.packets.len() == 9).await;
    assert_eq!(pair.told.packets, (0..9).map(|number| vec![number; 300]).collect::<Vec<_>>());
}

/// Guards the address in `DtlsLink::poll`. What comes after it shows that it was read.
#[tokio::test]
async fn what_comes_from_elsewhere_is_for_nobody() {
    let mut pair = Pair::connected().await;
    let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let mut record = Vec::new();
    let start = pair.server.connection.begin(&mut record);
    record.extend_from_slice(b"by another way");
    pair.server.connection.seal(&mut record, start).unwrap();
    stranger.send_to(&record, pair.server.client.unwrap()).await.unwrap();
    pair.server.send(b"by this one");
    pair.run(|pair| !pair.told.packets.is_empty()).await;
    assert_eq!(pair.told.packets, [b"by this one"]);
}

#[tokio::test]
async fn a_server_that_is_another_one_is_told_by_the_fault_of_its_certificate() {
    for (error, fault) in [
        (ChainError::WrongName, CertificateFault::WrongName),
        (ChainError::UnknownIssuer, CertificateFault::UnknownIssuer),
        (ChainError::NotValidNow, CertificateFault::NotValidNow),
        (ChainError::Revoked, CertificateFault::Revoked),
        (ChainError::Malformed, CertificateFault::Unacceptable),
    ] {
        let mut pair = Pair::new(Err(error)).await;
        pair.run(|pair| !pair.told.lost.is_empty()).await;
        assert_eq!(pair.told.lost, [(NAME, ConnectionError::Certificate(fault))]);
        assert!(pair.told.connected.is_empty() && pair.server.packets.is_empty());
        assert!(pair.servers.is_idle() && pair.servers.poll_timeout().is_none());
    }
}

/// Guards `HANDSHAKE_TIMEOUT`, and the timers of `Servers`: nobody else wakes the endpoint for them.
#[tokio::test]
async fn a_silent_server_is_given_up() {
    let mut pair = Pair::new(Ok(())).await;
    let start = pair.now;
    poll_fn(|cx| {
        pair.poll(cx);
        while let Some(due) = pair.servers.poll_timeout() {
            assert!(due > pair.now);
            pair.now = due;
            pair.poll(cx);
        }
        Poll::Ready(())
    })
    .await;
    assert_eq!(pair.told.lost, [(NAME, ConnectionError::TimedOut)]);
    assert_eq!(pair.now.saturating_duration_since(start), Duration::from_secs(10));
    assert!(pair.servers.is_idle() && !pair.servers.serves(NAME.0));
    pair.server.socket.readable().await.unwrap();
    let mut hellos = 0;
    while pair.server.socket.try_recv(&mut [0; 2048]).is_ok() {
        hellos += 1;
    }
    // After 0, 0.5, 1.5, 3.5 and 7.5 seconds; and the alert with which it is given up is none, as nothing was refused.
    assert_eq!(hellos, 5);
}

#[tokio::test]
async fn a_server_that_says_goodbye_is_lost() {
    let mut pair = Pair::connected().await;
    pair.server.connection.close(pair.now);
    pair.server.flush(pair.now);
    pair.run(|pair| !pair.told.lost.is_empty()).await;
    assert_eq!(pair.told.lost, [(NAME, ConnectionError::Closed)]);
    assert!(pair.servers.is_idle());
}

/// Nobody waits for the goodbye, or hears of the link again.
#[tokio::test]
async fn a_link_that_is_closed_says_goodbye() {
    let mut pair = Pair::connected().await;
    pair.servers.close(pair.now, NAME);
    assert!(pair.servers.is_idle() && !pair.servers.serves(NAME.0));
    pair.run(|pair| pair.server.is_over).await;
    assert!(pair.told.lost.is_empty());
}
