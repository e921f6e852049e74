//! Two SCTP associations of one process connect over two UDP sockets, exchange messages, and shut down.
//!
//! In WebRTC each packet is a DTLS record, which hides it and proves its sender; here it goes over the wire as it is.
#![allow(clippy::disallowed_types, reason = "a program may have sockets and a clock")]

use bytes::Bytes;
use ortica_core::crypto::rust_crypto;
use ortica_core::{Instant, Rng};
use ortica_sctp::{Association, CloseReason, Config, Event, Ppid, Reliability, SendOptions, StreamId};
use std::error::Error;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

const CHAT: StreamId = StreamId(0);
const FILE: StreamId = StreamId(1);

fn main() -> Result<(), Box<dyn Error>> {
    let clock = Clock(std::time::Instant::now());
    // A seed comes from the operating system in a real program: tags and cookies are drawn from it.
    let mut alice = Peer::new("alice", 1, &clock)?;
    let mut bob = Peer::new("bob", 2, &clock)?;
    alice.socket.connect(bob.socket.local_addr()?)?;
    bob.socket.connect(alice.socket.local_addr()?)?;

    // Messages may be queued before the association is up. Streams do not wait for each other.
    alice.association.connect(clock.now());
    let file = Bytes::from(vec![7; 200_000]);
    alice.send(FILE, file.clone(), SendOptions::default(), &clock)?;
    alice.send(CHAT, Bytes::from_static(b"hello bob"), SendOptions::default(), &clock)?;
    let fleeting = SendOptions { ordered: false, reliability: Reliability::MaxRetransmits(0) };
    bob.send(CHAT, Bytes::from_static(b"hello alice"), fleeting, &clock)?;

    while bob.received.len() < 2 || alice.received.is_empty() {
        turn(&mut alice, &mut bob, &clock)?;
    }
    assert_eq!(alice.received, [(CHAT, Bytes::from_static(b"hello alice"))]);
    assert!(bob.received.contains(&(CHAT, Bytes::from_static(b"hello bob"))));
    assert!(bob.received.contains(&(FILE, file)));

    // The end comes when everything has arrived.
    alice.association.shutdown(clock.now());
    while alice.closed.is_none() || bob.closed.is_none() {
        turn(&mut alice, &mut bob, &clock)?;
    }
    println!("{:#?}", alice.association.stats());
    assert_eq!((alice.closed, bob.closed), (Some(CloseReason::Shutdown), Some(CloseReason::Shutdown)));
    Ok(())
}

fn turn(alice: &mut Peer, bob: &mut Peer, clock: &Clock) -> Result<(), Box<dyn Error>> {
    if clock.now() > Instant::from_nanos(10_000_000_000) {
        return Err("not done within ten seconds".into());
    }
    alice.step(clock)?;
    bob.step(clock)
}

/// One end: an association, and the driver's part of it.
struct Peer {
    name: &'static str,
    socket: UdpSocket,
    association: Association,
    received: Vec<(StreamId, Bytes)>,
    closed: Option<CloseReason>,
}

impl Peer {
    fn new(name: &'static str, seed: u64, clock: &Clock) -> Result<Self, Box<dyn Error>> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let config = Arc::new(Config::new(rust_crypto::provider()));
        let association = Association::new(config, Rng::from_number(seed), clock.now());
        Ok(Self { name, socket, association, received: Vec::new(), closed: None })
    }

    fn send(
        &mut self,
        stream: StreamId,
        message: Bytes,
        options: SendOptions,
        clock: &Clock,
    ) -> Result<(), Box<dyn Error>> {
        Ok(self.association.send(clock.now(), stream, Ppid::BINARY, message, options)?)
    }

    /// One turn of the loop: what came in, what is due, what is to be sent, what happened.
    fn step(&mut self, clock: &Clock) -> Result<(), Box<dyn Error>> {
        self.receive(clock)?;
        if self.association.poll_timeout().is_some_and(|at| at <= clock.now()) {
            self.association.handle_timeout(clock.now());
        }
        let mut packet = Vec::new();
        while self.association.poll_packet(clock.now(), &mut packet).is_some() {
            self.socket.send(&packet)?;
            packet.clear();
        }
        while let Some(event) = self.association.poll_event() {
            match event {
                Event::Connected => println!("{}: connected", self.name),
                Event::Readable(stream) => self.read(stream),
                Event::Closed(reason) => {
                    println!("{}: closed ({reason:?})", self.name);
                    self.closed = Some(reason);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes in what has come, all of it before anything is answered: one acknowledgement then stands for a batch.
    fn receive(&mut self, clock: &Clock) -> Result<(), Box<dyn Error>> {
        let mut buffer = [0; 2048];
        self.socket.set_read_timeout(Some(Duration::from_millis(1)))?;
        while let Ok(len) = self.socket.recv(&mut buffer) {
            self.association.handle_packet(clock.now(), &buffer[..len]);
            self.socket.set_nonblocking(true)?;
        }
        Ok(self.socket.set_nonblocking(false)?)
    }

    /// What is not read stays in the receive window, which closes in time.
    fn read(&mut self, stream: StreamId) {
        while let Some(message) = self.association.read(stream) {
            println!("{}: {} bytes on stream {stream}", self.name, message.payload.len());
            self.received.push((stream, message.payload));
        }
    }
}

/// The driver's clock: associations are told the time since its start.
struct Clock(std::time::Instant);

impl Clock {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.0.elapsed().as_nanos() as u64)
    }
}
