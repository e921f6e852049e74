//! Messages that wait for their turn, stream by stream.

use super::flight::Slot;
use super::schedule::{Mark, Schedule};
use crate::{Limits, Mid, Ppid, Reliability, Scheduler, SendOptions, SendRefusal, StreamId};
use bytes::Bytes;
use ortica_core::Instant;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// What a message costs besides its bytes, in the account of the send buffer.
pub const MESSAGE_OVERHEAD: usize = 64;
/// The weight of a stream that was given none: "low", what a data channel has by default (RFC 8831 §6.4).
const DEFAULT_WEIGHT: u16 = 256;

/// A message that is about to be cut into chunks.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub stream: StreamId,
    /// Its place among the ordered or the unordered messages of the stream.
    pub mid: Mid,
    pub ppid: Ppid,
    pub ordered: bool,
    pub reliability: Reliability,
    /// When it is no longer worth sending.
    pub deadline: Option<Instant>,
    pub payload: Bytes,
    /// Its place among all messages.
    arrival: u64,
}

impl Outgoing {
    pub fn is_expired(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }

    fn cost(&self) -> usize {
        self.payload.len() + MESSAGE_OVERHEAD
    }
}

/// What comes next.
#[derive(Debug)]
pub enum Turn {
    /// A message.
    Begin(Outgoing),
    /// A message begun before.
    GoOn(Slot),
    /// A message not worth sending any more. It is over with.
    Expired(Outgoing),
}

/// The queues of all streams, and whose turn it is.
#[derive(Debug)]
pub struct SendQueue {
    /// Boxed, since a node of the map has room for eleven, and most associations use a few.
    streams: BTreeMap<StreamId, Box<Stream>>,
    schedule: Schedule,
    /// Messages may be interleaved: a turn is a chunk, else a message.
    interleaving: bool,
    /// The stream whose turn has not ended, where a turn is a chunk.
    serving: Option<StreamId>,
    /// Bytes of queued messages, overhead included.
    held: usize,
    /// Messages queued so far.
    arrivals: u64,
    /// Messages that may make room for more important ones.
    expendable: usize,
    /// Those that did.
    evicted: Vec<Outgoing>,
}

#[derive(Debug)]
struct Stream {
    queue: VecDeque<Outgoing>,
    /// The message that is sent in part, where another stream may come between.
    begun: Option<Slot>,
    /// It waits for its turn.
    waits: bool,
    mark: Mark,
    weight: u16,
    next_ordered: Mid,
    next_unordered: Mid,
    /// Bytes not yet put into a packet, those of a half-sent message included.
    buffered: usize,
    /// Those among them that stand for a message without any.
    padding: usize,
    threshold: usize,
    /// A reset was asked for; cleared when the peer has confirmed or refused it.
    resetting: bool,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            begun: None,
            waits: false,
            mark: Mark::default(),
            weight: DEFAULT_WEIGHT,
            next_ordered: Mid(0),
            next_unordered: Mid(0),
            buffered: 0,
            padding: 0,
            threshold: 0,
            resetting: false,
        }
    }
}

impl Stream {
    fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.begun.is_none()
    }

    /// The number of the message that is next.
    fn arrival(&self) -> u64 {
        // One that is begun came before all that wait.
        if self.begun.is_some() { 0 } else { self.queue.front().map_or(0, |message| message.arrival) }
    }

    /// Gives a message its place in the stream.
    fn number(&mut self, message: &mut Outgoing) {
        let next = if message.ordered { &mut self.next_ordered } else { &mut self.next_unordered };
        message.mid = *next;
        *next = Mid(next.0.wrapping_add(1));
    }
}

