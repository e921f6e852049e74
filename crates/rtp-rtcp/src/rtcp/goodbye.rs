//! Says that streams end.
//!
//! Source: [RFC 3550 §6.6](https://www.rfc-editor.org/rfc/rfc3550#section-6.6)

use super::list::List;
use super::source_description::Text;
use crate::id::Ssrc;
use ortica_core::{DecodeError, Reader};

/// The end of up to 31 streams.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Goodbye {
    /// The streams; none is allowed and says nothing.
    pub sources: List<Ssrc, 2, 31>,
    /// Why, for people to read.
    pub reason: Option<Text>,
}

impl Goodbye {
    pub(super) fn decode(count: u8, body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(body);
        let sources = (0..count).map(|_| r.u32("goodbye ssrc").map(Ssrc)).collect::<Result<_, _>>()?;
        // Without a reason nothing follows; after one, padding may.
        let reason = if r.is_empty() { None } else { Some(r.vec8("goodbye reason")?.iter().copied().collect()) };
        Ok(Self { sources, reason })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        self.sources.iter().for_each(|ssrc| out.extend_from_slice(&ssrc.0.to_be_bytes()));
        if let Some(reason) = &self.reason {
            // At most 255, by the list's bound.
            out.push(reason.len() as u8);
            out.extend_from_slice(reason);
        }
    }
}
