//! Ten thousand connections in one process that do nothing but keep up consent, and a thousand that begin at once beside them.
//!
//! ```text
//! cargo bench -p ortica --bench idle [-- CONNECTIONS BURST SECONDS]
//! ```
//!
//! Each connection is from an endpoint of its own to one that they share, both ends in this process and on one thread, so what
//! is counted for each is twice what an end holds. What the kernel holds for sockets is not counted.
#![expect(clippy::expect_used, reason = "what fails here fails the bench")]

#[path = "../../sctp/tests/common/allocations.rs"]
mod allocations;

use ortica::{
    Configuration, ConnectionState, DataChannel, DataChannelInit, Endpoint, EndpointConfig, Event, Events,
    PeerConnection,
};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// What the row FLT-45 allows one end, in bytes of heap.
const MOST_HEAP: usize = 24 << 10;
/// Of one core of the two that are asked for.
const MOST_CPU: f64 = 1.0;
/// How long 99 of 100 may take that begin at once.
const MOST_START: Duration = Duration::from_secs(5);
/// How many are set up at a time, before what is measured.
const AT_ONCE: usize = 50;

/// CPU time of this process so far.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux says how long a process ran");
    let ticks = stat.rsplit(") ").next().into_iter().flat_map(str::split_whitespace).skip(11).take(2);
    // A tick is 10 ms (`USER_HZ`).
    Duration::from_millis(ticks.filter_map(|field| field.parse::<u64>().ok()).sum::<u64>() * 10)
}

fn loopback() -> Endpoint {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Endpoint::new(EndpointConfig::default().with_addresses(vec![address])).expect("a socket")
}

/// A connection that is up, with an open channel and all events taken, as they come.
struct Call {
    ends: [PeerConnection; 2],
    _channels: [DataChannel; 2],
    took: Duration,
}

impl Call {
    async fn new(server: Endpoint) -> Self {
        let began = Instant::now();
        let connection =
            |endpoint| PeerConnection::new(Configuration::default().with_endpoint(endpoint)).expect("a connection");
        let ((a, a_events), (b, mut b_events)) = (connection(loopback()), connection(server));
        let ours = a.create_data_channel("chat", DataChannelInit::default()).expect("a channel");
        a.set_local_description(None).expect("an offer");
        b.set_remote_description(a.local_description().expect("it was set")).expect("a legal offer");
        b.set_local_description(None).expect("an answer");
        a.set_remote_description(b.local_description().expect("it was set")).expect("a legal answer");
        let theirs = loop {
            if let Event::DataChannel(channel) = b_events.next().await.expect("the connection goes on") {
                break channel;
            }
        };
        assert!(ours.opened().await, "the channel opens");
        let took = began.elapsed();
        tokio::spawn(drain(a_events));
        tokio::spawn(drain(b_events));
        Self { ends: [a, b], _channels: [ours, theirs], took }
    }

    fn is_up(&self) -> bool {
        self.ends.iter().all(|end| end.connection_state() == ConnectionState::Connected)
    }
}

async fn drain(mut events: Events) {
    while events.next().await.is_some() {}
}

/// Sets calls up, at most so many at a time.
async fn start(count: usize, at_once: usize, server: &Endpoint) -> Vec<Call> {
    let mut calls = Vec::with_capacity(count);
    let mut under_way = JoinSet::new();
    for _ in 0..count {
        if under_way.len() >= at_once {
            calls.push(under_way.join_next().await.expect("one is under way").expect("it connects"));
        }
        under_way.spawn(Call::new(server.clone()));
    }
    calls.extend(under_way.join_all().await);
    calls
}

/// The share of a core that was used for this long.
async fn cpu_share(time: Duration) -> f64 {
    let (cpu, began) = (cpu_time(), Instant::now());
    tokio::time::sleep(time).await;
    (cpu_time() - cpu).as_secs_f64() / began.elapsed().as_secs_f64()
}

async fn run(connections: usize, burst: usize, time: Duration) -> bool {
    let server = loopback();
    let before = allocations::live();
    let began = Instant::now();
    let calls = start(connections, AT_ONCE, &server).await;
    println!("{connections} connections were set up in {:.1?}", began.elapsed());
    // Until the last handshakes have been forgotten.
    tokio::time::sleep(Duration::from_secs(15)).await;
    let heap = usize::try_from(allocations::live() - before).unwrap_or(0) / (2 * connections);
    let cpu = cpu_share(time).await;
    let up = calls.iter().filter(|call| call.is_up()).count();
    let other_server = loopback();
    let mut took: Vec<Duration> = start(burst, burst, &other_server).await.iter().map(|call| call.took).collect();
    took.sort();
    let late = took.get(took.len() * 99 / 100).copied().unwrap_or_default();
    let still_up = calls.iter().filter(|call| call.is_up()).count();
    println!(
        "bar: {connections} idle connections: {:.1} KiB of heap for each end, {:.1} % of a core for both; \
         {burst} more at once: p99 {late:.1?}; {up} up before, {still_up} after",
        heap as f64 / 1024.0,
        cpu * 100.0
    );
    heap <= MOST_HEAP && cpu <= MOST_CPU && late <= MOST_START && up == connections && still_up == connections
}

fn main() -> ExitCode {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let number = |at: usize, default| numbers.get(at).copied().unwrap_or(default);
    let (connections, burst, seconds) = (number(0, 10_000), number(1, 1_000), number(2, 60));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let passed = runtime.block_on(run(connections, burst, Duration::from_secs(seconds as u64)));
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
