use super::*;
use crate::packet::Header;
use ortica_core::Rng;
use proptest::prelude::*;

const START: Instant = Instant::from_nanos(10_000_000_000);
const MS: Duration = Duration::from_millis(1);
/// 20 ms at 48 kHz.
const FRAME: u32 = 960;

fn buffer(delivery: Delivery) -> AudioBuffer {
    AudioBuffer::new(AudioConfig::new(48_000).with_delivery(delivery))
}

fn insert_with(buffer: &mut AudioBuffer, now: Instant, number: u16, timestamp: u32, len: usize) -> Insertion {
    let header =
        Header { sequence_number: SequenceNumber(number), timestamp: RtpTimestamp(timestamp), ..Header::default() };
    let mut bytes = Vec::new();
    header.write(&mut bytes);
    bytes.resize(bytes.len() + len, number as u8);
    buffer.insert(now, &Packet::parse(&bytes).unwrap())
}

fn insert(buffer: &mut AudioBuffer, now: Instant, number: u16) -> Insertion {
    insert_with(buffer, now, number, u32::from(number).wrapping_mul(FRAME), 10)
}

/// Numbers given out; lost ones negative.
fn polled(buffer: &mut AudioBuffer, now: Instant) -> Vec<i32> {
    let mut polled = Vec::new();
    while let Some(playout) = buffer.poll(now) {
        polled.push(match playout {
            Playout::Packet(packet) => {
                assert!(packet.payload.iter().all(|byte| *byte == packet.sequence.0 as u8));
                assert_eq!(packet.timestamp.0, u32::from(packet.sequence.0).wrapping_mul(FRAME));
                i32::from(packet.sequence.0)
            }
            Playout::Lost { sequence, timestamp, .. } => {
                assert_eq!(timestamp.0, u32::from(sequence.0).wrapping_mul(FRAME));
                -i32::from(sequence.0)
            }
        });
    }
    polled
}

#[test]
fn packets_in_order_come_out_at_once() {
    let mut buffer = buffer(Delivery::Immediate);
    for number in 0..100 {
        let now = START + 20 * MS * u32::from(number);
        assert_eq!(insert(&mut buffer, now, number), Insertion::Stored);
        assert_eq!(polled(&mut buffer, now), [i32::from(number)]);
    }
    assert_eq!((buffer.stats().buffered, buffer.stats().packets), (Duration::ZERO, 100));
    assert_eq!((buffer.poll_timeout(), buffer.bytes()), (None, 0));
}

#[test]
fn a_gap_is_waited_for_and_reordering_mended() {
    let mut buffer = buffer(Delivery::Immediate);
    insert(&mut buffer, START, 1);
    assert_eq!(polled(&mut buffer, START), [1]);
    insert(&mut buffer, START + 20 * MS, 3);
    assert_eq!(polled(&mut buffer, START + 20 * MS), []);
    insert(&mut buffer, START + 25 * MS, 2);
    assert_eq!(polled(&mut buffer, START + 25 * MS), [2, 3]);
    assert_eq!(insert(&mut buffer, START + 25 * MS, 2), Insertion::Late);
}

#[test]
fn after_the_delay_a_missing_packet_is_lost_and_its_successor_shown() {
    let mut buffer = buffer(Delivery::Immediate);
    insert(&mut buffer, START, 1);
    assert_eq!(polled(&mut buffer, START), [1]);
    insert(&mut buffer, START + 60 * MS, 4);
    let due = buffer.poll_timeout().unwrap();
    assert_eq!(due, START + 60 * MS + buffer.delay());
    assert_eq!(polled(&mut buffer, due.saturating_sub(MS)), []);
    assert_eq!(
        buffer.poll(due),
        Some(Playout::Lost { sequence: SequenceNumber(2), timestamp: RtpTimestamp(2 * FRAME), next: None })
    );
    let Some(Playout::Lost { next, .. }) = buffer.poll(due) else { panic!() };
    assert_eq!(next, Some(&[4; 10][..]));
    assert_eq!(polled(&mut buffer, due), [4]);
    assert_eq!((buffer.stats().lost, buffer.stats().packets), (2, 2));
}

