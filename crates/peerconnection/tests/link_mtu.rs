//! Links of other lengths than usual, over real sockets: in a network namespace whose loopback interface is made as long as the
//! test wants.
#![cfg(all(target_os = "linux", feature = "tokio", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

#[path = "common/child.rs"]
mod child;
#[path = "common/sockets.rs"]
mod sockets;

use ortica::{Configuration, DataChannel, DataChannelInit, Message, PeerConnection};
use sockets::{Call, call_between, loopback};
use std::process::Command;

/// What IPv4 and UDP add to a datagram, of which bytes are counted.
const AROUND: usize = 20 + 8;

/// Guards what the driver does with EMSGSIZE: an interface that carries less than was hoped for is found out at once, and one
/// that is made shorter during a transfer loses nothing.
#[test]
fn flt_19_a_link_that_shrinks_under_a_transfer_loses_nothing() {
    let name = "flt_19_a_link_that_shrinks_under_a_transfer_loses_nothing";
    if child::is_child() {
        return child::run(run());
    }
    let possible = Command::new("unshare").args(["--net", "--map-root-user", "ip", "link", "set", "lo", "up"]).output();
    if !possible.as_ref().is_ok_and(|output| output.status.success()) {
        println!("skipped: no network namespace can be made here ({possible:?})");
        return;
    }
    let mut shell = Command::new("unshare");
    shell.args(["--net", "--map-root-user", "sh"]);
    child::spawn(shell, "ip link set lo up mtu 9000 && exec \"$0\" \"$@\"", name);
}

async fn run() {
    let connection = || {
        let configuration = Configuration::default().with_endpoint(loopback()).with_packet_size_to_find(16_384);
        PeerConnection::new(configuration).unwrap()
    };
    let Call { a, a_channel: out, b_channel: into, .. } =
        call_between([connection(), connection()], DataChannelInit::default()).await;

    transfer_until(&a, &out, &into, 8_000..=9_000 - AROUND).await;
    set_mtu(1_400);
    transfer_until(&a, &out, &into, 1_250..=1_400 - AROUND).await;
    set_mtu(1_280);
    transfer_until(&a, &out, &into, 1_100..=1_280 - AROUND).await;
}

fn set_mtu(mtu: usize) {
    let status = Command::new("ip").args(["link", "set", "lo", "mtu", &mtu.to_string()]).status().unwrap();
    assert!(status.success());
}

/// Sends a megabyte after the other, each of which arrives as it is, until packets are as long as is wanted on average.
async fn transfer_until(
    a: &PeerConnection,
    out: &DataChannel,
    into: &DataChannel,
    wanted: std::ops::RangeInclusive<usize>,
) {
    let bytes: Vec<u8> = (0..1 << 20).map(|index: usize| (index * 31 + index / 251) as u8).collect();
    let counted = || {
        let transport = a.get_stats().transports().next().unwrap().counters;
        (transport.bytes_sent, transport.data_packets_sent)
    };
    loop {
        let before = counted();
        for part in bytes.chunks(1 << 16) {
            out.send(part).await.unwrap();
        }
        for part in bytes.chunks(1 << 16) {
            assert!(into.recv().await == Some(Message::from(part)), "what arrived is not what was sent");
        }
        let after = counted();
        let mean = ((after.0 - before.0) / (after.1 - before.1).max(1)) as usize;
        if wanted.contains(&mean) {
            return;
        }
    }
}
