//! H.264 to pictures.

use openh264::OpenH264API;
use openh264::decoder::{DecodedYUV, Decoder, DecoderConfig};
use openh264::formats::YUVSource;

use super::failed;
use crate::coder::{CoderError, DecoderLimits, VideoDecoder};
use crate::payload::h264::nal::{self, Header};
use crate::payload::h264::parameter_sets::SequenceSet;
use crate::{Codec, ColorSpace, EncodedFrame, PixelFormat, VideoFrame};

/// Decodes H.264. A picture is copied once, out of the library's reference buffers.
pub struct H264Decoder {
    inner: Decoder,
    limits: DecoderLimits,
    // Nothing can be decoded before a key frame, nor after an error.
    needs_key_frame: bool,
    /// As the last sequence parameter set has it.
    colors: ColorSpace,
}

impl H264Decoder {
    /// A decoder that keeps to `limits`.
    ///
    /// # Errors
    /// [`CoderError::Library`] if the library fails to start.
    pub fn new(limits: DecoderLimits) -> Result<Self, CoderError> {
        Ok(Self { inner: start()?, limits, needs_key_frame: true, colors: ColorSpace::default() })
    }

    /// Looks at what the frame announces, since the library takes memory for it before it looks any further.
    fn check(&mut self, data: &[u8]) -> Result<(), CoderError> {
        if data.is_empty() || data.len() > self.limits.max_frame {
            return Err(CoderError::Malformed);
        }
        let (mut units, mut key_frame) = (0, false);
        for unit in nal::split_slice(data) {
            units += 1;
            let kind = unit.first().map_or(0, |first| Header(*first).kind());
            key_frame |= kind == nal::IDR;
            if kind != nal::SPS {
                continue;
            }
            let set = SequenceSet::decode(unit).map_err(|_| CoderError::Malformed)?;
            // What is decoded and not shown takes memory too: no more of it than fills up macroblocks, of two fields at most.
            let needed = set.width.div_ceil(16) * set.height.div_ceil(32) * 2;
            if set.width * set.height > self.limits.max_pixels || set.macroblocks > needed {
                return Err(CoderError::Picture { width: set.width, height: set.height });
            }
            self.colors = set.colors;
        }
        match (units, key_frame || !self.needs_key_frame) {
            (0, _) => Err(CoderError::Malformed),
            (_, true) => Ok(()),
            (_, false) => Err(CoderError::NeedsKeyFrame),
        }
    }
}

impl VideoDecoder for H264Decoder {
    fn codec(&self) -> Codec {
        Codec::H264
    }

    fn implementation(&self) -> &'static str {
        "OpenH264"
    }

    fn decode(&mut self, frame: &EncodedFrame) -> Result<Option<VideoFrame>, CoderError> {
        if frame.codec != Codec::H264 {
            return Err(CoderError::WrongCodec(frame.codec));
        }
        let checked = self.check(&frame.data);
        self.needs_key_frame |= checked.is_err();
        checked?;
        let decoded = match self.inner.decode(&frame.data) {
            Ok(None) => Ok(None),
            Ok(Some(picture)) => copy(&picture).map(Some),
            Err(error) => Err(failed("DecodeFrameNoDelay", &error)),
        };
        self.needs_key_frame = decoded.is_err();
        if decoded.is_err() {
            // Whatever it holds of the stream, nothing of it is to be seen again.
            self.inner = start()?;
        }
        Ok(decoded?.map(|picture| {
            let picture = picture.from_color_space(frame.color_space.unwrap_or(self.colors));
            picture.with_pts(frame.pts, frame.time_base())
        }))
    }
}

fn start() -> Result<Decoder, CoderError> {
    Decoder::with_api_config(OpenH264API::from_source(), DecoderConfig::new())
        .map_err(|error| failed("WelsCreateDecoder", &error))
}

fn copy(picture: &DecodedYUV<'_>) -> Result<VideoFrame, CoderError> {
    let (width, height) = picture.dimensions();
    let (width, height) = (width as u32, height as u32);
    let (y, u, v) = picture.strides();
    let mut bytes = Vec::with_capacity(PixelFormat::I420.byte_len(width, height));
    let half = |side: u32| side.div_ceil(2);
    for (data, stride, (row_len, rows)) in [
        (picture.y(), y, (width, height)),
        (picture.u(), u, (half(width), half(height))),
        (picture.v(), v, (half(width), half(height))),
    ] {
        for row in data.chunks(stride.max(1)).take(rows as usize) {
            bytes.extend_from_slice(row.get(..row_len as usize).ok_or(CoderError::Malformed)?);
        }
    }
    Ok(VideoFrame::from_bytes(PixelFormat::I420, width, height, bytes)?)
}

impl std::fmt::Debug for H264Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("H264Decoder").field("limits", &self.limits).finish_non_exhaustive()
    }
}
