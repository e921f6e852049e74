//! What connections leave behind: tasks, sockets and heap, counted for the whole process, which is why this is one test. Where
//! times are bounded, the clock stands still unless nothing is left to be done, so that it shows what was waited for, however busy
//! the machine is; how long closing takes by the machine's own clock is told and not judged.
//!
//! ```text
//! ORTICA_CYCLES=10000 cargo test --release -p ortica --all-features --test leftovers -- --nocapture
//! ```
#![cfg(all(target_os = "linux", feature = "tokio", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

#[path = "../../sctp/tests/common/allocations.rs"]
mod allocations;
#[path = "common/sockets.rs"]
mod sockets;

use ortica::codecs::{Codec, EncodedFrame};
use ortica::engine::CloseReason;
use ortica::jsep::TransceiverInit;
use ortica::{
    BundlePolicy, Configuration, DataChannelInit, Endpoint, Event, Events, LocalTrack, Message, PeerConnection,
};
use sockets::{Call, call_between, connection, connection_everywhere, loopback};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::Instant;

/// What an end may take.
const BOUND: Duration = Duration::from_millis(100);
/// Cycles until memory has been found that is kept: buffers, worker threads, tables of the runtime.
const WARM_UP: usize = 24;
/// What live bytes may differ by in the end: a hundredth, and this.
const SLACK: isize = 64 << 10;

/// What there is of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Things {
    tasks: usize,
    sockets: usize,
}

fn things() -> Things {
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    // The process keeps one by which it hears of changes of the network.
    let netlink = std::fs::read_to_string("/proc/self/net/netlink").unwrap();
    let inodes: Vec<&str> = netlink.lines().filter_map(|line| line.split_whitespace().last()).collect();
    let is_counted = |path: &std::path::PathBuf| {
        let path = path.to_string_lossy();
        path.strip_prefix("socket:[").is_some_and(|inode| !inodes.contains(&inode.trim_end_matches(']')))
    };
    let sockets = descriptors.filter_map(|it| std::fs::read_link(it.path()).ok()).filter(is_counted);
    Things { tasks, sockets: sockets.count() }
}

