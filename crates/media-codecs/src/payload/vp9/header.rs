//! What the first bits of a VP9 frame say, and how frames are joined.
//!
//! Source: [VP9 Bitstream & Decoding Process Specification](https://www.webmproject.org/vp9/), version 0.6, §6.2 and annex B

use arrayvec::ArrayVec;
use ortica_core::DecodeError;

use crate::payload::bits::BitReader;

/// The frames that a superframe may hold.
pub const MAX_FRAMES: usize = 8;

/// The beginning of a frame's uncompressed header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FrameHeader {
    /// 0 to 3: what pixels are made of. 0 is eight bits and half of the colour's resolution.
    pub profile: u8,
    /// It can be decoded without any frame before it.
    pub key_frame: bool,
    /// Width and height in pixels, 1 to 65,536. `None` if they are those of a frame before it.
    pub size: Option<(u32, u32)>,
}

const SYNC_CODE: u32 = 0x49_83_42;
const RGB: u8 = 7;

impl FrameHeader {
    /// Reads the header of one frame.
    ///
    /// # Errors
    /// [`DecodeError`] for what is no VP9 frame.
    pub fn decode(frame: &[u8]) -> Result<Self, DecodeError> {
        let mut r = BitReader::new(frame);
        if r.bits(2, "VP9 frame marker")? != 2 {
            return Err(DecodeError::Invalid("VP9 frame marker"));
        }
        let profile = r.byte(1, "VP9 profile")? | r.byte(1, "VP9 profile")? << 1;
        if profile == 3 && r.flag("VP9 reserved bit")? {
            return Err(DecodeError::Invalid("VP9 profile"));
        }
        let shows_existing = r.flag("VP9 show_existing_frame")?;
        if shows_existing {
            return Ok(Self { profile, key_frame: false, size: None });
        }
        let key_frame = !r.flag("VP9 frame type")?;
        let shown = r.flag("VP9 show_frame")?;
        let error_resilient = r.flag("VP9 error_resilient_mode")?;
        let size = if key_frame {
            decode_sync_code(&mut r)?;
            decode_colours(&mut r, profile)?;
            Some(decode_size(&mut r)?)
        } else {
            decode_inter_size(&mut r, profile, shown, error_resilient)?
        };
        Ok(Self { profile, key_frame, size })
    }
}

fn decode_sync_code(r: &mut BitReader<'_>) -> Result<(), DecodeError> {
    match r.bits(24, "VP9 sync code")? {
        SYNC_CODE => Ok(()),
        _ => Err(DecodeError::Invalid("VP9 sync code")),
    }
}

fn decode_colours(r: &mut BitReader<'_>, profile: u8) -> Result<(), DecodeError> {
    const FIELD: &str = "VP9 colours";
    if profile >= 2 {
        r.flag(FIELD)?;
    }
    // In profiles 1 and 3 the colour's resolution follows, and a reserved bit.
    let odd = profile % 2 == 1;
    match (r.byte(3, FIELD)?, odd) {
        (RGB, true) => r.bits(1, FIELD)?,
        (RGB, false) => return Err(DecodeError::Invalid(FIELD)),
        (_, true) => r.bits(4, FIELD)?,
        (_, false) => r.bits(1, FIELD)?,
    };
    Ok(())
}

fn decode_size(r: &mut BitReader<'_>) -> Result<(u32, u32), DecodeError> {
    Ok((r.bits(16, "VP9 width")? + 1, r.bits(16, "VP9 height")? + 1))
}

/// The size of a frame that is no key frame, where it says one.
fn decode_inter_size(
    r: &mut BitReader<'_>,
    profile: u8,
    shown: bool,
    error_resilient: bool,
) -> Result<Option<(u32, u32)>, DecodeError> {
    let intra_only = !shown && r.flag("VP9 intra_only")?;
    if !error_resilient {
        r.bits(2, "VP9 reset_frame_context")?;
    }
    if intra_only {
        decode_sync_code(r)?;
        if profile > 0 {
            decode_colours(r, profile)?;
        }
        r.bits(8, "VP9 refresh_frame_flags")?;
        return decode_size(r).map(Some);
    }
    // Which buffers to refresh, and three times a reference and the sign of its bias.
    r.bits(8 + 3 * 4, "VP9 references")?;
    for _ in 0..3 {
        if r.flag("VP9 found_ref")? {
            return Ok(None);
        }
    }
    decode_size(r).map(Some)
}

