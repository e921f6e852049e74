//! Servers that are known by their chain of certificates and ask nobody who he is.

use super::*;
use crate::alert::AlertMessage;
use crate::cipher_suite::Suite;
use crate::extension::ExtensionType;
use crate::message::{Body, ClientHello};
use ortica_core::crypto::{SignatureScheme, providers};
use std::collections::BTreeSet;
use std::sync::Mutex;

/// Accepts one chain, and remembers what it was shown.
struct Judge {
    accepted: Vec<u8>,
    error: ChainError,
    shown: Mutex<Vec<Vec<u8>>>,
}

impl Judge {
    fn of(accepted: &Certificate) -> Arc<Self> {
        let error = ChainError::UnknownIssuer;
        Arc::new(Self { accepted: accepted.der().to_vec(), error, shown: Mutex::default() })
    }

    fn looks(&self) -> usize {
        self.shown.lock().unwrap().len()
    }
}

impl ChainVerifier for Judge {
    fn verify_chain(&self, chain: &[&[u8]]) -> Result<(), ChainError> {
        self.shown.lock().unwrap().extend(chain.first().map(|leaf| leaf.to_vec()));
        if *chain == [self.accepted.as_slice()] { Ok(()) } else { Err(self.error) }
    }

    fn signatures(&self) -> Vec<u16> {
        vec![0x0503, 0x0401]
    }
}

fn nothing_to_show() -> Config {
    Config::with_certificates(provider(), Vec::new())
}

/// A client of `turn.example`, as the judge knows it.
fn client(config: Config, judge: &Arc<Judge>) -> Connection {
    let server = ServerIdentity::new("turn.example", judge.clone());
    Connection::to_server(Arc::new(config), server, Rng::from_number(1), netsim::epoch())
}

fn for_anyone(config: Config) -> Connection {
    Connection::for_anyone(Arc::new(config), Rng::from_number(2), netsim::epoch())
}

/// A client that has nothing to show, and a server with certificate 2 that it accepts.
fn pair() -> (Pair, Arc<Judge>) {
    let judge = Judge::of(&certificate(2));
    (Pair::between(client(nothing_to_show(), &judge), for_anyone(config(2))), judge)
}

/// The kinds of handshake messages that an end sent in the clear.
fn kinds(pair: &Pair, of: Role) -> BTreeSet<u8> {
    let sent = pair.sent.iter().filter(|(from, _)| *from == of).flat_map(|(_, packet)| records(packet));
    sent.filter_map(|(label, _)| if let Label::Handshake(kind, ..) = label { Some(kind) } else { None }).collect()
}

/// The guards are `Step::Request` at the client and `Server::asks` at the server: neither end waits for what does not come.
#[test]
fn a_server_that_asks_for_nothing_is_spoken_to() {
    let (mut pair, judge) = pair();
    assert!(pair.connect());
    assert_eq!(pair.elapsed(), RTT * 3, "one of them for the cookie");
    assert!(pair.talk());
    assert!(pair.client.secured && pair.server.secured);
    assert!(pair.client.verified.is_none() && pair.server.verified.is_none());
    assert_eq!(kinds(&pair, Role::Client), BTreeSet::from([1, 16]));
    assert_eq!(kinds(&pair, Role::Server), BTreeSet::from([2, 3, 11, 12, 14]));
    assert_eq!(*judge.shown.lock().unwrap(), [certificate(2).der()]);
}

#[test]
fn keys_of_every_kind_and_every_suite_do_for_a_server() {
    for provider in providers() {
        for scheme in [SignatureScheme::EcdsaP256Sha256, SignatureScheme::RsaPkcs1Sha256, SignatureScheme::Ed25519] {
            let options = CertificateOptions { scheme, ..CertificateOptions::default() };
            let made = Certificate::generate_with(&provider, &mut Rng::from_number(5), Duration::ZERO, options);
            let made = Arc::new(made.unwrap());
            for suite in Suite::ALL.into_iter().filter(|suite| suite.is_for(scheme)) {
                let judge = Judge::of(&made);
                let server = Config::new(provider, made.clone()).with_cipher_suites(&[suite.id()]);
                let asking = client(Config::with_certificates(provider, Vec::new()), &judge);
                let mut pair = Pair::between(asking, for_anyone(server));
                assert!(pair.connect(), "{} {scheme:?} {suite:?}: {:?}", provider.name, pair.client.closed);
                assert_eq!(pair.client.connection.cipher_suite(), Some(suite.id()));
                assert!(pair.talk());
            }
        }
    }
}

