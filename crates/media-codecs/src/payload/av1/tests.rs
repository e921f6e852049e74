//! Temporal units into packets and back.

use ortica_rtp::SequenceNumber;
use proptest::prelude::*;

use super::*;
use crate::payload::{AssembleError, Depacketizer, Limits, PacketizeError, Packetizer, Payload, Piece};
use crate::{Codec, EncodedFrame};

/// An OBU with its length.
fn unit(kind: u8, layer: Option<u8>, body: &[u8]) -> Vec<u8> {
    let layer = layer.map(|spatial_id| obu::Layer { temporal_id: 1, spatial_id });
    let mut bytes = obu::Header { kind, layer, has_size: true }.encode(true).to_vec();
    obu::put_leb128(body.len(), &mut bytes);
    bytes.extend_from_slice(body);
    bytes
}

fn send(data: Vec<u8>, key_frame: bool, max: usize) -> Vec<Payload> {
    let frame = EncodedFrame::new(Codec::Av1, data, 0).with_key_frame(key_frame);
    let mut out = Vec::new();
    Av1Packetizer.packetize(&frame, max, &mut out).unwrap();
    out
}

fn assemble_with(limits: Limits, packets: &[(u16, bool, Vec<u8>)]) -> Result<EncodedFrame, AssembleError> {
    let piece =
        |(sequence, marker, payload): &'_ (u16, bool, Vec<u8>)| (SequenceNumber(*sequence), *marker, payload.clone());
    let owned: Vec<_> = packets.iter().map(piece).collect();
    let pieces: Vec<Piece<'_>> = owned
        .iter()
        .map(|(sequence, marker, payload)| Piece { sequence: *sequence, marker: *marker, first: false, payload })
        .collect();
    Av1Depacketizer::new(limits).assemble(0, &pieces)
}

fn assemble(packets: &[(u16, bool, Vec<u8>)]) -> Result<EncodedFrame, AssembleError> {
    assemble_with(Limits::default(), packets)
}

fn numbered(payloads: &[Payload], first: u16) -> Vec<(u16, bool, Vec<u8>)> {
    let number = |(at, payload): (u16, &Payload)| (first.wrapping_add(at), payload.marker(), payload.to_vec());
    (0..).zip(payloads).map(number).collect()
}

/// The guard: delimiters are neither sent nor kept, units lose their lengths on the way and have them again.
#[test]
fn pay_2_av1_delimiters_and_lengths_are_left_out() {
    let (header, frame) = (unit(obu::SEQUENCE_HEADER, None, &[1, 2]), unit(obu::FRAME, None, &[3; 20]));
    let sent = send([unit(obu::TEMPORAL_DELIMITER, None, &[]), header.clone(), frame.clone()].concat(), true, 200);
    assert_eq!(sent.len(), 1);
    let bytes = sent[0].to_vec();
    assert_eq!(bytes[..6], [0x28, 3, 0x08, 1, 2, 0x30]);
    assert_eq!((sent[0].marker(), bytes.len()), (true, 26));
    let received = assemble(&numbered(&sent, 0)).unwrap();
    assert_eq!((&received.data[..], received.key_frame), (&[header, frame].concat()[..], true));
    // A delimiter that is sent all the same is ignored.
    let with_delimiter = vec![(0, true, vec![0x20, 1, 0x10, 0x30, 3])];
    assert_eq!(assemble(&with_delimiter).unwrap().data[..], [0x32, 1, 3]);
}

/// The guard: parts of a unit belong together, and what does not fit is no temporal unit.
#[test]
fn pay_2_av1_parts_that_do_not_belong_together_are_refused() {
    let (begun, end) = (vec![0x50, 0x30, 1], vec![0x90, 2]);
    let (whole, sequence) = (vec![0x10, 0x30, 1], vec![0x18, 0x08, 1]);
    let pieces = |first: &Vec<u8>, second: &Vec<u8>| assemble(&[(7, false, first.clone()), (8, true, second.clone())]);
    assert_eq!(pieces(&begun, &end).unwrap().data[..], [0x32, 2, 1, 2]);
    assert_eq!(pieces(&begun, &whole), Err(AssembleError::Mixed));
    assert_eq!(pieces(&whole, &end), Err(AssembleError::Mixed));
    assert_eq!(pieces(&whole, &sequence), Err(AssembleError::Mixed));
    assert_eq!(pieces(&whole, &begun), Err(AssembleError::Incomplete));
    assert_eq!(assemble(&[(8, true, end)]), Err(AssembleError::Incomplete));
    assert_eq!(assemble(&[(7, false, whole.clone())]), Err(AssembleError::Incomplete));
    assert_eq!(assemble(&[(7, false, whole.clone()), (9, true, whole)]), Err(AssembleError::Incomplete));
    assert_eq!(assemble(&[]), Err(AssembleError::Incomplete));
}

