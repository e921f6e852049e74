//! VP9: every packet carries a descriptor and a part of one frame; a picture is a frame for each of its spatial layers.
//!
//! Source: [RFC 9628](https://www.rfc-editor.org/rfc/rfc9628)

mod descriptor;
mod header;
mod structure;

use arrayvec::ArrayVec;
use ortica_core::{DecodeError, Rng};
use smallvec::SmallVec;

pub use self::descriptor::{Descriptor, LayerIndices, MAX_REFERENCES, References};
#[cfg(feature = "vpx")]
pub(crate) use self::header::append_index;
pub use self::header::{FrameHeader, MAX_FRAMES, frames, is_key_frame, key_frame_size};
pub use self::structure::{FrameSize, GroupPicture, MAX_GROUP, MAX_SPATIAL_LAYERS, ScalabilityStructure};
pub use super::picture_id::PictureId;
use super::{
    AssembleError, Depacketizer, Limits, PacketInfo, PacketizeError, Packetizer, Payload, Piece, check, even_size,
};
use crate::{Codec, EncodedFrame};

/// Splits VP9 pictures into payloads of equal size, in non-flexible mode: picture ids of 15 bits from a random start, TL0PICIDX
/// where pictures have temporal layers, and the scalability structure with each key frame.
///
/// A picture of several spatial layers goes out as one frame, whose index tells decoders its parts.
#[derive(Clone, Debug)]
pub struct Vp9Packetizer {
    picture_id: PictureId,
    tl0_picture_index: u8,
}

impl Vp9Packetizer {
    /// Running indices start at random.
    pub fn new(rng: &mut Rng) -> Self {
        let [high, low, tl0] = rng.bytes();
        Self { picture_id: PictureId::Long(u16::from_be_bytes([high & 0x7f, low])), tl0_picture_index: tl0 }
    }

    /// Begins with this picture id and keeps its width.
    #[must_use]
    pub fn with_picture_id(mut self, first: PictureId) -> Self {
        self.picture_id = first;
        self
    }

    /// The picture id of the next picture.
    pub fn next_picture_id(&self) -> PictureId {
        self.picture_id
    }

    /// The descriptor of the first packet of `frame`, with the running indices as they are for it.
    fn advance(&mut self, frame: &EncodedFrame) -> Descriptor {
        if frame.layer.is_some_and(|layer| layer.id == 0) {
            self.tl0_picture_index = self.tl0_picture_index.wrapping_add(1);
        }
        let picture_id = self.picture_id;
        self.picture_id = picture_id.next();
        let layer = frame.layer.map(|layer| LayerIndices {
            temporal_id: layer.id,
            switching_up: layer.sync,
            spatial_id: 0,
            inter_layer: false,
            tl0_picture_index: self.tl0_picture_index,
        });
        Descriptor {
            picture_id: Some(picture_id),
            layer,
            references: References::Structured { inter_picture: !frame.key_frame },
            starts_frame: true,
            structure: frame.key_frame.then(|| structure_of(frame)),
            ..Descriptor::default()
        }
    }
}

/// What a key frame says about the stream that it begins.
fn structure_of(frame: &EncodedFrame) -> ScalabilityStructure {
    let size = match frames(&frame.data).as_deref() {
        Ok([single]) => key_frame_size(single),
        _ => None,
    };
    let size = size.and_then(|(width, height)| {
        Some(FrameSize { width: u16::try_from(width).ok()?, height: u16::try_from(height).ok()? })
    });
    let group = frame.scalability.map(structure::group).unwrap_or_default();
    ScalabilityStructure::single(size).with_group(group)
}

fn prefix(descriptor: &Descriptor) -> SmallVec<[u8; 16]> {
    let mut prefix = SmallVec::new();
    descriptor.encode(&mut prefix);
    prefix
}

impl Packetizer for Vp9Packetizer {
    fn packetize(&mut self, frame: &EncodedFrame, max: usize, out: &mut Vec<Payload>) -> Result<(), PacketizeError> {
        check(frame, Codec::Vp9, max)?;
        let first = self.advance(frame);
        let rest = Descriptor { starts_frame: false, structure: None, ..first.clone() };
        let rest_len = prefix(&rest).len();
        // What the first descriptor is longer by counts as part of the picture, so that payloads come out equal.
        let longer = prefix(&first).len() - rest_len;
        let size = even_size(frame.data.len() + longer, max - rest_len);
        let (mut descriptor, mut start, mut end) = (first, 0, size - longer);
        while start < frame.data.len() {
            end = end.min(frame.data.len());
            let marker = end == frame.data.len();
            descriptor.ends_frame = marker;
            out.push(Payload { prefix: prefix(&descriptor), body: frame.data.slice(start..end), marker });
            descriptor = rest.clone();
            (start, end) = (end, end + size);
        }
        Ok(())
    }
}

