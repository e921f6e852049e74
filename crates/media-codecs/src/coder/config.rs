//! What encoders are told and decoders keep to.

use std::time::Duration;

use crate::frame::ScalabilityMode;

/// What kind of sound is to be encoded.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum AudioContent {
    /// Voices: what is said stays clear at low bitrates.
    #[default]
    Speech,
    /// Anything: it stays close to the original.
    Music,
}

/// How an audio encoder is to work. What a codec has no use for is ignored.
#[derive(Clone, Copy, Debug)]
pub struct AudioEncoderConfig {
    pub(super) channels: u8,
    pub(super) bitrate: u32,
    pub(super) frame_duration: Duration,
    pub(super) complexity: u8,
    pub(super) inband_fec: bool,
    pub(super) expected_loss: u8,
    pub(super) dtx: bool,
    pub(super) content: AudioContent,
}

impl Default for AudioEncoderConfig {
    fn default() -> Self {
        Self {
            channels: 2,
            bitrate: 64_000,
            frame_duration: Duration::from_millis(20),
            complexity: 5,
            inband_fec: true,
            expected_loss: 0,
            dtx: false,
            content: AudioContent::Speech,
        }
    }
}

impl AudioEncoderConfig {
    /// One channel or two.
    pub fn channels(&self) -> u8 {
        self.channels
    }

    /// One channel or two. Default 2.
    #[must_use]
    pub fn with_channels(mut self, channels: u8) -> Self {
        self.channels = channels;
        self
    }

    /// The bitrate to aim at, in bits per second.
    pub fn bitrate(&self) -> u32 {
        self.bitrate
    }

    /// The bitrate to aim at, in bits per second; Opus takes 6,000 to 510,000. Default 64,000.
    #[must_use]
    pub fn with_bitrate(mut self, bits_per_second: u32) -> Self {
        self.bitrate = bits_per_second;
        self
    }

    /// How long a frame lasts.
    pub fn frame_duration(&self) -> Duration {
        self.frame_duration
    }

    /// How long a frame lasts: for Opus 2.5, 5, 10, 20, 40 or 60 ms. Default 20 ms.
    #[must_use]
    pub fn with_frame_duration(mut self, frame_duration: Duration) -> Self {
        self.frame_duration = frame_duration;
        self
    }

    /// How hard to try, 0 (quick) to 10 (thorough).
    pub fn complexity(&self) -> u8 {
        self.complexity
    }

    /// How hard to try, 0 (quick) to 10 (thorough). Default 5.
    #[must_use]
    pub fn with_complexity(mut self, complexity: u8) -> Self {
        self.complexity = complexity;
        self
    }

    /// Whether a packet may carry a coarse copy of the one before.
    pub fn inband_fec(&self) -> bool {
        self.inband_fec
    }

    /// Whether a packet may carry a coarse copy of the one before, once loss is expected. Default yes.
    #[must_use]
    pub fn with_inband_fec(mut self, inband_fec: bool) -> Self {
        self.inband_fec = inband_fec;
        self
    }

    /// The share of packets expected to be lost, in percent.
    pub fn expected_loss(&self) -> u8 {
        self.expected_loss
    }

    /// The share of packets expected to be lost, in percent. Default 0.
    #[must_use]
    pub fn with_expected_loss(mut self, percent: u8) -> Self {
        self.expected_loss = percent;
        self
    }

    /// Whether silence is left out.
    pub fn dtx(&self) -> bool {
        self.dtx
    }

    /// Whether silence is left out (discontinuous transmission). Default no.
    #[must_use]
    pub fn with_dtx(mut self, dtx: bool) -> Self {
        self.dtx = dtx;
        self
    }

    /// What kind of sound it is.
    pub fn content(&self) -> AudioContent {
        self.content
    }

    /// What kind of sound it is. Default speech.
    #[must_use]
    pub fn with_content(mut self, content: AudioContent) -> Self {
        self.content = content;
        self
    }
}

/// How a video encoder is to work.
#[derive(Clone, Copy, Debug)]
pub struct VideoEncoderConfig {
    pub(crate) bitrate: u32,
    pub(crate) frame_rate: u32,
    pub(crate) threads: Option<u32>,
    pub(crate) speed: Option<u8>,
    pub(crate) drop_frames: bool,
    pub(crate) scalability: ScalabilityMode,
}

