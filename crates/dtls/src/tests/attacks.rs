//! What strangers and false peers try.

use super::handshake::protected;
use super::*;
use crate::extension::SignatureAlgorithm;
use crate::message::{Body, CertificateChain, CertificateVerify, ClientHello, Message};

/// The guard is `Connection::handle_plain`: application data of epoch 0 is never delivered.
#[test]
fn cve_01_plain_data_is_never_delivered() {
    let mut pair = Pair::new();
    let inject = |pair: &mut Pair| {
        for count in 0..1000 {
            let packet = plain_record(ContentType::APPLICATION_DATA, count, b"plain");
            let now = pair.now;
            pair.client.handle(now, &packet);
            pair.server.handle(now, &packet);
        }
    };
    inject(&mut pair);
    assert!(pair.connect());
    assert!(pair.client.received.is_empty() && pair.server.received.is_empty());
    inject(&mut pair);
    assert!(pair.client.received.is_empty() && pair.server.received.is_empty());
    assert!(pair.talk());
    assert_eq!(pair.client.connection.stats().unexpected, 2000);
}

#[test]
fn dtls_2_no_plain_record_is_listened_to_after_the_handshake() {
    let mut pair = connected();
    let now = pair.now;
    for (kind, body) in [(20, &[1][..]), (21, &[2, 40]), (21, &[1, 0]), (22, &[0; 12]), (23, b"data")] {
        pair.client.handle(now, &plain_record(ContentType(kind), 1 << 40, body));
        pair.server.handle(now, &plain_record(ContentType(kind), 1 << 40, body));
    }
    assert!(pair.client.poll(now).is_empty() && pair.server.poll(now).is_empty());
    assert!(pair.talk());
}

/// The guard is `Matched::check`, the only way to a `Verified`.
#[test]
fn cve_02_any_flipped_byte_of_a_fingerprint_ends_the_handshake() {
    for byte in 0..32 {
        for verifier in [Role::Client, Role::Server] {
            let flipped = |number, is_flipped| {
                let mut value = fingerprint(number).value().to_vec();
                value[byte] ^= u8::from(is_flipped);
                vec![Fingerprint::new("sha-256", value).unwrap()]
            };
            let of_client = flipped(1, verifier == Role::Server);
            let of_server = flipped(2, verifier == Role::Client);
            let mut pair = Pair::expecting(config(1), config(2), of_client, of_server);
            assert!(pair.run(Duration::from_secs(10), |pair| match verifier {
                Role::Client => pair.client.closed.is_some(),
                Role::Server => pair.server.closed.is_some(),
            }));
            assert_eq!(pair.peer(verifier).closed, Some(CloseReason::FingerprintMismatch));
            assert!(pair.peer(verifier).verified.is_none());
            // The client knows after one round trip; the server once it has heard the client's certificate.
            assert!(pair.elapsed() <= RTT * 3 / 2, "{:?}", pair.elapsed());
            assert!(!pair.connect(), "and the other end gets no further, either");
            assert!(pair.client.verified.is_none() && pair.server.verified.is_none());
            let mut out = Vec::new();
            let start = pair.peer(verifier).connection.begin(&mut out);
            out.extend_from_slice(b"media");
            assert_eq!(pair.peer(verifier).connection.seal(&mut out, start), Err(SealError::NotConnected));
            assert!(out.is_empty(), "nothing can be sent");
        }
    }
}

#[test]
fn cve_02_without_a_fingerprint_nobody_is_verified() {
    let weak = Fingerprint::new("sha-1", vec![1; 20]).unwrap();
    for fingerprints in [vec![], vec![weak]] {
        let mut pair = Pair::expecting(config(1), config(2), vec![fingerprint(1)], fingerprints);
        assert!(pair.run(RTT * 2, |pair| pair.client.closed.is_some()));
        assert_eq!(pair.client.closed, Some(CloseReason::FingerprintMismatch));
    }
}

