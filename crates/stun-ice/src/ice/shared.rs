//! What outlives a restart: sockets, role, pace, and what is on its way to the caller.

use super::address::is_link_local_v6;
use super::relay::{Allocations, LinkId};
use super::tcp::{Base, Connections, TcpBase};
use super::{
    Candidate, CandidateId, CandidateKind, CloseReason, Config, Event, GatherOptions, GatheringError, GatheringState,
    Io, PairId, ResolveId, Role, Route, State, Stats, TurnTransport,
};
use crate::stun::{AttributeType, TransactionId};
use arrayvec::ArrayVec;
use ortica_core::{Instant, Rng, SocketId};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

/// The part of an agent that its generations share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: Arc<Config>,
    /// For the next generation that gathers.
    pub(super) options: Arc<GatherOptions>,
    pub(super) rng: Rng,
    pub(super) role: Role,
    /// Drawn once: role conflicts are decided by it, and RFC 8445 §7.3.1.1 wants it kept when one was.
    pub(super) tie_breaker: u64,
    pub(super) sockets: Vec<Socket>,
    pub(super) connections: Connections,
    pub(super) allocations: Allocations,
    /// No further sockets will come.
    pub(super) sockets_ended: bool,
    pub(super) pace: Pace,
    pub(super) replies: VecDeque<Reply>,
    pub(super) outbox: Outbox,
    pub(super) stats: Stats,
    preferences: PreferencesOfBases,
    next_id: u32,
}

/// A socket of the driver.
#[derive(Clone, Copy, Debug)]
pub(super) struct Socket {
    pub(super) id: SocketId,
    pub(super) addr: SocketAddr,
    pub(super) base: Base,
    /// That of its address among those of its sort: part of the priority of each candidate that is based on it.
    pub(super) preference: u16,
}

impl Socket {
    /// The priority of a candidate that is based on it.
    pub(super) fn priority(&self, kind: CandidateKind) -> u32 {
        self.base.priority(kind, self.preference)
    }
}

/// Sockets that do not compete with each other have the same preferences.
#[derive(Debug)]
struct PreferencesOfBases {
    udp: Preferences,
    active: Preferences,
    passive: Preferences,
    simultaneous: Preferences,
    /// By how the server is reached.
    relays: [Preferences; 4],
}

impl Default for PreferencesOfBases {
    fn default() -> Self {
        let tcp = || Preferences { v6: 0x1fff, v4: 0x1ffe, loopback: 0x0fff };
        // A relay over a stream comes after all those that are reached by datagrams.
        let relay = |top| Preferences { v6: top, v4: top - 1, loopback: top - 0x1000 };
        Self {
            udp: Preferences { v6: 0xffff, v4: 0xfffe, loopback: 0x7fff },
            active: tcp(),
            passive: tcp(),
            simultaneous: tcp(),
            relays: [relay(0xffff), relay(0xdfff), relay(0xbfff), relay(0x7fff)],
        }
    }
}

impl PreferencesOfBases {
    fn of(&mut self, base: Base) -> &mut Preferences {
        let [over_udp, over_dtls, over_tcp, over_tls] = &mut self.relays;
        match base {
            Base::Udp => &mut self.udp,
            Base::Relay(TurnTransport::Udp) => over_udp,
            Base::Relay(TurnTransport::Dtls) => over_dtls,
            Base::Relay(TurnTransport::Tcp) => over_tcp,
            Base::Relay(TurnTransport::Tls) => over_tls,
            Base::Tcp(TcpBase::Active { .. }) => &mut self.active,
            Base::Tcp(TcpBase::Passive) => &mut self.passive,
            Base::Tcp(TcpBase::SimultaneousOpen) => &mut self.simultaneous,
        }
    }
}

/// The local preference for the next socket of each sort: unique among them, IPv6 and IPv4 in turn and IPv6 first, loopback
/// after all others.
///
/// Source: [RFC 8421 §4](https://www.rfc-editor.org/rfc/rfc8421#section-4)
#[derive(Debug)]
struct Preferences {
    v6: u16,
    v4: u16,
    loopback: u16,
}

