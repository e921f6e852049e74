//! Pictures by FFmpeg's encoders, in real time.

mod implementation;

use std::collections::VecDeque;

use ffmpeg_next::codec::{self, encoder, threading};
use ffmpeg_next::format::Pixel;
use ffmpeg_next::util::color;
use ffmpeg_next::{Dictionary, Error, Packet, Rational, frame, picture};

use self::implementation::{Implementation, known};
use super::{coder_error, id, init, library, raw};
use crate::codec::Form;
use crate::coder::{
    CoderError, DecoderLimits, RisingClock, VideoCoderFactory, VideoDecoder, VideoEncoder, VideoEncoderConfig,
};
use crate::frame::ScalabilityMode;
use crate::{Codec, EncodedFrame, MediaKind, PixelFormat, TimeBase, VideoFrame};

/// What every encoder takes, in pixels of a side.
const MIN_SIDE: u32 = 16;
/// The least that is asked for, in bits per second.
const MIN_BITRATE: u32 = 10_000;
/// Pictures that an encoder may keep back.
const MAX_WAITING: usize = 32;
/// Where a bitrate cannot be changed in place, a change of less than this part of it is left alone.
const MIN_CHANGE: u32 = 8;

/// Makes FFmpeg's encoders of one codec of pictures, and no decoders.
///
/// They are for who registers them ([`register_video`](crate::coder::register_video)), and are asked first then: those of H.264 in place of
/// OpenH264, and that of AV1, which nothing else encodes and which is offered from then on where it is decoded too.
///
/// ```
/// use ortica_codecs::Codec;
/// use ortica_codecs::coder;
/// use ortica_codecs::ffmpeg::VideoEncoders;
///
/// // A graphics card where there is one, else x264; and AV1.
/// coder::register_video(VideoEncoders::new(Codec::H264)?.with_names(["h264_nvenc", "h264_qsv", "libx264"]));
/// coder::register_video(VideoEncoders::new(Codec::Av1)?);
/// # Ok::<(), coder::CoderError>(())
/// ```
///
/// Encoders are set up to give each picture at once, and drop none. Pictures have one layer, and even sides: the last column and row of others are left
/// out. Where a bitrate cannot be changed in place (AV1), a change of an eighth or more costs a key frame, and a lesser one is left alone.
#[derive(Clone, Debug)]
pub struct VideoEncoders {
    codec: Codec,
    names: Vec<String>,
}

impl VideoEncoders {
    /// Of a codec: those that are known here, with engines of their own first.
    ///
    /// # Errors
    /// [`CoderError::WrongCodec`] for one of sound.
    pub fn new(codec: Codec) -> Result<Self, CoderError> {
        if codec.kind() != MediaKind::Video {
            return Err(CoderError::WrongCodec(codec));
        }
        let names = known().filter(|it| it.codec == codec).map(|it| it.name.clone().into_owned()).collect();
        Ok(Self { codec, names })
    }

    /// These alone, by FFmpeg's names, first to last. One that is not known here gets no options but a bitrate.
    #[must_use]
    pub fn with_names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.names = names.into_iter().map(Into::into).collect();
        self
    }

    /// The first one that works.
    fn find(&self, form: Form, config: &VideoEncoderConfig) -> Result<Implementation, CoderError> {
        init().map_err(coder_error)?;
        let mut failed = CoderError::NotCompiledIn(self.codec);
        for name in &self.names {
            let implementation = Implementation::named(name, self.codec);
            // A card that is not there is noticed when it is to work.
            match open(&implementation, form, config, (640, 480)) {
                Ok(_) => return Ok(implementation),
                Err(CoderError::NotCompiledIn(_)) => {}
                Err(error) => {
                    tracing::debug!(%error, name, "an encoder does not work here");
                    failed = error;
                }
            }
        }
        Err(failed)
    }
}

impl VideoCoderFactory for VideoEncoders {
    fn codec(&self) -> Codec {
        self.codec
    }

    /// As this build of FFmpeg has them.
    fn can_encode(&self) -> bool {
        self.names.iter().any(|name| encoder::find_by_name(name).is_some())
    }

    fn can_decode(&self) -> bool {
        false
    }

