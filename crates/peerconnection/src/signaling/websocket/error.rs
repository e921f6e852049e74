//! What may go wrong with a WebSocket.

use std::error::Error;
use std::io;
use std::time::Duration;
use thiserror::Error;

/// Why a WebSocket could not be opened, or ended.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WebSocketError {
    /// The address is no URL.
    #[error("not a URL")]
    Url(#[from] url::ParseError),
    /// The scheme of the URL is neither `ws` nor `wss`.
    #[error("a URL that is not of a WebSocket")]
    Scheme,
    /// The URL has a user name or a password, which are not sent.
    #[error("a URL with a user name")]
    UserName,
    /// The URL asks for TLS, which this program was built without (feature `websocket-tls`).
    #[error("this program was built without TLS for WebSockets")]
    NoTls,
    /// There is no certificate to trust.
    #[error("there are no certificates to trust")]
    Roots,
    /// The server does not show a certificate that is trusted, or there is no way to encrypt that both sides know.
    #[error("no TLS with the server")]
    Tls(#[source] io::Error),
    /// The server has answered, with this status of HTTP in place of 101.
    #[error("the server opens no WebSocket, it answers {0}")]
    Refused(u16),
    /// The other side takes longer than this to open it.
    #[error("no WebSocket within {0:?}")]
    TimedOut(Duration),
    /// What the other side says is no WebSocket, or no text in a message that should be one.
    #[error("the other side breaks the protocol of WebSockets")]
    Protocol(#[source] Box<dyn Error + Send + Sync>),
    /// A message of bytes, where all are texts.
    #[error("the other side sent a message of bytes")]
    Binary,
    /// The other side went without closing it.
    #[error("the other side broke off")]
    BrokenOff,
    /// It was closed, so that nothing can be sent any more.
    #[error("the WebSocket is closed")]
    Closed,
}
