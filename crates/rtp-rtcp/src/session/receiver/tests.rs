use super::*;
use crate::id::PayloadType;
use crate::packet::Header;
use crate::repair::history::SentPayload;
use crate::session::sender::{self, SendStream};
use bytes::Bytes;
use ortica_core::{Rng, WallClock};

const START: Instant = Instant::from_nanos(1_000_000_000);
const MS: Duration = Duration::from_millis(1);

fn stream() -> ReceiveStream {
    ReceiveStream::new(Config::new(Ssrc(1), 8_000).with_nack(nack::Config::default()))
}

fn receive(stream: &mut ReceiveStream, now: Instant, number: u16, timestamp: u32) -> Arrival {
    let header = Header {
        ssrc: Ssrc(1),
        sequence_number: SequenceNumber(number),
        timestamp: RtpTimestamp(timestamp),
        ..Header::default()
    };
    let mut bytes = Vec::new();
    header.write(&mut bytes);
    bytes.extend_from_slice(&[7; 20]);
    stream.handle_packet(now, &Packet::parse(&bytes).unwrap())
}

fn receive_all(stream: &mut ReceiveStream, numbers: impl IntoIterator<Item = u16>) {
    for number in numbers {
        receive(stream, START, number, 0);
    }
}

#[test]
fn counts_a_stream_without_loss() {
    let mut stream = stream();
    receive_all(&mut stream, 0..20);
    let block = stream.report_block(START);
    assert_eq!((block.fraction_lost, block.cumulative_lost, block.highest_sequence), (0, 0, 19));
    let stats = stream.stats();
    assert_eq!((stats.packets, stats.bytes, stats.header_bytes, stats.lost), (20, 400, 240, 0));
}

#[test]
fn counts_cycles_without_loss() {
    let mut stream = stream();
    receive_all(&mut stream, (65_526..=65_535).chain(0..10));
    let block = stream.report_block(START);
    assert_eq!((block.cumulative_lost, block.highest_sequence), (0, 0x1_0009));
}

#[test]
fn rtcp_2_loss_is_counted_by_interval_and_in_all() {
    let mut stream = stream();
    receive_all(&mut stream, [0, 1, 2, 3, 5, 6, 8, 9]);
    let block = stream.report_block(START);
    assert_eq!((block.fraction_lost, block.cumulative_lost), (51, 2));
    receive_all(&mut stream, 10..20);
    let block = stream.report_block(START);
    assert_eq!((block.fraction_lost, block.cumulative_lost), (0, 2));
    // Nothing at all since then is no loss that could be known.
    assert_eq!(stream.report_block(START).fraction_lost, 0);
    assert!(!stream.is_active());
}

/// Guards the clamp: more packets than expected must not become a fraction of 255.
#[test]
fn rtcp_2_duplicates_make_the_loss_negative_and_the_fraction_zero() {
    let mut stream = stream();
    receive_all(&mut stream, [0, 1, 2, 2, 2, 2]);
    let block = stream.report_block(START);
    assert_eq!((block.fraction_lost, block.cumulative_lost), (0, -3));
}

#[test]
fn rtcp_2_the_loss_of_nearly_everything_stays_below_256() {
    let mut stream = stream();
    receive_all(&mut stream, [0, 2_999]);
    assert_eq!(stream.report_block(START).fraction_lost, 255);
}

#[test]
fn rtcp_2_a_block_answers_the_last_sender_report() {
    let mut stream = stream();
    receive_all(&mut stream, [0]);
    assert_eq!(stream.report_block(START).last_sender_report, 0);
    let ntp = NtpTime(0x1122_3344_5566_7788);
    stream.handle_sender_report(START, &SenderReport { ssrc: Ssrc(1), ntp, ..SenderReport::default() });
    let block = stream.report_block(START + 2_500 * MS);
    assert_eq!(block.last_sender_report, 0x3344_5566);
    assert_eq!(block.delay_since_last_sender_report, 65_536 * 5 / 2);
}

#[test]
fn jitter_follows_the_transit_time() {
    let mut stream = stream();
    for i in 0..100u16 {
        receive(&mut stream, START + 20 * MS * u32::from(i), i, u32::from(i) * 160);
    }
    assert_eq!(stream.jitter(), Duration::ZERO);
    // Each second packet comes 10 ms late: the transit changes by 80 ticks each time.
    for i in 100..400u16 {
        let late = if i % 2 == 0 { 10 * MS } else { Duration::ZERO };
        receive(&mut stream, START + 20 * MS * u32::from(i) + late, i, u32::from(i) * 160);
    }
    assert!(stream.jitter().abs_diff(10 * MS) < MS, "{:?}", stream.jitter());
    // A clock that is set is no jitter.
    receive(&mut stream, START + 8_000 * MS, 400, 2_000_000_000);
    assert!(stream.jitter() < 11 * MS);
}

