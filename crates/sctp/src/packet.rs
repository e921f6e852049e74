//! The common header, its checksum, and the packing of chunks into one packet.

use crate::chunk::{ChunkType, Chunks};
use ortica_core::{DecodeError, Reader};

/// Bytes of the common header.
pub const HEADER_LEN: usize = 12;

/// Borrowed view of a received packet whose checksum has been verified, or stands for the lower layer's.
///
/// Source: [RFC 9260 §3.1](https://www.rfc-editor.org/rfc/rfc9260#section-3.1)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Packet<'a> {
    /// Port of the sender.
    pub source_port: u16,
    /// Port of the receiver.
    pub destination_port: u16,
    /// Verification tag: the initiate tag that the receiver chose.
    pub tag: u32,
    chunks: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads the common header and verifies the checksum. With `zero_is_fine` a checksum of zero will do, except where
    /// the sender cannot know that yet: with INIT and COOKIE ECHO.
    ///
    /// Source: [RFC 9653 §5](https://www.rfc-editor.org/rfc/rfc9653#section-5)
    ///
    /// # Errors
    /// When the packet is shorter than its header, or the checksum is wrong.
    pub fn parse(packet: &'a [u8], zero_is_fine: bool) -> Result<Self, DecodeError> {
        let mut r = Reader::new(packet);
        let source_port = r.u16("source port")?;
        let destination_port = r.u16("destination port")?;
        let tag = r.u32("verification tag")?;
        // CRC32c is written with its least significant byte first (RFC 9260 §A).
        let received = u32::from_le_bytes(r.array("checksum")?);
        let chunks = r.take_rest();
        let first = chunks.first().map(|&kind| ChunkType(kind));
        let early = matches!(first, None | Some(ChunkType::INIT | ChunkType::COOKIE_ECHO));
        if !(zero_is_fine && received == 0 && !early) && received != checksum(packet) {
            return Err(DecodeError::Invalid("checksum"));
        }
        Ok(Self { source_port, destination_port, tag, chunks })
    }

    /// The chunks, in order, until the first whose length is impossible.
    pub fn chunks(&self) -> Chunks<'a> {
        Chunks::new(self.chunks)
    }
}

/// CRC32c of a packet, as if its checksum field were zero.
///
/// Source: [RFC 9260 §6.8](https://www.rfc-editor.org/rfc/rfc9260#section-6.8)
fn checksum(packet: &[u8]) -> u32 {
    let (before, rest) = packet.split_at_checked(8).unwrap_or((packet, &[]));
    let after = rest.get(4..).unwrap_or_default();
    let crc = crc32c::crc32c_append(crc32c::crc32c(before), &[0; 4]);
    crc32c::crc32c_append(crc, after)
}

/// Where a packet goes within the association.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// Port of the sender.
    pub source_port: u16,
    /// Port of the receiver.
    pub destination_port: u16,
    /// Verification tag that the receiver chose.
    pub tag: u32,
}

/// Appends one packet to a buffer, chunk by chunk.
pub struct Builder<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    limit: usize,
    zero_checksum: bool,
}

