//! One association: the state machine that ties the parts together.
//!
//! | file | what |
//! |---|---|
//! | `handshake` | INIT to COOKIE ACK, collisions, restarts |
//! | `first_data` | what goes with COOKIE ECHO |
//! | `snap` | the same without packets |
//! | `receive` | packets in: tags, dispatch, SACK, errors |
//! | `transmit` | packets out: what goes into the next one |
//! | `timer` | what happens when time passes |
//! | `shutdown` | both ways to an end |
//! | `send_queue`, `schedule`, `flight`, `congestion`, `pacer`, `rto` | from message to acknowledged chunk |
//! | `neighbour` | what else leaves on the path, and cannot wait |
//! | `path_mtu` | how long packets may be |
//! | `inbound`, `reassembly`, `interleaved`, `rope`, `delivery` | from chunk to message |
//! | `window` | how much may be held on either side |
//! | `reset` | stream reset |
//! | `rest` | what an idle association gives back |
//! | `losses` | what did not arrive |

mod congestion;
mod delivery;
mod first_data;
mod flight;
mod handshake;
mod inbound;
mod interleaved;
mod link;
mod losses;
mod neighbour;
mod pacer;
mod path_mtu;
mod reassembly;
mod receive;
mod reset;
mod rest;
mod rope;
mod rto;
mod schedule;
mod send_queue;
mod shutdown;
mod snap;
mod timer;
mod transmit;
mod window;

#[cfg(test)]
mod tests;

pub use schedule::Scheduler;
pub use snap::check_init_chunk;

use crate::chunk::ChunkType;
use crate::cookie::CookieKey;
use crate::{
    Agreed, CloseReason, Config, Event, Message, Path, Ppid, ResetError, SendError, SendOptions, SendRefusal, Stats,
    StreamId, Tsn,
};
use bytes::Bytes;
use delivery::Delivery;
use link::Link;
use losses::Losses;
use ortica_core::{Bitrate, Instant, Rng, Timers};
use rto::Rto;
pub(crate) use send_queue::MESSAGE_OVERHEAD;
use send_queue::{Outgoing, SendQueue};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use timer::TIMERS;
use tracing::debug;
use transmit::{Drain, Replies};
use window::SendBuffer;

/// An SCTP association with the peer at the other end of a DTLS connection.
///
/// The loop: any number of [`handle_packet`](Self::handle_packet) and commands with one `now`, then
/// [`poll_packet`](Self::poll_packet) until `None`, [`poll_event`](Self::poll_event) until `None`, and
/// [`handle_timeout`](Self::handle_timeout) when [`poll_timeout`](Self::poll_timeout) says so.
pub struct Association {
    config: Arc<Config>,
    rng: Rng,
    cookie_key: CookieKey,
    /// Tag that the peer puts into its packets. INIT and each INIT ACK announce the same one, so that a cookie given out
    /// before [`connect`](Self::connect) is still good after it.
    tag: u32,
    /// Our first TSN, as INIT announces it.
    initial_tsn: Tsn,
    state: State,
    queue: SendQueue,
    /// What the queue still held when the association ended.
    left_unsent: BTreeMap<StreamId, usize>,
    send_buffer: SendBuffer,
    delivery: Delivery,
    rto: Rto,
    timers: Timers<TIMERS>,
    /// Time-outs since the peer last showed that it lives.
    errors: u32,
    replies: Replies,
    drain: Drain,
    heartbeat: Option<Heartbeat>,
    /// Streams to reset, asked for before the peer was known.
    early_resets: Vec<StreamId>,
    /// What was given up before it was sent, and what was not acknowledged when the association ended or began anew.
    losses: Losses,
    /// `send` was refused for lack of room, and the application waits to hear of it.
    blocked: bool,
    /// When INIT was last answered.
    init_answered: Option<Instant>,
    /// The round trip time as the handshake showed it to the side that answered INIT: too long where packets were lost.
    handshake_rtt: Option<Duration>,
    events: VecDeque<Event>,
    stats: Stats,
}

