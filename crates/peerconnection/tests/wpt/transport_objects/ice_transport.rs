//! `RTCIceTransport`, `RTCIceTransport-peer-reflexive-remote` and `RTCIceConnectionState-candidate-pair`.

use super::*;
use ortica::core::SocketId;
use ortica::core::crypto::rust_crypto;
use ortica::engine::Event;
use ortica::jsep::{BundlePolicy, IceCandidate};
use ortica::ortc::{IceCandidateType, IceGathererState, IceTransportState};
use ortica::peer::PeerEvent;
use ortica_ice::{Agent, PairState, Role};

fn ice(side: &Side) -> &Agent {
    side.peer.session().ice(transport(side)).unwrap()
}

fn state(side: &Side) -> IceTransportState {
    side.peer.ice_state(transport(side))
}

/// The states that ICE reported, in order.
fn states(side: &Side) -> Vec<IceTransportState> {
    let state = |event: &Event| match event {
        Event::Ice(_, state) => Some(*state),
        _ => None,
    };
    side.transport_events.iter().filter_map(state).collect()
}

#[test]
fn wpt_rtc_ice_transport_selected_pair_mirrored() {
    let pair = connected(Content::Sound);
    let selected = [&pair.a, &pair.b].map(|side| side.peer.selected_candidate_pair(transport(side)).unwrap());
    let place =
        |candidate: &ortica::ortc::IceCandidate| (candidate.address.clone(), candidate.port, candidate.priority);
    assert_eq!(place(&selected[0].local), place(&selected[1].remote));
    assert_eq!(place(&selected[1].local), place(&selected[0].remote));
    for (side, selected) in [&pair.a, &pair.b].into_iter().zip(selected) {
        let signalled = |candidate: &ortica_ice::Candidate| ortica::ortc::IceCandidate::of(candidate).unwrap();
        assert!(ice(side).local_candidates().iter().map(signalled).any(|it| it == selected.local));
        assert!(ice(side).remote_candidates().map(signalled).any(|it| it == selected.remote));
    }
}

#[test]
fn wpt_rtc_ice_transport_connected_properties() {
    let pair = connected(Content::Sound);
    for (side, other) in [(&pair.a, &pair.b), (&pair.b, &pair.a)] {
        assert_eq!(ice(side).local_candidates().len(), ice(other).remote_candidates().count());
        assert!(!ice(side).local_candidates().is_empty());
        let theirs = ice(side).remote_credentials().unwrap();
        assert!(theirs == ice(other).local_credentials() && !theirs.ufrag.is_empty() && !theirs.pwd.is_empty());
    }
}

#[test]
fn wpt_rtc_ice_transport_roles() {
    let pair = connected(Content::Sound);
    assert_eq!(pair.a.peer.ice_role(transport(&pair.a)), Some(Role::Controlling));
    assert_eq!(pair.b.peer.ice_role(transport(&pair.b)), Some(Role::Controlled));
}

#[test]
fn wpt_rtc_ice_transport_unconnected_is_empty() {
    let mut pair = pair(Content::Sound);
    exchange_changed(&mut pair, |description| without_candidates(&description));
    pair.run_for(PATIENCE);
    assert_eq!(ice(&pair.a).remote_candidates().count(), 0);
    assert_eq!(pair.a.peer.selected_candidate_pair(transport(&pair.a)), None);
}

#[test]
fn wpt_rtc_ice_transport_initial_new() {
    let mut pair = pair(Content::Sound);
    pair.a.peer.set_local_description(pair.now(), SessionDescription::offer("")).unwrap();
    assert_eq!(state(&pair.a), IceTransportState::New);
    assert_eq!(pair.a.peer.gathering_state(transport(&pair.a)), IceGathererState::New);
}

#[test]
fn wpt_rtc_ice_transport_gathering_then_complete() {
    for content in [Content::Sound, Content::Data, Content::Both] {
        let mut pair = pair(content);
        pair.a.peer.set_bundle_policy(BundlePolicy::MaxBundle);
        pair.with_a(|a, now| a.peer.set_local_description(now, SessionDescription::offer(""))).unwrap();
        pair.run_for(DELAY);
        let id = transport(&pair.a);
        let gathering = |event: &&Event| matches!(event, Event::Gathering(..));
        let reported: Vec<Event> = pair.a.transport_events.iter().filter(gathering).cloned().collect();
        let wanted = [IceGathererState::Gathering, IceGathererState::Complete];
        assert_eq!(reported, wanted.map(|state| Event::Gathering(id, state)), "{content:?}: one transport for all");
        assert_eq!(pair.a.peer.gathering_state(id), IceGathererState::Complete);
    }
}

#[test]
fn wpt_rtc_ice_transport_close_stops_gathering_events() {
    let nobody = "198.51.100.1:3478".parse().unwrap();
    let config = ortica_ice::Config::new(rust_crypto::provider()).with_stun_servers(vec![nobody]);
    let a = Side::with(1, config, vec![(SocketId(0), Pair::<Side>::A)]);
    let mut pair = Pair::new(1, Link::with_delay(DELAY), a, Side::new(2, Pair::<Side>::B));
    let now = pair.now();
    pair.a.create_channel(now, Default::default());
    pair.with_a(|a, now| a.peer.set_local_description(now, SessionDescription::offer(""))).unwrap();
    pair.run_for(DELAY);
    let id = transport(&pair.a);
    assert_eq!(pair.a.peer.gathering_state(id), IceGathererState::Gathering);
    pair.a.events.clear();
    pair.with_a(|a, now| a.peer.close(now));
    pair.run_for(PATIENCE);
    assert_eq!(pair.a.peer.gathering_state(id), IceGathererState::Gathering);
    let told = |event: &PeerEvent| matches!(event, PeerEvent::IceGatheringStateChange(_) | PeerEvent::IceCandidate(_));
    assert!(!pair.a.events.iter().any(told), "{:?}", pair.a.events);
}

