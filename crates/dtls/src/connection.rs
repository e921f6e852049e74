//! A connection: the public face, and what happens to each record.

use crate::alert::{Alert, AlertMessage};
use crate::cipher_suite::CipherSuite;
use crate::config::{Config, Role};
use crate::early::EarlyRecords;
use crate::event::{CloseReason, Event};
use crate::fingerprint::Fingerprint;
use crate::handshake::{Expected, Handshake, Link, Outcome};
use crate::key_log::KeyLogEntry;
use crate::message::{Fragment, HandshakeType};
use crate::record::{ContentType, Epoch, Header, MAX_PLAINTEXT, OpenError, Records, epoch, next_record};
use crate::server_identity::ServerIdentity;
use crate::stats::Stats;
use crate::verified::Established;
use ortica_core::{Instant, Reader, Rng};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tracing::debug;

/// One end of a DTLS connection.
///
/// Nothing is delivered and nothing can be sent before [`Event::Connected`], and that comes only for a peer whose
/// certificate matches what signaling said; or before [`Event::Secured`], where nobody signaled
/// ([`to_server`](Self::to_server)). See the [crate documentation](crate) for the loop around it.
pub struct Connection {
    role: Role,
    link: Link,
    state: State,
    /// When the handshake has taken too long.
    deadline: Option<Instant>,
    early: EarlyRecords,
    /// An alert to send, before the end is told.
    alert: Option<Alert>,
    /// The last alert that nothing proved to be the peer's.
    alert_heard: Option<Alert>,
    established: Option<Established>,
    closed: Option<CloseReason>,
}

/// ```text
///  Handshake ──Finished verified──► Connected ──► Closed
///      └──────refused, too late, close──────────────▲
/// ```
enum State {
    Handshake(Box<Handshake>),
    Connected,
    Closed,
}

