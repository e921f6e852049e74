//! What is given up, and how the peer learns of it.
//!
//! Source: [RFC 3758 §3.5](https://www.rfc-editor.org/rfc/rfc3758#section-3.5)

use super::{Cut, Fate, Flight, Outstanding, Slot};
use crate::association::rto::Rto;
use crate::chunk::{ChunkType, DataFlags, ForwardTsn, IForwardTsn, Skipped};
use crate::packet::Builder;
use crate::{StreamId, Tsn};
use ortica_core::Instant;

/// What FORWARD TSN has to say.
#[derive(Debug)]
pub struct Forward {
    /// Everything up to here is acknowledged or given up ("Advanced.Peer.Ack.Point").
    pub point: Tsn,
    /// For each stream with messages given up, the last of them: of the ordered ones, and where messages are interleaved
    /// also of the others.
    pub skipped: Vec<Skipped>,
    /// How many fit into one chunk.
    most: usize,
    pub due: bool,
    pub sent_at: Option<Instant>,
}

impl Forward {
    /// Nothing given up; `room` is what a packet offers to chunks.
    pub fn new(point: Tsn, interleaving: bool, room: usize) -> Self {
        let most = if interleaving {
            (room - IForwardTsn::MIN_LEN) / IForwardTsn::ENTRY_LEN
        } else {
            (room - ForwardTsn::MIN_LEN) / ForwardTsn::ENTRY_LEN
        };
        Self { point, skipped: Vec::new(), most, due: false, sent_at: None }
    }
}

impl Flight {
    /// Gives up a message with all its chunks, and what was never cut of it.
    pub(super) fn abandon(&mut self, slot: Slot) {
        let first = self.first;
        let end = self.next_tsn();
        let header_len = self.header_len() as u8;
        let Some(cut) = self.messages.get_mut(slot) else { return };
        if std::mem::replace(&mut cut.abandoned, true) {
            return;
        }
        self.losses.add(&cut.message);
        let rest = cut.rest();
        let payload = std::mem::take(&mut cut.message.payload);
        let stream = cut.message.stream;
        let unordered = if cut.message.ordered { 0 } else { DataFlags::UNORDERED };
        let mut tsn = if cut.first.precedes(first) { first } else { cut.first };
        self.held -= payload.len();
        self.counts.abandoned += 1;
        if rest > 0 {
            cut.last = end;
            // The peer must learn that no end will come. A TSN that is never sent stands for it: otherwise there might
            // be no TSN left to skip, and the peer would hold what it has of the message for ever.
            self.chunks.push_back(Outstanding {
                message: slot,
                offset: 0,
                fsn: 0,
                len: 0,
                header_len,
                flags: DataFlags::END | unordered,
                fate: Fate::Abandoned,
                transmissions: 1,
                packet: self.packet,
                sent_at: Instant::from_nanos(0),
            });
            self.given_up.push((stream, rest));
            self.current.take_if(|current| *current == slot);
        }
        let last = self.message(slot).map_or(tsn, |cut| cut.last);
        while !last.precedes(tsn) {
            self.counts.steps += 1;
            if self.chunk(tsn).is_some_and(|chunk| chunk.message == slot) {
                self.set_fate(tsn, Fate::Abandoned);
            }
            tsn = tsn.next();
        }
        self.advance();
    }

    /// Moves the point up to which everything is acknowledged or given up.
    pub(super) fn advance(&mut self) {
        if self.forward.point.precedes(self.first) {
            self.forward.point = self.cumulative();
            self.forward.skipped.clear();
            self.forward.due = false;
        }
        loop {
            let next = self.forward.point.next();
            let Some(chunk) = self.chunk(next).filter(|chunk| chunk.fate == Fate::Abandoned) else { return };
            self.counts.steps += 1;
            if (self.interleaving || chunk.flags & DataFlags::UNORDERED == 0)
                && let Some(Cut { message, .. }) = self.message(chunk.message)
            {
                let (stream, unordered, mid) = (message.stream, !message.ordered, message.mid);
                let skipped = &mut self.forward.skipped;
                let same = |entry: &&mut Skipped| (entry.stream, entry.unordered) == (stream, unordered);
                if let Some(entry) = skipped.iter_mut().rev().find(same) {
                    entry.mid = mid;
                } else if skipped.len() >= self.forward.most {
                    return;
                } else {
                    skipped.push(Skipped { stream, unordered, mid });
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
        let entry = if self.interleaving { IForwardTsn::ENTRY_LEN } else { ForwardTsn::ENTRY_LEN };
        self.forward.due.then(|| ForwardTsn::MIN_LEN + entry * self.forward.skipped.len())
    }

    /// Puts FORWARD TSN into the packet.
    pub fn write_forward(&mut self, now: Instant, packet: &mut Builder<'_>) {
        self.forward.due = false;
        self.forward.sent_at = Some(now);
        let (point, skipped) = (self.forward.point, self.forward.skipped.iter().copied());
        if self.interleaving {
            packet.chunk(ChunkType::I_FORWARD_TSN, 0, |out| IForwardTsn::encode(out, point, skipped));
        } else {
            let skipped = skipped.map(|skipped| (skipped.stream, skipped.mid.ssn()));
            packet.chunk(ChunkType::FORWARD_TSN, 0, |out| ForwardTsn::encode(out, point, skipped));
        }
    }

    /// These streams begin anew: what was given up on them before concerns nobody any more.
    pub fn on_streams_reset(&mut self, streams: &[StreamId]) {
        self.forward.skipped.retain(|skipped| !streams.contains(&skipped.stream));
    }
}
