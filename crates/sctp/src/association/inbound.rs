//! What has arrived, by TSN, and what to tell the peer about it.

mod i_data;

use super::delivery::Delivery;
use super::interleaved::Interleaved;
use super::reassembly::{Bounds, Edge, OVERHEAD, Part, Run, Violation};
use super::window::ReceiveWindow;
use crate::chunk::{ChunkType, Data, DataFlags, ForwardTsn, GapBlock, Sack};
use crate::packet::Builder;
use crate::{Limits, Number, StreamId, Tsn};
use arrayvec::ArrayVec;
use std::collections::VecDeque;

/// Duplicate TSNs reported in one SACK, at most.
const MOST_DUPLICATES: usize = 20;
/// How far ahead of the cumulative TSN a chunk may lie: what a gap ack block can say.
const MOST_AHEAD: u32 = 65_535;
/// Room made for a message before its length is known, at most.
const MOST_EXPECTED: usize = 256 << 10;

/// The receiving half of an association.
#[derive(Debug)]
pub struct Inbound {
    /// Everything up to here has arrived or was given up.
    cumulative: Tsn,
    /// The message that goes on across the cumulative TSN.
    edge: Edge,
    /// What has arrived beyond a hole: sorted, disjoint, not adjacent.
    runs: VecDeque<Run>,
    /// Bytes held in `edge` and `runs`, overhead included.
    held: usize,
    /// Messages in part, where they may be interleaved; `edge` and `runs` then keep TSNs only.
    interleaved: Interleaved,
    /// Length of the last message that came in order and in fragments.
    expect: usize,
    /// How many streams the peer may use.
    streams: u16,
    limits: Limits,
    pub window: ReceiveWindow,
    /// A packet with DATA has arrived.
    seen: bool,
    acknowledge: Acknowledge,
    /// Streams that became readable; each once until it is read empty.
    pub readable: VecDeque<StreamId>,
    /// A stream the peer used that does not exist.
    pub invalid_stream: Option<StreamId>,
    /// The peer begins streams anew after this TSN: messages from behind it wait until it is reached.
    hold: Option<Hold>,
    pub counts: Counts,
}

#[derive(Debug)]
struct Hold {
    after: Tsn,
    streams: Vec<StreamId>,
    parts: Vec<Part>,
}

/// What is known that the peer is not yet told.
#[derive(Debug, Default)]
struct Acknowledge {
    /// Packets with DATA since the last SACK.
    packets: u32,
    /// Something happened that the peer should know at once.
    now: bool,
    duplicates: ArrayVec<Tsn, MOST_DUPLICATES>,
    /// The window told last.
    window: usize,
}

/// Counted here, reported in [`Stats`](crate::Stats).
#[derive(Debug, Default)]
pub struct Counts {
    pub received: u64,
    pub duplicates: u64,
    pub refused: u64,
    pub messages: u64,
    pub bytes: u64,
    pub steps: u64,
}

impl Inbound {
    /// Nothing received yet; `first` is the first TSN that the peer uses.
    pub fn new(first: Tsn, streams: u16, limits: Limits) -> Self {
        let window = ReceiveWindow::new(&limits);
        Self {
            cumulative: first.previous(),
            edge: Edge::Closed,
            runs: VecDeque::new(),
            held: 0,
            interleaved: Interleaved::default(),
            expect: 0,
            streams,
            limits,
            seen: false,
            acknowledge: Acknowledge { window: window.size(), ..Acknowledge::default() },
            window,
            readable: VecDeque::new(),
            invalid_stream: None,
            hold: None,
            counts: Counts::default(),
        }
    }

    pub fn cumulative(&self) -> Tsn {
        self.cumulative
    }

    /// Gives back the room that is not used.
    pub fn rest(&mut self) {
        self.runs.shrink_to_fit();
        self.readable.shrink_to_fit();
        self.interleaved.rest();
    }

    #[cfg(test)]
    pub fn interleaved_mut(&mut self) -> &mut Interleaved {
        &mut self.interleaved
    }

    fn bounds(&self) -> Bounds {
        Bounds { most: self.limits.max_message_size, expect: self.expect }
    }

