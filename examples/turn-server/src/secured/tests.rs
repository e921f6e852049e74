//! Clients that come, keep silent or go, without the server behind.

use super::*;
use ortica_core::crypto::rust_crypto;
use ortica_dtls::{Certificate, ChainError, ChainVerifier, ServerIdentity};
use std::net::Ipv4Addr;

const SECOND: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(60);

/// Finds all chains good.
struct Trusting;

impl ChainVerifier for Trusting {
    fn verify_chain(&self, _: &[&[u8]]) -> Result<(), ChainError> {
        Ok(())
    }

    fn signatures(&self) -> Vec<u16> {
        Vec::new()
    }
}

fn config(seed: u64) -> Arc<Config> {
    let provider = rust_crypto::provider();
    let certificate = Certificate::generate(&provider, &mut Rng::from_number(seed), Duration::ZERO).expect("a key");
    Arc::new(Config::new(provider, Arc::new(certificate)))
}

async fn secured() -> (Secured, mpsc::Receiver<Input>) {
    let (tell, told) = mpsc::channel(1);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    socket.writable().await.expect("it is");
    (Secured::new(socket, SocketId(1), config(1), Rng::from_number(2), tell), told)
}

fn address(number: usize) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 1 + number as u16))
}

/// Guards the bound on handshakes: those that are begun and left lying cost the oldest its place.
#[tokio::test]
async fn handshakes_are_few() {
    let (mut secured, _told) = secured().await;
    for number in 0..=HANDSHAKES {
        assert!(secured.take(address(number), &mut [HANDSHAKE]).is_empty());
        assert!(secured.take(address(number), &mut [HANDSHAKE]).is_empty());
    }
    let begun: Vec<_> = secured.begun.iter().map(|(client, _)| *client).collect();
    assert_eq!(begun, (1..=HANDSHAKES).map(address).collect::<Vec<_>>());
}

/// Guards against what strangers send that is no handshake, of which nothing is kept.
#[tokio::test]
async fn nothing_but_a_handshake_begins_one() {
    let (mut secured, _told) = secured().await;
    for first in (0..=u8::MAX).filter(|first| *first != HANDSHAKE) {
        assert!(secured.take(address(1), &mut [first, 254, 253]).is_empty());
    }
    assert!(secured.take(address(1), &mut []).is_empty());
    assert!(secured.begun.is_empty());
}

/// Guards those who are there: a further one is taken in only where some have been silent for too long.
#[tokio::test]
async fn a_full_server_lets_go_of_the_silent() {
    let (mut secured, _told) = secured().await;
    let (config, start) = (config(3), secured.now());
    let admit = |secured: &mut Secured, now, number| {
        secured.admit(now, address(number), Connection::for_anyone(config.clone(), Rng::from_number(0), now));
        secured.clients.contains_key(&address(number))
    };
    for number in 0..CLIENTS {
        assert!(admit(&mut secured, if number < 10 { start } else { start + SECOND }, number));
    }
    assert!(!admit(&mut secured, start + IDLE.saturating_sub(Duration::from_nanos(1)), CLIENTS));
    assert_eq!(secured.clients.len(), CLIENTS);
    assert!(admit(&mut secured, start + IDLE, CLIENTS));
    assert_eq!(secured.clients.len(), CLIENTS - 10 + 1);
    assert!((0..10).all(|number| !secured.clients.contains_key(&address(number))));
}

/// Guards a client's way through: its handshake, a packet each way, and its goodbye, after which nothing of it is kept.
#[tokio::test]
async fn a_client_comes_and_goes() {
    let (mut secured, _told) = secured().await;
    let socket = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    socket.set_read_timeout(Some(LIMIT)).expect("a time");
    let from = socket.local_addr().expect("it is bound");
    let identity = ServerIdentity::new("turn.example", Arc::new(Trusting));
    let now = secured.now();
    let mut client = Connection::to_server(config(4), identity, Rng::from_number(5), now);
    let mut buffer = [0; 2048];
    let mut receive = |client: &mut Connection| {
        let (len, _) = socket.recv_from(&mut buffer).expect("a packet");
        let mut inside = Vec::new();
        client.handle_packet(now, &mut buffer[..len], &mut |packet| inside.push(packet.to_vec()));
        inside
    };
    let send = |client: &mut Connection, secured: &mut Secured| {
        let (mut out, mut inside) = (Vec::new(), Vec::new());
        while client.poll_packet(now, &mut out).is_some() {
            inside.append(&mut secured.take(from, &mut out));
            out.clear();
        }
        secured.settle_client(from);
        secured.settle_handshakes();
        inside
    };
    while !client.is_connected() {
        assert!(send(&mut client, &mut secured).is_empty());
        assert!(receive(&mut client).is_empty());
    }
    assert_eq!((secured.begun.len(), secured.clients.len()), (0, 1));

    let mut record = Vec::new();
    let start = client.begin(&mut record);
    record.extend_from_slice(b"there");
    client.seal(&mut record, start).expect("it is connected");
    assert_eq!(secured.take(from, &mut record), [b"there"]);
    secured.send(from, b"and back");
    assert_eq!(receive(&mut client), [b"and back"]);

    client.close(now);
    assert!(send(&mut client, &mut secured).is_empty());
    assert!(secured.clients.is_empty() && secured.begun.is_empty());
}
