//! Pictures set upright.
#![cfg_attr(
    not(test),
    expect(clippy::indexing_slicing, reason = "positions are computed from the sizes of the planes they point into")
)]

use super::video::Plane;
use super::{PlaneRef, VideoFrame};

/// How far a picture is to be turned, clockwise, to stand upright.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Rotation {
    /// It stands upright.
    #[default]
    None,
    /// By 90 degrees.
    Quarter,
    /// By 180 degrees.
    Half,
    /// By 270 degrees.
    ThreeQuarters,
}

impl Rotation {
    /// So many quarters of a turn; four are none.
    pub const fn from_quarters(quarters: u8) -> Self {
        match quarters % 4 {
            0 => Self::None,
            1 => Self::Quarter,
            2 => Self::Half,
            _ => Self::ThreeQuarters,
        }
    }

    /// Quarters of a turn, 0 to 3.
    pub const fn quarters(self) -> u8 {
        self as u8
    }
}

impl VideoFrame {
    /// The picture turned clockwise. Shares the planes if there is nothing to turn.
    #[must_use]
    pub fn rotated(&self, rotation: Rotation) -> Self {
        if rotation == Rotation::None {
            return self.clone();
        }
        let (width, height) = match rotation {
            Rotation::None | Rotation::Half => (self.width(), self.height()),
            Rotation::Quarter | Rotation::ThreeQuarters => (self.height(), self.width()),
        };
        let planes = self.planes().zip(self.format().shapes()).map(|(plane, shape)| {
            let (row, rows) = shape.size(width, height);
            let mut data = vec![0; row * rows];
            turn(plane, shape.components, rotation, &mut data, row);
            Plane { data: data.into(), stride: row }
        });
        self.derive(self.format(), width, height, planes)
    }
}

/// Fills `out`, whose rows have `row_len` bytes, with the samples of a plane.
fn turn(plane: PlaneRef<'_>, components: usize, rotation: Rotation, out: &mut [u8], row_len: usize) {
    let (right, bottom) = (plane.row_len() / components - 1, plane.row_count() - 1);
    for (y, row) in out.chunks_exact_mut(row_len).enumerate() {
        for (x, sample) in row.chunks_exact_mut(components).enumerate() {
            let (from_x, from_y) = match rotation {
                Rotation::None => (x, y),
                Rotation::Quarter => (y, bottom - x),
                Rotation::Half => (right - x, bottom - y),
                Rotation::ThreeQuarters => (right - y, x),
            };
            sample.copy_from_slice(&plane.row(from_y)[from_x * components..][..components]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::PixelFormat;

    fn gray(width: u32, height: u32, pixels: &[u8]) -> VideoFrame {
        VideoFrame::from_bytes(PixelFormat::Gray8, width, height, pixels.to_vec()).unwrap()
    }

    #[test]
    fn pictures_turn_clockwise() {
        let lying = gray(3, 2, &[1, 2, 3, 4, 5, 6]);
        let turned = |rotation| {
            let picture = lying.rotated(rotation);
            (picture.width(), picture.height(), picture.to_vec())
        };
        assert_eq!(turned(Rotation::None), (3, 2, vec![1, 2, 3, 4, 5, 6]));
        assert_eq!(turned(Rotation::Quarter), (2, 3, vec![4, 1, 5, 2, 6, 3]));
        assert_eq!(turned(Rotation::Half), (3, 2, vec![6, 5, 4, 3, 2, 1]));
        assert_eq!(turned(Rotation::ThreeQuarters), (2, 3, vec![3, 6, 2, 5, 1, 4]));
    }

    /// Guards: odd sizes, whose planes of colour have half of them rounded up, and pixels of several bytes.
    #[test]
    fn four_quarters_give_the_picture_back_in_each_format() {
        let formats = [PixelFormat::I420, PixelFormat::Nv12, PixelFormat::Rgb24, PixelFormat::Rgba];
        for format in formats {
            let pixels: Vec<u8> = (0..format.byte_len(7, 5)).map(|at| at as u8).collect();
            let picture = VideoFrame::from_bytes(format, 7, 5, pixels.clone()).unwrap();
            let quarter = picture.rotated(Rotation::Quarter);
            assert_eq!((quarter.width(), quarter.height()), (5, 7));
            let half = quarter.rotated(Rotation::Quarter);
            assert_eq!(half.to_vec(), picture.rotated(Rotation::Half).to_vec(), "{format:?}");
            assert_eq!(half.rotated(Rotation::Half).to_vec(), pixels, "{format:?}");
            assert_eq!(quarter.rotated(Rotation::ThreeQuarters).to_vec(), pixels, "{format:?}");
        }
    }

    #[test]
    fn quarters_are_counted_round() {
        for quarters in 0..8 {
            assert_eq!(Rotation::from_quarters(quarters).quarters(), quarters % 4);
        }
    }
}
