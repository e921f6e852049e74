//! The handshake messages, a file each, and the frame they come in.

pub(crate) mod certificate;
pub(crate) mod certificate_request;
pub(crate) mod certificate_verify;
pub(crate) mod client_hello;
pub(crate) mod client_key_exchange;
pub(crate) mod finished;
pub(crate) mod hello_verify_request;
pub(crate) mod new_session_ticket;
pub(crate) mod server_hello;
pub(crate) mod server_hello_done;
pub(crate) mod server_key_exchange;
#[cfg(test)]
mod tests;

pub(crate) use certificate::CertificateChain;
pub(crate) use certificate_request::CertificateRequest;
pub(crate) use certificate_verify::CertificateVerify;
pub(crate) use client_hello::ClientHello;
pub(crate) use client_key_exchange::ClientKeyExchange;
pub(crate) use finished::Finished;
pub(crate) use hello_verify_request::HelloVerifyRequest;
pub(crate) use new_session_ticket::NewSessionTicket;
pub(crate) use server_hello::ServerHello;
pub(crate) use server_hello_done::ServerHelloDone;
pub(crate) use server_key_exchange::ServerKeyExchange;

use ortica_core::{DecodeError, Reader, Writer};

/// The kind of a handshake message.
///
/// Source: [RFC 6347 §4.3.2](https://www.rfc-editor.org/rfc/rfc6347#section-4.3.2)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct HandshakeType(pub u8);

impl HandshakeType {
    pub(crate) const CLIENT_HELLO: Self = Self(1);
    pub(crate) const SERVER_HELLO: Self = Self(2);
    pub(crate) const HELLO_VERIFY_REQUEST: Self = Self(3);
    pub(crate) const NEW_SESSION_TICKET: Self = Self(4);
    pub(crate) const CERTIFICATE: Self = Self(11);
    pub(crate) const SERVER_KEY_EXCHANGE: Self = Self(12);
    pub(crate) const CERTIFICATE_REQUEST: Self = Self(13);
    pub(crate) const SERVER_HELLO_DONE: Self = Self(14);
    pub(crate) const CERTIFICATE_VERIFY: Self = Self(15);
    pub(crate) const CLIENT_KEY_EXCHANGE: Self = Self(16);
    pub(crate) const FINISHED: Self = Self(20);

    /// The longest message of this kind that is taken in: checked against the declared length, before any of it is kept.
    pub(crate) const fn max_len(self) -> usize {
        match self {
            Self::CERTIFICATE => certificate::MAX_CHAIN_LEN,
            // Room for the key shares of post-quantum groups.
            Self::CLIENT_HELLO => 8 * 1024,
            _ => 4 * 1024,
        }
    }
}

/// The body of a handshake message.
pub(crate) trait Body: Sized {
    /// Which message it is.
    const KIND: HandshakeType;

    fn decode(body: &[u8]) -> Result<Self, DecodeError>;

    fn encode(&self, w: &mut Writer<'_>);
}

/// A whole handshake message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Message {
    pub kind: HandshakeType,
    /// Counts the messages of one sender.
    pub sequence: u16,
    pub body: Vec<u8>,
}

impl Message {
    pub(crate) fn new<B: Body>(sequence: u16, body: &B) -> Self {
        let mut bytes = Vec::new();
        body.encode(&mut Writer::new(&mut bytes));
        Self { kind: B::KIND, sequence, body: bytes }
    }

    /// The whole message as one fragment: what the transcript takes (RFC 6347 §4.2.6).
    pub(crate) fn whole(&self) -> Fragment<'_> {
        Fragment { kind: self.kind, length: self.body.len(), sequence: self.sequence, offset: 0, body: &self.body }
    }
}

/// A part of a handshake message, or all of it, as it travels: type, length of the message, its number, and which bytes of
/// it these are.
///
/// Source: [RFC 6347 §4.2.2](https://www.rfc-editor.org/rfc/rfc6347#section-4.2.2)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Fragment<'a> {
    pub kind: HandshakeType,
    /// Of the whole message. At most what its kind allows.
    pub length: usize,
    pub sequence: u16,
    /// Where in the message the body lies; it lies inside.
    pub offset: usize,
    pub body: &'a [u8],
}

impl<'a> Fragment<'a> {
    /// Length of the header.
    pub(crate) const HEADER_LEN: usize = 12;

    pub(crate) fn decode(r: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let kind = HandshakeType(r.u8("handshake type")?);
        let length = r.u24("handshake length")? as usize;
        let sequence = r.u16("message sequence")?;
        let offset = r.u24("fragment offset")? as usize;
        let body = r.vec24("fragment")?;
        if length > kind.max_len() {
            return Err(DecodeError::Invalid("handshake length"));
        }
        if offset + body.len() > length || (body.is_empty() && length > 0) {
            return Err(DecodeError::Invalid("fragment"));
        }
        Ok(Self { kind, length, sequence, offset, body })
    }

    pub(crate) fn encode(&self, w: &mut Writer<'_>) {
        w.u8(self.kind.0).u24(self.length as u32).u16(self.sequence).u24(self.offset as u32);
        w.u24(self.body.len() as u32).bytes(self.body);
    }
}
