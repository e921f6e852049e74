//! A process that has no file descriptors left.
#![cfg(all(unix, feature = "tokio", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

#[path = "common/child.rs"]
mod child;
#[path = "common/sockets.rs"]
mod sockets;

use ortica::jsep::SessionDescription;
use ortica::{
    BundlePolicy, Configuration, DataChannelInit, Endpoint, EndpointConfig, Event, Events, LocalTrack, Message,
    NewError, PeerConnection,
};
use sockets::{call, connection, describe, loopback};
use std::collections::BTreeSet;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

/// Runs a test of that name in a process of its own, which has 64.
fn with_few_descriptors(name: &str, test: impl Future<Output = ()>) {
    if child::is_child() {
        return child::run(test);
    }
    child::spawn(Command::new("sh"), "ulimit -n 64 && exec \"$0\" \"$@\"", name);
}

fn on_loopback() -> EndpointConfig {
    EndpointConfig::default().with_addresses(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))])
}

/// Guards the error of `Endpoint::new`, which says what the system said, and what is given back with it: a call that is up
/// goes on, and once there are descriptors again the next one can be made.
#[test]
fn flt_42_without_descriptors_new_endpoints_fail_and_calls_go_on() {
    with_few_descriptors("flt_42_without_descriptors_new_endpoints_fail_and_calls_go_on", binding());
}

/// Guards what is told of a socket that a transport of its own does not get: the connection gathers without it and says why, a call
/// that is up goes on, nothing leaks, and once there are descriptors again the next one gathers.
#[test]
fn flt_42_without_descriptors_gathering_says_so_and_goes_on() {
    with_few_descriptors("flt_42_without_descriptors_gathering_says_so_and_goes_on", gathering());
}

async fn binding() {
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

/// A connection whose sound and data have transports of their own.
fn unbundled() -> (PeerConnection, Events) {
    let configuration = Configuration::default().with_gather_loopback(true).with_bundle_policy(BundlePolicy::MaxCompat);
    let (connection, events) = PeerConnection::new(configuration).unwrap();
    connection.add_track(&LocalTrack::audio(), &[]).unwrap();
    connection.create_data_channel("data", DataChannelInit::default()).unwrap();
    (connection, events)
}

/// The ports of the candidates of each section.
fn ports(description: &SessionDescription) -> Vec<BTreeSet<String>> {
    let sections = description.sdp.split("\r\nm=").skip(1);
    let port = |line: &str| Some(line.strip_prefix("a=candidate:")?.split(' ').nth(5)?.to_owned());
    sections.map(|section| section.lines().filter_map(port).collect()).collect()
}

async fn gathering() {
    let call = call(DataChannelInit::default()).await;
    let (poor, mut events) = unbundled();
    let free = open_all();
    let count = free.len();
    let description = describe(&poor).await;
    drop(free);
    let first = loop {
        match events.next().await.expect("the connection goes on") {
            Event::IceCandidateError(error) => break error,
            _ => continue,
        }
    };
    poor.close().await;
    assert_eq!((first.url.as_str(), first.error_code), ("", 701));
    assert!(first.local.is_some() && first.error_text.contains("Too many open files"), "{first:?}");
    let ports_of = ports(&description);
    assert!(ports_of[0] == ports_of[1] && !ports_of[0].is_empty(), "they share what there is: {ports_of:?}");

    call.a_channel.send("still here").await.unwrap();
    assert_eq!(call.b_channel.recv().await, Some(Message::from("still here")));
    // The sockets of the closed one have come back too.
    while open_all().len() <= count {
        tokio::task::yield_now().await;
    }
    let (rich, _events) = unbundled();
    let ports_of = ports(&describe(&rich).await);
    assert!(!ports_of[1].is_empty() && ports_of[0].is_disjoint(&ports_of[1]), "{ports_of:?}");
}

/// Takes every descriptor that there is.
fn open_all() -> Vec<File> {
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}
