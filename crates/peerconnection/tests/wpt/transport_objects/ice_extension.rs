//! `RTCIceTransport-extension`: transports without a connection, steered by hand.

use super::*;
use ortica::core::crypto::rust_crypto;
use ortica::core::{Instant, SocketId};
use ortica::engine::{Event, TransportError};
use ortica::ortc::{IceCandidate, IceGathererState, IceParameters, IceRole, IceTransportState, ObjectError};
use ortica_ice::{CredentialsError, GatherOptions, TransportPolicy};

/// Two peers that negotiate nothing, and their transports.
fn by_hand() -> (Pair<Side>, [TransportId; 2]) {
    by_hand_with(ortica_ice::Config::new(rust_crypto::provider()))
}

fn by_hand_with(config: ortica_ice::Config) -> (Pair<Side>, [TransportId; 2]) {
    let a = Side::with(1, config, vec![(SocketId(0), Pair::<Side>::A)]);
    let mut pair = Pair::new(1, Link::with_delay(DELAY), a, Side::new(2, Pair::<Side>::B));
    let now = pair.now();
    let ids = [&mut pair.a, &mut pair.b].map(|side| side.peer.steer_by_hand(now).unwrap());
    (pair, ids)
}

/// Parameters of somebody.
fn parameters(name: &str) -> IceParameters {
    IceParameters { username_fragment: name.to_owned(), password: "0123456789012345678901".to_owned(), ice_lite: false }
}

fn candidate() -> IceCandidate {
    "candidate:1 1 udp 2130706431 10.0.0.99 50000 typ host".parse().unwrap()
}

fn remote_candidates(side: &Side, id: TransportId) -> usize {
    side.peer.session().ice(id).unwrap().remote_candidates().count()
}

#[test]
fn wpt_rtc_ice_transport_extension_initial() {
    let (pair, [id, _]) = by_hand();
    let agent = pair.a.peer.session().ice(id).unwrap();
    assert_eq!((pair.a.peer.ice_role(id), pair.a.peer.ice_state(id)), (None, IceTransportState::New));
    assert_eq!(pair.a.peer.gathering_state(id), IceGathererState::New);
    assert!(agent.local_candidates().is_empty() && remote_candidates(&pair.a, id) == 0);
    assert_eq!(pair.a.peer.selected_candidate_pair(id), None);
    assert!(!agent.local_credentials().ufrag.is_empty() && agent.remote_credentials().is_none());
}

#[test]
fn wpt_rtc_ice_transport_extension_gather_states() {
    let nobody = "198.51.100.1:3478".parse().unwrap();
    let config = ortica_ice::Config::new(rust_crypto::provider()).with_stun_servers(vec![nobody]);
    let (mut pair, [id, _]) = by_hand_with(config);
    pair.with_a(|a, now| a.peer.gather_by_hand(now, id)).unwrap();
    pair.run_for(DELAY);
    assert_eq!(pair.a.peer.gathering_state(id), IceGathererState::Gathering);
    assert_eq!(pair.a.peer.gather_by_hand(pair.now(), id), Err(ObjectError::Started));
    pair.a.peer.close(pair.now());
    assert_eq!(pair.a.peer.gather_by_hand(pair.now(), id), Err(ObjectError::Closed));
}

#[test]
fn wpt_rtc_ice_transport_extension_gather_completes() {
    let (mut pair, [id, _]) = by_hand();
    pair.with_a(|a, now| a.peer.gather_by_hand(now, id)).unwrap();
    pair.run_for(DELAY);
    let last = pair.a.transport_events.last();
    assert_eq!(last, Some(&Event::Gathering(id, IceGathererState::Complete)), "all candidates were told before");
    let candidates = pair.a.peer.session().ice(id).unwrap().local_candidates();
    assert!(candidates.iter().any(|candidate| candidate.kind == ortica_ice::CandidateKind::Host));
}

#[test]
fn wpt_rtc_ice_transport_extension_start_checks() {
    let (mut pair, [id, _]) = by_hand();
    let now = pair.now();
    let start = |pair: &mut Pair<Side>, remote: &IceParameters| {
        pair.a.peer.start_ice(now, id, remote, IceRole::Controlled).unwrap_err()
    };
    let no_ufrag = IceParameters { username_fragment: String::new(), ..parameters("theirs") };
    assert_eq!(start(&mut pair, &no_ufrag), TransportError::from(CredentialsError::Ufrag).into());
    let no_password = IceParameters { password: String::new(), ..parameters("theirs") };
    assert_eq!(start(&mut pair, &no_password), TransportError::from(CredentialsError::Pwd).into());
    assert_eq!(pair.a.peer.ice_role(id), None, "nothing has changed");
    pair.a.peer.close(now);
    assert_eq!(start(&mut pair, &parameters("theirs")), ObjectError::Closed);
}

