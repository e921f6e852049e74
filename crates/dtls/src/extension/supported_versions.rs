//! `supported_versions`: which versions a client speaks.

use super::numbers;
use crate::cipher_suite::Version;
use ortica_core::{DecodeError, Reader, Writer};

/// The versions in a ClientHello, best first. A client of DTLS 1.3 names them here, and says 1.2 where older servers look.
///
/// Source: [RFC 8446 §4.2.1](https://www.rfc-editor.org/rfc/rfc8446#section-4.2.1)
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SupportedVersions(pub Vec<u16>);

impl SupportedVersions {
    pub(crate) fn has(&self, version: Version) -> bool {
        self.0.contains(&version.wire())
    }

    pub(super) fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self(numbers(r.vec8("supported versions")?, "supported versions")?))
    }

    pub(super) fn encode(&self, w: &mut Writer<'_>) {
        let length = w.length(1);
        for version in &self.0 {
            w.u16(*version);
        }
        w.close(length);
    }
}
