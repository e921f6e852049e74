//! Says what the numbers of a picture's pixels mean as colors, where that is not what its codec's streams usually are: Chromium sends
//! a captured canvas at full range by BT.709, for example.
//!
//! It goes with the last packet of a key frame, and of any picture from which on it is another. A key frame without it is of the usual
//! colors.
//!
//! Source: [WebRTC's color-space extension](https://webrtc.googlesource.com/src/+/refs/heads/main/docs/native-code/rtp-hdrext/color-space/README.md),
//! whose numbers are those of ITU-T H.273

use ortica_core::DecodeError;

/// The name of this extension in session descriptions.
pub const URI: &str = "http://www.webrtc.org/experiments/rtp-hdrext/color-space";

/// How bright the darkest and the lightest luma are.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum ColorRange {
    /// Nothing is said.
    #[default]
    Unspecified,
    /// 16 to 235.
    Limited,
    /// 0 to 255.
    Full,
    /// As primaries and transfer have it.
    Derived,
}

/// The colors of a picture.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// |   primaries   |   transfer    |    matrix     |0 0|rng|hor|ver|
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct ColorSpace {
    /// Which red, green and blue are meant (H.273 §8.1); 2 says nothing.
    pub primaries: u8,
    /// From light to numbers (H.273 §8.2); 2 says nothing.
    pub transfer: u8,
    /// From red, green and blue to luma and chroma (H.273 §8.3); 2 says nothing.
    pub matrix: u8,
    /// From which luma to which.
    pub range: ColorRange,
    /// Where samples of chroma lie, across and down, 0 to 3 each: not said, with the samples of luma, between them.
    pub chroma_siting: (u8, u8),
}

impl ColorSpace {
    pub(super) const LEN: usize = 4;
}

/// What follows of pictures with a high dynamic range, 24 bytes about their display, is ignored.
pub(super) fn decode(data: &[u8]) -> Result<ColorSpace, DecodeError> {
    let (&[primaries, transfer, matrix, rest], _) =
        data.split_first_chunk().ok_or(DecodeError::Truncated("color space extension"))?;
    let range = match (rest >> 4) & 3 {
        1 => ColorRange::Limited,
        2 => ColorRange::Full,
        3 => ColorRange::Derived,
        _ => ColorRange::Unspecified,
    };
    Ok(ColorSpace { primaries, transfer, matrix, range, chroma_siting: ((rest >> 2) & 3, rest & 3) })
}

pub(super) fn encode(space: ColorSpace, out: &mut Vec<u8>) {
    let ColorSpace { primaries, transfer, matrix, range, chroma_siting: (across, down) } = space;
    out.extend_from_slice(&[primaries, transfer, matrix, (range as u8) << 4 | (across & 3) << 2 | (down & 3)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_has_its_place() {
        let canvas = decode(&[1, 13, 1, 0b0010_0110]).unwrap();
        let expected =
            ColorSpace { primaries: 1, transfer: 13, matrix: 1, range: ColorRange::Full, chroma_siting: (1, 2) };
        assert_eq!(canvas, expected);
        for last in 0..64 {
            let mut out = Vec::new();
            encode(decode(&[9, 16, 10, last]).unwrap(), &mut out);
            assert_eq!(out, [9, 16, 10, last]);
        }
        assert_eq!(decode(&[0; 4]).unwrap(), ColorSpace::default());
        assert!(decode(&[1, 1, 1]).is_err());
    }

    /// Guards: the longer form is read as far as it is understood.
    #[test]
    fn what_is_said_of_displays_is_passed_over() {
        let mut long = vec![9, 16, 9, 0x10];
        long.extend([0xff; 24]);
        assert_eq!(decode(&long).unwrap().range, ColorRange::Limited);
    }
}
