//! Keys of a telephone that a receiver hears: packets that tell of one key are put together again.
//!
//! Source: [RFC 4733 §2.5](https://www.rfc-editor.org/rfc/rfc4733#section-2.5)

use ortica_codecs::payload::telephone_event::TelephoneEvent;
use ortica_core::Instant;
use ortica_rtp::{RtpTimestamp, Ssrc};
use std::collections::VecDeque;
use std::time::Duration;

/// A key of which no packet came for so long was let go: who holds one says so each 50 ms or sooner.
const SILENCE: Duration = Duration::from_millis(300);
/// Keys that wait to be read. Beyond, the oldest is dropped.
const MAX_UNREAD: usize = 64;
/// The longest that one packet can tell; a key that is held for longer goes on in the next.
const SEGMENT: u16 = u16::MAX;

/// A key that the other side held, or another event of a telephone line.
///
/// Source: [RFC 4733 §3](https://www.rfc-editor.org/rfc/rfc4733#section-3)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct HeardTone {
    /// The key: `0` to `9`, `*`, `#`, `A` to `D`; `None` for what is none.
    pub tone: Option<char>,
    /// Its number, also of what is no key.
    pub event: u8,
    /// How long it was held, as far as packets told.
    pub duration: Duration,
    /// When it began, on the clock of the stream.
    pub timestamp: RtpTimestamp,
    /// The stream.
    pub source: Ssrc,
}

/// The keys of one receiver.
#[derive(Debug, Default)]
pub(in crate::engine) struct HeardTones {
    held: Option<Held>,
    /// The last one that was told of: what comes of it is too late.
    told: Option<(Ssrc, RtpTimestamp)>,
    unread: VecDeque<HeardTone>,
    readable: bool,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    source: Ssrc,
    event: u8,
    began: RtpTimestamp,
    /// Where the segment began that packets tell of now.
    segment: RtpTimestamp,
    /// How long it has been in that segment, in ticks of the clock.
    ticks: u16,
    clock_rate: u32,
    last: Instant,
}

impl HeardTones {
    /// A packet tells of a key; `clock_rate` ticks are a second.
    pub fn handle_packet(
        &mut self,
        now: Instant,
        (source, timestamp): (Ssrc, RtpTimestamp),
        payload: &[u8],
        clock_rate: u32,
    ) {
        let Ok(TelephoneEvent { event, end, duration, .. }) = TelephoneEvent::decode(payload) else { return };
        let is_late = |(of, told): (Ssrc, RtpTimestamp)| of == source && !told.precedes(timestamp);
        if self.told.is_some_and(is_late) {
            return;
        }
        let goes_on = |held: &Held| held.source == source && held.event == event && held.is_at(timestamp);
        if self.held.as_ref().is_some_and(|held| !goes_on(held) && held.is_before(source, timestamp)) {
            self.let_go();
        }
        let held = self.held.get_or_insert(Held {
            source,
            event,
            began: timestamp,
            segment: timestamp,
            ticks: 0,
            clock_rate: clock_rate.max(1),
            last: now,
        });
        if !goes_on(held) {
            return;
        }
        if held.segment != timestamp {
            (held.segment, held.ticks) = (timestamp, 0);
        }
        (held.ticks, held.last) = (held.ticks.max(duration), now);
        if end {
            self.let_go();
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|due| due <= now) {
            self.let_go();
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.held.as_ref().map(|held| held.last + SILENCE)
    }

    /// The oldest that was not read.
    pub fn read(&mut self) -> Option<HeardTone> {
        self.unread.pop_front()
    }

    /// `true`, once, when there is one to read where none was.
    pub fn take_readable(&mut self) -> bool {
        std::mem::take(&mut self.readable)
    }

    fn let_go(&mut self) {
        let Some(held) = self.held.take() else { return };
        self.told = Some((held.source, held.segment));
        if self.unread.len() >= MAX_UNREAD {
            self.unread.pop_front();
        }
        self.readable |= self.unread.is_empty();
        self.unread.push_back(held.heard());
    }
}

impl Held {
    /// Whether a packet of that time is of its present segment, or of the next.
    fn is_at(&self, timestamp: RtpTimestamp) -> bool {
        timestamp == self.segment || self.ticks == SEGMENT && timestamp == self.segment + u32::from(SEGMENT)
    }

