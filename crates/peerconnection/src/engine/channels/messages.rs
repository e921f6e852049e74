//! Messages on channels: what is sent, what is read, and what came before its channel.
//!
//! Source: [RFC 8831 §6.6](https://www.rfc-editor.org/rfc/rfc8831#section-6.6)

use super::Channels;
use crate::engine::ChannelId;
use crate::engine::channel::{Channel, ChannelMessage, ChannelState, Reliability};
use bytes::Bytes;
use ortica_core::Instant;
use ortica_sctp::dcep;
use ortica_sctp::ppid::{self, Content, Kind};
use ortica_sctp::{Association, Ppid, SendOptions, SendRefusal, StreamId};
use std::collections::VecDeque;
use thiserror::Error;

/// What a peer takes that does not say, in bytes (RFC 8841 §6.1).
pub(super) const DEFAULT_MAX_MESSAGE_SIZE: usize = 64 << 10;

/// What a kept message counts beside its bytes, so that empty ones are bounded too.
pub(super) const MESSAGE_OVERHEAD: usize = 64;

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

impl Channels {
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

    pub(super) fn read_stream(
        now: Instant,
        channel: &mut Channel,
        association: &mut Association,
    ) -> Option<ChannelMessage> {
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

    pub(super) fn take_early(&mut self, stream: StreamId) -> VecDeque<ChannelMessage> {
        let early = self.early.remove(&stream).unwrap_or_default();
        self.early_bytes -= early.iter().map(|message| message.data.len() + MESSAGE_OVERHEAD).sum::<usize>();
        early
    }
}

/// Takes a control message on the stream of a channel; `false` for one that has no place there: an OPEN where a channel is
/// open, or what is no message (RFC 8832 §6).
pub(super) fn on_control(channel: &mut Channel, payload: &[u8]) -> bool {
    let is_ack = dcep::Message::decode(payload) == Ok(dcep::Message::Ack);
    channel.acknowledged |= is_ack;
    is_ack
}

/// What a received message is to a channel.
pub(super) enum Read {
    User(ChannelMessage),
    Control(Bytes),
    Refused,
}

/// Text that is no UTF-8 is refused like a PPID that no peer may use (RFC 8831 §6.6).
pub(super) fn user_message(ppid: Ppid, payload: Bytes) -> Read {
    match ppid::from_wire(ppid, payload) {
        Ok(Content::Control(payload)) => Read::Control(payload),
        Ok(Content::User(Kind::Text, data)) if std::str::from_utf8(&data).is_err() => Read::Refused,
        Ok(Content::User(kind, data)) => Read::User(ChannelMessage { binary: matches!(kind, Kind::Binary), data }),
        Err(_) => Read::Refused,
    }
}
