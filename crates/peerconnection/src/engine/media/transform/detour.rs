//! The way through the application: frames that wait for it, and the order in which they come back.

use super::frame::{MAX_FRAME, MediaMetadata, Origin, RtpFrame};
use super::frame_ids::FrameIds;
use super::{FrameType, WriteFrameError};
use crate::engine::Resolution;
use crate::engine::media::MAX_ENCODINGS;
use ortica_codecs::{Codec, EncodedFrame, MediaKind, payload};
use ortica_rtp::Rid;
use std::collections::VecDeque;

/// Frames that wait for a transform. Beyond, sound drops its oldest, and video everything up to the next key frame.
const MAX_WAITING: usize = 60;

/// Frames of one sender or receiver on their way through the application.
#[derive(Debug)]
pub(in crate::engine) struct Detour {
    /// Tells it from all others, also of other sessions.
    owner: u64,
    waiting: VecDeque<RtpFrame>,
    /// The number of the frame that came last, and of the one that went on last.
    came: u64,
    went: u64,
    lanes: Vec<Lane>,
    /// Frames that were dropped since somebody asked.
    dropped: u64,
    readable: bool,
}

/// One of several streams side by side, or the only one.
#[derive(Debug)]
struct Lane {
    rid: Option<Rid>,
    ids: FrameIds,
    size: Option<Resolution>,
    /// The number of its last key frame.
    key_frame: u64,
    /// Frames were dropped, so that none can be decoded before its next key frame.
    waits: bool,
}

/// What became of a frame that came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::engine) enum Passage {
    /// It waits, or was dropped and its loss is known.
    Going,
    /// Frames were dropped: a key frame is wanted.
    KeyFrameWanted,
}

impl Detour {
    pub fn new(owner: u64) -> Self {
        let (waiting, lanes) = (VecDeque::new(), Vec::new());
        Self { owner, waiting, came: 0, went: 0, lanes, dropped: 0, readable: false }
    }

    /// Says of a picture what its stream tells, in the lane that its metadata name.
    pub fn describe(&mut self, encoded: &EncodedFrame, frame: &mut RtpFrame) {
        let lane = self.lane(frame.metadata().rid);
        let MediaMetadata::Video(video) = &mut frame.metadata_mut().media else { return };
        if encoded.key_frame {
            lane.size = picture_size(encoded).or(lane.size);
        }
        let (id, dependencies) = lane.ids.next(encoded);
        (video.frame_id, video.dependencies, video.size) = (Some(id), dependencies, lane.size);
    }

    /// A frame waits for the application from now on.
    pub fn push(&mut self, mut frame: RtpFrame) -> Passage {
        let is_video = frame.kind() == MediaKind::Video;
        let is_key_frame = frame.frame_type() == FrameType::Key;
        self.came += 1;
        frame.origin = Some(Origin { owner: self.owner, number: self.came });
        let mut passage = Passage::Going;
        if self.waiting.len() >= MAX_WAITING {
            if is_video {
                self.dropped += self.waiting.len() as u64;
                self.waiting.clear();
                self.lanes.iter_mut().for_each(|lane| lane.waits = true);
                passage = Passage::KeyFrameWanted;
            } else {
                self.dropped += 1;
                self.waiting.pop_front();
            }
        }
        let number = self.came;
        let lane = self.lane(frame.metadata().rid);
        if is_key_frame {
            (lane.key_frame, lane.waits) = (number, false);
        }
        if is_video && lane.waits {
            self.dropped += 1;
            return passage;
        }
        self.readable |= self.waiting.is_empty();
        self.waiting.push_back(frame);
        passage
    }

    /// The frame that has waited longest.
    pub fn read(&mut self) -> Option<RtpFrame> {
        self.waiting.pop_front()
    }

    /// `true`, once, when frames wait where none did.
    pub fn take_readable(&mut self) -> bool {
        std::mem::take(&mut self.readable)
    }

    /// How many frames were dropped since the last call.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    /// A frame comes back: it goes on if it is not too large, was read here or is a copy, and is later than all before it.
    pub fn admit(&mut self, frame: &RtpFrame) -> Result<(), WriteFrameError> {
        if frame.data().len() > MAX_FRAME {
            return Err(WriteFrameError::TooLarge(frame.data().len()));
        }
        let Some(origin) = frame.origin else { return Ok(()) };
        if origin.owner != self.owner {
            return Err(WriteFrameError::Foreign);
        }
        if origin.number <= self.went {
            return Err(WriteFrameError::OutOfOrder);
        }
        self.went = origin.number;
        Ok(())
    }

    /// Whether a key frame of the same lane is on its way behind a frame.
    pub fn is_key_frame_behind(&mut self, frame: &RtpFrame) -> bool {
        let number = frame.origin.map_or(0, |origin| origin.number);
        self.lane(frame.metadata().rid).key_frame > number
    }

    /// The number of the frame that came last.
    pub fn came(&self) -> u64 {
        self.came
    }

