//! Connections in virtual time: `protocol/candidate-exchange`, `RTCPeerConnection-addIceCandidate-connectionSetup`,
//! `simplecall-no-ssrcs`, `RTCPeerConnection-addTransceiver-renegotiation`, `RTCPeerConnection-perfect-negotiation`.

use super::mute::{picture, sound, stream};
use super::*;
use netsim::Link;
use ortica::codecs::MediaKind::{Audio, Video};
use ortica::engine::DtlsState;
use ortica::jsep::IceCandidate;
use ortica::{ConnectionState, IceConnectionState};
use ortica_ice::CandidateKind;
use std::collections::VecDeque;
use std::time::Duration;

pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Two sides with a channel; nothing was exchanged yet.
pub(super) fn pair() -> Pair<Side> {
    let (mut a, b) = Pc::two();
    a.create_channel();
    pair_of(a, b)
}

pub(super) fn pair_of(a: Pc, b: Pc) -> Pair<Side> {
    Pair::new(1, Link::with_delay(Duration::from_millis(20)), a.side, b.side)
}

/// Offer and answer without a candidate in them.
pub(super) fn exchange(pair: &mut Pair<Side>) {
    let now = pair.now();
    let offer = pair.a.peer.create_offer(now).unwrap();
    pair.a.peer.set_local_description(now, offer.clone()).unwrap();
    pair.b.peer.set_remote_description(now, offer).unwrap();
    let answer = pair.b.peer.create_answer(now).unwrap();
    pair.b.peer.set_local_description(now, answer.clone()).unwrap();
    pair.a.peer.set_remote_description(now, answer).unwrap();
    pair.run_for(Duration::from_millis(100));
}

/// The candidates that a side told, with their end if that was told too.
pub(super) fn candidates(side: &Side) -> Vec<IceCandidate> {
    let candidate = |event: &PeerEvent| match event {
        PeerEvent::IceCandidate(candidate) => Some(candidate.clone().unwrap_or_default()),
        _ => None,
    };
    side.events.iter().filter_map(candidate).collect()
}

pub(super) fn without_end(mut candidates: Vec<IceCandidate>) -> Vec<IceCandidate> {
    candidates.retain(|candidate| !candidate.candidate.is_empty());
    candidates
}

pub(super) fn tell(now: Instant, side: &mut Side, candidates: &[IceCandidate]) {
    candidates.iter().for_each(|candidate| side.peer.add_ice_candidate(now, candidate).unwrap());
}

pub(super) fn connect(pair: &mut Pair<Side>) {
    let connected = |side: &Side| side.peer.connection_state() == ConnectionState::Connected;
    pair.run_until(PATIENCE, |a, b| connected(a) && connected(b)).expect("both connect");
}

pub(super) fn ice_states(side: &Side) -> Vec<IceConnectionState> {
    let state = |event: &PeerEvent| match event {
        PeerEvent::IceConnectionStateChange(state) => Some(*state),
        _ => None,
    };
    side.events.iter().filter_map(state).collect()
}

/// The kinds of the candidates in use, ours and theirs.
fn selected(side: &Side) -> [CandidateKind; 2] {
    let transport = side.peer.session().transports().next().unwrap();
    let ice = side.peer.session().ice(transport).unwrap();
    let pair = ice.pairs().find(|pair| pair.selected).unwrap();
    let kind = |id| ice.candidates().find(|it| it.id == id).unwrap().candidate.kind;
    [kind(pair.local), kind(pair.remote)]
}

#[test]
fn wpt_protocol_candidate_exchange_two_way() {
    let mut pair = pair();
    exchange(&mut pair);
    let (now, of_a, of_b) = (pair.now(), candidates(&pair.a), candidates(&pair.b));
    // Without their end, with which the offerer would be completed too.
    tell(now, &mut pair.a, &without_end(of_b));
    tell(now, &mut pair.b, &without_end(of_a));
    connect(&mut pair);
    for side in [&pair.a, &pair.b] {
        assert_eq!(ice_states(side), [IceConnectionState::Checking, IceConnectionState::Connected]);
    }
}

#[test]
fn wpt_protocol_candidate_exchange_only_caller_to_callee() {
    let mut pair = pair();
    exchange(&mut pair);
    let (now, of_a) = (pair.now(), candidates(&pair.a));
    tell(now, &mut pair.b, &of_a);
    connect(&mut pair);
    assert_eq!(selected(&pair.a), [CandidateKind::Host, CandidateKind::PeerReflexive]);
}

#[test]
fn wpt_protocol_candidate_exchange_only_callee_to_caller() {
    let mut pair = pair();
    exchange(&mut pair);
    let (now, of_b) = (pair.now(), candidates(&pair.b));
    tell(now, &mut pair.a, &of_b);
    connect(&mut pair);
    assert_eq!(selected(&pair.b), [CandidateKind::Host, CandidateKind::PeerReflexive]);
}

