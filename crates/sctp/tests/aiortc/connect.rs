//! Two associations, and what lies between them.

use crate::common::raw;
use crate::common::script::{Act::*, ROW, Row, Say::*, Start::*, run};
use crate::common::{MS, Peer, Peers, SECOND, config, connected, pair, pattern};
use netsim::{Link, Pair, Verdict};
use ortica_sctp::{CloseReason, Config, Event, SendOptions};

/// Two peers, each with its own settings, with a handshake done.
fn connected_as(a: Config, b: Config) -> Peers {
    let mut pair = Pair::of_machines(1, Link::with_delay(10 * MS), Peer::new(a, 1), Peer::new(b, 2));
    pair.with_a(|a, now| a.machine.association.connect(now));
    pair.run_until(10 * SECOND, |a, b| a.machine.is_up() && b.machine.is_up()).expect("the handshake completes");
    pair
}

/// connect_broken_transport: where everything is lost, both sides give up.
#[test]
fn aiortc_connect_broken_transport() {
    let mut pair = pair(1, Link::with_delay(10 * MS).lossy(1.0));
    pair.with_a(|a, now| a.machine.association.connect(now));
    pair.with_b(|b, now| b.machine.association.connect(now));
    let closed = Event::Closed(CloseReason::ConnectTimeout);
    pair.run_until(600 * SECOND, |a, b| a.machine.has(&closed) && b.machine.has(&closed)).expect("both give up");
    assert_eq!(pair.a.machine.events, [closed]);
}

/// connect_one_side_initiates: either may, and one is enough.
#[test]
fn aiortc_connect_one_side_initiates() {
    for first in [true, false] {
        let mut pair = pair(1, Link::with_delay(10 * MS));
        if first {
            pair.with_a(|a, now| a.machine.association.connect(now));
        } else {
            pair.with_b(|b, now| b.machine.association.connect(now));
        }
        pair.run_until(SECOND, |a, b| a.machine.is_up() && b.machine.is_up()).expect("both are up");
        assert!(pair.a.machine.has(&Event::Connected) && pair.b.machine.has(&Event::Connected));
    }
}

#[test]
fn aiortc_connect_against_a_peer() {
    run(&[Row {
        name: "connect_peer_ignores_init",
        start: CookieWait,
        // It never answers ours, and begins itself. Our own timer stops when its handshake is done.
        steps: &[
            (1_000, Wait, "INIT"),
            (1_500, Hear(&[Init]), "INIT_ACK"),
            (1_550, Hear(&[CookieEcho]), "COOKIE_ACK"),
            (90_000, Wait, ""),
        ],
        ..ROW
    }]);
}

/// connect_lossy_transport: of every four packets one is lost, each way; the handshake completes and messages arrive in
/// order.
#[test]
fn aiortc_connect_lossy_transport() {
    let mut pair = pair(1, Link::with_delay(10 * MS));
    let mut sent = 0;
    pair.network.set_filter(move |_, _, _, _| {
        sent += 1;
        if sent % 4 == 1 { Verdict::Drop } else { Verdict::Pass }
    });
    pair.with_a(|a, now| a.machine.association.connect(now));
    pair.with_b(|b, now| b.machine.association.connect(now));
    pair.run_until(60 * SECOND, |a, b| a.machine.is_up() && b.machine.is_up()).expect("both are up");
    for at in 0..20u8 {
        pair.with_a(|a, _| a.machine.queue(123, vec![at; 4], SendOptions::default()));
        pair.run_until(60 * SECOND, |_, b| b.machine.inbox.len() > usize::from(at)).expect("it arrives");
        let message = pair.b.machine.inbox.last().expect("it has arrived");
        assert_eq!((message.stream.0, &message.payload[..]), (123, &[at; 4][..]));
    }
}

/// connect_client_limits_streams and connect_server_limits_streams: each direction has the lesser of what one end offers
/// and the other takes. (A request for more of them later is denied: `sctp_10_requests_are_answered_in_turn`.)
#[test]
fn aiortc_connect_with_limits_of_streams() {
    let limited = || config().with_streams(256, 2_048);
    let [few_out, few_in] = [(Some(256), Some(2_048)), (Some(2_048), Some(256))];
    for (a, b, expected) in [(limited(), config(), [few_out, few_in]), (config(), limited(), [few_in, few_out])] {
        let pair = connected_as(a, b);
        let streams = |peer: &Peer| (peer.association.outbound_streams(), peer.association.inbound_streams());
        assert_eq!([streams(&pair.a.machine), streams(&pair.b.machine)], expected);
    }
}

/// connect_with_partial_reliability: it takes two.
#[test]
fn aiortc_connect_with_partial_reliability() {
    for (a, b) in [(true, true), (true, false), (false, true), (false, false)] {
        let pair = connected_as(config().with_partial_reliability(a), config().with_partial_reliability(b));
        for peer in [&pair.a.machine, &pair.b.machine] {
            let agreed = peer.association.agreed().expect("it is up");
            assert_eq!((agreed.partial_reliability, agreed.stream_reset), (a && b, true), "{a} {b}");
        }
    }
}

/// serialize_data_max_length: a chunk as long as they get fills a packet, and no packet is longer.
#[test]
fn aiortc_serialize_data_max_length() {
    let mut pair = connected(1, Link::with_delay(10 * MS));
    pair.a.machine.records = true;
    pair.a.machine.queue(1, pattern(50_000), SendOptions::default());
    pair.run_until(10 * SECOND, |_, b| b.machine.received() == 50_000).expect("it arrives");
    let packets = pair.a.machine.sent.iter().filter(|(_, packet)| packet[12] == raw::DATA);
    let longest = packets.map(|(_, packet)| packet.len()).max();
    assert_eq!(longest, Some(Config::DEFAULT_MAX_PACKET_SIZE & !3));
}
