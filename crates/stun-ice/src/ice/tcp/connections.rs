//! The connections of an agent, and what is to be done about them.

use super::super::Io;
use ortica_core::SocketId;
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Connections to one address that may be on their way at a time.
///
/// Source: [RFC 6544 §12](https://www.rfc-editor.org/rfc/rfc6544#section-12)
const ATTEMPTS_PER_ADDRESS: usize = 5;

/// What generations share of connections: a restart does not close them (RFC 6544 §9.2).
#[derive(Debug, Default)]
pub(in crate::ice) struct Connections {
    known: Vec<Connection>,
    /// What the caller is to do, in order.
    orders: VecDeque<Io>,
}

/// A connection from the socket or to it.
#[derive(Clone, Copy, Debug)]
struct Connection {
    socket: SocketId,
    remote: SocketAddr,
    /// `false` while it is on its way.
    is_open: bool,
}

impl Connections {
    pub fn is_open(&self, socket: SocketId, remote: SocketAddr) -> bool {
        self.find(socket, remote).is_some_and(|known| known.is_open)
    }

    /// Whether one can be had now, or is on its way already.
    pub fn may_have(&self, socket: SocketId, remote: SocketAddr, limit: usize) -> bool {
        let to_there = |known: &&Connection| !known.is_open && known.remote.ip() == remote.ip();
        let has_room = || self.known.len() < limit && self.attempts(to_there) < ATTEMPTS_PER_ADDRESS;
        self.find(socket, remote).is_some() || has_room()
    }

    /// Asks for one, unless it is on its way.
    pub fn open(&mut self, socket: SocketId, remote: SocketAddr) {
        if self.find(socket, remote).is_none() {
            self.known.push(Connection { socket, remote, is_open: false });
            self.orders.push_back(Io::Connect { socket, remote });
        }
    }

    /// One that was asked for is there; `false` when none was.
    pub fn on_open(&mut self, socket: SocketId, remote: SocketAddr) -> bool {
        let is_it = |known: &&mut Connection| (known.socket, known.remote) == (socket, remote);
        let Some(known) = self.known.iter_mut().find(is_it) else { return false };
        !std::mem::replace(&mut known.is_open, true)
    }

    /// The peer opened one. Beyond `limit` it is left to its owner to close it.
    pub fn on_incoming(&mut self, socket: SocketId, remote: SocketAddr, limit: usize) {
        if self.find(socket, remote).is_none() && self.known.len() < limit {
            self.known.push(Connection { socket, remote, is_open: true });
        }
    }

    pub fn on_lost(&mut self, socket: SocketId, remote: SocketAddr) {
        self.known.retain(|known| (known.socket, known.remote) != (socket, remote));
    }

    pub fn remove_socket(&mut self, socket: SocketId) {
        self.known.retain(|known| known.socket != socket);
        self.orders.retain(|order| !matches!(order, Io::Connect { socket: of, .. } if *of == socket));
    }

    /// Has all but those that are needed closed, and returns them.
    pub fn close_all_but(&mut self, is_needed: impl Fn(SocketId, SocketAddr) -> bool) -> Vec<(SocketId, SocketAddr)> {
        let gone = self.known.extract_if(.., |known| !is_needed(known.socket, known.remote));
        let gone: Vec<_> = gone.map(|known| (known.socket, known.remote)).collect();
        for (socket, remote) in &gone {
            self.orders.push_back(Io::Disconnect { socket: *socket, remote: *remote });
        }
        gone
    }

    pub fn poll(&mut self) -> Option<Io> {
        self.orders.pop_front()
    }

    /// Leaves nothing to be done.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    fn find(&self, socket: SocketId, remote: SocketAddr) -> Option<&Connection> {
        self.known.iter().find(|known| (known.socket, known.remote) == (socket, remote))
    }

    fn attempts(&self, of: impl FnMut(&&Connection) -> bool) -> usize {
        self.known.iter().filter(of).count()
    }
}
