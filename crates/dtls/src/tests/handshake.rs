//! Handshakes as they should go.

use super::*;
use crate::cipher_suite::Suite;
use crate::extension::{Extension, ExtensionType, Extensions, RenegotiationInfo};
use crate::message::{Body, ClientHello, Message, NewSessionTicket, ServerHello};
use ortica_core::crypto::Group;

const SUITES: [CipherSuite; 3] = [
    CipherSuite::ECDHE_ECDSA_AES_128_GCM,
    CipherSuite::ECDHE_ECDSA_AES_256_GCM,
    CipherSuite::ECDHE_ECDSA_CHACHA20_POLY1305,
];

#[test]
fn connects_in_two_round_trips_and_carries_data() {
    let mut pair = Pair::new();
    assert!(pair.connect());
    assert_eq!(pair.elapsed(), RTT * 2);
    assert!(pair.talk());
    assert_eq!(pair.client.received, [b"hello"]);
    assert_eq!(pair.server.received, [b"hello"]);
    let (client, server) = (pair.client.connection.stats(), pair.server.connection.stats());
    assert_eq!((client.records_sent, client.bytes_sent), (1, 5));
    assert_eq!((server.records_received, server.bytes_received), (1, 5));
    assert_eq!((client.timeouts, server.timeouts), (0, 0));
    assert_eq!((client.refused, server.refused), (0, 0));
}

#[test]
fn every_suite_and_every_group_works_and_both_ends_agree() {
    for suite in SUITES {
        for group in [Group::X25519, Group::P256] {
            let choose = |config: Config| config.with_cipher_suites(&[suite]).with_groups(&[group]);
            let mut pair = Pair::with(choose(config(1)), choose(config(2)));
            assert!(pair.connect(), "{suite} {group:?}");
            let (a, b) = (pair.client.verified.take().unwrap(), pair.server.verified.take().unwrap());
            for verified in [&a, &b] {
                assert_eq!((verified.cipher_suite(), verified.group()), (suite, group));
                assert_eq!(verified.version(), Version::Dtls12);
            }
            let export = |v: &Verified| v.export("EXPORTER-test", Some(b"context"), 77).unwrap();
            assert_eq!(export(&a), export(&b));
            assert!(pair.talk());
            let overhead = if suite == SUITES[2] { 29 } else { 37 };
            assert_eq!(pair.client.connection.overhead(), overhead);
            assert_eq!(pair.client.send(b"12345").len(), 5 + overhead);
        }
    }
}

#[test]
fn each_end_sees_the_other_ones_certificate() {
    let pair = connected();
    assert_eq!(pair.client.verified.unwrap().peer_certificate(), certificate(2).der());
    assert_eq!(pair.server.verified.unwrap().peer_certificate(), certificate(1).der());
}

#[test]
fn the_server_decides_by_its_own_order() {
    let server = config(2).with_cipher_suites(&[SUITES[2], SUITES[0]]).with_groups(&[Group::P256, Group::X25519]);
    let mut pair = Pair::with(config(1), server);
    assert!(pair.connect());
    let verified = pair.client.verified.unwrap();
    assert_eq!((verified.cipher_suite(), verified.group()), (SUITES[2], Group::P256));
}

#[test]
fn a_fingerprint_by_a_stronger_hash_connects_as_well() {
    let of = |number| vec![certificate(number).fingerprint(HashAlgorithm::Sha512), fingerprint(number)];
    let mut pair = Pair::expecting(config(1), config(2), of(1), of(2));
    assert!(pair.connect());
}

/// The guard is the choice of one profile in `server::Choice::make`, by the server's order.
#[test]
fn dtls_12_the_server_picks_one_offered_profile() {
    let (gcm, cm) = (SrtpProfile::AEAD_AES_128_GCM, SrtpProfile::AES128_CM_SHA1_80);
    let cases: [(&[_], &[_], _); 6] = [
        (&[gcm, cm], &[cm, gcm], Some(cm)),
        (&[cm], &[gcm, cm], Some(cm)),
        (&[gcm], &[cm], None),
        (&[], &[cm], None),
        (&[cm], &[], None),
        (&[], &[], None),
    ];
    for (offered, accepted, agreed) in cases {
        let client = config(1).with_srtp_profiles(offered);
        let mut pair = Pair::with(client, config(2).with_srtp_profiles(accepted));
        assert!(pair.connect());
        let (a, b) = (pair.client.verified.take().unwrap(), pair.server.verified.take().unwrap());
        assert_eq!((a.srtp_profile(), b.srtp_profile()), (agreed, agreed));
        assert_eq!((a.srtp().is_some(), b.srtp().is_some()), (agreed.is_some(), agreed.is_some()));
    }
}

