//! Our candidates.

use super::address::may_pair;
use super::gather::Sighting;
use super::generation::Generation;
use super::pair::{Pair, Run};
use super::remote::Place;
use super::renomination::RoundTrips;
use super::shared::{Shared, Socket};
use super::tcp::{self, Base, Reopening, TcpBase};
use super::{
    Address, Candidate, CandidateId, CandidateKind, HostCandidates, Io, PairId, PairState, StunServer, TcpType,
    Traffic, Transport, TurnTransport,
};
use ortica_core::{Instant, Rng, SocketId};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// A candidate of ours.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) id: CandidateId,
    pub(super) kind: CandidateKind,
    /// Where the peer would send to.
    pub(super) address: SocketAddr,
    /// The socket it is based on.
    pub(super) base: SocketId,
    /// The server that saw it or lends it.
    pub(super) server: Option<StunServer>,
    /// How that is reached, where it is one of TURN.
    pub(super) turn: Option<TurnTransport>,
    /// What may be shown of it.
    pub(super) candidate: Candidate,
}

impl Generation {
    /// A socket's host candidate, and its pairs.
    pub(super) fn add_host(&mut self, shared: &mut Shared, now: Instant, socket: Socket) {
        if !is_untold(socket) {
            self.make_host(shared, socket);
        }
        for remote in self.remotes.iter().map(|remote| remote.id).collect::<Vec<_>>() {
            self.pair(shared, now, socket, remote, true);
        }
    }

    fn make_host(&mut self, shared: &mut Shared, socket: Socket) -> CandidateId {
        let address = SocketAddr::new(shared.config.announced(socket.addr.ip()), socket.addr.port());
        let ip = address.ip();
        let policy = match shared.config.host_candidates {
            // A socket on all interfaces has no address of its own: nothing to signal, but checks may go out from it.
            _ if ip.is_unspecified() => HostCandidates::Hidden,
            // What is announced is to be seen.
            HostCandidates::Mdns if address != socket.addr => HostCandidates::Address,
            policy => policy,
        };
        let mut candidate = self.candidate(CandidateKind::Host, socket, address, None);
        match policy {
            HostCandidates::Address => {}
            HostCandidates::Mdns if is_untold(socket) => candidate.address = unspecified_like(ip).into(),
            HostCandidates::Mdns => {
                let name = random_name(&mut shared.rng);
                candidate.address = Address::Name(name.clone());
                shared.outbox.io.push_back(Io::Publish { name, address: ip });
            }
            HostCandidates::Hidden => candidate.address = unspecified_like(ip).into(),
        }
        let id = shared.candidate_id();
        if policy != HostCandidates::Hidden && !is_untold(socket) {
            self.signal(shared, &candidate);
        }
        let kind = CandidateKind::Host;
        self.locals.push(Local { id, kind, address, base: socket.id, server: None, turn: None, candidate });
        id
    }

    /// The candidate whose address is the socket's own. One that the peer is not told of is made when there is something to pair it with.
    fn own_of(&mut self, shared: &mut Shared, socket: Socket) -> Option<CandidateId> {
        let own = |local: &&Local| local.base == socket.id && local.kind == socket.base.kind();
        let known = self.locals.iter().find(own).map(|local| local.id);
        known.or_else(|| (is_untold(socket) && self.gathering.uses_hosts()).then(|| self.make_host(shared, socket)))
    }

    /// A candidate that a STUN server saw, unless it is one we have.
    pub(super) fn add_server_reflexive(&mut self, shared: &mut Shared, socket: Socket, seen: Sighting) {
        let Sighting { at, from, server, turn } = seen;
        if self.locals.iter().any(|local| local.base == socket.id && local.address == at) {
            return;
        }
        let mut candidate = self.candidate(CandidateKind::ServerReflexive, socket, at, Some(from));
        candidate.related = Some(match shared.config.host_candidates {
            HostCandidates::Address => (socket.addr.ip().into(), socket.addr.port()),
            // Port 9 is "discard": a value that says nothing (draft-ietf-mmusic-mdns-ice-candidates §3.1.2.2).
            HostCandidates::Mdns | HostCandidates::Hidden => (unspecified_like(at.ip()).into(), 9),
        });
        // A port that opens connections takes them too, from peers that do nothing at once.
        let passive = (socket.base == Base::Tcp(TcpBase::SimultaneousOpen)).then(|| Candidate {
            tcp_type: Some(TcpType::Passive),
            priority: tcp::priority(CandidateKind::ServerReflexive, TcpType::Passive, socket.preference),
            ..candidate.clone()
        });
        for candidate in std::iter::once(candidate).chain(passive) {
            let id = shared.candidate_id();
            self.signal(shared, &candidate);
            let (kind, server) = (CandidateKind::ServerReflexive, Some(server.clone()));
            self.locals.push(Local { id, kind, address: at, base: socket.id, server, turn, candidate });
        }
    }

