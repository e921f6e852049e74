//! What the binding of OpenH264 does not wrap.

use openh264::encoder::Encoder;
use openh264_sys2::{
    ENCODER_OPTION, ENCODER_OPTION_BITRATE, ENCODER_OPTION_MAX_BITRATE, ENCODER_OPTION_TRACE_LEVEL, SBitrateInfo,
    SPATIAL_LAYER_0, SPATIAL_LAYER_ALL, WELS_LOG_QUIET,
};

use crate::coder::CoderError;

/// Changes what a running encoder aims at and at most takes, in bits per second.
pub(super) fn set_bitrate(encoder: &mut Encoder, before: u32, now: u32) -> Result<(), CoderError> {
    let bitrate = i32::try_from(now).map_err(|_| CoderError::Configuration("bitrate"))?;
    let target = (ENCODER_OPTION_BITRATE, SPATIAL_LAYER_ALL, "SetOption(BITRATE)");
    let most = (ENCODER_OPTION_MAX_BITRATE, SPATIAL_LAYER_0, "SetOption(MAX_BITRATE)");
    // After each of the two the library wants the most not to be below what is aimed at.
    let order = if now > before { [most, target] } else { [target, most] };
    order.into_iter().try_for_each(|(option, layer, call)| {
        let mut info = SBitrateInfo { iLayer: layer, iBitrate: bitrate };
        set(encoder, option, &mut info, call)
    })
}

/// Has an encoder that was not started yet write nothing to the error output.
pub(super) fn silence(encoder: &mut Encoder) -> Result<(), CoderError> {
    set(encoder, ENCODER_OPTION_TRACE_LEVEL, &mut { WELS_LOG_QUIET }, "SetOption(TRACE_LEVEL)")
}

/// `value` is of the type that the option reads.
fn set<T>(encoder: &mut Encoder, option: ENCODER_OPTION, value: &mut T, call: &'static str) -> Result<(), CoderError> {
    // SAFETY: the encoder exists as long as it is borrowed here; the options above read a value of this type through the pointer
    // and do not keep it. No parameter is touched that the binding relies on.
    let code = unsafe { encoder.raw_api().set_option(option, (&raw mut *value).cast()) };
    if code == 0 { Ok(()) } else { Err(CoderError::Library { call, reason: format!("code {code}") }) }
}
