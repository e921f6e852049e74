//! Uncompressed sound.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{FrameError, TimeBase};

/// The lowest sample rate a frame may have, in hertz.
pub const MIN_SAMPLE_RATE: u32 = 8_000;
/// The highest sample rate a frame may have, in hertz.
pub const MAX_SAMPLE_RATE: u32 = 192_000;

/// How a sample is kept. Channels are always interleaved.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SampleFormat {
    /// Signed 16-bit integers.
    S16,
    /// 32-bit floats from -1 to 1; values beyond are clipped on the way to [`S16`](Self::S16).
    F32,
}

/// A stretch of sound: interleaved samples of one or two channels. Clones share the samples.
///
/// Its time (`pts`) is that of the first sample and counts in [`time_base`](Self::time_base), by default one tick per
/// sample.
#[derive(Clone)]
pub struct AudioFrame {
    samples: Samples,
    sample_rate: u32,
    channels: u8,
    pts: i64,
    time_base: TimeBase,
}

#[derive(Clone, Debug)]
enum Samples {
    S16(Arc<Vec<i16>>),
    F32(Arc<Vec<f32>>),
}

impl AudioFrame {
    /// A frame of interleaved 16-bit samples. `sample_rate` is in hertz, `channels` is 1 or 2.
    ///
    /// # Errors
    /// [`FrameError`] if the rate or the channels are not supported, or the samples are not whole.
    pub fn from_s16(samples: Vec<i16>, sample_rate: u32, channels: u8) -> Result<Self, FrameError> {
        let len = samples.len();
        Self::new(Samples::S16(Arc::new(samples)), len, sample_rate, channels)
    }

    /// A frame of interleaved float samples, -1 to 1. `sample_rate` is in hertz, `channels` is 1 or 2.
    ///
    /// # Errors
    /// As [`from_s16`](Self::from_s16).
    pub fn from_f32(samples: Vec<f32>, sample_rate: u32, channels: u8) -> Result<Self, FrameError> {
        let len = samples.len();
        Self::new(Samples::F32(Arc::new(samples)), len, sample_rate, channels)
    }

    /// Silence of `len` samples per channel, at most ten seconds' worth.
    ///
    /// # Errors
    /// As [`from_s16`](Self::from_s16).
    pub fn silence(len: usize, sample_rate: u32, channels: u8) -> Result<Self, FrameError> {
        check(sample_rate, channels)?;
        if len > sample_rate as usize * 10 {
            return Err(FrameError::SampleCount(len));
        }
        Self::from_s16(vec![0; len * usize::from(channels)], sample_rate, channels)
    }

    fn new(samples: Samples, len: usize, sample_rate: u32, channels: u8) -> Result<Self, FrameError> {
        check(sample_rate, channels)?;
        if !len.is_multiple_of(usize::from(channels)) {
            return Err(FrameError::SampleCount(len));
        }
        Ok(Self { samples, sample_rate, channels, pts: 0, time_base: TimeBase::per_second(sample_rate) })
    }

    /// The same sound at another time.
    #[must_use]
    pub fn with_pts(mut self, pts: i64, time_base: TimeBase) -> Self {
        (self.pts, self.time_base) = (pts, time_base);
        self
    }

    /// When the first sample is heard, in ticks of [`time_base`](Self::time_base).
    pub fn pts(&self) -> i64 {
        self.pts
    }

    /// The unit of [`pts`](Self::pts).
    pub fn time_base(&self) -> TimeBase {
        self.time_base
    }

    /// Samples per second and channel.
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// One or two.
    pub fn channels(&self) -> u8 {
        self.channels
    }

    /// How samples are kept.
    pub fn format(&self) -> SampleFormat {
        match self.samples {
            Samples::S16(_) => SampleFormat::S16,
            Samples::F32(_) => SampleFormat::F32,
        }
    }

