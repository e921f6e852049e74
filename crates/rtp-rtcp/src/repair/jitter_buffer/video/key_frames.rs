//! The next complete key frame, found without looking at a packet again and again while it is awaited.

use super::{PacketHint, ends_at};
use crate::repair::jitter_buffer::ring::Ring;
use std::collections::VecDeque;

/// Where key frames may start, in order, and how far each has come.
///
/// A start that lies among the packets of the one before it is not listed: as long as that one has no end, neither has this.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyFrames {
    open: VecDeque<Open>,
    /// The starts of those that a packet may have completed.
    stirred: Vec<i64>,
    /// The highest start, whatever became of it.
    highest: Option<i64>,
}

/// A key frame without an end so far.
#[derive(Clone, Copy, Debug)]
struct Open {
    first: i64,
    /// The number that is waited for: up to it all packets are there.
    reach: i64,
    stirred: bool,
}

impl KeyFrames {
    pub(super) fn clear(&mut self) {
        self.open.clear();
        self.stirred.clear();
        self.highest = None;
    }

    /// Begins anew with what is in the window.
    pub(super) fn look_through(&mut self, ring: &Ring<PacketHint>) {
        self.clear();
        (ring.first()..ring.end()).for_each(|number| self.add_start(ring, number));
    }

    /// The packet with that number has come.
    pub(super) fn on_packet(&mut self, ring: &Ring<PacketHint>, number: i64) {
        self.forget_dropped(ring);
        if self.stirred.len() >= ring.capacity() as usize {
            // Nobody has asked for long.
            self.stirred.retain(|first| *first >= ring.first());
        }
        let before = self.open.partition_point(|open| open.first < number).checked_sub(1);
        if let Some(open) = before.and_then(|at| self.open.get_mut(at)).filter(|open| open.reach == number)
            && !std::mem::replace(&mut open.stirred, true)
        {
            self.stirred.push(open.first);
        }
        self.add_start(ring, number);
    }

    /// Whether a packet that starts a key frame is in the window.
    pub(super) fn is_started(&self, ring: &Ring<PacketHint>) -> bool {
        self.highest.is_some_and(|highest| highest >= ring.first())
    }

    /// First and last packet of the first key frame that is complete. One whose first packet is not known to be the first does
    /// not count.
    pub(super) fn next(&mut self, ring: &Ring<PacketHint>) -> Option<(i64, i64)> {
        self.forget_dropped(ring);
        let mut stirred = std::mem::take(&mut self.stirred);
        stirred.sort_unstable();
        let found = stirred.drain(..).find_map(|first| Some((first, self.end_of(ring, first)?)));
        // Its memory is used again. Who finds one asks no further before `look_through`.
        self.stirred = stirred;
        found
    }

    fn add_start(&mut self, ring: &Ring<PacketHint>, number: i64) {
        let Some(slot) = ring.get(number).filter(|slot| slot.info.start && slot.info.key_frame) else { return };
        self.highest = self.highest.max(Some(number));
        if !slot.is_padding() {
            let at = self.open.partition_point(|open| open.first < number);
            self.open.insert(at, Open { first: number, reach: number, stirred: true });
            self.stirred.push(number);
        }
    }

    /// The last packet of the key frame that starts at `first`, if all its packets are there.
    fn end_of(&mut self, ring: &Ring<PacketHint>, first: i64) -> Option<i64> {
        let at = self.open.binary_search_by_key(&first, |open| open.first).ok()?;
        let timestamp = ring.get(first)?.timestamp;
        // The last one that was looked at may show to be the end with its successor.
        let mut number = (self.open.get(at)?.reach - 1).max(first);
        while let Some(slot) = ring.get(number) {
            if let Some(last) = ends_at(ring, number, slot, timestamp) {
                return Some(last);
            }
            number = match self.open.get(at + 1) {
                // The same frame, looked at before from here on.
                Some(next) if next.first == number => (next.reach - 1).max(number + 1),
                _ => number + 1,
            };
            while self.open.get(at + 1).is_some_and(|next| next.first < number) {
                self.open.remove(at + 1);
            }
        }
        let open = self.open.get_mut(at)?;
        (open.reach, open.stirred) = (number, false);
        None
    }

