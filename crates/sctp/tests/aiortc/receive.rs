//! What an association makes of a single packet of its peer's.

use crate::common::raw::{self, BEGIN, END};
use crate::common::script::{Act::*, End, ROW, Row, Say::*, Start::*, run};
use crate::common::{MS, config, said};
use ortica_core::Rng;
use ortica_sctp::{Association, CloseReason};
use std::sync::Arc;

const UP: Row = Row { start: Established, ..ROW };
const ONE: u8 = BEGIN | END;

#[test]
fn aiortc_receive_data() {
    run(&[
        Row {
            name: "receive_data",
            steps: &[(0, Hear(&[Data(1)]), "SACK(1)"), (0, Hear(&[Data(1)]), "SACK(1 dup 1)")],
            ..UP
        },
        Row {
            name: "receive_data_out_of_order",
            steps: &[
                (0, Hear(&[DataOf(1, 1, 0, BEGIN, 3)]), "SACK(1)"),
                (0, Hear(&[DataOf(3, 1, 0, END, 3)]), "SACK(1 gap 3-3)"),
                (0, Hear(&[DataOf(2, 1, 0, 0, 3)]), "SACK(3)"),
                (0, Hear(&[DataOf(3, 1, 0, END, 3)]), "SACK(3 dup 3)"),
                (0, Read(9), ""),
                (0, Read(0), ""),
            ],
            ..UP
        },
        Row {
            name: "mark_received",
            steps: &[
                (0, Hear(&[Data(1)]), "SACK(1)"),
                (0, Hear(&[Data(3)]), "SACK(1 gap 3-3)"),
                (0, Hear(&[Data(4)]), "SACK(1 gap 3-4)"),
                (0, Hear(&[Data(6)]), "SACK(1 gap 3-4 gap 6-6)"),
                (0, Hear(&[Data(2)]), "SACK(4 gap 6-6)"),
            ],
            ..UP
        },
        Row { name: "send_sack", steps: &[(0, Hear(&[Data(1), Data(2), Data(3)]), "SACK(3)")], ..UP },
        Row {
            name: "send_sack_with_duplicates",
            steps: &[(0, Hear(&[Data(1), Data(2), Data(3), Data(1), Data(3)]), "SACK(3 dup 1 dup 3)")],
            ..UP
        },
        Row {
            name: "send_sack_with_gaps",
            steps: &[(0, Hear(&[Data(1), Data(3), Data(4), Data(6)]), "SACK(1 gap 3-4 gap 6-6)")],
            ..UP
        },
    ]);
}

#[test]
fn aiortc_receive_forward_tsn() {
    run(&[
        Row {
            name: "receive_forward_tsn",
            steps: &[
                (0, Hear(&[DataOf(1, 1, 0, ONE, 1)]), "SACK(1)"),
                (0, Hear(&[DataOf(3, 1, 2, ONE, 3)]), "SACK(1 gap 3-3)"),
                (0, Hear(&[DataOf(4, 1, 3, ONE, 4)]), "SACK(1 gap 3-4)"),
                (0, Hear(&[DataOf(6, 1, 5, ONE, 6)]), "SACK(1 gap 3-4 gap 6-6)"),
                (0, Read(1), ""),
                (0, Read(0), ""),
                (0, Hear(&[ForwardTsn(2, 1, 1)]), "SACK(4 gap 6-6)"),
                (0, Read(3), ""),
                (0, Read(4), ""),
                (0, Read(0), ""),
                // Once more changes nothing, and is answered.
                (0, Hear(&[ForwardTsn(2, 1, 1)]), "SACK(4 gap 6-6)"),
                (0, Read(0), ""),
                (0, Hear(&[DataOf(5, 1, 4, ONE, 5)]), "SACK(6)"),
                (0, Read(5), ""),
                (0, Read(6), ""),
            ],
            ..UP
        },
        Row {
            name: "receive_forward_tsn_message_in_progress",
            // The first message is given up, and the point moves on into the second, which goes on.
            steps: &[
                (0, Hear(&[DataOf(2, 1, 1, BEGIN, 2), DataOf(3, 1, 1, 0, 3)]), "SACK(0 gap 2-3)"),
                (0, Hear(&[ForwardTsn(1, 1, 0)]), ""),
                (0, Read(0), ""),
                (0, Hear(&[DataOf(4, 1, 1, END, 4)]), "SACK(4)"),
                (0, Read(9), ""),
            ],
            ..UP
        },
        Row {
            name: "receive_forward_tsn_stale_stream",
            // The second FORWARD TSN names a stream that is past that message: it must not move back.
            steps: &[
                (0, Hear(&[ForwardTsn(1, 1, 0)]), ""),
                (0, Hear(&[DataOf(2, 1, 1, ONE, 2)]), "SACK(2)"),
                (0, Read(2), ""),
                (0, Hear(&[ForwardTsnOf(3, &[(1, 0), (9, 0)])]), ""),
                (0, Hear(&[DataOf(4, 1, 2, ONE, 4)]), "SACK(4)"),
                (0, Read(4), ""),
            ],
            ..UP
        },
    ]);
}

#[test]
fn aiortc_receive_what_is_not_meant() {
    run(&[
        Row {
            name: "garbage",
            start: CookieWait,
            steps: &[(0, HearBytes(b"garbage"), ""), (9, Hear(&[InitAck]), "COOKIE_ECHO"), (9, Hear(&[CookieAck]), "")],
            ..ROW
        },
        Row {
            name: "bad_verification_tag",
            start: CookieWait,
            // An INIT whose packet has a tag other than zero.
            steps: &[
                (0, HearBytes(include_bytes!("../../testdata/aiortc/sctp_init_bad_verification.bin")), ""),
                (0, HearUnder(12_345, &[Init]), ""),
                (9, Hear(&[InitAck]), "COOKIE_ECHO"),
                (9, Hear(&[CookieAck]), ""),
            ],
            ..ROW
        },
        Row {
            name: "receive_shutdown",
            // It acknowledges what was acknowledged long ago, and counts all the same.
            steps: &[(0, Hear(&[Shutdown(u32::MAX)]), "SHUTDOWN_ACK"), (0, Hear(&[ShutdownComplete(0)]), "")],
            end: End::Over(CloseReason::Shutdown),
            ..UP
        },
    ]);
}

/// receive_heartbeat: whatever it carries comes back, to the byte.
#[test]
fn aiortc_receive_heartbeat() {
    let captured = include_bytes!("../../testdata/aiortc/sctp_heartbeat.bin");
    for value in [&[0, 1, 0, 8, 1, 2, 3, 4][..], &captured[16..]] {
        let now = netsim::epoch();
        let mut association = Association::new(Arc::new(config()), Rng::from_number(1), now);
        let tag = raw::handshake(now, &mut association);
        association.handle_packet(now + MS, &raw::packet(tag, &[(raw::HEARTBEAT, 0, value.to_vec())]));
        let mut answer = Vec::new();
        association.poll_packet(now + MS, &mut answer).expect("it is answered");
        assert_eq!(said::chunks(&answer), [(raw::HEARTBEAT_ACK, 0, value.to_vec())]);
    }
}
