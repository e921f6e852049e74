//! `rx/data_tracker.rs`: what was received, and what is said about it.

use crate::common::raw::{BEGIN, END};
use crate::common::script::{Act::*, ROW, Row, Say, Say::*, Start::*, run};

const UP: Row = Row { start: Established, ..ROW };
/// Far enough ahead that no gap ack block could tell of it.
const FAR: u32 = 70_000;
/// 2 to 4, 10 to 12, and 20 and 21.
const THREE_BLOCKS: &[Say] = &[Data(2), Data(3), Data(4), Data(10), Data(11), Data(12), Data(20), Data(21)];

#[test]
fn dcsctp_data_tracker() {
    run(&[
        Row { name: "empty", steps: &[(1_000, Wait, "")], ..UP },
        Row { name: "observer_single_in_order_packet", steps: &[(0, Hear(&[Data(1)]), "SACK(1)")], ..UP },
        Row {
            name: "observer_many_in_order_moves_cumulative_tsn_ack",
            steps: &[(0, Hear(&[Data(1)]), "SACK(1)"), (0, Hear(&[Data(2)]), ""), (0, Hear(&[Data(3)]), "SACK(3)")],
            ..UP
        },
        Row {
            name: "observe_out_of_order_moves_cumulative_tsn_ack",
            steps: &[
                (0, Hear(&[Data(1)]), "SACK(1)"),
                (0, Hear(&[Data(3)]), "SACK(1 gap 3-3)"),
                (0, Hear(&[Data(2)]), "SACK(3)"),
            ],
            ..UP
        },
        Row { name: "single_gap", steps: &[(0, Hear(&[Data(2)]), "SACK(0 gap 2-2)")], ..UP },
        Row {
            name: "example_from_rfc9260_section334",
            steps: &[(0, Hear(&[Data(1), Data(2), Data(3), Data(5), Data(6), Data(8)]), "SACK(3 gap 5-6 gap 8-8)")],
            ..UP
        },
        Row {
            name: "ack_already_received_chunk",
            steps: &[(0, Hear(&[Data(1)]), "SACK(1)"), (0, Hear(&[Data(1)]), "SACK(1 dup 1)")],
            ..UP
        },
        Row {
            name: "double_send_retransmitted_chunk",
            steps: &[
                (0, Hear(&[Data(1)]), "SACK(1)"),
                (0, Hear(&[Data(3)]), "SACK(1 gap 3-3)"),
                (0, Hear(&[Data(2)]), "SACK(3)"),
                (0, Hear(&[Data(2)]), "SACK(3 dup 2)"),
                (0, Hear(&[Data(4), Data(5)]), ""),
                (40, Wait, "SACK(5)"),
            ],
            ..UP
        },
        Row {
            name: "forward_tsn_simple",
            steps: &[
                (0, Hear(&[Data(1)]), "SACK(1)"),
                (0, Hear(&[ForwardTsn(3, 1, 2)]), ""),
                (40, Wait, "SACK(3)"),
                (40, Hear(&[Data(4)]), ""),
                (80, Wait, "SACK(4)"),
            ],
            ..UP
        },
        Row {
            name: "forward_tsn_skips_from_gap_block",
            steps: &[
                (0, Hear(&[Data(1), Data(3), Data(5)]), "SACK(1 gap 3-3 gap 5-5)"),
                (0, Hear(&[ForwardTsn(3, 1, 2)]), "SACK(3 gap 5-5)"),
            ],
            ..UP
        },
        Row {
            name: "example_from_rfc3758",
            steps: &[
                (0, Hear(&[Data(1), Data(2), Data(4), Data(5), Data(7)]), "SACK(2 gap 4-5 gap 7-7)"),
                (0, Hear(&[ForwardTsn(3, 1, 2)]), "SACK(5 gap 7-7)"),
            ],
            ..UP
        },
        Row {
            name: "empty_all_acks",
            steps: &[
                (0, Hear(&[Data(1), Data(3), Data(5)]), "SACK(1 gap 3-3 gap 5-5)"),
                (0, Hear(&[ForwardTsn(100, 1, 99)]), ""),
                (40, Wait, "SACK(100)"),
            ],
            ..UP
        },
        Row {
            name: "will_increase_cum_ack_tsn",
            steps: &[(0, Hear(&[Data(1)]), "SACK(1)"), (0, Hear(&[Data(3)]), "SACK(1 gap 3-3)")],
            ..UP
        },
        Row {
            name: "force_should_send_sack_immediately",
            steps: &[
                (0, Hear(&[Data(1)]), "SACK(1)"),
                (0, Hear(&[Data(2)]), ""),
                (0, Hear(&[DataOf(3, 1, 2, BEGIN | END | 8, 5)]), "SACK(3)"),
                (0, Hear(&[DataOf(4, 1, 3, BEGIN | END | 8, 5)]), "SACK(4)"),
            ],
            ..UP
        },
        Row {
            name: "will_not_accept_invalid_tsns",
            // It is dropped, and the peer told where things stand.
            steps: &[(0, Hear(&[Data(FAR)]), "SACK(0)"), (0, Hear(&[Data(1)]), ""), (40, Wait, "SACK(1)")],
            ..UP
        },
        Row {
            name: "report_single_duplicate_tsns",
            steps: &[(0, Hear(&[Data(1), Data(2), Data(1)]), "SACK(2 dup 1)")],
            ..UP
        },
        Row {
            name: "report_multiple_duplicate_tsns",
            steps: &[(
                0,
                Hear(&[Data(1), Data(2), Data(3), Data(4), Data(2), Data(3), Data(2)]),
                "SACK(4 dup 2 dup 3 dup 2)",
            )],
            ..UP
        },
        Row {
            name: "report_duplicate_tsns_in_gap_ack_blocks",
            steps: &[
                (0, Hear(&[Data(1), Data(3), Data(4)]), "SACK(1 gap 3-4)"),
                (0, Hear(&[Data(3), Data(4), Data(6)]), "SACK(1 gap 3-4 gap 6-6 dup 3 dup 4)"),
            ],
            ..UP
        },
        Row {
            name: "clears_duplicate_tsns_after_creating_sack",
            steps: &[
                (0, Hear(&[Data(1), Data(1)]), "SACK(1 dup 1)"),
                (0, Hear(&[Data(2)]), ""),
                (0, Hear(&[Data(3)]), "SACK(3)"),
            ],
            ..UP
        },
        Row {
            name: "sends_sack_every_second_packet_when_there_is_no_packet_loss",
            steps: &[
                (0, Hear(&[Data(1)]), "SACK(1)"),
                (0, Hear(&[Data(2)]), ""),
                (0, Hear(&[Data(3)]), "SACK(3)"),
                (0, Hear(&[Data(4)]), ""),
                (0, Hear(&[Data(5)]), "SACK(5)"),
            ],
            ..UP
        },
        Row {
            name: "sends_sack_every_packet_on_packet_loss",
            steps: &[
                (0, Hear(&[Data(1)]), "SACK(1)"),
                (0, Hear(&[Data(3)]), "SACK(1 gap 3-3)"),
                (0, Hear(&[Data(4)]), "SACK(1 gap 3-4)"),
                (0, Hear(&[Data(5)]), "SACK(1 gap 3-5)"),
                (0, Hear(&[Data(2)]), "SACK(5)"),
                (0, Hear(&[Data(6)]), ""),
                (0, Hear(&[Data(7)]), "SACK(7)"),
            ],
            ..UP
        },
        Row {
            name: "sends_sack_on_duplicate_data_chunks",
            steps: &[
                (0, Hear(&[Data(1)]), "SACK(1)"),
                (0, Hear(&[Data(1)]), "SACK(1 dup 1)"),
                (0, Hear(&[Data(2)]), ""),
                (0, Hear(&[Data(1)]), "SACK(2 dup 1)"),
            ],
            ..UP
        },
        Row {
            name: "gap_ack_block_expands_to_right",
            steps: &[(0, Hear(&[Data(3), Data(4)]), "SACK(0 gap 3-4)"), (0, Hear(&[Data(5)]), "SACK(0 gap 3-5)")],
            ..UP
        },
        Row {
            name: "gap_ack_block_expands_to_left",
            steps: &[(0, Hear(&[Data(5), Data(6)]), "SACK(0 gap 5-6)"), (0, Hear(&[Data(4)]), "SACK(0 gap 4-6)")],
            ..UP
        },
        Row {
            name: "gap_ack_block_expands_to_right_with_other",
            steps: &[(0, Hear(&[Data(3), Data(9), Data(4)]), "SACK(0 gap 3-4 gap 9-9)")],
            ..UP
        },
        Row {
            name: "gap_ack_block_expands_to_left_with_other",
            steps: &[(0, Hear(&[Data(3), Data(9), Data(8)]), "SACK(0 gap 3-3 gap 8-9)")],
            ..UP
        },
        Row {
            name: "gap_ack_block_expands_to_l_right_and_merges",
            steps: &[(0, Hear(&[Data(3), Data(5), Data(4)]), "SACK(0 gap 3-5)")],
            ..UP
        },
        Row {
            name: "gap_ack_block_merges_many_blocks_into_one",
            steps: &[(0, Hear(&[Data(3), Data(5), Data(7), Data(9), Data(4), Data(8), Data(6)]), "SACK(0 gap 3-9)")],
            ..UP
        },
        Row {
            name: "gap_ack_block_adds_duplicate",
            steps: &[(0, Hear(&[Data(3), Data(3)]), "SACK(0 gap 3-3 dup 3)")],
            ..UP
        },
        Row {
            name: "gap_ack_block_remove_before_first_block",
            steps: &[
                (0, Hear(&[Data(5), Data(6)]), "SACK(0 gap 5-6)"),
                (0, Hear(&[ForwardTsn(3, 1, 2)]), "SACK(3 gap 5-6)"),
            ],
            ..UP
        },
        Row {
            name: "gap_ack_block_remove_at_beginning_of_first_block",
            steps: &[
                (0, Hear(&[Data(5), Data(6), Data(9)]), "SACK(0 gap 5-6 gap 9-9)"),
                (0, Hear(&[ForwardTsn(4, 1, 3)]), "SACK(6 gap 9-9)"),
            ],
            ..UP
        },
        Row {
            name: "gap_ack_block_remove_at_middle_of_first_block",
            steps: &[
                (0, Hear(&[Data(5), Data(6), Data(7), Data(9)]), "SACK(0 gap 5-7 gap 9-9)"),
                (0, Hear(&[ForwardTsn(6, 1, 5)]), "SACK(7 gap 9-9)"),
            ],
            ..UP
        },
        Row {
            name: "gap_ack_block_remove_right_at_middle_of_second_block",
            steps: &[
                (0, Hear(&[Data(3), Data(5), Data(6), Data(7), Data(9)]), "SACK(0 gap 3-3 gap 5-7 gap 9-9)"),
                (0, Hear(&[ForwardTsn(6, 1, 5)]), "SACK(7 gap 9-9)"),
            ],
            ..UP
        },
        Row {
            name: "does_not_accept_data_before_forward_tsn",
            steps: &[(0, Hear(&[ForwardTsn(3, 1, 2)]), ""), (0, Hear(&[Data(2)]), "SACK(3 dup 2)"), (0, Read(0), "")],
            ..UP
        },
        Row {
            name: "does_not_accept_data_at_forward_tsn",
            steps: &[(0, Hear(&[ForwardTsn(3, 1, 2)]), ""), (0, Hear(&[Data(3)]), "SACK(3 dup 3)"), (0, Read(0), "")],
            ..UP
        },
        Row {
            name: "does_not_accept_gaps_with_duplicate_data",
            steps: &[(0, Hear(&[Data(1), Data(3)]), "SACK(1 gap 3-3)"), (0, Hear(&[Data(3)]), "SACK(1 gap 3-3 dup 3)")],
            ..UP
        },
        Row {
            name: "will_accept_valid_tsns",
            // As far ahead as a block can tell of, and as far back as one likes.
            steps: &[
                (0, Hear(&[Data(65_535)]), "SACK(0 gap 65535-65535)"),
                (0, Hear(&[DataOf(0, 1, 0, BEGIN | END, 5)]), "SACK(0 gap 65535-65535 dup 0)"),
                (0, Hear(&[DataOf(u32::MAX, 1, 0, BEGIN | END, 5)]), "SACK(0 gap 65535-65535 dup 4294967295)"),
            ],
            ..UP
        },
        Row { name: "gap_ack_block_add_single_block", steps: &[(0, Hear(&[Data(2)]), "SACK(0 gap 2-2)")], ..UP },
        Row {
            name: "gap_ack_block_adds_another",
            steps: &[(0, Hear(&[Data(2), Data(4)]), "SACK(0 gap 2-2 gap 4-4)")],
            ..UP
        },
        Row {
            name: "gap_ack_block_remove_before_cum_ack_tsn",
            steps: &[
                (0, Hear(THREE_BLOCKS), "SACK(0 gap 2-4 gap 10-12 gap 20-21)"),
                (0, Hear(&[ForwardTsnOf(u32::MAX - 2, &[])]), "SACK(0 gap 2-4 gap 10-12 gap 20-21)"),
            ],
            ..UP
        },
        Row {
            name: "gap_ack_block_remove_at_end_of_first_block",
            steps: &[
                (0, Hear(THREE_BLOCKS), "SACK(0 gap 2-4 gap 10-12 gap 20-21)"),
                (0, Hear(&[ForwardTsnOf(4, &[])]), "SACK(4 gap 10-12 gap 20-21)"),
            ],
            ..UP
        },
        Row {
            name: "gap_ack_block_remove_right_after_first_block",
            steps: &[
                (0, Hear(THREE_BLOCKS), "SACK(0 gap 2-4 gap 10-12 gap 20-21)"),
                (0, Hear(&[ForwardTsnOf(8, &[])]), "SACK(8 gap 10-12 gap 20-21)"),
            ],
            ..UP
        },
        Row {
            name: "gap_ack_block_remove_right_before_second_block",
            steps: &[
                (0, Hear(THREE_BLOCKS), "SACK(0 gap 2-4 gap 10-12 gap 20-21)"),
                (0, Hear(&[ForwardTsnOf(9, &[])]), "SACK(12 gap 20-21)"),
            ],
            ..UP
        },
        Row {
            name: "gap_ack_block_remove_right_at_start_of_second_block",
            steps: &[
                (0, Hear(THREE_BLOCKS), "SACK(0 gap 2-4 gap 10-12 gap 20-21)"),
                (0, Hear(&[ForwardTsnOf(10, &[])]), "SACK(12 gap 20-21)"),
            ],
            ..UP
        },
        Row {
            name: "gap_ack_block_remove_right_at_end_of_second_block",
            steps: &[
                (0, Hear(THREE_BLOCKS), "SACK(0 gap 2-4 gap 10-12 gap 20-21)"),
                (0, Hear(&[ForwardTsnOf(12, &[])]), "SACK(12 gap 20-21)"),
            ],
            ..UP
        },
        Row {
            name: "gap_ack_block_remove_far_after_all_blocks",
            steps: &[
                (0, Hear(THREE_BLOCKS), "SACK(0 gap 2-4 gap 10-12 gap 20-21)"),
                (0, Hear(&[ForwardTsnOf(30, &[])]), ""),
                (40, Wait, "SACK(30)"),
            ],
            ..UP
        },
        Row {
            name: "does_not_accept_data_before_cum_ack_tsn",
            steps: &[(0, Hear(&[DataOf(0, 1, 0, BEGIN | END, 5)]), "SACK(0 dup 0)"), (0, Read(0), "")],
            ..UP
        },
        Row {
            name: "does_not_accept_contiguous_duplicate_data",
            steps: &[
                (0, Hear(&[Data(1), Data(1), Data(2), Data(2), Data(1)]), "SACK(2 dup 1 dup 2 dup 1)"),
                (0, Read(5), ""),
                (0, Read(5), ""),
                (0, Read(0), ""),
            ],
            ..UP
        },
        Row {
            name: "observe_out_of_order_and_fill_gap_moves_cumulative_tsn_ack",
            steps: &[(0, Hear(&[Data(2), Data(4), Data(5), Data(1), Data(3)]), "SACK(5)")],
            ..UP
        },
        Row {
            name: "observe_out_of_order_and_fill_gap_moves_cumulative_tsn_ack_multiple_blocks",
            steps: &[
                (0, Hear(&[Data(2), Data(3), Data(5), Data(6), Data(4)]), "SACK(0 gap 2-6)"),
                (0, Hear(&[Data(1)]), "SACK(6)"),
            ],
            ..UP
        },
        Row {
            name: "advance_time_does_not_trigger_spurious_ack",
            steps: &[
                (0, Hear(&[Data(1)]), "SACK(1)"),
                (0, Hear(&[Data(2)]), ""),
                (1, Wait, ""),
                (39, Wait, ""),
                (40, Wait, "SACK(2)"),
                (60_000, Wait, ""),
            ],
            ..UP
        },
        Row {
            name: "observe_fill_gap_of_three_blocks_advances_cumulative_tsn",
            steps: &[
                (0, Hear(&[Data(2), Data(4), Data(6)]), "SACK(0 gap 2-2 gap 4-4 gap 6-6)"),
                (0, Hear(&[Data(1)]), "SACK(2 gap 4-4 gap 6-6)"),
                (0, Hear(&[Data(5)]), "SACK(2 gap 4-6)"),
                (0, Hear(&[Data(3)]), "SACK(6)"),
            ],
            ..UP
        },
    ]);
}

