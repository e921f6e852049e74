//! From sound to frames, or to what silence sounds like.

use super::{Coded, Format, Merged};
use ortica_codecs::AudioFrame;
use ortica_codecs::coder::silence::{Activity, SilenceDetector};
use ortica_codecs::coder::{AudioEncoder, CoderError};
use ortica_codecs::frame::AudioAdapter;

/// An encoder with what goes before it.
pub(super) struct AudioCoder {
    pub format: Format,
    pub encoder: Box<dyn AudioEncoder>,
    adapter: AudioAdapter,
    /// Reused.
    shaped: Vec<AudioFrame>,
    expected_loss: u8,
    pub bitrate: u32,
    silence: SilenceDetector,
    /// Nothing was encoded since silence was described.
    is_silent: bool,
}

impl AudioCoder {
    /// An encoder that was set up for so many bits per second.
    pub fn new(format: Format, encoder: Box<dyn AudioEncoder>, bitrate: u32) -> Result<Self, CoderError> {
        let adapter = AudioAdapter::new(encoder.sample_rate(), encoder.channels(), encoder.frame_len())?;
        Ok(Self {
            format,
            encoder,
            adapter,
            shaped: Vec::new(),
            expected_loss: 0,
            bitrate,
            silence: SilenceDetector::default(),
            is_silent: false,
        })
    }

    /// Makes frames of whole stretches of what came; where silence is described, none of it.
    pub fn encode(&mut self, frame: &AudioFrame, merged: &Merged, out: &mut Vec<Coded>) -> Result<(), CoderError> {
        if self.expected_loss != merged.loss_percent {
            self.expected_loss = merged.loss_percent;
            self.encoder.set_expected_loss(merged.loss_percent)?;
        }
        self.shaped.clear();
        self.adapter.push(frame, &mut self.shaped)?;
        for shaped in &self.shaped {
            // Silence is encoded as well: the encoder goes on from there.
            let encoded = self.encoder.encode(shaped)?;
            if self.format.comfort_noise {
                match self.silence.observe(shaped) {
                    Activity::Sound => {}
                    Activity::Described(noise) => {
                        self.is_silent = true;
                        out.push(Coded::Silence(shaped.time_base().duration(shaped.pts()), noise));
                        continue;
                    }
                    Activity::Silence => continue,
                }
            }
            if let Some(mut encoded) = encoded {
                encoded.audio_level = encoded.audio_level.or_else(|| Some(shaped.level()));
                encoded.starts_talkspurt |= std::mem::take(&mut self.is_silent);
                out.push(Coded::Frame(encoded));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::PictureLimits;
    use ortica_codecs::Codec;
    use ortica_codecs::coder::{self, AudioEncoderConfig};
    use ortica_codecs::synthetic::Tone;
    use std::time::Duration;

    /// What becomes of half a second of a tone, a second and a half of nothing and half a second of the tone again.
    fn coded(codec: Codec, comfort_noise: bool) -> Vec<Coded> {
        let form = codec.into();
        let (picture, scalability) = (PictureLimits::default(), Default::default());
        let merged = Merged::new(Format { form, picture, scalability, comfort_noise, copy: 0 });
        let encoder = coder::audio_encoder(codec, &AudioEncoderConfig::default()).unwrap();
        let mut coder = AudioCoder::new(merged.format, encoder, 64_000).unwrap();
        let mut out = Vec::new();
        for (number, tone) in Tone::new(440.0, 48_000, 2).unwrap().take(125).enumerate() {
            let time_base = tone.time_base();
            let silence = AudioFrame::silence(tone.len(), 48_000, 2).unwrap().with_pts(tone.pts(), time_base);
            let sound = if (25..100).contains(&number) { silence } else { tone };
            coder.encode(&sound, &merged, &mut out).unwrap();
        }
        out
    }

    /// The guard: pauses are told, not sent, and the first frame behind one is marked; where that was not agreed on everything is sent.
    #[test]
    fn silence_is_described_where_that_was_agreed() {
        for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722] {
            let frames = coded(codec, false);
            assert!(frames.len() > 120 && frames.iter().all(|coded| matches!(coded, Coded::Frame(_))), "{codec}");
            let coded = coded(codec, true);
            let told: Vec<(Duration, u8)> = coded
                .iter()
                .filter_map(|coded| match coded {
                    Coded::Silence(time, noise) => Some((*time, noise.level())),
                    Coded::Frame(_) => None,
                })
                .collect();
            // Once it has lasted, and a second later; the resampler may let the tone be heard a little before it comes.
            let [(began, _), (again, level), rest @ ..] = told.as_slice() else { panic!("{codec}: {told:?}") };
            assert!(rest.len() <= 1, "{codec}: {told:?}");
            assert!(began.abs_diff(Duration::from_millis(700)) <= Duration::from_millis(40), "{codec}: {began:?}");
            assert_eq!((*again - *began, *level), (Duration::from_secs(1), 127), "{codec}");
            let marked: Vec<usize> = coded
                .iter()
                .enumerate()
                .filter(|(_, coded)| matches!(coded, Coded::Frame(frame) if frame.starts_talkspurt))
                .map(|(at, _)| at)
                .collect();
            let last = coded.iter().rposition(|coded| matches!(coded, Coded::Silence(..))).unwrap();
            assert_eq!(marked, [last + 1], "{codec}");
        }
    }
}
