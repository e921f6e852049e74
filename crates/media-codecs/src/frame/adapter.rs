//! Frames of any shape in, frames of one shape out: what stands before every audio encoder.

use super::audio::check;
use super::{AudioFrame, FrameError, Resampler, TimeBase};

/// A gap or overlap in the input's times beyond this starts the output's times afresh.
const TOLERANCE_MS: i64 = 100;

/// Turns frames of any rate, channels and length into 16-bit frames of one rate, one number of channels and one length.
///
/// ```
/// use ortica_codecs::frame::{AudioAdapter, AudioFrame};
///
/// let mut adapter = AudioAdapter::new(48_000, 2, 960)?; // what Opus wants: 20 ms of stereo
/// let mut out = Vec::new();
/// for _ in 0..10 {
///     adapter.push(&AudioFrame::silence(441, 44_100, 1)?, &mut out)?;
/// }
/// assert_eq!(out.len(), 4);
/// assert!(out.iter().all(|frame| frame.len() == 960 && frame.channels() == 2));
/// # Ok::<(), ortica_codecs::frame::FrameError>(())
/// ```
#[derive(Debug)]
pub struct AudioAdapter {
    sample_rate: u32,
    channels: u8,
    frame_len: usize,
    input: Option<Input>,
    // Interleaved samples of the new shape that do not fill a frame yet, and the time of the first.
    pending: Vec<f32>,
    pts: i64,
}

#[derive(Debug)]
struct Input {
    sample_rate: u32,
    // `None` where the rate is already right.
    resampler: Option<Resampler>,
    // When the next frame should begin, in input samples.
    expected: i64,
}

impl AudioAdapter {
    /// Frames of `frame_len` samples per channel, at `sample_rate` hertz, with 1 or 2 `channels`.
    ///
    /// # Errors
    /// [`FrameError`] if no frame may have that shape; a frame lasts at most a second.
    pub fn new(sample_rate: u32, channels: u8, frame_len: usize) -> Result<Self, FrameError> {
        check(sample_rate, channels)?;
        if frame_len == 0 || frame_len > sample_rate as usize {
            return Err(FrameError::SampleCount(frame_len));
        }
        Ok(Self { sample_rate, channels, frame_len, input: None, pending: Vec::new(), pts: 0 })
    }

    /// Takes a frame and appends those that are full to `out`, with times in samples of the new rate.
    ///
    /// Times go on without a gap while the input's do, give or take 100 ms; otherwise what is pending is filled up with
    /// silence and the times start afresh at the input's.
    ///
    /// # Errors
    /// [`FrameError`] from conversion; none for a frame that could be made.
    pub fn push(&mut self, frame: &AudioFrame, out: &mut Vec<AudioFrame>) -> Result<(), FrameError> {
        let frame = frame.to_channels(self.channels)?.to_f32();
        let rate = frame.sample_rate();
        let start = frame.time_base().rescale(frame.pts(), TimeBase::per_second(rate));
        let tolerance = i64::from(rate) * TOLERANCE_MS / 1_000;
        let goes_on = self.input.as_ref().is_some_and(|input| {
            input.sample_rate == rate && (input.expected.saturating_sub(start)).abs() <= tolerance
        });
        if !goes_on {
            self.flush(out)?;
            self.pts = TimeBase::per_second(rate).rescale(start, TimeBase::per_second(self.sample_rate));
        }
        let input = match &mut self.input {
            Some(input) => input,
            none => none.insert(Input {
                sample_rate: rate,
                resampler: match rate == self.sample_rate {
                    true => None,
                    false => Some(Resampler::new(rate, self.sample_rate, self.channels)?),
                },
                expected: start,
            }),
        };
        input.expected = input.expected.saturating_add(i64::try_from(frame.len()).unwrap_or(i64::MAX));
        let samples = frame.as_f32().unwrap_or_default();
        match &mut input.resampler {
            Some(resampler) => resampler.push(samples, &mut self.pending),
            None => self.pending.extend_from_slice(samples),
        }
        self.cut(out)
    }

    /// Appends what is pending, filled up with silence to a whole frame.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn flush(&mut self, out: &mut Vec<AudioFrame>) -> Result<(), FrameError> {
        if let Some(Input { resampler: Some(mut resampler), .. }) = self.input.take() {
            resampler.finish(&mut self.pending);
        }
        self.cut(out)?;
        if !self.pending.is_empty() {
            self.pending.resize(self.frame_len * usize::from(self.channels), 0.0);
            self.cut(out)?;
        }
        Ok(())
    }

    fn cut(&mut self, out: &mut Vec<AudioFrame>) -> Result<(), FrameError> {
        let size = self.frame_len * usize::from(self.channels);
        let mut used = 0;
        for chunk in self.pending.chunks_exact(size) {
            let samples = chunk.iter().map(|&s| super::audio::to_s16(s)).collect();
            let frame = AudioFrame::from_s16(samples, self.sample_rate, self.channels)?;
            out.push(frame.with_pts(self.pts, TimeBase::per_second(self.sample_rate)));
            self.pts = self.pts.saturating_add(self.frame_len as i64);
            used += size;
        }
        self.pending.drain(..used);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(len: usize, rate: u32, pts: i64) -> AudioFrame {
        let samples = (0..len).map(|n| (n as i16 % 100) * 50).collect();
        AudioFrame::from_s16(samples, rate, 1).unwrap().with_pts(pts, TimeBase::per_second(rate))
    }

    #[test]
    fn times_go_on_in_samples_of_the_new_rate() {
        let (mut adapter, mut out) = (AudioAdapter::new(48_000, 2, 960).unwrap(), Vec::new());
        for n in 0..50 {
            adapter.push(&frame(882, 44_100, 8_820 + n * 882), &mut out).unwrap();
        }
        let times: Vec<i64> = out.iter().map(AudioFrame::pts).collect();
        let expected: Vec<i64> = (0..49).map(|n| 9_600 + n * 960).collect();
        assert_eq!(times, expected);
    }

    #[test]
    fn the_same_shape_passes_untouched() {
        let (mut adapter, mut out) = (AudioAdapter::new(8_000, 1, 160).unwrap(), Vec::new());
        adapter.push(&frame(320, 8_000, 0), &mut out).unwrap();
        let joined: Vec<i16> = out.iter().flat_map(|f| f.as_s16().unwrap().to_vec()).collect();
        assert_eq!(joined, frame(320, 8_000, 0).as_s16().unwrap());
    }

    #[test]
    fn a_gap_restarts_the_times() {
        let (mut adapter, mut out) = (AudioAdapter::new(8_000, 1, 160).unwrap(), Vec::new());
        adapter.push(&frame(100, 8_000, 0), &mut out).unwrap();
        adapter.push(&frame(160, 8_000, 80_000), &mut out).unwrap();
        assert_eq!(out.iter().map(AudioFrame::pts).collect::<Vec<_>>(), [0, 80_000]);
        assert_eq!(out[0].as_s16().unwrap()[100..], [0; 60]);
    }

    #[test]
    fn a_change_of_rate_is_followed() {
        let (mut adapter, mut out) = (AudioAdapter::new(48_000, 1, 960).unwrap(), Vec::new());
        adapter.push(&frame(160, 8_000, 0), &mut out).unwrap();
        adapter.push(&frame(320, 16_000, 320), &mut out).unwrap();
        adapter.flush(&mut out).unwrap();
        assert_eq!(out.iter().map(AudioFrame::pts).collect::<Vec<_>>(), [0, 960]);
    }
}
