//! Frames to pictures.

use std::ffi::c_int;
use std::ptr;

use vpx_sys as vpx;

use super::{Context, Format};
use crate::coder::CoderError;
use crate::{ColorMatrix, ColorSpace, PixelFormat, VideoFrame};

/// A decoder.
pub(in super::super) struct Decoder {
    context: Context,
}

impl Decoder {
    /// Works in one thread: the library uses more only where a frame has several parts, which senders in real time seldom
    /// make.
    pub(in super::super) fn new(format: Format) -> Result<Self, CoderError> {
        let mut context = Context(Box::default());
        let config = vpx::vpx_codec_dec_cfg { threads: 1, w: 0, h: 0 };
        // SAFETY: the functions only name constants of the library.
        let interface = unsafe {
            match format {
                Format::Vp8 => vpx::vpx_codec_vp8_dx(),
                Format::Vp9 => vpx::vpx_codec_vp9_dx(),
            }
        };
        // SAFETY: context and configuration are valid, the configuration is read during the call only, and the version is that of
        // the header the bindings were made from.
        let result = unsafe {
            vpx::vpx_codec_dec_init_ver(
                context.as_ptr(),
                interface,
                &raw const config,
                0,
                vpx::VPX_DECODER_ABI_VERSION as c_int,
            )
        };
        context.check("vpx_codec_dec_init", result)?;
        Ok(Self { context })
    }

    /// Decodes one frame, whose announced size the caller has checked. What its colors are is as the frame says.
    pub(in super::super) fn decode(&mut self, data: &[u8]) -> Result<Option<(VideoFrame, ColorSpace)>, CoderError> {
        let len = u32::try_from(data.len()).map_err(|_| CoderError::Malformed)?;
        // SAFETY: the context is initialised, and the bytes are valid for the length given and read during the call only.
        let result = unsafe { vpx::vpx_codec_decode(self.context.as_ptr(), data.as_ptr(), len, ptr::null_mut(), 0) };
        self.context.check("vpx_codec_decode", result)?;
        if self.is_corrupted()? {
            return Err(CoderError::Malformed);
        }
        let mut iterator: vpx::vpx_codec_iter_t = ptr::null();
        // SAFETY: the context is initialised and the iterator began as null; the result is null or valid until the next call that
        // decodes.
        let image = unsafe { vpx::vpx_codec_get_frame(self.context.as_ptr(), &raw mut iterator).as_ref() };
        image.map(|image| Ok((copy_image(image)?, colors_of(image)))).transpose()
    }

    fn is_corrupted(&mut self) -> Result<bool, CoderError> {
        let mut corrupted: c_int = 0;
        let id = vpx::vp8_dec_control_id::VP8D_GET_FRAME_CORRUPTED as c_int;
        // SAFETY: the context is initialised, and this control takes a pointer to an int, which it writes.
        let result = unsafe { vpx::vpx_codec_control_(self.context.as_ptr(), id, &raw mut corrupted) };
        self.context.check("vpx_codec_control", result)?;
        Ok(corrupted != 0)
    }
}

/// VP8 has no words for them, and the library none for what a picture does not say.
fn colors_of(image: &vpx::vpx_image_t) -> ColorSpace {
    let matrix = match image.cs {
        vpx::vpx_color_space::VPX_CS_BT_709 => ColorMatrix::Bt709,
        vpx::vpx_color_space::VPX_CS_BT_2020 => ColorMatrix::Bt2020,
        _ => ColorMatrix::Bt601,
    };
    ColorSpace { matrix, full_range: image.range == vpx::vpx_color_range::VPX_CR_FULL_RANGE }
}

/// The one copy of a decoded picture: the library's buffers are its references for the next ones.
fn copy_image(image: &vpx::vpx_image_t) -> Result<VideoFrame, CoderError> {
    let (width, height) = (image.d_w, image.d_h);
    crate::frame::check_size(width, height)?;
    if image.fmt != vpx::vpx_img_fmt::VPX_IMG_FMT_I420 || image.planes.iter().take(3).any(|plane| plane.is_null()) {
        return Err(CoderError::Malformed);
    }
    Ok(VideoFrame::painted(PixelFormat::I420, width, height, |planes| {
        let row_lens = [width, width.div_ceil(2), width.div_ceil(2)];
        for (((out, row_len), source), stride) in planes.iter_mut().zip(row_lens).zip(image.planes).zip(image.stride) {
            let mut source = source.cast_const();
            for row in out.chunks_exact_mut(row_len as usize) {
                // SAFETY: the library says that the image holds `d_h` rows of `d_w` pixels in luma and half of each, rounded up, in
                // chroma, each row `stride` bytes after the one before it; the row written to is as long, and ours.
                unsafe { ptr::copy_nonoverlapping(source, row.as_mut_ptr(), row.len()) };
                source = source.wrapping_offset(stride as isize);
            }
        }
    }))
}