/// Where the association stands.
///
/// ```text
///             connect             INIT ACK               COOKIE ACK
///   Closed ------------> CookieWait -------> CookieEchoed ----------> Up
///      '------------------ COOKIE ECHO, from any of them --------------^
/// ```
///
/// Source: [RFC 9260 §4](https://www.rfc-editor.org/rfc/rfc9260#section-4)
#[derive(Debug)]
enum State {
    /// Nothing sent; an INIT of the peer's is answered, and forgotten.
    Closed,
    /// INIT was sent.
    CookieWait(Setup),
    /// COOKIE ECHO was sent: these chunks, and with them what the link has in flight.
    CookieEchoed { setup: Setup, echo: Vec<u8>, link: Box<Link> },
    /// Data may flow.
    Up { phase: Phase, link: Box<Link> },
    /// It is over. Messages received are still there to be read.
    Ended,
}

/// A step of the handshake that waits for its answer.
#[derive(Clone, Copy, Debug)]
struct Setup {
    /// How often it was sent.
    sent: u32,
    /// How often it was not answered in time.
    timeouts: u32,
    /// When it was sent last.
    at: Instant,
    /// To be sent, for the first time or again.
    due: bool,
    /// How often its cookie had grown stale.
    stale: u32,
    /// Milliseconds for which the next cookie is asked to live longer.
    preserve: Option<u32>,
    /// Shut down as soon as the association is up.
    shutdown: bool,
}

impl Setup {
    fn new(now: Instant) -> Self {
        Self { sent: 0, timeouts: 0, at: now, due: true, stale: 0, preserve: None, shutdown: false }
    }
}

/// How far an association has come on its way to an end.
///
/// Source: [RFC 9260 §9.2](https://www.rfc-editor.org/rfc/rfc9260#section-9.2)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Established,
    /// We want to end; what is queued goes first.
    ShutdownPending,
    /// SHUTDOWN was sent.
    ShutdownSent,
    /// The peer wants to end; what is queued goes first.
    ShutdownReceived,
    /// SHUTDOWN ACK was sent.
    ShutdownAckSent,
}

impl Phase {
    /// Whether data of ours may be on the way.
    fn sends_data(self) -> bool {
        matches!(self, Self::Established | Self::ShutdownPending | Self::ShutdownReceived)
    }

    /// Whether data of the peer's are taken in.
    fn takes_data(self) -> bool {
        matches!(self, Self::Established | Self::ShutdownPending | Self::ShutdownSent)
    }
}

/// A HEARTBEAT that waits for its answer.
#[derive(Clone, Copy, Debug)]
struct Heartbeat {
    nonce: u64,
    sent_at: Instant,
    due: bool,
}

/// Setting up and tearing down.
impl Association {
    /// An association that waits: for [`connect`](Self::connect), or for the peer's INIT.
    pub fn new(config: Arc<Config>, mut rng: Rng, now: Instant) -> Self {
        let _ = now;
        let initial_tsn = Tsn(config.initial_tsn.unwrap_or_else(|| rng.u32()));
        let tag = handshake::random_tag(&mut rng);
        Self {
            cookie_key: CookieKey::new(&config.provider, &mut rng),
            tag,
            initial_tsn,
            state: State::Closed,
            queue: SendQueue::new(config.scheduler),
            left_unsent: BTreeMap::new(),
            send_buffer: SendBuffer::new(&config.limits),
            delivery: Delivery::default(),
            rto: Rto::new(&config),
            timers: Timers::new(),
            errors: 0,
            replies: Replies::default(),
            drain: Drain::default(),
            heartbeat: None,
            early_resets: Vec::new(),
            losses: Losses::default(),
            blocked: false,
            init_answered: None,
            handshake_rtt: None,
            events: VecDeque::new(),
            stats: Stats::default(),
            config,
            rng,
        }
    }

    /// Ends the association at once. `reason` is a text for the peer's log, cut at 128 bytes.
    pub fn abort(&mut self, now: Instant, reason: &str) {
        let _ = now;
        self.abort_with(CloseReason::Aborted, |out| {
            crate::error_cause::put(out, crate::error_cause::CauseCode::USER_ABORT, reason.as_bytes(), 128);
        });
    }

    /// `true` from [`Event::Connected`] until the association ends.
    pub fn is_connected(&self) -> bool {
        matches!(self.state, State::Up { .. })
    }

