//! Says how much a stream has sent and which wall time its timestamps stand for.
//!
//! Source: [RFC 3550 §6.4.1](https://www.rfc-editor.org/rfc/rfc3550#section-6.4.1)

use super::report_block::{ReportBlock, ReportBlocks};
use crate::id::Ssrc;
use crate::sequence::RtpTimestamp;
use ortica_core::{DecodeError, NtpTime, Reader};

/// The report of a stream's sender.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SenderReport {
    /// The stream.
    pub ssrc: Ssrc,
    /// When the report was sent, in wall time.
    pub ntp: NtpTime,
    /// The same moment in the stream's own time.
    pub rtp: RtpTimestamp,
    /// Packets sent so far.
    pub packets: u32,
    /// Bytes of payload sent so far, without headers and padding.
    pub octets: u32,
    /// What this sender receives.
    pub reports: ReportBlocks,
}

impl SenderReport {
    /// Extensions that a profile may append are ignored.
    pub(super) fn decode(count: u8, body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(body);
        Ok(Self {
            ssrc: Ssrc(r.u32("sender report ssrc")?),
            ntp: NtpTime(r.u64("sender report ntp timestamp")?),
            rtp: RtpTimestamp(r.u32("sender report rtp timestamp")?),
            packets: r.u32("sender report packet count")?,
            octets: r.u32("sender report octet count")?,
            reports: ReportBlock::decode_all(count, &mut r)?,
        })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.ssrc.0.to_be_bytes());
        out.extend_from_slice(&self.ntp.0.to_be_bytes());
        out.extend_from_slice(&self.rtp.0.to_be_bytes());
        out.extend_from_slice(&self.packets.to_be_bytes());
        out.extend_from_slice(&self.octets.to_be_bytes());
        self.reports.iter().for_each(|report| report.encode(out));
    }
}
