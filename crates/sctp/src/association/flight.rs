//! Chunks that were sent and are not yet acknowledged for good: a ring indexed by TSN.
//!
//! A SACK costs work for the chunks it newly acknowledges and for its blocks, not for what is in flight: each chunk's
//! first transmission is judged once, in order of sending, and so is each repetition.

use super::rto::Rto;
use super::send_queue::{MESSAGE_OVERHEAD, Outgoing};
use crate::chunk::{ChunkType, Data, DataFlags, GapBlock, Sack};
use crate::packet::Builder;
use crate::{Reliability, Ssn, StreamId, Tsn};
use ortica_core::Instant;
use std::collections::VecDeque;
use std::time::Duration;

/// Later packets that must have arrived before one is taken for lost, to begin with: the three misses of
/// [RFC 9260 §7.2.4](https://www.rfc-editor.org/rfc/rfc9260#section-7.2.4), counted in packets because a SACK may stand
/// for a batch of them.
const MISSES: u64 = 3;
/// To where [`MISSES`] may grow on a path that reorders.
const MOST_MISSES: u64 = 192;
/// The ring's bound: gap ack blocks reach no further than 65,535.
const MOST_CHUNKS: usize = 32_768;
/// No message is cut into pieces below this many bytes to fill a packet.
const LEAST_FRAGMENT: usize = 4;

/// The chunks in flight, the messages they are cut from, and what is known of their fate.
#[derive(Debug)]
pub struct Flight {
    /// TSN of the first chunk in the ring: all before it is acknowledged for good.
    first: Tsn,
    chunks: VecDeque<Outstanding>,
    /// The messages that the chunks in the ring belong to, and last the one being cut.
    messages: VecDeque<Cut>,
    /// Number of the first of them.
    first_message: u32,
    /// Bytes in flight: headers included, lost and abandoned chunks not.
    in_flight: usize,
    /// Bytes of messages held here, overhead included.
    held: usize,
    /// What gap ack blocks have acknowledged, as distances from `first - 1`; sorted, disjoint.
    acked: Vec<Span>,
    /// Room to work in, kept between SACKs.
    scratch: [Vec<Span>; 2],
    /// Chunks to send again, in the order in which they were found lost. Entries may be out of date.
    lost: VecDeque<Tsn>,
    /// Chunks sent again, in order of sending. Entries may be out of date.
    resent: VecDeque<(Tsn, u64)>,
    /// The next chunk whose first transmission is to be judged.
    judged: Tsn,
    /// Number of the packet being built: counts those that carry DATA.
    packet: u64,
    /// The last packet known to have arrived, and when it was sent.
    arrived: Option<(u64, Instant)>,
    misses: u64,
    /// By how many eighths of a round trip a packet may be late.
    lateness: u32,
    forward: Forward,
    /// Whether messages may be given up after they were begun: the peer understands FORWARD TSN.
    may_abandon: bool,
    /// What was given up of the message being cut: bytes that never went into a packet.
    given_up: Option<(StreamId, usize)>,
    pub counts: Counts,
}

/// What FORWARD TSN has to say.
#[derive(Debug)]
struct Forward {
    /// Everything up to here is acknowledged or given up ("Advanced.Peer.Ack.Point").
    point: Tsn,
    /// For each stream with ordered messages given up, the last of them.
    skipped: Vec<(StreamId, Ssn)>,
    /// How many streams fit into one chunk.
    most: usize,
    due: bool,
    sent_at: Option<Instant>,
}

/// Counted here, reported in [`Stats`](crate::Stats).
#[derive(Debug, Default)]
pub struct Counts {
    pub sent: u64,
    pub retransmitted: u64,
    pub abandoned: u64,
    pub steps: u64,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    end: u32,
}

/// A message with its place in the transmission.
#[derive(Debug)]
struct Cut {
    message: Outgoing,
    first_tsn: Tsn,
    /// Bytes that have gone into chunks.
    cut: usize,
    abandoned: bool,
}

