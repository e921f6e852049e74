//! A peer connection without sockets and clocks: the engine's session and the negotiation that steers it.

mod by_hand;
mod configuration;
mod descriptions;
mod dtmf;
mod extensions;
mod gathering;
mod media;
mod mute;
mod objects;
mod packets;
mod parameters;
mod servers;
mod sockets;
mod sources;
mod stats;
mod tcp;
mod transforms;

pub use configuration::{ConfigurationError, IceCandidateErrorEvent, PeerConfiguration};
pub use media::TransceiverState;
pub use servers::ServerOrder;
pub use stats::{SourceFigures, SourceReport};
pub use tcp::{ConnectionOrder, TcpSockets};
pub use transforms::TransformSide;

use crate::engine::{
    ChannelError, ChannelId, ChannelParameters, ChannelState, CloseReason, Config, DtlsState, Event as EngineEvent,
    Note, Session, TransportId, Undelivered,
};
use crate::jsep::{BundlePolicy, IceCandidate, LocalSctp, Negotiation, SignalingState, TransceiverId};
use crate::states::{ConnectionState, IceConnectionState, IceGatheringState};
use crate::stats::Stats;
use ortica_codecs::MediaKind;
use ortica_core::{Datagram, Instant, Rng, SocketId, Transmit};
use ortica_ice::{GatheringState, ResolveId};
use sockets::Sockets;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

#[cfg(feature = "tokio")]
use crate::data_channel::{SendError, TrySendChannel};
#[cfg(feature = "tokio")]
use crate::driver::Interest;
#[cfg(feature = "tokio")]
use crate::engine::{ChannelMessage, TransformId};

/// A name that somebody with sockets has to resolve.
#[derive(Clone, Debug)]
pub struct Question {
    /// Whose candidate it is.
    pub transport: TransportId,
    /// Names the question in the answer.
    pub id: ResolveId,
    /// A `.local` name.
    pub name: String,
}

/// What a peer reports, by ids; the async front turns them into handles.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PeerEvent {
    /// Negotiation is wanted (webrtc-pc §4.7.3).
    NegotiationNeeded,
    /// A candidate to tell the other side: one without text ends those of its transport, `None` ends them all.
    IceCandidate(Option<IceCandidate>),
    /// A server could not help to gather candidates, or a socket could not be bound; gathering goes on without it.
    IceCandidateError(IceCandidateErrorEvent),
    /// The signaling state changed.
    SignalingStateChange(SignalingState),
    /// The gathering state changed.
    IceGatheringStateChange(IceGatheringState),
    /// The ICE connection state changed.
    IceConnectionStateChange(IceConnectionState),
    /// The connection state changed.
    ConnectionStateChange(ConnectionState),
    /// The DTLS state of a transport changed.
    DtlsStateChange(TransportId, DtlsState),
    /// The other side made a data channel.
    DataChannel(ChannelId),
    /// The other side sends a track over this transceiver.
    Track(TransceiverId),
    /// The other side ceased to send a track over this transceiver, which a rollback may have removed.
    TrackRemoved(TransceiverId, MediaKind),
    /// A transceiver begins to send a tone (a comma is a pause), or has sent the last one.
    ToneChange(TransceiverId, Option<char>),
    /// Nothing comes over this transceiver any more, for now.
    TrackMute(TransceiverId),
    /// What the other side sends over this transceiver has begun to come.
    TrackUnmute(TransceiverId),
    /// The connection is over; nothing follows.
    Closed(CloseReason),
}

/// A peer connection as a sans-IO machine: the same contract as [`Session`], with descriptions beside it.
#[derive(Debug)]
pub struct Peer {
    session: Session,
    negotiation: Negotiation,
    configured: configuration::Configured,
    sockets: Sockets,
    tcp: tcp::Tcp,
    events: VecDeque<PeerEvent>,
    questions: Vec<Question>,
    published: Vec<(String, IpAddr)>,
    server_orders: Vec<ServerOrder>,
    connection: ConnectionState,
    ice_connection: IceConnectionState,
    gathering: IceGatheringState,
    /// What each transport reported, which lags behind what it is at while candidates wait to be reported.
    gathered: BTreeMap<TransportId, GatheringState>,
    negotiation_needed: bool,
    /// Transceivers whose readers have to look again.
    stirred_tracks: Vec<TransceiverId>,
    /// Transceivers whose tracks of the other side are not muted.
    audible: BTreeSet<TransceiverId>,
    closed: Option<CloseReason>,
    /// How many transports there were when those who look at them were woken last.
    #[cfg(feature = "tokio")]
    transports: usize,
    /// Set where there is no negotiation.
    by_hand: Option<by_hand::ByHand>,
    /// What transports counted, once the connection is over.
    last_transports: Vec<Stats>,
}