    /// The local candidate at the address that the peer saw: one we have, or a peer-reflexive one, which is not signalled.
    ///
    /// Source: [RFC 8445 §7.2.5.3.1](https://www.rfc-editor.org/rfc/rfc8445#section-7.2.5.3.1)
    pub(super) fn seen_local(
        &mut self,
        shared: &mut Shared,
        base: SocketId,
        at: SocketAddr,
        priority: u32,
    ) -> Option<CandidateId> {
        if let Some(known) = self.locals.iter().find(|local| local.base == base && local.address == at) {
            return Some(known.id);
        }
        // A NAT with a mapping per destination makes one of these per pair, and no more are wanted.
        if self.locals.len() >= shared.config.limits.pairs {
            return None;
        }
        let socket = shared.socket(base)?;
        let mut candidate = self.candidate(CandidateKind::PeerReflexive, socket, at, None);
        candidate.priority = priority;
        let id = shared.candidate_id();
        let kind = CandidateKind::PeerReflexive;
        self.locals.push(Local { id, kind, address: at, base, server: None, turn: None, candidate });
        Some(id)
    }

    /// Pairs a remote candidate with every socket that may reach it.
    pub(super) fn pair_remote(&mut self, shared: &mut Shared, now: Instant, remote: CandidateId) {
        for socket in shared.sockets.clone() {
            self.pair(shared, now, socket, remote, true);
        }
    }

    /// The pair of a socket and a remote candidate, made if need be. With `signalled`, addresses that one should not
    /// try on a peer's word are left alone.
    pub(super) fn pair(
        &mut self,
        shared: &mut Shared,
        now: Instant,
        socket: Socket,
        remote: CandidateId,
        signalled: bool,
    ) -> Option<PairId> {
        let known = self.remotes.iter().find(|candidate| candidate.id == remote)?;
        let Place::At(remote_addr) = known.place else { return None };
        if !go_together(socket.base, &known.candidate, signalled) {
            return None;
        }
        let remote_priority = known.candidate.priority;
        let opens = socket.base.opens_to(&known.candidate, known.signalled);
        if let Some(known) = self.list.find(socket.id, remote_addr).map(|pair| pair.id) {
            // The peer's port takes connections and opens them, and the lesser of both was told first.
            if let Some(pair) = self.list.get_mut(known).filter(|pair| opens && !pair.opens) {
                (pair.remote, pair.remote_priority, pair.opens) = (remote, remote_priority, true);
                pair.update_priority(shared.role);
                self.list.sort();
            }
            return Some(known);
        }
        if signalled && !may_pair(socket.addr, remote_addr) {
            return None;
        }
        let local = self.own_of(shared, socket)?;
        let id = shared.pair_id();
        let mut pair = Pair {
            id,
            socket: socket.id,
            remote_addr,
            base: socket.base,
            opens,
            local,
            remote,
            seen_as: None,
            local_priority: socket.priority(socket.base.kind()),
            remote_priority,
            priority: 0,
            state: PairState::Waiting,
            run: Run::new(now),
            last_answer: None,
            silent_since: None,
            unheard_since: None,
            failure: None,
            lost: None,
            reopening: Reopening::default(),
            heard: false,
            asked_for: None,
            nomination: 0,
            given_up: false,
            nominated: false,
            newcomer: self.selected.is_some(),
            round_trip: None,
            total_round_trip: Duration::ZERO,
            round_trips: RoundTrips::default(),
            requests_sent: 0,
            requests_received: 0,
            responses_sent: 0,
            responses_received: 0,
            consent_requests_sent: 0,
            traffic: Traffic::default(),
        };
        pair.update_priority(shared.role);
        // RFC 8838 §12: one pair per foundation is checked at a time.
        let busy = |other: &Pair| matches!(other.state, PairState::Waiting | PairState::InProgress);
        if self.list.iter().any(|other| busy(other) && self.same_foundation(other, &pair)) {
            pair.state = PairState::Frozen;
        }
        let kept = [Some(id), self.active, self.selected, self.nominee()];
        // A pair of low priority among many is the one to go, unless the peer itself asked for it.
        let kept = if signalled { kept.get(1..).unwrap_or_default() } else { &kept };
        shared.stats.pairs_dropped += self.list.insert(pair, shared.config.limits.pairs, kept);
        self.list.get(id).map(|pair| pair.id)
    }

