//! How fast bytes flow.

use std::fmt;

/// A rate, in bits per second.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Bitrate(u64);

impl Bitrate {
    /// So many bits per second.
    pub const fn from_bits(per_second: u64) -> Self {
        Self(per_second)
    }

    /// Bits per second.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whole bytes per second.
    pub const fn bytes(self) -> u64 {
        self.0 / 8
    }
}

impl fmt::Display for Bitrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bit/s", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_told_in_bits_and_in_whole_bytes() {
        let rate = Bitrate::from_bits(1_000_007);
        assert_eq!((rate.bits(), rate.bytes()), (1_000_007, 125_000));
        assert_eq!(rate.to_string(), "1000007 bit/s");
    }
}
