//! RTCP: what the ends of a session tell each other about the media.
//!
//! A datagram holds a [`Compound`] of packets. Its framing is checked as a whole; each packet is then decoded by itself, so
//! that one which is malformed does not take the others with it. Packets of unknown types are kept as they came.
//!
//! ```text
//! |V=2|P|  count  |  packet type  |   length in 32-bit words - 1  |
//! |                           body ..                             |
//! ```
//!
//! ```
//! use ortica_rtp::Ssrc;
//! use ortica_rtp::rtcp::{Compound, Packet, PictureLoss, ReceiverReport};
//!
//! let mut bytes = Vec::new();
//! Packet::from(ReceiverReport { ssrc: Ssrc(1), ..Default::default() }).write(&mut bytes);
//! Packet::from(PictureLoss { sender: Ssrc(1), media: Ssrc(2) }).write(&mut bytes);
//!
//! let compound = Compound::parse(&bytes, false)?;
//! assert_eq!(compound.packets().count(), 2);
//! # Ok::<(), ortica_core::DecodeError>(())
//! ```
//!
//! To add a packet: a file with its struct, `decode` and `encode`, one variant of [`Packet`] and its two arms.
//!
//! Source: [RFC 3550 §6](https://www.rfc-editor.org/rfc/rfc3550#section-6)

mod extended_report;
mod full_intra_request;
mod goodbye;
mod list;
mod nack;
mod picture_loss;
mod receiver_report;
mod remb;
mod report_block;
mod sender_report;
mod source_description;
mod transport_feedback;

pub use extended_report::{Block, Delay, ExtendedReport};
pub use full_intra_request::{FirEntry, FullIntraRequest};
pub use goodbye::Goodbye;
pub use list::{Full, List};
pub use nack::{Nack, NackEntry};
pub use picture_loss::PictureLoss;
pub use receiver_report::ReceiverReport;
pub use remb::Remb;
pub use report_block::{ReportBlock, ReportBlocks};
pub use sender_report::SenderReport;
pub use source_description::{Chunk, Item, ItemKind, SourceDescription, Text};
pub use transport_feedback::{FeedbackError, TransportFeedback};

use ortica_core::{DecodeError, Reader};

const VERSION: u8 = 2;
const PADDING: u8 = 0x20;
const COUNT_MASK: u8 = 0x1f;

/// Says what an RTCP packet holds.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct PacketType(pub u8);

impl PacketType {
    /// [`SenderReport`].
    pub const SENDER_REPORT: Self = Self(200);
    /// [`ReceiverReport`].
    pub const RECEIVER_REPORT: Self = Self(201);
    /// [`SourceDescription`].
    pub const SOURCE_DESCRIPTION: Self = Self(202);
    /// [`Goodbye`].
    pub const GOODBYE: Self = Self(203);
    /// Feedback about the transport; the count says which.
    pub const TRANSPORT_FEEDBACK: Self = Self(205);
    /// Feedback about the media; the count says which.
    pub const PAYLOAD_FEEDBACK: Self = Self(206);
    /// [`ExtendedReport`].
    pub const EXTENDED_REPORT: Self = Self(207);
}

/// The count field of feedback packets.
mod format {
    /// Of transport feedback.
    pub(super) const NACK: u8 = 1;
    pub(super) const TRANSPORT_WIDE: u8 = 15;
    /// Of payload feedback.
    pub(super) const PICTURE_LOSS: u8 = 1;
    pub(super) const FULL_INTRA_REQUEST: u8 = 4;
    pub(super) const APPLICATION: u8 = 15;
}

/// `true` when a datagram of the second byte's value is RTCP and not RTP, both sharing a port.
///
/// Source: [RFC 5761 §4](https://www.rfc-editor.org/rfc/rfc5761#section-4)
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [first, 192..=223, ..] if first >> 6 == VERSION)
}

/// One RTCP packet.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Packet {
    /// What a stream has sent, and what its sender receives.
    SenderReport(SenderReport),
    /// What someone receives.
    ReceiverReport(ReceiverReport),
    /// Who stands behind streams.
    SourceDescription(SourceDescription),
    /// The end of streams.
    Goodbye(Goodbye),
    /// Packets asked for again.
    Nack(Nack),
    /// Arrival times.
    TransportFeedback(TransportFeedback),
    /// A picture asked for that needs no other.
    PictureLoss(PictureLoss),
    /// Key frames demanded.
    FullIntraRequest(FullIntraRequest),
    /// An estimate of the bandwidth.
    Remb(Remb),
    /// Further reports.
    ExtendedReport(ExtendedReport),
    /// Another type or format.
    Unknown(Unknown),
}

