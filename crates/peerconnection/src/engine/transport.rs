//! One transport: the route that ICE finds, DTLS on it, and what DTLS lets through.

mod ending;
mod receive;
mod rest;
mod settle;
mod transmit;

use super::channels::Channels;
use super::media::RtpTransport;
use super::observe::Inner;
use super::secured::Secured;
use super::{Config, DtlsError, DtlsState, Event, RtpStats, SctpFailure, SctpState, TransportId, TransportStats};
use ortica_core::{Bitrate, Instant, Rng, SocketId};
use ortica_dtls::{Connection, Fingerprint, KeyLogEntry, Role, Verified};
use ortica_ice::{Agent, PairId, Route};
use ortica_sctp::Association;
use ortica_srtp::Cryptex;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

/// What the peer may take to work on a flight of the DTLS handshake, beside the round trip.
const HANDSHAKE_WORK: Duration = Duration::from_millis(100);

/// What DTLS needs to know of the peer.
///
/// Source: [ORTC `RTCDtlsParameters`](https://draft.ortc.org/#rtcdtlsparameters*)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DtlsParameters {
    /// The role of this side.
    pub role: Role,
    /// Fingerprints of the peer's certificate, at least one.
    pub fingerprints: Vec<Fingerprint>,
}

/// What SCTP needs to know of the peer.
///
/// Source: [RFC 8841 §5, §6](https://www.rfc-editor.org/rfc/rfc8841#section-5)
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SctpParameters {
    /// `a=sctp-port`: the peer's port inside SCTP. Absent means that of the configuration, 5000 where it says nothing else.
    /// Once SCTP runs it keeps its port.
    pub port: Option<u16>,
    /// `a=max-message-size`, in bytes: zero means no limit, absent means 64 KiB.
    pub max_message_size: Option<u64>,
    /// `a=sctp-init`, where the peer has got [`Session::sctp_init`](super::Session::sctp_init) of this side too: then SCTP
    /// starts without a handshake. A chunk that SCTP refuses counts as none.
    pub init: Option<Vec<u8>>,
}

/// DTLS before and after the peer's parameters are known.
enum Dtls {
    /// Packets of the peer's first flight wait here, one after the other with their lengths.
    Waiting {
        early: VecDeque<Vec<u8>>,
        bytes: usize,
    },
    Running(Box<Connection>),
}

pub(super) struct Transport {
    id: TransportId,
    rng: Rng,
    /// The same on all transports, since what is signalled of SCTP holds wherever it runs in the end.
    sctp_rng: Rng,
    pub ice: Agent,
    dtls: Dtls,
    dtls_state: DtlsState,
    pub dtls_error: Option<DtlsError>,
    pub sctp_state: SctpState,
    /// This side closed DTLS.
    stopped: bool,
    /// The end has come: once all is said, relays are given back.
    is_leaving: bool,
    /// DTLS associations that were given up.
    replaced: u32,
    pub secured: Option<Secured>,
    /// Set when data channels run here, as they were started.
    sctp: Option<SctpParameters>,
    /// An association that came from another transport, until DTLS is connected here.
    moved: Option<Association>,
    /// The most that data may take.
    data_ceiling: Option<Bitrate>,
    /// Whether headers of media are encrypted.
    cryptex: Cryptex,
    pub rtp: RtpTransport,
    /// A packet that was built for a train of smaller ones; it leads the next train.
    carry: Vec<u8>,
    selected: Option<(PairId, Route)>,
    /// ICE had no answers when it last said something, so that packets were lost.
    silent: bool,
    stats: TransportStats,
    idleness: rest::Idleness,
    watched: Watched,
}

/// What somebody may want to hear of a transport, until they ask.
#[derive(Default)]
struct Watched {
    /// What lies inside DTLS, if somebody wants to see it; with it what lies inside SRTP.
    inner: Option<Inner>,
    key_log: Option<KeyLogEntry>,
    reselected: bool,
    verified: bool,
}

impl Transport {
    pub fn new(id: TransportId, config: &Config, cname: &str, rng: Rng, sctp_rng: Rng, now: Instant) -> Self {
        Self {
            sctp_rng,
            rtp: RtpTransport::new(config.wall_clock, cname, rng.fork("rtp"), now),
            id,
            ice: Agent::new(config.ice.clone(), rng.fork("ice"), now),
            rng,
            dtls: Dtls::Waiting { early: VecDeque::new(), bytes: 0 },
            dtls_state: DtlsState::New,
            dtls_error: None,
            sctp_state: SctpState::Connecting,
            stopped: false,
            is_leaving: false,
            replaced: 0,
            secured: None,
            sctp: None,
            moved: None,
            data_ceiling: None,
            cryptex: Cryptex::Never,
            carry: Vec::new(),
            selected: None,
            silent: false,
            stats: TransportStats::default(),
            idleness: rest::Idleness::default(),
            watched: Watched { inner: config.looks_inside().then(Inner::default), ..Watched::default() },
        }
    }