/// Lets the driver go on until everything is as it was `before`. There is always something to do meanwhile, so that a clock that is
/// turned stands still.
async fn are_gone(before: Things, what: &str) {
    for _ in 0..1_000 {
        if things() == before {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{what}: {:?} of {before:?} are left", things());
}

fn sides() -> [(PeerConnection, Events); 2] {
    [connection(&loopback()), connection(&loopback())]
}

async fn call() -> Call {
    let call = call_between(sides(), DataChannelInit::default()).await;
    call.a_channel.send("hello").await.unwrap();
    assert_eq!(call.b_channel.recv().await, Some(Message::from("hello")));
    // Until that is acknowledged, by the clock that is turned.
    tokio::time::sleep(Duration::from_secs(1)).await;
    call
}

/// Closes one side, whose messages were acknowledged, and asserts that this waits for nothing. Its handles stay.
async fn close(connection: &PeerConnection) {
    let since = Instant::now();
    assert_eq!(connection.close().await, CloseReason::Local);
    assert!(since.elapsed() <= BOUND, "closing took {:?}", since.elapsed());
}

/// Guards `Driver::is_over` and `Handle::end`: whichever way a connection ends, its task and its sockets go with it and not later,
/// though handles stay and the other side says nothing.
async fn ends() {
    let before = things();
    // Closed, with handles that stay: one side has sockets at every address.
    let sides = [connection_everywhere(), connection(&loopback())];
    let kept = call_between(sides, DataChannelInit::default()).await;
    assert!(things().sockets > before.sockets + 1 && things().tasks == before.tasks + 2);
    close(&kept.a).await;
    close(&kept.b).await;
    are_gone(before, "closed").await;

    // Dropped, one after the other.
    let Call { a, a_channel, b, b_channel, .. } = call().await;
    let half = Things { tasks: before.tasks + 1, sockets: before.sockets + 1 };
    drop((a, a_channel));
    are_gone(half, "one side dropped").await;
    assert_eq!(b_channel.recv().await, None);
    drop((b, b_channel));
    are_gone(before, "both dropped").await;

    // Dropped at once, so that no goodbye of the other side wakes anybody.
    drop(call().await);
    are_gone(before, "dropped at once").await;

    // Dropped, or closed, before anything was said.
    drop(connection(&loopback()));
    are_gone(before, "dropped unused").await;
    let (unused, _events) = connection(&loopback());
    close(&unused).await;
    are_gone(before, "closed unused").await;

    // In the middle of a handshake.
    for drops in [false, true] {
        let [(a, _), (b, _)] = self::sides();
        let channel = a.create_data_channel("early", DataChannelInit::default()).unwrap();
        sockets::negotiate(&a, &b).await;
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        if !drops {
            close(&a).await;
            close(&b).await;
            are_gone(before, "closed while connecting").await;
        }
        drop((a, b, channel));
        are_gone(before, "dropped while connecting").await;
    }

    // Closed by a future that was dropped.
    let Call { a, b, .. } = &call().await;
    for connection in [a, b] {
        let mut future = pin!(connection.close());
        let _ = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
    }
    are_gone(before, "closed by futures that were dropped").await;

    // Transports that are not bundled have sockets of their own.
    let (a, _events) = PeerConnection::new(
        Configuration::default().with_gather_loopback(true).with_bundle_policy(BundlePolicy::MaxCompat),
    )
    .unwrap();
    let of_one = things().sockets - before.sockets;
    a.add_track(&LocalTrack::audio(), &[]).unwrap();
    a.create_data_channel("data", DataChannelInit::default()).unwrap();
    sockets::describe(&a).await;
    assert_eq!(things().sockets - before.sockets, 2 * of_one);
    close(&a).await;
    are_gone(before, "several transports").await;

    // An endpoint that others hold stays.
    let shared = loopback();
    let [a, b] = [connection(&shared), connection(&loopback())];
    drop(call_between([a, b], DataChannelInit::default()).await);
    are_gone(Things { tasks: before.tasks + 1, sockets: before.sockets + 1 }, "a shared endpoint").await;
    drop(shared);
    are_gone(before, "the shared endpoint").await;

    // One that nobody ever used: nothing but its end wakes its task.
    let unused = loopback();
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    drop(unused);
    are_gone(before, "an unused endpoint").await;
}

/// A call that begins, carries something, and ends in one way or another. Returns how long each side took to close, by the
/// machine's own clock.
async fn cycle(number: usize, shared: &[Endpoint; 2]) -> Vec<Duration> {
    let sides = match number % 2 {
        0 => sides(),
        _ => [connection(&shared[0]), connection(&shared[1])],
    };
    let sound = LocalTrack::audio();
    if number.is_multiple_of(3) {
        let init = TransceiverInit { codecs: vec![Codec::Pcmu], ..TransceiverInit::default() };
        sides[0].0.add_transceiver(&sound, init).unwrap();
    }
    let Call { a, b, a_channel, b_channel, mut b_events, a_events } =
        call_between(sides, DataChannelInit::default()).await;
    a_channel.send("ping").await.unwrap();
    assert_eq!(b_channel.recv().await, Some(Message::from("ping")));
    b_channel.send(vec![7; 20_000]).await.unwrap();
    assert_eq!(a_channel.recv().await, Some(Message::from(vec![7; 20_000])));
    if let Some(transceiver) = b.transceivers().first() {
        sound.write_encoded(&EncodedFrame::new(Codec::Pcmu, vec![0; 160], 0)).unwrap();
        assert!(transceiver.receiver().track().recv_audio().await.is_some());
    }
    if number % 5 == 4 {
        return Vec::new();
    }
    let mut times = Vec::new();
    for connection in [&a, &b] {
        let started = std::time::Instant::now();
        assert_eq!(connection.close().await, CloseReason::Local);
        times.push(started.elapsed());
    }
    while let Some(event) = b_events.next().await {
        drop::<Event>(event);
    }
    drop((a_events, a, b));
    times
}

fn resident() -> isize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<isize>().unwrap() * 4096
}

/// Guards everything that is made for a connection: it goes with it.
async fn cycles(count: usize) {
    let before = things();
    let shared = [loopback(), loopback()];
    let between = things();
    let mut times = Vec::with_capacity(2 * count);
    let (mut live, mut pages) = (0, 0);
    for number in 0..WARM_UP + count {
        times.extend(cycle(number, &shared).await);
        are_gone(between, "a cycle").await;
        if number + 1 == WARM_UP {
            times.clear();
            (live, pages) = (allocations::live_everywhere(), resident());
        }
    }
    let (grown, pages) = (allocations::live_everywhere() - live, resident() - pages);
    drop(shared);
    are_gone(before, "the endpoints").await;
    times.sort_unstable();
    let at = |part: usize| times[(times.len() - 1) * part / 100];
    println!(
        "bar: {count} open/close cycles: heap {grown:+} bytes of {live}, resident {:+} KiB, tasks and sockets as before; \
         {} closes took p50 {:?}, p99 {:?}, max {:?}",
        pages >> 10,
        times.len(),
        at(50),
        at(99),
        at(100)
    );
    assert!(grown.abs() <= live / 100 + SLACK, "{grown} bytes of {live} were left by {count} cycles");
}

#[test]
fn api_2_connections_leave_nothing_behind() {
    let count = std::env::var("ORTICA_CYCLES").ok().and_then(|count| count.parse().ok()).unwrap_or(100);
    let runtime =
        |paused| tokio::runtime::Builder::new_current_thread().enable_all().start_paused(paused).build().unwrap();
    runtime(true).block_on(ends());
    runtime(false).block_on(cycles(count));
}