/// Guards the report and the numbers over three wraps with loss and reordering at each edge.
#[test]
fn flt_37_three_wraps_with_loss_and_reordering_at_the_edge() {
    let mut stream = ReceiveStream::new(Config::new(Ssrc(1), 90_000));
    let mut lost = 0;
    let first = 65_530u32;
    let last = first + 3 * 65_536 + 20;
    for block in (first..last).step_by(4) {
        for offset in [1, 0, 3, 2] {
            let number = block + offset;
            // The edge itself, and one in a thousand elsewhere.
            if number % 65_536 == 65_535 || number % 65_536 == 2 || number % 1_000 == 7 {
                lost += 1;
            } else {
                assert_eq!(receive(&mut stream, START, number as u16, 0), Arrival::Accepted);
            }
        }
    }
    assert_eq!(stream.stats().lost, lost);
    assert_eq!(stream.stats().stray, 0);
    let block = stream.report_block(START);
    assert_eq!(block.highest_sequence >> 16, 4);
    assert_eq!(i64::from(block.cumulative_lost), lost);
}

/// Guards both halves of the rule: one packet far away is dropped, two in a row are a new start.
#[test]
fn cve_27_a_jump_needs_a_second_packet_to_restart_the_stream() {
    let mut stream = stream();
    receive_all(&mut stream, 0..10);
    assert_eq!(receive(&mut stream, START, 3_010, 0), Arrival::Stray);
    assert_eq!(receive(&mut stream, START, 10, 0), Arrival::Accepted);
    assert_eq!(receive(&mut stream, START, 3_011, 0), Arrival::Stray);
    assert_eq!(receive(&mut stream, START, 20_000, 0), Arrival::Stray);
    assert_eq!(receive(&mut stream, START, 20_001, 0), Arrival::Restarted);
    assert_eq!(receive(&mut stream, START, 20_002, 0), Arrival::Accepted);
    assert_eq!((stream.stats().lost, stream.stats().stray, stream.stats().packets), (0, 3, 13));
    assert_eq!(receive(&mut stream, START, 23_002, 0), Arrival::Accepted);
}

#[test]
fn missing_packets_are_asked_for_and_restored_ones_are_not() {
    let mut stream = stream();
    receive_all(&mut stream, [0, 4]);
    let due = START + 10 * MS;
    assert_eq!(stream.poll_timeout(), Some(due));
    stream.handle_restored(START, SequenceNumber(2));
    let nack = stream.poll_nack(due, Ssrc(9)).unwrap();
    assert_eq!((nack.sender, nack.media), (Ssrc(9), Ssrc(1)));
    assert_eq!(nack.numbers().map(|number| number.0).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(stream.poll_nack(due, Ssrc(9)), None);
    assert_eq!((stream.stats().restored, stream.stats().lost), (1, 3));
    stream.forget_before(SequenceNumber(4));
    assert_eq!(stream.poll_timeout(), Some(START + 25_000 * MS));
}

/// Guards the five intervals after which a member counts as gone.
#[test]
fn rtcp_4_a_stream_is_silent_after_five_intervals() {
    let mut stream = stream();
    receive_all(&mut stream, [0]);
    receive(&mut stream, START + 1_000 * MS, 1, 0);
    let deadline = stream.poll_timeout().unwrap();
    assert_eq!(deadline, START + 26_000 * MS);
    stream.handle_timeout(deadline.saturating_sub(MS));
    assert_eq!(stream.poll_event(), None);
    stream.handle_timeout(deadline);
    assert_eq!(stream.poll_event(), Some(Event::Silent));
    assert_eq!((stream.poll_event(), stream.poll_timeout()), (None, None));
    receive(&mut stream, deadline, 2, 0);
    assert!(stream.poll_timeout().is_some());
}

/// Guards the mapping of two clocks onto one wall time while both timestamps wrap, at different moments.
#[test]
fn flt_38_streams_stay_in_sync_across_the_wrap_of_their_timestamps() {
    let clock = WallClock::new(START, NtpTime::from_unix(Duration::from_secs(1_700_000_000)));
    let mut streams = [(1, 90_000, 5_000), (2, 48_000, 5_700)].map(|(ssrc, rate, wraps_after)| {
        let sender = sender::Config::new(Ssrc(ssrc), PayloadType(96), rate);
        let sender = SendStream::new(sender, Rng::from_number(u64::from(ssrc)), clock);
        // The media time at which this stream starts, so that it wraps soon.
        let until_wrap = (1u64 << 32) - u64::from(sender.timestamp(Duration::ZERO).0);
        let start = Duration::from_millis(until_wrap * 1_000 / u64::from(rate)) - MS * wraps_after;
        (start, sender, ReceiveStream::new(Config::new(Ssrc(ssrc), rate)))
    });
    for step in 0..1_000 {
        let elapsed = MS * 10 * step;
        let captured = START + elapsed;
        for (start, sender, receiver) in &mut streams {
            let timestamp = sender.timestamp(*start + elapsed);
            let header = sender.next_header(captured, timestamp, true);
            sender.on_sent(captured, header, SentPayload::new(b"", Bytes::from_static(b"x")));
            if step % 100 == 0 {
                let report = sender.sender_report(captured + 7 * MS).unwrap();
                receiver.handle_sender_report(captured + 50 * MS, &report);
            }
            let skew = receiver.wall_time(timestamp).unwrap().0.abs_diff(clock.ntp(captured).0);
            assert!(skew < (1 << 32) / 1_000, "step {step}: {skew}");
        }
    }
    for (start, sender, _) in &streams {
        let (first, last) = (sender.timestamp(*start), sender.timestamp(*start + 10_000 * MS));
        assert!(first.0 > last.0 && first.precedes(last));
    }
}
