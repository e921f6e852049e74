//! Partial reliability: what is given up, and how the peer learns of it.

use crate::common::script::{Act::*, ROW, Row, Say::*, Start::*, WINDOW, run};
use ortica_sctp::{Reliability, SendOptions};

const UP: Row = Row { start: Established, details: true, ..ROW };
/// Never sent again.
const ONCE: SendOptions = SendOptions { ordered: true, reliability: Reliability::MaxRetransmits(0) };
const RELIABLE: SendOptions = SendOptions { ordered: true, reliability: Reliability::Reliable };
/// Bytes of a chunk that fills a packet.
const FULL: usize = 1_176;
/// What the first window lets go of a message of eight chunks, and the second.
const FIRST: &str = "DATA(1 B on 1:0) / DATA(2 - on 1:0) / DATA(3 - on 1:0) / DATA(4 - on 1:0)";
const REST: &str = "DATA(5 - on 1:0) / DATA(6 - on 1:0) / DATA(7 - on 1:0) / DATA(8 E on 1:0)";

#[test]
fn aiortc_abandon_after_a_time_out() {
    run(&[
        Row {
            name: "maybe_abandon",
            // A reliable message is not given up.
            steps: &[
                (0, Send(3_480), "DATA(1 B on 1:0) / DATA(2 - on 1:0) / DATA(3 E on 1:0)"),
                (1_000, Wait, "DATA(1 B on 1:0)"),
                (1_050, Hear(&[Sack(1)]), "DATA(2 - on 1:0)"),
                (1_100, Hear(&[Sack(2)]), "DATA(3 E on 1:0)"),
                (1_150, Hear(&[Sack(3)]), ""),
            ],
            ..UP
        },
        Row {
            name: "maybe_abandon_max_retransmits",
            // One fragment is enough for all, and the timer runs on for the FORWARD TSN.
            steps: &[
                (0, SendOn(1, 3_480, ONCE), "DATA(1 B on 1:0) / DATA(2 - on 1:0) / DATA(3 E on 1:0)"),
                (0, InFlight(3 * FULL), ""),
                (1_000, Wait, "FORWARD_TSN(3 skips 1:0)"),
                (1_000, InFlight(0), ""),
                (2_999, Wait, ""),
                (3_000, Wait, "FORWARD_TSN(3 skips 1:0)"),
                (3_050, Hear(&[Sack(3)]), ""),
                (60_000, Wait, ""),
            ],
            ..UP
        },
        Row {
            name: "t3_expired_abandoned_queued_fragments",
            // Six fragments, of which the window takes four. The other two are never sent; TSN 5 stands for the end.
            steps: &[
                (
                    0,
                    SendOn(1, 6_960, ONCE),
                    "DATA(1 B on 1:0) / DATA(2 - on 1:0) / DATA(3 - on 1:0) / DATA(4 - on 1:0)",
                ),
                (0, Buffered(1, 2_320), ""),
                (1_000, Wait, "FORWARD_TSN(5 skips 1:0)"),
                (1_000, InFlight(0), ""),
                (1_000, Buffered(1, 0), ""),
                (1_050, Hear(&[Sack(5)]), ""),
                (1_050, Send(10), "DATA(6 on 1:1)"),
            ],
            ..UP
        },
        Row {
            name: "t3_expired_forward_tsn_lost",
            steps: &[
                (0, SendOn(1, 10, ONCE), "DATA(1 on 1:0)"),
                (1_000, Wait, "FORWARD_TSN(1 skips 1:0)"),
                (3_000, Wait, "FORWARD_TSN(1 skips 1:0)"),
                (7_000, Wait, "FORWARD_TSN(1 skips 1:0)"),
                (7_050, Hear(&[Sack(1)]), ""),
                (60_000, Wait, ""),
            ],
            ..UP
        },
        Row {
            name: "t3_expired_forward_tsn_lost_stream_reset",
            // The stream begins anew, so what was skipped on it before is not named any more.
            steps: &[
                (0, SendOn(1, 10, ONCE), "DATA(1 on 1:0)"),
                (1_000, Wait, "FORWARD_TSN(1 skips 1:0)"),
                (1_000, Reset(1), "RE_CONFIG(reset out 1 after 1 of 1)"),
                (1_050, Hear(&[Answer(1, 1)]), "SACK(0)"),
                (3_000, Wait, "FORWARD_TSN(1)"),
            ],
            ..UP
        },
        Row {
            name: "t3_expired_gap_acked",
            // The second chunk was acknowledged by a block, and is not sent again by the timer; then the peer takes it back.
            steps: &[
                (0, Send(2_320), "DATA(1 B on 1:0) / DATA(2 E on 1:0)"),
                (50, Hear(&[SackGap(0, 2, 2)]), ""),
                (50, InFlight(FULL), ""),
                (400, Wait, "DATA(1 B on 1:0).."),
                (900, Wait, "DATA(1 B on 1:0)"),
                (900, InFlight(FULL), ""),
                (950, Hear(&[Sack(1)]), "DATA(2 E on 1:0)"),
                (950, InFlight(FULL), ""),
                (1_000, Hear(&[Sack(2)]), ""),
                (1_000, InFlight(0), ""),
            ],
            ..UP
        },
    ]);
}

