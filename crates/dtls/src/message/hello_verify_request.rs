//! HelloVerifyRequest.

use super::{Body, HandshakeType};
use ortica_core::{DecodeError, Reader, Writer};

/// Asks a client to say hello again with this cookie, which only reaches it if its address is its own.
///
/// Source: [RFC 6347 §4.2.1](https://www.rfc-editor.org/rfc/rfc6347#section-4.2.1)
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct HelloVerifyRequest {
    /// Says how to parse this message and nothing else.
    pub version: u16,
    /// At most 255 bytes.
    pub cookie: Vec<u8>,
}

impl HelloVerifyRequest {
    /// The version to send, whatever will be negotiated.
    pub(crate) const DTLS_1_0: u16 = 0xfeff;
}

impl Body for HelloVerifyRequest {
    const KIND: HandshakeType = HandshakeType::HELLO_VERIFY_REQUEST;

    fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(body);
        let version = r.u16("server version")?;
        let cookie = r.vec8("cookie")?.to_vec();
        r.finish("hello verify request")?;
        Ok(Self { version, cookie })
    }

    fn encode(&self, w: &mut Writer<'_>) {
        w.u16(self.version);
        let length = w.length(1);
        w.bytes(&self.cookie).close(length);
    }
}
