//! VP8: every packet carries a descriptor and a part of one frame.
//!
//! Source: [RFC 7741](https://www.rfc-editor.org/rfc/rfc7741)

use ortica_core::{DecodeError, Reader, Rng};
use smallvec::SmallVec;

pub use super::picture_id::PictureId;
use super::{
    AssembleError, Depacketizer, Limits, PacketInfo, PacketizeError, Packetizer, Payload, Piece, check, split_evenly,
};
use crate::frame::TemporalLayer;
use crate::{Codec, EncodedFrame};

/// Bytes of the longest descriptor.
const MAX_DESCRIPTOR: usize = 6;

/// The payload descriptor in front of each packet, 1 to 6 bytes. Reserved bits are sent as zero and ignored.
///
/// Source: [RFC 7741 §4.2](https://www.rfc-editor.org/rfc/rfc7741#section-4.2)
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Descriptor {
    /// No other frame refers to this one.
    pub non_reference: bool,
    /// The packet begins with the start of a partition.
    pub start_of_partition: bool,
    /// The partition that the packet begins in, 0 to 7.
    pub partition: u8,
    /// A running index of frames.
    pub picture_id: Option<PictureId>,
    /// A running index of base layer frames. Goes together with `temporal_id`.
    pub tl0_picture_index: Option<u8>,
    /// The temporal layer, 0 to 3.
    pub temporal_id: Option<u8>,
    /// The frame depends on the base layer only. Travels with `temporal_id` or `key_index`, and is lost without either.
    pub layer_sync: bool,
    /// A running index of key frames, 0 to 31.
    pub key_index: Option<u8>,
}

// The first byte.
const EXTENDED: u8 = 0x80;
const NON_REFERENCE: u8 = 0x20;
const START: u8 = 0x10;
const PARTITION: u8 = 0x07;
// The second byte.
const HAS_PICTURE_ID: u8 = 0x80;
const HAS_TL0: u8 = 0x40;
const HAS_TID: u8 = 0x20;
const HAS_KEY_INDEX: u8 = 0x10;
// The byte of temporal layer and key index.
const SYNC: u8 = 0x20;
const KEY_INDEX: u8 = 0x1f;

impl Descriptor {
    /// Reads the descriptor; returns it and the part of the frame behind it, which is never empty.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if the payload ends in the descriptor or right behind it.
    pub fn decode(payload: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let mut r = Reader::new(payload);
        let first = r.u8("VP8 descriptor")?;
        let mut descriptor = Self {
            non_reference: first & NON_REFERENCE != 0,
            start_of_partition: first & START != 0,
            partition: first & PARTITION,
            ..Self::default()
        };
        if first & EXTENDED != 0 {
            descriptor.decode_extension(&mut r)?;
        }
        if r.is_empty() {
            return Err(DecodeError::Truncated("VP8 payload"));
        }
        Ok((descriptor, r.take_rest()))
    }

    fn decode_extension(&mut self, r: &mut Reader<'_>) -> Result<(), DecodeError> {
        let present = r.u8("VP8 extended control bits")?;
        if present & HAS_PICTURE_ID != 0 {
            self.picture_id = Some(PictureId::decode(r, "VP8 picture id")?);
        }
        if present & HAS_TL0 != 0 {
            self.tl0_picture_index = Some(r.u8("VP8 TL0PICIDX")?);
        }
        if present & (HAS_TID | HAS_KEY_INDEX) != 0 {
            let byte = r.u8("VP8 TID/KEYIDX")?;
            self.temporal_id = (present & HAS_TID != 0).then_some(byte >> 6);
            self.layer_sync = byte & SYNC != 0;
            self.key_index = (present & HAS_KEY_INDEX != 0).then_some(byte & KEY_INDEX);
        }
        Ok(())
    }

    /// Appends the descriptor. Values beyond their range lose their upper bits.
    pub fn encode(&self, out: &mut impl Extend<u8>) {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let present = flag(self.picture_id.is_some(), HAS_PICTURE_ID)
            | flag(self.tl0_picture_index.is_some(), HAS_TL0)
            | flag(self.temporal_id.is_some(), HAS_TID)
            | flag(self.key_index.is_some(), HAS_KEY_INDEX);
        let first = flag(present != 0, EXTENDED)
            | flag(self.non_reference, NON_REFERENCE)
            | flag(self.start_of_partition, START)
            | self.partition & PARTITION;
        out.extend([first]);
        if present == 0 {
            return;
        }
        out.extend([present]);
        if let Some(id) = self.picture_id {
            id.encode(out);
        }
        out.extend(self.tl0_picture_index);
        if present & (HAS_TID | HAS_KEY_INDEX) != 0 {
            let temporal_id = self.temporal_id.unwrap_or(0) << 6;
            out.extend([temporal_id | flag(self.layer_sync, SYNC) | self.key_index.unwrap_or(0) & KEY_INDEX]);
        }
    }

