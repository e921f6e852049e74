//! The agent as its caller sees it.

use super::address::canonical;
use super::earlier::Earlier;
use super::generation::Generation;
use super::pair::Pair;
use super::shared::Shared;
use super::tcp::Base;
use super::{
    Candidate, CandidateError, CloseReason, Config, Credentials, CredentialsError, Event, GatherOptions, PairFailure,
    ResolveId, Role, State,
};
use crate::stun::{Class, Message};
use ortica_core::{Datagram, Instant, Rng, SocketId, Transmit};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tracing::debug;

/// A full ICE agent for one component, or [a lite one](Config::with_lite): finds the pairs of addresses over which two peers reach each other, picks one, and
/// makes sure that the peer still wants what is sent there.
///
/// Source: [RFC 8445](https://www.rfc-editor.org/rfc/rfc8445)
#[derive(Debug)]
pub struct Agent {
    pub(super) shared: Shared,
    pub(super) current: Generation,
    pub(super) earlier: Earlier,
    /// A restart came from a state beyond `Checking`.
    pub(super) restarted: bool,
    pub(super) closed: bool,
}

impl Agent {
    /// An agent without sockets. It starts in the controlled role.
    pub fn new(config: Arc<Config>, rng: Rng, now: Instant) -> Self {
        let mut shared = Shared::new(config, rng, now);
        let credentials = Credentials::generate(&mut shared.rng);
        let current = Generation::new(0, credentials, &mut shared, now);
        Self { shared, current, earlier: Earlier::default(), restarted: false, closed: false }
    }

    /// What the peer's checks to this generation are authenticated with; to be signalled.
    pub fn local_credentials(&self) -> &Credentials {
        &self.current.local.credentials
    }

    /// The peer's credentials of this generation, once they are known.
    pub fn remote_credentials(&self) -> Option<&Credentials> {
        self.current.remote.as_ref().map(|secret| &secret.credentials)
    }

    /// Whether this agent [is lite](super::Config::with_lite).
    pub fn is_lite(&self) -> bool {
        self.shared.config.lite
    }

    /// Whether the peer said that it is.
    pub fn is_remote_lite(&self) -> bool {
        self.current.lite
    }

    /// Who nominates. May change by itself: when both sides took the same role, one yields.
    pub fn role(&self) -> Role {
        self.shared.role
    }

    /// Takes a role, as the offer/answer exchange says. Where one side is lite, the roles are given, and this does nothing.
    pub fn set_role(&mut self, now: Instant, role: Role) {
        if role != self.shared.role && !self.current.lite && !self.shared.config.lite {
            self.current.switch_role(&mut self.shared, role);
            self.settle(now);
        }
    }

    /// Says what may be gathered from here on, and whom to ask. It takes effect with the first socket, or else with the next
    /// restart: what was gathered before stays in use until then.
    ///
    /// Source: [RFC 9429 §4.1.18](https://www.rfc-editor.org/rfc/rfc9429#section-4.1.18)
    pub fn set_gather_options(&mut self, options: GatherOptions) {
        self.shared.options = Arc::new(options);
    }

    /// Hands over a UDP socket bound to `addr`, which becomes a host candidate, and a server-reflexive one per STUN server
    /// that sees it under another address. The order matters: earlier sockets are preferred, IPv6 and IPv4 in turn
    /// (RFC 8421), loopback after all others.
    ///
    /// A socket bound to the unspecified address has no host candidate, and may have server-reflexive ones. Link-local
    /// IPv6 addresses are neither signalled nor used.
    ///
    /// An agent that failed keeps the socket for the restart.
    pub fn add_socket(&mut self, now: Instant, id: SocketId, addr: SocketAddr) {
        self.add_base(now, id, canonical(addr), Base::Udp);
    }

    pub(super) fn add_base(&mut self, now: Instant, id: SocketId, addr: SocketAddr, base: Base) {
        if self.closed {
            return;
        }
        if let Some(socket) = self.shared.add_socket(id, addr, base)
            && !self.is_over()
        {
            self.current.add_socket(&mut self.shared, now, socket);
            self.settle(now);
        }
    }

    /// There will be no further sockets: gathering is complete once the STUN servers have answered. It stays said over
    /// restarts, which gather on the sockets there are.
    pub fn end_of_sockets(&mut self, now: Instant) {
        self.shared.sockets_ended = true;
        self.settle(now);
    }

