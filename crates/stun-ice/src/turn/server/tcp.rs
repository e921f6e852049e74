//! Allocations of TCP: connections to peers, and those of clients that are joined to them.
//!
//! Source: [RFC 6062 §5](https://www.rfc-editor.org/rfc/rfc6062#section-5)

use super::auth::Identity;
use super::connections::Order;
use super::request::{Answer, Refusal};
use super::{Flow, Server, ServerEvent};
use crate::stun::{AttributeType, Class, ErrorCode, Message, MessageBuilder, Method, TransactionId};
use crate::turn::{ConnectionId, PeerTransport};
use ortica_core::{Instant, SocketId};
use std::net::SocketAddr;

impl Server {
    /// A client has connected. What comes on a socket that was not named so came by UDP: no allocation of TCP is given there.
    pub fn connection_opened(&mut self, connection: SocketId) {
        self.streams.insert(connection);
    }

    /// A connection of a client or with a peer has ended, and what there was with it.
    pub fn connection_closed(&mut self, connection: SocketId) {
        self.streams.remove(&connection);
        if let Some(id) = self.connections.of_socket(connection) {
            self.end_connection(id, Some(connection));
        }
        let flows: Vec<_> = self.allocations.keys().filter(|flow| flow.local == connection).copied().collect();
        flows.into_iter().for_each(|flow| self.remove(flow));
    }

    /// The connection to a peer that was asked for stands.
    pub fn peer_connected(&mut self, now: Instant, id: ConnectionId, socket: SocketId) {
        match self.connections.on_connected(now, id, socket) {
            Some((flow, order)) => self.answer_connect(flow, &order, Ok(id)),
            None => self.events.push_back(ServerEvent::Release { socket }),
        }
    }

    /// There is no such connection to be had.
    pub fn peer_failed(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.remove(id) else { return };
        let flow = connection.flow;
        if let Some(order) = connection.into_order() {
            self.answer_connect(flow, &order, Err(ErrorCode::CONNECTION_FAILED));
        }
    }

    /// A peer has connected to a socket that listens for an allocation. Nothing is to be read from the connection before it is
    /// [joined](ServerEvent::Join): what comes meanwhile waits in the system's buffers, and then at the peer's.
    ///
    /// Source: [RFC 6062 §5.3](https://www.rfc-editor.org/rfc/rfc6062#section-5.3)
    pub fn peer_accepted(&mut self, now: Instant, relay: SocketId, peer: SocketAddr, socket: SocketId) {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        let flow = self.relays.get(&relay).copied();
        let may_come = |flow: &Flow| {
            let has_room = self.connections.of_flow(*flow).count() < self.config.limits.connections;
            let allocation = self.allocations.get(flow);
            let is_permitted = allocation.is_some_and(|it| it.takes_connections() && it.is_permitted(now, peer.ip()));
            is_permitted && has_room
        };
        let Some(flow) = flow.filter(may_come) else {
            self.drop_packet();
            return self.events.push_back(ServerEvent::Release { socket });
        };
        let id = self.connections.accept(now, flow, peer, socket);
        // Nobody answers an indication.
        let transaction = TransactionId([0; 12]);
        let is_told = self.outbox.write(flow.local, flow.remote, |out| {
            MessageBuilder::new(out, Class::Indication, Method::CONNECTION_ATTEMPT, transaction)
                .attribute(AttributeType::CONNECTION_ID, &id.get().to_be_bytes())
                .xor_address(AttributeType::XOR_PEER_ADDRESS, peer);
        });
        if is_told.is_none() {
            self.end_connection(id, None);
        }
    }

    /// What is wanted for peers, if it is had over this flow.
    ///
    /// Source: [RFC 6062 §5.1](https://www.rfc-editor.org/rfc/rfc6062#section-5.1)
    pub(super) fn peer_transport(&self, flow: Flow, message: &Message<'_>) -> Result<PeerTransport, Refusal> {
        let number = message.requested_transport().map_err(|_| ErrorCode::BAD_REQUEST)?;
        match PeerTransport::of_number(number.ok_or(ErrorCode::BAD_REQUEST)?) {
            Some(PeerTransport::Udp) => Ok(PeerTransport::Udp),
            Some(PeerTransport::Tcp) if self.config.with_tcp => {
                let of_datagrams =
                    [AttributeType::DONT_FRAGMENT, AttributeType::EVEN_PORT, AttributeType::RESERVATION_TOKEN];
                let is_for_datagrams = of_datagrams.iter().any(|it| message.attribute(*it).is_some());
                if is_for_datagrams || !self.streams.contains(&flow.local) {
                    return Err(ErrorCode::BAD_REQUEST.into());
                }
                Ok(PeerTransport::Tcp)
            }
            _ => Err(ErrorCode::UNSUPPORTED_TRANSPORT_PROTOCOL.into()),
        }
    }