#[derive(Clone, Copy, Debug)]
struct Outstanding {
    message: u32,
    offset: u32,
    len: u16,
    flags: u8,
    fate: Fate,
    transmissions: u32,
    packet: u64,
    sent_at: Instant,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fate {
    InFlight,
    /// To be sent again.
    Lost,
    /// By a gap ack block, which the peer may take back.
    Acked,
    /// Given up.
    Abandoned,
}

impl Outstanding {
    fn size(&self) -> usize {
        Data::HEADER_LEN + usize::from(self.len).next_multiple_of(4)
    }

    fn ends(&self) -> bool {
        self.flags & DataFlags::END != 0
    }
}

/// What a SACK brought.
#[derive(Clone, Copy, Debug, Default)]
pub struct Acked {
    /// Bytes acknowledged that had not been before.
    pub bytes: usize,
    /// The cumulative TSN moved.
    pub advanced: bool,
    /// When the last packet known to have arrived was sent, if this says so first and it can be no other: a chunk sent
    /// once. An older one would tell how long a lost SACK took to be made up for.
    pub sent_at: Option<Instant>,
    /// Something arrived that had been taken for lost.
    spurious: bool,
}

impl Flight {
    /// Nothing sent yet; `first` is the first TSN to use, `most_skipped` how many streams a FORWARD TSN may list.
    pub fn new(first: Tsn, may_abandon: bool, most_skipped: usize) -> Self {
        Self {
            first,
            chunks: VecDeque::new(),
            messages: VecDeque::new(),
            first_message: 0,
            in_flight: 0,
            held: 0,
            acked: Vec::new(),
            scratch: [Vec::new(), Vec::new()],
            lost: VecDeque::new(),
            resent: VecDeque::new(),
            judged: first,
            packet: 0,
            arrived: None,
            misses: MISSES,
            lateness: 1,
            forward: Forward {
                point: first.previous(),
                skipped: Vec::new(),
                most: most_skipped,
                due: false,
                sent_at: None,
            },
            may_abandon,
            given_up: None,
            counts: Counts::default(),
        }
    }

    /// `true` when everything sent is acknowledged for good.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty() && self.messages.is_empty()
    }

    /// `true` while a chunk waits for its acknowledgement.
    pub fn is_outstanding(&self) -> bool {
        !self.chunks.is_empty()
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub fn held(&self) -> usize {
        self.held
    }

    /// The next TSN to assign.
    pub fn next_tsn(&self) -> Tsn {
        self.first.plus(self.chunks.len() as u32)
    }

    /// The last TSN assigned.
    pub fn last_tsn(&self) -> Tsn {
        self.next_tsn().previous()
    }

    /// The last TSN acknowledged for good.
    pub fn cumulative(&self) -> Tsn {
        self.first.previous()
    }

    /// `true` when no further chunk may be cut before some are acknowledged.
    pub fn is_full(&self) -> bool {
        self.chunks.len() >= MOST_CHUNKS
    }

    /// Bytes of an unfinished message that never went into a packet, once they are given up.
    pub fn take_given_up(&mut self) -> Option<(StreamId, usize)> {
        self.given_up.take()
    }

    fn chunk_mut(&mut self, tsn: Tsn) -> Option<&mut Outstanding> {
        self.chunks.get_mut(tsn.distance(self.first) as usize)
    }

    fn chunk(&self, tsn: Tsn) -> Option<Outstanding> {
        self.chunks.get(tsn.distance(self.first) as usize).copied()
    }

    fn message(&self, number: u32) -> Option<&Cut> {
        self.messages.get(number.wrapping_sub(self.first_message) as usize)
    }

    fn message_mut(&mut self, number: u32) -> Option<&mut Cut> {
        self.messages.get_mut(number.wrapping_sub(self.first_message) as usize)
    }
}

/// Sending.
impl Flight {
    /// Says that the chunks that follow go into a new packet.
    pub fn begin_packet(&mut self) {
        self.packet += 1;
    }

