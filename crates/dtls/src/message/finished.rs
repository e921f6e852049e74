//! Finished.

use super::{Body, HandshakeType};
use ortica_core::{DecodeError, Reader, Writer};

/// The first message under the new keys: both ends saw the same handshake.
///
/// Source: [RFC 5246 §7.4.9](https://www.rfc-editor.org/rfc/rfc5246#section-7.4.9)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Finished {
    pub verify_data: [u8; 12],
}

impl Body for Finished {
    const KIND: HandshakeType = HandshakeType::FINISHED;

    fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(body);
        let verify_data = r.array("verify data")?;
        r.finish("finished")?;
        Ok(Self { verify_data })
    }

    fn encode(&self, w: &mut Writer<'_>) {
        w.bytes(&self.verify_data);
    }
}
