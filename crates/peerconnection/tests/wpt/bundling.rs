//! `RTCConfiguration-bundlePolicy`, `RTCConfiguration-rtcpMuxPolicy`, `protocol/bundle`, `protocol/split`, and what else depends on
//! how many transports there are.

use super::*;
use crate::common::{negotiate as negotiate_sides, pair_with_sockets};
use netsim::{Link, Network, Swarm};
use ortica::codecs::EncodedFrame;
use ortica::codecs::MediaKind::{Audio, Video};
use ortica::core::SocketId;
use ortica::engine::{ChannelMessage, DtlsState, ReceivedFrame, TransportId};
use ortica::{BundlePolicy, ConnectionState, IceConnectionState, IceGatheringState};
use std::time::Duration;

const POLICIES: [BundlePolicy; 3] = [BundlePolicy::Balanced, BundlePolicy::MaxCompat, BundlePolicy::MaxBundle];

fn with_policy(policy: BundlePolicy) -> Pc {
    let mut pc = Pc::new();
    pc.peer().set_bundle_policy(policy);
    pc
}

fn without_groups(description: SessionDescription) -> SessionDescription {
    let kept = description.sdp.split_inclusive("\r\n").filter(|line| !line.starts_with("a=group:BUNDLE"));
    SessionDescription { sdp: kept.collect(), ..description }
}

/// Without the lines that begin so.
fn without(description: &SessionDescription, starts: &[&str]) -> SessionDescription {
    let lines = description.sdp.split_inclusive("\r\n");
    let kept = lines.filter(|line| !starts.iter().any(|start| line.starts_with(start)));
    SessionDescription { kind: description.kind, sdp: kept.collect() }
}

/// The transports of the transceivers, in their order.
fn transports(pc: &mut Pc) -> Vec<Option<TransportId>> {
    pc.transceivers().into_iter().map(|state| state.transport).collect()
}

#[test]
fn wpt_rtc_configuration_bundle_policy_default_balanced() {
    assert_eq!(Pc::new().peer().bundle_policy(), BundlePolicy::Balanced);
    assert_eq!(BundlePolicy::default().to_string(), "balanced");
}

#[test]
fn wpt_rtc_configuration_bundle_policy_values_kept() {
    assert_eq!(POLICIES.map(|policy| with_policy(policy).peer().bundle_policy()), POLICIES);
    assert_eq!(POLICIES.map(|policy| policy.to_string()), ["balanced", "max-compat", "max-bundle"]);
}

#[test]
fn wpt_rtc_configuration_rtcp_mux_policy_offer_without_mux_rejected() {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(Audio, Direction::SendRecv);
    let offer = a.create_offer();
    let error = b.srd(without(&offer, &["a=rtcp-mux"])).unwrap_err();
    assert_eq!(error.to_string(), "section 0: it does not multiplex RTP and RTCP");
    assert_eq!(b.state(), SignalingState::Stable);
}

#[test]
fn wpt_rtc_configuration_rtcp_mux_policy_answer_without_mux_rejected() {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(Audio, Direction::SendRecv);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    let answer = b.create_answer();
    let error = a.srd(without(&answer, &["a=rtcp-mux"])).unwrap_err();
    assert_eq!(error.to_string(), "section 0: it does not multiplex RTP and RTCP");
    assert_eq!(a.state(), SignalingState::HaveLocalOffer);
}

#[test]
fn wpt_protocol_bundle_no_bundle_two_transports() {
    let (mut a, mut b) = Pc::two();
    a.add_track(Audio, &["stream"]);
    a.add_track(Video, &["stream"]);
    let offer = without_groups(a.sld_implicit());
    b.srd(offer).unwrap();
    let streams: Vec<_> = b.transceivers().into_iter().map(|state| state.remote_streams).collect();
    assert_eq!(streams, [["stream"], ["stream"]]);
    let answer = b.sld_implicit();
    a.srd(answer).unwrap();
    for pc in [&mut a, &mut b] {
        let [Some(audio), Some(video)] = transports(pc)[..] else { panic!("two transports") };
        assert_ne!(audio, video);
        let session = pc.peer().session();
        assert_eq!([audio, video].map(|id| session.dtls_state(id)), [Some(DtlsState::Connecting); 2]);
    }
}

