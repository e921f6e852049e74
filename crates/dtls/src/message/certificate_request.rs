//! CertificateRequest.

use super::{Body, HandshakeType};
use crate::extension::SignatureAlgorithms;
use ortica_core::crypto::SignatureScheme;
use ortica_core::{DecodeError, Reader, Writer};

/// Asks the client for a certificate.
///
/// Source: [RFC 5246 §7.4.4](https://www.rfc-editor.org/rfc/rfc5246#section-7.4.4)
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct CertificateRequest {
    pub certificate_types: Vec<u8>,
    pub algorithms: SignatureAlgorithms,
    /// Names of authorities, as they came: nobody vouches for certificates here.
    pub authorities: Vec<u8>,
}

impl CertificateRequest {
    /// Certificates with keys for ECDSA or EdDSA (RFC 8422 §5.5).
    const ECDSA_SIGN: u8 = 64;
    /// Certificates with keys for RSA.
    const RSA_SIGN: u8 = 1;

    /// What this end asks for.
    pub(crate) fn ours() -> Self {
        Self {
            certificate_types: vec![Self::ECDSA_SIGN, Self::RSA_SIGN],
            algorithms: SignatureAlgorithms::ours(),
            authorities: Vec::new(),
        }
    }

    /// `true` if a certificate with such a key answers it.
    pub(crate) fn accepts(&self, scheme: SignatureScheme) -> bool {
        let kind = match scheme {
            SignatureScheme::EcdsaP256Sha256 | SignatureScheme::Ed25519 => Self::ECDSA_SIGN,
            SignatureScheme::RsaPkcs1Sha256 => Self::RSA_SIGN,
        };
        self.certificate_types.contains(&kind) && self.algorithms.has(scheme)
    }
}

impl Body for CertificateRequest {
    const KIND: HandshakeType = HandshakeType::CERTIFICATE_REQUEST;

    fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(body);
        let certificate_types = r.vec8("certificate types")?.to_vec();
        if certificate_types.is_empty() {
            return Err(DecodeError::Invalid("certificate types"));
        }
        let algorithms = SignatureAlgorithms::decode(&mut r)?;
        let authorities = r.vec16("certificate authorities")?.to_vec();
        r.finish("certificate request")?;
        Ok(Self { certificate_types, algorithms, authorities })
    }

    fn encode(&self, w: &mut Writer<'_>) {
        let length = w.length(1);
        w.bytes(&self.certificate_types).close(length);
        self.algorithms.encode(w);
        let length = w.length(2);
        w.bytes(&self.authorities).close(length);
    }
}
