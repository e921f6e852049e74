//! `socket/socket_tests.rs`: streams that are reset, share by weight, or tell when little is left on them.

use crate::common::script::{Act::*, ROW, Row, Say::*, Start::*, run};
use crate::common::{MS, Peer, SECOND, config, connect, pattern};
use netsim::{Link, Pair};
use ortica_sctp::{Event, Reliability, SendOptions, StreamId};

const UP: Row = Row { start: Established, details: true, ..ROW };
const RELIABLE: SendOptions = SendOptions { ordered: true, reliability: Reliability::Reliable };
const PERFORMED: u32 = 1;
const LOW_1: Event = Event::BufferedAmountLow(StreamId(1));
const LOW_2: Event = Event::BufferedAmountLow(StreamId(2));

#[test]
fn dcsctp_socket_stream_resets() {
    run(&[
        Row {
            name: "reset_stream",
            steps: &[
                (0, Send(2), "DATA(1 on 1:0)"),
                (50, Hear(&[Sack(1)]), ""),
                (50, Told(&[LOW_1]), ""),
                (50, Reset(1), "RE_CONFIG(reset out 1 after 1 of 1)"),
                (50, Told(&[]), ""),
                (100, Hear(&[Answer(1, PERFORMED)]), "SACK(0)"),
                (100, Told(&[Event::StreamResetDone(StreamId(1))]), ""),
                (60_000, Wait, ""),
            ],
            ..UP
        },
        Row {
            name: "reset_stream_will_only_reset_the_requested_streams",
            steps: &[
                (0, SendOn(1, 10, RELIABLE), "DATA(1 on 1:0)"),
                (0, SendOn(1, 10, RELIABLE), "DATA(2 on 1:1)"),
                (0, SendOn(3, 10, RELIABLE), "DATA(3 on 3:0)"),
                (0, SendOn(3, 10, RELIABLE), "DATA(4 on 3:1)"),
                (50, Hear(&[Sack(4)]), ""),
                (50, Reset(3), "RE_CONFIG(reset out 1 after 4 of 3)"),
                (100, Hear(&[Answer(1, PERFORMED)]), "SACK(0)"),
                (100, SendOn(1, 10, RELIABLE), "DATA(5 on 1:2)"),
                (100, SendOn(3, 10, RELIABLE), "DATA(6 on 3:0)"),
            ],
            ..UP
        },
        Row {
            name: "close_two_streams_at_the_same_time",
            steps: &[
                (0, Reset(1), "RE_CONFIG(reset out 1 after 0 of 1)"),
                (0, Reset(2), ""),
                (50, Hear(&[Answer(1, PERFORMED)]), "SACK(0) RE_CONFIG(reset out 2 after 0 of 2)"),
                (100, Hear(&[Answer(2, PERFORMED)]), "SACK(0)"),
                (100, Told(&[Event::StreamResetDone(StreamId(1)), Event::StreamResetDone(StreamId(2))]), ""),
            ],
            ..UP
        },
        Row {
            name: "close_three_streams_at_the_same_time",
            // What comes while a request is under way goes with the next, all of it.
            steps: &[
                (0, Reset(1), "RE_CONFIG(reset out 1 after 0 of 1)"),
                (0, Reset(2), ""),
                (0, Reset(3), ""),
                (50, Hear(&[Answer(1, PERFORMED)]), "SACK(0) RE_CONFIG(reset out 2 after 0 of 2 3)"),
                (50, Told(&[Event::StreamResetDone(StreamId(1))]), ""),
                (100, Hear(&[Answer(2, PERFORMED)]), "SACK(0)"),
                (100, Told(&[Event::StreamResetDone(StreamId(2)), Event::StreamResetDone(StreamId(3))]), ""),
            ],
            ..UP
        },
        Row {
            name: "reset_multiple_streams_in_one_request",
            steps: &[
                (0, ResetAll(&[1, 2, 3]), "RE_CONFIG(reset out 1 after 0 of 1 2 3)"),
                (0, Reset(40), ""),
                (50, Hear(&[Answer(1, PERFORMED)]), "SACK(0) RE_CONFIG(reset out 2 after 0 of 40)"),
            ],
            ..UP
        },
        Row {
            name: "close_streams_with_pending_request",
            // All of them can be used again, from the start.
            steps: &[
                (0, SendOn(1, 2, RELIABLE), "DATA(1 on 1:0)"),
                (0, SendOn(2, 2, RELIABLE), "DATA(2 on 2:0)"),
                (0, SendOn(3, 2, RELIABLE), "DATA(3 on 3:0)"),
                (50, Hear(&[Sack(3)]), ""),
                (50, Reset(1), "RE_CONFIG(reset out 1 after 3 of 1)"),
                (50, Reset(2), ""),
                (50, Reset(3), ""),
                (100, Hear(&[Answer(1, PERFORMED)]), "SACK(0) RE_CONFIG(reset out 2 after 3 of 2 3)"),
                (150, Hear(&[Answer(2, PERFORMED)]), "SACK(0)"),
                (150, SendOn(1, 2, RELIABLE), "DATA(4 on 1:0)"),
                (150, SendOn(2, 2, RELIABLE), "DATA(5 on 2:0)"),
                (150, SendOn(3, 2, RELIABLE), "DATA(6 on 3:0)"),
            ],
            ..UP
        },
    ]);
}

