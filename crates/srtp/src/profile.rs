//! Protection profiles, as DTLS negotiates them.

use ortica_core::crypto::AeadAlgorithm;

/// How packets are encrypted and authenticated.
///
/// Source: [RFC 5764 §4.1.2](https://www.rfc-editor.org/rfc/rfc5764#section-4.1.2),
/// [RFC 7714 §14.2](https://www.rfc-editor.org/rfc/rfc7714#section-14.2)
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Profile {
    /// AES-128 in counter mode, HMAC-SHA1 with 80-bit tags. Every WebRTC endpoint has it.
    Aes128CmSha1_80,
    /// The same with 32-bit tags for RTP; tags of RTCP keep their 80 bits. Only for old peers.
    Aes128CmSha1_32,
    /// AES-128-GCM.
    AeadAes128Gcm,
    /// AES-256-GCM.
    AeadAes256Gcm,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 4] = [Self::AeadAes256Gcm, Self::AeadAes128Gcm, Self::Aes128CmSha1_80, Self::Aes128CmSha1_32];

    /// The profile that the `use_srtp` extension of DTLS calls `id`.
    pub fn from_dtls_id(id: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.dtls_id() == id)
    }

    /// What the `use_srtp` extension of DTLS calls it.
    pub const fn dtls_id(self) -> u16 {
        match self {
            Self::Aes128CmSha1_80 => 0x0001,
            Self::Aes128CmSha1_32 => 0x0002,
            Self::AeadAes128Gcm => 0x0007,
            Self::AeadAes256Gcm => 0x0008,
        }
    }

    /// Length of the master key in bytes; session keys are as long.
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128CmSha1_80 | Self::Aes128CmSha1_32 | Self::AeadAes128Gcm => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    /// Length of the master salt in bytes.
    pub const fn salt_len(self) -> usize {
        match self {
            Self::Aes128CmSha1_80 | Self::Aes128CmSha1_32 => 14,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => AeadAlgorithm::NONCE_LEN,
        }
    }

    /// How many bytes an RTP packet grows by: the tag.
    pub const fn rtp_overhead(self) -> usize {
        match self {
            Self::Aes128CmSha1_80 => 10,
            Self::Aes128CmSha1_32 => 4,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => AeadAlgorithm::TAG_LEN,
        }
    }

    /// How many bytes an RTCP packet grows by: the tag, and a word with the index.
    pub const fn rtcp_overhead(self) -> usize {
        match self {
            Self::Aes128CmSha1_80 | Self::Aes128CmSha1_32 => 4 + 10,
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 4 + AeadAlgorithm::TAG_LEN,
        }
    }

    /// The authenticated cipher, for profiles that are one.
    pub(crate) const fn aead(self) -> Option<AeadAlgorithm> {
        match self {
            Self::Aes128CmSha1_80 | Self::Aes128CmSha1_32 => None,
            Self::AeadAes128Gcm => Some(AeadAlgorithm::Aes128Gcm),
            Self::AeadAes256Gcm => Some(AeadAlgorithm::Aes256Gcm),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_profile_is_found_by_its_id() {
        for profile in Profile::ALL {
            assert_eq!(Profile::from_dtls_id(profile.dtls_id()), Some(profile));
        }
        // NULL ciphers exist, and are no profile of ours.
        assert_eq!(Profile::from_dtls_id(0x0005), None);
        assert_eq!(Profile::from_dtls_id(0), None);
    }
}
