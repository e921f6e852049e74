//! ICE over TCP on real sockets, where both sides open connections at once, and nothing else.
#![cfg(all(unix, feature = "tokio", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

#[path = "common/exact.rs"]
mod exact;
#[path = "common/sockets.rs"]
mod sockets;

use exact::exchange;
use ortica::ice::stun::{Class, Message, MessageBuilder, Method};
use ortica::ice::{CandidateKind, PairState, TcpType};
use ortica::jsep::SessionDescription;
use ortica::stats::{CandidateReport, StatsKind};
use ortica::{Configuration, DataChannelInit, Endpoint, EndpointConfig, IceServer, PeerConnection, TcpCandidates};
use sockets::{Call, connection, describe, incoming, within};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Where the server says that it sees everybody.
const SEEN: &str = "192.0.2.7";

fn endpoint() -> Endpoint {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let config = EndpointConfig::default().with_addresses(vec![address]);
    Endpoint::new(config.with_tcp(TcpCandidates::SimultaneousOpen)).unwrap()
}

/// A description whose candidates are those of this type.
fn of_type(description: SessionDescription, tcp_type: &str) -> SessionDescription {
    let stays = |line: &&str| !line.starts_with("a=candidate:") || line.contains(&format!("tcptype {tcp_type}"));
    let sdp = description.sdp.lines().filter(stays).map(|line| format!("{line}\r\n")).collect();
    SessionDescription { sdp, ..description }
}

/// One offers, the other answers; each is told of what the other opens at once, and of nothing else.
async fn negotiate(offerer: &PeerConnection, answerer: &PeerConnection) {
    answerer.set_remote_description(of_type(describe(offerer).await, "so")).unwrap();
    offerer.set_remote_description(of_type(describe(answerer).await, "so")).unwrap();
}

async fn call(from: &Endpoint, to: &Endpoint) -> Call {
    let ((a, a_events), (b, mut b_events)) = (connection(from), connection(to));
    let a_channel = a.create_data_channel("chat", DataChannelInit::default()).unwrap();
    negotiate(&a, &b).await;
    let b_channel = within(incoming(&mut b_events)).await;
    assert!(within(a_channel.opened()).await);
    Call { a, b, a_events, b_events, a_channel, b_channel }
}

/// The candidates of the pair in use.
fn in_use(connection: &PeerConnection) -> [CandidateReport; 2] {
    let report = connection.get_stats();
    let pair = report.selected_candidate_pair().unwrap();
    [&pair.local_candidate_id, &pair.remote_candidate_id].map(|id| match &report.get(id).unwrap().kind {
        StatsKind::LocalCandidate(it) | StatsKind::RemoteCandidate(it) => it.clone(),
        other => panic!("{other:?}"),
    })
}

/// The ports of a description's candidates of this type.
fn ports(description: &SessionDescription, tcp_type: &str) -> Vec<u16> {
    let lines = description.sdp.lines().filter(|line| line.contains(&format!("typ host tcptype {tcp_type}")));
    lines.map(|line| line.split(' ').nth(5).unwrap().parse().unwrap()).collect()
}

/// Guards the whole way: data go both ways over one connection between the two ports that were signalled.
#[tokio::test]
async fn ice_12_two_that_open_at_once_alone_are_connected() {
    let (from, to) = (endpoint(), endpoint());
    for _ in 0..10 {
        let call = call(&from, &to).await;
        tokio::join!(exchange(&call.a_channel, &call.b_channel, 50), exchange(&call.b_channel, &call.a_channel, 50));
        let descriptions = [&call.a, &call.b].map(|it| it.local_description().unwrap());
        let signalled = descriptions.each_ref().map(|it| ports(it, "so"));
        assert_ne!(signalled[0], ports(&descriptions[0], "passive"), "each has a port (RFC 6544 §5.1)");
        for (side, mine) in [(&call.a, 0), (&call.b, 1)] {
            let [local, remote] = in_use(side);
            assert_eq!([local.tcp_type, remote.tcp_type], [Some(TcpType::SimultaneousOpen); 2]);
            let ends = [local.port, remote.port].map(|port| vec![port]);
            assert_eq!(ends, [signalled[mine].clone(), signalled[1 - mine].clone()], "no other port is seen");
        }
    }
    assert_eq!((from.stats().connections, to.stats().connections), (10, 10), "each has one connection");
}

