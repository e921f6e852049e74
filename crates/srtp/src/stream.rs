//! What is remembered per SSRC.

use crate::replay::ReplayWindow;
use crate::rollover::estimate;

/// Bounds of a context's tables.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// SSRCs remembered, for RTP and for RTCP each; at least 1. Default: 1,024, which takes 170 KiB when all are used.
    ///
    /// Beyond it, a receiver forgets the SSRC that was silent longest, whose packets could then be received once more: an
    /// SSRC enters the table only by an authentic packet, so the peer alone can bring that about. A sender refuses a
    /// further SSRC, because forgetting one would let its key stream be used twice.
    pub streams: usize,
    /// SSRCs that are remembered by name alone, since they are not to be used again ([`Context::retire`](crate::Context::retire)).
    /// Default: 65,536, which takes 256 KiB when all are used. Beyond it, a stream that is retired keeps its place among
    /// [`streams`](Self::streams).
    pub retired: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { streams: 1024, retired: 65_536 }
    }
}

/// The streams of one direction, sorted by SSRC.
pub(crate) struct Streams<const WORDS: usize> {
    limit: usize,
    /// Counts packets, to know which stream was silent longest.
    accepted: u64,
    /// Where the last lookup ended: packets of a stream come in runs.
    last: usize,
    streams: Vec<Stream<WORDS>>,
    /// Those that are over, sorted, and how many those may be.
    retired: Vec<u32>,
    retired_limit: usize,
}

struct Stream<const WORDS: usize> {
    ssrc: u32,
    /// The rollover counter to start from, as long as the window is empty.
    rollover: u32,
    /// [`Streams::accepted`] at the latest packet.
    used: u64,
    window: ReplayWindow<WORDS>,
}

impl<const WORDS: usize> Streams<WORDS> {
    pub(crate) const fn new(limits: Limits) -> Self {
        let limit = if limits.streams == 0 { 1 } else { limits.streams };
        let retired_limit = limits.retired;
        Self { limit, accepted: 0, last: 0, streams: Vec::new(), retired: Vec::new(), retired_limit }
    }

    /// The index of the packet `sequence` of `ssrc`; `None` when the last index was used up.
    pub(crate) fn estimate(&mut self, ssrc: u32, sequence: u16) -> Option<u64> {
        let Some(stream) = self.get(ssrc) else {
            return Some(u64::from(sequence));
        };
        match stream.window.highest() {
            Some(highest) => estimate(highest, sequence),
            None => Some(u64::from(stream.rollover) << 16 | u64::from(sequence)),
        }
    }

    /// `true` if `index` is not known to have been used by `ssrc`.
    pub(crate) fn is_fresh(&mut self, ssrc: u32, index: u64) -> bool {
        self.get(ssrc).is_none_or(|stream| stream.window.is_fresh(index))
    }

    /// `true` if `index` was used by `ssrc` not long ago.
    pub(crate) fn is_recent(&mut self, ssrc: u32, index: u64) -> bool {
        self.get(ssrc).is_some_and(|stream| stream.window.is_within(index) && !stream.window.is_fresh(index))
    }

    /// `true` if `ssrc` can be entered without forgetting another one.
    pub(crate) fn has_room_for(&mut self, ssrc: u32) -> bool {
        self.streams.len() < self.limit || self.get(ssrc).is_some()
    }

    /// Notes that `index` of `ssrc` was authentic, or sent. Returns `true` if another SSRC was forgotten for it.
    pub(crate) fn accept(&mut self, ssrc: u32, index: u64) -> bool {
        self.accepted += 1;
        let used = self.accepted;
        let (stream, forgot) = self.get_or_insert(ssrc);
        stream.window.accept(index);
        stream.used = used;
        forgot
    }

    /// Forgets all of `ssrc` but its name, if there is room for that.
    pub(crate) fn retire(&mut self, ssrc: u32) {
        let (Ok(position), Err(place)) = (self.find(ssrc), self.retired.binary_search(&ssrc)) else { return };
        if self.retired.len() < self.retired_limit {
            self.streams.remove(position);
            self.retired.insert(place, ssrc);
        }
    }

    /// `true` if `ssrc` is over for good.
    pub(crate) fn is_retired(&self, ssrc: u32) -> bool {
        self.retired.binary_search(&ssrc).is_ok()
    }

    /// The rollover counter of `ssrc`.
    pub(crate) fn rollover(&self, ssrc: u32) -> Option<u32> {
        let position = self.streams.binary_search_by_key(&ssrc, |stream| stream.ssrc).ok()?;
        let stream = self.streams.get(position)?;
        Some(stream.window.highest().map_or(stream.rollover, |highest| (highest >> 16) as u32))
    }

    /// Lets `ssrc` start from `rollover`. Returns `false`, and does nothing, if it has started.
    pub(crate) fn start_from(&mut self, ssrc: u32, rollover: u32) -> bool {
        let (stream, _) = self.get_or_insert(ssrc);
        let is_new = stream.window.highest().is_none();
        if is_new {
            stream.rollover = rollover;
        }
        is_new
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.streams.len()
    }

