//! Says which encoding of a media section a packet belongs to, or, in a stream of retransmissions, which it repairs.
//!
//! Source: [RFC 8852 §3.3](https://www.rfc-editor.org/rfc/rfc8852#section-3.3)

use crate::id::Rid;
use ortica_core::DecodeError;

/// The name of the encoding's own identifier in session descriptions.
pub const URI: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
/// The name of the repaired encoding's identifier in session descriptions.
pub const REPAIRED_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";

pub(super) fn decode(data: &[u8]) -> Result<Rid, DecodeError> {
    let text = std::str::from_utf8(data).map_err(|_| DecodeError::Invalid("rid extension"))?;
    Rid::new(text).map_err(|_| DecodeError::Invalid("rid extension"))
}

pub(super) fn encode(rid: &Rid, out: &mut Vec<u8>) {
    out.extend_from_slice(rid.as_str().as_bytes());
}