/// `true` if these are the first bytes of a key frame.
pub fn is_key_frame(frame: &[u8]) -> bool {
    FrameHeader::decode(frame).is_ok_and(|header| header.key_frame)
}

/// Width and height that a key frame announces, each up to 65,536; `None` for other frames and for what is none. Of several layers
/// in space it is the highest that tells.
pub fn key_frame_size(frame: &[u8]) -> Option<(u32, u32)> {
    let lowest = FrameHeader::decode(frame).ok().filter(|header| header.key_frame)?.size;
    // Frames above the lowest refer to it, and say a size of their own.
    let highest = frames(frame).ok().and_then(|frames| FrameHeader::decode(frames.last()?).ok()?.size);
    highest.or(lowest)
}

/// The frames that are joined in `data`: those that the index at its end tells apart, or all of it as one.
///
/// # Errors
/// [`DecodeError::Invalid`] for an index that does not fit.
pub fn frames(data: &[u8]) -> Result<ArrayVec<&[u8], MAX_FRAMES>, DecodeError> {
    const INVALID: DecodeError = DecodeError::Invalid("VP9 superframe index");
    let marker = *data.last().ok_or(DecodeError::Truncated("VP9 frame"))?;
    if marker & 0xe0 != 0xc0 {
        return Ok(ArrayVec::from_iter([data]));
    }
    let (count, width) = (usize::from(marker & 7) + 1, usize::from(marker >> 3 & 3) + 1);
    let at = data.len().checked_sub(2 + count * width).ok_or(INVALID)?;
    let (mut rest, index) = data.split_at_checked(at).ok_or(INVALID)?;
    let [first, sizes @ .., _] = index else { return Err(INVALID) };
    if *first != marker {
        return Err(INVALID);
    }
    let mut frames = ArrayVec::new();
    for size in sizes.chunks_exact(width) {
        let size = size.iter().rev().fold(0, |size, byte| size << 8 | usize::from(*byte));
        let (frame, behind) = rest.split_at_checked(size).filter(|(frame, _)| !frame.is_empty()).ok_or(INVALID)?;
        frames.push(frame);
        rest = behind;
    }
    Ok(frames)
}

