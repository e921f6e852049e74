//! Ways for two programs to find each other before they have a connection.
//!
//! | file | what |
//! |---|---|
//! | here | one way to the other side: who listens, who dials, what crosses |
//! | `signal` | what crosses, as JSON |
//! | `link` | a way that is open |
//! | `lines` | lines in both directions |
//! | `websocket` | the same messages over a WebSocket; feature `websocket` |
//! | `whip` | publishing to a server and playing from one, over HTTP; feature `whip` |
//! | `reach` | to the host of a URL |
//! | `arguments` | the options of a command line; feature `clap` |
//!
//! The words are those of aiortc's programs, so that one of them may be the other side.

#[cfg(feature = "clap")]
mod arguments;
mod lines;
mod link;
#[cfg(any(feature = "websocket", feature = "whip"))]
mod reach;
mod signal;
#[cfg(feature = "websocket")]
mod websocket;
#[cfg(feature = "whip")]
pub mod whip;

#[cfg(feature = "clap")]
pub use arguments::SignalingArguments;
pub use signal::{Signal, SignalError};
#[cfg(feature = "websocket")]
pub use websocket::{WebSocket, WebSocketError};

use lines::{LineError, Lines};
use link::Link;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

/// How long the side that dials waits for the other one to listen, since people start both by hand.
const DIAL_PATIENCE: Duration = Duration::from_secs(30);
/// Between two attempts.
const DIAL_INTERVAL: Duration = Duration::from_millis(100);

/// Why nothing could be sent or received.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SignalingError {
    /// There is no way to the other side.
    #[error("no way to the other side")]
    Io(#[from] io::Error),
    /// A message of more than a mebibyte, from the other side or over a WebSocket to it.
    #[error("a message of more than {0} bytes")]
    TooLong(usize),
    /// What came is none of the messages there are.
    #[error(transparent)]
    Signal(#[from] SignalError),
    /// A WebSocket was not opened, or ended otherwise than by being closed.
    #[cfg(feature = "websocket")]
    #[error("no WebSocket to the other side")]
    WebSocket(#[from] WebSocketError),
}

impl From<LineError> for SignalingError {
    fn from(error: LineError) -> Self {
        match error {
            LineError::Io(error) => Self::Io(error),
            LineError::TooLong(limit) => Self::TooLong(limit),
        }
    }
}

/// A way to the other side.
///
/// With sockets, the side that [sends](Self::send) first listens, and the one that [receives](Self::receive) first dials; a
/// WebSocket may say otherwise.
#[derive(Debug)]
pub struct Signaling {
    way: Way,
    link: Option<Link>,
    /// The file of a Unix socket that this side listens on; it goes when this does.
    socket_file: Option<SocketFile>,
}

#[derive(Debug)]
enum Way {
    CopyAndPaste,
    Tcp {
        host: String,
        port: u16,
    },
    #[cfg(unix)]
    Unix(PathBuf),
    #[cfg(feature = "websocket")]
    WebSocket(WebSocket),
}

impl Signaling {
    /// By people, who carry each line between two terminals.
    pub fn copy_and_paste() -> Self {
        Self::new(Way::CopyAndPaste)
    }

    /// Over a TCP connection to or at this address.
    pub fn tcp(host: impl Into<String>, port: u16) -> Self {
        Self::new(Way::Tcp { host: host.into(), port })
    }

    /// Over a Unix socket with this path.
    #[cfg(unix)]
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self::new(Way::Unix(path.into()))
    }

    /// Over a WebSocket.
    #[cfg(feature = "websocket")]
    pub fn websocket(websocket: WebSocket) -> Self {
        Self::new(Way::WebSocket(websocket))
    }

    fn new(way: Way) -> Self {
        Self { way, link: None, socket_file: None }
    }

    /// Sends. The first time, with sockets, it listens and waits for the other side to dial. Not to be cancelled halfway.
    ///
    /// # Errors
    /// [`SignalingError::Io`], and with WebSockets what [`SignalingError`] has of them.
    pub async fn send(&mut self, signal: &Signal) -> Result<(), SignalingError> {
        if self.link.is_none() {
            self.link = Some(self.open(true).await?);
        }
        if let (Way::CopyAndPaste, Some(Link::Lines(lines))) = (&self.way, &mut self.link) {
            lines.say("Give this line to the other side:").await?;
        }
        match &mut self.link {
            Some(link) => link.write(&signal.to_json()).await,
            None => Ok(()),
        }
    }

    /// Receives; `None` when the other side is gone. The first time, with sockets, it dials, for up to 30 s. Cancelling loses
    /// nothing that came; what was not open yet is opened anew by the next call.
    ///
    /// A WebSocket that the other side did not close before it went is an error first.
    ///
    /// # Errors
    /// See [`SignalingError`].
    pub async fn receive(&mut self) -> Result<Option<Signal>, SignalingError> {
        if self.link.is_none() {
            self.link = Some(self.open(false).await?);
        }
        if let (Way::CopyAndPaste, Some(Link::Lines(lines))) = (&self.way, &mut self.link) {
            lines.say("Paste the line of the other side:").await?;
        }
        let Some(link) = &mut self.link else { return Ok(None) };
        Ok(link.read().await?.as_deref().map(Signal::from_json).transpose()?)
    }

    /// Says bye where there is a way to the other side, which may be gone by then, and lets go of it. A WebSocket is closed, for
    /// which the other side gets two seconds.
    pub async fn close(&mut self) {
        if self.link.is_some()
            && let Err(error) = self.send(&Signal::Bye).await
        {
            tracing::debug!(%error, "the other side did not hear the goodbye");
        }
        if let Some(mut link) = self.link.take() {
            link.close().await;
        }
        self.socket_file = None;
    }

    async fn open(&mut self, sends_first: bool) -> Result<Link, SignalingError> {
        let listens = match &self.way {
            #[cfg(feature = "websocket")]
            Way::WebSocket(websocket) => websocket.listens(sends_first),
            _ => sends_first,
        };
        if listens { self.listen().await } else { self.dial().await }
    }

    async fn listen(&mut self) -> Result<Link, SignalingError> {
        match &self.way {
            Way::CopyAndPaste => Ok(Lines::terminal().into()),
            Way::Tcp { host, port } => {
                let listener = TcpListener::bind((host.as_str(), *port)).await?;
                Ok(Lines::new(listener.accept().await?.0.into_split()).into())
            }
            #[cfg(unix)]
            Way::Unix(path) => {
                let listener = tokio::net::UnixListener::bind(path)?;
                self.socket_file = Some(SocketFile(path.clone()));
                Ok(Lines::new(listener.accept().await?.0.into_split()).into())
            }
            #[cfg(feature = "websocket")]
            Way::WebSocket(websocket) => Ok(Link::WebSocket(Box::new(websocket.accept().await?))),
        }
    }

    async fn dial(&self) -> Result<Link, SignalingError> {
        let started = Instant::now();
        loop {
            match self.dial_once().await {
                Err(SignalingError::Io(error)) if nobody_listens(&error) && started.elapsed() < DIAL_PATIENCE => {
                    sleep(DIAL_INTERVAL).await;
                }
                dialled => return dialled,
            }
        }
    }

    async fn dial_once(&self) -> Result<Link, SignalingError> {
        Ok(match &self.way {
            Way::CopyAndPaste => Lines::terminal().into(),
            Way::Tcp { host, port } => {
                Lines::new(TcpStream::connect((host.as_str(), *port)).await?.into_split()).into()
            }
            #[cfg(unix)]
            Way::Unix(path) => Lines::new(tokio::net::UnixStream::connect(path).await?.into_split()).into(),
            #[cfg(feature = "websocket")]
            Way::WebSocket(websocket) => Link::WebSocket(Box::new(websocket.dial().await?)),
        })
    }
}

fn nobody_listens(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound)
}

