//! What becomes of each chunk: tables of what dcSCTP tests in its `tx/outstanding_data.rs` and `packet/chunk_validators.rs`.

use super::*;
use crate::association::rto::Rto;
use crate::association::schedule::Scheduler;
use crate::association::send_queue::{SendQueue, Turn};
use crate::chunk::{GapBlock, Sack};
use crate::packet::Header;
use crate::{Config, Limits, Ppid, SendOptions};
use bytes::Bytes;
use ortica_core::crypto::rust_crypto;
use std::time::Duration;

const NOW: Instant = Instant::from_nanos(1_000_000_000);
const MS: Duration = Duration::from_millis(1);
/// How long a packet and its acknowledgement take here.
const RTT: Duration = Duration::from_millis(50);
/// Bytes in flight of a chunk with one byte.
const SIZE: usize = 20;
const BEFORE: Tsn = Tsn(9);
const STREAM: StreamId = StreamId(1);

type Blocks = &'static [(u16, u16)];

/// A flight that starts with TSN 10, on a path whose round trip time is known.
struct Bench {
    flight: Flight,
    queue: SendQueue,
    rto: Rto,
}

impl Bench {
    fn new() -> Self {
        let extensions = Extensions { forward_tsn: true, ..Extensions::default() };
        let mut rto = Rto::new(&Config::new(rust_crypto::provider()));
        rto.measure(RTT);
        let flight = Flight::new(BEFORE.next(), extensions, 1_176);
        Self { flight, queue: SendQueue::new(Scheduler::default()), rto }
    }

    /// Sends `sent` bytes of a message of `len`, each in a chunk and a packet of its own.
    fn send(&mut self, now: Instant, len: usize, sent: usize, reliability: Reliability) {
        let payload = Bytes::from(vec![7; len]);
        let options = SendOptions { ordered: true, reliability };
        self.queue.push(now, (STREAM, Ppid::BINARY, &payload, options), 0, &Limits::default()).unwrap();
        let Some(Turn::Begin(message)) = self.queue.pop(now) else { panic!("it is the only one") };
        self.queue.end_turn(STREAM, len, None);
        self.flight.start(message);
        for _ in 0..sent {
            self.flight.begin_packet();
            in_packet(|packet| self.flight.cut(now, 1, false, packet));
        }
    }

    /// Sends so many messages of one byte.
    fn send_small(&mut self, count: usize) {
        (0..count).for_each(|_| self.send(NOW, 1, 1, Reliability::Reliable));
    }

    /// Takes in a SACK, without looking for losses yet.
    fn acknowledge(&mut self, now: Instant, cumulative: u32, blocks: &[(u16, u16)]) -> Option<Acked> {
        let mut value = Vec::new();
        let blocks = blocks.iter().map(|&(start, end)| GapBlock { start, end });
        Sack::encode(&mut value, Tsn(cumulative), 1 << 20, blocks, &[]);
        self.flight.on_sack(now, &Sack::decode(&value).unwrap(), &self.rto, 1_024)
    }

    /// Takes in a SACK a round trip after the start. Returns the bytes it acknowledged and how many chunks are lost.
    fn hear(&mut self, cumulative: u32, blocks: &[(u16, u16)]) -> (usize, u32) {
        let acked = self.acknowledge(NOW + RTT, cumulative, blocks).unwrap();
        (acked.bytes, self.flight.detect_lost(NOW + RTT, &self.rto).chunks)
    }

    /// The cumulative TSN, and the fate of each chunk behind it: `.` in flight, `l` lost, `a` acknowledged, `x` given up.
    fn fates(&self) -> String {
        let fates = self.flight.chunks.iter().map(|chunk| match chunk.fate {
            Fate::InFlight => '.',
            Fate::Lost => 'l',
            Fate::Acked => 'a',
            Fate::Abandoned => 'x',
        });
        format!("{} {}", self.flight.cumulative().0, fates.collect::<String>())
    }

