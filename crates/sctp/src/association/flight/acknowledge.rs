//! What a SACK settles.

use super::{Fate, Flight, MESSAGE_OVERHEAD, Outstanding};
use crate::Tsn;
use crate::association::rto::Rto;
use crate::chunk::{GapBlock, Sack};
use ortica_core::Instant;

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
    /// Chunks that arrived although they had been taken for lost.
    pub spurious: u32,
}

/// Chunks next to each other, as distances from the TSN before the ring.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

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
        // What the peer got twice was sent twice, unless nothing was and the network doubled it.
        let resent = self.counts.retransmitted > std::mem::replace(&mut self.vindicated, self.counts.retransmitted);
        if acked.spurious > 0 || (resent && sack.duplicates().next().is_some()) {
            self.rack.on_spurious(self.packet);
        }
        Some(acked)
    }

    /// Takes in a cumulative TSN alone, as SHUTDOWN carries it. `None` as above.
    pub fn on_cumulative(&mut self, now: Instant, cumulative: Tsn, rto: &Rto) -> Option<Acked> {
        if cumulative.precedes(self.cumulative()) || self.last_tsn().precedes(cumulative) {
            return None;
        }
        let mut acked = Acked::default();
        self.rack.begin();
        let count = cumulative.distance(self.cumulative());
        for _ in 0..count {
            let chunk = self.chunks.pop_front()?;
            self.counts.steps += 1;
            self.settle(now, &chunk, rto, &mut acked);
            if chunk.ends()
                && let Some(cut) = self.messages.remove(chunk.message)
            {
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
            acked.spurious += u32::from(rto.least().is_some());
        }
        if !too_soon && self.rack.on_arrival(chunk.packet, chunk.sent_at, !repeated) {
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
