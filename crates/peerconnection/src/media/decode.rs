//! From whole frames to raw ones, on a worker thread.

use super::output::Output;
use super::remote::RemoteSource;
use super::worker::Job;
use crate::driver::Ticket;
use crate::engine::{Decoded, DecodedReport, ReceivedFrame};
use ortica_codecs::coder::comfort_noise::NoiseGenerator;
use ortica_codecs::coder::{self, AudioDecoder, CoderError, DecoderLimits, VideoDecoder};
use ortica_codecs::payload::comfort_noise::ComfortNoise;
use ortica_codecs::{AudioFrame, Codec, EncodedFrame, MediaKind, TimeBase};
use ortica_core::{Instant, Rng};
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant as Clock};

/// Frames decoded in one run, so that streams of one thread take turns.
const FRAMES_PER_RUN: usize = 4;
/// Lost packets in a row that are made up for; the rest is silence of the network's making.
const MAX_CONCEALED: usize = 10;

/// Decodes what a receiver gives out.
pub(super) struct DecodeJob {
    source: RemoteSource,
    /// Others may read the same receiver.
    ticket: Ticket,
    output: Arc<Output>,
    waker: Waker,
    audio: Option<SoundDecoder>,
    video: Option<Box<dyn VideoDecoder>>,
}

struct SoundDecoder {
    decoder: Box<dyn AudioDecoder>,
    /// Makes silence where its sound is not sent.
    noise: Option<NoiseGenerator>,
    /// Times of the packets that were lost, until the next one tells what it knows of them.
    lost: Vec<i64>,
    /// Samples per channel of a packet, by the last one.
    samples: usize,
}

impl DecodeJob {
    pub fn new(source: RemoteSource, output: Arc<Output>, waker: Waker) -> Self {
        let ticket = source.cell.ticket();
        Self { source, ticket, output, waker, audio: None, video: None }
    }

    fn decode(&mut self, received: &ReceivedFrame) -> Result<(), CoderError> {
        match received {
            ReceivedFrame::Lost { pts, .. } => {
                if let Some(audio) = &mut self.audio
                    && audio.lost.len() < MAX_CONCEALED
                {
                    audio.lost.push(*pts);
                }
                Ok(())
            }
            ReceivedFrame::ComfortNoise { codec, pts, duration, noise } => {
                self.make_noise(*codec, (*pts, *duration), noise)
            }
            ReceivedFrame::Frame { frame, began, .. } => match frame.codec.kind() {
                MediaKind::Audio => self.decode_audio(frame, *began),
                MediaKind::Video => self.decode_video(frame, *began),
            },
        }
    }

    fn decode_audio(&mut self, frame: &EncodedFrame, began: Instant) -> Result<(), CoderError> {
        self.audio.take_if(|audio| audio.decoder.codec() != frame.codec);
        let audio = match &mut self.audio {
            Some(audio) => audio,
            None => self.audio.insert(SoundDecoder::new(frame.codec)?),
        };
        let source = &self.source;
        let implementation = audio.decoder.implementation();
        audio.recover(frame, |sound, time| {
            source.report_decoded(&heard(implementation, &sound, time, None));
            self.output.push_audio(sound);
        })?;
        let started = Clock::now();
        let sound = audio.decoder.decode(frame)?;
        source.report_decoded(&heard(implementation, &sound, started.elapsed(), Some(began)));
        audio.samples = sound.len();
        self.source.measure_audio_level(sound.level());
        self.output.push_audio(sound);
        Ok(())
    }

    /// Makes what silence sounds like, as it was described.
    fn make_noise(
        &mut self,
        codec: Codec,
        (pts, duration): (i64, u32),
        noise: &ComfortNoise,
    ) -> Result<(), CoderError> {
        self.audio.take_if(|audio| audio.decoder.codec() != codec);
        let audio = match &mut self.audio {
            Some(audio) => audio,
            None => self.audio.insert(SoundDecoder::new(codec)?),
        };
        let started = Clock::now();
        let sound = audio.make_noise(pts, duration, noise)?;
        self.source.report_decoded(&heard("ortica", &sound, started.elapsed(), None));
        self.output.push_audio(sound);
        Ok(())
    }

