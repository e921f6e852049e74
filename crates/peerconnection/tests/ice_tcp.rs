//! ICE over TCP on real sockets: neither side is told of the other's addresses of UDP.
#![cfg(all(feature = "tokio", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

#[path = "common/exact.rs"]
mod exact;
#[path = "common/sockets.rs"]
mod sockets;

use exact::exchange;
use ortica::codecs::{Codec, EncodedFrame};
use ortica::engine::ReceivedFrame;
use ortica::ice::{PairState, TcpType};
use ortica::jsep::{SessionDescription, TransceiverInit};
use ortica::{
    ConnectionState, DataChannelInit, Endpoint, EndpointConfig, Event, Events, IceConnectionState, Message,
    PeerConnection, TcpCandidates,
};
use sockets::{Call, connection, describe, incoming, track, within};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

fn endpoint(tcp: TcpCandidates) -> Endpoint {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Endpoint::new(EndpointConfig::default().with_addresses(vec![address]).with_tcp(tcp)).unwrap()
}

/// A description whose candidates are those of TCP, with `port` in place of the one that listens.
fn over_tcp(description: SessionDescription, port: Option<u16>) -> SessionDescription {
    let line = |line: &str| -> Option<String> {
        let Some(candidate) = line.strip_prefix("a=candidate:") else { return Some(line.to_owned()) };
        let mut words: Vec<String> = candidate.split(' ').map(str::to_owned).collect();
        if words[2] != "tcp" {
            return None;
        }
        if let Some(port) = port.filter(|_| candidate.contains("passive")) {
            words[5] = port.to_string();
        }
        Some(format!("a=candidate:{}", words.join(" ")))
    };
    let sdp = description.sdp.lines().filter_map(line).map(|line| line + "\r\n").collect();
    SessionDescription { sdp, ..description }
}

/// The port that a description says connections are taken at.
fn passive_port(description: &SessionDescription) -> u16 {
    let line = description.sdp.lines().find(|line| line.contains("tcptype passive")).unwrap();
    line.split(' ').nth(5).unwrap().parse().unwrap()
}

/// One offers, the other answers; each is told of TCP alone.
async fn negotiate(offerer: &PeerConnection, answerer: &PeerConnection, port: Option<u16>) {
    answerer.set_remote_description(over_tcp(describe(offerer).await, port)).unwrap();
    offerer.set_remote_description(over_tcp(describe(answerer).await, port)).unwrap();
}

/// A call from one endpoint to another; `port` is where the second one is said to listen.
async fn call(from: &Endpoint, to: &Endpoint, port: Option<u16>) -> Call {
    let ((a, a_events), (b, mut b_events)) = (connection(from), connection(to));
    let a_channel = a.create_data_channel("chat", DataChannelInit::default()).unwrap();
    negotiate(&a, &b, port).await;
    let b_channel = within(incoming(&mut b_events)).await;
    assert!(within(a_channel.opened()).await);
    Call { a, b, a_events, b_events, a_channel, b_channel }
}

/// What the statistics say of both ends of the pair in use: protocol and type.
fn pair_in_use(connection: &PeerConnection) -> [(String, Option<TcpType>); 2] {
    let report = connection.get_stats();
    let pair = report.candidate_pairs().find(|pair| pair.nominated).unwrap().clone();
    let of = |candidate: &ortica::stats::CandidateReport| (candidate.protocol.clone(), candidate.tcp_type);
    let find = |id: &str| {
        let kind = &report.iter().find(|entry| entry.id == id).unwrap().kind;
        match kind {
            ortica::stats::StatsKind::LocalCandidate(it) | ortica::stats::StatsKind::RemoteCandidate(it) => of(it),
            kind => panic!("{kind:?}"),
        }
    };
    [find(&pair.local_candidate_id), find(&pair.remote_candidate_id)]
}

/// Guards the way of a packet through frames, both ways, in bursts that the system does not take at once.
#[tokio::test]
async fn ice_12_data_goes_exactly_over_tcp_alone() {
    let (from, to) = (endpoint(TcpCandidates::Connect), endpoint(TcpCandidates::Listen(0)));
    let call = call(&from, &to, None).await;
    tokio::join!(exchange(&call.a_channel, &call.b_channel, 200), exchange(&call.b_channel, &call.a_channel, 200));
    let tcp = |tcp_type| ("tcp".to_owned(), Some(tcp_type));
    assert_eq!(pair_in_use(&call.a), [tcp(TcpType::Active), tcp(TcpType::Passive)]);
    assert_eq!(pair_in_use(&call.b), [tcp(TcpType::Passive), tcp(TcpType::Active)]);
    assert_eq!((from.stats().connections, to.stats().connections), (1, 1));
}

/// Guards that both may listen and both connect: one connection stays.
#[tokio::test]
async fn ice_12_either_side_may_offer_and_both_may_listen() {
    for (offerer, answerer) in
        [(TcpCandidates::Listen(0), TcpCandidates::Connect), (TcpCandidates::Listen(0), TcpCandidates::Listen(0))]
    {
        let call = call(&endpoint(offerer), &endpoint(answerer), None).await;
        exchange(&call.a_channel, &call.b_channel, 20).await;
        exchange(&call.b_channel, &call.a_channel, 20).await;
    }
}

