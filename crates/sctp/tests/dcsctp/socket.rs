//! `socket/socket_tests.rs`: whole associations.

use crate::common::raw;
use crate::common::script::{Act::*, End, ROW, Row, Say::*, Start::*, run};
use crate::common::{MS, Peer, Peers, SECOND, config, connect, pattern};
use netsim::Link;
use ortica_core::Rng;
use ortica_sctp::{Association, CloseReason, Config, Event, SendOptions};
use std::sync::Arc;
use std::time::Duration;

const UP: Row = Row { start: Established, ..ROW };
const GIVEN_UP: End = End::Over(CloseReason::Timeout);
/// Longer than a packet may be.
const LONG: [u8; 1_400] = [1; 1_400];

fn beating(config: Config) -> Config {
    config.with_heartbeat_interval(Some(Duration::from_secs(30)))
}

#[test]
fn dcsctp_socket_setup() {
    run(&[
        Row {
            name: "establish_connection_with_setup_collision",
            start: CookieWait,
            steps: &[
                (20, Hear(&[Init]), "INIT_ACK"),
                (20, Hear(&[InitAck]), "COOKIE_ECHO"),
                (20, Hear(&[CookieEcho]), "COOKIE_ACK"),
                (20, Hear(&[CookieAck]), ""),
                (20, Send(9), "DATA(1)"),
            ],
            ..ROW
        },
        Row {
            name: "shutting_down_while_establishing_connection",
            start: CookieWait,
            steps: &[
                (0, Finish, ""),
                (0, Refused(9), ""),
                (0, Hear(&[InitAck]), "COOKIE_ECHO"),
                (0, Hear(&[CookieAck]), "SHUTDOWN(0)"),
                (0, Hear(&[ShutdownAck]), "SHUTDOWN_COMPLETE"),
            ],
            end: End::Over(CloseReason::Shutdown),
            ..ROW
        },
        Row {
            name: "establish_connection_lost_cookie_ack",
            steps: &[
                (0, Hear(&[Init]), "INIT_ACK"),
                (0, Hear(&[CookieEcho]), "COOKIE_ACK"),
                (400, Hear(&[CookieEcho]), "COOKIE_ACK"),
                (70_000, Hear(&[CookieEcho]), "COOKIE_ACK"),
            ],
            ..ROW
        },
        Row {
            name: "doesnt_send_more_packets_until_cookie_ack_has_been_received",
            start: CookieEchoed,
            steps: &[
                (0, Send(9), ""),
                (399, Wait, ""),
                (400, Wait, "COOKIE_ECHO DATA(1)"),
                (410, Send(9), ""),
                (420, Hear(&[CookieAck]), "DATA(2)"),
            ],
            ..ROW
        },
        Row {
            name: "flushes_send_queue_immediately_upon_receiving_cookie_ack",
            start: CookieEchoed,
            steps: &[(0, Send(9), ""), (0, Send(9), ""), (0, Hear(&[CookieAck]), "DATA(1) DATA(2)")],
            ..ROW
        },
        Row {
            name: "establish_connection_while_sending_data",
            steps: &[
                (0, Send(9), ""),
                (0, Connect, "INIT"),
                (0, Hear(&[InitAck]), "COOKIE_ECHO DATA(1)"),
                (0, Hear(&[CookieAck, Sack(1)]), ""),
            ],
            ..ROW
        },
        Row {
            name: "resend_init_and_establish_connection",
            steps: &[
                (0, Connect, "INIT"),
                (1_000, Wait, "INIT"),
                (1_050, Hear(&[InitAck]), "COOKIE_ECHO"),
                (1_100, Hear(&[CookieAck]), ""),
                (90_000, Wait, ""),
            ],
            ..ROW
        },
        Row {
            name: "resend_cookie_echo_and_establish_connection",
            start: CookieEchoed,
            steps: &[(400, Wait, "COOKIE_ECHO"), (450, Hear(&[CookieAck]), ""), (90_000, Wait, "")],
            ..ROW
        },
        Row {
            name: "establish_simultaneous_connection_with_lost_data",
            // Both began; the peer's COOKIE ECHO comes, the answer to ours never does. Data go all the same.
            start: CookieEchoed,
            steps: &[
                (0, Send(9), ""),
                (0, Hear(&[Init]), "INIT_ACK"),
                (0, Hear(&[CookieEcho]), "COOKIE_ACK DATA(1)"),
                (1_000, Wait, "DATA(1).."),
                (1_050, Hear(&[Sack(1)]), ""),
                (90_000, Wait, ""),
            ],
            ..ROW
        },
        Row {
            name: "connection_can_continue_from_first_init_ack",
            steps: &[
                (0, Hear(&[Init]), "INIT_ACK"),
                (1_000, Hear(&[Init]), "INIT_ACK"),
                (1_000, Hear(&[FirstCookie]), "COOKIE_ACK"),
            ],
            ..ROW
        },
        Row {
            name: "connection_can_continue_from_second_init_ack",
            steps: &[
                (0, Hear(&[Init]), "INIT_ACK"),
                (1_000, Hear(&[Init]), "INIT_ACK"),
                (1_000, Hear(&[CookieEcho]), "COOKIE_ACK"),
                (1_000, Hear(&[FirstCookie]), "COOKIE_ACK"),
            ],
            ..ROW
        },
        Row {
            name: "one_peer_reconnects",
            start: Established,
            steps: &[
                (0, Send(9), "DATA(1)"),
                (20, Hear(&[InitOf(8, 9, 9)]), "INIT_ACK"),
                (20, Hear(&[CookieEcho]), "COOKIE_ACK"),
                // What was in flight is gone with the association that it belonged to.
                (9_000, Wait, ""),
                (9_000, Hear(&[Data(1)]), "SACK(1)"),
            ],
            end: End::UpWith(9, 9),
            ..ROW
        },
        Row {
            name: "reconnect_socket_with_pending_stream_reset",
            start: Established,
            steps: &[
                (0, Reset(1), "RE_CONFIG(reset out 1)"),
                (20, Hear(&[InitOf(8, 9, 9)]), "INIT_ACK"),
                (20, Hear(&[CookieEcho]), "COOKIE_ACK"),
                (9_000, Wait, ""),
                (9_000, Reset(2), "RE_CONFIG(reset out.."),
            ],
            ..ROW
        },
    ]);
}