#[test]
fn the_first_packet_may_be_overtaken() {
    let mut buffer = buffer(Delivery::Paced);
    insert(&mut buffer, START, 0);
    insert(&mut buffer, START, 65_535);
    assert_eq!(buffer.first(), SequenceNumber(65_535));
    insert(&mut buffer, START, 65_534);
    let due = buffer.poll_timeout().unwrap();
    let first = buffer.poll(due).unwrap();
    assert!(matches!(first, Playout::Packet(packet) if packet.sequence == SequenceNumber(65_534)));
}

#[test]
fn silence_is_no_loss() {
    let mut buffer = buffer(Delivery::Immediate);
    // Packets with the next number, seconds later, and one of padding between.
    for (number, timestamp, len) in [(1, 0, 10), (2, 96_000, 10), (3, 96_000, 0), (4, 192_000, 10)] {
        insert_with(&mut buffer, START, number, timestamp, len);
    }
    let mut given = 0;
    while let Some(playout) = buffer.poll(START) {
        assert!(matches!(playout, Playout::Packet(_)));
        given += 1;
    }
    assert_eq!((given, buffer.stats().lost), (3, 0));
}

#[test]
fn paced_packets_come_out_evenly_whatever_the_jitter() {
    let mut buffer = buffer(Delivery::Paced);
    let mut rng = Rng::from_number(1);
    let mut arrivals: Vec<_> =
        (0..2_000u16).map(|i| (START + 20 * MS * u32::from(i) + MS * rng.below(40) as u32, i)).collect();
    arrivals.sort();
    let mut arrivals = arrivals.into_iter().peekable();
    let mut outs: Vec<(Instant, i32)> = Vec::new();
    let mut now = START;
    for _ in 0..42_000 {
        now += MS;
        while let Some((_, number)) = arrivals.next_if(|(at, _)| *at <= now) {
            insert(&mut buffer, now, number);
        }
        outs.extend(polled(&mut buffer, now).into_iter().map(|number| (now, number)));
    }
    assert_eq!(outs.len(), 2_000);
    let late = outs.iter().filter(|(_, number)| *number < 0).count();
    assert!(late <= 20, "{late} packets missed their time");
    // Once it has learned the jitter, the pace is even but for the delay's own slow changes.
    let uneven = outs[200..]
        .windows(2)
        .filter(|pair| pair[1].0.saturating_duration_since(pair[0].0).abs_diff(20 * MS) > 3 * MS)
        .count();
    assert!(uneven <= 40, "{uneven} uneven steps");
    assert!(buffer.delay() >= 40 * MS && buffer.delay() <= 55 * MS, "{:?}", buffer.delay());
}

#[test]
fn the_delay_stays_in_its_range_and_comes_down_again() {
    let mut buffer = AudioBuffer::new(AudioConfig::new(48_000).with_delay(20 * MS, 60 * MS));
    assert_eq!(buffer.delay(), 20 * MS);
    let mut now = START;
    for number in 0..200u16 {
        now = START + 20 * MS * u32::from(number);
        let late = if number % 10 == 9 { 150 * MS } else { Duration::ZERO };
        insert(&mut buffer, now + late, number);
        polled(&mut buffer, now + late);
    }
    assert_eq!(buffer.delay(), 60 * MS);
    for number in 200..1_500u16 {
        now += 20 * MS;
        insert(&mut buffer, now, number);
        polled(&mut buffer, now);
    }
    assert_eq!(buffer.delay(), 20 * MS);
    buffer.set_delay(70 * MS, 10 * MS);
    assert_eq!(buffer.delay(), 70 * MS);
}

#[test]
fn a_long_outage_is_not_made_up_for_packet_by_packet() {
    let mut buffer = buffer(Delivery::Immediate);
    insert(&mut buffer, START, 0);
    assert_eq!(polled(&mut buffer, START), [0]);
    let now = START + 8_000 * MS;
    insert(&mut buffer, now, 400);
    let due = buffer.poll_timeout().unwrap();
    let given = polled(&mut buffer, due);
    assert_eq!((given.len(), given[0], given[50]), (51, -350, 400));
    assert_eq!(buffer.stats().lost, 399);
}

#[test]
fn timestamps_that_jump_do_not_hold_a_packet_for_long() {
    let mut buffer = buffer(Delivery::Paced);
    insert(&mut buffer, START, 0);
    insert_with(&mut buffer, START, 1, 1 << 30, 10);
    let mut now = START;
    let mut given = 0;
    while let Some(due) = buffer.poll_timeout() {
        now = now.max(due);
        given += usize::from(buffer.poll(now).is_some());
    }
    assert_eq!(given, 2);
    assert!(now <= START + 2_000 * MS);
}

