//! Streams of layers, which VP9 alone has.

use std::ffi::c_int;

use vpx_sys as vpx;
use vpx_sys::vp8e_enc_control_id as control;

use super::encoder::{Encoder, Settings};
use crate::coder::CoderError;
use crate::frame::ScalabilityMode;

/// The library's word for references to the layer below in key frames alone.
const KEY_FRAMES_ALONE: c_int = 2;

impl Encoder {
    /// What holds for the whole stream holds for each layer, which the library does not take for granted.
    pub(super) fn describe_layers(&mut self, settings: &Settings) -> Result<(), CoderError> {
        let mode = settings.scalability;
        let mut layers = vpx::vpx_svc_extra_cfg_t {
            max_quantizers: [c_int::try_from(self.config.rc_max_quantizer).unwrap_or(63); 12],
            min_quantizers: [c_int::try_from(self.config.rc_min_quantizer).unwrap_or(0); 12],
            scaling_factor_num: [1; 12],
            scaling_factor_den: [1; 12],
            speed_per_layer: [settings.speed.into(); 12],
            temporal_layering_mode: self.config.temporal_layering_mode,
            loopfilter_ctrl: [0; 12],
        };
        let scales = layers.scaling_factor_num.iter_mut().zip(&mut layers.scaling_factor_den);
        for (id, (over, under)) in (0..mode.spatial_layers()).zip(scales) {
            let (part, whole) = mode.scale_of(id);
            (*over, *under) = (c_int::try_from(part).unwrap_or(1), c_int::try_from(whole).unwrap_or(1));
        }
        // SAFETY: the context is initialised, and this control takes a pointer to such a struct, which it reads during the call.
        let result = unsafe {
            vpx::vpx_codec_control_(self.context.as_ptr(), control::VP9E_SET_SVC_PARAMETERS as c_int, &raw mut layers)
        };
        self.context.check("vpx_codec_control", result)?;
        if mode.parts_after_key_frames() {
            self.control(control::VP9E_SET_SVC_INTER_LAYER_PRED, KEY_FRAMES_ALONE)?;
        }
        self.drop_whole_pictures()
    }

    /// A picture that is dropped is dropped in all layers, so that the others tell where each layer stands.
    fn drop_whole_pictures(&mut self) -> Result<(), CoderError> {
        let threshold = c_int::try_from(self.config.rc_dropframe_thresh).unwrap_or(0);
        let mut drop = vpx::vpx_svc_frame_drop_t {
            framedrop_thresh: [threshold; 5],
            framedrop_mode: vpx::SVC_LAYER_DROP_MODE_FULL_SUPERFRAME_DROP,
            max_consec_drop: c_int::MAX,
        };
        // SAFETY: as above.
        let result = unsafe {
            vpx::vpx_codec_control_(
                self.context.as_ptr(),
                control::VP9E_SET_SVC_FRAME_DROP_LAYER as c_int,
                &raw mut drop,
            )
        };
        self.context.check("vpx_codec_control", result)
    }

    /// The layer in time of the picture encoded last.
    pub(super) fn temporal_id(&mut self) -> Result<u8, CoderError> {
        let mut id =
            vpx::vpx_svc_layer_id { spatial_layer_id: 0, temporal_layer_id: 0, temporal_layer_id_per_spatial: [0; 5] };
        // SAFETY: the context is initialised, and this control takes a pointer to such a struct, which it writes.
        let result = unsafe {
            vpx::vpx_codec_control_(self.context.as_ptr(), control::VP9E_GET_SVC_LAYER_ID as c_int, &raw mut id)
        };
        self.context.check("vpx_codec_control", result)?;
        Ok(u8::try_from(id.temporal_layer_id).unwrap_or(0))
    }
}

/// Says how many layers there are.
pub(super) fn configure(config: &mut vpx::vpx_codec_enc_cfg, scalability: ScalabilityMode) {
    use vpx::vp9e_temporal_layering_mode as mode;
    if scalability == ScalabilityMode::L1T1 {
        return;
    }
    // Each layer in time halves what is left out.
    let (mode, decimators): (_, &[u32]) = match scalability.temporal_layers() {
        ..=1 => (mode::VP9E_TEMPORAL_LAYERING_MODE_NOLAYERING, &[1]),
        2 => (mode::VP9E_TEMPORAL_LAYERING_MODE_0101, &[2, 1]),
        3.. => (mode::VP9E_TEMPORAL_LAYERING_MODE_0212, &[4, 2, 1]),
    };
    config.temporal_layering_mode = mode as c_int;
    config.ss_number_layers = scalability.spatial_layers().into();
    config.ts_number_layers = scalability.temporal_layers().into();
    config.ts_rate_decimator.iter_mut().zip(decimators).for_each(|(to, from)| *to = *from);
}

/// Gives each layer its part of the bitrate.
pub(super) fn set_bitrate(config: &mut vpx::vpx_codec_enc_cfg, scalability: ScalabilityMode, bits_per_second: u32) {
    let all = kilobits(bits_per_second);
    config.rc_target_bitrate = all;
    if scalability == ScalabilityMode::L1T1 {
        return;
    }
    // What each layer in time takes in percent, those below it included.
    let in_time: &[u32] = match scalability.temporal_layers() {
        ..=1 => &[100],
        2 => &[60, 100],
        3.. => &[40, 60, 100],
    };
    let in_space = in_space(scalability).iter().map(|share| (all * share / 100).max(1));
    let rows = config.layer_target_bitrate.chunks_mut(in_time.len());
    for ((own, sum), row) in in_space.zip(&mut config.ss_target_bitrate).zip(rows) {
        *sum = own;
        row.iter_mut().zip(in_time).for_each(|(to, share)| *to = (own * share / 100).max(1));
    }
}

/// What each layer in space takes in percent, by itself: less for a pixel the higher it is, since it is made of those below.
fn in_space(scalability: ScalabilityMode) -> &'static [u32] {
    let layers = scalability.spatial_layers();
    let are_halves = scalability.scale_of(layers.saturating_sub(2)) == (1, 2);
    match (layers, are_halves) {
        (..=1, _) => &[100],
        (2, true) => &[30, 70],
        (2, false) => &[40, 60],
        (3.., true) => &[12, 28, 60],
        (3.., false) => &[24, 32, 44],
    }
}

fn kilobits(bits_per_second: u32) -> u32 {
    // The encoder's arithmetic is in 32 bits; a gigabit is far beyond what a picture takes.
    (bits_per_second / 1_000).clamp(1, 1_000_000)
}
