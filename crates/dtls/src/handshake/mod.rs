//! The handshake of DTLS 1.2: six flights at most, of which a client sends the odd ones.
//!
//! ```text
//!  client                                           server
//!  1  ClientHello                  ──►
//!                                  ◄──  HelloVerifyRequest                        2  (only if asked for)
//!  3  ClientHello with cookie      ──►
//!                                  ◄──  ServerHello, Certificate,                 4
//!                                       ServerKeyExchange, CertificateRequest,
//!                                       ServerHelloDone
//!  5  Certificate, ClientKeyExchange,
//!     CertificateVerify,
//!     ChangeCipherSpec, Finished   ──►
//!                                  ◄──  ChangeCipherSpec, Finished                6
//! ```
//! Source: [RFC 6347 §4.2.4](https://www.rfc-editor.org/rfc/rfc6347#section-4.2.4)
//!
//! **Nothing before the signatures is authenticated**, and anybody who can guess the peer's address can send it. What is
//! unacceptable is therefore dropped, not answered and not fatal, until a signature over this end's own random number has
//! proved that it came from whom this end talks to: ServerKeyExchange at a client, CertificateVerify at a server. A flight
//! that turns out to be a stranger's is forgotten, and the peer's retransmission brings the true one.
//!
//! Outside of calls an end may be known in another way ([`Expected`]). A server that asks nobody who he is leaves out
//! CertificateRequest, and a client that is not asked leaves out Certificate and CertificateVerify.
//!
//! **ChangeCipherSpec is not acted upon**: the epoch of a record says which keys it is under, and Finished proves that the
//! peer has them. There is nothing that an early or a forged one could switch.

pub(crate) mod flight;
pub(crate) mod inbox;
pub(crate) mod reassembly;
pub(crate) mod transcript;

use crate::alert::Alert;
use crate::client::Client;
use crate::config::{Config, Limits, Role};
use crate::event::CloseReason;
use crate::fingerprint::Fingerprint;
use crate::key_log::KeyLogEntry;
use crate::key_schedule::Secrets;
use crate::message::{Fragment, HandshakeType, Message};
use crate::record::{Epoch, Opener, Records, Sealer};
use crate::server::Server;
use crate::server_identity::ServerIdentity;
use crate::stats::Stats;
use crate::verified::Established;
use flight::Flight;
use inbox::Inbox;
use ortica_core::{DecodeError, Instant, Reader, Rng};
use reassembly::Reassembly;
use std::sync::Arc;
use std::time::Duration;
use tracing::debug;
use transcript::Transcript;

/// How an end knows who the other one is.
pub(crate) enum Expected {
    /// By what signaling said of its certificate. Both ends show one.
    Announced(Vec<Fingerprint>),
    /// A client, by the chain that the server shows.
    Server(ServerIdentity),
    /// A server that asks nobody who he is.
    Anyone,
}

/// What every state works with.
pub(crate) struct Link {
    pub config: Arc<Config>,
    pub expected: Expected,
    pub rng: Rng,
    pub records: Records,
    pub flight: Flight,
    pub transcript: Transcript,
    /// First timeout of the next flight.
    pub initial_timeout: Duration,
    pub stats: Stats,
    /// For a key log, where one is wanted.
    pub key_log: Option<KeyLogEntry>,
}

impl Link {
    pub(crate) fn new(config: Arc<Config>, expected: Expected, rng: Rng) -> Self {
        Self {
            initial_timeout: config.initial_timeout,
            flight: Flight::new(config.mtu),
            config,
            expected,
            rng,
            records: Records::default(),
            transcript: Transcript::default(),
            stats: Stats::default(),
            key_log: None,
        }
    }

    /// Takes the keys of epoch 1 into use, in both directions.
    pub(crate) fn install(&mut self, role: Role, secrets: &Secrets) -> Result<(), Alert> {
        let provider = &self.config.provider;
        let sealer = Sealer::new(provider, secrets.write_key(role)).map_err(|_| Alert::INTERNAL_ERROR)?;
        let opener = Opener::new(provider, secrets.write_key(role.peer())).map_err(|_| Alert::INTERNAL_ERROR)?;
        (self.records.sealer, self.records.opener) = (Some(sealer), Some(opener));
        self.key_log = self.config.key_log.then(|| secrets.key_log_entry());
        Ok(())
    }
}

/// Why a message is not acceptable.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Nothing proves that it is the peer's: it is dropped.
    Unproven(Alert),
    /// It is the peer's: this is the end.
    Proven(CloseReason, Alert),
}

impl From<Alert> for Refusal {
    fn from(alert: Alert) -> Self {
        Self::Unproven(alert)
    }
}

impl From<DecodeError> for Refusal {
    fn from(_: DecodeError) -> Self {
        Self::Unproven(Alert::DECODE_ERROR)
    }
}

/// What a message led to.
pub(crate) enum Progress {
    /// More of this flight is to come.
    More,
    /// The flight was complete, and was answered.
    Answered,
    /// The handshake is over.
    Done(Established),
}

/// What a record led to.
pub(crate) enum Outcome {
    /// The handshake goes on.
    Ongoing,
    /// It is over.
    Done(Established),
    /// It failed: why, and what to tell the peer.
    Failed(CloseReason, Alert),
}

/// A handshake under way.
pub(crate) struct Handshake {
    machine: Machine,
    inbox: Inbox,
    /// Why the last message was refused.
    refused: Option<Alert>,
}

enum Machine {
    Client(Client),
    Server(Server),
}

