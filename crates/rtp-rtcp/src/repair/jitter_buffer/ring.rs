//! Packets by their sequence number, in memory that is used again.

use crate::sequence::{RtpTimestamp, SequenceNumber};
use ortica_core::Instant;

/// Payload buffers kept for reuse beyond those in use.
const SPARE: usize = 64;
/// Slots of the smallest ring.
const SMALLEST: usize = 16;

/// A packet that is kept.
#[derive(Clone, Debug)]
pub(super) struct Slot<T> {
    pub(super) timestamp: RtpTimestamp,
    pub(super) marker: bool,
    pub(super) arrived: Instant,
    pub(super) info: T,
    pub(super) payload: Vec<u8>,
}

impl<T> Slot<T> {
    /// A packet of padding alone belongs to no frame: all it does is fill a gap.
    pub(super) fn is_padding(&self) -> bool {
        self.payload.is_empty()
    }
}

/// A window over the sequence numbers, from [`first`](Self::first) on. Numbers come with their cycles.
#[derive(Clone, Debug)]
pub(super) struct Ring<T> {
    /// A power of two of them, so that a number's slot is a few of its bits. As many as the window needs.
    slots: Vec<Option<Slot<T>>>,
    spare: Vec<Vec<u8>>,
    capacity: usize,
    first: i64,
    /// The lowest number kept; `end` if there is none.
    lowest: i64,
    /// Behind the last packet kept.
    end: i64,
    bytes: usize,
    /// How often a number was looked up.
    #[cfg(test)]
    pub(super) looks: std::cell::Cell<u64>,
}

impl<T> Ring<T> {
    pub(super) fn new(capacity: u16) -> Self {
        let capacity = usize::from(capacity.max(1)).next_power_of_two();
        Self {
            slots: Vec::new(),
            spare: Vec::new(),
            capacity,
            first: 0,
            lowest: 0,
            end: 0,
            bytes: 0,
            #[cfg(test)]
            looks: std::cell::Cell::default(),
        }
    }

    /// The lowest number of the window.
    pub(super) const fn first(&self) -> i64 {
        self.first
    }

