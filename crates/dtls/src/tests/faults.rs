//! Packets that get lost, cut, copied and reordered.

use super::handshake::with_verify_request;
use super::*;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

/// The guard is the retransmission of whole flights in `handshake::flight`, by timeout and on the peer's repetition.
///
/// The row allows one round trip and two timeouts. Flights 1 and 2 lost together take three: HelloVerifyRequest is never
/// sent again by itself (RFC 6347 §4.2.4), so both losses are made up for by the client's first timer, which doubles.
#[test]
fn flt_23_each_of_the_six_flights_and_each_pair_lost_once() {
    let mut cases = 0;
    for first in 1..=6u8 {
        for second in 1..=6u8 {
            let mut left = BTreeSet::from([first, second]);
            let mut pair = with_verify_request(Pair::new()).filter(move |from, packet| {
                // Each flight fits into one packet here.
                !left.remove(&flight(from, packet))
            });
            assert!(pair.connect(), "{first} {second}");
            // Undisturbed, the six flights take three round trips.
            let delay = pair.elapsed() - RTT * 3;
            let timeouts = if first.min(second) == 1 && first.max(second) == 2 { 3 } else { 2 };
            assert!(delay <= RTT + TIMEOUT * timeouts, "{first} {second}: {delay:?}");
            assert!(pair.talk());
            cases += 1;
        }
    }
    assert_eq!(cases, 36);
}

/// Drops the records that `lose` says are lost, and sends the rest of their packets on.
fn losing(pair: Pair, mut lose: impl FnMut(Role, Label) -> bool + 'static) -> Pair {
    pair.filter(move |from, packet| {
        let kept = records(packet).into_iter().filter(|(label, _)| !lose(from, *label));
        *packet = kept.flat_map(|(_, record)| record).collect();
        true
    })
}

/// A small MTU cuts certificates and key exchanges in two or three.
fn small() -> Pair {
    with_verify_request(Pair::with(config(1).with_mtu(256), config(2).with_mtu(256)))
}

/// The guard is as above; here single fragments are lost, their first copy or the first two.
#[test]
fn flt_24_each_fragment_of_either_end_lost_once_and_twice() {
    let seen = Rc::new(RefCell::new(BTreeSet::new()));
    let note = Rc::clone(&seen);
    let mut pair = losing(small(), move |from, label| {
        note.borrow_mut().insert((from == Role::Client, label));
        false
    });
    assert!(pair.connect());
    let seen = seen.take();
    assert!(seen.len() >= 15, "{seen:?}");
    for (is_client, lost) in seen {
        for copies in [1, 2] {
            let mut left = copies;
            let mut pair = losing(small(), move |from, label| {
                let hit = left > 0 && (from == Role::Client, label) == (is_client, lost);
                left -= usize::from(hit);
                hit
            });
            assert!(pair.connect(), "{lost:?} {copies}");
            let delay = pair.elapsed() - RTT * 3;
            assert!(delay <= RTT + TIMEOUT * [0, 1, 3][copies], "{lost:?} {copies}: {delay:?}");
            assert!(pair.talk());
        }
    }
}

#[test]
fn connects_through_heavy_loss() {
    for seed in 0..40 {
        let mut rng = Rng::from_number(seed);
        let pair = Pair::with(config(1).with_mtu(400), config(2).with_mtu(400));
        let mut pair = losing(pair, move |_, _| rng.below(100) < 20);
        assert!(pair.connect(), "seed {seed}");
    }
}

#[test]
fn copies_and_disorder_change_nothing() {
    for seed in 0..20 {
        let mut rng = Rng::from_number(seed);
        let mut pair = Pair::with(config(1).with_mtu(300), config(2).with_mtu(300));
        for _ in 0..400 {
            pair.flush();
            let wire = pair.wire.clone();
            pair.wire.extend(wire);
            for at in (1..pair.wire.len()).rev() {
                let other = rng.below(at as u64 + 1) as usize;
                pair.wire.swap(at, other);
            }
            if pair.run(RTT / 4, Pair::is_connected) {
                break;
            }
        }
        assert!(pair.is_connected(), "seed {seed}");
        assert!(pair.elapsed() < Duration::from_millis(300), "seed {seed}: {:?}", pair.elapsed());
        pair.run(RTT * 2, |_| false);
        pair.wire.clear();
        for role in [Role::Client, Role::Server] {
            let packet = pair.peer(role).send(b"hello");
            pair.transmit(role, packet.clone());
            pair.transmit(role, packet);
        }
        pair.run(RTT, |_| false);
        assert_eq!((pair.client.received.len(), pair.server.received.len()), (1, 1), "each record once");
    }
}