impl Handshake {
    /// Starts one; a client's first flight is ready then.
    pub(crate) fn new(role: Role, link: &mut Link) -> Self {
        let Limits { reassembly_messages: messages, reassembly_bytes: bytes, .. } = link.config.limits;
        // At a server, a quarter of the room is for hellos, which stand outside the sequence.
        let (machine, messages, bytes) = match role {
            Role::Client => (Machine::Client(Client::new(link)), messages, bytes),
            Role::Server => {
                let hellos = Reassembly::new(messages / 4, bytes / 4);
                (Machine::Server(Server::new(link, hellos)), messages - messages / 4, bytes - bytes / 4)
            }
        };
        let reassembly = Reassembly::new(messages, bytes);
        Self { machine, inbox: Inbox::new(0, reassembly), refused: None }
    }

    /// Why the last message was refused.
    pub(crate) fn refused(&self) -> Option<Alert> {
        self.refused
    }

    /// `true` once the peer can have keys that this end does not have yet, so that its protected records are worth keeping.
    pub(crate) fn may_hear_protected(&self) -> bool {
        match &self.machine {
            Machine::Client(_) => false,
            Machine::Server(server) => server.has_answered(),
        }
    }

    /// Takes in the contents of a handshake record.
    pub(crate) fn handle_record(&mut self, now: Instant, link: &mut Link, epoch: Epoch, contents: &[u8]) -> Outcome {
        let mut r = Reader::new(contents);
        while !r.is_empty() {
            match Fragment::decode(&mut r) {
                Ok(fragment) => self.add(now, link, epoch, &fragment),
                Err(error) => {
                    debug!(%error, "handshake fragment dropped");
                    link.stats.malformed += 1;
                    break;
                }
            }
        }
        self.advance(now, link)
    }

    /// Sorts a part of a message to where it is awaited.
    fn add(&mut self, now: Instant, link: &mut Link, epoch: Epoch, fragment: &Fragment<'_>) {
        // Finished is the first message under the new keys and the only one.
        let is_in_its_epoch = (fragment.kind == HandshakeType::FINISHED) == (epoch == Epoch::Protected);
        let repeats = match &mut self.machine {
            _ if !is_in_its_epoch => {
                link.stats.unexpected += 1;
                return;
            }
            Machine::Server(server) if fragment.kind == HandshakeType::CLIENT_HELLO => {
                return server.hellos.add(fragment);
            }
            Machine::Server(server) if server.has_answered() => false,
            Machine::Server(_) => {
                link.stats.unexpected += 1;
                return;
            }
            // The last message of the flight that this end's last one answers.
            Machine::Client(_) => fragment.kind == HandshakeType::SERVER_HELLO_DONE,
        };
        if repeats && self.inbox.is_answered(fragment) {
            if link.flight.on_peer_retransmission(now) {
                link.stats.peer_retransmissions += 1;
            }
        } else {
            self.inbox.add(fragment);
        }
    }

    /// Works off the messages that have become whole.
    fn advance(&mut self, now: Instant, link: &mut Link) -> Outcome {
        while let Some(result) = self.machine.next_hello(now, link) {
            match result {
                Ok(Some(next)) => self.inbox.restart(next),
                Ok(None) => {}
                Err(alert) => self.refuse(link, alert),
            }
        }
        while let Some(message) = self.inbox.take(self.machine.expects()) {
            match self.machine.on_message(link, message) {
                Ok(Progress::More) => {}
                Ok(Progress::Answered) => self.inbox.begin_flight(),
                Ok(Progress::Done(established)) => return Outcome::Done(established),
                Err(Refusal::Proven(reason, alert)) => return Outcome::Failed(reason, alert),
                Err(Refusal::Unproven(alert)) => {
                    self.refuse(link, alert);
                    self.machine.rewind(link);
                    self.inbox.rewind();
                }
            }
        }
        Outcome::Ongoing
    }

    fn refuse(&mut self, link: &mut Link, alert: Alert) {
        debug!(%alert, "handshake message refused");
        link.stats.refused += 1;
        self.refused = Some(alert);
    }

    /// Appends a packet that belongs to no flight: a HelloVerifyRequest.
    pub(crate) fn poll_packet(&mut self, link: &mut Link, out: &mut Vec<u8>) -> Option<usize> {
        match &mut self.machine {
            Machine::Client(_) => None,
            Machine::Server(server) => server.poll_verify_request(link, out),
        }
    }
}

impl Machine {
    /// Works off a ClientHello, if one is whole: gives the number of the message that comes after it if it was answered.
    fn next_hello(&mut self, now: Instant, link: &mut Link) -> Option<Result<Option<u16>, Alert>> {
        match self {
            Self::Client(_) => None,
            Self::Server(server) => server.hellos.take_any().map(|hello| server.on_client_hello(now, link, hello)),
        }
    }

    fn expects(&self) -> &'static [HandshakeType] {
        match self {
            Self::Client(client) => client.expects(),
            Self::Server(server) => server.expects(),
        }
    }

    fn on_message(&mut self, link: &mut Link, message: Message) -> Result<Progress, Refusal> {
        match self {
            Self::Client(client) => client.on_message(link, message),
            Self::Server(server) => server.on_message(link, message),
        }
    }

    /// Goes back to before the peer's flight.
    fn rewind(&mut self, link: &mut Link) {
        match self {
            Self::Client(client) => client.rewind(link),
            Self::Server(server) => server.rewind(link),
        }
    }
}