#[test]
fn wpt_protocol_bundle_bundle_closes_second() {
    let (mut a, mut b) = Pc::two();
    a.add_track(Audio, &[]);
    a.add_track(Video, &[]);
    let offer = a.sld_implicit();
    let [Some(audio), Some(video)] = transports(&mut a)[..] else { panic!("two transports") };
    assert_eq!(a.peer().session().dtls_state(video), Some(DtlsState::New));
    b.srd(offer).unwrap();
    let answer = b.sld_implicit();
    a.srd(answer).unwrap();
    assert_eq!(transports(&mut a), [Some(audio), Some(audio)]);
    assert_eq!(a.peer().session().dtls_state(video), None, "it is gone");
}

#[test]
fn wpt_protocol_bundle_max_bundle_unbundled_offer() {
    let mut a = Pc::new();
    let mut b = Pc::at(2, Pair::<Side>::B);
    b.peer().set_bundle_policy(BundlePolicy::MaxBundle);
    a.add_track(Audio, &[]);
    a.add_track(Video, &[]);
    b.srd(without_groups(a.sld_implicit())).unwrap();
    let second = b.transceivers()[1].id;
    let answer = b.create_answer();
    let ports: Vec<_> = answer.sdp.lines().filter(|line| line.starts_with("m=")).collect();
    assert!(ports[0].starts_with("m=audio 9 ") && ports[1].starts_with("m=video 0 "), "{ports:?}");
    b.sld(answer).unwrap();
    assert!(b.peer().transceiver(second).is_none_or(|state| state.stopped));
}

#[test]
fn wpt_protocol_bundle_bundle_only_without_transport_attributes() {
    let (mut a, mut b) = Pc::two();
    a.peer().set_bundle_policy(BundlePolicy::MaxBundle);
    a.add_track(Audio, &[]);
    a.add_track(Video, &[]);
    let offer = a.sld_implicit();
    let video = &offer.sdp[offer.sdp.find("m=video").unwrap()..];
    assert!(video.starts_with("m=video 0 ") && video.contains("a=bundle-only\r\n"));
    for absent in ["a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "a=setup"] {
        assert!(!video.contains(absent), "{video}");
    }
    b.srd(offer).unwrap();
    let answer = b.sld_implicit();
    assert!(!answer.sdp.contains("m=video 0 "));
    a.srd(answer).unwrap();
}

/// Offer and answer between two sides, each with its candidates; the offer is changed on its way.
fn exchange(pair: &mut Pair<Side>, change: impl Fn(SessionDescription) -> SessionDescription) {
    let now = pair.now();
    let tell = |side: &mut Side| {
        let made = side.peer.create_implicit(now).unwrap();
        side.peer.set_local_description(now, made).unwrap();
        side.serve_sockets(now);
        side.peer.local_description().unwrap()
    };
    let offer = change(tell(&mut pair.a));
    pair.b.peer.set_remote_description(now, offer).unwrap();
    let answer = tell(&mut pair.b);
    pair.a.peer.set_remote_description(now, answer).unwrap();
}

fn side(seed: u64, address: SocketAddr, policy: BundlePolicy) -> Side {
    let mut side = Side::new(seed, address);
    side.peer.set_codecs(vec![Codec::Pcmu, Codec::Vp8]);
    side.peer.set_bundle_policy(policy);
    side
}

fn pair(policy: BundlePolicy) -> Pair<Side> {
    let (a, b) = (side(1, Pair::<Side>::A, policy), side(2, Pair::<Side>::B, policy));
    pair_with_sockets(1, Link::with_delay(Duration::from_millis(20)), a, b)
}