    /// The packet is the first of its frame.
    pub fn starts_frame(&self) -> bool {
        self.start_of_partition && self.partition == 0
    }

    fn layer(&self) -> Option<TemporalLayer> {
        self.temporal_id.map(|id| TemporalLayer { id, sync: self.layer_sync })
    }
}

/// `true` if these are the first bytes of a key frame.
///
/// Source: [RFC 6386 §9.1](https://www.rfc-editor.org/rfc/rfc6386#section-9.1)
pub fn is_key_frame(frame: &[u8]) -> bool {
    frame.first().is_some_and(|byte| byte & 1 == 0)
}

/// Width and height that a key frame announces, each up to 16,383; `None` for other frames and for what is none.
///
/// Source: [RFC 6386 §9.1](https://www.rfc-editor.org/rfc/rfc6386#section-9.1)
pub fn key_frame_size(frame: &[u8]) -> Option<(u32, u32)> {
    match frame {
        &[tag, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] if tag & 1 == 0 => {
            let size = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
            Some((size(w0, w1), size(h0, h1)))
        }
        _ => None,
    }
}

/// Splits VP8 frames into payloads of equal size, without regard to partitions (§4.4 leaves that open): picture ids of 15
/// bits from a random start, and TL0PICIDX where frames have temporal layers.
#[derive(Clone, Debug)]
pub struct Vp8Packetizer {
    picture_id: PictureId,
    tl0_picture_index: u8,
    key_index: Option<u8>,
}

impl Vp8Packetizer {
    /// Running indices start at random.
    pub fn new(rng: &mut Rng) -> Self {
        let [high, low, tl0] = rng.bytes();
        Self {
            picture_id: PictureId::Long(u16::from_be_bytes([high & 0x7f, low])),
            tl0_picture_index: tl0,
            key_index: None,
        }
    }

    /// Begins with this picture id and keeps its width.
    #[must_use]
    pub fn with_picture_id(mut self, first: PictureId) -> Self {
        self.picture_id = first;
        self
    }

    /// Sends a running index of key frames (KEYIDX) with every packet, from 0 on. Default no.
    #[must_use]
    pub fn with_key_index(mut self) -> Self {
        self.key_index = Some(0);
        self
    }

    /// The picture id of the next frame.
    pub fn next_picture_id(&self) -> PictureId {
        self.picture_id
    }

    /// The running indices as they are for `frame`.
    fn advance(&mut self, frame: &EncodedFrame) -> Descriptor {
        if frame.layer.is_some_and(|layer| layer.id == 0) {
            self.tl0_picture_index = self.tl0_picture_index.wrapping_add(1);
        }
        if frame.key_frame {
            self.key_index = self.key_index.map(|index| index.wrapping_add(1) & KEY_INDEX);
        }
        let picture_id = self.picture_id;
        self.picture_id = picture_id.next();
        Descriptor {
            non_reference: frame.discardable,
            start_of_partition: true,
            partition: 0,
            picture_id: Some(picture_id),
            tl0_picture_index: frame.layer.map(|_| self.tl0_picture_index),
            temporal_id: frame.layer.map(|layer| layer.id),
            layer_sync: frame.layer.is_some_and(|layer| layer.sync),
            key_index: self.key_index,
        }
    }
}

impl Packetizer for Vp8Packetizer {
    fn packetize(&mut self, frame: &EncodedFrame, max: usize, out: &mut Vec<Payload>) -> Result<(), PacketizeError> {
        check(frame, Codec::Vp8, max)?;
        let mut descriptor = self.advance(frame);
        let mut prefix = SmallVec::<[u8; 16]>::new();
        descriptor.encode(&mut prefix);
        for body in split_evenly(&frame.data, max - prefix.len()) {
            out.push(Payload { prefix: prefix.clone(), body, marker: false });
            descriptor.start_of_partition = false;
            prefix.clear();
            descriptor.encode(&mut prefix);
        }
        if let Some(last) = out.last_mut() {
            last.marker = true;
        }
        Ok(())
    }
}

/// Puts VP8 frames together. Packets split at partitions or anywhere else are both taken.
#[derive(Clone, Copy, Debug)]
pub struct Vp8Depacketizer {
    limits: Limits,
}