/// Guards the ufrag of the first check, which says whose a connection is.
#[tokio::test]
async fn ice_12_one_port_serves_many_connections() {
    let to = endpoint(TcpCandidates::Listen(0));
    let from = endpoint(TcpCandidates::Connect);
    let mut calls = Vec::new();
    for _ in 0..20 {
        calls.push(call(&from, &to, None).await);
    }
    let ports: Vec<u16> = calls.iter().map(|call| passive_port(&call.b.local_description().unwrap())).collect();
    assert!(ports.iter().all(|port| *port == ports[0]), "{ports:?}");
    for (number, call) in calls.iter().enumerate() {
        call.a_channel.send(format!("I am {number}").as_str()).await.unwrap();
    }
    for (number, call) in calls.iter().enumerate() {
        let text = format!("I am {number}");
        assert_eq!(within(call.b_channel.recv()).await, Some(Message::from(text.as_str())));
    }
}

/// Guards that media go over frames too.
#[tokio::test]
async fn ice_12_media_go_over_tcp() {
    let ((a, _a_events), (b, mut b_events)) =
        (connection(&endpoint(TcpCandidates::Connect)), connection(&endpoint(TcpCandidates::Listen(0))));
    let sound = ortica::LocalTrack::audio();
    let init = TransceiverInit { codecs: vec![Codec::Pcmu], ..TransceiverInit::default() };
    a.add_transceiver(&sound, init).unwrap();
    negotiate(&a, &b, None).await;
    let heard = track(&mut b_events).await.track;
    within(a.connected()).await.unwrap();
    within(b.connected()).await.unwrap();
    let write = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        for number in 0.. {
            ticks.tick().await;
            let frame = EncodedFrame::new(Codec::Pcmu, vec![7; 160], number * 160).with_duration(160);
            sound.write_encoded(&frame).unwrap();
        }
    };
    let heard = tokio::select! { () = write => None, frame = within(heard.recv_encoded()) => frame };
    let Some(ReceivedFrame::Frame { frame, .. }) = heard else { panic!("a frame is heard") };
    assert_eq!(frame.data[..], [7; 160]);
}

/// Guards the end of an attempt that is refused: its pair fails at once, and ICE when patience ends.
#[tokio::test]
async fn ice_12_a_refused_connection_ends_the_search() {
    let ((a, mut a_events), (b, _b_events)) =
        (connection(&endpoint(TcpCandidates::Connect)), connection(&endpoint(TcpCandidates::Listen(0))));
    a.create_data_channel("chat", DataChannelInit::default()).unwrap();
    // A port that nobody listens at: it was free a moment ago, and is not given out again so soon.
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap().port();
    negotiate(&a, &b, Some(free)).await;
    let ended = async {
        loop {
            match a_events.next().await.expect("the connection goes on") {
                Event::IceConnectionStateChange(IceConnectionState::Checking) => {}
                Event::IceConnectionStateChange(state) => return state,
                _ => {}
            }
        }
    };
    let failed = async {
        while !a.get_stats().candidate_pairs().any(|pair| pair.state == PairState::Failed) {
            tokio::task::yield_now().await;
        }
    };
    within(failed).await;
    // Nothing is left but to wait for what the other side may still try, as long as patience lasts.
    tokio::time::pause();
    assert_eq!(ended.await, IceConnectionState::Failed);
}

/// Passes bytes on between what connects to it and a port, until it is told to cut.
async fn relay(listener: TcpListener, to: u16, mut cut: tokio::sync::mpsc::Receiver<()>) {
    loop {
        let Ok((mut near, _)) = listener.accept().await else { return };
        let mut far = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await.unwrap();
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
            told = cut.recv() => {
                if told.is_none() {
                    return;
                }
            }
        }
    }
}

/// Guards what follows when a connection dies in use: the pair fails, another connection is opened, and data that were on their way
/// arrive.
#[tokio::test]
async fn ice_12_a_connection_that_dies_is_replaced() {
    let (from, to) = (endpoint(TcpCandidates::Connect), endpoint(TcpCandidates::Listen(0)));
    let (probe, _events) = connection(&to);
    probe.create_data_channel("probe", DataChannelInit::default()).unwrap();
    let port = passive_port(&describe(&probe).await);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let through = listener.local_addr().unwrap().port();
    let (cut, when) = tokio::sync::mpsc::channel(1);
    let relay: JoinHandle<()> = tokio::spawn(relay(listener, port, when));
    let call = call(&from, &to, Some(through)).await;
    exchange(&call.a_channel, &call.b_channel, 10).await;
    for _ in 0..3 {
        let busy = exchange(&call.a_channel, &call.b_channel, 100);
        let (_, cut) = tokio::join!(busy, cut.send(()));
        cut.unwrap();
        exchange(&call.b_channel, &call.a_channel, 10).await;
    }
    assert!(to.stats().connections >= 4, "{:?}", to.stats());
    drop(cut);
    relay.await.unwrap();
}