#[test]
fn dtls_6_a_mismatch_is_told_to_the_peer() {
    let mut pair = Pair::expecting(config(1), config(2), vec![fingerprint(1)], vec![fingerprint(3)]);
    assert!(pair.run(RTT * 2, |pair| pair.client.closed.is_some()));
    let (from, packet) = pair.sent.last().unwrap();
    assert_eq!((*from, &packet[13..]), (Role::Client, &[2, 42][..]));
}

/// Changes the messages of the client's flight on their way; everything else is as it should be.
fn with_changed_flight_5(mut change: impl FnMut(Message) -> Option<Message> + 'static) -> Pair {
    Pair::new().filter(move |from, packet| {
        if flight(from, packet) == 5 {
            let mut changed = Vec::new();
            for (label, record) in records(packet) {
                match label {
                    Label::Handshake(kind, sequence, _) => {
                        let message = Message { kind: HandshakeType(kind), sequence, body: record[25..].to_vec() };
                        if let Some(message) = change(message) {
                            changed.extend(handshake_packet(message.kind, message.sequence, &message.body));
                        }
                    }
                    _ => changed.extend(record),
                }
            }
            *packet = changed;
        }
        true
    })
}

/// The server goes no further, and says why when the time is up.
fn server_refuses(mut pair: Pair) -> Option<Alert> {
    assert!(!pair.connect());
    assert!(pair.server.verified.is_none() && pair.client.verified.is_none());
    match pair.server.closed {
        Some(CloseReason::Timeout { refused, .. }) => refused,
        other => panic!("{other:?}"),
    }
}

/// The guard is `server::Step`: keys are taken into use by `WaitVerify::on_verify` and by nothing else.
#[test]
fn cve_05_a_certificate_without_proof_is_not_accepted() {
    let verify = |change: fn(CertificateVerify) -> Option<CertificateVerify>| {
        server_refuses(with_changed_flight_5(move |message| {
            if message.kind != HandshakeType::CERTIFICATE_VERIFY {
                return Some(message);
            }
            let verify = CertificateVerify::decode(&message.body).unwrap();
            change(verify).map(|verify| Message::new(message.sequence, &verify))
        }))
    };
    assert_eq!(verify(|_| None), None, "missing: the server waits for it");
    let wrong_scheme = verify(|verify| Some(CertificateVerify { algorithm: SignatureAlgorithm(0x0603), ..verify }));
    assert_eq!(wrong_scheme, Some(Alert::ILLEGAL_PARAMETER));
    let wrong_key = verify(|verify| {
        let signature = certificate(3).sign(&mut Rng::from_number(1), &[b"any"]).unwrap();
        Some(CertificateVerify { signature, ..verify })
    });
    assert_eq!(wrong_key, Some(Alert::DECRYPT_ERROR));
    let wrong_transcript = verify(|verify| {
        let signature = certificate(1).sign(&mut Rng::from_number(1), &[b"another handshake"]).unwrap();
        Some(CertificateVerify { signature, ..verify })
    });
    assert_eq!(wrong_transcript, Some(Alert::DECRYPT_ERROR));
    let empty = verify(|verify| Some(CertificateVerify { signature: Vec::new(), ..verify }));
    assert_eq!(empty, Some(Alert::DECRYPT_ERROR));
}

/// The guard is the empty chain's refusal in `server::WaitKeyExchange::on_certificate`.
#[test]
fn dtls_6_a_client_without_a_certificate_is_not_accepted() {
    let pair = with_changed_flight_5(|message| match message.kind {
        HandshakeType::CERTIFICATE => Some(Message::new(message.sequence, &CertificateChain(vec![]))),
        _ => Some(message),
    });
    assert_eq!(server_refuses(pair), Some(Alert::HANDSHAKE_FAILURE));
    let pair =
        with_changed_flight_5(|message| Some(message).filter(|message| message.kind != HandshakeType::CERTIFICATE));
    assert_eq!(server_refuses(pair), None);
}

