//! The messages that chunks are cut from.

use crate::Tsn;
use crate::association::send_queue::Outgoing;

/// Where a message is kept. Used anew once the message has gone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Slot(pub u32);

/// A message with its place in the transmission.
#[derive(Debug)]
pub struct Cut {
    pub message: Outgoing,
    /// TSNs of its first and its last chunk so far. Chunks of others may lie between, if messages are interleaved.
    pub first: Tsn,
    pub last: Tsn,
    /// Bytes that have gone into chunks.
    pub cut: usize,
    /// Chunks that they have gone into.
    pub fragments: u32,
    pub abandoned: bool,
}

impl Cut {
    /// Nothing of it is cut; `first` is the TSN that its first chunk will have.
    pub fn new(message: Outgoing, first: Tsn) -> Self {
        Self { message, first, last: first, cut: 0, fragments: 0, abandoned: false }
    }

    /// Bytes that have not gone into chunks.
    pub fn rest(&self) -> usize {
        self.message.payload.len() - self.cut
    }
}

/// Messages by slot. There are no more than chunks in the ring and streams begun.
#[derive(Debug, Default)]
pub struct Messages {
    slots: Vec<Option<Cut>>,
    free: Vec<Slot>,
}

impl Messages {
    /// `true` when none is kept.
    pub fn is_empty(&self) -> bool {
        self.free.len() == self.slots.len()
    }

    pub fn insert(&mut self, cut: Cut) -> Slot {
        let slot = self.free.pop().unwrap_or(Slot(self.slots.len() as u32));
        match self.slots.get_mut(slot.0 as usize) {
            Some(place) => *place = Some(cut),
            None => self.slots.push(Some(cut)),
        }
        slot
    }

    /// All of them, in no order.
    pub fn into_cuts(self) -> impl Iterator<Item = Cut> {
        self.slots.into_iter().flatten()
    }

    pub fn iter(&self) -> impl Iterator<Item = (Slot, &Cut)> {
        self.slots.iter().zip(0..).filter_map(|(cut, slot)| Some((Slot(slot), cut.as_ref()?)))
    }

    pub fn get(&self, slot: Slot) -> Option<&Cut> {
        self.slots.get(slot.0 as usize)?.as_ref()
    }

    pub fn get_mut(&mut self, slot: Slot) -> Option<&mut Cut> {
        self.slots.get_mut(slot.0 as usize)?.as_mut()
    }

    pub fn remove(&mut self, slot: Slot) -> Option<Cut> {
        let cut = self.slots.get_mut(slot.0 as usize)?.take()?;
        self.free.push(slot);
        Some(cut)
    }
}