    fn encoder(&self, form: Form, config: &VideoEncoderConfig) -> Result<Box<dyn VideoEncoder>, CoderError> {
        if form.codec() != self.codec {
            return Err(CoderError::WrongCodec(form.codec()));
        }
        let check = |fits: bool, what| if fits { Ok(()) } else { Err(CoderError::Configuration(what)) };
        check((1..=240).contains(&config.frame_rate), "frame rate")?;
        check(config.threads.is_none_or(|threads| (1..=16).contains(&threads)), "threads")?;
        check(config.speed.is_none_or(|speed| speed <= 16), "speed")?;
        check(config.scalability == ScalabilityMode::L1T1, "scalability mode")?;
        check(config.bitrate <= i32::MAX as u32 / 2, "bitrate")?;
        let implementation = self.find(form, config)?;
        Ok(Box::new(PictureEncoder { implementation, form, config: *config, inner: None }))
    }

    fn decoder(&self, _: DecoderLimits) -> Result<Box<dyn VideoDecoder>, CoderError> {
        Err(CoderError::NotCompiledIn(self.codec))
    }
}

struct PictureEncoder {
    implementation: Implementation,
    form: Form,
    config: VideoEncoderConfig,
    // Made with the first picture, and anew with each of another size.
    inner: Option<Inner>,
}

struct Inner {
    encoder: encoder::video::Encoder,
    size: (u32, u32),
    /// Aimed at, in bits per second.
    bitrate: u32,
    clock: RisingClock,
    /// The time of the last picture, in the encoder's ticks of one picture each.
    tick: i64,
    /// Pictures that the encoder has: tick, time and how long the one before lasted, in ticks of 90 kHz.
    waiting: VecDeque<(i64, i64, u32)>,
    packet: Packet,
}

impl PictureEncoder {
    fn inner(&mut self, size: (u32, u32)) -> Result<&mut Inner, CoderError> {
        let inner = match self.inner.take().filter(|inner| inner.size == size) {
            Some(inner) => inner,
            None => Inner {
                encoder: open(&self.implementation, self.form, &self.config, size)?,
                size,
                bitrate: self.config.bitrate,
                clock: RisingClock::new(self.config.frame_rate),
                tick: -1,
                waiting: VecDeque::new(),
                packet: Packet::empty(),
            },
        };
        Ok(self.inner.insert(inner))
    }
}

impl VideoEncoder for PictureEncoder {
    fn codec(&self) -> Codec {
        self.implementation.codec
    }

    fn implementation(&self) -> &'static str {
        self.implementation.label
    }

    fn encode(&mut self, frame: &VideoFrame, key_frame: bool) -> Result<Option<EncodedFrame>, CoderError> {
        let pts = frame.time_base().rescale(frame.pts(), TimeBase::VIDEO);
        let picture = even(frame)?;
        let (codec, frame_rate) = (self.implementation.codec, self.config.frame_rate);
        let inner = self.inner((picture.width(), picture.height()))?;
        let (time, duration) = inner.clock.next(pts);
        let tick = (time.as_secs_f64() * f64::from(frame_rate)).round() as i64;
        inner.tick = tick.max(inner.tick + 1);
        let mut raw = copied(&picture, inner.encoder.format())?;
        raw.set_pts(Some(inner.tick));
        raw.set_kind(if key_frame { picture::Type::I } else { picture::Type::None });
        inner.waiting.push_back((inner.tick, pts, duration));
        if inner.waiting.len() > MAX_WAITING {
            inner.waiting.pop_front();
        }
        inner.encoder.send_frame(&raw).map_err(library("avcodec_send_frame"))?;
        inner.receive(codec)
    }

    fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), CoderError> {
        if bits_per_second > i32::MAX as u32 / 2 {
            return Err(CoderError::Configuration("bitrate"));
        }
        self.config.bitrate = bits_per_second;
        let Some(inner) = &mut self.inner else { return Ok(()) };
        if self.implementation.changes_in_place {
            raw::set_bitrate(&mut inner.encoder, bits_per_second.max(MIN_BITRATE));
            inner.bitrate = bits_per_second;
        } else if bits_per_second.abs_diff(inner.bitrate) >= inner.bitrate / MIN_CHANGE {
            self.inner = None;
        }
        Ok(())
    }
}