impl Vp8Depacketizer {
    /// Frames are bounded by `limits`.
    pub fn new(limits: Limits) -> Self {
        Self { limits }
    }
}

impl Depacketizer for Vp8Depacketizer {
    fn inspect(&self, payload: &[u8], marker: bool) -> Result<PacketInfo, DecodeError> {
        let (descriptor, part) = Descriptor::decode(payload)?;
        let start = descriptor.starts_frame();
        Ok(PacketInfo {
            start,
            end: marker,
            key_frame: start && is_key_frame(part),
            discardable: descriptor.non_reference,
            layer: descriptor.layer(),
        })
    }

    fn assemble(&mut self, pts: i64, pieces: &[Piece<'_>]) -> Result<EncodedFrame, AssembleError> {
        let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else { return Err(AssembleError::Incomplete) };
        let (descriptor, _) = Descriptor::decode(first.payload)?;
        if !descriptor.starts_frame() || !last.marker {
            return Err(AssembleError::Incomplete);
        }
        let len: usize = pieces.iter().map(|piece| piece.payload.len()).sum();
        // Whatever the descriptors take, nothing much larger is allocated.
        if len > self.limits.max_frame + pieces.len() * MAX_DESCRIPTOR {
            return Err(AssembleError::TooLarge(self.limits.max_frame));
        }
        let mut data = Vec::with_capacity(len);
        let mut expected = first.sequence;
        for (index, piece) in pieces.iter().enumerate() {
            let (this, part) = Descriptor::decode(piece.payload)?;
            if piece.sequence != expected {
                return Err(AssembleError::Incomplete);
            }
            if this.picture_id != descriptor.picture_id || (index > 0 && this.starts_frame()) {
                return Err(AssembleError::Mixed);
            }
            data.extend_from_slice(part);
            expected = expected.next();
        }
        if data.len() > self.limits.max_frame {
            return Err(AssembleError::TooLarge(self.limits.max_frame));
        }
        let key_frame = is_key_frame(&data);
        let mut frame = EncodedFrame::new(Codec::Vp8, data, pts).with_key_frame(key_frame);
        frame.discardable = descriptor.non_reference;
        frame.layer = descriptor.layer();
        Ok(frame)
    }
}

#[cfg(test)]
mod tests {
    use ortica_core::Rng;
    use ortica_rtp::SequenceNumber;
    use proptest::prelude::*;

    use super::*;

    fn packets(packetizer: &mut Vp8Packetizer, frame: &EncodedFrame) -> Vec<(Descriptor, Vec<u8>, bool)> {
        let mut payloads = Vec::new();
        packetizer.packetize(frame, 200, &mut payloads).unwrap();
        let split = |payload: &Payload| {
            let bytes = payload.to_vec();
            let (descriptor, part) = Descriptor::decode(&bytes).unwrap();
            (descriptor, part.to_vec(), payload.marker())
        };
        payloads.iter().map(split).collect()
    }

    fn frame(len: usize) -> EncodedFrame {
        EncodedFrame::new(Codec::Vp8, vec![1; len], 0)
    }

    fn packetizer(first: PictureId) -> Vp8Packetizer {
        Vp8Packetizer::new(&mut Rng::from_number(1)).with_picture_id(first)
    }

    /// RFC 7741 §4.6.1 to §4.6.5, as bytes.
    #[test]
    fn the_examples_of_the_rfc_decode() {
        let (key_frame, part) = Descriptor::decode(&[0x90, 0x80, 0x11, 0x10, 0, 0]).unwrap();
        assert_eq!(key_frame.picture_id, Some(PictureId::Short(17)));
        assert!(key_frame.starts_frame() && is_key_frame(part));

        let (plain, part) = Descriptor::decode(&[0x10, 0x11, 0, 0]).unwrap();
        assert_eq!(plain, Descriptor { start_of_partition: true, ..Descriptor::default() });
        assert!(!is_key_frame(part));

        let (second, _) = Descriptor::decode(&[0x91, 0x80, 0x11, 0]).unwrap();
        assert!(second.start_of_partition && second.partition == 1 && !second.starts_frame());

        let (fragment, _) = Descriptor::decode(&[0x81, 0x80, 0x11, 0]).unwrap();
        assert!(!fragment.start_of_partition && fragment.partition == 1);

        let (long, _) = Descriptor::decode(&[0x90, 0x80, 0x92, 0x34, 0]).unwrap();
        assert_eq!(long.picture_id, Some(PictureId::Long(0x1234)));
    }