/// The guard is `ServerIdentity::extensions`.
#[test]
fn the_server_is_told_its_name_and_what_can_be_verified() {
    let (mut pair, _) = pair();
    let hello = pair.client.poll(pair.now).remove(0);
    let hello = ClientHello::decode(&records(&hello)[0].1[25..]).unwrap();
    let body = |kind: ExtensionType| {
        let mut bytes = Vec::new();
        let extensions = hello.extensions.0.iter().filter(|it| it.kind() == kind).cloned().collect();
        crate::extension::Extensions(extensions).encode(&mut ortica_core::Writer::new(&mut bytes));
        bytes.split_off(6)
    };
    assert_eq!(body(ExtensionType::SERVER_NAME), [&[0, 15, 0, 0, 12][..], b"turn.example"].concat());
    assert_eq!(body(ExtensionType::SIGNATURE_ALGORITHMS_CERT), [0, 4, 5, 3, 4, 1]);
    let plain = Pair::new().client.poll(netsim::epoch()).remove(0);
    let plain = ClientHello::decode(&records(&plain)[0].1[25..]).unwrap();
    let ours = [ExtensionType::SERVER_NAME, ExtensionType::SIGNATURE_ALGORITHMS_CERT];
    assert!(plain.extensions.kinds().all(|kind| !ours.contains(&kind)), "what calls send is as it was");
}

/// The guard is `authenticate`: without its question to the verifier the client would be secured.
#[test]
fn a_chain_that_is_not_accepted_ends_the_handshake_with_its_reason() {
    let reasons = [
        (ChainError::Malformed, 42),
        (ChainError::NotValidNow, 45),
        (ChainError::WrongName, 46),
        (ChainError::UnknownIssuer, 48),
        (ChainError::Revoked, 44),
        (ChainError::Unacceptable, 46),
    ];
    for (error, alert) in reasons {
        let judge = Arc::new(Judge { accepted: Vec::new(), error, shown: Mutex::default() });
        let mut pair = Pair::between(client(nothing_to_show(), &judge), for_anyone(config(2)));
        assert!(!pair.run(RTT * 4, Pair::is_connected));
        assert_eq!(pair.client.closed, Some(CloseReason::Untrusted(error)));
        assert!(!pair.client.secured && !pair.server.secured);
        let (from, packet) = pair.sent.last().unwrap();
        let said = AlertMessage::decode(&packet[13..]).unwrap();
        assert_eq!((*from, said.description), (Role::Client, Alert(alert)));
        assert!(!kinds(&pair, Role::Client).contains(&16), "no key was agreed");
    }
}

/// The guard is the order in `WaitKeyExchange::on_key_exchange`: who has no proof of the key is not even looked at.
#[test]
fn a_server_without_the_key_of_its_certificate_is_not_spoken_to() {
    let (pair, judge) = pair();
    let mut pair = pair.filter(|_, packet| {
        let mut changed = Vec::new();
        for (label, mut record) in records(packet) {
            if matches!(label, Label::Handshake(12, ..)) {
                *record.last_mut().unwrap() ^= 1;
            }
            changed.extend(record);
        }
        *packet = changed;
        true
    });
    assert!(!pair.connect());
    assert_eq!(judge.looks(), 0);
    let refused = Some(Alert::DECRYPT_ERROR);
    assert!(matches!(pair.client.closed, Some(CloseReason::Timeout { refused: it, .. }) if it == refused));
}

