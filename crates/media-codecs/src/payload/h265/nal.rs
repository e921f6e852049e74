//! NAL units: the pieces that a stream of H.265 is made of.
//!
//! Source: ITU-T H.265 §7.3.1 and table 7-1

use ortica_core::{DecodeError, Reader};

/// A video parameter set.
pub const VPS: u8 = 32;
/// A sequence parameter set.
pub const SPS: u8 = 33;
/// A picture parameter set.
pub const PPS: u8 = 34;
/// Says that a picture begins.
pub const DELIMITER: u8 = 35;
/// A message about the picture that follows (SEI).
pub const PREFIX_MESSAGE: u8 = 39;
/// Several units in one packet (RFC 7798 §4.4.2).
pub const AGGREGATION: u8 = 48;
/// A part of a unit (RFC 7798 §4.4.3).
pub const FRAGMENT: u8 = 49;
/// Carries further control information (RFC 7798 §4.4.4); not taken.
pub const PACI: u8 = 50;

/// Bytes of a header.
pub const HEADER_LEN: usize = 2;

/// The header of a NAL unit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// What it is, 0 to 63.
    pub kind: u8,
    /// The layer in space, 0 to 63.
    pub layer_id: u8,
    /// The layer in time, 0 to 6.
    pub temporal_id: u8,
}

impl Header {
    pub(super) fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        const FIELD: &str = "H.265 NAL unit header";
        let bits = r.u16(FIELD)?;
        let [_, low] = bits.to_be_bytes();
        let (kind, layer_id) = (bits >> 9 & 0x3f, bits >> 3 & 0x3f);
        // The first bit says that the unit is damaged.
        if bits & 0x8000 != 0 || low & 7 == 0 {
            return Err(DecodeError::Invalid(FIELD));
        }
        let [[_, kind], [_, layer_id]] = [kind, layer_id].map(u16::to_be_bytes);
        Ok(Self { kind, layer_id, temporal_id: (low & 7) - 1 })
    }

    pub(super) fn encode(self) -> [u8; HEADER_LEN] {
        let layer = u16::from(self.layer_id & 0x3f) << 3;
        (u16::from(self.kind & 0x3f) << 9 | layer | u16::from(self.temporal_id.min(6) + 1)).to_be_bytes()
    }

    /// A part of a coded picture.
    pub(super) const fn is_slice(self) -> bool {
        self.kind < VPS
    }

    /// A part of a picture at which decoding can begin.
    pub(super) const fn is_key(self) -> bool {
        self.kind >= 16 && self.kind <= 23
    }

    /// A parameter set.
    pub(super) const fn is_parameter_set(self) -> bool {
        matches!(self.kind, VPS | SPS | PPS)
    }

    /// From this picture on a receiver may join its layer in time.
    pub(super) const fn is_switch(self) -> bool {
        self.kind >= 2 && self.kind <= 5
    }

    /// Whether a frame can begin with this unit, given what is behind its header.
    pub(super) fn may_begin(self, body: &[u8]) -> bool {
        let first_slice = self.is_slice() && body.first().is_some_and(|byte| byte & 0x80 != 0);
        first_slice || self.is_parameter_set() || matches!(self.kind, DELIMITER | PREFIX_MESSAGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_back() {
        for header in [
            Header { kind: VPS, layer_id: 0, temporal_id: 0 },
            Header { kind: 63, layer_id: 63, temporal_id: 6 },
            Header { kind: 1, layer_id: 33, temporal_id: 2 },
        ] {
            assert_eq!(Header::decode(&mut Reader::new(&header.encode())), Ok(header));
        }
        assert_eq!(Header { kind: VPS, layer_id: 0, temporal_id: 0 }.encode(), [0x40, 0x01]);
        for bad in [[0xc0, 0x01], [0x40, 0x00]] {
            assert!(Header::decode(&mut Reader::new(&bad)).is_err(), "{bad:x?}");
        }
    }
}