fn is_connected(side: &Side) -> bool {
    side.peer.connection_state() == ConnectionState::Connected
}

fn connect(pair: &mut Pair<Side>) {
    let outcome = pair.run_until(Duration::from_secs(10), |a, b| is_connected(a) && is_connected(b));
    outcome.unwrap_or_else(|stalled| panic!("{stalled}"));
}

/// A frame of sound or a picture, whatever fits the transceiver.
fn frame(kind: MediaKind, number: i64) -> EncodedFrame {
    if kind == Audio {
        return EncodedFrame::new(Codec::Pcmu, vec![1; 160], number * 160).with_duration(160);
    }
    let mut picture = vec![0, 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0];
    picture.resize(200, 1);
    EncodedFrame::new(Codec::Vp8, picture, number * 1_800).with_key_frame(true)
}

/// Which transceivers of `b` play what `a` sends over all of its own.
fn played(pair: &mut Pair<Side>) -> Vec<bool> {
    let sending: Vec<_> = pair.a.peer.transceivers().into_iter().map(|state| (state.id, state.kind)).collect();
    let receiving: Vec<_> = pair.b.peer.transceivers().into_iter().map(|state| state.id).collect();
    let mut played = vec![false; receiving.len()];
    for number in 0..50 {
        for (id, kind) in &sending {
            let _ = pair.with_a(|a, now| a.peer.send_frame(now, *id, &frame(*kind, number)));
        }
        pair.run_for(Duration::from_millis(20));
        for (id, played) in receiving.iter().zip(&mut played) {
            let read = std::iter::from_fn(|| pair.b.peer.read_frame(*id));
            *played |= read.filter(|received| matches!(received, ReceivedFrame::Frame { .. })).count() > 0;
        }
    }
    played
}

#[test]
fn wpt_rtc_peer_connection_ice_connection_state_with_each_bundle_policy() {
    for policy in POLICIES {
        let mut pair = pair(policy);
        pair.a.peer.add_track(Audio, Vec::new()).unwrap();
        pair.a.peer.add_track(Video, Vec::new()).unwrap();
        exchange(&mut pair, |offer| offer);
        let up = |side: &mut Side| {
            let session = side.peer.session();
            let all: Vec<_> = session.transports().map(|id| session.ice(id).unwrap().state()).collect();
            assert_eq!(all.len(), 1);
            let is_up = matches!(all[0], ortica_ice::State::Connected | ortica_ice::State::Completed);
            let state = side.peer.ice_connection_state();
            assert_eq!(
                is_up,
                matches!(state, IceConnectionState::Connected | IceConnectionState::Completed),
                "{policy}"
            );
            is_up
        };
        pair.run_until(Duration::from_secs(10), |a, b| up(a) && up(b)).unwrap();
    }
}

#[test]
fn wpt_rtc_peer_connection_connection_state_dc_on_unbundled_reenters_connecting() {
    let mut pair = pair(BundlePolicy::MaxCompat);
    pair.a.peer.add_track(Audio, Vec::new()).unwrap();
    exchange(&mut pair, without_groups);
    connect(&mut pair);
    pair.a.events.clear();
    let now = pair.now();
    pair.a.create_channel(now, Default::default());
    exchange(&mut pair, without_groups);
    connect(&mut pair);
    let states = pair.a.events.iter().filter_map(|event| match event {
        PeerEvent::ConnectionStateChange(state) => Some(*state),
        _ => None,
    });
    assert_eq!(states.collect::<Vec<_>>(), [ConnectionState::Connecting, ConnectionState::Connected]);
}

