//! Certificate.

use super::{Body, HandshakeType};
use ortica_core::{DecodeError, Reader, Writer};

/// The longest message that is read or sent, in bytes.
pub(crate) const MAX_CHAIN_LEN: usize = 16 * 1024;
/// The most certificates that are read.
const MAX_CERTIFICATES: usize = 10;

/// The sender's certificate and those that vouch for it, which nobody looks at here.
///
/// Source: [RFC 5246 §7.4.2](https://www.rfc-editor.org/rfc/rfc5246#section-7.4.2)
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct CertificateChain(pub Vec<Vec<u8>>);

impl CertificateChain {
    /// The sender's own; none if a client has none.
    pub(crate) fn into_leaf(self) -> Option<Vec<u8>> {
        self.0.into_iter().next()
    }
}

impl Body for CertificateChain {
    const KIND: HandshakeType = HandshakeType::CERTIFICATE;

    fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(body);
        let mut list = Reader::new(r.vec24("certificate list")?);
        r.finish("certificate list")?;
        let mut certificates = Vec::new();
        while !list.is_empty() {
            let certificate = list.vec24("certificate")?;
            if certificate.is_empty() || certificates.len() == MAX_CERTIFICATES {
                return Err(DecodeError::Invalid("certificate list"));
            }
            certificates.push(certificate.to_vec());
        }
        Ok(Self(certificates))
    }

    fn encode(&self, w: &mut Writer<'_>) {
        let list = w.length(3);
        for certificate in &self.0 {
            let one = w.length(3);
            w.bytes(certificate).close(one);
        }
        w.close(list);
    }
}
