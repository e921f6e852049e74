//! The pace of checks, where there are several transports.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use common::{Side, pair_with_sockets};
use netsim::{Link, Pair, What};
use ortica::ConnectionState;
use ortica::codecs::{Codec, MediaKind};
use ortica::core::Instant;
use ortica::jsep::{BundlePolicy, SessionDescription};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const TRANSPORTS: usize = 4;

/// Two sides with a transport for each of four sections, which have exchanged descriptions; `link` is between them.
fn pair(link: Link) -> Pair<Side> {
    let [mut a, mut b] = [Side::new(1, Pair::<Side>::A), Side::new(2, Pair::<Side>::B)];
    for side in [&mut a, &mut b] {
        side.peer.set_codecs(vec![Codec::Pcmu]);
        side.peer.set_bundle_policy(BundlePolicy::MaxCompat);
    }
    let mut pair = pair_with_sockets(1, link, a, b);
    let now = pair.now();
    for _ in 0..TRANSPORTS {
        pair.a.peer.add_track(MediaKind::Audio, Vec::new()).unwrap();
    }
    let Pair { a, b, .. } = &mut pair;
    a.peer.set_local_description(now, SessionDescription::offer("")).unwrap();
    a.serve_sockets(now);
    let offer = a.peer.local_description().unwrap();
    let apart = offer.sdp.split_inclusive("\r\n").filter(|line| !line.starts_with("a=group:BUNDLE"));
    b.peer.set_remote_description(now, SessionDescription::offer(apart.collect::<String>())).unwrap();
    b.peer.set_local_description(now, SessionDescription::answer("")).unwrap();
    b.serve_sockets(now);
    a.peer.set_remote_description(now, b.peer.local_description().unwrap()).unwrap();
    assert_eq!(pair.a.peer.session().transports().count(), TRANSPORTS);
    pair
}

/// When `a` sent its checks, and from where.
fn checks(pair: &mut Pair<Side>, time: Duration) -> Vec<(Instant, SocketAddr)> {
    let sent = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&sent);
    pair.network.set_tap(move |crossing| {
        // Binding requests (RFC 8489 §5).
        let is_check = crossing.bytes.starts_with(&[0, 1]);
        if crossing.what == What::Sent && is_check && crossing.from.ip() == Pair::<Side>::A.ip() {
            log.borrow_mut().push((crossing.at, crossing.from));
        }
    });
    pair.run_for(time);
    sent.take()
}

/// Guards `Session::share_pace`: however many transports there are, a check leaves each 50 ms and no more, and all have their turn.
#[test]
fn rfc_8445_one_pace_for_all_transports_which_take_turns() {
    let mut pair = pair(Link { down: true, ..Link::default() });
    let sent = checks(&mut pair, 4_000 * MS);
    let apart = sent.windows(2).map(|pair| pair[1].0.saturating_duration_since(pair[0].0));
    assert!(apart.clone().all(|time| time >= 50 * MS), "{:?}", apart.collect::<Vec<_>>());
    let mut by_transport = BTreeMap::<SocketAddr, usize>::new();
    sent.iter().for_each(|(_, from)| *by_transport.entry(*from).or_default() += 1);
    assert_eq!(by_transport.len(), TRANSPORTS);
    let counts: Vec<_> = by_transport.into_values().collect();
    assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{counts:?}");
    let first: Vec<_> = sent.iter().take(TRANSPORTS).map(|(_, from)| from.port()).collect();
    assert_eq!(first.iter().collect::<std::collections::BTreeSet<_>>().len(), TRANSPORTS, "{first:?}");
}

/// The same where the other side answers: what a check of it triggers leaves 5 ms later (RFC 8445 §14.2).
#[test]
fn rfc_8445_triggered_checks_of_all_transports_keep_five_milliseconds() {
    let mut pair = pair(Link::with_delay(10 * MS));
    let sent = checks(&mut pair, 1_000 * MS);
    let ordinary = sent.windows(2).map(|pair| pair[1].0.saturating_duration_since(pair[0].0));
    // Nominations wait for nobody, as they go to an address that has just proved itself.
    let close = ordinary.filter(|time| *time < 5 * MS).count();
    assert!(close <= TRANSPORTS, "{close} of {}", sent.len());
    assert!([&pair.a, &pair.b].iter().all(|side| side.peer.connection_state() == ConnectionState::Connected));
}
