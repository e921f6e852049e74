use bytes::Bytes;
use ortica_core::DecodeError;
use ortica_rtp::{PayloadType, RtpTimestamp};
use proptest::prelude::*;
use smallvec::SmallVec;

use super::super::Payload;
use super::*;

const RED: PayloadType = PayloadType(63);
const OPUS: PayloadType = PayloadType(111);

fn payload(data: Vec<u8>) -> Payload {
    Payload { prefix: SmallVec::new(), body: Bytes::from(data), marker: false }
}

/// Offsets and data of the earlier frames, and the data of the packet's own.
type Read = (Vec<(u16, Vec<u8>)>, Vec<u8>);

fn read(payload: &[u8]) -> Result<Read, DecodeError> {
    let RedPayload { redundant, primary } = RedPayload::decode(payload, RED)?;
    assert_eq!(primary.offset, 0);
    assert!(redundant.iter().chain([&primary]).all(|block| block.payload_type == OPUS));
    Ok((redundant.iter().map(|block| (block.offset, block.data.to_vec())).collect(), primary.data.to_vec()))
}

/// The bytes by hand, of one frame of 3 bytes 960 ticks before one of 2.
const BY_HAND: [u8; 10] = [0x80 | 111, 0x0f, 0x00, 3, 111, 1, 2, 3, 8, 9];

#[test]
fn a_frame_is_written_with_the_one_before_it() {
    let mut packetizer = RedPacketizer::new(OPUS, 1);
    let first = packetizer.wrap(RtpTimestamp(u32::MAX - 100), &payload(vec![1, 2, 3]), 100).unwrap();
    assert_eq!(first.to_vec(), [111, 1, 2, 3], "nothing before it");
    let second = packetizer.wrap(RtpTimestamp(859), &payload(vec![8, 9]), 100).unwrap();
    assert_eq!(second.to_vec(), BY_HAND);
    assert_eq!(read(&BY_HAND), Ok((vec![(960, vec![1, 2, 3])], vec![8, 9])));
}

/// Guards the sum of the lengths: blocks that reach beyond the payload, and headers that do, are refused.
#[test]
fn pay_4_blocks_longer_than_their_payload_are_refused() {
    for len in 0..8 {
        let error = RedPayload::decode(&BY_HAND[..len], RED).unwrap_err();
        let expected = if len < 5 { "RED header" } else { "RED block" };
        assert_eq!(error, DecodeError::Truncated(expected), "{len}");
    }
    let mut two = vec![0x80 | 111, 0, 4, 3, 0x80 | 111, 0, 4, 3, 111, 1, 2, 3, 4, 5];
    assert_eq!(RedPayload::decode(&two, RED), Err(DecodeError::Truncated("RED block")), "each fits, both do not");
    two.push(6);
    assert_eq!(read(&two), Ok((vec![(1, vec![1, 2, 3]), (1, vec![4, 5, 6])], vec![])));
}

/// Guards the number of blocks: nine are taken, ten are not.
#[test]
fn pay_4_more_than_nine_blocks_are_refused() {
    let blocks = |earlier: usize| [[0x80 | 111, 0, 4, 0].repeat(earlier), vec![111, 7]].concat();
    assert_eq!(read(&blocks(8)).map(|(earlier, own)| (earlier.len(), own)), Ok((8, vec![7])));
    for earlier in [9, 31, 300] {
        assert_eq!(read(&blocks(earlier)), Err(DecodeError::Invalid("number of RED blocks")), "{earlier}");
    }
}

/// Guards the payload types: a block of RED, which would be read again, is refused wherever it stands.
#[test]
fn pay_4_red_inside_red_is_refused() {
    for payload in [&[63, 111, 1][..], &[0x80 | 63, 0, 4, 1, 111, 9, 1], &[0x80 | 111, 0, 4, 1, 63, 9, 1]] {
        assert_eq!(RedPayload::decode(payload, RED), Err(DecodeError::Invalid("RED block in RED")));
    }
}

