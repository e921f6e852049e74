//! Packets and frames of both modes, whole and damaged.

use bytes::Bytes;
use ortica_rtp::SequenceNumber;
use proptest::prelude::*;

use super::nal;
use super::parameter_sets::{MAX_SET, ParameterSets, SequenceSet};
use super::samples::{annex_b, picture_set, sequence_set, slice, units};
use super::*;
use crate::codec::h264::PacketizationMode::{self, NonInterleaved, SingleNalUnit};
use crate::payload::{AssembleError, Depacketizer, Limits, PacketizeError, Packetizer, Piece};
use crate::{Codec, ColorMatrix, ColorSpace, EncodedFrame};

fn frame(units: &[Vec<u8>]) -> EncodedFrame {
    EncodedFrame::new(Codec::H264, annex_b(units), 0)
}

fn packets(mode: PacketizationMode, frame: &EncodedFrame, max: usize) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    H264Packetizer::new(mode).packetize(frame, max, &mut payloads).unwrap();
    let (last, others) = payloads.split_last().unwrap();
    assert!(last.marker() && others.iter().all(|payload| !payload.marker()));
    assert!(payloads.iter().all(|payload| payload.len() <= max));
    payloads.iter().map(|payload| payload.to_vec()).collect()
}

fn pieces(packets: &[Vec<u8>], first: u16) -> Vec<Piece<'_>> {
    let last = packets.len() - 1;
    packets
        .iter()
        .enumerate()
        .map(|(at, payload)| Piece {
            sequence: SequenceNumber(first) + at as u16,
            marker: at == last,
            first: at == 0,
            payload,
        })
        .collect()
}

fn assemble(
    depacketizer: &mut H264Depacketizer,
    packets: &[Vec<u8>],
    first: u16,
) -> Result<EncodedFrame, AssembleError> {
    depacketizer.assemble(0, &pieces(packets, first))
}

fn depacketizer() -> H264Depacketizer {
    H264Depacketizer::new(Limits::default())
}

/// A depacketizer that knows the sets with id 0.
fn primed() -> H264Depacketizer {
    let mut depacketizer = depacketizer();
    let key = frame(&[sequence_set(0, 20, 15), picture_set(0, 0), slice(nal::IDR, 0, 0, 30)]);
    assemble(&mut depacketizer, &packets(NonInterleaved, &key, 1_200), 0).unwrap();
    depacketizer
}

#[test]
fn small_units_share_a_packet_and_large_ones_have_several() {
    let small = [sequence_set(0, 20, 15), picture_set(0, 0), slice(nal::IDR, 0, 0, 50)];
    let shared = packets(NonInterleaved, &frame(&small), 1_200);
    assert_eq!((shared.len(), shared[0][0]), (1, 0x60 | STAP_A), "the importance is the highest");
    assert_eq!(units(&shared[0]), small);

    let large = slice(nal::IDR, 0, 0, 3_000);
    let cut = packets(NonInterleaved, &frame(&[small[0].clone(), small[1].clone(), large.clone()]), 1_200);
    assert_eq!(cut.iter().map(|packet| packet[0] & 0x1f).collect::<Vec<_>>(), [STAP_A, FU_A, FU_A, FU_A]);
    assert_eq!(cut[1..].iter().map(|packet| packet[1]).collect::<Vec<_>>(), [0x85, 0x05, 0x45]);
    let lens: Vec<usize> = cut[1..].iter().map(Vec::len).collect();
    assert!(lens[0] == lens[1] && lens[2] <= lens[0], "{lens:?}");
    let body: Vec<u8> = cut[1..].iter().flat_map(|packet| packet[2..].to_vec()).collect();
    assert_eq!(body, large[1..]);
}

#[test]
fn a_single_unit_is_a_packet_as_it_is() {
    let unit = slice(nal::SLICE, 0, 0, 100);
    for mode in [SingleNalUnit, NonInterleaved] {
        let unit = std::slice::from_ref(&unit);
        assert_eq!(packets(mode, &frame(unit), 1_200), unit);
    }
}

#[test]
fn in_mode_0_each_unit_has_a_packet_and_must_fit() {
    let all = [sequence_set(0, 20, 15), picture_set(0, 0), slice(nal::IDR, 0, 0, 500), slice(nal::IDR, 9, 0, 500)];
    assert_eq!(packets(SingleNalUnit, &frame(&all), 1_200), all);
    let mut payloads = Vec::new();
    let long = frame(&[all[0].clone(), slice(nal::IDR, 0, 0, 1_200)]);
    let refused = H264Packetizer::new(SingleNalUnit).packetize(&long, 1_200, &mut payloads);
    assert!(matches!(refused, Err(PacketizeError::TooLarge { max: 1_200, .. })), "{refused:?}");
    assert!(payloads.is_empty(), "nothing was appended");
}

