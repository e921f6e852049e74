//! NewSessionTicket.

use super::{Body, HandshakeType};
use ortica_core::{DecodeError, Reader, Writer};

/// Something to resume the session with. This end does not ask for one and never uses one; a server that sends it anyway
/// counts it into the transcript, so it is read and passed over.
///
/// Source: [RFC 5077 §3.3](https://www.rfc-editor.org/rfc/rfc5077#section-3.3)
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct NewSessionTicket {
    /// In seconds.
    pub lifetime: u32,
    pub ticket: Vec<u8>,
}

impl Body for NewSessionTicket {
    const KIND: HandshakeType = HandshakeType::NEW_SESSION_TICKET;

    fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(body);
        let lifetime = r.u32("ticket lifetime")?;
        let ticket = r.vec16("ticket")?.to_vec();
        r.finish("new session ticket")?;
        Ok(Self { lifetime, ticket })
    }

    fn encode(&self, w: &mut Writer<'_>) {
        w.u32(self.lifetime);
        let length = w.length(2);
        w.bytes(&self.ticket).close(length);
    }
}
