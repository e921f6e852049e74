//! CertificateVerify.

use super::{Body, HandshakeType};
use crate::extension::SignatureAlgorithm;
use ortica_core::{DecodeError, Reader, Writer};

/// The client's proof that it has the key of its certificate: a signature over the handshake so far.
///
/// Source: [RFC 5246 §7.4.8](https://www.rfc-editor.org/rfc/rfc5246#section-7.4.8)
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct CertificateVerify {
    pub algorithm: SignatureAlgorithm,
    pub signature: Vec<u8>,
}

impl Body for CertificateVerify {
    const KIND: HandshakeType = HandshakeType::CERTIFICATE_VERIFY;

    fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(body);
        let algorithm = SignatureAlgorithm(r.u16("signature algorithm")?);
        let signature = r.vec16("signature")?.to_vec();
        r.finish("certificate verify")?;
        Ok(Self { algorithm, signature })
    }

    fn encode(&self, w: &mut Writer<'_>) {
        w.u16(self.algorithm.0);
        let length = w.length(2);
        w.bytes(&self.signature).close(length);
    }
}
