//! libvpx behind two safe types.

use std::ffi::{CStr, c_int, c_ulong};
use std::ptr;

use bytes::Bytes;
use vpx_sys as vpx;
use vpx_sys::vpx_codec_err_t::VPX_CODEC_OK;

use crate::coder::CoderError;
use crate::{PixelFormat, VideoFrame};

/// What an encoder is set up with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub width: u32,
    pub height: u32,
    pub threads: u32,
    pub bitrate: u32,
    pub speed: u8,
    pub drop_frames: bool,
}

/// One compressed picture.
#[derive(Debug)]
pub(super) struct Packet {
    pub data: Bytes,
    pub key_frame: bool,
    pub discardable: bool,
}

/// A context of libvpx, initialised by who made it and destroyed with it.
struct Context(Box<vpx::vpx_codec_ctx>);

// SAFETY: libvpx keeps no thread-local state in a context and its own threads are joined within each call; a context may move
// between threads as long as one uses it at a time, which `&mut` sees to.
unsafe impl Send for Context {}

impl Context {
    /// Makes the result of a call an error that names it.
    fn check(&mut self, call: &'static str, result: vpx::vpx_codec_err_t) -> Result<(), CoderError> {
        if result == VPX_CODEC_OK {
            return Ok(());
        }
        // SAFETY: the function accepts any code and returns a string constant.
        let text = unsafe { CStr::from_ptr(vpx::vpx_codec_err_to_string(result)) };
        Err(CoderError::Library { call, reason: text.to_string_lossy().into_owned() })
    }

    fn as_ptr(&mut self) -> *mut vpx::vpx_codec_ctx {
        &raw mut *self.0
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the context is either initialised, or zeroed, which makes the call return an error and do nothing.
        unsafe { vpx::vpx_codec_destroy(self.as_ptr()) };
    }
}

/// A VP8 encoder for pictures of one size.
pub(super) struct Encoder {
    context: Context,
    config: Box<vpx::vpx_codec_enc_cfg>,
}

// SAFETY: as for the context; the configuration's pointers, which serve two-pass encoding, stay null.
unsafe impl Send for Encoder {}

impl Encoder {
    /// Realtime, constant bitrate, no lookahead, key frames only when asked for.
    pub(super) fn new(settings: &Settings) -> Result<Self, CoderError> {
        let mut config = Box::<vpx::vpx_codec_enc_cfg>::default();
        let mut context = Context(Box::default());
        // SAFETY: the interface is a constant of the library, and the configuration is a valid place to write to.
        let result = unsafe { vpx::vpx_codec_enc_config_default(vpx::vpx_codec_vp8_cx(), &raw mut *config, 0) };
        context.check("vpx_codec_enc_config_default", result)?;
        configure(&mut config, settings);
        // SAFETY: context and configuration are valid, the configuration was filled by the library for this interface, and the
        // version is that of the header the bindings were made from.
        let result = unsafe {
            vpx::vpx_codec_enc_init_ver(
                context.as_ptr(),
                vpx::vpx_codec_vp8_cx(),
                &raw const *config,
                0,
                vpx::VPX_ENCODER_ABI_VERSION as c_int,
            )
        };
        context.check("vpx_codec_enc_init", result)?;
        let mut encoder = Self { context, config };
        use vpx::vp8e_enc_control_id as control;
        // Negative: the speed is fixed rather than a share of the time that a picture lasts.
        encoder.control(control::VP8E_SET_CPUUSED, -c_int::from(settings.speed))?;
        encoder.control(control::VP8E_SET_STATIC_THRESHOLD, 1)?;
        encoder.control(control::VP8E_SET_SCREEN_CONTENT_MODE, 0)?;
        // A key frame may take what 4.5 pictures may on average: a smooth stream rather than a sharp first picture.
        encoder.control(control::VP8E_SET_MAX_INTRA_BITRATE_PCT, 450)?;
        Ok(encoder)
    }

