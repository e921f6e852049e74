//! ServerHello.

use super::{Body, HandshakeType};
use crate::cipher_suite::CipherSuite;
use crate::extension::Extensions;
use crate::key_schedule::Random;
use ortica_core::{DecodeError, Reader, Writer};

/// What the server picked.
///
/// Source: [RFC 5246 §7.4.1.3](https://www.rfc-editor.org/rfc/rfc5246#section-7.4.1.3)
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ServerHello {
    pub version: u16,
    pub random: Random,
    /// At most 32 bytes. Sessions are not resumed, so this end sends none and looks at none.
    pub session_id: Vec<u8>,
    pub cipher_suite: CipherSuite,
    pub compression_method: u8,
    pub extensions: Extensions,
}

impl Body for ServerHello {
    const KIND: HandshakeType = HandshakeType::SERVER_HELLO;

    fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(body);
        let version = r.u16("server version")?;
        let random = r.array("server random")?;
        let session_id = r.vec8("session id")?.to_vec();
        if session_id.len() > 32 {
            return Err(DecodeError::Invalid("session id"));
        }
        let cipher_suite = CipherSuite(r.u16("cipher suite")?);
        let compression_method = r.u8("compression method")?;
        let extensions = Extensions::decode(&mut r)?;
        r.finish("server hello")?;
        Ok(Self { version, random, session_id, cipher_suite, compression_method, extensions })
    }

    fn encode(&self, w: &mut Writer<'_>) {
        w.u16(self.version).bytes(&self.random);
        let length = w.length(1);
        w.bytes(&self.session_id).close(length);
        w.u16(self.cipher_suite.0).u8(self.compression_method);
        self.extensions.encode(w);
    }
}