#[derive(Debug)]
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            tracing::debug!(%error, "a socket's file stays behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jsep::SessionDescription;
    use tokio::io::{
        AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream, ReadHalf, WriteHalf,
    };

    /// A side, and the terminal that a person sits at.
    fn terminal() -> (Signaling, BufReader<ReadHalf<DuplexStream>>, WriteHalf<DuplexStream>) {
        let (program, person) = tokio::io::duplex(1_024);
        let (screen, keys) = tokio::io::split(person);
        let side =
            Signaling { link: Some(Lines::new(tokio::io::split(program)).into()), ..Signaling::copy_and_paste() };
        (side, BufReader::new(screen), keys)
    }

    /// Copies the next message, which stands between words for people, from one terminal and pastes it into the other.
    async fn carry(
        screen: &mut BufReader<impl AsyncRead + Unpin>,
        keys: &mut (impl AsyncWrite + Unpin),
    ) -> Vec<String> {
        let mut words = Vec::new();
        loop {
            let mut line = String::new();
            assert!(screen.read_line(&mut line).await.unwrap() > 0, "the program ended after {words:?}");
            if line.starts_with('{') {
                keys.write_all(line.as_bytes()).await.unwrap();
                return words;
            }
            words.push(line.trim().to_owned());
        }
    }

    #[tokio::test]
    async fn people_carry_messages_between_two_terminals() {
        let (mut offerer, mut offerer_screen, mut offerer_keys) = terminal();
        let (mut answerer, mut answerer_screen, mut answerer_keys) = terminal();
        let (offer, answer) = (SessionDescription::offer("some-offer"), SessionDescription::answer("some-answer"));

        offerer.send(&offer.clone().into()).await.unwrap();
        let words = carry(&mut offerer_screen, &mut answerer_keys).await;
        assert_eq!(words, ["Give this line to the other side:"]);
        assert_eq!(answerer.receive().await.unwrap(), Some(offer.into()));

        answerer.send(&answer.clone().into()).await.unwrap();
        let words = carry(&mut answerer_screen, &mut offerer_keys).await;
        assert_eq!(words, ["Paste the line of the other side:", "Give this line to the other side:"]);
        assert_eq!(offerer.receive().await.unwrap(), Some(answer.into()));

        answerer.send(&Signal::Bye).await.unwrap();
        carry(&mut answerer_screen, &mut offerer_keys).await;
        assert_eq!(offerer.receive().await.unwrap(), Some(Signal::Bye));
    }
}