    fn get(&mut self, ssrc: u32) -> Option<&mut Stream<WORDS>> {
        self.find(ssrc).ok().and_then(|position| self.streams.get_mut(position))
    }

    /// Also says if another stream was forgotten.
    #[expect(clippy::indexing_slicing, reason = "the position is that of the stream found or just inserted")]
    fn get_or_insert(&mut self, ssrc: u32) -> (&mut Stream<WORDS>, bool) {
        let mut forgot = false;
        let position = match self.find(ssrc) {
            Ok(position) => position,
            Err(mut position) => {
                if self.streams.len() >= self.limit {
                    let forgotten = self.forget_one();
                    position -= usize::from(forgotten < position);
                    forgot = true;
                }
                let stream = Stream { ssrc, rollover: 0, used: self.accepted, window: ReplayWindow::new() };
                self.streams.insert(position, stream);
                self.last = position;
                position
            }
        };
        (&mut self.streams[position], forgot)
    }

    /// Removes the stream that was silent longest, and returns where it was.
    fn forget_one(&mut self) -> usize {
        let silent_longest = self.streams.iter().enumerate().min_by_key(|(_, stream)| stream.used);
        let position = silent_longest.map_or(0, |(position, _)| position);
        self.streams.remove(position);
        position
    }

    /// Where `ssrc` is, or else where it belongs.
    fn find(&mut self, ssrc: u32) -> Result<usize, usize> {
        if self.streams.get(self.last).is_some_and(|stream| stream.ssrc == ssrc) {
            return Ok(self.last);
        }
        let found = self.streams.binary_search_by_key(&ssrc, |stream| stream.ssrc);
        if let Ok(position) = found {
            self.last = position;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_do_not_share_windows() {
        let mut streams = Streams::<2>::new(Limits::default());
        for ssrc in [5, 1, 9, 3] {
            assert!(streams.is_fresh(ssrc, 7));
            streams.accept(ssrc, 7);
            assert!(!streams.is_fresh(ssrc, 7));
        }
        assert!(streams.is_fresh(4, 7));
        assert_eq!(streams.streams.iter().map(|stream| stream.ssrc).collect::<Vec<_>>(), [1, 3, 5, 9]);
    }

    #[test]
    fn srtp_8_the_stream_silent_longest_makes_room() {
        let mut streams = Streams::<2>::new(Limits { streams: 3, ..Limits::default() });
        for (ssrc, index) in [(30, 0), (10, 1), (20, 1), (30, 1)] {
            assert!(!streams.accept(ssrc, index));
        }
        assert!(!streams.has_room_for(40));
        assert!(streams.has_room_for(10));
        assert!(streams.accept(40, 1), "10 is forgotten");
        assert_eq!(streams.len(), 3);
        assert!(streams.is_fresh(10, 1));
        assert!([20, 30, 40].into_iter().all(|ssrc| !streams.is_fresh(ssrc, 1)));
        assert!(streams.accept(15, 1), "20 is forgotten");
        assert_eq!(streams.streams.iter().map(|stream| stream.ssrc).collect::<Vec<_>>(), [15, 30, 40]);
    }

    #[test]
    fn a_stream_that_is_over_makes_room_and_does_not_come_back() {
        let mut streams = Streams::<2>::new(Limits { streams: 1, retired: 2 });
        for ssrc in [30, 10] {
            assert!(streams.has_room_for(ssrc));
            streams.accept(ssrc, 1);
            assert!(!streams.has_room_for(20));
            streams.retire(ssrc);
            assert!(streams.is_retired(ssrc) && streams.has_room_for(20));
        }
        // No more names are remembered: the stream itself stays.
        streams.accept(20, 1);
        streams.retire(20);
        assert!(!streams.is_retired(20) && !streams.has_room_for(40));
        streams.retire(99);
        assert!(!streams.is_retired(99), "it never was");
    }

    #[test]
    fn looking_makes_no_stream() {
        let mut streams = Streams::<2>::new(Limits::default());
        assert_eq!(streams.estimate(1, 7), Some(7));
        assert!(streams.is_fresh(1, 7));
        assert!(!streams.is_recent(1, 7));
        assert_eq!(streams.rollover(1), None);
        assert_eq!(streams.len(), 0);
    }

    #[test]
    fn a_stream_starts_from_the_rollover_counter_it_was_given() {
        let mut streams = Streams::<2>::new(Limits::default());
        assert!(streams.start_from(1, 3));
        assert_eq!(streams.rollover(1), Some(3));
        assert_eq!(streams.estimate(1, 9), Some(0x3_0009));
        streams.accept(1, 0x3_0009);
        assert!(!streams.start_from(1, 2));
        assert_eq!(streams.rollover(1), Some(3));
    }
}
