//! Data.

use crate::common::raw::{BEGIN, END};
use crate::common::script::{Act::*, End, ROW, Row, Say::*, Start::*, run};
use crate::common::{SECOND, connected, pattern};
use netsim::Link;
use ortica_sctp::{CloseReason, Event, Limits, SendOptions};

#[test]
fn etsi_data() {
    run(&[
        Row {
            name: "sctp-d-v-8-1: Sending of a user message not requireing fragmentation",
            start: Established,
            steps: &[(0, Send(1_160), "DATA(1)")],
            ..ROW
        },
        Row {
            name: "sctp-d-v-8-2: Sending of a user message requireing fragmentation",
            start: Established,
            steps: &[(0, Send(3_000), "DATA(1 B) / DATA(2 -) / DATA(3 E)")],
            ..ROW
        },
        Row {
            name: "sctp-d-v-8-3: Handling of fragmented user message (first, middle, end)",
            start: Established,
            steps: &[
                (0, Hear(&[DataOf(1, 1, 0, BEGIN, 100)]), "SACK(1)"),
                (0, Hear(&[DataOf(2, 1, 0, 0, 50)]), ""),
                (0, Read(0), ""),
                (0, Hear(&[DataOf(3, 1, 0, END, 25)]), "SACK(3)"),
                (0, Read(175), ""),
            ],
            ..ROW
        },
        Row {
            name: "sctp-d-v-8-4: Handling of SACK acknowledging an outstanding TSN",
            start: Established,
            steps: &[(0, Send(10), "DATA(1)"), (100, Hear(&[Sack(1)]), ""), (100_000, Wait, "")],
            ..ROW
        },
        Row {
            name: "sctp-d-i-8-5: Handling of T3 Timeouts",
            start: Established,
            steps: &[(0, Send(10), "DATA(1)"), (999, Wait, ""), (1_000, Wait, "DATA(1)")],
            ..ROW
        },
        Row {
            name: "sctp-d-o-8-6: Handling of duplicate DATA chunks",
            start: Established,
            steps: &[
                (0, Hear(&[Data(1)]), "SACK(1)"),
                (0, Hear(&[Data(1)]), "SACK(1 dup 1)"),
                (0, Read(5), ""),
                (0, Read(0), ""),
            ],
            ..ROW
        },
        Row {
            name: "sctp-d-o-8-7: Performing zero window probing with un-fragmented user data",
            start: Established,
            steps: &[
                (0, Send(10), "DATA(1)"),
                (100, Hear(&[SackWindow(1, 0)]), ""),
                (100, Send(20), ""),
                (9_000, Wait, "DATA(2).."),
                (9_100, Hear(&[SackWindow(1, 0)]), ""),
                (60_000, Wait, "DATA(2).."),
                (60_100, Hear(&[SackWindow(2, 9_000)]), ""),
            ],
            ..ROW
        },
        Row {
            name: "sctp-d-o-8-8: Performing zero window probing with fragmented user data",
            start: Established,
            steps: &[
                (0, Send(10), "DATA(1)"),
                (100, Hear(&[SackWindow(1, 0)]), ""),
                (100, Send(2_000), ""),
                (9_000, Wait, "DATA(2 B).."),
                (9_100, Hear(&[SackWindow(2, 9_000)]), "DATA(3 E)"),
            ],
            ..ROW
        },
        Row {
            name: "sctp-d-v-8-9: Send retransmissions before transmissions",
            start: Established,
            steps: &[
                (0, Send(1_160), "DATA(1)"),
                (0, Send(1_160), "DATA(2)"),
                (1_000, Wait, "DATA(1)"),
                (1_001, Send(1_160), ""),
                (1_050, Hear(&[Sack(1)]), "DATA(2).."),
            ],
            ..ROW
        },
        Row {
            name: "sctp-d-i-8-11: Handling of empty DATA chunks",
            start: Established,
            steps: &[(0, Hear(&[DataOf(1, 1, 0, BEGIN | END, 0)]), "ABORT(9)")],
            end: End::Over(CloseReason::ProtocolViolation("DATA without data")),
            ..ROW
        },
        Row {
            name: "sctp-d-o-8-12: Handling of outdated SACK chunks",
            start: Established,
            steps: &[
                (0, Send(10), "DATA(1)"),
                (0, Send(10), "DATA(2)"),
                (50, Hear(&[Sack(2)]), ""),
                (60, Hear(&[Sack(1)]), ""),
                (60, Hear(&[SackWindow(1, 0)]), ""),
                (60, Send(10), "DATA(3)"),
            ],
            ..ROW
        },
    ]);
}

/// sctp-d-v-8-13: Handling of user messages of maximum size; sctp-d-v-8-14: Sending of user messages of maximum size.
#[test]
fn etsi_data_of_maximum_size() {
    let mut pair = connected(8, Link::default());
    let most = Limits::default().max_message_size;
    for _ in 0..2 {
        pair.a.machine.queue(1, pattern(most), SendOptions::default());
    }
    pair.run_until(60 * SECOND, |_, b| b.machine.inbox.len() == 2).expect("both arrive");
    assert!(pair.b.machine.inbox.iter().all(|message| message.payload == pattern(most)));
}

/// sctp-d-v-8-15: Handling of user messages larger than the maximum size.
#[test]
fn etsi_data_beyond_the_maximum_size() {
    let mut pair = connected(8, Link::default());
    pair.a.machine.queue(1, pattern(Limits::default().max_message_size + 1), SendOptions::default());
    let closed = Event::Closed(CloseReason::MessageTooLarge);
    pair.run_until(60 * SECOND, |_, b| b.machine.has(&closed)).expect("it is not taken");
    assert!(pair.b.machine.inbox.is_empty());
}
