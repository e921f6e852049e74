//! The measure of RFC 6716 §6 (`opus_compare`, part of its appendix A): how far two decodings at 48 kHz are apart, weighted by what
//! one can hear. Spectra are compared band by band, after energy was spread to where it masks: to neighbouring bands, to what
//! follows, and across channels.

use std::f64::consts::TAU;

/// Samples of a window, 10 ms.
pub const FRAME: usize = 480;
/// Samples from one window to the next.
pub const STEP: usize = 120;
/// Where bands begin and end, in lines of 100 Hz.
const BANDS: [usize; 22] = [0, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 68, 80, 96, 120, 156, 200];
const BAND_COUNT: usize = BANDS.len() - 1;
const LINES: usize = BANDS[BAND_COUNT];
/// Keeps silence comparable.
const FLOOR: f64 = 100_000.0;

/// Of one channel in one window.
#[derive(Clone)]
struct Spectrum {
    power: Vec<f64>,
    bands: [f64; BAND_COUNT],
}

/// From 100 (the same) over 0 (as far apart as 48 dB of white noise would be) to less. Samples of channels alternate.
pub fn quality(reference: &[i16], tested: &[i16], channels: usize) -> f64 {
    let mut expected: Vec<Vec<Spectrum>> = (0..channels).map(|channel| spectra(reference, channel, channels)).collect();
    let mut actual: Vec<Vec<Spectrum>> = (0..channels).map(|channel| spectra(tested, channel, channels)).collect();
    let windows = expected[0].len();
    let masking = masking(&expected);
    for (channel, masks) in masking.iter().enumerate() {
        for (window, mask) in masks.iter().enumerate() {
            for spectrum in [&mut expected[channel][window], &mut actual[channel][window]] {
                for (band, masked) in mask.iter().enumerate() {
                    lines(band).for_each(|line| spectrum.power[line] += 0.1 * masked);
                }
            }
        }
    }
    [&mut expected, &mut actual].into_iter().flatten().for_each(|spectra| join_neighbours(spectra));
    let mut sum = 0.0;
    for window in 0..windows {
        let errors = (0..BAND_COUNT).map(|band| {
            let apart = |channel: usize| {
                let (expected, actual) = (&expected[channel][window].power, &actual[channel][window].power);
                lines(band).map(|line| distance(line, actual[line] / expected[line])).sum::<f64>()
            };
            let count = (lines(band).len() * channels) as f64;
            ((0..channels).map(apart).sum::<f64>() / count).powi(2)
        });
        sum += (errors.sum::<f64>() / BAND_COUNT as f64).powi(4);
    }
    let error = (sum / windows as f64).powf(1.0 / 16.0);
    100.0 * (1.0 - 0.5 * error.ln_1p() / 1.13f64.ln())
}

fn lines(band: usize) -> std::ops::Range<usize> {
    BANDS[band]..BANDS[band + 1]
}

/// Zero where the ratio of powers is one. The lines at 8 kHz, where the two layers of the codec meet, count less.
fn distance(line: usize, ratio: f64) -> f64 {
    let weight = match line {
        79 | 81 => 0.1,
        80 => 0.01,
        _ => 1.0,
    };
    weight * (ratio - ratio.ln() - 1.0)
}

/// How much is masked in each band of each window of each channel.
fn masking(channels: &[Vec<Spectrum>]) -> Vec<Vec<[f64; BAND_COUNT]>> {
    let mut masks: Vec<Vec<[f64; BAND_COUNT]>> =
        channels.iter().map(|spectra| spectra.iter().map(|spectrum| spectrum.bands).collect()).collect();
    for window in 0..masks[0].len() {
        for mask in &mut masks {
            (1..BAND_COUNT).for_each(|band| mask[window][band] += 0.1 * mask[window][band - 1]);
            (0..BAND_COUNT - 1).rev().for_each(|band| mask[window][band] += 0.03 * mask[window][band + 1]);
            if window > 0 {
                (0..BAND_COUNT).for_each(|band| mask[window][band] += 0.5 * mask[window - 1][band]);
            }
        }
        if let [left, right] = masks.as_mut_slice() {
            for (left, right) in left[window].iter_mut().zip(&mut right[window]) {
                (*left, *right) = (*left + 0.01 * *right, *right + 0.01 * *left);
            }
        }
    }
    masks
}

/// Each window with the one before it, so that a small shift in time says less.
fn join_neighbours(spectra: &mut [Spectrum]) {
    for at in (1..spectra.len()).rev() {
        let (before, from) = spectra.split_at_mut(at);
        from[0].power.iter_mut().zip(&before[at - 1].power).for_each(|(power, before)| *power += before);
    }
}

fn spectra(samples: &[i16], channel: usize, channels: usize) -> Vec<Spectrum> {
    let samples: Vec<f64> = samples.iter().skip(channel).step_by(channels).map(|sample| f64::from(*sample)).collect();
    let window: Vec<f64> = (0..FRAME).map(|at| 0.5 - 0.5 * (TAU * at as f64 / (FRAME - 1) as f64).cos()).collect();
    let turns: Vec<(f64, f64)> = (0..FRAME).map(|at| (TAU * at as f64 / FRAME as f64).sin_cos()).collect();
    let starts = (0..=samples.len().saturating_sub(FRAME)).step_by(STEP);
    starts.map(|start| spectrum(&samples[start..start + FRAME], &window, &turns)).collect()
}

fn spectrum(samples: &[f64], window: &[f64], turns: &[(f64, f64)]) -> Spectrum {
    let shaped: Vec<f64> = samples.iter().zip(window).map(|(sample, window)| sample * window).collect();
    let power = (0..LINES).map(|line| {
        let (re, im) = shaped.iter().enumerate().fold((0.0, 0.0), |(re, im), (at, sample)| {
            let (sin, cos) = turns[line * at % FRAME];
            (re + sample * cos, im - sample * sin)
        });
        re * re + im * im + FLOOR
    });
    let power: Vec<f64> = power.collect();
    let mut bands = [0.0; BAND_COUNT];
    for (band, sum) in bands.iter_mut().enumerate() {
        *sum = lines(band).map(|line| power[line]).sum::<f64>() / lines(band).len() as f64;
    }
    Spectrum { power, bands }
}
