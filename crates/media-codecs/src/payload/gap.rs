//! Silence or loss: what lies between one audio packet and the next.
//!
//! Neither field of the RTP header tells alone. A sender that stops in silence (DTX, comfort noise) skips timestamps but no
//! sequence numbers; a network that loses skips both. Silence is to be played as silence, and is no reason to conceal, to ask
//! again or to count.

use ortica_rtp::{RtpTimestamp, SequenceNumber};

/// What lies before a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Gap {
    /// It follows directly, or is the first.
    None,
    /// The sender was silent for this many ticks: nothing is missing.
    Silence {
        /// Ticks between the end of the packet before and this one.
        ticks: u32,
    },
    /// Packets were lost.
    Loss {
        /// How many.
        packets: u16,
        /// Ticks between the end of the packet before and this one.
        ticks: u32,
    },
    /// It lies before one that was already seen.
    Late,
}

/// Watches the packets of one audio stream in the order in which they are played.
#[derive(Clone, Copy, Debug, Default)]
pub struct GapDetector {
    next: Option<(SequenceNumber, RtpTimestamp)>,
}

impl GapDetector {
    /// Takes the next packet and tells what lies before it. `duration` is that of its sound, in ticks.
    pub fn on_packet(&mut self, sequence: SequenceNumber, timestamp: RtpTimestamp, duration: u32) -> Gap {
        let gap = match self.next {
            None => Gap::None,
            Some((expected, _)) if sequence.precedes(expected) => return Gap::Late,
            Some((expected, end)) => {
                let ticks = u32::try_from(end.distance(timestamp)).unwrap_or(0);
                match u16::try_from(expected.distance(sequence)).unwrap_or(0) {
                    0 if ticks == 0 => Gap::None,
                    0 => Gap::Silence { ticks },
                    packets => Gap::Loss { packets, ticks },
                }
            }
        };
        self.next = Some((sequence.next(), RtpTimestamp(timestamp.0.wrapping_add(duration))));
        gap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(packets: &[(u16, u32)]) -> Vec<Gap> {
        let mut detector = GapDetector::default();
        let on = |&(sequence, timestamp): &(u16, u32)| {
            detector.on_packet(SequenceNumber(sequence), RtpTimestamp(timestamp), 960)
        };
        packets.iter().map(on).collect()
    }

    /// The guard: a gap in timestamps counts as loss only with a gap in sequence numbers.
    #[test]
    fn pay_3_a_dtx_gap_is_silence_and_not_loss() {
        let start = u32::MAX - 1_000;
        let after = |n: u32| start.wrapping_add(n);
        let gaps = run(&[(65_534, start), (65_535, after(960)), (0, after(960 * 21)), (1, after(960 * 22))]);
        assert_eq!(gaps, [Gap::None, Gap::None, Gap::Silence { ticks: 960 * 19 }, Gap::None]);
    }

    #[test]
    fn a_gap_in_both_is_loss() {
        assert_eq!(run(&[(1, 0), (4, 2_880)])[1], Gap::Loss { packets: 2, ticks: 1_920 });
    }

    #[test]
    fn what_comes_late_changes_nothing() {
        let gaps = run(&[(5, 4_800), (4, 3_840), (6, 5_760)]);
        assert_eq!(gaps, [Gap::None, Gap::Late, Gap::None]);
    }
}
