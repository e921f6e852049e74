//! A data channel as a stream of bytes.

use crate::driver::Ticket;
use crate::{DataChannel, Message, SendError};
use bytes::{Buf, Bytes};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes in one message: what every peer takes, and long enough for the cost of a message not to matter.
const MESSAGE_LEN: usize = 64 * 1024;

/// A data channel as a stream of bytes, for what reads and writes those: `tokio::io::copy`, a codec, TLS.
///
/// Where messages begin and end is lost, as it is with TCP. However much is written at once, it arrives as binary messages of at
/// most 64 KiB, or of what the peer takes if that is less: any amount goes through, whatever one message may hold. The channel
/// has to be reliable and ordered for the bytes to be. Reading ends when the other side closes the channel; shutting down closes
/// it, which ends both directions.
#[derive(Debug)]
pub struct DataChannelStream {
    channel: DataChannel,
    /// Its place among those who wait for the channel.
    ticket: Ticket,
    /// What is left of the message being read.
    rest: Bytes,
    /// The longest message to write.
    message_len: usize,
}

impl DataChannelStream {
    pub(crate) fn new(channel: DataChannel) -> Self {
        Self { ticket: channel.ticket(), channel, rest: Bytes::new(), message_len: MESSAGE_LEN }
    }

    /// The channel beneath. What was read of a message in part is gone.
    pub fn into_inner(self) -> DataChannel {
        self.channel.clone()
    }
}

impl Drop for DataChannelStream {
    fn drop(&mut self) {
        self.channel.leave(self.ticket);
    }
}

impl AsyncRead for DataChannelStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while self.rest.is_empty() {
            match ready!(self.channel.poll_recv_at(self.ticket, cx)) {
                Some(Message::Binary(bytes)) => self.rest = bytes,
                Some(Message::Text(_)) => {
                    let error = io::Error::new(io::ErrorKind::InvalidData, "text in a stream of bytes");
                    return Poll::Ready(Err(error));
                }
                None => return Poll::Ready(Ok(())),
            }
        }
        let len = self.rest.len().min(buffer.remaining());
        buffer.put_slice(&self.rest[..len]);
        self.rest.advance(len);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for DataChannelStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            let piece = &bytes[..bytes.len().min(self.message_len)];
            let mut message = Some(Message::Binary(Bytes::copy_from_slice(piece)).into());
            match ready!(self.channel.poll_send(self.ticket, cx, &mut message)) {
                Ok(()) => return Poll::Ready(Ok(piece.len())),
                // A peer that takes less than any that is known.
                Err(SendError::TooLarge(limit)) if limit > 0 && limit < self.message_len => self.message_len = limit,
                Err(error) => return Poll::Ready(Err(io::Error::new(io::ErrorKind::BrokenPipe, error))),
            }
        }
    }

    /// Done at once: what was written is on its way without being asked.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Closes the channel, once everything written has gone out. An error tells of what did not arrive.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let undelivered = ready!(self.channel.poll_close(self.ticket, cx));
        if undelivered.is_none() {
            return Poll::Ready(Ok(()));
        }
        let lost = format!("{} bytes may not have arrived", undelivered.bytes);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, lost)))
    }
}
