//! The data channels of a session and what happens to them on one SCTP association.
//!
//! | module | what |
//! |---|---|
//! | here | the table, messages, opening and closing |
//! | `control` | what the two sides say about channels |
//!
//! Source: [RFC 8831](https://www.rfc-editor.org/rfc/rfc8831), [RFC 8832](https://www.rfc-editor.org/rfc/rfc8832)

mod control;

use super::channel::{Channel, ChannelMessage, ChannelParameters, ChannelState, Reliability, SctpFailure};
use super::{ChannelId, ChannelStats, Event, Limits};
use bytes::Bytes;
use ortica_core::Instant;
use ortica_dtls::Role;
use ortica_sctp::dcep::{self, Open};
use ortica_sctp::ppid::{self, Content, Kind};
use ortica_sctp::{Association, Ppid, SendOptions, SendRefusal, StreamId, Undelivered};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use thiserror::Error;

use control::{Unsaid, open_message, parameters_of, send_control};

/// The highest stream id: 65,535 is not used (RFC 8832 §6).
const MAX_STREAM: u16 = 65_534;

/// The longest lifetime of a message that a channel can be made with.
///
/// Source: [webrtc-pc §6.2](https://www.w3.org/TR/webrtc/#dom-rtcdatachannelinit-maxpacketlifetime)
const MAX_LIFETIME: Duration = Duration::from_millis(65_535);

/// What a peer takes that does not say, in bytes (RFC 8841 §6.1).
const DEFAULT_MAX_MESSAGE_SIZE: usize = 64 << 10;

/// Messages read past while the ACK of a channel is awaited.
const MAX_EARLY: usize = 64;

/// What a kept message counts beside its bytes, so that empty ones are bounded too.
const MESSAGE_OVERHEAD: usize = 64;

/// Why a channel cannot be made.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ChannelError {
    /// The label is longer than 65,535 bytes.
    #[error("the label is longer than 65,535 bytes")]
    LabelTooLong,
    /// The protocol is longer than 65,535 bytes.
    #[error("the protocol is longer than 65,535 bytes")]
    ProtocolTooLong,
    /// [`Reliability::MaxPacketLifeTime`] is longer than 65,535 ms.
    #[error("a message lives 65,535 ms at most")]
    LifetimeOutOfRange,
    /// The connection is closed: the W3C's `InvalidStateError`.
    #[error("the connection is closed")]
    Closed,
    /// The peer does not take that many streams; 65,535 is never one.
    #[error("that stream cannot carry a channel")]
    StreamOutOfRange,
    /// Another channel runs on that stream.
    #[error("stream {0} is in use")]
    StreamInUse(u16),
    /// [`Limits::channels`](super::Limits) or [`Limits::channel_names`](super::Limits) is reached, or all streams are taken.
    #[error("too many channels")]
    TooMany,
}

/// Why a message was not taken.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ChannelSendError {
    /// The channel is not open.
    #[error("the channel is {0}")]
    NotOpen(ChannelState),
    /// The message is longer than the peer takes, or than the send buffer holds, in bytes.
    #[error("a message of at most {0} bytes can be sent")]
    TooLarge(usize),
    /// The send queue is full: here is the message again, and `ChannelWritable` follows.
    #[error("the send queue is full")]
    Full(ChannelMessage),
}

/// The channels of a session, connected or not.
#[derive(Debug)]
pub(super) struct Channels {
    limits: Limits,
    table: BTreeMap<ChannelId, Channel>,
    by_stream: BTreeMap<StreamId, ChannelId>,
    /// No stream of our parity below this one is free.
    lowest_free: u16,
    /// Bytes of the labels and protocols in the table.
    names: usize,
    /// Messages on streams that no OPEN has named yet.
    early: BTreeMap<StreamId, VecDeque<ChannelMessage>>,
    early_bytes: usize,
    next_id: u32,
    role: Option<Role>,
    connected: bool,
    /// What the peer takes at most; `None` without limit.
    max_message_size: Option<usize>,
    /// Channels whose message was refused for want of room.
    blocked: Vec<ChannelId>,
    /// What did not arrive of channels that are closed.
    undelivered: Undelivered,
    /// What is to be said about channels as soon as there is room for it, one message for each at most.
    unsaid: VecDeque<Unsaid>,
    /// Channels that were ever open.
    opened: u64,
}

