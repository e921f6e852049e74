//! Opus by libopus. Always at 48 kHz, whose lower bandwidths the encoder chooses by itself.
//!
//! Source: [RFC 6716](https://www.rfc-editor.org/rfc/rfc6716), [RFC 7587 §3](https://www.rfc-editor.org/rfc/rfc7587#section-3)

use std::time::Duration;

use bytes::Bytes;
use opus::{Application, Bitrate, Channels};

use super::config::AudioContent;
use super::{AudioDecoder, AudioEncoder, AudioEncoderConfig, CoderError};
use crate::payload::opus::{MAX_DURATION, PacketHeader};
use crate::{AudioFrame, Codec, EncodedFrame, TimeBase};

/// Samples per second, and ticks of the RTP clock.
const RATE: u32 = 48_000;
/// The most that an encoder makes of one frame: three of 20 ms in a packet of 60.
const MAX_PACKET: usize = 3 * 1_275 + 7;
/// What a packet of silence that need not be sent is at most long.
const MAX_DTX_PACKET: usize = 2;

/// Encodes 48 kHz sound.
#[derive(Debug)]
pub struct OpusEncoder {
    inner: opus::Encoder,
    channels: u8,
    frame_len: usize,
    dtx: bool,
    // Nothing was sent for the frame before, or there was none.
    silent: bool,
    scratch: Vec<u8>,
}

impl OpusEncoder {
    /// An encoder as `config` says.
    ///
    /// # Errors
    /// [`CoderError::Configuration`] for a value that Opus has no words for.
    pub fn new(config: &AudioEncoderConfig) -> Result<Self, CoderError> {
        let application = match config.content {
            AudioContent::Speech => Application::Voip,
            AudioContent::Music => Application::Audio,
        };
        let mut inner = opus::Encoder::new(RATE, channels(config.channels)?, application)?;
        inner.set_complexity(config.complexity.min(10).into())?;
        inner.set_inband_fec(config.inband_fec)?;
        inner.set_dtx(config.dtx)?;
        let mut encoder = Self {
            inner,
            channels: config.channels,
            frame_len: frame_len(config.frame_duration)?,
            dtx: config.dtx,
            silent: true,
            scratch: vec![0; MAX_PACKET],
        };
        encoder.set_bitrate(config.bitrate)?;
        encoder.set_expected_loss(config.expected_loss)?;
        Ok(encoder)
    }

    /// How far the decoder's sound lags behind the encoder's, in samples: what a file calls pre-skip.
    ///
    /// # Errors
    /// [`CoderError::Library`] if the library does not tell.
    pub fn lookahead(&mut self) -> Result<u16, CoderError> {
        Ok(u16::try_from(self.inner.get_lookahead()?).unwrap_or(0))
    }
}

impl AudioEncoder for OpusEncoder {
    fn codec(&self) -> Codec {
        Codec::Opus
    }

    fn implementation(&self) -> &'static str {
        "libopus"
    }

    fn sample_rate(&self) -> u32 {
        RATE
    }

    fn channels(&self) -> u8 {
        self.channels
    }

    fn frame_len(&self) -> usize {
        self.frame_len
    }

    fn encode(&mut self, frame: &AudioFrame) -> Result<Option<EncodedFrame>, CoderError> {
        let (sample_rate, channels, len) = (frame.sample_rate(), frame.channels(), frame.len());
        if (sample_rate, channels, len) != (RATE, self.channels, self.frame_len) {
            return Err(CoderError::Shape { sample_rate, channels, len });
        }
        let written = match (frame.as_s16(), frame.as_f32()) {
            (Some(samples), _) => self.inner.encode(samples, &mut self.scratch)?,
            (_, Some(samples)) => self.inner.encode_float(samples, &mut self.scratch)?,
            (None, None) => 0,
        };
        if self.dtx && written <= MAX_DTX_PACKET {
            self.silent = true;
            return Ok(None);
        }
        let data = Bytes::copy_from_slice(self.scratch.get(..written).unwrap_or_default());
        let pts = frame.time_base().rescale(frame.pts(), TimeBase::per_second(RATE));
        let mut encoded = EncodedFrame::new(Codec::Opus, data, pts).with_duration(len as u32);
        encoded.starts_talkspurt = std::mem::take(&mut self.silent);
        encoded.audio_level = Some(frame.level());
        Ok(Some(encoded))
    }

    fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), CoderError> {
        let bits = i32::try_from(bits_per_second.clamp(6_000, 510_000)).unwrap_or(510_000);
        Ok(self.inner.set_bitrate(Bitrate::Bits(bits))?)
    }

    fn set_expected_loss(&mut self, percent: u8) -> Result<(), CoderError> {
        Ok(self.inner.set_packet_loss_perc(percent.min(100).into())?)
    }
}

