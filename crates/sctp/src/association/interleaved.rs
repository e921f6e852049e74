//! Fragments of messages that are interleaved with others, on their way to becoming messages.
//!
//! Source: [RFC 8260 §2.2.3](https://www.rfc-editor.org/rfc/rfc8260#section-2.2.3)

use super::reassembly::{Bounds, OVERHEAD, Part, Violation};
use super::rope::Rope;
use crate::chunk::IData;
use crate::{Mid, Number, Ppid, StreamId};
use std::collections::{BTreeMap, VecDeque};

/// What a message in part costs besides its pieces, in the account of the receive buffer: its entry, its list, and their
/// share of the tree.
const ASSEMBLY_COST: usize = 384;
/// Pieces for which room is kept between two messages.
const MOST_SPARE: usize = 8;
/// How far the count of unordered messages may lag behind those that arrive: half of what a message identifier can say
/// is ahead.
const MOST_LAG: u64 = 1 << 30;

/// The messages that have arrived in part, by stream, order and number.
#[derive(Debug, Default)]
pub struct Interleaved {
    messages: BTreeMap<Key, Assembly>,
    /// For streams that had unordered messages skipped, or very many: where numbers begin that are still good.
    unordered: BTreeMap<StreamId, u64>,
    held: usize,
    /// Room for the pieces of the next message: most messages have one at a time.
    spare: VecDeque<Piece>,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Key {
    stream: StreamId,
    unordered: bool,
    number: u64,
}

/// One message in part.
#[derive(Debug)]
struct Assembly {
    /// Sorted by fragment sequence number, not adjacent.
    pieces: VecDeque<Piece>,
    ppid: Option<Ppid>,
    /// Its last fragment.
    last: Option<u32>,
    len: usize,
    /// What its pieces cost besides their bytes.
    overhead: usize,
}

#[derive(Debug)]
struct Piece {
    start: u32,
    end: u32,
    rope: Rope,
}

/// What became of a fragment.
#[derive(Debug)]
pub enum Inserted {
    /// It is kept.
    Kept,
    /// It belongs to a message that was delivered or given up.
    Stale,
    /// Its message has too many holes: as if it had not arrived.
    Refused,
    /// It made its message whole.
    Whole(Part),
}

impl Interleaved {
    /// What it costs in the account of the receive buffer.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Gives back the room that is not used.
    pub fn rest(&mut self) {
        self.spare = VecDeque::new();
    }

    /// Takes in a fragment. `next` counts the ordered messages of its stream that were delivered, `most_pieces` bounds the
    /// holes of a message.
    pub fn insert(
        &mut self,
        data: &IData<'_>,
        next: u64,
        bounds: Bounds,
        most_pieces: usize,
    ) -> Result<Inserted, Violation> {
        let unordered = data.flags.unordered();
        let next = if unordered { self.first_unordered(data.stream) } else { next };
        let Some(number) = Number::Mid(data.mid).resolve(next) else { return Ok(Inserted::Stale) };
        if data.payload.len() > bounds.most || data.fsn as usize >= bounds.most {
            return Err(Violation::TooLarge);
        }
        let key = Key { stream: data.stream, unordered, number };
        if data.flags.begins() && data.flags.ends() && !self.messages.contains_key(&key) {
            self.on_unordered_whole(key, next);
            return Ok(Inserted::Whole(part(data, data.ppid, Rope::new(data.payload, 0))));
        }
        // Room for more than has come would be room for each of very many messages: only one that is alone gets it.
        let expect = if self.messages.is_empty() { bounds.expect } else { 0 };
        let assembly = match self.messages.get_mut(&key) {
            Some(assembly) => assembly,
            None => {
                self.held += ASSEMBLY_COST;
                let pieces = std::mem::take(&mut self.spare);
                self.messages.entry(key).or_insert_with(|| Assembly::new(pieces))
            }
        };
        self.held -= assembly.cost();
        let kept = assembly.insert(data, Bounds { expect, ..bounds }, most_pieces);
        self.held += assembly.cost();
        if !kept? {
            return Ok(Inserted::Refused);
        }
        if !assembly.is_whole() {
            return Ok(Inserted::Kept);
        }
        let Some(mut assembly) = self.messages.remove(&key) else { return Ok(Inserted::Kept) };
        self.held -= ASSEMBLY_COST + assembly.cost();
        self.on_unordered_whole(key, next);
        let rope = assembly.pieces.pop_front().map(|piece| piece.rope).unwrap_or_default();
        if assembly.pieces.capacity() <= MOST_SPARE {
            self.spare = assembly.pieces;
        }
        Ok(Inserted::Whole(part(data, assembly.ppid.unwrap_or(data.ppid), rope)))
    }

