//! `server_name`: which server a client wants, where several share an address.

use ortica_core::{DecodeError, Reader, Writer};

/// The DNS name of the server in a client's hello; empty in a server's, which says that it looked.
///
/// Source: [RFC 6066 §3](https://www.rfc-editor.org/rfc/rfc6066#section-3)
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ServerName(pub Vec<u8>);

impl ServerName {
    /// The only kind of name there is.
    const HOST_NAME: u8 = 0;

    pub(super) fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if r.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let mut list = Reader::new(r.vec16("server names")?);
        let mut name = Vec::new();
        while !list.is_empty() {
            let kind = list.u8("name type")?;
            let value = list.vec16("server name")?;
            if kind == Self::HOST_NAME && name.is_empty() {
                name = value.to_vec();
            }
        }
        if name.is_empty() { Err(DecodeError::Invalid("server names")) } else { Ok(Self(name)) }
    }

    pub(super) fn encode(&self, w: &mut Writer<'_>) {
        if self.0.is_empty() {
            return;
        }
        let list = w.length(2);
        w.u8(Self::HOST_NAME);
        let name = w.length(2);
        w.bytes(&self.0).close(name);
        w.close(list);
    }
}
