//! Messages that wait for their turn, stream by stream.

use crate::{Limits, Ppid, Reliability, SendOptions, SendRefusal, Ssn, StreamId};
use bytes::Bytes;
use ortica_core::Instant;
use std::collections::{BTreeMap, VecDeque};

/// What a message costs besides its bytes, in the account of the send buffer.
pub const MESSAGE_OVERHEAD: usize = 64;

/// A message that is about to be cut into chunks.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub stream: StreamId,
    /// Its place in the stream; meaningless when it is not `ordered`.
    pub ssn: Ssn,
    pub ppid: Ppid,
    pub ordered: bool,
    pub reliability: Reliability,
    /// When it is no longer worth sending.
    pub deadline: Option<Instant>,
    pub payload: Bytes,
}

impl Outgoing {
    pub fn is_expired(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }
}

/// The queues of all streams. Streams take turns, one message each.
#[derive(Debug, Default)]
pub struct SendQueue {
    streams: BTreeMap<StreamId, Stream>,
    /// Streams with messages that may be sent, in the order of their turns.
    turns: VecDeque<StreamId>,
    /// Bytes of queued messages, overhead included.
    held: usize,
}

#[derive(Debug, Default)]
struct Stream {
    queue: VecDeque<Outgoing>,
    next_ssn: Ssn,
    /// Bytes not yet put into a packet, those of a half-sent message included.
    buffered: usize,
    threshold: usize,
    /// A reset was asked for; cleared when the peer has confirmed or refused it.
    resetting: bool,
}

/// What is special about what is left of a stream's messages.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Left {
    /// The buffered amount fell to its threshold.
    pub is_low: bool,
    /// A reset waited for the last of them.
    pub is_drained: bool,
}

impl SendQueue {
    /// `true` when no message waits.
    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// Bytes held, overhead included.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Queues a message; `elsewhere` counts the bytes held for messages that have left this queue.
    pub fn push(
        &mut self,
        now: Instant,
        (stream, ppid, payload, options): (StreamId, Ppid, &Bytes, SendOptions),
        elsewhere: usize,
        limits: &Limits,
    ) -> Result<(), SendRefusal> {
        let cost = payload.len() + MESSAGE_OVERHEAD;
        if payload.is_empty() {
            return Err(SendRefusal::Empty);
        }
        if cost > limits.send_buffer {
            return Err(SendRefusal::TooLarge);
        }
        if self.streams.get(&stream).is_some_and(|stream| stream.resetting) {
            return Err(SendRefusal::Resetting);
        }
        if self.held + elsewhere + cost > limits.send_buffer {
            return Err(SendRefusal::WouldBlock);
        }
        let state = self.streams.entry(stream).or_default();
        if state.queue.is_empty() {
            self.turns.push_back(stream);
        }
        self.held += cost;
        state.buffered += payload.len();
        let deadline = match options.reliability {
            Reliability::MaxLifetime(time) => Some(now + time),
            Reliability::Reliable | Reliability::MaxRetransmits(_) => None,
        };
        state.queue.push_back(Outgoing {
            stream,
            ssn: Ssn(0),
            ppid,
            ordered: options.ordered,
            reliability: options.reliability,
            deadline,
            payload: payload.clone(),
        });
        Ok(())
    }

    /// Takes out the message whose turn it is. Its place in the stream is decided now, so that messages that expire in
    /// the queue leave no hole.
    pub fn pop(&mut self) -> Option<Outgoing> {
        let stream = self.turns.pop_front()?;
        let state = self.streams.get_mut(&stream)?;
        let mut message = state.queue.pop_front()?;
        self.held -= message.payload.len() + MESSAGE_OVERHEAD;
        if !state.queue.is_empty() {
            self.turns.push_back(stream);
        }
        if message.ordered {
            message.ssn = state.next_ssn;
        }
        Some(message)
    }

    /// Says that the message taken out is really sent: its place in the stream is used up.
    pub fn use_ssn(&mut self, message: &Outgoing) {
        if let Some(state) = self.streams.get_mut(&message.stream).filter(|_| message.ordered) {
            state.next_ssn = state.next_ssn.next();
        }
    }

    /// Says that `bytes` of `stream` were put into a packet or given up.
    pub fn on_sent(&mut self, stream: StreamId, bytes: usize) -> Left {
        let Some(state) = self.streams.get_mut(&stream) else { return Left::default() };
        let before = state.buffered;
        state.buffered = before.saturating_sub(bytes);
        Left {
            is_low: before > state.threshold && state.buffered <= state.threshold,
            is_drained: state.resetting && before > 0 && state.buffered == 0,
        }
    }

    pub fn buffered(&self, stream: StreamId) -> usize {
        self.streams.get(&stream).map_or(0, |state| state.buffered)
    }

    pub fn set_threshold(&mut self, stream: StreamId, bytes: usize) {
        self.streams.entry(stream).or_default().threshold = bytes;
    }

    /// Lets the queue of `stream` run dry for a reset. Returns whether that had not been asked before.
    pub fn begin_reset(&mut self, stream: StreamId) -> bool {
        let state = self.streams.entry(stream).or_default();
        !std::mem::replace(&mut state.resetting, true)
    }

    /// `true` when everything queued on `stream` has been put into packets.
    pub fn is_drained(&self, stream: StreamId) -> bool {
        self.buffered(stream) == 0
    }

    /// Ends a reset: with success the stream begins anew, else it goes on.
    pub fn end_reset(&mut self, stream: StreamId, success: bool) {
        if success {
            self.streams.remove(&stream);
        } else if let Some(state) = self.streams.get_mut(&stream) {
            state.resetting = false;
        }
    }

