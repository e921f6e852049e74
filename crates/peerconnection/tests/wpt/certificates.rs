//! `RTCPeerConnection-generateCertificate`, `RTCCertificate`, `RTCConfiguration-certificates`,
//! `RTCPeerConnection-constructor` and `protocol/dtls-certificates`, with sockets.

use super::sockets::negotiate;
use ortica::core::Rng;
use ortica::core::crypto::{SignatureScheme, providers};
use ortica::{Certificate, CertificateOptions, Configuration, ConfigurationError, NewError, PeerConnection};
use std::time::{Duration, SystemTime};

fn wall() -> Duration {
    SystemTime::UNIX_EPOCH.elapsed().unwrap()
}

fn made(scheme: SignatureScheme, lifetime: Duration) -> Certificate {
    let options = CertificateOptions { scheme, lifetime };
    Certificate::generate_with(&providers()[0], &mut Rng::from_number(1), wall(), options).unwrap()
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const ECDSA: SignatureScheme = SignatureScheme::EcdsaP256Sha256;
const RSA: SignatureScheme = SignatureScheme::RsaPkcs1Sha256;

fn local() -> Configuration {
    Configuration::default().with_endpoint(super::sockets::loopback())
}

fn with(certificates: &[Certificate]) -> Configuration {
    local().with_certificates(certificates.to_vec())
}

#[test]
fn wpt_rtc_peer_connection_generate_certificate_rsa_2048() {
    let certificate = made(RSA, 30 * DAY);
    assert_eq!(certificate.scheme(), RSA);
    assert!(certificate.expires() > wall());
}

#[test]
fn wpt_rtc_peer_connection_generate_certificate_ecdsa_p256() {
    let certificate = made(ECDSA, 30 * DAY);
    assert_eq!(certificate.scheme(), ECDSA);
    assert!(certificate.expires() > wall());
}

#[test]
fn wpt_rtc_peer_connection_generate_certificate_expires_kept() {
    let before = wall();
    let expires = made(ECDSA, Duration::from_secs(2)).expires();
    assert!(expires.abs_diff(before + Duration::from_secs(2)) <= Duration::from_secs(1), "{expires:?}");
    // A year at most.
    assert!(made(ECDSA, 5000 * DAY).expires() <= wall() + 365 * DAY);
}

#[tokio::test]
async fn wpt_rtc_peer_connection_generate_certificate_expires_zero() {
    let certificate = made(ECDSA, Duration::ZERO);
    assert!(certificate.expires() <= wall());
}

#[tokio::test]
async fn wpt_rtc_certificate_expired_rejected() {
    let outcome = PeerConnection::new(with(&[made(ECDSA, 30 * DAY), made(ECDSA, Duration::ZERO)]));
    assert!(matches!(outcome, Err(NewError::CertificateExpired)));
}

#[tokio::test]
async fn wpt_rtc_certificate_set_configuration_other_certificates() {
    let (one, other) = (made(ECDSA, 30 * DAY), made(RSA, 30 * DAY));
    let (pc, _events) = PeerConnection::new(with(std::slice::from_ref(&one))).unwrap();
    pc.set_configuration(pc.configuration()).unwrap();
    let given = |certificates: &[Certificate]| pc.configuration().with_certificates(certificates.to_vec());
    pc.set_configuration(given(std::slice::from_ref(&one))).unwrap();
    pc.set_configuration(given(&[])).unwrap();
    for refused in [given(std::slice::from_ref(&other)), given(&[one, other])] {
        assert!(matches!(pc.set_configuration(refused), Err(ConfigurationError::InvalidModification(_))));
    }
    assert_eq!(pc.configuration().certificates().len(), 1);
    pc.close().await;
}

#[test]
fn wpt_rtc_certificate_fingerprints() {
    let told = made(ECDSA, 30 * DAY).fingerprints();
    assert_eq!(told.len(), 1);
    let text = told[0].to_string();
    let (hash, value) = text.split_once(' ').unwrap();
    assert_eq!(hash, "sha-256");
    assert_eq!(value.split(':').count(), 32);
    assert!(value.split(':').all(|pair| pair.len() == 2 && u8::from_str_radix(pair, 16).is_ok()));
}

fn offer_of(certificates: &[Certificate]) -> String {
    let (pc, _events) = PeerConnection::new(with(certificates)).unwrap();
    pc.create_data_channel("", Default::default()).unwrap();
    pc.create_offer().unwrap().sdp
}

#[tokio::test]
async fn wpt_rtc_certificate_fingerprint_in_offer() {
    let certificate = made(ECDSA, 30 * DAY);
    let offer = offer_of(std::slice::from_ref(&certificate));
    assert!(offer.to_lowercase().contains(&certificate.fingerprint().to_string().to_lowercase()), "{offer}");
}

#[tokio::test]
async fn wpt_rtc_certificate_all_fingerprints_in_offer() {
    let certificates = [made(ECDSA, 30 * DAY), made(RSA, 30 * DAY)];
    let offer = offer_of(&certificates).to_lowercase();
    for certificate in certificates {
        assert!(offer.contains(&certificate.fingerprint().to_string().to_lowercase()), "{offer}");
    }
}

#[tokio::test]
async fn wpt_rtc_configuration_certificates_default_empty() {
    let (pc, _events) = PeerConnection::new(local()).unwrap();
    assert!(pc.configuration().certificates().is_empty());
    pc.close().await;
}

#[tokio::test]
async fn wpt_rtc_peer_connection_constructor_accepts_no_config() {
    let (pc, _events) = PeerConnection::new(Configuration::default()).unwrap();
    pc.close().await;
}

#[tokio::test]
async fn wpt_protocol_dtls_certificates_ecdsa_rsa_mix() {
    let kinds = [made(ECDSA, 30 * DAY), made(RSA, 30 * DAY)];
    for (one, other) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let end = |at: usize| PeerConnection::new(with(std::slice::from_ref(&kinds[at]))).unwrap();
        let ((a, _a_events), (b, _b_events)) = (end(one), end(other));
        a.create_data_channel("chat", Default::default()).unwrap();
        negotiate(&a, &b).await;
        for pc in [&a, &b] {
            let connected = tokio::time::timeout(Duration::from_secs(60), pc.connected());
            connected.await.expect("in time").unwrap_or_else(|state| panic!("{one} {other}: {state:?}"));
        }
    }
}
