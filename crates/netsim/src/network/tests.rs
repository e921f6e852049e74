//! Packets on their way.

use super::*;
use crate::epoch;

const MS: Duration = Duration::from_millis(1);

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn run(network: &mut Network) -> Vec<Arrival> {
    let mut arrivals = Vec::new();
    while let Some(at) = network.next_at() {
        network.advance(at, &mut arrivals);
    }
    arrivals
}

#[test]
fn a_packet_takes_both_links() {
    let mut network = Network::new(1);
    let (a, b) = (network.add_node(), network.add_node());
    let up = network.add_link(Link::with_delay(5 * MS));
    let down = network.add_link(Link::with_delay(7 * MS));
    network.add_interface(a, ip("192.0.2.1"), up, down);
    network.add_interface(b, ip("192.0.2.2"), up, down);
    let from = network.bind(a, address("192.0.2.1:1"));
    network.bind(b, address("192.0.2.2:2"));
    network.send(a, from, address("192.0.2.2:2"), Ecn::Ect0, b"hello");
    network.send(a, from, address("192.0.2.2:3"), Ecn::Ect0, b"nobody");
    let arrivals = run(&mut network);
    assert_eq!(arrivals.len(), 1);
    assert_eq!((arrivals[0].node, arrivals[0].socket, arrivals[0].from), (b, SocketId(0), address("192.0.2.1:1")));
    assert_eq!((&arrivals[0].bytes[..], arrivals[0].ecn), (&b"hello"[..], Ecn::Ect0));
    assert_eq!(network.now(), epoch() + 12 * MS);
    assert_eq!(network.stats().lost[&Lost::Unreachable], 1);
}

#[test]
fn two_nats_may_hide_the_same_address() {
    let mut network = Network::new(1);
    let (a, b) = (network.add_node(), network.add_node());
    let link = network.add_link(Link::default());
    let nat_a = network.add_nat(Nat::full_cone(), ip("198.51.100.1"));
    let nat_b = network.add_nat(Nat::full_cone(), ip("198.51.100.2"));
    network.add_interface_behind(nat_a, a, ip("10.0.0.2"), link, link);
    network.add_interface_behind(nat_b, b, ip("10.0.0.2"), link, link);
    let socket_a = network.bind(a, address("10.0.0.2:5"));
    let socket_b = network.bind(b, address("10.0.0.2:5"));
    network.send(a, socket_a, address("198.51.100.2:40000"), Ecn::NotEct, b"too early");
    assert!(run(&mut network).is_empty());
    network.send(b, socket_b, address("198.51.100.1:40000"), Ecn::NotEct, b"open now");
    let arrivals = run(&mut network);
    assert_eq!((arrivals[0].node, arrivals[0].from), (a, address("198.51.100.2:40000")));
    network.rebind_nat(nat_b);
    network.send(b, socket_b, address("198.51.100.1:40000"), Ecn::NotEct, b"moved");
    assert_eq!(run(&mut network)[0].from, address("198.51.100.2:41001"));
}

#[test]
fn an_interface_that_is_off_carries_nothing() {
    let mut network = Network::new(1);
    let a = network.add_node();
    let link = network.add_link(Link::default());
    network.add_interface(a, ip("192.0.2.1"), link, link);
    let socket = network.bind(a, address("192.0.2.1:1"));
    network.set_interface(a, ip("192.0.2.1"), false);
    network.send(a, socket, address("192.0.2.1:1"), Ecn::NotEct, b"");
    assert!(run(&mut network).is_empty());
    network.set_interface(a, ip("192.0.2.1"), true);
    network.send(a, socket, address("192.0.2.1:1"), Ecn::NotEct, b"");
    assert_eq!(run(&mut network).len(), 1);
}

#[test]
fn a_filter_may_drop_change_delay_and_double() {
    let mut network = Network::new(1);
    let a = network.add_node();
    let link = network.add_link(Link::default());
    network.add_interface(a, ip("192.0.2.1"), link, link);
    let socket = network.bind(a, address("192.0.2.1:1"));
    network.set_filter(|_, _, _, bytes| match bytes[0] {
        b'd' => Verdict::Drop,
        b'l' => Verdict::Delay(MS),
        b't' => Verdict::Twice,
        _ => {
            bytes.truncate(2);
            Verdict::Pass
        }
    });
    for packet in [&b"drop"[..], b"late", b"twice", b"short"] {
        network.send(a, socket, address("192.0.2.1:1"), Ecn::NotEct, packet);
    }
    let arrivals: Vec<Vec<u8>> = run(&mut network).into_iter().map(|arrival| arrival.bytes).collect();
    assert_eq!(arrivals, [&b"twice"[..], b"twice", b"sh", b"late"]);
}