#[test]
fn somebody_elses_certificate_does_not_get_in() {
    // The certificate that is expected, without its key.
    let pair = with_changed_flight_5(|message| match message.kind {
        HandshakeType::CERTIFICATE => {
            Some(Message::new(message.sequence, &CertificateChain(vec![certificate(1).der().to_vec()])))
        }
        _ => Some(message),
    });
    let impostor =
        Connection::new(Arc::new(config(3)), Role::Client, vec![fingerprint(2)], Rng::from_number(3), pair.start);
    let pair = Pair { client: Peer::new(impostor), ..pair };
    assert_eq!(server_refuses(pair), Some(Alert::DECRYPT_ERROR));
}

/// Hellos that are malformed, unacceptable, or fine but a stranger's.
fn bad_hellos(seed: u64, count: usize) -> Vec<Vec<u8>> {
    let mut rng = Rng::from_number(seed).fork("bad hellos");
    let good = |rng: &mut Rng| {
        let number = rng.u64();
        let stranger =
            Connection::new(Arc::new(config(9)), Role::Client, vec![], Rng::from_number(number), netsim::epoch());
        let packet = Peer::new(stranger).poll(netsim::epoch()).remove(0);
        ClientHello::decode(&packet[25..]).unwrap()
    };
    (0..count)
        .map(|index| {
            let mut hello = good(&mut rng);
            match index % 6 {
                0 => hello.version = 0xfeff,
                1 => hello.cipher_suites.truncate(0),
                2 => hello.extensions.0.truncate(0),
                3 => hello.cookie = rng.bytes::<32>().to_vec(),
                _ => {}
            }
            let mut body = Message::new(0, &hello).body;
            if index % 6 == 4 {
                body.truncate(rng.below(body.len() as u64) as usize);
            }
            let sequence = (index / 6 % 3) as u16;
            handshake_packet(HandshakeType::CLIENT_HELLO, sequence, &body)
        })
        .collect()
}

/// The guard is that nothing unauthenticated is fatal, and that of two hellos the one with the cookie wins
/// (`Server::on_client_hello`).
#[test]
fn cve_10_hostile_hellos_do_not_end_the_call() {
    let total: usize = 2_000;
    for seed in 0..4 {
        let mut pair = Pair::new();
        let hellos = bad_hellos(seed, total);
        let (before, during) = hellos.split_at(total / 2);
        for hello in before {
            let now = pair.now;
            pair.server.handle(now, hello);
        }
        // What the server says to them reaches the client, whose address they came from.
        pair.flush();
        let mut during = during.chunks(total / 2 / 200);
        let connected = (0..200).any(|_| {
            for hello in during.next().unwrap_or_default() {
                let now = pair.now;
                pair.server.handle(now, hello);
            }
            pair.run(RTT / 8, Pair::is_connected)
        });
        assert!(connected, "seed {seed}");
        assert!(pair.elapsed() <= Duration::from_secs(1), "seed {seed}: {:?}", pair.elapsed());
        assert!(pair.talk());
    }
}

/// As above, for other messages: each is the stranger's, and comes before the true one.
#[test]
fn cve_10_forged_messages_and_alerts_do_not_end_the_call() {
    let forged: Vec<Vec<u8>> = (0..8u16)
        .flat_map(|sequence| {
            [2u8, 3, 4, 11, 12, 13, 14, 15, 16, 20].map(move |kind| {
                let body: &[u8] = if kind == 14 { &[] } else { &[0, 0, 1, 7] };
                handshake_packet(HandshakeType(kind), sequence, body)
            })
        })
        .chain([plain_record(ContentType::ALERT, 0, &[2, 40]), plain_record(ContentType::ALERT, 0, &[1, 0])])
        .chain([plain_record(ContentType::CHANGE_CIPHER_SPEC, 0, &[1])])
        .collect();
    for every in 1..12 {
        let mut pair = Pair::new();
        let connected = (0..400).any(|step| {
            if step % every == 0 && step < 100 {
                for packet in &forged {
                    let now = pair.now;
                    pair.client.handle(now, packet);
                    pair.server.handle(now, packet);
                }
            }
            pair.run(RTT / 4, Pair::is_connected)
        });
        assert!(connected, "every {every}");
        assert!(pair.talk());
    }
}

