//! Requests over the network: HTTP/1.1, with TLS where the URL says so, a connection each.

use super::request::Request;
use super::response::Response;
use crate::signaling::reach;
use crate::tls::{TlsError, Trust};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONNECTION, HOST, HeaderValue};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::error::Error;
use std::io;
use std::time::Duration;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The longest body that is read, in bytes.
const MAX_BODY: usize = 1 << 20;
/// The longest head of a response that is read, in bytes.
const MAX_HEAD: usize = 64 << 10;
/// The most fields that it may have.
const MAX_FIELDS: usize = 100;

/// Why a server could not be asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HttpError {
    /// It cannot be reached.
    #[error("the server cannot be reached")]
    Connect(#[source] io::Error),
    /// There is no certificate to trust.
    #[error("there are no certificates to trust")]
    Roots,
    /// It does not show a certificate that is trusted, or there is no way to encrypt that both sides know.
    #[error("no TLS with the server")]
    Tls(#[source] io::Error),
    /// The connection broke, or what the server says is no HTTP, or has too many or too long fields.
    #[error("no response from the server")]
    Protocol(#[source] Box<dyn Error + Send + Sync>),
    /// The body of the response has more bytes than this.
    #[error("a response of more than {0} bytes")]
    TooLong(usize),
    /// It takes longer than [`Client::with_timeout`](super::Client::with_timeout) allows.
    #[error("no response within {0:?}")]
    TimedOut(Duration),
}

impl From<hyper::Error> for HttpError {
    fn from(error: hyper::Error) -> Self {
        Self::Protocol(error.into())
    }
}

impl From<TlsError> for HttpError {
    fn from(error: TlsError) -> Self {
        match error {
            TlsError::Roots => Self::Roots,
            TlsError::Handshake(error) => Self::Tls(error),
        }
    }
}

/// Sends a request, with what it shows of this side, and waits for the response.
pub(super) async fn send(
    request: &Request,
    authorization: Option<&HeaderValue>,
    trust: &Trust,
    limit: Duration,
) -> Result<Response, HttpError> {
    let response = async {
        let stream = reach::connect(&request.url).await.map_err(HttpError::Connect)?;
        match request.url.scheme() {
            "https" => {
                let host = request.url.host_str().unwrap_or_default();
                exchange(trust.connect(host, stream).await?, request, authorization).await
            }
            _ => exchange(stream, request, authorization).await,
        }
    };
    timeout(limit, response).await.unwrap_or(Err(HttpError::TimedOut(limit)))
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: &Request,
    authorization: Option<&HeaderValue>,
) -> Result<Response, HttpError> {
    let mut builder = http1::Builder::new();
    builder.max_headers(MAX_FIELDS).max_header_size(MAX_HEAD);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    // It ends with this future.
    let mut connections = JoinSet::new();
    connections.spawn(connection);
    let response = sender.send_request(to_http(request, authorization)?).await?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, MAX_BODY).collect().await.map_err(|error| match error.is::<LengthLimitError>() {
        true => HttpError::TooLong(MAX_BODY),
        false => HttpError::Protocol(error),
    })?;
    Ok(Response { status: head.status, headers: head.headers, body: body.to_bytes() })
}

/// The request as it stands on the wire.
fn to_http(request: &Request, authorization: Option<&HeaderValue>) -> Result<http::Request<Full<Bytes>>, HttpError> {
    let protocol = |error: http::Error| HttpError::Protocol(error.into());
    let url = &request.url;
    // Host and port, but the port that the scheme implies.
    let host = url.host_str().unwrap_or_default();
    let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let mut wire = http::Request::builder()
        .method(request.method.clone())
        .uri(target)
        .header(HOST, host)
        .header(CONNECTION, "close")
        .body(Full::new(Bytes::from(request.body.clone())))
        .map_err(protocol)?;
    wire.headers_mut().extend(request.headers.clone());
    if let Some(authorization) = authorization {
        wire.headers_mut().insert(AUTHORIZATION, authorization.clone());
    }
    Ok(wire)
}

#[cfg(test)]
mod tests {
    use super::super::target;
    use super::*;

    fn wire(url: &str, authorization: Option<&HeaderValue>) -> http::Request<Full<Bytes>> {
        let url = target::read(url, None).expect("a URL of a test");
        to_http(&Request::begin(&url, "v=0".to_owned()), authorization).expect("it can be asked")
    }

    #[test]
    fn a_request_names_host_and_path_as_http_does() {
        for (url, host, path) in [
            ("https://whip.example", "whip.example", "/"),
            ("https://whip.example:443/in?key=a%20b", "whip.example", "/in?key=a%20b"),
            ("http://[::1]:8080/in|1", "[::1]:8080", "/in|1"),
            ("http://b\u{fc}cher.example/\u{fc}", "xn--bcher-kva.example", "/%C3%BC"),
        ] {
            let request = wire(url, None);
            assert_eq!(
                (&request.headers()[HOST], request.uri().to_string().as_str()),
                (&HeaderValue::from_str(host).unwrap(), path)
            );
            assert!(!request.headers().contains_key(AUTHORIZATION));
        }
        let token = HeaderValue::from_static("Bearer t");
        assert_eq!(wire("https://whip.example", Some(&token)).headers()[AUTHORIZATION], "Bearer t");
    }
}
