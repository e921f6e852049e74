//! EBML: elements, each an identifier, a length and contents. All numbers are big-endian.
//!
//! Source: [RFC 8794](https://www.rfc-editor.org/rfc/rfc8794)

use std::io::{self, Read};

use super::super::{ContainerError, read_or_end, read_vec};

/// What an element is, with the marker of its length; RFC 9559 lists them.
pub(super) type Id = u32;

pub(super) const EBML: Id = 0x1a45_dfa3;
pub(super) const EBML_VERSION: Id = 0x4286;
pub(super) const EBML_READ_VERSION: Id = 0x42f7;
pub(super) const EBML_MAX_ID_LENGTH: Id = 0x42f2;
pub(super) const EBML_MAX_SIZE_LENGTH: Id = 0x42f3;
pub(super) const DOC_TYPE: Id = 0x4282;
pub(super) const DOC_TYPE_VERSION: Id = 0x4287;
pub(super) const DOC_TYPE_READ_VERSION: Id = 0x4285;
pub(super) const VOID: Id = 0xec;
pub(super) const SEGMENT: Id = 0x1853_8067;
pub(super) const SEEK_HEAD: Id = 0x114d_9b74;
pub(super) const SEEK: Id = 0x4dbb;
pub(super) const SEEK_ID: Id = 0x53ab;
pub(super) const SEEK_POSITION: Id = 0x53ac;
pub(super) const INFO: Id = 0x1549_a966;
pub(super) const TIMESTAMP_SCALE: Id = 0x2a_d7b1;
pub(super) const DURATION: Id = 0x4489;
pub(super) const MUXING_APP: Id = 0x4d80;
pub(super) const WRITING_APP: Id = 0x5741;
pub(super) const TRACKS: Id = 0x1654_ae6b;
pub(super) const TRACK_ENTRY: Id = 0xae;
pub(super) const TRACK_NUMBER: Id = 0xd7;
pub(super) const TRACK_UID: Id = 0x73c5;
pub(super) const TRACK_TYPE: Id = 0x83;
pub(super) const FLAG_LACING: Id = 0x9c;
pub(super) const CODEC_ID: Id = 0x86;
pub(super) const CODEC_PRIVATE: Id = 0x63a2;
pub(super) const CODEC_DELAY: Id = 0x56aa;
pub(super) const SEEK_PRE_ROLL: Id = 0x56bb;
pub(super) const CONTENT_ENCODINGS: Id = 0x6d80;
pub(super) const VIDEO: Id = 0xe0;
pub(super) const PIXEL_WIDTH: Id = 0xb0;
pub(super) const PIXEL_HEIGHT: Id = 0xba;
pub(super) const AUDIO: Id = 0xe1;
pub(super) const SAMPLING_FREQUENCY: Id = 0xb5;
pub(super) const CHANNELS: Id = 0x9f;
pub(super) const BIT_DEPTH: Id = 0x6264;
pub(super) const CLUSTER: Id = 0x1f43_b675;
pub(super) const TIMESTAMP: Id = 0xe7;
pub(super) const SIMPLE_BLOCK: Id = 0xa3;
pub(super) const BLOCK_GROUP: Id = 0xa0;
pub(super) const BLOCK: Id = 0xa1;
pub(super) const REFERENCE_BLOCK: Id = 0xfb;
pub(super) const CUES: Id = 0x1c53_bb6b;
pub(super) const CUE_POINT: Id = 0xbb;
pub(super) const CUE_TIME: Id = 0xb3;
pub(super) const CUE_TRACK_POSITIONS: Id = 0xb7;
pub(super) const CUE_TRACK: Id = 0xf7;
pub(super) const CUE_CLUSTER_POSITION: Id = 0xf1;

/// A length of eight bytes that says: until another element of this level or above begins.
pub(super) const UNKNOWN_SIZE: [u8; 8] = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
/// The largest length there is: seven bits of each of eight bytes, all ones being reserved.
const MAX_SIZE: u64 = (1 << 56) - 2;

/// Appends an identifier.
pub(super) fn put_id(out: &mut Vec<u8>, id: Id) {
    let bytes = id.to_be_bytes();
    out.extend(bytes.into_iter().skip_while(|&byte| byte == 0));
}

