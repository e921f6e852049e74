//! What can be said of a packet without what it carries.

use super::Layer;
use super::inner::InnerPacket;
use super::line::Line;
use crate::engine::demux::{Protocol, classify};
use ortica_core::Reader;
use ortica_rtp::{Packet, PayloadType, RtpTimestamp, SequenceNumber, Ssrc};

/// Chunks or packets in one packet that are told of.
const MAX_PARTS: usize = 32;

/// What can be said of a packet without what it carries: the fields of its headers.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Summary {
    /// A check, or an answer.
    Stun {
        /// The message type: class and method (RFC 8489 §5).
        message_type: u16,
    },
    /// The first record of a packet.
    Dtls {
        /// What it holds (RFC 5246 §6.2.1): 22 for the handshake, 23 for data.
        content_type: u8,
        /// Which keys it is under; zero for none.
        epoch: u16,
        /// Its number.
        sequence: u64,
    },
    /// Media.
    Rtp {
        /// The stream.
        ssrc: Ssrc,
        /// Its format.
        payload_type: PayloadType,
        /// Its number.
        sequence: SequenceNumber,
        /// Its time.
        timestamp: RtpTimestamp,
        /// Its marker bit.
        marker: bool,
    },
    /// Reports and requests, by packet type (RFC 3550 §12.1); encrypted, all but the first are unknown.
    Rtcp(Vec<u8>),
    /// Data channels, by types of chunks (RFC 9260 §3.2).
    Sctp(Vec<u8>),
    /// None of the above.
    Other,
}

impl Summary {
    /// Of a packet as it crosses the wire.
    pub(super) fn of(packet: &[u8]) -> Self {
        let summary = match classify(packet) {
            Some(Protocol::Stun) => stun(packet),
            Some(Protocol::Dtls) => dtls(packet),
            Some(Protocol::Rtp) => rtp(packet),
            Some(Protocol::Rtcp) => packet.get(1).map(|kind| Self::Rtcp(vec![*kind])),
            None => None,
        };
        summary.unwrap_or(Self::Other)
    }

    /// Of a packet inside another, where that tells more than the one around it.
    pub(super) fn of_inner(packet: &InnerPacket) -> Option<Self> {
        match packet.layer {
            Layer::Sctp => Some(Self::Sctp(parts(packet.bytes.get(12..)?, |header| {
                let [kind, _, high, low] = *header;
                (kind, usize::from(u16::from_be_bytes([high, low])).next_multiple_of(4))
            }))),
            Layer::Rtcp => Some(Self::Rtcp(parts(&packet.bytes, |header| {
                let [_, kind, high, low] = *header;
                (kind, 4 * (usize::from(u16::from_be_bytes([high, low])) + 1))
            }))),
            Layer::Rtp | Layer::Udp => None,
        }
    }

    pub(super) fn write(&self, line: &mut Line) {
        match self {
            Self::Stun { message_type } => line.text("protocol", "stun").bare("messageType", message_type),
            Self::Dtls { content_type, epoch, sequence } => line
                .text("protocol", "dtls")
                .bare("contentType", content_type)
                .bare("epoch", epoch)
                .bare("sequence", sequence),
            Self::Rtp { ssrc, payload_type, sequence, timestamp, marker } => line
                .text("protocol", "rtp")
                .bare("ssrc", ssrc.0)
                .bare("payloadType", payload_type.0)
                .bare("sequence", sequence.0)
                .bare("timestamp", timestamp.0)
                .bare("marker", marker),
            Self::Rtcp(types) => line.text("protocol", "rtcp").numbers("packetTypes", types),
            Self::Sctp(types) => line.text("protocol", "sctp").numbers("chunkTypes", types),
            Self::Other => line.text("protocol", "unknown"),
        };
    }
}

fn stun(packet: &[u8]) -> Option<Summary> {
    let message_type = Reader::new(packet).u16("message type").ok()?;
    Some(Summary::Stun { message_type })
}

fn dtls(packet: &[u8]) -> Option<Summary> {
    let mut reader = Reader::new(packet);
    let content_type = reader.u8("content type").ok()?;
    let _version = reader.u16("version").ok()?;
    let number = reader.u64("epoch and sequence number").ok()?;
    Some(Summary::Dtls { content_type, epoch: (number >> 48) as u16, sequence: number & 0xffff_ffff_ffff })
}

fn rtp(packet: &[u8]) -> Option<Summary> {
    let header = Packet::parse(packet).ok()?.header();
    Some(Summary::Rtp {
        ssrc: header.ssrc,
        payload_type: header.payload_type,
        sequence: header.sequence_number,
        timestamp: header.timestamp,
        marker: header.marker,
    })
}

/// The kinds of parts that follow each other, each with a header of four bytes, which tells its kind and how long it is.
fn parts(mut rest: &[u8], read: impl Fn(&[u8; 4]) -> (u8, usize)) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let (Some(header), true) = (rest.first_chunk::<4>(), kinds.len() < MAX_PARTS) {
        let (kind, len) = read(header);
        kinds.push(kind);
        rest = rest.get(len.max(4)..).unwrap_or_default();
    }
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_told_and_nothing_behind_them() {
        assert_eq!(Summary::of(&[0, 1, 0, 0]), Summary::Stun { message_type: 1 });
        let record = [23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 7, 0, 1, 9];
        assert_eq!(Summary::of(&record), Summary::Dtls { content_type: 23, epoch: 1, sequence: 7 });
        assert_eq!(Summary::of(&[0x80, 200, 0, 1]), Summary::Rtcp(vec![200]));
        assert_eq!(Summary::of(&[70]), Summary::Other);
        assert_eq!(Summary::of(&[22, 0xfe]), Summary::Other, "cut off");
    }

    #[test]
    fn parts_are_told_by_kind_however_they_lie() {
        let inner =
            |layer, bytes: &[u8]| Summary::of_inner(&InnerPacket { sent: true, layer, bytes: bytes.to_vec() }).unwrap();
        let mut sctp = vec![0; 12];
        sctp.extend_from_slice(&[3, 0, 0, 4, 0, 3, 0, 5, 1, 0, 0, 0, 6, 0, 0, 4]);
        assert_eq!(inner(Layer::Sctp, &sctp), Summary::Sctp(vec![3, 0, 6]));
        let rtcp = [0x80, 201, 0, 1, 0, 0, 0, 0, 0x81, 202, 0, 0];
        assert_eq!(inner(Layer::Rtcp, &rtcp), Summary::Rtcp(vec![201, 202]));
        // Lengths of nothing do not go on for ever.
        assert_eq!(inner(Layer::Sctp, &[0; 4_000]), Summary::Sctp(vec![0; MAX_PARTS]));
    }
}