    /// Behind the highest number kept; the window's start if it is empty.
    pub(super) const fn end(&self) -> i64 {
        self.end
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How far the window may reach.
    pub(super) const fn capacity(&self) -> i64 {
        self.capacity as i64
    }

    pub(super) fn get(&self, number: i64) -> Option<&Slot<T>> {
        #[cfg(test)]
        self.looks.set(self.looks.get() + 1);
        if number < self.first || number >= self.end {
            return None;
        }
        self.slots.get(self.index(number)?)?.as_ref()
    }

    /// Keeps a packet whose number lies in the window and is free; the payload is copied.
    pub(super) fn insert(&mut self, number: i64, mut slot: Slot<T>, payload: &[u8]) {
        self.reach(number);
        let Some(at) = self.index(number) else { return };
        let Some(place) = self.slots.get_mut(at) else { return };
        slot.payload = self.spare.pop().unwrap_or_default();
        slot.payload.clear();
        slot.payload.extend_from_slice(payload);
        self.bytes += payload.len();
        self.lowest = if self.lowest == self.end { number } else { self.lowest.min(number) };
        self.end = self.end.max(number + 1);
        *place = Some(slot);
    }

    /// Moves the start of the window up to `number`, dropping what lies before it.
    pub(super) fn advance(&mut self, number: i64) {
        while self.first < number && self.first < self.end {
            self.remove(self.first);
            self.first += 1;
        }
        self.first = self.first.max(number);
        self.end = self.end.max(self.first);
        if self.lowest < self.first {
            self.lowest = (self.first..self.end).find(|number| self.get(*number).is_some()).unwrap_or(self.end);
        }
    }

    /// Drops everything and starts the window at `number`.
    pub(super) fn restart(&mut self, number: i64) {
        self.advance(self.end);
        (self.first, self.lowest, self.end) = (number, number, number);
    }

    /// The lowest number kept that is not below `from`.
    pub(super) fn next_present(&self, from: i64) -> Option<i64> {
        (from.max(self.lowest)..self.end).find(|number| self.get(*number).is_some())
    }

    fn remove(&mut self, number: i64) {
        let slot = self.index(number).and_then(|at| self.slots.get_mut(at)).and_then(Option::take);
        if let Some(slot) = slot {
            self.bytes -= slot.payload.len();
            if self.spare.len() < SPARE {
                self.spare.push(slot.payload);
            }
        }
    }

    /// Makes room up to `number`. Doubling keeps the window's bits apart, as before.
    fn reach(&mut self, number: i64) {
        let needed = usize::try_from(number - self.first + 1).unwrap_or(0).min(self.capacity);
        if needed <= self.slots.len() {
            return;
        }
        let len = needed.next_power_of_two().max(SMALLEST).min(self.capacity);
        let mut larger: Vec<Option<Slot<T>>> = (0..len).map(|_| None).collect();
        for number in self.first..self.end {
            let slot = self.index(number).and_then(|at| self.slots.get_mut(at)).and_then(Option::take);
            if let Some(place) = larger.get_mut(number as usize & (len - 1)) {
                *place = slot;
            }
        }
        self.slots = larger;
    }

    fn index(&self, number: i64) -> Option<usize> {
        self.slots.len().checked_sub(1).map(|mask| number as usize & mask)
    }
}

/// The number without its cycles.
pub(super) const fn wire(number: i64) -> SequenceNumber {
    SequenceNumber(number as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(ring: &mut Ring<()>, number: i64, payload: &[u8]) {
        let timestamp = RtpTimestamp(number as u32);
        let slot = Slot { timestamp, marker: false, arrived: Instant::from_nanos(0), info: (), payload: Vec::new() };
        ring.insert(number, slot, payload);
    }

    #[test]
    fn keeps_what_lies_in_its_window() {
        let mut ring = Ring::new(100);
        assert_eq!(ring.capacity(), 128);
        ring.restart(-3);
        for number in [-3, 5, 124, 40] {
            insert(&mut ring, number, &[1, 2]);
        }
        assert_eq!((ring.first(), ring.end(), ring.bytes()), (-3, 125, 8));
        assert_eq!(ring.get(40).map(|slot| slot.timestamp.0), Some(40));
        assert!(ring.get(41).is_none() && ring.get(-4).is_none() && ring.get(125).is_none());
        assert_eq!(ring.next_present(6), Some(40));
        ring.advance(41);
        assert_eq!((ring.first(), ring.bytes(), ring.next_present(0)), (41, 2, Some(124)));
        ring.advance(1_000);
        assert_eq!((ring.first(), ring.end(), ring.bytes(), ring.next_present(0)), (1_000, 1_000, 0, None));
        insert(&mut ring, 1_050, &[]);
        insert(&mut ring, 1_020, &[]);
        assert_eq!((ring.next_present(0), ring.next_present(1_021)), (Some(1_020), Some(1_050)));
    }

    /// Guards `lowest`: a gap at the start of the window is looked through once, however often the first packet is asked for.
    #[test]
    fn a_gap_at_the_start_is_looked_through_once() {
        let mut ring = Ring::new(4_096);
        for number in [0, 4_000] {
            insert(&mut ring, number, &[1]);
        }
        for first in 1..4_000 {
            ring.advance(first);
            assert_eq!(ring.next_present(ring.first()), Some(4_000));
        }
        assert!(ring.looks.get() <= 3 * 4_000, "{}", ring.looks.get());
    }

    #[test]
    fn grows_with_its_window_and_not_beyond() {
        let mut ring = Ring::new(512);
        for number in 0..10_000 {
            insert(&mut ring, number, &[7; 100]);
            ring.advance(number - 3);
        }
        assert_eq!((ring.slots.len(), ring.bytes()), (SMALLEST, 400));
        assert!(ring.spare.len() <= 4);
        ring.restart(0);
        insert(&mut ring, 511, &[]);
        assert_eq!(ring.slots.len(), 512);
    }
}