impl Channels {
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            table: BTreeMap::new(),
            by_stream: BTreeMap::new(),
            lowest_free: 0,
            names: 0,
            early: BTreeMap::new(),
            early_bytes: 0,
            next_id: 0,
            role: None,
            connected: false,
            max_message_size: Some(DEFAULT_MAX_MESSAGE_SIZE),
            blocked: Vec::new(),
            undelivered: Undelivered::default(),
            unsaid: VecDeque::new(),
            opened: 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    pub fn get(&self, id: ChannelId) -> Option<&Channel> {
        self.table.get(&id)
    }

    pub fn iter(&self) -> impl Iterator<Item = (ChannelId, &Channel)> {
        self.table.iter().map(|(id, channel)| (*id, channel))
    }

    /// Sets what the peer said it takes; zero means no limit, absent means 64 KiB (RFC 8841 §6.1).
    pub fn set_max_message_size(&mut self, announced: Option<u64>) {
        self.max_message_size = match announced {
            None => Some(DEFAULT_MAX_MESSAGE_SIZE),
            Some(0) => None,
            Some(size) => Some(usize::try_from(size).unwrap_or(usize::MAX)),
        };
    }

    /// Bytes of the longest message that can be sent: what the peer takes, and this side's send buffer holds.
    pub fn max_message_size(&self, ours: usize) -> usize {
        self.max_message_size.unwrap_or(usize::MAX).min(ours)
    }

    /// Makes a channel; it opens once the association is up, at once if it is.
    pub fn create(
        &mut self,
        now: Instant,
        association: Option<&mut Association>,
        parameters: ChannelParameters,
        events: &mut VecDeque<Event>,
    ) -> Result<ChannelId, ChannelError> {
        if parameters.label.len() > usize::from(u16::MAX) {
            return Err(ChannelError::LabelTooLong);
        }
        if parameters.protocol.len() > usize::from(u16::MAX) {
            return Err(ChannelError::ProtocolTooLong);
        }
        if matches!(parameters.reliability, Reliability::MaxPacketLifeTime(time) if time > MAX_LIFETIME) {
            return Err(ChannelError::LifetimeOutOfRange);
        }
        if !self.has_room(&parameters) {
            return Err(ChannelError::TooMany);
        }
        let connected = association.as_deref().filter(|_| self.connected);
        let is_there = |stream| connected.is_none_or(|association| has_stream(association, stream));
        match parameters.negotiated.map(StreamId) {
            Some(stream) if stream.0 > MAX_STREAM || !is_there(stream) => return Err(ChannelError::StreamOutOfRange),
            Some(stream) if self.by_stream.contains_key(&stream) => return Err(ChannelError::StreamInUse(stream.0)),
            Some(_) => {}
            None if connected.is_some() && !self.free_stream().is_some_and(is_there) => {
                return Err(ChannelError::TooMany);
            }
            None => {}
        }
        let id = self.insert(Channel::new(parameters));
        if let Some(association) = association.filter(|_| self.connected) {
            self.say(now, association, Unsaid::Open(id), events);
        }
        Ok(id)
    }

    /// Whether the limits admit one more channel.
    fn has_room(&self, parameters: &ChannelParameters) -> bool {
        self.table.len() < self.limits.channels && self.names + parameters.names_len() <= self.limits.channel_names
    }

    fn insert(&mut self, channel: Channel) -> ChannelId {
        let id = ChannelId(self.next_id);
        self.names += channel.parameters.names_len();
        self.next_id = self.next_id.wrapping_add(1);
        if let Some(stream) = channel.stream {
            self.by_stream.insert(stream, id);
        }
        self.table.insert(id, channel);
        id
    }

    /// The association is up: opens what waits for it, in the order it was made.
    pub fn on_connected(
        &mut self,
        now: Instant,
        role: Role,
        association: &mut Association,
        events: &mut VecDeque<Event>,
    ) {
        self.role = Some(role);
        self.connected = true;
        // Those that an association before this one had are closed.
        let waits = |(_, channel): &(&ChannelId, &Channel)| channel.state == ChannelState::Connecting;
        let waiting: Vec<ChannelId> = self.table.iter().filter(waits).map(|(id, _)| *id).collect();
        for id in waiting {
            self.say(now, association, Unsaid::Open(id), events);
        }
    }

