//! A moving picture with a number in it.

use crate::frame::{FrameError, PixelFormat, PlaneRef, TimeBase, VideoFrame, check_size};

/// The narrowest picture that holds the number, in pixels.
pub const MIN_WIDTH: u32 = 96;
/// The lowest picture that holds the number, in pixels.
pub const MIN_HEIGHT: u32 = 64;

/// Blocks of the number: 16 bits and 8 check bits, most significant first, from left to right.
const BLOCKS: usize = 24;
/// The blocks are this part of the picture's height, at its top.
const STRIP: usize = 12;
/// Luma of a clear and of a set bit.
const BIT_LUMA: [u8; 2] = [16, 235];
/// How far a block's mean may lie from black or white and still be read.
const TOLERANCE: u32 = 70;

/// A test picture in I420: a row of black and white blocks that count frames, and below it a textured wall that moves to the
/// left, with a square of fresh noise bouncing in front of it.
///
/// As an iterator it gives picture after picture without end, times by the frame rate from zero on.
#[derive(Clone, Debug)]
pub struct MovingPicture {
    width: u32,
    height: u32,
    frame_rate: u32,
    next: u32,
}

impl MovingPicture {
    /// Pictures of `width` by `height` pixels, at least [`MIN_WIDTH`] by [`MIN_HEIGHT`], with `frame_rate` of them a second.
    ///
    /// # Errors
    /// [`FrameError::Dimensions`] if the size is too small or too large.
    pub fn new(width: u32, height: u32, frame_rate: u32) -> Result<Self, FrameError> {
        check_size(width, height)?;
        if width < MIN_WIDTH || height < MIN_HEIGHT {
            return Err(FrameError::Dimensions { width, height });
        }
        Ok(Self { width, height, frame_rate: frame_rate.max(1), next: 0 })
    }

    /// The picture of this number, whose lower 16 bits [`frame_counter`] reads.
    pub fn picture(&self, number: u32) -> VideoFrame {
        let pts = TimeBase::per_second(self.frame_rate).rescale(number.into(), TimeBase::VIDEO);
        let frame = VideoFrame::painted(PixelFormat::I420, self.width, self.height, |planes| {
            let (width, height) = (self.width as usize, self.height as usize);
            let [luma, blue, red] = planes else { return };
            paint_wall(luma, width, number as usize);
            paint_square(luma, width, height, number);
            paint_number(luma, width, height, number as u16);
            paint_hue(blue, width.div_ceil(2), number as usize);
            paint_hue(red, width.div_ceil(2), (number as usize).wrapping_mul(2) + 100);
        });
        frame.with_pts(pts, TimeBase::VIDEO)
    }
}

impl Iterator for MovingPicture {
    type Item = VideoFrame;

    fn next(&mut self) -> Option<VideoFrame> {
        let picture = self.picture(self.next);
        self.next = self.next.wrapping_add(1);
        Some(picture)
    }
}

/// The lower 16 bits of the number in a [`MovingPicture`], at any size and in any format. `None` if there is none to read, or
/// the check bits differ.
pub fn frame_counter(frame: &VideoFrame) -> Option<u16> {
    let frame = frame.to_format(PixelFormat::Gray8);
    let plane = frame.plane(0)?;
    let mut word = 0u32;
    for block in 0..BLOCKS {
        let luma = block_mean(plane, block)?;
        let near = |target: u8| luma.abs_diff(target.into()) <= TOLERANCE;
        let bit = match BIT_LUMA.map(near) {
            [true, false] => 0,
            [false, true] => 1,
            _ => return None,
        };
        word = word << 1 | bit;
    }
    let number = (word >> 8) as u16;
    (check_bits(number) == word as u8).then_some(number)
}

/// The mean luma in the middle of a block, where coding blurs least.
fn block_mean(plane: PlaneRef<'_>, block: usize) -> Option<u32> {
    let (left, right) = block_columns(block, plane.row_len());
    let (strip, quarter) = (plane.row_count() / STRIP, (right - left) / 4);
    let rows = plane.rows().skip(strip / 4).take((strip / 2).max(1));
    let pixels = rows.filter_map(|row| row.get(left + quarter..(right - quarter).max(left + quarter + 1))).flatten();
    let (count, sum) = pixels.fold((0, 0), |(count, sum), &pixel| (count + 1, sum + u32::from(pixel)));
    (count > 0).then(|| sum / count)
}

fn block_columns(block: usize, width: usize) -> (usize, usize) {
    (block * width / BLOCKS, (block + 1) * width / BLOCKS)
}

