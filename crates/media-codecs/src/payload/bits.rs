//! Bits, the first of a byte being its highest.

use ortica_core::DecodeError;

/// Walks over received bits and cannot run past their end.
#[derive(Clone, Debug)]
pub(crate) struct BitReader<'a> {
    bytes: &'a [u8],
    // In bits.
    position: usize,
}

impl<'a> BitReader<'a> {
    /// Starts at the first bit of `bytes`.
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// The next `count` bits as a number, at most 32.
    pub(crate) fn bits(&mut self, count: usize, field: &'static str) -> Result<u32, DecodeError> {
        debug_assert!(count <= 32, "a number has 32 bits");
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | u32::from(self.flag(field)?);
        }
        Ok(value)
    }

    /// The next `count` bits as a number, at most 8.
    pub(crate) fn byte(&mut self, count: usize, field: &'static str) -> Result<u8, DecodeError> {
        let [.., low] = self.bits(count, field)?.to_be_bytes();
        Ok(low)
    }

    /// The next bit.
    pub(crate) fn flag(&mut self, field: &'static str) -> Result<bool, DecodeError> {
        let byte = self.bytes.get(self.position / 8).ok_or(DecodeError::Truncated(field))?;
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        Ok(bit == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_read_from_the_highest_on_and_end_with_the_bytes() {
        let mut bits = BitReader::new(&[0b1010_0000, 0xff, 0x01]);
        assert_eq!((bits.flag("a"), bits.byte(3, "b"), bits.bits(8, "c")), (Ok(true), Ok(0b010), Ok(0x0f)));
        assert_eq!((bits.bits(12, "d"), bits.flag("e")), (Ok(0xf01), Err(DecodeError::Truncated("e"))));
        assert_eq!(BitReader::new(&[0xff; 4]).bits(32, "f"), Ok(u32::MAX));
    }
}