#[test]
fn wpt_rtc_peer_connection_ice_gathering_state_two_transports_restart() {
    let mut pair = pair(BundlePolicy::MaxCompat);
    pair.a.peer.add_track(Audio, Vec::new()).unwrap();
    pair.a.peer.add_track(Video, Vec::new()).unwrap();
    exchange(&mut pair, without_groups);
    connect(&mut pair);
    pair.a.events.clear();
    pair.a.peer.restart_ice();
    exchange(&mut pair, |offer| offer);
    pair.run_for(Duration::from_secs(1));
    let states = pair.a.events.iter().filter_map(|event| match event {
        PeerEvent::IceGatheringStateChange(state) => Some(*state),
        _ => None,
    });
    assert_eq!(states.collect::<Vec<_>>(), [IceGatheringState::Gathering, IceGatheringState::Complete]);
}

#[test]
fn wpt_rtc_peer_connection_ice_gathering_state_all_stopped_back_to_new() {
    let (mut a, mut b) = Pc::two();
    let id = a.add_transceiver(Audio, Direction::SendRecv);
    negotiate(&mut a, &mut b);
    a.events();
    b.events();
    assert_eq!(a.peer().ice_gathering_state(), IceGatheringState::Complete);
    a.peer().stop_transceiver(id).unwrap();
    negotiate(&mut a, &mut b);
    assert_eq!(a.peer().ice_gathering_state(), IceGatheringState::New);
    assert_eq!(b.peer().ice_gathering_state(), IceGatheringState::New);
}

#[test]
fn wpt_protocol_unbundled_pt_demuxing_two_videos() {
    let mut pair = pair(BundlePolicy::MaxCompat);
    pair.a.peer.add_track(Video, Vec::new()).unwrap();
    pair.a.peer.add_track(Video, Vec::new()).unwrap();
    exchange(&mut pair, |offer| {
        let names = ["a=group", "a=ssrc", "a=msid", "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid"];
        let offer = without(&offer, &names);
        SessionDescription { sdp: offer.sdp.replace("sdes:mid", "sdes:none"), ..offer }
    });
    connect(&mut pair);
    assert_eq!(played(&mut pair), [true, true]);
}

#[test]
fn wpt_protocol_rtp_demuxing_same_payload_type_unbundled() {
    let mut pair = pair(BundlePolicy::MaxCompat);
    pair.a.peer.add_track(Audio, Vec::new()).unwrap();
    pair.a.peer.add_track(Audio, Vec::new()).unwrap();
    exchange(&mut pair, |offer| {
        assert_eq!(offer.sdp.matches("a=rtpmap:0 PCMU").count(), 2);
        without(&offer, &["a=group", "a=ssrc"])
    });
    connect(&mut pair);
    assert_eq!(played(&mut pair), [true, true]);
}

#[test]
fn wpt_protocol_pt_no_bundle_reuse_without_bundle() {
    let (mut a, mut b) = Pc::two();
    a.add_track(Audio, &[]);
    a.add_track(Video, &[]);
    let offer = without_groups(a.create_offer());
    let number = |codec: &str| {
        let line = offer.sdp.lines().find(|line| line.starts_with("a=rtpmap:") && line.contains(codec)).unwrap();
        line["a=rtpmap:".len()..].split(' ').next().unwrap().to_owned()
    };
    // Both are 100, in sections of their own.
    let (audio, video) = offer.sdp.split_at(offer.sdp.find("m=video").unwrap());
    let as_100 = |section: &str, was: &str| {
        let lines = section.split_inclusive("\r\n").map(|line| {
            let line = line.replace(&format!(" {was} "), " 100 ").replace(&format!(" {was}\r\n"), " 100\r\n");
            let line = line.replace(&format!("apt={was}\r\n"), "apt=100\r\n");
            ["rtpmap", "fmtp", "rtcp-fb"]
                .iter()
                .fold(line, |line, name| line.replace(&format!("a={name}:{was} "), &format!("a={name}:100 ")))
        });
        lines.collect::<String>()
    };
    let (opus, vp8) = (number("opus"), number("VP8"));
    let offer = SessionDescription::offer(as_100(audio, &opus) + &as_100(video, &vp8));
    b.srd(offer).unwrap();
    let answer = b.sld_implicit();
    assert!(answer.sdp.contains("a=rtpmap:100 opus") && answer.sdp.contains("a=rtpmap:100 VP8"), "{}", answer.sdp);
    let [Some(audio), Some(video)] = transports(&mut b)[..] else { panic!("two transports") };
    assert_ne!(audio, video);
}

