//! Pictures to H.264.

use std::num::NonZero;
use std::thread;

use openh264::encoder::{
    BitRate, Complexity, Encoder, EncoderConfig, FrameRate, FrameType, IntraFramePeriod, Profile as Tools,
    RateControlMode, UsageType,
};
use openh264::formats::YUVSource;
use openh264::{OpenH264API, Timestamp};

use super::{failed, raw};
use crate::codec::h264::{H264Form, PacketizationMode, Profile};
use crate::coder::{CoderError, RisingClock, VideoEncoder, VideoEncoderConfig, built_in_makes_layers};
use crate::{Codec, EncodedFrame, TimeBase, VideoFrame};

/// The largest picture of the library, lying or standing, and the smallest that has a macroblock, in pixels.
const MAX_SIDES: (u32, u32) = (3_840, 2_160);
const MIN_SIDE: u32 = 16;
/// The longest slice where each has a packet of its own: what is left of 1,200 bytes by headers and what may be beside them.
const MAX_SLICE: u32 = 1_000;
/// The least that the library can be asked for, in bits per second.
const MIN_BITRATE: u32 = 1_000;

/// Encodes H.264 in real time: constant bitrate, no pictures out of order, key frames when asked for and when the size changes,
/// each with its parameter sets. Where the form has no fragments, slices are as short as packets. The last column and row of
/// pictures with odd sides, which the codec has no words for, are left out.
pub struct H264Encoder {
    form: H264Form,
    config: VideoEncoderConfig,
    // Made with the first picture, and anew with each of another size.
    inner: Option<Inner>,
}

struct Inner {
    encoder: Encoder,
    width: u32,
    height: u32,
    clock: RisingClock,
    is_first: bool,
}

impl H264Encoder {
    /// An encoder for a peer that takes `form`; the library is set up with the first picture.
    ///
    /// # Errors
    /// [`CoderError::Configuration`] for a value out of range.
    pub fn new(form: H264Form, config: &VideoEncoderConfig) -> Result<Self, CoderError> {
        let check = |fits: bool, what| if fits { Ok(()) } else { Err(CoderError::Configuration(what)) };
        check((1..=240).contains(&config.frame_rate), "frame rate")?;
        check(config.threads.is_none_or(|threads| (1..=16).contains(&threads)), "threads")?;
        check(config.speed.is_none_or(|speed| speed <= 16), "speed")?;
        check(built_in_makes_layers(Codec::H264, config.scalability), "scalability mode")?;
        check(config.bitrate <= i32::MAX as u32 / 2, "bitrate")?;
        Ok(Self { form, config: *config, inner: None })
    }

    /// The encoder for pictures of that size.
    fn inner(&mut self, width: u32, height: u32) -> Result<&mut Inner, CoderError> {
        let same = self.inner.take().filter(|inner| (inner.width, inner.height) == (width, height));
        let inner = match same {
            Some(inner) => inner,
            None => {
                let mut encoder = Encoder::with_api_config(OpenH264API::from_source(), self.library_config())
                    .map_err(|error| failed("WelsCreateSVCEncoder", &error))?;
                raw::silence(&mut encoder)?;
                Inner { encoder, width, height, clock: RisingClock::new(self.config.frame_rate), is_first: true }
            }
        };
        Ok(self.inner.insert(inner))
    }

    fn library_config(&self) -> EncoderConfig {
        let complexity = match self.config.speed.unwrap_or(8) {
            0..4 => Complexity::High,
            4..8 => Complexity::Medium,
            _ => Complexity::Low,
        };
        let tools = match self.form.profile {
            Profile::ConstrainedBaseline | Profile::Baseline => Tools::Baseline,
            Profile::Main => Tools::Main,
            Profile::ConstrainedHigh | Profile::High => Tools::High,
        };
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let threads = self.config.threads.unwrap_or(1).min(u32::try_from(cores).unwrap_or(1));
        let config = EncoderConfig::new()
            .usage_type(UsageType::CameraVideoRealTime)
            .rate_control_mode(RateControlMode::Bitrate)
            .bitrate(BitRate::from_bps(self.config.bitrate.max(MIN_BITRATE)))
            .max_frame_rate(FrameRate::from_hz(self.config.frame_rate as f32))
            .skip_frames(self.config.drop_frames)
            .scene_change_detect(false)
            .intra_frame_period(IntraFramePeriod::from_num_frames(0))
            .num_threads(threads as u16)
            .complexity(complexity)
            .profile(tools);
        match self.form.packetization_mode {
            PacketizationMode::SingleNalUnit => config.max_slice_len(MAX_SLICE),
            PacketizationMode::NonInterleaved => config,
        }
    }
}

