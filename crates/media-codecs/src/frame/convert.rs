//! From one pixel format to another. YUV and RGB meet by BT.601 at limited range, in 8-bit fixed point.
//!
//! Whatever is YUV passes through I420, whatever is RGB through a table of where its bytes lie: a new format adds one arm
//! in each direction.
#![cfg_attr(
    not(test),
    expect(
        clippy::indexing_slicing,
        reason = "a pixel is an array, and the offsets into it are constants below its size"
    )
)]

use super::video::Plane;
use super::{PixelFormat, VideoFrame};

/// `frame` in another format than its own.
pub(super) fn convert(frame: &VideoFrame, to: PixelFormat) -> VideoFrame {
    use PixelFormat::{Bgr24, Bgra, Gray8, I420, Nv12, Rgb24, Rgba};
    match (frame.format(), to) {
        (Rgb24, Bgr24) | (Bgr24, Rgb24) => swizzle::<3, 3>(frame, to, |[a, b, c]| [c, b, a]),
        (Rgb24, Rgba) | (Bgr24, Bgra) => swizzle::<3, 4>(frame, to, |[a, b, c]| [a, b, c, 255]),
        (Rgb24, Bgra) | (Bgr24, Rgba) => swizzle::<3, 4>(frame, to, |[a, b, c]| [c, b, a, 255]),
        (Rgba, Rgb24) | (Bgra, Bgr24) => swizzle::<4, 3>(frame, to, |[a, b, c, _]| [a, b, c]),
        (Rgba, Bgr24) | (Bgra, Rgb24) => swizzle::<4, 3>(frame, to, |[a, b, c, _]| [c, b, a]),
        (Rgba, Bgra) | (Bgra, Rgba) => swizzle::<4, 4>(frame, to, |[a, b, c, d]| [c, b, a, d]),
        (Gray8, I420) => with_luma(frame, to, |chroma| chroma.fill(128)),
        (Gray8, Nv12) => with_luma(frame, to, |chroma| chroma.fill(128)),
        (I420 | Nv12, Gray8) => with_luma(frame, to, |_| ()),
        (I420, Nv12) => interleave(frame),
        (Nv12, I420) => deinterleave(frame),
        (Rgb24, I420) => from_rgb::<0, 1, 2, 3>(frame),
        (Bgr24, I420) => from_rgb::<2, 1, 0, 3>(frame),
        (Rgba, I420) => from_rgb::<0, 1, 2, 4>(frame),
        (Bgra, I420) => from_rgb::<2, 1, 0, 4>(frame),
        (I420, Rgb24) => to_rgb::<0, 1, 2, 3>(frame, to),
        (I420, Bgr24) => to_rgb::<2, 1, 0, 3>(frame, to),
        (I420, Rgba) => to_rgb::<0, 1, 2, 4>(frame, to),
        (I420, Bgra) => to_rgb::<2, 1, 0, 4>(frame, to),
        (Nv12 | Gray8, Rgb24 | Bgr24 | Rgba | Bgra) | (Rgb24 | Bgr24 | Rgba | Bgra, Nv12 | Gray8) => {
            convert(&frame.to_i420(), to)
        }
        (I420, I420) | (Nv12, Nv12) | (Gray8, Gray8) => frame.clone(),
        (Rgb24, Rgb24) | (Bgr24, Bgr24) | (Rgba, Rgba) | (Bgra, Bgra) => frame.clone(),
    }
}

/// A new picture of the same size and time.
fn build(frame: &VideoFrame, to: PixelFormat, paint: impl FnOnce(&mut [&mut [u8]])) -> VideoFrame {
    VideoFrame::painted(to, frame.width(), frame.height(), paint).with_pts(frame.pts(), frame.time_base())
}

/// Shares the luma plane and fills the others.
fn with_luma(frame: &VideoFrame, to: PixelFormat, mut fill: impl FnMut(&mut [u8])) -> VideoFrame {
    let chroma = to.shapes().iter().skip(1).map(|shape| {
        let (row, rows) = shape.size(frame.width(), frame.height());
        let mut data = vec![0; row * rows];
        fill(&mut data);
        Plane { data: data.into(), stride: row }
    });
    frame.derive(to, frame.width(), frame.height(), frame.shared_plane(0).into_iter().chain(chroma))
}

fn interleave(frame: &VideoFrame) -> VideoFrame {
    with_luma(frame, PixelFormat::Nv12, |both| {
        let (Some(blue), Some(red)) = (frame.plane(1), frame.plane(2)) else { return };
        for (out, (u, v)) in both.chunks_exact_mut(blue.row_len() * 2).zip(blue.rows().zip(red.rows())) {
            for (pair, (u, v)) in out.as_chunks_mut::<2>().0.iter_mut().zip(u.iter().zip(v)) {
                *pair = [*u, *v];
            }
        }
    })
}

