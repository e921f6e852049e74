//! Many connections on one port.
#![cfg(all(feature = "tokio", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

#[path = "common/sockets.rs"]
mod sockets;

use ortica::{ConnectionState, DataChannelInit, Endpoint, EndpointConfig, Message};
use sockets::{Call, call_between, connection, loopback};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

const CONNECTIONS: usize = 1000;
const LIMIT: Duration = Duration::from_secs(60);
/// How many are being set up at a time: a burst of a thousand handshakes overflows the sockets of a small machine.
const AT_ONCE: usize = 50;

/// Guards the sessions that share an address in `Routes`: a peer vanished without a word, and the next one has its port. The
/// old connection still hopes, and must not take what the new one is sent.
#[test]
fn a_port_used_again_reaches_the_new_connection() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let serving = runtime();
    let server = serving.block_on(async { loopback() });
    let mut port = 0;
    let mut kept = Vec::new();
    for number in 0..3 {
        let calling = runtime();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let made = calling.block_on(async {
            let endpoint = Endpoint::new(EndpointConfig::default().with_addresses(vec![address])).unwrap();
            port = endpoint.local_addresses()[0].port();
            tokio::time::timeout(LIMIT, call(endpoint, server.clone(), number)).await
        });
        let Call { b: theirs, .. } = made.unwrap_or_else(|_| panic!("call {number} from the same port"));
        kept.push(theirs);
        // The process dies: no goodbye.
        calling.shutdown_timeout(Duration::from_secs(5));
    }
    assert!(kept.iter().all(|connection| connection.connection_state() == ConnectionState::Connected));
}

/// A call from one endpoint to the other, in which a message of its own went each way; kept open.
async fn call(client: Endpoint, server: Endpoint, number: usize) -> Call {
    let call = call_between([connection(&client), connection(&server)], DataChannelInit::default()).await;
    let Call { a_channel: mine, b_channel: theirs, .. } = &call;
    mine.send(format!("to {number}")).await.unwrap();
    assert_eq!(theirs.recv().await, Some(Message::from(format!("to {number}").as_str())));
    theirs.send(format!("from {number}")).await.unwrap();
    assert_eq!(mine.recv().await, Some(Message::from(format!("from {number}").as_str())));
    call
}

/// Guards `Routes`: one socket, and each datagram finds its connection; all of them stay up together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_connections_share_one_port() {
    let server = loopback();
    let started = Instant::now();
    let all = async {
        let places = std::sync::Arc::new(tokio::sync::Semaphore::new(AT_ONCE));
        let mut calls = tokio::task::JoinSet::new();
        for number in 0..CONNECTIONS {
            let (server, places) = (server.clone(), places.clone());
            calls.spawn(async move {
                let _place = places.acquire().await.unwrap();
                call(loopback(), server, number).await
            });
        }
        calls.join_all().await
    };
    let calls = tokio::time::timeout(LIMIT, all).await.expect("a thousand calls within a minute");
    assert_eq!(calls.len(), CONNECTIONS);
    for Call { a, b, .. } in &calls {
        assert_eq!(a.connected().await, Ok(()));
        assert_eq!(b.connected().await, Ok(()));
    }
    assert_eq!(server.local_addresses().len(), 1);
    println!("{CONNECTIONS} calls in {:?}; {:?}", started.elapsed(), server.stats());
}

/// A first message of a DTLS client, as anybody can write one.
fn client_hello(random: u32) -> Vec<u8> {
    let mut body = vec![0xfe, 0xfd];
    body.extend(random.to_be_bytes().repeat(8));
    // No session, no cookie, one suite, no compression.
    body.extend([0, 0, 0, 2, 0xc0, 0x2b, 1, 0]);
    let len = body.len() as u8;
    let mut packet = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, len + 12, 1, 0, 0, len, 0, 0, 0, 0, 0, 0, 0, len];
    packet.extend(body);
    packet
}

/// Guards the demultiplexer and the check of the source before DTLS: a hundred calls on one port, one of which fails, and a
/// hundred thousand ClientHellos from a stranger on the peers' own host, half of them the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cve_12_hellos_of_strangers_disturb_nobody_on_a_shared_port() {
    let server = loopback();
    let mut calls = Vec::new();
    for number in 0..100 {
        calls.push(call(loopback(), server.clone(), number).await);
    }
    // One whose certificate is not the one announced.
    let (bad, _events) = connection(&loopback());
    let (failing, _more) = connection(&server);
    let _channel = bad.create_data_channel("chat", DataChannelInit::default()).unwrap();
    bad.set_local_description(None).unwrap();
    let mut offer = bad.local_description().unwrap();
    let fingerprint = offer.sdp.lines().find(|line| line.starts_with("a=fingerprint:")).unwrap().to_owned();
    let other = fingerprint.replace(['A', '1'], "0");
    offer.sdp = offer.sdp.replace(&fingerprint, &other);
    failing.set_remote_description(offer).unwrap();
    failing.set_local_description(None).unwrap();
    bad.set_remote_description(failing.local_description().unwrap()).unwrap();

    let to = server.local_addresses()[0];
    let flood = tokio::task::spawn_blocking(move || {
        let stranger = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        for n in 0..100_000u32 {
            stranger.send_to(&client_hello(if n % 2 == 0 { 7 } else { n }), to).unwrap();
            if n % 100 == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    });
    assert!(failing.connected().await.is_err(), "the wrong certificate is refused");
    flood.await.unwrap();
    for (number, Call { a, b, a_channel: mine, b_channel: theirs, .. }) in calls.iter().enumerate() {
        assert_eq!(a.connected().await, Ok(()), "call {number}");
        assert_eq!(b.connected().await, Ok(()), "call {number}");
        mine.send("still here").await.unwrap();
        let heard = tokio::time::timeout(LIMIT, theirs.recv()).await;
        assert_eq!(heard, Ok(Some(Message::from("still here"))), "call {number}");
    }
    println!("{:?}", server.stats());
}