/// Bytes of a message that stand for none (RFC 8831 §6.6).
fn padding(ppid: Ppid) -> usize {
    usize::from(matches!(ppid, Ppid::STRING_EMPTY | Ppid::BINARY_EMPTY))
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
    pub fn new(scheduler: Scheduler) -> Self {
        Self {
            streams: BTreeMap::new(),
            schedule: Schedule::new(scheduler),
            interleaving: false,
            serving: None,
            held: 0,
            arrivals: 0,
            expendable: 0,
            evicted: Vec::new(),
        }
    }

    /// Lets messages be interleaved from here on, or not. None is begun.
    pub fn set_interleaving(&mut self, interleaving: bool) {
        self.interleaving = interleaving;
    }

    /// `true` when no message waits.
    pub fn is_empty(&self) -> bool {
        self.schedule.is_empty()
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
        let excess = (self.held + elsewhere + cost).saturating_sub(limits.send_buffer);
        if excess > 0 && !self.make_room(excess, options.reliability) {
            return Err(SendRefusal::WouldBlock);
        }
        let state = self.streams.entry(stream).or_default();
        self.held += cost;
        state.buffered += payload.len();
        state.padding += padding(ppid);
        let deadline = match options.reliability {
            // Lifetimes are counted in milliseconds, and the last one counts: zero is enough for what can leave at once.
            Reliability::MaxLifetime(time) => Some(now + time + Duration::from_millis(1)),
            Reliability::Reliable | Reliability::MaxRetransmits(_) | Reliability::Priority(_) => None,
        };
        self.expendable += usize::from(matches!(options.reliability, Reliability::Priority(_)));
        self.arrivals += 1;
        state.queue.push_back(Outgoing {
            stream,
            mid: Mid(0),
            ppid,
            ordered: options.ordered,
            reliability: options.reliability,
            deadline,
            payload: payload.clone(),
            arrival: self.arrivals,
        });
        self.wait(stream);
        Ok(())
    }

    /// Takes out what comes next. A message gets its place in the stream only now, so that those that expire in the queue
    /// leave no hole. Where messages are interleaved, [`end_turn`](Self::end_turn) has to follow.
    pub fn pop(&mut self, now: Instant) -> Option<Turn> {
        let stream = self.schedule.next()?;
        let state = self.streams.get_mut(&stream)?;
        state.waits = false;
        if let Some(slot) = state.begun {
            self.serving = Some(stream);
            return Some(Turn::GoOn(slot));
        }
        let mut message = state.queue.pop_front()?;
        state.padding -= padding(message.ppid);
        self.held -= message.cost();
        self.expendable -= usize::from(matches!(message.reliability, Reliability::Priority(_)));
        if message.is_expired(now) {
            self.wait(stream);
            return Some(Turn::Expired(message));
        }
        state.number(&mut message);
        if self.interleaving {
            self.serving = Some(stream);
        } else {
            self.schedule.charge(&mut state.mark, state.weight, message.payload.len());
            self.wait(stream);
        }
        Some(Turn::Begin(message))
    }

    /// `bytes` of `stream` were sent in its turn; what is left of the message is at `rest`.
    pub fn end_turn(&mut self, stream: StreamId, bytes: usize, rest: Option<Slot>) {
        if self.serving.take_if(|serving| *serving == stream).is_none() {
            return;
        }
        if let Some(state) = self.streams.get_mut(&stream) {
            state.begun = rest;
            self.schedule.charge(&mut state.mark, state.weight, bytes);
        }
        self.wait(stream);
    }

    /// The message of `stream` that was begun is given up.
    pub fn on_given_up(&mut self, stream: StreamId) {
        self.serving.take_if(|serving| *serving == stream);
        if let Some(state) = self.streams.get_mut(&stream) {
            state.begun = None;
        }
        self.wait(stream);
    }

    /// Puts a message back where it was taken from: first in its stream, and with its old place there. `sent` bytes of it had
    /// gone into packets. Of several, the one taken last comes back first.
    pub fn take_back(&mut self, message: Outgoing, sent: usize) {
        let stream = message.stream;
        self.serving.take_if(|serving| *serving == stream);
        self.schedule.retain(|waiting| waiting != stream);
        self.held += message.cost();
        self.expendable += usize::from(matches!(message.reliability, Reliability::Priority(_)));
        let state = self.streams.entry(stream).or_default();
        state.waits = false;
        state.begun = None;
        state.buffered += sent;
        state.padding += padding(message.ppid);
        *(if message.ordered { &mut state.next_ordered } else { &mut state.next_unordered }) = message.mid;
        state.queue.push_front(message);
        self.wait(stream);
    }

    /// Has `stream` wait for its turn exactly if it has something to send and is not being served.
    fn wait(&mut self, stream: StreamId) {
        let Some(state) = self.streams.get_mut(&stream) else { return };
        let should = !state.is_idle() && self.serving != Some(stream);
        match (state.waits, should) {
            (false, true) => {
                let arrival = state.arrival();
                self.schedule.enter(stream, &mut state.mark, state.weight, arrival);
            }
            (true, false) => self.schedule.retain(|waiting| waiting != stream),
            (true, true) | (false, false) => {}
        }
        state.waits = should;
    }

    /// Drops messages that matter less than one of `reliability`, the least important first, to make room for `excess`
    /// bytes. Returns `false`, and drops none, when that is not enough.
    ///
    /// Source: [RFC 7496 §3.2](https://www.rfc-editor.org/rfc/rfc7496#section-3.2)
    fn make_room(&mut self, mut excess: usize, reliability: Reliability) -> bool {
        if self.expendable == 0 {
            return false;
        }
        let bound = match reliability {
            Reliability::Priority(value) => Some(value),
            Reliability::Reliable | Reliability::MaxRetransmits(_) | Reliability::MaxLifetime(_) => None,
        };
        let mut victims: Vec<_> = self
            .streams
            .values()
            .flat_map(|state| &state.queue)
            .filter_map(|message| match message.reliability {
                Reliability::Priority(value) if bound.is_none_or(|bound| value > bound) => {
                    Some((value, message.arrival, message.stream, message.cost()))
                }
                _ => None,
            })
            .collect();
        if victims.iter().map(|(.., cost)| cost).sum::<usize>() < excess {
            return false;
        }
        victims.sort_unstable();
        while let Some((_, arrival, stream, cost)) = victims.pop().filter(|_| excess > 0) {
            excess = excess.saturating_sub(cost);
            self.held -= cost;
            self.expendable -= 1;
            if let Some(state) = self.streams.get_mut(&stream) {
                let at = state.queue.iter().position(|it| it.arrival == arrival);
                let victim = at.and_then(|at| state.queue.remove(at));
                state.padding -= victim.as_ref().map_or(0, |victim| padding(victim.ppid));
                self.evicted.extend(victim);
            }
            self.wait(stream);
        }
        true
    }

    /// A message that made room for another one.
    pub fn take_evicted(&mut self) -> Option<Outgoing> {
        self.evicted.pop()
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

    /// The messages that wait, stream by stream.
    pub fn messages(&self) -> impl Iterator<Item = &Outgoing> {
        self.streams.values().flat_map(|state| &state.queue)
    }

    /// The streams that have something buffered, and how much.
    pub fn all_buffered(&self) -> impl Iterator<Item = (StreamId, usize)> + '_ {
        let buffered =
            self.streams.iter().map(|(stream, state)| (*stream, state.buffered.saturating_sub(state.padding)));
        buffered.filter(|(_, bytes)| *bytes > 0)
    }

    pub fn buffered(&self, stream: StreamId) -> usize {
        self.streams.get(&stream).map_or(0, |state| state.buffered.saturating_sub(state.padding))
    }

    pub fn set_weight(&mut self, stream: StreamId, weight: u16) {
        self.streams.entry(stream).or_default().weight = weight.max(1);
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
        self.streams.get(&stream).is_none_or(|state| state.buffered == 0)
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
        self.streams
            .get(&stream)
            .is_some_and(|state| state.next_ordered != Mid(0) || state.next_unordered != Mid(0) || state.buffered > 0)
    }

    /// Streams that were used.
    pub fn used(&self) -> impl Iterator<Item = StreamId> + '_ {
        self.streams.keys().copied().filter(|stream| self.is_used(*stream))
    }

    /// Drops everything queued on streams from `count` on: the peer does not have them.
    pub fn keep_streams(&mut self, count: u16) {
        for (_, state) in self.streams.split_off(&StreamId(count)) {
            self.held -= state.queue.iter().map(Outgoing::cost).sum::<usize>();
            let expendable = |message: &&Outgoing| matches!(message.reliability, Reliability::Priority(_));
            self.expendable -= state.queue.iter().filter(expendable).count();
        }
        self.schedule.retain(|stream| stream.0 < count);
    }

    /// Gives back the room that is not used.
    pub fn rest(&mut self) {
        self.streams.values_mut().for_each(|state| state.queue.shrink_to_fit());
        self.schedule.rest();
        self.evicted.shrink_to_fit();
    }

    /// Forgets everything but the thresholds and weights.
    pub fn clear(&mut self) {
        self.schedule.retain(|_| false);
        self.serving = None;
        (self.held, self.expendable) = (0, 0);
        for state in self.streams.values_mut() {
            let (threshold, weight, mark) = (state.threshold, state.weight, state.mark);
            **state = Stream { threshold, weight, mark, ..Stream::default() };
        }
    }
}

