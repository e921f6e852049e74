//! Pictures by FFmpeg's decoders.

use ffmpeg_next::codec::{self, decoder, threading};
use ffmpeg_next::{Error, Packet, frame};

use super::frames::Pictures;
use super::{coder_error, id, init, library, raw};
use crate::codec::Form;
use crate::coder::{CoderError, DecoderLimits, VideoCoderFactory, VideoDecoder, VideoEncoder, VideoEncoderConfig};
use crate::{Codec, EncodedFrame, MediaKind, VideoFrame};

/// Makes FFmpeg's decoders of one codec of pictures, and no encoders.
///
/// Those of AV1 and H.265 are built in, and so are those of VP8, VP9 and H.264 where their own libraries are not, or fail. Registered
/// ([`register_video`](crate::coder::register_video)), FFmpeg's is asked first: its decoder of H.264 knows fields and the high profiles,
/// which OpenH264 does not.
///
/// A decoder works on the thread that calls it, and shows each picture at once; where pictures come in another order than they are
/// shown, each call gives the next one to be shown, with that one's time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct VideoDecoders(pub(crate) Codec);

impl VideoDecoders {
    /// Of a codec.
    ///
    /// # Errors
    /// [`CoderError::WrongCodec`] for one of sound.
    pub fn new(codec: Codec) -> Result<Self, CoderError> {
        match codec.kind() {
            MediaKind::Video => Ok(Self(codec)),
            MediaKind::Audio => Err(CoderError::WrongCodec(codec)),
        }
    }
}

impl VideoCoderFactory for VideoDecoders {
    fn codec(&self) -> Codec {
        self.0
    }

    fn can_encode(&self) -> bool {
        false
    }

    /// As this build of FFmpeg has it: some come without H.265.
    fn can_decode(&self) -> bool {
        find(self.0).is_some()
    }

    fn encoder(&self, _: Form, _: &VideoEncoderConfig) -> Result<Box<dyn VideoEncoder>, CoderError> {
        Err(CoderError::NotCompiledIn(self.0))
    }

    fn decoder(&self, limits: DecoderLimits) -> Result<Box<dyn VideoDecoder>, CoderError> {
        Ok(Box::new(PictureDecoder::new(self.0, limits)?))
    }
}

/// Decodes pictures. Each is copied once, out of the library's reference buffers, or converted where it is none of 8-bit 4:2:0.
struct PictureDecoder {
    codec: Codec,
    inner: decoder::Video,
    pictures: Pictures,
    limits: DecoderLimits,
    // Nothing can be decoded before a key frame, nor after an error.
    needs_key_frame: bool,
}

impl PictureDecoder {
    fn new(codec: Codec, limits: DecoderLimits) -> Result<Self, CoderError> {
        init().map_err(coder_error)?;
        let found = find(codec).ok_or(CoderError::NotCompiledIn(codec))?;
        let mut context = codec::Context::new_with_codec(found);
        raw::limit_pixels(&mut context, limits.max_pixels.into());
        // More threads would hold pictures back, one each. The caller has threads of its own.
        context.set_threading(threading::Config::count(1));
        if codec == Codec::Av1 {
            // dav1d would hold pictures back all the same. Decoders of H.264 would take it to mean that nothing is to be put in order.
            context.set_flags(codec::Flags::LOW_DELAY);
        }
        let mut decoder = context.decoder();
        // What is damaged is to be told, so that a key frame is asked for.
        decoder.check(decoder::Check::EXPLODE);
        let inner = decoder.video().map_err(library("avcodec_open2"))?;
        Ok(Self { codec, inner, pictures: Pictures::default(), limits, needs_key_frame: true })
    }

    fn check(&self, frame: &EncodedFrame) -> Result<(), CoderError> {
        if frame.data.is_empty() || frame.data.len() > self.limits.max_frame {
            return Err(CoderError::Malformed);
        }
        if self.needs_key_frame && !frame.key_frame { Err(CoderError::NeedsKeyFrame) } else { Ok(()) }
    }

    /// The last picture to be shown by now.
    fn run(&mut self, frame: &EncodedFrame) -> Result<Option<VideoFrame>, CoderError> {
        let mut packet = Packet::copy(&frame.data);
        packet.set_pts(Some(frame.pts));
        self.inner.send_packet(&packet).map_err(library("avcodec_send_packet"))?;
        let mut shown = None;
        let mut picture = frame::Video::empty();
        loop {
            match self.inner.receive_frame(&mut picture) {
                Ok(()) if picture.is_corrupt() || picture.has_decode_errors() => return Err(CoderError::Malformed),
                Ok(()) => {
                    let pts = picture.timestamp().unwrap_or(frame.pts);
                    let converted = self.pictures.convert(&picture, frame.color_space).map_err(coder_error)?;
                    shown = Some(converted.with_pts(pts, frame.time_base()));
                }
                Err(Error::Other { errno: ffmpeg_next::error::EAGAIN }) => return Ok(shown),
                Err(error) => return Err(library("avcodec_receive_frame")(error)),
            }
        }
    }
}

impl VideoDecoder for PictureDecoder {
    fn codec(&self) -> Codec {
        self.codec
    }

    fn implementation(&self) -> &'static str {
        "FFmpeg"
    }

    fn decode(&mut self, frame: &EncodedFrame) -> Result<Option<VideoFrame>, CoderError> {
        if frame.codec != self.codec {
            return Err(CoderError::WrongCodec(frame.codec));
        }
        let decoded = self.check(frame).and_then(|()| self.run(frame));
        self.needs_key_frame = decoded.is_err();
        if decoded.is_err() {
            // Whatever it holds of the stream, nothing of it is to be seen again.
            self.inner.flush();
        }
        decoded
    }
}

/// FFmpeg's own of AV1 does nothing without a graphics card: the others are by libraries.
fn find(codec: Codec) -> Option<ffmpeg_next::Codec> {
    id(codec).and_then(decoder::find).filter(|found| found.name() != "av1")
}

#[cfg(test)]
mod tests;