#[test]
fn dcsctp_socket_ending() {
    run(&[
        Row {
            name: "shutdown_ack_sent_timer_expires_resends_shutdown_ack",
            start: ShutdownAckSent,
            steps: &[(1_000, Wait, "SHUTDOWN_ACK")],
            ..ROW
        },
        Row {
            name: "receive_shutdown_in_shutdown_ack_sent_resends_shutdown_ack",
            start: ShutdownAckSent,
            steps: &[(10, Hear(&[Shutdown(0)]), "SHUTDOWN_ACK")],
            ..ROW
        },
        Row {
            name: "test_verify_vtag_with_shutdown_complete_exceptions",
            // Under the peer's own tag it counts if it says so, and under another one never.
            start: ShutdownAckSent,
            steps: &[
                (0, HearUnder(7, &[ShutdownComplete(0)]), ""),
                (0, HearUnder(9, &[ShutdownComplete(1)]), ""),
                (0, Hear(&[ShutdownComplete(1)]), ""),
                (0, Told(&[]), ""),
                (0, HearUnder(7, &[ShutdownComplete(1)]), ""),
                (0, Told(&[Event::Closed(CloseReason::Shutdown)]), ""),
            ],
            end: End::Over(CloseReason::Shutdown),
            ..ROW
        },
        Row {
            name: "shutdown_ignored_in_shutdown_received",
            start: ShutdownReceived,
            // It tells the peer what has arrived, and waits for its own data as before.
            steps: &[(10, Hear(&[Shutdown(0)]), "SACK(0)"), (20, Finish, ""), (30, Hear(&[Sack(1)]), "SHUTDOWN_ACK")],
            ..ROW
        },
        Row {
            name: "shutdown_ignored_in_shutdown_pending",
            start: ShutdownPending,
            steps: &[(10, Finish, ""), (30, Hear(&[Sack(1)]), "SHUTDOWN(0)")],
            ..ROW
        },
    ]);
}