/// Where a record under construction begins; from [`Connection::begin`] for [`Connection::seal`].
#[derive(Debug)]
#[must_use = "what was begun is to be sealed"]
pub struct RecordStart {
    at: usize,
    /// Whether there were keys then, and so room was left.
    has_room: bool,
}

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
    /// The most bytes that one application record holds.
    ///
    /// Source: [RFC 5246 §6.2.1](https://www.rfc-editor.org/rfc/rfc5246#section-6.2.1)
    pub const MAX_DATA: usize = MAX_PLAINTEXT;

    /// What AES-GCM adds to a plaintext, the most that any suite does.
    const MAX_OVERHEAD: usize = 37;

    /// Starts a connection; a client has its first flight ready at once.
    ///
    /// `remote_fingerprints` are what signaling said about the peer's certificate. The certificate must match one of
    /// those made with the strongest hash supported (SHA-256, SHA-384, SHA-512); with none, no handshake succeeds.
    pub fn new(
        config: Arc<Config>,
        role: Role,
        remote_fingerprints: Vec<Fingerprint>,
        rng: Rng,
        _now: Instant,
    ) -> Self {
        Self::expecting(config, role, Expected::Announced(remote_fingerprints), rng)
    }

    /// Starts a client of a server that is known by its name and its chain of certificates, not by signaling; its first flight is
    /// ready at once. A handshake ends with [`Event::Secured`].
    ///
    /// The server may ask for a certificate or not: it is shown the first one of the configuration that it can verify, or else none.
    pub fn to_server(config: Arc<Config>, server: ServerIdentity, rng: Rng, _now: Instant) -> Self {
        Self::expecting(config, Role::Client, Expected::Server(server), rng)
    }

    /// Starts a server that shows its certificate and asks for none. A handshake ends with [`Event::Secured`].
    ///
    /// It stands outside of ICE: no hello is answered before one with a cookie shows that its sender reads what is sent to it, and
    /// what is sent before that is shorter than what came. Who can send in a client's name can still spoil a handshake, which then
    /// ends in a timeout.
    pub fn for_anyone(config: Arc<Config>, rng: Rng, _now: Instant) -> Self {
        Self::expecting(config, Role::Server, Expected::Anyone, rng)
    }

    fn expecting(config: Arc<Config>, role: Role, expected: Expected, rng: Rng) -> Self {
        let early = EarlyRecords::new(config.limits.early_records, config.limits.early_bytes);
        let mut link = Link::new(config, expected, rng);
        let state = State::Handshake(Box::new(Handshake::new(role, &mut link)));
        Self {
            role,
            link,
            state,
            deadline: None,
            early,
            alert: None,
            alert_heard: None,
            established: None,
            closed: None,
        }
    }

    /// Takes in one packet, which may hold several records of several epochs. Decrypts in place and hands the plaintext
    /// of each application record to `deliver`. What is not for us is counted and dropped.
    pub fn handle_packet(&mut self, now: Instant, packet: &mut [u8], deliver: &mut dyn FnMut(&mut [u8])) {
        self.link.stats.packets_received += 1;
        let mut rest = packet;
        while let Some(record) = next_record(&mut rest) {
            match record {
                Ok((header, fragment)) if header.is_ours() => self.handle_record(now, header, fragment, deliver),
                _ => self.link.stats.malformed += 1,
            }
        }
    }

    /// Does what is due at `now`: sends a flight again, or gives the handshake up.
    pub fn handle_timeout(&mut self, now: Instant) {
        let State::Handshake(handshake) = &self.state else { return };
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            let refused = handshake.refused();
            debug!(?refused, "handshake timed out");
            self.end(CloseReason::Timeout { refused, alert: self.alert_heard }, refused);
        } else if self.link.flight.on_timeout(now, Config::MAX_TIMEOUT) {
            self.link.stats.timeouts += 1;
        }
    }

    /// Appends one packet of a flight, or an alert, and returns its length; `None` when there is nothing to send.
    pub fn poll_packet(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        let len = self.poll_alert(out).or_else(|| match &mut self.state {
            State::Handshake(handshake) => handshake.poll_packet(&mut self.link, out),
            State::Connected | State::Closed => None,
        });
        let len = len.or_else(|| self.link.flight.poll(now, &mut self.link.records, out))?;
        self.link.stats.packets_sent += 1;
        // Its first packet: before that there was nowhere to send it.
        if matches!(self.state, State::Handshake(_)) && self.role == Role::Client {
            let deadline = now + self.link.config.handshake_timeout;
            self.deadline.get_or_insert(deadline);
        }
        Some(len)
    }

    /// What happened, if anything did. [`Event::Closed`] comes once the last packet has been polled.
    pub fn poll_event(&mut self) -> Option<Event> {
        match self.established.take() {
            Some(Established::Verified(verified)) => return Some(Event::Connected(*verified)),
            Some(Established::Secured) => return Some(Event::Secured),
            None => {}
        }
        if self.alert.is_some() {
            return None;
        }
        self.closed.take().map(Event::Closed)
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Handshake(_) => [self.deadline, self.link.flight.deadline()].into_iter().flatten().min(),
            State::Connected | State::Closed => None,
        }
    }

    /// Says goodbye to the peer and ends the connection.
    pub fn close(&mut self, now: Instant) {
        let _ = now;
        // A server that has not heard of anybody has nobody to say goodbye to.
        let has_spoken = !self.link.flight.is_empty() || self.is_connected();
        self.end(CloseReason::Local, has_spoken.then_some(Alert::CLOSE_NOTIFY));
    }

    /// Sets how long to wait for an answer to a flight, from the next flight on: what ICE has measured of the path, with
    /// room for its variation. Kept within 10 ms and 60 s.
    pub fn set_initial_timeout(&mut self, timeout: Duration) {
        self.link.initial_timeout = timeout.clamp(Config::MIN_TIMEOUT, Config::MAX_TIMEOUT);
    }

    /// Begins an application record: appends room for its header to `out`. The caller appends the plaintext, at most
    /// [`MAX_DATA`](Self::MAX_DATA) bytes, and calls [`seal`](Self::seal).
    pub fn begin(&self, out: &mut Vec<u8>) -> RecordStart {
        let start = RecordStart { at: out.len(), has_room: self.is_connected() };
        if let (true, Some(sealer)) = (start.has_room, &self.link.records.sealer) {
            sealer.begin(out);
        }
        start
    }

    /// Encrypts what was appended since [`begin`](Self::begin) in place, fills in the header and appends the tag.
    ///
    /// # Errors
    /// When not connected, when the plaintext is too long, or when the sequence numbers are used up. `out` is then cut
    /// back to where the record began.
    pub fn seal(&mut self, out: &mut Vec<u8>, start: RecordStart) -> Result<(), SealError> {
        let RecordStart { at, has_room } = start;
        let (true, Some(sealer)) = (has_room && self.is_connected(), &mut self.link.records.sealer) else {
            out.truncate(at);
            return Err(SealError::NotConnected);
        };
        sealer.seal(ContentType::APPLICATION_DATA, out, at)?;
        let len = out.len().saturating_sub(at + sealer.overhead());
        self.link.stats.records_sent += 1;
        self.link.stats.bytes_sent += len as u64;
        Ok(())
    }

    /// How many bytes a record adds to its plaintext: 37 with AES-GCM, 29 with ChaCha20-Poly1305. Before a suite is
    /// agreed on, the larger.
    pub fn overhead(&self) -> usize {
        self.link.records.sealer.as_ref().map_or(Self::MAX_OVERHEAD, |sealer| sealer.overhead())
    }

    /// `true` from [`Event::Connected`] or [`Event::Secured`] until the connection ends.
    pub fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected)
    }

    /// The cipher suite, while there are keys for it.
    pub fn cipher_suite(&self) -> Option<CipherSuite> {
        self.link.records.sealer.as_ref().map(|sealer| sealer.suite().id())
    }

    /// The secret by which others can decrypt the connection, once there is one; given out once, and only where
    /// [`Config::with_key_log`] wants it.
    pub fn take_key_log(&mut self) -> Option<KeyLogEntry> {
        self.link.key_log.take()
    }

    /// Which part this end plays.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Gives back the memory that only a handshake needs. To be called when one has been over for some seconds.
    pub fn rest(&mut self) {
        self.link.rng.rest();
    }

    /// What was counted so far.
    pub fn stats(&self) -> Stats {
        self.link.stats
    }

    fn handle_record(&mut self, now: Instant, header: Header, fragment: &mut [u8], deliver: &mut dyn FnMut(&mut [u8])) {
        let before = self.stage();
        match header.epoch {
            0 => self.handle_plain(now, header.content_type, fragment),
            epoch::PROTECTED => self.handle_protected(now, &header, fragment, deliver),
            _ => self.link.stats.unexpected += 1,
        }
        if self.stage() == before {
            return;
        }
        // Now some of what came too early can be read; Finished among it leads to the last stage.
        for _ in 0..2 {
            for (header, mut fragment) in self.early.take() {
                self.handle_protected(now, &header, &mut fragment, deliver);
            }
        }
    }

    /// How far the connection has come, as far as it decides what can be read.
    fn stage(&self) -> (bool, bool) {
        (self.link.records.opener.is_some(), self.is_connected())
    }

    /// A record of epoch 0, which anybody can have sent. It is listened to during the handshake only.
    fn handle_plain(&mut self, now: Instant, content_type: ContentType, contents: &[u8]) {
        let State::Handshake(handshake) = &mut self.state else {
            self.link.stats.unexpected += 1;
            return;
        };
        match content_type {
            ContentType::HANDSHAKE => {
                let deadline = now + self.link.config.handshake_timeout;
                self.deadline.get_or_insert(deadline);
                let outcome = handshake.handle_record(now, &mut self.link, Epoch::Plain, contents);
                self.on_outcome(outcome);
            }
            // The epoch says it all; see the `handshake` module.
            ContentType::CHANGE_CIPHER_SPEC if contents == [1] => {}
            // A hint for the record, not an order: a stranger could end every call with it.
            ContentType::ALERT => match AlertMessage::decode(contents) {
                Ok(alert) => {
                    debug!(alert = %alert.description, "unauthenticated alert");
                    self.alert_heard = Some(alert.description);
                }
                Err(_) => self.link.stats.malformed += 1,
            },
            ContentType::APPLICATION_DATA => self.link.stats.unexpected += 1,
            _ => self.link.stats.malformed += 1,
        }
    }

    fn handle_protected(
        &mut self,
        now: Instant,
        header: &Header,
        fragment: &mut [u8],
        deliver: &mut dyn FnMut(&mut [u8]),
    ) {
        let is_data = header.content_type == ContentType::APPLICATION_DATA;
        let is_open = match &self.state {
            State::Connected => true,
            State::Handshake(_) if self.link.records.opener.is_some() => !is_data,
            State::Handshake(handshake) if handshake.may_hear_protected() => false,
            State::Handshake(_) | State::Closed => {
                self.link.stats.unexpected += 1;
                return;
            }
        };
        let Some(opener) = self.link.records.opener.as_mut().filter(|_| is_open) else {
            if !self.early.keep(header, fragment) {
                self.link.stats.early_dropped += 1;
            }
            return;
        };
        let plaintext = match opener.open(header, fragment) {
            Ok(plaintext) => plaintext,
            Err(OpenError::Replayed) => return self.link.stats.replayed += 1,
            Err(OpenError::Unauthenticated) => return self.link.stats.unauthenticated += 1,
        };
        match header.content_type {
            ContentType::APPLICATION_DATA => {
                self.link.stats.records_received += 1;
                self.link.stats.bytes_received += plaintext.len() as u64;
                deliver(plaintext);
            }
            ContentType::HANDSHAKE => self.handle_protected_handshake(now, plaintext),
            ContentType::ALERT => self.handle_alert(plaintext),
            _ => self.link.stats.unexpected += 1,
        }
    }

    fn handle_protected_handshake(&mut self, now: Instant, contents: &[u8]) {
        if let State::Handshake(handshake) = &mut self.state {
            let outcome = handshake.handle_record(now, &mut self.link, Epoch::Protected, contents);
            return self.on_outcome(outcome);
        }
        // All that makes sense now is Finished again, from a client that has not heard ours. HelloRequest and ClientHello
        // would begin a renegotiation: there is none.
        let fragment = Fragment::decode(&mut Reader::new(contents));
        let repeats = fragment.is_ok_and(|fragment| fragment.kind == HandshakeType::FINISHED);
        if !repeats || self.link.flight.is_empty() {
            self.link.stats.unexpected += 1;
        } else if self.link.flight.on_peer_retransmission(now) {
            self.link.stats.peer_retransmissions += 1;
        }
    }

    fn handle_alert(&mut self, contents: &[u8]) {
        match AlertMessage::decode(contents) {
            // In answer, this end says goodbye as well: in DTLS 1.2 one goodbye closes both directions.
            Ok(AlertMessage { description: Alert::CLOSE_NOTIFY, .. }) => {
                self.end(CloseReason::Remote, Some(Alert::CLOSE_NOTIFY));
            }
            Ok(alert) if alert.is_fatal() => self.end(CloseReason::Alert(alert.description), None),
            Ok(alert) => debug!(alert = %alert.description, "warning"),
            Err(_) => self.link.stats.malformed += 1,
        }
    }

    fn on_outcome(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Ongoing => {}
            Outcome::Failed(reason, alert) => self.end(reason, Some(alert)),
            Outcome::Done(established) => {
                match &established {
                    Established::Verified(it) => {
                        debug!(role = ?self.role, suite = %it.cipher_suite(), srtp = ?it.srtp_profile(), "connected");
                    }
                    Established::Secured => debug!(role = ?self.role, "secured"),
                }
                self.state = State::Connected;
                self.deadline = None;
                self.link.transcript.clear();
                self.established = Some(established);
            }
        }
    }

    /// Ends the connection, with a last word to the peer.
    fn end(&mut self, reason: CloseReason, alert: Option<Alert>) {
        if matches!(self.state, State::Closed) {
            return;
        }
        debug!(role = ?self.role, ?reason, "closed");
        self.state = State::Closed;
        self.deadline = None;
        self.early.clear();
        self.link.flight.clear();
        self.link.transcript.clear();
        self.alert = alert;
        self.closed = Some(reason);
        if self.alert.is_none() {
            self.link.records = Records::default();
        }
    }

    /// Appends the last word, after which the keys are not needed any more.
    fn poll_alert(&mut self, out: &mut Vec<u8>) -> Option<usize> {
        let alert = self.alert.take()?;
        let epoch = if self.link.records.sealer.is_some() { Epoch::Protected } else { Epoch::Plain };
        let start = out.len();
        let write = |out: &mut Vec<u8>| out.extend(AlertMessage::new(alert).encode());
        let written = self.link.records.write(epoch, ContentType::ALERT, out, write);
        self.link.records = Records::default();
        written.ok().map(|()| out.len() - start)
    }
}

#[cfg(test)]
impl Connection {
    /// Appends a record of epoch 1 of any type.
    pub(crate) fn seal_as(&mut self, content_type: ContentType, contents: &[u8], out: &mut Vec<u8>) {
        let write = |out: &mut Vec<u8>| out.extend_from_slice(contents);
        self.link.records.write(Epoch::Protected, content_type, out, write).unwrap();
    }

    pub(crate) fn set_next_sequence(&mut self, sequence: u64) {
        self.link.records.sealer.as_mut().unwrap().set_next_sequence(sequence);
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Handshake(_) => "Handshake",
            State::Connected => "Connected",
            State::Closed => "Closed",
        };
        f.debug_struct("Connection").field("role", &self.role).field("state", &state).finish_non_exhaustive()
    }
}