    /// The guard: both widths of the picture id wrap within their bits, and the next frame follows.
    #[test]
    fn pay_2_picture_ids_wrap_in_both_widths() {
        for (first, then) in [
            (PictureId::Short(127), PictureId::Short(0)),
            (PictureId::Long(127), PictureId::Long(128)),
            (PictureId::Long(32_767), PictureId::Long(0)),
        ] {
            let mut packetizer = packetizer(first);
            let ids = [0, 1].map(|_| packets(&mut packetizer, &frame(500)));
            for (packets, id) in ids.iter().zip([first, then]) {
                assert!(packets.len() == 3 && packets.iter().all(|(d, ..)| d.picture_id == Some(id)), "{first:?}");
            }
        }
    }

    /// The guard: TL0PICIDX counts base layer frames only, is the same on those above, and wraps after 255.
    #[test]
    fn pay_2_tl0picidx_counts_base_frames_and_wraps() {
        let mut packetizer = packetizer(PictureId::Long(0));
        packetizer.tl0_picture_index = 253;
        let mut index = |id, sync| {
            let mut frame = frame(10);
            frame.layer = Some(TemporalLayer { id, sync });
            let (descriptor, ..) = packets(&mut packetizer, &frame)[0];
            assert_eq!((descriptor.temporal_id, descriptor.layer_sync), (Some(id), sync));
            descriptor.tl0_picture_index.unwrap()
        };
        let layers = [(0, false), (1, true), (0, false), (2, true), (1, true), (0, false)];
        assert_eq!(layers.map(|(id, sync)| index(id, sync)), [254, 254, 255, 255, 255, 0]);
    }

    /// The guard: the N bit of a frame nobody refers to goes out and comes back, on every packet.
    #[test]
    fn pay_2_non_reference_frames_are_marked() {
        let mut frame = frame(500);
        frame.discardable = true;
        let mut packetizer = packetizer(PictureId::Long(0));
        assert!(packets(&mut packetizer, &frame).iter().all(|(d, ..)| d.non_reference));
        let mut payloads = Vec::new();
        packetizer.packetize(&frame, 1_200, &mut payloads).unwrap();
        let payload = payloads[0].to_vec();
        let mut depacketizer = Vp8Depacketizer::new(Limits::default());
        assert!(depacketizer.inspect(&payload, true).unwrap().discardable);
        let piece = Piece { sequence: SequenceNumber(0), marker: true, first: false, payload: &payload };
        assert!(depacketizer.assemble(0, &[piece]).unwrap().discardable);
    }

    #[test]
    fn key_index_counts_key_frames() {
        let mut packetizer = packetizer(PictureId::Long(0)).with_key_index();
        let mut index = |key| packets(&mut packetizer, &frame(10).with_key_frame(key))[0].0.key_index;
        assert_eq!([true, false, true].map(&mut index), [Some(1), Some(1), Some(2)]);
        assert_eq!([true; 30].map(index).last(), Some(&Some(0)), "32 wraps to 0");
    }

    /// The guard: the marker bit is on the last packet of a picture and on no other.
    #[test]
    fn pay_5_the_marker_is_on_the_last_packet_of_a_picture() {
        let mut packetizer = packetizer(PictureId::Long(0));
        for len in [1, 195, 196, 197, 1_000, 4_321] {
            let markers: Vec<bool> = packets(&mut packetizer, &frame(len)).iter().map(|(.., marker)| *marker).collect();
            let (last, others) = markers.split_last().unwrap();
            assert!(last & !others.contains(&true), "{len}: {markers:?}");
        }
    }