/// The guard is `Connection::handle_protected_handshake`, which finds the final flight still there.
#[test]
fn dtls_5_the_final_flight_is_kept_until_the_end() {
    let hold = Rc::new(RefCell::new(true));
    let holding = Rc::clone(&hold);
    let mut pair = Pair::new().filter(move |from, packet| !(*holding.borrow() && flight(from, packet) == 6));
    assert!(!pair.run(Duration::from_secs(20), |pair| pair.client.connection.is_connected()));
    assert!(pair.server.connection.is_connected());
    *hold.borrow_mut() = false;
    assert!(pair.run(Duration::from_secs(10), |pair| pair.client.connection.is_connected()));
    assert!(pair.talk());
    assert!(pair.server.connection.stats().peer_retransmissions > 3);
}

#[test]
fn dtls_5_the_wait_between_repetitions_doubles() {
    let mut pair = Pair::new().filter(|_, _| false);
    let mut times = Vec::new();
    for _ in 0..5 {
        let count = pair.sent.len();
        assert!(pair.run(Duration::from_secs(100), |pair| pair.sent.len() > count));
        times.push(pair.elapsed().as_millis());
    }
    assert_eq!(times, [0, 400, 1200, 2800, 6000]);
}

/// The guard is `Flight::mtu`: a path that swallows long packets is got through all the same.
#[test]
fn dtls_15_a_path_for_packets_of_576_bytes_carries_a_handshake() {
    let mut pair = Pair::new().filter(|_, packet| packet.len() <= 548);
    assert!(pair.connect());
    assert!(pair.talk());
}

#[test]
fn finished_that_overtakes_the_flight_before_it_is_not_lost() {
    // Flight 5 in packets of its own, the last one first.
    let mut pair = Pair::with(config(1).with_mtu(256), config(2));
    assert!(pair.run(RTT * 2, |pair| pair.client.connection.cipher_suite().is_some()));
    pair.wire.reverse();
    assert!(pair.connect());
    assert_eq!(pair.elapsed(), RTT * 2);
}

#[test]
fn data_that_overtakes_finished_is_delivered_after_it() {
    let mut pair = Pair::new();
    assert!(pair.run(RTT * 2, |pair| pair.server.connection.is_connected()));
    let data = pair.server.send(b"early");
    let now = pair.now;
    pair.client.handle(now, &data);
    pair.client.handle(now, &data);
    assert!(pair.client.received.is_empty(), "not before the peer is verified");
    assert!(pair.connect());
    assert_eq!(pair.client.received, [b"early"], "and once");
}

#[test]
fn data_that_shares_a_packet_with_finished_is_delivered() {
    let mut pair = Pair::new();
    assert!(pair.run(RTT * 2, |pair| pair.server.connection.is_connected()));
    let now = pair.now;
    let data = pair.server.send(b"early");
    pair.flush();
    let (_, _, packet) = pair.wire.pop().unwrap_or_else(|| panic!("flight 6"));
    pair.client.handle(now, &[packet, data].concat());
    assert_eq!(pair.client.received, [b"early"]);
}

#[test]
fn too_much_early_data_is_dropped_and_counted() {
    let mut pair = Pair::new();
    assert!(pair.run(RTT * 2, |pair| pair.server.connection.is_connected()));
    let now = pair.now;
    for _ in 0..40 {
        let data = pair.server.send(&[7; 100]);
        pair.client.handle(now, &data);
    }
    assert!(pair.connect());
    assert_eq!(pair.client.received.len(), 16);
    assert_eq!(pair.client.connection.stats().early_dropped, 24);
}

#[test]
fn two_clients_come_to_an_end() {
    // Bad signaling made both ends clients: neither answers, neither loops.
    let mut pair = Pair::new();
    let other = Connection::new(Arc::new(config(2)), Role::Client, vec![fingerprint(1)], Rng::from_number(5), pair.now);
    pair.server = Peer::new(other);
    assert!(!pair.connect());
    assert!(pair.sent.len() < 20, "{}", pair.sent.len());
    assert!(matches!(pair.client.closed, Some(CloseReason::Timeout { .. })));
}

