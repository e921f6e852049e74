//! `SctpStreamTest`: from chunks to messages, seen from outside.

use crate::common::raw::{BEGIN, END, UNORDERED};
use crate::common::script::{Act::*, ROW, Row, Say::*, Start::*, run};

const UP: Row = Row { start: Established, ..ROW };
const ONE: u8 = BEGIN | END;

#[test]
fn aiortc_stream_in_order() {
    run(&[
        Row {
            name: "duplicate",
            // The second copy is not put in beside the first.
            steps: &[
                (0, Hear(&[DataOf(1, 1, 0, BEGIN, 3)]), "SACK(1)"),
                (0, Hear(&[DataOf(1, 1, 0, BEGIN, 3)]), "SACK(1 dup 1)"),
                (0, Hear(&[DataOf(2, 1, 0, 0, 3), DataOf(3, 1, 0, END, 3)]), ""),
                (0, Read(9), ""),
                (0, Read(0), ""),
            ],
            ..UP
        },
        Row {
            name: "whole_in_order",
            steps: &[
                (0, Hear(&[DataOf(1, 1, 0, ONE, 3)]), "SACK(1)"),
                (0, Read(3), ""),
                (0, Read(0), ""),
                (0, Hear(&[DataOf(2, 1, 1, ONE, 4)]), ""),
                (0, Read(4), ""),
                (0, Read(0), ""),
            ],
            ..UP
        },
        Row {
            name: "whole_out_of_order",
            steps: &[
                (0, Hear(&[DataOf(2, 1, 1, ONE, 4)]), "SACK(0 gap 2-2)"),
                (0, Read(0), ""),
                (0, Hear(&[DataOf(3, 1, 2, ONE, 5)]), "SACK(0 gap 2-3)"),
                (0, Read(0), ""),
                (0, Hear(&[DataOf(1, 1, 0, ONE, 3)]), "SACK(3)"),
                (0, Read(3), ""),
                (0, Read(4), ""),
                (0, Read(5), ""),
            ],
            ..UP
        },
        Row {
            name: "whole_out_of_order_not_adjacent",
            // TSN 2 belongs to another stream, and this one does not wait for it.
            steps: &[
                (0, Hear(&[DataOf(3, 1, 1, ONE, 4)]), "SACK(0 gap 3-3)"),
                (0, Read(0), ""),
                (0, Hear(&[DataOf(1, 1, 0, ONE, 3)]), "SACK(1 gap 3-3)"),
                (0, Read(3), ""),
                (0, Read(4), ""),
            ],
            ..UP
        },
        Row {
            name: "fragments_in_order",
            steps: &[
                (0, Hear(&[DataOf(1, 1, 0, BEGIN, 3)]), "SACK(1)"),
                (0, Read(0), ""),
                (0, Hear(&[DataOf(2, 1, 0, 0, 4)]), ""),
                (0, Read(0), ""),
                (0, Hear(&[DataOf(3, 1, 0, END, 5)]), "SACK(3)"),
                (0, Read(12), ""),
            ],
            ..UP
        },
        Row {
            name: "fragments_out_of_order",
            steps: &[
                (0, Hear(&[DataOf(3, 1, 0, END, 5)]), "SACK(0 gap 3-3)"),
                (0, Read(0), ""),
                (0, Hear(&[DataOf(1, 1, 0, BEGIN, 3)]), "SACK(1 gap 3-3)"),
                (0, Read(0), ""),
                (0, Hear(&[DataOf(2, 1, 0, 0, 4)]), "SACK(3)"),
                (0, Read(12), ""),
            ],
            ..UP
        },
    ]);
}

