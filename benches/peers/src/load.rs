//! What is sent, and what is made of it where it arrives.

use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A sender pauses when this much is buffered, in bytes...
pub const HIGH: usize = 1 << 20;
/// ...and goes on when no more than this is.
pub const LOW: usize = 512 << 10;

/// How many messages differ from each other before they repeat.
const DIFFERENT: usize = 61;

/// A message to send and its hash.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its bytes.
    pub data: Bytes,
    hash: u64,
}

/// Messages to send, until told to stop.
#[derive(Debug)]
pub struct Load {
    messages: Vec<Message>,
    next: usize,
    shared: Arc<LoadShared>,
}

/// What the measuring thread sees of a load.
#[derive(Debug, Default)]
pub(crate) struct LoadShared {
    pub stop: AtomicBool,
    pub ended: AtomicBool,
    pub sent: AtomicU64,
    pub hash: AtomicU64,
}

impl Load {
    /// Messages of `size` bytes.
    pub(crate) fn new(size: usize) -> (Self, Arc<LoadShared>) {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let messages = (0..DIFFERENT).map(|_| {
            let data: Vec<u8> =
                std::iter::repeat_with(|| xorshift(&mut state).to_le_bytes()).flatten().take(size).collect();
            Message { hash: hash(&data), data: data.into() }
        });
        let shared = Arc::new(LoadShared::default());
        (Self { messages: messages.collect(), next: 0, shared: shared.clone() }, shared)
    }

    /// How long each message is, in bytes.
    pub fn size(&self) -> usize {
        self.messages.first().map_or(0, |message| message.data.len())
    }

    /// The next message, which counts as sent; `None` when it is time to stop.
    pub fn next(&mut self) -> Option<Message> {
        if self.shared.stop.load(Ordering::Relaxed) {
            self.shared.ended.store(true, Ordering::Release);
            return None;
        }
        let message = self.messages.get(self.next).cloned()?;
        self.next = (self.next + 1) % self.messages.len();
        let LoadShared { sent, hash, .. } = &*self.shared;
        // One thread writes, so that there is nothing to lose between load and store.
        sent.store(sent.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        hash.store(chain(hash.load(Ordering::Relaxed), message.hash), Ordering::Relaxed);
        Some(message)
    }
}

/// Where the messages of a [`Load`] arrive, in one thread.
#[derive(Clone, Debug, Default)]
pub struct Sink {
    shared: Arc<SinkShared>,
}

#[derive(Debug, Default)]
struct SinkShared {
    messages: AtomicU64,
    bytes: AtomicU64,
    hash: AtomicU64,
}

impl Sink {
    /// Reads a message to its last byte.
    pub fn take(&self, data: &[u8]) {
        let SinkShared { messages, bytes, hash: so_far } = &*self.shared;
        so_far.store(chain(so_far.load(Ordering::Relaxed), hash(data)), Ordering::Relaxed);
        bytes.store(bytes.load(Ordering::Relaxed) + data.len() as u64, Ordering::Relaxed);
        messages.store(messages.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    pub(crate) fn messages(&self) -> u64 {
        self.shared.messages.load(Ordering::Acquire)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn hash(&self) -> u64 {
        self.shared.hash.load(Ordering::Relaxed)
    }
}

/// The hash of a sequence of messages, one more message added: order counts.
fn chain(before: u64, message: u64) -> u64 {
    fold(before ^ 0x2D35_8DCC_AA6C_78A5, message ^ 0x8BB8_4B93_962E_ACC9)
}

/// A hash of all bytes, by folded multiplication in four lanes: quick enough not to be what is measured (0.1 s/GB).
fn hash(data: &[u8]) -> u64 {
    const SECRET: [u64; 4] =
        [0xA076_1D64_78BD_642F, 0xE703_7ED1_A0B4_28DB, 0x8EBC_6AF0_9C88_C6E3, 0x5899_65CC_7537_4CC3];
    let mut lanes = SECRET;
    let mut blocks = data.chunks_exact(64);
    for block in &mut blocks {
        for (lane, pair) in lanes.iter_mut().zip(block.chunks_exact(16)) {
            *lane = fold(word(pair) ^ *lane, word(&pair[8..]) ^ SECRET[3]);
        }
    }
    let rest = blocks.remainder().chunks(8).fold(data.len() as u64, |sum, part| fold(sum ^ word(part), SECRET[0]));
    lanes.into_iter().fold(rest, |sum, lane| fold(sum ^ lane, SECRET[1]))
}

/// Up to eight bytes as a number.
fn word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    let len = bytes.len().min(8);
    word[..len].copy_from_slice(&bytes[..len]);
    u64::from_le_bytes(word)
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ (product >> 64) as u64
}

fn xorshift(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_arrives_as_sent_has_the_same_hash() {
        let (mut load, sent) = Load::new(100);
        let sink = Sink::default();
        for _ in 0..200 {
            sink.take(&load.next().expect("goes on").data);
        }
        assert_eq!(sink.messages(), 200);
        assert_eq!(sink.bytes(), 20_000);
        assert_eq!(sink.hash(), sent.hash.load(Ordering::Relaxed));
    }

    #[test]
    fn order_and_every_byte_count() {
        let (mut load, sent) = Load::new(100);
        let (first, second) = (load.next().expect("goes on"), load.next().expect("goes on"));
        let swapped = Sink::default();
        swapped.take(&second.data);
        swapped.take(&first.data);
        assert_ne!(swapped.hash(), sent.hash.load(Ordering::Relaxed));
        for at in 0..100 {
            let mut changed = first.data.to_vec();
            changed[at] ^= 1;
            assert_ne!(hash(&changed), hash(&first.data), "byte {at}");
        }
    }
}