/// Appends a length, in as few bytes as it takes.
pub(super) fn put_size(out: &mut Vec<u8>, size: usize) {
    let size = (size as u64).min(MAX_SIZE);
    // All ones of a width mean that the length is unknown.
    let width = (1..8).find(|width| size < (1 << (7 * width)) - 1).unwrap_or(8);
    put_size_of(out, size, width);
}

/// The same in eight bytes, whatever it is: to be written over.
pub(super) fn put_wide_size(out: &mut Vec<u8>, size: u64) {
    put_size_of(out, size.min(MAX_SIZE), 8);
}

fn put_size_of(out: &mut Vec<u8>, size: u64, width: u32) {
    let marked = size | 1 << (7 * width);
    out.extend(marked.to_be_bytes().into_iter().skip(8 - width as usize));
}

pub(super) fn put_bytes(out: &mut Vec<u8>, id: Id, bytes: &[u8]) {
    put_id(out, id);
    put_size(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// A number in as few bytes as it takes.
pub(super) fn put_uint(out: &mut Vec<u8>, id: Id, value: u64) {
    let bytes = value.to_be_bytes();
    let zeros = (value.leading_zeros() / 8).min(7) as usize;
    put_bytes(out, id, bytes.get(zeros..).unwrap_or_default());
}

/// A number in eight bytes, whatever it is.
pub(super) fn put_wide_uint(out: &mut Vec<u8>, id: Id, value: u64) {
    put_bytes(out, id, &value.to_be_bytes());
}

pub(super) fn put_float(out: &mut Vec<u8>, id: Id, value: f64) {
    put_bytes(out, id, &value.to_be_bytes());
}

/// An element of elements.
pub(super) fn put_master(out: &mut Vec<u8>, id: Id, contents: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    contents(&mut inner);
    put_bytes(out, id, &inner);
}

/// An identifier and a length; `None` for an unknown one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Header {
    pub id: Id,
    pub size: Option<u64>,
}

/// The next element of a file; `None` if it ends right before it.
pub(super) fn read_header(reader: &mut impl Read) -> Result<Option<Header>, ContainerError> {
    let mut first = [0];
    if !read_or_end(reader, &mut first)? {
        return Ok(None);
    }
    let [first] = first;
    let id = read_number(reader, first, 4)?.raw as Id;
    let mut first = [0];
    reader.read_exact(&mut first)?;
    let [first] = first;
    Ok(Some(Header { id, size: read_number(reader, first, 8)?.value() }))
}

/// The contents of an element, which may be `limit` bytes long.
pub(super) fn read_contents(reader: &mut impl Read, header: Header, limit: usize) -> Result<Vec<u8>, ContainerError> {
    let size = header.size.and_then(|size| usize::try_from(size).ok());
    match size {
        Some(size) if size <= limit => read_vec(reader, size),
        _ => Err(ContainerError::Malformed("WebM element length")),
    }
}

/// Passes over the contents of an element.
pub(super) fn skip_contents(reader: &mut impl Read, header: Header) -> Result<(), ContainerError> {
    let size = header.size.ok_or(ContainerError::Malformed("WebM element length"))?;
    let skipped = io::copy(&mut reader.take(size), &mut io::sink())?;
    if skipped == size { Ok(()) } else { Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()) }
}

/// A number whose first byte says how long it is, by the zeros that it begins with.
#[derive(Clone, Copy, Debug)]
struct Number {
    /// With the marker.
    raw: u64,
    width: u32,
}

impl Number {
    /// Without the marker; `None` where all of its bits are ones.
    fn value(self) -> Option<u64> {
        let ones = (1 << (7 * self.width)) - 1;
        Some(self.raw & ones).filter(|&value| value != ones)
    }
}

fn read_number(reader: &mut impl Read, first: u8, max_width: u32) -> Result<Number, ContainerError> {
    let width = first.leading_zeros() + 1;
    if width > max_width {
        return Err(ContainerError::Malformed("WebM element"));
    }
    let mut raw = u64::from(first);
    for _ in 1..width {
        let mut byte = [0];
        reader.read_exact(&mut byte)?;
        let [byte] = byte;
        raw = raw << 8 | u64::from(byte);
    }
    Ok(Number { raw, width })
}

