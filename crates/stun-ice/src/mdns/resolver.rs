//! The resolver as its caller sees it.

use ortica_core::{Datagram, Instant, Rng, SocketId, Transmit};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Settings of a [`Resolver`].
#[derive(Clone, Debug, Default)]
pub struct Config {
    pub(crate) limits: Limits,
}

impl Config {
    /// Bounds of the resolver's tables.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// Bounds of a resolver's tables.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Names under resolution at a time. Further ones resolve to nothing at once. Default: 64.
    pub questions: usize,
    /// Names of our own. Further ones are not answered. Default: 64.
    pub names: usize,
    /// Sockets. Further ones are ignored. Default: 32.
    pub sockets: usize,
    /// Answers waiting to be sent. Further ones are dropped. Default: 32.
    pub replies: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { questions: 64, names: 64, sockets: 32, replies: 32 }
    }
}

/// A fact about a resolver.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A question came to its end.
    Resolved {
        /// The name as it was asked for.
        name: String,
        /// Its address; `None` when nobody answered.
        address: Option<IpAddr>,
    },
}

/// Asks the local network for the address behind a name, and answers for names of our own.
///
/// Its sockets are the driver's: each bound to port 5353 (shared), a member of 224.0.0.251 or ff02::fb on one interface.
#[derive(Debug)]
pub struct Resolver {}

impl Resolver {
    /// A resolver without sockets.
    pub fn new(_config: Arc<Config>, _rng: Rng, _now: Instant) -> Self {
        Self {}
    }

    /// Hands over a socket bound to `addr` that joined the group of its family.
    pub fn add_socket(&mut self, _now: Instant, _id: SocketId, _addr: SocketAddr) {}

    /// A socket is gone.
    pub fn remove_socket(&mut self, _now: Instant, _id: SocketId) {}

    /// Asks for `name`; [`Event::Resolved`] follows, without an address after about five seconds. A name under resolution
    /// is not asked for twice.
    pub fn resolve(&mut self, _now: Instant, _name: &str) {}

    /// Answers queries for `name` with `address` from now on.
    pub fn register(&mut self, _now: Instant, _name: &str, _address: IpAddr) {}

    /// No longer answers queries for `name`.
    pub fn unregister(&mut self, _now: Instant, _name: &str) {}

    /// Takes a datagram that a socket of its own received.
    pub fn handle_datagram(&mut self, _now: Instant, _datagram: Datagram<'_>) {}

    /// Does what is due.
    pub fn handle_timeout(&mut self, _now: Instant) {}

    /// Appends the next message to `out`. Each is a datagram of its own.
    pub fn poll_transmit(&mut self, _now: Instant, _max_segments: usize, _out: &mut Vec<u8>) -> Option<Transmit> {
        None
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}
