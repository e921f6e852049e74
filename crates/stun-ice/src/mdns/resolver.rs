//! The resolver as its caller sees it, and the questions it asks.

use super::message::{Message, TYPE_A, TYPE_AAAA, is_name, write_query};
use super::responder::Responder;
use ortica_core::{Datagram, Ecn, Instant, Rng, SocketId, Transmit};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::Arc;
use std::time::Duration;

/// The port of multicast DNS.
pub(super) const PORT: u16 = 5353;
/// The interval to the second question, doubled after that.
///
/// Source: [RFC 6762 §5.2](https://www.rfc-editor.org/rfc/rfc6762#section-5.2)
const INTERVAL: Duration = Duration::from_secs(1);
/// How often a question is asked.
const TRIES: u32 = 3;
/// What is asked for: a name has a record of one kind, and nothing tells which.
const RECORDS: [u16; 2] = [TYPE_A, TYPE_AAAA];
/// How long answers are waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Settings of a [`Resolver`].
#[derive(Clone, Debug, Default)]
pub struct Config {
    pub(crate) limits: Limits,
}

impl Config {
    /// Bounds of the resolver's tables.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// Bounds of a resolver's tables.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Names under resolution at a time. Further ones resolve to nothing at once. Default: 64.
    pub questions: usize,
    /// Names of our own. Further ones are not answered. Default: 64.
    pub names: usize,
    /// Sockets. Further ones are ignored. Default: 32.
    pub sockets: usize,
    /// Answers waiting to be sent. Further ones are dropped. Default: 32.
    pub replies: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { questions: 64, names: 64, sockets: 32, replies: 32 }
    }
}

/// A fact about a resolver.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A question came to its end.
    Resolved {
        /// The name in lower case.
        name: String,
        /// Its address; `None` when nobody answered.
        address: Option<IpAddr>,
    },
}

/// What a resolver counted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Queries sent, one per socket and address family.
    pub queries_sent: u64,
    /// Queries of others that were answered.
    pub queries_answered: u64,
    /// Names that were resolved.
    pub resolved: u64,
    /// Names that nobody answered for.
    pub unresolved: u64,
    /// Datagrams dropped because they are no DNS message, or no answer from a multicast DNS port.
    pub malformed: u64,
}

/// Asks the local network for the address behind a name, and answers for names of our own.
///
/// Its sockets are the driver's: each bound to port 5353 (shared with others on the host), and a member of 224.0.0.251 or
/// ff02::fb on one interface.
#[derive(Debug)]
pub struct Resolver {
    config: Arc<Config>,
    sockets: Vec<(SocketId, SocketAddr)>,
    questions: Vec<Question>,
    responder: Responder,
    events: VecDeque<Event>,
    stats: Stats,
}

/// A name under resolution.
#[derive(Debug)]
struct Question {
    name: String,
    sent: u32,
    /// When to ask next.
    next: Option<Instant>,
    /// Sockets that are still to ask in this round, and for which record.
    round: VecDeque<(SocketId, u16)>,
    deadline: Instant,
}

impl Resolver {
    /// A resolver without sockets.
    ///
    /// Nothing in it is left to chance today; `rng` is there because RFC 6762 has delays that are.
    pub fn new(config: Arc<Config>, _rng: Rng, _now: Instant) -> Self {
        let responder = Responder::default();
        let (sockets, questions, events) = (Vec::new(), Vec::new(), VecDeque::new());
        Self { config, sockets, questions, responder, events, stats: Stats::default() }
    }

    /// Hands over a socket bound to `addr` that joined the group of its family. The scope of an IPv6 address says the
    /// interface that its queries leave by. Names under resolution are asked for there too.
    pub fn add_socket(&mut self, now: Instant, id: SocketId, addr: SocketAddr) {
        let known = self.sockets.iter().any(|(other, _)| *other == id);
        if known || self.sockets.len() >= self.config.limits.sockets {
            return;
        }
        self.sockets.push((id, addr));
        for question in self.questions.iter_mut().filter(|question| question.sent > 0 && question.deadline > now) {
            question.round.extend(RECORDS.map(|record| (id, record)));
        }
    }

    /// A socket is gone.
    pub fn remove_socket(&mut self, _now: Instant, id: SocketId) {
        self.sockets.retain(|(other, _)| *other != id);
        self.responder.remove_socket(id);
        for question in &mut self.questions {
            question.round.retain(|(other, _)| *other != id);
        }
    }

