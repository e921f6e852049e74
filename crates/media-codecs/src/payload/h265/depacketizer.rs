//! From packets to frames.

use ortica_core::{DecodeError, Reader};
use ortica_rtp::SequenceNumber;

use super::contents::Contents;
use super::nal::{HEADER_LEN, Header};
use crate::frame::TemporalLayer;
use crate::payload::{AssembleError, Depacketizer, Limits, PacketInfo, Piece};
use crate::{Codec, EncodedFrame};

const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// Puts H.265 frames together, in the byte stream format with start codes of four bytes. Units come in decoding order, without
/// numbers that say so.
#[derive(Clone, Debug)]
pub struct H265Depacketizer {
    limits: Limits,
    // The last packet of the frame before.
    last: Option<SequenceNumber>,
    // Key frames bring their parameter sets.
    in_band: bool,
}

impl H265Depacketizer {
    /// Frames are bounded by `limits`.
    pub fn new(limits: Limits) -> Self {
        Self { limits, last: None, in_band: false }
    }

    /// A key frame behind packets that are missing may have lost its parameter sets with them. It is not believed, once: a stream
    /// that has no others repeats itself.
    fn is_beheaded(&mut self, first: SequenceNumber, frame: &Assembly) -> bool {
        let follows = self.last.is_some_and(|last| last.next() == first);
        let beheaded = frame.key_frame && !frame.has_sets && !follows && self.in_band;
        self.in_band &= !beheaded;
        beheaded
    }
}

impl Depacketizer for H265Depacketizer {
    fn inspect(&self, payload: &[u8], marker: bool) -> Result<PacketInfo, DecodeError> {
        let contents = Contents::decode(payload)?;
        let (header, begins) = match &contents {
            Contents::Fragment { header, start, part, .. } => (*header, *start && header.may_begin(part)),
            Contents::Units(units) => first_unit(units)?,
        };
        Ok(PacketInfo {
            start: begins,
            end: marker,
            key_frame: begins && (header.is_key() || header.is_parameter_set()),
            discardable: false,
            layer: temporal_layer(header),
        })
    }

    fn assemble(&mut self, pts: i64, pieces: &[Piece<'_>]) -> Result<EncodedFrame, AssembleError> {
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return Err(AssembleError::Incomplete) };
        if !self.inspect(first.payload, false)?.start || !last.marker {
            return Err(AssembleError::Incomplete);
        }
        let mut frame = Assembly::new(self.limits, pieces.iter().map(|piece| piece.payload.len()).sum());
        let mut expected = first.sequence;
        for piece in pieces {
            if piece.sequence != expected {
                return Err(AssembleError::Incomplete);
            }
            expected = expected.next();
            frame.push(Contents::decode(piece.payload)?)?;
        }
        if frame.fragment.is_some() || self.is_beheaded(first.sequence, &frame) {
            return Err(AssembleError::Incomplete);
        }
        self.last = Some(last.sequence);
        if frame.key_frame {
            self.in_band = frame.has_sets;
        }
        let mut encoded = EncodedFrame::new(Codec::H265, frame.data, pts).with_key_frame(frame.key_frame);
        encoded.layer = frame.layer;
        Ok(encoded)
    }
}

fn first_unit(units: &[&[u8]]) -> Result<(Header, bool), DecodeError> {
    let mut r = Reader::new(units.first().copied().unwrap_or_default());
    let header = Header::decode(&mut r)?;
    Ok((header, header.may_begin(r.rest())))
}

/// The layer in time; none for the lowest, in which everything is where there are no others.
fn temporal_layer(header: Header) -> Option<TemporalLayer> {
    (header.temporal_id > 0).then(|| TemporalLayer { id: header.temporal_id, sync: header.is_switch() })
}

/// A frame that is being put together.
struct Assembly {
    limits: Limits,
    data: Vec<u8>,
    units: usize,
    // The header of the unit whose end has not come.
    fragment: Option<Header>,
    key_frame: bool,
    has_sets: bool,
    layer: Option<TemporalLayer>,
}

impl Assembly {
    fn new(limits: Limits, len: usize) -> Self {
        let data = Vec::with_capacity((len + len / 64 + 64).min(limits.max_frame));
        Self { limits, data, units: 0, fragment: None, key_frame: false, has_sets: false, layer: None }
    }

    /// Takes what a packet carries.
    fn push(&mut self, contents: Contents<'_>) -> Result<(), AssembleError> {
        match (contents, self.fragment) {
            (Contents::Units(units), None) => {
                for unit in units {
                    let header = Header::decode(&mut Reader::new(unit))?;
                    self.begin(header)?;
                    self.append(unit.get(HEADER_LEN..).unwrap_or_default())?;
                }
                Ok(())
            }
            (Contents::Fragment { header, start: true, end, part }, None) => {
                self.begin(header)?;
                self.append(part)?;
                self.fragment = Some(header).filter(|_| !end);
                Ok(())
            }
            (Contents::Fragment { header, start: false, end, part }, Some(begun)) if header == begun => {
                self.append(part)?;
                self.fragment = self.fragment.filter(|_| !end);
                Ok(())
            }
            // The rest of a unit, or a part without its start, which nothing that follows can be.
            _ => Err(AssembleError::Mixed),
        }
    }

    fn begin(&mut self, header: Header) -> Result<(), AssembleError> {
        self.units += 1;
        if self.units > self.limits.max_units {
            return Err(AssembleError::TooManyUnits(self.limits.max_units));
        }
        self.key_frame |= header.is_key();
        self.has_sets |= header.is_parameter_set();
        if header.is_slice() {
            self.layer = self.layer.or(temporal_layer(header));
        }
        self.append(&START_CODE)?;
        self.append(&header.encode())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), AssembleError> {
        if self.data.len() + bytes.len() > self.limits.max_frame {
            return Err(AssembleError::TooLarge(self.limits.max_frame));
        }
        self.data.extend_from_slice(bytes);
        Ok(())
    }
}
