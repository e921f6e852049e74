//! H.264 by OpenH264, built from source.
//!
//! The encoder makes Baseline, Main and High streams of pictures up to 3840 by 2160; the decoder reads those, progressive and
//! with 8 bits in 4:2:0. The licence of the library (BSD-2-Clause) grants none to the patents on H.264: Cisco pays for the binary
//! that it distributes itself, not for a build from source. Who ships one sees to that.
//!
//! `raw` holds what is unsafe: a bitrate that changes while the encoder runs.

mod decoder;
mod encoder;
#[expect(
    unsafe_code,
    reason = "calls an option of OpenH264 that its binding does not wrap; with a reason why it is sound"
)]
mod raw;

pub use decoder::H264Decoder;
pub use encoder::H264Encoder;

use super::CoderError;

fn failed(call: &'static str, error: &openh264::Error) -> CoderError {
    CoderError::Library { call, reason: error.to_string() }
}

#[cfg(test)]
mod tests;
