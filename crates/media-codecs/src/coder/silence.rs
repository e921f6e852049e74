//! When a speaker pauses, and what the pause sounds like: what comfort noise is sent by.
//!
//! Sound counts as silence once it has been softer than [`THRESHOLD`] for [`HANGOVER`]. What it sounds like is its level and, at the
//! 8,000 Hz that descriptions are of, its spectrum, both of all that was heard since the last description.
//!
//! Source: [RFC 3389 §4](https://www.rfc-editor.org/rfc/rfc3389#section-4)

use std::time::Duration;

use crate::AudioFrame;
use crate::payload::comfort_noise::ComfortNoise;

/// What is softer than this, in decibels below overload, may be silence.
pub const THRESHOLD: u8 = 50;
/// Sound has to be that soft for so long before it counts as silence, so that the ends of words are heard.
pub const HANGOVER: Duration = Duration::from_millis(200);
/// Silence that goes on unchanged is described again this often, for who missed it.
pub const REFRESH: Duration = Duration::from_secs(1);
/// Silence that changes is described this often at most.
const MIN_INTERVAL: Duration = Duration::from_millis(100);
/// A change of its level that is worth a description, in decibels.
const CHANGE: u8 = 3;

/// The order of the spectrum.
const ORDER: usize = 8;
/// The sample rate at which a spectrum means something to the other side.
const SPECTRUM_RATE: u32 = 8_000;

/// What a stretch of sound is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Activity {
    /// To be sent.
    Sound,
    /// Silence that has begun, or changed, or was described long ago: the description is to be sent.
    Described(ComfortNoise),
    /// Silence that goes on: nothing is to be sent.
    Silence,
}

/// Tells silence from sound, in one channel.
#[derive(Clone, Debug, Default)]
pub struct SilenceDetector {
    /// For how long it has been soft.
    soft: Duration,
    /// How alike the samples and those some before them are, added up over so many stretches: what the spectrum is made of.
    correlation: [f64; ORDER + 1],
    stretches: f64,
    /// The level that was described last, and for how long it has held.
    described: Option<(u8, Duration)>,
}

impl SilenceDetector {
    /// Takes the next stretch of sound, of any length: of one channel.
    pub fn observe(&mut self, sound: &AudioFrame) -> Activity {
        let length = Duration::from_secs(sound.len() as u64) / sound.sample_rate().max(1);
        if sound.level() < THRESHOLD {
            *self = Self::default();
            return Activity::Sound;
        }
        self.soft = self.soft.saturating_add(length);
        // What a word leaves behind is none of the silence.
        if self.soft > HANGOVER / 2 {
            self.listen(sound);
        }
        if self.soft < HANGOVER {
            return Activity::Sound;
        }
        let noise = self.describe(sound.sample_rate());
        let is_due = self.described.as_mut().is_none_or(|(level, held)| {
            *held = held.saturating_add(length);
            *held >= REFRESH || *held >= MIN_INTERVAL && level.abs_diff(noise.level()) >= CHANGE
        });
        if !is_due {
            return Activity::Silence;
        }
        self.described = Some((noise.level(), Duration::ZERO));
        (self.correlation, self.stretches) = (Default::default(), 0.0);
        Activity::Described(noise)
    }

    /// Adds a stretch to the averages.
    fn listen(&mut self, sound: &AudioFrame) {
        let sound = sound.to_f32();
        let samples = sound.as_f32().unwrap_or_default();
        let count = samples.len().max(1) as f64;
        for (lag, sum) in self.correlation.iter_mut().enumerate() {
            let pairs = samples.iter().zip(samples.iter().skip(lag));
            *sum += pairs.map(|(one, other)| f64::from(*one) * f64::from(*other)).sum::<f64>() / count;
        }
        self.stretches += 1.0;
    }

    fn describe(&self, sample_rate: u32) -> ComfortNoise {
        let correlation = self.correlation.map(|sum| sum / self.stretches.max(1.0));
        let [power, ..] = correlation;
        // Of nothing at all it is minus infinity, which the cast turns into 127.
        let noise = ComfortNoise::white((-10.0 * power.log10()).round().clamp(0.0, 127.0) as u8);
        if sample_rate == SPECTRUM_RATE { noise.with_spectrum(&reflections(&correlation)) } else { noise }
    }
}