    /// A socket is gone, and its candidates and pairs with it. The best valid pair that is left takes over.
    pub fn remove_socket(&mut self, now: Instant, id: SocketId) {
        self.drop_socket(id);
        self.settle(now);
    }

    pub(super) fn drop_socket(&mut self, id: SocketId) {
        self.shared.sockets.retain(|socket| socket.id != id);
        self.shared.replies.retain(|reply| reply.socket != id);
        self.shared.connections.remove_socket(id);
        self.current.remove_socket(id);
        self.earlier.remove_socket(id);
    }

    /// Takes the peer's credentials; checks begin when there is a pair. `lite`: the peer said `a=ice-lite`, so this agent
    /// controls.
    ///
    /// # Errors
    /// When they are malformed, or differ from those of this generation: then the peer has restarted, and
    /// [`restart`](Self::restart) comes first.
    pub fn set_remote_credentials(
        &mut self,
        now: Instant,
        credentials: Credentials,
        lite: bool,
    ) -> Result<(), CredentialsError> {
        if self.closed {
            return Err(CredentialsError::Closed);
        }
        credentials.validate()?;
        match self.remote_credentials() {
            Some(known) if *known == credentials => return Ok(()),
            Some(_) => return Err(CredentialsError::Changed),
            None => {}
        }
        let given = match (lite, self.shared.config.lite) {
            (true, _) => Role::Controlling,
            (false, true) => Role::Controlled,
            (false, false) => self.shared.role,
        };
        if given != self.shared.role {
            self.current.switch_role(&mut self.shared, given);
        }
        self.current.set_remote(&mut self.shared, now, credentials, lite);
        // What carried data until here is not to be used any more.
        if !self.current.gathering.uses_hosts() {
            self.earlier.forget_hosts();
        }
        self.settle(now);
        Ok(())
    }

    /// Says whether the peer follows nominations after the first one: it said `a=ice-options:renomination`. Holds until the next
    /// restart; `false` from the start.
    pub fn set_remote_renomination(&mut self, now: Instant, follows: bool) {
        self.current.peer_renominates = follows;
        self.settle(now);
    }

    /// Adds a candidate of the peer; before its credentials are known, too. Candidates that cannot be used (other
    /// components, active ones of TCP, others of TCP at ports that are [blocked](https://fetch.spec.whatwg.org/#port-blocking), names outside `.local`, beyond [`Limits::remote_candidates`](super::Limits::remote_candidates)) are
    /// counted and ignored.
    ///
    /// # Errors
    /// When its fragment is not the one of this generation, its address or port is none a peer can have, or the agent is
    /// closed.
    pub fn add_remote_candidate(&mut self, now: Instant, candidate: Candidate) -> Result<(), CandidateError> {
        if self.closed {
            return Err(CandidateError::Closed);
        }
        self.current.add_remote(&mut self.shared, now, candidate)?;
        self.settle(now);
        Ok(())
    }

    /// Answers [`Io::Resolve`](super::Io::Resolve). Without an address a candidate is dropped silently, and a server reported.
    pub fn resolved(&mut self, now: Instant, id: ResolveId, address: Option<IpAddr>) {
        if self.is_over() {
            return;
        }
        self.current.on_resolved(&mut self.shared, now, id, address);
        self.current.gathering.on_resolved(&mut self.shared, now, id, address);
        self.settle(now);
    }

    /// The peer has signalled all its candidates.
    pub fn end_of_remote_candidates(&mut self, now: Instant) {
        self.current.remote_ended = true;
        self.settle(now);
    }

    /// Starts anew: fresh local credentials, no remote ones, the same sockets. STUN servers are asked again, the
    /// candidates are reported again, and so is the end of gathering, if [`end_of_sockets`](Self::end_of_sockets) was said
    /// at any time. The pair in use carries on until one of the new generation is selected.
    pub fn restart(&mut self, now: Instant) {
        let credentials = Credentials::generate(&mut self.shared.rng);
        self.restart_with(now, credentials);
    }

