//! The number in a picture of the page.

use ortica::codecs::{PixelFormat, VideoFrame};

/// At the top of a picture, one block for each bit of the number; black is 0 and white is 1.
const BITS: usize = 16;
/// The blocks are this part of the height.
const STRIP: usize = 10;
/// Lighter is white.
const MIDDLE: u8 = 128;

/// The number that a picture drawn by `interop/browser/page/picture.js` carries, at any size; `None` if it cannot be read.
pub fn number_of(picture: &VideoFrame) -> Option<u16> {
    let grey = picture.to_format(PixelFormat::Gray8);
    let plane = grey.plane(0)?;
    let middle = plane.rows().nth(plane.row_count() / STRIP / 2)?;
    let block = middle.len() / BITS;
    let bits = middle.get(block / 2..)?.iter().step_by(block.max(1)).take(BITS);
    let word = bits.fold(0, |word: u16, luma| word << 1 | u16::from(*luma > MIDDLE));
    // The page counts bits from the left, the least first.
    let word = word.reverse_bits();
    let number = word >> 4;
    (word & 0xf == check(number)).then_some(number)
}

/// Four bits over the twelve of a number, such that neither black nor white is one.
fn check(number: u16) -> u16 {
    (number ^ number >> 4 ^ number >> 8 ^ 0x5) & 0xf
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture as the page draws it.
    fn picture(number: u16, width: usize, height: usize) -> VideoFrame {
        let word = number << 4 | check(number);
        let row: Vec<u8> = (0..width).map(|x| if word >> (x * BITS / width) & 1 == 0 { 16 } else { 235 }).collect();
        VideoFrame::from_bytes(PixelFormat::Gray8, width as u32, height as u32, row.repeat(height)).expect("fits")
    }

    #[test]
    fn numbers_are_read_at_any_size() {
        for number in [0, 1, 0x5a5, 0x800, 0xfff] {
            for (width, height) in [(320, 240), (240, 180), (960, 720)] {
                assert_eq!(number_of(&picture(number, width, height)), Some(number), "{width}x{height}");
            }
        }
    }

    #[test]
    fn other_pictures_have_none() {
        for luma in [0, 255] {
            let pixels = vec![luma; 320 * 240];
            let plain = VideoFrame::from_bytes(PixelFormat::Gray8, 320, 240, pixels).expect("fits");
            assert_eq!(number_of(&plain), None);
        }
    }
}
