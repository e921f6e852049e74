//! What pairs carried beside checks: told by who sends and receives it.

use super::Agent;
use super::address::canonical;
use super::pair::Pair;
use ortica_core::{Instant, SocketId};
use std::net::SocketAddr;

/// Packets of other protocols than ICE that a pair carried.
///
/// Source: [webrtc-stats §8.26](https://www.w3.org/TR/webrtc-stats/#candidatepair-dict*)
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Traffic {
    /// Packets sent.
    pub packets_sent: u64,
    /// Bytes in them, without IP and UDP headers.
    pub bytes_sent: u64,
    /// When the last one was sent.
    pub last_sent: Option<Instant>,
    /// Packets received.
    pub packets_received: u64,
    /// Bytes in them, without IP and UDP headers.
    pub bytes_received: u64,
    /// When the last one was received.
    pub last_received: Option<Instant>,
}

impl Agent {
    /// Says that `packets` of `bytes` together, none of them of ICE, were sent from `socket` to `remote`. Counts where the peer
    /// has proved itself on such a pair.
    pub fn count_sent(&mut self, now: Instant, socket: SocketId, remote: SocketAddr, packets: u64, bytes: u64) {
        if let Some(Pair { traffic, unheard_since, .. }) = self.carrying_pair(socket, remote) {
            traffic.packets_sent += packets;
            traffic.bytes_sent += bytes;
            traffic.last_sent = Some(now);
            unheard_since.get_or_insert(now);
        }
    }

    /// Says that `packets` of `bytes` together, none of them of ICE, came from `remote` to `socket`. Counts where the peer has
    /// proved itself on such a pair.
    pub fn count_received(&mut self, now: Instant, socket: SocketId, remote: SocketAddr, packets: u64, bytes: u64) {
        if let Some(Pair { traffic, unheard_since, .. }) = self.carrying_pair(socket, remote) {
            traffic.packets_received += packets;
            traffic.bytes_received += bytes;
            traffic.last_received = Some(now);
            *unheard_since = None;
        }
    }

    fn carrying_pair(&mut self, socket: SocketId, remote: SocketAddr) -> Option<&mut Pair> {
        let remote = canonical(remote);
        // After a restart both generations may have it, and the one that the peer has proved itself on carries the data.
        let is_it = |pair: &&mut Pair| pair.socket == socket && pair.remote_addr == remote && pair.is_validated();
        self.pairs_mut().find(is_it)
    }
}