impl Default for VideoEncoderConfig {
    fn default() -> Self {
        Self {
            bitrate: 800_000,
            frame_rate: 30,
            threads: None,
            speed: None,
            drop_frames: false,
            scalability: ScalabilityMode::L1T1,
        }
    }
}

impl VideoEncoderConfig {
    /// The bitrate to aim at, in bits per second.
    pub fn bitrate(&self) -> u32 {
        self.bitrate
    }

    /// The bitrate to aim at, in bits per second. Default 800,000.
    #[must_use]
    pub fn with_bitrate(mut self, bits_per_second: u32) -> Self {
        self.bitrate = bits_per_second;
        self
    }

    /// Pictures per second to expect where their times do not tell, 1 to 240.
    pub fn frame_rate(&self) -> u32 {
        self.frame_rate
    }

    /// Pictures per second to expect where their times do not tell, 1 to 240. Default 30.
    #[must_use]
    pub fn with_frame_rate(mut self, frame_rate: u32) -> Self {
        self.frame_rate = frame_rate;
        self
    }

    /// Threads to work in; `None` where the size of the picture is to decide.
    pub fn threads(&self) -> Option<u32> {
        self.threads
    }

    /// Threads to work in, 1 to 16. Default by the size of the picture: 1 up to 640x480, 2 up to 1280x720, 4 above, and no
    /// more than there are cores.
    #[must_use]
    pub fn with_threads(mut self, threads: u32) -> Self {
        self.threads = Some(threads);
        self
    }

    /// How much quality to give up for speed; `None` where the encoder is to decide.
    pub fn speed(&self) -> Option<u8> {
        self.speed
    }

    /// How much quality to give up for speed: 0 to 16 with VP8 and H.264, 0 to 9 with VP9, 5 to 8 with AV1 (of others the nearest). Default 8; 7 with VP9 up to 640x480.
    #[must_use]
    pub fn with_speed(mut self, speed: u8) -> Self {
        self.speed = Some(speed);
        self
    }

    /// Whether pictures may be dropped to keep to the bitrate.
    pub fn drop_frames(&self) -> bool {
        self.drop_frames
    }

    /// Whether pictures may be dropped to keep to the bitrate. Default no.
    #[must_use]
    pub fn with_drop_frames(mut self, drop_frames: bool) -> Self {
        self.drop_frames = drop_frames;
        self
    }

    /// The layers of the stream.
    pub fn scalability_mode(&self) -> ScalabilityMode {
        self.scalability
    }

    /// The layers of the stream; with VP9 alone more than one. Default one.
    #[must_use]
    pub fn with_scalability_mode(mut self, mode: ScalabilityMode) -> Self {
        self.scalability = mode;
        self
    }

    /// Threads for pictures of that size.
    #[cfg(any(feature = "vpx", feature = "ffmpeg"))]
    pub(crate) fn threads_for(&self, width: u32, height: u32) -> u32 {
        let by_size = || {
            let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            let useful = match u64::from(width) * u64::from(height) {
                ..=307_200 => 1,
                307_201..=921_600 => 2,
                _ => 4,
            };
            useful.min(u32::try_from(cores).unwrap_or(1))
        };
        self.threads.unwrap_or_else(by_size)
    }
}

/// What a video decoder refuses before it takes memory.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct DecoderLimits {
    /// Pixels in a picture. Default 4096 x 2304.
    pub max_pixels: u32,
    /// Bytes in a frame. Default 4 MiB.
    pub max_frame: usize,
}

impl Default for DecoderLimits {
    fn default() -> Self {
        Self { max_pixels: 4_096 * 2_304, max_frame: 4 << 20 }
    }
}

impl DecoderLimits {
    /// Sets [`max_pixels`](Self::max_pixels).
    #[must_use]
    pub fn with_max_pixels(mut self, max_pixels: u32) -> Self {
        self.max_pixels = max_pixels;
        self
    }

    /// Sets [`max_frame`](Self::max_frame).
    #[must_use]
    pub fn with_max_frame(mut self, max_frame: usize) -> Self {
        self.max_frame = max_frame;
        self
    }
}
