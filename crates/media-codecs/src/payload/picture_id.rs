//! The running index of frames that VP8 and VP9 send.

use ortica_core::{DecodeError, Reader};

/// A running index of frames, in one of two widths, which may change within a stream.
///
/// Source: [RFC 7741 §4.2](https://www.rfc-editor.org/rfc/rfc7741#section-4.2),
/// [RFC 9628 §4.2](https://www.rfc-editor.org/rfc/rfc9628#section-4.2)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PictureId {
    /// 0 to 127.
    Short(u8),
    /// 0 to 32,767.
    Long(u16),
}

impl PictureId {
    /// The index of the next frame, in the same width.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Short(id) => Self::Short(id.wrapping_add(1) & 0x7f),
            Self::Long(id) => Self::Long(id.wrapping_add(1) & 0x7fff),
        }
    }

    /// Reads one byte or two, as the first bit says.
    pub(super) fn decode(r: &mut Reader<'_>, field: &'static str) -> Result<Self, DecodeError> {
        let high = r.u8(field)?;
        Ok(if high & 0x80 == 0 {
            Self::Short(high)
        } else {
            Self::Long(u16::from_be_bytes([high & 0x7f, r.u8(field)?]))
        })
    }

    /// Appends one byte or two. Values beyond their range lose their upper bits.
    pub(super) fn encode(self, out: &mut impl Extend<u8>) {
        match self {
            Self::Short(id) => out.extend([id & 0x7f]),
            Self::Long(id) => out.extend((id | 0x8000).to_be_bytes()),
        }
    }
}
