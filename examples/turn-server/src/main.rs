//! A small TURN and STUN server over UDP and TCP, and over DTLS where it has a certificate.
//!
//! ```text
//! cargo run --release -p turn-server -- --user name:password --relay-ip 192.0.2.1
//! ```
//!
//! The protocol is in `ortica_ice::turn::Server`, which has neither sockets nor a clock. Here is the rest: one task owns it, and each
//! socket and connection has a task that reads; `connections` has what clients open and what is opened to peers, and `secured` those under
//! DTLS. Where more is wanted (TLS, databases, several processors), coturn is at home.

mod connections;
mod secured;

use clap::Parser;
use connections::{ToClient, accept, connect, converse, listen};
use ortica_core::crypto::rust_crypto;
use ortica_core::{Datagram, Instant, NtpTime, Rng, SocketId, WallClock};
use ortica_dtls::Certificate;
use ortica_ice::turn::{
    ConnectionId, PeerPolicy, Prefix, Server, ServerConfig, ServerEvent, StaticUsers, TimeLimitedUsers, Users,
};
use secured::Secured;
use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::sleep_until;

/// Packets that wait for the server, and for one connection; beyond, the kernel holds them, and those of a connection are dropped.
const QUEUE: usize = 1_024;
/// The most connections at a time; further ones are closed at once.
const CONNECTIONS: usize = 1_000;
/// How many ports are tried before there is none.
const TRIES: usize = 64;

/// A small TURN and STUN server over UDP, TCP and DTLS.
#[derive(Debug, Parser)]
struct Options {
    /// Where to listen.
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::UNSPECIFIED))]
    listen: IpAddr,
    /// Port to listen on, for UDP and TCP; 0 for any.
    #[arg(long, default_value_t = 3478)]
    port: u16,
    /// A file with the certificate to show over DTLS and its private key (PKCS #8), in PEM. Without it there is no DTLS. Those who vouch
    /// for it are not shown.
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// Port to listen on for DTLS; 0 for any.
    #[arg(long, default_value_t = 5349, requires = "certificate")]
    dtls_port: u16,
    /// Address of this machine that peers send to; twice for IPv4 and IPv6.
    #[arg(long, value_name = "IP", required = true)]
    relay_ip: Vec<IpAddr>,
    /// What that address is from outside, where a NAT is in front of this machine. For IPv4.
    #[arg(long, value_name = "IP")]
    external_ip: Option<Ipv4Addr>,
    /// Lowest port for peers.
    #[arg(long, value_name = "PORT", default_value_t = 49_152)]
    min_port: u16,
    /// Highest port for peers.
    #[arg(long, value_name = "PORT", default_value_t = 65_535)]
    max_port: u16,
    /// Names the server to its users; 12 bytes and less.
    #[arg(long, default_value = "ortica")]
    realm: String,
    /// A user; any number of times.
    #[arg(long, value_name = "NAME:PASSWORD", value_parser = parse_user, required_unless_present = "secret")]
    user: Vec<(String, String)>,
    /// Lets in whom a service with the same secret names: the user is `END:anything` in seconds since 1970, the password the base64 of
    /// the HMAC-SHA1 of that.
    #[arg(long, conflicts_with = "user")]
    secret: Option<String>,
    /// Lets clients have connections of TCP to peers and from them (RFC 6062). What listens in this machine's network can be spoken to
    /// then, where no `--deny-peer` says otherwise.
    #[arg(long)]
    tcp_relay: bool,
    /// Peers to refuse beside those that are no other host: private networks, say. `10.0.0.0/8`; any number of times.
    #[arg(long, value_name = "PREFIX")]
    deny_peer: Vec<Prefix>,
    /// Peers to allow all the same.
    #[arg(long, value_name = "PREFIX")]
    allow_peer: Vec<Prefix>,
}

fn parse_user(text: &str) -> Result<(String, String), &'static str> {
    let (name, password) = text.split_once(':').ok_or("a name, a colon and a password")?;
    Ok((name.to_owned(), password.to_owned()))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse();
    let udp = Arc::new(UdpSocket::bind((options.listen, options.port)).await?);
    let address = udp.local_addr()?;
    let tcp = TcpListener::bind(address).await?;
    let dtls = match &options.certificate {
        Some(file) => {
            let certificate = Certificate::from_pem(&rust_crypto::provider(), &std::fs::read_to_string(file)?)?;
            Some((UdpSocket::bind((options.listen, options.dtls_port)).await?, certificate))
        }
        None => None,
    };
    let mut driver = Driver::new(options, udp, address)?;
    println!("listening on {address}");
    if let Some((socket, certificate)) = dtls {
        println!("listening on {} for DTLS", socket.local_addr()?);
        driver.add_secured(socket, certificate);
    }
    tokio::select! {
        result = driver.run(tcp) => result?,
        result = tokio::signal::ctrl_c() => result?,
    }
    Ok(())
}

