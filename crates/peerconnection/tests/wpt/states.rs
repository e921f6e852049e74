//! `RTCPeerConnection-iceGatheringState`, `-iceConnectionState`, `-iceConnectionState-disconnected` and `-connectionState`: the
//! states of a connection, and the order of their events.

use super::connection::{PATIENCE, candidates, connect, exchange, ice_states, pair, pair_of, tell, without_end};
use super::*;
use ortica::codecs::MediaKind::{Audio, Video};
use ortica::engine::DtlsState;
use ortica::ortc::{IceGathererState, IceTransportState};
use ortica::peer::PeerConfiguration;
use ortica::{ConnectionState, IceConnectionState, IceGatheringState, IceServer};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn gathering_states(events: &[PeerEvent]) -> Vec<IceGatheringState> {
    let state = |event: &PeerEvent| match event {
        PeerEvent::IceGatheringStateChange(state) => Some(*state),
        _ => None,
    };
    events.iter().filter_map(state).collect()
}

fn connection_states(side: &Side) -> Vec<ConnectionState> {
    let state = |event: &PeerEvent| match event {
        PeerEvent::ConnectionStateChange(state) => Some(*state),
        _ => None,
    };
    side.events.iter().filter_map(state).collect()
}

/// A connection with a channel.
fn with_channel() -> Pc {
    let mut pc = Pc::new();
    pc.create_channel();
    pc
}

/// Two sides that are connected, with a channel.
fn connected() -> Pair<Side> {
    let mut pair = pair();
    let now = pair.now();
    common::exchange(now, &mut pair.a, &mut pair.b);
    connect(&mut pair);
    pair
}

// --- gathering ----------------------------------------------------------------------------------------------------------

const GATHERED: [IceGatheringState; 2] = [IceGatheringState::Gathering, IceGatheringState::Complete];

#[test]
fn wpt_rtc_peer_connection_ice_gathering_state_initial_new() {
    assert_eq!(Pc::new().peer().ice_gathering_state(), IceGatheringState::New);
}

#[test]
fn wpt_rtc_peer_connection_ice_gathering_state_gathering_then_complete() {
    let mut pc = Pc::new();
    pc.add_transceiver(Audio, Direction::SendRecv);
    pc.sld_implicit();
    assert_eq!(gathering_states(&pc.events()), GATHERED);
    assert_eq!(pc.peer().ice_gathering_state(), IceGatheringState::Complete);
}

#[test]
fn wpt_rtc_peer_connection_ice_gathering_state_reoffer_no_change() {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(Audio, Direction::SendRecv);
    negotiate(&mut a, &mut b);
    assert_eq!((gathering_states(&a.events()), gathering_states(&b.events())), (GATHERED.into(), GATHERED.into()));
    // Of either side, and with more to be carried by the transport there is.
    a.add_transceiver(Video, Direction::SendRecv);
    negotiate(&mut a, &mut b);
    negotiate(&mut b, &mut a);
    for pc in [&mut a, &mut b] {
        assert_eq!(gathering_states(&pc.events()), []);
        assert_eq!(pc.peer().ice_gathering_state(), IceGatheringState::Complete);
    }
}

#[test]
fn wpt_rtc_peer_connection_ice_gathering_state_no_transports_no_change() {
    let mut pc = Pc::new();
    pc.sld_implicit();
    assert_eq!(gathering_states(&pc.events()), []);
    assert_eq!(pc.peer().ice_gathering_state(), IceGatheringState::New);
}

#[test]
fn wpt_rtc_peer_connection_ice_gathering_state_end_of_candidates_in_sdp() {
    let mut pc = with_channel();
    pc.sld_implicit();
    assert_eq!(gathering_states(&pc.events()).last(), Some(&IceGatheringState::Complete));
    assert!(pc.peer().local_description().unwrap().sdp.contains("a=end-of-candidates"));
}

/// The end of the transport's candidates, the state of the connection, and the end of all.
#[test]
fn wpt_rtc_peer_connection_ice_gathering_state_final_event_order() {
    let mut pc = with_channel();
    pc.sld_implicit();
    let told = pc.events();
    let [.., last, complete, end] = &told[..] else { panic!("{told:?}") };
    let PeerEvent::IceCandidate(Some(last)) = last else { panic!("{told:?}") };
    let description = pc.peer().local_description().unwrap().sdp;
    let ufrag = description.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:"));
    assert_eq!((last.candidate.as_str(), last.sdp_mid.as_deref(), last.sdp_mline_index), ("", Some("0"), Some(0)));
    assert_eq!(last.username_fragment.as_deref(), ufrag);
    assert_eq!(*complete, PeerEvent::IceGatheringStateChange(IceGatheringState::Complete));
    assert_eq!(*end, PeerEvent::IceCandidate(None));
}

