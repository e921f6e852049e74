//! A client under DTLS, which knows its server by the certificate of this package's tests.

use crate::server::CERTIFICATE;
use ortica_core::crypto::rust_crypto;
use ortica_core::{Instant, Rng};
use ortica_dtls::{Certificate, ChainError, ChainVerifier, Config, Connection, Event, ServerIdentity};
use std::collections::VecDeque;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

/// Finds that certificate good, and no other.
struct Known(Vec<u8>);

impl ChainVerifier for Known {
    fn verify_chain(&self, chain: &[&[u8]]) -> Result<(), ChainError> {
        if *chain == [self.0.as_slice()] { Ok(()) } else { Err(ChainError::UnknownIssuer) }
    }

    fn signatures(&self) -> Vec<u16> {
        Vec::new()
    }
}

/// A packet in each record, on a socket that is connected to the server.
pub struct Secured {
    socket: UdpSocket,
    connection: Connection,
    began: std::time::Instant,
    /// What came and was not asked for yet.
    came: VecDeque<Vec<u8>>,
}

impl Secured {
    /// Shakes hands. A server that does not is one with which it ends.
    pub fn new(socket: UdpSocket) -> Self {
        let provider = rust_crypto::provider();
        let pem = std::fs::read_to_string(CERTIFICATE).expect("it is there");
        let known = Known(Certificate::from_pem(&provider, &pem).expect("a certificate").der().to_vec());
        let config = Arc::new(Config::with_certificates(provider, Vec::new()));
        let server = ServerIdentity::new("localhost", Arc::new(known));
        let connection = Connection::to_server(config, server, Rng::from_number(1), Instant::from_nanos(0));
        let mut secured = Self { socket, connection, began: std::time::Instant::now(), came: VecDeque::new() };
        loop {
            match secured.connection.poll_event() {
                Some(Event::Secured) => return secured,
                Some(event) => panic!("{event:?}"),
                None => secured.turn(Duration::from_secs(1)),
            }
        }
    }

    fn now(&self) -> Instant {
        Instant::from_nanos(self.began.elapsed().as_nanos() as u64)
    }

    /// Sends what the connection has to say, and reads once.
    fn turn(&mut self, wait: Duration) {
        let (now, mut packet) = (self.now(), Vec::new());
        self.connection.handle_timeout(now);
        while self.connection.poll_packet(now, &mut packet).is_some() {
            let _ = self.socket.send(&packet);
            packet.clear();
        }
        let due = self.connection.poll_timeout().map_or(wait, |at| at.saturating_duration_since(now).min(wait));
        self.socket.set_read_timeout(Some(due.max(Duration::from_millis(1)))).expect("a timeout");
        let mut buffer = [0; 2_048];
        if let Ok(len) = self.socket.recv(&mut buffer) {
            let (now, came) = (self.now(), &mut self.came);
            self.connection.handle_packet(now, &mut buffer[..len], &mut |packet| came.push_back(packet.to_vec()));
        }
    }

    pub fn send(&mut self, packet: &[u8]) {
        let mut record = Vec::new();
        let start = self.connection.begin(&mut record);
        record.extend_from_slice(packet);
        self.connection.seal(&mut record, start).expect("the connection stands");
        self.socket.send(&record).expect("the server is there");
    }

    /// The next packet, unless none comes for so long.
    pub fn receive(&mut self, wait: Duration) -> Option<Vec<u8>> {
        if self.came.is_empty() {
            self.turn(wait);
        }
        self.came.pop_front()
    }
}
