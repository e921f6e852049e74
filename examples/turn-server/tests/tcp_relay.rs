//! Connections of TCP by way of a server, opened from either side: ours as the server, and coturn.

#[path = "common/coturn.rs"]
mod coturn;
#[path = "common/server.rs"]
mod server;

use coturn::Coturn;
use ortica_core::crypto::rust_crypto;
use ortica_core::{Instant, Rng};
use ortica_ice::turn::framing::{StreamQueue, StreamReader};
use ortica_ice::turn::{
    Client, ClientConfig, ClientEvent, ConnectionId, DataConnection, DataConnectionEvent, PeerTransport,
};
use server::Server;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// Longer than any of this takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// What goes to the peer and back by our server: more than buffers on the way hold.
const BYTES: usize = 8 << 20;

/// What the tests send: no two places look alike for long.
fn pattern(len: usize) -> Vec<u8> {
    (0..len as u32).flat_map(|number| number.wrapping_mul(0x9e37_79b1).to_be_bytes()).take(len).collect()
}

/// Connects, and tries until somebody listens.
fn dial(server: SocketAddr, began: std::time::Instant) -> TcpStream {
    loop {
        match TcpStream::connect(server) {
            // Where nobody listens yet, a port for this end may be drawn that is the server's: then both ends are here.
            Ok(stream) if stream.local_addr().is_ok_and(|own| own == server) => drop(stream),
            Ok(stream) => return stream,
            Err(error) => assert!(began.elapsed() < PATIENCE, "the server does not listen: {error}"),
        }
        std::thread::yield_now();
    }
}

/// A client with an allocation of TCP.
struct Caller {
    client: Client,
    server: SocketAddr,
    stream: TcpStream,
    reader: StreamReader,
    began: std::time::Instant,
    events: VecDeque<ClientEvent>,
}

impl Caller {
    fn new(server: SocketAddr) -> Self {
        let mut config = ClientConfig::new(rust_crypto::provider(), "alice", "wonder");
        (config.is_stream, config.peer_transport) = (true, PeerTransport::Tcp);
        config.timeout = PATIENCE;
        let began = std::time::Instant::now();
        let stream = dial(server, began);
        stream.set_read_timeout(Some(Duration::from_millis(20))).expect("a timeout");
        let client = Client::new(Arc::new(config), Rng::from_number(1), Instant::from_nanos(0));
        Self { client, server, stream, reader: StreamReader::default(), began, events: VecDeque::new() }
    }

    fn now(&self) -> Instant {
        Instant::from_nanos(self.began.elapsed().as_nanos() as u64)
    }

    /// Sends what is to be sent, and takes what comes.
    fn step(&mut self) {
        assert!(self.began.elapsed() < PATIENCE, "{:?}", self.events);
        let (now, mut out) = (self.now(), Vec::new());
        self.client.handle_timeout(now);
        while self.client.poll_transmit(now, &mut out).is_some() {
            let mut queue = StreamQueue::new(usize::MAX);
            assert!(queue.push(&out));
            self.stream.write_all(queue.unwritten()).expect("the connection stands");
            out.clear();
        }
        match self.stream.read(self.reader.room()) {
            Ok(len) => {
                assert!(len > 0, "the connection stands");
                self.reader.filled(len);
            }
            Err(error) => assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}"),
        }
        let now = self.now();
        while let Some(packet) = self.reader.next_packet().expect("STUN") {
            assert_eq!(self.client.handle_packet(now, packet), None);
        }
        self.events.extend(std::iter::from_fn(|| self.client.poll_event()));
    }

    /// The next thing that happens.
    fn event(&mut self) -> ClientEvent {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            self.step();
        }
    }

    /// The connection to a peer, and what of it was read already. `first` goes right behind the request that is granted, `at_once`: the
    /// second one where the server's nonces are good for one connection. Else it goes behind the answer.
    fn open(&mut self, connection: ConnectionId, at_once: Option<usize>, first: &[u8]) -> (TcpStream, Vec<u8>) {
        let mut data: DataConnection = self.client.data_connection(self.now(), connection);
        let mut stream = dial(self.server, self.began);
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let (mut out, mut reader, mut requests) = (Vec::new(), StreamReader::default(), 0);
        loop {
            if data.poll_transmit(self.now(), &mut out).is_some() {
                requests += 1;
                if Some(requests) == at_once {
                    out.extend_from_slice(first);
                }
                stream.write_all(&out).expect("the connection stands");
                out.clear();
            }
            let len = stream.read(reader.room()).expect("an answer");
            assert!(len > 0, "the connection stands after {requests} requests");
            reader.filled(len);
            data.read(self.now(), &mut reader);
            match data.poll_event() {
                Some(DataConnectionEvent::Bound) => {
                    match at_once {
                        Some(granted) => assert_eq!(requests, granted),
                        None => stream.write_all(first).expect("the connection stands"),
                    }
                    return (stream, reader.take_rest().to_vec());
                }
                None => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

/// A peer that says something at once and then sends back what it gets, until the other side ends.
fn peer() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        stream.write_all(b"early")?;
        std::io::copy(&mut stream.try_clone()?, &mut stream)?;
        stream.shutdown(Shutdown::Write)
    });
    address
}