    /// How many streams there are to send on; `None` as long as the peer has not said so, and once the association has ended.
    pub fn outbound_streams(&self) -> Option<u16> {
        self.known().map(|link| link.outbound_streams)
    }

    /// How many streams the peer may send on; `None` when [`outbound_streams`](Self::outbound_streams) is.
    pub fn inbound_streams(&self) -> Option<u16> {
        self.known().map(|link| link.inbound_streams)
    }

    /// What both ends know; `None` unless connected.
    pub fn agreed(&self) -> Option<Agreed> {
        let extensions = self.up()?.extensions;
        Some(Agreed {
            partial_reliability: extensions.partial_reliability(),
            stream_reset: extensions.reconfig,
            interleaving: extensions.interleaving,
            zero_checksum: extensions.zero_checksum,
        })
    }

    /// Sends ABORT with a cause, if there is anybody to hear it, and ends.
    fn abort_with(&mut self, reason: CloseReason, cause: impl FnOnce(&mut Vec<u8>)) {
        let peer_tag = match &self.state {
            State::Up { link, .. } | State::CookieEchoed { link, .. } => Some(link.peer_tag),
            State::Closed | State::CookieWait(_) | State::Ended => None,
        };
        self.end(reason);
        if let Some(tag) = peer_tag {
            let mut value = Vec::new();
            cause(&mut value);
            self.replies.alone(tag, ChunkType::ABORT, 0, value);
        }
    }

    /// The association is over.
    fn end(&mut self, reason: CloseReason) {
        if matches!(self.state, State::Ended) {
            return;
        }
        debug!(?reason, "association ended");
        self.announce_readable();
        self.count();
        self.keep_losses();
        self.left_unsent = self.queue.all_buffered().collect();
        self.state = State::Ended;
        self.queue = SendQueue::new(self.config.scheduler);
        self.timers = Timers::new();
        self.replies = Replies::default();
        self.early_resets = Vec::new();
        self.events.push_back(Event::Closed(reason));
    }

    /// What both ends agreed on, from the peer's answer to the end.
    fn known(&self) -> Option<&Link> {
        match &self.state {
            State::CookieEchoed { link, .. } | State::Up { link, .. } => Some(link),
            State::Closed | State::CookieWait(_) | State::Ended => None,
        }
    }

    fn known_mut(&mut self) -> Option<&mut Link> {
        match &mut self.state {
            State::CookieEchoed { link, .. } | State::Up { link, .. } => Some(link),
            State::Closed | State::CookieWait(_) | State::Ended => None,
        }
    }

    fn up(&self) -> Option<&Link> {
        match &self.state {
            State::Up { link, .. } => Some(link),
            _ => None,
        }
    }

    fn up_mut(&mut self) -> Option<&mut Link> {
        match &mut self.state {
            State::Up { link, .. } => Some(link),
            _ => None,
        }
    }
}

/// Sharing the path with others that its owner knows of.
impl Association {
    /// Bounds the rate at which data leave, or takes the bound away. Default: `None`. It may be changed at any time, and holds
    /// from the next packet on: over times that are long beside a burst of ten packets, since so many may leave at once after a
    /// pause.
    ///
    /// What counts are DATA chunks, sent again or not, without what packets, DTLS and UDP add: with full packets of the default
    /// size some 6 % on IPv4. Acknowledgements are free. The least is [`LEAST_RATE`](Self::LEAST_RATE): less is taken for
    /// that.
    pub fn set_rate_ceiling(&mut self, ceiling: Option<Bitrate>) {
        self.drain.ceiling = ceiling.map(|ceiling| ceiling.max(Self::LEAST_RATE));
        self.drain.begin();
    }

    /// The least that [`set_rate_ceiling`](Self::set_rate_ceiling) can ask for: a packet a second, or so.
    pub const LEAST_RATE: Bitrate = Bitrate::from_bits(10_000);

    /// Says that `bytes` of other traffic, which cannot wait, left on the same path just now.
    ///
    /// From then on and until none has left for a second, data make room: they leave at a pace that counts what the others send,
    /// and the window is cut as soon as a queue of more than 25 ms stands on the path. Without any such traffic, nothing of this
    /// happens.
    pub fn share_path(&mut self, now: Instant, bytes: usize) {
        self.drain.neighbour.on_sent(now, bytes);
        self.drain.pacer.on_others(bytes);
    }
}

