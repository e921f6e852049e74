//! Addresses of the host that come and go during a call, over real sockets: in a network namespace with interfaces of its own.
#![cfg(all(target_os = "linux", feature = "tokio", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

#[path = "common/child.rs"]
mod child;
#[path = "common/sockets.rs"]
mod sockets;

use ortica::stats::{Stats, StatsKind};
use ortica::{Configuration, DataChannelInit, Endpoint, EndpointConfig, IceConnectionState, Message, PeerConnection};
use sockets::{Call, call_between, within};
use std::net::{IpAddr, SocketAddr};
use std::process::Command;

/// The host that stays where it is.
const FIXED: &str = "10.8.0.1";

fn ip(words: &str) {
    let output = Command::new("ip").args(words.split(' ')).output().unwrap();
    assert!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Guards `Driver::follow_network`: the call goes on over an address that comes up in place of the one it used, and again when there
/// was none for a while. Nothing is lost.
#[test]
fn flt_15_a_call_moves_to_the_address_that_is_left() {
    let name = "flt_15_a_call_moves_to_the_address_that_is_left";
    if child::is_child() {
        return child::run(run());
    }
    let words = ["--net", "--map-root-user", "ip", "link", "add", "moving", "type", "veth", "peer", "name", "end"];
    let possible = Command::new("unshare").args(words).output();
    if !possible.as_ref().is_ok_and(|output| output.status.success()) {
        println!("skipped: no network namespace with interfaces can be made here ({possible:?})");
        return;
    }
    let mut shell = Command::new("unshare");
    shell.args(["--net", "--map-root-user", "sh"]);
    child::spawn(shell, "ip link set lo up && exec \"$0\" \"$@\"", name);
}

async fn run() {
    for (interface, address) in [("fixed", FIXED), ("moving", "10.9.0.1")] {
        ip(&format!("link add {interface} type veth peer name {interface}-end"));
        ip(&format!("addr add {address}/24 dev {interface}"));
        [interface, &format!("{interface}-end")].into_iter().for_each(|end| ip(&format!("link set {end} up")));
    }
    let moving = EndpointConfig::default().with_interface_filter(|it| it.name == "moving");
    let fixed = EndpointConfig::default().with_addresses(vec![SocketAddr::new(FIXED.parse().unwrap(), 0)]);
    let [moving, fixed] = [moving, fixed].map(|config| Endpoint::new(config).unwrap());
    let connection =
        |endpoint: &Endpoint| PeerConnection::new(Configuration::default().with_endpoint(endpoint.clone())).unwrap();
    let mut call = call_between([connection(&moving), connection(&fixed)], DataChannelInit::default()).await;
    exchange_until_at(&call, "10.9.0.1").await;

    ip("addr add 10.9.1.1/24 dev moving");
    ip("addr del 10.9.0.1/24 dev moving");
    exchange_until_at(&call, "10.9.1.1").await;
    assert_eq!(hosts(&moving), [address("10.9.1.1")]);

    ip("addr del 10.9.1.1/24 dev moving");
    let is_cut_off =
        |call: &Call| hosts(&moving).is_empty() && call.a.ice_connection_state() == IceConnectionState::Disconnected;
    within(until(&mut call, is_cut_off)).await;
    ip("addr add 10.9.2.1/24 dev moving");
    exchange_until_at(&call, "10.9.2.1").await;
    let is_back = |call: &Call| {
        matches!(call.a.ice_connection_state(), IceConnectionState::Connected | IceConnectionState::Completed)
    };
    within(until(&mut call, is_back)).await;
}

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn hosts(endpoint: &Endpoint) -> Vec<IpAddr> {
    endpoint.local_addresses().iter().map(SocketAddr::ip).collect()
}

/// Waits for something that an event tells of.
async fn until(call: &mut Call, is_so: impl Fn(&Call) -> bool) {
    while !is_so(call) {
        call.a_events.next().await.unwrap();
    }
}

/// Exchanges messages until they leave from this address.
async fn exchange_until_at(call: &Call, wanted: &str) {
    let is_there = || {
        let report = call.a.get_stats();
        let pair = report.selected_candidate_pair();
        let local = pair.and_then(|pair| report.get(&pair.local_candidate_id));
        matches!(local, Some(Stats { kind: StatsKind::LocalCandidate(it), .. }) if it.address.0.as_deref() == Some(wanted))
    };
    let exchanging = async {
        exchange(call).await;
        while !is_there() {
            exchange(call).await;
        }
    };
    within(exchanging).await;
}

/// Messages both ways, which arrive as they were sent.
async fn exchange(call: &Call) {
    let bytes: Vec<u8> = (0..100_000).map(|index: usize| (index * 31 + index / 251) as u8).collect();
    for (from, to) in [(&call.a_channel, &call.b_channel), (&call.b_channel, &call.a_channel)] {
        from.send(bytes.clone()).await.unwrap();
        assert!(to.recv().await == Some(Message::from(bytes.as_slice())), "what arrived is not what was sent");
    }
}