/// Takes a number off the front of what was read; `None` if it is cut off or unknown.
pub(super) fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    take(bytes)?.value()
}

/// The same as a difference, whose values lie around zero.
pub(super) fn take_difference(bytes: &mut &[u8]) -> Option<i64> {
    let number = take(bytes)?;
    let middle = (1i64 << (7 * number.width - 1)) - 1;
    Some(i64::try_from(number.value()?).ok()? - middle)
}

fn take(bytes: &mut &[u8]) -> Option<Number> {
    let (&first, mut rest) = bytes.split_first()?;
    let number = read_number(&mut rest, first, 8).ok()?;
    *bytes = rest;
    Some(number)
}

/// The elements within one that was read; ends at the first that is cut off.
pub(super) fn elements(mut bytes: &[u8]) -> impl Iterator<Item = (Id, &[u8])> {
    std::iter::from_fn(move || {
        let header = read_header(&mut bytes).ok()??;
        let size = usize::try_from(header.size?).ok()?;
        let (contents, rest) = bytes.split_at_checked(size)?;
        bytes = rest;
        Some((header.id, contents))
    })
}

/// A number of up to eight bytes; those beyond do not count.
pub(super) fn uint(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |value, &byte| value << 8 | u64::from(byte))
}

/// Of four or eight bytes; zero for other lengths.
pub(super) fn float(bytes: &[u8]) -> f64 {
    match (<[u8; 4]>::try_from(bytes), <[u8; 8]>::try_from(bytes)) {
        (Ok(bytes), _) => f32::from_be_bytes(bytes).into(),
        (_, Ok(bytes)) => f64::from_be_bytes(bytes),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_take_as_few_bytes_as_they_need() {
        let bytes = |size| {
            let mut out = Vec::new();
            put_size(&mut out, size);
            out
        };
        assert_eq!(bytes(0), [0x80]);
        assert_eq!(bytes(126), [0xfe]);
        // 0xff would be an unknown length.
        assert_eq!(bytes(127), [0x40, 0x7f]);
        assert_eq!(bytes(16_382), [0x7f, 0xfe]);
        assert_eq!(bytes(16_383), [0x20, 0x3f, 0xff]);
    }

    #[test]
    fn unknown_lengths_are_told_from_known_ones() {
        let unknown = [&[0x18, 0x53, 0x80, 0x67][..], &UNKNOWN_SIZE].concat();
        let header = read_header(&mut &unknown[..]).unwrap().unwrap();
        assert_eq!(header, Header { id: SEGMENT, size: None });
        assert!(skip_contents(&mut &[0; 100][..], header).is_err());
    }

    #[test]
    fn differences_lie_around_zero() {
        for (bytes, value) in
            [(&[0xbf][..], 0), (&[0x80], -63), (&[0xfe], 63), (&[0x5f, 0xff], 0), (&[0x40, 0], -8_191)]
        {
            assert_eq!(take_difference(&mut &bytes[..]), Some(value), "{bytes:02x?}");
        }
    }

    #[test]
    fn what_begins_with_too_many_zeros_is_none() {
        assert!(read_header(&mut &[0x08, 0, 0, 0, 0, 0x80][..]).is_err());
        assert!(read_header(&mut &[0xa3, 0x00, 0x80][..]).is_err());
        assert!(read_header(&mut &[][..]).unwrap().is_none());
    }

    proptest! {
        #[test]
        fn elements_come_back(values: Vec<(u64, Vec<u8>)>) {
            let mut out = Vec::new();
            for (number, bytes) in &values {
                put_uint(&mut out, TRACK_UID, *number);
                put_bytes(&mut out, CODEC_PRIVATE, bytes);
            }
            let read: Vec<_> = elements(&out).collect();
            prop_assert_eq!(read.len(), values.len() * 2);
            for (pair, (number, bytes)) in read.chunks(2).zip(&values) {
                prop_assert_eq!((pair[0].0, uint(pair[0].1)), (TRACK_UID, *number));
                prop_assert_eq!(pair[1], (CODEC_PRIVATE, &bytes[..]));
            }
        }
    }
}
