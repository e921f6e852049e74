//! Data out: how much at once, and what is sent again.
//!
//! aiortc counts misses in SACKs and grows its window by its own constants; what is shown here is what both agree on: how
//! much may leave at first, what a SACK lets go, which chunks are sent again and when, and that the timer stops.

use crate::common::raw::UNORDERED;
use crate::common::script::{Act::*, ROW, Row, Say::*, Start::*, WINDOW, run};
use ortica_sctp::{Reliability, SendOptions};

const UP: Row = Row { start: Established, ..ROW };
const OUT_OF_ORDER: SendOptions = SendOptions { ordered: false, reliability: Reliability::Reliable };
/// Bytes of a chunk that fills a packet.
const FULL: usize = 1_176;
/// What the first window lets go of a long message.
const FIRST: &str = "DATA(1 B) / DATA(2 -) / DATA(3 -) / DATA(4 -)";

#[test]
fn aiortc_send_data() {
    run(&[
        Row {
            name: "send_data",
            details: true,
            steps: &[
                // Nothing to send, nothing to wait for.
                (60_000, Wait, ""),
                (60_000, Send(1_160), "DATA(1 on 1:0)"),
                (60_000, InFlight(FULL), ""),
                (60_999, Wait, ""),
                (61_000, Wait, "DATA(1 on 1:0)"),
            ],
            ..UP
        },
        Row {
            name: "send_data_unordered",
            details: true,
            // It takes no number of the ordered ones.
            steps: &[
                (0, SendOn(1, 1_160, OUT_OF_ORDER), "DATA(1 U on 1:0)"),
                (0, Send(10), "DATA(2 on 1:0)"),
                (0, Send(10), "DATA(3 on 1:1)"),
                (1_000, Wait, "DATA(1 U on 1:0).."),
            ],
            ..UP
        },
        Row {
            name: "receive data, unordered: it does not wait for a number",
            steps: &[(0, Hear(&[DataOf(1, 1, 9, 3 | UNORDERED, 4)]), "SACK(1)"), (0, Read(4), "")],
            ..UP
        },
    ]);
}

#[test]
fn aiortc_send_data_as_the_window_allows() {
    run(&[
        Row {
            name: "send_data_slow_start",
            steps: &[
                (0, Send(9_280), FIRST),
                (50, Hear(&[Sack(2)]), "DATA(5 -) / DATA(6 -) / DATA(7 -) / DATA(8 E)"),
                (50, InFlight(6 * FULL), ""),
                (60, Hear(&[Sack(4)]), ""),
                (100, Hear(&[Sack(6)]), ""),
                (100, InFlight(2 * FULL), ""),
                // The timer stops with the last.
                (110, Hear(&[Sack(8)]), ""),
                (110, InFlight(0), ""),
                (60_000, Wait, ""),
            ],
            ..UP
        },
        Row {
            name: "send_data_congestion_control",
            steps: &[
                (0, Send(18_560), FIRST),
                (0, InFlight(4 * FULL), ""),
                (0, Buffered(1, 12 * 1_160), ""),
                (50, Hear(&[Sack(2)]), "DATA(5 -) / DATA(6 -) / DATA(7 -) / DATA(8 -)"),
                (50, InFlight(6 * FULL), ""),
                (51, Hear(&[Sack(4)]), "DATA(9 -) / DATA(10 -) / DATA(11 -) / DATA(12 -)"),
                (51, InFlight(8 * FULL), ""),
                (100, Hear(&[Sack(8)]), "DATA(13 -) / DATA(14 -) / DATA(15 -) / DATA(16 E)"),
                (100, Buffered(1, 0), ""),
                (101, Hear(&[Sack(12)]), ""),
                (150, Hear(&[Sack(16)]), ""),
                (150, InFlight(0), ""),
                (60_000, Wait, ""),
            ],
            ..UP
        },
    ]);
}

