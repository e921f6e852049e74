//! Both ends of TURN as machines.

use crate::provider;
use netsim::{Event, Machine, epoch};
use ortica_core::{Datagram, Instant, Rng, SocketId};
use ortica_ice::turn::{
    Client, ClientConfig, ClientEvent, PeerTransport, Server, ServerConfig, ServerEvent, StaticUsers,
};
use std::net::SocketAddr;
use std::sync::Arc;

const LISTENER: SocketId = SocketId(1_000_000);

fn peer(number: u64) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, number as u8], 9))
}

/// A client that wants a channel to one peer, and whatever its steps say to others.
pub struct Guest {
    client: Client,
}

impl Guest {
    /// One whose credentials the server of [`Host`] knows.
    pub fn new() -> Self {
        Self::with(ClientConfig::new(provider(), "alice", "wonder"))
    }

    /// The same, or one whose peers are reached by TCP: as the input says.
    pub fn of(input: &[u8]) -> Self {
        let mut config = ClientConfig::new(provider(), "alice", "wonder");
        if input.last().is_some_and(|byte| byte % 2 == 1) {
            (config.is_stream, config.peer_transport) = (true, PeerTransport::Tcp);
        }
        Self::with(config)
    }

    fn with(config: ClientConfig) -> Self {
        let mut client = Client::new(Arc::new(config), Rng::from_number(1), epoch());
        client.bind(epoch(), peer(1));
        Self { client }
    }
}

impl Default for Guest {
    fn default() -> Self {
        Self::new()
    }
}

impl Machine for Guest {
    fn handle_packet(&mut self, now: Instant, packet: &mut [u8]) {
        if let Some(from) = self.client.handle_packet(now, packet) {
            let _ = &packet[from.data];
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.client.handle_timeout(now);
    }

    fn poll_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        self.client.poll_transmit(now, out)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.client.poll_timeout()
    }

    fn poll_event(&mut self) -> Option<Event> {
        let event = self.client.poll_event()?;
        let is_last = matches!(event, ClientEvent::Closed | ClientEvent::Failed(_) | ClientEvent::Alternate { .. });
        let text = format!("{event:?}");
        Some(if is_last { Event::closed(text) } else { Event::new(text) })
    }

    fn close(&mut self, now: Instant) {
        self.client.close(now);
    }

    fn act(&mut self, now: Instant, step: u64) {
        match step % 16 {
            0 => self.client.permit(now, peer(step)),
            1 => self.client.bind(now, peer(step)),
            2 => self.client.forget(peer(step / 2).ip()),
            3 => self.client.probe(now),
            4 => {
                let _ = self.client.connect(now, peer(step));
            }
            15 => self.client.close(now),
            _ => {
                let mut wrapped = b"before".to_vec();
                let is_wrapped = self.client.wrap(now, peer(1), b"data", &mut wrapped);
                let mut in_place = b"beforedata".to_vec();
                assert_eq!(self.client.wrap_in_place(now, peer(1), &mut in_place, 6), is_wrapped);
                assert!(!is_wrapped || wrapped.len() == in_place.len());
            }
        }
    }
}

/// A server all of whose packets come from one address; every other step one comes from a peer.
pub struct Host {
    server: Server,
    sockets: u32,
    connections: u32,
}

impl Host {
    /// One with one user, whose nonces are good for two seconds.
    pub fn new() -> Self {
        let users = StaticUsers::default().with_user("alice", "wonder");
        let config = ServerConfig::new(provider(), "example.org", Arc::new(users));
        let config = config.with_tcp(true).with_nonce_lifetime(std::time::Duration::from_secs(2));
        let mut server = Server::new(Arc::new(config), Rng::from_number(2));
        server.connection_opened(LISTENER);
        Self { server, sockets: 0, connections: 0 }
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Machine for Host {
    fn handle_packet(&mut self, now: Instant, packet: &mut [u8]) {
        let from = SocketAddr::from(([192, 0, 2, 1], 5_000));
        self.server.handle_datagram(now, Datagram::single(LISTENER, from, packet));
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.server.handle_timeout(now);
    }

    fn poll_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        while let Some(event) = self.server.poll_event() {
            match event {
                ServerEvent::Bind { id, .. } | ServerEvent::Listen { id, .. } => {
                    self.sockets += 1;
                    let address = SocketAddr::from(([198, 51, 100, 1], 40_000));
                    self.server.relay_bound(now, id, SocketId(self.sockets), address);
                }
                ServerEvent::Connect { id, peer, .. } if peer.ip().to_string().ends_with('1') => {
                    self.server.peer_failed(id);
                }
                ServerEvent::Connect { id, relay, peer } => {
                    self.connections += 1;
                    self.server.peer_connected(now, id, SocketId(500_000 + self.connections));
                    self.server.peer_accepted(now, relay, peer, SocketId(700_000 + self.connections));
                }
                _ => {}
            }
        }
        self.server.poll_transmit(now, 1, out).map(|transmit| transmit.len)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.server.poll_timeout()
    }

    fn act(&mut self, now: Instant, step: u64) {
        if step % 16 == 15 {
            return self.server.connection_closed(LISTENER);
        }
        let mut packet = vec![step as u8; step as usize % 50];
        self.server.peer_accepted(now, SocketId(self.sockets), peer(step % 3), SocketId(600_000 + step as u32 % 9));
        self.server.handle_datagram(now, Datagram::single(SocketId(self.sockets), peer(step % 3), &mut packet));
    }
}

/// Either of the two.
pub struct End(Box<dyn Machine>);

impl From<Guest> for End {
    fn from(guest: Guest) -> Self {
        Self(Box::new(guest))
    }
}

impl From<Host> for End {
    fn from(host: Host) -> Self {
        Self(Box::new(host))
    }
}

impl Machine for End {
    fn handle_packet(&mut self, now: Instant, packet: &mut [u8]) {
        self.0.handle_packet(now, packet);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.0.handle_timeout(now);
    }

    fn poll_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        self.0.poll_packet(now, out)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.0.poll_timeout()
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.0.poll_event()
    }

    fn close(&mut self, now: Instant) {
        self.0.close(now);
    }

    fn act(&mut self, now: Instant, step: u64) {
        self.0.act(now, step);
    }
}
