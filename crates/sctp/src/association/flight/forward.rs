//! What is given up, and how the peer learns of it.
//!
//! Source: [RFC 3758 §3.5](https://www.rfc-editor.org/rfc/rfc3758#section-3.5)

use super::{Cut, Fate, Flight, Outstanding};
use crate::association::rto::Rto;
use crate::chunk::{ChunkType, DataFlags, ForwardTsn};
use crate::packet::Builder;
use crate::{Ssn, StreamId, Tsn};
use ortica_core::Instant;

/// What FORWARD TSN has to say.
#[derive(Debug)]
pub struct Forward {
    /// Everything up to here is acknowledged or given up ("Advanced.Peer.Ack.Point").
    pub point: Tsn,
    /// For each stream with ordered messages given up, the last of them.
    pub skipped: Vec<(StreamId, Ssn)>,
    /// How many streams fit into one chunk.
    pub most: usize,
    pub due: bool,
    pub sent_at: Option<Instant>,
}

impl Flight {
    /// Gives up a message with all its chunks, and what was never cut of it.
    pub(super) fn abandon(&mut self, number: u32) {
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
        self.forward.due.then(|| ForwardTsn::MIN_LEN + 4 * self.forward.skipped.len())
    }

    /// Puts FORWARD TSN into the packet.
    pub fn write_forward(&mut self, now: Instant, packet: &mut Builder<'_>) {
        self.forward.due = false;
        self.forward.sent_at = Some(now);
        let skipped = self.forward.skipped.iter().copied();
        packet.chunk(ChunkType::FORWARD_TSN, 0, |out| {
            ForwardTsn::encode(out, self.forward.point, skipped);
        });
    }

    /// These streams begin anew: what was given up on them before concerns nobody any more.
    pub fn on_streams_reset(&mut self, streams: &[StreamId]) {
        self.forward.skipped.retain(|(stream, _)| !streams.contains(stream));
    }
}