    /// As [`restart`](Self::restart), with local credentials that were drawn beforehand: for an offer or an answer that
    /// is written before it is applied.
    pub fn restart_with(&mut self, now: Instant, credentials: Credentials) {
        if self.closed {
            return;
        }
        self.restarted = match self.state() {
            State::New => false,
            State::Checking => self.restarted,
            _ => true,
        };
        self.shared.outbox.restart();
        let number = self.current.number.wrapping_add(1);
        let new = Generation::new(number, credentials, &mut self.shared, now);
        let old = std::mem::replace(&mut self.current, new);
        self.earlier.push(old);
        self.forget_unused_permissions();
        self.settle(now);
    }

    /// Takes the last restart back, when the offer that carried it was rolled back: the generation before it is in force
    /// again. `false`, and nothing happens, when it is gone already.
    pub fn rollback_restart(&mut self, now: Instant) -> bool {
        if self.closed {
            return false;
        }
        let Some(generation) = self.earlier.take_back() else { return false };
        self.current = generation;
        self.current.list.set_role(self.shared.role);
        self.shared.outbox.rollback();
        self.settle(now);
        true
    }

    /// Forgets the generations before the last restart, one of which carries data until the new one has a selected pair: what is on
    /// their other end is not who is wanted any more. The restart can no longer be taken back.
    pub fn forget_previous(&mut self, now: Instant) {
        self.earlier.forget();
        self.settle(now);
    }

    /// Takes a datagram for which [`is_stun`](crate::is_stun) holds. Anything else is counted and dropped.
    pub fn handle_datagram(&mut self, now: Instant, mut datagram: Datagram<'_>) {
        // Who was not called for so long that consent is over is not to get it back from what has waited meanwhile.
        if self.generations().any(|generation| generation.active_pair().is_some_and(|pair| !pair.is_valid(now))) {
            self.settle(now);
        }
        if self.is_over() {
            return;
        }
        let (socket, remote) = (datagram.local, canonical(datagram.remote));
        for segment in datagram.segments() {
            match Message::parse(segment) {
                Ok(message) if self.shared.socket(socket).is_some() => {
                    self.on_message(now, socket, remote, &message);
                }
                Ok(_) => self.shared.stats.unexpected += 1,
                Err(error) => {
                    debug!(%error, "no STUN message");
                    self.shared.stats.malformed += 1;
                }
            }
        }
        self.settle(now);
    }

    /// Says that data came from an address that is not validated. If a pair is selected, the peer may have moved there (a
    /// NAT forgot its mapping): the address is checked, so that data from it is taken again, and the pair in use is asked
    /// whether it still is one. Checks of this kind leave five times a second at most.
    pub fn check_source(&mut self, now: Instant, socket: SocketId, remote: SocketAddr) {
        if !self.is_over() {
            self.current.check_source(&mut self.shared, now, socket, canonical(remote));
            self.settle(now);
        }
    }

    /// When it last sent what its [pace](super::Config::with_ta) holds for: a check, or a question to a STUN server.
    pub fn last_paced(&self) -> Option<Instant> {
        self.shared.pace.spent
    }

    /// Says that such was sent at `now` by another agent, with which this one shares the pace: it waits as if that had been its own.
    ///
    /// Source: [RFC 8445 §14.2](https://www.rfc-editor.org/rfc/rfc8445#section-14.2)
    pub fn give_way(&mut self, now: Instant) {
        let Shared { pace, config, .. } = &mut self.shared;
        pace.give_way(now, config);
    }

    /// Does what is due. To be called at [`poll_timeout`](Self::poll_timeout).
    pub fn handle_timeout(&mut self, now: Instant) {
        self.settle(now);
    }

    /// Ends the agent: nothing is sent any more, but that what TURN servers lent is given back. [`Event::Closed`] follows.
    pub fn close(&mut self, now: Instant) {
        if self.closed {
            return;
        }
        self.closed = true;
        self.close_relays(now);
        self.earlier.forget();
        self.current.fail(PairFailure::Closed);
        self.shared.replies.clear();
        self.shared.connections.clear();
        self.shared.outbox.close(CloseReason::Local);
    }

    /// Appends the next STUN message to `out`. Each is a datagram of its own, so `max_segments` plays no part.
    pub fn poll_transmit(&mut self, now: Instant, _max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        let start = out.len();
        loop {
            if let Some(to_server) = self.shared.allocations.poll_transmit(now, out) {
                return Some(to_server);
            }
            let Some(transmit) = self.poll_own(now, out) else {
                // A check whose turn it was may want a permission first.
                return self.shared.allocations.poll_transmit(now, out);
            };
            // One that cannot leave counts as one that got lost.
            if let Some(wrapped) = self.wrap(now, transmit, out, start) {
                return Some(wrapped);
            }
        }
    }

