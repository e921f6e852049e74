//! Numbers the packets of a transport across all its streams, for the sender's estimate of the bandwidth.
//!
//! Source: [draft-holmer-rmcat-transport-wide-cc-extensions-01 §2](https://datatracker.ietf.org/doc/html/draft-holmer-rmcat-transport-wide-cc-extensions-01#section-2)

use crate::sequence::SequenceNumber;
use ortica_core::{DecodeError, Reader};

/// The name of this extension in session descriptions.
pub const URI: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

pub(super) const LEN: usize = 2;

pub(super) fn decode(data: &[u8]) -> Result<SequenceNumber, DecodeError> {
    let mut r = Reader::new(data);
    let number = r.u16("transport sequence number extension")?;
    r.finish("transport sequence number extension")?;
    Ok(SequenceNumber(number))
}

pub(super) fn encode(number: SequenceNumber, out: &mut Vec<u8>) {
    out.extend_from_slice(&number.0.to_be_bytes());
}