#[test]
fn what_is_no_byte_stream_is_refused() {
    for data in [&[0x65, 1, 2][..], &[0, 0, 1], &[0, 0, 1, 0x18, 1], &[0, 0, 1, 0, 1], &[9, 0, 0, 1, 0x65]] {
        let frame = EncodedFrame::new(Codec::H264, Bytes::copy_from_slice(data), 0);
        let refused = H264Packetizer::new(NonInterleaved).packetize(&frame, 1_200, &mut Vec::new());
        assert!(matches!(refused, Err(PacketizeError::Malformed(_))), "{data:?}: {refused:?}");
    }
}

/// The guard: each length of a STAP-A must fit into what is left of the packet.
#[test]
fn pay_1_lengths_of_an_aggregate_are_bounded() {
    let unit = slice(nal::SLICE, 0, 0, 6);
    let whole = [&[0x78, 0, unit.len() as u8][..], &unit, &[0, 1, 0x09]].concat();
    assert!(Contents::decode(&whole).is_ok());
    for len in 1..whole.len() {
        let cut = &whole[..len];
        // It may end behind a unit, and nowhere else.
        assert_eq!(Contents::decode(cut).is_ok(), len == 3 + unit.len(), "{len}");
    }
    for malformed in [&[0x78, 0xff, 0xff, 0x65][..], &[0x78, 0, 0, 0, 1, 0x65], &[0x78, 0, 2, 0x78, 0x65]] {
        assert!(Contents::decode(malformed).is_err(), "{malformed:?}");
        assert!(depacketizer().inspect(malformed, true).is_err());
    }
}

/// The guard: a part starts, goes on and ends, each in its place.
#[test]
fn pay_1_parts_start_go_on_and_end_in_order() {
    let fu = |flags: u8, kind: u8| vec![0x60 | FU_A, flags | kind, 0x88, 0x80];
    let (start, middle, end) = (fu(FU_START, nal::SLICE), fu(0, nal::SLICE), fu(FU_END, nal::SLICE));
    let other = fu(FU_END, nal::IDR);
    let single = slice(nal::SLICE, 9, 0, 4);
    let ok = |packets: &[&Vec<u8>]| {
        let packets: Vec<Vec<u8>> = packets.iter().map(|packet| (*packet).clone()).collect();
        assemble(&mut primed(), &packets, 100).map(|_| ())
    };
    assert_eq!(ok(&[&start, &end]), Ok(()));
    assert_eq!(ok(&[&start, &middle, &end, &single]), Ok(()));
    for broken in [
        &[&start][..],
        &[&middle, &end],
        &[&end],
        &[&start, &middle],
        &[&start, &start, &end],
        &[&start, &single, &end],
        &[&start, &other],
        &[&start, &end, &end],
    ] {
        assert_eq!(ok(broken), Err(AssembleError::Incomplete), "{broken:?}");
    }
    let malformed =
        [fu(FU_START | FU_END, nal::SLICE), fu(FU_START, FU_A), fu(FU_START, 0), vec![0x7c, 0x81], vec![0x7c]];
    for packet in malformed {
        assert!(matches!(ok(&[&packet]), Err(AssembleError::Malformed(_))), "{packet:?}");
    }
}

/// The guard: packets of the interleaved mode, and of kinds that no mode has, are refused.
#[test]
fn pay_1_packets_of_the_interleaved_mode_are_refused() {
    for kind in [0, 25, 26, 27, 29, 30, 31] {
        let packet = vec![0x60 | kind, 0x80, 0, 1, 0x65, 0x88];
        assert!(Contents::decode(&packet).is_err(), "{kind}");
        assert!(primed().assemble(0, &pieces(&[packet], 100)).is_err(), "{kind}");
    }
}

