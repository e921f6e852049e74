//! Pictures into packets and back.

mod layers;

use ortica_rtp::SequenceNumber;

use super::*;
use crate::frame::{ScalabilityMode, SpatialLayers, TemporalLayer};

fn packetizer(first: PictureId) -> Vp9Packetizer {
    Vp9Packetizer::new(&mut Rng::from_number(1)).with_picture_id(first)
}

fn packets(packetizer: &mut Vp9Packetizer, frame: &EncodedFrame) -> Vec<(Descriptor, Vec<u8>, bool)> {
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
    EncodedFrame::new(Codec::Vp9, vec![0x86; len], 0)
}

/// A packet of a layer: which, whether it starts and ends its frame, and what it carries. Upper layers refer to those below.
fn layer_packet(id: u16, layer: u8, starts_frame: bool, ends_frame: bool, part: &[u8]) -> Vec<u8> {
    packet_of((id, layer, layer > 0), starts_frame, ends_frame, part)
}

fn packet_of((id, layer, inter_layer): (u16, u8, bool), starts_frame: bool, ends_frame: bool, part: &[u8]) -> Vec<u8> {
    let layer =
        LayerIndices { temporal_id: 0, switching_up: false, spatial_id: layer, inter_layer, tl0_picture_index: 9 };
    let descriptor = Descriptor {
        picture_id: Some(PictureId::Long(id)),
        layer: Some(layer),
        starts_frame,
        ends_frame,
        ..Descriptor::default()
    };
    let mut bytes = Vec::new();
    descriptor.encode(&mut bytes);
    bytes.extend_from_slice(part);
    bytes
}

fn assemble(packets: &[(u16, bool, &[u8])]) -> Result<Vec<u8>, AssembleError> {
    assemble_after(false, packets).map(|frame| frame.data.to_vec())
}

