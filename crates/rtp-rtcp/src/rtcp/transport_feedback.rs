//! Says when each packet of a transport arrived, if it did.
//!
//! ```text
//! |  base sequence number (16)    |   packet status count (16)    |
//! |      reference time (24)                      | fb count (8)  |
//! |  packet chunk (16)            |  packet chunk ..              |
//! |  receive delta (8 or 16) ..                                   |
//! ```
//!
//! A chunk gives the status of several packets in a row, as a run of one status or as a vector of one or two bits each. Each
//! packet that arrived then has a delta to the one before it, the first to the reference time.
//!
//! Source: [draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1](https://datatracker.ietf.org/doc/html/draft-holmer-rmcat-transport-wide-cc-extensions-01#section-3.1)

use crate::id::Ssrc;
use crate::sequence::SequenceNumber;
use ortica_core::{DecodeError, Reader};
use std::time::Duration;
use thiserror::Error;

/// Arrival times of consecutive packets of a transport.
///
/// Built by [`new`](Self::new) and [`push`](Self::push), or received. Its memory goes with the packets that arrived, each
/// of which takes a byte of the packet at least, and not with the number that it claims to speak about.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TransportFeedback {
    /// Who received.
    pub sender: Ssrc,
    /// Any stream of the transport.
    pub media: Ssrc,
    base: SequenceNumber,
    status_count: u16,
    reference_time: u32,
    feedback_count: u8,
    arrivals: Vec<Arrival>,
    /// Sum of the deltas.
    ticks: i64,
}

/// A packet that arrived.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Arrival {
    /// From the base.
    offset: u16,
    /// From the arrival before, in units of 250 microseconds.
    delta: i16,
}

/// Why a packet cannot be put into a feedback: it belongs into the next one.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum FeedbackError {
    /// It does not come after those that were put in.
    #[error("transport feedback lists packets in the order of their numbers")]
    Order,
    /// It arrived more than 8.19 seconds before or after the one before it.
    #[error("the arrival is too far from the one before it")]
    Delta,
}

/// Status of a packet, as it is encoded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Symbol {
    NotReceived = 0,
    SmallDelta = 1,
    LargeDelta = 2,
}

/// Unit of a delta.
const TICK: Duration = Duration::from_micros(250);
/// Unit of the reference time: 256 ticks.
const REFERENCE: Duration = Duration::from_millis(64);
const TICKS_PER_REFERENCE: i64 = 256;
const MAX_RUN: usize = 0x1fff;
const ONE_BIT_CAPACITY: usize = 14;
const TWO_BIT_CAPACITY: usize = 7;

impl TransportFeedback {
    /// How the reference time, and so every time in a feedback, wraps: each 12.4 days.
    pub const WRAP: Duration = Duration::from_millis(64 << 24);

    /// A feedback that starts at packet `base` and says nothing yet. Times count from any start; those that wrapped (see
    /// [`WRAP`](Self::WRAP)) are fine. `feedback_count` counts the feedbacks sent, modulo 256.
    pub fn new(sender: Ssrc, media: Ssrc, base: SequenceNumber, first_arrival: Duration, feedback_count: u8) -> Self {
        let reference_time = (first_arrival.as_millis() / REFERENCE.as_millis()) as u32 & 0x00ff_ffff;
        Self { sender, media, base, status_count: 0, reference_time, feedback_count, arrivals: Vec::new(), ticks: 0 }
    }

    /// Says that the packet `number` arrived at `time`, and that those between it and the one before did not. The first is
    /// at or behind the base.
    ///
    /// # Errors
    /// [`FeedbackError`] when the format cannot say so; nothing has changed then.
    pub fn push(&mut self, number: SequenceNumber, time: Duration) -> Result<(), FeedbackError> {
        let offset = number.0.wrapping_sub(self.base.0);
        // Less than half the circle, so that the one who receives this can tell which cycle is meant.
        if offset < self.status_count || offset >= 0x8000 {
            return Err(FeedbackError::Order);
        }
        let ticks = (time.as_micros() / TICK.as_micros()) as i64;
        let last = i64::from(self.reference_time) * TICKS_PER_REFERENCE + self.ticks;
        let delta = i16::try_from(wrapped_ticks(ticks - last)).map_err(|_| FeedbackError::Delta)?;
        self.arrivals.push(Arrival { offset, delta });
        self.ticks += i64::from(delta);
        self.status_count = offset + 1;
        Ok(())
    }

