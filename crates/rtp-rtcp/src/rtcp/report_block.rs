//! What a receiver says about one stream, within sender and receiver reports.
//!
//! Source: [RFC 3550 §6.4.1](https://www.rfc-editor.org/rfc/rfc3550#section-6.4.1)

use super::list::List;
use crate::id::Ssrc;
use ortica_core::{DecodeError, Reader};

/// Up to 31 blocks: as many as the header's count has room for.
pub type ReportBlocks = List<ReportBlock, 1, 31>;

/// Reception of one stream since the last report, and in all.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ReportBlock {
    /// The stream.
    pub ssrc: Ssrc,
    /// Share of packets lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost in all: negative when duplicates outnumber losses. Clamped to 24 bits when written.
    pub cumulative_lost: i32,
    /// Sequence number cycles (high 16 bits) and the highest sequence number received (low 16 bits).
    pub highest_sequence: u32,
    /// Variation of the transit time, in units of the stream's clock.
    pub jitter: u32,
    /// Middle 32 bits of the NTP time of the last sender report; zero if none came.
    pub last_sender_report: u32,
    /// From the arrival of that report to this one, in 1/65536 seconds; zero if none came.
    pub delay_since_last_sender_report: u32,
}

impl ReportBlock {
    /// The most lost packets that the field holds.
    pub const MAX_LOST: i32 = 0x7f_ffff;
    /// The least.
    pub const MIN_LOST: i32 = -0x80_0000;

    pub(super) fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            ssrc: Ssrc(r.u32("report block ssrc")?),
            fraction_lost: r.u8("fraction lost")?,
            cumulative_lost: sign_extend_24(r.u24("cumulative lost")?),
            highest_sequence: r.u32("extended highest sequence number")?,
            jitter: r.u32("interarrival jitter")?,
            last_sender_report: r.u32("last sender report")?,
            delay_since_last_sender_report: r.u32("delay since last sender report")?,
        })
    }

    pub(super) fn decode_all(count: u8, r: &mut Reader<'_>) -> Result<ReportBlocks, DecodeError> {
        (0..count).map(|_| Self::decode(r)).collect()
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.ssrc.0.to_be_bytes());
        let [_, lost @ ..] = self.cumulative_lost.clamp(Self::MIN_LOST, Self::MAX_LOST).to_be_bytes();
        out.push(self.fraction_lost);
        out.extend_from_slice(&lost);
        out.extend_from_slice(&self.highest_sequence.to_be_bytes());
        out.extend_from_slice(&self.jitter.to_be_bytes());
        out.extend_from_slice(&self.last_sender_report.to_be_bytes());
        out.extend_from_slice(&self.delay_since_last_sender_report.to_be_bytes());
    }
}

const fn sign_extend_24(value: u32) -> i32 {
    ((value << 8) as i32) >> 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rtcp_2_cumulative_loss_is_a_signed_number_of_24_bits() {
        for (lost, read) in [
            (0, 0),
            (-1, -1),
            (0x7f_ffff, 0x7f_ffff),
            (-0x80_0000, -0x80_0000),
            (i32::MAX, 0x7f_ffff),
            (i32::MIN, -0x80_0000),
        ] {
            let mut out = Vec::new();
            ReportBlock { cumulative_lost: lost, fraction_lost: 255, ..ReportBlock::default() }.encode(&mut out);
            let block = ReportBlock::decode(&mut Reader::new(&out)).unwrap();
            assert_eq!((block.cumulative_lost, block.fraction_lost), (read, 255));
        }
    }
}
