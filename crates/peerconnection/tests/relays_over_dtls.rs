//! Calls by way of coturn under DTLS, on loopback, and servers that are not who they are to be.
#![cfg(all(feature = "turn-tls", any(feature = "aws-lc-rs", feature = "rust-crypto")))]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

#[path = "common/coturn.rs"]
mod coturn;
#[path = "common/exact.rs"]
mod exact;
#[path = "common/relayed.rs"]
mod relayed;
#[path = "common/sockets.rs"]
mod sockets;

use coturn::Coturn;
use exact::exchange;
use ortica::ice::TransportPolicy;
use ortica::jsep::IceServerTransportProtocol;
use ortica::{Configuration, Event, Events, PeerConnection};
use relayed::{check, check_between, error, server};
use sockets::{incoming, loopback, within};
use std::net::Ipv4Addr;
use tokio::net::UdpSocket;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

/// What the server shows in place of its usual certificate: one with an RSA key for `localhost` alone, and who signed it.
const CHAIN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/relays/chain.pem");
/// Who signed the latter.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/relays/root.pem");

fn with_chain() -> Option<Coturn> {
    Coturn::start_at(Ipv4Addr::LOCALHOST, coturn::free_ports(), CHAIN)
}

/// A connection that uses the relay of this server alone.
fn trusting(root: &str, url: &str) -> (PeerConnection, Events) {
    let configuration = Configuration::default()
        .with_endpoint(loopback())
        .with_ice_servers(vec![server(url)])
        .with_ice_transport_policy(TransportPolicy::Relay)
        .with_turn_roots(vec![CertificateDer::from_pem_file(root).unwrap().to_vec()]);
    PeerConnection::new(configuration).unwrap()
}

/// By its address and by its name, which its certificate is for; with bursts that go out in trains.
#[tokio::test]
async fn data_goes_exactly_through_a_relay_over_dtls() {
    let Some(coturn) = Coturn::start() else { return };
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("turns:{host}:{}?transport=udp", coturn.tls_port);
        // The W3C has no other word for it.
        check(&url, IceServerTransportProtocol::Tls).await;
    }
}

/// An RSA key, a certificate in between, and one on P-384 at the end.
#[tokio::test]
async fn a_chain_that_ends_at_a_root_is_trusted() {
    let Some(coturn) = with_chain() else { return };
    let url = format!("turns:localhost:{}?transport=udp", coturn.tls_port);
    check_between([0, 1].map(|_| trusting(ROOT, &url)), &url, IceServerTransportProtocol::Tls).await;
}

/// The guard is the verifier of `tls::chain`: nobody is asked for a relay who shows no such certificate, and nothing goes elsewhere.
#[tokio::test]
async fn a_server_that_is_not_who_it_is_to_be_is_not_spoken_to() {
    let Some(coturn) = with_chain() else { return };
    for (root, host, why) in [
        // For another name, and from somebody else.
        (ROOT, "127.0.0.1", "the certificate is for another name"),
        (coturn::CERTIFICATE, "localhost", "nobody who is trusted vouches for the certificate"),
    ] {
        let url = format!("turns:{host}:{}?transport=udp", coturn.tls_port);
        let told = error(trusting(root, &url)).await;
        let [(of, 701, text)] = &told[..] else { panic!("{told:?}") };
        assert!(*of == url && text.starts_with("TLS failed") && text.contains(why), "{text}");
    }
}

/// A server that says nothing takes no time from a call that does without.
#[tokio::test]
async fn a_silent_server_delays_nothing() {
    let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("turns:127.0.0.1:{}?transport=udp", silent.local_addr().unwrap().port());
    let side = || {
        let configuration = Configuration::default().with_endpoint(loopback()).with_ice_servers(vec![server(&url)]);
        PeerConnection::new(configuration).unwrap()
    };
    let ((a, mut a_events), (b, mut b_events)) = (side(), side());
    let a_channel = a.create_data_channel("chat", Default::default()).unwrap();
    // Candidates of the host are in descriptions from the beginning.
    a.set_local_description(None).unwrap();
    b.set_remote_description(with_candidates(&a, &mut a_events).await).unwrap();
    b.set_local_description(None).unwrap();
    a.set_remote_description(with_candidates(&b, &mut b_events).await).unwrap();
    let b_channel = within(incoming(&mut b_events)).await;
    within(exchange(&a_channel, &b_channel, 10)).await;
    // The handshake has begun, and is not over.
    let mut hello = [0; 2048];
    let len = within(silent.recv(&mut hello)).await.unwrap();
    assert!(len > 13 && hello[0] == 22, "a record of the handshake");
    for connection in [&a, &b] {
        assert_ne!(connection.ice_gathering_state(), ortica::IceGatheringState::Complete);
    }
}

/// The description of a side, once it has a candidate.
async fn with_candidates(connection: &PeerConnection, events: &mut Events) -> ortica::jsep::SessionDescription {
    within(async {
        loop {
            match events.next().await.unwrap() {
                Event::IceCandidate(Some(_)) => return connection.local_description().unwrap(),
                Event::IceCandidateError(error) => panic!("{error:?}"),
                _ => {}
            }
        }
    })
    .await
}
