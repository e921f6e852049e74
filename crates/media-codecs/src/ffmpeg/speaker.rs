//! Sound on its way to a speaker.

use ffmpeg_next::Packet;
use ffmpeg_next::codec::Id;
use ffmpeg_next::format::context::Output;

use super::raw::Description;
use super::{Device, DeviceKind, failed, init, raw};
use crate::container::ContainerError;
use crate::frame::AudioAdapter;
use crate::{AudioFrame, MediaKind, TimeBase};

/// Sampled like this, in two channels.
const SAMPLE_RATE: u32 = 48_000;
const CHANNELS: u8 = 2;
/// Samples per channel that are handed over at once: 10 ms.
const FRAME_LEN: usize = 480;

/// Plays sound on a device.
///
/// It takes sound of any rate, in one channel or two, and plays it without gaps, whatever its times say. What is silent for a while is
/// for the caller to fill: a device that gets nothing is silent, and goes on with what comes.
pub struct Speaker {
    output: Output,
    time_base: TimeBase,
    adapter: AudioAdapter,
    shaped: Vec<AudioFrame>,
    /// Samples per channel that were played.
    played: i64,
    is_finished: bool,
}

impl Speaker {
    /// Opens a device, with options of it by FFmpeg's names, such as `buffer_duration` of PulseAudio.
    ///
    /// # Errors
    /// [`ContainerError`] if the device is none to play on, is not there, or does not know an option.
    pub fn open(device: &Device, options: &[(String, String)]) -> Result<Self, ContainerError> {
        init()?;
        if device.kind != DeviceKind::Speaker {
            return Err(ContainerError::Malformed("device"));
        }
        let mut output = raw::open_output_device(&device.name, &device.format)?;
        let description = Description {
            kind: MediaKind::Audio,
            id: Id::PCM_S16LE,
            extradata: &[],
            size: (0, 0),
            sample_rate: SAMPLE_RATE,
            channels: CHANNELS,
        };
        raw::add_stream(&mut output, &description)?;
        if let Err(error) = raw::write_header(&mut output, options) {
            if matches!(error, ContainerError::UnknownOption(_)) {
                // The device is open by now. This closes it.
                let _ = output.write_trailer();
            }
            return Err(error);
        }
        let chosen = output.stream(0).map(|stream| stream.time_base());
        let chosen =
            chosen.and_then(|it| TimeBase::new(it.numerator().unsigned_abs(), it.denominator().unsigned_abs()));
        let time_base = chosen.unwrap_or(TimeBase::per_second(SAMPLE_RATE));
        let adapter = AudioAdapter::new(SAMPLE_RATE, CHANNELS, FRAME_LEN)?;
        Ok(Self { output, time_base, adapter, shaped: Vec::new(), played: 0, is_finished: false })
    }

    /// Plays sound, as soon as what came before leaves room for it: until then it blocks.
    ///
    /// # Errors
    /// [`ContainerError`] if the device is gone.
    pub fn write(&mut self, sound: &AudioFrame) -> Result<(), ContainerError> {
        self.adapter.push(sound, &mut self.shaped)?;
        self.play()
    }

    /// Plays what is left, and waits for its end.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn finish(mut self) -> Result<(), ContainerError> {
        self.adapter.flush(&mut self.shaped)?;
        self.play()?;
        self.is_finished = true;
        self.output.write_trailer().map_err(failed("av_write_trailer"))
    }

    fn play(&mut self) -> Result<(), ContainerError> {
        let samples = TimeBase::per_second(SAMPLE_RATE);
        for sound in self.shaped.drain(..) {
            let sound = sound.to_s16();
            let bytes: Vec<u8> = sound.as_s16().unwrap_or_default().iter().flat_map(|it| it.to_le_bytes()).collect();
            let mut packet = Packet::copy(&bytes);
            let len = i64::try_from(sound.len()).unwrap_or(0);
            let (time, end) = (self.played, self.played.saturating_add(len));
            let [time, until] = [time, end].map(|at| samples.rescale(at, self.time_base));
            raw::stamp(&mut packet, 0, (time, until - time));
            packet.write(&mut self.output).map_err(failed("av_write_frame"))?;
            self.played = end;
        }
        Ok(())
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        if !self.is_finished {
            // This closes the device.
            let _ = self.output.write_trailer();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::Tone;

    /// Guards: sound of any shape is taken, to its last sample. ALSA has a device that is no hardware.
    #[test]
    fn sound_is_played() {
        let device = Device::new(DeviceKind::Speaker, "alsa", "null");
        let mut speaker = match Speaker::open(&device, &[]) {
            Ok(speaker) => speaker,
            Err(error) => {
                println!("skipped: ALSA has no device without hardware here: {error}");
                return;
            }
        };
        for (rate, channels) in [(48_000, 2), (8_000, 1), (44_100, 2)] {
            // A tenth of a second each.
            for tone in Tone::new(440.0, rate, channels).unwrap().take(5) {
                speaker.write(&tone).unwrap();
            }
        }
        let played = speaker.played;
        assert!((12_000..=14_400).contains(&played) && played % 480 == 0, "{played}");
        speaker.finish().unwrap();
    }

    /// Guards: a device that is not there, or that nothing can be played on, is an error.
    #[test]
    fn what_is_no_speaker_is_an_error() {
        let open = |kind, format: &str, name: &str, options: &[(String, String)]| {
            Speaker::open(&Device::new(kind, format, name), options).err()
        };
        let missing = open(DeviceKind::Speaker, "alsa", "hw:77", &[]);
        assert!(matches!(missing, Some(ContainerError::Io(_) | ContainerError::Library { .. })), "{missing:?}");
        for format in ["mp4", "segment", "betamax"] {
            let none = open(DeviceKind::Speaker, format, "speaker.mp4", &[]);
            assert!(matches!(none, Some(ContainerError::Malformed("device"))), "{format}: {none:?}");
        }
        assert!(!std::path::Path::new("speaker.mp4").exists());
        let camera = open(DeviceKind::Camera, "v4l2", "/dev/video0", &[]);
        assert!(matches!(camera, Some(ContainerError::Malformed("device"))), "{camera:?}");
        let option = [("loudness".to_owned(), "11".to_owned())];
        let unknown = open(DeviceKind::Speaker, "alsa", "null", &option);
        assert!(matches!(&unknown, Some(ContainerError::UnknownOption(name)) if name == "loudness"), "{unknown:?}");
    }
}