/// Guards ports of connections of one endpoint against each other: each has its own.
#[tokio::test]
async fn ice_12_connections_of_one_endpoint_open_from_ports_of_their_own() {
    let (from, to) = (endpoint(), endpoint());
    let mut calls = Vec::new();
    for _ in 0..5 {
        calls.push(call(&from, &to).await);
    }
    for call in &calls {
        exchange(&call.a_channel, &call.b_channel, 5).await;
    }
    let mut all: Vec<u16> = calls.iter().flat_map(|call| ports(&call.a.local_description().unwrap(), "so")).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 5);
    let port = all[0];
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok(), "it listens");
    for call in &calls {
        within(call.a.close()).await;
    }
    let gone = async {
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    within(gone).await;
}

/// Who came to the server, and when who left.
#[derive(Debug, Eq, PartialEq)]
enum Visit {
    Came(SocketAddr),
    Left(SocketAddr),
}

/// What a server says to a request; nothing to anything else.
fn answer(packet: &[u8], seen: SocketAddr) -> Option<Vec<u8>> {
    let request = Message::parse(packet).unwrap();
    assert_eq!(request.method(), Method::BINDING);
    let mut answer = Vec::new();
    MessageBuilder::new(&mut answer, Class::Success, Method::BINDING, request.transaction()).xor_mapped_address(seen);
    (request.class() == Class::Request).then_some(answer)
}

/// A STUN server, which sees everybody where they are by datagrams, and over TCP at a place of its choice.
async fn server() -> (String, UnboundedReceiver<Visit>) {
    let (listener, address, socket) = loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        // Somebody else may have that port of UDP.
        if let Ok(socket) = UdpSocket::bind(address).await {
            break (listener, address, socket);
        }
    };
    let url = format!("stun:{address}");
    let (visits, seen) = unbounded_channel();
    tokio::spawn(async move {
        let mut packet = [0; 1_500];
        while let Ok((len, from)) = socket.recv_from(&mut packet).await {
            if let Some(answer) = answer(&packet[..len], from) {
                socket.send_to(&answer, from).await.unwrap();
            }
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, from)) = listener.accept().await {
            let visits = visits.clone();
            tokio::spawn(async move {
                let _ = visits.send(Visit::Came(from));
                // A question has a fingerprint and nothing else.
                let mut packet = [0; 28];
                while stream.read_exact(&mut packet).await.is_ok() {
                    if let Some(answer) = answer(&packet, SocketAddr::new(SEEN.parse().unwrap(), from.port())) {
                        stream.write_all(&answer).await.unwrap();
                    }
                }
                let _ = visits.send(Visit::Left(from));
            });
        }
    });
    (url, seen)
}

/// Guards the question to a server from the very port, what is signalled of its answer, the end of the connection when a pair is
/// selected, and that a restart asks from the same port at once.
#[tokio::test]
async fn ice_12_servers_are_asked_from_the_port_that_opens_connections() {
    let (url, mut visits) = server().await;
    let configuration = Configuration::default().with_endpoint(endpoint()).with_ice_servers(vec![IceServer::new(&url)]);
    let (a, _a_events) = PeerConnection::new(configuration).unwrap();
    let (b, mut b_events) = connection(&endpoint());
    let a_channel = a.create_data_channel("chat", DataChannelInit::default()).unwrap();
    negotiate(&a, &b).await;
    let b_channel = within(incoming(&mut b_events)).await;
    assert!(within(a_channel.opened()).await);
    let offer = a.local_description().unwrap();
    let port = ports(&offer, "so")[0];
    let from = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    for tcp_type in ["so", "passive"] {
        let end = format!(" {SEEN} {port} typ srflx raddr 127.0.0.1 rport {port} tcptype {tcp_type}");
        assert!(offer.sdp.lines().any(|line| line.contains(&end)), "{end} in {}", offer.sdp);
    }
    let report = a.get_stats();
    let mut kinds = report.iter().filter_map(|entry| match &entry.kind {
        StatsKind::LocalCandidate(it) => Some((it.candidate_type, it.tcp_type)),
        _ => None,
    });
    assert!(kinds.any(|kind| kind == (CandidateKind::ServerReflexive, Some(TcpType::SimultaneousOpen))));
    assert_eq!(within(visits.recv()).await, Some(Visit::Came(from)));
    assert_eq!(within(visits.recv()).await, Some(Visit::Left(from)));
    for _ in 0..3 {
        a.restart_ice();
        negotiate(&a, &b).await;
        assert_eq!(within(visits.recv()).await, Some(Visit::Came(from)));
        assert_eq!(within(visits.recv()).await, Some(Visit::Left(from)));
        exchange(&a_channel, &b_channel, 5).await;
    }
    assert!(!a.get_stats().candidate_pairs().any(|pair| pair.state == PairState::InProgress));
}
