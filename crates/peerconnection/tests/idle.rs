//! What a connection holds, and does, when nothing flows but consent; in virtual time.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

#[path = "../../sctp/tests/common/allocations.rs"]
mod allocations;
mod common;

use common::{Side, negotiate};
use netsim::{Link, Pair};
use ortica::ConnectionState;
use ortica::codecs::{Codec, MediaKind};
use ortica::engine::ChannelParameters;
use ortica::peer::Peer;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
/// What a peer may hold, in bytes of heap, itself included: a part of the 24 KiB, and of the 96 KiB with sound and video, that
/// row FLT-45 allows a connection with its handles and its share of the driver.
const MOST: isize = 21 << 10;
const MOST_WITH_MEDIA: isize = 80 << 10;

/// Two sides that are up, with a channel, and have been idle for two minutes.
fn idle(seed: u64, with_media: bool) -> Pair<Side> {
    let mut a = Side::new(seed * 2 + 1, Pair::<Side>::A);
    let mut b = Side::new(seed * 2 + 2, Pair::<Side>::B);
    for side in [&mut a, &mut b] {
        side.peer.set_codecs(vec![Codec::Opus, Codec::Vp8, Codec::Vp9, Codec::H264]);
    }
    let mut pair = Pair::new(seed, Link::with_delay(SECOND / 40), a, b);
    let now = pair.now();
    pair.a.create_channel(now, ChannelParameters { label: "chat".to_owned(), ..ChannelParameters::default() });
    if with_media {
        for kind in [MediaKind::Audio, MediaKind::Video] {
            pair.a.peer.add_track(kind, vec!["camera".to_owned()]).unwrap();
            pair.b.peer.add_track(kind, vec!["camera".to_owned()]).unwrap();
        }
    }
    negotiate(&mut pair);
    pair.run_until(10 * SECOND, |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
    pair.run_for(120 * SECOND);
    pair
}

/// What a peer holds, itself included: what there is less of once another one is in its place and it is gone.
fn held(side: &mut Side) -> isize {
    let mut other = Side::new(1, Pair::<Side>::A);
    std::mem::swap(&mut side.peer, &mut other.peer);
    let before = allocations::live();
    drop(other);
    before - allocations::live() + size_of::<Peer>() as isize
}

fn consents(side: &Side) -> u64 {
    let session = side.peer.session();
    let agent = session.ice(session.transports().next().unwrap()).unwrap();
    agent.stats().consent_requests_sent
}

/// Guards the heap of a connection that only keeps up consent, by either side, and that it does: a check each five seconds or so
/// (RFC 7675 §5.1), each of which costs nothing that stays.
#[test]
fn flt_45_an_idle_connection_holds_little_and_keeps_consent() {
    for (with_media, most) in [(false, MOST), (true, MOST_WITH_MEDIA)] {
        for seed in 0..2 {
            let mut pair = idle(seed, with_media);
            let before = (allocations::live(), [&pair.a, &pair.b].map(consents));
            pair.run_for(60 * SECOND);
            let after = [&pair.a, &pair.b].map(consents);
            for (after, before) in after.into_iter().zip(before.1) {
                assert!((10..=15).contains(&(after - before)), "{} checks in a minute", after - before);
            }
            println!("seed {seed}: {} bytes more after a minute", allocations::live() - before.0);
            for side in [&mut pair.a, &mut pair.b] {
                assert_eq!(side.peer.connection_state(), ConnectionState::Connected);
                let held = held(side);
                println!("bar: seed {seed}, with media {with_media}: {held} bytes");
                assert!(held <= most, "seed {seed}, with media {with_media}: {held} bytes");
            }
        }
    }
}
