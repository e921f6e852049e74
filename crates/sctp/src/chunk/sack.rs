//! SACK: what has arrived, and how much more there is room for.

use crate::Tsn;
use ortica_core::{DecodeError, Reader};

/// A run of TSNs that arrived behind a hole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct GapBlock {
    /// Distance of its first TSN from the cumulative TSN, at least 2 in a sound SACK.
    pub start: u16,
    /// Distance of its last TSN from the cumulative TSN.
    pub end: u16,
}

/// Borrowed view of a SACK chunk.
///
/// Source: [RFC 9260 §3.3.4](https://www.rfc-editor.org/rfc/rfc9260#section-3.3.4)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sack<'a> {
    /// Everything up to here has arrived.
    pub cumulative: Tsn,
    /// Bytes the receiver has room for.
    pub window: u32,
    blocks: &'a [[u8; 4]],
    duplicates: &'a [[u8; 4]],
}

impl<'a> Sack<'a> {
    /// Bytes without blocks and duplicates, chunk header included.
    pub const MIN_LEN: usize = 16;

    pub fn decode(value: &'a [u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(value);
        let cumulative = Tsn(r.u32("cumulative tsn")?);
        let window = r.u32("receiver window")?;
        let blocks = usize::from(r.u16("number of gap ack blocks")?);
        let duplicates = usize::from(r.u16("number of duplicate tsns")?);
        let blocks = r.bytes(blocks * 4, "gap ack blocks")?.as_chunks().0;
        let duplicates = r.bytes(duplicates * 4, "duplicate tsns")?.as_chunks().0;
        Ok(Self { cumulative, window, blocks, duplicates })
    }

    /// The gap ack blocks as sent: neither sound nor sorted for sure.
    pub fn blocks(&self) -> impl Iterator<Item = GapBlock> + 'a {
        self.blocks
            .iter()
            .map(|&[a, b, c, d]| GapBlock { start: u16::from_be_bytes([a, b]), end: u16::from_be_bytes([c, d]) })
    }

    /// TSNs that arrived more than once.
    pub fn duplicates(&self) -> impl Iterator<Item = Tsn> + 'a {
        self.duplicates.iter().map(|&tsn| Tsn(u32::from_be_bytes(tsn)))
    }

    /// Appends what follows the chunk header.
    pub fn encode(
        out: &mut Vec<u8>,
        cumulative: Tsn,
        window: u32,
        blocks: impl Iterator<Item = GapBlock>,
        duplicates: &[Tsn],
    ) {
        let start = out.len();
        out.extend_from_slice(&cumulative.0.to_be_bytes());
        out.extend_from_slice(&window.to_be_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&(duplicates.len() as u16).to_be_bytes());
        let mut count = 0u16;
        for block in blocks {
            out.extend_from_slice(&block.start.to_be_bytes());
            out.extend_from_slice(&block.end.to_be_bytes());
            count += 1;
        }
        if let Some(field) = out.get_mut(start + 8..start + 10) {
            field.copy_from_slice(&count.to_be_bytes());
        }
        for tsn in duplicates {
            out.extend_from_slice(&tsn.0.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Packet;
    use proptest::prelude::*;

    #[test]
    fn reads_a_captured_chunk() {
        let packet = Packet::parse(include_bytes!("../../testdata/aiortc/sctp_sack.bin"), false).unwrap();
        let sack = Sack::decode(packet.chunks().next().unwrap().unwrap().value).unwrap();
        assert_eq!((sack.cumulative, sack.window), (Tsn(2_222_939_037), 128_160));
        let block = |at| GapBlock { start: at, end: at };
        assert_eq!(sack.blocks().collect::<Vec<_>>(), [block(2), block(4)]);
        assert_eq!(sack.duplicates().collect::<Vec<_>>(), [Tsn(2_222_939_041)]);
    }

    /// Guards the two counts against the length of the chunk.
    #[test]
    fn counts_beyond_the_chunk_are_an_error() {
        let mut value = [0; 12];
        value[9] = 1;
        assert_eq!(Sack::decode(&value), Err(DecodeError::Truncated("gap ack blocks")));
        value[9] = 0;
        value[10] = 0xff;
        assert_eq!(Sack::decode(&value), Err(DecodeError::Truncated("duplicate tsns")));
    }

    proptest! {
        #[test]
        fn sack_round_trips(cumulative: u32, window: u32, blocks: Vec<(u16, u16)>, duplicates: Vec<u32>) {
            let blocks: Vec<_> = blocks.into_iter().map(|(start, end)| GapBlock { start, end }).collect();
            let duplicates: Vec<_> = duplicates.into_iter().map(Tsn).collect();
            let mut out = Vec::new();
            Sack::encode(&mut out, Tsn(cumulative), window, blocks.iter().copied(), &duplicates);
            let sack = Sack::decode(&out).unwrap();
            prop_assert_eq!((sack.cumulative, sack.window), (Tsn(cumulative), window));
            prop_assert_eq!(sack.blocks().collect::<Vec<_>>(), blocks);
            prop_assert_eq!(sack.duplicates().collect::<Vec<_>>(), duplicates);
        }
    }
}
