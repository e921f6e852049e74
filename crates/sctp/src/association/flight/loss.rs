//! What is taken for lost, and when.

use super::{Cut, Fate, Flight, Outstanding};
use crate::association::rto::Rto;
use crate::{Reliability, Tsn};
use ortica_core::Instant;
use std::time::Duration;

/// Later packets that must have arrived before one is taken for lost, to begin with: the three misses of
/// [RFC 9260 §7.2.4](https://www.rfc-editor.org/rfc/rfc9260#section-7.2.4), counted in packets because a SACK may stand
/// for a batch of them.
pub const MISSES: u64 = 3;
/// To where [`MISSES`] may grow on a path that reorders.
pub const MOST_MISSES: u64 = 192;
/// Eighths of a round trip to which patience may grow on such a path.
pub const MOST_LATENESS: u32 = 16;

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
                Reliability::Reliable | Reliability::Priority(_) => false,
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

    pub(super) fn set_fate(&mut self, tsn: Tsn, fate: Fate) {
        let Some(chunk) = self.chunk_mut(tsn) else { return };
        let before = std::mem::replace(&mut chunk.fate, fate);
        let size = chunk.size();
        if before == Fate::InFlight && fate != Fate::InFlight {
            self.in_flight -= size;
        }
    }
}
