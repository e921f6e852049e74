//! Where a STUN server sees this host over a stream.

use crate::tls::{TlsError, Trust};
use ortica_core::Rng;
use ortica_ice::stun::{Class, Message, MessageBuilder, Method, TransactionId};
use ortica_ice::turn::framing::StreamReader;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long an answer may take, the connection and its encryption included.
///
/// Source: [RFC 8489 §6.2.2](https://www.rfc-editor.org/rfc/rfc8489#section-6.2.2)
const TIMEOUT: Duration = Duration::from_millis(39_500);

/// Why it is not known where a server sees this host.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StunStreamError {
    /// There is no connection, or it ended.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// There is nobody to trust.
    #[error("there are no certificates to trust")]
    Roots,
    /// The server is not who it is to be, or speaks no TLS.
    #[error("TLS failed: {0}")]
    Tls(#[source] io::Error),
    /// What it says is no STUN.
    #[error("the server does not speak STUN")]
    NotStun,
    /// It does not answer in 39.5 s.
    #[error("the server does not answer")]
    Timeout,
    /// It refuses.
    #[error("the server refuses with {code}: {reason}")]
    Refused {
        /// The code, 300 to 699.
        code: u16,
        /// What it says to that.
        reason: String,
    },
}

/// The two ends of a connection's way to a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StreamMapping {
    /// Where this host has it.
    pub local: SocketAddr,
    /// Where the server sees it: the same without a NAT on the way.
    pub mapped: SocketAddr,
}

/// Asks a STUN server over TCP where it sees this host. What it says is true of that connection alone, which is closed then: candidates
/// of UDP are not to be had so.
///
/// Source: [RFC 8489 §6.2.2](https://www.rfc-editor.org/rfc/rfc8489#section-6.2.2)
///
/// # Errors
/// When there is no way to the server, or it does not answer as STUN servers do.
pub async fn stun_over_tcp(server: SocketAddr) -> Result<StreamMapping, StunStreamError> {
    let exchange = async {
        let stream = TcpStream::connect(server).await?;
        Ok(StreamMapping { local: stream.local_addr()?, mapped: ask(stream).await? })
    };
    timeout(TIMEOUT, exchange).await.unwrap_or(Err(StunStreamError::Timeout))
}

/// The same over TLS, as `stuns:` URLs mean it. The server's certificate has to be for `host`, a name or an address, and vouched for by
/// one of `roots`, in DER; without any by one of those that the system trusts.
///
/// Source: [RFC 8489 §6.2.3](https://www.rfc-editor.org/rfc/rfc8489#section-6.2.3)
///
/// # Errors
/// The same, and when the server is not who it is to be.
pub async fn stun_over_tls(
    server: SocketAddr,
    host: &str,
    roots: Vec<Vec<u8>>,
) -> Result<StreamMapping, StunStreamError> {
    let exchange = async {
        let stream = TcpStream::connect(server).await?;
        let local = stream.local_addr()?;
        let secured = Trust::in_roots(roots).connect(host, stream).await.map_err(|error| match error {
            TlsError::Roots => StunStreamError::Roots,
            TlsError::Handshake(error) => StunStreamError::Tls(error),
        })?;
        Ok(StreamMapping { local, mapped: ask(secured).await? })
    };
    timeout(TIMEOUT, exchange).await.unwrap_or(Err(StunStreamError::Timeout))
}

/// Asks once, for nothing gets lost, and closes the stream.
async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<SocketAddr, StunStreamError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(io::Error::other)?;
    let id = TransactionId::generate(&mut Rng::from_seed(seed));
    let mut request = Vec::new();
    MessageBuilder::new(&mut request, Class::Request, Method::BINDING, id);
    stream.write_all(&request).await?;
    stream.flush().await?;
    let mut reader = StreamReader::default();
    loop {
        match stream.read(reader.room()).await? {
            0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            len => reader.filled(len),
        }
        while let Some(packet) = reader.next_packet().map_err(|_| StunStreamError::NotStun)? {
            if let Some(answer) = answer(packet, id) {
                // It was answered, however the connection ends.
                let _ = stream.shutdown().await;
                return answer;
            }
        }
    }
}

