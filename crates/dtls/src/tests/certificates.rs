//! Certificates with keys of every kind, in every provider.

use super::*;
use crate::extension::{Extension, SignatureAlgorithm, SignatureAlgorithms};
use crate::message::{Body, CertificateRequest, ClientHello, Message};
use ortica_core::crypto::{CryptoProvider, SignatureScheme, providers};

const SCHEMES: [SignatureScheme; 3] =
    [SignatureScheme::EcdsaP256Sha256, SignatureScheme::RsaPkcs1Sha256, SignatureScheme::Ed25519];

fn made(provider: &CryptoProvider, scheme: SignatureScheme, seed: u64) -> Arc<Certificate> {
    let options = CertificateOptions { scheme, ..CertificateOptions::default() };
    let now = Duration::from_secs(1_700_000_000);
    Arc::new(Certificate::generate_with(provider, &mut Rng::from_number(seed), now, options).unwrap())
}

/// An end, and the fingerprints of all that it may show.
fn end(provider: CryptoProvider, certificates: &[Arc<Certificate>]) -> (Config, Vec<Fingerprint>) {
    let fingerprints = certificates.iter().map(|it| it.fingerprint(HashAlgorithm::Sha256)).collect();
    (Config::with_certificates(provider, certificates.to_vec()), fingerprints)
}

fn pair(client: (Config, Vec<Fingerprint>), server: (Config, Vec<Fingerprint>)) -> Pair {
    Pair::expecting(client.0, server.0, client.1, server.1)
}

#[test]
fn keys_of_every_kind_work_on_both_sides_in_every_provider() {
    let providers = providers();
    assert_eq!(providers.len(), 2);
    for (mine, theirs) in providers.iter().flat_map(|mine| providers.iter().map(move |theirs| (mine, theirs))) {
        for scheme in SCHEMES {
            // The other side's is of the next kind, so that every mixture of two neighbours is met.
            let other = SCHEMES[(SCHEMES.iter().position(|it| *it == scheme).unwrap() + 1) % 3];
            let (client, server) = (made(mine, scheme, 1), made(theirs, other, 2));
            let mut pair = pair(end(*mine, std::slice::from_ref(&client)), end(*theirs, std::slice::from_ref(&server)));
            assert!(pair.connect(), "{scheme:?} {other:?}, {} {}", mine.name, theirs.name);
            assert_eq!(pair.client.verified.as_ref().unwrap().peer_certificate(), server.der());
            assert_eq!(pair.server.verified.as_ref().unwrap().peer_certificate(), client.der());
            let is_rsa = pair.client.verified.as_ref().unwrap().cipher_suite() == CipherSuite::ECDHE_RSA_AES_128_GCM;
            assert_eq!(is_rsa, other == SignatureScheme::RsaPkcs1Sha256);
            assert!(pair.talk());
        }
    }
}

/// A client that can only verify RSA, and one that only speaks its suites, get the second certificate.
#[test]
fn a_server_shows_the_first_certificate_that_the_client_takes() {
    let (ecdsa, rsa) = (certificate(2), made(&provider(), SignatureScheme::RsaPkcs1Sha256, 3));
    let both = || end(provider(), &[ecdsa.clone(), rsa.clone()]);
    let mut plain = pair(end(provider(), &[certificate(1)]), both());
    assert!(plain.connect());
    assert_eq!(plain.client.verified.unwrap().peer_certificate(), ecdsa.der());

    let (client, of_client) = end(provider(), &[certificate(1)]);
    let client = client.with_cipher_suites(&[CipherSuite::ECDHE_RSA_AES_256_GCM]);
    let mut limited = pair((client, of_client), both());
    assert!(limited.connect());
    let verified = limited.client.verified.unwrap();
    assert_eq!((verified.peer_certificate(), verified.cipher_suite()), (rsa.der(), CipherSuite::ECDHE_RSA_AES_256_GCM));
}

/// What the client says it can verify decides, and not its suites alone.
#[test]
fn a_server_without_a_key_that_the_client_can_verify_refuses() {
    let rsa_alone = |_: Role, packet: &mut Vec<u8>| {
        change_hello(packet, |hello| {
            for extension in &mut hello.extensions.0 {
                if let Extension::SignatureAlgorithms(algorithms) = extension {
                    *algorithms = SignatureAlgorithms(vec![SignatureAlgorithm::RSA_PKCS1_SHA256]);
                }
            }
        });
        true
    };
    let mut refused = Pair::new().filter(rsa_alone);
    assert!(!refused.run(Duration::from_secs(1), Pair::is_connected));
    assert!(refused.server.connection.stats().refused > 0);
}

