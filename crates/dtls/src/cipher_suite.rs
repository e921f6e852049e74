//! The cipher suites, and what each one consists of.

use ortica_core::crypto::{AeadAlgorithm, HashAlgorithm, SignatureScheme};
use std::fmt;

/// A version of the protocol.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Version {
    /// DTLS 1.2.
    Dtls12,
}

impl Version {
    /// The two octets that stand for it on the wire.
    pub const fn wire(self) -> u16 {
        match self {
            Self::Dtls12 => 0xfefd,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dtls12 => f.write_str("DTLS 1.2"),
        }
    }
}

/// A cipher suite by its registered number.
///
/// Source: [RFC 5289 §3.2](https://www.rfc-editor.org/rfc/rfc5289#section-3.2),
/// [RFC 7905 §2](https://www.rfc-editor.org/rfc/rfc7905#section-2)
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct CipherSuite(pub u16);

impl CipherSuite {
    /// `TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256`.
    pub const ECDHE_ECDSA_AES_128_GCM: Self = Self(0xc02b);
    /// `TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384`.
    pub const ECDHE_ECDSA_AES_256_GCM: Self = Self(0xc02c);
    /// `TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256`.
    pub const ECDHE_ECDSA_CHACHA20_POLY1305: Self = Self(0xcca9);
    /// `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`.
    pub const ECDHE_RSA_AES_128_GCM: Self = Self(0xc02f);
    /// `TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384`.
    pub const ECDHE_RSA_AES_256_GCM: Self = Self(0xc030);
    /// `TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256`.
    pub const ECDHE_RSA_CHACHA20_POLY1305: Self = Self(0xcca8);

    /// Not a suite: a client that sends it knows secure renegotiation.
    ///
    /// Source: [RFC 5746 §3.3](https://www.rfc-editor.org/rfc/rfc5746#section-3.3)
    pub(crate) const EMPTY_RENEGOTIATION_INFO: Self = Self(0x00ff);

    /// The registered name, for the suites this crate speaks.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::ECDHE_ECDSA_AES_128_GCM => "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            Self::ECDHE_ECDSA_AES_256_GCM => "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            Self::ECDHE_ECDSA_CHACHA20_POLY1305 => "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
            Self::ECDHE_RSA_AES_128_GCM => "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            Self::ECDHE_RSA_AES_256_GCM => "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            Self::ECDHE_RSA_CHACHA20_POLY1305 => "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
            _ => return None,
        })
    }
}

impl fmt::Display for CipherSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "0x{:04x}", self.0),
        }
    }
}

/// A suite of DTLS 1.2 that this crate speaks. All of them agree on keys by ECDHE; those that do not say are for keys on
/// elliptic curves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Suite {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
    RsaAes128Gcm,
    RsaAes256Gcm,
    RsaChaCha20Poly1305,
}

impl Suite {
    /// All of them, best first.
    pub(crate) const ALL: [Self; 6] = [
        Self::Aes128Gcm,
        Self::Aes256Gcm,
        Self::ChaCha20Poly1305,
        Self::RsaAes128Gcm,
        Self::RsaAes256Gcm,
        Self::RsaChaCha20Poly1305,
    ];

    pub(crate) fn of(id: CipherSuite) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.id() == id)
    }

    pub(crate) const fn id(self) -> CipherSuite {
        match self {
            Self::Aes128Gcm => CipherSuite::ECDHE_ECDSA_AES_128_GCM,
            Self::Aes256Gcm => CipherSuite::ECDHE_ECDSA_AES_256_GCM,
            Self::ChaCha20Poly1305 => CipherSuite::ECDHE_ECDSA_CHACHA20_POLY1305,
            Self::RsaAes128Gcm => CipherSuite::ECDHE_RSA_AES_128_GCM,
            Self::RsaAes256Gcm => CipherSuite::ECDHE_RSA_AES_256_GCM,
            Self::RsaChaCha20Poly1305 => CipherSuite::ECDHE_RSA_CHACHA20_POLY1305,
        }
    }

    /// Whether a server proves itself with a key like this one. Ed25519 goes with the suites of ECDSA.
    ///
    /// Source: [RFC 8422 §5.3](https://www.rfc-editor.org/rfc/rfc8422#section-5.3)
    pub(crate) const fn is_for(self, scheme: SignatureScheme) -> bool {
        let is_rsa = matches!(self, Self::RsaAes128Gcm | Self::RsaAes256Gcm | Self::RsaChaCha20Poly1305);
        is_rsa == matches!(scheme, SignatureScheme::RsaPkcs1Sha256)
    }

    pub(crate) const fn aead(self) -> AeadAlgorithm {
        match self {
            Self::Aes128Gcm | Self::RsaAes128Gcm => AeadAlgorithm::Aes128Gcm,
            Self::Aes256Gcm | Self::RsaAes256Gcm => AeadAlgorithm::Aes256Gcm,
            Self::ChaCha20Poly1305 | Self::RsaChaCha20Poly1305 => AeadAlgorithm::ChaCha20Poly1305,
        }
    }

    /// The hash of the PRF and of the transcript.
    pub(crate) const fn hash(self) -> HashAlgorithm {
        match self.aead() {
            AeadAlgorithm::Aes256Gcm => HashAlgorithm::Sha384,
            _ => HashAlgorithm::Sha256,
        }
    }

    /// How much of the nonce comes from the key block.
    pub(crate) const fn fixed_iv_len(self) -> usize {
        AeadAlgorithm::NONCE_LEN - self.explicit_nonce_len()
    }

    /// How much of the nonce travels in the record: 8 bytes for GCM (RFC 5288 §3), none for ChaCha20 (RFC 7905 §2).
    pub(crate) const fn explicit_nonce_len(self) -> usize {
        match self.aead() {
            AeadAlgorithm::ChaCha20Poly1305 => 0,
            _ => 8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_twelve_bytes_in_every_suite() {
        for suite in Suite::ALL {
            assert_eq!(Suite::of(suite.id()), Some(suite));
            assert!(suite.id().name().is_some());
        }
        assert_eq!((Suite::Aes128Gcm.fixed_iv_len(), Suite::Aes128Gcm.explicit_nonce_len()), (4, 8));
        assert_eq!((Suite::ChaCha20Poly1305.fixed_iv_len(), Suite::ChaCha20Poly1305.explicit_nonce_len()), (12, 0));
    }

    #[test]
    fn an_unknown_suite_shows_its_number() {
        assert_eq!(CipherSuite(0x1301).to_string(), "0x1301");
        assert_eq!(Suite::of(CipherSuite(0x1301)), None);
    }
}
