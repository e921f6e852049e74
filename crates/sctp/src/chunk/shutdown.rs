//! SHUTDOWN: the sender has nothing more to send.

use crate::Tsn;
use ortica_core::{DecodeError, Reader};

/// SHUTDOWN, which acknowledges like a SACK without blocks.
///
/// Source: [RFC 9260 §3.3.8](https://www.rfc-editor.org/rfc/rfc9260#section-3.3.8)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Shutdown {
    /// Everything up to here has arrived.
    pub cumulative: Tsn,
}

impl Shutdown {
    /// Bytes of the whole chunk.
    pub const CHUNK_LEN: usize = 8;

    pub fn decode(value: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(value);
        let cumulative = Tsn(r.u32("cumulative tsn")?);
        r.finish("shutdown")?;
        Ok(Self { cumulative })
    }

    /// Appends what follows the chunk header.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.cumulative.0.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Packet;

    #[test]
    fn reads_a_captured_chunk_and_writes_it_again() {
        let packet = Packet::parse(include_bytes!("../../testdata/aiortc/sctp_shutdown.bin"), false).unwrap();
        let chunk = packet.chunks().next().unwrap().unwrap();
        let shutdown = Shutdown::decode(chunk.value).unwrap();
        assert_eq!(shutdown.cumulative, Tsn(2_696_426_712));
        let mut out = Vec::new();
        shutdown.encode(&mut out);
        assert_eq!(out, chunk.value);
    }
}
