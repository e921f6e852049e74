//! What a machine shows to the simulation: a few lines of adapter in each crate's tests.

use crate::trace::Hash;
use ortica_core::{Datagram, Instant, SocketId, Transmit};
use std::net::SocketAddr;

/// An edge machine: it speaks datagrams and knows its sockets.
pub trait Endpoint {
    /// Datagrams come in.
    fn handle_datagram(&mut self, now: Instant, datagram: Datagram<'_>);

    /// The time asked for has come.
    fn handle_timeout(&mut self, now: Instant);

    /// Appends what is to be sent; polled until `None`.
    fn poll_transmit(&mut self, now: Instant, max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit>;

    /// When [`handle_timeout`](Self::handle_timeout) is wanted.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Called after the transmits of a batch are drained: the place to drain events and react with commands. What these want
    /// to send is drained at once. Does nothing unless written.
    fn react(&mut self, now: Instant) {
        let _ = now;
    }
}

/// A machine that speaks packets: an inner one as it is, an edge one through an adapter that wraps each packet in a datagram.
pub trait Machine {
    /// A packet comes in.
    fn handle_packet(&mut self, now: Instant, packet: &mut [u8]);

    /// The time asked for has come.
    fn handle_timeout(&mut self, now: Instant);

    /// Appends one packet and gives its length; polled until `None`.
    fn poll_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize>;

    /// When [`handle_timeout`](Self::handle_timeout) is wanted.
    fn poll_timeout(&self) -> Option<Instant>;

    /// The next event as text; polled until `None`.
    fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// Says goodbye. Does nothing unless written.
    fn close(&mut self, now: Instant) {
        let _ = now;
    }

    /// Lets the application do something, such as sending a message; called once per step of [`contract::check`], with the
    /// number of the step.
    ///
    /// [`contract::check`]: crate::contract::check
    fn act(&mut self, now: Instant, step: u64) {
        let _ = (now, step);
    }
}

/// An event of a [`Machine`], as far as the simulation looks at it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    /// What happened, usually `format!("{event:?}")`; two runs of one seed must agree on it.
    pub text: String,
    /// Whether it is the last one.
    pub closed: bool,
}

impl Event {
    /// An event that others may follow.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), closed: false }
    }

    /// The last event.
    pub fn closed(text: impl Into<String>) -> Self {
        Self { text: text.into(), closed: true }
    }
}

/// A [`Machine`] as an [`Endpoint`] with one socket and one peer.
#[derive(Debug)]
pub struct Packets<M> {
    /// The machine.
    pub machine: M,
    /// Its events so far, as text.
    pub events: Vec<String>,
    /// Whether its last event said that it is closed.
    pub closed: bool,
    remote: SocketAddr,
}

impl<M: Machine> Packets<M> {
    /// Wraps `machine`, whose packets go from socket 0 to `remote`.
    pub fn new(machine: M, remote: SocketAddr) -> Self {
        Self { machine, events: Vec::new(), closed: false, remote }
    }

    /// A hash over the events.
    pub fn event_hash(&self) -> u64 {
        let mut hash = Hash::default();
        self.events.iter().for_each(|event| hash.bytes(event.as_bytes()));
        hash.0
    }
}

impl<M: Machine> Endpoint for Packets<M> {
    fn handle_datagram(&mut self, now: Instant, mut datagram: Datagram<'_>) {
        for packet in datagram.segments() {
            self.machine.handle_packet(now, packet);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.machine.handle_timeout(now);
    }

    fn poll_transmit(&mut self, now: Instant, _max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        let before = out.len();
        let len = self.machine.poll_packet(now, out)?;
        assert_eq!(out.len() - before, len, "poll_packet appended another length than it gave");
        let ecn = ortica_core::Ecn::NotEct;
        Some(Transmit { socket: SocketId(0), remote: self.remote, ecn, len, segment_size: None })
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.machine.poll_timeout()
    }

    fn react(&mut self, _now: Instant) {
        while let Some(event) = self.machine.poll_event() {
            self.closed |= event.closed;
            self.events.push(event.text);
        }
    }
}
