//! How connections are opened: from any port, or from one that takes them too.

use super::listener::bind_shared;
use crate::engine::FarEnd;
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
    match socket.connect(remote).await {
        // The system has such a connection already. The peer's SYN was here first, so that the port that listens gives it in a moment;
        // or it is one that was closed, which the peer may still begin anew. Whoever waits for this one gives up after some time.
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable && to == FarEnd::Peer => {
            std::future::pending().await
        }
        opened => opened,
    }
}