/// What other tasks tell the one that owns the server.
enum Input {
    /// A packet. Where it may be the last one before a peer's bytes, it is to be said whether it was.
    Packet { socket: SocketId, from: SocketAddr, bytes: Vec<u8>, was_last: Option<oneshot::Sender<bool>> },
    /// A connection of a client has ended.
    Closed { connection: SocketId },
    /// A peer has connected.
    Accepted { relay: SocketId, stream: TcpStream, peer: SocketAddr },
    /// What became of a connection to a peer.
    Connected { id: ConnectionId, result: io::Result<TcpStream> },
}

/// What a socket is.
enum Output {
    Datagrams(Arc<UdpSocket>),
    Stream(mpsc::Sender<ToClient>),
    /// Of clients under DTLS.
    Secured(mpsc::Sender<secured::ToClient>),
    /// Where it listens for peers.
    Listener(SocketAddr),
    /// A connection with a peer. Nothing is read from it before it is joined to a client's.
    Peer(TcpStream),
}

/// A socket, and who reads from it.
struct Socket {
    output: Output,
    reader: Option<AbortHandle>,
}

/// Owns the server, and knows sockets and time.
struct Driver {
    server: Server,
    options: Options,
    rng: Rng,
    start: tokio::time::Instant,
    sockets: HashMap<SocketId, Socket>,
    /// Connections to peers on their way.
    connecting: HashMap<ConnectionId, AbortHandle>,
    /// Connections of clients, and those with peers that they are to be joined to once their answers are sent.
    joins: Vec<(SocketId, TcpStream)>,
    /// Who waits to hear whether a packet was the last one.
    waiting: Vec<(SocketId, oneshot::Sender<bool>)>,
    connections: usize,
    next_socket: u32,
    inputs: mpsc::Receiver<Input>,
    tell: mpsc::Sender<Input>,
}

