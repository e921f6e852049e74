//! RTP packets: a borrowed view of received ones, and the header of those to send.
//!
//! ```text
//!  0                   1                   2                   3
//! |V=2|P|X|  CC   |M|     PT      |       sequence number         |
//! |                           timestamp                           |
//! |           synchronization source (SSRC) identifier            |
//! |            contributing sources (0 to 15 of them) ..          |
//! |     extension profile (if X)  |  length in 32-bit words       |
//! |                     extension data ..                         |
//! |          payload ..           |  padding .. | padding count   |
//! ```
//!
//! Source: [RFC 3550 §5.1](https://www.rfc-editor.org/rfc/rfc3550#section-5.1)

use crate::header_extension::{ExtensionBlock, ExtensionMap, Values};
use crate::id::{PayloadType, Ssrc};
use crate::sequence::{RtpTimestamp, SequenceNumber};
use arrayvec::ArrayVec;
use ortica_core::{DecodeError, Reader};

/// Length of a header without contributing sources or extensions, in bytes.
pub const FIXED_HEADER_LEN: usize = 12;

const VERSION: u8 = 2;
const PADDING: u8 = 0x20;
const EXTENSION: u8 = 0x10;
const MARKER: u8 = 0x80;

/// A received packet, whose every length was checked: its accessors cannot fail.
///
/// ```
/// use ortica_rtp::{Packet, PayloadType, Ssrc};
///
/// let bytes = [0x80, 0x60, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, b'h', b'i'];
/// let packet = Packet::parse(&bytes)?;
/// assert_eq!(packet.payload_type(), PayloadType(96));
/// assert_eq!(packet.ssrc(), Ssrc(3));
/// assert_eq!(packet.payload(), b"hi");
/// # Ok::<(), ortica_core::DecodeError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Packet<'a> {
    marker: bool,
    payload_type: PayloadType,
    sequence_number: SequenceNumber,
    timestamp: RtpTimestamp,
    ssrc: Ssrc,
    csrcs: &'a [u8],
    extension: Option<ExtensionBlock<'a>>,
    header_len: usize,
    payload: &'a [u8],
    padding_len: u8,
}

impl<'a> Packet<'a> {
    /// Reads a packet that is not (or no longer) encrypted.
    ///
    /// # Errors
    /// [`DecodeError`] when the version is not 2, a length runs past the end, or the padding count is zero or larger than
    /// what follows the header.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let first = r.u8("rtp first byte")?;
        if first >> 6 != VERSION {
            return Err(DecodeError::Invalid("rtp version"));
        }
        let second = r.u8("rtp payload type")?;
        let sequence_number = SequenceNumber(r.u16("rtp sequence number")?);
        let timestamp = RtpTimestamp(r.u32("rtp timestamp")?);
        let ssrc = Ssrc(r.u32("rtp ssrc")?);
        let csrcs = r.bytes(usize::from(first & 0x0f) * 4, "rtp contributing sources")?;
        let extension = if first & EXTENSION == 0 { None } else { Some(ExtensionBlock::read(&mut r)?) };
        let header_len = r.position();
        let (payload, padding_len) = split_padding(r.take_rest(), first & PADDING != 0)?;
        Ok(Self {
            marker: second & MARKER != 0,
            payload_type: PayloadType(second & !MARKER),
            sequence_number,
            timestamp,
            ssrc,
            csrcs,
            extension,
            header_len,
            payload,
            padding_len,
        })
    }

    /// The marker bit: for video the last packet of a picture, for audio the first one after silence. A hint, as peers
    /// get it wrong and packets get lost.
    pub const fn marker(&self) -> bool {
        self.marker
    }

    /// In which format the payload is.
    pub const fn payload_type(&self) -> PayloadType {
        self.payload_type
    }

    /// The packet's place in its stream.
    pub const fn sequence_number(&self) -> SequenceNumber {
        self.sequence_number
    }

    /// The sampling instant of the payload.
    pub const fn timestamp(&self) -> RtpTimestamp {
        self.timestamp
    }

    /// The stream.
    pub const fn ssrc(&self) -> Ssrc {
        self.ssrc
    }

    /// Whose media a mixer put into the payload, at most 15.
    pub fn csrcs(&self) -> impl ExactSizeIterator<Item = Ssrc> + 'a {
        let (ids, _) = self.csrcs.as_chunks::<4>();
        ids.iter().map(|id| Ssrc(u32::from_be_bytes(*id)))
    }

    /// The header extension block, of whichever form.
    pub const fn extension(&self) -> Option<ExtensionBlock<'a>> {
        self.extension
    }

    /// The header extensions that `map` knows, decoded. What is malformed is left out, as if it had not been sent.
    pub fn extension_values(&self, map: &ExtensionMap) -> Values {
        self.extension.map(|block| map.read(&block)).unwrap_or_default()
    }

    /// Length of everything before the payload, in bytes.
    pub const fn header_len(&self) -> usize {
        self.header_len
    }

    /// The payload without padding. Empty when the packet holds padding alone.
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// How many bytes of padding follow the payload, the count itself included: 0 to 255.
    pub const fn padding_len(&self) -> u8 {
        self.padding_len
    }

    /// The same packet without its payload, as one of padding alone: it has its place in the stream and says nothing.
    #[must_use]
    pub const fn without_payload(mut self) -> Self {
        (self.payload, self.padding_len) = (&[], 0);
        self
    }

    /// The packet that this one would be with another payload: one that is wrapped into its own.
    #[must_use]
    pub const fn with_payload(mut self, payload_type: PayloadType, payload: &'a [u8]) -> Self {
        (self.payload_type, self.payload, self.padding_len) = (payload_type, payload, 0);
        self
    }

    /// The packet that this one retransmits.
    pub(crate) const fn restored(
        mut self,
        ssrc: Ssrc,
        payload_type: PayloadType,
        sequence_number: SequenceNumber,
        payload: &'a [u8],
    ) -> Self {
        (self.ssrc, self.payload_type, self.sequence_number) = (ssrc, payload_type, sequence_number);
        (self.payload, self.padding_len) = (payload, 0);
        self
    }

    /// The fields that are not extensions, padding or payload, as a header to send.
    pub fn header(&self) -> Header {
        Header {
            marker: self.marker,
            payload_type: self.payload_type,
            sequence_number: self.sequence_number,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            csrcs: self.csrcs().collect(),
            padding: false,
        }
    }
}