#[test]
fn wpt_protocol_candidate_exchange_all_at_end_of_candidates() {
    for callee_knows in [true, false] {
        let mut pair = pair();
        exchange(&mut pair);
        let (now, of_a, of_b) = (pair.now(), candidates(&pair.a), candidates(&pair.b));
        // The last is the end, at which all are told.
        assert_eq!(of_a.last(), Some(&IceCandidate::default()));
        match callee_knows {
            true => tell(now, &mut pair.b, &of_a),
            false => tell(now, &mut pair.a, &of_b),
        }
        connect(&mut pair);
    }
}

#[test]
fn wpt_protocol_candidate_exchange_explicit_after_gathering() {
    let mut pair = pair();
    let now = pair.now();
    common::exchange(now, &mut pair.a, &mut pair.b);
    assert!(pair.a.peer.local_description().unwrap().sdp.contains("a=end-of-candidates"));
    connect(&mut pair);
    for side in [&pair.a, &pair.b] {
        let [ours, theirs] = selected(side);
        assert_eq!(ours, CandidateKind::Host);
        assert!([CandidateKind::Host, CandidateKind::PeerReflexive].contains(&theirs), "{theirs:?}");
    }
}

#[test]
fn wpt_rtc_peer_connection_add_ice_candidate_connection_setup_dynamic() {
    let mut pair = pair();
    let now = pair.now();
    let offer = pair.a.peer.create_offer(now).unwrap();
    pair.a.peer.set_local_description(now, offer.clone()).unwrap();
    pair.b.peer.set_remote_description(now, offer).unwrap();
    let answer = pair.b.peer.create_answer(now).unwrap();
    pair.b.peer.set_local_description(now, answer.clone()).unwrap();
    pair.a.peer.set_remote_description(now, answer).unwrap();
    let mut told = [0, 0];
    for _ in 0..100 {
        pair.run_for(Duration::from_millis(20));
        let (now, all) = (pair.now(), [candidates(&pair.a), candidates(&pair.b)]);
        tell(now, &mut pair.b, &all[0][told[0]..]);
        tell(now, &mut pair.a, &all[1][told[1]..]);
        told = [all[0].len(), all[1].len()];
    }
    assert!(told.iter().all(|count| *count > 1));
    for side in [&pair.a, &pair.b] {
        let transport = side.peer.session().transports().next().unwrap();
        assert_eq!(side.peer.session().dtls_state(transport), Some(DtlsState::Connected));
    }
}

#[test]
fn wpt_rtc_peer_connection_add_ice_candidate_connection_setup_only_at_offerer() {
    let mut pair = pair();
    exchange(&mut pair);
    let (now, of_b) = (pair.now(), candidates(&pair.b));
    tell(now, &mut pair.a, &of_b);
    connect(&mut pair);
    let state = |event: &PeerEvent| match event {
        PeerEvent::ConnectionStateChange(state) => Some(*state),
        _ => None,
    };
    let states: Vec<_> = pair.a.events.iter().filter_map(state).collect();
    assert_eq!(states, [ConnectionState::Connecting, ConnectionState::Connected]);
}

#[test]
fn wpt_rtc_peer_connection_add_ice_candidate_connection_setup_only_at_answerer() {
    let mut pair = pair();
    exchange(&mut pair);
    let (now, of_a) = (pair.now(), candidates(&pair.a));
    tell(now, &mut pair.b, &of_a);
    connect(&mut pair);
    assert_eq!(pair.a.peer.connection_state(), ConnectionState::Connected);
}

#[test]
fn wpt_simplecall_no_ssrcs_media_without_ssrc_lines() {
    let (mut a, b) = Pc::two();
    let from = a.add_track(Video, &["stream"]);
    let mut pair = pair_of(a, b);
    let now = pair.now();
    let without = |mut description: SessionDescription, starts: &[&str]| {
        let is_kept = |line: &&str| !starts.iter().any(|start| line.starts_with(start));
        description.sdp = description.sdp.split_inclusive("\r\n").filter(is_kept).collect();
        description
    };
    let offer = pair.a.peer.create_offer(now).unwrap();
    pair.a.peer.set_local_description(now, offer).unwrap();
    let offer = without(pair.a.peer.local_description().unwrap(), &["a=ssrc"]);
    pair.b.peer.set_remote_description(now, offer).unwrap();
    let answer = pair.b.peer.create_answer(now).unwrap();
    pair.b.peer.set_local_description(now, answer).unwrap();
    let answer = without(pair.b.peer.local_description().unwrap(), &["a=ssrc", "a=msid"]);
    pair.a.peer.set_remote_description(now, answer).unwrap();
    connect(&mut pair);
    let to = pair.b.peer.transceivers()[0].id;
    assert!(stream(&mut pair, from, to, 20, picture) >= 15);
}

