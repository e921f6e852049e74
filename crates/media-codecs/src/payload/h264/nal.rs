//! NAL units: the pieces that a stream of H.264 is made of.
//!
//! Source: ITU-T H.264 §7.3.1 and annex B

use bytes::Bytes;

use super::bits::Bits;

/// A slice of a picture that refers to others.
pub const SLICE: u8 = 1;
/// A slice of a picture at which decoding can begin.
pub const IDR: u8 = 5;
/// A message about the picture (SEI).
pub const MESSAGE: u8 = 6;
/// A sequence parameter set.
pub const SPS: u8 = 7;
/// A picture parameter set.
pub const PPS: u8 = 8;
/// Says that a frame begins.
pub const DELIMITER: u8 = 9;
/// The partition of a slice that has its header.
const PARTITION_A: u8 = 2;
const PARTITION_C: u8 = 4;

/// The first byte of a NAL unit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header(pub u8);

impl Header {
    /// What it is, 0 to 31.
    pub const fn kind(self) -> u8 {
        self.0 & 0x1f
    }

    /// How much others need it, 0 (not at all) to 3.
    pub const fn importance(self) -> u8 {
        self.0 >> 5 & 0x03
    }

    /// The same with another kind, of which the lower five bits count.
    #[must_use]
    pub const fn with_kind(self, kind: u8) -> Self {
        Self(self.0 & 0xe0 | kind & 0x1f)
    }

    /// A part of a coded picture.
    pub const fn is_slice(self) -> bool {
        self.kind() >= SLICE && self.kind() <= IDR
    }
}

/// What the first bytes of a slice say.
///
/// Source: ITU-T H.264 §7.3.3
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SliceStart {
    /// The macroblock that it begins with; zero for the first slice of a picture.
    pub first_macroblock: u32,
    /// The picture parameter set that it needs.
    pub picture_set: u8,
}

impl SliceStart {
    /// Of a slice; `None` for other NAL units, for partitions without a header, and for what cannot be read.
    pub fn read(unit: &[u8]) -> Option<Self> {
        let (first, body) = unit.split_first()?;
        let header = Header(*first);
        if !header.is_slice() || (PARTITION_A + 1..=PARTITION_C).contains(&header.kind()) {
            return None;
        }
        let mut bits = Bits::new(body);
        let first_macroblock = bits.unsigned()?;
        let _slice_type = bits.unsigned()?;
        Some(Self { first_macroblock, picture_set: u8::try_from(bits.unsigned()?).ok()? })
    }
}

/// The NAL units of a frame in the byte stream format, without their start codes and the zeros behind them. Nothing is copied.
///
/// Source: ITU-T H.264 §B.1
pub fn split(frame: &Bytes) -> impl Iterator<Item = Bytes> {
    spans(frame).map(|span| frame.slice(span))
}

/// The same as plain slices.
pub fn split_slice(frame: &[u8]) -> impl Iterator<Item = &[u8]> {
    spans(frame).filter_map(|span| frame.get(span))
}

fn spans(frame: &[u8]) -> impl Iterator<Item = std::ops::Range<usize>> {
    let mut next = start_code(frame, 0);
    std::iter::from_fn(move || {
        loop {
            let start = next? + 3;
            next = start_code(frame, start);
            let mut end = next.unwrap_or(frame.len());
            while end > start && frame.get(end - 1) == Some(&0) {
                end -= 1;
            }
            if end > start {
                return Some(start..end);
            }
        }
    })
}

/// Where the next `00 00 01` begins.
pub(crate) fn start_code(frame: &[u8], from: usize) -> Option<usize> {
    let mut at = from + 2;
    // The last byte of a start code tells how far none can end.
    loop {
        match *frame.get(at)? {
            0 => at += 1,
            1 if frame.get(at - 2..at) == Some(&[0, 0]) => return Some(at - 2),
            _ => at += 3,
        }
    }
}

/// Whether a frame begins with bytes of a start code.
pub fn is_byte_stream(frame: &[u8]) -> bool {
    frame.starts_with(&[0, 0, 1]) || frame.starts_with(&[0, 0, 0, 1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn units(frame: &[u8]) -> Vec<Vec<u8>> {
        split_slice(frame).map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn start_codes_of_three_and_four_bytes_part_units() {
        let frame = [0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 3, 0, 0, 0, 1, 0x65, 0, 0, 3, 4, 0, 0];
        assert_eq!(units(&frame), [&[0x67, 1, 2][..], &[0x68, 3], &[0x65, 0, 0, 3, 4]]);
    }

    #[test]
    fn what_has_no_start_code_has_no_unit() {
        for frame in [&[][..], &[1], &[0, 0], &[0, 0, 1], &[0, 0, 0, 1, 0, 0], &[0x65, 1, 2, 3]] {
            assert_eq!(units(frame), Vec::<Vec<u8>>::new(), "{frame:?}");
        }
        assert_eq!(units(&[9, 9, 0, 0, 1, 0x65]), [[0x65]], "what comes before the first is no unit");
    }

    #[test]
    fn a_slice_tells_its_place_and_its_parameter_set() {
        // 1, 00111 (6), 010 (1): macroblock 0, type 6, set 1.
        let unit = [0x65, 0b1001_1101, 0b0100_0000];
        assert_eq!(SliceStart::read(&unit), Some(SliceStart { first_macroblock: 0, picture_set: 1 }));
        for other in [&[][..], &[0x65], &[0x67, 0xff, 0xff], &[0x03, 0xff, 0xff], &[0x65, 0, 0, 0, 0]] {
            assert_eq!(SliceStart::read(other), None, "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn units_come_back_from_between_start_codes(
            units in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..8),
            long in any::<bool>(),
        ) {
            // No unit holds a start code or ends in a zero.
            let units: Vec<Vec<u8>> = units.into_iter().map(|mut unit| {
                unit.iter_mut().for_each(|byte| *byte |= 0x10);
                unit.insert(0, 0x65);
                unit
            }).collect();
            let mut frame = Vec::new();
            for unit in &units {
                frame.extend_from_slice(if long { &[0, 0, 0, 1] } else { &[0, 0, 1] });
                frame.extend_from_slice(unit);
            }
            prop_assert_eq!(super::split(&frame.into()).map(|unit| unit.to_vec()).collect::<Vec<_>>(), units);
        }

        #[test]
        fn any_bytes_split_into_parts_of_themselves(bytes in prop::collection::vec(0u8..3, 0..60)) {
            let found: Vec<&[u8]> = split_slice(&bytes).collect();
            prop_assert!(found.iter().map(|unit| unit.len() + 3).sum::<usize>() <= bytes.len());
            prop_assert!(found.iter().all(|unit| !unit.is_empty() && !unit.windows(3).any(|it| it == [0, 0, 1])));
        }
    }
}
