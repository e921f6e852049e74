//! `use_srtp`: the keys of this handshake will protect media.

use super::numbers;
use crate::srtp::SrtpProfile;
use ortica_core::{DecodeError, Reader, Writer};

/// A client's profiles, best first, or the one that the server picked.
///
/// Source: [RFC 5764 §4.1.1](https://www.rfc-editor.org/rfc/rfc5764#section-4.1.1)
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct UseSrtp {
    pub profiles: Vec<SrtpProfile>,
    /// Master key identifier: always empty in what this end sends.
    pub mki: Vec<u8>,
}

impl UseSrtp {
    /// With no master key identifier.
    pub(crate) fn of(profiles: &[SrtpProfile]) -> Self {
        Self { profiles: profiles.to_vec(), mki: Vec::new() }
    }

    pub(super) fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let profiles = numbers(r.vec16("srtp profiles")?, "srtp profiles")?;
        let mki = r.vec8("srtp mki")?.to_vec();
        Ok(Self { profiles: profiles.into_iter().map(SrtpProfile).collect(), mki })
    }

    pub(super) fn encode(&self, w: &mut Writer<'_>) {
        let length = w.length(2);
        for profile in &self.profiles {
            w.u16(profile.0);
        }
        w.close(length);
        let length = w.length(1);
        w.bytes(&self.mki).close(length);
    }
}
