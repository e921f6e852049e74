//! What an endpoint counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of an endpoint's sockets.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct EndpointStats {
    /// Reads that returned messages.
    pub reads: u64,
    /// Packets received, each segment of a message counted.
    pub packets_received: u64,
    /// Transmits handed to the system.
    pub transmits: u64,
    /// Packets in them.
    pub packets_sent: u64,
    /// Transmits that the system refused; they are lost, as if on the way.
    pub refused: u64,
    /// Datagrams for which no session was found.
    pub unrouted: u64,
    /// TCP connections that sessions opened, or that came in for one, and links to TURN servers under DTLS.
    pub connections: u64,
    /// TCP connections that came in and were closed, because they named no session in time or did not speak ICE.
    pub strangers: u64,
    /// Packets that a TCP connection had no room for, or that had none, and those of handshakes beyond what may wait.
    pub dropped: u64,
    /// Turns of the driver: how often it was woken, or had more to do than fits one.
    pub turns: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub reads: AtomicU64,
    pub packets_received: AtomicU64,
    pub transmits: AtomicU64,
    pub packets_sent: AtomicU64,
    pub refused: AtomicU64,
    pub unrouted: AtomicU64,
    pub connections: AtomicU64,
    pub strangers: AtomicU64,
    pub dropped: AtomicU64,
    pub turns: AtomicU64,
}

impl Counters {
    pub fn read(&self) -> EndpointStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        EndpointStats {
            reads: get(&self.reads),
            packets_received: get(&self.packets_received),
            transmits: get(&self.transmits),
            packets_sent: get(&self.packets_sent),
            refused: get(&self.refused),
            unrouted: get(&self.unrouted),
            connections: get(&self.connections),
            strangers: get(&self.strangers),
            dropped: get(&self.dropped),
            turns: get(&self.turns),
        }
    }
}

/// Adds to a counter of the driver.
pub(super) fn count(counter: &AtomicU64, by: usize) {
    counter.fetch_add(by as u64, Ordering::Relaxed);
}