/// An address where nobody listens.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("an address")
}

/// Guards the way out: what the peer says before anybody asks is kept, and every byte comes back.
fn a_peer_is_connected_to(caller: &mut Caller, at_once: Option<usize>, bytes: usize) {
    let (peer, nobody) = (peer(), nobody());
    let now = caller.now();
    caller.client.connect(now, nobody).expect("it may be asked for");
    assert_eq!(caller.event(), ClientEvent::ConnectRefused { peer: nobody, code: 447 });
    let now = caller.now();
    caller.client.connect(now, peer).expect("it may be asked for");
    let ClientEvent::Connected { peer: connected, connection } = caller.event() else { panic!("no connection") };
    assert_eq!(connected, peer);
    let now = caller.now();
    caller.client.connect(now, peer).expect("it may be asked for");
    assert_eq!(caller.event(), ClientEvent::ConnectRefused { peer, code: 446 });
    let (first, rest) = (b"first".as_slice(), pattern(bytes));
    let expected = [b"early", first, &rest].concat();
    let (mut stream, mut read) = caller.open(connection, at_once, first);
    let mut writing = stream.try_clone().expect("a second handle");
    let writer = std::thread::spawn(move || writing.write_all(&rest));
    let begun = read.len();
    read.resize(expected.len(), 0);
    stream.read_exact(&mut read[begun..]).expect("all comes back");
    assert!(read == expected, "what came back is what was sent");
    writer.join().expect("it does not panic").expect("all is written");
    // The peer ends as this side does, and the connection with it.
    stream.shutdown(Shutdown::Write).expect("the connection stands");
    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
}

/// Guards the way in: a peer that is permitted connects to the relayed address.
fn a_peer_connects(caller: &mut Caller, at_once: Option<usize>, relayed: SocketAddr) {
    let now = caller.now();
    caller.client.permit(now, nobody());
    while !caller.client.is_permitted(relayed.ip()) {
        caller.step();
    }
    let peer = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(relayed)?;
        stream.write_all(b"knock")?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        std::io::Result::Ok((stream.local_addr()?, answer))
    });
    let ClientEvent::ConnectionAttempt { peer: from, connection } = caller.event() else { panic!("nobody came") };
    let (mut stream, mut read) = caller.open(connection, at_once, b"who is");
    let begun = read.len();
    read.resize(5, 0);
    stream.read_exact(&mut read[begun..]).expect("the peer speaks");
    assert_eq!(read, b"knock");
    stream.write_all(b" there").expect("the connection stands");
    let (address, answer) = peer.join().expect("it does not panic").expect("it is answered");
    assert_eq!((address, &answer), (from, b"who is there"));
}

fn relays_connections(server: SocketAddr, at_once: Option<usize>, bytes: usize) {
    let mut caller = Caller::new(server);
    let ClientEvent::Allocated { relayed, .. } = caller.event() else { panic!("no allocation") };
    a_peer_is_connected_to(&mut caller, at_once, bytes);
    a_peer_connects(&mut caller, at_once, relayed[0]);
    let now = caller.now();
    caller.client.close(now);
    assert_eq!(caller.event(), ClientEvent::Closed);
}

#[test]
fn turn_8_our_client_has_connections_by_our_server() {
    let server = Server::start();
    relays_connections(SocketAddr::from(([127, 0, 0, 1], server.port)), Some(2), BYTES);
}

/// By coturn 4.6.1 not all came back of eight million bytes that began right behind the request.
#[test]
fn turn_8_our_client_has_connections_by_coturn() {
    let Some(coturn) = Coturn::start() else { return };
    relays_connections(coturn.address, None, 20_000);
}

/// Guards the relayed address: without a permission it is as if nobody were there.
#[test]
fn turn_8_who_is_not_permitted_is_sent_away() {
    let server = Server::start();
    let mut caller = Caller::new(SocketAddr::from(([127, 0, 0, 1], server.port)));
    let ClientEvent::Allocated { relayed, .. } = caller.event() else { panic!("no allocation") };
    let mut stranger = TcpStream::connect(relayed[0]).expect("the server listens");
    stranger.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    // The connection ends, with or without a word of the system's.
    assert_eq!(stranger.read(&mut [0]).unwrap_or(0), 0);
    // An allocation that ends takes what is joined with it.
    let peer = peer();
    let now = caller.now();
    caller.client.connect(now, peer).expect("it may be asked for");
    let ClientEvent::Connected { connection, .. } = caller.event() else { panic!("the stranger was told of") };
    let (mut stream, read) = caller.open(connection, Some(2), b"");
    let mut early = [0; 5];
    stream.read_exact(&mut early[read.len()..]).expect("the peer speaks");
    let now = caller.now();
    caller.client.close(now);
    assert_eq!(caller.event(), ClientEvent::Closed);
    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
}
