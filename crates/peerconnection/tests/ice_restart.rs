//! Gathering and ICE restarts, as signaling sees them.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use bytes::Bytes;
use common::{Side, call, exchange};
use netsim::{Link, Pair, What};
use ortica::core::Instant;
use ortica::engine::{ChannelMessage, ChannelParameters};
use ortica::jsep::{IceCandidate, SessionDescription};
use ortica::peer::PeerEvent;
use ortica::{ConnectionState, IceGatheringState};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn connected(seed: u64) -> Pair<Side> {
    let mut pair = call(seed, Link::with_delay(Duration::from_millis(10)));
    pair.run_until(10 * SECOND, |a, b| !a.opened.is_empty() && !b.opened.is_empty()).unwrap();
    pair.run_for(SECOND);
    pair.a.events.clear();
    pair.b.events.clear();
    pair
}

fn ufrag(description: &SessionDescription) -> &str {
    description.sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).unwrap()
}

fn local_ufrag(side: &Side) -> String {
    ufrag(&side.peer.local_description().unwrap()).to_owned()
}

/// What of the events is about gathering, in order.
fn gathering(side: &Side) -> Vec<String> {
    let word = |event: &PeerEvent| match event {
        PeerEvent::IceGatheringStateChange(state) => Some(state.to_string()),
        PeerEvent::IceCandidate(Some(candidate)) if candidate.candidate.is_empty() => Some("last".to_owned()),
        PeerEvent::IceCandidate(Some(_)) => Some("candidate".to_owned()),
        PeerEvent::IceCandidate(None) => Some("end".to_owned()),
        _ => None,
    };
    side.events.iter().filter_map(word).collect()
}

/// Runs a little, so that what happened is reported.
fn report(pair: &mut Pair<Side>) {
    pair.run_for(Duration::from_millis(1));
}

/// Guards `Peer::gathered`: the end is known within the call, and is reported after the candidates all the same, the state
/// before the null candidate (WPT `final_event_order`).
#[test]
fn jsep_4_the_end_of_candidates_follows_the_candidates() {
    let mut pair = call(1, Link::with_delay(Duration::from_millis(10)));
    report(&mut pair);
    for side in [&pair.a, &pair.b] {
        assert_eq!(gathering(side), ["gathering", "candidate", "last", "complete", "end"]);
        assert_eq!(side.peer.ice_gathering_state(), IceGatheringState::Complete);
    }
}

/// Guards `Session::reset_transport` after a rollback: what was gathered goes, so that the next offer tells of candidates again.
#[test]
fn jsep_1_an_offer_after_one_that_was_taken_back_gathers_anew() {
    let [a, b] = [(1, Pair::<Side>::A), (2, Pair::<Side>::B)].map(|(seed, address)| Side::new(seed, address));
    let mut pair = Pair::new(1, Link::with_delay(Duration::from_millis(10)), a, b);
    let now = pair.now();
    pair.a.create_channel(now, ChannelParameters::default());
    for round in 0..2 {
        let now = pair.now();
        let offer = pair.a.peer.create_offer(now).unwrap();
        pair.a.peer.set_local_description(now, offer).unwrap();
        report(&mut pair);
        assert_eq!(gathering(&pair.a), ["gathering", "candidate", "last", "complete", "end"], "round {round}");
        pair.a.peer.set_local_description(now, SessionDescription::rollback()).unwrap();
        report(&mut pair);
        pair.a.events.clear();
    }
}

/// Guards `Negotiation::fresh` and the agent, which gathers by itself: new credentials on both sides, whoever offers, while
/// the old pair carries data until a new one is selected.
#[test]
fn ice_7_a_restart_gathers_to_its_end_and_interrupts_nothing() {
    for by_peer in [false, true] {
        let mut pair = connected(1);
        let now = pair.now();
        let Pair { a, b, .. } = &mut pair;
        let (offerer, answerer) = if by_peer { (b, a) } else { (a, b) };
        let before = [local_ufrag(offerer), local_ufrag(answerer)];
        offerer.peer.restart_ice();
        let sent = ChannelMessage { binary: true, data: Bytes::from(vec![7; 200_000]) };
        offerer.queue.push_back(sent.clone());
        let [offer, answer] = exchange(now, offerer, answerer);
        assert_ne!(ufrag(&offer), before[0]);
        assert_ne!(ufrag(&answer), before[1], "by peer: {by_peer}");
        assert!(answer.sdp.contains("a=end-of-candidates"), "{}", answer.sdp);
        pair.run_for(5 * SECOND);
        for (side, description) in
            [(&pair.a, if by_peer { &answer } else { &offer }), (&pair.b, if by_peer { &offer } else { &answer })]
        {
            assert_eq!(gathering(side), ["gathering", "candidate", "last", "complete", "end"]);
            let agent = side.peer.session().ice(side.peer.session().transports().next().unwrap()).unwrap();
            assert_eq!(agent.local_credentials().ufrag, ufrag(description));
            assert_eq!(agent.pairs().count(), 1, "the old generation is forgotten");
            assert!(agent.route().is_some());
            let states = side.events.iter().filter(|event| matches!(event, PeerEvent::ConnectionStateChange(_)));
            assert_eq!(states.count(), 0, "{:?}", side.events);
        }
        let received = if by_peer { &pair.a.received } else { &pair.b.received };
        assert_eq!(*received, [sent]);
    }
}

