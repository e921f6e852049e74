//! `RTCIceTransport-extension`: transports without a connection, steered by hand.

use super::*;
use ortica::core::SocketId;
use ortica::core::crypto::rust_crypto;
use ortica::engine::{Event, TransportError};
use ortica::ortc::{IceCandidate, IceGathererState, IceParameters, IceRole, IceTransportState, ObjectError};
use ortica_ice::CredentialsError;

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

#[test]
fn wpt_rtc_ice_transport_extension_connect_and_select() {
    let (mut pair, [ours, theirs]) = by_hand();
    let now = pair.now();
    for (side, id) in [(&mut pair.a, ours), (&mut pair.b, theirs)] {
        side.peer.gather_by_hand(now, id).unwrap();
    }
    let known = |side: &Side, id| {
        let agent = side.peer.session().ice(id).unwrap();
        let credentials = agent.local_credentials();
        let (username_fragment, password) = (credentials.ufrag.clone(), credentials.pwd.to_string());
        let candidates: Vec<_> = agent.local_candidates().iter().filter_map(IceCandidate::of).collect();
        (IceParameters { username_fragment, password, ice_lite: false }, candidates)
    };
    let (of_a, of_b) = (known(&pair.a, ours), known(&pair.b, theirs));
    let started = [(&mut pair.a, ours, of_b, IceRole::Controlling), (&mut pair.b, theirs, of_a, IceRole::Controlled)];
    for (side, id, (remote, candidates), role) in started {
        side.peer.start_ice(now, id, &remote, role).unwrap();
        for candidate in &candidates {
            side.peer.add_remote_candidate(now, id, Some(candidate)).unwrap();
        }
    }
    let is_up = |side: &Side, id| side.peer.ice_state(id) == IceTransportState::Connected;
    pair.run_until(PATIENCE, |a, b| is_up(a, ours) && is_up(b, theirs)).unwrap();
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

/// Another role is refused, and so are other parameters, since ICE restarts on both sides or on none.
#[test]
fn started_ice_is_not_started_in_another_way() {
    let (mut pair, [id, _]) = by_hand();
    let now = pair.now();
    let mut start = |name, role| pair.a.peer.start_ice(now, id, &parameters(name), role);
    start("theirs", IceRole::Controlling).unwrap();
    start("theirs", IceRole::Controlling).unwrap();
    assert_eq!(start("theirs", IceRole::Controlled), Err(ObjectError::Started));
    let changed = TransportError::from(CredentialsError::Changed);
    assert_eq!(start("others", IceRole::Controlling), Err(changed.into()));
    assert_eq!(pair.a.peer.ice_role(id), Some(IceRole::Controlling));
}
