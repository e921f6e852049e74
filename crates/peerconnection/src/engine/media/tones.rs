//! Keys of a telephone that a sender plays: when each begins and ends, and the packets that say so.
//!
//! Source: [webrtc-pc §7.2](https://www.w3.org/TR/webrtc/#dom-rtcdtmfsender-insertdtmf),
//! [RFC 4733 §2.5](https://www.rfc-editor.org/rfc/rfc4733#section-2.5)

use ortica_codecs::payload::telephone_event::TelephoneEvent;
use ortica_core::Instant;
use std::collections::VecDeque;
use std::time::Duration;
use thiserror::Error;

/// How long a comma waits.
const COMMA: Duration = Duration::from_secs(2);
/// Between packets of a key that is held (RFC 4733 §2.5.1.2 has the interval of the sound).
const UPDATE: Duration = Duration::from_millis(20);
/// Between the packets that say that it was let go: three, of which the last leaves before the shortest gap ends.
const REPEAT: Duration = Duration::from_millis(10);
/// How often that is said.
const ENDS: u8 = 3;
/// Ticks that one packet can speak of. A key that is held longer is told in segments (RFC 4733 §2.5.1.3).
const SEGMENT: u32 = 0xffff;
/// As loud as others have it, in decibels below 1 mW.
const VOLUME: u8 = 10;
/// Keys that may wait.
const MAX_TONES: usize = 1_024;

/// Why keys are not played.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum DtmfError {
    /// An `InvalidStateError`: nothing is sent, or the peer takes no such events at the rate of the codec that is sent.
    #[error("no tones can be sent")]
    InvalidState,
    /// An `InvalidCharacterError`: something else than `0` to `9`, `A` to `D`, `*`, `#` and the comma.
    #[error("{0:?} is no tone")]
    InvalidCharacter(char),
    /// More than 1,024 tones.
    #[error("too many tones")]
    TooMany,
}

/// What is to be played, and what is being played.
#[derive(Debug)]
pub(super) struct Tones {
    buffer: VecDeque<char>,
    duration: Duration,
    gap: Duration,
    /// When the next key of the buffer is due.
    next: Option<Instant>,
    held: Option<Held>,
    /// To be told: a key that begins, or `None` after the last.
    changes: VecDeque<Option<char>>,
}

/// A key that is held, or whose end is still being told.
#[derive(Debug)]
struct Held {
    event: u8,
    begun: Instant,
    ends: Instant,
    /// Ticks from its beginning to that of the present segment.
    segment: u32,
    is_first: bool,
    next_packet: Instant,
    ends_left: u8,
}

/// A packet of a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct TonePacket {
    /// When the key began.
    pub begun: Instant,
    /// What is added to the timestamp of that moment.
    pub offset: u32,
    /// The first packet of the key.
    pub marker: bool,
    pub event: TelephoneEvent,
}

impl Default for Tones {
    fn default() -> Self {
        Self {
            buffer: VecDeque::new(),
            duration: Duration::ZERO,
            gap: Duration::ZERO,
            next: None,
            held: None,
            changes: VecDeque::new(),
        }
    }
}

impl Tones {
    /// Plays these keys in place of those that wait. One that is held already is played to its end.
    pub fn insert(&mut self, now: Instant, tones: &str, duration: Duration, gap: Duration) -> Result<(), DtmfError> {
        if let Some(wrong) = tones.chars().find(|key| *key != ',' && TelephoneEvent::of_key(*key).is_none()) {
            return Err(DtmfError::InvalidCharacter(wrong));
        }
        if tones.len() > MAX_TONES {
            return Err(DtmfError::TooMany);
        }
        self.buffer = tones.chars().map(|key| key.to_ascii_uppercase()).collect();
        self.duration = duration.clamp(Duration::from_millis(40), Duration::from_secs(6));
        self.gap = gap.clamp(Duration::from_millis(30), Duration::from_secs(6));
        if self.next.is_none() && !self.buffer.is_empty() {
            self.next = Some(now);
            self.handle_timeout(now);
        }
        Ok(())
    }

    /// Nothing is played any more, and nothing told.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// What waits.
    pub fn buffer(&self) -> String {
        self.buffer.iter().collect()
    }

    /// A key is held, which takes the place of sound.
    pub fn is_sounding(&self, now: Instant) -> bool {
        self.held.as_ref().is_some_and(|held| now < held.ends)
    }

    /// The next thing to tell: a key that began, or `None` after the last.
    pub fn poll_change(&mut self) -> Option<Option<char>> {
        self.changes.pop_front()
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let packet = self.held.as_ref().map(|held| held.next_packet);
        [self.next, packet].into_iter().flatten().min()
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(due) = self.next.filter(|due| *due <= now) {
            let Some(key) = self.buffer.pop_front() else {
                self.next = None;
                self.changes.push_back(None);
                return;
            };
            let then = match TelephoneEvent::of_key(key) {
                Some(event) => {
                    self.held = Some(Held::new(event, due, self.duration));
                    due + self.duration + self.gap
                }
                None => due + COMMA,
            };
            self.next = Some(then);
            self.changes.push_back(Some(key));
        }
    }

