//! A process that has no file descriptors left.
#![cfg(all(unix, feature = "tokio", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

#[path = "common/sockets.rs"]
mod sockets;

use ortica::{Configuration, DataChannelInit, Endpoint, EndpointConfig, Message, NewError, PeerConnection};
use sockets::{call, connection, describe, loopback};
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

const CHILD: &str = "ORTICA_FEW_DESCRIPTORS";

fn on_loopback() -> EndpointConfig {
    EndpointConfig::default().with_addresses(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))])
}

/// Guards the error of `Endpoint::new`, which says what the system said, and what is given back with it: a call that is up
/// goes on, and once there are descriptors again the next one can be made. In a process of its own, which has 64.
#[test]
fn flt_42_without_descriptors_new_endpoints_fail_and_calls_go_on() {
    let name = "flt_42_without_descriptors_new_endpoints_fail_and_calls_go_on";
    if std::env::var_os(CHILD).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(30), run()).await.expect("in time") });
        return;
    }
    let child = Command::new("sh")
        .args(["-c", "ulimit -n 64 && exec \"$0\" --exact \"$1\" --test-threads 1 --nocapture"])
        .arg(std::env::current_exe().unwrap())
        .arg(name)
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    assert!(String::from_utf8_lossy(&child.stdout).contains("1 passed"), "the child ran the test");
}

async fn run() {
    let call = call(DataChannelInit::default()).await;
    let free = open_all();
    let count = free.len();
    for _ in 0..100 {
        let error = Endpoint::new(on_loopback()).unwrap_err();
        assert!(error.to_string().contains("Too many open files"), "{error}");
        assert!(matches!(PeerConnection::new(Configuration::default()), Err(NewError::Bind(_))));
    }
    call.a_channel.send("still here").await.unwrap();
    assert_eq!(call.b_channel.recv().await, Some(Message::from("still here")));
    drop(free);
    assert_eq!(open_all().len(), count, "nothing leaked");
    let (again, _events) = connection(&loopback());
    again.create_data_channel("next", DataChannelInit::default()).unwrap();
    assert!(describe(&again).await.sdp.contains("a=candidate:"));
}

/// Takes every descriptor that there is.
fn open_all() -> Vec<File> {
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}
