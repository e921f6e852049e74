//! What numbers of YUV mean as colors, and from others to those that all pictures here have.
//!
//! Source: ITU-T H.273 §8.3

use super::{PixelFormat, VideoFrame};

/// How luma and chroma come out of red, green and blue.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ColorMatrix {
    /// ITU-R BT.601, which is meant where nothing else is said.
    #[default]
    Bt601,
    /// ITU-R BT.709: most of what is recorded in high definition, and what Chromium captures of a canvas.
    Bt709,
    /// ITU-R BT.2020 with non-constant luminance.
    Bt2020,
}

/// The colors of a coded picture. By default those of [`VideoFrame`]: BT.601 at limited range.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct ColorSpace {
    /// How YUV comes out of RGB.
    pub matrix: ColorMatrix,
    /// Luma goes from 0 to 255, in place of 16 to 235.
    pub full_range: bool,
}

impl ColorMatrix {
    /// By its number in H.273, `MatrixCoefficients`. One that is unknown or says nothing counts as BT.601.
    pub const fn from_h273(number: u8) -> Self {
        match number {
            1 => Self::Bt709,
            9 | 10 => Self::Bt2020,
            _ => Self::Bt601,
        }
    }

    /// Its number in H.273.
    pub const fn h273(self) -> u8 {
        match self {
            Self::Bt601 => 6,
            Self::Bt709 => 1,
            Self::Bt2020 => 9,
        }
    }

    /// The parts of red and blue in luma; the rest is green.
    const fn weights(self) -> (f64, f64) {
        match self {
            Self::Bt601 => (0.299, 0.114),
            Self::Bt709 => (0.2126, 0.0722),
            Self::Bt2020 => (0.2627, 0.0593),
        }
    }
}

impl ColorSpace {
    /// Black, and how far white and the strongest chroma are from their zero.
    const fn scale(self) -> (f64, f64, f64) {
        if self.full_range { (0.0, 255.0, 127.5) } else { (16.0, 219.0, 112.0) }
    }
}

impl VideoFrame {
    /// The same picture by BT.601 at limited range, as all others are, where its luma and chroma are known to be of `space`. Shares the
    /// planes if they are so, or not of YUV.
    #[must_use]
    pub fn from_color_space(&self, space: ColorSpace) -> Self {
        if space == ColorSpace::default() {
            return self.clone();
        }
        match self.format() {
            PixelFormat::I420 => recolored(self, &Recoloring::new(space)),
            PixelFormat::Nv12 => recolored(&self.to_i420(), &Recoloring::new(space)).to_format(PixelFormat::Nv12),
            PixelFormat::Gray8 => {
                let grey = ColorSpace { matrix: ColorMatrix::Bt601, ..space };
                recolored(&self.to_i420(), &Recoloring::new(grey)).to_format(PixelFormat::Gray8)
            }
            PixelFormat::Rgb24 | PixelFormat::Bgr24 | PixelFormat::Rgba | PixelFormat::Bgra => self.clone(),
        }
    }
}

const FRACTION: u32 = 16;

/// What luma and chroma become: sums of them, in fixed point.
struct Recoloring {
    /// The luma of black.
    black: i32,
    /// Of luma, and of both chromas.
    luma: [i32; 3],
    /// Of both chromas; luma has no part in it.
    blue: [i32; 2],
    red: [i32; 2],
}

impl Recoloring {
    fn new(from: ColorSpace) -> Self {
        let to = ColorSpace::default();
        let ((from_red, from_blue), (to_red, to_blue)) = (from.matrix.weights(), to.matrix.weights());
        let ((black, from_luma, from_chroma), (_, to_luma, to_chroma)) = (from.scale(), to.scale());
        // Where one step of luma or a chroma leads.
        let step = |y: f64, u: f64, v: f64| {
            let (y, u, v) = (y / from_luma, u / from_chroma, v / from_chroma);
            let (r, b) = (y + (1.0 - from_red) * v, y + (1.0 - from_blue) * u);
            let g = (y - from_red * r - from_blue * b) / (1.0 - from_red - from_blue);
            let y = to_red * r + (1.0 - to_red - to_blue) * g + to_blue * b;
            let (u, v) = ((b - y) / (1.0 - to_blue), (r - y) / (1.0 - to_red));
            [y * to_luma, u * to_chroma, v * to_chroma].map(|value| (value * f64::from(1 << FRACTION)).round() as i32)
        };
        let ([y, _, _], [by_blue, blue_blue, red_blue], [by_red, blue_red, red_red]) =
            (step(1.0, 0.0, 0.0), step(0.0, 1.0, 0.0), step(0.0, 0.0, 1.0));
        Self { black: black as i32, luma: [y, by_blue, by_red], blue: [blue_blue, blue_red], red: [red_blue, red_red] }
    }