    /// The first packet that it speaks about.
    pub const fn base(&self) -> SequenceNumber {
        self.base
    }

    /// How many packets it speaks about.
    pub const fn status_count(&self) -> u16 {
        self.status_count
    }

    /// Which feedback this is, modulo 256: a gap shows that one was lost.
    pub const fn feedback_count(&self) -> u8 {
        self.feedback_count
    }

    /// The time that deltas start from, on the receiver's clock, modulo [`WRAP`](Self::WRAP).
    pub fn reference_time(&self) -> Duration {
        REFERENCE * self.reference_time
    }

    /// How many packets arrived.
    pub fn received(&self) -> usize {
        self.arrivals.len()
    }

    /// Each packet in order, with the time of its arrival relative to the reference time in microseconds (it may be
    /// negative), or `None` if it did not arrive.
    pub fn packets(&self) -> impl Iterator<Item = (SequenceNumber, Option<i64>)> + '_ {
        let mut arrivals = self.arrivals.iter().peekable();
        let mut ticks = 0i64;
        (0..self.status_count).map(move |offset| {
            let arrival = arrivals.next_if(|arrival| arrival.offset == offset);
            let time = arrival.map(|arrival| {
                ticks += i64::from(arrival.delta);
                ticks * TICK.as_micros() as i64
            });
            (self.base + offset, time)
        })
    }

    /// Length of the packet when written, in bytes.
    pub fn encoded_len(&self) -> usize {
        let chunks = Chunks { symbols: self.symbols() }.count() * 2;
        let deltas: usize = self.arrivals.iter().map(|arrival| Symbol::of(arrival.delta).delta_len()).sum();
        (20 + chunks + deltas).next_multiple_of(4)
    }

    pub(super) fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(body);
        let sender = Ssrc(r.u32("sender ssrc")?);
        let media = Ssrc(r.u32("media ssrc")?);
        let base = SequenceNumber(r.u16("transport feedback base")?);
        let status_count = r.u16("transport feedback status count")?;
        let reference_time = r.u24("transport feedback reference time")?;
        let feedback_count = r.u8("transport feedback count")?;
        if status_count == 0 {
            return Err(DecodeError::Invalid("transport feedback status count"));
        }
        // The deltas start behind the last chunk, so the chunks are walked twice instead of being kept.
        let mut deltas = r.clone();
        StatusReader::new(&mut deltas, status_count).try_for_each(|status| status.map(|_| ()))?;
        let mut arrivals = Vec::with_capacity(deltas.remaining().min(usize::from(status_count)));
        for status in StatusReader::new(&mut r, status_count) {
            let Status { offset, len, symbol } = status?;
            for offset in (offset..).take(usize::from(len)) {
                match symbol {
                    Symbol::NotReceived => break,
                    Symbol::SmallDelta => arrivals.push(Arrival { offset, delta: deltas.u8("small delta")?.into() }),
                    Symbol::LargeDelta => arrivals.push(Arrival { offset, delta: deltas.u16("large delta")? as i16 }),
                }
            }
        }
        let ticks = arrivals.iter().map(|arrival| i64::from(arrival.delta)).sum();
        Ok(Self { sender, media, base, status_count, reference_time, feedback_count, arrivals, ticks })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.sender.0.to_be_bytes());
        out.extend_from_slice(&self.media.0.to_be_bytes());
        out.extend_from_slice(&self.base.0.to_be_bytes());
        out.extend_from_slice(&self.status_count.to_be_bytes());
        out.extend_from_slice(&(self.reference_time << 8 | u32::from(self.feedback_count)).to_be_bytes());
        Chunks { symbols: self.symbols() }.for_each(|chunk| out.extend_from_slice(&chunk.to_be_bytes()));
        for Arrival { delta, .. } in &self.arrivals {
            match Symbol::of(*delta) {
                Symbol::SmallDelta => out.push(*delta as u8),
                _ => out.extend_from_slice(&delta.to_be_bytes()),
            }
        }
    }

    fn symbols(&self) -> impl Iterator<Item = Symbol> + Clone + '_ {
        let mut arrivals = self.arrivals.iter().peekable();
        (0..self.status_count).map(move |offset| {
            arrivals.next_if(|arrival| arrival.offset == offset).map_or(Symbol::NotReceived, |a| Symbol::of(a.delta))
        })
    }
}