#[test]
fn aiortc_abandon_after_misses() {
    run(&[
        Row {
            name: "receive_sack_abandoned_fragments_flight_size",
            // The last fragment was not acknowledged, and is not in flight any more either.
            steps: &[
                (
                    0,
                    SendOn(1, 5_800, ONCE),
                    "DATA(1 B on 1:0) / DATA(2 - on 1:0) / DATA(3 - on 1:0) / DATA(4 - on 1:0)",
                ),
                (50, Hear(&[SackGap(0, 2, 2)]), "DATA(5 E on 1:0)"),
                (51, Hear(&[SackGap(0, 2, 3)]), ""),
                (52, Hear(&[SackGap(0, 2, 4)]), "FORWARD_TSN(5 skips 1:0)"),
                (52, InFlight(0), ""),
            ],
            ..UP
        },
        Row {
            name: "receive_sack_abandoned_queued_fragments",
            // What the window had no room for yet is never sent.
            steps: &[
                (
                    0,
                    SendOn(1, 23_200, ONCE),
                    "DATA(1 B on 1:0) / DATA(2 - on 1:0) / DATA(3 - on 1:0) / DATA(4 - on 1:0)",
                ),
                (50, Hear(&[SackGap(0, 2, 2)]), "DATA(5 - on 1:0) / DATA(6 - on 1:0)"),
                (51, Hear(&[SackGap(0, 2, 3)]), "DATA(7 - on 1:0) / DATA(8 - on 1:0)"),
                (52, Hear(&[SackGap(0, 2, 4)]), "FORWARD_TSN(9 skips 1:0)"),
                (52, InFlight(0), ""),
                (52, Buffered(1, 0), ""),
                (100, Hear(&[Sack(9)]), ""),
                (60_000, Wait, ""),
            ],
            ..UP
        },
        Row {
            name: "receive_sack_abandoned_then_acked",
            steps: &[
                // The window grows first.
                (0, Send(9_280), FIRST),
                (50, Hear(&[Sack(4)]), REST),
                (100, Hear(&[Sack(8)]), ""),
                (100, Send(1_160), "DATA(9 on 1:1)"),
                (100, SendOn(1, 2_320, ONCE), "DATA(10 B on 1:2) / DATA(11 E on 1:2)"),
                (100, Send(4_640), "DATA(12 B on 1:3) / DATA(13 - on 1:3) / DATA(14 - on 1:3) / DATA(15 E on 1:3)"),
                (100, InFlight(7 * FULL), ""),
                // The reliable one is sent again, and the other cannot be skipped before it has arrived.
                (150, Hear(&[SackOf(8, WINDOW, &[(4, 4)])]), "DATA(9 on 1:1)"),
                (151, Hear(&[SackOf(8, WINDOW, &[(4, 5)])]), ""),
                (152, Hear(&[SackOf(8, WINDOW, &[(4, 6)])]), ""),
                (152, InFlight(2 * FULL), ""),
                // They arrived after all.
                (160, Hear(&[Sack(14)]), ""),
                (160, InFlight(FULL), ""),
            ],
            ..UP
        },
        Row {
            name: "receive_sack_forward_tsn_acked_stream",
            steps: &[
                // The window grows first.
                (0, Send(9_280), FIRST),
                (50, Hear(&[Sack(4)]), REST),
                (100, Hear(&[Sack(8)]), ""),
                (100, SendOn(1, 10, ONCE), "DATA(9 on 1:1)"),
                (100, SendOn(9, 3_480, RELIABLE), "DATA(10 B on 9:0) / DATA(11 - on 9:0) / DATA(12 E on 9:0)"),
                (100, SendOn(2, 10, ONCE), "DATA(13 on 2:0)"),
                (100, SendOn(9, 3_480, RELIABLE), "DATA(14 B on 9:1) / DATA(15 - on 9:1) / DATA(16 E on 9:1)"),
                (150, Hear(&[SackOf(8, WINDOW, &[(2, 4)])]), "FORWARD_TSN(9 skips 1:1)"),
                (151, Hear(&[SackOf(8, WINDOW, &[(2, 4), (6, 8)])]), ""),
                // The peer has skipped the first: only the second is named.
                (200, Hear(&[SackOf(12, WINDOW, &[(2, 4)])]), "FORWARD_TSN(13 skips 2:0)"),
            ],
            ..UP
        },
        Row {
            name: "receive_sack_forward_tsn_lost",
            steps: &[
                (0, SendOn(1, 10, ONCE), "DATA(1 on 1:0)"),
                (0, SendOn(2, 3_480, RELIABLE), "DATA(2 B on 2:0) / DATA(3 - on 2:0) / DATA(4 E on 2:0)"),
                (50, Hear(&[SackGap(0, 2, 2)]), ""),
                (51, Hear(&[SackGap(0, 2, 3)]), ""),
                (52, Hear(&[SackGap(0, 2, 4)]), "FORWARD_TSN(1 skips 1:0)"),
                // Said again once a round trip, not with each SACK.
                (60, Hear(&[SackGap(0, 2, 4)]), ""),
                (102, Hear(&[SackGap(0, 2, 4)]), "FORWARD_TSN(1 skips 1:0)"),
                (152, Hear(&[Sack(4)]), ""),
                (152, InFlight(0), ""),
                (60_000, Wait, ""),
            ],
            ..UP
        },
    ]);
}
