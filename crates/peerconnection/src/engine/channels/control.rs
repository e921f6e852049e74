//! What the two sides say about channels: OPEN and ACK.
//!
//! Source: [RFC 8832](https://www.rfc-editor.org/rfc/rfc8832)

use super::Channels;
use crate::engine::channel::{ChannelParameters, ChannelState, Priority, Reliability};
use crate::engine::{ChannelId, Event};
use bytes::Bytes;
use ortica_core::Instant;
use ortica_sctp::dcep::{self, Open};
use ortica_sctp::{Association, Ppid, SendOptions, SendRefusal, StreamId};
use std::collections::VecDeque;

/// A control message that found the send buffer full.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unsaid {
    Open(ChannelId),
    Ack(ChannelId),
}

impl Unsaid {
    pub fn channel(self) -> ChannelId {
        match self {
            Self::Open(id) | Self::Ack(id) => id,
        }
    }
}

impl Channels {
    /// Sends a control message, as soon as there is room for it.
    pub(super) fn say(
        &mut self,
        now: Instant,
        association: &mut Association,
        message: Unsaid,
        events: &mut VecDeque<Event>,
    ) {
        if !self.try_say(now, association, message, events) {
            self.unsaid.push_back(message);
        }
    }

    /// There is room in the send buffer again.
    pub(super) fn on_writable(&mut self, now: Instant, association: &mut Association, events: &mut VecDeque<Event>) {
        while let Some(message) = self.unsaid.pop_front() {
            if !self.try_say(now, association, message, events) {
                self.unsaid.push_front(message);
                break;
            }
        }
        events.extend(self.blocked.drain(..).map(Event::ChannelWritable));
    }

    /// `false` when there is no room for it.
    fn try_say(
        &mut self,
        now: Instant,
        association: &mut Association,
        message: Unsaid,
        events: &mut VecDeque<Event>,
    ) -> bool {
        match message {
            Unsaid::Open(id) => self.open(now, association, id, events),
            Unsaid::Ack(id) => self.acknowledge(now, association, id),
        }
    }

    /// Tells the peer that its OPEN has come; `false` when there is no room for that.
    fn acknowledge(&self, now: Instant, association: &mut Association, id: ChannelId) -> bool {
        let channel = self.table.get(&id).filter(|channel| channel.state == ChannelState::Open);
        let Some(stream) = channel.and_then(|channel| channel.stream) else { return true };
        let mut ack = Vec::new();
        dcep::Ack.encode(&mut ack);
        send_control(now, association, stream, Bytes::from(ack)) != Err(SendRefusal::WouldBlock)
    }
}

/// Hands a control message to SCTP: reliable, in order.
pub(super) fn send_control(
    now: Instant,
    association: &mut Association,
    stream: StreamId,
    message: Bytes,
) -> Result<(), SendRefusal> {
    association.send(now, stream, Ppid::DCEP, message, SendOptions::default()).map_err(|error| error.reason)
}

pub(super) fn open_message(parameters: &ChannelParameters) -> Option<Bytes> {
    let mut open = Open::new(parameters.label.as_str(), parameters.protocol.as_str()).ok()?;
    open.ordered = parameters.ordered;
    open.priority = parameters.priority.weight();
    open.reliability = match parameters.reliability {
        Reliability::Reliable => ortica_sctp::Reliability::Reliable,
        Reliability::MaxRetransmits(count) => ortica_sctp::Reliability::MaxRetransmits(count.into()),
        Reliability::MaxPacketLifeTime(time) => ortica_sctp::Reliability::MaxLifetime(time),
    };
    let mut bytes = Vec::new();
    open.encode(&mut bytes);
    Some(Bytes::from(bytes))
}

pub(super) fn parameters_of(open: &Open) -> ChannelParameters {
    ChannelParameters {
        label: open.label().to_owned(),
        protocol: open.protocol().to_owned(),
        ordered: open.ordered,
        reliability: match open.reliability {
            ortica_sctp::Reliability::Reliable | ortica_sctp::Reliability::Priority(_) => Reliability::Reliable,
            ortica_sctp::Reliability::MaxRetransmits(count) => {
                Reliability::MaxRetransmits(u16::try_from(count).unwrap_or(u16::MAX))
            }
            ortica_sctp::Reliability::MaxLifetime(time) => Reliability::MaxPacketLifeTime(time),
        },
        priority: Priority::from_weight(open.priority),
        negotiated: None,
    }
}
