//! Data channels, async.

use crate::DataChannelStream;
use crate::driver::{Interest, Sending, Ticket};
use crate::engine::{
    ChannelId, ChannelMessage, ChannelParameters, ChannelSendError, ChannelState, ChannelStats, CloseReason, Priority,
    Reliability, SctpFailure, Undelivered,
};
use crate::peer::Peer;
use crate::peer_connection::Handle;
use bytes::Bytes;
use ortica_core::Instant;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use thiserror::Error;

/// What a channel is made with beside its label.
///
/// Source: [webrtc-pc §6.2](https://www.w3.org/TR/webrtc/#dom-rtcdatachannelinit)
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DataChannelInit {
    /// Messages arrive in the order they were sent. Default `true`.
    pub ordered: bool,
    /// How hard it tries to deliver. Default reliable.
    pub reliability: Reliability,
    /// Its share in what is sent, beside other channels. Default low, which is the usual one.
    pub priority: Priority,
    /// The subprotocol, up to 65,535 bytes of UTF-8. Default empty.
    pub protocol: String,
    /// The stream to use, 0 to 65,534, when both sides agreed on the channel beforehand. Default: the channel is
    /// announced to the other side.
    pub negotiated: Option<u16>,
}

impl Default for DataChannelInit {
    fn default() -> Self {
        Self {
            ordered: true,
            reliability: Reliability::Reliable,
            priority: Priority::Low,
            protocol: String::new(),
            negotiated: None,
        }
    }
}

impl DataChannelInit {
    pub(crate) fn parameters(self, label: &str) -> ChannelParameters {
        let Self { ordered, reliability, priority, protocol, negotiated } = self;
        ChannelParameters { label: label.to_owned(), protocol, ordered, reliability, priority, negotiated }
    }
}

/// A message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Message {
    /// Text.
    Text(String),
    /// Bytes.
    Binary(Bytes),
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&[u8]> for Message {
    fn from(bytes: &[u8]) -> Self {
        Self::Binary(Bytes::copy_from_slice(bytes))
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes.into())
    }
}

impl From<Message> for ChannelMessage {
    fn from(message: Message) -> Self {
        match message {
            Message::Text(text) => Self { binary: false, data: text.into_bytes().into() },
            Message::Binary(data) => Self { binary: true, data },
        }
    }
}

impl From<ChannelMessage> for Message {
    fn from(message: ChannelMessage) -> Self {
        if message.binary {
            return Self::Binary(message.data);
        }
        // The engine hands out text only when it is UTF-8, so nothing is replaced here.
        Self::Text(String::from_utf8_lossy(&message.data).into_owned())
    }
}

/// Why a message was not sent.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum SendError {
    /// The channel is not open.
    #[error("the channel is {0}")]
    NotOpen(ChannelState),
    /// The message is longer than can be sent: see [`DataChannel::max_message_size`].
    #[error("a message of at most {0} bytes can be sent")]
    TooLarge(usize),
    /// The connection is over.
    #[error("the connection is over: {0}")]
    Closed(CloseReason),
}

/// Why a message was not taken at once.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum TrySendError {
    /// The queue is full; here is the message again.
    #[error("the send queue is full")]
    Full(Message),
    /// It cannot be sent at all.
    #[error(transparent)]
    Refused(#[from] SendError),
}

/// A data channel. Clones name the same one; it keeps its connection alive.
///
/// Source: [webrtc-pc §6.2](https://www.w3.org/TR/webrtc/#rtcdatachannel)
#[derive(Clone, Debug)]
pub struct DataChannel {
    handle: Arc<Handle>,
    id: ChannelId,
    parameters: Arc<ChannelParameters>,
}

impl DataChannel {
    pub(crate) fn new(handle: Arc<Handle>, id: ChannelId) -> Self {
        let parameters = handle.cell.look(|inner| inner.peer.session().channel_parameters(id).cloned());
        Self { handle, id, parameters: Arc::new(parameters.unwrap_or_default()) }
    }

