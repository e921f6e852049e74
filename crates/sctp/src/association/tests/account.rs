//! What is held and what the peer is told of it: the window falls by what waits to be whole, or to be read, and is as it was
//! when nothing does. The cases are those of dcSCTP's `rx/*_reassembly_streams.rs`.

use super::*;
use crate::chunk::{ReconfigParam, ReconfigResult};

const B: u8 = DataFlags::BEGIN;
const E: u8 = DataFlags::END;
const U: u8 = DataFlags::UNORDERED;

/// TSN after the one before the first, message, fragment, flags, bytes.
type Fragment = (u32, u32, u32, u8, &'static [u8]);

/// What happens after the fragments have arrived.
#[derive(Clone, Copy, Debug)]
enum Then {
    Nothing,
    /// Given up: everything up to this TSN, and of stream 1 everything up to this message.
    Forward(u32, bool, u32),
}

struct Case {
    name: &'static str,
    fragments: &'static [Fragment],
    then: Then,
    /// Messages that can be read in the end.
    messages: usize,
}

const CASES: [Case; 8] = [
    Case {
        name: "add_unordered_message_returns_correct_size",
        fragments: &[(1, 0, 0, B | U, b"a"), (2, 0, 1, U, b"bcd"), (3, 0, 2, U, b"ef"), (4, 0, 3, E | U, b"g")],
        then: Then::Nothing,
        messages: 1,
    },
    Case {
        name: "add_unordered_message_out_of_order_returns_correct_size",
        fragments: &[
            (2, 0, 1, U, b"bcd"),
            (3, 0, 2, U, b"ef"),
            (5, 1, 0, B | U, b"h"),
            (6, 1, 1, E | U, b"ij"),
            (4, 0, 3, E | U, b"g"),
            (1, 0, 0, B | U, b"a"),
        ],
        then: Then::Nothing,
        messages: 2,
    },
    Case {
        name: "add_simple_ordered_message_returns_correct_size",
        fragments: &[(1, 0, 0, B, b"a"), (2, 0, 1, 0, b"bcd"), (3, 0, 2, 0, b"ef"), (4, 0, 3, E, b"g")],
        then: Then::Nothing,
        messages: 1,
    },
    Case {
        name: "add_more_complex_ordered_message_returns_correct_size",
        fragments: &[
            (1, 0, 0, B, b"a"),
            (3, 0, 2, 0, b"ef"),
            (4, 0, 3, E, b"g"),
            (5, 1, 0, BOTH, b"h"),
            (6, 2, 0, B, b"ij"),
            (7, 2, 1, E, b"k"),
            (2, 0, 1, 0, b"bcd"),
        ],
        then: Then::Nothing,
        messages: 3,
    },
    Case {
        name: "delete_unordered_message_returns_correct_size",
        fragments: &[(1, 0, 0, B | U, b"a"), (2, 0, 1, U, b"bcd"), (3, 0, 2, U, b"ef")],
        then: Then::Forward(4, true, 0),
        messages: 0,
    },
    Case {
        name: "delete_simple_ordered_message_returns_correct_size",
        fragments: &[(1, 0, 0, B, b"a"), (2, 0, 1, 0, b"bcd"), (3, 0, 2, 0, b"ef")],
        then: Then::Forward(4, false, 0),
        messages: 0,
    },
    Case {
        name: "delete_many_ordered_messages_returns_correct_size",
        fragments: HALF_A_MESSAGE_AND_TWO,
        then: Then::Forward(8, false, 2),
        // What is whole is not lost, even if its sender gave it up.
        messages: 2,
    },
    Case {
        name: "delete_ordered_message_delives_two_returns_correct_size",
        fragments: HALF_A_MESSAGE_AND_TWO,
        then: Then::Forward(8, false, 0),
        messages: 2,
    },
];

/// TSN 2 is missing, so two whole messages wait behind one that is not.
const HALF_A_MESSAGE_AND_TWO: &[Fragment] = &[
    (1, 0, 0, B, b"a"),
    (3, 0, 2, 0, b"ef"),
    (4, 0, 3, E, b"g"),
    (5, 1, 0, BOTH, b"h"),
    (6, 2, 0, B, b"ij"),
    (7, 2, 1, E, b"k"),
];

/// The window, which the peer hears of by asking for what it knows.
fn window(association: &mut Association, interleaved: bool) -> usize {
    let again = if interleaved { i_forward_tsn(association.tsn(0), &[]) } else { forward_tsn(association.tsn(0), &[]) };
    with_sack(&association.hears(NOW, &[again]), |sack| sack.window as usize).unwrap()
}

fn read_all(association: &mut Association) -> usize {
    std::iter::from_fn(|| association.read(StreamId(1))).count()
}

fn peer(interleaved: bool) -> Association {
    connected(config().with_interleaving(interleaved)).1
}

/// Guards the account of what is held, with and without interleaving.
#[test]
fn dcsctp_what_is_held_is_counted_until_it_is_read_or_given_up() {
    for (case, interleaved) in CASES.iter().flat_map(|case| [(case, false), (case, true)]) {
        let mut b = peer(interleaved);
        let (first, empty) = (b.tsn(0), window(&mut b, interleaved));
        let mut held = 0;
        for &(tsn, mid, fsn, flags, payload) in case.fragments {
            let chunk = if interleaved {
                i_data(first.plus(tsn), Mid(mid), fsn, flags, payload)
            } else {
                data(first.plus(tsn), mid as u16, flags, payload)
            };
            b.hears(NOW, &[chunk]);
            held += payload.len();
            let left = window(&mut b, interleaved);
            assert!(left + held <= empty, "{}, {interleaved}: {left} of {empty} with {held}", case.name);
        }
        if let Then::Forward(tsn, unordered, mid) = case.then {
            let chunk = if interleaved {
                i_forward_tsn(first.plus(tsn), &[(1, unordered, mid)])
            } else if unordered {
                forward_tsn(first.plus(tsn), &[])
            } else {
                forward_tsn(first.plus(tsn), &[(1, mid as u16)])
            };
            b.hears(NOW, &[chunk]);
        }
        assert_eq!(read_all(&mut b), case.messages, "{}, {interleaved}", case.name);
        assert_eq!(window(&mut b, interleaved), empty, "{}, {interleaved}", case.name);
    }
}

fn reset_out(request: u32, last_tsn: Tsn) -> RawChunk {
    let mut value = Vec::new();
    ReconfigParam::OutgoingReset { request, response: 0, last_tsn, streams: vec![StreamId(1)] }.encode(&mut value);
    (ChunkType::RE_CONFIG, 0, value)
}

/// What the association answered to requests, in order.
fn results(packets: &[Vec<u8>]) -> Vec<ReconfigResult> {
    let reconfigs = chunks(packets).into_iter().filter(|(kind, ..)| *kind == ChunkType::RE_CONFIG);
    let params = reconfigs.flat_map(|(.., value)| ReconfigParam::decode_all(&value).flatten().collect::<Vec<_>>());
    params
        .filter_map(|param| match param {
            ReconfigParam::Response { result, .. } => Some(result),
            _ => None,
        })
        .collect()
}

/// traditional_reset_streams_clears_queued_bytes, interleaved_reset_streams_clears_queued_bytes: what waits for a message
/// that never comes waits no longer when its stream begins anew, and is read like any other.
#[test]
fn dcsctp_a_reset_lets_go_what_waits_on_the_stream() {
    for interleaved in [false, true] {
        let mut b = peer(interleaved);
        let (first, empty) = (b.tsn(0), window(&mut b, interleaved));
        let request = first.next().0;
        let chunk = |tsn: u32, number: u32, payload: &[u8]| match interleaved {
            false => data(first.plus(tsn), number as u16, BOTH, payload),
            true => i_data(first.plus(tsn), Mid(number), 0, BOTH, payload),
        };
        b.hears(NOW, &[chunk(1, 1, b"waits for number 0")]);
        assert!(window(&mut b, interleaved) < empty);
        assert_eq!(results(&b.hears(NOW, &[reset_out(request, first.plus(1))])), [ReconfigResult::PERFORMED]);
        assert_eq!((read_all(&mut b), window(&mut b, interleaved)), (1, empty), "{interleaved}");
        b.hears(NOW, &[chunk(2, 0, b"anew")]);
        assert_eq!((read_all(&mut b), window(&mut b, interleaved)), (1, empty), "{interleaved}");
    }
}

/// account_forward_tsn_size_in_deferred_reset, deferred_reset_does_not_double_count_bytes: what came from behind a reset
/// that has to wait is counted once, while it waits and when it is let go.
#[test]
fn dcsctp_a_deferred_reset_counts_what_it_holds_once() {
    let mut b = peer(false);
    let (first, empty) = (b.tsn(0), window(&mut b, false));
    let answer = b.hears(NOW, &[data(first.plus(1), 0, B, b"half"), reset_out(first.next().0, first.plus(2))]);
    assert_eq!(results(&answer), [ReconfigResult::IN_PROGRESS]);
    let before = window(&mut b, false);
    b.hears(NOW, &[data(first.plus(3), 0, BOTH, &[7; 500])]);
    let held = before - window(&mut b, false);
    assert!((500..1_500).contains(&held), "{held}");
    // The half of a message is given up, and with it the last thing that the reset waited for.
    assert_eq!(results(&b.hears(NOW, &[forward_tsn(first.plus(2), &[(1, 0)])])), [ReconfigResult::PERFORMED]);
    assert!(window(&mut b, false) + 500 <= empty);
    assert_eq!(read_all(&mut b), 1);
    assert_eq!(window(&mut b, false), empty);
}
