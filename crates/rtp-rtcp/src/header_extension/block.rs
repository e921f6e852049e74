//! The block that holds the extensions of a packet, in its one-byte and two-byte forms.
//!
//! Source: [RFC 8285 §4](https://www.rfc-editor.org/rfc/rfc8285#section-4)

use ortica_core::{DecodeError, Reader};

const ONE_BYTE: u16 = 0xbede;
/// The low four bits are the application's.
const TWO_BYTE: u16 = 0x1000;
const TWO_BYTE_MASK: u16 = 0xfff0;

/// A local identifier that ends a block in the one-byte form.
const RESERVED_ID: u8 = 15;
/// The longest data of an element in the one-byte form.
pub(super) const ONE_BYTE_MAX_LEN: usize = 16;
/// The largest local identifier of the one-byte form.
pub(super) const ONE_BYTE_MAX_ID: u8 = 14;

/// The extension block of a received packet: 16 bits of "profile" that name its form, and its data.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ExtensionBlock<'a> {
    profile: u16,
    data: &'a [u8],
}

/// How a block marks its elements.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    OneByte,
    TwoByte,
}

impl<'a> ExtensionBlock<'a> {
    pub(crate) fn read(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let profile = r.u16("rtp extension profile")?;
        let words = r.u16("rtp extension length")?;
        let data = r.bytes(usize::from(words) * 4, "rtp extension data")?;
        Ok(Self { profile, data })
    }

    /// The field "defined by profile".
    pub const fn profile(&self) -> u16 {
        self.profile
    }

    /// What follows the length, padding included: a multiple of four bytes.
    pub const fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The elements up to the first that is malformed; none when the block has neither of the two forms.
    pub fn elements(&self) -> Elements<'a> {
        match self.form() {
            Some(form) => Elements { rest: self.data, form },
            None => Elements { rest: &[], form: Form::OneByte },
        }
    }

    fn form(&self) -> Option<Form> {
        match self.profile {
            ONE_BYTE => Some(Form::OneByte),
            profile if profile & TWO_BYTE_MASK == TWO_BYTE => Some(Form::TwoByte),
            _ => None,
        }
    }
}

/// Iterator over the (id, data) of a block.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    rest: &'a [u8],
    form: Form,
}

impl<'a> Elements<'a> {
    fn one_byte(&mut self) -> Option<(u8, &'a [u8])> {
        loop {
            let (&head, rest) = self.rest.split_first()?;
            self.rest = rest;
            if head == 0 {
                continue;
            }
            let id = head >> 4;
            // An id of 0 with a length is no padding: nothing behind it counts, and the same goes for 15.
            if id == 0 || id == RESERVED_ID {
                return None;
            }
            let (data, rest) = rest.split_at_checked(usize::from(head & 0x0f) + 1)?;
            self.rest = rest;
            return Some((id, data));
        }
    }

    fn two_byte(&mut self) -> Option<(u8, &'a [u8])> {
        loop {
            let (&id, rest) = self.rest.split_first()?;
            self.rest = rest;
            if id == 0 {
                // Padding is a lone zero byte without a length: what follows starts over.
                continue;
            }
            let (&len, rest) = rest.split_first()?;
            let (data, rest) = rest.split_at_checked(usize::from(len))?;
            self.rest = rest;
            return Some((id, data));
        }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let element = match self.form {
            Form::OneByte => self.one_byte(),
            Form::TwoByte => self.two_byte(),
        };
        if element.is_none() {
            self.rest = &[];
        }
        element
    }
}

/// Appends a block element by element; [`finish`](Self::finish) pads it and fills in its length.
#[derive(Debug)]
pub(super) struct BlockWriter<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    form: Form,
}

