//! Just enough DER to write one kind of certificate and to find the public key in any.

use ortica_core::{DecodeError, Reader};

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const NULL: u8 = 0x05;
pub(crate) const OBJECT_ID: u8 = 0x06;
pub(crate) const UTF8_STRING: u8 = 0x0c;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;
/// `[0]`, constructed: the version field of a certificate.
pub(crate) const CONTEXT_0: u8 = 0xa0;

/// Appends an element whose contents `body` writes.
pub(crate) fn element(out: &mut Vec<u8>, tag: u8, body: impl FnOnce(&mut Vec<u8>)) {
    let mut contents = Vec::new();
    body(&mut contents);
    primitive(out, tag, &contents);
}

/// Appends an element with the contents `contents`, at most 65,535 bytes.
pub(crate) fn primitive(out: &mut Vec<u8>, tag: u8, contents: &[u8]) {
    out.push(tag);
    let [high, low] = (contents.len() as u16).to_be_bytes();
    match contents.len() {
        0..=0x7f => out.push(low),
        0x80..=0xff => out.extend([0x81, low]),
        _ => out.extend([0x82, high, low]),
    }
    out.extend_from_slice(contents);
}

/// Appends a BIT STRING of whole bytes.
pub(crate) fn bit_string(out: &mut Vec<u8>, bytes: &[u8]) {
    element(out, BIT_STRING, |out| {
        out.push(0);
        out.extend_from_slice(bytes);
    });
}

/// Reads one element whose tag must be `tag`, and returns its contents.
pub(crate) fn expect<'a>(r: &mut Reader<'a>, tag: u8, field: &'static str) -> Result<&'a [u8], DecodeError> {
    let (found, contents) = next(r, field)?;
    if found == tag { Ok(contents) } else { Err(DecodeError::Invalid(field)) }
}

/// Reads one element if its tag is `tag`; leaves `r` where it was if not.
pub(crate) fn optional<'a>(r: &mut Reader<'a>, tag: u8, field: &'static str) -> Result<Option<&'a [u8]>, DecodeError> {
    if r.rest().first() == Some(&tag) { expect(r, tag, field).map(Some) } else { Ok(None) }
}

/// Reads one element: its tag and its contents. Tags above 30 and indefinite lengths do not occur in what we walk, and
/// two bytes of length are four times the certificate that fits through the handshake.
fn next<'a>(r: &mut Reader<'a>, field: &'static str) -> Result<(u8, &'a [u8]), DecodeError> {
    let tag = r.u8(field)?;
    if tag & 0x1f == 0x1f {
        return Err(DecodeError::Invalid(field));
    }
    let len = match r.u8(field)? {
        short @ 0..=0x7f => usize::from(short),
        0x81 => usize::from(r.u8(field)?),
        0x82 => usize::from(r.u16(field)?),
        _ => return Err(DecodeError::Invalid(field)),
    };
    Ok((tag, r.bytes(len, field)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_take_one_two_or_three_bytes() {
        for (len, prefix) in
            [(0, vec![4, 0]), (127, vec![4, 127]), (128, vec![4, 0x81, 128]), (256, vec![4, 0x82, 1, 0])]
        {
            let mut out = Vec::new();
            primitive(&mut out, 4, &vec![7; len]);
            assert_eq!(out[..prefix.len()], prefix);
            assert_eq!(out.len(), prefix.len() + len);
        }
    }

    #[test]
    fn refuses_indefinite_and_endless_lengths() {
        for bytes in
            [&[0x30, 0x80, 0, 0][..], &[0x30, 0x83, 0, 0, 0], &[0x30, 0xff], &[0x3f, 0x01, 0], &[0x30, 2, 0], &[]]
        {
            assert!(expect(&mut Reader::new(bytes), SEQUENCE, "x").is_err(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn an_element_survives_a_round_trip(tag in 0u8..0x1f, contents in proptest::collection::vec(any::<u8>(), 0..600)) {
            let mut out = Vec::new();
            element(&mut out, tag, |out| out.extend_from_slice(&contents));
            let mut r = Reader::new(&out);
            prop_assert_eq!(expect(&mut r, tag, "x"), Ok(&contents[..]));
            prop_assert!(r.is_empty());
        }
    }
}
