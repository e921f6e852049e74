//! The payload descriptor in front of each packet.

use arrayvec::ArrayVec;
use ortica_core::{DecodeError, Reader};

use super::ScalabilityStructure;
use crate::frame::TemporalLayer;
use crate::payload::picture_id::PictureId;

/// The pictures that a picture may name in flexible mode, and one of a group in a structure.
pub const MAX_REFERENCES: usize = 3;

/// The payload descriptor in front of each packet, 1 byte and what that announces. Reserved bits are sent as zero and ignored.
///
/// Source: [RFC 9628 §4.2](https://www.rfc-editor.org/rfc/rfc9628#section-4.2)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Descriptor {
    /// A running index of pictures. In flexible mode it is always there.
    pub picture_id: Option<PictureId>,
    /// Where the frame stands in a stream of layers.
    pub layer: Option<LayerIndices>,
    /// What the frame refers to.
    pub references: References,
    /// The packet begins with the start of a frame: of a picture, or of one of its spatial layers.
    pub starts_frame: bool,
    /// The packet ends with the end of a frame.
    pub ends_frame: bool,
    /// How the stream is made of layers; comes with key frames.
    pub structure: Option<ScalabilityStructure>,
    /// No higher spatial layer of the picture refers to this frame.
    pub not_for_upper_layers: bool,
}

/// Where a frame stands in a stream of layers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LayerIndices {
    /// The temporal layer, 0 to 7.
    pub temporal_id: u8,
    /// From this picture on a receiver may join the temporal layers above.
    pub switching_up: bool,
    /// The spatial layer, 0 to 7.
    pub spatial_id: u8,
    /// The frame refers to the spatial layer below, of the same picture.
    pub inter_layer: bool,
    /// A running index of pictures of the lowest temporal layer. Not sent in flexible mode, and zero there.
    pub tl0_picture_index: u8,
}

/// Where it is said which pictures a frame refers to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum References {
    /// Non-flexible mode: in the scalability structure.
    Structured {
        /// The frame refers to pictures before it.
        inter_picture: bool,
    },
    /// Flexible mode: here, as distances in picture ids (1 to 127). A frame that names none refers to none.
    Listed(ArrayVec<u8, MAX_REFERENCES>),
}

// The first byte.
const HAS_PICTURE_ID: u8 = 0x80;
const INTER_PICTURE: u8 = 0x40;
const HAS_LAYER: u8 = 0x20;
const FLEXIBLE: u8 = 0x10;
const START: u8 = 0x08;
const END: u8 = 0x04;
const HAS_STRUCTURE: u8 = 0x02;
const NOT_FOR_UPPER: u8 = 0x01;
// The byte of a reference.
const MORE: u8 = 0x01;

impl Default for Descriptor {
    /// A packet from the middle of a picture that refers to none before it.
    fn default() -> Self {
        Self {
            picture_id: None,
            layer: None,
            references: References::Structured { inter_picture: false },
            starts_frame: false,
            ends_frame: false,
            structure: None,
            not_for_upper_layers: false,
        }
    }
}

impl Descriptor {
    /// Reads the descriptor; returns it and the part of the frame behind it, which is never empty.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if the payload ends in the descriptor or right behind it, [`DecodeError::Invalid`] for more than
    /// [`MAX_REFERENCES`] references and for flexible mode without a picture id.
    pub fn decode(payload: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let mut r = Reader::new(payload);
        let first = r.u8("VP9 descriptor")?;
        let has = |bit: u8| first & bit != 0;
        if has(FLEXIBLE) && !has(HAS_PICTURE_ID) {
            return Err(DecodeError::Invalid("VP9 flexible mode without a picture id"));
        }
        let picture_id = has(HAS_PICTURE_ID).then(|| PictureId::decode(&mut r, "VP9 picture id")).transpose()?;
        let layer = has(HAS_LAYER).then(|| LayerIndices::decode(&mut r, has(FLEXIBLE))).transpose()?;
        let references = match (has(FLEXIBLE), has(INTER_PICTURE)) {
            (false, inter_picture) => References::Structured { inter_picture },
            (true, false) => References::Listed(ArrayVec::new()),
            (true, true) => References::Listed(decode_references(&mut r)?),
        };
        let structure = has(HAS_STRUCTURE).then(|| ScalabilityStructure::decode(&mut r)).transpose()?;
        if r.is_empty() {
            return Err(DecodeError::Truncated("VP9 payload"));
        }
        let descriptor = Self {
            picture_id,
            layer,
            references,
            starts_frame: has(START),
            ends_frame: has(END),
            structure,
            not_for_upper_layers: has(NOT_FOR_UPPER),
        };
        Ok((descriptor, r.take_rest()))
    }

