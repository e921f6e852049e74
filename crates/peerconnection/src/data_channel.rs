//! Data channels, async.

use crate::DataChannelStream;
use crate::driver::Interest;
use crate::engine::{
    ChannelId, ChannelMessage, ChannelParameters, ChannelSendError, ChannelState, ChannelStats, CloseReason,
    Reliability,
};
use crate::peer_connection::Handle;
use bytes::Bytes;
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
    /// The subprotocol, up to 65,535 bytes of UTF-8. Default empty.
    pub protocol: String,
    /// The stream to use, 0 to 65,534, when both sides agreed on the channel beforehand. Default: the channel is
    /// announced to the other side.
    pub negotiated: Option<u16>,
}

impl Default for DataChannelInit {
    fn default() -> Self {
        Self { ordered: true, reliability: Reliability::Reliable, protocol: String::new(), negotiated: None }
    }
}

impl DataChannelInit {
    pub(crate) fn parameters(self, label: &str) -> ChannelParameters {
        let Self { ordered, reliability, protocol, negotiated } = self;
        ChannelParameters { label: label.to_owned(), protocol, ordered, reliability, negotiated }
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
    /// The message is longer than the peer takes, in bytes.
    #[error("the peer takes messages of at most {0} bytes")]
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

    /// Bytes of messages that wait to be sent for the first time.
    pub fn buffered_amount(&self) -> usize {
        self.handle.cell.look(|inner| inner.peer.session().buffered_amount(self.id))
    }

    /// Counters.
    pub fn stats(&self) -> ChannelStats {
        self.handle.cell.look(|inner| inner.peer.session().channel_stats(self.id).unwrap_or_default())
    }

    /// Waits until the channel is open; `false` if it closed instead.
    pub async fn opened(&self) -> bool {
        poll_fn(|cx| {
            self.poll(cx, Interest::Write(self.id), |state| match state {
                ChannelState::Connecting => None,
                state => Some(state == ChannelState::Open),
            })
        })
        .await
    }

    /// Waits until what is queued is at most `bytes`, or the channel is no longer open.
    pub async fn buffered_amount_below(&self, bytes: usize) {
        poll_fn(|cx| {
            let low = self.handle.cell.poll_command(Interest::Write(self.id), cx.waker(), |peer, _| {
                peer.session_mut().set_buffered_amount_low_threshold(self.id, bytes);
                let low = peer.session().buffered_amount(self.id) <= bytes;
                (low || peer.channel_state(self.id) != ChannelState::Open).then_some(())
            });
            low.map_or(Poll::Pending, Poll::Ready)
        })
        .await;
    }

    /// Sends a message; waits while the send queue is full. A future that is dropped before it is done sent nothing.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send(&self, message: impl Into<Message>) -> Result<(), SendError> {
        let mut message = Some(ChannelMessage::from(message.into()));
        poll_fn(|cx| self.poll_send(cx, &mut message)).await
    }

    /// Takes the message, or leaves it and wakes when there is room.
    pub(crate) fn poll_send(
        &self,
        cx: &Context<'_>,
        message: &mut Option<ChannelMessage>,
    ) -> Poll<Result<(), SendError>> {
        let sent = self.handle.cell.poll_command(Interest::Write(self.id), cx.waker(), |peer, now| {
            match peer.send(now, self.id, message.take()?) {
                Err(TrySendChannel::Full(back)) => {
                    *message = Some(back);
                    None
                }
                Err(TrySendChannel::Refused(error)) => Some(Err(error)),
                Ok(()) => Some(Ok(())),
            }
        });
        sent.map_or(Poll::Pending, Poll::Ready)
    }

    /// Sends a message if the queue has room for it.
    ///
    /// # Errors
    /// [`TrySendError::Full`] gives the message back.
    pub fn try_send(&self, message: impl Into<Message>) -> Result<(), TrySendError> {
        let message = ChannelMessage::from(message.into());
        self.handle.cell.command(|peer, now| match peer.send(now, self.id, message) {
            Ok(()) => Ok(()),
            Err(TrySendChannel::Full(back)) => Err(TrySendError::Full(back.into())),
            Err(TrySendChannel::Refused(error)) => Err(error.into()),
        })
    }

    /// The next message; `None` once the channel is closed and everything was read. Cancelling loses nothing.
    pub async fn recv(&self) -> Option<Message> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// As [`recv`](Self::recv), for futures written by hand.
    pub fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let received = self.handle.cell.poll_command(Interest::Read(self.id), cx.waker(), |peer, now| {
            match peer.session_mut().read(now, self.id) {
                Some(message) => Some(Some(message.into())),
                None => (peer.channel_state(self.id) == ChannelState::Closed).then_some(None),
            }
        });
        received.map_or(Poll::Pending, Poll::Ready)
    }

    /// Closes the channel and waits for it: what is queued still goes out. The closing goes on if the future is dropped.
    pub async fn close(&self) {
        poll_fn(|cx| self.poll_close(cx)).await;
    }

    pub(crate) fn poll_close(&self, cx: &Context<'_>) -> Poll<()> {
        // Closing what is closing already changes nothing.
        self.handle.cell.command(|peer, now| peer.session_mut().close_channel(now, self.id));
        self.poll(cx, Interest::Write(self.id), |state| (state == ChannelState::Closed).then_some(()))
    }

    /// The channel as a stream of bytes.
    pub fn into_stream(self) -> DataChannelStream {
        DataChannelStream::new(self)
    }

    fn poll<T>(&self, cx: &Context<'_>, interest: Interest, done: impl FnOnce(ChannelState) -> Option<T>) -> Poll<T> {
        let result = self.handle.cell.poll_command(interest, cx.waker(), |peer, _| done(peer.channel_state(self.id)));
        result.map_or(Poll::Pending, Poll::Ready)
    }
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
