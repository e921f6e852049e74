//! The aggregation header in front of each packet.

use ortica_core::{DecodeError, Reader};

use super::obu;

/// What a packet says about the OBUs that it carries. Reserved bits are sent as zero and ignored.
///
/// Source: [RTP Payload Format For AV1 §4.4](https://aomediacodec.github.io/av1-rtp-spec/v1.0.0.html#aggregation-header)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Aggregation {
    /// Z: the first OBU began in the packet before.
    pub continues: bool,
    /// Y: the last OBU goes on in the next packet.
    pub continued: bool,
    /// W: how many there are, 1 to 3, of which the last has no length; 0 if each has one.
    pub count: u8,
    /// N: the first packet of a coded video sequence.
    pub starts_sequence: bool,
}

impl Aggregation {
    /// Reads the header; returns it and the OBUs or parts of OBUs behind it, of which there is one at least, none empty.
    ///
    /// # Errors
    /// [`DecodeError`] where lengths do not fit, and for a coded video sequence that begins in the middle of an OBU.
    pub fn decode(payload: &[u8]) -> Result<(Self, Vec<&[u8]>), DecodeError> {
        let mut r = Reader::new(payload);
        let byte = r.u8("AV1 aggregation header")?;
        let header = Self {
            continues: byte & 0x80 != 0,
            continued: byte & 0x40 != 0,
            count: byte >> 4 & 3,
            starts_sequence: byte & 0x08 != 0,
        };
        if header.starts_sequence && header.continues {
            return Err(DecodeError::Invalid("AV1 aggregation header"));
        }
        let mut elements = Vec::new();
        for at in 1.. {
            let is_last = at == usize::from(header.count);
            let element = if is_last { r.take_rest() } else { element_with_length(&mut r)? };
            if element.is_empty() {
                return Err(DecodeError::Truncated("AV1 OBU element"));
            }
            elements.push(element);
            if is_last || header.count == 0 && r.is_empty() {
                break;
            }
        }
        Ok((header, elements))
    }

    pub(super) fn encode(self) -> u8 {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        flag(self.continues, 0x80)
            | flag(self.continued, 0x40)
            | (self.count & 3) << 4
            | flag(self.starts_sequence, 0x08)
    }
}

fn element_with_length<'a>(r: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
    let len = obu::leb128(r)?;
    r.bytes(len, "AV1 OBU element")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(payload: &[u8]) -> Result<Vec<&[u8]>, DecodeError> {
        Aggregation::decode(payload).map(|(_, elements)| elements)
    }

    /// The guard: with a count the last element has no length, without one each has.
    #[test]
    fn pay_2_av1_elements_are_read_with_and_without_a_count() {
        assert_eq!(elements(&[0x10, 1, 2, 3]), Ok(vec![&[1, 2, 3][..]]));
        assert_eq!(elements(&[0x20, 1, 9, 2, 3]), Ok(vec![&[9][..], &[2, 3]]));
        assert_eq!(elements(&[0x30, 1, 9, 2, 8, 8, 7]), Ok(vec![&[9][..], &[8, 8], &[7]]));
        assert_eq!(elements(&[0x00, 1, 9, 2, 8, 8, 1, 7, 1, 6]), Ok(vec![&[9][..], &[8, 8], &[7], &[6]]));
        for bad in [&[][..], &[0x10], &[0x00], &[0x20, 1, 9], &[0x00, 2, 9], &[0x00, 0], &[0x30, 1, 9, 1]] {
            assert!(elements(bad).is_err(), "{bad:x?}");
        }
    }

    /// The guard: a coded video sequence begins with the beginning of an OBU.
    #[test]
    fn pay_2_av1_no_sequence_begins_in_the_middle_of_an_obu() {
        assert_eq!(elements(&[0x98, 1]), Err(DecodeError::Invalid("AV1 aggregation header")));
        let (header, _) = Aggregation::decode(&[0x58, 1]).unwrap();
        assert!(header.starts_sequence && header.continued && !header.continues);
        assert_eq!(header.encode(), 0x58);
    }
}
