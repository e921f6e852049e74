//! VP8 to pictures.

use super::raw::Decoder;
use crate::coder::{CoderError, DecoderLimits, VideoDecoder};
use crate::payload::vp8::{is_key_frame, key_frame_size};
use crate::{Codec, EncodedFrame, VideoFrame};

/// Decodes VP8. A picture is copied once, out of the library's reference buffers.
pub struct VpxDecoder {
    inner: Decoder,
    limits: DecoderLimits,
    // Nothing can be decoded before a key frame, nor after an error.
    needs_key_frame: bool,
}

impl VpxDecoder {
    /// A decoder that keeps to `limits`.
    ///
    /// # Errors
    /// [`CoderError::Library`] if the library fails to start.
    pub fn new(limits: DecoderLimits) -> Result<Self, CoderError> {
        Ok(Self { inner: Decoder::new()?, limits, needs_key_frame: true })
    }

    /// Looks at what the frame announces, since the library takes memory for it before it looks any further.
    fn check(&self, data: &[u8]) -> Result<(), CoderError> {
        if data.is_empty() || data.len() > self.limits.max_frame {
            return Err(CoderError::Malformed);
        }
        if !is_key_frame(data) {
            return if self.needs_key_frame { Err(CoderError::NeedsKeyFrame) } else { Ok(()) };
        }
        let (width, height) = key_frame_size(data).ok_or(CoderError::Malformed)?;
        if width == 0 || height == 0 || width * height > self.limits.max_pixels {
            return Err(CoderError::Picture { width, height });
        }
        Ok(())
    }
}

impl VideoDecoder for VpxDecoder {
    fn codec(&self) -> Codec {
        Codec::Vp8
    }

    fn decode(&mut self, frame: &EncodedFrame) -> Result<Option<VideoFrame>, CoderError> {
        if frame.codec != Codec::Vp8 {
            return Err(CoderError::WrongCodec(frame.codec));
        }
        let decoded = self.check(&frame.data).and_then(|()| self.inner.decode(&frame.data));
        self.needs_key_frame = decoded.is_err();
        Ok(decoded?.map(|picture| picture.with_pts(frame.pts, frame.time_base())))
    }
}

impl std::fmt::Debug for VpxDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VpxDecoder").field("limits", &self.limits).finish_non_exhaustive()
    }
}
