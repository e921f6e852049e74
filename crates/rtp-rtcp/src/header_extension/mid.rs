//! Says to which media section a packet belongs.
//!
//! Source: [RFC 9143 §15.1](https://www.rfc-editor.org/rfc/rfc9143#section-15.1)

use crate::id::Mid;
use ortica_core::DecodeError;

/// The name of this extension in session descriptions.
pub const URI: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";

pub(super) fn decode(data: &[u8]) -> Result<Mid, DecodeError> {
    let text = std::str::from_utf8(data).map_err(|_| DecodeError::Invalid("mid extension"))?;
    Mid::new(text).map_err(|_| DecodeError::Invalid("mid extension"))
}

pub(super) fn encode(mid: &Mid, out: &mut Vec<u8>) {
    out.extend_from_slice(mid.as_str().as_bytes());
}