#[cfg(test)]
impl SendQueue {
    /// Numbers the messages of `stream`, ordered and unordered ones, from `mid` on.
    pub fn set_next(&mut self, stream: StreamId, mid: Mid) {
        let state = self.streams.entry(stream).or_default();
        (state.next_ordered, state.next_unordered) = (mid, mid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_nanos(1_000);

    fn push(queue: &mut SendQueue, stream: u16, payload: &'static str) -> Result<(), SendRefusal> {
        let payload = Bytes::from_static(payload.as_bytes());
        let message = (StreamId(stream), Ppid::STRING, &payload, SendOptions::default());
        queue.push(NOW, message, 0, &Limits::default().with_send_buffer(1_000))
    }

    fn pop(queue: &mut SendQueue) -> Option<(u16, u32, String)> {
        match queue.pop(NOW)? {
            Turn::Begin(message) => {
                Some((message.stream.0, message.mid.0, String::from_utf8(message.payload.to_vec()).unwrap()))
            }
            turn => panic!("{turn:?}"),
        }
    }

    fn queue() -> SendQueue {
        SendQueue::new(Scheduler::RoundRobin)
    }

    #[test]
    fn streams_take_turns_message_by_message() {
        let mut queue = queue();
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
        let mut queue = queue();
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

    /// Guards the buffered amount, which falls as bytes are put into packets, and the event at its threshold.
    #[test]
    fn dc_4_the_threshold_is_reported_when_crossed_and_only_then() {
        let mut queue = queue();
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
        let mut queue = queue();
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
        let mut queue = queue();
        let options = SendOptions { reliability: Reliability::MaxLifetime(Duration::from_millis(5)), ordered: true };
        let payload = Bytes::from_static(b"x");
        queue.push(NOW, (StreamId(0), Ppid::BINARY, &payload, options), 0, &Limits::default()).unwrap();
        let in_time = NOW + Duration::from_micros(5_999);
        assert!(matches!(queue.pop(in_time), Some(Turn::Begin(message)) if message.mid == Mid(0)));
        queue.push(NOW, (StreamId(0), Ppid::BINARY, &payload, options), 0, &Limits::default()).unwrap();
        queue.push(NOW, (StreamId(0), Ppid::BINARY, &payload, SendOptions::default()), 0, &Limits::default()).unwrap();
        let late = NOW + Duration::from_millis(6);
        assert!(matches!(queue.pop(late), Some(Turn::Expired(_))));
        // It leaves no hole.
        assert!(matches!(queue.pop(late), Some(Turn::Begin(message)) if message.mid == Mid(1)));
        assert!(queue.is_empty() && queue.held() == 0);
    }

    /// Guards the turns of interleaved messages: one chunk each, ordered and unordered ones numbered apart, and a message
    /// given up half way loses its turn.
    #[test]
    fn dc_8_interleaved_messages_take_turns_chunk_by_chunk() {
        let mut queue = queue();
        queue.set_interleaving(true);
        for (stream, payload) in [(1, "long"), (1, "next"), (2, "short")] {
            push(&mut queue, stream, payload).unwrap();
        }
        assert_eq!(pop(&mut queue), Some((1, 0, "long".to_owned())));
        queue.end_turn(StreamId(1), 2, Some(Slot(7)));
        assert_eq!(pop(&mut queue), Some((2, 0, "short".to_owned())));
        assert!(queue.pop(NOW).is_some_and(|turn| matches!(turn, Turn::GoOn(Slot(7)))));
        // While a stream is served, what is queued on it waits.
        push(&mut queue, 1, "last").unwrap();
        assert!(queue.is_empty());
        queue.end_turn(StreamId(1), 1, Some(Slot(7)));
        queue.end_turn(StreamId(2), 5, None);
        queue.on_given_up(StreamId(1));
        assert_eq!(pop(&mut queue), Some((1, 1, "next".to_owned())));
        queue.end_turn(StreamId(1), 4, None);
        assert_eq!(pop(&mut queue), Some((1, 2, "last".to_owned())));
        queue.end_turn(StreamId(1), 4, None);
        assert!(queue.is_empty());
        let payload = Bytes::from_static(b"x");
        let unordered = SendOptions { ordered: false, ..SendOptions::default() };
        queue.push(NOW, (StreamId(1), Ppid::STRING, &payload, unordered), 0, &Limits::default()).unwrap();
        assert_eq!(pop(&mut queue), Some((1, 0, "x".to_owned())));
    }

    /// Guards the priority policy (RFC 7496 §3.2): a full buffer drops what matters least for what matters more, and
    /// nothing when that would not do.
    #[test]
    fn what_matters_less_makes_room() {
        let mut queue = queue();
        let limits = Limits::default().with_send_buffer(1_000);
        let push = |queue: &mut SendQueue, len: usize, reliability: Reliability| {
            let options = SendOptions { ordered: true, reliability };
            let payload = Bytes::from(vec![7; len]);
            queue.push(NOW, (StreamId(1), Ppid::BINARY, &payload, options), 0, &limits)
        };
        for value in [5, 9, 9, 1] {
            push(&mut queue, 186, Reliability::Priority(value)).unwrap();
        }
        assert_eq!(push(&mut queue, 1, Reliability::Priority(9)), Err(SendRefusal::WouldBlock));
        assert_eq!(push(&mut queue, 700, Reliability::Priority(5)), Err(SendRefusal::WouldBlock));
        assert!(queue.take_evicted().is_none());
        push(&mut queue, 300, Reliability::Priority(5)).unwrap();
        let evicted: Vec<_> = std::iter::from_fn(|| queue.take_evicted()).map(|victim| victim.payload.len()).collect();
        assert_eq!(evicted, [186; 2]);
        assert_eq!(queue.held(), 250 + 250 + 364);
        push(&mut queue, 900, Reliability::Reliable).unwrap();
        assert_eq!(std::iter::from_fn(|| queue.take_evicted()).count(), 3);
        assert_eq!(push(&mut queue, 1, Reliability::Reliable), Err(SendRefusal::WouldBlock));
        assert!(matches!(queue.pop(NOW), Some(Turn::Begin(message)) if message.payload.len() == 900));
        assert!(queue.is_empty());
    }
}