/// The guard is the epoch in `Handshake::add`: a Finished under no keys proves nothing, and is no reason to end the call either.
#[test]
fn cve_10_a_finished_under_no_keys_is_passed_over() {
    let mut pair = Pair::new().filter(|from, packet| flight(from, packet) != 6);
    assert!(pair.run(4 * RTT, |pair| pair.server.verified.is_some()));
    let (now, before) = (pair.now, pair.client.connection.stats().unexpected);
    pair.client.handle(now, &handshake_packet(HandshakeType::FINISHED, 5, &[7; 12]));
    assert_eq!((pair.client.closed, pair.client.connection.stats().unexpected), (None, before + 1));
    pair.filter = Box::new(|_, _| true);
    assert!(pair.connect() && pair.talk());
}

/// The guard is that epoch 1 is the only source of orders: a forged goodbye is no goodbye.
#[test]
fn dtls_14_an_unauthenticated_alert_is_a_hint_at_most() {
    let mut pair = Pair::new().filter(|from, _| from == Role::Server);
    let now = pair.now;
    pair.client.handle(now, &plain_record(ContentType::ALERT, 0, &[2, 40]));
    assert!(pair.client.closed.is_none());
    assert!(!pair.connect());
    let alert = Some(Alert::HANDSHAKE_FAILURE);
    assert_eq!(pair.client.closed, Some(CloseReason::Timeout { refused: None, alert }));
}

/// The guard is `Opener::open`; nothing forged is delivered, answered, or fatal.
#[test]
fn dtls_1_records_that_do_not_authenticate_are_dropped() {
    let mut pair = connected();
    let genuine = pair.client.send(b"genuine");
    let now = pair.now;
    for index in 0..genuine.len() {
        let mut forged = genuine.clone();
        forged[index] ^= 0x10;
        pair.server.handle(now, &forged);
    }
    let mut rng = Rng::from_number(1);
    for _ in 0..1000 {
        let mut noise = vec![0; rng.below(100) as usize];
        rng.fill(&mut noise);
        pair.server.handle(now, &noise);
    }
    assert!(pair.server.received.is_empty());
    assert!(pair.server.poll(now).is_empty(), "no alert to a stranger");
    pair.server.handle(now, &genuine);
    pair.server.handle(now, &genuine);
    assert_eq!(pair.server.received, [b"genuine"]);
    assert_eq!(pair.server.connection.stats().replayed, 1);
    assert!(pair.talk());
}

/// The guard is `record::replay`, through the whole connection.
#[test]
fn dtls_9_every_record_is_delivered_once() {
    let mut pair = connected();
    let packets: Vec<_> = (0..300u16).map(|number| pair.client.send(&number.to_be_bytes())).collect();
    let now = pair.now;
    for _ in 0..2 {
        packets.iter().for_each(|packet| pair.server.handle(now, packet));
    }
    assert_eq!(pair.server.received.len(), 300);
    assert_eq!(pair.server.connection.stats().replayed, 300);
}

/// The guard is the match over epochs in `Connection::handle_record`: there are two, and no other is taken for either.
#[test]
fn dtls_9_records_of_other_epochs_are_dropped() {
    let mut pair = connected();
    let mut packet = pair.client.send(b"x");
    for epoch in [0, 2, 3, 0xffff] {
        packet[3..5].copy_from_slice(&u16::to_be_bytes(epoch));
        let now = pair.now;
        pair.server.handle(now, &packet);
    }
    assert!(pair.server.received.is_empty());
    assert_eq!(pair.server.connection.stats().unexpected, 4);
    assert!(pair.talk());
}