/// Length in bytes of the header that `packet` starts with: fixed part, contributing sources and extension block. Looks at
/// nothing behind it, so the payload may be encrypted.
///
/// # Errors
/// [`DecodeError`] when the version is not 2 or a length runs past the end.
pub fn header_len(packet: &[u8]) -> Result<usize, DecodeError> {
    let mut r = Reader::new(packet);
    let first = r.u8("rtp first byte")?;
    if first >> 6 != VERSION {
        return Err(DecodeError::Invalid("rtp version"));
    }
    r.bytes(FIXED_HEADER_LEN - 1, "rtp header")?;
    r.bytes(usize::from(first & 0x0f) * 4, "rtp contributing sources")?;
    if first & EXTENSION != 0 {
        ExtensionBlock::read(&mut r)?;
    }
    Ok(r.position())
}

/// The padding counts itself, so zero of it cannot be announced.
fn split_padding(rest: &[u8], announced: bool) -> Result<(&[u8], u8), DecodeError> {
    if !announced {
        return Ok((rest, 0));
    }
    let count = *rest.last().ok_or(DecodeError::Truncated("rtp padding"))?;
    if count == 0 {
        return Err(DecodeError::Invalid("rtp padding count"));
    }
    let payload_len = rest.len().checked_sub(usize::from(count)).ok_or(DecodeError::Invalid("rtp padding count"))?;
    let (payload, _) = rest.split_at_checked(payload_len).ok_or(DecodeError::Invalid("rtp padding count"))?;
    Ok((payload, count))
}

/// The header of a packet to send. Extensions are given when it is written, since some are known only then.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Header {
    /// See [`Packet::marker`].
    pub marker: bool,
    /// In which format the payload is.
    pub payload_type: PayloadType,
    /// The packet's place in its stream.
    pub sequence_number: SequenceNumber,
    /// The sampling instant of the payload.
    pub timestamp: RtpTimestamp,
    /// The stream.
    pub ssrc: Ssrc,
    /// Whose media the payload mixes.
    pub csrcs: ArrayVec<Ssrc, 15>,
    /// The payload ends in padding, whose last byte counts it (see [`write_padding`]). Default `false`.
    pub padding: bool,
}

impl Header {
    /// Appends the header without extensions.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_fixed(false, out);
    }

    /// Appends the header with those of the `values` that `map` has an id for.
    pub fn write_with(&self, map: &ExtensionMap, values: &Values, out: &mut Vec<u8>) {
        let extended = map.carries(values);
        self.write_fixed(extended, out);
        if extended {
            map.write(values, out);
        }
    }

    fn write_fixed(&self, extended: bool, out: &mut Vec<u8>) {
        let flags = (if self.padding { PADDING } else { 0 }) | (if extended { EXTENSION } else { 0 });
        // At most 15, by the array's capacity.
        out.push((VERSION << 6) | flags | self.csrcs.len() as u8);
        out.push((if self.marker { MARKER } else { 0 }) | (self.payload_type.0 & !MARKER));
        out.extend_from_slice(&self.sequence_number.0.to_be_bytes());
        out.extend_from_slice(&self.timestamp.0.to_be_bytes());
        out.extend_from_slice(&self.ssrc.0.to_be_bytes());
        for csrc in &self.csrcs {
            out.extend_from_slice(&csrc.0.to_be_bytes());
        }
    }
}

/// Appends `count` bytes of padding to a payload whose header says so. Zero appends nothing, and the header must not
/// announce it then.
pub fn write_padding(count: u8, out: &mut Vec<u8>) {
    if count > 0 {
        out.resize(out.len() + usize::from(count) - 1, 0);
        out.push(count);
    }
}

#[cfg(test)]
mod tests;
