//! A thousand channels of one call at once, of every kind, where one packet in ten gets lost; in virtual time.
//!
//! ```text
//! ORTICA_SEEDS=100 cargo test --release -p ortica --test many_channels -- --nocapture
//! ```
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use bytes::Bytes;
use common::{Side, negotiate};
use netsim::{Link, Pair};
use ortica::engine::{ChannelId, ChannelMessage, ChannelParameters, Reliability};
use std::collections::BTreeSet;
use std::time::Duration;

const CHANNELS: usize = 1_000;
/// Messages on each, one after the other.
const MESSAGES: u16 = 5;
const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

const POLICIES: [Reliability; 4] = [
    Reliability::Reliable,
    Reliability::MaxRetransmits(0),
    Reliability::MaxRetransmits(2),
    Reliability::MaxPacketLifeTime(Duration::from_millis(200)),
];

/// Each policy in order and out of it, channel by channel.
fn parameters(channel: usize) -> ChannelParameters {
    let kind = channel % (2 * POLICIES.len());
    ChannelParameters {
        label: format!("channel {channel}"),
        ordered: kind < POLICIES.len(),
        reliability: POLICIES[kind % POLICIES.len()],
        ..ChannelParameters::default()
    }
}

/// A message that shows where it belongs.
fn message(channel: usize, number: u16) -> ChannelMessage {
    let len = 4 + (channel * 7 + usize::from(number) * 131) % 300;
    let mut data = vec![(channel >> 8) as u8, channel as u8, (number >> 8) as u8, number as u8];
    data.extend((4..len).map(|at| (at * 31 + channel * 13 + usize::from(number)) as u8));
    ChannelMessage { binary: true, data: data.into() }
}

fn place(data: &Bytes) -> (usize, u16) {
    (usize::from(data[0]) << 8 | usize::from(data[1]), u16::from_be_bytes([data[2], data[3]]))
}

/// Two sides with a thousand open channels, those of a by their number, and a path that loses a tenth.
fn open(seed: u64) -> (Pair<Side>, Vec<ChannelId>) {
    let link = Link::with_delay(25 * MS).lossy(0.1);
    let [a, b] = [Pair::<Side>::A, Pair::<Side>::B];
    let mut pair = Pair::new(seed, link, Side::new(seed * 2 + 1, a), Side::new(seed * 2 + 2, b));
    let now = pair.now();
    let channels = (0..CHANNELS).map(|channel| pair.a.create_channel(now, parameters(channel))).collect();
    negotiate(&mut pair);
    pair.run_until(120 * SECOND, |a, b| a.opened.len() == CHANNELS && b.opened.len() == CHANNELS)
        .unwrap_or_else(|stalled| panic!("{stalled}"));
    (pair, channels)
}

/// Asserts what was promised for what b received. Returns how many messages did not come.
fn check(seed: u64, received: &[ChannelMessage]) -> [usize; POLICIES.len()] {
    let mut arrived = vec![BTreeSet::new(); CHANNELS];
    for found in received {
        let (channel, number) = place(&found.data);
        assert!(*found == message(channel, number), "seed {seed}: message {number} of channel {channel} is damaged");
        let follows = arrived[channel].last().is_none_or(|last| *last < number);
        assert!(follows || !parameters(channel).ordered, "seed {seed}: {number} of channel {channel} is out of order");
        assert!(arrived[channel].insert(number), "seed {seed}: {number} of channel {channel} came twice");
    }
    let mut missing = [0; POLICIES.len()];
    for (channel, arrived) in arrived.iter().enumerate() {
        let lost = usize::from(MESSAGES) - arrived.len();
        let may_lose = parameters(channel).reliability != Reliability::Reliable;
        assert!(lost == 0 || may_lose, "seed {seed}: channel {channel} lacks {lost}");
        missing[channel % POLICIES.len()] += lost;
    }
    missing
}

/// Guards the parameters that OPEN carries, their use by the sender, and that the streams of an association do not disturb each
/// other.
#[test]
fn a_thousand_channels_keep_their_promises_at_once() {
    let seeds: u64 = std::env::var("ORTICA_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(1);
    let (mut missing, mut received) = ([0; POLICIES.len()], 0);
    for seed in 0..seeds {
        let (mut pair, channels) = open(seed);
        let incoming: BTreeSet<_> = pair.b.opened.iter().map(|id| label(&pair.b, *id)).collect();
        assert_eq!(incoming.len(), CHANNELS, "seed {seed}");
        for number in 0..MESSAGES {
            pair.with_a(|a, now| {
                for (channel, id) in channels.iter().enumerate() {
                    a.peer.session_mut().send(now, *id, message(channel, number)).unwrap();
                }
            });
            pair.run_for(100 * MS);
        }
        let idle = |a: &Side| channels.iter().all(|id| a.peer.session().buffered_amount(*id) == 0);
        pair.run_until(120 * SECOND, |a, _| idle(a)).unwrap_or_else(|stalled| panic!("{stalled}"));
        pair.run_for(20 * SECOND);
        for (sum, more) in missing.iter_mut().zip(check(seed, &pair.b.received)) {
            *sum += more;
        }
        received += pair.b.received.len();
    }
    let all = seeds as usize * CHANNELS * usize::from(MESSAGES);
    println!(
        "bar: {CHANNELS} channels at once: {received} of {all} messages, all as promised, with {seeds} seeds at 10 % loss; \
         missing of {POLICIES:?}: {missing:?}"
    );
    assert!(missing[0] == 0 && missing[1] > 0 && missing[3] > 0, "{missing:?}");
    assert!(missing[2] < missing[1], "two more attempts are worth something: {missing:?}");
}

fn label(side: &Side, id: ChannelId) -> String {
    side.peer.session().channel_parameters(id).unwrap().label.clone()
}