    /// Gives the channel its stream and says OPEN on it; `false` when there is no room for that. It can be used at once: what
    /// follows the OPEN arrives after it.
    fn open(
        &mut self,
        now: Instant,
        association: &mut Association,
        id: ChannelId,
        events: &mut VecDeque<Event>,
    ) -> bool {
        let free = self.free_stream();
        let Some(channel) = self.table.get_mut(&id).filter(|channel| channel.state == ChannelState::Connecting) else {
            return true;
        };
        let Some(stream) = channel.stream.or(free).filter(|stream| has_stream(association, *stream)) else {
            self.finish(Some(association), id, events);
            return true;
        };
        channel.stream = Some(stream);
        self.by_stream.insert(stream, id);
        association.set_weight(stream, channel.parameters.priority.weight());
        if channel.parameters.negotiated.is_none() {
            let open = open_message(&channel.parameters).ok_or(SendRefusal::TooLarge);
            match open.and_then(|open| send_control(now, association, stream, open)) {
                Ok(()) => {}
                Err(SendRefusal::WouldBlock) => return false,
                Err(_) => {
                    self.finish(Some(association), id, events);
                    return true;
                }
            }
        }
        channel.state = ChannelState::Open;
        self.opened += 1;
        events.push_back(Event::ChannelOpen(id));
        // A negotiated channel may find messages that came before it was made.
        let early = self.take_early(stream);
        if let Some(channel) = self.table.get_mut(&id) {
            channel.early = early;
        }
        events.push_back(Event::ChannelReadable(id));
        true
    }

    fn take_early(&mut self, stream: StreamId) -> VecDeque<ChannelMessage> {
        let early = self.early.remove(&stream).unwrap_or_default();
        self.early_bytes -= early.iter().map(|message| message.data.len() + MESSAGE_OVERHEAD).sum::<usize>();
        early
    }

    /// The lowest free stream of our parity. Where the last search ended the next one begins, or many channels would take long
    /// to make.
    fn free_stream(&mut self) -> Option<StreamId> {
        let first = self.lowest_free.max(self.parity()?);
        let mut streams = (first..=MAX_STREAM).step_by(2).map(StreamId);
        let free = streams.find(|stream| !self.by_stream.contains_key(stream));
        self.lowest_free = free.map_or(u16::MAX, |stream| stream.0);
        free
    }

    /// The streams of our channels are even where we are the DTLS client, odd where we are the server (RFC 8832 §6).
    fn parity(&self) -> Option<u16> {
        self.role.map(|role| match role {
            Role::Client => 0,
            Role::Server => 1,
        })
    }

    /// Hands a message to SCTP.
    pub fn send(
        &mut self,
        now: Instant,
        association: Option<&mut Association>,
        id: ChannelId,
        message: ChannelMessage,
    ) -> Result<(), ChannelSendError> {
        let Some(channel) = self.table.get_mut(&id) else {
            return Err(ChannelSendError::NotOpen(ChannelState::Closed));
        };
        let (ChannelState::Open, Some(stream), Some(association)) = (channel.state, channel.stream, association) else {
            return Err(ChannelSendError::NotOpen(channel.state));
        };
        if let Some(limit) = self.max_message_size
            && message.data.len() > limit
        {
            return Err(ChannelSendError::TooLarge(limit));
        }
        let options = SendOptions {
            ordered: channel.parameters.ordered || !channel.acknowledged,
            reliability: match channel.parameters.reliability {
                Reliability::Reliable => ortica_sctp::Reliability::Reliable,
                Reliability::MaxRetransmits(count) => ortica_sctp::Reliability::MaxRetransmits(count.into()),
                Reliability::MaxPacketLifeTime(time) => ortica_sctp::Reliability::MaxLifetime(time),
            },
        };
        let len = message.data.len();
        let kind = if message.binary { Kind::Binary } else { Kind::Text };
        let (ppid, payload) = ppid::to_wire(kind, message.data.clone());
        match association.send(now, stream, ppid, payload, options).map_err(|error| error.reason) {
            Ok(()) => {
                channel.stats.messages_sent += 1;
                channel.stats.bytes_sent += len as u64;
                Ok(())
            }
            Err(SendRefusal::WouldBlock) => {
                if !self.blocked.contains(&id) {
                    self.blocked.push(id);
                }
                Err(ChannelSendError::Full(message))
            }
            Err(SendRefusal::TooLarge) => Err(ChannelSendError::TooLarge(association.longest_message())),
            Err(_) => Err(ChannelSendError::NotOpen(ChannelState::Closing)),
        }
    }

