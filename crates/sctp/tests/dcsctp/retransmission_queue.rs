//! `tx/retransmission_queue.rs` and `tx/outstanding_data.rs`: what is in flight.

use crate::common::script::{Act::*, ROW, Row, Say::*, Start::*, run};

const UP: Row = Row { start: Established, ..ROW };

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
    ]);
}