/// The guard is the bound of polls and of parsing loops: a goodbye in the handshake, empty records, odd fragments.
#[test]
fn cve_04_odd_packets_do_not_loop() {
    let mut pair = Pair::new();
    let odd = [
        plain_record(ContentType::HANDSHAKE, 0, &[]),
        plain_record(ContentType::ALERT, 0, &[1, 0]),
        plain_record(ContentType::ALERT, 0, &[]),
        plain_record(ContentType::CHANGE_CIPHER_SPEC, 0, &[]),
        [plain_record(ContentType::HANDSHAKE, 0, &[]); 1].concat().repeat(1000),
        plain_record(ContentType::HANDSHAKE, 0, &[14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0].repeat(500)),
    ];
    for packet in &odd {
        let now = pair.now;
        for role in [Role::Client, Role::Server] {
            pair.peer(role).handle(now, packet);
        }
    }
    assert!(pair.connect());
    for packet in &odd {
        let now = pair.now;
        for role in [Role::Client, Role::Server] {
            pair.peer(role).handle(now, packet);
            assert!(pair.peer(role).poll(now).is_empty());
        }
    }
    assert!(pair.talk());
}

/// The guard is in `handshake::reassembly`; this counts through the whole connection.
#[test]
fn cve_03_fragments_of_giants_are_not_kept() {
    let mut pair = Pair::new();
    let now = pair.now;
    for count in 0..10_000u32 {
        let mut contents = vec![[1u8, 11, 16][count as usize % 3]];
        contents.extend_from_slice(&[0xff, 0xff, 0xff]);
        contents.extend_from_slice(&(count as u16 % 20).to_be_bytes());
        contents.extend_from_slice(&[0, 0, 5, 0, 0, 1, 7]);
        let packet = plain_record(ContentType::HANDSHAKE, 0, &contents);
        pair.server.handle(now, &packet);
        pair.client.handle(now, &packet);
    }
    assert_eq!(pair.server.connection.stats().malformed, 10_000);
    assert!(pair.connect());
    assert_eq!(pair.elapsed(), RTT * 2);
}

#[test]
fn a_change_cipher_spec_under_keys_means_nothing() {
    let mut pair = connected();
    let packet = protected(&mut pair.client, ContentType::CHANGE_CIPHER_SPEC, &[1]);
    let now = pair.now;
    pair.server.handle(now, &packet);
    assert_eq!(pair.server.connection.stats().unexpected, 1);
    assert!(pair.talk());
}

/// The guard is the limit in `Sealer::try_seal`, seen from outside; goodbye can still be said.
#[test]
fn flt_41_the_last_sequence_number_is_a_defined_end() {
    let mut pair = connected();
    pair.client.connection.set_next_sequence((1 << 48) - 2);
    assert!(pair.talk());
    let mut out = Vec::new();
    let start = pair.client.connection.begin(&mut out);
    assert_eq!(pair.client.connection.seal(&mut out, start), Err(SealError::Exhausted));
    assert!(out.is_empty());
    let now = pair.now;
    pair.client.connection.close(now);
    assert!(pair.run(RTT, |pair| pair.server.closed == Some(CloseReason::Remote)));
}

/// Keys and secrets do not show.
#[test]
fn cve_51_nothing_secret_is_printed() {
    let pair = connected();
    let verified = pair.client.verified.as_ref().unwrap();
    let key = verified.srtp().unwrap().local_key.to_vec();
    let shown = format!("{:?} {:?} {:?} {:?}", pair.client.connection, verified, verified.srtp(), certificate(1));
    assert!(!shown.contains(&format!("{key:?}")));
    assert!(!shown.contains("random") && !shown.contains("master"), "{shown}");
}
