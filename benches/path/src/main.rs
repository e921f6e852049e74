//! One reliable, ordered channel between two connections on loopback, path MTU held at 1,280: how much a gigabyte costs, how long
//! the trains of packets are, how often it is acknowledged, what is allocated. And what a connection costs: to set up, to keep.
//!
//! ```text
//! cargo run --release -p ortica-bench-path            # prints the figures
//! cargo run --release -p ortica-bench-path -- --bars  # fails where one misses its bar
//! cargo run --release -p ortica-bench-path -- --ping  # round trips alone, beside bare UDP and a bare runtime
//! ```

mod allocations;
mod ping;

use bytes::Bytes;
use ortica::{
    Configuration, DataChannel, DataChannelInit, Endpoint, EndpointConfig, Event, Events, Message, PeerConnection,
};
use std::process::ExitCode;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: allocations::Counting = allocations::Counting;

const MESSAGE: usize = 16 * 1024;
/// Until here nothing is counted: windows open, memory is found.
const WARM_UP: usize = 64 << 20;
const MEASURED: usize = 512 << 20;

fn main() -> ExitCode {
    let asked = |option: &str| std::env::args().any(|argument| argument == option);
    if asked("--ping") {
        return ping::print().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    let bars = asked("--bars");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("threads can be started");
    let set_up = runtime.block_on(set_up());
    let idle = runtime.block_on(idle());
    let path = runtime.block_on(path());
    println!("{set_up}\n{idle}\n{path}");
    if bars && !path.meets_bars() {
        eprintln!("a figure misses its bar");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

// --- calls ------------------------------------------------------------------------------------------------------------------

struct Call {
    a: PeerConnection,
    b: PeerConnection,
    out: DataChannel,
    into: DataChannel,
    _events: (Events, Events),
}

fn endpoint() -> Endpoint {
    Endpoint::new(EndpointConfig::default().with_gather_loopback(true)).expect("sockets can be bound")
}

/// A call between two endpoints of its own.
async fn call() -> Call {
    call_between(&endpoint(), &endpoint()).await
}

async fn call_between(a: &Endpoint, b: &Endpoint) -> Call {
    let connection = |endpoint: &Endpoint| {
        PeerConnection::new(Configuration::default().with_endpoint(endpoint.clone()).with_packet_size_to_find(0))
            .expect("a certificate can be made")
    };
    let ((a, a_events), (b, mut b_events)) = (connection(a), connection(b));
    let out = a.create_data_channel("bench", DataChannelInit::default()).expect("a legal channel");
    a.set_local_description(None).expect("an offer");
    a.gathering_complete().await;
    b.set_remote_description(a.local_description().expect("was set")).expect("a legal offer");
    b.set_local_description(None).expect("an answer");
    b.gathering_complete().await;
    a.set_remote_description(b.local_description().expect("was set")).expect("a legal answer");
    let into = loop {
        match b_events.next().await.expect("the connection goes on") {
            Event::DataChannel(channel) => break channel,
            _ => continue,
        }
    };
    out.opened().await;
    Call { a, b, out, into, _events: (a_events, b_events) }
}

// --- set-up -----------------------------------------------------------------------------------------------------------------

struct SetUp {
    p50: Duration,
    cpu: Duration,
}

/// From nothing to an open channel, one call after the other.
async fn set_up() -> SetUp {
    const CALLS: u32 = 50;
    let cpu = cpu_time();
    let mut times = Vec::new();
    for _ in 0..CALLS {
        let started = Instant::now();
        let call = call().await;
        times.push(started.elapsed());
        call.a.close().await;
        call.b.close().await;
    }
    times.sort_unstable();
    SetUp { p50: times[times.len() / 2], cpu: (cpu_time() - cpu) / CALLS }
}

impl std::fmt::Display for SetUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "bar: set-up p50 {:.1} ms, {:.1} ms of CPU per pair", millis(self.p50), millis(self.cpu))
    }
}

// --- memory -----------------------------------------------------------------------------------------------------------------

struct Idle {
    bytes: i64,
}