    /// What chromas add to luma, and what becomes of them.
    fn chroma(&self, blue: u8, red: u8) -> (i32, u8, u8) {
        const HALF: i32 = 1 << (FRACTION - 1);
        let (u, v) = (i32::from(blue) - 128, i32::from(red) - 128);
        let sum = |[of_blue, of_red]: [i32; 2]| of_blue * u + of_red * v;
        let clip = |value: i32| (128 + ((value + HALF) >> FRACTION)).clamp(0, 255) as u8;
        let [_, of_blue, of_red] = self.luma;
        let added = sum([of_blue, of_red]) + HALF + (16 << FRACTION);
        (added, clip(sum(self.blue)), clip(sum(self.red)))
    }

    fn luma(&self, luma: u8, added: i32) -> u8 {
        let [of_luma, ..] = self.luma;
        ((of_luma * (i32::from(luma) - self.black) + added) >> FRACTION).clamp(0, 255) as u8
    }
}

/// An I420 picture in other colors.
fn recolored(frame: &VideoFrame, colors: &Recoloring) -> VideoFrame {
    let width = frame.width() as usize;
    let paint = |planes: &mut [&mut [u8]]| {
        let (Some(luma), Some(blue), Some(red), [out_luma, out_blue, out_red]) =
            (frame.plane(0), frame.plane(1), frame.plane(2), planes)
        else {
            return;
        };
        let half = width.div_ceil(2);
        let mut added = vec![0; half];
        let chroma = out_blue.chunks_exact_mut(half).zip(out_red.chunks_exact_mut(half));
        for (row, (out, (out_blue, out_red))) in out_luma.chunks_mut(width * 2).zip(chroma).enumerate() {
            let sources = blue.row(row).iter().zip(red.row(row));
            for (((added, out_blue), out_red), (u, v)) in added.iter_mut().zip(out_blue).zip(out_red).zip(sources) {
                (*added, *out_blue, *out_red) = colors.chroma(*u, *v);
            }
            for (below, out) in out.chunks_exact_mut(width).enumerate() {
                let pairs = luma.row(2 * row + below).chunks(2);
                for ((out, pair), added) in out.chunks_mut(2).zip(pairs).zip(&added) {
                    out.iter_mut().zip(pair).for_each(|(out, luma)| *out = colors.luma(*luma, *added));
                }
            }
        }
    };
    VideoFrame::painted(PixelFormat::I420, frame.width(), frame.height(), paint)
        .with_pts(frame.pts(), frame.time_base())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TimeBase;

    const SPACES: [ColorSpace; 6] = {
        const fn of(matrix: ColorMatrix, full_range: bool) -> ColorSpace {
            ColorSpace { matrix, full_range }
        }
        [
            of(ColorMatrix::Bt601, false),
            of(ColorMatrix::Bt601, true),
            of(ColorMatrix::Bt709, false),
            of(ColorMatrix::Bt709, true),
            of(ColorMatrix::Bt2020, false),
            of(ColorMatrix::Bt2020, true),
        ]
    };

    /// By the equations of H.273 (38 to 43), one color.
    fn yuv([r, g, b]: [u8; 3], space: ColorSpace) -> [u8; 3] {
        let [r, g, b] = [r, g, b].map(|part| f64::from(part) / 255.0);
        let (red, blue) = space.matrix.weights();
        let y = red * r + (1.0 - red - blue) * g + blue * b;
        let (pb, pr) = (0.5 * (b - y) / (1.0 - blue), 0.5 * (r - y) / (1.0 - red));
        let whole = |value: f64| value.round().clamp(0.0, 255.0) as u8;
        if space.full_range {
            [whole(255.0 * y), whole(255.0 * pb + 128.0), whole(255.0 * pr + 128.0)]
        } else {
            [whole(219.0 * y + 16.0), whole(224.0 * pb + 128.0), whole(224.0 * pr + 128.0)]
        }
    }

    /// A picture of one color.
    fn solid([y, u, v]: [u8; 3], width: u32, height: u32) -> VideoFrame {
        VideoFrame::painted(PixelFormat::I420, width, height, |planes| {
            planes.iter_mut().zip([y, u, v]).for_each(|(plane, value)| plane.fill(value));
        })
    }

    fn planes(frame: &VideoFrame) -> Vec<Vec<u8>> {
        frame.planes().map(|plane| plane.rows().flatten().copied().collect()).collect()
    }

    #[test]
    fn colors_stay_what_they_are() {
        let levels = [0, 40, 128, 200, 255];
        for space in SPACES {
            for [r, g, b] in levels.iter().flat_map(|r| levels.iter().flat_map(move |g| levels.map(|b| [*r, *g, b]))) {
                let expected = yuv([r, g, b], ColorSpace::default());
                let found = solid(yuv([r, g, b], space), 5, 3).from_color_space(space);
                for (plane, expected) in planes(&found).iter().zip(expected) {
                    let worst = plane.iter().map(|value| value.abs_diff(expected)).max().unwrap();
                    assert!(worst <= 2, "{space:?}: {:?} is {:?}, not {expected:?}", [r, g, b], planes(&found));
                }
            }
        }
    }

    #[test]
    fn each_pixel_has_its_own() {
        let space = ColorSpace { matrix: ColorMatrix::Bt709, full_range: true };
        let data: Vec<u8> = (0..PixelFormat::I420.byte_len(7, 5)).map(|at| (at * 37 % 256) as u8).collect();
        let frame = VideoFrame::from_bytes(PixelFormat::I420, 7, 5, data).unwrap();
        let frame = frame.with_pts(9, TimeBase::per_second(30));
        let found = frame.from_color_space(space);
        assert_eq!((found.pts(), found.time_base()), (9, TimeBase::per_second(30)));
        let pixel = |frame: &VideoFrame, x: usize, y: usize| {
            [(0, x, y), (1, x / 2, y / 2), (2, x / 2, y / 2)].map(|(at, x, y)| frame.plane(at).unwrap().row(y)[x])
        };
        for (x, y) in (0..5).flat_map(|y| (0..7).map(move |x| (x, y))) {
            let alone = solid(pixel(&frame, x, y), 2, 2).from_color_space(space);
            assert_eq!(pixel(&found, x, y), pixel(&alone, 0, 0), "{x}, {y}");
        }
        let interleaved = frame.to_format(PixelFormat::Nv12).from_color_space(space);
        assert_eq!(interleaved.to_i420().to_vec(), found.to_vec());
    }

    #[test]
    fn grey_has_its_range_and_rgb_is_what_it_is() {
        let full = ColorSpace { matrix: ColorMatrix::Bt709, full_range: true };
        let grey = VideoFrame::from_bytes(PixelFormat::Gray8, 3, 1, vec![0, 128, 255]).unwrap();
        assert_eq!(grey.from_color_space(full).to_vec(), [16, 126, 235]);
        let rgb = VideoFrame::from_bytes(PixelFormat::Rgb24, 1, 1, vec![1, 2, 3]).unwrap();
        assert_eq!(rgb.from_color_space(full).to_vec(), [1, 2, 3]);
    }

    #[test]
    fn matrices_have_their_numbers() {
        for matrix in [ColorMatrix::Bt601, ColorMatrix::Bt709, ColorMatrix::Bt2020] {
            assert_eq!(ColorMatrix::from_h273(matrix.h273()), matrix);
        }
        assert_eq!([0, 2, 5, 255].map(ColorMatrix::from_h273), [ColorMatrix::Bt601; 4]);
    }
}
