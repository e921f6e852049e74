//! Whether a peer takes candidates as they come.

use ortica_sdp::{IceOptions, Session};

/// `a=ice-options:trickle`, above the sections or in one.
///
/// Source: [RFC 8838 §4.1](https://www.rfc-editor.org/rfc/rfc8838#section-4.1)
pub(crate) fn is_trickled(sdp: &str) -> bool {
    let Ok(session) = sdp.parse::<Session>() else { return false };
    let says = |options: Option<&IceOptions>| options.is_some_and(|options| options.contains("trickle"));
    says(session.ice_options()) || session.media.iter().any(|media| says(media.ice_options()))
}