    /// Source: [RFC 6062 §5.2](https://www.rfc-editor.org/rfc/rfc6062#section-5.2)
    pub(super) fn connect(
        &mut self,
        now: Instant,
        flow: Flow,
        message: &Message<'_>,
        who: &Identity,
    ) -> Result<Answer, Refusal> {
        let allocation = self.allocations.get(&flow).filter(|allocation| allocation.takes_connections());
        let allocation = allocation.ok_or(ErrorCode::ALLOCATION_MISMATCH)?;
        let peer = message.xor_peer_address().ok().flatten().filter(|peer| peer.port() != 0);
        let peer = peer.ok_or(ErrorCode::BAD_REQUEST)?;
        if self.connections.has(flow, peer) {
            return Err(ErrorCode::CONNECTION_ALREADY_EXISTS.into());
        }
        let relay = allocation.relay_to(peer.ip()).ok_or(ErrorCode::PEER_ADDRESS_FAMILY_MISMATCH)?;
        if !self.config.peers.allows_port(peer) {
            return Err(ErrorCode::FORBIDDEN.into());
        }
        if self.connections.of_flow(flow).count() >= self.config.limits.connections {
            return Err(ErrorCode::INSUFFICIENT_CAPACITY.into());
        }
        let id = self.connections.order(now, flow, peer, (message.transaction(), who.clone()));
        self.events.push_back(ServerEvent::Connect { id, relay: relay.socket, peer });
        Ok(Answer::Later)
    }

    /// Source: [RFC 6062 §5.4](https://www.rfc-editor.org/rfc/rfc6062#section-5.4)
    pub(super) fn bind_connection(
        &mut self,
        flow: Flow,
        message: &Message<'_>,
        who: &Identity,
    ) -> Result<Answer, Refusal> {
        let client = flow.local;
        let id = message.connection_id().ok().flatten().map(ConnectionId::new).ok_or(ErrorCode::BAD_REQUEST)?;
        // Not one that carries an allocation, for nothing else would pass there any more.
        let may_carry = self.streams.contains(&client) && !self.allocations.contains_key(&flow);
        // Another user's is none.
        let (connections, allocations) = (&mut self.connections, &self.allocations);
        let is_own = |of: Flow| allocations.get(&of).is_some_and(|it| it.owner.username == who.username);
        let peer = may_carry.then(|| connections.join(id, client, is_own)).flatten();
        let peer = peer.ok_or(ErrorCode::BAD_REQUEST)?;
        self.events.push_back(ServerEvent::Join { client, peer });
        Ok(Answer::Done)
    }

    /// Ends connections that were waited for in vain.
    pub(super) fn end_overdue(&mut self, now: Instant) {
        while let Some(id) = self.connections.next_overdue(now) {
            self.end_connection(id, None);
        }
    }

    /// Ends a connection, of which `closed` is closed already.
    pub(super) fn end_connection(&mut self, id: ConnectionId, closed: Option<SocketId>) {
        let Some(connection) = self.connections.remove(id) else { return };
        let flow = connection.flow;
        for socket in connection.sockets().into_iter().filter(|socket| Some(*socket) != closed) {
            self.streams.remove(&socket);
            self.events.push_back(ServerEvent::Release { socket });
        }
        if let Some(order) = connection.into_order() {
            self.events.push_back(ServerEvent::Abandon { id });
            // Without the allocation nobody waits for an answer.
            if self.allocations.contains_key(&flow) {
                self.answer_connect(flow, &order, Err(ErrorCode::CONNECTION_FAILED));
            }
        }
    }

    /// Answers a Connect request, with the number of the connection or the code of an error.
    fn answer_connect(&mut self, flow: Flow, (transaction, who): &Order, result: Result<ConnectionId, u16>) {
        let key = who.key(&self.config.provider);
        let class = if result.is_ok() { Class::Success } else { Class::Error };
        self.outbox.write(flow.local, flow.remote, |out| {
            let builder = MessageBuilder::new(out, class, Method::CONNECT, *transaction);
            match result {
                Ok(id) => builder.attribute(AttributeType::CONNECTION_ID, &id.get().to_be_bytes()),
                Err(code) => builder.error_code(ErrorCode { code, reason: "" }),
            }
            .integrity(&key);
        });
    }
}
