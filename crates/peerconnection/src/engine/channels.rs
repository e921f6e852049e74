//! The data channels of a session and what happens to them on one SCTP association.
//!
//! | module | what |
//! |---|---|
//! | here | the table, opening and closing |
//! | `control` | what the two sides say about channels |
//! | `messages` | what is sent and read on them |
//! | `reports` | what the association reports |
//!
//! Source: [RFC 8831](https://www.rfc-editor.org/rfc/rfc8831), [RFC 8832](https://www.rfc-editor.org/rfc/rfc8832)

mod control;
mod messages;
mod reports;

pub use messages::ChannelSendError;

use super::channel::{Channel, ChannelMessage, ChannelParameters, ChannelState, Reliability, SctpFailure};
use super::{ChannelId, ChannelStats, Event, Limits};
use ortica_core::Instant;
use ortica_dtls::Role;
use ortica_sctp::{Association, SendRefusal, StreamId, Undelivered};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use thiserror::Error;

use control::{Unsaid, open_message, send_control};
use messages::DEFAULT_MAX_MESSAGE_SIZE;

/// The highest stream id: 65,535 is not used (RFC 8832 §6).
const MAX_STREAM: u16 = 65_534;

/// The longest lifetime of a message that a channel can be made with.
///
/// Source: [webrtc-pc §6.2](https://www.w3.org/TR/webrtc/#dom-rtcdatachannelinit-maxpacketlifetime)
const MAX_LIFETIME: Duration = Duration::from_millis(65_535);

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

/// The channels of a session, connected or not.
#[derive(Debug)]
pub(super) struct Channels {
    limits: Limits,
    /// Boxed, since a node of the map has room for eleven, and most sessions have a few.
    table: BTreeMap<ChannelId, Box<Channel>>,
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
    /// The association takes what is sent.
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
        self.table.get(&id).map(Box::as_ref)
    }

    pub fn iter(&self) -> impl Iterator<Item = (ChannelId, &Channel)> {
        self.table.iter().map(|(id, channel)| (*id, channel.as_ref()))
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
        self.table.insert(id, Box::new(channel));
        id
    }

    /// The association is up, or the peer has agreed to it and only its COOKIE ACK is still to come: opens what waits for it, in
    /// the order it was made. OPEN, and what is sent at once on the channels, goes with COOKIE ECHO then.
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
        let waits = |channel: &Channel| channel.state == ChannelState::Connecting;
        let waiting: Vec<ChannelId> = self.iter().filter(|(_, channel)| waits(channel)).map(|(id, _)| id).collect();
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

    /// Gives back the room that is not used.
    pub fn rest(&mut self) {
        self.table.values_mut().for_each(|channel| channel.early.shrink_to_fit());
        self.blocked.shrink_to_fit();
        self.unsaid.shrink_to_fit();
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

#[cfg(test)]
mod tests;
