//! `renegotiation_info`: ties a renegotiation to the handshake before it.

use ortica_core::{DecodeError, Reader, Writer};

/// The `verify_data` of the handshake before. There never is one: nothing is renegotiated, so it is empty, and saying so
/// tells the peer that its first handshake is our first one, too.
///
/// Source: [RFC 5746 §3.2](https://www.rfc-editor.org/rfc/rfc5746#section-3.2)
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct RenegotiationInfo(pub Vec<u8>);

impl RenegotiationInfo {
    /// That of a first handshake.
    pub(crate) fn first() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn is_first(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(r.vec8("renegotiated connection")?.to_vec()))
    }

    pub(super) fn encode(&self, w: &mut Writer<'_>) {
        let length = w.length(1);
        w.bytes(&self.0).close(length);
    }
}
