//! A connection to the server that becomes one to a peer.
//!
//! Source: [RFC 6062 §4.3, §4.5](https://www.rfc-editor.org/rfc/rfc6062#section-4.3)

use super::auth::Prover;
use super::config::ClientConfig;
use super::request::{Purpose, Request};
use crate::stun::{AttributeType, Class, ErrorCode, Message, MessageBuilder};
use crate::turn::framing::StreamReader;
use crate::turn::{ConnectionId, TurnError};
use ortica_core::{Instant, Rng};
use std::sync::Arc;

/// What became of a connection; one of the two comes, once.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DataConnectionEvent {
    /// From here on all that is written goes to the peer as it is, and what is read comes from there, what the reader has
    /// [left](StreamReader::take_rest) first.
    Bound,
    /// It is of no use: close it. The server ends that to the peer.
    Failed(TurnError),
}

/// Says to the server which peer's connection a connection is for, and then nothing any more.
///
/// ```text
///   Asking -- success --> Bound
///      +-- error, silence, something else --> Failed
/// ```
#[derive(Debug)]
pub struct DataConnection {
    config: Arc<ClientConfig>,
    prover: Prover,
    rng: Rng,
    /// What is asked, until it is answered.
    request: Option<Request>,
    event: Option<DataConnectionEvent>,
}

impl DataConnection {
    pub(super) fn new(
        config: Arc<ClientConfig>,
        prover: Prover,
        mut rng: Rng,
        now: Instant,
        connection: ConnectionId,
    ) -> Self {
        let request = Request::new(Purpose::ConnectionBind(connection), &mut rng, now);
        Self { config, prover, rng, request: Some(request), event: None }
    }

    /// Takes what was read up to the server's answer, and leaves the peer's bytes behind it to
    /// [`take_rest`](StreamReader::take_rest).
    pub fn read(&mut self, now: Instant, reader: &mut StreamReader) {
        while self.request.is_some() {
            match reader.next_packet() {
                Ok(Some(packet)) => self.on_packet(now, packet),
                Ok(None) => return,
                Err(_) => self.end(DataConnectionEvent::Failed(TurnError::InvalidAnswer("form"))),
            }
        }
    }

    /// Time has come: what is unanswered is given up.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|at| at <= now) {
            self.end(DataConnectionEvent::Failed(TurnError::Timeout));
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.request.as_ref().map(|request| request.deadline(&self.config))
    }

    /// Appends the next request for the server and gives its length.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        let request = self.request.as_mut().filter(|request| !request.was_sent())?;
        let Purpose::ConnectionBind(connection) = request.purpose else { return None };
        let start = out.len();
        let builder = MessageBuilder::new(out, Class::Request, request.purpose.method(), request.id)
            .attribute(AttributeType::CONNECTION_ID, &connection.get().to_be_bytes());
        self.prover.answer(builder);
        request.on_sent(now, self.prover.is_ready());
        Some(out.len() - start)
    }

    /// What became of it.
    pub fn poll_event(&mut self) -> Option<DataConnectionEvent> {
        self.event.take()
    }

    fn on_packet(&mut self, now: Instant, packet: &[u8]) {
        let Ok(message) = Message::parse(packet) else { return };
        let answers = |request: &&mut Request| {
            let same = request.id == message.transaction() && request.purpose.method() == message.method();
            same && request.was_sent()
        };
        let Some(request) = self.request.as_mut().filter(answers) else { return };
        let error = match (message.class(), message.error_code()) {
            (Class::Success, _) => None,
            (Class::Error, Ok(Some(error))) => Some(error),
            _ => return,
        };
        if let Some(error) = error
            && matches!(error.code, ErrorCode::UNAUTHENTICATED | ErrorCode::STALE_NONCE)
        {
            return match self.prover.meet(&self.config, request, error, &message) {
                Ok(()) => *request = request.again(&mut self.rng, now),
                Err(error) => self.end(DataConnectionEvent::Failed(error)),
            };
        }
        if message.unknown_attributes().next().is_some() || !self.prover.is_authentic(request, &message) {
            // Nothing else follows on a stream.
            return self.end(DataConnectionEvent::Failed(TurnError::Forged));
        }
        self.end(match error {
            None => DataConnectionEvent::Bound,
            Some(error) => {
                let (code, reason) = (error.code, error.reason.to_owned());
                DataConnectionEvent::Failed(TurnError::Refused { code, reason })
            }
        });
    }

    fn end(&mut self, event: DataConnectionEvent) {
        self.request = None;
        self.event = Some(event);
    }
}