/// A packet that this crate does not read, as it came but for its padding.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unknown {
    packet_type: PacketType,
    count: u8,
    body: Vec<u8>,
}

impl Unknown {
    /// Its type.
    pub const fn packet_type(&self) -> PacketType {
        self.packet_type
    }

    /// Its count or format field, 0 to 31.
    pub const fn count(&self) -> u8 {
        self.count
    }

    /// What follows the header.
    pub fn body(&self) -> &[u8] {
        &self.body
    }
}

impl Packet {
    fn decode(frame: &Frame<'_>) -> Result<Self, DecodeError> {
        let &Frame { packet_type, count, body, .. } = frame;
        Ok(match (packet_type, count) {
            (PacketType::SENDER_REPORT, _) => Self::SenderReport(SenderReport::decode(count, body)?),
            (PacketType::RECEIVER_REPORT, _) => Self::ReceiverReport(ReceiverReport::decode(count, body)?),
            (PacketType::SOURCE_DESCRIPTION, _) => Self::SourceDescription(SourceDescription::decode(count, body)?),
            (PacketType::GOODBYE, _) => Self::Goodbye(Goodbye::decode(count, body)?),
            (PacketType::EXTENDED_REPORT, _) => Self::ExtendedReport(ExtendedReport::decode(body)?),
            (PacketType::TRANSPORT_FEEDBACK, format::NACK) => Self::Nack(Nack::decode(body)?),
            (PacketType::TRANSPORT_FEEDBACK, format::TRANSPORT_WIDE) => {
                Self::TransportFeedback(TransportFeedback::decode(body)?)
            }
            (PacketType::PAYLOAD_FEEDBACK, format::PICTURE_LOSS) => Self::PictureLoss(PictureLoss::decode(body)?),
            (PacketType::PAYLOAD_FEEDBACK, format::FULL_INTRA_REQUEST) => {
                Self::FullIntraRequest(FullIntraRequest::decode(body)?)
            }
            (PacketType::PAYLOAD_FEEDBACK, format::APPLICATION) if Remb::recognises(body) => {
                Self::Remb(Remb::decode(body)?)
            }
            _ => Self::Unknown(Unknown { packet_type, count, body: body.to_vec() }),
        })
    }

    /// Appends the packet.
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let (packet_type, count) = self.head();
        out.extend_from_slice(&[VERSION << 6 | count & COUNT_MASK, packet_type.0, 0, 0]);
        match self {
            Self::SenderReport(packet) => packet.encode(out),
            Self::ReceiverReport(packet) => packet.encode(out),
            Self::SourceDescription(packet) => packet.encode(out),
            Self::Goodbye(packet) => packet.encode(out),
            Self::Nack(packet) => packet.encode(out),
            Self::TransportFeedback(packet) => packet.encode(out),
            Self::PictureLoss(packet) => packet.encode(out),
            Self::FullIntraRequest(packet) => packet.encode(out),
            Self::Remb(packet) => packet.encode(out),
            Self::ExtendedReport(packet) => packet.encode(out),
            Self::Unknown(packet) => out.extend_from_slice(&packet.body),
        }
        let len = (out.len() - start).next_multiple_of(4);
        out.resize(start + len, 0);
        // The longest packet, a transport feedback about 32,768 packets, has 20,000 words.
        let words = (len / 4 - 1) as u16;
        if let Some(field) = out.get_mut(start + 2..start + 4) {
            field.copy_from_slice(&words.to_be_bytes());
        }
    }

    /// Packet type and count; the counts are below 32 by the bounds of their lists.
    fn head(&self) -> (PacketType, u8) {
        match self {
            Self::SenderReport(packet) => (PacketType::SENDER_REPORT, packet.reports.len() as u8),
            Self::ReceiverReport(packet) => (PacketType::RECEIVER_REPORT, packet.reports.len() as u8),
            Self::SourceDescription(packet) => (PacketType::SOURCE_DESCRIPTION, packet.chunks.len() as u8),
            Self::Goodbye(packet) => (PacketType::GOODBYE, packet.sources.len() as u8),
            Self::Nack(_) => (PacketType::TRANSPORT_FEEDBACK, format::NACK),
            Self::TransportFeedback(_) => (PacketType::TRANSPORT_FEEDBACK, format::TRANSPORT_WIDE),
            Self::PictureLoss(_) => (PacketType::PAYLOAD_FEEDBACK, format::PICTURE_LOSS),
            Self::FullIntraRequest(_) => (PacketType::PAYLOAD_FEEDBACK, format::FULL_INTRA_REQUEST),
            Self::Remb(_) => (PacketType::PAYLOAD_FEEDBACK, format::APPLICATION),
            Self::ExtendedReport(_) => (PacketType::EXTENDED_REPORT, 0),
            Self::Unknown(packet) => (packet.packet_type, packet.count),
        }
    }
}

