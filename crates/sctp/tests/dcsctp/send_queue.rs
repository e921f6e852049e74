//! `tx/send_queue.rs`: what waits to be sent, as the wire and the events show it.

use crate::common::raw::UNORDERED;
use crate::common::script::{Act::*, ROW, Row, Say::*, Start::*, run};
use ortica_sctp::{Event, Reliability, SendOptions, StreamId};
use std::time::Duration;

const UP: Row = Row { start: Established, details: true, ..ROW };
const RELIABLE: SendOptions = SendOptions { ordered: true, reliability: Reliability::Reliable };
const OUT_OF_ORDER: SendOptions = SendOptions { ordered: false, reliability: Reliability::Reliable };
const ONCE: SendOptions = SendOptions { ordered: true, reliability: Reliability::MaxRetransmits(0) };
const FOR_100_MS: SendOptions =
    SendOptions { ordered: true, reliability: Reliability::MaxLifetime(Duration::from_millis(100)) };
const LOW: Event = Event::BufferedAmountLow(StreamId(1));

#[test]
fn dcsctp_send_queue() {
    run(&[
        Row {
            name: "carve_out_beginning_middle_and_end",
            steps: &[
                (0, Send(3_000), "DATA(1 B on 1:0) / DATA(2 - on 1:0) / DATA(3 E on 1:0)"),
                (0, Buffered(1, 0), ""),
            ],
            ..UP
        },
        Row {
            name: "defaults_to_ordered_send",
            steps: &[
                (0, SendOn(1, 20, SendOptions { ordered: true, ..RELIABLE }), "DATA(1 on 1:0)"),
                (0, SendOn(1, 20, OUT_OF_ORDER), "DATA(2 U on 1:0)"),
                (0, Hear(&[DataOf(1, 1, 0, 3 | UNORDERED, 5)]), "SACK(1)"),
            ],
            ..UP
        },
        Row {
            name: "returns_fragments_for_one_message_before_moving_to_next",
            start: Closed,
            steps: &[
                (0, Connect, "INIT"),
                (0, Hear(&[InitAck]), "COOKIE_ECHO"),
                (0, SendOn(1, 2_320, RELIABLE), ""),
                (0, SendOn(2, 2_320, RELIABLE), ""),
                (0, Hear(&[CookieAck]), "DATA(1 B on 1:0) / DATA(2 E on 1:0) / DATA(3 B on 2:0) / DATA(4 E on 2:0)"),
            ],
            ..UP
        },
        Row {
            name: "returns_also_small_fragments_before_moving_to_next",
            start: Closed,
            steps: &[
                (0, Connect, "INIT"),
                (0, Hear(&[InitAck]), "COOKIE_ECHO"),
                (0, SendOn(1, 1_161, RELIABLE), ""),
                (0, SendOn(2, 1_161, RELIABLE), ""),
                (0, Hear(&[CookieAck]), "DATA(1 B on 1:0) / DATA(2 E on 1:0) DATA(3 B on 2:0) / DATA(4 E on 2:0)"),
            ],
            ..UP
        },
        Row {
            name: "will_stay_in_a_stream_as_long_as_that_message_is_sending",
            steps: &[
                (0, SendOn(5, 1, RELIABLE), "DATA(1 on 5:0)"),
                (
                    0,
                    SendOn(1, 5_800, RELIABLE),
                    "DATA(2 B on 1:0) / DATA(3 - on 1:0) / DATA(4 - on 1:0) / DATA(5 - on 1:0)",
                ),
                // Others come, and wait for its end.
                (0, SendOn(6, 1, RELIABLE), ""),
                (0, SendOn(0, 1, RELIABLE), ""),
                (50, Hear(&[Sack(5)]), "DATA(6 E on 1:0) / DATA(7 on 6:0) DATA(8 on 0:0)"),
            ],
            ..UP
        },
        Row {
            name: "lifetime_discarded_messages_decrease_buffered_amount",
            steps: &[
                (
                    0,
                    SendOn(1, 9_280, FOR_100_MS),
                    "DATA(1 B on 1:0) / DATA(2 - on 1:0) / DATA(3 - on 1:0) / DATA(4 - on 1:0)",
                ),
                (0, Buffered(1, 4_640), ""),
                // The rest of it is too old when the window opens.
                (150, Hear(&[Sack(4)]), "FORWARD_TSN(5 skips 1:0)"),
                (150, Buffered(1, 0), ""),
            ],
            ..UP
        },
        Row {
            name: "discard_partial_packets",
            // The rest of what is given up loses its turn, and the next stream has it.
            steps: &[
                (
                    0,
                    SendOn(1, 9_280, ONCE),
                    "DATA(1 B on 1:0) / DATA(2 - on 1:0) / DATA(3 - on 1:0) / DATA(4 - on 1:0)",
                ),
                (0, SendOn(2, 10, RELIABLE), ""),
                (1_000, Wait, "FORWARD_TSN(5 skips 1:0) DATA(6 on 2:0)"),
                (1_050, Hear(&[Sack(6)]), ""),
                (60_000, Wait, ""),
            ],
            ..UP
        },
    ]);
}

