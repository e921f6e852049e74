//! The scalability structure: how a stream is made of layers.

use arrayvec::ArrayVec;
use ortica_core::{DecodeError, Reader};

use super::descriptor::MAX_REFERENCES;
use crate::frame::ScalabilityMode;

/// The spatial layers that a stream may have.
pub const MAX_SPATIAL_LAYERS: usize = 8;
/// The pictures that a group may have.
pub const MAX_GROUP: usize = 255;

/// How a stream is made of layers: 1 to 8 in space, and in time as a group of up to 255 pictures which repeats. 1,054 bytes at most.
///
/// Source: [RFC 9628 §4.2.1](https://www.rfc-editor.org/rfc/rfc9628#section-4.2.1)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScalabilityStructure {
    spatial_layers: u8,
    sizes: ArrayVec<FrameSize, MAX_SPATIAL_LAYERS>,
    group: Vec<GroupPicture>,
}

/// The size of the frames of a spatial layer, in pixels.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FrameSize {
    /// 0 to 65,535.
    pub width: u16,
    /// 0 to 65,535.
    pub height: u16,
}

/// A picture of the group that repeats.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GroupPicture {
    /// The temporal layer, 0 to 7.
    pub temporal_id: u8,
    /// From this picture on a receiver may join the temporal layers above.
    pub switching_up: bool,
    /// The pictures it refers to, as distances in picture ids, 0 to 255.
    pub references: ArrayVec<u8, MAX_REFERENCES>,
}

const HAS_SIZES: u8 = 0x10;
const HAS_GROUP: u8 = 0x08;

impl ScalabilityStructure {
    /// A stream of one spatial layer with frames of this size.
    pub fn single(size: Option<FrameSize>) -> Self {
        Self { spatial_layers: 1, sizes: size.into_iter().collect(), group: Vec::new() }
    }

    /// A stream of so many spatial layers, 1 to 8, whose sizes are not said.
    pub fn of_layers(count: u8) -> Self {
        Self { spatial_layers: count.clamp(1, 8), sizes: ArrayVec::new(), group: Vec::new() }
    }

    /// A stream of as many spatial layers as there are sizes, lowest first; of one if there are none.
    pub fn layered(sizes: ArrayVec<FrameSize, MAX_SPATIAL_LAYERS>) -> Self {
        // At most eight by its type.
        let spatial_layers = u8::try_from(sizes.len().max(1)).unwrap_or(1);
        Self { spatial_layers, sizes, group: Vec::new() }
    }

    /// Repeats these pictures; those behind the first [`MAX_GROUP`] are left out.
    #[must_use]
    pub fn with_group(mut self, pictures: impl IntoIterator<Item = GroupPicture>) -> Self {
        self.group = pictures.into_iter().take(MAX_GROUP).collect();
        self
    }

    /// The spatial layers, 1 to 8.
    pub fn spatial_layers(&self) -> u8 {
        self.spatial_layers
    }

    /// The size of each spatial layer, lowest first; empty where that is not said.
    pub fn sizes(&self) -> &[FrameSize] {
        &self.sizes
    }

    /// The pictures that repeat; empty where that is not said.
    pub fn group(&self) -> &[GroupPicture] {
        &self.group
    }

    pub(super) fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let first = r.u8("VP9 scalability structure")?;
        let spatial_layers = (first >> 5) + 1;
        let mut structure = Self { spatial_layers, sizes: ArrayVec::new(), group: Vec::new() };
        if first & HAS_SIZES != 0 {
            for _ in 0..spatial_layers {
                let (width, height) = (r.u16("VP9 layer width")?, r.u16("VP9 layer height")?);
                structure.sizes.push(FrameSize { width, height });
            }
        }
        if first & HAS_GROUP != 0 {
            let pictures = r.u8("VP9 pictures in a group")?;
            structure.group = (0..pictures).map(|_| GroupPicture::decode(r)).collect::<Result<_, _>>()?;
        }
        Ok(structure)
    }

    pub(super) fn encode(&self, out: &mut impl Extend<u8>) {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let layers = (self.spatial_layers - 1) << 5;
        out.extend([layers | flag(!self.sizes.is_empty(), HAS_SIZES) | flag(!self.group.is_empty(), HAS_GROUP)]);
        for size in &self.sizes {
            out.extend(size.width.to_be_bytes());
            out.extend(size.height.to_be_bytes());
        }
        if let Ok(pictures @ 1..) = u8::try_from(self.group.len()) {
            out.extend([pictures]);
            self.group.iter().for_each(|picture| picture.encode(out));
        }
    }
}