/// Guards all bounds by random numbers for ten minutes: memory must not grow.
#[test]
fn cve_27_random_numbers_for_ten_minutes_keep_the_buffer_in_its_bounds() {
    for delivery in [Delivery::Immediate, Delivery::Paced] {
        let mut buffer = buffer(delivery);
        let mut rng = Rng::from_number(1);
        for i in 0..30_000u32 {
            let now = START + 20 * MS * i;
            let number = if rng.below(10) == 0 { rng.u32() as u16 } else { (i * 2) as u16 };
            insert_with(&mut buffer, now, number, rng.u32(), rng.below(1_200) as usize);
            if rng.below(3) == 0 {
                while buffer.poll(now).is_some() {}
            }
            assert!(buffer.bytes() <= 512 * 1_200);
            assert!(buffer.ring.end() - buffer.ring.first() <= 512);
        }
        assert!(buffer.stats().resets > 1_000);
    }
}

#[test]
fn cve_27_who_does_not_poll_loses_the_oldest() {
    let mut buffer = buffer(Delivery::Immediate);
    for number in 0..1_000u16 {
        insert(&mut buffer, START + 20 * MS * u32::from(number), number);
    }
    // Two seconds of packets.
    assert_eq!(buffer.bytes(), 101 * 10);
    assert_eq!((buffer.stats().overflowed, buffer.stats().lost), (899, 0));
    let given = polled(&mut buffer, START + 20_000 * MS);
    assert_eq!((given.len(), given[0]), (101, 899));

    let limits = Limits { bytes: 1_000, ..Limits::default() };
    let mut buffer = AudioBuffer::new(AudioConfig::new(48_000).with_limits(limits));
    for number in 0..1_000 {
        insert_with(&mut buffer, START, number, 0, 300);
        assert!(buffer.bytes() <= 1_000);
    }
}

