//! What a NAT does, found out by asking a STUN server that has two addresses.
//!
//! [`BehaviorDiscovery`] asks from one socket which nobody else uses meanwhile, in three rounds of questions at a time: where the server
//! sees the socket; whether answers from the server's other port and other address come in, before anything was sent there; and where
//! its other addresses see the socket. In the last round it also sends to itself.
//!
//! What it finds is true of this NAT at this time: RFC 5780 §1 says what it is good for, which is to tell people, not to choose a
//! way to connect.
//!
//! Source: [RFC 5780](https://www.rfc-editor.org/rfc/rfc5780)

mod question;
#[cfg(test)]
mod tests;

use crate::stun::{Class, Message};
use ortica_core::{Datagram, Instant, Rng, SocketId, Transmit};
use question::{Outcome, Question, Step};
use std::fmt;
use std::net::SocketAddr;
use thiserror::Error;

/// On what of a destination a NAT's behavior depends.
///
/// Source: [RFC 4787 §4.1, §5](https://www.rfc-editor.org/rfc/rfc4787#section-4.1)
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Dependence {
    /// On nothing.
    EndpointIndependent,
    /// On its address.
    AddressDependent,
    /// On its address and port.
    AddressAndPortDependent,
}

/// RFC 4787's words.
impl fmt::Display for Dependence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EndpointIndependent => "endpoint-independent",
            Self::AddressDependent => "address-dependent",
            Self::AddressAndPortDependent => "address and port-dependent",
        })
    }
}

/// What was found out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Behavior {
    /// Where the server sees the socket. The socket's own address: there is no NAT.
    pub mapped: SocketAddr,
    /// Which destinations see the socket at the same address. `None`: the server has no other address, or it did not answer there.
    pub mapping: Option<Dependence>,
    /// Who may send to it, once it sent to somebody. `None`: the server has no other address, or does not answer from it.
    pub filtering: Option<Dependence>,
    /// Whether what the socket sends to its own mapped address comes back. `None` without a NAT.
    pub hairpin: Option<bool>,
}

/// Why nothing was found out.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum BehaviorError {
    /// The server does not answer: UDP may be blocked.
    #[error("the server does not answer")]
    Timeout,
    /// It answered with this error, 300 to 699.
    #[error("the server refuses: {0}")]
    Refused(u16),
}

/// Finds out what the NAT between a socket and a server does: see the [module](self).
///
/// The socket's packets are handed in, and what it wants to send is taken, until it reports.
#[derive(Debug)]
pub struct BehaviorDiscovery {
    socket: SocketId,
    local: SocketAddr,
    server: SocketAddr,
    /// The server's other address and port.
    other: Option<SocketAddr>,
    rng: Rng,
    round: Vec<Question>,
    behavior: Option<Behavior>,
    report: Option<Result<Behavior, BehaviorError>>,
    is_over: bool,
}

impl BehaviorDiscovery {
    /// Begins to ask `server` from a socket that is bound to `local`, an address of the same family.
    pub fn new(now: Instant, socket: SocketId, local: SocketAddr, server: SocketAddr, mut rng: Rng) -> Self {
        let round = vec![Question::new(Step::First, server, now, &mut rng)];
        Self { socket, local, server, other: None, rng, round, behavior: None, report: None, is_over: false }
    }

