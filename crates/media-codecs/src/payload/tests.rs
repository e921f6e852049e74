//! What holds for every payload format.

use ortica_core::Rng;
use ortica_rtp::SequenceNumber;
use proptest::prelude::*;

use super::*;
use crate::MediaKind;

/// A packet on its way: what a receiver sees of it.
#[derive(Clone, Debug)]
struct Packet {
    sequence: SequenceNumber,
    timestamp: u32,
    marker: bool,
    payload: Vec<u8>,
}

/// Sends frames with a timestamp each, through real packetizers.
fn send(codec: Codec, frames: &[EncodedFrame], mtu: usize, first: u16) -> Vec<Packet> {
    let mut packetizer = packetizer(codec, &mut Rng::from_number(first.into()));
    let (mut packets, mut payloads) = (Vec::new(), Vec::new());
    for (frame, timestamp) in frames.iter().zip(0..) {
        payloads.clear();
        packetizer.packetize(frame, mtu, &mut payloads).unwrap();
        packets.extend(payloads.iter().map(|payload| (timestamp, payload.marker(), payload.to_vec())));
    }
    let numbered = (0..).map(|n| SequenceNumber(first) + n).zip(packets);
    numbered.map(|(sequence, (timestamp, marker, payload))| Packet { sequence, timestamp, marker, payload }).collect()
}

/// Receives what a jitter buffer would hand over: all there is of each timestamp, with the end also known from the next
/// packet in sequence.
fn receive(codec: Codec, packets: &[Packet]) -> Vec<Result<EncodedFrame, AssembleError>> {
    let mut depacketizer = depacketizer(codec, Limits::default());
    let frames = packets.chunk_by(|a, b| a.timestamp == b.timestamp);
    let mut after = packets;
    let mut assemble = |group: &[Packet]| {
        let before = packets[..packets.len() - after.len()].last().map(|packet| packet.sequence.next());
        after = &after[group.len()..];
        let last = group.last().unwrap();
        let followed = after.first().is_some_and(|next| next.sequence == last.sequence.next());
        let pieces: Vec<Piece<'_>> = group
            .iter()
            .map(|packet| Piece {
                sequence: packet.sequence,
                marker: packet.marker
                    || (followed && packet.sequence == last.sequence && codec.kind() == MediaKind::Video),
                first: Some(packet.sequence) == before,
                payload: &packet.payload,
            })
            .collect();
        depacketizer.assemble(group[0].timestamp.into(), &pieces)
    };
    frames.map(&mut assemble).collect()
}

fn frames(codec: Codec, mtu: usize) -> impl Strategy<Value = Vec<EncodedFrame>> {
    let max = if codec.kind() == MediaKind::Video { 6_000 } else { mtu.min(1_276) };
    let data = prop::collection::vec(any::<u8>(), 1..max);
    let frame = (data, any::<bool>()).prop_map(move |(mut data, flag)| {
        match codec {
            // A packet of one frame, the only kind whose bytes may be anything.
            Codec::Opus => data[0] &= !3,
            Codec::Vp8 => data[0] = data[0] & !1 | u8::from(!flag),
            _ => {}
        }
        let mut frame = EncodedFrame::new(codec, data, 0);
        match codec.kind() {
            MediaKind::Video => frame.key_frame = flag,
            MediaKind::Audio => frame.starts_talkspurt = flag,
        }
        frame
    });
    prop::collection::vec(frame, 1..5)
}

/// The codecs whose frames may be any bytes; those of others are tested beside their formats.
const OF_ANY_BYTES: [Codec; 6] = [Codec::Opus, Codec::G722, Codec::Pcmu, Codec::Pcma, Codec::Vp8, Codec::Vp9];

fn cases() -> impl Strategy<Value = (Codec, usize, Vec<EncodedFrame>, u16)> {
    let codec = prop::sample::select(&OF_ANY_BYTES[..]);
    (codec, 200usize..=1_400, any::<u16>())
        .prop_flat_map(|(codec, mtu, first)| (Just(codec), Just(mtu), frames(codec, mtu), Just(first)))
}