/// Appends the index that tells frames of these sizes apart, at most [`MAX_FRAMES`] of them.
pub(crate) fn append_index(sizes: &[u32], data: &mut Vec<u8>) {
    let largest = sizes.iter().copied().max().unwrap_or(0);
    // 1 to 4 bytes a size.
    let width = (u32::BITS - largest.leading_zeros()).div_ceil(8).max(1) as usize;
    let [count, width_bits] = [sizes.len(), width].map(|n| u8::try_from(n - 1).unwrap_or(0));
    let marker = 0xc0 | (width_bits & 3) << 3 | count & 7;
    data.push(marker);
    for size in sizes {
        data.extend(size.to_le_bytes().iter().take(width));
    }
    data.push(marker);
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Writes the given numbers in as many bits as stand before them.
    pub(crate) fn bits(fields: &[(usize, u32)]) -> Vec<u8> {
        let bits: Vec<bool> =
            fields.iter().flat_map(|(count, value)| (0..*count).rev().map(move |bit| value >> bit & 1 == 1)).collect();
        bits.chunks(8)
            .map(|byte| byte.iter().zip(0..).fold(0, |sum, (bit, at)| sum | u8::from(*bit) << (7 - at)))
            .collect()
    }

    /// The beginning of a key frame of profile 0, and some bytes.
    pub(crate) fn key_frame(width: u32, height: u32) -> Vec<u8> {
        let header = [(2, 2), (2, 0), (1, 0), (1, 0), (2, 2), (24, SYNC_CODE), (3, 1), (1, 0)];
        bits(&[&header[..], &[(16, width - 1), (16, height - 1), (32, 0), (32, 0)]].concat())
    }

    /// The beginning of a frame that refers to others and has a size of its own, and some bytes.
    pub(crate) fn resized(width: u32, height: u32) -> Vec<u8> {
        let header = [(2, 2), (2, 0), (1, 0), (1, 1), (2, 3), (20, 0), (3, 0)];
        bits(&[&header[..], &[(16, width - 1), (16, height - 1), (32, 0), (32, 0)]].concat())
    }

    #[test]
    fn key_frames_say_their_size_in_every_profile() {
        assert_eq!(key_frame_size(&key_frame(640, 360)), Some((640, 360)));
        assert_eq!(key_frame_size(&key_frame(65_536, 1)), Some((65_536, 1)));
        let start = |profile: &[(usize, u32)], colours: &[(usize, u32)]| {
            let [head, body] = [&[(2, 2)][..], &[(1, 0), (1, 0), (2, 2), (24, SYNC_CODE)]];
            bits(&[head, profile, body, colours, &[(16, 319), (16, 239), (8, 0)]].concat())
        };
        for frame in [
            start(&[(2, 0)], &[(3, 2), (1, 0)]),
            start(&[(2, 0b10)], &[(3, 2), (4, 0)]),
            start(&[(2, 0b10)], &[(3, 7), (1, 0)]),
            start(&[(2, 0b01)], &[(1, 1), (3, 2), (1, 0)]),
            start(&[(3, 0b110)], &[(1, 0), (3, 2), (4, 0)]),
        ] {
            assert_eq!(key_frame_size(&frame), Some((320, 240)), "{frame:x?}");
        }
        assert_eq!(key_frame_size(&start(&[(2, 0)], &[(3, 7), (1, 0)])), None, "no RGB in profile 0");
    }

    #[test]
    fn frames_between_key_frames_may_have_a_size_of_their_own() {
        let size = |frame: &[u8]| FrameHeader::decode(frame).map(|header| (header.key_frame, header.size));
        assert_eq!(size(&resized(1_000, 2_000)), Ok((false, Some((1_000, 2_000)))));
        let as_before = bits(&[(2, 2), (2, 0), (1, 0), (1, 1), (2, 2), (2, 0), (20, 0), (3, 0b010), (8, 0)]);
        assert_eq!(size(&as_before), Ok((false, None)));
        let intra_only = [(2, 2), (2, 0), (1, 0), (1, 1), (2, 1), (1, 1), (24, SYNC_CODE), (8, 0), (16, 7), (16, 8)];
        assert_eq!(size(&bits(&intra_only)), Ok((false, Some((8, 9)))));
        let shows_existing = bits(&[(2, 2), (2, 0), (1, 1), (3, 5)]);
        assert_eq!(size(&shows_existing), Ok((false, None)));
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let frame = key_frame(640, 360);
        for len in 0..9 {
            assert!(matches!(FrameHeader::decode(&frame[..len]), Err(DecodeError::Truncated(_))), "{len}");
        }
        assert_eq!(FrameHeader::decode(&[0x42; 20]), Err(DecodeError::Invalid("VP9 frame marker")));
        assert!(!is_key_frame(&[0x82, 0x49, 0x83, 0x43, 0, 0, 0, 0, 0, 0]));
    }

    #[test]
    fn an_index_that_does_not_fit_is_refused() {
        assert_eq!(frames(&[1, 2, 3]).unwrap().as_slice(), [&[1, 2, 3][..]]);
        for data in [&[][..], &[0xc0], &[1, 0xc0], &[9, 0xc0, 2, 0xc0], &[9, 0xc0, 0, 0xc0], &[9, 0xc1, 1, 0xc0]] {
            assert!(frames(data).is_err(), "{data:x?}");
        }
        assert_eq!(frames(&[9, 0xc0, 1, 0xc0]).unwrap().as_slice(), [&[9][..]]);
    }

    proptest! {
        #[test]
        fn an_index_tells_frames_apart(joined in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..700), 1..=MAX_FRAMES)) {
            let mut data = joined.concat();
            let sizes: Vec<u32> = joined.iter().map(|frame| frame.len() as u32).collect();
            append_index(&sizes, &mut data);
            prop_assert_eq!(frames(&data).unwrap().to_vec(), joined);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let joined: usize = frames(&bytes).map(|frames| frames.iter().map(|frame| frame.len()).sum()).unwrap_or(0);
            prop_assert!(joined <= bytes.len());
            let _ = FrameHeader::decode(&bytes);
        }
    }
}