    fn lane(&mut self, rid: Option<Rid>) -> &mut Lane {
        let known = self.lanes.iter().position(|lane| lane.rid == rid);
        let at = known.unwrap_or_else(|| {
            if self.lanes.len() >= MAX_ENCODINGS {
                self.lanes.remove(0);
            }
            self.lanes.push(Lane { rid, ids: FrameIds::default(), size: None, key_frame: 0, waits: false });
            self.lanes.len() - 1
        });
        &mut self.lanes[at]
    }
}

/// The size of a key frame, by what it says.
fn picture_size(frame: &EncodedFrame) -> Option<Resolution> {
    match frame.codec {
        Codec::Vp8 => payload::vp8::key_frame_size(&frame.data).map(|(width, height)| Resolution { width, height }),
        Codec::Vp9 => payload::vp9::key_frame_size(&frame.data).map(|(width, height)| Resolution { width, height }),
        Codec::H264 => payload::h264::picture_size(&frame.data).map(|(width, height)| Resolution { width, height }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(number: i64, key_frame: bool) -> RtpFrame {
        EncodedFrame::new(Codec::Vp8, vec![1], number).with_key_frame(key_frame).into()
    }

    fn sound(number: i64) -> RtpFrame {
        EncodedFrame::new(Codec::Opus, vec![1], number).into()
    }

    fn read(detour: &mut Detour) -> Vec<i64> {
        std::iter::from_fn(|| detour.read()).map(|frame| frame.pts()).collect()
    }

    #[test]
    fn beyond_its_bound_sound_drops_the_oldest() {
        let mut detour = Detour::new(1);
        let passages: Vec<_> = (0..100).map(|number| detour.push(sound(number))).collect();
        assert!(passages.iter().all(|passage| *passage == Passage::Going));
        assert_eq!(detour.take_dropped(), 40);
        assert_eq!(read(&mut detour), (40..100).collect::<Vec<_>>());
    }

    #[test]
    fn beyond_its_bound_video_drops_everything_up_to_the_next_key_frame() {
        let mut detour = Detour::new(1);
        let wanted: Vec<_> =
            (0..70).filter(|number| detour.push(picture(*number, *number == 0)) == Passage::KeyFrameWanted).collect();
        assert_eq!(wanted, [60]);
        assert_eq!((detour.take_dropped(), read(&mut detour)), (70, vec![]));
        detour.push(picture(70, true));
        detour.push(picture(71, false));
        assert_eq!((detour.take_dropped(), read(&mut detour)), (0, vec![70, 71]));
    }

    #[test]
    fn a_layer_that_lost_frames_waits_for_a_key_frame_of_its_own() {
        let mut detour = Detour::new(1);
        let of = |rid: &str, key_frame| {
            let mut frame = picture(0, key_frame);
            frame.metadata_mut().rid = Some(Rid::new(rid).unwrap());
            frame
        };
        (0..31).for_each(|_| {
            detour.push(of("a", true));
            detour.push(of("b", true));
        });
        detour.take_dropped();
        read(&mut detour);
        for (rid, key_frame, goes) in [("a", false, true), ("b", false, true)] {
            detour.push(of(rid, key_frame));
            assert_eq!(read(&mut detour).len(), usize::from(goes), "{rid}");
        }
        for _ in 0..61 {
            detour.push(of("a", false));
        }
        for (rid, key_frame, goes) in [("b", false, false), ("a", true, true), ("b", false, false), ("a", false, true)]
        {
            detour.push(of(rid, key_frame));
            assert_eq!(read(&mut detour).len(), usize::from(goes), "{rid}");
        }
    }

    /// Guards: a frame goes on once, where it was read, and not before one that was read earlier.
    #[test]
    fn frames_come_back_in_order_and_once() {
        let (mut detour, mut other) = (Detour::new(1), Detour::new(2));
        for number in 0..4 {
            detour.push(picture(number, true));
        }
        let frames: Vec<RtpFrame> = std::iter::from_fn(|| detour.read()).collect();
        assert_eq!(detour.admit(&frames[1]), Ok(()));
        assert_eq!(detour.admit(&frames[0]), Err(WriteFrameError::OutOfOrder));
        assert_eq!(detour.admit(&frames[1].clone()), Err(WriteFrameError::OutOfOrder));
        assert_eq!(other.admit(&frames[2]), Err(WriteFrameError::Foreign));
        let copy = frames[2].with_metadata(frames[2].metadata().clone()).unwrap();
        assert_eq!((other.admit(&copy), detour.admit(&frames[3])), (Ok(()), Ok(())));
        let mut large = copy;
        large.set_data(vec![0; MAX_FRAME]);
        assert_eq!(other.admit(&large), Ok(()));
        large.set_data(vec![0; MAX_FRAME + 1]);
        assert_eq!(other.admit(&large), Err(WriteFrameError::TooLarge(MAX_FRAME + 1)));
    }
}