    /// The next packet that is due, where `clock_rate` ticks are a second.
    pub fn poll_packet(&mut self, now: Instant, clock_rate: u32) -> Option<TonePacket> {
        let held = self.held.as_mut().filter(|held| held.next_packet <= now)?;
        let packet = held.packet(now, clock_rate);
        if held.ends_left == 0 {
            self.held = None;
        }
        Some(packet)
    }
}

impl Held {
    fn new(event: u8, begun: Instant, duration: Duration) -> Self {
        let next_packet = begun + UPDATE;
        Self { event, begun, ends: begun + duration, segment: 0, is_first: true, next_packet, ends_left: ENDS }
    }

    fn packet(&mut self, now: Instant, clock_rate: u32) -> TonePacket {
        let until = now.min(self.ends);
        let held = until.saturating_duration_since(self.begun).as_nanos() * u128::from(clock_rate) / 1_000_000_000;
        let in_segment = (held as u32).saturating_sub(self.segment);
        let (duration, is_full) = (in_segment.min(SEGMENT), in_segment > SEGMENT);
        let end = until == self.ends && !is_full;
        let event = TelephoneEvent { event: self.event, end, volume: VOLUME, duration: duration as u16 };
        let marker = std::mem::take(&mut self.is_first);
        let packet = TonePacket { begun: self.begun, offset: self.segment, marker, event };
        if is_full {
            // What goes beyond is told at once, in a segment of its own.
            self.segment += SEGMENT;
        } else if end {
            self.ends_left -= 1;
            self.next_packet = now + REPEAT;
        } else {
            self.next_packet = (now + UPDATE).min(self.ends);
        }
        packet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);
    const START: Instant = Instant::from_nanos(1_000_000_000);

    /// Each with when it was, in milliseconds.
    #[derive(Default)]
    struct Played {
        told: Vec<(u128, Option<char>)>,
        packets: Vec<(u128, TonePacket)>,
    }

    /// Plays until nothing is left.
    fn play(tones: &mut Tones, clock_rate: u32) -> Played {
        let mut played = Played::default();
        let mut now = START;
        loop {
            let at = now.saturating_duration_since(START).as_millis();
            tones.handle_timeout(now);
            played.told.extend(std::iter::from_fn(|| tones.poll_change()).map(|change| (at, change)));
            let packets = std::iter::from_fn(|| tones.poll_packet(now, clock_rate));
            played.packets.extend(packets.map(|packet| (at, packet)));
            let Some(next) = tones.poll_timeout() else { return played };
            assert!(next > now, "polling ends");
            now = next;
        }
    }

    #[test]
    fn keys_follow_each_other_after_duration_and_gap() {
        let mut tones = Tones::default();
        tones.insert(START, "a,2", 100 * MILLI, 70 * MILLI).unwrap();
        assert_eq!(tones.buffer(), ",2");
        let Played { told, packets } = play(&mut tones, 8_000);
        assert_eq!(told, [(0, Some('A')), (170, Some(',')), (2_170, Some('2')), (2_340, None)]);
        let first: Vec<_> = packets.iter().take_while(|(at, _)| *at < 2_000).collect();
        let durations: Vec<u16> = first.iter().map(|(_, packet)| packet.event.duration).collect();
        assert_eq!(durations, [160, 320, 480, 640, 800, 800, 800]);
        assert_eq!(first.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [20, 40, 60, 80, 100, 110, 120]);
        assert!(first.iter().enumerate().all(|(at, (_, packet))| packet.marker == (at == 0)));
        assert!(first.iter().enumerate().all(|(at, (_, packet))| packet.event.end == (at >= 4)));
        assert!(first.iter().all(|(_, packet)| (packet.event.event, packet.begun, packet.offset) == (12, START, 0)));
    }

    /// Guards `SEGMENT` and `ENDS`.
    #[test]
    fn pay_6_a_long_key_is_told_in_segments_and_its_end_three_times() {
        let mut tones = Tones::default();
        tones.insert(START, "1", Duration::from_secs(9), Duration::ZERO).unwrap();
        let Played { told, packets } = play(&mut tones, 48_000);
        assert_eq!(told, [(0, Some('1')), (6_030, None)]);
        let full: Vec<u32> =
            packets.iter().filter(|(_, it)| it.event.duration == 0xffff).map(|(_, it)| it.offset).collect();
        assert_eq!(full, [0, 0xffff, 2 * 0xffff, 3 * 0xffff]);
        let (_, last) = packets.last().unwrap();
        assert_eq!(last.offset + u32::from(last.event.duration), 6 * 48_000);
        assert!(last.event.end && packets.iter().filter(|(_, packet)| packet.event.end).count() == 3);
        assert_eq!(packets.iter().filter(|(_, packet)| packet.marker).count(), 1);
    }

    #[test]
    fn what_is_no_key_changes_nothing() {
        let mut tones = Tones::default();
        tones.insert(START, "12", 100 * MILLI, 70 * MILLI).unwrap();
        assert_eq!(tones.insert(START, "3E", 100 * MILLI, 70 * MILLI), Err(DtmfError::InvalidCharacter('E')));
        assert_eq!(tones.insert(START, &"1".repeat(1_025), MILLI, MILLI), Err(DtmfError::TooMany));
        assert_eq!(tones.buffer(), "2");
    }
}
