//! Frames given out at their times.

use super::{Frame, MediaSource};
use ortica_codecs::frame::TimeBase;
use ortica_codecs::synthetic::{MovingPicture, Tone};
use ortica_codecs::{AudioFrame, FrameError, MediaKind, VideoFrame};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// What was missed by more than this is not made up for: after a standstill of the machine it goes on from there.
const MOST_LATE: Duration = Duration::from_secs(1);
/// Samples per second of silence, in one channel.
const SILENCE_RATE: u32 = 8_000;

/// When frames are due, by their times.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// When the time zero is or was due.
    zero: Option<Instant>,
}

impl Pace {
    /// When a frame of this time is due. The first is due now.
    pub fn due(&mut self, now: Instant, time: Duration) -> Instant {
        *self.zero.get_or_insert_with(|| now.checked_sub(time).unwrap_or(now)) + time
    }

    /// The same, but what is far behind its time does not catch up: everything moves.
    fn due_or_moved(&mut self, now: Instant, time: Duration) -> Instant {
        let due = self.due(now, time);
        if now.saturating_duration_since(due) <= MOST_LATE {
            return due;
        }
        self.zero = now.checked_sub(time);
        now
    }

    /// Everything is due later by this.
    pub fn shift(&mut self, by: Duration) {
        self.zero = self.zero.map(|zero| zero + by);
    }
}

/// The frames of an iterator as a track, each at its time; a machine that is too slow catches up. It ends with the iterator.
#[derive(Debug)]
pub struct Paced<I> {
    kind: MediaKind,
    frames: I,
    pace: Pace,
}

impl<I> Paced<I>
where
    I: Iterator<Item: Into<Frame>> + Send + 'static,
{
    /// Frames of this kind.
    pub fn new(kind: MediaKind, frames: I) -> Self {
        Self { kind, frames, pace: Pace::default() }
    }
}

impl<I> MediaSource for Paced<I>
where
    I: Iterator<Item: Into<Frame>> + Send + 'static,
{
    fn kind(&self) -> MediaKind {
        self.kind
    }

    async fn recv(&mut self) -> Option<Frame> {
        let frame: Frame = self.frames.next()?.into();
        sleep_until(self.pace.due_or_moved(Instant::now(), frame.time())).await;
        Some(frame)
    }
}

/// Silence, without end: frames of 20 ms in one channel at 8 kHz.
pub fn silence() -> impl MediaSource {
    let len = SILENCE_RATE / 50;
    let frames = (0..).map_while(move |number: i64| {
        let frame = AudioFrame::silence(len as usize, SILENCE_RATE, 1).ok()?;
        Some(frame.with_pts(number * i64::from(len), TimeBase::per_second(SILENCE_RATE)))
    });
    Paced::new(MediaKind::Audio, frames)
}

/// A tone of `frequency` hertz, without end: frames of 20 ms in two channels at 48 kHz.
///
/// # Errors
/// [`FrameError`] for a frequency that cannot be heard at that rate.
pub fn tone(frequency: f64) -> Result<impl MediaSource, FrameError> {
    Ok(Paced::new(MediaKind::Audio, Tone::new(frequency, 48_000, 2)?))
}

/// A moving picture, without end, whose number [`frame_counter`](ortica_codecs::synthetic::frame_counter) reads.
///
/// # Errors
/// [`FrameError`] for a size or rate that it cannot have.
pub fn test_picture(width: u32, height: u32, frame_rate: u32) -> Result<impl MediaSource, FrameError> {
    Ok(Paced::new(MediaKind::Video, MovingPicture::new(width, height, frame_rate)?))
}

/// Black pictures, without end.
///
/// # Errors
/// [`FrameError`] for a size that a picture cannot have.
pub fn black(width: u32, height: u32, frame_rate: u32) -> Result<impl MediaSource, FrameError> {
    let picture = VideoFrame::black(width, height)?;
    let time_base = TimeBase::per_second(frame_rate);
    Ok(Paced::new(MediaKind::Video, (0..).map(move |number: i64| picture.clone().with_pts(number, time_base))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_delay_is_caught_up_with_and_a_long_one_is_not() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let at = Duration::from_millis;
        assert_eq!(pace.due_or_moved(start, at(500)), start);
        assert_eq!(pace.due_or_moved(start + at(900), at(600)), start + at(100));
        // Two seconds later than it was due: everything moves.
        assert_eq!(pace.due_or_moved(start + at(2_200), at(700)), start + at(2_200));
        assert_eq!(pace.due_or_moved(start + at(2_200), at(800)), start + at(2_300));
        pace.shift(at(1_000));
        assert_eq!(pace.due_or_moved(start + at(2_300), at(900)), start + at(3_400));
    }
}
