//! H.264: NAL units alone in packets, several in one, or one in several.
//!
//! An [`EncodedFrame`](crate::EncodedFrame) of H.264 is an access unit in the byte stream format: each NAL unit behind a start
//! code, those that come out of the [`H264Depacketizer`] behind one of four bytes.
//!
//! | module | what |
//! |---|---|
//! | [`nal`] | NAL units: where they are in a frame, what their first bytes say |
//! | [`parameter_sets`] | sequence and picture parameter sets: ids, size of the picture, those that a stream brought |
//!
//! Source: [RFC 6184](https://www.rfc-editor.org/rfc/rfc6184)

mod bits;
mod depacketizer;
pub mod nal;
mod packetizer;
pub mod parameter_sets;

#[cfg(test)]
mod aiortc;
#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;

pub use depacketizer::H264Depacketizer;
pub use packetizer::H264Packetizer;

use nal::Header;
use ortica_core::{DecodeError, Reader};
use parameter_sets::SequenceSet;

/// The type of a packet of several NAL units.
const STAP_A: u8 = 24;
/// The type of a packet of a part of one.
const FU_A: u8 = 28;
// The header of a part.
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;

/// What a packet holds.
///
/// Source: [RFC 6184 §5.2](https://www.rfc-editor.org/rfc/rfc6184#section-5.2)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Contents<'a> {
    /// A NAL unit.
    Single(&'a [u8]),
    /// NAL units behind their lengths, each of which was checked.
    Aggregated(&'a [u8]),
    /// A part of one.
    Fragment {
        /// The header of the NAL unit.
        header: Header,
        /// It begins here.
        start: bool,
        /// It ends here.
        end: bool,
        /// Its bytes without the header, never none.
        part: &'a [u8],
    },
}

impl<'a> Contents<'a> {
    /// Looks at a payload.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if it ends too early, [`DecodeError::Invalid`] for packets of the interleaved mode and those that no
    /// mode has.
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(payload);
        let header = Header(r.u8("H.264 payload")?);
        match header.kind() {
            1..=23 => Ok(Self::Single(payload)),
            STAP_A => {
                let units = r.take_rest();
                check_aggregated(units)?;
                Ok(Self::Aggregated(units))
            }
            FU_A => {
                let fu = r.u8("H.264 fragment header")?;
                let (start, end) = (fu & FU_START != 0, fu & FU_END != 0);
                let header = header.with_kind(fu);
                if start && end || !(1..=23).contains(&header.kind()) {
                    return Err(DecodeError::Invalid("H.264 fragment header"));
                }
                let part = r.take_rest();
                if part.is_empty() {
                    return Err(DecodeError::Truncated("H.264 fragment"));
                }
                Ok(Self::Fragment { header, start, end, part })
            }
            _ => Err(DecodeError::Invalid("H.264 packet type")),
        }
    }

    /// The NAL units that are here in full.
    pub fn units(self) -> impl Iterator<Item = &'a [u8]> {
        let (single, mut rest) = match self {
            Self::Single(unit) => (Some(unit), &[][..]),
            Self::Aggregated(units) => (None, units),
            Self::Fragment { .. } => (None, &[][..]),
        };
        single.into_iter().chain(std::iter::from_fn(move || next_aggregated(&mut rest)))
    }
}

/// The width and height of a frame that brings a sequence parameter set, in pixels.
pub fn picture_size(frame: &[u8]) -> Option<(u32, u32)> {
    let set = nal::split_slice(frame).find_map(|unit| SequenceSet::decode(unit).ok())?;
    Some((set.width, set.height))
}

/// Each length must fit into what is left, and no unit be empty or a packet of its own kind.
fn check_aggregated(units: &[u8]) -> Result<(), DecodeError> {
    let mut r = Reader::new(units);
    if r.is_empty() {
        return Err(DecodeError::Truncated("H.264 aggregate"));
    }
    while !r.is_empty() {
        let len = usize::from(r.u16("H.264 unit length")?);
        let unit = r.bytes(len, "H.264 aggregated unit")?;
        let kind = unit.first().map(|first| Header(*first).kind());
        if !kind.is_some_and(|kind| (1..=23).contains(&kind)) {
            return Err(DecodeError::Invalid("H.264 aggregated unit"));
        }
    }
    Ok(())
}

fn next_aggregated<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (len, behind) = rest.split_first_chunk::<2>()?;
    let (unit, behind) = behind.split_at_checked(u16::from_be_bytes(*len).into())?;
    *rest = behind;
    Some(unit)
}
