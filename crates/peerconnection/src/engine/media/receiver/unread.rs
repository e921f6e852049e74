//! Frames that nobody has read yet.

use super::ReceivedFrame;
use ortica_codecs::MediaKind;
use std::collections::VecDeque;

/// A bounded queue of them. Beyond its limit the oldest sound is dropped. Of pictures all are, since each needs the one before it, up
/// to the next key frame.
#[derive(Debug, Default)]
pub(in crate::engine::media) struct Unread {
    ready: VecDeque<ReceivedFrame>,
    /// Until a key frame comes, nothing could be decoded.
    waits: bool,
    /// Pictures were dropped, and nobody has tried to read since.
    is_abandoned: bool,
    pub dropped: u64,
}

impl Unread {
    /// For who comes into the middle of a stream.
    pub fn waiting() -> Self {
        Self { waits: true, ..Self::default() }
    }

    /// Adds a frame to at most `limit`. `true` if a key frame is needed to go on.
    pub fn put(&mut self, limit: usize, mut received: ReceivedFrame) -> bool {
        if self.waits {
            let ReceivedFrame::Frame { frame, discontinuity, .. } = &mut received else { return false };
            if !frame.key_frame {
                self.dropped += 1;
                return true;
            }
            (self.waits, *discontinuity) = (false, true);
        }
        let is_picture = received.kind() == MediaKind::Video;
        self.ready.push_back(received);
        if self.ready.len() <= limit {
            return false;
        }
        let excess = if is_picture { self.ready.len() } else { self.ready.len() - limit };
        self.ready.drain(..excess);
        self.dropped += excess as u64;
        (self.waits, self.is_abandoned) = (is_picture, is_picture);
        is_picture
    }

    /// The oldest.
    pub fn read(&mut self) -> Option<ReceivedFrame> {
        self.is_abandoned = false;
        self.ready.pop_front()
    }

    /// Somebody is about to read.
    pub fn expect_reader(&mut self) {
        self.is_abandoned = false;
    }

    /// Nobody reads: a key frame would be made for nothing.
    pub const fn is_abandoned(&self) -> bool {
        self.is_abandoned
    }

    pub fn len(&self) -> usize {
        self.ready.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ortica_codecs::{Codec, EncodedFrame};
    use ortica_core::Instant;

    const LIMIT: usize = 4;

    fn frame(codec: Codec, pts: i64, key_frame: bool) -> ReceivedFrame {
        ReceivedFrame::Frame {
            frame: EncodedFrame::new(codec, vec![0], pts).with_key_frame(key_frame),
            began: Instant::from_nanos(0),
            arrived: Instant::from_nanos(0),
            captured: None,
            discontinuity: false,
        }
    }

    /// The times of what waits, and whether something is missing before it.
    fn read(unread: &mut Unread) -> Vec<(i64, bool)> {
        let told = |received| match received {
            ReceivedFrame::Frame { frame, discontinuity, .. } => (frame.pts, discontinuity),
            ReceivedFrame::Lost { pts, .. } | ReceivedFrame::ComfortNoise { pts, .. } => (pts, true),
        };
        std::iter::from_fn(|| unread.read()).map(told).collect()
    }

    #[test]
    fn the_oldest_sound_is_dropped_and_needs_nothing() {
        let mut unread = Unread::default();
        assert!((0..6).all(|pts| !unread.put(LIMIT, frame(Codec::Opus, pts, true))));
        assert!(!unread.is_abandoned());
        assert_eq!(read(&mut unread), [(2, false), (3, false), (4, false), (5, false)]);
        assert_eq!(unread.dropped, 2);
    }

    #[test]
    fn pictures_that_do_not_fit_are_dropped_up_to_a_key_frame() {
        let mut unread = Unread::default();
        assert!((0..4).all(|pts| !unread.put(LIMIT, frame(Codec::Vp8, pts, pts == 0))));
        assert!(!unread.is_abandoned());
        assert!(unread.put(LIMIT, frame(Codec::Vp8, 4, false)) && unread.is_abandoned());
        assert!(unread.put(LIMIT, frame(Codec::Vp8, 5, false)));
        assert!(!unread.put(LIMIT, frame(Codec::Vp8, 6, true)));
        assert!(unread.is_abandoned(), "it has not been read for that");
        assert_eq!((read(&mut unread), unread.dropped), (vec![(6, true)], 6));
        assert!(!unread.is_abandoned());
    }

    #[test]
    fn who_comes_into_the_middle_begins_with_a_key_frame() {
        let mut unread = Unread::waiting();
        assert!(unread.put(LIMIT, frame(Codec::Vp8, 1, false)));
        assert!(!unread.put(LIMIT, frame(Codec::Vp8, 2, true)) && !unread.put(LIMIT, frame(Codec::Vp8, 3, false)));
        assert_eq!(read(&mut unread), [(2, true), (3, false)]);
    }
}