    /// Takes in the message to be cut next. The one before has been cut to its end.
    pub fn start(&mut self, message: Outgoing) {
        self.held += message.payload.len() + MESSAGE_OVERHEAD;
        let first_tsn = self.next_tsn();
        self.messages.push_back(Cut { message, first_tsn, cut: 0, abandoned: false });
    }

    fn current(&self) -> Option<&Cut> {
        self.messages.back().filter(|cut| !cut.abandoned && cut.cut < cut.message.payload.len())
    }

    /// `true` while a message is cut in part.
    pub fn has_current(&self) -> bool {
        self.current().is_some()
    }

    /// Gives up the message being cut if its time is over.
    pub fn expire_current(&mut self, now: Instant) {
        let number = self.first_message.wrapping_add(self.messages.len() as u32).wrapping_sub(1);
        if self.may_abandon && self.current().is_some_and(|cut| cut.message.is_expired(now)) {
            self.abandon(number);
        }
    }

    /// How many bytes of the message being cut belong into a packet with `room` left, of which a whole packet offers
    /// `whole`: the rest of the message, or what fills the packet. `None` when it had better begin with the next packet.
    pub fn fitting(&self, room: usize, whole: usize) -> Option<usize> {
        let cut = self.current()?;
        let fit = room.checked_sub(Data::HEADER_LEN)?;
        let rest = cut.message.payload.len() - cut.cut;
        if rest <= fit {
            return Some(rest);
        }
        // A message that may get lost should not depend on two packets when one can hold it.
        let fragile = cut.message.reliability != Reliability::Reliable;
        if fit < LEAST_FRAGMENT || (fragile && room < whole && rest <= whole - Data::HEADER_LEN) {
            return None;
        }
        Some(fit & !3)
    }

    /// Cuts `len` bytes off the current message into the packet. Returns the stream they are on.
    pub fn cut(&mut self, now: Instant, len: usize, immediate: bool, packet: &mut Builder<'_>) -> Option<StreamId> {
        let tsn = self.next_tsn();
        let number = self.first_message.wrapping_add(self.messages.len() as u32).wrapping_sub(1);
        let cut = self.messages.back_mut()?;
        let begin = if cut.cut == 0 { DataFlags::BEGIN } else { 0 };
        let end = if cut.cut + len == cut.message.payload.len() { DataFlags::END } else { 0 };
        let order = if cut.message.ordered { 0 } else { DataFlags::UNORDERED };
        let chunk = Outstanding {
            message: number,
            offset: cut.cut as u32,
            len: len as u16,
            flags: begin | end | order,
            fate: Fate::InFlight,
            transmissions: 1,
            packet: self.packet,
            sent_at: now,
        };
        cut.cut += len;
        let stream = cut.message.stream;
        self.in_flight += chunk.size();
        self.chunks.push_back(chunk);
        self.counts.sent += 1;
        self.write(tsn, immediate, packet);
        Some(stream)
    }

    /// Bytes of the next chunk to send again.
    pub fn next_lost(&mut self) -> Option<usize> {
        while let Some(&tsn) = self.lost.front() {
            if !tsn.precedes(self.first)
                && let Some(chunk) = self.chunk(tsn).filter(|chunk| chunk.fate == Fate::Lost)
            {
                return Some(chunk.size());
            }
            self.lost.pop_front();
        }
        None
    }

    /// Puts the chunk that [`next_lost`](Self::next_lost) measured into the packet. Returns whether it is the first
    /// outstanding one.
    pub fn resend_lost(&mut self, now: Instant, packet: &mut Builder<'_>) -> bool {
        let Some(tsn) = self.lost.pop_front() else { return false };
        self.resend(now, tsn, packet)
    }

    /// The first chunk in flight, and its bytes: what to probe with.
    pub fn next_probe(&self) -> Option<(Tsn, usize)> {
        // Most often it is the first of the ring; what stands before it is lost and will be sent anyway.
        let (at, chunk) = self.chunks.iter().enumerate().find(|(_, chunk)| chunk.fate == Fate::InFlight)?;
        let Cut { message, .. } = self.message(chunk.message)?;
        let allowed = match message.reliability {
            Reliability::MaxRetransmits(most) => chunk.transmissions <= most,
            Reliability::Reliable | Reliability::MaxLifetime(_) => true,
        };
        allowed.then(|| (self.first.plus(at as u32), chunk.size()))
    }

