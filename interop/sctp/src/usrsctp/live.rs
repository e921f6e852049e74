//! Our association over a UDP socket.

use crate::node::Node;
use crate::ours::{self, Ours};
use crate::stack::{End, Incoming, Offer, Outgoing, Stack};
use crate::wire::{Seen, Sight, Way, chunk};
use netsim::Endpoint;
use ortica_core::{Instant, Rng};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

/// Time that anything may take.
const LIMIT: Duration = Duration::from_secs(60);
/// Time between two looks at what does not come by the socket.
const PAUSE: Duration = Duration::from_millis(20);
/// INITs go out until the program has its socket.
const RTO: Duration = Duration::from_millis(100);
const INITS: u32 = 50;

pub struct Live {
    socket: UdpSocket,
    peer: SocketAddr,
    started: std::time::Instant,
    node: Option<Node<Ours>>,
    loss: f64,
    rng: Rng,
    packet: Vec<u8>,
    /// Packets sent and received, lost ones included.
    pub packets: u64,
    /// FORWARD-TSN chunks received.
    pub forwards: u64,
}

impl Live {
    /// A socket, and a port for the peer. Each packet is lost with the probability `loss`.
    pub fn new(loss: f64) -> Result<Self, String> {
        let bind = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string());
        let (socket, free) = (bind()?, bind()?);
        let peer = free.local_addr().map_err(|error| error.to_string())?;
        Ok(Self {
            socket,
            peer,
            started: std::time::Instant::now(),
            node: None,
            loss,
            rng: Rng::from_number(1).fork("loss"),
            packet: vec![0; 65_536],
            packets: 0,
            forwards: 0,
        })
    }

    pub fn port(&self) -> u16 {
        self.socket.local_addr().map_or(0, |address| address.port())
    }

    pub fn peer_port(&self) -> u16 {
        self.peer.port()
    }

    /// Opens an association with this port. Whoever does not listen there yet answers with an ABORT, and is asked again.
    pub fn connect(&mut self, port: u16) -> Result<(), String> {
        while self.started.elapsed() < LIMIT {
            let now = self.now();
            self.make(5_000, port).stack.connect(now);
            self.until("an answer", |node| node.connected || node.end.is_some())?;
            if self.end().is_none() {
                return Ok(());
            }
            self.receive(PAUSE)?;
        }
        Err("it refused every INIT".to_owned())
    }

    /// Waits for the peer's INIT, which says what the ports are.
    pub fn accept(&mut self) -> Result<(), String> {
        while self.started.elapsed() < LIMIT {
            if let Some(len) = self.receive(PAUSE)? {
                let [from_high, from_low, to_high, to_low, ..] = self.packet[..len] else { continue };
                let (from, to) = ([from_high, from_low], [to_high, to_low]);
                self.make(u16::from_be_bytes(to), u16::from_be_bytes(from));
                self.take_in(len);
                return Ok(());
            }
        }
        Err("it sent no INIT".to_owned())
    }

    pub fn send(&mut self, messages: impl IntoIterator<Item = Outgoing>) {
        let now = self.now();
        if let Some(node) = &mut self.node {
            node.send(now, messages);
        }
    }

    pub fn shutdown(&mut self) {
        let now = self.now();
        if let Some(node) = &mut self.node {
            node.stack.shutdown(now);
        }
    }

    /// Runs until `done`.
    pub fn until(&mut self, what: &str, done: impl Fn(&Node<Ours>) -> bool) -> Result<(), String> {
        let started = std::time::Instant::now();
        loop {
            self.drain()?;
            let Some(node) = &self.node else { return Err("there is no association".to_owned()) };
            if let Some(trouble) = node.troubles.first() {
                return Err(format!("until {what}: {trouble}"));
            }
            if done(node) {
                return Ok(());
            }
            if started.elapsed() > LIMIT {
                let (end, stats) = (node.end, node.stack.stats());
                return Err(format!("not within {LIMIT:?}: {what}; ended {end:?}; {stats:?}"));
            }
            let next = node.poll_timeout().map_or(PAUSE, |at| at.saturating_duration_since(self.now()));
            if let Some(len) = self.receive(next.clamp(Duration::from_millis(1), PAUSE))? {
                self.take_in(len);
            }
            let now = self.now();
            if let Some(node) = self.node.as_mut().filter(|node| node.poll_timeout().is_some_and(|at| at <= now)) {
                node.handle_timeout(now);
            }
        }
    }

    pub fn end(&self) -> Option<End> {
        self.node.as_ref()?.end
    }

    /// What arrived since the last time.
    pub fn take(&mut self) -> Vec<Incoming> {
        self.node.as_mut().map(|node| std::mem::take(&mut node.inbox)).unwrap_or_default()
    }

    fn make(&mut self, local: u16, remote: u16) -> &mut Node<Ours> {
        let (config, now) = (ours::config(Offer::default()), self.now());
        let config = config.with_ports(local, remote).with_rto(RTO, RTO, 10 * RTO).with_max_init_retransmits(INITS);
        let node = Node::new(Box::new(Ours::with_config(1, config, now)), self.peer);
        self.node.insert(node)
    }

    fn now(&self) -> Instant {
        netsim::epoch() + self.started.elapsed()
    }

    /// The next packet that is not lost.
    fn receive(&mut self, wait: Duration) -> Result<Option<usize>, String> {
        self.socket.set_read_timeout(Some(wait)).map_err(|error| error.to_string())?;
        match self.socket.recv_from(&mut self.packet) {
            Ok((len, from)) if from.port() == self.peer.port() => {
                self.packets += 1;
                Ok((!self.is_lost()).then_some(len))
            }
            Ok(_) => Ok(None),
            // A port that nobody has yet is told as a refusal.
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::ConnectionRefused => Ok(None),
                _ => Err(error.to_string()),
            },
        }
    }

    fn take_in(&mut self, len: usize) {
        let now = self.now();
        let Some(packet) = self.packet.get_mut(..len) else { return };
        let mut seen = Seen::default();
        seen.packet(Way::FromPeer, packet);
        self.forwards += seen.of(Way::FromPeer, Sight::Chunk(chunk::FORWARD_TSN));
        if let Some(node) = &mut self.node {
            node.stack.handle_packet(now, packet);
        }
    }

    /// Sends what is to be sent, and lets the application do its part.
    fn drain(&mut self) -> Result<(), String> {
        let now = self.now();
        let mut out = Vec::new();
        loop {
            out.clear();
            let Some(node) = &mut self.node else { return Ok(()) };
            node.react(now);
            if node.poll_transmit(now, 1, &mut out).is_none() {
                return Ok(());
            }
            self.packets += 1;
            if !self.is_lost() {
                // A full socket buffer is a loss too.
                let _ = self.socket.send_to(&out, self.peer);
            }
        }
    }

    fn is_lost(&mut self) -> bool {
        self.loss > 0.0 && self.rng.unit() < self.loss
    }
}