/// Puts VP9 pictures together, in both modes. The frames of several spatial layers become one, with an index of its parts; a
/// picture without its lowest layer is incomplete.
#[derive(Clone, Copy, Debug)]
pub struct Vp9Depacketizer {
    limits: Limits,
}

impl Vp9Depacketizer {
    /// Pictures are bounded by `limits`.
    pub fn new(limits: Limits) -> Self {
        Self { limits }
    }
}

impl Depacketizer for Vp9Depacketizer {
    fn inspect(&self, payload: &[u8], marker: bool) -> Result<PacketInfo, DecodeError> {
        let (descriptor, _) = Descriptor::decode(payload)?;
        let start = starts_picture(&descriptor);
        Ok(PacketInfo {
            start,
            end: marker && descriptor.ends_frame,
            key_frame: start && !descriptor.is_inter_picture(),
            discardable: false,
            layer: descriptor.temporal_layer(),
        })
    }

    fn assemble(&mut self, pts: i64, pieces: &[Piece<'_>]) -> Result<EncodedFrame, AssembleError> {
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return Err(AssembleError::Incomplete) };
        let (descriptor, _) = Descriptor::decode(first.payload)?;
        if !starts_picture(&descriptor) || !last.marker {
            return Err(AssembleError::Incomplete);
        }
        let len: usize = pieces.iter().map(|piece| piece.payload.len()).sum();
        let mut picture = Picture::new(descriptor.picture_id, len.min(self.limits.max_frame));
        let mut expected = first.sequence;
        for piece in pieces {
            if piece.sequence != expected {
                return Err(AssembleError::Incomplete);
            }
            picture.add(piece.payload, self.limits.max_frame)?;
            expected = expected.next();
        }
        let mut frame = EncodedFrame::new(Codec::Vp9, picture.finish()?, pts);
        frame.key_frame = !descriptor.is_inter_picture();
        frame.layer = descriptor.temporal_layer();
        Ok(frame)
    }
}

fn starts_picture(descriptor: &Descriptor) -> bool {
    descriptor.starts_frame && descriptor.spatial_id() == 0
}

/// A picture that is put together.
struct Picture {
    id: Option<PictureId>,
    data: Vec<u8>,
    // The sizes of its frames, one a spatial layer.
    sizes: ArrayVec<u32, MAX_SPATIAL_LAYERS>,
    // The spatial layer of the last packet, and whether its frame goes on.
    spatial_id: u8,
    open: bool,
}

impl Picture {
    fn new(id: Option<PictureId>, capacity: usize) -> Self {
        Self { id, data: Vec::with_capacity(capacity), sizes: ArrayVec::new(), spatial_id: 0, open: false }
    }

    /// Takes the next packet.
    fn add(&mut self, payload: &[u8], max_frame: usize) -> Result<(), AssembleError> {
        let (descriptor, part) = Descriptor::decode(payload)?;
        let layer = descriptor.spatial_id();
        let fits = if descriptor.starts_frame {
            !self.open && (self.sizes.is_empty() || layer > self.spatial_id)
        } else {
            self.open && layer == self.spatial_id
        };
        if !fits || descriptor.picture_id != self.id {
            return Err(AssembleError::Mixed);
        }
        if self.data.len() + part.len() > max_frame {
            return Err(AssembleError::TooLarge(max_frame));
        }
        if descriptor.starts_frame {
            // Layers rise and are eight at most.
            self.sizes.try_push(0).map_err(|_| AssembleError::Mixed)?;
        }
        if let Some(size) = self.sizes.last_mut() {
            *size += u32::try_from(part.len()).unwrap_or(u32::MAX);
        }
        self.data.extend_from_slice(part);
        (self.spatial_id, self.open) = (layer, !descriptor.ends_frame);
        Ok(())
    }

    /// The bytes of the picture, if its last frame has ended.
    fn finish(mut self) -> Result<Vec<u8>, AssembleError> {
        if self.open {
            return Err(AssembleError::Incomplete);
        }
        if self.sizes.len() > 1 {
            header::append_index(&self.sizes, &mut self.data);
        }
        Ok(self.data)
    }
}

#[cfg(test)]
mod tests;
#[cfg(all(test, feature = "vpx"))]
pub(crate) use self::header::tests::{key_frame, resized};