    /// Puts a chunk into the packet that was sent before. Returns whether it is the first outstanding one.
    pub fn resend(&mut self, now: Instant, tsn: Tsn, packet: &mut Builder<'_>) -> bool {
        let number = self.packet;
        let Some(chunk) = self.chunk_mut(tsn) else { return false };
        let size = if chunk.fate == Fate::Lost { chunk.size() } else { 0 };
        chunk.fate = Fate::InFlight;
        chunk.transmissions += 1;
        chunk.packet = number;
        chunk.sent_at = now;
        self.in_flight += size;
        self.resent.push_back((tsn, number));
        self.counts.sent += 1;
        self.counts.retransmitted += 1;
        self.write(tsn, true, packet);
        tsn == self.first
    }

    fn write(&self, tsn: Tsn, immediate: bool, packet: &mut Builder<'_>) {
        let Some(chunk) = self.chunk(tsn) else { return };
        let Some(Cut { message, .. }) = self.message(chunk.message) else { return };
        let from = chunk.offset as usize;
        let payload = message.payload.get(from..from + usize::from(chunk.len)).unwrap_or_default();
        let flags = chunk.flags | if immediate { DataFlags::IMMEDIATE } else { 0 };
        let (stream, ssn, ppid) = (message.stream, message.ssn, message.ppid);
        let data = Data { tsn, stream, ssn, ppid, flags: DataFlags(flags), payload };
        packet.chunk(ChunkType::DATA, flags, |out| data.encode(out));
    }
}

/// Acknowledgements.
impl Flight {
    /// Takes in a SACK. `None` when it is older than one before, or acknowledges what was never sent.
    pub fn on_sack(&mut self, now: Instant, sack: &Sack<'_>, rto: &Rto, most_blocks: usize) -> Option<Acked> {
        let mut acked = self.on_cumulative(now, sack.cumulative, rto)?;
        let last = self.chunks.len() as u32;
        let spans = sack.blocks().take(most_blocks).filter_map(|GapBlock { start, end }| {
            // Block 1 would be part of the cumulative TSN, and what was never sent cannot have arrived.
            let span = Span { start: start.into(), end: end.into() };
            (start >= 2 && start <= end && span.end <= last).then_some(span)
        });
        let [mut blocks, mut merged] = std::mem::take(&mut self.scratch);
        blocks.clear();
        blocks.extend(spans);
        self.counts.steps += blocks.len() as u64;
        if !blocks.is_sorted_by_key(|block| block.start) {
            blocks.sort_unstable_by_key(|block| block.start);
        }
        self.on_blocks(now, &blocks, rto, &mut acked);
        if !blocks.is_empty() {
            union(&mut self.acked, &blocks, &mut merged);
            self.counts.steps += self.acked.len() as u64;
        }
        self.scratch = [blocks, merged];
        if acked.spurious {
            self.misses = (self.misses * 2).min(MOST_MISSES);
            self.lateness = (self.lateness * 2).min(16);
        }
        Some(acked)
    }

    /// Takes in a cumulative TSN alone, as SHUTDOWN carries it. `None` as above.
    pub fn on_cumulative(&mut self, now: Instant, cumulative: Tsn, rto: &Rto) -> Option<Acked> {
        if cumulative.precedes(self.cumulative()) || self.last_tsn().precedes(cumulative) {
            return None;
        }
        let mut acked = Acked::default();
        let count = cumulative.distance(self.cumulative());
        for _ in 0..count {
            let chunk = self.chunks.pop_front()?;
            self.counts.steps += 1;
            self.settle(now, &chunk, rto, &mut acked);
            if chunk.ends()
                && let Some(cut) = self.messages.pop_front()
            {
                self.first_message = self.first_message.wrapping_add(1);
                self.held -= cut.message.payload.len() + MESSAGE_OVERHEAD;
            }
        }
        if count > 0 {
            acked.advanced = true;
            self.first = cumulative.next();
            if self.judged.precedes(self.first) {
                self.judged = self.first;
            }
            self.acked.retain_mut(|span| {
                span.start = span.start.saturating_sub(count).max(1);
                span.end = span.end.saturating_sub(count);
                span.end >= 1
            });
            self.counts.steps += self.acked.len() as u64;
        }
        if self.chunks.front().is_some_and(|chunk| chunk.fate == Fate::Acked) {
            self.on_reneging();
        }
        self.advance();
        Some(acked)
    }

