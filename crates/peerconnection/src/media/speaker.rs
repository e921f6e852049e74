//! Sound that is played on a speaker.
//!
//! ```text
//! MediaSource -> MediaSpeaker::play -> a bounded queue -> one thread per speaker: decode, play
//! ```

use super::devices::DeviceError;
use super::{Frame, MediaSource};
use ortica_codecs::coder::{self, AudioDecoder, CoderError};
use ortica_codecs::container::ContainerError;
use ortica_codecs::ffmpeg::{Device, Speaker};
use ortica_codecs::{AudioFrame, MediaKind};
use std::fmt;
use std::thread;
use tokio::sync::{mpsc, oneshot};

/// Frames between a track and the thread that plays. What is more waits in the track, which drops its oldest.
const QUEUE: usize = 2;

/// Plays tracks of sound on a speaker, one after the other, at the speaker's pace.
///
/// ```no_run
/// use ortica::RemoteTrack;
/// use ortica::media::{DeviceKind, Decoded, MediaSpeaker, devices};
///
/// # async fn listen(track: RemoteTrack) -> Result<(), Box<dyn std::error::Error>> {
/// let all = devices().await?;
/// let device = all.iter().find(|device| device.kind == DeviceKind::Speaker).ok_or("there is no speaker")?;
/// let mut speaker = MediaSpeaker::open(device).await?;
/// // Lost packets are made up for.
/// speaker.play(Decoded(track)).await?;
/// # Ok(())
/// # }
/// ```
pub struct MediaSpeaker {
    device: String,
    to: mpsc::Sender<Frame>,
    /// `None` once it was told.
    done: Option<oneshot::Receiver<Result<(), Failure>>>,
}

enum Failure {
    Decode(CoderError),
    Play(ContainerError),
}

impl MediaSpeaker {
    /// Opens a device.
    ///
    /// # Errors
    /// [`DeviceError::Open`] if it is not there or no speaker, [`DeviceError::Thread`] without a thread to play.
    pub async fn open(device: &Device) -> Result<Self, DeviceError> {
        let (opened, is_opened) = oneshot::channel();
        let (finished, done) = oneshot::channel();
        let (to, from) = mpsc::channel(QUEUE);
        let wanted = device.clone();
        let run = move || match Speaker::open(&wanted, &[]) {
            Ok(speaker) => {
                // Whoever opened it may be gone already: then nothing comes.
                let _ = opened.send(Ok(()));
                let _ = finished.send(run(speaker, from));
            }
            Err(error) => drop(opened.send(Err(error))),
        };
        thread::Builder::new().name("ortica-speaker".to_owned()).spawn(run).map_err(DeviceError::Thread)?;
        let device = device.name.clone();
        match is_opened.await {
            Ok(Ok(())) => Ok(Self { device, to, done: Some(done) }),
            Ok(Err(source)) => Err(DeviceError::Open { device, source }),
            Err(_) => Err(DeviceError::Ended { device }),
        }
    }

    /// Plays a track, raw or encoded, until it ends. Sound that a peer sent and that was lost is left out, unless the track is
    /// [`Decoded`](super::Decoded). Dropping this ends it in between; what was handed over is played.
    ///
    /// # Errors
    /// [`DeviceError::Kind`] for pictures, [`DeviceError::Decode`] for a codec without a decoder, [`DeviceError::Play`] if the device is
    /// gone: after the last two it plays nothing more, and says [`DeviceError::Ended`].
    pub async fn play(&mut self, mut source: impl MediaSource) -> Result<(), DeviceError> {
        if source.kind() != MediaKind::Audio {
            return Err(DeviceError::Kind { device: self.device.clone(), kind: source.kind() });
        }
        while let Some(frame) = source.recv().await {
            if self.to.send(frame).await.is_err() {
                return self.ended().await;
            }
        }
        Ok(())
    }

    /// Waits until everything has been played, and closes the device. Dropping the speaker does the same without waiting.
    ///
    /// # Errors
    /// As [`play`](Self::play).
    pub async fn finish(mut self) -> Result<(), DeviceError> {
        let (closed, _) = mpsc::channel(1);
        self.to = closed;
        self.ended().await
    }

    async fn ended(&mut self) -> Result<(), DeviceError> {
        let device = self.device.clone();
        let Some(done) = self.done.take() else { return Err(DeviceError::Ended { device }) };
        match done.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Failure::Decode(source))) => Err(DeviceError::Decode { device, source }),
            Ok(Err(Failure::Play(source))) => Err(DeviceError::Play { device, source }),
            Err(_) => Err(DeviceError::Ended { device }),
        }
    }
}

impl fmt::Debug for MediaSpeaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaSpeaker").field("device", &self.device).finish_non_exhaustive()
    }
}

