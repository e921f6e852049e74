//! Change of sample rate by a windowed sinc.

use super::FrameError;
use super::audio::check;

/// Zero crossings of the sinc on each side, counted at the lower of the two rates.
const CROSSINGS: usize = 16;
/// Where the filter lets go, as a part of the lower rate's half: the rest is its slope.
const CUTOFF: f64 = 0.94;
/// Shape of the Kaiser window: about 80 dB below the signal outside the band.
const BETA: f64 = 8.0;
/// The most filters to compute in advance. Rates whose ratio needs more interpolate between neighbours, at an error
/// below that of 16-bit samples.
const MAX_PHASES: usize = 1_024;

/// Turns interleaved float samples of one rate into another, as they come.
///
/// A linear-phase filter, flat to about 0.9 of the lower rate's half. The first sample out is at the time of the first one in;
/// the last ones wait for [`finish`](Self::finish), since the filter looks ahead by 16 samples of the lower rate.
#[derive(Clone, Debug)]
pub struct Resampler {
    channels: usize,
    // An output sample lies `step / phases_exact` input samples after the one before it.
    step: usize,
    denominator: usize,
    phases: usize,
    taps: usize,
    // `phases + 1` filters of `taps` coefficients each; the last equals the first, one sample later.
    filters: Vec<f32>,
    // Interleaved input that some window still covers.
    history: Vec<f32>,
    // Where the next window begins in `history`, in frames, and its fraction in `denominator`ths.
    position: usize,
    fraction: usize,
}

impl Resampler {
    /// From `from` to `to` hertz, for 1 or 2 `channels`.
    ///
    /// # Errors
    /// [`FrameError::SampleRate`] or [`FrameError::Channels`] if outside what a frame may have.
    pub fn new(from: u32, to: u32, channels: u8) -> Result<Self, FrameError> {
        check(from, channels)?;
        check(to, channels)?;
        let divisor = gcd(from, to);
        let (step, denominator) = ((from / divisor) as usize, (to / divisor) as usize);
        let phases = denominator.min(MAX_PHASES);
        let scale = (f64::from(to) / f64::from(from)).min(1.0);
        let half = (CROSSINGS as f64 / scale).ceil() as usize;
        let mut resampler = Self {
            channels: usize::from(channels),
            step,
            denominator,
            phases,
            taps: half * 2,
            filters: filters(half, phases, scale * CUTOFF),
            history: Vec::new(),
            position: 0,
            fraction: 0,
        };
        resampler.reset();
        Ok(resampler)
    }

    /// Takes interleaved `input`, appends interleaved samples of the new rate to `out`.
    pub fn push(&mut self, input: &[f32], out: &mut Vec<f32>) {
        self.history.extend_from_slice(input);
        let frames = self.history.len() / self.channels;
        while self.position + self.taps <= frames {
            self.window(out);
            self.fraction += self.step;
            self.position += self.fraction / self.denominator;
            self.fraction %= self.denominator;
        }
        let used = self.position.min(frames);
        self.history.drain(..used * self.channels);
        self.position -= used;
    }

    /// Appends what the last input still owes, as if silence followed, and starts afresh.
    pub fn finish(&mut self, out: &mut Vec<f32>) {
        let silence = vec![0.0; self.taps / 2 * self.channels];
        self.push(&silence, out);
        self.reset();
    }

    fn reset(&mut self) {
        self.history.clear();
        // The first window is centred on the first sample.
        self.history.resize((self.taps / 2 - 1) * self.channels, 0.0);
        (self.position, self.fraction) = (0, 0);
    }

