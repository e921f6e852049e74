//! A link to a TURN server over DTLS: a UDP socket that nothing else uses, and on it a record for each packet.
//!
//! What is lost stays lost, as over UDP without DTLS: the client of TURN sends its requests again. Only the handshake waits, for
//! [`HANDSHAKE_TIMEOUT`] at most.
//!
//! Source: [RFC 7350](https://www.rfc-editor.org/rfc/rfc7350)

use super::open::fault_of;
use super::{Name, Sent, Takers};
use crate::driver::batch::Batch;
use crate::driver::socket::{Socket, is_too_long};
use ortica_core::crypto::CryptoProvider;
use ortica_core::{Ecn, Instant, Rng, Transmit};
use ortica_dtls::{CloseReason, Config, Connection, Event, ServerIdentity};
use ortica_ice::ConnectionError;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// The first retransmission timeout: nobody has measured the path, as for requests of STUN.
///
/// Source: [RFC 8489 §6.2.1](https://www.rfc-editor.org/rfc/rfc8489#section-6.2.1)
const INITIAL_TIMEOUT: Duration = Duration::from_millis(500);
/// How long a handshake may take: about as long as gathering waits for a server.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Reads before others have their turn.
const READS_PER_TURN: usize = 4;
/// The most bytes of a train of packets.
const MAX_TRAIN: usize = 65_000;

/// The socket, and what makes records of packets.
pub(in crate::driver) struct DtlsLink {
    pub name: Name,
    pub socket: Socket,
    remote: SocketAddr,
    connection: Connection,
}

impl DtlsLink {
    /// Begins the handshake once it is polled.
    pub fn new(
        now: Instant,
        name: Name,
        socket: Socket,
        remote: SocketAddr,
        server: ServerIdentity,
        (provider, rng): (CryptoProvider, Rng),
    ) -> Self {
        let config = Config::with_certificates(provider, Vec::new())
            .with_initial_timeout(INITIAL_TIMEOUT)
            .with_handshake_timeout(HANDSHAKE_TIMEOUT);
        let connection = Connection::to_server(Arc::new(config), server, rng, now);
        Self { name, socket, remote, connection }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.connection.poll_timeout()
    }

    /// Sends packets, each in a record of its own, in trains like the one that they came in.
    pub fn send(&mut self, transmit: &Transmit, contents: &[u8], out: &mut Vec<u8>) -> Sent {
        let mut sent = Sent::default();
        out.clear();
        let size = transmit.segment_size.unwrap_or(contents.len()).max(1);
        let sealed = size + self.connection.overhead();
        let most = self.socket.outlet().max_segments().min(MAX_TRAIN / sealed).max(1);
        for train in contents.chunks(size.saturating_mul(most)) {
            for packet in train.chunks(size) {
                let start = self.connection.begin(out);
                out.extend_from_slice(packet);
                // The agent sends nothing before it is told of the link.
                sent.dropped += usize::from(self.connection.seal(out, start).is_err());
            }
            self.transmit(transmit.ecn, out, sealed, &mut sent);
            out.clear();
        }
        sent
    }

    /// Sends what is in `out`, packets of `size` bytes but for the last.
    fn transmit(&self, ecn: Ecn, out: &[u8], size: usize, sent: &mut Sent) {
        if out.is_empty() {
            return;
        }
        let outlet = self.socket.outlet();
        let segment_size = Some(size).filter(|size| *size < out.len());
        let transmit = Transmit { socket: outlet.id, remote: self.remote, ecn, len: out.len(), segment_size };
        if let Err(error) = outlet.send(&transmit, out) {
            tracing::trace!(%error, remote = %self.remote, "records were refused");
            sent.refused += 1;
            sent.is_too_long |= is_too_long(&error);
        }
    }

    /// Does what can be done now; `true` when there may be more to read.
    pub fn poll(
        &mut self,
        now: Instant,
        cx: &mut Context<'_>,
        out: &mut Vec<u8>,
        takers: &mut impl Takers,
    ) -> Result<bool, ConnectionError> {
        let has_more = Batch::lend(Batch::stride(self.socket.receive_len()), |batch| self.read(now, cx, batch, takers));
        if self.connection.poll_timeout().is_some_and(|due| due <= now) {
            self.connection.handle_timeout(now);
        }
        self.send_flight(now, out);
        self.conclude(takers)?;
        Ok(has_more)
    }

    /// Reads what is there; `true` when there may be more.
    fn read(&mut self, now: Instant, cx: &mut Context<'_>, batch: &mut Batch, takers: &mut impl Takers) -> bool {
        for _ in 0..READS_PER_TURN {
            let (mut buffers, meta) = batch.buffers();
            match self.socket.poll_receive(cx, &mut buffers, meta) {
                Poll::Pending => return false,
                // An ICMP error of some earlier packet: that packet is lost, nothing else.
                Poll::Ready(Err(_)) => {}
                Poll::Ready(Ok(messages)) => {
                    for index in 0..messages {
                        let (contents, meta) = batch.message(index);
                        // Whatever else comes to the port is for nobody.
                        if (meta.addr.ip(), meta.addr.port()) == (self.remote.ip(), self.remote.port()) {
                            self.open(now, contents, meta.stride, takers);
                        }
                    }
                }
            }
        }
        true
    }

    /// Takes in a message of the server's, which holds packets of `stride` bytes.
    fn open(&mut self, now: Instant, contents: &mut [u8], stride: usize, takers: &mut impl Takers) {
        let (session, _, _) = self.name;
        let stride = if stride == 0 { contents.len() } else { stride }.max(1);
        let from = (self.socket.id(), self.remote);
        let connection = &mut self.connection;
        if !connection.is_connected() {
            // Of a handshake the session need not wait for. Nothing is said to it before it has asked.
            contents.chunks_mut(stride).for_each(|packet| connection.handle_packet(now, packet, &mut |_| {}));
            return;
        }
        takers.take_packets(session, from, &mut |take| {
            contents.chunks_mut(stride).for_each(|packet| connection.handle_packet(now, packet, take));
        });
    }

    /// Sends what the handshake, or its end, has to say.
    fn send_flight(&mut self, now: Instant, out: &mut Vec<u8>) {
        let mut sent = Sent::default();
        out.clear();
        while let Some(len) = self.connection.poll_packet(now, out) {
            // It is sent again by its own timer if it is refused.
            self.transmit(Ecn::NotEct, out, len, &mut sent);
            out.clear();
        }
    }

    /// Tells what became of it.
    fn conclude(&mut self, takers: &mut impl Takers) -> Result<(), ConnectionError> {
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::Secured => {
                    self.connection.rest();
                    takers.connected(self.name, self.socket.id(), self.socket.address);
                }
                Event::Closed(reason) => {
                    tracing::debug!(?reason, "no DTLS to a TURN server");
                    return Err(error_of(reason));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Says goodbye, for which nobody waits.
    pub fn close(&mut self, now: Instant, out: &mut Vec<u8>) {
        self.connection.close(now);
        self.send_flight(now, out);
    }
}

/// What the end of a connection means for its link.
fn error_of(reason: CloseReason) -> ConnectionError {
    match reason {
        CloseReason::Local => ConnectionError::Unneeded,
        CloseReason::Remote | CloseReason::Alert(_) => ConnectionError::Closed,
        CloseReason::Timeout { refused: None, alert: None } => ConnectionError::TimedOut,
        CloseReason::Untrusted(error) => ConnectionError::Certificate(fault_of(error)),
        _ => ConnectionError::Untrusted,
    }
}
