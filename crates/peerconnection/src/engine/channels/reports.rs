//! What the association reports: messages, channels of the peer, streams that were reset, its end.

use super::control::{Unsaid, parameters_of};
use super::messages::{MESSAGE_OVERHEAD, Read, on_control, user_message};
use super::{Channels, MAX_STREAM};
use crate::engine::Event;
use crate::engine::channel::{Channel, ChannelState, SctpFailure};
use ortica_core::Instant;
use ortica_sctp::dcep::{self, Open};
use ortica_sctp::{Association, StreamId};
use std::collections::VecDeque;

/// Messages read past while the ACK of a channel is awaited.
const MAX_EARLY: usize = 64;

impl Channels {
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
}
