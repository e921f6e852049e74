//! ClientKeyExchange.

use super::{Body, HandshakeType};
use ortica_core::{DecodeError, Reader, Writer};

/// The client's half of the key agreement.
///
/// Source: [RFC 8422 §5.7](https://www.rfc-editor.org/rfc/rfc8422#section-5.7)
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ClientKeyExchange {
    /// At most 255 bytes.
    pub public_key: Vec<u8>,
}

impl Body for ClientKeyExchange {
    const KIND: HandshakeType = HandshakeType::CLIENT_KEY_EXCHANGE;

    fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(body);
        let public_key = r.vec8("public key")?.to_vec();
        r.finish("client key exchange")?;
        Ok(Self { public_key })
    }

    fn encode(&self, w: &mut Writer<'_>) {
        let length = w.length(1);
        w.bytes(&self.public_key).close(length);
    }
}