/// The guard is `Offer::srtp_profile`.
#[test]
fn dtls_12_a_client_refuses_profiles_it_did_not_offer_and_key_identifiers() {
    use crate::extension::UseSrtp;
    let (gcm, cm) = (SrtpProfile::AEAD_AES_128_GCM, SrtpProfile::AES128_CM_SHA1_80);
    for answer in [
        UseSrtp::of(&[SrtpProfile::AEAD_AES_256_GCM]),
        UseSrtp::of(&[gcm, cm]),
        UseSrtp { profiles: vec![gcm], mki: vec![1] },
    ] {
        let pair = with_changed_server_hello(move |hello| {
            hello.extensions.0.retain(|extension| !matches!(extension, Extension::UseSrtp(_)));
            hello.extensions.0.push(Extension::UseSrtp(answer.clone()));
        });
        assert_eq!(refused_by_client(pair), Some(Alert::ILLEGAL_PARAMETER));
    }
}

#[test]
fn dtls_13_srtp_keys_of_both_ends_fit_together() {
    let pair = connected();
    let (a, b) = (pair.client.verified.unwrap().srtp().unwrap(), pair.server.verified.unwrap().srtp().unwrap());
    assert_eq!(a.profile, SrtpProfile::AEAD_AES_128_GCM);
    assert_eq!((&a.local_key, &a.local_salt), (&b.remote_key, &b.remote_salt));
    assert_eq!((&a.remote_key, &a.remote_salt), (&b.local_key, &b.local_salt));
    assert_ne!(a.local_key, a.remote_key);
    assert_eq!((a.local_key.len(), a.local_salt.len()), (16, 12));
}

/// The guard is `Answer::send` and `CertificateRequest::ours`.
#[test]
fn dtls_6_a_server_always_asks_for_a_certificate() {
    let pair = connected();
    let asked = pair.sent.iter().flat_map(|(_, packet)| records(packet));
    assert!(asked.into_iter().any(|(label, _)| label == Label::Handshake(13, 3, 0)));
}

#[test]
fn a_client_obeys_a_hello_verify_request() {
    let mut pair = with_verify_request(Pair::new());
    assert!(pair.connect());
    assert_eq!(pair.elapsed(), RTT * 3);
    assert!(pair.talk());
    let flights: Vec<u8> = pair.sent.iter().map(|(from, packet)| flight(*from, packet)).collect();
    assert_eq!(flights[..3], [1, 2, 3]);
}

/// A stranger said hello before, so the server asks the client for a cookie: all six flights take place.
pub(super) fn with_verify_request(mut pair: Pair) -> Pair {
    let stranger = Connection::new(Arc::new(config(9)), Role::Client, vec![], Rng::from_number(99), pair.now);
    let hello = Peer::new(stranger).poll(pair.now).remove(0);
    let now = pair.now;
    pair.server.handle(now, &hello);
    assert!(!pair.server.poll(now).is_empty(), "the answer goes nowhere");
    pair
}

#[test]
fn a_client_gives_up_on_endless_cookies() {
    let mut pair = Pair::new();
    for count in 0..20u16 {
        let body = [0xfe, 0xff, 1, count as u8];
        let now = pair.now;
        pair.client.handle(now, &handshake_packet(HandshakeType::HELLO_VERIFY_REQUEST, count, &body));
    }
    let hellos = pair.client.poll(pair.now);
    assert_eq!(records(&hellos[0])[0].0, Label::Handshake(1, 4, 0));
}

