//! Outlines.

use super::{picture, plane};
use ortica::codecs::VideoFrame;

/// Luma without light, and chroma without colour.
const BLACK: u8 = 16;
const GREY: u8 = 128;

pub fn apply(frame: &VideoFrame) -> VideoFrame {
    let frame = frame.to_i420();
    let (luma, width, height) = plane(&frame, 0);
    let light = strengths(&luma, width, height).map(|strength| strength.saturating_add(BLACK)).collect();
    let chroma = |index| vec![GREY; plane(&frame, index).0.len()];
    picture(&frame, &[light, chroma(1), chroma(2)])
}

/// How much each pixel differs from its surroundings (Sobel), 0 to 255, row after row.
pub fn strengths(luma: &[u8], width: usize, height: usize) -> impl Iterator<Item = u8> + '_ {
    // Beyond the border the picture goes on as it ends.
    let at = move |x: usize, y: usize| {
        let (x, y) = (x.clamp(1, width) - 1, y.clamp(1, height) - 1);
        luma.get(y * width + x).copied().map_or(0, i32::from)
    };
    (1..=height).flat_map(move |y| {
        (1..=width).map(move |x| {
            let across = at(x + 1, y - 1) + 2 * at(x + 1, y) + at(x + 1, y + 1)
                - at(x - 1, y - 1)
                - 2 * at(x - 1, y)
                - at(x - 1, y + 1);
            let down = at(x - 1, y + 1) + 2 * at(x, y + 1) + at(x + 1, y + 1)
                - at(x - 1, y - 1)
                - 2 * at(x, y - 1)
                - at(x + 1, y - 1);
            (across.abs() + down.abs()).min(255) as u8
        })
    })
}
