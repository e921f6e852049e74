//! Prints which members the objects of statistics have, for `cargo xtask stats-idl`: those of a call over sockets, with coders at
//! work, and those of a call in virtual time over a path that loses packets, behind a NAT.
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;
#[path = "common/sockets.rs"]
mod sockets;

use common::Side;
use common::stun_server::Node;
use netsim::{Link, Nat, Network, NodeId, Pair, Swarm};
use ortica::codecs::synthetic::{MovingPicture, Tone};
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::core::crypto::rust_crypto;
use ortica::core::{Datagram, SocketId};
use ortica::driver::TcpCandidates;
use ortica::engine::ChannelParameters;
use ortica::ice::stun::{AttributeType, Class, Message, MessageBuilder, Method};
use ortica::jsep::TransceiverInit;
use ortica::parameters::RtpEncodingParameters;
use ortica::peer::{PeerConfiguration, ServerOrder};
use ortica::stats::StatsReport;
use ortica::{Configuration, DataChannelInit, Events, IceServer, LocalTrack, PeerConnection};
use serde_json::Value;
use sockets::{negotiate, track};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::{interval, timeout};

const PATIENCE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// Members by kind of object.
type Members = BTreeMap<String, BTreeSet<String>>;

fn members(reports: &[StatsReport]) -> Members {
    let mut members = Members::new();
    for report in reports {
        let Value::Object(objects) = serde_json::to_value(report).unwrap() else { panic!("a report is a map") };
        for object in objects.values() {
            let kind = object["type"].as_str().unwrap().to_owned();
            members.entry(kind).or_default().extend(object.as_object().unwrap().keys().cloned());
        }
    }
    members
}

fn print(members: &Members) {
    for (kind, members) in members {
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        println!("members-of {kind} {}", members.join(" "));
    }
}

/// Writes sound and pictures in real time until the task is dropped.
async fn play(sound: LocalTrack, pictures: LocalTrack) {
    let mut ticks = interval(Duration::from_millis(20));
    let moving = MovingPicture::new(160, 120, 50).unwrap();
    for (tone, picture) in Tone::new(440.0, 48_000, 2).unwrap().zip(moving) {
        ticks.tick().await;
        sound.write_audio(tone).unwrap();
        pictures.write_video(picture).unwrap();
    }
}

/// A connection with candidates of UDP and TCP.
fn connection() -> (PeerConnection, Events) {
    PeerConnection::new(Configuration::default().with_gather_loopback(true).with_tcp(TcpCandidates::Listen(0))).unwrap()
}

/// Both sides' reports of a call with sound, pictures and data, once each side has heard the other's reports.
async fn call() -> [StatsReport; 2] {
    let ((a, _a_events), (b, mut b_events)) = (connection(), connection());
    let (sound, pictures) = (LocalTrack::audio(), LocalTrack::video());
    a.add_track(&sound, &["stream"]).unwrap();
    a.add_track(&pictures, &["stream"]).unwrap();
    let _channel = a.create_data_channel("chat", DataChannelInit::default()).unwrap();
    negotiate(&a, &b).await;
    let (heard, seen) = (track(&mut b_events).await.track, track(&mut b_events).await.track);
    let player = tokio::spawn(play(sound, pictures));
    let listener = tokio::spawn(async move { while heard.recv_audio().await.is_some() {} });
    let mut reports = [a.get_stats(), b.get_stats()];
    while !is_complete(&reports) {
        // Each picture is a chance that reports have come meanwhile.
        seen.recv_video().await.unwrap();
        reports = [a.get_stats(), b.get_stats()];
    }
    player.abort();
    listener.abort();
    reports
}

