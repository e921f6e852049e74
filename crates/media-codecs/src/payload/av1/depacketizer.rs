//! From packets to temporal units.

use ortica_core::{DecodeError, Reader};

use super::aggregation::Aggregation;
use super::obu::{self, Header, Layer};
use crate::frame::TemporalLayer;
use crate::payload::{AssembleError, Depacketizer, Limits, PacketInfo, Piece};
use crate::{Codec, EncodedFrame};

/// Puts AV1 temporal units together, in the low-overhead format: each OBU with its length, without a delimiter.
#[derive(Clone, Copy, Debug)]
pub struct Av1Depacketizer {
    limits: Limits,
}

impl Av1Depacketizer {
    /// Temporal units are bounded by `limits`.
    pub fn new(limits: Limits) -> Self {
        Self { limits }
    }
}

impl Depacketizer for Av1Depacketizer {
    fn inspect(&self, payload: &[u8], marker: bool) -> Result<PacketInfo, DecodeError> {
        let (aggregation, elements) = Aggregation::decode(payload)?;
        let first = if aggregation.continues { None } else { first_header(&elements)? };
        Ok(PacketInfo {
            start: first.is_some_and(Header::may_begin),
            end: marker && !aggregation.continued,
            key_frame: aggregation.starts_sequence,
            discardable: false,
            layer: first.and_then(|header| header.layer).map(temporal_layer),
        })
    }

    fn assemble(&mut self, pts: i64, pieces: &[Piece<'_>]) -> Result<EncodedFrame, AssembleError> {
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return Err(AssembleError::Incomplete) };
        let info = self.inspect(first.payload, false)?;
        if !info.start || !last.marker {
            return Err(AssembleError::Incomplete);
        }
        let len: usize = pieces.iter().map(|piece| piece.payload.len()).sum();
        let mut unit = TemporalUnit::new(self.limits, len);
        let mut expected = first.sequence;
        for (index, piece) in pieces.iter().enumerate() {
            if piece.sequence != expected {
                return Err(AssembleError::Incomplete);
            }
            expected = expected.next();
            let (aggregation, elements) = Aggregation::decode(piece.payload)?;
            // An OBU that goes on and one that began elsewhere belong together, and a sequence begins with its first packet.
            if aggregation.continues != unit.open || (index > 0 && aggregation.starts_sequence) {
                return Err(AssembleError::Mixed);
            }
            unit.push(aggregation, &elements)?;
        }
        if unit.open {
            return Err(AssembleError::Incomplete);
        }
        let mut frame = EncodedFrame::new(Codec::Av1, unit.data, pts).with_key_frame(info.key_frame);
        frame.layer = unit.layer.map(temporal_layer);
        Ok(frame)
    }
}

fn first_header(elements: &[&[u8]]) -> Result<Option<Header>, DecodeError> {
    elements.first().map(|element| Header::decode(&mut Reader::new(element))).transpose()
}

fn temporal_layer(layer: Layer) -> TemporalLayer {
    TemporalLayer { id: layer.temporal_id, sync: false }
}

/// A temporal unit that is put together.
struct TemporalUnit {
    limits: Limits,
    data: Vec<u8>,
    units: usize,
    layer: Option<Layer>,
    // What there is of an OBU whose end has not come.
    part: Vec<u8>,
    open: bool,
}

impl TemporalUnit {
    fn new(limits: Limits, len: usize) -> Self {
        let data = Vec::with_capacity(len.min(limits.max_frame));
        Self { limits, data, units: 0, layer: None, part: Vec::new(), open: false }
    }

    /// Takes what a packet carries.
    fn push(&mut self, aggregation: Aggregation, elements: &[&[u8]]) -> Result<(), AssembleError> {
        for (at, element) in elements.iter().enumerate() {
            let ends = at + 1 < elements.len() || !aggregation.continued;
            if self.open || !ends {
                if self.part.len() + element.len() > self.limits.max_frame {
                    return Err(AssembleError::TooLarge(self.limits.max_frame));
                }
                self.part.extend_from_slice(element);
            }
            match (self.open, ends) {
                (_, false) => self.open = true,
                (false, true) => self.finish(element)?,
                (true, true) => {
                    let whole = std::mem::take(&mut self.part);
                    self.open = false;
                    self.finish(&whole)?;
                }
            }
        }
        Ok(())
    }

    /// Takes a whole OBU.
    fn finish(&mut self, unit: &[u8]) -> Result<(), AssembleError> {
        let mut r = Reader::new(unit);
        let header = Header::decode(&mut r)?;
        let len = if header.has_size { obu::leb128(&mut r)? } else { r.remaining() };
        let body = r.bytes(len, "AV1 OBU")?;
        r.finish("AV1 OBU")?;
        self.units += 1;
        if self.units > self.limits.max_units {
            return Err(AssembleError::TooManyUnits(self.limits.max_units));
        }
        if !header.is_carried() {
            return Ok(());
        }
        self.layer = self.layer.or(header.layer);
        self.data.extend(header.encode(true));
        obu::put_leb128(body.len(), &mut self.data);
        self.data.extend_from_slice(body);
        if self.data.len() > self.limits.max_frame {
            return Err(AssembleError::TooLarge(self.limits.max_frame));
        }
        Ok(())
    }
}