fn deinterleave(frame: &VideoFrame) -> VideoFrame {
    let mut which = 0..2;
    with_luma(frame, PixelFormat::I420, |out| {
        let (Some(both), Some(which)) = (frame.plane(1), which.next()) else { return };
        for (out, row) in out.chunks_exact_mut(both.row_len() / 2).zip(both.rows()) {
            for (out, pair) in out.iter_mut().zip(row.as_chunks::<2>().0) {
                *out = pair[which];
            }
        }
    })
}

fn swizzle<const N: usize, const M: usize>(
    frame: &VideoFrame,
    to: PixelFormat,
    map: impl Fn([u8; N]) -> [u8; M],
) -> VideoFrame {
    build(frame, to, |planes| {
        let (Some(plane), [out]) = (frame.plane(0), planes) else { return };
        let pixels = plane.rows().flat_map(|row| row.as_chunks::<N>().0);
        out.as_chunks_mut::<M>().0.iter_mut().zip(pixels).for_each(|(out, pixel)| *out = map(*pixel));
    })
}

/// `R`, `G` and `B` are where a pixel of `N` bytes keeps its colours.
fn from_rgb<const R: usize, const G: usize, const B: usize, const N: usize>(frame: &VideoFrame) -> VideoFrame {
    let width = frame.width() as usize;
    build(frame, PixelFormat::I420, |planes| {
        let (Some(plane), [luma, blue, red]) = (frame.plane(0), planes) else { return };
        let chroma = blue.chunks_exact_mut(width.div_ceil(2)).zip(red.chunks_exact_mut(width.div_ceil(2)));
        for ((y, luma), (blue, red)) in (0..).step_by(2).zip(luma.chunks_mut(width * 2)).zip(chroma) {
            let upper = plane.row(y).as_chunks::<N>().0;
            // An odd last row stands for the one that is missing below it.
            let lower = if y + 1 < plane.row_count() { plane.row(y + 1).as_chunks::<N>().0 } else { upper };
            for (out, pixel) in luma.iter_mut().zip(upper.iter().chain(lower)) {
                *out = luma_of(pixel[R].into(), pixel[G].into(), pixel[B].into());
            }
            let blocks = upper.chunks(2).zip(lower.chunks(2));
            for ((blue, red), (upper, lower)) in blue.iter_mut().zip(red.iter_mut()).zip(blocks) {
                let count = (upper.len() * 2) as i32;
                let mean = |at: usize| {
                    let sum: i32 = upper.iter().chain(lower).map(|pixel| i32::from(pixel[at])).sum();
                    (sum + count / 2) / count
                };
                (*blue, *red) = chroma_of(mean(R), mean(G), mean(B));
            }
        }
    })
}

fn luma_of(r: i32, g: i32, b: i32) -> u8 {
    (((66 * r + 129 * g + 25 * b + 128) >> 8) + 16) as u8
}

fn chroma_of(r: i32, g: i32, b: i32) -> (u8, u8) {
    let blue = ((-38 * r - 74 * g + 112 * b + 128) >> 8) + 128;
    let red = ((112 * r - 94 * g - 18 * b + 128) >> 8) + 128;
    (blue as u8, red as u8)
}

/// As [`from_rgb`], backwards; each chroma sample serves its four pixels.
fn to_rgb<const R: usize, const G: usize, const B: usize, const N: usize>(
    frame: &VideoFrame,
    to: PixelFormat,
) -> VideoFrame {
    build(frame, to, |planes| {
        let (Some(luma), Some(blue), Some(red), [out]) = (frame.plane(0), frame.plane(1), frame.plane(2), planes)
        else {
            return;
        };
        for (y, out) in out.chunks_exact_mut(luma.row_len() * N).enumerate() {
            let chroma = blue.row(y / 2).iter().zip(red.row(y / 2));
            let lumas = luma.row(y).chunks(2);
            for ((out, lumas), (u, v)) in out.chunks_mut(N * 2).zip(lumas).zip(chroma) {
                let (d, e) = (i32::from(*u) - 128, i32::from(*v) - 128);
                let (r, g, b) = (409 * e + 128, -100 * d - 208 * e + 128, 516 * d + 128);
                for (pixel, y) in out.as_chunks_mut::<N>().0.iter_mut().zip(lumas) {
                    let c = 298 * (i32::from(*y) - 16);
                    *pixel = [255; N];
                    pixel[R] = clip(c + r);
                    pixel[G] = clip(c + g);
                    pixel[B] = clip(c + b);
                }
            }
        }
    })
}

fn clip(scaled: i32) -> u8 {
    (scaled >> 8).clamp(0, 255) as u8
}

/// Peak signal-to-noise ratio of two planes of one size, in decibels; infinite if they are equal.
#[cfg(test)]
pub(crate) fn psnr(a: super::PlaneRef<'_>, b: super::PlaneRef<'_>) -> f64 {
    let pixels = || a.rows().flatten().zip(b.rows().flatten());
    let squares: u64 = pixels().map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum();
    10.0 * (255.0 * 255.0 * pixels().count() as f64 / squares as f64).log10()
}

