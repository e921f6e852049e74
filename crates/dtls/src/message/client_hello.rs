//! ClientHello.

use super::{Body, HandshakeType};
use crate::cipher_suite::CipherSuite;
use crate::extension::Extensions;
use crate::key_schedule::Random;
use ortica_core::{DecodeError, Reader, Writer};

/// What the client can do.
///
/// Source: [RFC 6347 §4.2.1](https://www.rfc-editor.org/rfc/rfc6347#section-4.2.1)
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ClientHello {
    /// The newest version up to 1.2; newer ones are in the extensions.
    pub version: u16,
    pub random: Random,
    /// At most 32 bytes.
    pub session_id: Vec<u8>,
    /// What a HelloVerifyRequest asked for, at most 255 bytes.
    pub cookie: Vec<u8>,
    /// Best first.
    pub cipher_suites: Vec<CipherSuite>,
    pub compression_methods: Vec<u8>,
    pub extensions: Extensions,
}

impl ClientHello {
    /// The compression that is none.
    pub(crate) const NULL_COMPRESSION: u8 = 0;
}

impl Body for ClientHello {
    const KIND: HandshakeType = HandshakeType::CLIENT_HELLO;

    fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(body);
        let version = r.u16("client version")?;
        let random = r.array("client random")?;
        let session_id = r.vec8("session id")?.to_vec();
        if session_id.len() > 32 {
            return Err(DecodeError::Invalid("session id"));
        }
        let cookie = r.vec8("cookie")?.to_vec();
        let (suites, odd) = r.vec16("cipher suites")?.as_chunks::<2>();
        if suites.is_empty() || !odd.is_empty() {
            return Err(DecodeError::Invalid("cipher suites"));
        }
        let cipher_suites = suites.iter().map(|suite| CipherSuite(u16::from_be_bytes(*suite))).collect();
        let compression_methods = r.vec8("compression methods")?.to_vec();
        if compression_methods.is_empty() {
            return Err(DecodeError::Invalid("compression methods"));
        }
        let extensions = Extensions::decode(&mut r)?;
        r.finish("client hello")?;
        Ok(Self { version, random, session_id, cookie, cipher_suites, compression_methods, extensions })
    }

    fn encode(&self, w: &mut Writer<'_>) {
        w.u16(self.version).bytes(&self.random);
        let length = w.length(1);
        w.bytes(&self.session_id).close(length);
        let length = w.length(1);
        w.bytes(&self.cookie).close(length);
        let length = w.length(2);
        for suite in &self.cipher_suites {
            w.u16(suite.0);
        }
        w.close(length);
        let length = w.length(1);
        w.bytes(&self.compression_methods).close(length);
        self.extensions.encode(w);
    }
}