#[test]
fn a_packet_tells_what_begins_with_it() {
    let info = |packet: &[u8]| depacketizer().inspect(packet, false).unwrap();
    let key = frame(&[sequence_set(0, 20, 15), picture_set(0, 0), slice(nal::IDR, 0, 0, 3_000)]);
    let cut = packets(NonInterleaved, &key, 1_200);
    let told: Vec<(bool, bool)> = cut.iter().map(|packet| (info(packet).start, info(packet).key_frame)).collect();
    assert_eq!(told, [(true, true), (true, true), (false, false), (false, false)]);
    let delta = info(&slice(nal::SLICE, 0, 0, 10));
    assert!(delta.start && !delta.key_frame && !delta.discardable);
    assert!(!info(&slice(nal::SLICE, 9, 0, 10)).start);
    assert!(!info(&picture_set(0, 0)).start);
    let mut unneeded = slice(nal::SLICE, 0, 0, 10);
    unneeded[0] &= !0x60;
    assert!(info(&unneeded).discardable);
    let frame = assemble(&mut primed(), &[unneeded], 50).unwrap();
    assert!(frame.discardable && !frame.key_frame);
}

/// The guard: a set that comes takes the place of the one with its id, and no other's.
#[test]
fn pay_7_sets_that_come_replace_those_of_their_id() {
    let mut depacketizer = primed();
    let [wide, other] = [sequence_set(0, 40, 30), sequence_set(1, 2, 2)];
    let key = frame(&[wide.clone(), other, picture_set(1, 1), slice(nal::IDR, 0, 0, 30)]);
    assemble(&mut depacketizer, &packets(NonInterleaved, &key, 1_200), 1).unwrap();
    // A bare key frame, the second after a gap, is given the sets that it needs as they are now.
    let bare = [slice(nal::IDR, 0, 0, 40)];
    assert_eq!(assemble(&mut depacketizer, &bare, 70), Err(AssembleError::Incomplete));
    let frame = assemble(&mut depacketizer, &bare, 80).unwrap();
    assert!(frame.key_frame);
    let expected = [wide, picture_set(0, 0), bare[0].clone()];
    assert_eq!(nal::split_slice(&frame.data).map(<[u8]>::to_vec).collect::<Vec<_>>(), expected);
}

/// The guard: what needs a set that never came makes no frame.
#[test]
fn pay_7_a_frame_without_its_sets_is_refused() {
    let missing = Err(AssembleError::MissingParameterSet);
    for kind in [nal::IDR, nal::SLICE] {
        assert_eq!(assemble(&mut depacketizer(), &[slice(kind, 0, 0, 40)], 1), missing);
    }
    let mut depacketizer = primed();
    assert_eq!(assemble(&mut depacketizer, &[slice(nal::SLICE, 0, 1, 40)], 1), missing, "another picture set");
    let sets = [picture_set(1, 3), slice(nal::SLICE, 0, 1, 40)];
    let packets = packets(NonInterleaved, &frame(&sets), 1_200);
    assert_eq!(assemble(&mut depacketizer, &packets, 2), missing, "of a sequence set that never came");
    assert!(assemble(&mut depacketizer, &[slice(nal::SLICE, 0, 0, 40)], 3).is_ok());
}

/// The guard: a description brings 4 KiB of sets at most, a stream no more than 64 KiB, each of 4 KiB at most.
#[test]
fn pay_7_sets_are_bounded() {
    let sprop = "Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==";
    let mut described = depacketizer();
    let fmtp = |sets: &str| format!("packetization-mode=1;sprop-parameter-sets={sets};profile-level-id=42c01e");
    assert!(described.describe(&fmtp(&sprop.repeat(200))).is_err());
    described.describe(&fmtp(sprop)).unwrap();
    described.describe("packetization-mode=1").unwrap();
    assert!(assemble(&mut described, &[slice(nal::IDR, 0, 0, 40)], 1).is_ok());
    for refused in [format!("{sprop},{}", "A".repeat(MAX_SET)), "Z0L%".to_owned(), "Z0LA".to_owned()] {
        assert!(ParameterSets::from_description(&refused).is_err(), "{refused}");
    }
    let mut sets = ParameterSets::default();
    let long = |id, len: usize| annex_b(&[[picture_set(id, 0), vec![0x55; len]].concat()]);
    assert!(sets.learn(&long(0, MAX_SET)).is_err());
    let taken = (0..=255).filter(|id| sets.learn(&long(*id, MAX_SET - 100)).is_ok()).count();
    assert_eq!(taken, (64 << 10) / (MAX_SET - 96));
}

