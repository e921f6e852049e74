//! `signature_algorithms`: what an end can verify.

use super::numbers;
use ortica_core::{DecodeError, Reader, Writer};

/// A hash and a signature algorithm, or a scheme of TLS 1.3, by its registered number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SignatureAlgorithm(pub u16);

impl SignatureAlgorithm {
    /// ECDSA with SHA-256; the curve is the certificate's.
    pub(crate) const ECDSA_SHA256: Self = Self(0x0403);
}

/// The algorithms, best first.
///
/// Source: [RFC 5246 §7.4.1.4.1](https://www.rfc-editor.org/rfc/rfc5246#section-7.4.1.4.1)
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct SignatureAlgorithms(pub Vec<SignatureAlgorithm>);

impl SignatureAlgorithms {
    /// What this end says.
    pub(crate) fn ours() -> Self {
        Self(vec![SignatureAlgorithm::ECDSA_SHA256])
    }

    /// `true` if this end's signatures can be verified.
    pub(crate) fn has_ours(&self) -> bool {
        self.0.contains(&SignatureAlgorithm::ECDSA_SHA256)
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
