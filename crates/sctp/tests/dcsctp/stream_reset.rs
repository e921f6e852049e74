//! `socket/stream_reset.rs`: streams that begin anew.

use crate::common::raw::{BEGIN, END};
use crate::common::script::{Act::*, ROW, Row, Say::*, Start::*, run};

const UP: Row = Row { start: Established, ..ROW };
const ONE: u8 = BEGIN | END;
/// Results of RFC 6525 §4.4.
const PERFORMED: u32 = 1;
const DENIED: u32 = 2;
const IN_PROGRESS: u32 = 6;

#[test]
fn dcsctp_stream_reset() {
    run(&[
        Row {
            name: "chunk_with_no_parameters_returns_error",
            steps: &[(0, Hear(&[Other(130, &[])]), "SACK(0)")],
            ..UP
        },
        Row {
            name: "chunk_with_invalid_parameters_returns_error",
            steps: &[(0, Hear(&[Other(130, &[0, 13, 0, 3])]), "")],
            ..UP
        },
        Row {
            name: "fail_to_deliver_without_resetting_stream",
            steps: &[
                (0, Hear(&[DataOf(1, 1, 0, ONE, 3), DataOf(2, 1, 1, ONE, 4)]), "SACK(2)"),
                (0, Hear(&[DataOf(3, 1, 0, ONE, 5), DataOf(4, 1, 1, ONE, 6)]), ""),
                (0, Read(3), ""),
                (0, Read(4), ""),
                (0, Read(0), ""),
            ],
            ..UP
        },
        Row {
            name: "reset_streams_not_deferred",
            steps: &[
                (0, Hear(&[DataOf(1, 1, 0, ONE, 3), DataOf(2, 1, 1, ONE, 4)]), "SACK(2)"),
                (0, Hear(&[ResetOut(1, 2, 1)]), "SACK(2) RE_CONFIG(answer 1 1)"),
                (0, Hear(&[DataOf(3, 1, 0, ONE, 5)]), ""),
                (0, Read(3), ""),
                (0, Read(4), ""),
                (0, Read(5), ""),
            ],
            ..UP
        },
        Row {
            name: "reset_streams_deferred",
            steps: &[
                (0, Hear(&[DataOf(1, 1, 0, ONE, 3)]), "SACK(1)"),
                (0, Hear(&[ResetOut(1, 3, 1)]), "SACK(1) RE_CONFIG(answer 1 6)"),
                // Sent after the reset, and waits for it.
                (0, Hear(&[DataOf(4, 1, 0, ONE, 6)]), "SACK(1 gap 4-4)"),
                (0, Hear(&[DataOf(3, 1, 2, ONE, 5)]), "SACK(1 gap 3-4)"),
                (0, Hear(&[DataOf(2, 1, 1, ONE, 4)]), "SACK(4) RE_CONFIG(answer 1 1)"),
                (0, Read(3), ""),
                (0, Read(4), ""),
                (0, Read(5), ""),
                (0, Read(6), ""),
            ],
            ..UP
        },
        Row {
            name: "reset_streams_deferred_only_selected_streams",
            steps: &[
                (0, Hear(&[ResetOut(1, 2, 9)]), "SACK(0) RE_CONFIG(answer 1 6)"),
                // Another stream does not wait.
                (0, Hear(&[DataOf(3, 1, 0, ONE, 6)]), "SACK(0 gap 3-3)"),
                (0, Read(6), ""),
                (0, Hear(&[DataOf(1, 9, 0, ONE, 6), DataOf(2, 9, 1, ONE, 6)]), "SACK(3) RE_CONFIG(answer 1 1)"),
            ],
            ..UP
        },
        Row {
            name: "reset_streams_deferred, interleaved: message numbers begin anew too, so what is early comes again",
            config: |config| config.with_interleaving(true),
            steps: &[
                (0, Hear(&[IData(1, 1, 0, 53, BEGIN)]), "SACK(1)"),
                (0, Hear(&[ResetOut(1, 3, 1)]), "SACK(1) RE_CONFIG(answer 1 6)"),
                (0, Hear(&[IData(4, 1, 0, 53, BEGIN)]), "SACK(1)"),
                (0, Hear(&[IData(5, 2, 0, 53, ONE)]), "SACK(1 gap 5-5)"),
                (0, Hear(&[IData(2, 1, 0, 1, 0), IData(3, 1, 0, 2, END)]), "SACK(3 gap 5-5) RE_CONFIG(answer 1 1)"),
                (0, Hear(&[IData(4, 1, 0, 53, ONE)]), "SACK(5)"),
                (0, Read(15), ""),
                (0, Read(5), ""),
            ],
            ..UP
        },
        Row {
            name: "reset_streams_defers_forward_tsn",
            steps: &[
                (0, Hear(&[ResetOut(1, 2, 1)]), "SACK(0) RE_CONFIG(answer 1 6)"),
                (0, Hear(&[ForwardTsn(2, 1, 1)]), "RE_CONFIG(answer 1 1)"),
                (0, Hear(&[DataOf(3, 1, 0, ONE, 7)]), "SACK(3)"),
                (0, Read(7), ""),
            ],
            ..UP
        },
        Row {
            name: "send_outgoing_request_directly",
            steps: &[(0, Reset(1), "RE_CONFIG(reset out 1)"), (0, Refused(5), "")],
            ..UP
        },
        Row {
            name: "send_outgoing_request_deferred",
            steps: &[
                (0, Send(10_000), "DATA(1 B) / DATA(2 -) / DATA(3 -) / DATA(4 -)"),
                (0, Reset(1), ""),
                (
                    10,
                    Hear(&[Sack(4)]),
                    "DATA(5 -) / DATA(6 -) / DATA(7 -) / DATA(8 -) / DATA(9 E) / RE_CONFIG(reset out 1)",
                ),
            ],
            ..UP
        },
        Row {
            name: "send_outgoing_resetting_on_positive_response",
            steps: &[
                (0, Send(5), "DATA(1)"),
                (0, Reset(1), "RE_CONFIG(reset out 1)"),
                (50, Hear(&[Sack(1), Answer(1, PERFORMED)]), "SACK(0)"),
                (100, Send(5), "DATA(2)"),
            ],
            ..UP
        },
        Row {
            name: "send_outgoing_reset_rollback_on_error",
            steps: &[
                (0, Reset(1), "RE_CONFIG(reset out 1)"),
                (0, Hear(&[Answer(1, DENIED)]), "SACK(0)"),
                (0, Send(5), "DATA(1)"),
            ],
            ..UP
        },
        Row {
            name: "send_outgoing_reset_retransmit_on_in_progress",
            steps: &[
                (0, Reset(1), "RE_CONFIG(reset out 1)"),
                (100, Hear(&[Answer(1, IN_PROGRESS)]), "SACK(0)"),
                (1_099, Wait, ""),
                (1_100, Wait, "RE_CONFIG(reset out 1)"),
                (1_200, Hear(&[Answer(1, PERFORMED)]), "SACK(0)"),
                (9_000, Wait, ""),
            ],
            ..UP
        },
        Row {
            name: "send_outgoing_reset_retransmit_on_in_progress_does_not_increment_error_counter",
            config: |config| config.with_max_retransmits(1),
            steps: &[
                (0, Reset(1), "RE_CONFIG(reset out 1)"),
                (0, Hear(&[Answer(1, IN_PROGRESS)]), "SACK(0)"),
                (1_000, Wait, "RE_CONFIG(reset out 1)"),
                (1_000, Hear(&[Answer(1, IN_PROGRESS)]), "SACK(0)"),
                (2_000, Wait, "RE_CONFIG(reset out 1)"),
                (2_000, Hear(&[Answer(1, IN_PROGRESS)]), "SACK(0)"),
                (3_000, Wait, "RE_CONFIG(reset out 1)"),
                (3_000, Hear(&[Answer(1, PERFORMED)]), "SACK(0)"),
            ],
            ..UP
        },
        Row {
            name: "reset_while_request_is_sent_will_queue",
            steps: &[
                (0, Reset(1), "RE_CONFIG(reset out 1)"),
                (0, Reset(2), ""),
                (0, Reset(3), ""),
                (0, Hear(&[Answer(1, PERFORMED)]), "SACK(0) RE_CONFIG(reset out 2)"),
                (0, Hear(&[Answer(2, PERFORMED)]), "SACK(0)"),
            ],
            ..UP
        },
        Row {
            name: "send_incoming_reset_just_returns_nothing_performed",
            steps: &[(0, Hear(&[ResetIn(1, 1)]), "SACK(0) RE_CONFIG(answer 1 0)")],
            ..UP
        },
        Row {
            name: "send_same_request_twice_is_idempotent",
            steps: &[
                (0, Hear(&[ResetOut(1, 0, 1)]), "SACK(0) RE_CONFIG(answer 1 1)"),
                (0, Hear(&[ResetOut(1, 0, 1)]), "SACK(0) RE_CONFIG(answer 1 1)"),
            ],
            ..UP
        },
        Row {
            name: "perform_close_after_one_first_failing",
            steps: &[
                (0, Reset(1), "RE_CONFIG(reset out 1)"),
                (0, Hear(&[Answer(1, DENIED)]), "SACK(0)"),
                (0, Reset(1), "RE_CONFIG(reset out 2)"),
                (0, Hear(&[Answer(2, PERFORMED)]), "SACK(0)"),
                (0, Send(5), "DATA(1)"),
            ],
            ..UP
        },
        Row {
            name: "reset_streams_deferred_retransmission_with_same_seq_num_success",
            steps: &[
                (0, Hear(&[ResetOut(1, 1, 1)]), "SACK(0) RE_CONFIG(answer 1 6)"),
                (0, Hear(&[DataOf(1, 1, 0, ONE, 3)]), "SACK(1) RE_CONFIG(answer 1 1)"),
                (0, Hear(&[ResetOut(1, 1, 1)]), "SACK(1) RE_CONFIG(answer 1 1)"),
            ],
            ..UP
        },
        Row {
            name: "reset_streams_deferred_with_new_seq_num_success",
            steps: &[
                (0, Hear(&[ResetOut(1, 1, 1)]), "SACK(0) RE_CONFIG(answer 1 6)"),
                (0, Hear(&[DataOf(1, 1, 0, ONE, 3)]), "SACK(1) RE_CONFIG(answer 1 1)"),
                (0, Hear(&[ResetOut(2, 1, 1)]), "SACK(1) RE_CONFIG(answer 2 1)"),
            ],
            ..UP
        },
        Row {
            name: "reset_streams_deferred_retransmission_still_in_progress",
            steps: &[
                (0, Hear(&[ResetOut(1, 1, 1)]), "SACK(0) RE_CONFIG(answer 1 6)"),
                (0, Hear(&[ResetOut(1, 1, 1)]), "SACK(0) RE_CONFIG(answer 1 6)"),
            ],
            ..UP
        },
        Row {
            name: "reset_streams_success_idempotency",
            steps: &[
                (0, Hear(&[DataOf(1, 1, 0, ONE, 3)]), "SACK(1)"),
                (0, Hear(&[ResetOut(1, 1, 1)]), "SACK(1) RE_CONFIG(answer 1 1)"),
                (0, Hear(&[DataOf(2, 1, 0, ONE, 4)]), ""),
                (0, Hear(&[ResetOut(1, 1, 1)]), "SACK(2) RE_CONFIG(answer 1 1)"),
                // The repetition has not begun the stream anew again.
                (0, Hear(&[DataOf(3, 1, 1, ONE, 5)]), ""),
                (0, Read(3), ""),
                (0, Read(4), ""),
                (0, Read(5), ""),
            ],
            ..UP
        },
    ]);
}
