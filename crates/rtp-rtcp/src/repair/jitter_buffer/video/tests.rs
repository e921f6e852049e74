use super::*;
use crate::id::Ssrc;
use crate::packet::Header;
use ortica_core::Rng;
use proptest::prelude::*;

const START: Instant = Instant::from_nanos(0);
const MS: Duration = Duration::from_millis(1);

/// A packet to insert: its timestamp is that of its frame.
#[derive(Clone, Copy, Debug, Default)]
struct Piece {
    number: u16,
    frame: u32,
    len: usize,
    hint: PacketHint,
}

impl Piece {
    fn key(self) -> Self {
        Self { hint: PacketHint { key_frame: true, ..self.hint }, ..self }
    }

    fn picture(self, id: u16) -> Self {
        Self { hint: PacketHint { picture: Some(Picture { id: id & 0x7f, bits: 7 }), ..self.hint }, ..self }
    }

    fn discardable(self) -> Self {
        Self { hint: PacketHint { discardable: true, ..self.hint }, ..self }
    }
}

/// A frame of `count` packets from `number` on.
fn frame(frame: u32, number: u16, count: u16) -> Vec<Piece> {
    let piece = |i| {
        let hint = PacketHint { start: i == 0, end: i + 1 == count, ..PacketHint::default() };
        Piece { number: number.wrapping_add(i), frame, len: 100, hint }
    };
    (0..count).map(piece).collect()
}

fn key_frame(number_of_frame: u32, number: u16, count: u16) -> Vec<Piece> {
    let mut pieces = frame(number_of_frame, number, count);
    pieces[0] = pieces[0].key();
    pieces
}

fn padding(number: u16, frame: u32) -> Piece {
    Piece { number, frame, ..Piece::default() }
}

fn insert(buffer: &mut FrameBuffer, now: Instant, piece: Piece) -> Insertion {
    let header = Header {
        ssrc: Ssrc(1),
        sequence_number: SequenceNumber(piece.number),
        timestamp: RtpTimestamp(piece.frame.wrapping_mul(3_000)),
        ..Header::default()
    };
    let mut bytes = Vec::new();
    header.write(&mut bytes);
    bytes.resize(bytes.len() + piece.len, piece.number as u8);
    buffer.insert(now, &Packet::parse(&bytes).unwrap(), piece.hint)
}

fn insert_all(buffer: &mut FrameBuffer, now: Instant, pieces: impl IntoIterator<Item = Piece>) {
    for piece in pieces {
        insert(buffer, now, piece);
    }
}

/// The frames that are given out, each as its number and the numbers of its packets.
fn frames(buffer: &mut FrameBuffer, now: Instant) -> Vec<(u32, Vec<u16>)> {
    let mut frames = Vec::new();
    while let Some(frame) = buffer.poll_frame(now) {
        let packets: Vec<_> = frame.packets().collect();
        assert!(packets.iter().all(|packet| packet.payload.iter().all(|byte| *byte == packet.sequence.0 as u8)));
        assert!(packets.last().unwrap().marker);
        frames.push((frame.timestamp.0 / 3_000, packets.iter().map(|packet| packet.sequence.0).collect()));
    }
    frames
}

/// A buffer that has given out a key frame of packet 0.
fn flowing() -> FrameBuffer {
    let mut buffer = FrameBuffer::new(FrameConfig::default());
    insert_all(&mut buffer, START, key_frame(0, 0, 1));
    assert_eq!(frames(&mut buffer, START), [(0, vec![0])]);
    buffer
}

#[test]
fn a_frame_is_given_out_with_its_last_packet() {
    let mut buffer = FrameBuffer::new(FrameConfig::default());
    let pieces = key_frame(0, 65_534, 4);
    insert_all(&mut buffer, START, pieces[..3].to_vec());
    assert_eq!(frames(&mut buffer, START), []);
    insert(&mut buffer, START + MS, pieces[3]);
    let frame = buffer.poll_frame(START + MS).unwrap();
    assert_eq!((frame.key_frame, frame.discontinuity, frame.len(), frame.arrived), (true, true, 400, START + MS));
    insert_all(&mut buffer, START, frame_after(4));
    assert_eq!(frames(&mut buffer, START), [(1, vec![2, 3])]);
    assert_eq!(buffer.bytes(), 0);
    assert_eq!(buffer.stats().assembly_time, MS);
}

