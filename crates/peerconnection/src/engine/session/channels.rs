//! The data channels of a session.

use super::{Session, Transport};
use crate::engine::{
    ChannelError, ChannelId, ChannelMessage, ChannelParameters, ChannelSendError, ChannelState, SctpFailure,
    TransportId, Undelivered,
};
use ortica_core::Instant;
use std::collections::BTreeMap;

/// # Data channels
impl Session {
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

    /// The channels there are, oldest first.
    pub fn channels(&self) -> impl Iterator<Item = ChannelId> + '_ {
        self.channels.iter().map(|(id, _)| id)
    }

    /// The association that data channels run on.
    pub(super) fn association(&self) -> Option<&ortica_sctp::Association> {
        self.transports.get(&self.sctp?)?.secured.as_ref()?.association.as_ref()
    }
}

/// The association that data channels run on.
pub(super) fn association(
    transports: &mut BTreeMap<TransportId, Box<Transport>>,
    id: Option<TransportId>,
) -> Option<&mut ortica_sctp::Association> {
    transports.get_mut(&id?)?.association()
}
