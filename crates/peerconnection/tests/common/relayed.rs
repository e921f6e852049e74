//! Calls by way of a relay alone, on loopback.
#![allow(dead_code, reason = "each test uses its part")]

#[cfg(feature = "turn-tls")]
use crate::coturn;
use crate::coturn::{PASSWORD, USER};
use crate::exact::exchange;
use crate::sockets::{Call, call_between, describe, loopback, within};
use ortica::ice::{CandidateKind, TransportPolicy};
use ortica::jsep::IceServerTransportProtocol;
use ortica::stats::{CandidateReport, StatsKind};
use ortica::{Configuration, DataChannelInit, Endpoint, Event, Events, IceServer, PeerConnection};

/// A connection that uses the relays of these servers alone, and trusts coturn's certificate.
pub fn relayed(endpoint: &Endpoint, servers: Vec<IceServer>) -> (PeerConnection, Events) {
    let configuration = Configuration::default()
        .with_endpoint(endpoint.clone())
        .with_ice_servers(servers)
        .with_ice_transport_policy(TransportPolicy::Relay);
    #[cfg(feature = "turn-tls")]
    let configuration = configuration.with_turn_roots(vec![root()]);
    PeerConnection::new(configuration).unwrap()
}

/// The certificate that vouches for coturn's, which is the same.
#[cfg(feature = "turn-tls")]
fn root() -> Vec<u8> {
    use tokio_rustls::rustls::pki_types::CertificateDer;
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    CertificateDer::from_pem_file(coturn::CERTIFICATE).unwrap().to_vec()
}

/// A server that knows this user.
pub fn server(url: &str) -> IceServer {
    IceServer::new(url).with_credentials(USER, PASSWORD)
}

/// The candidates of this side that statistics know, and the one in use.
pub fn local_candidates(connection: &PeerConnection) -> (Vec<CandidateReport>, CandidateReport) {
    let report = connection.get_stats();
    let pair = report.candidate_pairs().find(|pair| pair.nominated).unwrap().clone();
    let locals = report.iter().filter_map(|entry| match &entry.kind {
        StatsKind::LocalCandidate(candidate) => Some((entry.id.clone(), candidate.clone())),
        _ => None,
    });
    let locals: Vec<_> = locals.collect();
    let in_use = locals.iter().find(|(id, _)| *id == pair.local_candidate_id).unwrap().1.clone();
    (locals.into_iter().map(|(_, candidate)| candidate).collect(), in_use)
}

/// A call over such a URL, and what statistics say of it.
pub async fn check(url: &str, protocol: IceServerTransportProtocol) {
    check_between([0, 1].map(|_| relayed(&loopback(), vec![server(url)])), url, protocol).await;
}

/// The same between connections that know the server.
pub async fn check_between(sides: [(PeerConnection, Events); 2], url: &str, protocol: IceServerTransportProtocol) {
    let call = within(call_between(sides, DataChannelInit::default())).await;
    let Call { a, b, a_channel, b_channel, .. } = &call;
    tokio::join!(exchange(a_channel, b_channel, 100), exchange(b_channel, a_channel, 100));
    for connection in [a, b] {
        let sdp = connection.local_description().unwrap().sdp;
        let candidates: Vec<_> = sdp.lines().filter(|line| line.starts_with("a=candidate:")).collect();
        assert!(!candidates.is_empty());
        assert!(candidates.iter().all(|line| line.contains("typ relay raddr 0.0.0.0 rport 9")), "{candidates:?}");
        let (all, in_use) = local_candidates(connection);
        assert!(all.iter().all(|candidate| candidate.candidate_type == CandidateKind::Relayed));
        assert_eq!((in_use.url.as_deref(), in_use.relay_protocol), (Some(url), Some(protocol)));
    }
    // Both give back what was lent, and do not wait for anybody.
    within(async { tokio::join!(a.close(), b.close()) }).await;
}

/// What is told of a server that lends nothing, gathering being over.
pub async fn error((connection, mut events): (PeerConnection, Events)) -> Vec<(String, u16, String)> {
    connection.create_data_channel("chat", DataChannelInit::default()).unwrap();
    let description = within(describe(&connection)).await;
    assert!(!description.sdp.contains("a=candidate:"), "{}", description.sdp);
    let mut told = Vec::new();
    loop {
        match within(events.next()).await.unwrap() {
            Event::IceCandidateError(error) => {
                assert_eq!(error.local, None, "where no candidate shows it");
                told.push((error.url, error.error_code, error.error_text));
            }
            Event::IceCandidate(None) => return told,
            _ => {}
        }
    }
}
