//! One side of a call.

mod channels;
mod gathering;
mod media;
mod objects;
mod observe;
mod pace;
mod packets;
mod relays;
mod statistics;
mod tcp;
mod transforms;
mod transports;

pub use media::MediaError;
pub use objects::CandidatePair;
pub use tcp::{FarEnd, TcpSocket};

use super::channels::Channels;
use super::observe::Observer;
use super::transport::Transport;
use super::{CloseReason, Config, Event, ReceiverId, SenderId, TransportId};
use channels::association;
use ortica_core::{Datagram, Instant, Rng, SocketId, Transmit};
use ortica_ice::{CandidateError, CredentialsError};
use ortica_rtp::session::reports::random_cname;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// Why a command to a transport was refused.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum TransportError {
    /// The session holds no such transport.
    #[error("there is no transport {0}")]
    Unknown(TransportId),
    /// [`Limits::transports`](super::Limits) is reached.
    #[error("too many transports")]
    TooMany,
    /// The peer's ICE credentials are malformed.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The candidate cannot be used.
    #[error(transparent)]
    Candidate(#[from] CandidateError),
}

/// One side of a call: transports, data channels, and what they report.
///
/// Follows the contract of every sans-IO machine here: facts come in by `handle_*`, commands may be refused, and after
/// each batch of either, [`poll_transmit`](Self::poll_transmit), [`poll_event`](Self::poll_event) and
/// [`poll_timeout`](Self::poll_timeout) are drained, in this order.
pub struct Session {
    config: Arc<Config>,
    rng: Rng,
    /// Boxed, since a node of the map has room for eleven, and most sessions have one.
    transports: BTreeMap<TransportId, Box<Transport>>,
    next_transport: u32,
    /// Agents of transports that went, until they have given back what servers lent them.
    leaving: Vec<ortica_ice::Agent>,
    gathering: gathering::Gathering,
    /// The transport whose check went out last: the others have their turn before it.
    paced: Option<TransportId>,
    /// The transport that data channels run on.
    sctp: Option<TransportId>,
    channels: Channels,
    /// Which transport carries each sender and receiver.
    senders: BTreeMap<SenderId, TransportId>,
    receivers: BTreeMap<ReceiverId, TransportId>,
    next_track: u32,
    /// What all streams of this session are called (RFC 7022).
    cname: String,
    events: VecDeque<Event>,
    /// Set by `close`; `Closed` is the last event after it.
    closing: Option<CloseReason>,
    /// After `close`, until when what was sent may still arrive.
    flushing_until: Option<Instant>,
    /// After `close`, nothing is left to be sent.
    said_goodbye: bool,
    closed: bool,
    /// What is kept for bursts was given back, and who owns the session has not heard of it.
    has_rested: bool,
    /// Records what happens, if somebody wants to know.
    observer: Option<Box<Observer>>,
}

impl Session {
    /// A session without transports. All its randomness comes from `rng`.
    pub fn new(config: Arc<Config>, rng: Rng, _now: Instant) -> Self {
        Self {
            channels: Channels::new(config.limits),
            observer: Observer::new(&config),
            senders: BTreeMap::new(),
            receivers: BTreeMap::new(),
            next_track: 0,
            cname: random_cname(&mut rng.fork("cname")),
            config,
            rng,
            transports: BTreeMap::new(),
            next_transport: 0,
            leaving: Vec::new(),
            gathering: gathering::Gathering::default(),
            paced: None,
            sctp: None,
            events: VecDeque::new(),
            closing: None,
            flushing_until: None,
            said_goodbye: false,
            closed: false,
            has_rested: false,
        }
    }

    /// Takes what a socket received, whichever transport it is for.
    pub fn handle_datagram(&mut self, now: Instant, datagram: Datagram<'_>) {
        if self.closed {
            return;
        }
        self.observe(|observer| observer.on_received(now, &datagram));
        let Some(id) = self.transport_of(&datagram) else { return };
        if let Some(transport) = self.transports.get_mut(&id) {
            transport.handle_datagram(now, &self.config, datagram, &mut self.events);
            transport.settle(now, &self.config, &mut self.channels, &mut self.events);
        }
        self.observe_transport(now, id);
        self.advance_close(now);
    }

    /// Whose datagram it is: of the one transport there is, of the one that asked what it answers, of the one whose TURN server sent it, of the
    /// one whose ufrag a check names, of the one that has validated its address, or of the one that may hear from there.
    fn transport_of(&self, datagram: &Datagram<'_>) -> Option<TransportId> {
        let mut all = self.transports.iter();
        let (first, _) = all.next()?;
        if all.next().is_none() {
            return Some(*first);
        }
        let ufrag = ortica_ice::stun_username(datagram.contents).and_then(|username| username.split(':').next());
        let answer = ortica_ice::stun_answer(datagram.contents);
        let asked = |transport: &Transport| answer.is_some_and(|answer| transport.ice.awaits(answer));
        let named = |transport: &Transport| Some(transport.ice.local_credentials().ufrag.as_str()) == ufrag;
        let accepts = |transport: &Transport| transport.accepts(datagram.local, datagram.remote);
        let expects = |transport: &Transport| transport.expects(datagram.local, datagram.remote);
        let find = |wanted: &dyn Fn(&Transport) -> bool| {
            self.transports.iter().find(|(_, transport)| wanted(transport)).map(|(id, _)| *id)
        };
        let relays = |transport: &Transport| transport.is_relayed_by(datagram.local, datagram.remote);
        let known = find(&asked).or_else(|| find(&relays)).or_else(|| find(&named));
        known.or_else(|| find(&accepts)).or_else(|| find(&expects))
    }

