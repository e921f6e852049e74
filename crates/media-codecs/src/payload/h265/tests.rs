//! Frames into packets and back.

use ortica_rtp::SequenceNumber;
use proptest::prelude::*;

use super::*;
use crate::payload::{AssembleError, Depacketizer, Limits, PacketizeError, Packetizer, Payload, Piece};
use crate::{Codec, EncodedFrame};

const TRAILING: u8 = 1;
const IDR: u8 = 19;
const SUFFIX_MESSAGE: u8 = 40;

type Packet = (u16, bool, Vec<u8>);

/// A unit behind a start code, its first bit behind the header as told; without zeros, so that no start code is in it.
fn unit(kind: u8, first: bool, len: usize) -> Vec<u8> {
    let mut bytes = vec![0, 0, 0, 1];
    bytes.extend(nal::Header { kind, layer_id: 0, temporal_id: 0 }.encode());
    bytes.extend((0..len.max(1)).map(|n| (n % 100) as u8 + 1));
    bytes[6] = if first { 0x81 } else { 0x01 };
    bytes
}

fn send(data: Vec<u8>, max: usize) -> Vec<Payload> {
    let mut out = Vec::new();
    H265Packetizer.packetize(&EncodedFrame::new(Codec::H265, data, 0), max, &mut out).unwrap();
    out
}

fn numbered(payloads: &[Payload], first: u16) -> Vec<Packet> {
    let number = |(at, payload): (u16, &Payload)| (first.wrapping_add(at), payload.marker(), payload.to_vec());
    (0..).zip(payloads).map(number).collect()
}

fn assemble_with(depacketizer: &mut H265Depacketizer, packets: &[Packet]) -> Result<EncodedFrame, AssembleError> {
    let piece =
        |(sequence, marker, payload)| Piece { sequence: SequenceNumber(sequence), marker, first: false, payload };
    let pieces: Vec<Piece<'_>> =
        packets.iter().map(|(sequence, marker, payload)| piece((*sequence, *marker, payload.as_slice()))).collect();
    depacketizer.assemble(0, &pieces)
}

fn assemble(packets: &[Packet]) -> Result<EncodedFrame, AssembleError> {
    assemble_with(&mut H265Depacketizer::new(Limits::default()), packets)
}

fn parameter_sets() -> Vec<u8> {
    [unit(nal::VPS, false, 20), unit(nal::SPS, false, 30), unit(nal::PPS, false, 5)].concat()
}

#[test]
fn parameter_sets_share_the_first_packet_of_a_key_frame() {
    let frame = [parameter_sets(), unit(IDR, true, 1_500)].concat();
    let sent = send(frame.clone(), 1_200);
    assert_eq!(sent.len(), 3);
    let first = sent[0].to_vec();
    assert!(matches!(Contents::decode(&first), Ok(Contents::Units(units)) if units.len() == 3));
    let depacketizer = H265Depacketizer::new(Limits::default());
    let info = depacketizer.inspect(&sent[0].to_vec(), false).unwrap();
    assert!(info.start && info.key_frame && !info.end);
    let received = assemble(&numbered(&sent, 65_534)).unwrap();
    assert_eq!((&received.data[..], received.key_frame), (&frame[..], true));
}

/// The guard: a key frame whose parameter sets were lost with the packet before it is not taken for whole.
#[test]
fn pay_8_h265_a_key_frame_without_its_parameter_sets_is_incomplete() {
    let key = numbered(&send([parameter_sets(), unit(IDR, true, 1_500)].concat(), 1_200), 10);
    let mut depacketizer = H265Depacketizer::new(Limits::default());
    assert!(assemble_with(&mut depacketizer, &key).is_ok());
    let mut beheaded = numbered(&send([parameter_sets(), unit(IDR, true, 1_500)].concat(), 1_200), 20);
    beheaded.remove(0);
    assert_eq!(assemble_with(&mut depacketizer, &beheaded), Err(AssembleError::Incomplete));
    // A stream that has none in band says so by repeating itself.
    let bare = numbered(&send(unit(IDR, true, 1_500), 1_200), 30);
    assert!(assemble_with(&mut depacketizer, &bare).is_ok());
}

#[test]
fn parts_that_do_not_belong_together_are_refused() {
    let sent = numbered(&send(unit(TRAILING, true, 500), 200), 0);
    let other = numbered(&send(unit(IDR, true, 500), 200), 0);
    let mixed = [sent[0].clone(), other[1].clone(), sent[2].clone()];
    assert_eq!(assemble(&mixed), Err(AssembleError::Mixed));
    let twice = [sent[0].clone(), (1, true, sent[0].2.clone())];
    assert_eq!(assemble(&twice), Err(AssembleError::Mixed));
    let open = [sent[0].clone(), (1, true, sent[1].2.clone())];
    assert_eq!(assemble(&open), Err(AssembleError::Incomplete));
    assert_eq!(assemble(&sent[1..]), Err(AssembleError::Incomplete));
    assert_eq!(assemble(&[]), Err(AssembleError::Incomplete));
}

