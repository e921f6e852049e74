//! Pictures to frames.

use std::ffi::{c_int, c_ulong};
use std::ptr;

use bytes::Bytes;
use vpx_sys as vpx;
use vpx_sys::vp8e_enc_control_id as control;

use super::{Context, Format, layers};
use crate::coder::CoderError;
use crate::frame::ScalabilityMode;
use crate::{PixelFormat, VideoFrame};

/// What an encoder is set up with.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Settings {
    pub format: Format,
    pub width: u32,
    pub height: u32,
    pub threads: u32,
    pub bitrate: u32,
    pub speed: u8,
    pub drop_frames: bool,
    /// More than one layer with VP9 alone, and in space only as many as the picture is large enough for.
    pub scalability: ScalabilityMode,
}

/// One compressed picture, which an index at its end tells apart where it has several layers in space.
#[derive(Debug)]
pub(in super::super) struct Packet {
    pub data: Bytes,
    pub key_frame: bool,
    pub discardable: bool,
    /// The layer in time, where there are layers of any kind.
    pub temporal_id: Option<u8>,
}

/// An encoder for pictures of one size.
pub(in super::super) struct Encoder {
    pub(super) context: Context,
    scalability: ScalabilityMode,
    pub(super) config: Box<vpx::vpx_codec_enc_cfg>,
}

// SAFETY: as for the context; the configuration's pointers, which serve two-pass encoding, stay null.
unsafe impl Send for Encoder {}

impl Encoder {
    /// Realtime, constant bitrate, no lookahead, key frames only when asked for.
    pub(in super::super) fn new(settings: &Settings) -> Result<Self, CoderError> {
        let mut config = Box::<vpx::vpx_codec_enc_cfg>::default();
        let mut context = Context(Box::default());
        // SAFETY: the functions only name constants of the library.
        let interface = unsafe {
            match settings.format {
                Format::Vp8 => vpx::vpx_codec_vp8_cx(),
                Format::Vp9 => vpx::vpx_codec_vp9_cx(),
            }
        };
        // SAFETY: the interface is a constant of the library, and the configuration is a valid place to write to.
        let result = unsafe { vpx::vpx_codec_enc_config_default(interface, &raw mut *config, 0) };
        context.check("vpx_codec_enc_config_default", result)?;
        configure(&mut config, settings);
        // SAFETY: context and configuration are valid, the configuration was filled by the library for this interface, and the
        // version is that of the header the bindings were made from.
        let result = unsafe {
            vpx::vpx_codec_enc_init_ver(
                context.as_ptr(),
                interface,
                &raw const *config,
                0,
                vpx::VPX_ENCODER_ABI_VERSION as c_int,
            )
        };
        context.check("vpx_codec_enc_init", result)?;
        let mut encoder = Self { context, scalability: settings.scalability, config };
        match settings.format {
            Format::Vp8 => encoder.control_vp8(settings)?,
            Format::Vp9 => encoder.control_vp9(settings)?,
        }
        encoder.control(control::VP8E_SET_STATIC_THRESHOLD, 1)?;
        // A key frame may take what 4.5 pictures may on average: a smooth stream rather than a sharp first picture.
        encoder.control(control::VP8E_SET_MAX_INTRA_BITRATE_PCT, 450)?;
        Ok(encoder)
    }

    fn control_vp8(&mut self, settings: &Settings) -> Result<(), CoderError> {
        // Negative: the speed is fixed rather than a share of the time that a picture lasts.
        self.control(control::VP8E_SET_CPUUSED, -c_int::from(settings.speed))?;
        self.control(control::VP8E_SET_SCREEN_CONTENT_MODE, 0)
    }

    fn control_vp9(&mut self, settings: &Settings) -> Result<(), CoderError> {
        // Before the speed, which the library checks against it.
        self.control(control::VP9E_SET_SVC, c_int::from(self.is_layered()))?;
        if self.is_layered() {
            self.describe_layers(settings)?;
        }
        self.control(control::VP8E_SET_CPUUSED, settings.speed.into())?;
        // Bits go to where they are needed by turns: the mode made for constant bitrates.
        self.control(control::VP9E_SET_AQ_MODE, 3)?;
        self.control(control::VP9E_SET_TUNE_CONTENT, vpx::vp9e_tune_content::VP9E_CONTENT_DEFAULT as c_int)?;
        // Threads work on columns and rows of a picture; the library makes fewer columns of narrow ones.
        let columns = settings.threads.max(1).ilog2();
        self.control(control::VP9E_SET_TILE_COLUMNS, c_int::try_from(columns).unwrap_or(0))?;
        self.control(control::VP9E_SET_ROW_MT, c_int::from(settings.threads > 1))?;
        self.control(control::VP9E_SET_FRAME_PARALLEL_DECODING, 0)
    }

    fn is_layered(&self) -> bool {
        self.scalability != ScalabilityMode::L1T1
    }

    /// Aims at another bitrate from the next picture on, without a key frame.
    pub(in super::super) fn set_bitrate(&mut self, bits_per_second: u32) -> Result<(), CoderError> {
        layers::set_bitrate(&mut self.config, self.scalability, bits_per_second);
        // SAFETY: the context is initialised and the configuration is the one it was made with, but for the bitrate.
        let result = unsafe { vpx::vpx_codec_enc_config_set(self.context.as_ptr(), &raw const *self.config) };
        self.context.check("vpx_codec_enc_config_set", result)
    }

    /// Encodes an I420 picture of the encoder's size. `pts`, in ticks of 90 kHz from 0 on, must rise from call to call.
    pub(in super::super) fn encode(
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
        let mut packet = self.packet();
        if let Some(packet) = packet.as_mut().filter(|_| self.is_layered()) {
            packet.temporal_id = Some(self.temporal_id()?);
        }
        Ok(packet)
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
                temporal_id: None,
            });
        }
    }

    pub(super) fn control(&mut self, id: vpx::vp8e_enc_control_id, value: c_int) -> Result<(), CoderError> {
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
    layers::configure(config, settings.scalability);
    layers::set_bitrate(config, settings.scalability, settings.bitrate);
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
