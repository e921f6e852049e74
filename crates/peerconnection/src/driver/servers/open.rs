//! How a stream to a server comes about: a TCP connection, and TLS on it; and whom to trust, over DTLS too.

use crate::driver::tcp::{connect, reason};
use crate::engine::TurnLink;
use ortica_dtls::{ChainError, ServerIdentity};
use ortica_ice::{CertificateFault, ConnectionError, TurnTransport};
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// What bytes go through.
pub(super) trait Io: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Io for T {}

/// A stream on its way: it, and where this end is.
pub(super) type Opening = Pin<Box<dyn Future<Output = Result<(Pin<Box<dyn Io>>, SocketAddr), ConnectionError>> + Send>>;

/// Whom to trust over TLS and DTLS.
#[cfg(feature = "turn-tls")]
pub(crate) type Trust = crate::tls::Trust;

/// Whom to trust over TLS, which is not spoken.
#[cfg(not(feature = "turn-tls"))]
#[derive(Debug, Default)]
pub(crate) struct Trust;

/// Who the server is to be that is called `name`, for DTLS.
#[cfg(feature = "turn-tls")]
pub(in crate::driver) fn identity(trust: &Trust, name: &str) -> Result<ServerIdentity, ConnectionError> {
    trust.identity(name).map_err(|error| {
        tracing::debug!(%error, "no DTLS to a TURN server");
        ConnectionError::Untrusted
    })
}

#[cfg(not(feature = "turn-tls"))]
pub(in crate::driver) fn identity(_: &Trust, _: &str) -> Result<ServerIdentity, ConnectionError> {
    Err(ConnectionError::NotSpoken)
}

/// What is wrong with a certificate.
pub(super) fn fault_of(error: ChainError) -> CertificateFault {
    match error {
        ChainError::WrongName => CertificateFault::WrongName,
        ChainError::UnknownIssuer => CertificateFault::UnknownIssuer,
        ChainError::NotValidNow => CertificateFault::NotValidNow,
        ChainError::Revoked => CertificateFault::Revoked,
        _ => CertificateFault::Unacceptable,
    }
}

/// Opens one.
pub(super) fn open(from: IpAddr, server: TurnLink, trust: Arc<Trust>) -> Opening {
    Box::pin(async move {
        let is_secure = server.transport == TurnTransport::Tls;
        if is_secure && cfg!(not(feature = "turn-tls")) {
            return Err(ConnectionError::NotSpoken);
        }
        let stream = connect(from, server.remote).await.map_err(|error| reason(&error))?;
        let local = stream.local_addr().map_err(|error| reason(&error))?;
        let io = match is_secure {
            true => secure(stream, &server.name, &trust).await?,
            false => Box::pin(stream) as Pin<Box<dyn Io>>,
        };
        Ok((io, local))
    })
}

#[cfg(feature = "turn-tls")]
async fn secure(stream: TcpStream, name: &str, trust: &Trust) -> Result<Pin<Box<dyn Io>>, ConnectionError> {
    let secured = trust.connect(name, stream).await.map_err(|error| {
        tracing::debug!(%error, "no TLS to a TURN server");
        error.chain().map_or(ConnectionError::Untrusted, |error| ConnectionError::Certificate(fault_of(error)))
    })?;
    Ok(Box::pin(secured))
}

#[cfg(not(feature = "turn-tls"))]
async fn secure(_: TcpStream, _: &str, _: &Trust) -> Result<Pin<Box<dyn Io>>, ConnectionError> {
    Err(ConnectionError::NotSpoken)
}