#[test]
fn dcsctp_socket_heartbeats() {
    run(&[
        Row {
            name: "oversized_heartbeat_request_is_dropped",
            steps: &[(0, Hear(&[Other(4, &LONG)]), ""), (0, Hear(&[Heartbeat]), "HEARTBEAT_ACK")],
            ..UP
        },
        Row {
            name: "expect_heartbeat_to_be_sent",
            config: beating,
            beats: true,
            steps: &[(30_000, Wait, ""), (32_000, Wait, "HEARTBEAT"), (32_050, Hear(&[HeartbeatAck]), "")],
            ..UP
        },
        Row {
            name: "expect_heartbeats_not_sent_when_sending_data",
            config: beating,
            beats: true,
            steps: &[
                (20_000, Send(9), "DATA(1)"),
                (20_010, Hear(&[Sack(1)]), ""),
                (40_000, Send(9), "DATA(2)"),
                (40_010, Hear(&[Sack(2)]), ""),
                (60_000, Wait, ""),
            ],
            ..UP
        },
        Row {
            name: "close_connection_after_first_lost_heartbeat",
            config: |config| beating(config).with_max_retransmits(0),
            beats: true,
            steps: &[(32_000, Wait, "HEARTBEAT"), (70_000, Wait, "ABORT")],
            end: GIVEN_UP,
            ..UP
        },
        Row {
            name: "close_connection_if_heartbeat_ack_is_invalid",
            config: |config| beating(config).with_max_retransmits(0),
            beats: true,
            steps: &[(32_000, Wait, "HEARTBEAT"), (32_100, Hear(&[WrongHeartbeatAck]), ""), (70_000, Wait, "ABORT")],
            end: GIVEN_UP,
            ..UP
        },
        Row {
            name: "close_connection_after_second_lost_heartbeat",
            config: |config| beating(config).with_max_retransmits(1),
            beats: true,
            steps: &[(32_000, Wait, "HEARTBEAT"), (120_000, Wait, "HEARTBEAT / ABORT")],
            end: GIVEN_UP,
            ..UP
        },
        Row {
            name: "close_connection_after_too_many_lost_heartbeats",
            config: |config| beating(config).with_max_retransmits(3),
            beats: true,
            steps: &[(300_000, Wait, "HEARTBEAT / HEARTBEAT / HEARTBEAT / HEARTBEAT / ABORT")],
            end: GIVEN_UP,
            ..UP
        },
        Row {
            name: "recovers_after_a_successful_ack",
            config: |config| beating(config).with_max_retransmits(1),
            beats: true,
            steps: &[
                (32_000, Wait, "HEARTBEAT"),
                (66_000, Wait, "HEARTBEAT"),
                (66_010, Hear(&[HeartbeatAck]), ""),
                (100_000, Wait, "HEARTBEAT"),
            ],
            ..UP
        },
        Row {
            name: "error_counter_is_reset_on_heartbeat_ack",
            config: |config| beating(config).with_max_retransmits(1),
            beats: true,
            // The third is lost too, and is the first again.
            steps: &[
                (32_000, Wait, "HEARTBEAT"),
                (66_000, Wait, "HEARTBEAT"),
                (66_010, Hear(&[HeartbeatAck]), ""),
                (100_000, Wait, "HEARTBEAT"),
                (145_000, Wait, "HEARTBEAT"),
                (145_000, Told(&[]), ""),
            ],
            ..UP
        },
        Row {
            name: "both_sides_send_heartbeats",
            config: beating,
            beats: true,
            // To answer the peer's is no use of the path: our own comes when it would have come.
            steps: &[
                (20_000, Hear(&[Heartbeat]), "HEARTBEAT_ACK"),
                (29_999, Hear(&[Heartbeat]), "HEARTBEAT_ACK"),
                (32_000, Wait, "HEARTBEAT"),
                (32_050, Hear(&[HeartbeatAck]), ""),
            ],
            ..UP
        },
    ]);
}