    /// Aims at another bitrate from the next picture on, without a key frame.
    pub(super) fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), CoderError> {
        self.config.rc_target_bitrate = kilobits(bits_per_second);
        // SAFETY: the context is initialised and the configuration is the one it was made with, but for the bitrate.
        let result = unsafe { vpx::vpx_codec_enc_config_set(self.context.as_ptr(), &raw const *self.config) };
        self.context.check("vpx_codec_enc_config_set", result)
    }

    /// Encodes an I420 picture of the encoder's size. `pts`, in ticks of 90 kHz from 0 on, must rise from call to call.
    pub(super) fn encode(
        &mut self,
        frame: &VideoFrame,
        pts: i64,
        duration: u32,
        key_frame: bool,
    ) -> Result<Option<Packet>, CoderError> {
        let wrong_size = CoderError::Picture { width: frame.width(), height: frame.height() };
        if (frame.format(), frame.width(), frame.height()) != (PixelFormat::I420, self.config.g_w, self.config.g_h) {
            return Err(wrong_size);
        }
        let mut image = vpx::vpx_image_t {
            fmt: vpx::vpx_img_fmt::VPX_IMG_FMT_I420,
            w: frame.width(),
            h: frame.height(),
            bit_depth: 8,
            d_w: frame.width(),
            d_h: frame.height(),
            x_chroma_shift: 1,
            y_chroma_shift: 1,
            bps: 12,
            ..empty_image()
        };
        for ((plane, pointer), stride) in frame.planes().zip(&mut image.planes).zip(&mut image.stride) {
            *pointer = plane.data().as_ptr().cast_mut();
            *stride = c_int::try_from(plane.stride()).map_err(|_| wrong_size.clone())?;
        }
        let flags = if key_frame { vpx::VPX_EFLAG_FORCE_KF.into() } else { 0 };
        // SAFETY: the context is initialised. The image says I420 of the frame's size, and a `VideoFrame` guarantees three planes
        // with (at least) that many rows of that many bytes at those strides. The library reads from them during the call only and
        // does not write: it copies the picture before it works on it.
        let result = unsafe {
            vpx::vpx_codec_encode(
                self.context.as_ptr(),
                &raw const image,
                pts,
                c_ulong::from(duration),
                flags,
                vpx::VPX_DL_REALTIME.into(),
            )
        };
        self.context.check("vpx_codec_encode", result)?;
        Ok(self.packet())
    }

    fn packet(&mut self) -> Option<Packet> {
        let mut iterator: vpx::vpx_codec_iter_t = ptr::null();
        let mut packet = None;
        loop {
            // SAFETY: the context is initialised and the iterator began as null; the result is null or valid until the next call
            // that encodes.
            let Some(found) =
                (unsafe { vpx::vpx_codec_get_cx_data(self.context.as_ptr(), &raw mut iterator).as_ref() })
            else {
                return packet;
            };
            if found.kind != vpx::vpx_codec_cx_pkt_kind::VPX_CODEC_CX_FRAME_PKT {
                continue;
            }
            // SAFETY: the kind says which member of the union holds.
            let frame = unsafe { found.data.frame };
            if frame.buf.is_null() || frame.sz == 0 {
                continue;
            }
            // SAFETY: the library says that these bytes are the frame; they are copied before any further call.
            let data = unsafe { std::slice::from_raw_parts(frame.buf.cast::<u8>(), frame.sz as usize) };
            packet = Some(Packet {
                data: Bytes::copy_from_slice(data),
                key_frame: frame.flags & vpx::VPX_FRAME_IS_KEY != 0,
                discardable: frame.flags & vpx::VPX_FRAME_IS_DROPPABLE != 0,
            });
        }
    }

    fn control(&mut self, id: vpx::vp8e_enc_control_id, value: c_int) -> Result<(), CoderError> {
        // SAFETY: the context is initialised, and each control used here takes one int.
        let result = unsafe { vpx::vpx_codec_control_(self.context.as_ptr(), id as c_int, value) };
        self.context.check("vpx_codec_control", result)
    }
}

