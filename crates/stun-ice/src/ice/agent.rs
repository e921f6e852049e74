//! The agent as its caller sees it.

use super::{
    Candidate, CandidateError, CandidateStats, Config, Credentials, CredentialsError, Event, GatheringState, PairStats,
    ResolveId, Role, Route, State, Stats,
};
use ortica_core::{Datagram, Instant, Rng, SocketId, Transmit};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// A full ICE agent for one component: finds the pairs of addresses over which two peers reach each other, picks one, and
/// makes sure that the peer still wants what is sent there.
///
/// Source: [RFC 8445](https://www.rfc-editor.org/rfc/rfc8445)
#[derive(Debug)]
pub struct Agent {
    credentials: Credentials,
    remote: Option<Credentials>,
    role: Role,
}

impl Agent {
    /// An agent without sockets. It starts in the controlled role.
    pub fn new(_config: Arc<Config>, mut rng: Rng, _now: Instant) -> Self {
        Self { credentials: Credentials::generate(&mut rng), remote: None, role: Role::Controlled }
    }

    /// What the peer's checks to this generation are authenticated with; to be signalled.
    pub fn local_credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The peer's credentials of this generation, once they are known.
    pub fn remote_credentials(&self) -> Option<&Credentials> {
        self.remote.as_ref()
    }

    /// Who nominates. May change by itself: when both sides took the same role, one yields.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Takes a role, as the offer/answer exchange says. A lite peer leaves the controlling one only.
    pub fn set_role(&mut self, _now: Instant, role: Role) {
        self.role = role;
    }

    /// Hands over a UDP socket bound to `addr`, which becomes a host candidate, and a server-reflexive one per STUN server
    /// that sees it under another address. The order matters: earlier sockets are preferred, IPv6 and IPv4 in turn
    /// (RFC 8421), loopback after all others.
    ///
    /// A socket bound to the unspecified address has no host candidate, and may have server-reflexive ones. Link-local
    /// IPv6 addresses are neither signalled nor used.
    pub fn add_socket(&mut self, _now: Instant, _id: SocketId, _addr: SocketAddr) {}

    /// There will be no further sockets: gathering is complete once the STUN servers have answered. A restart takes it
    /// back.
    pub fn end_of_sockets(&mut self, _now: Instant) {}

    /// A socket is gone, and its candidates and pairs with it. The best valid pair that is left takes over.
    pub fn remove_socket(&mut self, _now: Instant, _id: SocketId) {}

    /// Takes the peer's credentials; checks begin when there is a pair. `lite`: the peer said `a=ice-lite`, so this agent
    /// controls.
    ///
    /// # Errors
    /// When they are malformed, or differ from those of this generation: then the peer has restarted, and
    /// [`restart`](Self::restart) comes first.
    pub fn set_remote_credentials(
        &mut self,
        _now: Instant,
        credentials: Credentials,
        _lite: bool,
    ) -> Result<(), CredentialsError> {
        credentials.validate()?;
        self.remote = Some(credentials);
        Ok(())
    }

    /// Adds a candidate of the peer; before its credentials are known, too. Candidates that cannot be used (TCP, other
    /// components, names outside `.local`, beyond [`Limits::remote_candidates`](super::Limits::remote_candidates)) are
    /// counted and ignored.
    ///
    /// # Errors
    /// When its fragment is not the one of this generation, its address or port is none a peer can have, or the agent is
    /// closed.
    pub fn add_remote_candidate(&mut self, _now: Instant, _candidate: Candidate) -> Result<(), CandidateError> {
        Ok(())
    }

    /// Answers [`Io::Resolve`](super::Io::Resolve). Without an address the candidate is dropped silently.
    pub fn resolved(&mut self, _now: Instant, _id: ResolveId, _address: Option<IpAddr>) {}

    /// The peer has signalled all its candidates.
    pub fn end_of_remote_candidates(&mut self, _now: Instant) {}

    /// Starts anew: fresh local credentials, no remote ones, the same sockets. Their candidates are reported again, and
    /// [`end_of_sockets`](Self::end_of_sockets) is to be called again. The pair in use carries on until one of the new
    /// generation is selected.
    pub fn restart(&mut self, _now: Instant) {}

    /// Takes the last restart back, when the offer that carried it was rolled back: the generation before it is in force
    /// again. `false`, and nothing happens, when it is gone already.
    pub fn rollback_restart(&mut self, _now: Instant) -> bool {
        false
    }

    /// Takes a datagram for which [`is_stun`](crate::is_stun) holds. Anything else is counted and dropped.
    pub fn handle_datagram(&mut self, _now: Instant, _datagram: Datagram<'_>) {}

    /// Does what is due. To be called at [`poll_timeout`](Self::poll_timeout).
    pub fn handle_timeout(&mut self, _now: Instant) {}

    /// Ends the agent: nothing is sent any more. [`Event::Closed`] follows.
    pub fn close(&mut self, _now: Instant) {}

    /// Appends the next STUN message to `out`. Each is a datagram of its own, so `max_segments` plays no part.
    pub fn poll_transmit(&mut self, _now: Instant, _max_segments: usize, _out: &mut Vec<u8>) -> Option<Transmit> {
        None
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Where data is to be sent: the nominated pair, or before nomination (and while the nominated pair is silent) the
    /// valid pair of highest priority. `None` when there is none, and when consent is lost.
    pub fn route(&self) -> Option<Route> {
        None
    }

    /// Whether the peer has proved its credentials from `remote` on `socket`, by an answer or by a check of its own. Data
    /// from elsewhere is to be dropped.
    pub fn is_validated(&self, _socket: SocketId, _remote: SocketAddr) -> bool {
        false
    }

    /// Its state.
    pub fn state(&self) -> State {
        State::New
    }

    /// How far gathering is.
    pub fn gathering_state(&self) -> GatheringState {
        GatheringState::New
    }

    /// The local candidates of this generation, as they are signalled.
    pub fn local_candidates(&self) -> &[Candidate] {
        &[]
    }

    /// The remote candidates of this generation that were signalled and can be used.
    pub fn remote_candidates(&self) -> impl Iterator<Item = &Candidate> {
        std::iter::empty()
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        Stats::default()
    }

    /// All candidates, local and remote, peer-reflexive ones included.
    pub fn candidates(&self) -> impl Iterator<Item = CandidateStats<'_>> {
        std::iter::empty()
    }

    /// The candidate pairs, best first. While a restart is under way, those of the old generation come last.
    pub fn pairs(&self) -> impl Iterator<Item = PairStats> {
        std::iter::empty()
    }
}
