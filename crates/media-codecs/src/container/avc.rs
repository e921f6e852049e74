//! H.264 as files have it: NAL units behind their lengths, and what decoding begins with in front of all.
//!
//! Source: ISO/IEC 14496-15 §5.3.3

use bytes::Bytes;
use ortica_core::{DecodeError, Reader};

use crate::payload::h264::nal::{self, Header};
use crate::payload::h264::parameter_sets::SequenceSet;

/// Bytes of a length in what is written.
const LENGTH: u8 = 4;
/// Profiles whose record says how they sample colors, and how deep.
const WITH_CHROMA_FORMAT: [u8; 4] = [100, 110, 122, 144];
/// Sets of either kind that a record can count.
const MAX_SEQUENCE_SETS: usize = 31;
const MAX_PICTURE_SETS: usize = 255;

/// What a file says of a stream: its `AVCDecoderConfigurationRecord`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Configuration {
    /// Bytes of the lengths before NAL units: 1 to 4.
    length_size: usize,
    sequence_sets: Vec<Bytes>,
    picture_sets: Vec<Bytes>,
}

impl Configuration {
    /// Of a frame in the byte stream format; `None` without parameter sets of both kinds.
    pub fn of_frame(frame: &[u8]) -> Option<Self> {
        let of_kind = |kind, most| -> Vec<Bytes> {
            let units = nal::split_slice(frame).filter(|unit| kind_of(unit) == Some(kind));
            units.filter(|unit| u16::try_from(unit.len()).is_ok()).take(most).map(Bytes::copy_from_slice).collect()
        };
        let sequence_sets = of_kind(nal::SPS, MAX_SEQUENCE_SETS);
        let picture_sets = of_kind(nal::PPS, MAX_PICTURE_SETS);
        // The record repeats the first bytes of a set.
        let is_whole = sequence_sets.first()?.len() >= 4 && !picture_sets.is_empty();
        is_whole.then_some(Self { length_size: LENGTH.into(), sequence_sets, picture_sets })
    }

    pub fn encode(&self) -> Vec<u8> {
        let first = self.sequence_sets.first().map(Bytes::as_ref).unwrap_or_default();
        let mut out = vec![1];
        out.extend(first.iter().skip(1).take(3));
        out.push(0xfc | (self.length_size as u8 - 1));
        put_sets(0xe0, &self.sequence_sets, &mut out);
        put_sets(0, &self.picture_sets, &mut out);
        let has_format = first.get(1).is_some_and(|profile| WITH_CHROMA_FORMAT.contains(profile));
        if let Some(set) = SequenceSet::decode(first).ok().filter(|_| has_format) {
            let [luma, chroma] = set.bit_depths.map(|depth| 0xf8 | depth.saturating_sub(8));
            // No extensions of sequence parameter sets.
            out.extend([0xfc | set.chroma_format, luma, chroma, 0]);
        }
        out
    }

    /// Reads a record.
    pub fn decode(record: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(record);
        if r.u8("H.264 record")? != 1 {
            return Err(DecodeError::Invalid("H.264 record version"));
        }
        r.bytes(3, "H.264 record profile")?;
        let length_size = usize::from(r.u8("H.264 length size")? & 3) + 1;
        let sequence_sets = take_sets(&mut r, 0x1f)?;
        let picture_sets = take_sets(&mut r, 0xff)?;
        Ok(Self { length_size, sequence_sets, picture_sets })
    }

    /// The parameter sets in the byte stream format.
    #[cfg(feature = "ffmpeg")]
    pub fn sets(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.sequence_sets.iter().chain(&self.picture_sets).for_each(|set| put_unit(set, &mut out));
        out
    }

    /// Width and height of the pictures, in pixels.
    pub fn size(&self) -> Option<(u32, u32)> {
        let set = SequenceSet::decode(self.sequence_sets.first()?).ok()?;
        Some((set.width, set.height))
    }

    /// A frame of a file in the byte stream format; a key frame with the parameter sets that it needs. What is cut off ends it.
    pub fn to_byte_stream(&self, sample: &[u8], is_key_frame: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(sample.len() + 64);
        let has_sets = units(sample, self.length_size).any(|unit| kind_of(unit) == Some(nal::SPS));
        if is_key_frame && !has_sets {
            self.sequence_sets.iter().chain(&self.picture_sets).for_each(|set| put_unit(set, &mut out));
        }
        units(sample, self.length_size).for_each(|unit| put_unit(unit, &mut out));
        out
    }
}

