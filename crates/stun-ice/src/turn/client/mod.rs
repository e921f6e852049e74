//! The client: one allocation over one five-tuple.
//!
//! | file | what |
//! |---|---|
//! | `request` | one request until it is answered |
//! | `answer` | what the server's answers lead to |
//! | `auth` | credentials, and who may speak for the server |
//! | `peers` | permissions and channels |
//! | `probe` | whether the server still knows the allocation |
//! | `data` | packets from and to peers |
//! | `connects`, `tcp` | connections with peers |
//! | `data_connection` | connections to the server that become those |

mod answer;
mod auth;
mod config;
mod connects;
mod data;
mod data_connection;
mod event;
mod peers;
mod probe;
mod request;
mod tcp;

pub use config::{ClientConfig, Credential};
pub use data_connection::{DataConnection, DataConnectionEvent};
pub use event::{ClientEvent, ClientStats, FromPeer};

use super::{IPV6, TurnError};
use crate::stun::{AttributeType, Class, ErrorCode, MessageBuilder, Method, TransactionId};
use arrayvec::ArrayVec;
use auth::Prover;
use connects::Connects;
use ortica_core::{Instant, Rng};
use peers::Peers;
use probe::Probe;
use request::{Purpose, Request};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// How many requests for peers are under way at a time.
const MAX_PEER_REQUESTS: usize = 8;
/// How often an allocation is made anew before the server counts as unstable.
const MAX_ATTEMPTS: u32 = 3;
/// Something goes to the server so often, for a NAT on the way forgets who is silent.
///
/// Source: [RFC 8445 §11](https://www.rfc-editor.org/rfc/rfc8445#section-11)
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// An allocation that lived so long was a good one.
const STABLE: Duration = Duration::from_secs(60);

/// Keeps one allocation on one TURN server, over one socket or connection of its own (the server knows it by that).
///
/// ```text
///   Allocating --- success ---> Allocated --- close ---> Closing ---> Closed
///     |   ^                        |
///     |   +--- Lost: 437, silence -+
///     +--- Failed, Alternate
/// ```
///
/// What it is given from peers is a range of the server's packet, and what it wraps goes straight to the caller's buffer: nothing is
/// allocated for either.
///
/// Source: [RFC 8656](https://www.rfc-editor.org/rfc/rfc8656)
#[derive(Debug)]
pub struct Client {
    config: Arc<ClientConfig>,
    rng: Rng,
    stage: Stage,
    prover: Prover,
    requests: Vec<Request>,
    peers: Peers,
    connects: Connects,
    /// When something went to the server.
    sent_at: Instant,
    probe: Probe,
    /// Allocations since the last good one.
    attempts: u32,
    events: VecDeque<ClientEvent>,
    stats: ClientStats,
}

#[derive(Clone, Debug)]
enum Stage {
    Allocating,
    Allocated { since: Instant, refresh_at: Instant, relayed: ArrayVec<SocketAddr, 2> },
    Closing,
    Ended,
}

impl Client {
    /// Begins to allocate.
    pub fn new(config: Arc<ClientConfig>, rng: Rng, now: Instant) -> Self {
        let (peers, connects) = (Peers::new(config.max_peers), Connects::new(config.max_peers));
        let mut client = Self {
            config,
            rng,
            stage: Stage::Allocating,
            prover: Prover::default(),
            requests: Vec::new(),
            peers,
            connects,
            sent_at: now,
            probe: Probe::default(),
            attempts: 0,
            events: VecDeque::new(),
            stats: ClientStats::default(),
        };
        client.ask(now, Purpose::Allocate);
        client
    }

