//! Video frames, whole or not at all.

mod key_frames;

use super::ring::{Ring, Slot, wire};
use super::{Insertion, Limits};
use crate::packet::Packet;
use crate::sequence::{RtpTimestamp, SequenceNumber, SequenceUnwrapper};
use ortica_core::Instant;
use std::time::Duration;
use tracing::debug;

use key_frames::KeyFrames;

/// How far before the first packet of a stream another one may still come.
const START_REORDER: i64 = 32;

/// How a [`FrameBuffer`] waits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FrameConfig {
    wait: Duration,
    limits: Limits,
}

impl Default for FrameConfig {
    fn default() -> Self {
        Self { wait: Duration::from_millis(400), limits: Limits::default() }
    }
}

impl FrameConfig {
    /// How long a missing packet is waited for, from the arrival of the one behind it. Then a key frame is needed. Default
    /// 400 ms, enough for three tries at a round-trip time of 100 ms; at most [`Limits::age`].
    pub fn with_wait(mut self, wait: Duration) -> Self {
        self.wait = wait;
        self
    }

    /// See [`Limits`].
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// What the payload of one packet says about the frame that it belongs to: this crate knows no codec, so the caller's
/// depacketizer tells.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PacketHint {
    /// A frame starts with this packet.
    pub start: bool,
    /// A frame ends with this packet. That is not believed if the packet behind it goes on with the same frame; and a frame
    /// ends without it where the timestamp changes.
    pub end: bool,
    /// The packet starts a frame that needs no other.
    pub key_frame: bool,
    /// No other frame needs this one.
    pub discardable: bool,
    /// The number of the frame, if the format counts them.
    pub picture: Option<Picture>,
}

/// A frame's place among all frames of a stream, modulo a power of two.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Picture {
    /// The number.
    pub id: u16,
    /// How many bits it has before it wraps: 7 or 15 with VP8 and VP9.
    pub bits: u8,
}

impl Picture {
    /// Frames from `earlier` to this one.
    fn since(self, earlier: Self) -> u16 {
        let mask = 1u16.checked_shl(self.bits.into()).map_or(u16::MAX, |above| above.wrapping_sub(1));
        self.id.wrapping_sub(earlier.id) & mask
    }
}

/// What a [`FrameBuffer`] reports.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Packets are lost for good, and nothing can be shown before the next key frame: ask for one. Told once, until a key
    /// frame was given out.
    KeyFrameNeeded,
}

/// Counters of a [`FrameBuffer`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct FrameStats {
    /// Frames given out.
    pub frames: u64,
    /// Key frames among them.
    pub key_frames: u64,
    /// Packets that came too late.
    pub late: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// How often packets were given up.
    pub given_up: u64,
    /// How often the buffer started over.
    pub resets: u64,
    /// Frames of several packets among them.
    pub assembled: u64,
    /// All the time that frames took from their first packet to their last, added up.
    pub assembly_time: Duration,
}

/// Puts the packets of a video stream in order and gives out frame by frame.
///
/// A frame is given out when it is complete, not when the next one starts. Packets of padding alone fill gaps and are never
/// seen. Feed it what [`ReceiveStream`](crate::session::ReceiveStream) accepts, and restored retransmissions.
#[derive(Clone, Debug)]
pub struct FrameBuffer {
    config: FrameConfig,
    ring: Ring<PacketHint>,
    sequence: SequenceUnwrapper,
    state: State,
    /// Those that may become complete, while one is needed.
    key_frames: KeyFrames,
    /// The window starts here once the frame given out last has been used.
    used: i64,
    picture: Option<Picture>,
    event: Option<Event>,
    stats: FrameStats,
}

/// ```text
///            complete key frame
/// NeedsKey ----------------------> Flows
///    ^      packets given up         |
///    +-------------------------------+
/// ```
#[derive(Clone, Copy, Debug)]
enum State {
    /// Nothing can be decoded. Until `told`, the key frame may come by itself, and is asked for at the `deadline`.
    NeedsKey { deadline: Option<Instant>, told: bool },
    /// The next frame starts at the start of the window; up to `scanned` its packets are there and none is its last.
    Flows { scanned: i64 },
}

/// A complete frame, borrowed from the buffer.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    ring: &'a Ring<PacketHint>,
    first: i64,
    last: i64,
    /// Frames were lost between the last one and this.
    pub discontinuity: bool,
    /// It needs no other.
    pub key_frame: bool,
    /// Its sampling instant.
    pub timestamp: RtpTimestamp,
    /// When its first packet came.
    pub began: Instant,
    /// When the packet came that completed it.
    pub arrived: Instant,
}

