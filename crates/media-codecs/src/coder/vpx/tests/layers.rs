//! Layers in space: what is left when some are not sent.

use ortica_core::Rng;

use super::*;
use crate::frame::SpatialLayers;
use crate::payload::vp9::{Descriptor, Vp9Depacketizer, Vp9Packetizer};
use crate::payload::{AssembleError, Depacketizer, Limits, Packetizer, Payload, Piece, SequenceNumber};

const SIZE: (u32, u32) = (320, 240);

fn layered(mode: ScalabilityMode) -> VpxEncoder {
    let config = VideoEncoderConfig::default().with_bitrate(700_000).with_scalability_mode(mode);
    VpxEncoder::new(Codec::Vp9, &config).unwrap()
}

/// What a server does that sends a peer some layers alone, and what the peer makes of it.
fn send(frame: &EncodedFrame, keep: impl Fn(&Descriptor) -> bool) -> Result<EncodedFrame, AssembleError> {
    let mut payloads = Vec::new();
    Vp9Packetizer::new(&mut Rng::from_number(1)).packetize(frame, 1_100, &mut payloads).unwrap();
    let is_kept = |payload: &Vec<u8>| keep(&Descriptor::decode(payload).unwrap().0);
    let kept: Vec<Vec<u8>> = payloads.iter().map(Payload::to_vec).filter(is_kept).collect();
    let piece = |(number, payload)| Piece {
        sequence: SequenceNumber(number as u16),
        marker: number + 1 == kept.len(),
        first: number == 0,
        payload,
    };
    let pieces: Vec<Piece<'_>> = kept.iter().map(Vec::as_slice).enumerate().map(piece).collect();
    Vp9Depacketizer::new(Limits::default()).assemble(frame.pts, &pieces)
}

fn size_of(mode: ScalabilityMode, layer: u8) -> (u32, u32) {
    let (over, under) = mode.scale_of(layer);
    // The library makes sides even.
    let side = |side: u32| (side * over / under).next_multiple_of(2);
    (side(SIZE.0), side(SIZE.1))
}

/// The guard: whichever layers above are left out, in space and in time, what is left is a picture of its size, and looks like the one
/// that was sent.
#[test]
fn layers_decode_at_their_sizes_when_those_above_are_left_out() {
    for mode in [ScalabilityMode::L2T1, ScalabilityMode::L3T3, ScalabilityMode::L3T2h, ScalabilityMode::L3T3Key] {
        let (mut encoder, layers) = (layered(mode), mode.spatial_layers());
        let mut decoders: Vec<VpxDecoder> = (0..layers).map(|_| decoder(Codec::Vp9)).collect();
        for (number, picture) in pictures(SIZE.0, SIZE.1).take(20).enumerate() {
            let encoded = encoder.encode(&picture, number == 11).unwrap().unwrap();
            assert_eq!(encoded.key_frame, number % 11 == 0, "{mode} {number}");
            let dependent = encoded.key_frame || !mode.parts_after_key_frames();
            assert_eq!(encoded.spatial, Some(SpatialLayers::lowest(layers, dependent)), "{mode} {number}");
            for (highest, decoder) in (0..).zip(&mut decoders) {
                // With the lowest layer in space alone, those in time are left out as well.
                if highest == 0 && encoded.layer.unwrap().id > 0 {
                    continue;
                }
                let received = send(&encoded, |it| it.spatial_id() <= highest).unwrap();
                assert_eq!((received.key_frame, received.layer), (encoded.key_frame, encoded.layer));
                let decoded = decoder.decode(&received).unwrap().unwrap();
                let (width, height) = size_of(mode, highest);
                assert_eq!((decoded.width(), decoded.height()), (width, height), "{mode} {highest}");
                // Below, a block of the number is too small.
                assert!(width < 160 || frame_counter(&decoded) == Some(number as u16), "{mode} {highest}");
                let wanted = picture.scale(width, height).unwrap().to_i420();
                let likeness = crate::frame::psnr(decoded.plane(0).unwrap(), wanted.plane(0).unwrap());
                assert!(likeness > 24.0, "{mode} layer {highest} of picture {number}: {likeness} dB");
            }
        }
    }
}

