//! Packets that were sent and received.

use super::Path;
use ortica_core::{Ecn, Instant};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// Which packets of a session are captured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CaptureConfig {
    pub(super) wire: bool,
    pub(super) decrypted: bool,
    secrets: bool,
    pub(super) limit: usize,
}

impl Default for CaptureConfig {
    /// Packets as they cross the wire.
    fn default() -> Self {
        Self { wire: true, decrypted: false, secrets: false, limit: 4 << 20 }
    }
}

impl CaptureConfig {
    /// Whether to capture packets as they cross the wire. Default: `true`.
    #[must_use]
    pub fn with_wire(mut self, capture: bool) -> Self {
        self.wire = capture;
        self
    }

    /// Whether to capture the RTP, RTCP and SCTP inside them too, decrypted: what people say and write. Default: `false`.
    #[must_use]
    pub fn with_decrypted(mut self, capture: bool) -> Self {
        self.decrypted = capture;
        self
    }

    /// Whether the file holds the secrets by which Wireshark decrypts DTLS, and with it what people write. For who makes a file of
    /// the packets. Default: `false`.
    #[must_use]
    pub fn with_secrets(mut self, include: bool) -> Self {
        self.secrets = include;
        self
    }

    /// Whether packets are captured decrypted too.
    pub const fn is_decrypted(&self) -> bool {
        self.decrypted
    }

    /// Whether the secrets are wanted too.
    pub const fn has_secrets(&self) -> bool {
        self.secrets
    }

    /// Bytes of packets that wait to be taken. Beyond, packets are dropped and counted. Default 4 MiB.
    #[must_use]
    pub fn with_limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }
}

/// What a captured packet is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Layer {
    /// The payload of a UDP datagram.
    Udp,
    /// RTP that was, or is to be, encrypted.
    Rtp,
    /// RTCP likewise.
    Rtcp,
    /// SCTP likewise.
    Sctp,
}

/// A captured packet.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Captured {
    /// When it was sent or received.
    pub at: Instant,
    /// It was sent.
    pub sent: bool,
    /// The socket's address; unspecified where that was not told.
    pub local: SocketAddr,
    /// The other side's.
    pub remote: SocketAddr,
    /// Its mark.
    pub ecn: Ecn,
    /// What it is.
    pub layer: Layer,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Packets until they are taken.
pub(super) struct Capture {
    config: CaptureConfig,
    queue: VecDeque<Captured>,
    bytes: usize,
    pub dropped: u64,
}

impl Capture {
    pub fn new(config: CaptureConfig) -> Self {
        Self { config, queue: VecDeque::new(), bytes: 0, dropped: 0 }
    }

    pub fn push(&mut self, at: Instant, path: Path, layer: Layer, packet: &[u8]) {
        let is_wanted = if layer == Layer::Udp { self.config.wire } else { self.config.decrypted };
        if !is_wanted {
            return;
        }
        if self.bytes + packet.len() > self.config.limit {
            self.dropped += 1;
            return;
        }
        self.bytes += packet.len();
        let Path { sent, local, remote, ecn } = path;
        self.queue.push_back(Captured { at, sent, local, remote, ecn, layer, bytes: packet.to_vec() });
    }

    pub fn poll(&mut self) -> Option<Captured> {
        let captured = self.queue.pop_front()?;
        self.bytes -= captured.bytes.len();
        Some(captured)
    }
}