#[test]
fn flt_37_every_packet_comes_out_over_three_wraps() {
    let mut buffer = buffer(Delivery::Immediate);
    let mut expected = 65_500u16;
    let numbers: Vec<u32> = (65_500..65_500 + 3 * 65_536 + 100).collect();
    for (i, block) in numbers.chunks(4).enumerate() {
        let now = START + 80 * MS * i as u32;
        for at in [1, 0, 3, 2] {
            if let Some(number) = block.get(at) {
                insert(&mut buffer, now, *number as u16);
            }
        }
        for number in polled(&mut buffer, now) {
            assert_eq!(number, i32::from(expected));
            expected = expected.wrapping_add(1);
        }
    }
    assert_eq!((buffer.stats().packets, buffer.stats().lost), (numbers.len() as u64, 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes: each number comes out once at most, in order, and polling ends.
    #[test]
    fn arbitrary_packets_come_out_in_order(
        packets in proptest::collection::vec((0u16..300, any::<u32>(), 0usize..3), 0..200),
        step in 0u32..100,
        paced: bool,
    ) {
        let mut buffer = buffer(if paced { Delivery::Paced } else { Delivery::Immediate });
        let mut last: Option<u16> = None;
        for (i, (number, timestamp, len)) in packets.into_iter().enumerate() {
            let now = START + MS * (i as u32 * step);
            insert_with(&mut buffer, now, number, timestamp, len);
            while let Some(playout) = buffer.poll(now) {
                let number = match playout {
                    Playout::Packet(packet) => packet.sequence.0,
                    Playout::Lost { sequence, .. } => sequence.0,
                };
                prop_assert!(last.is_none_or(|last| last < number));
                last = Some(number);
            }
        }
    }
}

/// A copy of packet `of` in the packet `carrier`, with the time of its own.
fn insert_copy(buffer: &mut AudioBuffer, now: Instant, carrier: u16, of: u16) -> Option<u16> {
    let timestamp = RtpTimestamp(u32::from(of).wrapping_mul(FRAME));
    buffer.insert_copy(now, SequenceNumber(carrier), timestamp, &[of as u8; 10]).map(|number| number.0)
}

/// Guards: a copy comes out where its packet is missing, without delay, and nowhere else.
#[test]
fn copies_take_the_places_of_what_is_missing_and_no_others() {
    let mut buffer = buffer(Delivery::Immediate);
    insert(&mut buffer, START, 100);
    assert_eq!(polled(&mut buffer, START), [100]);
    insert(&mut buffer, START, 103);
    assert_eq!(insert_copy(&mut buffer, START, 103, 102), Some(102));
    assert_eq!(insert_copy(&mut buffer, START, 103, 102), None, "twice");
    assert_eq!(polled(&mut buffer, START), [], "101 is missing");
    assert_eq!(insert_copy(&mut buffer, START, 103, 101), Some(101));
    assert_eq!(insert_copy(&mut buffer, START, 103, 100), None, "it was given out");
    assert_eq!(polled(&mut buffer, START), [101, 102, 103]);
    assert_eq!(insert(&mut buffer, START, 102), Insertion::Late, "its copy was given out");
    assert_eq!((buffer.stats().copies, buffer.stats().lost), (2, 0));
}

/// A copy alone, of a packet further back than the one before its carrier, has its place too; so have those behind silence.
#[test]
fn the_place_of_a_copy_follows_from_its_time() {
    let mut buffer = buffer(Delivery::Immediate);
    for number in [10, 14] {
        insert(&mut buffer, START, number);
    }
    assert_eq!(insert_copy(&mut buffer, START, 14, 12), Some(12));
    assert_eq!(insert_copy(&mut buffer, START, 14, 11), Some(11));
    let second = |buffer: &mut AudioBuffer, carrier: u16, timestamp| {
        buffer.insert_copy(START, SequenceNumber(carrier), RtpTimestamp(timestamp), &[1]).map(|number| number.0)
    };
    insert_with(&mut buffer, START, 17, 114 * FRAME, 10);
    assert_eq!(second(&mut buffer, 17, 113 * FRAME), Some(16));
    assert_eq!(second(&mut buffer, 17, 112 * FRAME), Some(15));
    assert_eq!(second(&mut buffer, 17, 111 * FRAME), None, "no place is left");
}

#[test]
fn a_copy_of_what_was_given_out_or_given_up_changes_nothing() {
    let mut buffer = buffer(Delivery::Immediate);
    for number in [10, 11, 14] {
        insert(&mut buffer, START, number);
    }
    assert_eq!(polled(&mut buffer, START), [10, 11]);
    assert_eq!(polled(&mut buffer, START + 300 * MS), [-12, -13, 14]);
    for of in [10, 11, 12, 13] {
        assert_eq!(insert_copy(&mut buffer, START, 14, of), None, "{of}");
    }
    insert(&mut buffer, START, 15);
    assert_eq!(insert_copy(&mut buffer, START, 15, 14), None);
    assert_eq!(insert_copy(&mut buffer, START, 15, 15), None, "itself");
    assert_eq!(insert_copy(&mut buffer, START, 15, 16), None, "later than itself");
    assert_eq!(polled(&mut buffer, START), [15]);
    assert_eq!(buffer.stats().copies, 0);
}

proptest! {
    /// Whatever gets lost or overtakes: what comes out is in order, each once, and with `copies` of each in the packets behind it
    /// nothing is missing of a run of as many.
    #[test]
    fn copies_mend_each_run_of_losses_as_long_as_they_reach(
        fates in prop::collection::vec(0u8..4, 20..60),
        copies in 1u16..4,
    ) {
        let mut buffer = buffer(Delivery::Immediate);
        let came = |number: u16| number == 0 || fates[usize::from(number) - 1] > 0;
        let (mut out, mut expected) = (Vec::new(), Vec::new());
        let last = (0..=fates.len() as u16).rev().find(|number| came(*number)).unwrap();
        for number in 0..=last {
            let now = START + 20 * MS * u32::from(number);
            if came(number) {
                insert(&mut buffer, now, number);
                for back in 1..=copies.min(number) {
                    insert_copy(&mut buffer, now, number, number - back);
                }
            }
            out.extend(polled(&mut buffer, now));
            let mended = (number..=last).take(usize::from(copies) + 1).any(came);
            expected.push(if mended { i32::from(number) } else { -i32::from(number) });
        }
        out.extend(polled(&mut buffer, START + Duration::from_secs(10)));
        prop_assert_eq!(out, expected);
        prop_assert_eq!(buffer.stats().duplicates + buffer.stats().late, 0);
    }
}
