//! Buffers that one endpoint reads into, made once.

use super::socket::BATCH;
use quinn_udp::RecvMeta;
use std::io::IoSliceMut;

/// Room for one batch of messages.
#[derive(Debug)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    stride: usize,
    pub meta: [RecvMeta; BATCH],
}

impl Batch {
    /// Room for messages of up to `stride` bytes, at least for the longest record of DTLS, at most 64 KiB.
    pub fn new(stride: usize) -> Self {
        const LONGEST_RECORD: usize = ortica_dtls::Connection::MAX_DATA + 256;
        let stride = stride.clamp(LONGEST_RECORD, 65_536);
        Self { bytes: vec![0; stride * BATCH], stride, meta: [RecvMeta::default(); BATCH] }
    }

    /// The buffers to read into, and the places for what is known of each message.
    pub fn buffers(&mut self) -> ([IoSliceMut<'_>; BATCH], &mut [RecvMeta; BATCH]) {
        let mut chunks = self.bytes.chunks_mut(self.stride);
        let buffers = std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        (buffers, &mut self.meta)
    }

    /// The bytes of message `index`, and what is known of it.
    pub fn message(&mut self, index: usize) -> (&mut [u8], RecvMeta) {
        let meta = self.meta.get(index).copied().unwrap_or_default();
        let start = index * self.stride;
        let bytes = self.bytes.get_mut(start..start + meta.len).unwrap_or_default();
        (bytes, meta)
    }
}
