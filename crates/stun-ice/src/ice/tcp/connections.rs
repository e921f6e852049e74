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

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::ice) enum End {
    Peer,
    /// A STUN server.
    Server,
}

/// A connection from the socket or to it.
#[derive(Clone, Copy, Debug)]
struct Connection {
    socket: SocketId,
    remote: SocketAddr,
    end: End,
    /// `false` while it is on its way.
    is_open: bool,
}

impl Connections {
    pub fn is_open(&self, socket: SocketId, remote: SocketAddr, end: End) -> bool {
        self.find(socket, remote).is_some_and(|known| known.is_open && known.end == end)
    }

    /// Whether one can be had now, or is on its way already. Where a connection to a server is, none to a peer can be, whatever the
    /// peer says.
    pub fn may_have(&self, socket: SocketId, remote: SocketAddr, end: End, limit: usize) -> bool {
        let to_there = |known: &&Connection| !known.is_open && known.remote.ip() == remote.ip();
        // Servers are named by the application.
        let has_turn = || end == End::Server || self.attempts(to_there) < ATTEMPTS_PER_ADDRESS;
        match self.find(socket, remote) {
            Some(known) => known.end == end,
            None => self.known.len() < limit && has_turn(),
        }
    }

    /// Asks for one, unless it is on its way.
    pub fn open(&mut self, socket: SocketId, remote: SocketAddr, end: End) {
        if self.find(socket, remote).is_none() {
            self.known.push(Connection { socket, remote, end, is_open: false });
            self.orders.push_back(match end {
                End::Peer => Io::Connect { socket, remote },
                End::Server => Io::ConnectStun { socket, remote },
            });
        }
    }

    /// One that was asked for is there, to whom; `None` when none was.
    pub fn on_open(&mut self, socket: SocketId, remote: SocketAddr) -> Option<End> {
        let known = self.find_mut(socket, remote)?;
        (!std::mem::replace(&mut known.is_open, true)).then_some(known.end)
    }

    /// The peer opened one, which may be the one that was asked for. Beyond `limit` it is left to its owner to close it.
    pub fn on_incoming(&mut self, socket: SocketId, remote: SocketAddr, limit: usize) {
        if let Some(known) = self.find_mut(socket, remote) {
            known.is_open |= known.end == End::Peer;
        } else if self.known.len() < limit {
            self.known.push(Connection { socket, remote, end: End::Peer, is_open: true });
        }
    }

    pub fn on_lost(&mut self, socket: SocketId, remote: SocketAddr) {
        self.known.retain(|known| (known.socket, known.remote) != (socket, remote));
    }

    pub fn remove_socket(&mut self, socket: SocketId) {
        self.known.retain(|known| known.socket != socket);
        let is_of = |order: &Io| matches!(order, Io::Connect { socket: of, .. } | Io::ConnectStun { socket: of, .. } if *of == socket);
        self.orders.retain(|order| !is_of(order));
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

    fn find_mut(&mut self, socket: SocketId, remote: SocketAddr) -> Option<&mut Connection> {
        self.known.iter_mut().find(|known| (known.socket, known.remote) == (socket, remote))
    }

    fn attempts(&self, of: impl FnMut(&&Connection) -> bool) -> usize {
        self.known.iter().filter(of).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOCKET: SocketId = SocketId(1);
    const OTHER: SocketId = SocketId(2);
    const LIMIT: usize = 8;

    fn to(host: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, host], port))
    }

    fn orders(connections: &mut Connections) -> Vec<Io> {
        std::iter::from_fn(|| connections.poll()).collect()
    }

    /// Guards one that was asked for and came in: it is there, and nobody is told a second time.
    #[test]
    fn ice_12_one_that_comes_in_is_the_one_that_was_asked_for() {
        let mut connections = Connections::default();
        connections.open(SOCKET, to(1, 9), End::Peer);
        connections.open(SOCKET, to(1, 9), End::Peer);
        assert_eq!(orders(&mut connections), [Io::Connect { socket: SOCKET, remote: to(1, 9) }]);
        assert!(!connections.is_open(SOCKET, to(1, 9), End::Peer));
        connections.on_incoming(SOCKET, to(1, 9), LIMIT);
        assert!(connections.is_open(SOCKET, to(1, 9), End::Peer));
        assert_eq!(connections.on_open(SOCKET, to(1, 9)), None);
        assert_eq!(connections.known.len(), 1);
    }

    /// Guards a connection to a server against a peer that claims to be there.
    #[test]
    fn ice_12_what_comes_in_from_a_server_is_not_the_peer() {
        let mut connections = Connections::default();
        connections.open(SOCKET, to(1, 9), End::Server);
        connections.on_incoming(SOCKET, to(1, 9), LIMIT);
        assert!(!connections.is_open(SOCKET, to(1, 9), End::Peer));
        assert!(!connections.may_have(SOCKET, to(1, 9), End::Peer, LIMIT));
        assert_eq!(connections.on_open(SOCKET, to(1, 9)), Some(End::Server));
        assert!(connections.is_open(SOCKET, to(1, 9), End::Server));
        assert!(!connections.is_open(SOCKET, to(1, 9), End::Peer));
    }

    /// Guards both bounds: of connections on their way to one address, which servers are not held to, and of all that are known.
    #[test]
    fn ice_12_connections_are_bounded() {
        let mut connections = Connections::default();
        for port in 0..ATTEMPTS_PER_ADDRESS as u16 {
            assert!(connections.may_have(SOCKET, to(1, port), End::Peer, LIMIT));
            connections.open(SOCKET, to(1, port), End::Peer);
        }
        assert!(!connections.may_have(OTHER, to(1, 99), End::Peer, LIMIT));
        assert!(connections.may_have(OTHER, to(1, 99), End::Server, LIMIT));
        assert!(connections.may_have(OTHER, to(2, 99), End::Peer, LIMIT));
        assert_eq!(connections.on_open(SOCKET, to(1, 0)), Some(End::Peer));
        assert!(connections.may_have(OTHER, to(1, 99), End::Peer, LIMIT));
        for port in 0..LIMIT as u16 {
            connections.on_incoming(OTHER, to(2, port), LIMIT);
        }
        assert_eq!(connections.known.len(), LIMIT);
        assert!(!connections.may_have(OTHER, to(3, 99), End::Peer, LIMIT));
        assert!(!connections.may_have(OTHER, to(3, 99), End::Server, LIMIT));
        connections.on_lost(SOCKET, to(1, 0));
        assert!(connections.may_have(OTHER, to(3, 99), End::Server, LIMIT));
    }

    /// Guards what is needed, and what is still to be done about a socket that is gone.
    #[test]
    fn ice_12_what_is_not_needed_is_closed() {
        let mut connections = Connections::default();
        connections.open(SOCKET, to(1, 9), End::Peer);
        connections.open(OTHER, to(1, 9), End::Peer);
        connections.open(OTHER, to(2, 9), End::Server);
        connections.remove_socket(OTHER);
        assert_eq!(orders(&mut connections), [Io::Connect { socket: SOCKET, remote: to(1, 9) }]);
        connections.on_incoming(OTHER, to(3, 9), LIMIT);
        let gone = connections.close_all_but(|socket, _| socket == SOCKET);
        assert_eq!(gone, [(OTHER, to(3, 9))]);
        assert_eq!(orders(&mut connections), [Io::Disconnect { socket: OTHER, remote: to(3, 9) }]);
        assert_eq!(connections.known.len(), 1);
        connections.clear();
        assert!(connections.known.is_empty());
    }
}
