//! From frames to packets.

use bytes::Bytes;
use ortica_core::{DecodeError, Reader};
use smallvec::SmallVec;

use super::contents::fragment_prefix;
use super::nal::{self, HEADER_LEN, Header};
use crate::payload::{Limits, PacketizeError, Packetizer, Payload, check, h264, split_evenly};
use crate::{Codec, EncodedFrame};

/// Splits H.265 frames of the byte stream format into payloads: small units share packets, large ones are cut into parts of equal
/// size. No decoding order numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct H265Packetizer;

/// Bytes in front of a part of a unit.
const FRAGMENT_PREFIX: usize = 3;
/// Bytes in front of a unit in an aggregate.
const LENGTH: usize = 2;

impl Packetizer for H265Packetizer {
    fn packetize(&mut self, frame: &EncodedFrame, max: usize, out: &mut Vec<Payload>) -> Result<(), PacketizeError> {
        check(frame, Codec::H265, max)?;
        let units = units(&frame.data)?;
        let before = out.len();
        let mut together: Vec<&(Header, Bytes)> = Vec::new();
        let mut len = HEADER_LEN;
        for unit in &units {
            if len + LENGTH + unit.1.len() > max {
                aggregate(&std::mem::take(&mut together), out);
                len = HEADER_LEN;
            }
            if unit.1.len() > max {
                fragment(unit, max, out);
            } else {
                together.push(unit);
                len += LENGTH + unit.1.len();
            }
        }
        aggregate(&together, out);
        match out.last_mut() {
            Some(last) if !units.is_empty() => last.marker = true,
            _ => out.truncate(before),
        }
        Ok(())
    }
}

/// The units of a frame with their headers.
fn units(data: &Bytes) -> Result<Vec<(Header, Bytes)>, DecodeError> {
    const FIELD: &str = "H.265 frame";
    let unit = |unit: Bytes| {
        let header = Header::decode(&mut Reader::new(&unit))?;
        // Kinds that packets use for themselves, and units without content.
        let fits = header.kind < nal::AGGREGATION && unit.len() > HEADER_LEN;
        if fits { Ok((header, unit)) } else { Err(DecodeError::Invalid(FIELD)) }
    };
    let units = h264::nal::split(data).map(unit).collect::<Result<Vec<_>, _>>()?;
    if units.is_empty() || units.len() > Limits::default().max_units {
        return Err(DecodeError::Invalid(FIELD));
    }
    Ok(units)
}

/// One packet of these units.
fn aggregate(units: &[&(Header, Bytes)], out: &mut Vec<Payload>) {
    let Some(((_, last), others)) = units.split_last() else { return };
    let mut prefix = SmallVec::<[u8; 16]>::new();
    if !others.is_empty() {
        let least = |of: fn(&Header) -> u8| units.iter().map(|(header, _)| of(header)).min().unwrap_or(0);
        let header = Header {
            kind: nal::AGGREGATION,
            layer_id: least(|header| header.layer_id),
            temporal_id: least(|header| header.temporal_id),
        };
        prefix.extend_from_slice(&header.encode());
        for (_, unit) in others {
            put_length(unit, &mut prefix);
            prefix.extend_from_slice(unit);
        }
        put_length(last, &mut prefix);
    }
    out.push(Payload { prefix, body: last.clone(), marker: false });
}

fn put_length(unit: &Bytes, prefix: &mut SmallVec<[u8; 16]>) {
    // A unit that shares a packet is shorter than it.
    prefix.extend_from_slice(&u16::try_from(unit.len()).unwrap_or(u16::MAX).to_be_bytes());
}

/// The packets of a unit that does not fit into one.
fn fragment((header, unit): &(Header, Bytes), max: usize, out: &mut Vec<Payload>) {
    let mut parts = split_evenly(&unit.slice(HEADER_LEN.min(unit.len())..), max - FRAGMENT_PREFIX).collect::<Vec<_>>();
    let count = parts.len();
    for (at, body) in parts.drain(..).enumerate() {
        let prefix = fragment_prefix(*header, at == 0, at + 1 == count);
        out.push(Payload { prefix: SmallVec::from_slice(&prefix), body, marker: false });
    }
}