    /// Takes notice that a socket refused what was to go to `remote`, because packets of `len` bytes are longer than the link
    /// carries (EMSGSIZE).
    pub fn handle_too_long(&mut self, now: Instant, socket: SocketId, remote: SocketAddr, len: usize) {
        let is_its = |transport: &&mut Box<Transport>| {
            transport.accepts(socket, remote) || transport.is_relayed_by(socket, remote)
        };
        for transport in self.transports.values_mut().filter(is_its) {
            transport.on_too_long(now, socket, remote, len);
        }
    }

    /// Runs what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.closed {
            return;
        }
        for transport in self.transports.values_mut() {
            transport.handle_timeout(now, &self.config, &mut self.events);
            transport.settle(now, &self.config, &mut self.channels, &mut self.events);
        }
        self.rest_if_idle(now);
        self.observe_transports(now);
        self.advance_close(now);
    }

    /// Gives back the memory that is kept for bursts, once a transport has been idle for a while.
    fn rest_if_idle(&mut self, now: Instant) {
        let mut has_rested = false;
        for transport in self.transports.values_mut() {
            has_rested |= transport.rest_if_idle(now);
        }
        if has_rested {
            self.rng.rest();
            self.events.shrink_to_fit();
            self.channels.rest();
            self.has_rested = true;
        }
    }

    /// Whether there was a rest since the last call.
    pub(crate) fn take_rest(&mut self) -> bool {
        std::mem::take(&mut self.has_rested)
    }

    /// Appends the next datagrams to one destination to `out`, at most `max_segments` of equal length but the last.
    pub fn poll_transmit(&mut self, now: Instant, max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        let start = out.len();
        let transmit = self.poll_transports(now, max_segments, out)?;
        if self.observer.is_some() {
            self.observe_transmit(now, &transmit, out.get(start..).unwrap_or_default());
        }
        Some(transmit)
    }

    fn poll_transports(&mut self, now: Instant, max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        if self.closed {
            return None;
        }
        if let Some(transmit) = self.poll_leaving(now, max_segments, out) {
            return Some(transmit);
        }
        let mut turn = self.paced;
        for _ in 0..self.transports.len() {
            let (id, transport) = pace::next(&mut self.transports, turn)?;
            let paced = transport.ice.last_paced();
            if let Some(transmit) = transport.poll_transmit(now, max_segments, out) {
                if transport.ice.last_paced() != paced {
                    self.share_pace(now, id);
                }
                return Some(transmit);
            }
            // What was built may have lowered a queue below its threshold.
            transport.settle(now, &self.config, &mut self.channels, &mut self.events);
            turn = Some(id);
        }
        self.said_goodbye = self.closing.is_some() && self.flushing_until.is_none();
        None
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        if self.closed {
            return None;
        }
        while let Some(event) = self.events.pop_front() {
            if let Some(event) = self.gathering.hold(event) {
                self.observe(|observer| observer.on_event(&event));
                return Some(event);
            }
        }
        let reason = self.closing.filter(|_| self.said_goodbye)?;
        self.closed = true;
        let event = Event::Closed(reason);
        self.observe(|observer| observer.on_event(&event));
        Some(event)
    }

    /// Drops what a session that is over still holds: its transports, which statistics speak of.
    pub fn release(&mut self) {
        if self.closed {
            self.transports.clear();
        }
    }

    /// There is something to report about gathering on that transport.
    pub(crate) fn has_gathering_event(&self, id: TransportId) -> bool {
        self.events.iter().any(|event| matches!(event, Event::Gathering(of, _) if *of == id))
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.closed {
            return None;
        }
        let transports = self.transports.values().filter_map(|transport| transport.poll_timeout());
        transports.chain(self.flushing_until).min()
    }

    /// Ends the session. What was sent on data channels still goes out, for as long as [`Config::with_linger`] says; then
    /// goodbyes go out, and `Closed` is the last event. [`undelivered`](Self::undelivered) knows what did not arrive.
    pub fn close(&mut self, now: Instant) {
        if self.closing.is_some() {
            return;
        }
        self.closing = Some(CloseReason::Local);
        let linger = self.config.linger;
        let unacknowledged = association(&mut self.transports, self.sctp).map(|it| it.unacknowledged());
        if linger.is_zero() || unacknowledged.is_none_or(|unacknowledged| unacknowledged.is_none()) {
            return self.say_goodbye(now);
        }
        self.flushing_until = Some(now + linger);
        self.channels.flush(&mut self.events);
        self.transports.values_mut().for_each(|transport| transport.flush());
    }

    /// Says goodbye once what was sent has arrived, or time is up.
    fn advance_close(&mut self, now: Instant) {
        let Some(deadline) = self.flushing_until else { return };
        if deadline <= now || self.transports.values().all(|transport| transport.is_flushed()) {
            self.say_goodbye(now);
        }
    }

    /// Nothing goes out any more.
    #[cfg(feature = "tokio")]
    pub(crate) fn stop(&mut self, now: Instant) {
        self.closing.get_or_insert(CloseReason::DriverStopped);
        self.say_goodbye(now);
    }

    fn say_goodbye(&mut self, now: Instant) {
        self.flushing_until = None;
        for transport in self.transports.values_mut() {
            transport.close(now, &mut self.channels, &mut self.events);
        }
        // Those that no association ever had.
        self.channels.on_closed(None, &mut self.events);
    }

    /// `true` once [`close`](Self::close) was called.
    pub fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// Why it ends, once that has begun.
    pub(crate) fn closing(&self) -> Option<CloseReason> {
        self.closing
    }

    /// The time of day at `now`, since the Unix epoch, as reports on media carry it.
    pub fn wall_time(&self, now: Instant) -> Duration {
        self.config.wall_clock.ntp(now).to_unix()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("channels", &self.channels)
            .field("closing", &self.closing)
            .finish_non_exhaustive()
    }
}
