//! From temporal units to packets.

use std::ops::Range;

use arrayvec::ArrayVec;
use bytes::Bytes;
use ortica_core::DecodeError;
use smallvec::SmallVec;

use super::aggregation::Aggregation;
use super::obu::{self, Layer};
use crate::payload::{Limits, PacketizeError, Packetizer, Payload, check};
use crate::{Codec, EncodedFrame};

/// Fewer bytes of an OBU that goes on are not begun.
const MIN_FRAGMENT: usize = 8;
/// Up to so many parts a packet says how many it has, and the last needs no length.
const MAX_COUNTED: usize = 3;

/// Splits AV1 temporal units into payloads, as even in size as they come out. OBUs share packets unless they belong to different
/// layers, go without a length of their own, and delimiters are left out.
///
/// A packet in the middle of a temporal unit begins with the rest of an OBU or with an upper layer, so that nobody takes it for
/// the first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Av1Packetizer;

/// An OBU as it is sent: its header without a length, and what is behind.
#[derive(Debug)]
struct Element {
    header: ArrayVec<u8, 2>,
    body: Bytes,
    layer: Option<Layer>,
}

impl Element {
    fn len(&self) -> usize {
        self.header.len() + self.body.len()
    }

    /// The bytes of its header and of what is behind that lie in `range`.
    fn cut(&self, range: &Range<usize>) -> (&[u8], Bytes) {
        let split = self.header.len();
        let (start, end) = (range.start.min(split), range.end.min(split));
        let body = range.start.saturating_sub(split)..range.end.saturating_sub(split);
        (self.header.get(start..end).unwrap_or_default(), self.body.slice(body))
    }
}

/// A part of an element in a packet.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Part {
    element: usize,
    range: Range<usize>,
}

impl Packetizer for Av1Packetizer {
    fn packetize(&mut self, frame: &EncodedFrame, max: usize, out: &mut Vec<Payload>) -> Result<(), PacketizeError> {
        check(frame, Codec::Av1, max)?;
        let elements = elements(&frame.data)?;
        if elements.is_empty() {
            return Err(PacketizeError::Empty);
        }
        if elements.len() > Limits::default().max_units {
            return Err(PacketizeError::Malformed(DecodeError::Invalid("AV1 OBUs of a temporal unit")));
        }
        let widest = plan(&elements, max);
        let total: usize = widest.iter().map(|parts| packet_len(parts)).sum();
        let even = plan(&elements, total.div_ceil(widest.len()).clamp(MIN_FRAGMENT * 4, max));
        let packets = if even.len() == widest.len() { even } else { widest };
        let count = packets.len();
        for (index, parts) in packets.iter().enumerate() {
            out.push(payload(&elements, parts, index == 0 && frame.key_frame, index + 1 == count));
        }
        Ok(())
    }
}

fn elements(data: &Bytes) -> Result<Vec<Element>, DecodeError> {
    let units = obu::units(data)?.into_iter().filter(|unit| unit.header.is_carried());
    let element = |unit: obu::Unit| Element {
        header: unit.header.encode(false),
        body: data.slice(unit.body),
        layer: unit.header.layer,
    };
    Ok(units.map(element).collect())
}

/// Which parts go into which packet, none longer than `max`.
fn plan(elements: &[Element], max: usize) -> Vec<Vec<Part>> {
    let (mut packets, mut parts, mut layer) = (Vec::new(), Vec::new(), None);
    for (index, element) in elements.iter().enumerate() {
        if layer.is_some() && element.layer.is_some() && element.layer != layer {
            packets.push(std::mem::take(&mut parts));
            layer = None;
        }
        let mut start = 0;
        while start < element.len() {
            let rest = element.len() - start;
            let room = room_behind(&parts, max);
            if room < rest.min(MIN_FRAGMENT) {
                let left = leave_a_byte(&mut parts);
                packets.push(std::mem::take(&mut parts));
                parts.extend(left);
                layer = None;
                continue;
            }
            let end = start + rest.min(room);
            parts.push(Part { element: index, range: start..end });
            layer = layer.or(element.layer);
            if end < element.len() {
                packets.push(std::mem::take(&mut parts));
                layer = None;
            }
            start = end;
        }
    }
    packets.extend(Some(parts).filter(|parts| !parts.is_empty()));
    packets
}

/// The last byte of the last part, for the next packet.
fn leave_a_byte(parts: &mut [Part]) -> Option<Part> {
    let last = parts.last_mut().filter(|last| last.range.len() > 1)?;
    last.range.end -= 1;
    Some(Part { element: last.element, range: last.range.end..last.range.end + 1 })
}

/// The bytes that another part may have.
fn room_behind(parts: &[Part], max: usize) -> usize {
    let taken = parts.iter().map(|part| part.range.len() + obu::leb128_len(part.range.len())).sum::<usize>();
    let room = max.saturating_sub(1 + taken);
    if parts.len() < MAX_COUNTED { room } else { room.saturating_sub(obu::leb128_len(room)) }
}

fn packet_len(parts: &[Part]) -> usize {
    let lengths = if parts.len() > MAX_COUNTED { parts.len() } else { parts.len().saturating_sub(1) };
    let with_length = |(at, part): (usize, &Part)| {
        part.range.len() + if at < lengths { obu::leb128_len(part.range.len()) } else { 0 }
    };
    1 + parts.iter().enumerate().map(with_length).sum::<usize>()
}

fn payload(elements: &[Element], parts: &[Part], starts_sequence: bool, marker: bool) -> Payload {
    let element = |part: &Part| elements.get(part.element);
    let count = u8::try_from(parts.len()).ok().filter(|count| usize::from(*count) <= MAX_COUNTED).unwrap_or(0);
    let aggregation = Aggregation {
        continues: parts.first().is_some_and(|part| part.range.start > 0),
        continued: parts.last().is_some_and(|part| element(part).is_some_and(|it| part.range.end < it.len())),
        count,
        starts_sequence,
    };
    let mut prefix = SmallVec::<[u8; 16]>::from_slice(&[aggregation.encode()]);
    let mut last = Bytes::new();
    for (at, part) in parts.iter().enumerate() {
        let Some(element) = element(part) else { continue };
        let is_last = at + 1 == parts.len();
        if count == 0 || !is_last {
            obu::put_leb128(part.range.len(), &mut prefix);
        }
        let (header, body) = element.cut(&part.range);
        prefix.extend_from_slice(header);
        if is_last {
            last = body;
        } else {
            prefix.extend_from_slice(&body);
        }
    }
    Payload { prefix, body: last, marker }
}
