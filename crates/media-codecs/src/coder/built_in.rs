//! The coders that are compiled in.

use super::{
    AudioCoderFactory, AudioDecoder, AudioEncoder, AudioEncoderConfig, CoderError, VideoCoderFactory, g711, g722,
};
#[cfg(any(feature = "vpx", feature = "h264"))]
use super::{DecoderLimits, VideoDecoder, VideoEncoder, VideoEncoderConfig};
use crate::Codec;
#[cfg(feature = "ffmpeg")]
use crate::ffmpeg::VideoDecoders;
use crate::frame::ScalabilityMode;

/// For sound, best liked first.
pub(super) static AUDIO: &[&dyn AudioCoderFactory] = &[
    #[cfg(feature = "opus")]
    &Opus,
    &G722,
    &G711(Codec::Pcmu),
    &G711(Codec::Pcma),
];

/// For pictures, best liked first.
pub(super) static VIDEO: &[&dyn VideoCoderFactory] = &[
    #[cfg(feature = "vpx")]
    &Vpx(Codec::Vp8),
    #[cfg(feature = "vpx")]
    &Vpx(Codec::Vp9),
    #[cfg(feature = "h264")]
    &H264,
    #[cfg(feature = "ffmpeg")]
    &VideoDecoders(Codec::Vp8),
    #[cfg(feature = "ffmpeg")]
    &VideoDecoders(Codec::Vp9),
    #[cfg(feature = "ffmpeg")]
    &VideoDecoders(Codec::H264),
    #[cfg(feature = "ffmpeg")]
    &VideoDecoders(Codec::Av1),
    #[cfg(feature = "ffmpeg")]
    &VideoDecoders(Codec::H265),
];

/// Whether an encoder that may be compiled in makes streams of such layers.
pub(crate) const fn makes_layers(codec: Codec, mode: ScalabilityMode) -> bool {
    matches!((codec, mode), (Codec::Vp9, _) | (_, ScalabilityMode::L1T1))
}

struct G711(Codec);

impl AudioCoderFactory for G711 {
    fn codec(&self) -> Codec {
        self.0
    }

    fn encoder(&self, _: &AudioEncoderConfig) -> Result<Box<dyn AudioEncoder>, CoderError> {
        Ok(Box::new(g711::G711Encoder::new(self.0)?))
    }

    fn decoder(&self) -> Result<Box<dyn AudioDecoder>, CoderError> {
        Ok(Box::new(g711::G711Decoder::new(self.0)?))
    }
}

struct G722;

impl AudioCoderFactory for G722 {
    fn codec(&self) -> Codec {
        Codec::G722
    }

    fn encoder(&self, _: &AudioEncoderConfig) -> Result<Box<dyn AudioEncoder>, CoderError> {
        Ok(Box::new(g722::G722Encoder::new()))
    }

    fn decoder(&self) -> Result<Box<dyn AudioDecoder>, CoderError> {
        Ok(Box::new(g722::G722Decoder::new()))
    }
}

#[cfg(feature = "opus")]
struct Opus;

#[cfg(feature = "opus")]
impl AudioCoderFactory for Opus {
    fn codec(&self) -> Codec {
        Codec::Opus
    }

    fn encoder(&self, config: &AudioEncoderConfig) -> Result<Box<dyn AudioEncoder>, CoderError> {
        Ok(Box::new(super::opus::OpusEncoder::new(config)?))
    }

    fn decoder(&self) -> Result<Box<dyn AudioDecoder>, CoderError> {
        Ok(Box::new(super::opus::OpusDecoder::new(2)?))
    }
}

#[cfg(feature = "vpx")]
struct Vpx(Codec);

#[cfg(feature = "vpx")]
impl VideoCoderFactory for Vpx {
    fn codec(&self) -> Codec {
        self.0
    }

    fn makes_layers(&self, mode: ScalabilityMode) -> bool {
        makes_layers(self.0, mode)
    }

    fn encoder(
        &self,
        form: crate::codec::Form,
        config: &VideoEncoderConfig,
    ) -> Result<Box<dyn VideoEncoder>, CoderError> {
        Ok(Box::new(super::vpx::VpxEncoder::new(form.codec(), config)?))
    }

    fn decoder(&self, limits: DecoderLimits) -> Result<Box<dyn VideoDecoder>, CoderError> {
        Ok(Box::new(super::vpx::VpxDecoder::new(self.0, limits)?))
    }
}

#[cfg(feature = "h264")]
struct H264;

#[cfg(feature = "h264")]
impl VideoCoderFactory for H264 {
    fn codec(&self) -> Codec {
        Codec::H264
    }

    fn encoder(
        &self,
        form: crate::codec::Form,
        config: &VideoEncoderConfig,
    ) -> Result<Box<dyn VideoEncoder>, CoderError> {
        match form {
            crate::codec::Form::H264(form) => Ok(Box::new(super::h264::H264Encoder::new(form, config)?)),
            form => Err(CoderError::WrongCodec(form.codec())),
        }
    }

    fn decoder(&self, limits: DecoderLimits) -> Result<Box<dyn VideoDecoder>, CoderError> {
        Ok(Box::new(super::h264::H264Decoder::new(limits)?))
    }
}