    /// `true` when the peer could tell `stream` from one that was never used.
    pub fn is_used(&self, stream: StreamId) -> bool {
        self.streams.get(&stream).is_some_and(|state| state.next_ssn != Ssn(0) || state.buffered > 0)
    }

    /// Streams that were used.
    pub fn used(&self) -> impl Iterator<Item = StreamId> + '_ {
        self.streams.keys().copied().filter(|stream| self.is_used(*stream))
    }

    /// Drops everything queued on streams from `count` on: the peer does not have them.
    pub fn keep_streams(&mut self, count: u16) {
        for (_, state) in self.streams.split_off(&StreamId(count)) {
            self.held -= state.queue.iter().map(|message| message.payload.len() + MESSAGE_OVERHEAD).sum::<usize>();
        }
        self.turns.retain(|stream| stream.0 < count);
    }

    /// Forgets everything but the thresholds.
    pub fn clear(&mut self) {
        self.turns.clear();
        self.held = 0;
        for state in self.streams.values_mut() {
            *state = Stream { threshold: state.threshold, ..Stream::default() };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const NOW: Instant = Instant::from_nanos(1_000);

    fn push(queue: &mut SendQueue, stream: u16, payload: &'static str) -> Result<(), SendRefusal> {
        let payload = Bytes::from_static(payload.as_bytes());
        let message = (StreamId(stream), Ppid::STRING, &payload, SendOptions::default());
        queue.push(NOW, message, 0, &Limits::default().with_send_buffer(1_000))
    }

    fn pop(queue: &mut SendQueue) -> Option<(u16, u16, String)> {
        let message = queue.pop()?;
        queue.use_ssn(&message);
        Some((message.stream.0, message.ssn.0, String::from_utf8(message.payload.to_vec()).unwrap()))
    }

    #[test]
    fn streams_take_turns_message_by_message() {
        let mut queue = SendQueue::default();
        for (stream, payload) in [(1, "a"), (1, "b"), (1, "c"), (2, "d"), (3, "e"), (3, "f")] {
            push(&mut queue, stream, payload).unwrap();
        }
        let order: Vec<_> = std::iter::from_fn(|| pop(&mut queue)).collect();
        let expected = [(1, 0, "a"), (2, 0, "d"), (3, 0, "e"), (1, 1, "b"), (3, 1, "f"), (1, 2, "c")];
        assert_eq!(order, expected.map(|(stream, ssn, payload)| (stream, ssn, payload.to_owned())));
        assert!(queue.is_empty());
        assert_eq!(queue.held(), 0);
    }

    #[test]
    fn a_full_queue_refuses_and_says_why() {
        let mut queue = SendQueue::default();
        assert_eq!(push(&mut queue, 1, ""), Err(SendRefusal::Empty));
        for _ in 0..15 {
            push(&mut queue, 1, "x").unwrap();
        }
        assert_eq!(push(&mut queue, 1, "x"), Err(SendRefusal::WouldBlock));
        pop(&mut queue);
        push(&mut queue, 1, "x").unwrap();
        let large = Bytes::from(vec![0; 940]);
        let message = (StreamId(1), Ppid::BINARY, &large, SendOptions::default());
        let limits = Limits::default().with_send_buffer(1_000);
        assert_eq!(queue.push(NOW, message, 0, &limits), Err(SendRefusal::TooLarge));
    }

    #[test]
    fn the_threshold_is_reported_when_crossed_and_only_then() {
        let mut queue = SendQueue::default();
        queue.set_threshold(StreamId(1), 3);
        push(&mut queue, 1, "abcdef").unwrap();
        assert_eq!(queue.buffered(StreamId(1)), 6);
        assert!(!queue.on_sent(StreamId(1), 2).is_low);
        assert!(queue.on_sent(StreamId(1), 1).is_low);
        assert!(!queue.on_sent(StreamId(1), 1).is_low);
        push(&mut queue, 1, "abcdef").unwrap();
        assert!(queue.on_sent(StreamId(1), 8).is_low);
        assert!(!queue.on_sent(StreamId(2), 8).is_low);
    }

    #[test]
    fn a_stream_being_reset_takes_nothing_and_begins_anew() {
        let mut queue = SendQueue::default();
        push(&mut queue, 1, "a").unwrap();
        assert!(queue.begin_reset(StreamId(1)));
        assert!(!queue.begin_reset(StreamId(1)));
        assert_eq!(push(&mut queue, 1, "b"), Err(SendRefusal::Resetting));
        assert!(!queue.is_drained(StreamId(1)));
        pop(&mut queue);
        assert!(queue.on_sent(StreamId(1), 1).is_drained);
        assert!(!queue.on_sent(StreamId(1), 1).is_drained);
        assert!(queue.is_drained(StreamId(1)));
        queue.end_reset(StreamId(1), false);
        push(&mut queue, 1, "c").unwrap();
        assert_eq!(pop(&mut queue), Some((1, 1, "c".to_owned())));
        queue.end_reset(StreamId(1), true);
        push(&mut queue, 1, "d").unwrap();
        assert_eq!(pop(&mut queue), Some((1, 0, "d".to_owned())));
    }

    #[test]
    fn a_lifetime_becomes_a_deadline() {
        let mut queue = SendQueue::default();
        let options = SendOptions { reliability: Reliability::MaxLifetime(Duration::from_millis(5)), ordered: true };
        let payload = Bytes::from_static(b"x");
        queue.push(NOW, (StreamId(0), Ppid::BINARY, &payload, options), 0, &Limits::default()).unwrap();
        let message = queue.pop().unwrap();
        assert!(!message.is_expired(NOW + Duration::from_micros(4_999)));
        assert!(message.is_expired(NOW + Duration::from_millis(5)));
    }
}