/// Two houses with home NATs of their own, which share a carrier's, as `(network, nodes, sockets)`.
fn behind_a_carrier(carrier: Nat) -> (Network, [NodeId; 2], [SocketId; 2]) {
    let mut network = Network::new(1);
    let link = network.add_link(Link::default());
    let carrier = network.add_nat(carrier, ip("198.51.100.1"));
    let nodes = [network.add_node(), network.add_node()];
    let sockets = [2u8, 3].map(|house| {
        let node = nodes[usize::from(house) - 2];
        let home = network.add_nat_behind(carrier, Nat::port_restricted(), ip(&format!("100.64.0.{house}")));
        network.add_interface_behind(home, node, ip("192.168.0.2"), link, link);
        network.bind(node, address("192.168.0.2:5"))
    });
    (network, nodes, sockets)
}

#[test]
fn two_nats_one_behind_the_other_translate_twice() {
    let (mut network, [a, _], [socket, _]) = behind_a_carrier(Nat::port_restricted());
    let outside = network.add_node();
    let link = network.add_link(Link::default());
    network.add_interface(outside, ip("203.0.113.9"), link, link);
    let server = network.bind(outside, address("203.0.113.9:7"));
    network.send(a, socket, address("203.0.113.9:7"), Ecn::NotEct, b"out");
    let seen = run(&mut network).remove(0).from;
    assert_eq!(seen, address("198.51.100.1:40000"));
    network.send(outside, server, seen, Ecn::NotEct, b"back");
    let back = run(&mut network).remove(0);
    assert_eq!((back.node, back.from), (a, address("203.0.113.9:7")));
}

/// Guards the way outwards and inwards again through the NAT that two houses share.
#[test]
fn neighbours_meet_at_their_carriers_outer_address_if_it_turns_packets_back() {
    for (nat, meet) in [(Nat::port_restricted(), false), (Nat::port_restricted().with_hairpin(), true)] {
        let (mut network, [a, b], [of_a, of_b]) = behind_a_carrier(nat);
        // Each has told a server, which is not there, and knows where that has seen the other.
        for (node, socket) in [(a, of_a), (b, of_b)] {
            network.send(node, socket, address("203.0.113.9:7"), Ecn::NotEct, b"stun");
        }
        run(&mut network);
        let (at_a, at_b) = (address("198.51.100.1:40000"), address("198.51.100.1:40001"));
        network.send(a, of_a, at_b, Ecn::NotEct, b"opens a");
        network.send(b, of_b, at_a, Ecn::NotEct, b"opens b");
        network.send(a, of_a, at_b, Ecn::NotEct, b"through");
        let got: Vec<_> = run(&mut network).into_iter().map(|it| (it.node, it.from, it.bytes)).collect();
        let expected = [(a, at_b, b"opens b".to_vec()), (b, at_a, b"through".to_vec())];
        assert_eq!(got, if meet { &expected[..] } else { &[] });
    }
}

/// A socket for streams each on a link that does everything, which blocks UDP.
fn with_streams(seed: u64) -> (Network, [NodeId; 2], [SocketId; 2]) {
    let mut network = Network::new(seed);
    let nodes = [network.add_node(), network.add_node()];
    let rough = Link::with_delay(5 * MS).lossy(0.3).reorder(0.3, 50 * MS).duplicate(0.3).corrupt(0.3).max_payload(100);
    let link = network.add_link(Link { udp_blocked: true, ..rough });
    let sockets = [0, 1].map(|n| {
        network.add_interface(nodes[n], ip(&format!("192.0.2.{n}")), link, link);
        network.bind(nodes[n], address(&format!("192.0.2.{n}:5")));
        network.bind_stream(nodes[n], address(&format!("192.0.2.{n}:5")))
    });
    (network, nodes, sockets)
}

#[test]
fn a_stream_loses_nothing_and_keeps_its_order_through_a_firewall() {
    for seed in 0..10 {
        let (mut network, [a, b], [socket, _]) = with_streams(seed);
        network.send(a, SocketId(0), address("192.0.2.1:5"), Ecn::NotEct, b"UDP");
        for n in 0..100u8 {
            network.send(a, socket, address("192.0.2.1:5"), Ecn::NotEct, &[n; 1_000]);
        }
        let arrivals = run(&mut network);
        assert!(arrivals.iter().all(|it| it.node == b && it.socket == SocketId(1)), "seed {seed}");
        let got: Vec<_> = arrivals.into_iter().map(|it| it.bytes).collect();
        assert_eq!(got, (0..100u8).map(|n| vec![n; 1_000]).collect::<Vec<_>>(), "seed {seed}");
        assert_eq!(network.stats().lost[&Lost::Firewall], 1);
    }
}

#[test]
fn a_stream_outlives_an_interface_that_is_off_for_seconds() {
    let (mut network, [a, b], [socket, _]) = with_streams(1);
    network.set_interface(b, ip("192.0.2.1"), false);
    network.send(a, socket, address("192.0.2.1:5"), Ecn::NotEct, b"hello");
    let mut arrivals = Vec::new();
    network.advance(epoch() + Duration::from_secs(3), &mut arrivals);
    assert!(arrivals.is_empty());
    network.set_interface(b, ip("192.0.2.1"), true);
    assert_eq!(run(&mut network).len(), 1);
}
