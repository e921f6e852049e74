//! Links to TURN servers in the turns of an endpoint.

use super::streams::View;
use super::{Driver, count};
use crate::driver::cell::Cell;
use crate::driver::servers::{DtlsLink, Name, Servers, Take, Takers, identity};
use crate::engine::TurnLink;
use crate::peer::ServerOrder;
use ortica_core::{Datagram, Instant, SocketId};
use ortica_ice::turn::framing::{FramingError, StreamReader};
use ortica_ice::{ConnectionError, TurnTransport};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::Context;

impl Takers for View<'_> {
    fn take(
        &mut self,
        session: usize,
        (socket, remote): (SocketId, SocketAddr),
        packets: &mut StreamReader,
    ) -> Result<(), FramingError> {
        count(&self.shared.counters.reads, 1);
        let Some(entry) = self.sessions.get(&session) else {
            packets.take_rest();
            return Ok(());
        };
        let now = self.shared.clock.now();
        let mut taken = 0;
        let result = entry.cell.look(|inner| {
            // An answer can be sent by the endpoint alone, from here on.
            inner.at_once.over_streams = true;
            while let Some(packet) = packets.next_packet()? {
                inner.peer.handle_datagram(now, Datagram::single(socket, remote, packet));
                taken += 1;
            }
            Ok(())
        });
        count(&self.shared.counters.packets_received, taken);
        self.dirty.insert(session);
        result
    }

    fn take_packets(
        &mut self,
        session: usize,
        (socket, remote): (SocketId, SocketAddr),
        open: &mut dyn FnMut(&mut Take<'_>),
    ) {
        count(&self.shared.counters.reads, 1);
        let Some(entry) = self.sessions.get(&session) else { return open(&mut |_| {}) };
        let now = self.shared.clock.now();
        let mut taken = 0;
        entry.cell.look(|inner| {
            // An answer can be sent by the endpoint alone, from here on.
            inner.at_once.over_streams = true;
            open(&mut |packet| {
                inner.peer.handle_datagram(now, Datagram::single(socket, remote, packet));
                taken += 1;
            });
        });
        count(&self.shared.counters.packets_received, taken);
        self.dirty.insert(session);
    }

    fn connected(&mut self, (session, transport, link): Name, socket: SocketId, local: SocketAddr) {
        count(&self.shared.counters.connections, 1);
        if let Some(entry) = self.sessions.get(&session) {
            let now = self.shared.clock.now();
            entry.cell.take(now, |peer, now| peer.server_connected(now, transport, link, socket, local));
            self.dirty.insert(session);
        }
    }

    fn lost(&mut self, (session, transport, link): Name, error: ConnectionError) {
        if let Some(entry) = self.sessions.get(&session) {
            tracing::debug!(%error, "no way to a TURN server");
            entry.cell.take(self.shared.clock.now(), |peer, now| peer.server_lost(now, transport, link, error));
            self.dirty.insert(session);
        }
    }
}

impl Driver {
    fn with_servers<T>(&mut self, run: impl FnOnce(&mut Servers, &mut View<'_>) -> T) -> T {
        let Self { servers, sessions, routes, dirty, shared, .. } = self;
        let result = run(servers, &mut View { sessions, routes, dirty, shared });
        count(&shared.counters.dropped, std::mem::take(&mut servers.dropped));
        count(&shared.counters.refused, std::mem::take(&mut servers.refused));
        result
    }

    /// Takes what servers said over streams and DTLS; `true` when there may be more.
    pub(super) fn poll_servers(&mut self, now: Instant, cx: &Context<'_>) -> bool {
        !self.servers.is_idle() && self.with_servers(|servers, view| servers.poll(now, cx, view))
    }

    /// Writes what was queued for them.
    pub(super) fn flush_servers(&mut self) {
        if self.servers.has_unflushed() {
            self.with_servers(|servers, view| servers.flush(view));
        }
    }

    /// Does what a session wants of its links; `true` when it is to be drained for what comes of that.
    pub(super) fn obey_servers(&mut self, now: Instant, key: usize, cell: &Cell, orders: Vec<ServerOrder>) -> bool {
        let mut again = false;
        for order in orders {
            match order {
                ServerOrder::Open { transport, link, server } => {
                    let name = (key, transport, link);
                    let Some(from) = self.source_for(server.remote) else {
                        cell.take(now, |peer, now| {
                            peer.server_lost(now, transport, link, ConnectionError::Unreachable)
                        });
                        again = true;
                        continue;
                    };
                    match server.transport {
                        TurnTransport::Udp => self.bind_link(now, name, from, cell, &server),
                        TurnTransport::Dtls => self.secure_link(now, name, from, cell, &server),
                        TurnTransport::Tcp | TurnTransport::Tls => {
                            let trust = cell.look(|inner| inner.trust.clone());
                            self.servers.open(name, from, server, trust);
                            continue;
                        }
                    }
                    again = true;
                }
                ServerOrder::Close { transport, link } => {
                    let name = (key, transport, link);
                    match self.servers.remove_socket(name) {
                        Some(socket) => self.release(key, &[socket]),
                        None => self.servers.close(now, name),
                    }
                }
            }
        }
        again
    }

    /// A socket of its own for datagrams to one server.
    fn bind_link(&mut self, now: Instant, name: Name, from: IpAddr, cell: &Cell, server: &TurnLink) {
        let (session, transport, link) = name;
        match self.extra.bind_one(session, SocketAddr::new(from, 0)) {
            Ok(socket) => {
                let (id, local) = (socket.id(), socket.address);
                self.sockets.push(socket);
                self.shared.set_outlets(&self.sockets);
                self.servers.add_socket(name, id);
                cell.take(now, |peer, now| peer.server_connected(now, transport, link, id, local));
            }
            Err(error) => {
                tracing::debug!(%error, server = %server.transport, "no socket for a TURN server");
                cell.take(now, |peer, now| peer.server_lost(now, transport, link, ConnectionError::Unreachable));
            }
        }
    }

    /// A socket of its own for datagrams to one server, and a handshake on it.
    fn secure_link(&mut self, now: Instant, name: Name, from: IpAddr, cell: &Cell, server: &TurnLink) {
        let (_, transport, link) = name;
        let (trust, provider) = cell.look(|inner| (inner.trust.clone(), inner.peer.provider()));
        let begun = identity(&trust, &server.name).and_then(|identity| {
            let socket = self.extra.bind_as(self.servers.next_socket(), from).map_err(|error| {
                tracing::debug!(%error, server = %server.transport, "no socket for a TURN server");
                ConnectionError::Unreachable
            })?;
            Ok(DtlsLink::new(now, name, socket, server.remote, identity, (provider, self.extra.seed())))
        });
        match begun {
            Ok(link) => self.servers.open_secured(link),
            Err(error) => cell.take(now, |peer, now| peer.server_lost(now, transport, link, error)),
        }
    }

    /// Where links to a server begin: at one of the addresses that the application chose, or at whichever the system takes.
    fn source_for(&self, server: SocketAddr) -> Option<IpAddr> {
        if self.shared.may_bind_anywhere {
            let v6 = Ipv6Addr::UNSPECIFIED.into();
            return Some(if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { v6 });
        }
        let suits = |address: &SocketAddr| {
            address.is_ipv4() == server.is_ipv4() && address.ip().is_loopback() == server.ip().is_loopback()
        };
        self.shared.addresses().into_iter().map(|(_, address)| address).find(suits).map(|address| address.ip())
    }
}