#[test]
fn wpt_rtc_peer_connection_ice_gathering_state_restart_gathers_again() {
    let (mut a, mut b) = Pc::two();
    a.create_channel();
    negotiate(&mut a, &mut b);
    a.events();
    a.peer().restart_ice();
    a.sld_implicit();
    assert_eq!(gathering_states(&a.events()), GATHERED);
}

#[test]
fn wpt_rtc_peer_connection_ice_gathering_state_srd_no_change() {
    let (mut a, mut b) = Pc::two();
    a.create_channel();
    let offer = a.sld_implicit();
    for description in [offer.clone(), offer.clone(), SessionDescription::rollback(), offer] {
        b.srd(description).unwrap();
        assert_eq!(gathering_states(&b.events()), []);
        assert_eq!(b.peer().ice_gathering_state(), IceGatheringState::New);
    }
}

#[test]
fn wpt_rtc_peer_connection_ice_gathering_state_matches_transport() {
    let mut pc = with_channel();
    // One that does not answer, so that gathering takes its time.
    let ice_servers = vec![IceServer::new("stun:192.0.2.99")];
    pc.peer().set_configuration(now(), PeerConfiguration { ice_servers, ..PeerConfiguration::default() }).unwrap();
    pc.sld_implicit();
    let id = pc.peer().data_transport().unwrap();
    assert_eq!(pc.peer().gathering_state(id), IceGathererState::New);
    let mut seen = Vec::new();
    for wait in [Duration::ZERO, 60 * SECOND] {
        let mut out = Vec::new();
        while pc.peer().poll_transmit(now(), 1, &mut out).is_some() {}
        pc.peer().handle_timeout(now() + wait);
        seen.extend(gathering_states(&pc.events()));
        let state = pc.peer().gathering_state(id).to_string();
        assert_eq!(
            (pc.peer().ice_gathering_state().to_string(), Some(&pc.peer().ice_gathering_state())),
            (state, seen.last())
        );
    }
    assert_eq!(seen, GATHERED);
}

// --- ICE ----------------------------------------------------------------------------------------------------------------

#[test]
fn wpt_rtc_peer_connection_ice_connection_state_initial_new() {
    assert_eq!(Pc::new().peer().ice_connection_state(), IceConnectionState::New);
}

#[test]
fn wpt_rtc_peer_connection_ice_connection_state_closed_after_close() {
    let mut pc = Pc::new();
    pc.peer().close(now());
    assert_eq!(pc.peer().ice_connection_state(), IceConnectionState::Closed);
}

#[test]
fn wpt_rtc_peer_connection_ice_connection_state_checking_before_connected() {
    let pair = connected();
    for side in [&pair.a, &pair.b] {
        let states = ice_states(side);
        assert_eq!(states[0], IceConnectionState::Checking);
        assert!(matches!(states[1], IceConnectionState::Connected | IceConnectionState::Completed), "{states:?}");
        assert!(!states.contains(&IceConnectionState::Failed));
    }
}

#[test]
fn wpt_rtc_peer_connection_ice_connection_state_matches_transport() {
    let mut pair = pair();
    let now = pair.now();
    common::exchange(now, &mut pair.a, &mut pair.b);
    let mut seen = Vec::new();
    pair.run_until(PATIENCE, |a, b| {
        for side in [&*a, &*b] {
            let transport = side.peer.ice_state(side.peer.data_transport().unwrap());
            assert_eq!(side.peer.ice_connection_state().to_string(), transport.to_string());
        }
        seen.push(a.peer.ice_connection_state());
        a.peer.connection_state() == ConnectionState::Connected
    })
    .unwrap();
    assert!(seen.contains(&IceConnectionState::Checking));
    assert!(matches!(seen.last(), Some(IceConnectionState::Connected | IceConnectionState::Completed)));
}