#[test]
fn wpt_rtc_ice_transport_extension_start_state_and_role() {
    for role in [IceRole::Controlled, IceRole::Controlling] {
        let (mut pair, [id, _]) = by_hand();
        pair.a.peer.start_ice(pair.now(), id, &parameters("theirs"), role).unwrap();
        assert_eq!(pair.a.peer.ice_state(id), IceTransportState::New);
        assert_eq!(pair.a.peer.ice_role(id), Some(role));
    }
}

#[test]
fn wpt_rtc_ice_transport_extension_add_candidate_checks() {
    let (mut pair, [id, _]) = by_hand();
    let now = pair.now();
    let bad = IceCandidate { address: Some("no address".to_owned()), ..candidate() };
    let refused = pair.a.peer.add_remote_candidate(now, id, Some(&bad));
    assert!(matches!(refused, Err(ObjectError::Candidate(_))), "{refused:?}");
    assert_eq!(remote_candidates(&pair.a, id), 0);
    pair.a.peer.close(now);
    assert_eq!(pair.a.peer.add_remote_candidate(now, id, Some(&candidate())), Err(ObjectError::Closed));
    assert_eq!(remote_candidates(&pair.a, id), 0);
}

#[test]
fn wpt_rtc_ice_transport_extension_checking_needs_both() {
    for starts_first in [true, false] {
        let (mut pair, [id, _]) = by_hand();
        pair.with_a(|a, now| a.peer.gather_by_hand(now, id)).unwrap();
        pair.run_for(DELAY);
        for step in [starts_first, !starts_first] {
            assert_eq!(pair.a.peer.ice_state(id), IceTransportState::New);
            pair.with_a(|a, now| match step {
                true => a.peer.start_ice(now, id, &parameters("theirs"), IceRole::Controlling),
                false => a.peer.add_remote_candidate(now, id, Some(&candidate())),
            })
            .unwrap();
        }
        assert_eq!(pair.a.peer.ice_state(id), IceTransportState::Checking, "{starts_first}");
    }
}

/// What a side tells of its transport, as it is now.
fn told(side: &Side, id: TransportId) -> (IceParameters, Vec<IceCandidate>) {
    let agent = side.peer.session().ice(id).unwrap();
    let candidates = agent.local_candidates().iter().filter_map(IceCandidate::of).collect();
    (IceParameters::of(agent.local_credentials()), candidates)
}

fn start(now: Instant, side: &mut Side, id: TransportId, of_peer: &(IceParameters, Vec<IceCandidate>), role: IceRole) {
    side.peer.start_ice(now, id, &of_peer.0, role).unwrap();
    for candidate in &of_peer.1 {
        side.peer.add_remote_candidate(now, id, Some(candidate)).unwrap();
    }
}

/// Both gather, and then know all of each other; waits until they are connected.
fn start_both(pair: &mut Pair<Side>, [ours, theirs]: [TransportId; 2]) {
    let now = pair.now();
    pair.a.peer.gather_by_hand(now, ours).unwrap();
    pair.b.peer.gather_by_hand(now, theirs).unwrap();
    let (of_a, of_b) = (told(&pair.a, ours), told(&pair.b, theirs));
    start(now, &mut pair.a, ours, &of_b, IceRole::Controlling);
    start(now, &mut pair.b, theirs, &of_a, IceRole::Controlled);
    wait_for(pair, [ours, theirs], IceTransportState::Connected);
}

fn wait_for(pair: &mut Pair<Side>, [ours, theirs]: [TransportId; 2], state: IceTransportState) {
    let is_there = |side: &Side, id| side.peer.ice_state(id) == state;
    pair.run_until(PATIENCE, |a, b| is_there(a, ours) && is_there(b, theirs)).unwrap();
}

#[test]
fn wpt_rtc_ice_transport_extension_connect_and_select() {
    let (mut pair, [ours, theirs]) = by_hand();
    start_both(&mut pair, [ours, theirs]);
    for (side, id) in [(&pair.a, ours), (&pair.b, theirs)] {
        assert!(side.transport_events.contains(&Event::Selected(id)));
        let pair = side.peer.selected_candidate_pair(id).unwrap();
        let agent = side.peer.session().ice(id).unwrap();
        assert!(agent.local_candidates().iter().filter_map(IceCandidate::of).any(|it| it == pair.local));
        assert!(agent.remote_candidates().filter_map(IceCandidate::of).any(|it| it == pair.remote));
    }
    pair.a.peer.close(pair.now());
    assert_eq!(pair.a.peer.selected_candidate_pair(ours), None);
}

