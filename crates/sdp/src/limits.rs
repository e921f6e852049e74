//! How much text a parser takes in.

/// Bounds on a description, so that no text costs more than its length warrants.
///
/// Nothing beyond a bound is dropped silently: the whole description is refused with an [`SdpError`](crate::SdpError).
/// Time and memory grow linearly with the text below them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    pub(crate) bytes: usize,
    pub(crate) line_bytes: usize,
    pub(crate) sections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 1 << 20, line_bytes: 64 << 10, sections: 1024 }
    }
}

impl Limits {
    /// The longest text, in bytes. Default 1 MiB.
    pub const fn with_bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// The longest line, in bytes without its end. Default 64 KiB.
    pub const fn with_line_bytes(mut self, bytes: usize) -> Self {
        self.line_bytes = bytes;
        self
    }

    /// The most media sections. Default 1,024.
    pub const fn with_sections(mut self, sections: usize) -> Self {
        self.sections = sections;
        self
    }
}
