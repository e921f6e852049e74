//! `tx/retransmission_queue.rs` and `tx/outstanding_data.rs`: what is in flight.

use crate::common::script::{Act::*, ROW, Row, Say::*, Start::*, run};
use crate::common::{MS, config, raw, said};
use bytes::Bytes;
use ortica_core::Rng;
use ortica_sctp::{Association, Config, Ppid, Reliability, SendOptions, StreamId};
use std::sync::Arc;

const UP: Row = Row { start: Established, ..ROW };

/// Never sent again.
const ONCE: SendOptions = SendOptions { ordered: true, reliability: Reliability::MaxRetransmits(0) };
/// Sent again so often at most.
const THRICE_AGAIN: SendOptions = SendOptions { ordered: true, reliability: Reliability::MaxRetransmits(3) };
const RELIABLE: SendOptions = SendOptions { ordered: true, reliability: Reliability::Reliable };

#[test]
fn dcsctp_retransmission_queue() {
    run(&[
        Row { name: "send_one_chunk", steps: &[(0, Send(10), "DATA(1)")], ..UP },
        Row {
            name: "send_one_chunk_and_ack",
            steps: &[(0, Send(10), "DATA(1)"), (10, Hear(&[Sack(1)]), ""), (9_000, Wait, "")],
            ..UP
        },
        Row {
            name: "send_three_chunks_and_ack_two",
            steps: &[
                (0, Send(10), "DATA(1)"),
                (0, Send(10), "DATA(2)"),
                (0, Send(10), "DATA(3)"),
                (10, Hear(&[Sack(2)]), ""),
                (9_000, Wait, "DATA(3).."),
            ],
            ..UP
        },
        Row {
            name: "retransmits_on_t3_expiry",
            steps: &[
                (0, Send(10), "DATA(1)"),
                (1_000, Wait, "DATA(1)"),
                (1_100, Hear(&[Sack(1)]), ""),
                (9_000, Wait, ""),
            ],
            ..UP
        },
        Row {
            name: "retransmits_when_send_buffer_is_full_t3_expiry",
            // The window takes no more, and what is lost goes first.
            steps: &[
                (0, Send(100_000), "DATA(1 B) / DATA(2 -) / DATA(3 -) / DATA(4 -)"),
                (1_000, Wait, "DATA(1 B)"),
                (1_100, Hear(&[Sack(1)]), "DATA(2 -).."),
            ],
            ..UP
        },
        Row {
            name: "validate_cum_tsn_at_rest",
            steps: &[(0, Hear(&[Sack(8)]), ""), (0, Hear(&[Sack(0)]), ""), (0, Send(10), "DATA(1)")],
            ..UP
        },
        Row {
            name: "validate_cum_tsn_ack_on_inflight_data",
            steps: &[
                (0, Send(10), "DATA(1)"),
                (0, Send(10), "DATA(2)"),
                (0, Hear(&[Sack(3)]), ""),
                (0, Hear(&[Sack(u32::MAX)]), ""),
                (1_000, Wait, "DATA(1) DATA(2)"),
                (1_000, Hear(&[Sack(2)]), ""),
                (9_000, Wait, ""),
            ],
            ..UP
        },
        Row {
            name: "handle_gap_ack_blocks_matching_no_inflight_data",
            steps: &[(0, Send(10), "DATA(1)"), (0, Hear(&[SackGap(0, 3, 9)]), ""), (1_000, Wait, "DATA(1)")],
            ..UP
        },
        Row {
            name: "handle_invalid_gap_ack_blocks",
            steps: &[(0, Hear(&[SackGap(0, 3, 4)]), ""), (0, Hear(&[SackGap(0, 4, 3)]), ""), (0, Send(10), "DATA(1)")],
            ..UP
        },
        Row {
            name: "gap_ack_blocks_do_not_move_cum_tsn_ack",
            steps: &[
                (0, Send(10), "DATA(1)"),
                (0, Send(10), "DATA(2)"),
                (10, Hear(&[SackGap(0, 2, 2)]), ".."),
                (1_100, Wait, "DATA(1).."),
            ],
            ..UP
        },
        Row {
            name: "initial_acked_prev_tsn",
            // The one before the first is acknowledged from the start.
            steps: &[(0, Hear(&[Sack(0)]), ""), (0, InFlight(0), ""), (9_000, Wait, "")],
            ..UP
        },
        Row {
            name: "can_only_produce_two_packets_but_wants_to_send_three",
            steps: &[(0, Send(10), "DATA(1)"), (0, Send(10), "DATA(2)"), (0, InFlight(2 * 28), ""), (0, Wait, "")],
            ..UP
        },
        Row {
            name: "can_always_retransmit_one_packet",
            // The peer has no room, and still what is missing goes first.
            steps: &[
                (0, Send(4_640), "DATA(1 B) / DATA(2 -) / DATA(3 -) / DATA(4 E)"),
                (50, Hear(&[SackOf(0, 0, &[(3, 3)])]), ""),
                (3_000, Wait, "DATA(1 B).."),
                (3_000, Hear(&[SackOf(0, 0, &[(3, 3)])]), ""),
                (3_000, Hear(&[SackOf(1, 0, &[(2, 2)])]), "DATA(2 -) / DATA(4 E)"),
                (3_040, Hear(&[SackOf(3, 9_000, &[])]), ""),
                (3_050, Hear(&[Sack(4)]), ""),
                (60_000, Wait, ""),
            ],
            ..UP
        },
    ]);
}