    /// The TSNs that are sent again, in order.
    fn resend(&mut self, now: Instant) -> Vec<u32> {
        self.flight.begin_packet();
        let mut sent = Vec::new();
        while self.flight.next_lost(now).is_some() {
            sent.push(self.flight.lost.front().unwrap().0);
            in_packet(|packet| self.flight.resend_lost(now, packet));
        }
        sent
    }
}

fn in_packet<T>(act: impl FnOnce(&mut Builder<'_>) -> T) -> T {
    let header = Header { source_port: 5000, destination_port: 5000, tag: 1 };
    act(&mut Builder::new(&mut Vec::new(), 1_188, header))
}

const ONCE: Reliability = Reliability::MaxRetransmits(0);

/// Guards the reading of gap ack blocks: what is no block is left out, and the rest is taken in any order, however blocks
/// touch or overlap. Twelve chunks are in flight.
#[test]
fn dcsctp_gap_ack_blocks_are_sorted_and_merged() {
    let table: [(&str, Blocks, &str); 14] = [
        ("no_gap_ack_blocks_are_valid", &[], "9 ............"),
        ("one_valid_ack_block", &[(2, 3)], "9 .aa........."),
        ("two_valid_ack_blocks", &[(2, 3), (5, 6)], "9 .aa.aa......"),
        // The first would belong to the cumulative TSN, so it says nothing that can be relied on.
        ("one_invalid_ack_block", &[(1, 2)], "9 ............"),
        ("removes_invalid_gap_ack_block_from_sack", &[(2, 3), (6, 4)], "9 .aa........."),
        ("sorts_gap_ack_blocks_in_order", &[(6, 7), (3, 4)], "9 ..aa.aa....."),
        ("merges_adjacent_blocks", &[(3, 4), (5, 6)], "9 ..aaaa......"),
        ("merges_overlapping_by_one", &[(3, 4), (4, 5)], "9 ..aaa......."),
        ("merges_overlapping_by_more", &[(3, 10), (4, 5)], "9 ..aaaaaaaa.."),
        ("merges_blocks_starting_with_same_start_offset", &[(3, 7), (3, 5), (3, 9)], "9 ..aaaaaaa..."),
        ("merges_blocks_partially_overlapping", &[(3, 7), (5, 9)], "9 ..aaaaaaa..."),
        ("validate_sack_overflow", &[(65_535, 65_535)], "9 ............"),
        ("clean_sack_merges_with_overflow", &[(3, 4), (4, 65_535), (65_535, 65_535)], "9 ..aa........"),
        ("clean_sack_preserves_single_tsn_blocks", &[(7, 7), (3, 3)], "9 ..a...a....."),
    ];
    for (name, blocks, expect) in table {
        let mut bench = Bench::new();
        bench.send_small(12);
        let acked = bench.acknowledge(NOW + RTT, 9, blocks).unwrap();
        assert_eq!(bench.fates(), expect, "{name}");
        let count = expect.matches('a').count();
        assert_eq!((acked.bytes, bench.flight.in_flight()), (count * SIZE, (12 - count) * SIZE), "{name}");
        // The same once more settles nothing more, and the kept blocks are sorted and apart.
        assert_eq!(bench.acknowledge(NOW + RTT, 9, blocks).unwrap().bytes, 0, "{name}");
        let spans = bench.flight.acked.windows(2);
        assert!(spans.into_iter().all(|pair| pair[0].end + 1 < pair[1].start), "{name}: {:?}", bench.flight.acked);
    }
}

/// has_initial_state, insert_chunk, acks_single_chunk, acks_previous_chunk_doesnt_update.
#[test]
fn dcsctp_outstanding_data_of_one_chunk() {
    let mut bench = Bench::new();
    assert!(bench.flight.is_empty() && !bench.flight.is_outstanding());
    assert_eq!((bench.flight.in_flight(), bench.flight.cumulative()), (0, BEFORE));
    assert_eq!((bench.flight.next_tsn(), bench.flight.last_tsn()), (Tsn(10), BEFORE));
    assert_eq!((bench.flight.next_lost(NOW), bench.flight.forward_len()), (None, None));

    bench.send_small(1);
    assert_eq!((bench.fates().as_str(), bench.flight.in_flight()), ("9 .", SIZE));
    assert_eq!((bench.flight.next_tsn(), bench.flight.last_tsn()), (Tsn(11), Tsn(10)));

    assert_eq!(bench.hear(9, &[]), (0, 0));
    assert_eq!((bench.fates().as_str(), bench.flight.in_flight()), ("9 .", SIZE));

    assert_eq!(bench.hear(10, &[]), (SIZE, 0));
    assert_eq!((bench.fates().as_str(), bench.flight.in_flight()), ("10 ", 0));
    assert!(bench.flight.is_empty());
}

/// acks_and_nacks_with_gap_ack_blocks, nacks_three_times_with_same_tsn_doesnt_retransmit: one later packet has arrived,
/// however often that is said.
#[test]
fn dcsctp_one_later_packet_is_no_loss() {
    let mut bench = Bench::new();
    bench.send(NOW, 2, 2, Reliability::Reliable);
    assert_eq!(bench.hear(9, &[(2, 2)]), (SIZE, 0));
    for _ in 0..3 {
        assert_eq!(bench.hear(9, &[(2, 2)]), (0, 0));
        assert_eq!((bench.fates().as_str(), bench.flight.in_flight()), ("9 .a", SIZE));
    }
}

/// nacks_three_times_results_in_retransmission, nacks_three_times_results_in_abandoning,
/// nacks_three_times_results_in_abandoning_with_placeholder.
#[test]
fn dcsctp_three_later_packets_are_a_loss() {
    for (name, len, reliability, expect, given_up) in [
        ("nacks_three_times_results_in_retransmission", 4, Reliability::Reliable, "9 laaa", None),
        ("nacks_three_times_results_in_abandoning", 4, ONCE, "9 xxxx", None),
        // The message has a fifth byte, for which a TSN stands.
        ("nacks_three_times_results_in_abandoning_with_placeholder", 5, ONCE, "9 xxxxx", Some((STREAM, 1))),
    ] {
        let mut bench = Bench::new();
        bench.send(NOW, len, 4, reliability);
        assert_eq!(bench.hear(9, &[(2, 2)]), (SIZE, 0), "{name}");
        assert_eq!(bench.hear(9, &[(2, 3)]), (SIZE, 0), "{name}");
        assert_eq!(bench.hear(9, &[(2, 4)]), (SIZE, 1), "{name}");
        assert_eq!((bench.fates().as_str(), bench.flight.in_flight()), (expect, 0), "{name}");
        assert_eq!(bench.flight.take_given_up(), given_up, "{name}");
        let again: &[u32] = if reliability == ONCE { &[] } else { &[10] };
        assert_eq!(bench.resend(NOW + RTT), again, "{name}");
        assert_eq!(bench.flight.forward_len().is_some(), reliability == ONCE, "{name}");
    }
}

/// nacks_extremely_many_times_doesnt_overflow.
#[test]
fn dcsctp_a_thousand_misses_are_one_loss() {
    let mut bench = Bench::new();
    bench.send(NOW, 1_002, 1_001, ONCE);
    for end in 2..1_002 {
        bench.hear(9, &[(2, end)]);
    }
    assert_eq!((bench.flight.counts.abandoned, bench.flight.in_flight()), (1, 0));
}

/// expires_chunk_before_it_is_inserted, expires_chunk_before_it_is_inserted_adds_placeholder: what is left of a message
/// that is too old is not sent, one byte or more, and a TSN stands for it.
#[test]
fn dcsctp_what_is_too_old_is_not_cut() {
    for len in [3, 9] {
        let mut bench = Bench::new();
        bench.send(NOW, len, 2, Reliability::MaxLifetime(MS));
        bench.flight.expire_current(NOW + MS);
        assert_eq!(bench.fates(), "9 ..", "within its last millisecond");
        bench.flight.expire_current(NOW + 2 * MS);
        assert_eq!((bench.fates().as_str(), bench.flight.in_flight()), ("9 xxx", 0));
        assert_eq!(bench.flight.take_given_up(), Some((STREAM, len - 2)));
        assert!(!bench.flight.has_current() && bench.flight.next_lost(NOW).is_none());
    }
}

/// can_generate_forward_tsn.
#[test]
fn dcsctp_a_time_out_gives_up_what_may_not_be_sent_again() {
    let mut bench = Bench::new();
    bench.send(NOW, 3, 3, ONCE);
    bench.flight.on_timeout(NOW + RTT);
    assert_eq!((bench.fates().as_str(), bench.flight.forward.point), ("9 xxx", Tsn(12)));
    assert!(bench.flight.forward_len().is_some());
}

/// ack_with_gap_blocks_from_rfc9260_section334.
#[test]
fn dcsctp_the_example_of_rfc_9260() {
    let mut bench = Bench::new();
    bench.send(NOW, 8, 8, Reliability::Reliable);
    assert_eq!(bench.acknowledge(NOW + RTT, 12, &[(2, 3), (5, 5)]).unwrap().bytes, 6 * SIZE);
    assert_eq!(bench.fates(), "12 .aa.a");
}

/// resend_packets_when_nacked_three_times: both holes, and nothing between them.
#[test]
fn dcsctp_only_what_is_missing_is_sent_again() {
    let mut bench = Bench::new();
    bench.send_small(11);
    bench.hear(12, &[(2, 3), (5, 6)]);
    bench.hear(12, &[(2, 3), (5, 7)]);
    bench.hear(12, &[(2, 3), (5, 8)]);
    assert_eq!(bench.fates(), "12 laalaaaa");
    assert_eq!(bench.resend(NOW + RTT), [13, 16]);
    assert_eq!((bench.fates().as_str(), bench.flight.in_flight()), ("12 .aa.aaaa", 2 * SIZE));
}

/// measure_rtt: from the chunk that was acknowledged, not from another.
#[test]
fn dcsctp_the_last_chunk_acknowledged_tells_the_round_trip() {
    let mut bench = Bench::new();
    for at in 0..3 {
        bench.send(NOW + at * MS, 1, 1, Reliability::Reliable);
    }
    let acked = bench.acknowledge(NOW + 123 * MS, 11, &[]).unwrap();
    assert_eq!(acked.sent_at, Some(NOW + MS));
}

/// must_retransmit_before_getting_nacked_again: while a lost chunk waits, further misses are no news; sent again and lost
/// again, it is given up.
#[test]
fn dcsctp_a_chunk_is_lost_once_each_time_it_is_sent() {
    let mut bench = Bench::new();
    bench.send(NOW, 11, 11, Reliability::MaxRetransmits(1));
    let lost: Vec<_> = (2..8).map(|end| bench.hear(9, &[(2, end)]).1).collect();
    assert_eq!((lost, bench.fates().as_str()), (vec![0, 0, 1, 0, 0, 0], "9 laaaaaa...."));
    assert_eq!(bench.resend(NOW + RTT), [10]);
    bench.hear(9, &[(2, 11)]);
    assert_eq!((bench.fates().as_str(), bench.flight.in_flight()), ("9 .aaaaaaaaaa", SIZE));
    bench.flight.on_timeout(NOW + 20 * RTT);
    assert_eq!((bench.fates().as_str(), bench.flight.in_flight()), ("9 xxxxxxxxxxx", 0));
}

/// expires_chunks_queued_for_retransmission: what waits to be sent again grows too old as well (RFC 3758 §4.1, TR4),
/// and so does what a tail is probed with.
#[test]
fn dcsctp_what_is_too_old_is_not_sent_again() {
    let mut bench = Bench::new();
    for lifetime in [100, 100] {
        bench.send(NOW, 1, 1, Reliability::MaxLifetime(lifetime * MS));
    }
    bench.send_small(3);
    for end in 3..=5 {
        bench.hear(9, &[(3, end)]);
    }
    assert_eq!(bench.fates(), "9 llaaa");
    assert_eq!(bench.resend(NOW + 200 * MS), []);
    assert_eq!((bench.fates().as_str(), bench.flight.forward.point), ("9 xxaaa", Tsn(11)));
    assert!(bench.flight.forward_len().is_some());

    let mut bench = Bench::new();
    bench.send(NOW, 1, 1, Reliability::MaxLifetime(100 * MS));
    assert_eq!(bench.flight.next_probe(NOW + 100 * MS), Some((Tsn(10), SIZE)));
    assert_eq!(bench.flight.next_probe(NOW + 101 * MS), None);
}

/// does_not_double_count_bytes_when_abandoned_chunk_is_reacked.
#[test]
fn dcsctp_bytes_are_acknowledged_once() {
    let mut bench = Bench::new();
    bench.send(NOW, 2, 2, Reliability::MaxLifetime(100 * MS));
    bench.send(NOW, 2, 2, Reliability::Reliable);
    assert_eq!(bench.hear(9, &[(2, 2), (4, 4)]), (2 * SIZE, 1));
    bench.flight.on_timeout(NOW + RTT);
    assert_eq!(bench.resend(NOW + 200 * MS), [12]);
    assert_eq!(bench.fates(), "9 xx.a");
    // Of the rest only what was not given up counts: its sender has made up for the other.
    assert_eq!(bench.acknowledge(NOW + 250 * MS, 13, &[]).unwrap().bytes, SIZE);
    assert_eq!((bench.fates().as_str(), bench.flight.in_flight()), ("13 ", 0));
    assert!(bench.flight.is_empty());
}

/// placeholder_fragment_does_not_contribute_to_bytes_acked.
#[test]
fn dcsctp_a_tsn_without_a_chunk_has_no_bytes() {
    let mut bench = Bench::new();
    bench.send(NOW, 2, 1, ONCE);
    bench.flight.on_timeout(NOW + RTT);
    assert_eq!((bench.fates().as_str(), bench.flight.in_flight()), ("9 xx", 0));
    assert_eq!(bench.acknowledge(NOW + 2 * RTT, 11, &[]).unwrap().bytes, 0);
    assert!(bench.flight.is_empty());
}

/// test_acked_chunk_is_removed_from_fast_retransmit.
#[test]
fn dcsctp_what_arrived_after_all_is_not_sent_again() {
    let mut bench = Bench::new();
    bench.send(NOW, 5, 5, Reliability::Reliable);
    for end in 2..=4 {
        bench.hear(9, &[(2, end)]);
    }
    assert_eq!(bench.fates(), "9 laaa.");
    bench.hear(14, &[]);
    assert_eq!(bench.resend(NOW + RTT), []);
}

/// test_gap_ack_block_beyond_highest_outstanding_does_not_panic, test_old_sack_with_gap_blocks_does_not_panic,
/// test_malformed_sack_does_not_panic.
#[test]
fn dcsctp_a_strange_sack_changes_nothing() {
    let mut bench = Bench::new();
    assert!(bench.acknowledge(NOW, u32::MAX / 2 - 1, &[(2, 2)]).is_none());
    bench.send(NOW, 4, 4, Reliability::Reliable);
    assert_eq!(bench.hear(11, &[(4, 4)]), (2 * SIZE, 0));
    assert_eq!(bench.fates(), "11 ..");
    bench.hear(13, &[]);
    bench.send(NOW, 2, 2, Reliability::Reliable);
    assert!(bench.acknowledge(NOW + RTT, 5, &[(10, 10)]).is_none());
    assert_eq!((bench.fates().as_str(), bench.flight.in_flight()), ("13 ..", 2 * SIZE));
}
