//! Few shades and dark outlines.

use super::edges::strengths;
use super::{picture, plane};
use ortica::codecs::VideoFrame;

/// Shades that luma is brought to.
const SHADES: u32 = 8;
/// From here on an edge is drawn.
const OUTLINE: u8 = 96;
const INK: u8 = 20;

pub fn apply(frame: &VideoFrame) -> VideoFrame {
    let frame = frame.to_i420();
    let (luma, width, height) = plane(&frame, 0);
    let smooth = smoothed(&luma, width, height);
    let flat = smooth.iter().zip(strengths(&luma, width, height));
    let flat = flat.map(|(light, strength)| if strength >= OUTLINE { INK } else { shade(*light) }).collect();
    picture(&frame, &[flat, plane(&frame, 1).0, plane(&frame, 2).0])
}

/// The middle of the shade that `light` falls into.
fn shade(light: u8) -> u8 {
    let step = 256 / SHADES;
    (u32::from(light) / step * step + step / 2) as u8
}

/// Each pixel the mean of the five by five around it, by sums along the rows and then along the columns.
fn smoothed(luma: &[u8], width: usize, height: usize) -> Vec<u8> {
    let rows: Vec<u32> = (0..height)
        .flat_map(|y| {
            (0..width).map(move |x| {
                let (from, to) = (x.saturating_sub(2), (x + 3).min(width));
                let pixels = luma.get(y * width + from..y * width + to).unwrap_or_default();
                pixels.iter().map(|pixel| u32::from(*pixel)).sum::<u32>() / (to - from) as u32
            })
        })
        .collect();
    let mean = |x: usize, y: usize| {
        let (from, to) = (y.saturating_sub(2), (y + 3).min(height));
        let sum: u32 = (from..to).filter_map(|y| rows.get(y * width + x)).sum();
        (sum / (to - from) as u32) as u8
    };
    (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| mean(x, y)).collect()
}