    /// Asks for `name`; [`Event::Resolved`] follows, without an address after five seconds, or at once when there is no
    /// socket to ask from. A name under resolution is not asked for twice.
    pub fn resolve(&mut self, now: Instant, name: &str) {
        let name = name.to_ascii_lowercase();
        if self.questions.iter().any(|question| question.name == name) {
            return;
        }
        if self.sockets.is_empty() || self.questions.len() >= self.config.limits.questions || !is_name(&name) {
            return self.conclude(name, None);
        }
        let (next, deadline) = (Some(now), now + PATIENCE);
        self.questions.push(Question { name, sent: 0, next, round: VecDeque::new(), deadline });
    }

    /// Answers queries for `name` with `address` from now on.
    pub fn register(&mut self, _now: Instant, name: &str, address: IpAddr) {
        self.responder.register(name, address, self.config.limits.names);
    }

    /// No longer answers queries for `name`.
    pub fn unregister(&mut self, _now: Instant, name: &str) {
        self.responder.unregister(name);
    }

    /// Takes a datagram that a socket of its own received.
    pub fn handle_datagram(&mut self, now: Instant, mut datagram: Datagram<'_>) {
        let (socket, remote) = (datagram.local, datagram.remote);
        if !self.sockets.iter().any(|(id, _)| *id == socket) {
            return;
        }
        for segment in datagram.segments() {
            match Message::parse(segment) {
                // RFC 6762 §6: answers come from the port of multicast DNS.
                Ok(message) if message.is_response && remote.port() == PORT => self.on_response(&message),
                Ok(message) if !message.is_response => {
                    let limit = self.config.limits.replies;
                    self.responder.on_query(now, socket, remote, &message, limit);
                }
                _ => self.stats.malformed += 1,
            }
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let late = self.questions.extract_if(.., |question| question.deadline <= now);
        for name in late.map(|question| question.name).collect::<Vec<_>>() {
            self.conclude(name, None);
        }
    }

    /// Appends the next message to `out`. Each is a datagram of its own.
    pub fn poll_transmit(&mut self, now: Instant, _max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        let start = out.len();
        let (socket, remote) = if let Some((socket, to)) = self.responder.transmit(out) {
            self.stats.queries_answered += 1;
            let remote = to.or_else(|| self.group(socket))?;
            (socket, remote)
        } else {
            let socket = self.transmit_query(now, out)?;
            self.stats.queries_sent += 1;
            (socket, self.group(socket)?)
        };
        Some(Transmit { socket, remote, ecn: Ecn::NotEct, len: out.len() - start, segment_size: None })
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.questions
            .iter()
            .map(|question| question.next.map_or(question.deadline, |next| next.min(question.deadline)))
            .min()
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    fn on_response(&mut self, message: &Message<'_>) {
        for record in message.records() {
            // A link-local address is of no use without the interface, which candidates do not carry.
            let Some(address) =
                record.address().filter(|ip| !matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local()))
            else {
                continue;
            };
            if let Some(at) = self.questions.iter().position(|question| record.name.is(&question.name)) {
                let name = self.questions.remove(at).name;
                self.conclude(name, Some(address));
            }
        }
    }

    fn conclude(&mut self, name: String, address: Option<IpAddr>) {
        match address {
            Some(_) => self.stats.resolved += 1,
            None => self.stats.unresolved += 1,
        }
        self.events.push_back(Event::Resolved { name, address });
    }

    /// Writes the next query that is due and says from which socket: each question goes out from all of them.
    ///
    /// No answer by unicast is asked for: port 5353 is shared with other processes here, and the system would hand a unicast
    /// answer to any one of them (RFC 6762 §15.1).
    fn transmit_query(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<SocketId> {
        for question in &mut self.questions {
            if question.next.is_some_and(|next| next <= now) && question.deadline > now {
                question.round = self.sockets.iter().flat_map(|(id, _)| RECORDS.map(|record| (*id, record))).collect();
                question.sent += 1;
                question.next = (question.sent < TRIES).then(|| now + INTERVAL * (1 << (question.sent - 1)));
            }
            if let Some((socket, record)) = question.round.pop_front() {
                write_query(out, &question.name, record);
                return Some(socket);
            }
        }
        None
    }

    /// Where queries from a socket go.
    fn group(&self, socket: SocketId) -> Option<SocketAddr> {
        let (_, addr) = self.sockets.iter().find(|(id, _)| *id == socket)?;
        Some(match addr {
            SocketAddr::V4(_) => SocketAddr::new(Ipv4Addr::new(224, 0, 0, 251).into(), PORT),
            SocketAddr::V6(v6) => {
                let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
                SocketAddrV6::new(group, PORT, 0, v6.scope_id()).into()
            }
        })
    }
}
