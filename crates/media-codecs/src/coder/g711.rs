//! G.711: each sample becomes one byte by a logarithmic law.
//!
//! Source: [ITU-T G.711](https://www.itu.int/rec/T-REC-G.711), whose arithmetic the STL reference (G.191) writes out
use bytes::Bytes;

use super::{AudioDecoder, AudioEncoder, CoderError};
use crate::{AudioFrame, Codec, EncodedFrame, TimeBase};

/// Samples per second, and ticks of the RTP clock.
const RATE: u32 = 8_000;
/// Samples in 20 ms.
const FRAME_LEN: usize = 160;
/// The most samples in a frame either way: a second.
const MAX_LEN: usize = 8_000;

/// The mu-law byte of a sample.
pub fn encode_mu_law(sample: i16) -> u8 {
    // 14 bits count, and the ones' complement of a negative number is its size less one.
    let negative = sample < 0;
    let size = if negative { !sample } else { sample } >> 2;
    let biased = (size + 33).min(0x1fff);
    let segment = (biased >> 6).checked_ilog2().map_or(0, |bit| bit as i16 + 1);
    let mantissa = (biased >> (segment + 1)) & 0x0f;
    let code = !((segment << 4 | mantissa) as u8) & 0x7f;
    if negative { code } else { code | 0x80 }
}

/// The sample of a mu-law byte.
pub fn decode_mu_law(byte: u8) -> i16 {
    let code = !byte;
    let (segment, mantissa) = (code >> 4 & 7, i16::from(code & 0x0f));
    let size = ((mantissa << 1 | 33) << segment) - 33;
    if byte & 0x80 == 0 { -(size << 2) } else { size << 2 }
}

/// The A-law byte of a sample.
pub fn encode_a_law(sample: i16) -> u8 {
    // 12 bits count: the size as above, in the upper ones.
    let negative = sample < 0;
    let size = if negative { !sample } else { sample } >> 4;
    let segment = (size >> 4).checked_ilog2().map_or(0, |bit| bit as i16);
    let exponent = if size > 0x0f { segment + 1 } else { 0 };
    let mantissa = (size >> segment) & 0x0f;
    let code = (exponent << 4 | mantissa) as u8;
    // Even bits are sent inverted.
    (if negative { code } else { code | 0x80 }) ^ 0x55
}

/// The sample of an A-law byte.
pub fn decode_a_law(byte: u8) -> i16 {
    let code = byte ^ 0x55;
    let (segment, mantissa) = (code >> 4 & 7, i16::from(code & 0x0f));
    let middle = mantissa << 4 | 8;
    let size = if segment == 0 { middle } else { (middle | 0x100) << (segment - 1) };
    if code & 0x80 == 0 { -size } else { size }
}

/// Takes 8 kHz mono, 20 ms at a time by preference, any length up to a second.
#[derive(Clone, Copy, Debug)]
pub struct G711Encoder {
    codec: Codec,
    law: fn(i16) -> u8,
}

impl G711Encoder {
    /// For [`Codec::Pcmu`] or [`Codec::Pcma`].
    ///
    /// # Errors
    /// [`CoderError::WrongCodec`] for others.
    pub fn new(codec: Codec) -> Result<Self, CoderError> {
        match codec {
            Codec::Pcmu => Ok(Self { codec, law: encode_mu_law }),
            Codec::Pcma => Ok(Self { codec, law: encode_a_law }),
            _ => Err(CoderError::WrongCodec(codec)),
        }
    }
}

impl AudioEncoder for G711Encoder {
    fn codec(&self) -> Codec {
        self.codec
    }

    fn implementation(&self) -> &'static str {
        "ortica"
    }

    fn sample_rate(&self) -> u32 {
        RATE
    }

    fn channels(&self) -> u8 {
        1
    }

    fn frame_len(&self) -> usize {
        FRAME_LEN
    }

    fn encode(&mut self, frame: &AudioFrame) -> Result<Option<EncodedFrame>, CoderError> {
        let (sample_rate, channels, len) = (frame.sample_rate(), frame.channels(), frame.len());
        if (sample_rate, channels) != (RATE, 1) || !(1..=MAX_LEN).contains(&len) {
            return Err(CoderError::Shape { sample_rate, channels, len });
        }
        let samples = frame.to_s16();
        let data: Bytes = samples.as_s16().unwrap_or_default().iter().map(|&sample| (self.law)(sample)).collect();
        let pts = frame.time_base().rescale(frame.pts(), TimeBase::per_second(RATE));
        let mut encoded = EncodedFrame::new(self.codec, data, pts).with_duration(len as u32);
        encoded.audio_level = Some(frame.level());
        Ok(Some(encoded))
    }

    fn set_bitrate(&mut self, _bits_per_second: u32) -> Result<(), CoderError> {
        Ok(())
    }

    fn set_expected_loss(&mut self, _percent: u8) -> Result<(), CoderError> {
        Ok(())
    }
}

/// Makes 8 kHz mono.
#[derive(Clone, Copy, Debug)]
pub struct G711Decoder {
    codec: Codec,
    law: fn(u8) -> i16,
}