/// The event at the threshold of the buffered amount.
#[test]
fn dcsctp_send_queue_buffered_amount_low() {
    run(&[
        Row {
            name: "doesnt_trigger_on_buffered_amount_low_when_set_to_zero",
            steps: &[(0, Threshold(1, 0), ""), (0, Told(&[]), "")],
            ..UP
        },
        Row {
            name: "triggers_on_buffered_amount_at_zero_low_when_sent",
            steps: &[(0, Send(1), "DATA(1 on 1:0)"), (0, Buffered(1, 0), ""), (0, Told(&[LOW]), "")],
            ..UP
        },
        Row {
            name: "will_retrigger_on_buffered_amount_low_if_adding_more",
            steps: &[
                (0, Send(1), "DATA(1 on 1:0)"),
                (0, Told(&[LOW]), ""),
                (0, Send(1), "DATA(2 on 1:1)"),
                (0, Told(&[LOW]), ""),
            ],
            ..UP
        },
        Row {
            name: "only_triggers_when_transitioning_from_above_to_below_or_equal",
            steps: &[
                (0, Threshold(1, 20), ""),
                (0, Send(10), "DATA(1 on 1:0)"),
                (0, Send(20), "DATA(2 on 1:1)"),
                (0, Told(&[]), ""),
                (0, Send(21), "DATA(3 on 1:2)"),
                (0, Told(&[LOW]), ""),
            ],
            ..UP
        },
        Row {
            name: "will_trigger_on_buffered_amount_low_set_above_zero",
            steps: &[
                (0, Threshold(1, 3_480), ""),
                (0, Send(8_120), "DATA(1 B on 1:0).."),
                (0, Buffered(1, 3_480), ""),
                (0, Told(&[LOW]), ""),
                // Not again when it falls further.
                (50, Hear(&[Sack(1)]), "DATA(5 - on 1:0).."),
                (50, Told(&[]), ""),
            ],
            ..UP
        },
        Row {
            name: "will_retrigger_on_buffered_amount_low_set_above_zero",
            steps: &[
                (0, Threshold(1, 3_480), ""),
                (0, Send(8_120), "DATA(1 B on 1:0).."),
                (0, Told(&[LOW]), ""),
                (0, Send(1_160), ""),
                (0, Buffered(1, 4_640), ""),
                (0, Told(&[]), ""),
                (50, Hear(&[Sack(1)]), "DATA(5 - on 1:0).."),
                (50, Told(&[LOW]), ""),
            ],
            ..UP
        },
        Row {
            name: "triggers_on_buffered_amount_low_on_threshold_changed: it does not, as W3C has it",
            steps: &[
                (0, Send(5_800), "DATA(1 B on 1:0).."),
                (0, Buffered(1, 1_160), ""),
                (0, Threshold(1, 1_160), ""),
                (0, Threshold(1, 9_000), ""),
                (0, Told(&[]), ""),
            ],
            ..UP
        },
    ]);
}
