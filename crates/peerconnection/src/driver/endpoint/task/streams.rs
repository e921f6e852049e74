//! Connections of TCP in the turns of an endpoint.

use super::{Driver, Entry, Shared, count};
use crate::driver::cell::Cell;
use crate::driver::route::Routes;
use crate::driver::tcp::{BoundPorts, Sessions, Tcp, Wire};
use crate::engine::TransportId;
use crate::peer::ConnectionOrder;
use ortica_core::{Datagram, Instant, SocketId, Transmit};
use ortica_ice::ConnectionError;
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::Context;

/// What connections see of the driver.
pub(super) struct View<'a> {
    pub sessions: &'a HashMap<usize, Entry>,
    pub routes: &'a Routes,
    pub dirty: &'a mut BTreeSet<usize>,
    pub shared: &'a Shared,
}

impl Sessions for View<'_> {
    fn named_by(&self, packet: &[u8]) -> Option<usize> {
        self.routes.named_by(packet)
    }

    fn take(&mut self, session: usize, socket: SocketId, remote: SocketAddr, packets: &mut Wire) {
        count(&self.shared.counters.reads, 1);
        let Some(entry) = self.sessions.get(&session) else {
            while packets.next_packet().is_some() {}
            return;
        };
        let now = self.shared.clock.now();
        let taken = entry.cell.look(|inner| {
            // An answer can be sent by the endpoint alone, from here on.
            inner.at_once.over_streams = true;
            let mut taken = 0;
            while let Some(packet) = packets.next_packet() {
                inner.peer.handle_datagram(now, Datagram::single(socket, remote, packet));
                taken += 1;
            }
            taken
        });
        count(&self.shared.counters.packets_received, taken);
        self.dirty.insert(session);
    }

    fn connected(&mut self, session: usize, socket: SocketId, remote: SocketAddr) {
        if let Some(entry) = self.sessions.get(&session) {
            entry.cell.take(self.shared.clock.now(), |peer, now| peer.connected(now, socket, remote));
            self.dirty.insert(session);
        }
    }

    fn lost(&mut self, session: usize, socket: SocketId, remote: SocketAddr, error: ConnectionError) {
        if let Some(entry) = self.sessions.get(&session) {
            tracing::debug!(%remote, %error, "no connection");
            entry.cell.take(self.shared.clock.now(), |peer, now| peer.connection_lost(now, socket, remote, error));
            self.dirty.insert(session);
        }
    }
}

impl Driver {
    fn with_streams<T>(&mut self, run: impl FnOnce(&mut Tcp, &mut View<'_>) -> T) -> T {
        let Self { tcp, sessions, routes, dirty, shared, .. } = self;
        let result = run(tcp, &mut View { sessions, routes, dirty, shared });
        let counted = std::mem::take(&mut tcp.counted);
        count(&shared.counters.connections, counted.connections);
        count(&shared.counters.strangers, counted.strangers);
        count(&shared.counters.dropped, counted.dropped);
        result
    }

    /// Takes what connections brought; `true` when one of them may hold more.
    pub(super) fn poll_streams(&mut self, now: Instant, cx: &Context<'_>) -> bool {
        // Most endpoints have none, and most turns are of UDP.
        !self.tcp.is_unused() && self.with_streams(|tcp, view| tcp.poll(now, cx, view))
    }

    /// Writes what was queued.
    pub(super) fn flush_streams(&mut self) {
        if self.tcp.has_unflushed() {
            self.with_streams(|tcp, view| tcp.flush(view));
        }
    }

    /// Does what a session wants of its connections.
    pub(super) fn obey(&mut self, now: Instant, key: usize, orders: Vec<ConnectionOrder>) {
        for order in orders {
            match order {
                ConnectionOrder::Open { socket, from, remote, to } => {
                    self.tcp.open(now, key, (socket, from), remote, to)
                }
                ConnectionOrder::Close { socket, remote } => self.tcp.close(now, key, socket, remote),
            }
        }
    }

    /// Gives a transport ports of its own, from which it opens connections and at which it takes them.
    pub(super) fn bind_ports_for(&mut self, now: Instant, key: usize, cell: &Cell, transport: TransportId) {
        let addresses: BTreeSet<IpAddr> = self.shared.addresses().iter().map(|(_, address)| address.ip()).collect();
        let BoundPorts { ports, refused } = self.tcp.bind_own(key, addresses);
        cell.take(now, |peer, now| {
            // Where no port can be had, it goes without, as on systems that do not have such.
            let refused = refused.iter().filter(|(_, error)| error.kind() != io::ErrorKind::Unsupported);
            refused.for_each(|(address, error)| peer.report_refused_socket(*address, error.to_string()));
            peer.provide_ports(now, transport, ports);
        });
    }

    /// Nobody uses the endpoint any more: whether its connections have said goodbye.
    pub(super) fn are_streams_over(&mut self) -> bool {
        self.tcp.retire();
        self.tcp.is_idle()
    }
}

/// Queues a transmit for the connection that it goes to.
pub(super) fn send(tcp: &mut Tcp, shared: &Shared, key: usize, transmit: &Transmit, contents: &[u8]) {
    if tcp.send(key, transmit, contents) {
        count(&shared.counters.transmits, 1);
        count(&shared.counters.packets_sent, transmit.segments());
    } else {
        count(&shared.counters.dropped, transmit.segments());
    }
}