#[test]
fn wpt_rtc_ice_transport_checking_needs_answer_and_candidate() {
    let mut pair = pair(Content::Sound);
    let now = pair.now();
    pair.a.peer.set_local_description(now, SessionDescription::offer("")).unwrap();
    assert_eq!(state(&pair.a), IceTransportState::New);
    let offer = pair.a.peer.local_description().unwrap();
    pair.b.peer.set_remote_description(now, without_candidates(&offer)).unwrap();
    pair.b.peer.set_local_description(now, SessionDescription::answer("")).unwrap();
    let answer = pair.b.peer.local_description().unwrap();
    pair.with_a(|a, now| a.peer.set_remote_description(now, without_candidates(&answer))).unwrap();
    pair.run_for(Duration::from_secs(1));
    assert_eq!(state(&pair.a), IceTransportState::New);
    let candidate = IceCandidate {
        candidate: ice(&pair.b).local_candidates()[0].to_string(),
        sdp_mline_index: Some(0),
        ..IceCandidate::default()
    };
    pair.with_a(|a, now| a.peer.add_ice_candidate(now, &candidate)).unwrap();
    assert_eq!(state(&pair.a), IceTransportState::Checking);
}

#[test]
fn wpt_rtc_ice_transport_disconnected_when_peer_stops() {
    for content in [Content::Sound, Content::Data] {
        let mut pair = connected(content);
        pair.with_b(|b, now| b.peer.close(now));
        pair.run_until(PATIENCE, |a, _| state(a) == IceTransportState::Disconnected).unwrap();
        let wanted = [
            IceTransportState::Checking,
            IceTransportState::Connected,
            IceTransportState::Completed,
            IceTransportState::Disconnected,
        ];
        assert_eq!(states(&pair.a), wanted, "{content:?}");
    }
}

#[test]
fn wpt_rtc_ice_transport_same_after_restart() {
    for content in [Content::Sound, Content::Data] {
        let mut pair = connected(content);
        let before = [transport(&pair.a), transport(&pair.b)];
        for by_offerer in [true, false] {
            let side = if by_offerer { &mut pair.a } else { &mut pair.b };
            side.peer.restart_ice();
            let now = pair.now();
            match by_offerer {
                true => exchange(now, &mut pair.a, &mut pair.b),
                false => exchange(now, &mut pair.b, &mut pair.a),
            };
            pair.run_for(PATIENCE);
            assert_eq!([transport(&pair.a), transport(&pair.b)], before, "{content:?}");
            assert_eq!(state(&pair.a), IceTransportState::Completed);
        }
    }
}

#[test]
fn wpt_rtc_ice_transport_close_is_immediate_and_silent() {
    let mut pair = connected(Content::Sound);
    pair.a.events.clear();
    pair.with_a(|a, now| {
        a.peer.close(now);
        assert_eq!(state(a), IceTransportState::Closed);
    });
    pair.run_for(PATIENCE);
    let told = |event: &PeerEvent| matches!(event, PeerEvent::IceConnectionStateChange(_));
    assert!(!pair.a.events.iter().any(told), "{:?}", pair.a.events);
    assert_eq!(state(&pair.a), IceTransportState::Closed, "the sender still names it");
}

/// The second side learns where the first one is from checks alone.
fn with_a_peer_reflexive_remote() -> Pair<Side> {
    let mut pair = pair(Content::Sound);
    exchange_changed(&mut pair, |description| match description.kind {
        ortica::jsep::SdpType::Offer => without_candidates(&description),
        _ => description,
    });
    connect(&mut pair);
    pair
}

#[test]
fn wpt_rtc_ice_transport_prflx_not_listed() {
    let pair = with_a_peer_reflexive_remote();
    assert_eq!(ice(&pair.b).remote_candidates().count(), 0);
}

#[test]
fn wpt_rtc_ice_transport_peer_reflexive_remote_selected_pair_hides_address() {
    let pair = with_a_peer_reflexive_remote();
    let remote = pair.b.peer.selected_candidate_pair(transport(&pair.b)).unwrap().remote;
    assert_eq!(remote.kind, IceCandidateType::Prflx);
    assert_eq!((remote.address.as_deref(), remote.to_string()), (None, String::new()));
}

#[test]
fn wpt_rtc_ice_transport_peer_reflexive_remote_stats_hide_address() {
    let pair = with_a_peer_reflexive_remote();
    let report = pair.b.peer.stats(pair.now());
    let candidates: Vec<_> = report.remote_candidates().collect();
    assert_eq!(candidates.len(), 1);
    assert_eq!(candidates[0].candidate_type, ortica_ice::CandidateKind::PeerReflexive);
    assert_eq!(candidates[0].address.0, None);
}

#[test]
fn wpt_rtc_ice_connection_state_candidate_pair_succeeded_pair_when_connected() {
    let pair = connected(Content::Sound);
    let report = pair.a.peer.stats(pair.now());
    assert!(report.candidate_pairs().any(|pair| pair.state == PairState::Succeeded));
}