    /// Time has come: what is unanswered is given up, what ends soon is renewed.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(index) = self.requests.iter().position(|request| request.deadline(&self.config) <= now) {
            let request = self.requests.remove(index);
            self.on_unanswered(now, &request);
        }
        self.peers.expire(now);
        self.advance(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is wanted.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let requests = self.requests.iter().flat_map(|request| {
            [request.due_at(&self.config), Some(request.deadline(&self.config))].into_iter().flatten()
        });
        let Stage::Allocated { refresh_at, .. } = self.stage else { return requests.min() };
        let refresh = [Some(refresh_at), self.probe.due_at()].into_iter().flatten().filter(|_| !self.is_refreshing());
        let peers = self.peers.due_at().filter(|_| self.may_ask_for_peers());
        let others = [self.peers.ends_at(), self.connects.due_at(), self.keep_alive_at()].into_iter().flatten();
        requests.chain(refresh).chain(peers).chain(others).min()
    }

    /// Appends the next request for the server, or what keeps a NAT awake, and gives its length.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<usize> {
        let start = out.len();
        let Self { config, prover, requests, .. } = self;
        let is_due = |request: &&mut Request| request.due_at(config).is_some_and(|at| at <= now);
        let Some(request) = requests.iter_mut().find(is_due) else {
            self.keep_alive_at().filter(|at| *at <= now)?;
            self.sent_at = now;
            let id = TransactionId::generate(&mut self.rng);
            MessageBuilder::new(out, Class::Indication, Method::BINDING, id).fingerprint();
            return Some(out.len() - start);
        };
        let mut builder = MessageBuilder::new(out, Class::Request, request.purpose.method(), request.id);
        builder = match request.purpose {
            Purpose::Allocate => {
                let builder =
                    builder.attribute(AttributeType::REQUESTED_TRANSPORT, &[config.peer_transport.number(), 0, 0, 0]);
                match config.with_ipv6 {
                    true => builder.attribute(AttributeType::ADDITIONAL_ADDRESS_FAMILY, &[IPV6, 0, 0, 0]),
                    false => builder,
                }
                .lifetime(config.lifetime)
            }
            Purpose::Refresh => builder.lifetime(config.lifetime),
            Purpose::Release => builder.lifetime(Duration::ZERO),
            // The port means nothing here (RFC 8656 §9).
            Purpose::Permission(ip) => builder.xor_address(AttributeType::XOR_PEER_ADDRESS, SocketAddr::new(ip, 0)),
            Purpose::Channel(number, peer) => {
                let [high, low] = number.get().to_be_bytes();
                builder
                    .attribute(AttributeType::CHANNEL_NUMBER, &[high, low, 0, 0])
                    .xor_address(AttributeType::XOR_PEER_ADDRESS, peer)
            }
            Purpose::Connect(peer) => builder.xor_address(AttributeType::XOR_PEER_ADDRESS, peer),
            // That goes over another connection.
            Purpose::ConnectionBind(_) => builder,
        };
        prover.answer(builder);
        request.on_sent(now, prover.is_ready());
        self.sent_at = now;
        self.stats.requests_sent += 1;
        Some(out.len() - start)
    }

    /// What happened since.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }

    /// Wants to exchange packets with a peer: a permission for its address, whatever its port. It is asked for once there is an
    /// allocation, and kept until it is [forgotten](Self::forget). One that was refused is asked for again.
    pub fn permit(&mut self, now: Instant, peer: SocketAddr) {
        if self.is_over() {
            return;
        }
        if !self.peers.permit(now, peer.ip()) {
            self.refuse(peer.ip(), ErrorCode::INSUFFICIENT_CAPACITY);
        }
        self.advance(now);
    }

    /// Whether packets from and to an address pass at present.
    pub fn is_permitted(&self, peer: IpAddr) -> bool {
        self.peers.is_permitted(peer)
    }

    /// Wants a channel for a peer, and its permission: four bytes go with each packet instead of 36 or 48. It is kept until the peer
    /// is [forgotten](Self::forget). Where peers are reached by TCP, it is the permission alone.
    pub fn bind(&mut self, now: Instant, peer: SocketAddr) {
        if self.is_over() {
            return;
        }
        // Without a channel, indications carry what is sent.
        let has_channels = !self.takes_connections();
        if !self.peers.permit(now, peer.ip()) || has_channels && !self.peers.bind(now, peer) {
            self.refuse(peer.ip(), ErrorCode::INSUFFICIENT_CAPACITY);
        }
        self.advance(now);
    }

    /// Whether a channel carries what is sent to a peer.
    pub fn is_bound(&self, now: Instant, peer: SocketAddr) -> bool {
        self.peers.channel_to(now, peer).is_some()
    }

    /// Lets the permission for an address and its channels end.
    pub fn forget(&mut self, peer: IpAddr) {
        self.peers.forget(peer);
    }

    /// The relayed addresses of the allocation; none without one.
    pub fn relayed(&self) -> &[SocketAddr] {
        match &self.stage {
            Stage::Allocated { relayed, .. } => relayed,
            _ => &[],
        }
    }

    /// Asks the server whether it still knows the allocation, unless it is being asked. It is asked by itself a second after
    /// something went to a peer and nothing came back.
    pub fn probe(&mut self, now: Instant) {
        if matches!(self.stage, Stage::Allocated { .. }) && !self.is_refreshing() {
            self.probe.on_asked();
            self.ask(now, Purpose::Refresh);
        }
    }

    /// Gives the allocation up: a Refresh with a lifetime of 0 goes out, and [`ClientEvent::Closed`] follows its answer.
    pub fn close(&mut self, now: Instant) {
        let may_be_allocated = match self.stage {
            Stage::Allocated { .. } => true,
            // What was sent without credentials was not granted.
            Stage::Allocating => self.requests.iter().any(|request| request.is_authenticated),
            Stage::Closing | Stage::Ended => return,
        };
        if !may_be_allocated {
            return self.end(ClientEvent::Closed);
        }
        self.stage = Stage::Closing;
        self.requests.clear();
        self.ask(now, Purpose::Release);
    }

    /// Counters.
    pub fn stats(&self) -> ClientStats {
        self.stats
    }

    /// Sends what is due by now: renewals, and requests for peers as far as not too many are under way.
    fn advance(&mut self, now: Instant) {
        let Stage::Allocated { refresh_at, .. } = self.stage else { return };
        let is_silent = self.probe.due_at().is_some_and(|at| at <= now);
        if (refresh_at <= now || is_silent) && !self.is_refreshing() {
            self.probe.on_asked();
            self.ask(now, Purpose::Refresh);
        }
        while self.may_ask_for_peers()
            && let Some(purpose) = self.peers.next_due(now)
        {
            self.ask(now, purpose);
        }
        while let Some(purpose) = self.connects.next_due(now) {
            self.ask(now, purpose);
        }
    }

    /// When the server is to hear something, whatever it is. Streams are not kept so: what forgets them says so.
    fn keep_alive_at(&self) -> Option<Instant> {
        let is_kept = matches!(self.stage, Stage::Allocated { .. }) && !self.config.is_stream;
        is_kept.then(|| self.sent_at + KEEP_ALIVE)
    }

    fn ask(&mut self, now: Instant, purpose: Purpose) {
        self.requests.push(Request::new(purpose, &mut self.rng, now));
    }

    fn is_refreshing(&self) -> bool {
        self.requests.iter().any(|request| request.purpose == Purpose::Refresh)
    }

    fn may_ask_for_peers(&self) -> bool {
        let is_for_peer = |request: &&Request| matches!(request.purpose, Purpose::Permission(_) | Purpose::Channel(..));
        self.requests.iter().filter(is_for_peer).count() < MAX_PEER_REQUESTS
    }

    fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Closing | Stage::Ended)
    }

    /// Makes another allocation in place of the one that is gone.
    fn allocate_again(&mut self, now: Instant) {
        if let Stage::Allocated { since, .. } = self.stage {
            if now.saturating_duration_since(since) >= STABLE {
                self.attempts = 0;
            }
            self.events.push_back(ClientEvent::Lost);
        }
        self.attempts += 1;
        if self.attempts > MAX_ATTEMPTS {
            return self.end(ClientEvent::Failed(TurnError::Unstable));
        }
        self.stage = Stage::Allocating;
        self.requests.clear();
        self.peers.reset(now);
        self.connects.reset(now);
        self.probe = Probe::default();
        self.ask(now, Purpose::Allocate);
    }

    /// Tells once that a peer is refused.
    fn refuse(&mut self, peer: IpAddr, code: u16) {
        let event = ClientEvent::PeerRefused { peer, code };
        if !self.events.contains(&event) && self.has_room_for_event() {
            self.events.push_back(event);
        }
    }

    /// What others can make happen waits in bounded number.
    fn has_room_for_event(&self) -> bool {
        self.events.len() < 4 * self.config.max_peers.max(1)
    }

    fn end(&mut self, event: ClientEvent) {
        self.stage = Stage::Ended;
        self.requests.clear();
        (self.peers, self.connects) = (Peers::new(0), Connects::new(0));
        self.events.push_back(event);
    }
}

#[cfg(test)]
mod tests;
