//! VP9: every packet carries a descriptor and a part of one frame; a picture is a frame for each of its spatial layers.
//!
//! Source: [RFC 9628](https://www.rfc-editor.org/rfc/rfc9628)

mod descriptor;
mod header;
mod structure;

use arrayvec::ArrayVec;
use bytes::Bytes;
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
use crate::frame::{SpatialLayers, TemporalLayer};
use crate::{Codec, EncodedFrame};

/// Splits VP9 pictures into payloads, in non-flexible mode: picture ids of 15 bits from a random start, TL0PICIDX where pictures have
/// layers, and the scalability structure with each key frame.
///
/// Each layer in space ([`EncodedFrame::spatial`]) goes out as a frame of its own, so that servers can leave layers out. The payloads of
/// a layer are equal in size.
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

    /// What the descriptors of `frame` have in common, with the running indices as they are for it.
    fn advance(&mut self, frame: &EncodedFrame) -> Descriptor {
        let is_layered = frame.layer.is_some() || frame.spatial.is_some();
        let temporal = frame.layer.unwrap_or(TemporalLayer { id: 0, sync: false });
        if is_layered && temporal.id == 0 {
            self.tl0_picture_index = self.tl0_picture_index.wrapping_add(1);
        }
        let picture_id = self.picture_id;
        self.picture_id = picture_id.next();
        let layer = LayerIndices {
            temporal_id: temporal.id,
            switching_up: temporal.sync,
            spatial_id: 0,
            inter_layer: false,
            tl0_picture_index: self.tl0_picture_index,
        };
        Descriptor {
            picture_id: Some(picture_id),
            layer: is_layered.then_some(layer),
            references: References::Structured { inter_picture: !frame.key_frame },
            ..Descriptor::default()
        }
    }
}

/// A part of a picture that is a frame on the wire.
struct Part {
    data: Bytes,
    /// Its layer in space, if the picture is told apart by them.
    layer: Option<u8>,
}

/// The frames that a picture is sent as.
fn parts(frame: &EncodedFrame) -> ArrayVec<Part, MAX_FRAMES> {
    if let (Some(layers), Ok(frames)) = (frame.spatial, frames(&frame.data))
        && frames.len() == usize::from(layers.count())
    {
        let part = |(data, id): (&&[u8], u8)| Part { data: frame.data.slice_ref(data), layer: Some(id) };
        return frames.iter().zip(layers.ids()).map(part).collect();
    }
    ArrayVec::from_iter([Part { data: frame.data.clone(), layer: None }])
}

/// What a key frame says about the stream that it begins.
fn structure_of(frame: &EncodedFrame, parts: &[Part]) -> ScalabilityStructure {
    let size = |data: &[u8]| {
        let (width, height) = FrameHeader::decode(data).ok()?.size?;
        Some(FrameSize { width: u16::try_from(width).ok()?, height: u16::try_from(height).ok()? })
    };
    let structure = match parts.last().and_then(|part| part.layer) {
        Some(highest) => {
            let count = usize::from(highest) + 1;
            let sizes: Option<ArrayVec<FrameSize, _>> = parts.iter().map(|part| size(&part.data)).collect();
            let sizes = sizes.filter(|sizes| sizes.len() == count);
            sizes.map_or_else(|| ScalabilityStructure::of_layers(highest + 1), ScalabilityStructure::layered)
        }
        None => {
            let single = frames(&frame.data).ok().filter(|frames| frames.len() == 1);
            ScalabilityStructure::single(single.and_then(|single| size(single.first()?)))
        }
    };
    structure.with_group(frame.scalability.map(structure::group).unwrap_or_default())
}

fn prefix(descriptor: &Descriptor) -> SmallVec<[u8; 16]> {
    let mut prefix = SmallVec::new();
    descriptor.encode(&mut prefix);
    prefix
}

/// Appends the payloads of one frame, whose first has that descriptor.
fn split(mut descriptor: Descriptor, data: &Bytes, ends_picture: bool, max: usize, out: &mut Vec<Payload>) {
    let rest = Descriptor { starts_frame: false, structure: None, ..descriptor.clone() };
    let rest_len = prefix(&rest).len();
    // What the first descriptor is longer by counts as part of the frame, so that payloads come out equal.
    let longer = prefix(&descriptor).len() - rest_len;
    let size = even_size(data.len() + longer, max - rest_len);
    let (mut start, mut end) = (0, size.saturating_sub(longer).max(1));
    while start < data.len() {
        end = end.min(data.len());
        descriptor.ends_frame = end == data.len();
        let marker = descriptor.ends_frame && ends_picture;
        out.push(Payload { prefix: prefix(&descriptor), body: data.slice(start..end), marker });
        descriptor = rest.clone();
        (start, end) = (end, end + size);
    }
}

