//! Another size for a picture of any format, plane by plane.
#![cfg_attr(
    not(test),
    expect(clippy::indexing_slicing, reason = "columns are computed from the length of the rows they point into")
)]

use super::video::Plane;
use super::{PlaneRef, VideoFrame};

/// `frame` at another size than its own.
pub(super) fn scale(frame: &VideoFrame, width: u32, height: u32) -> VideoFrame {
    // Bilinear looks at two samples in each direction, so a picture that shrinks further is halved first.
    let mut frame = std::borrow::Cow::Borrowed(frame);
    while frame.width() / 2 >= width && frame.height() / 2 >= height {
        let (half_width, half_height) = (frame.width() / 2, frame.height() / 2);
        frame = std::borrow::Cow::Owned(resize(&frame, half_width, half_height, halve));
    }
    if (frame.width(), frame.height()) == (width, height) {
        return frame.into_owned();
    }
    resize(&frame, width, height, bilinear)
}

/// A plane, how many bytes belong to one position, and where the result goes with the length of its rows.
type Kernel = fn(PlaneRef<'_>, usize, &mut [u8], usize);

fn resize(frame: &VideoFrame, width: u32, height: u32, kernel: Kernel) -> VideoFrame {
    let planes = frame.planes().zip(frame.format().shapes()).map(|(plane, shape)| {
        let (row, rows) = shape.size(width, height);
        let mut data = vec![0; row * rows];
        kernel(plane, shape.components, &mut data, row);
        Plane { data: data.into(), stride: row }
    });
    frame.derive(frame.format(), width, height, planes)
}

/// The mean of each two by two samples. Where an odd size leaves the result without a partner, the last one counts twice.
fn halve(plane: PlaneRef<'_>, components: usize, out: &mut [u8], row_len: usize) {
    let last = plane.row_count() - 1;
    for (y, out) in out.chunks_exact_mut(row_len).enumerate() {
        let (upper, lower) = (plane.row((y * 2).min(last)), plane.row((y * 2 + 1).min(last)));
        let last = upper.len() / components - 1;
        for (x, out) in out.chunks_exact_mut(components).enumerate() {
            let (left, right) = ((x * 2).min(last) * components, (x * 2 + 1).min(last) * components);
            for (c, out) in out.iter_mut().enumerate() {
                let sum = [upper[left + c], upper[right + c], lower[left + c], lower[right + c]].map(u32::from);
                *out = ((sum.iter().sum::<u32>() + 2) / 4) as u8;
            }
        }
    }
}

/// Where a sample of the result lies in the source: the sample before it, the one after it, and how far between them in
/// 128ths. Sample centres are aligned, not corners.
#[derive(Clone, Copy)]
struct Between {
    before: usize,
    after: usize,
    part: u32,
}

impl Between {
    fn new(index: usize, from: usize, to: usize) -> Self {
        let centre = ((index * 2 + 1) * from * 128 / (to * 2)).saturating_sub(64);
        let before = (centre / 128).min(from - 1);
        Self { before, after: (before + 1).min(from - 1), part: (centre % 128) as u32 }
    }
}

fn bilinear(plane: PlaneRef<'_>, components: usize, out: &mut [u8], row_len: usize) {
    let (columns, rows) = (row_len / components, out.len() / row_len);
    let across: Vec<Between> = (0..columns).map(|x| Between::new(x, plane.row_len() / components, columns)).collect();
    for (y, out) in out.chunks_exact_mut(row_len).enumerate() {
        let down = Between::new(y, plane.row_count(), rows);
        let (upper, lower) = (plane.row(down.before), plane.row(down.after));
        for (out, at) in out.chunks_exact_mut(components).zip(&across) {
            let (left, right) = (at.before * components, at.after * components);
            for (c, out) in out.iter_mut().enumerate() {
                let mix = |row: &[u8]| u32::from(row[left + c]) * (128 - at.part) + u32::from(row[right + c]) * at.part;
                *out = ((mix(upper) * (128 - down.part) + mix(lower) * down.part + (1 << 13)) >> 14) as u8;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{PixelFormat, convert::psnr};

    /// A slope in each plane, which bilinear scaling must keep.
    fn slope(format: PixelFormat, width: u32, height: u32) -> VideoFrame {
        let mut data = Vec::new();
        for shape in format.shapes() {
            let (row, rows) = shape.size(width, height);
            for y in 0..rows {
                let at = |index: usize, count: usize| (index * 2 + 1) * 60 / count;
                data.extend((0..row).map(|x| (at(x / shape.components, row / shape.components) + at(y, rows)) as u8));
            }
        }
        VideoFrame::from_bytes(format, width, height, data).unwrap()
    }

    #[test]
    fn a_slope_stays_a_slope_at_any_size() {
        for format in [PixelFormat::I420, PixelFormat::Nv12, PixelFormat::Rgb24, PixelFormat::Rgba] {
            for (width, height) in [(320, 240), (81, 61), (640, 90), (40, 30), (33, 200), (20, 15)] {
                let scaled = slope(format, 160, 120).scale(width, height).unwrap();
                assert_eq!((scaled.width(), scaled.height()), (width, height));
                let expected = slope(format, width, height);
                for (actual, expected) in scaled.planes().zip(expected.planes()) {
                    let ratio = psnr(actual, expected);
                    // Chroma of an odd height has half a row too many.
                    assert!(ratio > 34.0, "{format:?} to {width}x{height}: {ratio:.1} dB");
                }
            }
        }
    }

    #[test]
    fn the_smallest_and_the_oddest_sizes_work() {
        let frame = slope(PixelFormat::I420, 7, 5);
        for (width, height) in [(1, 1), (3, 2), (2, 5), (7, 1), (1, 9)] {
            assert_eq!(frame.scale(width, height).unwrap().to_vec().len(), PixelFormat::I420.byte_len(width, height));
        }
        assert!(slope(PixelFormat::I420, 1, 1).scale(5, 5).is_ok());
        assert!(frame.scale(0, 4).is_err());
    }

    #[test]
    fn the_same_size_shares_the_planes() {
        let frame = slope(PixelFormat::Gray8, 8, 8);
        assert_eq!(
            frame.scale(8, 8).unwrap().plane(0).unwrap().data().as_ptr(),
            frame.plane(0).unwrap().data().as_ptr()
        );
    }

    #[test]
    fn shrinking_averages_fine_patterns() {
        let board: Vec<u8> = (0..64u32 * 64).map(|n| if (n + n / 64) % 2 == 0 { 0 } else { 200 }).collect();
        let small = VideoFrame::from_bytes(PixelFormat::Gray8, 64, 64, board).unwrap().scale(16, 16).unwrap();
        assert!(small.to_vec().iter().all(|&v| v == 100));
    }
}
