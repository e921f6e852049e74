//! Opening a WebSocket.

use super::{Messages, WebSocketError};
use crate::signaling::{SignalingError, lines, reach};
#[cfg(feature = "websocket-tls")]
use crate::tls::{TlsError, Trust};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderMap, StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config, client_async_with_config};
use url::Url;

/// What carries a WebSocket.
pub trait Carrier: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Carrier for T {}

/// Who takes longer to open one is given up.
const PATIENCE: Duration = Duration::from_secs(10);
/// Strangers at a time that have not opened theirs; further ones wait.
const MOST_STRANGERS: usize = 16;
/// What is read at once, in bytes.
const READ_BUFFER: usize = 16 << 10;
/// What waits to be written at most, in bytes: a message, and pongs for who does not read them. Further pongs are left out.
pub(super) const LONGEST_QUEUE: usize = lines::LONGEST_LINE + (256 << 10);

pub(super) fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_write_buffer_size(LONGEST_QUEUE)
        .max_message_size(Some(lines::LONGEST_LINE))
        .max_frame_size(Some(lines::LONGEST_LINE))
}

/// Opens one at the server of that URL.
pub async fn dial(url: &Url) -> Result<Messages, SignalingError> {
    let stream = reach::connect(url).await?;
    in_time(open(url, Box::new(stream))).await
}

/// The same over TLS, with a server that one of these certificates vouches for, or one of the system's if there are none.
#[cfg(feature = "websocket-tls")]
pub async fn dial_securely(url: &Url, roots: &[Vec<u8>]) -> Result<Messages, SignalingError> {
    let stream = reach::connect(url).await?;
    in_time(async {
        let host = url.host_str().unwrap_or_default();
        let stream = Trust::in_roots(roots.to_vec()).connect(host, stream).await?;
        open(url, Box::new(stream)).await
    })
    .await
}

async fn in_time(opened: impl Future<Output = Result<Messages, SignalingError>>) -> Result<Messages, SignalingError> {
    timeout(PATIENCE, opened).await.unwrap_or(Err(WebSocketError::TimedOut(PATIENCE).into()))
}

async fn open(url: &Url, carrier: Box<dyn Carrier>) -> Result<Messages, SignalingError> {
    match client_async_with_config(url.as_str(), carrier, Some(config())).await {
        Ok((stream, _)) => Ok(Messages::new(stream)),
        Err(tungstenite::Error::Http(response)) => Err(WebSocketError::Refused(response.status().as_u16()).into()),
        Err(error) => Err(super::messages::why(error)),
    }
}

#[cfg(feature = "websocket-tls")]
impl From<TlsError> for SignalingError {
    fn from(error: TlsError) -> Self {
        Self::WebSocket(match error {
            TlsError::Roots => WebSocketError::Roots,
            TlsError::Handshake(error) => WebSocketError::Tls(error),
        })
    }
}

/// Listens for the first who opens one. Nobody who does not get there is in the way of who does.
pub async fn accept(address: (&str, u16), origins: &[String]) -> Result<Messages, SignalingError> {
    let listener = TcpListener::bind(address).await?;
    let mut strangers = JoinSet::new();
    loop {
        tokio::select! {
            stream = listener.accept(), if strangers.len() < MOST_STRANGERS => {
                let opened = meet(stream?.0, origins.to_vec());
                strangers.spawn(timeout(PATIENCE, opened));
            }
            Some(met) = strangers.join_next() => match met {
                Ok(Ok(Ok(stream))) => return Ok(Messages::new(stream)),
                Ok(Ok(Err(error))) => tracing::debug!(%error, "a stranger opened no WebSocket"),
                Ok(Err(_)) => tracing::debug!("a stranger was too slow to open a WebSocket"),
                Err(error) => tracing::warn!(%error, "a stranger was given up"),
            },
        }
    }
}

type Stream = WebSocketStream<Box<dyn Carrier>>;

async fn meet(stream: TcpStream, origins: Vec<String>) -> Result<Stream, tungstenite::Error> {
    #[expect(clippy::result_large_err, reason = "the crate wants it so, once for each who comes")]
    let check = move |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        if may_come(request.headers(), &origins) {
            return Ok(response);
        }
        let mut refusal = ErrorResponse::new(None);
        *refusal.status_mut() = StatusCode::FORBIDDEN;
        Err(refusal)
    };
    accept_hdr_async_with_config(Box::new(stream) as Box<dyn Carrier>, check, Some(config())).await
}

/// Programs, which name no origin, and pages of these origins.
fn may_come(headers: &HeaderMap, origins: &[String]) -> bool {
    headers
        .get_all(header::ORIGIN)
        .iter()
        .all(|origin| origins.iter().any(|known| known.as_bytes() == origin.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_names_an_origin_has_to_be_known() {
        let known = ["https://example.org".to_owned(), "http://127.0.0.1:8000".to_owned()];
        let may = |origins: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for origin in origins {
                headers.append(header::ORIGIN, origin.parse().unwrap());
            }
            may_come(&headers, &known)
        };
        assert!(may(&[]) && may(&["https://example.org"]) && may(&["http://127.0.0.1:8000"]));
        for strange in
            ["null", "http://example.org", "https://example.org:8443", "https://example.org.evil.example", ""]
        {
            assert!(!may(&[strange]), "{strange}");
        }
        assert!(!may(&["https://example.org", "https://evil.example"]), "each that is named");
    }
}