impl<'a> BlockWriter<'a> {
    pub(super) fn new(form: Form, out: &'a mut Vec<u8>) -> Self {
        let profile = match form {
            Form::OneByte => ONE_BYTE,
            Form::TwoByte => TWO_BYTE,
        };
        out.extend_from_slice(&profile.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        let start = out.len();
        Self { out, start, form }
    }

    /// Appends an element whose data `encode` appends. The caller has seen to it that id and length fit the form.
    pub(super) fn element(&mut self, id: u8, len: usize, encode: impl FnOnce(&mut Vec<u8>)) {
        match self.form {
            Form::OneByte => self.out.push((id << 4) | (len.saturating_sub(1) as u8 & 0x0f)),
            Form::TwoByte => self.out.extend_from_slice(&[id, len as u8]),
        }
        encode(self.out);
    }

    pub(super) fn finish(self) {
        let len = (self.out.len() - self.start).next_multiple_of(4);
        self.out.resize(self.start + len, 0);
        let words = (len / 4) as u16;
        if let Some(field) = self.start.checked_sub(2).and_then(|at| self.out.get_mut(at..self.start)) {
            field.copy_from_slice(&words.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(profile: u16, data: &[u8]) -> Vec<(u8, Vec<u8>)> {
        ExtensionBlock { profile, data }.elements().map(|(id, data)| (id, data.to_vec())).collect()
    }

    #[test]
    fn rtp_2_reads_the_one_byte_form_of_the_rfc() {
        // RFC 8285 §4.2, with the ids filled in.
        let data = [0x10, 7, 0x21, 8, 9, 0, 0, 0x33, 1, 2, 3, 4];
        assert_eq!(elements(ONE_BYTE, &data), [(1, vec![7]), (2, vec![8, 9]), (3, vec![1, 2, 3, 4])]);
    }

    #[test]
    fn rtp_2_reads_the_two_byte_form_with_any_application_bits() {
        let data = [1, 0, 2, 1, 8, 0, 3, 4, 1, 2, 3, 4];
        for profile in 0x1000..=0x100f {
            assert_eq!(elements(profile, &data), [(1, vec![]), (2, vec![8]), (3, vec![1, 2, 3, 4])]);
        }
        assert!(elements(0x1010, &data).is_empty());
        assert!(elements(0x0fff, &data).is_empty());
    }

    /// What another implementation reads from the same bytes.
    #[test]
    fn elements_of_aiortcs_tests_are_read() {
        let one = |data: &[u8]| elements(ONE_BYTE, data);
        assert_eq!(one(b"\x900"), [(9, b"0".to_vec())]);
        assert_eq!(one(b"\x900\x00\x00\x301"), [(9, b"0".to_vec()), (3, b"1".to_vec())]);
        assert_eq!(one(b"\x10\xc18sdparta_0"), [(1, vec![0xc1]), (3, b"sdparta_0".to_vec())]);
        let two = |data: &[u8]| elements(TWO_BYTE, data);
        assert_eq!(two(b"\xff\x010"), [(255, b"0".to_vec())]);
        assert_eq!(two(b"\xff\x010\x00\xf0\x0212"), [(255, b"0".to_vec()), (240, b"12".to_vec())]);
        assert!(one(b"\x90").is_empty() && two(b"\xff").is_empty() && two(b"\xff\x020").is_empty());
    }

    /// Guards the two early ends of the one-byte form.
    #[test]
    fn rtp_2_id_15_and_id_0_with_a_length_end_the_block() {
        assert_eq!(elements(ONE_BYTE, &[0x10, 7, 0xf0, 1, 0x20, 8, 0, 0]), [(1, vec![7])]);
        assert_eq!(elements(ONE_BYTE, &[0x10, 7, 0x01, 1, 0x20, 8, 0, 0]), [(1, vec![7])]);
        // In the two-byte form 15 is an id like others.
        assert_eq!(elements(TWO_BYTE, &[15, 1, 7, 0]), [(15, vec![7])]);
    }

    #[test]
    fn rtp_2_an_element_past_the_end_ends_the_block() {
        assert_eq!(elements(ONE_BYTE, &[0x10, 7, 0x2f, 1]), [(1, vec![7])]);
        assert_eq!(elements(TWO_BYTE, &[1, 1, 7, 2]), [(1, vec![7])]);
        assert_eq!(elements(TWO_BYTE, &[1, 200, 7, 2]), []);
    }

    /// Whatever the block holds, each step consumes at least one byte.
    #[test]
    fn cve_04_every_block_of_two_bytes_comes_to_an_end() {
        for value in 0..=u16::MAX {
            let data = value.to_be_bytes();
            assert!(elements(ONE_BYTE, &data).len() <= 2);
            assert!(elements(TWO_BYTE, &data).len() <= 2);
        }
    }
}