/// CRC-8 with the polynomial 0x07, started so that neither an all black nor an all white row is a number.
fn check_bits(number: u16) -> u8 {
    number
        .to_be_bytes()
        .iter()
        .fold(0x5a, |crc: u8, byte| (0..8).fold(crc ^ byte, |crc, _| crc << 1 ^ if crc & 0x80 == 0 { 0 } else { 0x07 }))
}

fn paint_number(luma: &mut [u8], width: usize, height: usize, number: u16) {
    let word = u32::from(number) << 8 | u32::from(check_bits(number));
    for row in luma.chunks_exact_mut(width).take(height / STRIP) {
        for block in 0..BLOCKS {
            let bit = word >> (BLOCKS - 1 - block) & 1;
            let (left, right) = block_columns(block, width);
            let [clear, set] = BIT_LUMA;
            row.iter_mut().take(right).skip(left).for_each(|pixel| *pixel = if bit == 0 { clear } else { set });
        }
    }
}

/// A slope back and forth with grain on it, all moving by two pixels a picture.
fn paint_wall(luma: &mut [u8], width: usize, number: usize) {
    for (y, row) in luma.chunks_exact_mut(width).enumerate() {
        for (x, pixel) in row.iter_mut().enumerate() {
            let x = x.wrapping_add(number * 2);
            let slope = (x + y) % 256;
            let slope = if slope < 128 { slope } else { 255 - slope };
            *pixel = 50 + slope as u8 + (noise((x / 2) as u32, (y / 2) as u32) & 15);
        }
    }
}

fn paint_square(luma: &mut [u8], width: usize, height: usize, number: u32) {
    let size = height / 4;
    let bounce = |speed: usize, room: usize| {
        let at = number as usize * speed % (room * 2).max(1);
        if at < room { at } else { room * 2 - at }
    };
    let (left, top) = (bounce(3, width - size), height / STRIP + bounce(2, height - height / STRIP - size));
    for (y, row) in luma.chunks_exact_mut(width).enumerate().skip(top).take(size) {
        for (x, pixel) in row.iter_mut().enumerate().skip(left).take(size) {
            *pixel = 60 + (noise((x / 4) as u32 ^ number << 12, (y / 4) as u32) >> 1);
        }
    }
}

fn paint_hue(plane: &mut [u8], width: usize, number: usize) {
    for (y, row) in plane.chunks_exact_mut(width).enumerate() {
        for (x, pixel) in row.iter_mut().enumerate() {
            let wave = (x + y * 2 + number) % 256;
            *pixel = 64 + (if wave < 128 { wave } else { 255 - wave }) as u8;
        }
    }
}

/// A hash of a place: the same grain for the same place.
fn noise(x: u32, y: u32) -> u8 {
    let mixed = (x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca77)).wrapping_mul(0xc2b2_ae3d);
    ((mixed ^ mixed >> 15) >> 8) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_read_back_at_any_size_and_in_any_format() {
        for (width, height) in [(MIN_WIDTH, MIN_HEIGHT), (320, 240), (641, 479)] {
            let source = MovingPicture::new(width, height, 30).unwrap();
            for number in [0, 1, 41, 255, 256, 0x5555, 0xaaaa, 65_535, 65_536 + 7] {
                let picture = source.picture(number);
                assert_eq!(frame_counter(&picture), Some(number as u16), "{width}x{height}");
                assert_eq!(frame_counter(&picture.to_rgb()), Some(number as u16));
                assert_eq!(frame_counter(&picture.scale(160, 120).unwrap()), Some(number as u16));
            }
        }
    }

    #[test]
    fn other_pictures_have_no_number() {
        let solid = |luma: u8| VideoFrame::from_bytes(PixelFormat::Gray8, 96, 64, vec![luma; 96 * 64]).unwrap();
        for luma in [0, 16, 128, 235, 255] {
            assert_eq!(frame_counter(&solid(luma)), None, "{luma}");
        }
        let source = MovingPicture::new(320, 240, 30).unwrap();
        assert_eq!(frame_counter(&source.picture(77).crop(40, 0, 240, 240).unwrap()), None);
        assert_eq!(frame_counter(&VideoFrame::black(1, 1).unwrap()), None);
    }

    #[test]
    fn it_moves_and_keeps_time() {
        let pictures: Vec<VideoFrame> = MovingPicture::new(96, 64, 30).unwrap().take(3).collect();
        assert_ne!(pictures[0].to_vec(), pictures[1].to_vec());
        assert_eq!(pictures.iter().map(VideoFrame::pts).collect::<Vec<_>>(), [0, 3_000, 6_000]);
    }

    #[test]
    fn sizes_too_small_or_large_are_refused() {
        assert!(MovingPicture::new(95, 64, 30).is_err());
        assert!(MovingPicture::new(96, 63, 30).is_err());
        assert!(MovingPicture::new(20_000, 64, 30).is_err());
    }
}