    /// Samples per channel.
    pub fn len(&self) -> usize {
        let all = match &self.samples {
            Samples::S16(samples) => samples.len(),
            Samples::F32(samples) => samples.len(),
        };
        all / usize::from(self.channels)
    }

    /// `true` if there is not one sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How long the sound lasts.
    pub fn duration(&self) -> Duration {
        TimeBase::per_second(self.sample_rate).duration(i64::try_from(self.len()).unwrap_or(i64::MAX))
    }

    /// The interleaved samples, if they are 16-bit integers.
    pub fn as_s16(&self) -> Option<&[i16]> {
        match &self.samples {
            Samples::S16(samples) => Some(samples),
            Samples::F32(_) => None,
        }
    }

    /// The interleaved samples, if they are floats.
    pub fn as_f32(&self) -> Option<&[f32]> {
        match &self.samples {
            Samples::S16(_) => None,
            Samples::F32(samples) => Some(samples),
        }
    }

    /// The same sound as 16-bit integers, rounded and clipped. Shares the samples if they are already so.
    #[must_use]
    pub fn to_s16(&self) -> Self {
        let samples = match &self.samples {
            Samples::S16(samples) => Arc::clone(samples),
            Samples::F32(samples) => Arc::new(samples.iter().map(|&s| to_s16(s)).collect()),
        };
        Self { samples: Samples::S16(samples), ..*self }
    }

    /// The same sound as floats. Shares the samples if they are already so.
    #[must_use]
    pub fn to_f32(&self) -> Self {
        let samples = match &self.samples {
            Samples::S16(samples) => Arc::new(samples.iter().map(|&s| to_f32(s)).collect()),
            Samples::F32(samples) => Arc::clone(samples),
        };
        Self { samples: Samples::F32(samples), ..*self }
    }

    /// The same sound in one channel (the mean of two) or two (both alike). Shares the samples if there is nothing to do.
    ///
    /// # Errors
    /// [`FrameError::Channels`] for other numbers.
    pub fn to_channels(&self, channels: u8) -> Result<Self, FrameError> {
        check(self.sample_rate, channels)?;
        if channels == self.channels {
            return Ok(self.clone());
        }
        let samples = match (&self.samples, channels) {
            (Samples::S16(samples), 1) => Samples::S16(Arc::new(pairs(samples).map(|(l, r)| mean(l, r)).collect())),
            (Samples::F32(samples), 1) => Samples::F32(Arc::new(pairs(samples).map(|(l, r)| (l + r) / 2.0).collect())),
            (Samples::S16(samples), _) => Samples::S16(Arc::new(samples.iter().flat_map(|&s| [s, s]).collect())),
            (Samples::F32(samples), _) => Samples::F32(Arc::new(samples.iter().flat_map(|&s| [s, s]).collect())),
        };
        Ok(Self { samples, channels, ..*self })
    }

    /// How loud it is: 0 (as loud as can be) to 127 (silence) in decibels below overload, over all channels.
    ///
    /// Source: [RFC 6464 §3](https://www.rfc-editor.org/rfc/rfc6464#section-3)
    pub fn level(&self) -> u8 {
        // Of silence it is minus infinity, which the cast turns into 127.
        (-20.0 * self.rms().log10()).round().clamp(0.0, 127.0) as u8
    }

    /// The root mean square of all samples of all channels, from 0 (silence) to 1.
    pub fn rms(&self) -> f64 {
        let (sum, count) = match &self.samples {
            Samples::S16(samples) => {
                (samples.iter().map(|&s| f64::from(to_f32(s)).powi(2)).sum::<f64>(), samples.len())
            }
            Samples::F32(samples) => (samples.iter().map(|&s| f64::from(s).powi(2)).sum(), samples.len()),
        };
        if count == 0 { 0.0 } else { (sum / count as f64).sqrt() }
    }
}

impl fmt::Debug for AudioFrame {
    /// Everything but the samples.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudioFrame")
            .field("format", &self.format())
            .field("sample_rate", &self.sample_rate)
            .field("channels", &self.channels)
            .field("len", &self.len())
            .field("pts", &self.pts)
            .finish_non_exhaustive()
    }
}