    /// Its name.
    pub fn label(&self) -> &str {
        &self.parameters.label
    }

    /// Its subprotocol.
    pub fn protocol(&self) -> &str {
        &self.parameters.protocol
    }

    /// Messages arrive in the order they were sent.
    pub fn ordered(&self) -> bool {
        self.parameters.ordered
    }

    /// How hard it tries to deliver.
    pub fn reliability(&self) -> Reliability {
        self.parameters.reliability
    }

    /// Its share in what is sent.
    pub fn priority(&self) -> Priority {
        self.parameters.priority
    }

    /// Both sides agreed on it beforehand.
    pub fn negotiated(&self) -> bool {
        self.parameters.negotiated.is_some()
    }

    /// Its SCTP stream, once it has one.
    pub fn id(&self) -> Option<u16> {
        self.handle.cell.look(|inner| inner.peer.session().channel_stream(self.id))
    }

    /// Its state.
    pub fn ready_state(&self) -> ChannelState {
        self.handle.cell.look(|inner| inner.peer.channel_state(self.id))
    }

    /// Bytes of messages that wait to be sent for the first time; once it is closed, those that never were.
    pub fn buffered_amount(&self) -> usize {
        self.handle.cell.look(|inner| inner.peer.session().buffered_amount(self.id))
    }

    /// Bytes of the longest message that can be sent: what the peer takes (64 KiB until it has said), and what this side holds of
    /// one (2 MiB, or [`Configuration::with_max_message_size`](crate::Configuration::with_max_message_size) if that is more). UTF-8
    /// counts in bytes.
    ///
    /// Source: [webrtc-pc §6.1.1](https://www.w3.org/TR/webrtc/#dom-rtcsctptransport-maxmessagesize)
    pub fn max_message_size(&self) -> usize {
        self.handle.cell.look(|inner| inner.peer.session().max_message_size())
    }

    /// Counters.
    pub fn stats(&self) -> ChannelStats {
        self.handle.cell.look(|inner| inner.peer.session().channel_stats(self.id).unwrap_or_default())
    }

    /// Waits until the channel is open; `false` if it closed instead.
    pub async fn opened(&self) -> bool {
        self.state_of(|state| match state {
            ChannelState::Connecting => None,
            state => Some(state == ChannelState::Open),
        })
        .await
    }

    /// Waits until the channel begins to close, by whichever side, or is closed.
    ///
    /// Source: [webrtc-pc §6.2](https://www.w3.org/TR/webrtc/#dom-rtcdatachannel-onclosing)
    pub async fn closing(&self) {
        self.state_of(|state| matches!(state, ChannelState::Closing | ChannelState::Closed).then_some(())).await;
    }

    /// Waits until what is queued is at most `bytes`, or the channel is no longer open.
    pub async fn buffered_amount_below(&self, bytes: usize) {
        let mut place = self.handle.cell.place(Interest::Write(self.id));
        poll_fn(|cx| {
            place.poll(cx, |peer, _| {
                peer.session_mut().set_buffered_amount_low_threshold(self.id, bytes);
                let low = peer.session().buffered_amount(self.id) <= bytes;
                (low || peer.channel_state(self.id) != ChannelState::Open).then_some(())
            })
        })
        .await;
    }