impl Preferences {
    fn take(&mut self, addr: SocketAddr) -> u16 {
        let (next, step) = match addr {
            _ if addr.ip().is_loopback() => (&mut self.loopback, 1),
            SocketAddr::V6(_) => (&mut self.v6, 2),
            SocketAddr::V4(_) => (&mut self.v4, 2),
        };
        let preference = *next;
        *next = next.saturating_sub(step);
        preference
    }
}

/// An answer to be sent.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    /// The generation whose key signs it.
    pub(super) generation: u32,
    pub(super) socket: SocketId,
    pub(super) remote: SocketAddr,
    pub(super) transaction: TransactionId,
    pub(super) verdict: Verdict,
}

/// What an answer says.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    /// The request is granted; it came from [`Reply::remote`].
    Success,
    /// We keep the role that both took.
    RoleConflict,
    /// These attributes are not known. A request with more of them than fit gets the first ones.
    UnknownAttributes(ArrayVec<AttributeType, 8>),
}

impl Shared {
    pub(super) fn new(config: Arc<Config>, mut rng: Rng, now: Instant) -> Self {
        let tie_breaker = rng.u64();
        Self {
            options: config.gather.clone(),
            config,
            rng,
            role: Role::Controlled,
            tie_breaker,
            sockets: Vec::new(),
            connections: Connections::default(),
            allocations: Allocations::default(),
            sockets_ended: false,
            pace: Pace { ordinary: now, urgent: now, gathering_next: false, spent: None },
            replies: VecDeque::new(),
            outbox: Outbox::default(),
            stats: Stats::default(),
            preferences: PreferencesOfBases::default(),
            next_id: 0,
        }
    }

    /// Keeps a socket; `None` when it is of no use, known or one too many.
    pub(super) fn add_socket(&mut self, id: SocketId, addr: SocketAddr, base: Base) -> Option<Socket> {
        let known = self.sockets.iter().any(|socket| socket.id == id);
        let of_hosts = self.sockets.iter().filter(|socket| socket.base.kind() == CandidateKind::Host).count();
        if known || is_link_local_v6(addr.ip()) || of_hosts >= self.config.limits.sockets {
            return None;
        }
        let preference = self.preferences.of(base).take(addr);
        let socket = Socket { id, addr, base, preference };
        self.sockets.push(socket);
        Some(socket)
    }

    /// A socket for an address that a server lends.
    pub(super) fn add_relayed(&mut self, link: LinkId, addr: SocketAddr) -> Option<Socket> {
        let id = self.allocations.new_socket();
        let allocation = self.allocations.get_mut(link)?;
        allocation.relayed.try_push(id).ok()?;
        let base = Base::Relay(allocation.transport());
        let preference = self.preferences.of(base).take(addr);
        let socket = Socket { id, addr, base, preference };
        self.sockets.push(socket);
        Some(socket)
    }

    pub(super) fn socket(&self, id: SocketId) -> Option<Socket> {
        self.sockets.iter().find(|socket| socket.id == id).copied()
    }

    pub(super) fn candidate_id(&mut self) -> CandidateId {
        CandidateId(self.id())
    }

    pub(super) fn pair_id(&mut self) -> PairId {
        PairId(self.id())
    }

    pub(super) fn resolve_id(&mut self) -> ResolveId {
        ResolveId(self.id())
    }

    fn id(&mut self) -> u32 {
        self.next_id = self.next_id.wrapping_add(1);
        self.next_id
    }

    /// Queues an answer, unless the caller does not take the ones there are.
    pub(super) fn reply(&mut self, reply: Reply) {
        if self.replies.len() < self.config.limits.replies {
            self.replies.push_back(reply);
        } else {
            self.stats.replies_dropped += 1;
        }
    }
}

/// When the next check may go out. One pace for the whole agent, whatever generation or purpose, and for those it is shared with.
///
/// Source: [RFC 8445 §14.2](https://www.rfc-editor.org/rfc/rfc8445#section-14.2)
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Ordinary checks and questions to STUN servers: Ta after whatever went before.
    pub(super) ordinary: Instant,
    /// Triggered checks: 5 ms after whatever went before, since they answer a peer that proved itself.
    pub(super) urgent: Instant,
    /// Checks and questions to STUN servers take turns when both are waiting, checks first.
    pub(super) gathering_next: bool,
    /// When something was sent last by this agent.
    pub(super) spent: Option<Instant>,
}

