//! Calls by way of coturn, on loopback: neither side is told of anything but relayed addresses.
#![cfg(all(feature = "tokio", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

#[path = "common/coturn.rs"]
mod coturn;
#[path = "common/exact.rs"]
mod exact;
#[path = "common/relayed.rs"]
mod relayed;
#[path = "common/sockets.rs"]
mod sockets;

use coturn::{Coturn, USER};
use exact::exchange;
use ortica::ice::{CandidateKind, TransportPolicy};
use ortica::jsep::IceServerTransportProtocol;
use ortica::{Configuration, DataChannelInit, IceServer, PeerConnection};
use relayed::{check, error, local_candidates, relayed, server};
use sockets::{Call, call_between, loopback, within};

#[tokio::test]
async fn data_goes_exactly_through_a_relay_over_udp() {
    let Some(coturn) = Coturn::start() else { return };
    check(&format!("turn:127.0.0.1:{}?transport=udp", coturn.port), IceServerTransportProtocol::Udp).await;
}

/// Guards the cutting of the stream, bursts that it does not take at once among them.
#[tokio::test]
async fn turn_3_data_goes_exactly_through_a_relay_over_tcp() {
    let Some(coturn) = Coturn::start() else { return };
    check(&format!("turn:127.0.0.1:{}?transport=tcp", coturn.port), IceServerTransportProtocol::Tcp).await;
}

/// By its name, which is looked up and which its certificate is for.
#[cfg(feature = "turn-tls")]
#[tokio::test]
async fn data_goes_exactly_through_a_relay_over_tls() {
    let Some(coturn) = Coturn::start() else { return };
    check(&format!("turns:localhost:{}?transport=tcp", coturn.tls_port), IceServerTransportProtocol::Tls).await;
}

/// Guards the sockets of links: a server tells allocations apart by where they come from.
#[tokio::test]
async fn many_connections_of_one_endpoint_have_an_allocation_each() {
    let Some(coturn) = Coturn::start() else { return };
    let url = format!("turn:127.0.0.1:{}", coturn.port);
    let (from, to) = (loopback(), loopback());
    let mut calls = Vec::new();
    for _ in 0..4 {
        let sides = [relayed(&from, vec![server(&url)]), relayed(&to, vec![server(&url)])];
        calls.push(within(call_between(sides, DataChannelInit::default())).await);
    }
    for Call { a_channel, b_channel, .. } in &calls {
        exchange(a_channel, b_channel, 10).await;
    }
}

/// Guards the links that begin at no address in particular, as those of endpoints do that nobody chose addresses for.
#[tokio::test]
async fn connections_with_endpoints_of_their_own_call_through_a_relay() {
    let Some(coturn) = Coturn::start() else { return };
    let url = format!("turn:127.0.0.1:{}", coturn.port);
    let side = || {
        let configuration = Configuration::default()
            .with_gather_loopback(true)
            .with_ice_servers(vec![server(&url)])
            .with_ice_transport_policy(TransportPolicy::Relay);
        PeerConnection::new(configuration).unwrap()
    };
    let call = within(call_between([side(), side()], DataChannelInit::default())).await;
    exchange(&call.a_channel, &call.b_channel, 20).await;
    let (_, in_use) = local_candidates(&call.a);
    assert_eq!(in_use.candidate_type, CandidateKind::Relayed);
}

#[tokio::test]
async fn a_wrong_password_is_reported_with_its_code() {
    let Some(coturn) = Coturn::start() else { return };
    let url = format!("turn:127.0.0.1:{}?transport=udp", coturn.port);
    let wrong = IceServer::new(&url).with_credentials(USER, "guess");
    let told = error(relayed(&loopback(), vec![wrong])).await;
    let [(of, 401, text)] = &told[..] else { panic!("{told:?}") };
    assert_eq!(*of, url);
    assert!(!text.contains("guess") && !text.is_empty(), "{text}");
}

/// Nobody listens there.
#[tokio::test]
async fn a_server_that_takes_no_connections_is_reported_as_out_of_reach() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = format!("turn:127.0.0.1:{port}?transport=tcp");
    let told = error(relayed(&loopback(), vec![server(&url)])).await;
    assert_eq!(told, [(url, 701, "the connection was refused".to_owned())]);
}

/// A certificate that nobody vouches for.
#[cfg(feature = "turn-tls")]
#[tokio::test]
async fn a_server_that_is_not_who_it_is_to_be_is_not_spoken_to() {
    let Some(coturn) = Coturn::start() else { return };
    let url = format!("turns:localhost:{}?transport=tcp", coturn.tls_port);
    let configuration = Configuration::default()
        .with_endpoint(loopback())
        .with_ice_servers(vec![server(&url)])
        .with_ice_transport_policy(TransportPolicy::Relay);
    let told = error(PeerConnection::new(configuration).unwrap()).await;
    let [(of, 701, text)] = &told[..] else { panic!("{told:?}") };
    assert!(*of == url && text.starts_with("TLS failed"), "{text}");
}
