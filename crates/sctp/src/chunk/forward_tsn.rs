//! FORWARD TSN: the sender gave up everything up to some TSN.

use crate::{Ssn, StreamId, Tsn};
use ortica_core::{DecodeError, Reader};

/// Borrowed view of a FORWARD TSN chunk.
///
/// Source: [RFC 3758 §3.2](https://www.rfc-editor.org/rfc/rfc3758#section-3.2)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ForwardTsn<'a> {
    /// Nothing up to here will come any more.
    pub cumulative: Tsn,
    skipped: &'a [[u8; 4]],
}

impl<'a> ForwardTsn<'a> {
    /// Bytes without the list, chunk header included.
    pub const MIN_LEN: usize = 8;
    /// Bytes of an entry of the list.
    pub const ENTRY_LEN: usize = 4;

    pub fn decode(value: &'a [u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(value);
        let cumulative = Tsn(r.u32("new cumulative tsn")?);
        let (skipped, rest) = r.take_rest().as_chunks();
        if !rest.is_empty() {
            return Err(DecodeError::Trailing("forward tsn"));
        }
        Ok(Self { cumulative, skipped })
    }

    /// For each stream with skipped ordered messages, the last of them.
    pub fn skipped(&self) -> impl Iterator<Item = (StreamId, Ssn)> + 'a {
        self.skipped.iter().map(|&[a, b, c, d]| (StreamId(u16::from_be_bytes([a, b])), Ssn(u16::from_be_bytes([c, d]))))
    }

    /// Appends what follows the chunk header.
    pub fn encode(out: &mut Vec<u8>, cumulative: Tsn, skipped: impl Iterator<Item = (StreamId, Ssn)>) {
        out.extend_from_slice(&cumulative.0.to_be_bytes());
        for (stream, ssn) in skipped {
            out.extend_from_slice(&stream.0.to_be_bytes());
            out.extend_from_slice(&ssn.0.to_be_bytes());
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
        let packet = Packet::parse(include_bytes!("../../testdata/aiortc/sctp_forward_tsn.bin"), false).unwrap();
        let forward = ForwardTsn::decode(packet.chunks().next().unwrap().unwrap().value).unwrap();
        assert_eq!(forward.cumulative, Tsn(1_234));
        assert_eq!(forward.skipped().collect::<Vec<_>>(), [(StreamId(12), Ssn(34))]);
    }

    proptest! {
        #[test]
        fn forward_tsn_round_trips(cumulative: u32, skipped: Vec<(u16, u16)>) {
            let skipped: Vec<_> = skipped.into_iter().map(|(stream, ssn)| (StreamId(stream), Ssn(ssn))).collect();
            let mut out = Vec::new();
            ForwardTsn::encode(&mut out, Tsn(cumulative), skipped.iter().copied());
            let forward = ForwardTsn::decode(&out).unwrap();
            prop_assert_eq!(forward.cumulative, Tsn(cumulative));
            prop_assert_eq!(forward.skipped().collect::<Vec<_>>(), skipped);
        }
    }
}