impl<'a> Builder<'a> {
    /// Appends a common header to `out`; the packet will hold at most `limit` bytes, a multiple of four.
    pub fn new(out: &'a mut Vec<u8>, limit: usize, header: Header) -> Self {
        let start = out.len();
        out.extend_from_slice(&header.source_port.to_be_bytes());
        out.extend_from_slice(&header.destination_port.to_be_bytes());
        out.extend_from_slice(&header.tag.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        Self { out, start, limit, zero_checksum: false }
    }

    /// Leaves the checksum zero if `allowed`: the peer said that it is as good as the right one.
    pub fn with_zero_checksum(mut self, allowed: bool) -> Self {
        self.zero_checksum = allowed;
        self
    }

    /// Lets the packet hold up to `limit` bytes, a multiple of four.
    pub fn extend_to(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Bytes left, headers of further chunks included.
    pub fn room(&self) -> usize {
        self.limit.saturating_sub(self.out.len() - self.start)
    }

    /// `true` while there is no chunk.
    pub fn is_empty(&self) -> bool {
        self.out.len() - self.start <= HEADER_LEN
    }

    /// Appends a chunk; `value` writes what follows its header. The caller has made sure that it fits.
    pub fn chunk(&mut self, kind: ChunkType, flags: u8, value: impl FnOnce(&mut Vec<u8>)) {
        let at = self.out.len();
        self.out.extend_from_slice(&[kind.0, flags, 0, 0]);
        value(self.out);
        let len = (self.out.len() - at) as u16;
        if let Some(field) = self.out.get_mut(at + 2..at + 4) {
            field.copy_from_slice(&len.to_be_bytes());
        }
        // Packets start anywhere in the buffer, so padding counts from the chunk.
        self.out.resize(at + usize::from(len).next_multiple_of(4), 0);
    }

    /// Appends chunks that were encoded before.
    pub fn encoded(&mut self, chunks: &[u8]) {
        self.out.extend_from_slice(chunks);
    }

    /// Fills in the checksum and returns the packet's length; `None`, and nothing appended, when it has no chunk.
    pub fn finish(self) -> Option<usize> {
        if self.is_empty() {
            self.out.truncate(self.start);
            return None;
        }
        let packet = self.out.get_mut(self.start..)?;
        // Its field is still zero.
        if self.zero_checksum {
            return Some(packet.len());
        }
        let crc = crc32c::crc32c(packet);
        packet.get_mut(8..HEADER_LEN)?.copy_from_slice(&crc.to_le_bytes());
        Some(packet.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header { source_port: 5000, destination_port: 5001, tag: 0x0102_0304 };

    fn packet(out: &mut Vec<u8>, chunks: &[(u8, &[u8])]) -> Option<usize> {
        let mut builder = Builder::new(out, 1188, HEADER);
        for (kind, value) in chunks {
            builder.chunk(ChunkType(*kind), 0, |out| out.extend_from_slice(value));
        }
        builder.finish()
    }

    #[test]
    fn a_packet_comes_back_with_its_chunks() {
        let mut out = vec![0xaa; 3];
        let len = packet(&mut out, &[(10, b"cookie"), (11, b"")]).unwrap();
        assert_eq!(len, 12 + 12 + 4);
        let packet = Packet::parse(&out[3..], false).unwrap();
        assert_eq!((packet.source_port, packet.destination_port, packet.tag), (5000, 5001, 0x0102_0304));
        let chunks: Vec<_> = packet.chunks().map(|chunk| chunk.unwrap()).map(|c| (c.kind, c.value.to_vec())).collect();
        assert_eq!(chunks, [(ChunkType::COOKIE_ECHO, b"cookie".to_vec()), (ChunkType::COOKIE_ACK, vec![])]);
    }

    #[test]
    fn a_packet_without_chunks_is_taken_back() {
        let mut out = vec![0xaa];
        assert_eq!(packet(&mut out, &[]), None);
        assert_eq!(out, [0xaa]);
    }

    /// Guards the checksum: no single changed bit passes.
    #[test]
    fn sctp_4_every_flipped_bit_is_noticed() {
        let mut out = Vec::new();
        packet(&mut out, &[(0, &[7; 20])]);
        for bit in 0..out.len() * 8 {
            out[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Packet::parse(&out, false), Err(DecodeError::Invalid("checksum")), "bit {bit}");
            out[bit / 8] ^= 1 << (bit % 8);
        }
        for len in 0..out.len() {
            assert!(Packet::parse(&out[..len], true).is_err());
        }
        assert!(Packet::parse(&out, false).is_ok());
    }

    /// Guards where a checksum of zero is taken: only by who said so, and never where the sender could not know it. Any
    /// other wrong one stays wrong.
    #[test]
    fn sctp_4_a_zero_checksum_is_taken_only_as_agreed() {
        for (kind, fine) in [(0, true), (2, true), (11, true), (1, false), (10, false)] {
            let mut out = Vec::new();
            let mut builder = Builder::new(&mut out, 1188, HEADER).with_zero_checksum(true);
            builder.chunk(ChunkType(kind), 0, |out| out.extend_from_slice(&[7; 20]));
            builder.finish();
            assert_eq!(out[8..12], [0; 4]);
            assert_eq!(Packet::parse(&out, true).is_ok(), fine, "{kind}");
            assert!(Packet::parse(&out, false).is_err(), "{kind}");
            out[11] = 1;
            assert!(Packet::parse(&out, true).is_err(), "{kind}");
        }
    }

    /// Captured packets with one chunk each: kind, flags, bytes of the value without padding.
    const CAPTURED: [(&[u8], ChunkType, u8, usize); 14] = [
        (include_bytes!("../testdata/aiortc/sctp_init.bin"), ChunkType::INIT, 0, 82),
        (include_bytes!("../testdata/aiortc/sctp_cookie_echo.bin"), ChunkType::COOKIE_ECHO, 0, 8),
        (include_bytes!("../testdata/aiortc/sctp_abort.bin"), ChunkType::ABORT, 0, 55),
        (include_bytes!("../testdata/aiortc/sctp_data.bin"), ChunkType::DATA, 3, 16),
        (include_bytes!("../testdata/aiortc/sctp_data_padding.bin"), ChunkType::DATA, 3, 13),
        (include_bytes!("../testdata/aiortc/sctp_error.bin"), ChunkType::ERROR, 0, 8),
        (include_bytes!("../testdata/aiortc/sctp_forward_tsn.bin"), ChunkType::FORWARD_TSN, 0, 8),
        (include_bytes!("../testdata/aiortc/sctp_heartbeat.bin"), ChunkType::HEARTBEAT, 0, 40),
        (include_bytes!("../testdata/aiortc/sctp_reconfig_reset_out.bin"), ChunkType::RE_CONFIG, 0, 18),
        (include_bytes!("../testdata/aiortc/sctp_reconfig_add_out.bin"), ChunkType::RE_CONFIG, 0, 12),
        (include_bytes!("../testdata/aiortc/sctp_reconfig_response.bin"), ChunkType::RE_CONFIG, 0, 12),
        (include_bytes!("../testdata/aiortc/sctp_sack.bin"), ChunkType::SACK, 0, 24),
        (include_bytes!("../testdata/aiortc/sctp_shutdown.bin"), ChunkType::SHUTDOWN, 0, 4),
        (include_bytes!("../testdata/aiortc/sctp_shutdown_ack.bin"), ChunkType::SHUTDOWN_ACK, 0, 0),
    ];

    /// Their checksums are right, and so is what is made of their parts, to the byte.
    #[test]
    fn captured_packets_are_read_and_written_again() {
        for (bytes, kind, flags, len) in CAPTURED {
            let packet = Packet::parse(bytes, false).unwrap();
            assert_eq!((packet.source_port, packet.destination_port), (5000, 5000), "{kind:?}");
            let chunks: Vec<_> = packet.chunks().map(|chunk| chunk.unwrap()).collect();
            let [chunk] = &chunks[..] else { panic!("{kind:?}: {chunks:?}") };
            assert_eq!((chunk.kind, chunk.flags, chunk.value.len()), (kind, flags, len));
            let mut out = Vec::new();
            let header = Header { source_port: 5000, destination_port: 5000, tag: packet.tag };
            let mut builder = Builder::new(&mut out, 1_188, header);
            builder.chunk(chunk.kind, chunk.flags, |out| out.extend_from_slice(chunk.value));
            builder.finish().unwrap();
            assert_eq!(out, bytes, "{kind:?}");
        }
    }

    /// A chunk longer than its packet, and one that is shorter than its header.
    #[test]
    fn captured_chunks_of_impossible_length_are_errors() {
        for bytes in [
            include_bytes!("../testdata/aiortc/sctp_data_truncated.bin"),
            include_bytes!("../testdata/aiortc/sctp_data_zero_length.bin"),
        ] {
            let packet = Packet::parse(bytes, false).unwrap();
            let mut chunks = packet.chunks();
            assert!(chunks.next().unwrap().is_err());
            assert_eq!(chunks.next(), None);
        }
    }
}