    fn first_unordered(&self, stream: StreamId) -> u64 {
        self.unordered.get(&stream).copied().unwrap_or(0)
    }

    /// Keeps the count of unordered messages close enough for identifiers to wrap.
    fn on_unordered_whole(&mut self, key: Key, first: u64) {
        if key.unordered && key.number - first > MOST_LAG {
            let first = key.number - MOST_LAG / 2;
            self.unordered.insert(key.stream, first);
            self.drop_range(Key { number: 0, ..key }, Key { number: first - 1, ..key });
        }
    }

    /// The sender gave up the messages up to `mid` of a stream and order: what arrived of them is dropped, and what still
    /// does will be. `next` as above. Returns how many there were.
    pub fn skip(&mut self, stream: StreamId, unordered: bool, mid: Mid, next: u64) -> u64 {
        let next = if unordered { self.first_unordered(stream) } else { next };
        let Some(number) = Number::Mid(mid).resolve(next) else { return 0 };
        if unordered {
            self.unordered.insert(stream, number + 1);
        }
        let key = |number| Key { stream, unordered, number };
        self.drop_range(key(0), key(number))
    }

    /// The sender begins `stream` anew.
    pub fn reset(&mut self, stream: StreamId) {
        self.unordered.remove(&stream);
        let key = |unordered, number| Key { stream, unordered, number };
        self.drop_range(key(false, 0), key(true, u64::MAX));
    }

    fn drop_range(&mut self, from: Key, to: Key) -> u64 {
        let mut count = 0;
        while let Some(key) = self.messages.range(from..=to).next().map(|(&key, _)| key) {
            count += 1;
            if let Some(assembly) = self.messages.remove(&key) {
                self.held -= ASSEMBLY_COST + assembly.cost();
            }
        }
        count
    }

    /// Streams of which something arrived in part or was skipped.
    pub fn streams(&self) -> impl Iterator<Item = StreamId> + '_ {
        self.messages.keys().map(|key| key.stream).chain(self.unordered.keys().copied())
    }
}

fn part(data: &IData<'_>, ppid: Ppid, rope: Rope) -> Part {
    Part {
        first: data.tsn,
        stream: data.stream,
        number: Number::Mid(data.mid),
        ppid,
        unordered: data.flags.unordered(),
        begun: true,
        rope,
    }
}

impl Assembly {
    /// Nothing of it has come; `pieces` is empty.
    fn new(pieces: VecDeque<Piece>) -> Self {
        Self { pieces, ppid: None, last: None, len: 0, overhead: 0 }
    }

    fn cost(&self) -> usize {
        self.len + self.overhead
    }

    fn is_whole(&self) -> bool {
        let only = self.pieces.front().filter(|_| self.pieces.len() == 1);
        only.is_some_and(|piece| piece.start == 0 && Some(piece.end) == self.last)
    }

    /// Takes in a fragment. `false`, and nothing changed, when it would make a piece too many.
    fn insert(&mut self, data: &IData<'_>, bounds: Bounds, most_pieces: usize) -> Result<bool, Violation> {
        let fsn = data.fsn;
        let after = match self.pieces.back() {
            // Most often it is the next.
            Some(last) if last.end < fsn => self.pieces.len(),
            _ => self.pieces.partition_point(|piece| piece.start <= fsn),
        };
        let left = after.checked_sub(1).and_then(|at| self.pieces.get(at));
        if left.is_some_and(|piece| piece.end >= fsn) {
            return Err(Violation::Protocol("fragment number used twice"));
        }
        let ends_before = self.last.is_some_and(|last| last < fsn || data.flags.ends());
        let goes_beyond = data.flags.ends() && self.pieces.back().is_some_and(|piece| piece.end > fsn);
        if ends_before || goes_beyond {
            return Err(Violation::Protocol("fragment behind the end of its message"));
        }
        if self.len + data.payload.len() > bounds.most {
            return Err(Violation::TooLarge);
        }
        let follows = left.is_some_and(|piece| piece.end + 1 == fsn);
        let precedes = self.pieces.get(after).is_some_and(|piece| piece.start == fsn + 1);
        if !follows && !precedes && self.pieces.len() >= most_pieces.max(1) {
            return Ok(false);
        }
        if follows && let Some(left) = self.pieces.get_mut(after - 1) {
            let before = left.rope.pieces();
            left.rope.append(data.payload);
            left.end = fsn;
            self.overhead += (left.rope.pieces() - before) * OVERHEAD;
        } else {
            self.overhead += OVERHEAD;
            let expect = if data.flags.begins() { bounds.expect } else { 0 };
            self.pieces.insert(after, Piece { start: fsn, end: fsn, rope: Rope::new(data.payload, expect) });
        }
        if precedes {
            let left = if follows { after - 1 } else { after };
            if let Some(right) = self.pieces.remove(left + 1)
                && let Some(left) = self.pieces.get_mut(left)
            {
                left.end = right.end;
                left.rope.join(right.rope);
            }
        }
        self.len += data.payload.len();
        if data.flags.begins() {
            self.ppid = Some(data.ppid);
        }
        if data.flags.ends() {
            self.last = Some(fsn);
        }
        Ok(true)
    }
}

