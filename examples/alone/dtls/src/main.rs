//! A DTLS client and a server of one process shake hands over two UDP sockets, find the same keys for others, and talk.
//!
//! Neither certificate is signed by anybody: each end is told the fingerprint of the other's, as signaling would tell it.
#![allow(clippy::disallowed_types, reason = "a program may have sockets and a clock")]

use ortica_core::crypto::{HashAlgorithm, rust_crypto};
use ortica_core::{Instant, Rng};
use ortica_dtls::{Certificate, CloseReason, Config, Connection, Event, Fingerprint, Role, SrtpProfile, Verified};
use std::error::Error;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

const LABEL: &str = "EXPERIMENTAL_example";

fn main() -> Result<(), Box<dyn Error>> {
    let clock = Clock(std::time::Instant::now());
    // Seeds come from the operating system in a real program: keys are drawn from them.
    let (alice_certificate, bob_certificate) = (certificate(1)?, certificate(2)?);
    let fingerprint = |certificate: &Certificate| certificate.fingerprint(HashAlgorithm::Sha256);
    let (of_alice, of_bob) = (fingerprint(&alice_certificate), fingerprint(&bob_certificate));
    println!("a=fingerprint:{of_alice}");
    let mut alice = Peer::new("alice", Role::Client, alice_certificate, of_bob, &clock)?;
    let mut bob = Peer::new("bob", Role::Server, bob_certificate, of_alice, &clock)?;
    alice.socket.connect(bob.socket.local_addr()?)?;
    bob.socket.connect(alice.socket.local_addr()?)?;

    while alice.verified.is_none() || bob.verified.is_none() {
        turn(&mut alice, &mut bob, &clock)?;
    }
    // Proof that the handshake is over and the peer is the right one: keys come from nowhere else.
    let (Some(of_alice), Some(of_bob)) = (&alice.verified, &bob.verified) else { return Err("not verified".into()) };
    let material = of_alice.export(LABEL, None, 32)?;
    assert_eq!(material, of_bob.export(LABEL, None, 32)?);
    assert_ne!(material, of_bob.export(LABEL, Some(b"a context"), 32)?);
    let (ours, theirs) = (of_alice.srtp().ok_or("no SRTP keys")?, of_bob.srtp().ok_or("no SRTP keys")?);
    assert_eq!((&ours.local_key, &ours.local_salt), (&theirs.remote_key, &theirs.remote_salt));
    assert_eq!((&ours.remote_key, &ours.remote_salt), (&theirs.local_key, &theirs.local_salt));
    println!("both export the same keys, for SRTP too ({:?})", of_alice.srtp_profile());

    alice.say(b"hello bob")?;
    bob.say(b"hello alice")?;
    while alice.heard.is_empty() || bob.heard.is_empty() {
        turn(&mut alice, &mut bob, &clock)?;
    }
    assert_eq!((&alice.heard[..], &bob.heard[..]), (&b"hello alice"[..], &b"hello bob"[..]));

    alice.connection.close(clock.now());
    while alice.closed.is_none() || bob.closed.is_none() {
        turn(&mut alice, &mut bob, &clock)?;
    }
    assert_eq!((alice.closed, bob.closed), (Some(CloseReason::Local), Some(CloseReason::Remote)));
    Ok(())
}

fn certificate(seed: u64) -> Result<Arc<Certificate>, Box<dyn Error>> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(Arc::new(Certificate::generate(&rust_crypto::provider(), &mut Rng::from_number(seed), now)?))
}

fn turn(alice: &mut Peer, bob: &mut Peer, clock: &Clock) -> Result<(), Box<dyn Error>> {
    if clock.now() > Instant::from_nanos(20_000_000_000) {
        return Err("not done within twenty seconds".into());
    }
    alice.step(clock)?;
    bob.step(clock)
}

/// One end: a connection, and the driver's part of it.
struct Peer {
    name: &'static str,
    socket: UdpSocket,
    connection: Connection,
    verified: Option<Verified>,
    heard: Vec<u8>,
    closed: Option<CloseReason>,
}

impl Peer {
    fn new(
        name: &'static str,
        role: Role,
        own: Arc<Certificate>,
        of_peer: Fingerprint,
        clock: &Clock,
    ) -> Result<Self, Box<dyn Error>> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let config = Config::new(rust_crypto::provider(), own).with_srtp_profiles(&[SrtpProfile::AEAD_AES_128_GCM]);
        let rng = Rng::from_number(10 + role as u64);
        let connection = Connection::new(Arc::new(config), role, vec![of_peer], rng, clock.now());
        Ok(Self { name, socket, connection, verified: None, heard: Vec::new(), closed: None })
    }

    /// One turn of the loop: what came in, what is due, what is to be sent, what happened.
    fn step(&mut self, clock: &Clock) -> Result<(), Box<dyn Error>> {
        self.receive(clock)?;
        if self.connection.poll_timeout().is_some_and(|at| at <= clock.now()) {
            self.connection.handle_timeout(clock.now());
        }
        let mut packet = Vec::new();
        while self.connection.poll_packet(clock.now(), &mut packet).is_some() {
            self.socket.send(&packet)?;
            packet.clear();
        }
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::Connected(verified) => {
                    println!("{}: {verified:?}", self.name);
                    self.verified = Some(verified);
                }
                Event::Closed(reason) => {
                    println!("{}: closed ({reason:?})", self.name);
                    self.closed = Some(reason);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Waits a little for a packet, which is decrypted where it lies.
    fn receive(&mut self, clock: &Clock) -> Result<(), Box<dyn Error>> {
        self.socket.set_read_timeout(Some(Duration::from_millis(5)))?;
        let mut buffer = [0; 2048];
        let Ok(len) = self.socket.recv(&mut buffer) else { return Ok(()) };
        let (name, heard) = (self.name, &mut self.heard);
        self.connection.handle_packet(clock.now(), &mut buffer[..len], &mut |data| {
            println!("{name} hears {:?}", String::from_utf8_lossy(data));
            heard.extend_from_slice(data);
        });
        Ok(())
    }

    /// The plaintext is written behind the room for the record's header, and encrypted in place.
    fn say(&mut self, what: &[u8]) -> Result<(), Box<dyn Error>> {
        let mut packet = Vec::new();
        let start = self.connection.begin(&mut packet);
        packet.extend_from_slice(what);
        self.connection.seal(&mut packet, start)?;
        self.socket.send(&packet)?;
        Ok(())
    }
}

/// The driver's clock: connections are told the time since its start.
struct Clock(std::time::Instant);

impl Clock {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.0.elapsed().as_nanos() as u64)
    }
}
