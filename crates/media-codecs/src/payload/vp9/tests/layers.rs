//! Pictures of several layers in space.

use proptest::prelude::*;

use super::*;

/// A picture of these frames, one for each of the layers.
fn picture(frames: &[Vec<u8>], layers: SpatialLayers) -> EncodedFrame {
    let mut data = frames.concat();
    if frames.len() > 1 {
        let sizes: Vec<u32> = frames.iter().map(|frame| frame.len() as u32).collect();
        header::append_index(&sizes, &mut data);
    }
    let mut picture = EncodedFrame::new(Codec::Vp9, data, 0);
    (picture.spatial, picture.layer) = (Some(layers), Some(TemporalLayer { id: 0, sync: true }));
    picture
}

/// A key frame of three layers: the beginnings of frames, and some bytes.
fn key_picture(mode: ScalabilityMode) -> EncodedFrame {
    let starts =
        [header::tests::key_frame(160, 90), header::tests::resized(320, 180), header::tests::resized(640, 360)];
    let frames = starts.map(|start| [&start[..], &[0; 300]].concat());
    let mut key = picture(&frames, SpatialLayers::lowest(3, true)).with_key_frame(true);
    key.scalability = Some(mode);
    key
}

/// What a descriptor says of a layer: which, that it refers to the one below, that none above refers to it.
fn place(descriptor: &Descriptor) -> (u8, bool, bool) {
    (descriptor.spatial_id(), descriptor.is_inter_layer(), descriptor.not_for_upper_layers)
}

/// The guard: each layer is a frame with a start and an end of its own, and the marker is on the last packet of the picture alone.
#[test]
fn pay_5_vp9_each_layer_is_a_frame_and_the_marker_ends_the_picture() {
    let sent = packets(&mut packetizer(PictureId::Long(9)), &key_picture(ScalabilityMode::L3T3));
    let edges: Vec<_> = sent.iter().map(|(it, _, marker)| (it.starts_frame, it.ends_frame, *marker)).collect();
    let (start, end) = ((true, false, false), (false, true, false));
    assert_eq!(edges, [start, end, start, end, start, (false, true, true)]);
    let places: Vec<_> = sent.iter().map(|(descriptor, ..)| place(descriptor)).collect();
    let [lowest, middle, top] = [(0, false, false), (1, true, false), (2, true, true)];
    assert_eq!(places, [lowest, lowest, middle, middle, top, top]);
    assert!(sent.iter().all(|(it, ..)| it.picture_id == Some(PictureId::Long(9)) && !it.is_inter_picture()));
    let indices = sent.iter().map(|(it, ..)| it.layer.map(|layer| (layer.temporal_id, layer.tl0_picture_index)));
    assert_eq!(indices.collect::<std::collections::HashSet<_>>().len(), 1);
}

#[test]
fn the_structure_tells_the_size_of_each_layer() {
    let sent = packets(&mut packetizer(PictureId::Long(9)), &key_picture(ScalabilityMode::L3T2));
    let structure = sent[0].0.structure.as_ref().unwrap();
    let size = |width, height| FrameSize { width, height };
    assert_eq!((structure.spatial_layers(), structure.group().len()), (3, 2));
    assert_eq!(structure.sizes(), [size(160, 90), size(320, 180), size(640, 360)]);
    assert!(sent.iter().skip(1).all(|(descriptor, ..)| descriptor.structure.is_none()));
    // Without their sizes, as many layers.
    let frames = [vec![1; 100], vec![2; 100]];
    let key = picture(&frames, SpatialLayers::lowest(2, true)).with_key_frame(true);
    let sent = packets(&mut packetizer(PictureId::Long(9)), &key);
    assert_eq!(sent[0].0.structure, Some(ScalabilityStructure::of_layers(2)));
}

/// The guard: behind a key frame layers that part say that none refers to another.
#[test]
fn layers_that_part_say_so() {
    let frames = [vec![1; 10], vec![2; 10]];
    let sent = packets(&mut packetizer(PictureId::Long(9)), &picture(&frames, SpatialLayers::lowest(2, false)));
    assert_eq!([place(&sent[0].0), place(&sent[1].0)], [(0, false, true), (1, false, true)]);
    assert!(sent.iter().all(|(descriptor, ..)| descriptor.is_inter_picture() && descriptor.structure.is_none()));
}