/// Guards `Peer::start_ice`: the same parameters again change nothing, and others restart this side too.
#[test]
fn wpt_rtc_ice_transport_extension_start_again() {
    let (mut pair, [id, _]) = by_hand();
    let now = pair.now();
    pair.with_a(|a, now| a.peer.gather_by_hand(now, id)).unwrap();
    let local = |side: &Side| side.peer.session().ice(id).unwrap().local_credentials().clone();
    let start = |a: &mut Side, name, role| a.peer.start_ice(now, id, &parameters(name), role);
    start(&mut pair.a, "theirs", IceRole::Controlling).unwrap();
    pair.a.peer.add_remote_candidate(now, id, Some(&candidate())).unwrap();
    let before = local(&pair.a);
    start(&mut pair.a, "theirs", IceRole::Controlling).unwrap();
    assert_eq!(start(&mut pair.a, "theirs", IceRole::Controlled), Err(ObjectError::Started));
    assert_eq!((pair.a.peer.ice_state(id), local(&pair.a)), (IceTransportState::Checking, before.clone()));
    assert_eq!(remote_candidates(&pair.a, id), 1);

    start(&mut pair.a, "others", IceRole::Controlling).unwrap();
    assert_eq!((pair.a.peer.ice_state(id), remote_candidates(&pair.a, id)), (IceTransportState::New, 0));
    assert_eq!(start(&mut pair.a, "others", IceRole::Controlled), Err(ObjectError::Started));
    assert_ne!(local(&pair.a), before, "both sides restart, or none (RFC 8445 §9)");
    let theirs = pair.a.peer.session().ice(id).unwrap().remote_credentials().map(|it| it.ufrag.as_str());
    assert_eq!((theirs, pair.a.peer.ice_role(id)), (Some("others"), Some(IceRole::Controlling)));
    pair.a.peer.close(now);
    assert_eq!(start(&mut pair.a, "third", IceRole::Controlling), Err(ObjectError::Closed));
}

#[test]
fn wpt_rtc_ice_transport_extension_gather_relay_only() {
    let options = GatherOptions { policy: TransportPolicy::Relay, ..GatherOptions::default() };
    let (mut pair, [id, _]) =
        by_hand_with(ortica_ice::Config::new(rust_crypto::provider()).with_gather_options(options));
    pair.with_a(|a, now| a.peer.gather_by_hand(now, id)).unwrap();
    pair.run_for(Duration::ZERO);
    assert_eq!(pair.a.peer.gathering_state(id), IceGathererState::Complete);
    assert!(pair.a.peer.session().ice(id).unwrap().local_candidates().is_empty());
}

/// Guards `Peer::restart_gathering`: the one side begins, the other follows when it is started with the new parameters. What is
/// connected stays so, and what failed connects again.
#[test]
fn ice_restarts_by_hand() {
    for fails in [false, true] {
        let (mut pair, ids) = by_hand();
        let [ours, theirs] = ids;
        assert_eq!(pair.a.peer.restart_gathering(pair.now(), ours), Err(ObjectError::NotGathering));
        start_both(&mut pair, ids);
        if fails {
            pair.links(|link| link.down = true);
            wait_for(&mut pair, ids, IceTransportState::Failed);
            pair.links(|link| link.down = false);
        }
        let before = (told(&pair.a, ours), told(&pair.b, theirs));
        [&mut pair.a, &mut pair.b].into_iter().for_each(|side| side.transport_events.clear());
        let now = pair.now();
        pair.a.peer.restart_gathering(now, ours).unwrap();
        let of_a = told(&pair.a, ours);
        start(now, &mut pair.b, theirs, &of_a, IceRole::Controlled);
        let of_b = told(&pair.b, theirs);
        start(now, &mut pair.a, ours, &of_b, IceRole::Controlling);
        assert!(of_a.0 != before.0.0 && of_b.0 != before.1.0 && !of_a.1.is_empty() && !of_b.1.is_empty());
        pair.run_for(Duration::from_secs(5));
        for (side, id) in [(&pair.a, ours), (&pair.b, theirs)] {
            assert_eq!(side.peer.ice_state(id), IceTransportState::Connected);
            let state = |event: &Event| if let Event::Ice(_, state) = event { Some(*state) } else { None };
            let states: Vec<_> = side.transport_events.iter().filter_map(state).collect();
            let wanted = [IceTransportState::Checking, IceTransportState::Connected];
            assert_eq!(states, if fails { &wanted[..] } else { &[] });
            assert_eq!(side.peer.session().ice(id).unwrap().pairs().count(), 1, "the old one is forgotten");
        }
    }
}
