//! Two connections and a wire between them, in virtual time.

mod attacks;
mod certificates;
mod contract;
mod faults;
mod handshake;
mod malformed;
mod secured;

use crate::message::{Fragment, HandshakeType};
use crate::record::{ContentType, Header, next_record};
use crate::*;
use ortica_core::crypto::HashAlgorithm;
use ortica_core::crypto::rust_crypto::provider;
use ortica_core::{Instant, Reader, Rng};
use std::sync::Arc;
use std::time::Duration;

const RTT: Duration = Duration::from_millis(40);
const TIMEOUT: Duration = Duration::from_millis(400);

/// A certificate per number, made once per test thread: making one is the slowest part of a handshake.
fn certificate(number: u64) -> Arc<Certificate> {
    thread_local! {
        static MADE: std::cell::RefCell<std::collections::BTreeMap<u64, Arc<Certificate>>> = Default::default();
    }
    MADE.with_borrow_mut(|made| {
        let make = || {
            let now = Duration::from_secs(1_700_000_000);
            Arc::new(Certificate::generate(&provider(), &mut Rng::from_number(number), now).unwrap())
        };
        Arc::clone(made.entry(number).or_insert_with(make))
    })
}

fn config(certificate_number: u64) -> Config {
    Config::new(provider(), certificate(certificate_number))
        .with_srtp_profiles(&[SrtpProfile::AEAD_AES_128_GCM, SrtpProfile::AES128_CM_SHA1_80])
}

fn fingerprint(certificate_number: u64) -> Fingerprint {
    certificate(certificate_number).fingerprint(HashAlgorithm::Sha256)
}

/// One end, and what it has said to its owner.
struct Peer {
    connection: Connection,
    received: Vec<Vec<u8>>,
    verified: Option<Verified>,
    secured: bool,
    closed: Option<CloseReason>,
}

impl Peer {
    fn new(connection: Connection) -> Self {
        Self { connection, received: Vec::new(), verified: None, secured: false, closed: None }
    }

    fn handle(&mut self, now: Instant, packet: &[u8]) {
        let mut packet = packet.to_vec();
        self.connection.handle_packet(now, &mut packet, &mut |data| self.received.push(data.to_vec()));
        while let Some(event) = self.connection.poll_event() {
            assert!(self.closed.is_none(), "nothing follows the end");
            match event {
                Event::Connected(verified) => {
                    assert!(self.verified.is_none());
                    assert!(self.received.is_empty() || self.connection.is_connected());
                    self.verified = Some(verified);
                }
                Event::Secured => {
                    assert!(!std::mem::replace(&mut self.secured, true));
                    assert!(self.connection.is_connected());
                }
                Event::Closed(reason) => self.closed = Some(reason),
            }
        }
    }

    fn send(&mut self, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let start = self.connection.begin(&mut out);
        out.extend_from_slice(data);
        self.connection.seal(&mut out, start).unwrap();
        out
    }

    fn poll(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut packets = Vec::new();
        let mut out = Vec::new();
        while let Some(len) = self.connection.poll_packet(now, &mut out) {
            assert_eq!(len, out.len());
            packets.push(std::mem::take(&mut out));
            assert!(packets.len() < 100, "polls come to an end");
        }
        packets
    }
}

/// Sees each packet as it is sent, may change it, and says whether it arrives.
type Filter = Box<dyn FnMut(Role, &mut Vec<u8>) -> bool>;

struct Pair {
    now: Instant,
    start: Instant,
    client: Peer,
    server: Peer,
    wire: Vec<(Instant, Role, Vec<u8>)>,
    filter: Filter,
    /// Every packet sent, with its sender.
    sent: Vec<(Role, Vec<u8>)>,
}

impl Pair {
    fn new() -> Self {
        Self::with(config(1), config(2))
    }

    /// The client shows certificate 1, the server certificate 2, and each expects the other's.
    fn with(client: Config, server: Config) -> Self {
        Self::expecting(client, server, vec![fingerprint(1)], vec![fingerprint(2)])
    }

    fn expecting(client: Config, server: Config, of_client: Vec<Fingerprint>, of_server: Vec<Fingerprint>) -> Self {
        let start = netsim::epoch();
        let client = Connection::new(Arc::new(client), Role::Client, of_server, Rng::from_number(1), start);
        let server = Connection::new(Arc::new(server), Role::Server, of_client, Rng::from_number(2), start);
        Self::between(client, server)
    }

    fn between(client: Connection, server: Connection) -> Self {
        let start = netsim::epoch();
        let (client, server) = (Peer::new(client), Peer::new(server));
        let filter: Filter = Box::new(|_, _| true);
        Self { now: start, start, client, server, wire: Vec::new(), filter, sent: Vec::new() }
    }

    fn filter(mut self, filter: impl FnMut(Role, &mut Vec<u8>) -> bool + 'static) -> Self {
        self.filter = Box::new(filter);
        self
    }

    fn peer(&mut self, role: Role) -> &mut Peer {
        match role {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        }
    }