fn frame_after(count: u16) -> Vec<Piece> {
    frame(1, 65_534u16.wrapping_add(count), 2)
}

#[test]
fn reordered_packets_make_the_same_frames() {
    let mut buffer = flowing();
    let pieces = [frame(1, 1, 3), frame(2, 4, 2)].concat();
    for at in [4, 2, 0, 3, 1] {
        insert(&mut buffer, START, pieces[at]);
    }
    assert_eq!(frames(&mut buffer, START), [(1, vec![1, 2, 3]), (2, vec![4, 5])]);
}

#[test]
fn packets_that_the_first_one_overtook_are_taken() {
    let mut buffer = FrameBuffer::new(FrameConfig::default());
    let pieces = key_frame(0, 0, 3);
    for at in [2, 0, 1] {
        assert_eq!(insert(&mut buffer, START, pieces[at]), Insertion::Stored);
    }
    assert_eq!(frames(&mut buffer, START), [(0, vec![0, 1, 2])]);
}

#[test]
fn duplicates_and_late_packets_are_dropped() {
    let mut buffer = flowing();
    let pieces = frame(1, 1, 2);
    assert_eq!(insert(&mut buffer, START, pieces[0]), Insertion::Stored);
    assert_eq!(insert(&mut buffer, START, pieces[0]), Insertion::Duplicate);
    insert(&mut buffer, START, pieces[1]);
    assert_eq!(frames(&mut buffer, START).len(), 1);
    assert_eq!(insert(&mut buffer, START, pieces[1]), Insertion::Late);
    assert_eq!((buffer.stats().duplicates, buffer.stats().late), (1, 1));
}

/// Guards the end of a frame against a lost mark and a wrong one.
#[test]
fn pay_5_the_timestamp_ends_a_frame_and_a_mark_within_one_does_not() {
    let mut buffer = flowing();
    let mut unmarked = frame(1, 1, 2);
    unmarked[1].hint.end = false;
    insert_all(&mut buffer, START, unmarked);
    assert_eq!(frames(&mut buffer, START), []);
    let mut marked_twice = frame(2, 3, 3);
    marked_twice[0].hint.end = true;
    for at in [1, 0] {
        insert(&mut buffer, START, marked_twice[at]);
    }
    // The second packet shows the first frame's end, and that the second frame has not ended with its first packet.
    assert_eq!(frames(&mut buffer, START), [(1, vec![1, 2])]);
    insert(&mut buffer, START, marked_twice[2]);
    assert_eq!(frames(&mut buffer, START), [(2, vec![3, 4, 5])]);
}

#[test]
fn frames_of_one_timestamp_that_start_by_themselves_are_apart() {
    let mut buffer = flowing();
    insert_all(&mut buffer, START, [frame(1, 1, 2), frame(1, 3, 1)].concat());
    assert_eq!(frames(&mut buffer, START), [(1, vec![1, 2]), (1, vec![3])]);
}

#[test]
fn padding_fills_gaps_and_is_never_seen() {
    let mut buffer = flowing();
    let pieces = frame(1, 3, 2);
    insert_all(&mut buffer, START, [padding(1, 0), padding(2, 0), pieces[0]]);
    insert(&mut buffer, START, Piece { number: 5, ..pieces[1] });
    assert_eq!(frames(&mut buffer, START), []);
    insert(&mut buffer, START, padding(4, 1));
    assert_eq!(frames(&mut buffer, START), [(1, vec![3, 5])]);
    // Behind a frame without a mark, padding says nothing; the next frame ends it.
    let mut unmarked = frame(2, 6, 1);
    unmarked[0].hint.end = false;
    insert_all(&mut buffer, START, [unmarked[0], padding(7, 2)]);
    assert_eq!(frames(&mut buffer, START), []);
    insert_all(&mut buffer, START, frame(3, 8, 1));
    assert_eq!(frames(&mut buffer, START), [(2, vec![6]), (3, vec![8])]);
}

