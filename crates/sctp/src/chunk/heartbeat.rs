//! The information inside HEARTBEAT, which the peer sends back in HEARTBEAT ACK.

use crate::wire::{Params, put_param};
use ortica_core::DecodeError;

/// Parameter type of the information.
const HEARTBEAT_INFO: u16 = 1;

/// What we put into a HEARTBEAT: a random number, so that only who received it can answer.
///
/// Source: [RFC 9260 §3.3.5](https://www.rfc-editor.org/rfc/rfc9260#section-3.3.5)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HeartbeatInfo(pub u64);

impl HeartbeatInfo {
    /// Bytes of the whole chunk.
    pub const CHUNK_LEN: usize = 16;

    pub fn decode(value: &[u8]) -> Result<Self, DecodeError> {
        let param = Params::new(value).next().ok_or(DecodeError::Truncated("heartbeat information"))??;
        if param.kind != HEARTBEAT_INFO {
            return Err(DecodeError::Invalid("heartbeat information"));
        }
        let nonce = param.value.try_into().map_err(|_| DecodeError::Invalid("heartbeat information"))?;
        Ok(Self(u64::from_be_bytes(nonce)))
    }

    /// Appends what follows the chunk header.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_param(out, HEARTBEAT_INFO, |out| out.extend_from_slice(&self.0.to_be_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn heartbeat_info_round_trips(nonce: u64) {
            let mut out = Vec::new();
            HeartbeatInfo(nonce).encode(&mut out);
            prop_assert_eq!(out.len() + 4, HeartbeatInfo::CHUNK_LEN);
            prop_assert_eq!(HeartbeatInfo::decode(&out), Ok(HeartbeatInfo(nonce)));
        }
    }

    #[test]
    fn information_that_is_not_ours_is_an_error() {
        assert!(HeartbeatInfo::decode(&[]).is_err());
        assert!(HeartbeatInfo::decode(&[0, 1, 0, 8, 0, 0, 0, 0]).is_err());
        assert!(HeartbeatInfo::decode(&[0, 2, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0]).is_err());
    }
}