impl GroupPicture {
    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let byte = r.u8("VP9 picture of a group")?;
        // Two bits: three at most.
        let references = r.bytes(usize::from(byte >> 2 & 3), "VP9 references of a group")?;
        Ok(Self {
            temporal_id: byte >> 5,
            switching_up: byte & 0x10 != 0,
            references: references.iter().copied().collect(),
        })
    }

    fn encode(&self, out: &mut impl Extend<u8>) {
        let references = u8::try_from(self.references.len()).unwrap_or(0);
        out.extend([self.temporal_id << 5 | u8::from(self.switching_up) << 4 | references << 2]);
        out.extend(self.references.iter().copied());
    }
}

/// The pictures that repeat in a mode; the same for each of its layers in space.
pub(super) fn group(mode: ScalabilityMode) -> Vec<GroupPicture> {
    // The temporal layer, and how far back the references are.
    let pictures: &[(u8, &[u8])] = match mode.temporal_layers() {
        ..=1 => &[(0, &[1])],
        2 => &[(0, &[2]), (1, &[1])],
        3.. => &[(0, &[4]), (2, &[1]), (1, &[2]), (2, &[1, 2])],
    };
    let picture = |(temporal_id, references): &(u8, &[u8])| GroupPicture {
        temporal_id: *temporal_id,
        switching_up: true,
        references: references.iter().copied().collect(),
    };
    pictures.iter().map(picture).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in crate::payload::vp9) fn structures() -> impl Strategy<Value = ScalabilityStructure> {
        let size = (any::<u16>(), any::<u16>()).prop_map(|(width, height)| FrameSize { width, height });
        let references = prop::collection::vec(any::<u8>(), 0..=MAX_REFERENCES);
        let picture = (0u8..8, any::<bool>(), references).prop_map(|(temporal_id, switching_up, references)| {
            GroupPicture { temporal_id, switching_up, references: references.into_iter().collect() }
        });
        let layers = prop_oneof![
            (1u8..=8).prop_map(|layers| ScalabilityStructure {
                spatial_layers: layers,
                ..ScalabilityStructure::single(None)
            }),
            prop::collection::vec(size, 1..=MAX_SPATIAL_LAYERS)
                .prop_map(|sizes| ScalabilityStructure::layered(sizes.into_iter().collect())),
        ];
        (layers, prop::collection::vec(picture, 0..=MAX_GROUP))
            .prop_map(|(structure, group)| structure.with_group(group))
    }

    /// The guard: eight layers with their sizes and 255 pictures of three references each are read, and nothing beyond them.
    #[test]
    fn pay_2_the_largest_structure_is_read_and_a_cut_one_is_not() {
        let size = FrameSize { width: 7_680, height: 4_320 };
        let picture = GroupPicture { temporal_id: 7, switching_up: true, references: [1, 2, 255].into() };
        let largest = ScalabilityStructure::layered([size; MAX_SPATIAL_LAYERS].into());
        let largest = largest.with_group(vec![picture; MAX_GROUP + 9]);
        let mut bytes = Vec::new();
        largest.encode(&mut bytes);
        assert_eq!(bytes.len(), 1 + 8 * 4 + 1 + 255 * 4);
        bytes.push(0xaa);
        let mut r = Reader::new(&bytes);
        let read = ScalabilityStructure::decode(&mut r).unwrap();
        assert_eq!((read.spatial_layers(), read.sizes().len(), read.group().len()), (8, 8, 255));
        assert_eq!((&read, r.take_rest()), (&largest, &[0xaa][..]));
        for len in 0..bytes.len() - 1 {
            let cut = ScalabilityStructure::decode(&mut Reader::new(&bytes[..len]));
            assert!(matches!(cut, Err(DecodeError::Truncated(_))), "{len}");
        }
    }
}