fn is_complete([sent, received]: &[StatsReport; 2]) -> bool {
    sent.remote_inbound_rtp().filter(|stream| stream.round_trip_time.is_some()).count() == 2
        && received.remote_outbound_rtp().count() == 2
        && received.inbound_rtp().filter(|stream| stream.total_processing_delay.is_some()).count() == 2
        && sent.data_channels().all(|channel| channel.data_channel_identifier.is_some())
        && sent.media_sources().all(|source| source.frames_per_second != Some(0.0))
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_a_call() {
    let reports = timeout(PATIENCE, call()).await.expect("reports come");
    let members = members(&reports);
    print(&members);
    assert!(members["inbound-rtp"].contains("framesDecoded") && members["outbound-rtp"].contains("framesEncoded"));
    assert!(["local-candidate", "remote-candidate"].iter().all(|kind| members[*kind].contains("tcpType")));
    assert!(members["inbound-rtp"].contains("totalAudioEnergy") && members["media-source"].contains("width"));
}

#[test]
fn members_of_layers() {
    let side = |seed, address| {
        let mut side = Side::new(seed, address);
        side.peer.set_codecs(vec![Codec::Vp8]);
        side
    };
    let (mut a, mut b) = (side(1, Pair::<Side>::A), side(2, Pair::<Side>::B));
    let send_encodings = ["q", "f"].map(RtpEncodingParameters::named).to_vec();
    let init = TransceiverInit { send_encodings, ..TransceiverInit::default() };
    a.peer.add_transceiver(MediaKind::Video, init).unwrap();
    common::exchange(netsim::epoch(), &mut a, &mut b);
    let members = members(&[a.peer.stats(netsim::epoch())]);
    print(&members);
    assert!(members["outbound-rtp"].contains("rid"));
}

/// Two peers, each behind a NAT, with a STUN server outside.
fn behind_nats() -> Swarm<Node> {
    let server: SocketAddr = "203.0.113.9:3478".parse().unwrap();
    let mut network = Network::new(1);
    for _ in 0..3 {
        network.add_node();
    }
    let link = Link::with_delay(Duration::from_millis(10));
    let links: Vec<_> = (0..6).map(|_| network.add_link(link.clone().lossy(0.05))).collect();
    network.add_interface(NodeId(2), server.ip(), links[4], links[5]);
    network.bind(NodeId(2), server);
    let mut nodes = Vec::new();
    for node in 0..2 {
        let nat = network.add_nat(Nat::full_cone(), format!("192.0.2.{}", node + 1).parse().unwrap());
        let local: SocketAddr = format!("10.0.{node}.2:5000").parse().unwrap();
        network.add_interface_behind(nat, NodeId(node), local.ip(), links[2 * node], links[2 * node + 1]);
        let socket = network.bind(NodeId(node), local);
        let ice = ortica_ice::Config::new(rust_crypto::provider()).with_stun_servers(vec![server]);
        let mut side = Side::with(node as u64 + 1, ice, vec![(socket, local)]);
        side.peer.set_codecs(vec![Codec::Opus, Codec::Vp8]);
        nodes.push(Node::Side(Box::new(side)));
    }
    nodes.push(Node::Server(Vec::new()));
    Swarm::new(network, nodes)
}

#[test]
fn members_of_a_call_over_a_path_that_loses() {
    let mut swarm = behind_nats();
    let now = swarm.now();
    let video = swarm.endpoints[0].side().peer.add_track(MediaKind::Video, Vec::new()).unwrap();
    swarm.endpoints[0].side().peer.add_track(MediaKind::Audio, Vec::new()).unwrap();
    swarm.endpoints[0].side().create_channel(now, ChannelParameters::default());
    let [offerer, answerer] = [0, 1];
    let offer = swarm.endpoints[offerer].side().peer.create_offer(now).unwrap();
    swarm.endpoints[offerer].side().peer.set_local_description(now, offer).unwrap();
    swarm.run_for(3 * SECOND);
    let now = swarm.now();
    let offer = swarm.endpoints[offerer].side().peer.local_description().unwrap();
    let peer = &mut swarm.endpoints[answerer].side().peer;
    peer.set_remote_description(now, offer).unwrap();
    let answer = peer.create_answer(now).unwrap();
    peer.set_local_description(now, answer).unwrap();
    swarm.run_for(3 * SECOND);
    let now = swarm.now();
    let answer = swarm.endpoints[answerer].side().peer.local_description().unwrap();
    swarm.endpoints[offerer].side().peer.set_remote_description(now, answer).unwrap();
    for number in 0..1_000 {
        let now = swarm.now();
        let peer = &mut swarm.endpoints[offerer].side().peer;
        let key_frame = peer.encoder_targets(video).is_some_and(|targets| targets.key_frame);
        let mut data = vec![u8::from(!key_frame), 0, 0, 0x9d, 0x01, 0x2a, 64, 0, 64, 0];
        data.resize(3_000, 7);
        let picture = EncodedFrame::new(Codec::Vp8, data, number * 1_800).with_key_frame(key_frame);
        let _ = peer.send_frame(now, video, &picture);
        swarm.run_for(Duration::from_millis(20));
    }
    let now = swarm.now();
    let reports = [0, 1].map(|node| swarm.endpoints[node].side().peer.stats(now));
    let members = members(&reports);
    print(&members);
    assert!(members["inbound-rtp"].contains("rtxSsrc"), "packets were lost and sent again");
    assert!(members["local-candidate"].contains("url") && members["remote-candidate"].contains("relatedPort"));
}

/// A candidate that a TURN server lends: what the server says is made by hand.
#[test]
fn members_of_a_candidate_that_a_server_lends() {
    let now = netsim::epoch();
    let mut side = Side::new(1, Pair::<Side>::A);
    let server: SocketAddr = "203.0.113.9:3478".parse().unwrap();
    let ice_servers = vec![IceServer::new(format!("turn:{server}")).with_credentials("user", "secret")];
    let configuration = PeerConfiguration { ice_servers, ..PeerConfiguration::default() };
    side.peer.set_configuration(now, configuration).unwrap();
    side.create_channel(now, ChannelParameters::default());
    let offer = side.peer.create_offer(now).unwrap();
    side.peer.set_local_description(now, offer).unwrap();
    let mut request = Vec::new();
    assert!(side.peer.poll_transmit(now, 1, &mut request).is_none(), "a link is wanted first");
    side.peer.drain_engine(now, |_| {});
    let orders = side.peer.take_server_orders();
    let [ServerOrder::Open { transport, link, server: wanted }] = &orders[..] else { panic!("{orders:?}") };
    assert_eq!(wanted.remote, server);
    side.peer.server_connected(now, *transport, *link, SocketId(77), "192.0.2.1:7000".parse().unwrap());
    let sent = side.peer.poll_transmit(now, 1, &mut request).unwrap();
    assert_eq!((sent.socket, sent.remote), (SocketId(77), server));
    let mut answer = Vec::new();
    let id = Message::parse(&request).unwrap().transaction();
    MessageBuilder::new(&mut answer, Class::Success, Method::ALLOCATE, id)
        .xor_address(AttributeType::XOR_RELAYED_ADDRESS, "203.0.113.9:50000".parse().unwrap())
        .lifetime(600 * SECOND)
        .xor_mapped_address("192.0.2.1:7000".parse().unwrap());
    side.peer.handle_datagram(now, Datagram::single(SocketId(77), server, &mut answer));
    let members = members(&[side.peer.stats(now)]);
    print(&members);
    assert!(members["local-candidate"].contains("relayProtocol"));
}
