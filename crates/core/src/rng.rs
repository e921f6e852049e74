//! Randomness that can be replayed.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng};
use std::fmt;
use zeroize::Zeroizing;

/// A cryptographically secure generator (ChaCha20) that gives the same output for the same seed.
///
/// A session gets one seed from its driver and gives each component a fork of its own, so that what one component draws
/// never shifts what another one sees.
pub struct Rng {
    seed: Zeroizing<[u8; 32]>,
    /// Where the stream stood when it was given up.
    position: u128,
    /// Made with the first draw: it is ten times as large as all else, and many generators serve for forks alone.
    stream: Option<Box<ChaCha20Rng>>,
}

impl Rng {
    /// A generator for `seed`, which must be as unpredictable as what is drawn from it.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self { seed: Zeroizing::new(seed), position: 0, stream: None }
    }

    /// A generator for a test: the seed is `number`, padded with zeros.
    pub fn from_number(number: u64) -> Self {
        let mut seed = [0; 32];
        for (to, from) in seed.iter_mut().zip(number.to_le_bytes()) {
            *to = from;
        }
        Self::from_seed(seed)
    }

    /// An independent generator for the component `name`. Depends on the seed and the name alone, not on what was drawn.
    pub fn fork(&self, name: &str) -> Self {
        let mut stream = ChaCha20Rng::from_seed(*self.seed);
        // Stream 0 is this generator's own output.
        stream.set_stream(name_hash(name) | 1);
        let mut seed = [0; 32];
        stream.fill_bytes(&mut seed);
        Self::from_seed(seed)
    }

    /// The generator as others take it.
    pub(crate) fn stream(&mut self) -> &mut ChaCha20Rng {
        let Self { seed, position, stream } = self;
        stream.get_or_insert_with(|| {
            let mut stream = ChaCha20Rng::from_seed(**seed);
            stream.set_word_pos(*position);
            Box::new(stream)
        })
    }

    /// Gives back the memory that draws need, some 300 bytes. The next draw, which takes a little longer, goes on where the last
    /// one ended.
    pub fn rest(&mut self) {
        if let Some(stream) = self.stream.take() {
            self.position = stream.get_word_pos();
        }
    }

    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.stream().fill_bytes(bytes);
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// 32 random bits.
    pub fn u32(&mut self) -> u32 {
        self.stream().next_u32()
    }

    /// 64 random bits.
    pub fn u64(&mut self) -> u64 {
        self.stream().next_u64()
    }

    /// A number below `bound`, each equally likely; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        // Draws from the incomplete last interval are rejected, or small results would be likelier.
        let zone = u64::MAX - u64::MAX % bound;
        loop {
            let draw = self.u64();
            if draw < zone {
                return draw % bound;
            }
        }
    }

    /// A number in `[0, 1)` with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        (self.u64() >> 11) as f64 / (1u64 << 53) as f64
    }
}

impl fmt::Debug for Rng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rng(..)")
    }
}

/// FNV-1a: names are ours and few, so all it has to do is tell them apart.
fn name_hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)) << 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        assert_eq!(Rng::from_number(7).bytes::<16>(), Rng::from_number(7).bytes::<16>());
        assert_ne!(Rng::from_number(7).bytes::<16>(), Rng::from_number(8).bytes::<16>());
    }

    #[test]
    fn a_fork_depends_on_its_name_and_not_on_what_was_drawn() {
        let mut rng = Rng::from_number(7);
        let before = rng.fork("ice").bytes::<16>();
        rng.u64();
        assert_eq!(rng.fork("ice").bytes::<16>(), before);
        assert_ne!(rng.fork("dtls").bytes::<16>(), before);
        assert_ne!(rng.fork("ice").fork("ice").bytes::<16>(), before);
    }

    #[test]
    fn a_rest_changes_nothing_of_what_is_drawn() {
        let draws = |rests: bool| {
            let mut rng = Rng::from_number(3);
            let mut drawn = Vec::new();
            for len in [1, 4, 7, 64, 300, 3] {
                let mut bytes = vec![0; len];
                rng.fill(&mut bytes);
                drawn.extend(bytes);
                drawn.extend(rng.u32().to_le_bytes());
                drawn.extend(rng.u64().to_le_bytes());
                if rests {
                    rng.rest();
                }
            }
            drawn
        };
        assert_eq!(draws(true), draws(false));
    }

    #[test]
    fn below_stays_below() {
        let mut rng = Rng::from_number(1);
        assert!((0..1000).all(|_| rng.below(7) < 7));
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.below(1), 0);
    }

    #[test]
    fn debug_shows_no_seed() {
        assert_eq!(format!("{:?}", Rng::from_number(1)), "Rng(..)");
    }
}