/// What a message says to the request, if it is an answer to it.
fn answer(packet: &[u8], id: TransactionId) -> Option<Result<SocketAddr, StunStreamError>> {
    let message = Message::parse(packet).ok()?;
    if (message.method(), message.transaction()) != (Method::BINDING, id) {
        return None;
    }
    let mapped = || message.xor_mapped_address().ok()?.or_else(|| message.mapped_address().ok()?);
    Some(match (message.class(), message.error_code()) {
        (Class::Success, _) if message.unknown_attributes().next().is_none() => {
            mapped().ok_or(StunStreamError::NotStun)
        }
        (Class::Error, Ok(Some(error))) => {
            Err(StunStreamError::Refused { code: error.code, reason: error.reason.to_owned() })
        }
        (Class::Success | Class::Error, _) => Err(StunStreamError::NotStun),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ortica_ice::stun::ErrorCode;
    use tokio::net::TcpListener;

    /// What comes of a server that says this to a request, and closes the connection.
    async fn told(say: impl FnOnce(TransactionId) -> Vec<u8>) -> Result<StreamMapping, StunStreamError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let serve = async {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut request = [0; 20];
            stream.read_exact(&mut request).await.expect("a request");
            let request = Message::parse(&request).expect("a request");
            assert_eq!((request.class(), request.method()), (Class::Request, Method::BINDING));
            stream.write_all(&say(request.transaction())).await.expect("it can be answered");
        };
        tokio::join!(stun_over_tcp(address), serve).0
    }

    fn success(id: TransactionId, seen: &str) -> Vec<u8> {
        let mut out = Vec::new();
        MessageBuilder::new(&mut out, Class::Success, Method::BINDING, id)
            .xor_mapped_address(seen.parse().expect("an address"));
        out
    }

    /// Guards the transaction: what answers nothing is passed over.
    #[tokio::test]
    async fn the_answer_to_the_request_is_taken() {
        let other = |id: TransactionId| {
            let mut other = id;
            other.0[0] ^= 1;
            other
        };
        let mapping = told(|id| [success(other(id), "192.0.2.1:1"), success(id, "203.0.113.7:7")].concat()).await;
        let mapping = mapping.expect("it answered");
        assert_eq!(mapping.mapped.to_string(), "203.0.113.7:7");
        assert!(mapping.local.ip().is_loopback());
        let closed = told(|id| success(other(id), "192.0.2.1:1")).await;
        assert!(
            matches!(&closed, Err(StunStreamError::Io(error)) if error.kind() == io::ErrorKind::UnexpectedEof),
            "{closed:?}"
        );
    }

    /// Guards what is said of a server that does not help.
    #[tokio::test]
    async fn a_server_that_does_not_help_is_told_by_its_fault() {
        let refused = told(|id| {
            let mut out = Vec::new();
            MessageBuilder::new(&mut out, Class::Error, Method::BINDING, id)
                .error_code(ErrorCode { code: 403, reason: "not for you" });
            out
        });
        let Err(StunStreamError::Refused { code: 403, reason }) = refused.await else { panic!("not refused") };
        assert_eq!(reason, "not for you");
        assert!(matches!(told(|_| b"SSH-2.0".to_vec()).await, Err(StunStreamError::NotStun)));
        let without = told(|id| {
            let mut out = Vec::new();
            MessageBuilder::new(&mut out, Class::Success, Method::BINDING, id);
            out
        });
        assert!(matches!(without.await, Err(StunStreamError::NotStun)));
    }

    /// Guards the deadline: the clock goes on as soon as nothing else does.
    #[tokio::test(start_paused = true)]
    async fn a_silent_server_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let silent = stun_over_tcp(listener.local_addr().expect("it is bound")).await;
        assert!(matches!(silent, Err(StunStreamError::Timeout)), "{silent:?}");
    }
}
