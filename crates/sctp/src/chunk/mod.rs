//! Chunks: what a packet is made of. One file per kind that has fields.
//!
//! Source: [RFC 9260 §3.2](https://www.rfc-editor.org/rfc/rfc9260#section-3.2)

mod data;
mod forward_tsn;
mod heartbeat;
mod i_data;
mod i_forward_tsn;
mod init;
mod reconfig;
mod sack;
mod shutdown;

pub use data::{Data, DataFlags};
pub use forward_tsn::ForwardTsn;
pub use heartbeat::HeartbeatInfo;
pub use i_data::IData;
pub use i_forward_tsn::{IForwardTsn, Skipped};
pub use init::{Extensions, Init, InitParams};
pub use reconfig::{ReconfigParam, ReconfigResult};
pub use sack::{GapBlock, Sack};
pub use shutdown::Shutdown;

use crate::wire::Unknown;
use ortica_core::DecodeError;

/// Kind of a chunk.
///
/// Source: [RFC 9260 §3.2](https://www.rfc-editor.org/rfc/rfc9260#section-3.2)
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ChunkType(pub u8);

impl ChunkType {
    pub const DATA: Self = Self(0);
    pub const INIT: Self = Self(1);
    pub const INIT_ACK: Self = Self(2);
    pub const SACK: Self = Self(3);
    pub const HEARTBEAT: Self = Self(4);
    pub const HEARTBEAT_ACK: Self = Self(5);
    pub const ABORT: Self = Self(6);
    pub const SHUTDOWN: Self = Self(7);
    pub const SHUTDOWN_ACK: Self = Self(8);
    pub const ERROR: Self = Self(9);
    pub const COOKIE_ECHO: Self = Self(10);
    pub const COOKIE_ACK: Self = Self(11);
    pub const SHUTDOWN_COMPLETE: Self = Self(14);
    /// [RFC 8260 §2.1](https://www.rfc-editor.org/rfc/rfc8260#section-2.1)
    pub const I_DATA: Self = Self(64);
    /// [RFC 6525 §3.1](https://www.rfc-editor.org/rfc/rfc6525#section-3.1)
    pub const RE_CONFIG: Self = Self(130);
    /// [RFC 4820 §3](https://www.rfc-editor.org/rfc/rfc4820#section-3)
    pub const PAD: Self = Self(132);
    /// [RFC 3758 §3.2](https://www.rfc-editor.org/rfc/rfc3758#section-3.2)
    pub const FORWARD_TSN: Self = Self(192);
    /// [RFC 8260 §2.3.1](https://www.rfc-editor.org/rfc/rfc8260#section-2.3.1)
    pub const I_FORWARD_TSN: Self = Self(194);

    /// What to do with a chunk of this kind when it is not known.
    pub fn unknown(self) -> Unknown {
        Unknown::from_bits(self.0 >> 6)
    }
}

/// T bit of ABORT and SHUTDOWN COMPLETE: the tag is the receiver's own, sent back by a peer that has no association.
pub const TAG_REFLECTED: u8 = 0x01;

/// A chunk as it lies in the packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Chunk<'a> {
    /// What it is.
    pub kind: ChunkType,
    /// Meaning depends on the kind.
    pub flags: u8,
    /// What follows its header, without padding.
    pub value: &'a [u8],
    /// Header and value, without padding.
    pub raw: &'a [u8],
}

/// Walks over the chunks of a packet. A length below four or past the end yields one error, then the end: nothing
/// behind it can be told apart.
#[derive(Clone, Debug)]
pub struct Chunks<'a> {
    rest: &'a [u8],
}

impl<'a> Chunks<'a> {
    pub fn new(chunks: &'a [u8]) -> Self {
        Self { rest: chunks }
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<Chunk<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let chunk = self.rest.first_chunk::<4>().ok_or(DecodeError::Truncated("chunk header")).and_then(
            |&[kind, flags, high, low]| {
                let len = usize::from(u16::from_be_bytes([high, low]));
                let raw = self.rest.get(..len).ok_or(DecodeError::Truncated("chunk"))?;
                let value = raw.get(4..).ok_or(DecodeError::Invalid("chunk length"))?;
                Ok(Chunk { kind: ChunkType(kind), flags, value, raw })
            },
        );
        let used = chunk.map_or(usize::MAX, |chunk| chunk.raw.len().next_multiple_of(4));
        self.rest = self.rest.get(used..).unwrap_or_default();
        Some(chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Guards the walk over chunks: a length that cannot be right ends it, however many bytes follow.
    #[test]
    fn sctp_3_impossible_lengths_end_the_walk() {
        for len in [0u16, 1, 2, 3, 9, 0xffff] {
            let mut bytes = vec![0, 0];
            bytes.extend_from_slice(&len.to_be_bytes());
            bytes.extend_from_slice(&[0; 4]);
            let mut chunks = Chunks::new(&bytes);
            assert!(chunks.next().unwrap().is_err(), "length {len}");
            assert_eq!(chunks.next(), None);
        }
        assert!(Chunks::new(&[0, 0, 0]).next().unwrap().is_err());
    }

    #[test]
    fn the_last_chunk_may_lack_its_padding() {
        let mut chunks = Chunks::new(&[11, 0, 0, 5, 7]);
        assert_eq!(chunks.next().unwrap().unwrap().value, [7]);
        assert_eq!(chunks.next(), None);
    }

    #[test]
    fn high_bits_say_what_to_do_with_an_unknown_chunk() {
        let rules = [0x3f, 0x7f, 0xbf, 0xff].map(|kind| ChunkType(kind).unknown());
        assert_eq!(rules.map(|rule| rule.stop), [true, true, false, false]);
        assert_eq!(rules.map(|rule| rule.report), [false, true, false, true]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_096))]
        /// Guards against loops without progress: every step consumes at least four bytes, or is the last.
        #[test]
        fn cve_31_chunk_trains_end(bytes in proptest::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..200)) {
            prop_assert!(Chunks::new(&bytes).count() <= bytes.len() / 4 + 1);
        }
    }
}
