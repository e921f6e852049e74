//! G.722: sound of 16 kHz in 64 kbit/s, each band by differences from what was expected of it.
//!
//! Two samples become one byte: the six lower bits are of the band below 4 kHz, the two higher ones of that above. An RTP clock
//! counts bytes, so that it ticks 8,000 times a second, for a mistake in RFC 1890 that was kept.
//!
//! Source: [ITU-T G.722](https://www.itu.int/rec/T-REC-G.722), [RFC 3551 §4.5.2](https://www.rfc-editor.org/rfc/rfc3551#section-4.5.2)

mod band;
mod filter_bank;
mod predictor;

pub use band::Mode;

use bytes::Bytes;

use super::{AudioDecoder, AudioEncoder, CoderError};
use crate::{AudioFrame, Codec, EncodedFrame, TimeBase};
use band::{Higher, Lower};
use filter_bank::FilterBank;

/// Samples per second.
const RATE: u32 = 16_000;
/// Samples in 20 ms.
const FRAME_LEN: usize = 320;
/// The most samples in a frame either way: a second.
const MAX_LEN: usize = 16_000;

/// Takes 16 kHz mono, 20 ms at a time by preference, any even number of samples up to a second.
#[derive(Clone, Debug)]
pub struct G722Encoder {
    filters: FilterBank,
    lower: Lower,
    higher: Higher,
}

impl Default for G722Encoder {
    fn default() -> Self {
        Self { filters: FilterBank::default(), lower: Lower::new(), higher: Higher::new() }
    }
}

impl G722Encoder {
    /// An encoder that has heard nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The byte of two samples.
    fn code(&mut self, samples: [i16; 2]) -> u8 {
        let [lower, higher] = self.filters.split(samples);
        self.higher.encode(higher) << 6 | self.lower.encode(lower)
    }
}

