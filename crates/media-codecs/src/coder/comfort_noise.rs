//! Noise that sounds like the silence at the other side.
//!
//! White noise goes through the all-pole lattice filter of the reflection coefficients that [`ComfortNoise`] names. The filter raises its
//! power by the product of 1 / (1 - k²), by which it is made softer before, so that it comes out at the level that was named.
//!
//! Source: [RFC 3389 §3](https://www.rfc-editor.org/rfc/rfc3389#section-3)

use ortica_core::Rng;

use crate::payload::comfort_noise::{ComfortNoise, MAX_ORDER};
use crate::{AudioFrame, FrameError};

/// Makes noise, in one channel.
#[derive(Debug)]
pub struct NoiseGenerator {
    rng: Rng,
    noise: ComfortNoise,
    /// What the stages of the filter gave backward for the last sample.
    backward: [f64; MAX_ORDER],
}

impl NoiseGenerator {
    /// Noise as it is described, drawn from `rng`.
    pub fn new(noise: ComfortNoise, rng: Rng) -> Self {
        Self { rng, noise, backward: [0.0; MAX_ORDER] }
    }

    /// Goes on with another description.
    pub fn set(&mut self, noise: ComfortNoise) {
        self.noise = noise;
    }

    /// The next `samples` of it.
    ///
    /// # Errors
    /// [`FrameError`] for a length or a sample rate that sound cannot have.
    pub fn generate(&mut self, samples: usize, sample_rate: u32) -> Result<AudioFrame, FrameError> {
        let mut spectrum = [0.0; MAX_ORDER];
        spectrum.iter_mut().zip(self.noise.spectrum()).for_each(|(place, coefficient)| *place = coefficient);
        let loss: f64 = spectrum.iter().map(|k| 1.0 - k * k).product();
        // Evenly spread numbers of a variance of 1.
        let amplitude = self.noise.rms() * loss.sqrt() * 12f64.sqrt();
        let sample = |_| {
            let white = (self.rng.unit() - 0.5) * amplitude;
            (filter(&spectrum, &mut self.backward, white) * 32_767.0).round().clamp(-32_768.0, 32_767.0) as i16
        };
        AudioFrame::from_s16((0..samples).map(sample).collect(), sample_rate, 1)
    }
}

/// One sample through the lattice, from its last stage to its first. Each stage takes what the one before it gave backward for the
/// sample before.
fn filter(spectrum: &[f64; MAX_ORDER], backward: &mut [f64; MAX_ORDER], sample: f64) -> f64 {
    let mut forward = sample;
    let mut next = *backward;
    for (stage, (coefficient, before)) in spectrum.iter().zip(backward.iter()).enumerate().rev() {
        forward -= coefficient * before;
        if let Some(place) = next.get_mut(stage + 1) {
            *place = before + coefficient * forward;
        }
    }
    let [first, ..] = &mut next;
    *first = forward;
    *backward = next;
    forward
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(noise: &ComfortNoise, count: usize) -> Vec<f64> {
        let mut generator = NoiseGenerator::new(noise.clone(), Rng::from_number(5));
        let sound = generator.generate(count, 8_000).unwrap();
        sound.as_s16().unwrap().iter().map(|sample| f64::from(*sample) / 32_767.0).collect()
    }

    fn power(samples: &[f64]) -> f64 {
        samples.iter().map(|sample| sample * sample).sum::<f64>() / samples.len() as f64
    }

    /// How alike each sample and the next are, -1 to 1.
    fn correlation(samples: &[f64]) -> f64 {
        let products: f64 = samples.windows(2).map(|pair| pair[0] * pair[1]).sum();
        products / samples.len() as f64 / power(samples)
    }

    /// Guards the filter's gain: the level is the one that was named, whatever the spectrum.
    #[test]
    fn noise_is_as_loud_as_it_is_described() {
        for spectrum in [&[][..], &[-0.9], &[0.5, -0.5], &[-0.7, 0.6, 0.1, -0.3, 0.2]] {
            for level in [20, 40, 60] {
                let noise = ComfortNoise::white(level).with_spectrum(spectrum);
                let decibels = -10.0 * power(&samples(&noise, 80_000)).log10();
                assert!((decibels - f64::from(level)).abs() < 0.5, "{level} {spectrum:?}: {decibels}");
            }
        }
        assert!(samples(&ComfortNoise::white(127), 800).iter().all(|sample| *sample == 0.0), "softer than one step");
    }

    /// Guards the filter: with one coefficient each sample is like the one before it by minus that.
    #[test]
    fn noise_has_the_spectrum_that_is_described() {
        for k in [-0.8, 0.0, 0.4] {
            let noise = ComfortNoise::white(20).with_spectrum(&[k]);
            let found = correlation(&samples(&noise, 80_000));
            assert!((found + k).abs() < 0.03, "{k}: {found}");
        }
    }

    #[test]
    fn what_comes_next_goes_on_from_what_came() {
        let noise = ComfortNoise::white(20).with_spectrum(&[-0.8, 0.3]);
        let mut generator = NoiseGenerator::new(noise.clone(), Rng::from_number(5));
        let mut parts = Vec::new();
        for len in [1, 79, 160] {
            parts.extend_from_slice(generator.generate(len, 8_000).unwrap().as_s16().unwrap());
        }
        let whole = NoiseGenerator::new(noise, Rng::from_number(5)).generate(240, 8_000).unwrap();
        assert_eq!(whole.as_s16(), Some(&parts[..]));
        generator.set(ComfortNoise::white(127));
        assert!(generator.generate(800, 8_000).unwrap().level() > 60);
    }
}