    pub fn stats(&self) -> TransportStats {
        let RtpStats { unauthenticated, malformed, unroutable, useless, .. } = self.rtp.stats();
        let rtp = RtpStats { unauthenticated, malformed, unroutable, useless, ..self.stats.rtp };
        TransportStats { rtp, ..self.stats }
    }

    /// Goes on counting where another one stopped, whose name this one has.
    pub fn keep_stats_of(&mut self, before: &Self) {
        self.stats = before.stats;
    }

    pub fn dtls_state(&self) -> DtlsState {
        self.dtls_state
    }

    /// Starts DTLS, once; packets of the peer that came before are read now.
    pub fn start_dtls(
        &mut self,
        now: Instant,
        config: &Config,
        parameters: DtlsParameters,
        events: &mut VecDeque<Event>,
    ) {
        let Dtls::Waiting { early, .. } = &mut self.dtls else { return };
        if self.dtls_state == DtlsState::Closed {
            return;
        }
        let early = std::mem::take(early);
        let DtlsParameters { role, fingerprints } = parameters;
        let rng = match self.replaced {
            0 => self.rng.fork("dtls"),
            number => self.rng.fork(&format!("dtls {number}")),
        };
        let connection = Connection::new(config.dtls.clone(), role, fingerprints, rng, now);
        self.dtls = Dtls::Running(Box::new(connection));
        self.set_dtls_state(DtlsState::Connecting, events);
        for mut packet in early {
            self.handle_dtls(now, &mut packet);
        }
    }

    /// Gives the DTLS association up, and what ran over it: another one can be started. What the peer of before still sends on
    /// its route is not taken for the new peer's.
    pub fn drop_dtls(&mut self, now: Instant, channels: &mut Channels, events: &mut VecDeque<Event>) {
        if matches!(self.dtls, Dtls::Waiting { .. }) {
            return;
        }
        if self.sctp.take().is_some() {
            channels.fail(SctpFailure::default(), events);
            channels.on_closed(self.association(), events);
        }
        (self.secured, self.moved) = (None, None);
        (self.dtls_state, self.dtls_error) = (DtlsState::New, None);
        self.sctp_state = SctpState::Connecting;
        self.carry.clear();
        self.dtls = Dtls::Waiting { early: VecDeque::new(), bytes: 0 };
        self.replaced += 1;
        self.ice.forget_previous(now);
    }

    /// Starts SCTP as soon as DTLS is connected.
    pub fn start_sctp(&mut self, now: Instant, config: &Config, parameters: SctpParameters) {
        if self.sctp_state == SctpState::Closed {
            return;
        }
        let parameters = self.sctp.get_or_insert(parameters);
        if let Some(secured) = &mut self.secured {
            secured.start_sctp(config, &self.sctp_rng, now, parameters).set_rate_ceiling(self.data_ceiling);
        }
    }

    /// Hands SCTP to another transport: how it was started, and the association if there is one.
    pub fn take_sctp(&mut self) -> Option<(SctpParameters, Option<Association>)> {
        let parameters = self.sctp.take()?;
        self.sctp_state = SctpState::Connecting;
        let running = self.secured.as_mut().and_then(|secured| secured.association.take());
        Some((parameters, running.or_else(|| self.moved.take())))
    }

    /// Takes SCTP over from another transport, which goes on as soon as DTLS is connected here.
    pub fn put_sctp(&mut self, parameters: SctpParameters, association: Option<Association>) {
        self.sctp = Some(parameters);
        if association.as_ref().is_some_and(Association::is_connected) {
            self.sctp_state = SctpState::Connected;
        }
        match (&mut self.secured, association) {
            (Some(secured), Some(association)) => secured.association = Some(association),
            (_, association) => self.moved = association,
        }
    }

    /// Bounds the rate of data, also of those that are yet to come.
    pub fn set_data_ceiling(&mut self, ceiling: Option<Bitrate>) {
        self.data_ceiling = ceiling;
        if let Some(association) = self.association() {
            association.set_rate_ceiling(ceiling);
        }
    }