#[test]
fn what_is_no_frame_is_refused() {
    let mut out = Vec::new();
    for data in [vec![1, 2, 3], vec![0, 0, 1, 0x40, 1], unit(48, false, 9), unit(TRAILING, true, 9).repeat(513)] {
        let error = H265Packetizer.packetize(&EncodedFrame::new(Codec::H265, data, 0), 1_200, &mut out).unwrap_err();
        assert!(matches!(error, PacketizeError::Malformed(_)) && out.is_empty());
    }
}

#[test]
fn the_layer_in_time_is_told() {
    let header = nal::Header { kind: 2, layer_id: 0, temporal_id: 1 }.encode();
    let packet = vec![(0, true, [&header[..], &[0x81, 5]].concat())];
    let layer = assemble(&packet).unwrap().layer.unwrap();
    assert_eq!((layer.id, layer.sync), (1, true));
}

/// The guard: the marker bit is on the last packet of a picture and on no other.
#[test]
fn pay_5_h265_the_marker_is_on_the_last_packet_of_a_picture() {
    for len in [1, 190, 197, 198, 199, 1_000, 4_321] {
        let markers: Vec<bool> = send(unit(TRAILING, true, len), 200).iter().map(Payload::marker).collect();
        let (last, others) = markers.split_last().unwrap();
        assert!(last & !others.contains(&true), "{len}: {markers:?}");
    }
}

/// The guard: `Limits` bound the bytes and the units of a frame.
#[test]
fn cve_26_h265_frames_above_the_limits_are_refused() {
    let limited = |max_frame, max_units| H265Depacketizer::new(Limits { max_frame, max_units, ..Limits::default() });
    let one = numbered(&send(unit(TRAILING, true, 994), 200), 0);
    assert_eq!(assemble_with(&mut limited(1_000, 1), &one).unwrap().data.len(), 1_000);
    assert_eq!(assemble_with(&mut limited(999, 1), &one), Err(AssembleError::TooLarge(999)));
    let many = numbered(&send(unit(TRAILING, true, 9).repeat(512), 200), 0);
    assert!(assemble(&many).is_ok());
    assert_eq!(assemble_with(&mut limited(1 << 20, 511), &many), Err(AssembleError::TooManyUnits(511)));
}

/// Frames: key frames with their parameter sets, others with a slice that begins a picture, and further units behind it.
fn frames() -> impl Strategy<Value = (Vec<u8>, bool)> {
    let len = prop_oneof![1usize..40, 1usize..3_000];
    let more = prop::collection::vec((any::<bool>(), len.clone()), 0..6);
    (any::<bool>(), len, more).prop_map(|(key, len, more)| {
        let kind = if key { IDR } else { TRAILING };
        let mut data = if key { parameter_sets() } else { Vec::new() };
        data.extend(unit(kind, true, len));
        for (slice, len) in more {
            data.extend(unit(if slice { kind } else { SUFFIX_MESSAGE }, false, len));
        }
        (data, key)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// The guard: what is taken apart and put together is what was sent at any MTU, and without any one packet it is incomplete.
    #[test]
    fn pay_8_h265_there_and_back_is_identity_and_each_loss_is_incomplete(
        (data, key) in frames(), max in 200usize..=1_400, first in any::<u16>(),
    ) {
        let sent = send(data.clone(), max);
        prop_assert!(sent.iter().all(|payload| payload.len() <= max));
        let packets = numbered(&sent, first);
        let mut depacketizer = H265Depacketizer::new(Limits::default());
        for lost in 0..packets.len() {
            let received = assemble_with(&mut depacketizer, &packets).unwrap();
            prop_assert_eq!(&received.data[..], &data[..]);
            prop_assert_eq!(received.key_frame, key);
            let mut rest = packets.clone();
            rest.remove(lost);
            let result = assemble_with(&mut depacketizer, &rest);
            prop_assert_eq!(result, Err(AssembleError::Incomplete), "without {} of {}", lost, packets.len());
        }
    }

    #[test]
    fn any_bytes_are_taken_or_refused(payload in prop::collection::vec(any::<u8>(), 0..40)) {
        let depacketizer = H265Depacketizer::new(Limits::default());
        let info = depacketizer.inspect(&payload, true);
        let frame = assemble(&[(1, true, payload)]);
        prop_assert!(frame.is_err() || info.is_ok_and(|info| info.start && info.end));
    }
}
