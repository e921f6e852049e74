//! Audio packets in order, the lost ones by name.

mod copies;

use super::ring::{Ring, Slot, wire};
use super::{Insertion, Limits};
use crate::id::PayloadType;
use crate::packet::Packet;
use crate::sequence::{RtpTimestamp, SequenceNumber, SequenceUnwrapper, TimestampUnwrapper};
use ortica_core::Instant;
use std::time::Duration;
use tracing::debug;

/// How far before the first packet of a stream another one may still come.
const START_REORDER: i64 = 32;
/// The most lost packets in a row that are given out. Nobody makes up for more than a second.
const MAX_LOST: i64 = 50;

/// When packets are given out.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Delivery {
    /// At once if none is missing before them: for who forwards, records or echoes, or plays from a buffer of its own. Only a
    /// gap is waited for, as long as the delay says. Adds no latency where nothing is lost or reordered.
    #[default]
    Immediate,
    /// Each after the same time since it was sent, the delay: for who plays each packet as it comes out.
    Paced,
}

/// How an [`AudioBuffer`] delays.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AudioConfig {
    clock_rate: u32,
    delivery: Delivery,
    min_delay: Duration,
    max_delay: Duration,
    limits: Limits,
}

impl AudioConfig {
    /// For a stream whose timestamps count `clock_rate` (1 at least) in a second.
    pub fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate: clock_rate.max(1),
            delivery: Delivery::default(),
            min_delay: Duration::from_millis(10),
            max_delay: Duration::from_millis(200),
            limits: Limits::default(),
        }
    }

    /// When packets are given out. Default [`Delivery::Immediate`].
    pub fn with_delivery(mut self, delivery: Delivery) -> Self {
        self.delivery = delivery;
        self
    }

    /// The range of the delay, within which it follows the variation of the transit time. Default 10 to 200 ms; equal ends
    /// fix it.
    pub fn with_delay(mut self, min: Duration, max: Duration) -> Self {
        (self.min_delay, self.max_delay) = (min, max.max(min));
        self
    }

    /// See [`Limits`].
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// What an [`AudioBuffer`] gives out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Playout<'a> {
    /// The next packet.
    Packet(AudioPacket<'a>),
    /// The next packet is lost: the decoder should make up for it.
    Lost {
        /// Its number.
        sequence: SequenceNumber,
        /// Its timestamp, by those of the packets before and behind it.
        timestamp: RtpTimestamp,
        /// The payload of the packet behind it, if that is there: it may hold a copy of what was lost.
        next: Option<&'a [u8]>,
    },
}

/// A packet of audio.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AudioPacket<'a> {
    /// Its number.
    pub sequence: SequenceNumber,
    /// Its sampling instant.
    pub timestamp: RtpTimestamp,
    /// What its payload is. One that was copied has that of the packet it came in.
    pub payload_type: PayloadType,
    /// It is the first after silence.
    pub marker: bool,
    /// Its payload.
    pub payload: &'a [u8],
    /// When it came.
    pub arrived: Instant,
}

/// Counters of an [`AudioBuffer`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct AudioStats {
    /// Packets given out.
    pub packets: u64,
    /// Packets given out as lost.
    pub lost: u64,
    /// Packets that came too late.
    pub late: u64,
    /// Packets that came twice.
    pub duplicates: u64,
    /// How often the buffer started over.
    pub resets: u64,
    /// Packets dropped because nobody took them in time.
    pub overflowed: u64,
    /// Copies that took the place of packets which were missing.
    pub copies: u64,
    /// All the time that packets spent in the buffer, added up.
    pub buffered: Duration,
}

/// What is kept beside a packet.
#[derive(Clone, Copy, Debug)]
struct Info {
    /// Its timestamp with its cycles.
    time: i64,
    payload_type: PayloadType,
}

/// Puts the packets of an audio stream in order.
#[derive(Clone, Debug)]
pub struct AudioBuffer {
    config: AudioConfig,
    ring: Ring<Info>,
    sequence: SequenceUnwrapper,
    timestamps: TimestampUnwrapper,
    /// The next number to give out; what lies before it in the ring was given out and is about to be dropped.
    next: i64,
    /// Whether something was given out: before that, earlier packets may still come.
    started: bool,
    /// Of the packet given out last, with its cycles.
    last_timestamp: Option<i64>,
    delay: DelayEstimate,
    stats: AudioStats,
}

impl AudioBuffer {
    /// Nothing received yet.
    pub fn new(config: AudioConfig) -> Self {
        Self {
            config,
            ring: Ring::new(config.limits.packets),
            sequence: SequenceUnwrapper::new(),
            timestamps: TimestampUnwrapper::new(),
            next: 0,
            started: false,
            last_timestamp: None,
            delay: DelayEstimate::new(Duration::ZERO),
            stats: AudioStats::default(),
        }
    }