/// The same where messages are interleaved: TSNs are told apart from messages there, by other code.
#[test]
fn dcsctp_data_tracker_of_interleaved_messages() {
    const ONE: u8 = BEGIN | END;
    run(&[
        Row {
            name: "observe_out_of_order_moves_cumulative_tsn_ack",
            config: |config| config.with_interleaving(true),
            steps: &[
                (0, Hear(&[IData(1, 1, 0, 51, ONE)]), "SACK(1)"),
                (0, Hear(&[IData(3, 1, 2, 51, ONE)]), "SACK(1 gap 3-3)"),
                (0, Hear(&[IData(5, 1, 4, 51, ONE)]), "SACK(1 gap 3-3 gap 5-5)"),
                (0, Hear(&[IData(4, 1, 3, 51, ONE)]), "SACK(1 gap 3-5)"),
                (0, Hear(&[IData(4, 1, 3, 51, ONE)]), "SACK(1 gap 3-5 dup 4)"),
                (0, Read(5), ""),
                (0, Read(0), ""),
                (0, Hear(&[IData(2, 1, 1, 51, ONE)]), "SACK(5)"),
                (0, Read(5), ""),
                (0, Read(5), ""),
            ],
            ..UP
        },
        Row {
            name: "forward_tsn_skips_from_gap_block",
            config: |config| config.with_interleaving(true),
            steps: &[
                (0, Hear(&[IData(2, 1, 1, 51, ONE), IData(4, 1, 3, 51, ONE)]), "SACK(0 gap 2-2 gap 4-4)"),
                (0, Hear(&[IForwardTsn(1, 1, 0)]), "SACK(2 gap 4-4)"),
                (0, Read(5), ""),
                (0, Hear(&[IForwardTsn(3, 1, 2)]), ""),
                (0, Read(5), ""),
                (40, Wait, "SACK(4)"),
            ],
            ..UP
        },
    ]);
}
