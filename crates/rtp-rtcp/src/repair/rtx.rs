//! Retransmissions in a stream of their own, so that the repaired stream's sequence numbers and statistics stay true.
//!
//! The payload is that of the lost packet with its sequence number (OSN) before it.
//!
//! Source: [RFC 4588 §4](https://www.rfc-editor.org/rfc/rfc4588#section-4)

use crate::id::{PayloadType, Ssrc};
use crate::packet::{Header, Packet};
use crate::sequence::SequenceNumber;
use smallvec::SmallVec;
use thiserror::Error;

/// Length of what precedes a retransmitted payload, in bytes.
pub const OSN_LEN: usize = 2;

/// The header of a retransmission and the bytes that precede the payload of the packet whose header was `original`.
pub fn encapsulate(
    original: &Header,
    ssrc: Ssrc,
    payload_type: PayloadType,
    sequence_number: SequenceNumber,
) -> (Header, [u8; OSN_LEN]) {
    let header = Header { ssrc, payload_type, sequence_number, padding: false, ..original.clone() };
    (header, original.sequence_number.0.to_be_bytes())
}

/// Why a packet of a retransmission stream restores nothing.
#[derive(Clone, Copy, Debug, Eq, Error, Hash, PartialEq)]
#[non_exhaustive]
pub enum RtxError {
    /// Its payload is shorter than the sequence number that it starts with: padding, sent to probe the bandwidth.
    #[error("retransmission without a payload")]
    Short,
    /// Its payload type repairs no other.
    #[error("payload type {0} is not one of retransmissions")]
    UnknownPayloadType(PayloadType),
}

/// Which payload type each payload type of retransmissions stands for: the `apt` parameters of a media section.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AptTable(SmallVec<[(PayloadType, PayloadType); 8]>);

impl AptTable {
    /// No payload type is one of retransmissions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says that packets of type `rtx` repair those of type `apt`. There are at most 128 payload types.
    pub fn insert(&mut self, rtx: PayloadType, apt: PayloadType) {
        self.0.retain(|(known, _)| *known != rtx);
        if self.0.len() < 128 {
            self.0.push((rtx, apt));
        }
    }

    /// What packets of type `rtx` repair.
    pub fn apt(&self, rtx: PayloadType) -> Option<PayloadType> {
        self.0.iter().find(|(known, _)| *known == rtx).map(|(_, apt)| *apt)
    }

    /// The type of retransmissions that repairs packets of type `apt`.
    pub fn rtx(&self, apt: PayloadType) -> Option<PayloadType> {
        self.0.iter().find(|(_, known)| *known == apt).map(|(rtx, _)| *rtx)
    }

    /// `true` when packets of that type are retransmissions.
    pub fn is_rtx(&self, payload_type: PayloadType) -> bool {
        self.apt(payload_type).is_some()
    }

    /// The packet that was lost, as `ssrc` sent it.
    ///
    /// # Errors
    /// [`RtxError`]: the packet is to be dropped.
    pub fn restore<'a>(&self, packet: &Packet<'a>, ssrc: Ssrc) -> Result<Packet<'a>, RtxError> {
        let payload_type = packet.payload_type();
        let apt = self.apt(payload_type).ok_or(RtxError::UnknownPayloadType(payload_type))?;
        let (osn, payload) = packet.payload().split_first_chunk::<OSN_LEN>().ok_or(RtxError::Short)?;
        Ok(packet.restored(ssrc, apt, SequenceNumber(u16::from_be_bytes(*osn)), payload))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::RtpTimestamp;

    fn table() -> AptTable {
        let mut table = AptTable::new();
        table.insert(PayloadType(97), PayloadType(96));
        table
    }

    fn packet_bytes(payload_type: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        Header { payload_type: PayloadType(payload_type), ssrc: Ssrc(2), ..Header::default() }.write(&mut bytes);
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn rtp_4_a_retransmission_restores_the_packet_that_was_lost() {
        let original = Header {
            marker: true,
            payload_type: PayloadType(96),
            sequence_number: SequenceNumber(0xfffe),
            timestamp: RtpTimestamp(9),
            ssrc: Ssrc(1),
            ..Header::default()
        };
        let (header, osn) = encapsulate(&original, Ssrc(2), PayloadType(97), SequenceNumber(5));
        let mut bytes = Vec::new();
        header.write(&mut bytes);
        bytes.extend_from_slice(&osn);
        bytes.extend_from_slice(b"payload");
        let sent = Packet::parse(&bytes).unwrap();
        assert_eq!((sent.ssrc(), sent.sequence_number()), (Ssrc(2), SequenceNumber(5)));
        let restored = table().restore(&sent, Ssrc(1)).unwrap();
        assert_eq!(restored.header(), original);
        assert_eq!(restored.payload(), b"payload");
    }

    /// Guards the length check before the sequence number is taken from the payload.
    #[test]
    fn rtp_4_a_retransmission_of_less_than_two_bytes_is_dropped() {
        for payload in [&b""[..], b"x"] {
            let bytes = packet_bytes(97, payload);
            assert_eq!(table().restore(&Packet::parse(&bytes).unwrap(), Ssrc(1)), Err(RtxError::Short));
        }
        // Two bytes restore a packet without a payload: it fills a gap.
        let bytes = packet_bytes(97, &[0, 7]);
        assert_eq!(table().restore(&Packet::parse(&bytes).unwrap(), Ssrc(1)).unwrap().payload(), b"");
    }

    #[test]
    fn rtp_4_a_retransmission_of_an_unknown_type_is_dropped() {
        let bytes = packet_bytes(99, b"payload");
        let error = RtxError::UnknownPayloadType(PayloadType(99));
        assert_eq!(table().restore(&Packet::parse(&bytes).unwrap(), Ssrc(1)), Err(error));
    }

    #[test]
    fn the_table_reads_both_ways_and_keeps_the_last_word() {
        let mut table = table();
        table.insert(PayloadType(97), PayloadType(100));
        assert_eq!(table.apt(PayloadType(97)), Some(PayloadType(100)));
        assert_eq!(table.rtx(PayloadType(100)), Some(PayloadType(97)));
        assert_eq!(table.rtx(PayloadType(96)), None);
        assert!(table.is_rtx(PayloadType(97)));
    }
}