macro_rules! packet_from {
    ($($kind:ident),+ $(,)?) => {
        $(impl From<$kind> for Packet {
            fn from(packet: $kind) -> Self {
                Self::$kind(packet)
            }
        })+
    };
}

packet_from!(
    SenderReport,
    ReceiverReport,
    SourceDescription,
    Goodbye,
    Nack,
    TransportFeedback,
    PictureLoss,
    FullIntraRequest,
    Remb,
    ExtendedReport,
    Unknown,
);

/// What one RTCP datagram holds, with the framing of all its packets checked.
#[derive(Clone, Copy, Debug)]
pub struct Compound<'a> {
    bytes: &'a [u8],
}

impl<'a> Compound<'a> {
    /// Reads a datagram that is not (or no longer) encrypted. Unless `reduced_size` was negotiated, it must start with a
    /// report.
    ///
    /// # Errors
    /// [`DecodeError`] when it is empty, a version is not 2, a length runs past the end, a padding count is zero or longer
    /// than its packet, or the first packet is not what it must be.
    pub fn parse(bytes: &'a [u8], reduced_size: bool) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let first = Frame::read(&mut r)?;
        if !reduced_size && !first.is_report() {
            return Err(DecodeError::Invalid("rtcp compound without a report"));
        }
        // RFC 3550 asks for padding on the last packet alone, and a report before others never has it (A.2). Chrome pads
        // each of several transport feedbacks in one datagram, so those are taken.
        if first.is_report() && first.padded && !r.is_empty() {
            return Err(DecodeError::Invalid("rtcp padding before the last packet"));
        }
        while !r.is_empty() {
            Frame::read(&mut r)?;
        }
        Ok(Self { bytes })
    }

    /// The packets in order, each decoded or found malformed.
    pub fn packets(&self) -> impl Iterator<Item = Result<Packet, DecodeError>> + use<'a> {
        let mut r = Reader::new(self.bytes);
        // The framing was checked: a frame that cannot be read would be the end.
        std::iter::from_fn(move || if r.is_empty() { None } else { Frame::read(&mut r).ok() })
            .map(|frame| Packet::decode(&frame))
    }
}

/// A packet within a compound.
#[derive(Clone, Copy, Debug)]
struct Frame<'a> {
    packet_type: PacketType,
    count: u8,
    padded: bool,
    body: &'a [u8],
}

impl<'a> Frame<'a> {
    fn read(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let first = r.u8("rtcp first byte")?;
        if first >> 6 != VERSION {
            return Err(DecodeError::Invalid("rtcp version"));
        }
        let packet_type = PacketType(r.u8("rtcp packet type")?);
        let words = r.u16("rtcp length")?;
        let body = r.bytes(usize::from(words) * 4, "rtcp body")?;
        let padded = first & PADDING != 0;
        let body = if padded { without_padding(body)? } else { body };
        Ok(Self { packet_type, count: first & COUNT_MASK, padded, body })
    }

    fn is_report(&self) -> bool {
        matches!(self.packet_type, PacketType::SENDER_REPORT | PacketType::RECEIVER_REPORT)
    }
}

/// The last byte of padding counts it, itself included. RFC 3550 has it count in fours; Chrome fills a transport feedback
/// up to four bytes and counts those.
fn without_padding(body: &[u8]) -> Result<&[u8], DecodeError> {
    let count = body.last().copied().ok_or(DecodeError::Truncated("rtcp padding"))?;
    let len = body.len().checked_sub(usize::from(count)).filter(|_| count > 0);
    len.and_then(|len| body.get(..len)).ok_or(DecodeError::Invalid("rtcp padding count"))
}

#[cfg(test)]
mod tests;
