//! What an endpoint asks of the network around it: STUN servers, names.
#![cfg(all(feature = "tokio", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

use ortica::{
    BundlePolicy, Configuration, DataChannelInit, Endpoint, EndpointConfig, Event, Events, HostCandidates, LocalTrack,
    Message, PeerConnection,
};
use ortica_ice::stun::{Class, Message as Stun, MessageBuilder, Method};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::thread::JoinHandle;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

fn endpoint(ip: IpAddr) -> Endpoint {
    Endpoint::new(EndpointConfig::default().with_addresses(vec![SocketAddr::new(ip, 0)])).unwrap()
}

/// Guards the questions to STUN servers over real sockets.
#[tokio::test]
async fn a_stun_server_is_asked_and_its_answer_signalled() {
    let (address, serving) = serve_stun("203.0.113.77:7777".parse().unwrap(), 1);
    let configuration =
        Configuration::default().with_endpoint(endpoint(Ipv4Addr::LOCALHOST.into())).with_stun_servers(vec![address]);
    let (connection, mut events) = PeerConnection::new(configuration).unwrap();
    let _channel = connection.create_data_channel("chat", DataChannelInit::default()).unwrap();
    connection.set_local_description(None).unwrap();
    tokio::time::timeout(LIMIT, connection.gathering_complete()).await.unwrap();
    serving.join().unwrap();
    let sdp = connection.local_description().unwrap().sdp;
    assert!(sdp.contains(" 203.0.113.77 7777 typ srflx raddr 127.0.0.1 "), "{sdp}");
    let mut trickled = Vec::new();
    while let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(100), events.next()).await {
        if let Event::IceCandidate(candidate) = event {
            trickled.push(candidate.map(|it| (it.candidate.contains("srflx"), it.candidate.is_empty(), it.url)));
        }
    }
    let url = Some(format!("stun:{address}"));
    let wanted = [Some((false, false, None)), Some((true, false, url)), Some((false, true, None)), None];
    assert_eq!(trickled, wanted, "the end comes last");
}

/// Guards publication and resolution on real multicast sockets: both sides hide their address and know nothing of each other
/// but names, so that no call could connect by a peer-reflexive candidate.
#[tokio::test]
async fn ice_11_two_hidden_hosts_find_each_other_by_their_names() {
    let usable = |ip: &IpAddr| ip.is_ipv4() && !ip.is_loopback();
    let Some(ip) = if_addrs::get_if_addrs().unwrap().into_iter().map(|it| it.ip()).find(usable) else {
        println!("skipped: no interface beside loopback");
        return;
    };
    let connection = || -> (PeerConnection, Events) {
        let configuration =
            Configuration::default().with_endpoint(endpoint(ip)).with_host_candidates(HostCandidates::Mdns);
        PeerConnection::new(configuration).unwrap()
    };
    let (a, _a_events) = connection();
    let (b, mut b_events) = connection();
    let channel = a.create_data_channel("chat", DataChannelInit::default()).unwrap();
    a.set_local_description(None).unwrap();
    b.set_remote_description(a.local_description().unwrap()).unwrap();
    b.set_local_description(None).unwrap();
    a.set_remote_description(b.local_description().unwrap()).unwrap();
    for side in [&a, &b] {
        let sdp = side.local_description().unwrap().sdp;
        assert!(sdp.contains(".local ") && !sdp.contains(&ip.to_string()), "{sdp}");
    }
    let talk = async {
        assert!(channel.opened().await);
        channel.send("found you").await.unwrap();
        loop {
            if let Event::DataChannel(channel) = b_events.next().await.unwrap() {
                break channel.recv().await;
            }
        }
    };
    assert_eq!(tokio::time::timeout(LIMIT, talk).await, Ok(Some(Message::from("found you"))));
}

/// Answers what it is asked, as a STUN server that sees everybody at the port of `seen`, until `questions` of different transactions came.
fn serve_stun(seen: SocketAddr, questions: usize) -> (SocketAddr, JoinHandle<()>) {
    let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    server.set_read_timeout(Some(LIMIT)).unwrap();
    let address = server.local_addr().unwrap();
    let serve = move || {
        let mut served = BTreeSet::new();
        while served.len() < questions {
            let mut buffer = [0; 1500];
            let (len, from) = server.recv_from(&mut buffer).unwrap();
            let request = Stun::parse(&buffer[..len]).unwrap();
            let mut answer = Vec::new();
            MessageBuilder::new(&mut answer, Class::Success, Method::BINDING, request.transaction())
                .xor_mapped_address(seen);
            server.send_to(&answer, from).unwrap();
            served.insert(buffer[8..20].to_vec());
        }
    };
    (address, std::thread::spawn(serve))
}

/// Guards whose answer it is, where each section has a transport: on sockets of its own, and on one that all of them share.
#[tokio::test]
async fn each_transport_hears_what_the_server_says_to_it() {
    let own = Configuration::default().with_gather_loopback(true);
    let shared = Configuration::default().with_endpoint(endpoint(Ipv4Addr::LOCALHOST.into()));
    for (configuration, name) in [(own, "own"), (shared, "shared")] {
        let (address, serving) = serve_stun("203.0.113.77:7777".parse().unwrap(), 2);
        let configuration = configuration.with_bundle_policy(BundlePolicy::MaxCompat).with_stun_servers(vec![address]);
        let (connection, _events) = PeerConnection::new(configuration).unwrap();
        let _channel = connection.create_data_channel("chat", DataChannelInit::default()).unwrap();
        connection.add_track(&LocalTrack::audio(), &[]).unwrap();
        connection.set_local_description(None).unwrap();
        tokio::time::timeout(LIMIT, connection.gathering_complete()).await.unwrap();
        serving.join().unwrap();
        let sdp = connection.local_description().unwrap().sdp;
        let sections = sdp.split("\r\nm=").skip(1);
        let seen: Vec<_> = sections.map(|section| section.matches(" 203.0.113.77 7777 typ srflx ").count()).collect();
        assert_eq!(seen, [1, 1], "{name}: {sdp}");
    }
}
