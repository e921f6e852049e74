//! A packet on its way, and one that has come.

use crate::network::{NodeId, Realm};
use crate::stream::Part;
use ortica_core::{Ecn, Instant, SocketId};
use std::cmp::Ordering;
use std::net::SocketAddr;

/// A packet on its way.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) at: Instant,
    pub(crate) order: u64,
    pub(crate) stage: Stage,
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) realm: Realm,
    pub(crate) ecn: Ecn,
    /// Its place, if it belongs to a stream.
    pub(crate) part: Option<Part>,
    pub(crate) bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Stage {
    /// It waits to enter the up link.
    Enter,
    /// It has crossed the up link.
    Middle,
    /// It has crossed the down link.
    End,
}

/// A packet that has come to a socket.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) node: NodeId,
    pub(crate) socket: SocketId,
    pub(crate) from: SocketAddr,
    pub(crate) ecn: Ecn,
    pub(crate) bytes: Vec<u8>,
}

/// The flight that moves first is the greatest, as the heap wants it; ties go to the one launched first.
impl Ord for Flight {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl PartialOrd for Flight {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Flight {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Flight {}