#[test]
fn a_gap_is_waited_for_and_repaired_in_time() {
    let mut buffer = flowing();
    let pieces = frame(1, 1, 3);
    insert_all(&mut buffer, START, [pieces[0], pieces[2]]);
    insert_all(&mut buffer, START + 10 * MS, frame(2, 4, 1));
    assert_eq!(buffer.missing().map(|number| number.0).collect::<Vec<_>>(), [2]);
    assert_eq!(buffer.poll_timeout(), Some(START + 400 * MS));
    assert_eq!(frames(&mut buffer, START + 399 * MS), []);
    insert(&mut buffer, START + 399 * MS, pieces[1]);
    assert_eq!(frames(&mut buffer, START + 500 * MS), [(1, vec![1, 2, 3]), (2, vec![4])]);
    assert_eq!(buffer.poll_timeout(), None);
    assert_eq!(buffer.poll_event(), None);
}

#[test]
fn after_the_wait_a_key_frame_is_needed_and_ends_it() {
    let mut buffer = flowing();
    let pieces = frame(1, 1, 3);
    insert_all(&mut buffer, START, [pieces[0], pieces[2]]);
    insert_all(&mut buffer, START, frame(2, 4, 1));
    let deadline = buffer.poll_timeout().unwrap();
    buffer.handle_timeout(deadline);
    assert_eq!((buffer.poll_event(), buffer.poll_event()), (Some(Event::KeyFrameNeeded), None));
    assert!(buffer.needs_key_frame());
    assert_eq!((buffer.poll_timeout(), buffer.first()), (None, SequenceNumber(3)));
    // The lost packet is of no use any more, nor are frames that need others.
    assert_eq!(insert(&mut buffer, deadline, pieces[1]), Insertion::Late);
    insert_all(&mut buffer, deadline, frame(3, 5, 2));
    assert_eq!(frames(&mut buffer, deadline), []);
    insert_all(&mut buffer, deadline, [key_frame(4, 7, 2), frame(5, 9, 1)].concat());
    assert_eq!(frames(&mut buffer, deadline), [(4, vec![7, 8]), (5, vec![9])]);
    assert_eq!(buffer.poll_event(), None);
    assert_eq!((buffer.stats().given_up, buffer.stats().key_frames, buffer.stats().frames), (1, 2, 3));
}

#[test]
fn a_key_frame_that_is_there_already_is_taken_at_the_deadline() {
    let mut buffer = flowing();
    insert_all(&mut buffer, START, [frame(2, 2, 1), key_frame(3, 3, 2), frame(4, 5, 1)].concat());
    assert_eq!(frames(&mut buffer, START), []);
    let frame = buffer.poll_frame(START + 400 * MS).unwrap();
    assert_eq!((frame.timestamp.0 / 3_000, frame.discontinuity), (3, true));
    assert_eq!(frames(&mut buffer, START + 400 * MS), [(4, vec![5])]);
}

#[test]
fn a_lost_key_frame_is_repaired_while_one_is_needed() {
    let mut buffer = flowing();
    insert_all(&mut buffer, START, frame(2, 2, 1));
    buffer.handle_timeout(START + 400 * MS);
    let key = key_frame(3, 3, 3);
    insert_all(&mut buffer, START + 410 * MS, [key[0], key[2]]);
    assert_eq!(buffer.missing().map(|number| number.0).collect::<Vec<_>>(), [4]);
    assert_eq!(frames(&mut buffer, START + 420 * MS), []);
    insert(&mut buffer, START + 800 * MS, key[1]);
    assert_eq!(frames(&mut buffer, START + 800 * MS), [(3, vec![3, 4, 5])]);
}

