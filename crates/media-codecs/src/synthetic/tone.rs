//! A sine and the ear for it.

use std::f64::consts::TAU;

use crate::frame::{AudioFrame, FrameError, TimeBase};

/// A sine without end, in frames of 20 ms with times from zero on.
#[derive(Clone, Debug)]
pub struct Tone {
    frequency: f64,
    amplitude: f64,
    sample_rate: u32,
    channels: u8,
    position: u64,
}

impl Tone {
    /// `frequency` and `sample_rate` are in hertz, `channels` is 1 or 2, the amplitude a half.
    ///
    /// # Errors
    /// [`FrameError`] if no frame can have that rate or those channels.
    pub fn new(frequency: f64, sample_rate: u32, channels: u8) -> Result<Self, FrameError> {
        AudioFrame::silence(0, sample_rate, channels)?;
        Ok(Self { frequency, amplitude: 0.5, sample_rate, channels, position: 0 })
    }

    /// The height of the sine, 0 to 1. Default 0.5.
    #[must_use]
    pub fn with_amplitude(mut self, amplitude: f64) -> Self {
        self.amplitude = amplitude.clamp(0.0, 1.0);
        self
    }
}

impl Iterator for Tone {
    type Item = AudioFrame;

    fn next(&mut self) -> Option<AudioFrame> {
        let len = u64::from(self.sample_rate / 50);
        let step = TAU * self.frequency / f64::from(self.sample_rate);
        let sample = |n: u64| (self.amplitude * (step * n as f64).sin() * 32_767.0).round() as i16;
        let samples = (self.position..self.position + len).map(sample);
        let all = samples.flat_map(|sample| std::iter::repeat_n(sample, self.channels.into())).collect();
        let pts = i64::try_from(self.position).ok()?;
        self.position += len;
        let frame = AudioFrame::from_s16(all, self.sample_rate, self.channels).ok()?;
        Some(frame.with_pts(pts, TimeBase::per_second(self.sample_rate)))
    }
}

/// The amplitude, 0 to 1, of the sine of `frequency` hertz in the first channel of `frame`. A frame of 20 ms tells
/// frequencies apart that lie 100 Hz from each other.
pub fn tone_level(frame: &AudioFrame, frequency: f64) -> f64 {
    analyse(frame, frequency).0
}

/// How much of the sound in the first channel of `frame` is the sine of `frequency` hertz: 0 (nothing) to 1 (all of it).
pub fn tone_purity(frame: &AudioFrame, frequency: f64) -> f64 {
    let (level, power) = analyse(frame, frequency);
    if power == 0.0 { 0.0 } else { (level * level / 2.0 / power).min(1.0) }
}

/// Level of the sine and power of everything, through a Hann window so that neither depends on where the frame begins.
fn analyse(frame: &AudioFrame, frequency: f64) -> (f64, f64) {
    let samples = frame.to_f32();
    let line = samples.as_f32().unwrap_or_default().iter().step_by(frame.channels().into());
    let step = TAU * frequency / f64::from(frame.sample_rate());
    let (mut before, mut last) = (0.0, 0.0);
    let (mut windows, mut squares, mut power) = (0.0, 0.0, 0.0);
    for (n, sample) in line.enumerate() {
        let window = 0.5 - 0.5 * (TAU * (n as f64 + 0.5) / frame.len() as f64).cos();
        let value = f64::from(*sample) * window;
        // Goertzel: one bin of a Fourier transform by a resonator.
        (before, last) = (last, value + 2.0 * step.cos() * last - before);
        windows += window;
        squares += window * window;
        power += value * value;
    }
    if windows == 0.0 {
        return (0.0, 0.0);
    }
    let bin = (before * before + last * last - 2.0 * step.cos() * before * last).max(0.0).sqrt();
    (2.0 * bin / windows, power / squares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_heard_at_its_frequency_and_level() {
        for (frequency, rate) in [(440.0, 48_000), (1_000.0, 8_000), (997.0, 44_100)] {
            for frame in Tone::new(frequency, rate, 2).unwrap().with_amplitude(0.25).take(5) {
                assert!((tone_level(&frame, frequency) - 0.25).abs() < 0.005, "{frequency}");
                assert!(tone_purity(&frame, frequency) > 0.98, "{frequency}");
                assert!(tone_level(&frame, frequency + 200.0) < 0.01, "{frequency}");
                assert!(tone_purity(&frame, frequency - 200.0) < 0.01, "{frequency}");
            }
        }
    }

    #[test]
    fn frames_follow_without_a_seam() {
        let frames: Vec<AudioFrame> = Tone::new(440.0, 48_000, 1).unwrap().take(3).collect();
        assert_eq!(frames.iter().map(AudioFrame::pts).collect::<Vec<_>>(), [0, 960, 1_920]);
        let joined: Vec<i16> = frames.iter().flat_map(|frame| frame.as_s16().unwrap()).copied().collect();
        let whole = AudioFrame::from_s16(joined, 48_000, 1).unwrap();
        assert!(tone_purity(&whole, 440.0) > 0.999);
    }

    #[test]
    fn silence_and_noise_are_no_tone() {
        assert_eq!(tone_purity(&AudioFrame::silence(960, 48_000, 1).unwrap(), 440.0), 0.0);
        assert_eq!(tone_level(&AudioFrame::silence(0, 48_000, 1).unwrap(), 440.0), 0.0);
        let noise = (0..960u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 16) as i16).collect();
        assert!(tone_purity(&AudioFrame::from_s16(noise, 48_000, 1).unwrap(), 440.0) < 0.1);
    }
}