/// Decodes to 48 kHz sound, in the channels that were asked for whatever was sent.
#[derive(Debug)]
pub struct OpusDecoder {
    inner: opus::Decoder,
    channels: u8,
}

impl OpusDecoder {
    /// A decoder to 1 or 2 `channels`.
    ///
    /// # Errors
    /// [`CoderError::Configuration`] for other numbers.
    pub fn new(channels: u8) -> Result<Self, CoderError> {
        Ok(Self { inner: opus::Decoder::new(RATE, self::channels(channels)?)?, channels })
    }

    /// `packet` is empty for what was lost; `previous` asks for the frame before it.
    fn run(&mut self, packet: &[u8], samples: usize, previous: bool) -> Result<AudioFrame, CoderError> {
        let mut out = vec![0; samples * usize::from(self.channels)];
        let written = self.inner.decode(packet, &mut out, previous)?;
        out.truncate(written * usize::from(self.channels));
        Ok(AudioFrame::from_s16(out, RATE, self.channels)?)
    }

    fn check_lost(&self, samples: usize) -> Result<(), CoderError> {
        // The library makes up what is lost in steps of 2.5 ms.
        if samples == 0 || samples > MAX_DURATION as usize || !samples.is_multiple_of(120) {
            return Err(CoderError::Shape { sample_rate: RATE, channels: self.channels, len: samples });
        }
        Ok(())
    }
}

impl AudioDecoder for OpusDecoder {
    fn codec(&self) -> Codec {
        Codec::Opus
    }

    fn implementation(&self) -> &'static str {
        "libopus"
    }

    fn sample_rate(&self) -> u32 {
        RATE
    }

    fn channels(&self) -> u8 {
        self.channels
    }

    fn decode(&mut self, frame: &EncodedFrame) -> Result<AudioFrame, CoderError> {
        if frame.codec != Codec::Opus {
            return Err(CoderError::WrongCodec(frame.codec));
        }
        let header = PacketHeader::decode(&frame.data).map_err(|_| CoderError::Malformed)?;
        let decoded = self.run(&frame.data, header.duration as usize, false)?;
        Ok(decoded.with_pts(frame.pts, frame.time_base()))
    }

    fn conceal(&mut self, samples: usize) -> Result<AudioFrame, CoderError> {
        self.check_lost(samples)?;
        self.run(&[], samples, false)
    }

    fn recover(&mut self, next: &EncodedFrame, samples: usize) -> Result<AudioFrame, CoderError> {
        self.check_lost(samples)?;
        if next.codec != Codec::Opus || PacketHeader::decode(&next.data).is_err() {
            return self.run(&[], samples, false);
        }
        self.run(&next.data, samples, true)
    }
}

impl From<opus::Error> for CoderError {
    fn from(error: opus::Error) -> Self {
        Self::Library { call: error.function(), reason: error.description().to_owned() }
    }
}

fn channels(count: u8) -> Result<Channels, CoderError> {
    match count {
        1 => Ok(Channels::Mono),
        2 => Ok(Channels::Stereo),
        _ => Err(CoderError::Configuration("channels")),
    }
}