    /// Marks what `blocks` cover and `self.acked` does not.
    fn on_blocks(&mut self, now: Instant, blocks: &[Span], rto: &Rto, acked: &mut Acked) {
        let known = std::mem::take(&mut self.acked);
        let mut known_left = known.iter().copied().peekable();
        let mut at = 0;
        for block in blocks {
            at = at.max(block.start);
            while at <= block.end {
                while known_left.next_if(|span| span.end < at).is_some() {
                    self.counts.steps += 1;
                }
                let next = known_left.peek();
                if let Some(span) = next.filter(|span| span.start <= at) {
                    at = span.end + 1;
                    continue;
                }
                let stop = next.map_or(block.end, |span| block.end.min(span.start - 1));
                for distance in at..=stop {
                    self.on_gap_acked(now, distance, rto, acked);
                }
                at = stop + 1;
            }
        }
        self.acked = known;
    }

    fn on_gap_acked(&mut self, now: Instant, distance: u32, rto: &Rto, acked: &mut Acked) {
        self.counts.steps += 1;
        let Some(chunk) = self.chunks.get_mut(distance as usize - 1) else { return };
        let before = *chunk;
        if matches!(before.fate, Fate::InFlight | Fate::Lost) {
            chunk.fate = Fate::Acked;
            self.settle(now, &before, rto, acked);
        }
    }

    /// A chunk with this fate has arrived.
    fn settle(&mut self, now: Instant, chunk: &Outstanding, rto: &Rto, acked: &mut Acked) {
        match chunk.fate {
            Fate::InFlight => self.in_flight -= chunk.size(),
            Fate::Lost => (),
            Fate::Acked | Fate::Abandoned => return,
        }
        acked.bytes += chunk.size();
        let repeated = chunk.transmissions > 1;
        // What comes back sooner than a round trip can take answers the transmission before.
        let elapsed = now.saturating_duration_since(chunk.sent_at);
        let too_soon = repeated && rto.least().is_none_or(|least| elapsed < least);
        if too_soon || chunk.fate == Fate::Lost {
            acked.spurious |= rto.least().is_some();
        }
        if !too_soon && self.arrived.is_none_or(|(packet, _)| packet < chunk.packet) {
            self.arrived = Some((chunk.packet, chunk.sent_at));
            acked.sent_at = (!repeated).then_some(chunk.sent_at);
        }
    }

