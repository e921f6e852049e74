//! libvpx behind two safe types.

mod decoder;
mod encoder;
mod layers;

use std::ffi::CStr;

use vpx_sys as vpx;
use vpx_sys::vpx_codec_err_t::VPX_CODEC_OK;

pub(super) use self::decoder::Decoder;
pub(super) use self::encoder::{Encoder, Settings};
use crate::coder::CoderError;

/// What is coded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Format {
    Vp8,
    Vp9,
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