#[test]
fn wpt_rtc_peer_connection_ice_connection_state_connects_with_media() {
    let cases: [&[(MediaKind, Direction)]; 3] = [
        &[(Audio, Direction::SendRecv)],
        &[(Audio, Direction::SendRecv), (Video, Direction::SendRecv)],
        &[(Audio, Direction::RecvOnly), (Video, Direction::RecvOnly)],
    ];
    for sections in cases {
        let (mut a, b) = Pc::two();
        for (kind, direction) in sections {
            a.add_transceiver(*kind, *direction);
        }
        let mut pair = pair_of(a, b);
        let now = pair.now();
        common::exchange(now, &mut pair.a, &mut pair.b);
        let up = |side: &Side| {
            matches!(side.peer.ice_connection_state(), IceConnectionState::Connected | IceConnectionState::Completed)
        };
        pair.run_until(PATIENCE, |a, b| up(a) && up(b)).unwrap();
    }
}

#[test]
fn wpt_rtc_peer_connection_ice_connection_state_responder_states() {
    let mut pair = pair();
    exchange(&mut pair);
    for side in [&pair.a, &pair.b] {
        assert_eq!(side.peer.ice_connection_state(), IceConnectionState::New);
    }
    let (now, of_a, of_b) = (pair.now(), candidates(&pair.a), candidates(&pair.b));
    tell(now, &mut pair.b, &without_end(of_a));
    tell(now, &mut pair.a, &of_b);
    connect(&mut pair);
    pair.run_for(SECOND);
    let [checking, connected, completed] =
        [IceConnectionState::Checking, IceConnectionState::Connected, IceConnectionState::Completed];
    assert_eq!(ice_states(&pair.b), [checking, connected]);
    assert_eq!(ice_states(&pair.a), [checking, connected, completed], "it knows that no candidate follows");
}

#[test]
fn wpt_rtc_peer_connection_ice_connection_state_close_silent() {
    let mut pair = connected();
    pair.a.events.clear();
    pair.with_a(|a, now| a.peer.close(now));
    assert_eq!(pair.a.peer.ice_connection_state(), IceConnectionState::Closed);
    pair.run_for(PATIENCE);
    assert_eq!(ice_states(&pair.a), []);
}

#[test]
fn wpt_rtc_peer_connection_ice_connection_state_checking_by_peer_reflexive() {
    let mut pair = pair();
    exchange(&mut pair);
    let (now, of_b) = (pair.now(), candidates(&pair.b));
    tell(now, &mut pair.a, &of_b);
    let checks = |side: &mut Side| side.peer.ice_connection_state() == IceConnectionState::Checking;
    pair.run_until(SECOND, |_, b| checks(b)).unwrap();
    connect(&mut pair);
    assert_eq!(ice_states(&pair.b)[0], IceConnectionState::Checking);
}

#[test]
fn wpt_rtc_peer_connection_ice_connection_state_disconnected_peer_gone() {
    let mut pair = connected();
    pair.b.events.clear();
    pair.with_a(|a, now| a.peer.close(now));
    pair.run_for(60 * SECOND);
    let [disconnected, failed] = [IceConnectionState::Disconnected, IceConnectionState::Failed];
    assert_eq!(ice_states(&pair.b), [disconnected, failed]);
    assert_eq!(connection_states(&pair.b), [ConnectionState::Disconnected, ConnectionState::Failed]);
}

/// Whether the way is there again when the restart is signalled, or comes back later.
#[test]
fn wpt_rtc_peer_connection_ice_connection_state_disconnected_restart_from_disconnected() {
    for late in [false, true] {
        let mut pair = connected();
        let goes = |side: &Side| side.peer.ice_connection_state() == IceConnectionState::Disconnected;
        pair.links(|link| link.down = true);
        pair.run_until(PATIENCE, |a, b| goes(a) && goes(b)).unwrap();
        [&mut pair.a, &mut pair.b].into_iter().for_each(|side| side.events.clear());
        pair.links(|link| link.down = late);
        pair.a.peer.restart_ice();
        let now = pair.now();
        common::exchange(now, &mut pair.a, &mut pair.b);
        pair.run_for(SECOND);
        pair.links(|link| link.down = false);
        connect(&mut pair);
        pair.run_for(SECOND);
        for side in [&pair.a, &pair.b] {
            let states = ice_states(side);
            let [checking, connected] = [IceConnectionState::Checking, IceConnectionState::Connected];
            assert_eq!(states[..2], [checking, connected], "late: {late}: {states:?}");
            assert_eq!(connection_states(side), [ConnectionState::Connecting, ConnectionState::Connected]);
        }
    }
}