    /// Sends a message, whole or not at all: one of more than [`max_message_size`](Self::max_message_size) bytes is refused. Waits
    /// while the send queue is full. A future that is dropped before it is done sent nothing.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        let message = ChannelMessage::from(message.into());
        let (sending, mut message) = (sending(&message), Some(message));
        let mut place = self.handle.cell.place(Interest::Write(self.id));
        poll_fn(|cx| place.poll_sending(cx, sending, |peer, now| self.offer(peer, now, &mut message))).await
    }

    /// A place for who reads or writes this channel again and again, to be given up in the end.
    pub(crate) fn ticket(&self) -> Ticket {
        self.handle.cell.ticket()
    }

    /// Gives such a place up.
    pub(crate) fn leave(&self, ticket: Ticket) {
        self.handle.cell.leave(Interest::Read(self.id), ticket);
        self.handle.cell.leave(Interest::Write(self.id), ticket);
    }

    /// As [`send`](Self::send), at a place of one's own: takes the message, or leaves it and wakes when there is room.
    pub(crate) fn poll_send(
        &self,
        ticket: Ticket,
        cx: &Context<'_>,
        message: &mut Option<ChannelMessage>,
    ) -> Poll<Result<(), SendError>> {
        let place = (Interest::Write(self.id), ticket);
        let sent = self
            .handle
            .cell
            .poll_command_at(place, Sending::InTurn, cx.waker(), |peer, now| self.offer(peer, now, message));
        sent.map_or(Poll::Pending, Poll::Ready)
    }

    fn offer(
        &self,
        peer: &mut Peer,
        now: Instant,
        message: &mut Option<ChannelMessage>,
    ) -> Option<Result<(), SendError>> {
        match peer.send(now, self.id, message.take()?) {
            Err(TrySendChannel::Full(back)) => {
                *message = Some(back);
                None
            }
            Err(TrySendChannel::Refused(error)) => Some(Err(error)),
            Ok(()) => Some(Ok(())),
        }
    }

    /// Sends a message if the queue has room for it.
    ///
    /// # Errors
    /// [`TrySendError::Full`] gives the message back.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), TrySendError> {
        let message = ChannelMessage::from(message.into());
        self.handle.cell.command_sending(sending(&message), |peer, now| match peer.send(now, self.id, message) {
            Ok(()) => Ok(()),
            Err(TrySendChannel::Full(back)) => Err(TrySendError::Full(back.into())),
            Err(TrySendChannel::Refused(error)) => Err(error.into()),
        })
    }

    /// The next message; `None` once the channel is closed and everything was read. Cancelling loses nothing.
    pub async fn recv(&self) -> Option<Message> {
        let mut place = self.handle.cell.place(Interest::Read(self.id));
        poll_fn(|cx| place.poll_sending(cx, Sending::IfDue, |peer, now| self.read(peer, now))).await
    }

    /// As [`recv`](Self::recv), for futures written by hand. Of those that wait, the last one to ask is woken.
    pub fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.poll_recv_at(Ticket::BY_HAND, cx)
    }

    /// The same at a place of one's own.
    pub(crate) fn poll_recv_at(&self, ticket: Ticket, cx: &Context<'_>) -> Poll<Option<Message>> {
        let place = (Interest::Read(self.id), ticket);
        let received =
            self.handle.cell.poll_command_at(place, Sending::IfDue, cx.waker(), |peer, now| self.read(peer, now));
        received.map_or(Poll::Pending, Poll::Ready)
    }

    fn read(&self, peer: &mut Peer, now: Instant) -> Option<Option<Message>> {
        match peer.session_mut().read(now, self.id) {
            Some(message) => Some(Some(message.into())),
            None => (peer.channel_state(self.id) == ChannelState::Closed).then_some(None),
        }
    }

    /// Closes the channel and waits for it: what was sent still goes out. The closing goes on if the future is dropped. Says
    /// what did not arrive, as [`closed`](Self::closed) does.
    pub async fn close(&self) -> Undelivered {
        self.begin_close();
        self.closed().await
    }

    /// Waits until the channel is closed, by whichever side, and says what was sent on it and did not arrive, for all that is
    /// known: messages that were given up (see [`Reliability`]), and where the connection ended first, those that the other
    /// side had not acknowledged.
    pub async fn closed(&self) -> Undelivered {
        let mut place = self.handle.cell.place(Interest::Write(self.id));
        poll_fn(|cx| place.poll(cx, |peer, _| peer.undelivered(self.id))).await
    }

    /// Why it ended although nobody closed it: because the other side dropped the connection, for instance. `None` as long as it
    /// has not ended so. The W3C fires an `error` of `sctp-failure` before `close` then.
    ///
    /// Source: [webrtc-pc §6.2](https://www.w3.org/TR/webrtc/#dom-rtcdatachannel-onerror)
    pub fn failure(&self) -> Option<SctpFailure> {
        self.handle.cell.look(|inner| inner.peer.session().channel_failure(self.id))
    }

    /// As [`close`](Self::close), at a place of one's own.
    pub(crate) fn poll_close(&self, ticket: Ticket, cx: &Context<'_>) -> Poll<Undelivered> {
        self.begin_close();
        let place = (Interest::Write(self.id), ticket);
        let closed =
            self.handle.cell.poll_command_at(place, Sending::Nothing, cx.waker(), |peer, _| peer.undelivered(self.id));
        closed.map_or(Poll::Pending, Poll::Ready)
    }

    /// What is closing already goes on closing.
    fn begin_close(&self) {
        self.handle.cell.command(|peer, now| peer.session_mut().close_channel(now, self.id));
    }

    /// The channel as a stream of bytes, of which any number can be written: they go in pieces that the peer takes.
    pub fn into_stream(self) -> DataChannelStream {
        DataChannelStream::new(self)
    }

    async fn state_of<T>(&self, done: impl Fn(ChannelState) -> Option<T>) -> T {
        let mut place = self.handle.cell.place(Interest::Write(self.id));
        poll_fn(|cx| place.poll(cx, |peer, _| done(peer.channel_state(self.id)))).await
    }
}