    /// The guard: a marker on a packet that starts no frame makes none, and the end may also be known from the next packet.
    #[test]
    fn pay_5_the_marker_alone_makes_no_frame() {
        let mut depacketizer = Vp8Depacketizer::new(Limits::default());
        let (start, middle) = ([0x10, 1, 2], [0x00, 3, 4]);
        let piece =
            |sequence, marker, payload| Piece { sequence: SequenceNumber(sequence), marker, first: false, payload };
        let mut assemble = |pieces: &[Piece<'_>]| depacketizer.assemble(0, pieces).map(|frame| frame.data.to_vec());
        assert_eq!(assemble(&[piece(7, true, &middle)]), Err(AssembleError::Incomplete));
        assert_eq!(assemble(&[piece(6, false, &start)]), Err(AssembleError::Incomplete));
        assert_eq!(assemble(&[piece(6, true, &start)]), Ok(vec![1, 2]));
        assert_eq!(assemble(&[piece(6, false, &start), piece(7, true, &middle)]), Ok(vec![1, 2, 3, 4]));
        assert_eq!(assemble(&[piece(6, false, &start), piece(8, true, &middle)]), Err(AssembleError::Incomplete));
        assert_eq!(assemble(&[piece(6, false, &start), piece(7, true, &start)]), Err(AssembleError::Mixed));
        assert_eq!(assemble(&[]), Err(AssembleError::Incomplete));
    }

    /// The guard: `Limits::max_frame` bounds what is put together before it is allocated.
    #[test]
    fn cve_26_a_frame_above_the_limit_is_refused() {
        let payload = [&[0x00][..], &[7; 1_200]].concat();
        let start = [&[0x10][..], &[7; 1_200]].concat();
        let pieces: Vec<Piece<'_>> = (0..4_000u16)
            .map(|n| Piece {
                sequence: SequenceNumber(n),
                marker: n == 3_999,
                first: n == 0,
                payload: if n == 0 { &start } else { &payload },
            })
            .collect();
        let mut depacketizer = Vp8Depacketizer::new(Limits::default());
        assert_eq!(depacketizer.assemble(0, &pieces).unwrap_err(), AssembleError::TooLarge(4 << 20));

        // Descriptors do not count: the limit is that of the frame.
        let mut depacketizer = Vp8Depacketizer::new(Limits { max_frame: 3 * 1_200, ..Limits::default() });
        assert_eq!(depacketizer.assemble(0, &last_marked(&pieces[..3])).unwrap().data.len(), 3_600);
        let mut depacketizer = Vp8Depacketizer::new(Limits { max_frame: 3 * 1_200 - 1, ..Limits::default() });
        assert_eq!(depacketizer.assemble(0, &last_marked(&pieces[..3])), Err(AssembleError::TooLarge(3_599)));
    }

    fn last_marked<'a>(pieces: &[Piece<'a>]) -> Vec<Piece<'a>> {
        let last = pieces.len() - 1;
        pieces.iter().enumerate().map(|(at, piece)| Piece { marker: at == last, ..*piece }).collect()
    }

    #[test]
    fn a_descriptor_cut_anywhere_is_an_error() {
        let whole = [0x90, 0xf0, 0x92, 0x34, 0x56, 0xe1, 0x42];
        for len in 0..whole.len() {
            assert!(Descriptor::decode(&whole[..len]).is_err(), "{len}");
        }
        assert!(Descriptor::decode(&whole).is_ok());
    }

    #[test]
    fn a_key_frame_tells_its_size() {
        let header = [0x10, 0, 0, 0x9d, 0x01, 0x2a, 0xb0, 0x40, 0x90, 0x00];
        assert_eq!(key_frame_size(&header), Some((176, 144)));
        assert_eq!(key_frame_size(&header[..9]), None);
        assert_eq!(key_frame_size(&[0x11, 0, 0, 0x9d, 0x01, 0x2a, 0xb0, 0, 0x90, 0]), None);
    }

    fn descriptors() -> impl Strategy<Value = Descriptor> {
        let picture_id = prop::option::of(prop_oneof![
            (0u8..128).prop_map(PictureId::Short),
            (0u16..32_768).prop_map(PictureId::Long)
        ]);
        let layers =
            (prop::option::of(any::<u8>()), prop::option::of(0u8..4), any::<bool>(), prop::option::of(0u8..32));
        (any::<bool>(), any::<bool>(), 0u8..8, picture_id, layers).prop_map(
            |(non_reference, start_of_partition, partition, picture_id, (tl0, temporal_id, sync, key_index))| {
                Descriptor {
                    non_reference,
                    start_of_partition,
                    partition,
                    picture_id,
                    tl0_picture_index: tl0,
                    temporal_id,
                    layer_sync: sync && (temporal_id.is_some() || key_index.is_some()),
                    key_index,
                }
            },
        )
    }

    proptest! {
        #[test]
        fn decoding_undoes_encoding(descriptor in descriptors()) {
            let mut bytes = Vec::new();
            descriptor.encode(&mut bytes);
            prop_assert!(bytes.len() <= 6);
            bytes.push(0xaa);
            prop_assert_eq!(Descriptor::decode(&bytes), Ok((descriptor, &[0xaa][..])));
        }

        #[test]
        fn any_bytes_decode_or_fail(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            if let Ok((_, rest)) = Descriptor::decode(&bytes) {
                prop_assert!(!rest.is_empty());
            }
        }
    }
}
