//! Pictures to VP8 and VP9.

use super::format_of;
use super::raw::{Encoder, Format, Settings};
use crate::coder::{CoderError, VideoEncoder, VideoEncoderConfig, built_in_makes_layers};
use crate::frame::{ScalabilityMode, SpatialLayers, TemporalLayer};
use crate::payload::vp9;
use crate::{Codec, EncodedFrame, TimeBase, VideoFrame};

/// Ticks of 90 kHz.
const CLOCK: u32 = 90_000;
/// A layer in space that would have a shorter side than this is not made.
const MIN_LAYER_SIDE: u32 = 16;

/// Encodes VP8 or VP9 in real time: constant bitrate, no lookahead, resilient to loss, key frames when asked for and when the size
/// changes. Of layers in space, lower ones that would have a side below 16 pixels are not made.
pub struct VpxEncoder {
    codec: Codec,
    format: Format,
    config: VideoEncoderConfig,
    // Made with the first picture, and anew with each of another size.
    inner: Option<Inner>,
}

struct Inner {
    encoder: Encoder,
    // As many layers in space as the size has room for.
    scalability: ScalabilityMode,
    width: u32,
    height: u32,
    // The time of the first picture, and of the last one counted from it.
    origin: i64,
    last: Option<i64>,
}

impl VpxEncoder {
    /// An encoder as `config` says; the library is set up with the first picture.
    ///
    /// # Errors
    /// [`CoderError::WrongCodec`] for other codecs, [`CoderError::Configuration`] for a value out of range and for layers with VP8.
    pub fn new(codec: Codec, config: &VideoEncoderConfig) -> Result<Self, CoderError> {
        let format = format_of(codec)?;
        let check = |fits: bool, what| if fits { Ok(()) } else { Err(CoderError::Configuration(what)) };
        check((1..=240).contains(&config.frame_rate), "frame rate")?;
        check(config.threads.is_none_or(|threads| (1..=16).contains(&threads)), "threads")?;
        let max_speed = if format == Format::Vp8 { 16 } else { 9 };
        check(config.speed.is_none_or(|speed| speed <= max_speed), "speed")?;
        check(built_in_makes_layers(codec, config.scalability), "scalability mode")?;
        Ok(Self { codec, format, config: *config, inner: None })
    }

    fn inner(&mut self, frame: &VideoFrame, pts: i64) -> Result<&mut Inner, CoderError> {
        let (width, height) = (frame.width(), frame.height());
        let max_side = max_side(self.format);
        if width > max_side || height > max_side {
            return Err(CoderError::Picture { width, height });
        }
        // The library can shrink in place, but grow only up to the first size: a new one serves both.
        let same = self.inner.take().filter(|inner| (inner.width, inner.height) == (width, height));
        let inner = match same {
            Some(inner) => inner,
            None => {
                let settings = Settings {
                    format: self.format,
                    width,
                    height,
                    threads: self.config.threads_for(width, height),
                    bitrate: self.config.bitrate,
                    speed: self.config.speed.unwrap_or_else(|| speed_for(self.format, width, height)),
                    drop_frames: self.config.drop_frames,
                    scalability: fitting(self.config.scalability, width, height),
                };
                let (encoder, scalability) = (Encoder::new(&settings)?, settings.scalability);
                Inner { encoder, scalability, width, height, origin: pts, last: None }
            }
        };
        Ok(self.inner.insert(inner))
    }
}

impl VideoEncoder for VpxEncoder {
    fn codec(&self) -> Codec {
        self.codec
    }

    fn implementation(&self) -> &'static str {
        "libvpx"
    }

    fn encode(&mut self, frame: &VideoFrame, key_frame: bool) -> Result<Option<EncodedFrame>, CoderError> {
        let pts = frame.time_base().rescale(frame.pts(), TimeBase::VIDEO);
        let usual = CLOCK / self.config.frame_rate;
        let codec = self.codec;
        let inner = self.inner(frame, pts)?;
        let (time, duration) = inner.next_time(pts, usual);
        let Some(packet) = inner.encoder.encode(&frame.to_i420(), time, duration, key_frame)? else { return Ok(None) };
        let mut encoded = EncodedFrame::new(codec, packet.data, pts).with_key_frame(packet.key_frame);
        encoded.duration = duration;
        // No picture refers to one of a layer above its own, so any of them is a place to join those above.
        encoded.layer = packet.temporal_id.map(|id| TemporalLayer { id, sync: true });
        let scalability = inner.scalability;
        encoded.scalability = packet.temporal_id.map(|_| scalability);
        encoded.spatial = layers_in_space(scalability, &encoded);
        // The library speaks of the highest layer in space alone.
        encoded.discardable = packet.discardable && encoded.spatial.is_none();
        Ok(Some(encoded))
    }

    fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), CoderError> {
        self.config.bitrate = bits_per_second;
        match &mut self.inner {
            Some(inner) => inner.encoder.set_bitrate(bits_per_second),
            None => Ok(()),
        }
    }
}

impl Inner {
    /// The time to tell the library and how long the picture lasts. The library wants times that rise, and reads the frame rate
    /// off them: a source that stands still, jumps back or far ahead counts as one that goes on at its `usual` pace.
    fn next_time(&mut self, pts: i64, usual: u32) -> (i64, u32) {
        let Some(last) = self.last else {
            self.last = Some(0);
            return (0, usual);
        };
        let step = pts.saturating_sub(self.origin).saturating_sub(last);
        let duration = u32::try_from(step).ok().filter(|step| (1..=CLOCK * 10).contains(step)).unwrap_or(usual);
        let time = last.saturating_add(duration.into());
        self.origin = pts.saturating_sub(time);
        self.last = Some(time);
        (time, duration)
    }
}

/// The mode with as many layers in space as leave the lowest some pixels.
fn fitting(mode: ScalabilityMode, width: u32, height: u32) -> ScalabilityMode {
    let fits = |mode: &ScalabilityMode| {
        let (over, under) = mode.scale_of(0);
        width.min(height) * over / under >= MIN_LAYER_SIDE
    };
    let mut modes = (1..=mode.spatial_layers()).rev().map(|layers| mode.with_spatial_layers(layers));
    modes.find(fits).unwrap_or(mode.with_spatial_layers(1))
}

/// The layers in space of a picture; `None` if it has but one.
fn layers_in_space(mode: ScalabilityMode, encoded: &EncodedFrame) -> Option<SpatialLayers> {
    if mode.spatial_layers() == 1 {
        return None;
    }
    let count = u8::try_from(vp9::frames(&encoded.data).ok()?.len()).ok()?;
    Some(SpatialLayers::lowest(count, encoded.key_frame || !mode.parts_after_key_frames()))
}

/// The largest side that the codec has words for, in pixels.
fn max_side(format: Format) -> u32 {
    match format {
        Format::Vp8 => 16_383,
        Format::Vp9 => 65_535,
    }
}

fn speed_for(format: Format, width: u32, height: u32) -> u8 {
    match (format, u64::from(width) * u64::from(height)) {
        (Format::Vp9, ..=307_200) => 7,
        _ => 8,
    }
}

impl std::fmt::Debug for VpxEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size = self.inner.as_ref().map(|inner| (inner.width, inner.height));
        f.debug_struct("VpxEncoder")
            .field("codec", &self.codec)
            .field("config", &self.config)
            .field("size", &size)
            .finish()
    }
}
