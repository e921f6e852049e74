//! Demands a key frame, as mixers do for those who join.
//!
//! Source: [RFC 5104 §4.3.1](https://www.rfc-editor.org/rfc/rfc5104#section-4.3.1)

use super::list::List;
use crate::id::Ssrc;
use ortica_core::{DecodeError, Reader};

/// Demands a key frame of each stream listed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct FullIntraRequest {
    /// Who asks.
    pub sender: Ssrc,
    /// Zero, except with peers that repeat the stream here.
    pub media: Ssrc,
    /// The streams. At most 64 are kept.
    pub entries: List<FirEntry, 1, 64>,
}

/// A demand to one stream.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FirEntry {
    /// The stream.
    pub ssrc: Ssrc,
    /// Counts the demands: the same number again is the same demand repeated.
    pub sequence: u8,
}

impl FullIntraRequest {
    pub(super) fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(body);
        let sender = Ssrc(r.u32("sender ssrc")?);
        let media = Ssrc(r.u32("media ssrc")?);
        let mut entries = List::new();
        while !r.is_empty() && !entries.is_full() {
            let ssrc = Ssrc(r.u32("fir ssrc")?);
            let sequence = r.u8("fir sequence number")?;
            r.u24("fir reserved")?;
            let _ = entries.push(FirEntry { ssrc, sequence });
        }
        Ok(Self { sender, media, entries })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.sender.0.to_be_bytes());
        out.extend_from_slice(&self.media.0.to_be_bytes());
        for entry in &self.entries {
            out.extend_from_slice(&entry.ssrc.0.to_be_bytes());
            out.extend_from_slice(&[entry.sequence, 0, 0, 0]);
        }
    }
}
