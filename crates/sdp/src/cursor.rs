//! Walks over the text of one value. Every look at received text goes through here, which is what the growth tests count.

use crate::{SdpError, SdpErrorKind};

/// Reads a value field by field, and knows where it is when one is wrong.
///
/// Fields are separated by spaces; more than one space, or one at the end, does no harm (people edit these texts).
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a str,
    len: usize,
    /// Where the field read last begins.
    mark: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { rest: text, len: text.len(), mark: 0 }
    }

    /// The next word, which may not be missing.
    pub(crate) fn token(&mut self, field: &'static str) -> Result<&'a str, SdpError> {
        self.optional_token().ok_or_else(|| self.missing(field))
    }

    /// The next word, if one follows.
    pub(crate) fn optional_token(&mut self) -> Option<&'a str> {
        self.skip_spaces();
        self.mark = self.offset();
        let token = self.take_until(|byte| byte == b' ');
        (!token.is_empty()).then_some(token)
    }

    /// The part of the next word up to `delimiter`, which is consumed and has to be there.
    pub(crate) fn before(&mut self, delimiter: char, field: &'static str) -> Result<&'a str, SdpError> {
        self.skip_spaces();
        self.mark = self.offset();
        let text = self.take_until(|byte| byte == b' ' || char::from(byte) == delimiter);
        match self.rest.strip_prefix(delimiter) {
            Some(rest) if !text.is_empty() => self.rest = rest,
            _ => return Err(self.invalid(field)),
        }
        Ok(text)
    }

    /// Takes the next word if it is this one.
    pub(crate) fn skip_word(&mut self, word: &str) -> bool {
        self.skip_spaces();
        match self.rest.strip_prefix(word) {
            Some(rest) if rest.is_empty() || rest.starts_with(' ') => {
                spend(word.len());
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Whether nothing but spaces is left.
    pub(crate) fn is_at_end(&mut self) -> bool {
        self.skip_spaces();
        self.rest.is_empty()
    }

    /// The next word as a decimal number without a sign.
    pub(crate) fn number<N: TryFrom<u64>>(&mut self, field: &'static str) -> Result<N, SdpError> {
        let token = self.token(field)?;
        number(token).ok_or_else(|| self.invalid(field))
    }

    /// Everything left, without the spaces around it, which may not be nothing.
    pub(crate) fn text(&mut self, field: &'static str) -> Result<&'a str, SdpError> {
        self.optional_text().ok_or_else(|| self.missing(field))
    }

    /// Everything left, without the spaces around it, if that is something.
    pub(crate) fn optional_text(&mut self) -> Option<&'a str> {
        self.skip_spaces();
        let mut text = self.rest();
        while let Some(shorter) = text.strip_suffix(' ') {
            text = shorter;
        }
        (!text.is_empty()).then_some(text)
    }

    /// Everything left as it stands.
    pub(crate) fn rest(&mut self) -> &'a str {
        self.mark = self.offset();
        spend(self.rest.len());
        std::mem::take(&mut self.rest)
    }

    /// Checks that nothing but spaces is left.
    pub(crate) fn finish(mut self, value: &'static str) -> Result<(), SdpError> {
        if self.is_at_end() { Ok(()) } else { Err(SdpError::new(SdpErrorKind::Trailing(value), self.offset())) }
    }

    /// The field read last has a value it must not have.
    pub(crate) fn invalid(&self, field: &'static str) -> SdpError {
        SdpError::new(SdpErrorKind::Invalid(field), self.mark)
    }

    fn missing(&self, field: &'static str) -> SdpError {
        SdpError::new(SdpErrorKind::Missing(field), self.offset())
    }

    fn offset(&self) -> usize {
        self.len - self.rest.len()
    }

    fn skip_spaces(&mut self) {
        while let Some(rest) = self.rest.strip_prefix(' ') {
            spend(1);
            self.rest = rest;
        }
    }

    fn take_until(&mut self, stop: impl Fn(u8) -> bool) -> &'a str {
        let end = self.rest.bytes().position(stop).unwrap_or(self.rest.len());
        spend(end);
        let (text, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest;
        text
    }
}

/// A decimal number without a sign, as the grammars have it: `u64::from_str` would take a plus as well.
pub(crate) fn number<N: TryFrom<u64>>(text: &str) -> Option<N> {
    spend(text.len());
    if text.starts_with('+') {
        return None;
    }
    N::try_from(text.parse().ok()?).ok()
}

/// What is before and after the first such byte, an ASCII one. Lines and their parts are short: a plain loop beats the
/// set-up of `str::split_once`.
pub(crate) fn split_at_byte(text: &str, byte: u8) -> Option<(&str, &str)> {
    let end = text.bytes().position(|it| it == byte)?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

/// Counts bytes looked at, in tests only.
#[cfg(not(test))]
pub(crate) const fn spend(_bytes: usize) {}

#[cfg(test)]
pub(crate) use work::spend;

#[cfg(test)]
pub(crate) mod work {
    use std::cell::Cell;

    thread_local!(static SPENT: Cell<usize> = const { Cell::new(0) });

    /// A step for the call itself and one for each byte.
    pub(crate) fn spend(bytes: usize) {
        SPENT.with(|spent| spent.set(spent.get() + bytes + 1));
    }

    /// The steps that `action` takes.
    pub(crate) fn of<T>(action: impl FnOnce() -> T) -> (T, usize) {
        let before = SPENT.with(Cell::get);
        let result = action();
        (result, SPENT.with(Cell::get) - before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_separated_by_any_number_of_spaces() {
        let mut cursor = Cursor::new("one  two ");
        assert_eq!(cursor.token("first"), Ok("one"));
        assert_eq!(cursor.token("second"), Ok("two"));
        assert_eq!(cursor.optional_token(), None);
        assert_eq!(cursor.finish("words"), Ok(()));
    }

    #[test]
    fn a_number_has_no_sign_and_fits_its_type() {
        assert_eq!(number::<u8>("255"), Some(255));
        assert_eq!(number::<u8>("256"), None);
        assert_eq!(number::<u32>("+1"), None);
        assert_eq!(number::<u32>("-1"), None);
        assert_eq!(number::<u32>(""), None);
        assert_eq!(number::<u64>("18446744073709551616"), None);
    }

    #[test]
    fn an_error_names_the_byte_where_its_field_begins() {
        let mut cursor = Cursor::new("96 x");
        assert_eq!(cursor.number::<u8>("payload type"), Ok(96));
        let error = cursor.number::<u8>("clock rate").unwrap_err();
        assert_eq!((error.column(), error.kind()), (4, SdpErrorKind::Invalid("clock rate")));
        assert_eq!(cursor.token("name").unwrap_err().kind(), SdpErrorKind::Missing("name"));
    }

    #[test]
    fn a_delimiter_has_to_be_there() {
        let mut cursor = Cursor::new("opus/48000");
        assert_eq!(cursor.before('/', "name"), Ok("opus"));
        for text in ["48000", "/8000", "a b/8000", ""] {
            assert_eq!(Cursor::new(text).before('/', "name").unwrap_err().kind(), SdpErrorKind::Invalid("name"));
        }
    }
}
