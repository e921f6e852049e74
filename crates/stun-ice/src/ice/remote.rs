//! The peer's candidates.

use super::address::{canonical, is_peer};
use super::generation::Generation;
use super::shared::{Shared, Socket};
use super::tcp::{Base, is_blocked};
use super::{Address, Candidate, CandidateError, CandidateId, CandidateKind, Io, ResolveId, TcpType, Transport};
use ortica_core::Instant;
use std::net::{IpAddr, SocketAddr};
use tracing::debug;

/// A candidate of the peer, signalled or learned.
#[derive(Debug)]
pub(super) struct Remote {
    pub(super) id: CandidateId,
    pub(super) candidate: Candidate,
    pub(super) place: Place,
    /// `false` for a peer-reflexive one that no signalling has named yet.
    pub(super) signalled: bool,
}

/// Where a candidate is, as far as it is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// Here.
    At(SocketAddr),
    /// Its name is under resolution.
    Asked(ResolveId),
}

impl Remote {
    /// Whether it is there, for sockets of this sort.
    pub(super) fn is_at(&self, base: Base, address: SocketAddr) -> bool {
        self.place == Place::At(address) && (self.candidate.transport == Transport::Udp) == base.is_udp()
    }

    fn is_like(&self, other: &Candidate) -> bool {
        let Candidate { transport, address, port, tcp_type, .. } = &self.candidate;
        (transport, address, *port, *tcp_type) == (&other.transport, &other.address, other.port, other.tcp_type)
            && !self.is_of_another(other)
    }

    /// Whether it was named for another generation of the peer than a candidate that may be at the same place. As long as the
    /// peer's credentials are not known, either may be the one that counts.
    fn is_of_another(&self, other: &Candidate) -> bool {
        matches!((&self.candidate.ufrag, &other.ufrag), (Some(ours), Some(theirs)) if ours != theirs)
    }
}

impl Generation {
    /// Adds a candidate that the peer signalled.
    pub(super) fn add_remote(
        &mut self,
        shared: &mut Shared,
        now: Instant,
        candidate: Candidate,
    ) -> Result<(), CandidateError> {
        let remote_ufrag = self.remote.as_ref().map(|secret| secret.credentials.ufrag.as_str());
        if let (Some(theirs), Some(ours)) = (candidate.ufrag.as_deref(), remote_ufrag)
            && theirs != ours
        {
            return Err(CandidateError::UnknownUfrag);
        }
        if !is_usable(&candidate) {
            shared.stats.candidates_ignored += 1;
            return Ok(());
        }
        match candidate.address.clone() {
            Address::Ip(ip) => {
                let address = canonical(SocketAddr::new(ip, candidate.port));
                if !is_peer(address) {
                    return Err(CandidateError::Invalid("address"));
                }
                self.place_remote(shared, now, candidate, address);
            }
            Address::Name(name) => self.ask_for(shared, candidate, &name),
        }
        Ok(())
    }

    /// The answer about a name: an address, or silence.
    pub(super) fn on_resolved(&mut self, shared: &mut Shared, now: Instant, id: ResolveId, ip: Option<IpAddr>) {
        let Some(at) = self.remotes.iter().position(|remote| remote.place == Place::Asked(id)) else { return };
        let remote = self.remotes.remove(at);
        let address = ip.map(|ip| canonical(SocketAddr::new(ip, remote.candidate.port)));
        match address.filter(|address| is_peer(*address)) {
            Some(address) => self.place_remote(shared, now, remote.candidate, address),
            None => debug!("a remote candidate's name has no address"),
        }
    }

    /// Learns a candidate from a check that came from an address nobody has named.
    pub(super) fn learn_remote(
        &mut self,
        shared: &mut Shared,
        from: Socket,
        address: SocketAddr,
        priority: u32,
    ) -> Option<CandidateId> {
        if let Some(known) = self.remotes.iter().find(|remote| remote.is_at(from.base, address)) {
            return Some(known.id);
        }
        if self.remotes.len() >= shared.config.limits.remote_candidates && !self.forget_learned() {
            shared.stats.candidates_ignored += 1;
            return None;
        }
        let id = shared.candidate_id();
        let candidate = Candidate {
            // Unlike that of any other candidate, RFC 8445 §7.3.1.3.
            foundation: format!("prflx{}", id.0),
            component: 1,
            transport: if from.base.is_udp() { Transport::Udp } else { Transport::Tcp },
            priority,
            address: address.ip().into(),
            port: address.port(),
            kind: CandidateKind::PeerReflexive,
            related: None,
            tcp_type: from.base.tcp_type().map(opposite),
            ufrag: None,
            extensions: Vec::new(),
        };
        self.remotes.push(Remote { id, candidate, place: Place::At(address), signalled: false });
        Some(id)
    }