    /// Bytes the peer may send in one chunk, which costs more than its bytes.
    fn room(&self, delivery: &Delivery) -> usize {
        self.window.size().saturating_sub(self.held(delivery) + OVERHEAD)
    }

    /// Bytes held here and for the application, overhead included.
    fn held(&self, delivery: &Delivery) -> usize {
        self.held + self.interleaved.held() + delivery.held()
    }
}

/// Chunks.
impl Inbound {
    /// Takes in a DATA chunk.
    pub fn on_data(&mut self, data: &Data<'_>, delivery: &mut Delivery) -> Result<(), Violation> {
        match self.admit(data.tsn, data.flags, data.payload.len(), delivery) {
            None => Ok(()),
            Some(true) => self.on_next(data, delivery),
            Some(false) => self.on_ahead(data, delivery),
        }
    }

    /// Whether a chunk is to be taken in, and if so, whether it is the one after the cumulative TSN.
    fn admit(&mut self, tsn: Tsn, flags: DataFlags, len: usize, delivery: &Delivery) -> Option<bool> {
        self.acknowledge.now |= flags.immediate();
        let ahead = tsn.distance(self.cumulative);
        if ahead == 0 || ahead >= 1 << 31 {
            self.on_duplicate(tsn);
            return None;
        }
        let next = ahead == 1;
        if ahead > MOST_AHEAD || !self.has_room(len, next, delivery) {
            self.counts.refused += 1;
            self.acknowledge.now = true;
            return None;
        }
        self.acknowledge.now |= !next || !self.runs.is_empty();
        Some(next)
    }

    /// A packet with DATA came to its end.
    pub fn on_packet_end(&mut self) {
        self.acknowledge.packets += 1;
        // The first is acknowledged without delay: the peer learns its round trip time from it.
        self.acknowledge.now |= !std::mem::replace(&mut self.seen, true);
    }

    fn has_room(&self, len: usize, next: bool, delivery: &Delivery) -> bool {
        let held = self.held(delivery) + len + OVERHEAD;
        let closes_hole = next && !self.runs.is_empty();
        held <= if closes_hole { self.window.with_reserve() } else { self.window.size() }
    }

    fn on_duplicate(&mut self, tsn: Tsn) {
        self.counts.duplicates += 1;
        self.acknowledge.now = true;
        let _ = self.acknowledge.duplicates.try_push(tsn);
    }

    /// The chunk right after the cumulative TSN.
    fn on_next(&mut self, data: &Data<'_>, delivery: &mut Delivery) -> Result<(), Violation> {
        let bounds = self.bounds();
        self.held -= self.edge.cost();
        let finished = self.edge.push(data, bounds)?;
        self.cumulative = data.tsn;
        self.counts.received += 1;
        if let Some(part) = finished {
            self.deliver(part, !data.flags.begins(), delivery);
        }
        while let Some(run) = self.take_run(|run, next| run.start == next) {
            self.held -= run.cost();
            self.cumulative = run.end;
            if let Some(part) = self.edge.join(run, bounds)? {
                self.deliver(part, true, delivery);
            }
        }
        self.held += self.edge.cost();
        self.release_hold(delivery);
        Ok(())
    }

    /// Takes out the first run if it passes, given the TSN after the cumulative one.
    fn take_run(&mut self, passes: impl Fn(&Run, Tsn) -> bool) -> Option<Run> {
        let next = self.cumulative.next();
        if self.runs.front().is_some_and(|run| passes(run, next)) { self.runs.pop_front() } else { None }
    }

