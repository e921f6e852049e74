//! The way over a WebSocket: each message is a text of its own.
//!
//! | file | what |
//! |---|---|
//! | here | where it leads, and who may come |
//! | `handshake` | opening it, at either end |
//! | `messages` | what crosses once it is open, and its end |
//! | `error` | what may go wrong |
//!
//! Source: [RFC 6455](https://www.rfc-editor.org/rfc/rfc6455)

mod error;
mod handshake;
mod messages;

pub use error::WebSocketError;
pub use messages::Messages;

use super::SignalingError;
use url::Url;

/// Where a WebSocket leads, and who may come.
///
/// ```
/// use ortica::signaling::{Signaling, WebSocket};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // To a server, such as one that brings two programs together:
/// let dials = Signaling::websocket(WebSocket::to("ws://127.0.0.1:8080/room/7")?);
/// // For a page that is served from there, or a program:
/// let page = ["http://127.0.0.1:8000".to_owned()];
/// let listens = Signaling::websocket(WebSocket::listening("127.0.0.1", 8080).with_origins(page));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct WebSocket {
    place: Place,
    /// Of pages that may come.
    origins: Vec<String>,
    /// In DER.
    #[cfg(feature = "websocket-tls")]
    roots: Vec<Vec<u8>>,
}

#[derive(Clone, Debug)]
enum Place {
    Url(Url),
    /// Of this machine.
    Listening {
        host: String,
        port: u16,
    },
    /// Of this machine for the side that sends first.
    Between {
        host: String,
        port: u16,
    },
}

impl WebSocket {
    /// Dials the server at this URL, whichever side sends first: `ws://`, or with the feature `websocket-tls` `wss://`. What
    /// stands after a `#` falls away.
    ///
    /// # Errors
    /// [`WebSocketError::Url`], [`Scheme`](WebSocketError::Scheme), [`UserName`](WebSocketError::UserName) and
    /// [`NoTls`](WebSocketError::NoTls).
    pub fn to(url: &str) -> Result<Self, WebSocketError> {
        Ok(Self::new(Place::Url(read_url(url)?)))
    }

    /// Listens at this address for one peer, whichever side sends first, without TLS. Any path is taken.
    pub fn listening(host: impl Into<String>, port: u16) -> Self {
        Self::new(Place::Listening { host: host.into(), port })
    }

    /// As other sockets do: the side that sends first listens at this address, the one that receives first dials there.
    pub fn between(host: impl Into<String>, port: u16) -> Self {
        Self::new(Place::Between { host: host.into(), port })
    }

    fn new(place: Place) -> Self {
        Self {
            place,
            origins: Vec::new(),
            #[cfg(feature = "websocket-tls")]
            roots: Vec::new(),
        }
    }

    /// Lets pages from these origins come where this side listens, written as browsers do: `https://example.org`,
    /// `http://127.0.0.1:8000`. Default: none, since otherwise any page that somebody looks at could talk to a program on their
    /// machine. Programs name no origin and may come.
    ///
    /// Source: [RFC 6455 §10.2](https://www.rfc-editor.org/rfc/rfc6455#section-10.2)
    #[must_use]
    pub fn with_origins(mut self, origins: impl IntoIterator<Item = String>) -> Self {
        self.origins = origins.into_iter().collect();
        self
    }

    /// Trusts these certificates (in DER) to vouch for servers of `wss://`, and no others. Default: those of the system.
    #[cfg(feature = "websocket-tls")]
    #[must_use]
    pub fn with_roots(mut self, certificates: Vec<Vec<u8>>) -> Self {
        self.roots = certificates;
        self
    }

    /// Whether this side listens, given whether it sends first.
    pub(super) fn listens(&self, sends_first: bool) -> bool {
        match self.place {
            Place::Url(_) => false,
            Place::Listening { .. } => true,
            Place::Between { .. } => sends_first,
        }
    }

    /// Waits for one peer; strangers are refused meanwhile.
    pub(super) async fn accept(&self) -> Result<Messages, SignalingError> {
        match &self.place {
            // Nobody can listen at somebody else's.
            Place::Url(_) => self.dial().await,
            Place::Listening { host, port } | Place::Between { host, port } => {
                handshake::accept((host.as_str(), *port), &self.origins).await
            }
        }
    }

    /// Tries once.
    pub(super) async fn dial(&self) -> Result<Messages, SignalingError> {
        let url = match &self.place {
            Place::Url(url) => url.clone(),
            Place::Listening { host, port } | Place::Between { host, port } => url_of(host, *port)?,
        };
        #[cfg(feature = "websocket-tls")]
        if url.scheme() == "wss" {
            return handshake::dial_securely(&url, &self.roots).await;
        }
        handshake::dial(&url).await
    }
}

fn read_url(text: &str) -> Result<Url, WebSocketError> {
    let mut url = Url::parse(text)?;
    match url.scheme() {
        "ws" => {}
        "wss" if cfg!(feature = "websocket-tls") => {}
        "wss" => return Err(WebSocketError::NoTls),
        _ => return Err(WebSocketError::Scheme),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(WebSocketError::UserName);
    }
    url.set_fragment(None);
    Ok(url)
}

fn url_of(host: &str, port: u16) -> Result<Url, WebSocketError> {
    read_url(&match host.contains(':') {
        true => format!("ws://[{host}]:{port}/"),
        false => format!("ws://{host}:{port}/"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_websockets_are_taken_and_others_refused() {
        assert_eq!(read_url("ws://Example.org/room?7#here").unwrap().as_str(), "ws://example.org/room?7");
        assert_eq!(read_url("ws://[::1]:99").unwrap().as_str(), "ws://[::1]:99/");
        assert!(matches!(read_url("nowhere"), Err(WebSocketError::Url(_))));
        assert!(matches!(read_url("http://example.org"), Err(WebSocketError::Scheme)));
        for name in ["ws://me@example.org", "ws://:secret@example.org"] {
            assert!(matches!(read_url(name), Err(WebSocketError::UserName)));
        }
        let secure = read_url("wss://example.org");
        assert!(if cfg!(feature = "websocket-tls") { secure.is_ok() } else { secure.is_err() });
    }

    #[test]
    fn an_address_has_a_url() {
        assert_eq!(url_of("::1", 99).unwrap().as_str(), "ws://[::1]:99/");
        assert_eq!(url_of("localhost", 80).unwrap().as_str(), "ws://localhost/");
        assert!(matches!(url_of("a b", 80), Err(WebSocketError::Url(_))));
        assert!(matches!(url_of("me@here", 80), Err(WebSocketError::UserName)));
    }
}
