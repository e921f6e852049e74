//! VP8 by the libvpx of the system.
//!
//! `raw` holds all that is unsafe: an encoder and a decoder that cannot be misused. What to ask of them, and when, is safe
//! code.

mod decoder;
mod encoder;
#[expect(unsafe_code, reason = "calls into libvpx; each with a reason why it is sound")]
mod raw;

pub use decoder::VpxDecoder;
pub use encoder::VpxEncoder;

#[cfg(test)]
mod tests;
