//! `rx/reassembly_queue.rs`: from chunks to messages.

use crate::common::config;
use crate::common::raw::{self, BEGIN, DATA, END, I_DATA, UNORDERED, data, i_data};
use crate::common::script::{Act::*, ROW, Row, Say::*, Start::*, run};
use ortica_core::Rng;
use ortica_sctp::{Association, StreamId};
use std::sync::Arc;

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
        Row {
            name: "can_delete_first_ordered_message",
            steps: &[
                (0, Hear(&[ForwardTsn(1, 1, 0)]), ""),
                (0, Hear(&[DataOf(2, 1, 1, ONE, 5)]), "SACK(2)"),
                (0, Read(5), ""),
            ],
            ..UP
        },
        Row {
            name: "can_delete_first_ordered_message, interleaved",
            steps: &[
                (0, Hear(&[IForwardTsn(1, 1, 0)]), ""),
                (0, Hear(&[IData(2, 1, 1, 53, ONE)]), "SACK(2)"),
                (0, Read(5), ""),
            ],
            ..MIXED
        },
        Row {
            name: "can_reassemble_fast_path_unordered",
            steps: &[
                (0, Hear(&[DataOf(1, 1, 0, ONE | UNORDERED, 1)]), "SACK(1)"),
                (0, Read(1), ""),
                (0, Hear(&[DataOf(3, 1, 0, ONE | UNORDERED, 3)]), "SACK(1 gap 3-3)"),
                (0, Read(3), ""),
                (0, Hear(&[DataOf(2, 1, 0, ONE | UNORDERED, 2)]), "SACK(3)"),
                (0, Read(2), ""),
                (0, Hear(&[DataOf(4, 1, 0, ONE | UNORDERED, 4)]), ""),
                (0, Read(4), ""),
            ],
            ..UP
        },
        Row {
            name: "can_reassemble_fast_path_unordered, interleaved",
            steps: &[
                (0, Hear(&[IData(1, 1, 0, 53, ONE | UNORDERED)]), "SACK(1)"),
                (0, Read(5), ""),
                (0, Hear(&[IData(3, 1, 2, 53, ONE | UNORDERED)]), "SACK(1 gap 3-3)"),
                (0, Read(5), ""),
                (0, Hear(&[IData(2, 1, 1, 53, ONE | UNORDERED)]), "SACK(3)"),
                (0, Read(5), ""),
                (0, Read(0), ""),
            ],
            ..MIXED
        },
        Row {
            name: "can_reassemble_fast_path_ordered",
            steps: &[
                (0, Hear(&[DataOf(1, 1, 0, ONE, 1)]), "SACK(1)"),
                (0, Read(1), ""),
                (0, Hear(&[DataOf(3, 1, 2, ONE, 3)]), "SACK(1 gap 3-3)"),
                (0, Read(0), ""),
                (0, Hear(&[DataOf(2, 1, 1, ONE, 2)]), "SACK(3)"),
                (0, Read(2), ""),
                (0, Read(3), ""),
                (0, Hear(&[DataOf(4, 1, 3, ONE, 4)]), ""),
                (0, Read(4), ""),
            ],
            ..UP
        },
        Row {
            name: "can_reassemble_fast_path_ordered, interleaved",
            steps: &[
                (0, Hear(&[IData(1, 1, 0, 53, ONE)]), "SACK(1)"),
                (0, Read(5), ""),
                (0, Hear(&[IData(3, 1, 2, 53, ONE)]), "SACK(1 gap 3-3)"),
                (0, Read(0), ""),
                (0, Hear(&[IData(2, 1, 1, 53, ONE)]), "SACK(3)"),
                (0, Read(5), ""),
                (0, Read(5), ""),
            ],
            ..MIXED
        },
    ]);
}

/// A chunk to be sent in any order: kind, flags, value.
type Chunk = (u8, u8, Vec<u8>);