/// The same, where the first packet may be known to be the first of its picture.
fn assemble_after(known: bool, packets: &[(u16, bool, &[u8])]) -> Result<EncodedFrame, AssembleError> {
    let piece = |(place, &(sequence, marker, payload)): (usize, &(u16, bool, &'_ [u8]))| {
        (SequenceNumber(sequence), marker, known && place == 0, payload.to_vec())
    };
    let owned: Vec<_> = packets.iter().enumerate().map(piece).collect();
    let pieces: Vec<Piece<'_>> = owned
        .iter()
        .map(|(sequence, marker, first, payload)| Piece {
            sequence: *sequence,
            marker: *marker,
            first: *first,
            payload,
        })
        .collect();
    Vp9Depacketizer::new(Limits::default()).assemble(0, &pieces)
}

/// The guard: both widths of the picture id wrap within their bits, and the next picture follows.
#[test]
fn pay_2_vp9_picture_ids_wrap_in_both_widths() {
    for (first, then) in [
        (PictureId::Short(127), PictureId::Short(0)),
        (PictureId::Long(127), PictureId::Long(128)),
        (PictureId::Long(32_767), PictureId::Long(0)),
    ] {
        assert_eq!(first.next(), then);
        let mut packetizer = packetizer(first);
        let ids = [0, 1].map(|_| packets(&mut packetizer, &frame(500)));
        for (packets, id) in ids.iter().zip([first, then]) {
            assert!(packets.len() == 3 && packets.iter().all(|(d, ..)| d.picture_id == Some(id)), "{first:?}");
        }
    }
}

/// The guard: TL0PICIDX counts pictures of the base layer only, is the same on those above, and wraps after 255.
#[test]
fn pay_2_vp9_tl0picidx_counts_base_pictures_and_wraps() {
    let mut packetizer = packetizer(PictureId::Long(0));
    packetizer.tl0_picture_index = 253;
    let mut index = |id, sync| {
        let mut frame = frame(10);
        frame.layer = Some(TemporalLayer { id, sync });
        let layer = packets(&mut packetizer, &frame)[0].0.layer.unwrap();
        assert_eq!((layer.temporal_id, layer.switching_up, layer.spatial_id), (id, sync, 0));
        layer.tl0_picture_index
    };
    let layers = [(0, false), (1, true), (0, false), (2, true), (1, true), (0, false)];
    assert_eq!(layers.map(|(id, sync)| index(id, sync)), [254, 254, 255, 255, 255, 0]);
}

#[test]
fn the_structure_travels_with_the_first_packet_of_key_frames() {
    let mut packetizer = packetizer(PictureId::Long(0));
    let mut key = EncodedFrame::new(Codec::Vp9, [&header::tests::key_frame(640, 360)[..], &[1; 500]].concat(), 0);
    key.key_frame = true;
    key.scalability = Some(ScalabilityMode::L1T3);
    let sent = packets(&mut packetizer, &key);
    let structure = sent[0].0.structure.as_ref().unwrap();
    assert_eq!((structure.spatial_layers(), structure.sizes()), (1, &[FrameSize { width: 640, height: 360 }][..]));
    let group: Vec<(u8, &[u8])> = structure.group().iter().map(|it| (it.temporal_id, &it.references[..])).collect();
    assert_eq!(group, [(0, &[4][..]), (2, &[1]), (1, &[2]), (2, &[1, 2])]);
    assert!(sent.iter().skip(1).all(|(descriptor, ..)| descriptor.structure.is_none()));
    assert!(packets(&mut packetizer, &frame(500)).iter().all(|(descriptor, ..)| descriptor.structure.is_none()));
}

#[test]
fn the_first_and_the_last_packet_of_a_picture_say_so() {
    let mut packetizer = packetizer(PictureId::Long(0));
    for len in [1, 196, 197, 198, 1_000] {
        let sent = packets(&mut packetizer, &frame(len).with_key_frame(len % 2 == 0));
        let edges: Vec<(bool, bool)> = sent.iter().map(|(it, ..)| (it.starts_frame, it.ends_frame)).collect();
        let count = edges.len();
        let expected: Vec<(bool, bool)> = (1..=count).map(|n| (n == 1, n == count)).collect();
        assert_eq!(edges, expected, "{len}");
        assert!(sent.iter().all(|(descriptor, ..)| descriptor.is_inter_picture() != (len % 2 == 0)));
    }
}

/// The guard: the marker bit is on the last packet of a picture and on no other.
#[test]
fn pay_5_vp9_the_marker_is_on_the_last_packet_of_a_picture() {
    let mut packetizer = packetizer(PictureId::Long(0));
    for len in [1, 195, 196, 197, 198, 1_000, 4_321] {
        let markers: Vec<bool> = packets(&mut packetizer, &frame(len)).iter().map(|(.., marker)| *marker).collect();
        let (last, others) = markers.split_last().unwrap();
        assert!(last & !others.contains(&true), "{len}: {markers:?}");
    }
}

/// The guard: a marker on a packet that starts no picture makes none, and the end may also be known from the next packet.
#[test]
fn pay_5_vp9_the_marker_alone_makes_no_picture() {
    let (start, middle, end, single) = ([0x08, 1], [0x00, 2], [0x04, 3], [0x0c, 4]);
    assert_eq!(assemble(&[(7, true, &end)]), Err(AssembleError::Incomplete));
    assert_eq!(assemble(&[(6, false, &single)]), Err(AssembleError::Incomplete));
    assert_eq!(assemble(&[(6, true, &start)]), Err(AssembleError::Incomplete));
    assert_eq!(assemble(&[(6, true, &single)]), Ok(vec![4]));
    assert_eq!(assemble(&[(6, false, &start), (7, false, &middle), (8, true, &end)]), Ok(vec![1, 2, 3]));
    assert_eq!(assemble(&[(6, false, &start), (8, true, &end)]), Err(AssembleError::Incomplete));
    assert_eq!(assemble(&[(6, false, &start), (7, true, &single)]), Err(AssembleError::Mixed));
    assert_eq!(assemble(&[(6, false, &single), (7, true, &single)]), Err(AssembleError::Mixed));
    assert_eq!(assemble(&[(6, false, &single), (7, true, &end)]), Err(AssembleError::Mixed));
    assert_eq!(assemble(&[]), Err(AssembleError::Incomplete));
}

#[test]
fn the_layers_of_a_picture_become_one_frame_that_tells_them_apart() {
    let packets = [
        layer_packet(5, 0, true, false, &[1, 1]),
        layer_packet(5, 0, false, true, &[1]),
        layer_packet(5, 1, true, true, &[2, 2]),
        layer_packet(5, 2, true, true, &[3]),
    ];
    let all: Vec<(u16, bool, &[u8])> =
        packets.iter().zip(0..).map(|(packet, n)| (65_534u16.wrapping_add(n), n == 3, &packet[..])).collect();
    let whole = assemble(&all).unwrap();
    assert_eq!(frames(&whole).unwrap().as_slice(), [&[1, 1, 1][..], &[2, 2], &[3]]);
    for lost in 0..4 {
        let mut rest = all.clone();
        rest.remove(lost);
        assert_eq!(assemble(&rest), Err(AssembleError::Incomplete), "without packet {lost}");
    }
    let info = |packet: &[u8], marker| Vp9Depacketizer::new(Limits::default()).inspect(packet, marker).unwrap();
    let starts: Vec<bool> = packets.iter().map(|packet| info(packet, false).start).collect();
    assert_eq!(starts, [true, false, false, false], "an upper layer starts no picture");
    assert!(info(&packets[0], false).key_frame && !info(&packets[1], false).end && info(&packets[3], true).end);
}

#[test]
fn layers_of_different_pictures_or_in_disorder_are_no_picture() {
    let base = layer_packet(5, 0, true, true, &[1]);
    for other in [layer_packet(6, 1, true, true, &[2]), layer_packet(5, 0, true, true, &[2])] {
        assert_eq!(assemble(&[(1, false, &base), (2, true, &other)]), Err(AssembleError::Mixed));
    }
    let top = packet_of((5, 7, false), true, true, &[2]);
    let below = packet_of((5, 3, false), true, true, &[2]);
    assert_eq!(assemble(&[(1, false, &base), (2, false, &top), (3, true, &below)]), Err(AssembleError::Mixed));
    assert!(assemble(&[(1, false, &base), (2, false, &below), (3, true, &top)]).is_ok());
}

/// The guard: `Limits::max_frame` bounds what is put together.
#[test]
fn cve_26_vp9_pictures_above_the_limit_are_refused() {
    let mut depacketizer = Vp9Depacketizer::new(Limits { max_frame: 1_000, ..Limits::default() });
    let mut assemble = |len| {
        let mut payloads = Vec::new();
        packetizer(PictureId::Long(0)).packetize(&frame(len), 200, &mut payloads).unwrap();
        let bytes: Vec<(bool, Vec<u8>)> = payloads.iter().map(|it| (it.marker(), it.to_vec())).collect();
        let sequences = (0..).map(SequenceNumber);
        let pieces: Vec<Piece<'_>> = sequences
            .zip(&bytes)
            .map(|(sequence, (marker, payload))| Piece { sequence, marker: *marker, first: false, payload })
            .collect();
        depacketizer.assemble(0, &pieces).map(|frame| frame.data.len())
    };
    assert_eq!((assemble(1_000), assemble(1_001)), (Ok(1_000), Err(AssembleError::TooLarge(1_000))));
}