/// The units of a sample, each behind its length of so many bytes. What is cut off ends them.
pub(super) fn units(mut sample: &[u8], length_size: usize) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, rest) = sample.split_at_checked(length_size)?;
        let length = length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        let (unit, rest) = rest.split_at_checked(length)?;
        sample = rest;
        Some(unit)
    })
    .filter(|unit| !unit.is_empty())
}

/// A frame in the byte stream format, as a file has it.
pub(super) fn to_sample(frame: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(frame.len() + 8);
    for unit in nal::split_slice(frame).filter(|unit| kind_of(unit) != Some(nal::DELIMITER)) {
        out.extend_from_slice(&(unit.len() as u32).to_be_bytes());
        out.extend_from_slice(unit);
    }
    out
}

fn kind_of(unit: &[u8]) -> Option<u8> {
    unit.first().map(|first| Header(*first).kind())
}

/// In the byte stream format.
pub(super) fn put_unit(unit: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&[0, 0, 0, 1]);
    out.extend_from_slice(unit);
}

/// How many, then each behind its length.
fn put_sets(marker: u8, sets: &[Bytes], out: &mut Vec<u8>) {
    out.push(marker | sets.len() as u8);
    for set in sets {
        out.extend_from_slice(&(set.len() as u16).to_be_bytes());
        out.extend_from_slice(set);
    }
}

fn take_sets(r: &mut Reader<'_>, mask: u8) -> Result<Vec<Bytes>, DecodeError> {
    let count = r.u8("H.264 parameter sets")? & mask;
    let mut sets = Vec::new();
    for _ in 0..count {
        let len = usize::from(r.u16("H.264 parameter set length")?);
        sets.push(Bytes::copy_from_slice(r.bytes(len, "H.264 parameter set")?));
    }
    Ok(sets)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPS: [u8; 9] = [0x67, 0x42, 0xc0, 0x1f, 0xda, 0x0a, 0x0f, 0x68, 0x40];
    const PPS: [u8; 4] = [0x68, 0xce, 0x3c, 0x80];

    fn stream(units: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        units.iter().for_each(|unit| put_unit(unit, &mut out));
        out
    }

    #[test]
    fn a_record_comes_back() {
        let made = Configuration::of_frame(&stream(&[&[9, 0x10], &SPS, &PPS, &[0x65, 1, 2]])).unwrap();
        let record = made.encode();
        assert_eq!(record[..8], [1, 0x42, 0xc0, 0x1f, 0xff, 0xe1, 0, 9]);
        assert_eq!(Configuration::decode(&record), Ok(made));
        for len in 0..record.len() {
            assert!(Configuration::decode(&record[..len]).is_err(), "{len}");
        }
        assert_eq!(Configuration::of_frame(&stream(&[&[0x65, 1, 2]])), None);
    }

    #[test]
    fn frames_go_there_and_back() {
        let key_frame = stream(&[&SPS, &PPS, &[0x65, 1, 2]]);
        let configuration = Configuration::of_frame(&key_frame).unwrap();
        let sample = to_sample(&key_frame);
        assert_eq!(sample[..5], [0, 0, 0, 9, 0x67]);
        assert_eq!(configuration.to_byte_stream(&sample, true), key_frame);
        // Delimiters are not for files (ISO/IEC 14496-15 §5.3.2 lets them be).
        assert_eq!(to_sample(&stream(&[&[9, 0x10], &[0x41, 1]])), [0, 0, 0, 2, 0x41, 1]);
    }

    /// Guards: who plays a file of another program gets the sets that it keeps apart.
    #[test]
    fn key_frames_bring_their_parameter_sets() {
        let configuration = Configuration::of_frame(&stream(&[&SPS, &PPS])).unwrap();
        let idr = to_sample(&stream(&[&[0x65, 1]]));
        assert_eq!(configuration.to_byte_stream(&idr, true), stream(&[&SPS, &PPS, &[0x65, 1]]));
        assert_eq!(configuration.to_byte_stream(&idr, false), stream(&[&[0x65, 1]]));
    }

    /// Guards: lengths are not trusted.
    #[test]
    fn what_is_cut_off_ends_a_frame() {
        let mut configuration = Configuration::of_frame(&stream(&[&SPS, &PPS])).unwrap();
        assert_eq!(configuration.to_byte_stream(&[0xff, 0xff, 0xff, 0xff, 1], false), []);
        assert_eq!(configuration.to_byte_stream(&[0, 0, 0, 1, 0x41, 0, 0], false), stream(&[&[0x41]]));
        configuration.length_size = 1;
        assert_eq!(configuration.to_byte_stream(&[2, 0x41, 7, 0, 1, 0x06], false), stream(&[&[0x41, 7], &[0x06]]));
    }
}
