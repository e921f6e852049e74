//! One side of a call.

mod gathering;
mod media;
mod objects;
mod observe;
mod pace;
mod transforms;

pub use media::MediaError;
pub use objects::CandidatePair;

use super::channels::Channels;
use super::observe::Observer;
use super::transport::{DtlsParameters, SctpParameters, Transport};
use super::{
    ChannelError, ChannelId, ChannelMessage, ChannelParameters, ChannelSendError, ChannelState, ChannelStats,
    CloseReason, Config, DtlsState, Event, ReceiverId, SctpFailure, SenderId, TransportId, TransportStats, Undelivered,
};
use ortica_core::crypto::HashAlgorithm;
use ortica_core::{Bitrate, Datagram, Instant, Rng, SocketId, Transmit};
use ortica_ice::{Candidate, CandidateError, Credentials, CredentialsError, ResolveId};
use ortica_rtp::session::reports::random_cname;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
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
            gathering: gathering::Gathering::default(),
            paced: None,
            sctp: None,
            events: VecDeque::new(),
            closing: None,
            flushing_until: None,
            said_goodbye: false,
            closed: false,
        }
    }

    // --- transports -------------------------------------------------------------------------------------------------

    /// Makes a transport, which gathers on the sockets it is told of.
    ///
    /// # Errors
    /// [`TransportError::TooMany`].
    pub fn add_transport(&mut self, now: Instant) -> Result<TransportId, TransportError> {
        self.gathering.take().map_or_else(|| self.make_new_transport(now), Ok)
    }

    fn make_new_transport(&mut self, now: Instant) -> Result<TransportId, TransportError> {
        if self.transports.len() >= self.config.limits.transports {
            return Err(TransportError::TooMany);
        }
        let id = TransportId(self.next_transport);
        self.next_transport += 1;
        self.transports.insert(id, Box::new(self.make_transport(now, id)));
        Ok(id)
    }

    /// Makes a transport anew, as it was when it was added, with the same credentials: for an offer that was taken back.
    ///
    /// # Errors
    /// [`TransportError::Unknown`].
    pub fn reset_transport(&mut self, now: Instant, id: TransportId) -> Result<(), TransportError> {
        let mut fresh = self.make_transport(now, id);
        let transport = self.transports.get_mut(&id).ok_or(TransportError::Unknown(id))?;
        fresh.keep_stats_of(transport);
        **transport = fresh;
        self.gathering.forget(id);
        self.events.retain(|event| event.transport() != Some(id));
        Ok(())
    }

    fn make_transport(&self, now: Instant, id: TransportId) -> Transport {
        let rng = |id: TransportId| self.rng.fork(&format!("transport {id}"));
        // One association at most, wherever it runs.
        let mut transport = Transport::new(id, &self.config, &self.cname, rng(id), rng(TransportId(0)), now);
        self.gathering.prepare(&mut transport);
        transport
    }

    /// Drops a transport without a word to the peer: for one that bundling made superfluous, or whose sections were rejected.
    /// Data channels that ran on it are closed.
    pub fn remove_transport(&mut self, id: TransportId) {
        let removed = self.transports.remove(&id);
        self.gathering.forget(id);
        self.events.retain(|event| event.transport() != Some(id));
        if self.sctp == Some(id) {
            self.sctp = None;
            let mut removed = removed;
            let association = removed.as_mut().and_then(|transport| transport.association());
            self.channels.on_closed(association, &mut self.events);
        }
        self.senders.retain(|_, transport| *transport != id);
        self.receivers.retain(|_, transport| *transport != id);
    }

    /// The transports there are, oldest first, without those of the pool.
    pub fn transports(&self) -> impl Iterator<Item = TransportId> + '_ {
        self.transports.keys().copied().filter(|id| !self.gathering.is_pooled(*id))
    }

    /// The ICE agent of a transport, to look at.
    pub fn ice(&self, id: TransportId) -> Option<&ortica_ice::Agent> {
        self.transports.get(&id).map(|transport| &transport.ice)
    }

    /// State of DTLS on a transport.
    pub fn dtls_state(&self, id: TransportId) -> Option<DtlsState> {
        self.transports.get(&id).map(|transport| transport.dtls_state())
    }

    /// The proof that the peer is who it says, once DTLS is connected.
    pub fn verified(&self, id: TransportId) -> Option<&ortica_dtls::Verified> {
        self.transports.get(&id)?.secured.as_ref().map(|secured| secured.verified())
    }

    /// Tells a transport of a socket that the driver bound to `address`.
    ///
    /// # Errors
    /// [`TransportError::Unknown`].
    pub fn add_socket(
        &mut self,
        now: Instant,
        id: TransportId,
        socket: SocketId,
        address: SocketAddr,
    ) -> Result<(), TransportError> {
        self.observe(|observer| observer.add_socket(socket, address));
        self.command(now, id, |transport, _, _| {
            transport.ice.add_socket(now, socket, address);
            Ok(())
        })
    }

    /// Tells a transport that no socket follows.
    ///
    /// # Errors
    /// [`TransportError::Unknown`].
    pub fn end_of_sockets(&mut self, now: Instant, id: TransportId) -> Result<(), TransportError> {
        self.command(now, id, |transport, _, _| {
            transport.ice.end_of_sockets(now);
            Ok(())
        })?;
        for event in self.gathering.release(id).into_iter().rev() {
            self.events.push_front(event);
        }
        Ok(())
    }

    /// Sets who decides on the pair (RFC 8445 §6.1.1).
    ///
    /// # Errors
    /// [`TransportError::Unknown`].
    pub fn set_ice_role(
        &mut self,
        now: Instant,
        id: TransportId,
        role: ortica_ice::Role,
    ) -> Result<(), TransportError> {
        self.command(now, id, |transport, _, _| {
            transport.ice.set_role(now, role);
            Ok(())
        })
    }

    /// Tells a transport the peer's ICE credentials; `lite` when the peer only answers checks.
    ///
    /// # Errors
    /// [`TransportError::Unknown`], [`TransportError::Credentials`].
    pub fn set_remote_credentials(
        &mut self,
        now: Instant,
        id: TransportId,
        credentials: Credentials,
        lite: bool,
    ) -> Result<(), TransportError> {
        self.command(now, id, |transport, _, _| Ok(transport.ice.set_remote_credentials(now, credentials, lite)?))
    }

    /// Tells a transport of a candidate of the peer.
    ///
    /// # Errors
    /// [`TransportError::Unknown`], [`TransportError::Candidate`].
    pub fn add_remote_candidate(
        &mut self,
        now: Instant,
        id: TransportId,
        candidate: Candidate,
    ) -> Result<(), TransportError> {
        self.command(now, id, |transport, _, _| Ok(transport.ice.add_remote_candidate(now, candidate)?))
    }

    /// Tells a transport that the peer has no further candidates.
    ///
    /// # Errors
    /// [`TransportError::Unknown`].
    pub fn end_of_remote_candidates(&mut self, now: Instant, id: TransportId) -> Result<(), TransportError> {
        self.command(now, id, |transport, _, _| {
            transport.ice.end_of_remote_candidates(now);
            Ok(())
        })
    }

    /// Answers [`Event::Resolve`].
    pub fn resolved(&mut self, now: Instant, id: TransportId, question: ResolveId, address: Option<IpAddr>) {
        let _ = self.command(now, id, |transport, _, _| {
            transport.ice.resolved(now, question, address);
            Ok(())
        });
    }

    /// Starts ICE anew with these local credentials, and gathers again; the old pair carries on until the new one is
    /// selected.
    ///
    /// # Errors
    /// [`TransportError::Unknown`].
    pub fn restart_ice(
        &mut self,
        now: Instant,
        id: TransportId,
        credentials: Credentials,
    ) -> Result<(), TransportError> {
        self.command(now, id, |transport, _, _| {
            transport.ice.restart_with(now, credentials);
            Ok(())
        })
    }

    /// Takes the last restart of ICE back, when the offer that carried it was rolled back.
    ///
    /// # Errors
    /// [`TransportError::Unknown`].
    pub fn rollback_ice_restart(&mut self, now: Instant, id: TransportId) -> Result<(), TransportError> {
        self.command(now, id, |transport, _, _| {
            transport.ice.rollback_restart(now);
            Ok(())
        })
    }

    /// Starts DTLS with what is known of the peer; a second start changes nothing.
    ///
    /// # Errors
    /// [`TransportError::Unknown`].
    pub fn start_dtls(
        &mut self,
        now: Instant,
        id: TransportId,
        parameters: DtlsParameters,
    ) -> Result<(), TransportError> {
        self.command(now, id, |transport, config, events| {
            transport.start_dtls(now, config, parameters, events);
            Ok(())
        })
    }

    /// Starts DTLS anew, with a peer that has another certificate: the association that was, and data channels on it, end without a
    /// word. Streams of media go on under new keys. ICE is to be restarted first; what it had before is forgotten.
    ///
    /// Source: [RFC 9429 §5.11](https://www.rfc-editor.org/rfc/rfc9429#section-5.11)
    ///
    /// # Errors
    /// [`TransportError::Unknown`].
    pub fn restart_dtls(
        &mut self,
        now: Instant,
        id: TransportId,
        parameters: DtlsParameters,
    ) -> Result<(), TransportError> {
        let transport = self.transports.get_mut(&id).ok_or(TransportError::Unknown(id))?;
        transport.drop_dtls(now, &mut self.channels, &mut self.events);
        self.start_dtls(now, id, parameters)
    }

    /// The INIT chunk of this side's association on a transport, to be signalled as `a=sctp-init`: always the same one. `None`
    /// where [`Config::with_signalled_sctp`] says so, and when SCTP was started by a handshake.
    pub fn sctp_init(&self, id: TransportId) -> Option<Vec<u8>> {
        self.transports.get(&id)?.sctp_init(&self.config)
    }

    /// Runs data channels on a transport, as soon as its DTLS is connected. A second start changes nothing but the longest
    /// message, and on another transport the association goes on there.
    ///
    /// # Errors
    /// [`TransportError::Unknown`].
    pub fn start_sctp(
        &mut self,
        now: Instant,
        id: TransportId,
        parameters: SctpParameters,
    ) -> Result<(), TransportError> {
        if !self.transports.contains_key(&id) {
            return Err(TransportError::Unknown(id));
        }
        self.channels.set_max_message_size(parameters.max_message_size);
        self.move_sctp(id);
        self.command(now, id, |transport, config, _| {
            transport.start_sctp(now, config, parameters);
            Ok(())
        })?;
        self.sctp = Some(id);
        Ok(())
    }

    fn move_sctp(&mut self, to: TransportId) {
        let from = self.sctp.filter(|from| *from != to).and_then(|from| self.transports.get_mut(&from));
        let Some((parameters, association)) = from.and_then(|from| from.take_sctp()) else { return };
        if let Some(transport) = self.transports.get_mut(&to) {
            transport.put_sctp(parameters, association);
        }
    }

    /// Bounds the rate of data on a transport, or takes the bound away, at any time: for whoever knows what the path carries and
    /// what else is to have of it. Default: `None`. What it counts: see
    /// [`Association::set_rate_ceiling`](ortica_sctp::Association::set_rate_ceiling). Media need no such bound to be made room
    /// for: while some is sent on the transport, data keep the queue on the path short.
    ///
    /// # Errors
    /// [`TransportError::Unknown`].
    pub fn set_data_ceiling(&mut self, id: TransportId, ceiling: Option<Bitrate>) -> Result<(), TransportError> {
        let transport = self.transports.get_mut(&id).ok_or(TransportError::Unknown(id))?;
        transport.set_data_ceiling(ceiling);
        Ok(())
    }

    fn command(
        &mut self,
        now: Instant,
        id: TransportId,
        run: impl FnOnce(&mut Transport, &Config, &mut VecDeque<Event>) -> Result<(), TransportError>,
    ) -> Result<(), TransportError> {
        let transport = self.transports.get_mut(&id).ok_or(TransportError::Unknown(id))?;
        let result = run(transport, &self.config, &mut self.events);
        transport.settle(now, &self.config, &mut self.channels, &mut self.events);
        self.observe_transport(now, id);
        result
    }

    // --- data channels ----------------------------------------------------------------------------------------------

    /// Makes a data channel, which opens when the transport is up.
    ///
    /// # Errors
    /// See [`ChannelError`].
    pub fn create_channel(&mut self, now: Instant, parameters: ChannelParameters) -> Result<ChannelId, ChannelError> {
        let association = association(&mut self.transports, self.sctp);
        self.channels.create(now, association, parameters, &mut self.events)
    }

    /// `true` once a data channel was made, by either side.
    pub fn has_channels(&self) -> bool {
        !self.channels.is_empty()
    }

    /// What the channel was made with; `None` when it is gone.
    pub fn channel_parameters(&self, id: ChannelId) -> Option<&ChannelParameters> {
        self.channels.get(id).map(|channel| &channel.parameters)
    }

    /// State of a channel; closed when it is gone.
    pub fn channel_state(&self, id: ChannelId) -> ChannelState {
        self.channels.get(id).map_or(ChannelState::Closed, |channel| channel.state)
    }

    /// The SCTP stream of a channel, once it has one.
    pub fn channel_stream(&self, id: ChannelId) -> Option<u16> {
        self.channels.get(id)?.stream.map(|stream| stream.0)
    }

    /// Sends a message.
    ///
    /// # Errors
    /// See [`ChannelSendError`]; a full queue hands the message back.
    pub fn send(&mut self, now: Instant, id: ChannelId, message: ChannelMessage) -> Result<(), ChannelSendError> {
        self.channels.send(now, association(&mut self.transports, self.sctp), id, message)
    }

    /// The next message of a channel, `None` when there is none yet. An unread channel closes SCTP's window.
    pub fn read(&mut self, now: Instant, id: ChannelId) -> Option<ChannelMessage> {
        self.channels.read(now, association(&mut self.transports, self.sctp), id)
    }

    /// Whether data channels have something to say besides messages: after a read, for instance, that the window has opened.
    pub fn is_control_due(&self) -> bool {
        let transport = self.sctp.and_then(|id| self.transports.get(&id));
        let association = transport.and_then(|transport| transport.secured.as_ref()?.association.as_ref());
        association.is_none_or(ortica_sctp::Association::is_control_due)
    }

    /// Bytes of the longest message that can be sent: what the peer takes, 64 KiB until it has said, and the send buffer holds.
    pub fn max_message_size(&self) -> usize {
        self.channels.max_message_size(self.config.sctp.limits().longest_message())
    }

    /// Bytes of messages on a channel that SCTP has not sent for the first time yet; once it is closed, those that never were.
    ///
    /// Source: [webrtc-pc §6.2](https://www.w3.org/TR/webrtc/#dom-datachannel-bufferedamount)
    pub fn buffered_amount(&self, id: ChannelId) -> usize {
        let Some(channel) = self.channels.get(id) else { return 0 };
        match (self.association(), channel.stream) {
            _ if channel.state == ChannelState::Closed => channel.unsent,
            (Some(association), Some(stream)) => association.buffered_amount(stream),
            _ => 0,
        }
    }

    /// Why a channel ended that nobody closed.
    pub fn channel_failure(&self, id: ChannelId) -> Option<SctpFailure> {
        self.channels.get(id)?.failure
    }

    /// Sets where `ChannelBufferedAmountLow` is reported, in bytes.
    pub fn set_buffered_amount_low_threshold(&mut self, id: ChannelId, threshold: usize) {
        let Some(stream) = self.channels.get(id).and_then(|channel| channel.stream) else { return };
        if let Some(association) = association(&mut self.transports, self.sctp) {
            association.set_buffered_amount_low_threshold(stream, threshold);
        }
    }

    /// Closes a channel; what is queued still goes out.
    pub fn close_channel(&mut self, now: Instant, id: ChannelId) {
        let association = association(&mut self.transports, self.sctp);
        self.channels.close(now, association, id, &mut self.events);
    }

    /// What was sent on a channel and did not arrive, for all that is known: messages given up, and those that were not
    /// acknowledged when the association ended. `None` until the channel is closed.
    pub fn undelivered(&self, id: ChannelId) -> Option<Undelivered> {
        self.channels.undelivered(id)
    }

    /// The same of all channels that are closed, those included that were forgotten.
    pub fn total_undelivered(&self) -> Undelivered {
        self.channels.total_undelivered()
    }

    /// Forgets a closed channel and what was not read of it.
    pub fn remove_channel(&mut self, id: ChannelId) {
        self.channels.remove(id);
    }

    // --- the world --------------------------------------------------------------------------------------------------

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

    /// Whose datagram it is: of the one transport there is, of the one whose ufrag a check names, of the one that has
    /// validated its address, or of the one that may hear from there.
    fn transport_of(&self, datagram: &Datagram<'_>) -> Option<TransportId> {
        let mut all = self.transports.iter();
        let (first, _) = all.next()?;
        if all.next().is_none() {
            return Some(*first);
        }
        let ufrag = ortica_ice::stun_username(datagram.contents).and_then(|username| username.split(':').next());
        let named = |transport: &Transport| Some(transport.ice.local_credentials().ufrag.as_str()) == ufrag;
        let accepts = |transport: &Transport| transport.accepts(datagram.local, datagram.remote);
        let expects = |transport: &Transport| transport.expects(datagram.local, datagram.remote);
        let find = |wanted: &dyn Fn(&Transport) -> bool| {
            self.transports.iter().find(|(_, transport)| wanted(transport)).map(|(id, _)| *id)
        };
        find(&named).or_else(|| find(&accepts)).or_else(|| find(&expects))
    }

    /// Takes notice that a socket refused what was to go to `remote`, because packets of `len` bytes are longer than the link
    /// carries (EMSGSIZE).
    pub fn handle_too_long(&mut self, now: Instant, socket: SocketId, remote: SocketAddr, len: usize) {
        for transport in self.transports.values_mut().filter(|transport| transport.accepts(socket, remote)) {
            transport.on_too_long(now, len);
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
        self.observe_transports(now);
        self.advance_close(now);
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

    // --- statistics -------------------------------------------------------------------------------------------------

    /// The time of day at `now`, since the Unix epoch, as reports on media carry it.
    pub fn wall_time(&self, now: Instant) -> Duration {
        self.config.wall_clock.ntp(now).to_unix()
    }

    /// Counters of a transport.
    pub fn transport_stats(&self, id: TransportId) -> Option<TransportStats> {
        self.transports.get(&id).map(|transport| transport.stats())
    }

    /// Counters of the association on a transport, if there is one.
    pub fn sctp_stats(&self, id: TransportId) -> Option<ortica_sctp::Stats> {
        Some(self.transports.get(&id)?.secured.as_ref()?.association.as_ref()?.stats())
    }

    /// Round trip time, windows and packet size of the association on a transport, if there is one.
    pub fn sctp_path(&self, id: TransportId) -> Option<ortica_sctp::Path> {
        Some(self.transports.get(&id)?.secured.as_ref()?.association.as_ref()?.path())
    }

    /// What both ends of the association on a transport agreed on, once they have.
    pub fn sctp_agreed(&self, id: TransportId) -> Option<ortica_sctp::Agreed> {
        self.transports.get(&id)?.secured.as_ref()?.association.as_ref()?.agreed()
    }

    /// Counters of a channel.
    pub fn channel_stats(&self, id: ChannelId) -> Option<ChannelStats> {
        self.channels.stats(id)
    }

    /// Channels that were ever open, and those among them that are open no more.
    pub fn channels_opened_and_closed(&self) -> (u64, u64) {
        self.channels.opened_and_closed()
    }

    /// The certificates that this side may show; [`Verified::certificate`](ortica_dtls::Verified::certificate) is the one that it
    /// did.
    pub fn certificates(&self) -> &[Arc<ortica_dtls::Certificate>] {
        self.config.dtls.certificates()
    }

    /// The fingerprint of a certificate of the other side, made as [`certificates`](Self::certificates)'s are.
    pub fn fingerprint_of(&self, der: &[u8]) -> ortica_dtls::Fingerprint {
        ortica_dtls::Fingerprint::of(self.config.dtls.provider(), HashAlgorithm::Sha256, der)
    }

    /// The channels there are, oldest first.
    pub fn channels(&self) -> impl Iterator<Item = ChannelId> + '_ {
        self.channels.iter().map(|(id, _)| id)
    }

    /// The association that data channels run on.
    fn association(&self) -> Option<&ortica_sctp::Association> {
        self.transports.get(&self.sctp?)?.secured.as_ref()?.association.as_ref()
    }

    /// The role of this side in the DTLS handshake, once that was begun.
    pub fn handshake_role(&self, id: TransportId) -> Option<ortica_dtls::Role> {
        self.transports.get(&id)?.handshake_role()
    }

    /// The role that DTLS gave this side, once it is connected.
    pub fn dtls_role(&self, id: TransportId) -> Option<ortica_dtls::Role> {
        self.transports.get(&id)?.role()
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

fn association(
    transports: &mut BTreeMap<TransportId, Box<Transport>>,
    id: Option<TransportId>,
) -> Option<&mut ortica_sctp::Association> {
    transports.get_mut(&id?)?.association()
}
