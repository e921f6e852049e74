//! Comfort noise: what silence sounds like at the sender, as a level and a spectrum.
//!
//! ```text
//! |0|    level    |      N1       |      N2       |  ...  |      NM       |
//! ```
//!
//! It has a payload type of its own, 13 for a clock of 8,000, and its packets share a stream with those of a codec. The timestamp says
//! when the silence began.
//!
//! Source: [RFC 3389](https://www.rfc-editor.org/rfc/rfc3389)

use ortica_core::{DecodeError, Reader};
use ortica_rtp::PayloadType;
use smallvec::SmallVec;

/// The payload type that RFC 3551 assigns where the clock is of 8,000.
pub const STATIC_PAYLOAD_TYPE: PayloadType = PayloadType(13);
/// The encoding name of `a=rtpmap`.
pub const NAME: &str = "CN";
/// The most coefficients that are kept. RFC 3389 §3 lets a receiver leave out those of a higher order.
pub const MAX_ORDER: usize = 12;

/// The index that stands for a coefficient of zero.
const ZERO: u8 = 127;

/// The sound of silence.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ComfortNoise {
    level: u8,
    indices: SmallVec<[u8; MAX_ORDER]>,
}

impl ComfortNoise {
    /// White noise of so many decibels below a square wave of full scale: 0 (loud) to 127; more are 127.
    pub fn white(level: u8) -> Self {
        Self { level: level.min(127), indices: SmallVec::new() }
    }

    /// The same with the spectrum of these reflection coefficients, -1 to 1 each: at most [`MAX_ORDER`] of them.
    #[must_use]
    pub fn with_spectrum(mut self, coefficients: &[f64]) -> Self {
        let index =
            |it: &f64| (it.clamp(-1.0, 1.0) * 32_768.0 / 258.0).round().clamp(-127.0, 127.0) as i16 + i16::from(ZERO);
        self.indices = coefficients.iter().take(MAX_ORDER).map(|it| index(it) as u8).collect();
        self
    }

    /// Decibels below a square wave of full scale, 0 (loud) to 127.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// The root mean square, where that of the square wave is 1.
    pub fn rms(&self) -> f64 {
        10f64.powf(-f64::from(self.level) / 20.0)
    }

    /// Reflection coefficients from the first order on, each above -1 and below 1; none of white noise.
    pub fn spectrum(&self) -> impl ExactSizeIterator<Item = f64> {
        self.indices.iter().map(|index| 258.0 * (f64::from(*index) - f64::from(ZERO)) / 32_768.0)
    }

    /// Reads a payload. Coefficients beyond [`MAX_ORDER`] are left out.
    ///
    /// # Errors
    /// [`DecodeError`] if there is no level, or if a coefficient is none.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(payload);
        // The highest bit is always 0, and says nothing if it is not.
        let level = r.u8("noise level")? & 0x7f;
        let indices = r.take_rest();
        if indices.contains(&255) {
            return Err(DecodeError::Invalid("reflection coefficient"));
        }
        Ok(Self { level, indices: indices.iter().copied().take(MAX_ORDER).collect() })
    }

    /// The payload.
    pub fn encode(&self) -> Vec<u8> {
        [&[self.level], self.indices.as_slice()].concat()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_level_is_in_decibels_and_each_coefficient_in_a_byte() {
        let noise = ComfortNoise::decode(&[20, 127, 0, 254]).unwrap();
        assert_eq!((noise.level(), (noise.rms() * 1_000.0).round()), (20, 100.0));
        let spectrum: Vec<f64> = noise.spectrum().map(|it| (it * 10_000.0).round() / 10_000.0).collect();
        assert_eq!(spectrum, [0.0, -0.9999, 0.9999]);
        assert_eq!(ComfortNoise::decode(&[0x80 | 20, 127, 0, 254]), Ok(noise), "the highest bit says nothing");
        assert_eq!(ComfortNoise::white(200).encode(), [127]);
        assert_eq!(ComfortNoise::white(3).with_spectrum(&[2.0, -2.0, 0.5]).encode(), [3, 254, 0, 191]);
    }

    #[test]
    fn what_is_no_noise_is_refused() {
        assert_eq!(ComfortNoise::decode(&[]), Err(DecodeError::Truncated("noise level")));
        assert_eq!(ComfortNoise::decode(&[9, 1, 255]), Err(DecodeError::Invalid("reflection coefficient")));
    }

    #[test]
    fn no_more_coefficients_are_kept_than_are_used() {
        let long = [vec![9], vec![100; 300]].concat();
        assert_eq!(ComfortNoise::decode(&long).unwrap().encode(), long[..=MAX_ORDER]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_and_what_is_read_is_written_back(payload in prop::collection::vec(any::<u8>(), 0..40)) {
            match ComfortNoise::decode(&payload) {
                Ok(noise) => {
                    prop_assert!(noise.spectrum().all(|it| it > -1.0 && it < 1.0));
                    prop_assert_eq!(&noise.encode()[1..], &payload[1..payload.len().min(MAX_ORDER + 1)]);
                    let again = ComfortNoise::white(noise.level()).with_spectrum(&noise.spectrum().collect::<Vec<_>>());
                    prop_assert_eq!(ComfortNoise::decode(&noise.encode()), Ok(again));
                }
                Err(_) => prop_assert!(payload.is_empty() || payload[1..].contains(&255)),
            }
        }
    }
}