/// Messages that are sent again so often and no more (RFC 3758).
#[test]
fn dcsctp_retransmission_queue_limits() {
    run(&[
        Row {
            name: "limited_retransmission_only_with_rfc3758_support",
            config: |config| config.with_partial_reliability(false),
            steps: &[
                (0, SendOn(1, 10, ONCE), "DATA(1)"),
                (1_000, Wait, "DATA(1)"),
                (3_000, Wait, "DATA(1)"),
                (3_050, Hear(&[Sack(1)]), ""),
            ],
            ..UP
        },
        Row {
            name: "limits_retransmissions_as_udp",
            steps: &[(0, SendOn(1, 10, ONCE), "DATA(1)"), (1_000, Wait, "FORWARD_TSN(1)"), (1_000, InFlight(0), "")],
            ..UP
        },
        Row {
            name: "limits_retransmissions_to_three_sends",
            steps: &[
                (0, SendOn(1, 10, THRICE_AGAIN), "DATA(1)"),
                (1_000, Wait, "DATA(1)"),
                (3_000, Wait, "DATA(1)"),
                (7_000, Wait, "DATA(1)"),
                (15_000, Wait, "FORWARD_TSN(1)"),
                (15_050, Hear(&[Sack(1)]), ""),
                (90_000, Wait, ""),
            ],
            ..UP
        },
        Row {
            name: "produces_valid_forward_tsn",
            details: true,
            // Four of five fragments are sent, and the first arrives: the end is skipped with the rest.
            steps: &[
                (0, Threshold(1, 0), ""),
                (
                    0,
                    SendOn(1, 5_800, ONCE),
                    "DATA(1 B on 1:0) / DATA(2 - on 1:0) / DATA(3 - on 1:0) / DATA(4 - on 1:0)",
                ),
                (1_000, Wait, "FORWARD_TSN(5 skips 1:0)"),
                (1_050, Hear(&[Sack(1)]), ".."),
                (1_050, InFlight(0), ""),
                (1_100, Hear(&[Sack(5)]), ""),
                (60_000, Wait, ""),
            ],
            ..UP
        },
        Row {
            name: "produces_valid_forward_tsn_when_fully_sent",
            details: true,
            steps: &[
                (0, SendOn(1, 3_480, ONCE), "DATA(1 B on 1:0) / DATA(2 - on 1:0) / DATA(3 E on 1:0)"),
                (1_000, Wait, "FORWARD_TSN(3 skips 1:0)"),
            ],
            ..UP
        },
        Row {
            name: "produces_valid_i_forward_tsn",
            details: true,
            config: |config| config.with_interleaving(true),
            // Three messages are begun, the fourth arrives: three ends are skipped, and three numbers named.
            steps: &[
                (0, SendOn(1, 2_000, ONCE), "I_DATA(1 B on 1:0) / I_DATA(2 E on 1:0)"),
                (0, SendOn(2, 2_000, ONCE), "I_DATA(3 B on 2:0) / I_DATA(4 E on 2:0)"),
                (0, SendOn(3, 2_000, ONCE), "I_DATA(5 B on 3:0)"),
                (1_000, Wait, "I_FORWARD_TSN(6 skips 1:0 2:0 3:0)"),
                (1_000, InFlight(0), ""),
                (1_000, Buffered(3, 0), ""),
            ],
            ..UP
        },
        Row {
            name: "accounts_nacked_abandoned_chunks_as_not_outstanding",
            steps: &[
                (0, SendOn(1, 5_800, ONCE), "DATA(1 B) / DATA(2 -) / DATA(3 -) / DATA(4 -)"),
                (0, InFlight(4 * 1_176), ""),
                (1_000, Wait, "FORWARD_TSN(5)"),
                (1_000, InFlight(0), ""),
                (1_050, Hear(&[Sack(1)]), ".."),
                (1_050, InFlight(0), ""),
                (1_060, Hear(&[Sack(3)]), ".."),
                (1_060, InFlight(0), ""),
                (1_070, Hear(&[Sack(5)]), ""),
                (1_070, InFlight(0), ""),
            ],
            ..UP
        },
        Row {
            name: "expire_from_send_queue_when_partially_sent",
            steps: &[
                (0, SendOn(1, 5_800, ONCE), "DATA(1 B) / DATA(2 -) / DATA(3 -) / DATA(4 -)"),
                (0, Buffered(1, 1_160), ""),
                (1_000, Wait, "FORWARD_TSN(5)"),
                (1_000, Buffered(1, 0), ""),
            ],
            ..UP
        },
        Row {
            name: "expire_correct_message_from_send_queue",
            details: true,
            config: |config| config.with_interleaving(true),
            start: Closed,
            // Two messages take turns; the reliable one stays.
            steps: &[
                (0, Connect, "INIT"),
                (0, Hear(&[InitAck]), "COOKIE_ECHO"),
                (0, SendOn(1, 5_000, ONCE), ""),
                (0, SendOn(2, 5_000, RELIABLE), ""),
                (
                    0,
                    Hear(&[CookieAck]),
                    "I_DATA(1 B on 1:0) / I_DATA(2 B on 2:0) / I_DATA(3 - on 1:0) / I_DATA(4 - on 2:0)",
                ),
                (400, Wait, ".."),
                (1_500, Wait, ".."),
                (1_500, Buffered(1, 0), ""),
                (1_500, Buffered(2, 5_000 - 2 * 1_156), ""),
            ],
            ..UP
        },
        Row {
            name: "inserts_placeholder_for_every_discarded_stream",
            details: true,
            config: |config| config.with_interleaving(true),
            start: Closed,
            steps: &[
                (0, Connect, "INIT"),
                (0, Hear(&[InitAck]), "COOKIE_ECHO"),
                (0, SendOn(1, 5_000, ONCE), ""),
                (0, SendOn(2, 5_000, ONCE), ""),
                (
                    0,
                    Hear(&[CookieAck]),
                    "I_DATA(1 B on 1:0) / I_DATA(2 B on 2:0) / I_DATA(3 - on 1:0) / I_DATA(4 - on 2:0)",
                ),
                (1_500, Wait, "I_FORWARD_TSN(6 skips 1:0 2:0).."),
                (1_500, Buffered(1, 0), ""),
                (1_500, Buffered(2, 0), ""),
                (1_500, InFlight(0), ""),
            ],
            ..UP
        },
        Row {
            name: "limits_retransmissions_only_when_nacked_three_times",
            steps: &[
                (0, SendOn(1, 10, ONCE), "DATA(1)"),
                (0, SendOn(1, 10, ONCE), "DATA(2)"),
                (0, SendOn(1, 10, ONCE), "DATA(3)"),
                (0, SendOn(1, 10, ONCE), "DATA(4)"),
                (50, Hear(&[SackGap(0, 2, 2)]), ""),
                (51, Hear(&[SackGap(0, 2, 3)]), ""),
                (52, Hear(&[SackGap(0, 2, 4)]), "FORWARD_TSN(1)"),
            ],
            ..UP
        },
    ]);
}

