//! Reading and writing of binary formats in network byte order.

use thiserror::Error;

/// Why received bytes are not the message they claim to be. Each variant names the field.
#[derive(Clone, Copy, Debug, Eq, Error, Hash, PartialEq)]
pub enum DecodeError {
    /// The bytes end before the field does.
    #[error("truncated {0}")]
    Truncated(&'static str),
    /// The field holds a value that its format forbids.
    #[error("invalid {0}")]
    Invalid(&'static str),
    /// Bytes follow the end of the message.
    #[error("trailing bytes after {0}")]
    Trailing(&'static str),
}

/// Walks over received bytes and cannot run past their end.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    len: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, len: bytes.len() }
    }

    /// What is left to read.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// How many bytes are left.
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// How many bytes were read.
    pub const fn position(&self) -> usize {
        self.len - self.rest.len()
    }

    /// `true` when nothing is left.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] with the name of the `field` when fewer are left. Nothing is consumed then.
    pub fn bytes(&mut self, count: usize, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(DecodeError::Truncated(field))?;
        self.rest = rest;
        Ok(bytes)
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], DecodeError> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>().ok_or(DecodeError::Truncated(field))?;
        self.rest = rest;
        Ok(*bytes)
    }

    /// The next byte.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.array::<1>(field).map(|[byte]| byte)
    }

    /// The next two bytes as a number.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.array(field).map(u16::from_be_bytes)
    }

    /// The next three bytes as a number.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn u24(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.array(field).map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// The next four bytes as a number.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.array(field).map(u32::from_be_bytes)
    }

    /// The next six bytes as a number.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn u48(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        self.array(field).map(|[a, b, c, d, e, f]| u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    /// The next eight bytes as a number.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn u64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        self.array(field).map(u64::from_be_bytes)
    }

    /// The bytes of a vector with a one-byte length before it.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn vec8(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let len = self.u8(field)?;
        self.bytes(usize::from(len), field)
    }

    /// The bytes of a vector with a two-byte length before it.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn vec16(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let len = self.u16(field)?;
        self.bytes(usize::from(len), field)
    }

    /// The bytes of a vector with a three-byte length before it.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes).
    pub fn vec24(&mut self, field: &'static str) -> Result<&'a [u8], DecodeError> {
        let len = self.u24(field)?;
        self.bytes(usize::try_from(len).unwrap_or(usize::MAX), field)
    }

    /// Everything that is left.
    pub fn take_rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Demands that nothing is left.
    ///
    /// # Errors
    /// [`DecodeError::Trailing`] with the name of the `message`.
    pub fn finish(self, message: &'static str) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Trailing(message)) }
    }
}

/// Appends to a caller's buffer and patches the length prefixes of what it holds.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

/// A length prefix that [`Writer::close`] fills in.
#[derive(Debug)]
#[must_use = "a length prefix stays zero until it is closed"]
pub struct Length {
    at: usize,
    width: usize,
}

impl<'a> Writer<'a> {
    /// Appends to `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        Self { out, start }
    }

    /// How many bytes this writer has appended.
    pub fn len(&self) -> usize {
        self.out.len() - self.start
    }

    /// `true` when this writer has appended nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What this writer has appended.
    pub fn written(&self) -> &[u8] {
        self.out.get(self.start..).unwrap_or_default()
    }

    /// Appends `bytes`.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.out.extend_from_slice(bytes);
        self
    }

    /// Appends one byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.out.push(value);
        self
    }

    /// Appends two bytes.
    pub fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// Appends the low three bytes of `value`.
    pub fn u24(&mut self, value: u32) -> &mut Self {
        let [_, a, b, c] = value.to_be_bytes();
        self.bytes(&[a, b, c])
    }

    /// Appends four bytes.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// Appends the low six bytes of `value`.
    pub fn u48(&mut self, value: u64) -> &mut Self {
        let [_, _, rest @ ..] = value.to_be_bytes();
        self.bytes(&rest)
    }

    /// Appends eight bytes.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// Appends zeros until the length of what this writer has appended is a multiple of `multiple`.
    pub fn pad(&mut self, multiple: usize) -> &mut Self {
        let len = self.len().next_multiple_of(multiple);
        self.out.resize(self.start + len, 0);
        self
    }

    /// Leaves room for a length prefix of `width` bytes (1 to 4).
    pub fn length(&mut self, width: usize) -> Length {
        let at = self.out.len();
        self.out.resize(at + width, 0);
        Length { at, width }
    }

    /// Writes how many bytes followed the prefix. What the caller encodes was bounded when it was constructed, so it
    /// fits; a longer one would be cut to the prefix's width.
    pub fn close(&mut self, length: Length) -> &mut Self {
        let value = (self.out.len() - length.at - length.width) as u32;
        self.patch(&length, value);
        self
    }

    /// Writes `value` into the prefix: for lengths that count something else than what followed.
    pub fn close_with(&mut self, length: Length, value: u32) -> &mut Self {
        self.patch(&length, value);
        self
    }

    fn patch(&mut self, length: &Length, value: u32) {
        let bytes = value.to_be_bytes();
        if let Some(to) = self.out.get_mut(length.at..length.at + length.width) {
            to.copy_from_slice(&bytes[4 - length.width..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_and_names_the_field_it_lacks() {
        let mut r = Reader::new(&[1, 0, 2, 0, 0, 3, 0, 0, 0, 4, 9]);
        assert_eq!(r.u8("a"), Ok(1));
        assert_eq!(r.u16("b"), Ok(2));
        assert_eq!(r.u24("c"), Ok(3));
        assert_eq!(r.u32("d"), Ok(4));
        assert_eq!(r.u16("e"), Err(DecodeError::Truncated("e")));
        assert_eq!(r.position(), 10);
        assert_eq!(r.clone().finish("message"), Err(DecodeError::Trailing("message")));
        assert_eq!(r.u8("f"), Ok(9));
        assert_eq!(r.finish("message"), Ok(()));
    }

    #[test]
    fn vectors_end_where_their_length_says() {
        let mut r = Reader::new(&[2, 7, 8, 0, 1, 9, 0, 0, 5]);
        assert_eq!(r.vec8("a"), Ok(&[7, 8][..]));
        assert_eq!(r.vec16("b"), Ok(&[9][..]));
        assert_eq!(r.vec24("c"), Err(DecodeError::Truncated("c")));
    }

    #[test]
    fn patches_nested_lengths() {
        let mut out = vec![0xff];
        let mut w = Writer::new(&mut out);
        let outer = w.length(2);
        w.u8(1);
        let inner = w.length(3);
        w.u16(7);
        w.close(inner).close(outer).pad(4);
        assert_eq!(out, [0xff, 0, 6, 1, 0, 0, 2, 0, 7]);
        let mut w = Writer::new(&mut out);
        w.u8(1).pad(4);
        assert_eq!(w.written(), [1, 0, 0, 0]);
    }
}
