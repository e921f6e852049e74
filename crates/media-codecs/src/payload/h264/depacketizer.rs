//! From packets to frames.

use ortica_core::DecodeError;

use super::Contents;
use super::nal::{self, Header, SliceStart};
use super::parameter_sets::ParameterSets;
use crate::codec::parameter;
use crate::payload::{AssembleError, Depacketizer, Limits, PacketInfo, Piece};
use crate::{Codec, EncodedFrame};
use ortica_rtp::SequenceNumber;

const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// Puts H.264 frames together, of packets of either mode.
///
/// It keeps the parameter sets that the stream brings, the last one of each id. A frame whose slices need others is refused, and
/// a key frame that comes without them is given those that were kept, so that each key frame can be decoded by itself.
#[derive(Clone, Debug)]
pub struct H264Depacketizer {
    limits: Limits,
    sets: ParameterSets,
    /// The last packet of the frame before.
    last: Option<SequenceNumber>,
    /// Key frames bring their parameter sets.
    in_band: bool,
}

impl H264Depacketizer {
    /// Frames are bounded by `limits`.
    pub fn new(limits: Limits) -> Self {
        Self { limits, sets: ParameterSets::default(), last: None, in_band: false }
    }

    /// A key frame behind packets that are missing may have lost its parameter sets with them. It is not believed, once: a
    /// stream that has no others repeats itself.
    fn is_beheaded(&mut self, first: SequenceNumber, frame: &Assembly) -> bool {
        let follows = self.last.is_some_and(|last| last.next() == first);
        let is_bare = frame.key_frame && !frame.has_sets;
        if !is_bare || follows || !self.in_band {
            return false;
        }
        self.in_band = false;
        true
    }
}

impl Depacketizer for H264Depacketizer {
    fn inspect(&self, payload: &[u8], marker: bool) -> Result<PacketInfo, DecodeError> {
        let contents = Contents::decode(payload)?;
        let mut info = PacketInfo { end: marker, ..PacketInfo::default() };
        let (mut slices, mut needed) = (0, 0);
        let mut look = |header: Header, begins: bool| {
            info.key_frame |= header.kind() == nal::SPS || header.kind() == nal::IDR && begins;
            slices += usize::from(header.is_slice());
            needed += usize::from(header.is_slice() && header.importance() > 0);
        };
        match contents {
            Contents::Fragment { header, start, part, .. } => {
                let begins = start && starts_frame(header, part);
                look(header, begins);
                info.start = begins;
            }
            contents => {
                for (at, unit) in contents.units().enumerate() {
                    let Some((first, body)) = unit.split_first() else { continue };
                    let begins = starts_frame(Header(*first), body);
                    look(Header(*first), begins);
                    info.start |= at == 0 && begins;
                }
            }
        }
        info.key_frame &= info.start;
        info.discardable = slices > 0 && needed == 0;
        Ok(info)
    }

    fn assemble(&mut self, pts: i64, pieces: &[Piece<'_>]) -> Result<EncodedFrame, AssembleError> {
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return Err(AssembleError::Incomplete) };
        if !last.marker {
            return Err(AssembleError::Incomplete);
        }
        let mut frame = Assembly::new(self.limits, pieces.iter().map(|piece| piece.payload.len()).sum())?;
        let mut expected = first.sequence;
        for piece in pieces {
            if piece.sequence != expected {
                return Err(AssembleError::Incomplete);
            }
            expected = expected.next();
            frame.push(Contents::decode(piece.payload)?)?;
        }
        if frame.fragment.is_some() || !frame.is_whole() {
            return Err(AssembleError::Incomplete);
        }
        if self.is_beheaded(first.sequence, &frame) {
            return Err(AssembleError::Incomplete);
        }
        self.last = Some(last.sequence);
        self.finish(pts, frame)
    }

    /// Takes `sprop-parameter-sets`, which are those of the stream until it brings others.
    fn describe(&mut self, fmtp: &str) -> Result<(), DecodeError> {
        if let Some(text) = parameter(fmtp, "sprop-parameter-sets") {
            self.sets = ParameterSets::from_description(text)?;
        }
        Ok(())
    }
}

