//! Whole messages: put in order, stream by stream, and kept until they are read.

use super::reassembly::{OVERHEAD, Part};
use crate::{Message, Number, StreamId};
use std::collections::{BTreeMap, VecDeque};

/// What a stream costs while it keeps messages: its entry, its queues, and room in them for the first few.
const STREAM_COST: usize = 256;
/// What it costs besides while some of them wait for others: the first node of their tree.
const WAITING_COST: usize = 640;
/// Empty queues kept for the next stream that needs some, so that reading along costs no allocation.
const MOST_SPARE: usize = 4;
/// Room that a queue keeps when it holds fewer messages.
const MOST_ROOM: usize = 1_024;

/// The receiving ends of all streams that have seen a message.
#[derive(Debug, Default)]
pub struct Delivery {
    streams: BTreeMap<StreamId, Stream>,
    /// Bytes kept, overhead included.
    held: usize,
    /// Those of them that belong to streams which nobody reads.
    stuck: usize,
    #[expect(clippy::vec_box, reason = "the boxes are what is kept: they move into a stream and back")]
    spare: Vec<Box<Queues>>,
}

/// A stream that was used stays, since its next number has to be known; so what it costs then is kept small.
#[derive(Debug, Default)]
struct Stream {
    /// How many ordered messages were delivered or skipped; its low bits are the next stream
    /// sequence number, or message identifier.
    next: u64,
    /// Only while there are messages.
    queues: Option<Box<Queues>>,
}

#[derive(Debug, Default)]
struct Queues {
    /// Ordered messages that wait for the ones before them, by their full number.
    waiting: BTreeMap<u64, Message>,
    ready: VecDeque<Message>,
    /// What the messages cost.
    held: usize,
    /// What of it counts as stuck.
    stuck: usize,
    /// The stream was empty or read since stuck ones were looked for.
    is_read: bool,
}

impl Stream {
    fn is_pristine(&self) -> bool {
        self.next == 0 && self.queues.is_none()
    }

    fn has_ready(&self) -> bool {
        self.queues.as_ref().is_some_and(|queues| !queues.ready.is_empty())
    }

    /// What it costs besides its messages.
    fn cost(&self) -> usize {
        self.queues.as_ref().map_or(0, |queues| STREAM_COST + if queues.waiting.is_empty() { 0 } else { WAITING_COST })
    }
}

impl Queues {
    /// For a stream that had no messages.
    fn begin(mut self: Box<Self>) -> Box<Self> {
        self.is_read = true;
        self
    }