proptest! {
    // With 1 to 4 frames each and five codecs: 10,000 frames of each codec.
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// The guard: what is taken apart and put together is what was sent, again after a second trip, at any MTU; and no payload
    /// exceeds it.
    #[test]
    fn pay_8_there_and_back_twice_is_identity((codec, mtu, frames, first) in cases()) {
        let packets = send(codec, &frames, mtu, first);
        prop_assert!(packets.iter().all(|packet| packet.payload.len() <= mtu));
        let once: Vec<EncodedFrame> = receive(codec, &packets).into_iter().collect::<Result<_, _>>().unwrap();
        for (received, sent) in once.iter().zip(&frames) {
            prop_assert_eq!(&received.data, &sent.data);
            prop_assert_eq!(received.key_frame, sent.key_frame);
            prop_assert_eq!(received.starts_talkspurt, sent.starts_talkspurt);
        }
        let twice: Vec<EncodedFrame> =
            receive(codec, &send(codec, &once, mtu, first)).into_iter().collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(once, twice);
    }

    /// The guard: with any one packet lost, the frame it belongs to is missing or incomplete, and all others are whole.
    #[test]
    fn pay_8_each_single_loss_is_incomplete_and_never_a_wrong_frame((codec, mtu, frames, first) in cases()) {
        let packets = send(codec, &frames, mtu, first);
        for lost in 0..packets.len() {
            let timestamp = packets[lost].timestamp;
            let mut rest = packets.clone();
            rest.remove(lost);
            let groups = rest.chunk_by(|a, b| a.timestamp == b.timestamp).map(|group| group[0].timestamp);
            for (at, result) in groups.zip(receive(codec, &rest)) {
                if at == timestamp {
                    prop_assert_eq!(result, Err(AssembleError::Incomplete), "packet {} of {:?}", lost, codec);
                } else {
                    prop_assert_eq!(&result.unwrap().data, &frames[at as usize].data);
                }
            }
        }
    }

    /// The guard: equal sizes let the socket send a frame as one batch.
    #[test]
    fn payloads_of_a_frame_are_equal_but_the_last((codec, mtu, frames, first) in cases()) {
        let packets = send(codec, &frames, mtu, first);
        for group in packets.chunk_by(|a, b| a.timestamp == b.timestamp) {
            let sizes: Vec<usize> = group.iter().map(|packet| packet.payload.len()).collect();
            let (last, others) = sizes.split_last().unwrap();
            prop_assert!(others.iter().all(|size| *size == sizes[0] && last <= size), "{:?}", sizes);
        }
    }

    #[test]
    fn any_bytes_are_taken_or_refused(codec in prop::sample::select(&OF_ANY_BYTES[..]), payload in prop::collection::vec(any::<u8>(), 0..40)) {
        let mut depacketizer = depacketizer(codec, Limits::default());
        let piece = Piece { sequence: SequenceNumber(1), marker: true, first: true, payload: &payload };
        let info = depacketizer.inspect(&payload, true);
        let frame = depacketizer.assemble(0, &[piece]);
        prop_assert_eq!(info.is_ok_and(|info| info.start && info.end), frame.is_ok());
    }
}

/// The guard: sound after silence is marked, sound in flow is not; on arrival too a missing marker ends nothing.
#[test]
fn pay_5_the_marker_is_on_the_first_packet_after_silence() {
    for codec in [Codec::Opus, Codec::Pcmu, Codec::Pcma] {
        let flow = EncodedFrame::new(codec, vec![0x78, 1, 2], 0);
        let mut spurt = flow.clone();
        spurt.starts_talkspurt = true;
        let packets = send(codec, &[spurt, flow], 1_200, 0);
        assert_eq!(packets.iter().map(|packet| packet.marker).collect::<Vec<_>>(), [true, false], "{codec}");
        let info = depacketizer(codec, Limits::default()).inspect(&packets[1].payload, false).unwrap();
        assert!(info.start && info.end && info.key_frame);
    }
}

#[test]
fn a_frame_that_cannot_be_sent_is_refused_and_leaves_nothing() {
    let mut out = Vec::new();
    for &codec in Codec::ALL {
        let mut packetizer = packetizer(codec, &mut Rng::from_number(0));
        let mut refuse = |frame: EncodedFrame, max| {
            let error = packetizer.packetize(&frame, max, &mut out).unwrap_err();
            assert!(out.is_empty());
            error
        };
        let other = Codec::ALL.iter().copied().find(|other| *other != codec).unwrap();
        assert!(matches!(refuse(EncodedFrame::new(other, vec![0], 0), 1_200), PacketizeError::Codec { .. }));
        assert_eq!(refuse(EncodedFrame::new(codec, vec![], 0), 1_200), PacketizeError::Empty);
        assert_eq!(refuse(EncodedFrame::new(codec, vec![0], 0), 63), PacketizeError::PayloadSize(63));
        if codec.kind() == MediaKind::Audio {
            let error = refuse(EncodedFrame::new(codec, vec![0x78; 201], 0), 200);
            assert_eq!(error, PacketizeError::TooLarge { len: 201, max: 200 });
        }
    }
}

#[test]
fn payloads_share_the_bytes_of_the_frame() {
    let frame = EncodedFrame::new(Codec::Vp8, vec![1; 5_000], 0);
    let mut out = Vec::new();
    packetizer(Codec::Vp8, &mut Rng::from_number(0)).packetize(&frame, 1_200, &mut out).unwrap();
    assert_eq!(out.len(), 5);
    assert_eq!(out[0].body().as_ptr(), frame.data.as_ptr());
    assert_eq!(out[4].body().as_ptr_range().end, frame.data.as_ptr_range().end);
    assert_eq!(out[0].len(), out[0].to_vec().len());
}