#[test]
fn what_is_too_long_or_too_old_is_not_repeated() {
    let mut packetizer = RedPacketizer::new(OPUS, 8);
    let mut at = |timestamp, len| {
        let wrapped = packetizer.wrap(RtpTimestamp(timestamp), &payload(vec![7; len]), 1_200)?;
        read(&wrapped.to_vec()).ok().map(|(earlier, _)| earlier.iter().map(|it| (it.0, it.1.len())).collect::<Vec<_>>())
    };
    assert_eq!(at(0, 1_024), Some(vec![]));
    assert_eq!(at(960, 1_023), Some(vec![]), "1,024 bytes are more than a block holds");
    assert_eq!(at(16_384, 100), Some(vec![(15_424, 1_023)]));
    assert_eq!(at(17_343, 10), Some(vec![(16_383, 1_023), (959, 100)]));
    assert_eq!(at(17_344, 10), Some(vec![(960, 100), (1, 10)]), "16,384 ticks are more than an offset holds");
    assert_eq!(at(17_400, 1_150), Some(vec![(57, 10), (56, 10)]), "100 bytes find no room beside 1,150");
    assert_eq!(at(17_401, 1_200), None, "no room for the header");
    assert_eq!(at(17_401, 10), Some(vec![(1_017, 100), (58, 10), (57, 10)]), "of one moment there is one");
}

#[test]
fn as_many_frames_are_repeated_as_were_asked_for() {
    for earlier in [0, 1, 2, 8, 20] {
        let mut packetizer = RedPacketizer::new(OPUS, earlier);
        let wrap = |number: u8, packetizer: &mut RedPacketizer| {
            packetizer.wrap(RtpTimestamp(u32::from(number) * 960), &payload(vec![number]), 1_200).unwrap().to_vec()
        };
        (0..20).for_each(|number| drop(wrap(number, &mut packetizer)));
        let (repeated, own) = read(&wrap(20, &mut packetizer)).unwrap();
        let expected: Vec<u8> = (20 - earlier.min(8) as u8..20).collect();
        assert_eq!((repeated.into_iter().map(|(_, data)| data[0]).collect::<Vec<_>>(), own), (expected, vec![20]));
        packetizer.forget();
        assert_eq!(wrap(21, &mut packetizer), [111, 21]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// What is written is read back, within the size that was asked for; each frame is that of its timestamp.
    #[test]
    fn pay_4_what_is_written_is_read_back_within_its_bounds(
        frames in prop::collection::vec((prop::collection::vec(any::<u8>(), 1..1_100), 1u32..9_000), 1..12),
        earlier in 0usize..10,
        max in 64usize..1_400,
        start in any::<u32>(),
    ) {
        let mut packetizer = RedPacketizer::new(OPUS, earlier);
        let mut timestamp = RtpTimestamp(start);
        let mut sent: Vec<(RtpTimestamp, Vec<u8>)> = Vec::new();
        for (data, ticks) in frames {
            match packetizer.wrap(timestamp, &payload(data.clone()), max) {
                None => prop_assert!(data.len() + 1 > max),
                Some(wrapped) => {
                    let wrapped = wrapped.to_vec();
                    prop_assert!(wrapped.len() <= max);
                    let (repeated, own) = read(&wrapped).unwrap();
                    prop_assert!(repeated.len() <= earlier.min(8));
                    prop_assert_eq!(&own, &data);
                    prop_assert!(repeated.is_sorted_by(|one, next| one.0 > next.0));
                    for (offset, data) in repeated {
                        let of = sent.iter().find(|(at, _)| at.distance(timestamp) == i32::from(offset));
                        prop_assert_eq!(of.map(|(_, sent)| sent), Some(&data));
                    }
                }
            }
            sent.push((timestamp, data));
            timestamp = RtpTimestamp(timestamp.0.wrapping_add(ticks));
        }
    }

    /// Any bytes are read without harm, and blocks share no byte: together they are as long as what is behind the headers.
    #[test]
    fn pay_4_any_bytes_are_read_or_refused(payload in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(RedPayload { redundant, primary }) = RedPayload::decode(&payload, RED) {
            let data: usize = redundant.iter().map(|block| block.data.len()).sum();
            let headers = redundant.len() * HEADER_LEN + PRIMARY_HEADER_LEN;
            prop_assert!(redundant.len() < MAX_BLOCKS);
            prop_assert_eq!(data + headers + primary.data.len(), payload.len());
        }
    }
}