/// Guards the wait for the answer: candidates of a ufrag that no description has named cannot be placed by the other side.
#[test]
fn ice_7_an_offered_restart_changes_nothing_before_the_answer() {
    let mut pair = connected(1);
    let now = pair.now();
    let before = local_ufrag(&pair.b);
    pair.a.peer.restart_ice();
    let offer = pair.a.peer.create_offer(now).unwrap();
    pair.a.peer.set_local_description(now, offer.clone()).unwrap();
    pair.b.peer.set_remote_description(now, offer).unwrap();
    pair.run_for(60 * SECOND);
    assert_eq!(local_ufrag(&pair.b), before);
    assert_eq!(gathering(&pair.b), Vec::<String>::new());
    assert_eq!(pair.b.peer.connection_state(), ConnectionState::Connected);
    // What announces the restart has no candidates of the generation before, nor its end.
    let first = pair.b.peer.create_answer(now).unwrap();
    assert!(!first.sdp.contains("a=candidate") && !first.sdp.contains("a=end-of-candidates"), "{}", first.sdp);
    // An answer made twice announces one restart.
    let first = pair.b.peer.create_answer(now).unwrap();
    let again = pair.b.peer.create_answer(now).unwrap();
    assert_eq!(ufrag(&first), ufrag(&again));
    let now = pair.now();
    pair.b.peer.set_local_description(now, again.clone()).unwrap();
    assert_eq!(local_ufrag(&pair.b), ufrag(&again));
    pair.a.peer.set_remote_description(now, pair.b.peer.local_description().unwrap()).unwrap();
    pair.run_for(SECOND);
    assert_eq!(pair.a.peer.connection_state(), ConnectionState::Connected);
}

/// Guards `Negotiation::want_restart`: asked for once, answered by one negotiation; nothing to replace before the first.
#[test]
fn a_restart_asks_for_negotiation_once() {
    let mut fresh = Side::new(1, Pair::<Side>::A);
    fresh.peer.restart_ice();
    assert_eq!(fresh.peer.poll_event(), None);
    let mut pair = connected(1);
    let now = pair.now();
    let asked = |side: &Side| side.events.iter().filter(|event| **event == PeerEvent::NegotiationNeeded).count();
    pair.a.peer.restart_ice();
    pair.a.peer.restart_ice();
    report(&mut pair);
    assert_eq!(asked(&pair.a), 1);
    exchange(now, &mut pair.a, &mut pair.b);
    pair.run_for(SECOND);
    assert_eq!((asked(&pair.a), asked(&pair.b)), (1, 0));
    let ufrag = local_ufrag(&pair.a);
    let now = pair.now();
    exchange(now, &mut pair.a, &mut pair.b);
    assert_eq!(local_ufrag(&pair.a), ufrag, "the next offer restarts nothing");
}

/// Guards the queue of candidates that the answer has still to make sense of: they come one by one, before it.
#[test]
fn ice_7_a_trickled_restart_connects() {
    let mut pair = connected(1);
    let now = pair.now();
    pair.a.peer.restart_ice();
    let offer = pair.a.peer.create_offer(now).unwrap();
    pair.a.peer.set_local_description(now, offer.clone()).unwrap();
    report(&mut pair);
    let now = pair.now();
    pair.b.peer.set_remote_description(now, offer.clone()).unwrap();
    tell(now, &pair.a.events, &mut pair.b);
    let answer = pair.b.peer.create_answer(now).unwrap();
    pair.b.peer.set_local_description(now, answer.clone()).unwrap();
    report(&mut pair);
    let now = pair.now();
    pair.a.peer.set_remote_description(now, answer.clone()).unwrap();
    tell(now, &pair.b.events, &mut pair.a);
    pair.run_for(5 * SECOND);
    for (side, description) in [(&pair.a, &offer), (&pair.b, &answer)] {
        let agent = side.peer.session().ice(side.peer.session().transports().next().unwrap()).unwrap();
        assert_eq!(agent.local_credentials().ufrag, ufrag(description));
        assert_eq!(agent.pairs().count(), 1);
        assert_eq!(side.peer.connection_state(), ConnectionState::Connected);
    }
}

