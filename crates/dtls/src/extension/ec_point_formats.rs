//! `ec_point_formats`: how points may be written.

use ortica_core::{DecodeError, Reader, Writer};

/// The formats; only the uncompressed one is left.
///
/// Source: [RFC 8422 §5.1.2](https://www.rfc-editor.org/rfc/rfc8422#section-5.1.2)
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct EcPointFormats(pub Vec<u8>);

impl EcPointFormats {
    const UNCOMPRESSED: u8 = 0;

    /// What this end says.
    pub(crate) fn uncompressed() -> Self {
        Self(vec![Self::UNCOMPRESSED])
    }

    /// `true` if points may be written uncompressed, as RFC 8422 demands of all lists.
    pub(crate) fn has_uncompressed(&self) -> bool {
        self.0.contains(&Self::UNCOMPRESSED)
    }

    pub(super) fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match r.vec8("point formats")? {
            [] => Err(DecodeError::Invalid("point formats")),
            formats => Ok(Self(formats.to_vec())),
        }
    }

    pub(super) fn encode(&self, w: &mut Writer<'_>) {
        let length = w.length(1);
        w.bytes(&self.0).close(length);
    }
}