    /// The window has moved on. Another start among the packets of a frame whose first is gone takes its place.
    fn forget_dropped(&mut self, ring: &Ring<PacketHint>) {
        while let Some(gone) = self.open.front().copied().filter(|open| open.first < ring.first()) {
            self.open.pop_front();
            let until = self.open.front().map_or(gone.reach, |next| next.first.min(gone.reach));
            let is_start = |number: &i64| {
                let slot = ring.get(*number).filter(|slot| !slot.is_padding());
                slot.is_some_and(|slot| slot.info.start && slot.info.key_frame)
            };
            if let Some(first) = (ring.first()..until).find(is_start) {
                self.open.push_front(Open { first, ..gone });
                self.stirred.extend(gone.stirred.then_some(first));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repair::jitter_buffer::ring::Slot;
    use crate::sequence::RtpTimestamp;
    use ortica_core::{Instant, Rng};
    use proptest::prelude::*;

    const CAPACITY: u16 = 4_096;
    /// Looks at a packet for each that comes: a few, however many are there.
    const LOOKS: u64 = 12;

    fn insert(ring: &mut Ring<PacketHint>, number: i64, timestamp: u32, hint: PacketHint, payload: &[u8]) {
        let timestamp = RtpTimestamp(timestamp);
        let slot = Slot { timestamp, marker: false, arrived: Instant::from_nanos(0), info: hint, payload: Vec::new() };
        ring.insert(number, slot, payload);
    }

    /// The same answer, found by looking at everything.
    fn plainly(ring: &Ring<PacketHint>) -> Option<(i64, i64)> {
        (ring.first()..ring.end()).find_map(|first| {
            let slot = ring.get(first).filter(|slot| slot.info.start && slot.info.key_frame && !slot.is_padding())?;
            let present = (first..).map_while(|number| Some((number, ring.get(number)?)));
            let last = present.map(|(number, at)| ends_at(ring, number, at, slot.timestamp)).find_map(|last| last);
            last.map(|last| (first, last))
        })
    }

    /// How many looks each packet takes, when those with `numbers` come in that order and end no key frame.
    fn looks(numbers: impl IntoIterator<Item = i64>, hint: impl Fn(i64) -> (u32, PacketHint)) -> u64 {
        let (mut ring, mut key_frames, mut count) = (Ring::new(CAPACITY), KeyFrames::default(), 0);
        for number in numbers {
            ring.advance(number - ring.capacity() + 1);
            let (timestamp, hint) = hint(number);
            insert(&mut ring, number, timestamp, hint, &[1]);
            key_frames.on_packet(&ring, number);
            assert_eq!(key_frames.next(&ring), None, "packet {number}");
            count += 1;
        }
        ring.looks.get() / count
    }

    /// Guards the memory of what was looked at: whatever waits for its end, one more packet costs as much as the first.
    #[test]
    fn a_packet_costs_the_same_however_many_wait() {
        let full = i64::from(CAPACITY);
        let key = PacketHint { start: true, key_frame: true, ..PacketHint::default() };
        let no_key = PacketHint { start: true, end: true, ..PacketHint::default() };
        let middle = PacketHint::default();
        let large = |number: i64| (0, if number == 0 { key } else { middle });
        let seldom = |number: i64| (0, if number % 100 == 0 { key } else { middle });
        for (name, looks) in [
            ("no key frame", looks(0..3 * full, |number| (number as u32, no_key))),
            ("a large key frame", looks(0..full, large)),
            ("one that is too large", looks(0..3 * full, large)),
            ("a large one backwards", looks(std::iter::once(0).chain((1..full).rev()), large)),
            (
                "many without an end",
                looks((0..3 * full).filter(|number| number % 3 != 2), |number| (0, seldom(number).1)),
            ),
            ("starts alone", looks(0..3 * full, |_| (0, key))),
            ("starts backwards", looks((0..full).rev(), |_| (0, key))),
            ("few starts in one frame", looks(0..3 * full, seldom)),
            ("few starts, backwards", looks((0..full).rev(), seldom)),
            ("a gap behind each", looks((0..3 * full).map(|number| 2 * number), |number| (number as u32, key))),
        ] {
            assert!(looks <= LOOKS, "{name}: {looks}");
        }
    }

    /// Guards the same for a batch of which nobody asks before its end.
    #[test]
    fn who_asks_seldom_looks_no_more_often() {
        let (mut ring, mut key_frames) = (Ring::new(CAPACITY), KeyFrames::default());
        let key = PacketHint { start: true, key_frame: true, ..PacketHint::default() };
        for number in 0..10 * i64::from(CAPACITY) {
            ring.advance(number - ring.capacity() + 1);
            insert(&mut ring, number, 0, key, &[1]);
            key_frames.on_packet(&ring, number);
            assert!(key_frames.stirred.len() <= usize::from(CAPACITY) + 2);
        }
        ring.looks.set(0);
        assert_eq!(key_frames.next(&ring), None);
        assert!(ring.looks.get() <= LOOKS * u64::from(CAPACITY), "{}", ring.looks.get());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

        /// Guards the answer: it is the one that looking at everything gives.
        #[test]
        fn finds_what_looking_at_everything_finds(seed: u64, frames in 1u64..6, gaps in 1u64..6, asks in 1u64..5) {
            let mut rng = Rng::from_number(seed);
            let (mut ring, mut key_frames) = (Ring::new(32), KeyFrames::default());
            for _ in 0..300 {
                let number = ring.first() + rng.below(40) as i64;
                ring.advance(number - ring.capacity() + 1);
                if rng.below(8) == 0 {
                    ring.advance(ring.first() + rng.below(gaps) as i64);
                }
                if number < ring.first() || ring.get(number).is_some() {
                    continue;
                }
                let hint = PacketHint {
                    start: rng.below(3) == 0,
                    end: rng.below(5) == 0,
                    key_frame: rng.below(3) != 0,
                    ..PacketHint::default()
                };
                let payload: &[u8] = if rng.below(6) == 0 { &[] } else { &[1] };
                insert(&mut ring, number, (number as u64 / 8 % frames) as u32, hint, payload);
                key_frames.on_packet(&ring, number);
                if rng.below(asks) > 0 {
                    continue;
                }
                let found = key_frames.next(&ring);
                prop_assert_eq!(found, plainly(&ring));
                if let Some((_, last)) = found {
                    ring.advance(last + 1);
                    key_frames.look_through(&ring);
                }
            }
        }
    }
}