    fn poll_own(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<Transmit> {
        if self.is_over() {
            return None;
        }
        let Self { shared, current, earlier, .. } = self;
        while let Some(reply) = shared.replies.pop_front() {
            let by_number = |generation: &&Generation| generation.number == reply.generation;
            if let Some(generation) = std::iter::once(&*current).chain(earlier.iter()).find(by_number) {
                return Some(generation.transmit_reply(shared, &reply, out));
            }
        }
        earlier
            .transmit_consent(shared, now, out)
            .or_else(|| current.transmit_consent(shared, now, out))
            .or_else(|| current.transmit_check(shared, now, out))
            .or_else(|| current.transmit_gathering(shared, now, out))
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        let Shared { connections, allocations, outbox, .. } = &mut self.shared;
        connections.poll().or_else(|| allocations.poll_order()).map(Event::Io).or_else(|| outbox.poll())
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.is_over() {
            return None;
        }
        let Self { shared, current, earlier, .. } = self;
        let timers = [
            earlier.poll_timeout(shared),
            current.consent_due_at(),
            current.next_send(shared),
            current.next_change(shared),
            current.gathering.next_deadline(shared.config.gathering_timeout),
            shared.allocations.poll_timeout(),
            self.failure_at(),
        ];
        timers.into_iter().flatten().min()
    }

    /// The same in any order, to count what they carry.
    pub(super) fn pairs_mut(&mut self) -> impl Iterator<Item = &mut Pair> {
        self.generations_mut().flat_map(|generation| generation.list.iter_mut())
    }

    /// The present generation and those before it, newest first.
    pub(super) fn generations(&self) -> impl Iterator<Item = &Generation> {
        std::iter::once(&self.current).chain(self.earlier.iter())
    }

    pub(super) fn generations_mut(&mut self) -> impl Iterator<Item = &mut Generation> {
        std::iter::once(&mut self.current).chain(self.earlier.iter_mut())
    }

    fn on_message(&mut self, now: Instant, socket: SocketId, remote: SocketAddr, message: &Message<'_>) {
        let Self { shared, current, earlier, .. } = self;
        let mut generations = std::iter::once(current).chain(earlier.iter_mut());
        match message.class() {
            Class::Request => match generations.find(|generation| generation.is_addressed_by(message)) {
                Some(generation) => generation.on_request(shared, now, socket, remote, message),
                None => shared.stats.unauthenticated += 1,
            },
            Class::Success | Class::Error => {
                let taken = generations.any(|generation| {
                    generation.on_response(shared, now, socket, remote, message)
                        || generation.on_server_response(shared, now, socket, remote, message)
                });
                if !taken {
                    shared.stats.unexpected += 1;
                }
            }
            // Keepalives: they say nothing, and need no answer.
            Class::Indication => {}
        }
    }

    /// Draws the conclusions from what happened, and from the time.
    pub(super) fn settle(&mut self, now: Instant) {
        if self.is_over() {
            return;
        }
        self.settle_relays(now);
        let timeout = self.shared.config.gathering_timeout;
        self.current.gathering.expire(timeout, now);
        if self.shared.sockets_ended {
            self.current.gathering.report(&mut self.shared);
        }
        self.current.settle(&mut self.shared, now);
        self.earlier.settle(&mut self.shared, now, &self.current);
        if self.failure_at().is_some_and(|at| at <= now) {
            debug!("failed");
            self.earlier.forget();
            self.current.fail(PairFailure::Unanswered);
            self.shared.replies.clear();
            self.close_relays(now);
        }
        self.close_unneeded();
        self.serve_relayed_route(now);
        let selected = self.in_use().map(|pair| (pair.id, pair.route()));
        if self.shared.outbox.set_selected(selected) {
            self.shared.stats.route_changes += 1;
        }
        self.shared.outbox.set_gathering(self.current.gathering.state(self.shared.sockets_ended));
        self.shared.outbox.set_state(self.derive_state());
    }

    /// Nothing more is to be sent, nor anything listened to.
    pub(super) fn is_over(&self) -> bool {
        self.closed || self.current.failed
    }
}
