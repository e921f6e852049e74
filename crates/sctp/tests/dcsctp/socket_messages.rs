//! `socket/socket_tests.rs`: messages between whole associations, what becomes of them, and what is counted.

use crate::common::raw::{DATA, END};
use crate::common::script::{Act::*, ROW, Row, Say::*, Start::*, run};
use crate::common::{MS, Peer, Peers, SECOND, config, connect, connected, pattern, said};
use netsim::{Link, Pair, Verdict};
use ortica_sctp::{Config, Limits, Reliability, SendOptions};
use std::time::Duration;

const UP: Row = Row { start: Established, details: true, ..ROW };
const ONCE: SendOptions = SendOptions { ordered: true, reliability: Reliability::MaxRetransmits(0) };

/// Sent for so many milliseconds, without regard to the order.
const FOR_0: SendOptions = SendOptions { ordered: false, reliability: Reliability::MaxLifetime(Duration::ZERO) };
const FOR_1: SendOptions = SendOptions { ordered: false, reliability: Reliability::MaxLifetime(MS) };
const FOR_2: SendOptions =
    SendOptions { ordered: false, reliability: Reliability::MaxLifetime(Duration::from_millis(2)) };

#[test]
fn dcsctp_socket_messages() {
    run(&[
        Row {
            name: "send_message_with_limited_rtx",
            // The second of three is lost. It may only be late, until time or three others say that it is not.
            steps: &[
                (0, SendOn(1, 1_088, ONCE), "DATA(1 on 1:0)"),
                (50, Hear(&[Sack(1)]), ""),
                (50, SendOn(1, 1_088, ONCE), "DATA(2 on 1:1)"),
                (50, SendOn(1, 1_088, ONCE), "DATA(3 on 1:2)"),
                (100, Hear(&[SackGap(1, 2, 2)]), ""),
                (112, Wait, ""),
                (113, Wait, "FORWARD_TSN(2 skips 1:1)"),
                (150, Hear(&[Sack(3)]), ""),
                (60_000, Wait, ""),
            ],
            ..UP
        },
        Row {
            name: "can_lose_first_ordered_message",
            steps: &[
                (0, SendOn(1, 1_088, ONCE), "DATA(1 on 1:0)"),
                (1_000, Wait, "FORWARD_TSN(1 skips 1:0)"),
                (1_050, Hear(&[Sack(1)]), ""),
                (1_050, SendOn(1, 1_088, ONCE), "DATA(2 on 1:1)"),
            ],
            ..UP
        },
        Row {
            name: "sends_messages_with_low_lifetime",
            // What can leave at once is in time, however short that is.
            steps: &[
                (0, SendOn(1, 2, FOR_0), "DATA(1 U on 1:0)"),
                (0, SendOn(1, 2, FOR_1), "DATA(2 U on 1:1)"),
                (0, SendOn(1, 2, FOR_2), "DATA(3 U on 1:2)"),
                (50, Hear(&[Sack(3)]), ""),
                (60_000, Wait, ""),
            ],
            ..UP
        },
        Row {
            name: "discards_messages_with_low_lifetime_if_must_buffer",
            steps: &[
                (0, Send(9_280), "DATA(1 B on 1:0) / DATA(2 - on 1:0) / DATA(3 - on 1:0) / DATA(4 - on 1:0)"),
                (0, SendOn(2, 3, FOR_0), ""),
                (0, SendOn(2, 3, FOR_1), ""),
                (0, SendOn(2, 2, FOR_0), ""),
                (50, Hear(&[Sack(4)]), "DATA(5 - on 1:0) / DATA(6 - on 1:0) / DATA(7 - on 1:0) / DATA(8 E on 1:0)"),
                (50, Buffered(2, 0), ""),
                (100, Hear(&[Sack(8)]), ""),
                (60_000, Wait, ""),
            ],
            ..UP
        },
        Row {
            name: "has_reasonable_buffered_amount_values",
            steps: &[
                (0, Buffered(1, 0), ""),
                (0, Send(100), "DATA(1 on 1:0)"),
                (0, Buffered(1, 0), ""),
                (0, Send(23_200), "DATA(2 B on 1:1) / DATA(3 - on 1:1) / DATA(4 - on 1:1) / DATA(5 - on 1:1)"),
                (0, Buffered(1, 23_200 - 4 * 1_160), ""),
            ],
            ..UP
        },
    ]);
}

/// Drops the DATA chunks that `lost` picks, by their number in order of sending.
fn lose(pair: &mut Peers, lost: impl Fn(usize, u8) -> bool + 'static) {
    let mut count = 0;
    pair.network.set_filter(move |_, _, _, packet| {
        let data = said::chunks(packet).into_iter().find(|(kind, ..)| *kind == DATA);
        let Some((_, flags, _)) = data else { return Verdict::Pass };
        count += 1;
        if lost(count, flags) { Verdict::Drop } else { Verdict::Pass }
    });
}