impl H264Depacketizer {
    /// Takes the parameter sets of a whole frame, and sees to it that it has those that it needs.
    fn finish(&mut self, pts: i64, frame: Assembly) -> Result<EncodedFrame, AssembleError> {
        self.sets.learn(&frame.data)?;
        let mut missing = Vec::new();
        for unit in nal::split_slice(&frame.data) {
            let Some(slice) = SliceStart::read(unit) else { continue };
            let (sequence, picture) = self.sets.needed(slice.picture_set).ok_or(AssembleError::MissingParameterSet)?;
            if frame.key_frame && !frame.has_sets && missing.is_empty() {
                for set in [sequence, picture] {
                    missing.extend_from_slice(&START_CODE);
                    missing.extend_from_slice(set);
                }
            }
        }
        if frame.key_frame {
            self.in_band = frame.has_sets;
        }
        let data = if missing.is_empty() { frame.data } else { [missing, frame.data].concat() };
        if data.len() > self.limits.max_frame {
            return Err(AssembleError::TooLarge(self.limits.max_frame));
        }
        let mut encoded = EncodedFrame::new(Codec::H264, data, pts).with_key_frame(frame.key_frame);
        encoded.discardable = frame.slices > 0 && !frame.is_reference;
        Ok(encoded)
    }
}

/// Whether a frame can begin with this unit.
fn starts_frame(header: Header, body: &[u8]) -> bool {
    match header.kind() {
        nal::MESSAGE | nal::SPS | nal::DELIMITER => true,
        // The number of the first macroblock is zero, which is a single bit.
        nal::SLICE | nal::IDR => body.first().is_some_and(|byte| byte & 0x80 != 0),
        _ => false,
    }
}

/// A frame that is being put together.
struct Assembly {
    limits: Limits,
    data: Vec<u8>,
    units: usize,
    /// The kind of the unit whose end has not come.
    fragment: Option<u8>,
    slices: usize,
    /// The first slice is the first of its picture.
    begins: bool,
    key_frame: bool,
    is_reference: bool,
    has_sets: bool,
}

impl Assembly {
    /// `len` are the bytes of all packets.
    fn new(limits: Limits, len: usize) -> Result<Self, AssembleError> {
        // Whatever start codes add, nothing much larger is allocated.
        if len > limits.max_frame {
            return Err(AssembleError::TooLarge(limits.max_frame));
        }
        Ok(Self {
            limits,
            data: Vec::with_capacity(len + len / 64 + 64),
            units: 0,
            fragment: None,
            slices: 0,
            begins: false,
            key_frame: false,
            is_reference: false,
            has_sets: false,
        })
    }

    fn push(&mut self, contents: Contents<'_>) -> Result<(), AssembleError> {
        match contents {
            Contents::Fragment { header, start, end, part } => {
                match (start, self.fragment) {
                    (true, None) => {
                        self.begin(header, part)?;
                        self.data.push(header.0);
                    }
                    (false, Some(kind)) if kind == header.kind() => {}
                    // The start is lost, or the end of the one before.
                    _ => return Err(AssembleError::Incomplete),
                }
                self.fragment = Some(header.kind()).filter(|_| !end);
                self.append(part)
            }
            contents => {
                if self.fragment.is_some() {
                    return Err(AssembleError::Incomplete);
                }
                for unit in contents.units() {
                    let Some((first, body)) = unit.split_first() else { continue };
                    self.begin(Header(*first), body)?;
                    self.append(unit)?;
                }
                Ok(())
            }
        }
    }

    fn begin(&mut self, header: Header, body: &[u8]) -> Result<(), AssembleError> {
        self.units += 1;
        if self.units > self.limits.max_units {
            return Err(AssembleError::TooManyUnits(self.limits.max_units));
        }
        if header.is_slice() {
            self.begins |= self.slices == 0 && starts_frame(header, body);
            self.slices += 1;
            self.is_reference |= header.importance() > 0;
        }
        self.key_frame |= header.kind() == nal::IDR;
        self.has_sets |= header.kind() == nal::SPS;
        self.append(&START_CODE)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), AssembleError> {
        if self.data.len() + bytes.len() > self.limits.max_frame {
            return Err(AssembleError::TooLarge(self.limits.max_frame));
        }
        self.data.extend_from_slice(bytes);
        Ok(())
    }

    /// Parameter sets may come alone; a picture has its first slice.
    fn is_whole(&self) -> bool {
        self.units > 0 && (self.slices == 0 || self.begins)
    }
}
