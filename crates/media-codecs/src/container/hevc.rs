//! H.265 as files have it: NAL units behind their lengths, and what decoding begins with in front of all.
//!
//! Source: ISO/IEC 14496-15 §8.3.3

use bytes::Bytes;
use ortica_core::{DecodeError, Reader};

use super::avc::{put_unit, units};
use crate::payload::h265::nal;

/// Bytes between the version of a record and the length of its lengths: profile, level, formats and rates.
const ABOUT: usize = 20;
/// Sets of all kinds that a record is to have at most: H.265 knows 16, 16 and 64.
const MAX_SETS: usize = 96;

/// What a file says of a stream: its `HEVCDecoderConfigurationRecord`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Configuration {
    /// Bytes of the lengths before NAL units: 1 to 4.
    length_size: usize,
    /// In the byte stream format.
    sets: Bytes,
}

impl Configuration {
    /// Reads a record.
    pub fn decode(record: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(record);
        if r.u8("H.265 record")? != 1 {
            return Err(DecodeError::Invalid("H.265 record version"));
        }
        r.bytes(ABOUT, "H.265 record profile")?;
        let length_size = usize::from(r.u8("H.265 length size")? & 3) + 1;
        let (mut sets, mut count) = (Vec::new(), 0);
        for _ in 0..r.u8("H.265 arrays")? {
            let kind = r.u8("H.265 array")? & 0x3f;
            for _ in 0..r.u16("H.265 units")? {
                let unit = r.vec16("H.265 unit")?;
                // Messages stand here as well.
                if matches!(kind, nal::VPS | nal::SPS | nal::PPS) && !unit.is_empty() {
                    count += 1;
                    put_unit(unit, &mut sets);
                }
                if count > MAX_SETS {
                    return Err(DecodeError::Invalid("H.265 units"));
                }
            }
        }
        Ok(Self { length_size, sets: sets.into() })
    }

    /// A frame of a file in the byte stream format; a key frame with the parameter sets that it needs. What is cut off ends it.
    pub fn to_byte_stream(&self, sample: &[u8], is_key_frame: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(sample.len() + 64);
        let is_set = |unit: &[u8]| unit.first().is_some_and(|first| first >> 1 & 0x3f == nal::SPS);
        if is_key_frame && !units(sample, self.length_size).any(is_set) {
            out.extend_from_slice(&self.sets);
        }
        units(sample, self.length_size).for_each(|unit| put_unit(unit, &mut out));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VPS: [u8; 3] = [0x40, 1, 7];
    const SPS: [u8; 3] = [0x42, 1, 8];
    const PPS: [u8; 3] = [0x44, 1, 9];
    const MESSAGE: [u8; 3] = [0x4e, 1, 5];
    const IDR: [u8; 3] = [0x26, 1, 0x80];

    /// Of lengths of that many bytes.
    fn record(length_size: u8) -> Vec<u8> {
        let mut record = vec![1];
        record.extend([0; ABOUT]);
        record.extend([0xfc | (length_size - 1), 4]);
        for (kind, unit) in [(32, VPS), (33, SPS), (34, PPS), (39, MESSAGE)] {
            record.extend([0x80 | kind, 0, 1, 0, 3]);
            record.extend(unit);
        }
        record
    }

    fn stream(units: &[[u8; 3]]) -> Vec<u8> {
        let mut out = Vec::new();
        units.iter().for_each(|unit| put_unit(unit, &mut out));
        out
    }

    /// Guards: who plays a file of another program gets the sets that it keeps apart, and no length is trusted.
    #[test]
    fn key_frames_bring_their_parameter_sets() {
        let configuration = Configuration::decode(&record(2)).unwrap();
        let idr = [&[0, 3], &IDR[..]].concat();
        assert_eq!(configuration.to_byte_stream(&idr, true), stream(&[VPS, SPS, PPS, IDR]));
        assert_eq!(configuration.to_byte_stream(&idr, false), stream(&[IDR]));
        let with_sets = [&[0, 3], &SPS[..], &idr].concat();
        assert_eq!(configuration.to_byte_stream(&with_sets, true), stream(&[SPS, IDR]));
        assert_eq!(configuration.to_byte_stream(&[&idr[..], &[0xff, 0xff, 1]].concat(), false), stream(&[IDR]));
    }

    #[test]
    fn a_record_that_is_cut_off_is_none() {
        let whole = record(4);
        assert!(Configuration::decode(&whole).is_ok());
        for len in 0..whole.len() {
            assert!(Configuration::decode(&whole[..len]).is_err(), "{len}");
        }
        let mut many = vec![1];
        many.extend([0; ABOUT]);
        many.extend([0xff, 1, 0xa1, 0x7f, 0xff]);
        many.extend([0, 1, 0x42].repeat(0x7fff));
        assert_eq!(Configuration::decode(&many), Err(DecodeError::Invalid("H.265 units")));
    }
}
