//! Calls between homes behind routers, over real sockets: in network namespaces with a server in the open, where routers translate
//! addresses, let little through, or lose packets.
#![cfg(all(
    target_os = "linux",
    feature = "signaling",
    feature = "turn-tls",
    any(feature = "aws-lc-rs", feature = "rust-crypto")
))]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

#[path = "../common/child.rs"]
mod child;
#[path = "../common/coturn.rs"]
mod coturn;
#[path = "../common/exact.rs"]
mod exact;
#[path = "../common/sockets.rs"]
mod sockets;

mod call;
mod client;
mod network;

use call::{Call, Pair};
use coturn::Coturn;
use network::{Home, Nat};
use std::time::{Duration, Instant};

/// The server, asked for how one is seen, and for addresses to lend: over UDP, over streams, and under DTLS.
const STUN: &str = "stun:203.0.113.1:3478";
const TURN_UDP: &str = "turn:203.0.113.1:3478?transport=udp";
const TURN_TCP: &str = "turn:203.0.113.1:3478?transport=tcp";
const TURN_TLS: &str = "turns:203.0.113.1:443?transport=tcp";
const TURN_DTLS: &str = "turns:203.0.113.1:443?transport=udp";

/// Runs a test in networks of its own, with the server in them; in a process which is a client of that test it is one.
fn in_networks(name: &str, test: impl FnOnce()) {
    if client::is_one() {
        return client::run();
    }
    if child::is_child() {
        network::open();
        let server = network::SERVER.parse().unwrap();
        let Some(_coturn) = Coturn::start_at(server, [3478, 443], client::CERTIFICATE) else { return };
        return test();
    }
    if let Some(lack) = network::lack() {
        println!("skipped: {lack}");
        return;
    }
    child::spawn(network::shell(), &format!("{} && exec \"$0\" \"$@\"", network::SET_UP), name);
}

fn all_servers() -> String {
    [STUN, TURN_UDP, TURN_TCP, TURN_TLS, TURN_DTLS].join(" ")
}

/// Neither side is lent anything.
fn is_direct(a: &Pair, b: &Pair) -> bool {
    [a, b].iter().all(|pair| !pair.local.is_relayed() && !pair.remote.is_relayed())
}

/// An end that is lent is the same one from both sides.
fn is_relayed(a: &Pair, b: &Pair) -> bool {
    let ends = |pair: &Pair| (pair.local.is_relayed(), pair.remote.is_relayed());
    let (near, far) = ends(a);
    (near || far) && ends(b) == (far, near)
}

/// Relays are there, and are not used.
#[test]
fn clients_behind_ordinary_routers_reach_each_other() {
    let name = "clients_behind_ordinary_routers_reach_each_other";
    in_networks(name, || {
        let homes = [1, 2].map(|number| Home::new(number, Nat::PortRestricted));
        let servers = all_servers();
        let call = Call::start(name, [&homes[0], &homes[1]], [&servers, &servers]);
        for pair in call.pairs(is_direct) {
            assert!(pair.remote.is_reflexive() && pair.remote.over == "udp", "{pair:?}");
        }
        call.exchange(40);
    });
}

/// Neither side's port for the other is known to anybody in advance.
#[test]
fn clients_behind_symmetric_routers_meet_at_a_relay() {
    let name = "clients_behind_symmetric_routers_meet_at_a_relay";
    in_networks(name, || {
        let homes = [1, 2].map(|number| Home::new(number, Nat::Symmetric));
        let servers = [STUN, TURN_UDP].join(" ");
        let call = Call::start(name, [&homes[0], &homes[1]], [&servers, &servers]);
        call.exchange(40);
        for pair in call.pairs(is_relayed) {
            assert_eq!(pair.local.over, "udp", "{pair:?}");
        }
    });
}

/// A call from a home whose router drops what rules of nftables say: over the server, by the way that is left.
fn check_filtered(name: &str, rules: &[&str], over: &str) {
    in_networks(name, || {
        let homes = [1, 2].map(|number| Home::new(number, Nat::PortRestricted));
        rules.iter().for_each(|rule| homes[0].filter(rule));
        let servers = all_servers();
        let call = Call::start(name, [&homes[0], &homes[1]], [&servers, STUN]);
        let [pair, _] = call.pairs(is_relayed);
        assert_eq!((pair.local.is_relayed(), pair.local.over.as_str()), (true, over), "{pair:?}");
        call.exchange(40);
        let met = homes[0].counted();
        assert!(met.len() == rules.len() && met.iter().all(|count| *count > 0), "each rule met something: {met:?}");
    });
}

#[test]
fn a_client_whose_router_drops_datagrams_uses_a_relay_over_tcp() {
    let name = "a_client_whose_router_drops_datagrams_uses_a_relay_over_tcp";
    check_filtered(name, &["meta l4proto udp counter drop"], "tcp");
}

#[test]
fn a_client_whose_router_lets_https_alone_through_uses_a_relay_over_tls() {
    let name = "a_client_whose_router_lets_https_alone_through_uses_a_relay_over_tls";
    let rules = ["meta l4proto udp counter drop", "iifname lan tcp dport != 443 counter drop"];
    check_filtered(name, &rules, "tls");
}