/// Replaces the first handshake message of a packet that is a whole ClientHello.
fn change_hello(packet: &mut Vec<u8>, change: impl FnOnce(&mut ClientHello)) {
    let mut rest = packet.clone();
    let mut rest = rest.as_mut_slice();
    let Some(Ok((header, fragment))) = next_record(&mut rest) else { return };
    if header.content_type != ContentType::HANDSHAKE || fragment.first() != Some(&HandshakeType::CLIENT_HELLO.0) {
        return;
    }
    let mut r = Reader::new(fragment);
    let Ok(whole) = Fragment::decode(&mut r) else { return };
    let Ok(mut hello) = ClientHello::decode(whole.body) else { return };
    change(&mut hello);
    let message = Message::new(whole.sequence, &hello);
    *packet = handshake_packet(message.kind, message.sequence, &message.body);
}

#[test]
fn a_client_answers_with_a_key_of_the_kind_that_is_asked_for() {
    let request = |types: &[u8], algorithms: &[SignatureAlgorithm]| CertificateRequest {
        certificate_types: types.to_vec(),
        algorithms: SignatureAlgorithms(algorithms.to_vec()),
        authorities: Vec::new(),
    };
    let (ecdsa, rsa) = (SignatureAlgorithm::ECDSA_SHA256, SignatureAlgorithm::RSA_PKCS1_SHA256);
    let all = request(&[64, 1], &[ecdsa, rsa, SignatureAlgorithm::ED25519]);
    assert!(SCHEMES.into_iter().all(|scheme| all.accepts(scheme)));
    let of_rsa = request(&[1], &[ecdsa, rsa]);
    assert_eq!(SCHEMES.map(|scheme| of_rsa.accepts(scheme)), [false, true, false]);
    let of_ecdsa = request(&[64, 1], &[ecdsa]);
    assert_eq!(SCHEMES.map(|scheme| of_ecdsa.accepts(scheme)), [true, false, false]);
}

/// Guards the comparison of the signature's kind with the key's: one that is verified as another kind proves nothing.
#[test]
fn a_signature_of_another_kind_than_the_key_is_refused() {
    let server = made(&provider(), SignatureScheme::RsaPkcs1Sha256, 2);
    let (config, of_server) = end(provider(), &[server]);
    let (client, of_client) = end(provider(), &[certificate(1)]);
    // A client that offers no suite of RSA gets none, whatever it can verify.
    let client = client.with_cipher_suites(&[CipherSuite::ECDHE_ECDSA_AES_128_GCM]);
    let mut refused = pair((client, of_client), (config, of_server));
    assert!(!refused.run(Duration::from_secs(1), Pair::is_connected));
}

#[test]
fn certificates_come_back_from_pem_with_their_keys() {
    for provider in providers() {
        for scheme in SCHEMES {
            let certificate = made(&provider, scheme, 5);
            let pem = certificate.to_pem();
            for reader in providers() {
                let again = Certificate::from_pem(&reader, &pem).unwrap();
                assert_eq!((again.der(), again.scheme()), (certificate.der(), scheme));
            }
        }
    }
}

#[test]
fn certificates_made_by_openssl_are_taken_up_and_work() {
    for (pem, scheme) in [
        (include_str!("../../testdata/openssl-ec.pem"), SignatureScheme::EcdsaP256Sha256),
        (include_str!("../../testdata/openssl-rsa.pem"), SignatureScheme::RsaPkcs1Sha256),
        (include_str!("../../testdata/openssl-ed25519.pem"), SignatureScheme::Ed25519),
    ] {
        for provider in providers() {
            let certificate = Arc::new(Certificate::from_pem(&provider, pem).unwrap());
            assert_eq!(certificate.scheme(), scheme);
            let mut pair = pair(end(provider, std::slice::from_ref(&certificate)), end(provider, &[certificate]));
            assert!(pair.connect(), "{scheme:?} in {}", provider.name);
        }
    }
}

#[test]
fn pem_without_a_key_or_with_a_foreign_one_is_refused() {
    let [one, other] = [1, 2].map(|number| certificate(number).to_pem());
    let halves = |pem: &str| {
        let (certificate, key) = pem.split_at(pem.find("-----BEGIN PRIVATE").unwrap());
        (certificate.to_owned(), key.to_owned())
    };
    let ((certificate, _), (_, key)) = (halves(&one), halves(&other));
    let read = |pem: &str| Certificate::from_pem(&provider(), pem).err();
    assert_eq!(read(&certificate), Some(CertificateError::Pem));
    assert_eq!(read(&key), Some(CertificateError::Pem));
    assert_eq!(read(&format!("{key}{certificate}")), Some(CertificateError::Mismatch));
    assert_eq!(read(&one.replace("PRIVATE KEY", "EC PRIVATE KEY")), Some(CertificateError::Pem));
}