#[test]
fn aiortc_stream_unordered() {
    run(&[
        Row {
            name: "unordered_no_fragments",
            steps: &[
                (0, Hear(&[DataOf(2, 1, 0, ONE | UNORDERED, 4)]), "SACK(0 gap 2-2)"),
                (0, Read(4), ""),
                (0, Hear(&[DataOf(3, 1, 0, ONE | UNORDERED, 5)]), "SACK(0 gap 2-3)"),
                (0, Read(5), ""),
                (0, Hear(&[DataOf(1, 1, 0, ONE | UNORDERED, 3)]), "SACK(3)"),
                (0, Read(3), ""),
            ],
            ..UP
        },
        Row {
            name: "unordered_with_fragments",
            // Messages of two, one and three chunks.
            steps: &[
                (0, Hear(&[DataOf(2, 1, 0, END | UNORDERED, 2)]), "SACK(0 gap 2-2)"),
                (0, Read(0), ""),
                (0, Hear(&[DataOf(3, 1, 0, ONE | UNORDERED, 3)]), "SACK(0 gap 2-3)"),
                (0, Read(3), ""),
                (0, Hear(&[DataOf(4, 1, 0, BEGIN | UNORDERED, 4)]), "SACK(0 gap 2-4)"),
                (0, Read(0), ""),
                (0, Hear(&[DataOf(6, 1, 0, END | UNORDERED, 6)]), "SACK(0 gap 2-4 gap 6-6)"),
                (0, Read(0), ""),
                (0, Hear(&[DataOf(5, 1, 0, UNORDERED, 5)]), "SACK(0 gap 2-6)"),
                (0, Read(15), ""),
                (0, Hear(&[DataOf(1, 1, 0, BEGIN | UNORDERED, 1)]), "SACK(6)"),
                (0, Read(3), ""),
                (0, Read(0), ""),
            ],
            ..UP
        },
    ]);
}

/// What FORWARD TSN takes away, and what it leaves.
#[test]
fn aiortc_stream_pruned() {
    run(&[
        Row {
            name: "prune_chunks",
            // The end of the first message and the beginning of the second are there: only the first is dropped.
            steps: &[
                (0, Hear(&[DataOf(2, 1, 0, END, 3), DataOf(3, 1, 1, BEGIN, 4)]), "SACK(0 gap 2-3)"),
                (0, Hear(&[ForwardTsn(2, 1, 0)]), ""),
                (40, Wait, "SACK(3)"),
                (40, Read(0), ""),
                (40, Hear(&[DataOf(4, 1, 1, END, 5)]), ""),
                (40, Read(9), ""),
                (40, Read(0), ""),
            ],
            ..UP
        },
        Row {
            name: "prune_chunks_message_in_progress",
            // All fragments up to there are there, so nothing is given up.
            steps: &[
                (0, Hear(&[DataOf(1, 1, 0, BEGIN, 1), DataOf(2, 1, 0, 0, 2)]), "SACK(2)"),
                (0, Hear(&[ForwardTsnOf(2, &[])]), "SACK(2)"),
                (0, Hear(&[DataOf(3, 1, 0, 0, 3), DataOf(4, 1, 0, END, 4)]), ""),
                (0, Read(10), ""),
            ],
            ..UP
        },
        Row {
            name: "prune_chunks_message_in_progress, one in the middle missing",
            steps: &[
                (0, Hear(&[DataOf(1, 1, 0, BEGIN, 1), DataOf(3, 1, 0, 0, 3)]), "SACK(1 gap 3-3)"),
                (0, Hear(&[ForwardTsn(3, 1, 0)]), ""),
                (0, Hear(&[DataOf(4, 1, 0, END, 4)]), "SACK(4)"),
                (0, Read(0), ""),
                (0, Hear(&[DataOf(5, 1, 1, ONE, 5)]), ""),
                (0, Read(5), ""),
            ],
            ..UP
        },
        Row {
            name: "prune_chunks_message_in_progress, the first missing",
            steps: &[
                (0, Hear(&[DataOf(2, 1, 0, 0, 2), DataOf(3, 1, 0, 0, 3)]), "SACK(0 gap 2-3)"),
                (0, Hear(&[ForwardTsn(3, 1, 0)]), ""),
                (0, Hear(&[DataOf(4, 1, 0, END, 4)]), "SACK(4)"),
                (0, Read(0), ""),
                (0, Hear(&[DataOf(5, 1, 1, ONE, 5)]), ""),
                (0, Read(5), ""),
            ],
            ..UP
        },
    ]);
}
