//! Why a text is not a session description, and where.

use thiserror::Error;

/// A text that is not a session description, with the place where that shows.
///
/// Lines and columns are counted from 1, columns in bytes. The `FromStr` of a single value (say, of an
/// [`RtpMap`](crate::RtpMap)) counts its columns from the start of that value, in line 1.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("line {line}, column {column}: {kind}")]
pub struct SdpError {
    line: u32,
    column: u32,
    line_type: Option<char>,
    kind: SdpErrorKind,
}

/// What is wrong at the place an [`SdpError`] names.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum SdpErrorKind {
    /// The whole text is longer than [`Limits`](crate::Limits) allow, in bytes.
    #[error("the description is longer than {0} bytes")]
    TooLong(usize),
    /// The line is longer than [`Limits`](crate::Limits) allow, in bytes without its end.
    #[error("the line is longer than {0} bytes")]
    LineTooLong(usize),
    /// There are more `m=` lines than [`Limits`](crate::Limits) allow.
    #[error("there are more than {0} media sections")]
    TooManySections(usize),
    /// The line is not one letter, an equals sign and a value.
    #[error("the line is not of the form <letter>=<value>")]
    NotALine,
    /// A NUL, or a carriage return that ends no line.
    #[error("the line has a forbidden control character")]
    ForbiddenCharacter,
    /// RFC 8866 has no such line.
    #[error("unknown line type {0:?}")]
    UnknownLineType(char),
    /// A line of this type cannot stand here, or was there before and may come once only.
    #[error("a line {0:?} is out of place or repeated")]
    Misplaced(char),
    /// The text ends without this mandatory line.
    #[error("the line {0:?} is missing")]
    MissingLine(char),
    /// The line ends before this field.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// The field has a value that its grammar forbids.
    #[error("invalid {0}")]
    Invalid(&'static str),
    /// There is more text after the last field of this value.
    #[error("unexpected text after {0}")]
    Trailing(&'static str),
}

impl SdpError {
    pub(crate) fn new(kind: SdpErrorKind, offset: usize) -> Self {
        Self { line: 1, column: clamp(offset).saturating_add(1), line_type: None, kind }
    }

    /// Moves an error inside a value to where that value stands in the text.
    pub(crate) fn within(self, line: usize, line_type: Option<char>, offset: usize) -> Self {
        Self { line: clamp(line), column: self.column.saturating_add(clamp(offset)), line_type, kind: self.kind }
    }

    /// The line, counted from 1.
    pub const fn line(&self) -> usize {
        self.line as usize
    }

    /// The byte in that line where the trouble starts, counted from 1.
    pub const fn column(&self) -> usize {
        self.column as usize
    }

    /// The letter the line begins with, as far as it has one.
    pub const fn line_type(&self) -> Option<char> {
        self.line_type
    }

    /// What is wrong there.
    pub const fn kind(&self) -> SdpErrorKind {
        self.kind
    }
}

fn clamp(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