impl G711Decoder {
    /// For [`Codec::Pcmu`] or [`Codec::Pcma`].
    ///
    /// # Errors
    /// [`CoderError::WrongCodec`] for others.
    pub fn new(codec: Codec) -> Result<Self, CoderError> {
        match codec {
            Codec::Pcmu => Ok(Self { codec, law: decode_mu_law }),
            Codec::Pcma => Ok(Self { codec, law: decode_a_law }),
            _ => Err(CoderError::WrongCodec(codec)),
        }
    }
}

impl AudioDecoder for G711Decoder {
    fn codec(&self) -> Codec {
        self.codec
    }

    fn implementation(&self) -> &'static str {
        "ortica"
    }

    fn sample_rate(&self) -> u32 {
        RATE
    }

    fn channels(&self) -> u8 {
        1
    }

    fn decode(&mut self, frame: &EncodedFrame) -> Result<AudioFrame, CoderError> {
        if frame.codec != self.codec {
            return Err(CoderError::WrongCodec(frame.codec));
        }
        if frame.data.is_empty() || frame.data.len() > MAX_LEN {
            return Err(CoderError::Malformed);
        }
        let samples = frame.data.iter().map(|&byte| (self.law)(byte)).collect();
        Ok(AudioFrame::from_s16(samples, RATE, 1)?.with_pts(frame.pts, frame.time_base()))
    }

    /// Silence.
    fn conceal(&mut self, samples: usize) -> Result<AudioFrame, CoderError> {
        if samples > MAX_LEN {
            return Err(CoderError::Shape { sample_rate: RATE, channels: 1, len: samples });
        }
        Ok(AudioFrame::silence(samples, RATE, 1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors hold one 16-bit word a code or sample, least significant byte first.
    fn words(bytes: &[u8]) -> Vec<i16> {
        bytes.as_chunks::<2>().0.iter().map(|&word| i16::from_le_bytes(word)).collect()
    }

    #[test]
    fn mu_law_is_bit_exact_with_the_itu_vectors() {
        let source = words(include_bytes!("../../testdata/g711/sweep.src"));
        let codes = words(include_bytes!("../../testdata/g711/sweep-r.u"));
        let output = words(include_bytes!("../../testdata/g711/sweep-r.u-u"));
        assert_eq!(source.len(), 65_536);
        for ((sample, code), decoded) in source.into_iter().zip(codes).zip(output) {
            assert_eq!(i16::from(encode_mu_law(sample)), code, "encode {sample}");
            assert_eq!(decode_mu_law(code as u8), decoded, "decode {code:#x}");
        }
    }

    #[test]
    fn a_law_is_bit_exact_with_the_itu_vectors() {
        let source = words(include_bytes!("../../testdata/g711/sweep.src"));
        let codes = words(include_bytes!("../../testdata/g711/sweep-r.a"));
        let output = words(include_bytes!("../../testdata/g711/sweep-r.a-a"));
        assert_eq!(source.len(), 65_536);
        for ((sample, code), decoded) in source.into_iter().zip(codes).zip(output) {
            assert_eq!(i16::from(encode_a_law(sample)), code, "encode {sample}");
            assert_eq!(decode_a_law(code as u8), decoded, "decode {code:#x}");
        }
    }

    #[test]
    fn coding_a_decoded_byte_gives_the_byte() {
        for byte in 0..=255 {
            assert_eq!(encode_a_law(decode_a_law(byte)), byte);
            // Mu-law knows two zeros; the negative one comes back as the positive.
            assert_eq!(encode_mu_law(decode_mu_law(byte)), if byte == 0x7f { 0xff } else { byte });
        }
    }

    #[test]
    fn another_shape_is_refused() {
        let mut encoder = G711Encoder::new(Codec::Pcma).unwrap();
        let frame = AudioFrame::silence(960, 48_000, 1).unwrap();
        let error = encoder.encode(&frame).unwrap_err();
        assert_eq!(error, CoderError::Shape { sample_rate: 48_000, channels: 1, len: 960 });
        assert!(G711Encoder::new(Codec::Opus).is_err());
        let mut decoder = G711Decoder::new(Codec::Pcma).unwrap();
        let other = EncodedFrame::new(Codec::Pcmu, vec![0], 0);
        assert_eq!(decoder.decode(&other).unwrap_err(), CoderError::WrongCodec(Codec::Pcmu));
        assert!(decoder.conceal(8_001).is_err());
    }

    #[test]
    fn time_and_level_travel_along() {
        let mut encoder = G711Encoder::new(Codec::Pcmu).unwrap();
        let frame = AudioFrame::from_s16(vec![3_277; 160], 8_000, 1).unwrap().with_pts(90_000, TimeBase::VIDEO);
        let encoded = encoder.encode(&frame).unwrap().unwrap();
        assert_eq!((encoded.pts, encoded.duration, encoded.audio_level), (8_000, 160, Some(20)));
        assert_eq!(G711Decoder::new(Codec::Pcmu).unwrap().decode(&encoded).unwrap().pts(), 8_000);
    }
}