    fn is_before(&self, source: Ssrc, timestamp: RtpTimestamp) -> bool {
        self.source != source || self.segment.precedes(timestamp)
    }

    fn heard(&self) -> HeardTone {
        let ticks = self.began.distance(self.segment).max(0) as u64 + u64::from(self.ticks);
        HeardTone {
            tone: TelephoneEvent::key_of(self.event),
            event: self.event,
            duration: Duration::from_nanos(ticks * 1_000_000_000 / u64::from(self.clock_rate)),
            timestamp: self.began,
            source: self.source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn at(ms: u32) -> Instant {
        Instant::from_nanos(0) + ms * MS
    }

    fn tell(tones: &mut HeardTones, ms: u32, timestamp: u32, (event, end, duration): (u8, bool, u16)) {
        let event = TelephoneEvent { event, end, volume: 10, duration };
        tones.handle_packet(at(ms), (Ssrc(1), RtpTimestamp(timestamp)), &event.encode(), 8_000);
    }

    fn read(tones: &mut HeardTones) -> Vec<(Option<char>, u128)> {
        std::iter::from_fn(|| tones.read()).map(|heard| (heard.tone, heard.duration.as_millis())).collect()
    }

    #[test]
    fn a_key_is_told_once_however_often_its_end_is() {
        let mut tones = HeardTones::default();
        for (ms, end, duration) in [(0, false, 160), (20, false, 320), (40, true, 400), (50, true, 400)] {
            tell(&mut tones, ms, u32::MAX - 5, (1, end, duration));
        }
        assert!(tones.take_readable() && !tones.take_readable());
        assert_eq!(read(&mut tones), [(Some('1'), 50)]);
        assert_eq!(tones.poll_timeout(), None);
        tell(&mut tones, 200, 1_000, (11, true, 800));
        tell(&mut tones, 220, u32::MAX - 5, (1, true, 400));
        assert_eq!(read(&mut tones), [(Some('#'), 100)], "what comes late says nothing");
    }

    #[test]
    fn a_key_whose_end_is_lost_ends_with_the_next_or_in_silence() {
        let mut tones = HeardTones::default();
        tell(&mut tones, 0, 100, (2, false, 400));
        tell(&mut tones, 100, 2_000, (2, false, 160));
        assert_eq!(read(&mut tones), [(Some('2'), 50)]);
        tones.handle_timeout(at(399));
        assert_eq!(read(&mut tones), []);
        assert_eq!(tones.poll_timeout(), Some(at(400)));
        tones.handle_timeout(at(400));
        assert_eq!(read(&mut tones), [(Some('2'), 20)]);
    }

    #[test]
    fn a_long_key_is_one_however_many_segments_it_has() {
        let mut tones = HeardTones::default();
        tell(&mut tones, 0, 500, (3, false, SEGMENT));
        tell(&mut tones, 20, 500 + u32::from(SEGMENT), (3, false, 160));
        tell(&mut tones, 40, 500 + u32::from(SEGMENT), (3, true, 1_465));
        let heard = tones.read().unwrap();
        assert_eq!((heard.duration, heard.timestamp), (Duration::from_nanos(67_000 * 125_000), RtpTimestamp(500)));
        assert_eq!(tones.read(), None);
    }

    #[test]
    fn what_is_no_key_has_its_number_and_no_more_wait_than_fit() {
        let mut tones = HeardTones::default();
        tell(&mut tones, 0, 1, (16, true, 400));
        let heard = tones.read().unwrap();
        assert_eq!((heard.tone, heard.event), (None, 16));
        tones.handle_packet(at(1), (Ssrc(1), RtpTimestamp(9)), &[1, 2], 8_000);
        (0..100).for_each(|number| tell(&mut tones, 2, 1_000 * (number + 1), (5, true, 80)));
        assert_eq!(read(&mut tones).len(), MAX_UNREAD);
    }
}