// --- the connection -----------------------------------------------------------------------------------------------------

#[test]
fn wpt_rtc_peer_connection_connection_state_initial_new() {
    assert_eq!(Pc::new().peer().connection_state(), ConnectionState::New);
}

#[test]
fn wpt_rtc_peer_connection_connection_state_closed_after_close() {
    let mut pc = Pc::new();
    pc.peer().close(now());
    assert_eq!(pc.peer().connection_state(), ConnectionState::Closed);
}

#[test]
fn wpt_rtc_peer_connection_connection_state_connecting_before_connected() {
    let mut pair = pair();
    let now = pair.now();
    common::exchange(now, &mut pair.a, &mut pair.b);
    let mut seen = Vec::new();
    pair.run_until(PATIENCE, |a, _| {
        seen.push(a.peer.connection_state());
        seen.last() == Some(&ConnectionState::Connected)
    })
    .unwrap();
    seen.dedup();
    assert_eq!(seen[seen.len() - 2..], [ConnectionState::Connecting, ConnectionState::Connected]);
}

/// The transports are there when the state is, and their events come before.
#[test]
fn wpt_rtc_peer_connection_connection_state_transports_connected() {
    let mut pair = pair();
    let now = pair.now();
    common::exchange(now, &mut pair.a, &mut pair.b);
    let id = pair.a.peer.data_transport().unwrap();
    pair.run_until(PATIENCE, |a, _| a.peer.connection_state() == ConnectionState::Connected).unwrap();
    assert_eq!(pair.a.peer.dtls_state(id), DtlsState::Connected);
    assert!(matches!(pair.a.peer.ice_state(id), IceTransportState::Connected | IceTransportState::Completed));
    let place = |wanted: &PeerEvent| pair.a.events.iter().position(|event| event == wanted).unwrap();
    let dtls = place(&PeerEvent::DtlsStateChange(id, DtlsState::Connected));
    let ice = place(&PeerEvent::IceConnectionStateChange(IceConnectionState::Connected));
    let connection = place(&PeerEvent::ConnectionStateChange(ConnectionState::Connected));
    assert!(ice < dtls && dtls < connection, "{:?}", pair.a.events);
}

#[test]
fn wpt_rtc_peer_connection_connection_state_new_without_candidates() {
    let mut pair = pair();
    exchange(&mut pair);
    pair.run_for(10 * SECOND);
    for side in [&pair.a, &pair.b] {
        assert_eq!(side.peer.ice_state(side.peer.data_transport().unwrap()), IceTransportState::New);
        assert_eq!(side.peer.ice_connection_state(), IceConnectionState::New);
        assert_eq!(ice_states(side), []);
    }
}

#[test]
fn wpt_rtc_peer_connection_connection_state_exact_sequence() {
    let mut pair = connected();
    pair.run_for(60 * SECOND);
    for side in [&pair.a, &pair.b] {
        assert_eq!(connection_states(side), [ConnectionState::Connecting, ConnectionState::Connected]);
    }
}

#[test]
fn wpt_rtc_peer_connection_connection_state_close_silent() {
    let mut pair = connected();
    pair.a.events.clear();
    pair.with_a(|a, now| a.peer.close(now));
    assert_eq!(pair.a.peer.connection_state(), ConnectionState::Closed);
    pair.run_for(PATIENCE);
    assert_eq!(connection_states(&pair.a), []);
}

/// Guards `ConnectionState::of` and the agents behind it: what is lost for a while is disconnected and connected again, on its own,
/// and what is lost for good fails.
#[test]
fn an_outage_is_told_as_it_goes_on() {
    for (outage, ends) in [(4 * SECOND, &[][..]), (12 * SECOND, &["connected"]), (45 * SECOND, &["failed"])] {
        let mut pair = connected();
        [&mut pair.a, &mut pair.b].into_iter().for_each(|side| side.events.clear());
        pair.links(|link| link.down = true);
        pair.run_for(outage);
        pair.links(|link| link.down = false);
        pair.run_for(10 * SECOND);
        let lost: &[&str] = if ends.is_empty() { &[] } else { &["disconnected"] };
        for side in [&pair.a, &pair.b] {
            let told: Vec<_> = connection_states(side).iter().map(ToString::to_string).collect();
            assert_eq!(told, [lost, ends].concat(), "{outage:?}");
        }
    }
}