/// Guards `Negotiation::add_ice_candidate` while the answer is awaited: what still comes is of the generation that is being
/// replaced, so that neither its candidates nor their end count for the new one.
#[test]
fn flt_36_late_candidates_of_the_old_generation_do_not_touch_the_new_one() {
    let mut pair = connected(1);
    let now = pair.now();
    let old = local_ufrag(&pair.b);
    pair.a.peer.restart_ice();
    let offer = pair.a.peer.create_offer(now).unwrap();
    pair.a.peer.set_local_description(now, offer).unwrap();
    let late = |candidate: &str, ufrag: Option<&str>| IceCandidate {
        candidate: candidate.to_owned(),
        sdp_mid: Some("0".to_owned()),
        username_fragment: ufrag.map(str::to_owned),
        ..IceCandidate::default()
    };
    let host = "candidate:9 1 udp 2122260223 203.0.113.9 4000 typ host";
    let other = "candidate:8 1 udp 2122260223 203.0.113.8 4000 typ host";
    for candidate in [late(host, Some(&old)), late(other, None), late("", Some(&old)), late("", None)] {
        pair.a.peer.add_ice_candidate(now, &candidate).unwrap();
    }
    assert!(pair.a.peer.add_ice_candidate(now, &late(host, Some("unknown"))).is_err());
    pair.b.peer.set_remote_description(now, pair.a.peer.local_description().unwrap()).unwrap();
    let answer = pair.b.peer.create_answer(now).unwrap();
    // Without its candidates, and without their end.
    pair.b.peer.set_local_description(now, answer.clone()).unwrap();
    pair.a.peer.set_remote_description(now, answer).unwrap();
    pair.run_for(5 * SECOND);
    let agent = pair.a.peer.session().ice(pair.a.peer.session().transports().next().unwrap()).unwrap();
    assert_eq!((agent.remote_candidates().count(), agent.pairs().count()), (0, 1), "b was found by its check");
    assert_eq!(agent.state(), ortica_ice::State::Connected, "more candidates may come");
}

/// Signals the candidates that `from` reported.
fn tell(now: Instant, from: &[PeerEvent], to: &mut Side) {
    for event in from {
        let PeerEvent::IceCandidate(candidate) = event else { continue };
        let end = IceCandidate { sdp_mid: Some("0".to_owned()), ..IceCandidate::default() };
        to.peer.add_ice_candidate(now, candidate.as_ref().unwrap_or(&end)).unwrap();
    }
}

/// Guards consent's thirty seconds, after which nothing leaves, and the association that outlives them: a restart brings the same
/// channel back, with what was under way when the path broke and what was sent since.
#[test]
fn flt_18_a_restart_recovers_the_same_association_after_an_outage() {
    for seed in 0..20 {
        let mut pair = connected(seed);
        let last = Rc::new(Cell::new(pair.now()));
        let log = Rc::clone(&last);
        pair.network.set_tap(move |crossing| {
            if crossing.what == What::Sent {
                log.set(crossing.at);
            }
        });
        // The outage begins at any time of consent's four to six seconds.
        pair.run_for(SECOND * seed as u32 / 4);
        let sent: Vec<_> = (0..100u8).map(|number| message(number, 8_000)).collect();
        pair.a.queue.extend(sent.iter().cloned());
        pair.run_for(Duration::from_millis(30));
        assert!(pair.b.received.len() < sent.len(), "seed {seed}: some are under way");
        let start = pair.now();
        pair.links(|link| link.down = true);
        pair.run_for(40 * SECOND);
        for side in [&pair.a, &pair.b] {
            assert_eq!(side.peer.connection_state(), ConnectionState::Failed, "seed {seed}");
        }
        // Consent counts from its last answer, which came up to six seconds before.
        let expiry = last.get().saturating_duration_since(start);
        assert!((24 * SECOND..=32 * SECOND).contains(&expiry), "seed {seed}: a packet after {expiry:?}");

        pair.links(|link| link.down = false);
        pair.a.queue.push_back(message(100, 16));
        pair.a.peer.restart_ice();
        let now = pair.now();
        exchange(now, &mut pair.a, &mut pair.b);
        let up = |side: &Side| side.peer.connection_state() == ConnectionState::Connected;
        let took = pair
            .run_until(3 * SECOND, |a, b| up(a) && up(b))
            .unwrap_or_else(|stalled| panic!("seed {seed}: {stalled}"));
        assert!(took < SECOND, "seed {seed}: {took:?}");
        pair.run_until(3 * SECOND - took, |_, b| b.received.len() > sent.len())
            .unwrap_or_else(|stalled| panic!("seed {seed}: {stalled}"));
        assert!(pair.b.received[..100] == sent && pair.b.received[100..] == [message(100, 16)], "seed {seed}");
        assert_eq!(pair.a.closed.len() + pair.b.closed.len(), 0, "seed {seed}");
    }
}

fn message(number: u8, len: usize) -> ChannelMessage {
    ChannelMessage { binary: true, data: Bytes::from(vec![number; len]) }
}

/// A channel made in the meantime opens too.
#[test]
fn a_channel_made_during_a_restart_opens() {
    let mut pair = connected(1);
    let now = pair.now();
    pair.a.peer.restart_ice();
    pair.a.create_channel(now, ChannelParameters { label: "later".to_owned(), ..ChannelParameters::default() });
    exchange(now, &mut pair.a, &mut pair.b);
    pair.run_until(5 * SECOND, |a, b| a.opened.len() == 2 && b.opened.len() == 2).unwrap();
}