#[test]
fn dcsctp_socket_buffered_amount_low() {
    run(&[
        Row {
            name: "triggers_on_buffered_amount_low_with_default_value_zero",
            steps: &[(0, Send(100), "DATA(1 on 1:0)"), (0, Told(&[LOW_1]), "")],
            ..UP
        },
        Row {
            name: "doesnt_trigger_on_buffered_amount_low_if_below_threshold",
            steps: &[
                (0, Threshold(1, 1_001), ""),
                (0, Send(1_000), "DATA(1 on 1:0)"),
                (50, Hear(&[Sack(1)]), ""),
                (50, Send(1_000), "DATA(2 on 1:1)"),
                (100, Hear(&[Sack(2)]), ""),
                (100, Told(&[]), ""),
            ],
            ..UP
        },
        Row {
            name: "triggers_on_buffered_amount_multiple_times",
            steps: &[
                (0, Threshold(1, 500), ""),
                (0, Threshold(2, 500), ""),
                (0, SendOn(1, 1_000, RELIABLE), "DATA(1 on 1:0)"),
                (0, Told(&[LOW_1]), ""),
                (0, SendOn(2, 1_000, RELIABLE), "DATA(2 on 2:0)"),
                (0, Told(&[LOW_2]), ""),
                (0, SendOn(1, 1_000, RELIABLE), "DATA(3 on 1:1)"),
                (0, Told(&[LOW_1]), ""),
                (0, SendOn(2, 1_000, RELIABLE), "DATA(4 on 2:1)"),
                (0, Told(&[LOW_2]), ""),
            ],
            ..UP
        },
        Row {
            name: "triggers_on_buffered_amount_low_only_when_crossing_threshold",
            steps: &[
                (0, Threshold(1, 1_500), ""),
                (0, Send(6_960), "DATA(1 B on 1:0) / DATA(2 - on 1:0) / DATA(3 - on 1:0) / DATA(4 - on 1:0)"),
                (0, Buffered(1, 2_320), ""),
                (0, Told(&[]), ""),
                (50, Hear(&[Sack(4)]), "DATA(5 - on 1:0) / DATA(6 E on 1:0)"),
                (50, Told(&[LOW_1]), ""),
                (100, Hear(&[Sack(6)]), ""),
                (100, Told(&[]), ""),
            ],
            ..UP
        },
    ]);
}

#[test]
fn dcsctp_socket_weights() {
    const MIXED: Row = Row { config: |config| config.with_interleaving(true), ..UP };
    run(&[
        Row {
            name: "send_zero_priority_message",
            // There is no weight below one.
            steps: &[(0, Weight(1, 0), ""), (0, Send(3), "I_DATA(1 on 1:0)")],
            ..MIXED
        },
        Row {
            name: "small_sent_messages_with_prio_will_arrive_in_specific_order",
            start: Closed,
            steps: &[
                (0, Weight(1, 700), ""),
                (0, Weight(2, 200), ""),
                (0, Weight(3, 100), ""),
                (0, Connect, "INIT"),
                (0, Hear(&[InitAck]), "COOKIE_ECHO"),
                (0, SendOn(3, 10, RELIABLE), ""),
                (0, SendOn(1, 10, RELIABLE), ""),
                (0, SendOn(2, 10, RELIABLE), ""),
                (0, SendOn(1, 10, RELIABLE), ""),
                (0, SendOn(1, 10, RELIABLE), ""),
                (0, Hear(&[CookieAck]), "I_DATA(1 on 1:0).."),
            ],
            ..MIXED
        },
    ]);
}

/// message_with_higher_prio_will_interrupt_lower_prio_message: two messages on a heavier stream come in between, the second
/// of them as long as the one that was begun before.
#[test]
fn dcsctp_message_with_higher_prio_will_interrupt_lower_prio_message() {
    let interleaved = || Peer::new(config().with_interleaving(true), 1);
    let link = Link::with_delay(10 * MS);
    let mut pair = connect(Pair::of_machines(1, link.clone(), interleaved(), interleaved()), link);
    let long = pattern(20 * 1_156);
    pair.with_a(|a, now| {
        a.machine.association.set_weight(StreamId(2), 128);
        a.machine.queue(2, long.clone(), SendOptions::default());
        a.machine.run_application(now);
    });
    pair.run_for(MS);
    pair.with_a(|a, now| {
        a.machine.association.set_weight(StreamId(1), 512);
        a.machine.queue(1, pattern(10), SendOptions::default());
        a.machine.queue(1, long.clone(), SendOptions::default());
        a.machine.run_application(now);
    });
    pair.run_until(10 * SECOND, |_, b| b.machine.inbox.len() == 3).expect("all arrive");
    let order = pair.b.machine.inbox.iter().map(|message| (message.stream.0, message.payload.len()));
    assert_eq!(order.collect::<Vec<_>>(), [(1, 10), (1, long.len()), (2, long.len())]);
}
