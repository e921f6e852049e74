//! Says how much bandwidth the receiver of some streams believes there is.
//!
//! ```text
//! | 'R' 'E' 'M' 'B' | num ssrc (8) | exponent (6) | mantissa (18) | ssrc (32) .. |
//! ```
//!
//! Source: [draft-alvestrand-rmcat-remb-03 §2.2](https://datatracker.ietf.org/doc/html/draft-alvestrand-rmcat-remb-03#section-2.2)

use super::list::List;
use crate::id::Ssrc;
use ortica_core::{DecodeError, Reader};

const MANTISSA_BITS: u32 = 18;
const MANTISSA_MASK: u32 = (1 << MANTISSA_BITS) - 1;

/// Receiver estimated maximum bitrate.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Remb {
    /// Who estimates.
    pub sender: Ssrc,
    /// The most that all the streams together should send, in bits per second. Keeps 18 significant bits when written.
    pub bitrate: u64,
    /// The streams.
    pub ssrcs: List<Ssrc, 2, 255>,
}

impl Remb {
    pub(super) const NAME: &[u8; 4] = b"REMB";

    /// `true` if the body of an application-layer feedback packet is of this kind.
    pub(super) fn recognises(body: &[u8]) -> bool {
        body.get(8..12) == Some(Self::NAME)
    }

    pub(super) fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(body);
        let sender = Ssrc(r.u32("sender ssrc")?);
        r.u32("media ssrc")?;
        if &r.array::<4>("remb identifier")? != Self::NAME {
            return Err(DecodeError::Invalid("remb identifier"));
        }
        let count = r.u8("remb ssrc count")?;
        let bitrate = decode_bitrate(r.u24("remb bitrate")?)?;
        let ssrcs = (0..count).map(|_| r.u32("remb ssrc").map(Ssrc)).collect::<Result<_, _>>()?;
        r.finish("remb ssrcs")?;
        Ok(Self { sender, bitrate, ssrcs })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.sender.0.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(Self::NAME);
        // At most 255, by the list's bound.
        let count = u32::from(self.ssrcs.len() as u8);
        out.extend_from_slice(&(count << 24 | encode_bitrate(self.bitrate)).to_be_bytes());
        self.ssrcs.iter().for_each(|ssrc| out.extend_from_slice(&ssrc.0.to_be_bytes()));
    }
}

/// The exponent reaches 63, so the product may need 81 bits.
fn decode_bitrate(bits: u32) -> Result<u64, DecodeError> {
    let mantissa = u64::from(bits & MANTISSA_MASK);
    let exponent = bits >> MANTISSA_BITS;
    let bitrate = mantissa << exponent;
    if bitrate >> exponent == mantissa { Ok(bitrate) } else { Err(DecodeError::Invalid("remb bitrate")) }
}

/// Rounds down.
fn encode_bitrate(bitrate: u64) -> u32 {
    let exponent = (u64::BITS - bitrate.leading_zeros()).saturating_sub(MANTISSA_BITS);
    exponent << MANTISSA_BITS | (bitrate >> exponent) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bitrate_keeps_eighteen_bits() {
        for bitrate in [0, 1, 262_143, 262_144, 4_160_000, u64::MAX, 1 << 63] {
            let read = decode_bitrate(encode_bitrate(bitrate)).unwrap();
            assert!(read <= bitrate && bitrate - read <= bitrate >> 17, "{bitrate} became {read}");
        }
    }

    /// Guards the check that the shift lost nothing.
    /// Exponent and mantissa as others write them.
    #[test]
    fn bitrates_have_the_bytes_of_other_implementations() {
        for (bitrate, bytes) in [
            (0, [1, 0, 0, 0]),
            (0x3_ffff, [1, 3, 0xff, 0xff]),
            (0x4_0000, [1, 6, 0, 0]),
            (4_160_000, [1, 0x13, 0xf7, 0xa0]),
        ] {
            let remb = Remb { sender: Ssrc(1), bitrate, ssrcs: [Ssrc(2_529_072_847)].into_iter().collect() };
            let mut body = Vec::new();
            remb.encode(&mut body);
            assert_eq!(body[8..], [&b"REMB"[..], &bytes, &[0x96, 0xbe, 0x96, 0xcf]].concat());
            assert_eq!(Remb::decode(&body), Ok(remb));
            body[8..12].copy_from_slice(b"JUNK");
            assert!(Remb::decode(&body).is_err());
        }
    }

    #[test]
    fn rtcp_3_a_bitrate_beyond_64_bits_is_refused() {
        assert_eq!(decode_bitrate(63 << 18 | 1), Ok(1 << 63));
        assert_eq!(decode_bitrate(63 << 18 | 2), Err(DecodeError::Invalid("remb bitrate")));
        assert_eq!(decode_bitrate(47 << 18 | MANTISSA_MASK), Err(DecodeError::Invalid("remb bitrate")));
        assert_eq!(decode_bitrate(46 << 18 | MANTISSA_MASK), Ok(u64::from(MANTISSA_MASK) << 46));
    }

    /// Guards the comparison of the count with what is there, both ways.
    #[test]
    fn cve_22_remb_ssrc_count() {
        let mut body = Vec::new();
        Remb { sender: Ssrc(1), bitrate: 1_000_000, ssrcs: [Ssrc(2), Ssrc(3)].into_iter().collect() }.encode(&mut body);
        assert!(Remb::decode(&body).is_ok());
        for count in (0..=255).filter(|count| *count != 2) {
            body[12] = count;
            assert!(Remb::decode(&body).is_err(), "count {count}");
        }
    }
}