#[cfg(test)]
mod tests {
    use PixelFormat::{Bgr24, Bgra, Gray8, I420, Nv12, Rgb24, Rgba};

    use super::*;

    fn solid(rgb: [u8; 3], width: u32, height: u32) -> VideoFrame {
        VideoFrame::from_bytes(Rgb24, width, height, rgb.repeat((width * height) as usize)).unwrap()
    }

    fn gradient(width: u32, height: u32) -> VideoFrame {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let data =
            pixels.flat_map(|(x, y)| [x * 255 / width, y * 255 / height, 255 - (x + y) * 255 / (width + height)]);
        VideoFrame::from_bytes(Rgb24, width, height, data.map(|c| c as u8).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn primaries_have_their_bt601_values() {
        for (rgb, yuv) in [
            ([0, 0, 0], [16, 128, 128]),
            ([255, 255, 255], [235, 128, 128]),
            ([255, 0, 0], [82, 90, 240]),
            ([0, 255, 0], [145, 54, 34]),
            ([0, 0, 255], [41, 240, 110]),
        ] {
            let frame = solid(rgb, 2, 2).to_i420();
            let [y, u, v] = [0, 1, 2].map(|plane| frame.plane(plane).unwrap().row(0)[0]);
            for (actual, expected) in [y, u, v].into_iter().zip(yuv) {
                assert!(actual.abs_diff(expected) <= 1, "{rgb:?}: {:?}, not {yuv:?}", [y, u, v]);
            }
            let back = frame.to_rgb();
            for (a, b) in back.plane(0).unwrap().row(0).iter().zip(rgb) {
                assert!(a.abs_diff(b) <= 3, "{rgb:?} came back as {:?}", back.plane(0).unwrap().row(0));
            }
        }
    }

    #[test]
    fn a_picture_survives_every_format() {
        let rgb = gradient(63, 47);
        let direct = rgb.to_i420();
        assert!(psnr(direct.to_rgb().plane(0).unwrap(), rgb.plane(0).unwrap()) > 35.0);
        for via in [Nv12, Rgb24, Bgr24, Rgba, Bgra] {
            let back = direct.to_format(via).to_format(I420);
            assert!(psnr(back.plane(0).unwrap(), direct.plane(0).unwrap()) > 45.0, "{via:?}");
            assert!(psnr(back.plane(1).unwrap(), direct.plane(1).unwrap()) > 40.0, "{via:?}");
            assert!(psnr(back.plane(2).unwrap(), direct.plane(2).unwrap()) > 40.0, "{via:?}");
        }
    }

    #[test]
    fn reordering_loses_nothing() {
        let rgb = gradient(9, 5);
        assert_eq!(rgb.to_format(Rgba).to_format(Bgra).to_format(Rgb24).to_vec(), rgb.to_vec());
        assert_eq!(rgb.to_format(Bgra).to_format(Rgba).to_rgb().to_vec(), rgb.to_vec());
        for four in [Rgba, Bgra] {
            assert_eq!(rgb.to_format(Bgr24).to_format(four).to_vec(), rgb.to_format(four).to_vec());
            assert_eq!(rgb.to_format(four).to_format(Bgr24).to_rgb().to_vec(), rgb.to_vec());
        }
        assert_eq!(rgb.to_format(Bgr24).to_i420().to_vec(), rgb.to_i420().to_vec());
        let yuv = rgb.to_i420();
        assert_eq!(yuv.to_format(Nv12).to_i420().to_vec(), yuv.to_vec());
        assert_eq!(solid([1, 2, 3], 1, 1).to_format(Bgra).to_vec(), [3, 2, 1, 255]);
        assert_eq!(solid([1, 2, 3], 1, 1).to_format(Bgr24).to_vec(), [3, 2, 1]);
    }

    #[test]
    fn luma_is_shared_between_the_yuv_formats() {
        let frame = gradient(8, 8).to_i420();
        let luma = |frame: &VideoFrame| frame.plane(0).unwrap().data().as_ptr();
        assert_eq!(luma(&frame.to_format(Nv12)), luma(&frame));
        assert_eq!(luma(&frame.to_format(Gray8)), luma(&frame));
        let gray = frame.to_format(Gray8).to_i420();
        assert!(gray.plane(1).unwrap().rows().flatten().all(|&c| c == 128));
    }

    #[test]
    fn time_is_kept() {
        let frame = gradient(4, 4).with_pts(77, crate::frame::TimeBase::per_second(30));
        let there = frame.to_i420().scale(8, 8).unwrap().crop(2, 2, 4, 4).unwrap();
        assert_eq!((there.pts(), there.time_base()), (frame.pts(), frame.time_base()));
    }
}