    /// The peer dropped what it had acknowledged by gap ack blocks, as it may: the chunk after its cumulative TSN is one
    /// of these. All of them are doubtful then.
    fn on_reneging(&mut self) {
        for span in std::mem::take(&mut self.acked) {
            for distance in span.start..=span.end {
                self.counts.steps += 1;
                let tsn = self.first.plus(distance - 1);
                if self.chunk(tsn).is_some_and(|chunk| chunk.fate == Fate::Acked) {
                    self.set_fate(tsn, Fate::Lost);
                    self.lost.push_back(tsn);
                }
            }
        }
    }
}

/// Losses.
impl Flight {
    /// Finds out what is lost. Returns whether anything is, and when to look again because something may only be late.
    pub fn detect_lost(&mut self, now: Instant, rto: &Rto) -> (bool, Option<Instant>) {
        let (Some((arrived, _)), Some(rtt)) = (self.arrived, rto.recent()) else { return (false, None) };
        let patience = rtt + rtt * self.lateness / 8;
        let mut any = false;
        let mut again = None;
        while self.judged.precedes(self.next_tsn()) {
            let Some(chunk) = self.chunk(self.judged) else { break };
            self.counts.steps += 1;
            if chunk.fate == Fate::InFlight && chunk.transmissions == 1 {
                if !self.is_lost(now, &chunk, arrived, patience) {
                    again = (chunk.packet < arrived).then(|| chunk.sent_at + patience);
                    break;
                }
                self.on_lost(now, self.judged);
                any = true;
            }
            self.judged = self.judged.next();
        }
        while let Some(&(tsn, packet)) = self.resent.front() {
            self.counts.steps += 1;
            let chunk = if tsn.precedes(self.first) { None } else { self.chunk(tsn) };
            if let Some(chunk) = chunk.filter(|chunk| chunk.fate == Fate::InFlight && chunk.packet == packet) {
                if !self.is_lost(now, &chunk, arrived, patience) {
                    let at = (packet < arrived).then(|| chunk.sent_at + patience);
                    again = again.into_iter().chain(at).min();
                    break;
                }
                self.on_lost(now, tsn);
                any = true;
            }
            self.resent.pop_front();
        }
        if any {
            self.advance();
        }
        (any, again)
    }

    fn is_lost(&self, now: Instant, chunk: &Outstanding, arrived: u64, patience: Duration) -> bool {
        chunk.packet < arrived && (arrived - chunk.packet >= self.misses || chunk.sent_at + patience <= now)
    }

    /// The T3 timer ran out: everything in flight is taken for lost.
    pub fn on_timeout(&mut self, now: Instant) {
        self.lost.clear();
        self.resent.clear();
        self.misses = MISSES;
        self.lateness = 1;
        for distance in 0..self.chunks.len() as u32 {
            let tsn = self.first.plus(distance);
            match self.chunk(tsn).map(|chunk| chunk.fate) {
                Some(Fate::InFlight) => self.on_lost(now, tsn),
                Some(Fate::Lost) => self.lost.push_back(tsn),
                _ => (),
            }
        }
        self.judged = self.next_tsn();
        self.advance();
        self.forward.due = self.forward.point != self.cumulative();
    }

    /// A chunk in flight is lost: it is sent again, unless its message is given up.
    fn on_lost(&mut self, now: Instant, tsn: Tsn) {
        let Some(chunk) = self.chunk(tsn) else { return };
        let give_up = self.may_abandon
            && self.message(chunk.message).is_some_and(|Cut { message, .. }| match message.reliability {
                Reliability::Reliable => false,
                Reliability::MaxRetransmits(most) => chunk.transmissions > most,
                Reliability::MaxLifetime(_) => message.is_expired(now),
            });
        if give_up {
            self.abandon(chunk.message);
        } else {
            self.set_fate(tsn, Fate::Lost);
            self.lost.push_back(tsn);
        }
    }

    fn set_fate(&mut self, tsn: Tsn, fate: Fate) {
        let Some(chunk) = self.chunk_mut(tsn) else { return };
        let before = std::mem::replace(&mut chunk.fate, fate);
        let size = chunk.size();
        if before == Fate::InFlight && fate != Fate::InFlight {
            self.in_flight -= size;
        }
    }
}

/// Partial reliability.
///
/// Source: [RFC 3758 §3.5](https://www.rfc-editor.org/rfc/rfc3758#section-3.5)
impl Flight {
    /// Gives up a message with all its chunks, and what was never cut of it.
    fn abandon(&mut self, number: u32) {
        let first = self.first;
        let Some(cut) = self.message_mut(number) else { return };
        if std::mem::replace(&mut cut.abandoned, true) {
            return;
        }
        let payload = std::mem::take(&mut cut.message.payload);
        let (stream, rest) = (cut.message.stream, payload.len() - cut.cut);
        let unordered = if cut.message.ordered { 0 } else { DataFlags::UNORDERED };
        let mut tsn = if cut.first_tsn.precedes(first) { first } else { cut.first_tsn };
        self.held -= payload.len();
        self.counts.abandoned += 1;
        if rest > 0 {
            // The peer must learn that no end will come. A TSN that is never sent stands for it: otherwise there might
            // be no TSN left to skip, and the peer would hold what it has of the message for ever.
            self.chunks.push_back(Outstanding {
                message: number,
                offset: 0,
                len: 0,
                flags: DataFlags::END | unordered,
                fate: Fate::Abandoned,
                transmissions: 1,
                packet: self.packet,
                sent_at: Instant::from_nanos(0),
            });
            self.given_up = Some((stream, rest));
        }
        while self.chunk(tsn).is_some_and(|chunk| chunk.message == number) {
            self.counts.steps += 1;
            self.set_fate(tsn, Fate::Abandoned);
            tsn = tsn.next();
        }
        self.advance();
    }