    fn window(&self, out: &mut Vec<f32>) {
        let scaled = self.fraction * self.phases;
        let (phase, rest) = (scaled / self.denominator, scaled % self.denominator);
        let samples = self.history.get(self.position * self.channels..).unwrap_or_default();
        let filter = |phase: usize| self.filters.get(phase * self.taps..).unwrap_or_default().iter().take(self.taps);
        for channel in 0..self.channels {
            let line = || samples.iter().skip(channel).step_by(self.channels);
            let dot = |phase| filter(phase).zip(line()).map(|(c, s)| c * s).sum::<f32>();
            let mut value = dot(phase);
            if rest != 0 {
                value += (dot(phase + 1) - value) * (rest as f32 / self.denominator as f32);
            }
            out.push(value);
        }
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// One filter per phase, each with the sum one so that a constant stays what it is.
fn filters(half: usize, phases: usize, cutoff: f64) -> Vec<f32> {
    let mut all = Vec::with_capacity((phases + 1) * half * 2);
    for phase in 0..=phases {
        let fraction = phase as f64 / phases as f64;
        let at = |tap: usize| tap as f64 - (half - 1) as f64 - fraction;
        let raw: Vec<f64> = (0..half * 2).map(|tap| sinc(at(tap) * cutoff) * kaiser(at(tap) / half as f64)).collect();
        let sum: f64 = raw.iter().sum();
        all.extend(raw.iter().map(|c| (c / sum) as f32));
    }
    all
}

fn sinc(x: f64) -> f64 {
    let x = x * std::f64::consts::PI;
    if x == 0.0 { 1.0 } else { x.sin() / x }
}

fn kaiser(x: f64) -> f64 {
    let inside = 1.0 - x * x;
    if inside <= 0.0 { 0.0 } else { bessel(BETA * inside.sqrt()) / bessel(BETA) }
}

/// The modified Bessel function of the first kind, order zero, by its power series.
fn bessel(x: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..40 {
        term *= (x / 2.0 / f64::from(k)).powi(2);
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(frequency: f64, rate: u32, count: usize) -> Vec<f32> {
        let angle = std::f64::consts::TAU * frequency / f64::from(rate);
        (0..count).map(|n| (0.5 * (angle * n as f64).sin()) as f32).collect()
    }

    fn convert(input: &[f32], from: u32, to: u32, piece: usize) -> Vec<f32> {
        let (mut resampler, mut out) = (Resampler::new(from, to, 1).unwrap(), Vec::new());
        input.chunks(piece).for_each(|chunk| resampler.push(chunk, &mut out));
        resampler.finish(&mut out);
        out
    }

    /// Power of what is not the tone, relative to the tone, in decibels; the ends are left out.
    fn error_db(actual: &[f32], expected: &[f32]) -> f64 {
        let skip = 200;
        let inner = skip..actual.len() - skip;
        let noise: f64 = inner.clone().map(|n| f64::from(actual[n] - expected[n]).powi(2)).sum();
        let signal: f64 = inner.map(|n| f64::from(expected[n]).powi(2)).sum();
        10.0 * (noise / signal).log10()
    }

    #[test]
    fn a_tone_stays_the_same_tone_at_the_same_time() {
        for (from, to) in
            [(8_000, 48_000), (16_000, 48_000), (44_100, 48_000), (48_000, 8_000), (48_000, 44_100), (44_101, 48_000)]
        {
            let input = tone(1_000.0, from, from as usize / 4);
            let out = convert(&input, from, to, 441);
            assert!(out.len().abs_diff(to as usize / 4) <= 1, "{from} to {to}: {} samples", out.len());
            let error = error_db(&out, &tone(1_000.0, to, out.len()));
            assert!(error < -70.0, "{from} to {to}: error {error:.1} dB");
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_hold_is_removed() {
        let out = convert(&tone(6_000.0, 48_000, 12_000), 48_000, 8_000, 960);
        let loudest = out[100..out.len() - 100].iter().fold(0.0f32, |peak, s| peak.max(s.abs()));
        assert!(loudest < 0.001, "{loudest}");
    }

    #[test]
    fn pieces_of_any_length_give_the_same() {
        let input = tone(700.0, 44_100, 5_000);
        let whole = convert(&input, 44_100, 48_000, 5_000);
        assert_eq!(whole, convert(&input, 44_100, 48_000, 7));
        assert_eq!(whole, convert(&input, 44_100, 48_000, 333));
    }

    #[test]
    fn channels_do_not_mix() {
        let (left, right) = (tone(500.0, 16_000, 4_000), vec![0.0; 4_000]);
        let both: Vec<f32> = left.iter().zip(&right).flat_map(|(l, r)| [*l, *r]).collect();
        let (mut resampler, mut out) = (Resampler::new(16_000, 48_000, 2).unwrap(), Vec::new());
        resampler.push(&both, &mut out);
        resampler.finish(&mut out);
        assert!(out.chunks(2).all(|frame| frame[1] == 0.0));
        assert_eq!(out.iter().step_by(2).copied().collect::<Vec<_>>(), convert(&left, 16_000, 48_000, 4_000));
    }

    #[test]
    fn history_does_not_grow() {
        let (mut resampler, mut out) = (Resampler::new(192_000, 8_000, 2).unwrap(), Vec::new());
        for _ in 0..100 {
            resampler.push(&[0.1; 3_840], &mut out);
            assert!(resampler.history.len() <= (resampler.taps + 24) * 2);
        }
    }
}