/// Messages.
impl Association {
    /// Queues a message. It is cut into chunks when packets are built; its bytes are shared, not copied. Messages may be
    /// queued before the association is up; then those on streams that the peer turns out not to have are dropped.
    ///
    /// # Errors
    /// The message comes back with the reason.
    pub fn send(
        &mut self,
        now: Instant,
        stream: StreamId,
        ppid: Ppid,
        payload: Bytes,
        options: SendOptions,
    ) -> Result<(), SendError> {
        let elsewhere = match &self.state {
            State::Ended => Err(SendRefusal::Closed),
            State::Closed => Ok(0),
            State::CookieWait(setup) | State::CookieEchoed { setup, .. } if setup.shutdown => Err(SendRefusal::Closed),
            State::CookieWait(_) => Ok(0),
            State::CookieEchoed { link, .. } | State::Up { phase: Phase::Established, link } => {
                if stream.0 < link.outbound_streams { Ok(link.flight.held()) } else { Err(SendRefusal::NoSuchStream) }
            }
            State::Up { .. } => Err(SendRefusal::Closed),
        };
        let message = (stream, ppid, &payload, options);
        let limits = self.send_buffer.limits(&self.config.limits, payload.len() + MESSAGE_OVERHEAD);
        let queued = elsewhere.and_then(|held| self.queue.push(now, message, held, &limits));
        while let Some(evicted) = self.queue.take_evicted() {
            self.on_unsent(&evicted);
        }
        match queued {
            Ok(()) => {
                self.stats.messages_sent += 1;
                self.stats.bytes_sent += payload.len() as u64;
                self.drain.begin();
                Ok(())
            }
            Err(reason) => {
                self.blocked |= reason == SendRefusal::WouldBlock;
                Err(SendError { reason, payload })
            }
        }
    }

    /// The next message of `stream`, if one is there. What is not read stays in the receive window, which closes in time.
    /// Messages that arrived before the end of the association can be read after it.
    pub fn read(&mut self, stream: StreamId) -> Option<Message> {
        let message = self.delivery.read(stream)?;
        if let State::Up { link, .. } = &mut self.state {
            link.inbound.on_read(message.payload.len(), &self.delivery);
        }
        Some(message)
    }

    /// Bytes of the longest message that [`send`](Self::send) takes: one that fills the send buffer alone.
    pub fn longest_message(&self) -> usize {
        self.config.limits.longest_message()
    }

    /// Bytes of messages queued on `stream` that were not yet put into a packet, without those that stand for empty ones; once the association has ended, those that never
    /// were.
    pub fn buffered_amount(&self, stream: StreamId) -> usize {
        self.left_unsent.get(&stream).copied().unwrap_or_else(|| self.queue.buffered(stream))
    }

    /// Sets the share of `stream` in what may be sent, by [`Scheduler::WeightedFairQueueing`]: in proportion to that of
    /// others that have something to send. At least 1; default: 256. The priorities of data channels are 128, 256, 512
    /// and 1,024 (RFC 8831 §6.4). A reset of the stream restores the default.
    pub fn set_weight(&mut self, stream: StreamId, weight: u16) {
        self.queue.set_weight(stream, weight);
    }

    /// Sets when [`Event::BufferedAmountLow`] is due: as [`buffered_amount`](Self::buffered_amount) falls from above
    /// `bytes` to `bytes` or below. Default: 0. A reset of the stream restores the default.
    pub fn set_buffered_amount_low_threshold(&mut self, stream: StreamId, bytes: usize) {
        self.queue.set_threshold(stream, bytes);
    }

    /// A message left the queue without being sent.
    fn on_unsent(&mut self, message: &Outgoing) {
        self.stats.messages_abandoned += 1;
        self.losses.add(message);
        self.on_sent(message.stream, message.payload.len());
    }