    /// Moves what need not wait any longer, given the next number. Returns the number after that.
    fn release(&mut self, mut next: u64) -> u64 {
        while let Some(entry) = self.waiting.first_entry().filter(|entry| *entry.key() == next) {
            self.ready.push_back(entry.remove());
            next += 1;
        }
        next
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

    /// Bytes of streams that nobody reads, as last looked for.
    pub fn stuck(&self) -> usize {
        self.stuck
    }

    /// Looks for streams that have messages and were not read since the last time.
    pub fn look_for_stuck(&mut self) {
        self.stuck = 0;
        for queues in self.streams.values_mut().filter_map(|stream| stream.queues.as_mut()) {
            queues.stuck = if std::mem::take(&mut queues.is_read) { 0 } else { queues.held };
            self.stuck += queues.stuck;
        }
    }

    /// Takes in a whole message. Returns its length, and whether its stream has something to read now and had not before.
    pub fn push(&mut self, part: Part) -> (usize, bool) {
        let (number, ordered) = (part.number, !part.unordered);
        let message = Message { stream: part.stream, ppid: part.ppid, ordered, payload: part.into_bytes() };
        let (id, len) = (message.stream, message.payload.len());
        let stream = self.streams.entry(id).or_default();
        let (had_ready, before) = (stream.has_ready(), stream.cost());
        let number = if ordered { number.resolve(stream.next) } else { None };
        let queues = stream.queues.get_or_insert_with(|| self.spare.pop().unwrap_or_default().begin());
        let cost = cost(&message);
        match number {
            None if !ordered => queues.ready.push_back(message),
            // A number used before can only come from a sender that lost count; the first message stands.
            None => {
                self.tidy(id);
                return (len, false);
            }
            Some(number) if queues.waiting.contains_key(&number) => return (len, false),
            Some(number) if number == stream.next => {
                queues.ready.push_back(message);
                stream.next = queues.release(number + 1);
            }
            Some(number) => drop(queues.waiting.insert(number, message)),
        }
        queues.held += cost;
        self.held += cost + stream.cost();
        self.held -= before;
        (len, !had_ready && stream.has_ready())
    }

    /// The next message of `stream`.
    pub fn read(&mut self, stream: StreamId) -> Option<Message> {
        let state = self.streams.get_mut(&stream)?;
        let queues = state.queues.as_mut()?;
        let message = queues.ready.pop_front()?;
        if queues.ready.capacity() > MOST_ROOM && queues.ready.len() < queues.ready.capacity() / 4 {
            queues.ready.shrink_to(queues.ready.len() * 2);
        }
        self.held -= cost(&message);
        queues.held -= cost(&message);
        queues.is_read = true;
        self.stuck -= std::mem::take(&mut queues.stuck);
        if queues.ready.is_empty() && queues.waiting.is_empty() {
            self.held -= STREAM_COST;
            self.tidy(stream);
        }
        Some(message)
    }

    /// Gives back what `stream` does not need any more.
    fn tidy(&mut self, stream: StreamId) {
        let Some(state) = self.streams.get_mut(&stream) else { return };
        let empty = state.queues.take_if(|queues| queues.ready.is_empty() && queues.waiting.is_empty());
        if let Some(queues) = empty
            && self.spare.len() < MOST_SPARE
            && queues.ready.capacity() <= MOST_ROOM
        {
            self.spare.push(queues);
        }
        if state.is_pristine() {
            self.streams.remove(&stream);
        }
    }

    /// Gives back the room that is not used.
    pub fn rest(&mut self) {
        self.spare = Vec::new();
    }

    /// How many ordered messages of `stream` were delivered or skipped.
    pub fn next(&self, stream: StreamId) -> u64 {
        self.streams.get(&stream).map_or(0, |state| state.next)
    }

    /// The sender gave up ordered messages up to `number`: nobody waits for them any more. Returns whether the stream has
    /// something to read now and had not before.
    pub fn skip(&mut self, stream: StreamId, number: Number) -> bool {
        let state = self.streams.entry(stream).or_default();
        let Some(number) = number.resolve(state.next) else { return false };
        let (had_ready, before) = (state.has_ready(), state.cost());
        state.next = number + 1;
        if let Some(queues) = &mut state.queues {
            let later = queues.waiting.split_off(&(number + 1));
            queues.ready.extend(std::mem::replace(&mut queues.waiting, later).into_values());
            state.next = queues.release(number + 1);
        }
        self.held += state.cost();
        self.held -= before;
        !had_ready && state.has_ready()
    }

    /// The sender begins the stream anew. What waited can be read now. Returns whether the stream has something to read
    /// now and had not before.
    pub fn reset(&mut self, stream: StreamId) -> bool {
        let Some(state) = self.streams.get_mut(&stream) else { return false };
        let (had_ready, before) = (state.has_ready(), state.cost());
        state.next = 0;
        if let Some(queues) = &mut state.queues {
            queues.ready.extend(std::mem::take(&mut queues.waiting).into_values());
        }
        self.held += state.cost();
        self.held -= before;
        let readable = !had_ready && state.has_ready();
        self.tidy(stream);
        readable
    }

    /// Streams that have seen a message.
    pub fn streams(&self) -> impl Iterator<Item = StreamId> + '_ {
        self.streams.keys().copied()
    }
}

#[cfg(test)]
impl Delivery {
    /// Waits for the ordered message number `next` of `stream`.
    pub fn set_next(&mut self, stream: StreamId, next: u64) {
        self.streams.entry(stream).or_default().next = next;
    }
}
