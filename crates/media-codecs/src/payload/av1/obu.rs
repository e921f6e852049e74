//! Open bitstream units (OBU): what a temporal unit of AV1 is made of.
//!
//! Source: [AV1 Bitstream & Decoding Process Specification](https://aomediacodec.github.io/av1-spec/) §4.10.5 and §5.3

use std::ops::Range;

use arrayvec::ArrayVec;
use ortica_core::{DecodeError, Reader};

/// Describes the sequence of pictures.
pub const SEQUENCE_HEADER: u8 = 1;
/// Says that a temporal unit begins. Not sent.
pub const TEMPORAL_DELIMITER: u8 = 2;
/// The header of a frame whose tiles follow.
pub const FRAME_HEADER: u8 = 3;
/// About the pictures.
pub const METADATA: u8 = 5;
/// A frame with its tiles.
pub const FRAME: u8 = 6;
/// A list of tiles. Not sent.
pub const TILE_LIST: u8 = 8;

/// The bytes that a length may take.
const MAX_LEB128: usize = 8;

const HAS_EXTENSION: u8 = 0x04;
const HAS_SIZE: u8 = 0x02;

/// The header of an OBU, one byte or two.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// What it is, 0 to 15.
    pub kind: u8,
    /// The layer it belongs to, where it says so.
    pub layer: Option<Layer>,
    /// Its length follows.
    pub has_size: bool,
}

/// A layer of a stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Layer {
    /// 0 to 7.
    pub temporal_id: u8,
    /// 0 to 3.
    pub spatial_id: u8,
}

impl Header {
    pub(super) fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let byte = r.u8("AV1 OBU header")?;
        if byte & 0x80 != 0 {
            return Err(DecodeError::Invalid("AV1 OBU header"));
        }
        let layer = if byte & HAS_EXTENSION == 0 {
            None
        } else {
            let byte = r.u8("AV1 OBU extension")?;
            Some(Layer { temporal_id: byte >> 5, spatial_id: byte >> 3 & 3 })
        };
        Ok(Self { kind: byte >> 3 & 0x0f, layer, has_size: byte & HAS_SIZE != 0 })
    }

    /// Its bytes, saying that a length follows or that none does.
    pub(super) fn encode(self, has_size: bool) -> ArrayVec<u8, 2> {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let mut bytes = ArrayVec::new();
        bytes.push((self.kind & 0x0f) << 3 | flag(self.layer.is_some(), HAS_EXTENSION) | flag(has_size, HAS_SIZE));
        if let Some(layer) = self.layer {
            bytes.push(layer.temporal_id << 5 | (layer.spatial_id & 3) << 3);
        }
        bytes
    }

    /// It is sent, and heeded on arrival.
    pub(super) fn is_carried(self) -> bool {
        self.kind != TEMPORAL_DELIMITER && self.kind != TILE_LIST
    }

    /// A temporal unit may begin with it.
    pub(super) fn may_begin(self) -> bool {
        let kind = matches!(self.kind, SEQUENCE_HEADER | TEMPORAL_DELIMITER | FRAME_HEADER | METADATA | FRAME);
        kind && self.layer.is_none_or(|layer| layer.spatial_id == 0)
    }
}

/// An OBU of a temporal unit: its header, and where what is behind it lies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unit {
    /// Its header.
    pub header: Header,
    /// The bytes behind header and length.
    pub body: Range<usize>,
}

/// The OBUs of a temporal unit in the low-overhead format: each with its length, but the last perhaps.
///
/// # Errors
/// [`DecodeError`] where lengths do not fit.
pub fn units(data: &[u8]) -> Result<Vec<Unit>, DecodeError> {
    let mut r = Reader::new(data);
    let mut units = Vec::new();
    while !r.is_empty() {
        let header = Header::decode(&mut r)?;
        let len = if header.has_size { leb128(&mut r)? } else { r.remaining() };
        let start = data.len() - r.remaining();
        r.bytes(len, "AV1 OBU")?;
        units.push(Unit { header, body: start..start + len });
    }
    Ok(units)
}

/// Reads a length of up to 8 bytes, at most 4,294,967,295.
pub(super) fn leb128(r: &mut Reader<'_>) -> Result<usize, DecodeError> {
    let mut value = 0u64;
    for at in 0..MAX_LEB128 {
        let byte = r.u8("AV1 length")?;
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return u32::try_from(value).ok().and_then(|value| usize::try_from(value).ok()).ok_or(TOO_LONG);
        }
    }
    Err(TOO_LONG)
}

const TOO_LONG: DecodeError = DecodeError::Invalid("AV1 length");

/// Appends a length in as few bytes as there can be.
pub(super) fn put_leb128(mut value: usize, out: &mut impl Extend<u8>) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            return out.extend([low & 0x7f]);
        }
        out.extend([low | 0x80]);
    }
}

/// The bytes that a length takes.
pub(super) fn leb128_len(value: usize) -> usize {
    (usize::BITS - value.leading_zeros()).div_ceil(7).max(1) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The guard: a length has eight bytes at most, also one that pads itself, and 32 bits.
    #[test]
    fn pay_2_av1_lengths_have_eight_bytes_at_most() {
        let read = |bytes: &[u8]| leb128(&mut Reader::new(bytes));
        assert_eq!(read(&[0xe5, 0x8e, 0x26]), Ok(624_485));
        assert_eq!(read(&[0x85, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]), Ok(5));
        assert_eq!(read(&[0x85, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]), Err(TOO_LONG));
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Ok(u32::MAX as usize));
        assert_eq!(read(&[0xff, 0xff, 0xff, 0xff, 0x1f]), Err(TOO_LONG));
        assert_eq!(read(&[0x80]), Err(DecodeError::Truncated("AV1 length")));
    }

    #[test]
    fn units_are_told_apart_by_their_lengths() {
        let data = [0x12, 0, 0x0e, 0x28, 2, 9, 9, 0x30, 7, 7, 7];
        let found = units(&data).unwrap();
        let layer = Some(Layer { temporal_id: 1, spatial_id: 1 });
        let kinds: Vec<_> = found.iter().map(|unit| (unit.header.kind, unit.header.layer, unit.body.clone())).collect();
        assert_eq!(kinds, [(TEMPORAL_DELIMITER, None, 2..2), (SEQUENCE_HEADER, layer, 5..7), (FRAME, None, 8..11)]);
        for bad in [&[0x32, 5, 1][..], &[0x80], &[0x34], &[0x32]] {
            assert!(units(bad).is_err(), "{bad:x?}");
        }
    }

    proptest! {
        #[test]
        fn lengths_come_back(value in 0usize..=u32::MAX as usize) {
            let mut bytes = Vec::new();
            put_leb128(value, &mut bytes);
            prop_assert_eq!(bytes.len(), leb128_len(value));
            prop_assert_eq!(leb128(&mut Reader::new(&bytes)), Ok(value));
        }

        #[test]
        fn any_bytes_are_units_or_not(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            for unit in units(&bytes).unwrap_or_default() {
                prop_assert!(bytes.get(unit.body).is_some());
            }
        }
    }
}