fn frame_len(duration: Duration) -> Result<usize, CoderError> {
    [2_500, 5_000, 10_000, 20_000, 40_000, 60_000]
        .into_iter()
        .find(|&micros| duration == Duration::from_micros(micros))
        .and_then(|micros| usize::try_from(micros * u64::from(RATE) / 1_000_000).ok())
        .ok_or(CoderError::Configuration("frame duration"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{Tone, tone_level, tone_purity};

    fn encoder(config: AudioEncoderConfig) -> OpusEncoder {
        OpusEncoder::new(&config).unwrap()
    }

    fn tone(frequency: f64, channels: u8, frames: usize) -> Vec<AudioFrame> {
        Tone::new(frequency, 48_000, channels).unwrap().take(frames).collect()
    }

    fn encode_all(encoder: &mut OpusEncoder, frames: &[AudioFrame]) -> Vec<EncodedFrame> {
        frames.iter().map(|frame| encoder.encode(frame).unwrap().unwrap()).collect()
    }

    fn bits_per_second(frames: &[EncodedFrame]) -> usize {
        frames.iter().map(|frame| frame.data.len()).sum::<usize>() * 8 * 50 / frames.len()
    }

    /// Speech-like: a tone whose level and pitch wander, with noise on it.
    fn babble(frames: usize) -> Vec<AudioFrame> {
        let mut phase = 0.0f64;
        let mut sample = |n: usize| {
            let time = n as f64 / 48_000.0;
            phase += (150.0 + 60.0 * (time * 5.0).sin()) / 48_000.0;
            let voice: f64 = (1..12).map(|k| (phase * std::f64::consts::TAU * f64::from(k)).sin() / f64::from(k)).sum();
            let noise = ((n as u32).wrapping_mul(2_654_435_761) >> 16) as i16;
            (voice * 4_000.0 * (time * 9.0).sin().abs()) as i16 + noise / 64
        };
        let frame = |at: usize, sample: &mut dyn FnMut(usize) -> i16| {
            let samples = (at * 960..(at + 1) * 960).map(sample).collect();
            AudioFrame::from_s16(samples, 48_000, 1).unwrap().with_pts(at as i64 * 960, TimeBase::per_second(48_000))
        };
        (0..frames).map(|at| frame(at, &mut sample)).collect()
    }

    #[test]
    fn a_tone_comes_back_in_mono_and_stereo() {
        for (sent, received) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
            let encoded =
                encode_all(&mut encoder(AudioEncoderConfig::default().with_channels(sent)), &tone(440.0, sent, 10));
            let mut decoder = OpusDecoder::new(received).unwrap();
            let decoded: Vec<AudioFrame> = encoded.iter().map(|frame| decoder.decode(frame).unwrap()).collect();
            let last = decoded.last().unwrap();
            assert_eq!((last.channels(), last.len(), last.pts()), (received, 960, 9 * 960));
            assert!(tone_purity(last, 440.0) > 0.95, "{sent} to {received}");
            assert!((tone_level(last, 440.0) - 0.5).abs() < 0.1, "{sent} to {received}");
        }
    }

    #[test]
    fn the_bitrate_changes_in_place() {
        let mut encoder = encoder(AudioEncoderConfig::default().with_channels(1).with_bitrate(64_000));
        let frames = babble(300);
        let high = bits_per_second(&encode_all(&mut encoder, &frames[..100])[50..]);
        encoder.set_bitrate(16_000).unwrap();
        let low = bits_per_second(&encode_all(&mut encoder, &frames[100..200])[50..]);
        assert!((48_000..80_000).contains(&high), "{high}");
        assert!((12_000..20_000).contains(&low), "{low}");
    }

    #[test]
    fn a_lost_packet_is_recovered_from_the_next_one() {
        let config = AudioEncoderConfig::default().with_channels(1).with_bitrate(24_000).with_expected_loss(30);
        let frames = babble(60);
        let encoded = encode_all(&mut encoder(config), &frames);
        let error = |with_fec: bool| {
            let (mut whole, mut lossy) = (OpusDecoder::new(1).unwrap(), OpusDecoder::new(1).unwrap());
            let mut sum = 0.0;
            for (n, frame) in encoded.iter().enumerate() {
                let expected = whole.decode(frame).unwrap();
                let lost = n % 5 == 4 && n + 1 < encoded.len();
                let actual = match (lost, with_fec) {
                    (false, _) => lossy.decode(frame).unwrap(),
                    (true, true) => lossy.recover(&encoded[n + 1], 960).unwrap(),
                    (true, false) => lossy.conceal(960).unwrap(),
                };
                assert_eq!(actual.len(), 960);
                if lost {
                    let pairs = expected.as_s16().unwrap().iter().zip(actual.as_s16().unwrap());
                    sum += pairs.map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>();
                }
            }
            sum
        };
        assert!(error(true) < error(false) / 2.0, "{} against {}", error(true), error(false));
    }

    #[test]
    fn what_is_lost_is_made_up_from_before() {
        let encoded = encode_all(&mut encoder(AudioEncoderConfig::default()), &tone(440.0, 2, 10));
        let mut decoder = OpusDecoder::new(2).unwrap();
        encoded.iter().for_each(|frame| drop(decoder.decode(frame).unwrap()));
        let made_up = decoder.conceal(960).unwrap();
        assert!(tone_purity(&made_up, 440.0) > 0.8);
        assert!(decoder.conceal(961).is_err() && decoder.conceal(0).is_err() && decoder.conceal(5_880).is_err());
    }

    /// The guard: with DTX silence is not sent, and the first packet after it starts a talkspurt.
    #[test]
    fn pay_3_silence_is_left_out_with_dtx() {
        let mut encoder = encoder(AudioEncoderConfig::default().with_channels(1).with_dtx(true));
        let silence = AudioFrame::silence(960, 48_000, 1).unwrap();
        let speech = babble(100);
        let spoken = speech.iter().filter_map(|frame| encoder.encode(frame).unwrap());
        let spurts: Vec<bool> = spoken.map(|frame| frame.starts_talkspurt).collect();
        assert_eq!(spurts.iter().filter(|starts| **starts).count(), 1);
        assert!(spurts[0] && spurts.len() > 90);
        let sent = (0..200).filter_map(|_| encoder.encode(&silence).unwrap()).count();
        assert!(sent < 40, "{sent} of 200 frames of silence");
        let first = speech.iter().find_map(|frame| encoder.encode(frame).unwrap()).unwrap();
        assert!(first.starts_talkspurt);
    }

    #[test]
    fn without_dtx_every_frame_is_sent() {
        let mut encoder = encoder(AudioEncoderConfig::default());
        let silence = AudioFrame::silence(960, 48_000, 2).unwrap();
        assert!((0..100).all(|_| encoder.encode(&silence).unwrap().is_some()));
    }

    #[test]
    fn every_frame_duration_says_so_in_its_packet() {
        for (micros, len) in
            [(2_500, 120), (5_000, 240), (10_000, 480), (20_000, 960), (40_000, 1_920), (60_000, 2_880)]
        {
            let config = AudioEncoderConfig::default().with_frame_duration(Duration::from_micros(micros));
            let mut encoder = encoder(config);
            let frame = AudioFrame::silence(encoder.frame_len(), 48_000, 2).unwrap();
            let encoded = encoder.encode(&frame).unwrap().unwrap();
            assert_eq!((encoder.frame_len(), encoded.duration), (len, len as u32));
            assert_eq!(PacketHeader::decode(&encoded.data).unwrap().duration, len as u32);
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let new = |config: AudioEncoderConfig| OpusEncoder::new(&config).err();
        let config = AudioEncoderConfig::default;
        assert_eq!(new(config().with_channels(3)), Some(CoderError::Configuration("channels")));
        let odd = config().with_frame_duration(Duration::from_millis(15));
        assert_eq!(new(odd), Some(CoderError::Configuration("frame duration")));
        let frame = AudioFrame::silence(960, 48_000, 1).unwrap();
        assert!(matches!(encoder(config()).encode(&frame), Err(CoderError::Shape { channels: 1, .. })));
        let junk = EncodedFrame::new(Codec::Opus, vec![3 << 3 | 3, 63], 0);
        assert_eq!(OpusDecoder::new(2).unwrap().decode(&junk).unwrap_err(), CoderError::Malformed);
        assert!(OpusDecoder::new(0).is_err());
    }

    #[test]
    fn the_lookahead_is_known() {
        assert_eq!(encoder(AudioEncoderConfig::default()).lookahead().unwrap(), 312);
    }
}
