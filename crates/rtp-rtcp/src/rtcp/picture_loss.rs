//! Asks for a picture that needs no other.
//!
//! Source: [RFC 4585 §6.3.1](https://www.rfc-editor.org/rfc/rfc4585#section-6.3.1)

use crate::id::Ssrc;
use ortica_core::{DecodeError, Reader};

/// Asks the sender of `media` for a decodable picture.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PictureLoss {
    /// Who asks.
    pub sender: Ssrc,
    /// Whose picture was lost.
    pub media: Ssrc,
}

impl PictureLoss {
    pub(super) fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(body);
        let sender = Ssrc(r.u32("sender ssrc")?);
        let media = Ssrc(r.u32("media ssrc")?);
        r.finish("picture loss")?;
        Ok(Self { sender, media })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.sender.0.to_be_bytes());
        out.extend_from_slice(&self.media.0.to_be_bytes());
    }
}
