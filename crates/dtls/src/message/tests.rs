use super::server_key_exchange::Params;
use super::*;
use crate::cipher_suite::CipherSuite;
use crate::extension::tests::extensions;
use crate::extension::{NamedGroup, SignatureAlgorithm, SignatureAlgorithms};
use proptest::collection::vec;
use proptest::prelude::*;
use std::fmt::Debug;

fn check<B: Body + Debug + PartialEq>(body: B) {
    let message = Message::new(3, &body);
    assert_eq!(message.kind, B::KIND);
    assert_eq!(B::decode(&message.body), Ok(body));
}

fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..max)
}

fn algorithms() -> impl Strategy<Value = SignatureAlgorithms> {
    vec(any::<u16>().prop_map(SignatureAlgorithm), 1..9).prop_map(SignatureAlgorithms)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn client_hello_survives_a_round_trip(
        version: u16,
        random: [u8; 32],
        session_id in bytes(33),
        cookie in bytes(256),
        suites in vec(any::<u16>(), 1..30),
        compression_methods in vec(any::<u8>(), 1..4),
        extensions in extensions(),
    ) {
        let cipher_suites = suites.into_iter().map(CipherSuite).collect();
        check(ClientHello { version, random, session_id, cookie, cipher_suites, compression_methods, extensions });
    }

    #[test]
    fn server_hello_survives_a_round_trip(
        version: u16,
        random: [u8; 32],
        session_id in bytes(33),
        suite: u16,
        compression_method: u8,
        extensions in extensions(),
    ) {
        let cipher_suite = CipherSuite(suite);
        check(ServerHello { version, random, session_id, cipher_suite, compression_method, extensions });
    }

    #[test]
    fn hello_verify_request_survives_a_round_trip(version: u16, cookie in bytes(256)) {
        check(HelloVerifyRequest { version, cookie });
    }

    #[test]
    fn certificate_survives_a_round_trip(chain in vec(vec(any::<u8>(), 1..50), 0..=10)) {
        check(CertificateChain(chain));
    }

    #[test]
    fn server_key_exchange_survives_a_round_trip(
        group: u16,
        public_key in bytes(256),
        algorithm: u16,
        signature in bytes(80),
    ) {
        let params = Params { group: NamedGroup(group), public_key };
        check(ServerKeyExchange { params, algorithm: SignatureAlgorithm(algorithm), signature });
    }

    #[test]
    fn certificate_request_survives_a_round_trip(
        certificate_types in vec(any::<u8>(), 1..5),
        algorithms in algorithms(),
        authorities in bytes(50),
    ) {
        check(CertificateRequest { certificate_types, algorithms, authorities });
    }

    #[test]
    fn client_key_exchange_survives_a_round_trip(public_key in bytes(256)) {
        check(ClientKeyExchange { public_key });
    }

    #[test]
    fn certificate_verify_survives_a_round_trip(algorithm: u16, signature in bytes(80)) {
        check(CertificateVerify { algorithm: SignatureAlgorithm(algorithm), signature });
    }

    #[test]
    fn new_session_ticket_survives_a_round_trip(lifetime: u32, ticket in bytes(80)) {
        check(NewSessionTicket { lifetime, ticket });
    }

    #[test]
    fn finished_survives_a_round_trip(verify_data: [u8; 12]) {
        check(Finished { verify_data });
    }

    #[test]
    fn a_fragment_survives_a_round_trip(kind: u8, sequence: u16, before in 0usize..99, body in vec(any::<u8>(), 1..99)) {
        let length = before + body.len() + 7;
        let fragment = Fragment { kind: HandshakeType(kind), length, sequence, offset: before, body: &body };
        let mut out = Vec::new();
        fragment.encode(&mut Writer::new(&mut out));
        prop_assert_eq!(Fragment::decode(&mut Reader::new(&out)), Ok(fragment));
    }
}

#[test]
fn server_hello_done_survives_a_round_trip() {
    check(ServerHelloDone);
    assert!(ServerHelloDone::decode(&[0]).is_err());
}

fn header(kind: HandshakeType, length: usize, offset: usize, body: usize) -> Vec<u8> {
    let mut out = Vec::new();
    Writer::new(&mut out).u8(kind.0).u24(length as u32).u16(0).u24(offset as u32).u24(body as u32);
    out.resize(out.len() + body, 0);
    out
}

/// The guard is the check against `HandshakeType::max_len` in `Fragment::decode`.
#[test]
fn dtls_4_a_declared_length_has_a_bound_of_its_kind() {
    for (kind, max) in [
        (HandshakeType::CERTIFICATE, 16 * 1024),
        (HandshakeType::CLIENT_HELLO, 8 * 1024),
        (HandshakeType::SERVER_HELLO, 4 * 1024),
        (HandshakeType::FINISHED, 4 * 1024),
        (HandshakeType(77), 4 * 1024),
    ] {
        assert!(Fragment::decode(&mut Reader::new(&header(kind, max, 0, 1))).is_ok());
        assert!(Fragment::decode(&mut Reader::new(&header(kind, max + 1, 0, 1))).is_err());
        assert!(Fragment::decode(&mut Reader::new(&header(kind, 0xff_ffff, 0, 1))).is_err());
    }
}

#[test]
fn a_fragment_lies_inside_its_message() {
    let decode = |length, offset, body| {
        Fragment::decode(&mut Reader::new(&header(HandshakeType::FINISHED, length, offset, body))).is_ok()
    };
    assert!(decode(10, 4, 6));
    assert!(!decode(10, 5, 6));
    assert!(!decode(10, 10, 0), "nothing of something");
    assert!(decode(0, 0, 0));
}

#[test]
fn more_than_ten_certificates_are_too_many() {
    let chain = CertificateChain(vec![vec![1]; 11]);
    assert!(CertificateChain::decode(&Message::new(0, &chain).body).is_err());
}