#[test]
fn a_sequence_set_tells_the_size() {
    for (text, width, height) in
        [("Z0LAHtkDxWhAAAADAEAAAAwDxYuS", 240, 160), ("Z0LAH9oBQBbsBEAAAAMAQAAADyPGDKg=", 1_280, 720)]
    {
        let sets = super::parameter_sets::base64(text).unwrap();
        let set = SequenceSet::decode(&sets).unwrap();
        assert_eq!((set.width, set.height), (width, height), "{text}");
    }
    let set = SequenceSet::decode(&sequence_set(3, 20, 15)).unwrap();
    assert_eq!(
        set,
        SequenceSet {
            id: 3,
            width: 320,
            height: 240,
            macroblocks: 300,
            chroma_format: 1,
            bit_depths: [8; 2],
            colors: ColorSpace::default(),
        }
    );
    for refused in [sequence_set(32, 20, 15), sequence_set(0, 1_025, 15), sequence_set(0, 20, 2_000), picture_set(0, 0)]
    {
        assert!(SequenceSet::decode(&refused).is_err(), "{refused:?}");
    }
}

/// Sets that x264 wrote for pictures of such colors.
#[test]
fn a_sequence_set_tells_the_colors() {
    for (text, matrix, full_range) in [
        ("Z2QAC6yyAoP2AtwICAUAAAMAAQAAAwAKDxQqSA==", ColorMatrix::Bt709, true),
        ("Z2QAC6yyAoP2AtQICAUAAAMAAQAAAwAKDxQqSA==", ColorMatrix::Bt709, false),
        ("Z2QAC6yyAoP2AtQICBkAAAMAAQAAAwAKDxQqSA==", ColorMatrix::Bt601, false),
        ("Z2QAC6yyAoP2AtwICCUAAAMAAQAAAwAKDxQqSA==", ColorMatrix::Bt2020, true),
    ] {
        let mut unit = super::parameter_sets::base64(text).unwrap();
        let set = SequenceSet::decode(&unit).unwrap();
        assert_eq!(set.colors, ColorSpace { matrix, full_range });
        // Cut off within them, nothing is said of them.
        unit.truncate(13);
        let cut = SequenceSet::decode(&unit).unwrap();
        assert_eq!((cut.width, cut.height, cut.colors), (320, 240, ColorSpace::default()));
    }
}

/// The guards: `Limits::max_frame` and `Limits::max_units`.
#[test]
fn cve_26_frames_parts_and_units_are_bounded() {
    let fu = |flags: u8| [&[0x60 | FU_A, flags | nal::SLICE, 0x88, 0x80][..], &[7; 1_196]].concat();
    let mut parts = vec![fu(0); 3_600];
    parts[0] = fu(FU_START);
    parts[3_599] = fu(FU_END);
    assert_eq!(assemble(&mut primed(), &parts, 1), Err(AssembleError::TooLarge(4 << 20)));
    let mut fewer = parts.split_off(200);
    fewer[0] = fu(FU_START);
    fewer.truncate(3_000);
    fewer.push(fu(FU_END));
    assert!(assemble(&mut primed(), &fewer, 1).is_ok());

    let first = slice(nal::SLICE, 0, 0, 4);
    let units = |count: u32| -> Vec<Vec<u8>> {
        std::iter::once(first.clone()).chain((1..count).map(|at| slice(nal::SLICE, at, 0, 4))).collect()
    };
    for mode in [SingleNalUnit, NonInterleaved] {
        let most = packets(mode, &frame(&units(512)), 1_200);
        assert!(assemble(&mut primed(), &most, 1).is_ok());
        let more = packets(mode, &frame(&units(513)), 1_200);
        assert_eq!(assemble(&mut primed(), &more, 1), Err(AssembleError::TooManyUnits(512)));
    }
}

/// The guard: an aggregate of the smallest units makes less than twice its bytes.
#[test]
fn cve_26_aggregates_expand_to_less_than_twice_their_size() {
    let mut packet = vec![0x60 | STAP_A];
    (0..400).for_each(|_| packet.extend_from_slice(&[0, 1, nal::DELIMITER]));
    let frame = assemble(&mut primed(), std::slice::from_ref(&packet), 1).unwrap();
    assert!(frame.data.len() == 400 * 5 && frame.data.len() < 2 * packet.len());
}

