//! `signature_algorithms`: what an end can verify.

use super::numbers;
use ortica_core::crypto::SignatureScheme;
use ortica_core::{DecodeError, Reader, Writer};

/// A hash and a signature algorithm, or a scheme of TLS 1.3, by its registered number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SignatureAlgorithm(pub u16);

impl SignatureAlgorithm {
    /// ECDSA with SHA-256; the curve is the certificate's.
    pub(crate) const ECDSA_SHA256: Self = Self(0x0403);
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    pub(crate) const RSA_PKCS1_SHA256: Self = Self(0x0401);
    /// Ed25519.
    ///
    /// Source: [RFC 8422 §5.1.3](https://www.rfc-editor.org/rfc/rfc8422#section-5.1.3)
    pub(crate) const ED25519: Self = Self(0x0807);

    /// What is known here, best first: short signatures before long ones.
    const OURS: [Self; 3] = [Self::ECDSA_SHA256, Self::ED25519, Self::RSA_PKCS1_SHA256];
}

impl From<SignatureScheme> for SignatureAlgorithm {
    fn from(scheme: SignatureScheme) -> Self {
        match scheme {
            SignatureScheme::EcdsaP256Sha256 => Self::ECDSA_SHA256,
            SignatureScheme::RsaPkcs1Sha256 => Self::RSA_PKCS1_SHA256,
            SignatureScheme::Ed25519 => Self::ED25519,
        }
    }
}

/// The algorithms, best first.
///
/// Source: [RFC 5246 §7.4.1.4.1](https://www.rfc-editor.org/rfc/rfc5246#section-7.4.1.4.1)
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SignatureAlgorithms(pub Vec<SignatureAlgorithm>);

impl SignatureAlgorithms {
    /// What this end says.
    pub(crate) fn ours() -> Self {
        Self(SignatureAlgorithm::OURS.to_vec())
    }

    /// `true` if signatures of that kind can be verified.
    pub(crate) fn has(&self, scheme: SignatureScheme) -> bool {
        self.0.contains(&SignatureAlgorithm::from(scheme))
    }

    pub(crate) fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let list = numbers(r.vec16("signature algorithms")?, "signature algorithms")?;
        Ok(Self(list.into_iter().map(SignatureAlgorithm).collect()))
    }

    pub(crate) fn encode(&self, w: &mut Writer<'_>) {
        let length = w.length(2);
        for algorithm in &self.0 {
            w.u16(algorithm.0);
        }
        w.close(length);
    }
}
