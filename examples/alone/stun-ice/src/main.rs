//! Two ICE agents of one process connect over two UDP sockets and exchange a datagram each way.
//!
//! A session would carry credentials and candidates in its signalling; here one end simply hands them to the other.
#![allow(clippy::disallowed_types, reason = "a program may have sockets and a clock")]

use ortica_core::crypto::rust_crypto;
use ortica_core::{Datagram, Instant, Rng, SocketId};
use ortica_ice::{Agent, Config, Event, Role, Route, is_stun};
use std::error::Error;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

/// Each end has one socket, so each can call it the same.
const SOCKET: SocketId = SocketId(0);

fn main() -> Result<(), Box<dyn Error>> {
    let clock = Clock(std::time::Instant::now());
    // A seed comes from the operating system in a real program: everything secret is drawn from it.
    let mut alice = Peer::new("alice", 1, Role::Controlling, &clock)?;
    let mut bob = Peer::new("bob", 2, Role::Controlled, &clock)?;
    signal(&alice.agent, &mut bob.agent, &clock)?;
    signal(&bob.agent, &mut alice.agent, &clock)?;

    let mut said = false;
    while alice.heard.is_none() || bob.heard.is_none() {
        if clock.now() > Instant::from_nanos(10_000_000_000) {
            return Err("no connection within ten seconds".into());
        }
        alice.step(&clock)?;
        bob.step(&clock)?;
        // Both have a route: data may flow.
        if let (false, Some(to_bob), Some(to_alice)) = (said, alice.agent.route(), bob.agent.route()) {
            println!("connected after {:?}", clock.0.elapsed());
            alice.say("hello bob", to_bob)?;
            bob.say("hello alice", to_alice)?;
            said = true;
        }
    }
    println!("alice heard {:?}, bob heard {:?}", alice.heard, bob.heard);
    assert_eq!(alice.heard.as_deref(), Some("hello alice"));
    assert_eq!(bob.heard.as_deref(), Some("hello bob"));

    for peer in [&mut alice, &mut bob] {
        peer.agent.close(clock.now());
        peer.step(&clock)?;
    }
    Ok(())
}

/// What signalling does: credentials, candidates and their end go to the other side.
fn signal(from: &Agent, to: &mut Agent, clock: &Clock) -> Result<(), Box<dyn Error>> {
    to.set_remote_credentials(clock.now(), from.local_credentials().clone(), false)?;
    for candidate in from.local_candidates() {
        println!("a={candidate}");
        to.add_remote_candidate(clock.now(), candidate.to_string().parse()?)?;
    }
    to.end_of_remote_candidates(clock.now());
    Ok(())
}

/// One end: an agent, and the driver's part of it.
struct Peer {
    name: &'static str,
    socket: UdpSocket,
    agent: Agent,
    heard: Option<String>,
}

impl Peer {
    fn new(name: &'static str, seed: u64, role: Role, clock: &Clock) -> Result<Self, Box<dyn Error>> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let config = Arc::new(Config::new(rust_crypto::provider()));
        let mut agent = Agent::new(config, Rng::from_number(seed), clock.now());
        agent.set_role(clock.now(), role);
        agent.add_socket(clock.now(), SOCKET, socket.local_addr()?);
        agent.end_of_sockets(clock.now());
        Ok(Self { name, socket, agent, heard: None })
    }

    /// One turn of the loop: what came in, what is due, what is to be sent, what happened.
    fn step(&mut self, clock: &Clock) -> Result<(), Box<dyn Error>> {
        self.receive(clock)?;
        if self.agent.poll_timeout().is_some_and(|at| at <= clock.now()) {
            self.agent.handle_timeout(clock.now());
        }
        let mut out = Vec::new();
        while let Some(transmit) = self.agent.poll_transmit(clock.now(), 1, &mut out) {
            self.socket.send_to(&out, transmit.remote)?;
            out.clear();
        }
        while let Some(event) = self.agent.poll_event() {
            match event {
                Event::State(state) => println!("{}: {state}", self.name),
                Event::Selected(route) => println!("{}: data goes to {}", self.name, route.remote),
                Event::Closed(reason) => println!("{}: closed ({reason:?})", self.name),
                _ => {}
            }
        }
        Ok(())
    }

    /// Waits a little for a datagram. STUN is the agent's; data is taken from where the peer has proved itself.
    fn receive(&mut self, clock: &Clock) -> Result<(), Box<dyn Error>> {
        let next = self.agent.poll_timeout().map(|at| at.saturating_duration_since(clock.now()));
        let wait = next.unwrap_or(Duration::MAX).clamp(Duration::from_millis(1), Duration::from_millis(10));
        self.socket.set_read_timeout(Some(wait))?;
        let mut buffer = [0; 2048];
        let Ok((len, from)) = self.socket.recv_from(&mut buffer) else { return Ok(()) };
        let contents = &mut buffer[..len];
        if is_stun(contents) {
            self.agent.handle_datagram(clock.now(), Datagram::single(SOCKET, from, contents));
        } else if self.agent.is_validated(SOCKET, from) {
            self.heard = Some(String::from_utf8_lossy(contents).into_owned());
        }
        Ok(())
    }

    fn say(&self, what: &str, route: Route) -> Result<(), Box<dyn Error>> {
        self.socket.send_to(what.as_bytes(), route.remote)?;
        Ok(())
    }
}

/// The driver's clock: agents are told the time since its start.
struct Clock(std::time::Instant);

impl Clock {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.0.elapsed().as_nanos() as u64)
    }
}