/// No datagram passes either router, nor any connection that comes in, and nobody lends anything.
#[test]
fn clients_whose_routers_drop_datagrams_open_connections_to_each_other_at_once() {
    let name = "clients_whose_routers_drop_datagrams_open_connections_to_each_other_at_once";
    in_networks(name, || {
        let homes = [1, 2].map(|number| Home::new(number, Nat::PortRestricted));
        homes.iter().for_each(|home| home.filter("meta l4proto udp counter drop"));
        let servers = [client::AT_ONCE, STUN].join(" ");
        let call = Call::start(name, [&homes[0], &homes[1]], [&servers, &servers]);
        for pair in call.pairs(is_direct) {
            assert!(pair.local.is_reflexive() && pair.remote.is_reflexive(), "{pair:?}");
            assert_eq!((pair.local.over.as_str(), pair.remote.over.as_str()), ("tcp", "tcp"), "{pair:?}");
        }
        call.exchange(40);
        for home in &homes {
            let met = home.counted();
            assert!(met.len() == 1 && met[0] > 0, "datagrams were tried: {met:?}");
        }
    });
}

/// One client is in the open, where connections come in; the other one's router lets none in.
#[test]
fn a_client_whose_router_drops_datagrams_opens_connections_to_one_in_the_open() {
    let name = "a_client_whose_router_drops_datagrams_opens_connections_to_one_in_the_open";
    in_networks(name, || {
        let homes = [Home::new(1, Nat::Symmetric), Home::new(2, Nat::None)];
        homes[0].filter("meta l4proto udp counter drop");
        let servers = [client::AT_ONCE, STUN].join(" ");
        let call = Call::start(name, [&homes[0], &homes[1]], [&servers, &servers]);
        for pair in call.pairs(is_direct) {
            assert_eq!((pair.local.over.as_str(), pair.remote.over.as_str()), ("tcp", "tcp"), "{pair:?}");
        }
        call.exchange(40);
    });
}

/// What it is over is called TLS, as the W3C has no word for DTLS, and nothing comes through by TCP.
#[test]
fn a_client_whose_router_lets_datagrams_to_one_port_alone_through_uses_a_relay_over_dtls() {
    let name = "a_client_whose_router_lets_datagrams_to_one_port_alone_through_uses_a_relay_over_dtls";
    let rules = ["meta l4proto tcp counter drop", "iifname lan udp dport != 443 counter drop"];
    check_filtered(name, &rules, "tls");
}

/// From the first packet on.
#[test]
fn a_call_stays_and_data_are_exact_where_a_router_loses_packets() {
    let name = "a_call_stays_and_data_are_exact_where_a_router_loses_packets";
    in_networks(name, || {
        let homes = [1, 2].map(|number| Home::new(number, Nat::PortRestricted));
        for from in ["lan", "wan"] {
            homes[0].filter(&format!("iifname {from} meta l4proto udp numgen random mod 100 < 5 counter drop"));
        }
        let servers = [STUN, TURN_UDP].join(" ");
        let call = Call::start(name, [&homes[0], &homes[1]], [&servers, &servers]);
        call.exchange(100);
        call.pairs(is_direct);
        // A train of packets that is lost is counted once.
        let lost = homes[0].counted();
        assert!(lost.len() == 2 && lost.iter().all(|count| *count > 0), "lost: {lost:?}");
        for states in call.states() {
            assert!(states.ends_with("connected") && !states.contains("failed"), "{states}");
        }
    });
}

/// A client whose address goes, and who gets another one in another network, is heard again within the time of row FLT-15; nothing is lost.
fn check_moving(name: &str, nats: [Nat; 2], servers: &[&str], wanted: fn(&Pair, &Pair) -> bool) {
    in_networks(name, || {
        let homes = [Home::new(1, nats[0]), Home::new(2, nats[1])];
        let servers = servers.join(" ");
        let call = Call::start(name, [&homes[0], &homes[1]], [&servers, &servers]);
        call.pairs(wanted);
        for (from, to) in [(0, 1), (1, 2)] {
            homes[0].move_over(from, to);
            let moved = Instant::now();
            call.exchange(1);
            let gap = moved.elapsed();
            assert!(gap < Duration::from_secs(7), "back after {gap:?}");
            call.exchange(10);
            call.pairs(wanted);
        }
        for states in call.states() {
            assert!(!states.contains("failed"), "{states}");
        }
    });
}

#[test]
fn flt_15_a_client_that_moves_is_back_at_a_peer_in_the_open() {
    let name = "flt_15_a_client_that_moves_is_back_at_a_peer_in_the_open";
    check_moving(name, [Nat::PortRestricted, Nat::None], &[STUN], is_direct);
}

#[test]
fn flt_15_a_client_that_moves_is_back_at_a_peer_behind_a_router() {
    let name = "flt_15_a_client_that_moves_is_back_at_a_peer_behind_a_router";
    check_moving(name, [Nat::PortRestricted, Nat::PortRestricted], &[STUN], is_direct);
}

/// The address that it was lent stays behind; the peer's is still there.
#[test]
fn flt_15_a_client_that_moves_is_back_by_way_of_a_relay() {
    let name = "flt_15_a_client_that_moves_is_back_by_way_of_a_relay";
    check_moving(name, [Nat::Symmetric, Nat::Symmetric], &[STUN, TURN_UDP], is_relayed);
}