#[test]
fn dcsctp_socket_failures() {
    run(&[
        Row {
            name: "close_connection_after_first_failed_transmission",
            config: |config| config.with_max_retransmits(0),
            steps: &[(0, Send(9), "DATA(1)"), (1_000, Wait, "ABORT")],
            end: GIVEN_UP,
            ..UP
        },
        Row {
            name: "close_connection_after_one_failed_retransmission",
            config: |config| config.with_max_retransmits(1),
            steps: &[(0, Send(9), "DATA(1)"), (3_000, Wait, "DATA(1) / ABORT")],
            end: GIVEN_UP,
            ..UP
        },
        Row {
            name: "close_connection_after_too_many_retransmissions",
            config: |config| config.with_max_retransmits(3),
            steps: &[(0, Send(9), "DATA(1)"), (60_000, Wait, "DATA(1) / DATA(1) / DATA(1) / ABORT")],
            end: GIVEN_UP,
            ..UP
        },
        Row {
            name: "recover_on_last_retransmission",
            config: |config| config.with_max_retransmits(1),
            steps: &[
                (0, Send(9), "DATA(1)"),
                (1_000, Wait, "DATA(1)"),
                (2_900, Hear(&[Sack(1)]), ""),
                (2_900, Send(9), "DATA(2)"),
                (3_000, Hear(&[Sack(2)]), ""),
                (90_000, Wait, ""),
            ],
            ..UP
        },
        Row {
            name: "receiving_error_chunk_reports_as_callback",
            // It is logged; nothing follows from it.
            steps: &[(0, Hear(&[Error(6, 0x4900_0008)]), ""), (0, Send(9), "DATA(1)")],
            ..UP
        },
    ]);
}

#[test]
fn dcsctp_socket_interleaving() {
    const AGAINST: &str = "ABORT(13)";
    run(&[
        Row {
            name: "message_interleaving_disabled_rejects_idata",
            steps: &[(0, Hear(&[IData(1, 1, 0, 53, 3)]), AGAINST)],
            end: End::Over(CloseReason::ProtocolViolation("I-DATA without agreement")),
            ..UP
        },
        Row {
            name: "message_interleaving_disabled_rejects_iforward_tsn",
            steps: &[(0, Hear(&[IForwardTsn(1, 1, 0)]), AGAINST)],
            end: End::Over(CloseReason::ProtocolViolation("I-FORWARD-TSN without agreement")),
            ..UP
        },
        Row {
            name: "message_interleaving_enabled_rejects_data",
            config: |config| config.with_interleaving(true),
            steps: &[(0, Hear(&[Data(1)]), AGAINST)],
            end: End::Over(CloseReason::ProtocolViolation("DATA where I-DATA was agreed on")),
            ..UP
        },
        Row {
            name: "message_interleaving_enabled_rejects_forward_tsn",
            config: |config| config.with_interleaving(true),
            steps: &[(0, Hear(&[ForwardTsn(1, 1, 0)]), AGAINST)],
            end: End::Over(CloseReason::ProtocolViolation("FORWARD TSN without agreement")),
            ..UP
        },
        Row {
            name: "handle_forward_tsn_without_partial_reliability_aborts",
            config: |config| config.with_partial_reliability(false),
            steps: &[(0, Hear(&[ForwardTsn(1, 1, 0)]), AGAINST)],
            end: End::Over(CloseReason::ProtocolViolation("FORWARD TSN without agreement")),
            ..UP
        },
        Row {
            name: "handle_forward_tsn_rejects_invalid_tsn",
            steps: &[(0, Hear(&[ForwardTsn(80_000, 1, 0)]), ""), (0, Hear(&[Data(1)]), "SACK(1)")],
            ..UP
        },
    ]);
}

