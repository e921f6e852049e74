//! Bits of a NAL unit, without the bytes that keep start codes out of it.
//!
//! Source: ITU-T H.264 §7.4.1 and §9.1

/// Reads bits and the numbers of variable length that parameter sets and slices are made of.
#[derive(Clone, Debug)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// Zero bytes just read.
    zeros: u8,
    current: u8,
    left: u8,
}

/// The most zeros in front of a number: more than 32 bits have none.
const MAX_ZEROS: u32 = 31;

impl<'a> Bits<'a> {
    /// `bytes` are those behind the header of a NAL unit.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, zeros: 0, current: 0, left: 0 }
    }

    fn refill(&mut self) -> Option<()> {
        let (mut first, mut rest) = self.bytes.split_first()?;
        // A three behind two zeros is not part of what was written.
        if self.zeros >= 2 && *first == 3 {
            (first, rest) = rest.split_first()?;
            self.zeros = 0;
        }
        self.zeros = if *first == 0 { self.zeros.saturating_add(1) } else { 0 };
        (self.bytes, self.current, self.left) = (rest, *first, 8);
        Some(())
    }

    /// One bit.
    pub fn bit(&mut self) -> Option<bool> {
        if self.left == 0 {
            self.refill()?;
        }
        self.left -= 1;
        Some(self.current >> self.left & 1 == 1)
    }

    /// A number of `count` bits, at most 32.
    pub fn bits(&mut self, count: u32) -> Option<u32> {
        let mut value = 0u32;
        for _ in 0..count {
            value = value << 1 | u32::from(self.bit()?);
        }
        Some(value)
    }

    /// ue(v): an unsigned number up to 2^32 - 2.
    pub fn unsigned(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.bit()? {
            zeros += 1;
            if zeros > MAX_ZEROS {
                return None;
            }
        }
        let rest = self.bits(zeros)?;
        Some((1u32 << zeros).wrapping_sub(1).wrapping_add(rest))
    }

    /// se(v): a signed number.
    pub fn signed(&mut self) -> Option<i64> {
        let number = i64::from(self.unsigned()?);
        Some(if number % 2 == 0 { -(number / 2) } else { number / 2 + 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_variable_length() {
        // 1 010 011 00100 00101 00110 00111
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1001_1000, 0b1110_0000]);
        assert_eq!([0; 7].map(|_| bits.unsigned()), [0, 1, 2, 3, 4, 5, 6].map(Some));
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1001_1000, 0b1110_0000]);
        assert_eq!([0; 7].map(|_| bits.signed()), [0, 1, -1, 2, -2, 3, -3].map(Some));
    }

    /// The guard: `MAX_ZEROS`, without which a shift by 32 would overflow.
    #[test]
    fn cve_26_numbers_are_bounded() {
        let mut most = Bits::new(&[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(most.unsigned(), Some(u32::MAX - 1));
        assert_eq!(Bits::new(&[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff]).unsigned(), None);
        assert_eq!(Bits::new(&[0; 20]).unsigned(), None);
        assert_eq!(Bits::new(&[0, 0, 0, 1]).unsigned(), None, "the bytes end in it");
        assert_eq!(Bits::new(&[]).bit(), None);
    }

    #[test]
    fn bytes_against_start_codes_are_left_out() {
        let mut bits = Bits::new(&[0, 0, 3, 1, 3, 0, 0, 0, 3]);
        assert_eq!((bits.bits(24), bits.bits(8)), (Some(1), Some(3)));
        assert_eq!((bits.bits(24), bits.bits(1)), (Some(0), None));
    }
}
