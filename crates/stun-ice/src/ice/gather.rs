//! Server-reflexive candidates: STUN servers are asked what address a socket is seen at.
//!
//! Source: [RFC 8445 §5.1.1](https://www.rfc-editor.org/rfc/rfc8445#section-5.1.1)

use super::GatheringState;
use super::address::canonical;
use super::generation::Generation;
use super::shared::{Shared, Socket};
use crate::stun::{Class, Message, MessageBuilder, Method, TransactionId};
use ortica_core::{Ecn, Instant, SocketId, Transmit};
use std::net::SocketAddr;
use std::time::Duration;

/// The first retransmission interval, doubled each time.
///
/// Source: [RFC 8489 §6.2.1](https://www.rfc-editor.org/rfc/rfc8489#section-6.2.1)
const RTO: Duration = Duration::from_millis(500);
/// After the last of seven requests an answer is waited for sixteen times as long as after the first, then it is over.
const GIVE_UP: Duration = Duration::from_millis(39_500);
/// How often a mapping is kept alive until a pair is selected.
///
/// Source: [RFC 8445 §5.1.1.4](https://www.rfc-editor.org/rfc/rfc8445#section-5.1.1.4)
const KEEPALIVE: Duration = Duration::from_secs(15);

/// The questions of a generation.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    queries: Vec<Query>,
    has_sockets: bool,
}

/// A question to one server from one socket.
#[derive(Debug)]
struct Query {
    socket: SocketId,
    server: SocketAddr,
    transaction: TransactionId,
    stage: Stage,
    /// When to send next.
    next: Instant,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// Sent so many times, first at this instant.
    Asking { sent: u32, began: Option<Instant> },
    /// Answered; the mapping is kept alive.
    Answered,
    /// Given up.
    Failed,
}

impl Query {
    fn is_asking(&self) -> bool {
        matches!(self.stage, Stage::Asking { .. })
    }

    fn deadline(&self, timeout: Duration) -> Option<Instant> {
        match self.stage {
            Stage::Asking { began: Some(began), .. } => Some(began + timeout.min(GIVE_UP)),
            _ => None,
        }
    }
}

impl Gathering {
    /// How far it is; `ended` when no further sockets will come.
    pub(super) fn state(&self, ended: bool) -> GatheringState {
        if !self.has_sockets && !ended {
            GatheringState::New
        } else if ended && !self.queries.iter().any(Query::is_asking) {
            GatheringState::Complete
        } else {
            GatheringState::Gathering
        }
    }

    pub(super) fn add_socket(&mut self, shared: &mut Shared, now: Instant, socket: Socket) {
        self.has_sockets = true;
        let reachable = |server: &&SocketAddr| {
            server.is_ipv4() == socket.addr.is_ipv4() && server.ip().is_loopback() == socket.addr.ip().is_loopback()
        };
        for server in shared.config.stun_servers.iter().filter(reachable) {
            let transaction = TransactionId::generate(&mut shared.rng);
            let stage = Stage::Asking { sent: 0, began: None };
            self.queries.push(Query { socket: socket.id, server: *server, transaction, stage, next: now });
        }
    }

    pub(super) fn remove_socket(&mut self, id: SocketId) {
        self.queries.retain(|query| query.socket != id);
    }

    /// Stops asking.
    pub(super) fn abandon(&mut self) {
        for query in self.queries.iter_mut() {
            query.stage = Stage::Failed;
        }
    }

    /// Gives up on servers that had their time.
    pub(super) fn expire(&mut self, timeout: Duration, now: Instant) {
        for query in &mut self.queries {
            if query.deadline(timeout).is_some_and(|at| at <= now) {
                query.stage = Stage::Failed;
            }
        }
    }

    /// When a question may be sent next, and when one is given up. Mappings are kept alive only with `keep_alive`.
    pub(super) fn next_send(&self, keep_alive: bool) -> Option<Instant> {
        let wanted = |query: &&Query| match query.stage {
            Stage::Asking { .. } => true,
            Stage::Answered => keep_alive,
            Stage::Failed => false,
        };
        self.queries.iter().filter(wanted).map(|query| query.next).min()
    }

    pub(super) fn next_deadline(&self, timeout: Duration) -> Option<Instant> {
        self.queries.iter().filter_map(|query| query.deadline(timeout)).min()
    }

    /// Writes the next question that is due.
    pub(super) fn transmit(
        &mut self,
        now: Instant,
        keep_alive: bool,
        rng: &mut ortica_core::Rng,
        out: &mut Vec<u8>,
    ) -> Option<Transmit> {
        let due = |query: &&mut Query| {
            query.next <= now && (query.is_asking() || keep_alive && matches!(query.stage, Stage::Answered))
        };
        let query = self.queries.iter_mut().filter(due).min_by_key(|query| query.next)?;
        let start = out.len();
        let class = match &mut query.stage {
            Stage::Asking { sent, began } => {
                began.get_or_insert(now);
                query.next = now + RTO * (1 << (*sent).min(6));
                *sent += 1;
                Class::Request
            }
            _ => {
                query.transaction = TransactionId::generate(rng);
                query.next = now + KEEPALIVE;
                Class::Indication
            }
        };
        MessageBuilder::new(out, class, Method::BINDING, query.transaction).fingerprint();
        let len = out.len() - start;
        Some(Transmit { socket: query.socket, remote: query.server, ecn: Ecn::NotEct, len, segment_size: None })
    }

    /// Takes a server's answer: the socket and the address it was seen at, if it says. `None` when no server was asked.
    fn on_response(
        &mut self,
        now: Instant,
        socket: SocketId,
        remote: SocketAddr,
        message: &Message<'_>,
    ) -> Option<Option<SocketAddr>> {
        let query = self.queries.iter_mut().find(|query| {
            query.transaction == message.transaction()
                && query.socket == socket
                && query.server == remote
                && query.is_asking()
        })?;
        let mapped = message.xor_mapped_address().ok().flatten().or_else(|| message.mapped_address().ok().flatten());
        query.stage = match (message.class(), mapped) {
            (Class::Success, Some(_)) => Stage::Answered,
            _ => Stage::Failed,
        };
        query.next = now + KEEPALIVE;
        Some(mapped.filter(|_| message.class() == Class::Success))
    }
}

impl Generation {
    /// `true` when the message was a server's answer.
    pub(super) fn on_server_response(
        &mut self,
        shared: &mut Shared,
        now: Instant,
        socket: SocketId,
        remote: SocketAddr,
        message: &Message<'_>,
    ) -> bool {
        let Some(mapped) = self.gathering.on_response(now, socket, remote, message) else { return false };
        if let (Some(at), Some(socket)) = (mapped, shared.socket(socket)) {
            self.add_server_reflexive(shared, socket, canonical(at), remote);
        }
        true
    }
}