/// A packet of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FramePacket<'a> {
    /// Its number.
    pub sequence: SequenceNumber,
    /// Its marker bit. Always set on the last packet, whose place is now known for certain.
    pub marker: bool,
    /// Its payload.
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Its packets in order, none missing, without those of padding alone.
    pub fn packets(&self) -> impl Iterator<Item = FramePacket<'a>> + use<'a> {
        let (ring, last) = (self.ring, self.last);
        let slots = (self.first..=last).filter_map(move |number| Some((number, ring.get(number)?)));
        slots.filter(|(_, slot)| !slot.is_padding()).map(move |(number, slot)| FramePacket {
            sequence: wire(number),
            marker: slot.marker || number == last,
            payload: &slot.payload,
        })
    }

    /// Bytes of all payloads.
    pub fn len(&self) -> usize {
        self.packets().map(|packet| packet.payload.len()).sum()
    }

    /// `false`: a frame has a payload.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl FrameBuffer {
    /// Nothing received yet; the first frame given out will be a key frame.
    pub fn new(config: FrameConfig) -> Self {
        Self {
            config,
            ring: Ring::new(config.limits.packets),
            sequence: SequenceUnwrapper::new(),
            state: State::NeedsKey { deadline: None, told: false },
            key_frames: KeyFrames::default(),
            used: 0,
            picture: None,
            event: None,
            stats: FrameStats::default(),
        }
    }

    /// Counters.
    pub const fn stats(&self) -> FrameStats {
        self.stats
    }

    /// Bytes of payload kept.
    pub const fn bytes(&self) -> usize {
        self.ring.bytes()
    }

    /// The lowest number that is still of use: what is missing before it need not be asked for.
    pub fn first(&self) -> SequenceNumber {
        wire(self.ring.first().max(self.used))
    }

    /// The numbers that are missing up to the highest one received.
    pub fn missing(&self) -> impl Iterator<Item = SequenceNumber> + '_ {
        let from = self.ring.next_present(self.ring.first().max(self.used)).unwrap_or(self.ring.end());
        let from = if self.needs_key_frame() { from } else { self.ring.first().max(self.used) };
        (from..self.ring.end()).filter(|number| self.ring.get(*number).is_none()).map(wire)
    }

    /// `true` until a key frame is complete.
    pub const fn needs_key_frame(&self) -> bool {
        matches!(self.state, State::NeedsKey { .. })
    }

    /// A packet of the stream has come, by itself or restored.
    pub fn insert(&mut self, now: Instant, packet: &Packet<'_>, hint: PacketHint) -> Insertion {
        self.reclaim();
        let first = self.sequence.highest().is_none();
        let reset = self.jumps(packet.sequence_number());
        let number = self.sequence.unwrap(packet.sequence_number());
        if first || reset {
            self.ring.restart(number - START_REORDER);
            self.used = self.ring.first();
        }
        if number < self.ring.first() {
            self.stats.late += 1;
            return Insertion::Late;
        }
        if self.ring.get(number).is_some() {
            self.stats.duplicates += 1;
            return Insertion::Duplicate;
        }
        self.make_room(now, number, packet.payload().len());
        let slot = Slot {
            timestamp: packet.timestamp(),
            marker: packet.marker(),
            arrived: now,
            info: hint,
            payload: Vec::new(),
        };
        self.ring.insert(number, slot, packet.payload());
        if self.needs_key_frame() {
            self.key_frames.on_packet(&self.ring, number);
        }
        self.expect_key_frame(now, hint);
        if reset { Insertion::Reset } else { Insertion::Stored }
    }

    /// The next frame, if it is complete. Call until `None`.
    pub fn poll_frame(&mut self, now: Instant) -> Option<Frame<'_>> {
        self.reclaim();
        let (first, last, discontinuity) = loop {
            self.handle_timeout(now);
            let found = match self.state {
                State::Flows { .. } => self.next_in_order().map(|last| (self.used, last, false)),
                State::NeedsKey { .. } => self.key_frames.next(&self.ring).map(|(first, last)| (first, last, true)),
            };
            match found {
                Some(found) => break found,
                // Behind what was skipped, another gap may have been waited for long enough.
                None if self.poll_timeout().is_some_and(|deadline| deadline <= now) => {}
                None => return None,
            }
        };
        self.used = last + 1;
        self.state = State::Flows { scanned: last + 1 };
        self.give_out(first, last, discontinuity)
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::NeedsKey { deadline, told: false } => deadline,
            State::NeedsKey { .. } => None,
            State::Flows { .. } => self.blocked_since().map(|since| since + self.wait()),
        }
    }

    /// Time has passed: what was waited for long enough is given up.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.state {
            State::NeedsKey { deadline: Some(deadline), told: false } if deadline <= now => self.need_key_frame(),
            State::NeedsKey { .. } => {}
            State::Flows { .. } => {
                // Behind one gap there may be another that was noticed as long ago.
                while self.poll_timeout().is_some_and(|deadline| deadline <= now) {
                    self.give_up();
                }
            }
        }
    }

    /// The next thing to report.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.event.take()
    }

    /// A frame that was given out could not be decoded: nothing can be shown before the next key frame.
    pub fn require_key_frame(&mut self) {
        if !self.needs_key_frame() {
            self.state = State::NeedsKey { deadline: None, told: false };
            self.key_frames.look_through(&self.ring);
        }
        self.need_key_frame();
    }

    fn wait(&self) -> Duration {
        self.config.wait.min(self.config.limits.age)
    }

    /// Drops what was given out last.
    fn reclaim(&mut self) {
        self.ring.advance(self.used);
    }

    /// Says `true` when a number is so far from the others that the buffer starts over.
    fn jumps(&mut self, number: SequenceNumber) -> bool {
        let Some(highest) = self.sequence.highest() else { return false };
        if (self.sequence.peek(number) - highest).abs() <= i64::from(self.config.limits.jump) {
            return false;
        }
        debug!(%number, "video buffer: sequence number jumped");
        self.stats.resets += 1;
        self.sequence = SequenceUnwrapper::new();
        self.picture = None;
        self.state = State::NeedsKey { deadline: None, told: false };
        self.key_frames.clear();
        true
    }

    /// At the start of a stream, the key frame comes by itself, unless another frame shows that it is past.
    fn expect_key_frame(&mut self, now: Instant, hint: PacketHint) {
        let wait = self.wait();
        let State::NeedsKey { deadline, told: false } = &mut self.state else { return };
        deadline.get_or_insert(now + wait);
        if hint.start && !hint.key_frame && !self.key_frames.is_started(&self.ring) {
            self.need_key_frame();
        }
    }

    /// Gives up what stands in the way of a packet of that number and length.
    fn make_room(&mut self, now: Instant, number: i64, len: usize) {
        let mut first = self.ring.first().max(number - self.ring.capacity() + 1);
        while let Some(oldest) = self.ring.next_present(first).filter(|oldest| *oldest < number) {
            let too_old = self
                .ring
                .get(oldest)
                .is_some_and(|slot| now.saturating_duration_since(slot.arrived) > self.config.limits.age);
            if !too_old && self.ring.bytes() + len <= self.config.limits.bytes {
                break;
            }
            first = oldest + 1;
            self.drop_before(first);
        }
        self.drop_before(first);
    }

    fn drop_before(&mut self, first: i64) {
        if first > self.ring.first() {
            self.ring.advance(first);
            self.used = self.used.max(first);
            if matches!(self.state, State::Flows { .. }) {
                self.lose();
            }
        }
    }

    /// The last packet of the frame that starts at the start of the window.
    fn next_in_order(&mut self) -> Option<i64> {
        loop {
            if let Some(last) = self.end_of_frame() {
                return Some(last);
            }
            // A gap between two pictures whose numbers follow each other was padding: nothing is waited for.
            let next = self.bridge(false)?;
            self.skip_to(next);
        }
    }

    /// The last packet of the frame that starts at the start of the window, if all its packets are there.
    fn end_of_frame(&mut self) -> Option<i64> {
        let State::Flows { scanned } = self.state else { return None };
        while self.ring.get(self.used).is_some_and(Slot::is_padding) {
            self.used += 1;
        }
        let timestamp = self.ring.get(self.used)?.timestamp;
        let mut number = scanned.max(self.used);
        while let Some(slot) = self.ring.get(number) {
            match ends_at(&self.ring, number, slot, timestamp) {
                Some(last) => return Some(last),
                None => number += 1,
            }
        }
        // The last one is looked at again: whether it is the end may show with its successor.
        self.state = State::Flows { scanned: (number - 1).max(self.used) };
        None
    }

    fn give_out(&mut self, first: i64, last: i64, discontinuity: bool) -> Option<Frame<'_>> {
        let slots = || (first..=last).filter_map(|number| self.ring.get(number));
        let key_frame = slots().any(|slot| slot.info.key_frame);
        let picture = slots().find_map(|slot| slot.info.picture);
        let arrived = slots().map(|slot| slot.arrived).max()?;
        let began = slots().map(|slot| slot.arrived).min()?;
        let timestamp = slots().find(|slot| !slot.is_padding())?.timestamp;
        self.picture = picture;
        self.stats.frames += 1;
        self.stats.key_frames += u64::from(key_frame);
        self.stats.assembled += u64::from(slots().filter(|slot| !slot.is_padding()).count() > 1);
        self.stats.assembly_time += arrived.saturating_duration_since(began);
        Some(Frame { ring: &self.ring, first, last, discontinuity, key_frame, timestamp, began, arrived })
    }

    /// Since when the first gap has been one: since the packet behind it came.
    fn blocked_since(&self) -> Option<Instant> {
        let behind = self.ring.next_present(self.gap()?)?;
        self.ring.get(behind).map(|slot| slot.arrived)
    }

    /// The first missing number, if packets behind it are there.
    fn gap(&self) -> Option<i64> {
        let State::Flows { scanned } = self.state else { return None };
        let start = scanned.max(self.used).max(self.ring.first());
        (start..self.ring.end()).find(|number| self.ring.get(*number).is_none())
    }

    /// Waiting has come to its end.
    fn give_up(&mut self) {
        self.stats.given_up += 1;
        match self.bridge(true) {
            Some(next) => self.skip_to(next),
            None => self.lose(),
        }
    }

    /// Where decoding can go on behind the gap, by the numbers of the pictures: if none is missing, or (`discard`) only such
    /// as no other needs.
    fn bridge(&self, discard: bool) -> Option<i64> {
        let last = self.picture?;
        let gap = self.gap()?;
        let mut behind = self.ring.next_present(gap)?;
        while !self.ring.get(behind)?.info.start {
            behind = self.ring.next_present(behind + 1)?;
        }
        let missing = self.ring.get(behind)?.info.picture?.since(last).checked_sub(1)?;
        if missing > 0 && !discard {
            return None;
        }
        let mut known = 0u16;
        let mut seen = last;
        for slot in (self.used..behind).filter_map(|number| self.ring.get(number)) {
            let Some(picture) = slot.info.picture else { continue };
            if picture != seen {
                known += u16::from(slot.info.discardable);
                seen = picture;
            }
        }
        (known == missing).then_some(behind)
    }

    fn skip_to(&mut self, number: i64) {
        self.ring.advance(number);
        self.used = number;
        self.state = State::Flows { scanned: number };
    }

    /// Frames are lost that others need.
    fn lose(&mut self) {
        debug!(first = %self.first(), "video buffer: packets given up, a key frame is needed");
        // What lies before the gap cannot become a frame any more.
        if let Some(behind) = self.gap().and_then(|gap| self.ring.next_present(gap)) {
            self.ring.advance(behind);
            self.used = behind;
        }
        self.require_key_frame();
    }

    fn need_key_frame(&mut self) {
        if let State::NeedsKey { deadline, told } = &mut self.state {
            *deadline = None;
            if !std::mem::replace(told, true) {
                self.event = Some(Event::KeyFrameNeeded);
            }
        }
    }
}

/// The last packet of a frame with that timestamp, if the one at `number` is it or shows that it came before.
fn ends_at(ring: &Ring<PacketHint>, number: i64, slot: &Slot<PacketHint>, timestamp: RtpTimestamp) -> Option<i64> {
    if slot.is_padding() {
        return None;
    }
    if slot.timestamp != timestamp {
        // Padding between the two frames belongs to neither.
        return (ring.first()..number).rev().find(|before| ring.get(*before).is_none_or(|slot| !slot.is_padding()));
    }
    // Peers mark slices and layers as if they were frames.
    let goes_on =
        ring.get(number + 1).is_some_and(|next| !next.is_padding() && next.timestamp == timestamp && !next.info.start);
    (slot.info.end && !goes_on).then_some(number)
}

#[cfg(test)]
mod tests;
