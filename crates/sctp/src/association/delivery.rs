//! Whole messages: put in order, stream by stream, and kept until they are read.

use super::reassembly::{OVERHEAD, Part};
use crate::{Message, Ssn, StreamId};
use std::collections::{BTreeMap, VecDeque};

/// The receiving ends of all streams that have seen a message.
#[derive(Debug, Default)]
pub struct Delivery {
    streams: BTreeMap<StreamId, Stream>,
    /// Bytes kept, overhead included.
    held: usize,
}

#[derive(Debug, Default)]
struct Stream {
    /// How many ordered messages were delivered or skipped; its low half is the next stream sequence number.
    next: u64,
    /// Ordered messages that wait for the ones before them, by their full number.
    waiting: BTreeMap<u64, Message>,
    ready: VecDeque<Message>,
}

impl Stream {
    /// The full number that `ssn` stands for; `None` when it was used before.
    fn number(&self, ssn: Ssn) -> Option<u64> {
        let ahead = ssn.distance(Ssn(self.next as u16));
        (ahead < 1 << 15).then(|| self.next + u64::from(ahead))
    }

    fn release(&mut self) {
        while let Some(entry) = self.waiting.first_entry().filter(|entry| *entry.key() == self.next) {
            self.ready.push_back(entry.remove());
            self.next += 1;
        }
    }

    fn is_pristine(&self) -> bool {
        self.next == 0 && self.waiting.is_empty() && self.ready.is_empty()
    }
}

fn cost(message: &Message) -> usize {
    message.payload.len() + OVERHEAD
}

impl Delivery {
    /// Bytes kept, overhead included.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Takes in a whole message. Returns its length, and whether its stream has something to read now and had not before.
    pub fn push(&mut self, part: Part) -> (usize, bool) {
        let (ssn, ordered) = (part.ssn, !part.unordered);
        let message = Message { stream: part.stream, ppid: part.ppid, ordered, payload: part.into_bytes() };
        let len = message.payload.len();
        let stream = self.streams.entry(message.stream).or_default();
        let was_empty = stream.ready.is_empty();
        let cost = cost(&message);
        if !ordered {
            stream.ready.push_back(message);
        } else if ssn == Ssn(stream.next as u16) && stream.waiting.is_empty() {
            stream.ready.push_back(message);
            stream.next += 1;
        } else {
            // A number used before can only come from a sender that lost count; the first message stands.
            let Some(number) = stream.number(ssn).filter(|number| !stream.waiting.contains_key(number)) else {
                return (len, false);
            };
            stream.waiting.insert(number, message);
            stream.release();
        }
        self.held += cost;
        (len, was_empty && !stream.ready.is_empty())
    }

    /// The next message of `stream`.
    pub fn read(&mut self, stream: StreamId) -> Option<Message> {
        let state = self.streams.get_mut(&stream)?;
        let message = state.ready.pop_front()?;
        self.held -= cost(&message);
        if state.is_pristine() {
            self.streams.remove(&stream);
        }
        Some(message)
    }

    /// The sender gave up ordered messages up to `ssn`: nobody waits for them any more. Returns whether the stream has
    /// something to read now and had not before.
    pub fn skip(&mut self, stream: StreamId, ssn: Ssn) -> bool {
        let state = self.streams.entry(stream).or_default();
        let Some(number) = state.number(ssn) else { return false };
        let was_empty = state.ready.is_empty();
        let later = state.waiting.split_off(&(number + 1));
        state.ready.extend(std::mem::replace(&mut state.waiting, later).into_values());
        state.next = number + 1;
        state.release();
        was_empty && !state.ready.is_empty()
    }

    /// The sender begins the stream anew. What waited can be read now. Returns whether the stream has something to read
    /// now and had not before.
    pub fn reset(&mut self, stream: StreamId) -> bool {
        let Some(state) = self.streams.get_mut(&stream) else { return false };
        let was_empty = state.ready.is_empty();
        state.ready.extend(std::mem::take(&mut state.waiting).into_values());
        state.next = 0;
        let readable = was_empty && !state.ready.is_empty();
        if state.is_pristine() {
            self.streams.remove(&stream);
        }
        readable
    }

    /// Streams that have seen a message.
    pub fn streams(&self) -> impl Iterator<Item = StreamId> + '_ {
        self.streams.keys().copied()
    }
}
