//! Says how a picture is to be turned to stand upright, so that a camera that is held otherwise need not turn its pixels.
//!
//! Source: [3GPP TS 26.114 §7.4.5](https://www.3gpp.org/dynareport/26114.htm), "Coordination of Video Orientation"

use ortica_core::DecodeError;

/// The name of this extension in session descriptions.
pub const URI: &str = "urn:3gpp:video-orientation";

/// How the picture lies that a packet completes.
///
/// ```text
///  7 6 5 4 3 2 1 0
/// |0 0 0 0|C|F|R R|
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct VideoOrientation {
    back_camera: bool,
    flipped: bool,
    quarter_turns: u8,
}

impl VideoOrientation {
    pub(super) const LEN: usize = 1;

    /// A picture that so many quarter turns clockwise set upright; four are none.
    pub const fn new(quarter_turns: u8) -> Self {
        Self { back_camera: false, flipped: false, quarter_turns: quarter_turns % 4 }
    }

    /// The quarter turns clockwise that set it upright, 0 to 3.
    pub const fn quarter_turns(self) -> u8 {
        self.quarter_turns
    }

    /// `true` when it comes from a camera that looks away from the user.
    pub const fn is_back_camera(self) -> bool {
        self.back_camera
    }

    /// `true` when left and right are exchanged.
    pub const fn is_flipped(self) -> bool {
        self.flipped
    }
}

/// A second byte, with finer angles or padding, is ignored.
pub(super) fn decode(data: &[u8]) -> Result<VideoOrientation, DecodeError> {
    let (&byte, _) = data.split_first().ok_or(DecodeError::Truncated("video orientation extension"))?;
    Ok(VideoOrientation { back_camera: byte & 8 != 0, flipped: byte & 4 != 0, quarter_turns: byte & 3 })
}

pub(super) fn encode(orientation: VideoOrientation, out: &mut Vec<u8>) {
    let VideoOrientation { back_camera, flipped, quarter_turns } = orientation;
    out.push(u8::from(back_camera) << 3 | u8::from(flipped) << 2 | quarter_turns);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bit_has_its_place() {
        let read = |byte| decode(&[byte]).unwrap();
        assert_eq!(read(0), VideoOrientation::default());
        assert_eq!(read(0b11), VideoOrientation::new(3));
        assert!(read(0b1000).is_back_camera() && !read(0b1000).is_flipped());
        assert!(read(0b0100).is_flipped() && read(0b0100).quarter_turns() == 0);
        assert_eq!(read(0xf0), VideoOrientation::default(), "the upper bits are not defined");
        for byte in 0..16 {
            let mut out = Vec::new();
            encode(read(byte), &mut out);
            assert_eq!(out, [byte]);
        }
        assert!(decode(&[]).is_err());
    }
}
