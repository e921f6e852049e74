//! The connections with peers, from the order or the arrival to the end.
//!
//! Source: [RFC 6062 §5](https://www.rfc-editor.org/rfc/rfc6062#section-5)

use super::Flow;
use super::auth::Identity;
use crate::stun::TransactionId;
use crate::turn::ConnectionId;
use arrayvec::ArrayVec;
use ortica_core::{Instant, Rng, SocketId};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

/// How long a peer has to take a connection, and a client to say what one is for.
///
/// Source: [RFC 6062 §5.2, §5.3](https://www.rfc-editor.org/rfc/rfc6062#section-5.2)
const PATIENCE: Duration = Duration::from_secs(30);

/// A request that waits for a connection: its transaction, and who made it.
pub(super) type Order = (TransactionId, Identity);

/// One connection.
///
/// ```text
///   Connecting -- it stands --> Waiting -- ConnectionBind --> Joined
///                                  ^
///                    a peer comes -+
/// ```
#[derive(Debug)]
pub(super) struct Connection {
    /// Whose allocation it belongs to.
    pub(super) flow: Flow,
    pub(super) peer: SocketAddr,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The caller was asked for it.
    Connecting { order: Order, until: Instant },
    /// It waits for a connection of the client's.
    Waiting { peer: SocketId, until: Instant },
    /// Bytes go from one to the other.
    Joined { peer: SocketId, client: SocketId },
}

impl Connection {
    fn until(&self) -> Option<Instant> {
        match self.stage {
            Stage::Connecting { until, .. } | Stage::Waiting { until, .. } => Some(until),
            Stage::Joined { .. } => None,
        }
    }

    /// The caller's sockets that it consists of.
    pub(super) fn sockets(&self) -> ArrayVec<SocketId, 2> {
        match self.stage {
            Stage::Connecting { .. } => ArrayVec::new(),
            Stage::Waiting { peer, .. } => ArrayVec::from_iter([peer]),
            Stage::Joined { peer, client } => ArrayVec::from_iter([peer, client]),
        }
    }

    /// The request that still waits for it.
    pub(super) fn into_order(self) -> Option<Order> {
        match self.stage {
            Stage::Connecting { order, .. } => Some(order),
            _ => None,
        }
    }
}

/// All connections of a server.
#[derive(Debug)]
pub(super) struct Connections {
    rng: Rng,
    all: BTreeMap<ConnectionId, Connection>,
    of_flows: BTreeSet<(Flow, ConnectionId)>,
    of_sockets: BTreeMap<SocketId, ConnectionId>,
    deadlines: BTreeSet<(Instant, ConnectionId)>,
}

impl Connections {
    /// None. Numbers are drawn, so that none comes back soon.
    pub(super) fn new(rng: Rng) -> Self {
        Self {
            rng,
            all: BTreeMap::new(),
            of_flows: BTreeSet::new(),
            of_sockets: BTreeMap::new(),
            deadlines: BTreeSet::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Those of an allocation.
    pub(super) fn of_flow(&self, flow: Flow) -> impl Iterator<Item = ConnectionId> {
        self.of_flows.range((flow, ConnectionId::MIN)..=(flow, ConnectionId::MAX)).map(|(_, id)| *id)
    }

    /// The one that a socket is part of.
    pub(super) fn of_socket(&self, socket: SocketId) -> Option<ConnectionId> {
        self.of_sockets.get(&socket).copied()
    }

    /// Whether an allocation has one with a peer, or waits for it.
    pub(super) fn has(&self, flow: Flow, peer: SocketAddr) -> bool {
        self.of_flow(flow).any(|id| self.all.get(&id).is_some_and(|connection| connection.peer == peer))
    }

    /// One is to be opened.
    pub(super) fn order(&mut self, now: Instant, flow: Flow, peer: SocketAddr, order: Order) -> ConnectionId {
        self.insert(Connection { flow, peer, stage: Stage::Connecting { order, until: now + PATIENCE } })
    }

    /// A peer has opened one.
    pub(super) fn accept(&mut self, now: Instant, flow: Flow, peer: SocketAddr, socket: SocketId) -> ConnectionId {
        self.insert(Connection { flow, peer, stage: Stage::Waiting { peer: socket, until: now + PATIENCE } })
    }

    /// The one that was ordered stands: whose allocation it belongs to, and what is to be answered. `None` when nobody waits for it.
    pub(super) fn on_connected(&mut self, now: Instant, id: ConnectionId, socket: SocketId) -> Option<(Flow, Order)> {
        let connection = self.remove(id)?;
        let (flow, peer) = (connection.flow, connection.peer);
        match connection.stage {
            Stage::Connecting { order, .. } => {
                let stage = Stage::Waiting { peer: socket, until: now + PATIENCE };
                self.put(id, Connection { flow, peer, stage });
                Some((flow, order))
            }
            _ => {
                self.put(id, connection);
                None
            }
        }
    }

    /// Makes a connection of the client's part of one that waits for it, and gives the peer's; `None` when none waits by that number,
    /// or not for who may not.
    pub(super) fn join(
        &mut self,
        id: ConnectionId,
        client: SocketId,
        may: impl FnOnce(Flow) -> bool,
    ) -> Option<SocketId> {
        let Connection { flow, peer, stage: Stage::Waiting { peer: socket, .. } } = *self.all.get(&id)? else {
            return None;
        };
        if !may(flow) {
            return None;
        }
        self.remove(id);
        self.put(id, Connection { flow, peer, stage: Stage::Joined { peer: socket, client } });
        Some(socket)
    }

    pub(super) fn remove(&mut self, id: ConnectionId) -> Option<Connection> {
        let connection = self.all.remove(&id)?;
        self.of_flows.remove(&(connection.flow, id));
        for socket in connection.sockets() {
            self.of_sockets.remove(&socket);
        }
        if let Some(until) = connection.until() {
            self.deadlines.remove(&(until, id));
        }
        Some(connection)
    }

    /// One that was waited for in vain.
    pub(super) fn next_overdue(&self, now: Instant) -> Option<ConnectionId> {
        self.deadlines.first().filter(|(until, _)| *until <= now).map(|(_, id)| *id)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first().map(|(until, _)| *until)
    }

    fn insert(&mut self, connection: Connection) -> ConnectionId {
        let id = loop {
            let id = ConnectionId::new(self.rng.u32());
            if !self.all.contains_key(&id) {
                break id;
            }
        };
        self.put(id, connection);
        id
    }

    fn put(&mut self, id: ConnectionId, connection: Connection) {
        self.of_flows.insert((connection.flow, id));
        for socket in connection.sockets() {
            self.of_sockets.insert(socket, id);
        }
        if let Some(until) = connection.until() {
            self.deadlines.insert((until, id));
        }
        self.all.insert(id, connection);
    }
}
