//! The same for messages that may be interleaved: TSNs are noted here, fragments kept elsewhere.

use super::{Inbound, MOST_AHEAD, OVERHEAD};
use crate::association::delivery::Delivery;
use crate::association::interleaved::Inserted;
use crate::association::reassembly::{Run, Violation};
use crate::chunk::{IData, IForwardTsn};
use crate::{Number, Tsn};

impl Inbound {
    /// Takes in an I-DATA chunk.
    ///
    /// Source: [RFC 8260 §2.2.3](https://www.rfc-editor.org/rfc/rfc8260#section-2.2.3)
    pub fn on_i_data(&mut self, data: &IData<'_>, delivery: &mut Delivery) -> Result<(), Violation> {
        let Some(next) = self.admit(data.tsn, data.flags, data.payload.len(), delivery) else { return Ok(()) };
        let after = if next { 0 } else { self.run_after(data.tsn) };
        let left = after.checked_sub(1).and_then(|at| self.runs.get(at));
        if left.is_some_and(|run| !run.end.precedes(data.tsn)) {
            self.on_duplicate(data.tsn);
            return Ok(());
        }
        if self.is_on_hold(data.stream, data.tsn) || !(next || self.has_place(data.tsn, after)) {
            // Its numbers may mean other messages once the stream has begun anew: it has to come again.
            self.counts.refused += 1;
            return Ok(());
        }
        let inserted = if data.stream.0 >= self.streams {
            self.invalid_stream = Some(data.stream);
            Inserted::Stale
        } else {
            let ordered = delivery.next(data.stream);
            self.interleaved.insert(data, ordered, self.bounds(), self.limits.received_runs)?
        };
        if let Inserted::Refused = inserted {
            self.counts.refused += 1;
            return Ok(());
        }
        self.window.make_room_beside(self.interleaved.held());
        self.counts.received += 1;
        self.mark(data.tsn, after);
        if let Inserted::Whole(part) = inserted {
            self.deliver(part, !data.flags.begins(), delivery);
        }
        self.release_hold(delivery);
        Ok(())
    }

    /// Whether the TSN, which lies before the run at `after`, joins a run or may begin one.
    fn has_place(&self, tsn: Tsn, after: usize) -> bool {
        let left = after.checked_sub(1).and_then(|at| self.runs.get(at));
        self.runs.len() < self.limits.received_runs
            || left.is_some_and(|run| run.end.next() == tsn)
            || self.runs.get(after).is_some_and(|run| run.start == tsn.next())
    }

    /// Notes that a TSN has arrived, which lies before the run at `after`.
    fn mark(&mut self, tsn: Tsn, after: usize) {
        if tsn == self.cumulative.next() {
            self.cumulative = tsn;
        } else {
            self.held += OVERHEAD;
            self.runs.insert(after, Run::bare(tsn));
            self.join_bare(after);
            self.join_bare(after.saturating_sub(1));
        }
        while let Some(run) = self.take_run(|run, next| run.start == next) {
            self.held -= run.cost();
            self.cumulative = run.end;
        }
    }

    /// Makes one run of the two at `at` and behind it if there is no hole between them.
    fn join_bare(&mut self, at: usize) {
        if let (Some(left), Some(right)) = (self.runs.get(at), self.runs.get(at + 1))
            && left.end.next() == right.start
            && let Some(right) = self.runs.remove(at + 1)
            && let Some(left) = self.runs.get_mut(at)
        {
            left.end = right.end;
            self.held -= right.cost();
        }
    }

    /// Takes in an I-FORWARD-TSN. `false` when it reaches farther than anything the peer may have sent.
    ///
    /// Source: [RFC 8260 §2.3.1](https://www.rfc-editor.org/rfc/rfc8260#section-2.3.1)
    pub fn on_i_forward(&mut self, forward: &IForwardTsn<'_>, delivery: &mut Delivery) -> bool {
        let ahead = forward.cumulative.distance(self.cumulative);
        if ahead == 0 || ahead >= 1 << 31 {
            self.acknowledge.now = true;
            return true;
        }
        if ahead > MOST_AHEAD {
            return false;
        }
        self.cumulative = forward.cumulative;
        while let Some(run) = self.take_run(|run, next| !next.precedes(run.start)) {
            self.counts.steps += 1;
            self.held -= run.cost();
            if self.cumulative.precedes(run.end) {
                self.cumulative = run.end;
            }
        }
        for skipped in forward.skipped().filter(|skipped| skipped.stream.0 < self.streams) {
            let (stream, unordered, mid) = (skipped.stream, skipped.unordered, skipped.mid);
            let ordered = delivery.next(stream);
            self.counts.steps += 1 + self.interleaved.skip(stream, unordered, mid, ordered);
            if !unordered && delivery.skip(stream, Number::Mid(mid)) {
                self.readable.push_back(stream);
            }
        }
        self.acknowledge.packets += 1;
        self.acknowledge.now |= !self.runs.is_empty();
        self.release_hold(delivery);
        true
    }
}