/// resending_init: resent_init_has_same_parameters.
#[test]
fn dcsctp_resent_init_has_same_parameters() {
    let now = netsim::epoch();
    let mut association = Association::new(Arc::new(config()), Rng::from_number(1), now);
    association.connect(now);
    let [mut first, mut second] = [Vec::new(), Vec::new()];
    association.poll_packet(now, &mut first).expect("INIT");
    let later = now + SECOND;
    association.handle_timeout(later);
    association.poll_packet(later, &mut second).expect("INIT again");
    assert_eq!(first, second);
}

/// Two peers with a handshake done, whose packets are kept.
fn recorded(a: Config, b: Config) -> Peers {
    let [mut a, mut b] = [Peer::new(a, 1), Peer::new(b, 2)];
    (a.records, b.records) = (true, true);
    connect(netsim::Pair::of_machines(1, Link::with_delay(10 * MS), a, b), Link::with_delay(10 * MS))
}

/// Guards where packets go without a checksum: between two that agreed on it, all but INIT, its answer and COOKIE ECHO;
/// and nowhere else (always_sends_init_with_non_zero_checksum, always_sends_cookie_echo_with_non_zero_checksum,
/// sends_cookie_ack_with_zero_checksum, sends_data_with_zero_checksum, all_packets_after_connect_have_zero_checksum).
#[test]
fn sctp_4_packets_go_without_checksum_only_as_agreed() {
    let without = || config().with_zero_checksum(true);
    for (a, b, agreed) in [(without(), without(), true), (without(), config(), false), (config(), without(), false)] {
        let mut pair = recorded(a, b);
        pair.a.machine.queue(1, pattern(20_000), SendOptions::default());
        pair.run_until(10 * SECOND, |_, b| b.machine.received() == 20_000).expect("it arrives");
        assert_eq!(pair.a.machine.association.agreed().map(|agreed| agreed.zero_checksum), Some(agreed));
        let mut zeros = 0;
        for (_, packet) in pair.a.machine.sent.iter().chain(&pair.b.machine.sent) {
            let early = [raw::INIT, raw::INIT_ACK, raw::COOKIE_ECHO].contains(&packet[12]);
            let zero = packet[8..12] == [0; 4];
            zeros += usize::from(zero);
            assert_eq!(zero, agreed && !early, "{:?}", &packet[..16]);
        }
        assert_eq!(zeros > 20, agreed);
    }
}

/// Guards against damage: who has not offered to do without drops what comes without.
#[test]
fn sctp_4_a_missing_checksum_is_no_checksum_without_agreement() {
    for (offers, heard) in [(true, 1), (false, 0)] {
        let now = netsim::epoch();
        let config = Arc::new(config().with_zero_checksum(offers));
        let mut association = Association::new(config, Rng::from_number(3), now);
        let tag = raw::handshake(now, &mut association);
        let mut packet = raw::packet(tag, &[(raw::DATA, 3, raw::data(1, 1, 0, b"x"))]);
        packet[8..12].fill(0);
        association.handle_packet(now, &packet);
        assert_eq!(association.stats().data_chunks_received, heard);
    }
}

/// close_three_streams_at_the_same_time, both ends at once.
#[test]
fn dcsctp_close_three_streams_at_the_same_time() {
    let mut pair = recorded(config(), config());
    let streams = [1, 2, 3].map(ortica_sctp::StreamId);
    for stream in streams {
        pair.a.machine.queue(stream.0, pattern(100), SendOptions::default());
    }
    pair.run_until(10 * SECOND, |_, b| b.machine.received() == 300).expect("all arrive");
    pair.with_a(|a, now| a.machine.association.reset_streams(now, &streams).expect("both know how"));
    pair.with_b(|b, now| b.machine.association.reset_streams(now, &streams).expect("both know how"));
    let done = |peer: &Peer| {
        streams.iter().all(|&stream| peer.has(&Event::StreamResetDone(stream)) && peer.has(&Event::StreamReset(stream)))
    };
    pair.run_until(10 * SECOND, |a, b| done(&a.machine) && done(&b.machine)).expect("all are closed");
}
