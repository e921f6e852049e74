//! What a packet carries.

use ortica_core::{DecodeError, Reader};

use super::nal::{self, Header};

/// What a packet carries.
///
/// Source: [RFC 7798 §4.4](https://www.rfc-editor.org/rfc/rfc7798#section-4.4)
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Contents<'a> {
    /// Whole units, each of two bytes at least: one, or several of an aggregation packet.
    Units(Vec<&'a [u8]>),
    /// A part of a unit.
    Fragment {
        /// The header of the unit.
        header: Header,
        /// The unit begins here.
        start: bool,
        /// The unit ends here.
        end: bool,
        /// The bytes behind the header of the unit, never none.
        part: &'a [u8],
    },
}

const START: u8 = 0x80;
const END: u8 = 0x40;

impl<'a> Contents<'a> {
    /// Reads a payload without decoding order numbers (`sprop-max-don-diff=0`).
    ///
    /// # Errors
    /// [`DecodeError`] where lengths do not fit, for aggregates of one unit or of aggregates, for a fragment that is a whole unit,
    /// and for PACI packets.
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(payload);
        let header = Header::decode(&mut r)?;
        match header.kind {
            nal::AGGREGATION => decode_aggregate(&mut r).map(Self::Units),
            nal::FRAGMENT => decode_fragment(&mut r, header),
            nal::PACI.. => Err(DecodeError::Invalid("H.265 payload structure")),
            _ => Ok(Self::Units(vec![payload])),
        }
    }
}

fn decode_aggregate<'a>(r: &mut Reader<'a>) -> Result<Vec<&'a [u8]>, DecodeError> {
    const FIELD: &str = "H.265 aggregation packet";
    let mut units = Vec::new();
    while !r.is_empty() {
        let unit = r.vec16(FIELD)?;
        if Header::decode(&mut Reader::new(unit))?.kind >= nal::AGGREGATION {
            return Err(DecodeError::Invalid(FIELD));
        }
        units.push(unit);
    }
    if units.len() < 2 { Err(DecodeError::Invalid(FIELD)) } else { Ok(units) }
}

fn decode_fragment<'a>(r: &mut Reader<'a>, header: Header) -> Result<Contents<'a>, DecodeError> {
    const FIELD: &str = "H.265 fragmentation unit";
    let byte = r.u8(FIELD)?;
    let (start, end, kind) = (byte & START != 0, byte & END != 0, byte & 0x3f);
    if r.is_empty() {
        return Err(DecodeError::Truncated(FIELD));
    }
    if start && end || kind >= nal::AGGREGATION {
        return Err(DecodeError::Invalid(FIELD));
    }
    Ok(Contents::Fragment { header: Header { kind, ..header }, start, end, part: r.take_rest() })
}

/// The three bytes in front of a part of a unit.
pub(super) fn fragment_prefix(header: Header, start: bool, end: bool) -> [u8; 3] {
    let [high, low] = Header { kind: nal::FRAGMENT, ..header }.encode();
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    [high, low, flag(start, START) | flag(end, END) | header.kind & 0x3f]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_structure_is_read() {
        assert_eq!(Contents::decode(&[0x40, 1, 9]), Ok(Contents::Units(vec![&[0x40, 1, 9]])));
        let aggregate = [0x60, 1, 0, 3, 0x40, 1, 9, 0, 2, 0x42, 1];
        assert_eq!(Contents::decode(&aggregate), Ok(Contents::Units(vec![&[0x40, 1, 9], &[0x42, 1]])));
        let header = Header { kind: 19, layer_id: 0, temporal_id: 0 };
        let fragment = Contents::Fragment { header, start: true, end: false, part: &[7] };
        assert_eq!(Contents::decode(&[0x62, 1, 0x93, 7]), Ok(fragment));
        assert_eq!(fragment_prefix(header, true, false), [0x62, 1, 0x93]);
    }

    /// The guard: aggregates are neither nested nor alone, fragments are no whole units, and PACI packets are not taken.
    #[test]
    fn pay_8_h265_structures_that_are_forbidden_are_refused() {
        for bad in [
            &[][..],
            &[0x40],
            &[0x60, 1],
            &[0x60, 1, 0, 3, 0x40, 1, 9],
            &[0x60, 1, 0, 9, 0x40, 1, 9, 0, 2, 0x42, 1],
            &[0x60, 1, 0, 2, 0x40, 1, 0, 2, 0x60, 1],
            &[0x60, 1, 0, 2, 0x40, 1, 0, 1, 0x42],
            &[0x62, 1, 0x93],
            &[0x62, 1, 0xd3, 7],
            &[0x62, 1, 0xb0, 7],
            &[0x64, 1, 0, 0, 7],
        ] {
            assert!(Contents::decode(bad).is_err(), "{bad:x?}");
        }
    }
}