/// A frame: one at which decoding can begin with its sets, or another; several slices of any length.
fn frames(max_slice: usize) -> impl Strategy<Value = Vec<EncodedFrame>> {
    let slices = prop::collection::vec((1..max_slice, any::<u8>()), 1..5);
    let frame = (slices, any::<bool>()).prop_map(|(slices, key)| {
        let kind = if key { nal::IDR } else { nal::SLICE };
        let sets = [sequence_set(0, 20, 15), picture_set(0, 0)].into_iter().filter(|_| key);
        let slices = slices.into_iter().zip(0..).map(|((len, seed), at)| {
            let mut unit = slice(kind, at * 7, 0, len);
            let body = unit.len() - len;
            unit[body..].iter_mut().zip(0u8..=255).for_each(|(byte, at)| *byte = (seed ^ at.wrapping_mul(31)) | 1);
            unit
        });
        frame(&sets.chain(slices).collect::<Vec<_>>()).with_key_frame(key)
    });
    prop::collection::vec(frame, 1..5)
}

fn cases() -> impl Strategy<Value = (PacketizationMode, usize, Vec<EncodedFrame>, u16)> {
    (any::<bool>(), 200usize..=1_400, any::<u16>()).prop_flat_map(|(fragments, mtu, first)| {
        let (mode, max_slice) = if fragments { (NonInterleaved, 6_000) } else { (SingleNalUnit, mtu - 8) };
        (Just(mode), Just(mtu), frames(max_slice), Just(first))
    })
}

/// Each frame's packets and the number of the first, behind a key frame that nothing is lost of.
fn sent(case: &(PacketizationMode, usize, Vec<EncodedFrame>, u16)) -> Vec<(u16, Vec<Vec<u8>>)> {
    let (mode, mtu, frames, first) = case;
    let mut number = *first;
    let cut = |frame: &EncodedFrame| {
        let packets = packets(*mode, frame, *mtu);
        let this = number;
        number = number.wrapping_add(packets.len() as u16);
        (this, packets)
    };
    frames.iter().map(cut).collect()
}

fn primed_before(first: u16) -> H264Depacketizer {
    let key = frame(&[sequence_set(0, 20, 15), picture_set(0, 0), slice(nal::IDR, 0, 0, 30)]);
    let mut depacketizer = depacketizer();
    assemble(&mut depacketizer, &packets(NonInterleaved, &key, 1_200), first.wrapping_sub(1)).unwrap();
    depacketizer
}

proptest! {
    // With 1 to 4 frames each: 10,000 frames.
    #![proptest_config(ProptestConfig::with_cases(4_200))]

    /// The guard: what is taken apart and put together is what was sent, again after a second trip, at any MTU in both modes.
    #[test]
    fn pay_8_there_and_back_twice_is_identity(case in cases()) {
        let mut depacketizer = primed_before(case.3);
        let mut once = Vec::new();
        for ((first, packets), sent) in sent(&case).iter().zip(&case.2) {
            let frame = assemble(&mut depacketizer, packets, *first).unwrap();
            prop_assert_eq!((&frame.data, frame.key_frame), (&sent.data, sent.key_frame));
            once.push(frame);
        }
        let again = (case.0, case.1, once, case.3);
        prop_assert_eq!(sent(&again), sent(&case));
    }

    /// The guard: with any one packet lost, its frame is incomplete, and all others are whole.
    #[test]
    fn pay_8_each_single_loss_is_incomplete_and_never_a_wrong_frame(case in cases()) {
        let sent = sent(&case);
        for (at, lost) in sent.iter().enumerate().flat_map(|(at, (_, packets))| (0..packets.len()).map(move |it| (at, it))) {
            let mut depacketizer = primed_before(case.3);
            for (number, (first, packets)) in sent.iter().enumerate() {
                let mut pieces = pieces(packets, *first);
                if number == at {
                    pieces.remove(lost);
                    let result = depacketizer.assemble(0, &pieces);
                    prop_assert_eq!(result, Err(AssembleError::Incomplete), "packet {} of {}", lost, packets.len());
                } else {
                    prop_assert_eq!(&depacketizer.assemble(0, &pieces).unwrap().data, &case.2[number].data);
                }
            }
        }
    }

    #[test]
    fn any_packets_are_a_frame_or_an_error(
        packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..6),
    ) {
        let mut depacketizer = primed();
        for packet in &packets {
            let _ = depacketizer.inspect(packet, false);
        }
        if let Ok(frame) = assemble(&mut depacketizer, &packets, 1) {
            let bytes: usize = packets.iter().map(Vec::len).sum();
            prop_assert!(frame.data.len() <= 2 * bytes + 200, "{} of {bytes}", frame.data.len());
        }
    }
}
