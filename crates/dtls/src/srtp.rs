//! What DTLS-SRTP negotiates and derives.

use std::fmt;
use zeroize::Zeroizing;

/// An SRTP protection profile by its registered number.
///
/// Source: [RFC 5764 §4.1.2](https://www.rfc-editor.org/rfc/rfc5764#section-4.1.2),
/// [RFC 7714 §14.2](https://www.rfc-editor.org/rfc/rfc7714#section-14.2)
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct SrtpProfile(pub u16);

impl SrtpProfile {
    /// AES-128 in counter mode with an 80-bit HMAC-SHA1 tag: key 16 bytes, salt 14.
    pub const AES128_CM_SHA1_80: Self = Self(0x0001);
    /// AES-128 in counter mode with a 32-bit HMAC-SHA1 tag: key 16 bytes, salt 14.
    pub const AES128_CM_SHA1_32: Self = Self(0x0002);
    /// AES-128-GCM: key 16 bytes, salt 12.
    pub const AEAD_AES_128_GCM: Self = Self(0x0007);
    /// AES-256-GCM: key 32 bytes, salt 12.
    pub const AEAD_AES_256_GCM: Self = Self(0x0008);

    /// Length of the master key in bytes; `None` for a profile not known here, which is never negotiated.
    pub const fn key_len(self) -> Option<usize> {
        match self {
            Self::AES128_CM_SHA1_80 | Self::AES128_CM_SHA1_32 | Self::AEAD_AES_128_GCM => Some(16),
            Self::AEAD_AES_256_GCM => Some(32),
            _ => None,
        }
    }

    /// Length of the master salt in bytes; `None` for a profile not known here.
    pub const fn salt_len(self) -> Option<usize> {
        match self {
            Self::AES128_CM_SHA1_80 | Self::AES128_CM_SHA1_32 => Some(14),
            Self::AEAD_AES_128_GCM | Self::AEAD_AES_256_GCM => Some(12),
            _ => None,
        }
    }
}

impl fmt::Display for SrtpProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::AES128_CM_SHA1_80 => f.write_str("SRTP_AES128_CM_HMAC_SHA1_80"),
            Self::AES128_CM_SHA1_32 => f.write_str("SRTP_AES128_CM_HMAC_SHA1_32"),
            Self::AEAD_AES_128_GCM => f.write_str("SRTP_AEAD_AES_128_GCM"),
            Self::AEAD_AES_256_GCM => f.write_str("SRTP_AEAD_AES_256_GCM"),
            Self(other) => write!(f, "0x{other:04x}"),
        }
    }
}

/// The master keys and salts of both directions. Wiped when dropped.
///
/// Source: [RFC 5764 §4.2](https://www.rfc-editor.org/rfc/rfc5764#section-4.2)
pub struct SrtpKeys {
    /// What the keys are for, and so how long they are.
    pub profile: SrtpProfile,
    /// Key of what this end sends.
    pub local_key: Zeroizing<Vec<u8>>,
    /// Salt of what this end sends.
    pub local_salt: Zeroizing<Vec<u8>>,
    /// Key of what the peer sends.
    pub remote_key: Zeroizing<Vec<u8>>,
    /// Salt of what the peer sends.
    pub remote_salt: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for SrtpKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SrtpKeys").field("profile", &self.profile).finish_non_exhaustive()
    }
}
