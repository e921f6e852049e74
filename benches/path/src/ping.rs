//! Round trips of 64 bytes, each end on a thread of its own: through a channel, and what of it the system and the runtime take.

use bytes::Bytes;
use ortica::jsep::SessionDescription;
use ortica::{
    Configuration, DataChannel, DataChannelInit, Endpoint, EndpointConfig, Event, Events, Message, PeerConnection,
};
use ortica_bench_floor::runtime::Alarm;
use ortica_bench_floor::{Percentiles, runtime, udp};
use std::io;
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot::{Receiver, Sender, channel};

const ROUND: Duration = Duration::from_millis(250);
const ROUNDS: usize = 5;
const PING: [u8; 64] = [0x5A; 64];

/// Takes turns, so that what disturbs the machine disturbs all of them.
pub fn print() -> io::Result<()> {
    type Measure = fn() -> io::Result<Vec<Duration>>;
    const ROWS: [(&str, Measure); 4] = [
        ("bare UDP, threads that block", || udp::ping_pong(ROUND)),
        ("tokio, recvmmsg and sendto", || runtime::ping_pong(ROUND, Alarm::None)),
        ("the same beside a timer", || runtime::ping_pong(ROUND, Alarm::Set)),
        ("ortica", || Ok(ping_pong())),
    ];
    let mut found = [const { Vec::new() }; ROWS.len()];
    for _ in 0..ROUNDS {
        for ((_, measure), found) in ROWS.iter().zip(&mut found) {
            found.push(Percentiles::of(measure()?));
        }
    }
    let bare = micros(median(&mut found[0], |times| times.median));
    for ((name, _), found) in ROWS.iter().zip(&mut found) {
        let p50 = micros(median(found, |times| times.median));
        let p99 = micros(median(found, |times| times.high));
        println!("round trip of 64 bytes, {name:<28} p50 {p50:>6.2} us, p99 {p99:>6.1} us, {:.2} x bare", p50 / bare);
    }
    Ok(())
}

fn median(of: &mut [Percentiles], which: fn(&Percentiles) -> Duration) -> Duration {
    of.sort_unstable_by_key(which);
    of.get(of.len() / 2).map(which).unwrap_or_default()
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// What a user has: a runtime per thread, a task per direction.
fn ping_pong() -> Vec<Duration> {
    let ((offer_to, offer), (answer_to, answer)) = (channel(), channel());
    thread::scope(|scope| {
        scope.spawn(|| runtime().block_on(answerer(offer, answer_to)));
        runtime().block_on(offerer(offer_to, answer))
    })
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn connection() -> (PeerConnection, Events) {
    let endpoint = EndpointConfig::default().with_addresses(vec!["127.0.0.1:0".parse().expect("an address")]);
    let endpoint = Endpoint::new(endpoint).expect("a socket can be bound");
    let configuration = Configuration::default().with_endpoint(endpoint).with_packet_size_to_find(0);
    PeerConnection::new(configuration).expect("a certificate can be made")
}

async fn offerer(offer: Sender<String>, answer: Receiver<String>) -> Vec<Duration> {
    let (connection, _events) = connection();
    let channel = connection.create_data_channel("ping", DataChannelInit::default()).expect("a legal channel");
    connection.set_local_description(None).expect("an offer");
    connection.gathering_complete().await;
    offer.send(connection.local_description().expect("was set").sdp).expect("the other side waits");
    let answer = answer.await.expect("the other side answers");
    connection.set_remote_description(SessionDescription::answer(answer)).expect("a legal answer");
    channel.opened().await;
    let times = tokio::spawn(measure(channel)).await.expect("it ends");
    connection.close().await;
    times
}

async fn measure(channel: DataChannel) -> Vec<Duration> {
    let (started, mut times) = (Instant::now(), Vec::new());
    while started.elapsed() < ROUND {
        let sent = Instant::now();
        channel.send(Message::Binary(Bytes::from_static(&PING))).await.expect("the channel is open");
        channel.recv().await.expect("the channel is open");
        times.push(sent.elapsed());
    }
    times
}

async fn answerer(offer: Receiver<String>, answer: Sender<String>) {
    let offer = offer.await.expect("the other side offers");
    let (connection, mut events) = connection();
    connection.set_remote_description(SessionDescription::offer(offer)).expect("a legal offer");
    connection.set_local_description(None).expect("an answer");
    connection.gathering_complete().await;
    answer.send(connection.local_description().expect("was set").sdp).expect("the other side waits");
    let channel = loop {
        if let Event::DataChannel(channel) = events.next().await.expect("the connection goes on") {
            break channel;
        }
    };
    tokio::spawn(echo(channel)).await.expect("it ends");
}

async fn echo(channel: DataChannel) {
    while let Some(message) = channel.recv().await {
        if channel.send(message).await.is_err() {
            return;
        }
    }
}
