//! Whose turn it is: the seam behind which stream schedulers sit.
//!
//! All of them are one: each stream carries a mark that grows by what it sent, and the stream with the lowest mark is
//! next (start-time fair queueing). They differ in how far the mark moves.
//!
//! Source: [RFC 8260 §3](https://www.rfc-editor.org/rfc/rfc8260#section-3)

use crate::StreamId;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// How the streams of an association share what may be sent.
///
/// A turn is a chunk where messages may be interleaved, else a whole message.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Scheduler {
    /// Messages go in the order in which they were queued.
    FirstComeFirstServed,
    /// Streams take turns.
    RoundRobin,
    /// Streams share by bytes, each as much as the others.
    FairCapacity,
    /// Streams share by bytes, in proportion to their [weights](crate::Association::set_weight).
    #[default]
    WeightedFairQueueing,
}

/// What a turn costs besides its bytes, so that many small messages are not for nothing.
const TURN_COST: u64 = 16;
/// Parts of a byte in which marks are counted, so that dividing by a weight leaves something.
const SCALE: u64 = 1 << 16;

/// A stream's place among the others. Kept by the stream, whether it has something to send or not.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Mark(u64);

/// The streams that have something to send.
#[derive(Debug, Default)]
pub struct Schedule {
    scheduler: Scheduler,
    waiting: BinaryHeap<Reverse<Entry>>,
    /// The mark of the stream served last: who had nothing to send until now begins here, and has saved up nothing.
    now: u64,
    /// Counts entries, so that those with equal marks go by age.
    entries: u64,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Entry {
    mark: u64,
    /// The heavier goes first.
    lightness: u16,
    age: u64,
    stream: StreamId,
}

impl Schedule {
    pub fn new(scheduler: Scheduler) -> Self {
        Self { scheduler, ..Self::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// A stream has something to send, again or still; `arrival` numbers the message that is next.
    pub fn enter(&mut self, stream: StreamId, mark: &mut Mark, weight: u16, arrival: u64) {
        mark.0 = match self.scheduler {
            Scheduler::FirstComeFirstServed => arrival,
            _ => mark.0.max(self.now),
        };
        self.insert(stream, *mark, weight);
    }

    /// A stream sent `bytes`.
    pub fn charge(&self, mark: &mut Mark, weight: u16, bytes: usize) {
        let bytes = bytes as u64 + TURN_COST;
        mark.0 += match self.scheduler {
            Scheduler::FirstComeFirstServed => 0,
            Scheduler::RoundRobin => 1,
            Scheduler::FairCapacity => bytes,
            Scheduler::WeightedFairQueueing => bytes * SCALE / u64::from(weight.max(1)),
        };
    }

    fn insert(&mut self, stream: StreamId, mark: Mark, weight: u16) {
        let lightness = match self.scheduler {
            Scheduler::WeightedFairQueueing => u16::MAX - weight,
            _ => 0,
        };
        self.entries += 1;
        self.waiting.push(Reverse(Entry { mark: mark.0, lightness, age: self.entries, stream }));
    }

    /// Takes out the stream whose turn it is.
    pub fn next(&mut self) -> Option<StreamId> {
        let Reverse(entry) = self.waiting.pop()?;
        self.now = self.now.max(entry.mark);
        Some(entry.stream)
    }

    /// Gives back the room that is not used.
    pub fn rest(&mut self) {
        self.waiting.shrink_to_fit();
    }

    /// Forgets the streams that do not pass.
    pub fn retain(&mut self, passes: impl Fn(StreamId) -> bool) {
        self.waiting.retain(|Reverse(entry)| passes(entry.stream));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn go_on(schedule: &mut Schedule, stream: StreamId, mark: &mut Mark, weight: u16, bytes: usize, arrival: u64) {
        schedule.charge(mark, weight, bytes);
        schedule.enter(stream, mark, weight, arrival);
    }

    /// Serves `turns` turns of streams that always have something to send, given as weight and bytes a turn; tells how
    /// many bytes each got.
    fn serve(scheduler: Scheduler, streams: &[(u16, usize)], turns: usize) -> Vec<usize> {
        let mut schedule = Schedule::new(scheduler);
        let mut marks = vec![Mark::default(); streams.len()];
        let mut sent = vec![0; streams.len()];
        for (at, &(weight, _)) in streams.iter().enumerate() {
            schedule.enter(StreamId(at as u16), &mut marks[at], weight, at as u64);
        }
        for turn in 0..turns {
            let at = usize::from(schedule.next().unwrap().0);
            let (weight, bytes) = streams[at];
            sent[at] += bytes;
            let arrival = (streams.len() + turn) as u64;
            go_on(&mut schedule, StreamId(at as u16), &mut marks[at], weight, bytes, arrival);
        }
        sent
    }

    #[test]
    fn round_robin_shares_turns() {
        assert_eq!(Schedule::new(Scheduler::RoundRobin).next(), None);
        assert_eq!(serve(Scheduler::RoundRobin, &[(1, 10), (9, 1_000), (1, 1)], 30), [100, 10_000, 10]);
    }

    /// Who has nothing to send is passed over, and has its turn again when there is something.
    #[test]
    fn streams_come_and_go() {
        let mut schedule = Schedule::new(Scheduler::RoundRobin);
        let mut marks = [Mark::default(); 3];
        let mut turn = |schedule: &mut Schedule, comes: &[u16], stays: bool| {
            for &stream in comes {
                schedule.enter(StreamId(stream), &mut marks[usize::from(stream)], 1, 0);
            }
            let served = schedule.next()?;
            let mark = &mut marks[usize::from(served.0)];
            schedule.charge(mark, 1, 1_280);
            if stays {
                schedule.enter(served, mark, 1, 0);
            }
            Some(served.0)
        };
        assert_eq!(turn(&mut schedule, &[0, 1, 2], true), Some(0));
        assert_eq!(turn(&mut schedule, &[], false), Some(1));
        assert_eq!(turn(&mut schedule, &[], true), Some(2));
        assert_eq!(turn(&mut schedule, &[], true), Some(0));
        assert_eq!(turn(&mut schedule, &[], true), Some(2));
        // It missed turns, which are lost; the others have had theirs.
        assert_eq!(turn(&mut schedule, &[1], true), Some(1));
        assert_eq!(turn(&mut schedule, &[], false), Some(0));
        assert_eq!(turn(&mut schedule, &[], false), Some(2));
        assert_eq!(turn(&mut schedule, &[], false), Some(1));
        assert_eq!(turn(&mut schedule, &[], false), None);
        assert_eq!(turn(&mut schedule, &[2], false), Some(2));
    }

    #[test]
    fn fair_capacity_shares_bytes() {
        let sent = serve(Scheduler::FairCapacity, &[(1, 1_000), (9, 500), (1, 100)], 10_000);
        let most = *sent.iter().max().unwrap() as f64;
        assert!(sent.iter().all(|&sent| sent as f64 > 0.85 * most), "{sent:?}");
    }

    /// Guards the weights that W3C priorities stand for (RFC 8831 §6.4): of four streams that all have enough to send,
    /// each gets its share within two hundredths.
    #[test]
    fn dc_8_weighted_fair_queueing_shares_by_weight() {
        for bytes in [[1_200; 4], [100, 1_200, 300, 700]] {
            let streams = [(128, bytes[0]), (256, bytes[1]), (512, bytes[2]), (1_024, bytes[3])];
            let sent = serve(Scheduler::WeightedFairQueueing, &streams, 40_000);
            let cost = |at: usize| sent[at] as f64 * (1.0 + TURN_COST as f64 / bytes[at] as f64);
            let total: f64 = (0..4).map(cost).sum();
            for (at, &(weight, _)) in streams.iter().enumerate() {
                let (share, due) = (cost(at) / total, f64::from(weight) / 1_920.0);
                assert!((share - due).abs() < 0.02 * due.max(0.1), "{at}: {share} of {due}, {bytes:?}");
            }
        }
    }

    #[test]
    fn first_come_is_first_served() {
        let mut schedule = Schedule::new(Scheduler::FirstComeFirstServed);
        let (mut one, mut two) = (Mark::default(), Mark::default());
        schedule.enter(StreamId(1), &mut one, 1, 0);
        schedule.enter(StreamId(2), &mut two, 1_024, 2);
        assert_eq!(schedule.next(), Some(StreamId(1)));
        go_on(&mut schedule, StreamId(1), &mut one, 1, 5_000, 1);
        assert_eq!(schedule.next(), Some(StreamId(1)));
        assert_eq!(schedule.next(), Some(StreamId(2)));
        assert!(schedule.is_empty());
    }

    /// Who was silent for long has not saved up turns, and who sent a lot alone owes nothing.
    #[test]
    fn a_stream_that_begins_has_neither_credit_nor_debt() {
        let mut schedule = Schedule::new(Scheduler::WeightedFairQueueing);
        let (mut busy, mut quiet) = (Mark::default(), Mark::default());
        schedule.enter(StreamId(1), &mut busy, 256, 0);
        for turn in 1..100 {
            assert_eq!(schedule.next(), Some(StreamId(1)));
            go_on(&mut schedule, StreamId(1), &mut busy, 256, 1_000, turn);
        }
        schedule.enter(StreamId(2), &mut quiet, 256, 100);
        let order: Vec<_> = (0..6)
            .map(|turn| {
                let stream = schedule.next().unwrap();
                let mark = if stream == StreamId(1) { &mut busy } else { &mut quiet };
                go_on(&mut schedule, stream, mark, 256, 1_000, 101 + turn);
                stream.0
            })
            .collect();
        assert_eq!(order, [2, 1, 2, 1, 2, 1]);
    }

    #[test]
    fn the_heavier_goes_first_among_equals() {
        let mut schedule = Schedule::new(Scheduler::WeightedFairQueueing);
        for (stream, weight) in [(1, 128), (2, 1_024), (3, 256)] {
            schedule.enter(StreamId(stream), &mut Mark::default(), weight, 0);
        }
        let order: Vec<_> = std::iter::from_fn(|| schedule.next()).map(|stream| stream.0).collect();
        assert_eq!(order, [2, 3, 1]);
    }
}
