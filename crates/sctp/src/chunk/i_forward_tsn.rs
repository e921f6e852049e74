//! I-FORWARD-TSN: FORWARD TSN for messages that may be interleaved.

use crate::{Mid, StreamId, Tsn};
use ortica_core::{DecodeError, Reader};

/// A message given up, and with it all before it of the same stream and order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Skipped {
    pub stream: StreamId,
    /// Which of the two counters of the stream `mid` belongs to.
    pub unordered: bool,
    pub mid: Mid,
}

/// Borrowed view of an I-FORWARD-TSN chunk.
///
/// Source: [RFC 8260 §2.3.1](https://www.rfc-editor.org/rfc/rfc8260#section-2.3.1)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IForwardTsn<'a> {
    /// Nothing up to here will come any more.
    pub cumulative: Tsn,
    skipped: &'a [[u8; 8]],
}

impl<'a> IForwardTsn<'a> {
    /// Bytes without the list, chunk header included.
    pub const MIN_LEN: usize = 8;
    /// Bytes of an entry of the list.
    pub const ENTRY_LEN: usize = 8;

    pub fn decode(value: &'a [u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(value);
        let cumulative = Tsn(r.u32("new cumulative tsn")?);
        let (skipped, rest) = r.take_rest().as_chunks();
        if !rest.is_empty() {
            return Err(DecodeError::Trailing("i-forward-tsn"));
        }
        Ok(Self { cumulative, skipped })
    }

    /// For each stream and order with skipped messages, the last of them.
    pub fn skipped(&self) -> impl Iterator<Item = Skipped> + 'a {
        self.skipped.iter().map(|&[s0, s1, _, flags, m0, m1, m2, m3]| Skipped {
            stream: StreamId(u16::from_be_bytes([s0, s1])),
            unordered: flags & 1 != 0,
            mid: Mid(u32::from_be_bytes([m0, m1, m2, m3])),
        })
    }

    /// Appends what follows the chunk header.
    pub fn encode(out: &mut Vec<u8>, cumulative: Tsn, skipped: impl Iterator<Item = Skipped>) {
        out.extend_from_slice(&cumulative.0.to_be_bytes());
        for Skipped { stream, unordered, mid } in skipped {
            out.extend_from_slice(&stream.0.to_be_bytes());
            out.extend_from_slice(&[0, u8::from(unordered)]);
            out.extend_from_slice(&mid.0.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_list_that_is_not_whole_is_an_error() {
        assert!(IForwardTsn::decode(&[0; 3]).is_err());
        assert_eq!(IForwardTsn::decode(&[0; 8]), Err(DecodeError::Trailing("i-forward-tsn")));
        // The fifteen reserved bits are ignored.
        let value = [0, 0, 0, 9, 0, 1, 0xff, 0xfe, 0, 0, 0, 7];
        let skipped: Vec<_> = IForwardTsn::decode(&value).unwrap().skipped().collect();
        assert_eq!(skipped, [Skipped { stream: StreamId(1), unordered: false, mid: Mid(7) }]);
    }

    proptest! {
        #[test]
        fn i_forward_tsn_round_trips(cumulative: u32, skipped: Vec<(u16, bool, u32)>) {
            let skipped: Vec<_> = skipped
                .into_iter()
                .map(|(stream, unordered, mid)| Skipped { stream: StreamId(stream), unordered, mid: Mid(mid) })
                .collect();
            let mut out = Vec::new();
            IForwardTsn::encode(&mut out, Tsn(cumulative), skipped.iter().copied());
            let forward = IForwardTsn::decode(&out).unwrap();
            prop_assert_eq!(forward.cumulative, Tsn(cumulative));
            prop_assert_eq!(forward.skipped().collect::<Vec<_>>(), skipped);
        }
    }
}
