//! An agent as a machine: one socket, one peer.

use netsim::{Event, Machine, epoch};
use ortica_core::{Datagram, Instant, Rng, SocketId};
use ortica_ice::{Agent, Config, Credentials, Role, mdns};
use std::net::SocketAddr;
use std::sync::Arc;

/// An agent with a socket, whose packets all come from one remote address.
pub struct Peer {
    agent: Agent,
    remote: SocketAddr,
}

/// Two agents that know each other's credentials and candidates.
pub fn peers(seed: u64) -> (Peer, Peer) {
    let addresses = [SocketAddr::from(([192, 0, 2, 1], 5_001)), SocketAddr::from(([192, 0, 2, 2], 5_002))];
    let config = Arc::new(Config::new(crate::provider()));
    let agent = |seed: u64, role: Role, local: SocketAddr| {
        let mut agent = Agent::new(Arc::clone(&config), Rng::from_number(seed), epoch());
        agent.set_role(epoch(), role);
        agent.add_socket(epoch(), SocketId(0), local);
        agent.end_of_sockets(epoch());
        agent
    };
    let mut a = agent(seed, Role::Controlling, addresses[0]);
    let mut b = agent(seed + 1, Role::Controlled, addresses[1]);
    introduce(&mut a, &b);
    introduce(&mut b, &a);
    (Peer { agent: a, remote: addresses[1] }, Peer { agent: b, remote: addresses[0] })
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
        self.agent.handle_datagram(now, Datagram::single(SocketId(0), self.remote, packet));
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
