//! What is recorded: pictures with their number and a beep in each second, with a change of size and a gap.

use crate::film::Marks;
use ortica::codecs::frame::TimeBase;
use ortica::codecs::synthetic::MovingPicture;
use ortica::codecs::{AudioFrame, MediaKind, VideoFrame};
use ortica::media::Paced;
use ortica::{LocalTrack, TrackConfig};
use std::f64::consts::TAU;
use std::ops::Range;

/// Pictures in a second.
pub const PICTURE_RATE: u32 = 20;
/// In the middle of each second, in seconds from its start.
const BEEP: Range<f64> = 0.5..0.75;
/// Sizes before and after the change.
pub const SIZES: [(u32, u32); 2] = [(320, 240), (192, 144)];
/// How loud the beep is, 0 to 1.
const LOUDNESS: f64 = 0.5;

const GAP: u32 = 3;
const SAMPLE_RATE: u32 = 48_000;
/// In samples.
const FRAME: u32 = SAMPLE_RATE / 50;

/// A scene of so many seconds, at least 12, so that there is something before and after the gap.
#[derive(Clone, Copy, Debug)]
pub struct Scene {
    pub seconds: u32,
}

impl Scene {
    /// What tells when something was captured.
    pub fn marks() -> Marks {
        Marks { number: 1.0 / f64::from(PICTURE_RATE), beep: BEEP, loudness: LOUDNESS }
    }

    /// When nothing is sent, in seconds.
    pub fn gap(self) -> Range<u32> {
        let start = self.seconds * 3 / 5;
        start..start + GAP
    }

    /// The size of the picture of that number, which changes half-way.
    pub fn size(self, number: u32) -> (u32, u32) {
        SIZES[usize::from(number >= self.seconds / 2 * PICTURE_RATE)]
    }

    /// The numbers of the pictures that are sent.
    pub fn numbers(self) -> impl Iterator<Item = u32> {
        let gap = self.gap();
        (0..self.seconds * PICTURE_RATE).filter(move |number| !gap.contains(&(number / PICTURE_RATE)))
    }

    /// Sends it, each frame at its time, from when a connection is up.
    pub fn tracks(self) -> [LocalTrack; 2] {
        let gap = self.gap();
        let sounds = (0..self.seconds * 50).filter(move |number| !gap.contains(&(number / 50))).map(sound);
        let pictures = self.numbers().map(move |number| picture(number, self.size(number)));
        [
            LocalTrack::pulled(Paced::new(MediaKind::Audio, sounds), TrackConfig::default()),
            LocalTrack::pulled(Paced::new(MediaKind::Video, pictures), TrackConfig::default()),
        ]
    }
}

fn picture(number: u32, (width, height): (u32, u32)) -> VideoFrame {
    MovingPicture::new(width, height, PICTURE_RATE).expect("a legal size").picture(number)
}

fn sound(number: u32) -> AudioFrame {
    let start = number * FRAME;
    let sample = |position: u32| {
        let second = f64::from(position % SAMPLE_RATE) / f64::from(SAMPLE_RATE);
        let level = if BEEP.contains(&second) { LOUDNESS } else { 0.0 };
        (level * (TAU * 1_000.0 * second).cos() * f64::from(i16::MAX)) as i16
    };
    let samples = (start..start + FRAME).map(sample).collect();
    let frame = AudioFrame::from_s16(samples, SAMPLE_RATE, 1).expect("a legal frame");
    frame.with_pts(start.into(), TimeBase::per_second(SAMPLE_RATE))
}
