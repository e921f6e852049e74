//! What crossed the wire, to know that a check met what it is about.

use std::collections::BTreeMap;
use std::ops::AddAssign;

const HEADER: usize = 12;
const CHECKSUM: std::ops::Range<usize> = 8..12;

/// Chunk types, as the registry of SCTP has them.
pub mod chunk {
    pub const DATA: u8 = 0;
    pub const SHUTDOWN: u8 = 7;
    pub const I_DATA: u8 = 64;
    pub const RE_CONFIG: u8 = 130;
    pub const FORWARD_TSN: u8 = 192;
    pub const I_FORWARD_TSN: u8 = 194;
}

/// Which way a packet went.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Way {
    FromUs,
    FromPeer,
}

/// Something that can be seen on the wire.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Sight {
    Chunk(u8),
    /// A packet whose checksum is zero.
    NoChecksum,
}

/// How often what was seen.
#[derive(Clone, Debug, Default)]
pub struct Seen(BTreeMap<(Way, Sight), u64>);

impl Seen {
    pub fn packet(&mut self, way: Way, packet: &[u8]) {
        if packet.get(CHECKSUM) == Some(&[0; 4]) {
            self.count(way, Sight::NoChecksum);
        }
        let mut rest = packet.get(HEADER..).unwrap_or_default();
        while let [kind, _, high, low, ..] = *rest {
            self.count(way, Sight::Chunk(kind));
            let padded = usize::from(u16::from_be_bytes([high, low])).max(4).next_multiple_of(4);
            rest = rest.get(padded..).unwrap_or_default();
        }
    }

    pub fn of(&self, way: Way, sight: Sight) -> u64 {
        self.0.get(&(way, sight)).copied().unwrap_or_default()
    }

    fn count(&mut self, way: Way, sight: Sight) {
        *self.0.entry((way, sight)).or_default() += 1;
    }
}

impl AddAssign for Seen {
    fn add_assign(&mut self, other: Self) {
        for (what, count) in other.0 {
            *self.0.entry(what).or_default() += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_and_missing_checksums_are_counted() {
        let mut packet = vec![0; HEADER];
        packet.extend([chunk::DATA, 3, 0, 5, 9, 0, 0, 0]);
        packet.extend([chunk::SHUTDOWN, 0, 0, 8, 0, 0, 0, 1]);
        let mut seen = Seen::default();
        seen.packet(Way::FromUs, &packet);
        for sight in [Sight::NoChecksum, Sight::Chunk(chunk::DATA), Sight::Chunk(chunk::SHUTDOWN)] {
            assert_eq!((seen.of(Way::FromUs, sight), seen.of(Way::FromPeer, sight)), (1, 0), "{sight:?}");
        }
    }
}