impl Pace {
    /// Something was sent.
    pub(super) fn spend(&mut self, now: Instant, config: &Config) {
        self.spent = Some(now);
        self.give_way(now, config);
    }

    /// Something was sent, by whomever.
    pub(super) fn give_way(&mut self, now: Instant, config: &Config) {
        self.ordinary = now + config.ta;
        self.urgent = now + Config::MIN_TA;
    }
}

/// Events on their way to the caller, levels coalesced.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub(super) candidates: VecDeque<Candidate>,
    pub(super) errors: VecDeque<GatheringError>,
    pub(super) io: VecDeque<Io>,
    gathering: Level<GatheringState>,
    /// How far the caller believes gathering to be, whichever generation's.
    told: GatheringState,
    state: Level<State>,
    /// The pair that carries the data, and where it leads: after a restart another one may lead to the same place.
    selected: Level<Option<(PairId, Route)>>,
    closed: Option<CloseReason>,
}

impl Outbox {
    pub(super) fn set_gathering(&mut self, state: GatheringState) {
        self.gathering.now = state;
    }

    pub(super) fn set_state(&mut self, state: State) {
        self.state.now = state;
    }

    /// `true` when the route changed.
    pub(super) fn set_selected(&mut self, selected: Option<(PairId, Route)>) -> bool {
        let before = std::mem::replace(&mut self.selected.now, selected);
        before.map(|(_, route)| route) != selected.map(|(_, route)| route)
    }

    pub(super) fn gathering(&self) -> GatheringState {
        self.gathering.now
    }

    pub(super) fn state(&self) -> State {
        self.state.now
    }

    /// Forgets what belongs to a generation that is over. How far the new one has gathered is reported whatever was
    /// reported of the old one.
    pub(super) fn restart(&mut self) {
        self.candidates.clear();
        self.errors.clear();
        self.io.clear();
        self.gathering = Level::default();
    }

    /// Forgets what belongs to a generation that was taken back. The caller is told how far the one before it has gathered
    /// only if it believes something else.
    pub(super) fn rollback(&mut self) {
        self.candidates.clear();
        self.errors.clear();
        self.io.clear();
        self.gathering.reported = self.told;
    }

    /// Leaves nothing to report but the end.
    pub(super) fn close(&mut self, reason: CloseReason) {
        *self = Self { closed: Some(reason), ..Self::default() };
        self.state = Level { now: State::Closed, reported: State::Closed };
    }

    pub(super) fn poll(&mut self) -> Option<Event> {
        if let Some(io) = self.io.pop_front() {
            return Some(Event::Io(io));
        }
        // Gathering begins before the first candidate and ends after the last, also when both happened within one call.
        let moved =
            !self.candidates.is_empty() || !self.errors.is_empty() || self.gathering.now != self.gathering.reported;
        if moved && self.gathering.now != GatheringState::New && self.gathering.reported != GatheringState::Gathering {
            self.gathering.reported = GatheringState::Gathering;
            self.told = GatheringState::Gathering;
            return Some(Event::GatheringState(GatheringState::Gathering));
        }
        if let Some(candidate) = self.candidates.pop_front() {
            return Some(Event::LocalCandidate(candidate));
        }
        if let Some(error) = self.errors.pop_front() {
            return Some(Event::GatheringError(error));
        }
        // Gathering is over but for what a restart brings: no room is kept for candidates.
        self.candidates = VecDeque::new();
        if let Some(state) = self.gathering.take() {
            self.told = state;
            return Some(Event::GatheringState(state));
        }
        if let Some(Some((_, route))) = self.selected.take() {
            return Some(Event::Selected(route));
        }
        if let Some(state) = self.state.take() {
            return Some(Event::State(state));
        }
        self.closed.take().map(Event::Closed)
    }
}

/// A level, and what of it was reported.
#[derive(Clone, Copy, Debug, Default)]
struct Level<T> {
    now: T,
    reported: T,
}

impl<T: Copy + PartialEq> Level<T> {
    fn take(&mut self) -> Option<T> {
        (self.now != self.reported).then(|| {
            self.reported = self.now;
            self.now
        })
    }
}