/// measure_rtt: from the sending of a chunk to its acknowledgement.
#[test]
fn dcsctp_measure_rtt() {
    let now = netsim::epoch();
    let mut association = Association::new(Arc::new(config()), Rng::from_number(1), now);
    let tag = raw::handshake(now, &mut association);
    let payload = Bytes::from_static(b"12456");
    association.send(now, StreamId(1), Ppid::BINARY, payload, SendOptions::default()).expect("it is taken");
    let mut packet = Vec::new();
    association.poll_packet(now, &mut packet).expect("DATA");
    let [(raw::DATA, _, value)] = &said::chunks(&packet)[..] else { panic!("{packet:?}") };
    let sack = [&value[..4], &[0, 1, 0, 0, 0, 0, 0, 0]].concat();
    assert_eq!(association.path().rtt, None);
    association.handle_packet(now + 123 * MS, &raw::packet(tag, &[(raw::SACK, 0, sack)]));
    assert_eq!(association.path().rtt, Some(123 * MS));
}

/// stays_within_available_size: two messages whose chunks fill a packet to the last byte share one.
#[test]
fn dcsctp_stays_within_available_size() {
    let now = netsim::epoch();
    let mut association = Association::new(Arc::new(config()), Rng::from_number(1), now);
    raw::handshake(now, &mut association);
    for len in [183, 957] {
        association.send(now, StreamId(1), Ppid::BINARY, vec![7; len].into(), SendOptions::default()).expect("taken");
    }
    let mut packet = Vec::new();
    assert_eq!(association.poll_packet(now, &mut packet), Some(Config::DEFAULT_MAX_PACKET_SIZE & !3));
    let lens: Vec<_> = said::chunks(&packet).iter().map(|(_, _, value)| value.len() - 12).collect();
    assert_eq!(lens, [183, 957]);
    assert_eq!(association.poll_packet(now, &mut packet), None);
}