/// The nearest difference on a circle of 2^32 ticks, which is [`TransportFeedback::WRAP`].
const fn wrapped_ticks(difference: i64) -> i64 {
    difference as i32 as i64
}

impl Symbol {
    fn of(delta: i16) -> Self {
        if (0..=255).contains(&delta) { Self::SmallDelta } else { Self::LargeDelta }
    }

    fn from_bits(bits: u16) -> Result<Self, DecodeError> {
        match bits & 3 {
            0 => Ok(Self::NotReceived),
            1 => Ok(Self::SmallDelta),
            2 => Ok(Self::LargeDelta),
            _ => Err(DecodeError::Invalid("transport feedback symbol")),
        }
    }

    fn delta_len(self) -> usize {
        self as usize
    }
}

/// The same status of some packets in a row.
struct Status {
    offset: u16,
    len: u16,
    symbol: Symbol,
}

/// Walks over the chunks until they have spoken about every packet.
struct StatusReader<'r, 'a> {
    r: &'r mut Reader<'a>,
    offset: u16,
    left: u16,
    /// What is left of a vector: symbols in its high bits, how many, and how wide they are.
    vector: (u16, u16, u16),
}

impl<'r, 'a> StatusReader<'r, 'a> {
    fn new(r: &'r mut Reader<'a>, status_count: u16) -> Self {
        Self { r, offset: 0, left: status_count, vector: (0, 0, 1) }
    }

    fn read(&mut self) -> Result<Status, DecodeError> {
        loop {
            let (bits, count, width) = self.vector;
            if count > 0 {
                self.vector = (bits << width, count - 1, width);
                let symbol = Symbol::from_bits(bits >> (16 - width))?;
                return Ok(self.status(1, symbol));
            }
            let chunk = self.r.u16("transport feedback chunk")?;
            match chunk >> 14 {
                0b10 => self.vector = (chunk << 2, ONE_BIT_CAPACITY as u16, 1),
                0b11 => self.vector = (chunk << 2, TWO_BIT_CAPACITY as u16, 2),
                _ => {
                    let symbol = Symbol::from_bits(chunk >> 13)?;
                    // Peers round the last run up: what it says past the count is about nothing.
                    let len = (chunk & MAX_RUN as u16).min(self.left);
                    if len > 0 {
                        return Ok(self.status(len, symbol));
                    }
                }
            }
        }
    }

    fn status(&mut self, len: u16, symbol: Symbol) -> Status {
        let status = Status { offset: self.offset, len, symbol };
        self.offset = self.offset.wrapping_add(len);
        self.left -= len;
        status
    }
}

impl Iterator for StatusReader<'_, '_> {
    type Item = Result<Status, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let status = self.read();
        if status.is_err() {
            self.left = 0;
        }
        Some(status)
    }
}

/// Packs the symbols of a feedback into chunks, each taking as many as it can.
struct Chunks<I> {
    symbols: I,
}

impl<I: Iterator<Item = Symbol> + Clone> Chunks<I> {
    /// A vector has all its places filled, or is the last chunk.
    fn vector(&mut self, head: u16, capacity: usize, width: usize) -> u16 {
        let places = self.symbols.by_ref().take(capacity).enumerate();
        places.fold(head << 14, |chunk, (place, symbol)| chunk | (symbol as u16) << (14 - width * (place + 1)))
    }

    fn run(&mut self, symbol: Symbol, len: usize) -> u16 {
        self.symbols.by_ref().take(len).for_each(drop);
        (symbol as u16) << 13 | len as u16
    }
}

