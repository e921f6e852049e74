//! Every message of a handshake, cut at every byte and with every length wrong: an error at most.

use super::handshake::with_verify_request;
use super::*;
use crate::message::*;

/// The messages of a whole handshake in the order they were sent.
fn messages() -> Vec<(Role, Message)> {
    let mut pair = with_verify_request(Pair::new());
    assert!(pair.connect());
    let mut list = Vec::new();
    for (from, packet) in &pair.sent {
        for (label, record) in records(packet) {
            if let Label::Handshake(kind, sequence, 0) = label {
                list.push((*from, Message { kind: HandshakeType(kind), sequence, body: record[25..].to_vec() }));
            }
        }
    }
    list.push((Role::Client, Message::new(6, &Finished { verify_data: [7; 12] })));
    list.push((Role::Server, Message::new(7, &NewSessionTicket { lifetime: 1, ticket: vec![3; 9] })));
    list
}

fn decodes(message: &Message) -> bool {
    let body = &message.body;
    match message.kind {
        HandshakeType::CLIENT_HELLO => ClientHello::decode(body).is_ok(),
        HandshakeType::SERVER_HELLO => ServerHello::decode(body).is_ok(),
        HandshakeType::HELLO_VERIFY_REQUEST => HelloVerifyRequest::decode(body).is_ok(),
        HandshakeType::NEW_SESSION_TICKET => NewSessionTicket::decode(body).is_ok(),
        HandshakeType::CERTIFICATE => CertificateChain::decode(body).is_ok(),
        HandshakeType::SERVER_KEY_EXCHANGE => ServerKeyExchange::decode(body).is_ok(),
        HandshakeType::CERTIFICATE_REQUEST => CertificateRequest::decode(body).is_ok(),
        HandshakeType::SERVER_HELLO_DONE => ServerHelloDone::decode(body).is_ok(),
        HandshakeType::CERTIFICATE_VERIFY => CertificateVerify::decode(body).is_ok(),
        HandshakeType::CLIENT_KEY_EXCHANGE => ClientKeyExchange::decode(body).is_ok(),
        HandshakeType::FINISHED => Finished::decode(body).is_ok(),
        other => panic!("{other:?}"),
    }
}

/// The guard is `Reader`, and that every decoder demands the end of its message.
#[test]
fn cve_06_a_message_cut_anywhere_is_an_error() {
    let messages = messages();
    assert_eq!(messages.len(), 13, "each kind once, but ClientHello and Certificate twice");
    let mut cases = 0;
    for (_, message) in messages {
        assert!(decodes(&message), "{:?}", message.kind);
        for len in 0..message.body.len() {
            let cut = Message { body: message.body[..len].to_vec(), ..message.clone() };
            // A hello may end before its extensions (RFC 5246 §7.4.1.2): at one place, the cut makes an older hello.
            let is_hello = matches!(message.kind, HandshakeType::CLIENT_HELLO | HandshakeType::SERVER_HELLO);
            assert!(!decodes(&cut) || is_hello, "{:?} of {len} bytes", message.kind);
            cases += 1;
        }
        let longer = Message { body: [&message.body[..], &[0]].concat(), ..message.clone() };
        assert!(!decodes(&longer), "{:?} with a byte too many", message.kind);
    }
    assert!(cases > 1000, "{cases}");
}

/// As above, through connections: before each record of a handshake arrives, all that can be made of it by changing a byte
/// or cutting it does. Nothing panics or gets stuck: the true record still leads on.
#[test]
fn cve_06_broken_records_do_not_stop_a_handshake() {
    let mut cases = 0;
    for target in 0.. {
        let mut pair = with_verify_request(Pair::new());
        let mut index = 0;
        let connected = (0..1000).any(|_| {
            pair.flush();
            for (_, to, packet) in pair.wire.clone() {
                for (_, record) in records(&packet) {
                    if index == target {
                        let now = pair.now;
                        cases += broken(&record).map(|broken| pair.peer(to).handle(now, &broken)).count();
                    }
                    index += 1;
                }
            }
            pair.run(RTT / 2, Pair::is_connected)
        });
        assert!(connected, "{target}: {:?} {:?}", pair.client.closed, pair.server.closed);
        assert!(pair.talk());
        if index <= target {
            break;
        }
    }
    assert!(cases > 20_000, "{cases}");
}

/// A record with each byte changed in twelve ways, cut to each length, and cut with its lengths set right again.
fn broken(record: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let changed = (0..record.len()).flat_map(move |at| {
        let old = record[at];
        let values = [0, 0xff, old.wrapping_add(1), old.wrapping_sub(1)];
        values.into_iter().chain((0..8).map(move |bit| old ^ (1 << bit))).map(move |value| {
            let mut broken = record.to_vec();
            broken[at] = value;
            broken
        })
    });
    let cut = (0..record.len()).map(move |len| record[..len].to_vec());
    let mended = (25..record.len()).map(move |len| {
        let mut broken = record[..len].to_vec();
        broken[11..13].copy_from_slice(&(len as u16 - 13).to_be_bytes());
        for field in [14, 22] {
            broken[field..field + 3].copy_from_slice(&(len as u32 - 25).to_be_bytes()[1..]);
        }
        broken
    });
    changed.chain(cut).chain(mended)
}