/// The guards are `client::mismatch` and that what nothing proves is dropped: a bit that flips in the plain part of the handshake
/// loses its message, and the next copy is taken. ClientHello is the exception, in what the server's signature does not cover, and so
/// is what CertificateRequest asks for beside the kind of key that the client has: then the two transcripts differ, which shows when
/// the server has the client's flight, and nothing in DTLS 1.2 leads back from there.
#[test]
fn flt_7_a_flipped_bit_in_the_plain_handshake_is_made_up_for() {
    // How many bits of each byte: one, or all eight of them in `cargo xtask bars`.
    let bits = std::env::var("ORTICA_BITS").ok().and_then(|count| count.parse().ok()).unwrap_or(1);
    let mut stuck = std::collections::BTreeMap::new();
    let mut cases = 0;
    for turn in 0..bits {
        for target in 0.. {
            let Some((label, pair)) = with_flipped_bit(target, (target + turn) % 8) else { break };
            cases += 1;
            let ends = [pair.client.closed, pair.server.closed];
            assert!(pair.is_connected() || ends != [None; 2], "{target}, {label:?}");
            for reason in ends.into_iter().flatten() {
                assert!(matches!(reason, CloseReason::Timeout { .. }), "{target}, {label:?}: {reason:?}");
            }
            *stuck.entry(label).or_insert(0) += u32::from(!pair.is_connected());
        }
    }
    stuck.retain(|_, count| *count > 0);
    println!("bar: {cases} handshakes, each with a flipped bit in the clear; those that came to no end: {stuck:?}");
    assert!(cases > 1_000, "{cases}");
    let exceptions = [HandshakeType::CLIENT_HELLO.0, HandshakeType::CERTIFICATE_REQUEST.0];
    let is_exception = |label: &Label| matches!(label, Label::Handshake(kind, ..) if exceptions.contains(kind));
    assert!(stuck.keys().all(is_exception), "{stuck:?}");
}

/// A handshake in which a bit of byte number `target` of all plain records flips, the first time it is sent; `None` if there are
/// fewer. Says which record that is.
fn with_flipped_bit(target: usize, bit: usize) -> Option<(Label, Pair)> {
    let hit = Rc::new(RefCell::new(None));
    let log = Rc::clone(&hit);
    let mut before = 0;
    let mut pair = Pair::new().filter(move |_, packet| {
        let mut changed = Vec::new();
        for (label, mut record) in records(packet) {
            let is_plain = !matches!(label, Label::Protected(_));
            if is_plain && log.borrow().is_none() {
                if let Some(byte) = record.get_mut(target - before) {
                    *byte ^= 1 << bit;
                    *log.borrow_mut() = Some(label);
                } else {
                    before += record.len();
                }
            }
            changed.extend(record);
        }
        *packet = changed;
        true
    });
    pair.connect();
    let label = hit.borrow_mut().take()?;
    Some((label, pair))
}

/// The guard is `client::mismatch`: a certificate that is damaged on its way, wherever that is, ends no handshake; one that comes
/// damaged in the same way again is taken for what the peer has.
#[test]
fn flt_7_a_damaged_certificate_is_asked_for_again() {
    let damage = |at: usize, times: usize| {
        let mut left = times;
        Pair::new().filter(move |from, packet| {
            let mut changed = Vec::new();
            for (label, mut record) in records(packet) {
                let is_certificate = matches!(label, Label::Handshake(11, ..)) && from == Role::Server;
                if is_certificate && left > 0 {
                    left -= 1;
                    // Behind the headers and the two lengths of the list.
                    record[31 + at] ^= 0x10;
                }
                changed.extend(record);
            }
            *packet = changed;
            true
        })
    };
    let len = certificate(2).der().len();
    for at in 0..len {
        let mut pair = damage(at, 1);
        assert!(pair.connect(), "byte {at}: {:?}", pair.client.closed);
        assert!(pair.elapsed() <= RTT * 3 + TIMEOUT, "byte {at}: {:?}", pair.elapsed());
    }
    let mut pair = damage(len - 1, 9);
    assert!(!pair.connect());
    assert_eq!(pair.client.closed, Some(CloseReason::FingerprintMismatch));
    assert!(pair.client.verified.is_none() && pair.server.verified.is_none());
}
