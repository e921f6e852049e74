//! Clients under DTLS (RFC 7350): one socket for all of them, a connection for each, and a packet in each record.

use super::Input;
use ortica_core::{Instant, Rng, SocketId};
use ortica_dtls::{Config, Connection, Event};
use std::collections::{HashMap, VecDeque};
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::sleep_until;

/// Handshakes at a time; a further one takes the place of the oldest.
const HANDSHAKES: usize = 128;
/// Clients at a time; a further one takes the place of one that was silent for [`IDLE`], or of none.
const CLIENTS: usize = 1_000;
/// Longer than any allocation goes without a refresh.
const IDLE: Duration = Duration::from_secs(900);
/// What a record of the handshake begins with.
const HANDSHAKE: u8 = 22;

/// A packet and whom it is for.
pub type ToClient = (SocketAddr, Vec<u8>);

/// The socket and what is known of those who send there.
pub struct Secured {
    socket: UdpSocket,
    id: SocketId,
    config: Arc<Config>,
    rng: Rng,
    start: tokio::time::Instant,
    tell: mpsc::Sender<Input>,
    /// Handshakes, the oldest first.
    begun: VecDeque<(SocketAddr, Connection)>,
    clients: HashMap<SocketAddr, Client>,
}

struct Client {
    connection: Connection,
    heard: Instant,
}

impl Secured {
    pub fn new(socket: UdpSocket, id: SocketId, config: Arc<Config>, rng: Rng, tell: mpsc::Sender<Input>) -> Self {
        let start = tokio::time::Instant::now();
        Self { socket, id, config, rng, start, tell, begun: VecDeque::new(), clients: HashMap::new() }
    }

    /// Reads and writes until the server is gone.
    pub async fn run(mut self, mut packets: mpsc::Receiver<ToClient>) {
        let mut buffer = vec![0; 65_536];
        loop {
            let due = self.begun.iter().filter_map(|(_, connection)| connection.poll_timeout()).min();
            let deadline = due.map(|at| self.start + Duration::from_nanos(at.as_nanos()));
            let alarm = async {
                match deadline {
                    Some(deadline) => sleep_until(deadline).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                received = self.socket.recv_from(&mut buffer) => {
                    // An error is that of one packet: an ICMP message, say.
                    let Ok((len, from)) = received else { continue };
                    let inside = self.take(from, buffer.get_mut(..len).unwrap_or_default());
                    self.settle_client(from);
                    for bytes in inside {
                        let packet = Input::Packet { socket: self.id, from, bytes, was_last: None };
                        if self.tell.send(packet).await.is_err() {
                            return;
                        }
                    }
                }
                packet = packets.recv() => {
                    let Some((to, packet)) = packet else { return };
                    self.send(to, &packet);
                }
                () = alarm => {
                    let now = self.now();
                    self.begun.iter_mut().for_each(|(_, connection)| connection.handle_timeout(now));
                }
            }
            self.settle_handshakes();
        }
    }

    fn now(&self) -> Instant {
        Instant::from_nanos(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// What is inside of the records of a packet.
    fn take(&mut self, from: SocketAddr, packet: &mut [u8]) -> Vec<Vec<u8>> {
        let now = self.now();
        let mut inside = Vec::new();
        let connection = match self.clients.get_mut(&from) {
            Some(client) => {
                client.heard = now;
                &mut client.connection
            }
            None => match self.handshake(now, from, packet.first() == Some(&HANDSHAKE)) {
                Some(connection) => connection,
                None => return inside,
            },
        };
        connection.handle_packet(now, packet, &mut |data| inside.push(data.to_vec()));
        inside
    }

    /// The handshake with a client, which may begin it.
    fn handshake(&mut self, now: Instant, from: SocketAddr, may_begin: bool) -> Option<&mut Connection> {
        let known = self.begun.iter().position(|(client, _)| *client == from);
        if known.is_none() && may_begin {
            if self.begun.len() >= HANDSHAKES {
                self.begun.pop_front();
            }
            let connection = Connection::for_anyone(self.config.clone(), Rng::from_seed(self.rng.bytes()), now);
            self.begun.push_back((from, connection));
        }
        let index = known.or_else(|| self.begun.len().checked_sub(1).filter(|_| may_begin))?;
        self.begun.get_mut(index).map(|(_, connection)| connection)
    }

    /// A packet for a client; it is lost where there is none, as datagrams are.
    fn send(&mut self, to: SocketAddr, packet: &[u8]) {
        let Some(client) = self.clients.get_mut(&to) else { return };
        let mut out = Vec::new();
        let start = client.connection.begin(&mut out);
        out.extend_from_slice(packet);
        if client.connection.seal(&mut out, start).is_ok() {
            let _ = self.socket.try_send_to(&out, to);
        }
    }

    /// Sends what handshakes have to say, and looks at what became of them.
    fn settle_handshakes(&mut self) {
        let now = self.now();
        for index in (0..self.begun.len()).rev() {
            let Some((client, connection)) = self.begun.get_mut(index) else { continue };
            flush(&self.socket, *client, connection, now);
            match connection.poll_event() {
                None => {}
                Some(Event::Secured) => {
                    if let Some((client, connection)) = self.begun.remove(index) {
                        self.admit(now, client, connection);
                    }
                }
                Some(_) => drop(self.begun.remove(index)),
            }
        }
    }

    /// A client may have said goodbye, or that it has not heard the end of its handshake.
    fn settle_client(&mut self, from: SocketAddr) {
        let now = self.now();
        let Some(Client { connection, .. }) = self.clients.get_mut(&from) else { return };
        flush(&self.socket, from, connection, now);
        if let Some(Event::Closed(_)) = connection.poll_event() {
            self.clients.remove(&from);
        }
    }

    fn admit(&mut self, now: Instant, client: SocketAddr, connection: Connection) {
        if self.clients.len() >= CLIENTS {
            self.clients.retain(|_, client| now.saturating_duration_since(client.heard) < IDLE);
        }
        if self.clients.len() < CLIENTS {
            self.clients.insert(client, Client { connection, heard: now });
        }
    }
}

/// Sends what a connection has to say by itself.
fn flush(socket: &UdpSocket, to: SocketAddr, connection: &mut Connection, now: Instant) {
    let mut out = Vec::new();
    while connection.poll_packet(now, &mut out).is_some() {
        // What cannot be sent is sent again.
        let _ = socket.try_send_to(&out, to);
        out.clear();
    }
}

#[cfg(test)]
mod tests;