impl VideoEncoder for H264Encoder {
    fn codec(&self) -> Codec {
        Codec::H264
    }

    fn implementation(&self) -> &'static str {
        "OpenH264"
    }

    fn encode(&mut self, frame: &VideoFrame, key_frame: bool) -> Result<Option<EncodedFrame>, CoderError> {
        let pts = frame.time_base().rescale(frame.pts(), TimeBase::VIDEO);
        let picture = even(frame)?;
        let inner = self.inner(picture.width(), picture.height())?;
        let (time, duration) = inner.clock.next(pts);
        // The first one is one by itself, and the library knows nothing before it.
        if key_frame && !inner.is_first {
            inner.encoder.force_intra_frame();
        }
        let time = Timestamp::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let encoded =
            inner.encoder.encode_at(&Picture(&picture), time).map_err(|error| failed("EncodeFrame", &error))?;
        let (key_frame, data) = (matches!(encoded.frame_type(), FrameType::IDR), encoded.to_vec());
        inner.is_first = false;
        if data.is_empty() {
            return Ok(None);
        }
        Ok(Some(EncodedFrame::new(Codec::H264, data, pts).with_key_frame(key_frame).with_duration(duration)))
    }

    fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), CoderError> {
        if bits_per_second > i32::MAX as u32 / 2 {
            return Err(CoderError::Configuration("bitrate"));
        }
        let before = std::mem::replace(&mut self.config.bitrate, bits_per_second).max(MIN_BITRATE);
        // One that has encoded nothing has not begun.
        self.inner.take_if(|inner| inner.is_first);
        match &mut self.inner {
            Some(inner) => raw::set_bitrate(&mut inner.encoder, before, bits_per_second.max(MIN_BITRATE)),
            None => Ok(()),
        }
    }
}

/// The picture in the format of the library, with even sides.
fn even(frame: &VideoFrame) -> Result<VideoFrame, CoderError> {
    let (width, height) = (frame.width(), frame.height());
    let (long, short) = (width.max(height), width.min(height));
    if long > MAX_SIDES.0 || short > MAX_SIDES.1 || short < MIN_SIDE {
        return Err(CoderError::Picture { width, height });
    }
    let frame = frame.to_i420();
    if width % 2 == 0 && height % 2 == 0 { Ok(frame) } else { Ok(frame.crop(0, 0, width & !1, height & !1)?) }
}

/// A picture as the library reads it.
struct Picture<'a>(&'a VideoFrame);

impl Picture<'_> {
    fn plane(&self, index: usize) -> &[u8] {
        self.0.plane(index).map_or(&[], |plane| plane.data())
    }

    fn stride(&self, index: usize) -> usize {
        self.0.plane(index).map_or(0, |plane| plane.stride())
    }
}

impl YUVSource for Picture<'_> {
    fn dimensions(&self) -> (usize, usize) {
        (self.0.width() as usize, self.0.height() as usize)
    }

    fn strides(&self) -> (usize, usize, usize) {
        (self.stride(0), self.stride(1), self.stride(2))
    }

    fn y(&self) -> &[u8] {
        self.plane(0)
    }

    fn u(&self) -> &[u8] {
        self.plane(1)
    }

    fn v(&self) -> &[u8] {
        self.plane(2)
    }
}

impl std::fmt::Debug for H264Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size = self.inner.as_ref().map(|inner| (inner.width, inner.height));
        f.debug_struct("H264Encoder").field("form", &self.form).field("size", &size).finish_non_exhaustive()
    }
}
