//! How connections are opened: from any port, or from one that takes them too.

use super::listener::bind_shared;
use crate::engine::FarEnd;
use socket2::SockRef;
use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::net::{TcpSocket, TcpStream};

/// From any port.
pub(in crate::driver) async fn connect(from: IpAddr, remote: SocketAddr) -> io::Result<TcpStream> {
    let socket = if remote.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.bind(SocketAddr::new(from, 0))?;
    socket.set_nodelay(true)?;
    socket.connect(remote).await
}

/// From this port, or any where it is 0.
pub(super) async fn open(from: SocketAddr, remote: SocketAddr, to: FarEnd) -> io::Result<TcpStream> {
    if from.port() == 0 {
        return connect(from.ip(), remote).await;
    }
    let socket = TcpSocket::from_std_stream(bind_shared(from)?.into());
    socket.set_nodelay(true)?;
    // Who gives it up before it is there leaves nothing behind that would be in the way of the next one.
    let _ = socket.set_zero_linger();
    match socket.connect(remote).await {
        Ok(stream) => {
            SockRef::from(&stream).set_linger(None)?;
            Ok(stream)
        }
        // The system has such a connection already. The peer's SYN was here first, so that the port that listens gives it in a moment;
        // or it is one that was closed, which the peer may still begin anew. Whoever waits for this one gives up after some time.
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable && to == FarEnd::Peer => {
            std::future::pending().await
        }
        Err(error) => Err(error),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::listener::Listener;
    use super::*;
    use std::future::{Future, poll_fn};
    use std::net::Ipv4Addr;
    use std::pin::pin;
    use std::task::Poll;
    use tokio::net::TcpListener;

    async fn is_waiting(from: SocketAddr, remote: SocketAddr, to: FarEnd) -> bool {
        let mut opening = pin!(open(from, remote, to));
        poll_fn(|cx| Poll::Ready(opening.as_mut().poll(cx).is_pending())).await
    }

    /// Guards what is done where the peer's SYN was here first: the connection is waited for that comes in. None comes from a server.
    #[tokio::test]
    async fn a_connection_that_is_there_is_not_refused() {
        let ours = Listener::bind_own(0, Ipv4Addr::LOCALHOST.into()).expect("a free port");
        let theirs = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let remote = theirs.local_addr().expect("it has one");
        let first = open(ours.address, remote, FarEnd::Peer).await.expect("it listens");
        assert_eq!(first.local_addr().expect("it has one"), ours.address);
        assert!(is_waiting(ours.address, remote, FarEnd::Peer).await);
        assert!(!is_waiting(ours.address, remote, FarEnd::StunServer).await);
    }
}