/// The guard: bytes that are not as many frames as there are layers go out as one.
#[test]
fn what_cannot_be_told_apart_is_one_frame() {
    let mut picture = picture(&[vec![1; 10], vec![2; 10]], SpatialLayers::lowest(3, true));
    let sent = packets(&mut packetizer(PictureId::Long(9)), &picture);
    assert_eq!((sent.len(), place(&sent[0].0)), (1, (0, false, false)));
    assert_eq!(sent[0].1, picture.data);
    picture.data = vec![1, 2, 0xc1].into();
    assert_eq!(packets(&mut packetizer(PictureId::Long(9)), &picture).len(), 1);
}

/// The guard: a picture without its lower layers is whole where it is known that nothing came before, and where it needs none of them.
#[test]
fn lower_layers_may_be_missing_where_nothing_refers_to_them() {
    let alone = packet_of((5, 2, false), true, true, &[2]);
    let needing = packet_of((5, 2, true), true, true, &[2]);
    let whole = assemble_after(true, &[(1, true, &alone)]).unwrap();
    assert_eq!(whole.spatial, Some(SpatialLayers::default().with(2, false)));
    assert!(!whole.key_frame && whole.data == [2][..]);
    assert_eq!(assemble_after(false, &[(1, true, &alone)]), Err(AssembleError::Incomplete));
    assert_eq!(assemble_after(true, &[(1, true, &needing)]), Err(AssembleError::Incomplete));
    let base = layer_packet(5, 0, true, true, &[1]);
    assert_eq!(assemble_after(true, &[(1, false, &base), (2, true, &needing)]), Err(AssembleError::Incomplete));
    let [lower, upper] = [&base, &alone].map(|packet| {
        let info = Vp9Depacketizer::new(Limits::default()).inspect(packet, true).unwrap();
        (info.start, info.end, info.key_frame)
    });
    // The upper one says the same of itself in the middle of a picture, and never that nothing is needed before it.
    assert_eq!((lower, upper), ((true, true, true), (true, true, false)));
}

fn pictures() -> impl Strategy<Value = EncodedFrame> {
    // A frame whose last byte were that of an index would be taken for several.
    let frame = prop::collection::vec(any::<u8>(), 1..2_000).prop_map(|frame| [&frame[..], &[0]].concat());
    let frames = prop::collection::vec(frame, 1..=MAX_SPATIAL_LAYERS);
    (frames, any::<[bool; 8]>(), any::<bool>()).prop_map(|(frames, dependent, key_frame)| {
        let layers = (0..).zip(&frames).zip(dependent);
        let layers = layers.fold(SpatialLayers::default(), |layers, ((id, _), dependent)| layers.with(id, dependent));
        let mut picture = picture(&frames, layers).with_key_frame(key_frame);
        // The lowest layer alone is as good as none.
        picture.spatial = picture.spatial.filter(|layers| layers.count() > 1);
        picture
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// The guard: layers come together as they were, and with any one packet lost there is no picture, however the layers depend on
    /// each other.
    #[test]
    fn pay_8_vp9_layers_come_back_whole_or_not_at_all(picture in pictures(), mtu in 64usize..=1_400, first: u16) {
        let mut payloads = Vec::new();
        packetizer(PictureId::Long(1)).packetize(&picture, mtu, &mut payloads).unwrap();
        prop_assert!(payloads.iter().all(|payload| payload.len() <= mtu));
        let bytes: Vec<(bool, Vec<u8>)> = payloads.iter().map(|it| (it.marker(), it.to_vec())).collect();
        let numbers = (0..).map(|place| first.wrapping_add(place));
        let all: Vec<(u16, bool, &[u8])> =
            numbers.zip(&bytes).map(|(number, (marker, payload))| (number, *marker, &payload[..])).collect();
        let whole = assemble_after(true, &all).unwrap();
        prop_assert_eq!(&whole, &picture);
        for lost in (0..all.len()).step_by(all.len().div_ceil(12)) {
            let mut rest = all.clone();
            rest.remove(lost);
            // What is lost at the start leaves nobody to say that the next is the first.
            prop_assert_eq!(assemble_after(lost > 0, &rest), Err(AssembleError::Incomplete), "without packet {}", lost);
        }
    }
}