impl Packetizer for Vp9Packetizer {
    fn packetize(&mut self, frame: &EncodedFrame, max: usize, out: &mut Vec<Payload>) -> Result<(), PacketizeError> {
        check(frame, Codec::Vp9, max)?;
        let common = Descriptor { starts_frame: true, ..self.advance(frame) };
        let parts = parts(frame);
        let mut structure = frame.key_frame.then(|| structure_of(frame, &parts));
        let layers = frame.spatial.unwrap_or_default();
        for (number, part) in parts.iter().enumerate() {
            let mut descriptor = Descriptor { structure: structure.take(), ..common.clone() };
            if let (Some(id), Some(indices)) = (part.layer, &mut descriptor.layer) {
                (indices.spatial_id, indices.inter_layer) = (id, layers.is_dependent(id));
                descriptor.not_for_upper_layers = !layers.is_dependent(id + 1);
            }
            split(descriptor, &part.data, number + 1 == parts.len(), max, out);
        }
        Ok(())
    }
}

/// Puts VP9 pictures together, in both modes. The frames of several spatial layers become one, with an index of its parts.
///
/// Lower layers may be missing where those above do not refer to them, as servers leave them out that send a peer the highest alone. A
/// picture whose first packet is of an upper layer counts as whole only where [`Piece::first`] says that there is none before it.
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
        Ok(PacketInfo {
            start: may_start_picture(&descriptor),
            end: marker && descriptor.ends_frame,
            key_frame: may_start_picture(&descriptor) && is_key_frame_start(&descriptor),
            discardable: false,
            layer: descriptor.temporal_layer(),
        })
    }

    fn assemble(&mut self, pts: i64, pieces: &[Piece<'_>]) -> Result<EncodedFrame, AssembleError> {
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return Err(AssembleError::Incomplete) };
        let (descriptor, _) = Descriptor::decode(first.payload)?;
        let starts = may_start_picture(&descriptor) && (first.first || descriptor.spatial_id() == 0);
        if !starts || !last.marker {
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
        let layers = picture.layers;
        let mut frame = EncodedFrame::new(Codec::Vp9, picture.finish()?, pts);
        frame.key_frame = is_key_frame_start(&descriptor);
        frame.layer = descriptor.temporal_layer();
        frame.spatial = layers.highest().filter(|highest| *highest > 0).map(|_| layers);
        Ok(frame)
    }
}

/// Whether a picture may start with this packet: one of an upper layer that does not refer to the one below may be in the middle of a
/// picture as well.
fn may_start_picture(descriptor: &Descriptor) -> bool {
    descriptor.starts_frame && !descriptor.is_inter_layer()
}

/// Whether a picture that starts with this packet can be decoded without any before it.
fn is_key_frame_start(descriptor: &Descriptor) -> bool {
    descriptor.spatial_id() == 0 && !descriptor.is_inter_picture()
}

/// A picture that is put together.
struct Picture {
    id: Option<PictureId>,
    data: Vec<u8>,
    // The sizes of its frames, one a spatial layer.
    sizes: ArrayVec<u32, MAX_SPATIAL_LAYERS>,
    layers: SpatialLayers,
    // Whether the frame of the highest layer so far goes on.
    open: bool,
}

impl Picture {
    fn new(id: Option<PictureId>, capacity: usize) -> Self {
        let data = Vec::with_capacity(capacity);
        Self { id, data, sizes: ArrayVec::new(), layers: SpatialLayers::default(), open: false }
    }

    /// Takes the next packet.
    fn add(&mut self, payload: &[u8], max_frame: usize) -> Result<(), AssembleError> {
        let (descriptor, part) = Descriptor::decode(payload)?;
        let (layer, highest) = (descriptor.spatial_id(), self.layers.highest());
        let fits = if descriptor.starts_frame {
            !self.open && highest.is_none_or(|highest| layer > highest)
        } else {
            self.open && highest == Some(layer)
        };
        if !fits || descriptor.picture_id != self.id {
            return Err(AssembleError::Mixed);
        }
        let is_dependent = descriptor.is_inter_layer();
        if descriptor.starts_frame && is_dependent && highest != layer.checked_sub(1) {
            // The layer below, which this one refers to, is not there.
            return Err(AssembleError::Incomplete);
        }
        if self.data.len() + part.len() > max_frame {
            return Err(AssembleError::TooLarge(max_frame));
        }
        if descriptor.starts_frame {
            // Layers rise and are eight at most.
            self.sizes.try_push(0).map_err(|_| AssembleError::Mixed)?;
            self.layers = self.layers.with(layer, is_dependent);
        }
        if let Some(size) = self.sizes.last_mut() {
            *size += u32::try_from(part.len()).unwrap_or(u32::MAX);
        }
        self.data.extend_from_slice(part);
        self.open = !descriptor.ends_frame;
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