#[test]
fn aiortc_send_data_with_gaps() {
    run(&[
        Row {
            name: "send_data_with_gap",
            // A hole that closes soon costs nothing.
            steps: &[
                (0, Send(9_280), FIRST),
                (50, Hear(&[SackGap(1, 2, 2)]), "DATA(5 -) / DATA(6 -) / DATA(7 -) / DATA(8 E)"),
                (55, Hear(&[Sack(4)]), ""),
                (100, Hear(&[Sack(6)]), ""),
                (105, Hear(&[Sack(8)]), ""),
                (60_000, Wait, ""),
            ],
            ..UP
        },
        Row {
            name: "send_data_with_gap_1_retransmit",
            steps: &[
                (0, Send(9_280), FIRST),
                (50, Hear(&[SackGap(1, 2, 2)]), "DATA(5 -) / DATA(6 -) / DATA(7 -) / DATA(8 E)"),
                (51, Hear(&[SackGap(1, 2, 3)]), ""),
                // Three packets later: sent again, once.
                (100, Hear(&[SackGap(1, 2, 4)]), "DATA(2 -)"),
                (101, Hear(&[SackGap(1, 2, 7)]), ""),
                (101, InFlight(FULL), ""),
                (150, Hear(&[Sack(8)]), ""),
                (150, InFlight(0), ""),
                (60_000, Wait, ""),
            ],
            ..UP
        },
        Row {
            name: "send_data_with_gap_2_retransmit",
            // Both are sent again, the first for three packets that came later, the second when it is late.
            steps: &[
                (0, Send(9_280), FIRST),
                (50, Hear(&[SackGap(0, 3, 3)]), "DATA(5 -) / DATA(6 -)"),
                (51, Hear(&[SackGap(0, 3, 4)]), "DATA(1 B) / DATA(7 -)"),
                (70, Wait, "DATA(2 -)"),
                (100, Hear(&[SackGap(0, 3, 6)]), "DATA(8 E)"),
                (101, Hear(&[SackGap(1, 2, 7)]), ""),
                (113, Hear(&[Sack(8)]), ""),
                (113, InFlight(0), ""),
                (60_000, Wait, ""),
            ],
            ..UP
        },
        Row {
            name: "send_data_with_gap_3_retransmit",
            steps: &[
                (0, Send(9_280), FIRST),
                (50, Hear(&[Sack(2)]), "DATA(5 -) / DATA(6 -) / DATA(7 -) / DATA(8 E)"),
                // Three are missing; the last that arrives tells of all of them.
                (60, Hear(&[SackGap(2, 4, 4)]), "DATA(3 -)"),
                (61, Hear(&[SackGap(2, 4, 5)]), "DATA(4 -)"),
                (62, Hear(&[SackGap(2, 4, 6)]), "DATA(5 -)"),
                (62, InFlight(3 * FULL), ""),
                (110, Hear(&[SackGap(4, 2, 4)]), ""),
                (110, InFlight(FULL), ""),
                (112, Hear(&[Sack(8)]), ""),
                (112, InFlight(0), ""),
                (60_000, Wait, ""),
            ],
            ..UP
        },
        Row {
            name: "receive_sack_gap_acked_after_retransmit",
            // What was sent again is in flight once, however often the rest is acknowledged.
            steps: &[
                (0, Send(2_320), "DATA(1 B) / DATA(2 E)"),
                (50, Hear(&[SackGap(0, 2, 2)]), ""),
                (50, InFlight(FULL), ""),
                (70, Wait, "DATA(1 B)"),
                (70, InFlight(FULL), ""),
                (75, Hear(&[SackGap(0, 2, 2)]), ""),
                (75, InFlight(FULL), ""),
                (120, Hear(&[Sack(2)]), ""),
                (120, InFlight(0), ""),
            ],
            ..UP
        },
        Row {
            name: "receive_sack_struck_again_before_retransmit",
            // Six SACKs that miss the same chunk before anything can be sent: it leaves the flight once.
            steps: &[
                // The window grows first.
                (0, Send(9_280), FIRST),
                (50, Hear(&[Sack(4)]), "DATA(5 -) / DATA(6 -) / DATA(7 -) / DATA(8 E)"),
                (100, Hear(&[Sack(8)]), ""),
                (
                    100,
                    Send(8_120),
                    "DATA(9 B) / DATA(10 -) / DATA(11 -) / DATA(12 -) / DATA(13 -) / DATA(14 -) / DATA(15 E)",
                ),
                (100, InFlight(7 * FULL), ""),
                (
                    150,
                    HearAll(&[
                        &[SackOf(8, WINDOW, &[(2, 2)])],
                        &[SackOf(8, WINDOW, &[(2, 3)])],
                        &[SackOf(8, WINDOW, &[(2, 4)])],
                        &[SackOf(8, WINDOW, &[(2, 5)])],
                        &[SackOf(8, WINDOW, &[(2, 6)])],
                        &[SackOf(8, WINDOW, &[(2, 6)])],
                    ]),
                    "DATA(9 B)",
                ),
                (150, InFlight(2 * FULL), ""),
                (200, Hear(&[Sack(15)]), ""),
                (200, InFlight(0), ""),
            ],
            ..UP
        },
    ]);
}