impl Inner {
    /// What came of pictures so far: one frame, since encoders are told to keep none back.
    fn receive(&mut self, codec: Codec) -> Result<Option<EncodedFrame>, CoderError> {
        match self.encoder.receive_packet(&mut self.packet) {
            Ok(()) => {}
            Err(Error::Other { errno: ffmpeg_next::error::EAGAIN }) => return Ok(None),
            Err(error) => return Err(library("avcodec_receive_packet")(error)),
        }
        let tick = self.packet.pts().unwrap_or(self.tick);
        let at = self.waiting.iter().position(|(known, ..)| *known == tick).unwrap_or_default();
        let (_, pts, duration) = self.waiting.drain(..=at).next_back().unwrap_or((tick, tick, 0));
        let data = self.packet.data().unwrap_or_default().to_vec();
        let frame = EncodedFrame::new(codec, data, pts).with_key_frame(self.packet.is_key()).with_duration(duration);
        Ok(Some(frame))
    }
}

impl std::fmt::Debug for PictureEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let size = self.inner.as_ref().map(|inner| inner.size);
        f.debug_struct("PictureEncoder").field("name", &self.implementation.name).field("size", &size).finish()
    }
}

/// Sets an encoder up.
fn open(
    implementation: &Implementation,
    form: Form,
    config: &VideoEncoderConfig,
    (width, height): (u32, u32),
) -> Result<encoder::video::Encoder, CoderError> {
    let lack = CoderError::NotCompiledIn(implementation.codec);
    let found = encoder::find_by_name(&implementation.name).ok_or(lack.clone())?;
    // What is asked for by a name of its own may be of another codec.
    if Some(found.id()) != id(implementation.codec) {
        return Err(CoderError::WrongCodec(implementation.codec));
    }
    let takes: Vec<Pixel> = found.video().ok().and_then(|it| it.formats()).map(Iterator::collect).unwrap_or_default();
    let format = [Pixel::YUV420P, Pixel::NV12].into_iter().find(|format| takes.is_empty() || takes.contains(format));
    let mut context = codec::Context::new_with_codec(found);
    context.set_threading(threading::Config {
        kind: threading::Type::Slice,
        count: config.threads_for(width, height) as usize,
        ..threading::Config::default()
    });
    let mut encoder = context.encoder().video().map_err(library("avcodec_alloc_context3"))?;
    encoder.set_width(width);
    encoder.set_height(height);
    encoder.set_format(format.ok_or(lack)?);
    encoder.set_time_base(Rational(1, config.frame_rate as i32));
    encoder.set_frame_rate(Some(Rational(config.frame_rate as i32, 1)));
    encoder.set_max_b_frames(0);
    // Key frames are asked for.
    encoder.set_gop(i32::MAX as u32 >> 1);
    encoder.set_colorspace(color::Space::SMPTE170M);
    encoder.set_color_range(color::Range::MPEG);
    raw::set_bitrate(&mut encoder, config.bitrate.max(MIN_BITRATE));
    let options = implementation.options(form, config);
    let options: Dictionary<'_> = options.iter().map(|(key, value)| (*key, value.as_str())).collect();
    encoder.open_as_with(found, options).map_err(library("avcodec_open2"))
}

/// The picture as I420, with even sides.
fn even(frame: &VideoFrame) -> Result<VideoFrame, CoderError> {
    let (width, height) = (frame.width(), frame.height());
    if width.min(height) < MIN_SIDE {
        return Err(CoderError::Picture { width, height });
    }
    let frame = frame.to_i420();
    if width % 2 == 0 && height % 2 == 0 { Ok(frame) } else { Ok(frame.crop(0, 0, width & !1, height & !1)?) }
}

/// A picture in memory of FFmpeg's.
fn copied(picture: &VideoFrame, format: Pixel) -> Result<frame::Video, CoderError> {
    let picture = match format {
        Pixel::NV12 => picture.to_format(PixelFormat::Nv12),
        _ => picture.clone(),
    };
    let mut raw = frame::Video::new(format, picture.width(), picture.height());
    for (index, plane) in picture.planes().enumerate() {
        let stride = raw.stride(index);
        for (out, row) in raw.data_mut(index).chunks_mut(stride.max(1)).zip(plane.rows()) {
            out.get_mut(..row.len()).ok_or(CoderError::Malformed)?.copy_from_slice(row);
        }
    }
    Ok(raw)
}

#[cfg(test)]
mod tests;
