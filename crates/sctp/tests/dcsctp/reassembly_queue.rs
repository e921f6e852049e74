//! `rx/reassembly_queue.rs`: from chunks to messages.

use crate::common::raw::{BEGIN, END, UNORDERED};
use crate::common::script::{Act::*, ROW, Row, Say::*, Start::*, run};

const UP: Row = Row { start: Established, ..ROW };
const MIXED: Row = Row { config: |config| config.with_interleaving(true), ..UP };
const ONE: u8 = BEGIN | END;

#[test]
fn dcsctp_reassembly_queue() {
    run(&[
        Row { name: "empty_queue", steps: &[(0, Read(0), "")], ..UP },
        Row {
            name: "single_unordered_chunk_message",
            steps: &[(0, Hear(&[DataOf(1, 1, 0, ONE | UNORDERED, 9)]), "SACK(1)"), (0, Read(9), "")],
            ..UP
        },
        Row {
            name: "single_ordered_chunk_message",
            steps: &[(0, Hear(&[DataOf(1, 1, 0, ONE, 9)]), "SACK(1)"), (0, Read(9), "")],
            ..UP
        },
        Row {
            name: "retransmission_in_large_ordered",
            steps: &[
                (0, Hear(&[DataOf(1, 1, 0, BEGIN, 5)]), "SACK(1)"),
                (0, Hear(&[DataOf(3, 1, 0, 0, 5), DataOf(4, 1, 0, 0, 5)]), "SACK(1 gap 3-4)"),
                (0, Hear(&[DataOf(3, 1, 0, 0, 5)]), "SACK(1 gap 3-4 dup 3)"),
                (0, Hear(&[DataOf(5, 1, 0, END, 5)]), "SACK(1 gap 3-5)"),
                (0, Hear(&[DataOf(2, 1, 0, 0, 5)]), "SACK(5)"),
                (0, Read(25), ""),
            ],
            ..UP
        },
        Row {
            name: "forward_tsn_remove_unordered",
            steps: &[
                (0, Hear(&[DataOf(1, 1, 0, BEGIN | UNORDERED, 5), DataOf(2, 1, 0, UNORDERED, 5)]), "SACK(2)"),
                (0, Hear(&[DataOf(4, 1, 0, END | UNORDERED, 5)]), "SACK(2 gap 4-4)"),
                (0, Hear(&[DataOf(5, 1, 0, BEGIN | UNORDERED, 5)]), "SACK(2 gap 4-5)"),
                (0, Hear(&[DataOf(6, 1, 0, END | UNORDERED, 6)]), "SACK(2 gap 4-6)"),
                (0, Read(11), ""),
                (0, Hear(&[ForwardTsn(4, 1, 0)]), ""),
                (40, Wait, "SACK(6)"),
                (40, Read(0), ""),
            ],
            ..UP
        },
        Row {
            name: "forward_tsn_remove_ordered",
            steps: &[
                (0, Hear(&[DataOf(1, 1, 0, BEGIN, 5), DataOf(2, 1, 0, 0, 5)]), "SACK(2)"),
                (0, Hear(&[DataOf(4, 1, 0, END, 5), DataOf(5, 1, 1, BEGIN, 5)]), "SACK(2 gap 4-5)"),
                (0, Hear(&[DataOf(6, 1, 1, END, 6)]), "SACK(2 gap 4-6)"),
                (0, Read(0), ""),
                (0, Hear(&[ForwardTsn(4, 1, 0)]), ""),
                (0, Read(11), ""),
            ],
            ..UP
        },
        Row {
            name: "single_unordered_chunk_message_in_rfc8260",
            steps: &[(0, Hear(&[IData(1, 1, 0, 53, ONE | UNORDERED)]), "SACK(1)"), (0, Read(5), "")],
            ..MIXED
        },
        Row {
            name: "two_interleaved_chunks",
            steps: &[
                (0, Hear(&[IData(1, 1, 0, 53, BEGIN), IData(2, 2, 0, 53, BEGIN)]), "SACK(2)"),
                (0, Hear(&[IData(3, 1, 0, 1, 0), IData(4, 2, 0, 1, END)]), ""),
                (0, Read(0), ""),
                (0, Hear(&[IData(5, 1, 0, 2, END)]), "SACK(5)"),
                (0, Read(15), ""),
            ],
            ..MIXED
        },
        Row {
            name: "i_forward_tsn_remove_a_lot_ordered",
            steps: &[
                (0, Hear(&[IData(1, 1, 0, 53, BEGIN), IData(2, 1, 0, 1, 0)]), "SACK(2)"),
                (0, Hear(&[IData(4, 1, 0, 3, END), IData(5, 1, 1, 53, BEGIN)]), "SACK(2 gap 4-5)"),
                (0, Hear(&[IData(6, 1, 1, 1, END)]), "SACK(2 gap 4-6)"),
                (0, Read(0), ""),
                (0, Hear(&[IForwardTsn(3, 1, 0)]), ""),
                (0, Read(10), ""),
            ],
            ..MIXED
        },
    ]);
}
