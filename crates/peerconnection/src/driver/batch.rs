//! Buffers that endpoints read into. A thread that reads has one set of them, half a MiB, and lends it to each endpoint whose turn it
//! is: a thousand endpoints hold no more of them than one.

use super::socket::BATCH;
use quinn_udp::RecvMeta;
use std::cell::Cell;
use std::io::IoSliceMut;

thread_local! {
    /// The thread's buffers, while nobody reads.
    static SPARE: Cell<Option<Batch>> = const { Cell::new(None) };
}

/// Room for one batch of messages.
#[derive(Debug)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    stride: usize,
    pub meta: [RecvMeta; BATCH],
}

impl Batch {
    /// How long a buffer per message is, for messages of up to `len` bytes: at least the longest record of DTLS, at most 64 KiB.
    pub fn stride(len: usize) -> usize {
        const LONGEST_RECORD: usize = ortica_dtls::Connection::MAX_DATA + 256;
        len.clamp(LONGEST_RECORD, 65_536)
    }

    /// Has `read` use this thread's buffers, with `stride` bytes for each message. What they held before is arbitrary.
    pub fn lend<R>(stride: usize, read: impl FnOnce(&mut Self) -> R) -> R {
        let spare = SPARE.try_with(Cell::take).ok().flatten();
        let mut batch = spare.unwrap_or_else(|| Self { bytes: Vec::new(), stride, meta: Default::default() });
        batch.stride = stride;
        if batch.bytes.len() < stride * BATCH {
            batch.bytes.resize(stride * BATCH, 0);
        }
        let result = read(&mut batch);
        // A thread that is ending keeps nothing.
        let _ = SPARE.try_with(|spare| spare.set(Some(batch)));
        result
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_of_one_thread_share_its_buffers() {
        let place = |stride| Batch::lend(stride, |batch| (batch.bytes.as_ptr(), batch.buffers().0[0].len()));
        let (longest, short) = (Batch::stride(usize::MAX), Batch::stride(0));
        let (first, len) = place(longest);
        assert_eq!(len, 65_536);
        assert_eq!(place(longest), (first, len));
        assert_eq!(place(short), (first, short));
        assert_eq!(place(longest), (first, len));
    }

    #[test]
    fn who_reads_while_another_one_does_has_buffers_of_his_own() {
        let stride = Batch::stride(2_048);
        Batch::lend(stride, |outer| {
            outer.buffers().0[7].fill(1);
            Batch::lend(stride, |inner| inner.buffers().0[7].fill(2));
            assert!(outer.buffers().0[7].iter().all(|byte| *byte == 1));
        });
    }
}