    /// Says whether headers of media are encrypted, also under keys that are yet to come.
    pub fn set_cryptex(&mut self, cryptex: Cryptex) {
        self.cryptex = cryptex;
        if let Some(srtp) = self.secured.as_mut().and_then(Secured::srtp) {
            srtp.set_cryptex(cryptex);
        }
    }

    /// The INIT chunk to signal to the peer; `None` when SCTP was started with a handshake, or is to be.
    pub fn sctp_init(&self, config: &Config) -> Option<Vec<u8>> {
        let starts_without = self.sctp.as_ref().is_none_or(|parameters| parameters.init.is_some());
        (config.signalled_sctp && starts_without).then(|| Secured::sctp_init(config, &self.sctp_rng))
    }

    /// The role in the handshake, once that was begun.
    pub fn handshake_role(&self) -> Option<Role> {
        match &self.dtls {
            Dtls::Running(connection) => Some(connection.role()),
            Dtls::Waiting { .. } => None,
        }
    }

    pub fn role(&self) -> Option<Role> {
        self.secured.as_ref().map(|secured| secured.verified().role())
    }

    pub fn handle_timeout(&mut self, now: Instant, config: &Config, events: &mut VecDeque<Event>) {
        self.ice.handle_timeout(now);
        self.rtp.handle_timeout(now, &config.limits, events);
        if let Dtls::Running(connection) = &mut self.dtls {
            connection.handle_timeout(now);
        }
        if let Some(association) = self.association() {
            association.handle_timeout(now);
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let dtls = match &self.dtls {
            Dtls::Running(connection) => connection.poll_timeout(),
            Dtls::Waiting { .. } => None,
        };
        let sctp = self
            .secured
            .as_ref()
            .and_then(|secured| secured.association.as_ref())
            .and_then(|association| association.poll_timeout());
        // What cannot be sent is not due either.
        let rtp = if self.carries_media() { self.rtp.poll_timeout() } else { None };
        [self.ice.poll_timeout(), dtls, sctp, rtp].into_iter().flatten().min()
    }

    /// `true` when media can be sent now.
    pub fn carries_media(&self) -> bool {
        self.ice.route().is_some() && self.secured.as_ref().is_some_and(Secured::carries_media)
    }

    pub fn association(&mut self) -> Option<&mut Association> {
        self.secured.as_mut()?.association.as_mut()
    }

    /// A socket refused packets of `len` bytes to `remote`, because the link does not carry them. Those of SCTP become shorter; of
    /// media and handshakes none is that long.
    pub fn on_too_long(&mut self, now: Instant, socket: SocketId, remote: SocketAddr, len: usize) {
        let Dtls::Running(connection) = &self.dtls else { return };
        let relay = if self.ice.is_server(socket, remote) { Agent::CHANNEL_OVERHEAD } else { 0 };
        let len = len.saturating_sub(connection.overhead() + relay);
        if let Some(association) = self.association() {
            association.packet_too_long(now, len);
        }
    }

    /// What was inside the last packets, and where they go, if somebody wants to know.
    pub fn inner(&mut self) -> Option<(&mut Inner, Route)> {
        let route = self.ice.route().or(self.selected.map(|(_, route)| route))?;
        let inner = self.watched.inner.as_mut()?;
        if let Some(theirs) = self.secured.as_mut().and_then(|secured| secured.srtp()?.inner.as_mut()) {
            inner.append(theirs);
        }
        Some((inner, route))
    }

    /// The secret of DTLS, once.
    pub fn take_key_log(&mut self) -> Option<KeyLogEntry> {
        self.watched.key_log.take()
    }

    /// Whether another pair was selected since the last call.
    pub fn take_reselected(&mut self) -> bool {
        std::mem::take(&mut self.watched.reselected)
    }

    /// What DTLS agreed on, if it did since the last call.
    pub fn take_newly_verified(&mut self) -> Option<&Verified> {
        if !std::mem::take(&mut self.watched.verified) {
            return None;
        }
        self.secured.as_ref().map(|secured| secured.verified())
    }

    /// A TURN server of this transport is at that address.
    pub fn is_relayed_by(&self, local: SocketId, remote: SocketAddr) -> bool {
        self.ice.is_server(local, remote)
    }

    /// The peer has proved that it is at that address.
    pub fn accepts(&self, local: SocketId, remote: SocketAddr) -> bool {
        self.ice.is_validated(local, remote)
    }

    /// The peer may be at that address.
    pub fn expects(&self, local: SocketId, remote: SocketAddr) -> bool {
        self.ice.expects(local, remote)
    }
}