/// The reflection coefficients of noise whose samples are that alike, by the recursion of Levinson and Durbin.
fn reflections(correlation: &[f64; ORDER + 1]) -> Vec<f64> {
    let (mut coefficients, mut predictor) = (Vec::with_capacity(ORDER), Vec::<f64>::with_capacity(ORDER));
    let [power, lags @ ..] = correlation;
    // A little of all frequencies, without which quiet ones would be made up out of rounding.
    let mut rest = power * 1.001 + f64::MIN_POSITIVE;
    for (stage, lag) in lags.iter().enumerate() {
        let known: f64 = predictor.iter().zip(lags.iter().take(stage).rev()).map(|(a, r)| a * r).sum();
        let reflection = (-(lag + known) / rest).clamp(-0.99, 0.99);
        let turned: Vec<f64> = predictor.iter().rev().copied().collect();
        predictor.iter_mut().zip(turned).for_each(|(a, turned)| *a += reflection * turned);
        predictor.push(reflection);
        rest *= 1.0 - reflection * reflection;
        coefficients.push(reflection);
    }
    coefficients
}

#[cfg(test)]
mod tests {
    use ortica_core::Rng;

    use super::*;
    use crate::coder::comfort_noise::NoiseGenerator;
    use crate::synthetic::Tone;

    /// 20 ms of noise that is described so.
    fn noise(generator: &mut NoiseGenerator) -> AudioFrame {
        generator.generate(160, 8_000).unwrap()
    }

    fn generator(noise: ComfortNoise) -> NoiseGenerator {
        NoiseGenerator::new(noise, Rng::from_number(3))
    }

    fn kinds(activities: &[Activity]) -> String {
        let kind = |activity: &Activity| match activity {
            Activity::Sound => 's',
            Activity::Described(_) => 'd',
            Activity::Silence => '.',
        };
        activities.iter().map(kind).collect()
    }

    /// The guard: the end of a word is heard, then silence is described once and seldom again.
    #[test]
    fn silence_begins_after_the_hangover_and_is_described_each_second() {
        let mut detector = SilenceDetector::default();
        let mut quiet = generator(ComfortNoise::white(70));
        let activities: Vec<Activity> = (0..115).map(|_| detector.observe(&noise(&mut quiet))).collect();
        let expected =
            format!("{}d{}d{}d{}", "s".repeat(9), ".".repeat(49), ".".repeat(49), ".".repeat(115 - 9 - 3 - 98));
        assert_eq!(kinds(&activities), expected);
        let tone = Tone::new(440.0, 8_000, 1).unwrap().next().unwrap();
        assert_eq!(detector.observe(&tone), Activity::Sound);
        let after: Vec<Activity> = (0..10).map(|_| detector.observe(&noise(&mut quiet))).collect();
        assert_eq!(kinds(&after), "sssssssssd", "it begins anew");
    }

    #[test]
    fn a_change_of_level_is_described() {
        let mut detector = SilenceDetector::default();
        let mut quiet = generator(ComfortNoise::white(75));
        (0..20).for_each(|_| drop(detector.observe(&noise(&mut quiet))));
        quiet.set(ComfortNoise::white(60));
        let activities: Vec<Activity> = (0..30).map(|_| detector.observe(&noise(&mut quiet))).collect();
        let described: Vec<u8> = activities
            .iter()
            .filter_map(|it| match it {
                Activity::Described(noise) => Some(noise.level()),
                _ => None,
            })
            .collect();
        assert!((2..=6).contains(&described.len()) && described.is_sorted_by(|a, b| a > b), "{described:?}");
        assert!(described.last().unwrap().abs_diff(60) <= 3, "{described:?}");
    }

    /// The guard: noise that is made after the description sounds like the one that was described.
    #[test]
    fn what_is_described_is_what_was_heard() {
        for (level, spectrum) in [(60, &[][..]), (65, &[-0.8]), (70, &[0.5, -0.4, 0.2])] {
            let original = ComfortNoise::white(level).with_spectrum(spectrum);
            let (mut detector, mut quiet) = (SilenceDetector::default(), generator(original));
            let described = (0..200).filter_map(|_| match detector.observe(&noise(&mut quiet)) {
                Activity::Described(noise) => Some(noise),
                _ => None,
            });
            let last = described.last().unwrap();
            assert!(last.level().abs_diff(level) <= 2, "{level}: {}", last.level());
            let found: Vec<f64> = last.spectrum().collect();
            for (at, found) in found.iter().enumerate() {
                let wanted = spectrum.get(at).copied().unwrap_or(0.0);
                assert!((found - wanted).abs() < 0.15, "{spectrum:?}: {found:?} at {at}");
            }
        }
    }

    #[test]
    fn nothing_at_all_is_silence_and_other_rates_have_no_spectrum() {
        let mut detector = SilenceDetector::default();
        let silence = AudioFrame::silence(320, 16_000, 1).unwrap();
        let activities: Vec<Activity> = (0..11).map(|_| detector.observe(&silence)).collect();
        assert_eq!(activities.get(9), Some(&Activity::Described(ComfortNoise::white(127))));
        assert_eq!(activities.get(10), Some(&Activity::Silence));
    }
}