    /// The next message of a channel.
    pub fn read(
        &mut self,
        now: Instant,
        association: Option<&mut Association>,
        id: ChannelId,
    ) -> Option<ChannelMessage> {
        let channel = self.table.get_mut(&id)?;
        // The stream of a closed channel may be another's by now, and what arrives there is for that one.
        let reused = channel.stream.is_some_and(|stream| self.by_stream.get(&stream).is_some_and(|owner| *owner != id));
        let message = match channel.early.pop_front() {
            Some(message) => message,
            None if reused => return None,
            None => Self::read_stream(now, channel, association?)?,
        };
        channel.stats.messages_received += 1;
        channel.stats.bytes_received += message.data.len() as u64;
        Some(message)
    }

    fn read_stream(now: Instant, channel: &mut Channel, association: &mut Association) -> Option<ChannelMessage> {
        let stream = channel.stream?;
        loop {
            let message = association.read(stream)?;
            match user_message(message.ppid, message.payload) {
                Read::User(message) => return Some(message),
                Read::Control(payload) if on_control(channel, &payload) => {}
                // What no peer may send ends the channel.
                Read::Control(_) | Read::Refused => {
                    let _ = association.reset_streams(now, &[stream]);
                }
            }
        }
    }

    /// Begins to close a channel: what is queued still goes out. That it is open is no news any more.
    pub fn close(
        &mut self,
        now: Instant,
        association: Option<&mut Association>,
        id: ChannelId,
        events: &mut VecDeque<Event>,
    ) {
        let Some(channel) = self.table.get_mut(&id) else { return };
        if channel.state == ChannelState::Open {
            events.retain(|event| *event != Event::ChannelOpen(id));
        }
        match (channel.state, channel.stream, association) {
            (ChannelState::Open, Some(stream), Some(association)) => {
                channel.state = ChannelState::Closing;
                if association.reset_streams(now, &[stream]).is_err() {
                    self.finish(Some(association), id, events);
                }
            }
            (ChannelState::Connecting | ChannelState::Open, .., association) => self.finish(association, id, events),
            (ChannelState::Closing | ChannelState::Closed, ..) => {}
        }
    }

    /// Ends what is not open yet, and takes no further messages: the session closes once what was sent has arrived.
    pub fn flush(&mut self, events: &mut VecDeque<Event>) {
        let all: Vec<ChannelId> = self.table.keys().copied().collect();
        for id in all {
            match self.table.get_mut(&id) {
                Some(channel) if channel.state == ChannelState::Open => channel.state = ChannelState::Closing,
                Some(channel) if channel.state == ChannelState::Connecting => self.finish(None, id, events),
                _ => {}
            }
        }
        // What the application or the peer opens from here on comes too late.
        self.connected = false;
    }

    /// Forgets a closed channel.
    pub fn remove(&mut self, id: ChannelId) {
        if self.table.get(&id).is_some_and(|channel| channel.state == ChannelState::Closed)
            && let Some(channel) = self.table.remove(&id)
        {
            self.names -= channel.parameters.names_len();
        }
    }

    /// What was sent on a channel and did not arrive, for all that is known; once it is closed.
    pub fn undelivered(&self, id: ChannelId) -> Option<Undelivered> {
        let channel = self.table.get(&id).filter(|channel| channel.state == ChannelState::Closed)?;
        Some(channel.undelivered)
    }

    /// Channels that were ever open, and those among them that are open no more.
    pub fn opened_and_closed(&self) -> (u64, u64) {
        let open = self.table.values().filter(|channel| channel.state == ChannelState::Open).count();
        (self.opened, self.opened - open as u64)
    }

    /// The same of all channels that are closed, those included that were forgotten.
    pub fn total_undelivered(&self) -> Undelivered {
        self.undelivered
    }

    pub fn stats(&self, id: ChannelId) -> Option<ChannelStats> {
        self.table.get(&id).map(|channel| channel.stats)
    }

