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

/// Appends bits; the last byte is filled with zeros.
#[derive(Clone, Debug, Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    // Those of the last byte that are still free.
    free: usize,
}

impl BitWriter {
    /// Appends the lowest `count` bits of `value`, at most 32.
    pub(crate) fn bits(&mut self, count: usize, value: u32) {
        debug_assert!(count <= 32, "a number has 32 bits");
        for bit in (0..count).rev() {
            self.flag(value >> bit & 1 == 1);
        }
    }

    /// Appends a bit.
    pub(crate) fn flag(&mut self, set: bool) {
        if self.free == 0 {
            self.bytes.push(0);
            self.free = 8;
        }
        self.free -= 1;
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(set) << self.free;
        }
    }

    /// What was written.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
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

    #[test]
    fn bits_are_written_as_they_are_read() {
        let mut bits = BitWriter::default();
        bits.flag(true);
        bits.bits(3, 0b010);
        bits.bits(8, 0x0f);
        bits.bits(12, 0xf01);
        assert_eq!(bits.clone().finish(), [0b1010_0000, 0xff, 0x01]);
        bits.flag(true);
        assert_eq!(bits.finish(), [0b1010_0000, 0xff, 0x01, 0x80]);
    }
}