#[test]
fn a_forged_ticket_changes_nothing() {
    let mut pair = Pair::new();
    assert!(pair.run(RTT * 2, |pair| pair.client.connection.cipher_suite().is_some()));
    let ticket = Message::new(5, &NewSessionTicket { lifetime: 7200, ticket: vec![1; 100] });
    let now = pair.now;
    pair.client.handle(now, &handshake_packet(ticket.kind, 5, &ticket.body));
    assert!(pair.connect());
}

#[test]
fn browsers_of_dtls_1_3_are_answered_with_1_2() {
    let mut pair = Pair::new();
    let packet = pair.client.poll(pair.now).remove(0);
    let (_, record) = records(&packet).remove(0);
    let mut hello = ClientHello::decode(&record[25..]).unwrap();
    let unknown = |kind, len| Extension::Unknown(ExtensionType(kind), vec![0xaa; len]);
    let versions = crate::extension::SupportedVersions(vec![0x8a8a, 0xfefc, 0xfefd]);
    hello.extensions.0.insert(0, unknown(0x1a1a, 0));
    hello.extensions.0.push(Extension::SupportedVersions(versions));
    // Key shares of X25519MLKEM768 and X25519 make it longer than a packet.
    hello.extensions.0.push(unknown(51, 2 + 4 + 1216 + 4 + 32));
    hello.extensions.0.push(unknown(0xfe0d, 150));
    hello.cipher_suites.insert(0, CipherSuite(0x1301));
    let message = Message::new(0, &hello);
    assert!(message.body.len() > 1400);

    let now = pair.now;
    let (first, second) = message.body.split_at(1300);
    for (offset, body) in [(1300, second), (0, first)] {
        let fragment = Fragment { offset, body, ..message.whole() };
        let mut bytes = Vec::new();
        fragment.encode(&mut ortica_core::Writer::new(&mut bytes));
        let mut packet = plain_record(ContentType::HANDSHAKE, 0, &bytes);
        packet[2] = 0xff; // The record says 1.0, as in browsers.
        pair.server.handle(now, &packet);
    }
    let answer = pair.server.poll(now).remove(0);
    let (label, record) = records(&answer).remove(0);
    assert_eq!(label, Label::Handshake(2, 0, 0));
    let answer = ServerHello::decode(&record[25..]).unwrap();
    assert_eq!(answer.version, 0xfefd);
    assert!(!answer.extensions.has(ExtensionType::SUPPORTED_VERSIONS));
    assert!(!answer.random.ends_with(b"DOWNGRD\x01"), "only servers of 1.3 set the sentinel");
}

/// What a server says to a changed hello: `None` if it answers with flight 4, else why it does not.
fn refused_by_server(change: impl FnOnce(&mut ClientHello)) -> Option<Alert> {
    let mut pair = Pair::new().filter(|from, _| from == Role::Server);
    let packet = pair.client.poll(pair.now).remove(0);
    let (_, record) = records(&packet).remove(0);
    let mut hello = ClientHello::decode(&record[25..]).unwrap();
    change(&mut hello);
    let message = Message::new(0, &hello);
    let now = pair.now;
    pair.server.handle(now, &handshake_packet(message.kind, 0, &message.body));
    if !pair.server.poll(now).is_empty() {
        return None;
    }
    assert_eq!(pair.server.connection.stats().refused, 1);
    // The reason is told when the time is up, to the owner and to the peer.
    assert!(pair.run(Duration::from_secs(31), |pair| pair.server.closed.is_some()));
    let Some(CloseReason::Timeout { refused, .. }) = pair.server.closed else { panic!("{:?}", pair.server.closed) };
    let alert = pair.sent.iter().rev().find(|(from, _)| *from == Role::Server).unwrap();
    assert_eq!(Some(alert.1[14]), refused.map(|alert| alert.0));
    refused
}

fn drop_extension(hello: &mut ClientHello, kind: ExtensionType) {
    let keep = |extension: &Extension| !Extensions(vec![extension.clone()]).has(kind);
    hello.extensions.0.retain(keep);
}