    fn decode_video(&mut self, frame: &EncodedFrame, began: Instant) -> Result<(), CoderError> {
        self.video.take_if(|video| video.codec() != frame.codec);
        let video = match &mut self.video {
            Some(video) => video,
            None => self.video.insert(coder::video_decoder(frame.codec, DecoderLimits::default())?),
        };
        let started = Clock::now();
        if let Some(picture) = video.decode(frame)? {
            let picture = picture.rotated(frame.rotation);
            let (width, height) = (picture.width(), picture.height());
            self.source.report_decoded(&DecodedReport {
                output: Decoded::Picture { key_frame: frame.key_frame, width, height },
                time: started.elapsed(),
                began: Some(began),
                implementation: video.implementation(),
            });
            self.output.push_video(picture);
        }
        Ok(())
    }
}

impl SoundDecoder {
    fn new(codec: Codec) -> Result<Self, CoderError> {
        Ok(Self { decoder: coder::audio_decoder(codec)?, noise: None, lost: Vec::new(), samples: 0 })
    }

    /// So many ticks of noise, in the shape of the decoder's sound.
    fn make_noise(&mut self, pts: i64, ticks: u32, noise: &ComfortNoise) -> Result<AudioFrame, CoderError> {
        self.lost.clear();
        let sample_rate = self.decoder.sample_rate();
        let (from, to) = (TimeBase::per_second(self.decoder.codec().clock_rate()), TimeBase::per_second(sample_rate));
        // It need not be the same in two calls, nor be kept from anybody.
        let generator = self.noise.get_or_insert_with(|| NoiseGenerator::new(noise.clone(), Rng::from_number(0)));
        generator.set(noise.clone());
        let samples = usize::try_from(from.rescale(ticks.into(), to)).unwrap_or(0);
        let sound = generator.generate(samples, sample_rate)?;
        Ok(sound.to_channels(self.decoder.channels())?.with_pts(from.rescale(pts, to), to))
    }

    /// Makes up for what was lost before `next`: the last packet from what `next` carries of it, those before from nothing.
    fn recover(&mut self, next: &EncodedFrame, mut out: impl FnMut(AudioFrame, Duration)) -> Result<(), CoderError> {
        let lost = std::mem::take(&mut self.lost);
        if self.samples == 0 {
            return Ok(());
        }
        let to = TimeBase::per_second(self.decoder.sample_rate());
        let count = lost.len();
        for (at, pts) in lost.into_iter().enumerate() {
            let started = Clock::now();
            let sound = if at + 1 == count {
                self.decoder.recover(next, self.samples)?
            } else {
                self.decoder.conceal(self.samples)?
            };
            out(sound.with_pts(next.time_base().rescale(pts, to), to), started.elapsed());
        }
        Ok(())
    }
}

/// What statistics hear of a stretch of sound; without `began` it was made up.
fn heard(implementation: &'static str, sound: &AudioFrame, time: Duration, began: Option<Instant>) -> DecodedReport {
    let (samples, sample_rate) = (sound.len() as u32, sound.sample_rate());
    DecodedReport {
        output: Decoded::Sound { samples, sample_rate, level: sound.rms(), concealed: began.is_none() },
        time,
        began,
        implementation,
    }
}

impl Job for DecodeJob {
    fn run(&mut self) -> bool {
        if self.output.is_abandoned() {
            self.source.leave(self.ticket);
            return false;
        }
        for _ in 0..FRAMES_PER_RUN {
            match self.source.poll(self.ticket, &self.waker) {
                None => return false,
                Some(None) => {
                    self.output.end();
                    return false;
                }
                Some(Some(received)) => {
                    if let Err(error) = self.decode(&received) {
                        tracing::debug!(%error, "a frame was not decoded");
                        self.output.count_failed();
                        self.source.request_key_frame();
                    }
                }
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The guard: silence has the shape of the sound around it, its own time, and is as loud as it is described.
    #[test]
    fn silence_has_the_shape_of_the_sound_around_it() {
        for (codec, sample_rate, samples) in [(Codec::Pcmu, 8_000, 160), (Codec::G722, 16_000, 320)] {
            let mut decoder = SoundDecoder::new(codec).unwrap();
            decoder.lost.push(7);
            for (pts, level) in [(800, 30), (960, 60)] {
                let sound = decoder.make_noise(pts, 160, &ComfortNoise::white(level)).unwrap();
                assert_eq!((sound.sample_rate(), sound.channels(), sound.len()), (sample_rate, 1, samples));
                assert_eq!(sound.time_base().duration(sound.pts()), codec_time(codec, pts));
                assert!(sound.level().abs_diff(level) <= 2, "{codec}: {}", sound.level());
            }
            assert!(decoder.lost.is_empty(), "what was lost in silence was silence");
        }
    }

    fn codec_time(codec: Codec, pts: i64) -> Duration {
        TimeBase::per_second(codec.clock_rate()).duration(pts)
    }
}
