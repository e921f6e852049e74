//! Sound with a run of samples for each channel, as libraries of signal processing have it. Frames keep channels side by side.

use super::{AudioFrame, FrameError};

impl AudioFrame {
    /// Sound of 16-bit samples, one run for each channel, all equally long.
    ///
    /// # Errors
    /// [`FrameError`] if the runs differ in length, or there are more or fewer than one or two, or the rate is out of range.
    pub fn from_s16_planes(planes: &[&[i16]], sample_rate: u32) -> Result<Self, FrameError> {
        Self::from_s16(interleave(planes)?, sample_rate, channels(planes))
    }

    /// The same of samples from -1 to 1.
    ///
    /// # Errors
    /// As [`from_s16_planes`](Self::from_s16_planes).
    pub fn from_f32_planes(planes: &[&[f32]], sample_rate: u32) -> Result<Self, FrameError> {
        Self::from_f32(interleave(planes)?, sample_rate, channels(planes))
    }

    /// A run of 16-bit samples for each channel.
    pub fn to_s16_planes(&self) -> Vec<Vec<i16>> {
        split(self.to_s16().as_s16().unwrap_or_default(), self.channels())
    }

    /// A run of samples from -1 to 1 for each channel.
    pub fn to_f32_planes(&self) -> Vec<Vec<f32>> {
        split(self.to_f32().as_f32().unwrap_or_default(), self.channels())
    }
}

fn channels<T>(planes: &[&[T]]) -> u8 {
    u8::try_from(planes.len()).unwrap_or(u8::MAX)
}

fn interleave<T: Copy>(planes: &[&[T]]) -> Result<Vec<T>, FrameError> {
    let len = planes.first().map_or(0, |plane| plane.len());
    if let Some(other) = planes.iter().find(|plane| plane.len() != len) {
        return Err(FrameError::SampleCount(len + other.len()));
    }
    Ok((0..len).flat_map(|at| planes.iter().filter_map(move |plane| plane.get(at).copied())).collect())
}

fn split<T: Copy>(samples: &[T], channels: u8) -> Vec<Vec<T>> {
    let channels = usize::from(channels.max(1));
    (0..channels).map(|channel| samples.iter().skip(channel).step_by(channels).copied().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_part_and_come_together() {
        let stereo = AudioFrame::from_s16_planes(&[&[1, 2, 3], &[-1, -2, -3]], 48_000).unwrap();
        assert_eq!(stereo.as_s16(), Some(&[1, -1, 2, -2, 3, -3][..]));
        assert_eq!(stereo.to_s16_planes(), [[1, 2, 3], [-1, -2, -3]]);
        let halves = AudioFrame::from_f32_planes(&[&[0.5, -0.5]], 8_000).unwrap();
        assert_eq!((halves.channels(), halves.to_f32_planes()), (1, vec![vec![0.5, -0.5]]));
        assert_eq!(halves.to_s16_planes(), [[16_384, -16_384]]);
    }

    #[test]
    fn channels_of_different_lengths_are_no_sound() {
        let uneven = AudioFrame::from_s16_planes(&[&[1, 2], &[1]], 48_000);
        assert_eq!(uneven.err(), Some(FrameError::SampleCount(3)));
        assert_eq!(AudioFrame::from_s16_planes(&[&[1], &[1], &[1]], 48_000).err(), Some(FrameError::Channels(3)));
        assert!(AudioFrame::from_s16_planes(&[], 48_000).is_err());
    }
}