#[cfg(test)]
impl Interleaved {
    /// Takes unordered messages of `stream` from number `first` on.
    pub fn set_first_unordered(&mut self, stream: StreamId, first: u64) {
        self.unordered.insert(stream, first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tsn;
    use crate::chunk::DataFlags;

    const BOUNDS: Bounds = Bounds { most: 1_000, expect: 0 };
    const B: u8 = DataFlags::BEGIN;
    const E: u8 = DataFlags::END;
    const U: u8 = DataFlags::UNORDERED;

    fn fragment(mid: u32, fsn: u32, flags: u8, payload: &[u8]) -> IData<'_> {
        let flags = DataFlags(flags);
        let ppid = if flags.begins() { Ppid::STRING } else { Ppid(0) };
        IData { tsn: Tsn(0), stream: StreamId(1), mid: Mid(mid), fsn, ppid, flags, payload }
    }

    fn whole(inserted: Result<Inserted, Violation>) -> Option<(Ppid, Vec<u8>)> {
        match inserted {
            Ok(Inserted::Whole(part)) => Some((part.ppid, part.into_bytes().to_vec())),
            Ok(Inserted::Kept) => None,
            other => panic!("{other:?}"),
        }
    }

    /// Guards the order of fragments: it is that of their numbers, in whichever they arrive, and the PPID is that of the
    /// first.
    #[test]
    fn sctp_9_fragments_are_put_together_by_number() {
        let all = [(0, B, "a"), (1, 0, "b"), (2, 0, "c"), (3, E, "d")];
        for order in permutations() {
            let mut messages = Interleaved::default();
            let mut found = None;
            for &at in &order {
                let (fsn, flags, payload) = all[at];
                assert_eq!(found, None);
                found = whole(messages.insert(&fragment(7, fsn, flags, payload.as_bytes()), 0, BOUNDS, 9));
            }
            assert_eq!(found, Some((Ppid::STRING, b"abcd".to_vec())), "{order:?}");
            assert_eq!(messages.held(), 0);
        }
    }

    fn permutations() -> Vec<[usize; 4]> {
        let mut all = Vec::new();
        for code in 0..256 {
            let order = [code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6];
            if (0..4).all(|at| order.contains(&at)) {
                all.push(order);
            }
        }
        all
    }

    /// Guards messages of one stream against each other: each number, ordered or not, is its own.
    #[test]
    fn sctp_9_messages_are_told_apart() {
        let mut messages = Interleaved::default();
        let mut insert = |mid, fsn, flags, payload: &str| {
            whole(messages.insert(&fragment(mid, fsn, flags, payload.as_bytes()), 0, BOUNDS, 9))
        };
        assert_eq!(insert(0, 0, B, "a"), None);
        assert_eq!(insert(0, 0, B | U, "x"), None);
        assert_eq!(insert(1, 0, B, "m"), None);
        assert_eq!(insert(1, 1, E, "n"), Some((Ppid::STRING, b"mn".to_vec())));
        assert_eq!(insert(0, 1, E | U, "y"), Some((Ppid::STRING, b"xy".to_vec())));
        assert_eq!(insert(0, 1, E, "b"), Some((Ppid::STRING, b"ab".to_vec())));
    }

    /// Guards the rules for the fragments of one message.
    #[test]
    fn sctp_9_fragments_that_contradict_each_other_are_a_violation() {
        for (name, before, then) in [
            ("twice", &[(1, 0)][..], (1, 0)),
            ("two beginnings", &[(0, B)], (0, B)),
            ("a whole one within", &[(0, B)], (0, B | E)),
            ("behind the end", &[(0, B), (2, E)], (3, 0)),
            ("two ends", &[(4, E)], (2, E)),
            ("an end before what is there", &[(4, 0)], (3, E)),
        ] {
            let mut messages = Interleaved::default();
            for &(fsn, flags) in before {
                assert!(messages.insert(&fragment(0, fsn, flags, b"x"), 0, BOUNDS, 9).is_ok(), "{name}");
            }
            let last = messages.insert(&fragment(0, then.0, then.1, b"x"), 0, BOUNDS, 9);
            assert!(matches!(last, Err(Violation::Protocol(_))), "{name}: {last:?}");
        }
    }

    /// Guards the length of a message while it is put together.
    #[test]
    fn cve_36_an_interleaved_message_one_byte_too_long_is_refused() {
        let mut messages = Interleaved::default();
        assert!(whole(messages.insert(&fragment(0, 0, B, &[0; 999]), 0, BOUNDS, 9)).is_none());
        assert!(whole(messages.insert(&fragment(1, 0, B, &[0; 999]), 0, BOUNDS, 9)).is_none());
        assert!(whole(messages.insert(&fragment(0, 1, E, &[0]), 0, BOUNDS, 9)).is_some());
        assert!(matches!(messages.insert(&fragment(1, 1, 0, &[0; 2]), 0, BOUNDS, 9), Err(Violation::TooLarge)));
        assert!(matches!(messages.insert(&fragment(2, 1_000, 0, &[0]), 0, BOUNDS, 9), Err(Violation::TooLarge)));
        assert!(matches!(messages.insert(&fragment(2, 0, B | E, &[0; 1_001]), 0, BOUNDS, 9), Err(Violation::TooLarge)));
    }

    /// Guards the number of holes in a message, which cost work and memory.
    #[test]
    fn cve_35_a_message_has_no_more_holes_than_allowed() {
        let mut messages = Interleaved::default();
        for at in 0..9 {
            assert!(matches!(messages.insert(&fragment(0, 2 * at, 0, b"x"), 0, BOUNDS, 9), Ok(Inserted::Kept)), "{at}");
        }
        let held = messages.held();
        assert!(matches!(messages.insert(&fragment(0, 30, 0, b"x"), 0, BOUNDS, 9), Ok(Inserted::Refused)));
        assert_eq!(messages.held(), held);
        // What closes one is welcome.
        assert!(matches!(messages.insert(&fragment(0, 1, 0, b"x"), 0, BOUNDS, 9), Ok(Inserted::Kept)));
        assert!(matches!(messages.insert(&fragment(0, 30, 0, b"x"), 0, BOUNDS, 9), Ok(Inserted::Kept)));
    }

    /// Guards I-FORWARD-TSN: per stream, order and number, also for what arrives late, until the stream begins anew.
    #[test]
    fn sctp_8_skipped_messages_are_dropped_and_stay_so() {
        let mut messages = Interleaved::default();
        for mid in 0..4 {
            for flags in [B, B | U] {
                assert!(whole(messages.insert(&fragment(mid, 0, flags, b"x"), 0, BOUNDS, 9)).is_none());
            }
        }
        assert_eq!(messages.skip(StreamId(1), true, Mid(1), 0), 2);
        assert_eq!(messages.skip(StreamId(1), false, Mid(2), 0), 3);
        assert_eq!(messages.skip(StreamId(2), false, Mid(9), 0), 0);
        assert!(matches!(messages.insert(&fragment(1, 1, E | U, b"x"), 0, BOUNDS, 9), Ok(Inserted::Stale)));
        assert!(whole(messages.insert(&fragment(2, 1, E | U, b"y"), 0, BOUNDS, 9)).is_some());
        assert!(matches!(messages.insert(&fragment(2, 1, E, b"x"), 3, BOUNDS, 9), Ok(Inserted::Stale)));
        messages.reset(StreamId(1));
        assert_eq!((messages.held(), messages.streams().count()), (0, 0));
        assert!(whole(messages.insert(&fragment(0, 0, B | E | U, b"z"), 0, BOUNDS, 9)).is_some());
    }

    /// Guards the numbers of unordered messages across the wrap.
    #[test]
    fn flt_40_unordered_messages_go_on_across_the_wrap() {
        let mut messages = Interleaved::default();
        let mut mid = 0u32;
        for _ in 0..40 {
            assert!(whole(messages.insert(&fragment(mid, 0, B | E | U, b"z"), 0, BOUNDS, 9)).is_some(), "{mid}");
            mid = mid.wrapping_add(1 << 29);
        }
        assert_eq!(messages.streams().count(), 1);
    }
}