/// A second transceiver, added by another offer, receives while the first sends or does nothing.
#[test]
fn wpt_rtc_peer_connection_add_transceiver_renegotiation_second_tc_gets_media() {
    for (kind, first) in
        [Audio, Video].into_iter().flat_map(|kind| [(kind, Direction::SendOnly), (kind, Direction::Inactive)])
    {
        let (mut b, mut a) = (Pc::at(2, Pair::<Side>::B), Pc::new());
        for pc in [&mut a, &mut b] {
            pc.peer().set_codecs(vec![Codec::Pcmu, Codec::Vp8]);
        }
        b.add_transceiver(kind, first);
        let offer = b.sld_implicit();
        let offer = SessionDescription { sdp: b.peer().local_description().unwrap().sdp, ..offer };
        a.srd(offer).unwrap();
        a.sld_implicit();
        let answer = a.peer().local_description().unwrap();
        b.srd(answer).unwrap();
        let second = b.add_transceiver(kind, Direction::RecvOnly);
        let offer = b.sld_implicit();
        a.srd(offer).unwrap();
        let mid = b.mid(second);
        let theirs = a.transceivers().into_iter().find(|state| state.mid == mid).unwrap().id;
        a.peer().set_direction(theirs, Direction::SendOnly).unwrap();
        let answer = a.sld_implicit();
        b.srd(answer).unwrap();
        let mut pair = pair_of(a, b);
        connect(&mut pair);
        let frames = match kind {
            Audio => stream(&mut pair, theirs, second, 20, sound),
            Video => stream(&mut pair, theirs, second, 20, picture),
        };
        assert!(frames > 10, "{kind} {first}: {frames}");
    }
}

/// Perfect negotiation (webrtc-pc §10.7) at one side.
struct Negotiator {
    pc: Pc,
    polite: bool,
    ignores: bool,
    inbox: VecDeque<SessionDescription>,
}

impl Negotiator {
    fn new(pc: Pc, polite: bool) -> Self {
        Self { pc, polite, ignores: false, inbox: VecDeque::new() }
    }

    /// Does what this side's events ask for, and takes one description.
    fn turn(&mut self, other: &mut Self) {
        if self.pc.is_negotiation_needed() && self.pc.state() == SignalingState::Stable {
            other.inbox.push_back(self.pc.sld_implicit());
        }
    }

    fn take(&mut self, other: &mut Self) {
        let Some(description) = self.inbox.pop_front() else { return };
        let offers = description.kind == SdpType::Offer;
        self.ignores = offers && self.pc.state() != SignalingState::Stable && !self.polite;
        if self.ignores {
            return;
        }
        self.pc.srd(description).unwrap();
        if offers {
            other.inbox.push_back(self.pc.sld_implicit());
        }
    }
}

/// Runs until nobody has anything to say.
fn settle(a: &mut Negotiator, b: &mut Negotiator) {
    for _ in 0..20 {
        a.turn(b);
        b.turn(a);
        a.take(b);
        b.take(a);
    }
    assert!(a.inbox.is_empty() && b.inbox.is_empty());
    assert_eq!((a.pc.state(), b.pc.state()), (SignalingState::Stable, SignalingState::Stable));
}

fn negotiators(a_is_polite: bool) -> (Negotiator, Negotiator) {
    let (a, b) = Pc::two();
    (Negotiator::new(a, a_is_polite), Negotiator::new(b, !a_is_polite))
}

#[test]
fn wpt_rtc_peer_connection_perfect_negotiation_setup_connects() {
    for a_is_polite in [true, false] {
        let (mut a, mut b) = negotiators(a_is_polite);
        a.pc.add_transceiver(Audio, Direction::SendRecv);
        settle(&mut a, &mut b);
        b.pc.add_transceiver(Audio, Direction::SendRecv);
        settle(&mut a, &mut b);
        assert_eq!((a.pc.transceivers().len(), b.pc.transceivers().len()), (2, 2));
        // The candidates are in what both would send now.
        let mut pair = pair_of(a.pc, b.pc);
        let (now, of_a, of_b) = (pair.now(), told(&mut pair.a), told(&mut pair.b));
        tell(now, &mut pair.a, &of_b);
        tell(now, &mut pair.b, &of_a);
        connect(&mut pair);
    }
}

/// The candidates that are in a side's description.
fn told(side: &mut Side) -> Vec<IceCandidate> {
    let sdp = side.peer.local_description().unwrap().sdp;
    let lines = sdp.lines().filter_map(|line| line.strip_prefix("a=candidate:"));
    lines
        .map(|value| IceCandidate {
            candidate: format!("candidate:{value}"),
            sdp_mid: Some("0".to_owned()),
            ..IceCandidate::default()
        })
        .collect()
}

#[test]
fn wpt_rtc_peer_connection_perfect_negotiation_glare() {
    for a_is_polite in [true, false] {
        let (mut a, mut b) = negotiators(a_is_polite);
        a.pc.create_channel();
        settle(&mut a, &mut b);
        a.pc.add_transceiver(Audio, Direction::SendRecv);
        b.pc.add_transceiver(Audio, Direction::SendRecv);
        settle(&mut a, &mut b);
        assert_eq!((a.pc.transceivers().len(), b.pc.transceivers().len()), (2, 2));
        for pc in [&mut a.pc, &mut b.pc] {
            assert!(pc.transceivers().iter().all(|state| state.mid.is_some()));
        }
    }
}
