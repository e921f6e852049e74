//! STUN over TCP and TLS, by coturn.
#![cfg(feature = "turn-tls")]
#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

#[path = "common/coturn.rs"]
mod coturn;

use coturn::Coturn;
use ortica::driver::{StreamMapping, StunStreamError, stun_over_tcp, stun_over_tls};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

fn at(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// The certificate that vouches for coturn's, which is the same.
fn root() -> Vec<u8> {
    CertificateDer::from_pem_file(coturn::CERTIFICATE).unwrap().to_vec()
}

/// On loopback there is no NAT.
fn assert_seen(mapping: &StreamMapping) {
    assert_eq!(mapping.local, mapping.mapped);
    assert!(mapping.local.ip().is_loopback());
}

#[tokio::test]
async fn a_server_says_over_a_stream_where_it_sees_this_host() {
    let Some(coturn) = Coturn::start() else { return };
    assert_seen(&stun_over_tcp(at(coturn.port)).await.unwrap());
    for host in ["localhost", "127.0.0.1"] {
        assert_seen(&stun_over_tls(at(coturn.tls_port), host, vec![root()]).await.unwrap());
    }
}

/// Guards the certificate: one for another name, and one that nobody vouches for.
#[tokio::test]
async fn a_server_that_is_not_who_it_is_to_be_is_not_asked() {
    let Some(coturn) = Coturn::start() else { return };
    for (host, roots) in [("example.org", vec![root()]), ("localhost", Vec::new())] {
        let refused = stun_over_tls(at(coturn.tls_port), host, roots).await;
        assert!(matches!(refused, Err(StunStreamError::Tls(_) | StunStreamError::Roots)), "{host}: {refused:?}");
    }
}

/// Where no TLS is spoken, nothing is asked.
#[tokio::test]
async fn a_server_without_tls_is_not_asked() {
    let listener = TcpListener::bind(at(0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"SSH-2.0-nothing_here\r\n").await.unwrap();
        stream
    };
    let (refused, _stream) = tokio::join!(stun_over_tls(address, "localhost", vec![root()]), serve);
    assert!(matches!(refused, Err(StunStreamError::Tls(_))), "{refused:?}");
}