    /// Thaws the pairs whose foundation has proved itself.
    ///
    /// Source: [RFC 8445 §7.2.5.3.3](https://www.rfc-editor.org/rfc/rfc8445#section-7.2.5.3.3)
    pub(super) fn thaw_like(&mut self, id: PairId) {
        let Some(model) = self.list.get(id) else { return };
        let alike = |pair: &&Pair| pair.state == PairState::Frozen && self.same_foundation(pair, model);
        let thawed: Vec<_> = self.list.iter().filter(alike).map(|pair| pair.id).collect();
        for id in thawed {
            if let Some(pair) = self.list.get_mut(id) {
                pair.state = PairState::Waiting;
            }
        }
    }

    fn same_foundation(&self, a: &Pair, b: &Pair) -> bool {
        let remote = |id| self.remotes.iter().find(|remote| remote.id == id).map(|remote| &remote.candidate.foundation);
        let local = |id| self.locals.iter().find(|local| local.id == id).map(|local| &local.candidate.foundation);
        local(a.local) == local(b.local) && remote(a.remote) == remote(b.remote)
    }

    pub(super) fn signal(&mut self, shared: &mut Shared, candidate: &Candidate) {
        self.signalled.push(candidate.clone());
        shared.outbox.candidates.push_back(candidate.clone());
    }

    pub(super) fn candidate(
        &mut self,
        kind: CandidateKind,
        socket: Socket,
        at: SocketAddr,
        server: Option<SocketAddr>,
    ) -> Candidate {
        Candidate {
            foundation: self.foundation(kind, socket, server.map(|server| server.ip())),
            component: 1,
            transport: if socket.base.is_udp() { Transport::Udp } else { Transport::Tcp },
            priority: socket.priority(kind),
            address: at.ip().into(),
            port: at.port(),
            kind,
            related: None,
            tcp_type: socket.base.tcp_type(),
            ufrag: Some(self.local.credentials.ufrag.clone()),
            extensions: Vec::new(),
        }
    }

    /// The same for candidates of one kind, transport, base address and server.
    ///
    /// Source: [RFC 8445 §5.1.1.3](https://www.rfc-editor.org/rfc/rfc8445#section-5.1.1.3)
    fn foundation(&mut self, kind: CandidateKind, socket: Socket, server: Option<IpAddr>) -> String {
        let key = (kind, socket.base.is_udp(), socket.addr.ip(), server);
        let known = self.foundations.iter().position(|other| *other == key);
        let index = known.unwrap_or_else(|| {
            self.foundations.push(key);
            self.foundations.len() - 1
        });
        (index + 1).to_string()
    }
}

/// A socket whose candidate is not signalled.
fn is_untold(socket: Socket) -> bool {
    socket.base == Base::Tcp(TcpBase::Active { signalled: false })
}

/// Whether a socket reaches such a candidate. One that takes connections waits for the peer's, so that pairs of it are made only when
/// a check came in; so are those of one that does both, but with its like.
///
/// Source: [RFC 6544 §6.2](https://www.rfc-editor.org/rfc/rfc6544#section-6.2)
fn go_together(base: Base, remote: &Candidate, signalled: bool) -> bool {
    match base {
        Base::Udp => remote.transport == Transport::Udp,
        // Who signals a name hides an address, which a permission would tell the server; nor is it one that a relay reaches.
        Base::Relay(_) => {
            remote.transport == Transport::Udp && !(signalled && matches!(remote.address, Address::Name(_)))
        }
        Base::Tcp(TcpBase::Active { .. }) => {
            remote.transport == Transport::Tcp && remote.tcp_type == Some(TcpType::Passive)
        }
        Base::Tcp(TcpBase::Passive) => remote.transport == Transport::Tcp && !signalled,
        Base::Tcp(TcpBase::SimultaneousOpen) => {
            let is_alike = remote.tcp_type == Some(TcpType::SimultaneousOpen);
            remote.transport == Transport::Tcp && (is_alike || !signalled)
        }
    }
}

pub(super) fn unspecified_like(ip: IpAddr) -> IpAddr {
    if ip.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() }
}

/// A version 4 UUID under `.local`.
fn random_name(rng: &mut Rng) -> String {
    let random = u128::from_be_bytes(rng.bytes());
    // Version and variant of RFC 9562 §5.4.
    let bits = random & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{bits:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}.local", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}