fn configure(config: &mut vpx::vpx_codec_enc_cfg, settings: &Settings) {
    config.g_w = settings.width;
    config.g_h = settings.height;
    config.g_threads = settings.threads;
    config.g_timebase = vpx::vpx_rational { num: 1, den: 90_000 };
    // Each picture depends on no entropy state of lost ones.
    config.g_error_resilient = 1;
    config.g_pass = vpx::vpx_enc_pass::VPX_RC_ONE_PASS;
    config.g_lag_in_frames = 0;
    config.rc_end_usage = vpx::vpx_rc_mode::VPX_CBR;
    config.rc_target_bitrate = kilobits(settings.bitrate);
    config.rc_dropframe_thresh = if settings.drop_frames { 30 } else { 0 };
    config.rc_resize_allowed = 0;
    config.rc_min_quantizer = 2;
    // The whole range: rather a rough picture than a bitrate that is not kept.
    config.rc_max_quantizer = 63;
    config.rc_undershoot_pct = 100;
    config.rc_overshoot_pct = 15;
    // Milliseconds of stream in the buffer of the rate control. After a change of bitrate it is filled or drained to its new
    // optimum first: 400 ms settle within a second, the usual 1,000 take two.
    config.rc_buf_sz = 400;
    config.rc_buf_initial_sz = 200;
    config.rc_buf_optimal_sz = 240;
    config.kf_mode = vpx::vpx_kf_mode::VPX_KF_DISABLED;
    config.kf_min_dist = 0;
    config.kf_max_dist = i32::MAX as u32;
}

fn kilobits(bits_per_second: u32) -> u32 {
    // The encoder's arithmetic is in 32 bits; a gigabit is far beyond what a picture takes.
    (bits_per_second / 1_000).clamp(1, 1_000_000)
}

fn empty_image() -> vpx::vpx_image_t {
    vpx::vpx_image_t {
        fmt: vpx::vpx_img_fmt::VPX_IMG_FMT_NONE,
        cs: vpx::vpx_color_space::VPX_CS_UNKNOWN,
        range: vpx::vpx_color_range::VPX_CR_STUDIO_RANGE,
        w: 0,
        h: 0,
        bit_depth: 0,
        d_w: 0,
        d_h: 0,
        r_w: 0,
        r_h: 0,
        x_chroma_shift: 0,
        y_chroma_shift: 0,
        planes: [ptr::null_mut(); 4],
        stride: [0; 4],
        bps: 0,
        user_priv: ptr::null_mut(),
        img_data: ptr::null_mut(),
        img_data_owner: 0,
        self_allocd: 0,
        fb_priv: ptr::null_mut(),
    }
}

/// A VP8 decoder.
pub(super) struct Decoder {
    context: Context,
}

impl Decoder {
    /// Works in one thread: the library uses more only where a frame has several token partitions, which senders in real time
    /// do not make.
    pub(super) fn new() -> Result<Self, CoderError> {
        let mut context = Context(Box::default());
        let config = vpx::vpx_codec_dec_cfg { threads: 1, w: 0, h: 0 };
        // SAFETY: context and configuration are valid, the configuration is read during the call only, and the version is that of
        // the header the bindings were made from.
        let result = unsafe {
            vpx::vpx_codec_dec_init_ver(
                context.as_ptr(),
                vpx::vpx_codec_vp8_dx(),
                &raw const config,
                0,
                vpx::VPX_DECODER_ABI_VERSION as c_int,
            )
        };
        context.check("vpx_codec_dec_init", result)?;
        Ok(Self { context })
    }

    /// Decodes one frame, whose announced size the caller has checked.
    pub(super) fn decode(&mut self, data: &[u8]) -> Result<Option<VideoFrame>, CoderError> {
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
        image.map(copy_image).transpose()
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
