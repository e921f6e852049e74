//! A connection: the public face, and what happens to each record.

use crate::cipher_suite::CipherSuite;
use crate::config::{Config, Role};
use crate::event::Event;
use crate::fingerprint::Fingerprint;
use crate::stats::Stats;
use ortica_core::{Instant, Rng};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// One end of a DTLS connection.
pub struct Connection {
    config: Arc<Config>,
    role: Role,
    fingerprints: Vec<Fingerprint>,
    rng: Rng,
    stats: Stats,
}

/// Where a record under construction begins; from [`Connection::begin`] for [`Connection::seal`].
#[derive(Debug)]
#[must_use = "what was begun is to be sealed"]
pub struct RecordStart(usize);

/// A record cannot be sealed. The buffer is again as it was before [`Connection::begin`].
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum SealError {
    /// The handshake is not over, or the connection is.
    #[error("not connected")]
    NotConnected,
    /// The plaintext is longer than 16,384 bytes.
    #[error("longer than a record may be")]
    TooLong,
    /// 2^48 - 1 records were sent: the next nonce would be the last of its kind.
    #[error("out of sequence numbers")]
    Exhausted,
}

impl Connection {
    /// Starts a connection; a client has its first flight ready at once.
    ///
    /// `remote_fingerprints` are what signaling said about the peer's certificate. The certificate must match one of
    /// those made with the strongest hash supported (SHA-256, SHA-384, SHA-512); with none, no handshake succeeds.
    pub fn new(config: Arc<Config>, role: Role, remote_fingerprints: Vec<Fingerprint>, rng: Rng, now: Instant) -> Self {
        let _ = now;
        Self { config, role, fingerprints: remote_fingerprints, rng, stats: Stats::default() }
    }

    /// Takes in one packet, which may hold several records of several epochs. Decrypts in place and hands the plaintext
    /// of each application record to `deliver`. What is not for us is counted and dropped.
    pub fn handle_packet(&mut self, now: Instant, packet: &mut [u8], deliver: &mut dyn FnMut(&mut [u8])) {
        let _ = (now, packet, deliver);
        self.stats.packets_received += 1;
    }

    /// Does what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
    }

    /// Appends one packet of a flight, or an alert, and returns its length; `None` when there is nothing to send.
    pub fn poll_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        let _ = (now, out, &self.config, &self.fingerprints, &self.rng);
        None
    }

    /// What happened, if anything did. [`Event::Closed`] comes once the last packet has been polled.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Says goodbye to the peer and ends the connection.
    pub fn close(&mut self, now: Instant) {
        let _ = now;
    }

    /// Sets how long to wait for an answer to a flight, from the next flight on: what ICE has measured of the path, with
    /// room for its variation. Kept within 10 ms and 60 s.
    pub fn set_initial_timeout(&mut self, timeout: Duration) {
        let _ = timeout;
    }

    /// Begins an application record: appends room for its header to `out`. The caller appends the plaintext, at most
    /// 16,384 bytes, and calls [`seal`](Self::seal).
    pub fn begin(&self, out: &mut Vec<u8>) -> RecordStart {
        RecordStart(out.len())
    }

    /// Encrypts what was appended since [`begin`](Self::begin) in place, fills in the header and appends the tag.
    ///
    /// # Errors
    /// When not connected, when the plaintext is too long, or when the sequence numbers are used up. `out` is then cut
    /// back to where the record began.
    pub fn seal(&mut self, out: &mut Vec<u8>, start: RecordStart) -> Result<(), SealError> {
        out.truncate(start.0);
        Err(SealError::NotConnected)
    }

    /// How many bytes a record adds to its plaintext: 37 with AES-GCM, 29 with ChaCha20-Poly1305. Before a suite is
    /// agreed on, the larger.
    pub fn overhead(&self) -> usize {
        37
    }

    /// `true` from [`Event::Connected`] until the connection ends.
    pub fn is_connected(&self) -> bool {
        false
    }

    /// The cipher suite, once agreed on.
    pub fn cipher_suite(&self) -> Option<CipherSuite> {
        None
    }

    /// Which part this end plays.
    pub fn role(&self) -> Role {
        self.role
    }

    /// What was counted so far.
    pub fn stats(&self) -> Stats {
        self.stats
    }
}