/// One side offers sound and pictures, each to another peer; their answers are made one.
#[test]
fn wpt_protocol_split_two_answerers() {
    let mut network = Network::new(1);
    let addresses =
        ["192.0.2.1:5001", "198.51.100.2:5002", "198.51.100.3:5003"].map(|it| it.parse::<SocketAddr>().unwrap());
    for address in addresses {
        let node = network.add_node();
        let (up, down) =
            (network.add_link(Link::with_delay(Duration::from_millis(20))), network.add_link(Link::default()));
        network.add_interface(node, address.ip(), up, down);
        assert_eq!(network.bind(node, address), SocketId(0));
    }
    let sides = (1..).zip(addresses).map(|(seed, address)| side(seed, address, BundlePolicy::MaxCompat));
    let mut swarm = Swarm::new(network, sides.collect());
    let now = swarm.now();
    let [a, b, c] = &mut swarm.endpoints[..] else { panic!("three sides") };
    a.peer.add_track(Audio, Vec::new()).unwrap();
    a.peer.add_track(Video, Vec::new()).unwrap();
    let made = a.peer.create_offer(now).unwrap();
    a.peer.set_local_description(now, made).unwrap();
    let offer = without_groups(a.peer.local_description().unwrap()).sdp;
    let (head, video) = offer.split_at(offer.find("m=video").unwrap());
    let (session, audio) = head.split_at(head.find("m=audio").unwrap());
    let answers = [(b, audio), (c, video)].map(|(side, section)| {
        side.peer.set_remote_description(now, SessionDescription::offer(format!("{session}{section}"))).unwrap();
        let made = side.peer.create_answer(now).unwrap();
        side.peer.set_local_description(now, made).unwrap();
        side.peer.local_description().unwrap().sdp
    });
    let second = &answers[1][answers[1].find("m=video").unwrap()..];
    a.peer.set_remote_description(now, SessionDescription::answer(format!("{}{second}", answers[0]))).unwrap();
    swarm.run_until(Duration::from_secs(10), |sides| sides.iter().all(is_connected)).unwrap();
}

/// `b` is another peer from now on, at the same address.
fn replace_b(pair: &mut Pair<Side>) {
    let mut other = side(77, Pair::<Side>::B, BundlePolicy::MaxCompat);
    let taken = std::mem::take(&mut pair.b.spare);
    other.peer.allow_more_sockets();
    other.spare = taken;
    pair.b = other;
    pair.a.peer.restart_ice();
}

#[test]
fn wpt_protocol_handover_media_media_from_new_answerer() {
    for kind in [Audio, Video] {
        let mut pair = pair(BundlePolicy::MaxCompat);
        pair.a.peer.add_track(kind, Vec::new()).unwrap();
        negotiate_sides(&mut pair);
        connect(&mut pair);
        assert_eq!(played(&mut pair), [true]);
        replace_b(&mut pair);
        negotiate_sides(&mut pair);
        connect(&mut pair);
        assert_eq!(played(&mut pair), [true], "{kind}");
    }
}

#[test]
fn wpt_protocol_handover_media_several_transports() {
    let mut pair = pair(BundlePolicy::MaxCompat);
    pair.a.peer.add_track(Audio, Vec::new()).unwrap();
    pair.a.peer.add_track(Video, Vec::new()).unwrap();
    exchange(&mut pair, without_groups);
    connect(&mut pair);
    replace_b(&mut pair);
    exchange(&mut pair, without_groups);
    connect(&mut pair);
    assert_eq!(pair.a.peer.session().transports().count(), 2);
    assert_eq!(played(&mut pair), [true, true]);
}

