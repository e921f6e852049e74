//! Requests whose answer is awaited.

use super::{PairId, Role};
use crate::stun::TransactionId;
use ortica_core::{Instant, SocketId};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// A request that was sent to the peer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transaction {
    pub(super) id: TransactionId,
    pub(super) pair: PairId,
    pub(super) socket: SocketId,
    pub(super) remote: SocketAddr,
    pub(super) at: Instant,
    /// The role that the request claimed.
    pub(super) role: Role,
    /// The PRIORITY it carried: that of the peer-reflexive candidate an answer may reveal.
    pub(super) priority: u32,
    pub(super) nominates: bool,
}

/// The last requests sent, oldest first. An answered one leaves; so does the oldest when there are too many.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    sent: VecDeque<Transaction>,
}

impl Transactions {
    /// Gives back the room that is not used, but for so many.
    pub(super) fn shrink_to(&mut self, room: usize) {
        self.sent.shrink_to(room);
    }

    pub(super) fn insert(&mut self, transaction: Transaction, limit: usize) {
        while self.sent.len() >= limit.max(1) {
            self.sent.pop_front();
        }
        self.sent.push_back(transaction);
    }

    pub(super) fn get(&self, id: TransactionId) -> Option<Transaction> {
        self.sent.iter().find(|transaction| transaction.id == id).copied()
    }

    pub(super) fn remove(&mut self, id: TransactionId) {
        self.sent.retain(|transaction| transaction.id != id);
    }

    /// Forgets what was sent before `cutoff`: its answer would come too late to mean anything.
    pub(super) fn expire(&mut self, cutoff: Instant) {
        while self.sent.front().is_some_and(|transaction| transaction.at < cutoff) {
            self.sent.pop_front();
        }
    }

    /// Forgets what was sent there.
    pub(super) fn remove_between(&mut self, socket: SocketId, remote: SocketAddr) {
        self.sent.retain(|transaction| (transaction.socket, transaction.remote) != (socket, remote));
    }

    pub(super) fn clear(&mut self) {
        self.sent.clear();
    }
}