/// A message that one packet holds is not worth a turn of the endpoint.
fn sending(message: &ChannelMessage) -> Sending {
    const SHORT: usize = 1024;
    if message.data.len() <= SHORT { Sending::AtOnce } else { Sending::InTurn }
}

/// How the peer refuses a message, before it becomes the error of `send` or `try_send`.
pub(crate) enum TrySendChannel {
    Full(ChannelMessage),
    Refused(SendError),
}

impl From<ChannelSendError> for TrySendChannel {
    fn from(error: ChannelSendError) -> Self {
        match error {
            ChannelSendError::Full(message) => Self::Full(message),
            ChannelSendError::NotOpen(state) => Self::Refused(SendError::NotOpen(state)),
            ChannelSendError::TooLarge(limit) => Self::Refused(SendError::TooLarge(limit)),
        }
    }
}

/// The messages that arrive, until the channel is closed.
impl futures_core::Stream for DataChannel {
    type Item = Message;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.poll_recv(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Configuration, Endpoint, EndpointConfig, PeerConnection};
    use std::future::Future;
    use std::pin::pin;
    use std::task::Waker;

    #[tokio::test]
    async fn futures_that_are_dropped_leave_no_place_behind() {
        let addresses = vec!["127.0.0.1:0".parse().expect("an address")];
        let endpoint = Endpoint::new(EndpointConfig::default().with_addresses(addresses)).expect("a socket");
        let configuration = Configuration::default().with_endpoint(endpoint);
        let (connection, _events) = PeerConnection::new(configuration).expect("a connection");
        let channel = connection.create_data_channel("x", DataChannelInit::default()).expect("a channel");
        let places = || channel.handle.cell.look(|inner| inner.waiters.len());
        let mut cx = Context::from_waker(Waker::noop());
        {
            let (mut recv, mut opened) = (pin!(channel.recv()), pin!(channel.opened()));
            for _ in 0..100 {
                assert!(recv.as_mut().poll(&mut cx).is_pending());
                assert!(opened.as_mut().poll(&mut cx).is_pending());
                assert!(channel.poll_recv(&mut cx).is_pending());
            }
            assert_eq!(places(), 3);
        }
        assert_eq!(places(), 1, "the one by hand");
    }
}