impl Peer {
    /// A peer whose randomness all comes from `rng`.
    pub fn new(config: Arc<Config>, rng: Rng, now: Instant) -> Self {
        Self {
            negotiation: Negotiation::new(config.certificates(), local_sctp(&config), config.ice(), rng.fork("jsep")),
            session: Session::new(config, rng, now),
            configured: configuration::Configured::default(),
            sockets: Sockets::default(),
            tcp: tcp::Tcp::default(),
            events: VecDeque::new(),
            questions: Vec::new(),
            published: Vec::new(),
            server_orders: Vec::new(),
            connection: ConnectionState::New,
            ice_connection: IceConnectionState::New,
            gathering: IceGatheringState::New,
            gathered: BTreeMap::new(),
            negotiation_needed: false,
            stirred_tracks: Vec::new(),
            audible: BTreeSet::new(),
            closed: None,
            #[cfg(feature = "tokio")]
            transports: 0,
            by_hand: None,
            last_transports: Vec::new(),
        }
    }

    /// Says what to do for peers that cannot bundle. Default: [`BundlePolicy::Balanced`]. To be said before negotiation.
    pub fn set_bundle_policy(&mut self, policy: BundlePolicy) {
        self.negotiation.set_bundle_policy(policy);
    }

    /// What to do for peers that cannot bundle.
    pub fn bundle_policy(&self) -> BundlePolicy {
        self.negotiation.bundle_policy()
    }

    /// The engine below, to look at.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The engine below; what is done to it here is not seen by the negotiation.
    pub fn session_mut(&mut self) -> &mut Session {
        &mut self.session
    }

    /// The connection state.
    pub fn connection_state(&self) -> ConnectionState {
        if self.is_ended() { ConnectionState::Closed } else { self.connection }
    }

    /// The ICE connection state.
    pub fn ice_connection_state(&self) -> IceConnectionState {
        if self.is_ended() { IceConnectionState::Closed } else { self.ice_connection }
    }

    /// The gathering state.
    pub fn ice_gathering_state(&self) -> IceGatheringState {
        self.gathering
    }

    /// Makes a data channel.
    ///
    /// # Errors
    /// See [`ChannelError`].
    pub fn create_channel(&mut self, now: Instant, parameters: ChannelParameters) -> Result<ChannelId, ChannelError> {
        if self.is_ended() {
            return Err(ChannelError::Closed);
        }
        let id = self.session.create_channel(now, parameters)?;
        if !self.is_by_hand() {
            self.negotiation.want_data();
            self.update_negotiation_needed();
        }
        Ok(id)
    }

    /// State of a channel; closed once the connection is.
    pub fn channel_state(&self, id: ChannelId) -> ChannelState {
        if self.is_ended() { ChannelState::Closed } else { self.session.channel_state(id) }
    }

    /// What was sent on a channel and did not arrive, for all that is known. `None` until that is settled: the channel is
    /// closed, and the connection, if that was closed first, is over.
    pub fn undelivered(&self, id: ChannelId) -> Option<Undelivered> {
        let settled = self.session.channel_state(id) == ChannelState::Closed;
        settled.then(|| self.session.undelivered(id).unwrap_or_default())
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn send(&mut self, now: Instant, id: ChannelId, message: ChannelMessage) -> Result<(), TrySendChannel> {
        if let Some(reason) = self.ending() {
            return Err(TrySendChannel::Refused(SendError::Closed(reason)));
        }
        Ok(self.session.send(now, id, message)?)
    }

    /// Reports a state, to the log too, if there is one.
    fn tell(&mut self, event: PeerEvent) {
        let (name, state) = match &event {
            PeerEvent::SignalingStateChange(state) => ("signaling-state", state.to_string()),
            PeerEvent::IceGatheringStateChange(state) => ("ice-gathering-state", state.to_string()),
            PeerEvent::IceConnectionStateChange(state) => ("ice-connection-state", state.to_string()),
            PeerEvent::ConnectionStateChange(state) => ("connection-state", state.to_string()),
            _ => return self.events.push_back(event),
        };
        self.session.note(Note::Connection(name, state));
        self.events.push_back(event);
    }

    // --- the world --------------------------------------------------------------------------------------------------

    /// Takes what a socket received.
    pub fn handle_datagram(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.session.handle_datagram(now, datagram);
    }

    /// As [`Session::handle_too_long`].
    pub fn handle_too_long(&mut self, now: Instant, socket: SocketId, remote: SocketAddr, len: usize) {
        self.session.handle_too_long(now, socket, remote, len);
    }

    /// Runs what is due at `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.session.handle_timeout(now);
        if self.session.take_rest() {
            self.rest();
        }
    }