/// What is read on streams 1 and 2, stream by stream, after the chunks arrived in each possible order.
fn read_in_every_order(interleaved: bool, chunks: &[Chunk], expect: &[&[&[u8]]; 2]) {
    let config = Arc::new(config().with_interleaving(interleaved));
    let mut orders = 0;
    permute(&mut (0..chunks.len()).collect::<Vec<_>>(), 0, &mut |order| {
        orders += 1;
        let now = netsim::epoch();
        let mut association = Association::new(Arc::clone(&config), Rng::from_number(1), now);
        let tag = raw::handshake(now, &mut association);
        for &at in order {
            association.handle_packet(now, &raw::packet(tag, std::slice::from_ref(&chunks[at])));
            raw::drain(now, &mut association);
        }
        for (stream, expect) in [1, 2].into_iter().zip(expect) {
            let read = std::iter::from_fn(|| association.read(StreamId(stream)));
            let read: Vec<_> = read.map(|message| message.payload.to_vec()).collect();
            assert_eq!(read, *expect, "stream {stream}, {order:?}");
        }
    });
    assert_eq!(orders, (1..=chunks.len()).product::<usize>());
}

fn permute(items: &mut Vec<usize>, from: usize, act: &mut impl FnMut(&[usize])) {
    if from == items.len() {
        return act(items);
    }
    for at in from..items.len() {
        items.swap(from, at);
        permute(items, from + 1, act);
        items.swap(from, at);
    }
}

/// can_receive_large_unordered_chunk_all_permutations: five fragments of one message.
#[test]
fn dcsctp_can_receive_large_unordered_chunk_all_permutations() {
    let flags = [BEGIN, 0, 0, 0, END].map(|flags| flags | UNORDERED);
    let data: Vec<Chunk> = (0..5).map(|at| (DATA, flags[at], data(1 + at as u32, 1, 0, &[at as u8; 3]))).collect();
    let i_data: Vec<Chunk> = (0..5u32)
        .map(|at| (I_DATA, flags[at as usize], i_data(1 + at, 1, 0, if at == 0 { 53 } else { at }, &[at as u8; 3])))
        .collect();
    let whole: Vec<u8> = (0..5).flat_map(|at| [at; 3]).collect();
    read_in_every_order(false, &data, &[&[&whole], &[]]);
    read_in_every_order(true, &i_data, &[&[&whole], &[]]);
}

/// can_receive_many_small_ordered_chunks_all_permutations: five messages, whose order is that of their numbers.
#[test]
fn dcsctp_can_receive_many_small_ordered_chunks_all_permutations() {
    let messages: [&[u8]; 5] = [b"a", b"bb", b"ccc", b"dddd", b"eeeee"];
    let all = |chunk: fn(u32, &[u8]) -> Chunk| (0..5u32).map(|at| chunk(at, messages[at as usize])).collect::<Vec<_>>();
    read_in_every_order(false, &all(|at, bytes| (DATA, ONE, data(1 + at, 1, at as u16, bytes))), &[&messages, &[]]);
    read_in_every_order(true, &all(|at, bytes| (I_DATA, ONE, i_data(1 + at, 1, at, 53, bytes))), &[&messages, &[]]);
}

/// unordered_interleaved_messages_all_permutations: three fragments each of two messages on two streams.
#[test]
fn dcsctp_unordered_interleaved_messages_all_permutations() {
    let fragments = [(1, 0, b"ab"), (2, 0, b"gh"), (1, 1, b"cd"), (1, 2, b"ef"), (2, 1, b"ij"), (2, 2, b"kl")];
    let flags = [BEGIN, 0, END].map(|flags| flags | UNORDERED);
    let chunks: Vec<Chunk> = (1u32..)
        .zip(fragments)
        .map(|(tsn, (stream, fsn, bytes))| {
            let shared = if fsn == 0 { 53 } else { fsn };
            (I_DATA, flags[fsn as usize], i_data(tsn, stream, 0, shared, bytes))
        })
        .collect();
    read_in_every_order(true, &chunks, &[&[b"abcdef"], &[b"ghijkl"]]);
}
