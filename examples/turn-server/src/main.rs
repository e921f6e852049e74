//! A small TURN and STUN server over UDP and TCP.
//!
//! ```text
//! cargo run --release -p turn-server -- --user name:password --relay-ip 192.0.2.1
//! ```
//!
//! The protocol is in `ortica_ice::turn::Server`, which has neither sockets nor a clock. Here is the rest: one task owns it, and each
//! socket and connection has a task that reads. Where more is wanted (TLS, databases, several processors), coturn is at home.

use clap::Parser;
use ortica_core::crypto::rust_crypto;
use ortica_core::{Datagram, Instant, NtpTime, Rng, SocketId, WallClock};
use ortica_ice::turn::framing::{StreamQueue, StreamReader};
use ortica_ice::turn::{PeerPolicy, Prefix, Server, ServerConfig, ServerEvent, StaticUsers, TimeLimitedUsers, Users};
use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{sleep_until, timeout};

/// Packets that wait for the server, and for one connection; beyond, the kernel holds them, and those of a connection are dropped.
const QUEUE: usize = 1_024;
/// The most connections at a time; further ones are closed at once.
const CONNECTIONS: usize = 1_000;
/// A connection that says nothing for so long is closed.
const IDLE: Duration = Duration::from_secs(900);
/// How many ports are tried before there is none.
const TRIES: usize = 64;

/// A small TURN and STUN server over UDP and TCP.
#[derive(Debug, Parser)]
struct Options {
    /// Where to listen.
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::UNSPECIFIED))]
    listen: IpAddr,
    /// Port to listen on, for UDP and TCP; 0 for any.
    #[arg(long, default_value_t = 3478)]
    port: u16,
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
    let mut driver = Driver::new(options, udp, address)?;
    println!("listening on {address}");
    tokio::select! {
        result = driver.run(tcp) => result?,
        result = tokio::signal::ctrl_c() => result?,
    }
    Ok(())
}

/// What the tasks that read tell the one that owns the server.
enum Input {
    Packet { socket: SocketId, from: SocketAddr, bytes: Vec<u8> },
    Closed { connection: SocketId },
}

/// Where packets for a socket go.
enum Output {
    Datagrams(Arc<UdpSocket>),
    Stream(mpsc::Sender<Vec<u8>>),
}

/// Owns the server, and knows sockets and time.
struct Driver {
    server: Server,
    options: Options,
    rng: Rng,
    start: tokio::time::Instant,
    outputs: HashMap<SocketId, (Output, AbortHandle)>,
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
            .with_families(has(true), has(false));
        let (tell, inputs) = mpsc::channel(QUEUE);
        let mut driver = Self {
            server: Server::new(Arc::new(config), rng.fork("server")),
            options,
            rng: rng.fork("ports"),
            start: tokio::time::Instant::now(),
            outputs: HashMap::new(),
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
            Input::Packet { socket, from, mut bytes } => {
                self.server.handle_datagram(now, Datagram::single(socket, from, &mut bytes));
            }
            Input::Closed { connection } => {
                self.server.connection_closed(connection);
                if self.outputs.remove(&connection).is_some() {
                    self.connections -= 1;
                }
            }
        }
    }

    /// Binds and closes what the server wants bound and closed.
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
                ServerEvent::Release { socket } => {
                    if let Some((_, reader)) = self.outputs.remove(&socket) {
                        reader.abort();
                    }
                }
                _ => {}
            }
        }
    }

    /// A socket for peers, and what they call it. Ports are drawn, so that nobody guesses the next one.
    fn bind(&mut self, is_ipv6: bool, is_even: bool) -> Option<(UdpSocket, SocketAddr)> {
        let ip = *self.options.relay_ip.iter().find(|ip| ip.is_ipv6() == is_ipv6)?;
        let count = u64::from(self.options.max_port.saturating_sub(self.options.min_port)) + 1;
        for _ in 0..TRIES {
            let port = self.options.min_port + u16::try_from(self.rng.below(count)).unwrap_or(0);
            if is_even && !port.is_multiple_of(2) {
                continue;
            }
            if let Ok(socket) = std::net::UdpSocket::bind((ip, port)).and_then(|socket| {
                socket.set_nonblocking(true)?;
                UdpSocket::from_std(socket)
            }) {
                let outside = self.options.external_ip.filter(|_| !is_ipv6).map_or(ip, IpAddr::V4);
                return Some((socket, SocketAddr::new(outside, port)));
            }
        }
        None
    }

    async fn send(&mut self) {
        let (now, mut out) = (self.now(), Vec::new());
        while let Some(transmit) = self.server.poll_transmit(now, 1, &mut out) {
            match self.outputs.get(&transmit.socket) {
                // What cannot be sent is lost, as datagrams are.
                Some((Output::Datagrams(socket), _)) => drop(socket.send_to(&out, transmit.remote).await),
                Some((Output::Stream(stream), _)) => drop(stream.try_send(out.clone())),
                None => {}
            }
            out.clear();
        }
    }

    fn socket_id(&mut self) -> SocketId {
        self.next_socket = self.next_socket.wrapping_add(1);
        SocketId(self.next_socket)
    }

    fn add_datagrams(&mut self, socket: Arc<UdpSocket>) -> SocketId {
        let (id, tell, reading) = (self.socket_id(), self.tell.clone(), Arc::clone(&socket));
        let reader = tokio::spawn(async move {
            let mut buffer = vec![0; 65_536];
            loop {
                // An error is that of one packet: an ICMP message, say.
                let Ok((len, from)) = reading.recv_from(&mut buffer).await else { continue };
                let bytes = buffer.get(..len).unwrap_or_default().to_vec();
                if tell.send(Input::Packet { socket: id, from, bytes }).await.is_err() {
                    return;
                }
            }
        });
        self.outputs.insert(id, (Output::Datagrams(socket), reader.abort_handle()));
        id
    }

    fn add_stream(&mut self, stream: TcpStream, from: SocketAddr) {
        if self.connections >= CONNECTIONS {
            return;
        }
        self.connections += 1;
        let (id, tell) = (self.socket_id(), self.tell.clone());
        let (queue, packets) = mpsc::channel(QUEUE);
        let task = tokio::spawn(async move {
            // Either direction ends the connection.
            let _ = converse(stream, from, id, &tell, packets).await;
            let _ = tell.send(Input::Closed { connection: id }).await;
        });
        self.outputs.insert(id, (Output::Stream(queue), task.abort_handle()));
    }
}

/// Reads and writes one connection until it ends.
async fn converse(
    mut stream: TcpStream,
    from: SocketAddr,
    id: SocketId,
    tell: &mpsc::Sender<Input>,
    mut packets: mpsc::Receiver<Vec<u8>>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    let (mut input, mut output) = stream.split();
    let read = async {
        let mut reader = StreamReader::default();
        loop {
            match timeout(IDLE, input.read(reader.room())).await?? {
                0 => return Ok(()),
                len => reader.filled(len),
            }
            while let Some(packet) = reader.next_packet()? {
                tell.send(Input::Packet { socket: id, from, bytes: packet.to_vec() }).await?;
            }
        }
    };
    let write = async {
        while let Some(packet) = packets.recv().await {
            // Padded to a multiple of four.
            let mut queue = StreamQueue::new(usize::MAX);
            queue.push(&packet);
            output.write_all(queue.unwritten()).await?;
        }
        Ok(())
    };
    tokio::select! {
        result = read => result,
        result = write => result,
    }
}