    /// Takes what the association reports.
    pub fn on_event(
        &mut self,
        now: Instant,
        association: &mut Association,
        event: ortica_sctp::Event,
        events: &mut VecDeque<Event>,
    ) {
        match event {
            ortica_sctp::Event::Readable(stream) => self.on_readable(now, association, stream, events),
            ortica_sctp::Event::BufferedAmountLow(stream) => {
                events.extend(self.by_stream.get(&stream).copied().map(Event::ChannelBufferedAmountLow));
            }
            ortica_sctp::Event::Writable => self.on_writable(now, association, events),
            ortica_sctp::Event::StreamReset(stream) => self.on_reset_in(now, association, stream, events),
            ortica_sctp::Event::StreamResetDone(stream) => self.on_reset_out(association, stream, events),
            ortica_sctp::Event::Closed(reason) => {
                if let Some(failure) = SctpFailure::of(reason) {
                    self.fail(failure, events);
                }
                self.on_closed(Some(association), events);
            }
            _ => {}
        }
    }

    fn on_readable(
        &mut self,
        now: Instant,
        association: &mut Association,
        stream: StreamId,
        events: &mut VecDeque<Event>,
    ) {
        if !self.by_stream.contains_key(&stream) {
            self.on_unknown_stream(now, association, stream, events);
        }
        let Some(id) = self.by_stream.get(&stream).copied() else { return };
        let Some(channel) = self.table.get_mut(&id) else { return };
        // The ACK is looked for here, since the application may never read; user messages met on the way wait.
        while !channel.acknowledged && channel.early.len() < MAX_EARLY {
            let Some(message) = association.read(stream) else { break };
            match user_message(message.ppid, message.payload) {
                Read::User(message) => channel.early.push_back(message),
                Read::Control(payload) if on_control(channel, &payload) => {}
                Read::Control(_) | Read::Refused => {
                    let _ = association.reset_streams(now, &[stream]);
                }
            }
        }
        events.push_back(Event::ChannelReadable(id));
    }

    /// Reads a stream until its OPEN is found; user messages that came before it are kept within limits.
    fn on_unknown_stream(
        &mut self,
        now: Instant,
        association: &mut Association,
        stream: StreamId,
        events: &mut VecDeque<Event>,
    ) {
        while self.early_bytes < self.limits.early_messages {
            let Some(message) = association.read(stream) else { return };
            match user_message(message.ppid, message.payload) {
                Read::User(message) => {
                    self.early_bytes += message.data.len() + MESSAGE_OVERHEAD;
                    self.early.entry(stream).or_default().push_back(message);
                }
                Read::Control(payload) => match dcep::Message::decode(&payload) {
                    Ok(dcep::Message::Open(open)) => return self.on_open(now, association, stream, open, events),
                    Ok(dcep::Message::Ack) => {}
                    Err(_) => {
                        let _ = association.reset_streams(now, &[stream]);
                    }
                },
                Read::Refused => {
                    let _ = association.reset_streams(now, &[stream]);
                }
            }
        }
    }

    /// The peer opens a channel. One of the wrong parity, or one too many, is answered by a reset of its stream.
    fn on_open(
        &mut self,
        now: Instant,
        association: &mut Association,
        stream: StreamId,
        open: Open,
        events: &mut VecDeque<Event>,
    ) {
        let Some(ours) = self.parity() else { return };
        let parameters = parameters_of(&open);
        if !self.connected || stream.0 % 2 == ours || stream.0 > MAX_STREAM || !self.has_room(&parameters) {
            tracing::debug!(stream = stream.0, "refused a data channel");
            let _ = association.reset_streams(now, &[stream]);
            return;
        }
        let mut channel = Channel::new(parameters);
        // What matters to the peer on its side matters as much on this one.
        association.set_weight(stream, channel.parameters.priority.weight());
        channel.stream = Some(stream);
        channel.acknowledged = true;
        channel.state = ChannelState::Open;
        self.opened += 1;
        channel.early = self.take_early(stream);
        let id = self.insert(channel);
        self.say(now, association, Unsaid::Ack(id), events);
        events.push_back(Event::IncomingChannel(id));
        events.push_back(Event::ChannelOpen(id));
        events.push_back(Event::ChannelReadable(id));
    }