/// The guard is `server::Choice::make`.
#[test]
fn dtls_7_a_server_refuses_what_is_too_weak_or_too_old() {
    let failure = Some(Alert::HANDSHAKE_FAILURE);
    assert_eq!(refused_by_server(|_| {}), None);
    assert_eq!(refused_by_server(|h| drop_extension(h, ExtensionType::EXTENDED_MASTER_SECRET)), failure);
    assert_eq!(refused_by_server(|h| h.version = 0xfeff), Some(Alert::PROTOCOL_VERSION), "DTLS 1.0");
    assert_eq!(refused_by_server(|h| h.version = 0x0303), Some(Alert::PROTOCOL_VERSION), "TLS 1.2");
    assert_eq!(refused_by_server(|h| h.version = 0xfefc), None, "newer ones do");
    let only_1_3 = Extension::SupportedVersions(crate::extension::SupportedVersions(vec![0xfefc]));
    assert_eq!(refused_by_server(|h| h.extensions.0.push(only_1_3)), Some(Alert::PROTOCOL_VERSION));
    assert_eq!(refused_by_server(|h| h.compression_methods = vec![1]), Some(Alert::ILLEGAL_PARAMETER));
    assert_eq!(refused_by_server(|h| h.compression_methods = vec![1, 0]), None);
    assert_eq!(refused_by_server(|h| h.cipher_suites = vec![CipherSuite(0xc013)]), failure);
    assert_eq!(refused_by_server(|h| drop_extension(h, ExtensionType::SIGNATURE_ALGORITHMS)), failure);
    assert_eq!(refused_by_server(|h| drop_extension(h, ExtensionType::SUPPORTED_GROUPS)), None);
    assert_eq!(refused_by_server(|h| drop_extension(h, ExtensionType::RENEGOTIATION_INFO)), None);
}

/// The guard is the check for an empty `renegotiation_info` in `server::Choice::make`.
#[test]
fn dtls_7_a_server_refuses_the_hello_of_a_renegotiation() {
    let refused = refused_by_server(|hello| {
        drop_extension(hello, ExtensionType::RENEGOTIATION_INFO);
        hello.extensions.0.push(Extension::RenegotiationInfo(RenegotiationInfo(vec![7; 12])));
    });
    assert_eq!(refused, Some(Alert::HANDSHAKE_FAILURE));
}

/// A pair whose ServerHello is changed on its way.
fn with_changed_server_hello(change: impl FnMut(&mut ServerHello) + 'static) -> Pair {
    changing_server_hello(Pair::new(), change)
}

fn changing_server_hello(pair: Pair, mut change: impl FnMut(&mut ServerHello) + 'static) -> Pair {
    pair.filter(move |from, packet| {
        if flight(from, packet) == 4 {
            *packet = records(packet)
                .into_iter()
                .flat_map(|(label, record)| match label {
                    Label::Handshake(2, sequence, 0) => {
                        let mut hello = ServerHello::decode(&record[25..]).unwrap();
                        change(&mut hello);
                        handshake_packet(ServerHello::KIND, sequence, &Message::new(0, &hello).body)
                    }
                    _ => record,
                })
                .collect();
        }
        true
    })
}

/// Why the client does not go on with the server's flight.
fn refused_by_client(mut pair: Pair) -> Option<Alert> {
    assert!(!pair.connect());
    match pair.client.closed {
        Some(CloseReason::Timeout { refused, .. }) => refused,
        other => panic!("{other:?}"),
    }
}

