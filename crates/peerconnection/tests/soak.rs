//! Calls that begin, carry something and end, one after the other for as long as it is told, over real sockets: nothing may
//! stay behind.
//!
//! ```text
//! ORTICA_SOAK_SECONDS=20 cargo test -p ortica --all-features --test soak -- --include-ignored --nocapture
//! ```
#![cfg(all(target_os = "linux", feature = "tokio", feature = "aws-lc-rs", feature = "media"))]
#![expect(clippy::unwrap_used, reason = "all of it is a test: what fails here fails it")]

#[path = "common/sockets.rs"]
mod sockets;

use bytes::Bytes;
use ortica::codecs::synthetic::Tone;
use ortica::{DataChannel, DataChannelInit, Endpoint, EndpointConfig, Event, Events, LocalTrack, Message};
use sockets::{connection, negotiate};
use std::time::{Duration, Instant};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);
const MESSAGE: usize = 16 * 1024;
const MESSAGES: usize = 64;
/// Calls until memory has been found that is kept: buffers, worker threads.
const WARM_UP: usize = 20;
/// What the process may have grown by in the end. A call that stays behind takes some 90 KiB, and there are hundreds.
const GROWTH: u64 = 8 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes as long as it is told; cargo xtask ci runs it for 20 s"]
async fn nothing_stays_behind() {
    let seconds = std::env::var("ORTICA_SOAK_SECONDS").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(20);
    let endpoints = [(); 2].map(|()| Endpoint::new(EndpointConfig::default().with_gather_loopback(true)).unwrap());
    let started = Instant::now();
    let (mut calls, mut before) = (0, resident());
    while calls <= WARM_UP || started.elapsed() < Duration::from_secs(seconds) {
        timeout(PATIENCE, call(&endpoints)).await.unwrap_or_else(|_| panic!("call {calls} did not come to its end"));
        calls += 1;
        if calls == WARM_UP {
            before = resident();
        }
    }
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let grown = resident().saturating_sub(before);
    println!("{calls} calls; {} KiB more after the first {WARM_UP}; {tasks} tasks left", grown >> 10);
    assert!(grown <= GROWTH, "{grown} bytes stayed behind after {calls} calls");
    assert!(tasks <= 16, "{tasks} tasks stayed behind after {calls} calls");
}

/// Sound one way, data the other, an offer from each side.
async fn call([left, right]: &[Endpoint; 2]) {
    let (a, mut a_events) = connection(left);
    let (b, mut b_events) = connection(right);
    let tone = LocalTrack::audio();
    a.add_track(&tone, &["soak"]).unwrap();
    let out = a.create_data_channel("soak", DataChannelInit::default()).unwrap();
    negotiate(&a, &b).await;
    let (sound, channel) = arrivals(&mut b_events).await;
    let whistle = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        for frame in Tone::new(440.0, 48_000, 2).unwrap() {
            ticks.tick().await;
            tone.write_audio(frame).unwrap();
        }
    });
    assert!(sound.recv_audio().await.is_some());
    let sender = tokio::spawn(async move {
        for number in 0..MESSAGES {
            out.send(Message::Binary(Bytes::from(vec![number as u8; MESSAGE]))).await.unwrap();
        }
        out
    });
    for number in 0..MESSAGES {
        assert_eq!(channel.recv().await, Some(Message::Binary(Bytes::from(vec![number as u8; MESSAGE]))));
    }
    // The other side adds sound of its own.
    b.add_track(&LocalTrack::audio(), &["back"]).unwrap();
    negotiate(&b, &a).await;
    while !matches!(a_events.next().await, Some(Event::Track(_))) {}
    whistle.abort();
    drop(sender.await.unwrap());
    a.close().await;
    b.close().await;
}

async fn arrivals(events: &mut Events) -> (ortica::RemoteTrack, DataChannel) {
    let (mut track, mut channel) = (None, None);
    loop {
        match events.next().await.expect("the connection goes on") {
            Event::Track(event) => track = Some(event.track),
            Event::DataChannel(it) => channel = Some(it),
            _ => {}
        }
        if let (Some(_), Some(_)) = (&track, &channel) {
            return track.zip(channel).unwrap();
        }
    }
}

/// Bytes of memory that the process holds.
///
/// Source: proc(5), `/proc/self/statm`, second field, in pages of 4 KiB.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}