#[test]
fn wpt_protocol_handover_datachannel_channel_to_new_callee() {
    let mut pair = pair(BundlePolicy::Balanced);
    let now = pair.now();
    pair.a.create_channel(now, Default::default());
    negotiate_sides(&mut pair);
    connect(&mut pair);
    pair.a.queue.push_back(ChannelMessage { binary: false, data: "one".into() });
    pair.run_until(Duration::from_secs(5), |_, b| !b.received.is_empty()).unwrap();
    replace_b(&mut pair);
    let now = pair.now();
    pair.b.create_channel(now, Default::default());
    negotiate_sides(&mut pair);
    connect(&mut pair);
    assert_eq!(pair.a.closed.len(), 1, "the one with the peer of before");
    pair.b.queue.push_back(ChannelMessage { binary: false, data: "two".into() });
    pair.run_until(Duration::from_secs(5), |a, _| a.received.iter().any(|message| message.data == "two")).unwrap();
}

#[test]
fn wpt_protocol_handover_failure_failed_not_kept_alive() {
    let mut pair = pair(BundlePolicy::Balanced);
    pair.a.peer.add_track(Audio, Vec::new()).unwrap();
    negotiate_sides(&mut pair);
    connect(&mut pair);
    assert_eq!(played(&mut pair), [true]);
    replace_b(&mut pair);
    let now = pair.now();
    let made = pair.a.peer.create_offer(now).unwrap();
    pair.a.peer.set_local_description(now, made).unwrap();
    pair.b.peer.set_remote_description(now, pair.a.peer.local_description().unwrap()).unwrap();
    let made = pair.b.peer.create_answer(now).unwrap();
    pair.b.peer.set_local_description(now, made).unwrap();
    let answer = with_another_fingerprint(&pair.b.peer.local_description().unwrap());
    pair.a.peer.set_remote_description(now, answer).unwrap();
    let transport = pair.a.peer.transceivers()[0].transport.unwrap();
    let failed = |a: &mut Side, _: &mut Side| a.peer.session().dtls_state(transport) == Some(DtlsState::Failed);
    pair.run_until(Duration::from_secs(10), failed).unwrap_or_else(|stalled| panic!("{stalled}"));
    assert_eq!(pair.a.peer.connection_state(), ConnectionState::Failed);
    assert_eq!(played(&mut pair), [false]);
}

fn with_another_fingerprint(description: &SessionDescription) -> SessionDescription {
    let line = description.sdp.lines().find(|line| line.starts_with("a=fingerprint:")).unwrap();
    let last = line.chars().last().unwrap();
    let other = format!("{}{}", &line[..line.len() - 1], if last == '0' { '1' } else { '0' });
    SessionDescription { kind: description.kind, sdp: description.sdp.replace(line, &other) }
}

#[test]
fn wpt_protocol_fingerprint_change_requires_ice_restart_changed_in_reanswer() {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(Audio, Direction::SendRecv);
    negotiate(&mut a, &mut b);
    let offer = a.sld_implicit();
    b.srd(offer).unwrap();
    let answer = b.sld_implicit();
    let error = a.srd(with_another_fingerprint(&answer)).unwrap_err();
    assert_eq!(error.to_string(), "section 0: its fingerprint changed, and ICE was not restarted");
    a.srd(answer).unwrap();
}

#[test]
fn wpt_protocol_fingerprint_change_requires_ice_restart_changed_in_reoffer() {
    let (mut a, mut b) = Pc::two();
    a.add_transceiver(Audio, Direction::SendRecv);
    negotiate(&mut a, &mut b);
    let offer = a.sld_implicit();
    let error = b.srd(with_another_fingerprint(&offer)).unwrap_err();
    assert_eq!(error.to_string(), "section 0: its fingerprint changed, and ICE was not restarted");
    assert_eq!(b.state(), SignalingState::Stable);
}