    /// Moves the point up to which everything is acknowledged or given up.
    fn advance(&mut self) {
        if self.forward.point.precedes(self.first) {
            self.forward.point = self.cumulative();
            self.forward.skipped.clear();
            self.forward.due = false;
        }
        loop {
            let next = self.forward.point.next();
            let Some(chunk) = self.chunk(next).filter(|chunk| chunk.fate == Fate::Abandoned) else { return };
            self.counts.steps += 1;
            if chunk.flags & DataFlags::UNORDERED == 0
                && let Some(Cut { message, .. }) = self.message(chunk.message)
            {
                let (stream, ssn) = (message.stream, message.ssn);
                let skipped = &mut self.forward.skipped;
                if let Some(entry) = skipped.iter_mut().rev().find(|(skipped, _)| *skipped == stream) {
                    entry.1 = ssn;
                } else if skipped.len() >= self.forward.most {
                    return;
                } else {
                    skipped.push((stream, ssn));
                }
            }
            self.forward.point = next;
            self.forward.due = true;
        }
    }

    /// The peer still lags behind the point: say so again, but not more often than once a round trip.
    pub fn remind_forward(&mut self, now: Instant, rto: &Rto) {
        let wait = rto.smoothed().unwrap_or(rto.current());
        let waited = self.forward.sent_at.is_none_or(|at| at + wait <= now);
        self.forward.due |= waited && self.forward.point != self.cumulative();
    }

    /// Bytes of the FORWARD TSN chunk that is due.
    pub fn forward_len(&self) -> Option<usize> {
        self.forward.due.then(|| crate::chunk::ForwardTsn::MIN_LEN + 4 * self.forward.skipped.len())
    }

    /// Puts FORWARD TSN into the packet.
    pub fn write_forward(&mut self, now: Instant, packet: &mut Builder<'_>) {
        self.forward.due = false;
        self.forward.sent_at = Some(now);
        let skipped = self.forward.skipped.iter().copied();
        packet.chunk(ChunkType::FORWARD_TSN, 0, |out| {
            crate::chunk::ForwardTsn::encode(out, self.forward.point, skipped);
        });
    }

    /// These streams begin anew: what was given up on them before concerns nobody any more.
    pub fn on_streams_reset(&mut self, streams: &[StreamId]) {
        self.forward.skipped.retain(|(stream, _)| !streams.contains(stream));
    }
}

/// Adds `blocks` to `known`; both are sorted. `merged` is room to work in.
fn union(known: &mut Vec<Span>, blocks: &[Span], merged: &mut Vec<Span>) {
    merged.clear();
    let (mut left, mut right) = (known.iter().peekable(), blocks.iter().peekable());
    loop {
        let from_left = match (left.peek(), right.peek()) {
            (Some(a), Some(b)) => a.start <= b.start,
            (a, _) => a.is_some(),
        };
        let Some(&span) = (if from_left { left.next() } else { right.next() }) else { break };
        match merged.last_mut() {
            Some(last) if span.start <= last.end + 1 => last.end = span.end.max(last.end),
            _ => merged.push(span),
        }
    }
    std::mem::swap(known, merged);
}