    /// `bytes` of `stream` left the queue.
    fn on_sent(&mut self, stream: StreamId, bytes: usize) {
        let left = self.queue.on_sent(stream, bytes);
        if left.is_low {
            self.events.push_back(Event::BufferedAmountLow(stream));
        }
        if left.is_drained
            && let Some(link) = self.up_mut()
        {
            link.resets.want_outgoing(stream);
        }
    }
}

/// Streams.
impl Association {
    /// Resets our sending direction of `streams`, each once its queued messages are sent. Until the peer confirms
    /// ([`Event::StreamResetDone`]), nothing more can be sent on them.
    ///
    /// # Errors
    /// When the peer lacks the extension, or the association is closing.
    pub fn reset_streams(&mut self, now: Instant, streams: &[StreamId]) -> Result<(), ResetError> {
        let _ = now;
        self.check_reset()?;
        for &stream in streams {
            self.begin_reset(stream);
        }
        Ok(())
    }

    /// Asks for the reset of `stream` as soon as its queue has run dry.
    fn begin_reset(&mut self, stream: StreamId) {
        if !self.queue.begin_reset(stream) {
            return;
        }
        match &mut self.state {
            State::Up { link, .. } if self.queue.is_drained(stream) => link.resets.want_outgoing(stream),
            State::Up { .. } => (),
            _ => self.early_resets.push(stream),
        }
    }

    /// Asks the peer to reset its sending direction of `streams` ([`Event::StreamReset`] when it did). WebRTC does not
    /// need it: its peers answer a reset with one of their own.
    ///
    /// # Errors
    /// As [`reset_streams`](Self::reset_streams), and when not connected yet.
    pub fn request_reset(&mut self, now: Instant, streams: &[StreamId]) -> Result<(), ResetError> {
        let _ = now;
        self.check_reset()?;
        let link = self.up_mut().ok_or(ResetError::Closed)?;
        for &stream in streams {
            link.resets.want_incoming(stream);
        }
        Ok(())
    }

    fn check_reset(&self) -> Result<(), ResetError> {
        match &self.state {
            State::Up { phase: Phase::Established, link } if link.extensions.reconfig => Ok(()),
            State::Up { phase: Phase::Established, .. } => Err(ResetError::Unsupported),
            State::Closed | State::CookieWait(_) | State::CookieEchoed { .. } => Ok(()),
            State::Up { .. } | State::Ended => Err(ResetError::Closed),
        }
    }
}

/// Events and counters.
impl Association {
    /// What happened, oldest first.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Counters.
    pub fn stats(&self) -> Stats {
        let mut stats = self.stats;
        if let Some(link) = self.known() {
            add_counts(&mut stats, link);
        }
        stats
    }

    /// Round trip time and windows.
    pub fn path(&self) -> Path {
        let link = self.known();
        Path {
            rtt: self.rto.smoothed(),
            rto: self.rto.current(),
            congestion_window: link.map_or(0, |link| link.congestion.window()),
            in_flight: link.map_or(0, |link| link.flight.in_flight()),
            peer_window: link.map_or(0, |link| link.peer_window),
            packet_size: link.map_or(self.config.max_packet_size & !3, |link| link.mtu.current()),
        }
    }

    /// Keeps what the link has counted, before it goes.
    fn count(&mut self) {
        if let State::CookieEchoed { link, .. } | State::Up { link, .. } = &self.state {
            add_counts(&mut self.stats, link);
        }
    }

    fn announce_readable(&mut self) {
        if let State::Up { link, .. } = &mut self.state {
            self.events.extend(link.inbound.readable.drain(..).map(Event::Readable));
        }
    }
}

fn add_counts(stats: &mut Stats, link: &Link) {
    let (sent, received) = (&link.flight.counts, &link.inbound.counts);
    stats.data_chunks_sent += sent.sent;
    stats.data_chunks_retransmitted += sent.retransmitted;
    stats.messages_abandoned += sent.abandoned;
    stats.data_chunks_received += received.received;
    stats.duplicates_received += received.duplicates;
    stats.data_chunks_refused += received.refused;
    stats.messages_received += received.messages;
    stats.bytes_received += received.bytes;
    stats.steps += sent.steps + received.steps;
}

impl fmt::Debug for Association {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Association").field("state", &self.state).field("stats", &self.stats()).finish_non_exhaustive()
    }
}
