//! Packets on their way out.

use ortica_core::{Ecn, SocketId, Transmit};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Packets in the order of their writing, in one buffer that is emptied once all are sent.
#[derive(Debug)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    packets: VecDeque<(SocketId, SocketAddr, usize)>,
    /// How much of the buffer was given out.
    start: usize,
    limit: usize,
    /// What did not fit.
    pub(super) dropped: u64,
}

impl Outbox {
    pub(super) fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), packets: VecDeque::new(), start: 0, limit, dropped: 0 }
    }

    /// Lets a packet be written, and gives its bytes; `None` when too much waits already.
    pub(super) fn write(
        &mut self,
        socket: SocketId,
        remote: SocketAddr,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> Option<&[u8]> {
        if self.bytes.len() >= self.limit {
            self.dropped += 1;
            return None;
        }
        let start = self.bytes.len();
        write(&mut self.bytes);
        self.packets.push_back((socket, remote, self.bytes.len() - start));
        self.bytes.get(start..)
    }

    pub(super) fn poll(&mut self, out: &mut Vec<u8>) -> Option<Transmit> {
        let (socket, remote, len) = self.packets.pop_front()?;
        out.extend_from_slice(self.bytes.get(self.start..self.start + len).unwrap_or_default());
        self.start += len;
        if self.packets.is_empty() {
            self.bytes.clear();
            self.start = 0;
        }
        Some(Transmit { socket, remote, ecn: Ecn::NotEct, len, segment_size: None })
    }
}