    fn on_reset_in(
        &mut self,
        now: Instant,
        association: &mut Association,
        stream: StreamId,
        events: &mut VecDeque<Event>,
    ) {
        let Some(id) = self.by_stream.get(&stream).copied() else { return };
        let Some(channel) = self.table.get_mut(&id) else { return };
        channel.reset_in = true;
        // What came before the reset stays readable after the stream is gone.
        while let Some(message) = Self::read_stream(now, channel, association) {
            channel.early.push_back(message);
        }
        if channel.state == ChannelState::Open {
            channel.state = ChannelState::Closing;
            events.push_back(Event::ChannelClosing(id));
            if association.reset_streams(now, &[stream]).is_err() {
                channel.reset_out = true;
            }
        }
        if channel.reset_out {
            self.finish(Some(association), id, events);
        }
    }

    fn on_reset_out(&mut self, association: &mut Association, stream: StreamId, events: &mut VecDeque<Event>) {
        let Some(id) = self.by_stream.get(&stream).copied() else { return };
        let Some(channel) = self.table.get_mut(&id) else { return };
        channel.reset_out = true;
        if channel.reset_in {
            self.finish(Some(association), id, events);
        }
    }

    /// The association ends, or has ended, and nobody here wanted that; [`on_closed`](Self::on_closed) follows.
    pub fn fail(&mut self, failure: SctpFailure, events: &mut VecDeque<Event>) {
        let open = self.table.iter_mut().filter(|(_, channel)| channel.state != ChannelState::Closed);
        for (id, channel) in open {
            channel.failure = Some(failure);
            events.push_back(Event::ChannelFailed(*id, failure));
        }
    }

    /// The association is gone, and every channel with it.
    pub fn on_closed(&mut self, mut association: Option<&mut Association>, events: &mut VecDeque<Event>) {
        self.connected = false;
        self.unsaid.clear();
        let all: Vec<ChannelId> = self.table.keys().copied().collect();
        for id in all {
            self.finish(association.as_deref_mut(), id, events);
        }
    }

    fn finish(&mut self, association: Option<&mut Association>, id: ChannelId, events: &mut VecDeque<Event>) {
        let Some(channel) = self.table.get_mut(&id) else { return };
        if channel.state == ChannelState::Closed {
            return;
        }
        channel.state = ChannelState::Closed;
        let stream = channel.stream;
        if let (Some(stream), Some(association)) = (stream, association) {
            channel.unsent = association.buffered_amount(stream);
            channel.undelivered = association.take_undelivered(stream);
            self.undelivered += channel.undelivered;
        }
        if let Some(stream) = stream.filter(|stream| self.by_stream.remove(stream).is_some())
            && self.parity() == Some(stream.0 % 2)
        {
            self.lowest_free = self.lowest_free.min(stream.0);
        }
        self.blocked.retain(|blocked| *blocked != id);
        self.unsaid.retain(|message| message.channel() != id);
        events.push_back(Event::ChannelClosed(id));
    }
}

/// Whether the association has `stream` in both directions.
fn has_stream(association: &Association, stream: StreamId) -> bool {
    let streams = [association.outbound_streams(), association.inbound_streams()];
    streams.into_iter().flatten().all(|count| stream.0 < count)
}

/// Takes a control message on the stream of a channel; `false` for one that has no place there: an OPEN where a channel is
/// open, or what is no message (RFC 8832 §6).
fn on_control(channel: &mut Channel, payload: &[u8]) -> bool {
    let is_ack = dcep::Message::decode(payload) == Ok(dcep::Message::Ack);
    channel.acknowledged |= is_ack;
    is_ack
}

/// What a received message is to a channel.
enum Read {
    User(ChannelMessage),
    Control(Bytes),
    Refused,
}

/// Text that is no UTF-8 is refused like a PPID that no peer may use (RFC 8831 §6.6).
fn user_message(ppid: Ppid, payload: Bytes) -> Read {
    match ppid::from_wire(ppid, payload) {
        Ok(Content::Control(payload)) => Read::Control(payload),
        Ok(Content::User(Kind::Text, data)) if std::str::from_utf8(&data).is_err() => Read::Refused,
        Ok(Content::User(kind, data)) => Read::User(ChannelMessage { binary: matches!(kind, Kind::Binary), data }),
        Err(_) => Read::Refused,
    }
}

#[cfg(test)]
mod tests;
