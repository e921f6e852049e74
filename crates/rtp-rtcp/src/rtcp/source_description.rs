//! Names who stands behind a stream.
//!
//! Source: [RFC 3550 §6.5](https://www.rfc-editor.org/rfc/rfc3550#section-6.5)

use super::list::List;
use crate::id::Ssrc;
use ortica_core::{DecodeError, Reader};

/// Up to 255 bytes, by custom UTF-8.
pub type Text = List<u8, 32, 255>;

/// Descriptions of up to 31 streams.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SourceDescription {
    /// One per stream.
    pub chunks: List<Chunk, 1, 31>,
}

/// The description of one stream.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Chunk {
    /// The stream.
    pub ssrc: Ssrc,
    /// What is said about it; at most 16 items are kept.
    pub items: List<Item, 1, 16>,
}

/// One fact about a stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Item {
    /// What the text means.
    pub kind: ItemKind,
    /// The text.
    pub text: Text,
}

/// The meaning of an [`Item`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ItemKind(pub u8);

impl ItemKind {
    /// Ends a chunk.
    const END: Self = Self(0);
    /// The canonical name: the same for all streams to be played in sync.
    pub const CNAME: Self = Self(1);
    /// [RFC 8852](https://www.rfc-editor.org/rfc/rfc8852): the encoding.
    pub const RTP_STREAM_ID: Self = Self(12);
    /// [RFC 8852](https://www.rfc-editor.org/rfc/rfc8852): the encoding that the stream repairs.
    pub const REPAIRED_RTP_STREAM_ID: Self = Self(13);
    /// [RFC 9143](https://www.rfc-editor.org/rfc/rfc9143): the media section.
    pub const MID: Self = Self(15);
}

impl SourceDescription {
    /// Says that `ssrc` belongs to `cname`, of which the first 255 bytes are taken.
    pub fn cname(ssrc: Ssrc, cname: &str) -> Self {
        let item = Item { kind: ItemKind::CNAME, text: cname.bytes().collect() };
        Self { chunks: [Chunk { ssrc, items: [item].into_iter().collect() }].into_iter().collect() }
    }

    pub(super) fn decode(count: u8, body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(body);
        let chunks = (0..count).map(|_| Chunk::decode(&mut r)).collect::<Result<_, _>>()?;
        r.finish("source description")?;
        Ok(Self { chunks })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        self.chunks.iter().for_each(|chunk| chunk.encode(out));
    }
}

impl Chunk {
    /// The first item of that `kind`.
    pub fn item(&self, kind: ItemKind) -> Option<&[u8]> {
        self.items.iter().find(|item| item.kind == kind).map(|item| &*item.text)
    }

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let start = r.position();
        let mut chunk = Self { ssrc: Ssrc(r.u32("source description ssrc")?), items: List::new() };
        loop {
            let kind = ItemKind(r.u8("source description item")?);
            if kind == ItemKind::END {
                break;
            }
            let text = r.vec8("source description text")?;
            // Nobody sends 16 items; more of them are read over.
            let _ = chunk.items.push(Item { kind, text: text.iter().copied().collect() });
        }
        // The end mark is repeated up to the next multiple of 32 bits.
        let len = r.position() - start;
        r.bytes(len.next_multiple_of(4) - len, "source description padding")?;
        Ok(chunk)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.ssrc.0.to_be_bytes());
        for Item { kind, text } in &self.items {
            // At most 255, by the list's bound.
            out.extend_from_slice(&[kind.0, text.len() as u8]);
            out.extend_from_slice(text);
        }
        let len = (out.len() - start + 1).next_multiple_of(4);
        out.resize(start + len, 0);
    }
}