    /// A chunk beyond a hole.
    fn on_ahead(&mut self, data: &Data<'_>, delivery: &mut Delivery) -> Result<(), Violation> {
        let after = self.run_after(data.tsn);
        let left = after.checked_sub(1).and_then(|at| self.runs.get_mut(at));
        if left.as_ref().is_some_and(|run| !run.end.precedes(data.tsn)) {
            self.on_duplicate(data.tsn);
            return Ok(());
        }
        let bounds = Bounds { most: self.limits.max_message_size, expect: 0 };
        let joins_right = |runs: &VecDeque<Run>| runs.get(after).is_some_and(|run| run.start == data.tsn.next());
        match left.filter(|run| run.end.next() == data.tsn) {
            Some(left) => {
                self.held -= left.cost();
                let finished = left.push(data, bounds)?;
                self.held += left.cost();
                if let Some(part) = finished {
                    self.deliver(part, false, delivery);
                }
                if joins_right(&self.runs) {
                    self.join_runs(after - 1, delivery)?;
                }
            }
            None => {
                let joins = joins_right(&self.runs);
                if !joins && self.runs.len() >= self.limits.received_runs {
                    self.counts.refused += 1;
                    return Ok(());
                }
                let (run, finished) = Run::new(data, bounds)?;
                self.held += run.cost();
                self.runs.insert(after, run);
                if let Some(part) = finished {
                    self.deliver(part, false, delivery);
                }
                if joins {
                    self.join_runs(after, delivery)?;
                }
            }
        }
        self.counts.received += 1;
        Ok(())
    }

    /// Where the first run stands that starts behind `tsn`.
    fn run_after(&mut self, tsn: Tsn) -> usize {
        match self.runs.back() {
            // Most often it belongs to the last run.
            Some(last) if last.start.precedes(tsn) => self.runs.len(),
            _ => self.runs.partition_point(|run| {
                self.counts.steps += 1;
                !tsn.precedes(run.start)
            }),
        }
    }

    /// Makes one run of the two at `at` and behind it, between which the hole is closed.
    fn join_runs(&mut self, at: usize, delivery: &mut Delivery) -> Result<(), Violation> {
        let bounds = Bounds { most: self.limits.max_message_size, expect: 0 };
        let Some(right) = self.runs.remove(at + 1) else { return Ok(()) };
        let Some(left) = self.runs.get_mut(at) else { return Ok(()) };
        self.held -= left.cost() + right.cost();
        let finished = left.join(right, bounds)?;
        self.held += left.cost();
        if let Some(part) = finished {
            self.deliver(part, false, delivery);
        }
        Ok(())
    }

    /// A message is whole. Those that came in fragments and in order tell what to expect of the next.
    fn deliver(&mut self, part: Part, expect: bool, delivery: &mut Delivery) {
        if part.stream.0 >= self.streams {
            self.invalid_stream = Some(part.stream);
            return;
        }
        if self.is_on_hold(part.stream, part.first)
            && let Some(hold) = &mut self.hold
        {
            self.held += part.cost();
            hold.parts.push(part);
            return;
        }
        let stream = part.stream;
        let (len, readable) = delivery.push(part);
        if expect {
            self.expect = len.min(MOST_EXPECTED);
        }
        self.counts.messages += 1;
        self.counts.bytes += len as u64;
        if readable {
            self.readable.push_back(stream);
        }
    }

    /// Takes in a FORWARD TSN. `false` when it reaches farther than anything the peer may have sent.
    ///
    /// Source: [RFC 3758 §3.6](https://www.rfc-editor.org/rfc/rfc3758#section-3.6)
    pub fn on_forward(&mut self, forward: &ForwardTsn<'_>, delivery: &mut Delivery) -> Result<bool, Violation> {
        let ahead = forward.cumulative.distance(self.cumulative);
        if ahead == 0 || ahead >= 1 << 31 {
            // Old news: the peer missed our SACK.
            self.acknowledge.now = true;
            return Ok(true);
        }
        if ahead > MOST_AHEAD {
            return Ok(false);
        }
        let bounds = self.bounds();
        self.held -= self.edge.cost();
        // Some senders stop in the middle of a message that they gave up: what is left of it is dropped.
        self.edge = Edge::Skipping;
        self.cumulative = forward.cumulative;
        while let Some(run) = self.take_run(|run, next| !next.precedes(run.start)) {
            self.counts.steps += 1;
            self.held -= run.cost();
            if run.end.precedes(self.cumulative) {
                continue;
            }
            let (start, end) = (run.start, run.end);
            if self.cumulative.precedes(start) {
                // It begins right behind what was given up.
                if let Some(part) = self.edge.join(run, bounds)? {
                    self.deliver(part, true, delivery);
                }
            } else {
                self.edge = run.skip(self.cumulative);
            }
            self.cumulative = end;
        }
        self.held += self.edge.cost();
        for (stream, ssn) in forward.skipped() {
            self.counts.steps += 1;
            if stream.0 < self.streams && delivery.skip(stream, Number::Ssn(ssn)) {
                self.readable.push_back(stream);
            }
        }
        self.acknowledge.packets += 1;
        self.acknowledge.now |= !self.runs.is_empty();
        self.release_hold(delivery);
        Ok(true)
    }
}