/// The guard is `mismatch`: a chain that is damaged once is asked for again, one that comes the same again is the server's.
#[test]
fn a_chain_that_is_damaged_on_its_way_is_asked_for_again() {
    let damaged = |times: usize| {
        let (pair, judge) = pair();
        let mut left = times;
        let pair = pair.filter(move |_, packet| {
            let mut changed = Vec::new();
            for (label, mut record) in records(packet) {
                if matches!(label, Label::Handshake(11, ..)) && left > 0 {
                    left -= 1;
                    *record.last_mut().unwrap() ^= 0x10;
                }
                changed.extend(record);
            }
            *packet = changed;
            true
        });
        (pair, judge)
    };
    let (mut once, judge) = damaged(1);
    assert!(once.connect());
    assert_eq!(judge.looks(), 2);
    assert!(once.elapsed() <= RTT * 4 + TIMEOUT, "{:?}", once.elapsed());
    let (mut ever, judge) = damaged(9);
    assert!(!ever.connect());
    assert_eq!(judge.looks(), 2);
    assert_eq!(ever.client.closed, Some(CloseReason::Untrusted(ChainError::UnknownIssuer)));
}

/// Who can show a certificate does so where it is asked for, and who cannot says that.
#[test]
fn a_server_that_asks_is_shown_what_there_is() {
    let asking = || {
        let fingerprints = vec![fingerprint(1)];
        Connection::new(Arc::new(config(2)), Role::Server, fingerprints, Rng::from_number(2), netsim::epoch())
    };
    let judge = Judge::of(&certificate(2));
    let mut shown = Pair::between(client(config(1), &judge), asking());
    assert!(shown.connect());
    assert!(shown.client.secured && shown.client.verified.is_none());
    assert_eq!(shown.server.verified.as_ref().unwrap().peer_certificate(), certificate(1).der());
    assert!(shown.talk());

    let mut without = Pair::between(client(nothing_to_show(), &judge), asking());
    assert!(!without.connect());
    assert_eq!(kinds(&without, Role::Client), BTreeSet::from([1, 11, 16]), "an empty chain, and no proof");
    assert!(without.server.verified.is_none() && !without.client.secured);
    let refused = Some(Alert::HANDSHAKE_FAILURE);
    assert!(matches!(without.server.closed, Some(CloseReason::Timeout { refused: it, .. }) if it == refused));
}

/// The guard is `Step::Request`: both ends of a call show a certificate (RFC 5763 §3).
#[test]
fn a_call_has_no_server_that_asks_for_nothing() {
    let fingerprints = vec![fingerprint(2)];
    let caller = Connection::new(Arc::new(config(1)), Role::Client, fingerprints, Rng::from_number(1), netsim::epoch());
    let mut pair = Pair::between(caller, for_anyone(config(2)));
    assert!(!pair.connect());
    assert!(matches!(pair.client.closed, Some(CloseReason::Timeout { .. })));
    assert!(pair.client.verified.is_none() && !pair.client.secured);
}

/// The guard is `wants_cookie` in `Server::on_client_hello`.
#[test]
fn cve_11_a_server_outside_of_ice_sends_strangers_less_than_they_sent() {
    let (mut pair, _) = pair();
    let hello = pair.client.poll(pair.now).remove(0);
    let (mut came, mut went) = (0, 0);
    for _ in 0..10 {
        came += hello.len();
        let now = pair.now;
        pair.server.handle(now, &hello);
        let answers = pair.server.poll(now);
        assert!(answers.iter().all(|packet| records(packet)[0].0 == Label::Handshake(3, 0, 0)));
        went += answers.iter().map(Vec::len).sum::<usize>();
    }
    assert!(went > 0 && went <= came, "{went} {came}");
}

/// Retransmission is the same without the messages that are left out.
#[test]
fn each_flight_and_each_pair_of_flights_may_be_lost() {
    for first in 1..=6u8 {
        for second in first..=6u8 {
            let mut left = BTreeSet::from([first, second]);
            let (pair, _) = pair();
            let mut pair = pair.filter(move |from, packet| !left.remove(&flight(from, packet)));
            assert!(pair.connect(), "{first} {second}");
            assert!(pair.talk());
        }
    }
}