impl AudioEncoder for G722Encoder {
    fn codec(&self) -> Codec {
        Codec::G722
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
        if (sample_rate, channels) != (RATE, 1) || !(2..=MAX_LEN).contains(&len) || !len.is_multiple_of(2) {
            return Err(CoderError::Shape { sample_rate, channels, len });
        }
        let samples = frame.to_s16();
        let (pairs, _) = samples.as_s16().unwrap_or_default().as_chunks::<2>();
        let data: Bytes = pairs.iter().map(|&pair| self.code(pair)).collect();
        let pts = frame.time_base().rescale(frame.pts(), TimeBase::per_second(Codec::G722.clock_rate()));
        let mut encoded = EncodedFrame::new(Codec::G722, data, pts).with_duration((len / 2) as u32);
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

/// Makes 16 kHz mono.
#[derive(Clone, Debug)]
pub struct G722Decoder {
    mode: Mode,
    filters: FilterBank,
    lower: Lower,
    higher: Higher,
}

impl Default for G722Decoder {
    fn default() -> Self {
        Self { mode: Mode::One, filters: FilterBank::default(), lower: Lower::new(), higher: Higher::new() }
    }
}

impl G722Decoder {
    /// A decoder of 64 kbit/s.
    pub fn new() -> Self {
        Self::default()
    }

    /// Leaves bits out that the sender used for something else. RTP has no word for it; applications may agree on it.
    #[must_use]
    pub fn with_mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// The two samples of a byte.
    fn samples(&mut self, code: u8) -> [i16; 2] {
        let (lower, higher) = (self.lower.decode(code & 63, self.mode), self.higher.decode(code >> 6));
        self.filters.join([lower, higher])
    }
}

impl AudioDecoder for G722Decoder {
    fn codec(&self) -> Codec {
        Codec::G722
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
        if frame.codec != Codec::G722 {
            return Err(CoderError::WrongCodec(frame.codec));
        }
        if frame.data.is_empty() || frame.data.len() > MAX_LEN / 2 {
            return Err(CoderError::Malformed);
        }
        let samples = frame.data.iter().flat_map(|&code| self.samples(code)).collect();
        let pts = frame.time_base().rescale(frame.pts, TimeBase::per_second(RATE));
        Ok(AudioFrame::from_s16(samples, RATE, 1)?.with_pts(pts, TimeBase::per_second(RATE)))
    }

    /// Silence; what was learned of the signal stays for the next frame.
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

    const INPUT: &[u8] = include_bytes!("../../../testdata/g722/inpsp.bin");
    const CODES: &[u8] = include_bytes!("../../../testdata/g722/codsp.cod");

    /// The file holds the codes in words of two, the second first.
    fn codes() -> Vec<u8> {
        CODES.as_chunks::<2>().0.iter().flat_map(|&[second, first]| [first, second]).collect()
    }

    fn samples(bytes: &[u8]) -> Vec<i16> {
        bytes.as_chunks::<2>().0.iter().map(|&word| i16::from_le_bytes(word)).collect()
    }

    #[test]
    fn codes_are_those_of_the_itu_vectors() {
        let mut encoder = G722Encoder::new();
        let input = samples(INPUT);
        let made: Vec<u8> = input.as_chunks::<2>().0.iter().map(|&pair| encoder.code(pair)).collect();
        assert_eq!(made.len(), 48_768);
        assert_eq!(made.iter().zip(codes()).position(|(&ours, theirs)| ours != theirs), None);
    }

    #[test]
    fn samples_are_those_of_the_itu_vectors_in_each_mode() {
        let modes = [
            (Mode::One, &include_bytes!("../../../testdata/g722/outsp1.bin")[..]),
            (Mode::Two, include_bytes!("../../../testdata/g722/outsp2.bin")),
            (Mode::Three, include_bytes!("../../../testdata/g722/outsp3.bin")),
        ];
        for (mode, output) in modes {
            let mut decoder = G722Decoder::new().with_mode(mode);
            let decoded: Vec<i16> = codes().into_iter().flat_map(|code| decoder.samples(code)).collect();
            let output = samples(output);
            assert_eq!(decoded.len(), output.len());
            assert_eq!(decoded.iter().zip(&output).position(|(ours, theirs)| ours != theirs), None, "{mode:?}");
        }
    }

    #[test]
    fn extreme_signals_neither_overflow_nor_leave_sixteen_bits() {
        let (mut encoder, mut decoder) = (G722Encoder::new(), G722Decoder::new());
        for turn in 0..4_000_i32 {
            let loudest = [i16::MAX, i16::MIN];
            let pair = [loudest[(turn / 7 % 2) as usize], loudest[(turn / 3 % 2) as usize]];
            decoder.samples(encoder.code(pair));
        }
        // Codes that no encoder makes, and silence behind them, which is heard as such before long.
        for turn in 0..4_000_u32 {
            decoder.samples((turn.wrapping_mul(2_654_435_761) >> 13) as u8);
        }
        let mut silence = G722Encoder::new();
        let last = (0..16_000).map(|_| decoder.samples(silence.code([0, 0]))).last().unwrap();
        assert!(last.iter().all(|sample| sample.abs() < 64), "{last:?}");
    }

    /// RFC 3551 §4.5.2: the clock says 8,000.
    #[test]
    fn pay_3_the_clock_of_g722_ticks_at_half_the_sample_rate() {
        let mut encoder = G722Encoder::new();
        let frame = AudioFrame::from_s16(vec![3_277; 320], RATE, 1).unwrap().with_pts(90_000, TimeBase::VIDEO);
        let encoded = encoder.encode(&frame).unwrap().unwrap();
        assert_eq!((encoded.pts, encoded.duration, encoded.data.len()), (8_000, 160, 160));
        let decoded = G722Decoder::new().decode(&encoded).unwrap();
        assert_eq!((decoded.pts(), decoded.len(), decoded.sample_rate()), (16_000, 320, 16_000));
    }

    #[test]
    fn another_shape_is_refused() {
        let mut encoder = G722Encoder::new();
        for (len, rate, channels) in [(960, 48_000, 1), (320, 16_000, 2), (319, 16_000, 1), (16_002, 16_000, 1)] {
            let frame = AudioFrame::silence(len, rate, channels).unwrap();
            let error = encoder.encode(&frame).unwrap_err();
            assert_eq!(error, CoderError::Shape { sample_rate: rate, channels, len });
        }
        let mut decoder = G722Decoder::new();
        let other = EncodedFrame::new(Codec::Pcmu, vec![0], 0);
        assert_eq!(decoder.decode(&other).unwrap_err(), CoderError::WrongCodec(Codec::Pcmu));
        assert_eq!(decoder.decode(&EncodedFrame::new(Codec::G722, vec![], 0)).unwrap_err(), CoderError::Malformed);
        assert!(decoder.conceal(16_001).is_err());
    }
}