/// Reads until the other side closes, and says how many bytes came.
async fn closed(mut stream: TcpStream) -> usize {
    let mut all = Vec::new();
    // A reset is an end too.
    let _ = stream.read_to_end(&mut all).await;
    all.len()
}

/// Guards what becomes of those that do not speak ICE, name nobody, or say nothing: closed without an answer, and counted.
#[tokio::test]
async fn ice_12_strangers_are_closed_and_counted() {
    let to = endpoint(TcpCandidates::Listen(0));
    let (b, _events): (PeerConnection, Events) = connection(&to);
    b.create_data_channel("chat", DataChannelInit::default()).unwrap();
    let port = passive_port(&describe(&b).await);
    // Of HTTP; a check that names nobody; a frame of no protocol at all.
    let mut check = vec![0, 32, 0, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42];
    check.extend([5; 12]);
    check.extend([0, 6, 0, 7, b'n', b'o', b'b', b':', b'o', b'd', b'y', 0]);
    check[1] = (check.len() - 2) as u8;
    for nonsense in [b"GET / HTTP/1.1\r\n".repeat(2_000), check, vec![0, 3, 250, 1, 2]] {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        // It may be closed in the middle.
        let _ = stream.write_all(&nonsense).await;
        assert_eq!(within(closed(stream)).await, 0, "{}", nonsense.len());
    }
    assert_eq!((to.stats().strangers, to.stats().connections), (3, 0));
    // Beyond 128 that say nothing the oldest go.
    let mut silent = Vec::new();
    for _ in 0..140 {
        silent.push(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap());
    }
    for stream in silent.drain(..12) {
        assert_eq!(within(closed(stream)).await, 0);
    }
    // The others have their time, and a call gets through beside them.
    let call = call(&endpoint(TcpCandidates::Connect), &to, None).await;
    exchange(&call.a_channel, &call.b_channel, 5).await;
    // Once nothing else is to be done, time is up for them.
    tokio::time::pause();
    for stream in silent {
        assert_eq!(closed(stream).await, 0);
    }
    assert!(to.stats().strangers >= 3 + 139, "{:?}", to.stats());
}

/// Guards the goodbyes, and what is left when all is over: no socket listens, no task runs.
#[tokio::test]
async fn ice_12_closing_says_goodbye_and_leaves_nothing_behind() {
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let (from, to) = (endpoint(TcpCandidates::Connect), endpoint(TcpCandidates::Listen(0)));
    let call = call(&from, &to, None).await;
    let port = passive_port(&call.b.local_description().unwrap());
    drop((from, to));
    let Call { a, b, a_channel, b_channel, a_events, b_events } = call;
    a_channel.send("the last word").await.unwrap();
    a.close().await;
    assert_eq!(within(b_channel.recv()).await, Some(Message::from("the last word")));
    assert_eq!(within(b_channel.recv()).await, None, "the goodbye came");
    assert_ne!(b.connection_state(), ConnectionState::Connected);
    within(b.close()).await;
    drop((a, b, a_channel, b_channel, a_events, b_events));
    let gone = async {
        while tokio::runtime::Handle::current().metrics().num_alive_tasks() > before
            || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok()
        {
            tokio::task::yield_now().await;
        }
    };
    within(gone).await;
}

/// Guards that a lost connection is opened again and again: where nothing comes of it at first, it is there once somebody is.
#[tokio::test]
async fn ice_12_a_connection_comes_back_when_the_way_does() {
    let (from, to) = (endpoint(TcpCandidates::Connect), endpoint(TcpCandidates::Listen(0)));
    let (probe, _events) = connection(&to);
    probe.create_data_channel("probe", DataChannelInit::default()).unwrap();
    let port = passive_port(&describe(&probe).await);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let through = listener.local_addr().unwrap();
    let (cut, when) = tokio::sync::mpsc::channel(1);
    let first = tokio::spawn(relay(listener, port, when));
    let call = call(&from, &to, Some(through.port())).await;
    exchange(&call.a_channel, &call.b_channel, 10).await;
    // Whoever passes bytes on is gone, and then takes connections for nobody.
    drop(cut);
    first.await.unwrap();
    let listener = TcpListener::bind(through).await.unwrap();
    for _ in 0..3 {
        drop(within(listener.accept()).await.unwrap());
    }
    let (cut, when) = tokio::sync::mpsc::channel(1);
    let second = tokio::spawn(relay(listener, port, when));
    exchange(&call.a_channel, &call.b_channel, 10).await;
    exchange(&call.b_channel, &call.a_channel, 10).await;
    drop(cut);
    second.await.unwrap();
}

/// Guards the switch.
#[tokio::test]
async fn ice_12_without_tcp_nothing_is_tried() {
    let (from, to) = (endpoint(TcpCandidates::Off), endpoint(TcpCandidates::Listen(0)));
    let ((a, _a_events), (b, _b_events)) = (connection(&from), connection(&to));
    a.create_data_channel("chat", DataChannelInit::default()).unwrap();
    negotiate(&a, &b, None).await;
    assert!(!a.local_description().unwrap().sdp.contains(" tcp "));
    assert_eq!(a.get_stats().candidate_pairs().count(), 0);
}
