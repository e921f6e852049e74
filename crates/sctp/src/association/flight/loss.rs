//! What is taken for lost, and when.

use super::{Cut, Fate, Flight, Outstanding};
use crate::association::rto::Rto;
use crate::{Reliability, Tsn};
use ortica_core::Instant;
use std::time::Duration;

/// What was found lost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lost {
    /// How many chunks.
    pub chunks: u32,
    /// Their bytes.
    pub bytes: usize,
    /// The last of the packets they were in.
    pub newest: u64,
    /// When to look again, because something may only be late.
    pub again: Option<Instant>,
}

impl Flight {
    /// How long after it was sent a packet may arrive; `None` while nothing is known of the path.
    pub fn patience(&self, rto: &Rto) -> Option<Duration> {
        self.rack.patience(rto)
    }

    /// Finds out what is lost.
    pub fn detect_lost(&mut self, now: Instant, rto: &Rto) -> Lost {
        let mut lost = Lost::default();
        let Some(patience) = self.rack.patience(rto) else { return lost };
        while self.judged.precedes(self.next_tsn()) {
            let Some(chunk) = self.chunk(self.judged) else { break };
            self.counts.steps += 1;
            if chunk.fate == Fate::InFlight
                && chunk.transmissions == 1
                && !self.judge(now, self.judged, patience, &mut lost)
            {
                break;
            }
            self.judged = self.judged.next();
        }
        while let Some(&(tsn, packet)) = self.resent.front() {
            self.counts.steps += 1;
            let chunk = if tsn.precedes(self.first) { None } else { self.chunk(tsn) };
            if chunk.is_some_and(|chunk| chunk.fate == Fate::InFlight && chunk.packet == packet)
                && !self.judge(now, tsn, patience, &mut lost)
            {
                break;
            }
            self.resent.pop_front();
        }
        if lost.chunks > 0 {
            self.advance();
        }
        lost
    }

    /// Whether a chunk in flight is lost. If not, so is none sent after it.
    fn judge(&mut self, now: Instant, tsn: Tsn, patience: Duration, lost: &mut Lost) -> bool {
        let Some(Outstanding { packet, sent_at, .. }) = self.chunk(tsn) else { return false };
        if !self.rack.is_lost(now, packet, sent_at, patience) {
            let at = (packet < self.rack.newest()).then(|| sent_at + patience);
            lost.again = lost.again.into_iter().chain(at).min();
            return false;
        }
        let before = self.in_flight;
        self.on_lost(now, tsn);
        lost.chunks += 1;
        lost.bytes += before - self.in_flight;
        lost.newest = lost.newest.max(packet);
        true
    }

    /// The T3 timer ran out: everything in flight is taken for lost. Returns how many chunks that are.
    pub fn on_timeout(&mut self, now: Instant) -> u32 {
        self.lost.clear();
        self.resent.clear();
        let mut count = 0;
        for distance in 0..self.chunks.len() as u32 {
            let tsn = self.first.plus(distance);
            match self.chunk(tsn).map(|chunk| chunk.fate) {
                Some(Fate::InFlight) => {
                    self.on_lost(now, tsn);
                    count += 1;
                }
                Some(Fate::Lost) => {
                    self.lost.push_back(tsn);
                    count += 1;
                }
                _ => (),
            }
        }
        self.judged = self.next_tsn();
        self.rack.on_timeout(self.packet + u64::from(count));
        self.advance();
        self.forward.due = self.forward.point != self.cumulative();
        count
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