/// The guard is `Offer::accept`.
#[test]
fn dtls_7_a_client_refuses_what_is_too_weak_or_was_not_offered() {
    let refused = |change: fn(&mut ServerHello)| refused_by_client(with_changed_server_hello(change));
    let without_ems = |hello: &mut ServerHello| {
        hello.extensions.0.retain(|extension| *extension != Extension::ExtendedMasterSecret);
    };
    assert_eq!(refused(without_ems), Some(Alert::HANDSHAKE_FAILURE));
    assert_eq!(refused(|h| h.version = 0xfeff), Some(Alert::PROTOCOL_VERSION));
    assert_eq!(refused(|h| h.version = 0xfefc), Some(Alert::PROTOCOL_VERSION));
    assert_eq!(refused(|h| h.compression_method = 1), Some(Alert::ILLEGAL_PARAMETER));
    assert_eq!(refused(|h| h.cipher_suite = CipherSuite(0xc013)), Some(Alert::ILLEGAL_PARAMETER));
    let ticket = |h: &mut ServerHello| h.extensions.0.push(Extension::Unknown(ExtensionType(35), vec![]));
    assert_eq!(refused(ticket), Some(Alert::UNSUPPORTED_EXTENSION));
    let renegotiation = |h: &mut ServerHello| {
        h.extensions.0.retain(|extension| !matches!(extension, Extension::RenegotiationInfo(_)));
        h.extensions.0.push(Extension::RenegotiationInfo(RenegotiationInfo(vec![7; 24])));
    };
    assert_eq!(refused(renegotiation), Some(Alert::HANDSHAKE_FAILURE));
    // One that is known, and that this client does not want.
    let aes_256 = Suite::Aes256Gcm.id();
    let one_suite = config(1).with_cipher_suites(&[Suite::Aes128Gcm.id()]);
    let pair = changing_server_hello(Pair::with(one_suite, config(2)), move |h| h.cipher_suite = aes_256);
    assert_eq!(refused_by_client(pair), Some(Alert::ILLEGAL_PARAMETER));
}

/// A changed ServerHello that is acceptable by itself is noticed: the transcripts differ, and the keys with them.
#[test]
fn a_transcript_changed_on_the_way_is_noticed() {
    let mut pair = with_changed_server_hello(|hello| {
        hello.extensions.0.retain(|extension| !matches!(extension, Extension::UseSrtp(_)));
    });
    assert!(!pair.connect());
    assert!(pair.server.verified.is_none() && pair.client.verified.is_none());
}

#[test]
fn dtls_7_nothing_is_renegotiated() {
    let mut pair = connected();
    // HelloRequest to the client, ClientHello to the server, under the keys of the connection.
    for (from, kind) in [(Role::Server, HandshakeType(0)), (Role::Client, HandshakeType::CLIENT_HELLO)] {
        let mut contents = Vec::new();
        let fragment = Fragment { kind, length: 0, sequence: 6, offset: 0, body: &[] };
        fragment.encode(&mut ortica_core::Writer::new(&mut contents));
        let packet = protected(pair.peer(from), ContentType::HANDSHAKE, &contents);
        let now = pair.now;
        pair.peer(from.peer()).handle(now, &packet);
        assert_eq!(pair.peer(from.peer()).connection.stats().unexpected, 1);
        assert!(pair.peer(from.peer()).poll(now).is_empty());
    }
    assert!(pair.talk());
}

/// A record of epoch 1 of any type.
pub(super) fn protected(peer: &mut Peer, content_type: ContentType, contents: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    peer.connection.seal_as(content_type, contents, &mut out);
    out
}

/// The guard is `Connection::handle_alert`.
#[test]
fn dtls_14_a_goodbye_closes_both_directions() {
    for closer in [Role::Client, Role::Server] {
        let mut pair = connected();
        let now = pair.now;
        pair.peer(closer).connection.close(now);
        assert!(pair.run(RTT, |pair| pair.client.closed.is_some() && pair.server.closed.is_some()));
        assert_eq!(pair.peer(closer).closed, Some(CloseReason::Local));
        assert_eq!(pair.peer(closer.peer()).closed, Some(CloseReason::Remote));
        let mut out = vec![1, 2, 3];
        for role in [Role::Client, Role::Server] {
            let connection = &mut pair.peer(role).connection;
            let start = connection.begin(&mut out);
            out.extend_from_slice(b"too late");
            assert_eq!(connection.seal(&mut out, start), Err(SealError::NotConnected));
            assert_eq!(out, [1, 2, 3]);
            assert_eq!(connection.poll_timeout(), None);
        }
        let goodbyes = pair.sent.iter().filter(|(_, packet)| records(packet)[0].0 == Label::Protected(21)).count();
        assert_eq!(goodbyes, 2, "both say it");
    }
}

