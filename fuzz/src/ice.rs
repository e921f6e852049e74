//! An agent as a machine: one socket, one port of TCP that opens connections and takes them, one peer.

use netsim::{Event, Machine, epoch};
use ortica_core::{Datagram, Instant, Rng, SocketId};
use ortica_ice::{Agent, Config, ConnectionError, Credentials, Role, TcpBase, mdns};
use std::net::SocketAddr;
use std::sync::Arc;

const UDP: SocketId = SocketId(0);
const TCP: SocketId = SocketId(1);
/// Where a STUN server is, and a peer may claim to be.
const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 3)), 3_478);

/// An agent with a socket and a port, whose packets all come from one remote address at a time.
pub struct Peer {
    agent: Agent,
    remote: SocketAddr,
    /// What comes next comes over this, from there.
    next: (SocketId, SocketAddr),
}

impl Peer {
    fn new(agent: Agent, remote: SocketAddr) -> Self {
        Self { agent, remote, next: (UDP, remote) }
    }
}

/// Two agents that know each other's credentials and candidates.
pub fn peers(seed: u64) -> (Peer, Peer) {
    let addresses = [SocketAddr::from(([192, 0, 2, 1], 5_001)), SocketAddr::from(([192, 0, 2, 2], 5_002))];
    let config = Arc::new(Config::new(crate::provider()).with_stun_servers(vec![SERVER]));
    let agent = |seed: u64, role: Role, local: SocketAddr| {
        let mut agent = Agent::new(Arc::clone(&config), Rng::from_number(seed), epoch());
        agent.set_role(epoch(), role);
        agent.add_socket(epoch(), UDP, local);
        agent.add_tcp_socket(epoch(), TCP, local, TcpBase::SimultaneousOpen);
        agent.end_of_sockets(epoch());
        agent
    };
    let mut a = agent(seed, Role::Controlling, addresses[0]);
    let mut b = agent(seed + 1, Role::Controlled, addresses[1]);
    introduce(&mut a, &b);
    introduce(&mut b, &a);
    (Peer::new(a, addresses[1]), Peer::new(b, addresses[0]))
}

/// Tells `agent` what signalling would tell about `other`.
fn introduce(agent: &mut Agent, other: &Agent) {
    let Credentials { ufrag, pwd } = other.local_credentials();
    let credentials = Credentials::new(ufrag.as_str(), pwd.as_str());
    agent.set_remote_credentials(epoch(), credentials, false).expect("generated credentials are valid");
    for candidate in other.local_candidates() {
        drop(agent.add_remote_candidate(epoch(), candidate.clone()));
    }
    agent.end_of_remote_candidates(epoch());
}

impl Machine for Peer {
    fn handle_packet(&mut self, now: Instant, packet: &mut [u8]) {
        let (socket, remote) = self.next;
        self.agent.handle_datagram(now, Datagram::single(socket, remote, packet));
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.agent.handle_timeout(now);
    }

    fn poll_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        self.agent.poll_transmit(now, 1, out).map(|transmit| transmit.len)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.agent.poll_timeout()
    }

    fn poll_event(&mut self) -> Option<Event> {
        use ortica_ice::Event as Told;
        let event = self.agent.poll_event()?;
        let text = format!("{event:?}");
        Some(if matches!(event, Told::Closed(_)) { Event::closed(text) } else { Event::new(text) })
    }

    fn close(&mut self, now: Instant) {
        self.agent.close(now);
    }

    fn act(&mut self, now: Instant, step: u64) {
        match step % 16 {
            0 => self.agent.restart(now),
            1 => drop(self.agent.rollback_restart(now)),
            2 => self.agent.set_role(now, Role::Controlling),
            3 => {
                let text = format!("candidate:1 1 udp {step} 192.0.2.{} 9 typ host", step % 200);
                let _ = text.parse().map(|candidate| drop(self.agent.add_remote_candidate(now, candidate)));
            }
            4 => {
                drop(self.agent.set_remote_credentials(now, Credentials::new("abcd", "0123456789012345678901"), false))
            }
            5 => {
                let kind = ["so", "passive", "active"][step as usize / 16 % 3];
                let text = format!("candidate:1 1 tcp {step} {} 3478 typ host tcptype {kind}", SERVER.ip());
                let _ = text.parse().map(|candidate| drop(self.agent.add_remote_candidate(now, candidate)));
            }
            6 => self.agent.connected(now, TCP, self.remote),
            7 => self.agent.connected(now, TCP, SERVER),
            8 => self.agent.connection_lost(now, TCP, self.remote, ConnectionError::Closed),
            9 => self.agent.connection_lost(now, TCP, SERVER, ConnectionError::Refused),
            10 => self.next = (UDP, self.remote),
            11 => self.next = (TCP, self.remote),
            12 => self.next = (TCP, SERVER),
            15 => self.agent.close(now),
            _ => {}
        }
    }
}

/// A resolver of `.local` names that has one question open and one name of its own.
pub struct Names {
    resolver: mdns::Resolver,
}

impl Names {
    /// Asks for `a.local`, answers for `b.local`.
    pub fn new() -> Self {
        let config = Arc::new(mdns::Config::default());
        let mut resolver = mdns::Resolver::new(config, Rng::from_number(1), epoch());
        resolver.add_socket(epoch(), SocketId(0), SocketAddr::from(([192, 0, 2, 1], 5_353)));
        resolver.resolve(epoch(), "a.local");
        resolver.register(epoch(), "b.local", [192, 0, 2, 1].into());
        Self { resolver }
    }
}

impl Default for Names {
    fn default() -> Self {
        Self::new()
    }
}

impl Machine for Names {
    fn handle_packet(&mut self, now: Instant, packet: &mut [u8]) {
        let from = SocketAddr::from(([192, 0, 2, 2], 5_353));
        self.resolver.handle_datagram(now, Datagram::single(SocketId(0), from, packet));
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.resolver.handle_timeout(now);
    }

    fn poll_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        self.resolver.poll_transmit(now, 1, out).map(|transmit| transmit.len)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.resolver.poll_timeout()
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.resolver.poll_event().map(|event| Event::new(format!("{event:?}")))
    }

    fn act(&mut self, now: Instant, step: u64) {
        self.resolver.resolve(now, if step % 2 == 0 { "a.local" } else { "c.local" });
    }
}