    /// Counters.
    pub const fn stats(&self) -> AudioStats {
        self.stats
    }

    /// Bytes of payload kept.
    pub const fn bytes(&self) -> usize {
        self.ring.bytes()
    }

    /// For how long packets, or with [`Delivery::Immediate`] gaps, are held back now.
    pub fn delay(&self) -> Duration {
        (self.delay.target + self.delay.target / 4).clamp(self.config.min_delay, self.config.max_delay)
    }

    /// Changes the range of the delay: see [`AudioConfig::with_delay`].
    pub fn set_delay(&mut self, min: Duration, max: Duration) {
        self.config = self.config.with_delay(min, max);
    }

    /// The lowest number that is still of use: what is missing before it need not be asked for.
    pub fn first(&self) -> SequenceNumber {
        wire(self.next)
    }

    /// A packet of the stream has come, by itself or restored.
    pub fn insert(&mut self, now: Instant, packet: &Packet<'_>) -> Insertion {
        self.reclaim();
        let first = self.sequence.highest().is_none();
        let reset = self.jumps(packet.sequence_number());
        let number = self.sequence.unwrap(packet.sequence_number());
        if first || reset {
            self.ring.restart(number - START_REORDER);
            (self.next, self.started, self.last_timestamp) = (number, false, None);
        }
        let timestamp = self.timestamps.unwrap(packet.timestamp());
        // Without a payload nothing was captured at that moment.
        if !packet.payload().is_empty() {
            self.delay.observe(now, self.nanos(timestamp));
        }
        if number < self.next && self.started || number < self.ring.first() {
            self.stats.late += 1;
            return Insertion::Late;
        }
        if self.ring.get(number).is_some() {
            self.stats.duplicates += 1;
            return Insertion::Duplicate;
        }
        // Before the first was given out, one that it overtook takes its place.
        self.next = self.next.min(number);
        self.make_room(now, number, packet.payload().len());
        let (marker, payload) = (packet.marker(), Vec::new());
        let info = Info { time: timestamp, payload_type: packet.payload_type() };
        let slot = Slot { timestamp: packet.timestamp(), marker, arrived: now, info, payload };
        self.ring.insert(number, slot, packet.payload());
        if reset { Insertion::Reset } else { Insertion::Stored }
    }