impl Driver {
    fn new(options: Options, udp: Arc<UdpSocket>, address: SocketAddr) -> Result<Self, Box<dyn Error>> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| error.to_string())?;
        let (provider, rng) = (rust_crypto::provider(), Rng::from_seed(seed));
        let users: Arc<dyn Users> = match &options.secret {
            Some(secret) => {
                let unix = SystemTime::now().duration_since(UNIX_EPOCH)?;
                let clock = WallClock::new(Instant::from_nanos(0), NtpTime::from_unix(unix));
                Arc::new(TimeLimitedUsers::new(provider, secret.as_bytes(), clock))
            }
            None => {
                let add = |users: StaticUsers, (name, password): &(String, String)| users.with_user(name, password);
                Arc::new(options.user.iter().fold(StaticUsers::default(), add))
            }
        };
        let mut peers = PeerPolicy::default().deny_own(address);
        peers = options.deny_peer.iter().fold(peers, |peers, prefix| peers.deny(*prefix));
        peers = options.allow_peer.iter().fold(peers, |peers, prefix| peers.allow(*prefix));
        let has = |is_ipv4| options.relay_ip.iter().any(|ip| ip.is_ipv4() == is_ipv4);
        let config = ServerConfig::new(provider, options.realm.clone(), users)
            .with_peers(peers)
            .with_families(has(true), has(false))
            .with_tcp(options.tcp_relay);
        let (tell, inputs) = mpsc::channel(QUEUE);
        let mut driver = Self {
            server: Server::new(Arc::new(config), rng.fork("server")),
            options,
            rng: rng.fork("ports"),
            start: tokio::time::Instant::now(),
            sockets: HashMap::new(),
            connecting: HashMap::new(),
            joins: Vec::new(),
            waiting: Vec::new(),
            connections: 0,
            next_socket: 0,
            inputs,
            tell,
        };
        driver.add_datagrams(udp);
        Ok(driver)
    }

    fn now(&self) -> Instant {
        Instant::from_nanos(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    async fn run(&mut self, tcp: TcpListener) -> io::Result<()> {
        loop {
            // Without a deadline it looks again in an hour.
            let wake =
                self.server.poll_timeout().map_or(Duration::from_secs(3_600), |at| Duration::from_nanos(at.as_nanos()));
            let deadline = match self.server.poll_timeout() {
                Some(_) => self.start + wake,
                None => tokio::time::Instant::now() + wake,
            };
            tokio::select! {
                Some(input) = self.inputs.recv() => self.take(input),
                accepted = tcp.accept() => match accepted {
                    Ok((stream, remote)) => self.add_stream(stream, remote),
                    // Too many files, most likely: those that are open go on.
                    Err(error) => {
                        eprintln!("cannot accept: {error}");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
                () = sleep_until(deadline) => {}
            }
            // A batch, so that what comes together goes together.
            for _ in 0..QUEUE {
                let Ok(input) = self.inputs.try_recv() else { break };
                self.take(input);
            }
            let now = self.now();
            self.server.handle_timeout(now);
            self.obey();
            self.send().await;
        }
    }

    fn take(&mut self, input: Input) {
        let now = self.now();
        match input {
            Input::Packet { socket, from, mut bytes, was_last } => {
                self.server.handle_datagram(now, Datagram::single(socket, from, &mut bytes));
                self.waiting.extend(was_last.map(|sender| (socket, sender)));
            }
            Input::Closed { connection } => {
                self.server.connection_closed(connection);
                self.close(connection);
            }
            Input::Accepted { relay, stream, peer } => {
                let socket = self.add(Output::Peer(stream));
                self.server.peer_accepted(now, relay, peer, socket);
            }
            Input::Connected { id, result } => {
                self.connecting.remove(&id);
                match result {
                    Ok(stream) => {
                        let socket = self.add(Output::Peer(stream));
                        self.server.peer_connected(now, id, socket);
                    }
                    Err(_) => self.server.peer_failed(id),
                }
            }
        }
    }

    /// Does what the server wants done.
    fn obey(&mut self) {
        while let Some(event) = self.server.poll_event() {
            let now = self.now();
            match event {
                ServerEvent::Bind { id, is_ipv6, is_even } => match self.bind(is_ipv6, is_even) {
                    Some((socket, address)) => {
                        let socket = self.add_datagrams(Arc::new(socket));
                        self.server.relay_bound(now, id, socket, address);
                    }
                    None => self.server.relay_failed(now, id),
                },
                ServerEvent::Listen { id, is_ipv6 } => match self.listen(is_ipv6) {
                    Some((socket, address)) => self.server.relay_bound(now, id, socket, address),
                    None => self.server.relay_failed(now, id),
                },
                ServerEvent::Connect { id, relay, peer } => {
                    let Some(Output::Listener(local)) = self.sockets.get(&relay).map(|it| &it.output) else {
                        self.server.peer_failed(id);
                        continue;
                    };
                    let (local, tell) = (*local, self.tell.clone());
                    let task = tokio::spawn(async move {
                        let result = connect(local, peer).await;
                        let _ = tell.send(Input::Connected { id, result }).await;
                    });
                    self.connecting.insert(id, task.abort_handle());
                }
                ServerEvent::Abandon { id } => {
                    if let Some(task) = self.connecting.remove(&id) {
                        task.abort();
                    }
                }
                ServerEvent::Join { client, peer } => {
                    if let Some(Socket { output: Output::Peer(stream), .. }) = self.sockets.remove(&peer) {
                        self.joins.push((client, stream));
                    }
                }
                ServerEvent::Release { socket } => self.close(socket),
                _ => {}
            }
        }
    }

    /// An address for peers to be tried. Ports are drawn, so that nobody guesses the next one.
    fn draw(&mut self, is_ipv6: bool) -> Option<SocketAddr> {
        let ip = *self.options.relay_ip.iter().find(|ip| ip.is_ipv6() == is_ipv6)?;
        let count = u64::from(self.options.max_port.saturating_sub(self.options.min_port)) + 1;
        Some(SocketAddr::new(ip, self.options.min_port + u16::try_from(self.rng.below(count)).unwrap_or(0)))
    }

    /// What peers call an address.
    fn seen_from_outside(&self, address: SocketAddr) -> SocketAddr {
        let outside = self.options.external_ip.filter(|_| address.is_ipv4());
        SocketAddr::new(outside.map_or(address.ip(), IpAddr::V4), address.port())
    }

    /// A socket for peers, and what they call it.
    fn bind(&mut self, is_ipv6: bool, is_even: bool) -> Option<(UdpSocket, SocketAddr)> {
        for _ in 0..TRIES {
            let address = self.draw(is_ipv6)?;
            let port = address.port();
            if is_even && !port.is_multiple_of(2) {
                continue;
            }
            if let Ok(socket) = std::net::UdpSocket::bind(address).and_then(|socket| {
                socket.set_nonblocking(true)?;
                UdpSocket::from_std(socket)
            }) {
                return Some((socket, self.seen_from_outside(address)));
            }
        }
        None
    }

    /// The same that peers connect to.
    fn listen(&mut self, is_ipv6: bool) -> Option<(SocketId, SocketAddr)> {
        for _ in 0..TRIES {
            let address = self.draw(is_ipv6)?;
            // The system would let two share an address, for connections are opened from it as well.
            let has = |socket: &Socket| matches!(socket.output, Output::Listener(used) if used == address);
            if self.sockets.values().any(has) {
                continue;
            }
            if let Ok(listener) = listen(address) {
                let relay = self.add(Output::Listener(address));
                let reader = tokio::spawn(accept(listener, relay, self.tell.clone())).abort_handle();
                self.read_by(relay, reader);
                return Some((relay, self.seen_from_outside(address)));
            }
        }
        None
    }

    async fn send(&mut self) {
        let (now, mut out) = (self.now(), Vec::new());
        while let Some(transmit) = self.server.poll_transmit(now, 1, &mut out) {
            match self.sockets.get(&transmit.socket).map(|socket| &socket.output) {
                // What cannot be sent is lost, as datagrams are.
                Some(Output::Datagrams(socket)) => drop(socket.send_to(&out, transmit.remote).await),
                Some(Output::Stream(stream)) => drop(stream.try_send(ToClient::Packet(out.clone()))),
                Some(Output::Secured(clients)) => drop(clients.try_send((transmit.remote, out.clone()))),
                _ => {}
            }
            out.clear();
        }
        let joined: Vec<_> = std::mem::take(&mut self.joins).into_iter().filter_map(|join| self.join(join)).collect();
        for (socket, sender) in self.waiting.drain(..) {
            let _ = sender.send(joined.contains(&socket));
        }
    }

    /// Hands a connection with a peer to the task of the client's, behind its answers.
    fn join(&mut self, (client, peer): (SocketId, TcpStream)) -> Option<SocketId> {
        if let Some(Output::Stream(stream)) = self.sockets.get(&client).map(|socket| &socket.output)
            && stream.try_send(ToClient::Join(peer)).is_ok()
        {
            return Some(client);
        }
        self.server.connection_closed(client);
        self.close(client);
        None
    }

    fn add(&mut self, output: Output) -> SocketId {
        self.next_socket = self.next_socket.wrapping_add(1);
        let id = SocketId(self.next_socket);
        self.sockets.insert(id, Socket { output, reader: None });
        id
    }

    fn close(&mut self, socket: SocketId) {
        let Some(Socket { output, reader }) = self.sockets.remove(&socket) else { return };
        if matches!(output, Output::Stream(_)) {
            self.connections -= 1;
        }
        if let Some(reader) = reader {
            reader.abort();
        }
    }

    fn add_datagrams(&mut self, socket: Arc<UdpSocket>) -> SocketId {
        let (tell, reading) = (self.tell.clone(), Arc::clone(&socket));
        let id = self.add(Output::Datagrams(socket));
        let reader = tokio::spawn(async move {
            let mut buffer = vec![0; 65_536];
            loop {
                // An error is that of one packet: an ICMP message, say.
                let Ok((len, from)) = reading.recv_from(&mut buffer).await else { continue };
                let bytes = buffer.get(..len).unwrap_or_default().to_vec();
                if tell.send(Input::Packet { socket: id, from, bytes, was_last: None }).await.is_err() {
                    return;
                }
            }
        });
        self.read_by(id, reader.abort_handle());
        id
    }

    fn add_secured(&mut self, socket: UdpSocket, certificate: Certificate) {
        let config = ortica_dtls::Config::new(rust_crypto::provider(), Arc::new(certificate));
        let (queue, packets) = mpsc::channel(QUEUE);
        let id = self.add(Output::Secured(queue));
        let secured = Secured::new(socket, id, Arc::new(config), self.rng.fork("dtls"), self.tell.clone());
        self.read_by(id, tokio::spawn(secured.run(packets)).abort_handle());
    }

    fn add_stream(&mut self, stream: TcpStream, from: SocketAddr) {
        if self.connections >= CONNECTIONS {
            return;
        }
        self.connections += 1;
        let (queue, packets) = mpsc::channel(QUEUE);
        let (id, tell) = (self.add(Output::Stream(queue)), self.tell.clone());
        self.server.connection_opened(id);
        let task = tokio::spawn(async move {
            // Either direction ends the connection.
            let _ = converse(stream, from, id, &tell, packets).await;
            let _ = tell.send(Input::Closed { connection: id }).await;
        });
        self.read_by(id, task.abort_handle());
    }

    fn read_by(&mut self, socket: SocketId, reader: AbortHandle) {
        if let Some(socket) = self.sockets.get_mut(&socket) {
            socket.reader = Some(reader);
        }
    }
}