#[test]
fn who_joins_in_the_middle_needs_a_key_frame_at_once() {
    let mut buffer = FrameBuffer::new(FrameConfig::default());
    let pieces = frame(7, 70, 3);
    insert(&mut buffer, START, pieces[1]);
    assert_eq!((buffer.poll_event(), buffer.poll_timeout()), (None, Some(START + 400 * MS)));
    insert_all(&mut buffer, START, frame(8, 73, 1));
    assert_eq!(buffer.poll_event(), Some(Event::KeyFrameNeeded));
    insert_all(&mut buffer, START, frame(9, 74, 1));
    assert_eq!(buffer.poll_event(), None);
}

#[test]
fn a_stream_that_starts_with_half_a_key_frame_asks_for_one_after_the_wait() {
    let mut buffer = FrameBuffer::new(FrameConfig::default());
    let pieces = key_frame(0, 0, 3);
    insert_all(&mut buffer, START, [pieces[0], pieces[2]]);
    insert_all(&mut buffer, START, frame(1, 3, 1));
    assert_eq!(buffer.poll_event(), None);
    buffer.handle_timeout(START + 400 * MS);
    assert_eq!(buffer.poll_event(), Some(Event::KeyFrameNeeded));
    // It may still be repaired.
    insert(&mut buffer, START + 410 * MS, pieces[1]);
    assert_eq!(frames(&mut buffer, START + 410 * MS), [(0, vec![0, 1, 2]), (1, vec![3])]);
}

#[test]
fn a_decoder_that_fails_can_demand_a_key_frame() {
    let mut buffer = flowing();
    insert_all(&mut buffer, START, frame(1, 1, 1));
    buffer.require_key_frame();
    buffer.require_key_frame();
    assert_eq!((buffer.poll_event(), buffer.poll_event()), (Some(Event::KeyFrameNeeded), None));
    assert_eq!(frames(&mut buffer, START), []);
    insert_all(&mut buffer, START, key_frame(2, 2, 1));
    assert_eq!(frames(&mut buffer, START), [(2, vec![2])]);
}

#[test]
fn a_gap_between_consecutive_pictures_was_padding() {
    let mut buffer = FrameBuffer::new(FrameConfig::default());
    insert(&mut buffer, START, key_frame(0, 0, 1)[0].picture(127));
    assert_eq!(frames(&mut buffer, START).len(), 1);
    // Packets 1 and 2 never come.
    insert(&mut buffer, START, frame(1, 3, 1)[0].picture(128));
    assert_eq!(frames(&mut buffer, START), [(1, vec![3])]);
    assert_eq!((buffer.poll_timeout(), buffer.poll_event()), (None, None));
}

#[test]
fn a_frame_that_no_other_needs_is_given_up_alone() {
    let mut buffer = FrameBuffer::new(FrameConfig::default());
    insert(&mut buffer, START, key_frame(0, 0, 1)[0].picture(0));
    assert_eq!(frames(&mut buffer, START).len(), 1);
    // Of picture 1 the end is missing, of picture 3 the start; and picture 3 is needed.
    insert(&mut buffer, START, frame(1, 1, 2)[0].picture(1).discardable());
    insert(&mut buffer, START, frame(2, 3, 1)[0].picture(2));
    insert(&mut buffer, START + 100 * MS, frame(3, 4, 2)[1].picture(3));
    insert(&mut buffer, START + 100 * MS, frame(4, 6, 1)[0].picture(4));
    assert_eq!(frames(&mut buffer, START + 399 * MS), []);
    assert_eq!(frames(&mut buffer, START + 400 * MS), [(2, vec![3])]);
    assert_eq!(buffer.poll_event(), None);
    assert_eq!(frames(&mut buffer, START + 500 * MS), []);
    assert_eq!(buffer.poll_event(), Some(Event::KeyFrameNeeded));
}