/// send_a_lot_of_bytes_missed_second_packet and retransmission_metrics_are_set_for_fast_retransmit: one packet of twenty is
/// lost, sent again once, and no timer has run out.
#[test]
fn dcsctp_send_a_lot_of_bytes_missed_second_packet() {
    let mut pair = connected(1, Link::with_delay(10 * MS));
    lose(&mut pair, |count, _| count == 2);
    pair.a.machine.queue(1, pattern(20 * 1_160), SendOptions::default());
    pair.run_until(10 * SECOND, |_, b| b.machine.received() == 20 * 1_160).expect("it arrives");
    assert_eq!(pair.b.machine.bytes(), pattern(20 * 1_160));
    let stats = pair.a.machine.association.stats();
    assert_eq!((stats.data_chunks_retransmitted, stats.fast_recoveries, stats.timeouts), (1, 1, 0));
}

/// send_many_fragmented_messages_with_limited_rtx: of four unordered messages three lose their end, and are given up.
#[test]
fn dcsctp_send_many_fragmented_messages_with_limited_rtx() {
    let mut pair = connected(1, Link::with_delay(10 * MS));
    lose(&mut pair, |count, flags| flags & END != 0 && count <= 6);
    for at in 1..=4u8 {
        pair.a.machine.queue(1, vec![at; 2_320], SendOptions { ordered: false, ..ONCE });
    }
    pair.run_for(30 * SECOND);
    let messages = &pair.b.machine.inbox;
    assert_eq!(messages.iter().map(|message| &message.payload[..]).collect::<Vec<_>>(), [[4; 2_320]]);
    assert_eq!(pair.a.machine.association.stats().messages_abandoned, 3);
    assert_eq!(pair.a.machine.association.path().in_flight, 0);
}

/// send_many_messages: a hundred small ones, each by itself.
#[test]
fn dcsctp_send_many_messages() {
    let mut pair = connected(1, Link::with_delay(10 * MS));
    for at in 0..100u8 {
        pair.a.machine.queue(1, vec![at; 2], SendOptions::default());
    }
    pair.run_until(10 * SECOND, |_, b| b.machine.inbox.len() == 100).expect("all arrive");
    assert!((0..100u8).zip(&pair.b.machine.inbox).all(|(at, message)| message.payload[..] == [at; 2]));
}

/// Two peers with a handshake done, each with its own settings.
fn connected_as(a: Config, b: Config) -> Peers {
    let link = Link::with_delay(10 * MS);
    connect(Pair::of_machines(1, link.clone(), Peer::new(a, 1), Peer::new(b, 2)), link)
}

/// exposes_the_number_of_negotiated_streams: each direction has the lesser of what one end offers and the other takes.
#[test]
fn dcsctp_exposes_the_number_of_negotiated_streams() {
    let pair = connected_as(config().with_streams(45, 12), config().with_streams(34, 23));
    let streams = |peer: &Peer| (peer.association.inbound_streams(), peer.association.outbound_streams());
    assert_eq!(streams(&pair.a.machine), (Some(12), Some(23)));
    assert_eq!(streams(&pair.b.machine), (Some(23), Some(12)));
}

/// rx_and_tx_packet_metrics_increase: packets and messages are counted at both ends, and the peer's window shrinks by what
/// is not read and opens again.
#[test]
fn dcsctp_rx_and_tx_packet_metrics_increase() {
    let limits = Limits::default().with_receive_buffer(1 << 20);
    let mut pair = connected_as(config().with_heartbeat_interval(None), config().with_limits(limits));
    let [a, b] = [&pair.a, &pair.b].map(|side| side.machine.association.stats());
    assert_eq!((a.packets_sent, a.packets_received, a.messages_sent), (2, 2, 0));
    assert_eq!((b.packets_sent, b.packets_received, b.messages_received), (2, 2, 0));

    let stream = ortica_sctp::StreamId(1);
    let empty = pair.a.machine.association.path().peer_window;
    pair.b.machine.unread.push(stream);
    pair.with_a(|a, now| {
        a.machine.queue(1, vec![7; 2], SendOptions::default());
        a.machine.run_application(now);
    });
    pair.run_for(SECOND);
    let [a, b] = [&pair.a, &pair.b].map(|side| side.machine.association.stats());
    assert_eq!((a.packets_sent, a.packets_received, a.messages_sent, a.bytes_sent), (3, 3, 1, 2));
    assert_eq!((b.packets_sent, b.packets_received, b.messages_received, b.bytes_received), (3, 3, 1, 2));
    assert_eq!((a.sacks_received, b.data_chunks_received), (1, 1));
    let left = pair.a.machine.association.path().peer_window;
    assert!(left < empty - 2, "{left} of {empty}");

    // A long one, and then all is read; the last SACK tells of it.
    pair.with_a(|a, _| a.machine.queue(1, pattern(2 * 1_160 + 1), SendOptions::default()));
    pair.b.machine.unread.clear();
    pair.with_b(|b, _| b.machine.read(stream));
    pair.run_for(SECOND);
    let [a, b] = [&pair.a, &pair.b].map(|side| side.machine.association.stats());
    assert_eq!((a.data_chunks_sent, b.data_chunks_received, b.messages_received), (4, 4, 2));
    assert_eq!(pair.a.machine.association.path().in_flight, 0);
    assert!(pair.a.machine.association.path().peer_window + 64 >= empty);
}