/// The guard: after a key frame a peer that gets the highest layer alone sees the same as one that gets all of them.
#[test]
fn the_highest_layer_is_enough_where_layers_part_after_key_frames() {
    for mode in [ScalabilityMode::L2T2Key, ScalabilityMode::L3T3Key] {
        let mut encoder = layered(mode);
        let (mut all, mut alone) = (decoder(Codec::Vp9), decoder(Codec::Vp9));
        let top = mode.spatial_layers() - 1;
        for (number, picture) in pictures(SIZE.0, SIZE.1).take(20).enumerate() {
            let encoded = encoder.encode(&picture, number == 13).unwrap().unwrap();
            let received = send(&encoded, |it| encoded.key_frame || it.spatial_id() == top).unwrap();
            assert_eq!(received.key_frame, encoded.key_frame);
            let layers = if encoded.key_frame {
                SpatialLayers::lowest(top + 1, true)
            } else {
                SpatialLayers::default().with(top, false)
            };
            assert_eq!(received.spatial, Some(layers));
            let [one, other] = [(&mut all, &encoded), (&mut alone, &received)]
                .map(|(decoder, frame)| decoder.decode(frame).unwrap().unwrap());
            assert_eq!(frame_counter(&one), Some(number as u16));
            assert_eq!(one.to_vec(), other.to_vec(), "{mode} {number}");
            // What was left out goes on its way again as what it is.
            assert_eq!(send(&received, |_| true).unwrap(), received);
        }
    }
}

/// The guard: a picture without a layer that one above refers to is none.
#[test]
fn a_picture_without_a_layer_that_is_needed_is_incomplete() {
    let mut encoder = layered(ScalabilityMode::L3T1);
    for picture in pictures(SIZE.0, SIZE.1).take(2) {
        let encoded = encoder.encode(&picture, false).unwrap().unwrap();
        for lost in [0, 1] {
            let received = send(&encoded, |it| it.spatial_id() != lost);
            assert_eq!(received, Err(AssembleError::Incomplete), "without layer {lost}");
        }
    }
}

#[test]
fn layers_in_space_share_the_bitrate() {
    for mode in [ScalabilityMode::L3T3, ScalabilityMode::L2T1h, ScalabilityMode::L3T1Key] {
        let mut encoder = layered(mode);
        for target in [700_000, 400_000] {
            encoder.set_bitrate(target).unwrap();
            let mut source = pictures(SIZE.0, SIZE.1);
            run(&mut encoder, &mut source, 1);
            let (actual, _) = run(&mut encoder, &mut source, 2);
            assert!(actual.abs_diff(target) <= target * 25 / 100, "{mode}: {actual} instead of {target}");
        }
    }
}

/// The guard: no layer is made of too few pixels, whatever the size.
#[test]
fn small_pictures_have_fewer_layers_and_odd_ones_their_size() {
    let mode = ScalabilityMode::L3T2;
    let mut encoder = layered(mode);
    for (width, height, layers) in [(2, 2, 1), (31, 200, 1), (32, 40, 2), (63, 63, 2), (64, 64, 3), (321, 243, 3)] {
        let mut decoder = decoder(Codec::Vp9);
        for picture in pictures(320, 240).take(3) {
            let picture = picture.scale(width, height).unwrap();
            let encoded = encoder.encode(&picture, false).unwrap().unwrap();
            assert_eq!(encoded.scalability, Some(mode.with_spatial_layers(layers)), "{width}x{height}");
            assert_eq!(encoded.spatial.map_or(1, SpatialLayers::count), layers, "{width}x{height}");
            let decoded = decoder.decode(&encoded).unwrap().unwrap();
            assert_eq!((decoded.width(), decoded.height()), (width, height));
            assert!(!encoded.key_frame || vp9::key_frame_size(&encoded.data) == Some((width, height)));
        }
    }
}

/// The guard: pictures are dropped in all layers or in none, and the others go on where they were.
#[test]
fn a_picture_is_dropped_in_all_layers() {
    let mode = ScalabilityMode::L3T3;
    let config = VideoEncoderConfig::default().with_bitrate(30_000).with_drop_frames(true).with_scalability_mode(mode);
    let mut encoder = VpxEncoder::new(Codec::Vp9, &config).unwrap();
    let mut decoder = decoder(Codec::Vp9);
    let frames: Vec<_> = pictures(SIZE.0, SIZE.1).take(90).map(|it| encoder.encode(&it, false).unwrap()).collect();
    assert!(frames.iter().any(Option::is_none), "none is dropped");
    for (number, frame) in frames.iter().flatten().enumerate() {
        let whole = SpatialLayers::lowest(3, true);
        assert_eq!((frame.spatial, frame.layer.unwrap().id), (Some(whole), [0, 2, 1, 2][number % 4]));
        assert_eq!(decoder.decode(frame).unwrap().unwrap().width(), SIZE.0);
    }
}