    /// Appends the descriptor. Values beyond their range lose their upper bits, and references are lost without a picture id.
    pub fn encode(&self, out: &mut impl Extend<u8>) {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let listed = match &self.references {
            References::Listed(listed) if self.picture_id.is_some() => Some(listed.as_slice()),
            _ => None,
        };
        let first = flag(self.picture_id.is_some(), HAS_PICTURE_ID)
            | flag(self.is_inter_picture(), INTER_PICTURE)
            | flag(self.layer.is_some(), HAS_LAYER)
            | flag(listed.is_some(), FLEXIBLE)
            | flag(self.starts_frame, START)
            | flag(self.ends_frame, END)
            | flag(self.structure.is_some(), HAS_STRUCTURE)
            | flag(self.not_for_upper_layers, NOT_FOR_UPPER);
        out.extend([first]);
        if let Some(id) = self.picture_id {
            id.encode(out);
        }
        if let Some(layer) = self.layer {
            layer.encode(listed.is_some(), out);
        }
        let mut rest = listed.unwrap_or_default();
        while let Some((difference, behind)) = rest.split_first() {
            out.extend([difference << 1 | flag(!behind.is_empty(), MORE)]);
            rest = behind;
        }
        if let Some(structure) = &self.structure {
            structure.encode(out);
        }
    }

    /// The frame refers to pictures before it.
    pub fn is_inter_picture(&self) -> bool {
        match &self.references {
            References::Structured { inter_picture } => *inter_picture,
            References::Listed(listed) => !listed.is_empty(),
        }
    }

    /// The spatial layer; 0 where the stream has none.
    pub fn spatial_id(&self) -> u8 {
        self.layer.map_or(0, |layer| layer.spatial_id)
    }

    /// The frame refers to the spatial layer below, which the lowest never does.
    pub fn is_inter_layer(&self) -> bool {
        self.layer.is_some_and(|layer| layer.inter_layer && layer.spatial_id > 0)
    }

    pub(super) fn temporal_layer(&self) -> Option<TemporalLayer> {
        self.layer.map(|layer| TemporalLayer { id: layer.temporal_id, sync: layer.switching_up })
    }
}

impl LayerIndices {
    fn decode(r: &mut Reader<'_>, flexible: bool) -> Result<Self, DecodeError> {
        let byte = r.u8("VP9 layer indices")?;
        Ok(Self {
            temporal_id: byte >> 5,
            switching_up: byte & 0x10 != 0,
            spatial_id: byte >> 1 & 7,
            inter_layer: byte & 1 != 0,
            tl0_picture_index: if flexible { 0 } else { r.u8("VP9 TL0PICIDX")? },
        })
    }

    fn encode(self, flexible: bool, out: &mut impl Extend<u8>) {
        let temporal = self.temporal_id << 5 | u8::from(self.switching_up) << 4;
        out.extend([temporal | (self.spatial_id & 7) << 1 | u8::from(self.inter_layer)]);
        if !flexible {
            out.extend([self.tl0_picture_index]);
        }
    }
}