    /// The next packet, or the news that it is lost, if it is time. Call until `None`.
    pub fn poll(&mut self, now: Instant) -> Option<Playout<'_>> {
        self.reclaim();
        self.skip_silence();
        if self.poll_timeout().is_none_or(|due| due > now) {
            return None;
        }
        let behind = self.ring.next_present(self.next)?;
        let number = self.next.max(behind - MAX_LOST);
        self.stats.lost += (number - self.next) as u64;
        let timestamp = self.estimate(number, behind)?;
        self.last_timestamp = Some(timestamp);
        (self.next, self.started) = (number + 1, true);
        if number < behind {
            self.stats.lost += 1;
            let next = self.ring.get(number + 1).map(|slot| &*slot.payload).filter(|payload| !payload.is_empty());
            return Some(Playout::Lost { sequence: wire(number), timestamp: RtpTimestamp(timestamp as u32), next });
        }
        let &Slot { timestamp, marker, arrived, info, ref payload } = self.ring.get(number)?;
        let payload_type = info.payload_type;
        self.stats.packets += 1;
        self.stats.buffered += now.saturating_duration_since(arrived);
        let sequence = wire(number);
        Some(Playout::Packet(AudioPacket { sequence, timestamp, payload_type, marker, payload, arrived }))
    }

    /// When [`poll`](Self::poll) will give something out: possibly now or before. `None` if nothing is there.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let behind = self.ring.next_present(self.next)?;
        let arrived = self.ring.get(behind)?.arrived;
        match self.config.delivery {
            Delivery::Immediate if behind == self.next => Some(arrived),
            Delivery::Immediate => Some(arrived + self.delay()),
            Delivery::Paced => {
                let due = self.delay.on_time(self.nanos(self.estimate(self.next, behind)?)) + self.delay();
                // Timestamps may jump into the far future.
                Some(due.min(arrived + self.config.limits.age))
            }
        }
    }

    /// Drops what was given out.
    fn reclaim(&mut self) {
        if self.started {
            self.ring.advance(self.next);
        }
    }

    /// Packets without a payload fill gaps and are never seen.
    fn skip_silence(&mut self) {
        while let Some(slot) = self.ring.get(self.next).filter(|slot| slot.is_padding()) {
            self.last_timestamp = Some(slot.info.time);
            self.next += 1;
        }
    }

    /// Says `true` when a number is so far from the others that the buffer starts over.
    fn jumps(&mut self, number: SequenceNumber) -> bool {
        let Some(highest) = self.sequence.highest() else { return false };
        if (self.sequence.peek(number) - highest).abs() <= i64::from(self.config.limits.jump) {
            return false;
        }
        debug!(%number, "audio buffer: sequence number jumped");
        self.stats.resets += 1;
        (self.sequence, self.timestamps) = (SequenceUnwrapper::new(), TimestampUnwrapper::new());
        true
    }

    /// Drops what stands in the way of a packet of that number and length.
    fn make_room(&mut self, now: Instant, number: i64, len: usize) {
        let mut first = self.next.max(number - self.ring.capacity() + 1);
        while let Some(oldest) = self.ring.next_present(first).filter(|oldest| *oldest < number) {
            let slot = self.ring.get(oldest);
            let old = slot.is_some_and(|slot| now.saturating_duration_since(slot.arrived) > self.config.limits.age);
            if !old && self.ring.bytes() + len <= self.config.limits.bytes {
                break;
            }
            first = oldest + 1;
            self.drop_before(first);
        }
        self.drop_before(first);
        // The places held open for packets that the first has overtaken go first.
        self.ring.advance(number - self.ring.capacity() + 1);
    }

    fn drop_before(&mut self, first: i64) {
        if first > self.next {
            let dropped = (self.next..first).filter(|number| self.ring.get(*number).is_some()).count() as u64;
            self.stats.overflowed += dropped;
            self.stats.lost += (first - self.next) as u64 - dropped;
            self.ring.advance(first);
            (self.next, self.started, self.last_timestamp) = (first, true, None);
        }
    }

    /// The timestamp of the packet `number`, which is either the first that is there, at `behind`, or missing before it.
    fn estimate(&self, number: i64, behind: i64) -> Option<i64> {
        let there = self.ring.get(behind)?.info.time;
        let Some(last) = self.last_timestamp.filter(|last| *last < there && number < behind) else {
            return Some(there);
        };
        // The one given out last is at `next - 1`.
        let (steps, all) = (number - self.next + 1, behind - self.next + 1);
        Some(last + (there - last) * steps / all)
    }

    fn nanos(&self, timestamp: i64) -> i64 {
        (i128::from(timestamp) * 1_000_000_000 / i128::from(self.config.clock_rate)) as i64
    }
}

/// How much later than the fastest packets arrive.
#[derive(Clone, Debug)]
struct DelayEstimate {
    /// Most packets are not later than this, and none that came lately.
    target: Duration,
    /// The shortest transit time in nanoseconds, of this span and the one before: clocks drift and paths change.
    shortest: [Option<i64>; 2],
    span_started: Option<Instant>,
}

/// How long the shortest transit time is remembered, at least.
const SPAN: Duration = Duration::from_secs(5);
/// A transit time that differs by more is another clock.
const OTHER_CLOCK: Duration = Duration::from_secs(2);

impl DelayEstimate {
    const fn new(target: Duration) -> Self {
        Self { target, shortest: [None; 2], span_started: None }
    }

    /// A packet of the media time `media` has come.
    fn observe(&mut self, now: Instant, media: i64) {
        let transit = (now.as_nanos() as i64).saturating_sub(media);
        if self.transit().is_some_and(|shortest| shortest.abs_diff(transit) > OTHER_CLOCK.as_nanos() as u64) {
            *self = Self::new(self.target);
        }
        if self.span_started.is_none_or(|start| now.saturating_duration_since(start) >= SPAN) {
            let [present, _] = self.shortest;
            (self.shortest, self.span_started) = ([None, present], Some(now));
        }
        let [present, _] = &mut self.shortest;
        *present = Some(present.map_or(transit, |shortest| shortest.min(transit)));
        let late = Duration::from_nanos(transit.saturating_sub(self.transit().unwrap_or(transit)).max(0) as u64);
        // Up at once, as each packet that comes too late is heard; down slowly, over ten seconds of packets.
        if late > self.target {
            self.target = late;
        } else {
            self.target -= (self.target - late) / 512;
        }
    }

    /// When the packet of the media time `media` comes if it is as fast as the fastest.
    fn on_time(&self, media: i64) -> Instant {
        Instant::from_nanos(media.saturating_add(self.transit().unwrap_or(0)).max(0) as u64)
    }

    fn transit(&self) -> Option<i64> {
        self.shortest.iter().flatten().min().copied()
    }
}

#[cfg(test)]
mod tests;
