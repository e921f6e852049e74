//! ServerHelloDone.

use super::{Body, HandshakeType};
use ortica_core::{DecodeError, Reader, Writer};

/// Ends the server's flight. Empty.
///
/// Source: [RFC 5246 §7.4.5](https://www.rfc-editor.org/rfc/rfc5246#section-7.4.5)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ServerHelloDone;

impl Body for ServerHelloDone {
    const KIND: HandshakeType = HandshakeType::SERVER_HELLO_DONE;

    fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        Reader::new(body).finish("server hello done").map(|()| Self)
    }

    fn encode(&self, _: &mut Writer<'_>) {}
}
