//! VP8 and VP9 by the libvpx of the system.
//!
//! `raw` holds all that is unsafe: an encoder and a decoder that cannot be misused. What to ask of them, and when, is safe
//! code.

mod decoder;
mod encoder;
#[expect(unsafe_code, reason = "calls into libvpx; each with a reason why it is sound")]
mod raw;

pub use decoder::VpxDecoder;
pub use encoder::VpxEncoder;

use self::raw::Format;
use crate::Codec;
use crate::coder::CoderError;

/// What the library calls `codec`.
fn format_of(codec: Codec) -> Result<Format, CoderError> {
    match codec {
        Codec::Vp8 => Ok(Format::Vp8),
        Codec::Vp9 => Ok(Format::Vp9),
        _ => Err(CoderError::WrongCodec(codec)),
    }
}

#[cfg(test)]
mod tests;
