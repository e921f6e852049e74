//! Peers whose transport is steered by hand, in virtual time.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use common::Side;
use netsim::Pair;
use ortica::engine::{DtlsState, Event};

/// Guards `Peer::on_engine_event`: what objects are asked for is told to nobody, so that it does not pile up.
#[test]
fn a_peer_that_is_steered_by_hand_keeps_no_events() {
    let now = netsim::epoch();
    let mut side = Side::new(1, Pair::<Side>::A);
    let transport = side.peer.steer_by_hand(now).unwrap();
    side.peer.gather_by_hand(now, transport).unwrap();
    side.peer.session_mut().stop_dtls(now, transport).unwrap();
    let mut happened = Vec::new();
    side.peer.drain_engine(now, |event| happened.push(event));
    assert!(happened.contains(&Event::Dtls(transport, DtlsState::Closed)), "{happened:?}");
    assert_eq!(side.peer.poll_event(), None);
}