/// Guards all four bounds by random numbers for ten minutes: memory must not grow.
#[test]
fn cve_27_random_numbers_for_ten_minutes_keep_the_buffer_in_its_bounds() {
    let mut buffer = FrameBuffer::new(FrameConfig::default());
    let mut rng = Rng::from_number(1);
    for i in 0..60_000u32 {
        let now = START + 10 * MS * i;
        let hint = PacketHint { start: rng.below(3) == 0, end: rng.below(3) == 0, ..PacketHint::default() };
        let far = rng.below(10) == 0;
        let number = if far { rng.u32() as u16 } else { (i * 3) as u16 };
        insert(&mut buffer, now, Piece { number, frame: rng.u32(), len: rng.below(1_200) as usize, hint });
        while buffer.poll_frame(now).is_some() {}
        while buffer.poll_event().is_some() {}
        assert!(buffer.bytes() <= 512 * 1_200);
        assert!(buffer.ring.end() - buffer.ring.first() <= 512);
    }
    assert!(buffer.stats().resets > 1_000);
}

/// Guards the window: it moves on when 512 numbers are not enough.
#[test]
fn cve_27_a_frame_larger_than_the_window_is_given_up() {
    let mut buffer = flowing();
    insert_all(&mut buffer, START, frame(1, 1, 600));
    assert_eq!(buffer.poll_event(), Some(Event::KeyFrameNeeded));
    assert!(buffer.bytes() <= 512 * 100);
    insert_all(&mut buffer, START, key_frame(2, 601, 512));
    assert_eq!(frames(&mut buffer, START).len(), 1);
}

#[test]
fn cve_27_bytes_are_bounded() {
    let limits = Limits { bytes: 10_000, ..Limits::default() };
    let mut buffer = FrameBuffer::new(FrameConfig::default().with_limits(limits));
    insert_all(&mut buffer, START, key_frame(0, 0, 1));
    assert_eq!(frames(&mut buffer, START).len(), 1);
    for number in 2..200 {
        insert(&mut buffer, START, Piece { number, frame: 1, len: 1_000, ..Piece::default() });
        assert!(buffer.bytes() <= 10_000);
    }
    assert_eq!(buffer.poll_event(), Some(Event::KeyFrameNeeded));
}

#[test]
fn cve_27_packets_older_than_two_seconds_are_dropped() {
    let mut buffer = flowing();
    insert_all(&mut buffer, START, frame(2, 2, 1));
    insert_all(&mut buffer, START + 2_001 * MS, frame(3, 3, 1));
    assert_eq!(buffer.poll_event(), Some(Event::KeyFrameNeeded));
    assert_eq!(buffer.bytes(), 100);
}

#[test]
fn cve_27_a_jump_starts_over_with_a_key_frame() {
    let mut buffer = flowing();
    insert_all(&mut buffer, START, frame(1, 1, 1));
    let key = key_frame(50, 3_002, 2);
    assert_eq!(insert(&mut buffer, START, key[0]), Insertion::Reset);
    assert_eq!(insert(&mut buffer, START, key[1]), Insertion::Stored);
    // It came by itself: none is asked for.
    assert_eq!(buffer.poll_event(), None);
    assert_eq!(frames(&mut buffer, START), [(50, vec![3_002, 3_003])]);
    assert_eq!(insert(&mut buffer, START, frame(51, 6_003, 1)[0]), Insertion::Stored);
    assert_eq!(insert(&mut buffer, START, frame(51, 9_004, 1)[0]), Insertion::Reset);
    assert_eq!(buffer.poll_event(), Some(Event::KeyFrameNeeded));
}

/// Guards the search for a key frame that does not come, in the largest window that a receiver has: what one packet costs does not
/// grow with how many are there.
#[test]
fn awaiting_a_key_frame_costs_the_same_however_many_packets_are_there() {
    let limits = Limits { packets: 4_096, ..Limits::default() };
    let mut buffer = FrameBuffer::new(FrameConfig::default().with_limits(limits));
    let mut looks = Vec::new();
    for number in 0..8_192 {
        let now = START + MS / 10 * number;
        insert_all(&mut buffer, now, frame(number, number as u16, 1));
        assert!(buffer.poll_frame(now).is_none());
        looks.push(buffer.ring.looks.take());
    }
    assert_eq!(buffer.poll_event(), Some(Event::KeyFrameNeeded));
    let most = |part: &[u64]| part.iter().copied().max().unwrap();
    let (few, many) = (most(&looks[..100]), most(&looks[4_096..]));
    assert!(many <= few + 2, "{few} looks for a packet among few, {many} among 4,096");
}