    /// Gives back the room that is not used, while nothing goes on.
    fn rest(&mut self) {
        self.events.shrink_to_fit();
        self.questions.shrink_to_fit();
        self.published.shrink_to_fit();
        self.server_orders.shrink_to_fit();
        self.stirred_tracks.shrink_to_fit();
        self.negotiation.rest();
    }

    /// Answers a [`Question`].
    pub fn resolved(&mut self, now: Instant, transport: TransportId, id: ResolveId, address: Option<IpAddr>) {
        self.session.resolved(now, transport, id, address);
    }

    /// As [`Session::poll_transmit`].
    pub fn poll_transmit(&mut self, now: Instant, max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        self.session.poll_transmit(now, max_segments, out)
    }

    /// As [`Session::poll_timeout`].
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.session.poll_timeout()
    }

    /// Names that came up since the last call.
    pub fn take_questions(&mut self) -> Vec<Question> {
        std::mem::take(&mut self.questions)
    }

    /// Names of our own that came up since the last call, to be answered for: see
    /// [`Event::Publish`](crate::engine::Event::Publish).
    pub fn take_published(&mut self) -> Vec<(String, IpAddr)> {
        std::mem::take(&mut self.published)
    }

    /// The next event that is not of a channel.
    pub fn poll_event(&mut self) -> Option<PeerEvent> {
        let event = self.events.pop_front();
        if event.is_none() {
            // Events are rare: a connection that is idle keeps no room for them.
            self.events = VecDeque::new();
        }
        event
    }

    /// Closes the connection: its states are closed at once. What was sent on data channels still goes out, within limits,
    /// then goodbyes do: see [`Session::close`]. What was not heard of it yet is no news any more, as webrtc-pc's tasks do nothing
    /// once the connection is closed.
    pub fn close(&mut self, now: Instant) {
        if !self.is_ended() {
            self.events.clear();
        }
        self.session.close(now);
    }

    /// The local ufrags by which a first check names this session.
    #[cfg(feature = "tokio")]
    pub(crate) fn for_each_ufrag(&self, mut each: impl FnMut(&str)) {
        for transport in self.session.transports() {
            if let Some(agent) = self.session.ice(transport) {
                each(&agent.local_credentials().ufrag);
            }
        }
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    /// Nothing begins any more: it was closed, though goodbyes may still be under way, or it is over.
    pub(crate) fn is_ended(&self) -> bool {
        self.ending().is_some()
    }

    /// Why that is so.
    fn ending(&self) -> Option<CloseReason> {
        self.closed.or(self.session.closing())
    }

    /// Why the connection ended, once it has.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.closed
    }

    /// The driver is gone.
    #[cfg(feature = "tokio")]
    pub(crate) fn stop(&mut self, now: Instant) {
        self.session.stop(now);
        self.on_closed(now, CloseReason::DriverStopped);
    }

    fn on_closed(&mut self, now: Instant, reason: CloseReason) {
        if self.closed.is_none() {
            self.keep_transport_stats(now);
            self.closed = Some(reason);
            self.connection = ConnectionState::Closed;
            self.ice_connection = IceConnectionState::Closed;
            self.events.push_back(PeerEvent::Closed(reason));
        }
    }

    /// Turns what the engine reports into this peer's states and events, and says who has to be woken.
    #[cfg(feature = "tokio")]
    pub(crate) fn settle(&mut self, now: Instant, mut wake: impl FnMut(Interest)) {
        let before = (self.connection, self.gathering);
        while let Some(event) = self.session.poll_event() {
            match &event {
                EngineEvent::ChannelReadable(id) => wake(Interest::Read(*id)),
                EngineEvent::ChannelWritable(id) | EngineEvent::ChannelBufferedAmountLow(id) => {
                    wake(Interest::Write(*id))
                }
                EngineEvent::ReceiverReadable(id) => {
                    self.transceiver_of(*id).into_iter().for_each(|id| wake(Interest::Frame(id)));
                }
                EngineEvent::ToneReadable(id) => {
                    self.transceiver_of(*id).into_iter().for_each(|id| wake(Interest::Tone(id)));
                }
                EngineEvent::Untransformed(id) => {
                    self.transformed_by(*id).into_iter().for_each(|(id, side)| wake(Interest::Transform(id, side)));
                }
                EngineEvent::EncoderTargets(id) => {
                    let sender = self.transformed_by(TransformId::Sender(*id));
                    sender.into_iter().for_each(|(id, _)| wake(Interest::KeyFrame(id)));
                }
                EngineEvent::ChannelOpen(id) | EngineEvent::ChannelClosing(id) => wake(Interest::Write(*id)),
                EngineEvent::ChannelClosed(id) => {
                    wake(Interest::Read(*id));
                    wake(Interest::Write(*id));
                }
                EngineEvent::IncomingChannel(_) => wake(Interest::Transport),
                event if event.transport().is_some() => wake(Interest::Transport),
                _ => {}
            }
            self.on_engine_event(now, event);
        }
        // One that is gone is closed.
        let transports = self.session.transports().count();
        if self.is_ended() || std::mem::replace(&mut self.transports, transports) != transports {
            wake(Interest::Transport);
        }
        for id in self.stirred_tracks.drain(..) {
            wake(Interest::Frame(id));
            wake(Interest::KeyFrame(id));
            wake(Interest::Tone(id));
            TransformSide::ALL.into_iter().for_each(|side| wake(Interest::Transform(id, side)));
        }
        if !self.events.is_empty() {
            wake(Interest::Event);
        }
        if before != (self.connection, self.gathering) || self.closed.is_some() {
            wake(Interest::State);
        }
    }

    /// Drains the engine's events without a driver, for loops of one's own.
    pub fn drain_engine(&mut self, now: Instant, mut channel: impl FnMut(EngineEvent)) {
        while let Some(event) = self.session.poll_event() {
            channel(event.clone());
            self.on_engine_event(now, event);
        }
    }

    fn on_engine_event(&mut self, now: Instant, event: EngineEvent) {
        // What this side's own closing brings about, or overtakes, is no news (API-1).
        if self.session.is_closing() && !matches!(event, EngineEvent::Closed(_)) {
            return;
        }
        match event {
            EngineEvent::LocalCandidate(transport, candidate) => self.on_local_candidate(transport, &candidate),
            EngineEvent::GatheringError(_, error) => self.on_gathering_error(error),
            EngineEvent::Gathering(transport, state) => self.on_gathering(transport, state),
            EngineEvent::Ice(..) => self.update_connection(),
            // The transport changes, and the connection by it (webrtc-pc §5.5).
            EngineEvent::Dtls(transport, state) => {
                self.events.push_back(PeerEvent::DtlsStateChange(transport, state));
                self.update_connection();
            }
            EngineEvent::Resolve { transport, id, name } => self.questions.push(Question { transport, id, name }),
            EngineEvent::Connect { socket, remote, to, .. } => self.tcp.on_connect(socket, remote, to),
            EngineEvent::Disconnect { socket, remote, .. } => self.tcp.on_disconnect(socket, remote),
            EngineEvent::ConnectServer { transport, link, server } => {
                self.server_orders.push(ServerOrder::Open { transport, link, server });
            }
            EngineEvent::DisconnectServer { transport, link } => {
                self.server_orders.push(ServerOrder::Close { transport, link });
            }
            EngineEvent::Publish { name, address } => self.published.push((name, address)),
            EngineEvent::IncomingChannel(id) if self.is_by_hand() => self.on_incoming_channel(id),
            EngineEvent::ReceiverFlow(..) => self.update_mutes(),
            EngineEvent::SsrcChanged { sender, before, ssrc, rtx } => {
                self.negotiation.change_ssrc(sender, before, (ssrc, rtx));
            }
            EngineEvent::IncomingChannel(id) => self.events.push_back(PeerEvent::DataChannel(id)),
            EngineEvent::ToneChange(sender, tone) => {
                let id = self.transceiver_sending(sender);
                self.events.extend(id.map(|id| PeerEvent::ToneChange(id, tone)));
            }
            EngineEvent::Closed(reason) => self.on_closed(now, reason),
            _ => {}
        }
        if self.is_by_hand() {
            // Its objects are asked.
            self.events.clear();
        }
    }

    fn update_connection(&mut self) {
        let transports: Vec<(ortica_ice::State, DtlsState)> = self
            .negotiation
            .transports_in_use()
            .filter_map(|id| Some((self.session.ice(id)?.state(), self.session.dtls_state(id)?)))
            .collect();
        let ice = IceConnectionState::of(transports.iter().map(|(ice, _)| *ice));
        if ice != self.ice_connection {
            self.ice_connection = ice;
            self.tell(PeerEvent::IceConnectionStateChange(ice));
        }
        let connection = ConnectionState::of(&transports);
        if connection != self.connection {
            self.connection = connection;
            self.tell(PeerEvent::ConnectionStateChange(connection));
        }
    }
}

fn local_sctp(config: &Config) -> LocalSctp {
    LocalSctp { port: config.sctp_port(), max_message_size: config.max_message_size() as u64 }
}
