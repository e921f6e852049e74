//! What one side of a call holds under attack by the other, against its limits; in virtual time.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

#[path = "../../sctp/tests/common/allocations.rs"]
mod allocations;
mod common;

use common::{Side, exchange};
use netsim::{Endpoint, Link, Pair};
use ortica::ConnectionState;
use ortica::core::crypto::rust_crypto;
use ortica::core::{Datagram, Instant, Transmit};
use ortica::engine::{ChannelParameters, Limits};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A side whose heap is watched. What it holds, it has asked for in its own calls.
struct Watched {
    side: Side,
    held: isize,
    most: isize,
}

impl Watched {
    fn measured<T>(&mut self, call: impl FnOnce(&mut Side) -> T) -> T {
        let before = allocations::live();
        let result = call(&mut self.side);
        self.held += allocations::live() - before;
        self.most = self.most.max(self.held);
        result
    }
}

impl Endpoint for Watched {
    fn handle_datagram(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.measured(|side| side.handle_datagram(now, datagram));
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.measured(|side| side.handle_timeout(now));
    }

    fn poll_transmit(&mut self, now: Instant, max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        out.reserve(Transmit::MAX_LEN + 2_000);
        self.measured(|side| side.poll_transmit(now, max_segments, out))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.side.poll_timeout()
    }

    fn react(&mut self, now: Instant) {
        self.measured(|side| side.react(now));
    }
}

/// A call in which a may have as many channels as there are streams, with names of any length, and b has the usual limits.
fn call() -> Pair<Side, Watched> {
    let mut limits = Limits::default();
    (limits.channels, limits.channel_names) = (65_534, 1 << 30);
    let ice = ortica_ice::Config::new(rust_crypto::provider());
    let mut a = Side::with_limits(1, ice, vec![(Pair::<Side>::SOCKET, Pair::<Side>::A)], limits);
    let mut b = Side::new(2, Pair::<Side>::B);
    a.create_channel(netsim::epoch(), ChannelParameters::default());
    exchange(netsim::epoch(), &mut a, &mut b);
    let watched = Watched { side: b, held: 0, most: 0 };
    let mut pair = Pair::new(1, Link::with_delay(Duration::from_millis(5)), a, watched);
    pair.run_until(10 * SECOND, |a, b| !a.opened.is_empty() && !b.side.opened.is_empty()).unwrap();
    pair.run_for(SECOND);
    (pair.b.held, pair.b.most) = (0, 0);
    pair
}

/// Opens channels that b has never heard of, ten at a time. Returns how many of them b has and what it holds for them at most.
fn flood(name: &str, count: usize, label: &str) -> (usize, isize) {
    let mut pair = call();
    for at in 0..count {
        let parameters = ChannelParameters { label: label.to_owned(), ..ChannelParameters::default() };
        pair.with_a(|a, now| a.create_channel(now, parameters));
        if at % 10 == 9 {
            pair.run_for(SECOND / 10);
        }
    }
    pair.run_for(20 * SECOND);
    let (b, most) = (&pair.b.side, pair.b.most);
    println!(
        "{name}: {} of {count} channels taken, {most} bytes at most, {} in the end",
        b.opened.len() - 1,
        pair.b.held
    );
    assert_eq!(b.peer.connection_state(), ConnectionState::Connected);
    (b.opened.len() - 1, most)
}

/// Guards `Limits::channels` and `Limits::channel_names` by what they are for: the heap. What is refused leaves nothing behind.
#[test]
fn cve_38_a_flood_of_channels_holds_no_more_than_its_limits() {
    let limits = Limits::default();
    let (taken, most) = flood("long labels", 100, &"x".repeat(65_535));
    assert_eq!(taken, limits.channel_names / 65_535);
    // SCTP puts one OPEN together while the names that are kept are held.
    assert!(most <= 2 * limits.channel_names as isize, "{most} bytes");
    let (taken, most) = flood("short labels", 3_000, "short");
    assert_eq!(taken, limits.channels - 1);
    assert!(most <= 1_152 * limits.channels as isize, "{most} bytes");
}
