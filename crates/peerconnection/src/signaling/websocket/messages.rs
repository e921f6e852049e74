//! What crosses a WebSocket that is open, and its end.

use super::WebSocketError;
use super::handshake::Carrier;
use crate::signaling::SignalingError;
use crate::signaling::lines::LONGEST_LINE;
use futures_util::{FutureExt, SinkExt, StreamExt};
use std::fmt;
use std::io;
use std::time::Duration;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message};

/// How long who closes waits for the other side's close frame.
const GOODBYE: Duration = Duration::from_secs(2);

pub struct Messages {
    stream: WebSocketStream<Box<dyn Carrier>>,
    /// Nothing comes any more.
    over: bool,
}

impl Messages {
    pub fn new(stream: WebSocketStream<Box<dyn Carrier>>) -> Self {
        Self { stream, over: false }
    }

    /// Sends a message that is no longer than what would be read.
    pub async fn write(&mut self, message: &str) -> Result<(), SignalingError> {
        if message.len() > LONGEST_LINE {
            return Err(SignalingError::TooLong(LONGEST_LINE));
        }
        // Pongs that wait may leave no room.
        self.stream.flush().await.map_err(why)?;
        self.stream.send(Message::text(message)).await.map_err(why)
    }

    /// The next message that is not empty, or `None` after the other side's close frame or an error. Cancelling loses nothing.
    pub async fn read(&mut self) -> Result<Option<String>, SignalingError> {
        while !self.over {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) if text.trim().is_empty() => {}
                Some(Ok(Message::Text(text))) => return Ok(Some(text.trim().to_owned())),
                // Pings are answered below.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_))) => {
                    self.over = true;
                    // The close frame in return is written already. If it does not fit into the socket at once, it is left out: who
                    // closes waits for it, but not for ever, and nothing else depends on it.
                    let _ = self.stream.flush().now_or_never();
                }
                Some(Ok(Message::Binary(_))) => {
                    self.refuse(CloseCode::Unsupported);
                    return Err(WebSocketError::Binary.into());
                }
                Some(Err(error)) => {
                    self.refuse(code(&error));
                    return Err(why(error));
                }
                None => self.over = true,
            }
        }
        Ok(None)
    }

    /// Says with a close frame why nothing more is read; if that does not fit into the socket at once, without one.
    fn refuse(&mut self, code: CloseCode) {
        self.over = true;
        if let Err(error) = self.stream.start_send_unpin(close(code)) {
            tracing::debug!(%error, "the other side is not told why a WebSocket ends");
        }
    }

    /// Closes it, and waits a moment for the other side's close frame. What it still says before that goes unread.
    pub async fn close(&mut self) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        let goodbye = async {
            self.stream.send(close(CloseCode::Normal)).await?;
            while let Some(message) = self.stream.next().await {
                if message?.is_close() {
                    break;
                }
            }
            Ok::<_, Error>(())
        };
        match timeout(GOODBYE, goodbye).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "the other side was gone before a WebSocket was closed"),
            Err(_) => tracing::debug!("the other side does not close a WebSocket"),
        }
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages").field("over", &self.over).finish_non_exhaustive()
    }
}

fn close(code: CloseCode) -> Message {
    Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::default() }))
}

/// What the other side is told of an error (RFC 6455 §7.4.1).
fn code(error: &Error) -> CloseCode {
    match error {
        Error::Capacity(_) => CloseCode::Size,
        Error::Utf8(_) => CloseCode::Invalid,
        _ => CloseCode::Protocol,
    }
}

pub(super) fn why(error: Error) -> SignalingError {
    let broken = [
        io::ErrorKind::BrokenPipe,
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::ConnectionReset,
        // What TLS makes of an end that it did not announce.
        io::ErrorKind::UnexpectedEof,
    ];
    SignalingError::WebSocket(match error {
        Error::Capacity(CapacityError::MessageTooLong { max_size, .. }) => return SignalingError::TooLong(max_size),
        Error::Io(error) if broken.contains(&error.kind()) => WebSocketError::BrokenOff,
        Error::Io(error) => return SignalingError::Io(error),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => WebSocketError::BrokenOff,
        Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(ProtocolError::SendAfterClosing) => {
            WebSocketError::Closed
        }
        error => WebSocketError::Protocol(error.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::super::handshake::{LONGEST_QUEUE, config};
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio_tungstenite::tungstenite::protocol::Role;

    async fn messages() -> (Messages, DuplexStream) {
        let (near, far) = duplex(16 << 10);
        let carrier = Box::new(near) as Box<dyn Carrier>;
        (Messages::new(WebSocketStream::from_raw_socket(carrier, Role::Server, Some(config())).await), far)
    }

    /// Guards the bound of what waits to be written: who asks and never listens is not answered without end.
    #[tokio::test]
    async fn pings_of_who_does_not_read_the_pongs_pile_up_only_so_far() {
        let (mut messages, mut far) = messages().await;
        // A ping of the greatest length there is, masked with zeros, and a text that ends them (RFC 6455 §5.2).
        let mut ping = vec![0x89, 0x80 | 125, 0, 0, 0, 0];
        ping.resize(ping.len() + 125, b'p');
        let mut pings = ping.repeat(2 * LONGEST_QUEUE / 125);
        pings.extend_from_slice(b"\x81\x82\0\0\0\0{}");
        let (sent, got) = tokio::join!(far.write_all(&pings), messages.read());
        sent.unwrap();
        assert_eq!(got.unwrap().as_deref(), Some("{}"));

        let mut pongs = Vec::new();
        let reads = async {
            let mut part = [0; 4_096];
            while !pongs.ends_with(b"\x81\x04done") {
                let read = far.read(&mut part).await.unwrap();
                assert!(read > 0, "it ended");
                pongs.extend_from_slice(&part[..read]);
            }
        };
        let (sent, ()) = tokio::join!(messages.write("done"), reads);
        sent.unwrap();
        assert!(pongs.len() > LONGEST_QUEUE / 2, "{} bytes: the queue was not filled", pongs.len());
        assert!(pongs.len() < LONGEST_QUEUE + (64 << 10), "{} bytes", pongs.len());
    }

    #[tokio::test]
    async fn what_would_not_be_read_is_not_sent() {
        let (mut messages, mut far) = messages().await;
        let longest = "a".repeat(LONGEST_LINE);
        assert!(matches!(messages.write(&format!("{longest}a")).await, Err(SignalingError::TooLong(LONGEST_LINE))));
        let mut came = vec![0; LONGEST_LINE];
        let (sent, read) = tokio::join!(messages.write(&longest), far.read_exact(&mut came));
        sent.unwrap();
        read.unwrap();
    }
}