    /// Puts what both have to send on the wire.
    fn flush(&mut self) {
        for role in [Role::Client, Role::Server] {
            let now = self.now;
            for packet in self.peer(role).poll(now) {
                self.transmit(role, packet);
            }
        }
    }

    fn transmit(&mut self, from: Role, mut packet: Vec<u8>) {
        self.sent.push((from, packet.clone()));
        if (self.filter)(from, &mut packet) && !packet.is_empty() {
            self.wire.push((self.now + RTT / 2, from.peer(), packet));
        }
    }

    /// Runs until `done`, or until `limit` has passed or nothing is left to happen; says whether it was done.
    fn run(&mut self, limit: Duration, mut done: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now + limit;
        loop {
            self.flush();
            for role in [Role::Client, Role::Server] {
                let now = self.now;
                self.peer(role).handle(now, &[]);
            }
            if done(self) {
                return true;
            }
            let timers = [self.client.connection.poll_timeout(), self.server.connection.poll_timeout()];
            let arrivals = self.wire.iter().map(|(at, ..)| *at);
            let Some(next) = arrivals.chain(timers.into_iter().flatten()).min().filter(|next| *next <= end) else {
                self.now = end;
                return false;
            };
            assert!(next >= self.now, "time goes forward");
            self.now = next;
            let (due, later) = std::mem::take(&mut self.wire).into_iter().partition(|(at, ..)| *at <= next);
            self.wire = later;
            for (_, to, packet) in due {
                self.peer(to).handle(next, &packet);
            }
            for role in [Role::Client, Role::Server] {
                let connection = &mut self.peer(role).connection;
                if connection.poll_timeout().is_some_and(|at| at <= next) {
                    connection.handle_timeout(next);
                    assert!(connection.poll_timeout().is_none_or(|at| at > next), "the next timeout lies ahead");
                }
            }
        }
    }

    fn connect(&mut self) -> bool {
        self.run(Duration::from_secs(120), Self::is_connected)
    }

    fn is_connected(&self) -> bool {
        self.client.connection.is_connected() && self.server.connection.is_connected()
    }

    fn elapsed(&self) -> Duration {
        self.now.saturating_duration_since(self.start)
    }

    /// Sends a message each way and says whether both arrive.
    fn talk(&mut self) -> bool {
        for role in [Role::Client, Role::Server] {
            let packet = self.peer(role).send(b"hello");
            self.transmit(role, packet);
        }
        let (client, server) = (self.client.received.len(), self.server.received.len());
        self.run(RTT * 2, |pair| pair.client.received.len() > client && pair.server.received.len() > server)
    }
}

/// A connected pair.
fn connected() -> Pair {
    let mut pair = Pair::new();
    assert!(pair.connect());
    pair.run(RTT, |_| false);
    pair
}

/// What a record is, as far as an onlooker can tell.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Label {
    /// Kind, message number, offset.
    Handshake(u8, u16, usize),
    ChangeCipherSpec,
    /// Content type of a record in epoch 1.
    Protected(u8),
    Other(u8),
}

/// Takes a packet apart.
fn records(packet: &[u8]) -> Vec<(Label, Vec<u8>)> {
    let mut packet = packet.to_vec();
    let mut rest = packet.as_mut_slice();
    let mut list = Vec::new();
    while let Some(Ok((header, fragment))) = next_record(&mut rest) {
        let label = match header.content_type {
            kind if header.epoch > 0 => Label::Protected(kind.0),
            ContentType::HANDSHAKE => {
                let fragment = Fragment::decode(&mut Reader::new(fragment)).unwrap();
                Label::Handshake(fragment.kind.0, fragment.sequence, fragment.offset)
            }
            ContentType::CHANGE_CIPHER_SPEC => Label::ChangeCipherSpec,
            kind => Label::Other(kind.0),
        };
        list.push((label, [&header.encode()[..], fragment].concat()));
    }
    list
}

/// Which of the six flights a packet belongs to; 0 for data.
fn flight(from: Role, packet: &[u8]) -> u8 {
    match (from, records(packet).first().map(|(label, _)| *label)) {
        (_, Some(Label::Protected(23))) => 0,
        (Role::Client, Some(Label::Handshake(1, 0, _))) => 1,
        (Role::Server, Some(Label::Handshake(3, ..))) => 2,
        (Role::Client, Some(Label::Handshake(1, ..))) => 3,
        (Role::Server, Some(Label::Handshake(..))) => 4,
        (Role::Client, _) => 5,
        (Role::Server, _) => 6,
    }
}

/// A record of epoch 0.
fn plain_record(content_type: ContentType, sequence: u64, body: &[u8]) -> Vec<u8> {
    let header = Header { length: body.len() as u16, ..Header::new(content_type, 0, sequence) };
    [&header.encode()[..], body].concat()
}

/// A packet with a whole handshake message in epoch 0.
fn handshake_packet(kind: HandshakeType, sequence: u16, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let fragment = Fragment { kind, length: body.len(), sequence, offset: 0, body };
    fragment.encode(&mut ortica_core::Writer::new(&mut out));
    plain_record(ContentType::HANDSHAKE, 1000, &out)
}