pub(super) fn check(sample_rate: u32, channels: u8) -> Result<(), FrameError> {
    if !(MIN_SAMPLE_RATE..=MAX_SAMPLE_RATE).contains(&sample_rate) {
        return Err(FrameError::SampleRate(sample_rate));
    }
    if !(1..=2).contains(&channels) {
        return Err(FrameError::Channels(channels));
    }
    Ok(())
}

fn pairs<T: Copy>(samples: &[T]) -> impl Iterator<Item = (T, T)> {
    samples.as_chunks::<2>().0.iter().map(|&[left, right]| (left, right))
}

fn mean(left: i16, right: i16) -> i16 {
    i32::midpoint(i32::from(left), i32::from(right)) as i16
}

pub(super) fn to_f32(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

pub(super) fn to_s16(sample: f32) -> i16 {
    // A float cast saturates.
    (sample * 32_768.0).round() as i16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refuses_what_it_cannot_be() {
        assert_eq!(AudioFrame::from_s16(vec![0; 4], 48_000, 0).unwrap_err(), FrameError::Channels(0));
        assert_eq!(AudioFrame::from_s16(vec![0; 4], 48_000, 3).unwrap_err(), FrameError::Channels(3));
        assert_eq!(AudioFrame::from_s16(vec![0; 4], 7_999, 1).unwrap_err(), FrameError::SampleRate(7_999));
        assert_eq!(AudioFrame::from_f32(vec![0.0; 3], 48_000, 2).unwrap_err(), FrameError::SampleCount(3));
        assert!(AudioFrame::silence(480_001, 48_000, 2).is_err());
    }

    #[test]
    fn clones_and_idle_conversions_share_the_samples() {
        let frame = AudioFrame::silence(960, 48_000, 2).unwrap();
        let same = frame.to_s16().to_channels(2).unwrap();
        assert_eq!(frame.as_s16().unwrap().as_ptr(), same.as_s16().unwrap().as_ptr());
        assert_eq!(same.duration(), Duration::from_millis(20));
    }

    #[test]
    fn floats_beyond_one_are_clipped() {
        let frame = AudioFrame::from_f32(vec![1.5, -1.5, 0.5, f32::NAN], 48_000, 1).unwrap().to_s16();
        assert_eq!(frame.as_s16().unwrap(), [i16::MAX, i16::MIN, 16_384, 0]);
    }

    #[test]
    fn mono_is_the_mean_of_stereo() {
        let frame = AudioFrame::from_s16(vec![100, 200, i16::MAX, i16::MAX, i16::MIN, i16::MIN], 48_000, 2).unwrap();
        assert_eq!(frame.to_channels(1).unwrap().as_s16().unwrap(), [150, i16::MAX, i16::MIN]);
    }

    #[test]
    fn level_is_in_decibels_below_overload() {
        let at = |value: i16| AudioFrame::from_s16(vec![value; 960], 48_000, 1).unwrap().level();
        assert_eq!(at(i16::MIN), 0);
        assert_eq!(at(3_277), 20);
        assert_eq!(at(1), 90);
        assert_eq!(at(0), 127);
        // Two channels are not louder than one.
        let stereo = AudioFrame::from_s16(vec![3_277; 960], 48_000, 2).unwrap();
        assert_eq!(stereo.level(), 20);
    }

    proptest! {
        #[test]
        fn s16_survives_floats_and_mono_survives_stereo(samples in prop::collection::vec(any::<i16>(), 0..200)) {
            let frame = AudioFrame::from_s16(samples.clone(), 16_000, 1).unwrap();
            let there = frame.to_f32().to_channels(2).unwrap();
            let back = there.to_channels(1).unwrap().to_s16();
            prop_assert_eq!(back.as_s16().unwrap(), &samples[..]);
        }
    }
}
