//! What lies inside SRTP and DTLS.

use super::Layer;

/// Packets as they were before they were sealed, or after they were opened, until the session takes them.
#[derive(Debug, Default)]
pub(in crate::engine) struct Inner {
    packets: Vec<InnerPacket>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct InnerPacket {
    pub sent: bool,
    pub layer: Layer,
    pub bytes: Vec<u8>,
}

impl Inner {
    /// Keeps a packet, given in parts.
    pub fn push(&mut self, sent: bool, layer: Layer, parts: &[&[u8]]) {
        self.packets.push(InnerPacket { sent, layer, bytes: parts.concat() });
    }

    /// Adds what another one holds.
    pub fn append(&mut self, other: &mut Self) {
        self.packets.append(&mut other.packets);
    }

    pub(super) fn take(&mut self) -> Vec<InnerPacket> {
        std::mem::take(&mut self.packets)
    }
}
