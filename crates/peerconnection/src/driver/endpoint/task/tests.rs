//! The driver, run by hand.

use super::*;
use crate::driver::interfaces::Ports;
use crate::{Configuration, Endpoint, EndpointConfig, PeerConnection};
use ortica_core::{Ecn, Rng};
use std::future::poll_fn;
use std::net::{Ipv4Addr, SocketAddr};

const LOOPBACK: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// A driver that the test runs in place of the endpoint's own, which has no turn meanwhile.
fn stand_in(sockets: Vec<Socket>) -> (Endpoint, Driver) {
    let config = EndpointConfig::default().with_addresses(vec![LOOPBACK.into()]);
    let endpoint = Endpoint::new(config).expect("loopback has free ports");
    let extra = ExtraSockets::new(sockets.len(), Ports::default(), Rng::from_number(1));
    let driver = Driver::new(endpoint.shared.clone(), sockets, extra, Vec::new(), Network::ignored());
    (endpoint, driver)
}

/// Guards `Driver::is_over` against a connection that the task has not seen yet.
#[tokio::test]
async fn a_connection_that_was_just_made_keeps_its_endpoint() {
    let (endpoint, mut driver) = stand_in(Vec::new());
    let shared = endpoint.shared.clone();
    let connection = PeerConnection::new(Configuration::default().with_endpoint(endpoint)).unwrap();
    shared.lock().abandoned = true;
    assert!(!driver.is_over());
    shared.lock().added.clear();
    assert!(driver.is_over());
    drop(connection);
}

/// Guards `Driver::deliver`: a thousand connections that begin at once do not hold up those that are there.
#[tokio::test]
async fn handshakes_wait_until_all_else_is_handled() {
    let socket = Socket::bind(SocketId(0), SocketAddr::from(LOOPBACK)).unwrap();
    let ours = socket.address;
    let (endpoint, mut driver) = stand_in(vec![socket]);
    let (_connection, _events) = PeerConnection::new(Configuration::default().with_endpoint(endpoint.clone())).unwrap();
    poll_fn(|cx| Poll::Ready(driver.take_mail(cx))).await;
    let key = driver.dirty.pop_first().expect("a session");
    let peer = std::net::UdpSocket::bind(LOOPBACK).unwrap();
    driver.routes.add_address(SocketId(0), peer.local_addr().unwrap(), key);
    for (first, others_handled) in [(22, false), (22, false), (23, false), (128, true)] {
        let before = endpoint.stats().packets_received;
        peer.send_to(&[first; 20], ours).unwrap();
        while endpoint.stats().packets_received == before {
            poll_fn(|cx| Poll::Ready(driver.receive(cx))).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(driver.dirty.contains(&key), others_handled, "{first}");
    }
    driver.dirty.clear();
    assert!(!driver.go_on_with_handshakes());
    assert!(driver.dirty.contains(&key) && driver.handshakes.is_empty());
}

/// Guards `Driver::receive`: what many connections bring at the same moment does not wait in the system's buffer.
#[tokio::test]
async fn many_short_messages_are_read_in_one_turn() {
    const MANY: u64 = 200;
    let socket = Socket::bind(SocketId(0), SocketAddr::from(LOOPBACK)).unwrap();
    let ours = socket.address;
    let (endpoint, mut driver) = stand_in(vec![socket]);
    let peer = std::net::UdpSocket::bind(LOOPBACK).unwrap();
    for _ in 0..MANY {
        peer.send_to(&[0; 20], ours).unwrap();
    }
    while endpoint.stats().packets_received == 0 {
        poll_fn(|cx| Poll::Ready(driver.receive(cx))).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(endpoint.stats().packets_received, MANY);
}

/// Guards `Driver::drain`: the sockets are read again before all of many sessions had their turn, and each of them has it.
#[tokio::test]
async fn sessions_have_their_turns_one_after_the_other() {
    let (_endpoint, mut driver) = stand_in(Vec::new());
    let now = driver.shared.clock.now();
    driver.dirty.extend(0..2 * SESSIONS_PER_TURN);
    for left in [SESSIONS_PER_TURN, 1] {
        assert!(driver.drain(now));
        // The first one always has something.
        driver.dirty.insert(1);
        assert_eq!(driver.dirty.len(), left + usize::from(left > 1));
    }
    assert_eq!(driver.dirty.pop_first(), Some(1));
}

/// Guards `Driver::send`: what one transmit is refused for is no reason to drop those behind it.
#[cfg(unix)]
#[tokio::test]
async fn flt_44_a_refused_transmit_does_not_take_others_with_it() {
    let socket = Socket::bind(SocketId(0), SocketAddr::from(LOOPBACK)).unwrap();
    let remote = socket.address;
    for (error, too_long) in [(libc::EPERM, false), (libc::EMSGSIZE, true)] {
        let socket = Socket::bind(SocketId(0), SocketAddr::from(LOOPBACK)).unwrap();
        socket.outlet().refusals.set(error, 1);
        let (endpoint, mut driver) = stand_in(vec![socket]);
        for byte in 0..3 {
            driver.out.extend([byte; 10]);
            let transmit = Transmit { socket: SocketId(0), remote, ecn: Ecn::NotEct, len: 10, segment_size: None };
            driver.transmits.push(transmit);
        }
        assert_eq!(driver.send(0), too_long.then(|| driver.transmits[0]), "{error}");
        let stats = endpoint.stats();
        assert_eq!((stats.refused, stats.transmits, stats.packets_sent), (1, 2, 2), "{error}");
    }
}