#[test]
fn layers_do_not_share_packets() {
    let layers: Vec<Vec<u8>> = (0..3).map(|layer| unit(obu::FRAME, Some(layer), &[layer; 30])).collect();
    let sent = send(layers.concat(), false, 1_200);
    assert_eq!(sent.len(), 3);
    let depacketizer = Av1Depacketizer::new(Limits::default());
    let starts: Vec<bool> =
        sent.iter().map(|packet| depacketizer.inspect(&packet.to_vec(), false).unwrap().start).collect();
    assert_eq!(starts, [true, false, false], "an upper layer begins no temporal unit");
    let received = assemble(&numbered(&sent, 0)).unwrap();
    assert_eq!(received.data[..], layers.concat()[..]);
    assert_eq!(received.layer.map(|layer| layer.id), Some(1));
}

#[test]
fn what_is_no_temporal_unit_is_refused() {
    let mut out = Vec::new();
    let mut refuse = |data: Vec<u8>| {
        let error = Av1Packetizer.packetize(&EncodedFrame::new(Codec::Av1, data, 0), 1_200, &mut out).unwrap_err();
        assert!(out.is_empty());
        error
    };
    assert!(matches!(refuse(vec![0x32, 9, 1]), PacketizeError::Malformed(_)));
    assert_eq!(refuse(unit(obu::TEMPORAL_DELIMITER, None, &[])), PacketizeError::Empty);
    assert!(matches!(refuse(unit(obu::METADATA, None, &[1]).repeat(513)), PacketizeError::Malformed(_)));
}

/// The guard: the marker bit is on the last packet of a picture and on no other.
#[test]
fn pay_5_av1_the_marker_is_on_the_last_packet_of_a_picture() {
    for len in [1, 190, 197, 198, 199, 1_000, 4_321] {
        let sent = send(unit(obu::FRAME, None, &vec![7; len]), false, 200);
        let markers: Vec<bool> = sent.iter().map(Payload::marker).collect();
        let (last, others) = markers.split_last().unwrap();
        assert!(last & !others.contains(&true), "{len}: {markers:?}");
        let (last, others) = sent.split_last().unwrap();
        assert!(others.iter().all(|it| it.len() == sent[0].len() && last.len() <= it.len()), "{len}");
    }
}

/// The guard: `Limits` bound the bytes and the units of a temporal unit.
#[test]
fn cve_26_av1_temporal_units_above_the_limits_are_refused() {
    let limits = |max_frame, max_units| Limits { max_frame, max_units, ..Limits::default() };
    let one = numbered(&send(unit(obu::FRAME, None, &[7; 997]), false, 200), 0);
    assert_eq!(assemble_with(limits(1_000, 1), &one).unwrap().data.len(), 1_000);
    assert_eq!(assemble_with(limits(999, 1), &one), Err(AssembleError::TooLarge(999)));
    let many = numbered(&send(unit(obu::METADATA, None, &[7; 9]).repeat(512), false, 200), 0);
    assert!(assemble(&many).is_ok());
    assert_eq!(assemble_with(limits(1 << 20, 511), &many), Err(AssembleError::TooManyUnits(511)));
}

/// Temporal units: a first OBU that may begin one, then any, in layers that rise.
fn temporal_units() -> impl Strategy<Value = Vec<u8>> {
    let size = prop_oneof![1usize..40, 1usize..3_000];
    let body = size.prop_flat_map(|size| prop::collection::vec(any::<u8>(), size));
    let kind = prop::sample::select(vec![obu::SEQUENCE_HEADER, obu::FRAME_HEADER, 4, obu::METADATA, obu::FRAME, 7, 15]);
    (prop::collection::vec((kind, body), 1..8), any::<bool>()).prop_map(|(units, layered)| {
        let unit = |(at, (kind, body)): (usize, &(u8, Vec<u8>))| {
            unit(if at == 0 { obu::SEQUENCE_HEADER } else { *kind }, layered.then_some((at / 3) as u8), body)
        };
        units.iter().enumerate().flat_map(unit).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// The guard: what is taken apart and put together is what was sent at any MTU, and without any one packet it is incomplete.
    #[test]
    fn pay_8_av1_there_and_back_is_identity_and_each_loss_is_incomplete(
        data in temporal_units(), max in 200usize..=1_400, first in any::<u16>(), key_frame in any::<bool>(),
    ) {
        let sent = send(data.clone(), key_frame, max);
        prop_assert!(sent.iter().all(|payload| payload.len() <= max));
        let packets = numbered(&sent, first);
        let received = assemble(&packets).unwrap();
        prop_assert_eq!(&received.data[..], &data[..]);
        prop_assert_eq!(received.key_frame, key_frame);
        for lost in 0..packets.len() {
            let mut rest = packets.clone();
            rest.remove(lost);
            prop_assert_eq!(assemble(&rest), Err(AssembleError::Incomplete), "without {} of {}", lost, packets.len());
        }
    }

    #[test]
    fn any_bytes_are_taken_or_refused(payload in prop::collection::vec(any::<u8>(), 0..40)) {
        let depacketizer = Av1Depacketizer::new(Limits::default());
        let info = depacketizer.inspect(&payload, true);
        let frame = assemble(&[(1, true, payload)]);
        prop_assert!(frame.is_err() || info.is_ok_and(|info| info.start && info.end));
    }
}
