//! A path over real sockets that loses packets: a forwarder between two connections, which know each other by its ports alone.

use crate::sockets::describe;
use ortica::PeerConnection;
use ortica::core::Rng;
use ortica::jsep::SessionDescription;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// Longer than any datagram.
const BUFFER: usize = 65_536;

/// Forwards until it is dropped.
pub struct LossyPath {
    task: JoinHandle<()>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    passed: AtomicU64,
    lost: AtomicU64,
}

impl LossyPath {
    /// One offers, the other answers, each with one socket on loopback; of what they send to each other the part `loss`, 0 to 1,
    /// does not arrive.
    pub async fn negotiate(offerer: &PeerConnection, answerer: &PeerConnection, loss: f64, seed: u64) -> Self {
        let (first, second) = (door().await, door().await);
        let (offer, offerer_at) = behind(describe(offerer).await, &first);
        answerer.set_remote_description(offer).expect("a legal offer");
        let (answer, answerer_at) = behind(describe(answerer).await, &second);
        offerer.set_remote_description(answer).expect("a legal answer");
        let counts = Arc::new(Counts::default());
        let forwarder = Forwarder { rng: Rng::from_number(seed), loss, counts: counts.clone() };
        let task = tokio::spawn(forwarder.run([(first, offerer_at), (second, answerer_at)]));
        Self { task, counts }
    }

    /// The part of the packets that was lost so far, 0 to 1.
    pub fn lost(&self) -> f64 {
        let [passed, lost] = [&self.counts.passed, &self.counts.lost].map(|count| count.load(Ordering::Relaxed) as f64);
        lost / (passed + lost).max(1.0)
    }
}

impl Drop for LossyPath {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Forwarder {
    rng: Rng,
    loss: f64,
    counts: Arc<Counts>,
}

impl Forwarder {
    /// What comes to the door of one goes on to him, from the door of the other.
    async fn run(mut self, [(first, first_at), (second, second_at)]: [(UdpSocket, SocketAddr); 2]) {
        let (mut one, mut other) = (vec![0; BUFFER], vec![0; BUFFER]);
        loop {
            let (received, from, to, bytes) = tokio::select! {
                received = first.recv(&mut one) => (received, &second, first_at, &one),
                received = second.recv(&mut other) => (received, &first, second_at, &other),
            };
            // Errors are reports of ports that are closed already.
            let Some(datagram) = received.ok().and_then(|len| bytes.get(..len)) else { continue };
            if self.rng.unit() < self.loss {
                self.counts.lost.fetch_add(1, Ordering::Relaxed);
            } else if from.send_to(datagram, to).await.is_ok() {
                self.counts.passed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

async fn door() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has free ports")
}

/// The description as one that is reached by that door, and where its sender really is.
fn behind(description: SessionDescription, door: &UdpSocket) -> (SessionDescription, SocketAddr) {
    let at = candidate(&description.sdp).expect("it has a candidate");
    let port = door.local_addr().expect("it is bound").port();
    let sdp = description.sdp.replace(&format!(" {} ", at.port()), &format!(" {port} "));
    (SessionDescription { sdp, ..description }, at)
}

/// The address of the first candidate (RFC 8839 §5.1).
fn candidate(sdp: &str) -> Option<SocketAddr> {
    let line = sdp.lines().find(|line| line.starts_with("a=candidate:"))?;
    let mut words = line.split(' ').skip(4);
    Some(SocketAddr::new(words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}
