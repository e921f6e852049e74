//! Copies of earlier packets that come inside of later ones.
//!
//! A copy says when it was to be heard, and not which number its packet had (RFC 2198 §3). What is known are the packets that came:
//! those around it bound its number, and within them it lies where its time does.

use super::{AudioBuffer, Info};
use crate::repair::jitter_buffer::ring::{Slot, wire};
use crate::sequence::{RtpTimestamp, SequenceNumber};
use ortica_core::Instant;

/// A packet that is there, or was given out: its number and its timestamp.
type Neighbour = (i64, i64);

impl AudioBuffer {
    /// A copy of an earlier packet has come in the packet `carrier`, which was inserted before. It takes the place of a packet that is
    /// missing; returns that packet's number. `None` for a copy of what is there, was given out, or has no place between those that
    /// are: nothing has changed then. Of several copies in one packet the latest comes first.
    pub fn insert_copy(
        &mut self,
        now: Instant,
        carrier: SequenceNumber,
        timestamp: RtpTimestamp,
        payload: &[u8],
    ) -> Option<SequenceNumber> {
        self.reclaim();
        let media = self.timestamps.peek(timestamp);
        let (before, behind) = self.neighbours(self.sequence.peek(carrier), media)?;
        let number = place(before, behind, media)?;
        if payload.is_empty() || self.ring.bytes() + payload.len() > self.config.limits.bytes {
            return None;
        }
        let payload_type = self.ring.get(self.sequence.peek(carrier))?.info.payload_type;
        let info = Info { time: media, payload_type };
        let slot = Slot { timestamp, marker: false, arrived: now, info, payload: Vec::new() };
        self.ring.insert(number, slot, payload);
        self.stats.copies += 1;
        Some(wire(number))
    }

    /// The packets between which the time `media` lies, from `carrier` on downwards.
    fn neighbours(&self, carrier: i64, media: i64) -> Option<(Neighbour, Neighbour)> {
        let mut behind = (carrier, self.ring.get(carrier)?.info.time);
        for number in (self.next..carrier).rev() {
            let Some(slot) = self.ring.get(number) else { continue };
            let time = slot.info.time;
            if time <= media {
                return Some(((number, time), behind));
            }
            behind = (number, time);
        }
        Some(((self.next - 1, self.last_timestamp?), behind))
    }
}

/// The number of a packet of the time `media` that is missing between two others, by even steps.
fn place(before: Neighbour, behind: Neighbour, media: i64) -> Option<i64> {
    let (numbers, ticks) = (behind.0 - before.0, behind.1 - before.1);
    if numbers < 2 || media <= before.1 || media >= behind.1 {
        return None;
    }
    let steps = (2 * (media - before.1) * numbers + ticks) / (2 * ticks);
    Some(before.0 + steps.clamp(1, numbers - 1))
}