/// What a connection keeps once it is up and nothing flows. Its endpoint, which many can share, is not counted, nor are the
/// system's sockets.
async fn idle() -> Idle {
    const CALLS: usize = 20;
    let endpoints: Vec<(Endpoint, Endpoint)> = (0..CALLS).map(|_| (endpoint(), endpoint())).collect();
    // The first round finds what the endpoints themselves need.
    let mut bytes = 0;
    for _ in 0..2 {
        let before = allocations::live();
        let mut calls = Vec::new();
        for (a, b) in &endpoints {
            calls.push(call_between(a, b).await);
        }
        bytes = (allocations::live() - before) / (CALLS as i64 * 2);
        for call in calls {
            call.a.close().await;
            call.b.close().await;
        }
    }
    Idle { bytes }
}

impl std::fmt::Display for Idle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "bar: idle connection {:.1} KiB of heap", self.bytes as f64 / 1024.0)
    }
}

// --- the path ---------------------------------------------------------------------------------------------------------------

struct Path {
    megabytes_per_second: f64,
    cpu_seconds_per_gigabyte: f64,
    packets_per_train: f64,
    packets_per_sack: f64,
    allocations_per_packet: f64,
    allocations_per_message: f64,
}

#[derive(Clone, Copy)]
struct Counters {
    at: Instant,
    cpu: Duration,
    allocations: u64,
    packets: u64,
    trains: u64,
    sacks: u64,
}

impl Counters {
    fn read(call: &Call) -> Self {
        let (sender, receiver) = (call.a.get_stats(), call.b.get_stats());
        let sent = sender.transports().next().expect("a transport").counters;
        let received = receiver.sctp_transports().next().expect("an association");
        Self {
            at: Instant::now(),
            cpu: cpu_time(),
            allocations: allocations::calls(),
            packets: sent.data_packets_sent,
            trains: sent.data_transmits,
            sacks: received.counters.sacks_sent,
        }
    }
}

async fn path() -> Path {
    let call = call().await;
    let message = Bytes::from(vec![7; MESSAGE]);
    let out = call.out.clone();
    let sender = tokio::spawn(async move {
        for _ in 0..(WARM_UP + MEASURED) / MESSAGE {
            if out.send(Message::Binary(message.clone())).await.is_err() {
                return;
            }
        }
    });
    receive(&call, WARM_UP).await;
    let before = Counters::read(&call);
    receive(&call, MEASURED).await;
    let after = Counters::read(&call);
    sender.await.expect("the sender does not panic");
    let per = |count: u64, by: u64| count as f64 / by.max(1) as f64;
    let (packets, allocations) = (after.packets - before.packets, after.allocations - before.allocations);
    let path = Path {
        megabytes_per_second: MEASURED as f64 / 1e6 / (after.at - before.at).as_secs_f64(),
        cpu_seconds_per_gigabyte: (after.cpu - before.cpu).as_secs_f64() / (MEASURED as f64 / 1e9),
        packets_per_train: per(packets, after.trains - before.trains),
        packets_per_sack: per(packets, after.sacks - before.sacks),
        allocations_per_packet: per(allocations, packets),
        allocations_per_message: per(allocations, (MEASURED / MESSAGE) as u64),
    };
    call.a.close().await;
    call.b.close().await;
    path
}

async fn receive(call: &Call, bytes: usize) {
    let mut received = 0;
    while received < bytes {
        match call.into.recv().await.expect("the channel stays open") {
            Message::Binary(data) => received += data.len(),
            Message::Text(_) => unreachable!("no text is sent"),
        }
    }
}

impl Path {
    fn meets_bars(&self) -> bool {
        self.packets_per_train >= 20.0
            && self.packets_per_sack >= 10.0
            && self.cpu_seconds_per_gigabyte <= 6.0
            // What is allocated is allocated per message: a handful of calls for 14 packets.
            && self.allocations_per_packet < 0.5
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "bar: 16 KiB messages {:.0} MB/s, {:.2} CPU s/GB, {:.1} packets per train, {:.1} packets per SACK, \
             {:.3} allocations per packet ({:.2} per message)",
            self.megabytes_per_second,
            self.cpu_seconds_per_gigabyte,
            self.packets_per_train,
            self.packets_per_sack,
            self.allocations_per_packet,
            self.allocations_per_message,
        )
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// CPU time of the whole process, in user and kernel mode.
///
/// Source: proc_pid_stat(5), fields 14 and 15, in hundredths of a second on Linux.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