    /// Takes what came to the socket. What belongs to no question is ignored.
    pub fn handle_datagram(&mut self, now: Instant, mut datagram: Datagram<'_>) {
        if self.is_over || datagram.local != self.socket {
            return;
        }
        let remote = datagram.remote;
        for packet in datagram.segments() {
            if let Ok(message) = Message::parse(packet) {
                self.take(remote, &message);
            }
        }
        self.settle(now);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.round.iter_mut().for_each(|question| question.expire(now));
        self.settle(now);
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) and [`poll_transmit`](Self::poll_transmit).
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.round.iter().filter_map(Question::next).min()
    }

    /// Appends the next question that is due.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        let socket = self.socket;
        self.round.iter_mut().find_map(|question| question.transmit(now, socket, out))
    }

    /// What was found out, once.
    pub fn poll_event(&mut self) -> Option<Result<Behavior, BehaviorError>> {
        self.report.take()
    }

    fn take(&mut self, remote: SocketAddr, message: &Message<'_>) {
        let is_it = |question: &&mut Question| question.is_answered_by(message);
        let Some(question) = self.round.iter_mut().find(is_it) else { return };
        let is_own = message.class() == Class::Request;
        question.outcome = match (question.step, message.class()) {
            (Step::Hairpin, Class::Request) => Outcome::Seen(remote),
            (step, Class::Success) => match message.xor_mapped_address() {
                // An answer from elsewhere than was asked for shows that the server does not do as it is asked.
                Ok(Some(at)) if Some(remote) == step.answers_from(self.server, self.other) => Outcome::Seen(at),
                _ => Outcome::Useless,
            },
            (_, Class::Error) => Outcome::Refused(message.error_code().ok().flatten().map_or(500, |error| error.code)),
            _ => Outcome::Useless,
        };
        if question.step == Step::First && !is_own {
            self.other = question::other_address(message).filter(|other| {
                other.is_ipv4() == self.server.is_ipv4()
                    && other.ip() != self.server.ip()
                    && other.port() != self.server.port()
            });
        }
    }

    /// Goes on with the next round when this one is over.
    fn settle(&mut self, now: Instant) {
        if self.is_over || self.round.iter().any(Question::is_open) {
            return;
        }
        let outcome = |step| self.round.iter().find(|question| question.step == step).map(|question| question.outcome);
        let ask: &[Step] = if let Some(first) = outcome(Step::First) {
            match first {
                Outcome::Seen(mapped) => {
                    self.behavior = Some(Behavior { mapped, mapping: None, filtering: None, hairpin: None });
                    if self.other.is_some() { &[Step::FilterBoth, Step::FilterPort] } else { &[Step::Hairpin] }
                }
                Outcome::Refused(code) => return self.finish(Err(BehaviorError::Refused(code))),
                _ => return self.finish(Err(BehaviorError::Timeout)),
            }
        } else if let (Some(both), Some(port), Some(behavior)) =
            (outcome(Step::FilterBoth), outcome(Step::FilterPort), &mut self.behavior)
        {
            behavior.filtering = match (both, port) {
                (Outcome::Seen(_), _) => Some(Dependence::EndpointIndependent),
                (Outcome::Silent, Outcome::Seen(_)) => Some(Dependence::AddressDependent),
                (Outcome::Silent, Outcome::Silent) => Some(Dependence::AddressAndPortDependent),
                _ => None,
            };
            &[Step::MapAddress, Step::MapBoth, Step::Hairpin]
        } else {
            return self.conclude();
        };
        let Some(mapped) = self.behavior.map(|behavior| behavior.mapped) else { return };
        // Without a NAT a packet to oneself says nothing.
        let wanted = ask.iter().filter(|step| **step != Step::Hairpin || mapped != self.local);
        let asked = wanted.filter_map(|step| Some((*step, step.asks(self.server, self.other, mapped)?)));
        self.round = asked.map(|(step, to)| Question::new(step, to, now, &mut self.rng)).collect();
        if self.round.is_empty() {
            self.conclude();
        }
    }

    fn conclude(&mut self) {
        let outcome = |step| self.round.iter().find(|question| question.step == step).map(|question| question.outcome);
        let Some(mut behavior) = self.behavior else { return };
        behavior.mapping = match (outcome(Step::MapAddress), outcome(Step::MapBoth)) {
            (Some(Outcome::Seen(address)), _) if address == behavior.mapped => Some(Dependence::EndpointIndependent),
            (Some(Outcome::Seen(address)), Some(Outcome::Seen(both))) if address == both => {
                Some(Dependence::AddressDependent)
            }
            (Some(Outcome::Seen(_)), Some(Outcome::Seen(_))) => Some(Dependence::AddressAndPortDependent),
            _ => None,
        };
        behavior.hairpin = outcome(Step::Hairpin).map(|outcome| matches!(outcome, Outcome::Seen(_)));
        self.finish(Ok(behavior));
    }

    fn finish(&mut self, report: Result<Behavior, BehaviorError>) {
        self.round.clear();
        self.is_over = true;
        self.report = Some(report);
    }
}
