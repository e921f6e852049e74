//! ServerKeyExchange.

use super::{Body, HandshakeType};
use crate::extension::{NamedGroup, SignatureAlgorithm};
use ortica_core::{DecodeError, Reader, Writer};

/// The server's half of the key agreement, signed with the key of its certificate.
///
/// Source: [RFC 8422 §5.4](https://www.rfc-editor.org/rfc/rfc8422#section-5.4)
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ServerKeyExchange {
    pub params: Params,
    pub algorithm: SignatureAlgorithm,
    pub signature: Vec<u8>,
}

/// What is signed, after both randoms.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Params {
    pub group: NamedGroup,
    /// At most 255 bytes.
    pub public_key: Vec<u8>,
}

impl Params {
    /// The curve is given by name. Other ways to give it have been abolished.
    const NAMED_CURVE: u8 = 3;

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if r.u8("curve type")? != Self::NAMED_CURVE {
            return Err(DecodeError::Invalid("curve type"));
        }
        let group = NamedGroup(r.u16("named curve")?);
        let public_key = r.vec8("public key")?.to_vec();
        Ok(Self { group, public_key })
    }

    pub(crate) fn encode(&self, w: &mut Writer<'_>) {
        w.u8(Self::NAMED_CURVE).u16(self.group.0);
        let length = w.length(1);
        w.bytes(&self.public_key).close(length);
    }
}

impl Body for ServerKeyExchange {
    const KIND: HandshakeType = HandshakeType::SERVER_KEY_EXCHANGE;

    fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(body);
        let params = Params::decode(&mut r)?;
        let algorithm = SignatureAlgorithm(r.u16("signature algorithm")?);
        let signature = r.vec16("signature")?.to_vec();
        r.finish("server key exchange")?;
        Ok(Self { params, algorithm, signature })
    }

    fn encode(&self, w: &mut Writer<'_>) {
        self.params.encode(w);
        w.u16(self.algorithm.0);
        let length = w.length(2);
        w.bytes(&self.signature).close(length);
    }
}
