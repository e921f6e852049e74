//! VP8 and VP9 to pictures.

use std::borrow::Cow;

use super::format_of;
use super::raw::{Decoder, Format};
use crate::coder::{CoderError, DecoderLimits, VideoDecoder};
use crate::payload::{vp8, vp9};
use crate::{Codec, EncodedFrame, VideoFrame};

/// Decodes VP8 or VP9 of profile 0. A picture is copied once, out of the library's reference buffers.
pub struct VpxDecoder {
    codec: Codec,
    format: Format,
    inner: Decoder,
    limits: DecoderLimits,
    // Nothing can be decoded before a key frame, nor after an error.
    needs_key_frame: bool,
}

impl VpxDecoder {
    /// A decoder that keeps to `limits`.
    ///
    /// # Errors
    /// [`CoderError::WrongCodec`] for other codecs, [`CoderError::Library`] if the library fails to start.
    pub fn new(codec: Codec, limits: DecoderLimits) -> Result<Self, CoderError> {
        let format = format_of(codec)?;
        Ok(Self { codec, format, inner: Decoder::new(format)?, limits, needs_key_frame: true })
    }

    /// Looks at what the frame announces, since the library takes memory for it before it looks any further. Returns the bytes
    /// for the library.
    fn check<'a>(&self, data: &'a [u8]) -> Result<Cow<'a, [u8]>, CoderError> {
        if data.is_empty() || data.len() > self.limits.max_frame {
            return Err(CoderError::Malformed);
        }
        match self.format {
            Format::Vp8 => self.check_vp8(data).map(|()| Cow::Borrowed(data)),
            Format::Vp9 => self.check_vp9(data),
        }
    }

    fn check_vp8(&self, data: &[u8]) -> Result<(), CoderError> {
        if !vp8::is_key_frame(data) {
            return self.check_start(false);
        }
        let (width, height) = vp8::key_frame_size(data).ok_or(CoderError::Malformed)?;
        self.check_size(width, height)
    }

    fn check_vp9<'a>(&self, data: &'a [u8]) -> Result<Cow<'a, [u8]>, CoderError> {
        let frames = vp9::frames(data).map_err(|_| CoderError::Malformed)?;
        let mut key_frame = false;
        for (index, frame) in frames.iter().enumerate() {
            let header = vp9::FrameHeader::decode(frame).map_err(|_| CoderError::Malformed)?;
            if header.profile != 0 {
                return Err(CoderError::Malformed);
            }
            key_frame |= index == 0 && header.key_frame;
            // Any frame may have a size of its own.
            if let Some((width, height)) = header.size {
                self.check_size(width, height)?;
            }
        }
        self.check_start(key_frame)?;
        match frames.as_slice() {
            // Without an index the library takes what it finds behind a frame for another one.
            [frame] if frame.len() == data.len() => {
                let mut indexed = data.to_vec();
                vp9::append_index(&[u32::try_from(data.len()).map_err(|_| CoderError::Malformed)?], &mut indexed);
                Ok(Cow::Owned(indexed))
            }
            _ => Ok(Cow::Borrowed(data)),
        }
    }

    fn check_start(&self, key_frame: bool) -> Result<(), CoderError> {
        if self.needs_key_frame && !key_frame { Err(CoderError::NeedsKeyFrame) } else { Ok(()) }
    }

    fn check_size(&self, width: u32, height: u32) -> Result<(), CoderError> {
        let pixels = u64::from(width) * u64::from(height);
        if pixels == 0 || pixels > self.limits.max_pixels.into() {
            return Err(CoderError::Picture { width, height });
        }
        Ok(())
    }
}

impl VideoDecoder for VpxDecoder {
    fn codec(&self) -> Codec {
        self.codec
    }

    fn implementation(&self) -> &'static str {
        "libvpx"
    }

    fn decode(&mut self, frame: &EncodedFrame) -> Result<Option<VideoFrame>, CoderError> {
        if frame.codec != self.codec {
            return Err(CoderError::WrongCodec(frame.codec));
        }
        let decoded = self.check(&frame.data).and_then(|data| self.inner.decode(&data));
        self.needs_key_frame = decoded.is_err();
        Ok(decoded?.map(|(picture, colors)| {
            let picture = picture.from_color_space(frame.color_space.unwrap_or(colors));
            picture.with_pts(frame.pts, frame.time_base())
        }))
    }
}

impl std::fmt::Debug for VpxDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VpxDecoder").field("codec", &self.codec).field("limits", &self.limits).finish_non_exhaustive()
    }
}