fn decode_references(r: &mut Reader<'_>) -> Result<ArrayVec<u8, MAX_REFERENCES>, DecodeError> {
    let mut references = ArrayVec::new();
    loop {
        let byte = r.u8("VP9 reference")?;
        references.try_push(byte >> 1).map_err(|_| DecodeError::Invalid("VP9 references"))?;
        if byte & MORE == 0 {
            return Ok(references);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::payload::vp9::structure::tests::structures;

    fn decode(bytes: &[u8]) -> Result<Descriptor, DecodeError> {
        Descriptor::decode(bytes).map(|(descriptor, _)| descriptor)
    }

    /// The forms of RFC 9628 §4.2, as bytes.
    #[test]
    fn pay_2_vp9_descriptors_decode_in_both_modes_and_both_widths() {
        let plain = decode(&[0x8c, 0x11, 0xaa]).unwrap();
        assert_eq!(plain.picture_id, Some(PictureId::Short(17)));
        assert!(plain.starts_frame && plain.ends_frame && !plain.is_inter_picture() && plain.layer.is_none());

        let layered = decode(&[0xe8, 0x92, 0x34, 0b0101_0011, 0x77, 0xaa]).unwrap();
        assert_eq!(layered.picture_id, Some(PictureId::Long(0x1234)));
        let layer = LayerIndices {
            temporal_id: 2,
            switching_up: true,
            spatial_id: 1,
            inter_layer: true,
            tl0_picture_index: 0x77,
        };
        assert_eq!(layered.layer, Some(layer));
        assert!(layered.starts_frame && !layered.ends_frame && layered.is_inter_picture());

        let flexible = decode(&[0xf1, 0x05, 0b0010_0000, 0x03, 0x05, 0xfe, 0xaa]).unwrap();
        assert_eq!(flexible.references, References::Listed(ArrayVec::from([1, 2, 127])));
        assert_eq!(flexible.layer.map(|layer| (layer.temporal_id, layer.tl0_picture_index)), Some((1, 0)));
        assert!(flexible.not_for_upper_layers);
    }

    /// The guard: a frame names three references at most, and a fourth is not read as part of the frame.
    #[test]
    fn pay_2_vp9_flexible_mode_has_three_references_at_most() {
        let four = decode(&[0xd0, 0x05, 0x03, 0x05, 0x07, 0x08, 0xaa]);
        assert_eq!(four, Err(DecodeError::Invalid("VP9 references")));
        let without_id = decode(&[0x50, 0x02, 0xaa]);
        assert_eq!(without_id, Err(DecodeError::Invalid("VP9 flexible mode without a picture id")));
    }

    #[test]
    fn a_descriptor_alone_is_no_payload() {
        for bytes in [&[][..], &[0x08], &[0x88], &[0x88, 0x80], &[0x88, 0x01], &[0xa8, 1, 2], &[0xd8, 1, 3]] {
            assert!(matches!(decode(bytes), Err(DecodeError::Truncated(_))), "{bytes:x?}");
        }
    }

    fn references() -> impl Strategy<Value = References> {
        prop_oneof![
            any::<bool>().prop_map(|inter_picture| References::Structured { inter_picture }),
            prop::collection::vec(0u8..128, 0..=MAX_REFERENCES)
                .prop_map(|listed| References::Listed(listed.into_iter().collect())),
        ]
    }

    fn layers() -> impl Strategy<Value = LayerIndices> {
        (0u8..8, any::<bool>(), 0u8..8, any::<bool>(), any::<u8>()).prop_map(
            |(temporal_id, switching_up, spatial_id, inter_layer, tl0_picture_index)| LayerIndices {
                temporal_id,
                switching_up,
                spatial_id,
                inter_layer,
                tl0_picture_index,
            },
        )
    }

    fn descriptors() -> impl Strategy<Value = Descriptor> {
        let id = prop_oneof![(0u8..128).prop_map(PictureId::Short), (0u16..32_768).prop_map(PictureId::Long)];
        let parts = (prop::option::of(id), prop::option::of(layers()), references(), prop::option::of(structures()));
        let flags = (any::<bool>(), any::<bool>(), any::<bool>());
        (parts, flags).prop_map(
            |((picture_id, mut layer, references, structure), (starts_frame, ends_frame, not_for_upper_layers))| {
                let flexible = matches!(references, References::Listed(_));
                if let Some(layer) = layer.as_mut().filter(|_| flexible) {
                    layer.tl0_picture_index = 0;
                }
                let picture_id = picture_id.or(flexible.then_some(PictureId::Short(1)));
                Descriptor { picture_id, layer, references, starts_frame, ends_frame, structure, not_for_upper_layers }
            },
        )
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(descriptor in descriptors()) {
            let mut bytes = Vec::new();
            descriptor.encode(&mut bytes);
            bytes.push(0xaa);
            prop_assert_eq!(Descriptor::decode(&bytes), Ok((descriptor, &[0xaa][..])));
        }

        #[test]
        fn any_bytes_decode_or_fail(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok((_, rest)) = Descriptor::decode(&bytes) {
                prop_assert!(!rest.is_empty());
            }
        }
    }
}