#[test]
fn the_end_is_told_after_the_goodbye_was_sent() {
    let mut pair = connected();
    let now = pair.now;
    pair.client.connection.close(now);
    pair.client.connection.close(now);
    assert!(pair.client.connection.poll_event().is_none());
    assert_eq!(pair.client.poll(now).len(), 1);
    assert!(matches!(pair.client.connection.poll_event(), Some(Event::Closed(CloseReason::Local))));
    assert!(pair.client.connection.poll_event().is_none());
}

#[test]
fn a_server_nobody_spoke_to_leaves_without_a_word() {
    let mut pair = Pair::new();
    let now = pair.now;
    pair.server.connection.close(now);
    assert!(pair.server.poll(now).is_empty());
    pair.server.handle(now, &[]);
    assert_eq!(pair.server.closed, Some(CloseReason::Local));
}

#[test]
fn a_handshake_that_takes_too_long_ends() {
    let mut pair = Pair::new().filter(|_, _| false);
    assert!(pair.run(Duration::from_secs(100), |pair| pair.client.closed.is_some()));
    assert_eq!(pair.elapsed(), Duration::from_secs(30));
    assert_eq!(pair.client.closed, Some(CloseReason::Timeout { refused: None, alert: None }));
    assert_eq!(pair.server.connection.poll_timeout(), None, "a server waits for its peer as long as it is left to");
}

#[test]
fn a_fatal_alert_of_the_peer_ends_the_connection_and_a_warning_does_not() {
    let mut pair = connected();
    let now = pair.now;
    let warning = protected(&mut pair.server, ContentType::ALERT, &[1, 90]);
    pair.client.handle(now, &warning);
    assert!(pair.talk());
    let fatal = protected(&mut pair.server, ContentType::ALERT, &[2, 80]);
    pair.client.handle(now, &fatal);
    assert_eq!(pair.client.closed, Some(CloseReason::Alert(Alert::INTERNAL_ERROR)));
}

#[test]
fn the_first_timeout_can_follow_the_measured_path() {
    let mut pair = Pair::new();
    pair.server.connection.set_initial_timeout(Duration::from_millis(50));
    let hello = pair.client.poll(pair.now).remove(0);
    let now = pair.now;
    pair.server.handle(now, &hello);
    pair.server.poll(now);
    assert_eq!(pair.server.connection.poll_timeout(), Some(now + Duration::from_millis(50)));
}

#[test]
fn one_seed_gives_one_conversation() {
    let (a, b) = (connected().sent, connected().sent);
    assert_eq!(a, b);
}

#[test]
fn unknown_suites_are_left_out_of_a_configuration() {
    let config = config(1).with_cipher_suites(&[CipherSuite(0x1301), SUITES[1]]);
    assert_eq!(config.suites, [Suite::Aes256Gcm]);
}

/// Guards what a key log holds: the same at both ends, in the form that others read, and nothing where none is wanted.
#[test]
fn a_key_log_holds_what_others_decrypt_with() {
    let mut pair = Pair::with(config(1).with_key_log(true), config(2).with_key_log(true));
    assert!(pair.run(10 * RTT, |pair| pair.client.verified.is_some() && pair.server.verified.is_some()));
    let [client, server] =
        [&mut pair.client, &mut pair.server].map(|peer| peer.connection.take_key_log().expect("it is wanted"));
    let line = client.to_string();
    assert_eq!(line, server.to_string());
    let words: Vec<&str> = line.split(' ').collect();
    let hello = pair.sent.iter().find(|(role, _)| *role == Role::Client).map(|(_, packet)| packet.clone()).unwrap();
    // Behind the headers of record and handshake and the version.
    assert_eq!(hello[13 + 12 + 2..][..32], *client.client_random());
    assert_eq!((words[0], words[1].len(), words[2].len()), ("CLIENT_RANDOM", 64, 96));
    assert!(!format!("{client:?}").contains(words[2]) && format!("{client:?}").len() < 60);
    assert!(pair.client.connection.take_key_log().is_none(), "it is given out once");

    let mut pair = Pair::new();
    assert!(pair.run(10 * RTT, |pair| pair.client.verified.is_some() && pair.server.verified.is_some()));
    assert!(pair.client.connection.take_key_log().is_none() && pair.server.connection.take_key_log().is_none());
}
