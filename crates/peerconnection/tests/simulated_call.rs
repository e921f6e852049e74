//! Two peers in virtual time: what a call has to survive, by seed.

mod common;

use bytes::Bytes;
use common::{Side, call};
use netsim::{Link, Pair};
use ortica::engine::ChannelMessage;
use ortica::{ConnectionState, IceConnectionState};
use std::time::Duration;

const DELAY: Duration = Duration::from_millis(25);

fn pattern(len: usize) -> Vec<ChannelMessage> {
    let bytes: Vec<u8> = (0..len).map(|index| (index * 31 + index / 251) as u8).collect();
    bytes.chunks(16_384).map(|part| ChannelMessage { binary: true, data: Bytes::copy_from_slice(part) }).collect()
}

/// Connects, sends `len` bytes from `a` to `b`, and gives the time until the channel was open.
fn deliver(seed: u64, link: Link, len: usize, limit: Duration) -> (Pair<Side>, Duration) {
    let mut pair = call(seed, link);
    let sent = pattern(len);
    pair.a.queue.extend(sent.iter().cloned());
    let start = pair.now();
    let mut run = |done: fn(&Side, &Side, usize) -> bool| {
        pair.run_until(limit, |a, b| done(a, b, len)).unwrap_or_else(|stalled| panic!("seed {seed}: {stalled}"));
        pair.now().saturating_duration_since(start)
    };
    let opened = run(|a, b, _| !a.opened.is_empty() && !b.opened.is_empty());
    run(|_, b, len| received(b) >= len);
    assert!(pair.b.received == sent, "seed {seed}: what arrived is not what was sent");
    (pair, opened)
}

/// The same with every seed of this tier, and the set-up times, sorted.
fn deliver_with_each_seed(name: &str, loss: f64, len: usize) -> Vec<Duration> {
    let link = || Link::with_delay(DELAY).lossy(loss);
    let mut times: Vec<Duration> =
        (0..seeds()).map(|seed| deliver(seed, link(), len, Duration::from_secs(120)).1).collect();
    times.sort_unstable();
    println!(
        "bar: {name}: {len} bytes exact with {} seeds; set-up p50 {:?}, p95 {:?}, most {:?}",
        times.len(),
        percentile(&times, 50),
        percentile(&times, 95),
        percentile(&times, 100)
    );
    times
}

/// Of sorted times.
fn percentile(times: &[Duration], percent: usize) -> Duration {
    times[((times.len() - 1) * percent).div_ceil(100)]
}

fn received(side: &Side) -> usize {
    side.received.iter().map(|message| message.data.len()).sum()
}

/// How many seeds this tier runs: all of them in `cargo xtask bars`.
fn seeds() -> u64 {
    std::env::var("ORTICA_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(5)
}

#[test]
fn delivers_a_megabyte_without_loss() {
    let times = deliver_with_each_seed("no loss", 0.0, 1 << 20);
    assert!(percentile(&times, 100) <= Duration::from_millis(500), "{times:?}");
}

/// Guards: what is lost is sent again, at every layer, and soon.
#[test]
fn flt_1_delivers_a_megabyte_at_five_percent_loss() {
    let times = deliver_with_each_seed("5 % loss", 0.05, 1 << 20);
    assert!(percentile(&times, 95) <= Duration::from_millis(2_500), "{times:?}");
}

/// Guards: what is lost is sent again, at every layer, and soon.
#[test]
fn flt_2_connects_and_delivers_at_twenty_percent_loss() {
    let times = deliver_with_each_seed("20 % loss", 0.2, 64 << 10);
    assert!(percentile(&times, 95) <= Duration::from_secs(8), "{times:?}");
}

/// Guards `Channels::read`: whoever still waits on the closed channel takes nothing from the one that uses its stream now.
#[test]
fn a_reused_stream_delivers_to_the_new_channel_alone() {
    let mut pair = call(1, Link::with_delay(DELAY));
    pair.run_until(Duration::from_secs(10), |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
    let first = pair.a.channels[0];
    pair.with_a(|a, now| a.peer.session_mut().close_channel(now, first));
    pair.run_until(Duration::from_secs(10), |a, b| !a.closed.is_empty() && !b.closed.is_empty()).unwrap();
    let second = pair.with_a(|a, now| a.create_channel(now, Default::default()));
    let message = ChannelMessage { binary: false, data: Bytes::from_static(b"for the second") };
    pair.with_a(|a, now| a.peer.session_mut().send(now, second, message)).unwrap();
    pair.run_until(Duration::from_secs(10), |_, b| !b.received.is_empty()).unwrap();
    let b = pair.b.peer.session();
    assert_eq!(b.channel_stream(pair.b.channels[0]), b.channel_stream(pair.b.channels[1]), "the stream is used again");
    let received = |at: usize| b.channel_stats(pair.b.channels[at]).unwrap().messages_received;
    assert_eq!((received(0), received(1)), (0, 1));
}

/// Guards: an answerer that finds a route while its answer is under way keeps its hello until the offerer can take it,
/// instead of losing it and waiting 400 ms to repeat it.
#[test]
fn an_answer_that_comes_late_costs_no_retransmission() {
    let mut pair = Pair::new(1, Link::with_delay(DELAY), Side::new(3, Pair::<Side>::A), Side::new(4, Pair::<Side>::B));
    let now = pair.now();
    let offer = pair.with_a(|a, _| {
        a.create_channel(now, Default::default());
        let offer = a.peer.create_offer(now).unwrap();
        a.peer.set_local_description(now, offer).unwrap();
        a.peer.local_description().unwrap()
    });
    let answer = pair.with_b(|b, _| {
        b.peer.set_remote_description(now, offer).unwrap();
        let answer = b.peer.create_answer(now).unwrap();
        b.peer.set_local_description(now, answer).unwrap();
        b.peer.local_description().unwrap()
    });
    pair.a.takes_checks_alone = true;
    pair.run_for(8 * DELAY);
    pair.a.takes_checks_alone = false;
    assert_eq!(pair.b.peer.ice_connection_state(), IceConnectionState::Connected, "the trap is set");

    pair.with_a(|a, now| a.peer.set_remote_description(now, answer).unwrap());
    let connected = |side: &mut Side| side.peer.connection_state() == ConnectionState::Connected;
    let took = pair.run_until(Duration::from_secs(10), |a, b| connected(a) && connected(b)).unwrap();
    // A round trip for the check that precedes the hello, and two for the handshake.
    assert!(took <= 6 * DELAY, "{took:?}");
}

#[test]
fn one_seed_gives_the_same_packets() {
    let hash = |seed| {
        let (pair, _) = deliver(seed, Link::with_delay(DELAY).lossy(0.05), 256 << 10, Duration::from_secs(60));
        pair.network.hash()
    };
    assert_eq!(hash(7), hash(7));
    assert_ne!(hash(7), hash(8));
}