fn run(mut speaker: Speaker, mut from: mpsc::Receiver<Frame>) -> Result<(), Failure> {
    let mut decoder = None;
    while let Some(frame) = from.blocking_recv() {
        match raw(frame, &mut decoder) {
            Ok(Some(sound)) => speaker.write(&sound).map_err(Failure::Play)?,
            Ok(None) => {}
            Err(error @ (CoderError::NotCompiledIn(_) | CoderError::WrongCodec(_))) => {
                return Err(Failure::Decode(error));
            }
            Err(error) => tracing::debug!(%error, "a frame was not decoded"),
        }
    }
    speaker.finish().map_err(Failure::Play)
}

/// `None` for what is no sound, or packets of it.
fn raw(frame: Frame, decoder: &mut Option<Box<dyn AudioDecoder>>) -> Result<Option<AudioFrame>, CoderError> {
    let encoded = match frame {
        Frame::Audio(sound) => return Ok(Some(sound)),
        Frame::Encoded { frame, .. } => frame,
        Frame::Video(_) | Frame::Rtp(_) => return Ok(None),
    };
    decoder.take_if(|decoder| decoder.codec() != encoded.codec);
    let decoder = match decoder {
        Some(decoder) => decoder,
        none => none.insert(coder::audio_decoder(encoded.codec)?),
    };
    decoder.decode(&encoded).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::test_media::paced;
    use crate::media::{DeviceKind, devices, test_picture};
    use ortica_codecs::coder::AudioEncoderConfig;
    use ortica_codecs::synthetic::Tone;
    use ortica_codecs::{Codec, EncodedFrame};

    /// The device of ALSA that is no hardware; `None`, which is said, where there is none.
    async fn silent() -> Option<Device> {
        let all = devices().await.expect("FFmpeg starts");
        let found = all.into_iter().find(|it| it.kind == DeviceKind::Speaker && it.name == "null");
        if found.is_none() {
            println!("skipped: ALSA has no device without hardware here");
        }
        found
    }

    fn tone(count: usize) -> impl Iterator<Item = AudioFrame> {
        Tone::new(440.0, 8_000, 1).expect("a tone").take(count)
    }

    /// Guards: raw and encoded sound is played to its end, one track after the other.
    #[tokio::test(start_paused = true)]
    async fn tracks_are_played_one_after_the_other() {
        let Some(device) = silent().await else { return };
        let mut speaker = MediaSpeaker::open(&device).await.expect("it is there");
        speaker.play(paced(MediaKind::Audio, tone(50).collect())).await.expect("raw sound");
        let mut encoder = coder::audio_encoder(Codec::Pcmu, &AudioEncoderConfig::default()).expect("it is built in");
        let encoded: Vec<EncodedFrame> = tone(50).filter_map(|it| encoder.encode(&it).expect("its shape")).collect();
        assert_eq!(encoded.len(), 50);
        speaker.play(paced(MediaKind::Audio, encoded)).await.expect("encoded sound");
        speaker.finish().await.expect("all of it");
    }

    /// Guards: what ended it is told once, and who goes on all the same is told that.
    #[tokio::test]
    async fn who_goes_on_after_an_error_is_told() {
        let (to, from) = mpsc::channel(QUEUE);
        drop(from);
        let (finished, done) = oneshot::channel();
        assert!(finished.send(Err(Failure::Decode(CoderError::NotCompiledIn(Codec::Opus)))).is_ok());
        let mut speaker = MediaSpeaker { device: "null".to_owned(), to, done: Some(done) };
        let mut play = async || speaker.play(paced(MediaKind::Audio, tone(1).collect())).await;
        assert!(matches!(play().await, Err(DeviceError::Decode { .. })));
        assert!(matches!(play().await, Err(DeviceError::Ended { device }) if device == "null"));
        assert!(matches!(speaker.finish().await, Err(DeviceError::Ended { .. })));
    }

    /// Guards: errors name the device, and say what it is.
    #[tokio::test(start_paused = true)]
    async fn errors_name_the_device() {
        let missing = Device::new(DeviceKind::Speaker, "alsa", "hw:77");
        let error = MediaSpeaker::open(&missing).await.expect_err("there is no such device");
        assert!(matches!(&error, DeviceError::Open { device, .. } if device == "hw:77"), "{error:?}");
        let Some(device) = silent().await else { return };
        let mut speaker = MediaSpeaker::open(&device).await.expect("it is there");
        let pictures = test_picture(160, 96, 10).expect("a size");
        let refused = speaker.play(pictures).await;
        assert!(matches!(refused, Err(DeviceError::Kind { kind: MediaKind::Video, .. })), "{refused:?}");
    }
}
