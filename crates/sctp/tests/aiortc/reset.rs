//! Streams that begin anew, and requests that are lost, denied or put off.

use crate::common::raw::{BEGIN, END};
use crate::common::script::{Act::*, End, ROW, Row, Say::*, Start::*, run};
use ortica_sctp::{CloseReason, Event, StreamId};

const UP: Row = Row { start: Established, details: true, ..ROW };
const ONE: u8 = BEGIN | END;
const STREAM: StreamId = StreamId(1);
/// The last of what was queued has left.
const LOW: Event = Event::BufferedAmountLow(STREAM);
/// Results of RFC 6525 §4.4.
const PERFORMED: u32 = 1;
const DENIED: u32 = 2;
const IN_PROGRESS: u32 = 6;

#[test]
fn aiortc_resets_of_the_peer() {
    run(&[
        Row {
            name: "receive_reconfig_reset_deferred",
            steps: &[
                (0, Hear(&[ResetOut(1, 1, 1)]), "SACK(0) RE_CONFIG(answer 1 6)"),
                (0, Hear(&[ResetOut(1, 1, 1)]), "SACK(0) RE_CONFIG(answer 1 6)"),
                (0, Told(&[]), ""),
                (0, Hear(&[DataOf(1, 1, 0, ONE, 3)]), "SACK(1) RE_CONFIG(answer 1 1)"),
                (0, Read(3), ""),
                (0, Told(&[Event::StreamReset(STREAM)]), ""),
                // Repeated after it was done: answered, and not done again.
                (0, Hear(&[ResetOut(1, 1, 1)]), "SACK(1) RE_CONFIG(answer 1 1)"),
                (0, Told(&[]), ""),
            ],
            ..UP
        },
        Row {
            name: "receive_reconfig_reset_deferred_forward_tsn",
            steps: &[
                (0, Hear(&[ResetOut(1, 1, 1)]), "SACK(0) RE_CONFIG(answer 1 6)"),
                (0, Told(&[]), ""),
                (0, Hear(&[ForwardTsn(1, 1, 0)]), "RE_CONFIG(answer 1 1)"),
                (0, Told(&[Event::StreamReset(STREAM)]), ""),
            ],
            ..UP
        },
        Row {
            name: "receive_reconfig_reset_performed",
            // Then our own direction, as a data channel does it.
            steps: &[
                (0, Hear(&[DataOf(1, 1, 0, ONE, 3)]), "SACK(1)"),
                (0, Hear(&[ResetOut(1, 1, 1)]), "SACK(1) RE_CONFIG(answer 1 1)"),
                (0, Told(&[Event::StreamReset(STREAM)]), ""),
                (0, Reset(1), "RE_CONFIG(reset out 1 after 0 of 1)"),
                (0, Told(&[]), ""),
                (50, Hear(&[Answer(1, PERFORMED)]), "SACK(1)"),
                (50, Told(&[Event::StreamResetDone(STREAM)]), ""),
            ],
            ..UP
        },
    ]);
}

#[test]
fn aiortc_resets_of_ours() {
    run(&[
        Row {
            name: "receive_reconfig_response_denied",
            // The stream goes on where it was.
            steps: &[
                (0, Send(5), "DATA(1 on 1:0)"),
                (0, Reset(1), "RE_CONFIG(reset out 1 after 1 of 1)"),
                (50, Hear(&[Sack(1), Answer(1, DENIED)]), "SACK(0)"),
                (50, Told(&[LOW, Event::StreamResetFailed(STREAM)]), ""),
                (60_000, Wait, ""),
                (60_000, Send(5), "DATA(2 on 1:1)"),
            ],
            ..UP
        },
        Row {
            name: "receive_reconfig_response_in_progress",
            config: |config| config.with_max_retransmits(0),
            // To ask again is no failure.
            steps: &[
                (0, Send(5), "DATA(1 on 1:0)"),
                (0, Reset(1), "RE_CONFIG(reset out 1 after 1 of 1)"),
                (50, Hear(&[Sack(1), Answer(1, IN_PROGRESS)]), "SACK(0)"),
                (50, Told(&[LOW]), ""),
                (500, Wait, "RE_CONFIG(reset out 1 after 1 of 1)"),
                (550, Hear(&[Answer(1, PERFORMED)]), "SACK(0)"),
                (550, Told(&[Event::StreamResetDone(STREAM)]), ""),
                (60_000, Wait, ""),
                (60_000, Send(5), "DATA(2 on 1:0)"),
            ],
            ..UP
        },
        Row {
            name: "send_data_then_close",
            // The reset waits for the second message too, which waits for the window.
            steps: &[
                (0, Send(12_760), "DATA(1 B on 1:0) / DATA(2 - on 1:0) / DATA(3 - on 1:0) / DATA(4 - on 1:0)"),
                (0, Send(1), ""),
                (0, Reset(1), ""),
                (
                    50,
                    Hear(&[Sack(3)]),
                    "DATA(5 - on 1:0) / DATA(6 - on 1:0) / DATA(7 - on 1:0) / DATA(8 - on 1:0) / DATA(9 - on 1:0) / DATA(10 - on 1:0)",
                ),
                (60, Hear(&[Sack(4)]), "DATA(11 E on 1:0) / DATA(12 on 1:1) / RE_CONFIG(reset out 1 after 12 of 1)"),
                (70, Hear(&[Sack(12)]), ""),
                (70, Hear(&[Answer(1, PERFORMED)]), "SACK(0)"),
                (70, Told(&[LOW, Event::StreamResetDone(STREAM)]), ""),
            ],
            ..UP
        },
        Row {
            name: "reconfig_timer_expired",
            // Twice the time after each, and a minute at most.
            steps: &[
                (0, Reset(1), "RE_CONFIG(reset out 1 after 0 of 1)"),
                (999, Wait, ""),
                (1_000, Wait, "RE_CONFIG(reset out 1 after 0 of 1)"),
                (2_999, Wait, ""),
                (3_000, Wait, "RE_CONFIG(reset out 1 after 0 of 1)"),
                (63_000, Wait, "RE_CONFIG(reset out 1 after 0 of 1).."),
                (122_999, Wait, ""),
                (123_000, Wait, "RE_CONFIG(reset out 1 after 0 of 1)"),
                (182_999, Wait, ""),
                (183_000, Wait, "RE_CONFIG(reset out 1 after 0 of 1)"),
                (183_000, Told(&[]), ""),
            ],
            ..UP
        },
        Row {
            name: "reconfig_timer_expired, once too often",
            config: |config| config.with_max_retransmits(1),
            steps: &[
                (0, Reset(1), "RE_CONFIG(reset out 1 after 0 of 1)"),
                (60_000, Wait, "RE_CONFIG(reset out 1 after 0 of 1) / ABORT"),
                (60_000, Told(&[Event::Closed(CloseReason::Timeout)]), ""),
            ],
            end: End::Over(CloseReason::Timeout),
            ..UP
        },
    ]);
}