    /// Drops candidates of another fragment than the one that turned out to be the peer's. What is left takes their places.
    pub(super) fn drop_foreign_remotes(&mut self, shared: &mut Shared, now: Instant) {
        let Some(secret) = &self.remote else { return };
        let ufrag = &secret.credentials.ufrag;
        let mut gone = Vec::new();
        self.remotes.retain(|remote| {
            let foreign = remote.candidate.ufrag.as_ref().is_some_and(|theirs| theirs != ufrag);
            if foreign {
                gone.push(remote.id);
            }
            !foreign
        });
        if !gone.is_empty() {
            self.list.retain(|pair| !gone.contains(&pair.remote));
            for remote in self.remotes.iter().map(|remote| remote.id).collect::<Vec<_>>() {
                self.pair_remote(shared, now, remote);
            }
        }
    }

    /// `true` while a name may still turn out to be an address.
    pub(super) fn is_resolving(&self) -> bool {
        self.remotes.iter().any(|remote| matches!(remote.place, Place::Asked(_)))
    }

    fn ask_for(&mut self, shared: &mut Shared, candidate: Candidate, name: &str) {
        let name = name.to_ascii_lowercase();
        // RFC 8839 §5.1: candidates with other host names are ignored.
        let local = name.strip_suffix(".local").is_some_and(|label| !label.is_empty() && name.len() <= 255);
        // Who hides behind a name is on this network, where no relay is needed; and to ask for it shows this host there.
        if !local || candidate.port == 0 || !self.gathering.will_use_hosts(shared) || !self.has_room(shared) {
            return;
        }
        if self.remotes.iter().any(|remote| remote.is_like(&candidate)) {
            return;
        }
        let resolve = shared.resolve_id();
        shared.outbox.io.push_back(Io::Resolve { id: resolve, name });
        let id = shared.candidate_id();
        self.remotes.push(Remote { id, candidate, place: Place::Asked(resolve), signalled: true });
    }

    /// A candidate's address is known: it takes the place of a peer-reflexive one there, or is new and makes pairs.
    fn place_remote(&mut self, shared: &mut Shared, now: Instant, candidate: Candidate, address: SocketAddr) {
        let is_it = |known: &&mut Remote| {
            known.place == Place::At(address)
                && known.candidate.transport == candidate.transport
                // One port may both take connections and open them.
                && (known.candidate.tcp_type == candidate.tcp_type || !known.signalled)
                && !known.is_of_another(&candidate)
        };
        if let Some(known) = self.remotes.iter_mut().find(is_it) {
            if known.signalled {
                return;
            }
            known.signalled = true;
            known.candidate = candidate;
            let (id, candidate) = (known.id, &known.candidate);
            for pair in self.list.iter_mut().filter(|pair| pair.remote == id) {
                pair.remote_priority = candidate.priority;
                pair.opens = pair.base.opens_to(candidate, true);
                pair.update_priority(shared.role);
            }
            self.list.sort();
            return self.pair_remote(shared, now, id);
        }
        if self.has_room(shared) {
            let id = shared.candidate_id();
            self.remotes.push(Remote { id, candidate, place: Place::At(address), signalled: true });
            self.pair_remote(shared, now, id);
        }
    }

    fn has_room(&mut self, shared: &mut Shared) -> bool {
        if self.remotes.len() < shared.config.limits.remote_candidates || self.forget_learned() {
            return true;
        }
        if !std::mem::replace(&mut self.flooded, true) {
            tracing::warn!("the peer signals more candidates than are used; the rest is ignored");
        }
        shared.stats.candidates_ignored += 1;
        false
    }

    /// Makes room by dropping the oldest learned candidate that is of no use any more: a peer behind a NAT that rebinds
    /// often leaves many of them.
    fn forget_learned(&mut self) -> bool {
        let used = |id| {
            self.list.iter().any(|pair| {
                pair.remote == id
                    && (pair.last_answer.is_some()
                        || pair.is_open()
                        || [self.active, self.selected].contains(&Some(pair.id)))
            })
        };
        let Some(at) = self.remotes.iter().position(|remote| !remote.signalled && !used(remote.id)) else {
            return false;
        };
        let gone = self.remotes.remove(at).id;
        self.list.retain(|pair| pair.remote != gone);
        true
    }
}

/// Whether anything can come of a candidate. Where the peer alone opens the connection, its first check tells more than the candidate
/// does.
fn is_usable(candidate: &Candidate) -> bool {
    let transport = match candidate.transport {
        Transport::Udp => true,
        Transport::Tcp => {
            let is_opened = matches!(candidate.tcp_type, Some(TcpType::Passive | TcpType::SimultaneousOpen));
            is_opened && !is_blocked(candidate.port)
        }
        Transport::Other(_) => false,
    };
    transport && candidate.component == 1
}

/// What the peer's end of a connection is, by ours.
fn opposite(ours: TcpType) -> TcpType {
    match ours {
        TcpType::Active => TcpType::Passive,
        TcpType::Passive => TcpType::Active,
        TcpType::SimultaneousOpen => TcpType::SimultaneousOpen,
    }
}