impl<I: Iterator<Item = Symbol> + Clone> Iterator for Chunks<I> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        let ahead = || self.symbols.clone();
        let first = ahead().next()?;
        let run = ahead().take(MAX_RUN).take_while(|symbol| *symbol == first).count();
        let reach = ahead().take(ONE_BIT_CAPACITY).count();
        let one_bit = ahead().take(reach).all(|symbol| symbol != Symbol::LargeDelta);
        let vector = if one_bit { reach } else { reach.min(TWO_BIT_CAPACITY) };
        Some(match one_bit {
            _ if run >= vector => self.run(first, run),
            true => self.vector(0b10, ONE_BIT_CAPACITY, 1),
            false => self.vector(0b11, TWO_BIT_CAPACITY, 2),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    fn feedback(base: u16, arrivals: &[(u16, u64)]) -> TransportFeedback {
        let start = Duration::from_micros(arrivals.first().map_or(0, |(_, micros)| *micros));
        let mut feedback = TransportFeedback::new(Ssrc(1), Ssrc(2), SequenceNumber(base), start, 7);
        for (number, micros) in arrivals {
            feedback.push(SequenceNumber(*number), Duration::from_micros(*micros)).unwrap();
        }
        feedback
    }

    fn encoded(feedback: &TransportFeedback) -> Vec<u8> {
        let mut out = Vec::new();
        feedback.encode(&mut out);
        out
    }

    fn body(status_count: u16, rest: &[u8]) -> Vec<u8> {
        let mut body = vec![0, 0, 0, 1, 0, 0, 0, 2, 0, 10];
        body.extend_from_slice(&status_count.to_be_bytes());
        body.extend_from_slice(&[0, 0, 1, 9]);
        body.extend_from_slice(rest);
        body
    }

    #[test]
    fn reads_runs_and_both_vectors() {
        // A run of 2 small, a vector of one bit (1 0 1 0..), one of two bits (large, 0, small ..), then deltas.
        let body = body(2 + 14 + 3, &[0x20, 2, 0xa8, 0, 0xe1, 0, 4, 8, 12, 16, 0xff, 0xfc, 20, 0]);
        let feedback = TransportFeedback::decode(&body).unwrap();
        let arrived: Vec<_> = feedback.packets().filter_map(|(n, time)| time.map(|time| (n.0, time))).collect();
        assert_eq!(arrived, [(10, 1_000), (11, 3_000), (12, 6_000), (14, 10_000), (26, 9_000), (28, 14_000)]);
        assert_eq!(feedback.packets().count(), 19);
        assert_eq!(feedback.reference_time(), 64 * MS);
        assert_eq!((feedback.received(), feedback.feedback_count()), (6, 9));
    }

    /// Guards the refusal of the fourth symbol in a run and in a vector.
    #[test]
    fn cve_22_twcc_unknown_symbol() {
        let error = Err(DecodeError::Invalid("transport feedback symbol"));
        assert_eq!(TransportFeedback::decode(&body(3, &[0x60, 3, 4, 4, 4, 0])), error);
        assert_eq!(TransportFeedback::decode(&body(3, &[0xf0, 0, 4, 4, 4, 0])), error);
        // Past the count, the symbols of a vector say nothing.
        assert!(TransportFeedback::decode(&body(1, &[0xdf, 0xff, 4, 0])).is_ok());
    }

    /// Guards the bounds between the count, the chunks and the deltas.
    #[test]
    fn rtcp_3_status_count_chunks_and_deltas_must_agree() {
        assert_eq!(
            TransportFeedback::decode(&body(0, &[0x20, 2, 4, 8])),
            Err(DecodeError::Invalid("transport feedback status count"))
        );
        assert_eq!(
            TransportFeedback::decode(&body(3, &[0x20, 2])),
            Err(DecodeError::Truncated("transport feedback chunk"))
        );
        assert_eq!(TransportFeedback::decode(&body(3, &[0x20, 3, 4, 8])), Err(DecodeError::Truncated("small delta")));
        assert_eq!(TransportFeedback::decode(&body(2, &[0x40, 2, 4, 8])), Err(DecodeError::Truncated("large delta")));
        // Empty runs, and a run past the count.
        let feedback = TransportFeedback::decode(&body(2, &[0, 0, 0x20, 0, 0x3f, 0xff, 4, 8])).unwrap();
        assert_eq!((feedback.received(), feedback.status_count()), (2, 2));
    }

    /// Guards the memory of a feedback that claims much: eight bytes of chunks speak about 65,535 packets.
    #[test]
    fn rtcp_3_a_claim_about_many_packets_costs_no_memory() {
        let chunks: Vec<u8> = std::iter::repeat_n([0x1f, 0xff], 9).flatten().collect();
        let feedback = TransportFeedback::decode(&body(65_535, &chunks)).unwrap();
        assert_eq!((feedback.received(), feedback.arrivals.capacity()), (0, 0));
        assert_eq!(feedback.packets().count(), 65_535);
    }

    /// Guards the sign of a delta: reordered packets arrive before those ahead of them.
    #[test]
    fn rtcp_3_reordered_arrivals_have_negative_deltas() {
        let feedback = feedback(5, &[(5, 100_000), (6, 90_000), (8, 90_250)]);
        assert_eq!(
            feedback.packets().map(|(_, time)| time).collect::<Vec<_>>(),
            [Some(36_000), Some(26_000), None, Some(26_250)]
        );
        assert_eq!(TransportFeedback::decode(&encoded(&feedback)), Ok(feedback));
    }

    /// Guards the 24 bits of the reference time: a delta across its wrap stays small.
    #[test]
    fn rtcp_3_the_reference_time_wraps() {
        let before = TransportFeedback::WRAP - MS;
        let mut feedback = TransportFeedback::new(Ssrc(1), Ssrc(2), SequenceNumber(0), before, 0);
        feedback.push(SequenceNumber(0), before).unwrap();
        feedback.push(SequenceNumber(1), before + 3 * MS).unwrap();
        feedback.push(SequenceNumber(2), 4 * MS).unwrap();
        assert_eq!(feedback.packets().map(|(_, time)| time.unwrap()).collect::<Vec<_>>(), [63_000, 66_000, 68_000]);
        assert_eq!(
            TransportFeedback::new(Ssrc(1), Ssrc(2), SequenceNumber(0), TransportFeedback::WRAP, 0).reference_time(),
            Duration::ZERO
        );
    }

    #[test]
    fn numbers_wrap_and_keep_their_order() {
        let mut feedback = feedback(0xfffe, &[(0xffff, 64_000), (1, 65_000)]);
        assert_eq!(feedback.push(SequenceNumber(1), 66 * MS), Err(FeedbackError::Order));
        assert_eq!(feedback.push(SequenceNumber(0xfffe), 66 * MS), Err(FeedbackError::Order));
        assert_eq!(feedback.push(SequenceNumber(2), 9_000 * MS), Err(FeedbackError::Delta));
        assert_eq!(feedback.packets().map(|(number, _)| number.0).collect::<Vec<_>>(), [0xfffe, 0xffff, 0, 1]);
    }

    #[test]
    fn long_stretches_take_one_chunk() {
        let arrivals: Vec<_> = (0..400).map(|i| (i, u64::from(i) * 1_000)).chain([(8_000, 401_000)]).collect();
        let feedback = feedback(0, &arrivals);
        let chunks: Vec<_> = Chunks { symbols: feedback.symbols() }.collect();
        assert_eq!(chunks, [0x2000 | 400, 7_600, 0x2001]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn what_is_encoded_is_decoded(base: u16, steps in proptest::collection::vec((1u16..40, 0u64..200_000), 1..200)) {
            let mut number = base;
            let mut time = 1_000_000;
            let arrivals: Vec<_> = steps.iter().map(|(step, micros)| {
                number = number.wrapping_add(*step);
                time += micros;
                (number, time)
            }).collect();
            let feedback = feedback(base, &arrivals);
            let bytes = encoded(&feedback);
            prop_assert_eq!((bytes.len() + 4).next_multiple_of(4), feedback.encoded_len());
            prop_assert_eq!(TransportFeedback::decode(&bytes), Ok(feedback));
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = TransportFeedback::decode(&bytes);
        }
    }
}
