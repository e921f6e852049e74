//! A picture that turns with its own time.

use super::{picture, plane};
use ortica::codecs::VideoFrame;

/// In each second of the pictures' time.
const DEGREES: f64 = 45.0;

pub fn apply(frame: &VideoFrame) -> VideoFrame {
    let frame = frame.to_i420();
    let seconds = frame.time_base().duration(frame.pts()).as_secs_f64();
    let (sin, cos) = (seconds * DEGREES % 360.0).to_radians().sin_cos();
    // Outside of the picture it is black.
    let planes = [(0, 16), (1, 128), (2, 128)].map(|(index, outside)| turned(plane(&frame, index), sin, cos, outside));
    picture(&frame, &planes)
}

/// Takes each pixel from where it was before the turn around the middle.
fn turned((pixels, width, height): (Vec<u8>, usize, usize), sin: f64, cos: f64, outside: u8) -> Vec<u8> {
    let middle = |len: usize| (len as f64 - 1.0) / 2.0;
    let (middle_x, middle_y) = (middle(width), middle(height));
    let from = |x: usize, y: usize| {
        let (x, y) = (x as f64 - middle_x, y as f64 - middle_y);
        let (x, y) = ((cos * x + sin * y + middle_x).round(), (cos * y - sin * x + middle_y).round());
        let inside = x >= 0.0 && y >= 0.0 && (x as usize) < width && (y as usize) < height;
        inside.then(|| y as usize * width + x as usize)
    };
    (0..height)
        .flat_map(|y| (0..width).map(move |x| (x, y)))
        .map(|(x, y)| from(x, y).and_then(|at| pixels.get(at).copied()).unwrap_or(outside))
        .collect()
}
