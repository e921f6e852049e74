//! Says how streams are received by someone who sends none.
//!
//! Source: [RFC 3550 §6.4.2](https://www.rfc-editor.org/rfc/rfc3550#section-6.4.2)

use super::report_block::{ReportBlock, ReportBlocks};
use crate::id::Ssrc;
use ortica_core::{DecodeError, Reader};

/// The report of a receiver. One without blocks starts compounds that have nothing to report.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ReceiverReport {
    /// Who reports.
    pub ssrc: Ssrc,
    /// What it receives.
    pub reports: ReportBlocks,
}

impl ReceiverReport {
    /// Extensions that a profile may append are ignored.
    pub(super) fn decode(count: u8, body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(body);
        let ssrc = Ssrc(r.u32("receiver report ssrc")?);
        Ok(Self { ssrc, reports: ReportBlock::decode_all(count, &mut r)? })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.ssrc.0.to_be_bytes());
        self.reports.iter().for_each(|report| report.encode(out));
    }
}