/// Guards what is known of key frames against a jump back: one that had begun before it is none that is awaited.
#[test]
fn cve_27_a_jump_back_forgets_the_key_frame_that_had_begun() {
    let mut buffer = FrameBuffer::new(FrameConfig::default());
    insert(&mut buffer, START, key_frame(1, 30_000, 2)[0]);
    assert_eq!(insert(&mut buffer, START, frame(2, 100, 1)[0]), Insertion::Reset);
    assert_eq!(buffer.poll_event(), Some(Event::KeyFrameNeeded));
    insert(&mut buffer, START, key_frame(1, 30_000, 2)[1]);
    assert_eq!(frames(&mut buffer, START), []);
}

/// Guards the numbers over three wraps with loss, repair and reordering everywhere: each frame is given out, none twice.
#[test]
fn flt_37_every_frame_comes_out_over_three_wraps() {
    let mut buffer = FrameBuffer::new(FrameConfig::default());
    let mut rng = Rng::from_number(37);
    let mut number = 65_000u32;
    let mut late: Vec<Piece> = Vec::new();
    let mut seen = 0;
    let mut sent = 0;
    while number < 65_000 + 3 * 65_536 + 2_000 {
        let now = START + 33 * MS * sent;
        let count = 1 + rng.below(12) as u16;
        let mut pieces =
            if sent % 100 == 0 { key_frame(sent, number as u16, count) } else { frame(sent, number as u16, count) };
        number += u32::from(count);
        sent += 1;
        // What was lost before comes now, out of order.
        pieces.append(&mut late);
        while !pieces.is_empty() {
            let piece = pieces.swap_remove(rng.below(pieces.len() as u64) as usize);
            if rng.below(5) == 0 && piece.frame + 1 == sent {
                late.push(piece);
            } else {
                assert_eq!(insert(&mut buffer, now, piece), Insertion::Stored);
            }
        }
        for (frame, packets) in frames(&mut buffer, now) {
            assert_eq!(frame, seen);
            assert!(packets.windows(2).all(|pair| pair[0].wrapping_add(1) == pair[1]));
            seen += 1;
        }
    }
    assert!(sent - seen <= 2, "{seen} of {sent}");
    assert_eq!((buffer.stats().given_up, buffer.stats().resets), (0, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes: frames are whole, in order and in bounds, and polling ends.
    #[test]
    fn arbitrary_packets_give_whole_frames(
        pieces in proptest::collection::vec((0u16..200, 0u32..20, 0usize..3, any::<[bool; 5]>(), 0u16..20), 0..200),
        step in 0u64..100,
    ) {
        let mut buffer = FrameBuffer::new(FrameConfig::default());
        let mut last: Option<u16> = None;
        for (i, (number, frame, len, [start, end, key_frame, discardable, counted], id)) in pieces.into_iter().enumerate() {
            let now = START + MS * (i as u32 * step as u32);
            let picture = counted.then_some(Picture { id, bits: 7 });
            let hint = PacketHint { start, end, key_frame, discardable, picture };
            insert(&mut buffer, now, Piece { number, frame, len, hint });
            if let Some(timeout) = buffer.poll_timeout() {
                buffer.handle_timeout(timeout.min(now));
            }
            for (_, packets) in frames(&mut buffer, now) {
                for number in packets {
                    prop_assert!(last.is_none_or(|last| last < number));
                    last = Some(number);
                }
            }
            let timeout = buffer.poll_timeout();
            prop_assert!(timeout.is_none_or(|timeout| timeout > now));
        }
    }
}
