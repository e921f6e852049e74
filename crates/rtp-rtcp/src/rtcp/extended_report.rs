//! Reports beyond those of RFC 3550; of the blocks, those that give receivers a round-trip time are known.
//!
//! Source: [RFC 3611](https://www.rfc-editor.org/rfc/rfc3611)

use super::list::List;
use crate::id::Ssrc;
use ortica_core::{DecodeError, NtpTime, Reader};

const RECEIVER_REFERENCE_TIME: u8 = 4;
const DELAY_SINCE_LAST_RECEIVER_REPORT: u8 = 5;

/// An extended report.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ExtendedReport {
    /// Who reports.
    pub sender: Ssrc,
    /// Its blocks. At most 16 are kept.
    pub blocks: List<Block, 1, 16>,
}

/// One block of an extended report.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Block {
    /// The sender's wall time, to be answered by the next.
    ///
    /// Source: [RFC 3611 §4.4](https://www.rfc-editor.org/rfc/rfc3611#section-4.4)
    ReceiverReferenceTime(NtpTime),
    /// Answers to such times, per receiver.
    ///
    /// Source: [RFC 3611 §4.5](https://www.rfc-editor.org/rfc/rfc3611#section-4.5)
    DelaySinceLastReceiverReport(List<Delay, 1, 31>),
    /// A block of another type, kept as it came.
    Unknown {
        /// Its type.
        kind: u8,
        /// The byte behind the type.
        specific: u8,
        /// The rest, a multiple of four bytes.
        words: Vec<[u8; 4]>,
    },
}

/// How long ago the reference time of a receiver came.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Delay {
    /// The receiver.
    pub ssrc: Ssrc,
    /// Middle 32 bits of its reference time.
    pub last_receiver_report: u32,
    /// From its arrival to this report, in 1/65536 seconds.
    pub delay: u32,
}

impl ExtendedReport {
    pub(super) fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(body);
        let sender = Ssrc(r.u32("extended report ssrc")?);
        let mut blocks = List::new();
        // A block takes its four bytes of header even when its length is zero, so this ends.
        while !r.is_empty() && !blocks.is_full() {
            let _ = blocks.push(Block::decode(&mut r)?);
        }
        Ok(Self { sender, blocks })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.sender.0.to_be_bytes());
        self.blocks.iter().for_each(|block| block.encode(out));
    }
}

impl Block {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let kind = r.u8("extended report block type")?;
        let specific = r.u8("extended report block")?;
        let words = r.u16("extended report block length")?;
        let contents = r.bytes(usize::from(words) * 4, "extended report block contents")?;
        let mut r = Reader::new(contents);
        match kind {
            RECEIVER_REFERENCE_TIME => {
                let time = NtpTime(r.u64("receiver reference time")?);
                r.finish("receiver reference time")?;
                Ok(Self::ReceiverReferenceTime(time))
            }
            DELAY_SINCE_LAST_RECEIVER_REPORT => {
                let mut delays = List::new();
                while !r.is_empty() && !delays.is_full() {
                    let ssrc = Ssrc(r.u32("dlrr ssrc")?);
                    let last_receiver_report = r.u32("last receiver report")?;
                    let delay = r.u32("delay since last receiver report")?;
                    let _ = delays.push(Delay { ssrc, last_receiver_report, delay });
                }
                Ok(Self::DelaySinceLastReceiverReport(delays))
            }
            _ => Ok(Self::Unknown { kind, specific, words: contents.as_chunks().0.to_vec() }),
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut header = |kind, specific, words: usize| {
            // An unknown block was received, so its length fits; the others are short.
            let [a, b] = (words as u16).to_be_bytes();
            out.extend_from_slice(&[kind, specific, a, b]);
        };
        match self {
            Self::ReceiverReferenceTime(time) => {
                header(RECEIVER_REFERENCE_TIME, 0, 2);
                out.extend_from_slice(&time.0.to_be_bytes());
            }
            Self::DelaySinceLastReceiverReport(delays) => {
                header(DELAY_SINCE_LAST_RECEIVER_REPORT, 0, delays.len() * 3);
                for delay in delays {
                    for word in [delay.ssrc.0, delay.last_receiver_report, delay.delay] {
                        out.extend_from_slice(&word.to_be_bytes());
                    }
                }
            }
            Self::Unknown { kind, specific, words } => {
                header(*kind, *specific, words.len());
                words.iter().for_each(|word| out.extend_from_slice(word));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guards the step over a block whose length is zero.
    #[test]
    fn rtcp_5_blocks_of_length_zero_are_stepped_over() {
        let body = [0, 0, 0, 9, 1, 2, 0, 0, 5, 0, 0, 0, 77, 0, 0, 1, 1, 2, 3, 4];
        let report = ExtendedReport::decode(&body).unwrap();
        assert_eq!(
            &*report.blocks,
            [
                Block::Unknown { kind: 1, specific: 2, words: vec![] },
                Block::DelaySinceLastReceiverReport(List::new()),
                Block::Unknown { kind: 77, specific: 0, words: vec![[1, 2, 3, 4]] },
            ]
        );
        // A reference time of length zero has no time.
        assert!(ExtendedReport::decode(&[0, 0, 0, 9, 4, 0, 0, 0]).is_err());
        let many = [&[0, 0, 0, 9][..], &[0; 4 * 1_000]].concat();
        assert_eq!(ExtendedReport::decode(&many).unwrap().blocks.len(), 16);
    }

    #[test]
    fn rtcp_5_a_block_past_the_end_is_refused() {
        assert!(ExtendedReport::decode(&[0, 0, 0, 9, 4, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0]).is_err());
        assert!(ExtendedReport::decode(&[0, 0, 0, 9, 4, 0, 0xff, 0xff]).is_err());
        assert!(ExtendedReport::decode(&[0, 0, 0, 9, 4]).is_err());
    }
}