/// Streams that begin anew.
impl Inbound {
    /// The peer begins `streams` anew after `last`, all of them if none is named: what they send behind it must wait
    /// until everything before it is here. `true` when that is so already.
    pub fn begin_reset(&mut self, last: Tsn, streams: Vec<StreamId>, delivery: &mut Delivery) -> bool {
        self.hold = Some(Hold { after: last, streams, parts: Vec::new() });
        self.release_hold(delivery);
        self.hold.is_none()
    }

    /// Whether what was sent as `tsn` belongs to a stream that has to begin anew first.
    fn is_on_hold(&self, stream: StreamId, tsn: Tsn) -> bool {
        self.hold
            .as_ref()
            .is_some_and(|hold| hold.after.precedes(tsn) && (hold.streams.is_empty() || hold.streams.contains(&stream)))
    }

    /// `true` while something that was sent before a reset is missing.
    pub fn is_reset_waiting(&self) -> bool {
        self.hold.is_some()
    }

    fn release_hold(&mut self, delivery: &mut Delivery) {
        let Some(hold) = self.hold.take_if(|hold| !self.cumulative.precedes(hold.after)) else { return };
        self.reset(&hold.streams, delivery);
        for part in hold.parts {
            self.held -= part.cost();
            self.deliver(part, false, delivery);
        }
    }

    /// Begins `streams` anew; all of them if none is named.
    fn reset(&mut self, streams: &[StreamId], delivery: &mut Delivery) {
        let all: Vec<_> = if streams.is_empty() {
            delivery.streams().chain(self.interleaved.streams()).collect()
        } else {
            Vec::new()
        };
        for stream in streams.iter().chain(&all) {
            self.interleaved.reset(*stream);
            if delivery.reset(*stream) {
                self.readable.push_back(*stream);
            }
        }
    }
}

/// SACK.
impl Inbound {
    /// The application read so many bytes: says so to the peer if it may wait for it.
    pub fn on_read(&mut self, bytes: usize, delivery: &Delivery) {
        self.window.on_read(bytes);
        let buffer = self.window.size();
        let told = self.acknowledge.window;
        // Small openings are not worth a packet (silly window).
        if told < buffer / 2 && self.room(delivery) >= told + buffer / 4 {
            self.acknowledge.now = true;
        }
    }

    /// `true` when a SACK should go out with this batch.
    pub fn is_sack_due(&self) -> bool {
        self.acknowledge.now || self.acknowledge.packets >= 2
    }

    /// `true` when there is something to acknowledge, if only in passing.
    pub fn has_unacknowledged(&self) -> bool {
        self.acknowledge.now || self.acknowledge.packets >= 1
    }

    /// A SACK is due now, however little there is to say.
    pub fn acknowledge_now(&mut self) {
        self.acknowledge.now = true;
    }

    /// Puts a SACK into the packet, with as many blocks as fit.
    pub fn write_sack(&mut self, delivery: &Delivery, packet: &mut Builder<'_>) {
        let window = self.room(delivery);
        let duplicates = std::mem::take(&mut self.acknowledge.duplicates);
        let room = packet.room().saturating_sub(Sack::MIN_LEN) / 4;
        let duplicates = duplicates.get(..room.min(duplicates.len())).unwrap_or_default();
        let cumulative = self.cumulative;
        let blocks = self.runs.iter().take(room - duplicates.len()).map(|run| GapBlock {
            start: run.start.distance(cumulative) as u16,
            end: run.end.distance(cumulative) as u16,
        });
        let told = u32::try_from(window).unwrap_or(u32::MAX);
        packet.chunk(ChunkType::SACK, 0, |out| Sack::encode(out, cumulative, told, blocks, duplicates));
        self.acknowledge = Acknowledge { window, ..Acknowledge::default() };
    }
}
